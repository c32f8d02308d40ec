//! The verbs of the fleet.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use model::{ContainerId, Ids, ObservedContainer, OwnerId, PAUSE_IMAGE, ServiceKey, Timestamp};

use super::container::{Container, Phase};
use super::exec;
use super::fleet::{Fleet, NUMBER};
use super::journal::{Call, VerbName};
use super::script::{PullScript, Script};
use super::state::{State, no_such_container};
use super::streams;
use super::ticket::{Look, Ticket};
use crate::{
    Bridge, BuildSpec, ContainerSpec, Disturbance, Engine, EngineError, EngineErrorKind, EngineEvent, EngineInfo, ExecSession, ExecSpec, LogLine,
    LogOptions, Mount, MountSource, Namespace, NetworkNamespace, NetworkSpec, Progress, PutFile, Stream, Usage, Verb, VolumeScope, missing_volume,
};

impl Fleet {
    /// A verb that is not about one container.
    fn call(&self, verb: VerbName, subject: &str, service: Option<&ServiceKey>) -> Ticket {
        self.shared.enter(verb, |_, at| Call { at, verb, subject: subject.to_owned(), service: service.cloned(), task: None })
    }

    /// A verb about a container.
    fn call_on(&self, verb: VerbName, id: &ContainerId) -> Ticket {
        self.shared.enter(verb, |state, at| match state.containers.get(id).map(|container| &container.spec) {
            Some(spec) => Call { at, verb, subject: spec.runtime_name.clone(), service: spec.service.clone(), task: Some(spec.task.clone()) },
            None => Call { at, verb, subject: id.as_str().to_owned(), service: None, task: None },
        })
    }
}

