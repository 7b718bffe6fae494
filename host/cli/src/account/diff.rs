//! `normgate diff`: what another policy set, another day or other parameters would have changed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Result, bail};
use clap::Args as ClapArgs;
use normgate::contract::{Day, now_ms};
use normgate::{Backend, Circumstances, Config, Module, SetDescription, embedded};
use normgate_ledger::{Facets, LedgerError, Parts};
use normgate_report::{Comparison, Difference, List, Request, Side, SideName};

use crate::account::lookup::{Range, Who, note_access};
use crate::account::opened::history;
use crate::account::private;
use crate::judge::eval::Lang;
use crate::judge::requests::{Requests, complain};
use crate::judge::source::{Source, judging_again};
use crate::screen::{self, Progress};

/// Judge the same lists on two sides and show which verdicts, places, exposure and obligations change, by rule, surface and group
/// of users.
///
/// The base side is built from the usual options; over a ledger without any, it is what was recorded. The other side is as the
/// base side but for what the options --to-… say.
///
/// Examples: normgate diff --ledger decisions --from 2026-11-01 --to-config stricter.toml;
/// normgate diff -i requests.jsonl --as-of 2026-03-01 --to-as-of 2026-11-01 --html diff.html
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Lists of this ledger that were kept in full
    #[arg(long, value_name = "DIR", required_unless_present = "input", conflicts_with = "input")]
    ledger: Option<PathBuf>,

    #[command(flatten)]
    range: Range,

    /// Requests, one a line; - reads standard input
    #[arg(short, long, value_name = "requests.jsonl")]
    input: Option<PathBuf>,

    #[command(flatten)]
    base: Source,

    #[command(flatten)]
    other: Other,

    /// Write everything that was counted to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write a page with plots to this file, as HTML that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Language of the page
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    lang: Lang,

    /// Name decisions and items in examples
    #[arg(long)]
    personal: bool,

    /// Threads to judge on; as many as there are cores when it is left out
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Options of the other side. What is left out is as on the base side.
#[derive(ClapArgs)]
struct Other {
    /// Module file or folder of the other side; may be given again
    #[arg(long = "to-policy", value_name = "MODULE.wasm|DIR")]
    to_policies: Vec<PathBuf>,

    /// Store whose generation in force is the other side
    #[arg(long = "to-store", value_name = "DIR", conflicts_with = "to_policies")]
    to_store: Option<PathBuf>,

    /// Only these modules on the other side
    #[arg(long = "to-only", value_name = "MODULES", value_delimiter = ',')]
    to_only: Vec<String>,

    /// Parameters and modes of the other side
    #[arg(long = "to-config", value_name = "normgate.toml")]
    to_config: Option<PathBuf>,

    /// The day by which the other side judges
    #[arg(long = "to-as-of", value_name = "YYYY-MM-DD")]
    to_as_of: Option<Day>,
}

impl Other {
    fn is_empty(&self) -> bool {
        self.to_policies.is_empty()
            && self.to_store.is_none()
            && self.to_only.is_empty()
            && self.to_config.is_none()
            && self.to_as_of.is_none()
    }

