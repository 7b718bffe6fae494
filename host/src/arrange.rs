//! The slate as the rules would like it: constraints and promote hints applied to the rows that may be shown.

use normgate_contract::{UNLISTED, most_specific_entry};

use crate::batch::{Batch, Column, Signal};
use crate::notice::Notice;
use crate::notices;
use crate::order::{Pins, around};
use crate::outcome::{ConstraintItem, Outcome, Target, Verdict};

/// A slate after constraints and hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slate {
    /// Rows that may be shown, in order. The same rows as [`Outcome::ranking`] gives, never more.
    pub rows: Vec<u32>,
    /// Constraints that the rows at hand cannot satisfy.
    pub unmet: Vec<Unmet>,
}

/// A constraint that too few rows satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The constraint.
    pub constraint: ConstraintItem,
    /// How many rows satisfy it, of the `count` that it asks for.
    pub found: i64,
}

impl Outcome {
    /// Applies promote hints and slate constraints to the rows that may be shown. Withheld rows stay withheld, and pinned rows keep
    /// their places.
    ///
    /// A promoted row moves ahead of the rows that nobody promoted, unless it was demoted: a hint undoes no restriction. Then
    /// each constraint lifts the best-placed rows that satisfy it to the end of its first slots, in place of the last rows
    /// there that no constraint needs.
    ///
    /// # Examples
    /// ```
    /// # use normgate::{Batch, Gate};
    /// let gate = Gate::builder().policies(normgate::embedded::arp()).build()?;
    /// let outcome = gate.evaluate(&Batch::from_json(br#"{"ctx":{"now_ms":1767225600000,"local_min":600},"candidates":[]}"#)?);
    /// let slate = outcome.arrange();
    /// assert!(slate.rows.is_empty() && slate.unmet.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn arrange(&self) -> Slate {
        let pins = Pins::of(&self.batch);
        self.arranged(|verdict| pins.hold(verdict.row, verdict.judgement))
    }

    /// A notice of each constraint that is unmet and would not be if no row were pinned.
    pub(crate) fn unmet_by_pins(&self) -> Vec<Notice> {
        let pins = Pins::of(&self.batch);
        let held = |verdict: &Verdict| pins.hold(verdict.row, verdict.judgement);
        if self.constraints.is_empty() || !self.verdicts[..self.shown].iter().any(held) {
            return Vec::new();
        }
        let without = self.arranged(|_| false).unmet;
        let yields = |unmet: &Unmet| {
            let other = without.iter().find(|other| other.constraint == unmet.constraint);
            other.is_none_or(|other| other.found > unmet.found)
        };
        let unmet = self.arrange().unmet.into_iter().filter(yields);
        let told = |Unmet { constraint, found }: Unmet| {
            notices::constraint_not_applied(self.set.rule_id(constraint.rule), &constraint, found)
        };
        unmet.map(told).collect()
    }

    /// The slate in which these rows keep their places.
    fn arranged(&self, held: impl Fn(&Verdict) -> bool) -> Slate {
        let mut hinted = vec![false; self.batch.candidates()];
        for (target, _) in &self.promote {
            if let Target::Candidate(row) = target {
                hinted[*row as usize] = true;
            }
        }
        let ranking = &self.verdicts[..self.shown];
        let (promoted, others): (Vec<_>, Vec<_>) = (ranking.iter())
            .filter(|verdict| !held(verdict))
            .partition(|verdict| verdict.judgement.demotion.is_none() && hinted[verdict.row as usize]);
        // Rows that move; those that are held stand between them.
        let mut rows: Vec<u32> = promoted.into_iter().chain(others).map(|verdict| verdict.row).collect();
        let mut needed = vec![false; self.batch.candidates()];
        let mut unmet = Vec::new();
        for constraint in &self.constraints {
            let satisfies = self.satisfying(constraint);
            let slots = usize::try_from(constraint.slots).unwrap_or(0).min(ranking.len());
            let count = usize::try_from(constraint.count).unwrap_or(0);
            let standing = || ranking[..slots].iter().filter(|verdict| held(verdict));
            let already = standing().filter(|verdict| satisfies[verdict.row as usize]).count();
            let slots = slots - standing().count();
            let wanted = count.saturating_sub(already).min(slots);
            let satisfying = |rows: &[u32], most: usize| -> Vec<u32> {
                rows.iter().copied().filter(|row| satisfies[*row as usize]).take(most).collect()
            };
            let (first, rest) = rows.split_at(slots);
            let here = satisfying(first, wanted);
            let below = satisfying(rest, wanted - here.len());
            // Of the first slots, keep what is needed already and drop the last of the others.
            for row in here.iter().chain(&below) {
                needed[*row as usize] = true;
            }
            let mut room = below.len();
            let mut dropped: Vec<u32> = Vec::with_capacity(room);
            let mut kept: Vec<u32> = Vec::with_capacity(rows.len());
            for &row in first.iter().rev() {
                if room > 0 && !needed[row as usize] {
                    room -= 1;
                    dropped.push(row);
                } else {
                    kept.push(row);
                }
            }
            kept.reverse();
            // Where the other constraints leave no room, the lowest-placed rows stay where they were.
            let lifted = &below[..below.len() - room];
            let found = already + here.len() + lifted.len();
            // They are among the rest in the same order.
            let mut left = lifted.iter().peekable();
            let rest = rest.iter().copied().filter(|row| left.next_if_eq(&row).is_none());
            rows =
                kept.into_iter().chain(lifted.iter().copied()).chain(dropped.into_iter().rev()).chain(rest).collect();
            if found < count {
                unmet.push(Unmet { constraint: constraint.clone(), found: found as i64 });
            }
        }
        let places = ranking.iter().map(|verdict| (verdict.row, held(verdict)));
        Slate { rows: around(places, rows.into_iter()), unmet }
    }

    /// Which candidates satisfy a constraint: those with a confirmed signal of one of its codes.
    fn satisfying(&self, constraint: &ConstraintItem) -> Vec<bool> {
        let threshold = self.set.parameter(constraint.rule.policy, "common.t_confirm").unwrap_or(i64::MAX);
        let signals = match self.batch.column("candidates.signals") {
            Some(Column::Signals(lists)) => Some(lists),
            _ => None,
        };
        // One look at the constraint's codes for each code of the request.
        let mut named: Vec<Option<bool>> = vec![None; self.batch.strings.len() + 1];
        let mut is_named = |code: u32| {
            let named = named.get_mut(code as usize)?;
            let look = || most_specific_entry(&constraint.codes, self.batch.strings.text(code)) != UNLISTED;
            Some(*named.get_or_insert_with(look))
        };
        let mut own: Vec<Signal> = Vec::new();
        (0..self.batch.candidates())
            .map(|row| {
                let row = signals.and_then(|lists| lists.row(row)).unwrap_or_default();
                own.clear();
                own.extend(row.iter().filter(|signal| is_named(signal.code) == Some(true)));
                own.sort_unstable_by_key(|signal| signal.code);
                own.chunk_by(|a, b| a.code == b.code).any(|said| confirmed(&self.batch, said, threshold))
            })
            .collect()
    }
}

/// Whether a code of a row is confirmed by what is said of it: an authority, a person or an exact hit says so, or a classifier is
/// sure and no person says otherwise.
fn confirmed(batch: &Batch, said: &[Signal], threshold: i64) -> bool {
    let sources = &batch.vocabulary.signals.sources;
    let from = |name: &'static str| {
        said.iter().filter(move |signal| {
            let source = usize::from(signal.source).checked_sub(2).and_then(|index| sources.get(index));
            source.is_some_and(|source| source == name)
        })
    };
    let said = |name| from(name).any(|signal| signal.confidence > 0);
    let denied = || from("human").next().is_some();
    said("authority")
        || said("human")
        || from("db_exact").next().is_some()
        || (!denied() && from("classifier").any(|signal| i64::from(signal.confidence) >= threshold))
}
