//! What looking into a ledger has in common, whatever for: the time asked for, what is shown, and the record of who asked.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use normgate::contract::{Day, now_ms};
use normgate_ledger::{Access, History, LedgerError, Query, Recorded, Redaction, Verifier};

use crate::account::opened::history;
use crate::identity::who;
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

/// What is shown of a record, and to whom.
#[derive(ClapArgs)]
pub(crate) struct View {
    /// Show personal columns too
    #[arg(long)]
    pub(crate) personal: bool,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// Who looks something up.
#[derive(ClapArgs)]
pub(crate) struct Who {
    /// Who looks it up, for the record; the account that runs the command stands beside it
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

/// How a record is printed.
#[derive(Clone, Copy)]
pub(crate) enum Form<'f> {
    /// All of it.
    Whole,
    /// What it is and how to ask for it, with the ledger where that is said.
    Brief(Option<&'f str>),
}

/// Prints what fits as JSON lines, after putting the look-up on the record; how many it was. What is damaged is an error once
/// everything around it is printed.
pub(crate) fn show(
    ledger: &Path,
    query: &Query,
    command: &str,
    asked: &str,
    view: &View,
    form: Form<'_>,
) -> Result<u64> {
    let history = history(ledger)?;
    let redaction = if view.personal { Redaction::Nothing } else { Redaction::Personal };
    let line = |recorded: &Recorded| match form {
        Form::Whole => recorded.to_json(redaction),
        Form::Brief(ledger) => recorded.to_brief(ledger),
    };
    let mut found: Vec<Recorded> = Vec::new();
    let mut count = 0;
    // Counted first: the record of a look-up says how much was shown, and stands before any of it is.
    let mut read = history.lists(
        query,
        |_| Ok(()),
        |recorded| {
            count += 1;
            if found.len() < 1_000 {
                found.push(recorded);
            }
            Ok(())
        },
    );
    if count == 0 {
        read?;
        read = Ok(());
    }
    note_access(&history, command, asked, count, view.personal, &view.who)?;
    let mut output = JsonLines::new();
    if count == found.len() as u64 {
        for recorded in &found {
            output.write(&line(recorded)).map_err(unwritten_line)?;
        }
    } else {
        drop(found);
        read = history.lists(query, |_| Ok(()), |recorded| output.write(&line(&recorded)).map_err(unwritten_line));
    }
    output.flush().map_err(unwritten_line)?;
    read?;
    Ok(count)
}

/// Why standard output lacks a line.
pub(crate) fn unwritten_line(source: io::Error) -> LedgerError {
    LedgerError::Io { place: "standard output".into(), source }
}

/// Puts a look-up on the record.
pub(crate) fn note_access(
    history: &History,
    command: &str,
    asked: &str,
    records: u64,
    personal: bool,
    Who { by }: &Who,
) -> Result<()> {
    let (command, asked, by) = (command.to_owned(), asked.to_owned(), who(by.as_deref())?);
    match history.note_access(&Access { ms: now_ms(), by, command, asked, records, personal }) {
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
