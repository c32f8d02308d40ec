//! The fixed limits and timers of a load balancer (alb.md 6.1). Those that are attributes are in [`model::LoadBalancerAttributes`].

use std::time::Duration;

/// A request line longer than this many bytes earns 414 or 400.
pub const REQUEST_LINE_BYTES: usize = 16 * 1024;
/// A header line longer than this many bytes earns 400.
pub const HEADER_LINE_BYTES: usize = 16 * 1024;
/// Request headers longer than this many bytes together earn 400.
pub const REQUEST_HEADERS_BYTES: usize = 64 * 1024;
/// Response headers of a target longer than this many bytes together earn 502.
pub const RESPONSE_HEADERS_BYTES: usize = 32 * 1024;
/// More addresses than this in `X-Forwarded-For` earn 463.
pub const FORWARDED_FOR_ADDRESSES: usize = 30;
/// A redirect's `Location` longer than this many bytes earns 507. AWS says 8 KB; whether that is 8,000 or 8,192 is unknown.
pub const LOCATION_BYTES: usize = 8 * 1024;
/// Request headers longer than this many bytes together make the trace id a new `Root` and nothing else (alb.md 6.3).
pub const TRACED_HEADERS_BYTES: usize = 7 * 1024;
/// A connection to a target that is not made within this time earns 504.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A TLS handshake with a target that is not over within this time earns 504.
pub const TLS_TIMEOUT: Duration = Duration::from_secs(10);
