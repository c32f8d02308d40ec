//! When something is to be done by itself: `at(…)`, `rate(…)` and `cron(…)` as Application Auto Scaling and EventBridge write them
//! (ecs.md 7), in a time zone.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{Cron, Timestamp};

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Schedule {
    /// `at(2026-12-24T18:00:00)`: once.
    At(DateTime),
    /// `rate(5 minutes)`: again and again, counted from when it was made or from its start time.
    Rate(Duration),
    /// `cron(0 18 * * ? *)`: by the calendar.
    Cron(Box<Cron>),
}

impl Schedule {
    /// The first moment after `after` when it is due. `since` is from when a rate is counted; it is not due at that moment itself.
    ///
    /// AWS is silent on clocks that are put forward or back: a time that is left out comes as much later as the clock is put forward, one
    /// that comes twice counts the first time.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, zone: &TimeZoneName, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(moment) => instant(*moment, &zone.zone()).filter(|at| *at > after),
            Self::Rate(every) => {
                let every = u64::try_from(every.as_millis()).ok().filter(|every| *every > 0)?;
                let passed = u64::try_from(after.since(since).as_millis()).ok()?;
                Some(since + Duration::from_millis((passed / every + 1).saturating_mul(every)))
            }
            Self::Cron(cron) => next_of_cron(cron, after, &zone.zone()),
        }
    }
}

/// Times of day that are left out come later, so the first of the calendar is not always the first of the clock.
fn next_of_cron(cron: &Cron, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let from = jiff::Timestamp::from_millisecond(i64::try_from(after.as_millis()).ok()?).ok()?;
    let midnight = zone.to_datetime(from).date().at(0, 0, 0, 0);
    let mut first: Option<Timestamp> = None;
    for moment in cron.due_from(midnight) {
        let Some(at) = instant(moment, zone) else { continue };
        if first.is_some_and(|first| first < at) {
            break;
        }
        first = Some(at).filter(|at| *at > after).or(first);
    }
    first
}

fn instant(moment: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_ambiguous_timestamp(moment).compatible().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp::from_millis)
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let inner = |kind: &str| text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.strip_suffix(')'));
        if let Some(cron) = inner("cron") {
            return cron.parse().map(|cron| Self::Cron(Box::new(cron)));
        }
        if let Some(rate) = inner("rate") {
            return rate_of(rate);
        }
        if let Some(at) = inner("at") {
            let zoned = at.contains(['Z', '+']);
            let moment = at.parse().ok().filter(|_| !zoned && at.contains('T'));
            return moment
                .map(Self::At)
                .ok_or_else(|| format!("`{at}` is not a date and time such as `2026-12-24T18:00:00`; the zone is said apart"));
        }
        Err(format!("`{text}` is neither `at(…)` nor `rate(…)` nor `cron(…)`"))
    }
}

fn rate_of(text: &str) -> Result<Schedule, String> {
    let wrong = || format!("`{text}` is not a number from 1 and `minutes`, `hours` or `days`");
    let (count, unit) = text.split_once(' ').ok_or_else(wrong)?;
    let count: u32 = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    let seconds = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3600,
        "day" | "days" => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Schedule::Rate(Duration::from_secs(u64::from(count) * seconds)))
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(moment) => write!(f, "at({moment})"),
            Self::Rate(every) => {
                let (count, unit) = match every.as_secs() {
                    days if days.is_multiple_of(86_400) => (days / 86_400, "day"),
                    hours if hours.is_multiple_of(3600) => (hours / 3600, "hour"),
                    seconds => (seconds / 60, "minute"),
                };
                write!(f, "rate({count} {unit}{})", if count == 1 { "" } else { "s" })
            }
            Self::Cron(cron) => write!(f, "cron({})", cron.as_str()),
        }
    }
}

impl TryFrom<String> for Schedule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

/// A moment as AWS's JSON has it: `2026-12-24T18:00:00Z`, the same without a zone in UTC, or seconds since 1970.
///
/// # Errors
/// A sentence that says what is wanted.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let seconds = || text.parse::<crate::Decimal>().ok().map(|seconds| seconds.millionths() / 1000);
    let zoned = || text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    let plain =
        || text.parse::<DateTime>().ok().filter(|_| text.contains('T'))?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_millisecond());
    let millis = seconds().or_else(zoned).or_else(plain).and_then(|millis| u64::try_from(millis).ok());
    millis.map(Timestamp::from_millis).ok_or_else(|| format!("`{text}` is not a date and time such as `2026-12-24T18:00:00Z`"))
}

/// The name of a time zone, such as `Europe/Berlin`. Its rules are those that ecslocal was built with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone; it was there when the name was taken.
    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl Default for TimeZoneName {
    fn default() -> Self {
        Self("UTC".into())
    }
}

