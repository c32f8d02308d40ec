//! Repositories.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use model::{Change, Repository, RepositoryName, RepositorySpec, TagMutability, TagRule};
use wire::ecr::{
    CreateRepositoryRequest, DeleteRepositoryRequest, DescribeRepositoriesAnswer, DescribeRepositoriesRequest, EcrError, EncryptionConfiguration,
    ExclusionFilter, RepositoryAnswer, RepositoryBody, ScanningAnswer, ScanningConfiguration, ScanningRequest, TagMutabilityAnswer,
    TagMutabilityRequest,
};

use super::super::aws::done;
use super::{Answer, Ecr, invalid, page, parse_name, tags};
use crate::view::seconds;

impl Ecr {
    pub(super) async fn create_repository(&self, asked: CreateRepositoryRequest) -> Answer {
        let name = parse_name(&asked.repository_name)?;
        if let Some(other) = asked.registry_id.filter(|id| *id != self.account()) {
            return Err(invalid("registryId", format!("the registry here is {}, not {other}", self.account())));
        }
        if let Some(encryption) = asked.encryption_configuration.filter(|encryption| encryption.encryption_type != "AES256") {
            return Err(invalid("encryptionConfiguration", format!("{} is not supported here; use AES256", encryption.encryption_type)));
        }
        let mut known = BTreeMap::new();
        tags::add(&mut known, asked.tags)?;
        let spec = RepositorySpec {
            tag_rule: tag_rule(asked.image_tag_mutability.as_deref(), asked.image_tag_mutability_exclusion_filters)?,
            scan_on_push: asked.image_scanning_configuration.unwrap_or_default().scan_on_push,
            lifecycle_policy: None,
            tags: known,
        };
        let change = Change::CreateRepository { name: name.clone(), owner: None, spec: Box::new(spec) };
        let snapshot = self.change(&name, change).await?;
        let gone = || EcrError::RepositoryNotFound { name: name.to_string(), registry: self.account() };
        let repository = snapshot.world.repositories.get(&name).ok_or_else(gone)?;
        Ok(done(&RepositoryAnswer { repository: self.body(&name, repository) }))
    }

    pub(super) fn describe_repositories(&self, asked: &DescribeRepositoriesRequest) -> Answer {
        let registry = asked.registry_id.as_deref();
        if let Some(names) = asked.repository_names.as_ref().filter(|names| !names.is_empty()) {
            let found: Result<Vec<_>, _> = names.iter().map(|name| self.repository(registry, name)).collect();
            let repositories = found?.into_iter().map(|(name, repository)| self.body(&name, repository)).collect();
            return Ok(done(&DescribeRepositoriesAnswer { repositories, next_token: None }));
        }
        let ours = registry.is_none_or(|registry| registry == self.account());
        let all: Vec<_> = self.snapshot.world.repositories.iter().filter(|_| ours).collect();
        let (some, next_token) = page(all, |(name, _)| name.to_string(), asked.next_token.as_deref(), asked.max_results, 1000)?;
        let repositories = some.into_iter().map(|(name, repository)| self.body(name, repository)).collect();
        Ok(done(&DescribeRepositoriesAnswer { repositories, next_token }))
    }

    /// Content first: where the daemon ends between the two, the repository is there and empty.
    pub(super) async fn delete_repository(&self, asked: &DeleteRepositoryRequest) -> Answer {
        let (name, repository) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let (gone, force) = (name.clone(), asked.force);
        self.on_disk(&name, move |store| store.remove_repository(&gone, force)).await?;
        self.change(&name, Change::DeleteRepository(name.clone())).await?;
        self.context.previews.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        Ok(done(&RepositoryAnswer { repository: self.body(&name, repository) }))
    }

    pub(super) async fn put_tag_mutability(&self, asked: TagMutabilityRequest) -> Answer {
        let (name, repository) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let rule = tag_rule(Some(&asked.image_tag_mutability), asked.image_tag_mutability_exclusion_filters)?;
        self.modify(&name, repository, |spec| spec.tag_rule = rule.clone()).await?;
        Ok(done(&TagMutabilityAnswer {
            registry_id: self.account(),
            repository_name: name.to_string(),
            image_tag_mutability: rule.mutability.as_str().into(),
            image_tag_mutability_exclusion_filters: filters(&rule),
        }))
    }

    pub(super) async fn put_scanning(&self, asked: &ScanningRequest) -> Answer {
        let (name, repository) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let image_scanning_configuration = asked.image_scanning_configuration;
        self.modify(&name, repository, |spec| spec.scan_on_push = image_scanning_configuration.scan_on_push).await?;
        Ok(done(&ScanningAnswer { registry_id: self.account(), repository_name: name.to_string(), image_scanning_configuration }))
    }

    fn body(&self, name: &RepositoryName, repository: &Repository) -> RepositoryBody {
        let spec = &repository.spec;
        RepositoryBody {
            repository_arn: self.snapshot.world.repository_arn(name),
            registry_id: self.account(),
            repository_name: name.to_string(),
            // Not AWS's name: this one can be pushed to as it is.
            repository_uri: format!("{}/{name}", self.context.registry_host()),
            created_at: seconds(repository.created_at),
            image_tag_mutability: spec.tag_rule.mutability.as_str().into(),
            image_tag_mutability_exclusion_filters: filters(&spec.tag_rule),
            image_scanning_configuration: ScanningConfiguration { scan_on_push: spec.scan_on_push },
            encryption_configuration: EncryptionConfiguration { encryption_type: "AES256".into(), kms_key: None },
        }
    }
}

fn tag_rule(mutability: Option<&str>, filters: Vec<ExclusionFilter>) -> Result<TagRule, EcrError> {
    let member = "imageTagMutability";
    let word = mutability.unwrap_or(TagMutability::Mutable.as_str());
    let mutability = TagMutability::named(word).ok_or_else(|| invalid(member, format!("`{word}` is none of ECR's")))?;
    if let Some(other) = filters.iter().find(|filter| filter.filter_type != "WILDCARD") {
        return Err(invalid("filterType", format!("`{}` is not WILDCARD", other.filter_type)));
    }
    TagRule::new(mutability, filters.into_iter().map(|filter| filter.filter).collect()).map_err(|why| invalid(member, why))
}

fn filters(rule: &TagRule) -> Option<Vec<ExclusionFilter>> {
    let filter = |filter: &String| ExclusionFilter { filter_type: "WILDCARD".into(), filter: filter.clone() };
    (!rule.exclusion_filters.is_empty()).then(|| rule.exclusion_filters.iter().map(filter).collect())
}
