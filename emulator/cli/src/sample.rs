//! A view by hand, for tests: `posts` rolls out and has trouble, `users` is steady.

use serde_json::{Value, json};
use wire::local::View;

fn task(id: &str, service: &str, last_status: &str, container: Value) -> Value {
    let mut container = container;
    for (key, value) in [("name", service), ("image", "img:v1"), ("runtimeName", "ecs-x"), ("healthStatus", "UNKNOWN")] {
        container[key] = json!(value);
    }
    json!({
        "taskId": id.repeat(4), "taskArn": format!("arn:{id}"), "serviceName": service, "startedBy": "ecs-svc/1", "taskDefinition": format!("{service}:1"),
        "desiredStatus": if last_status == "STOPPED" { "STOPPED" } else { "RUNNING" }, "lastStatus": last_status, "createdAt": 900.0, "startedAt": 905.0,
        "containers": [container],
    })
}

fn service(name: &str, deployments: Value, numbers: (u32, u32), waiting: Value) -> Value {
    let (running, pending) = numbers;
    json!({
        "serviceName": name, "status": "ACTIVE", "desiredCount": 2, "runningCount": running, "pendingCount": pending, "taskDefinition": format!("{name}:1"),
        "steady": running == 2, "deployments": deployments, "waiting": waiting,
    })
}

fn deployment(name: &str, failed: u32, state: &str) -> Value {
    json!([{
        "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": format!("{name}:1"), "runningCount": 1, "pendingCount": 1, "failedTasks": failed,
        "rolloutState": state, "rolloutStateReason": "", "createdAt": 900.0,
    }])
}

fn instance(name: &str, left: u32, zone: &str) -> Value {
    json!({
        "name": name, "containerInstanceArn": format!("arn:{name}"), "ec2InstanceId": "i-1", "status": "ACTIVE", "agentConnected": true,
        "runningTasksCount": 3, "pendingTasksCount": 1, "attributes": { "ecs.availability-zone": zone, "ecs.os-type": "linux" }, "registeredAt": 900.0,
        "registeredResources": { "cpu": 2048, "memory": 4096, "ports": [22], "portsUdp": [] },
        "remainingResources": { "cpu": left, "memory": 3072, "ports": [22], "portsUdp": [] },
    })
}

/// The view.
pub(crate) fn view() -> View {
    let bound = |port: u16| json!({"lastStatus": "RUNNING", "networkBindings": [{"bindIP": "127.0.0.1", "containerPort": 3000, "hostPort": port, "protocol": "tcp"}]});
    let mut crashed = task("dead0000", "posts", "STOPPED", json!({"lastStatus": "STOPPED", "exitCode": 7, "networkBindings": []}));
    for (key, value) in
        [("stopCode", json!("EssentialContainerExited")), ("stoppedReason", json!("Essential container in task exited")), ("stoppedAt", json!(940.0))]
    {
        crashed[key] = value;
    }
    let target = |port: u16, task: &str, state: &str, reason: Value, description: Value| {
        json!({
            "id": "i-1", "port": port, "address": format!("127.0.0.1:{port}"), "taskId": task.repeat(4), "state": state, "reason": reason, "description": description, "inFlight": 0,
        })
    };
    let view = json!({
        "version": 12, "now": 1000.0,
        "engine": {"name": "Docker", "version": "28.0", "endpoint": "unix:///var/run/docker.sock", "problem": null},
        "clusters": [{
            "clusterName": "tutorial", "deleting": false,
            "services": [
                service("posts", deployment("posts", 1, "IN_PROGRESS"), (1, 1), json!(["posts/beef0000: target initial, 5 s until its next check"])),
                service("users", deployment("users", 0, "COMPLETED"), (2, 0), json!([])),
            ],
            "containerInstances": [instance("local", 1536, "us-east-1a")],
            "tasks": [
                task("beef0000", "posts", "RUNNING", bound(32770)), crashed, task("aaaa0000", "users", "RUNNING", bound(32768)), task("bbbb0000", "users", "RUNNING", bound(32769)),
            ],
            "loadBalancers": [{"loadBalancerName": "front", "loadBalancerArn": "arn:lb", "listeners": [{
                "port": 80, "protocol": "HTTP", "boundPort": 8080, "problem": "port 80 is not permitted", "url": "http://localhost:8080",
                "rules": [
                    {"priority": "1", "conditions": [{"field": "path-pattern", "values": ["/api/posts*", "/p"]}, {"field": "host-header", "values": ["a.test"]}], "action": "forward to posts", "targetGroups": ["posts"]},
                    {"priority": "default", "conditions": [], "action": "fixed response 404", "targetGroups": []},
                ],
            }]}],
            "targetGroups": [
                {"targetGroupName": "posts", "targetGroupArn": "arn:posts", "protocol": "HTTP", "port": 80, "healthCheckPath": "/", "targets": [
                    target(32770, "beef0000", "unhealthy", json!("Target.ResponseCodeMismatch"), json!("Health checks failed with these codes: [500]")),
                ]},
                {"targetGroupName": "users", "targetGroupArn": "arn:users", "protocol": "HTTP", "port": 80, "healthCheckPath": "/", "targets": [
                    target(32768, "aaaa0000", "healthy", Value::Null, Value::Null), target(32769, "bbbb0000", "healthy", Value::Null, Value::Null),
                ]},
            ],
        }],
    });
    serde_json::from_value(view).unwrap()
}
