//! Static executables for Linux, made in memory: an ELF file of 64 bits around instructions that are there already.

/// Where a file lies in memory.
const BASE: u64 = 0x40_0000;
const FILE_HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;

/// An executable for that machine (`e_machine`) whose first instruction is that of `code`, which may be read and run. What is `written` to, if
/// anything, follows it in the file and lies one `page` further up in memory: no page is both written and run. The stack holds no code.
pub(crate) fn executable(machine: u16, page: u64, code: &[u8], written: Option<&[u8]>) -> Vec<u8> {
    let headers: u16 = if written.is_some() { 3 } else { 2 };
    let begin = FILE_HEADER + u64::from(headers) * PROGRAM_HEADER;
    let end = begin + code.len() as u64;
    let mut file = b"\x7fELF".to_vec();
    // 64 bits, little endian, version 1, System V; padding.
    file.extend([2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // An executable, for that machine, version 1.
    file.extend([2_u16.to_le_bytes(), machine.to_le_bytes()].concat());
    file.extend(1_u32.to_le_bytes());
    // The first instruction; program headers follow the file's; no sections.
    file.extend([BASE + begin, FILE_HEADER, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    // The sizes of the file's header and of a program header, how many of these, no sections.
    file.extend([64_u16, 56, headers, 0, 0, 0].map(u16::to_le_bytes).concat());
    // PT_LOAD, read and execute: offset, address twice, size twice, alignment.
    file.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    file.extend([0, BASE, BASE, end, end, page].map(u64::to_le_bytes).concat());
    if let Some(written) = written {
        // PT_LOAD, read and write.
        let (address, size) = (BASE + page + end, written.len() as u64);
        file.extend([1_u32, 6].map(u32::to_le_bytes).concat());
        file.extend([end, address, address, size, size, page].map(u64::to_le_bytes).concat());
    }
    // PT_GNU_STACK, read and write.
    file.extend([0x6474_e551_u32, 6].map(u32::to_le_bytes).concat());
    file.extend([0_u64, 0, 0, 0, 0, 16].map(u64::to_le_bytes).concat());
    file.extend(code);
    file.extend(written.unwrap_or_default());
    file
}
