//! The records of requests, as the data plane hands them over: the newest are kept for `requests`, followers get each as it comes, and
//! load balancers with access logs have them written down (alb.md 8).

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use alb::{Record, RecordSink};
use routing::AccessRecord;
use tokio::sync::{broadcast, mpsc};

use crate::log_files::{LogFiles, LogKind, Whose};

/// How many of the newest requests are kept.
const KEPT: usize = 1000;
/// Requests that may wait for a slow follower; it is told how many it missed.
const FOLLOWED: usize = 4096;
/// Batches that may wait to be taken over.
const BATCHES: usize = 64;

/// What is known of requests.
#[derive(Debug)]
pub struct Records {
    newest: Mutex<VecDeque<Arc<AccessRecord>>>,
    news: broadcast::Sender<Arc<AccessRecord>>,
    /// Told to the data plane: somebody follows.
    followed: Arc<AtomicBool>,
}

/// The thread that takes records over; it ends when the data plane has.
#[derive(Debug)]
pub struct Keeping(JoinHandle<()>);

impl Keeping {
    /// Waits until everything is written. Call it when the data plane has ended.
    pub async fn end(self) {
        let Self(thread) = self;
        if !matches!(tokio::task::spawn_blocking(move || thread.join()).await, Ok(Ok(()))) {
            tracing::error!("the thread that keeps the records of requests broke off");
        }
    }
}

impl Records {
    /// Starts to keep them; access logs go to `folder`.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn keep(folder: PathBuf, whose: Whose) -> io::Result<(Arc<Self>, RecordSink, Keeping)> {
        let (sink, mut batches) = mpsc::channel::<Vec<Record>>(BATCHES);
        let records = Arc::new(Self { newest: Mutex::default(), news: broadcast::channel(FOLLOWED).0, followed: Arc::default() });
        let kept = Arc::clone(&records);
        let mut files = LogFiles::new(folder, whose);
        // A thread of its own: writing files would hold up the daemon's other work.
        let thread = std::thread::Builder::new().name("records".into()).spawn(move || {
            while let Some(batch) = batches.blocking_recv() {
                kept.take(&batch);
                kept.notice_followers();
                write(&mut files, batch);
            }
            files.close();
        })?;
        Ok((records, sink, Keeping(thread)))
    }

    /// Whether somebody follows, for the data plane to look at.
    #[must_use]
    pub fn followed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.followed)
    }

    /// Once the last follower has gone, records need not come one by one.
    fn notice_followers(&self) {
        let _guard = self.lock();
        self.followed.store(self.news.receiver_count() > 0, Ordering::Relaxed);
    }

    fn take(&self, batch: &[Record]) {
        let mut newest = self.lock();
        for record in batch {
            let Record::Request(record) = record else { continue };
            if newest.len() == KEPT {
                newest.pop_front();
            }
            newest.push_back(Arc::clone(record));
            // Nobody may be following.
            self.news.send(Arc::clone(record)).ok();
        }
    }

    /// The newest requests, oldest first, and those from now on: none is in both, none is missing between them.
    #[must_use]
    pub fn follow(&self) -> (Vec<Arc<AccessRecord>>, broadcast::Receiver<Arc<AccessRecord>>) {
        let newest = self.lock();
        let news = self.news.subscribe();
        self.followed.store(true, Ordering::Relaxed);
        (newest.iter().cloned().collect(), news)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<AccessRecord>>> {
        // A queue cannot be left half done, so a panic elsewhere does not spoil it.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(files: &mut LogFiles, batch: Vec<Record>) {
    let mut waiting = Vec::new();
    for record in batch {
        match record {
            Record::Request(record) => {
                if let Some(bucket) = &record.balancer.attributes().access_logs {
                    files.write(LogKind::Access, bucket, record.balancer.log_name(), record.responded, format_args!("{record}"));
                }
            }
            Record::Connection(record) => {
                if let Some(bucket) = &record.balancer.attributes().connection_logs {
                    files.write(LogKind::Connection, bucket, record.balancer.log_name(), record.at, format_args!("{record}"));
                }
            }
            Record::HealthCheck(record) => {
                let (bucket, balancer) = &record.log;
                files.write(LogKind::HealthCheck, bucket, balancer, record.at, format_args!("{record}"));
            }
            Record::Flushed(done) => waiting.push(done),
        }
    }
    files.flush();
    for done in waiting {
        // Whoever asked may have stopped waiting.
        done.send(()).ok();
    }
}
