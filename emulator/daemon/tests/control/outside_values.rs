//! What a task has from outside its definition: files of variables, read when it starts.

use serde_json::json;

use crate::lab::{Lab, manifest, steady};

/// One task of `web` with a file of variables from a bucket.
fn with_file() -> String {
    let file = "environmentFiles: [{ type: s3, value: \"arn:aws:s3:::settings/web.env\" }], environment: [{ name: OWN, value: own }]";
    manifest("sim:v1", "out=hello").replacen("memory: 64,", &format!("memory: 64, {file},"), 1)
}

impl Lab {
    /// Puts an object into a bucket.
    fn put(&self, object: &str, text: &str) {
        let path = self.folder.path().join("state/s3").join(object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The variables of the newest container, as `NAME=value`, but for those that the agent of ECS gives to all.
    fn variables(&self) -> Vec<String> {
        let newest = self.fleet.containers().pop().unwrap();
        let agent = |name: &str| name.starts_with("ECS_") || name == "AWS_EXECUTION_ENV";
        let own = newest.spec.definition.environment.iter().filter(|(name, _)| !agent(name));
        own.map(|(name, value)| format!("{name}={value}")).collect()
    }
}

#[tokio::test]
async fn a_file_of_variables_is_read_at_each_start_of_a_task() {
    let lab = Lab::new().await;
    lab.put("settings/web.env", "# of the team\nGREETING=hello\nOWN=file\n");
    assert_eq!(lab.bring(&with_file()).await.pop().unwrap()["type"], "done");
    let view = lab.until(steady).await;
    assert_eq!(lab.variables(), ["GREETING=hello", "OWN=own"]);
    // What has changed since reaches the next task, and no task that runs.
    lab.put("settings/web.env", "GREETING=hi\n");
    let task = &view.clusters[0].tasks[0].task_id;
    assert_eq!(lab.post("/local/v1/stop-task", &json!({"cluster": "lab", "task": task, "reason": null}).to_string()).await.status, 200);
    lab.until(|view| view.clusters[0].tasks.iter().any(|found| found.task_id != *task && found.last_status == "RUNNING")).await;
    assert_eq!(lab.variables(), ["GREETING=hi", "OWN=own"]);
}

#[tokio::test]
async fn a_task_whose_file_is_missing_fails_to_start_in_ecs_s_words() {
    let lab = Lab::new().await;
    assert_eq!(lab.bring(&with_file()).await.pop().unwrap()["type"], "done");
    let stopped = |task: &wire::local::TaskView| task.stop_code.as_deref() == Some("TaskFailedToStart");
    let view = lab.until(|view| view.clusters[0].tasks.iter().any(stopped)).await;
    let reason = view.clusters[0].tasks.iter().find(|task| stopped(task)).unwrap().stopped_reason.clone().unwrap();
    let begin =
        "ResourceInitializationError: failed to download env files: unable to download env file with key web.env from bucket settings, error: ";
    assert!(reason.starts_with(begin) && reason.ends_with("s3/settings/web.env`: there is no such file"), "{reason}");
    assert!(lab.fleet.containers().is_empty());
    // The service tries again, and the file has come meanwhile.
    lab.put("settings/web.env", "GREETING=hello\n");
    lab.until(steady).await;
}

#[tokio::test]
async fn what_a_container_wrote_is_there_when_it_is_gone_until_its_service_is() {
    let lab = Lab::new().await;
    let desired = |text: &str| json!({ "desired": crate::lab::desired(text) }).to_string();
    let of = |output: &str| manifest("sim:v1", &format!("out={output}"));
    lab.bring(&of("first")).await;
    let first = lab.until(steady).await.clusters[0].tasks[0].task_id.clone();
    assert!(lab.post("/local/v1/up", &desired(&of("second"))).await.text.contains("done"));
    let gone = lab.until(|view| steady(view) && lab.fleet.containers().len() == 1 && view.clusters[0].tasks.len() == 2).await;
    assert_eq!(gone.clusters[0].tasks.len(), 2);
    let logs = |query: &str| format!("/local/v1/logs?cluster=lab{query}");
    let lines = |text: &str| {
        let of = |line: &str| serde_json::from_str::<wire::local::LogRecord>(line).unwrap();
        text.lines().map(of).map(|record| (record.text, record.task == first)).collect::<Vec<_>>()
    };
    let both = [("first".to_owned(), true), ("second".to_owned(), false)];
    assert_eq!(lines(&lab.get(&logs("")).await.text), both);
    assert_eq!(lines(&lab.get(&logs(&format!("&task={first}"))).await.text), both[..1]);
    assert_eq!(lines(&lab.get(&logs("&service=other")).await.text), []);
    let mut followed = lab.stream(&logs("&follow=true")).await;
    for expected in &both {
        assert!(crate::lab::next_line(&mut followed).await.unwrap().contains(&expected.0));
    }
    let mut followed = lab.stream(&logs("&follow=true&tail=5")).await;
    assert!(crate::lab::next_line(&mut followed).await.unwrap().contains("second"), "of what is there");
    // A deployment leaves its own copy once, wherever it is looked for.
    let kept = || walk(&lab.folder.path().join("state/logs"));
    assert_eq!(kept(), [format!("{first}.log")]);
    assert_eq!(lab.post("/local/v1/down?cluster=lab", "").await.status, 200);
    lab.until(|view| view.clusters.is_empty()).await;
    assert_eq!(kept(), [format!("{first}.log")], "nothing more is kept of a cluster that goes");
}

/// The names of files below a folder.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.flat_map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { vec![entry.file_name().into_string().unwrap()] }).collect()
}

/// One task of `web` that is given a secret and a parameter, and prints them.
fn with_secret(value: &str) -> String {
    let secrets = "secrets: [{ name: PASSWORD, valueFrom: \"prod/db:password::\" }, { name: URL, valueFrom: /app/url }]";
    let text =
        manifest("sim:v1", &format!("out=connecting with {value} to http://db")).replacen("memory: 64,", &format!("memory: 64, {secrets},"), 1);
    format!(
        "{text}secrets: [{{ name: prod/db, secretString: '{{\"password\": \"{value}\"}}' }}]\nparameters: [{{ name: /app/url, value: \"http://db\" }}]\n"
    )
}

#[tokio::test]
async fn a_secret_reaches_its_task_and_nobody_s_eyes() {
    let lab = Lab::new().await;
    let steps = lab.bring(&with_secret("hunter2")).await;
    assert!(!format!("{steps:?}").contains("hunter2"), "{steps:?}");
    let changes = |steps: &[serde_json::Value]| steps.iter().rev().nth(1).unwrap()["changes"].clone();
    assert_eq!((&changes(&steps)[0], &changes(&steps)[1]), (&json!("+ secret prod/db"), &json!("+ parameter /app/url")));
    lab.until(steady).await;
    assert_eq!(lab.variables(), ["PASSWORD=hunter2", "URL=http://db"]);
    // A log shows what the container wrote, but for the secret.
    let logs = lab.get("/local/v1/logs?cluster=lab").await.text;
    assert!(logs.contains("connecting with *** to http://db"), "{logs}");
    let mut followed = lab.stream("/local/v1/logs?cluster=lab&follow=true").await;
    assert!(crate::lab::next_line(&mut followed).await.unwrap().contains("connecting with *** to http://db"));
    let state = std::fs::read_to_string(lab.folder.path().join("state/state.json")).unwrap();
    for text in
        [&state, &lab.get("/local/v1/view").await.text, &lab.get("/local/v1/secrets").await.text, &lab.get("/local/v1/events?cluster=lab").await.text]
    {
        // The container's own command says it, which is no secret.
        assert!(!text.replace("out=connecting with hunter2", "").contains("hunter2"), "{text}");
    }
    // The same again is no change, another value is: for tasks of a new deployment.
    assert_eq!(changes(&lab.bring(&with_secret("hunter2")).await), json!([]));
    let desired = crate::lab::desired(&with_secret("other-word").replace("connecting with other-word", "connecting with hunter2"));
    let body = json!({ "desired": desired }).to_string();
    let diff: serde_json::Value = lab.post("/local/v1/diff", &body).await.value();
    assert_eq!(diff["changes"], json!(["~ secret prod/db, a new value"]));
    let text = lab.post("/local/v1/up", &body).await.text;
    assert!(text.contains("tasks have the values that they started with") && text.contains("`ecslocal deploy web`"), "{text}");
    assert_eq!(lab.variables(), ["PASSWORD=hunter2", "URL=http://db"]);
    let deploy = json!({ "cluster": "lab", "service": "web", "what": "current" }).to_string();
    assert_eq!(lab.post("/local/v1/deploy", &deploy).await.status, 200);
    lab.until(|view| steady(view) && lab.variables() == ["PASSWORD=other-word", "URL=http://db"]).await;
    // And it goes with its cluster.
    assert_eq!(lab.post("/local/v1/down?cluster=lab", "").await.status, 200);
    let left: wire::local::SecretsReply = lab.get("/local/v1/secrets").await.value();
    assert_eq!(left, wire::local::SecretsReply::default());
}

#[tokio::test]
async fn a_task_whose_secret_is_missing_fails_to_start_in_the_agent_s_words() {
    let lab = Lab::new().await;
    let text = with_secret("hunter2").replace("\"password\": ", "\"user\": ");
    assert_eq!(lab.bring(&text).await.pop().unwrap()["type"], "done");
    let stopped = |task: &wire::local::TaskView| task.stop_code.as_deref() == Some("TaskFailedToStart");
    let view = lab.until(|view| view.clusters[0].tasks.iter().any(stopped)).await;
    let reason = view.clusters[0].tasks.iter().find(|task| stopped(task)).unwrap().stopped_reason.clone().unwrap();
    let begin = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ";
    assert_eq!(reason, format!("{begin}retrieved secret from Secrets Manager did not contain json key password"));
}

#[tokio::test]
async fn a_manifest_that_is_refused_leaves_no_secret() {
    let lab = Lab::new().await;
    lab.bring(&with_secret("hunter2").replace("cluster: lab", "cluster: other")).await;
    // The load balancer is the other cluster's.
    let last = lab.bring(&with_secret("other-word").replace("name: prod/db", "name: mine")).await.pop().unwrap();
    assert_eq!(last["type"], "failed", "{last}");
    let left: wire::local::SecretsReply = lab.get("/local/v1/secrets").await.value();
    let names: Vec<_> = left.secrets.iter().map(|secret| (secret.name.as_str(), secret.versions.len())).collect();
    assert_eq!(names, [("prod/db", 1)]);
}

#[tokio::test]
async fn lines_are_chosen_by_container_and_time() {
    let lab = Lab::up().await;
    let text = |query: &str| format!("/local/v1/logs?cluster=lab{query}");
    assert_eq!(lab.get(&text("&container=other")).await.text, "");
    assert!(lab.get(&text("&container=app")).await.text.contains("hello"));
    assert_eq!(lab.get(&text("&until=1")).await.text, "");
    assert_eq!(lab.get(&text("&since=99999999999")).await.text, "");
    assert!(lab.get(&text("&since=1&until=99999999999&tail=1")).await.text.contains("hello"));
    for bad in ["&since=x", "&since=-1", "&until=1&follow=true"] {
        assert_eq!(lab.get(&text(bad)).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_log_group_is_read_where_the_container_is_gone() {
    let lab = Lab::new().await;
    let group =
        "logConfiguration: { logDriver: awslogs, options: { awslogs-group: /ecs/web, awslogs-region: us-east-1, awslogs-stream-prefix: ecs } }";
    let text = manifest("sim:v1", "out=hello").replacen("memory: 64,", &format!("memory: 64, {group},"), 1);
    assert_eq!(lab.bring(&text).await.pop().unwrap()["type"], "done");
    let task = lab.until(steady).await.clusters[0].tasks[0].task_id.clone();
    let file = lab.folder.path().join(format!("state/cloudwatch/ecs/web/ecs/app/{task}.log"));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "2026-01-02T03:04:05.000Z of the group\n2026-01-02T03:04:06.000Z and more\n").unwrap();
    let logs = format!("/local/v1/logs?cluster=lab&task={task}");
    assert!(lab.get(&logs).await.text.contains("hello"), "the engine has it");
    lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":0}}"#).await;
    lab.until(|view| lab.fleet.containers().is_empty() && !view.clusters[0].tasks.is_empty()).await;
    let said = lab.get(&logs).await.text;
    assert!(said.contains("of the group") && said.contains("and more"), "{said}");
    assert!(!lab.get(&format!("{logs}&tail=1")).await.text.contains("of the group"));
}

#[tokio::test]
async fn an_execution_role_that_may_not_read_a_secret_is_why_no_task_starts() {
    let lab = Lab::new().await;
    let with = |action: &str| {
        let statement = format!("{{ Effect: Allow, Action: [{action}], Resource: \"*\" }}");
        let policy = format!("{{ policyName: fetch, policyDocument: {{ Version: \"2012-10-17\", Statement: [{statement}] }} }}");
        let text = with_secret("hunter2").replacen("family: web", "executionRoleArn: exec\n    family: web", 1);
        assert!(text.contains("executionRoleArn"), "{text}");
        format!("{text}roles: [{{ roleName: exec, policies: [{policy}] }}]\n")
    };
    assert_eq!(lab.bring(&with("\"ssm:GetParameters\"")).await.pop().unwrap()["type"], "done");
    let stopped = |task: &wire::local::TaskView| task.stop_code.as_deref() == Some("TaskFailedToStart");
    let view = lab.until(|view| view.clusters[0].tasks.iter().any(stopped)).await;
    let task = view.clusters[0].tasks.iter().find(|task| stopped(task)).unwrap();
    let reason = task.stopped_reason.clone().unwrap();
    let begin = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret \
                 from asm: failed to fetch secret arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/db-";
    assert!(reason.starts_with(begin), "{reason}");
    let user = format!("AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/exec/{} is not authorized to perform: ", task.task_id);
    assert!(reason.contains(&user) && reason.ends_with("no identity-based policy allows the secretsmanager:GetSecretValue action"), "{reason}");
    assert!(lab.fleet.containers().is_empty() && !reason.contains("hunter2"));
    // The policy is mended, and the service tries again.
    lab.bring(&with("\"ssm:GetParameters\", \"secretsmanager:GetSecretValue\"")).await;
    lab.until(|view| steady(view) && lab.variables() == ["PASSWORD=hunter2", "URL=http://db"]).await;
}