impl Engine for Fleet {
    fn describe(&self) -> Verb<'_, EngineInfo> {
        let ticket = self.call(VerbName::Describe, "", None);
        Box::pin(async move {
            let version = env!("CARGO_PKG_VERSION");
            let info = |state: &mut State, _| {
                Ok(EngineInfo {
                    name: "simulated".into(),
                    version: version.into(),
                    api_version: version.into(),
                    endpoint: "memory".into(),
                    id: format!("fleet {}", state.created >> NUMBER),
                    resources: state.resources.clone(),
                    elsewhere: None,
                })
            };
            ticket.once(info).await
        })
    }

    fn list<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<ObservedContainer>> {
        let ticket = self.call(VerbName::List, owner.as_str(), None);
        Box::pin(async move {
            let mine = |state: &State| {
                let mine = state.containers.values().filter(|container| container.spec.owner == *owner);
                mine.map(Container::observed).collect()
            };
            ticket.once(|state, _| Ok(mine(state))).await
        })
    }

    fn inspect<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, Option<ObservedContainer>> {
        let ticket = self.call_on(VerbName::Inspect, id);
        Box::pin(async move { ticket.once(|state, _| Ok(state.containers.get(id).map(Container::observed))).await })
    }

    fn watch<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Stream<EngineEvent>> {
        let ticket = self.call(VerbName::Watch, owner.as_str(), None);
        Box::pin(async move { ticket.once(|state, _| Ok(streams::watch(&self.shared, state, owner))).await })
    }

    fn image<'a>(&'a self, reference: &'a str, progress: Progress) -> Verb<'a, String> {
        let ticket = self.call(VerbName::Image, reference, None);
        Box::pin(async move {
            let pull = PullScript::of(reference).map_err(refused)?;
            let mut joined = None;
            ticket
                .until(|state, now| {
                    // Two who ask at once share one pull, and its failure.
                    let (id, here_at) = joined.get_or_insert_with(|| pull_image(state, reference, now + pull.takes, &progress)).clone();
                    if here_at > now {
                        return Look::Wait(Some(here_at));
                    }
                    if pull.missing {
                        state.images.remove(reference);
                        let message = format!("pull access denied for `{reference}`: the repository does not exist");
                        return Look::Done(Err(EngineError::new(EngineErrorKind::CannotPull, message)));
                    }
                    Look::Done(Ok(id))
                })
                .await
        })
    }

    fn find_image<'a>(&'a self, reference: &'a str) -> Verb<'a, Option<String>> {
        let ticket = self.call(VerbName::FindImage, reference, None);
        Box::pin(async move { ticket.once(|state, now| Ok(state.image(reference, now))).await })
    }

    fn export<'a>(&'a self, image_id: &'a str) -> Verb<'a, Stream<Bytes>> {
        let ticket = self.call(VerbName::Export, image_id, None);
        Box::pin(async move {
            let found = ticket.once(|state, now| Ok(state.image(image_id, now))).await?;
            let id = found.ok_or_else(|| EngineError::new(EngineErrorKind::NotFound, format!("no such image: `{image_id}`")))?;
            Ok(futures_util::stream::iter([Ok(Bytes::from(id))]).boxed())
        })
    }

    fn import(&self, mut image: Stream<Bytes>) -> Verb<'_, String> {
        let ticket = self.call(VerbName::Import, "", None);
        Box::pin(async move {
            let mut whole = Vec::new();
            while let Some(part) = image.next().await {
                whole.extend_from_slice(&part?);
            }
            let id = String::from_utf8(whole).map_err(|_| EngineError::new(EngineErrorKind::Failed, "this is no image"))?;
            ticket.once(|state, now| Ok(state.images.entry(id.clone()).or_insert_with(|| (id.clone(), now)).0.clone())).await
        })
    }

    fn pause_image(&self) -> Verb<'_, String> {
        let ticket = self.call(VerbName::PauseImage, PAUSE_IMAGE, None);
        Box::pin(async move {
            let make = |state: &mut State, now| {
                let make = || (text_id(PAUSE_IMAGE), now);
                Ok(state.images.entry(PAUSE_IMAGE.to_owned()).or_insert_with(make).0.clone())
            };
            ticket.once(make).await
        })
    }

    fn build<'a>(&'a self, spec: &'a BuildSpec, progress: Progress) -> Verb<'a, String> {
        let ticket = self.call(VerbName::Build, &spec.tag, None);
        Box::pin(async move {
            let build = |state: &mut State, now| {
                progress.line(&format!("building {} from {}", spec.tag, spec.context.display()));
                if spec.context.to_string_lossy().contains("fail") {
                    return Err(EngineError::new(EngineErrorKind::BuildFailed, "the context's path says `fail`"));
                }
                let edits = state.edits.get(&spec.context).copied().unwrap_or_default();
                let id = text_id(&format!("{:?} {} {:?} {:?} {edits}", spec.context, spec.dockerfile, spec.args, spec.target));
                state.images.insert(spec.tag.clone(), (id.clone(), now));
                Ok(id)
            };
            ticket.once(build).await
        })
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Verb<'a, ContainerId> {
        let verb = VerbName::Create;
        let (service, task) = (spec.service.clone(), Some(spec.task.clone()));
        let ticket = self.shared.enter(verb, |_, at| Call { at, verb, subject: spec.runtime_name.clone(), service, task });
        Box::pin(async move { ticket.once(|state, now| create(state, spec, now)).await })
    }

    fn start<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, ObservedContainer> {
        let ticket = self.call_on(VerbName::Start, id);
        Box::pin(async move {
            let mut asked = false;
            ticket
                .until(|state, now| {
                    if let Some(container) = state.containers.get_mut(id)
                        && !asked
                        && matches!(container.phase, Phase::Created | Phase::Exited { .. })
                    {
                        container.start_error = None;
                        container.phase = Phase::Starting { at: now + container.script.start };
                        state.settle(now);
                    }
                    asked = true;
                    let Some(container) = state.containers.get(id) else { return Look::Done(Err(no_such_container(id))) };
                    match (&container.phase, &container.start_error) {
                        (Phase::Starting { at }, _) => Look::Wait(Some(*at)),
                        (Phase::Created, Some(error)) => Look::Done(Err(error.clone())),
                        _ => Look::Done(Ok(container.observed())),
                    }
                })
                .await
        })
    }

    fn stop<'a>(&'a self, id: &'a ContainerId, grace: Duration) -> Verb<'a, ()> {
        let ticket = self.call_on(VerbName::Stop, id);
        Box::pin(async move {
            let mut signalled = false;
            ticket
                .until(|state, now| {
                    if let Some(container) = state.containers.get_mut(id)
                        && container.running().is_some()
                        && !signalled
                    {
                        signalled = true;
                        container.signal(now, grace);
                        // Everyone who sleeps until something later must look again.
                        state.changed();
                        state.settle(now);
                    }
                    match state.containers.get(id).map(|container| (container.due(), &container.phase)) {
                        Some((due, Phase::Running(_) | Phase::Starting { .. })) => Look::Wait(due),
                        _ => Look::Done(Ok(())),
                    }
                })
                .await
        })
    }

    fn remove<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, ()> {
        let ticket = self.call_on(VerbName::Remove, id);
        Box::pin(async move {
            let remove = |state: &mut State, now| {
                state.take_away(id, now);
                Ok(())
            };
            ticket.once(remove).await
        })
    }

    fn disturb<'a>(&'a self, id: &'a ContainerId, what: &'a Disturbance) -> Verb<'a, ()> {
        let ticket = self.call_on(VerbName::Disturb, id);
        Box::pin(async move {
            let disturb = |state: &mut State, now| {
                if *what == Disturbance::Kill {
                    state.finish(id, now, 137, false);
                    return Ok(());
                }
                let container = state.containers.get_mut(id).ok_or_else(|| no_such_container(id))?;
                if container.running().is_none() {
                    return Err(refused(format!("container `{id}` is not running")));
                }
                if !container.disturbed.contains(what) {
                    container.disturbed.push(what.clone());
                }
                Ok(())
            };
            ticket.once(disturb).await
        })
    }

    fn restore<'a>(&'a self, id: &'a ContainerId, what: &'a Disturbance) -> Verb<'a, ()> {
        let ticket = self.call_on(VerbName::Restore, id);
        Box::pin(async move {
            let restore = |state: &mut State, _| {
                state.containers.get_mut(id).into_iter().for_each(|container| container.disturbed.retain(|done| done != what));
                Ok(())
            };
            ticket.once(restore).await
        })
    }

    fn networks<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<ServiceKey>> {
        let ticket = self.call(VerbName::Networks, owner.as_str(), None);
        Box::pin(async move { ticket.once(|state, _| Ok(state.ledger.services(owner))).await })
    }

    /// None: nothing of the fleet's is on this machine.
    fn bridges<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<Bridge>> {
        let ticket = self.call(VerbName::Networks, owner.as_str(), None);
        Box::pin(async move { ticket.once(|_, _| Ok(Vec::new())).await })
    }

    fn remove_network<'a>(&'a self, spec: &'a NetworkSpec) -> Verb<'a, ()> {
        let ticket = self.call(VerbName::RemoveNetwork, &spec.service.to_string(), Some(&spec.service));
        Box::pin(async move {
            let remove = |state: &mut State, _| {
                if state.containers.values().any(|container| container.holds(spec)) {
                    let message = format!("the network of `{}` has containers that run in it", spec.service);
                    return Err(EngineError::new(EngineErrorKind::Failed, message));
                }
                state.ledger.remove_network(&spec.owner, &spec.service);
                Ok(())
            };
            ticket.once(remove).await
        })
    }

    fn remove_volume<'a>(&'a self, owner: &'a OwnerId, name: &'a str) -> Verb<'a, ()> {
        let ticket = self.call(VerbName::RemoveVolume, name, None);
        Box::pin(async move {
            let remove = |state: &mut State, _| {
                let mounts = |mount: &Mount| matches!(&mount.source, MountSource::Volume(volume) if volume.name == name);
                if state.containers.values().any(|container| container.spec.mounts.iter().any(mounts)) {
                    return Err(EngineError::new(EngineErrorKind::Failed, format!("the volume `{name}` is in use")));
                }
                if state.volumes.get(name).is_some_and(|whose| whose.as_ref() == Some(owner)) {
                    state.volumes.remove(name);
                }
                Ok(())
            };
            ticket.once(remove).await
        })
    }

    fn usage<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, Option<Usage>> {
        let ticket = self.call_on(VerbName::Usage, id);
        Box::pin(async move { ticket.once(|state, now| Ok(state.containers.get(id).and_then(|container| container.usage(now)))).await })
    }

    fn exec<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> Verb<'a, ExecSession> {
        let ticket = self.call_on(VerbName::Exec, id);
        Box::pin(async move {
            let start = |state: &mut State, _| {
                let container = state.containers.get(id).ok_or_else(|| no_such_container(id))?;
                if container.running().is_none() {
                    return Err(refused(format!("container `{id}` is not running")));
                }
                Ok(exec::start(spec))
            };
            ticket.once(start).await
        })
    }

    fn put<'a>(&'a self, id: &'a ContainerId, files: &'a [PutFile]) -> Verb<'a, ()> {
        let ticket = self.call_on(VerbName::Put, id);
        Box::pin(async move {
            let put = |state: &mut State, _| {
                let container = state.containers.get_mut(id).ok_or_else(|| no_such_container(id))?;
                if container.spec.definition.readonly_root_filesystem {
                    return Err(refused("container rootfs is marked read-only".into()));
                }
                container.files.extend(files.iter().map(|file| (file.path.clone(), file.content.clone())));
                Ok(())
            };
            ticket.once(put).await
        })
    }

    fn logs<'a>(&'a self, id: &'a ContainerId, options: LogOptions) -> Verb<'a, Stream<LogLine>> {
        let ticket = self.call_on(VerbName::Logs, id);
        Box::pin(async move {
            let open = |state: &mut State, _| {
                let container = state.containers.get(id).ok_or_else(|| no_such_container(id))?;
                Ok(streams::logs(&self.shared, &container.lines, id, &options))
            };
            ticket.once(open).await
        })
    }
}

