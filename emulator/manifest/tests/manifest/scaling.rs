//! `scalableTarget` of a service (ecs.md 7).

use std::time::Duration;

use model::{
    AdjustmentType, Aggregation, Capacity, ComparisonOperator, Decimal, Metric, MissingData, PolicyKind, ScalableTarget, SuspendedState,
    TargetGroupName,
};

use crate::support::{bad, good, replaced};

fn with(target: &str) -> String {
    replaced(&[("taskDefinition: users\n", &format!("taskDefinition: users\n    scalableTarget: {target}\n"))])
}

fn read(target: &str) -> ScalableTarget {
    good(&with(target)).desired.services.values().next().unwrap().spec.scalable_target.clone().unwrap()
}

fn users() -> TargetGroupName {
    TargetGroupName::new("users").unwrap()
}

#[test]
fn a_scalable_target_is_read_with_aws_s_defaults() {
    let target = read(
        "
      minCapacity: 1
      maxCapacity: 6
      scalingPolicies:
        - policyName: requests
          policyType: TargetTrackingScaling
          targetTrackingScalingPolicyConfiguration:
            targetValue: 99.5
            predefinedMetricSpecification: { predefinedMetricType: ALBRequestCountPerTarget }
        - policyName: busy
          policyType: StepScaling
          stepScalingPolicyConfiguration:
            adjustmentType: PercentChangeInCapacity
            minAdjustmentMagnitude: 2
            cooldown: 30
            metricAggregationType: Maximum
            stepAdjustments: [{ metricIntervalLowerBound: 10, scalingAdjustment: 50 }, { metricIntervalLowerBound: 0, metricIntervalUpperBound: 10, scalingAdjustment: 25 }]
          alarm: { metricName: CPUUtilization, threshold: 70, comparisonOperator: GreaterThanOrEqualToThreshold, evaluationPeriods: 2, period: 120, treatMissingData: notBreaching }
      scheduledActions:
        - { scheduledActionName: evening, schedule: \"cron(0 18 * * ? *)\", timezone: Europe/Berlin, scalableTargetAction: { minCapacity: 3 } }",
    );
    assert_eq!((target.capacity, target.suspended), (Capacity { min: 1, max: 6 }, SuspendedState::default()));
    let [requests, busy] = target.policies.as_slice() else { panic!("{target:?}") };
    let PolicyKind::TargetTracking(tracking) = &requests.kind else { panic!("{requests:?}") };
    assert_eq!((&tracking.metric, tracking.target_value), (&Metric::RequestCountPerTarget(users()), "99.5".parse().unwrap()));
    let five_minutes = Duration::from_secs(300);
    assert_eq!((tracking.scale_out_cooldown, tracking.scale_in_cooldown, tracking.disable_scale_in), (five_minutes, five_minutes, false));
    let PolicyKind::StepScaling(steps) = &busy.kind else { panic!("{busy:?}") };
    assert_eq!((steps.adjustment_type, steps.aggregation), (AdjustmentType::PercentChangeInCapacity, Aggregation::Maximum));
    assert_eq!((steps.cooldown.as_secs(), steps.min_adjustment_magnitude, steps.alarm_name.as_str()), (30, Some(2), "users-busy"));
    assert_eq!(steps.steps.iter().map(|step| step.adjustment).collect::<Vec<_>>(), [25, 50], "in the order of their bounds");
    let alarm = &steps.alarm;
    assert_eq!(
        (&alarm.metric, alarm.threshold, alarm.comparison),
        (&Metric::CpuUtilization, Decimal::whole(70), ComparisonOperator::GreaterThanOrEqual)
    );
    assert_eq!((alarm.period_minutes, alarm.evaluation_periods, alarm.datapoints_to_alarm, alarm.missing_data), (2, 2, 2, MissingData::NotBreaching));
    let [evening] = target.scheduled_actions.as_slice() else { panic!("{target:?}") };
    assert_eq!((evening.schedule.to_string().as_str(), evening.timezone.as_str()), ("cron(0 18 * * ? *)", "Europe/Berlin"));
    assert_eq!((evening.min_capacity, evening.max_capacity, evening.start_time), (Some(3), None, None));
}

#[test]
fn what_aws_prints_can_be_pasted() {
    let target = read(
        r#"{
      "ServiceNamespace": "ecs", "ResourceId": "service/test/users", "ScalableDimension": "ecs:service:DesiredCount",
      "MinCapacity": 0, "MaxCapacity": 4, "RoleARN": "arn:aws:iam::123456789012:role/x", "CreationTime": 1462806994.035,
      "SuspendedState": { "DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false },
      "ScalingPolicies": [{
        "PolicyARN": "arn:aws:autoscaling:us-west-2:012345678910:scalingPolicy:6d8972f3:resource/ecs/service/test/users:policyName/requests",
        "PolicyName": "requests", "ServiceNamespace": "ecs", "ResourceId": "service/test/users", "ScalableDimension": "ecs:service:DesiredCount",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
          "TargetValue": 75.0, "ScaleOutCooldown": 60, "ScaleInCooldown": 60, "DisableScaleIn": true,
          "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": "app/front/778d41231b141a0f/targetgroup/users/943f017f100becff" } },
        "Alarms": [{ "AlarmName": "TargetTracking-service/test/users-AlarmHigh-d4f0770c", "AlarmARN": "arn:aws:cloudwatch:x" }],
        "CreationTime": 1462806994.035 }] }"#,
    );
    assert_eq!((target.capacity, target.suspended.scaling_in), (Capacity { min: 0, max: 4 }, true));
    let PolicyKind::TargetTracking(policy) = &target.policies[0].kind else { panic!("{target:?}") };
    assert_eq!((&policy.metric, policy.disable_scale_in), (&Metric::RequestCountPerTarget(users()), true));
    for label in
        ["users", "targetgroup/users/943f017f100becff", "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/users/943f017f100becff"]
    {
        let target = read(&tracking(&format!("{{ predefinedMetricType: ALBRequestCountPerTarget, resourceLabel: \"{label}\" }}")));
        assert_eq!(target.policies[0].metric(), &Metric::RequestCountPerTarget(users()), "{label}");
    }
}

