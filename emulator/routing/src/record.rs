//! What is known of one request once it is over: a line of the access log, and what metrics are counted from (alb.md 8).

mod line;

pub(crate) use line::{Time, or_dash, quoted};

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::group::GroupIdentity;
use crate::table::Balancer;
use crate::{MatchedRule, TargetState};

/// One request and its answer. Sizes and times are those of the client's side.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// Which protocol it came by.
    pub kind: RequestKind,
    /// Since the Unix epoch: when its head had come.
    pub created: Duration,
    /// Since the Unix epoch: when its response was made.
    pub responded: Duration,
    /// The load balancer that it came to.
    pub balancer: Arc<Balancer>,
    /// Who sent it.
    pub client: SocketAddr,
    /// The group that it was forwarded to.
    pub group: Option<Arc<GroupIdentity>>,
    /// The target that was chosen.
    pub target: Option<Arc<TargetState>>,
    /// Its target was the one that a cookie named.
    pub sticky: bool,
    /// It went to a group that is open to all because too few targets are healthy.
    pub fail_open: bool,
    /// How long what took.
    pub times: Times,
    /// The status that the client got, or would have got (460).
    pub elb_status: u16,
    /// The status that the target gave.
    pub target_status: Option<u16>,
    /// What kept the target from answering.
    pub failure: Option<crate::UpstreamFailure>,
    /// Bytes that came from the client, head included.
    pub received: u64,
    /// Bytes that went to the client, head included.
    pub sent: u64,
    /// Method, URL and version as the client wrote them; `None` where no head could be read.
    pub request: Option<RequestLine>,
    /// Its `User-Agent`, cut at 8 KB.
    pub user_agent: Option<Box<str>>,
    /// How it was encrypted.
    pub tls: Option<Arc<TlsRecord>>,
    /// `X-Amzn-Trace-Id` as it was passed on.
    pub trace_id: Option<Box<str>>,
    /// The rule that decided; `None` where none was asked.
    pub rule: Option<MatchedRule>,
    /// Rules that were looked at, the matching one included.
    pub evaluated: u32,
    /// The action that asked who is there before: `authenticate` or `jwt-validation`.
    pub asked: Option<&'static str>,
    /// What was done after it, joined by commas: `forward`, `rewrite,forward`, `redirect`, `fixed-response`, `authenticate` ...
    pub actions: &'static str,
    /// The `Location` of a redirect.
    pub redirect_url: Option<Box<str>>,
    /// Why an action failed, in the access log's words.
    pub error_reason: Option<&'static str>,
    /// What is doubtful about the request, where anything is.
    pub doubt: Option<Doubt>,
    /// What a rule's transforms made of it.
    pub transformed: Transformed,
    /// The end of `TID_...`: the same for all requests of a connection.
    pub connection: u128,
    /// Its head holds names that are more than letters, digits and hyphens; whether they were dropped.
    pub invalid_headers: Option<bool>,
    /// It is a gRPC call.
    pub grpc: bool,
}

/// `type` of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Cleartext HTTP/1.
    Http,
    /// HTTP/1 under TLS.
    Https,
    /// HTTP/2 under TLS.
    H2,
    /// gRPC under TLS.
    Grpcs,
    /// A WebSocket.
    Ws,
    /// A WebSocket under TLS.
    Wss,
}

impl RequestKind {
    /// As the access log writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::H2 => "h2",
            Self::Grpcs => "grpcs",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// The three times of the access log; `None` is its `-1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From the request's head to its being sent to the target.
    pub request: Option<Duration>,
    /// From there to the head of the target's response.
    pub target: Option<Duration>,
    /// From there to the response's being sent to the client.
    pub response: Option<Duration>,
}

/// The first line of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// `GET`
    pub method: Cow<'static, str>,
    /// `http://example.com:80/path?query`: scheme, host and port are always there.
    pub url: Box<str>,
    /// `HTTP/1.1`
    pub version: &'static str,
}

/// What was agreed on when the connection was encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsRecord {
    /// In OpenSSL's spelling: `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher: &'static str,
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: &'static str,
    /// The name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// The certificate that was shown, or `session-reused`.
    pub certificate: Option<Box<str>>,
}

/// How much a request leaves in doubt, and the first reason (alb.md 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// `Acceptable`, `Ambiguous` or `Severe`.
    pub class: DoubtClass,
    /// `BothTeClPresent` and the like.
    pub reason: &'static str,
}

/// `classification` of the access log, the least doubt first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DoubtClass {
    /// Not to the letter, without danger.
    Acceptable,
    /// Not everybody may see its end in the same place.
    Ambiguous,
    /// Refused.
    Severe,
}

impl DoubtClass {
    /// As the access log writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acceptable => "Acceptable",
            Self::Ambiguous => "Ambiguous",
            Self::Severe => "Severe",
        }
    }
}

/// What a rule's transforms made of a request, for the access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transformed {
    /// The host that the target is sent.
    pub host: Option<Box<str>>,
    /// The path and query that the target is sent.
    pub uri: Option<Box<str>>,
    /// `TransformSuccess` or what went wrong; `None` where the rule has no transforms.
    pub status: Option<&'static str>,
}

/// A `User-Agent` longer than this is cut in the access log.
pub const USER_AGENT_BYTES: usize = 8 * 1024;

impl AccessRecord {
    /// A request that has just come, of which nothing is known but where from.
    #[must_use]
    pub const fn begin(kind: RequestKind, created: Duration, balancer: Arc<Balancer>, client: SocketAddr, connection: u128) -> Self {
        Self {
            kind,
            created,
            responded: created,
            balancer,
            client,
            group: None,
            target: None,
            sticky: false,
            fail_open: false,
            times: Times { request: None, target: None, response: None },
            elb_status: 0,
            target_status: None,
            failure: None,
            received: 0,
            sent: 0,
            request: None,
            user_agent: None,
            tls: None,
            trace_id: None,
            rule: None,
            evaluated: 0,
            asked: None,
            actions: "",
            redirect_url: None,
            error_reason: None,
            doubt: None,
            transformed: Transformed { host: None, uri: None, status: None },
            connection,
            invalid_headers: None,
            grpc: false,
        }
    }
}
