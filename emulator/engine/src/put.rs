//! Files that are put into a container.

use bytes::Bytes;
use model::Timestamp;

/// A file that is put into a container; it is root's there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutFile {
    /// Where: absolute, without `.` and `..`. Folders that are missing are made.
    pub path: String,
    /// Its permissions, the lowest nine bits.
    pub mode: u32,
    /// When it was changed last; to the second.
    pub modified: Timestamp,
    /// What is in it.
    pub content: Bytes,
}
