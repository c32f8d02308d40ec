//! Reading the log of one container to its end: over breaks of the engine, and over restarts of the container.

use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, EngineError, EngineErrorKind, LogLine, LogOptions};
use futures_util::StreamExt as _;
use model::{ContainerId, ContainerStatus, World};
use tokio::sync::mpsc;
use vault::Mask;

use crate::engines::Engines;
use crate::keeper::Handle;
use crate::log_mask::masked;

/// How long after a break, or after the end of a container that may be started again, a log is asked for again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// What a reader needs.
#[derive(Clone)]
pub(crate) struct LogReader {
    pub(crate) engines: Arc<Engines>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keeper: Handle,
    /// What is not to be shown.
    pub(crate) mask: Arc<Mask>,
}

impl LogReader {
    /// Gives what `map` makes of each line to `sender`, until the container is over or the receiver has gone.
    ///
    /// # Errors
    /// `Unsupported` when its log driver keeps nothing that can be read.
    pub(crate) async fn follow<T: Send>(
        &self,
        id: &ContainerId,
        mut options: LogOptions,
        mut map: impl FnMut(LogLine) -> Option<T> + Send,
        sender: &mpsc::Sender<T>,
    ) -> Result<(), EngineError> {
        loop {
            let lines = match self.engines.of(&self.keeper.snapshot().world, id) {
                Ok(engine) => engine.logs(id, options.clone()).await,
                Err(error) => Err(error),
            };
            let broken = match lines {
                Ok(lines) => {
                    let mut lines = masked(lines, self.mask.clone());
                    loop {
                        match lines.next().await {
                            None => break None,
                            Some(Err(error)) => break Some(error),
                            Some(Ok(line)) => {
                                // What comes after a break is what is newer than this.
                                (options.since, options.tail) = (Some(line.at), None);
                                if let Some(item) = map(line)
                                    && sender.send(item).await.is_err()
                                {
                                    return Ok(());
                                }
                            }
                        }
                    }
                }
                Err(error) => Some(error),
            };
            match broken {
                Some(error) if error.kind == EngineErrorKind::NotFound => return Ok(()),
                Some(error) if error.kind == EngineErrorKind::Unsupported => return Err(error),
                None if self.is_over(id).await => return Ok(()),
                None => {}
                Some(_) => self.clock.sleep(READ_AGAIN).await,
            }
        }
    }
}

impl LogReader {
    /// Waits for what the end of a log means: that the container is over, or after a moment that it may go on.
    async fn is_over(&self, id: &ContainerId) -> bool {
        let mut snapshots = self.keeper.follow();
        let moment = self.clock.sleep(READ_AGAIN);
        tokio::pin!(moment);
        loop {
            if is_over(&snapshots.borrow_and_update().world, id) {
                return true;
            }
            tokio::select! {
                changed = snapshots.changed() => if changed.is_err() { return true },
                () = &mut moment => return false,
            }
        }
    }
}

/// Whether nothing more comes of a container: it has stopped, and is not started again.
fn is_over(world: &World, id: &ContainerId) -> bool {
    let mut containers = world.tasks.values().flat_map(|task| &task.containers);
    let found = containers.find(|container| container.runtime_id.as_ref() == Some(id));
    found.is_none_or(|container| container.last_status == ContainerStatus::Stopped)
}
