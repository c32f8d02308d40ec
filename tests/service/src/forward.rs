//! Fluentd's forward protocol, as far as Docker's log driver speaks it: messages `[tag, time, record, option]` in MessagePack. Each is told
//! as a line.

use std::fs;
use std::io::{self, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;

use crate::{say, say_error};

/// Listens on a socket at that path and on the protocol's port, for as long as the process lives.
///
/// # Errors
/// What the system says against the socket or the port.
pub(crate) fn listen(path: &str) -> io::Result<()> {
    fs::remove_file(path).ok();
    let (socket, port) = (UnixListener::bind(path)?, TcpListener::bind("0.0.0.0:24224")?);
    thread::spawn(move || socket.incoming().flatten().for_each(|stream| drop(thread::spawn(move || tell(stream)))));
    thread::spawn(move || port.incoming().flatten().for_each(|stream| drop(thread::spawn(move || tell(stream)))));
    Ok(())
}

fn tell(stream: impl Read) {
    let mut reader = BufReader::new(stream);
    loop {
        match value(&mut reader) {
            Ok(Value::List(message)) => match message.as_slice() {
                [Value::Text(tag), _, Value::Map(record), ..] => {
                    let fields: Vec<String> = record.iter().map(|(key, value)| format!("{}={}", key.words(), value.words())).collect();
                    say(&format!("forwarded {tag}: {}", fields.join(" ")));
                }
                _ => say_error("forwarded something else"),
            },
            Ok(_) => say_error("forwarded something else"),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
            Err(error) => {
                say_error(&format!("forwarded what cannot be read: {error}"));
                return;
            }
        }
    }
}

enum Value {
    Nil,
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    fn words(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Nil | Self::List(_) | Self::Map(_) => "…".to_owned(),
        }
    }
}

/// One value (<https://github.com/msgpack/msgpack/blob/master/spec.md>).
fn value(reader: &mut impl Read) -> io::Result<Value> {
    let first = number(reader, 1)?;
    Ok(match first {
        0x00..=0x7f => Value::Number(i64::try_from(first).unwrap_or_default()),
        0x80..=0x8f => map(reader, first & 0x0f)?,
        0x90..=0x9f => list(reader, first & 0x0f)?,
        0xa0..=0xbf => text(reader, first & 0x1f)?,
        0xc0 | 0xc2 | 0xc3 => Value::Nil,
        0xc4 | 0xd9 => sized(reader, 1, text)?,
        0xc5 | 0xda => sized(reader, 2, text)?,
        0xc6 | 0xdb => sized(reader, 4, text)?,
        0xca => Value::Number(i64::try_from(number(reader, 4)?).unwrap_or_default()),
        0xcb => Value::Number(i64::try_from(number(reader, 8)? >> 1).unwrap_or_default()),
        0xcc..=0xcf => Value::Number(i64::try_from(number(reader, 1 << (first - 0xcc))?).unwrap_or_default()),
        0xd0..=0xd3 => Value::Number(i64::try_from(number(reader, 1 << (first - 0xd0))? >> 1).unwrap_or_default()),
        // A type and so many bytes: times are such.
        0xd4..=0xd8 => text(reader, 1 + (1 << (first - 0xd4)))?,
        0xc7 => sized(reader, 1, |reader, size| text(reader, 1 + size))?,
        0xc8 => sized(reader, 2, |reader, size| text(reader, 1 + size))?,
        0xdc => sized(reader, 2, list)?,
        0xdd => sized(reader, 4, list)?,
        0xde => sized(reader, 2, map)?,
        0xdf => sized(reader, 4, map)?,
        0xe0..=0xff => Value::Number(i64::try_from(first).unwrap_or_default() - 256),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    })
}

fn number(reader: &mut impl Read, bytes: usize) -> io::Result<u64> {
    let mut buffer = [0; 8];
    reader.read_exact(&mut buffer[8 - bytes..])?;
    Ok(u64::from_be_bytes(buffer))
}

fn sized<R: Read>(reader: &mut R, bytes: usize, read: impl Fn(&mut R, u64) -> io::Result<Value>) -> io::Result<Value> {
    let size = number(reader, bytes)?;
    read(reader, size)
}

fn text<R: Read>(reader: &mut R, size: u64) -> io::Result<Value> {
    let mut bytes = Vec::new();
    if reader.take(size).read_to_end(&mut bytes)? as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

fn list<R: Read>(reader: &mut R, size: u64) -> io::Result<Value> {
    (0..size).map(|_| value(reader)).collect::<io::Result<_>>().map(Value::List)
}

fn map<R: Read>(reader: &mut R, size: u64) -> io::Result<Value> {
    (0..size).map(|_| Ok((value(reader)?, value(reader)?))).collect::<io::Result<_>>().map(Value::Map)
}
