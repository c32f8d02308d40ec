use super::*;

const NOW: u64 = 100;

/// `name:tag,tag@age in days`; `^` in front of an image that is bound.
fn images(text: &str) -> Vec<PolicyImage> {
    let image = |word: &str| {
        let (bound, word) = word.strip_prefix('^').map_or((false, word), |rest| (true, rest));
        let (name, age) = word.split_once('@').unwrap();
        let (digest, tags) = name.split_once(':').unwrap_or((name, ""));
        let age: u64 = age.parse().unwrap();
        PolicyImage {
            digest: digest.into(),
            tags: tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
            pushed_at: at(NOW - age),
            pulled_at: None,
            bound,
        }
    };
    text.split_whitespace().map(image).collect()
}

fn at(day: u64) -> Timestamp {
    Timestamp::from_millis(day * 86_400_000)
}

/// `priority selection count`, as `1 untagged since=14`, `2 prefix=v,prod more=1`.
fn policy(rules: &[&str]) -> Result<LifecyclePolicy, String> {
    let rule = |text: &&str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let list = |items: &str| serde_json::json!(items.split(',').collect::<Vec<_>>());
        let mut selection = match words[1].split_once('=') {
            None => serde_json::json!({ "tagStatus": words[1] }),
            Some(("prefix", items)) => serde_json::json!({ "tagStatus": "tagged", "tagPrefixList": list(items) }),
            Some((_, items)) => serde_json::json!({ "tagStatus": "tagged", "tagPatternList": list(items) }),
        };
        let (kind, number) = words[2].split_once('=').unwrap();
        selection["countNumber"] = number.parse::<u32>().unwrap().into();
        selection["countType"] = match kind {
            "more" => "imageCountMoreThan",
            "pulled" => "sinceImagePulled",
            _ => "sinceImagePushed",
        }
        .into();
        if kind != "more" {
            selection["countUnit"] = "days".into();
        }
        serde_json::json!({ "rulePriority": words[0].parse::<u32>().unwrap(), "selection": selection, "action": { "type": "expire" } })
    };
    let document = serde_json::json!({ "rules": rules.iter().map(rule).collect::<Vec<_>>() });
    LifecyclePolicy::parse(&serde_json::to_string_pretty(&document).unwrap())
}

#[test]
fn images_expire_by_the_first_rule_that_selects_them() {
    for (rules, given, expected) in [
        (&["1 untagged since=14"][..], "a@15 b@14 c@1 d:v1@90", "a=1"),
        (&["1 any more=2"], "a@1 b:v1@2 c@3 d:v2@4", "d=1 c=1"),
        (&["1 prefix=prod more=1"], "a:prod1@1 b:prod2@2 c:prod3@3 d:beta@9 e@9", "c=1 b=1"),
        // Several prefixes: an image needs a tag for each of them.
        (&["1 prefix=alpha,beta more=1"], "a:alpha1@1 b:alpha2,beta2@2 c:alpha3,beta3@3", "c=1"),
        (&["1 pattern=*web*,prod* more=1"], "a:prod-web@1 b:prod-web2@2 c:web@3", "b=1"),
        // What an earlier rule selects, a later one counts and never lets go of.
        (&["1 prefix=prod more=2", "2 any since=10"], "a:prod1@20 b:prod2@30 c@11 d@5", "c=2"),
        (&["1 prefix=prod since=10", "2 any more=2"], "a:prod1@1 b:prod2@20 c@3 d@4 e@5", "b=1 e=2 d=2"),
        (&["2 any more=1", "1 untagged more=1"], "a@1 b@2 c:x@3", "b=1 c=2"),
        // Parts of a manifest list are its own business.
        (&["1 any more=1"], "a:v1@1 ^b@1 ^c@1 d:v0@2", "d=1"),
        (&["1 untagged since=1"], "^a@50 b@50", "b=1"),
        // Of the same moment, the digest decides.
        (&["1 any more=1"], "b@1 a@1", "b=1"),
        (&["1 any more=5"], "", ""),
    ] {
        let expired = policy(rules).unwrap().expired(&images(given), at(NOW));
        let told: Vec<_> = expired.iter().map(|one| format!("{}={}", one.digest, one.rule_priority)).collect();
        assert_eq!(told.join(" "), expected, "{rules:?} {given}");
    }
}

#[test]
fn a_pull_keeps_an_image() {
    let mut given = images("a@50 b@50");
    given[0].pulled_at = Some(at(NOW - 2));
    let expired = policy(&["1 any pulled=10"]).unwrap().expired(&given, at(NOW));
    assert_eq!(expired.iter().map(|one| one.digest.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn what_ecr_refuses_is_refused() {
    for (rules, says) in [
        (&[][..], "characters"),
        (&["0 untagged more=1"], "rulePriority is 1 or more"),
        (&["1 untagged more=0"], "countNumber is 1 or more"),
        (&["1 untagged more=1", "1 any more=1"], "two rules have the rulePriority 1"),
        (&["1 any more=1", "2 untagged more=1"], "must be the highest number"),
        (&["1 untagged more=1", "2 untagged since=1"], "the rules 1 and 2 select the same images"),
        (&["1 prefix=a,b more=1", "2 prefix=b,a since=1"], "the rules 1 and 2 select the same images"),
        (&["1 tagged more=1"], "needs either tagPrefixList or tagPatternList"),
        (&["1 pattern=a*b*c*d*e* more=1"], "more than four `*`"),
        (&["1 all more=1"], "not `all`"),
    ] {
        let said = policy(rules).unwrap_err();
        assert!(said.contains(says), "{rules:?}: {said}");
    }
    let text = |selection: &str, action: &str| {
        format!(r#"{{"rules":[{{"rulePriority":1,"description":"a rule of a policy","selection":{{{selection}}},"action":{{{action}}}}}]}}"#)
    };
    for (selection, action, says) in [
        (r#""tagStatus":"any","countType":"sinceImagePushed","countNumber":1"#, r#""type":"expire""#, "needs `countUnit: days`"),
        (r#""tagStatus":"any","countType":"imageCountMoreThan","countUnit":"days","countNumber":1"#, r#""type":"expire""#, "takes no countUnit"),
        (r#""tagStatus":"any","countType":"imageCountMoreThan","countNumber":1"#, r#""type":"transition""#, "`transition` is not supported"),
        (r#""tagStatus":"any","countType":"imageCountMoreThan","countNumber":1"#, r#""type":"keep""#, "not `keep`"),
        (r#""tagStatus":"any","countType":"imageCountMoreThan","countNumber":1,"more":1"#, r#""type":"expire""#, "unknown field `more`"),
        (r#""tagStatus":"any","tagPrefixList":["a"],"countType":"imageCountMoreThan","countNumber":1"#, r#""type":"expire""#, "takes neither"),
    ] {
        let said = LifecyclePolicy::parse(&text(selection, action)).unwrap_err();
        assert!(said.contains(says), "{selection} {action}: {said}");
    }
}
