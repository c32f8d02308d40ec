//! `linuxParameters` of a container definition (ecs.md 1.2).

use model::{Device, LinuxParameters, Tmpfs};

use crate::node::Node;
use crate::problem::Report;
use crate::suggest::listed;

/// Options of a mount that AWS knows; some take a value after `=`.
const MOUNT_OPTIONS: [&str; 39] = [
    "defaults",
    "ro",
    "rw",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "sync",
    "async",
    "dirsync",
    "remount",
    "mand",
    "nomand",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "bind",
    "rbind",
    "unbindable",
    "runbindable",
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "mpol",
];

/// `None` when an item cannot be read, which the tables have reported.
pub(super) fn read(container: &Node, report: &mut Report) -> Option<LinuxParameters> {
    let Some(node) = container.get("linuxParameters") else { return Some(LinuxParameters::default()) };
    if let Some(entry) = node.entry("swappiness").filter(|entry| !entry.node.asks_for_nothing() && node.get("maxSwap").is_none()) {
        report.note(entry.key_span, "`swappiness` does nothing without `maxSwap`");
    }
    let capabilities = |key: &str| node.get("capabilities").map(|node| node.texts_of(key)).unwrap_or_default();
    let devices = node.list("devices").iter().map(|item| device(item, report)).collect::<Vec<_>>();
    let tmpfs = node.list("tmpfs").iter().map(|item| tmpfs(item, report)).collect::<Vec<_>>();
    Some(LinuxParameters {
        add: capabilities("add"),
        drop: capabilities("drop"),
        devices: devices.into_iter().collect::<Option<_>>()?,
        tmpfs: tmpfs.into_iter().collect::<Option<_>>()?,
        shared_memory_size: node.integer_of("sharedMemorySize"),
        max_swap: node.integer_of("maxSwap"),
        swappiness: node.integer_of("swappiness"),
    })
}

/// Swap is counted beyond a limit of memory, the container's or the task's.
pub(super) fn swap(container: &Node, task: &Node, report: &mut Report) {
    let swap = container.get("linuxParameters").and_then(|node| node.get("maxSwap"));
    if let Some(swap) = swap.filter(|_| container.get("memory").is_none() && task.get("memory").is_none() && !report.partial) {
        report.problem(swap.span, "`maxSwap` is what a container may take beyond its `memory`, and there is no limit").hint("add `memory`");
    }
}

fn device(item: &Node, report: &mut Report) -> Option<Device> {
    let host_path = absolute(item, "hostPath", report);
    let container_path = if item.get("containerPath").is_some() { absolute(item, "containerPath", report) } else { host_path.clone() };
    let permissions = item.texts_of("permissions");
    let may = |what: &str| permissions.is_empty() || permissions.iter().any(|given| given == what);
    Some(Device { host_path: host_path?, container_path: container_path?, read: may("read"), write: may("write"), mknod: may("mknod") })
}

fn tmpfs(item: &Node, report: &mut Report) -> Option<Tmpfs> {
    let container_path = absolute(item, "containerPath", report);
    for option in item.list("mountOptions") {
        let word = option.text().unwrap_or_default();
        if !MOUNT_OPTIONS.contains(&word.split('=').next().unwrap_or_default()) {
            let hint = report.suggest(word, MOUNT_OPTIONS).unwrap_or_else(|| format!("for example {}", listed(["noexec", "ro", "mode=0700"])));
            report.problem(option.span, format!("`{word}` is not an option of a mount")).hint(hint);
        }
    }
    Some(Tmpfs { container_path: container_path?, size: item.integer_of("size")?, mount_options: item.texts_of("mountOptions") })
}

fn absolute(item: &Node, key: &str, report: &mut Report) -> Option<String> {
    let node = item.get(key)?;
    let path = node.text()?;
    if !path.starts_with('/') {
        report.problem(node.span, format!("`{key}` must be an absolute path, found `{path}`"));
    }
    Some(path.to_owned())
}
