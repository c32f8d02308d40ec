use model::{ContainerHealthCheck, HealthStatus, Stop, StopCode, Timestamp};

use super::*;
use crate::connection::tests::{Bench, definition, key};

/// `posts` is registered as `posts.local`; `users` connects to it.
fn bench(change: impl FnOnce(&mut DiscoveryService)) -> Bench {
    let mut posts = definition("posts", &[3000]);
    posts.containers[0].health_check =
        Some(ContainerHealthCheck { command: vec!["CMD".into()], interval: 5, timeout: 5, retries: 1, start_period: 0 });
    let mut bench = Bench::new(posts);
    let mut discovery = DiscoveryService {
        namespace: "local".into(),
        name: "posts".into(),
        a: Some(60),
        srv: Some(10),
        routing_policy: RoutingPolicy::Multivalue,
        custom_health: true,
    };
    change(&mut discovery);
    let registry = ServiceRegistry { discovery, container_name: None, port: Some(3000) };
    bench.world.services.get_mut(&key("posts")).unwrap().spec.service_registry = Some(registry);
    bench
}

/// The answer in words; ids of tasks are left out.
fn asked(bench: &Bench, client: &str, name: &str, kind: RecordType) -> String {
    let doors = BTreeMap::from([(key("posts"), IpAddr::from([10, 9, 9, 1]))]);
    let line = |record: &Record| match &record.data {
        RecordData::A(address) => format!("{address} for {} s", record.ttl),
        RecordData::Srv { port, target } => format!("{port} of <task>.{} for {} s", target.split_once('.').unwrap().1, record.ttl),
    };
    let lines = |records: &[Record]| {
        let mut lines: Vec<String> = records.iter().map(line).collect();
        lines.sort();
        lines.join(", ")
    };
    match answer(&bench.world, &key(client), &doors, (name, kind), 7) {
        Answer::Elsewhere => "elsewhere".into(),
        Answer::NoSuchName(namespace) => format!("not in {namespace}"),
        Answer::Records { records, additional, .. } if additional.is_empty() => lines(&records),
        Answer::Records { records, additional, .. } => format!("{}; {}", lines(&records), lines(&additional)),
    }
}

#[test]
fn a_name_stands_for_doors_to_others_and_for_the_tasks_to_one_s_own() {
    let mut bench = bench(|_| {});
    assert_eq!(asked(&bench, "users", "posts.local", RecordType::A), "not in local", "nothing is registered yet");
    bench.task(1, |task| task.containers[0].health = HealthStatus::Healthy);
    bench.task(2, |task| task.containers[0].health = HealthStatus::Healthy);
    bench.task(3, |task| task.last_status = TaskStatus::Pending);
    bench.task(4, |task| task.end(Stop { code: StopCode::UserInitiated, reason: String::new() }, Timestamp::from_millis(1)));
    for (client, name, kind, expected) in [
        ("users", "posts.local", RecordType::A, "10.9.9.1 for 60 s"),
        ("users", "POSTS.Local.", RecordType::A, "10.9.9.1 for 60 s"),
        ("posts", "posts.local", RecordType::A, "10.0.0.1 for 60 s, 10.0.0.2 for 60 s"),
        (
            "users",
            "posts.local",
            RecordType::Srv,
            "3000 of <task>.posts.local for 10 s, 3000 of <task>.posts.local for 10 s; 10.9.9.1 for 10 s, 10.9.9.1 for 10 s",
        ),
        ("users", "posts.local", RecordType::Other, ""),
        ("users", "local", RecordType::A, ""),
        ("users", "threads.local", RecordType::A, "not in local"),
        ("users", "none.posts.local", RecordType::A, "not in local"),
        ("users", "xposts.local", RecordType::A, "not in local"),
        ("users", "posts.locals", RecordType::A, "elsewhere"),
        ("users", "example.com", RecordType::A, "elsewhere"),
        ("users", "posts", RecordType::A, "elsewhere"),
        ("users", "é.local", RecordType::A, "not in local"),
    ] {
        assert_eq!(asked(&bench, client, name, kind), expected, "{client} {name} {kind:?}");
    }
    for task in bench.world.tasks.values().cloned() {
        let host = format!("{}.posts.local", task.id);
        let registered = task.is_live() && task.last_status == TaskStatus::Running;
        let own = format!("{} for 10 s", task.pause().unwrap().address.unwrap());
        assert_eq!(asked(&bench, "posts", &host, RecordType::A), if registered { &own } else { "not in local" });
        assert_eq!(asked(&bench, "posts", &host, RecordType::Srv), if registered { "" } else { "not in local" });
    }
    bench.world.services.get_mut(&key("users")).unwrap().spec.connects_to.clear();
    assert_eq!(asked(&bench, "users", "posts.local", RecordType::A), "not in local", "what is not granted is not seen");
    assert!(!sees_any(&bench.world, &key("users")) && sees_any(&bench.world, &key("posts")));
}

#[test]
fn healthy_instances_answer_and_all_where_none_is() {
    let registered = |custom_health| {
        let mut bench = bench(|discovery| discovery.custom_health = custom_health);
        for (last, health) in [(1, HealthStatus::Healthy), (2, HealthStatus::Unhealthy), (3, HealthStatus::Unknown)] {
            bench.task(last, |task| task.containers[0].health = health);
        }
        bench
    };
    let all = "10.0.0.1 for 60 s, 10.0.0.2 for 60 s, 10.0.0.3 for 60 s";
    assert_eq!(asked(&registered(true), "posts", "posts.local", RecordType::A), "10.0.0.1 for 60 s");
    assert_eq!(asked(&registered(false), "posts", "posts.local", RecordType::A), all, "nobody says who is healthy");
    let mut bench = registered(true);
    for task in bench.world.tasks.values_mut() {
        task.containers[0].health = HealthStatus::Unhealthy;
    }
    assert_eq!(asked(&bench, "posts", "posts.local", RecordType::A), all);
}

#[test]
fn a_question_has_eight_answers_or_one() {
    for (policy, expected) in [(RoutingPolicy::Multivalue, MOST), (RoutingPolicy::Weighted, 1)] {
        let mut bench = bench(|discovery| discovery.routing_policy = policy);
        for last in 1..=12 {
            bench.task(last, |task| task.containers[0].health = HealthStatus::Healthy);
        }
        let mut seen = std::collections::BTreeSet::new();
        for random in 0..200 {
            let Answer::Records { records, .. } = answer(&bench.world, &key("posts"), &BTreeMap::new(), ("posts.local", RecordType::A), random)
            else {
                panic!("no records");
            };
            assert_eq!(records.len(), expected);
            seen.extend(records.into_iter().map(|record| format!("{:?}", record.data)));
        }
        assert_eq!(seen.len(), 12, "each has its turn");
    }
}
