//! What a task is told at 169.254.170.2, and what its role lets it do; and nothing of anybody else's.

use iam::{Credentials, SignedRequest};
use model::Timestamp;
use serde_json::Value;

use crate::http::Client;
use crate::lab::{Lab, docker};
use crate::tutorial::{copy_of, rename};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
roles:
  - roleName: ${CLUSTER}-users
    policies:
      - policyName: reads
        policyDocument:
          Version: "2012-10-17"
          Statement: [{ Effect: Allow, Action: "ecr:Describe*", Resource: "arn:aws:ecr:*:*:repository/${CLUSTER}-images" }]
  - { roleName: "${CLUSTER}-posts" }
repositories: ["${CLUSTER}-images"]
loadBalancers:
  - name: ${CLUSTER}
    listeners:
      - port: "${PORT}"
        protocol: HTTP
        defaultActions: [{ type: forward, targetGroup: "${CLUSTER}-users" }]
        rules: [{ priority: 1, conditions: [{ field: path-pattern, values: ["/posts*"] }], actions: [{ type: forward, targetGroup: "${CLUSTER}-posts" }] }]
targetGroups:
  - { name: "${CLUSTER}-users", port: 80, targetType: ip, attributes: { deregistration_delay.timeout_seconds: 1 } }
  - { name: "${CLUSTER}-posts", port: 80, attributes: { deregistration_delay.timeout_seconds: 1 } }
taskDefinitions:
  - family: users
    networkMode: awsvpc
    taskRoleArn: arn:aws:iam::000000000000:role/${CLUSTER}-users
    containerDefinitions:
      - { name: app, image: "${IMAGE}", memory: 64, environment: [{ name: PREFIX, value: /users }], portMappings: [{ containerPort: 8080 }] }
  - family: posts
    taskRoleArn: ${CLUSTER}-posts
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        environment: [{ name: PREFIX, value: /posts }, { name: AWS_REGION, value: eu-west-1 }]
        portMappings: [{ containerPort: 8080, hostPort: 0 }]
services:
  - serviceName: users
    taskDefinition: users
    networkConfiguration: { awsvpcConfiguration: { subnets: [any] } }
    loadBalancers: [{ targetGroup: "${CLUSTER}-users", containerName: app, containerPort: 8080 }]
  - serviceName: posts
    taskDefinition: posts
    loadBalancers: [{ targetGroup: "${CLUSTER}-posts", containerName: app, containerPort: 8080 }]
"#;

/// A service, asked from outside to ask for something from inside.
struct Inside<'a> {
    lab: &'a Lab,
    service: &'static str,
}

