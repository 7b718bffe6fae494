//! The batch: one request as columns, checked against the vocabulary, bound to no policy set.

mod canonical;
mod column;
mod input;
mod json;
mod nearest;
mod rename;
mod strings;
mod typed;
mod written;

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use normgate_contract::{ColumnSpec, ColumnType, MICROSECONDS_FROM, SECONDS, UNLISTED, Vocabulary};
use sha2::{Digest, Sha256};

pub(crate) use column::{Column, Lists, OPEN_TERM, Signal};
pub(crate) use input::Amiss;
use input::Mistakes;
pub use input::{BadRow, InputError, Mistake, OnBadCell, OnBadRow, Tolerance};
pub use json::{Reader, repeated_key};
pub use nearest::nearest_field;
pub(crate) use strings::Strings;
pub use typed::{
    AnyTerm, BatchBuilder, Cell, Field, Hashed, Id, Ids, Integer, Number, SignalOf, Signals, Term, TermOf, Terms, Text,
    Tri,
};

/// Most rows of one frame.
pub const MAX_ROWS: usize = 65_536;
/// Most values in all lists of a request: eight a row of the longest list. The shipped modules judge such a list within their limits.
pub const MAX_LISTED: usize = 8 * MAX_ROWS;
/// Most values in one list of a row, such as its signals. An engineering default: ten times what is said of one thing.
pub const MAX_VALUES: usize = 64;
/// Longest identifier, in bytes.
const MAX_ID_BYTES: usize = 1_024;
/// Longest text, in bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// Most bytes that the different identifiers, codes and open terms of a request take together; places in them are 32 bits wide.
const MAX_STRINGS_BYTES: usize = 1 << 30;

/// The 64-bit identifier of a text: the first 8 bytes of its SHA-256, as a signed big-endian integer. Every column of 64-bit
/// identifiers (`author_id`, `topic_id`, …) accepts a text and keeps this.
///
/// # Examples
/// ```
/// // printf %s u123 | sha256sum  ->  06c0a1fbb20ef076…, which is
/// assert_eq!(normgate::id_of_text("u123"), 0x06c0_a1fb_b20e_f076);
/// ```
pub fn id_of_text(text: &str) -> i64 {
    Sha256::digest(text).iter().take(8).fold(0, |id, byte| id << 8 | i64::from(*byte))
}

/// One request as columns. Cheap to clone; may be judged by any number of gates at once.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) vocabulary: Arc<Vocabulary>,
    id: Option<String>,
    pub(crate) rows: Vec<u32>,
    pub(crate) columns: Vec<Option<Arc<Column>>>,
    pub(crate) strings: Arc<Strings>,
    amiss: Option<Arc<Amiss>>,
}

impl Batch {
    /// Reads one request in the wire format, by the shipped vocabulary. Unknown fields are counted, not refused.
    ///
    /// # Errors
    /// Every value that is not as the vocabulary says, with its path.
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
        BatchBuilder::new(Arc::clone(Vocabulary::shipped()), Tolerance::default(), id)
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
    pub fn ignored_fields(&self) -> u64 {
        self.unknown_fields().map(|(_, times)| times).sum()
    }

    /// Fields that the vocabulary lacks, as paths without numbers of rows, with how often each was sent. At most 64 have a name.
    pub fn unknown_fields(&self) -> impl Iterator<Item = (&str, u64)> {
        self.amiss.iter().flat_map(|amiss| &amiss.unknown).map(|(name, times)| (name.as_str(), *times))
    }

    /// The columns of which some row is known, by frame-qualified name.
    pub fn known_columns(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().zip(&self.vocabulary.columns);
        columns
            .filter(|(column, _)| column.as_ref().is_some_and(|column| column.is_known()))
            .map(|(_, spec)| spec.name.as_str())
    }

    /// What was not as the vocabulary says, and is judged all the same.
    pub(crate) fn amiss(&self) -> Option<&Amiss> {
        self.amiss.as_deref()
    }

    /// Why each of the last candidates is withheld.
    pub(crate) fn bad_rows(&self) -> &[BadRow] {
        self.amiss.as_deref().map_or(&[], |amiss| &amiss.rows)
    }

