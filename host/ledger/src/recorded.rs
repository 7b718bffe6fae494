//! Records as they are read: opened, and shown as far as they may be.

use normgate::contract::Day;
use normgate::{Confirmation, SetDescription};
use serde::Serialize;
use serde_json::Value;

use crate::facets::Facets;
use crate::record::{Decision, Event, Level, Why};

/// What is looked for. What is left out fits everything.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Not before this instant, milliseconds since 1970 UTC.
    pub from_ms: Option<i64>,
    /// Before this instant.
    pub to_ms: Option<i64>,
    /// A decision id.
    pub decision: Option<String>,
    /// The number of a record.
    pub record: Option<u64>,
    /// A user, as `request.user.ref` has it.
    pub user: Option<String>,
    /// The id of a candidate.
    pub item: Option<String>,
}

impl Query {
    /// Looks for one decision: by its id, or by the number of its record, which no id is as short as.
    pub fn of(which: &str) -> Self {
        match which.parse() {
            Ok(record) => Self { record: Some(record), ..Self::default() },
            Err(_) => Self { decision: Some(which.to_owned()), ..Self::default() },
        }
    }

    /// Whether a record is of the time and of the number that are asked for.
    pub(crate) fn covers(&self, record: u64, ms: i64) -> bool {
        self.from_ms.is_none_or(|from| ms >= from)
            && self.to_ms.is_none_or(|to| ms < to)
            && self.record.is_none_or(|wanted| record == wanted)
    }
}

/// A record of a list, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub record: u64,
    /// When, milliseconds since 1970 UTC.
    pub ms: i64,
    /// Whose keys sealed it.
    pub epoch: Day,
    /// What is known of it besides its outcome.
    pub decision: Decision,
    /// The answer, byte for byte; none where its key is gone.
    pub outcome: Option<String>,
    /// What it is counted by; none where its key is gone: that of the outcome, or of what is personal where that is kept shorter.
    pub facets: Option<Facets>,
    /// Columns that are about nobody, in canonical form; empty for a commitment, and where the outcome's key is gone.
    pub columns: Vec<u8>,
    /// Personal columns, in canonical form; none where their key is gone, empty for a commitment.
    pub personal: Option<Vec<u8>>,
}

/// What became of a decision, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Number of the record.
    pub record: u64,
    /// When it was confirmed, milliseconds since 1970 UTC.
    pub ms: i64,
    /// What was.
    pub confirmation: Confirmation,
}

/// A record of whatever kind, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A policy set that decides what follows.
    Set(Box<SetDescription>),
    /// A list.
    List(Box<Recorded>),
    /// What became of a decision.
    Confirmed(Confirmed),
    /// Anything else: what the ledger tells of itself.
    Event {
        /// Number of the record.
        record: u64,
        /// When, milliseconds since 1970 UTC.
        ms: i64,
        /// What.
        event: Event,
    },
}

/// A record as it is shown or exported: one JSON line.
#[derive(Serialize)]
struct Shown<'r> {
    record: u64,
    ms: i64,
    #[serde(flatten)]
    decision: &'r Decision,
    /// The columns that were kept, in canonical form.
    columns: Option<String>,
    outcome: Option<Value>,
}

/// How much of a record is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// No personal columns, no draws, and tags of the user by number only.
    Personal,
    /// Everything.
    Nothing,
}

impl Recorded {
    /// The request as far as judging read it, for [`normgate::Reader::read_canonical`]; none where it was not kept, or its key
    /// is gone.
    pub fn request(&self) -> Option<Vec<u8>> {
        match (self.decision.level, &self.personal) {
            (Level::Full, Some(personal)) if self.outcome.is_some() => Some([&self.columns[..], personal].concat()),
            _ => None,
        }
    }

    /// What a record is, as one JSON line: what to ask for, and how much came of the list. `ledger` is said where it is given.
    pub fn to_brief(&self, ledger: Option<&str>) -> String {
        #[derive(Serialize)]
        struct Brief<'r> {
            #[serde(skip_serializing_if = "Option::is_none")]
            ledger: Option<&'r str>,
            record: u64,
            ms: i64,
            id: Option<&'r str>,
            level: Level,
            #[serde(skip_serializing_if = "<[Why]>::is_empty")]
            why: &'r [Why],
            #[serde(skip_serializing_if = "Option::is_none")]
            surface: Option<&'r str>,
            rows: Option<usize>,
            shown: Option<usize>,
        }
        let answer = self.answer().ok().flatten();
        let Decision { id, level, why, .. } = &self.decision;
        let brief = Brief {
            ledger,
            record: self.record,
            ms: self.ms,
            id: id.as_deref(),
            level: *level,
            why,
            surface: self.facets.as_ref().and_then(|facets| facets.surface.as_deref()),
            rows: answer.as_ref().map(|answer| answer.verdicts.len()),
            shown: answer.as_ref().map(|answer| answer.shown),
        };
        serde_json::to_string(&brief).unwrap_or_default()
    }

    /// The record as one JSON line.
    pub fn to_json(&self, redaction: Redaction) -> String {
        let mut decision = self.decision.clone();
        let mut outcome = self.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let mut columns = self.columns.clone();
        match redaction {
            Redaction::Nothing => columns.extend(self.personal.iter().flatten()),
            Redaction::Personal => {
                decision.circumstances.draws.clear();
                outcome.iter_mut().for_each(without_tags);
            }
        }
        let columns = (decision.level == Level::Full).then(|| String::from_utf8_lossy(&columns).into_owned());
        let shown = Shown { record: self.record, ms: self.ms, decision: &decision, columns, outcome };
        serde_json::to_string(&shown).unwrap_or_default()
    }
}

/// Replaces the ids of the user's tags by their number, wherever they stand.
fn without_tags(outcome: &mut Value) {
    let tags =
        outcome["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["tag_id"].as_str().map(str::to_owned));
    let names: Vec<(String, String)> = tags
        .enumerate()
        .flat_map(|(index, id)| [(format!("tag:{id}"), format!("tag:#{index}")), (id, format!("#{index}"))])
        .collect();
    fn replace(value: &mut Value, names: &[(String, String)]) {
        match value {
            Value::String(text) => {
                if let Some((_, number)) = names.iter().find(|(name, _)| name == text) {
                    text.clone_from(number);
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| replace(value, names)),
            Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, names)),
            _ => {}
        }
    }
    // Candidates may be called as a tag is; only what can name a tag is replaced.
    for place in ["tags", "vetoes", "obligations", "promote", "violations", "shadow"] {
        replace(&mut outcome[place], &names);
    }
}
