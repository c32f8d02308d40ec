use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use wire::oci::media_type;

use super::*;
use crate::{NewManifest, Reference, Tag};

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

fn name(text: &str) -> RepositoryName {
    RepositoryName::new(text).unwrap()
}

fn open(folder: &Path) -> Arc<Store> {
    Store::open(folder, Ids::seeded(1)).unwrap().shared()
}

fn push_blob(store: &Arc<Store>, repository: &str, content: &[u8]) -> Digest {
    let digest = Digest::of(content);
    let id = store.begin_upload(&name(repository), NOW).unwrap();
    let mut lease = store.take_upload(&name(repository), &id).unwrap();
    lease.append(content, NOW).unwrap();
    lease.finish(&digest, NOW).unwrap();
    digest
}

fn document(config: &Digest, layers: &[&Digest]) -> Vec<u8> {
    let descriptor = |digest: &Digest| serde_json::json!({ "mediaType": "x", "digest": digest.as_str(), "size": 1 });
    let layers: Vec<_> = layers.iter().map(|digest| descriptor(digest)).collect();
    serde_json::to_vec(&serde_json::json!({ "schemaVersion": 2, "config": descriptor(config), "layers": layers })).unwrap()
}

fn put(store: &Store, repository: &str, content: &[u8], tag: &str, tag_stays: bool) -> Result<Digest, StoreError> {
    let tag = Tag::parse(tag);
    let new = NewManifest { content, media_type: media_type::OCI_MANIFEST, digest: None, tag: tag.as_ref(), tag_stays };
    store.put_manifest(&name(repository), &new, NOW).map(|put| put.digest)
}

fn blob_files(folder: &Path) -> usize {
    let folders = fs::read_dir(folder.join("blobs/sha256")).unwrap();
    folders.map(|entry| fs::read_dir(entry.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn what_was_pushed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let layer = push_blob(&store, "users", b"layer");
    let image = put(&store, "users", &document(&layer, &[&layer]), "v1", false).unwrap();
    let images = store.images(&name("users"));
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.images(&name("users")), images);
    let found = store.manifest(&name("users"), &Reference::Tag(Tag::parse("v1").unwrap())).unwrap();
    assert_eq!((&found.digest, Digest::of(&found.content)), (&image, image.clone()));
    assert_eq!(store.blob(&name("users"), &layer).unwrap().size, 5);
    assert!(matches!(store.blob(&name("threads"), &layer), Err(StoreError::BlobUnknown(_))), "another repository does not have it");
}

#[test]
fn an_upload_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let id = store.begin_upload(&name("users"), NOW).unwrap();
    let mut lease = store.take_upload(&name("users"), &id).unwrap();
    lease.append(b"one ", NOW).unwrap();
    assert!(matches!(store.upload(&name("users"), &id), Err(StoreError::UploadBusy(_))));
    drop(lease);
    assert!(matches!(store.upload(&name("threads"), &id), Err(StoreError::UploadUnknown(_))));
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.upload(&name("users"), &id).unwrap().received, 4);
    let mut lease = store.take_upload(&name("users"), &id).unwrap();
    lease.append(b"two", NOW).unwrap();
    lease.finish(&Digest::of(b"one two"), NOW).unwrap();
    assert_eq!(store.blob(&name("users"), &Digest::of(b"one two")).unwrap().size, 7);
    assert!(matches!(store.upload(&name("users"), &id), Err(StoreError::UploadUnknown(_))));
    assert_eq!(fs::read_dir(folder.path().join("uploads")).unwrap().count(), 0);
}

#[test]
fn content_that_is_not_what_was_said_becomes_no_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let id = store.begin_upload(&name("users"), NOW).unwrap();
    let mut lease = store.take_upload(&name("users"), &id).unwrap();
    lease.append(b"something", NOW).unwrap();
    assert!(matches!(lease.finish(&Digest::of(b"else"), NOW), Err(StoreError::DigestMismatch { .. })));
    assert!(matches!(store.upload(&name("users"), &id), Err(StoreError::UploadUnknown(_))));
    assert_eq!(blob_files(folder.path()), 0);
}

