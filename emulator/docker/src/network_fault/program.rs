//! The program that does a fault to a network: a static executable for Linux of a few hundred bytes, made in memory with what it is to say
//! to the kernel. It needs no tool, no library and no image beside it, and undoes what it did when its time is over or it gets SIGTERM.
//!
//! What it does, in C:
//!
//! ```c
//! rt_sigprocmask(SIG_BLOCK, &{SIGINT, SIGTERM}, NULL, 8);
//! send_all(first list);
//! write(1, "\0", 1);                                           // done
//! rt_sigtimedwait(&{SIGINT, SIGTERM}, NULL, &time, 8);
//! send_all(second list);
//! exit_group(0);
//!
//! send_all(list): for (entry in list) {                        // an error of any call: its number to output and as exit code
//!     fd = socket(AF_NETLINK, SOCK_RAW, entry.protocol);
//!     if (entry.protocol == NETLINK_ROUTE) {                   // the index of eth0, at the place that a `tcmsg` has for it
//!         ioctl(fd, SIOCGIFINDEX, &{"eth0"});
//!         entry.tcm_ifindex = index;
//!     }
//!     sendto(fd, entry.bytes, entry.length, 0, &{AF_NETLINK}, 12);
//!     recvfrom(fd, answer, sizeof answer, MSG_DONTWAIT);       // what is asked asks for one acknowledgement
//!     if (answer.error) fail(answer.error);
//! }
//! ```

use std::time::Duration;

use crate::elf::executable;

/// What the kernel is told, and over which protocol of netlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) protocol: u32,
    pub(super) bytes: Vec<u8>,
}

/// What is written to lies so much further up than in the file, as the instructions know.
const APART: u64 = 0x1_0000;

/// The set of SIGINT (2) and SIGTERM (15) as bits; a `struct sockaddr_nl` for the kernel; a `struct ifreq` for eth0.
const DATA: [u64; 8] = [1 << 1 | 1 << 14, 16, 0, 0x3068_7465, 0, 0, 0, 0];

