//! CloudWatch's metrics of a load balancer, its target groups and targets (alb.md 8), as counts since the load balancer was made.
//!
//! Every worker of the data plane counts in a shard of its own, so that counting shares no cache line; reading adds the shards up.

mod count;

use std::sync::atomic::{AtomicU64, Ordering};

pub use count::count;

/// Workers beyond this many share shards.
const SHARDS: usize = 8;

/// Which of the shards a worker counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard(usize);

impl Shard {
    /// The shard of the worker of this number.
    #[must_use]
    pub const fn of_worker(number: usize) -> Self {
        Self(number % SHARDS)
    }
}

/// Counters that are written by many threads and seldom read.
#[derive(Debug)]
pub struct Counters<const N: usize> {
    shards: [Padded<N>; SHARDS],
}

#[derive(Debug)]
#[repr(align(128))]
struct Padded<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Padded(std::array::from_fn(|_| AtomicU64::new(0)))) }
    }
}

impl<const N: usize> Counters<N> {
    fn add(&self, shard: Shard, index: usize, amount: u64) {
        self.shards[shard.0].0[index].fetch_add(amount, Ordering::Relaxed);
    }

    fn sum(&self, index: usize) -> u64 {
        self.shards.iter().map(|shard| shard.0[index].load(Ordering::Relaxed)).sum()
    }
}

/// A set of metrics: what can be counted, under CloudWatch's names.
macro_rules! metrics {
    ($(#[$doc:meta])* $metric:ident, $(#[$set_doc:meta])* $set:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $metric {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $metric {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        $(#[$set_doc])*
        #[derive(Debug, Default)]
        pub struct $set(Counters<{ [$($name,)+].len() }>);

        impl $set {
            /// Counts `amount` more.
            pub fn add(&self, shard: Shard, metric: $metric, amount: u64) {
                if amount == 0 {
                    return;
                }
                self.0.add(shard, metric as usize, amount);
            }

            /// The count.
            #[must_use]
            pub fn get(&self, metric: $metric) -> u64 {
                self.0.sum(metric as usize)
            }
        }
    };
}

metrics! {
    /// A metric of a load balancer.
    BalancerMetric,
    /// The metrics of a load balancer.
    BalancerMetrics {
        /// Connections that were accepted.
        NewConnections = "NewConnectionCount",
        /// Connections that have ended. With the accepted ones it gives `ActiveConnectionCount`.
        ClosedConnections = "ClosedConnectionCount",
        /// Connections that were refused because there are too many.
        RejectedConnections = "RejectedConnectionCount",
        /// TLS handshakes with clients that failed.
        TlsNegotiationErrors = "ClientTLSNegotiationErrorCount",
        /// Requests for which a target was chosen.
        Requests = "RequestCount",
        /// The same, of clients with an IPv6 address.
        Ipv6Requests = "IPv6RequestCount",
        /// gRPC calls.
        GrpcRequests = "GrpcRequestCount",
        /// Rules that were looked at.
        RuleEvaluations = "RuleEvaluations",
        /// Bytes from and to clients.
        ProcessedBytes = "ProcessedBytes",
        /// The same, of clients with an IPv6 address.
        Ipv6ProcessedBytes = "IPv6ProcessedBytes",
        /// Fixed responses.
        FixedResponses = "HTTP_Fixed_Response_Count",
        /// Redirects.
        Redirects = "HTTP_Redirect_Count",
        /// Redirects whose `Location` was longer than 8 KB.
        RedirectsTooLong = "HTTP_Redirect_Url_Limit_Exceeded_Count",
        /// Own answers of status 300 to 399.
        Elb3xx = "HTTPCode_ELB_3XX_Count",
        /// Own answers of status 400 to 499.
        Elb4xx = "HTTPCode_ELB_4XX_Count",
        /// Own answers of status 500 to 599.
        Elb5xx = "HTTPCode_ELB_5XX_Count",
        /// Own answers of status 500.
        Elb500 = "HTTPCode_ELB_500_Count",
        /// Own answers of status 502.
        Elb502 = "HTTPCode_ELB_502_Count",
        /// Own answers of status 503.
        Elb503 = "HTTPCode_ELB_503_Count",
        /// Own answers of status 504.
        Elb504 = "HTTPCode_ELB_504_Count",
        /// Requests whose framing leaves doubt.
        NonCompliantRequests = "DesyncMitigationMode_NonCompliant_Request_Count",
        /// Requests of which header lines with invalid names were dropped.
        DroppedInvalidHeaders = "DroppedInvalidHeaderRequestCount",
        /// Requests that were forwarded with header lines of invalid names.
        ForwardedInvalidHeaders = "ForwardedInvalidHeaderRequestCount",
        /// Logins that broke on a fault of ours or of the identity provider's endpoints.
        AuthErrors = "ELBAuthError",
        /// Logins that were refused.
        AuthFailures = "ELBAuthFailure",
        /// Requests that were authenticated.
        AuthSuccesses = "ELBAuthSuccess",
        /// Logins that were prolonged by a refresh token.
        AuthRefreshes = "ELBAuthRefreshTokenSuccess",
        /// Requests whose token was refused.
        JwtFailures = "JWTValidationFailureCount",
    }
}

metrics! {
    /// A metric of a target group, and of each of its targets.
    TargetMetric,
    /// The metrics of a target group or of a target.
    TargetMetrics {
        /// Requests that were sent its way. `RequestCountPerTarget` is this over the healthy targets.
        Requests = "RequestCount",
        /// Of these, the ones that no cookie sent to their target.
        NonStickyRequests = "NonStickyRequestCount",
        /// Requests that went to any target because too few are healthy.
        UnhealthyRouting = "UnhealthyRoutingRequestCount",
        /// Answers of status 200 to 299.
        Target2xx = "HTTPCode_Target_2XX_Count",
        /// Answers of status 300 to 399.
        Target3xx = "HTTPCode_Target_3XX_Count",
        /// Answers of status 400 to 499.
        Target4xx = "HTTPCode_Target_4XX_Count",
        /// Answers of status 500 to 599.
        Target5xx = "HTTPCode_Target_5XX_Count",
        /// Answers whose time is in the sum of times.
        Responses = "TargetResponseTimeSampleCount",
        /// The sum of times from a request's leaving to the head of its answer, in microseconds.
        ResponseMicros = "TargetResponseTime",
        /// Requests that failed: answers of status 500 to 599, and none at all. Not one of CloudWatch's; anomaly mitigation looks at it.
        Failures = "FailedRequestCount",
        /// Connections that could not be made.
        ConnectionErrors = "TargetConnectionErrorCount",
        /// TLS handshakes with targets that failed.
        TlsNegotiationErrors = "TargetTLSNegotiationErrorCount",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up() {
        let metrics = BalancerMetrics::default();
        for worker in 0..20 {
            metrics.add(Shard::of_worker(worker), BalancerMetric::Requests, 2);
        }
        assert_eq!(metrics.get(BalancerMetric::Requests), 40);
        assert_eq!(metrics.get(BalancerMetric::Redirects), 0);
    }
}
