//! The state folder: one lock, one state file, one note that says where the daemon answers.
//!
//! The state file holds what is wanted; the labels on the engine's containers hold what runs (design, decision 4). Every write goes
//! to a temporary file first and is renamed over the old one, so that a reader or a crash sees the old state or the new, whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use alb::{CookieKey, IdentityKeys};
use model::{Ids, OwnerId, World, world::Settings};
use serde::{Deserialize, Serialize};
use wire::local::Failure;

/// The version of the state file's form.
const FORMAT: u32 = 1;

/// The state folder, held by this process alone.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Locked for as long as this value lives; the operating system lets go of it when the process dies, however it dies.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct StateFile<W> {
    format: u32,
    world: W,
}

/// Where a daemon answers; written when it does, removed when it ends in order. After a crash the note may be stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The control endpoint.
    pub endpoint: SocketAddr,
    /// The daemon's process.
    pub pid: u32,
}

impl Running {
    /// What the note in a state folder says, if there is one.
    #[must_use]
    pub fn read(state_folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state_folder.join("daemon.json")).ok()?).ok()
    }
}

/// Whether a live daemon holds the state folder, though it may not answer yet.
#[must_use]
pub fn is_held(state_folder: &Path) -> bool {
    let lock = File::options().write(true).open(state_folder.join("daemon.lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

impl Store {
    /// Takes the folder for this process, making it if needed.
    ///
    /// # Errors
    /// The folder cannot be written, or another daemon holds it.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let unusable = |error: io::Error| {
            Failure::environment(format!("the state folder `{}` cannot be used: {error}", folder.display()))
                .hint("set `ECSLOCAL_HOME` to a folder of yours")
        };
        fs::create_dir_all(folder).map_err(unusable)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join("daemon.lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => {
                let who =
                    Running::read(folder).map_or_else(String::new, |running| format!(", process {} at http://{}", running.pid, running.endpoint));
                Err(Failure::environment(format!("another daemon holds the state folder `{}`{who}", folder.display()))
                    .hint("use that one, or set `ECSLOCAL_HOME` to another folder"))
            }
            Err(fs::TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The World as it was last saved, or an empty one with ids from `ids`.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood; it is left as it is.
    pub fn load(&self, ids: &mut Ids) -> Result<World, Failure> {
        let path = self.state_path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(World::new(new_settings(ids))),
            Err(error) => return Err(Failure::environment(format!("the state file `{}` cannot be read: {error}", path.display()))),
        };
        match serde_json::from_slice::<StateFile<World>>(&text) {
            Ok(file) if file.format == FORMAT => Ok(file.world),
            Ok(file) => Err(unreadable(&path, &format!("its format is {}, this version reads {FORMAT}", file.format))),
            Err(error) => Err(unreadable(&path, &error.to_string())),
        }
    }

    /// Saves the World. `durable` waits for the disk: for what a user asked, not for what the engine can tell again.
    ///
    /// # Errors
    /// The disk is full or the folder is gone; the old file is then still whole.
    pub fn save(&self, world: &World, durable: bool) -> io::Result<()> {
        let text = serde_json::to_vec(&StateFile { format: FORMAT, world })?;
        replace(&self.state_path(), &text, durable)
    }

    /// The key of the load balancers' cookies, made on first use: sticky clients come back though the daemon was started anew.
    ///
    /// # Errors
    /// It can be neither read nor made.
    pub fn cookie_key(&self) -> io::Result<CookieKey> {
        let path = self.folder.join("cookie.key");
        // What is not a key is replaced: all that it costs is that clients are given a target anew.
        if let Some(bytes) = fs::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
            return Ok(CookieKey::from_bytes(bytes));
        }
        let key = CookieKey::generate()?;
        replace(&path, key.as_bytes(), false)?;
        Ok(key)
    }

    /// What targets are told of users is signed with: a new one on first use.
    ///
    /// # Errors
    /// The file cannot be written, or there are no random numbers.
    pub fn signing_key(&self) -> io::Result<Vec<u8>> {
        let path = self.folder.join("signing.key");
        // What is not a key is replaced: all that it costs is that targets fetch the public key anew.
        if let Some(bytes) = fs::read(&path).ok().filter(|bytes| IdentityKeys::new(&[0; 32], bytes).is_ok()) {
            return Ok(bytes);
        }
        let key = IdentityKeys::generate_signing_key().map_err(io::Error::other)?;
        replace(&path, &key, false)?;
        Ok(key)
    }

    /// What the registry's tokens are signed with: a new one on first use. A login outlives the daemon that gave it.
    ///
    /// # Errors
    /// The file cannot be written, or there are no random numbers.
    pub fn registry_key(&self) -> io::Result<registry::SigningKey> {
        let path = self.folder.join("registry.key");
        // What is not a key is replaced: all that it costs is another login.
        if let Some(key) = fs::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
            return Ok(key);
        }
        let mut key = registry::SigningKey::default();
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        replace(&path, &key, false)?;
        Ok(key)
    }

    /// What credentials of tasks, and the ids of their endpoints, are derived from: a new one on first use. Tasks outlive the daemon that
    /// started them.
    ///
    /// # Errors
    /// The file cannot be written, or there are no random numbers.
    pub fn mint(&self) -> io::Result<iam::Mint> {
        let path = self.folder.join("credentials.key");
        // What is not a key is replaced: running containers then have neither metadata nor credentials, until they are started anew.
        if let Some(key) = fs::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
            return Ok(iam::Mint::new(&key));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        replace(&path, &key, true)?;
        Ok(iam::Mint::new(&key))
    }

    /// Says where this daemon answers.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn announce(&self, running: Running) -> io::Result<()> {
        replace(&self.folder.join("daemon.json"), &serde_json::to_vec(&running)?, false)
    }

    /// Takes the note back, at an end in order.
    pub fn retract(&self) {
        // Without a note a reader finds no daemon, with a stale one it asks and gets no answer: both are handled.
        fs::remove_file(self.folder.join("daemon.json")).ok();
    }

    fn state_path(&self) -> PathBuf {
        self.folder.join("state.json")
    }
}

