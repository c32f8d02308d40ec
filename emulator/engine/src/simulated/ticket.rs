//! A verb under way: counted from its call to its end, and the one way in which it waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;

use super::journal::{Call, VerbName};
use super::state::{State, unreachable};
use crate::{Clock, EngineError};

/// The fleet's state and its clock.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// A verb that waits: until when, and which changes it has seen.
#[derive(Debug)]
pub(super) struct Parked {
    until: Option<Timestamp>,
    seen: u64,
}

/// What a verb that looked at the state found.
pub(super) enum Look<T> {
    /// It is done.
    Done(T),
    /// It has to wait for a change, or for this moment.
    Wait(Option<Timestamp>),
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::new(State::new()) })
    }

    /// The state as of now, with everything applied that is due.
    pub(super) fn look(&self) -> (MutexGuard<'_, State>, Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        state.settle(now);
        (state, now)
    }

    /// How many verbs do something else than sleep until a later moment.
    pub(super) fn pending_verbs(&self) -> usize {
        let (state, now) = self.look();
        let seen = *state.changes.borrow();
        let asleep = |parked: &Parked| parked.seen == seen && parked.until.is_some_and(|until| until > now);
        state.verbs.values().filter(|parked| !parked.as_ref().is_some_and(asleep)).count()
    }

    /// A verb is called.
    pub(super) fn enter(self: &Arc<Self>, verb: VerbName, call: impl FnOnce(&State, Timestamp) -> Call) -> Ticket {
        let (mut state, now) = self.look();
        let call = call(&state, now);
        state.record(call);
        let number = state.number();
        state.verbs.insert(number, None);
        Ticket { shared: Arc::clone(self), number, verb }
    }

    /// Ends at the next change after `changes` was taken, or at `until`.
    pub(super) async fn wait(&self, mut changes: tokio::sync::watch::Receiver<u64>, until: Option<Timestamp>) {
        let sleep = async {
            match until {
                Some(until) => self.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            // The sender lives in the state that we hold, so this ends only with a change.
            _ = changes.changed() => {}
        }
    }
}

/// Dropped when the verb ends or its caller drops it.
pub(super) struct Ticket {
    shared: Arc<Shared>,
    number: u64,
    verb: VerbName,
}

impl Ticket {
    /// Looks at the state again and again until `look` is done; fails when the fleet is down or was told to fail this verb.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&mut State, Timestamp) -> Look<Result<T, EngineError>>) -> Result<T, EngineError> {
        self.admit()?;
        loop {
            let (changes, until) = {
                let (mut state, now) = self.shared.look();
                if state.down {
                    return Err(unreachable());
                }
                match look(&mut state, now) {
                    Look::Done(result) => return result,
                    Look::Wait(until) => {
                        let changes = state.changes.subscribe();
                        let seen = *changes.borrow();
                        state.verbs.insert(self.number, Some(Parked { until, seen }));
                        (changes, until)
                    }
                }
            };
            self.shared.wait(changes, until).await;
            self.shared.look().0.verbs.insert(self.number, None);
        }
    }

    /// For a verb that has nothing to wait for.
    pub(super) async fn once<T>(&self, mut look: impl FnMut(&mut State, Timestamp) -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.until(|state, now| Look::Done(look(state, now))).await
    }

    fn admit(&self) -> Result<(), EngineError> {
        let (mut state, _) = self.shared.look();
        let planned = state.failures.iter().position(|(verb, _)| *verb == self.verb);
        planned.and_then(|index| state.failures.remove(index)).map_or(Ok(()), |(_, error)| Err(error))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.look().0.verbs.remove(&self.number);
    }
}