impl FromStr for TimeZoneName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match TimeZone::get(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(format!("there is no time zone `{text}`")),
        }
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TimeZoneName> for String {
    fn from(name: TimeZoneName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(u64::try_from(moment.as_millisecond()).unwrap())
    }

    #[track_caller]
    fn next(schedule: &str, zone: &str, after: &str, expected: Option<&str>) {
        let schedule: Schedule = schedule.parse().unwrap();
        let found = schedule.next_after(at(after), &zone.parse().unwrap(), at("2026-01-01T00:00:30Z"));
        assert_eq!(found, expected.map(at), "{schedule} {zone} after {after}");
    }

    #[test]
    fn schedules_come_due_in_their_zone() {
        next("at(2026-06-01T12:00:00)", "UTC", "2026-06-01T11:59:59Z", Some("2026-06-01T12:00:00Z"));
        next("at(2026-06-01T12:00:00)", "UTC", "2026-06-01T12:00:00Z", None);
        next("at(2026-06-01T12:00:00)", "Europe/Berlin", "2026-01-01T00:00:00Z", Some("2026-06-01T10:00:00Z"));
        next("cron(0 18 * * ? *)", "UTC", "2026-06-01T18:00:00Z", Some("2026-06-02T18:00:00Z"));
        next("cron(0 18 * * ? *)", "Europe/Berlin", "2026-06-01T12:00:00Z", Some("2026-06-01T16:00:00Z"));
        next("cron(0 18 * * ? *)", "Europe/Berlin", "2026-01-01T12:00:00Z", Some("2026-01-01T17:00:00Z"));
        next("cron(30 0 * * ? *)", "Pacific/Tahiti", "2026-01-01T00:00:00Z", Some("2026-01-01T10:30:00Z"));
        next("rate(5 minutes)", "UTC", "2026-01-01T00:00:30Z", Some("2026-01-01T00:05:30Z"));
        next("rate(5 minutes)", "UTC", "2026-01-01T00:05:29Z", Some("2026-01-01T00:05:30Z"));
        next("rate(5 minutes)", "UTC", "2026-01-01T00:05:30Z", Some("2026-01-01T00:10:30Z"));
        next("rate(1 day)", "Europe/Berlin", "2026-03-29T12:00:00Z", Some("2026-03-30T00:00:30Z"));
        next("rate(2 hours)", "UTC", "2025-12-31T00:00:00Z", Some("2026-01-01T02:00:30Z"));
    }

    #[test]
    fn clocks_that_are_put_forward_or_back() {
        // Berlin: on 2026-03-29 02:00 becomes 03:00, on 2026-10-25 03:00 becomes 02:00.
        next("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-29T00:00:00Z", Some("2026-03-29T01:30:00Z"));
        next("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-29T01:30:00Z", Some("2026-03-30T00:30:00Z"));
        next("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:00:00Z", Some("2026-10-25T00:30:00Z"));
        next("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:30:00Z", Some("2026-10-26T01:30:00Z"));
        next("cron(30 2,3 * * ? *)", "Europe/Berlin", "2026-03-29T01:29:00Z", Some("2026-03-29T01:30:00Z"));
        next("cron(0 2,3 * * ? *)", "Europe/Berlin", "2026-03-29T00:59:00Z", Some("2026-03-29T01:00:00Z"));
        next("cron(45 2-3 * * ? *)", "Europe/Berlin", "2026-03-29T00:50:00Z", Some("2026-03-29T01:45:00Z"));
        next("cron(15,45 2-3 * * ? *)", "Europe/Berlin", "2026-03-29T01:20:00Z", Some("2026-03-29T01:45:00Z"));
    }

    #[test]
    fn schedules_are_kept_as_text() {
        for (text, kept) in [
            ("at(2026-12-24T18:00:00)", "at(2026-12-24T18:00:00)"),
            ("rate(1 minutes)", "rate(1 minute)"),
            ("rate(90 minutes)", "rate(90 minutes)"),
            ("rate(48 hours)", "rate(2 days)"),
            ("cron(0  18 * * ? *)", "cron(0 18 * * ? *)"),
        ] {
            let schedule: Schedule = text.parse().unwrap();
            assert_eq!(schedule.to_string(), kept);
            let json = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
        }
    }

    #[test]
    fn mistakes_are_said() {
        for (text, why) in [
            ("every day", "neither `at(…)` nor `rate(…)` nor `cron(…)`"),
            ("0 18 * * ? *", "neither"),
            ("rate(5)", "is not a number from 1 and"),
            ("rate(0 minutes)", "is not a number from 1 and"),
            ("rate(5 weeks)", "is not a number from 1 and"),
            ("at(tomorrow)", "is not a date and time"),
            ("at(2026-12-24)", "is not a date and time"),
            ("at(2026-12-24T18:00:00Z)", "is not a date and time"),
            ("at(2026-13-24T18:00:00)", "is not a date and time"),
            ("cron(0 18 * * *)", "six fields"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        for (text, expected) in [
            ("2026-12-24T18:00:00Z", Some("2026-12-24T18:00:00Z")),
            ("2026-12-24T18:00:00+01:00", Some("2026-12-24T17:00:00Z")),
            ("2026-12-24T18:00:00", Some("2026-12-24T18:00:00Z")),
            ("1767225600.5", Some("2026-01-01T00:00:00.5Z")),
            ("2026-12-24", None),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(moment(text).ok(), expected.map(at), "{text}");
        }
        assert!("Europe/Berlinn".parse::<TimeZoneName>().unwrap_err().contains("Europe/Berlinn"));
    }
}