    /// The request without the candidates that are withheld for what they are sent as: what modules judge. Every other row keeps
    /// its number.
    pub(crate) fn judged(&self) -> Cow<'_, Batch> {
        if self.bad_rows().is_empty() {
            return Cow::Borrowed(self);
        }
        let good: Vec<u32> = (0..(self.candidates() - self.bad_rows().len()) as u32).collect();
        Cow::Owned(self.gather(&good, &[]))
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
        batch.amiss = None;
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
    tolerance: Tolerance,
    /// Rows that every request sends, and that were not sent: their path, and one clause.
    lacking: Option<(String, Clause)>,
    /// Whether it was judged before: then what was legal at that time is.
    recorded: bool,
    mistakes: Mistakes,
    amiss: Amiss,
    /// Rows that are not judged: frame, row, why.
    bad: Vec<(usize, u32, BadRow)>,
    /// Rows of which not every signal is right: frame, row.
    unscanned: Vec<(usize, u32)>,
}

/// One clause that says what is wrong with a value.
type Clause = String;

impl Draft {
    fn new(vocabulary: Arc<Vocabulary>, tolerance: Tolerance) -> Self {
        let mut rows = vec![0; vocabulary.frames.len()];
        rows[0] = 1;
        let columns = vocabulary.columns.iter().map(|_| None).collect();
        Self {
            vocabulary,
            id: None,
            rows,
            columns,
            strings: Strings::default(),
            listed: 0,
            tolerance,
            lacking: None,
            recorded: false,
            mistakes: Mistakes::default(),
            amiss: Amiss::default(),
            bad: Vec::new(),
            unscanned: Vec::new(),
        }
    }

    fn error(&self, path: impl Into<String>, message: impl Into<String>) -> InputError {
        InputError { id: self.id.clone(), path: path.into(), message: message.into(), more: Vec::new() }
    }

    /// JSON path of a value; in the canonical form its place there.
    fn place(&self, index: usize, row: usize) -> String {
        let spec = self.spec(index);
        match self.vocabulary.frames[spec.frame].1.as_str() {
            _ if self.recorded => format!("{}[{row}]", spec.name),
            "" => spec.field.clone(),
            path => format!("{path}[{row}].{}", spec.field),
        }
    }

    /// Takes note of a value that is not legal. Where that is tolerated, the value stays unknown or its row is withheld; else it
    /// is a mistake. `inner` is where in the value: `[2].conf_ppm`.
    fn wrong(&mut self, index: usize, row: usize, inner: &str, clause: Clause) {
        let spec = self.spec(index);
        let (frame, kind) = (spec.frame, spec.kind);
        let why = match kind {
            ColumnType::Id => Some(BadRow::NoId),
            _ => (spec.name == "candidates.kind").then_some(BadRow::UnknownKind),
        };
        if let Some(why) = why {
            self.bad.push((frame, row as u32, why));
            if self.tolerance.on_bad_row == OnBadRow::Withhold {
                return;
            }
        } else if self.tolerance.on_bad_cell == OnBadCell::Unknown {
            if kind == ColumnType::Signals {
                self.unscanned.push((frame, row as u32));
            }
            *self.amiss.cells.entry(self.spec(index).name.clone()).or_default() += 1;
            return;
        }
        // Wrong terms are few and each is worth a word; of wrong numbers the first says it all.
        let by_message = matches!(kind, ColumnType::Term | ColumnType::Terms | ColumnType::Signals);
        let told = if by_message { clause.as_str() } else { "" };
        let key = format!("{index}{}{told}", inner.trim_start_matches(|c: char| c != ']'));
        let path = self.place(index, row) + inner;
        self.mistakes.add(key, path, clause);
    }

