//! What one request adds to the metrics (alb.md 8).

use super::{BalancerMetric as B, Shard, TargetMetric as T, TargetMetrics};
use crate::UpstreamFailure;
use crate::record::AccessRecord;

/// Counts a request that is over, for its load balancer, its target group and its target.
pub fn count(record: &AccessRecord, shard: Shard) {
    let balancer = |metric, amount| record.balancer.metrics().add(shard, metric, amount);
    let ipv6 = record.client.is_ipv6();
    let bytes = record.received + record.sent;
    balancer(B::ProcessedBytes, bytes);
    balancer(B::RuleEvaluations, u64::from(record.evaluated));
    if ipv6 {
        balancer(B::Ipv6ProcessedBytes, bytes);
    }
    if record.target.is_some() {
        balancer(B::Requests, 1);
        balancer(B::Ipv6Requests, u64::from(ipv6));
        balancer(B::GrpcRequests, u64::from(record.grpc));
    }
    if record.doubt.is_some() {
        balancer(B::NonCompliantRequests, 1);
    }
    match record.invalid_headers {
        Some(true) => balancer(B::DroppedInvalidHeaders, 1),
        Some(false) => balancer(B::ForwardedInvalidHeaders, 1),
        None => {}
    }
    own_answer(record, balancer);
    if let Some(group) = &record.group {
        target(record, group.metrics(), shard);
    }
    if let Some(chosen) = &record.target {
        target(record, chosen.metrics(), shard);
    }
}

/// Answers that no target gave.
fn own_answer(record: &AccessRecord, add: impl Fn(B, u64)) {
    if record.actions.ends_with("fixed-response") {
        add(B::FixedResponses, 1);
    } else if record.redirect_url.is_some() {
        add(B::Redirects, 1);
    } else if record.actions.ends_with("redirect") && record.elb_status == 507 {
        add(B::RedirectsTooLong, 1);
    }
    if record.target_status.is_some() {
        return;
    }
    match record.elb_status / 100 {
        3 => add(B::Elb3xx, 1),
        4 => add(B::Elb4xx, 1),
        5 => add(B::Elb5xx, 1),
        _ => {}
    }
    match record.elb_status {
        500 => add(B::Elb500, 1),
        502 => add(B::Elb502, 1),
        503 => add(B::Elb503, 1),
        504 => add(B::Elb504, 1),
        _ => {}
    }
}

fn target(record: &AccessRecord, metrics: &TargetMetrics, shard: Shard) {
    if record.target.is_some() {
        metrics.add(shard, T::Requests, 1);
        metrics.add(shard, T::NonStickyRequests, u64::from(!record.sticky));
        metrics.add(shard, T::UnhealthyRouting, u64::from(record.fail_open));
    }
    let class = record.target_status.map(|status| status / 100);
    match class {
        Some(2) => metrics.add(shard, T::Target2xx, 1),
        Some(3) => metrics.add(shard, T::Target3xx, 1),
        Some(4) => metrics.add(shard, T::Target4xx, 1),
        Some(5) => metrics.add(shard, T::Target5xx, 1),
        _ => {}
    }
    if class == Some(5) || record.failure.is_some() {
        metrics.add(shard, T::Failures, 1);
    }
    if let Some(time) = record.times.target {
        metrics.add(shard, T::Responses, 1);
        metrics.add(shard, T::ResponseMicros, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
    if record.failure.is_some_and(UpstreamFailure::is_connection_error) {
        metrics.add(shard, T::ConnectionErrors, 1);
    }
    if record.failure == Some(UpstreamFailure::TlsFailed) {
        metrics.add(shard, T::TlsNegotiationErrors, 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::compile;
    use crate::record::{RequestKind, Times};
    use crate::testing::{forward, paths, put_group, put_listener, world};

    fn record() -> AccessRecord {
        let mut world = world();
        put_group(&mut world, "users", "h");
        put_listener(&mut world, "front", 80, vec![(vec![paths(&["*"])], forward(&[("users", 1)]))]);
        let table = compile(&world, None);
        let balancer = Arc::clone(table.listener(80, None).unwrap().balancer());
        AccessRecord {
            group: table.groups().next().map(|group| Arc::clone(group.identity())),
            target: table.targets().next().cloned(),
            ..AccessRecord::begin(RequestKind::Http, Duration::ZERO, balancer, "[::1]:9".parse().unwrap(), 1)
        }
    }

    /// The metrics that are not zero after one request.
    fn counted(record: &AccessRecord) -> Vec<(&'static str, u64)> {
        count(record, Shard::of_worker(3));
        let read = |metrics: &TargetMetrics| T::ALL.iter().map(|metric| (metric.name(), metrics.get(*metric))).collect::<Vec<_>>();
        let group = record.group.as_ref().map_or_else(Vec::new, |group| read(group.metrics()));
        let target = record.target.as_ref().map_or_else(Vec::new, |target| read(target.metrics()));
        assert_eq!(group, target);
        let balancer = B::ALL.iter().map(|metric| (metric.name(), record.balancer.metrics().get(*metric)));
        balancer.chain(group).filter(|(_, value)| *value > 0).collect()
    }

    #[test]
    fn a_request_that_a_target_answers() {
        let times = Times { target: Some(Duration::from_micros(1500)), ..Times::default() };
        let record = AccessRecord { elb_status: 404, target_status: Some(404), received: 100, sent: 11, evaluated: 1, times, ..record() };
        let expected = [
            ("RequestCount", 1),
            ("IPv6RequestCount", 1),
            ("RuleEvaluations", 1),
            ("ProcessedBytes", 111),
            ("IPv6ProcessedBytes", 111),
            ("RequestCount", 1),
            ("NonStickyRequestCount", 1),
            ("HTTPCode_Target_4XX_Count", 1),
            ("TargetResponseTimeSampleCount", 1),
            ("TargetResponseTime", 1500),
        ];
        assert_eq!(counted(&record), expected);
    }

    #[test]
    fn requests_that_no_target_answers() {
        let refused = AccessRecord { elb_status: 502, failure: Some(UpstreamFailure::ConnectRefused), sticky: true, fail_open: true, ..record() };
        let expected = [
            ("RequestCount", 1),
            ("IPv6RequestCount", 1),
            ("HTTPCode_ELB_5XX_Count", 1),
            ("HTTPCode_ELB_502_Count", 1),
            ("RequestCount", 1),
            ("UnhealthyRoutingRequestCount", 1),
            ("FailedRequestCount", 1),
            ("TargetConnectionErrorCount", 1),
        ];
        assert_eq!(counted(&refused), expected);
        let own = AccessRecord { target: None, group: None, client: "127.0.0.1:9".parse().unwrap(), ..record() };
        let fixed = AccessRecord { actions: "fixed-response", elb_status: 200, ..own.clone() };
        assert_eq!(counted(&fixed), [("HTTP_Fixed_Response_Count", 1)]);
    }
}
