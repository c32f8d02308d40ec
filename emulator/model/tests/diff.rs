//! `diff`, proved by replay: what it says, applied, gives exactly what the manifest asks for, from whatever was there before.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::collections::BTreeMap;
use std::time::Duration;

use model::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1000);

fn world() -> World {
    let owner = OwnerId::from_text("o");
    World::new(Settings { owner, account: "000000000000".into(), region: "us-east-1".into(), instance: "i-0".into(), speed: model::Speed::default() })
}

/// What varies of a service: whether it is there, and with which numbers.
#[derive(Clone, Debug)]
struct Sketch {
    image: u8,
    count: u32,
    delay: u64,
    priority: u16,
    /// Ports of this machine that are registered as targets.
    targets: Vec<u16>,
}

fn sketch() -> impl Strategy<Value = Option<Sketch>> {
    let targets = proptest::collection::btree_set(9000u16..9003, 0..3).prop_map(|ports| ports.into_iter().collect());
    let sketch = (0u8..3, 0u32..4, 0u64..3, 1u16..4, targets);
    proptest::option::of(sketch.prop_map(|(image, count, delay, priority, targets)| Sketch { image, count, delay, priority, targets }))
}

fn local(port: u16) -> RegisteredTarget {
    RegisteredTarget { id: [127, 0, 0, 1].into(), port }
}

/// A manifest of up to three services, each with a target group and, on one listener, a rule of its own.
fn desired(sketches: &[Option<Sketch>], port: u16) -> Desired {
    let mut desired = Desired::empty(ClusterName::new("c").unwrap());
    let mut rules = BTreeMap::new();
    for (index, sketch) in sketches.iter().enumerate() {
        let Some(sketch) = sketch else { continue };
        let name = format!("s{index}");
        let group = TargetGroupName::new(&name).unwrap();
        let attributes = TargetGroupAttributes { deregistration_delay: Duration::from_secs(sketch.delay), ..TargetGroupAttributes::default() };
        let targets = sketch.targets.iter().copied().map(local).collect();
        let spec = TargetGroupSpec { attributes, targets, ..TargetGroupSpec::new(group.clone(), 80) };
        desired.target_groups.insert(group.clone(), spec);
        let priority = sketch.priority * 10 + u16::try_from(index).unwrap();
        let action =
            Action::Forward(Forward { target_groups: vec![WeightedTargetGroup { target_group: group.clone(), weight: 1 }], stickiness: None });
        rules.insert(
            priority,
            Rule {
                priority,
                transforms: Transforms::default(),
                authenticate: None,
                conditions: vec![Condition::PathPattern(Comparison::Wildcards(vec![format!("/{name}*")]))],
                action,
            },
        );
        let family = Family::new(&name).unwrap();
        desired.task_definitions.insert(family.clone(), definition(&family, sketch.image));
        let spec = ServiceSpec {
            load_balancers: vec![ServiceLoadBalancer {
                target_group: group,
                container_name: ContainerName::new("app").unwrap(),
                container_port: 80,
                advanced: None,
            }],
            ..ServiceSpec::new(ServiceName::new(&name).unwrap(), sketch.count)
        };
        desired.services.insert(spec.name.clone(), DesiredService { spec, task_definition: family, revision: None });
    }
    let default_action = Action::FixedResponse(FixedResponse { status: 404, content_type: None, body: None });
    let attributes = ListenerAttributes { server_header: sketches.iter().flatten().count() < 2, ..ListenerAttributes::default() };
    let listener = Listener { attributes, rules, ..Listener::new(port, default_action) };
    let balancer = DesiredLoadBalancer { attributes: LoadBalancerAttributes::default(), listeners: BTreeMap::from([(port, listener)]) };
    desired.load_balancers.insert(LoadBalancerName::new("front").unwrap(), balancer);
    desired
}

