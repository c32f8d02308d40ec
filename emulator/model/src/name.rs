//! Names that a user chooses, each with AWS's rule for it. A value of one of these types obeys its rule.

use serde::{Deserialize, Serialize};

/// Why a text is not the name that it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{given}` {why}")]
pub struct NameError {
    /// The noun, as AWS says it: `cluster name`, `target group name` …
    pub what: &'static str,
    /// The text that was given.
    pub given: String,
    /// What is wrong with it, as the end of a sentence.
    pub why: String,
}

/// What a name may be made of.
struct NameRule {
    what: &'static str,
    max: usize,
    underscore: bool,
    edge_hyphen: bool,
}

impl NameRule {
    fn check(&self, given: &str) -> Result<(), NameError> {
        let fail = |why: String| Err(NameError { what: self.what, given: given.to_owned(), why });
        if given.is_empty() {
            return fail("must not be empty".into());
        }
        if given.len() > self.max {
            return fail(format!("cannot be longer than '{}' characters", self.max));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || (self.underscore && c == '_');
        if let Some(bad) = given.chars().find(|c| !allowed(*c)) {
            let also = if self.underscore { ", hyphens and underscores" } else { " and hyphens" };
            return fail(format!("contains {bad:?}; only letters, digits{also} are allowed"));
        }
        if !self.edge_hyphen && (given.starts_with('-') || given.ends_with('-')) {
            return fail("cannot begin or end with '-'".into());
        }
        Ok(())
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $what:literal, $max:literal, underscore: $underscore:literal, edge_hyphen: $edge:literal, own: $own:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The name, if `text` obeys the rule for it.
            ///
            /// # Errors
            /// [`NameError`] saying which part of the rule is broken.
            pub fn new(text: &str) -> Result<Self, NameError> {
                NameRule { what: $what, max: $max, underscore: $underscore, edge_hyphen: $edge }.check(text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            /// For what was written down earlier: names that ECS gives itself are known, too.
            fn try_from(text: String) -> Result<Self, NameError> {
                let own: &[&str] = &$own;
                if own.contains(&text.as_str()) { Ok(Self(text.into())) } else { Self::new(&text) }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// A cluster: 1 to 255 letters, digits, hyphens and underscores.
    ClusterName: "cluster name", 255, underscore: true, edge_hyphen: true, own: [];
    /// A service, unique in its cluster: 1 to 255 letters, digits, hyphens and underscores.
    ServiceName: "service name", 255, underscore: true, edge_hyphen: true, own: [];
    /// A container instance, unique in its cluster: 1 to 64 letters, digits, hyphens and underscores.
    InstanceName: "container instance name", 64, underscore: true, edge_hyphen: true, own: [];
    /// A scheduled task, unique in its cluster: 1 to 64 letters, digits, hyphens and underscores.
    ScheduleName: "scheduled task name", 64, underscore: true, edge_hyphen: true, own: [];
    /// A task definition's family: 1 to 255 letters, digits, hyphens and underscores (ecs.md 1.1).
    Family: "task definition family", 255, underscore: true, edge_hyphen: true, own: [];
    /// A container, unique in its task definition: 1 to 255 letters, digits, hyphens and underscores (ecs.md 1.2).
    ContainerName: "container name", 255, underscore: true, edge_hyphen: true, own: [PAUSE, NAMESPACE_PAUSE];
    /// A load balancer: 1 to 32 letters, digits and hyphens, no hyphen at an edge (alb.md 11).
    LoadBalancerName: "load balancer name", 32, underscore: false, edge_hyphen: false, own: [];
    /// A target group: 1 to 32 letters, digits and hyphens, no hyphen at an edge (alb.md 11).
    TargetGroupName: "target group name", 32, underscore: false, edge_hyphen: false, own: [];
}

/// The container that holds a task's network in `awsvpc` mode (ecs.md 1.6). No user can give a container this name.
const PAUSE: &str = "~internal~ecs~pause";

/// The container that holds the namespaces of processes and of IPC that a task's containers share (ecs.md 1.6).
const NAMESPACE_PAUSE: &str = "~internal~ecs~pause~namespace";

impl ContainerName {
    /// The name of the pause container that holds a task's network.
    #[must_use]
    pub fn pause() -> Self {
        Self(PAUSE.into())
    }

    /// The name of the pause container that holds a task's other namespaces.
    #[must_use]
    pub fn namespace_pause() -> Self {
        Self(NAMESPACE_PAUSE.into())
    }

    /// Whether it is that of a pause container.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        self.holds_network() || self.as_str() == NAMESPACE_PAUSE
    }

    /// Whether it is that of the pause container which holds a task's network.
    #[must_use]
    pub fn holds_network(&self) -> bool {
        self.as_str() == PAUSE
    }
}

impl InstanceName {
    /// The name of the instance that stands for this machine where the manifest names none.
    #[must_use]
    pub fn local() -> Self {
        Self("local".into())
    }
}

impl ServiceName {
    /// The name that stands for a task which runs by itself where a service's is asked for: `task-` and its id.
    pub(crate) fn of_task(task: &crate::TaskId) -> Self {
        Self(format!("task-{task}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_obey_their_rules() {
        assert!(ServiceName::new("users_v2-a").is_ok());
        assert!(TargetGroupName::new("users_v2").is_err());
        for (text, why) in [
            ("-users", "target group name `-users` cannot begin or end with '-'"),
            ("", "target group name `` must not be empty"),
            ("a.b", "target group name `a.b` contains '.'; only letters, digits and hyphens are allowed"),
        ] {
            assert_eq!(TargetGroupName::new(text).unwrap_err().to_string(), why);
        }
        assert_eq!(ContainerName::try_from("~internal~ecs~pause".to_owned()), Ok(ContainerName::pause()), "written down earlier");
        assert!(ContainerName::new("~internal~ecs~pause").is_err() && "~internal~ecs~pause".parse::<ContainerName>().is_err(), "no user's");
        assert!(ContainerName::try_from("~internal~ecs~other".to_owned()).is_err());
        let long = "a".repeat(33);
        assert!(TargetGroupName::new(&long).unwrap_err().to_string().ends_with("cannot be longer than '32' characters"));
    }
}
