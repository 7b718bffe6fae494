//! Decisions as a Parquet file, one row a candidate: a view for analysts, derived from the ledger and proof of nothing.

use std::io::Write;
use std::sync::Arc;

use normgate_ledger::{Answer, Group, Recorded, Redaction, RowAnswer};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde::Serialize;

/// Rows of a row group; also what is held in memory.
const GROUP: usize = 65_536;

/// What the file holds. `labels`, `rules` and `causes` are lists; causes stand beside the rules.
const SCHEMA: &str = "
message decisions {
  required int64 record;
  required int64 ms (TIMESTAMP(MILLIS, true));
  required binary decision (UTF8);
  optional binary user (UTF8);
  required binary level (UTF8);
  required binary policy_set (UTF8);
  optional binary generation (UTF8);
  optional binary surface (UTF8);
  optional binary user_group (UTF8);
  required binary candidate (UTF8);
  required int32 place;
  required boolean shown;
  required binary action (UTF8);
  required binary hold (UTF8);
  required int32 weight_ppm;
  repeated binary labels (UTF8);
  repeated binary rules (UTF8);
  repeated binary causes (UTF8);
}";

/// One row: a candidate of a decision.
struct Row {
    record: i64,
    ms: i64,
    place: i32,
    shown: bool,
    weight_ppm: i32,
    texts: [ByteArray; 6],
    optional: [Option<ByteArray>; 4],
    lists: [Vec<ByteArray>; 3],
}

/// A Parquet file that is being written.
pub struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<Row>,
    redaction: Redaction,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file. Under [`Redaction::Personal`] it has no users and no groups of users.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(output: W, redaction: Redaction) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = SerializedFileWriter::new(output, Arc::new(parse_message_type(SCHEMA)?), Arc::new(properties))?;
        Ok(Self { writer, rows: Vec::new(), redaction })
    }

    /// Adds the candidates of one decision.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, recorded: &Recorded, answer: &Answer<'_>) -> Result<(), ParquetError> {
        let facets = recorded.facets.as_ref();
        let personal = self.redaction == Redaction::Nothing;
        let group = facets.filter(|_| personal).map(|facets| match facets.group() {
            Group::Minor => "minor",
            Group::Elder => "elder",
            Group::Adult => "adult",
            Group::Unknown => "unknown",
        });
        let user = facets.filter(|_| personal).and_then(|facets| facets.user.as_deref());
        let level = if recorded.request().is_some() { "full" } else { "commit" };
        let surface = facets.and_then(|facets| facets.surface.as_deref());
        let optional =
            [user, recorded.decision.generation.as_deref(), surface, group].map(|text| text.map(ByteArray::from));
        for (place, RowAnswer { id, action, hold, weight_ppm, labels, reasons }) in answer.verdicts.iter().enumerate() {
            let (action, hold) = (name(action), name(hold));
            let texts = [&*answer.decision_id, level, &recorded.decision.policy_set, &**id, &action, &hold];
            let causes = reasons.iter().map(|reason| ByteArray::from(name(&reason.cause).as_str()));
            self.rows.push(Row {
                record: recorded.record as i64,
                ms: recorded.ms,
                place: i32::try_from(place).unwrap_or(i32::MAX),
                shown: place < answer.shown,
                weight_ppm: i32::try_from(*weight_ppm).unwrap_or(i32::MAX),
                texts: texts.map(ByteArray::from),
                optional: optional.clone(),
                lists: [
                    labels.iter().map(|label| ByteArray::from(label.as_str())).collect(),
                    reasons.iter().map(|reason| ByteArray::from(&*reason.rule)).collect(),
                    causes.collect(),
                ],
            });
        }
        if self.rows.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(mut self) -> Result<(), ParquetError> {
        self.flush()?;
        self.writer.close().map(drop)
    }

    /// Writes what is held as a row group, column by column in the order of the schema.
    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.writer.next_row_group()?;
        let text = |index: usize| rows.iter().map(|row| row.texts[index].clone()).collect::<Vec<_>>();
        let numbers = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
        column(&mut group, |c| c.typed::<Int64Type>().write_batch(&numbers(|row| row.record), None, None))?;
        column(&mut group, |c| c.typed::<Int64Type>().write_batch(&numbers(|row| row.ms), None, None))?;
        column(&mut group, |c| c.typed::<ByteArrayType>().write_batch(&text(0), None, None))?;
        optional(&mut group, &rows, 0)?;
        column(&mut group, |c| c.typed::<ByteArrayType>().write_batch(&text(1), None, None))?;
        column(&mut group, |c| c.typed::<ByteArrayType>().write_batch(&text(2), None, None))?;
        (1..4).try_for_each(|index| optional(&mut group, &rows, index))?;
        column(&mut group, |c| c.typed::<ByteArrayType>().write_batch(&text(3), None, None))?;
        let small = |of: fn(&Row) -> i32| rows.iter().map(of).collect::<Vec<_>>();
        let shown: Vec<bool> = rows.iter().map(|row| row.shown).collect();
        column(&mut group, |c| c.typed::<Int32Type>().write_batch(&small(|row| row.place), None, None))?;
        column(&mut group, |c| c.typed::<BoolType>().write_batch(&shown, None, None))?;
        column(&mut group, |c| c.typed::<ByteArrayType>().write_batch(&text(4), None, None))?;
        column(&mut group, |c| c.typed::<ByteArrayType>().write_batch(&text(5), None, None))?;
        column(&mut group, |c| c.typed::<Int32Type>().write_batch(&small(|row| row.weight_ppm), None, None))?;
        (0..3).try_for_each(|index| list(&mut group, &rows, index))?;
        group.close().map(drop)
    }
}

