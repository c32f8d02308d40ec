//! The keys of actions that authenticate (alb.md 3).

use crate::shape::{Choice, Field, Object, Shape, TEXTS, field, inert, list, quoted_integer};

const COOKIE: Field = field("sessionCookieName", Shape::Text, "What the session's cookies are called. Default AWSELBAuthSessionCookie.");
const SCOPE: Field = field("scope", Shape::Text, "What is asked of the identity provider, separated by spaces. Default openid.");
const TIMEOUT: Field = field("sessionTimeout", quoted_integer(1, 604_800), "How long a login holds, in seconds. Default 604800, 7 days.");
const PARAMS: Field = field("authenticationRequestExtraParams", Shape::Map, "At most 10 more parameters for the authorization endpoint.");
const UNAUTHENTICATED: Field =
    field("onUnauthenticatedRequest", Shape::Choice(&ON_UNAUTHENTICATED), "What happens to who is not logged in. Default authenticate.");

pub(super) static OIDC: Object = Object::new(
    "AuthenticateOidcConfig",
    "authentication",
    &[
        field("issuer", Shape::Text, "The identity provider, as its tokens name it: a URL.").required(),
        field("authorizationEndpoint", Shape::Text, "Where browsers log in: a URL.").required(),
        field("tokenEndpoint", Shape::Text, "Where codes become tokens: a URL.").required(),
        field("userInfoEndpoint", Shape::Text, "Where the user's claims are: a URL.").required(),
        field("clientId", Shape::Text, "The OAuth 2.0 client.").required(),
        field("clientSecret", Shape::Text, "Its secret; `${CLIENT_SECRET}` keeps it out of the file. Default none, for a public client."),
        COOKIE,
        SCOPE,
        TIMEOUT,
        PARAMS,
        UNAUTHENTICATED,
        inert("useExistingClientSecret", "the secret is what stands here"),
    ],
)
.either_case();

pub(super) static COGNITO: Object = Object::new(
    "AuthenticateCognitoConfig",
    "authentication",
    &[
        field("userPoolArn", Shape::Text, "`arn:aws:cognito-idp:<region>:<account>:userpool/<id>`").required(),
        field("userPoolClientId", Shape::Text, "The user pool's client.").required(),
        field("userPoolDomain", Shape::Text, "The prefix of its domain, a domain of your own, or a URL such as `http://localhost:9229`.").required(),
        field("clientSecret", Shape::Text, "Our own: the client's secret, which AWS looks up. Default none."),
        COOKIE,
        SCOPE,
        TIMEOUT,
        PARAMS,
        UNAUTHENTICATED,
    ],
)
.either_case();

static ON_UNAUTHENTICATED: Choice = Choice { accepted: &["authenticate", "allow", "deny"], refused: &[] };

pub(super) static JWT: Object = Object::new(
    "JwtValidationConfig",
    "validation of tokens",
    &[
        field("jwksEndpoint", Shape::Text, "Where the provider's keys are: a URL of at most 256 characters.").required(),
        field("issuer", Shape::Text, "What `iss` must be; at most 256 characters.").required(),
        field("additionalClaims", Shape::List(&list(Shape::Object(&CLAIM))), "At most 10; all must hold. `exp`, `nbf` and `iat` always must."),
    ],
)
.either_case();

static CLAIM: Object = Object::new(
    "JwtValidationActionAdditionalClaim",
    "claim",
    &[
        field("name", Shape::Text, "Not exp, iss, nbf or iat, which are always checked.").required(),
        field("format", Shape::Choice(&FORMAT), "How a token holds it.").required(),
        field("values", TEXTS, "1 to 10, each of at most 256 characters.").required(),
    ],
)
.either_case();

static FORMAT: Choice = Choice { accepted: &["single-string", "string-array", "space-separated-values"], refused: &[] };
