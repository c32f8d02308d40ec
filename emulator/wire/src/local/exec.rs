//! A program in a container, over the connection of an upgraded request (`Upgrade: ecslocal-exec`).
//!
//! Both sides send frames: one byte for the kind, four for the length of what follows (big endian), and that. After [`ToClient::Exit`] or
//! [`ToClient::Failed`] nothing comes.

use serde::{Deserialize, Serialize};

use super::Failure;

/// The protocol that a request is upgraded to.
pub const EXEC_PROTOCOL: &str = "ecslocal-exec";

/// The longest content of a frame.
pub const LONGEST_FRAME: usize = 64 * 1024;

const HEAD: usize = 5;

/// What is to run, in the query of the request as JSON (`asked`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecRequest {
    /// The cluster.
    pub cluster: model::ClusterName,
    /// A task's id, or as much of its beginning as names one task only; or a service that runs one task.
    pub task: String,
    /// The container; may be left out where the task has one alone.
    pub container: Option<model::ContainerName>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Rows and columns of its terminal; `None` for none.
    pub terminal: Option<(u16, u16)>,
    /// Whether its input is sent.
    pub input: bool,
}

/// What the client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToDaemon {
    /// For the program's standard input.
    Input(Vec<u8>),
    /// That has ended.
    InputEnd,
    /// The terminal has so many rows and columns now.
    Resize(u16, u16),
}

/// What the daemon sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToClient {
    /// The program wrote to its standard output, or to its terminal.
    Stdout(Vec<u8>),
    /// It wrote to its standard error.
    Stderr(Vec<u8>),
    /// It has ended with that exit code.
    Exit(i64),
    /// It is lost.
    Failed(Failure),
}

/// One side's frames, as bytes.
pub trait Frame: Sized {
    /// Its kind and its content.
    fn parts(&self) -> (u8, Vec<u8>);
    /// The frame of a kind with a content; `None` where there is none such.
    fn of(kind: u8, content: &[u8]) -> Option<Self>;

    /// As it is sent.
    fn encode(&self) -> Vec<u8> {
        let (kind, content) = self.parts();
        let mut bytes = Vec::with_capacity(HEAD + content.len());
        bytes.push(kind);
        bytes.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&content);
        bytes
    }
}

impl Frame for ToDaemon {
    fn parts(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Input(bytes) => (0, bytes.clone()),
            Self::InputEnd => (1, Vec::new()),
            Self::Resize(rows, columns) => (2, [rows.to_be_bytes(), columns.to_be_bytes()].concat()),
        }
    }

    fn of(kind: u8, content: &[u8]) -> Option<Self> {
        Some(match (kind, content) {
            (0, bytes) => Self::Input(bytes.to_vec()),
            (1, []) => Self::InputEnd,
            (2, [a, b, c, d]) => Self::Resize(u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])),
            _ => return None,
        })
    }
}

impl Frame for ToClient {
    fn parts(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Stdout(bytes) => (0, bytes.clone()),
            Self::Stderr(bytes) => (1, bytes.clone()),
            Self::Exit(code) => (2, code.to_be_bytes().to_vec()),
            Self::Failed(failure) => (3, serde_json::to_vec(failure).unwrap_or_default()),
        }
    }

    fn of(kind: u8, content: &[u8]) -> Option<Self> {
        Some(match kind {
            0 => Self::Stdout(content.to_vec()),
            1 => Self::Stderr(content.to_vec()),
            2 => Self::Exit(i64::from_be_bytes(content.try_into().ok()?)),
            3 => Self::Failed(serde_json::from_slice(content).ok()?),
            _ => return None,
        })
    }
}

/// Makes frames of bytes as they come.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
}

impl FrameReader {
    /// Takes what has come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// What came is no frame.
    pub fn take<F: Frame>(&mut self) -> Result<Option<F>, String> {
        let Some((head, rest)) = self.bytes.split_at_checked(HEAD) else { return Ok(None) };
        let &[kind, a, b, c, d] = head else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > LONGEST_FRAME {
            return Err(format!("a frame of {length} bytes is too long"));
        }
        let Some(content) = rest.get(..length) else { return Ok(None) };
        let frame = F::of(kind, content).ok_or_else(|| format!("a frame of the kind {kind} with {length} bytes is none"))?;
        self.bytes.drain(..HEAD + length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<F: Frame + PartialEq + std::fmt::Debug>(frames: &[F]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        for piece in [1, 3, bytes.len()] {
            let (mut reader, mut found) = (FrameReader::default(), Vec::new());
            for bytes in bytes.chunks(piece) {
                reader.feed(bytes);
                while let Some(frame) = reader.take::<F>().unwrap() {
                    found.push(frame);
                }
            }
            assert_eq!(found, frames);
        }
    }

    #[test]
    fn frames_come_back_in_whatever_pieces() {
        there_and_back(&[ToDaemon::Input(b"ls\n".to_vec()), ToDaemon::Resize(50, 200), ToDaemon::Input(Vec::new()), ToDaemon::InputEnd]);
        there_and_back(&[
            ToClient::Stdout(vec![0, 255]),
            ToClient::Stderr(b"x".to_vec()),
            ToClient::Exit(-1),
            ToClient::Failed(Failure::input("no")),
        ]);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [&[9, 0, 0, 0, 0][..], &[2, 0, 0, 0, 1, 0], &[0, 0xff, 0, 0, 0]] {
            let mut reader = FrameReader::default();
            reader.feed(bytes);
            assert!(reader.take::<ToDaemon>().is_err(), "{bytes:?}");
        }
    }
}