fn definition(family: &Family, image: u8) -> TaskDefinition {
    let container = ContainerDefinition {
        memory: Some(64),
        port_mappings: vec![PortMapping { container_port: 80, host_port: 0, protocol: TransportProtocol::Tcp, name: None, app_protocol: None }],
        ..ContainerDefinition::new(ContainerName::new("app").unwrap(), &format!("image:{image}"))
    };
    TaskDefinition::new(family.clone(), NetworkMode::Bridge, vec![container])
}

/// Brings the World to the manifest, and lets go of what was deleted, as the scheduler would with no task in the way.
fn bring(world: &mut World, desired: &Desired, ids: &mut Ids) -> Vec<Change> {
    let changes = diff::changes(world, desired).unwrap();
    world.apply_all(changes.clone(), NOW, ids).unwrap();
    assert_eq!(check::problems(world), Vec::<String>::new());
    let gone: Vec<_> = world.services.iter().filter(|(_, service)| service.status == ServiceStatus::Draining).map(|(key, _)| key.clone()).collect();
    gone.into_iter().for_each(|key| world.record(Step::RemoveService(key)));
    let gone: Vec<_> = world.target_groups.iter().filter(|(_, group)| group.deleting).map(|(name, _)| name.clone()).collect();
    gone.into_iter().for_each(|name| world.record(Step::RemoveTargetGroup(name)));
    changes
}

/// What the World says of the cluster, in the manifest's own form.
fn said(world: &World, like: &Desired) -> Desired {
    let mut said = Desired::empty(like.cluster.clone());
    said.target_groups = world.target_groups.iter().map(|(name, group)| (name.clone(), group.spec.clone())).collect();
    for (key, service) in &world.services {
        let family = service.revision.family.clone();
        said.task_definitions.insert(family.clone(), world.definition(&service.revision).unwrap().clone());
        said.services.insert(key.name.clone(), DesiredService { spec: service.spec.clone(), task_definition: family, revision: None });
    }
    for (name, balancer) in &world.load_balancers {
        let listeners = balancer.listeners.iter().map(|(port, listener)| (*port, Listener { id: None, ..listener.clone() })).collect();
        said.load_balancers.insert(name.clone(), DesiredLoadBalancer { attributes: balancer.attributes.clone(), listeners });
    }
    said
}

proptest! {
    #[test]
    fn what_diff_says_gives_what_the_manifest_asks(
        steps in proptest::collection::vec((proptest::collection::vec(sketch(), 3), 80u16..82), 1..5),
    ) {
        let (mut world, mut ids) = (world(), Ids::seeded(1));
        for (sketches, port) in steps {
            let wanted = desired(&sketches, port);
            bring(&mut world, &wanted, &mut ids);
            prop_assert_eq!(said(&world, &wanted), wanted.clone());
            prop_assert_eq!(diff::changes(&world, &wanted).unwrap(), vec![]);
        }
    }

    #[test]
    fn a_change_that_is_refused_leaves_no_trace(sketches in proptest::collection::vec(sketch(), 3), which in 0usize..6) {
        let (mut world, mut ids) = (world(), Ids::seeded(1));
        bring(&mut world, &desired(&sketches, 80), &mut ids);
        let before = world.clone();
        let nowhere = TargetGroupName::new("nowhere").unwrap();
        let service = ServiceKey { cluster: ClusterName::new("c").unwrap(), name: ServiceName::new("none").unwrap() };
        let bad = match which {
            0 => Change::Scale { service, desired_count: 1 },
            1 => Change::DeleteService(service),
            2 => Change::DeleteTargetGroup(nowhere),
            3 => Change::DeleteListener { load_balancer: LoadBalancerName::new("front").unwrap(), port: 1 },
            4 => Change::StopTask { task: TaskId::from_text("0"), reason: None },
            _ => Change::DeleteCluster(ClusterName::new("none").unwrap()),
        };
        prop_assert!(world.apply_all(vec![Change::CreateCluster(ClusterName::new("new").unwrap()), bad], NOW, &mut ids).is_err());
        prop_assert_eq!(world, before);
    }
}

fn one(image: u8) -> Desired {
    desired(&[Some(Sketch { image, count: 1, delay: 0, priority: 1, targets: vec![] })], 80)
}