#[test]
fn a_manifest_needs_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (here, missing) = (push_blob(&store, "users", b"here"), Digest::of(b"missing"));
    let error = put(&store, "users", &document(&here, &[&missing]), "v1", false).unwrap_err();
    assert!(matches!(error, StoreError::BlobsMissing(ref list) if *list == [missing.clone()]), "{error}");
    let other = push_blob(&store, "threads", b"missing");
    assert_eq!(other, missing);
    assert!(put(&store, "users", &document(&here, &[&missing]), "v1", false).is_err(), "another repository's blob does not count");
    assert!(store.mount(&name("threads"), &name("users"), &missing, NOW).unwrap());
    put(&store, "users", &document(&here, &[&missing]), "v1", false).unwrap();
    assert!(!store.mount(&name("threads"), &name("users"), &Digest::of(b"nowhere"), NOW).unwrap());
}

#[test]
fn an_immutable_tag_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (a, b) = (push_blob(&store, "users", b"a"), push_blob(&store, "users", b"b"));
    let first = put(&store, "users", &document(&a, &[]), "v1", true).unwrap();
    assert_eq!(put(&store, "users", &document(&a, &[]), "v1", true).unwrap(), first, "the same again is success");
    assert!(matches!(put(&store, "users", &document(&b, &[]), "v1", true), Err(StoreError::TagImmutable { .. })));
    assert_eq!(store.images(&name("users")).len(), 1);
    let second = put(&store, "users", &document(&b, &[]), "v1", false).unwrap();
    let images = store.images(&name("users"));
    let tags = |digest: &Digest| images.iter().find(|image| image.digest == *digest).unwrap().tags.clone();
    assert_eq!((tags(&first), tags(&second)), (vec![], vec!["v1".to_owned()]), "the image that lost its tag stays");
}

#[test]
fn what_is_needed_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let users = name("users");
    let layer = push_blob(&store, "users", b"layer");
    let image = put(&store, "users", &document(&layer, &[]), "", false).unwrap();
    assert!(matches!(store.delete_blob(&users, &layer), Err(StoreError::Referenced { .. })));
    let list = serde_json::json!({ "schemaVersion": 2, "manifests": [{ "mediaType": "x", "digest": image.as_str(), "size": 1 }] }).to_string();
    let tag = Tag::parse("v1");
    let new = NewManifest { content: list.as_bytes(), media_type: media_type::OCI_INDEX, digest: None, tag: tag.as_ref(), tag_stays: false };
    let list = store.put_manifest(&users, &new, NOW).unwrap().digest;
    assert!(matches!(store.delete_image(&users, &image), Err(StoreError::Referenced { .. })));
    assert!(matches!(store.remove_repository(&users, false), Err(StoreError::NotEmpty)));
    store.delete_image(&users, &list).unwrap();
    store.delete_image(&users, &image).unwrap();
    assert!(store.is_empty(&users));
    store.delete_blob(&users, &layer).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("repositories")).unwrap().count(), 0, "a repository without content has no record");
    assert_eq!(store.collect(Duration::ZERO, NOW).unwrap().blobs, 3);
    assert_eq!(blob_files(folder.path()), 0);
}

#[test]
fn garbage_has_to_be_old_enough() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let hour = Duration::from_secs(3600);
    push_blob(&store, "users", b"on its way");
    store.begin_upload(&name("users"), NOW).unwrap();
    let taken = store.begin_upload(&name("users"), NOW).unwrap();
    let lease = store.take_upload(&name("users"), &taken).unwrap();
    assert_eq!(store.collect(hour, NOW + hour / 2).unwrap(), Collected::default());
    assert_eq!(store.collect(hour, NOW + hour).unwrap(), Collected { uploads: 1, blobs: 1, bytes: 10 }, "the one that is being sent to stays");
    drop(lease);
    assert_eq!(store.collect(hour, NOW + hour).unwrap().uploads, 1);
    // What a crash left between two steps.
    fs::create_dir_all(folder.path().join("blobs/sha256/ab")).unwrap();
    fs::write(folder.path().join("blobs/sha256/ab/ab01.new"), "half a manifest").unwrap();
    fs::write(folder.path().join("uploads/without-a-repository"), "x").unwrap();
    fs::write(folder.path().join("uploads/without-a-file.repository"), "users").unwrap();
    fs::write(folder.path().join("repositories/users.new"), "half a record").unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(fs::read_dir(folder.path().join("uploads")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(folder.path().join("repositories")).unwrap().count(), 0);
    assert_eq!(store.collect(hour, NOW).unwrap().blobs, 1);
}

