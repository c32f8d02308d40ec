//! Tags of repositories.

use std::collections::BTreeMap;

use model::{Repository, RepositoryName};
use wire::ecr::{EcrError, ResourceRequest, Tag, TagResourceRequest, TagsAnswer, UntagResourceRequest};

use super::super::aws::done;
use super::{Answer, Ecr, invalid};

impl Ecr {
    pub(super) async fn tag(&self, asked: TagResourceRequest) -> Answer {
        let (name, repository) = self.resource(&asked.resource_arn)?;
        let mut tags = repository.spec.tags.clone();
        add(&mut tags, asked.tags)?;
        self.modify(&name, repository, |spec| spec.tags = tags).await?;
        Ok(done(&serde_json::json!({})))
    }

    pub(super) async fn untag(&self, asked: &UntagResourceRequest) -> Answer {
        let (name, repository) = self.resource(&asked.resource_arn)?;
        self.modify(&name, repository, |spec| spec.tags.retain(|key, _| !asked.tag_keys.contains(key))).await?;
        Ok(done(&serde_json::json!({})))
    }

    pub(super) fn tags(&self, asked: &ResourceRequest) -> Answer {
        let (_, repository) = self.resource(&asked.resource_arn)?;
        let tags = repository.spec.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
        Ok(done(&TagsAnswer { tags: tags.collect() }))
    }

    /// `arn:aws:ecr:<region>:<account>:repository/<name>`
    fn resource(&self, arn: &str) -> Result<(RepositoryName, &Repository), EcrError> {
        let unreadable = || invalid("resourceArn", format!("`{arn}` is no repository's ARN"));
        let name = arn.split_once(":repository/").map(|(_, name)| name).ok_or_else(unreadable)?;
        let (name, repository) = self.repository(None, name)?;
        if self.snapshot.world.repository_arn(&name) != arn {
            return Err(invalid("resourceArn", format!("the repository here is {}", self.snapshot.world.repository_arn(&name))));
        }
        Ok((name, repository))
    }
}

/// Adds tags, each by AWS's rule.
pub(super) fn add(known: &mut BTreeMap<String, String>, tags: Vec<Tag>) -> Result<(), EcrError> {
    for Tag { key, value } in tags {
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 || key.starts_with("aws:") {
            let why = "a tag's key has 1 to 128 characters and does not begin with `aws:`, its value has up to 256";
            return Err(EcrError::InvalidTagParameter(format!("the tag `{key}`: {why}")));
        }
        known.insert(key, value);
    }
    Ok(())
}
