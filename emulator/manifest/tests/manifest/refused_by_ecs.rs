//! What ECS takes for no value of its own, each with its place.

use insta::assert_snapshot;

use crate::support::{bad, broken, good, replaced};

#[test]
fn a_launch_type_is_one_of_aws_s() {
    assert_snapshot!(broken(&[("taskDefinition: users\n", "taskDefinition: users\n    launchType: EC3\n")]), @r#"
    error: `launchType` must be `EC2`, `FARGATE`, `EXTERNAL` or `MANAGED_INSTANCES`, found `EC3`
      --> cluster.yaml:24:17
       |
    24 |     launchType: EC3
       |                 ^^^
       |
       = hint: did you mean `EC2`?

    1 problem in cluster.yaml
    "#);
    for word in ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"] {
        let manifest = good(&replaced(&[("taskDefinition: users\n", &format!("taskDefinition: users\n    launchType: {word}\n"))]));
        assert!(manifest.notes.iter().any(|note| note.to_string().contains("`launchType` of a service does nothing here")), "{word}");
    }
}

#[test]
fn an_image_s_repository_has_no_capitals() {
    assert_snapshot!(broken(&[("image: users:v1", "image: Users:v1")]), @r#"
    error: Container.image contains invalid characters.
      --> cluster.yaml:18:16
       |
    18 |         image: Users:v1
       |                ^^^^^^^^
       |
       = hint: the name of a repository has small letters: `team/users:v1`; a tag may have capitals

    1 problem in cluster.yaml
    "#);
    for image in ["registry.test/Team/users:v1", "localhost/Users", "localhost:5000/a/B@sha256:0", "Team/users", "Users@sha256:0"] {
        let said = broken(&[("image: users:v1", &format!("image: {image}"))]);
        assert!(said.starts_with("error: Container.image contains invalid characters.\n"), "{image}: {said}");
    }
    for image in ["users:V1.Beta", "Registry.Test/team/users:V1", "REGISTRY:5000/users", "localhost:5000/users", "users"] {
        good(&replaced(&[("image: users:v1", &format!("image: {image}"))]));
    }
}

#[test]
fn a_container_instance_s_own_ports_cannot_be_published() {
    let with = |rest: &str| replaced(&[("{ containerPort: 3000 }", &format!("{{ containerPort: 3000, {rest} }}"))]);
    assert_snapshot!(bad(&with("hostPort: 2375")), @r#"
    error: host port 2375 is reserved on every container instance
      --> cluster.yaml:20:57
       |
    20 |         portMappings: [{ containerPort: 3000, hostPort: 2375 }]
       |                                                         ^^^^
       |
       = hint: 22 is for SSH, 2375 and 2376 for Docker, 51678 and 51679 for the ECS agent; `hostPort: 0` takes a free port

    1 problem in cluster.yaml
    "#);
    for port in [22, 2376, 51678, 51679] {
        let said = bad(&with(&format!("hostPort: {port}, protocol: tcp")));
        assert!(said.starts_with(&format!("error: host port {port} is reserved")), "{said}");
    }
    for rest in ["hostPort: 23", "hostPort: 51680", "hostPort: 0 }, { containerPort: 53, hostPort: 22, protocol: udp"] {
        good(&with(rest));
    }
}