#[test]
fn a_definition_that_some_revision_holds_is_not_registered_again() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    bring(&mut world, &one(1), &mut ids);
    bring(&mut world, &one(2), &mut ids);
    let before = world.clone();
    let summaries: Vec<String> = bring(&mut world, &one(1), &mut ids).iter().map(|change| change.summary(&before)).collect();
    assert_eq!(summaries, ["~ service s0, s0:2 -> s0:1"]);
    assert_eq!(world.task_definitions["s0"].latest(), 2);
}

#[test]
fn another_revision_begins_a_deployment_and_another_count_does_not() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    bring(&mut world, &one(1), &mut ids);
    let key = ServiceKey { cluster: ClusterName::new("c").unwrap(), name: ServiceName::new("s0").unwrap() };
    world.apply(Change::Scale { service: key.clone(), desired_count: 3 }, NOW, &mut ids).unwrap();
    assert_eq!(world.services[&key].deployments.len(), 1);
    bring(&mut world, &one(2), &mut ids);
    let service = &world.services[&key];
    assert_eq!((service.deployments.len(), service.spec.desired_count), (2, 1));
    assert_eq!(service.primary().unwrap().revision.number, 2);
}

#[test]
fn what_belongs_to_another_cluster_is_not_touched() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    bring(&mut world, &one(1), &mut ids);
    let mut other = one(1);
    other.cluster = ClusterName::new("other").unwrap();
    let refused = diff::changes(&world, &other).unwrap_err();
    assert_eq!(refused.to_string(), "the target group `s0` exists already, in cluster `c`");
    let empty = Desired::empty(ClusterName::new("other").unwrap());
    assert_eq!(diff::changes(&world, &empty).unwrap(), [Change::CreateCluster(empty.cluster.clone())]);
}

#[test]
fn a_world_survives_the_state_file() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    bring(&mut world, &one(1), &mut ids);
    let text = serde_json::to_string(&world).unwrap();
    assert_eq!(serde_json::from_str::<World>(&text).unwrap(), world);
}

#[test]
fn a_target_group_that_a_service_registers_in_stays() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    bring(&mut world, &one(1), &mut ids);
    let (front, group) = (LoadBalancerName::new("front").unwrap(), TargetGroupName::new("s0").unwrap());
    world.apply(Change::DeleteLoadBalancer(front), NOW, &mut ids).unwrap();
    let refused = world.apply(Change::DeleteTargetGroup(group), NOW, &mut ids).unwrap_err();
    assert_eq!(refused.to_string(), "the target group `s0` is in use by the service `s0`");
}

#[test]
fn targets_of_a_manifest_are_registered_let_go_and_taken_back() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    let with = |targets: &[u16]| desired(&[Some(Sketch { image: 1, count: 1, delay: 9, priority: 1, targets: targets.to_vec() })], 80);
    let shown = |world: &World| -> Vec<String> {
        let show = |(key, target): (&TargetKey, &Target)| {
            let state = if target.draining_since.is_some() { "draining" } else { target.health.state.as_str() };
            format!("{key} at {} {state}", target.address)
        };
        world.target_groups["s0"].targets.iter().map(show).collect()
    };
    bring(&mut world, &with(&[9000]), &mut ids);
    assert_eq!(shown(&world), ["127.0.0.1:9000 at 127.0.0.1:9000 initial"]);
    let key = local(9000).key();
    let (target_group, health) = (TargetGroupName::new("s0").unwrap(), TargetHealth::healthy(NOW));
    world.record(Step::SetTargetHealth { target_group, key: key.clone(), health });
    let before = world.clone();
    let summaries: Vec<String> = bring(&mut world, &with(&[9000, 9001]), &mut ids).iter().map(|change| change.summary(&before)).collect();
    assert_eq!(summaries, ["~ target group s0: targets"]);
    assert_eq!(shown(&world), ["127.0.0.1:9000 at 127.0.0.1:9000 healthy", "127.0.0.1:9001 at 127.0.0.1:9001 initial"]);
    bring(&mut world, &with(&[9001]), &mut ids);
    assert_eq!(shown(&world), ["127.0.0.1:9000 at 127.0.0.1:9000 draining", "127.0.0.1:9001 at 127.0.0.1:9001 initial"]);
    bring(&mut world, &with(&[9000]), &mut ids);
    assert_eq!(shown(&world), ["127.0.0.1:9000 at 127.0.0.1:9000 initial", "127.0.0.1:9001 at 127.0.0.1:9001 draining"]);
}

