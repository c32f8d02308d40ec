//! Container instances on two engines.

use engine::simulated::Fleet;
use model::RunState;

use crate::lab::{Lab, manifest, steady};

const OTHER: &str = "unix:///other.sock";

/// Two tasks of `web`, on two instances.
fn two(endpoint: &str) -> String {
    let instances = format!("containerInstances:\n  - {{ name: here }}\n  - {{ name: there, endpoint: \"{endpoint}\" }}\n");
    manifest("built:v1", "out=hello").replace("desiredCount: 1", "desiredCount: 2") + &instances
}

fn running(fleet: &Fleet) -> usize {
    fleet.containers().iter().filter(|container| container.seen.state == RunState::Running).count()
}

async fn up() -> (Lab, std::sync::Arc<Fleet>) {
    let (lab, other) = Lab::beside(OTHER).await;
    let last = lab.bring(&two(OTHER)).await.pop().unwrap();
    assert_eq!(last["type"], "done", "{last}");
    lab.until(steady).await;
    assert_eq!((running(&lab.fleet), running(&other)), (1, 1));
    (lab, other)
}

#[tokio::test]
async fn tasks_run_on_the_engine_of_their_instance_from_the_image_of_the_first() {
    let (lab, other) = up().await;
    let image = |fleet: &Fleet| fleet.containers()[0].spec.image_id.clone();
    assert_eq!(image(&lab.fleet), image(&other));
    let verbs: Vec<_> = other.calls().iter().map(|call| format!("{:?}", call.verb)).collect();
    assert!(verbs.contains(&"Import".to_owned()) && !verbs.contains(&"Image".to_owned()), "{verbs:?}");
    assert_eq!(lab.get("/local/v1/logs?cluster=lab").await.text.matches("hello").count(), 2);
    assert_eq!(lab.post("/local/v1/down?cluster=lab", "").await.status, 200);
    lab.until(|view| view.clusters.is_empty()).await;
    assert!(lab.fleet.containers().is_empty() && other.containers().is_empty());
}

#[tokio::test]
async fn an_engine_that_goes_away_holds_up_nobody_else() {
    let (lab, other) = up().await;
    other.go_down();
    let view = lab.until(|view| !view.clusters[0].container_instances[1].agent_connected).await;
    assert!(view.engine.problem.is_none() && view.clusters[0].container_instances[1].problem.is_some());
    assert_eq!(lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":3}}"#).await.status, 200);
    lab.until(|view| steady(view) && view.clusters[0].services[0].running_count == 3).await;
    assert_eq!(running(&lab.fleet), 2, "what runs there is taken to run");
    // A container that ends while nobody looks.
    let lost = other.containers()[0].seen.id.clone();
    other.kill(&lost, 1);
    other.come_back();
    lab.until(|view| steady(view) && view.clusters[0].container_instances[1].agent_connected && view.clusters[0].tasks.len() == 4).await;
    assert_eq!(running(&lab.fleet) + running(&other), 3);
}

#[tokio::test]
async fn an_instance_whose_engine_does_not_answer_is_refused_while_it_is_new() {
    let (lab, _other) = Lab::beside(OTHER).await;
    let last = lab.bring(&two("unix:///nowhere.sock")).await.pop().unwrap();
    let failure = &last["failure"];
    assert_eq!(
        (failure["message"].as_str(), failure["hint"].as_str()),
        (Some("container instance `there`: nobody at `unix:///nowhere.sock`"), Some("a test"))
    );
    assert!(lab.view().await.clusters.is_empty());
}

#[tokio::test]
async fn a_service_deleted_while_an_engine_is_away_leaves_nothing_there() {
    let (lab, other) = up().await;
    other.go_down();
    lab.until(|view| !view.clusters[0].container_instances[1].agent_connected).await;
    assert_eq!(lab.post("/local/v1/down?cluster=lab", "").await.status, 200);
    lab.until(|view| view.clusters[0].tasks.iter().filter(|task| task.stopped_at.is_some()).count() == 1).await;
    other.come_back();
    lab.until(|view| view.clusters.is_empty()).await;
    assert!(other.containers().is_empty());
}

#[tokio::test]
async fn an_engine_that_is_gone_for_good_is_let_go_of_by_force() {
    let (lab, other) = up().await;
    other.go_down();
    lab.until(|view| !view.clusters[0].container_instances[1].agent_connected).await;
    let ask = |force: bool| serde_json::json!({ "cluster": "lab", "instance": "there", "force": force }).to_string();
    let refused = lab.post("/local/v1/deregister-instance", &ask(false)).await.failure();
    assert!(refused.message.starts_with("Found running tasks on the instance."), "{refused:?}");
    assert_eq!(lab.post("/local/v1/deregister-instance", &ask(true)).await.status, 200);
    let view = lab.until(|view| steady(view) && view.clusters[0].container_instances.len() == 1 && view.clusters[0].tasks.len() == 3).await;
    let lost = view.clusters[0].tasks.iter().find(|task| task.stopped_at.is_some()).unwrap();
    assert_eq!(lost.stopped_reason.as_deref(), Some("Container instance deregistration forced by user"));
    assert_eq!(running(&lab.fleet), 2);
    let last = lab.post("/local/v1/deregister-instance", &ask(true).replace("there", "here")).await.failure();
    assert_eq!(last.message, "the container instance `here` is the last one of the cluster `lab`");
    // It comes back after all, and the manifest names it still.
    other.come_back();
    assert_eq!(lab.bring(&two(OTHER)).await.pop().unwrap()["type"], "done");
    lab.until(|view| view.clusters[0].container_instances.len() == 2).await;
    let gone = async {
        while running(&other) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::lab::PATIENCE, gone).await.expect("what nobody wants there is removed");
}
