//! What changes something: up, scale, stop-task, down.

use serde_json::json;

use crate::lab::{Lab, manifest, steady};

#[tokio::test]
async fn up_tells_its_steps_and_the_view_that_has_them() {
    let lab = Lab::new().await;
    let steps = lab.bring(&manifest("sim:v1", "out=hello")).await;
    let [.., applied, done] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!((&applied["type"], &done["type"]), (&json!("applied"), &json!("done")));
    assert!(applied["changes"].as_array().unwrap().contains(&json!("+ service web, 1 of web:1")), "{applied}");
    assert!(lab.view().await.version >= applied["version"].as_u64().unwrap());
    lab.until(steady).await;
    let again = lab.bring(&manifest("sim:v1", "out=hello")).await;
    let [.., applied, _] = again.as_slice() else { panic!("{again:?}") };
    assert_eq!(applied["changes"], json!([]));
}

#[tokio::test]
async fn up_whose_image_cannot_be_had_changes_nothing() {
    let lab = Lab::new().await;
    let steps = lab.bring(&manifest("sim:missing", "out=hello")).await;
    let last = steps.last().unwrap();
    assert_eq!((&last["type"], &last["failure"]["fault"]), (&json!("failed"), &json!("input")));
    assert!(last["failure"]["message"].as_str().unwrap().starts_with("image `sim:missing`: pull access denied"), "{last}");
    assert!(lab.view().await.clusters.is_empty());
}

#[tokio::test]
async fn up_while_the_engine_is_away_says_so() {
    let lab = Lab::new().await;
    lab.fleet.go_down();
    lab.until(|view| view.engine.problem.is_some()).await;
    let last = lab.bring(&manifest("sim:v1", "out=hello")).await.pop().unwrap();
    assert!(last["failure"]["message"].as_str().unwrap().starts_with("the container engine cannot be reached"), "{last}");
}

#[tokio::test]
async fn tasks_are_scaled_stopped_and_taken_down() {
    let lab = Lab::up().await;
    assert_eq!(lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":3}}"#).await.status, 200);
    let view = lab.until(|view| steady(view) && view.clusters[0].services[0].running_count == 3).await;
    let stop = |task: &str| json!({"cluster": "lab", "task": task, "reason": "for a test"}).to_string();
    let several = lab.post("/local/v1/stop-task", &stop("")).await;
    assert!(several.status == 400 && several.text.contains("the beginning of 3 tasks"), "{}", several.text);
    // By its ARN, or as much of its id as names it.
    let task = &view.clusters[0].tasks[0];
    assert_eq!(lab.post("/local/v1/stop-task", &stop(&task.task_arn)).await.value::<serde_json::Value>()["task"], task.task_id.as_str());
    let view = lab.until(|view| view.clusters[0].tasks.iter().any(|found| found.task_id == task.task_id && found.stopped_at.is_some())).await;
    let stopped = view.clusters[0].tasks.iter().find(|found| found.task_id == task.task_id).unwrap();
    assert_eq!(stopped.stop_code.as_deref(), Some("UserInitiated"));
    assert_eq!(stopped.stopped_reason.as_deref(), Some("for a test"));
    assert_eq!(lab.post("/local/v1/down?cluster=lab", "").await.status, 200);
    lab.until(|view| view.clusters.is_empty()).await;
    assert!(lab.fleet.containers().is_empty());
}

#[tokio::test]
async fn an_instance_is_drained_and_taken_back() {
    let lab = Lab::up().await;
    let status = |instance: &str, drain: bool| json!({"cluster": "lab", "instance": instance, "drain": drain}).to_string();
    let unknown = lab.post("/local/v1/instance-status", &status("elsewhere", true)).await;
    assert_eq!(unknown.failure().message, "there is no container instance `elsewhere`");
    assert_eq!(lab.post("/local/v1/instance-status", &status("local", true)).await.status, 200);
    assert_eq!(lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":3}}"#).await.status, 200);
    let view = lab.view().await;
    let cluster = &view.clusters[0];
    let (instance, service) = (&cluster.container_instances[0], &cluster.services[0]);
    assert_eq!((instance.name.as_str(), instance.status.as_str(), instance.running_tasks_count), ("local", "DRAINING", 1));
    assert_eq!(service.hopeless.as_ref().map(|hopeless| hopeless.reason.as_str()), Some("no container instance takes a task of web: none is ACTIVE"));
    assert_eq!((service.running_count, cluster.tasks[0].container_instance.as_str()), (1, "local"), "what runs stays");
    assert_eq!(lab.post("/local/v1/instance-status", &status("local", false)).await.status, 200);
    let view = lab.until(|view| steady(view) && view.clusters[0].services[0].running_count == 3).await;
    assert_eq!((&view.clusters[0].services[0].hopeless, view.clusters[0].container_instances[0].status.as_str()), (&None, "ACTIVE"));
}

#[tokio::test]
async fn a_change_that_cannot_be_saved_is_told_so_and_is_in_effect() {
    let lab = Lab::up().await;
    std::fs::remove_dir_all(lab.folder.path().join("state")).unwrap();
    let answer = lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":2}}"#).await;
    assert_eq!(answer.status, 500);
    assert!(answer.failure().message.starts_with("the change is in effect, but the state cannot be saved in"), "{}", answer.text);
    let view = lab.until(|view| steady(view) && view.clusters[0].services[0].running_count == 2).await;
    assert!(view.problem.unwrap().starts_with("the state cannot be saved in"));
    std::fs::create_dir(lab.folder.path().join("state")).unwrap();
    lab.until(|view| view.problem.is_none()).await;
    assert!(lab.folder.path().join("state/state.json").exists());
}
