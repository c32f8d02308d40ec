//! The keys of container instances, which are ecslocal's own: AWS has no file for them (ecs.md 6).

use crate::shape::{Object, Shape, field, quoted_integer};

pub(crate) static CONTAINER_INSTANCE: Object = Object::new(
    "ContainerInstance",
    "container instance",
    &[
        field("name", Shape::Text, "Unique in the cluster: 1 to 64 letters, digits, hyphens and underscores.").required(),
        field(
            "cpu",
            quoted_integer(128, 1_048_576),
            "CPU units that it registers (1024 a core). Default an equal part of what others leave of the engine.",
        ),
        field("memory", quoted_integer(6, 16_777_216), "MiB that it registers. Default likewise."),
        field("attributes", Shape::Map, "What placement constraints and strategies ask for, by name: `ecs.availability-zone`, or names of your own."),
        field(
            "endpoint",
            Shape::Text,
            "The engine that runs its tasks: `unix:///path`, `tcp://host:port` (plain HTTP) or `ssh://user@host`. Default this machine's.",
        ),
    ],
);
