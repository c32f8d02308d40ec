//! The simulated fleet: an engine in memory, on the clock that it is given, scripted by the workload itself.
//!
//! **Lives here:** [`Fleet`], an [`Engine`](crate::Engine) whose containers do what their own command says; the controls that a test
//! has over it (kill, take away, go down, fail the next verb); its journal of verbs.
//!
//! **Does not live here:** sockets. Nothing listens at the addresses it gives out; [`Fleet::probe_status`] says what would answer.
//!
//! # Images
//!
//! An image whose repository ends in `sim` says in its tag how its pull goes, in words joined by `_`:
//!
//! | tag | meaning |
//! |---|---|
//! | `pull=10s`, or `pull-10s` where a reference must be well formed | the first pull takes so long, then it is here |
//! | `missing` | it cannot be pulled (after the time of `pull`, if there is one) |
//! | anything else without `=`, for example `v2` | nothing: a name |
//!
//! Any other image is here at once.
//!
//! # Scripts
//!
//! The command of a container whose image is `sim` is a script, one word an item; so is what follows the word `sim` at the start of
//! any other image's command. A word that is not of the language fails `create` by name. Any other command is a server that answers
//! 200 and ends with exit code 0 at once when it is told to stop, which is what an empty script is.
//!
//! | word | meaning; `@T` counts from the moment when it runs, and is 0 when left out |
//! |---|---|
//! | `start=2s` | `start` takes so long |
//! | `cannot-start` | `start` fails |
//! | `exit=7@3s` | ends with that code |
//! | `oom@5s` | is killed for its memory: 137 |
//! | `ignore-term` | takes no notice of SIGTERM |
//! | `stop=1s` | takes so long to obey SIGTERM |
//! | `health=healthy@2s`, `health=unhealthy@4s` | its own health check says so from then on, UNKNOWN before the first; needs a health check in its definition. Without these words the check passes one interval after the start |
//! | `http=500`, `http=200@3s` | answers with that status from then on |
//! | `refuse`, `refuse@5s` | refuses connections from then on |
//! | `silent`, `silent@5s` | accepts and never answers from then on |
//! | `out=TEXT`, `err=TEXT@1s` | writes a line |
//! | `cpu=512`, `cpu=64@90s` | uses so many CPU units (1024 a core) from then on; none before the first |
//! | `memory=32`, `memory=48@90s` | uses so many MiB of memory from then on; 1 before the first |
//!
//! Before the first of `http`, `refuse` and `silent` nothing listens: `http=200@3s` is slow to get ready, `http=200 http=500@9s`
//! falls ill. Durations are whole numbers of `ms`, `s` or `m`.
//!
//! # Programs
//!
//! `exec` knows `say WORD…`, `fail CODE WORD…` (which writes to its standard error), and `cat`, which writes the size of its terminal when
//! that changes; no other program is there.
//!
//! # Time
//!
//! Nothing runs in the background. What is due is applied, in order of time, whenever somebody looks; verbs and streams that wait
//! sleep on the clock until the next thing that is due. A verb that the caller drops goes on in the fleet, as it does in Docker.
//! The fleet imposes no time limit of its own: a script is as slow as it says, and [`Fleet::fail_next`] gives a timeout on demand.
//!
//! # When has everything happened that can happen without time passing?
//!
//! A test that winds a [`ManualClock`](crate::ManualClock) must let the rest of the house finish first. [`Fleet::pending_verbs`] and
//! [`Fleet::undelivered_events`] are the fleet's part of the answer: both are 0 when every verb under way sleeps on the clock until a
//! later moment and every watcher has taken its events. A verb counts from the call, before its first poll, and again from the
//! moment when its sleep is due, before it is polled again, so there is no gap on the fleet's side. The caller has a part of its own
//! (results taken and not yet handled, tasks woken and not yet polled): let the runtime run until its own queues are empty *and* both
//! numbers are 0, and only then wind the clock to [`ManualClock::next_deadline`](crate::ManualClock::next_deadline). Log streams are not counted,
//! because their reader may be as slow as it likes.

mod container;
mod engine;
mod exec;
mod fleet;
mod journal;
mod ledger;
mod script;
mod state;
mod streams;
mod ticket;

pub use fleet::{Fleet, FleetContainer};
pub use journal::{Call, VerbName};
pub use script::SimulatedAnswer;

#[cfg(test)]
mod tests;
