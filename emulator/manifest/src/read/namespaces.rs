//! What a task definition says of namespaces beside the network: `pidMode`, `ipcMode`, `systemControls`, security options (ecs.md 1.2, 1.6).

use std::collections::BTreeMap;

use model::{NamespaceMode, NetworkMode};

use crate::node::Node;
use crate::problem::Report;

/// Parameters of an IPC namespace, besides those that begin with `fs.mqueue.`.
const IPC: [&str; 8] =
    ["kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"];

/// A mode; a word that is none has been reported.
pub(super) fn mode(definition: &Node, key: &str) -> Option<NamespaceMode> {
    definition.text_of(key).and_then(NamespaceMode::from_word)
}

pub(super) fn check(definition: &Node, network: NetworkMode, report: &mut Report) {
    if let Some(node) = definition.get("pidMode").filter(|node| node.text() == Some("host")) {
        report.note(node.span, "containers in `pidMode: host` see every process of this machine, and as root may end it");
    }
    let ipc = mode(definition, "ipcMode");
    for item in definition.list("containerDefinitions").iter().flat_map(|container| container.list("systemControls")) {
        let Some((node, name)) = item.get("namespace").and_then(|node| Some((node, node.text()?))) else { continue };
        if name.starts_with("net.") {
            if network == NetworkMode::Host {
                report
                    .problem(node.span, format!("`{name}` belongs to the network, which is this machine's own in `networkMode: host`"))
                    .hint("remove it, or use `networkMode: bridge` or `awsvpc`");
            }
        } else if IPC.contains(&name) || name.starts_with("fs.mqueue.") {
            if ipc == Some(NamespaceMode::Host) {
                report
                    .problem(node.span, format!("`{name}` belongs to the IPC namespace, which is this machine's own with `ipcMode: host`"))
                    .hint("remove it, or `ipcMode`");
            }
        } else {
            let hint = report.suggest(name, IPC).unwrap_or_else(|| format!("what begins with `net.` or `fs.mqueue.`, and {}", IPC.join(", ")));
            report.problem(node.span, format!("`{name}` is not a kernel parameter of a container's own")).hint(hint);
        }
    }
}

/// `None` when an item cannot be read, which the tables have reported.
pub(super) fn system_controls(container: &Node) -> Option<BTreeMap<String, String>> {
    let items = container.list("systemControls").iter();
    items.map(|item| Some((item.text_of("namespace")?.to_owned(), item.text_of("value")?.to_owned()))).collect()
}

pub(super) fn security_options(container: &Node, report: &mut Report) -> Vec<String> {
    for option in container.list("dockerSecurityOptions") {
        let text = option.text().unwrap_or_default();
        let known = match text.split_once(':') {
            None => text == "no-new-privileges",
            Some(("credentialspec", _)) => {
                report.problem(option.span, "`credentialspec` belongs to Windows").hint("remove it");
                continue;
            }
            Some((name, value)) => ["apparmor", "label"].contains(&name) && !value.is_empty(),
        };
        if !known {
            report
                .problem(option.span, format!("`{text}` is not a security option"))
                .hint("`no-new-privileges`, `apparmor:<profile>` or `label:<value>`");
        }
    }
    container.texts_of("dockerSecurityOptions")
}
