//! What `up --watch` copies into containers; a key of ecslocal's own, after Compose's `develop.watch`.

use crate::shape::{Choice, Object, Shape, TEXTS, field, list};

pub(crate) const WATCH: Shape = Shape::List(&RULES);

static RULES: crate::shape::List = list(Shape::Object(&RULE));

static RULE: Object = Object::new(
    "Watch",
    "watch rule",
    &[
        field("path", Shape::Text, "A file or folder inside the build context, relative to this file.").required(),
        field("target", Shape::Text, "Where the image has it: an absolute path. Not with `rebuild`."),
        field(
            "action",
            Shape::Choice(&ACTION),
            "`sync`: copied into the containers, which run on. `sync+restart`: new tasks have it. `rebuild`: built, as what no rule says anything of.",
        )
        .required(),
        field("ignore", TEXTS, "Patterns as in a `.dockerignore`, relative to `path`: the rule says nothing of what they match."),
    ],
);

static ACTION: Choice = Choice {
    accepted: &["sync", "sync+restart", "rebuild"],
    refused: &[("restart", "`sync+restart` copies, too"), ("sync+exec", "it is not supported")],
};
