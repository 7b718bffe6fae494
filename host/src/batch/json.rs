//! From a JSON text to columns, without a tree in between.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use normgate_contract::{ColumnType, Vocabulary};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use super::nearest::{nearest_field, rows_meant};
use super::{
    BadRow, Batch, BatchBuilder, Clause, Draft, Field, InputError, MAX_ID_BYTES, MAX_VALUES, Mistake, OnBadCell,
    OnBadRow, Signal, Tolerance, shorten,
};
use crate::stats::InputTotals;

/// Most fields that the vocabulary lacks which a request names; the rest have one name together.
const MOST_UNKNOWN: usize = 64;
/// What they are called.
const OTHERS: &str = "(others)";
/// Longest name of such a field that is kept, in bytes.
const LONGEST_NAME: usize = 64;
/// What is wrong with a key that is there twice.
const TWICE: &str = "this field is given twice";

/// Where a key of an object leads.
#[derive(Clone, Copy, Debug)]
enum Child {
    /// The request's id.
    Id,
    Object(usize),
    Column(usize),
    Rows(usize),
}

/// An object of the request, or of a frame's rows.
#[derive(Clone, Debug)]
struct Node {
    /// Path from the request, without numbers of rows.
    path: String,
    frame: usize,
    /// Where each key leads, and its number among all keys.
    children: HashMap<String, (Child, usize)>,
}

/// Reads requests by one vocabulary.
#[derive(Clone, Debug)]
pub struct Reader {
    vocabulary: Arc<Vocabulary>,
    /// A trie over field names; the first are what a row of each frame is.
    objects: Vec<Node>,
    /// Keys of all objects.
    keys: usize,
    strict: bool,
    tolerance: Tolerance,
    totals: Option<Arc<InputTotals>>,
}

impl Reader {
    /// A reader that counts unknown fields, and refuses requests with values that are not legal.
    pub fn new(vocabulary: Arc<Vocabulary>) -> Self {
        let mut objects: Vec<Node> = (vocabulary.frames.iter().enumerate())
            .map(|(frame, (_, path))| {
                let path = if path.is_empty() { String::new() } else { format!("{path}[]") };
                Node { path, frame, children: HashMap::default() }
            })
            .collect();
        let mut keys = 0;
        let mut key = || {
            keys += 1;
            keys - 1
        };
        let mut insert = |root: usize, path: &str, leaf: Child| {
            let mut at = root;
            let mut parts = path.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    objects[at].children.insert(part.to_owned(), (leaf, key()));
                } else if let Some((Child::Object(next), _)) = objects[at].children.get(part) {
                    at = *next;
                } else {
                    let (path, frame) = (joined(&objects[at].path, part), objects[at].frame);
                    objects.push(Node { path, frame, children: HashMap::default() });
                    let next = objects.len() - 1;
                    objects[at].children.insert(part.to_owned(), (Child::Object(next), key()));
                    at = next;
                }
            }
        };
        insert(0, "id", Child::Id);
        for (index, column) in vocabulary.columns.iter().enumerate() {
            insert(column.frame, &column.field, Child::Column(index));
        }
        for (frame, (_, path)) in vocabulary.frames.iter().enumerate().skip(1) {
            insert(0, path, Child::Rows(frame));
        }
        Self { vocabulary, objects, keys, strict: false, tolerance: Tolerance::default(), totals: None }
    }

    /// Refuses unknown fields, all of a request at once, instead of counting them.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Tolerates values and rows that are not legal.
    pub fn tolerating(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The same reader, whose refusals do not count: for what may be no request yet.
    pub fn uncounted(&self) -> Self {
        Self { totals: None, ..self.clone() }
    }

    /// Counts what is refused.
    pub(crate) fn counting(mut self, totals: Arc<InputTotals>) -> Self {
        self.totals = Some(totals);
        self
    }

    /// Starts a batch of typed values by this reader's vocabulary and tolerance.
    pub fn builder(&self, id: &str) -> BatchBuilder {
        BatchBuilder::new(Arc::clone(&self.vocabulary), self.tolerance, id)
    }

    /// Finds a column by its frame-qualified name: one that a norm defines itself (`candidates.x.guild.stars`), or any other.
    /// Those of the shipped vocabulary are constants already ([`crate::fields`]).
    ///
    /// # Errors
    /// When there is no such column, or its values are of another type.
    pub fn field<K: super::typed::Kind>(&self, name: &str) -> Result<Field<K>, InputError> {
        Field::find(&self.vocabulary, name)
    }

    fn count_refused(&self, unknown: &BTreeMap<String, u64>) {
        if let Some(totals) = &self.totals {
            totals.refused(unknown);
        }
    }

    pub(super) fn start(&self) -> Reading<'_> {
        Reading {
            reader: self,
            draft: Draft::new(Arc::clone(&self.vocabulary), self.tolerance),
            path: Vec::new(),
            clause: None,
            seen: vec![0; self.keys],
            objects: 0,
            framed: vec![false; self.vocabulary.frames.len()],
            unknown: Vec::new(),
        }
    }

    /// Reads one request.
    ///
    /// # Errors
    /// Every value that is not as the vocabulary says, with its path.
    pub fn read(&self, line: &[u8]) -> Result<Batch, InputError> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let mut reading = self.start();
        let Ok(text) = std::str::from_utf8(line).map_err(|error| {
            let message = format!("byte {} is not UTF-8", error.valid_up_to() + 1);
            reading.clause = Some(message);
        }) else {
            return Err(reading.refused(None));
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let done = Object { reading: &mut reading, object: 0, row: 0, place: Place::Request }
            .deserialize(&mut deserializer)
            .and_then(|()| deserializer.end());
        match done {
            Ok(()) => reading.finish(),
            Err(error) => Err(reading.refused(Some(&error))),
        }
    }
}