    /// The other side in full: the base side but for what is said here.
    fn source(&self, base: &Source) -> Source {
        let elsewhere = !self.to_policies.is_empty() || self.to_store.is_some();
        Source {
            policies: if elsewhere { self.to_policies.clone() } else { base.policies.clone() },
            store: if elsewhere { self.to_store.clone() } else { base.store.clone() },
            only: if self.to_only.is_empty() { base.only.clone() } else { self.to_only.clone() },
            config: self.to_config.clone().or_else(|| base.config.clone()),
            as_of: self.to_as_of.or(base.as_of),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.other.is_empty() {
        bail!("nothing differs: say what the other side is with --to-policy, --to-config, --to-only or --to-as-of");
    }
    let threads = args.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let other = args.other.source(&args.base);
    let (mut difference, refused) = match (&args.ledger, &args.input) {
        (Some(ledger), _) => (over_ledger(args, ledger, &other, threads)?, false),
        (None, Some(input)) => over_requests(args, input, &other, threads)?,
        (None, None) => bail!("say which lists, with --ledger or -i"),
    };
    let recorded = args.ledger.is_some() && is_recorded(&args.base);
    difference.base = SideName { recorded, options: options(&args.base) };
    difference.other = SideName { recorded, options: options(&other) };
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&difference)? + "\n";
        private::write(path, text)?;
    }
    if let Some(path) = &args.html {
        let modules = args.base.modules()?.into_iter().chain(other.modules()?);
        let manifests: Vec<_> = modules.map(|module| module.manifest).collect();
        let page = difference.page(&manifests, args.lang.into());
        private::write(path, page.to_html())?;
    }
    screen::page(&format!("{difference}\n"));
    Ok(if refused { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Compares over what a ledger kept in full, after putting that on the record.
fn over_ledger(args: &Args, ledger: &std::path::Path, other: &Source, threads: usize) -> Result<Difference> {
    let history = history(ledger)?;
    note_access(&history, "diff", &args.range.words(), 0, args.personal, &Who { by: None })?;
    let sides = match is_recorded(&args.base) {
        true => ((Side::Recorded, None), (recorded_but_for(&args.other, other)?, args.other.to_as_of)),
        false => (side(&args.base)?, side(other)?),
    };
    let progress = Progress::new();
    let comparison = Comparison::new(sides.0, sides.1, threads, args.personal);
    let count = |lists| progress.show(format_args!("{lists} lists compared"));
    Ok(comparison.ledger(&history, &args.range.query(), count)?)
}

/// Compares over requests; whether some were refused.
fn over_requests(args: &Args, input: &std::path::Path, other: &Source, threads: usize) -> Result<(Difference, bool)> {
    let gate = args.base.build()?;
    let mut requests = Requests::open(input, gate.reader())?;
    // One clock for all lists and both sides.
    let circumstances = Circumstances { clock_ms: now_ms(), ..Circumstances::default() };
    let mut comparison = Comparison::new(side(&args.base)?, side(other)?, threads, args.personal);
    let progress = Progress::new();
    let mut refused = false;
    while let Some(request) = requests.next()? {
        match request {
            Ok(batch) => {
                let list = List {
                    number: requests.number,
                    request: Request::Json(requests.text().to_vec()),
                    id: batch.id().map(str::to_owned),
                    facets: Facets::of(&batch, &[]),
                    circumstances: circumstances.clone(),
                };
                if let Some(lists) = comparison.list(list)? {
                    progress.show(format_args!("{lists} lists compared"));
                }
            }
            Err(error) => {
                refused = true;
                complain(requests.number, &error);
            }
        }
    }
    Ok((comparison.finish()?, refused))
}

/// Whether the base side is what was recorded.
fn is_recorded(base: &Source) -> bool {
    base.policies.is_empty()
        && base.store.is_none()
        && base.only.is_empty()
        && base.config.is_none()
        && base.as_of.is_none()
}

/// A side that is one policy set.
fn side(source: &Source) -> Result<(Side<'static>, Option<Day>)> {
    Ok((Side::Set(Box::new(source.gate()?.generation()?)), source.as_of))
}

/// The sets that were recorded, but for what the options of the other side say.
fn recorded_but_for<'s>(given: &'s Other, source: &Source) -> Result<Side<'s>> {
    let elsewhere = !given.to_policies.is_empty() || given.to_store.is_some();
    let at_hand: Vec<Module> = if elsewhere { source.modules()? } else { embedded::arp() };
    let config: Option<Config> = given.to_config.as_ref().map(|_| source.config()).transpose()?;
    Ok(Side::Changed(Box::new(move |description: &SetDescription, label: Option<&str>| {
        let mut parts = match elsewhere {
            true => Parts { judging: at_hand.clone(), ..Parts::without_modules(description)? },
            false => Parts::of(&at_hand, description)?,
        };
        parts.judging.retain(|module| given.to_only.is_empty() || given.to_only.contains(&module.manifest.module));
        parts.config = config.clone().unwrap_or(parts.config);
        parts.day = given.to_as_of.unwrap_or(parts.day);
        let built = parts.builder(judging_again(Backend::Native), label).generation();
        built.map_err(|error| LedgerError::Absent(format!("the other side cannot be built: {error}")))
    })))
}

/// The options of a side as a person types them.
fn options(source: &Source) -> Vec<String> {
    let mut options: Vec<String> = source.policies.iter().map(|path| format!("-p {}", path.display())).collect();
    options.extend(source.store.as_ref().map(|store| format!("--store {}", store.display())));
    if !source.only.is_empty() {
        options.push(format!("--only {}", source.only.join(",")));
    }
    options.extend(source.config.as_ref().map(|config| format!("-c {}", config.display())));
    options.extend(source.as_of.map(|day| format!("--as-of {day}")));
    options
}