fn replace(path: &Path, text: &[u8], durable: bool) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    // Environment variables of containers are in it, and people put secrets there.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text)?;
    if durable {
        file.sync_data()?;
    }
    fs::rename(&temporary, path)
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::environment(format!("the state file `{}` is not one of this version's: {why}", path.display()))
        .hint("move it away to start with nothing; containers that it knew are then removed by the next `ecslocal up`")
}

fn new_settings(ids: &mut Ids) -> Settings {
    let digits = |ids: &mut Ids| format!("{:016x}", ids.next_u64());
    Settings {
        owner: OwnerId::from_text(&digits(ids)),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        instance: format!("i-0{}", digits(ids)),
        speed: model::Speed::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_cookies_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let first = *store.cookie_key().unwrap().as_bytes();
        assert_eq!(*store.cookie_key().unwrap().as_bytes(), first);
        fs::write(folder.path().join("cookie.key"), "junk").unwrap();
        let second = *store.cookie_key().unwrap().as_bytes();
        assert_ne!(second, first);
        assert_eq!(*store.cookie_key().unwrap().as_bytes(), second);
        let first = store.registry_key().unwrap();
        assert_eq!(store.registry_key().unwrap(), first);
        fs::write(folder.path().join("registry.key"), "junk").unwrap();
        assert_ne!(store.registry_key().unwrap(), first);
        let first = store.mint().unwrap().uuid("a", "b");
        assert_eq!(store.mint().unwrap().uuid("a", "b"), first);
        let first = store.signing_key().unwrap();
        assert_eq!(store.signing_key().unwrap(), first);
        fs::write(folder.path().join("signing.key"), "junk").unwrap();
        assert_ne!(store.signing_key().unwrap(), first);
    }

    #[test]
    fn a_state_folder_keeps_the_world_and_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(Store::open(folder.path()).unwrap_err().message.contains("another daemon holds"));
        assert!(is_held(folder.path()));
        let mut world = store.load(&mut Ids::seeded(1)).unwrap();
        world.version = 7;
        store.save(&world, true).unwrap();
        drop(store);
        assert!(!is_held(folder.path()));
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.load(&mut Ids::seeded(2)).unwrap(), world);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_state() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.save(&store.load(&mut Ids::seeded(1)).unwrap(), true).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.path().join("state.json")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_state_that_cannot_be_written_leaves_the_old_one_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut world = store.load(&mut Ids::seeded(1)).unwrap();
        store.save(&world, true).unwrap();
        // As good as a full disk: the temporary file cannot be made.
        fs::create_dir(folder.path().join("state.new")).unwrap();
        let before = world.clone();
        world.version = 7;
        assert!(store.save(&world, true).is_err());
        assert_eq!(store.load(&mut Ids::seeded(2)).unwrap(), before);
    }

    #[test]
    fn a_state_file_of_another_form_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for text in ["", "{", r#"{"format":99,"world":{}}"#] {
            fs::write(folder.path().join("state.json"), text).unwrap();
            let failure = store.load(&mut Ids::seeded(1)).unwrap_err();
            assert!(failure.message.contains("is not one of this version's"), "{}", failure.message);
            assert_eq!(fs::read_to_string(folder.path().join("state.json")).unwrap(), text);
        }
    }

    #[test]
    fn the_note_tells_where_the_daemon_answers() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(Running::read(folder.path()), None);
        let running = Running { endpoint: "127.0.0.1:4566".parse().unwrap(), pid: 7 };
        store.announce(running).unwrap();
        assert_eq!(Running::read(folder.path()), Some(running));
        store.retract();
        assert_eq!(Running::read(folder.path()), None);
    }
}
