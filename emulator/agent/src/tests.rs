use std::net::IpAddr;

use iam::Mint;
use model::world::Settings;
use model::{
    Birth, ClusterName, ContainerDefinition, ContainerName, ContainerStatus, Family, Ids, InstanceSpec, NetworkMode, OwnerId, Revision, Role,
    RoleName, RoleSpec, ServiceName, Speed, Task, TaskDefinition, TaskId, TaskStatus, Timestamp, World,
};
use wire::metadata::{ProtectionError, Version};

use super::*;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_777_636_800_123);

fn mint() -> Mint {
    Mint::new(&[7; 32])
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 213, 4, last])
}

/// A world with a task of each mode, all of one service's.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) ids: Ids,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            owner: OwnerId::from_text("o"),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            instance: "i".into(),
            speed: Speed::default(),
        };
        let mut world = World::new(settings);
        let role = Role { owner: ClusterName::new("c").unwrap(), created_at: NOW, spec: RoleSpec::default() };
        world.roles.insert(RoleName::new("web").unwrap(), role);
        Self { world, ids: Ids::seeded(1) }
    }

    /// A task that runs, its first container at that address.
    pub(crate) fn run(&mut self, mode: NetworkMode, last: u8) -> TaskId {
        let family = Family::new(&format!("f{last}")).unwrap();
        let mut container = ContainerDefinition::new(ContainerName::new("app").unwrap(), "app:v1");
        container.environment = [("AWS_REGION".to_owned(), "eu-west-1".to_owned())].into();
        let mut definition = TaskDefinition::new(family.clone(), mode, vec![container]);
        definition.task_role = Some(RoleName::new(if last == 9 { "unknown" } else { "web" }).unwrap());
        let revision = Revision { family: family.clone(), number: 1 };
        let (cluster, service) = (ClusterName::new("c").unwrap(), ServiceName::new("web").unwrap());
        let instance = InstanceSpec::this_machine();
        let birth =
            Birth { cluster: &cluster, service: Some((&service, None)), revision: &revision, definition: &definition, instance: &instance, at: NOW };
        let mut task = Task::new(&birth, &mut self.ids);
        task.last_status = TaskStatus::Running;
        let holder = task.containers.len() - 1;
        for container in &mut task.containers {
            container.last_status = ContainerStatus::Running;
        }
        task.containers[holder].address = Some(address(last)).filter(|_| mode != NetworkMode::Host);
        self.world
            .task_definitions
            .entry(family)
            .or_insert_with(|| model::world::FamilyRevisions { owner: cluster, revisions: [(1, definition)].into() });
        let id = task.id.clone();
        self.world.tasks.insert(id.clone(), task);
        id
    }

    pub(crate) fn task(&self, id: &TaskId) -> (&Task, &TaskDefinition) {
        let task = &self.world.tasks[id];
        (task, self.world.definition(&task.revision).unwrap())
    }

    fn variables(&self, id: &TaskId) -> Variables {
        let (task, definition) = self.task(id);
        variables(&self.world, &mint(), (task, definition, &definition.containers[0]))
    }

    /// Who is found by the id in a variable, from there: the container's name, `task` for credentials, `wait` or `nobody`.
    fn found(&self, source: &Source, variable: &str) -> String {
        let id = variable.rsplit('/').next().unwrap();
        let whose = if variable.contains("credentials") { Whose::Credentials(id) } else { Whose::Container(id) };
        match find(&self.world, &mint(), source, whose) {
            Found::Task { container, .. } => container.map_or("task".into(), |container| container.name.to_string()),
            Found::NotYet => "wait".into(),
            Found::Nobody => "nobody".into(),
        }
    }

    fn network(&self, id: &TaskId, last: u8) -> Source {
        Source::Network(self.world.tasks[id].network(), address(last))
    }
}

