//! Files that are put into the containers of a service, and into those that come.

use std::collections::BTreeMap;

use engine::simulated::{FleetContainer, VerbName};
use engine::{EngineError, EngineErrorKind};
use model::RunState;
use serde_json::json;
use wire::local::{SyncReply, View};

use crate::lab::{Answer, Lab, manifest, steady};

fn built() -> String {
    manifest("sim:v1", "out=hello").replace("image: \"sim:v1\"", "build: /nowhere/context")
}

async fn up() -> Lab {
    let lab = Lab::new().await;
    assert_eq!(lab.bring(&built()).await.pop().unwrap()["type"], "done");
    lab.until(steady).await;
    lab
}

impl Lab {
    /// Writes a file and asks for it to be put where it is named.
    async fn sync(&self, name: &str, content: &str, restart: bool) -> Answer {
        let source = self.folder.path().join(name);
        std::fs::write(&source, content).unwrap();
        let files = json!([{ "source": source, "target": format!("/app/{name}") }]);
        let asked = json!({ "cluster": "lab", "service": "web", "container": "app", "files": files, "restart": restart });
        self.post("/local/v1/sync", &asked.to_string()).await
    }

    fn running(&self) -> Vec<FleetContainer> {
        self.fleet.containers().into_iter().filter(|container| container.seen.state == RunState::Running).collect()
    }

    /// What was put into each container that runs.
    fn files(&self) -> Vec<BTreeMap<String, String>> {
        let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        self.running().into_iter().map(|container| container.files.into_iter().map(|(path, bytes)| (path, text(bytes))).collect()).collect()
    }

    fn overlays(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("state/synced")).map_or(0, Iterator::count)
    }
}

fn files(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, content)| (format!("/app/{name}"), (*content).to_owned())).collect()
}

fn synced(view: &View) -> usize {
    view.clusters[0].services[0].synced_files
}