/// The name of a closed term on the wire.
fn name(term: &impl Serialize) -> String {
    serde_json::to_value(term).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Writes the next column of a row group.
fn column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    write: impl FnOnce(&mut SerializedColumnWriter<'_>) -> Result<usize, ParquetError>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns than are written".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    write(&mut column)?;
    column.close()
}

/// A column of texts that may be missing: a definition level says which are there.
fn optional<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Row],
    index: usize,
) -> Result<(), ParquetError> {
    let there: Vec<i16> = rows.iter().map(|row| i16::from(row.optional[index].is_some())).collect();
    let values: Vec<ByteArray> = rows.iter().filter_map(|row| row.optional[index].clone()).collect();
    column(group, |c| c.typed::<ByteArrayType>().write_batch(&values, Some(&there), None))
}

/// A column of lists: definition level 0 is an empty list, repetition level 1 goes on with the one before.
fn list<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Row],
    index: usize,
) -> Result<(), ParquetError> {
    let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let texts = &row.lists[index];
        for place in 0..texts.len().max(1) {
            defined.push(i16::from(!texts.is_empty()));
            repeated.push(i16::from(place > 0));
        }
        values.extend(texts.iter().cloned());
    }
    column(group, |c| c.typed::<ByteArrayType>().write_batch(&values, Some(&defined), Some(&repeated)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use normgate::contract::Block;
    use normgate::{Action, Cause, Circumstances};
    use normgate_ledger::{Because, Decision, Facets, Level};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn decision(user: &str, rows: &[(&str, &[&str])]) -> (Recorded, Answer<'static>) {
        let because = |rule: &&str| Because {
            rule: (*rule).to_owned().into(),
            policy: "p@1.0.0".into(),
            effect: Action::Label,
            cause: Cause::Fact,
        };
        let row = |(id, rules): &(&str, &[&str])| RowAnswer {
            id: (*id).to_owned().into(),
            action: Action::Label,
            hold: Block::None,
            weight_ppm: 1_000_000,
            labels: Vec::new(),
            reasons: rules.iter().map(because).collect(),
        };
        let facets = Facets { user: Some(user.into()), minor_mode: Some(true), ..Facets::default() };
        let recorded = Recorded {
            record: 7,
            ms: 1_767_225_600_000,
            epoch: "2026-01-01".parse().unwrap(),
            decision: Decision {
                id: None,
                level: Level::Commit,
                why: Vec::new(),
                policy_set: "sha256:0".into(),
                generation: None,
                keep_d: None,
                input: None,
                circumstances: Circumstances::default(),
            },
            outcome: None,
            facets: Some(facets),
            columns: Vec::new(),
            personal: None,
        };
        let answer = Answer {
            decision_id: format!("decision of {user}").into(),
            policy_set: "sha256:0".into(),
            scope: "in".into(),
            shown: 1,
            verdicts: rows.iter().map(row).collect(),
            tags: Vec::new(),
            obligations: Vec::new(),
            vetoes: Vec::new(),
            violations: Vec::new(),
            shadow: Vec::new(),
            failures: Vec::new(),
            notices: Vec::new(),
        };
        (recorded, answer)
    }

    #[test]
    fn a_row_a_candidate_is_read_back() {
        for (redaction, user) in [(Redaction::Nothing, Some("u1")), (Redaction::Personal, None)] {
            let mut bytes = Vec::new();
            let mut table = Parquet::new(&mut bytes, redaction).unwrap();
            let (recorded, answer) = decision("u1", &[("a", &["r1", "r2"]), ("b", &[])]);
            table.add(&recorded, &answer).unwrap();
            table.close().unwrap();
            let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
            let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
            let field = |row: usize, name: &str| {
                let mut columns = rows[row].get_column_iter();
                columns.find(|(column, _)| *column == name).map(|(_, field)| field.clone()).unwrap()
            };
            assert_eq!(rows.len(), 2);
            assert_eq!(field(0, "user"), user.map_or(Field::Null, |user| Field::Str(user.into())));
            assert_eq!(field(1, "candidate"), Field::Str("b".into()));
            assert_eq!((field(0, "shown"), field(1, "shown")), (Field::Bool(true), Field::Bool(false)));
            let list = |row: usize| match field(row, "rules") {
                Field::ListInternal(list) => list.elements().len(),
                other => unreachable!("{other}"),
            };
            assert_eq!((list(0), list(1)), (2, 0));
        }
    }
}
