//! Changes of repositories.

use crate::{ClusterName, Refused, Repository, RepositoryName, RepositorySpec, Timestamp, World};

/// The most tags of a repository (AWS's limit for a resource).
const MOST_TAGS: usize = 50;

impl World {
    pub(super) fn create_repository(
        &mut self,
        name: RepositoryName,
        owner: Option<ClusterName>,
        spec: RepositorySpec,
        now: Timestamp,
    ) -> Result<(), Refused> {
        if let Some(found) = self.repositories.get(&name) {
            let other = found.owner.clone().filter(|other| Some(other) != owner.as_ref());
            return Err(Refused::Exists { what: "repository", name: name.to_string(), owner: other });
        }
        check(&name, &spec)?;
        self.repositories.insert(name, Repository { spec, owner, created_at: now, policy_text: None });
        Ok(())
    }

    pub(super) fn modify_repository(&mut self, name: &RepositoryName, owner: Option<ClusterName>, spec: RepositorySpec) -> Result<(), Refused> {
        check(name, &spec)?;
        let found = self.repository_mut(name)?;
        found.spec = spec;
        found.owner = owner.or_else(|| found.owner.take());
        Ok(())
    }

    pub(super) fn delete_repository(&mut self, name: &RepositoryName) -> Result<(), Refused> {
        self.repository_mut(name)?;
        self.repositories.remove(name);
        Ok(())
    }

    pub(super) fn release_repositories(&mut self, cluster: &ClusterName) {
        for repository in self.repositories.values_mut().filter(|repository| repository.owner.as_ref() == Some(cluster)) {
            repository.owner = None;
        }
    }

    pub(super) fn repository_mut(&mut self, name: &RepositoryName) -> Result<&mut Repository, Refused> {
        self.repositories.get_mut(name).ok_or_else(|| Refused::NotFound { what: "repository", name: name.to_string() })
    }
}

fn check(name: &RepositoryName, spec: &RepositorySpec) -> Result<(), Refused> {
    match spec.tags.len() {
        0..=MOST_TAGS => Ok(()),
        many => Err(Refused::Invalid(format!("the repository `{name}` would have {many} tags; the most is {MOST_TAGS}"))),
    }
}
