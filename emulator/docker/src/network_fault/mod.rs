//! Faults of a container's network: a container of our own joins it for as long, with the one right that it needs.
//!
//! It holds a program of a few hundred bytes ([`program`]) that tells the kernel what to do ([`rules`]), says how that went, waits, and
//! undoes it; so a fault ends with its time even if no daemon ever comes back. It is removed by the engine when it has ended.

mod filter;
mod message;
mod program;
mod rules;

use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
    UploadToContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use engine::{EngineError, EngineErrorKind};
use futures_util::StreamExt as _;
use model::{ContainerId, FaultId, NetworkFault, NetworkFaultKind, OwnerId};

use crate::pause_image::tar;
use crate::{Docker, calls, labels};

/// Which fault a container of ours does.
const FAULT: &str = "dev.ecslocal.fault";

/// What the program needs: to change a network namespace, and no more.
const RIGHT: &str = "NET_ADMIN";

/// How long the program is waited for once it has been told to end: it sends a few messages.
const END: i32 = 5;

/// Errors of the kernel (`errno`).
const EPERM: u8 = 1;
const ENOENT: u8 = 2;
const ENODEV: u8 = 19;
const EINVAL: u8 = 22;

impl Docker {
    pub(crate) async fn begin_network_fault(
        &self,
        id: &ContainerId,
        (owner, fault): (&OwnerId, &FaultId),
        what: &NetworkFault,
        time: Duration,
    ) -> Result<(), EngineError> {
        let (first, then) = rules::said(fault.as_str(), what);
        let name = name(fault, id);
        let executable = self.network_program(&first, time, &then).await?;
        match self.run_in_network(&name, id, (owner, fault), executable).await {
            Ok(0) => Ok(()),
            Ok(error) => Err(EngineError::new(EngineErrorKind::Refused, told(what, error))),
            // A daemon that died has begun it.
            Err(error) if error.message.contains("is already in use") => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn end_network_fault(
        &self,
        id: &ContainerId,
        (owner, fault): (&OwnerId, &FaultId),
        what: &NetworkFault,
    ) -> Result<(), EngineError> {
        let name = name(fault, id);
        if self.stop_network_program(&name).await? {
            return Ok(());
        }
        // It ended otherwise, or somebody removed it: what it did may be there still.
        let (_, undo) = rules::said(fault.as_str(), what);
        let executable = self.network_program(&undo, Duration::ZERO, &[]).await?;
        match self.run_in_network(&format!("{name}-end"), id, (owner, fault), executable).await {
            Ok(0 | ENOENT | EINVAL) => Ok(()),
            Ok(error) => Err(EngineError::new(EngineErrorKind::Failed, told(what, error))),
            Err(error) if is_without_network(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn network_program(&self, first: &[program::Said], time: Duration, then: &[program::Said]) -> Result<Vec<u8>, EngineError> {
        let architecture = self.call(calls::INSPECT, self.api().version()).await?.arch.unwrap_or_default();
        program::for_architecture(&architecture, first, time, then).ok_or_else(|| {
            let message = format!("faults of networks are for engines on x86-64 and aarch64, not on `{architecture}`");
            EngineError::new(EngineErrorKind::Refused, message)
        })
    }

    /// Runs the program in a container's network. What it says first: 0, or the kernel's error.
    async fn run_in_network(
        &self,
        name: &str,
        id: &ContainerId,
        (owner, fault): (&OwnerId, &FaultId),
        executable: Vec<u8>,
    ) -> Result<u8, EngineError> {
        let image = self.find_or_make_pause().await?;
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let made = self.call(calls::CREATE, self.api().create_container(Some(options), body(&image, id, owner, fault))).await?;
        let outcome = self.start_in_network(&made.id, executable).await;
        if !matches!(outcome, Ok(0)) {
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            self.call(calls::REMOVE, self.api().remove_container(&made.id, Some(options))).await.ok();
        }
        outcome
    }

    async fn start_in_network(&self, made: &str, executable: Vec<u8>) -> Result<u8, EngineError> {
        let broken = |error: std::io::Error| EngineError::new(EngineErrorKind::Failed, format!("the program of a fault: {error}"));
        let archive = tar(&[("fault", &executable, 0o755)]).map_err(broken)?;
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        self.call(calls::CREATE, self.api().upload_to_container(made, Some(options), bollard::body_full(archive.into()))).await?;
        let options = AttachContainerOptionsBuilder::new().stdout(true).stream(true).build();
        let mut attached = self.call(calls::START, self.api().attach_container(made, Some(options))).await?;
        self.call(calls::START, self.api().start_container(made, None)).await?;
        let said = tokio::time::timeout(calls::DISTURB.after, attached.output.next()).await.map_err(|_| calls::DISTURB.passed())?;
        let said = said.transpose().map_err(|error| self.failure(error))?.and_then(|output| output.into_bytes().first().copied());
        said.ok_or_else(|| EngineError::new(EngineErrorKind::Failed, "the program of a fault ended without a word"))
    }

    /// Ends it; whether it was there and undid what it had done.
    async fn stop_network_program(&self, name: &str) -> Result<bool, EngineError> {
        let options = WaitContainerOptionsBuilder::new().condition("next-exit").build();
        let mut waiting = self.patient(calls::DISTURB.after).wait_container(name, Some(options));
        let options = StopContainerOptionsBuilder::new().t(END).build();
        let stop = self.call(calls::DISTURB, self.api().stop_container(name, Some(options)));
        // The wait begins first.
        let (ended, stopped) = tokio::join!(biased; tokio::time::timeout(calls::DISTURB.after, waiting.next()), stop);
        match stopped {
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(()) => Ok(matches!(ended, Ok(Some(Ok(answer))) if answer.status_code == 0)),
        }
    }
}

/// The engine has one container of a name.
fn name(fault: &FaultId, id: &ContainerId) -> String {
    format!("ecslocal-{fault}-{id:.12}")
}

fn body(image: &str, id: &ContainerId, owner: &OwnerId, fault: &FaultId) -> ContainerCreateBody {
    let host = HostConfig {
        network_mode: Some(format!("container:{id}")),
        cap_drop: Some(vec!["ALL".into()]),
        cap_add: Some(vec![RIGHT.into()]),
        auto_remove: Some(true),
        memory: Some(16 << 20),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec!["/fault".into()]),
        labels: Some([(labels::OWNER.to_owned(), owner.to_string()), (FAULT.to_owned(), fault.to_string())].into()),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

/// The container whose network it was does not run, or is gone, and its network with it.
fn is_without_network(error: &EngineError) -> bool {
    error.kind == EngineErrorKind::NotFound || error.message.contains("non running container") || error.message.contains("is not running")
}

/// What an error of the kernel means for a person.
fn told(what: &NetworkFault, error: u8) -> String {
    match (error, what.kind) {
        (ENOENT, NetworkFaultKind::Latency { .. }) => "the kernel of the engine has no `netem` (CONFIG_NET_SCH_NETEM), which delays packets\nhint: \
             `ecslocal chaos delay` delays what comes through a load balancer, on any kernel"
            .to_owned(),
        (ENOENT, _) => {
            "the kernel of the engine has not all of nftables that is needed (CONFIG_NF_TABLES_INET, CONFIG_NFT_NUMGEN, CONFIG_NFT_HASH)".to_owned()
        }
        (93 | 94 | 97, _) => "the kernel of the engine has no nftables (CONFIG_NF_TABLES), which drops packets".to_owned(),
        (EPERM, _) => format!("the engine does not let a container change a network (capability {RIGHT}), as a rootless one does not"),
        (ENODEV, _) => "the container has no interface `eth0`".to_owned(),
        (error, _) => format!("the kernel of the engine refused it: {}", std::io::Error::from_raw_os_error(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_cannot_do_is_said_by_name() {
        let latency = NetworkFault::new(NetworkFaultKind::Latency { delay_millis: 1, jitter_millis: 0 });
        let loss = NetworkFault::new(NetworkFaultKind::Loss { percent: 1 });
        assert!(told(&latency, ENOENT).contains("no `netem` (CONFIG_NET_SCH_NETEM), which delays packets\nhint: `ecslocal chaos delay`"));
        assert!(told(&loss, 93).contains("CONFIG_NF_TABLES") && told(&loss, ENOENT).contains("CONFIG_NFT_NUMGEN"));
        assert!(told(&loss, EPERM).contains("NET_ADMIN"));
        assert!(told(&loss, 105).starts_with("the kernel of the engine refused it: "));
    }
}
