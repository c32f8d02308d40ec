//! Looks at the watched files whenever something may have happened to them.

use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::files::{Changed, Folders, Interest, Look, differences, look};

/// How long it must be quiet before we look: an editor's save is several events, a checkout of git's very many.
const QUIET: Duration = Duration::from_millis(50);
/// The longest that we wait for quiet.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often we look without having been woken: events may be lost, and on file systems of other machines there are none.
const ANYWAY: Duration = Duration::from_secs(5);
/// How often where nothing wakes us.
const POLL: Duration = Duration::from_secs(1);
/// Looking takes at most one part in so many of the time.
const SHARE: u32 = 50;
/// Saves that wait for whoever asked for them; then looking waits.
const WAITING: usize = 16;

/// What was noticed.
#[derive(Debug)]
pub(crate) enum Sight {
    /// Files that are different now.
    Saved(Saved),
    /// Nothing wakes us: why, and what to do about it.
    Polling(String),
}

/// Files that are different now.
#[derive(Debug)]
pub(crate) struct Saved {
    /// When the first of them was written, as far as we were told.
    pub(crate) at: Instant,
    /// At least one.
    pub(crate) changed: Vec<Changed>,
}

/// Watches until it is dropped.
#[derive(Debug)]
pub(crate) struct Observer {
    sights: mpsc::Receiver<Sight>,
    interest: watch::Sender<Interest>,
    task: JoinHandle<()>,
}

impl Observer {
    /// What there is when this returns is what later looks are compared with.
    pub(crate) async fn begin(interest: Interest) -> Self {
        let (sender, sights) = mpsc::channel(WAITING);
        let (interest, receiver) = watch::channel(interest);
        let mut eyes = Eyes { interest: receiver, last: Arc::default(), alarm: Alarm::new(), sights: sender };
        let problem = eyes.open().await;
        let task = tokio::spawn(async move {
            if eyes.tell_polling(problem).await {
                eyes.observe().await;
            }
        });
        Self { sights, interest, task }
    }

    /// Something else is to be watched from now on.
    pub(crate) fn watch(&self, interest: Interest) {
        self.interest.send_if_modified(|known| {
            let differs = *known != interest;
            *known = interest;
            differs
        });
    }

    /// The next sight; `None` where the watch broke off. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Sight> {
        self.sights.recv().await
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Eyes {
    interest: watch::Receiver<Interest>,
    last: Arc<Look>,
    alarm: Alarm,
    sights: mpsc::Sender<Sight>,
}

impl Eyes {
    /// The first look. What is written while the alarm is set is seen by the second, so that the last one is newer than the alarm.
    async fn open(&mut self) -> Option<String> {
        self.look().await;
        let problem = self.alarm.set(&self.last.folders).err();
        self.look().await;
        problem
    }

    /// False where nobody listens any more.
    async fn tell_polling(&self, problem: Option<String>) -> bool {
        match problem {
            Some(why) => self.sights.send(Sight::Polling(why)).await.is_ok(),
            None => true,
        }
    }

    async fn observe(&mut self) {
        let mut took = Duration::ZERO;
        loop {
            let usual = if self.alarm.is_set() { ANYWAY } else { POLL };
            let next = Instant::now() + usual.max(took * SHARE);
            let at = tokio::select! {
                woken = self.alarm.ring() => woken,
                () = sleep_until(next) => Instant::now(),
                changed = self.interest.changed() => match changed {
                    Ok(()) => Instant::now(),
                    Err(_) => return,
                },
            };
            self.alarm.until_quiet(at).await;
            let begun = Instant::now();
            let mut changed = self.look().await;
            took = begun.elapsed();
            let problem = self.alarm.set(&self.last.folders);
            // In a folder that is new there may be files from before it was watched.
            if matches!(problem, Ok(true)) {
                changed.extend(self.look().await);
            }
            if !self.tell_polling(problem.err()).await {
                return;
            }
            if !changed.is_empty() && self.sights.send(Sight::Saved(Saved { at, changed })).await.is_err() {
                return;
            }
        }
    }

