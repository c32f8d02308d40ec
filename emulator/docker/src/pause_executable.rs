//! The program of a pause container: 304 bytes for Linux that wait for SIGTERM. It is written here instruction by instruction, so that
//! no machine needs a compiler for it, and an image needs nothing besides.
//!
//! What it does, in C:
//!
//! ```c
//! rt_sigaction(SIGCHLD, &{SIG_IGN}, NULL, 8);            // children that are left to it are reaped by the kernel
//! rt_sigprocmask(SIG_BLOCK, &{SIGINT, SIGTERM}, NULL, 8); // the first process of a container gets only signals that it asks for
//! while (rt_sigtimedwait(&{SIGINT, SIGTERM}, NULL, NULL, 8) < 0) {}   // without end; again when something else interrupts
//! exit_group(0);
//! ```

use crate::elf::executable;

/// A `struct kernel_sigaction` that says SIG_IGN, then the set of SIGINT (2) and SIGTERM (15) as bits.
const DATA: [u64; 5] = [1, 0, 0, 0, 1 << 1 | 1 << 14];

/// For x86-64. A call has its number in eax, its arguments in rdi, rsi, rdx, r10; addresses are relative to the next instruction.
#[rustfmt::skip]
const X86_64: [u8; 88] = [
    0xb8, 13, 0, 0, 0,                   // mov eax, 13            rt_sigaction
    0xbf, 17, 0, 0, 0,                   // mov edi, 17            SIGCHLD
    0x48, 0x8d, 0x35, 0x47, 0, 0, 0,     // lea rsi, [rip + 0x47]  the action
    0x31, 0xd2,                          // xor edx, edx
    0x41, 0xba, 8, 0, 0, 0,              // mov r10d, 8
    0x0f, 0x05,                          // syscall
    0xb8, 14, 0, 0, 0,                   // mov eax, 14            rt_sigprocmask
    0x31, 0xff,                          // xor edi, edi           SIG_BLOCK
    0x48, 0x8d, 0x35, 0x4f, 0, 0, 0,     // lea rsi, [rip + 0x4f]  the set
    0x31, 0xd2,                          // xor edx, edx
    0x41, 0xba, 8, 0, 0, 0,              // mov r10d, 8
    0x0f, 0x05,                          // syscall
    0xb8, 128, 0, 0, 0,                  // mov eax, 128           rt_sigtimedwait
    0x48, 0x8d, 0x3d, 0x39, 0, 0, 0,     // lea rdi, [rip + 0x39]  the set
    0x31, 0xf6,                          // xor esi, esi
    0x31, 0xd2,                          // xor edx, edx
    0x41, 0xba, 8, 0, 0, 0,              // mov r10d, 8
    0x0f, 0x05,                          // syscall
    0x85, 0xc0,                          // test eax, eax
    0x78, 0xe4,                          // js -28                 wait again
    0xb8, 231, 0, 0, 0,                  // mov eax, 231           exit_group
    0x31, 0xff,                          // xor edi, edi
    0x0f, 0x05,                          // syscall
];

/// For aarch64. A call has its number in x8, its arguments in x0 to x3; addresses are relative to the instruction itself.
#[rustfmt::skip]
const AARCH64: [u32; 22] = [
    0xd280_0220, // mov x0, 17        SIGCHLD
    0x1000_02a1, // adr x1, . + 84    the action
    0xd280_0002, // mov x2, 0
    0xd280_0103, // mov x3, 8
    0xd280_10c8, // mov x8, 134       rt_sigaction
    0xd400_0001, // svc 0
    0xd280_0000, // mov x0, 0         SIG_BLOCK
    0x1000_02e1, // adr x1, . + 92    the set
    0xd280_0002, // mov x2, 0
    0xd280_0103, // mov x3, 8
    0xd280_10e8, // mov x8, 135       rt_sigprocmask
    0xd400_0001, // svc 0
    0x1000_0240, // adr x0, . + 72    the set
    0xd280_0001, // mov x1, 0
    0xd280_0002, // mov x2, 0
    0xd280_0103, // mov x3, 8
    0xd280_1128, // mov x8, 137       rt_sigtimedwait
    0xd400_0001, // svc 0
    0x37ff_ff40, // tbnz w0, 31, . - 24   wait again
    0xd280_0000, // mov x0, 0
    0xd280_0bc8, // mov x8, 94        exit_group
    0xd400_0001, // svc 0
];

/// The executable for an engine of that architecture, as Docker (`amd64`, `arm64`) or Linux says it; `None` for others.
pub(crate) fn for_architecture(architecture: &str) -> Option<(&'static str, Vec<u8>)> {
    match architecture {
        "amd64" | "x86_64" => Some(("amd64", elf(62, &X86_64, 0x1000))),
        "arm64" | "aarch64" => Some(("arm64", elf(183, &AARCH64.map(u32::to_le_bytes).concat(), 0x1_0000))),
        _ => None,
    }
}

/// The data follow the code, and are only read.
fn elf(machine: u16, code: &[u8], page: u64) -> Vec<u8> {
    let data = DATA.map(u64::to_le_bytes).concat();
    executable(machine, page, &[code, &data].concat(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_for_each_architecture_that_engines_run_on() {
        for (words, name, machine) in [(["amd64", "x86_64"], "amd64", 62), (["arm64", "aarch64"], "arm64", 183)] {
            for word in words {
                let (known, file) = for_architecture(word).unwrap();
                assert_eq!((known, file.len(), file[18]), (name, 304, machine), "{word}");
            }
        }
        assert_eq!(for_architecture("s390x"), None);
    }

    /// This machine's own runs here; the others' are run by hand (`qemu-aarch64`) when a byte of them changes.
    #[test]
    #[cfg(target_os = "linux")]
    fn it_waits_and_obeys_sigterm_at_once() {
        use std::os::unix::fs::PermissionsExt;
        use std::process::{Command, Stdio};

        let Some((_, file)) = for_architecture(std::env::consts::ARCH) else { return };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pause");
        std::fs::write(&path, file).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = Command::new(&path).stdin(Stdio::null()).spawn().unwrap();
        // It sleeps nowhere but where it waits.
        let waits = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap().contains("State:\tS");
        while !waits() {
            std::thread::yield_now();
        }
        assert_eq!(child.try_wait().unwrap(), None, "it waits");
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
