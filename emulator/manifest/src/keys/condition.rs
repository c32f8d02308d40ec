//! The keys of a rule's condition (alb.md 2).

use crate::shape::{Choice, Object, Shape, TEXTS, field, list};

pub(crate) static CONDITION: Object = Object::new(
    "Condition",
    "condition",
    &[
        field("field", Shape::Choice(&FIELD), "What is compared.").required(),
        field("values", TEXTS, "Of `path-pattern` and `host-header`: patterns, one of which must match; `*` and `?` are wildcards."),
        field("regexValues", TEXTS, "Of `path-pattern` and `host-header`, instead of `values`: regular expressions, one of which must be found."),
        field("pathPatternConfig", Shape::Object(&PATTERNS), "Of `path-pattern`: the whole path, without the query; case-sensitive."),
        field("hostHeaderConfig", Shape::Object(&PATTERNS), "Of `host-header`: the host without its port."),
        field("httpHeaderConfig", Shape::Object(&HEADER), "Of `http-header`."),
        field("httpRequestMethodConfig", Shape::Object(&METHODS), "Of `http-request-method`."),
        field("queryStringConfig", Shape::Object(&QUERY), "Of `query-string`."),
        field("sourceIpConfig", Shape::Object(&SOURCES), "Of `source-ip`: the client's address, whatever X-Forwarded-For says."),
    ],
)
.either_case();

static FIELD: Choice =
    Choice { accepted: &["path-pattern", "host-header", "http-header", "http-request-method", "query-string", "source-ip"], refused: &[] };

static PATTERNS: Object = Object::new(
    "ConditionPatterns",
    "condition's configuration",
    &[
        field("values", TEXTS, "Patterns, one of which must match; `*` and `?` are wildcards."),
        field("regexValues", TEXTS, "Instead of `values`: regular expressions, one of which must be found."),
    ],
)
.either_case();

static HEADER: Object = Object::new(
    "HttpHeaderConfig",
    "condition's configuration",
    &[
        field("httpHeaderName", Shape::Text, "1 to 40 characters, in letters of any case, without wildcards; not `Host`.").required(),
        field("values", TEXTS, "Patterns, one of which must match one of its lines; `*` and `?` are wildcards."),
        field("regexValues", TEXTS, "Instead of `values`: regular expressions, one of which must be found."),
    ],
)
.either_case();

static METHODS: Object = Object::new(
    "HttpRequestMethodConfig",
    "condition's configuration",
    &[field("values", TEXTS, "Methods, one of which must be the request's: `A-Z`, `-` and `_`, at most 40, no wildcards.").required()],
)
.either_case();

static QUERY: Object = Object::new(
    "QueryStringConfig",
    "condition's configuration",
    &[field("values", Shape::List(&list(Shape::Object(&PARAMETER))), "Parameters, one of which must be in the query.").required()],
)
.either_case();

static PARAMETER: Object = Object::new(
    "QueryStringKeyValuePair",
    "query parameter",
    &[
        field("key", Shape::Text, "Its key, `*` and `?` are wildcards. Default: any."),
        field("value", Shape::Text, "Its value, `*` and `?` are wildcards; `\\*` and `\\?` mean the characters.").required(),
    ],
)
.either_case();

static SOURCES: Object = Object::new(
    "SourceIpConfig",
    "condition's configuration",
    &[field("values", TEXTS, "IPv4 and IPv6 ranges, such as `10.0.0.0/8`; one address is `/32`.").required()],
)
.either_case();
