//! Who may ask, and what is there to be asked.

use std::time::Duration;

use base64::Engine as _;

use crate::lab::{Lab, NOW, basic};

#[tokio::test]
async fn every_request_needs_a_password_of_ours() {
    let lab = Lab::new();
    lab.push("users", "v1", "layer").await;
    let host = ("host", "127.0.0.1:4566");
    let (password, end) = lab.registry.tokens.password(NOW);
    let good = basic("AWS", &password);
    for path in ["/v2/", "/v2/users/manifests/v1", "/v2/users/tags/list", "/v2/none/manifests/v1", "/v2/nonsense"] {
        for headers in [&[host][..], &[host, ("authorization", "Basic QVdTOng=")], &[host, ("authorization", "Bearer x")]] {
            let answer = lab.ask_plainly("GET", path, headers, b"", NOW).await.is(401);
            assert_eq!(answer.header("www-authenticate"), "Basic realm=\"http://127.0.0.1:4566/\",service=\"ecr.amazonaws.com\"");
            assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
            assert_eq!(answer.body, b"Not Authorized\n");
        }
    }
    lab.ask_plainly("GET", "/v2/", &[host, ("authorization", &good)], b"", NOW).await.is(200);
    lab.ask_plainly("GET", "/v2/", &[host, ("authorization", &good)], b"", end).await.is(401);
    lab.ask_plainly("GET", "/v2/", &[("host", "a\"b"), ("authorization", "x y")], b"", NOW).await.is(401);
}

#[tokio::test]
async fn a_link_opens_one_blob_for_an_hour() {
    let lab = Lab::new();
    let digest = lab.push_blob("users", b"layer").await;
    let other = lab.push_blob("users", b"other").await;
    let link = lab.registry.link(&crate::lab::repository("users"), &digest, NOW);
    assert_eq!(lab.ask_plainly("GET", &link, &[], b"", NOW).await.is(200).body, b"layer");
    lab.ask_plainly("GET", &link, &[], b"", NOW + Duration::from_secs(3600)).await.is(401);
    lab.ask_plainly("GET", &link.replace(digest.as_str(), other.as_str()), &[], b"", NOW).await.is(401);
    lab.ask_plainly("GET", "/v2/?token=1.x", &[], b"", NOW).await.is(401);
    assert!(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(link.rsplit_once('.').unwrap().1).is_ok());
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let lab = Lab::new();
    assert_eq!(lab.get("/v2/").await.is(200).json(), serde_json::json!({}));
    let said = lab.get("/v2/none/manifests/v1").await.refuses(404, "NAME_UNKNOWN");
    assert_eq!(said, "The repository with name 'none' does not exist in the registry with id '123456789012'");
    lab.get("/v2/Bad..Name/manifests/v1").await.refuses(400, "NAME_INVALID");
    lab.get("/v2/_catalog").await.is(404);
    lab.ask("POST", "/v2/", &[], b"").await.refuses(405, "UNSUPPORTED");
    lab.ask("PATCH", "/v2/users/manifests/v1", &[], b"").await.refuses(405, "UNSUPPORTED");
    lab.ask("POST", "/v2/users/tags/list", &[], b"").await.refuses(405, "UNSUPPORTED");
}
