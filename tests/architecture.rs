//! The house is as the map says: which room may use which, and which rooms are pure (`emulator/README.md`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every arrow between rooms, and no others.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("scheduler", &["model"]),
    ("routing", &["model"]),
    ("message", &["routing"]),
    ("wire", &["model"]),
    ("manifest", &["context", "model"]),
    ("engine", &["model"]),
    ("context", &[]),
    ("docker", &["engine", "context", "model"]),
    ("tls", &["model"]),
    ("authentication", &["model"]),
    ("alb", &["routing", "message", "tls", "authentication", "model"]),
    ("proxy", &["routing", "model"]),
    ("registry", &["model", "wire"]),
    ("iam", &["model"]),
    ("agent", &["model", "wire", "iam"]),
    ("vault", &["model"]),
    ("daemon", &["model", "scheduler", "routing", "wire", "engine", "docker", "alb", "proxy", "registry", "tls", "iam", "agent", "vault"]),
    ("cli", &["wire", "model", "manifest", "context", "daemon"]),
    ("ecslocal", &["cli"]),
];

/// Rooms without a runtime, sockets, a container engine or a clock.
const PURE: &[&str] = &["model", "scheduler", "routing", "message", "wire", "manifest", "vault"];

/// What no pure room may reach, through whatever crate.
const IMPURE: &[&str] = &["tokio", "hyper", "bollard", "mio", "socket2", "rustix", "getrandom", "notify"];

/// What only one room may use, so that it can be changed there alone.
const OWNED: &[(&str, &str)] = &[
    ("bollard", "docker"),
    ("tar", "docker"),
    ("ignore", "context"),
    ("notify", "cli"),
    ("serde-saphyr", "manifest"),
    ("socket2", "alb"),
    ("clap", "cli"),
];

struct Metadata {
    /// The direct dependencies of each of our packages, without those for tests.
    direct: BTreeMap<String, BTreeSet<String>>,
    /// The same by package id, for all packages.
    all: BTreeMap<String, Vec<String>>,
    names: BTreeMap<String, String>,
}

impl Metadata {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--offline", "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let names: BTreeMap<String, String> = list(&metadata["packages"]).map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let ours: BTreeSet<String> = list(&metadata["workspace_members"]).map(text).collect();
        let normal = |node: &Value| -> Vec<String> {
            let deps = list(&node["deps"]).filter(|dep| list(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null()));
            deps.map(|dep| text(&dep["pkg"])).collect()
        };
        let all: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), normal(node))).collect();
        let direct = ours.iter().map(|id| (names[id].clone(), all[id].iter().map(|id| names[id].clone()).collect())).collect();
        Self { direct, all, names }
    }

    /// Everything that a package of ours is built with.
    fn closure(&self, package: &str) -> BTreeSet<String> {
        let start = self.names.iter().find(|(id, name)| *name == package && id.contains("emulator/")).map(|(id, _)| id.clone()).unwrap();
        let mut open = vec![start];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            for next in &self.all[&id] {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen.iter().map(|id| self.names[id].clone()).collect()
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

#[test]
fn arrows_between_rooms_are_those_of_the_map() {
    let metadata = Metadata::read();
    let rooms: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    for (room, allowed) in ARROWS {
        let used: BTreeSet<&str> = metadata.direct[*room].iter().map(String::as_str).filter(|name| rooms.contains(name)).collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(used.is_subset(&allowed), "`{room}` uses {:?}, which the map does not know", used.difference(&allowed));
        assert!(allowed.is_subset(&used), "the map lets `{room}` use {:?}, which it does not", allowed.difference(&used));
    }
    let unknown: Vec<_> = metadata.direct.keys().filter(|name| !rooms.contains(name.as_str()) && !name.starts_with("test-")).collect();
    assert!(unknown.is_empty(), "rooms that the map does not know: {unknown:?}");
}

#[test]
fn pure_rooms_reach_nothing_impure() {
    let metadata = Metadata::read();
    for room in PURE {
        let closure = metadata.closure(room);
        let impure: Vec<_> = IMPURE.iter().filter(|name| closure.contains(**name)).collect();
        assert!(impure.is_empty(), "`{room}` reaches {impure:?}");
    }
}

#[test]
fn some_crates_belong_to_one_room() {
    let metadata = Metadata::read();
    for (name, owner) in OWNED {
        let users: Vec<_> = metadata.direct.iter().filter(|(_, deps)| deps.contains(*name)).map(|(room, _)| room.as_str()).collect();
        assert_eq!(users, [*owner], "`{name}` belongs to `{owner}`");
    }
}

#[test]
fn every_crate_obeys_the_lints_of_the_house() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let members = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = members.lines().map(str::trim).filter_map(|line| line.strip_prefix('"')?.strip_suffix("\","));
    let mut seen = 0;
    for member in members {
        let manifest = std::fs::read_to_string(root.join(member).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "`{member}` does not take the workspace's lints");
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} members were read");
}
