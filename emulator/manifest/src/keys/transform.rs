//! The keys of a rule's transforms (alb.md 3).

use crate::shape::{Choice, Object, Shape, field, list};

pub(crate) static TRANSFORM: Object = Object::new(
    "Transform",
    "transform",
    &[
        field("type", Shape::Choice(&TYPE), "What is rewritten; one of each.").required(),
        field("hostHeaderRewriteConfig", Shape::Object(&CONFIG), "Of `host-header-rewrite`: the host without its port."),
        field("urlRewriteConfig", Shape::Object(&CONFIG), "Of `url-rewrite`: the path and the query."),
    ],
)
.either_case();

static TYPE: Choice = Choice { accepted: &["host-header-rewrite", "url-rewrite"], refused: &[] };

static CONFIG: Object = Object::new(
    "RewriteConfigList",
    "transform's configuration",
    &[field("rewrites", Shape::List(&list(Shape::Object(&REWRITE)).not_empty()), "The one rewrite.").required()],
)
.either_case();

static REWRITE: Object = Object::new(
    "RewriteConfig",
    "rewrite",
    &[
        field("regex", Shape::Text, "A regular expression; where it is found first is replaced. At most 1024 characters.").required(),
        field("replace", Shape::Text, "What takes its place; `$1`, `$2` … are what its groups found (in a manifest `$$1`).").required(),
    ],
)
.either_case();
