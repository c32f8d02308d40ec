//! The versions of HTTP that a message may be in.

/// A version, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// A request of one line, which a response without a head answers.
    Http09,
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and what calls itself 1.2 to 1.9.
    Http11,
    /// HTTP/2, whose messages are read elsewhere.
    Http2,
}

impl Version {
    /// As access logs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http09 => "HTTP/0.9",
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}
