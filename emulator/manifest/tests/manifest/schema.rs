//! The published schema is the one that the tables give, and the manifests of this repository obey it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// `cluster.yaml`, and that of every example.
fn manifests() -> Vec<PathBuf> {
    let examples = std::fs::read_dir(root().join("examples")).into_iter().flatten().map(|entry| entry.unwrap().path().join("cluster.yaml"));
    std::iter::once(root().join("cluster.yaml")).chain(examples.filter(|path| path.exists())).collect()
}

#[test]
fn the_published_schema_is_current() {
    let path = root().join("cluster.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, manifest::schema()).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(published == manifest::schema(), "cluster.schema.json is not current: run the tests of `manifest` once with UPDATE_SCHEMA=1");
}

#[test]
fn the_schema_is_a_schema() {
    let schema: Value = serde_json::from_str(&manifest::schema()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn our_manifests_obey_the_schema() {
    let validator = jsonschema::draft202012::new(&serde_json::from_str(&manifest::schema()).unwrap()).unwrap();
    for path in manifests() {
        let document = document(&std::fs::read_to_string(&path).unwrap());
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

/// The files of this repository.
struct Disk;

impl manifest::Source for Disk {
    fn read(&self, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

#[test]
fn our_manifests_have_no_problems() {
    let environment = std::collections::BTreeMap::new();
    for path in manifests() {
        let request = manifest::Request { files: std::slice::from_ref(&path), environment: &environment, source: &Disk, directory: Path::new("/") };
        let read = manifest::read(&request);
        assert!(read.is_ok(), "{}", read.unwrap_err().render(false));
    }
}

#[test]
fn the_schema_tells_right_from_wrong() {
    let validator = jsonschema::draft202012::new(&serde_json::from_str(&manifest::schema()).unwrap()).unwrap();
    let group = |group: Value| json!({ "cluster": "c", "targetGroups": [group] });
    for (document, expected) in [
        (json!({ "cluster": "c" }), true),
        (json!({ "cluster": "c", "x-anchors": [1] }), true),
        (json!({}), false),
        (json!({ "cluster": "c", "clusters": 1 }), false),
        (group(json!({ "name": "a", "port": 80 })), true),
        (group(json!({ "Name": "a", "Port": "${PORT}", "HealthCheckPath": "/" })), true),
        (group(json!({ "name": "a", "port": 80, "attributes": [{ "Key": "slow_start.duration_seconds", "Value": "0" }] })), true),
        (group(json!({ "name": "a", "port": 80, "attributes": { "slow": 1 } })), false),
        (group(json!({ "name": "a", "port": 0 })), false),
        (group(json!({ "name": "a", "port": "eighty" })), false),
        (group(json!({ "port": 80 })), false),
        (json!({ "cluster": "c", "taskDefinitions": [{ "file": "a.json" }] }), true),
        (json!({ "cluster": "c", "taskDefinitions": [{ "family": "a" }] }), false),
    ] {
        assert_eq!(validator.is_valid(&document), expected, "{document}");
    }
}
