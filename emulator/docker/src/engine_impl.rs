//! The verbs.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use bytes::Bytes;
use engine::{
    Bridge, BuildSpec, Connection, ContainerSpec, Disturbance, Doorway, Engine, EngineError, EngineErrorKind, EngineEvent, EngineInfo, ExecSession,
    ExecSpec, LogLine, LogOptions, NetworkNamespace, NetworkSpec, Progress, PutFile, Stream, Usage, Verb,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use model::{ContainerId, ObservedContainer, OwnerId, RunState, ServiceKey, Timestamp};

use crate::create::Attachment;
use crate::network::Joined;
use crate::{Docker, calls, create, labels, log_bound, observe};

/// Inspections at the same time.
const INSPECTIONS: usize = 8;

impl Docker {
    async fn describe_engine(&self) -> Result<EngineInfo, EngineError> {
        let version = self.call(calls::INSPECT, self.api().version()).await?;
        let system = self.call(calls::INSPECT, self.api().info()).await?;
        let elsewhere = self.elsewhere(system.operating_system.as_deref().unwrap_or_default()).await?;
        Ok(EngineInfo { elsewhere, ..self.info(&version, &system) })
    }

    /// One request for all that run; only those that have ended are looked at one by one, for their exit codes.
    async fn list_of(&self, owner: &OwnerId) -> Result<Vec<ObservedContainer>, EngineError> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&labels::filter(owner, None)).build();
        let lines = self.call(calls::LIST, self.api().list_containers(Some(options))).await?;
        let mut containers = Vec::with_capacity(lines.len());
        let mut ended = Vec::new();
        for line in lines {
            match (observe::from_summary(&line, |gateway| self.place().is_here(gateway)), line.id) {
                (Some(container), _) => containers.push(container),
                (None, Some(id)) => ended.push(ContainerId::from_text(&id)),
                (None, None) => {}
            }
        }
        let looks = stream::iter(ended).map(|id| async move { self.observe(&id).await }).buffer_unordered(INSPECTIONS);
        let looks: Vec<_> = looks.try_collect().await?;
        containers.extend(looks.into_iter().flatten().map(|(_, container)| container));
        for seen in &mut containers {
            self.place().reach(seen).await;
        }
        containers.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(containers)
    }

    /// A container of ecslocal's and whose it is.
    pub(crate) async fn observe(&self, id: &ContainerId) -> Result<Option<(OwnerId, ObservedContainer)>, EngineError> {
        match self.call(calls::INSPECT, self.api().inspect_container(id.as_str(), None)).await {
            Ok(found) => {
                let mut found = observe::from_inspection(found, |gateway| self.place().is_here(gateway));
                if let Some((_, seen)) = &mut found {
                    self.place().reach(seen).await;
                }
                Ok(found)
            }
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        match self.try_create(spec).await {
            Err(error) if error.kind == EngineErrorKind::Refused && error.message.contains("is already in use") => self.existing(spec, error).await,
            // The network went away between the look and the request.
            Err(error) if error.kind == EngineErrorKind::NotFound && error.message.contains("network") => self.try_create(spec).await,
            outcome => outcome,
        }
    }

    async fn try_create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let attachment = self.attachment(spec).await?;
        self.ensure_volumes(spec).await?;
        let mut spec = self.with_image_defaults(spec).await?;
        spec.definition.log_configuration = log_bound::bounded(spec.definition.log_configuration.take(), self.logging_driver().await?);
        let spec = &spec;
        let options = CreateContainerOptionsBuilder::new().name(&spec.runtime_name).build();
        let made = self.call(calls::CREATE, self.api().create_container(Some(options), create::body(spec, &attachment))).await?;
        for warning in made.warnings {
            tracing::warn!(container = spec.runtime_name, "{warning}");
        }
        Ok(ContainerId::from_text(&made.id))
    }

    /// What it takes part in, with the service's network made if it joins that.
    async fn attachment(&self, spec: &ContainerSpec) -> Result<Attachment, EngineError> {
        Ok(match &spec.namespace {
            NetworkNamespace::Own => {
                let Joined { id, gateway } = self.ensure_network(&spec.network).await?;
                let dialled = spec.definition.name.is_pause() && gateway.is_some_and(|gateway| self.place().is_here(gateway));
                let published = if dialled { Vec::new() } else { self.host_ports().publish(&spec.definition)? };
                let hosts = self.hosts(&spec.connections, gateway).await?;
                let ours = gateway.filter(|gateway| self.place().is_here(*gateway));
                let asked = ours
                    .zip(spec.name_servers.as_ref())
                    .map(|(ours, others)| std::iter::once(&ours).chain(others).map(ToString::to_string).collect());
                Attachment::Network { id, published, at: self.place().published_at(), hosts, name_servers: asked.unwrap_or_default() }
            }
            NetworkNamespace::Shared(holder) => Attachment::Mode(format!("container:{holder}")),
            NetworkNamespace::Host => Attachment::Mode("host".into()),
            NetworkNamespace::None => Attachment::Mode("none".into()),
        })
    }

    /// The names of other services with this machine's addresses on their networks; `gateway` is that on the container's own.
    async fn hosts(&self, connections: &[Connection], gateway: Option<IpAddr>) -> Result<Vec<String>, EngineError> {
        let Some(first) = connections.first() else { return Ok(Vec::new()) };
        let closed = || {
            let message = format!(
                "`{}` cannot be reached: nothing can listen on the engine's networks, because they are not this machine's own; only tasks of an \
                 engine on this machine itself, not in a virtual machine, connect to other services",
                first.name
            );
            EngineError::new(EngineErrorKind::Refused, message)
        };
        let here = |gateway: &IpAddr| self.place().is_here(*gateway);
        gateway.as_ref().filter(|gateway| here(gateway)).ok_or_else(closed)?;
        let mut hosts = Vec::with_capacity(connections.len());
        for Connection { name, network } in connections {
            let gateway = self.ensure_network(network).await?.gateway.filter(here).ok_or_else(closed)?;
            hosts.push(format!("{name}:{gateway}"));
        }
        Ok(hosts)
    }

    /// A container of that name is there: ours from an earlier attempt, or somebody else's.
    async fn existing(&self, spec: &ContainerSpec, conflict: EngineError) -> Result<ContainerId, EngineError> {
        match self.observe(&ContainerId::from_text(&spec.runtime_name)).await? {
            Some((owner, container)) if owner == spec.owner => Ok(container.id),
            _ => Err(conflict),
        }
    }

    async fn start_container(&self, id: &ContainerId) -> Result<ObservedContainer, EngineError> {
        let started = self.call(calls::START, self.api().start_container(id.as_str(), None)).await;
        match started {
            // The container is there, its network is not: not what `NotFound` says of a container.
            Err(error) if error.kind == EngineErrorKind::NotFound && error.message.contains("network") => {
                return Err(EngineError::new(EngineErrorKind::Failed, error.message));
            }
            outcome => outcome?,
        }
        let seen = self.observe(id).await?;
        seen.map(|(_, container)| container).ok_or_else(|| EngineError::new(EngineErrorKind::NotFound, format!("no such container: `{id}`")))
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let options = StopContainerOptionsBuilder::new().t(i32::try_from(seconds).unwrap_or(i32::MAX)).build();
        let limit = calls::stop(grace);
        let client = self.patient(limit.after);
        match self.call(limit, client.stop_container(id.as_str(), Some(options))).await {
            Err(error) if error.kind == EngineErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        }
        match self.observe(id).await? {
            Some((_, ObservedContainer { state: RunState::Running, .. })) => {
                Err(EngineError::new(EngineErrorKind::Failed, format!("container `{id}` still runs after it was stopped")))
            }
            _ => Ok(()),
        }
    }

    async fn remove_container(&self, id: &ContainerId) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        self.place().release(id).await;
        match self.call(calls::REMOVE, self.api().remove_container(id.as_str(), Some(options))).await {
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(()),
            // Somebody else removes it at this moment.
            Err(error) if error.message.contains("is already in progress") => Ok(()),
            outcome => outcome,
        }
    }
}

