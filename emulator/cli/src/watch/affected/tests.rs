use std::path::Path;

use super::super::files::Fate;
use super::*;

const MANIFEST: &str = r#"
cluster: c
taskDefinitions:
  - family: users
    containerDefinitions:
      - { name: web, build: services/users, watch: [{ path: services/users/src, target: /app, action: sync }], memory: 64, environmentFiles: [{ type: file, value: users.env }] }
      - { name: proxy, build: { context: services, dockerfile: proxy/Dockerfile }, memory: 64 }
  - family: posts
    containerDefinitions: [{ name: web, build: services/posts, memory: 64 }, { name: proxy, build: { context: services, dockerfile: proxy/Dockerfile }, memory: 64 }]
  - family: report
    containerDefinitions: [{ name: web, build: services/report, watch: [{ path: services/report, target: /app, action: sync }], memory: 64, environmentFiles: [{ type: file, value: users.env }] }]
  - family: base
    containerDefinitions: [{ name: web, image: "base:v1", build: services/base, memory: 64 }]
  - family: derived
    containerDefinitions: [{ name: web, image: "base:v1", memory: 64 }]
  - family: unused
    containerDefinitions: [{ name: web, build: services/unused, memory: 64 }]
services:
  - { serviceName: users, taskDefinition: users }
  - { serviceName: users-eu, taskDefinition: users }
  - { serviceName: users-old, taskDefinition: "users:1" }
  - { serviceName: posts, taskDefinition: posts }
  - { serviceName: base, taskDefinition: base }
  - { serviceName: derived, taskDefinition: derived }
scheduledTasks:
  - { name: nightly, scheduleExpression: rate(1 day), taskDefinition: report }
"#;

struct Memory;

impl manifest::Source for Memory {
    fn read(&self, path: &Path) -> Result<String, String> {
        match path.to_str() {
            Some("/app/cluster.yaml") => Ok(MANIFEST.to_owned()),
            Some("/app/users.env") => Ok("A=1".to_owned()),
            _ => Err("there is no such file".into()),
        }
    }
}

fn watched() -> Watched {
    let files = ["cluster.yaml".into()];
    let request = manifest::Request { files: &files, environment: &BTreeMap::new(), source: &Memory, directory: Path::new("/app") };
    let read = manifest::read(&request).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    Watched::of(&read.desired, ["/app/cluster.yaml", "/app/.env", "/app/users.env"].map(PathBuf::from).into())
}

fn context(root: &str, dockerfile: &str) -> Subject {
    Subject::Context { root: Path::new("/app").join(root), dockerfile: dockerfile.into() }
}

fn file(name: &str) -> Subject {
    Subject::File(Path::new("/app").join(name))
}

/// What changes of these subjects touch: `manifest`, or `build a` and `redeploy a`.
fn affected(subjects: &[Subject]) -> Vec<String> {
    let changed = |subject: &Subject| Changed { subject: subject.clone(), path: "/app/whatever".into(), fate: Fate::Written };
    let affected = watched().affected(&subjects.iter().map(changed).collect::<Vec<_>>());
    let word = |wish: Wish| if wish == Wish::Build { "build" } else { "redeploy" };
    let services = affected.services.iter().map(|(name, wish)| format!("{} {name}", word(*wish)));
    affected.manifest.then(|| "manifest".to_owned()).into_iter().chain(services).collect()
}

#[test]
fn only_what_runs_the_context_is_touched() {
    let users = || context("services/users", "Dockerfile");
    let cases: &[(&[Subject], &[&str])] = &[
        (&[users()], &["build users", "build users-eu"]),
        (&[users(), context("services/posts", "Dockerfile")], &["build posts", "build users", "build users-eu"]),
        // A definition of another one's image, and a scheduled task: built in order, with the manifest.
        (&[context("services/base", "Dockerfile")], &["manifest", "build base"]),
        (&[context("services/report", "Dockerfile")], &["manifest"]),
        (&[context("services/unused", "Dockerfile")], &[]),
        (&[file("cluster.yaml")], &["manifest"]),
        (&[file(".env")], &["manifest"]),
        (&[file("users.env")], &["redeploy users", "redeploy users-eu"]),
        (&[file("users.env"), users()], &["build users", "build users-eu"]),
        (&[file("something")], &[]),
        (&[], &[]),
    ];
    for (subjects, expected) in cases {
        assert_eq!(affected(subjects), *expected, "{subjects:?}");
    }
}

#[test]
fn a_context_that_two_images_are_made_from_is_two_subjects() {
    assert_eq!(affected(&[context("services", "proxy/Dockerfile")]), ["build posts", "build users", "build users-eu"]);
    assert_eq!(affected(&[context("services", "Dockerfile")]), Vec::<String>::new());
}

#[test]
fn a_file_of_variables_that_is_gone_is_for_the_manifest_to_say() {
    let gone = [Changed { subject: file("users.env"), path: "/app/users.env".into(), fate: Fate::Gone }];
    assert_eq!(watched().affected(&gone), Affected { manifest: true, ..Affected::default() });
}

#[test]
fn what_nothing_runs_is_not_looked_at() {
    let interest = watched().interest();
    assert!(interest.contains(&context("services/users", "Dockerfile")) && interest.contains(&context("services/report", "Dockerfile")));
    assert!(interest.contains(&file(".env")) && interest.contains(&file("users.env")));
    assert!(!interest.contains(&context("services/unused", "Dockerfile")));
    let more = watched().with_files(BTreeSet::from(["/app/include.yaml".into()])).interest();
    assert!(more.contains(&file("include.yaml")) && more.contains(&file("cluster.yaml")));
}

#[test]
fn what_a_rule_covers_is_copied_unless_something_else_is_deployed_for() {
    let one = |subject: Subject, path: &str| Changed { subject, path: Path::new("/app").join(path), fate: Fate::Written };
    let users = || context("services/users", "Dockerfile");
    let told = |changed: &[Changed]| {
        let affected = watched().affected(changed);
        let copied = affected.syncs.iter().flat_map(|(service, all)| all.iter().map(move |(container, copies)| (service, container, copies)));
        let copied = copied
            .map(|(service, container, copies)| format!("copy {} to {service} {container}", copies.files.values().cloned().collect::<String>()));
        let built = affected.services.iter().filter(|(_, wish)| **wish == Wish::Build).map(|(service, _)| format!("build {service}"));
        affected.manifest.then(|| "manifest".to_owned()).into_iter().chain(copied).chain(built).collect::<Vec<_>>()
    };
    let source = || one(users(), "services/users/src/a.js");
    assert_eq!(told(&[source()]), ["copy /app/a.js to users web", "copy /app/a.js to users-eu web"]);
    assert_eq!(told(&[source(), one(users(), "services/users/b.js")]), ["build users", "build users-eu"]);
    // New tasks read it, and are to have a whole image.
    assert_eq!(told(&[source(), one(file("users.env"), "users.env")]), ["build users", "build users-eu"]);
    // A context that is both this service's and another one's.
    let shared = one(context("services", "proxy/Dockerfile"), "services/users/src/a.js");
    assert_eq!(told(&[source(), shared]), ["build posts", "build users", "build users-eu"]);
    assert_eq!(told(&[source(), one(file(".env"), ".env")]), ["manifest", "build users", "build users-eu"]);
    // A scheduled task has the image, too.
    assert_eq!(told(&[one(context("services/report", "Dockerfile"), "services/report/a.js")]), ["manifest"]);
}
