//! The doors that are open.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::TaskId;
use routing::connection::{Connection, ConnectionKey};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::door::{self, Door};
use crate::shared::Shared;

/// The doors between services. Dropped, it closes them all.
#[derive(Default)]
pub struct Proxy {
    open: Mutex<BTreeMap<ConnectionKey, Open>>,
}

struct Open {
    door: Door,
    shared: Arc<Shared>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    /// Opens a door for a connection, or leaves it open, with what is behind it now. Must be called within a runtime.
    ///
    /// # Errors
    /// What the system says against the address: it is taken, not permitted, or not there (any more).
    pub fn open(&self, key: &ConnectionKey, door: Door, connection: &Connection) -> io::Result<()> {
        let mut open = self.lock();
        if let Some(known) = open.get(key).filter(|known| known.door == door) {
            known.shared.set(connection);
            return Ok(());
        }
        // Another address or another network of the same name: the old door leads nowhere.
        open.remove(key);
        let (shared, stop) = (Arc::new(Shared::new(connection)), CancellationToken::new());
        let serving = tokio::spawn(door::serve(door.listen()?, shared.clone(), stop.clone()));
        open.insert(key.clone(), Open { door, shared, stop, serving });
        Ok(())
    }

    /// Closes a door and cuts its connections.
    pub async fn close(&self, key: &ConnectionKey) {
        let closed = self.lock().remove(key);
        let Some(mut closed) = closed else { return };
        closed.stop.cancel();
        // It only fails where it was aborted, which is as good.
        (&mut closed.serving).await.ok();
    }

    /// Takes a task that is to end out of rotation behind every door. True if it was behind one.
    pub fn withdraw(&self, task: &TaskId) -> bool {
        self.lock().values().filter(|open| open.shared.withdraw(task)).count() > 0
    }

    /// The doors that are open.
    #[must_use]
    pub fn doors(&self) -> BTreeMap<ConnectionKey, Door> {
        self.lock().iter().map(|(key, open)| (key.clone(), open.door.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectionKey, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Proxy").field(&self.doors()).finish()
    }
}
