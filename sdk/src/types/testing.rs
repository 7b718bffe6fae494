//! Feeding a policy natively, in milliseconds: rows by column name, as the host would encode them.
//!
//! ```ignore
//! let answer = Question::of(MANIFEST)
//!     .request("user.age_band", "a8_12")
//!     .candidate(&[("kind", "game".into())])
//!     .ask(evaluate);
//! assert!(answer.fired("art18.game-window"));
//! ```

use normgate_contract::{ColumnType, Input, Manifest, Stage as ManifestStage, Vocabulary};

use crate::bindings::exports::normgate::policy::judging::{
    Answer, Call, Column, Frame, IdsColumn, IntegerColumn, Scalars, SignalsColumn, Stage, TermsColumn,
};

/// A value by its wire form.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A tri.
    Tri(bool),
    /// An integer.
    Integer(i64),
    /// A term.
    Term(&'static str),
    /// Identifiers.
    Ids(Vec<u32>),
    /// A set of terms of a row.
    Terms(Vec<&'static str>),
    /// Signals: code, confidence (ppm), source.
    Signals(Vec<(&'static str, u32, &'static str)>),
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Tri(value)
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&'static str> for Cell {
    fn from(value: &'static str) -> Self {
        Self::Term(value)
    }
}

type Row = Vec<(&'static str, Cell)>;

/// One call under construction.
pub struct Question {
    manifest: Manifest,
    stage: ManifestStage,
    request: Row,
    candidates: Vec<Row>,
    tags: Vec<Row>,
    parameters: Vec<(&'static str, i64)>,
    shadow: Vec<&'static str>,
}

/// What a policy answered, by rule id.
pub struct Fired {
    manifest: Manifest,
    answer: Answer,
}

impl Fired {
    /// Whether a rule fired anywhere.
    pub fn fired(&self, rule: &str) -> bool {
        self.rules().any(|(id, _)| id == rule)
    }

    /// Every (rule, row) that fired, effect by effect; the request is row 0xffffffff.
    pub fn rules(&self) -> impl Iterator<Item = (&str, u32)> {
        let owners: Vec<usize> = self.manifest.effects().map(|(rule, _)| rule).collect();
        self.answer
            .effects
            .iter()
            .zip(&self.answer.rows)
            .map(move |(effect, row)| (self.manifest.rules[owners[usize::from(*effect)]].id.as_str(), *row))
    }

    /// Whether nothing fired.
    pub fn is_silent(&self) -> bool {
        self.answer.rows.is_empty()
    }
}

#[expect(clippy::panic, reason = "a test that names what the manifest does not list is wrong, and should say so")]
fn wrong(what: &str) -> ! {
    panic!("{what}")
}

impl Question {
    /// A call of the candidate stage for the policy with this manifest: no rows, nothing known, defaults, all enforced.
    pub fn of(manifest: &str) -> Self {
        match Manifest::from_json(manifest.as_bytes(), Vocabulary::shipped()) {
            Ok(manifest) => Self {
                manifest,
                stage: ManifestStage::Candidate,
                request: Vec::new(),
                candidates: Vec::new(),
                tags: Vec::new(),
                parameters: Vec::new(),
                shadow: Vec::new(),
            },
            Err(error) => wrong(&error.to_string()),
        }
    }

    /// Asks the slate stage instead.
    pub fn slate(mut self) -> Self {
        self.stage = ManifestStage::Slate;
        self
    }

    /// Sets a column of the request.
    pub fn request(mut self, field: &'static str, value: impl Into<Cell>) -> Self {
        self.request.push((field, value.into()));
        self
    }

    /// Adds a row.
    pub fn candidate(mut self, cells: &[(&'static str, Cell)]) -> Self {
        self.candidates.push(cells.to_vec());
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, cells: &[(&'static str, Cell)]) -> Self {
        self.tags.push(cells.to_vec());
        self
    }

    /// Sets an integer parameter by its full name.
    pub fn parameter(mut self, name: &'static str, value: i64) -> Self {
        self.parameters.push((name, value));
        self
    }

    /// Puts a rule into shadow.
    pub fn shadow(mut self, rule: &'static str) -> Self {
        self.shadow.push(rule);
        self
    }

    /// Asks the policy's `evaluate`.
    pub fn ask(self, evaluate: impl Fn(Call) -> Answer) -> Fired {
        let mut enforced = vec![0u8; self.manifest.rules.len().div_ceil(8)];
        for (index, rule) in self.manifest.rules.iter().enumerate() {
            if !self.shadow.contains(&rule.id.as_str()) {
                enforced[index / 8] |= 1 << (index % 8);
            }
        }
        let parameters = self.manifest.parameters.iter().map(|parameter| {
            let set = self.parameters.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| *value);
            set.unwrap_or_else(|| parameter.encode(&parameter.default).unwrap_or_else(|clause| wrong(&clause)))
        });
        let find = |row: &Row, field: &str| row.iter().find(|(name, _)| *name == field).map(|(_, cell)| cell.clone());
        let mut known = Vec::new();
        let mut values = Vec::new();
        for input in &self.manifest.request {
            let number = find(&self.request, &input.field).map(|cell| scalar(input, &cell));
            known.push(u8::from(number.is_some()));
            values.push(number.unwrap_or(0));
        }
        let frames = self.manifest.frames.iter().map(|frame| {
            let rows = if frame.name == "tags" { &self.tags } else { &self.candidates };
            let columns = frame
                .columns
                .iter()
                .map(|input| column(input, &rows.iter().map(|row| find(row, &input.field)).collect::<Vec<_>>()));
            Frame { rows: rows.len() as u32, columns: columns.collect() }
        });
        let call = Call {
            stage: if self.stage == ManifestStage::Slate { Stage::Slate } else { Stage::Candidate },
            enforced,
            parameters: parameters.collect(),
            request: Scalars { known, values },
            frames: frames.collect(),
        };
        Fired { answer: evaluate(call), manifest: self.manifest }
    }
}

fn code(input: &Input, term: &str) -> u16 {
    input.entries.iter().position(|entry| entry == term).map_or(1, |position| position as u16 + 2)
}

fn scalar(input: &Input, cell: &Cell) -> i64 {
    match cell {
        Cell::Tri(yes) => 1 + i64::from(*yes),
        Cell::Integer(number) => *number,
        Cell::Term(term) => i64::from(code(input, term)),
        Cell::Ids(_) | Cell::Terms(_) | Cell::Signals(_) => wrong("the request has no such column"),
    }
}

fn column(input: &Input, cells: &[Option<Cell>]) -> Column {
    let known = || cells.iter().map(|cell| u8::from(cell.is_some())).collect::<Vec<_>>();
    let number = |cell: &Option<Cell>| cell.as_ref().map_or(0, |cell| scalar(input, cell));
    let mut offsets = vec![0u32];
    match input.kind {
        ColumnType::Tri => Column::Tri(cells.iter().map(|cell| number(cell) as u8).collect()),
        ColumnType::Integer => {
            Column::Integer(IntegerColumn { known: known(), values: cells.iter().map(number).collect() })
        }
        ColumnType::Term => Column::Term(cells.iter().map(|cell| number(cell) as u16).collect()),
        ColumnType::Id => Column::Id(cells.iter().map(|cell| number(cell) as u32).collect()),
        ColumnType::Ids => {
            let mut all = Vec::new();
            for cell in cells {
                if let Some(Cell::Ids(ids)) = cell {
                    all.extend_from_slice(ids);
                }
                offsets.push(all.len() as u32);
            }
            Column::Ids(IdsColumn { known: known(), offsets, ids: all })
        }
        ColumnType::Signals => {
            let sources = &Vocabulary::shipped().signals.sources;
            let (mut entries, mut codes, mut confidences, mut from) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let mut names: Vec<&str> = Vec::new();
            for cell in cells {
                if let Some(Cell::Signals(signals)) = cell {
                    for (name, confidence, source) in signals {
                        let index = names.iter().position(|n| n == name).unwrap_or_else(|| {
                            names.push(name);
                            names.len() - 1
                        });
                        codes.push(index as u32 + 1);
                        entries.push(normgate_contract::most_specific_entry(&input.entries, name));
                        confidences.push(*confidence);
                        from.push(sources.iter().position(|s| s == source).map_or(1, |p| p as u8 + 2));
                    }
                }
                offsets.push(codes.len() as u32);
            }
            Column::Signals(SignalsColumn { known: known(), offsets, entries, codes, confidences, sources: from })
        }
        ColumnType::Terms => {
            let mut codes = Vec::new();
            for cell in cells {
                if let Some(Cell::Terms(terms)) = cell {
                    codes.extend(terms.iter().map(|term| code(input, term)));
                }
                offsets.push(codes.len() as u32);
            }
            Column::Terms(TermsColumn { known: known(), offsets, codes })
        }
        ColumnType::Integers | ColumnType::Number | ColumnType::Text => {
            wrong("lists of numbers are not fed by this builder; use a case file")
        }
    }
}
