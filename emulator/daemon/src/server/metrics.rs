//! CloudWatch's metrics: as JSON under CloudWatch's names, and as Prometheus reads them (alb.md 8).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use hyper::Response;
use model::{TargetHealthState, World};
use routing::metrics::{BalancerMetric, TargetMetric, TargetMetrics};
use routing::{Balancer, Table};
use wire::local::MetricRecord;

use super::Context;
use super::answer::{self, Body};

pub(super) fn json(context: &Context) -> Response<Body> {
    answer::json(&all(context))
}

pub(super) fn prometheus(context: &Context) -> Response<Body> {
    answer::text("text/plain; version=0.0.4", prometheus_text(&all(context)))
}

fn all(context: &Context) -> Vec<MetricRecord> {
    let Some(listeners) = &context.listeners else { return Vec::new() };
    records(&listeners.table(), &context.keeper.snapshot().world)
}

/// Whose metric it is.
#[derive(Clone, Default)]
struct Dimensions {
    load_balancer: Option<String>,
    target_group: Option<String>,
    target: Option<String>,
}

impl Dimensions {
    #[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 would take a laptop some thousand years")]
    fn count(&self, name: &str, value: u64) -> MetricRecord {
        self.record(name, value as f64)
    }

    fn record(&self, name: &str, value: f64) -> MetricRecord {
        let Self { load_balancer, target_group, target } = self.clone();
        MetricRecord { name: name.to_owned(), load_balancer, target_group, target, value }
    }
}

fn records(table: &Table, world: &World) -> Vec<MetricRecord> {
    let balancers: BTreeMap<&str, &Arc<Balancer>> =
        table.listeners().iter().map(|listener| (listener.balancer().log_name(), listener.balancer())).collect();
    let mut records = Vec::new();
    for (name, balancer) in balancers {
        let whose = Dimensions { load_balancer: Some(name.to_owned()), ..Dimensions::default() };
        let get = |metric| balancer.metrics().get(metric);
        let active = get(BalancerMetric::NewConnections).saturating_sub(get(BalancerMetric::ClosedConnections));
        records.push(whose.count("ActiveConnectionCount", active));
        let shown = BalancerMetric::ALL.iter().filter(|metric| **metric != BalancerMetric::ClosedConnections);
        records.extend(shown.map(|metric| whose.count(metric.name(), get(*metric))));
    }
    for group in table.groups() {
        let whose = Dimensions { target_group: Some(group.identity().log_name().to_owned()), ..Dimensions::default() };
        let targets = world.target_groups.get(group.name()).map(|group| &group.targets);
        let count = |state: TargetHealthState| {
            let of_state = |target: &&model::Target| target.draining_since.is_none() && target.health.state == state;
            targets.map_or(0, |targets| targets.values().filter(of_state).count()) as u64
        };
        let healthy = count(TargetHealthState::Healthy);
        records.push(whose.count("HealthyHostCount", healthy));
        records.push(whose.count("UnHealthyHostCount", count(TargetHealthState::Unhealthy)));
        // Over the registered ones where none is healthy (alb.md 8).
        let over = if healthy > 0 { healthy } else { targets.map_or(0, BTreeMap::len) as u64 };
        let requests = group.identity().metrics().get(TargetMetric::Requests);
        records.push(whose.count("RequestCountPerTarget", requests.checked_div(over).unwrap_or(0)));
        let anomalies: Vec<(bool, bool)> = table.targets().filter(|target| target.group == *group.name()).map(|target| target.anomaly()).collect();
        records.push(whose.count("AnomalousHostCount", anomalies.iter().filter(|(anomalous, _)| *anomalous).count() as u64));
        records.push(whose.count("MitigatedHostCount", anomalies.iter().filter(|(_, mitigated)| *mitigated).count() as u64));
        extend(&mut records, &whose, group.identity().metrics());
    }
    for target in table.targets() {
        let group = table.groups().find(|group| *group.name() == target.group).map(|group| group.identity().log_name().to_owned());
        let whose = Dimensions { target_group: group, target: Some(target.key.to_string()), ..Dimensions::default() };
        extend(&mut records, &whose, target.metrics());
    }
    records
}

