//! Whatever the text is, nothing panics, and every problem is at a place inside its file.

use proptest::prelude::*;

use crate::support::{GOOD, read};

const TUTORIAL: &str = include_str!("../../../../cluster.yaml");

/// Reads a text and checks where its problems are.
fn check(text: &str) {
    let Err(problems) = read(text) else { return };
    assert!(problems.count() > 0);
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in &problems {
        assert_eq!(problem.line == 0, problem.column == 0, "{problem:?}");
        if problem.line > 0 {
            let line = lines.get(problem.line - 1).unwrap_or_else(|| panic!("{problem:?}\n{text}"));
            assert!(problem.column <= line.chars().count() + 1, "{problem:?}\n{text}");
        }
    }
    assert!(problems.render(false).contains(&problems.as_slice()[0].message));
    assert!(!problems.render(true).is_empty());
}

/// Words that a manifest is made of, in any order.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "cluster",
        ": ",
        "- ",
        "\n",
        "  ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "loadBalancers",
        "listeners",
        "rules",
        "services",
        "taskDefinitions",
        "file",
        "&a ",
        "*a",
        "<<",
        "\"",
        "'",
        "${",
        "$$",
        "}",
        "80",
        "-1",
        "null",
        "~",
        "true",
        "é",
        "\t",
        "#",
        "|\n",
        "? ",
        "!x ",
        "attributes",
        "key",
        "value",
        "\r\n",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn arbitrary_words_never_panic(text in words()) {
        check(&text);
        check(&format!("cluster: test\n{text}"));
    }

    #[test]
    fn a_changed_tutorial_never_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6, any::<u8>()), 1..6)) {
        let mut bytes = TUTORIAL.as_bytes().to_vec();
        for (index, cut, byte) in changes {
            let start = index.index(bytes.len());
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, [byte]);
        }
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_cut_manifest_never_panics(start in any::<prop::sample::Index>(), length in 0_usize..80) {
        let start = start.index(GOOD.len());
        let end = (start + length).min(GOOD.len());
        check(&[&GOOD[..start], &GOOD[end..]].concat());
    }
}