/// The image's id and when it is here: a pull begins at most once.
fn pull_image(state: &mut State, reference: &str, here_at: Timestamp, progress: &Progress) -> (String, Timestamp) {
    let begin = || {
        progress.line(&format!("pulling {reference}"));
        (text_id(reference), here_at)
    };
    if let Some(known) = state.images.values().find(|(id, _)| id == reference) {
        return known.clone();
    }
    state.images.entry(reference.to_owned()).or_insert_with(begin).clone()
}

fn create(state: &mut State, spec: &ContainerSpec, now: Timestamp) -> Result<ContainerId, EngineError> {
    if let Some(container) = state.containers.values().find(|container| container.spec.runtime_name == spec.runtime_name) {
        if container.spec.owner == spec.owner {
            return Ok(container.id.clone());
        }
        return Err(refused(format!("the container name `{}` is in use by container `{}`", spec.runtime_name, container.id)));
    }
    if !state.images.values().any(|(id, here_at)| *id == spec.image_id && *here_at <= now) {
        return Err(EngineError::new(EngineErrorKind::NotFound, format!("no such image: `{}`", spec.image_id)));
    }
    let script = Script::of(&spec.definition).map_err(refused)?;
    match &spec.namespace {
        NetworkNamespace::Own => state.ledger.add_network(&spec.network.owner, &spec.network.service)?,
        NetworkNamespace::Shared(holder) if !state.containers.contains_key(holder) => return Err(no_such_container(holder)),
        NetworkNamespace::Shared(_) | NetworkNamespace::Host | NetworkNamespace::None => {}
    }
    for holder in [&spec.processes, &spec.ipc] {
        if let Namespace::Shared(holder) = holder
            && !state.containers.contains_key(holder)
        {
            return Err(no_such_container(holder));
        }
    }
    for mount in &spec.mounts {
        let MountSource::Volume(volume) = &mount.source else { continue };
        let known = state.volumes.contains_key(&volume.name);
        match volume.scope {
            VolumeScope::Existing if !known => return Err(refused(missing_volume(&volume.name))),
            VolumeScope::Task => drop(state.volumes.insert(volume.name.clone(), Some(spec.owner.clone()))),
            VolumeScope::Shared => drop(state.volumes.entry(volume.name.clone()).or_default()),
            VolumeScope::Existing => {}
        }
    }
    state.created += 1;
    // The first twelve digits, which people see, count; so the order of ids is the order of creation.
    let id = ContainerId::from_text(&format!("{:012x}{:.52}", state.created, hex_64(state.created)));
    let container = Container {
        id: id.clone(),
        spec: spec.clone(),
        script,
        phase: Phase::Created,
        start_error: None,
        disturbed: Vec::new(),
        files: BTreeMap::new(),
        lines: Vec::new(),
        bindings: Vec::new(),
    };
    state.containers.insert(id.clone(), container);
    state.changed();
    Ok(id)
}

fn refused(why: String) -> EngineError {
    EngineError::new(EngineErrorKind::Refused, why)
}

/// An image's id: the same for the same text, on every machine and in every version.
fn text_id(text: &str) -> String {
    // FNV-1a: short, and stable where the standard library's hasher does not promise to be.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("sha256:{}", hex_64(hash))
}

/// 64 hexadecimal digits that a number stands for.
fn hex_64(seed: u64) -> String {
    let mut ids = Ids::seeded(seed);
    (0..4).map(|_| format!("{:016x}", ids.next_u64())).collect()
}
