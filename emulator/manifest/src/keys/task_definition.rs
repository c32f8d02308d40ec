//! The keys of RegisterTaskDefinition (ecs.md 1).

use super::linux_parameters::LINUX_PARAMETERS;
use super::placement;
use super::volume::{MOUNT_POINTS, VOLUMES, VOLUMES_FROM};
use super::watch::WATCH;
use crate::shape::{Choice, Object, Shape, TEXTS, field, inert, integer, list, named};

pub(crate) static TASK_DEFINITION: Object = Object::new(
    "TaskDefinition",
    "task definition",
    &[
        field("family", Shape::Text, "1 to 255 letters, digits, hyphens and underscores.").required(),
        field(
            "networkMode",
            Shape::Choice(&NETWORK_MODE),
            "How the containers meet the network: on a bridge (the default), in one namespace a task, on the host's own, or not at all.",
        ),
        field("pidMode", Shape::Choice(&PID_MODE), "Whose processes the containers see: the host's, or those of all the task. Default: each its own."),
        field(
            "ipcMode",
            Shape::Choice(&IPC_MODE),
            "Whose shared memory, semaphores and message queues the containers have: the host's, those of all the task, or each its own. Default: as the engine does it.",
        ),
        field("cpu", Shape::Text, "CPU of the whole task: units (1024 a core) or `\"1 vCPU\"`."),
        field("memory", Shape::Text, "Memory of the whole task: MiB or `\"1 GB\"`."),
        field(
            "containerDefinitions",
            Shape::List(&named(Shape::Object(&CONTAINER), "name").not_empty()),
            "The containers that run together; at most 10, at least one essential.",
        )
        .required(),
        field(
            "placementConstraints",
            Shape::List(&list(Shape::Object(&placement::CONSTRAINT))),
            "Where its tasks may be placed: `memberOf` only; at most 10 with those of a service.",
        ),
        field(
            "requiresAttributes",
            Shape::List(&list(Shape::Object(&placement::REQUIRED_ATTRIBUTE))),
            "Attributes that their container instance must have.",
        ),
        field("volumes", VOLUMES, "What containers may mount."),
        field("taskRoleArn", Shape::Text, "The role whose credentials its containers have: a name of `roles`, or an ARN that ends with it."),
        field("enableFaultInjection", Shape::Boolean, "Whether its containers may inject faults on their own task, at `$ECS_AGENT_URI/fault`, in `awsvpc` mode. Default false."),
        field(
            "executionRoleArn",
            Shape::Text,
            "The role that fetches its secrets, parameters and files of variables. One of `roles` must allow that; any other is not looked at.",
        ),
        inert("requiresCompatibilities", "every task runs on the local engine; for FARGATE its rules are checked")
            .of(Shape::List(&list(Shape::Choice(&COMPATIBILITY)))),
        inert("runtimePlatform", "every task runs on the local engine"),
        inert("ephemeralStorage", "disk space is the engine's"),
        inert("inferenceAccelerators", "the product is retired"),
        inert("tags", "tags are not kept"),
    ],
)
.refusing(&[
    ("proxyConfiguration", "App Mesh is not supported"),
    ("trustedExecutionConfiguration", "it belongs to Managed Instances"),
])
.answers(&["taskDefinitionArn", "revision", "status", "compatibilities", "registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt"]);

