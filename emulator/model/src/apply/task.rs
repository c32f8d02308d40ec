//! Changes of tasks (ecs.md 3.12 and 9).

use crate::run_task::MAX_RUN_COUNT;
use crate::world::Cluster;
use crate::{
    Birth, ClusterName, ContainerName, DeploymentStatus, Ids, InstanceName, InstanceSpec, Placed, Refused, RunTask, ScheduleName, ScheduledTask,
    ScheduledTaskSpec, Stop, Task, TaskDefinition, TaskId, Timestamp, World,
};

/// The most characters of `startedBy`.
const MAX_STARTED_BY: usize = 128;

impl World {
    /// Tasks that no service keeps alive. Gives their ids.
    pub(super) fn run_task(&mut self, run: &RunTask, now: Timestamp, ids: &mut Ids) -> Result<Vec<TaskId>, Refused> {
        if self.clusters.get(&run.cluster).is_none_or(|cluster| cluster.deleting) {
            return Err(Refused::NotFound { what: "cluster", name: run.cluster.to_string() });
        }
        let revision = self.resolve(&run.task_definition)?;
        let Some(definition) = self.definition(&revision) else { return Ok(Vec::new()) };
        check_run(run, definition)?;
        let task = |instance: &InstanceSpec| {
            let birth = Birth { cluster: &run.cluster, service: None, revision: &revision, definition, instance, at: now };
            let (overrides, started_by) = (run.overrides.clone(), run.started_by.clone());
            Task { overrides, started_by, enable_execute_command: run.enable_execute_command, ..Task::new(&birth, ids) }
        };
        let places = self.places_of(run)?;
        let instances = places.iter().filter_map(|name| Some(&self.clusters.get(&run.cluster)?.instances.get(name)?.spec));
        let tasks: Vec<Task> = instances.map(task).collect();
        let started = tasks.iter().map(|task| task.id.clone()).collect();
        self.tasks.extend(tasks.into_iter().map(|task| (task.id.clone(), task)));
        Ok(started)
    }

    pub(super) fn put_scheduled_task(
        &mut self,
        cluster: &ClusterName,
        name: ScheduleName,
        spec: ScheduledTaskSpec,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let revision = self.resolve(&spec.task_definition)?;
        let unknown = |container: &&ContainerName| self.definition(&revision).is_some_and(|definition| definition.container(container).is_none());
        if let Some(container) = spec.overrides.containers.keys().find(unknown) {
            return Err(Refused::Invalid(format!("Override for container named {container} is not a container in the TaskDefinition.")));
        }
        let known = &mut self.cluster_mut(cluster)?.scheduled_tasks;
        match known.get_mut(&name).filter(|known| known.spec.schedule == spec.schedule && known.spec.timezone == spec.timezone) {
            Some(known) => {
                // What would have been due while it was not enabled is not made up for.
                known.done_until = if known.spec.enabled { known.done_until } else { now };
                known.spec = spec;
            }
            None => drop(known.insert(name, ScheduledTask::new(spec, now))),
        }
        Ok(())
    }

    pub(super) fn delete_scheduled_task(&mut self, cluster: &ClusterName, name: &ScheduleName) -> Result<(), Refused> {
        let removed = self.cluster_mut(cluster)?.scheduled_tasks.remove(name);
        removed.map(drop).ok_or_else(|| Refused::NotFound { what: "scheduled task", name: name.to_string() })
    }

    pub(super) fn cluster_mut(&mut self, name: &ClusterName) -> Result<&mut Cluster, Refused> {
        let found = self.clusters.get_mut(name).filter(|cluster| !cluster.deleting);
        found.ok_or_else(|| Refused::NotFound { what: "cluster", name: name.to_string() })
    }

    /// A container instance for each task that can be placed. RunTask starts those, and says of the others why not; where it is all of
    /// them, it is refused.
    fn places_of(&self, run: &RunTask) -> Result<Vec<InstanceName>, Refused> {
        match &run.placed {
            Some(Placed { instances, failures }) => match failures.first().filter(|_| instances.is_empty()) {
                Some(failure) => Err(Refused::Unplaced(failure.clone())),
                None => Ok(instances.clone()),
            },
            None => {
                let first = self.clusters.get(&run.cluster).and_then(|cluster| cluster.instances.keys().next());
                Ok(first.into_iter().cycle().take(usize::try_from(run.count).unwrap_or_default()).cloned().collect())
            }
        }
    }

    pub(super) fn stop_task(&mut self, id: &TaskId, reason: Option<&str>, now: Timestamp) -> Result<(), Refused> {
        self.task_mut(id)?.end(Stop::user_initiated(reason), now);
        Ok(())
    }

    /// Protects a task, or ends that.
    pub(super) fn protect_task(&mut self, id: &TaskId, until: Option<Timestamp>, now: Timestamp) -> Result<(), Refused> {
        let task = self.task_mut(id)?;
        let Some(key) = task.service_key().filter(|_| task.is_live()) else {
            return Err(Refused::Invalid(format!("TASK_NOT_VALID: task {} is no live task of a service", id.short())));
        };
        task.protected_until = until;
        let Some(service) = self.services.get(&key).filter(|_| until.is_some()) else { return Ok(()) };
        // A refusal leaves no trace, so it may be found afterwards.
        let protected = self.tasks_of(&key).filter(|task| task.is_live() && task.is_protected(now)).count();
        let deploying = service.deployments.iter().any(|deployment| deployment.status == DeploymentStatus::Active);
        if deploying && u32::try_from(protected).is_ok_and(|protected| protected > service.spec.desired_count) {
            let (name, desired) = (&key.name, service.spec.desired_count);
            return Err(Refused::Invalid(format!(
                "DEPLOYMENT_BLOCKED: {protected} protected tasks are more than the desired count {desired} of {name}"
            )));
        }
        Ok(())
    }

    fn task_mut(&mut self, id: &TaskId) -> Result<&mut Task, Refused> {
        self.tasks.get_mut(id).ok_or_else(|| Refused::NotFound { what: "task", name: id.to_string() })
    }
}

/// What RunTask demands of its parameters.
fn check_run(run: &RunTask, definition: &TaskDefinition) -> Result<(), Refused> {
    if !(1..=MAX_RUN_COUNT).contains(&run.count) {
        return Err(Refused::Invalid(format!("a count of {} is not within 1 and {MAX_RUN_COUNT}", run.count)));
    }
    if run.started_by.as_ref().is_some_and(|text| text.chars().count() > MAX_STARTED_BY) {
        return Err(Refused::Invalid(format!("`startedBy` is longer than {MAX_STARTED_BY} characters")));
    }
    let unknown = |name: &&ContainerName| definition.container(name).is_none();
    match run.overrides.containers.keys().find(unknown) {
        Some(name) => Err(Refused::Invalid(format!("Override for container named {name} is not a container in the TaskDefinition."))),
        None => Ok(()),
    }
}
