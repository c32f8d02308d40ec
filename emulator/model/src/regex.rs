//! Regular expressions of conditions and transforms, compiled in one way by whoever checks and whoever matches (alb.md 2).
//!
//! AWS's list of what they lack (look-around, back references, atomic groups, possessive quantifiers, recursion, Unicode classes) is
//! what the crate `regex` lacks without its Unicode tables. Matching takes time linear in the text.

use regex::bytes::{Regex, RegexBuilder};

/// What one compiled expression may take. AWS refuses expressions that are too big and publishes no size.
const COMPILED_BYTES: usize = 1 << 20;

/// Compiles an expression that is searched for anywhere in a text of ASCII.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn compile(source: &str, case_sensitive: bool) -> Result<Regex, String> {
    let built = RegexBuilder::new(source).unicode(false).case_insensitive(!case_sensitive).size_limit(COMPILED_BYTES).build();
    built.map_err(|error| match error {
        // The crate draws a picture of it; its last line says what is wrong.
        regex::Error::Syntax(picture) => {
            let last = picture.lines().next_back().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
        regex::Error::CompiledTooBig(_) => format!("it takes more than {} KiB once it is compiled", COMPILED_BYTES >> 10),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_searched_for() {
        let check = |source: &str, case: bool, text: &str, expected: bool| {
            assert_eq!(compile(source, case).unwrap().is_match(text.as_bytes()), expected, "{source} {text}");
        };
        check("^/api/(users|posts)/[0-9]+$", true, "/api/users/7", true);
        check("^/api/(users|posts)/[0-9]+$", true, "/api/users/x", false);
        check("users", true, "/api/users/7", true);
        check("users", true, "/api/USERS", false);
        check("^api\\.", false, "API.example.com", true);
        check("\\d\\w\\s", true, "1a ", true);
    }

    #[test]
    fn what_aws_does_not_know_is_refused_in_a_line() {
        let check = |source: &str, why: &str| assert_eq!(compile(source, true).unwrap_err(), why, "{source}");
        check("(?=a)", "look-around, including look-ahead and look-behind, is not supported");
        check("(a)\\1", "backreferences are not supported");
        check("(a", "unclosed group");
        check("\\p{L}", "Unicode not allowed here");
        check("(a{1000}){1000}", "it takes more than 1024 KiB once it is compiled");
    }
}
