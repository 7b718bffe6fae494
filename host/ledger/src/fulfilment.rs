//! What became of decisions, held against what was decided: what was shown and should not have been, vetoes that were not
//! applied, and duties that are overdue.
//!
//! One duty is open per code and subject, however many lists raise it: its deadline counts from the first that did, and what is
//! raised after it was discharged is a new one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use normgate::contract::{Block, Vocabulary};
use normgate::{Action, Confirmation};
use serde::Serialize;

use crate::answer::{Answer, Owed, RowAnswer};
use crate::error::LedgerError;
use crate::facets::Facets;
use crate::history::History;
use crate::recorded::{Confirmed, Query};

/// What became of the decisions of a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fulfilment {
    /// Decisions.
    pub decisions: u64,
    /// Of these, those of which something was confirmed. Of the others nobody said what was shown.
    pub confirmed: u64,
    /// Of these, those whose keys are gone.
    pub unreadable: u64,
    /// What was done against a decision, in order.
    pub breaches: Vec<Breach>,
    /// Duties that have a deadline and were not discharged by then, by deadline.
    pub overdue: Vec<Duty>,
    /// Duties by code.
    pub duties: BTreeMap<String, Counts>,
}

/// How many duties of one code there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Opened.
    pub opened: u64,
    /// Discharged in time, or without a deadline.
    pub discharged: u64,
    /// Discharged after their deadline.
    pub late: u64,
    /// Not discharged, and past their deadline.
    pub overdue: u64,
}

/// Something that was done against a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Number of the decision's record.
    pub record: u64,
    /// The decision.
    pub decision_id: String,
    /// What was done.
    pub what: Deed,
    /// The candidate, or the feature.
    pub about: String,
    /// The rules that say otherwise; none where nothing was decided about it.
    pub rules: Vec<String>,
}

/// What was done against a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A row was shown that was withheld, and what would have let it back did not happen.
    WithheldShown,
    /// A row was shown that was not in the list that was judged.
    UnjudgedShown,
    /// A row was shown without a label that it must have.
    LabelMissing,
    /// A feature was used that was vetoed.
    VetoNotApplied,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithheldShown => "withheld, and shown",
            Self::UnjudgedShown => "not judged, and shown",
            Self::LabelMissing => "shown without its label",
            Self::VetoNotApplied => "vetoed, and not said to be left out",
        })
    }
}

/// Whose duty it is, or what it is about: the same for every list that raises it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The service itself.
    Service,
    /// A user, as `user.ref` names them.
    User(String),
    /// One list, by decision id; also what is owed to a user whom the request does not name.
    List(String),
    /// A candidate.
    Item(String),
    /// A user's tag.
    Tag(Option<String>, String),
}

/// Something that is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duty {
    /// What: `offer.why`, `delete.tag`, …
    pub code: String,
    /// To whom, or about what.
    pub subject: Subject,
    /// The first rule that raised it.
    pub rule: String,
    /// When it was raised first, milliseconds since 1970 UTC.
    pub opened_ms: i64,
    /// Until when it is to be discharged.
    pub due_ms: Option<i64>,
    /// When it was.
    pub discharged_ms: Option<i64>,
    /// How many lists raised it.
    pub sightings: u64,
}

/// What was confirmed of one decision, all of it together.
#[derive(Default)]
struct Done {
    shown: Vec<String>,
    labels: HashSet<(String, String)>,
    vetoes: HashSet<String>,
    /// By code and target, when first.
    discharged: HashMap<(String, Option<String>), i64>,
}

impl Done {
    fn add(&mut self, ms: i64, confirmation: Confirmation) {
        self.shown.extend(confirmation.shown);
        self.labels.extend(confirmation.labels_rendered.into_iter().map(|label| (label.candidate, label.label)));
        self.vetoes.extend(confirmation.vetoes_applied);
        for discharge in confirmation.discharged {
            self.discharged.entry((discharge.code, discharge.target)).or_insert(ms);
        }
    }

    fn labels(&self, row: &RowAnswer<'_>) -> bool {
        row.labels.iter().all(|label| self.labels.contains(&(row.id.to_string(), label.clone())))
    }

    fn reviewed(&self, row: &RowAnswer<'_>) -> bool {
        let done = |code: &str| self.discharged.contains_key(&(code.to_owned(), Some(row.id.to_string())));
        done("review.human") || done("restore.candidate")
    }
}

impl History {
    /// What became of the decisions of a time, as confirmed up to now. What is not confirmed is no breach; what is owed and not
    /// said to be discharged counts as not discharged.
    ///
    /// # Errors
    /// When a file cannot be read or was altered.
    pub fn fulfilment(&self, query: &Query, now_ms: i64) -> Result<Fulfilment, LedgerError> {
        let mut done: HashMap<String, Done> = HashMap::new();
        // Whatever was confirmed later is confirmed too.
        let since = Query { from_ms: query.from_ms, ..Query::default() };
        self.confirmations(&since, |Confirmed { ms, confirmation, .. }| {
            done.entry(confirmation.decision_id.clone()).or_default().add(ms, confirmation);
            Ok(())
        })?;
        let mut out = Fulfilment::default();
        let mut duties = Duties::default();
        self.lists(
            query,
            |_| Ok(()),
            |recorded| {
                out.decisions += 1;
                let (Some(answer), Some(facets)) = (recorded.answer()?, &recorded.facets) else {
                    out.unreadable += 1;
                    return Ok(());
                };
                let done = done.get(&*answer.decision_id);
                duties.see(recorded.ms, &answer, facets, done);
                if let Some(done) = done {
                    out.confirmed += 1;
                    out.breaches.extend(breaches(recorded.record, &answer, done));
                }
                Ok(())
            },
        )?;
        duties.close(now_ms, &mut out);
        Ok(out)
    }
}

