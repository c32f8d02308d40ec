//! `validate`: check the manifest without running anything.

use manifest::{Manifest, Problems};
use serde_json::{Value, json};

use crate::end::{End, INPUT, Outcome};
use crate::print::Printer;
use crate::settings::Settings;

/// Reads the manifest; exit code 1 where it has problems.
pub(crate) fn run(settings: &Settings, printer: &mut Printer) -> Outcome {
    if settings.json
        && let Some(Err(problems)) = settings.read_manifest()
    {
        printer.json(&problems_as_json(&problems))?;
        return Err(End::Said(INPUT));
    }
    let manifest = settings.require_manifest(printer)?;
    if settings.json {
        let notes: Vec<String> = manifest.notes.iter().map(ToString::to_string).collect();
        return Ok(printer.json(&json!({"valid": true, "cluster": manifest.desired.cluster, "problems": [], "notes": notes}))?);
    }
    for note in &manifest.notes {
        printer.notice(&note.to_string())?;
    }
    Ok(printer.data(&summary(&manifest))?)
}

fn summary(manifest: &Manifest) -> String {
    let desired = &manifest.desired;
    let count = |number: usize, noun: &str| if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") };
    let parts = [
        count(desired.services.len(), "service"),
        count(desired.task_definitions.len(), "task definition"),
        count(desired.load_balancers.len(), "load balancer"),
        count(desired.target_groups.len(), "target group"),
    ];
    format!("cluster {} is valid: {}", desired.cluster, parts.join(", "))
}

fn problems_as_json(problems: &Problems) -> Value {
    let one = |problem: &manifest::Problem| {
        json!({
            "file": problem.file, "line": problem.line, "column": problem.column, "severity": problem.severity.as_str(),
            "message": problem.message, "label": problem.label, "hint": problem.hint,
        })
    };
    let list: Vec<Value> = problems.as_slice().iter().map(one).collect();
    json!({"valid": false, "count": problems.count(), "problems": list, "notes": []})
}
