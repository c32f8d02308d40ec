//! The keys of CloudWatch's PutMetricAlarm: of an alarm by itself (ecs.md 3.5), and of one that sets a scaling policy off (ecs.md 7). Every
//! word may begin with a capital, as in its JSON.

use crate::shape::{Choice, Field, Object, Shape, field, inert, integer, list};

pub(crate) static ALARM: Object = alarm(
    "Alarm",
    &[
        field("alarmName", Shape::Text, "Unique in the cluster: 1 to 255 characters.").required(),
        field("metricName", Shape::Choice(&METRIC_NAME), "What it looks at.").required(),
        NAMESPACE,
        field("dimensions", Shape::List(&list(Shape::Object(&METRIC_DIMENSION)).not_empty()), "Which service, target group or load balancer.")
            .required(),
        STATISTIC,
        PERIOD,
        EVALUATION_PERIODS,
        DATAPOINTS_TO_ALARM,
        THRESHOLD,
        COMPARISON,
        TREAT_MISSING_DATA,
        inert("actionsEnabled", "who watches an alarm names it"),
        inert("alarmDescription", "nobody reads it"),
        inert("alarmActions", "services name the alarms that end their deployments"),
        inert("okActions", "nobody is told").or(&["oKActions"]),
        inert("insufficientDataActions", "nobody is told"),
        UNIT,
        TAGS,
    ],
);

pub(super) static POLICY_ALARM: Object = alarm(
    "MetricAlarm",
    &[
        field("alarmName", Shape::Text, "Default: the names of service and policy."),
        field("metricName", Shape::Choice(&POLICY_METRIC_NAME), "What it looks at.").required(),
        NAMESPACE,
        field("dimensions", Shape::List(&list(Shape::Object(&METRIC_DIMENSION))), "Which target group; may be left out where the service has one."),
        STATISTIC,
        PERIOD,
        EVALUATION_PERIODS,
        DATAPOINTS_TO_ALARM,
        THRESHOLD,
        COMPARISON,
        TREAT_MISSING_DATA,
        field("actionsEnabled", Shape::Boolean, "Default true."),
        inert("alarmDescription", "nobody reads it"),
        inert("alarmActions", "the alarm stands at its policy"),
        inert("okActions", "only scaling policies are triggered").or(&["oKActions"]),
        inert("insufficientDataActions", "only scaling policies are triggered"),
        UNIT,
        TAGS,
    ],
);

const fn alarm(id: &'static str, fields: &'static [Field]) -> Object {
    Object::new(id, "alarm", fields)
        .either_case()
        .refusing(&[
            ("extendedStatistic", "use `statistic`"),
            ("metrics", "metric math is not supported; name one metric with `metricName`"),
            ("thresholdMetricId", "anomaly detection is not supported; use `threshold`"),
            ("evaluateLowSampleCountPercentile", "percentiles are not supported; use `statistic`"),
        ])
        .answers(&[
            "alarmArn",
            "stateValue",
            "stateReason",
            "stateReasonData",
            "stateUpdatedTimestamp",
            "stateTransitionedTimestamp",
            "alarmConfigurationUpdatedTimestamp",
        ])
}

const NAMESPACE: Field = field("namespace", Shape::Choice(&METRIC_NAMESPACE), "Default: the metric's own.");
const STATISTIC: Field = field("statistic", Shape::Choice(&STATISTICS), "Default: Sum of counts, Average of all else.");
const PERIOD: Field = field("period", integer(60, 86_400), "Seconds of one value, a multiple of 60. Default 60.");
const EVALUATION_PERIODS: Field = field("evaluationPeriods", integer(1, 1440), "How many values are looked at.").required();
const DATAPOINTS_TO_ALARM: Field = field("datapointsToAlarm", integer(1, 1440), "How many of them must breach. Default all.");
const THRESHOLD: Field = field("threshold", Shape::Number, "What the metric is compared with.").required();
const COMPARISON: Field = field("comparisonOperator", Shape::Choice(&COMPARISONS), "How.").required();
const TREAT_MISSING_DATA: Field = field("treatMissingData", Shape::Choice(&MISSING_DATA), "Default missing.");
const UNIT: Field = inert("unit", "each metric has its own");
const TAGS: Field = inert("tags", "tags are not kept");

static METRIC_NAME: Choice = Choice {
    accepted: &[
        "CPUUtilization",
        "MemoryUtilization",
        "RequestCount",
        "RequestCountPerTarget",
        "TargetResponseTime",
        "HTTPCode_Target_2XX_Count",
        "HTTPCode_Target_3XX_Count",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "TargetConnectionErrorCount",
        "HealthyHostCount",
        "UnHealthyHostCount",
        "HTTPCode_ELB_3XX_Count",
        "HTTPCode_ELB_4XX_Count",
        "HTTPCode_ELB_5XX_Count",
    ],
    refused: &[],
};

static POLICY_METRIC_NAME: Choice =
    Choice { accepted: &["CPUUtilization", "MemoryUtilization", "RequestCountPerTarget", "RequestCount", "TargetResponseTime"], refused: &[] };

static METRIC_NAMESPACE: Choice = Choice { accepted: &["AWS/ECS", "AWS/ApplicationELB"], refused: &[] };

static METRIC_DIMENSION: Object = Object::new(
    "MetricDimension",
    "dimension",
    &[field("name", Shape::Choice(&DIMENSION_NAME), "Of what.").required(), field("value", Shape::Text, "Which.").required()],
)
.either_case();

static DIMENSION_NAME: Choice = Choice { accepted: &["ClusterName", "ServiceName", "LoadBalancer", "TargetGroup"], refused: &[] };

static STATISTICS: Choice = Choice {
    accepted: &["Average", "Sum"],
    refused: &[
        ("Minimum", "leave it out: a datapoint here is one value, the sum of a count and the average of all else"),
        ("Maximum", "leave it out: a datapoint here is one value, the sum of a count and the average of all else"),
        ("SampleCount", "leave it out: a datapoint here is one value, the sum of a count and the average of all else"),
    ],
};

static COMPARISONS: Choice = Choice {
    accepted: &["GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"],
    refused: &[
        ("LessThanLowerOrGreaterThanUpperThreshold", "anomaly detection is not supported"),
        ("LessThanLowerThreshold", "anomaly detection is not supported"),
        ("GreaterThanUpperThreshold", "anomaly detection is not supported"),
    ],
};

static MISSING_DATA: Choice = Choice { accepted: &["missing", "ignore", "breaching", "notBreaching"], refused: &[] };