    /// What is different since the last look.
    async fn look(&mut self) -> Vec<Changed> {
        let (interest, before) = (self.interest.borrow_and_update().clone(), Arc::clone(&self.last));
        let looked = spawn_blocking(move || {
            let now = look(&interest, &before);
            (differences(&before, &now), now)
        });
        // A look that broke off saw nothing; the next one comes.
        let Ok((changed, now)) = looked.await else { return Vec::new() };
        self.last = Arc::new(now);
        changed
    }
}

/// Rings when something happens in a folder.
struct Alarm {
    /// Why there is none, where we only poll.
    watcher: Result<RecommendedWatcher, Option<notify::Error>>,
    watched: Folders,
    rings: mpsc::Receiver<Instant>,
}

impl Alarm {
    fn new() -> Self {
        // One ring says all: what happened is looked at.
        let (ring, rings) = mpsc::channel(1);
        let handler = move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                ring.try_send(Instant::now()).ok();
            }
        };
        Self { watcher: notify::recommended_watcher(handler).map_err(Some), watched: Folders::new(), rings }
    }

    const fn is_set(&self) -> bool {
        self.watcher.is_ok()
    }

    /// Listens to exactly these folders; says whether some were not listened to before. From a failure on nothing rings any more.
    fn set(&mut self, folders: &Folders) -> Result<bool, String> {
        let watcher = match &mut self.watcher {
            Ok(watcher) => watcher,
            // Said once.
            Err(why) => return why.take().map_or(Ok(false), |why| Err(cannot_listen(&why, "fs.inotify.max_user_instances=512"))),
        };
        for folder in self.watched.keys().filter(|folder| folders.get(*folder) != self.watched.get(*folder)) {
            // The kernel has let go of one that is gone.
            watcher.unwatch(folder).ok();
        }
        let mut new = false;
        for folder in folders.keys().filter(|folder| folders.get(*folder) != self.watched.get(*folder)) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => new = true,
                // It is gone already.
                Err(_) if !folder.is_dir() => {}
                Err(error) => {
                    self.watcher = Err(None);
                    return Err(cannot_listen(&error, "fs.inotify.max_user_watches=524288"));
                }
            }
        }
        self.watched.clone_from(folders);
        Ok(new)
    }

    /// When it rang first.
    async fn ring(&mut self) -> Instant {
        match self.rings.recv().await {
            Some(at) => at,
            // Without a watcher nothing rings.
            None => std::future::pending().await,
        }
    }

    /// Returns when nothing has rung for a moment, or after a second in any case.
    async fn until_quiet(&mut self, since: Instant) {
        let latest = since + PATIENCE;
        loop {
            match timeout_at(latest.min(Instant::now() + QUIET), self.rings.recv()).await {
                Ok(Some(_)) if Instant::now() < latest => {}
                Ok(None) => return sleep(QUIET).await,
                _ => return,
            }
        }
    }
}

/// Reading files, which we do ourselves, changes nothing.
const fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// Why nothing wakes us, with the setting that it may be about.
fn cannot_listen(error: &notify::Error, setting: &str) -> String {
    // Notify's own sentences end with all paths.
    let (why, limit) = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => ("no more folders can be watched".to_owned(), true),
        notify::ErrorKind::Io(error) => (error.to_string(), matches!(error.raw_os_error(), Some(TOO_MANY_OPEN_FILES))),
        notify::ErrorKind::Generic(text) => (text.clone(), false),
        _ => ("it cannot be watched".to_owned(), false),
    };
    let hint = if limit && cfg!(target_os = "linux") { format!("; `sudo sysctl {setting}` allows more") } else { String::new() };
    format!("the system does not tell when files change ({why}): looking once a second{hint}")
}

/// EMFILE, which is what inotify says where a user has too many instances.
const TOO_MANY_OPEN_FILES: i32 = 24;

#[cfg(test)]
mod tests;
