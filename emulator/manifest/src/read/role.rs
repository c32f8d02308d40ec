//! A role with its policies.

use std::collections::BTreeMap;

use model::{FromProfile, PolicyDocument, PolicyProblem, RoleName, RoleSpec};
use serde_json::{Map, Value as Json};

use super::place;
use crate::node::{Node, Span, Value};
use crate::problem::Report;

pub(super) fn read(node: &Node, report: &mut Report) -> Option<(RoleName, RoleSpec)> {
    let name = super::name_under(node, "roleName", report);
    let mut policies = Some(BTreeMap::new());
    for item in node.list("policies") {
        match (policy(item, report), &mut policies) {
            (Some((name, policy)), Some(policies)) => {
                policies.insert(name, policy);
            }
            _ => policies = None,
        }
    }
    let mut tags = BTreeMap::new();
    for tag in node.list("tags") {
        let (key, value) = (tag.text_of("key")?, tag.text_of("value").unwrap_or_default());
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 || key.starts_with("aws:") {
            report.problem(place(tag, "key"), "a tag's key has 1 to 128 characters and does not begin with `aws:`, its value has up to 256");
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    let from_profile = match node.get("fromProfile") {
        Some(node) => Some(Box::new(from_profile(node, report)?)),
        None => None,
    };
    Some((name?, RoleSpec { policies: policies?, tags, from_profile }))
}

fn from_profile(node: &Node, report: &mut Report) -> Option<FromProfile> {
    let (profile, role) = (node.get("profileName")?, node.get("roleArn")?);
    let (profile_name, role_arn) = (profile.text()?, role.text()?);
    if profile_name.is_empty() || profile_name.starts_with('-') {
        report.problem(profile.span, format!("`{profile_name}` is not a profile's name")).hint("`aws configure list-profiles` lists them");
    }
    if !(role_arn.starts_with("arn:") && role_arn.contains(":role/")) || RoleName::of_arn(role_arn).is_err() {
        report.problem(role.span, format!("`{role_arn}` is not the ARN of a role, `arn:aws:iam::<account>:role/<name>`"));
    }
    let duration = node.integer_of("durationSeconds").unwrap_or(3600);
    Some(FromProfile { profile_name: profile_name.to_owned(), role_arn: role_arn.to_owned(), duration })
}

/// The role that a task definition names.
pub(super) fn named(node: &Node, key: &str, report: &mut Report) -> Option<RoleName> {
    let at = node.get(key)?;
    match RoleName::of_arn(at.text()?) {
        Ok(name) => Some(name),
        Err(error) => {
            report.problem(at.span, error.to_string()).hint("the name of one of `roles`, or `arn:aws:iam::<account>:role/<name>`");
            None
        }
    }
}

fn policy(node: &Node, report: &mut Report) -> Option<(String, PolicyDocument)> {
    let name = node.text_of("policyName")?.to_owned();
    let document = node.get("policyDocument")?;
    let (json, is_text) = match document.text().map(serde_json::from_str) {
        None => (json(document), false),
        Some(Ok(json)) => (json, true),
        Some(Err(error)) => {
            report
                .problem(document.span, format!("this policy is no JSON: {error}"))
                .hint("write it as YAML, without quotes, or as `policyDocument: |`");
            return None;
        }
    };
    match PolicyDocument::parse(&json) {
        Ok(policy) => Some((name, policy)),
        Err(problems) => {
            for problem in problems {
                // In a text there is no place to point at, so it is named.
                let (at, why) = if is_text { (document.span, problem.to_string()) } else { (span(document, &problem), problem.why.clone()) };
                report.problem(at, why).hint_if(problem.hint);
            }
            None
        }
    }
}

/// Where a problem is, or the nearest that is written around it.
fn span(document: &Node, problem: &PolicyProblem) -> Span {
    let mut at = document;
    let mut span = document.span;
    for step in &problem.at {
        let next = match &at.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == *step).map(|entry| (&entry.node, entry.key_span)),
            Value::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)).map(|item| (item, item.span)),
            _ => None,
        };
        let Some((node, place)) = next else { break };
        (at, span) = (node, if matches!(node.value, Value::Scalar { .. }) { node.span } else { place });
    }
    span
}

/// A policy has texts alone: what looks like a number or a boolean is compared as a text, too.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null { .. } | Value::Unknown => Json::Null,
        Value::Scalar { text, .. } => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => Json::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect::<Map<_, _>>()),
    }
}
