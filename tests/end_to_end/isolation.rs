//! Every way from one container to another's, and to the daemon, tried from inside a container (engine-facts 4). The outcome is a table:
//! `cargo nextest run -E 'test(isolation)' --no-capture` prints it.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, docker, until};

/// The port that the prober listens on in each container.
const PORT: u16 = 8080;

/// Where every task finds the agent of ECS; whom it answers is `roles.rs`.
const AGENT: &str = "169.254.170.2:80";

/// Probes at the same time. One that is dropped on the way waits for its end.
const AT_ONCE: usize = 24;

/// A name that no name server knows may take this long to be unknown.
const LONGEST_PROBE: Duration = Duration::from_secs(50);

/// A task whose container tries to get out, and that others try to reach.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    /// Its own; that of this machine in `host` mode.
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// This machine's address on its network.
    pub(crate) gateway: Option<IpAddr>,
    /// Where its port is published on loopback.
    published: Option<u16>,
    /// What somebody might call it.
    names: Vec<String>,
}

/// Something that was tried.
struct Way {
    from: &'static str,
    to: String,
    how: &'static str,
    address: String,
    /// Whether it is to be open: to what is one's own, and to what listens on this machine's own network.
    open: bool,
}

impl Place {
    /// The place of a task, from what the engine says of its first container and of what holds its network.
    pub(crate) fn of(name: &'static str, service: &str, container: &str) -> Self {
        let seen = inspect(container);
        let mode = seen["HostConfig"]["NetworkMode"].as_str().unwrap().to_owned();
        let holder = mode.strip_prefix("container:").map_or_else(|| seen.clone(), inspect);
        let network = holder["NetworkSettings"]["Networks"].as_object().unwrap().iter().find(|(network, _)| *network != "host");
        let address = |key: &str| network.and_then(|(_, endpoint)| endpoint[key].as_str()?.parse().ok());
        let published = &holder["NetworkSettings"]["Ports"][format!("{PORT}/tcp")][0]["HostPort"];
        let environment = seen["Config"]["Env"].as_array().unwrap().iter().filter_map(Value::as_str);
        let port = environment.filter_map(|variable| variable.strip_prefix("PORT=")?.parse().ok()).next().unwrap_or(PORT);
        let runtime_name = seen["Name"].as_str().unwrap().trim_start_matches('/').to_owned();
        let mut names = vec![service.to_owned(), format!("app-{service}"), container[..12].to_owned()];
        names.extend(network.map(|(network, _)| format!("{runtime_name}.{network}")));
        names.push(runtime_name);
        Self {
            name,
            address: address("IPAddress").unwrap_or(Ipv4Addr::LOCALHOST.into()),
            port,
            gateway: address("Gateway"),
            published: published.as_str().and_then(|port| port.parse().ok()),
            names,
        }
    }

    /// Asks the server in its container; the test's machine reaches every container.
    pub(crate) fn ask(&self, path: &str) -> (u16, String) {
        let (status, body) = self.ask_bytes(path);
        (status, String::from_utf8(body).unwrap())
    }

    /// The same where the answer is no text.
    pub(crate) fn ask_bytes(&self, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(SocketAddr::new(self.address, self.port)).unwrap();
        stream.set_read_timeout(Some(LONGEST_PROBE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: prober\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = str::from_utf8(&bytes[..end]).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), bytes[end + 4..].to_vec())
    }

    /// What comes of a dial from inside.
    pub(crate) fn dial(&self, address: &str) -> &'static str {
        let (status, reason) = self.ask(&format!("/dial?ms=1500&to={address}"));
        match reason {
            _ if status == 200 => "open",
            reason if reason.contains("resolve") => "no such name",
            reason if reason.contains("refused") => "refused",
            reason if reason.contains("timed out") => "timeout",
            reason if reason.contains("nreachable") => "unreachable",
            reason => panic!("{address}: {status} {reason}"),
        }
    }
}

fn inspect(container: &str) -> Value {
    let mut found: Value = serde_json::from_str(&docker(&["inspect", container])).unwrap();
    found[0].take()
}

