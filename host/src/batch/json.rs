//! From a JSON line to columns, without a tree in between.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use normgate_contract::{ColumnType, Vocabulary};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Batch, Draft, InputError, MAX_VALUES, Signal};

/// Where a key of an object leads.
#[derive(Clone, Copy, Debug)]
enum Child {
    Object(usize),
    Column(usize),
    Rows(usize),
}

/// Reads requests by one vocabulary.
#[derive(Debug)]
pub struct Reader {
    vocabulary: Arc<Vocabulary>,
    /// Objects of the request and of each frame's rows, as a trie over field names.
    objects: Vec<HashMap<String, Child>>,
    /// The object that a row of each frame is.
    roots: Vec<usize>,
    strict: bool,
}

impl Reader {
    /// A reader that counts unknown fields.
    pub fn new(vocabulary: Arc<Vocabulary>) -> Self {
        let mut objects = vec![HashMap::default(); vocabulary.frames.len()];
        let roots: Vec<usize> = (0..vocabulary.frames.len()).collect();
        let mut insert = |root: usize, path: &str, leaf: Child| {
            let mut at = root;
            let mut parts = path.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    objects[at].insert(part.to_owned(), leaf);
                } else if let Some(Child::Object(next)) = objects[at].get(part) {
                    at = *next;
                } else {
                    objects.push(HashMap::default());
                    let next = objects.len() - 1;
                    objects[at].insert(part.to_owned(), Child::Object(next));
                    at = next;
                }
            }
        };
        for (index, column) in vocabulary.columns.iter().enumerate() {
            insert(column.frame, &column.field, Child::Column(index));
        }
        for (frame, (_, path)) in vocabulary.frames.iter().enumerate().skip(1) {
            insert(0, path, Child::Rows(frame));
        }
        Self { vocabulary, objects, roots, strict: false }
    }

    /// Refuses unknown fields instead of counting them.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    pub(super) fn start(&self) -> Reading<'_> {
        Reading { reader: self, draft: Draft::new(Arc::clone(&self.vocabulary)), path: Vec::new(), clause: None }
    }

    /// Reads one request.
    ///
    /// # Errors
    /// The first value that is not as the vocabulary says, with its path.
    pub fn read(&self, line: &[u8]) -> Result<Batch, InputError> {
        let refuse = |message: String| InputError { id: None, path: String::new(), message };
        let text = std::str::from_utf8(line)
            .map_err(|error| refuse(format!("byte {} is not UTF-8", error.valid_up_to() + 1)))?;
        let mut reading = self.start();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let done = Object { reading: &mut reading, object: 0, row: 0, top: true }
            .deserialize(&mut deserializer)
            .and_then(|()| deserializer.end());
        match done {
            Ok(()) => reading.draft.finish(),
            Err(error) => Err(reading.error(&error)),
        }
    }
}

/// What is known while a line is read.
pub(super) struct Reading<'r> {
    reader: &'r Reader,
    pub(super) draft: Draft,
    /// Path of the value that failed, innermost first.
    path: Vec<Segment>,
    /// What is wrong with it, when the vocabulary said so and not the JSON reader.
    clause: Option<String>,
}

enum Segment {
    Key(String),
    Row(usize),
}

impl Reading<'_> {
    pub(super) fn error(self, error: &serde_json::Error) -> InputError {
        let mut path = String::new();
        for segment in self.path.iter().rev() {
            match segment {
                Segment::Key(key) if path.is_empty() => path.push_str(key),
                Segment::Key(key) => {
                    path.push('.');
                    path.push_str(key);
                }
                Segment::Row(row) => path.push_str(&format!("[{row}]")),
            }
        }
        let message = self.clause.unwrap_or_else(|| {
            let text = error.to_string();
            let bare = text.rsplit_once(" at line ").map_or(text.as_str(), |(bare, _)| bare);
            match error.classify() {
                serde_json::error::Category::Data => bare.chars().take(200).collect(),
                _ => format!("not JSON: {bare} at column {}", error.column()),
            }
        });
        InputError { id: self.draft.id, path, message }
    }

    /// Keeps a clause of the vocabulary beside the JSON reader's own error.
    fn check<E: de::Error>(&mut self, result: Result<(), String>) -> Result<(), E> {
        result.map_err(|clause| {
            let error = E::custom("");
            self.clause = Some(clause);
            error
        })
    }
}

