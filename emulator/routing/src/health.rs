//! A target's way between initial, healthy and unhealthy (alb.md 5, State machine).

use model::{HealthCheck, TargetHealth, TargetHealthReason, TargetHealthState, Timestamp};

/// How one health check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// An answer with this status, of gRPC where the check is one.
    Status(u16),
    /// No answer in time, the time to connect included.
    Timeout,
    /// Refused, reset, or not HTTP.
    Failed,
}

/// Counts a target's consecutive results. One a target; a fresh one goes on from any health, after a restart too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checker {
    passes: u32,
    failures: u32,
}

impl Checker {
    /// Counts one result of a target whose health is `current`, and says what its health is now if that has changed, be it the reason
    /// alone. `since` of the answer changes with the state only.
    ///
    /// A target that is not checked yet is healthy with its first pass, and unhealthy with as many failures as a healthy one would be.
    /// One that drains is not checked any more: its results change nothing.
    pub fn observe(&mut self, check: &HealthCheck, current: &TargetHealth, outcome: ProbeOutcome, now: Timestamp) -> Option<TargetHealth> {
        use TargetHealthState::{Draining, Healthy, Initial, Unhealthy, Unused};
        let passed = matches!(outcome, ProbeOutcome::Status(status) if check.passes(status));
        self.count(passed);
        let healthy = || TargetHealth::healthy(now);
        let health = match (current.state, passed) {
            (Draining, _) => return None,
            (Initial | Unused, true) => healthy(),
            (Unhealthy, true) if self.passes >= check.healthy_threshold => healthy(),
            (Initial | Unused | Healthy, false) if self.failures >= check.unhealthy_threshold => unhealthy(outcome, now),
            (Initial, false) => TargetHealth::because(Initial, TargetHealthReason::InitialHealthChecking, current.since),
            (Unused, false) => TargetHealth::because(Initial, TargetHealthReason::InitialHealthChecking, now),
            (Unhealthy, false) => unhealthy(outcome, current.since),
            (Healthy, _) | (Unhealthy, true) => return None,
        };
        (health != *current).then_some(health)
    }

    /// Each result ends a run of the opposite one.
    const fn count(&mut self, passed: bool) {
        let Self { passes, failures } = *self;
        *self = match passed {
            true => Self { passes: passes.saturating_add(1), failures: 0 },
            false => Self { passes: 0, failures: failures.saturating_add(1) },
        };
    }
}

fn unhealthy(outcome: ProbeOutcome, since: Timestamp) -> TargetHealth {
    let state = TargetHealthState::Unhealthy;
    match outcome {
        ProbeOutcome::Status(status) => TargetHealth::code_mismatch(state, status, since),
        ProbeOutcome::Timeout => TargetHealth::because(state, TargetHealthReason::Timeout, since),
        ProbeOutcome::Failed => TargetHealth::because(state, TargetHealthReason::FailedHealthChecks, since),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1000);

    fn settings() -> HealthCheck {
        HealthCheck { healthy_threshold: 3, unhealthy_threshold: 2, ..HealthCheck::default() }
    }

    fn initial() -> TargetHealth {
        TargetHealth::because(TargetHealthState::Initial, TargetHealthReason::RegistrationInProgress, START)
    }

    fn of(state: TargetHealthState) -> TargetHealth {
        match state {
            TargetHealthState::Healthy => TargetHealth::healthy(START),
            TargetHealthState::Initial => initial(),
            TargetHealthState::Unhealthy => TargetHealth::because(state, TargetHealthReason::Timeout, START),
            TargetHealthState::Unused => TargetHealth::because(state, TargetHealthReason::NotInUse, START),
            TargetHealthState::Draining => TargetHealth::because(state, TargetHealthReason::DeregistrationInProgress, START),
        }
    }

    fn letter(state: TargetHealthState) -> char {
        state.as_str().chars().next().unwrap()
    }

    fn outcome(result: char) -> ProbeOutcome {
        match result {
            '+' => ProbeOutcome::Status(200),
            '4' => ProbeOutcome::Status(404),
            't' => ProbeOutcome::Timeout,
            _ => ProbeOutcome::Failed,
        }
    }

    /// Runs a fresh checker over results, one a second, and shows the state after each.
    fn run(start: &TargetHealth, results: &str) -> (String, TargetHealth) {
        let (mut checker, mut health, mut now, mut states) = (Checker::default(), start.clone(), START, String::new());
        for result in results.chars() {
            now = now + std::time::Duration::from_secs(1);
            if let Some(changed) = checker.observe(&settings(), &health, outcome(result), now) {
                assert_ne!(changed, health, "an answer without a change");
                assert_eq!(changed.since, if changed.state == health.state { health.since } else { now });
                health = changed;
            }
            states.push(letter(health.state));
        }
        (states, health)
    }

    #[test]
    fn states_follow_the_results() {
        use TargetHealthState::{Draining, Healthy, Initial, Unhealthy, Unused};
        let check = |start: TargetHealthState, results: &str, states: &str| assert_eq!(run(&of(start), results).0, states, "{start:?} {results}");
        check(Initial, "+", "h");
        check(Initial, "x+", "ih");
        check(Initial, "xx", "iu");
        check(Initial, "xx+++", "iuuuh");
        check(Healthy, "x+x+xx", "hhhhhu");
        check(Healthy, "xxxx", "huuu");
        check(Healthy, "+++", "hhh");
        check(Unhealthy, "++x+++", "uuuuuh");
        check(Unhealthy, "+++xx", "uuhhu");
        check(Unused, "+", "h");
        check(Unused, "xx", "iu");
        check(Draining, "+xx+", "dddd");
    }

    #[test]
    fn reasons_are_the_published_sentences() {
        let check = |start: &TargetHealth, results: &str, reason: Option<&str>, description: Option<&str>| {
            let health = run(start, results).1;
            assert_eq!((health.reason.map(TargetHealthReason::as_str), health.description.as_deref()), (reason, description), "{results}");
        };
        check(&initial(), "+", None, None);
        check(&initial(), "x", Some("Elb.InitialHealthChecking"), Some("Initial health checks in progress"));
        check(&initial(), "x4", Some("Target.ResponseCodeMismatch"), Some("Health checks failed with these codes: [404]"));
        check(&initial(), "4x", Some("Target.FailedHealthChecks"), Some("Health checks failed"));
        check(&initial(), "xt", Some("Target.Timeout"), Some("Request timed out"));
        check(&of(TargetHealthState::Healthy), "xx4", Some("Target.ResponseCodeMismatch"), Some("Health checks failed with these codes: [404]"));
    }

    proptest! {
        /// A state other than the first is only reached by an unbroken run of results, as long as the threshold.
        #[test]
        fn changes_take_a_whole_run(results in "[+x4t]{1,40}") {
            let (states, _) = run(&TargetHealth::healthy(START), &results);
            let (results, states) = (results.as_bytes(), format!("h{states}").into_bytes());
            for end in 1..states.len() {
                let (before, after) = (states[end - 1], states[end]);
                let run_of = |length: usize, pass: bool| end >= length && results[end - length..end].iter().all(|result| (*result == b'+') == pass);
                let expected = match before {
                    b'h' => if run_of(2, false) { b'u' } else { b'h' },
                    _ => if run_of(3, true) { b'h' } else { b'u' },
                };
                prop_assert_eq!(after, expected);
            }
        }
    }
}
