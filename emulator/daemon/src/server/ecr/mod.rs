//! ECR's API, answered from the World (which repositories there are) and the registry (what is in them).

mod images;
mod layers;
mod policies;
mod repositories;
mod tags;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Response;
use model::{Change, LifecyclePolicy, Refused, Repository, RepositoryName, Timestamp};
use registry::{Image, Store, StoreError};
use wire::ecr::{AuthorizationAnswer, AuthorizationData, AuthorizationRequest, EcrError, Named, Operation, USER};

use super::answer::Body;
use super::aws::{self, Caller, Denied, done};
use super::{Context, changes};
use crate::keeper::Snapshot;
use crate::view::seconds;

/// What lifecycle policies would do, as somebody asked last: by repository the policy and what it would let go of.
pub type Previews = Mutex<BTreeMap<RepositoryName, (LifecyclePolicy, Vec<(Image, u32)>)>>;

/// What an operation is answered from.
struct Ecr {
    context: Arc<Context>,
    snapshot: Arc<Snapshot>,
    now: Timestamp,
}

type Answer = Result<Response<Body>, EcrError>;

/// Reads an operation, and answers it if the caller may ask it.
pub(super) async fn serve(context: Arc<Context>, caller: &Caller, name: &str, body: &[u8]) -> Response<Body> {
    let (snapshot, now) = (context.keeper.snapshot(), context.clock.now());
    let ecr = Ecr { context, snapshot, now };
    let answered = match Operation::read(name, body).and_then(|operation| ecr.authorise(caller, name, body).map(|()| operation)) {
        Ok(operation) => answer(ecr, operation).await,
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| {
        if let EcrError::Server(why) = &error {
            tracing::error!(operation = name, "{why}");
        }
        aws::failed(error.table().1, error.body())
    })
}

async fn answer(ecr: Ecr, operation: Operation) -> Answer {
    match operation {
        Operation::GetAuthorizationToken(asked) => ecr.authorize(&asked),
        Operation::CreateRepository(asked) => ecr.create_repository(asked).await,
        Operation::DescribeRepositories(asked) => ecr.describe_repositories(&asked),
        Operation::DeleteRepository(asked) => ecr.delete_repository(&asked).await,
        Operation::PutImageTagMutability(asked) => ecr.put_tag_mutability(asked).await,
        Operation::PutImageScanningConfiguration(asked) => ecr.put_scanning(&asked).await,
        Operation::SetRepositoryPolicy(asked) => ecr.set_repository_policy(&asked).await,
        Operation::GetRepositoryPolicy(asked) => ecr.repository_policy(&asked),
        Operation::DeleteRepositoryPolicy(asked) => ecr.delete_repository_policy(&asked).await,
        Operation::PutLifecyclePolicy(asked) => ecr.put_lifecycle_policy(&asked).await,
        Operation::GetLifecyclePolicy(asked) => ecr.lifecycle_policy(&asked),
        Operation::DeleteLifecyclePolicy(asked) => ecr.delete_lifecycle_policy(&asked).await,
        Operation::StartLifecyclePolicyPreview(asked) => ecr.start_preview(&asked),
        Operation::GetLifecyclePolicyPreview(asked) => ecr.preview(&asked),
        Operation::TagResource(asked) => ecr.tag(asked).await,
        Operation::UntagResource(asked) => ecr.untag(&asked).await,
        Operation::ListTagsForResource(asked) => ecr.tags(&asked),
        Operation::DescribeImages(asked) => ecr.describe_images(&asked),
        Operation::ListImages(asked) => ecr.list_images(&asked),
        Operation::BatchGetImage(asked) => ecr.get_images(&asked).await,
        Operation::BatchDeleteImage(asked) => ecr.delete_images(&asked).await,
        Operation::PutImage(asked) => ecr.put_image(asked).await,
        Operation::BatchCheckLayerAvailability(asked) => ecr.check_layers(&asked),
        Operation::InitiateLayerUpload(asked) => ecr.begin_layer(&asked).await,
        Operation::UploadLayerPart(asked) => ecr.upload_layer_part(asked).await,
        Operation::CompleteLayerUpload(asked) => ecr.complete_layer(&asked).await,
        Operation::GetDownloadUrlForLayer(asked) => ecr.download_url(&asked),
    }
}