/// An object: the request, a group of fields inside it, or a row.
struct Object<'a, 'r> {
    reading: &'a mut Reading<'r>,
    object: usize,
    row: usize,
    top: bool,
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
        if self.top { Err(E::invalid_type(de::Unexpected::Unit, &self)) } else { Ok(()) }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let result = self.reading.field(self.object, self.row, self.top, &key, &mut map);
            if let Err(error) = result {
                self.reading.path.push(Segment::Key(key.into_owned()));
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Reading<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        object: usize,
        row: usize,
        top: bool,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match self.reader.objects[object].get(key).copied() {
            Some(Child::Column(column)) => map.next_value_seed(Value { reading: self, column, row }),
            Some(Child::Object(object)) => map.next_value_seed(Object { reading: self, object, row, top: false }),
            Some(Child::Rows(frame)) => map.next_value_seed(Rows { reading: self, frame }),
            None if top && key == "id" => {
                let id: Option<String> = map.next_value()?;
                let result = match &id {
                    Some(id) if id.len() > super::MAX_ID_BYTES => {
                        Err(format!("an identifier of {} bytes is longer than {}", id.len(), super::MAX_ID_BYTES))
                    }
                    _ if self.draft.id.is_some() => Err("this field is given twice".into()),
                    _ => Ok(()),
                };
                self.check(result)?;
                self.draft.id = id;
                Ok(())
            }
            None if self.reader.strict => self.check(Err("the vocabulary has no such field".into())),
            None => {
                self.draft.ignored += 1;
                map.next_value::<IgnoredAny>().map(|_| ())
            }
        }
    }
}

/// A key, borrowed where the text allows it.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = std::borrow::Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = std::borrow::Cow<'de, str>;

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

/// The rows of a frame.
struct Rows<'a, 'r> {
    reading: &'a mut Reading<'r>,
    frame: usize,
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
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.reading.draft.rows[self.frame] > 0 {
            return self.reading.check(Err("this field is given twice".into()));
        }
        let object = self.reading.reader.roots[self.frame];
        loop {
            let row = self.reading.draft.rows[self.frame] as usize;
            match seq.next_element_seed(RowSeed { reading: self.reading, object, frame: self.frame, row }) {
                Ok(Some(())) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.reading.path.push(Segment::Row(row));
                    return Err(error);
                }
            }
        }
    }
}

/// One row; it is counted only when it is really there.
struct RowSeed<'a, 'r> {
    reading: &'a mut Reading<'r>,
    object: usize,
    frame: usize,
    row: usize,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let counted = self.reading.draft.next_row(self.frame).map(|_| ());
        self.reading.check(counted)?;
        Object { reading: self.reading, object: self.object, row: self.row, top: true }.deserialize(deserializer)
    }
}

/// One value of a column.
pub(super) struct Value<'a, 'r> {
    pub(super) reading: &'a mut Reading<'r>,
    pub(super) column: usize,
    pub(super) row: usize,
}

