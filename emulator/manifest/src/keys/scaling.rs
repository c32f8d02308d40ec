//! The keys of service auto scaling (ecs.md 7): RegisterScalableTarget, PutScalingPolicy and PutScheduledAction of Application Auto Scaling.
//! Every word may begin with a capital, as in their JSON.

use crate::shape::{Choice, Field, Object, Shape, field, inert, integer, list, named};

pub(crate) static SCALABLE_TARGET: Object = Object::new(
    "ScalableTarget",
    "scalable target",
    &[
        field("minCapacity", integer(0, 5000), "Scaled in to so many tasks at least.").required(),
        field("maxCapacity", integer(0, 5000), "Scaled out to so many tasks at most.").required(),
        field("scalingPolicies", Shape::List(&named(Shape::Object(&POLICY), "policyName")), "What changes desiredCount, as in PutScalingPolicy."),
        field(
            "scheduledActions",
            Shape::List(&named(Shape::Object(&SCHEDULED_ACTION), "scheduledActionName")),
            "When the two capacities change, as in PutScheduledAction.",
        ),
        field("suspendedState", Shape::Object(&SUSPENDED_STATE), "What is to be left alone. Default nothing."),
        NAMESPACE,
        DIMENSION,
        RESOURCE,
        inert("roleARN", "no AWS role is used"),
        inert("tags", "tags are not kept"),
    ],
)
.either_case()
.answers(&["creationTime", "scalableTargetARN", "predictedCapacity"]);

const NAMESPACE: Field = inert("serviceNamespace", "it stands at its service").of(Shape::Choice(&Choice { accepted: &["ecs"], refused: &[] }));

const DIMENSION: Field =
    inert("scalableDimension", "it stands at its service").of(Shape::Choice(&Choice { accepted: &["ecs:service:DesiredCount"], refused: &[] }));

const RESOURCE: Field = inert("resourceId", "it stands at its service").of(Shape::Text);

static SUSPENDED_STATE: Object = Object::new(
    "SuspendedState",
    "suspended state",
    &[
        field("dynamicScalingInSuspended", Shape::Boolean, "No policy takes tasks away. Default false."),
        field("dynamicScalingOutSuspended", Shape::Boolean, "No policy adds tasks. Default false."),
        field("scheduledScalingSuspended", Shape::Boolean, "No scheduled action does anything. Default false."),
    ],
)
.either_case();

static POLICY: Object = Object::new(
    "ScalingPolicy",
    "scaling policy",
    &[
        field("policyName", Shape::Text, "Unique at its service.").required(),
        field("policyType", Shape::Choice(&POLICY_TYPE), "What its configuration is of.").required(),
        field("targetTrackingScalingPolicyConfiguration", Shape::Object(&TARGET_TRACKING), "Keeps a metric near a value."),
        field("stepScalingPolicyConfiguration", Shape::Object(&STEP_SCALING), "Answers an alarm in steps."),
        field("alarm", Shape::Object(&super::alarm::POLICY_ALARM), "What sets a StepScaling policy off, as in PutMetricAlarm."),
        NAMESPACE,
        DIMENSION,
        RESOURCE,
    ],
)
.either_case()
.refusing(&[("predictiveScalingPolicyConfiguration", "use a TargetTrackingScaling policy")])
.answers(&["policyARN", "alarms", "creationTime"]);

static POLICY_TYPE: Choice =
    Choice { accepted: &["TargetTrackingScaling", "StepScaling"], refused: &[("PredictiveScaling", "use `TargetTrackingScaling`")] };

/// AWS's default is 300 s for ECS.
const COOLDOWN: Shape = integer(0, 604_800);

static TARGET_TRACKING: Object = Object::new(
    "TargetTrackingScalingPolicyConfiguration",
    "target tracking configuration",
    &[
        field("targetValue", Shape::Number, "Where the metric is to be: per cent, or requests a minute and target.").required(),
        field("predefinedMetricSpecification", Shape::Object(&PREDEFINED_METRIC), "Which metric.").required(),
        field("scaleOutCooldown", COOLDOWN, "Seconds after a scale-out in which only a larger one counts. Default 300."),
        field("scaleInCooldown", COOLDOWN, "Seconds after a scale-in without another. Default 300."),
        field("disableScaleIn", Shape::Boolean, "Whether it never takes tasks away. Default false."),
    ],
)
.either_case()
.refusing(&[(
    "customizedMetricSpecification",
    "use a `predefinedMetricSpecification`, or a StepScaling policy with an `alarm` on one of CloudWatch's own metrics",
)]);

