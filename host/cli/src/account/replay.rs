//! `normgate replay`: recorded lists judged again, out of a ledger or a sealed case.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate::Backend;
use normgate_ledger::{Query, Replay};

use crate::account::lookup::{Range, Who, note_access};
use crate::account::opened::history;
use crate::account::sealed;
use crate::judge::source::{at_hand, judging_again};
use crate::screen::Progress;

/// How a replay ends that met what was judged under other semantics, and nothing that differs otherwise.
pub(crate) const OTHER_SEMANTICS: u8 = 4;

/// Judge recorded lists again with the modules that judged them, and show the first difference of each list that comes out
/// otherwise. Configuration, day, overrides, draws, and calls that were disturbed then are taken from the record. A sealed case
/// brings its modules along.
///
/// Exit 0: the same bytes; 1: something comes out otherwise; 4: something was judged under other semantics (limits, the version of the
/// sandbox) than this program judges by, which is said of it and nothing else.
///
/// Examples: normgate replay --ledger DIR; normgate replay --ledger DIR 0f3a… -p last-year/ --interpreter;
/// normgate replay case.sealed --key inspector.key --ledger-key ledger.pub
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The ledger
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,

    /// One decision of the ledger, all of them when it is left out; or a sealed case
    #[arg(value_name = "ID|CASE.sealed")]
    what: Option<String>,

    /// The key that a case is sealed to
    #[arg(long, value_name = "NAME.key", requires = "what", conflicts_with_all = ["ledger", "from", "to", "policies", "threads"])]
    key: Option<PathBuf>,

    /// The public key of the ledger that a case is of (`ledger.pub`), from whom you trust
    #[arg(long, value_name = "KEY", requires = "key")]
    ledger_key: Option<PathBuf>,

    /// Accept a case that the ledger's key did not sign: what it was asked, what it answered and why are its sender's word, then
    #[arg(long, requires = "key")]
    unsigned: bool,

    #[command(flatten)]
    range: Range,

    #[command(flatten)]
    who: Who,

    /// Module file or folder to look for recorded modules in, beside those that this program carries; may be given again
    #[arg(short = 'p', long = "policy", value_name = "MODULE.wasm|DIR")]
    policies: Vec<PathBuf>,

    /// Requests that you kept, one a line: commitments, of which the ledger keeps no input, are held against them
    #[arg(long, value_name = "requests.jsonl", requires = "ledger")]
    requests: Option<PathBuf>,

    /// Threads to judge on; as many as there are cores when it is left out
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Judge under an interpreter of the sandbox instead of compiled code: slower, and a second way to the same bytes
    #[arg(long)]
    interpreter: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let backend = if args.interpreter { Backend::Interpreter } else { Backend::Native };
    match (&args.ledger, &args.what, &args.key) {
        (Some(ledger), id, _) => of_ledger(args, ledger, id.as_deref(), backend),
        (None, Some(case), Some(key)) => {
            sealed::replay(case.as_ref(), key, args.ledger_key.as_deref(), args.unsigned, backend)
        }
        (None, Some(what), None) => {
            bail!(
                "{what}: give the key that the case is sealed to with --key NAME.key; a decision id takes --ledger DIR"
            )
        }
        (None, None, _) => bail!("give a ledger with --ledger DIR, or a sealed case with --key NAME.key"),
    }
}

fn of_ledger(args: &Args, ledger: &Path, id: Option<&str>, backend: Backend) -> Result<ExitCode> {
    let modules = at_hand(&args.policies)?;
    let history = history(ledger)?;
    let threads = args.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let Query { decision, record, .. } = id.map(Query::of).unwrap_or_default();
    let query = Query { decision, record, ..args.range.query() };
    let asked = id.map_or_else(|| args.range.words(), str::to_owned);
    note_access(&history, "replay", &asked, 0, false, &args.who)?;
    let progress = Progress::new();
    let replay = Replay::new(&modules, || judging_again(backend), threads);
    let replayed = replay.given(args.requests.as_deref().map(lines).transpose()?.unwrap_or_default()).run(
        &history,
        &query,
        |judged| progress.show(format_args!("{judged} lists judged again")),
    )?;
    drop(progress);
    for difference in &replayed.different {
        say!("record {}, decision {}: {}", difference.record, difference.decision_id, difference.place);
        say!("    recorded  {}", difference.recorded);
        say!("    again     {}", difference.again);
    }
    if args.requests.is_some() {
        say!("{} commitments were made on requests that were given", replayed.given);
    }
    for note in &replayed.notes {
        say!("{note}");
    }
    if replayed.other > 0 {
        let (other, same) = (replayed.other, replayed.other_same);
        say!("{other} lists are of other semantics; {same} of them come out the same here");
    }
    say!(
        "{} lists judged again, {} different; {} are commitments, {} have no key any more",
        replayed.judged,
        replayed.different.len(),
        replayed.commitments,
        replayed.unreadable
    );
    if let Some(id) = id
        && replayed.judged + replayed.other + replayed.commitments + replayed.unreadable == 0
    {
        bail!("no decision {id} is in {}, or its key is gone", ledger.display());
    }
    Ok(match (replayed.different.is_empty(), replayed.other) {
        (false, _) => ExitCode::from(1),
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(OTHER_SEMANTICS),
    })
}

/// The lines of a file.
fn lines(path: &Path) -> Result<Vec<Vec<u8>>> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    Ok(text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}
