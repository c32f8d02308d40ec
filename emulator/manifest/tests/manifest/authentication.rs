//! Actions that authenticate: what they say, and where they may stand.

use std::time::Duration;

use insta::assert_snapshot;
use model::{AdditionalClaim, Authenticate, AuthenticateOidc, ClaimFormat, Listener, OnUnauthenticated};

use crate::support::{bad, good, replaced};

const RULE: &str = "            actions: [{ type: forward, targetGroup: users }]\n";
const OIDC: &str = "{ type: authenticate-oidc, order: 1, authenticateOidcConfig: { issuer: \"https://idp.example.com\", authorizationEndpoint: \"https://idp.example.com/authorize\", tokenEndpoint: \"https://idp.example.com/token\", userInfoEndpoint: \"https://idp.example.com/userinfo\", clientId: shop, clientSecret: hunter2 } }";
const FORWARD: &str = "{ type: forward, order: 2, targetGroup: users }";

/// A manifest whose only listener speaks HTTPS, and whose only rule has these actions.
fn with(actions: &[&str]) -> String {
    let list: String = actions.iter().map(|action| format!("              - {action}\n")).collect();
    replaced(&[("      - port: 80\n", "      - port: 443\n        protocol: HTTPS\n"), (RULE, &format!("            actions:\n{list}"))])
}

fn listener(text: &str) -> Listener {
    good(text).desired.load_balancers.into_values().next().unwrap().listeners.into_values().next().unwrap()
}

fn authenticate(action: &str) -> Authenticate {
    listener(&with(&[action, FORWARD])).rules.remove(&1).unwrap().authenticate.unwrap()
}

fn oidc(action: &str) -> AuthenticateOidc {
    match authenticate(action) {
        Authenticate::Oidc(oidc) => oidc,
        Authenticate::Jwt(_) => panic!("a token"),
    }
}

/// With more keys in the configuration.
fn more(action: &str, keys: &str) -> String {
    action.replacen("Config: {", &format!("Config: {{ {keys},"), 1)
}

#[test]
fn a_login_has_the_defaults_of_aws() {
    let found = oidc(OIDC);
    assert_eq!((found.issuer.as_str(), found.client_id.as_str(), found.client_secret.expose()), ("https://idp.example.com", "shop", "hunter2"));
    assert_eq!(found.token_endpoint, "https://idp.example.com/token");
    assert_eq!((found.session_cookie_name.as_str(), found.scope.as_str()), ("AWSELBAuthSessionCookie", "openid"));
    assert_eq!((found.session_timeout, found.on_unauthenticated), (Duration::from_secs(604_800), OnUnauthenticated::Authenticate));
    assert!(found.extra_params.is_empty());
    let rule = listener(&with(&[OIDC, FORWARD])).rules.remove(&1).unwrap();
    assert_eq!(rule.words(), "authenticate, forward to users");
}

#[test]
fn a_login_says_all_that_the_model_knows() {
    let keys = "sessionCookieName: SHOP, scope: openid email, sessionTimeout: \"3600\", authenticationRequestExtraParams: { prompt: login, display: page }, onUnauthenticatedRequest: deny";
    let found = oidc(&more(OIDC, keys));
    assert_eq!((found.session_cookie_name.as_str(), found.scope.as_str()), ("SHOP", "openid email"));
    assert_eq!((found.session_timeout, found.on_unauthenticated), (Duration::from_secs(3600), OnUnauthenticated::Deny));
    assert_eq!(found.extra_params.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["display=page", "prompt=login"]);
}

#[test]
fn cognito_is_read_as_the_api_spells_it() {
    let action = "{ Type: authenticate-cognito, Order: 1, AuthenticateCognitoConfig: { UserPoolArn: \"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbC\", UserPoolClientId: abc, UserPoolDomain: shop, OnUnauthenticatedRequest: allow } }";
    let found = oidc(action);
    assert_eq!(found.issuer, "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC");
    assert_eq!(found.authorization_endpoint, "https://shop.auth.eu-west-1.amazoncognito.com/oauth2/authorize");
    assert_eq!((found.client_secret.expose(), found.on_unauthenticated), ("", OnUnauthenticated::Allow));
    assert_eq!(oidc(&more(action, "clientSecret: hunter2")).client_secret.expose(), "hunter2");
    let local = oidc(&action.replace("UserPoolDomain: shop", "UserPoolDomain: \"http://localhost:9229\""));
    assert_eq!(local.token_endpoint, "http://localhost:9229/oauth2/token");
}

