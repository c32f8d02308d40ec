//! Volumes and mount points (ecs.md 1.5).

use std::collections::BTreeMap;

use model::{DockerVolume, MountPoint, Volume, VolumeFrom, VolumeSource};

use super::container::texts_by_name;
use crate::node::{Node, Span};
use crate::problem::Report;
use crate::suggest::listed;

/// The volumes of a task definition; `None` when one cannot be read, which has been reported.
pub(super) fn read(definition: &Node, report: &mut Report) -> Option<Vec<Volume>> {
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for node in definition.list("volumes").iter().filter_map(|item| item.get("name")) {
        if let Some(name) = node.text()
            && let Some(first) = names.insert(name, node.span)
        {
            report.problem(node.span, format!("two volumes have the name `{name}`")).again(first);
        }
    }
    let volumes: Vec<_> = definition.list("volumes").iter().map(|item| read_one(item, report)).collect();
    volumes.into_iter().collect()
}

fn read_one(item: &Node, report: &mut Report) -> Option<Volume> {
    let name = item.get("name")?;
    let text = name.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(1..=255).contains(&text.len()) || !text.chars().all(allowed) {
        report.problem(name.span, format!("volume name `{text}` has 1 to 255 letters, digits, hyphens and underscores"));
    }
    let kinds: Vec<_> = ["host", "dockerVolumeConfiguration", "efsVolumeConfiguration"].into_iter().filter_map(|key| item.entry(key)).collect();
    let kinds: Vec<_> = kinds.into_iter().filter(|entry| !entry.node.asks_for_nothing()).collect();
    if let [first, second, ..] = kinds.as_slice() {
        report.problem(second.key_span, format!("volume `{text}` cannot be of two kinds")).again(first.key_span);
    }
    let source = match (item.get("dockerVolumeConfiguration"), item.get("efsVolumeConfiguration")) {
        (Some(node), _) => docker(node, report),
        (None, Some(node)) => efs(node, report)?,
        (None, None) => host(item, report),
    };
    Some(Volume { name: text.to_owned(), source })
}

fn host(item: &Node, report: &mut Report) -> VolumeSource {
    let Some((node, path)) = item.get("host").and_then(|host| host.get("sourcePath")).and_then(|node| Some((node, node.text()?))) else {
        return VolumeSource::Task(DockerVolume::default());
    };
    absolute("sourcePath", path, node.span, report);
    VolumeSource::Host(path.to_owned())
}

fn docker(node: &Node, report: &mut Report) -> VolumeSource {
    let volume = DockerVolume {
        driver: node.text_of("driver").filter(|driver| !driver.is_empty()).map(str::to_owned),
        driver_opts: texts_by_name(node.get("driverOpts")),
        labels: texts_by_name(node.get("labels")),
    };
    let autoprovision = node.boolean_of("autoprovision");
    if node.text_of("scope") == Some("shared") {
        return VolumeSource::Shared { autoprovision: autoprovision == Some(true), volume };
    }
    if autoprovision == Some(true) {
        report.problem(super::place(node, "autoprovision"), "`autoprovision` belongs to volumes with `scope: shared`").hint("remove it, or add that");
    }
    VolumeSource::Task(volume)
}

fn efs(node: &Node, report: &mut Report) -> Option<VolumeSource> {
    let id = node.get("fileSystemId")?;
    let file_system_id = id.text()?;
    if !plain(file_system_id) {
        report
            .problem(id.span, format!("`{file_system_id}` is not the id of a file system"))
            .hint("letters, digits and hyphens, for example `fs-0123abcd`");
    }
    let directory = node.get("rootDirectory").and_then(|node| Some((node, node.text()?))).filter(|(_, path)| !path.is_empty());
    if let Some((node, path)) = directory {
        absolute("rootDirectory", path, node.span, report);
        if path.split('/').any(|part| part == "..") {
            report.problem(node.span, "`rootDirectory` does not lead out of its file system").hint("remove `..`");
        }
    }
    let point = node.get("authorizationConfig").and_then(|node| node.get("accessPointId")).and_then(|node| Some((node, node.text()?)));
    let root = match (point, directory) {
        (Some((node, point)), directory) => {
            if !plain(point) {
                report.problem(node.span, format!("`{point}` is not the id of an access point"));
            }
            if let Some((node, _)) = directory.filter(|(_, path)| *path != "/") {
                report
                    .problem(node.span, "an access point says what is mounted, so `rootDirectory` must be left out, or `/`")
                    .hint("remove one of the two");
            }
            point.to_owned()
        }
        (None, directory) => directory.map_or("/", |(_, path)| path).to_owned(),
    };
    Some(VolumeSource::Efs { file_system_id: file_system_id.to_owned(), root })
}

