//! The keys of secrets and parameters: CreateSecret of Secrets Manager, PutParameter of SSM (ecs.md 1.9).

use crate::shape::{Choice, Object, Shape, field, inert};

pub(crate) static SECRET: Object = Object::new(
    "StoredSecret",
    "secret",
    &[
        field("name", Shape::Text, "1 to 512 letters, digits and `/_+=.@-`.").required(),
        field(
            "secretString",
            Shape::Text,
            "Its value, best as `${VAR}` with the value in `.env` or in the environment. Without one it is put through the API.",
        ),
        field("file", Shape::Text, "A file with the value, relative to this one; one line end at its end is not of it. A key of ecslocal's own."),
        field("description", Shape::Text, "For a person."),
        inert("kmsKeyId", "nothing is encrypted here"),
        inert("tags", "tags of a manifest's secrets are not kept"),
        inert("addReplicaRegions", "there is one region"),
        inert("forceOverwriteReplicaSecret", "there is one region"),
    ],
)
.either_case()
.refusing(&[("secretBinary", "write `secretString`, or put it through the API"), ("clientRequestToken", "each new value is a version of its own")])
.answers(&["arn", "versionId", "createdDate", "lastChangedDate"]);

pub(crate) static PARAMETER: Object = Object::new(
    "Parameter",
    "parameter",
    &[
        field("name", Shape::Text, "Letters, digits and `_.-`; in a hierarchy it begins with `/`.").required(),
        field("type", Shape::Choice(&TYPE), "Default String. With SecureString it is masked in logs."),
        field("value", Shape::Text, "Its value, best as `${VAR}` where it is not for everybody's eyes."),
        field("file", Shape::Text, "A file with the value, relative to this one; one line end at its end is not of it. A key of ecslocal's own."),
        field("description", Shape::Text, "For a person."),
        inert("keyId", "nothing is encrypted here"),
        inert("tags", "tags of a manifest's parameters are not kept"),
        inert("tier", "a value may have the size of the advanced tier"),
        inert("dataType", "only `text` has a meaning here"),
        inert("overwrite", "what the manifest says is put"),
    ],
)
.either_case()
.refusing(&[("allowedPattern", "values are not checked against a pattern"), ("policies", "parameters do not expire here")])
.answers(&["arn", "version", "lastModifiedDate"]);

static TYPE: Choice = Choice { accepted: &["String", "StringList", "SecureString"], refused: &[] };