#[test]
fn tokens_are_read() {
    let action = "{ type: jwt-validation, order: 1, jwtValidationConfig: { jwksEndpoint: \"https://idp.example.com/keys\", issuer: \"https://idp.example.com\" } }";
    let Authenticate::Jwt(found) = authenticate(action) else { panic!("a login") };
    assert_eq!((found.jwks_endpoint.as_str(), found.issuer.as_str()), ("https://idp.example.com/keys", "https://idp.example.com"));
    assert_eq!(found.additional_claims, []);
    let claims = "AdditionalClaims: [{ Name: scope, Format: space-separated-values, Values: [read, write] }, { name: aud, format: string-array, values: [shop] }]";
    let Authenticate::Jwt(found) = authenticate(&more(action, claims)) else { panic!("a login") };
    let claim =
        |name: &str, format, values: &[&str]| AdditionalClaim { name: name.into(), format, values: values.iter().map(ToString::to_string).collect() };
    let expected = [claim("scope", ClaimFormat::SpaceSeparatedValues, &["read", "write"]), claim("aud", ClaimFormat::StringArray, &["shop"])];
    assert_eq!(found.additional_claims, expected);
}

#[test]
fn the_order_of_actions_is_told_by_their_order() {
    let rule = listener(&with(&[FORWARD, OIDC])).rules.remove(&1).unwrap();
    assert_eq!(rule.words(), "authenticate, forward to users");
    let fixed = "{ type: fixed-response, fixedResponseConfig: { statusCode: \"404\" } }";
    let text = with(&[FORWARD]).replace(fixed, &format!("{OIDC}, {}", fixed.replace("{ type", "{ order: 9, type")));
    assert_eq!(listener(&text).default_words(), "authenticate, fixed response 404");
    assert!(listener(&text).authenticates());
}

