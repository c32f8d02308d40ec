//! The keys of repositories: CreateRepository of ECR, and the text of PutLifecyclePolicy (ecs.md 10).

use crate::shape::{Choice, Object, Shape, field, inert, list};

pub(crate) static REPOSITORY: Object = Object::new(
    "Repository",
    "repository",
    &[
        field("repositoryName", Shape::Text, "2 to 256 lower-case letters and digits, with `.`, `_`, `-` and `/` in between.").required(),
        field("imageTagMutability", Shape::Choice(&MUTABILITY), "Whether a tag may move to another image. Default MUTABLE."),
        field(
            "imageTagMutabilityExclusionFilters",
            Shape::List(&list(Shape::Object(&FILTER))),
            "The tags that are excluded from that; with IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION.",
        ),
        field("lifecyclePolicyText", Shape::Text, "The JSON text of a lifecycle policy: which images are let go of."),
        field("imageScanningConfiguration", Shape::Object(&SCANNING), "Kept and told; nothing is scanned here."),
        field("tags", Shape::List(&list(Shape::Object(&TAG))), "Kept and told."),
        inert("encryptionConfiguration", "images are files of yours"),
        inert("registryId", "there is one registry"),
    ],
)
.answers(&["repositoryArn", "repositoryUri", "createdAt"]);

static MUTABILITY: Choice = Choice { accepted: &["MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"], refused: &[] };

static FILTER: Object = Object::new(
    "ImageTagMutabilityExclusionFilter",
    "exclusion filter",
    &[
        field("filterType", Shape::Choice(&FILTER_TYPE), "Always WILDCARD.").required(),
        field("filter", Shape::Text, "A tag; `*` is any text, at most twice.").required(),
    ],
);

static FILTER_TYPE: Choice = Choice { accepted: &["WILDCARD"], refused: &[] };

static SCANNING: Object =
    Object::new("ImageScanningConfiguration", "scanning configuration", &[field("scanOnPush", Shape::Boolean, "Default false.")]);

static TAG: Object = Object::new(
    "RepositoryTag",
    "tag",
    &[field("key", Shape::Text, "1 to 128 characters.").required(), field("value", Shape::Text, "Up to 256 characters.")],
)
.either_case();
