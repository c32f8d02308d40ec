//! HTTP/1 messages as bytes: where a head ends, what it says, where its body ends, and the doubts that a request leaves about either
//! (alb.md 6.1, 6.2, 6.6).
//!
//! **Lives here:** reading heads of requests and responses, header lines with their order and spelling, the classification of requests,
//! taking bodies apart (lengths, chunks, trailers) and writing heads and chunks.
//!
//! **Does not live here:** sockets and time (room `alb`), what a doubt or a failure leads to (`alb`, `routing`), HTTP/2.
//!
//! **Invariants:** pure and incremental, so the same bytes mean the same however they are cut; a request is read as leniently as AWS
//! does, a response strictly; whatever is read lenient and could be understood in two ways carries a doubt; nothing is copied more than
//! once; the room for what a peer may send is bounded.
//!
//! **Entry points:** [`HeadScan`], [`RequestHead::parse`], [`ResponseHead::parse`], [`Decoder`].

mod decode;
mod doubt;
mod encode;
mod framing;
mod headers;
mod line;
mod request;
mod response;
mod scan;
mod target;
mod version;

pub use decode::{Decoder, MalformedBody, Step};
pub use encode::{CHUNK_ENDS, LAST_CHUNK, chunk_begins};
pub use framing::{Framing, MalformedResponse};
pub use headers::Headers;
pub use request::RequestHead;
pub use response::ResponseHead;
pub use scan::{HeadScan, blank_lines};
pub use target::{Target, lossy};
pub use version::Version;
