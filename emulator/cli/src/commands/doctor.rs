//! `doctor`: what is wrong with this machine.

use daemon::doctor::{Finding, FindingState};

use crate::end::{ENVIRONMENT, End, Outcome};
use crate::launch::Launcher;
use crate::print::Printer;
use crate::print::color::Tone;
use crate::print::table::{Table, cell, toned};
use crate::settings::Settings;

/// Lists the findings; exit code 2 where one is a problem.
pub(crate) async fn run(settings: &Settings, printer: &mut Printer) -> Outcome {
    let findings = Launcher::new(settings)?.examine().await;
    if settings.json {
        let values: Vec<serde_json::Value> = findings
            .iter()
            .map(|finding| serde_json::json!({"name": finding.name, "state": word(finding).0, "detail": finding.detail, "hint": finding.hint}))
            .collect();
        printer.json(&values)?;
    } else {
        let mut table = Table::new(&["CHECK", "STATE", "DETAIL"]).open_ended();
        for finding in &findings {
            let (word, tone) = word(finding);
            table.row(vec![cell(&finding.name), toned(word, tone), cell(in_one_line(&finding.detail))]);
        }
        printer.table(&table)?;
        for finding in &findings {
            if let Some(hint) = &finding.hint {
                let mut lines = hint.lines();
                printer.hint(&format!("{}: {}", finding.name, lines.next().unwrap_or_default()))?;
                lines.try_for_each(|line| printer.hint(line))?;
            }
        }
    }
    if findings.iter().any(|finding| matches!(finding.state, FindingState::Problem)) { Err(End::Said(ENVIRONMENT)) } else { Ok(()) }
}

fn in_one_line(detail: &str) -> String {
    detail.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

fn word(finding: &Finding) -> (&'static str, Tone) {
    match finding.state {
        FindingState::Good => ("good", Tone::Good),
        FindingState::Warning => ("warning", Tone::Warning),
        FindingState::Problem => ("problem", Tone::Error),
    }
}
