//! Faults are injected and ended.

use std::time::Duration;

use crate::fault::{self, Fault, FaultKind, FaultOrigin, FaultScope, FaultState, FaultedTask, MAX_FAULT_TIME};
use crate::{AnswerFault, ClusterName, FaultId, Ids, Refused, ServiceKey, ServiceName, Task, TaskId, TaskStatus, Timestamp, World};

/// A fault to inject.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FaultSpec {
    /// A new one.
    pub id: FaultId,
    /// The cluster.
    pub cluster: ClusterName,
    /// Whom.
    pub scope: FaultScope,
    /// What.
    pub kind: FaultKind,
    /// For how long: of a user's, a second to [`MAX_FAULT_TIME`].
    pub lasts: Duration,
    /// Who asks.
    pub origin: FaultOrigin,
}

impl World {
    pub(super) fn inject_fault(&mut self, spec: FaultSpec, now: Timestamp, ids: &mut Ids) -> Result<(), Refused> {
        let FaultSpec { id, cluster, scope, kind, lasts, origin } = spec;
        if self.clusters.get(&cluster).is_none_or(|found| found.deleting) {
            return Err(Refused::NotFound { what: "cluster", name: cluster.to_string() });
        }
        check_time(lasts, origin)?;
        check_kind(&kind)?;
        let (service, tasks) = self.struck(&cluster, scope, ids)?;
        for task in tasks.iter().filter_map(|id| self.tasks.get(id)) {
            self.check_exclusive(task, &kind)?;
            self.check_reached(task, &kind)?;
        }
        if self.faults.contains_key(&id) {
            return Err(Refused::Exists { what: "fault", name: id.to_string(), owner: None });
        }
        let struck = tasks.iter().filter_map(|id| self.tasks.get(id)).map(|task| {
            let mode = self.definition(&task.revision).map(|definition| definition.network_mode).unwrap_or_default();
            let containers = kind.containers(task, mode).map_err(Refused::Invalid)?;
            let state = if kind.is_the_engine_s() { FaultState::Pending } else { FaultState::Active };
            Ok((task.id.clone(), FaultedTask { state, engine: task.engine.clone(), containers }))
        });
        let faulted = struck.collect::<Result<_, Refused>>()?;
        let fault = Fault {
            id: id.clone(),
            cluster,
            service,
            kind,
            origin,
            started_at: now,
            until: now + lasts,
            ending: false,
            announced: false,
            problem: None,
            struck: tasks.into_iter().collect(),
            tasks: faulted,
            over_at: None,
        };
        self.faults.insert(id, fault);
        Ok(())
    }

    pub(super) fn end_fault(&mut self, cluster: &ClusterName, id: &FaultId) -> Result<(), Refused> {
        let found = self.faults.get_mut(id).filter(|fault| fault.cluster == *cluster);
        found.map(Fault::end).ok_or_else(|| Refused::NotFound { what: "fault", name: id.to_string() })
    }

    /// Whom a scope means: tasks that run.
    fn struck(&self, cluster: &ClusterName, scope: FaultScope, ids: &mut Ids) -> Result<(Option<ServiceName>, Vec<TaskId>), Refused> {
        let runs = |task: &Task| task.is_live() && task.last_status == TaskStatus::Running;
        match scope {
            FaultScope::Service { name, percent } => {
                if !(1..=100).contains(&percent) {
                    return Err(Refused::Invalid(format!("a share of {percent} % is not within 1 and 100")));
                }
                let key = ServiceKey { cluster: cluster.clone(), name };
                if !self.services.contains_key(&key) {
                    return Err(Refused::NotFound { what: "service", name: key.name.to_string() });
                }
                let running: Vec<_> = self.tasks_of(&key).filter(|task| runs(task)).map(|task| task.id.clone()).collect();
                if running.is_empty() {
                    return Err(Refused::Invalid(format!("no task of the service `{}` is RUNNING", key.name)));
                }
                Ok((Some(key.name), fault::share(running, percent, ids)))
            }
            FaultScope::Tasks(tasks) => {
                for id in &tasks {
                    let task = self.tasks.get(id).filter(|task| task.cluster == *cluster);
                    let task = task.ok_or_else(|| Refused::NotFound { what: "task", name: id.to_string() })?;
                    if !runs(task) {
                        return Err(Refused::Invalid(format!("task {} is not RUNNING", id.short())));
                    }
                }
                Ok((None, tasks))
            }
        }
    }

