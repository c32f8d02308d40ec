//! Dates of seconds since the Unix epoch, for what is written with each request.

/// A moment of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// 1970 and later.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
    /// 0 is Sunday.
    pub weekday: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
}

impl Civil {
    /// Howard Hinnant's `civil_from_days`, restricted to days after 1970.
    #[must_use]
    pub const fn of(unix_seconds: u64) -> Self {
        let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
        let since_march_0000 = days + 719_468;
        let (era, day_of_era) = (since_march_0000 / 146_097, since_march_0000 % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        Self {
            year: year_of_era + era * 400 + (month_from_march >= 10) as u64,
            month: (month_from_march + 2) % 12 + 1,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            weekday: (days + 4) % 7,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

/// Writes the last digits of a number, with zeros in front.
pub(crate) fn digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        let [last, ..] = (number % 10).to_le_bytes();
        *digit = b'0' + last;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_found_in_the_calendar() {
        // Every day of 130 years, by a calendar that knows more.
        for day in 0..47_500_u64 {
            let seconds = day * 86_400 + day % 86_400;
            let known = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            let found = Civil::of(seconds);
            let number = |value: i8| u64::try_from(value).unwrap();
            assert_eq!(
                (found.year, found.month, found.day, found.weekday),
                (u64::try_from(known.year()).unwrap(), number(known.month()), number(known.day()), number(known.weekday().to_sunday_zero_offset()))
            );
            assert_eq!((found.hour, found.minute, found.second), (number(known.hour()), number(known.minute()), number(known.second())));
        }
    }

    #[test]
    fn digits_have_zeros_in_front() {
        let mut place = *b"xxxx";
        digits(&mut place, 42);
        assert_eq!(&place, b"0042");
        digits(&mut place, 123_456);
        assert_eq!(&place, b"3456");
    }
}
