//! What is too large, too deep or too many is said, quickly.

use crate::support::{bad, read};

/// The first line of the rendered problems.
fn first_line(text: &str) -> String {
    bad(text).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn limits_are_problems() {
    let bomb = format!("x-a: &a0 [1, 1]\n{}cluster: test\n", (1..40).map(|n| format!("x-{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect::<String>());
    let wide = format!("cluster: test\nx-a: &a [{}]\nx-b: [{}]\n", "1, ".repeat(1000), "*a, ".repeat(1000));
    let deep_aliases = format!("x-0: &a0 [1]\n{}cluster: t\n", (1..80).map(|n| format!("x-{n}: &a{n} [*a{}]\n", n - 1)).collect::<String>());
    for (text, expected) in [
        (bomb, "error: the file has more than 100000 values once its aliases are followed"),
        (wide, "error: the file has more than 100000 values once its aliases are followed"),
        (deep_aliases, "error: nested more than 64 levels deep"),
        (format!("cluster: {}", "[".repeat(10_000)), "error: not YAML: recursion limit exceeded"),
        (format!("cluster: test # {}\n", "x".repeat(1024 * 1024)), "error: the file has 1048593 bytes; the most is 1048576"),
        ("cluster: &a [*a]\n".to_owned(), "error: this alias stands for something that it is part of"),
        ("cluster: !mine test\n".to_owned(), "error: the tag `!mine` is not supported"),
        ("? [a]\n: b\n".to_owned(), "error: a key must be plain text, found a list"),
        ("cluster: *nobody\n".to_owned(), "error: not YAML: while parsing node, found unknown anchor"),
    ] {
        assert_eq!(first_line(&text), expected);
    }
}

#[test]
fn more_problems_than_a_person_reads_are_counted() {
    let text = format!("cluster: test\n{}", (0..1000).map(|n| format!("key{n}: 1\n")).collect::<String>());
    let problems = read(&text).unwrap_err();
    assert_eq!((problems.as_slice().len(), problems.count()), (200, 1000));
    assert!(problems.render(false).ends_with("1000 problems in cluster.yaml, the first 200 shown\n"));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let shown = bad("cluster: \"a\\e[31m\"\n\"k\\ey\": 1\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(shown.contains("\\u{1b}"), "{shown}");
}
