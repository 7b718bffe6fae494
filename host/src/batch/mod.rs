//! The batch: one request as columns, checked against the vocabulary, bound to no policy set.

mod canonical;
mod column;
mod json;
mod rename;
mod strings;
mod written;

use std::io::Write;
use std::sync::{Arc, OnceLock};

use normgate_contract::{ColumnSpec, ColumnType, UNLISTED, Vocabulary};

pub(crate) use column::{Column, Lists, OPEN_TERM, Signal};
pub use json::Reader;
pub(crate) use strings::Strings;

/// Most rows of one frame.
pub const MAX_ROWS: usize = 65_536;
/// Most values in all lists of a request: eight a row of the longest list. The shipped modules judge such a list within their limits.
pub const MAX_LISTED: usize = 8 * MAX_ROWS;
/// Most values in one list of a row, such as its signals. An engineering default: ten times what is said of one
/// thing. Work on a row may grow with the square of it.
pub const MAX_VALUES: usize = 64;
/// Longest identifier, in bytes.
const MAX_ID_BYTES: usize = 1_024;
/// Longest text, in bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// Most bytes that the different identifiers, codes and open terms of a request take together; places in them are 32 bits wide.
const MAX_STRINGS_BYTES: usize = 1 << 30;

/// A request that cannot be judged as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct InputError {
    /// The request's id, when it was read before the error.
    pub id: Option<String>,
    /// JSON path of the value, for example `candidates[3].rank_pos`; empty for the request as a whole.
    pub path: String,
    /// What is wrong, with the bound or the terms that are legal.
    pub message: String,
}

/// One request as columns. Cheap to clone; may be judged by any number of gates at once.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) vocabulary: Arc<Vocabulary>,
    id: Option<String>,
    pub(crate) rows: Vec<u32>,
    pub(crate) columns: Vec<Option<Arc<Column>>>,
    pub(crate) strings: Arc<Strings>,
    ignored: u32,
}

impl Batch {
    /// Reads one request in the wire format, by the shipped vocabulary. Unknown fields are counted, not refused.
    ///
    /// # Errors
    /// The first value that is not as the vocabulary says, with its path.
    ///
    /// # Examples
    /// ```
    /// let batch = normgate::Batch::from_json(
    ///     br#"{"id":"r1","ctx":{"now_ms":1767225600000,"local_min":600},"candidates":[{"id":"c1","kind":"article"}]}"#,
    /// )?;
    /// assert_eq!(batch.candidates(), 1);
    /// # Ok::<(), normgate::InputError>(())
    /// ```
    pub fn from_json(line: &[u8]) -> Result<Self, InputError> {
        static READER: OnceLock<Reader> = OnceLock::new();
        READER.get_or_init(|| Reader::new(Arc::clone(Vocabulary::shipped()))).read(line)
    }

    /// Starts a batch from typed values, by the shipped vocabulary.
    ///
    /// # Examples
    /// ```
    /// use normgate::Batch;
    ///
    /// let mut batch = Batch::builder("r1");
    /// batch.request("ctx.now_ms", 1_767_225_600_000)?.request("ctx.local_min", 600)?;
    /// batch.candidate("c1")?.set("kind", "game")?.set("essential", true)?;
    /// assert_eq!(batch.build()?.candidates(), 1);
    /// # Ok::<(), normgate::InputError>(())
    /// ```
    pub fn builder(id: &str) -> BatchBuilder {
        let mut draft = Draft::new(Arc::clone(Vocabulary::shipped()));
        draft.id = Some(id.to_owned());
        BatchBuilder { draft, frame: 0 }
    }

    /// The request's id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Number of candidates.
    pub fn candidates(&self) -> usize {
        self.frame_rows("candidates")
    }

    /// Number of user tags.
    pub fn tags(&self) -> usize {
        self.frame_rows("tags")
    }

    /// Number of unknown fields that were ignored.
    pub fn ignored_fields(&self) -> u32 {
        self.ignored
    }

