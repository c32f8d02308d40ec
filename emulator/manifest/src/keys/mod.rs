//! Every key of a manifest, as tables: names, shapes and ranges (ecs.md 1, 3, 4; alb.md 1 to 5), and what is refused or has no
//! local meaning, with the reason.

pub(crate) mod alarm;
mod authenticate;
mod certificate;
pub(crate) mod condition;
pub(crate) mod container_instance;
pub(crate) mod discovery;
pub(crate) mod firelens;
pub(crate) mod linux_parameters;
pub(crate) mod listener;
pub(crate) mod load_balancer;
pub(crate) mod placement;
mod repository;
mod role;
pub(crate) mod rule;
pub(crate) mod scaling;
pub(crate) mod scheduled_task;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod service_connect;
pub(crate) mod target_group;
pub(crate) mod task_definition;
pub(crate) mod traffic_shift;
mod transform;
pub(crate) mod volume;
mod watch;

use crate::shape::{List, Object, Shape, field, named};

/// The whole of `cluster.yaml`.
pub(crate) static MANIFEST: Object = Object {
    extensions: true,
    ..Object::new(
        "Manifest",
        "manifest",
        &[
            field("cluster", Shape::Text, "The cluster's name: 1 to 255 letters, digits, hyphens and underscores.").required(),
            field("loadBalancers", Shape::List(&named(Shape::Object(&load_balancer::LOAD_BALANCER), "name")), "Application Load Balancers."),
            field("targetGroups", Shape::List(&named(Shape::Object(&target_group::TARGET_GROUP), "name")), "Where forward actions send requests."),
            field(
                "taskDefinitions",
                Shape::List(&TASK_DEFINITIONS),
                "What tasks are made from, as in RegisterTaskDefinition, or `file: path` of such JSON.",
            ),
            field(
                "containerInstances",
                Shape::List(&named(Shape::Object(&container_instance::CONTAINER_INSTANCE), "name")),
                "Where tasks are placed. Default one, `local`: this machine's engine with all that it has. A key of ecslocal's own.",
            ),
            field(
                "repositories",
                Shape::List(&named(Shape::TextOr(&repository::REPOSITORY), "repositoryName")),
                "Repositories of images: names, or as in CreateRepository.",
            ),
            field(
                "roles",
                Shape::List(&named(Shape::Object(&role::ROLE), "roleName")),
                "Roles of IAM with their inline policies: whose credentials tasks have.",
            ),
            field(
                "scheduledTasks",
                Shape::List(&named(Shape::Object(&scheduled_task::SCHEDULED_TASK), "name")),
                "Tasks that start by a schedule, as EventBridge starts them.",
            ),
            field("alarms", Shape::List(&named(Shape::Object(&alarm::ALARM), "alarmName")), "CloudWatch alarms, as in PutMetricAlarm."),
            field("serviceConnectDefaults", Shape::Object(&service_connect::DEFAULTS), "What holds of services that take part in Service Connect."),
            field(
                "namespaces",
                Shape::List(&named(Shape::Object(&discovery::NAMESPACE), "name")),
                "Private DNS namespaces of Cloud Map with their services, by which tasks are found.",
            ),
            field(
                "secrets",
                Shape::List(&named(Shape::Object(&secret::SECRET), "name")),
                "Secrets of Secrets Manager, as in CreateSecret. Their values are kept apart, and shown nowhere.",
            ),
            field("parameters", Shape::List(&named(Shape::Object(&secret::PARAMETER), "name")), "Parameters of SSM, as in PutParameter."),
            field("services", Shape::List(&named(Shape::Object(&service::SERVICE), "serviceName")), "What is kept running, as in CreateService."),
        ],
    )
};

static TASK_DEFINITIONS: List = List { include: true, ..named(Shape::Object(&task_definition::TASK_DEFINITION), "family") };
