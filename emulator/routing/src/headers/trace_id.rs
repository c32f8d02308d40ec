//! `X-Amzn-Trace-Id` (alb.md 6.3).

use crate::limits::TRACED_HEADERS_BYTES;

/// What a new trace id is made of.
#[derive(Clone, Copy, Debug)]
pub struct TraceSeed {
    /// Seconds since the Unix epoch; the low 32 bits are written.
    pub epoch_seconds: u64,
    /// Any number, each as likely; 96 bits are written.
    pub random: u128,
}

/// Writes the header's value for the target.
///
/// Nothing came: a new `Root`. A `Root` came: a new `Self` in front, all else kept. A `Self` came: its value is new, all else kept.
/// Something came with neither of them: a new `Root` in front. The request's headers are longer than 7 KB (`headers_bytes`): a new
/// `Root` alone.
pub fn trace_id(out: &mut Vec<u8>, came: Option<&[u8]>, headers_bytes: usize, seed: TraceSeed) {
    let came = came.map(<[u8]>::trim_ascii).filter(|came| !came.is_empty() && headers_bytes <= TRACED_HEADERS_BYTES);
    let Some(came) = came else {
        return field(out, b"Root=", seed);
    };
    if !came.split(|byte| *byte == b';').any(|part| named(part, b"Self=")) {
        let has_root = came.split(|byte| *byte == b';').any(|part| named(part, b"Root="));
        field(out, if has_root { b"Self=" } else { b"Root=" }, seed);
        out.push(b';');
        out.extend_from_slice(came);
        return;
    }
    let mut replaced = false;
    for (index, part) in came.split(|byte| *byte == b';').enumerate() {
        if index > 0 {
            out.push(b';');
        }
        if !replaced && named(part, b"Self=") {
            field(out, b"Self=", seed);
            replaced = true;
        } else {
            out.extend_from_slice(part);
        }
    }
}

fn named(part: &[u8], name: &[u8]) -> bool {
    part.trim_ascii_start().starts_with(name)
}

/// `<name>1-<8 hex digits>-<24 hex digits>`
fn field(out: &mut Vec<u8>, name: &[u8], seed: TraceSeed) {
    out.reserve(name.len() + "1-8-24".len() + 32);
    out.extend_from_slice(name);
    out.extend_from_slice(b"1-");
    let [_, _, _, _, seconds @ ..] = seed.epoch_seconds.to_be_bytes();
    hexadecimal(out, &seconds);
    out.push(b'-');
    let [_, _, _, _, random @ ..] = seed.random.to_be_bytes();
    hexadecimal(out, &random);
}

fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(|digit| DIGITS[usize::from(digit)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_self_are_set_as_the_specification_says() {
        let seed = TraceSeed { epoch_seconds: 0x6789_1234, random: 0x1_1245_6789_abcd_ef01_2345_678a };
        let new = "1-67891234-12456789abcdef012345678a";
        let check = |came: Option<&str>, bytes: usize, expected: &str| {
            let mut out = b"kept:".to_vec();
            trace_id(&mut out, came.map(str::as_bytes), bytes, seed);
            assert_eq!(str::from_utf8(&out).unwrap(), format!("kept:{}", expected.replace('@', new)), "{came:?}");
        };
        let root = "Root=1-67891233-abcdef012345678912345678";
        check(None, 0, "Root=@");
        check(Some(" "), 0, "Root=@");
        check(Some(root), 0, &format!("Self=@;{root}"));
        check(Some(&format!("{root};CalledFrom=app")), 7168, &format!("Self=@;{root};CalledFrom=app"));
        check(Some(&format!("Self=1-old;{root};a=b")), 0, &format!("Self=@;{root};a=b"));
        check(Some(&format!("{root}; Self=1-old;a=b")), 0, &format!("{root};Self=@;a=b"));
        check(Some("Self=old"), 0, "Self=@");
        check(Some("CalledFrom=app"), 0, "Root=@;CalledFrom=app");
        check(Some(&format!("Self=1-old;{root}")), 7169, "Root=@");
    }

    #[test]
    fn a_small_number_is_written_with_all_its_zeros() {
        let mut out = Vec::new();
        trace_id(&mut out, None, 0, TraceSeed { epoch_seconds: 1, random: 2 });
        assert_eq!(out, b"Root=1-00000001-000000000000000000000002");
    }
}
