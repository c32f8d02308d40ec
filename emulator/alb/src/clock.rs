//! The worker's clock: read once per turn of its loop, not per request. The only place of the room that asks the system for the time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Timestamp;
use routing::calendar::Civil;

/// A reading is taken anew after this many uses of it, for loops so busy that they never park.
const USES_OF_A_READING: u32 = 64;

/// A point in time of one worker, with the precision of one turn of its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Duration);

impl Moment {
    /// How long after `earlier` this is; zero when it is not after it.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

struct Reading {
    started: Instant,
    moment: Cell<Duration>,
    unix: Cell<Duration>,
    uses: Cell<u32>,
}

thread_local! {
    static READING: Reading = Reading {
        started: monotonic(),
        moment: Cell::new(Duration::ZERO),
        unix: Cell::new(wall()),
        uses: Cell::new(0),
    };
    static DATE: RefCell<(u64, Rc<str>)> = RefCell::new((u64::MAX, Rc::from("")));
}

/// Reads the system's clocks; called whenever the worker wakes.
pub(crate) fn refresh() {
    READING.with(take);
}

/// Now, as of this turn of the loop.
pub(crate) fn now() -> Moment {
    READING.with(|reading| {
        use_once(reading);
        Moment(reading.moment.get())
    })
}

/// Whole seconds since the Unix epoch, as of this turn of the loop.
pub(crate) fn unix_seconds() -> u64 {
    unix().as_secs()
}

/// Milliseconds since the Unix epoch, as of this turn of the loop.
pub(crate) fn timestamp() -> Timestamp {
    Timestamp::from_millis(u64::try_from(unix().as_millis()).unwrap_or(u64::MAX))
}

/// Since this thread began to count, read anew: for what takes less than a turn of the loop.
pub(crate) fn precise() -> Duration {
    READING.with(|reading| {
        take(reading);
        reading.moment.get()
    })
}

/// Since the Unix epoch, as of this turn of the loop.
pub(crate) fn unix() -> Duration {
    READING.with(|reading| {
        use_once(reading);
        reading.unix.get()
    })
}

/// The value of `Date` for now, such as `Tue, 01 Jan 2024 00:00:00 GMT`; written once a second.
pub(crate) fn date() -> Rc<str> {
    let seconds = unix_seconds();
    DATE.with(|cached| {
        let mut cached = cached.borrow_mut();
        if cached.0 != seconds {
            *cached = (seconds, http_date(seconds).into());
        }
        Rc::clone(&cached.1)
    })
}

/// RFC 9110, 5.6.7.
pub(crate) fn http_date(unix_seconds: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, weekday, hour, minute, second } = Civil::of(unix_seconds);
    let name = |names: &[&'static str], index: u64| usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default();
    let (weekday, month) = (name(&WEEKDAYS, weekday), name(&MONTHS, month - 1));
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

fn use_once(reading: &Reading) {
    let uses = reading.uses.get() + 1;
    reading.uses.set(uses);
    if uses >= USES_OF_A_READING {
        take(reading);
    }
}

fn take(reading: &Reading) {
    reading.uses.set(0);
    reading.moment.set(monotonic().saturating_duration_since(reading.started));
    reading.unix.set(wall());
}

#[expect(clippy::disallowed_methods, reason = "the data plane's own clock, cached per worker")]
fn monotonic() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the data plane's own clock, cached per worker")]
fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_stands_until_refreshed_and_not_for_ever() {
        refresh();
        let first = now();
        assert_eq!(now(), first, "two uses of one reading");
        let begun = monotonic();
        while monotonic().duration_since(begun) < Duration::from_millis(2) {}
        refresh();
        assert!(now().since(first) >= Duration::from_millis(2));
        let second = now();
        while monotonic().duration_since(begun) < Duration::from_millis(4) {}
        assert!((0..=USES_OF_A_READING).any(|_| now() > second), "a busy loop still sees time pass");
    }

    #[test]
    fn dates_are_written_as_http_wants_them() {
        for (seconds, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(seconds), date);
        }
    }
}
