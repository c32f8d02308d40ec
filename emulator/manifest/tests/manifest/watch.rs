//! What `up --watch` copies into containers.

use std::path::Path;

use model::{ContainerName, Family, SyncAction, SyncRule};

use crate::support::{bad, good};

fn manifest(container: &str) -> String {
    format!(
        "cluster: t\ntaskDefinitions:\n  - family: app\n    volumes: [{{ name: data }}]\n    containerDefinitions:\n      - name: web\n        memory: 64\n{container}"
    )
}

#[test]
fn rules_are_beside_the_task_definition_not_in_it() {
    let text = |rules: &str| manifest(&format!("        build: services/web\n{rules}"));
    let rules = "        watch:\n          - { path: services/web/src, target: /app/./src/, action: sync, ignore: [\"**/*.test.js\"] }\n          - { path: services/web/app.conf, target: /etc/app.conf, action: sync+restart }\n          - { path: ./services/web/src/native, action: rebuild }\n";
    let (with, without) = (good(&text(rules)).desired, good(&text("")).desired);
    assert_eq!(with.task_definitions, without.task_definitions, "no new revision");
    let (family, container): (Family, ContainerName) = ("app".parse().unwrap(), "web".parse().unwrap());
    let found: &Vec<SyncRule> = &with.watch[&family][&container];
    let context = with.task_definitions[&family].containers[0].build.clone().unwrap().context;
    let path = |tail: &str| Path::new(&context).join(tail).to_str().unwrap().to_owned();
    let rule = |path, target: Option<&str>, action, ignore: &[&str]| SyncRule {
        path,
        target: target.map(str::to_owned),
        action,
        ignore: ignore.iter().map(|&pattern| pattern.to_owned()).collect(),
    };
    let expected = [
        rule(path("src"), Some("/app/src"), SyncAction::Sync, &["**/*.test.js"]),
        rule(path("app.conf"), Some("/etc/app.conf"), SyncAction::SyncAndRestart, &[]),
        rule(path("src/native"), None, SyncAction::Rebuild, &[]),
    ];
    assert_eq!(*found, expected);
    assert!(without.watch.is_empty());
}

#[test]
fn every_problem_of_a_rule_has_its_place() {
    let sync = |more: &str| format!("        build: {{ context: web }}\n        watch: [{{ path: web/src, target: /app, action: sync{more} }}]\n");
    let mounted = "        mountPoints: [{ sourceVolume: data, containerPath: /app }]\n";
    for (container, place, expected) in [
        ("        image: web\n        watch: [{ path: web, target: /app, action: sync }]\n".to_owned(), "9:17", "`watch` needs a `build` beside it"),
        (
            format!("{}        readonlyRootFilesystem: true\n", sync("")),
            "9:17",
            "nothing can be copied into a container with `readonlyRootFilesystem: true`",
        ),
        (format!("{}{mounted}", sync("")), "9:42", "`/app` is in a volume, which outlives containers"),
        (sync(", ignore: [\"{a\"]"), "9:71", "pattern `{a`"),
        (sync("").replace("web/src", "web/../other"), "9:25", "`web/../other` is not inside the build context"),
        (sync("").replace("web/src", "website"), "9:25", "`website` is not inside the build context"),
        (sync("").replace("/app", "app"), "9:42", "`app` is no absolute path of a container"),
        (sync("").replace("/app", "/app/.."), "9:42", "`/app/..` is no absolute path of a container"),
        (sync("").replace("target: /app, ", ""), "9:17", "`target` is missing"),
        (sync("").replace("action: sync", "action: rebuild"), "9:42", "`target` has no meaning with `rebuild`"),
    ] {
        let shown = bad(&manifest(&container));
        assert!(shown.contains(&format!(":{place}\n")) && shown.contains(&format!("error: {expected}")) && shown.contains("hint: "), "{shown}");
        assert_eq!(shown.matches("error: ").count(), 1, "{shown}");
    }
}
