//! The keys of volumes and mount points (ecs.md 1.5).

use crate::shape::{Choice, Object, Shape, field, inert, integer, list};

/// What a task definition has. A later file's list takes the place of an earlier one's, so that an empty one takes out what is refused.
pub(crate) static VOLUMES: Shape = Shape::List(&list(Shape::Object(&VOLUME)));

/// What a container definition has.
pub(crate) static MOUNT_POINTS: Shape = Shape::List(&list(Shape::Object(&MOUNT_POINT)));

/// What a container definition has.
pub(crate) static VOLUMES_FROM: Shape = Shape::List(&list(Shape::Object(&VOLUME_FROM)));

pub(crate) static VOLUME: Object = Object::new(
    "Volume",
    "volume",
    &[
        field("name", Shape::Text, "1 to 255 letters, digits, hyphens and underscores.").required(),
        field(
            "host",
            Shape::Object(&HOST_VOLUME),
            "A folder of this machine. Without `sourcePath`, and without anything else, a volume of each task's own.",
        ),
        field("dockerVolumeConfiguration", Shape::Object(&DOCKER_VOLUME), "A volume of the engine's."),
        field(
            "efsVolumeConfiguration",
            Shape::Object(&EFS_VOLUME),
            "A file system of EFS. Here it is a folder, `efs/<fileSystemId>` of the state folder.",
        ),
    ],
)
.refusing(&[
    ("fsxWindowsFileServerVolumeConfiguration", "it belongs to Windows"),
    ("s3filesVolumeConfiguration", "use `host: { sourcePath: … }` with a folder of this machine"),
    ("configuredAtLaunch", "volumes of EBS are not supported; without it, the volume is one of each task's own"),
]);

static HOST_VOLUME: Object =
    Object::new("HostVolume", "host volume", &[field("sourcePath", Shape::Text, "An absolute path. What is not there is made.")]);

static DOCKER_VOLUME: Object = Object::new(
    "DockerVolumeConfiguration",
    "Docker volume configuration",
    &[
        field(
            "scope",
            Shape::Choice(&Choice { accepted: &["task", "shared"], refused: &[] }),
            "`task`, the default: each task has its own, which is removed with it. `shared`: one for all, which stays.",
        ),
        field("autoprovision", Shape::Boolean, "Whether a shared volume is made where it is not there. Default false."),
        field("driver", Shape::Text, "Default `local`."),
        field("driverOpts", Shape::Map, "What the driver is told."),
        field("labels", Shape::Map, "Labels."),
    ],
);

static EFS_VOLUME: Object = Object::new(
    "EFSVolumeConfiguration",
    "EFS volume configuration",
    &[
        field("fileSystemId", Shape::Text, "`fs-…`").required(),
        field("rootDirectory", Shape::Text, "What is mounted of it. Default `/`."),
        inert("transitEncryption", "nothing travels"),
        inert("transitEncryptionPort", "nothing travels").of(integer(0, 65535)),
        field("authorizationConfig", Shape::Object(&EFS_AUTHORIZATION), "How AWS lets a task in."),
    ],
);

static EFS_AUTHORIZATION: Object = Object::new(
    "EFSAuthorizationConfig",
    "EFS authorization configuration",
    &[field("accessPointId", Shape::Text, "Here a folder of that name in the file system."), inert("iam", "there is no IAM here")],
);

static MOUNT_POINT: Object = Object::new(
    "MountPoint",
    "mount point",
    &[
        field("sourceVolume", Shape::Text, "A volume of the task definition.").required(),
        field("containerPath", Shape::Text, "Where, an absolute path.").required(),
        field("readOnly", Shape::Boolean, "Default false."),
    ],
);

static VOLUME_FROM: Object = Object::new(
    "VolumeFrom",
    "volumes of another container",
    &[
        field("sourceContainer", Shape::Text, "Another container of the task definition.").required(),
        field("readOnly", Shape::Boolean, "Default false."),
    ],
);
