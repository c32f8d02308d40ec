//! Desync mitigation: what becomes of a request for the doubt that it leaves (alb.md 6.6).

use model::DesyncMode;
use routing::record::{Doubt, DoubtClass};

/// What becomes of a request for the doubt that it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is served.
    Serve,
    /// It is served, and both connections end with it.
    ServeAndClose,
    /// It is answered 400.
    Refuse,
}

/// The table of desync mitigation (alb.md 6.6).
pub(crate) const fn verdict(doubt: Option<Doubt>, mode: DesyncMode) -> Verdict {
    match (doubt, mode) {
        (None, _) | (Some(_), DesyncMode::Monitor) | (Some(Doubt { class: DoubtClass::Acceptable, .. }), DesyncMode::Defensive) => Verdict::Serve,
        (Some(Doubt { class: DoubtClass::Ambiguous, .. }), DesyncMode::Defensive) => Verdict::ServeAndClose,
        (Some(_), DesyncMode::Strictest) | (Some(Doubt { class: DoubtClass::Severe, .. }), DesyncMode::Defensive) => Verdict::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_differ_in_what_they_serve() {
        let doubt = |class| Some(Doubt { class, reason: "" });
        let doubts = [None, doubt(DoubtClass::Acceptable), doubt(DoubtClass::Ambiguous), doubt(DoubtClass::Severe)];
        use Verdict::{Refuse, Serve, ServeAndClose};
        for (mode, expected) in [
            (DesyncMode::Monitor, [Serve, Serve, Serve, Serve]),
            (DesyncMode::Defensive, [Serve, Serve, ServeAndClose, Refuse]),
            (DesyncMode::Strictest, [Serve, Refuse, Refuse, Refuse]),
        ] {
            assert_eq!(doubts.map(|doubt| verdict(doubt, mode)), expected, "{mode:?}");
        }
    }
}
