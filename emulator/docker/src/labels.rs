//! A container's labels: which task's container it is (ecs.md 1.7), and whose.

use std::collections::HashMap;

use engine::ContainerSpec;
use model::{ContainerName, OwnerId, ServiceKey, TaskId};

pub(crate) const OWNER: &str = "dev.ecslocal.owner";
pub(crate) const SERVICE: &str = "dev.ecslocal.service";
pub(crate) const TASK: &str = "dev.ecslocal.task";
const INSTANCE: &str = "dev.ecslocal.container-instance";
const CONTAINER_NAME: &str = "com.amazonaws.ecs.container-name";

/// The user's labels, and ours, which win.
pub(crate) fn of_container(spec: &ContainerSpec) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> = spec.definition.docker_labels.clone().into_iter().collect();
    // A service's label that a user wrote by hand would make a lone task part of it.
    labels.remove(SERVICE);
    let ours = [
        ("com.amazonaws.ecs.task-arn", spec.task_arn.clone()),
        (CONTAINER_NAME, spec.definition.name.to_string()),
        ("com.amazonaws.ecs.task-definition-family", spec.revision.family.to_string()),
        ("com.amazonaws.ecs.task-definition-version", spec.revision.number.to_string()),
        ("com.amazonaws.ecs.cluster", spec.cluster.to_string()),
        (OWNER, spec.owner.to_string()),
        (TASK, spec.task.to_string()),
        (INSTANCE, spec.instance.to_string()),
    ];
    labels.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    labels.extend(spec.service.as_ref().map(|service| (SERVICE.to_owned(), service.to_string())));
    labels
}

/// Which container of which task it is, as its labels say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) owner: OwnerId,
    pub(crate) service: Option<ServiceKey>,
    pub(crate) task: TaskId,
    pub(crate) container: ContainerName,
}

/// Reads the labels; `None` when it is not one of ecslocal's containers.
pub(crate) fn identity(labels: &HashMap<String, String>) -> Option<Identity> {
    Some(Identity {
        owner: OwnerId::from_text(labels.get(OWNER)?),
        service: labels.get(SERVICE).map(|text| ServiceKey::try_from(text.clone())).transpose().ok()?,
        task: TaskId::from_text(labels.get(TASK)?),
        container: ContainerName::try_from(labels.get(CONTAINER_NAME)?.clone()).ok()?,
    })
}

/// A filter for everything of that owner's, and of that service's if one is given.
pub(crate) fn filter(owner: &OwnerId, service: Option<&ServiceKey>) -> HashMap<String, Vec<String>> {
    let mut labels = vec![format!("{OWNER}={owner}")];
    labels.extend(service.map(|service| format!("{SERVICE}={service}")));
    HashMap::from([("label".to_owned(), labels)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create::tests::spec;

    #[test]
    fn labels_say_who_it_is_and_win_over_the_user_s() {
        let mut spec = spec();
        spec.definition.docker_labels =
            [("team", "a"), (OWNER, "me"), (CONTAINER_NAME, "x"), (SERVICE, "x/y")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let labels = of_container(&spec);
        assert_eq!(labels["team"], "a");
        assert_eq!(labels["com.amazonaws.ecs.task-definition-version"], "7");
        assert_eq!(labels["com.amazonaws.ecs.cluster"], "tutorial");
        assert_eq!(labels["dev.ecslocal.container-instance"], "local");
        let identity = identity(&labels).unwrap();
        assert_eq!((identity.owner, identity.service, identity.task), (spec.owner.clone(), spec.service.clone(), spec.task.clone()));
        assert_eq!(identity.container, spec.definition.name);
        spec.definition.name = ContainerName::pause();
        assert_eq!(super::identity(&of_container(&spec)).unwrap().container, ContainerName::pause());
        spec.service = None;
        assert_eq!(super::identity(&of_container(&spec)).unwrap().service, None);
    }

    #[test]
    fn labels_that_make_no_sense_are_nobody_s() {
        let good = of_container(&spec());
        for (name, value) in [(SERVICE, Some("no-slash")), (CONTAINER_NAME, Some("a b")), (TASK, None), (OWNER, None), (CONTAINER_NAME, None)] {
            let mut labels = good.clone();
            match value {
                Some(value) => labels.insert(name.into(), value.into()),
                None => labels.remove(name),
            };
            assert_eq!(identity(&labels), None, "{name}");
        }
    }
}