#[test]
fn a_target_of_a_task_is_not_the_manifests_to_let_go() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    bring(&mut world, &one(1), &mut ids);
    let group = TargetGroupName::new("s0").unwrap();
    let (key, health) = (TargetKey { id: "i-0".into(), port: 40000 }, TargetHealth::healthy(NOW));
    let address = ([127, 0, 0, 1], 40000).into();
    let target = Target { address, task: Some(TaskId::from_text("t")), registered_at: NOW, draining_since: None, health };
    world.record(Step::PutTarget { target_group: group.clone(), key: key.clone(), target: target.clone() });
    let mut spec = world.target_groups["s0"].spec.clone();
    spec.targets.push(local(9000));
    world.apply(Change::ModifyTargetGroup(Box::new(spec)), NOW, &mut ids).unwrap();
    assert_eq!(world.target_groups["s0"].targets.len(), 2);
    assert_eq!(world.target_groups["s0"].targets[&key], target);
}

#[test]
fn tasks_of_a_bridge_do_not_register_by_address() {
    let mut wanted = one(1);
    wanted.target_groups.values_mut().for_each(|spec| spec.target_type = TargetType::Ip);
    let mut world = world();
    let changes = diff::changes(&world, &wanted).unwrap();
    let refused = world.apply_all(changes, NOW, &mut Ids::seeded(1)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "The provided target group s0 has target type ip, which is incompatible with the bridge network mode specified in the task definition."
    );
    wanted.task_definitions.values_mut().for_each(|definition| definition.network_mode = NetworkMode::Awsvpc);
    let by_address = diff::changes(&world, &wanted).unwrap();
    wanted.target_groups.values_mut().for_each(|spec| spec.target_type = TargetType::Instance);
    let by_instance = diff::changes(&world, &wanted).unwrap();
    let refused = world.apply_all(by_instance, NOW, &mut Ids::seeded(1)).unwrap_err();
    assert!(refused.to_string().contains("has target type instance, which is incompatible with the awsvpc network mode"), "{refused}");
    world.apply_all(by_address, NOW, &mut Ids::seeded(1)).unwrap();
}

#[test]
fn a_listener_follows_its_certificates() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    let with = |name: Option<&str>| {
        let mut wanted = one(1);
        let listener = wanted.load_balancers.values_mut().next().unwrap().listeners.get_mut(&80).unwrap();
        listener.tls = name.map(|name| ListenerTls {
            certificates: vec![CertificateSource::Development { arn: None, names: vec![name.to_owned()] }],
            policy: SecurityPolicy::default(),
            mutual: MutualAuthentication::Off,
        });
        listener.protocol = if name.is_some() { ListenerProtocol::Https } else { ListenerProtocol::Http };
        wanted
    };
    let mut summaries = |wanted: &Desired| -> Vec<String> {
        let before = world.clone();
        let summaries = bring(&mut world, wanted, &mut ids).iter().map(|change| change.summary(&before)).collect();
        assert_eq!(said(&world, wanted), *wanted);
        summaries
    };
    summaries(&with(None));
    for name in [Some("a.test"), Some("b.test"), None] {
        assert_eq!(summaries(&with(name)), ["~ listener front:80, default fixed response 404"], "{name:?}");
        assert_eq!(summaries(&with(name)), Vec::<String>::new(), "{name:?}");
    }
}

