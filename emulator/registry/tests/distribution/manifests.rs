//! Manifests and tags.

use registry::Digest;

use crate::lab::{DOCKER, INDEX, Lab, NOW, OCI, manifest, repository};

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte() {
    let lab = Lab::new();
    let content = lab.image("users", "layer").await;
    let digest = Digest::of(&content);
    let answer = lab.put("users", "v1", OCI, &content).await.is(201);
    assert_eq!(answer.header("docker-content-digest"), digest.as_str());
    assert_eq!(answer.header("location"), format!("/v2/users/manifests/{digest}"));
    for reference in ["v1", digest.as_str()] {
        let answer = lab.get(&format!("/v2/users/manifests/{reference}")).await.is(200);
        assert_eq!((&answer.body, answer.header("content-type")), (&content, OCI));
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        let head = lab.ask("HEAD", &format!("/v2/users/manifests/{reference}"), &[], b"").await.is(200);
        assert_eq!((head.body.len(), head.header("content-length")), (0, content.len().to_string().as_str()));
        assert_eq!((head.header("content-type"), head.header("docker-content-digest")), (OCI, digest.as_str()));
    }
    lab.put("users", digest.as_str(), OCI, &content).await.is(201);
    lab.ask("HEAD", "/v2/users/manifests/v2", &[], b"").await.is(404);
    lab.get("/v2/users/manifests/v2").await.refuses(404, "MANIFEST_UNKNOWN");
    lab.get("/v2/team/threads/manifests/v1").await.refuses(404, "MANIFEST_UNKNOWN");
    let docker = String::from_utf8(content).unwrap().replace(OCI, DOCKER);
    lab.put("users", "docker", &format!("{DOCKER}; charset=utf-8"), docker.as_bytes()).await.is(201);
    assert_eq!(lab.get("/v2/users/manifests/docker").await.is(200).header("content-type"), DOCKER);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_is_refused() {
    let lab = Lab::new();
    let content = lab.image("users", "layer").await;
    let missing = manifest(&Digest::of(b"config of layer"), &[&Digest::of(b"missing")]);
    let said = lab.put("users", "v1", OCI, &missing).await.refuses(404, "MANIFEST_BLOB_UNKNOWN");
    assert!(said.contains(Digest::of(b"missing").as_str()), "{said}");
    lab.put("users", Digest::of(b"else").as_str(), OCI, &content).await.refuses(400, "DIGEST_INVALID");
    lab.put("users", "v1", "application/json", &content).await.refuses(400, "MANIFEST_INVALID");
    lab.put("users", "v1", DOCKER, &content).await.refuses(400, "MANIFEST_INVALID");
    lab.put("users", "v1", OCI, b"{").await.refuses(400, "MANIFEST_INVALID");
    lab.put("users", "-v1", OCI, &content).await.refuses(400, "MANIFEST_INVALID");
    lab.put("users", &"v".repeat(129), OCI, &content).await.refuses(400, "MANIFEST_INVALID");
    lab.put("users", "v1", OCI, &vec![b' '; (4 << 20) + 1]).await.refuses(413, "SIZE_INVALID");
    assert!(lab.registry.store.images(&repository("users")).is_empty());
}

#[tokio::test]
async fn a_tag_moves_unless_it_is_immutable() {
    let lab = Lab::new();
    let first = lab.push("users", "v1", "one").await;
    let second = lab.push("users", "v1", "two").await;
    assert_eq!(lab.get("/v2/users/manifests/v1").await.header("docker-content-digest"), second.as_str());
    lab.get(&format!("/v2/users/manifests/{first}")).await.is(200);
    lab.push("releases", "v1", "one").await;
    lab.push("releases", "v1", "one").await;
    let other = lab.image("releases", "two").await;
    let said = lab.put("releases", "v1", OCI, &other).await.refuses(400, "TAG_INVALID");
    assert_eq!(said, "The image tag 'v1' already exists in the 'releases' repository and cannot be overwritten because the tag is immutable.");
    lab.put("releases", "v2", OCI, &other).await.is(201);
}

#[tokio::test]
async fn a_list_needs_its_images_and_keeps_them() {
    let lab = Lab::new();
    let image = lab.push("users", "amd64", "layer").await;
    let list = |digest: &Digest| {
        let entry =
            serde_json::json!({ "mediaType": OCI, "digest": digest.as_str(), "size": 1, "platform": { "os": "linux", "architecture": "amd64" } });
        serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }).to_string()
    };
    lab.put("users", "v1", INDEX, list(&Digest::of(b"missing")).as_bytes()).await.refuses(404, "MANIFEST_BLOB_UNKNOWN");
    let text = list(&image);
    let index = Digest::of(text.as_bytes());
    lab.put("users", "v1", INDEX, text.as_bytes()).await.is(201);
    assert_eq!(lab.get("/v2/users/manifests/v1").await.is(200).header("content-type"), INDEX);
    lab.ask("DELETE", &format!("/v2/users/manifests/{image}"), &[], b"").await.refuses(405, "UNSUPPORTED");
    lab.ask("DELETE", &format!("/v2/users/manifests/{index}"), &[], b"").await.is(202);
    lab.ask("DELETE", &format!("/v2/users/manifests/{image}"), &[], b"").await.is(202);
    lab.get("/v2/users/manifests/amd64").await.refuses(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_tag_is_removed_alone_and_an_image_with_its_tags() {
    let lab = Lab::new();
    let image = lab.push("users", "v1", "layer").await;
    lab.push("users", "v2", "layer").await;
    lab.ask("DELETE", "/v2/users/manifests/v1", &[], b"").await.is(202);
    lab.get("/v2/users/manifests/v1").await.refuses(404, "MANIFEST_UNKNOWN");
    lab.get("/v2/users/manifests/v2").await.is(200);
    lab.ask("DELETE", &format!("/v2/users/manifests/{image}"), &[], b"").await.is(202);
    for reference in ["v2", image.as_str()] {
        lab.get(&format!("/v2/users/manifests/{reference}")).await.refuses(404, "MANIFEST_UNKNOWN");
        lab.ask("DELETE", &format!("/v2/users/manifests/{reference}"), &[], b"").await.refuses(404, "MANIFEST_UNKNOWN");
    }
}

#[tokio::test]
async fn a_push_carries_out_the_lifecycle_policy() {
    let mut lab = Lab::new();
    let rule = r#"{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}"#;
    let first = lab.push("users", "v1", "one").await;
    lab.set_policy("users", &format!(r#"{{"rules":[{rule}]}}"#));
    let content = lab.image("users", "two").await;
    let headers = [("authorization", &*crate::lab::basic("AWS", &lab.registry.tokens.password(NOW).0)), ("content-type", OCI)];
    let later = NOW + std::time::Duration::from_secs(60);
    lab.ask_plainly("PUT", "/v2/users/manifests/v2", &headers, &content, later).await.is(201);
    lab.get("/v2/users/manifests/v2").await.is(200);
    lab.get(&format!("/v2/users/manifests/{first}")).await.refuses(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_pull_is_recorded_once_a_day() {
    let lab = Lab::new();
    let digest = lab.push("users", "v1", "layer").await;
    let pulled = || lab.registry.store.images(&repository("users"))[0].pulled_at;
    lab.ask("HEAD", "/v2/users/manifests/v1", &[], b"").await.is(200);
    assert_eq!(pulled(), None);
    lab.get(&format!("/v2/users/manifests/{digest}")).await.is(200);
    assert_eq!(pulled(), Some(NOW));
}
