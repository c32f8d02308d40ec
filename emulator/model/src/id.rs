//! Ids that the house makes, in AWS's forms (ecs.md 11.2, alb.md 11). Randomness comes in as [`Ids`].

use serde::{Deserialize, Serialize};

/// The one source of randomness: the daemon seeds it from the operating system, a test from a number.
#[derive(Clone, Debug)]
pub struct Ids {
    state: u64,
}

impl Ids {
    /// A source that gives the same ids for the same seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits (SplitMix64: every seed is good, no zero state).
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A new task id: 32 hexadecimal digits.
    pub fn task(&mut self) -> TaskId {
        TaskId(format!("{:016x}{:016x}", self.next_u64(), self.next_u64()).into())
    }

    /// A new deployment id: `ecs-svc/` and 19 digits.
    pub fn deployment(&mut self) -> DeploymentId {
        let digits = 1_000_000_000_000_000_000 + self.next_u64() % 9_000_000_000_000_000_000;
        DeploymentId(format!("ecs-svc/{digits}").into())
    }

    /// A new 16-digit hexadecimal id, as in a target group's ARN.
    pub fn resource(&mut self) -> ResourceId {
        ResourceId(format!("{:016x}", self.next_u64()).into())
    }

    /// A new UUID (RFC 9562, version 4), as at the end of the names of a target tracking policy's alarms.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        let variant = 0x8000 | (low >> 48 & 0x3fff);
        format!("{:08x}-{:04x}-4{:03x}-{variant:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xfff, low & 0xffff_ffff_ffff)
    }

    /// A new fault's id: `fault-` and eight hexadecimal digits.
    pub fn fault(&mut self) -> FaultId {
        FaultId(format!("fault-{:08x}", self.next_u64() >> 32).into())
    }

    /// The 20 hexadecimal digits at the end of a container's name in the engine (ecs.md 1.7).
    pub fn container_suffix(&mut self) -> String {
        format!("{:016x}{:04x}", self.next_u64(), self.next_u64() & 0xffff)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Takes a text that is known to be such an id: read from a label, an engine's answer or a request.
            #[must_use]
            pub fn from_text(text: &str) -> Self {
                Self(text.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
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

ids! {
    /// A task's id: 32 hexadecimal digits.
    TaskId;
    /// A deployment's id: `ecs-svc/` and 19 digits.
    DeploymentId;
    /// The 16 hexadecimal digits that end an ELBv2 ARN.
    ResourceId;
    /// The engine's own id of a container.
    ContainerId;
    /// A fault's id: `fault-` and eight hexadecimal digits.
    FaultId;
    /// Whose containers these are: the id of one state folder, written on everything that its daemon makes.
    OwnerId;
}

impl TaskId {
    /// The first eight digits, enough for a person.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_forms_of_aws_and_repeat_for_a_seed() {
        let (mut a, mut b) = (Ids::seeded(7), Ids::seeded(7));
        let task = a.task();
        assert_eq!(task, b.task());
        assert_eq!(task.as_str().len(), 32);
        assert_eq!(a.deployment().as_str().len(), "ecs-svc/".len() + 19);
        assert_eq!(a.resource().as_str().len(), 16);
        assert_eq!(a.container_suffix().len(), 20);
        let uuid = a.uuid();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
        assert!(uuid.bytes().enumerate().all(|(at, byte)| if [8, 13, 18, 23].contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }));
    }
}
