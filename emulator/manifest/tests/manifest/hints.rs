//! What is wrong comes with what to do.

use crate::support::{GOOD, bad, broken, read_all};

/// The hints of rendered problems, one a line.
fn hints(rendered: &str) -> String {
    let lines = rendered.lines().filter_map(|line| line.trim_start().strip_prefix("= hint: "));
    lines.collect::<Vec<_>>().join("\n")
}

fn check(replacement: (&str, &str), hint: &str) {
    assert_eq!(hints(&broken(&[replacement])), hint, "{}", replacement.1);
}

#[test]
fn a_hint_names_the_key_to_set() {
    const PORT: &str = "  - name: users\n    port: 80\n";
    for (keys, hint) in [
        ("healthCheckIntervalSeconds: 5", "`healthCheckTimeoutSeconds` is 5 where it is left out: set it to less than 5, for example to 2"),
        ("healthCheckTimeoutSeconds: 30", "`healthCheckIntervalSeconds` is 30 where it is left out: set it to more than 30"),
        (
            "healthCheckTimeoutSeconds: 9\n    healthCheckIntervalSeconds: 9",
            "set a shorter `healthCheckTimeoutSeconds`, or a longer `healthCheckIntervalSeconds`",
        ),
    ] {
        check((PORT, &format!("{PORT}    {keys}\n")), hint);
    }
}

#[test]
fn a_list_written_otherwise_is_shown_as_one() {
    const IMAGE: &str = "        image: users:v1\n";
    let with = |line: &str| format!("{IMAGE}        {line}\n");
    let from_variable = "a variable gives one text, never a list: write the list here, with a variable for each item";
    for (line, hint) in [
        ("command: npm start", "write `[\"npm\", \"start\"]`"),
        ("command: ${CMD:-[]}", from_variable),
        ("command: ${CMD:-[\"a\"]}", from_variable),
        ("command: '[]'", "remove the quotes"),
        ("environment: { A: b }", "write a list of names and values: `[{name: A, value: b}]`"),
        ("environment: text", "write a list: begin each item with `- `"),
        ("portMappings: { containerPort: 1 }", "begin each item with `- `"),
    ] {
        let text = GOOD.replace("        portMappings: [{ containerPort: 3000 }]\n", "").replace(", containerPort: 3000", "");
        let rendered = bad(&text.replace(IMAGE, &with(line)));
        assert!(hints(&rendered).lines().any(|line| line == hint), "{line}: {rendered}");
    }
}

#[test]
fn an_unknown_type_is_reported_once() {
    let rendered = broken(&[("type: fixed-response,", "type: fixed-respons,")]);
    assert!(rendered.ends_with("1 problem in cluster.yaml\n"), "{rendered}");
}

#[test]
fn a_required_variable_gets_no_guess() {
    let rendered = broken(&[("cluster: test", "cluster: ${NAME:?give it a name}")]);
    assert_eq!(hints(&rendered), "set it in the environment or in `.env`");
}

#[test]
fn a_tab_is_named_with_its_line() {
    for (text, line) in [("cluster: t\nservices:\n  - serviceName: a\n\ttaskDefinition: a\n", 4), ("cluster: t\nservices:\n\t- a\n", 3)] {
        assert_eq!(hints(&bad(text)), format!("line {line} begins with a tab: indent with spaces"), "{text}");
    }
    assert_eq!(hints(&bad("{\n\t\"cluster\": \"t\",\n\t\"services\": ]\n}\n")), "", "JSON may be indented as one likes");
}

/// An answer of `aws ecs describe-task-definition` runs as it is; what is refused in it goes with a second file.
#[test]
fn a_second_file_takes_out_what_is_refused_in_an_included_one() {
    let task = r#"{"taskDefinition": {"family": "shop", "networkMode": "awsvpc", "revision": 42, "status": "ACTIVE", "compatibilities": ["EC2", "FARGATE"],
        "volumes": [{"name": "data", "host": {"sourcePath": "/srv"}}], "placementConstraints": [{"type": "memberOf", "expression": "attribute:x exists"}],
        "registeredAt": 1741684893.123, "requiresCompatibilities": ["FARGATE"], "cpu": "512", "memory": "1024", "enableFaultInjection": false,
        "containerDefinitions": [{"name": "api", "image": "api:1", "cpu": 0, "systemControls": [], "volumesFrom": [], "environmentFiles": [],
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}], "resourceRequirements": [{"type": "GPU", "value": "1"}]}]}, "tags": []}"#;
    let main = "cluster: t\ntaskDefinitions: [{ file: task.json }]\nservices: []\n";
    let over = "taskDefinitions:\n  - family: shop\n    volumes: []\n    placementConstraints: []\n    containerDefinitions: [{ name: api, resourceRequirements: [], mountPoints: [] }]\n";
    let refused = read_all(&[("cluster.yaml", main), ("task.json", task)], &[]).unwrap_err();
    assert_eq!(refused.count(), 3, "{}", refused.render(false));
    let manifest = read_all(&[("cluster.yaml", main), ("over.yaml", over), ("task.json", task)], &[]);
    assert!(manifest.is_ok(), "{}", manifest.unwrap_err().render(false));
}
