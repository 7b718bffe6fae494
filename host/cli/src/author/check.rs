//! `normgate check`: modules against the contract, the vocabulary and a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args as ClapArgs;
use normgate::Notice;
use normgate::contract::Wording;

use crate::author::against;
use crate::author::readiness;
use crate::judge::source::{Source, files};

/// Check that modules load: form, imports, manifest, contract, vocabulary, and the parameters and modes of a configuration.
/// Lists what still deserves a look: sentences that are drafts, sources that nobody verified.
///
/// Examples: normgate check -c normgate.toml my-norm.wasm; normgate check my-norm.wasm --against arp; normgate check -i
/// sample.jsonl --readiness
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Module files or folders; without any, the embedded set
    #[arg(value_name = "MODULE.wasm|DIR")]
    modules: Vec<PathBuf>,

    #[command(flatten)]
    source: Source,

    /// Judge these requests of your own and list what they lack, sorted by the decisions that this causes; fields that the vocabulary
    /// lacks, and mistakes, each once; duties that are owed because something is missing; and columns that are never sent
    #[arg(long, requires = "input")]
    readiness: bool,

    /// Judge generated requests by these modules and by others, apart, and say where they overlap, contradict, or add nothing:
    /// arp for the embedded set, or a file or folder of modules
    #[arg(long, value_name = "arp|MODULE.wasm|DIR", requires = "modules", conflicts_with = "readiness")]
    against: Option<String>,

    /// Ignore fields of requests that the vocabulary lacks, instead of taking them for a finding
    #[arg(long, requires = "input")]
    allow_unknown: bool,

    /// Requests for --readiness, or more of them for --against, as JSON objects; - reads standard input
    #[arg(short, long, value_name = "sample.jsonl")]
    input: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let source = Source {
        policies: args.modules.iter().chain(&args.source.policies).cloned().collect(),
        store: args.source.store.clone(),
        only: args.source.only.clone(),
        config: args.source.config.clone(),
        as_of: args.source.as_of,
    };
    for (authority, grant) in source.config()?.authorities.iter().flatten() {
        for sentence in grant.wider_than_default(authority) {
            say!("grant: {sentence}");
        }
    }
    let gate = match source.build() {
        Ok(gate) => gate,
        Err(error) => {
            // Whatever else is wrong with other modules is worth knowing too, so each is tried alone.
            let alone = refused_alone(&source);
            if alone.is_empty() {
                say!("refused: {error:#}");
            }
            for sentence in alone {
                say!("refused: {sentence}");
            }
            return Ok(ExitCode::from(1));
        }
    };
    if let Some(against) = &args.against {
        return against::run(&source.modules()?, against, args.input.as_deref(), args.allow_unknown, &source);
    }
    if let Some(input) = &args.input {
        if !args.readiness {
            bail!("-i gives requests to --readiness or to --against; name one of them");
        }
        let complete = readiness::report(&gate, input, args.allow_unknown)?;
        return Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
    for manifest in gate.policy_set().manifests() {
        say!("{}: {} rules, {} columns, loads", manifest.reference(), manifest.rules.len(), manifest.columns().count());
        let drafts: Vec<&str> =
            manifest.rules.iter().filter(|r| r.wording == Wording::Draft).map(|rule| rule.id.as_str()).collect();
        if !drafts.is_empty() {
            say!("  wording to be reviewed: {}", drafts.join(", "));
        }
        let unverified = manifest.rules.iter().filter(|rule| !rule.verified).count();
        if unverified > 0 {
            say!("  {unverified} rules whose source nobody checked against the official text");
        }
    }
    for Notice { code, policy, message } in gate.generation().notices() {
        let of = policy.as_ref().map_or(String::new(), |policy| format!(" {policy}:"));
        say!("notice {code}:{of} {message}");
    }
    say!("policy set {}", gate.policy_set().digest());
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with each module by itself.
fn refused_alone(source: &Source) -> Vec<String> {
    let paths = source.policies.iter().flat_map(|path| files(path).unwrap_or_else(|_| vec![path.clone()]));
    let alone = paths.filter_map(|path| {
        let one = Source { policies: vec![path], store: None, only: Vec::new(), ..source.clone() };
        one.build().err().map(|error| format!("{error:#}"))
    });
    alone.collect()
}
