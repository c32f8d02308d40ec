//! The keys of the actions that ask who is there (alb.md 3).

use crate::shape::{Choice, Object, Shape, TEXTS, field, inert, list, quoted_integer};

const ON_UNAUTHENTICATED: Choice = Choice { accepted: &["authenticate", "allow", "deny"], refused: &[] };

pub(super) static OIDC: Object = Object::new(
    "AuthenticateOidcConfig",
    "configuration of OIDC",
    &[
        field("issuer", Shape::Text, "What tokens must name as their issuer.").required(),
        field("authorizationEndpoint", Shape::Text, "Where browsers log in.").required(),
        field("tokenEndpoint", Shape::Text, "Where codes become tokens.").required(),
        field("userInfoEndpoint", Shape::Text, "Where the user's claims are.").required(),
        field("clientId", Shape::Text, "The OAuth 2.0 client.").required(),
        field("clientSecret", Shape::Text, "Its secret; `${CLIENT_SECRET}` keeps it out of the file."),
        field("sessionCookieName", Shape::Text, "Default AWSELBAuthSessionCookie."),
        field("scope", Shape::Text, "Default openid."),
        field("sessionTimeout", quoted_integer(1, 604_800), "How long a login holds, in seconds. Default 604800."),
        field("authenticationRequestExtraParams", Shape::Map, "At most 10 more parameters for the login."),
        field("onUnauthenticatedRequest", Shape::Choice(&ON_UNAUTHENTICATED), "Default authenticate."),
        inert("useExistingClientSecret", "the secret is what stands here"),
    ],
)
.either_case();

pub(super) static COGNITO: Object = Object::new(
    "AuthenticateCognitoConfig",
    "configuration of Cognito",
    &[
        field("userPoolArn", Shape::Text, "The user pool.").required(),
        field("userPoolClientId", Shape::Text, "The app client.").required(),
        field("userPoolDomain", Shape::Text, "Its domain or prefix, or the URL of a Cognito on this machine.").required(),
        field("clientSecret", Shape::Text, "Our own: the app client's secret, which AWS looks up itself."),
        field("sessionCookieName", Shape::Text, "Default AWSELBAuthSessionCookie."),
        field("scope", Shape::Text, "Default openid."),
        field("sessionTimeout", quoted_integer(1, 604_800), "How long a login holds, in seconds. Default 604800."),
        field("authenticationRequestExtraParams", Shape::Map, "At most 10 more parameters for the login."),
        field("onUnauthenticatedRequest", Shape::Choice(&ON_UNAUTHENTICATED), "Default authenticate."),
    ],
)
.either_case();

pub(super) static JWT: Object = Object::new(
    "JwtValidationConfig",
    "configuration of JWT validation",
    &[
        field("jwksEndpoint", Shape::Text, "Where the public keys are.").required(),
        field("issuer", Shape::Text, "What tokens must name as their issuer.").required(),
        field("additionalClaims", Shape::List(&list(Shape::Object(&CLAIM))), "At most 10 claims that tokens must have."),
    ],
)
.either_case();

static CLAIM: Object = Object::new(
    "JwtValidationActionAdditionalClaim",
    "claim",
    &[
        field("format", Shape::Choice(&FORMAT), "How the claim is written.").required(),
        field("name", Shape::Text, "Not exp, iss, nbf or iat.").required(),
        field("values", TEXTS, "1 to 10 of at most 256 characters.").required(),
    ],
)
.either_case();

static FORMAT: Choice = Choice { accepted: &["single-string", "string-array", "space-separated-values"], refused: &[] };