/// Somebody must log in at the default action, at the first rule, or nowhere.
fn asking(at_default: bool, at_rule: bool, protocol: ListenerProtocol) -> Desired {
    let login = || Some(Authenticate::Oidc(AuthenticateOidc::cognito("arn:aws:cognito-idp:r:1:userpool/p", "client", "shop")));
    let mut wanted = one(1);
    let listener = wanted.load_balancers.values_mut().next().unwrap().listeners.get_mut(&80).unwrap();
    listener.protocol = protocol;
    listener.tls = (protocol == ListenerProtocol::Https).then(|| ListenerTls {
        certificates: vec![CertificateSource::Development { arn: None, names: vec![] }],
        policy: SecurityPolicy::default(),
        mutual: MutualAuthentication::Off,
    });
    listener.default_authenticate = at_default.then(login).flatten();
    listener.rules.values_mut().next().unwrap().authenticate = at_rule.then(login).flatten();
    wanted
}

#[test]
fn who_is_asked_is_asked_from_the_next_up_on() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    bring(&mut world, &asking(false, false, ListenerProtocol::Https), &mut ids);
    let before = world.clone();
    let changes = bring(&mut world, &asking(true, true, ListenerProtocol::Https), &mut ids);
    let summaries: Vec<String> = changes.iter().map(|change| change.summary(&before)).collect();
    assert_eq!(summaries, ["~ listener front:80, default authenticate, fixed response 404", "~ rule 10 on front:80, authenticate, forward to s0"]);
    bring(&mut world, &asking(false, false, ListenerProtocol::Http), &mut ids);
    assert_eq!(said(&world, &asking(false, false, ListenerProtocol::Http)), asking(false, false, ListenerProtocol::Http));
}

#[test]
fn nobody_is_asked_in_cleartext() {
    for (at_default, at_rule) in [(true, false), (false, true)] {
        let mut world = world();
        let changes = diff::changes(&world, &asking(at_default, at_rule, ListenerProtocol::Http)).unwrap();
        let refused = world.apply_all(changes, NOW, &mut Ids::seeded(1)).unwrap_err();
        assert_eq!(refused.to_string(), "Actions that authenticate are supported only on HTTPS listeners");
    }
}

#[test]
fn load_balancers_that_share_a_port_change_its_protocol_together() {
    let (mut world, mut ids) = (world(), Ids::seeded(1));
    let both = |front: ListenerProtocol, other: ListenerProtocol| {
        let mut wanted = asking(false, false, front);
        let with = asking(false, false, other).load_balancers.into_values().next().unwrap();
        wanted.load_balancers.insert(LoadBalancerName::new("other").unwrap(), with);
        wanted
    };
    for protocol in [ListenerProtocol::Http, ListenerProtocol::Https, ListenerProtocol::Http] {
        bring(&mut world, &both(protocol, protocol), &mut ids);
    }
    let changes = diff::changes(&world, &both(ListenerProtocol::Http, ListenerProtocol::Https)).unwrap();
    let before = world.clone();
    let refused = world.apply_all(changes, NOW, &mut ids).unwrap_err();
    assert_eq!(refused.to_string(), "port 80 is shared with load balancer `front`, whose listener there speaks HTTP");
    assert_eq!(world, before);
}