impl Ecr {
    /// Asks for each repository that the operation names; for all of them where it lists those that there are.
    fn authorise(&self, caller: &Caller, operation: &str, body: &[u8]) -> Result<(), EcrError> {
        if caller.is_root() {
            return Ok(());
        }
        let model::world::Settings { account, region, .. } = &self.snapshot.world.settings;
        let action = format!("ecr:{operation}");
        if operation == "GetAuthorizationToken" {
            return caller.authorise(&action, "*").map_err(|Denied(why)| EcrError::AccessDenied(why));
        }
        let named = Named::read(body);
        let prefix = format!("arn:aws:ecr:{region}:{account}:repository/");
        let arn = |name: &str| format!("{prefix}{name}");
        let mut resources: Vec<String> = named.repository_names.iter().flatten().chain(&named.repository_name).map(|name| arn(name)).collect();
        resources.extend(named.resource_arn);
        if resources.is_empty() {
            resources.push(arn("*"));
        }
        let tags = |resource: &str| {
            let name = resource.strip_prefix(&prefix).and_then(|name| RepositoryName::new(name).ok());
            name.and_then(|name| self.snapshot.world.repositories.get(&name)).map(|found| found.spec.tags.clone()).unwrap_or_default()
        };
        let ask = |resource: &String| caller.authorise_with_tags(&action, resource, &tags(resource));
        resources.iter().try_for_each(ask).map_err(|Denied(why)| EcrError::AccessDenied(why))
    }

    fn authorize(&self, asked: &AuthorizationRequest) -> Answer {
        let count = asked.registry_ids.as_ref().map_or(1, |ids| ids.len().max(1));
        let (password, end) = self.context.registry.tokens.password(self.now);
        let data = AuthorizationData {
            authorization_token: STANDARD.encode(format!("{USER}:{password}")),
            expires_at: seconds(end),
            proxy_endpoint: format!("http://{}", self.context.registry_host()),
        };
        Ok(done(&AuthorizationAnswer { authorization_data: vec![data; count] }))
    }

    fn account(&self) -> String {
        self.snapshot.world.settings.account.clone()
    }

    fn store(&self) -> &Arc<Store> {
        &self.context.registry.store
    }

    /// A repository of the one registry that there is.
    fn repository(&self, registry: Option<&str>, name: &str) -> Result<(RepositoryName, &Repository), EcrError> {
        let account = self.account();
        let unknown = || EcrError::RepositoryNotFound { name: name.to_owned(), registry: registry.unwrap_or(&account).to_owned() };
        let parsed = parse_name(name)?;
        if registry.is_some_and(|registry| registry != account) {
            return Err(unknown());
        }
        let found = self.snapshot.world.repositories.get(&parsed).ok_or_else(unknown)?;
        Ok((parsed, found))
    }

    /// Makes changes, and gives a World that shows them.
    async fn change(&self, name: &RepositoryName, change: Change) -> Result<Arc<Snapshot>, EcrError> {
        let (name, registry) = (name.to_string(), self.account());
        let applied = self.context.keeper.change(vec![change]).await;
        match applied {
            Some(Err(Refused::NotFound { .. })) => Err(EcrError::RepositoryNotFound { name, registry }),
            Some(Err(Refused::Exists { .. })) => Err(EcrError::RepositoryAlreadyExists { name, registry }),
            Some(Err(Refused::Invalid(_))) => Err(EcrError::TooManyTags),
            other => match changes::done(other) {
                Ok(()) => Ok(self.context.keeper.snapshot()),
                Err(failure) => Err(EcrError::Server(failure.message)),
            },
        }
    }

    /// Changes a repository's settings.
    async fn modify(&self, name: &RepositoryName, repository: &Repository, modify: impl FnOnce(&mut model::RepositorySpec)) -> Result<(), EcrError> {
        let mut spec = repository.spec.clone();
        modify(&mut spec);
        self.change(name, Change::ModifyRepository { name: name.clone(), owner: None, spec: Box::new(spec) }).await.map(|_| ())
    }

