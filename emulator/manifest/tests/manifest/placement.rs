//! `containerInstances`, `placementConstraints`, `placementStrategy`, `requiresAttributes` (ecs.md 3.3 and 6).

use model::{BinpackField, InstanceName, PlacementConstraint, PlacementStrategy, ServiceSpec, SpreadField};

use crate::support::{GOOD, bad, good};

fn with_service(keys: &str) -> String {
    GOOD.replace("    taskDefinition: users\n", &format!("    taskDefinition: users\n    {keys}\n"))
}

fn with_definition(keys: &str) -> String {
    GOOD.replace("  - family: users\n", &format!("  - family: users\n    {keys}\n"))
}

fn with_instances(list: &str) -> String {
    format!("{GOOD}containerInstances: {list}\n")
}

fn service(text: &str) -> ServiceSpec {
    good(text).desired.services.pop_first().unwrap().1.spec
}

#[test]
fn instances_are_read_with_their_attributes() {
    let manifest = good(&with_instances(
        "[{ name: a1, cpu: 1024, memory: \"512\", attributes: { ecs.availability-zone: us-east-1b, disk: ssd } }, { name: b_1 }]",
    ));
    let instances = &manifest.desired.instances;
    let first = &instances[&InstanceName::new("a1").unwrap()];
    assert_eq!((first.cpu, first.memory, first.engine.is_own()), (Some(1024), Some(512), true));
    assert_eq!(
        first.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        ["disk=ssd", "ecs.availability-zone=us-east-1b"]
    );
    let second = &instances[&InstanceName::new("b_1").unwrap()];
    assert_eq!((second.cpu, second.memory, second.attributes.len()), (None, None, 0));
    assert!(good(GOOD).desired.instances.is_empty());
}

#[test]
fn an_instance_may_be_on_another_engine() {
    let manifest =
        good(&with_instances("[{ name: here }, { name: there, endpoint: \"ssh://me@box:2222\" }, { name: near, endpoint: tcp://10.0.0.5 }]"));
    let of = |name: &str| manifest.desired.instances[&InstanceName::new(name).unwrap()].engine.as_str().to_owned();
    assert_eq!([of("here"), of("there"), of("near")], ["", "ssh://me@box:2222", "tcp://10.0.0.5"]);
    for endpoint in ["box", "npipe:////./pipe/docker_engine", "ssh://-oProxyCommand=x", "unix://docker.sock"] {
        let rendered = bad(&with_instances(&format!("[{{ name: there, endpoint: \"{endpoint}\" }}]")));
        let expected = format!("`{endpoint}` is no endpoint of an engine: `unix:///path`, `tcp://host:port` or `ssh://user@host`");
        assert!(rendered.contains(&expected), "{rendered}");
    }
}

#[test]
fn the_host_s_network_does_not_come_through_ssh() {
    let text = GOOD.replace("  - family: users\n", "  - family: users\n    networkMode: host\n");
    let with = |endpoint: &str| format!("{text}containerInstances: [{{ name: there, endpoint: \"{endpoint}\" }}]\n");
    good(&with("tcp://10.0.0.5"));
    let rendered = bad(&with("ssh://box"));
    assert!(rendered.contains("a task on its host's network is not reached through `ssh://`"), "{rendered}");
}

#[test]
fn problems_with_instances_have_their_place() {
    let many: Vec<String> = (0..11).map(|number| format!("a{number}: x")).collect();
    let many = format!("[{{ name: a, attributes: {{ {} }} }}]", many.join(", "));
    for (list, sentence) in [
        ("[{ cpu: 1024 }]", "a container instance needs `name`"),
        ("[{ name: a b }]", "container instance name `a b`"),
        ("[{ name: a }, { name: a }]", "`a`"),
        ("[{ name: a, cpu: 1 }]", "`cpu`"),
        ("[{ name: a, attributes: { a b: x } }]", "`a b` is not the name of an attribute"),
        ("[{ name: a, attributes: { a: 'x,y' } }]", "`x,y` is not the value of an attribute"),
        (many.as_str(), "at most 10 attributes of its own, this one has 11"),
    ] {
        let said = bad(&with_instances(list));
        assert!(said.contains(sentence) && said.contains("--> cluster.yaml:25:"), "{list}: {said}");
    }
}

