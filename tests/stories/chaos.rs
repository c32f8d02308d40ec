//! Faults on purpose, as stories tell them.

use std::fmt::Write as _;
use std::time::Duration;

use model::{AnswerFault, Change, FaultId, FaultKind, FaultOrigin, FaultScope, FaultSpec};

use crate::house::House;

impl House {
    /// Injects a fault on so many of a hundred of a service's tasks. Its id is `fault-1`, `fault-2` ...
    pub(super) async fn chaos(&mut self, what: &str, service: &str, percent: &str, lasts: Duration) -> String {
        let kind = match what {
            "kill" => FaultKind::Kill { container: None },
            "pause" => FaultKind::Pause { container: None },
            "errors" => FaultKind::Answers(AnswerFault { status: Some(503), delay_millis: 0, percent: 100 }),
            _ => panic!("`{what}` is no fault of a story"),
        };
        let key = self.service(service);
        self.injected += 1;
        let spec = FaultSpec {
            id: FaultId::from_text(&format!("fault-{}", self.injected)),
            cluster: key.cluster,
            scope: FaultScope::Service { name: key.name, percent: percent.trim_end_matches('%').parse().unwrap() },
            kind,
            lasts,
            origin: FaultOrigin::User,
        };
        self.change(Change::InjectFault(Box::new(spec))).await
    }

    /// Ends all faults before their time.
    pub(super) async fn end_faults(&mut self) -> String {
        let mut answer = String::new();
        for fault in self.world().faults.into_values() {
            answer += &self.change(Change::EndFault { cluster: fault.cluster, id: fault.id }).await;
        }
        answer
    }

    /// Every fault that is remembered, and how many containers of the engine are struck.
    pub(super) fn faults(&self) -> String {
        let mut text = String::new();
        for fault in self.world().faults.values() {
            let tasks: Vec<_> = fault.struck.iter().map(|task| self.word(task)).collect();
            writeln!(text, "{} {}: {} of {}", fault.id, fault.status(), fault.kind.words(), tasks.join(", ")).unwrap();
        }
        writeln!(text, "{} containers are struck", self.fleet.disturbed().len()).unwrap();
        text
    }
}