/// This machine's own addresses but loopback, of Docker's bridges only the default one.
fn host_addresses() -> Vec<IpAddr> {
    let output = std::process::Command::new("hostname").arg("--all-ip-addresses").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let all = text.split_whitespace().filter_map(|address| address.parse::<IpAddr>().ok());
    all.filter(|address| address.is_ipv4() && !address.to_string().starts_with("10.213.")).collect()
}

/// Every way from one place to another.
fn ways(from: &Place, to: &Place, hosts: &[IpAddr]) -> Vec<Way> {
    let way = |how, address: String| Way { from: from.name, to: to.name.to_owned(), how, address, open: false };
    if to.gateway.is_none() {
        // What a task in `host` mode listens on is this machine's own network.
        let own = way("own gateway, host mode", format!("{}:{}", from.gateway.unwrap(), to.port));
        return vec![Way { open: true, ..own }];
    }
    let mut ways = vec![way("address", format!("{}:{}", to.address, to.port))];
    for port in [Some(to.port), to.published].into_iter().flatten() {
        ways.extend(from.gateway.map(|gateway| way("own gateway", format!("{gateway}:{port}"))));
        ways.extend(to.gateway.map(|gateway| way("its gateway", format!("{gateway}:{port}"))));
        ways.extend(hosts.iter().map(|host| way("host address", format!("{host}:{port}"))));
        ways.push(way("host name", format!("host.docker.internal:{port}")));
    }
    ways.extend(to.names.iter().map(|name| way("name", format!("{name}:{}", to.port))));
    ways
}

/// Every way to a port that the daemon listens on.
fn ways_to_daemon(from: &Place, what: &str, port: u16, hosts: &[IpAddr]) -> Vec<Way> {
    let way = |how, address: String| Way { from: from.name, to: what.to_owned(), how, address, open: false };
    let own = from.gateway.map(|gateway| way("own gateway", format!("{gateway}:{port}")));
    let hosts = hosts.iter().map(|host| way("host address", format!("{host}:{port}")));
    own.into_iter().chain(hosts).chain([way("host name", format!("host.docker.internal:{port}"))]).collect()
}

/// Tries them all, many at once, and prints what came of each. Gives what is not as it should be.
fn wrong(places: &[Place], ways: &[Way]) -> Vec<String> {
    let (next, outcomes) = (Mutex::new(ways.iter().enumerate()), Mutex::new(vec![""; ways.len()]));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((index, way)) = next.lock().unwrap().next() else { return };
                    let from = places.iter().find(|place| place.name == way.from).unwrap();
                    let outcome = from.dial(&way.address);
                    outcomes.lock().unwrap()[index] = outcome;
                }
            });
        }
    });
    let (mut table, mut wrong) = (format!("{:<10} {:<10} {:<23} {:<60} OUTCOME\n", "FROM", "TO", "WAY", "ADDRESS"), Vec::new());
    for (way, outcome) in ways.iter().zip(outcomes.into_inner().unwrap()) {
        let line = format!("{:<10} {:<10} {:<23} {:<60} {outcome}", way.from, way.to, way.how, way.address);
        writeln!(table, "{line}").unwrap();
        if way.open != (outcome == "open") {
            wrong.push(line);
        }
    }
    eprintln!("{table}");
    wrong
}

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
loadBalancers:
  - name: ${CLUSTER}
    listeners: [{ port: "${PORT}", protocol: HTTP, defaultActions: [{ type: forward, targetGroup: "${CLUSTER}" }] }]
targetGroups:
  - name: ${CLUSTER}
    port: 80
    attributes: { deregistration_delay.timeout_seconds: 0 }
taskDefinitions:
  - family: bridge
    containerDefinitions:
      - { name: app-bridge, image: "${IMAGE}", memory: 32, portMappings: [{ containerPort: 8080 }] }
  - family: awsvpc
    networkMode: awsvpc
    containerDefinitions:
      - { name: app-awsvpc, image: "${IMAGE}", memory: 32, portMappings: [{ containerPort: 8080 }] }
  - family: host
    networkMode: host
    containerDefinitions:
      - { name: app-host, image: "${IMAGE}", memory: 32, environment: [{ name: PORT, value: "${HOST_PORT}" }], portMappings: [{ containerPort: "${HOST_PORT}" }] }
  - family: run
    containerDefinitions:
      - { name: app-run, image: "${IMAGE}", memory: 32, portMappings: [{ containerPort: 8080 }] }
  - family: scheduled
    containerDefinitions:
      - { name: app-scheduled, image: "${IMAGE}", memory: 32, portMappings: [{ containerPort: 8080 }] }
