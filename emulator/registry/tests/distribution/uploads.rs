//! Uploads: in one piece, in chunks, as a stream, from another repository.

use registry::Digest;

use crate::lab::Lab;

#[tokio::test]
async fn a_blob_comes_in_one_request_or_two() {
    let lab = Lab::new();
    let content = b"a layer";
    let digest = Digest::of(content);
    let place = format!("/v2/users/blobs/{digest}");
    let answer = lab.ask("POST", &format!("/v2/users/blobs/uploads/?digest={}", digest.as_str().replace(':', "%3A")), &[], content).await.is(201);
    assert_eq!((answer.header("location"), answer.header("docker-content-digest")), (place.as_str(), digest.as_str()));
    assert_eq!(lab.get(&place).await.is(200).body, content);
    let other = Digest::of(b"another");
    let upload = lab.begin("users").await;
    let answer = lab.ask("PUT", &format!("{upload}?digest={other}"), &[], b"another").await.is(201);
    assert_eq!(answer.header("location"), format!("/v2/users/blobs/{other}"));
    lab.ask("GET", &upload, &[], b"").await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_stream_without_ranges_is_what_docker_sends() {
    let lab = Lab::new();
    let upload = lab.begin("users").await;
    let answer = lab.ask("PATCH", &upload, &[], b"hello ").await.is(202);
    assert_eq!((answer.header("range"), answer.header("location")), ("0-5", upload.as_str()));
    assert!(upload.ends_with(answer.header("docker-upload-uuid")));
    lab.ask("PATCH", &upload, &[], b"world").await.is(202);
    let digest = Digest::of(b"hello world");
    lab.ask("PUT", &format!("{upload}?digest={digest}"), &[], b"").await.is(201);
    assert_eq!(lab.get(&format!("/v2/users/blobs/{digest}")).await.is(200).body, b"hello world");
}

#[tokio::test]
async fn chunks_follow_each_other_or_are_refused() {
    let lab = Lab::new();
    let upload = lab.begin("users").await;
    let answer = lab.get(&upload).await.is(204);
    assert_eq!((answer.header("range"), answer.header("location")), ("0-0", upload.as_str()));
    let chunk = |range: &'static str| [("content-range", range), ("content-type", "application/octet-stream")];
    lab.ask("PATCH", &upload, &chunk("1-3"), b"bad").await.refuses(416, "RANGE_INVALID");
    assert_eq!(lab.ask("PATCH", &upload, &chunk("0-4"), b"hello").await.is(202).header("range"), "0-4");
    let again = lab.ask("PATCH", &upload, &chunk("0-4"), b"hello").await;
    assert!(again.refuses(416, "RANGE_INVALID").contains("5 have come"));
    assert_eq!((again.header("range"), again.header("location")), ("0-4", upload.as_str()));
    for bad in ["5-", "x", "9-5"] {
        lab.ask("PATCH", &upload, &[("content-range", bad)], b"x").await.refuses(416, "RANGE_INVALID");
    }
    lab.ask("PATCH", &upload, &[("content-range", "5-9"), ("content-length", "3")], b"abc").await.refuses(400, "BLOB_UPLOAD_INVALID");
    lab.ask("PATCH", &upload, &chunk("5-6"), b"too long").await.refuses(400, "BLOB_UPLOAD_INVALID");
    assert_eq!(lab.get(&upload).await.is(204).header("range"), "0-4", "what was refused did not come");
    let digest = Digest::of(b"hello there");
    lab.ask("PUT", &format!("{upload}?digest={digest}"), &chunk("4-9"), b" there").await.refuses(416, "RANGE_INVALID");
    lab.ask("PUT", &format!("{upload}?digest={digest}"), &chunk("5-10"), b" there").await.is(201);
    assert_eq!(lab.get(&format!("/v2/users/blobs/{digest}")).await.is(200).body, b"hello there");
}

#[tokio::test]
async fn a_digest_has_to_be_right() {
    let lab = Lab::new();
    let (right, wrong) = (Digest::of(b"content"), Digest::of(b"else"));
    let upload = lab.begin("users").await;
    lab.ask("PUT", &upload, &[], b"content").await.refuses(400, "DIGEST_INVALID");
    lab.ask("PUT", &format!("{upload}?digest=sha512:00"), &[], b"content").await.refuses(400, "DIGEST_INVALID");
    let said = lab.ask("PUT", &format!("{upload}?digest={wrong}"), &[], b"content").await.refuses(400, "DIGEST_INVALID");
    assert!(said.contains(right.as_str()) && said.contains(wrong.as_str()), "{said}");
    lab.ask("PUT", &format!("{upload}?digest={right}"), &[], b"content").await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    lab.ask("POST", &format!("/v2/users/blobs/uploads/?digest={wrong}"), &[], b"content").await.refuses(400, "DIGEST_INVALID");
    lab.get(&format!("/v2/users/blobs/{right}")).await.refuses(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository_and_may_be_ended() {
    let lab = Lab::new();
    let upload = lab.begin("users").await;
    lab.get(&upload.replace("users", "team/threads")).await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    lab.ask("PATCH", &upload, &[], b"some").await.is(202);
    lab.ask("DELETE", &upload, &[], b"").await.is(204);
    lab.get(&upload).await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    lab.ask("DELETE", &upload, &[], b"").await.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(std::fs::read_dir(lab.folder.path().join("uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_blob_is_mounted_where_it_is_and_sent_where_it_is_not() {
    let lab = Lab::new();
    let digest = lab.push_blob("users", b"shared").await;
    lab.get(&format!("/v2/team/threads/blobs/{digest}")).await.refuses(404, "BLOB_UNKNOWN");
    let mount = |digest: &Digest, from: &str| format!("/v2/team/threads/blobs/uploads/?mount={digest}{from}");
    for from in ["", "&from=none", "&from=Bad..Name", "&from=releases"] {
        lab.ask("POST", &mount(&digest, from), &[], b"").await.is(202);
    }
    lab.ask("POST", &mount(&Digest::of(b"missing"), "&from=users"), &[], b"").await.is(202);
    let answer = lab.ask("POST", &mount(&digest, "&from=users"), &[], b"").await.is(201);
    assert_eq!(answer.header("location"), format!("/v2/team/threads/blobs/{digest}"));
    assert_eq!(lab.get(answer.header("location")).await.is(200).body, b"shared");
}

#[tokio::test]
async fn many_push_the_same_at_once() {
    let lab = Lab::new();
    let content = vec![7; 1 << 20];
    let pushes = (0..8).map(|_| lab.push_blob("users", &content));
    let digests = futures_util::future::join_all(pushes).await;
    assert_eq!(lab.get(&format!("/v2/users/blobs/{}", digests[0])).await.is(200).body, content);
    assert_eq!(std::fs::read_dir(lab.folder.path().join("uploads")).unwrap().count(), 0);
}
