//! Views as tables. Pure: what is printed here is decided by the view alone.

pub(crate) mod alarms;
pub(crate) mod connections;
pub(crate) mod deployments;
pub(crate) mod explain;
pub(crate) mod faults;
pub(crate) mod instances;
pub(crate) mod names;
pub(crate) mod registry;
pub(crate) mod routes;
pub(crate) mod scaling;
pub(crate) mod secrets;
pub(crate) mod targets;
pub(crate) mod tasks;

use wire::local::Seconds;

use crate::print::color::{Palette, Tone};
use crate::print::sanitize::visible;

/// The first eight digits of a task's id, enough for a person.
pub(crate) fn short(task: &str) -> &str {
    task.get(..8).unwrap_or(task)
}

/// How long ago: `45s`, `12m`, `3h 5m`, `2d 4h`.
pub(crate) fn age(seconds: Seconds) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates, and less than zero is zero")]
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// A moment as `2026-11-23T16:04:05Z`.
pub(crate) fn moment(seconds: Seconds) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, and jiff refuses what is out of range")]
    jiff::Timestamp::from_second(seconds as i64).map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}

/// A change in the colour of its first character.
pub(crate) fn change_line(change: &str, palette: Palette) -> String {
    let tone = match change.chars().next() {
        Some('+') => Tone::Good,
        Some('~') => Tone::Warning,
        Some('-') => Tone::Error,
        _ => Tone::Plain,
    };
    palette.paint(tone, &visible(change))
}

/// What a status or state means.
pub(crate) fn tone(word: &str) -> Tone {
    match word {
        "RUNNING" | "HEALTHY" | "ACTIVE" | "COMPLETED" | "SUCCESSFUL" | "ROLLBACK_SUCCESSFUL" | "healthy" | "yes" | "OK" | "Successful" => Tone::Good,
        "UNHEALTHY" | "FAILED" | "ROLLBACK_FAILED" | "unhealthy" | "Failed" => Tone::Error,
        "PENDING"
        | "PROVISIONING"
        | "IN_PROGRESS"
        | "ROLLBACK_IN_PROGRESS"
        | "initial"
        | "draining"
        | "DEACTIVATING"
        | "STOPPING"
        | "DRAINING"
        | "DEREGISTERING"
        | "ALARM"
        | "STARTING"
        | "ENDING"
        | "InProgress" => Tone::Warning,
        "STOPPED" | "OVER" | "UNKNOWN" | "unused" | "INSUFFICIENT_DATA" | "Overridden" => Tone::Faint,
        _ => Tone::Plain,
    }
}

/// Two decimals at most.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_moments_read_well() {
        for (seconds, text) in [(-3.0, "0s"), (59.9, "59s"), (60.0, "1m"), (3599.0, "59m"), (11100.0, "3h 5m"), (187_200.0, "2d 4h")] {
            assert_eq!(age(seconds), text);
        }
        assert_eq!(moment(1_795_449_845.9), "2026-11-23T16:04:05Z");
        assert_eq!(short("3f2a9c1e00"), "3f2a9c1e");
        assert_eq!(short("é"), "é");
    }
}
