//! Which columns were missing where a rule fired for want of them.

use crate::outcome::{Cause, Outcome, Target};
use crate::policy_set::RuleRef;

/// Most rows of one rule that are looked at. What a service never sends is missing in the first.
const MOST_ROWS: u8 = 16;

impl Outcome {
    /// The columns for want of which something was decided, frame-qualified: evidence of rules that fired because something is
    /// unknown, as far as it is unknown there. Of each rule sixteen rows, tags or findings are looked at.
    pub fn missing_columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        let mut looked: Vec<(RuleRef, u8)> = Vec::new();
        for (rule, target) in self.for_want_of_input() {
            let at = looked.iter().position(|(known, _)| *known == rule).unwrap_or_else(|| {
                looked.push((rule, 0));
                looked.len() - 1
            });
            if looked[at].1 < MOST_ROWS {
                looked[at].1 += 1;
                self.add_unknown(rule, target, &mut columns);
            }
        }
        columns
    }

    /// Everything that was decided because something is unknown.
    pub fn for_want_of_input(&self) -> impl Iterator<Item = (RuleRef, Target)> {
        let missing = |cause: Cause| cause == Cause::MissingInput;
        // Mostly nothing is missing, and then no row is looked at.
        let verdicts = if self.reasons.iter().any(|reason| missing(reason.cause)) { &self.verdicts[..] } else { &[] };
        let rows = verdicts.iter().flat_map(move |verdict| {
            let reasons = self.reasons(verdict).iter().filter(move |reason| missing(reason.cause));
            reasons.map(|reason| (reason.rule, Target::Candidate(verdict.row)))
        });
        let tags = self.tags.iter().enumerate().flat_map(move |(row, tag)| {
            let reasons = tag.reasons.iter().filter(move |(.., cause)| missing(*cause));
            reasons.map(move |(rule, ..)| (*rule, Target::Tag(row as u32)))
        });
        let violations = self.violations.iter().filter(move |(.., cause)| missing(*cause));
        rows.chain(tags).chain(violations.map(|(target, rule, _)| (*rule, *target)))
    }

    /// Adds the columns of a rule's evidence that are unknown for a target.
    fn add_unknown<'o>(&'o self, rule: RuleRef, target: Target, columns: &mut Vec<&'o str>) {
        for name in self.set.rule(rule).map_or(&[][..], |rule| &rule.evidence) {
            let row = match (name.split('.').next(), target) {
                (Some("request"), _) => 0,
                (Some("candidates"), Target::Candidate(row)) | (Some("tags"), Target::Tag(row)) => row as usize,
                _ => continue,
            };
            if !columns.contains(&name.as_str()) && !self.batch.column(name).is_some_and(|column| column.knows(row)) {
                columns.push(name);
            }
        }
    }
}
