//! Which services a set of changed paths touches, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use model::{Build, ContainerDefinition, ContainerName, Desired, EnvironmentFile, Family, ServiceName, SyncRule, TaskDefinition};

use super::files::{Changed, Fate, Interest, Subject};
use super::sync::{Copies, decide};

/// What a manifest's cluster is made of, as far as it is in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    /// The manifest, what it includes, `.env`, certificates, and all else that is read with it.
    manifest: BTreeSet<PathBuf>,
    /// `environmentFiles`, which tasks read when they start.
    variables: BTreeMap<PathBuf, BTreeSet<ServiceName>>,
    builds: BTreeMap<Subject, Built>,
}

/// What is made from a build context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Built {
    /// The services that can be rolled for it one by one.
    services: BTreeSet<ServiceName>,
    /// Something else has the image as well: a scheduled task, or a task definition that names what another one builds. Then the manifest is
    /// brought up whole, which builds in order.
    others: bool,
    /// Whose containers have it, and what is copied into them.
    users: Vec<User>,
}

/// A container that has what is made from a build context.
#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    services: BTreeSet<ServiceName>,
    container: ContainerName,
    rules: Vec<SyncRule>,
}

/// What is to be done for changed files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Affected {
    /// Read the manifest again and bring the cluster to it.
    pub(crate) manifest: bool,
    /// Services of which alone something has changed.
    pub(crate) services: BTreeMap<ServiceName, Wish>,
    /// Services of which no more is wished than that files are copied, by container.
    pub(crate) syncs: Syncs,
}

/// Files to copy into containers of services.
pub(crate) type Syncs = BTreeMap<ServiceName, BTreeMap<ContainerName, Copies>>;

/// What is to be done for one service; of two wishes the greater one does what the other would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// New tasks of the same: something that tasks read when they start is another.
    Redeploy,
    /// Build its images, and deploy them where they are others.
    Build,
}

impl Watched {
    /// Of a manifest and the files that were read for it.
    pub(crate) fn of(desired: &Desired, files: BTreeSet<PathBuf>) -> Self {
        let mut watched = Self { manifest: files, variables: BTreeMap::new(), builds: BTreeMap::new() };
        for (family, definition) in &desired.task_definitions {
            let services = services_of(desired, family);
            for container in &definition.containers {
                for file in &container.environment_files {
                    if let EnvironmentFile::Local(path) = file {
                        watched.variables.entry(path.into()).or_default().extend(services.iter().cloned());
                    }
                }
                if let Some(Build { context, dockerfile, .. }) = &container.build {
                    let subject = Subject::Context { root: context.into(), dockerfile: dockerfile.clone() };
                    let built = watched.builds.entry(subject).or_default();
                    built.services.extend(services.iter().cloned());
                    let rules = desired.watch.get(family).and_then(|rules| rules.get(&container.name)).cloned().unwrap_or_default();
                    built.users.push(User { services: services.clone(), container: container.name.clone(), rules });
                    built.others |= has_other_users(desired, (family, definition), container);
                }
            }
        }
        watched
    }

    /// What is to be looked at.
    pub(crate) fn interest(&self) -> Interest {
        // What nothing runs is built by nobody, until something does.
        let used = self.builds.iter().filter(|(_, built)| built.others || !built.services.is_empty());
        let files = self.manifest.iter().chain(self.variables.keys()).cloned().map(Subject::File);
        used.map(|(subject, _)| subject.clone()).chain(files).collect()
    }

    /// The same of what is read of an unfinished manifest: its files are watched beside those from before.
    pub(crate) fn with_files(&self, files: BTreeSet<PathBuf>) -> Self {
        let mut watched = self.clone();
        watched.manifest.extend(files);
        watched
    }

    /// What these changes are to lead to.
    pub(crate) fn affected(&self, changed: &[Changed]) -> Affected {
        let mut affected = Affected::default();
        for Changed { subject, fate, .. } in changed {
            match subject {
                Subject::File(path) => {
                    // The manifest only wants them to be there.
                    let readers = self.variables.get(path).filter(|_| *fate == Fate::Written);
                    affected.manifest |= readers.is_none() && self.manifest.contains(path);
                    affected.wish(readers.into_iter().flatten(), Wish::Redeploy);
                }
                Subject::Context { .. } => {}
            }
        }
        for (subject, built) in &self.builds {
            let Subject::Context { root, dockerfile } = subject else { continue };
            let changed: Vec<_> = changed.iter().filter(|one| one.subject == *subject).map(|one| (one.path.as_path(), one.fate)).collect();
            if changed.is_empty() {
                continue;
            }
            affected.manifest |= built.others;
            for user in &built.users {
                // Whoever else has the image is to have the same.
                match decide(&user.rules, (root, dockerfile), &changed).filter(|_| !built.others) {
                    Some(copies) => affected.copy(user, &copies),
                    None => affected.wish(user.services.iter(), Wish::Build),
                }
            }
        }
        affected.settled()
    }
}

impl Affected {
    fn copy(&mut self, user: &User, copies: &Copies) {
        for service in &user.services {
            self.syncs.entry(service.clone()).or_default().insert(user.container.clone(), copies.clone());
        }
    }

    /// What is deployed anyway is built, which has the files, too.
    fn settled(mut self) -> Self {
        let both: Vec<ServiceName> = self.syncs.keys().filter(|service| self.manifest || self.services.contains_key(*service)).cloned().collect();
        self.syncs.retain(|service, _| !both.contains(service));
        self.wish(both.iter(), Wish::Build);
        self
    }

    fn wish<'a>(&mut self, services: impl Iterator<Item = &'a ServiceName>, wish: Wish) {
        for service in services {
            let known = self.services.entry(service.clone()).or_insert(wish);
            *known = wish.max(*known);
        }
    }
}

/// The services that run what the manifest says of a family now.
fn services_of(desired: &Desired, family: &Family) -> BTreeSet<ServiceName> {
    let runs = desired.services.iter().filter(|(_, service)| service.task_definition == *family && service.revision.is_none());
    runs.map(|(name, _)| name.clone()).collect()
}

fn has_other_users(desired: &Desired, (family, definition): (&Family, &TaskDefinition), container: &ContainerDefinition) -> bool {
    let names = |other: &TaskDefinition| other.containers.iter().any(|found| found.image == container.image);
    let elsewhere = desired.task_definitions.iter().any(|(name, other)| name != family && names(other));
    let scheduled = |used: &Family| desired.scheduled_tasks.values().any(|one| one.task_definition.family == *used);
    let by_schedule = desired.task_definitions.iter().any(|(name, other)| names(other) && scheduled(name));
    // Two containers of one task with different recipes for one name are the manifest's own business.
    debug_assert!(names(definition), "a container's own image is among those of its task definition");
    elsewhere || by_schedule
}

#[cfg(test)]
mod tests;
