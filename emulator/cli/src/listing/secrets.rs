//! `secrets`.

use wire::local::{Seconds, SecretView, SecretsReply};

use super::age;
use crate::print::table::{Table, cell};

/// One row a secret, then one a parameter.
pub(crate) fn all(reply: &SecretsReply, now: Seconds) -> Table {
    let mut table = Table::new(&["NAME", "KIND", "CLUSTER", "VERSIONS", "CHANGED", "NOTE"]).giving_way(&["NOTE", "CHANGED", "CLUSTER"]);
    let cluster = |owner: &Option<model::ClusterName>| owner.as_ref().map_or_else(String::new, ToString::to_string);
    for secret in &reply.secrets {
        table.row(vec![
            cell(&secret.name),
            cell("secret"),
            cell(cluster(&secret.cluster)),
            cell(versions(secret)),
            cell(format!("{} ago", age(now - secret.last_changed_at))),
            cell(note(secret, now)),
        ]);
    }
    for parameter in &reply.parameters {
        table.row(vec![
            cell(&parameter.name),
            cell(&parameter.r#type),
            cell(cluster(&parameter.cluster)),
            cell(parameter.version.to_string()),
            cell(format!("{} ago", age(now - parameter.last_modified_at))),
            cell(parameter.description.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

/// `2: AWSCURRENT, AWSPREVIOUS`
fn versions(secret: &SecretView) -> String {
    let stages: Vec<&str> = secret.versions.iter().flat_map(|version| &version.stages).map(String::as_str).collect();
    if stages.is_empty() { secret.versions.len().to_string() } else { format!("{}: {}", secret.versions.len(), stages.join(", ")) }
}

fn note(secret: &SecretView, now: Seconds) -> String {
    match secret.deleted_at {
        Some(at) => format!("deleted, gone in {}", age(at - now)),
        None if secret.versions.is_empty() => "has no value yet".into(),
        None => secret.description.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use wire::local::{ParameterView, SecretVersionView};

    use super::*;
    use crate::print::color::Palette;

    #[test]
    fn secrets_and_parameters_are_listed_without_values() {
        let version = |stage: &str| SecretVersionView { version_id: "v".into(), stages: vec![stage.into()], created_at: 0.0 };
        let secret = |name: &str, versions, deleted_at| SecretView {
            name: name.into(),
            arn: "a".into(),
            cluster: None,
            description: Some("of the database".into()),
            versions,
            created_at: 0.0,
            last_changed_at: 40.0,
            deleted_at,
        };
        let parameter = ParameterView {
            name: "/app/url".into(),
            arn: "a".into(),
            cluster: Some(model::ClusterName::new("shop").unwrap()),
            r#type: "String".into(),
            description: None,
            version: 3,
            last_modified_at: 70.0,
        };
        let secrets = vec![
            secret("prod/db", vec![version("AWSCURRENT"), version("AWSPREVIOUS")], None),
            secret("old", vec![version("AWSCURRENT")], Some(700.0)),
            secret("later", Vec::new(), None),
        ];
        let reply = SecretsReply { secrets, parameters: vec![parameter] };
        insta::assert_snapshot!(all(&reply, 100.0).render(Palette::plain(), None), @r"
        NAME      KIND    CLUSTER  VERSIONS                    CHANGED  NOTE
        prod/db   secret  -        2: AWSCURRENT, AWSPREVIOUS  1m ago   of the database
        old       secret  -        1: AWSCURRENT               1m ago   deleted, gone in 10m
        later     secret  -        0                           1m ago   has no value yet
        /app/url  String  shop     3                           30s ago  -
        ");
    }
}
