//! The keys of blue/green, linear and canary deployments (ecs.md 3.10).

use crate::shape::{Choice, Object, Shape, TEXTS, field, inert, integer, list};

pub(super) static STRATEGY: Choice = Choice { accepted: &["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"], refused: &[] };

pub(super) static LINEAR: Object = Object::new(
    "LinearConfiguration",
    "linear configuration",
    &[
        field("stepPercent", Shape::Text, "Traffic that moves with each step, 3.0 to 100.0 per cent. Default 10."),
        field("stepBakeTimeInMinutes", integer(0, 1440), "The wait after each step but the last. Default 6."),
    ],
);

pub(super) static CANARY: Object = Object::new(
    "CanaryConfiguration",
    "canary configuration",
    &[
        field("canaryPercent", Shape::Text, "Traffic that moves first, 0.1 to 100.0 per cent. Default 5."),
        field("canaryBakeTimeInMinutes", integer(0, 1440), "The wait before the rest follows. Default 10."),
    ],
);

pub(super) static HOOK: Object = Object::new(
    "LifecycleHook",
    "lifecycle hook",
    &[
        field("lifecycleStages", Shape::List(&list(Shape::Choice(&STAGES)).not_empty()), "When it is asked.").required(),
        field("command", TEXTS, "A program of this machine and its arguments, run in this file's folder. A key of ecslocal's own."),
        field("endpoint", Shape::Text, "A URL of this machine that is asked by POST. A key of ecslocal's own."),
        field("targetType", Shape::Choice(&TARGET_TYPE), "PAUSE waits for `ecslocal continue`, and asks nobody."),
        field("timeoutConfiguration", Shape::Object(&TIMEOUT), "How long it is waited for, and what then."),
        field("hookDetails", Shape::Map, "Handed on to whoever is asked."),
        inert("roleArn", "no AWS role is used"),
    ],
)
.refusing(&[("hookTargetArn", "no Lambda function can be asked here: say `command` or `endpoint`, a program or a URL of this machine")]);

static TARGET_TYPE: Choice = Choice {
    accepted: &["PAUSE"],
    refused: &[("AWS_LAMBDA", "no Lambda function can be asked here: say `command` or `endpoint`, a program or a URL of this machine")],
};

static TIMEOUT: Object = Object::new(
    "HookTimeout",
    "timeout configuration",
    &[
        field("timeoutInMinutes", integer(1, 20160), "Over all times that it is asked. Default 1440."),
        field("action", Shape::Choice(&Choice { accepted: &["ROLLBACK", "CONTINUE"], refused: &[] }), "What then. Default ROLLBACK."),
    ],
);

static STAGES: Choice = Choice {
    accepted: &[
        "RECONCILE_SERVICE",
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "TEST_TRAFFIC_SHIFT",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    ],
    refused: &[
        ("SCALE_UP", "use `PRE_SCALE_UP` or `POST_SCALE_UP`"),
        ("BAKE_TIME", "use `POST_PRODUCTION_TRAFFIC_SHIFT`"),
        ("CLEAN_UP", "use `POST_PRODUCTION_TRAFFIC_SHIFT`"),
    ],
};

pub(super) static ADVANCED: Object = Object::new(
    "AdvancedConfiguration",
    "advanced configuration",
    &[
        field("alternateTargetGroup", Shape::Text, "The other target group of this manifest: the two change roles with each deployment.")
            .required()
            .or(&["alternateTargetGroupArn"]),
        field("productionListenerRule", Shape::Text, "The rule whose weights move traffic: `<load balancer>:<port>/<priority>`, or `…/default`.")
            .required(),
        field("testListenerRule", Shape::Text, "The rule that leads to the new tasks first."),
        inert("roleArn", "no AWS role is used"),
    ],
);
