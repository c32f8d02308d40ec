//! Which failure earns which status (alb.md 6.9, 10). One row a failure; nothing else in the house chooses an error's status.

/// What went wrong between the load balancer and a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamFailure {
    /// The target refused the connection, or nothing is at its address (alb.md 10: at once, no second target is tried).
    ConnectRefused,
    /// The connection was reset while it was made.
    ConnectReset,
    /// No connection within 10 seconds.
    ConnectTimeout,
    /// The target and we could not agree on TLS.
    TlsFailed,
    /// The TLS handshake with the target was not over within 10 seconds (AWS's texts say 502 and 504; the newer one says 504).
    TlsTimeout,
    /// The connection could not be tried: no free port or file of our own.
    ConnectImpossible,
    /// The target closed or reset the connection before its response began, a reused idle one included (alb.md 10).
    ClosedBeforeResponse,
    /// The target was silent for the idle timeout before its response began.
    IdleTimeout,
    /// What the target sent is not HTTP.
    MalformedResponse,
    /// The response's headers are longer than 32 KB.
    ResponseHeadersTooLarge,
    /// The target's draining ended with the request still on it (alb.md 9).
    DrainElapsed,
    /// The target group has no registered target, or only draining and unused ones (alb.md 4).
    NoTarget,
    /// The weights of the forward action are all 0 (alb.md 3).
    NoTargetGroup,
}

impl UpstreamFailure {
    /// Every failure.
    pub const ALL: [Self; 13] = [
        Self::ConnectRefused,
        Self::ConnectReset,
        Self::ConnectTimeout,
        Self::TlsFailed,
        Self::TlsTimeout,
        Self::ConnectImpossible,
        Self::ClosedBeforeResponse,
        Self::IdleTimeout,
        Self::MalformedResponse,
        Self::ResponseHeadersTooLarge,
        Self::DrainElapsed,
        Self::NoTarget,
        Self::NoTargetGroup,
    ];

    /// The status that the client gets, if no byte of a response has been sent to it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::ConnectTimeout | Self::TlsTimeout | Self::IdleTimeout => 504,
            Self::NoTarget | Self::NoTargetGroup => 503,
            Self::ConnectRefused
            | Self::ConnectReset
            | Self::TlsFailed
            | Self::ConnectImpossible
            | Self::ClosedBeforeResponse
            | Self::MalformedResponse
            | Self::ResponseHeadersTooLarge
            | Self::DrainElapsed => 502,
        }
    }

    /// Whether it counts as `TargetConnectionErrorCount` (alb.md 8, 10).
    #[must_use]
    pub const fn is_connection_error(self) -> bool {
        matches!(self, Self::ConnectRefused | Self::ConnectReset | Self::ConnectTimeout | Self::ConnectImpossible)
    }

    /// What happened, for a person.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::ConnectRefused => "the target refused the connection",
            Self::ConnectReset => "the target reset the connection while it was made",
            Self::ConnectTimeout => "the target did not accept the connection within 10 seconds",
            Self::TlsFailed => "the TLS handshake with the target failed",
            Self::TlsTimeout => "the TLS handshake with the target was not over within 10 seconds",
            Self::ConnectImpossible => "no connection to the target could be opened",
            Self::ClosedBeforeResponse => "the target closed the connection before it answered",
            Self::IdleTimeout => "the target did not answer within the idle timeout",
            Self::MalformedResponse => "the target's answer is not HTTP",
            Self::ResponseHeadersTooLarge => "the target's response headers are longer than 32 KB",
            Self::DrainElapsed => "the target was deregistered and its deregistration delay is over",
            Self::NoTarget => "the target group has no registered target",
            Self::NoTargetGroup => "the weights of all target groups of the action are 0",
        }
    }
}