fn extend(records: &mut Vec<MetricRecord>, whose: &Dimensions, metrics: &TargetMetrics) {
    let shown = TargetMetric::ALL.iter().filter(|metric| **metric != TargetMetric::Failures);
    records.extend(shown.map(|metric| match metric {
        TargetMetric::ResponseMicros => {
            let seconds = std::time::Duration::from_micros(metrics.get(*metric)).as_secs_f64();
            whose.record(metric.name(), seconds)
        }
        _ => whose.count(metric.name(), metrics.get(*metric)),
    }));
}

/// Metrics that go down, too.
const GAUGES: [&str; 6] =
    ["ActiveConnectionCount", "HealthyHostCount", "UnHealthyHostCount", "RequestCountPerTarget", "AnomalousHostCount", "MitigatedHostCount"];

/// `RequestCount` is `aws_applicationelb_request_count_total`, as the exporters of CloudWatch have it but for Prometheus's own ending.
fn prometheus_text(records: &[MetricRecord]) -> String {
    let mut families: BTreeMap<(String, bool), Vec<&MetricRecord>> = BTreeMap::new();
    for record in records {
        let of_target = record.target.is_some();
        let gauge = GAUGES.contains(&&*record.name);
        let scope = if of_target {
            "target_"
        } else if record.target_group.is_some() {
            "group_"
        } else {
            ""
        };
        let name = format!("aws_applicationelb_{scope}{}{}", snake(&record.name), if gauge { "" } else { "_total" });
        families.entry((name, gauge)).or_default().push(record);
    }
    let mut text = String::new();
    for ((name, gauge), records) in families {
        writeln!(text, "# TYPE {name} {}", if gauge { "gauge" } else { "counter" }).unwrap_or_default();
        for record in records {
            let labels = [("load_balancer", &record.load_balancer), ("target_group", &record.target_group), ("target", &record.target)];
            let labels: Vec<String> =
                labels.into_iter().filter_map(|(label, value)| value.as_ref().map(|value| format!("{label}=\"{value}\""))).collect();
            writeln!(text, "{name}{{{}}} {}", labels.join(","), record.value).unwrap_or_default();
        }
    }
    text
}

/// `HTTPCode_Target_2XX_Count` is `http_code_target_2xx_count`.
fn snake(name: &str) -> String {
    let name = name.replace("IPv6", "Ipv6");
    let bytes = name.as_bytes();
    let mut out = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(at + 1);
        let begins = byte.is_ascii_uppercase()
            && before
                .is_some_and(|before| before.is_ascii_lowercase() || (before.is_ascii_alphanumeric() && after.is_some_and(u8::is_ascii_lowercase)));
        if begins {
            out.push('_');
        }
        out.push(char::from(byte.to_ascii_lowercase()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        for (name, expected) in [
            ("RequestCount", "request_count"),
            ("HTTPCode_Target_2XX_Count", "http_code_target_2xx_count"),
            ("HTTP_Redirect_Count", "http_redirect_count"),
            ("ELBAuthError", "elb_auth_error"),
            ("IPv6RequestCount", "ipv6_request_count"),
            ("UnHealthyHostCount", "un_healthy_host_count"),
        ] {
            assert_eq!(snake(name), expected);
        }
    }

    #[test]
    fn families_stand_together() {
        let balancer = Dimensions { load_balancer: Some("app/front/1".into()), ..Dimensions::default() };
        let target = Dimensions { target_group: Some("targetgroup/users/2".into()), target: Some("i-1:32768".into()), ..Dimensions::default() };
        let text = prometheus_text(&[
            balancer.count("RequestCount", 3),
            target.record("TargetResponseTime", 0.25),
            balancer.count("ActiveConnectionCount", 1),
        ]);
        insta::assert_snapshot!(text, @r#"
        # TYPE aws_applicationelb_active_connection_count gauge
        aws_applicationelb_active_connection_count{load_balancer="app/front/1"} 1
        # TYPE aws_applicationelb_request_count_total counter
        aws_applicationelb_request_count_total{load_balancer="app/front/1"} 3
        # TYPE aws_applicationelb_target_target_response_time_total counter
        aws_applicationelb_target_target_response_time_total{target_group="targetgroup/users/2",target="i-1:32768"} 0.25
        "#);
    }
}