static PREDEFINED_METRIC: Object = Object::new(
    "PredefinedMetricSpecification",
    "predefined metric specification",
    &[
        field("predefinedMetricType", Shape::Choice(&PREDEFINED_METRIC_TYPE), "CPU or memory of what tasks reserve, or requests of a target.")
            .required(),
        field(
            "resourceLabel",
            Shape::Text,
            "Of ALBRequestCountPerTarget: `app/<load balancer>/<id>/targetgroup/<target group>/<id>`, or the target group's name; \
             may be left out where the service has one.",
        ),
    ],
)
.either_case();

const OFTEN_ENOUGH: &str = "leave `HighResolution` out; a datapoint comes every 10 s as it is";

static PREDEFINED_METRIC_TYPE: Choice = Choice {
    accepted: &["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"],
    refused: &[
        ("ECSServiceAverageCPUUtilizationHighResolution", OFTEN_ENOUGH),
        ("ECSServiceAverageMemoryUtilizationHighResolution", OFTEN_ENOUGH),
        ("ALBRequestCountPerTargetHighResolution", OFTEN_ENOUGH),
    ],
};

static STEP_SCALING: Object = Object::new(
    "StepScalingPolicyConfiguration",
    "step scaling configuration",
    &[
        field("adjustmentType", Shape::Choice(&ADJUSTMENT_TYPE), "What the adjustments mean.").required(),
        field("stepAdjustments", Shape::List(&list(Shape::Object(&STEP_ADJUSTMENT)).not_empty()), "By how far the metric is from the threshold.")
            .required(),
        field("minAdjustmentMagnitude", integer(1, 5000), "The least change of PercentChangeInCapacity, in tasks."),
        field("cooldown", COOLDOWN, "Seconds after a change in which only a larger scale-out counts. Default 300."),
        field("metricAggregationType", Shape::Choice(&AGGREGATION), "How the values that the alarm looked at become one. Default Average."),
    ],
)
.either_case();

static ADJUSTMENT_TYPE: Choice = Choice { accepted: &["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"], refused: &[] };

static AGGREGATION: Choice = Choice { accepted: &["Average", "Minimum", "Maximum"], refused: &[] };

static STEP_ADJUSTMENT: Object = Object::new(
    "StepAdjustment",
    "step adjustment",
    &[
        field("metricIntervalLowerBound", Shape::Number, "From so far from the threshold. Default minus infinity."),
        field("metricIntervalUpperBound", Shape::Number, "To so far from the threshold. Default infinity."),
        field("scalingAdjustment", integer(-100_000, 100_000), "Tasks more or fewer, per cent more or fewer, or tasks.").required(),
    ],
)
.either_case();

static SCHEDULED_ACTION: Object = Object::new(
    "ScheduledAction",
    "scheduled action",
    &[
        field("scheduledActionName", Shape::Text, "Unique at its service.").required(),
        field("schedule", Shape::Text, "`at(2026-12-24T18:00:00)`, `rate(30 minutes)` or `cron(0 18 * * ? *)`.").required(),
        field("timezone", Shape::Text, "Of `at` and `cron`, such as `Europe/Berlin`. Default UTC."),
        field("startTime", Shape::Text, "Not before, such as `2026-12-24T18:00:00Z`."),
        field("endTime", Shape::Text, "Not after."),
        field("scalableTargetAction", Shape::Object(&SCALABLE_TARGET_ACTION), "The new capacities; one may be left out.").required(),
        NAMESPACE,
        DIMENSION,
        RESOURCE,
    ],
)
.either_case()
.answers(&["scheduledActionARN", "creationTime"]);

static SCALABLE_TARGET_ACTION: Object = Object::new(
    "ScalableTargetAction",
    "scalable target action",
    &[
        field("minCapacity", integer(0, 5000), "From then on so many tasks at least."),
        field("maxCapacity", integer(0, 5000), "From then on so many tasks at most."),
    ],
)
.either_case();
