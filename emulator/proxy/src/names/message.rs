//! Messages of DNS as bytes (RFC 1035, EDNS of RFC 6891): one question in, records out. What is not ours to answer is passed on as it came, so
//! nothing more of a message is read than its question; a library would refuse questions of types that it does not know.

use routing::discovery::{Answer, NOTHING, Record, RecordData, RecordType};

/// The header of every message.
const HEADER: usize = 12;

/// What a message over UDP has at least room for.
const UDP: usize = 512;

/// What fits into one packet of any network here: more is asked for over TCP.
const LARGEST_UDP: usize = 1232;

/// The longest name, with the lengths of its labels.
const LONGEST_NAME: usize = 255;

const A: u16 = 1;
const SOA: u16 = 6;
const SRV: u16 = 33;
const OPT: u16 = 41;
const INTERNET: u16 = 1;

/// An answer's own.
const IS_ANSWER: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_AVAILABLE: u16 = 0x0080;
/// Kept from the question: the operation, and whether somebody else is to be asked.
const OPERATION: u16 = 0x7800;
const RECURSION_DESIRED: u16 = 0x0100;

/// How an answer ends (RCODE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Good = 0,
    BadQuestion = 1,
    Failed = 2,
    NoSuchName = 3,
    NotSupported = 4,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    id: u16,
    flags: u16,
    /// As it came: the name, the type, the class.
    bytes: Vec<u8>,
    /// The name as text, without the last dot; `None` where a label is no text.
    pub(super) name: Option<String>,
    /// The type, where the class is the Internet.
    pub(super) kind: RecordType,
    /// How much an answer over UDP may have.
    room: usize,
    /// Whether it speaks EDNS.
    extended: bool,
}

/// Reads a question; with `Err`, the answer to what is none. Nothing is answered to what is too short to be asked, or is an answer.
pub(super) fn question(message: &[u8]) -> Result<Question, Option<Vec<u8>>> {
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let (Some(id), Some(flags), Some(count)) = (word(0), word(2), word(4)) else { return Err(None) };
    if message.len() < HEADER || flags & IS_ANSWER != 0 {
        return Err(None);
    }
    let refused = |outcome| Err(Some(header(id, flags, outcome, [0; 4]).to_vec()));
    if flags & OPERATION != 0 {
        return refused(Outcome::NotSupported);
    }
    let Some((name, end)) = name(message).filter(|_| count == 1) else { return refused(Outcome::BadQuestion) };
    let (Some(kind), Some(class)) = (word(end), word(end + 2)) else { return refused(Outcome::BadQuestion) };
    let kind = match (kind, class) {
        (A, INTERNET) => RecordType::A,
        (SRV, INTERNET) => RecordType::Srv,
        _ => RecordType::Other,
    };
    let size = size(message, end + 4);
    let room = size.map_or(UDP, |size| usize::from(size).clamp(UDP, LARGEST_UDP));
    Ok(Question { id, flags, bytes: message[HEADER..end + 4].to_vec(), name, kind, room, extended: size.is_some() })
}

/// The name of the first question, and where it ends. A question has nothing before it that it could point at.
fn name(message: &[u8]) -> Option<(Option<String>, usize)> {
    let (mut at, mut text) = (HEADER, Some(String::new()));
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((text, at));
        }
        let label = message.get(at..at + length).filter(|_| length < 64 && at + length - HEADER < LONGEST_NAME)?;
        // A dot within a label would be one between two.
        let readable = str::from_utf8(label).ok().filter(|label| !label.contains('.'));
        text = text.zip(readable).map(|(text, label)| if text.is_empty() { label.to_owned() } else { format!("{text}.{label}") });
        at += length;
    }
}

/// What the question says it has room for: an OPT record is the only one that comes with it, at the root.
fn size(message: &[u8], at: usize) -> Option<u16> {
    let [0, kind, more, high, low, ..] = message.get(at..)? else { return None };
    (u16::from_be_bytes([*kind, *more]) == OPT).then(|| u16::from_be_bytes([*high, *low]))
}