#[test]
fn a_container_is_given_its_own_addresses_and_the_region_that_nobody_named() {
    let mut bench = Bench::new();
    let (one, two, bare) = (bench.run(NetworkMode::Bridge, 2), bench.run(NetworkMode::Bridge, 3), bench.run(NetworkMode::Bridge, 9));
    let (first, second) = (bench.variables(&one), bench.variables(&two));
    assert!(first.fixed["ECS_CONTAINER_METADATA_URI_V4"].starts_with("http://169.254.170.2/v4/"));
    assert!(first.fixed["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"].starts_with("/v2/credentials/"));
    assert!(first.fixed.values().all(|value| value == "AWS_ECS_EC2" || !second.fixed.values().any(|other| other == value)));
    // The task definition says a region; where it says none, the image may.
    assert_eq!(first.defaults, [[("AWS_ENDPOINT_URL".to_owned(), "http://169.254.170.2".to_owned())].into()]);
    // A role that no manifest knows gives no credentials.
    assert!(!bench.variables(&bare).fixed.contains_key("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") && bench.variables(&bare).defaults.is_empty());
}

#[test]
fn who_asks_is_known_by_network_address_and_id() {
    let mut bench = Bench::new();
    let (bridge, vpc, host) = (bench.run(NetworkMode::Bridge, 2), bench.run(NetworkMode::Awsvpc, 3), bench.run(NetworkMode::Host, 4));
    for (id, last) in [(&bridge, 2), (&vpc, 3)] {
        let variables = bench.variables(id).fixed;
        let (metadata, credentials) = (&variables["ECS_CONTAINER_METADATA_URI_V4"], &variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]);
        let here = bench.network(id, last);
        assert_eq!((bench.found(&here, metadata), bench.found(&here, credentials)), ("app".into(), "task".into()));
        // Its neighbour on the same network, and the host.
        assert_eq!(bench.found(&bench.network(id, 99), metadata), "wait");
        assert_eq!(bench.found(&bench.network(id, 99), credentials), "wait");
        assert_eq!(bench.found(&Source::Host, metadata), "nobody");
        let other = Source::Network(model::ServiceKey { name: ServiceName::new("other").unwrap(), ..bench.world.tasks[id].network() }, address(last));
        assert_eq!(bench.found(&other, metadata), "nobody");
        assert_eq!(bench.found(&here, "/v4/none"), "nobody");
    }
    let variables = bench.variables(&host).fixed;
    assert_eq!(bench.found(&Source::Host, &variables["ECS_AGENT_URI"]), "app");
    assert_eq!(bench.found(&bench.network(&host, 2), &variables["ECS_AGENT_URI"]), "nobody");
    bench.world.tasks.get_mut(&host).unwrap().last_status = TaskStatus::Stopped;
    assert_eq!(bench.found(&Source::Host, &variables["ECS_AGENT_URI"]), "nobody");
}