#[test]
fn an_alarm_that_aws_prints_can_be_pasted() {
    let alarm = r#"{
        "AlarmName": "busy", "AlarmArn": "arn:aws:cloudwatch:x", "AlarmDescription": "too much", "ActionsEnabled": true, "OKActions": [],
        "AlarmActions": ["arn:aws:autoscaling:x"], "InsufficientDataActions": [], "StateValue": "OK", "StateTransitionedTimestamp": "2026-01-01T00:00:00Z",
        "MetricName": "TargetResponseTime", "Namespace": "AWS/ApplicationELB", "Statistic": "Average", "Period": 300, "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2, "Threshold": 0.25, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "ignore",
        "Dimensions": [{ "Name": "TargetGroup", "Value": "targetgroup/users/1" }, { "Name": "LoadBalancer", "Value": "app/front/2" }] }"#;
    let target = read(&stepping(STEPS, alarm));
    let PolicyKind::StepScaling(policy) = &target.policies[0].kind else { panic!("{target:?}") };
    let alarm = &policy.alarm;
    assert_eq!((&alarm.metric, policy.alarm_name.as_str()), (&Metric::TargetResponseTime(users()), "busy"));
    assert_eq!((alarm.period_minutes, alarm.evaluation_periods, alarm.datapoints_to_alarm), (5, 3, 2));
    assert_eq!((alarm.threshold.to_string().as_str(), alarm.missing_data), ("0.25", MissingData::Ignore));
}

#[test]
fn without_a_count_a_service_begins_within_its_bounds() {
    let count = |text: &str| good(text).desired.services.values().next().unwrap().spec.desired_count;
    assert_eq!(count(&with("{ minCapacity: 2, maxCapacity: 4 }")), 2);
    assert_eq!(count(&with("{ minCapacity: 0, maxCapacity: 0 }")), 0);
    assert_eq!(count(&with("{ minCapacity: 2, maxCapacity: 4 }\n    desiredCount: 7")), 7, "what is said counts");
}

fn tracking(metric: &str) -> String {
    let policy = format!("{{ targetValue: 50, predefinedMetricSpecification: {metric} }}");
    format!(
        "{{ minCapacity: 1, maxCapacity: 2, scalingPolicies: [{{ policyName: p, policyType: TargetTrackingScaling, targetTrackingScalingPolicyConfiguration: {policy} }}] }}"
    )
}

fn stepping(steps: &str, alarm: &str) -> String {
    let policy = format!("{{ policyName: p, policyType: StepScaling, stepScalingPolicyConfiguration: {steps}, alarm: {alarm} }}");
    format!("{{ minCapacity: 1, maxCapacity: 2, scalingPolicies: [{policy}] }}")
}

fn acting(action: &str) -> String {
    format!("{{ minCapacity: 1, maxCapacity: 2, scheduledActions: [{{ scheduledActionName: a, {action} }}] }}")
}

const STEPS: &str = "{ adjustmentType: ChangeInCapacity, stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: 1 }] }";
const ALARM: &str = "{ metricName: CPUUtilization, threshold: 70, comparisonOperator: GreaterThanThreshold, evaluationPeriods: 1 }";

