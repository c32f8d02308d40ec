//! The doubts that a request leaves, under the reasons of AWS's classifier (alb.md 6.6).

use routing::record::{Doubt, DoubtClass};

/// Collects doubts; the gravest counts, of equals the first.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    pub(crate) gravest: Option<Doubt>,
}

impl Doubts {
    pub(crate) fn acceptable(&mut self, reason: &'static str) {
        self.raise(DoubtClass::Acceptable, reason);
    }

    pub(crate) fn ambiguous(&mut self, reason: &'static str) {
        self.raise(DoubtClass::Ambiguous, reason);
    }

    pub(crate) fn severe(&mut self, reason: &'static str) {
        self.raise(DoubtClass::Severe, reason);
    }

    fn raise(&mut self, class: DoubtClass, reason: &'static str) {
        if self.gravest.is_none_or(|known| known.class < class) {
            self.gravest = Some(Doubt { class, reason });
        }
    }
}

/// Whether somebody could take a name for the one of these two words with a hyphen between them: with other separators, with blanks and
/// control characters between the letters, or with letters that become these ones in capitals.
pub(crate) fn looks_like(name: &[u8], [first, second]: [&[u8]; 2]) -> bool {
    let separators = |rest: &[u8]| rest.iter().take_while(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii()).count();
    let Some(rest) = word(&name[separators(name)..], first) else { return false };
    let between = separators(rest);
    between > 0 && word(&rest[between..], second).is_some_and(|rest| separators(rest) == rest.len())
}

/// What stands behind a word.
fn word<'n>(mut rest: &'n [u8], word: &[u8]) -> Option<&'n [u8]> {
    for letter in word {
        let blanks = rest.iter().take_while(|byte| **byte <= b' ').count();
        rest = &rest[blanks..];
        rest = match rest {
            [own, rest @ ..] if own.eq_ignore_ascii_case(letter) => rest,
            // The long s and the i without a dot.
            [0xc5, 0xbf, rest @ ..] if *letter == b's' => rest,
            [0xc4, 0xb1, rest @ ..] if *letter == b'i' => rest,
            _ => return None,
        };
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_doubt_counts() {
        let mut doubts = Doubts::default();
        doubts.acceptable("a");
        doubts.acceptable("b");
        assert_eq!(doubts.gravest, Some(Doubt { class: DoubtClass::Acceptable, reason: "a" }));
        doubts.severe("c");
        doubts.ambiguous("d");
        assert_eq!(doubts.gravest, Some(Doubt { class: DoubtClass::Severe, reason: "c" }));
    }

    #[test]
    fn names_that_could_be_taken_for_others_are_seen() {
        let words = [&b"transfer"[..], b"encoding"];
        for name in
            ["Transfer-Encoding", "transfer_encoding", "Transfer-Encoding ", "\x01Transfer-Encoding", "Transfer - Encoding", "transfer\tencoding"]
        {
            assert!(looks_like(name.as_bytes(), words), "{name:?}");
        }
        for name in ["Tran\u{17f}fer-Encoding", "Transfer-Encod\u{131}ng", "Trans fer.Encoding", "[Transfer-Encoding]"] {
            assert!(looks_like(name.as_bytes(), words), "{name:?}");
        }
        for name in ["TransferEncoding", "X-Transfer-Encoding", "Transfer-Encoding-X", "Transfer-Encodings", "Content-Encoding", "", "-"] {
            assert!(!looks_like(name.as_bytes(), words), "{name:?}");
        }
    }
}