static COMPATIBILITY: Choice = Choice { accepted: &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"], refused: &[] };

static NETWORK_MODE: Choice =
    Choice { accepted: &["bridge", "awsvpc", "host", "none"], refused: &[("default", "it belongs to Windows; use `bridge`")] };

static PID_MODE: Choice = Choice { accepted: &["host", "task"], refused: &[] };

static IPC_MODE: Choice = Choice { accepted: &["host", "task", "none"], refused: &[] };

pub(crate) static CONTAINER: Object = Object::new(
    "ContainerDefinition",
    "container definition",
    &[
        field("name", Shape::Text, "Unique in the task definition: 1 to 255 letters, digits, hyphens and underscores.").required(),
        field("image", Shape::Text, "The image. With `build` it may be left out: `ecslocal/<family>-<name>:latest`."),
        field("build", Shape::TextOr(&BUILD), "How to make the image: the context's folder, or a mapping. A key of ecslocal's own."),
        field("watch", WATCH, "What `up --watch` copies into its containers without a build. A key of ecslocal's own."),
        field("cpu", integer(0, 262_144), "CPU units, a relative weight. Default 0."),
        field("memory", integer(6, 4_194_304), "Hard limit in MiB."),
        field("memoryReservation", integer(6, 4_194_304), "Soft limit in MiB, below `memory`."),
        field("essential", Shape::Boolean, "Whether its end is the task's end. Default true."),
        field("portMappings", Shape::List(&list(Shape::Object(&PORT_MAPPING))), "Ports to publish."),
        field("environment", Shape::List(&named(Shape::Object(&VARIABLE), "name")), "Environment, as AWS's list of `{name, value}`."),
        field(
            "environmentFiles",
            ENVIRONMENT_FILES,
            "Files with more variables, read at each start of a task; at most 10. The first that has a name counts.",
        ),
        field(
            "secrets",
            Shape::List(&named(Shape::Object(&SECRET), "name")),
            "Variables whose values are secrets or parameters, fetched at each start of a task.",
        ),
        field("entryPoint", TEXTS, "Replaces the image's ENTRYPOINT."),
        field("command", TEXTS, "Replaces the image's CMD."),
        field("user", Shape::Text, "`user`, `user:group`, `uid`, `uid:gid` …"),
        field("workingDirectory", Shape::Text, "An absolute path; replaces the image's WORKDIR."),
        field("hostname", Shape::Text, "The container's host name."),
        field("stopTimeout", integer(0, 86_400), "Seconds between SIGTERM and SIGKILL. Default 30."),
        field("startTimeout", integer(0, 86_400), "Seconds that a dependent waits for this container's condition."),
        field("dependsOn", Shape::List(&list(Shape::Object(&DEPENDENCY))), "Which containers come first, and how far."),
        field("healthCheck", Shape::Object(&HEALTH_CHECK), "The container's own check."),
        field("dockerLabels", Shape::Map, "Labels."),
        field("readonlyRootFilesystem", Shape::Boolean, "Default false."),
        field("privileged", Shape::Boolean, "All capabilities. Default false."),
        field("linuxParameters", Shape::Object(&LINUX_PARAMETERS), "Linux settings."),
        field("mountPoints", MOUNT_POINTS, "Volumes, and where it has them."),
        field("volumesFrom", VOLUMES_FROM, "Containers whose volumes it has as well."),
        field("systemControls", Shape::List(&named(Shape::Object(&SYSTEM_CONTROL), "namespace")), "Kernel parameters of its namespaces."),
        field("dockerSecurityOptions", TEXTS, "`no-new-privileges`, `apparmor:<profile>` or `label:<value>`."),
        field("interactive", Shape::Boolean, "Its standard input stays open. Default false."),
        field("pseudoTerminal", Shape::Boolean, "It has a terminal. Default false."),
        field("disableNetworking", Shape::Boolean, "It has no network. Default false."),
        field("links", TEXTS, "Other containers of the task, `name` or `name:alias`; only with `networkMode: bridge`."),
        field("restartPolicy", Shape::Object(&RESTART_POLICY), "Whether it is started again when it ends, rather than its task stopped."),
        field("ulimits", Shape::List(&named(Shape::Object(&ULIMIT), "name")), "Resource limits."),
        field("extraHosts", Shape::List(&list(Shape::Object(&HOST))), "Lines for /etc/hosts."),
        field("dnsServers", TEXTS, "Name servers, by address."),
        field("dnsSearchDomains", TEXTS, "Search domains."),
        field("logConfiguration", Shape::Object(&LOG_CONFIGURATION), "Where its output goes. Without it the engine keeps it, see `ecslocal logs`."),
        field(
            "firelensConfiguration",
            Shape::Object(&super::firelens::FIRELENS),
            "It is the log router of its task: those with the log driver `awsfirelens` send it what they write.",
        ),
        inert("repositoryCredentials", "images are pulled with the engine's own logins"),
        inert("versionConsistency", "an image is resolved by the engine"),
    ],
)
.refusing(&[("resourceRequirements", "GPUs are not supported"), ("credentialSpecs", "they belong to Windows")]);

static RESTART_POLICY: Object = Object::new(
    "ContainerRestartPolicy",
    "restart policy",
    &[
        field("enabled", Shape::Boolean, "Whether it acts.").required(),
        field("ignoredExitCodes", Shape::List(&list(integer(0, 255))), "With these exit codes it is not started again; at most 50."),
        field("restartAttemptPeriod", integer(60, 1800), "Seconds that it must have run to be started again. Default 300."),
    ],
);

static BUILD: Object = Object::new(
    "Build",
    "build",
    &[
        field("context", Shape::Text, "The folder, relative to this file.").required(),
        field("dockerfile", Shape::Text, "Relative to the context. Default `Dockerfile`."),
        field("args", Shape::Map, "Build arguments."),
        field("target", Shape::Text, "The stage to stop at."),
    ],
);

static PORT_MAPPING: Object = Object::new(
    "PortMapping",
    "port mapping",
    &[
        field("containerPort", integer(1, 65535), "The port that the container listens on."),
        field(
            "containerPortRange",
            Shape::Text,
            "The ports that it listens on, `first-last`: as many ports of the host in a row are found for them.",
        ),
        field(
            "hostPort",
            integer(0, 65535),
            "The port on the host; 0, the default, takes a free one. In awsvpc and host mode it is the container's port.",
        ),
        field("protocol", Shape::Choice(&Choice { accepted: &["tcp", "udp"], refused: &[] }), "Default tcp."),
        field("name", Shape::Text, "At most 64 of a-z, 0-9, `_` and `-`."),
        field("appProtocol", Shape::Choice(&super::service_connect::APP_PROTOCOL), "What is spoken there, for Service Connect. Default TCP."),
    ],
);

static SYSTEM_CONTROL: Object = Object::new(
    "SystemControl",
    "system control",
    &[
        field("namespace", Shape::Text, "The parameter, for example `net.core.somaxconn`.").required(),
        field("value", Shape::Text, "Its value.").required(),
    ],
);

pub(super) static VARIABLE: Object = Object::new(
    "EnvironmentVariable",
    "environment variable",
    &[field("name", Shape::Text, "Its name.").required(), field("value", Shape::Text, "Its value.").required()],
);

pub(super) const ENVIRONMENT_FILES: Shape = Shape::List(&list(Shape::Object(&ENVIRONMENT_FILE)));

static ENVIRONMENT_FILE: Object = Object::new(
    "EnvironmentFile",
    "environment file",
    &[
        field(
            "value",
            Shape::Text,
            "The ARN of an object of S3 (here `s3/<bucket>/<key>` of the state folder), or a path relative to this file; it ends with `.env`.",
        )
        .required(),
        field("type", Shape::Choice(&Choice { accepted: &["s3", "file"], refused: &[] }), "`s3`, or `file` for a path, which is ecslocal's own.")
            .required(),
    ],
);

static SECRET: Object = Object::new(
    "Secret",
    "secret of a container",
    &[
        field("name", Shape::Text, "The variable's, or the option's, name.").required(),
        field(
            "valueFrom",
            Shape::Text,
            "A parameter's name or ARN; a secret's ARN or name, `<secret>:<json key>:<version stage>:<version id>` for a part of it.",
        )
        .required(),
    ],
);

static DEPENDENCY: Object = Object::new(
    "ContainerDependency",
    "dependency",
    &[
        field("containerName", Shape::Text, "Another container of the task definition.").required(),
        field("condition", Shape::Choice(&CONDITION), "How far it must have come.").required(),
    ],
);

static CONDITION: Choice = Choice { accepted: &["START", "COMPLETE", "SUCCESS", "HEALTHY"], refused: &[] };

static HEALTH_CHECK: Object = Object::new(
    "ContainerHealthCheck",
    "container health check",
    &[
        field("command", TEXTS, "`[CMD, program, argument …]` or `[CMD-SHELL, line]`.").required(),
        field("interval", integer(5, 300), "Seconds. Default 30."),
        field("timeout", integer(2, 60), "Seconds. Default 5."),
        field("retries", integer(1, 10), "Failures in a row. Default 3."),
        field("startPeriod", integer(0, 300), "Seconds. Default 0."),
    ],
);

static ULIMIT: Object = Object::new(
    "Ulimit",
    "resource limit",
    &[
        field("name", Shape::Choice(&ULIMITS), "Which limit.").required(),
        field("softLimit", integer(-1, i64::MAX), "Soft limit; -1 is none.").required(),
        field("hardLimit", integer(-1, i64::MAX), "Hard limit; -1 is none.").required(),
    ],
);

static ULIMITS: Choice = Choice {
    accepted: &[
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ],
    refused: &[],
};

static HOST: Object = Object::new(
    "HostEntry",
    "host entry",
    &[field("hostname", Shape::Text, "The name.").required(), field("ipAddress", Shape::Text, "The address.").required()],
);

static LOG_CONFIGURATION: Object = Object::new(
    "LogConfiguration",
    "log configuration",
    &[
        field(
            "logDriver",
            Shape::Choice(&LOG_DRIVER),
            "Which driver. With `awslogs` a log group is a folder, `cloudwatch/<group>` of the state folder.",
        )
        .required(),
        field("options", Shape::Map, "What the driver is told."),
        field("secretOptions", Shape::List(&named(Shape::Object(&SECRET), "name")), "The same with values that are secrets or parameters."),
    ],
);

static LOG_DRIVER: Choice = Choice {
    accepted: &["awslogs", "awsfirelens", "fluentd", "gelf", "json-file", "journald", "splunk", "syslog"],
    refused: &[("none", "ECS has no such driver; without `logConfiguration` the engine keeps the output")],
};
