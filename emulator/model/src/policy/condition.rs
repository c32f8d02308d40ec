//! Conditions of a statement: operators over what is known of a request.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{PolicyPattern, PolicyRequest};
use crate::{Cidr, Decimal};

/// One operator with one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyCondition {
    /// How values are compared.
    pub operator: Operator,
    /// Of several values of the request, which must match.
    pub set: Option<SetOperator>,
    /// With `…IfExists` it holds where the request does not have the key.
    pub if_exists: bool,
    /// What of the request is compared.
    pub key: String,
    /// With one of these, or with none of them where the operator is a negation.
    pub values: Vec<PolicyPattern>,
}

/// For keys with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetOperator {
    /// Each of them, so also where there is none.
    ForAllValues,
    /// At least one of them.
    ForAnyValue,
}

macro_rules! operators {
    ($($name:ident,)*) => {
        /// How values are compared. The names are AWS's own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Operator {
            $($name,)*
        }

        impl Operator {
            /// Every operator that is known here.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The operator of that name, in whichever case.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $(name if name.eq_ignore_ascii_case(stringify!($name)) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

operators! {
    StringEquals, StringNotEquals, StringEqualsIgnoreCase, StringNotEqualsIgnoreCase, StringLike, StringNotLike,
    NumericEquals, NumericNotEquals, NumericLessThan, NumericLessThanEquals, NumericGreaterThan, NumericGreaterThanEquals,
    DateEquals, DateNotEquals, DateLessThan, DateLessThanEquals, DateGreaterThan, DateGreaterThanEquals,
    Bool, IpAddress, NotIpAddress, ArnEquals, ArnLike, ArnNotEquals, ArnNotLike, Null,
}

impl Operator {
    /// Whether it holds where no value matches. Then it holds as well where the request does not have the key.
    const fn is_negation(self) -> bool {
        use Operator::{
            ArnNotEquals, ArnNotLike, DateNotEquals, NotIpAddress, NumericNotEquals, StringNotEquals, StringNotEqualsIgnoreCase, StringNotLike,
        };
        matches!(
            self,
            StringNotEquals | StringNotEqualsIgnoreCase | StringNotLike | NumericNotEquals | DateNotEquals | NotIpAddress | ArnNotEquals | ArnNotLike
        )
    }

    /// Why a value cannot be compared so.
    pub(super) fn refuses(self, value: &str) -> Option<&'static str> {
        use Operator as O;
        let good = match self {
            O::Bool | O::Null => matches!(value, "true" | "false"),
            O::IpAddress | O::NotIpAddress => network(value).is_some(),
            O::NumericEquals
            | O::NumericNotEquals
            | O::NumericLessThan
            | O::NumericLessThanEquals
            | O::NumericGreaterThan
            | O::NumericGreaterThanEquals => value.parse::<Decimal>().is_ok(),
            O::DateEquals | O::DateNotEquals | O::DateLessThan | O::DateLessThanEquals | O::DateGreaterThan | O::DateGreaterThanEquals => {
                moment(value).is_some()
            }
            _ => true,
        };
        let wanted = match self {
            O::Bool | O::Null => "`true` or `false`",
            O::IpAddress | O::NotIpAddress => "an address, or a network as `10.0.0.0/8`",
            O::DateEquals | O::DateNotEquals | O::DateLessThan | O::DateLessThanEquals | O::DateGreaterThan | O::DateGreaterThanEquals => {
                "a date as `2026-01-31T00:00:00Z`, or seconds since 1970"
            }
            _ => "a number",
        };
        (!good).then_some(wanted)
    }

    /// Whether `given` matches `wanted`, negations left aside.
    fn matches(self, given: &str, wanted: &PolicyPattern, request: &PolicyRequest<'_>) -> bool {
        use Operator as O;
        let text = || wanted.text(request);
        match self {
            O::StringEquals | O::StringNotEquals => text().is_some_and(|text| text == given),
            O::StringEqualsIgnoreCase | O::StringNotEqualsIgnoreCase => text().is_some_and(|text| text.to_lowercase() == given.to_lowercase()),
            O::StringLike | O::StringNotLike => wanted.is_like(given, request),
            O::ArnEquals | O::ArnLike | O::ArnNotEquals | O::ArnNotLike => wanted.is_arn(given, request),
            O::Bool | O::Null => text().is_some_and(|text| text.eq_ignore_ascii_case(given)),
            O::IpAddress | O::NotIpAddress => {
                let address = given.parse::<IpAddr>().ok();
                address.zip(text().as_deref().and_then(network)).is_some_and(|(address, network)| network.contains(address))
            }
            O::NumericEquals | O::NumericNotEquals => self.order(given, text().as_deref(), number, std::cmp::Ordering::is_eq),
            O::NumericLessThan => self.order(given, text().as_deref(), number, std::cmp::Ordering::is_lt),
            O::NumericLessThanEquals => self.order(given, text().as_deref(), number, std::cmp::Ordering::is_le),
            O::NumericGreaterThan => self.order(given, text().as_deref(), number, std::cmp::Ordering::is_gt),
            O::NumericGreaterThanEquals => self.order(given, text().as_deref(), number, std::cmp::Ordering::is_ge),
            O::DateEquals | O::DateNotEquals => self.order(given, text().as_deref(), moment, std::cmp::Ordering::is_eq),
            O::DateLessThan => self.order(given, text().as_deref(), moment, std::cmp::Ordering::is_lt),
            O::DateLessThanEquals => self.order(given, text().as_deref(), moment, std::cmp::Ordering::is_le),
            O::DateGreaterThan => self.order(given, text().as_deref(), moment, std::cmp::Ordering::is_gt),
            O::DateGreaterThanEquals => self.order(given, text().as_deref(), moment, std::cmp::Ordering::is_ge),
        }
    }

    fn order<T: Ord>(self, given: &str, wanted: Option<&str>, read: impl Fn(&str) -> Option<T>, is: impl Fn(std::cmp::Ordering) -> bool) -> bool {
        read(given).zip(wanted.and_then(&read)).is_some_and(|(given, wanted)| is(given.cmp(&wanted)))
    }
}

impl PolicyCondition {
    /// Whether it holds for a request.
    pub(super) fn holds(&self, request: &PolicyRequest<'_>) -> bool {
        let given = request.values(&self.key);
        if self.operator == Operator::Null {
            return self.values.iter().any(|wanted| wanted.text(request).is_some_and(|text| (text == "true") == given.is_empty()));
        }
        let one = |given: &str| self.values.iter().any(|wanted| self.operator.matches(given, wanted, request)) != self.operator.is_negation();
        match self.set {
            Some(SetOperator::ForAllValues) => given.into_iter().all(one),
            Some(SetOperator::ForAnyValue) => given.into_iter().any(one),
            None if given.is_empty() => self.if_exists || self.operator.is_negation(),
            None => given.into_iter().all(one),
        }
    }
}

fn number(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

/// An address alone is a network of one.
fn network(text: &str) -> Option<Cidr> {
    let whole = |address: IpAddr| format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 });
    text.parse::<IpAddr>().map_or_else(|_| text.to_owned(), whole).parse().ok()
}

/// Seconds since 1970, of a date with or without a time, or of the seconds themselves.
fn moment(text: &str) -> Option<i64> {
    let date = || text.parse::<jiff::civil::Date>().ok().and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
    text.parse::<i64>()
        .ok()
        .or_else(|| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second))
        .or_else(|| date().map(|date| date.timestamp().as_second()))
}
