//! Who asks for an operation, and whether that may be.

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Caller {
    /// This machine's user, who may do everything.
    Root,
}

/// Why an operation is refused, in AWS's words. Each service has a code for it: `AccessDeniedException`, or `AccessDenied`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Denied(pub(in super::super) String);

impl Caller {
    /// Whether it is this machine's user.
    pub(in super::super) const fn is_root(&self) -> bool {
        matches!(self, Self::Root)
    }

    /// Whether the caller may do `action`, as `ecr:DescribeRepositories`, to `resource`: an ARN, or `*` where the action has none.
    ///
    /// # Errors
    /// It may not.
    pub(in super::super) fn authorise(&self, action: &str, resource: &str) -> Result<(), Denied> {
        match self {
            Self::Root => {
                tracing::trace!(action, resource, "asked by this machine's user");
                Ok(())
            }
        }
    }
}
