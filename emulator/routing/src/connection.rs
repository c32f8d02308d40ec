//! Which service may reach which, at which ports, and which tasks are behind each: `connectsTo` and Service Connect.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{
    ContainerDefinition, ContainerName, ContainerStatus, DeploymentStatus, HealthStatus, Service, ServiceConnectService, ServiceKey, Task,
    TaskDefinition, TaskStatus, TransportProtocol, World, task_endpoint,
};

pub use model::AppProtocol;

use crate::rotation::Member;

/// How long nothing may move on a connection over TCP (ecs.md 8).
const TCP_IDLE: Duration = Duration::from_secs(60 * 60);

/// One port of one service, for another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionKey {
    /// Who may reach it.
    pub client: ServiceKey,
    /// Who is reached.
    pub server: ServiceKey,
    /// At which port.
    pub port: u16,
}

impl std::fmt::Display for ConnectionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {}:{}", self.client, self.server.name, self.port)
    }
}

/// What is behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// What the client calls it.
    pub names: Vec<String>,
    /// The tasks, in the order of their ids.
    pub members: Vec<Member>,
    /// What is spoken, request by request; `None` where it is bytes, connection by connection.
    pub app_protocol: Option<AppProtocol>,
    /// A connection on which nothing moves for so long ends; `None` for never.
    pub idle_timeout: Option<Duration>,
    /// A response must be whole after so long; `None` for never.
    pub request_timeout: Option<Duration>,
}

/// The names by which a service's containers reach others: the host's name in the container, and whom it stands for.
#[must_use]
pub fn names(world: &World, client: &ServiceKey) -> BTreeMap<String, ServiceKey> {
    let Some(service) = world.services.get(client) else { return BTreeMap::new() };
    let servers = servers(world, service).map(|server| (server.name.to_string(), server));
    servers.chain(endpoints(world, service).map(|(server, endpoint)| (endpoint.dns_name.clone(), server.key()))).collect()
}

/// Every connection that is granted. Where `connectsTo` and Service Connect grant the same one, Service Connect says how it goes.
#[must_use]
pub fn connections(world: &World) -> BTreeMap<ConnectionKey, Connection> {
    let mut found: BTreeMap<ConnectionKey, Connection> = BTreeMap::new();
    for (client, service) in &world.services {
        for server in servers(world, service) {
            for (port, members) in ports(world, &server) {
                let key = ConnectionKey { client: client.clone(), server: server.clone(), port };
                let names = vec![server.name.to_string()];
                found.insert(key, Connection { names, members, idle_timeout: Some(TCP_IDLE), ..Connection::default() });
            }
        }
        for (server, endpoint) in endpoints(world, service) {
            let key = ConnectionKey { client: client.clone(), server: server.key(), port: endpoint.client_port };
            let known = found.entry(key).or_default();
            let mut names = std::mem::take(&mut known.names);
            names.push(endpoint.dns_name.clone());
            *known = Connection { names, ..by_name(world, server, endpoint) };
        }
    }
    found
}

/// The services that it names and that there are.
fn servers(world: &World, service: &Service) -> impl Iterator<Item = ServiceKey> {
    let keys = service.spec.connects_to.iter().map(|name| ServiceKey { cluster: service.cluster.clone(), name: name.clone() });
    keys.filter(|key| world.services.contains_key(key))
}

/// The endpoints of its namespace, its own among them.
fn endpoints<'w>(world: &'w World, client: &'w Service) -> impl Iterator<Item = (&'w Service, &'w ServiceConnectService)> {
    client.spec.service_connect.iter().flat_map(|own| {
        let offered = world.services.values().filter_map(|server| Some((server, server.spec.service_connect.as_ref()?)));
        let seen = offered.filter(move |(_, connect)| connect.namespace == own.namespace);
        seen.flat_map(|(server, connect)| connect.services.iter().map(move |endpoint| (server, endpoint)))
    })
}

