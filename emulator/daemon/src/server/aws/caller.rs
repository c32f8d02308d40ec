//! Who asks for an operation, and whether that may be.

use std::collections::BTreeMap;
use std::net::IpAddr;

use iam::{Mint, Principal, Refusal, SignedRequest};
use model::{Timestamp, World};

pub(in super::super) use iam::Denied;

/// By which door a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Door {
    /// The control endpoint on this machine's loopback. Whoever reaches it is this machine's user, unless it signs with credentials of a
    /// task's.
    Machine,
    /// The agent's address, from a task's own. Only a task's credentials count there.
    Task(Option<IpAddr>),
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Caller {
    principal: Principal,
    account: String,
    context: Vec<(String, String)>,
}

impl Caller {
    /// Whether a request is to be believed at all, before its body is read: what nobody's credentials were used for need not be.
    ///
    /// # Errors
    /// It is not signed with credentials of ours where that is needed.
    pub(super) fn admit(door: Door, request: &SignedRequest<'_>, mint: &Mint) -> Result<(), Refusal> {
        match (door, request.access_key_id()) {
            (Door::Machine, _) => Ok(()),
            (Door::Task(_), Some(id)) if mint.knows(id) => Ok(()),
            (Door::Task(_), Some(_)) => Err(Refusal::Unknown),
            (Door::Task(_), None) => Err(request.refusal()),
        }
    }

    /// Who asks. On this machine only who signs with a task's credentials is that task; whatever else somebody signs with is not looked at.
    ///
    /// # Errors
    /// The signature is not believed.
    pub(super) fn of(door: Door, request: &SignedRequest<'_>, (mint, world): (&Mint, &World), now: Timestamp) -> Result<Self, Refusal> {
        let ours = request.access_key_id().is_some_and(|id| mint.knows(id));
        let (principal, source) = match door {
            Door::Machine if !ours => (Principal::Root, None),
            Door::Machine => (Principal::of(request.verify(mint, now)?, world)?, None),
            Door::Task(source) => (Principal::of(request.verify(mint, now)?, world)?, source),
        };
        let context = principal.surroundings(now, source);
        Ok(Self { context, account: world.settings.account.clone(), principal })
    }

    /// Whether it is this machine's user.
    pub(in super::super) const fn is_root(&self) -> bool {
        self.principal.is_root()
    }

    /// Its ARN.
    pub(in super::super) fn arn(&self) -> String {
        self.principal.arn(&self.account)
    }

    /// What GetCallerIdentity calls its user id.
    pub(in super::super) fn user_id(&self) -> String {
        self.principal.user_id(&self.account)
    }

    /// Whether the caller may do `action`, as `ecr:DescribeRepositories`, to `resource`: an ARN, or `*` where the action has none.
    ///
    /// # Errors
    /// It may not.
    pub(in super::super) fn authorise(&self, action: &str, resource: &str) -> Result<(), Denied> {
        self.authorise_tagged(action, resource, Vec::new())
    }

    /// The same of a resource with tags, as conditions know them: `aws:ResourceTag/team`.
    ///
    /// # Errors
    /// It may not.
    /// The same for what has tags: `aws:ResourceTag/…`, and the service's own name of them.
    pub(in super::super) fn authorise_with_tags(&self, action: &str, resource: &str, tags: &BTreeMap<String, String>) -> Result<(), Denied> {
        let service = action.split(':').next().unwrap_or_default();
        let pairs = tags.iter().flat_map(|(key, value)| ["aws", service].map(|of| (format!("{of}:ResourceTag/{key}"), value.clone())));
        self.authorise_tagged(action, resource, pairs.collect())
    }

    pub(in super::super) fn authorise_tagged(&self, action: &str, resource: &str, tags: Vec<(String, String)>) -> Result<(), Denied> {
        let mut context = self.context.clone();
        context.extend(tags);
        self.principal.authorise(action, resource, context)
    }
}
