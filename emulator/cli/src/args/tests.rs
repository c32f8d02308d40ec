//! What can be typed.

use clap::CommandFactory;

use super::options::{parse_expression, parse_moment};
use super::*;

#[test]
fn the_definition_is_sound() {
    CommandLine::command().debug_assert();
}

#[test]
fn counts_are_read() {
    for (text, expected) in [
        ("posts=3", Ok(("posts".to_owned(), 3))),
        ("a-b_c=0", Ok(("a-b_c".to_owned(), 0))),
        ("posts", Err("write it as `SERVICE=N`, for example `posts=3`".to_owned())),
        ("=3", Err("the name of the service is missing before `=`".to_owned())),
        ("posts=", Err("`` is not a number of tasks".to_owned())),
        ("posts=-1", Err("`-1` is not a number of tasks".to_owned())),
        ("posts=4294967296", Err("`4294967296` is not a number of tasks".to_owned())),
    ] {
        assert_eq!(parse_count(text), expected, "{text}");
    }
}

#[test]
fn methods_are_read() {
    for (text, expected) in [("get", Some("GET")), ("M-SEARCH", Some("M-SEARCH")), ("", None), ("G T", None), ("/api/users", None)] {
        assert_eq!(parse_method(text).ok().as_deref(), expected, "{text}");
    }
}

#[test]
fn headers_are_read() {
    assert_eq!(parse_header("X-Version: beta:1"), Ok(("X-Version".to_owned(), "beta:1".to_owned())));
    assert_eq!(parse_header("A:"), Ok(("A".to_owned(), String::new())));
    assert!(parse_header("no colon").is_err());
    assert!(parse_header(": value").is_err());
}

#[test]
fn the_short_f_is_a_file_or_to_follow() {
    let read = |words: &[&str]| CommandLine::try_parse_from(words).unwrap();
    let Command::Up(up) = read(&["ecslocal", "up", "-f", "a", "-f", "b", "-d"]).command else { panic!("not up") };
    assert_eq!(up.files.file, [PathBuf::from("a"), PathBuf::from("b")]);
    let line = read(&["ecslocal", "-f", "a", "logs", "-f", "posts", "--output", "json"]);
    assert_eq!((line.file, line.common.output), (vec![PathBuf::from("a")], Output::Json));
    let Command::Logs(logs) = line.command else { panic!("not logs") };
    assert!(logs.follow && logs.files.file.is_empty());
    assert_eq!(logs.of.as_deref(), Some("posts"));
}

#[test]
fn moments_are_ago_or_times() {
    for (text, expected) in [
        ("90s", Some(Moment::Ago(90.0))),
        ("10m", Some(Moment::Ago(600.0))),
        ("1d", Some(Moment::Ago(86_400.0))),
        ("1970-01-01T00:01:00Z", Some(Moment::At(60.0))),
        ("10", None),
        ("m", None),
        ("-1s", None),
        ("yesterday", None),
        ("1969-01-01T00:00:00Z", None),
    ] {
        assert_eq!(parse_moment(text).ok(), expected, "{text}");
    }
    assert!(parse_expression("err(or").unwrap_err().contains("unclosed group"));
}
