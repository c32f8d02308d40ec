//! `deploymentCircuitBreaker` (ecs.md 3.5).

use model::{CircuitBreaker, FailureThreshold};

use crate::support::{broken, good, replaced};

fn with(breaker: &str) -> [(&'static str, String); 1] {
    [("taskDefinition: users\n", format!("taskDefinition: users\n    deploymentConfiguration: {{ deploymentCircuitBreaker: {breaker} }}\n"))]
}

fn read(breaker: &str) -> Option<CircuitBreaker> {
    let [(from, to)] = with(breaker);
    let manifest = good(&replaced(&[(from, &to)]));
    manifest.desired.services.values().next().unwrap().spec.circuit_breaker.clone()
}

fn problem(breaker: &str) -> String {
    let [(from, to)] = with(breaker);
    broken(&[(from, &to)])
}

#[test]
fn a_circuit_breaker_is_read_with_aws_s_defaults() {
    let usual = CircuitBreaker { rollback: true, threshold: FailureThreshold::BoundedPercent(50), reset_on_healthy_task: true };
    assert_eq!(read("{ enable: true, rollback: true }"), Some(usual.clone()));
    assert_eq!(read("{ enable: true, rollback: false }"), Some(CircuitBreaker { rollback: false, ..usual.clone() }));
    assert_eq!(read("{ enable: false, rollback: true }"), None);
    for (threshold, expected) in [
        ("{ type: COUNT, value: 500 }", FailureThreshold::Count(500)),
        ("{ type: UNBOUNDED_PERCENT, value: 10 }", FailureThreshold::UnboundedPercent(10)),
        ("{ type: BOUNDED_PERCENT, value: 100 }", FailureThreshold::BoundedPercent(100)),
    ] {
        let text = format!("{{ enable: true, rollback: true, thresholdConfiguration: {threshold}, resetOnHealthyTask: false }}");
        assert_eq!(read(&text), Some(CircuitBreaker { threshold: expected, reset_on_healthy_task: false, ..usual.clone() }), "{threshold}");
    }
}

#[test]
fn problems_with_a_circuit_breaker_have_their_place() {
    for (breaker, sentence) in [
        ("{ enable: true }", "a deployment circuit breaker needs `rollback`"),
        ("{ rollback: true }", "a deployment circuit breaker needs `enable`"),
        ("{ enable: yes please, rollback: true }", "`enable`"),
        ("{ enable: true, rollback: true, thresholdConfiguration: { type: COUNT } }", "a circuit breaker threshold needs `value`"),
        ("{ enable: true, rollback: true, thresholdConfiguration: { type: SOME, value: 1 } }", "must be `BOUNDED_PERCENT`"),
        ("{ enable: true, rollback: true, thresholdConfiguration: { type: COUNT, value: 0 } }", "`value`"),
        ("{ enable: true, rollback: true, thresholdConfiguration: { type: BOUNDED_PERCENT, value: 101 } }", "101 per cent is more than all tasks"),
    ] {
        let said = problem(breaker);
        assert!(said.contains(sentence) && said.contains("--> cluster.yaml:24:"), "{breaker}: {said}");
    }
}
