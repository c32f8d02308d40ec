//! The keys of CreateService (ecs.md 3 and 4).

use super::{placement, traffic_shift};
use crate::shape::{Choice, Object, Shape, TEXTS, field, inert, integer, list};

pub(crate) static SERVICE: Object = Object::new(
    "Service",
    "service",
    &[
        field("serviceName", Shape::Text, "Unique in the cluster: 1 to 255 letters, digits, hyphens and underscores.").required(),
        field("taskDefinition", Shape::Text, "A family of this manifest, `family:revision`, or an ARN that ends so.").required(),
        field("desiredCount", integer(0, 5000), "How many tasks to keep running. Default 1."),
        field("loadBalancers", Shape::List(&list(Shape::Object(&SERVICE_LOAD_BALANCER))), "Where its tasks are registered; at most 5."),
        field("healthCheckGracePeriodSeconds", integer(0, 2_147_483_647), "How long failing health checks of a young task are forgiven. Default 0."),
        field("deploymentConfiguration", Shape::Object(&DEPLOYMENT_CONFIGURATION), "How a new revision rolls out."),
        field(
            "scalableTarget",
            Shape::Object(&super::scaling::SCALABLE_TARGET),
            "Between which counts it is scaled, and by what: Application Auto Scaling.",
        ),
        field("deploymentController", Shape::Object(&DEPLOYMENT_CONTROLLER), "Who rolls out: `{type: ECS}`."),
        field(
            "schedulingStrategy",
            Shape::Choice(&STRATEGY),
            "REPLICA, so many tasks as `desiredCount` says, or DAEMON, one on each container instance. Default REPLICA.",
        ),
        field("placementConstraints", Shape::List(&list(Shape::Object(&placement::CONSTRAINT))), "Where its tasks may be placed; at most 10."),
        field(
            "placementStrategy",
            Shape::List(&list(Shape::Object(&placement::STRATEGY))),
            "Where they should be; at most 5, one after the other. Default spread over zones, then over instances.",
        ),
        field(
            "connectsTo",
            TEXTS,
            "Services of this manifest whose container ports its tasks reach by their names, such as `http://posts:3000`. Default none.",
        ),
        field(
            "serviceConnectConfiguration",
            Shape::Object(&super::service_connect::CONFIGURATION),
            "The endpoints of a namespace that it offers, and that it reaches them all.",
        ),
        field(
            "serviceRegistries",
            Shape::List(&list(Shape::Object(&super::discovery::REGISTRY))),
            "What of `namespaces` its tasks are registered in; at most one.",
        ),
        inert("networkConfiguration", "tasks are on a network of this machine, which has neither subnets nor security groups")
            .of(Shape::Object(&NETWORK_CONFIGURATION)),
        inert("cluster", "the manifest's own `cluster` says it"),
        inert("launchType", "every task runs on the local engine").of(Shape::Choice(&LAUNCH_TYPE)),
        inert("capacityProviderStrategy", "every task runs on the local engine"),
        inert("platformVersion", "every task runs on the local engine"),
        inert("platformFamily", "every task runs on the local engine"),
        inert("availabilityZoneRebalancing", "tasks that run are not moved to another zone"),
        field(
            "enableExecuteCommand",
            Shape::Boolean,
            "Whether `ecslocal exec` may run programs in the containers of tasks that start from then on. Default false.",
        ),
        inert("enableECSManagedTags", "tags are not kept"),
        inert("propagateTags", "tags are not kept"),
        inert("tags", "tags are not kept"),
        inert("role", "no AWS role is used"),
        inert("clientToken", "the manifest is compared with what runs"),
    ],
)
.refusing(&[
    ("volumeConfigurations", "volumes of EBS are not supported"),
    ("vpcLatticeConfigurations", "register in a target group with `loadBalancers`"),
    ("externalId", "it belongs to the controller EXTERNAL, which is not supported"),
]);

static NETWORK_CONFIGURATION: Object = Object::new(
    "NetworkConfiguration",
    "network configuration",
    &[field("awsvpcConfiguration", Shape::Object(&AWSVPC), "Subnets and security groups.").required()],
);

static AWSVPC: Object = Object::new(
    "AwsVpcConfiguration",
    "awsvpc configuration",
    &[
        field("subnets", Shape::List(&list(Shape::Text).not_empty()), "At least one.").required(),
        field("securityGroups", TEXTS, "At most five."),
        field("assignPublicIp", Shape::Choice(&Choice { accepted: &["ENABLED", "DISABLED"], refused: &[] }), "Default DISABLED."),
    ],
);

