//! Secrets and parameters of a manifest, and the listing of all that there are. No value is ever in an answer.

use hyper::Response;
use model::{ClusterName, Desired, World};
use vault::{Place, Vault, Wanted};
use wire::local::{Failure, ParameterView, SecretVersionView, SecretView, SecretsReply};

use super::Context;
use super::answer::{self, Body};
use crate::vault_store::NotChanged;
use crate::view::seconds;

/// What was there before a manifest was brought, and what is there since.
pub(super) struct Brought {
    before: Vault,
    after: Vault,
    /// One line a change.
    pub(super) lines: Vec<String>,
}

/// What a manifest would change, one line a change.
pub(super) fn preview(context: &Context, desired: &Desired) -> Result<Vec<String>, Failure> {
    let place = Place::from(&context.keeper.snapshot().world.settings);
    let now = context.clock.now();
    let mut trial = context.vault.read(now, Vault::clone);
    // What it would make has ids of its own, which nobody sees.
    trial.bring(wanted(desired), (now, &place, &mut model::Ids::seeded(0))).map_err(refused)
}

/// Makes the vault hold what a manifest names.
pub(super) async fn bring(context: &Context, desired: &Desired) -> Result<Brought, Failure> {
    let place = Place::from(&context.keeper.snapshot().world.settings);
    let (now, desired) = (context.clock.now(), desired.clone());
    let bring = move |vault: &mut Vault, ids: &mut model::Ids| {
        let before = vault.clone();
        let lines = vault.bring(wanted(&desired), (now, &place, ids))?;
        Ok(Brought { before, after: vault.clone(), lines })
    };
    context.vault.change(now, bring).await.map_err(|error| match error {
        NotChanged::Refused(why) => refused(why),
        NotChanged::Unsaved(why) => Failure::environment(why),
    })
}

/// Takes back what was brought, unless somebody has changed the vault since: the rest of the manifest was refused.
pub(super) async fn take_back(context: &Context, brought: Brought) {
    let take = move |vault: &mut Vault, _: &mut model::Ids| {
        if *vault == brought.after {
            *vault = brought.before;
        }
        Ok::<(), ()>(())
    };
    if let Err(NotChanged::Unsaved(why)) = context.vault.change(context.clock.now(), take).await {
        tracing::error!("{why}");
    }
}

/// Lets go of what a cluster's manifest named.
pub(super) async fn let_go(context: &Context, cluster: ClusterName) -> Result<(), Failure> {
    let release = move |vault: &mut Vault, _: &mut model::Ids| {
        vault.release(&cluster);
        Ok::<(), ()>(())
    };
    match context.vault.change(context.clock.now(), release).await {
        Err(NotChanged::Unsaved(why)) => Err(Failure::environment(format!("the cluster goes down, but {why}"))),
        _ => Ok(()),
    }
}

/// What to say of services that run with values from before.
pub(super) fn notice(world: &World, cluster: &ClusterName, lines: &[String]) -> Option<String> {
    if !lines.iter().any(|line| line.ends_with("a new value")) {
        return None;
    }
    let uses = |service: &&model::Service| {
        let definition = world.definition(&service.revision);
        service.cluster == *cluster && definition.is_some_and(|definition| definition.containers.iter().any(|one| !one.secrets.is_empty()))
    };
    let names: Vec<&str> = world.services.values().filter(uses).map(|service| service.spec.name.as_str()).collect();
    let first = names.first()?;
    Some(format!(
        "tasks have the values that they started with, new ones come with a new deployment: `ecslocal deploy {first}` (secrets are used by {})",
        names.join(", ")
    ))
}

/// All that there are, without their values.
pub(super) fn list(context: &Context) -> Response<Body> {
    let secret = |secret: &vault::StoredSecret| SecretView {
        name: secret.name.clone(),
        arn: secret.arn.clone(),
        cluster: secret.owner.clone(),
        description: secret.description.clone(),
        versions: secret.versions.iter().rev().map(version).collect(),
        created_at: seconds(secret.created_at),
        last_changed_at: seconds(secret.changed_at),
        deleted_at: secret.deleted_at.map(seconds),
    };
    let parameter = |parameter: &vault::Parameter| ParameterView {
        name: parameter.name.clone(),
        arn: parameter.arn.clone(),
        cluster: parameter.owner.clone(),
        r#type: parameter.kind.as_str().into(),
        description: parameter.description.clone(),
        version: parameter.versions.last().map_or(0, |version| version.number),
        last_modified_at: seconds(parameter.versions.last().map(|version| version.at).unwrap_or_default()),
    };
    answer::json(&context.vault.read(context.clock.now(), |vault| SecretsReply {
        secrets: vault.secrets.values().map(secret).collect(),
        parameters: vault.parameters.values().map(parameter).collect(),
    }))
}

fn version(version: &vault::SecretVersion) -> SecretVersionView {
    SecretVersionView { version_id: version.id.clone(), stages: version.stages.iter().cloned().collect(), created_at: seconds(version.created_at) }
}

const fn wanted(desired: &Desired) -> Wanted<'_> {
    Wanted { cluster: &desired.cluster, secrets: &desired.secrets, parameters: &desired.parameters }
}

fn refused(why: String) -> Failure {
    Failure::input(why).hint("`ecslocal secrets` lists what there is, with the clusters that it belongs to")
}
