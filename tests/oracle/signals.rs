//! States of codes and of families of codes (the table of signal states).

use std::collections::BTreeSet;

use super::facts::Facts;
use super::settings::Settings;

/// What is known of a code. A family takes the highest of its codes, so the order is that of families.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Clear,
    Unknown,
    Suspected,
    Confirmed,
}

use State::{Clear, Confirmed, Suspected, Unknown};

impl State {
    /// Confirmed or suspected.
    pub(super) fn found(self) -> bool {
        self >= Suspected
    }
}

/// The signals of one row or tag.
pub(super) struct Signals<'r> {
    rows: Vec<Facts<'r>>,
    scanned: bool,
    confirm: i64,
    suspect: i64,
}

impl<'r> Signals<'r> {
    /// Of a candidate: a code without a row is clear only after a scan.
    pub(super) fn of_row(row: Facts<'r>, settings: &Settings) -> Self {
        Self { scanned: row.is("scan_state", "done"), ..Self::of_tag(row, settings) }
    }

    /// Of a tag: a code without a row is clear.
    pub(super) fn of_tag(tag: Facts<'r>, settings: &Settings) -> Self {
        Self {
            rows: tag.rows("signals"),
            scanned: true,
            confirm: settings.number("common.t_confirm"),
            suspect: settings.number("common.t_suspect"),
        }
    }

    /// The confidences that one source gives for exactly this code.
    fn given(&self, code: &str, source: &str) -> Vec<i64> {
        (self.rows.iter())
            .filter(|row| row.is("code", code) && row.is("source", source))
            .map(|row| row.integer("conf_ppm").unwrap_or(1_000_000))
            .collect()
    }

    /// The highest confidence of a classifier for exactly this code.
    pub(super) fn classifier(&self, code: &str) -> Option<i64> {
        self.given(code, "classifier").into_iter().max()
    }

    /// Whether a person cleared exactly this code.
    pub(super) fn human_no(&self, code: &str) -> bool {
        let human = self.given(code, "human");
        !human.is_empty() && human.iter().all(|confidence| *confidence == 0)
    }

    /// The state of exactly this code.
    pub(super) fn exactly(&self, code: &str) -> State {
        let says_yes = |source| self.given(code, source).iter().any(|confidence| *confidence > 0);
        let names = |source| !self.given(code, source).is_empty();
        let classifier = self.classifier(code);
        let at_least = |threshold| classifier.is_some_and(|confidence| confidence >= threshold);
        if says_yes("authority") || says_yes("human") || names("db_exact") {
            Confirmed
        } else if self.human_no(code) {
            Clear
        } else if at_least(self.confirm) {
            Confirmed
        } else if names("db_fuzzy") || at_least(self.suspect) {
            Suspected
        } else if self.scanned || classifier.is_some() {
            Clear
        } else {
            Unknown
        }
    }

    /// The highest state among the codes of a family: a letter (`L`, `H`, `M`, `E`) or a code with its sub-codes
    /// (`M1`). Before a scan it is at least unknown, since its other codes were never looked at.
    pub(super) fn family(&self, family: &str) -> State {
        let belongs = |code: &&str| match family.len() {
            1 => code.starts_with(family),
            _ => *code == family || code.starts_with(&format!("{family}.")),
        };
        let codes: BTreeSet<&str> = self.rows.iter().filter_map(|row| row.term("code")).filter(belongs).collect();
        let floor = if self.scanned { Clear } else { Unknown };
        codes.into_iter().map(|code| self.exactly(code)).fold(floor, State::max)
    }
}
