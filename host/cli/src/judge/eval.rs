//! `normgate eval`: JSON objects in, JSON lines out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, ValueEnum};
use normgate::contract::Vocabulary;
use normgate::{Detail, Language, nearest_field};
use serde_json::json;

use crate::account::ledger::Recording;
use crate::account::private;
use crate::judge::requests::{Requests, complain};
use crate::judge::source::Source;
use crate::screen::{self, JsonLines, Progress};

const OUTPUT: &str = "standard output";

/// Judge requests: JSON objects in, one answer a line out, in the same order. A request may stand in one line or in several. What
/// cannot be judged is answered with an error in its place, which lists everything that is wrong with it, and the requests around it
/// are judged. Read from standard input, an empty line is answered with an error too, and ends a request that was begun.
///
/// Example: normgate eval -i requests.jsonl --only art18 --explain en
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Requests, as JSON objects; - reads standard input
    #[arg(short, long, value_name = "requests.jsonl", default_value = "-")]
    input: PathBuf,

    #[command(flatten)]
    source: Source,

    /// Add to each reason its sentence, article and remedy
    #[arg(long, value_name = "LANGUAGE")]
    explain: Option<Lang>,

    /// Add to each reason the values that it rests on
    #[arg(long)]
    evidence: bool,

    /// Refuse requests with unknown fields, all of a request at once, instead of ignoring these
    #[arg(long)]
    strict: bool,

    /// Write what every module did (calls, times, failures, rows withheld by rule) to this file at the end, in the text format of
    /// Prometheus
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,

    /// Write what would change if the rules in shadow acted (verdicts, places, exposure; by rule and surface) to this file at the
    /// end, as JSON, and show it as a table on standard error
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,

    #[command(flatten)]
    recording: Recording,
}

/// A language of sentences.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Lang {
    /// Chinese
    Zh,
    /// English
    En,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Zh => Self::Zh,
            Lang::En => Self::En,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let gate = args.source.build()?;
    let detail = Detail { explain: args.explain.map(Language::from), evidence: args.evidence };
    let ledger = args.recording.open()?;
    let waited_for = args.input.as_os_str() == "-";
    let mut requests = Requests::open(&args.input, gate.reader().strict(args.strict))?;
    if waited_for {
        requests = requests.answering();
    }
    let (mut output, progress) = (JsonLines::new(), Progress::beside_output());
    let flush_each = screen::is_terminal() || waited_for;

    let mut tally = Tally::default();
    while let Some(request) = requests.next()? {
        match request {
            Ok(batch) => {
                tally.judged += 1;
                let outcome = Arc::new(gate.evaluate(&batch));
                if let Some(ledger) = &ledger {
                    ledger.record(&batch, &outcome)?;
                }
                output.write(&outcome.to_json(detail)).context(OUTPUT)?;
            }
            Err(error) => {
                tally.refused += 1;
                let mut wrong = json!({"path": error.path, "message": error.message});
                if !error.more.is_empty() {
                    wrong["more"] = json!(error.more);
                }
                let answer = json!({"line": requests.number, "id": error.id, "error": wrong});
                output.write(&answer.to_string()).context(OUTPUT)?;
                complain(requests.number, &error);
            }
        }
        if flush_each {
            output.flush().context(OUTPUT)?;
        }
        if requests.number.is_multiple_of(1_000) {
            progress.show(&tally);
        }
    }
    output.flush().context(OUTPUT)?;
    let recorded = ledger.map(|ledger| args.recording.close(ledger)).transpose()?;
    if requests.number >= 1_000 {
        progress.show(&tally);
    }
    drop(progress);
    if let Some(path) = &args.stats {
        let text = gate.stats().to_prometheus() + &recorded.unwrap_or_default();
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.diff {
        let diff = gate.shadow_diff();
        private::write(path, format!("{}\n", json!(diff)))?;
        screen::aside(&diff.to_string());
    }
    let input = gate.stats().input;
    if !input.unknown_fields.is_empty() {
        let way_out = if args.strict { "refused" } else { "ignored; --strict refuses them" };
        remark!("fields that the vocabulary lacks were {way_out}: {}", named(&input.unknown_fields));
    }
    let causes: BTreeMap<String, u64> = input.bad_rows.iter().map(|(cause, n)| (cause.to_string(), *n)).collect();
    for (what, counts) in [("values judged as unknown", &input.bad_cells), ("rows withheld or left out", &causes)] {
        if !counts.is_empty() {
            let counts: Vec<String> = counts.iter().map(|(name, times)| format!("{name} ({times})")).collect();
            remark!("{what} for what was sent: {}", counts.join(", "));
        }
    }
    Ok(if tally.refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Unknown fields with how often each was sent, and the field of the vocabulary that is nearest.
fn named(unknown: &BTreeMap<String, u64>) -> String {
    let field = |(name, times): (&String, &u64)| format!("{name} ({times}{})", nearest(name));
    unknown.iter().map(field).collect::<Vec<_>>().join(", ")
}

/// The field that an unknown one most likely means, as a clause; nothing where none is near.
pub(crate) fn nearest(unknown: &str) -> String {
    nearest_field(Vocabulary::shipped(), unknown).map_or(String::new(), |near| format!("; did you mean {near}?"))
}

#[derive(Default)]
struct Tally {
    judged: u64,
    refused: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} judged, {} refused", self.judged, self.refused)
    }
}
