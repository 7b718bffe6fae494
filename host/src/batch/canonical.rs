//! A request in its canonical form, whole or in part, and back from it: what is hashed, recorded and judged again.

use std::fmt;

use normgate_contract::ColumnSpec;
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::json::{Reading, Value};
use super::{Batch, InputError, MAX_ROWS, Reader, quote};

impl Batch {
    /// The request in one canonical form: every known value by column name, row by row, whatever the input looked like.
    /// `decision_id` is computed from it.
    pub fn canonical(&self) -> Vec<u8> {
        self.canonical_part(|_| true)
    }

    /// The canonical form with only the columns that are wanted. Parts, one after another, read back as one request
    /// ([`Reader::read_canonical`]).
    pub fn canonical_part(&self, wanted: impl Fn(&ColumnSpec) -> bool) -> Vec<u8> {
        let mut out = b"id=".to_vec();
        match self.id() {
            Some(id) => quote(id, &mut out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'\n');
        for (frame, (name, _)) in self.vocabulary.frames.iter().enumerate().skip(1) {
            out.extend_from_slice(format!("{name}={}\n", self.rows[frame]).as_bytes());
        }
        for (name, said) in self.amiss().iter().flat_map(|amiss| amiss.said()) {
            out.extend_from_slice(format!("{name}={said}\n").as_bytes());
        }
        let mut order: Vec<usize> = (0..self.columns.len())
            .filter(|index| self.columns[*index].is_some() && wanted(&self.vocabulary.columns[*index]))
            .collect();
        order.sort_by_key(|index| &self.vocabulary.columns[*index].name);
        for index in order {
            let spec = &self.vocabulary.columns[index];
            let begin = out.len();
            out.extend_from_slice(spec.name.as_bytes());
            out.extend_from_slice(b"=[");
            let mut known = false;
            for row in 0..self.rows[spec.frame] as usize {
                if row > 0 {
                    out.push(b',');
                }
                known |= self.write(index, row, &mut out);
            }
            out.extend_from_slice(b"]\n");
            // A column of which nothing is known is as if it had not been sent.
            if !known {
                out.truncate(begin);
            }
        }
        out
    }
}

impl Reader {
    /// Reads a request back from its canonical form, or from parts of it, one after another. Columns that this reader's
    /// vocabulary lacks are counted as unknown fields.
    ///
    /// # Errors
    /// The first line that is not of that form, with the name that it begins with.
    pub fn read_canonical(&self, text: &[u8]) -> Result<Batch, InputError> {
        let refuse = |path: &str, message: &str| InputError {
            path: path.into(),
            message: message.into(),
            ..InputError::default()
        };
        let text = std::str::from_utf8(text).map_err(|_| refuse("", "the canonical form is not UTF-8"))?;
        let mut reading = self.start();
        reading.draft.recorded = true;
        let (mut id, mut counted) = (None::<&str>, vec![None::<usize>; reading.draft.rows.len()]);
        for line in text.lines() {
            let (name, value) = line.split_once('=').ok_or_else(|| refuse(line, "a line needs a name and a value"))?;
            let frame = reading.draft.vocabulary.frame(name).filter(|frame| *frame > 0);
            // Parts repeat the head; it must be the same in all.
            if name == "id" {
                if id.replace(value).is_some_and(|known| known != value) {
                    return Err(refuse(name, "the parts are of two requests"));
                }
                reading.draft.id = serde_json::from_str(value).map_err(|error| refuse(name, &error.to_string()))?;
            } else if let Some(frame) = frame {
                let rows = value.parse().ok().filter(|rows| *rows <= MAX_ROWS);
                let rows = rows.ok_or_else(|| refuse(name, "not a number of rows that a request may have"))?;
                if counted[frame].replace(rows).is_some_and(|known| known != rows) {
                    return Err(refuse(name, "the parts are of two requests"));
                }
                reading.draft.rows[frame] = rows as u32;
            } else if let Some(said) = reading.draft.amiss.hears(name, value) {
                said.map_err(|error| refuse(name, &error.to_string()))?;
            } else if let Some((column, _)) = reading.draft.vocabulary.column(name) {
                let rows = reading.draft.rows[reading.draft.spec(column).frame] as usize;
                let mut values = serde_json::Deserializer::from_str(value);
                let read = Values { reading: &mut reading, column, rows }.deserialize(&mut values);
                if let Err(error) = read.and_then(|()| values.end()) {
                    let error = reading.refused(Some(&error));
                    return Err(InputError { path: format!("{name}{}", error.path), ..error });
                }
            } else {
                *reading.draft.amiss.unknown.entry(name.to_owned()).or_default() += 1;
            }
        }
        reading.draft.finish()
    }
}

/// The values of one column, row by row.
struct Values<'a, 'r> {
    reading: &'a mut Reading<'r>,
    column: usize,
    rows: usize,
}

impl<'de> DeserializeSeed<'de> for Values<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Values<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} values", self.rows)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut row = 0;
        while seq.next_element_seed(Value { reading: self.reading, column: self.column, row })?.is_some() {
            row += 1;
            if row > self.rows {
                return Err(de::Error::invalid_length(row, &self));
            }
        }
        if row < self.rows { Err(de::Error::invalid_length(row, &self)) } else { Ok(()) }
    }
}