/// What is wrong with a request, or with the client that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientFailure {
    /// Not HTTP, TLS on a cleartext port included (alb.md 1).
    Malformed,
    /// HTTP/1.1 without `Host` (alb.md 6.2).
    MissingHost,
    /// A header line over 16 KB, or headers over 64 KB together (alb.md 6.1).
    HeadersTooLarge,
    /// A URI over 16 KB (alb.md 6.1).
    UriTooLong,
    /// TRACE, or CONNECT, for which AWS documents nothing (alb.md 6.2).
    MethodNotAllowed,
    /// Silent for the idle timeout in the middle of its request (alb.md 6.1).
    IdleTimeout,
    /// More than 30 addresses in `X-Forwarded-For` (alb.md 6.1).
    TooManyForwardedFor,
    /// A transfer coding other than `chunked` and `identity` (alb.md 6.9).
    UnknownTransferCoding,
    /// An HTTP version that the connection does not speak, HTTP/2 on a cleartext listener included (alb.md 6.2).
    VersionNotSupported,
    /// Closed its connection before its whole body had come; only the access log sees the status (alb.md 6.6).
    ClosedBeforeBody,
    /// Closed its connection while the target worked; only the access log sees the status (alb.md 6.6).
    ClosedBeforeResponse,
}

impl ClientFailure {
    /// Every failure.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::MissingHost,
        Self::HeadersTooLarge,
        Self::UriTooLong,
        Self::MethodNotAllowed,
        Self::IdleTimeout,
        Self::TooManyForwardedFor,
        Self::UnknownTransferCoding,
        Self::VersionNotSupported,
        Self::ClosedBeforeBody,
        Self::ClosedBeforeResponse,
    ];

    /// The status that the client gets, or the access log alone where the client has closed.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::MissingHost | Self::HeadersTooLarge | Self::ClosedBeforeBody => 400,
            Self::MethodNotAllowed => 405,
            Self::IdleTimeout => 408,
            Self::UriTooLong => 414,
            Self::ClosedBeforeResponse => 460,
            Self::TooManyForwardedFor => 463,
            Self::UnknownTransferCoding => 501,
            Self::VersionNotSupported => 505,
        }
    }
}

/// Whether the client's connection ends with a generated answer of this status, because what follows on it cannot be read (alb.md 6.9;
/// for 501 AWS says nothing, but a body in an unknown coding has no end that we could find).
#[must_use]
pub const fn closes_connection(status: u16) -> bool {
    matches!(status, 400 | 408 | 413 | 414 | 501 | 505)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_status_and_a_page_for_it() {
        for failure in UpstreamFailure::ALL {
            assert!(matches!(failure.status(), 502..=504), "{failure:?}");
            assert!(!closes_connection(failure.status()), "{failure:?}");
            assert!(crate::page::page(failure.status()).is_some(), "{failure:?}");
            assert!(!failure.description().ends_with('.'), "{failure:?}");
        }
        for failure in ClientFailure::ALL {
            assert!(crate::page::page(failure.status()).is_some(), "{failure:?}");
        }
    }

    #[test]
    fn causes_have_the_statuses_of_the_specification() {
        use {ClientFailure as C, UpstreamFailure as U};
        let check = |causes: &[U], status: u16| causes.iter().for_each(|cause| assert_eq!(cause.status(), status, "{cause:?}"));
        check(&[U::ConnectRefused, U::ConnectReset, U::ClosedBeforeResponse], 502);
        check(&[U::MalformedResponse, U::ResponseHeadersTooLarge, U::DrainElapsed], 502);
        check(&[U::NoTarget, U::NoTargetGroup], 503);
        check(&[U::ConnectTimeout, U::IdleTimeout], 504);
        let check =
            |cause: C, status: u16, closes: bool| assert_eq!((cause.status(), closes_connection(cause.status())), (status, closes), "{cause:?}");
        check(C::Malformed, 400, true);
        check(C::HeadersTooLarge, 400, true);
        check(C::MethodNotAllowed, 405, false);
        check(C::IdleTimeout, 408, true);
        check(C::UriTooLong, 414, true);
        check(C::ClosedBeforeResponse, 460, false);
        check(C::TooManyForwardedFor, 463, false);
        check(C::UnknownTransferCoding, 501, true);
        check(C::VersionNotSupported, 505, true);
    }
}
