//! Tags page by page, and referrers.

use registry::Digest;

use crate::lab::{Lab, OCI};

#[tokio::test]
async fn tags_are_listed_page_by_page() {
    let lab = Lab::new();
    assert_eq!(lab.get("/v2/users/tags/list").await.is(200).json(), serde_json::json!({ "name": "users", "tags": [] }));
    for tag in ["v2", "latest", "V1", "v10"] {
        lab.push("users", tag, "layer").await;
    }
    let list = |tags: &[&str]| serde_json::json!({ "name": "users", "tags": tags });
    let all = lab.get("/v2/users/tags/list").await.is(200);
    assert_eq!((all.json(), all.header("link")), (list(&["V1", "latest", "v10", "v2"]), ""));
    let first = lab.get("/v2/users/tags/list?n=3").await.is(200);
    assert_eq!(first.json(), list(&["V1", "latest", "v10"]));
    assert_eq!(first.header("link"), "</v2/users/tags/list?n=3&last=v10>; rel=\"next\"");
    let second = lab.get("/v2/users/tags/list?n=3&last=v10").await.is(200);
    assert_eq!((second.json(), second.header("link")), (list(&["v2"]), ""));
    assert_eq!(lab.get("/v2/users/tags/list?n=0").await.is(200).json(), list(&[]));
    assert_eq!(lab.get("/v2/users/tags/list?last=zzz").await.is(200).json(), list(&[]));
    assert_eq!(lab.get("/v2/users/tags/list?n=4").await.is(200).header("link"), "");
    lab.get("/v2/users/tags/list?n=many").await.is(400);
    lab.get("/v2/none/tags/list").await.refuses(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn what_refers_to_a_digest_is_listed() {
    let lab = Lab::new();
    let subject = lab.push("users", "v1", "layer").await;
    let path = format!("/v2/users/referrers/{subject}");
    let none = lab.get(&path).await.is(200);
    assert_eq!((none.json()["manifests"].as_array().unwrap().len(), none.header("content-type")), (0, "application/vnd.oci.image.index.v1+json"));
    let empty = lab.push_blob("users", b"{}").await;
    let artifact = |kind: &str| {
        let descriptor = |digest: &Digest, kind: &str| serde_json::json!({ "mediaType": kind, "digest": digest.as_str(), "size": 2 });
        let mut document = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": OCI,
            "config": descriptor(&empty, "application/vnd.example.config"),
            "layers": [descriptor(&empty, "application/vnd.oci.empty.v1+json")],
            "subject": descriptor(&subject, OCI),
            "annotations": { "of": kind },
        });
        if !kind.is_empty() {
            document["artifactType"] = kind.into();
        }
        document.to_string()
    };
    let (signature, plain) = (artifact("example/signature"), artifact(""));
    let answer = lab.put("users", Digest::of(signature.as_bytes()).as_str(), OCI, signature.as_bytes()).await.is(201);
    assert_eq!(answer.header("oci-subject"), subject.as_str());
    lab.put("users", "plain", OCI, plain.as_bytes()).await.is(201);
    let mut kinds: Vec<_> = lab.get(&path).await.is(200).json()["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (found["artifactType"].as_str().unwrap().to_owned(), found["annotations"]["of"].as_str().unwrap().to_owned()))
        .collect();
    kinds.sort();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(kinds, [pair("application/vnd.example.config", ""), pair("example/signature", "example/signature")]);
    let filtered = lab.get(&format!("{path}?artifactType=example/signature")).await.is(200);
    let found = &filtered.json()["manifests"];
    assert_eq!((found.as_array().unwrap().len(), filtered.header("oci-filters-applied")), (1, "artifactType"));
    assert_eq!(found[0]["size"], signature.len());
    assert_eq!(found[0]["digest"], Digest::of(signature.as_bytes()).as_str());
    lab.get("/v2/users/referrers/v1").await.refuses(400, "DIGEST_INVALID");
    // A subject need not be there, and what refers to it goes with it.
    let later = lab.get(&format!("/v2/users/referrers/{}", Digest::of(b"not yet"))).await.is(200);
    assert_eq!(later.json()["manifests"].as_array().unwrap().len(), 0);
    lab.ask("DELETE", &format!("/v2/users/manifests/{subject}"), &[], b"").await.is(202);
    assert_eq!(lab.get(&path).await.is(200).json()["manifests"].as_array().unwrap().len(), 0);
    lab.get("/v2/users/manifests/plain").await.refuses(404, "MANIFEST_UNKNOWN");
}
