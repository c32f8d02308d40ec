//! The query of a request, by key.

use std::collections::BTreeMap;

use wire::local::Failure;

/// The query of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "true")));
        Self(pairs.map(|(key, value)| (decode(key), decode(value))).collect())
    }

    /// A value, if the key is there.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A value that must be there, or may be, and must be of its type.
    pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &str) -> Result<Option<T>, Failure> {
        self.get(key).map(|text| text.parse().map_err(|error| Failure::input(format!("`{key}={text}`: {error}")))).transpose()
    }

    /// A value that must be there.
    pub(super) fn required<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &str) -> Result<T, Failure> {
        self.parsed(key)?.ok_or_else(|| Failure::input(format!("the query needs `{key}`")))
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let query = Query::parse("cluster=a%20b&follow&x=1+2&bad=%zz&=");
        for (key, value) in [("cluster", "a b"), ("follow", "true"), ("x", "1 2"), ("bad", "%zz")] {
            assert_eq!(query.get(key), Some(value));
        }
        assert!(query.required::<u32>("cluster").unwrap_err().message.starts_with("`cluster=a b`"));
        assert_eq!(query.parsed::<u32>("none").unwrap(), None);
    }
}
