//! A cron expression in AWS's dialect: six fields, `?`, `L`, `W` and `#` (ecs.md 7; EventBridge and Application Auto Scaling share it).
//!
//! ```text
//! minutes  hours  day of month       month          day of week            year
//! 0-59     0-23   1-31 ? L W LW      1-12 JAN-DEC   1-7 SUN-SAT ? L #      1970-2199
//! ```
//!
//! Everywhere `*`, lists `1,3`, ranges `1-5` and steps `0/15`, `1-31/2`, `*/5`. One of the two days is `?`, the other says which day.
//! Where AWS is silent: a range must not run backwards, and `L-3` (Quartz's third last day) is not known.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};

/// When a schedule of the form `cron(…)` is due, in the calendar of whichever time zone is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
    days: Days,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<MonthDay>),
    OfWeek(Vec<WeekDay>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum MonthDay {
    /// Any of these.
    Any(BTreeSet<i16>),
    /// `L`: the last.
    Last,
    /// `LW`: the last that is no Saturday and no Sunday.
    LastWeekday,
    /// `15W`: the day of the same month nearest to the 15th that is no Saturday and no Sunday.
    Nearest(i16),
}

/// Days of the week count from 1, Sunday.
#[derive(Clone, Debug, PartialEq, Eq)]
enum WeekDay {
    /// Any of these.
    Any(BTreeSet<i16>),
    /// `5L`: the last Thursday of the month.
    Last(i16),
    /// `3#2`: the second Tuesday of the month.
    Nth(i16, i16),
}

/// One of the six fields.
struct Field {
    name: &'static str,
    bounds: (i16, i16),
    words: &'static [&'static str],
}

const MINUTES: Field = Field { name: "minutes", bounds: (0, 59), words: &[] };
const HOURS: Field = Field { name: "hours", bounds: (0, 23), words: &[] };
const DAY_OF_MONTH: Field = Field { name: "day of month", bounds: (1, 31), words: &[] };
const MONTH: Field =
    Field { name: "month", bounds: (1, 12), words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] };
const DAY_OF_WEEK: Field = Field { name: "day of week", bounds: (1, 7), words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };
const YEAR: Field = Field { name: "year", bounds: (1970, 2199), words: &[] };

const SATURDAY: i16 = 7;

impl Cron {
    /// The six fields as they were written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The minutes at which it is due at or after `from`, in order: every one that the calendar has, whether or not a clock of some time
    /// zone shows it.
    pub fn due_from(&self, from: DateTime) -> impl Iterator<Item = DateTime> {
        let dates = std::iter::successors(Some(from.date()), |date| self.next_date(*date));
        let due = dates.filter(|date| self.is_due_on(*date)).flat_map(|date| {
            let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
            times.filter_map(move |(hour, minute)| Some(date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0)))
        });
        due.filter(move |moment| *moment >= from)
    }

    /// The day after, or the first of the next month where the whole month is none of ours; `None` when no year of ours is left.
    fn next_date(&self, date: Date) -> Option<Date> {
        let next = date.tomorrow().ok()?;
        let here = |date: Date| self.months.contains(&i16::from(date.month())) && self.years.contains(&date.year());
        let next = if here(next) || next.day() == 1 { next } else { next.last_of_month().tomorrow().ok()? };
        self.years.last().is_some_and(|last| next.year() <= *last).then_some(next)
    }

    fn is_due_on(&self, date: Date) -> bool {
        let here = self.months.contains(&i16::from(date.month())) && self.years.contains(&date.year());
        here && match &self.days {
            Days::OfMonth(days) => days.iter().any(|day| day.is(date)),
            Days::OfWeek(days) => days.iter().any(|day| day.is(date)),
        }
    }
}

impl MonthDay {
    fn is(&self, date: Date) -> bool {
        let wanted = match self {
            Self::Any(days) => return days.contains(&i16::from(date.day())),
            Self::Last => return date == date.last_of_month(),
            Self::LastWeekday => nearest_weekday(date.last_of_month()),
            Self::Nearest(day) => i8::try_from(*day).ok().and_then(|day| Date::new(date.year(), date.month(), day).ok()).and_then(nearest_weekday),
        };
        wanted == Some(date)
    }
}

/// The nearest day of the same month that is no Saturday and no Sunday.
fn nearest_weekday(date: Date) -> Option<Date> {
    let days: &[i64] = match number(date) {
        1 => &[1, -2],
        SATURDAY => &[-1, 2],
        _ => &[0],
    };
    days.iter().filter_map(|days| date.checked_add(jiff::Span::new().try_days(*days).ok()?).ok()).find(|found| found.month() == date.month())
}

