//! One target as the data plane sees it: where it is, how much it is doing, and whether it is gone.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use model::{AnswerFault, ProtocolVersion, Target, TargetGroupName, TargetGroupSpec, TargetKey, TargetProtocol, Timestamp};

use crate::anomaly;
use crate::metrics::TargetMetrics;
use crate::sticky::fingerprint;

/// A registered target. The same value goes from table to table for as long as the registration lasts, so its counters do too.
#[derive(Debug)]
pub struct TargetState {
    /// The group that it is registered in.
    pub group: TargetGroupName,
    /// Its id and port.
    pub key: TargetKey,
    /// Where it is dialled.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub protocol: TargetProtocol,
    /// In which version of HTTP.
    pub version: ProtocolVersion,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// What cookies call it.
    fingerprint: u64,
    in_flight: AtomicU64,
    draining: AtomicBool,
    gone: AtomicBool,
    healthy: AtomicBool,
    /// When its slow start began, in milliseconds of the Unix epoch; 0 when it is in none.
    ramp_from: AtomicU64,
    metrics: TargetMetrics,
    /// Requests and failures as the last review of anomalies saw them.
    reviewed: [AtomicU64; 2],
    /// Of a thousand; see [`crate::anomaly`].
    anomaly_share: AtomicU64,
    anomalous: AtomicBool,
    /// What is injected in its place; see [`pack`].
    fault: AtomicU64,
    waiting: Mutex<Waiting>,
}