/// What was done against one decision.
fn breaches(record: u64, answer: &Answer<'_>, done: &Done) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut find = |what: Deed, about: &str, rules: Vec<String>| {
        let decision_id = answer.decision_id.to_string();
        found.push(Breach { record, decision_id, what, about: about.to_owned(), rules });
    };
    let rows: HashMap<&str, (usize, &RowAnswer<'_>)> =
        answer.verdicts.iter().enumerate().map(|(place, row)| (&*row.id, (place, row))).collect();
    for id in &done.shown {
        let Some((place, row)) = rows.get(id.as_str()) else {
            find(Deed::UnjudgedShown, id, Vec::new());
            continue;
        };
        let rules = |effect: Action| {
            row.reasons.iter().filter(|reason| reason.effect == effect).map(|reason| reason.rule.to_string()).collect()
        };
        let back = match row.hold {
            Block::LabelFirst => done.labels(row),
            Block::HumanReview => done.reviewed(row),
            Block::None => false,
        };
        if *place >= answer.shown && !back {
            find(Deed::WithheldShown, id, rules(Action::Block));
        } else if !done.labels(row) {
            find(Deed::LabelMissing, id, rules(Action::Label));
        }
    }
    for veto in answer.vetoes.iter().filter(|veto| !done.vetoes.contains(&*veto.feature)) {
        find(Deed::VetoNotApplied, &veto.feature, vec![veto.rule.to_string()]);
    }
    found
}

/// Duties by code and subject: the one that was opened last, and what became of those before it.
#[derive(Default)]
struct Duties {
    last: HashMap<(String, Subject), Duty>,
    ended: Vec<Duty>,
}

impl Duties {
    fn see(&mut self, ms: i64, answer: &Answer<'_>, facets: &Facets, done: Option<&Done>) {
        for owed in &answer.obligations {
            let subject = subject(owed, answer, facets);
            let due_ms = owed.deadline_s.map(|within| ms.saturating_add(within.saturating_mul(1_000)));
            let fresh = |code: &str, subject: &Subject| Duty {
                code: code.to_owned(),
                subject: subject.clone(),
                rule: owed.rule.to_string(),
                opened_ms: ms,
                due_ms,
                discharged_ms: None,
                sightings: 0,
            };
            let duty = self
                .last
                .entry((owed.code.to_string(), subject))
                .or_insert_with_key(|(code, subject)| fresh(code, subject));
            if duty.discharged_ms.is_some_and(|discharged| discharged < ms) {
                let next = fresh(&duty.code, &duty.subject);
                self.ended.push(std::mem::replace(duty, next));
            }
            duty.sightings += 1;
            // Of several rules that ask for the same, the strictest deadline counts.
            duty.due_ms = [duty.due_ms, due_ms].into_iter().flatten().min();
            let discharged = done.and_then(|done| {
                done.discharged.get(&(owed.code.to_string(), owed.target.as_deref().map(str::to_owned)))
            });
            duty.discharged_ms = [duty.discharged_ms, discharged.copied()].into_iter().flatten().min();
        }
    }

    fn close(self, now_ms: i64, out: &mut Fulfilment) {
        for duty in self.ended.into_iter().chain(self.last.into_values()) {
            let counts = out.duties.entry(duty.code.clone()).or_default();
            counts.opened += 1;
            match (duty.discharged_ms, duty.due_ms) {
                (Some(discharged), Some(due)) if discharged > due => counts.late += 1,
                (Some(_), _) => counts.discharged += 1,
                (None, Some(due)) if due < now_ms => {
                    counts.overdue += 1;
                    out.overdue.push(duty);
                }
                (None, _) => {}
            }
        }
        out.overdue.sort_by(|a, b| (a.due_ms, &a.code, &a.subject).cmp(&(b.due_ms, &b.code, &b.subject)));
    }
}

/// Whose duty it is, or what it is about.
fn subject(owed: &Owed<'_>, answer: &Answer<'_>, facets: &Facets) -> Subject {
    let listed = |names: &[String]| names.iter().any(|name| *name == owed.code);
    match &owed.target {
        Some(tag) if answer.tags.iter().any(|known| known.tag_id == *tag) && owed.code == "delete.tag" => {
            Subject::Tag(facets.user.clone(), tag.to_string())
        }
        Some(item) if answer.verdicts.iter().any(|row| row.id == *item) => Subject::Item(item.to_string()),
        Some(tag) => Subject::Tag(facets.user.clone(), tag.to_string()),
        None if listed(&Vocabulary::shipped().about_service) => Subject::Service,
        None if listed(&Vocabulary::shipped().about_list) => Subject::List(answer.decision_id.to_string()),
        None => facets.user.clone().map_or_else(|| Subject::List(answer.decision_id.to_string()), Subject::User),
    }
}