impl Engine for Docker {
    fn describe(&self) -> Verb<'_, EngineInfo> {
        Box::pin(self.describe_engine())
    }

    fn list<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<ObservedContainer>> {
        Box::pin(self.list_of(owner))
    }

    fn inspect<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, Option<ObservedContainer>> {
        Box::pin(async move { Ok(self.observe(id).await?.map(|(_, container)| container)) })
    }

    fn watch<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Stream<EngineEvent>> {
        Box::pin(self.events_of(owner))
    }

    fn image<'a>(&'a self, reference: &'a str, progress: Progress) -> Verb<'a, String> {
        Box::pin(async move { self.find_or_pull(reference, &progress).await })
    }

    fn find_image<'a>(&'a self, reference: &'a str) -> Verb<'a, Option<String>> {
        Box::pin(self.local_image(reference))
    }

    fn export<'a>(&'a self, image_id: &'a str) -> Verb<'a, Stream<Bytes>> {
        Box::pin(self.export_image(image_id))
    }

    fn import(&self, image: Stream<Bytes>) -> Verb<'_, String> {
        Box::pin(self.import_image(image))
    }

    fn pause_image(&self) -> Verb<'_, String> {
        Box::pin(self.find_or_make_pause())
    }

    fn build<'a>(&'a self, spec: &'a BuildSpec, progress: Progress) -> Verb<'a, String> {
        Box::pin(async move { self.build_context(spec, &progress).await })
    }

    fn remove_superseded<'a>(&'a self, owner: &'a OwnerId, kept: &'a BTreeSet<String>, older_than: Timestamp) -> Verb<'a, usize> {
        Box::pin(self.remove_superseded_images(owner, kept, older_than))
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Verb<'a, ContainerId> {
        Box::pin(self.create_container(spec))
    }

    fn start<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, ObservedContainer> {
        Box::pin(self.start_container(id))
    }

    fn stop<'a>(&'a self, id: &'a ContainerId, grace: Duration) -> Verb<'a, ()> {
        Box::pin(self.stop_container(id, grace))
    }

    fn remove<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, ()> {
        Box::pin(self.remove_container(id))
    }

    fn disturb<'a>(&'a self, id: &'a ContainerId, what: &'a Disturbance) -> Verb<'a, ()> {
        Box::pin(self.disturb_container(id, what))
    }

    fn restore<'a>(&'a self, id: &'a ContainerId, what: &'a Disturbance) -> Verb<'a, ()> {
        Box::pin(self.restore_container(id, what))
    }

    fn networks<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<ServiceKey>> {
        Box::pin(self.services_with_network(owner))
    }

    fn bridges<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<Bridge>> {
        Box::pin(self.bridges_of(owner))
    }

    fn remove_network<'a>(&'a self, spec: &'a NetworkSpec) -> Verb<'a, ()> {
        Box::pin(self.remove_service_network(spec))
    }

    fn remove_volume<'a>(&'a self, owner: &'a OwnerId, name: &'a str) -> Verb<'a, ()> {
        Box::pin(self.remove_volume_of(owner, name))
    }

    fn doorways<'a>(&'a self, owner: &'a OwnerId, wanted: bool) -> Verb<'a, Option<Vec<Doorway>>> {
        Box::pin(self.doorways_of(owner, wanted))
    }

    fn close_doorways(&self) -> Verb<'_, ()> {
        Box::pin(self.leave_address())
    }

    fn statistics<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, Option<String>> {
        Box::pin(self.statistics_of(id))
    }

    fn usage<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, Option<Usage>> {
        Box::pin(self.usage_of(id))
    }

    fn exec<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> Verb<'a, ExecSession> {
        Box::pin(self.run_in(id, spec))
    }

    fn put<'a>(&'a self, id: &'a ContainerId, files: &'a [PutFile]) -> Verb<'a, ()> {
        Box::pin(self.put_files(id, files))
    }

    fn logs<'a>(&'a self, id: &'a ContainerId, options: LogOptions) -> Verb<'a, Stream<LogLine>> {
        Box::pin(self.log_lines(id, options))
    }
}