/// For x86-64, as an assembler made it from the above. Lists are in rbx, calls have their number in eax.
#[rustfmt::skip]
const X86_64: [u8; 344] = [
    0xb8, 0x0e, 0x00, 0x00, 0x00,                      // mov eax,0xe
    0x31, 0xff,                                        // xor edi,edi
    0x48, 0x8d, 0x35, 0x4a, 0x01, 0x01, 0x00,          // lea rsi,[rip+0x1014a]
    0x31, 0xd2,                                        // xor edx,edx
    0x41, 0xba, 0x08, 0x00, 0x00, 0x00,                // mov r10d,0x8
    0x0f, 0x05,                                        // syscall
    0x48, 0x8d, 0x1d, 0x79, 0x01, 0x01, 0x00,          // lea rbx,[rip+0x10179]
    0x48, 0x83, 0xc3, 0x10,                            // add rbx,0x10
    0x48, 0x89, 0xe5,                                  // mov rbp,rsp
    0x48, 0x81, 0xec, 0x00, 0x10, 0x00, 0x00,          // sub rsp,0x1000
    0xe8, 0x61, 0x00, 0x00, 0x00,                      // call 93 send_all
    0xc6, 0x04, 0x24, 0x00,                            // mov BYTE PTR [rsp],0x0
    0xe8, 0x2a, 0x00, 0x00, 0x00,                      // call 65 say
    // wait:
    0xb8, 0x80, 0x00, 0x00, 0x00,                      // mov eax,0x80
    0x48, 0x8d, 0x3d, 0x11, 0x01, 0x01, 0x00,          // lea rdi,[rip+0x10111]
    0x31, 0xf6,                                        // xor esi,esi
    0x48, 0x8d, 0x15, 0x48, 0x01, 0x01, 0x00,          // lea rdx,[rip+0x10148]
    0x41, 0xba, 0x08, 0x00, 0x00, 0x00,                // mov r10d,0x8
    0x0f, 0x05,                                        // syscall
    0x48, 0x83, 0xc3, 0x08,                            // add rbx,0x8
    0xe8, 0x32, 0x00, 0x00, 0x00,                      // call 93 send_all
    0x31, 0xff,                                        // xor edi,edi
    0xeb, 0x27,                                        // jmp 8c leave
    // say:
    0xb8, 0x01, 0x00, 0x00, 0x00,                      // mov eax,0x1
    0xbf, 0x01, 0x00, 0x00, 0x00,                      // mov edi,0x1
    0x48, 0x8d, 0x74, 0x24, 0x08,                      // lea rsi,[rsp+0x8]
    0xba, 0x01, 0x00, 0x00, 0x00,                      // mov edx,0x1
    0x0f, 0x05,                                        // syscall
    0xc3,                                              // ret
    // fail:
    0xf7, 0xd8,                                        // neg eax
    0x88, 0x04, 0x24,                                  // mov BYTE PTR [rsp],al
    0x41, 0x89, 0xc4,                                  // mov r12d,eax
    0xe8, 0xdc, 0xff, 0xff, 0xff,                      // call 65 say
    0x44, 0x89, 0xe7,                                  // mov edi,r12d
    // leave:
    0xb8, 0xe7, 0x00, 0x00, 0x00,                      // mov eax,0xe7
    0x0f, 0x05,                                        // syscall
    // send_all:
    0x44, 0x8b, 0x2b,                                  // mov r13d,DWORD PTR [rbx]
    0x45, 0x85, 0xed,                                  // test r13d,r13d
    0x0f, 0x84, 0xb4, 0x00, 0x00, 0x00,                // je 153 done
    0xb8, 0x29, 0x00, 0x00, 0x00,                      // mov eax,0x29
    0xbf, 0x10, 0x00, 0x00, 0x00,                      // mov edi,0x10
    0xbe, 0x03, 0x00, 0x00, 0x00,                      // mov esi,0x3
    0x8b, 0x53, 0x04,                                  // mov edx,DWORD PTR [rbx+0x4]
    0x0f, 0x05,                                        // syscall
    0x85, 0xc0,                                        // test eax,eax
    0x78, 0xc5,                                        // js 7c fail
    0x41, 0x89, 0xc6,                                  // mov r14d,eax
    0x83, 0x7b, 0x04, 0x00,                            // cmp DWORD PTR [rbx+0x4],0x0
    0x75, 0x23,                                        // jne e3 send
    0xb8, 0x10, 0x00, 0x00, 0x00,                      // mov eax,0x10
    0x44, 0x89, 0xf7,                                  // mov edi,r14d
    0xbe, 0x33, 0x89, 0x00, 0x00,                      // mov esi,0x8933
    0x48, 0x8d, 0x15, 0x9c, 0x00, 0x01, 0x00,          // lea rdx,[rip+0x1009c]
    0x0f, 0x05,                                        // syscall
    0x85, 0xc0,                                        // test eax,eax
    0x78, 0xa2,                                        // js 7c fail
    0x8b, 0x05, 0xa0, 0x00, 0x01, 0x00,                // mov eax,DWORD PTR [rip+0x100a0]
    0x89, 0x43, 0x1c,                                  // mov DWORD PTR [rbx+0x1c],eax
    // send:
    0xb8, 0x2c, 0x00, 0x00, 0x00,                      // mov eax,0x2c
    0x44, 0x89, 0xf7,                                  // mov edi,r14d
    0x48, 0x8d, 0x73, 0x08,                            // lea rsi,[rbx+0x8]
    0x44, 0x89, 0xea,                                  // mov edx,r13d
    0x45, 0x31, 0xd2,                                  // xor r10d,r10d
    0x4c, 0x8d, 0x05, 0x64, 0x00, 0x01, 0x00,          // lea r8,[rip+0x10064]
    0x41, 0xb9, 0x0c, 0x00, 0x00, 0x00,                // mov r9d,0xc
    0x0f, 0x05,                                        // syscall
    0x85, 0xc0,                                        // test eax,eax
    0x0f, 0x88, 0x70, 0xff, 0xff, 0xff,                // js 7c fail
    0xb8, 0x2d, 0x00, 0x00, 0x00,                      // mov eax,0x2d
    0x44, 0x89, 0xf7,                                  // mov edi,r14d
    0x48, 0x8d, 0x74, 0x24, 0x08,                      // lea rsi,[rsp+0x8]
    0xba, 0x00, 0x10, 0x00, 0x00,                      // mov edx,0x1000
    0x83, 0xea, 0x08,                                  // sub edx,0x8
    0x41, 0xba, 0x40, 0x00, 0x00, 0x00,                // mov r10d,0x40
    0x45, 0x31, 0xc0,                                  // xor r8d,r8d
    0x45, 0x31, 0xc9,                                  // xor r9d,r9d
    0x0f, 0x05,                                        // syscall
    0x85, 0xc0,                                        // test eax,eax
    0x0f, 0x88, 0x45, 0xff, 0xff, 0xff,                // js 7c fail
    0x8b, 0x44, 0x24, 0x18,                            // mov eax,DWORD PTR [rsp+0x18]
    0x85, 0xc0,                                        // test eax,eax
    0x0f, 0x88, 0x39, 0xff, 0xff, 0xff,                // js 7c fail
    0x4d, 0x8d, 0x6d, 0x0f,                            // lea r13,[r13+0xf]
    0x49, 0x83, 0xe5, 0xf8,                            // and r13,0xfffffffffffffff8
    0x4c, 0x01, 0xeb,                                  // add rbx,r13
    0xe9, 0x40, 0xff, 0xff, 0xff,                      // jmp 93 send_all
    // done:
    0xc3,                                              // ret
    0x0f, 0x1f, 0x40, 0x00,                            // nop DWORD PTR [rax+0x0]
];

