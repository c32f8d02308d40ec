//! Blobs as they are read and removed.

use registry::Digest;

use crate::lab::Lab;

#[tokio::test]
async fn a_blob_is_read_in_whole_or_in_part() {
    let lab = Lab::new();
    let digest = lab.push_blob("users", b"0123456789").await;
    let path = format!("/v2/users/blobs/{digest}");
    let answer = lab.get(&path).await.is(200);
    assert_eq!((answer.body.as_slice(), answer.header("content-length")), (&b"0123456789"[..], "10"));
    assert_eq!((answer.header("docker-content-digest"), answer.header("accept-ranges")), (digest.as_str(), "bytes"));
    let head = lab.ask("HEAD", &path, &[], b"").await.is(200);
    assert_eq!((head.body.len(), head.header("content-length"), head.header("docker-content-digest")), (0, "10", digest.as_str()));
    for (range, body, content_range) in [("bytes=2-4", "234", "bytes 2-4/10"), ("bytes=8-", "89", "bytes 8-9/10"), ("bytes=-1", "9", "bytes 9-9/10")]
    {
        let answer = lab.ask("GET", &path, &[("range", range)], b"").await.is(206);
        assert_eq!((String::from_utf8_lossy(&answer.body).as_ref(), answer.header("content-range")), (body, content_range));
        assert_eq!(answer.header("content-length"), body.len().to_string());
    }
    let answer = lab.ask("GET", &path, &[("range", "bytes=10-")], b"").await;
    answer.refuses(416, "RANGE_INVALID");
    assert_eq!(answer.header("content-range"), "bytes */10");
    lab.ask("HEAD", &format!("/v2/users/blobs/{}", Digest::of(b"none")), &[], b"").await.is(404);
    lab.get("/v2/users/blobs/sha256:short").await.refuses(400, "DIGEST_INVALID");
    assert_eq!(lab.push_blob("users", b"").await, Digest::of(b""));
    assert_eq!(lab.get(&format!("/v2/users/blobs/{}", Digest::of(b""))).await.is(200).body, b"");
}

#[tokio::test]
async fn a_large_blob_comes_in_pieces() {
    let lab = Lab::new();
    let content: Vec<u8> = (0..600_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let digest = lab.push_blob("users", &content).await;
    assert_eq!(lab.get(&format!("/v2/users/blobs/{digest}")).await.is(200).body, content);
}

#[tokio::test]
async fn a_blob_that_no_image_needs_may_be_removed() {
    let lab = Lab::new();
    let image = lab.push("users", "v1", "layer").await;
    let path = format!("/v2/users/blobs/{}", Digest::of(b"layer"));
    let said = lab.ask("DELETE", &path, &[], b"").await.refuses(405, "UNSUPPORTED");
    assert!(said.contains(image.as_str()), "{said}");
    lab.ask("DELETE", &format!("/v2/users/manifests/{image}"), &[], b"").await.is(202);
    lab.ask("DELETE", &path, &[], b"").await.is(202);
    lab.get(&path).await.refuses(404, "BLOB_UNKNOWN");
    lab.ask("DELETE", &path, &[], b"").await.refuses(404, "BLOB_UNKNOWN");
}