fn says(target: &str, sentence: &str) {
    let said = bad(&with(target));
    assert!(said.contains(sentence) && said.contains("cluster.yaml:24:"), "{target} does not say `{sentence}`: {said}");
}

#[test]
fn problems_with_a_scalable_target_have_their_place() {
    for (target, sentence) in [
        ("{ minCapacity: 1 }", "a scalable target needs `maxCapacity`"),
        ("{ minCapacity: 3, maxCapacity: 2 }", "`minCapacity` 3 is above `maxCapacity` 2"),
        ("{ minCapacity: -1, maxCapacity: 2 }", "`minCapacity`"),
        ("{ minCapacity: 1, maxCapacity: 2, serviceNamespace: dynamodb }", "`serviceNamespace` must be `ecs`"),
        ("{ minCapacity: 1, maxCapacity: 2, scalingPolicies: [{ policyType: StepScaling }] }", "a scaling policy needs `policyName`"),
        (
            "{ minCapacity: 1, maxCapacity: 2, scalingPolicies: [{ policyName: p, policyType: PredictiveScaling }] }",
            "`policyType: PredictiveScaling` is not supported",
        ),
        ("{ minCapacity: 1, maxCapacity: 2, scalingPolicies: [{ policyName: p, policyType: StepScaling }] }", "a policy of this type needs `alarm`"),
        (
            "{ minCapacity: 1, maxCapacity: 2, scalingPolicies: [{ policyName: p, policyType: TargetTrackingScaling }] }",
            "needs `targetTrackingScalingPolicyConfiguration`",
        ),
    ] {
        says(target, sentence);
    }
    for (metric, sentence) in [
        ("{ predefinedMetricType: EC2Something }", "`predefinedMetricType` must be `ECSServiceAverageCPUUtilization`"),
        ("{ predefinedMetricType: ECSServiceAverageCPUUtilizationHighResolution }", "is not supported"),
        (
            "{ predefinedMetricType: ECSServiceAverageCPUUtilization, resourceLabel: users }",
            "`resourceLabel` belongs to `ALBRequestCountPerTarget` only",
        ),
        ("{ predefinedMetricType: ALBRequestCountPerTarget, resourceLabel: usres }", "did you mean `users`?"),
        (
            "{ predefinedMetricType: ALBRequestCountPerTarget, resourceLabel: app/x/1/targetgroup/posts/2 }",
            "does not register in a target group `posts`",
        ),
    ] {
        says(&tracking(metric), sentence);
    }
    says(&tracking("{ predefinedMetricType: ECSServiceAverageCPUUtilization }").replace("50", "0"), "`targetValue` must be more than 0");
    says(
        &tracking("{ predefinedMetricType: ECSServiceAverageCPUUtilization }").replace("50", "half"),
        "`targetValue` must be a number, found `half`",
    );
    says(
        &tracking("{ predefinedMetricType: ECSServiceAverageCPUUtilization }").replace("targetValue: 50", "targetValue: \"50\""),
        "remove the quotes",
    );
    says(
        &tracking("{ metricName: Queue }").replace("predefinedMetricSpecification", "customizedMetricSpecification"),
        "`customizedMetricSpecification` of a target tracking configuration is not supported",
    );
}

