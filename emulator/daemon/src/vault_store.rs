//! The vault of secrets and parameters, in a file of its own, `secrets.json`, that only this user may read. Values are in it as they are:
//! whoever may read it may read the memory of this user's processes as well. They are in no other file of the state folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Ids, Timestamp};
use serde::{Deserialize, Serialize};
use vault::Vault;
use wire::local::Failure;

use crate::store::replace;

/// The version of the file's form.
const FORMAT: u32 = 1;

/// The vault and where it is kept.
#[derive(Debug)]
pub struct VaultStore {
    /// `None` in tests that need none.
    path: Option<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    vault: Vault,
    ids: Ids,
}

#[derive(Serialize, Deserialize)]
struct VaultFile<V> {
    format: u32,
    vault: V,
}

/// Why a change did not happen.
#[derive(Debug)]
pub enum NotChanged<E> {
    /// It was refused.
    Refused(E),
    /// It could not be saved.
    Unsaved(String),
}

impl VaultStore {
    /// The vault in a state folder, which this process holds; an empty one where there is none.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood; it is left as it is.
    pub fn open(folder: &Path, ids: Ids) -> Result<Self, Failure> {
        let path = folder.join("secrets.json");
        let unreadable = |why: &dyn std::fmt::Display| {
            Failure::environment(format!("the file of secrets `{}` is not one of this version's: {why}", path.display()))
                .hint("move it away to start with none; `ecslocal up` puts those of a manifest there again")
        };
        let vault = match fs::read(&path) {
            Ok(text) => {
                // The parser's own words could show a value.
                let file: VaultFile<Vault> =
                    serde_json::from_slice(&text).map_err(|error| unreadable(&format!("line {}, column {}", error.line(), error.column())))?;
                if file.format != FORMAT {
                    return Err(unreadable(&format!("its format is {}, this version reads {FORMAT}", file.format)));
                }
                file.vault
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vault::default(),
            Err(error) => return Err(unreadable(&error)),
        };
        Ok(Self { path: Some(path), held: Mutex::new(Held { vault, ids }) })
    }

    /// An empty one that is kept nowhere.
    #[must_use]
    pub fn in_memory() -> Arc<Self> {
        Arc::new(Self { path: None, held: Mutex::new(Held { vault: Vault::default(), ids: Ids::seeded(0) }) })
    }

    /// Looks at the vault as it is at that time.
    pub fn read<T>(&self, now: Timestamp, look: impl FnOnce(&Vault) -> T) -> T {
        let mut held = self.lock();
        // The file follows with the next change; what is over is over in it as well.
        held.vault.purge(now);
        look(&held.vault)
    }

    /// Remembers that a secret's value was given away; in the file with the next change, since nobody relies on it.
    pub fn accessed(&self, secret: &str, now: Timestamp) {
        self.lock().vault.accessed_secret(secret, now);
    }

    /// Changes the vault and saves it, both or neither.
    ///
    /// # Errors
    /// The change is refused, or the disk is full or gone.
    pub async fn change<T, E, F>(self: &Arc<Self>, now: Timestamp, change: F) -> Result<T, NotChanged<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&mut Vault, &mut Ids) -> Result<T, E> + Send + 'static,
    {
        let store = self.clone();
        let changed = tokio::task::spawn_blocking(move || store.change_now(now, change)).await;
        changed.unwrap_or_else(|error| Err(NotChanged::Unsaved(error.to_string())))
    }

    fn change_now<T, E>(&self, now: Timestamp, change: impl FnOnce(&mut Vault, &mut Ids) -> Result<T, E>) -> Result<T, NotChanged<E>> {
        let mut held = self.lock();
        let mut vault = held.vault.clone();
        vault.purge(now);
        let value = change(&mut vault, &mut held.ids).map_err(NotChanged::Refused)?;
        if vault != held.vault {
            if let Some(path) = &self.path {
                let text = serde_json::to_vec(&VaultFile { format: FORMAT, vault: &vault }).map_err(io::Error::other);
                let saved = text.and_then(|text| replace(path, &text, true));
                saved.map_err(|error| NotChanged::Unsaved(format!("secrets cannot be saved in `{}`: {error}", path.display())))?;
            }
            held.vault = vault;
        }
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A change works on a copy, so what is behind a poisoned lock is whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use model::world::Settings;
    use model::{OwnerId, Secret, Speed};
    use vault::{NewSecret, Place, SecretError, SecretValue};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1000);

    fn place() -> Place {
        let (account, region) = ("000000000000".into(), "us-east-1".into());
        Place::from(&Settings { owner: OwnerId::from_text("o"), account, region, instance: "i".into(), speed: Speed::default() })
    }

    async fn create(store: &Arc<VaultStore>, name: &'static str) -> Result<String, NotChanged<SecretError>> {
        let value = Some(SecretValue::Text(Secret::new("hunter2".into())));
        let new = NewSecret { name: name.into(), value, ..NewSecret::default() };
        store.change(NOW, move |vault, ids| vault.create_secret(new, (NOW, &place(), ids)).map(|secret| secret.arn.clone())).await
    }

    #[tokio::test]
    async fn what_is_put_is_there_after_a_restart_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = || VaultStore::open(folder.path(), Ids::seeded(1)).map(Arc::new);
        let arn = create(&open().unwrap(), "a").await.unwrap();
        let store = open().unwrap();
        assert_eq!(store.read(NOW, |vault| vault.secret("a").map(|secret| secret.arn.clone())), Some(arn));
        let path = folder.path().join("secrets.json");
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
        assert!(matches!(create(&store, "a").await, Err(NotChanged::Refused(SecretError::Exists(_)))));
        // As good as a full disk: nothing is changed that could not be kept.
        fs::create_dir(folder.path().join("secrets.new")).unwrap();
        assert!(matches!(create(&store, "b").await, Err(NotChanged::Unsaved(_))));
        assert!(store.read(NOW, |vault| vault.secret("b").is_none()));
    }

    #[test]
    fn a_file_of_another_form_is_left_alone_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        for text in ["", "{", r#"{"format":99,"vault":{"secrets":{},"parameters":{}}}"#, r#"{"format":1,"vault":"hunter2"}"#] {
            fs::write(&path, text).unwrap();
            let failure = VaultStore::open(folder.path(), Ids::seeded(1)).unwrap_err();
            assert!(failure.message.contains("is not one of this version's") && !failure.message.contains("hunter2"), "{}", failure.message);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
