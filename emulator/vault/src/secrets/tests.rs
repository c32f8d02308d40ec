use model::Secret;

use super::*;
use crate::secret::AWSPREVIOUS;

fn place() -> Place {
    Place { region: "us-east-1".into(), account: "000000000000".into() }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn text(value: &str) -> SecretValue {
    SecretValue::Text(Secret::new(value.into()))
}

fn with_secret(name: &str, value: &str) -> (Vault, Ids) {
    let (mut vault, mut ids) = (Vault::default(), Ids::seeded(1));
    let new = NewSecret { name: name.into(), value: Some(text(value)), ..NewSecret::default() };
    vault.create_secret(new, (at(1), &place(), &mut ids)).unwrap();
    (vault, ids)
}

fn value(vault: &Vault, id: &str, version: Option<&str>, stage: Option<&str>) -> Result<String, SecretError> {
    vault.secret_value(id, version, stage).map(|(_, version)| version.value.secret().expose().to_owned())
}

#[test]
fn a_secret_is_found_by_its_name_and_by_arns_with_and_without_their_end() {
    let (vault, _) = with_secret("prod/db-main", "one");
    let arn = vault.secrets["prod/db-main"].arn.clone();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/db-main-"), "{arn}");
    let elsewhere = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-main-AbCdEf";
    let partial = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-main";
    for id in ["prod/db-main", &arn, elsewhere, partial] {
        assert_eq!(value(&vault, id, None, None), Ok("one".into()), "{id}");
    }
    for id in ["prod/db", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf", "arn:", ""] {
        assert_eq!(value(&vault, id, None, None), Err(SecretError::NotFound), "{id}");
    }
}

#[test]
fn a_new_value_is_current_and_the_one_before_is_previous() {
    let (mut vault, mut ids) = with_secret("a", "one");
    let first = vault.secrets["a"].versions[0].id.clone();
    for new in ["two", "three"] {
        vault.put_secret_value("a", (None, text(new), BTreeSet::new()), (at(2), &mut ids)).unwrap();
    }
    assert_eq!(value(&vault, "a", None, None), Ok("three".into()));
    assert_eq!(value(&vault, "a", None, Some(AWSPREVIOUS)), Ok("two".into()));
    assert_eq!(value(&vault, "a", Some(&first), None), Ok("one".into()));
    assert_eq!(value(&vault, "a", Some("x"), None), Err(SecretError::NoVersion("x".into())));
    assert_eq!(value(&vault, "a", None, Some("BLUE")), Err(SecretError::NoStage("BLUE".into())));
    // A stage of one's own leaves AWSCURRENT where it is.
    vault.put_secret_value("a", (None, text("four"), BTreeSet::from(["BLUE".into()])), (at(3), &mut ids)).unwrap();
    assert_eq!((value(&vault, "a", None, None), value(&vault, "a", None, Some("BLUE"))), (Ok("three".into()), Ok("four".into())));
    // And back.
    let (from, to) = (vault.secrets["a"].version(None, None).unwrap().id.clone(), first);
    vault.move_secret_stage("a", AWSCURRENT, (Some(&from), Some(&to)), at(4)).unwrap();
    assert_eq!((value(&vault, "a", None, None), value(&vault, "a", None, Some(AWSPREVIOUS))), (Ok("one".into()), Ok("three".into())));
    assert!(vault.move_secret_stage("a", AWSCURRENT, (Some(&to), None), at(5)).is_err());
    assert!(vault.move_secret_stage("a", "BLUE", (Some(&to), Some(&from)), at(5)).is_err());
}

#[test]
fn a_token_makes_a_value_be_put_once() {
    let (mut vault, mut ids) = with_secret("a", "one");
    let token = "0123456789012345678901234567890123".to_owned();
    let mut put = |value: &str| {
        let put = vault.put_secret_value("a", (Some(token.clone()), text(value), BTreeSet::new()), (at(2), &mut ids));
        put.map(|(secret, _)| secret.versions.len())
    };
    assert_eq!((put("two"), put("two"), put("three")), (Ok(2), Ok(2), Err(SecretError::VersionExists)));
    let short = vault.put_secret_value("a", (Some("short".into()), text("x"), BTreeSet::new()), (at(2), &mut ids));
    assert!(matches!(short, Err(SecretError::InvalidParameter(_))));
}

#[test]
fn a_deleted_secret_can_be_restored_until_its_window_is_over() {
    let (mut vault, mut ids) = with_secret("a", "one");
    let both = Deletion { force: true, recovery_days: Some(7) };
    assert!(vault.delete_secret("a", both, at(1)).is_err());
    assert!(vault.delete_secret("a", Deletion { force: false, recovery_days: Some(6) }, at(1)).is_err());
    let (_, _, end) = vault.delete_secret("a", Deletion { force: false, recovery_days: Some(7) }, at(1)).unwrap();
    assert_eq!(end, at(1 + 7 * 86_400));
    assert_eq!(value(&vault, "a", None, None), Err(SecretError::ScheduledForDeletion));
    let again = NewSecret { name: "a".into(), ..NewSecret::default() };
    assert_eq!(vault.create_secret(again.clone(), (at(2), &place(), &mut ids)).unwrap_err(), SecretError::NameScheduledForDeletion);
    assert!(!vault.purge(at(3)));
    vault.restore_secret("a", at(3)).unwrap();
    assert_eq!(value(&vault, "a", None, None), Ok("one".into()));
    vault.delete_secret("a", Deletion::default(), at(4)).unwrap();
    assert!(vault.purge(at(4 + 30 * 86_400)));
    assert_eq!(vault.delete_secret("a", Deletion::default(), at(5)).unwrap_err(), SecretError::NotFound);
    assert!(vault.delete_secret("a", Deletion { force: true, recovery_days: None }, at(5)).is_ok());
    vault.create_secret(again, (at(6), &place(), &mut ids)).unwrap();
    assert_eq!(value(&vault, "a", None, None), Err(SecretError::NoStage(AWSCURRENT.into())));
}

#[test]
fn old_versions_without_a_stage_are_forgotten() {
    let (mut vault, mut ids) = with_secret("a", "0");
    for number in 1..200 {
        vault.put_secret_value("a", (None, text(&number.to_string()), BTreeSet::new()), (at(2), &mut ids)).unwrap();
    }
    let versions = &vault.secrets["a"].versions;
    assert_eq!((versions.len(), versions[0].value.secret().expose()), (102, "98"));
}

#[test]
fn what_is_no_secret_is_refused() {
    let (mut vault, mut ids) = (Vault::default(), Ids::seeded(1));
    let mut create = |name: &str, value: String| {
        let new = NewSecret { name: name.into(), value: Some(text(&value)), ..NewSecret::default() };
        vault.create_secret(new, (at(1), &place(), &mut ids)).map(|secret| secret.name.clone())
    };
    for (name, value) in [("", "x".into()), ("a b", "x".into()), (&*"a".repeat(513), "x".into()), ("a", String::new()), ("a", "x".repeat(65_537))] {
        assert!(matches!(create(name, value), Err(SecretError::InvalidParameter(_))), "{name}");
    }
    assert_eq!(create("a", "x".repeat(65_536)), Ok("a".into()));
    assert_eq!(create("a", "x".into()), Err(SecretError::Exists("a".into())));
}

#[test]
fn nothing_of_a_value_is_printed() {
    let (vault, _) = with_secret("a", "hunter2");
    assert!(!format!("{vault:?}").contains("hunter2"));
}
