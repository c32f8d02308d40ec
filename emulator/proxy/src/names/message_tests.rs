use model::Ids;

use super::*;

/// A question as a resolver sends it: recursion desired, with EDNS if a size is said.
fn ask(name: &str, kind: u16, size: Option<u16>) -> Vec<u8> {
    let mut bytes = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(size.is_some())];
    bytes.extend(labels(name));
    bytes.extend([kind, INTERNET].into_iter().flat_map(u16::to_be_bytes));
    if let Some(size) = size {
        bytes.extend([0, 0, 41]);
        bytes.extend(size.to_be_bytes());
        bytes.extend([0; 6]);
    }
    bytes
}

fn read(bytes: &[u8]) -> Question {
    question(bytes).unwrap()
}

fn records(count: usize) -> Answer {
    let place = |at: usize| {
        let target = format!("{at:032x}.posts.local");
        let place = Record { name: "posts.local".into(), ttl: 10, data: RecordData::Srv { port: 3000, target: target.clone() } };
        (place, Record { name: target, ttl: 10, data: RecordData::A([10, 0, 0, 1].into()) })
    };
    let (records, additional) = (0..count).map(place).unzip();
    Answer::Records { namespace: "local".into(), records, additional }
}

/// The counts of an answer, its code, and whether it was cut.
fn told(bytes: &[u8]) -> ([u16; 4], u16, bool) {
    let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    assert_eq!((word(0), word(2) & IS_ANSWER, word(2) & RECURSION_DESIRED), (0xabcd, IS_ANSWER, RECURSION_DESIRED));
    ([word(4), word(6), word(8), word(10)], word(2) & 15, word(2) & TRUNCATED != 0)
}

#[test]
fn a_question_is_read_and_answered_byte_for_byte() {
    let asked = read(&ask("Posts.local", A, None));
    assert_eq!((asked.name.as_deref(), asked.kind), (Some("Posts.local"), RecordType::A));
    let record = Record { name: "posts.local".into(), ttl: 60, data: RecordData::A([10, 9, 8, 7].into()) };
    let answer = Answer::Records { namespace: "local".into(), records: vec![record], additional: Vec::new() };
    let mut expected = vec![0xab, 0xcd, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    expected.extend(b"\x05Posts\x05local\x00\x00\x01\x00\x01");
    expected.extend(b"\x05posts\x05local\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x09\x08\x07");
    assert_eq!(asked.answer(&answer, true).unwrap(), expected);
    assert_eq!(read(&ask("posts.local", 33, None)).kind, RecordType::Srv);
    assert_eq!(read(&ask("posts.local", 65_280, None)).kind, RecordType::Other, "a type that nobody knows");
    assert_eq!(read(&ask("", A, None)).name.as_deref(), Some(""), "the root");
    assert_eq!(asked.answer(&Answer::Elsewhere, true), None);
}

#[test]
fn what_is_not_there_says_for_how_long() {
    for (answer, code) in
        [(Answer::NoSuchName("local".into()), 3), (Answer::Records { namespace: "local".into(), records: Vec::new(), additional: Vec::new() }, 0)]
    {
        let bytes = read(&ask("posts.local", A, None)).answer(&answer, true).unwrap();
        assert_eq!(told(&bytes), ([1, 0, 1, 0], code, false));
        let soa = &bytes[29..];
        assert!(soa.starts_with(b"\x05local\x00\x00\x06\x00\x01\x00\x00\x00\x0f"), "{soa:?}");
        assert!(soa.ends_with(&86_400u32.to_be_bytes()), "{soa:?}");
    }
    assert_eq!(told(&read(&ask("posts.local", A, None)).failed()), ([1, 0, 0, 0], 2, false));
}

#[test]
fn what_does_not_fit_leaves_out_what_can_be_asked_for_and_then_says_so() {
    let asked = |size| read(&ask("posts.local", 33, size));
    let answer = |size, count, over_udp| told(&asked(size).answer(&records(count), over_udp).unwrap());
    assert_eq!(answer(None, 2, true), ([1, 2, 0, 2], 0, false));
    assert_eq!(answer(None, 4, true), ([1, 4, 0, 0], 0, false), "without the addresses");
    assert_eq!(answer(None, 8, true), ([1, 0, 0, 0], 0, true));
    assert_eq!(answer(None, 8, false), ([1, 8, 0, 8], 0, false), "over TCP there is room");
    assert_eq!(answer(Some(4096), 8, true), ([1, 8, 0, 9], 0, false), "with EDNS, whose record is one more");
    assert_eq!(answer(Some(0), 4, true), ([1, 4, 0, 1], 0, false), "nobody has less room than 512");
    assert!(asked(None).answer(&records(4), true).unwrap().len() <= UDP);
}

#[test]
fn what_is_no_question_is_told_so_or_not_answered() {
    let refused = |bytes: &[u8]| question(bytes).unwrap_err().map(|answer| told(&answer).1);
    let good = ask("posts.local", A, None);
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(refused(&good[..11]), None, "too short");
    assert_eq!(refused(&changed(2, 0x81)), None, "an answer");
    assert_eq!(refused(&changed(2, 0x29)), Some(4), "another operation");
    for (bytes, what) in [
        (changed(5, 0), "no question"),
        (changed(5, 2), "two"),
        (changed(12, 0xc0), "a name that points somewhere"),
        (changed(12, 63), "a label that is longer than the message"),
        (good[..good.len() - 1].to_vec(), "no class"),
    ] {
        assert_eq!(refused(&bytes), Some(1), "{what}");
    }
    assert_eq!(refused(&ask(&["x".repeat(60).as_str(); 5].join("."), A, None)), Some(1), "a name that is too long");
    let dotted = changed(13, b'.');
    assert_eq!(read(&dotted).name, None, "somebody else may know such a name");
}

#[test]
fn nothing_that_comes_in_breaks_it() {
    let mut ids = Ids::seeded(7);
    let good = [ask("posts.tutorial.local", 33, Some(1232)), ask("a.b", A, None)];
    for round in 0..20_000 {
        let mut bytes = good[round % 2].clone();
        for _ in 0..=ids.next_u64() % 4 {
            let at = usize::try_from(ids.next_u64()).unwrap() % bytes.len();
            match ids.next_u64() % 3 {
                0 => bytes[at] = ids.next_u64().to_le_bytes()[0],
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, ids.next_u64().to_le_bytes()[0]),
            }
        }
        match question(&bytes) {
            Ok(asked) => {
                for answer in [records(round % 9), Answer::NoSuchName("local".into())] {
                    assert!(asked.answer(&answer, true).unwrap().len() <= asked.room);
                }
            }
            Err(answer) => assert!(answer.is_none_or(|answer| answer.len() == HEADER)),
        }
    }
}