/// The path of a key that is there twice in one object of a JSON text, at whatever depth: who reads it keeps one of the two, and not
/// everybody the same.
pub fn repeated_key(text: &str) -> Option<String> {
    let reader = Reader::new(Arc::clone(Vocabulary::shipped()));
    let mut reading = reader.start();
    let read = Any { reading: &mut reading }.deserialize(&mut serde_json::Deserializer::from_str(text));
    let error = read.err()?;
    reading.clause.is_some().then(|| reading.refused(Some(&error)).path)
}

/// A path with another name at its end.
fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What is known while a text is read.
pub(super) struct Reading<'r> {
    reader: &'r Reader,
    pub(super) draft: Draft,
    /// Path of the value that ended reading, innermost first.
    path: Vec<Segment>,
    /// What is wrong with it, when the vocabulary said so and not the JSON reader.
    clause: Option<Clause>,
    /// In which object each key was met last.
    seen: Vec<u32>,
    /// Objects that were begun.
    objects: u32,
    /// Frames whose rows were sent.
    framed: Vec<bool>,
    /// Fields that the vocabulary lacks.
    unknown: Vec<Unknown>,
}

enum Segment {
    Key(String),
    Row(usize),
}

/// A field that the vocabulary lacks: where it was met first, and how often.
struct Unknown {
    within: Within,
    name: String,
    row: usize,
    times: u64,
    /// Whether its value was a list of objects.
    rows: bool,
}

/// What a field is in: an object, or one signal of a column, by its position there.
#[derive(Clone, Copy)]
enum Within {
    Object(usize),
    Signal(usize, usize),
}

impl Within {
    /// Whether both are the same but for row and position.
    fn is(self, other: Within) -> bool {
        match (self, other) {
            (Self::Object(a), Self::Object(b)) => a == b,
            (Self::Signal(a, _), Self::Signal(b, _)) => a == b,
            _ => false,
        }
    }
}

