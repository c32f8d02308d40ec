use std::time::Duration;

use model::world::Settings;
use model::{ClusterName, OwnerId, PolicyDocument, Role, RoleName, RoleSpec, Speed, Timestamp, World};

use super::*;

/// The moment that the requests below were signed at, but for ten seconds.
const NOON: Timestamp = Timestamp::from_millis(1_777_636_800_000);
const SINCE: Timestamp = Timestamp::from_millis(1);
const BODY: &[u8] = br#"{"repositoryNames":["users"]}"#;

fn mint() -> Mint {
    Mint::new(&[7; 32])
}

fn users() -> RoleName {
    RoleName::new("users").unwrap()
}

fn credentials() -> Credentials {
    mint().credentials(&users(), SINCE, "0123", NOON)
}

/// Signed by botocore, with the credentials that this mint makes.
fn headers() -> Vec<(String, String)> {
    let authorization = "AWS4-HMAC-SHA256 Credential=ASIAOMK77NMG75QXNY2I/20260501/us-east-1/ecr/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=238198bad0792c2259644699d4493ef1f8675928d3a11c38e8df3c01a7fdd968";
    let pairs = [
        ("host", "169.254.170.2"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"),
        ("x-amz-date", "20260501T120010Z"),
        ("x-amz-security-token", &credentials().session_token),
        ("authorization", authorization),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn verify(headers: &[(String, String)], body: &[u8], now: Timestamp) -> Result<Verified, Refusal> {
    SignedRequest { method: "POST", path: "/", query: "", headers, body }.verify(&mint(), now)
}

fn with(name: &str, value: &str) -> Vec<(String, String)> {
    let mut headers = headers();
    headers.retain(|(known, _)| known != name);
    headers.push((name.to_owned(), value.to_owned()));
    headers
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn credentials_are_the_same_for_an_hour_and_known_again() {
    let first = credentials();
    assert_eq!(mint().credentials(&users(), SINCE, "0123", NOON + seconds(3599)), first);
    let next = mint().credentials(&users(), SINCE, "0123", NOON + seconds(3600));
    assert!(next.access_key_id != first.access_key_id && next.secret_access_key != first.secret_access_key);
    assert_eq!((first.access_key_id.len(), first.secret_access_key.len()), (20, 40));
    assert!(first.access_key_id.starts_with("ASIA") && mint().knows(&first.access_key_id));
    assert!(!mint().knows("ASIAIOSFODNN7EXAMPLE") && !mint().knows("test") && !mint().knows("ASIA0"));
    assert!(!Mint::new(&[8; 32]).knows(&first.access_key_id));
    assert!(!format!("{first:?}").contains(&first.secret_access_key));
}

#[test]
fn what_an_sdk_signs_is_believed() {
    let verified = verify(&headers(), BODY, NOON + seconds(10)).unwrap();
    assert_eq!((verified.session.role.as_str(), verified.session.name.as_str()), ("users", "0123"));
    assert_eq!((verified.region.as_str(), verified.service.as_str()), ("us-east-1", "ecr"));
    let authorization = "AWS4-HMAC-SHA256 Credential=ASIAOMK77NMG75QXNY2I/20260501/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date;x-amz-odd;x-amz-security-token, Signature=95d4717cd47966483080cc788441101227364bf2dc6eeb3a5af6cac3d7051bb1";
    let mut get = with("authorization", authorization);
    get.retain(|(name, _)| !matches!(name.as_str(), "content-type" | "x-amz-target"));
    get.push(("x-amz-odd".into(), "  two   words ".into()));
    let query = "Version=2011-06-15&Action=GetCallerIdentity&x=a%20b%2B";
    let request = SignedRequest { method: "GET", path: "/a%20b/c", query, headers: &get, body: b"" };
    assert_eq!(request.verify(&mint(), NOON).unwrap().service, "sts");
    assert_eq!((request.service(), request.access_key_id()), (Some("sts"), Some("ASIAOMK77NMG75QXNY2I")));
}

#[test]
fn what_is_not_signed_so_is_refused_by_name() {
    let now = NOON + seconds(10);
    let code = |headers: &[(String, String)], body: &[u8], now| verify(headers, body, now).map_err(|refusal| refusal.json_code()).unwrap_err();
    assert_eq!(code(&headers(), b"{}", now), "InvalidSignatureException");
    assert_eq!(code(&with("host", "evil.example"), BODY, now), "InvalidSignatureException");
    assert_eq!(code(&with("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository"), BODY, now), "InvalidSignatureException");
    assert_eq!(code(&with("x-amz-extra", "1"), BODY, now), "InvalidSignatureException");
    assert_eq!(code(&with("x-amz-security-token", "bm9uZQ=="), BODY, now), "UnrecognizedClientException");
    assert_eq!(code(&with("authorization", "Bearer x"), BODY, now), "IncompleteSignatureException");
    assert_eq!(
        code(&with("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0"), BODY, now),
        "IncompleteSignatureException"
    );
    assert_eq!(code(&with("x-amz-date", "yesterday"), BODY, now), "IncompleteSignatureException");
    assert_eq!(code(&with("x-amz-date", "20260502T120010Z"), BODY, now), "InvalidSignatureException");
    let unsigned: Vec<_> = headers().into_iter().filter(|(name, _)| name != "authorization").collect();
    assert_eq!(code(&unsigned, BODY, now), "MissingAuthenticationTokenException");
    let bare: Vec<_> = headers().into_iter().filter(|(name, _)| name != "x-amz-security-token").collect();
    assert_eq!(code(&bare, BODY, now), "UnrecognizedClientException");
    let late = verify(&headers(), BODY, now + seconds(301)).unwrap_err();
    assert_eq!(late.to_string(), "Signature expired: 20260501T120010Z is now earlier than 20260501T120011Z (20260501T120511Z - 5 min.)");
    let early = verify(&headers(), BODY, Timestamp::from_millis(NOON.as_millis() - 291_000)).unwrap_err();
    assert!(early.to_string().starts_with("Signature not yet current: 20260501T120010Z is still later than"), "{early}");
    assert_eq!((late.query_code(), Refusal::Unknown.query_code()), ("SignatureDoesNotMatch", "InvalidClientTokenId"));
}

#[test]
fn what_has_expired_is_told_to_whoever_had_it() {
    let old = mint().credentials(&users(), SINCE, "0123", Timestamp::from_millis(NOON.as_millis() - 7 * 3_600_000));
    // Signed with a secret of the wrong hour: that it has expired is nobody's business.
    let mut headers = with("x-amz-security-token", &old.session_token);
    assert_eq!(verify(&headers, BODY, NOON), Err(Refusal::Unknown));
    headers.retain(|(name, _)| name != "authorization");
    let request = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: BODY };
    let authorization = request.sign(&old, "us-east-1", "ecr");
    headers.push(("authorization".into(), authorization));
    assert_eq!(verify(&headers, BODY, NOON), Err(Refusal::Expired));
}

#[test]
fn a_signature_made_here_is_botocore_s() {
    let headers: Vec<_> = headers().into_iter().filter(|(name, _)| name != "authorization").collect();
    let request = SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: BODY };
    assert!(request.sign(&credentials(), "us-east-1", "ecr").ends_with("238198bad0792c2259644699d4493ef1f8675928d3a11c38e8df3c01a7fdd968"));
}

fn world(policy: serde_json::Value) -> World {
    let settings = Settings {
        owner: OwnerId::from_text("o"),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        instance: "i".into(),
        speed: Speed::default(),
    };
    let mut world = World::new(settings);
    let policies = [("p".to_owned(), PolicyDocument::parse(&policy).unwrap())].into();
    let spec = RoleSpec { policies, tags: [("team".to_owned(), "blue".to_owned())].into(), from_profile: None };
    world.roles.insert(users(), Role { owner: ClusterName::new("c").unwrap(), created_at: SINCE, spec });
    world
}

#[test]
fn a_role_may_do_what_its_policies_allow_and_no_more() {
    let arn = "arn:aws:ecr:us-east-1:000000000000:repository/users";
    let mut world = world(serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "ecr:Describe*", "Resource": arn, "Condition": { "StringEquals": { "aws:PrincipalTag/team": "blue" } } },
        { "Effect": "Deny", "Action": "ecr:Delete*", "Resource": "*" },
    ]}));
    let verified = verify(&headers(), BODY, NOON).unwrap();
    let principal = Principal::of(verified.clone(), &world).unwrap();
    let ask = |action: &str, resource: &str| principal.authorise(action, resource, principal.surroundings(NOON, None));
    assert_eq!(ask("ecr:DescribeRepositories", arn), Ok(()));
    assert_eq!(
        ask("ecr:ListImages", arn).unwrap_err().to_string(),
        "User: arn:aws:sts::000000000000:assumed-role/users/0123 is not authorized to perform: ecr:ListImages on resource: arn:aws:ecr:us-east-1:000000000000:repository/users because no identity-based policy allows the ecr:ListImages action"
    );
    assert!(ask("ecr:DeleteRepository", arn).unwrap_err().to_string().ends_with("with an explicit deny in an identity-based policy"));
    assert_eq!(Principal::Root.authorise("ecr:DeleteRepository", arn, Vec::new()), Ok(()));
    let id = principal.user_id("000000000000");
    assert!(id.starts_with("AROA") && id.ends_with(":0123") && id.len() == 26, "{id}");
    world.roles.get_mut(&users()).unwrap().created_at = NOON;
    assert_eq!(Principal::of(verified, &world), Err(Refusal::Unknown));
}

#[test]
fn a_uuid_is_one_and_nobody_else_s() {
    let uuid = mint().uuid("container", "a/b");
    assert_eq!((uuid.len(), &uuid[14..15], mint().uuid("container", "a/b") == uuid), (36, "4", true), "{uuid}");
    assert_ne!(mint().uuid("container", "a/c"), uuid);
    assert_ne!(mint().uuid("task", "a/b"), uuid);
}

proptest::proptest! {
    #[test]
    fn no_header_breaks_the_check(authorization in "[ -~]{0,80}", date in "[0-9TZ]{0,20}") {
        let mut headers = with("authorization", &format!("AWS4-HMAC-SHA256 {authorization}"));
        headers.retain(|(name, _)| name != "x-amz-date");
        headers.push(("x-amz-date".into(), date));
        assert!(verify(&headers, BODY, NOON).is_err());
    }
}
