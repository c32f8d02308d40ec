//! What a case works with: containers in a few words, waits with a deadline, and the broom.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use model::{
    ClusterName, ContainerDefinition, ContainerId, ContainerName, Family, Ids, ObservedContainer, OwnerId, PortMapping, Revision, RunState,
    ServiceKey, ServiceName, TransportProtocol,
};

use super::{Subject, Workload};
use crate::{ContainerSpec, EngineError, EngineErrorKind, EngineEvent, Namespace, NetworkNamespace, NetworkSpec, Progress, Stream};

/// The port that containers of the suite say they listen on.
pub(super) const CONTAINER_PORT: u16 = 8080;

/// One case's place of work.
pub(super) struct Bench<'a> {
    pub(super) subject: &'a Subject,
    ids: Mutex<Ids>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(subject: &'a Subject) -> Self {
        let seed = subject.owner.as_str().bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        Self { subject, ids: Mutex::new(Ids::seeded(seed)) }
    }

    pub(super) fn other_owner(&self) -> OwnerId {
        OwnerId::from_text(&format!("{}-other", self.subject.owner))
    }

    /// Waits for `future`, not longer than the subject's patience.
    pub(super) async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> Result<T, String> {
        let patience = self.subject.patience;
        tokio::select! {
            value = future => Ok(value),
            () = self.subject.clock.sleep(patience) => Err(format!("{what}: nothing in {} s", patience.as_secs())),
        }
    }

    /// Waits for a verb that is to succeed.
    pub(super) async fn succeed<T>(&self, what: &str, verb: impl Future<Output = Result<T, EngineError>>) -> Result<T, String> {
        self.within(what, verb).await?.map_err(|error| format!("{what}: expected success, found {:?}: {error}", error.kind))
    }

    /// Waits for a verb that is to fail in that way.
    pub(super) async fn fail<T>(&self, what: &str, kind: EngineErrorKind, verb: impl Future<Output = Result<T, EngineError>>) -> Result<(), String> {
        match self.within(what, verb).await? {
            Err(error) if error.kind == kind => expect(!error.message.is_empty(), || format!("{what}: the error has no message")),
            Err(error) => Err(format!("{what}: expected {kind:?}, found {:?}: {error}", error.kind)),
            Ok(_) => Err(format!("{what}: expected {kind:?}, found success")),
        }
    }

    /// A container of a service of its own task, for `workload`, whose image is made sure of.
    pub(super) async fn spec(&self, service: &str, workload: &Workload) -> Result<ContainerSpec, String> {
        let image_id = self.succeed("image", self.subject.engine.image(&workload.image, Progress::none())).await?;
        let (task, suffix) = {
            let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
            (ids.task(), ids.container_suffix())
        };
        let wrong = |error: model::NameError| error.to_string();
        let cluster = ClusterName::new("conformance").map_err(wrong)?;
        let service = ServiceKey { cluster: cluster.clone(), name: ServiceName::new(service).map_err(wrong)? };
        Ok(ContainerSpec {
            instance: model::InstanceName::local(),
            owner: self.subject.owner.clone(),
            cluster,
            service: Some(service.clone()),
            task_arn: format!("arn:aws:ecs:us-east-1:000000000000:task/conformance/{task}"),
            task,
            revision: Revision { family: Family::new(service.name.as_str()).map_err(wrong)?, number: 3 },
            runtime_name: format!("ecs-{}-3-app-{suffix}", service.name),
            image_id,
            definition: definition(ContainerName::new("app").map_err(wrong)?, workload),
            task_cpu: None,
            task_memory: None,
            image_defaults: Vec::new(),
            network: NetworkSpec { owner: self.subject.owner.clone(), service },
            namespace: NetworkNamespace::Own,
            speed: model::Speed::default(),
            processes: Namespace::Own,
            ipc: Namespace::Own,
            links: Vec::new(),
            connections: Vec::new(),
            name_servers: None,
            mounts: Vec::new(),
            volumes_from: Vec::new(),
        })
    }

    pub(super) async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, String> {
        self.succeed("create", self.subject.engine.create(spec)).await
    }

    pub(super) async fn start(&self, id: &ContainerId) -> Result<ObservedContainer, String> {
        self.succeed("start", self.subject.engine.start(id)).await
    }

    /// Creates and starts a container of service `service`.
    pub(super) async fn running(&self, service: &str, workload: &Workload) -> Result<ContainerId, String> {
        let id = self.create(&self.spec(service, workload).await?).await?;
        self.start(&id).await?;
        Ok(id)
    }

    pub(super) async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), String> {
        self.succeed("stop", self.subject.engine.stop(id, grace)).await
    }

    pub(super) async fn inspect(&self, id: &ContainerId) -> Result<Option<ObservedContainer>, String> {
        self.succeed("inspect", self.subject.engine.inspect(id)).await
    }

    /// A container that must be there.
    pub(super) async fn look(&self, id: &ContainerId) -> Result<ObservedContainer, String> {
        self.inspect(id).await?.ok_or_else(|| format!("inspect: expected container {id}, found none"))
    }

    pub(super) async fn list(&self, owner: &OwnerId) -> Result<Vec<ObservedContainer>, String> {
        self.succeed("list", self.subject.engine.list(owner)).await
    }

    pub(super) async fn watch(&self) -> Result<Stream<EngineEvent>, String> {
        self.succeed("watch", self.subject.engine.watch(&self.subject.owner)).await
    }

    /// Takes events until that one comes.
    pub(super) async fn await_event(&self, events: &mut Stream<EngineEvent>, wanted: &EngineEvent) -> Result<(), String> {
        self.find_event(events, &format!("{wanted:?}"), |event| (event == wanted).then_some(())).await
    }

    /// Waits for the news of a container's death; gives its exit code.
    pub(super) async fn await_death(&self, events: &mut Stream<EngineEvent>, of: &ContainerId) -> Result<i64, String> {
        let death = |event: &EngineEvent| match event {
            EngineEvent::Died { id, code, .. } if id == of => Some(*code),
            _ => None,
        };
        self.find_event(events, &format!("the death of {of}"), death).await
    }

    async fn find_event<T>(&self, events: &mut Stream<EngineEvent>, wanted: &str, found: impl Fn(&EngineEvent) -> Option<T>) -> Result<T, String> {
        let coming = async {
            loop {
                match events.next().await {
                    Some(Ok(event)) => {
                        if let Some(value) = found(&event) {
                            return Ok(value);
                        }
                    }
                    Some(Err(error)) => return Err(format!("watch: expected {wanted}, found {error}")),
                    None => return Err(format!("watch: expected {wanted}, found the end of the stream")),
                }
            }
        };
        self.within(&format!("watch for {wanted}"), coming).await?
    }

    /// Creates and starts a container and waits until it has ended by itself.
    pub(super) async fn ended(&self, service: &str, workload: &Workload) -> Result<ContainerId, String> {
        let mut events = self.watch().await?;
        let id = self.running(service, workload).await?;
        let code = self.await_death(&mut events, &id).await?;
        let seen = self.look(&id).await?;
        expect(matches!(seen.state, RunState::Exited { code: later, .. } if later == code), || {
            format!("the news of its death said exit code {code}, a look at it says {:?}", seen.state)
        })?;
        Ok(id)
    }

    /// Removes everything of both owners.
    pub(super) async fn clean(&self) -> Result<(), String> {
        let engine = &self.subject.engine;
        for owner in [self.subject.owner.clone(), self.other_owner()] {
            for container in self.list(&owner).await? {
                self.succeed("remove", engine.remove(&container.id)).await?;
            }
            for service in self.succeed("networks", engine.networks(&owner)).await? {
                let spec = NetworkSpec { owner: owner.clone(), service };
                self.succeed("remove_network", engine.remove_network(&spec)).await?;
            }
        }
        Ok(())
    }
}

/// Fails with what `found` says.
pub(super) fn expect(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}

/// Fails when the two differ.
pub(super) fn expect_equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    expect(found == expected, || format!("{what}: expected {expected:?}, found {found:?}"))
}

/// Fails unless the container has ended with that code.
pub(super) fn expect_exit(container: &ObservedContainer, expected: i64) -> Result<(), String> {
    let ended = matches!(container.state, RunState::Exited { code, out_of_memory: false, .. } if code == expected);
    expect(ended, || format!("expected an end with exit code {expected}, found {:?}", container.state))
}

fn definition(name: ContainerName, workload: &Workload) -> ContainerDefinition {
    let port = PortMapping { container_port: CONTAINER_PORT, host_port: 0, protocol: TransportProtocol::Tcp, name: None, app_protocol: None };
    ContainerDefinition {
        memory: Some(64),
        port_mappings: vec![port],
        entry_point: workload.entry_point.clone(),
        command: workload.command.clone(),
        ..ContainerDefinition::new(name, &workload.image)
    }
}
