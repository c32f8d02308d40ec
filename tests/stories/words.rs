//! Ids become words that are the same in every telling: `users/1` for the first task of users, `ecs-svc/1` for the first deployment.

use std::collections::BTreeMap;

use model::{Task, World};

/// Names given so far.
#[derive(Default)]
pub(crate) struct Words {
    tasks: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
    deployments: BTreeMap<String, String>,
}

impl Words {
    /// Gives names to what is new.
    pub(crate) fn learn(&mut self, world: &World) {
        let mut tasks: Vec<&Task> = world.tasks.values().filter(|task| !self.tasks.contains_key(task.id.as_str())).collect();
        tasks.sort_by_key(|task| (task.created_at, task.service.clone()));
        for task in tasks {
            let service = task.service.as_ref().map_or_else(|| "task".to_owned(), ToString::to_string);
            let count = self.counts.entry(service.clone()).or_default();
            *count += 1;
            self.tasks.insert(task.id.to_string(), format!("{service}/{count}"));
        }
        for deployment in world.services.values().flat_map(|service| &service.history) {
            let next = self.deployments.len() + 1;
            self.deployments.entry(deployment.id.to_string()).or_insert_with(|| format!("ecs-svc/{next}"));
        }
    }

    /// The word for a task.
    pub(crate) fn task(&self, id: &str) -> String {
        self.tasks.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// The task that a word means.
    pub(crate) fn task_id(&self, word: &str) -> Option<String> {
        self.tasks.iter().find(|(_, known)| *known == word).map(|(id, _)| id.clone())
    }

    /// A text with every id in it put into words.
    pub(crate) fn put(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, word) in self.tasks.iter().chain(&self.deployments) {
            // The short form stands after the service's name, as the word does.
            if let Some((service, _)) = word.split_once('/').filter(|_| !id.starts_with("ecs-svc")) {
                text = text.replace(&format!("{service}/{}", &id[..8]), word);
            }
            text = text.replace(id, word);
            // Other ARNs have the digits of a deployment alone.
            if let Some((digits, number)) = id.strip_prefix("ecs-svc/").zip(word.strip_prefix("ecs-svc/")) {
                text = text.replace(digits, number);
            }
        }
        shorten_alarms(&shorten_arns(&text))
    }
}

/// `TargetTracking-service/story/users-AlarmHigh-<uuid>` becomes `TargetTracking-service/story/users-AlarmHigh`.
fn shorten_alarms(text: &str) -> String {
    let shorten = |word: &str| {
        let uuid = ["-AlarmHigh-", "-AlarmLow-"].iter().find_map(|alarm| word.split_once(alarm)).map_or(0, |(_, uuid)| uuid.len() + 1);
        word[..word.len() - uuid].to_owned()
    };
    text.split(' ').map(shorten).collect::<Vec<_>>().join(" ")
}

/// `arn:…:targetgroup/users/0123456789abcdef` becomes `users`.
fn shorten_arns(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("arn:aws:elasticloadbalancing:") {
        out.push_str(&rest[..at]);
        let arn: &str = rest[at..].split(|c: char| c == ')' || c.is_whitespace()).next().unwrap_or("");
        out.push_str(arn.split('/').nth(1).unwrap_or(arn));
        rest = &rest[at + arn.len()..];
    }
    out + rest
}
