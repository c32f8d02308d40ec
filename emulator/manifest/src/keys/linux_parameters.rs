//! The keys of `linuxParameters` (ecs.md 1.2).

use crate::shape::{Choice, Object, Shape, TEXTS, field, integer, list, named};

pub(crate) static LINUX_PARAMETERS: Object = Object::new(
    "LinuxParameters",
    "set of Linux parameters",
    &[
        field("initProcessEnabled", Shape::Boolean, "An init process as PID 1. Default false."),
        field("capabilities", Shape::Object(&CAPABILITIES), "Capabilities beyond, or short of, the engine's usual ones."),
        field("devices", Shape::List(&list(Shape::Object(&DEVICE))), "Devices of this machine."),
        field("tmpfs", Shape::List(&named(Shape::Object(&TMPFS), "containerPath")), "File systems in memory."),
        field("sharedMemorySize", integer(1, 4_194_304), "MiB of /dev/shm. Default 64."),
        field("maxSwap", integer(0, 4_194_304), "MiB of swap beyond `memory`. Default 0: AWS leaves it to the container instance."),
        field("swappiness", integer(0, 100), "How gladly the kernel swaps. Means nothing without `maxSwap`."),
    ],
);

static CAPABILITIES: Object = Object::new(
    "KernelCapabilities",
    "capabilities",
    &[
        field("add", Shape::List(&list(Shape::Choice(&CAPABILITY))), "What the container may do besides."),
        field("drop", Shape::List(&list(Shape::Choice(&CAPABILITY))), "What it may not do."),
    ],
);

static CAPABILITY: Choice = Choice {
    accepted: &[
        "ALL",
        "AUDIT_CONTROL",
        "AUDIT_WRITE",
        "BLOCK_SUSPEND",
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "IPC_LOCK",
        "IPC_OWNER",
        "KILL",
        "LEASE",
        "LINUX_IMMUTABLE",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "MKNOD",
        "NET_ADMIN",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_CHROOT",
        "SYS_MODULE",
        "SYS_NICE",
        "SYS_PACCT",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "SYSLOG",
        "WAKE_ALARM",
    ],
    refused: &[],
};

static DEVICE: Object = Object::new(
    "Device",
    "device",
    &[
        field("hostPath", Shape::Text, "On this machine.").required(),
        field("containerPath", Shape::Text, "In the container. Default `hostPath`."),
        field("permissions", Shape::List(&list(Shape::Choice(&PERMISSION))), "Default all three."),
    ],
);

static PERMISSION: Choice = Choice { accepted: &["read", "write", "mknod"], refused: &[] };

static TMPFS: Object = Object::new(
    "Tmpfs",
    "file system in memory",
    &[
        field("containerPath", Shape::Text, "Where, an absolute path.").required(),
        field("size", integer(1, 4_194_304), "The most that it takes, in MiB.").required(),
        field("mountOptions", TEXTS, "As `mount` takes them: `noexec`, `mode=0700` …"),
    ],
);