/// For aarch64, likewise: lists are in x19, calls have their number in x8.
#[rustfmt::skip]
const AARCH64: [u32; 80] = [
    0xd280_0000, // mov x0, #0
    0x1008_09e1, // adr x1, #65852
    0xd280_0002, // mov x2, #0
    0xd280_0103, // mov x3, #8
    0xd280_10e8, // mov x8, #135
    0xd400_0001, // svc #0
    0x1008_0b53, // adr x19, #65896
    0x9100_4273, // add x19, x19, #16
    0xd140_07ff, // sub sp, sp, #1, lsl #12     // =4096
    0x9400_0019, // bl 0x88 <send_all>
    0x3900_03ff, // strb wzr, [sp]
    0x9400_000b, // bl 0x58 <say>
    0x1008_0880, // adr x0, #65808
    0xd280_0001, // mov x1, #0
    0x1008_0a42, // adr x2, #65864
    0xd280_0103, // mov x3, #8
    0xd280_1128, // mov x8, #137
    0xd400_0001, // svc #0
    0x9100_2273, // add x19, x19, #8
    0x9400_000f, // bl 0x88 <send_all>
    0xd280_0000, // mov x0, #0
    0x1400_000b, // b 0x80 <leave>
    // say:
    0xd280_0020, // mov x0, #1
    0x9100_03e1, // mov x1, sp
    0xd280_0022, // mov x2, #1
    0xd280_0808, // mov x8, #64
    0xd400_0001, // svc #0
    0xd65f_03c0, // ret
    // fail:
    0x4b00_03f4, // neg w20, w0
    0x3900_03f4, // strb w20, [sp]
    0x97ff_fff8, // bl 0x58 <say>
    0x2a14_03e0, // mov w0, w20
    // leave:
    0xd280_0bc8, // mov x8, #94
    0xd400_0001, // svc #0
    // send_all:
    0xaa1e_03f8, // mov x24, x30
    0xb940_0275, // ldr w21, [x19]
    0x3400_0575, // cbz w21, 0x13c <done>
    0xd280_0200, // mov x0, #16
    0xd280_0061, // mov x1, #3
    0xb940_0662, // ldr w2, [x19, #4]
    0xaa02_03f7, // mov x23, x2
    0xd280_18c8, // mov x8, #198
    0xd400_0001, // svc #0
    0x37ff_fe20, // tbnz w0, #31, 0x70 <fail>
    0x2a00_03f6, // mov w22, w0
    0x3500_0157, // cbnz w23, 0xdc <send>
    0x2a16_03e0, // mov w0, w22
    0x5291_2661, // mov w1, #35123
    0x1008_04c2, // adr x2, #65688
    0xd280_03a8, // mov x8, #29
    0xd400_0001, // svc #0
    0x37ff_fd20, // tbnz w0, #31, 0x70 <fail>
    0x1008_0442, // adr x2, #65672
    0xb940_1040, // ldr w0, [x2, #16]
    0xb900_1e60, // str w0, [x19, #28]
    // send:
    0x2a16_03e0, // mov w0, w22
    0x9100_2261, // add x1, x19, #8
    0x2a15_03e2, // mov w2, w21
    0xd280_0003, // mov x3, #0
    0x1008_02e4, // adr x4, #65628
    0xd280_0185, // mov x5, #12
    0xd280_19c8, // mov x8, #206
    0xd400_0001, // svc #0
    0x37ff_fba0, // tbnz w0, #31, 0x70 <fail>
    0x2a16_03e0, // mov w0, w22
    0x9100_03e1, // mov x1, sp
    0xd281_ff02, // mov x2, #4088
    0xd280_0803, // mov x3, #64
    0xd280_0004, // mov x4, #0
    0xd280_0005, // mov x5, #0
    0xd280_19e8, // mov x8, #207
    0xd400_0001, // svc #0
    0x37ff_fa80, // tbnz w0, #31, 0x70 <fail>
    0xb940_13e0, // ldr w0, [sp, #16]
    0x37ff_fa40, // tbnz w0, #31, 0x70 <fail>
    0x9100_3eb5, // add x21, x21, #15
    0x927d_f2b5, // and x21, x21, #0xfffffffffffffff8
    0x8b15_0273, // add x19, x19, x21
    0x17ff_ffd5, // b 0x8c <send_all+0x4>
    // done:
    0xd65f_0300, // ret x24
];

