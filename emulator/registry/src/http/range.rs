//! Ranges of bytes: what a `GET` asks for (RFC 9110), and where a chunk belongs (OCI distribution).

/// What a `Range` header asks of a content of `size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: there is no such header, or one that may be ignored.
    All,
    /// From the first byte to the last.
    Part { first: u64, last: u64 },
    /// What is not there.
    Nothing,
}

/// Reads a `Range` header. Several ranges are ignored, as a server may.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Wanted::All };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else { return Wanted::All };
    let part = |first: u64, last: u64| if first < size && first <= last { Wanted::Part { first, last: last.min(size - 1) } } else { Wanted::Nothing };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if last < first => Wanted::All,
        (Ok(first), Ok(last)) => part(first, last),
        (Ok(first), Err(_)) if last.trim().is_empty() => part(first, u64::MAX),
        (Err(_), Ok(0)) => Wanted::Nothing,
        (Err(_), Ok(count)) if first.trim().is_empty() => part(size.saturating_sub(count), u64::MAX),
        _ => Wanted::All,
    }
}

/// Reads the `Content-Range` of a chunk, `first-last`: where it begins and how long it is.
pub(super) fn chunk(header: &str) -> Option<(u64, u64)> {
    let spec = header.trim().strip_prefix("bytes ").unwrap_or(header.trim());
    let (first, last) = spec.split_once('/').map_or(spec, |(range, _)| range).split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    Some((first, last.checked_sub(first)?.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let part = |first, last| Wanted::Part { first, last };
        for (header, expected) in [
            (None, Wanted::All),
            (Some("bytes=0-3"), part(0, 3)),
            (Some("bytes=4-"), part(4, 9)),
            (Some("bytes=4-99"), part(4, 9)),
            (Some("bytes=-3"), part(7, 9)),
            (Some("bytes=-99"), part(0, 9)),
            (Some("bytes=10-"), Wanted::Nothing),
            (Some("bytes=-0"), Wanted::Nothing),
            (Some("bytes=3-2"), Wanted::All),
            (Some("bytes=0-1,3-4"), Wanted::All),
            (Some("lines=0-1"), Wanted::All),
            (Some("bytes=a-b"), Wanted::All),
        ] {
            assert_eq!(wanted(header, 10), expected, "{header:?}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        for (header, expected) in
            [("0-4", Some((0, 5))), ("5-9", Some((5, 5))), ("bytes 5-9/*", Some((5, 5))), ("5-4", None), ("x", None), ("-", None)]
        {
            assert_eq!(chunk(header), expected, "{header}");
        }
    }
}
