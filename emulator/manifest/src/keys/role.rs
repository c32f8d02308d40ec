//! The keys of roles: those of CloudFormation's `AWS::IAM::Role`, and of CreateRole and PutRolePolicy.

use crate::shape::{Object, Shape, field, inert, list, named};

pub(crate) static ROLE: Object = Object::new(
    "Role",
    "role",
    &[
        field("roleName", Shape::Text, "1 to 64 letters, digits and `+=,.@_-`; what `taskRoleArn` names.").required(),
        field("policies", Shape::List(&named(Shape::Object(&POLICY), "policyName")), "What it may do. Without any it may do nothing."),
        field("tags", Shape::List(&list(Shape::Object(&TAG))), "What conditions know as `aws:PrincipalTag/<key>`."),
        inert("assumeRolePolicyDocument", "a task has the role that its task definition names"),
        inert("path", "a role is found by its name"),
        inert("description", "it is for people"),
        inert("maxSessionDuration", "credentials last six hours and are renewed before"),
    ],
)
.either_case()
.refusing(&[
    ("managedPolicyArns", "AWS's policies are not kept here: write the statements that matter under `policies`"),
    ("permissionsBoundary", "boundaries are not supported: write what is not allowed as a statement with `Effect: Deny`"),
])
.answers(&["arn", "roleId", "createDate"]);

static POLICY: Object = Object::new(
    "RolePolicy",
    "policy",
    &[
        field("policyName", Shape::Text, "Unique in the role.").required(),
        field("policyDocument", Shape::Anything, "Version and Statement, as IAM has them, or the same as a text of JSON.").required(),
    ],
)
.either_case();

static TAG: Object = Object::new(
    "RoleTag",
    "tag",
    &[field("key", Shape::Text, "1 to 128 characters.").required(), field("value", Shape::Text, "Up to 256 characters.")],
)
.either_case();
