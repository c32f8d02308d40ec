//! The keys of roles: those of CloudFormation's `AWS::IAM::Role`, and of CreateRole and PutRolePolicy.

use crate::shape::{Object, Shape, field, inert, integer, list, named};

pub(crate) static ROLE: Object = Object::new(
    "Role",
    "role",
    &[
        field("roleName", Shape::Text, "1 to 64 letters, digits and `+=,.@_-`; what `taskRoleArn` names.").required(),
        field("policies", Shape::List(&named(Shape::Object(&POLICY), "policyName")), "What it may do. Without any it may do nothing."),
        field("tags", Shape::List(&list(Shape::Object(&TAG))), "What conditions know as `aws:PrincipalTag/<key>`."),
        field(
            "fromProfile",
            Shape::Object(&FROM_PROFILE),
            "Its tasks get AWS's own credentials, of a role that the AWS CLI assumes with a profile of yours. Default never.",
        ),
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

static FROM_PROFILE: Object = Object::new(
    "RoleFromProfile",
    "role from a profile",
    &[
        field("profileName", Shape::Text, "A profile of `~/.aws/config` or `~/.aws/credentials`.").required(),
        field("roleArn", Shape::Text, "The role at AWS, `arn:aws:iam::<account>:role/<name>`, which the profile may assume.").required(),
        field("durationSeconds", integer(900, 43_200), "How long credentials are asked for. Default 3600."),
    ],
);

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
