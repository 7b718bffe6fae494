//! `normgate test`: case files, and a diff that a person can read.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate_cases::{Runner, read};

use crate::source::{Source, artifacts};

/// Run case files: each line holds a request and exactly what must come out. Without files, runs cases.jsonl beside the
/// loaded modules' sources, if there is one in this folder.
///
/// Example: normgate test policies/art18-minors/cases.jsonl
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Case files
    #[arg(value_name = "cases.jsonl", default_value = "cases.jsonl")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    source: Source,

    /// Print which rules fired in some case, and which never did
    #[arg(long)]
    coverage: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.source.config.is_some() || args.source.as_of.is_some() {
        bail!("a case names its own parameters, modes and day; -c and --as-of are for eval");
    }
    let modules = args.source.modules()?;
    let rules: BTreeSet<String> =
        modules.iter().flat_map(|m| m.manifest.rules.iter().map(|rule| rule.id.clone())).collect();
    let mut runner = Runner::new(modules, Some(Box::new(artifacts)));
    let (mut passed, mut failed, mut fired) = (0, 0, BTreeSet::new());
    for file in &args.files {
        let place = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| place.clone())?;
        let cases = read(&text).map_err(anyhow::Error::msg).with_context(|| place.clone())?;
        for case in &cases {
            let report = runner.run(case);
            fired.extend(report.fired.iter().cloned());
            if report.passed() {
                passed += 1;
                continue;
            }
            failed += 1;
            println!("FAILED {}  ({place})", report.case);
            if let Some(error) = &report.error {
                println!("  could not be run: {error}");
            }
            for difference in &report.differences {
                println!(
                    "  {}\n    expected {}\n    got      {}",
                    difference.place, difference.expected, difference.got
                );
            }
        }
    }
    if args.coverage {
        let width = rules.iter().map(String::len).max().unwrap_or(0);
        for rule in &rules {
            println!("{rule:width$}  {}", if fired.contains(rule) { "fired" } else { "NEVER" });
        }
        println!("{} of {} rules fired", rules.intersection(&fired).count(), rules.len());
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