fn plain(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// `None` when one cannot be read, which the tables have reported.
pub(super) fn mount_points(container: &Node, report: &mut Report) -> Option<Vec<MountPoint>> {
    let mut taken: BTreeMap<&str, Span> = BTreeMap::new();
    let mut points = Vec::new();
    for item in container.list("mountPoints") {
        let (volume, node) = (item.text_of("sourceVolume")?, item.get("containerPath")?);
        let path = node.text()?;
        absolute("containerPath", path, node.span, report);
        if let Some(first) = taken.insert(path, node.span) {
            report.problem(node.span, format!("two volumes cannot both be at `{path}`")).again(first);
        }
        let read_only = item.boolean_of("readOnly").unwrap_or(false);
        points.push(MountPoint { source_volume: volume.to_owned(), container_path: path.to_owned(), read_only });
    }
    Some(points)
}

/// `None` when one cannot be read, which has been reported.
pub(super) fn volumes_from(container: &Node, report: &mut Report) -> Option<Vec<VolumeFrom>> {
    let read = |item: &Node| {
        let source_container = super::name_under(item, "sourceContainer", report)?;
        Some(VolumeFrom { source_container, read_only: item.boolean_of("readOnly").unwrap_or(false) })
    };
    let all: Vec<_> = container.list("volumesFrom").iter().map(read).collect();
    all.into_iter().collect()
}

/// Docker writes a mount with colons.
fn absolute(key: &str, path: &str, place: Span, report: &mut Report) {
    if !path.starts_with('/') {
        report.problem(place, format!("`{key}` must be an absolute path, found `{path}`"));
    } else if path.contains(':') {
        report.problem(place, format!("`{key}` cannot have a colon in it, found `{path}`"));
    }
}

/// Every volume that is mounted is one of the task definition's; and what Fargate does not have.
pub(super) fn check(definition: &Node, fargate: bool, report: &mut Report) {
    let names = || definition.list("volumes").iter().filter_map(|volume| volume.text_of("name"));
    for node in definition.list("containerDefinitions").iter().flat_map(|container| container.list("mountPoints")) {
        let Some((node, name)) = node.get("sourceVolume").and_then(|node| Some((node, node.text()?))) else { continue };
        // In a part of a manifest the volumes may be in another one.
        if report.partial || names().any(|known| known == name) {
            continue;
        }
        let hint = report.suggest(name, names()).unwrap_or_else(|| {
            if names().next().is_none() {
                format!("add `volumes: [{{ name: {name} }}]` to the task definition")
            } else {
                format!("its volumes are {}", listed(names()))
            }
        });
        report.problem(node.span, format!("Invalid volume referenced: {name}")).hint(hint);
    }
    if !fargate {
        return;
    }
    for volume in definition.list("volumes") {
        let path = volume.get("host").and_then(|host| host.entry("sourcePath"));
        for entry in [volume.entry("dockerVolumeConfiguration"), path].into_iter().flatten().filter(|entry| !entry.node.asks_for_nothing()) {
            report
                .problem(entry.key_span, format!("`{}` of a volume is not supported on Fargate", entry.key))
                .hint("remove it, so that each task has a volume of its own, or say `requiresCompatibilities: [EC2]`");
        }
    }
}