#[tokio::test]
async fn what_comes_later_has_the_files_until_a_build_has_them() {
    let lab = up().await;
    let reply: SyncReply = lab.sync("a", "1", false).await.value();
    assert_eq!((reply.containers, reply.version), (1, None));
    assert_eq!(lab.files(), [files(&[("a", "1")])]);
    assert_eq!(lab.overlays(), 1);
    let view = lab.until(|view| synced(view) == 1).await;
    assert_eq!(view.clusters[0].services[0].deployments.len(), 1, "nothing was deployed");

    // One more, and one in the place of one that dies.
    lab.post("/local/v1/scale", r#"{"cluster":"lab","desiredCounts":{"web":2}}"#).await;
    lab.until(|view| steady(view) && view.clusters[0].services[0].running_count == 2).await;
    assert_eq!(lab.files(), [files(&[("a", "1")]), files(&[("a", "1")])]);
    let reply: SyncReply = lab.sync("a", "2", false).await.value();
    assert_eq!(reply.containers, 2);
    let first = lab.running().remove(0);
    assert!(lab.fleet.kill(&first.seen.id, 137));
    let replaced = |lab: &Lab| lab.running().len() == 2 && lab.running().iter().all(|container| container.seen.id != first.seen.id);
    lab.until(|view| steady(view) && replaced(&lab)).await;
    assert_eq!(lab.files(), [files(&[("a", "2")]), files(&[("a", "2")])]);

    // And so it is for a daemon that begins again.
    let lab = lab.again().await;
    let first = lab.running().remove(0);
    assert!(lab.fleet.kill(&first.seen.id, 137));
    let replaced = |lab: &Lab| lab.running().len() == 2 && lab.running().iter().all(|container| container.seen.id != first.seen.id);
    lab.until(|view| steady(view) && replaced(&lab)).await;
    assert_eq!(lab.files(), [files(&[("a", "2")]), files(&[("a", "2")])]);

    // Another file, only for those that come: a deployment makes them.
    let old: Vec<_> = lab.running().into_iter().map(|container| container.seen.id).collect();
    let reply: SyncReply = lab.sync("b", "1", true).await.value();
    assert!(reply.containers == 0 && reply.version.is_some(), "{reply:?}");
    lab.until(|view| steady(view) && lab.running().iter().all(|container| !old.contains(&container.seen.id))).await;
    assert_eq!(lab.files(), [files(&[("a", "2"), ("b", "1")]), files(&[("a", "2"), ("b", "1")])]);

    lab.fleet.edit_context(std::path::Path::new("/nowhere/context"));
    lab.bring(&built().replace("desiredCount: 1", "desiredCount: 2")).await;
    lab.until(|view| steady(view) && synced(view) == 0).await;
    assert_eq!(lab.files(), [files(&[]), files(&[])]);
    assert_eq!(lab.overlays(), 0);
}

#[tokio::test]
async fn a_build_of_the_same_image_replaces_what_has_the_files() {
    let lab = up().await;
    for path in ["/local/v1/up", "/local/v1/deploy"] {
        assert_eq!(lab.sync("a", "1", false).await.status, 200);
        let old = lab.running().remove(0).seen.id;
        let desired = crate::lab::desired(&built());
        let definition = desired.task_definitions.values().next().unwrap();
        let asked = match path {
            "/local/v1/up" => json!({ "desired": desired }),
            _ => json!({ "cluster": "lab", "service": "web", "what": { "definition": definition }, "unlessCurrent": true }),
        };
        let said = lab.post(path, &asked.to_string()).await;
        assert!(said.text.contains("its tasks with synced files are replaced") || path.ends_with("deploy"), "{}", said.text);
        lab.until(|view| steady(view) && lab.running().iter().all(|container| container.seen.id != old)).await;
        assert_eq!(lab.files(), [files(&[])]);
        assert_eq!((synced(&lab.view().await), lab.overlays()), (0, 0));
        // Asked again, there is nothing to do.
        let last = lab.running().remove(0).seen.id;
        assert_eq!(lab.post(path, &asked.to_string()).await.status, 200);
        assert_eq!(lab.running().remove(0).seen.id, last);
    }
}

#[tokio::test]
async fn what_cannot_be_put_says_so_and_down_leaves_nothing() {
    let lab = up().await;
    lab.fleet.fail_next(VerbName::Put, EngineError::new(EngineErrorKind::Failed, "no space left"));
    let failure = lab.sync("a", "1", false).await.failure();
    assert!(failure.message.contains("the copy into `") && failure.message.contains("no space left"), "{}", failure.message);
    assert!(failure.hint.unwrap().contains("build"));
    for (asked, expected) in [
        (json!({ "service": "other", "container": "app", "files": [{ "source": "/etc/hostname", "target": "/a" }] }), "other"),
        (json!({ "service": "web", "container": "db", "files": [{ "source": "/etc/hostname", "target": "/a" }] }), "no container `db`"),
        (json!({ "service": "web", "container": "app", "files": [] }), "1 to 1000 files"),
        (json!({ "service": "web", "container": "app", "files": [{ "source": "/etc/hostname", "target": "a" }] }), "`a` is no absolute path"),
        (json!({ "service": "web", "container": "app", "files": [{ "source": "/etc/hostname", "target": "/a/../b" }] }), "`/a/../b` is no absolute"),
        (json!({ "service": "web", "container": "app", "files": [{ "source": "/no/such", "target": "/a" }] }), "`/no/such` cannot be copied"),
        (json!({ "service": "web", "container": "app", "files": [{ "source": "/etc", "target": "/a" }] }), "it is no file"),
    ] {
        let mut asked = asked;
        asked["cluster"] = json!("lab");
        let failure = lab.post("/local/v1/sync", &asked.to_string()).await.failure();
        assert!(failure.message.contains(expected), "{}", failure.message);
    }
    assert_eq!(lab.sync("a", "2", false).await.status, 200);
    assert_eq!(lab.post("/local/v1/down?cluster=lab", "").await.status, 200);
    lab.until(|view| view.clusters.is_empty()).await;
    let cleared = async {
        while lab.overlays() > 0 {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(crate::lab::PATIENCE, cleared).await.unwrap();

    let lab = Lab::up().await;
    assert!(lab.sync("a", "1", false).await.failure().message.contains("is not built here"));
}
