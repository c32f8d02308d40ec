use std::time::Duration;

use super::*;
use crate::sample;

/// A cluster of which `users` is steady and `posts` is left out.
fn cluster() -> ClusterView {
    let mut cluster = sample::view().clusters.remove(0);
    cluster.services.retain(|service| service.service_name == "users");
    cluster
}

/// The same with a new deployment of which the first task is there.
fn rolling(id: &str, health: &str) -> ClusterView {
    let mut cluster = cluster();
    let users = &mut cluster.services[0];
    users.steady = false;
    let mut old = users.deployments[0].clone();
    old.status = "ACTIVE".into();
    users.deployments.push(old);
    (users.deployments[0].id, users.deployments[0].rollout_state) = (id.into(), "IN_PROGRESS".into());
    let task = cluster.tasks.iter_mut().find(|task| task.task_id.starts_with("bbbb")).unwrap();
    (task.started_by, task.task_definition) = (Some(id.into()), "users:2".into());
    cluster.target_groups[1].targets[1].state = health.into();
    cluster
}

/// At each second there is a look.
struct Watch {
    rollouts: Rollouts,
    start: Instant,
    second: u64,
}

impl Watch {
    fn new() -> Self {
        Self { rollouts: Rollouts::new(Some(&cluster())), start: Instant::now(), second: 0 }
    }

    fn look(&mut self, version: u64, cluster: &ClusterView) -> Vec<String> {
        self.second += 1;
        told(self.rollouts.look(version, cluster, self.start + Duration::from_secs(self.second)))
    }

    /// Something that was asked for at that second.
    fn expect(&mut self, version: u64, service: Option<&str>, begun: u64) {
        let begun = self.start + Duration::from_secs(begun);
        self.rollouts.expect(Expected { version, service: service.map(str::to_owned), begun, since: begun });
    }
}

fn told(news: Vec<News>) -> Vec<String> {
    news.into_iter().map(|news| format!("{} {:?}", news.service, news.what)).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_rollout_answers_with_its_first_healthy_task_and_then_is_steady() {
    let mut watch = Watch::new();
    assert_eq!(watch.look(1, &cluster()), NOTHING);
    watch.expect(5, Some("users"), 2);
    assert_eq!(watch.look(4, &cluster()), NOTHING, "a view from before");
    assert_eq!(watch.look(5, &rolling("ecs-svc/2", "initial")), NOTHING);
    assert_eq!(watch.look(6, &rolling("ecs-svc/2", "healthy")), [r#"users Answers("users:2")"#]);
    assert_eq!(watch.look(7, &rolling("ecs-svc/2", "healthy")), NOTHING, "once");
    let mut steady = rolling("ecs-svc/2", "healthy");
    steady.services[0].steady = true;
    assert_eq!(watch.look(8, &steady), [r#"users Steady("users:1")"#]);
    assert_eq!(watch.look(9, &steady), NOTHING);
}

#[test]
fn a_deployment_may_be_seen_before_we_hear_that_it_is_ours() {
    let mut watch = Watch::new();
    assert_eq!(watch.look(5, &rolling("ecs-svc/2", "healthy")), NOTHING);
    watch.expect(5, Some("users"), 1);
    assert_eq!(watch.look(5, &rolling("ecs-svc/2", "healthy")), [r#"users Answers("users:2")"#]);
}

#[test]
fn what_leads_to_no_deployment_is_told() {
    let mut watch = Watch::new();
    watch.expect(5, Some("users"), 1);
    assert_eq!(watch.look(5, &cluster()), ["users Same"]);
    watch.expect(6, None, 1);
    assert_eq!(watch.look(6, &cluster()), NOTHING, "a manifest may change what no deployment is for");
}

#[test]
fn a_deployment_of_somebody_else_is_none_of_ours() {
    let mut watch = Watch::new();
    assert_eq!(watch.look(5, &rolling("ecs-svc/2", "healthy")), NOTHING);
    watch.expect(6, Some("users"), 2);
    assert_eq!(watch.look(6, &rolling("ecs-svc/2", "healthy")), ["users Same"]);
    watch.expect(7, Some("posts"), 2);
    assert_eq!(watch.look(7, &rolling("ecs-svc/3", "healthy")), ["posts Same"]);
}

#[test]
fn what_was_gone_back_from_has_failed_and_what_was_overtaken_is_silent() {
    let mut watch = Watch::new();
    watch.expect(5, None, 1);
    watch.look(5, &rolling("ecs-svc/2", "initial"));
    watch.expect(7, Some("users"), 2);
    assert_eq!(watch.look(7, &rolling("ecs-svc/3", "initial")), NOTHING, "the newest wins");
    let mut back = cluster();
    back.services[0].deployments[0].rolled_back_from = Some("ecs-svc/3".into());
    assert_eq!(watch.look(9, &back), ["users Failed"]);
    assert_eq!(watch.look(10, &back), NOTHING);
}

#[test]
fn a_version_whose_tasks_keep_failing_is_told_once() {
    let mut watch = Watch::new();
    watch.expect(5, None, 1);
    watch.look(5, &rolling("ecs-svc/2", "initial"));
    let mut failing = rolling("ecs-svc/2", "unhealthy");
    failing.services[0].deployments[0].failed_tasks = 3;
    assert_eq!(watch.look(6, &failing), ["users Failed"]);
    assert_eq!(watch.look(7, &failing), NOTHING);
}

#[test]
fn a_shift_answers_when_traffic_comes_and_a_pause_is_told() {
    let mut watch = Watch::new();
    watch.expect(5, None, 1);
    let mut shifting = rolling("ecs-svc/2", "healthy");
    let primary = &mut shifting.services[0].deployments[0];
    (primary.lifecycle_stage, primary.production_traffic_percent) = (Some("POST_SCALE_UP".into()), Some(0.0));
    primary.lifecycle_hook = serde_json::from_value(serde_json::json!({
        "hookId": "h", "targetType": "PAUSE", "status": "AWAITING_ACTION", "expiresAt": 0.0, "timeoutAction": "ROLLBACK",
    }))
    .unwrap();
    let paused = r#"users Paused("paused at POST_SCALE_UP until `ecslocal continue users`")"#;
    assert_eq!(watch.look(5, &shifting), [paused]);
    let primary = &mut shifting.services[0].deployments[0];
    (primary.lifecycle_hook, primary.production_traffic_percent) = (None, Some(10.0));
    assert_eq!(watch.look(6, &shifting), [r#"users Answers("users:2")"#]);
}