services:
  - serviceName: bridge
    taskDefinition: bridge
    desiredCount: 2
    loadBalancers: [{ targetGroup: "${CLUSTER}", containerName: app-bridge, containerPort: 8080 }]
  - { serviceName: awsvpc, taskDefinition: awsvpc }
  - { serviceName: host, taskDefinition: host }
scheduledTasks: [{ name: soon, scheduleExpression: "at(${SOON})", taskDefinition: scheduled }]
"#;

/// Half a minute from now, as a schedule writes it: by then the services run.
fn soon() -> String {
    let output = std::process::Command::new("date").args(["--utc", "--date=30 seconds", "+%Y-%m-%dT%H:%M:%S"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The place of a task that runs by itself.
fn place_of_run(lab: &Lab, family: &'static str) -> Place {
    let container = until("the task runs", || {
        let listing = lab.json(&["ps"]);
        let tasks = listing["tasks"].as_array().unwrap().iter();
        let mut running = tasks.filter(|task| task["lastStatus"] == "RUNNING" && task["serviceName"].is_null());
        let task = running.find(|task| task["taskDefinition"].as_str().unwrap().starts_with(family))?;
        Some(task["containers"][0]["runtimeId"].as_str().unwrap().to_owned())
    });
    Place::of(family, family, &container)
}

/// The place of a service's first task.
pub(crate) fn place_of(lab: &Lab, service: &'static str) -> Place {
    Place::of(service, service, &lab.tasks(service)[0].1)
}

#[test]
fn no_way_leads_from_one_service_s_containers_to_another_s() {
    let mut lab = Lab::new("isolation");
    lab.set("IMAGE", &test_support::test_image());
    lab.set("SOON", &soon());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    lab.set("HOST_PORT", &port.to_string());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    lab.must(&["run", "run", "--detach"]);
    let mut places: Vec<Place> = ["bridge", "awsvpc", "host"].map(|service| place_of(&lab, service)).into();
    places.extend([place_of_run(&lab, "run"), place_of_run(&lab, "scheduled")]);
    let sibling = Place::of("bridge", "bridge", &lab.tasks("bridge")[1].1);
    let note: Value = serde_json::from_str(&std::fs::read_to_string(lab.home().join("daemon.json")).unwrap()).unwrap();
    let control: SocketAddr = note["endpoint"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();

    let (hosts, mut all) = (host_addresses(), Vec::new());
    // Out of `host` mode leads every way that this machine has: that is told as it is.
    let host = places.iter().find(|place| place.gateway.is_none()).unwrap();
    for to in places.iter().filter(|to| to.gateway.is_some()) {
        let address = format!("{}:{}", to.address, to.port);
        all.push(Way { from: host.name, to: to.name.into(), how: "host mode, its address", address, open: true });
    }
    let agent = |from: &Place| Way { from: from.name, to: "agent".into(), how: "its address", address: AGENT.into(), open: true };
    all.extend(places.iter().map(agent));
    for from in places.iter().filter(|place| place.gateway.is_some()) {
        all.push(Way { from: from.name, to: from.name.into(), how: "itself", address: format!("127.0.0.1:{PORT}"), open: true });
        for to in places.iter().filter(|to| to.name != from.name) {
            all.extend(ways(from, to, &hosts));
        }
        all.extend(ways_to_daemon(from, "control", control.port(), &hosts));
        all.extend(ways_to_daemon(from, "listener", lab.port, &hosts));
    }
    let sibling = format!("{}:{PORT}", sibling.address);
    all.push(Way { from: "bridge", to: "bridge".into(), how: "another of its tasks", address: sibling, open: true });
    assert_eq!(wrong(&places, &all), Vec::<String>::new(), "these are not as they should be");
    let said = lab.run(&["doctor"]).out;
    assert!(said.contains("isolation of services") && said.contains("complete: no container reaches"), "{said}");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
