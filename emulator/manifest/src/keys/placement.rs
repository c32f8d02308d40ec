//! The keys of placement: constraints and strategies (ecs.md 3.3).

use crate::shape::{Choice, Object, Shape, field};

pub(crate) static CONSTRAINT: Object = Object::new(
    "PlacementConstraint",
    "placement constraint",
    &[
        field("type", Shape::Choice(&CONSTRAINT_TYPE), "No two tasks on one instance, or only on instances for which the expression holds.")
            .required(),
        field("expression", Shape::Text, "In the cluster query language: `attribute:ecs.availability-zone in [us-east-1a, us-east-1b]`."),
    ],
);

static CONSTRAINT_TYPE: Choice = Choice { accepted: &["distinctInstance", "memberOf"], refused: &[] };

pub(crate) static STRATEGY: Object = Object::new(
    "PlacementStrategy",
    "placement strategy",
    &[
        field("type", Shape::Choice(&STRATEGY_TYPE), "Spread tasks over a field, fill up one instance after the other, or any.").required(),
        field("field", Shape::Text, "Of spread `instanceId`, `host` or `attribute:NAME`; of binpack `cpu` or `memory`."),
    ],
);

static STRATEGY_TYPE: Choice = Choice { accepted: &["random", "spread", "binpack"], refused: &[] };

pub(crate) static REQUIRED_ATTRIBUTE: Object = Object::new(
    "RequiredAttribute",
    "required attribute",
    &[
        field("name", Shape::Text, "The attribute that a container instance must have. Capabilities of the agent are taken for there.").required(),
        field("value", Shape::Text, "The value that it must have. Default any."),
        field("targetType", Shape::Text, "Of an answer of AWS's."),
        field("targetId", Shape::Text, "Of an answer of AWS's."),
    ],
);