/// What is behind an endpoint: the port of that name in each task's own definition.
fn by_name(world: &World, server: &Service, endpoint: &ServiceConnectService) -> Connection {
    let named = |definition: &TaskDefinition| {
        let mut mappings =
            definition.containers.iter().flat_map(|container| container.port_mappings.iter().map(move |mapping| (&container.name, mapping)));
        let (container, mapping) = mappings.find(|(_, mapping)| mapping.name.as_ref() == Some(&endpoint.port_name))?;
        Some((container.clone(), mapping.container_port, mapping.app_protocol))
    };
    let newest = server.primary().and_then(|primary| world.definition(&primary.revision));
    let app_protocol = newest.and_then(|definition| named(definition)?.2);
    let members = members(world, server, |definition| named(definition).map(|(container, port, _)| (container, port)));
    let (idle_timeout, request_timeout) = (endpoint.idle_timeout(app_protocol), endpoint.request_timeout(app_protocol));
    Connection { names: Vec::new(), members, app_protocol, idle_timeout, request_timeout }
}

/// The container ports of a service, and the tasks that answer there. A port is a service's while it is in the task definition of any of
/// its deployments; of two containers with one port the first has it.
fn ports(world: &World, server: &ServiceKey) -> BTreeMap<u16, Vec<Member>> {
    let Some(service) = world.services.get(server) else { return BTreeMap::new() };
    let definitions = service.deployments.iter().filter_map(|deployment| world.definition(&deployment.revision));
    let ports: BTreeSet<u16> = definitions.flat_map(tcp_ports).map(|(_, port)| port).collect();
    let at =
        |port| move |definition: &TaskDefinition| tcp_ports(definition).find(|(_, found)| *found == port).map(|(name, port)| (name.clone(), port));
    ports.into_iter().map(|port| (port, members(world, service, at(port)))).collect()
}

/// The tasks that get new connections at the port that `choose` finds in their definition.
fn members(world: &World, service: &Service, choose: impl Fn(&TaskDefinition) -> Option<(ContainerName, u16)>) -> Vec<Member> {
    let (key, serving) = (service.key(), serving(service));
    let tasks = world.tasks_of(&key).filter(|task| task.deployment.as_ref().is_none_or(|deployment| serving.contains(deployment)));
    let member = |task: &Task| {
        let definition = world.definition(&task.revision).filter(|definition| is_ready(task, definition))?;
        let (container, port) = choose(definition)?;
        let endpoint = task_endpoint::wanted(task, (Some(definition), world.host_of(task)), (&container, port))?;
        Some(Member { task: task.id.clone(), address: endpoint.address })
    };
    tasks.filter_map(member).collect()
}

fn tcp_ports(definition: &TaskDefinition) -> impl Iterator<Item = (&ContainerName, u16)> {
    let mapped = |container: &ContainerDefinition| {
        container
            .port_mappings
            .iter()
            .filter(|mapping| mapping.protocol == TransportProtocol::Tcp)
            .map(|mapping| mapping.container_port)
            .collect::<Vec<_>>()
    };
    definition.containers.iter().flat_map(move |container| mapped(container).into_iter().map(|port| (&container.name, port)))
}

/// The deployments that get traffic: all of a service that replaces task by task. While traffic is shifted, those that get production's.
fn serving(service: &Service) -> BTreeSet<&model::DeploymentId> {
    let shift = service.primary().and_then(|primary| primary.shift.as_ref()).filter(|shift| shift.keeps_old() && service.old().is_some());
    let gets = |status: DeploymentStatus| match (shift.map(|shift| shift.production), status) {
        (Some(0), DeploymentStatus::Primary) | (Some(model::traffic_shift::ALL), DeploymentStatus::Active) => false,
        (Some(_) | None, _) => true,
    };
    service.deployments.iter().filter(|deployment| gets(deployment.status)).map(|deployment| &deployment.id).collect()
}

