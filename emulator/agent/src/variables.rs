//! The variables by which a container finds all this (ecs.md 1.9).

use std::collections::BTreeMap;

use iam::Mint;
use model::{ContainerDefinition, Task, TaskDefinition, World};

use crate::credentials::role_of;
use crate::whose;

/// Where it is, on port 80.
pub const ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(169, 254, 170, 2);

/// What a container gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// Whatever the task definition or the image say.
    pub fixed: BTreeMap<String, String>,
    /// Unless the image has a variable of the group. The task definition has none of these.
    pub defaults: Vec<BTreeMap<String, String>>,
}

/// The variables of a container of a task; none for those that ECS added.
///
/// `AWS_ENDPOINT_URL` is ours: it leads an SDK to the APIs that are served here, of a task whose credentials are good nowhere else.
#[must_use]
pub fn variables(world: &World, mint: &Mint, (task, whole, definition): (&Task, &TaskDefinition, &ContainerDefinition)) -> Variables {
    if definition.name.is_pause() {
        return Variables::default();
    }
    let id = whose::container_id(mint, task, &definition.name);
    let mut fixed = BTreeMap::from([
        ("ECS_CONTAINER_METADATA_URI".to_owned(), format!("http://{ADDRESS}/v3/{id}")),
        ("ECS_CONTAINER_METADATA_URI_V4".to_owned(), format!("http://{ADDRESS}/v4/{id}")),
        ("ECS_AGENT_URI".to_owned(), format!("http://{ADDRESS}/api/{id}")),
        ("AWS_EXECUTION_ENV".to_owned(), "AWS_ECS_EC2".to_owned()),
    ]);
    let region = &world.settings.region;
    let mut groups = vec![vec![("AWS_REGION", region.clone()), ("AWS_DEFAULT_REGION", region.clone())]];
    if let Some((_, role)) = role_of(world, whole) {
        fixed.insert("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI".to_owned(), format!("/v2/credentials/{}", whose::credentials_id(mint, task)));
        // AWS's own credentials are good at AWS.
        groups.extend(role.spec.from_profile.is_none().then(|| vec![("AWS_ENDPOINT_URL", format!("http://{ADDRESS}"))]));
    }
    let said = |group: &Vec<(&str, String)>| group.iter().any(|(name, _)| definition.environment.contains_key(*name));
    let defaults = groups.into_iter().filter(|group| !said(group));
    let owned = |group: Vec<(&str, String)>| group.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Variables { fixed, defaults: defaults.map(owned).collect() }
}