impl Reading<'_> {
    /// The error that ended reading, and every mistake before it.
    pub(super) fn refused(mut self, error: Option<&serde_json::Error>) -> InputError {
        let mut path = String::new();
        for segment in self.path.iter().rev() {
            match segment {
                Segment::Key(key) => path = joined(&path, &key.chars().take(LONGEST_NAME).collect::<String>()),
                Segment::Row(row) => path.push_str(&format!("[{row}]")),
            }
        }
        let message = self.clause.take().or_else(|| {
            let error = error?;
            let text = error.to_string();
            let bare = text.rsplit_once(" at line ").map_or(text.as_str(), |(bare, _)| bare);
            Some(match error.classify() {
                serde_json::error::Category::Data => bare.chars().take(200).collect(),
                _ => format!("not JSON: {bare} at column {}", error.column()),
            })
        });
        self.reader.count_refused(&self.names());
        self.draft.mistakes.into_error(self.draft.id, message.map(|message| Mistake { path, message }))
    }

    /// The batch; else every mistake, unknown fields among them where these are refused.
    pub(super) fn finish(mut self) -> Result<Batch, InputError> {
        let vocabulary = Arc::clone(&self.draft.vocabulary);
        if self.reader.strict {
            for index in 0..self.unknown.len() {
                let (generic, exact) = self.paths_of(&self.unknown[index]);
                let near = nearest_field(&vocabulary, &generic)
                    .map_or(String::new(), |near| format!("; did you mean {near}?"));
                let times = self.unknown[index].times;
                let message = format!("the vocabulary has no such field{near}");
                (0..times.min(2))
                    .for_each(|_| self.draft.mistakes.add(generic.clone(), exact.clone(), message.clone()));
            }
        }
        if let Some(path) = rows_meant(&vocabulary)
            && let Some(frame) = vocabulary.frames.iter().position(|(_, known)| known == path)
            && !self.framed[frame]
            && !self.draft.recorded
        {
            let meant = self.unknown.iter().find(|field| field.rows && matches!(field.within, Within::Object(0)));
            let meant = meant.map_or(String::new(), |field| {
                format!("; `{}` is a list of objects: did you mean {path}?", field.name)
            });
            let message = format!("required in every request, and missing ([] where nothing was retrieved){meant}");
            self.draft.lacking = Some((path.to_owned(), message));
        }
        let names = self.names();
        self.draft.amiss.unknown.clone_from(&names);
        self.draft.finish().inspect_err(|_| self.reader.count_refused(&names))
    }

    /// The unknown fields by their paths without numbers of rows.
    fn names(&self) -> BTreeMap<String, u64> {
        let mut names = BTreeMap::new();
        for field in &self.unknown {
            *names.entry(self.paths_of(field).0).or_default() += field.times;
        }
        names
    }

    /// The path of an unknown field without numbers of rows, and the first one with them.
    fn paths_of(&self, field: &Unknown) -> (String, String) {
        let (path, position) = match field.within {
            Within::Object(object) => (self.reader.objects[object].path.clone(), 0),
            Within::Signal(column, position) => {
                let spec = self.draft.spec(column);
                (joined(&self.reader.objects[spec.frame].path, &spec.field) + "[]", position)
            }
        };
        let generic = joined(&path, &field.name);
        let exact = path.replacen("[]", &format!("[{}]", field.row), 1).replacen("[]", &format!("[{position}]"), 1);
        (generic, joined(&exact, &field.name))
    }

    /// Counts a field that the vocabulary lacks.
    fn unknown(&mut self, within: Within, row: usize, name: &str, rows: bool) {
        let end = name.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST_NAME).last().unwrap_or(0);
        let name = if name.len() <= LONGEST_NAME { name } else { &name[..end] };
        if let Some(known) = self.unknown.iter_mut().find(|known| known.within.is(within) && known.name == name) {
            known.times += 1;
        } else if self.unknown.len() < MOST_UNKNOWN {
            self.unknown.push(Unknown { within, name: name.to_owned(), row, times: 1, rows });
        } else if let Some(last) = self.unknown.last_mut().filter(|last| last.name == OTHERS) {
            last.times += 1;
        } else if let Some(last) = self.unknown.last_mut() {
            *last =
                Unknown { within: Within::Object(0), name: OTHERS.into(), row: 0, times: last.times + 1, rows: false };
        }
    }

    /// Keeps a clause of the vocabulary beside the JSON reader's own error.
    fn check<E: de::Error>(&mut self, result: Result<(), Clause>) -> Result<(), E> {
        result.map_err(|clause| {
            let error = E::custom("");
            self.clause = Some(clause);
            error
        })
    }
}

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The request.
    Request,
    /// A group of fields inside it or a row.
    Group,
    /// A row.
    Row,
}

/// An object: the request, a group of fields inside it, or a row.
struct Object<'a, 'r> {
    reading: &'a mut Reading<'r>,
    object: usize,
    row: usize,
    place: Place,
}

