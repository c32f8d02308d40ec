//! A place to work on the real engine that is left clean, whatever happens in it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use bollard::query_parameters::{ListImagesOptions, RemoveImageOptionsBuilder};
use docker::{Docker, Settings, connect};
use engine::{BuildSpec, ContainerSpec, Engine, Namespace, NetworkNamespace, NetworkSpec, Progress};
use futures_util::FutureExt;
use model::{
    ClusterName, ContainerDefinition, ContainerName, Family, Ids, OwnerId, PortMapping, Revision, ServiceKey, ServiceName, TransportProtocol,
};

/// Longest wait for something that happens within a second or two.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// An owner that nobody else has.
pub(crate) fn new_owner() -> OwnerId {
    OwnerId::from_text(&format!("{:016x}", random()))
}

/// A TCP port of loopback that is free.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The engine of this machine.
pub(crate) async fn docker() -> Docker {
    let settings = Settings::from_environment(|name| std::env::var(name).ok());
    connect(&settings).await.unwrap_or_else(|error| panic!("these tests need a container engine: {error}"))
}

/// An engine, and an owner of its own.
pub(crate) struct Lab {
    pub(crate) docker: Docker,
    pub(crate) owner: OwnerId,
}

impl Lab {
    /// Works, then removes every container, network and image of this owner, also when the work panicked.
    pub(crate) async fn work(work: impl AsyncFnOnce(&Self)) {
        let lab = Self { docker: docker().await, owner: new_owner() };
        let outcome = AssertUnwindSafe(work(&lab)).catch_unwind().await;
        lab.clean().await;
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }

    async fn clean(&self) {
        for container in self.docker.list(&self.owner).await.unwrap() {
            self.docker.remove(&container.id).await.unwrap();
        }
        for service in self.docker.networks(&self.owner).await.unwrap() {
            self.docker.remove_network(&NetworkSpec { owner: self.owner.clone(), service }).await.unwrap();
        }
        self.docker.close_doorways().await.unwrap();
        let filter = format!("label=dev.ecslocal.owner={}", self.owner);
        let volumes = std::process::Command::new("docker").args(["volume", "ls", "--quiet", "--filter", &filter]).output().unwrap();
        for name in String::from_utf8_lossy(&volumes.stdout).lines() {
            self.docker.remove_volume(&self.owner, name).await.unwrap();
        }
        let endpoint = self.docker.describe().await.unwrap().endpoint;
        let api = bollard::Docker::connect_with_host(&endpoint).unwrap();
        let images = api.list_images(None::<ListImagesOptions>).await.unwrap();
        for tag in images.iter().flat_map(|image| &image.repo_tags).filter(|tag| tag.starts_with(&self.tag())) {
            api.remove_image(tag, Some(RemoveImageOptionsBuilder::new().force(true).build()), None).await.unwrap();
        }
    }

    fn tag(&self) -> String {
        format!("ecslocal-test/build:{}", self.owner)
    }

    /// A build of that context.
    pub(crate) fn build(&self, context: &std::path::Path) -> BuildSpec {
        BuildSpec {
            owner: self.owner.clone(),
            context: context.to_owned(),
            dockerfile: "Dockerfile".into(),
            args: [].into(),
            target: None,
            tag: self.tag(),
        }
    }

    /// A container of that service, which runs the test container with these words.
    pub(crate) async fn container(&self, service: &str, words: &[&str]) -> ContainerSpec {
        let image_id = self.docker.image(&test_support::test_image(), Progress::none()).await.unwrap();
        let mut ids = Ids::seeded(random());
        let cluster = ClusterName::new("lab").unwrap();
        let service = ServiceKey { cluster: cluster.clone(), name: ServiceName::new(service).unwrap() };
        let task = ids.task();
        ContainerSpec {
            owner: self.owner.clone(),
            cluster,
            service: Some(service.clone()),
            instance: model::InstanceName::local(),
            task_arn: format!("arn:aws:ecs:us-east-1:000000000000:task/lab/{task}"),
            task,
            revision: Revision { family: Family::new("lab").unwrap(), number: 1 },
            runtime_name: format!("ecs-lab-1-app-{}", ids.container_suffix()),
            image_id,
            definition: definition(words),
            task_cpu: None,
            task_memory: None,
            image_defaults: Vec::new(),
            network: NetworkSpec { owner: self.owner.clone(), service },
            namespace: NetworkNamespace::Own,
            speed: model::Speed::default(),
            processes: Namespace::Own,
            ipc: Namespace::Own,
            links: Vec::new(),
            connections: Vec::new(),
            name_servers: None,
            mounts: Vec::new(),
            volumes_from: Vec::new(),
        }
    }
}

fn definition(words: &[&str]) -> ContainerDefinition {
    ContainerDefinition {
        port_mappings: vec![PortMapping { container_port: 8080, host_port: 0, protocol: TransportProtocol::Tcp, name: None, app_protocol: None }],
        command: Some(words.iter().map(|word| (*word).to_owned()).collect()),
        ..ContainerDefinition::new(ContainerName::new("app").unwrap(), "")
    }
}
