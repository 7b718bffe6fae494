//! `normgate check --readiness`: what a platform's own requests lack, and what that costs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use normgate::contract::{ColumnSpec, ColumnType, Vocabulary};
use normgate::{Gate, Outcome, RuleRef, Target};

use crate::judge::codes::Sample;
use crate::judge::requests::{Requests, complain};

/// What the absence of one column did.
#[derive(Default)]
struct Gap {
    /// (request, target) pairs with a verdict, tag decision or violation because of it.
    decisions: BTreeSet<(u64, Target)>,
    /// Rules that fired because of it, with how often.
    rules: BTreeMap<String, u64>,
}

/// Judges the requests and prints the columns that are missing, the costliest first. False when a line was refused.
pub(crate) fn report(gate: &Gate, input: &Path) -> Result<bool> {
    let mut requests = Requests::open(input, gate.reader())?;
    let (mut judged, mut refused, mut rows) = (0u64, 0u64, 0usize);
    let mut gaps: BTreeMap<String, Gap> = BTreeMap::new();
    let mut codes = Sample::default();
    while let Some(request) = requests.next()? {
        let batch = match request {
            Ok(batch) => batch,
            Err(error) => {
                refused += 1;
                complain(requests.number, &error);
                continue;
            }
        };
        judged += 1;
        rows += batch.candidates();
        codes.count(&batch);
        let outcome = gate.evaluate(&batch);
        for (rule, target) in outcome.for_want_of_input() {
            for column in columns(&outcome, rule, target) {
                let gap = gaps.entry(column).or_default();
                gap.decisions.insert((judged, target));
                *gap.rules.entry(outcome.policy_set().rule_id(rule).to_owned()).or_default() += 1;
            }
        }
    }
    say!("{judged} requests with {rows} candidates judged, {refused} refused");
    if gaps.is_empty() {
        say!("no decision rests on a missing value");
        codes.print();
        return Ok(refused == 0);
    }
    say!("decisions that rest on a missing value, by column (one decision may lack several):");
    say!();
    let mut sorted: Vec<(&String, &Gap)> = gaps.iter().collect();
    sorted.sort_by_key(|(name, gap)| (std::cmp::Reverse(gap.decisions.len()), *name));
    for (name, gap) in sorted {
        say!("{:>8}  {name}", gap.decisions.len());
        let mut rules: Vec<(&String, &u64)> = gap.rules.iter().collect();
        rules.sort_by_key(|(rule, times)| (std::cmp::Reverse(**times), *rule));
        let rules: Vec<String> = rules.into_iter().map(|(rule, times)| format!("{rule} ({times})")).collect();
        say!("          fires    {}", rules.join(", "));
        if let Some((_, column)) = Vocabulary::shipped().column(name) {
            say!("          is       {}", column.note);
            say!("          send     {}", wanted(column));
            say!("          else     {}", column.unknown);
        }
    }
    codes.print();
    Ok(refused == 0)
}

/// The columns to blame: those of the rule's evidence that are unknown. Where none is (a scan that is pending is known, and
/// still no result), all of them, since one of them is not conclusive.
fn columns(outcome: &Outcome, rule: RuleRef, target: Target) -> Vec<String> {
    let evidence = outcome.evidence(rule, target);
    let unknown: Vec<String> = evidence.iter().filter(|(_, v)| v.is_null()).map(|(name, _)| name.clone()).collect();
    if unknown.is_empty() { evidence.into_iter().map(|(name, _)| name).collect() } else { unknown }
}

/// What to send in a column, in a few words.
fn wanted(column: &ColumnSpec) -> String {
    let terms = || column.terms.as_ref().map_or(String::new(), |set| set.terms.join(", "));
    let kind = match column.kind {
        ColumnType::Tri => "true or false".to_owned(),
        ColumnType::Integer | ColumnType::Number => match (&column.unit, column.range) {
            (Some(unit), Some((low, high))) => format!("a number of {unit} from {low} to {high}"),
            (Some(unit), None) => format!("a number of {unit}"),
            (None, _) => "a number".to_owned(),
        },
        ColumnType::Term => format!("one of {}", terms()),
        ColumnType::Terms => format!("a list of {}", terms()),
        ColumnType::Signals => {
            "a list of signals {code, conf_ppm, source}; [] when checked and nothing found".to_owned()
        }
        ColumnType::Integers => "a list of numbers".to_owned(),
        ColumnType::Id | ColumnType::Text => "a text".to_owned(),
        ColumnType::Ids => "a list of identifiers".to_owned(),
    };
    format!("{} = {kind}", column.field)
}
