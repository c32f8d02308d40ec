//! A random password, of the operating system's random numbers.

use wire::secretsmanager::{RandomPasswordRequest, SecretsManagerError as Error};

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The longest password.
const LONGEST: usize = 4096;

pub(super) fn make(asked: &RandomPasswordRequest) -> Result<String, Error> {
    let length = asked.password_length.unwrap_or(32);
    let excluded = asked.exclude_characters.as_deref().unwrap_or_default();
    let kinds = [
        (LOWER, asked.exclude_lowercase != Some(true)),
        (UPPER, asked.exclude_uppercase != Some(true)),
        (DIGITS, asked.exclude_numbers != Some(true)),
        (PUNCTUATION, asked.exclude_punctuation != Some(true)),
        (" ", asked.include_space == Some(true)),
    ];
    let letters = |kind: &str| -> Vec<char> { kind.chars().filter(|letter| !excluded.contains(*letter)).collect() };
    let kinds: Vec<Vec<char>> = kinds.iter().filter(|(_, included)| *included).map(|(kind, _)| letters(kind)).collect();
    let kinds: Vec<Vec<char>> = kinds.into_iter().filter(|kind| !kind.is_empty()).collect();
    let all: Vec<char> = kinds.concat();
    let each = asked.require_each_included_type != Some(false);
    if all.is_empty() || !(1..=LONGEST).contains(&length) || (each && length < kinds.len()) {
        let why = format!("A password has 1 to {LONGEST} characters, and one of each type that is included.");
        return Err(Error::InvalidParameter(why));
    }
    let mut password = Vec::with_capacity(length);
    if each {
        for kind in &kinds {
            password.push(pick(kind)?);
        }
    }
    while password.len() < length {
        password.push(pick(&all)?);
    }
    for at in (1..password.len()).rev() {
        password.swap(at, below(at + 1)?);
    }
    Ok(password.into_iter().collect())
}

fn pick(letters: &[char]) -> Result<char, Error> {
    let at = below(letters.len())?;
    letters.get(at).copied().ok_or_else(|| Error::InternalService("there is no letter to pick".into()))
}

/// A random number below `end`, each as likely as the others.
fn below(end: usize) -> Result<usize, Error> {
    let end = end as u64;
    // What does not fill a last round would make the first numbers likelier.
    let limit = u64::MAX - u64::MAX % end;
    loop {
        let number = getrandom::u64().map_err(|error| Error::InternalService(format!("the operating system gives no random numbers: {error}")))?;
        if number < limit {
            return usize::try_from(number % end).map_err(|error| Error::InternalService(error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_what_was_asked_for() {
        let asked = RandomPasswordRequest::default();
        let password = make(&asked).unwrap();
        let has = |kind: &str| password.chars().any(|letter| kind.contains(letter));
        assert!(password.chars().count() == 32 && [LOWER, UPPER, DIGITS, PUNCTUATION].into_iter().all(has), "{password}");
        assert_ne!(make(&asked).unwrap(), password);
        let digits = RandomPasswordRequest {
            password_length: Some(8),
            exclude_lowercase: Some(true),
            exclude_uppercase: Some(true),
            exclude_punctuation: Some(true),
            exclude_characters: Some("01".into()),
            ..asked.clone()
        };
        assert!(make(&digits).unwrap().chars().all(|letter| ('2'..='9').contains(&letter)));
        for bad in [0, 3, 4097] {
            assert!(make(&RandomPasswordRequest { password_length: Some(bad), ..asked.clone() }).is_err(), "{bad}");
        }
    }
}