/// Who waits for the target to be gone. A slot is free when it holds nothing.
#[derive(Debug, Default)]
struct Waiting {
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl TargetState {
    /// As logs name it: its own address, or for a container instance's the instance's, which is this machine, and the host port.
    #[must_use]
    pub fn logged(&self) -> SocketAddr {
        let ip = self.key.id.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        SocketAddr::new(ip, self.key.port)
    }

    pub(crate) fn new(group: &TargetGroupSpec, key: &TargetKey, target: &Target) -> Self {
        Self {
            group: group.name.clone(),
            protocol: group.protocol,
            version: group.version,
            key: key.clone(),
            address: target.address,
            registered_at: target.registered_at,
            fingerprint: fingerprint(&key.to_string()),
            in_flight: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            healthy: AtomicBool::new(false),
            ramp_from: AtomicU64::new(0),
            metrics: TargetMetrics::default(),
            reviewed: Default::default(),
            anomaly_share: AtomicU64::new(anomaly::FULL),
            anomalous: AtomicBool::new(false),
            fault: AtomicU64::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Whether this is the state of that very registration: a target registered anew under the same key is another one.
    pub(crate) fn is_of(&self, group: &TargetGroupSpec, target: &Target) -> bool {
        let same_speech = self.protocol == group.protocol && self.version == group.version;
        self.address == target.address && self.registered_at == target.registered_at && same_speech
    }

    /// Counts a request in until the guard is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight { target: Arc::clone(self) }
    }

    /// How many requests are on it now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Acquire)
    }

    /// What is counted of it.
    #[must_use]
    pub const fn metrics(&self) -> &TargetMetrics {
        &self.metrics
    }

    /// Whether it is deregistered and only finishes what it has: idle connections to it are not kept (alb.md 9).
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether its draining is over: requests still on it get 502 (alb.md 9).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Waits until [`Self::is_gone`]. Works under any runtime; one that is dropped leaves nothing behind.
    pub fn gone(self: &Arc<Self>) -> Gone {
        Gone { target: Arc::clone(self), slot: None }
    }

    /// What is injected on purpose in its place, if anything is: one look at a number for each request.
    #[must_use]
    pub fn fault(&self) -> Option<AnswerFault> {
        unpack(self.fault.load(Ordering::Relaxed))
    }

    pub(crate) fn set_fault(&self, fault: Option<AnswerFault>) {
        self.fault.store(fault.map_or(0, pack), Ordering::Relaxed);
    }

    /// What anomaly detection says of it: whether it fails far more often than the others, and whether it gets fewer requests for it.
    #[must_use]
    pub fn anomaly(&self) -> (bool, bool) {
        (self.anomalous.load(Ordering::Relaxed), self.anomaly_share.load(Ordering::Relaxed) < anomaly::FULL)
    }

    /// Of a thousand requests, how many of a full share it gets.
    pub(crate) fn anomaly_share(&self) -> u64 {
        self.anomaly_share.load(Ordering::Relaxed)
    }

    /// Remembers the counts, and gives those of the last time.
    pub(crate) fn seen(&self, requests: u64, failures: u64) -> (u64, u64) {
        (self.reviewed[0].swap(requests, Ordering::Relaxed), self.reviewed[1].swap(failures, Ordering::Relaxed))
    }

    pub(crate) fn judge(&self, anomalous: bool) {
        self.anomalous.store(anomalous, Ordering::Relaxed);
        self.anomaly_share.store(anomaly::share(self.anomaly_share(), anomalous), Ordering::Relaxed);
    }

    pub(crate) const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Of a full share of requests, how many of 2^64 it gets at `now` when slow start lasts `duration`; `None` is a full share.
    pub(crate) fn share(&self, duration: Duration, now: Timestamp) -> Option<u64> {
        let begun = self.ramp_from.load(Ordering::Relaxed);
        let elapsed = now.since(Timestamp::from_millis(begun));
        // A clock that was set back must not starve it.
        if begun == 0 || elapsed >= duration || now.as_millis() < begun {
            return None;
        }
        // Below one, since the elapsed time is below the duration.
        u64::try_from((elapsed.as_millis() << 64) / duration.as_millis().max(1)).ok()
    }

    /// Whether it is healthy and gets a full share at `now`.
    pub(crate) fn is_established(&self, slow_start: Duration, now: Timestamp) -> bool {
        self.healthy.load(Ordering::Relaxed) && self.share(slow_start, now).is_none()
    }

    /// Takes over what the last check said. One that becomes healthy beside others begins its slow start (alb.md 9).
    pub(crate) fn set_healthy(&self, healthy: bool, since: Timestamp, ramps: bool) {
        let was = self.healthy.swap(healthy, Ordering::Relaxed);
        if healthy != was {
            self.ramp_from.store(if healthy && ramps { since.as_millis() } else { 0 }, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Release);
    }

    /// Marks it gone and wakes everybody who waits for that.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
        let slots = std::mem::take(&mut *self.waiting()).slots;
        slots.into_iter().flatten().for_each(Waker::wake);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here can be left half done, so a panic elsewhere does not spoil it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault as one number: 16 bits of status, 8 of percentage, which is never 0, 32 of delay.
fn pack(fault: AnswerFault) -> u64 {
    u64::from(fault.status.unwrap_or(0)) << 40 | u64::from(fault.percent) << 32 | u64::from(fault.delay_millis)
}

fn unpack(number: u64) -> Option<AnswerFault> {
    let [_, status @ .., percent, a, b, c, d] = number.to_be_bytes();
    let status = u16::from_be_bytes(status);
    let status = (status != 0).then_some(status);
    (percent != 0).then_some(AnswerFault { status, delay_millis: u32::from_be_bytes([a, b, c, d]), percent })
}

/// One request on a target; dropping it counts the request out.
#[derive(Debug)]
pub struct InFlight {
    target: Arc<TargetState>,
}

impl InFlight {
    /// The target that the request is on.
    #[must_use]
    pub const fn target(&self) -> &Arc<TargetState> {
        &self.target
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.target.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Done when the target is gone. See [`TargetState::gone`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Gone {
    target: Arc<TargetState>,
    slot: Option<usize>,
}

impl Future for Gone {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let waker = context.waker();
        let mut waiting = this.target.waiting();
        // Read under the lock: `leave` sets the flag first, so either it is seen here or the waker is found there.
        if this.target.is_gone() {
            return Poll::Ready(());
        }
        match this.slot.and_then(|slot| waiting.slots.get_mut(slot)) {
            Some(Some(known)) if known.will_wake(waker) => {}
            Some(known) => {
                let before = known.replace(waker.clone());
                // A waker's drop may be a task's drop, which may come back here: never under the lock.
                drop(waiting);
                drop(before);
            }
            None => this.slot = Some(waiting.add(waker.clone())),
        }
        Poll::Pending
    }
}

impl Waiting {
    fn add(&mut self, waker: Waker) -> usize {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(free) => *free = Some(waker),
            None => self.slots.push(Some(waker)),
        }
        slot
    }

    /// Empties a slot. There is none any more if the target is gone.
    fn remove(&mut self, slot: usize) -> Option<Waker> {
        let waker = self.slots.get_mut(slot)?.take();
        self.free.push(slot);
        waker
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        // In two steps, so that the waker is dropped after the lock.
        let waker = self.slot.and_then(|slot| self.target.waiting().remove(slot));
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;
    use crate::testing;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(gone: &mut Gone, count: &Arc<Count>) -> bool {
        Pin::new(gone).poll(&mut Context::from_waker(&Waker::from(Arc::clone(count)))).is_ready()
    }

    #[test]
    fn requests_are_counted_in_and_out() {
        let target = testing::target_state();
        let (first, second) = (target.enter(), target.enter());
        assert_eq!((target.in_flight(), &first.target().key), (2, &target.key));
        drop(first);
        assert_eq!(target.in_flight(), 1);
        drop(second);
        assert_eq!(target.in_flight(), 0);
    }

    #[test]
    fn a_fault_is_as_it_was_set_until_it_is_taken_away() {
        let target = testing::target_state();
        assert_eq!(target.fault(), None);
        for (status, delay_millis, percent) in [(Some(503), 0, 1), (None, AnswerFault::MAX_DELAY_MILLIS, 100), (Some(599), u32::MAX, 255)] {
            let fault = AnswerFault { status, delay_millis, percent };
            target.set_fault(Some(fault));
            assert_eq!(target.fault(), Some(fault));
        }
        target.set_fault(None);
        assert_eq!(target.fault(), None);
    }

    #[test]
    fn everybody_who_waits_is_woken_once_and_nobody_else() {
        let (target, count) = (testing::target_state(), Arc::new(Count::default()));
        let (mut stays, mut leaves) = (target.gone(), target.gone());
        assert!(!poll(&mut stays, &count) && !poll(&mut stays, &count) && !poll(&mut leaves, &count));
        drop(leaves);
        target.leave();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(target.is_gone() && poll(&mut stays, &count) && poll(&mut target.gone(), &count));
    }

    #[test]
    fn those_who_stop_waiting_leave_no_room_behind() {
        let (target, count) = (testing::target_state(), Arc::new(Count::default()));
        for _ in 0..1000 {
            let (mut one, mut other) = (target.gone(), target.gone());
            assert!(!poll(&mut one, &count) && !poll(&mut other, &count));
        }
        assert_eq!(target.waiting().slots.len(), 2);
    }
}
