//! `normgate eval`: JSON objects in, JSON lines out.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, ValueEnum};
use normgate::contract::Vocabulary;
use normgate::{Detail, Gate, InputError, InputStats, Language, ModuleStats, nearest_field};
use normgate_ledger::Ledger;
use serde_json::json;

use crate::account::ledger::Recording;
use crate::account::private;
use crate::ending;
use crate::judge::requests::{Requests, are_of_a_file, complain};
use crate::judge::source::Source;
use crate::screen::{self, JsonLines, Progress};

const OUTPUT: &str = "standard output";

/// Judge requests: JSON objects in, one answer a line out, in the same order. A request may stand in one line or in several. What
/// cannot be judged is answered with an error in its place, which lists everything that is wrong with it, and the requests around it
/// are judged. Read from standard input, an empty line is answered with an error too, and ends a request that was begun.
///
/// TERM, INT and HUP end it in order: the ledger is closed, and --stats and --diff are written; a second signal ends it at once. Exit 1:
/// a line was refused, a list was not recorded, or a module failed.
///
/// Example: normgate eval -i requests.jsonl --only art18 --explain en
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Requests, as JSON objects; - reads standard input
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
    // A breaker goes by the clock, and what is read from a file is to come out the same every time.
    let from_file = are_of_a_file(&args.input);
    let gate = args.source.build_with(|builder| {
        let builder = if from_file { builder.without_breakers() } else { builder };
        match &args.last_requests {
            Some(path) => builder.recording(LAST).last_requests(path),
            None => builder,
        }
    })?;
    let ledger = args.recording.open()?;
    let mut requests = Requests::open(&args.input, gate.reader().strict(args.strict))?;
    if args.input.as_os_str() == "-" {
        requests = requests.answering();
    }
    ending::watch()?;

    let mut tally = Tally::default();
    let judged = judge(args, &gate, ledger.as_ref(), &mut requests, &mut tally);

    // Whatever ended it, what was judged is kept, counted and told.
    let (recorded, closed) = ledger.map_or((String::new(), Ok(())), |ledger| args.recording.close(ledger));
    let stats = gate.stats();
    let written = args.stats.as_ref().map_or(Ok(()), |path| {
        let text = stats.to_prometheus() + &recorded;
        std::fs::write(path, text).with_context(|| path.display().to_string())
    });
    let compared = args.diff.as_ref().map_or(Ok(()), |path| {
        let diff = gate.shadow_diff();
        screen::aside(&diff.to_string());
        private::write(path, format!("{}\n", json!(diff)))
    });
    tell_of_input(&stats.input, args.strict);
    if tally.unrecorded > 0 {
        remark!("{} lists were not recorded, and are answered with an error", tally.unrecorded);
    }
    let failed = stats.modules.iter().filter(|module| tell_of_failures(module, stats.requests)).count();
    if ending::came() {
        remark!("ended by a signal after line {}", requests.number);
    }
    let kept = args
        .last_requests
        .as_ref()
        .map_or(Ok(()), |path| gate.write_last_requests(path).map(drop).with_context(|| path.display().to_string()));
    let mut errors = [judged, closed, written, compared, kept].into_iter().filter_map(Result::err);
    if let Some(first) = errors.next() {
        errors.for_each(|error| screen::complain(&error));
        return Err(first);
    }
    let all_well = tally.refused == 0 && tally.unrecorded == 0 && failed == 0;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Judges and answers request by request, to their end or until a signal comes.
fn judge(args: &Args, gate: &Gate, ledger: Option<&Ledger>, requests: &mut Requests, tally: &mut Tally) -> Result<()> {
    let detail = Detail { explain: args.explain.map(Language::from), evidence: args.evidence };
    let (mut output, progress) = (JsonLines::new(), Progress::beside_output());
    let flush_each = screen::is_terminal() || requests.answering;
    while !ending::came()
        && let Some(request) = requests.next().with_context(|| args.input.display().to_string())?
    {
        match request {
            Ok(batch) => {
                tally.judged += 1;
                let outcome = Arc::new(gate.evaluate(&batch));
                match ledger.map_or(Ok(()), |ledger| ledger.record(&batch, &outcome)) {
                    Ok(()) => {
                        let answer = if args.brief { outcome.to_brief_json() } else { outcome.to_json(detail) };
                        output.write(&answer).context(OUTPUT)?;
                    }
                    // Whoever has lists recorded before they are answered gives none that is not.
                    Err(error) => {
                        tally.unrecorded += 1;
                        let message = format!("not recorded: {error}");
                        let error = InputError { id: batch.id().map(str::to_owned), message, ..InputError::default() };
                        output.write(&refusal(requests.number, &error)).context(OUTPUT)?;
                    }
                }
            }
            // A line that the signal cut off is nobody's.
            Err(_) if ending::came() => break,
            Err(error) => {
                tally.refused += 1;
                output.write(&refusal(requests.number, &error)).context(OUTPUT)?;
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
    if requests.number >= 1_000 {
        progress.show(&tally);
    }
    output.flush().context(OUTPUT)
}

/// What stands in the place of an answer.
fn refusal(line: u64, error: &InputError) -> String {
    let InputError { id, path, message, more } = error;
    let mut wrong = json!({"path": path, "message": message});
    if !more.is_empty() {
        wrong["more"] = json!(more);
    }
    json!({"line": line, "id": id, "error": wrong}).to_string()
}

/// Says what was sent that the vocabulary lacks, and what was tolerated.
fn tell_of_input(input: &InputStats, strict: bool) {
    let InputStats { unknown_fields, bad_cells, bad_rows, .. } = input;
    if !unknown_fields.is_empty() {
        let way_out = if strict { "refused" } else { "ignored; --strict refuses them" };
        remark!("fields that the vocabulary lacks were {way_out}: {}", named(unknown_fields));
    }
    let counted = |counts: &mut dyn Iterator<Item = (&str, u64)>| {
        counts.map(|(name, times)| format!("{name} ({times})")).collect::<Vec<_>>().join(", ")
    };
    if !bad_cells.is_empty() {
        let cells = counted(&mut bad_cells.iter().map(|(name, times)| (name.as_str(), *times)));
        remark!("values judged as unknown for what was sent: {cells}");
    }
    if !bad_rows.is_empty() {
        let rows = counted(&mut bad_rows.iter().map(|(cause, times)| (*cause, *times)));
        remark!("rows withheld or left out for what was sent: {rows}");
    }
}

/// Says how often a module was not heard and what that cost; false where it never failed.
fn tell_of_failures(module: &ModuleStats, lists: u64) -> bool {
    let ModuleStats { policy, failures, unheard, held, .. } = module;
    if *unheard == 0 && failures.is_empty() {
        return false;
    }
    let kinds: Vec<String> = failures.iter().map(|(kind, times)| format!("{} {times}", kind.name())).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    remark!("{policy} failed{kinds}: not heard {unheard} times in {lists} lists, {held} rows withheld for it");
    true
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
    /// Judged, and kept from the answer since the ledger did not take them.
    unrecorded: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} judged, {} refused", self.judged, self.refused)
    }
}
