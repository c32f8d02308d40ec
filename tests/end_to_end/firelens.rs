//! FireLens: a container's output goes to the log router of its task.

use crate::lab::{Lab, docker, until};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
parameters: [{ name: "/${CLUSTER}/token", value: hunter2 }]
taskDefinitions:
  - family: web
    networkMode: ${MODE}
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 32
        stopTimeout: 1
        command: ["--print", "to be routed", "--eprint", "and this"]
        logConfiguration:
          logDriver: awsfirelens
          options: { Name: http, Host: logs.example.com, include-pattern: "^t" }
          secretOptions: [{ name: http_Passwd, valueFrom: "/${CLUSTER}/token" }]
      - name: router
        image: ${IMAGE}
        memory: 32
        stopTimeout: 1
        command: ["--forward", "/var/run/fluent.sock", "--see", "/fluent-bit/etc/fluent-bit.conf", "--see", "/fluent-bit/etc/external.conf"]
        environment: [{ name: PORT, value: "0" }]
        firelensConfiguration:
          type: fluentbit
          options: { config-file-type: s3, config-file-value: "arn:aws:s3:::settings/extra.conf" }
services: [{ serviceName: web, taskDefinition: web }]
"#;

fn routes(mode: &str, listen: &str) {
    let mut lab = Lab::new(&format!("firelens-{mode}"));
    lab.set("IMAGE", &test_support::test_image());
    lab.set("MODE", mode);
    let bucket = lab.home().join("s3/settings");
    std::fs::create_dir_all(&bucket).unwrap();
    std::fs::write(bucket.join("extra.conf"), "[FILTER]\n").unwrap();
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let (task, app) = lab.tasks("web").remove(0);
    let router = docker(&["ps", "-q", "--no-trunc", "--filter", "label=com.amazonaws.ecs.container-name=router"]);
    let router = router.lines().find(|id| docker(&["inspect", id]).contains(&task)).unwrap().to_owned();
    let routed = || docker(&["logs", &router]);
    until("both streams arrive", || {
        let text = routed();
        let of = |line: &str| text.lines().any(|told| told.starts_with(&format!("forwarded app-firelens-{task}: ")) && told.contains(line));
        (of("log=to be routed") && of("log=and this") && of("source=stderr") && of("container_name=/ecs-web-1-app-")).then_some(())
    });
    let text = routed();
    let config = text.lines().find(|line| line.starts_with("/fluent-bit/etc/fluent-bit.conf is ")).unwrap();
    for part in [
        &format!("Listen {listen} | "),
        "Match app-firelens* |     Regex log ^t",
        &format!("Record ecs_cluster {}", lab.cluster),
        "@INCLUDE /fluent-bit/etc/external.conf",
        "Host logs.example.com |     http_Passwd ${http_Passwd_app}",
    ] {
        assert!(config.contains(part), "{part}: {config}");
    }
    assert!(text.contains("/fluent-bit/etc/external.conf is [FILTER]") && !config.contains("hunter2"), "{text}");
    let environment = |container: &str| docker(&["inspect", "--format", "{{range .Config.Env}}{{.}} {{end}}", container]);
    assert!(environment(&router).contains("http_Passwd_app=hunter2"));
    let own = environment(&app);
    let host = if mode == "awsvpc" { "FLUENT_HOST=127.0.0.1 ".to_owned() } else { format!("FLUENT_HOST={} ", address(&router)) };
    assert!(own.contains(&host) && own.contains("FLUENT_PORT=24224") && !own.contains("hunter2"), "{own}");
    let shared = lab.home().join("firelens").join(&task);
    assert!(shared.is_dir());
    lab.must(&["down"]);
    until("the folder goes with the task", || (!shared.exists()).then_some(()));
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

fn address(container: &str) -> String {
    docker(&["inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container]).trim().to_owned()
}

#[test]
fn output_goes_to_the_router_of_the_task() {
    routes("bridge", "0.0.0.0");
}

#[test]
fn output_goes_to_the_router_where_the_network_is_shared() {
    routes("awsvpc", "127.0.0.1");
}