impl WeekDay {
    fn is(&self, date: Date) -> bool {
        let day = number(date);
        match self {
            Self::Any(days) => days.contains(&day),
            Self::Last(wanted) => day == *wanted && date.day() > date.days_in_month() - 7,
            Self::Nth(wanted, count) => day == *wanted && (i16::from(date.day()) - 1) / 7 + 1 == *count,
        }
    }
}

/// The day of the week, from 1, Sunday.
fn number(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_one_offset())
}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return Err(format!(
                "a cron expression of AWS's has six fields (minutes, hours, day of month, month, day of week, year), this one has {}",
                fields.len()
            ));
        };
        let days = match (*day_of_month, *day_of_week) {
            ("?", "?") => return Err("one of day of month and day of week must say which days: `*` for all".into()),
            (days, "?") => Days::OfMonth(list(days, month_day)?),
            ("?", days) => Days::OfWeek(list(days, week_day)?),
            _ => return Err("one of day of month and day of week must be `?`".into()),
        };
        Ok(Self {
            minutes: MINUTES.set(minutes)?,
            hours: HOURS.set(hours)?,
            months: MONTH.set(month)?,
            years: YEAR.set(year)?,
            days,
            text: fields.join(" "),
        })
    }
}

fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(read).collect()
}

fn month_day(text: &str) -> Result<MonthDay, String> {
    match text {
        "L" => Ok(MonthDay::Last),
        "LW" | "WL" => Ok(MonthDay::LastWeekday),
        _ => match text.strip_suffix('W') {
            Some(day) => DAY_OF_MONTH.number(day).map(MonthDay::Nearest),
            None => DAY_OF_MONTH.part(text).map(MonthDay::Any),
        },
    }
}

fn week_day(text: &str) -> Result<WeekDay, String> {
    if text == "L" {
        return Ok(WeekDay::Any(BTreeSet::from([SATURDAY])));
    }
    if let Some((day, count)) = text.split_once('#') {
        let day = DAY_OF_WEEK.number(day)?;
        let count = count.parse().ok().filter(|count| (1..=5).contains(count));
        return count.map(|count| WeekDay::Nth(day, count)).ok_or_else(|| format!("`{text}`: a month has a day of the week 1 to 5 times"));
    }
    match text.strip_suffix('L') {
        Some(day) => DAY_OF_WEEK.number(day).map(WeekDay::Last),
        None => DAY_OF_WEEK.part(text).map(WeekDay::Any),
    }
}

impl Field {
    fn set(&self, text: &str) -> Result<BTreeSet<i16>, String> {
        Ok(list(text, |part| self.part(part))?.into_iter().flatten().collect())
    }

