//! Another place for images than this machine and the registries of the world: our own registry.

/// Knows images that are to be had without leaving this machine. An engine asks it for what it does not have itself.
pub trait ImageSource: Send + Sync + 'static {
    /// Where the engine can pull the image of that name, if it is there.
    fn find(&self, reference: &str) -> Option<SourcedImage>;
}

/// An image in a registry of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcedImage {
    /// By digest, so that what the engine has of an earlier pull is the same or not asked for.
    pub reference: String,
    /// Of the registry.
    pub user: String,
    /// Of the user.
    pub password: String,
}
