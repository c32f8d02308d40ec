//! A request loop beside a test: one client a path, each request after the other, until it is told to end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::http::Client;

/// The most requests of one loop: a test that hangs does not ask for ever.
const MOST: u64 = 200_000;

/// Loops under way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    loops: Vec<(String, Arc<AtomicU64>, JoinHandle<Tally>)>,
}

/// What a loop saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    /// Anything but a whole response with status 200.
    pub(crate) failed: Vec<String>,
    /// Answers by the container that gave them.
    pub(crate) served_by: BTreeMap<String, u64>,
}

impl Load {
    /// Begins a loop for each path.
    pub(crate) fn begin(port: u16, paths: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let loops = paths.iter().map(|path| {
            let (stop, path, count) = (stop.clone(), (*path).to_owned(), Arc::new(AtomicU64::new(0)));
            let (name, counter) = (path.clone(), count.clone());
            (name, count, std::thread::spawn(move || ask(port, &path, &stop, &counter)))
        });
        let load = Self { loops: loops.collect(), stop };
        load.pass(20);
        load
    }

    /// Waits until every loop has made so many requests more, so that what follows happens under load.
    pub(crate) fn pass(&self, requests: u64) {
        for (path, count, thread) in &self.loops {
            let goal = count.load(Ordering::Acquire) + requests;
            while count.load(Ordering::Acquire) < goal {
                assert!(!thread.is_finished(), "the loop of {path} has ended");
                std::thread::yield_now();
            }
        }
    }

    /// Ends the loops.
    pub(crate) fn end(self) -> BTreeMap<String, Tally> {
        self.stop.store(true, Ordering::Release);
        self.loops.into_iter().map(|(path, _, thread)| (path, thread.join().unwrap())).collect()
    }
}

fn ask(port: u16, path: &str, stop: &AtomicBool, count: &AtomicU64) -> Tally {
    let mut tally = Tally::default();
    let mut client = Client::new(port);
    while !stop.load(Ordering::Acquire) && count.load(Ordering::Acquire) < MOST {
        match client.get(path) {
            Ok(response) if response.status == 200 => {
                tally.answered += 1;
                *tally.served_by.entry(response.served_by()).or_default() += 1;
            }
            Ok(response) => tally.failed.push(format!("{} {}", response.status, response.body)),
            Err(error) => {
                tally.failed.push(error.to_string());
                client = Client::new(port);
            }
        }
        count.fetch_add(1, Ordering::AcqRel);
        // A pace, not a wait for something: about a thousand requests a second and path leave the machine room for the rest.
        std::thread::park_timeout(Duration::from_millis(1));
    }
    tally
}
