//! `normgate ledger export`: what a ledger holds, for others: JSON lines, a Parquet file, statements of reasons, a sealed case.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::Args as ClapArgs;
use normgate::Backend;
use normgate::contract::Day;
use normgate_ledger::{Case, History, LedgerError, Query, Recipient, Recorded, Redaction, Replay};
use normgate_report::{Parquet, statements};

use crate::account::lookup::{Form, Range, View, note_access, show, unwritten_line};
use crate::account::opened::history;
use crate::account::private;
use crate::judge::source::{at_hand, judging_again};
use crate::screen::{JsonLines, Progress};

/// Write everything of a time as JSON lines; as a Parquet file; as DSA statements of reasons; or one decision as a sealed case.
///
/// Examples: normgate ledger export DIR --from 2026-11-01 --to 2026-11-30 > november.jsonl; normgate ledger export DIR --parquet
/// november.parquet; normgate ledger export DIR --sealed 4f0c… --to inspector.pub -o case.sealed
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The ledger
    ledger: PathBuf,
    /// From the beginning of this day in Asia/Shanghai
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Day>,
    /// Up to the end of this day; with --sealed, the recipient's public key, as `normgate key generate --sealing` wrote it
    #[arg(long, value_name = "YYYY-MM-DD|NAME.pub")]
    to: Option<String>,
    #[command(flatten)]
    view: View,
    /// Write a Parquet file, one row a candidate, for analysts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dsa", "sealed"])]
    parquet: Option<PathBuf>,
    /// Write restrictions of content as statements of reasons in the fields of the DSA Transparency Database, one JSON object a line
    #[arg(long, requires = "territorial_scope", conflicts_with_all = ["sealed", "personal"])]
    dsa: bool,
    /// Countries of the EU or EEA that the statements are for; may be given again
    #[arg(long, value_name = "COUNTRY", requires = "dsa")]
    territorial_scope: Vec<String>,
    /// Write one decision with all that judging it again takes, its names replaced, for one recipient to open
    #[arg(long, value_name = "ID", requires = "to", requires = "output", conflicts_with_all = ["from", "personal"])]
    sealed: Option<String>,
    /// The file of the sealed case
    #[arg(short, long, value_name = "CASE.sealed", requires = "sealed")]
    output: Option<PathBuf>,
    /// Module file or folder to look for recorded modules in, beside those that this program carries; may be given again
    #[arg(short = 'p', long = "policy", value_name = "MODULE.wasm|DIR")]
    policies: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let (Some(id), Some(recipient), Some(output)) = (&args.sealed, &args.to, &args.output) {
        return seal(args, id, recipient.as_ref(), output);
    }
    let to: Option<Day> =
        args.to.as_deref().map(str::parse).transpose().map_err(|error: String| anyhow!("--to: {error}"))?;
    let range = Range { from: args.from, to };
    let (query, asked) = (range.query(), range.words());
    match &args.parquet {
        Some(file) => parquet(args, &query, &asked, file),
        None if args.dsa => dsa(args, &query, &asked),
        None => {
            let found = show(&args.ledger, &query, "export", &asked, &args.view, Form::Whole)?;
            remark!("{found} decisions");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn seal(args: &Args, id: &str, recipient: &Path, output: &Path) -> Result<ExitCode> {
    let recipient = Recipient::read(recipient)?;
    let history = history(&args.ledger)?;
    note_access(&history, "export", &format!("{id}, sealed to {}", recipient.id()), 1, true, &args.view.who)?;
    let sealed =
        Case::export(&history, id, &at_hand(&args.policies)?, judging_again(Backend::Native))?.seal(&recipient)?;
    private::write(output, &sealed)?;
    say!("{}: decision {id}, {} bytes, for the key {} alone", output.display(), sealed.len(), recipient.id());
    Ok(ExitCode::SUCCESS)
}

/// Counts what will be shown, and puts the look-up on the record before any of it is.
fn announce(history: &History, query: &Query, asked: &str, view: &View) -> Result<()> {
    let mut count = 0;
    history.lists(
        query,
        |_| Ok(()),
        |_| {
            count += 1;
            Ok(())
        },
    )?;
    note_access(history, "export", asked, count, view.personal, &view.who)
}

fn parquet(args: &Args, query: &Query, asked: &str, file: &Path) -> Result<ExitCode> {
    let history = history(&args.ledger)?;
    announce(&history, query, asked, &args.view)?;
    let redaction = if args.view.personal { Redaction::Nothing } else { Redaction::Personal };
    let output = BufWriter::new(private::create(file)?);
    let mut table = Parquet::new(output, redaction)?;
    let (mut written, mut unreadable) = (0u64, 0u64);
    history.lists(
        query,
        |_| Ok(()),
        |recorded| match recorded.answer()? {
            Some(answer) => {
                written += 1;
                table.add(&recorded, &answer).map_err(|error| unwritten(file, error))
            }
            None => {
                unreadable += 1;
                Ok(())
            }
        },
    )?;
    table.close()?;
    remark!("{written} decisions, {unreadable} without a key");
    Ok(ExitCode::SUCCESS)
}

fn unwritten(file: &Path, error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError::Io { place: file.display().to_string(), source: io::Error::other(error) }
}

/// Writes statements of reasons; one that a field of the database is too short for is refused in its place.
fn dsa(args: &Args, query: &Query, asked: &str) -> Result<ExitCode> {
    let scope = &args.territorial_scope;
    if let Some(strange) =
        scope.iter().find(|country| country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()))
    {
        bail!("`{strange}` is no country code; write two capital letters, for example DE");
    }
    let history = history(&args.ledger)?;
    announce(&history, query, asked, &args.view)?;
    let modules = at_hand(&args.policies)?;
    let mut replay = Replay::new(&modules, || judging_again(Backend::Native), 1);
    let sets = RefCell::new(HashMap::new());
    let (mut output, progress) = (JsonLines::new(), Progress::beside_output());
    let (mut written, mut refused) = (0u64, 0u64);
    let mut state = |recorded: Recorded| -> Result<(), LedgerError> {
        let Some(answer) = recorded.answer()? else { return Ok(()) };
        let again = match sets.borrow().get(&recorded.decision.policy_set) {
            Some(set) => replay.outcome(&recorded, set)?,
            None => None,
        };
        let again = again.as_ref().map(|(batch, outcome)| (batch, outcome));
        for statement in statements(&recorded, &answer, &modules, again, scope) {
            match statement.check() {
                Ok(()) => {
                    let line = serde_json::to_string(&statement).unwrap_or_default();
                    output.write(&line).map_err(unwritten_line)?;
                    written += 1;
                }
                Err(error) => {
                    remark!("{error}");
                    refused += 1;
                }
            }
        }
        if written.is_multiple_of(100) {
            progress.show(format_args!("{written} statements"));
        }
        Ok(())
    };
    history.lists(
        query,
        |set| {
            sets.borrow_mut().insert(set.policy_set.clone(), set);
            Ok(())
        },
        &mut state,
    )?;
    output.flush().map_err(unwritten_line)?;
    drop(progress);
    remark!("{written} statements, {refused} refused");
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