    /// What is answered for an error of the store that has no code of its own.
    fn store_error(&self, name: &RepositoryName, error: StoreError) -> EcrError {
        let (name, registry) = (name.to_string(), self.account());
        match error {
            StoreError::UploadUnknown(id) => EcrError::UploadNotFound { id, name, registry },
            StoreError::UploadBusy(_) => EcrError::InvalidParameter { member: "uploadId".into(), why: error.to_string() },
            StoreError::ManifestInvalid(why) => EcrError::InvalidParameter { member: "imageManifest".into(), why },
            StoreError::BlobsMissing(digests) => EcrError::LayersNotFound { digests: list(&digests), name, registry },
            StoreError::ImagesMissing(digests) => EcrError::ReferencedImagesNotFound { digests: list(&digests), name, registry },
            StoreError::TagImmutable { tag, .. } => EcrError::ImageTagAlreadyExists { tag, name },
            StoreError::DigestMismatch { expected, actual } => {
                EcrError::ImageDigestDoesNotMatch { expected: expected.to_string(), actual: actual.to_string() }
            }
            StoreError::NotEmpty => EcrError::RepositoryNotEmpty { name, registry },
            StoreError::BlobUnknown(_)
            | StoreError::ManifestUnknown(_)
            | StoreError::OutOfOrder { .. }
            | StoreError::Referenced { .. }
            | StoreError::Io(_) => EcrError::Server(error.to_string()),
        }
    }

    /// Runs what waits for the disk where that holds up nobody.
    async fn on_disk<T, F>(&self, name: &RepositoryName, work: F) -> Result<T, EcrError>
    where
        T: Send + 'static,
        F: FnOnce(&Arc<Store>) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.store().clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => result.map_err(|error| self.store_error(name, error)),
            Err(error) => Err(EcrError::Server(error.to_string())),
        }
    }
}

fn list(digests: &[registry::Digest]) -> String {
    digests.iter().map(registry::Digest::as_str).collect::<Vec<_>>().join(", ")
}

fn parse_name(name: &str) -> Result<RepositoryName, EcrError> {
    RepositoryName::new(name).map_err(|error| invalid("repositoryName", error.to_string()))
}

fn invalid(member: &str, why: impl Into<String>) -> EcrError {
    EcrError::InvalidParameter { member: member.to_owned(), why: why.into() }
}

/// One page of a list that is sorted by key, and the token of the next: the last key of this one.
fn page<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    after: Option<&str>,
    most: Option<usize>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), EcrError> {
    let most = most.unwrap_or(limit.min(100));
    if !(1..=limit).contains(&most) {
        return Err(invalid("maxResults", format!("must be from 1 to {limit}")));
    }
    let decoded = after.map(|token| STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
    let after = match decoded {
        Some(None) => return Err(invalid("nextToken", "it is none of ours")),
        Some(after) => after,
        None => None,
    };
    let mut rest = items.into_iter().filter(|item| after.as_ref().is_none_or(|after| key(item) > *after));
    let page: Vec<T> = rest.by_ref().take(most).collect();
    let next = rest.next().and(page.last()).map(|last| STANDARD.encode(key(last)));
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_paged_by_its_keys() {
        let items = || vec!["a".to_owned(), "b".into(), "c".into()];
        let (first, next) = page(items(), String::clone, None, Some(2), 1000).unwrap();
        assert_eq!(first, ["a", "b"]);
        let (second, end) = page(items(), String::clone, next.as_deref(), Some(2), 1000).unwrap();
        assert_eq!((second, end), (vec!["c".to_owned()], None));
        assert_eq!(page(items(), String::clone, None, None, 1000).unwrap().1, None);
        assert!(page(items(), String::clone, Some("!"), None, 1000).is_err());
        assert!(page(items(), String::clone, None, Some(0), 1000).is_err());
        assert!(page(items(), String::clone, None, Some(1001), 1000).is_err());
    }
}