    /// `*`, `5`, `1-5`, each with a step.
    fn part(&self, text: &str) -> Result<BTreeSet<i16>, String> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => {
                let step = step.parse().ok().filter(|step| *step > 0);
                (range, step.ok_or_else(|| format!("the step of `{text}` in {} is not a number from 1", self.name))?)
            }
            None => (text, 1_usize),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => self.bounds,
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None => {
                let first = self.number(range)?;
                (first, if text.contains('/') { self.bounds.1 } else { first })
            }
        };
        if first > last {
            return Err(format!("`{text}` in {} runs backwards; write a list", self.name));
        }
        Ok((first..=last).step_by(step).collect())
    }

    fn number(&self, text: &str) -> Result<i16, String> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text)).and_then(|at| i16::try_from(at).ok());
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = word.map(|at| at + self.bounds.0).or_else(|| text.parse().ok().filter(|_| digits));
        let (first, last) = self.bounds;
        number.filter(|number| (first..=last).contains(number)).ok_or_else(|| {
            let words = match (self.words.first(), self.words.last()) {
                (Some(first), Some(last)) => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            format!("`{text}` in {} is not {first} to {last}{words}", self.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn due(cron: &str, from: &str, expected: &[&str]) {
        let cron: Cron = cron.parse().unwrap();
        let found: Vec<String> = cron.due_from(from.parse().unwrap()).take(expected.len()).map(|moment| moment.to_string()).collect();
        assert_eq!(found, expected.iter().map(|text| format!("{text}:00")).collect::<Vec<_>>(), "{cron:?}");
    }

    #[test]
    fn expressions_come_due() {
        // 2026-01-01 is a Thursday.
        due("0 18 * * ? *", "2026-01-01T18:00", &["2026-01-01T18:00", "2026-01-02T18:00"]);
        due("0 18 * * ? *", "2026-01-01T18:01", &["2026-01-02T18:00"]);
        due("0/15 8-9 ? * MON-FRI *", "2026-01-02T09:40", &["2026-01-02T09:45", "2026-01-05T08:00"]);
        due("*/30 * * * ? *", "2026-01-01T23:31", &["2026-01-02T00:00", "2026-01-02T00:30"]);
        due("15,45 10 * * ? *", "2026-01-01T00:00", &["2026-01-01T10:15", "2026-01-01T10:45", "2026-01-02T10:15"]);
        due("0 0 L * ? *", "2026-01-01T00:00", &["2026-01-31T00:00", "2026-02-28T00:00", "2026-03-31T00:00"]);
        due("0 0 29 2 ? *", "2026-01-01T00:00", &["2028-02-29T00:00", "2032-02-29T00:00"]);
        due("0 0 31 * ? *", "2026-02-01T00:00", &["2026-03-31T00:00", "2026-05-31T00:00"]);
        due("0 0 1/10 jan,MAR ? 2026-2027", "2026-01-12T00:00", &["2026-01-21T00:00", "2026-01-31T00:00", "2026-03-01T00:00"]);
        due("5 4 1 1 ? 2030", "2026-01-01T00:00", &["2030-01-01T04:05"]);
        due("0 12 1-7/3 * ? *", "2026-01-01T00:00", &["2026-01-01T12:00", "2026-01-04T12:00", "2026-01-07T12:00", "2026-02-01T12:00"]);
    }

    #[test]
    fn days_that_depend_on_the_week() {
        // The 1st of August 2026 is a Saturday, the 15th too; the 1st of November 2026 a Sunday, the 28th of February a Saturday.
        due("0 0 1W 8 ? *", "2026-01-01T00:00", &["2026-08-03T00:00"]);
        due("0 0 15W 8 ? *", "2026-01-01T00:00", &["2026-08-14T00:00"]);
        due("0 0 1W 11 ? *", "2026-01-01T00:00", &["2026-11-02T00:00"]);
        due("0 0 LW 2 ? *", "2026-01-01T00:00", &["2026-02-27T00:00"]);
        due("0 0 31W 5 ? *", "2026-01-01T00:00", &["2026-05-29T00:00"]);
        due("0 0 30W 2,3 ? *", "2026-01-01T00:00", &["2026-03-30T00:00"]);
        due("0 0 ? * 5L *", "2026-01-01T00:00", &["2026-01-29T00:00", "2026-02-26T00:00"]);
        due("0 0 ? * L *", "2026-01-01T00:00", &["2026-01-03T00:00", "2026-01-10T00:00"]);
        due("0 0 ? * 3#2 *", "2026-01-01T00:00", &["2026-01-13T00:00", "2026-02-10T00:00"]);
        due("0 0 ? * MON#5 *", "2026-01-01T00:00", &["2026-03-30T00:00", "2026-06-29T00:00"]);
        due("0 0 ? * 1,SAT *", "2026-01-01T00:00", &["2026-01-03T00:00", "2026-01-04T00:00"]);
    }

    #[test]
    fn what_never_comes_ends() {
        let cron: Cron = "0 0 30 2 ? *".parse().unwrap();
        assert_eq!(cron.due_from("2026-01-01T00:00".parse().unwrap()).next(), None);
        let cron: Cron = "0 0 * * ? 2020".parse().unwrap();
        assert_eq!(cron.due_from("2026-01-01T00:00".parse().unwrap()).next(), None);
    }

    #[test]
    fn mistakes_are_said() {
        for (cron, why) in [
            ("0 18 * * *", "this one has 5"),
            ("0 18 * * ? * *", "this one has 7"),
            ("0 18 * * * *", "one of day of month and day of week must be `?`"),
            ("0 18 ? * ? *", "must say which days"),
            ("60 18 * * ? *", "`60` in minutes is not 0 to 59"),
            ("0 24 * * ? *", "`24` in hours is not 0 to 23"),
            ("0 0 0 * ? *", "`0` in day of month is not 1 to 31"),
            ("0 0 ? * 0 *", "`0` in day of week is not 1 to 7 or SUN to SAT"),
            ("0 0 ? * MOON *", "`MOON` in day of week is not 1 to 7 or SUN to SAT"),
            ("0 0 ? * 2#6 *", "1 to 5 times"),
            ("0 0 ? * FRI-MON *", "runs backwards; write a list"),
            ("0/0 0 * * ? *", "the step of `0/0` in minutes is not a number from 1"),
            ("0 0 * 13 ? *", "`13` in month is not 1 to 12 or JAN to DEC"),
            ("0 0 * * ? 1969", "`1969` in year is not 1970 to 2199"),
            ("? 0 * * ? *", "`?` in minutes"),
            ("1,,2 0 * * ? *", "`` in minutes"),
            ("0 0 XW * ? *", "`X` in day of month"),
            ("+5 0 * * ? *", "`+5` in minutes"),
        ] {
            let error = cron.parse::<Cron>().unwrap_err();
            assert!(error.contains(why), "{cron}: {error}");
        }
    }
}
