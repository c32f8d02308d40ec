//! Faults on purpose, as the command line asks for them.

use engine::Disturbance;
use serde_json::json;
use wire::local::{FaultView, FaultsReply};

use crate::lab::{Lab, manifest, steady};

fn asked(whom: &str, kind: &serde_json::Value, seconds: u32) -> String {
    json!({ "cluster": "lab", "whom": whom, "percentOfTasks": 100, "kind": kind, "seconds": seconds }).to_string()
}

fn pause() -> serde_json::Value {
    json!({ "Pause": { "container": null } })
}

#[tokio::test]
async fn a_fault_is_done_when_it_is_answered_and_undone_when_its_end_is() {
    let lab = Lab::up().await;
    let fault: FaultView = lab.post("/local/v1/inject-fault", &asked("web", &pause(), 600)).await.value();
    assert_eq!((fault.status.as_str(), fault.kind.as_str(), fault.task_ids.len()), ("ACTIVE", "pause", 1));
    assert!(matches!(lab.fleet.disturbed().as_slice(), [(_, Disturbance::Pause)]));
    assert_eq!(lab.view().await.clusters[0].tasks[0].faults.join(","), fault.fault_id);
    let again = lab.post("/local/v1/inject-fault", &asked(&fault.task_ids[0][..8], &pause(), 10)).await;
    assert!(again.failure().message.contains(&format!("is in use by {}, pause, which excludes this fault", fault.fault_id)), "{}", again.text);
    let reply: FaultsReply = lab.post("/local/v1/end-faults?cluster=lab", "{}").await.value();
    assert_eq!((reply.faults, lab.fleet.disturbed().len()), (vec![fault.fault_id], 0));
    let listed: Vec<FaultView> = lab.get("/local/v1/faults?cluster=lab").await.value();
    assert_eq!(listed.iter().map(|fault| fault.status.as_str()).collect::<Vec<_>>(), ["OVER"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let lab = Lab::up().await;
    let answers = |status: u16, percent: u8| json!({ "Answers": { "status": status, "delay_millis": 0, "percent": percent } });
    for (body, message) in [
        (asked("nobody", &pause(), 10), "`nobody` is neither a service nor a task of the cluster `lab`"),
        (asked("web", &pause(), 0), "a fault lasts from 1 to 3600 s, not 0 s"),
        (asked("web", &pause(), 3601), "a fault lasts from 1 to 3600 s, not 3601 s"),
        (asked("web", &json!({ "Kill": { "container": "db" } }), 10), "has no container `db`, only app"),
        (asked("web", &answers(404, 100), 10), "the status 404 is not within 500 and 599"),
        (asked("web", &answers(503, 0), 10), "0 % of requests is not within 1 and 100"),
    ] {
        let answer = lab.post("/local/v1/inject-fault", &body).await;
        assert!(answer.failure().message.contains(message), "{body}: {}", answer.text);
    }
    assert!(lab.post("/local/v1/end-faults?cluster=lab&fault=fault-1", "{}").await.failure().message.contains("there is no fault `1`"));
    assert_eq!(lab.get("/local/v1/faults?cluster=lab").await.value::<Vec<FaultView>>(), []);
}

#[tokio::test]
async fn a_limit_is_cut_and_given_back_as_the_definition_says() {
    let lab = Lab::up().await;
    let pressed = async |kind: serde_json::Value| {
        let fault: FaultView = lab.post("/local/v1/inject-fault", &asked("web", &json!({ "Pressure": kind }), 600)).await.value();
        let done = lab.fleet.disturbed().into_iter().map(|(_, what)| what).collect::<Vec<_>>();
        lab.post(&format!("/local/v1/end-faults?cluster=lab&fault={}", fault.fault_id), "{}").await.value::<FaultsReply>();
        assert_eq!(lab.fleet.disturbed(), []);
        done
    };
    assert_eq!(pressed(json!({ "Memory": 75 })).await, [Disturbance::Memory { mebibytes: 16, before: 64, swap: 0 }]);
    assert_eq!(pressed(json!({ "Memory": 99 })).await, [Disturbance::Memory { mebibytes: 6, before: 64, swap: 0 }]);
    // Without a `cpu` of the task it is that of the machine: eight cores.
    assert_eq!(pressed(json!({ "Cpu": 75 })).await, [Disturbance::Cpu { units: 2048, before: None }]);
    let answer = lab.post("/local/v1/inject-fault", &asked("web", &json!({ "Pressure": { "Cpu": 100 } }), 10)).await;
    assert!(answer.failure().message.contains("100 % of what a task may use is not within 1 and 99"), "{}", answer.text);
    let bare = manifest("sim:v1", "out=hello").replace("memory: 64", "memoryReservation: 64");
    lab.bring(&bare).await;
    lab.until(steady).await;
    let answer = lab.post("/local/v1/inject-fault", &asked("web", &json!({ "Pressure": { "Memory": 50 } }), 10)).await;
    assert!(answer.failure().message.contains("has a container without a limit of memory"), "{}", answer.text);
}

#[tokio::test]
async fn what_was_killed_is_replaced_and_a_cluster_takes_its_faults_along() {
    let lab = Lab::up().await;
    let killed: FaultView = lab.post("/local/v1/inject-fault", &asked("web", &json!({ "Kill": { "container": null } }), 30)).await.value();
    let replaced = |view: &wire::local::View| {
        steady(view) && view.clusters[0].tasks.iter().any(|task| task.last_status == "RUNNING" && task.task_id != killed.task_ids[0])
    };
    lab.until(replaced).await;
    lab.post("/local/v1/inject-fault", &asked("web", &pause(), 600)).await.value::<FaultView>();
    assert_eq!(lab.fleet.disturbed().len(), 1);
    assert_eq!(lab.post("/local/v1/down?cluster=lab", "").await.status, 200);
    lab.until(|view| view.clusters.is_empty()).await;
    assert_eq!(lab.fleet.containers(), []);
    // It is made again without them.
    lab.bring(&manifest("sim", "out=hello")).await;
    assert_eq!(lab.get("/local/v1/faults?cluster=lab").await.value::<Vec<FaultView>>(), []);
}
