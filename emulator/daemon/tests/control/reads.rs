//! What changes nothing: hello, view, events, logs, explain, diff.

use std::time::Duration;

use engine::simulated::VerbName;
use serde_json::{Value, json};
use wire::local::{API_VERSION, DiffReply, EventRecord, ExplainReply, Hello, LogRecord, ScalingView, View};

use crate::lab::{Lab, desired, manifest, next_line, steady, values};

#[tokio::test]
async fn hello_says_who_answers() {
    let lab = Lab::new().await;
    let hello: Hello = lab.get("/local/v1/hello").await.value();
    assert_eq!((hello.product.as_str(), hello.api, hello.pid), ("ecslocal", API_VERSION, std::process::id()));
    assert_eq!(hello.state_folder, lab.folder.path().join("state").display().to_string());
}

#[tokio::test]
async fn a_view_is_held_back_until_there_is_another() {
    let lab = Lab::up().await;
    let settled = lab.until(|view| steady(view) && lab.keeper.snapshot().idle).await;
    let path = format!("/local/v1/view?after={}", settled.version);
    let held = lab.get(&path);
    tokio::pin!(held);
    // Nothing happens, so nothing comes.
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut held).await.is_err());
    lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":2}}"#).await;
    let newer: View = held.await.value();
    assert!(newer.version > settled.version);
    assert_eq!(newer.clusters[0].services[0].desired_count, 2);
    // A number of another daemon's, of whatever size, is no reason to wait.
    let other: View = lab.get("/local/v1/view?after=999999999").await.value();
    assert!(other.version < 999_999_999);
}

#[tokio::test]
async fn a_view_tells_at_once_that_the_engine_is_away() {
    let lab = Lab::up().await;
    assert_eq!(lab.view().await.engine.problem, None);
    lab.fleet.go_down();
    lab.until(|view| view.engine.problem.is_some()).await;
    lab.fleet.come_back();
    lab.until(|view| view.engine.problem.is_none()).await;
}

#[tokio::test]
async fn events_are_told_and_followed() {
    let lab = Lab::up().await;
    let answer = lab.get("/local/v1/events?cluster=lab").await;
    let past: Vec<EventRecord> = values(&answer.text).into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
    assert!(past[0].message.contains("has started 1 tasks"), "{}", answer.text);
    assert!(past.is_sorted_by_key(|event| event.sequence));
    let last = past.last().unwrap();
    assert!(last.message.contains("has reached a steady state"), "{}", last.message);
    let mut lines = lab.stream(&format!("/local/v1/events?cluster=lab&service=web&follow&after={}", last.sequence)).await;
    lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":2}}"#).await;
    let next: EventRecord = serde_json::from_str(&next_line(&mut lines).await.unwrap()).unwrap();
    assert!(next.sequence > last.sequence && next.message.contains("has started 1 tasks"), "{}", next.message);
    assert_eq!(lab.get("/local/v1/events?cluster=other").await.text, "");
}

#[tokio::test]
async fn logs_are_told_in_order_and_followed() {
    let lab = Lab::up().await;
    let mut followed = lab.stream("/local/v1/logs?cluster=lab&follow").await;
    let first: LogRecord = serde_json::from_str(&next_line(&mut followed).await.unwrap()).unwrap();
    assert_eq!((first.service.as_str(), first.container.as_str(), first.stream.as_str(), first.text.as_str()), ("web", "app", "stdout", "hello"));
    // One that starts while its service is followed.
    lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":3}}"#).await;
    let (second, third) = (next_line(&mut followed).await.unwrap(), next_line(&mut followed).await.unwrap());
    assert!(second != third && second.contains("hello") && third.contains("hello"));
    lab.until(steady).await;
    let told = |answer: String| -> Vec<LogRecord> { values(&answer).into_iter().map(|line| serde_json::from_value(line).unwrap()).collect() };
    let all = told(lab.get("/local/v1/logs?cluster=lab").await.text);
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by(|a, b| a.at <= b.at));
    assert_eq!(all[0], first);
    assert_eq!(told(lab.get(&format!("/local/v1/logs?cluster=lab&task={}", &first.task[..12])).await.text), [first]);
    assert_eq!(told(lab.get("/local/v1/logs?cluster=lab&tail=0").await.text), []);
    assert_eq!(lab.get("/local/v1/logs?cluster=lab&service=none").await.text, "");
}