#[test]
fn metadata_has_the_shape_of_its_version() {
    let mut bench = Bench::new();
    let id = bench.run(NetworkMode::Awsvpc, 3);
    let json = |version| serde_json::to_value(task(&bench.world, &mint(), bench.task(&id), version)).unwrap();
    let (v3, v4) = (json(Version::V3), json(Version::V4));
    assert_eq!((&v4["FaultInjectionEnabled"], &v4["LaunchType"], &v4["ServiceName"]), (&false.into(), &"EC2".into(), &"web".into()));
    assert!(v3.get("FaultInjectionEnabled").is_none() && v3["Containers"][0].get("LogDriver").is_none());
    let types: Vec<_> = v4["Containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (found["Type"].as_str().unwrap(), found["DesiredStatus"].as_str().unwrap()))
        .collect();
    assert_eq!(types, [("NORMAL", "RUNNING"), ("CNI_PAUSE", "RESOURCES_PROVISIONED")]);
    let app = &v4["Containers"][0];
    assert_eq!((&app["Networks"][0]["IPv4Addresses"][0], &app["Networks"][0]["NetworkMode"]), (&"10.213.4.3".into(), &"awsvpc".into()));
    assert_eq!((&app["Limits"]["CPU"], &app["Limits"]["Memory"]), (&2.into(), &0.into()));
    assert!(app.get("Health").is_none() && app.get("RestartCount").is_none() && app.get("Ports").is_none(), "{app}");
}

#[test]
fn paths_are_the_agent_s_and_no_others() {
    let read = |method, path: &'static str| Request::read(method, path, "id=x");
    assert_eq!(read("GET", "/v4/a/taskWithTags"), Some(Request::Metadata(Version::V4, "a", What::Task { tags: true })));
    assert_eq!(read("GET", "/v3/a/"), Some(Request::Metadata(Version::V3, "a", What::Container)));
    assert_eq!(read("GET", "/v1/credentials"), Some(Request::Credentials(Some("x"))));
    assert_eq!(read("PUT", "/api/a/task-protection/v1/state"), Some(Request::Protection("a", true)));
    let fault = Request::Fault("a", FaultType::Latency, FaultAction::Start);
    assert_eq!(read("POST", "/api/a/fault/v1/network-latency/start"), Some(fault));
    for path in ["/api/a/fault/v1/disk-full/start", "/api/a/fault/v1/network-latency/begin"] {
        assert_eq!(read("POST", path), None, "{path}");
    }
    for (method, path) in [("POST", "/v4/a"), ("GET", "/v4"), ("GET", "/"), ("DELETE", "/api/a/task-protection/v1/state"), ("GET", "/v4/a/b")] {
        assert_eq!(read(method, path), None, "{method} {path}");
    }
    let text = |version| not_found(Request::Metadata(version, "a", What::Task { tags: false }));
    assert_eq!((text(Version::V3).status, text(Version::V4).status), (500, 404));
}

#[test]
fn a_protection_lasts_two_hours_where_nothing_is_said() {
    let read = |body: &str| Protect::read(body.as_bytes(), NOW);
    let hours = |count: u64| NOW + std::time::Duration::from_secs(3600 * count);
    assert_eq!(read(r#"{"ProtectionEnabled":true}"#), Ok(Protect { until: Some(hours(2)) }));
    assert_eq!(read(r#"{"ProtectionEnabled":false,"ExpiresInMinutes":5}"#), Ok(Protect { until: None }));
    assert_eq!(read("{}"), Err(ProtectionError::NoFlag));
    assert_eq!(read(r#"{"protectionEnabled":true}"#), Err(ProtectionError::Unreadable));
    assert!(matches!(read(r#"{"ProtectionEnabled":true,"ExpiresInMinutes":2881}"#), Err(ProtectionError::Invalid(_))));
}

#[test]
fn who_asks_too_often_waits() {
    let mut limiter = Limiter::default();
    let ask = |limiter: &mut Limiter, last, path: &str, millis| limiter.admit(address(last), path, NOW + std::time::Duration::from_millis(millis));
    assert!((0..60).all(|_| ask(&mut limiter, 2, "/v4/a", 0)) && !ask(&mut limiter, 2, "/v4/a", 0));
    assert!(ask(&mut limiter, 2, "/v4/b", 0) && ask(&mut limiter, 3, "/v4/a", 0), "others are others");
    assert!(ask(&mut limiter, 2, "/v4/a", 25) && !ask(&mut limiter, 2, "/v4/a", 25));
    assert!((0..60).all(|_| ask(&mut limiter, 2, "/v4/a", 5000)));
    let fault = "/api/a/fault/v1/network-latency/start";
    assert!(ask(&mut limiter, 2, fault, 0) && !ask(&mut limiter, 2, fault, 0));
    assert!((1..50).all(|tenths| !ask(&mut limiter, 2, fault, tenths * 100)) && ask(&mut limiter, 2, fault, 5000));
}
