//! What is wrong with a request: what refuses it, and what is tolerated of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Most different mistakes that one error lists.
const MOST_MISTAKES: usize = 64;

/// What is done with input that is not as the vocabulary says. The default refuses the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tolerance {
    /// What is done with a value that is not legal.
    pub on_bad_cell: OnBadCell,
    /// What is done with a candidate whose id is missing or taken, or whose kind is none of the vocabulary's.
    pub on_bad_row: OnBadRow,
}

/// What is done with a value that is not legal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadCell {
    /// The request is refused.
    #[default]
    Refuse,
    /// The value is judged as unknown; of a list what is right stays. A row whose signals are not all right counts as not scanned.
    Unknown,
}

/// What is done with a candidate of which it is not known which or what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadRow {
    /// The request is refused.
    #[default]
    Refuse,
    /// The row is withheld, by `host.input`, and no module sees it. A tag is left out.
    Withhold,
}

/// A request that cannot be judged as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputError {
    /// The request's id, when it was read before the error.
    pub id: Option<String>,
    /// JSON path of the value, for example `candidates[3].rank_pos`; empty for the request as a whole.
    pub path: String,
    /// What is wrong, with the bound or the terms that are legal.
    pub message: String,
    /// What else is wrong: every other mistake once, with its first place.
    pub more: Vec<Mistake>,
}

impl std::error::Error for InputError {}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        self.more.iter().try_for_each(|Mistake { path, message }| write!(f, "; {path}: {message}"))
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// JSON path of the first value.
    pub path: String,
    /// What is wrong with it, and in how many other places.
    pub message: String,
}

/// The mistakes of one request, each once.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    /// What a mistake is told by, its first place, and how often it was made.
    told: Vec<(String, Mistake, u64)>,
    /// Mistakes beyond those that are listed.
    beyond: u64,
}

impl Mistakes {
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Adds a mistake; those with one key are one.
    pub(super) fn add(&mut self, key: String, path: String, message: String) {
        if let Some((.., times)) = self.told.iter_mut().find(|(known, ..)| *known == key) {
            *times += 1;
        } else if self.told.len() < MOST_MISTAKES {
            self.told.push((key, Mistake { path, message }, 1));
        } else {
            self.beyond += 1;
        }
    }

    /// Whether a mistake of this key was made.
    pub(super) fn has(&self, key: &str) -> bool {
        self.told.iter().any(|(known, ..)| known == key)
    }

    /// The error of all of them; `first` is what ended reading, if something did.
    pub(super) fn into_error(self, id: Option<String>, first: Option<Mistake>) -> InputError {
        let told = self.told.into_iter().map(|(_, Mistake { path, message }, times)| match times {
            1 => Mistake { path, message },
            _ => Mistake { path, message: format!("{message} (and {} more)", times - 1) },
        });
        let beyond = (self.beyond > 0).then(|| Mistake {
            path: String::new(),
            message: format!("{} more mistakes of other kinds; mend these first", self.beyond),
        });
        let mut all = first.into_iter().chain(told).chain(beyond);
        let Mistake { path, message } = all.next().unwrap_or(Mistake { path: String::new(), message: String::new() });
        InputError { id, path, message, more: all.collect() }
    }
}

/// What was not as the vocabulary says in a request that is judged all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amiss {
    /// How many values of a column, or of a group of fields, were judged as unknown.
    pub(crate) cells: BTreeMap<String, u64>,
    /// Why each of the last candidates is withheld.
    pub(crate) rows: Vec<BadRow>,
    /// How many tags were left out, by why.
    pub(crate) tags: BTreeMap<BadRow, u64>,
    /// Fields that the vocabulary lacks, with how often each was sent.
    pub(crate) unknown: BTreeMap<String, u64>,
}

/// What the canonical form calls the parts of what is amiss.
const CELLS: &str = "bad_cells";
const ROWS: &str = "bad_rows";
const TAGS: &str = "bad_tags";

impl Amiss {
    /// What judging rests on of it, as JSON by name: of the canonical form, where there is any.
    pub(super) fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        // A map of names and numbers is always JSON.
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        let cells = (!self.cells.is_empty()).then(|| (CELLS, json(serde_json::to_string(&self.cells))));
        let rows = (!self.rows.is_empty()).then(|| (ROWS, json(serde_json::to_string(&self.rows))));
        let tags = (!self.tags.is_empty()).then(|| (TAGS, json(serde_json::to_string(&self.tags))));
        cells.into_iter().chain(rows).chain(tags)
    }

    /// Reads a part back; none where it is none.
    pub(super) fn hears(&mut self, name: &str, said: &str) -> Option<serde_json::Result<()>> {
        Some(match name {
            CELLS => serde_json::from_str(said).map(|cells| self.cells = cells),
            ROWS => serde_json::from_str(said).map(|rows| self.rows = rows),
            TAGS => serde_json::from_str(said).map(|tags| self.tags = tags),
            _ => return None,
        })
    }
}

/// Why a row is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadRow {
    /// It is no object.
    NoObject,
    /// It has no id, or none that is legal.
    NoId,
    /// Its id is that of a row before it.
    DuplicateId,
    /// Its kind is none of the vocabulary's.
    UnknownKind,
}

impl BadRow {
    /// The name of the cause, as counters have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoObject => "no_object",
            Self::NoId => "no_id",
            Self::DuplicateId => "duplicate_id",
            Self::UnknownKind => "unknown_kind",
        }
    }
}
