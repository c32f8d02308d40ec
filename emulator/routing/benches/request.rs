//! What the pure parts of a request cost, and whether that grows with what is configured: `cargo bench -p routing`.
//!
//! The budget: a decision among 1,000 rules costs at most twice of one among 10 where paths or hosts tell rules apart, and a pick among
//! 1,000 targets the same as among 10.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up is to end")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use model::{
    Action, ClusterName, Comparison, Condition, Forward, Listener, LoadBalancer, LoadBalancerAttributes, LoadBalancerName, OwnerId, ResourceId, Rule,
    Settings, Speed, Target, TargetGroup, TargetGroupName, TargetGroupSpec, TargetHealth, TargetKey, Timestamp, Transforms, WeightedTargetGroup,
    World,
};
use routing::record::{RequestKind, RequestLine, Times};
use routing::sticky::TOKEN_BYTES;
use routing::{AccessRecord, Given, MatchedRule, RequestHead, Scheme, Seal, Table, compile, decide};

/// Nobody has a cookie.
struct NoSeal;

impl Seal for NoSeal {
    fn seal(&self, _: &[u8; TOKEN_BYTES]) -> String {
        String::new()
    }

    fn open(&self, _: &[u8]) -> Option<[u8; TOKEN_BYTES]> {
        None
    }
}

fn given() -> Given<'static> {
    Given { random: 7, now: Timestamp::from_millis(1), seal: &NoSeal }
}

fn head<'a>(path: &'a str, host: &'a str) -> RequestHead<'a> {
    let peer = Ipv4Addr::LOCALHOST.into();
    RequestHead { method: "GET", path, query: None, host: Some(host), scheme: Scheme::Http, listener_port: 80, headers: &[], peer }
}

fn world() -> World {
    World::new(Settings {
        owner: OwnerId::from_text("bench"),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        instance: "i-1".into(),
        speed: Speed::default(),
    })
}

fn group(targets: u16) -> TargetGroup {
    let at = Timestamp::from_millis(1);
    let target = |port: u16| {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let target = Target { address, task: None, registered_at: at, draining_since: None, health: TargetHealth::healthy(at) };
        (TargetKey { id: "i-1".into(), port }, target)
    };
    TargetGroup {
        spec: TargetGroupSpec::new(TargetGroupName::new("targets").unwrap(), 80),
        id: ResourceId::from_text("0000000000000001"),
        owner: ClusterName::new("bench").unwrap(),
        deleting: false,
        targets: (1..=targets).map(target).collect(),
    }
}

fn wildcard(value: String) -> Comparison {
    Comparison::Wildcards(vec![value])
}

/// A listener whose rules forward to one group; the default action does too.
fn table(conditions: impl Iterator<Item = Condition>, targets: u16) -> Arc<Table> {
    let mut world = world();
    let group = group(targets);
    let entry = WeightedTargetGroup { target_group: group.spec.name.clone(), weight: 1 };
    world.target_groups.insert(group.spec.name.clone(), group);
    let action = Action::Forward(Forward { target_groups: vec![entry], stickiness: None });
    let rule = |(priority, condition)| {
        (priority, Rule { priority, conditions: vec![condition], transforms: Transforms::default(), authenticate: None, action: action.clone() })
    };
    let listener = Listener { rules: (1..).zip(conditions).map(rule).collect(), ..Listener::new(80, action.clone()) };
    let name = LoadBalancerName::new("front").unwrap();
    let balancer = LoadBalancer {
        name: name.clone(),
        id: ResourceId::from_text("0000000000000002"),
        owner: ClusterName::new("bench").unwrap(),
        attributes: LoadBalancerAttributes::default(),
        listeners: BTreeMap::from([(80, listener)]),
        created_at: Timestamp::default(),
    };
    world.load_balancers.insert(name, balancer);
    Arc::new(compile(&world, None))
}

fn decisions(criterion: &mut Criterion) {
    let mut benches = criterion.benchmark_group("decide");
    for rules in [10, 100, 1000] {
        let paths = table((1..=rules).map(|rule| Condition::PathPattern(wildcard(format!("/api/service-{rule}/*")))), 1);
        let hosts = table((1..=rules).map(|rule| Condition::HostHeader(wildcard(format!("service-{rule}.example.com")))), 1);
        let headers = table((1..=rules).map(|rule| Condition::HttpHeader { name: "X-Tenant".into(), values: wildcard(format!("tenant-{rule}")) }), 1);
        let (path, host) = (format!("/api/service-{rules}/users/7"), format!("service-{rules}.example.com"));
        for (name, table, head) in [
            ("last of so many paths", &paths, head(&path, "example.com")),
            ("none of so many paths", &paths, head("/elsewhere", "example.com")),
            ("last of so many hosts", &hosts, head("/", &host)),
            ("none of so many headers", &headers, head("/", "example.com")),
        ] {
            let listener = table.listener(80, None).unwrap();
            benches.bench_function(BenchmarkId::new(name, rules), |bencher| bencher.iter(|| black_box(decide(listener, black_box(&head), given()))));
        }
    }
    benches.finish();
}

fn picks(criterion: &mut Criterion) {
    let mut benches = criterion.benchmark_group("pick");
    for targets in [1, 10, 1000] {
        let table = table(std::iter::empty(), targets);
        let group = table.groups().next().unwrap();
        let head = head("/", "example.com");
        benches.bench_function(BenchmarkId::new("round robin over so many targets", targets), |bencher| {
            bencher.iter(|| black_box(group.pick(black_box(&head), given())).target().is_some());
        });
    }
    benches.finish();
}

fn lines(criterion: &mut Criterion) {
    let table = table(std::iter::empty(), 1);
    let listener = table.listener(80, None).unwrap();
    let client = (Ipv4Addr::LOCALHOST, 50_000).into();
    let begun = AccessRecord::begin(RequestKind::Http, Duration::from_millis(1_700_000_000_123), Arc::clone(listener.balancer()), client, 7);
    let millisecond = Some(Duration::from_millis(1));
    let record = AccessRecord {
        group: table.groups().next().map(|group| Arc::clone(group.identity())),
        target: table.targets().next().cloned(),
        times: Times { request: millisecond, target: millisecond, response: millisecond },
        elb_status: 200,
        target_status: Some(200),
        request: Some(RequestLine { method: "GET".into(), url: "http://example.com:80/api/users/7?full=true".into(), version: "HTTP/1.1" }),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36".into()),
        trace_id: Some("Root=1-67891234-12456789abcdef012345678a".into()),
        rule: Some(MatchedRule::Rule(10)),
        actions: "forward",
        ..begun
    };
    criterion.bench_function("a line of the access log", |bencher| bencher.iter(|| black_box(black_box(&record).to_string())));
}

criterion_group!(benches, decisions, picks, lines);
criterion_main!(benches);
