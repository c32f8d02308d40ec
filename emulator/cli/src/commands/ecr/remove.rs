//! `ecr rm`: repositories, and images by tag or digest.

use wire::ecr::{DeleteRepositoryRequest, DeletedImagesAnswer, ImageIdentifier, ImagesRequest, RepositoryAnswer};
use wire::local::Failure;

use super::Registry;
use crate::args::ecr::Rm;
use crate::end::Outcome;
use crate::print::Printer;
use crate::settings::Settings;

/// Removes them one after the other, until one cannot be.
pub(super) async fn run(registry: &Registry, args: &Rm, settings: &Settings, printer: &mut Printer) -> Outcome {
    let mut removed = Vec::new();
    for target in &args.targets {
        match image(target) {
            Some((repository, id)) => {
                let request = ImagesRequest { repository_name: repository, image_ids: vec![id], ..ImagesRequest::default() };
                let answer: DeletedImagesAnswer = registry.ask("BatchDeleteImage", &request).await?;
                if let Some(failure) = answer.failures.first() {
                    let hint = "`ecslocal ecr images` lists what there is";
                    return Err(Failure::input(format!("{target}: {} ({})", failure.failure_reason, failure.failure_code)).hint(hint).into());
                }
            }
            None => {
                let request = DeleteRepositoryRequest { repository_name: target.clone(), force: args.force, registry_id: None };
                let _: RepositoryAnswer = registry.ask("DeleteRepository", &request).await?;
            }
        }
        printer.talk(&format!("removed {target}"))?;
        removed.push(target);
    }
    if settings.json { Ok(printer.json(&serde_json::json!({ "removed": removed }))?) } else { Ok(()) }
}

/// The repository and the image that `users:v1` or `users@sha256:…` means; `None` of a repository alone.
fn image(target: &str) -> Option<(String, ImageIdentifier)> {
    if let Some((repository, digest)) = target.split_once('@') {
        return Some((repository.into(), ImageIdentifier { image_digest: Some(digest.into()), image_tag: None }));
    }
    let (repository, tag) = target.split_once(':')?;
    Some((repository.into(), ImageIdentifier { image_digest: None, image_tag: Some(tag.into()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_is_named_as_docker_does() {
        assert_eq!(image("team/users"), None);
        let (repository, id) = image("team/users:v1").unwrap();
        assert_eq!((repository.as_str(), id.image_tag.as_deref(), id.image_digest), ("team/users", Some("v1"), None));
        let (repository, id) = image("users@sha256:00").unwrap();
        assert_eq!((repository.as_str(), id.image_digest.as_deref()), ("users", Some("sha256:00")));
    }
}
