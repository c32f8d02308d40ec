//! What a task needs besides images: files of variables, secrets and parameters (ecs.md 1.9). They are fetched once, when the task starts;
//! all its containers have what was there then. A daemon that died in between fetches again what containers that are not made yet will have.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::Clock;
use iam::{Denied, LIFETIME, Principal, Session, Verified};
use model::environment_file::{complete_environment, read_environment_file};
use model::{
    ContainerDefinition, ContainerName, ContainerStatus, EnvironmentFile, RoleName, Secret, SecretReference, TaskDefinition, TaskId, Timestamp, World,
};
use scheduler::Work;
use tokio::sync::OnceCell;

use crate::vault_store::VaultStore;

/// The longest file of variables that is read.
const LONGEST_FILE: u64 = 1 << 20;

/// The agent cuts a reason there (ecs.md 2.2).
const LONGEST_REASON: usize = 1024;

/// Where values come from, and what was fetched for tasks whose containers are not all made yet.
pub(crate) struct Resources {
    sources: Sources,
    fetched: BTreeMap<TaskId, Arc<OnceCell<Result<Fetched, String>>>>,
}

#[derive(Clone)]
struct Sources {
    /// The folder that stands for S3.
    buckets: PathBuf,
    vault: Arc<VaultStore>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Resources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resources")
    }
}

/// What one task was given, by container.
pub(crate) type Fetched = BTreeMap<ContainerName, Values>;

/// What one container was given.
#[derive(Debug, Default)]
pub(crate) struct Values {
    files: Vec<BTreeMap<String, String>>,
    secrets: BTreeMap<String, Secret>,
    /// For its log driver.
    options: BTreeMap<String, Secret>,
}

/// A task's values: there, or to be fetched by whoever needs them first.
pub(crate) struct Needed {
    cell: Arc<OnceCell<Result<Fetched, String>>>,
    containers: Vec<ContainerDefinition>,
    region: String,
    sources: Sources,
    /// Who fetches; `None` for somebody who may have all.
    role: Option<Principal>,
}

impl Resources {
    pub(crate) const fn new(buckets: PathBuf, vault: Arc<VaultStore>, clock: Arc<dyn Clock>) -> Self {
        Self { sources: Sources { buckets, vault, clock }, fetched: BTreeMap::new() }
    }

    /// What a piece of work needs of its task's values; `None` where the task needs none.
    pub(crate) fn needed(&mut self, world: &World, work: &Work) -> Option<Needed> {
        self.fetched.retain(|task, _| world.tasks.get(task).is_some_and(|task| task.is_live() && task.containers.iter().any(is_unmade)));
        let (Work::PrepareImage { task, .. } | Work::Create { task, .. }) = work else { return None };
        let task = world.tasks.get(task)?;
        let TaskDefinition { containers, execution_role, .. } = task.overrides.applied_to(world.definition(&task.revision)?);
        let containers: Vec<_> = containers.into_iter().filter(ContainerDefinition::has_outside_values).collect();
        if containers.is_empty() {
            return None;
        }
        let cell = self.fetched.entry(task.id.clone()).or_default().clone();
        let role = execution_role.and_then(|name| executor(world, task, &name, self.sources.clock.wall()));
        Some(Needed { cell, containers, region: world.settings.region.clone(), sources: self.sources.clone(), role })
    }
}

/// The execution role of a task, as the agent has it; `None` where no manifest says what it may do.
fn executor(world: &World, task: &model::Task, name: &RoleName, now: Timestamp) -> Option<Principal> {
    let role = world.roles.get(name)?;
    let session = Session { role: name.clone(), role_since: role.created_at, name: task.id.to_string(), issued_at: now, expires_at: now + LIFETIME };
    let verified = Verified { session, region: world.settings.region.clone(), service: String::new() };
    Some(Principal::Role { verified, spec: role.spec.clone(), account: world.settings.account.clone() })
}

/// Whether that one may do it.
fn may(role: Option<&Principal>, now: Timestamp, (action, resource): (&str, &str), tags: &BTreeMap<String, String>) -> Result<(), String> {
    let Some(role) = role else { return Ok(()) };
    let service = action.split(':').next().unwrap_or_default();
    let tags = tags.iter().flat_map(|(key, value)| ["aws", service].map(|of| (format!("{of}:ResourceTag/{key}"), value.clone())));
    let context = role.surroundings(now, None).into_iter().chain(tags).collect();
    role.authorise(action, resource, context).map_err(|Denied(why)| why)
}

fn is_unmade(container: &model::Container) -> bool {
    container.last_status < ContainerStatus::Created
}

impl Needed {
    /// The values, fetched by the first who asks.
    ///
    /// # Errors
    /// Why the task cannot start, in the agent's words.
    pub(crate) async fn get(&self) -> Result<&Fetched, String> {
        let fetch = || async {
            let (containers, region, sources, role) = (self.containers.clone(), self.region.clone(), self.sources.clone(), self.role.clone());
            match tokio::task::spawn_blocking(move || sources.fetch(&containers, &region, role.as_ref())).await {
                Ok(fetched) => fetched,
                Err(error) => Err(format!("ResourceInitializationError: {error}")),
            }
        };
        self.cell.get_or_init(fetch).await.as_ref().map_err(|reason| reason.chars().take(LONGEST_REASON).collect())
    }
}

impl Values {
    /// The value of a secret option for its logs.
    pub(crate) fn option(&self, name: &str) -> Option<&Secret> {
        self.options.get(name)
    }

