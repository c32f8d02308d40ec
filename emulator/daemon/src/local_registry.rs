//! Our own registry as a source of images for the engine: what task definitions call
//! `<account>.dkr.ecr.<region>.amazonaws.com/<name>` is looked for here first, of whichever account and region.

use std::sync::Arc;

use engine::{Clock, ImageSource, SourcedImage};
use model::RepositoryName;
use registry::{Digest, Reference, Registry, Tag};
use wire::ecr::USER;

/// The registry, and how it is called in the names of images.
pub struct LocalRegistry {
    /// The registry.
    pub registry: Arc<Registry>,
    /// Its address, as in [`crate::server::registry_host`].
    pub host: String,
    /// For passwords.
    pub clock: Arc<dyn Clock>,
}

impl ImageSource for LocalRegistry {
    fn find(&self, reference: &str) -> Option<SourcedImage> {
        let (name, reference) = parse(reference, &self.host)?;
        let image = self.registry.store.image(&name, &reference).ok()?;
        let (password, _) = self.registry.tokens.password(self.clock.now());
        Some(SourcedImage { reference: format!("{}/{name}@{}", self.host, image.digest), user: USER.into(), password })
    }
}

/// What a reference names in the registry; `None` of another registry's.
fn parse(reference: &str, host: &str) -> Option<(RepositoryName, Reference)> {
    let (server, rest) = reference.split_once('/')?;
    if server != host && !is_ours(server, host) && !is_ecr(server) {
        return None;
    }
    if let Some((name, digest)) = rest.split_once('@') {
        // A tag in front of a digest says nothing that the digest does not.
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        return Some((RepositoryName::new(name).ok()?, Reference::Digest(Digest::parse(digest)?)));
    }
    let (name, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
    Some((RepositoryName::new(name).ok()?, Reference::Tag(Tag::parse(tag)?)))
}

/// `localhost:<our port>`
fn is_ours(server: &str, host: &str) -> bool {
    server.strip_prefix("localhost:").is_some_and(|port| host.rsplit_once(':').is_some_and(|(_, ours)| ours == port))
}

/// `<12 digits>.dkr.ecr.<region>.amazonaws.com`, or `.com.cn`
fn is_ecr(server: &str) -> bool {
    let labels = server.strip_suffix(".amazonaws.com").or_else(|| server.strip_suffix(".amazonaws.com.cn"));
    let Some((account, region)) = labels.and_then(|labels| labels.split_once(".dkr.ecr.")) else { return false };
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) && !region.is_empty() && !region.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ecr_and_of_ours_are_looked_for_here() {
        let digest = Digest::of(b"").to_string();
        let tag = |tag: &str| Some(tag.to_owned());
        for (reference, expected) in [
            ("123456789012.dkr.ecr.eu-central-1.amazonaws.com/users:v1", tag("users v1")),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/users", tag("team/users latest")),
            ("127.0.0.1:4566/users:v1", tag("users v1")),
            ("localhost:4566/users:v1", tag("users v1")),
            (&format!("127.0.0.1:4566/users:v1@{digest}"), Some(format!("users {digest}"))),
            ("users:v1", None),
            ("team/users:v1", None),
            ("127.0.0.1:5000/users:v1", None),
            ("localhost:5000/users:v1", None),
            ("12345.dkr.ecr.eu-central-1.amazonaws.com/users:v1", None),
            ("public.ecr.aws/nginx/nginx:1", None),
            ("123456789012.dkr.ecr.eu.x.amazonaws.com/users:v1", None),
            ("127.0.0.1:4566/users@sha256:short", None),
        ] {
            let found = parse(reference, "127.0.0.1:4566").map(|(name, reference)| format!("{name} {}", reference.as_str()));
            assert_eq!(found, expected, "{reference}");
        }
    }
}
