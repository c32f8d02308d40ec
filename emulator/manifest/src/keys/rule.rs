//! The keys of a rule and of actions (alb.md 2 and 3).

use crate::keys::authenticate::{COGNITO, JWT, OIDC};
use crate::keys::condition::CONDITION;
use crate::keys::transform::TRANSFORM;
use crate::shape::{Choice, Object, Shape, field, inert, integer, list, named, quoted_integer};

pub(super) static RULE: Object = Object::new(
    "Rule",
    "rule",
    &[
        field("priority", quoted_integer(1, 50_000), "Unique in its listener; the lowest is tried first.").required(),
        field("conditions", Shape::List(&list(Shape::Object(&CONDITION)).not_empty()), "All must match.").required(),
        field("transforms", Shape::List(&list(Shape::Object(&TRANSFORM))), "What a target is sent instead of what the client asked for."),
        field("actions", Shape::List(&list(Shape::Object(&ACTION)).not_empty()), ACTIONS).required(),
        inert("tags", "tags are not kept"),
    ],
)
.either_case()
.answers(&["ruleArn", "isDefault"]);

const ACTIONS: &str = "For requests that match: one of forward, redirect and fixed-response, after one that authenticates if need be.";

pub(super) static ACTION: Object = Object::new(
    "Action",
    "action",
    &[
        field("type", Shape::Choice(&ACTION_TYPE), "What happens.").required(),
        field("targetGroup", Shape::Text, "Of `forward`: a target group's name, or an ARN with it.").or(&["targetGroupArn"]),
        field("forwardConfig", Shape::Object(&FORWARD), "Of `forward`: several target groups with weights."),
        field("redirectConfig", Shape::Object(&REDIRECT), "Of `redirect`."),
        field("fixedResponseConfig", Shape::Object(&FIXED_RESPONSE), "Of `fixed-response`."),
        field("authenticateOidcConfig", Shape::Object(&OIDC), "Of `authenticate-oidc`."),
        field("authenticateCognitoConfig", Shape::Object(&COGNITO), "Of `authenticate-cognito`."),
        field("jwtValidationConfig", Shape::Object(&JWT), "Of `jwt-validation`."),
        field("order", integer(1, 50_000), "Of two actions the lower one comes first; of no consequence for a single one."),
    ],
)
.either_case();

static ACTION_TYPE: Choice =
    Choice { accepted: &["forward", "redirect", "fixed-response", "authenticate-oidc", "authenticate-cognito", "jwt-validation"], refused: &[] };

static FORWARD: Object = Object::new(
    "ForwardConfig",
    "forward configuration",
    &[
        field("targetGroups", Shape::List(&named(Shape::Object(&WEIGHTED), "targetGroup").not_empty()), "One to five.").required(),
        field("targetGroupStickinessConfig", Shape::Object(&GROUP_STICKINESS), "Whether clients come back to the target group that they had."),
    ],
)
.either_case();

static GROUP_STICKINESS: Object = Object::new(
    "TargetGroupStickinessConfig",
    "stickiness configuration",
    &[
        field("enabled", Shape::Boolean, "Default false."),
        field("durationSeconds", integer(1, 604_800), "How long a client may be away; needed where it is enabled."),
    ],
)
.either_case();

static WEIGHTED: Object = Object::new(
    "WeightedTargetGroup",
    "weighted target group",
    &[
        field("targetGroup", Shape::Text, "A target group's name, or an ARN with it.").required().or(&["targetGroupArn"]),
        field("weight", integer(0, 999), "Its share is its weight over the sum. Default 1."),
    ],
)
.either_case();

static REDIRECT: Object = Object::new(
    "RedirectConfig",
    "redirect configuration",
    &[
        field("protocol", Shape::Text, "`HTTP`, `HTTPS` or `#{protocol}`, the default."),
        field("host", Shape::Text, "1 to 128 characters. Default `#{host}`."),
        field("port", Shape::Text, "1 to 65535, or `#{port}`, the default."),
        field("path", Shape::Text, "1 to 128 characters, begins with `/`. Default `/#{path}`."),
        field("query", Shape::Text, "0 to 128 characters, without `?`. Default `#{query}`."),
        field("statusCode", Shape::Choice(&Choice { accepted: &["HTTP_301", "HTTP_302"], refused: &[] }), "HTTP_301 or HTTP_302.").required(),
    ],
)
.either_case();

static FIXED_RESPONSE: Object = Object::new(
    "FixedResponseConfig",
    "fixed response configuration",
    &[
        field("statusCode", Shape::Text, "2XX, 4XX or 5XX.").required(),
        field("contentType", Shape::Text, "text/plain, text/css, text/html, application/javascript or application/json."),
        field("messageBody", Shape::Text, "At most 1024 characters."),
    ],
)
.either_case();
