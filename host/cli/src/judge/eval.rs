//! `normgate eval`: JSON lines in, JSON lines out.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, ValueEnum};
use normgate::{Detail, Language};
use serde_json::json;

use crate::account::ledger::Recording;
use crate::account::private;
use crate::judge::requests::{Requests, complain};
use crate::judge::source::Source;
use crate::screen::{self, JsonLines, Progress};

const OUTPUT: &str = "standard output";

/// Judge requests: one JSON object a line in, one a line out, in the same order. A line that cannot be judged is answered
/// with an error in its place, and the lines around it are judged.
///
/// Example: normgate eval -i requests.jsonl --only art18 --explain en
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Requests, one a line; - reads standard input
    #[arg(short, long, value_name = "requests.jsonl", default_value = "-")]
    input: PathBuf,

    #[command(flatten)]
    source: Source,

    /// Answer with what a response needs and what is to be done, without reasons: ids in order, labels, duties (docs/answer.md)
    #[arg(long, conflicts_with_all = ["explain", "evidence"])]
    brief: bool,

    /// Add to each reason its sentence, article and remedy
    #[arg(long, value_name = "LANGUAGE")]
    explain: Option<Lang>,

    /// Add to each reason the values that it rests on
    #[arg(long)]
    evidence: bool,

    /// Refuse requests with unknown fields instead of ignoring these
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

    /// Keep the last 256 requests in memory, and write them to this file when a module's breaker opens and at the end, for whoever
    /// follows the runbook. They hold what was sent about users
    #[arg(long, value_name = "FILE")]
    last_requests: Option<PathBuf>,

    #[command(flatten)]
    recording: Recording,
}

/// Requests that `--last-requests` keeps.
const LAST: usize = 256;

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
    let gate = args.source.build_with(|builder| match &args.last_requests {
        Some(path) => builder.recording(LAST).last_requests(path),
        None => builder,
    })?;
    let detail = Detail { explain: args.explain.map(Language::from), evidence: args.evidence };
    let ledger = args.recording.open()?;
    let mut requests = Requests::open(&args.input, gate.reader().strict(args.strict))?;
    let (mut output, progress) = (JsonLines::new(), Progress::beside_output());
    let flush_each = screen::is_terminal() || args.input.as_os_str() == "-";

    let mut tally = Tally::default();
    while let Some(request) = requests.next().with_context(|| args.input.display().to_string())? {
        match request {
            Ok(batch) => {
                tally.judged += 1;
                tally.ignored += u64::from(batch.ignored_fields());
                let outcome = Arc::new(gate.evaluate(&batch));
                if let Some(ledger) = &ledger {
                    ledger.record(&batch, &outcome)?;
                }
                let answer = if args.brief { outcome.to_brief_json() } else { outcome.to_json(detail) };
                output.write(&answer).context(OUTPUT)?;
            }
            Err(error) => {
                tally.refused += 1;
                let answer = json!({
                    "line": requests.number, "id": error.id, "error": {"path": error.path, "message": error.message},
                });
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
    if let Some(path) = &args.last_requests {
        gate.write_last_requests(path).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.stats {
        let text = gate.stats().to_prometheus() + &recorded.unwrap_or_default();
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.diff {
        let diff = gate.shadow_diff();
        private::write(path, format!("{}\n", json!(diff)))?;
        screen::aside(&diff.to_string());
    }
    if tally.ignored > 0 {
        remark!("{} unknown fields were ignored; --strict refuses them", tally.ignored);
    }
    Ok(if tally.refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

#[derive(Default)]
struct Tally {
    judged: u64,
    refused: u64,
    ignored: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} judged, {} refused", self.judged, self.refused)
    }
}