#[test]
fn a_record_that_cannot_be_read_is_said_and_left() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let path = folder.path().join("repositories/users.json");
    fs::write(&path, "{").unwrap();
    let error = Store::open(folder.path(), Ids::seeded(1)).unwrap_err();
    assert!(error.to_string().contains("users.json"), "{error}");
    assert_eq!(fs::read_to_string(path).unwrap(), "{");
}

/// One step of one of several uploads of the same few contents, in any order.
#[derive(Clone, Debug)]
enum Step {
    Begin(usize),
    Append(usize, usize),
    Finish(usize),
    Cancel(usize),
    Restart,
    Collect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..4_usize).prop_map(Step::Begin),
        6 => (0..4_usize, 1..9_usize).prop_map(|(upload, length)| Step::Append(upload, length)),
        3 => (0..4_usize).prop_map(Step::Finish),
        1 => (0..4_usize).prop_map(Step::Cancel),
        1 => Just(Step::Restart),
        1 => Just(Step::Collect),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// However uploads interleave, and wherever a daemon ends: a blob is there whole or not at all, and one that was finished stays.
    #[test]
    fn uploads_interleave(steps in steps()) {
        const CONTENTS: [&[u8]; 2] = [b"the first of two layers", b"the second"];
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let mut seed = 2;
        let users = name("users");
        let mut uploads: [Option<(String, usize)>; 4] = [const { None }; 4];
        let mut finished: BTreeMap<Digest, u64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Begin(at) if uploads[at].is_none() => uploads[at] = Some((store.begin_upload(&users, NOW).unwrap(), 0)),
                Step::Append(at, length) => if let Some((id, sent)) = &mut uploads[at] {
                    let content = CONTENTS[at % 2];
                    let end = (*sent + length).min(content.len());
                    let mut lease = store.take_upload(&users, id).unwrap();
                    prop_assert_eq!(lease.upload().received, *sent as u64);
                    lease.append(&content[*sent..end], NOW).unwrap();
                    *sent = end;
                },
                Step::Finish(at) => if let Some((id, sent)) = uploads[at].take() {
                    let content = CONTENTS[at % 2];
                    let digest = Digest::of(content);
                    let ended = store.take_upload(&users, &id).unwrap().finish(&digest, NOW);
                    prop_assert_eq!(ended.is_ok(), sent == content.len());
                    if ended.is_ok() {
                        finished.insert(digest, content.len() as u64);
                    }
                },
                Step::Cancel(at) => if let Some((id, _)) = uploads[at].take() {
                    store.take_upload(&users, &id).unwrap().cancel().unwrap();
                },
                Step::Restart => {
                    drop(store);
                    store = Store::open(folder.path(), Ids::seeded(seed)).unwrap().shared();
                    seed += 1;
                }
                Step::Collect => prop_assert_eq!(store.collect(Duration::from_secs(1), NOW).unwrap().blobs, 0),
                Step::Begin(_) => {}
            }
            for content in CONTENTS {
                let digest = Digest::of(content);
                prop_assert_eq!(store.blob(&users, &digest).ok().map(|blob| blob.size), finished.get(&digest).copied());
            }
            prop_assert_eq!(blob_files(folder.path()), finished.len());
        }
        let open = uploads.iter().flatten().count();
        prop_assert_eq!(fs::read_dir(folder.path().join("uploads")).unwrap().count(), 2 * open);
    }
}