    fn frame_rows(&self, frame: &str) -> usize {
        self.vocabulary.frame(frame).and_then(|index| self.rows.get(index)).map_or(0, |rows| *rows as usize)
    }

    /// The values of a column, by frame-qualified name.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.vocabulary.column(name).and_then(|(index, _)| self.columns[index].as_deref())
    }

    /// The string of the row's identifier (`candidates.id`, `tags.tag_id`).
    pub(crate) fn row_id(&self, column: &str, row: u32) -> &str {
        match self.column(column) {
            Some(Column::Id(ids)) => ids.get(row as usize).map_or("", |id| self.strings.text(*id)),
            _ => "",
        }
    }

    /// Whether some row of a tri column is known to be yes.
    pub fn any_yes(&self, column: &str) -> bool {
        matches!(self.column(column), Some(Column::Tri(codes)) if codes.contains(&2))
    }

    /// A tri of the request itself, such as `request.user.minor_mode`; none when it is unknown.
    pub fn request_tri(&self, column: &str) -> Option<bool> {
        match self.column(column) {
            Some(Column::Tri(codes)) => codes.first().filter(|code| **code > 0).map(|code| *code == 2),
            _ => None,
        }
    }

    /// A text of the request itself, such as `request.user.ref`; none when it is unknown.
    pub fn request_text(&self, column: &str) -> Option<&str> {
        match self.column(column) {
            Some(Column::Text(values)) => values.first().and_then(Option::as_deref),
            _ => None,
        }
    }

    /// One value as JSON, null where it is unknown; `column` is frame-qualified: `candidates.kind`.
    pub fn json(&self, column: &str, row: usize) -> serde_json::Value {
        self.vocabulary.column(column).map_or(serde_json::Value::Null, |(index, _)| self.value(index, row))
    }

    /// A term of the request itself, such as `request.ctx.surface`; none when it is unknown.
    pub fn request_term(&self, name: &str) -> Option<&str> {
        self.row_term(name, 0)
    }

    /// The term of one row; none when unknown.
    pub(crate) fn row_term(&self, name: &str, row: usize) -> Option<&str> {
        let (index, spec) = self.vocabulary.column(name)?;
        let code = self.columns[index].as_ref()?.term(row);
        spec.terms.as_ref()?.terms.get(usize::from(code.checked_sub(2)?)).map(String::as_str)
    }

    /// Whether a set of terms of the request is known to hold a term.
    pub(crate) fn request_has(&self, name: &str, term: &str) -> bool {
        let Some((index, spec)) = self.vocabulary.column(name) else { return false };
        let Some(Column::Terms(lists)) = self.columns[index].as_deref() else { return false };
        let listed = spec.terms.as_ref().and_then(|set| set.position(term)).map(|p| u32::from(p) + 2);
        lists.row(0).unwrap_or_default().iter().any(|code| match code & OPEN_TERM {
            0 => Some(*code) == listed,
            _ => self.strings.text(code & !OPEN_TERM) == term,
        })
    }

    /// The same request with these candidates only, in this order, and of their columns only those that are wanted, by index.
    /// What a norm defines itself is kept in any case: two batches may have it in different places.
    pub(crate) fn gather(&self, rows: &[u32], wanted: &[bool]) -> Batch {
        let frame = self.vocabulary.frame("candidates").unwrap_or(0);
        let mut batch = self.clone();
        let same = rows.len() == self.candidates() && rows.iter().enumerate().all(|(to, from)| to == *from as usize);
        if same {
            return batch;
        }
        batch.rows[frame] = rows.len() as u32;
        for (index, (column, spec)) in batch.columns.iter_mut().zip(&self.vocabulary.columns).enumerate() {
            if spec.frame == frame {
                let wanted = wanted.get(index).copied().unwrap_or(true) || spec.name.starts_with("candidates.x.");
                *column = column.take().filter(|_| wanted).map(|column| Arc::new(column.gather(rows)));
            }
        }
        batch
    }

    /// The same request with one integer of its own set by the host.
    pub(crate) fn with_request_integer(mut self, name: &str, value: i64) -> Batch {
        if let Some((index, _)) = self.vocabulary.column(name) {
            self.columns[index] = Some(Arc::new(Column::Integer { known: vec![1], values: vec![value] }));
        }
        self
    }

    /// How many rows have a known integer in a column.
    pub(crate) fn known_integers(&self, name: &str) -> usize {
        match self.column(name) {
            Some(Column::Integer { known, .. }) => known.iter().filter(|flag| **flag == 1).count(),
            _ => 0,
        }
    }

    /// One value as JSON, for evidence: null when unknown.
    pub(crate) fn value(&self, index: usize, row: usize) -> serde_json::Value {
        let mut text = Vec::new();
        self.write(index, row, &mut text);
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Writes one value as JSON; false when it is unknown, which is written as null.
    fn write(&self, index: usize, row: usize, out: &mut Vec<u8>) -> bool {
        // Writing to memory cannot fail, here and below.
        let number = |value: i64, out: &mut Vec<u8>| write!(out, "{value}").unwrap_or_default();
        let term = |code: u32, out: &mut Vec<u8>| {
            let set = self.vocabulary.columns[index].terms.as_ref();
            let listed = || set.and_then(|set| set.terms.get(code.checked_sub(2)? as usize)).map(String::as_str);
            let text = if code & OPEN_TERM != 0 { Some(self.strings.text(code & !OPEN_TERM)) } else { listed() };
            text.map(|text| quote(text, out))
        };
        let id = |id: u32, out: &mut Vec<u8>| quote(self.strings.text(id), out);
        let known = match self.columns[index].as_deref() {
            None => None,
            Some(column @ Column::Tri(_)) => match column.tri(row) {
                0 => None,
                code => {
                    out.extend_from_slice(if code == 2 { b"true" } else { b"false" });
                    Some(())
                }
            },
            Some(column @ Column::Integer { .. }) => column.integer(row).map(|value| number(value, out)),
            Some(column @ Column::Term(_)) => term(u32::from(column.term(row)), out),
            Some(Column::Id(ids)) => ids.get(row).filter(|number| **number != 0).map(|number| id(*number, out)),
            Some(Column::Number(values)) => {
                // A finite float writes as the shortest text that reads back as the same one.
                values.get(row).copied().flatten().map(|value| write!(out, "{value:?}").unwrap_or_default())
            }
            Some(Column::Text(values)) => values.get(row).and_then(Option::as_deref).map(|text| quote(text, out)),
            Some(Column::Integers(lists)) => {
                lists.row(row).map(|values| list(values, out, |value, out| number(*value, out)))
            }
            Some(Column::Terms(lists)) => {
                lists.row(row).map(|codes| list(codes, out, |code, out| term(*code, out).unwrap_or_default()))
            }
            Some(Column::Ids(lists)) => lists.row(row).map(|ids| list(ids, out, |number, out| id(*number, out))),
            Some(Column::Signals(lists)) => {
                lists.row(row).map(|signals| list(signals, out, |signal, out| self.write_signal(signal, out)))
            }
        };
        if known.is_none() {
            out.extend_from_slice(b"null");
        }
        known.is_some()
    }

    fn write_signal(&self, signal: &Signal, out: &mut Vec<u8>) {
        let sources = &self.vocabulary.signals.sources;
        out.extend_from_slice(b"{\"code\":");
        quote(self.strings.text(signal.code), out);
        write!(out, ",\"conf_ppm\":{}", signal.confidence).unwrap_or_default();
        if signal.reference != 0 {
            out.extend_from_slice(b",\"ref\":");
            quote(self.strings.text(signal.reference), out);
        }
        out.extend_from_slice(b",\"source\":");
        quote(usize::from(signal.source).checked_sub(2).and_then(|index| sources.get(index)).map_or("", |s| s), out);
        out.push(b'}');
    }
}