static SERVICE_LOAD_BALANCER: Object = Object::new(
    "ServiceLoadBalancer",
    "service's load balancer",
    &[
        field("targetGroup", Shape::Text, "A target group of this manifest: its name, or an ARN with it.")
            .required()
            .or(&["targetGroupArn", "TargetGroupArn"]),
        field("containerName", Shape::Text, "A container of the task definition.").required(),
        field("containerPort", integer(1, 65535), "One of its container ports.").required(),
        field("advancedConfiguration", Shape::Object(&traffic_shift::ADVANCED), "Where traffic can be shifted between two target groups."),
    ],
)
.refusing(&[("loadBalancerName", "Classic Load Balancers are not supported; name a target group with `targetGroup`")]);

static DEPLOYMENT_CONFIGURATION: Object = Object::new(
    "DeploymentConfiguration",
    "deployment configuration",
    &[
        field("minimumHealthyPercent", integer(0, 100), "Never fewer healthy tasks during a deployment, in percent of desiredCount. Default 100."),
        field("maximumPercent", integer(100, 10_000), "Never more tasks during a deployment, in percent of desiredCount. Default 200."),
        field(
            "strategy",
            Shape::Choice(&traffic_shift::STRATEGY),
            "ROLLING replaces task by task, the others move traffic by weights. Default ROLLING.",
        ),
        field("bakeTimeInMinutes", integer(0, 1440), "How long the old tasks stay once all traffic has moved."),
        field("linearConfiguration", Shape::Object(&traffic_shift::LINEAR), "The steps of `strategy: LINEAR`."),
        field("canaryConfiguration", Shape::Object(&traffic_shift::CANARY), "The steps of `strategy: CANARY`."),
        field("lifecycleHooks", Shape::List(&list(Shape::Object(&traffic_shift::HOOK))), "Who is asked on the way whether to go on."),
        field("deploymentCircuitBreaker", Shape::Object(&CIRCUIT_BREAKER), "When a deployment is given up. Default never."),
        field("alarms", Shape::Object(&DEPLOYMENT_ALARMS), "Alarms that give a deployment up. Default none."),
        field("earlySuccessCriteria", Shape::Object(&EARLY_SUCCESS), "When a rolling deployment is complete before the service is steady."),
    ],
);

static DEPLOYMENT_ALARMS: Object = Object::new(
    "DeploymentAlarms",
    "deployment alarms",
    &[
        field("alarmNames", TEXTS, "Alarms of this manifest's `alarms`.").required(),
        field("enable", Shape::Boolean, "Whether a deployment during which one goes off is given up.").required(),
        field("rollback", Shape::Boolean, "Whether the service then goes back to the most recent deployment that was completed.").required(),
    ],
);

static EARLY_SUCCESS: Object = Object::new(
    "EarlySuccessCriteria",
    "early success criteria",
    &[
        field("enable", Shape::Boolean, "Whether they hold.").required(),
        field("healthyPercent", integer(0, 100), "So many per cent of desiredCount must be healthy; at least `minimumHealthyPercent`."),
        field(
            "sourceServiceRevisionCleanup",
            Shape::Choice(&Choice { accepted: &["BLOCKING", "DEFERRED"], refused: &[] }),
            "BLOCKING waits until the old tasks are gone, DEFERRED does not.",
        ),
    ],
);

static CIRCUIT_BREAKER: Object = Object::new(
    "DeploymentCircuitBreaker",
    "deployment circuit breaker",
    &[
        field("enable", Shape::Boolean, "Whether a deployment whose tasks keep failing is given up.").required(),
        field("rollback", Shape::Boolean, "Whether the service then goes back to the most recent deployment that was completed.").required(),
        field("thresholdConfiguration", Shape::Object(&THRESHOLD), "How many failed tasks are too many. Default 50 BOUNDED_PERCENT."),
        field("resetOnHealthyTask", Shape::Boolean, "Whether a task that gets healthy makes failures before it forgotten. Default true."),
    ],
);

static THRESHOLD: Object = Object::new(
    "CircuitBreakerThreshold",
    "circuit breaker threshold",
    &[
        field("type", Shape::Choice(&THRESHOLD_TYPE), "Percent of desiredCount between 3 and 200 tasks, percent without bounds, or tasks.")
            .required(),
        field("value", integer(1, 10_000), "In percent, or in tasks.").required(),
    ],
);

static THRESHOLD_TYPE: Choice = Choice { accepted: &["BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT"], refused: &[] };

static DEPLOYMENT_CONTROLLER: Object =
    Object::new("DeploymentController", "deployment controller", &[field("type", Shape::Choice(&CONTROLLER), "Default ECS.").required()]);

static CONTROLLER: Choice =
    Choice { accepted: &["ECS"], refused: &[("CODE_DEPLOY", "use `ECS`, the rolling update"), ("EXTERNAL", "use `ECS`, the rolling update")] };

static LAUNCH_TYPE: Choice = Choice { accepted: &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"], refused: &[] };

static STRATEGY: Choice = Choice { accepted: &["REPLICA", "DAEMON"], refused: &[] };
