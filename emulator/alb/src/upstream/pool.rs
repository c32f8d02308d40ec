//! The connections of one worker that serve no request, and those over HTTP/2 that may serve more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use routing::TargetState;

use super::http1::Http1;
use super::http2::Http2;
use crate::clock::{self, Moment};

/// Idle connections that a worker keeps per target.
const IDLE_PER_TARGET: usize = 256;

/// See the module.
#[derive(Default)]
pub(crate) struct Pool {
    /// By the address of the target's state, which the entry keeps alive.
    known: RefCell<BTreeMap<usize, Known>>,
}

struct Known {
    target: Arc<TargetState>,
    /// The one used last comes last.
    idle: Vec<Kept<Box<Http1>>>,
    /// One connection serves all requests over HTTP/2.
    shared: Option<Kept<Http2>>,
}

struct Kept<T> {
    since: Moment,
    keep_for: Duration,
    connection: T,
}

impl<T> Kept<T> {
    fn new(connection: T, keep_for: Duration) -> Self {
        Self { since: clock::now(), keep_for, connection }
    }

    fn is_fresh(&self, now: Moment) -> bool {
        now.since(self.since) < self.keep_for
    }
}

impl Pool {
    /// An idle connection that the target has not closed.
    pub(super) fn take(&self, target: &Arc<TargetState>) -> Option<Box<Http1>> {
        let mut known = self.known.borrow_mut();
        let entry = known.get_mut(&key(target))?;
        while let Some(Kept { mut connection, .. }) = entry.idle.pop() {
            if connection.is_reusable() {
                return Some(connection);
            }
        }
        None
    }

    pub(super) fn put(&self, target: &Arc<TargetState>, keep_for: Duration, connection: Box<Http1>) {
        self.entry(target, |entry| {
            if entry.idle.len() < IDLE_PER_TARGET {
                entry.idle.push(Kept::new(connection, keep_for));
            }
        });
    }

    /// The connection over HTTP/2 that others use too.
    pub(super) fn share(&self, target: &Arc<TargetState>) -> Option<Http2> {
        let mut known = self.known.borrow_mut();
        let shared = known.get_mut(&key(target))?.shared.as_mut().filter(|shared| shared.connection.is_reusable())?;
        shared.since = clock::now();
        Some(shared.connection.clone())
    }

    pub(super) fn put_shared(&self, target: &Arc<TargetState>, keep_for: Duration, connection: Http2) {
        self.entry(target, |entry| entry.shared = Some(Kept::new(connection, keep_for)));
    }

    fn entry(&self, target: &Arc<TargetState>, change: impl FnOnce(&mut Known)) {
        if target.is_draining() || target.is_gone() {
            return;
        }
        let mut known = self.known.borrow_mut();
        change(known.entry(key(target)).or_insert_with(|| Known { target: Arc::clone(target), idle: Vec::new(), shared: None }));
    }

    /// Drops what has been idle for too long, what targets have closed, and all connections to targets that leave. One over HTTP/2
    /// lives until its last request is over all the same.
    pub(crate) fn sweep(&self) {
        let now = clock::now();
        self.known.borrow_mut().retain(|_, entry| {
            if entry.target.is_draining() || entry.target.is_gone() {
                return false;
            }
            entry.idle.retain_mut(|kept| kept.is_fresh(now) && kept.connection.is_reusable());
            let busy = entry.target.in_flight() > 0;
            entry.shared.take_if(|kept| !kept.connection.is_reusable() || !busy && !kept.is_fresh(now));
            !entry.idle.is_empty() || entry.shared.is_some()
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.borrow().is_empty()
    }
}

fn key(target: &Arc<TargetState>) -> usize {
    Arc::as_ptr(target).addr()
}