#[test]
fn actions_stand_in_the_wrong_place() {
    assert_snapshot!(bad(&with(&[OIDC, FORWARD]).replace("protocol: HTTPS", "protocol: HTTP")), @r#"
    error: Actions of type 'authenticate-oidc' are supported only on HTTPS listeners
      --> cluster.yaml:12:25
       |
    12 | ...   - { type: authenticate-oidc, order: 1, authenticateOidcConfig: { issuer: "https://idp.example.com", authorizationEndpoint: "ht...
       |                 ^^^^^^^^^^^^^^^^^
       |
       = hint: add `protocol: HTTPS` to the listener; without `certificates` it gets a development certificate

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(bad(&with(&[OIDC])), @r#"
    error: `actions` must end with one action of forward, redirect and fixed-response
      --> cluster.yaml:12:15
       |
    12 | ...   - { type: authenticate-oidc, order: 1, authen...o", clientId: shop, clientSecret: hunter2 } }
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^...^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: add what happens to who is let in, for example `{type: forward, order: 2, targetGroup: <name>}`

    error: The target group with targetGroupArn users does not have an associated load balancer.
      --> cluster.yaml:26:36
       |
    26 |     loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]
       |                                    ^^^^^
       |
       = hint: forward to it from a listener's default action or from a rule

    2 problems in cluster.yaml
    "#);
    assert_snapshot!(bad(&with(&[&OIDC.replace("order: 1", "order: 3"), FORWARD])), @r#"
    error: the action of type 'authenticate-oidc' comes last, after the one that it should guard
      --> cluster.yaml:12:51
       |
    12 | ...   - { type: authenticate-oidc, order: 3, authenticateOidcConfig: { issuer: "https://idp.example.com", authorizationEndpoint: "ht...
       |                                           ^
       |
       = hint: give it the lower `order`

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(bad(&with(&[&OIDC.replace("order: 1", "order: 2"), FORWARD])), @r#"
    error: two actions have the order 2
      --> cluster.yaml:13:41
       |
    13 |               - { type: forward, order: 2, targetGroup: users }
       |                                         ^ again here
       |
       = hint: the first is at cluster.yaml:12:51

    1 problem in cluster.yaml
    "#);
    assert_snapshot!(bad(&with(&[&OIDC.replace(" order: 1,", ""), "{ type: forward, targetGroup: users }"])), @r#"
    error: an action that is not alone needs `order`
      --> cluster.yaml:12:17
       |
    12 | ... - { type: authenticate-oidc, authenticateOidcCo...o", clientId: shop, clientSecret: hunter2 } }
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^...^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: the lowest comes first: `order: 1` for who authenticates, `order: 2` for what happens then

    error: an action that is not alone needs `order`
      --> cluster.yaml:13:17
       |
    13 |               - { type: forward, targetGroup: users }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: the lowest comes first: `order: 1` for who authenticates, `order: 2` for what happens then

    2 problems in cluster.yaml
    "#);
    assert_snapshot!(bad(&with(&["{ type: jwt-validation, order: 1 }", &OIDC.replace("order: 1", "order: 2"), "{ type: forward, order: 3, targetGroup: users }"])), @r#"
    error: For actions of type 'jwt-validation', you must specify the following fields: 'JwtValidationConfig'
      --> cluster.yaml:12:17
       |
    12 |               - { type: jwt-validation, order: 1 }
       |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `actions` authenticates twice
      --> cluster.yaml:13:17
       |
    13 | ... - { type: authenticate-oidc, order: 2, authenti...o", clientId: shop, clientSecret: hunter2 } }
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^...^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: one of authenticate-oidc, authenticate-cognito and jwt-validation may come before the other action

    2 problems in cluster.yaml
    "#);
    let grpc = with(&[OIDC, FORWARD]).replace("  - name: users\n    port: 80\n", "  - name: users\n    port: 80\n    protocolVersion: GRPC\n");
    assert_snapshot!(bad(&grpc), @r#"
    error: Actions of type 'authenticate-oidc' are not supported with a target group with the protocol-version 'GRPC'
      --> cluster.yaml:13:57
       |
    13 |               - { type: forward, order: 2, targetGroup: users }
       |                                                         ^^^^^
       |
       = hint: only `forward` is: give `users` `protocolVersion: HTTP1`

    1 problem in cluster.yaml
    "#);
}

#[test]
fn logins_that_cannot_be() {
    let wrong = |keys: &str| bad(&with(&[&format!("{{ type: authenticate-oidc, order: 1, authenticateOidcConfig: {{ {keys} }} }}"), FORWARD]));
    assert_snapshot!(wrong("issuer: idp.example.com, authorizationEndpoint: \"https://idp/a b\", tokenEndpoint: \"ftp://idp/token\", useExistingClientSecret: true, clientId: \"\""), @r#"
    error: an authentication needs `userInfoEndpoint`
      --> cluster.yaml:12:78
       |
    12 | ...g: { issuer: idp.example.com, authorizationEndpoint: "https://idp/a b", tokenEndpoint: "ftp://idp/token", useExistingClientSecret: true, clientId: "" } }
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: where the user's claims are: a URL

    error: `issuer` must be a full URL, including the protocol, the domain, and the path, found `idp.example.com`
      --> cluster.yaml:12:88
       |
    12 | ...   - { type: authenticate-oidc, order: 1, authenticateOidcConfig: { issuer: idp.example.com, authorizationEndpoint: "https://idp/...
       |                                                                                ^^^^^^^^^^^^^^^
       |
       = hint: for example `https://idp.example.com/oauth2/token`, or `http://localhost:8080/…` for a provider of this machine

    error: `authorizationEndpoint` must be a full URL, including the protocol, the domain, and the path, found `"https://idp/a b"`
      --> cluster.yaml:12:128
       |
    12 | ...nfig: { issuer: idp.example.com, authorizationEndpoint: "https://idp/a b", tokenEndpoint: "ftp://idp/token", useExistingClientSec...
       |                                                            ^^^^^^^^^^^^^^^^^
       |
       = hint: for example `https://idp.example.com/oauth2/token`, or `http://localhost:8080/…` for a provider of this machine

    error: `tokenEndpoint` must be a full URL, including the protocol, the domain, and the path, found `"ftp://idp/token"`
      --> cluster.yaml:12:162
       |
    12 | ...uthorizationEndpoint: "https://idp/a b", tokenEndpoint: "ftp://idp/token", useExistingClientSecret: true, clientId: "" } }
       |                                                            ^^^^^^^^^^^^^^^^^
       |
       = hint: for example `https://idp.example.com/oauth2/token`, or `http://localhost:8080/…` for a provider of this machine

    error: The 'client id' field must be between 1 and 1024 characters in length
      --> cluster.yaml:12:222
       |
    12 | ...t: "ftp://idp/token", useExistingClientSecret: true, clientId: "" } }
       |                                                                   ^^

    5 problems in cluster.yaml
    "#);
    assert_snapshot!(
        bad(&with(&[
            &more(OIDC, "sessionCookieName: \"a b\", sessionTimeout: 604801, onUnauthenticatedRequest: refuse, authenticationRequestExtraParams: { state: x }, scopes: openid"),
            FORWARD
        ])),
        @r#"
    error: `a b` is not the name of a cookie
       |
    12 | ...   - { type: authenticate-oidc, order: 1, authenticateOidcConfig: { sessionCookieName: "a b", sessionTimeout: 604801, onUnauthent...
       |                                                                                           ^^^^^
      ::: cluster.yaml:12:99
       = hint: for example `AWSELBAuthSessionCookie`

    error: `sessionTimeout` must be a whole number from 1 to 604800, found `604801`
       |
    12 | ...idcConfig: { sessionCookieName: "a b", sessionTimeout: 604801, onUnauthenticatedRequest: refuse, authenticationRequestExtraParams...
       |                                                           ^^^^^^ out of range
      ::: cluster.yaml:12:122

    error: `onUnauthenticatedRequest` must be `authenticate`, `allow` or `deny`, found `refuse`
       |
    12 | ...me: "a b", sessionTimeout: 604801, onUnauthenticatedRequest: refuse, authenticationRequestExtraParams: { state: x }, scopes: open...
       |                                                                 ^^^^^^
      ::: cluster.yaml:12:156

    error: the parameter `state` is the load balancer's own
       |
    12 | ...enticatedRequest: refuse, authenticationRequestExtraParams: { state: x }, scopes: openid, issuer: "https://idp.example.com", auth...
       |                                                                  ^^^^^
      ::: cluster.yaml:12:200

    error: unknown key `scopes` in an authentication
       |
    12 | ...efuse, authenticationRequestExtraParams: { state: x }, scopes: openid, issuer: "https://idp.example.com", authorizationEndpoint: ...
       |                                                           ^^^^^^ unknown key
      ::: cluster.yaml:12:212
       = hint: did you mean `scope`?

    5 problems in cluster.yaml
    "#
    );
    let many = (0..11).map(|n| format!("p{n}: x")).collect::<Vec<_>>().join(", ");
    let rendered = bad(&with(&[&more(OIDC, &format!("authenticationRequestExtraParams: {{ {many} }}")), FORWARD]));
    assert!(rendered.starts_with("error: an authentication adds at most 10 parameters, this one 11\n"), "{rendered}");
    let cognito = "{ type: authenticate-cognito, order: 1, authenticateCognitoConfig: { userPoolArn: eu-west-1_AbC, userPoolClientId: abc, userPoolDomain: \"shop/x\" }, authenticateOidcConfig: { issuer: x } }";
    assert_snapshot!(bad(&with(&[cognito, FORWARD])), @r#"
    error: 'eu-west-1_AbC' is not the ARN of a user pool
      --> cluster.yaml:12:99
       |
    12 | ...   - { type: authenticate-cognito, order: 1, authenticateCognitoConfig: { userPoolArn: eu-west-1_AbC, userPoolClientId: abc, user...
       |                                                                                           ^^^^^^^^^^^^^
       |
       = hint: for example `arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbCdEf123`

    error: 'shop/x' is not the domain of a user pool
      --> cluster.yaml:12:153
       |
    12 | ...lArn: eu-west-1_AbC, userPoolClientId: abc, userPoolDomain: "shop/x" }, authenticateOidcConfig: { issuer: x } }
       |                                                                ^^^^^^^^
       |
       = hint: the prefix of Cognito's own domain, as `shop`, a domain of yours, as `login.example.com`, or a URL, as `http://localhost:9229`

    error: `authenticateOidcConfig` does not belong to an action of type 'authenticate-cognito'
      --> cluster.yaml:12:165
       |
    12 | ..., userPoolClientId: abc, userPoolDomain: "shop/x" }, authenticateOidcConfig: { issuer: x } }
       |                                                         ^^^^^^^^^^^^^^^^^^^^^^
       |
       = hint: it belongs to `type: authenticate-oidc`

    error: an authentication needs `authorizationEndpoint`
      --> cluster.yaml:12:189
       |
    12 | ... abc, userPoolDomain: "shop/x" }, authenticateOidcConfig: { issuer: x } }
       |                                                              ^^^^^^^^^^^^^
       |
       = hint: where browsers log in: a URL

    error: an authentication needs `tokenEndpoint`
      --> cluster.yaml:12:189
       |
    12 | ... abc, userPoolDomain: "shop/x" }, authenticateOidcConfig: { issuer: x } }
       |                                                              ^^^^^^^^^^^^^
       |
       = hint: where codes become tokens: a URL

    error: an authentication needs `userInfoEndpoint`
      --> cluster.yaml:12:189
       |
    12 | ... abc, userPoolDomain: "shop/x" }, authenticateOidcConfig: { issuer: x } }
       |                                                              ^^^^^^^^^^^^^
       |
       = hint: where the user's claims are: a URL

    error: an authentication needs `clientId`
      --> cluster.yaml:12:189
       |
    12 | ... abc, userPoolDomain: "shop/x" }, authenticateOidcConfig: { issuer: x } }
       |                                                              ^^^^^^^^^^^^^
       |
       = hint: the OAuth 2.0 client

    7 problems in cluster.yaml
    "#);
}

#[test]
fn tokens_that_cannot_be() {
    let action = "{ type: jwt-validation, order: 1, jwtValidationConfig: { jwksEndpoint: \"https://idp/keys\", issuer: x, additionalClaims: [{ name: exp, format: single-string, values: [x] }, { name: scope, format: space-separated-values, values: [\"a b\"] }, { name: aud, format: list, values: [] }, { name: aud }] } }";
    assert_snapshot!(bad(&with(&[action, FORWARD])), @r#"
    error: the claim `exp` cannot be asked for: exp, iss, nbf and iat are always checked
      --> cluster.yaml:12:146
       |
    12 | ...int: "https://idp/keys", issuer: x, additionalClaims: [{ name: exp, format: single-string, values: [x] }, { name: scope, format: ...
       |                                                                   ^^^
       |
       = hint: remove it from `additionalClaims`

    error: If the format is space-separated-values, the values can't include spaces.
      --> cluster.yaml:12:245
       |
    12 | ...x] }, { name: scope, format: space-separated-values, values: ["a b"] }, { name: aud, format: list, values: [] }, { name: aud }] } }
       |                                                                  ^^^^^
       |
       = hint: each word is a value of its own; one of them must be there

    error: `format` must be `single-string`, `string-array` or `space-separated-values`, found `list`
      --> cluster.yaml:12:276
       |
    12 | ...ace-separated-values, values: ["a b"] }, { name: aud, format: list, values: [] }, { name: aud }] } }
       |                                                                  ^^^^

    error: a claim has 1 to 10 values, this one 0
      --> cluster.yaml:12:290
       |
    12 | ...-values, values: ["a b"] }, { name: aud, format: list, values: [] }, { name: aud }] } }
       |                                                                   ^^

    error: a claim needs `format`
      --> cluster.yaml:12:296
       |
    12 | ...lues: ["a b"] }, { name: aud, format: list, values: [] }, { name: aud }] } }
       |                                                              ^^^^^^^^^^^^^
       |
       = hint: how a token holds it

    error: a claim needs `values`
      --> cluster.yaml:12:296
       |
    12 | ...lues: ["a b"] }, { name: aud, format: list, values: [] }, { name: aud }] } }
       |                                                              ^^^^^^^^^^^^^
       |
       = hint: 1 to 10, each of at most 256 characters

    6 problems in cluster.yaml
    "#);
    let long =
        format!("{{ type: jwt-validation, order: 1, jwtValidationConfig: {{ jwksEndpoint: \"https://idp/{}\", issuer: \"\" }} }}", "k".repeat(256));
    let rendered = bad(&with(&[&long, FORWARD]));
    assert!(rendered.contains("The 'jwks endpoint' field must be between 1 and 256 characters in length"), "{rendered}");
    assert!(rendered.contains("The 'issuer' field must be between 1 and 256 characters in length"), "{rendered}");
}

#[test]
fn what_differs_from_aws_is_noted() {
    let local = OIDC.replace("https://idp.example.com/", "http://localhost:8080/").replace(", clientSecret: hunter2", "");
    let notes = good(&with(&[&more(&local, "scope: email"), FORWARD])).notes;
    let shown: Vec<String> =
        notes.iter().map(|note| format!("{} x {}", note.message, note.count)).filter(|note| !note.contains("certificate")).collect();
    assert_eq!(
        shown,
        [
            "this login is of a public client; a load balancer on AWS asks for a `clientSecret` x 1",
            "a `scope` without `openid` brings no ID token: every login ends with 401 x 1",
            "a load balancer on AWS asks identity providers over HTTPS only; here HTTP will do x 3",
        ]
    );
}