#[test]
fn problems_with_steps_and_alarms_have_their_place() {
    let adjustments = |list: &str| format!("{{ adjustmentType: ChangeInCapacity, stepAdjustments: {list} }}");
    for (steps, sentence) in [
        (adjustments("[]"), "`stepAdjustments` must not be empty"),
        (adjustments("[{ scalingAdjustment: 1 }]"), "a step adjustment needs a lower or an upper bound"),
        (adjustments("[{ metricIntervalLowerBound: 5, metricIntervalUpperBound: 5, scalingAdjustment: 1 }]"), "must be below its upper bound 5"),
        (
            adjustments(
                "[{ metricIntervalLowerBound: 0, metricIntervalUpperBound: 10, scalingAdjustment: 1 }, { metricIntervalLowerBound: 15, scalingAdjustment: 2 }]",
            ),
            "one ends at 10, the next begins at 15",
        ),
        (
            adjustments("[{ metricIntervalLowerBound: 0, scalingAdjustment: 1 }, { metricIntervalLowerBound: 15, scalingAdjustment: 2 }]"),
            "one ends at infinity, the next begins at 15",
        ),
        (
            adjustments("[{ metricIntervalLowerBound: 0, metricIntervalUpperBound: 10, scalingAdjustment: 1 }]"),
            "with an upper bound that is positive there must be a step adjustment without an upper bound",
        ),
        (
            adjustments("[{ metricIntervalLowerBound: -10, metricIntervalUpperBound: 0, scalingAdjustment: -1 }]"),
            "with a lower bound that is negative there must be a step adjustment without a lower bound",
        ),
        (
            "{ adjustmentType: ExactCapacity, stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: -1 }] }".into(),
            "`ExactCapacity` cannot be negative",
        ),
        (
            "{ adjustmentType: ExactCapacity, minAdjustmentMagnitude: 2, stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: 1 }] }"
                .into(),
            "`minAdjustmentMagnitude` belongs to `PercentChangeInCapacity` only",
        ),
    ] {
        says(&stepping(&steps, ALARM), sentence);
    }
    for (from, to, sentence) in [
        ("CPUUtilization", "Errors", "`metricName` must be `CPUUtilization`"),
        ("threshold: 70", "threshold: 70, namespace: AWS/ApplicationELB", "the `namespace` of `CPUUtilization` is `AWS/ECS`"),
        ("threshold: 70", "threshold: 70, statistic: Sum", "the `statistic` of `CPUUtilization` is `Average`"),
        ("threshold: 70", "threshold: 70, statistic: Maximum", "`statistic: Maximum` is not supported"),
        ("threshold: 70", "threshold: 70, period: 90", "`period` must be a multiple of 60, found 90"),
        ("threshold: 70", "threshold: 70, period: 10", "`period` must be a whole number from 60 to 86400"),
        ("threshold: 70", "threshold: 70, datapointsToAlarm: 2", "`datapointsToAlarm` 2 is more than `evaluationPeriods` 1"),
        ("threshold: 70", "threshold: 70, period: 43260, evaluationPeriods: 2", "given twice"),
        ("evaluationPeriods: 1", "period: 43260, evaluationPeriods: 2", "EvaluationPeriods * Period must be <= 86400"),
        ("threshold: 70", "threshold: 70, actionsEnabled: false", "an alarm without actions sets no policy off"),
        ("threshold: 70", "threshold: 70, dimensions: [{ name: ServiceName, value: posts }]", "looks at that service"),
        ("threshold: 70", "threshold: 70, metrics: [{ id: m1 }]", "`metrics` of an alarm is not supported"),
        (
            "CPUUtilization",
            "RequestCount, dimensions: [{ name: TargetGroup, value: targetgroup/posts/1 }]",
            "does not register in a target group `posts`",
        ),
        ("GreaterThanThreshold", "More", "`comparisonOperator` must be `GreaterThanOrEqualToThreshold`"),
    ] {
        assert!(ALARM.contains(from));
        let said = bad(&with(&stepping(STEPS, &ALARM.replacen(from, to, 1))));
        assert!(said.contains(sentence), "{to} does not say `{sentence}`: {said}");
    }
}

#[test]
fn problems_with_scheduled_actions_have_their_place() {
    let whole = "schedule: \"rate(1 hour)\", scalableTargetAction: { minCapacity: 1 }";
    read(&acting(whole));
    for (from, to, sentence) in [
        ("rate(1 hour)", "hourly", "`hourly` is neither `at(…)` nor `rate(…)` nor `cron(…)`"),
        ("rate(1 hour)", "cron(0 18 * * *)", "has six fields"),
        ("{ minCapacity: 1 }", "{}", "a scheduled action needs a new `minCapacity` or `maxCapacity`"),
        ("{ minCapacity: 1 }", "{ minCapacity: 2, maxCapacity: 1 }", "`minCapacity` 2 is above `maxCapacity` 1"),
        ("schedule", "timezone: Europe/Atlantis, schedule", "there is no time zone `Europe/Atlantis`"),
        ("schedule", "startTime: tomorrow, schedule", "`tomorrow` is not a date and time"),
        ("schedule", "startTime: \"2026-01-02T00:00:00Z\", endTime: \"2026-01-01T00:00:00Z\", schedule", "`endTime` must be after `startTime`"),
    ] {
        assert!(whole.contains(from));
        says(&acting(&whole.replacen(from, to, 1)), sentence);
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let memory = tracking("{ predefinedMetricType: ECSServiceAverageMemoryUtilization }");
    good(&with(&memory));
    let said = bad(&with(&memory).replace("        memory: 256\n", ""));
    assert!(said.contains("the tasks reserve no memory, of which this would be a share"), "{said}");
    let requests = tracking("{ predefinedMetricType: ALBRequestCountPerTarget }");
    let said = bad(&with(&requests).replace("    loadBalancers: [{ targetGroup: users, containerName: web, containerPort: 3000 }]\n", ""));
    assert!(said.contains("the service registers in no target group whose requests could be counted"), "{said}");
    let daemon = with("{ minCapacity: 1, maxCapacity: 2 }\n    schedulingStrategy: DAEMON");
    assert!(bad(&daemon).contains("scales services of the scheduling strategy REPLICA only"));
}
