//! Whose network, processes and IPC a container has, for the engine (ecs.md 1.6).

use engine::{Namespace, NetworkNamespace};
use model::{Container, ContainerType, NamespaceMode, NetworkMode, Task, TaskDefinition};

/// Whose network, processes and IPC a container has; `None` while a container whose it is to share is not there.
pub(crate) fn of(task: &Task, definition: &TaskDefinition, record: &Container) -> Option<(NetworkNamespace, Namespace, Namespace)> {
    match record.kind() {
        ContainerType::CniPause => return Some((NetworkNamespace::Own, Namespace::Own, Namespace::Own)),
        ContainerType::NamespacePause => return Some((NetworkNamespace::None, Namespace::Own, Namespace::Shareable)),
        ContainerType::Normal => {}
    }
    let alone = definition.container(&record.name).is_some_and(|wanted| wanted.disable_networking);
    let network = match definition.network_mode {
        _ if alone => NetworkNamespace::None,
        NetworkMode::Bridge => NetworkNamespace::Own,
        NetworkMode::Awsvpc => NetworkNamespace::Shared(task.pause()?.runtime_id.clone()?),
        NetworkMode::Host => NetworkNamespace::Host,
        NetworkMode::None => NetworkNamespace::None,
    };
    let other = |mode: Option<NamespaceMode>| {
        Some(match mode {
            None => Namespace::Own,
            Some(NamespaceMode::Host) => Namespace::Host,
            Some(NamespaceMode::None) => Namespace::None,
            Some(NamespaceMode::Task) => Namespace::Shared(task.namespace_pause()?.runtime_id.clone()?),
        })
    };
    Some((network, other(definition.pid_mode)?, other(definition.ipc_mode)?))
}
