//! Scheduling strategies, and deployments that shift traffic (ecs.md 3.1 and 3.10).

use std::time::Duration;

use model::{HookAction, HookTarget, HookTimeout, LifecycleStage, SchedulingStrategy, ServiceSpec, ShiftPattern, TrafficShift};

use crate::support::{broken, good, replaced};

const SERVICE: &str = "    loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]";

/// The service registers in two target groups, and is deployed so.
fn shifting(advanced: &str, deployment: &str) -> Vec<(&'static str, String)> {
    let entry = format!("targetGroup: users, containerName: web, containerPort: 3000, advancedConfiguration: {advanced}");
    vec![
        ("targetGroups:\n", "targetGroups:\n  - { name: green, protocol: HTTP, port: 80 }\n".into()),
        (SERVICE, format!("    loadBalancers:\n      - {{ {entry} }}\n    deploymentConfiguration: {deployment}")),
    ]
}

const ADVANCED: &str = "{ alternateTargetGroup: green, productionListenerRule: \"front:80/1\" }";

fn borrowed(edits: &[(&'static str, String)]) -> Vec<(&'static str, &'static str)> {
    edits.iter().map(|(from, to)| (*from, &*String::leak(to.clone()))).collect()
}

fn read(edits: &[(&'static str, String)]) -> ServiceSpec {
    good(&replaced(&borrowed(edits))).desired.services.values().next().unwrap().spec.clone()
}

fn shift(deployment: &str) -> TrafficShift {
    read(&shifting(ADVANCED, deployment)).traffic_shift.unwrap()
}

fn problem(advanced: &str, deployment: &str) -> String {
    broken(&borrowed(&shifting(advanced, deployment)))
}

#[test]
fn a_daemon_names_no_count_and_stops_first() {
    let daemon = |more: &str| vec![("taskDefinition: users\n", format!("taskDefinition: users\n    schedulingStrategy: DAEMON\n{more}"))];
    let spec = read(&daemon(""));
    assert_eq!((spec.scheduling_strategy, spec.desired_count), (SchedulingStrategy::Daemon, 1));
    assert_eq!((spec.minimum_healthy_percent, spec.maximum_percent), (0, 100));
    for (more, sentence) in [
        ("    desiredCount: 2\n", "does not support a desired count"),
        ("    deploymentConfiguration: { maximumPercent: 200 }\n", "maximumPercent of a DAEMON service must be 100"),
    ] {
        let said = broken(&borrowed(&daemon(more)));
        assert!(said.contains(sentence), "{said}");
    }
}

#[test]
fn patterns_are_read_with_aws_s_defaults() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let pattern = |text: &str| shift(text).pattern;
    assert_eq!(
        shift("{ strategy: BLUE_GREEN, bakeTimeInMinutes: 5 }"),
        TrafficShift { pattern: ShiftPattern::AllAtOnce, bake_time: minutes(5), hooks: vec![] }
    );
    assert_eq!(pattern("{ strategy: LINEAR }"), ShiftPattern::Linear { step: 100, bake: minutes(6) });
    assert_eq!(pattern("{ strategy: CANARY }"), ShiftPattern::Canary { step: 50, bake: minutes(10) });
    let canary = "{ strategy: CANARY, canaryConfiguration: { canaryPercent: 0.1, canaryBakeTimeInMinutes: 0 } }";
    assert_eq!(pattern(canary), ShiftPattern::Canary { step: 1, bake: minutes(0) });
    let linear = "{ strategy: LINEAR, linearConfiguration: { stepPercent: \"33.3\", stepBakeTimeInMinutes: 1 } }";
    assert_eq!(pattern(linear), ShiftPattern::Linear { step: 333, bake: minutes(1) });
    let entry = read(&shifting(ADVANCED, "{ strategy: ROLLING }")).load_balancers[0].advanced.clone().unwrap();
    assert_eq!((entry.production_rule.to_string(), entry.test_rule), ("front:80/1".into(), None));
}

#[test]
fn hooks_are_programs_and_endpoints_of_this_machine() {
    let hooks = |hooks: &str| format!("{{ strategy: CANARY, lifecycleHooks: {hooks} }}");
    let read = shift(&hooks(
        "[{ command: [./smoke.sh, a], lifecycleStages: [PRE_SCALE_UP, POST_SCALE_UP], hookDetails: { a: 1 } }, { endpoint: \"http://[::1]:9/x\", lifecycleStages: [TEST_TRAFFIC_SHIFT] }]",
    ));
    assert_eq!(read.hooks[0].target, HookTarget::Command { command: vec!["./smoke.sh".into(), "a".into()], folder: "/home/app".into() });
    assert_eq!(read.hooks[0].stages, [LifecycleStage::PreScaleUp, LifecycleStage::PostScaleUp]);
    assert_eq!(read.hooks[0].details.as_deref(), Some(r#"{"a":"1"}"#));
    assert_eq!(read.hooks[1].target, HookTarget::Endpoint("http://[::1]:9/x".into()));
    let read = shift(&hooks(
        "[{ targetType: PAUSE, lifecycleStages: [PRE_SCALE_UP] }, { command: [a], lifecycleStages: [PRE_SCALE_UP], timeoutConfiguration: { timeoutInMinutes: 3, action: CONTINUE } }]",
    ));
    let timeout = |minutes: u64, action| HookTimeout { after: Duration::from_secs(60 * minutes), action };
    assert_eq!((&read.hooks[0].target, read.hooks[0].timeout), (&HookTarget::Pause, timeout(1440, HookAction::RollBack)));
    assert_eq!(read.hooks[1].timeout, timeout(3, HookAction::Continue));
    for (hook, sentence) in [
        ("[{ lifecycleStages: [PRE_SCALE_UP] }]", "asks a `command` or an `endpoint`, or is a PAUSE"),
        ("[{ command: [a], endpoint: \"http://localhost/\", lifecycleStages: [PRE_SCALE_UP] }]", "asks a `command` or an `endpoint`, or is a PAUSE"),
        ("[{ command: [], lifecycleStages: [PRE_SCALE_UP] }]", "the command is empty"),
        ("[{ endpoint: \"http://example.com/\", lifecycleStages: [PRE_SCALE_UP] }]", "is no `http://` URL of this machine"),
        ("[{ endpoint: \"http://localhost.example.com:80/\", lifecycleStages: [PRE_SCALE_UP] }]", "is no `http://` URL of this machine"),
        ("[{ endpoint: \"https://localhost/\", lifecycleStages: [PRE_SCALE_UP] }]", "is no `http://` URL of this machine"),
        ("[{ hookTargetArn: \"arn:aws:lambda:x\", lifecycleStages: [PRE_SCALE_UP] }]", "`hookTargetArn` of a lifecycle hook is not supported"),
        ("[{ command: [a], lifecycleStages: [SCALE_UP] }]", "SCALE_UP"),
        ("[{ targetType: AWS_LAMBDA, lifecycleStages: [PRE_SCALE_UP] }]", "no Lambda function can be asked here"),
        ("[{ targetType: PAUSE, command: [a], lifecycleStages: [PRE_SCALE_UP] }]", "asks a `command` or an `endpoint`, or is a PAUSE"),
        ("[{ targetType: PAUSE, lifecycleStages: [TEST_TRAFFIC_SHIFT] }]", "a deployment cannot be paused at TEST_TRAFFIC_SHIFT"),
        ("[{ targetType: PAUSE, lifecycleStages: [PRE_SCALE_UP], timeoutConfiguration: { timeoutInMinutes: 0 } }]", "1 to 20160"),
    ] {
        let said = problem(ADVANCED, &hooks(hook));
        assert!(said.contains(sentence), "{hook}: {said}");
    }
}

#[test]
fn what_cannot_be_shifted_is_said_with_its_place() {
    let canary = "{ strategy: CANARY }";
    for (advanced, deployment, sentence) in [
        ("{ alternateTargetGroup: users, productionListenerRule: \"front:80/1\" }", canary, "`users` is the target group itself"),
        ("{ alternateTargetGroup: gren, productionListenerRule: \"front:80/1\" }", canary, "Target group 'gren' not found"),
        ("{ alternateTargetGroup: green, productionListenerRule: \"front:80/7\" }", canary, "there is no rule front:80/7"),
        ("{ alternateTargetGroup: green, productionListenerRule: \"front:80/default\" }", canary, "must forward to `users` and to nothing else"),
        ("{ alternateTargetGroup: green, productionListenerRule: front }", canary, "`front` names no rule"),
        (
            "{ alternateTargetGroup: green, productionListenerRule: \"front:80/1\", testListenerRule: \"front:80/1\" }",
            canary,
            "the test rule is the production rule",
        ),
        (ADVANCED, "{ strategy: BLUE_GREEN }", "BLUE_GREEN needs `bakeTimeInMinutes`"),
        (ADVANCED, "{ strategy: ROLLING, bakeTimeInMinutes: 1 }", "`bakeTimeInMinutes` belongs to a strategy that shifts traffic"),
        (ADVANCED, "{ strategy: CANARY, linearConfiguration: {} }", "`linearConfiguration` belongs to `strategy: LINEAR`"),
        (ADVANCED, "{ strategy: CANARY, canaryConfiguration: { canaryPercent: 100.1 } }", "is not within 0.1 and 100.0 per cent"),
        (ADVANCED, "{ strategy: CANARY, canaryConfiguration: { canaryPercent: 12.55 } }", "is not within 0.1 and 100.0 per cent"),
        (ADVANCED, "{ strategy: LINEAR, linearConfiguration: { stepPercent: 2 } }", "is not within 3.0 and 100.0 per cent"),
    ] {
        let said = problem(advanced, deployment);
        assert!(said.contains(sentence), "{advanced} {deployment}: {said}");
    }
    let without = [(SERVICE, format!("{SERVICE}\n    deploymentConfiguration: {canary}"))];
    assert!(broken(&borrowed(&without)).contains("CANARY needs an `advancedConfiguration`"));
    let daemon =
        [&shifting(ADVANCED, canary)[..], &[("taskDefinition: users\n", "taskDefinition: users\n    schedulingStrategy: DAEMON\n".into())]].concat();
    assert!(broken(&borrowed(&daemon)).contains("a DAEMON service cannot be deployed CANARY"));
}
