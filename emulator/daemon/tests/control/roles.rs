//! What a task of the simulated fleet sees at the agent's address, and what its credentials are good for, at either door.

use agent::Source;
use daemon::doors::Visitor;
use iam::{Credentials, SignedRequest};
use model::{ClusterName, ServiceKey, ServiceName, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::lab::{Answer, Lab, PATIENCE, steady};

const MANIFEST: &str = r#"
cluster: lab
roles:
  - roleName: web
    policies:
      - policyName: p
        policyDocument:
          Version: "2012-10-17"
          Statement: [{ Effect: Allow, Action: ["ecr:CreateRepository", "ecs:UpdateTaskProtection"], Resource: "*" }]
    tags: [{ key: team, value: blue }]
taskDefinitions:
  - family: web
    taskRoleArn: web
    containerDefinitions: [{ name: app, image: "sim:v1", memory: 64, command: [sim, "out=hello"] }]
  - family: bare
    containerDefinitions: [{ name: app, image: "sim:v1", memory: 64, command: [sim, "out=hello"] }]
services:
  - { serviceName: web, taskDefinition: web }
  - { serviceName: bare, taskDefinition: bare }
"#;

impl Lab {
    async fn with_roles() -> Self {
        let lab = Self::new().await;
        lab.bring(MANIFEST).await;
        lab.until(steady).await;
        lab
    }

    /// The variables of a service's container, and where it is.
    fn container(&self, service: &str) -> (Source, model::Task, std::collections::BTreeMap<String, String>) {
        let world = &self.keeper.snapshot().world;
        let key = ServiceKey { cluster: ClusterName::new("lab").unwrap(), name: ServiceName::new(service).unwrap() };
        let task = world.tasks_of(&key).next().unwrap().clone();
        let definition = world.definition(&task.revision).unwrap();
        let variables = agent::variables(world, &self.mint, (&task, definition, &definition.containers[0]));
        let address = task.containers.iter().find_map(|container| container.address).unwrap();
        (Source::Network(key, address), task, variables.fixed)
    }

    /// Comes in at the agent's address from there.
    async fn visit(&self, source: &Source, request: &str) -> Answer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        self.door.send(Visitor { stream, source: source.clone(), place: None }).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        tokio::time::timeout(PATIENCE, client.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), text: body.into() }
    }

    async fn fetch(&self, source: &Source, url: &str) -> Answer {
        let path = url.strip_prefix("http://169.254.170.2").unwrap_or(url);
        self.visit(source, &format!("GET {path} HTTP/1.0\r\nhost: 169.254.170.2\r\n\r\n")).await
    }

    async fn credentials(&self) -> Credentials {
        let (source, _, variables) = self.container("web");
        let body: Value = self.fetch(&source, &variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]).await.value();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        assert_eq!(text("RoleArn"), "arn:aws:iam::000000000000:role/web");
        Credentials {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: text("Token"),
            expires_at: Timestamp::default(),
        }
    }
}

/// A request as an SDK signs it, now or so many seconds from now.
fn signed(credentials: &Credentials, host: &str, (kind, service): (&str, &str), body: &str, offset: i64) -> String {
    let now = i64::try_from(engine::Clock::wall(&engine::SystemClock::new()).as_secs()).unwrap() + offset;
    let mut headers = vec![
        ("host".to_owned(), host.to_owned()),
        ("x-amz-date".to_owned(), jiff::Timestamp::from_second(now).unwrap().strftime("%Y%m%dT%H%M%SZ").to_string()),
        ("x-amz-security-token".to_owned(), credentials.session_token.clone()),
    ];
    headers.push(if service == "sts" { ("content-type".into(), kind.into()) } else { ("x-amz-target".into(), kind.into()) });
    let request = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: body.as_bytes() };
    headers.push(("authorization".to_owned(), request.sign(credentials, "us-east-1", service)));
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST / HTTP/1.0\r\n{lines}content-length: {}\r\n\r\n{body}", body.len())
}

const FORM: &str = "application/x-www-form-urlencoded";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const CREATE: &str = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
const DELETE: &str = "AmazonEC2ContainerRegistry_V20150921.DeleteRepository";

