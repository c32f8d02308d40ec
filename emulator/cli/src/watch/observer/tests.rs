use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::super::files::{Fate, Subject};
use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// The next save, by names of paths in the folder.
async fn saved(observer: &mut Observer, folder: &Path) -> BTreeSet<String> {
    let sight = tokio::time::timeout(LIMIT, observer.next()).await.unwrap().unwrap();
    let Sight::Saved(saved) = sight else { panic!("{sight:?}") };
    let name = |changed: &Changed| changed.path.strip_prefix(folder).unwrap().display().to_string();
    saved.changed.iter().map(|changed| if changed.fate == Fate::Gone { format!("- {}", name(changed)) } else { name(changed) }).collect()
}

/// All that is saved until these paths were.
async fn all_of(observer: &mut Observer, folder: &Path, expected: &[&str]) {
    let mut seen = BTreeSet::new();
    while !expected.iter().all(|path| seen.contains(*path)) {
        seen.extend(saved(observer, folder).await);
    }
    let expected: BTreeSet<String> = expected.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(seen, expected);
}

fn context(folder: &Path) -> Subject {
    fs::write(folder.join("Dockerfile"), "FROM x").unwrap();
    Subject::Context { root: folder.to_path_buf(), dockerfile: "Dockerfile".into() }
}

#[tokio::test]
async fn saves_wake_us_also_in_folders_that_are_new() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut observer = Observer::begin(Interest::from([context(root)])).await;
    fs::write(root.join("a"), "1").unwrap();
    all_of(&mut observer, root, &["a"]).await;
    fs::create_dir_all(root.join("lib/deep")).unwrap();
    fs::write(root.join("lib/deep/b"), "1").unwrap();
    all_of(&mut observer, root, &["lib", "lib/deep", "lib/deep/b"]).await;
    fs::write(root.join("lib/deep/b"), "2").unwrap();
    all_of(&mut observer, root, &["lib/deep/b"]).await;
    fs::remove_dir_all(root.join("lib")).unwrap();
    all_of(&mut observer, root, &["- lib", "- lib/deep", "- lib/deep/b"]).await;
}

#[tokio::test]
async fn where_nothing_rings_we_look_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (sender, mut sights) = mpsc::channel(WAITING);
    let (keep, interest) = watch::channel(Interest::from([context(root)]));
    let mut eyes = Eyes {
        interest,
        last: Arc::default(),
        alarm: Alarm { watcher: Err(Some(notify::Error::generic("of a test"))), ..Alarm::new() },
        sights: sender,
    };
    let problem = eyes.open().await.unwrap();
    assert_eq!(problem, "the system does not tell when files change (of a test): looking once a second");
    let task = tokio::spawn(async move { eyes.observe().await });
    fs::write(root.join("a"), "1").unwrap();
    let sight = tokio::time::timeout(LIMIT, sights.recv()).await.unwrap();
    assert!(matches!(sight, Some(Sight::Saved(_))), "{sight:?}");
    drop(keep);
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_watched_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let file = |name: &str| Subject::File(root.join(name));
    let mut observer = Observer::begin(Interest::from([file("a")])).await;
    fs::write(root.join("b"), "1").unwrap();
    observer.watch(Interest::from([file("a"), file("b")]));
    // A look that is under way may be of what was watched before; the one after it is not.
    for round in ["1", "2"] {
        fs::write(root.join("a"), round).unwrap();
        all_of(&mut observer, root, &["a"]).await;
    }
    fs::write(root.join("b"), "2").unwrap();
    all_of(&mut observer, root, &["b"]).await;
}

#[test]
fn only_what_changes_something_wakes_us() {
    use notify::event::{CreateKind, DataChange, ModifyKind, RemoveKind};
    for kind in [
        EventKind::Access(AccessKind::Close(AccessMode::Write)),
        EventKind::Create(CreateKind::File),
        EventKind::Modify(ModifyKind::Data(DataChange::Any)),
        EventKind::Remove(RemoveKind::Folder),
        EventKind::Any,
    ] {
        assert!(is_change(kind), "{kind:?}");
    }
    for kind in [AccessKind::Open(AccessMode::Any), AccessKind::Read, AccessKind::Close(AccessMode::Read)] {
        assert!(!is_change(EventKind::Access(kind)), "{kind:?}");
    }
}

#[test]
fn a_limit_of_the_system_names_its_setting() {
    let watches = notify::Error::new(notify::ErrorKind::MaxFilesWatch);
    let instances = notify::Error::io(std::io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES));
    for (error, setting) in [(watches, "fs.inotify.max_user_watches=524288"), (instances, "fs.inotify.max_user_instances=512")] {
        let text = cannot_listen(&error, setting);
        assert!(!cfg!(target_os = "linux") || text.ends_with(&format!("`sudo sysctl {setting}` allows more")), "{text}");
    }
}