/// Writes a text as JSON.
fn quote(text: &str, out: &mut Vec<u8>) {
    let plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Writes a JSON list.
fn list<T>(values: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(value, out);
    }
    out.push(b']');
}

/// A value of one cell, from Rust types.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// A tri.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A term, an identifier or a text.
    Text(&'a str),
    /// Terms or identifiers.
    Texts(&'a [&'a str]),
    /// Signals: code, confidence (ppm), source.
    Signals(&'a [(&'a str, u32, &'a str)]),
}

macro_rules! cell_from {
    ($($ty:ty => $variant:ident),*) => {$(
        impl<'a> From<$ty> for Cell<'a> {
            fn from(value: $ty) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

cell_from!(bool => Bool, i64 => Integer, f64 => Number, &'a str => Text, &'a [&'a str] => Texts, &'a [(&'a str, u32, &'a str)] => Signals);

/// Builds a batch from typed rows; each value is checked as it is set.
#[derive(Debug)]
pub struct BatchBuilder {
    draft: Draft,
    frame: usize,
}

impl BatchBuilder {
    /// Sets a value of the request: `ctx.surface`, `user.age_band`, …
    ///
    /// # Errors
    /// When there is no such field, or the value is not of its type, range or terms.
    pub fn request<'a>(&mut self, field: &str, value: impl Into<Cell<'a>>) -> Result<&mut Self, InputError> {
        self.draft.cell(0, field, 0, &value.into())?;
        Ok(self)
    }

    /// Starts the next candidate; what is set next belongs to it.
    ///
    /// # Errors
    /// When the id is taken, or there are too many rows.
    pub fn candidate(&mut self, id: &str) -> Result<&mut Self, InputError> {
        self.row("candidates", "id", id)
    }

    /// Starts the next tag of the user; what is set next belongs to it.
    ///
    /// # Errors
    /// When the id is taken, or there are too many rows.
    pub fn tag(&mut self, id: &str) -> Result<&mut Self, InputError> {
        self.row("tags", "tag_id", id)
    }

    fn row(&mut self, frame: &str, id_field: &str, id: &str) -> Result<&mut Self, InputError> {
        self.frame = self.draft.vocabulary.frame(frame).unwrap_or(0);
        let row = self.draft.next_row(self.frame).map_err(|message| self.draft.error(frame, message))?;
        self.draft.cell(self.frame, id_field, row, &Cell::Text(id))?;
        Ok(self)
    }

    /// Sets a value of the row started last.
    ///
    /// # Errors
    /// When there is no such field, or the value is not of its type, range or terms.
    pub fn set<'a>(&mut self, field: &str, value: impl Into<Cell<'a>>) -> Result<&mut Self, InputError> {
        let row = (self.draft.rows[self.frame] as usize).saturating_sub(1);
        self.draft.cell(self.frame, field, row, &value.into())?;
        Ok(self)
    }

    /// The finished batch; the builder starts over.
    ///
    /// # Errors
    /// When something required is missing (`ctx.now_ms`, `ctx.local_min`), or an id is there twice.
    pub fn build(&mut self) -> Result<Batch, InputError> {
        let fresh = Draft::new(Arc::clone(&self.draft.vocabulary));
        std::mem::replace(&mut self.draft, fresh).finish()
    }
}

/// A batch under construction. Setters return one clause on what is wrong; the caller knows the path.
#[derive(Debug)]
struct Draft {
    vocabulary: Arc<Vocabulary>,
    id: Option<String>,
    rows: Vec<u32>,
    columns: Vec<Option<Column>>,
    strings: Strings,
    /// Values in all lists.
    listed: usize,
    ignored: u32,
}

/// One clause that says what is wrong with a value.
type Clause = String;

impl Draft {
    fn new(vocabulary: Arc<Vocabulary>) -> Self {
        let mut rows = vec![0; vocabulary.frames.len()];
        rows[0] = 1;
        let columns = vocabulary.columns.iter().map(|_| None).collect();
        Self { vocabulary, id: None, rows, columns, strings: Strings::default(), listed: 0, ignored: 0 }
    }

    fn error(&self, path: impl Into<String>, message: impl Into<String>) -> InputError {
        InputError { id: self.id.clone(), path: path.into(), message: message.into() }
    }

    fn next_row(&mut self, frame: usize) -> Result<usize, Clause> {
        let row = self.rows[frame] as usize;
        if row >= MAX_ROWS {
            return Err(format!("more than {MAX_ROWS} rows; split the list"));
        }
        self.rows[frame] += 1;
        Ok(row)
    }

    /// Counts the values of another list.
    fn list(&mut self, values: usize) -> Result<(), Clause> {
        self.listed += values;
        match self.listed {
            0..=MAX_LISTED => Ok(()),
            _ => Err(format!("more than {MAX_LISTED} values in the lists of the request; split it")),
        }
    }

    fn spec(&self, index: usize) -> &ColumnSpec {
        &self.vocabulary.columns[index]
    }

    /// The column, padded so that the next value is the row's; an error when the row has one already.
    fn at(&mut self, index: usize, row: usize) -> Result<&mut Column, Clause> {
        let kind = self.vocabulary.columns[index].kind;
        let column = self.columns[index].get_or_insert_with(|| Column::empty(kind));
        if column.len() > row {
            return Err("this field is given twice".into());
        }
        column.pad(row);
        Ok(column)
    }

    fn tri(&mut self, index: usize, row: usize, value: bool) -> Result<(), Clause> {
        if let Column::Tri(codes) = self.at(index, row)? {
            codes.push(1 + u8::from(value));
        }
        Ok(())
    }

    fn in_range(&self, index: usize, value: i64) -> Result<i64, Clause> {
        let spec = self.spec(index);
        match spec.range {
            Some((low, high)) if !(low..=high).contains(&value) => {
                let unit = spec.unit.as_deref().unwrap_or("");
                Err(format!("{value} is outside {low}..{high} {unit}").trim_end().to_owned())
            }
            _ => Ok(value),
        }
    }

    fn integer(&mut self, index: usize, row: usize, value: i64) -> Result<(), Clause> {
        let value = self.in_range(index, value)?;
        if let Column::Integer { known, values } = self.at(index, row)? {
            known.push(1);
            values.push(value);
        }
        Ok(())
    }

    fn number(&mut self, index: usize, row: usize, value: f64) -> Result<(), Clause> {
        if !value.is_finite() {
            return Err(format!("{value} is not a finite number"));
        }
        if let Column::Number(values) = self.at(index, row)? {
            // −0 and 0 order alike, so they are one value.
            values.push(Some(if value == 0.0 { 0.0 } else { value }));
        }
        Ok(())
    }

    /// The stored form of a term: 2 + its position, or an interned string of an open set.
    fn term_code(&mut self, index: usize, value: &str) -> Result<u32, Clause> {
        let Some(set) = self.vocabulary.columns[index].terms.clone() else { return Ok(u32::from(UNLISTED)) };
        match set.position(value) {
            Some(position) => Ok(u32::from(position) + 2),
            None if set.open && value.len() <= MAX_ID_BYTES => Ok(self.intern(value)? | OPEN_TERM),
            None if set.open => Err(format!("a term of {} bytes is longer than {MAX_ID_BYTES}", value.len())),
            None => Err(format!("{} is none of {}", shorten(value), set.terms.join(", "))),
        }
    }

    fn term(&mut self, index: usize, row: usize, value: &str) -> Result<(), Clause> {
        let code = if value == "unknown" { 0 } else { self.term_code(index, value)? };
        if let Column::Term(codes) = self.at(index, row)? {
            codes.push(if code & OPEN_TERM != 0 { UNLISTED } else { code as u16 });
        }
        Ok(())
    }

    fn intern_id(&mut self, value: &str) -> Result<u32, Clause> {
        if value.is_empty() {
            return Err("an identifier must not be empty".into());
        }
        if value.len() > MAX_ID_BYTES {
            return Err(format!("an identifier of {} bytes is longer than {MAX_ID_BYTES}", value.len()));
        }
        self.intern(value)
    }

    fn intern(&mut self, value: &str) -> Result<u32, Clause> {
        if self.strings.bytes() + value.len() > MAX_STRINGS_BYTES {
            return Err(format!("the identifiers of the request take more than {MAX_STRINGS_BYTES} bytes; split it"));
        }
        Ok(self.strings.intern(value))
    }

    fn identifier(&mut self, index: usize, row: usize, value: &str) -> Result<(), Clause> {
        let id = self.intern_id(value)?;
        if let Column::Id(ids) = self.at(index, row)? {
            ids.push(id);
        }
        Ok(())
    }

    fn text(&mut self, index: usize, row: usize, value: &str) -> Result<(), Clause> {
        if value.len() > MAX_TEXT_BYTES {
            return Err(format!("a text of {} bytes is longer than {MAX_TEXT_BYTES}", value.len()));
        }
        if let Column::Text(values) = self.at(index, row)? {
            values.push(Some(value.into()));
        }
        Ok(())
    }

    fn codes(&mut self, index: usize, row: usize, codes: &[u32]) -> Result<(), Clause> {
        self.list(codes.len())?;
        short_enough(codes)?;
        if let Column::Terms(lists) | Column::Ids(lists) = self.at(index, row)? {
            lists.known.push(1);
            lists.values.extend_from_slice(codes);
            lists.offsets.push(lists.values.len() as u32);
        }
        Ok(())
    }

    fn integers(&mut self, index: usize, row: usize, numbers: &[i64]) -> Result<(), Clause> {
        self.list(numbers.len())?;
        short_enough(numbers)?;
        for number in numbers {
            self.in_range(index, *number)?;
        }
        if let Column::Integers(lists) = self.at(index, row)? {
            lists.known.push(1);
            lists.values.extend_from_slice(numbers);
            lists.offsets.push(lists.values.len() as u32);
        }
        Ok(())
    }

    fn signal(&mut self, code: &str, confidence: i64, source: &str, reference: Option<&str>) -> Result<Signal, Clause> {
        if !self.vocabulary.signals.accepts(code) {
            return Err(format!("code {} is not one of the vocabulary's (E, L, H, M and a number)", shorten(code)));
        }
        if !(0..=1_000_000).contains(&confidence) {
            return Err(format!("conf_ppm {confidence} is outside 0..1000000 ppm"));
        }
        let sources = &self.vocabulary.signals.sources;
        let Some(position) = sources.iter().position(|s| s == source) else {
            return Err(format!("source {} is none of {}", shorten(source), sources.join(", ")));
        };
        let reference = match reference {
            Some(text) => self.intern_id(text)?,
            None => 0,
        };
        Ok(Signal { code: self.intern(code)?, confidence: confidence as u32, source: position as u8 + 2, reference })
    }

    fn signals(&mut self, index: usize, row: usize, signals: &[Signal]) -> Result<(), Clause> {
        self.list(signals.len())?;
        short_enough(signals)?;
        if let Column::Signals(lists) = self.at(index, row)? {
            lists.known.push(1);
            lists.values.extend_from_slice(signals);
            lists.offsets.push(lists.values.len() as u32);
        }
        Ok(())
    }

    /// Sets a cell from a Rust value.
    fn cell(&mut self, frame: usize, field: &str, row: usize, cell: &Cell<'_>) -> Result<(), InputError> {
        let (frame_name, path) = self.vocabulary.frames[frame].clone();
        let place = if path.is_empty() { field.to_owned() } else { format!("{path}[{row}].{field}") };
        let Some(index) = self.vocabulary.column(&format!("{frame_name}.{field}")).map(|(index, _)| index) else {
            return Err(self.error(place, "the vocabulary has no such field"));
        };
        let result = match (self.spec(index).kind, cell) {
            (ColumnType::Tri, Cell::Bool(value)) => self.tri(index, row, *value),
            (ColumnType::Integer, Cell::Integer(value)) => self.integer(index, row, *value),
            (ColumnType::Number, Cell::Number(value)) => self.number(index, row, *value),
            (ColumnType::Term, Cell::Text(value)) => self.term(index, row, value),
            (ColumnType::Id, Cell::Text(value)) => self.identifier(index, row, value),
            (ColumnType::Text, Cell::Text(value)) => self.text(index, row, value),
            (ColumnType::Terms, Cell::Texts(values)) => values
                .iter()
                .map(|value| self.term_code(index, value))
                .collect::<Result<Vec<_>, _>>()
                .and_then(|codes| self.codes(index, row, &codes)),
            (ColumnType::Ids, Cell::Texts(values)) => values
                .iter()
                .map(|value| self.intern_id(value))
                .collect::<Result<Vec<_>, _>>()
                .and_then(|codes| self.codes(index, row, &codes)),
            (ColumnType::Signals, Cell::Signals(values)) => values
                .iter()
                .map(|(code, confidence, source)| self.signal(code, i64::from(*confidence), source, None))
                .collect::<Result<Vec<_>, _>>()
                .and_then(|signals| self.signals(index, row, &signals)),
            (kind, _) => Err(format!("the value is not of type {kind:?}").to_lowercase()),
        };
        result.map_err(|message| self.error(place, message))
    }

    fn finish(mut self) -> Result<Batch, InputError> {
        let vocabulary = Arc::clone(&self.vocabulary);
        for (index, spec) in vocabulary.columns.iter().enumerate() {
            let rows = self.rows[spec.frame] as usize;
            if let Some(column) = &mut self.columns[index] {
                column.pad(rows);
            }
            // The first id column of a frame names its rows.
            if spec.kind == ColumnType::Id && rows > 0 {
                let path = &vocabulary.frames[spec.frame].1;
                let mut seen = vec![u32::MAX; self.strings.len() + 1];
                for row in 0..rows {
                    let id = match &self.columns[index] {
                        Some(Column::Id(ids)) => ids[row],
                        _ => 0,
                    };
                    if id == 0 {
                        return Err(self.error(format!("{path}[{row}].{}", spec.field), "required, and missing"));
                    }
                    let first = std::mem::replace(&mut seen[id as usize], row as u32);
                    if first != u32::MAX {
                        let name = shorten(self.strings.text(id));
                        return Err(self.error(
                            format!("{path}[{row}].{}", spec.field),
                            format!("{name} is already the id of {path}[{first}]; ids are unique in a request"),
                        ));
                    }
                }
            }
        }
        for required in ["request.ctx.now_ms", "request.ctx.local_min"] {
            let known = vocabulary.column(required).and_then(|(index, _)| self.columns[index].as_ref()?.integer(0));
            if known.is_none() {
                let field = required.trim_start_matches("request.");
                return Err(self.error(field, "required in every request, and missing"));
            }
        }
        Ok(Batch {
            vocabulary: self.vocabulary,
            id: self.id,
            rows: self.rows,
            columns: self.columns.into_iter().map(|column| column.map(Arc::new)).collect(),
            strings: Arc::new(self.strings),
            ignored: self.ignored,
        })
    }
}

/// Holds a list of one row against its bound.
fn short_enough<T>(values: &[T]) -> Result<(), Clause> {
    match values.len() {
        0..=MAX_VALUES => Ok(()),
        _ => Err(format!("more than {MAX_VALUES} values in one list; leave out those that no rule needs")),
    }
}

/// A value for an error sentence: in backticks, cut where it is long.
fn shorten(value: &str) -> String {
    let mut text: String = value.chars().take(40).flat_map(char::escape_debug).collect();
    if value.chars().nth(40).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}
