//! What a module saw of a case: its columns, as the host handed them over, in the words of its manifest.

use normgate::__judging::{Call, Column};
use normgate::contract::{FIRST_ENTRY, Input, Manifest, Stage, UNKNOWN, UNLISTED};

use crate::{Case, Runner};

/// One call's frame: a row of cells for each row of the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The module asked: `art18`.
    pub module: String,
    /// In which stage.
    pub stage: Stage,
    /// Which frame: `request`, `candidates`, `tags`.
    pub frame: String,
    /// The columns' fields, in manifest order.
    pub columns: Vec<String>,
    /// Cells by row. `?` is unknown; `unlisted` is known to the host and not named in the manifest.
    pub rows: Vec<Vec<String>>,
}

impl Runner {
    /// The tables of every call that a case causes.
    ///
    /// # Errors
    /// One clause: the configuration or the request cannot be had.
    pub fn seen(&mut self, case: &Case) -> Result<Vec<Table>, String> {
        let known = self.gate(case)?;
        let (gate, reader) = &*known;
        let batch = reader.read(case.request.to_string().as_bytes()).map_err(|error| error.to_string())?;
        let mut tables = Vec::new();
        for (module, stage, batch) in gate.calls(&batch) {
            let Some(manifest) = self.modules.iter().map(|m| &m.manifest).find(|m| m.module == module) else {
                continue;
            };
            tables.extend(
                gate.with_call_in(stage, &module, &batch, |call| in_words(manifest, stage, &call))
                    .into_iter()
                    .flatten(),
            );
        }
        Ok(tables)
    }
}

fn in_words(manifest: &Manifest, stage: Stage, call: &Call<'_>) -> Vec<Table> {
    let table = |frame: &str, inputs: &[Input], rows| Table {
        module: manifest.module.clone(),
        stage,
        frame: frame.to_owned(),
        columns: inputs.iter().map(|input| input.field.clone()).collect(),
        rows,
    };
    let scalars = (call.request.known.iter().zip(call.request.values).zip(&manifest.request))
        .map(|((known, value), input)| if *known == 0 { "?".to_owned() } else { scalar(input, *value) });
    let mut tables = vec![table("request", &manifest.request, vec![scalars.collect()])];
    for (frame, names) in call.frames.iter().zip(&manifest.frames) {
        let row = |row: usize| {
            frame.columns.iter().zip(&names.columns).map(|(column, input)| cell(input, column, row)).collect()
        };
        tables.push(table(&names.name, &names.columns, (0..frame.rows as usize).map(row).collect()));
    }
    tables.retain(|table| !table.columns.is_empty());
    tables
}

/// A term by its code.
fn entry(input: &Input, code: u16) -> &str {
    match code {
        UNKNOWN => "?",
        UNLISTED => "unlisted",
        code => input.entries.get(usize::from(code - FIRST_ENTRY)).map_or("unlisted", String::as_str),
    }
}

fn tri(code: u8) -> &'static str {
    match code {
        1 => "no",
        2 => "yes",
        _ => "?",
    }
}

fn scalar(input: &Input, value: i64) -> String {
    use normgate::contract::ColumnType;
    match input.kind {
        ColumnType::Tri => tri(value as u8).to_owned(),
        ColumnType::Term => entry(input, value as u16).to_owned(),
        ColumnType::Terms => {
            let listed =
                input.entries.iter().enumerate().filter(|(bit, _)| value >> bit & 1 == 1).map(|(_, e)| e.as_str());
            in_braces(listed.chain((value >> 62 & 1 == 1).then_some("unlisted")))
        }
        _ => value.to_string(),
    }
}

fn cell(input: &Input, column: &Column<'_>, row: usize) -> String {
    let span = |known: &[u8], offsets: &[u32]| {
        (known.get(row) == Some(&1)).then(|| offsets[row] as usize..offsets[row + 1] as usize)
    };
    let unknown = || "?".to_owned();
    match column {
        Column::Absent => unknown(),
        Column::Tri(codes) => tri(codes.get(row).copied().unwrap_or(0)).to_owned(),
        Column::Integer(c) if c.known.get(row) == Some(&1) => c.values[row].to_string(),
        Column::Integer(_) => unknown(),
        Column::Term(codes) => entry(input, codes.get(row).copied().unwrap_or(UNKNOWN)).to_owned(),
        // Ids are numbers of one call: what matters of them is which are equal.
        Column::Id(ids) => ids.get(row).filter(|id| **id != 0).map_or_else(unknown, |id| format!("#{id}")),
        Column::Integers(c) => span(c.known, c.offsets).map_or_else(unknown, |span| in_braces(c.values[span].iter())),
        Column::Terms(c) => span(c.known, c.offsets)
            .map_or_else(unknown, |span| in_braces(c.codes[span].iter().map(|code| entry(input, *code)))),
        Column::Ids(c) => span(c.known, c.offsets)
            .map_or_else(unknown, |span| in_braces(c.ids[span].iter().map(|id| format!("#{id}")))),
        Column::Signals(c) => span(c.known, c.offsets).map_or_else(unknown, |span| {
            in_braces(span.map(|at| format!("{} {} ppm", entry(input, c.entries[at]), c.confidences[at])))
        }),
    }
}

fn in_braces<T: ToString>(items: impl Iterator<Item = T>) -> String {
    format!("{{{}}}", items.map(|item| item.to_string()).collect::<Vec<_>>().join(", "))
}
