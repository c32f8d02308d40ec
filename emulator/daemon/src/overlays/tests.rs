use super::*;

fn key(image_id: &str) -> Key {
    let service = ServiceKey { cluster: "c".parse().unwrap(), name: "s".parse().unwrap() };
    Key { service, container: "app".parse().unwrap(), image_id: image_id.into() }
}

fn file(path: &str, content: impl Into<bytes::Bytes>) -> PutFile {
    PutFile { path: path.into(), mode: 0o755, modified: model::Timestamp::from_millis(5000), content: content.into() }
}

#[tokio::test]
async fn what_is_added_is_there_for_the_next_daemon_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let overlays = Overlays::open(folder.path());
    let (one, other) = (key("sha256:1"), key("sha256:2"));
    let mut held = overlays.hold().await.unwrap();
    held.add(&one, &[file("/a", "1"), file("/b", "1")]).await.unwrap();
    held.add(&one, &[file("/b", "\u{0}2")]).await.unwrap();
    held.add(&other, &[file("/c", "")]).await.unwrap();
    drop(held);
    let again = Overlays::open(folder.path());
    assert_eq!(*again.kept.read().await, *overlays.kept.read().await);
    assert_eq!(again.counts().await, BTreeMap::from([(one.clone(), 2), (other.clone(), 1)]));
    again.hold().await.unwrap().mark(std::slice::from_ref(&one), true).await.unwrap();
    let again = Overlays::open(folder.path());
    assert!(again.hold().await.unwrap().add(&one, &[file("/a", "3")]).await.is_err(), "it is being dropped");
    again.dropped(&[one, other], true).await.unwrap();
    assert!(Overlays::open(folder.path()).counts().await.is_empty());
    assert!(!folder.path().join(OVERLAYS).join("c").exists(), "no folder is left");
}

#[tokio::test]
async fn an_overlay_is_bounded_and_what_is_refused_changes_nothing() {
    let overlays = Overlays::default();
    let key = key("sha256:1");
    let mut held = overlays.hold().await.unwrap();
    held.add(&key, &[file("/a", vec![0; MAX_BYTES])]).await.unwrap();
    assert!(held.add(&key, &[file("/b", "1")]).await.unwrap_err().message.contains("too many"));
    held.add(&key, &[file("/a", "")]).await.unwrap();
    let many: Vec<_> = (0..MAX_FILES).map(|number| file(&format!("/{number}"), "")).collect();
    assert!(held.add(&key, &many).await.is_err());
    drop(held);
    assert_eq!(overlays.counts().await[&key], 1);
}

#[test]
fn what_cannot_be_read_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OVERLAYS).join("c/s/app");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("1.json"), "{").unwrap();
    assert!(Overlays::open(folder.path()).kept.into_inner().is_empty());
}
