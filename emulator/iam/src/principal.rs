//! Who asks, and what that one may do.

use std::net::IpAddr;

use model::{PolicyDecision, PolicyRequest, RoleSpec, Timestamp, World};
use ring::digest;

use crate::credentials::base32;
use crate::{Refusal, Verified};

/// Who asks for an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// This machine's user, who may do everything.
    Root,
    /// Whoever has credentials of a role.
    Role {
        /// Whose they are.
        verified: Verified,
        /// What the role may do.
        spec: RoleSpec,
        /// `000000000000`
        account: String,
    },
}

/// Why an operation is refused, in AWS's words. Each service has a code for it: `AccessDeniedException`, or `AccessDenied`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Denied(pub String);

impl Principal {
    /// Whom a signature shows, as the World has the role now.
    ///
    /// # Errors
    /// The role is gone, or another one has its name.
    pub fn of(verified: Verified, world: &World) -> Result<Self, Refusal> {
        let role = world.roles.get(&verified.session.role).filter(|role| role.created_at == verified.session.role_since).ok_or(Refusal::Unknown)?;
        Ok(Self::Role { spec: role.spec.clone(), account: world.settings.account.clone(), verified })
    }

    /// Whether it is this machine's user.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        matches!(self, Self::Root)
    }

    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>`
    #[must_use]
    pub fn arn(&self, account: &str) -> String {
        match self {
            Self::Root => format!("arn:aws:iam::{account}:root"),
            Self::Role { verified, account, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{}/{}", verified.session.role, verified.session.name)
            }
        }
    }

    /// What GetCallerIdentity calls the user's id: `<role's id>:<session>`, or the account.
    #[must_use]
    pub fn user_id(&self, account: &str) -> String {
        match self {
            Self::Root => account.to_owned(),
            Self::Role { verified, .. } => format!("{}:{}", role_id(verified), verified.session.name),
        }
    }

    /// Whether it may do `action`, as `ecr:DescribeRepositories`, to `resource`: an ARN, or `*` where the action has none. `context` is
    /// what conditions may ask of the request and of the resource, besides who asks.
    ///
    /// # Errors
    /// It may not.
    pub fn authorise(&self, action: &str, resource: &str, mut context: Vec<(String, String)>) -> Result<(), Denied> {
        let Self::Role { verified, spec, account } = self else { return Ok(()) };
        let known = [
            ("aws:PrincipalType", "AssumedRole".to_owned()),
            ("aws:PrincipalAccount", account.clone()),
            ("aws:PrincipalArn", format!("arn:aws:iam::{account}:role/{}", verified.session.role)),
            ("aws:userid", self.user_id(account)),
            ("aws:TokenIssueTime", verified.session.issued_at.as_secs().to_string()),
        ];
        context.extend(known.map(|(key, value)| (key.to_owned(), value)));
        context.extend(spec.tags.iter().map(|(key, value)| (format!("aws:PrincipalTag/{key}"), value.clone())));
        let why = match spec.decide(&PolicyRequest::new(action, resource, &context)) {
            PolicyDecision::Allowed => return Ok(()),
            PolicyDecision::ExplicitDeny => "with an explicit deny in an identity-based policy".to_owned(),
            PolicyDecision::ImplicitDeny => format!("because no identity-based policy allows the {action} action"),
        };
        Err(Denied(format!("User: {} is not authorized to perform: {action} on resource: {resource} {why}", self.arn(account))))
    }

    /// What every request has, to begin the context with.
    #[must_use]
    pub fn surroundings(&self, now: Timestamp, source: Option<IpAddr>) -> Vec<(String, String)> {
        let region = if let Self::Role { verified, .. } = self { verified.region.as_str() } else { "" };
        PolicyRequest::surroundings(now, source, region)
    }
}

/// `AROA` and 17 letters and digits, of its own for each role that was ever made.
fn role_id(verified: &Verified) -> String {
    let text = format!("{}/{}", verified.session.role, verified.session.role_since.as_millis());
    let letters = base32(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..15]);
    format!("AROA{}", letters.get(..17).unwrap_or(&letters))
}
