//! Alarms by themselves, the deployments that they end, and deployments that succeed early (ecs.md 3.5).

use model::{ComparisonOperator, DeploymentAlarms, EarlySuccess, Metric, MissingData};

use crate::support::{GOOD, bad, good};

const ALARM: &str = "{ alarmName: errors, metricName: HTTPCode_Target_5XX_Count, dimensions: [{ name: TargetGroup, value: users }], threshold: 5, comparisonOperator: GreaterThanThreshold, evaluationPeriods: 2 }";

fn with_alarm(alarm: &str) -> String {
    format!("{GOOD}alarms:\n  - {alarm}\n")
}

fn with_deployment(configuration: &str) -> String {
    let service = "    taskDefinition: users\n";
    assert!(GOOD.contains(service));
    with_alarm(ALARM).replacen(service, &format!("{service}    deploymentConfiguration: {configuration}\n"), 1)
}

#[test]
fn alarms_are_read_as_put_metric_alarm_has_them() {
    let read = |alarm: &str| good(&with_alarm(alarm)).desired.alarms.pop_first().unwrap();
    let (name, spec) = read(ALARM);
    assert_eq!((name.as_str(), spec.service), ("errors", None));
    assert_eq!(spec.alarm.metric.words(), "HTTPCode_Target_5XX_Count of users");
    assert_eq!(spec.alarm.words(), "> 5 for 2 datapoints");
    assert_eq!((spec.alarm.comparison, spec.alarm.missing_data), (ComparisonOperator::GreaterThan, MissingData::Missing));
    // As `aws cloudwatch describe-alarms` prints it.
    let aws = r#"{ "AlarmName": "cpu", "AlarmArn": "a", "ActionsEnabled": true, "MetricName": "CPUUtilization", "Namespace": "AWS/ECS", "Statistic": "Average",
      "Dimensions": [{ "Name": "ServiceName", "Value": "users" }, { "Name": "ClusterName", "Value": "test" }], "Period": 120, "EvaluationPeriods": 3,
      "DatapointsToAlarm": 2, "Threshold": 70.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "breaching" }"#;
    let (_, spec) = read(aws);
    assert_eq!((spec.service.unwrap().as_str(), spec.alarm.metric.clone()), ("users", Metric::CpuUtilization));
    assert_eq!(spec.alarm.words(), ">= 70 for 2 of 3 datapoints of 2 minutes");
    let on = |metric: &str, dimension: &str| {
        let alarm = ALARM.replace("HTTPCode_Target_5XX_Count", metric).replace("{ name: TargetGroup, value: users }", dimension);
        read(&alarm).1.alarm.metric.words()
    };
    assert_eq!(on("HTTPCode_ELB_5XX_Count", "{ name: LoadBalancer, value: app/front/50dc6c495c0c9188 }"), "HTTPCode_ELB_5XX_Count of front");
    assert_eq!(on("UnHealthyHostCount", "{ name: TargetGroup, value: targetgroup/users/943f017f100becff }"), "UnHealthyHostCount of users");
}

#[test]
fn what_is_wrong_with_an_alarm_is_said_with_its_place() {
    for (from, to, sentence) in [
        ("value: users", "value: user", "there is no target group `user`"),
        ("name: TargetGroup", "name: LoadBalancer", "needs the dimension `TargetGroup`"),
        ("HTTPCode_Target_5XX_Count", "CPUUtilization", "needs the dimension `ServiceName`"),
        ("HTTPCode_Target_5XX_Count", "Latency", "Latency"),
        ("threshold: 5,", "threshold: 5, statistic: Average,", "the `statistic` of `HTTPCode_Target_5XX_Count` is `Sum`"),
        ("threshold: 5,", "threshold: 5, namespace: AWS/ECS,", "the `namespace` of `HTTPCode_Target_5XX_Count` is `AWS/ApplicationELB`"),
        ("threshold: 5,", "threshold: 5, period: 90,", "must be a multiple of 60"),
        ("threshold: 5,", "threshold: 5, datapointsToAlarm: 3,", "`datapointsToAlarm` 3 is more than `evaluationPeriods` 2"),
        ("threshold: 5,", "threshold: 5, extendedStatistic: p99,", "use `statistic`"),
        ("alarmName: errors", "alarmName: \"\"", "has 1 to 255 characters"),
    ] {
        assert!(ALARM.contains(from), "{from}");
        let said = bad(&with_alarm(&ALARM.replacen(from, to, 1)));
        assert!(said.contains(sentence) && said.contains("cluster.yaml:"), "{to}: {said}");
    }
}

#[test]
fn deployments_name_their_alarms() {
    let read = |configuration: &str| good(&with_deployment(configuration)).desired.services.pop_first().unwrap().1.spec;
    let spec = read("{ alarms: { alarmNames: [errors], enable: true, rollback: true } }");
    assert_eq!(spec.deployment_alarms, Some(DeploymentAlarms { names: vec!["errors".into()], rollback: true }));
    assert_eq!(read("{ alarms: { alarmNames: [errors], enable: false, rollback: true } }").deployment_alarms, None);
    let early = "{ earlySuccessCriteria: { enable: true, healthyPercent: 100, sourceServiceRevisionCleanup: DEFERRED } }";
    assert_eq!(read(early).early_success, Some(EarlySuccess { healthy_percent: 100, deferred_cleanup: true }));
    assert_eq!(read("{ earlySuccessCriteria: { enable: false } }").early_success, None);
    for (configuration, sentence) in [
        ("{ alarms: { alarmNames: [error], enable: true, rollback: true } }", "there is no alarm `error`"),
        ("{ alarms: { alarmNames: [], enable: true, rollback: true } }", "name at least one alarm"),
        ("{ alarms: { alarmNames: [errors], enable: true } }", "rollback"),
        ("{ earlySuccessCriteria: { enable: true, healthyPercent: 100 } }", "need `sourceServiceRevisionCleanup`"),
        (
            "{ earlySuccessCriteria: { enable: true, healthyPercent: 99, sourceServiceRevisionCleanup: BLOCKING } }",
            "`healthyPercent` 99 is less than `minimumHealthyPercent` 100",
        ),
    ] {
        let said = bad(&with_deployment(configuration));
        assert!(said.contains(sentence), "{configuration}: {said}");
    }
}
