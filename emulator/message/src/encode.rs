//! Bodies of unknown length on their way out: chunks (RFC 9112, 7.1).

/// Behind the bytes of a chunk.
pub const CHUNK_ENDS: &[u8] = b"\r\n";
/// The end of a body in chunks, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes what stands in front of a chunk of so many bytes, which are at least one: a chunk of none would end the body.
pub fn chunk_begins(out: &mut Vec<u8>, length: usize) {
    debug_assert!(length > 0, "a chunk of no bytes ends the body");
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[length >> (4 * place) & 0xf]);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_hexadecimal() {
        for length in [1, 9, 15, 16, 255, 256, 4096, 0xfff_ffff, usize::MAX] {
            let mut out = Vec::new();
            chunk_begins(&mut out, length);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{length:x}\r\n"));
        }
    }
}