fn header(id: u16, flags: u16, outcome: Outcome, counts: [u16; 4]) -> [u8; HEADER] {
    let flags = IS_ANSWER | RECURSION_AVAILABLE | (flags & (OPERATION | RECURSION_DESIRED | AUTHORITATIVE | TRUNCATED)) | outcome as u16;
    let mut bytes = [0; HEADER];
    let words = [id, flags].into_iter().chain(counts);
    for (place, word) in bytes.chunks_exact_mut(2).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

impl Question {
    /// The answer to a question that nobody could answer.
    pub(super) fn failed(&self) -> Vec<u8> {
        self.message(Outcome::Failed, 0, &[], &[], &[])
    }

    /// The answer; over UDP one that does not fit says so. `None` for [`Answer::Elsewhere`].
    pub(super) fn answer(&self, answer: &Answer, over_udp: bool) -> Option<Vec<u8>> {
        let soa = |namespace: &str| vec![start_of_authority(namespace)];
        let all = |records: &[Record]| records.iter().map(record).collect::<Vec<_>>();
        let message = match answer {
            Answer::Elsewhere => return None,
            Answer::NoSuchName(namespace) => self.message(Outcome::NoSuchName, AUTHORITATIVE, &[], &soa(namespace), &[]),
            Answer::Records { namespace, records, .. } if records.is_empty() => self.message(Outcome::Good, AUTHORITATIVE, &[], &soa(namespace), &[]),
            Answer::Records { records, additional, .. } => {
                let records = all(records);
                let whole = self.message(Outcome::Good, AUTHORITATIVE, &records, &[], &all(additional));
                // Addresses that come besides can be asked for.
                if over_udp && whole.len() > self.room { self.message(Outcome::Good, AUTHORITATIVE, &records, &[], &[]) } else { whole }
            }
        };
        let fits = !over_udp || message.len() <= self.room;
        Some(if fits { message } else { self.message(Outcome::Good, AUTHORITATIVE | TRUNCATED, &[], &[], &[]) })
    }

    fn message(&self, outcome: Outcome, flags: u16, answers: &[Vec<u8>], authority: &[Vec<u8>], additional: &[Vec<u8>]) -> Vec<u8> {
        let count = |records: &[Vec<u8>]| u16::try_from(records.len()).unwrap_or(u16::MAX);
        let counts = [1, count(answers), count(authority), count(additional) + u16::from(self.extended)];
        let asked = self.flags & (OPERATION | RECURSION_DESIRED);
        let mut bytes = header(self.id, asked | flags, outcome, counts).to_vec();
        bytes.extend(&self.bytes);
        bytes.extend(answers.iter().chain(authority).chain(additional).flatten());
        if self.extended {
            bytes.push(0);
            bytes.extend(OPT.to_be_bytes());
            bytes.extend(u16::try_from(LARGEST_UDP).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend([0; 6]);
        }
        bytes
    }
}

fn record(record: &Record) -> Vec<u8> {
    let (kind, data) = match &record.data {
        RecordData::A(address) => (A, address.octets().to_vec()),
        RecordData::Srv { port, target } => {
            let mut data: Vec<u8> = [1, 1, *port].into_iter().flat_map(u16::to_be_bytes).collect();
            data.extend(labels(target));
            (SRV, data)
        }
    };
    resource(&record.name, kind, record.ttl, &data)
}

/// Who answers for a namespace, as Route 53 says it; and for how long it may be remembered that there is nothing.
fn start_of_authority(namespace: &str) -> Vec<u8> {
    let mut data = labels("ns-1536.awsdns-00.co.uk");
    data.extend(labels("awsdns-hostmaster.amazon.com"));
    // Serial, refresh, retry, expiry, and how long nothing may be remembered at most.
    data.extend([1u32, 7200, 900, 1_209_600, 86_400].into_iter().flat_map(u32::to_be_bytes));
    resource(namespace, SOA, NOTHING, &data)
}

fn resource(name: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = labels(name);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// A name in full. Names are domains that the manifest has checked; a label that is too long would be cut.
fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        bytes.push(u8::try_from(label.len()).unwrap_or(63));
        bytes.extend(label);
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