/// Whether a task gets new connections: it runs, is to run, and every container with a check of its own is healthy.
pub(crate) fn is_ready(task: &Task, definition: &TaskDefinition) -> bool {
    let checked = |name: &ContainerName| definition.container(name).is_some_and(|container| container.health_check.is_some());
    let running = task.is_live() && task.last_status == TaskStatus::Running;
    running
        && task.containers.iter().all(|record| {
            let fit = !checked(&record.name) || record.health == HealthStatus::Healthy || record.last_status == ContainerStatus::Stopped;
            fit && !record.restarting
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::SocketAddr;

    use model::{
        Birth, Change, ClusterName, Container, ContainerHealthCheck, Deployment, Family, Ids, InstanceSpec, NetworkMode, PortMapping, Revision,
        ServiceConnect, ServiceName, ServiceSpec, Shift, Step, Stop, StopCode, Timestamp,
    };

    use super::*;
    use crate::testing;

    const NOW: Timestamp = Timestamp::from_millis(1000);

    pub(crate) struct Bench {
        pub(crate) world: World,
        ids: Ids,
    }

    fn cluster() -> ClusterName {
        ClusterName::new("c").unwrap()
    }

    pub(crate) fn key(name: &str) -> ServiceKey {
        ServiceKey { cluster: cluster(), name: ServiceName::new(name).unwrap() }
    }

    pub(crate) fn definition(family: &str, ports: &[u16]) -> TaskDefinition {
        let mapping =
            |port: &u16| PortMapping { container_port: *port, host_port: 0, protocol: TransportProtocol::Tcp, name: None, app_protocol: None };
        let container = ContainerDefinition { port_mappings: ports.iter().map(mapping).collect(), ..ContainerDefinition::new(name("app"), "image") };
        TaskDefinition::new(Family::new(family).unwrap(), NetworkMode::Awsvpc, vec![container])
    }

    fn name(text: &str) -> ContainerName {
        ContainerName::new(text).unwrap()
    }

    fn spec(name: &str, connects_to: &[&str]) -> ServiceSpec {
        ServiceSpec {
            connects_to: connects_to.iter().map(|name| ServiceName::new(name).unwrap()).collect(),
            ..ServiceSpec::new(ServiceName::new(name).unwrap(), 1)
        }
    }

    impl Bench {
        /// `users` may reach `posts`, which may reach nobody.
        pub(crate) fn new(definition: TaskDefinition) -> Self {
            let mut bench = Self { world: testing::world(), ids: Ids::seeded(1) };
            let revision = |family: &str| Revision { family: Family::new(family).unwrap(), number: 1 };
            for change in [
                Change::CreateCluster(cluster()),
                Change::RegisterTaskDefinition { cluster: cluster(), definition: Box::new(definition) },
                Change::RegisterTaskDefinition { cluster: cluster(), definition: Box::new(self::definition("users", &[80])) },
                Change::CreateService { cluster: cluster(), spec: Box::new(spec("posts", &[])), revision: revision("posts") },
                Change::CreateService { cluster: cluster(), spec: Box::new(spec("users", &["posts", "gone"])), revision: revision("users") },
            ] {
                bench.world.apply(change, NOW, &mut bench.ids).unwrap();
            }
            bench
        }

        /// Another task of posts that runs, at an address that ends so.
        pub(crate) fn task(&mut self, last: u8, change: impl FnOnce(&mut Task)) {
            let deployment = self.world.services[&key("posts")].deployments[0].clone();
            let definition = self.world.definition(&deployment.revision).unwrap().clone();
            let birth = Birth {
                cluster: &cluster(),
                service: Some((&key("posts").name, Some(&deployment.id))),
                revision: &deployment.revision,
                definition: &definition,
                instance: &InstanceSpec::this_machine(),
                at: NOW,
            };
            let mut task = Task::new(&birth, &mut self.ids);
            task.last_status = TaskStatus::Running;
            for container in &mut task.containers {
                let address = Some([10, 0, 0, last].into()).filter(|_| container.name.is_pause());
                *container = Container { last_status: ContainerStatus::Running, address, direct: true, ..container.clone() };
            }
            change(&mut task);
            self.world.record(Step::PutTask(Box::new(task)));
        }

        /// Where each port of posts leads for users.
        fn found(&self) -> Vec<String> {
            let found = connections(&self.world).into_iter().map(|(key, connection)| {
                let mut addresses: Vec<SocketAddr> = connection.members.iter().map(|member| member.address).collect();
                addresses.sort();
                let addresses: Vec<String> = addresses.iter().map(|address| address.to_string().replace("10.0.0.", "")).collect();
                format!("{key}: {}", addresses.join(" "))
            });
            found.collect()
        }
    }

    #[test]
    fn tasks_that_run_and_are_to_run_answer_at_their_ports() {
        let mut bench = Bench::new(definition("posts", &[3000, 9000]));
        assert_eq!(bench.found(), ["c/users -> posts:3000: ", "c/users -> posts:9000: "], "the ports are known before any task is");
        bench.task(1, |_| {});
        bench.task(2, |task| task.last_status = TaskStatus::Pending);
        bench.task(3, |task| task.end(Stop { code: StopCode::UserInitiated, reason: String::new() }, NOW));
        bench.task(4, |task| task.containers[0].last_status = ContainerStatus::Stopped);
        bench.task(5, |task| task.containers[0].restarting = true);
        bench.task(6, |_| {});
        assert_eq!(bench.found(), ["c/users -> posts:3000: 1:3000 6:3000", "c/users -> posts:9000: 1:9000 6:9000"]);
        assert_eq!(names(&bench.world, &key("users")), BTreeMap::from([("posts".to_owned(), key("posts"))]));
        assert_eq!(names(&bench.world, &key("posts")), BTreeMap::new());
    }

    #[test]
    fn a_task_with_a_check_answers_once_it_is_healthy() {
        let mut checked = definition("posts", &[3000]);
        let check = ContainerHealthCheck { command: vec!["CMD".into()], interval: 5, timeout: 5, retries: 1, start_period: 0 };
        checked.containers[0].health_check = Some(check);
        let mut bench = Bench::new(checked);
        for (last, health) in [(1, HealthStatus::Unknown), (2, HealthStatus::Healthy), (3, HealthStatus::Unhealthy)] {
            bench.task(last, |task| task.containers[0].health = health);
        }
        assert_eq!(bench.found(), ["c/users -> posts:3000: 2:3000"]);
    }

    #[test]
    fn traffic_that_is_shifted_is_shifted_here_too() {
        let mut bench = Bench::new(definition("posts", &[3000]));
        bench.task(1, |_| {});
        let old = bench.world.services[&key("posts")].deployments[0].clone();
        let service = bench.world.services.get_mut(&key("posts")).unwrap();
        service.completed = Some(old.clone());
        service.deployments[0].status = DeploymentStatus::Active;
        let id = bench.ids.deployment();
        let new = Deployment { id: id.clone(), status: DeploymentStatus::Primary, shift: Some(Shift::begin(false, NOW)), ..old };
        service.deployments.insert(0, new);
        bench.task(2, |task| task.deployment = Some(id));
        for (share, expected) in [(0, "1:3000"), (500, "1:3000 2:3000"), (1000, "2:3000")] {
            let service = bench.world.services.get_mut(&key("posts")).unwrap();
            service.deployments[0].shift.as_mut().unwrap().production = share;
            assert_eq!(bench.found(), [format!("c/users -> posts:3000: {expected}")], "{share}");
        }
    }

    #[test]
    fn an_endpoint_leads_to_the_port_of_its_name_for_all_of_its_namespace() {
        let mut named = definition("posts", &[3000, 9000]);
        named.containers[0].port_mappings[1] =
            PortMapping { name: Some("web".into()), app_protocol: Some(AppProtocol::Http), ..named.containers[0].port_mappings[1].clone() };
        let mut bench = Bench::new(named);
        bench.task(1, |_| {});
        let offer = ServiceConnectService {
            port_name: "web".into(),
            discovery_name: "web".into(),
            client_port: 80,
            dns_name: "posts.local".into(),
            idle_timeout: None,
            per_request_timeout: Some(7),
        };
        let takes_part = |namespace: &str, services| Some(ServiceConnect { namespace: namespace.into(), services });
        let mut set = |name: &str, connect| bench.world.services.get_mut(&key(name)).unwrap().spec.service_connect = connect;
        set("posts", takes_part("local", vec![offer]));
        set("users", takes_part("other", vec![]));
        assert_eq!(bench.found(), ["c/posts -> posts:80: 1:9000", "c/users -> posts:3000: 1:3000", "c/users -> posts:9000: 1:9000"]);
        bench.world.services.get_mut(&key("users")).unwrap().spec.service_connect = takes_part("local", vec![]);
        let found = connections(&bench.world);
        let connection = &found[&ConnectionKey { client: key("users"), server: key("posts"), port: 80 }];
        let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs());
        assert_eq!((seconds(connection.idle_timeout), seconds(connection.request_timeout)), (Some(300), Some(7)));
        assert_eq!((connection.app_protocol, &connection.names[..]), (Some(AppProtocol::Http), &["posts.local".to_owned()][..]));
        let names: Vec<_> = names(&bench.world, &key("users")).into_keys().collect();
        assert_eq!(names, ["posts", "posts.local"]);
    }
}