impl Object<'_, '_> {
    /// What is no object: of a group the fields are unknown, a row is no row, and a request is none.
    fn none<E: de::Error>(self, what: &Raw<'_>) -> Result<(), E> {
        let clause = invalid(what, "an object");
        let Self { reading, object, row, place } = self;
        let Node { path, frame, .. } = &reading.reader.objects[object];
        let draft = &mut reading.draft;
        match place {
            Place::Request => return reading.check(Err(clause)),
            Place::Group if matches!(what, Raw::Null) => return Ok(()),
            Place::Group if draft.tolerance.on_bad_cell == OnBadCell::Unknown => {
                let (frame, _) = &draft.vocabulary.frames[*frame];
                let field = path.rsplit_once("[].").map_or(path.as_str(), |(_, field)| field);
                *draft.amiss.cells.entry(format!("{frame}.{field}")).or_default() += 1;
                return Ok(());
            }
            Place::Row => {
                draft.bad.push((*frame, row as u32, BadRow::NoObject));
                if draft.tolerance.on_bad_row == OnBadRow::Withhold {
                    return Ok(());
                }
            }
            Place::Group => {}
        }
        draft.mistakes.add(path.clone(), path.replacen("[]", &format!("[{row}]"), 1), clause);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.none(&Raw::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.none(&Raw::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.none(&Raw::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.none(&Raw::unsigned(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.none(&Raw::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.none(&Raw::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let raw = drained(&mut *self.reading, seq)?;
        self.none(&raw)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, object, row, .. } = self;
        reading.objects += 1;
        let (this, mut others) = (reading.objects, HashSet::new());
        while let Some(key) = map.next_key_seed(Key)? {
            let known = reading.reader.objects[object].children.get(&*key).copied();
            let is_new = match known {
                Some((_, number)) => std::mem::replace(&mut reading.seen[number], this) != this,
                None => others.insert(key.clone()),
            };
            let result = match known.map(|(child, _)| child) {
                _ if !is_new => reading.check(Err(TWICE.into())),
                Some(Child::Column(column)) => map.next_value_seed(Value { reading, column, row }),
                Some(Child::Object(object)) => {
                    map.next_value_seed(Object { reading, object, row, place: Place::Group })
                }
                Some(Child::Rows(frame)) => map.next_value_seed(Rows { reading, frame }),
                Some(Child::Id) => map.next_value_seed(Any { reading }).map(|id| reading.named(id)),
                None => map.next_value_seed(Any { reading }).map(|value| {
                    reading.unknown(Within::Object(object), row, &key, matches!(value, Raw::Rows));
                }),
            };
            if let Err(error) = result {
                reading.path.push(Segment::Key(key.into_owned()));
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Reading<'_> {
    /// Takes the request's id.
    fn named(&mut self, id: Raw<'_>) {
        match id {
            Raw::Null => {}
            Raw::Text(id) if id.len() <= MAX_ID_BYTES => self.draft.id = Some(id.into_owned()),
            Raw::Text(id) => {
                let clause = format!("an identifier of {} bytes is longer than {MAX_ID_BYTES}", id.len());
                self.draft.mistaken("id".into(), clause);
            }
            other => self.draft.mistaken("id".into(), invalid(&other, "an identifier (text)")),
        }
    }
}

/// A key, borrowed where the text allows it.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.to_owned().into())
    }
}

/// One JSON value: a scalar as it is, of lists and objects only what they are.
#[derive(Clone, Debug)]
enum Raw<'de> {
    Null,
    Bool(bool),
    Int(i64),
    /// Above the largest signed one.
    Big(u64),
    Float(f64),
    Text(Cow<'de, str>),
    List,
    /// A list of objects.
    Rows,
    Object,
}

impl Raw<'_> {
    fn unsigned(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Big(value), Self::Int)
    }
}

/// One clause on a value of the wrong type.
fn invalid(what: &Raw<'_>, expected: &str) -> Clause {
    let found = match what {
        Raw::Null => "null".to_owned(),
        Raw::Bool(value) => Unexpected::Bool(*value).to_string(),
        Raw::Int(value) => Unexpected::Signed(*value).to_string(),
        Raw::Big(value) => Unexpected::Unsigned(*value).to_string(),
        Raw::Float(value) => Unexpected::Float(*value).to_string(),
        Raw::Text(text) => format!("text {}", shorten(text)),
        Raw::List | Raw::Rows => Unexpected::Seq.to_string(),
        Raw::Object => Unexpected::Map.to_string(),
    };
    format!("invalid type: {found}, expected {expected}")
}

/// Any value; what is in lists and objects is passed over, and held against keys that are there twice.
struct Any<'a, 'r> {
    reading: &'a mut Reading<'r>,
}

impl<'de> DeserializeSeed<'de> for Any<'_, '_> {
    type Value = Raw<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_, '_> {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw<'de>, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw<'de>, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw<'de>, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw<'de>, E> {
        Ok(Raw::unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw<'de>, E> {
        Ok(Raw::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Raw<'de>, E> {
        Ok(Raw::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw<'de>, E> {
        Ok(Raw::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Raw<'de>, A::Error> {
        drained(self.reading, seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let result = match keys.insert(key.clone()) {
                true => map.next_value_seed(Any { reading: self.reading }).map(drop),
                false => self.reading.check(Err(TWICE.into())),
            };
            if let Err(error) = result {
                self.reading.path.push(Segment::Key(key.into_owned()));
                return Err(error);
            }
        }
        Ok(Raw::Object)
    }
}

/// Passes over what is left of a list.
fn drained<'de, A: SeqAccess<'de>>(reading: &mut Reading<'_>, mut seq: A) -> Result<Raw<'de>, A::Error> {
    let (mut rows, mut values) = (true, 0);
    loop {
        match seq.next_element_seed(Any { reading }) {
            Ok(Some(value)) => {
                rows &= matches!(value, Raw::Object);
                values += 1;
            }
            Ok(None) => break,
            Err(error) => {
                reading.path.push(Segment::Row(values));
                return Err(error);
            }
        }
    }
    Ok(if rows && values > 0 { Raw::Rows } else { Raw::List })
}

/// The rows of a frame.
struct Rows<'a, 'r> {
    reading: &'a mut Reading<'r>,
    frame: usize,
}

impl Rows<'_, '_> {
    fn none(self, what: &Raw<'_>) {
        let path = self.reading.draft.vocabulary.frames[self.frame].1.clone();
        self.reading.framed[self.frame] = true;
        self.reading.draft.mistaken(path, invalid(what, "a list of rows"));
    }
}

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.reading.framed[self.frame] = true;
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.none(&Raw::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.none(&Raw::Int(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.none(&Raw::unsigned(value));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.none(&Raw::Float(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.none(&Raw::Text(Cow::Borrowed(value)));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let what = Any { reading: &mut *self.reading }.visit_map(map)?;
        self.none(&what);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { reading, frame } = self;
        reading.framed[frame] = true;
        loop {
            let row = reading.draft.rows[frame] as usize;
            match seq.next_element_seed(RowSeed { reading, frame, row }) {
                Ok(Some(())) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    reading.path.push(Segment::Row(row));
                    return Err(error);
                }
            }
        }
    }
}

/// One row; it is counted only when it is really there.
struct RowSeed<'a, 'r> {
    reading: &'a mut Reading<'r>,
    frame: usize,
    row: usize,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { reading, frame, row } = self;
        let counted = reading.draft.next_row(frame).map(|_| ());
        reading.check(counted)?;
        // The first objects are what the rows of each frame are.
        Object { reading, object: frame, row, place: Place::Row }.deserialize(deserializer)
    }
}

/// One value of a column.
pub(super) struct Value<'a, 'r> {
    pub(super) reading: &'a mut Reading<'r>,
    pub(super) column: usize,
    pub(super) row: usize,
}

impl Value<'_, '_> {
    /// Takes a value that is no list.
    fn put<E>(self, value: &Raw<'_>) -> Result<(), E> {
        let Self { reading: Reading { draft, .. }, column, row } = self;
        if let Err(clause) = draft.put(column, row, value) {
            draft.wrong(column, row, "", clause);
        }
        Ok(())
    }
}

impl Draft {
    /// Takes a value that is no list.
    fn put(&mut self, column: usize, row: usize, value: &Raw<'_>) -> Result<(), Clause> {
        let spec = self.spec(column);
        match (spec.kind, value) {
            (_, Raw::Null) => Ok(()),
            (ColumnType::Tri, Raw::Bool(value)) => self.tri(column, row, *value),
            (ColumnType::Integer, Raw::Int(value)) => self.integer(column, row, *value),
            // Hashes travel in 64 bits; where any value is legal, the bits are what counts.
            (ColumnType::Integer, Raw::Big(value)) if spec.range.is_none() => self.integer(column, row, *value as i64),
            (ColumnType::Integer, Raw::Big(value)) => {
                let (low, high) = spec.range.unwrap_or_default();
                Err(format!("{value} is outside {low}..{high}"))
            }
            (ColumnType::Integer, Raw::Text(text)) if spec.is_identifier() => {
                let value = self.hashed(text)?;
                self.integer(column, row, value)
            }
            (ColumnType::Number, Raw::Int(value)) => self.number(column, row, *value as f64),
            (ColumnType::Number, Raw::Big(value)) => self.number(column, row, *value as f64),
            (ColumnType::Number, Raw::Float(value)) => self.number(column, row, *value),
            (ColumnType::Term, Raw::Text(text)) => self.term(column, row, text),
            (ColumnType::Id, Raw::Text(text)) => self.identifier(column, row, text),
            (ColumnType::Text, Raw::Text(text)) => self.text(column, row, text),
            (kind, value) => Err(invalid(value, expected(kind))),
        }
    }

    /// The stored form of one value of a list of terms, identifiers or integers.
    fn element(&mut self, column: usize, value: &Raw<'_>) -> Result<i64, Clause> {
        match (self.spec(column).kind, value) {
            (ColumnType::Terms, Raw::Text(text)) => self.term_code(column, text).map(i64::from),
            (ColumnType::Ids, Raw::Text(text)) => self.intern_id(text).map(i64::from),
            (ColumnType::Integers, Raw::Int(value)) => self.in_range(column, *value),
            (ColumnType::Terms, value) => Err(invalid(value, "a term")),
            (ColumnType::Ids, value) => Err(invalid(value, "an identifier (text)")),
            (_, value) => Err(invalid(value, "a 64-bit integer")),
        }
    }
}

/// What a value of a column has to be.
fn expected(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Tri => "true, false or null",
        ColumnType::Integer => "a 64-bit integer",
        ColumnType::Integers => "a list of 64-bit integers",
        ColumnType::Term => "a term",
        ColumnType::Terms => "a list of terms",
        ColumnType::Id => "an identifier (text)",
        ColumnType::Ids => "a list of identifiers (text)",
        ColumnType::Signals => "a list of signals",
        ColumnType::Number => "a number",
        ColumnType::Text => "a text",
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(expected(self.reading.draft.spec(self.column).kind))
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(&Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(&Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(&Raw::unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(&Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.put(&Raw::Text(Cow::Borrowed(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let value = Any { reading: &mut *self.reading }.visit_map(map)?;
        self.put(&value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { reading, column, row } = self;
        let kind = reading.draft.spec(column).kind;
        if !matches!(kind, ColumnType::Integers | ColumnType::Terms | ColumnType::Ids | ColumnType::Signals) {
            let value = drained(reading, seq)?;
            return Value { reading, column, row }.put(&value);
        }
        let (mut position, mut wrong) = (0, false);
        let (mut values, mut signals): (Vec<i64>, Vec<Signal>) = (Vec::new(), Vec::new());
        loop {
            if position == MAX_VALUES {
                if seq.next_element_seed(Any { reading })?.is_some() {
                    drained(reading, seq)?;
                    wrong = true;
                    let clause =
                        format!("more than {MAX_VALUES} values in one list; leave out those that no rule needs");
                    reading.draft.wrong(column, row, "", clause);
                }
                break;
            }
            let step = match kind {
                ColumnType::Signals => {
                    seq.next_element_seed(SignalSeed { reading, column, row, position }).map(|signal| {
                        signal.map(|signal| match signal {
                            Some(signal) => signals.push(signal),
                            None => wrong = true,
                        })
                    })
                }
                _ => seq.next_element_seed(Any { reading }).map(|value| {
                    value.map(|value| match reading.draft.element(column, &value) {
                        Ok(value) => values.push(value),
                        Err(clause) => {
                            wrong = true;
                            reading.draft.wrong(column, row, &format!("[{position}]"), clause);
                        }
                    })
                }),
            };
            match step {
                Ok(Some(())) => position += 1,
                Ok(None) => break,
                Err(error) => {
                    reading.path.push(Segment::Row(position));
                    return Err(error);
                }
            }
        }
        // A list of which nothing is right says nothing; one that is empty says that there is nothing.
        if wrong && values.is_empty() && signals.is_empty() {
            return Ok(());
        }
        let codes = || values.iter().map(|code| *code as u32).collect::<Vec<u32>>();
        let draft = &mut reading.draft;
        let result = match kind {
            ColumnType::Signals => draft.signals(column, row, &signals),
            ColumnType::Integers => draft.integers(column, row, &values),
            _ => draft.codes(column, row, &codes()),
        };
        reading.check(result)
    }
}

/// One signal: `{"code","conf_ppm","source","ref"}`; none where it is not right, which is noted.
struct SignalSeed<'a, 'r> {
    reading: &'a mut Reading<'r>,
    column: usize,
    row: usize,
    position: usize,
}

impl SignalSeed<'_, '_> {
    fn wrong(&mut self, inner: &str, clause: Clause) {
        let inner = format!("[{}]{inner}", self.position);
        self.reading.draft.wrong(self.column, self.row, &inner, clause);
    }

    fn none(mut self, what: &Raw<'_>) -> Option<Signal> {
        self.wrong("", invalid(what, "a signal {code, conf_ppm, source}"));
        None
    }
}

impl<'de> DeserializeSeed<'de> for SignalSeed<'_, '_> {
    type Value = Option<Signal>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SignalSeed<'_, '_> {
    type Value = Option<Signal>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signal {code, conf_ppm, source}")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.none(&Raw::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.none(&Raw::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.none(&Raw::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.none(&Raw::unsigned(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.none(&Raw::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self.none(&Raw::Text(Cow::Borrowed(value))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let what = drained(&mut *self.reading, seq)?;
        Ok(self.none(&what))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut code, mut source, mut confidence, mut reference) = (Raw::Null, Raw::Null, Raw::Null, Raw::Null);
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let value = match keys.insert(key.clone()) {
                true => map.next_value_seed(Any { reading: &mut *self.reading }),
                false => self.reading.check(Err(TWICE.into())).map(|()| Raw::Null),
            };
            let value = match value {
                Ok(value) => value,
                Err(error) => {
                    self.reading.path.push(Segment::Key(key.into_owned()));
                    return Err(error);
                }
            };
            match &*key {
                "code" => code = value,
                "source" => source = value,
                "conf_ppm" => confidence = value,
                "ref" => reference = value,
                _ => self.reading.unknown(Within::Signal(self.column, self.position), self.row, &key, false),
            }
        }
        let (known_code, known_source) = (text(&code), text(&source));
        let mut sound = true;
        for (field, value, name) in [(known_code, &code, "code"), (known_source, &source, "source")] {
            match (field, value) {
                (Some(_), _) => continue,
                (None, Raw::Null) => self.wrong("", format!("a signal needs a {name}")),
                (None, other) => self.wrong(&format!(".{name}"), invalid(other, "a text")),
            }
            sound = false;
        }
        let known_confidence = match &confidence {
            Raw::Null => None,
            Raw::Int(confidence) => Some(*confidence),
            other => {
                self.wrong(".conf_ppm", invalid(other, "a 64-bit integer"));
                sound = false;
                // Whatever it is, it is there.
                Some(0)
            }
        };
        if !matches!(reference, Raw::Null | Raw::Text(_)) {
            self.wrong(".ref", invalid(&reference, "a text"));
            sound = false;
        }
        let (Some(code), Some(source)) = (known_code, known_source) else { return Ok(None) };
        match self.reading.draft.signal(code, known_confidence, source, text(&reference)) {
            Ok(signal) => Ok(sound.then_some(signal)),
            Err(wrong) => {
                wrong.into_iter().for_each(|(inner, clause)| self.wrong(inner, clause));
                Ok(None)
            }
        }
    }
}

/// The text that a value is.
fn text<'v>(value: &'v Raw<'_>) -> Option<&'v str> {
    match value {
        Raw::Text(text) => Some(text),
        _ => None,
    }
}
