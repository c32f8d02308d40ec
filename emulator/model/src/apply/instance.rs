//! Changes of container instances (ecs.md 6).

use std::collections::BTreeMap;

use crate::{ClusterName, ContainerInstance, Ids, InstanceName, InstanceSpec, InstanceStatus, Refused, Stop, Task, TaskStatus, Timestamp, World};

impl World {
    /// Gives a cluster exactly these instances; those that have tasks and are not among them go with the last one.
    pub(super) fn put_instances(
        &mut self,
        cluster: &ClusterName,
        wanted: BTreeMap<InstanceName, InstanceSpec>,
        now: Timestamp,
        ids: &mut Ids,
    ) -> Result<(), Refused> {
        if wanted.is_empty() {
            return Err(Refused::Invalid(format!("the cluster `{cluster}` needs at least one container instance")));
        }
        let used: Vec<InstanceName> = self.used_instances(cluster).cloned().collect();
        let known = &mut self.cluster_mut(cluster)?.instances;
        known.retain(|name, _| wanted.contains_key(name) || used.contains(name));
        known.values_mut().filter(|found| !wanted.contains_key(&found.spec.name)).for_each(|found| found.status = InstanceStatus::Deregistering);
        for (name, spec) in wanted {
            let Some(found) = known.get_mut(&name) else {
                let id = (spec != InstanceSpec::this_machine()).then(|| format!("i-0{:016x}", ids.next_u64()));
                known.insert(name, ContainerInstance::new(spec, id, now));
                continue;
            };
            if found.spec.engine != spec.engine && used.contains(&name) {
                let message = format!("the container instance `{name}` has tasks, and they cannot move to the engine of another endpoint");
                return Err(Refused::Invalid(format!("{message}: give the new one another name")));
            }
            if found.status == InstanceStatus::Deregistering {
                found.status = InstanceStatus::Active;
            }
            found.spec = spec;
        }
        Ok(())
    }

    /// Lets go of an instance; by force with tasks on it, of which then nothing more is known.
    pub(super) fn deregister_instance(&mut self, cluster: &ClusterName, name: &InstanceName, force: bool, now: Timestamp) -> Result<(), Refused> {
        let there: Vec<_> = self.unstopped_tasks(cluster).filter(|task| task.instance == *name).map(|task| task.id.clone()).collect();
        let known = &mut self.cluster_mut(cluster)?.instances;
        if !known.contains_key(name) {
            return Err(Refused::NotFound { what: "container instance", name: name.to_string() });
        }
        if known.len() == 1 {
            return Err(Refused::Invalid(format!("the container instance `{name}` is the last one of the cluster `{cluster}`")));
        }
        if !there.is_empty() && !force {
            return Err(Refused::Invalid(format!("Found running tasks on the instance. ({}; drain it first, or use force)", there.len())));
        }
        known.remove(name);
        for group in self.target_groups.values_mut() {
            group.targets.retain(|_, target| target.task.as_ref().is_none_or(|task| !there.contains(task)));
        }
        // Those that are over as well: what is left of them there is not waited for.
        for task in self.tasks.values_mut().filter(|task| task.cluster == *cluster && task.instance == *name) {
            task.abandon(Stop::deregistration_forced(), now);
        }
        Ok(())
    }

    fn unstopped_tasks<'w>(&'w self, cluster: &'w ClusterName) -> impl Iterator<Item = &'w Task> {
        self.tasks.values().filter(move |task| task.last_status != TaskStatus::Stopped && task.cluster == *cluster)
    }

    /// The instances of a cluster with tasks that are not over.
    fn used_instances<'w>(&'w self, cluster: &'w ClusterName) -> impl Iterator<Item = &'w InstanceName> {
        self.unstopped_tasks(cluster).map(|task| &task.instance)
    }

    pub(super) fn set_instance_status(&mut self, cluster: &ClusterName, name: &InstanceName, status: InstanceStatus) -> Result<(), Refused> {
        let found = self.cluster_mut(cluster)?.instances.get_mut(name);
        let found = found.ok_or_else(|| Refused::NotFound { what: "container instance", name: name.to_string() })?;
        if found.status == InstanceStatus::Deregistering {
            return Err(Refused::Invalid(format!("the container instance `{name}` is DEREGISTERING: the manifest does not name it any more")));
        }
        found.status = status;
        Ok(())
    }
}
