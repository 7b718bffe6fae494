//! What looking into a ledger has in common, whatever for: the time asked for, what is shown, and the record of who asked.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use normgate::contract::{Day, now_ms};
use normgate_ledger::{Access, History, LedgerError, Query, Recorded, Redaction, Verifier};

use crate::account::opened::history;
use crate::identity::caller;
use crate::screen::JsonLines;

/// A range of time.
#[derive(ClapArgs)]
pub(crate) struct Range {
    /// From the beginning of this day in Asia/Shanghai
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) from: Option<Day>,
    /// Up to the end of this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) to: Option<Day>,
}

impl Range {
    pub(crate) fn query(&self) -> Query {
        Query {
            from_ms: self.from.map(Day::start_ms),
            to_ms: self.to.map(|day| day.next().start_ms()),
            ..Query::default()
        }
    }

    pub(crate) fn words(&self) -> String {
        let day = |day: Option<Day>| day.map_or(String::new(), |day| day.to_string());
        format!("{}..{}", day(self.from), day(self.to))
    }
}

/// What is shown of a record.
#[derive(ClapArgs)]
pub(crate) struct View {
    /// Show personal columns too
    #[arg(long)]
    pub(crate) personal: bool,
}

/// Prints what fits as JSON lines, after putting the look-up on the record; how many it was.
pub(crate) fn show(ledger: &Path, query: &Query, command: &str, asked: &str, view: &View) -> Result<u64> {
    let history = history(ledger)?;
    let redaction = if view.personal { Redaction::Nothing } else { Redaction::Personal };
    let mut found: Vec<Recorded> = Vec::new();
    let mut count = 0;
    // Counted first: the record of a look-up says how much was shown, and stands before any of it is.
    history.lists(
        query,
        |_| Ok(()),
        |recorded| {
            count += 1;
            if found.len() < 1_000 {
                found.push(recorded);
            }
            Ok(())
        },
    )?;
    note_access(&history, command, asked, count, view.personal)?;
    let mut output = JsonLines::new();
    if count == found.len() as u64 {
        for recorded in &found {
            output.write(&recorded.to_json(redaction).to_string()).map_err(unwritten_line)?;
        }
    } else {
        drop(found);
        history.lists(
            query,
            |_| Ok(()),
            |recorded| output.write(&recorded.to_json(redaction).to_string()).map_err(unwritten_line),
        )?;
    }
    output.flush().map_err(unwritten_line)?;
    Ok(count)
}

/// Why standard output lacks a line.
pub(crate) fn unwritten_line(source: io::Error) -> LedgerError {
    LedgerError::Io { place: "standard output".into(), source }
}

/// Puts a look-up on the record.
pub(crate) fn note_access(history: &History, command: &str, asked: &str, records: u64, personal: bool) -> Result<()> {
    let (command, asked) = (command.to_owned(), asked.to_owned());
    match history.note_access(&Access { ms: now_ms(), by: caller(), command, asked, records, personal }) {
        // Whoever has a copy may read it; nobody can be told there.
        Err(error @ LedgerError::ReadOnly { .. }) => remark!("{error}"),
        noted => noted?,
    }
    Ok(())
}

pub(crate) fn verifier(path: &Path) -> Result<Verifier> {
    Verifier::parse(&read(path)?).with_context(|| path.display().to_string())
}

pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