#[test]
fn constraints_and_strategies_are_read() {
    let spec = service(&with_service(
        "placementConstraints: [{ type: distinctInstance }, { type: memberOf, expression: \"attribute:disk == ssd\" }]\n    \
         placementStrategy: [{ type: spread, field: \"attribute:ecs.availability-zone\" }, { type: spread, field: host }, { type: binpack, field: MEMORY }, { type: random }]",
    ));
    let [PlacementConstraint::DistinctInstance, PlacementConstraint::MemberOf(query)] = &spec.placement.constraints[..] else { panic!("{spec:?}") };
    assert_eq!(query.as_str(), "attribute:disk == ssd");
    let zone = SpreadField::Attribute("ecs.availability-zone".into());
    let expected = [
        PlacementStrategy::Spread(zone),
        PlacementStrategy::Spread(SpreadField::InstanceId),
        PlacementStrategy::Binpack(BinpackField::Memory),
        PlacementStrategy::Random,
    ];
    assert_eq!(spec.placement.strategy, expected);
    let definition = good(&with_definition(
        "placementConstraints: [{ type: memberOf, expression: attribute:a exists }]\n    \
         requiresAttributes: [{ name: ecs.capability.task-eni }, { name: com.amazonaws.ecs.capability.ecr-auth }, { name: disk, value: ssd }, { name: gpu }]",
    ));
    let definition = definition.desired.task_definitions.values().next().unwrap();
    assert_eq!(definition.member_of.len(), 1);
    let required: Vec<_> = definition.requires_attributes.iter().map(|required| (required.name.as_str(), required.value.as_deref())).collect();
    assert_eq!(required, [("disk", Some("ssd")), ("gpu", None)]);
}

#[test]
fn a_mistake_in_an_expression_is_shown_where_it_is() {
    let said = bad(&with_service("placementConstraints: [{ type: memberOf, expression: \"attribute:zone = a\" }]"));
    insta::assert_snapshot!(said, @r#"
    error: `=` is not an operator, at character 16
      --> cluster.yaml:24:74
       |
    24 |     placementConstraints: [{ type: memberOf, expression: "attribute:zone = a" }]
       |                                                                          ^ here
       |
       = hint: an operator is ==, !=, >, >=, <, <=, exists, !exists, in, !in, =~ or !~, or its word

    1 problem in cluster.yaml
    "#);
    let said = bad(&with_service("placementConstraints: [{ type: memberOf, expression: runningTasksCount < few }]"));
    assert!(said.contains("--> cluster.yaml:24:78") && said.contains("^^^ here"), "{said}");
}

#[test]
fn problems_with_placement_have_their_place() {
    let eleven = format!("placementConstraints: [{}]", ["{ type: distinctInstance }"; 11].join(", "));
    let six = format!("placementStrategy: [{}]", ["{ type: random }"; 6].join(", "));
    for (keys, sentence) in [
        ("placementConstraints: [{ type: memberOf }]", "`memberOf` needs an `expression`"),
        ("placementConstraints: [{ type: distinctInstance, expression: a }]", "`distinctInstance` has no expression"),
        ("placementConstraints: [{ type: memberof, expression: attribute:a exists }]", "`type` must be `distinctInstance` or `memberOf`"),
        (eleven.as_str(), "there are at most 10 placement constraints, here are 11"),
        ("placementStrategy: [{ type: spread }]", "the strategy `spread` needs a `field`"),
        ("placementStrategy: [{ type: spread, field: zone }]", "`zone` is no field of the strategy `spread`"),
        ("placementStrategy: [{ type: binpack, field: disk }]", "`disk` is no field of the strategy `binpack`"),
        ("placementStrategy: [{ type: random, field: cpu }]", "`cpu` is no field of the strategy `random`"),
        (six.as_str(), "there are at most 5 placement strategies, here are 6"),
        ("schedulingStrategy: DAEMON\n    placementStrategy: [{ type: random }]", "a DAEMON service has no placement strategy"),
        (
            "launchType: FARGATE\n    placementConstraints: [{ type: distinctInstance }]",
            "`placementConstraints` is not supported with the launch type FARGATE",
        ),
    ] {
        let said = bad(&with_service(keys));
        assert!(said.contains(sentence) && (said.contains("--> cluster.yaml:24:") || said.contains("--> cluster.yaml:25:")), "{keys}: {said}");
    }
    let said = bad(&with_definition("placementConstraints: [{ type: distinctInstance }]"));
    assert!(said.contains("a task definition may only have `memberOf` constraints"), "{said}");
}