#[tokio::test]
async fn a_task_is_told_of_itself_and_of_nobody_else() {
    let lab = Lab::with_roles().await;
    let (source, task, variables) = lab.container("web");
    let (other, _, bare) = lab.container("bare");
    assert!(!bare.contains_key("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
    let uri = &variables["ECS_CONTAINER_METADATA_URI_V4"];
    let container: Value = lab.fetch(&source, uri).await.value();
    assert_eq!((&container["Name"], &container["KnownStatus"], &container["Type"]), (&json!("app"), &json!("RUNNING"), &json!("NORMAL")));
    assert_eq!(container["Networks"][0]["IPv4Addresses"][0], task.containers[0].address.unwrap().to_string());
    let whole: Value = lab.fetch(&source, &format!("{uri}/task")).await.value();
    assert_eq!((&whole["Family"], &whole["FaultInjectionEnabled"], whole["Containers"].as_array().unwrap().len()), (&json!("web"), &json!(false), 1));
    let third: Value = lab.fetch(&source, &format!("{}/task", variables["ECS_CONTAINER_METADATA_URI"])).await.value();
    assert!(third.get("LaunchType").is_none() && third["Containers"][0].get("ContainerARN").is_none(), "{third}");
    // By its id alone nobody is believed.
    let elsewhere = Source::Network(task.service_key().unwrap(), "10.9.8.7".parse().unwrap());
    for stranger in [&other, &elsewhere, &Source::Host] {
        let answer = lab.fetch(stranger, uri).await;
        assert!(answer.status == 404 && answer.text.starts_with("\"V4 container metadata handler: unable to get container ID"), "{}", answer.text);
        let answer = lab.fetch(stranger, &variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]).await;
        assert!(answer.status == 400 && answer.text.contains("CredentialsV2Request: Credentials not found"), "{}", answer.text);
    }
    for (path, status) in
        [("/v2/credentials", 400), ("/v2/", 404), ("/local/v1/view", 404), ("/v3/x/stats", 400), ("/v3/x", 500), ("/v4/x/task/stats", 404)]
    {
        assert_eq!(lab.fetch(&source, path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn credentials_are_good_for_what_their_role_may() {
    let lab = Lab::with_roles().await;
    let (source, task, _) = lab.container("web");
    let credentials = lab.credentials().await;
    let session = format!("arn:aws:sts::000000000000:assumed-role/web/{}", task.id);
    let who = signed(&credentials, "169.254.170.2", (FORM, "sts"), WHO, 0);
    let answer = lab.visit(&source, &who).await;
    assert!(answer.status == 200 && answer.text.contains(&format!("<Arn>{session}</Arn>")), "{}", answer.text);
    let create = signed(&credentials, "169.254.170.2", (CREATE, "ecr"), r#"{"repositoryName":"users"}"#, 0);
    assert_eq!(lab.visit(&source, &create).await.status, 200);
    let delete = signed(&credentials, "169.254.170.2", (DELETE, "ecr"), r#"{"repositoryName":"users"}"#, 0);
    let refused = lab.visit(&source, &delete).await;
    let words = format!(
        "User: {session} is not authorized to perform: ecr:DeleteRepository on resource: arn:aws:ecr:us-east-1:000000000000:repository/users because no identity-based policy allows the ecr:DeleteRepository action"
    );
    assert_eq!(refused.text, json!({ "__type": "AccessDeniedException", "message": words }).to_string());
    // The same credentials are the same role at the control endpoint; whatever else is signed with, or nothing, is this machine's user.
    let host = lab.address.to_string();
    let delete = |credentials: &Credentials| signed(credentials, &host, (DELETE, "ecr"), r#"{"repositoryName":"users"}"#, 0);
    assert!(lab.exchange(&delete(&credentials)).await.text.contains("AccessDeniedException"));
    let own =
        Credentials { access_key_id: "test".into(), secret_access_key: "test".into(), session_token: "x".into(), expires_at: Timestamp::default() };
    let answer = lab.exchange(&signed(&own, &host, (FORM, "sts"), WHO, 0)).await;
    assert!(answer.text.contains("<Arn>arn:aws:iam::000000000000:root</Arn>"), "{}", answer.text);
    assert_eq!(lab.exchange(&delete(&own)).await.status, 200);
    // A role that is gone takes its credentials along.
    lab.bring(&MANIFEST.replace("taskRoleArn: web", "cpu: 128").replace("roles:", "x-roles:")).await;
    assert!(lab.visit(&source, &who).await.text.contains("<Code>InvalidClientTokenId</Code>"));
}

#[tokio::test]
async fn what_is_not_signed_so_is_nobody_s_at_the_agent_s_address() {
    let lab = Lab::with_roles().await;
    let (source, ..) = lab.container("web");
    let credentials = lab.credentials().await;
    let check = async |request: &str, code: &str| {
        let answer = lab.visit(&source, request).await;
        assert!(answer.status >= 400 && answer.text.contains(code), "{code}: {}", answer.text);
    };
    let create = |credentials: &Credentials, offset| signed(credentials, "169.254.170.2", (CREATE, "ecr"), r#"{"repositoryName":"mine"}"#, offset);
    let good = create(&credentials, 0);
    let bare = |request: &str| request.split("\r\n").filter(|line| !line.starts_with("authorization")).collect::<Vec<_>>().join("\r\n");
    check(&bare(&good), "MissingAuthenticationTokenException").await;
    check(&good.replace("mine", "your"), "InvalidSignatureException").await;
    check(&create(&credentials, -400), "Signature expired: ").await;
    check(&create(&credentials, 400), "Signature not yet current: ").await;
    let wrong = Credentials { secret_access_key: "x".into(), ..credentials.clone() };
    check(&create(&wrong, 0), "InvalidSignatureException").await;
    let foreign = Credentials { access_key_id: "AKIAIOSFODNN7EXAMPLE".into(), ..credentials.clone() };
    check(&create(&foreign, 0), "UnrecognizedClientException").await;
    check(&signed(&foreign, "169.254.170.2", (FORM, "sts"), WHO, 0), "InvalidClientTokenId").await;
    check(&signed(&wrong, "169.254.170.2", (FORM, "sts"), WHO, 0), "SignatureDoesNotMatch").await;
    check(&signed(&credentials, "169.254.170.2", (FORM, "sts"), "Action=AssumeRole&Version=2011-06-15", 0), "AssumeRole").await;
    check(&signed(&credentials, "169.254.170.2", ("AmazonEC2ContainerServiceV20141113.ListClusters", "ecs"), "{}", 0), "is not served").await;
    assert!(lab.keeper.snapshot().world.repositories.is_empty());
}

#[tokio::test]
async fn what_a_role_may_of_secrets_is_asked_of_the_one_that_is_meant_and_of_its_tags() {
    let lab = Lab::new().await;
    let allowed = r#"Statement: [{ Effect: Allow, Action: ["ecr:CreateRepository", "ecs:UpdateTaskProtection"], Resource: "*" }]"#;
    let own = r#"Statement:
            - { Effect: Allow, Action: "secretsmanager:*", Resource: "arn:aws:secretsmanager:*:*:secret:own*" }
            - { Effect: Deny, Action: "secretsmanager:GetSecretValue", Resource: "*", Condition: { StringEquals: { "aws:ResourceTag/kept": "yes" } } }"#;
    lab.bring(&MANIFEST.replace(allowed, own)).await;
    lab.until(steady).await;
    let (source, ..) = lab.container("web");
    let credentials = lab.credentials().await;
    let ask = async |operation: &str, body: &str| {
        let target = format!("secretsmanager.{operation}");
        lab.visit(&source, &signed(&credentials, "169.254.170.2", (&target, "secretsmanager"), body, 0)).await
    };
    let made = ask("CreateSecret", r#"{"Name":"own","SecretString":"a"}"#).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert!(ask("GetSecretValue", r#"{"SecretId":"own"}"#).await.text.contains(r#""SecretString":"a""#));
    // A field that the operation does not read is no way around the question.
    let other = ask("CreateSecret", r#"{"Name":"theirs","SecretId":"own","SecretString":"b"}"#).await;
    assert!(other.text.contains("AccessDeniedException"), "{}", other.text);
    let kept = ask("CreateSecret", r#"{"Name":"own-kept","SecretString":"c","Tags":[{"Key":"kept","Value":"yes"}]}"#).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    let read = ask("GetSecretValue", r#"{"SecretId":"own-kept"}"#).await;
    assert!(read.text.contains("with an explicit deny"), "{}", read.text);
}

#[tokio::test]
async fn a_task_protects_itself_if_its_role_may() {
    let lab = Lab::with_roles().await;
    let (source, task, variables) = lab.container("web");
    let uri = variables["ECS_AGENT_URI"].strip_prefix("http://169.254.170.2").unwrap().to_owned() + "/task-protection/v1/state";
    let put = async |source: &Source, uri: &str, body: &str| {
        let request = format!("PUT {uri} HTTP/1.0\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        lab.visit(source, &request).await
    };
    let answer = put(&source, &uri, r#"{"ProtectionEnabled":true,"ExpiresInMinutes":10}"#).await;
    assert!(answer.status == 200 && answer.text.contains(r#""ProtectionEnabled":true"#), "{}", answer.text);
    assert!(lab.keeper.snapshot().world.tasks[&task.id].protected_until.is_some());
    for (body, code) in [
        ("{", "failed to decode request"),
        ("{}", "does not contain 'ProtectionEnabled' field"),
        (r#"{"Protection":true}"#, "failed to decode"),
        (r#"{"ProtectionEnabled":true,"ExpiresInMinutes":0}"#, "InvalidParameterException"),
    ] {
        let answer = put(&source, &uri, body).await;
        assert!(answer.status == 400 && answer.text.contains(code), "{body}: {}", answer.text);
    }
    let answer = put(&source, &uri, r#"{"ProtectionEnabled":false}"#).await;
    assert!(answer.text.contains(r#""ExpirationDate":null"#), "{}", answer.text);
    // To see it is another action.
    let answer = lab.fetch(&source, &uri).await;
    assert!(answer.text.contains("AccessDeniedException") && answer.text.contains("ecs:GetTaskProtection"), "{}", answer.text);
    let (other, _, bare) = lab.container("bare");
    let answer = lab.fetch(&other, &format!("{}/task-protection/v1/state", bare["ECS_AGENT_URI"])).await;
    assert!(answer.status == 403 && answer.text.contains("no task IAM role credentials available for task"), "{}", answer.text);
    let answer = put(&other, "/api/x/task-protection/v1/state", "{}").await;
    assert!(answer.status == 404 && answer.text.contains("Failed to find a task for the request"), "{}", answer.text);
}

#[tokio::test]
async fn a_task_injects_faults_on_itself_if_its_definition_says_so() {
    let lab = Lab::new().await;
    let manifest = MANIFEST.replace("taskRoleArn: web", "taskRoleArn: web\n    enableFaultInjection: true\n    networkMode: awsvpc");
    lab.bring(&manifest).await;
    lab.until(steady).await;
    let (source, task, variables) = lab.container("web");
    let uri = variables["ECS_AGENT_URI"].strip_prefix("http://169.254.170.2").unwrap().to_owned() + "/fault/v1";
    let post = async |source: &Source, path: &str, body: &str| {
        let request = format!("POST {path} HTTP/1.0\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        lab.visit(source, &request).await
    };
    let metadata: Value = lab.fetch(&source, &format!("{}/task", variables["ECS_CONTAINER_METADATA_URI_V4"])).await.value();
    assert_eq!(metadata["FaultInjectionEnabled"], json!(true));
    let loss = r#"{"LossPercent":10,"Sources":["10.0.0.0/8"]}"#;
    let started = post(&source, &format!("{uri}/network-packet-loss/start"), loss).await;
    assert_eq!((started.status, started.text.as_str()), (200, r#"{"Status":"running"}"#));
    assert!(
        matches!(lab.fleet.disturbed().as_slice(), [(id, engine::Disturbance::Network { .. })] if Some(id) == task.pause().unwrap().runtime_id.as_ref())
    );
    let other =
        post(&source, &format!("{uri}/network-latency/start"), r#"{"DelayMilliseconds":1,"JitterMilliseconds":0,"Sources":["10.0.0.1"]}"#).await;
    assert_eq!((other.status, other.text.as_str()), (409, r#"{"Error":"There is already one network packet loss fault running"}"#));
    assert_eq!(post(&source, &format!("{uri}/network-packet-loss/status"), "").await.text, r#"{"Status":"running"}"#);
    let again = post(&source, &format!("{uri}/network-packet-loss/start"), loss).await;
    assert_eq!(again.status, 429, "once in five seconds");
    assert_eq!(post(&source, &format!("{uri}/network-packet-loss/stop"), "").await.text, r#"{"Status":"stopped"}"#);
    assert_eq!(lab.fleet.disturbed(), []);
    // Nobody else's, and of a task that may not.
    let (bare, _, others) = lab.container("bare");
    assert_eq!(post(&bare, &format!("{uri}/network-latency/status"), "").await.status, 404);
    let own = others["ECS_AGENT_URI"].strip_prefix("http://169.254.170.2").unwrap().to_owned();
    let answer = post(&bare, &format!("{own}/fault/v1/network-latency/status"), "").await;
    assert!(answer.status == 400 && answer.text.contains("enableFaultInjection is not enabled for task: arn:aws:ecs:"), "{}", answer.text);
}