#[test]
fn the_count_that_scaling_has_come_to_stays() {
    let mut ids = Ids::seeded(1);
    let scaled = |min: u32, max: u32, count: u32| {
        let mut desired = desired(&[Some(Sketch { image: 0, count, delay: 0, priority: 1, targets: vec![] })], 80);
        let capacity = model::Capacity { min, max };
        let target = model::ScalableTarget { capacity, suspended: model::SuspendedState::default(), policies: vec![], scheduled_actions: vec![] };
        desired.services.values_mut().for_each(|service| service.spec.scalable_target = Some(target.clone()));
        desired
    };
    let mut world = world();
    bring(&mut world, &scaled(1, 6, 1), &mut ids);
    let key = world.services.keys().next().unwrap().clone();
    let count = |world: &World| world.services[&key].spec.desired_count;
    world.record(Step::SetDesiredCount { service: key.clone(), desired_count: 4 });
    assert_eq!(bring(&mut world, &scaled(1, 6, 1), &mut ids), [], "no difference from the manifest");
    // Other settings change, the count stays; a scheduled action has moved the bounds meanwhile.
    assert_eq!((bring(&mut world, &scaled(2, 6, 1), &mut ids).len(), count(&world)), (1, 4));
    let scaling = Box::new(model::ScalingState { capacity: Some(model::Capacity { min: 0, max: 8 }), ..model::ScalingState::default() });
    world.record(Step::SetScaling { service: key.clone(), scaling });
    world.record(Step::SetDesiredCount { service: key.clone(), desired_count: 8 });
    assert_eq!(bring(&mut world, &scaled(2, 6, 1), &mut ids), []);
    // Outside the bounds the manifest's own count holds; bounds of the manifest's that change hold at once.
    world.record(Step::SetDesiredCount { service: key.clone(), desired_count: 9 });
    bring(&mut world, &scaled(2, 6, 3), &mut ids);
    assert_eq!(count(&world), 3);
    world.record(Step::SetDesiredCount { service: key.clone(), desired_count: 8 });
    bring(&mut world, &scaled(2, 7, 3), &mut ids);
    assert_eq!((count(&world), world.services[&key].scaling.capacity), (3, None));
    let refused = diff::changes(&world, &scaled(3, 2, 3)).map(|changes| world.apply_all(changes, NOW, &mut ids));
    assert!(matches!(refused, Ok(Err(Refused::Invalid(_)))), "{refused:?}");
}

#[test]
fn repositories_are_made_adopted_and_let_go_of() {
    let name = |text: &str| RepositoryName::new(text).unwrap();
    let fixed = RepositorySpec { tag_rule: TagRule::new(TagMutability::Immutable, vec![]).unwrap(), ..RepositorySpec::default() };
    let mut world = world();
    let mut ids = Ids::seeded(1);
    let by_hand = Change::CreateRepository { name: name("by-hand"), owner: None, spec: Box::default() };
    world.apply(by_hand.clone(), NOW, &mut ids).unwrap();
    assert_eq!(world.clone().apply(by_hand, NOW, &mut ids), Err(Refused::Exists { what: "repository", name: "by-hand".into(), owner: None }));
    let mut desired = Desired::empty(ClusterName::new("c").unwrap());
    desired.repositories = BTreeMap::from([(name("users"), RepositorySpec::default()), (name("by-hand"), fixed)]);
    let said = |world: &World, desired: &Desired| {
        let changes = model::diff::changes(world, desired).unwrap();
        changes.iter().map(|change| change.summary(world)).collect::<Vec<_>>()
    };
    assert_eq!(said(&world, &desired), ["+ cluster c", "~ repository by-hand, imageTagMutability", "+ repository users"]);
    world.apply_all(model::diff::changes(&world, &desired).unwrap(), NOW, &mut ids).unwrap();
    assert_eq!(said(&world, &desired), Vec::<String>::new());
    assert!(world.repositories.values().all(|repository| repository.owner.as_ref() == Some(&desired.cluster)));
    let other = Desired { cluster: ClusterName::new("d").unwrap(), ..desired.clone() };
    assert!(matches!(model::diff::changes(&world, &other), Err(Refused::Exists { what: "repository", owner: Some(_), .. })));
    desired.repositories.remove(&name("users"));
    assert_eq!(said(&world, &desired), ["- repository users, if it holds no images"]);
    world.apply_all(model::diff::changes(&world, &desired).unwrap(), NOW, &mut ids).unwrap();
    assert_eq!(world.repositories[&name("users")].owner, None);
    world.apply(Change::DeleteCluster(desired.cluster), NOW, &mut ids).unwrap();
    assert!(world.repositories.len() == 2 && world.repositories.values().all(|repository| repository.owner.is_none()));
    assert_eq!(model::check::problems(&world), Vec::<String>::new());
    world.apply(Change::DeleteRepository(name("users")), NOW, &mut ids).unwrap();
    assert!(matches!(world.apply(Change::DeleteRepository(name("users")), NOW, &mut ids), Err(Refused::NotFound { what: "repository", .. })));
}
