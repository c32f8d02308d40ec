//! A number of a metric, exact: two Worlds with the same numbers are the same World.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MILLIONTHS: i64 = 1_000_000;

/// A number with up to six decimals, from about -9.2e12 to 9.2e12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decimal(i64);

impl Decimal {
    /// Nought.
    pub const ZERO: Self = Self(0);

    /// So many millionths.
    #[must_use]
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// A whole number; the greatest there is where it does not fit.
    #[must_use]
    pub const fn whole(number: i64) -> Self {
        Self(number.saturating_mul(MILLIONTHS))
    }

    /// `numerator / denominator`, cut after six decimals; `None` for a denominator of 0. The greatest there is where it does not fit.
    #[must_use]
    pub fn ratio(numerator: u128, denominator: u128) -> Option<Self> {
        let millionths = numerator.saturating_mul(MILLIONTHS.unsigned_abs().into()).checked_div(denominator)?;
        Some(Self(i64::try_from(millionths).unwrap_or(i64::MAX)))
    }

    /// The mean; `None` of nothing.
    #[must_use]
    pub fn mean(numbers: &[Self]) -> Option<Self> {
        let sum: i128 = numbers.iter().map(|number| i128::from(number.0)).sum();
        let mean = sum.checked_div(i128::try_from(numbers.len()).ok()?)?;
        Some(Self(i64::try_from(mean).unwrap_or(i64::MAX)))
    }

    /// The sum; the greatest there is where it does not fit.
    #[must_use]
    pub fn sum(numbers: &[Self]) -> Self {
        Self(numbers.iter().fold(0, |sum, number| sum.saturating_add(number.0)))
    }

    /// The difference to another.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many hundredths of it.
    #[must_use]
    pub const fn percent(self, percent: i64) -> Self {
        Self(self.0.saturating_mul(percent) / 100)
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) {
            return Err(format!("`{text}` is not a number such as `75` or `0.25`"));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 6 {
            return Err(format!("`{text}` has more than six decimals"));
        }
        let too_large = || format!("`{text}` is too large");
        let whole: i64 = whole.parse().map_err(|_| too_large())?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| too_large())?;
        let millionths = whole.checked_mul(MILLIONTHS).and_then(|whole| whole.checked_add(fraction)).ok_or_else(too_large)?;
        Ok(Self(sign * millionths))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, number) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, rest) = (number / MILLIONTHS.unsigned_abs(), number % MILLIONTHS.unsigned_abs());
        let text = if rest == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{}", format!("{rest:06}").trim_end_matches('0')) };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_printed_exactly() {
        for (text, millionths, printed) in [
            ("75", 75_000_000, "75"),
            ("75.0", 75_000_000, "75"),
            ("0.25", 250_000, "0.25"),
            ("-10.5", -10_500_000, "-10.5"),
            ("0.000001", 1, "0.000001"),
            ("1.1000000000", 1_100_000, "1.1"),
        ] {
            let number: Decimal = text.parse().unwrap();
            assert_eq!((number.millionths(), number.to_string().as_str()), (millionths, printed), "{text}");
        }
        for text in ["", "-", ".5", "5.", "1e3", "seven", "0.0000001", "99999999999999", "1 000"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    #[test]
    fn ratios_means_and_shares() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(Decimal::ratio(1, 3), Some(number("0.333333")));
        assert_eq!(Decimal::ratio(1, 0), None);
        assert_eq!(Decimal::mean(&[]), None);
        assert_eq!(Decimal::mean(&[number("1"), number("2")]), Some(number("1.5")));
        assert_eq!(Decimal::sum(&[number("1"), number("2.5")]), number("3.5"));
        assert_eq!(number("75").percent(90), number("67.5"));
        assert_eq!(number("3").minus(number("5")), number("-2"));
    }
}