    /// Takes note of something other than a value that is not as it should be, and is tolerated nowhere.
    fn mistaken(&mut self, path: String, clause: Clause) {
        self.mistakes.add(path.clone(), path, clause);
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
        if spec.is_instant() && !self.recorded {
            let unit = if SECONDS.contains(&value) { "seconds" } else { "microseconds" };
            if SECONDS.contains(&value) || value >= MICROSECONDS_FROM {
                return Err(format!("{value} is plainly {unit}; send milliseconds since 1970 UTC"));
            }
        }
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

    /// The 64-bit identifier that a text stands for. Zero is none in every such column, so the text of it is a mistake.
    fn hashed(&self, text: &str) -> Result<i64, Clause> {
        match text {
            "" => Err("an identifier must not be empty; leave the field out where there is none".into()),
            "0" => Err("`0` as text is no identifier; send the number 0 for none, or leave the field out".into()),
            _ if text.len() > MAX_ID_BYTES => {
                Err(format!("an identifier of {} bytes is longer than {MAX_ID_BYTES}", text.len()))
            }
            _ => Ok(id_of_text(text)),
        }
    }

    fn number(&mut self, index: usize, row: usize, value: f64) -> Result<(), Clause> {
        let value = finite(value)?;
        if let Column::Number(values) = self.at(index, row)? {
            values.push(Some(value));
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

    /// The stored form of the term of one row.
    fn row_term_code(&mut self, index: usize, text: &str) -> Result<u16, Clause> {
        let code = if text == "unknown" { 0 } else { self.term_code(index, text)? };
        Ok(if code & OPEN_TERM != 0 { UNLISTED } else { code as u16 })
    }

    fn term(&mut self, index: usize, row: usize, value: &str) -> Result<(), Clause> {
        let code = self.row_term_code(index, value)?;
        if let Column::Term(codes) = self.at(index, row)? {
            codes.push(code);
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

    /// A signal, or every clause on what is wrong with it: where in it, and what.
    fn signal(
        &mut self,
        code: &str,
        confidence: Option<i64>,
        source: &str,
        reference: Option<&str>,
    ) -> Result<Signal, Vec<(&'static str, Clause)>> {
        let mut wrong: Vec<(&'static str, Clause)> = Vec::new();
        let known = &self.vocabulary.signals;
        let sources = &known.sources;
        if !(known.accepts(code) || self.recorded && known.is_well_formed(code)) {
            let codes: Vec<&str> = known.codes.iter().map(String::as_str).filter(|code| !code.contains('.')).collect();
            let clause = format!("code {} is none of {}, nor below one", shorten(code), codes.join(", "));
            wrong.push(("", clause));
        }
        let position = sources.iter().position(|known| known == source);
        if position.is_none() {
            wrong.push(("", format!("source {} is none of {}", shorten(source), sources.join(", "))));
        }
        match confidence {
            Some(confidence) if !(0..=1_000_000).contains(&confidence) => {
                wrong.push(("", format!("conf_ppm {confidence} is outside 0..1000000 ppm")));
            }
            None if source == "classifier" && !self.recorded => {
                let message = "required of a classifier's signal, and missing; send its confidence, 0..1000000 ppm";
                wrong.push((".conf_ppm", message.into()));
            }
            _ => {}
        }
        let reference = reference.map_or(Ok(0), |text| self.intern_id(text));
        let reference = reference.map_err(|clause| wrong.push((".ref", clause)));
        match (self.intern(code), reference) {
            (Ok(code), Ok(reference)) if wrong.is_empty() => Ok(Signal {
                code,
                confidence: confidence.unwrap_or(1_000_000) as u32,
                source: position.unwrap_or(0) as u8 + 2,
                reference,
            }),
            (Err(clause), _) => Err(wrong.into_iter().chain([("", clause)]).collect()),
            _ => Err(wrong),
        }
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

    /// The batch, or every mistake in it.
    fn finish(mut self) -> Result<Batch, InputError> {
        let vocabulary = Arc::clone(&self.vocabulary);
        for (index, spec) in vocabulary.columns.iter().enumerate() {
            if let Some(column) = &mut self.columns[index] {
                column.pad(self.rows[spec.frame] as usize);
            }
        }
        self.doubt_scans();
        for (index, spec) in vocabulary.columns.iter().enumerate() {
            // The first id column of a frame names its rows.
            if spec.kind == ColumnType::Id && self.rows[spec.frame] > 0 {
                self.name_rows(index);
            }
        }
        for required in ["request.ctx.now_ms", "request.ctx.local_min"] {
            let column = vocabulary.column(required).map(|(index, _)| index);
            let known = column.and_then(|index| self.columns[index].as_ref()?.integer(0));
            let told = column.is_some_and(|index| self.mistakes.has(&index.to_string()));
            if known.is_none() && !told {
                let field = required.trim_start_matches("request.").to_owned();
                self.mistaken(field, "required in every request, and missing".into());
            }
        }
        if let Some((path, clause)) = self.lacking.take() {
            self.mistaken(path, clause);
        }
        if self.rows[vocabulary.frame("candidates").unwrap_or(0)] < self.amiss.rows.len() as u32 {
            self.mistaken("bad_rows".into(), "more rows are withheld than there are".into());
        }
        if !self.mistakes.is_empty() {
            return Err(self.mistakes.into_error(self.id, None));
        }
        Ok(Batch {
            vocabulary: self.vocabulary,
            id: self.id,
            rows: self.rows,
            columns: self.columns.into_iter().map(|column| column.map(Arc::new)).collect(),
            strings: Arc::new(self.strings),
            amiss: (self.amiss != Amiss::default()).then(|| Arc::new(self.amiss)),
        })
    }

    /// Has rows of which not every signal is right count as not scanned, and such tags as not looked up: what was found of them is
    /// not known.
    fn doubt_scans(&mut self) {
        for (frame, row) in std::mem::take(&mut self.unscanned) {
            let vouching = match self.vocabulary.frames[frame].0.as_str() {
                "tags" => "tags.in_dictionary",
                _ => "candidates.scan_state",
            };
            let column = self.vocabulary.column(vouching).and_then(|(index, _)| self.columns[index].as_mut());
            match column {
                Some(Column::Tri(codes)) => codes[row as usize] = 0,
                Some(Column::Term(codes)) => codes[row as usize] = 0,
                _ => {}
            }
        }
    }

    /// Holds the ids of a frame's rows against each other. Rows that are not judged are put last, with nothing but their ids, or
    /// left out where they are tags; of two rows with one id the later is not judged.
    fn name_rows(&mut self, index: usize) {
        let frame = self.spec(index).frame;
        let rows = self.rows[frame] as usize;
        let is_candidates = self.vocabulary.frames[frame].0 == "candidates";
        let mut why: Vec<Option<BadRow>> = vec![None; if self.bad.is_empty() { 0 } else { rows }];
        for (_, row, cause) in self.bad.extract_if(.., |(of, ..)| *of == frame) {
            why[row as usize].get_or_insert(cause);
        }
        // What was judged before holds its bad rows at its end.
        let settled = rows - if is_candidates { self.amiss.rows.len().min(rows) } else { 0 };
        let mut seen = vec![u32::MAX; self.strings.len() + 1];
        let mut first_bad = false;
        for row in 0..settled {
            if why.get(row).is_some_and(Option::is_some) {
                first_bad = true;
                continue;
            }
            let id = match &self.columns[index] {
                Some(Column::Id(ids)) => ids[row],
                _ => 0,
            };
            let first = if id == 0 { u32::MAX } else { std::mem::replace(&mut seen[id as usize], row as u32) };
            let (cause, clause) = match (id, first) {
                (0, _) => (BadRow::NoId, "required, and missing".to_owned()),
                (_, u32::MAX) => continue,
                (id, first) => {
                    seen[id as usize] = first;
                    let (name, path) = (shorten(self.strings.text(id)), &self.vocabulary.frames[frame].1);
                    let clause = format!("{name} is already the id of {path}[{first}]; ids are unique in a request");
                    (BadRow::DuplicateId, clause)
                }
            };
            why.resize(rows, None);
            why[row] = Some(cause);
            first_bad = true;
            if self.tolerance.on_bad_row == OnBadRow::Refuse {
                let path = self.place(index, row);
                self.mistakes.add(format!("{index}{}", cause.name()), path, clause);
            }
        }
        if !first_bad {
            return;
        }
        let (good, bad): (Vec<u32>, Vec<u32>) = (0..rows as u32).partition(|row| why[*row as usize].is_none());
        let causes = bad.iter().filter_map(|row| why[*row as usize]);
        if is_candidates {
            self.amiss.rows.extend(causes);
        } else {
            causes.for_each(|cause| *self.amiss.tags.entry(cause).or_default() += 1);
        }
        let named: Vec<u32> = good.iter().chain(bad.iter().filter(|_| is_candidates)).copied().collect();
        self.rows[frame] = named.len() as u32;
        for (other, spec) in Arc::clone(&self.vocabulary).columns.iter().enumerate() {
            if spec.frame == frame
                && let Some(column) = &mut self.columns[other]
            {
                *column = column.gather(if other == index { &named } else { &good });
                column.pad(named.len());
            }
        }
    }
}

/// Holds a number against what orders: −0 and 0 order alike, so they are one value.
fn finite(value: f64) -> Result<f64, Clause> {
    match value {
        _ if !value.is_finite() => Err(format!("{value} is not a finite number")),
        _ => Ok(if value == 0.0 { 0.0 } else { value }),
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