    /// Completes a container's definition.
    pub(crate) fn complete(&self, definition: &mut ContainerDefinition) {
        let exposed = |values: &BTreeMap<String, Secret>| values.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        complete_environment(&mut definition.environment, self.files.clone(), exposed(&self.secrets));
        if let Some(configuration) = &mut definition.log_configuration {
            // Those of logs for a router are the router's.
            let options: BTreeMap<String, String> = exposed(&self.options);
            let own = options.into_iter().filter(|(name, _)| configuration.secret_options.contains_key(name));
            configuration.options.extend(own.collect::<Vec<_>>());
        }
    }
}

impl Sources {
    fn fetch(&self, containers: &[ContainerDefinition], region: &str, role: Option<&Principal>) -> Result<Fetched, String> {
        let references = || containers.iter().flat_map(references);
        let now = self.clock.wall();
        let allowed = |action: &str, resource: &str, tags: &BTreeMap<String, String>| may(role, now, (action, resource), tags);
        let values = self.vault.read(self.clock.now(), |vault| vault.values(references(), (region, &allowed)))?;
        let named = |references: &BTreeMap<String, SecretReference>| {
            let value = |(name, reference)| Some((String::clone(name), values.get(reference)?.clone()));
            references.iter().filter_map(value).collect()
        };
        let mut fetched = Fetched::new();
        for container in containers {
            let files = container.environment_files.iter().map(|file| variables(file, &self.buckets, &allowed)).collect::<Result<_, _>>();
            let files = files.map_err(|why| format!("ResourceInitializationError: failed to download env files: {why}"))?;
            let options = container.log_configuration.as_ref().map(|configuration| named(&configuration.secret_options)).unwrap_or_default();
            fetched.insert(container.name.clone(), Values { files, secrets: named(&container.secrets), options });
        }
        Ok(fetched)
    }
}

/// What a container has values from.
pub(crate) fn references(container: &ContainerDefinition) -> impl Iterator<Item = &SecretReference> {
    let options = container.log_configuration.iter().flat_map(|configuration| configuration.secret_options.values());
    container.secrets.values().chain(options)
}

fn variables(file: &EnvironmentFile, buckets: &Path, may: vault::May<'_>) -> Result<BTreeMap<String, String>, String> {
    let (path, what) = match file {
        EnvironmentFile::S3 { bucket, key } => {
            let refused = |why| format!("unable to download env file with key {key} from bucket {bucket}, error: AccessDenied: {why}");
            may("s3:GetObject", &format!("arn:aws:s3:::{bucket}/{key}"), &BTreeMap::new()).map_err(refused)?;
            (buckets.join(bucket).join(key), format!("unable to download env file with key {key} from bucket {bucket}"))
        }
        EnvironmentFile::Local(path) => (PathBuf::from(path), "unable to read env file".to_owned()),
    };
    let text = read(&path).map_err(|why| format!("{what}, error: `{}`: {why}", path.display()))?;
    Ok(read_environment_file(&text))
}

fn read(path: &Path) -> Result<String, String> {
    let said = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "the daemon may not read it".to_owned(),
        _ => error.to_string(),
    };
    // A pipe would be waited for, and a device read for ever.
    if !std::fs::metadata(path).map_err(said)?.is_file() {
        return Err("it is no file".into());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes)).map_err(said)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(format!("it is longer than {} MiB", LONGEST_FILE >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(buckets: &Path) -> Sources {
        Sources { buckets: buckets.to_owned(), vault: VaultStore::in_memory(), clock: Arc::new(engine::SystemClock::new()) }
    }

    fn container(files: &[EnvironmentFile]) -> ContainerDefinition {
        let environment = BTreeMap::from([("OWN".to_owned(), "own".to_owned())]);
        ContainerDefinition { environment_files: files.to_vec(), environment, ..ContainerDefinition::new(ContainerName::new("web").unwrap(), "web") }
    }

    #[test]
    fn a_bucket_is_a_folder_and_a_local_file_is_itself() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("s3/settings/a")).unwrap();
        std::fs::write(folder.path().join("s3/settings/a/b.env"), "A=bucket\nOWN=file\n").unwrap();
        std::fs::write(folder.path().join("c.env"), "A=local\nB=local\n").unwrap();
        let object = EnvironmentFile::S3 { bucket: "settings".into(), key: "a/b.env".into() };
        let local = EnvironmentFile::Local(folder.path().join("c.env").display().to_string());
        let mut definition = container(&[object, local]);
        let fetched = sources(&folder.path().join("s3")).fetch(&[definition.clone()], "us-east-1", None).unwrap();
        fetched[&definition.name].complete(&mut definition);
        let said: Vec<_> = definition.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(said, ["A=bucket", "B=local", "OWN=own"]);
    }

    #[test]
    fn what_cannot_be_read_is_why_the_task_does_not_start() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |file| sources(folder.path()).fetch(&[container(&[file])], "us-east-1", None).unwrap_err();
        let said = refused(EnvironmentFile::S3 { bucket: "settings".into(), key: "b.env".into() });
        let begin =
            "ResourceInitializationError: failed to download env files: unable to download env file with key b.env from bucket settings, error: ";
        assert!(said.starts_with(begin) && said.ends_with("b.env`: there is no such file"), "{said}");
        std::fs::write(folder.path().join("c.env"), b"A=\xff").unwrap();
        let local = |name: &str| EnvironmentFile::Local(folder.path().join(name).display().to_string());
        assert!(refused(local("c.env")).ends_with("it is not text in UTF-8"));
        assert!(refused(local("")).ends_with("it is no file"));
        std::fs::write(folder.path().join("d.env"), vec![b'a'; (1 << 20) + 1]).unwrap();
        assert!(refused(local("d.env")).ends_with("it is longer than 1 MiB"));
    }
}
