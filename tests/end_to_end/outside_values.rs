//! Secrets, files of variables, and programs in containers, on real ones.

use std::io::Write as _;
use std::process::Stdio;

use crate::lab::{Lab, Said, docker, root};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
secrets:
  - { name: "${CLUSTER}/db", secretString: '{"password": "${DB_PASSWORD}"}' }
parameters:
  - { name: "/${CLUSTER}/stage", value: lab }
taskDefinitions:
  - family: web
    containerDefinitions:
      - name: app
        image: ${IMAGE}
        memory: 64
        command: ["--print", "the password is ${DB_PASSWORD}", "--print", "\e[31mred\e[2J", "--print", "done"]
        environmentFiles: [{ type: file, value: web.env }]
        secrets:
          - { name: PASSWORD, valueFrom: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:${CLUSTER}/db-AbCdEf:password::" }
          - { name: STAGE, valueFrom: "/${CLUSTER}/stage" }
services:
  - { serviceName: web, taskDefinition: web, enableExecuteCommand: true }
"#;

fn lab() -> Lab {
    let mut lab = Lab::new("outside");
    lab.set("IMAGE", &test_support::test_image());
    lab.set("DB_PASSWORD", "hunter2-of-the-lab");
    lab.write("web.env", "GREETING='hello'\nSTAGE=file\n");
    lab.write("cluster.yaml", MANIFEST);
    lab
}

#[test]
fn a_secret_reaches_its_container_and_is_shown_nowhere() {
    let mut lab = lab();
    let up = lab.must(&["up", "-d"]);
    let (_, container) = lab.tasks("web").remove(0);
    let variables = docker(&["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", &container]);
    for variable in ["PASSWORD=hunter2-of-the-lab", "STAGE=lab", "GREETING='hello'"] {
        assert!(variables.lines().any(|line| line == variable), "{variable}: {variables}");
    }
    let logs = lab.must(&["logs"]);
    assert!(logs.out.contains("the password is ***") && logs.out.contains("red\\x1b[2J"), "{logs:?}");
    assert!(lab.must(&["logs", "--grep", "^d.ne$", "-n", "1"]).out.ends_with("| done\n"));
    let raw = lab.must(&["logs", "--raw", "--container", "app"]);
    assert!(raw.out.starts_with("the password is ***\n\u{1b}[31mred\u{1b}[2J\ndone\n"), "{raw:?}");
    let listed = lab.must(&["secrets"]);
    assert!(listed.out.contains("AWSCURRENT"), "{listed:?}");
    let log = Said { command: "daemon.log".into(), code: 0, out: lab.daemon_log(), err: String::new() };
    for said in [&up, &logs, &listed, &lab.must(&["ps", "--output", "json"]), &lab.must(&["secrets", "--output", "json"]), &log] {
        assert!(!said.out.contains("hunter2-of") && !said.err.contains("hunter2-of"), "{said:?}");
    }
    // A new value comes with a new task.
    lab.set("DB_PASSWORD", "another-of-the-lab");
    let text = MANIFEST.replace("the password is ${DB_PASSWORD}", "the password is hunter2-of-the-lab");
    lab.write("cluster.yaml", &text);
    assert!(lab.must(&["up", "-d"]).err.contains("`ecslocal deploy web`"));
    assert_eq!(lab.tasks("web").remove(0).1, container, "it has not rolled");
    lab.must(&["deploy", "web"]);
    let (_, container) = lab.tasks("web").remove(0);
    assert!(docker(&["inspect", "--format", "{{.Config.Env}}", &container]).contains("PASSWORD=another-of-the-lab"));
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

#[test]
fn a_program_runs_in_a_container_with_its_input_and_exit_code() {
    let lab = lab();
    lab.must(&["up", "-d"]);
    let task = lab.tasks("web").remove(0).0;
    let said = lab.run(&["exec", &task[..8], "--", "/test-service", "--print", "out", "--eprint", "err", "--no-listen", "--exit-after", "0", "7"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (7, "out\n", "err\n"));
    lab.run(&["exec", "web", "--", "/no/such/program"]).fails(127, &["/no/such/program"]);
    lab.run(&["exec", "web", "-t", "--", "/test-service"]).fails(1, &["the input is not a terminal"]);
    lab.run(&["exec", "web", "-c", "other", "--", "/test-service"]).fails(1, &["has no container `other`", "it has `app`"]);
    let mut child = lab.command(&["exec", "-i", "web", "--", "/test-service", "--cat"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than any buffer on the way holds.
    let text = "0123456789abcdef".repeat(1 << 15);
    let mut input = child.stdin.take().unwrap();
    let sent = text.clone();
    let writing = std::thread::spawn(move || input.write_all(sent.as_bytes()));
    let said = Said::of(child.wait_with_output().unwrap(), &["exec"]);
    writing.join().unwrap().unwrap();
    assert_eq!((said.code, said.out.len()), (0, text.len()), "{}", said.err);
    assert!(said.out == text);
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}

/// The lesson on an image that is here: what runs is another program, what it is given is the same.
#[test]
fn the_example_gives_its_values() {
    let lab = Lab::new("secrets-lesson");
    let text = std::fs::read_to_string(root().join("examples/secrets/cluster.yaml")).unwrap();
    let text = text
        .replace("cluster: secrets", &format!("cluster: {}", lab.cluster))
        .replace("${ECSLOCAL_NODE_BASE:-node:22-alpine}", &test_support::test_image());
    let (from, to) = (text.find("        command:").unwrap(), text.find("        environmentFiles:").unwrap());
    let text = format!("{}        command: [\"--print\", \"app:not-a-real-password@db\"]\n{}", &text[..from], &text[to..]);
    lab.write("cluster.yaml", &text);
    lab.write("users.env", &std::fs::read_to_string(root().join("examples/secrets/users.env")).unwrap());
    lab.must(&["up", "-d"]);
    let variables = docker(&["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", &lab.tasks("users").remove(0).1]);
    for variable in ["GREETING=hello", "STAGE=a laptop", "DB_USER=app", "DB_PORT=5432", "DB_PASSWORD=not-a-real-password"] {
        assert!(variables.lines().any(|line| line == variable), "{variable}: {variables}");
    }
    assert!(lab.must(&["logs", "users"]).out.contains("| app:***@db"));
    lab.must(&["down"]);
    assert_eq!(lab.leftovers(), Vec::<String>::new());
}
