//! Messages of netlink, byte by byte. Headers are in the byte order of the machine, which is little endian on all that the program is for;
//! what the room of packet filters takes is in that of the network.

/// `NLM_F_REQUEST`
pub(super) const REQUEST: u16 = 1;
/// `NLM_F_ACK`
pub(super) const ACK: u16 = 4;
/// `NLM_F_REPLACE`
pub(super) const REPLACE: u16 = 0x100;
/// `NLM_F_CREATE`
pub(super) const CREATE: u16 = 0x400;
/// `NLM_F_APPEND`
pub(super) const APPEND: u16 = 0x800;

/// Its attribute holds others.
const NESTED: u16 = 0x8000;

/// Attributes, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_le_bytes());
        self.0.extend(kind.to_le_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// A number in the byte order of the network.
    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// With a zero at its end.
    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub(super) fn nested(self, kind: u16, inner: &Self) -> Self {
        self.bytes(kind | NESTED, &inner.0)
    }
}

/// A message: its own header behind netlink's, then attributes.
pub(super) fn message(kind: u16, flags: u16, header: &[u8], attributes: &Attributes) -> Vec<u8> {
    let length = u32::try_from(16 + header.len() + attributes.0.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend([kind, flags].map(u16::to_le_bytes).concat());
    // Neither sequence nor sender: there is one question at a time.
    bytes.extend([0; 8]);
    bytes.extend(header);
    bytes.extend(&attributes.0);
    bytes
}
