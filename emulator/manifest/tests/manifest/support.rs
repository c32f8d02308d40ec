//! Files in memory, and a small manifest that is right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use manifest::{Manifest, Problems, Request, Source};

/// Files by absolute path.
pub(crate) struct Memory(BTreeMap<PathBuf, String>);

impl Source for Memory {
    fn read(&self, path: &Path) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".into())
    }
}

/// Reads those `files` that are named `*.yaml` and stand in `/home/app`, in this order; the others are there to be included.
pub(crate) fn read_all(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Manifest, Problems> {
    let source = Memory(files.iter().map(|(name, text)| (Path::new("/home/app").join(name), (*text).to_owned())).collect());
    let paths: Vec<PathBuf> =
        files.iter().filter(|(name, _)| name.ends_with(".yaml") && !name.contains('/')).map(|(name, _)| PathBuf::from(name)).collect();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    manifest::read(&Request { files: &paths, environment: &environment, source: &source, directory: Path::new("/home/app") })
}

/// Reads one file.
pub(crate) fn read(text: &str) -> Result<Manifest, Problems> {
    read_all(&[("cluster.yaml", text)], &[])
}

/// Reads one file that must be right.
pub(crate) fn good(text: &str) -> Manifest {
    read(text).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// The rendered problems of one file that must be wrong.
pub(crate) fn bad(text: &str) -> String {
    read(text).unwrap_err().render(false)
}

/// The rendered problems of [`GOOD`] with texts replaced.
pub(crate) fn broken(replacements: &[(&str, &str)]) -> String {
    bad(&replaced(replacements))
}

/// [`GOOD`] with texts replaced, each of which must be there.
pub(crate) fn replaced(replacements: &[(&str, &str)]) -> String {
    replacements.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

/// A small manifest that is right.
pub(crate) const GOOD: &str = r#"cluster: test
loadBalancers:
  - name: front
    listeners:
      - port: 80
        defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "404" } }]
        rules:
          - priority: 1
            conditions: [{ field: path-pattern, values: ["/api/users*"] }]
            actions: [{ type: forward, targetGroup: users }]
targetGroups:
  - name: users
    port: 80
taskDefinitions:
  - family: users
    containerDefinitions:
      - name: web
        image: users:v1
        memory: 256
        portMappings: [{ containerPort: 3000 }]
services:
  - serviceName: users
    taskDefinition: users
    loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
"#;