impl Value<'_, '_> {
    fn kind(&self) -> ColumnType {
        self.reading.draft.spec(self.column).kind
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
        f.write_str(match self.kind() {
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
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        if self.kind() != ColumnType::Tri {
            return Err(E::invalid_type(de::Unexpected::Bool(value), &self));
        }
        let result = self.reading.draft.tri(self.column, self.row, value);
        self.reading.check(result)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        let result = match self.kind() {
            ColumnType::Integer => self.reading.draft.integer(self.column, self.row, value),
            ColumnType::Number => self.reading.draft.number(self.column, self.row, value as f64),
            _ => return Err(E::invalid_type(de::Unexpected::Signed(value), &self)),
        };
        self.reading.check(result)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        let bits = value as i64;
        let result = match (self.kind(), i64::try_from(value)) {
            (_, Ok(value)) => return self.visit_i64(value),
            // Hashes travel in 64 bits; where any value is legal, the bits are what counts.
            (ColumnType::Integer, Err(_)) if self.reading.draft.spec(self.column).range.is_none() => {
                self.reading.draft.integer(self.column, self.row, bits)
            }
            (ColumnType::Number, Err(_)) => self.reading.draft.number(self.column, self.row, value as f64),
            (ColumnType::Integer, Err(_)) => {
                let (low, high) = self.reading.draft.spec(self.column).range.unwrap_or_default();
                Err(format!("{value} is outside {low}..{high}"))
            }
            _ => return Err(E::invalid_type(de::Unexpected::Unsigned(value), &self)),
        };
        self.reading.check(result)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        if self.kind() != ColumnType::Number {
            return Err(E::invalid_type(de::Unexpected::Float(value), &self));
        }
        let result = self.reading.draft.number(self.column, self.row, value);
        self.reading.check(result)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        let draft = &mut self.reading.draft;
        let result = match draft.spec(self.column).kind {
            ColumnType::Term => draft.term(self.column, self.row, value),
            ColumnType::Id => draft.identifier(self.column, self.row, value),
            ColumnType::Text => draft.text(self.column, self.row, value),
            _ => return Err(E::invalid_type(de::Unexpected::Other("a string"), &self)),
        };
        self.reading.check(result)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { reading, column, row } = self;
        let kind = reading.draft.spec(column).kind;
        let mut position = 0;
        let mut codes = Vec::new();
        let mut numbers = Vec::new();
        let mut signals: Vec<Signal> = Vec::new();
        // One value too many is enough to refuse the list, below.
        while position <= MAX_VALUES {
            let step: Result<bool, A::Error> = match kind {
                ColumnType::Terms | ColumnType::Ids => match seq.next_element_seed(Key) {
                    Ok(Some(text)) => {
                        let code = match kind {
                            ColumnType::Terms => reading.draft.term_code(column, &text),
                            _ => reading.draft.intern_id(&text),
                        };
                        let result = code.map(|code| codes.push(code));
                        reading.check(result).map(|()| true)
                    }
                    Ok(None) => Ok(false),
                    Err(error) => Err(error),
                },
                ColumnType::Integers => match seq.next_element::<i64>() {
                    Ok(Some(number)) => {
                        numbers.push(number);
                        Ok(true)
                    }
                    Ok(None) => Ok(false),
                    Err(error) => Err(error),
                },
                ColumnType::Signals => match seq.next_element_seed(SignalSeed { reading }) {
                    Ok(Some(signal)) => {
                        signals.push(signal);
                        Ok(true)
                    }
                    Ok(None) => Ok(false),
                    Err(error) => Err(error),
                },
                _ => return Err(de::Error::invalid_type(de::Unexpected::Seq, &Value { reading, column, row })),
            };
            match step {
                Ok(true) => position += 1,
                Ok(false) => break,
                Err(error) => {
                    reading.path.push(Segment::Row(position));
                    return Err(error);
                }
            }
        }
        let result = match kind {
            ColumnType::Signals => reading.draft.signals(column, row, &signals),
            ColumnType::Integers => reading.draft.integers(column, row, &numbers),
            _ => reading.draft.codes(column, row, &codes),
        };
        reading.check(result)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(de::Error::invalid_type(de::Unexpected::Map, &self))
    }
}

/// One signal: `{"code","conf_ppm","source","ref"}`.
struct SignalSeed<'a, 'r> {
    reading: &'a mut Reading<'r>,
}

impl<'de> DeserializeSeed<'de> for SignalSeed<'_, '_> {
    type Value = Signal;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Signal, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SignalSeed<'_, '_> {
    type Value = Signal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signal {code, conf_ppm, source}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Signal, A::Error> {
        let mut code: Option<std::borrow::Cow<'de, str>> = None;
        let mut source: Option<std::borrow::Cow<'de, str>> = None;
        let mut reference: Option<String> = None;
        let mut confidence = 1_000_000;
        while let Some(key) = map.next_key_seed(Key)? {
            let result = match &*key {
                "code" => map.next_value_seed(Key).map(|text| code = Some(text)),
                "source" => map.next_value_seed(Key).map(|text| source = Some(text)),
                "conf_ppm" => map.next_value::<Option<i64>>().map(|value| confidence = value.unwrap_or(1_000_000)),
                "ref" => map.next_value::<Option<String>>().map(|value| reference = value),
                _ if self.reading.reader.strict => self.reading.check(Err("the vocabulary has no such field".into())),
                _ => {
                    self.reading.draft.ignored += 1;
                    map.next_value::<IgnoredAny>().map(|_| ())
                }
            };
            if let Err(error) = result {
                self.reading.path.push(Segment::Key(key.into_owned()));
                return Err(error);
            }
        }
        let made = match (code, source) {
            (Some(code), Some(source)) => self.reading.draft.signal(&code, confidence, &source, reference.as_deref()),
            (None, _) => Err("a signal needs a code".into()),
            (_, None) => Err("a signal needs a source".into()),
        };
        match made {
            Ok(signal) => Ok(signal),
            Err(clause) => {
                Err(self.reading.check::<A::Error>(Err(clause)).err().unwrap_or_else(|| de::Error::custom("")))
            }
        }
    }
}