/// The executable for an engine of that architecture, as Docker or Linux says it; `None` for others.
pub(super) fn for_architecture(architecture: &str, first: &[Said], time: Duration, then: &[Said]) -> Option<Vec<u8>> {
    let mut data = DATA.map(u64::to_le_bytes).concat();
    data.extend([time.as_secs(), time.subsec_nanos().into()].map(u64::to_le_bytes).concat());
    for list in [first, then] {
        for said in list {
            data.extend(u32::try_from(said.bytes.len()).unwrap_or_default().to_le_bytes());
            data.extend(said.protocol.to_le_bytes());
            data.extend(&said.bytes);
            data.resize(data.len().next_multiple_of(8), 0);
        }
        data.extend([0; 8]);
    }
    match architecture {
        "amd64" | "x86_64" => Some(executable(62, APART, &X86_64, Some(&data))),
        "arm64" | "aarch64" => Some(executable(183, APART, &AARCH64.map(u32::to_le_bytes).concat(), Some(&data))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_for_each_architecture_that_engines_run_on() {
        let said = [Said { protocol: 12, bytes: vec![1, 2, 3] }];
        for (words, machine, code) in [(["amd64", "x86_64"], 62, X86_64.len()), (["arm64", "aarch64"], 183, 4 * AARCH64.len())] {
            for word in words {
                let file = for_architecture(word, &said, Duration::from_secs(1), &[]).unwrap();
                // Set, address and name; time; one entry of three bytes; the ends of two lists.
                assert_eq!((file.len(), file[18]), (232 + code + 64 + 16 + 16 + 16, machine), "{word}");
            }
        }
        assert_eq!(for_architecture("s390x", &said, Duration::ZERO, &[]), None);
    }

    /// Without anything to say it needs no right; with something that nobody may say it tells the kernel's error.
    #[test]
    #[cfg(target_os = "linux")]
    fn it_says_how_it_went_and_ends_with_its_time_or_at_sigterm() {
        use std::io::Read as _;
        use std::os::unix::fs::PermissionsExt;
        use std::process::{Command, Stdio};

        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, first: &[Said], time: Duration| {
            let file = for_architecture(std::env::consts::ARCH, first, time, &[]).unwrap();
            let path = folder.path().join(name);
            std::fs::write(&path, file).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            let mut child = Command::new(&path).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
            let mut said = [255];
            child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
            (child, said[0])
        };
        let (mut short, said) = run("short", &[], Duration::from_millis(1));
        assert_eq!((said, short.wait().unwrap().code()), (0, Some(0)));
        let (mut long, said) = run("long", &[], Duration::from_secs(600));
        assert_eq!((said, long.try_wait().unwrap()), (0, None));
        assert!(Command::new("kill").args(["-TERM", &long.id().to_string()]).status().unwrap().success());
        assert_eq!(long.wait().unwrap().code(), Some(0));
        // A message of a type that there is not: EOPNOTSUPP, or EPERM for whoever may not say anything.
        let bytes = [20_u32.to_le_bytes().as_slice(), &200_u16.to_le_bytes(), &5_u16.to_le_bytes(), &[0; 12]].concat();
        let (mut wrong, said) = run("wrong", &[Said { protocol: 16, bytes }], Duration::ZERO);
        assert!(said != 0 && wrong.wait().unwrap().code() == Some(said.into()), "{said}");
    }
}
