//! Repositories (ecs.md 10).

use model::{RepositoryName, TagMutability};

use crate::support::{GOOD, bad, good, read_all};

fn with(repositories: &str) -> String {
    format!("{GOOD}repositories:\n{repositories}")
}

const POLICY: &str = r#"    lifecyclePolicyText: |
      {"rules": [{"rulePriority": 1, "description": "two builds are enough", "selection": {"tagStatus": "any",
       "countType": "imageCountMoreThan", "countNumber": 2}, "action": {"type": "expire"}}]}
"#;

#[test]
fn repositories_are_names_or_what_create_repository_takes() {
    let text = format!(
        "  - threads\n  - repositoryName: team/users\n    imageTagMutability: IMMUTABLE_WITH_EXCLUSION\n    imageTagMutabilityExclusionFilters: \
         [{{ filterType: WILDCARD, filter: dev-* }}]\n    imageScanningConfiguration: {{ scanOnPush: true }}\n    tags: [{{ Key: team, Value: a }}]\n{POLICY}"
    );
    let manifest = good(&with(&text));
    let repositories = &manifest.desired.repositories;
    let name = |text: &str| RepositoryName::new(text).unwrap();
    assert_eq!(repositories[&name("threads")], model::RepositorySpec::default());
    let users = &repositories[&name("team/users")];
    assert_eq!((users.tag_rule.mutability, users.scan_on_push, users.tags["team"].as_str()), (TagMutability::ImmutableWithExclusion, true, "a"));
    assert!(users.tag_rule.keeps("v1") && !users.tag_rule.keeps("dev-1"));
    assert!(users.lifecycle_policy.as_ref().unwrap().text().contains("two builds are enough"));
}

#[test]
fn a_later_file_changes_a_repository_by_its_name() {
    let base = with("  - { repositoryName: users, imageTagMutability: IMMUTABLE }\n");
    let over = "cluster: test\nrepositories: [{ repositoryName: users, imageTagMutability: MUTABLE }, posts]\n";
    let manifest = read_all(&[("cluster.yaml", &base), ("over.yaml", over)], &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let found: Vec<_> = manifest.desired.repositories.iter().map(|(name, spec)| (name.as_str(), spec.tag_rule.mutability)).collect();
    assert_eq!(found, [("posts", TagMutability::Mutable), ("users", TagMutability::Mutable)]);
}

#[test]
fn problems_with_a_repository_have_their_place() {
    for (repository, sentence) in [
        ("  - Users\n", "repository name `Users` contains 'U'"),
        ("  - { repositoryName: a..b }\n", "repository name `a..b`"),
        ("  - { imageTagMutability: IMMUTABLE }\n", "a repository needs `repositoryName`"),
        ("  - { repositoryName: users, imageTagMutability: FIXED }\n", "`imageTagMutability`"),
        ("  - { repositoryName: users, imageTagMutability: IMMUTABLE_WITH_EXCLUSION }\n", "needs 1 to 5 imageTagMutabilityExclusionFilters"),
        (
            "  - { repositoryName: users, imageTagMutabilityExclusionFilters: [{ filterType: WILDCARD, filter: a }] }\n",
            "MUTABLE takes no imageTagMutabilityExclusionFilters",
        ),
        ("  - { repositoryName: users, lifecyclePolicyText: '{}' }\n", "this lifecycle policy cannot be: the text has 2 characters"),
        ("  - { repositoryName: users, scanOnPush: true }\n", "unknown key `scanOnPush`"),
    ] {
        let said = bad(&with(repository));
        assert!(said.contains(sentence) && said.contains("--> cluster.yaml:26:"), "{repository}: {said}");
    }
    for twice in ["  - users\n  - users\n", "  - users\n  - repositoryName: users\n", "  - repositoryName: users\n  - repositoryName: users\n"] {
        let said = bad(&with(twice));
        assert_eq!(said.matches("two items of `repositories` have the repositoryName `users`").count(), 1, "{said}");
    }
}