impl Inside<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        let response = Client::new(self.lab.port).get(&format!("/{}/env?name={name}", self.service)).unwrap();
        (response.status == 200).then_some(response.body)
    }

    /// Sends a request to the agent's address, and gives the status with the body.
    fn ask(&self, request: &str) -> (u16, String) {
        let hex: String = request.bytes().map(|byte| format!("{byte:02x}")).collect();
        let response = Client::new(self.lab.port).get(&format!("/{}/send?to=169.254.170.2:80&hex={hex}", self.service)).unwrap();
        assert_eq!(response.status, 200, "{response:?}\n{}", self.lab.daemon_log());
        let (head, body) = response.body.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let path = path.strip_prefix("http://169.254.170.2").unwrap_or(path);
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: 169.254.170.2\r\nconnection: close\r\n\r\n"))
    }

    fn credentials(&self) -> Credentials {
        let (status, body) = self.get(&self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").unwrap());
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Credentials {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: text("Token"),
            expires_at: Timestamp::default(),
        }
    }

    /// An operation of ECR's, signed with those credentials as an SDK signs it.
    fn ecr(&self, credentials: &Credentials, operation: &str, body: &str) -> (u16, String) {
        let mut headers = vec![
            ("host".to_owned(), "169.254.170.2".to_owned()),
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), format!("AmazonEC2ContainerRegistry_V20150921.{operation}")),
            ("x-amz-date".to_owned(), now()),
            ("x-amz-security-token".to_owned(), credentials.session_token.clone()),
        ];
        let request = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: body.as_bytes() };
        headers.push(("authorization".to_owned(), request.sign(credentials, "us-east-1", "ecr")));
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.ask(&format!("POST / HTTP/1.1\r\n{lines}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }
}

/// As `date` says it: `20260131T120000Z`.
fn now() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y%m%dT%H%M%SZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// In the place of the AWS CLI: it says which role it was asked for.
const STAND_IN: &str = r#"#!/bin/sh
[ -e "$(dirname "$0")/deny" ] && { echo "the login has expired" >&2; exit 255; }
echo "{ \"Credentials\": { \"AccessKeyId\": \"ASIAREAL\", \"SecretAccessKey\": \"$4\", \"SessionToken\": \"$*\", \"Expiration\": \"2099-01-01T00:00:00+00:00\" } }"
"#;

#[test]
fn a_role_from_a_profile_has_aws_s_own_credentials() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut lab = Lab::new("profile");
    lab.set("IMAGE", &test_support::test_image());
    let program = lab.write("bin/aws", STAND_IN);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = program.parent().unwrap().to_owned();
    lab.set("PATH", &format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()));
    lab.write("bin/deny", "");
    let from = "fromProfile: { profileName: dev, roleArn: \"arn:aws:iam::123456789012:role/users\" }";
    lab.write(
        "cluster.yaml",
        &MANIFEST.replace("- { roleName: \"${CLUSTER}-posts\" }", &format!("- {{ roleName: \"${{CLUSTER}}-posts\", {from} }}")),
    );
    lab.must(&["up", "-d"]);
    let (users, posts) = (Inside { lab: &lab, service: "users" }, Inside { lab: &lab, service: "posts" });
    assert_eq!(users.variable("AWS_ENDPOINT_URL").as_deref(), Some("http://169.254.170.2"));
    assert_eq!(posts.variable("AWS_ENDPOINT_URL"), None, "such credentials are good at AWS");
    let (status, why) = posts.get(&posts.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").unwrap());
    assert!(status == 500 && why.contains("the login has expired") && why.contains("aws sso login --profile dev"), "{status} {why}");
    std::fs::remove_file(folder.join("deny")).unwrap();
    let path = posts.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").unwrap();
    crate::lab::until("it is asked again", || (posts.get(&path).0 == 200).then_some(()));
    let given = posts.credentials();
    assert_eq!((given.access_key_id.as_str(), given.secret_access_key.as_str()), ("ASIAREAL", "arn:aws:iam::123456789012:role/users"));
    assert!(given.session_token.contains("--duration-seconds 3600 --profile dev"), "{}", given.session_token);
    assert!(users.credentials().access_key_id != "ASIAREAL", "others have none of it");
    assert!(!lab.daemon_log().contains("ASIAREAL"));
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn each_task_has_its_own_role_and_no_other() {
    let mut lab = Lab::new("roles");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", MANIFEST);
    lab.must(&["up", "-d"]);
    let (users, posts) = (Inside { lab: &lab, service: "users" }, Inside { lab: &lab, service: "posts" });

    // Each is told of itself.
    let metadata = users.variable("ECS_CONTAINER_METADATA_URI_V4").unwrap();
    let (status, task) = users.get(&format!("{metadata}/task"));
    let task: Value = serde_json::from_str(&task).unwrap();
    assert_eq!((status, &task["Family"], &task["ServiceName"]), (200, &"users".into(), &"users".into()), "{task}");
    let kinds: Vec<&str> = task["Containers"].as_array().unwrap().iter().map(|container| container["Type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["NORMAL", "CNI_PAUSE"], "{task}");
    let (status, statistics) = users.get(&format!("{metadata}/stats"));
    assert!(status == 200 && statistics.contains("memory_stats"), "{statistics}");
    assert_eq!((users.variable("AWS_REGION").as_deref(), posts.variable("AWS_REGION").as_deref()), (Some("us-east-1"), Some("eu-west-1")));
    assert_eq!((users.variable("AWS_DEFAULT_REGION").as_deref(), posts.variable("AWS_DEFAULT_REGION")), (Some("us-east-1"), None));

    // Nobody is told of another, whatever id it has.
    assert_eq!(posts.get(&metadata).0, 404);
    let (status, refused) = posts.get(&users.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").unwrap());
    assert!(status == 400 && refused.contains("InvalidIdInRequest"), "{refused}");

    // What each may do is what its role says.
    let (own, other) = (users.credentials(), posts.credentials());
    let named = format!("{{\"repositoryNames\":[\"{}-images\"]}}", lab.cluster);
    let (status, answer) = users.ecr(&own, "DescribeRepositories", &named);
    assert!(status == 200 && answer.contains("repositoryArn"), "{answer}");
    let (status, answer) = users.ecr(&own, "DescribeRepositories", "{}");
    assert!(status == 400 && answer.contains("because no identity-based policy allows the ecr:DescribeRepositories action"), "{answer}");
    let (status, answer) = posts.ecr(&other, "DescribeRepositories", &named);
    assert!(status == 400 && answer.contains(&format!("assumed-role/{}-posts/", lab.cluster)), "{answer}");
    let (_, answer) = posts
        .ask("POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AmazonEC2ContainerRegistry_V20150921.DescribeRepositories\r\nconnection: close\r\n\r\n");
    assert!(answer.contains("MissingAuthenticationTokenException"), "{answer}");

    // A daemon that dies takes nothing of it along.
    std::process::Command::new("kill").args(["-9", &lab.daemon_pid().to_string()]).status().unwrap();
    lab.must(&["up", "-d"]);
    assert_eq!(users.get(&metadata).0, 200);
    assert_eq!(users.ecr(&own, "DescribeRepositories", &named).0, 200, "credentials of the daemon before are good");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

/// The agent's endpoints for faults, as a container asks them (ecs.md 5.8).
#[test]
fn a_task_injects_faults_on_itself() {
    let mut lab = Lab::new("faults");
    lab.set("IMAGE", &test_support::test_image());
    lab.write("cluster.yaml", &MANIFEST.replace("    networkMode: awsvpc", "    networkMode: awsvpc\n    enableFaultInjection: true"));
    lab.must(&["up", "-d"]);
    let (users, posts) = (Inside { lab: &lab, service: "users" }, Inside { lab: &lab, service: "posts" });
    let post = |inside: &Inside<'_>, what: &str, body: &str| {
        let uri = inside.variable("ECS_AGENT_URI").unwrap();
        let path = uri.strip_prefix("http://169.254.170.2").unwrap();
        inside.ask(&format!(
            "POST {path}/fault/v1/{what} HTTP/1.1\r\nhost: 169.254.170.2\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    // Documentation's addresses: nobody is there.
    let blackhole = r#"{"Port":5432,"Protocol":"tcp","TrafficType":"egress"}"#;
    let word = |word: &str| (200, format!("{{\"Status\":\"{word}\"}}"));
    assert_eq!(post(&users, "network-blackhole-port/status", blackhole), word("not-running"));
    assert_eq!(post(&users, "network-blackhole-port/start", blackhole), word("running"));
    let (status, answer) = post(&users, "network-blackhole-port/status", blackhole);
    assert_eq!((status, answer.contains("maximum request limit")), (429, true), "once in five seconds");
    let listed = lab.json(&["chaos", "ls"]);
    assert_eq!((&listed[0]["origin"], &listed[0]["type"], &listed[0]["status"]), (&"task".into(), &"blackhole".into(), &"ACTIVE".into()), "{listed}");
    let loss = r#"{"LossPercent":100,"Sources":["203.0.113.0/24"]}"#;
    assert_eq!(post(&users, "network-packet-loss/start", loss), word("running"));
    let (status, answer) = post(&users, "network-latency/start", r#"{"DelayMilliseconds":1,"JitterMilliseconds":0,"Sources":["203.0.113.1"]}"#);
    assert!(status == 409 && answer.contains("There is already one network packet loss fault running"), "{status} {answer}");
    assert_eq!(post(&users, "network-packet-loss/stop", ""), word("stopped"));
    assert_eq!(post(&users, "network-blackhole-port/stop", blackhole), word("stopped"));
    assert_eq!(lab.json(&["chaos", "ls"]), Value::Array(Vec::new()));
    let (status, answer) = post(&posts, "network-latency/status", "");
    assert!(status == 400 && answer.contains("enableFaultInjection is not enabled for task: arn:aws:ecs:us-east-1:000000000000:task/"), "{answer}");
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn the_example_runs_as_its_readme_says() {
    let lab = copy_of("lesson", &["examples"]);
    rename(&lab, "examples/roles/cluster.yaml", "roles");
    let manifest = lab.folder.path().join("examples/roles/cluster.yaml");
    lab.must(&["up", "-d", "-f", manifest.to_str().unwrap()]);
    let [reader, stranger] = ["reader", "stranger"].map(|service| lab.tasks(service).remove(0).1);
    let node = |container: &str, program: &str| docker(&["exec", container, "node", "-e", program]);
    let own = node(&reader, "fetch(process.env.ECS_CONTAINER_METADATA_URI_V4 + '/task').then(r => r.json()).then(task => console.log(task.Family))");
    assert_eq!(own.trim(), "reader");
    let credentials = "fetch('http://169.254.170.2' + process.env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI).then(r => r.json()).then(found => \
                       console.log(found.RoleArn))";
    assert_eq!(node(&reader, credentials).trim(), "arn:aws:iam::000000000000:role/reader");
    // What it was given is nothing to anybody else.
    let variables = docker(&["exec", &reader, "env"]);
    let value = |name: &str| variables.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned();
    let addresses = [value("ECS_CONTAINER_METADATA_URI_V4"), format!("http://169.254.170.2{}", value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))];
    for (address, status) in addresses.iter().zip(["404", "400"]) {
        assert_eq!(node(&stranger, &format!("fetch('{address}').then(r => console.log(r.status))")).trim(), status, "{address}");
    }
    lab.must(&["down", "--cluster", &lab.cluster]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
