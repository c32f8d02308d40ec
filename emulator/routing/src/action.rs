//! Actions of rules, compiled (alb.md 3).

use std::sync::Arc;
use std::time::Duration;

use model::{Action, FixedResponse, Forward, TargetGroupName};

use crate::redirect::RedirectTable;
use crate::sticky::Kind;
use crate::{Given, GroupTable, RequestHead};

/// What happens to a request.
#[derive(Debug)]
pub(crate) enum ActionTable {
    Forward(ForwardTable),
    Redirect(RedirectTable),
    Fixed(FixedResponseTable),
}

impl ActionTable {
    pub(crate) fn new(action: &Action, group: impl Fn(&TargetGroupName) -> Option<Arc<GroupTable>>) -> Self {
        match action {
            Action::Forward(forward) => Self::Forward(ForwardTable::new(forward, group)),
            Action::Redirect(redirect) => Self::Redirect(RedirectTable::new(redirect)),
            Action::FixedResponse(fixed) => Self::Fixed(FixedResponseTable::new(fixed)),
        }
    }
}

/// Target groups, each with the sum of the weights up to it. The share of one of weight 0 is empty.
#[derive(Debug)]
pub(crate) struct ForwardTable {
    groups: Box<[(u64, Arc<GroupTable>)]>,
    total: u64,
    stickiness: Option<Duration>,
}

impl ForwardTable {
    fn new(forward: &Forward, group: impl Fn(&TargetGroupName) -> Option<Arc<GroupTable>>) -> Self {
        let mut total = 0;
        let mut groups = Vec::with_capacity(forward.target_groups.len());
        for entry in &forward.target_groups {
            if let Some(group) = group(&entry.target_group) {
                total += u64::from(entry.weight);
                groups.push((total, group));
            }
        }
        Self { groups: groups.into(), total, stickiness: forward.stickiness }
    }

    /// Whether clients come back to the group that they had.
    pub(crate) const fn is_sticky(&self) -> bool {
        self.stickiness.is_some()
    }

    /// What the access log says of a client's cookie that nobody sealed here (alb.md 7).
    pub(crate) fn cookie_error(&self, head: &RequestHead<'_>, given: Given<'_>) -> Option<&'static str> {
        (self.is_sticky() && given.cookies(head).is_forged(Kind::Group)).then_some("AWSALBTGCookieInvalid")
    }

    /// The group that the client had, of whatever weight, else the one whose share of all 64-bit numbers the random one lies in;
    /// health plays no part (alb.md 3). `None` if all weights are 0.
    pub(crate) fn choose(&self, head: &RequestHead<'_>, given: Given<'_>) -> Option<&GroupTable> {
        if let Some(duration) = self.stickiness
            && let Some(token) = given.cookies(head).token(Kind::Group, duration)
            && let Some((_, had)) = self.groups.iter().find(|(_, group)| group.fingerprint() == token.group)
        {
            return Some(had);
        }
        if let ([(_, only)], 1..) = (&*self.groups, self.total) {
            return Some(only);
        }
        let point = (u128::from(given.random) * u128::from(self.total)) >> 64;
        self.groups.iter().find(|(end, _)| point < u128::from(*end)).map(|(_, group)| &**group)
    }
}

/// An answer of the load balancer's own, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedResponseTable {
    /// 2XX, 4XX or 5XX.
    pub status: u16,
    /// The whole value of `Content-Type`, `; charset=utf-8` included.
    pub content_type: Box<str>,
    /// Empty where the action has none. Shared, so that sending it copies nothing.
    pub body: Arc<[u8]>,
}

impl FixedResponseTable {
    pub(crate) fn new(fixed: &FixedResponse) -> Self {
        let kind = fixed.content_type.as_deref().unwrap_or("text/plain");
        let body = fixed.body.as_deref().unwrap_or_default().as_bytes().into();
        Self { status: fixed.status, content_type: format!("{kind}; charset=utf-8").into(), body }
    }
}
