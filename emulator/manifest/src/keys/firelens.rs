//! The keys of `firelensConfiguration` (ecs.md 1.10).

use crate::shape::{Choice, Object, Shape, field};

pub(crate) static FIRELENS: Object = Object::new(
    "FirelensConfiguration",
    "FireLens configuration",
    &[
        field("type", Shape::Choice(&Choice { accepted: &["fluentd", "fluentbit"], refused: &[] }), "Which program routes logs.").required(),
        field("options", Shape::Object(&OPTIONS), "How its configuration is made."),
    ],
);

static OPTIONS: Object = Object::new(
    "FirelensOptions",
    "FireLens options",
    &[
        field(
            "enable-ecs-log-metadata",
            Shape::Boolean,
            "Whether each record says of which cluster, task, task definition and instance it is. Default true.",
        ),
        field("config-file-type", Shape::Choice(&Choice { accepted: &["file", "s3"], refused: &[] }), "Where the file is that is included."),
        field("config-file-value", Shape::Text, "Its path in the router's image, or the ARN of an object of S3."),
    ],
);