    fn check_exclusive(&self, task: &Task, kind: &FaultKind) -> Result<(), Refused> {
        let clash = self.faults.values().find(|fault| fault.tasks.contains_key(&task.id) && fault.kind.excludes(kind));
        clash.map_or(Ok(()), |fault| {
            let (id, what) = (&fault.id, fault.kind.words());
            let how = if fault.ending { "is being undone: try again in a moment" } else { "excludes this fault" };
            Err(Refused::InUse { what: "task", name: task.id.short().to_owned(), by: format!("{id}, {what}, which {how}") })
        })
    }

    /// Only what the load balancer forwards can be answered by it, and only a limit can be cut.
    fn check_reached(&self, task: &Task, kind: &FaultKind) -> Result<(), Refused> {
        let behind = |group: &crate::TargetGroup| group.targets.values().any(|target| target.task.as_ref() == Some(&task.id));
        let limitless =
            |definition: &crate::TaskDefinition| definition.memory.is_none() && definition.containers.iter().any(|one| one.memory.is_none());
        if matches!(kind, FaultKind::Pressure(crate::Pressure::Memory(_))) && self.definition(&task.revision).is_some_and(limitless) {
            let message = format!("task {} has a container without a limit of memory (`memory`), of which something could be cut", task.id.short());
            return Err(Refused::Invalid(message));
        }
        if matches!(kind, FaultKind::Answers(_)) && !self.target_groups.values().any(behind) {
            let message = format!("task {} is no target of a load balancer, and it is that which answers late or in its place", task.id.short());
            return Err(Refused::Invalid(message));
        }
        Ok(())
    }
}

fn check_time(lasts: Duration, origin: FaultOrigin) -> Result<(), Refused> {
    let bounds = Duration::from_secs(1)..=MAX_FAULT_TIME;
    if origin == FaultOrigin::User && !bounds.contains(&lasts) {
        let most = MAX_FAULT_TIME.as_secs();
        return Err(Refused::Invalid(format!("a fault lasts from 1 to {most} s, not {} s", lasts.as_secs_f64())));
    }
    Ok(())
}

fn check_kind(kind: &FaultKind) -> Result<(), Refused> {
    if let FaultKind::Pressure(pressure) = kind {
        let percent = pressure.percent();
        let message = || Refused::Invalid(format!("{percent} % of what a task may use is not within 1 and 99"));
        return (1..=99).contains(&percent).then_some(()).ok_or_else(message);
    }
    if let FaultKind::Network(fault) = kind {
        return fault.check().map_err(Refused::Invalid);
    }
    let FaultKind::Answers(AnswerFault { status, delay_millis, percent }) = kind else { return Ok(()) };
    if !(1..=100).contains(percent) {
        return Err(Refused::Invalid(format!("{percent} % of requests is not within 1 and 100")));
    }
    if status.is_some_and(|status| !(500..=599).contains(&status)) {
        return Err(Refused::Invalid(format!("the status {} is not within 500 and 599", status.unwrap_or_default())));
    }
    if *delay_millis > AnswerFault::MAX_DELAY_MILLIS {
        return Err(Refused::Invalid(format!("a delay of {delay_millis} ms is longer than {} ms", AnswerFault::MAX_DELAY_MILLIS)));
    }
    if status.is_none() && *delay_millis == 0 {
        return Err(Refused::Invalid("neither a status nor a delay: nothing would be done".into()));
    }
    Ok(())
}