#[tokio::test]
async fn a_log_is_followed_over_a_break_of_the_engine() {
    let lab = Lab::new().await;
    lab.bring(&manifest("sim:v1", "out=late@1s")).await;
    lab.until(|view| view.clusters[0].services[0].running_count == 1).await;
    let mut followed = lab.stream("/local/v1/logs?cluster=lab&follow").await;
    lab.fleet.go_down();
    lab.until(|view| view.engine.problem.is_some()).await;
    lab.fleet.come_back();
    assert!(next_line(&mut followed).await.unwrap().contains("late"));
}

#[tokio::test]
async fn explain_says_where_a_request_would_go() {
    let lab = Lab::up().await;
    let ask = |url: &str| json!({"cluster": "lab", "method": "GET", "url": url, "headers": []}).to_string();
    let reply: ExplainReply = lab.post("/local/v1/explain", &ask("/web/1")).await.value();
    assert_eq!((reply.load_balancer.as_str(), reply.listener_port, reply.target_group.as_deref()), ("front", 80, Some("web")));
    assert_eq!(reply.targets.len(), 1);
    assert!(reply.targets[0].eligible && reply.targets[0].task.is_some());
    let reply: ExplainReply = lab.post("/local/v1/explain", &ask("http://localhost/other?x=1")).await.value();
    assert_eq!((reply.target_group, reply.status), (None, Some(404)));
    for (url, says) in [("http://[", "is not a URL"), ("http://localhost:9/", "no listener has port 9")] {
        let answer = lab.post("/local/v1/explain", &ask(url)).await;
        assert_eq!(answer.status, 400);
        assert!(answer.failure().message.contains(says), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_difference_is_told_and_nothing_is_changed() {
    let lab = Lab::up().await;
    let version = lab.view().await.version;
    let diff = async |image: &str| -> Vec<String> {
        let body: Value = json!({ "desired": desired(&manifest(image, "out=hello")) });
        lab.post("/local/v1/diff", &body.to_string()).await.value::<DiffReply>().changes
    };
    assert_eq!(diff("sim:v1").await, Vec::<String>::new());
    assert_eq!(diff("sim:v2").await, ["+ task definition web, a new revision: app: image sim:v1 -> sim:v2", "~ service web, web:1 -> web:2"]);
    assert_eq!(lab.view().await.version, version);
}

#[tokio::test]
async fn scaling_says_what_each_policy_sees() {
    let lab = Lab::up().await;
    let nobody: Vec<ScalingView> = lab.get("/local/v1/scaling?cluster=lab").await.value();
    assert_eq!(nobody, []);
    let measured = |lab: &Lab| lab.fleet.calls().iter().any(|call| call.verb == VerbName::Usage);
    assert!(!measured(&lab), "the engine is not asked where no policy needs it");
    let policy = "{ policyName: memory, policyType: TargetTrackingScaling, targetTrackingScalingPolicyConfiguration: \
                  { targetValue: 80, predefinedMetricSpecification: { predefinedMetricType: ECSServiceAverageMemoryUtilization } } }";
    let scaled =
        format!("{}    scalableTarget: {{ minCapacity: 1, maxCapacity: 3, scalingPolicies: [{policy}] }}\n", manifest("sim:v2", "memory=32"));
    assert_eq!(lab.bring(&scaled).await.pop().unwrap()["type"], "done");
    let mut version = 0;
    let views = loop {
        let views: Vec<ScalingView> = lab.get("/local/v1/scaling?cluster=lab").await.value();
        if views[0].policies[0].value == Some(50.0) {
            break views;
        }
        // Each minute that was measured is another version.
        version = lab.until(|view| view.version > version).await.version;
    };
    let [web] = views.as_slice() else { panic!("{views:?}") };
    assert_eq!((web.min_capacity, web.max_capacity, web.desired_count), (1, 3, 1));
    let [policy] = web.policies.as_slice() else { panic!("{web:?}") };
    assert_eq!((policy.metric_name.as_str(), policy.target_value), ("MemoryUtilization", Some(80.0)));
    let conditions: Vec<_> = policy.alarms.iter().map(|alarm| alarm.condition.as_str()).collect();
    assert_eq!(conditions, ["> 80 for 3 datapoints", "< 72 for 15 datapoints"]);
    assert!(measured(&lab));
    assert!(policy.alarms[0].alarm_name.starts_with("TargetTracking-service/lab/web-AlarmHigh-"));
}
