//! The regular expressions of a table, each compiled once: a table takes those that it has in common with the one before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::bytes::Regex;

/// By whether letters of both cases differ, and by text. `None` is one that cannot be compiled; whoever read it has refused it.
type ByText = BTreeMap<(bool, Box<str>), Option<Arc<Regex>>>;

/// The expressions of a table that is being made, and what is taken from the one before it.
#[derive(Default)]
pub(crate) struct Making<'a> {
    before: Option<&'a Expressions>,
    made: ByText,
}

/// The expressions that a table has, and no others.
#[derive(Debug, Default)]
pub(crate) struct Expressions(ByText);

impl<'a> Making<'a> {
    pub(crate) fn after(before: Option<&'a Expressions>) -> Self {
        Self { before, made: ByText::new() }
    }

    /// The expression of that text, compiled unless it is already.
    pub(crate) fn get(&mut self, source: &str, case_sensitive: bool) -> Option<Arc<Regex>> {
        let key = (case_sensitive, Box::from(source));
        if let Some(made) = self.made.get(&key) {
            return made.clone();
        }
        let known = self.before.and_then(|before| before.0.get(&key)).cloned();
        let regex = known.unwrap_or_else(|| model::regex::compile(source, case_sensitive).ok().map(Arc::new));
        self.made.insert(key, regex.clone());
        regex
    }

    pub(crate) fn made(self) -> Expressions {
        Expressions(self.made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_compiled_again_and_what_nobody_asks_for_is_forgotten() {
        let mut first = Making::default();
        let exact = first.get("^a$", true).unwrap();
        let (any_case, again) = (first.get("^a$", false).unwrap(), first.get("^a$", true).unwrap());
        assert!(Arc::ptr_eq(&exact, &again) && !Arc::ptr_eq(&exact, &any_case));
        assert!(any_case.is_match(b"A") && !exact.is_match(b"A"));
        assert!(first.get("(", true).is_none());
        let first = first.made();
        let mut second = Making::after(Some(&first));
        assert!(Arc::ptr_eq(&exact, &second.get("^a$", true).unwrap()));
        assert_eq!((first.0.len(), second.made().0.len()), (3, 1));
    }
}
