//! `normgate test`: case files, and a diff that a person or a machine can read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate_cases::{Case, Report, Runner, mutate, read};
use serde_json::json;

use crate::source::{Source, artifacts};

/// Run case files: each line holds a request and exactly what must come out. Without files, runs cases.jsonl of this folder.
///
/// Example: normgate test policies/art18-minors/cases.jsonl --mutate
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

    /// Move each threshold by one and take away each input, and list what no case notices
    #[arg(long, conflicts_with = "json")]
    mutate: bool,

    /// Print JSON, one case a line
    #[arg(long)]
    json: bool,

    /// Write the results to this file too, as JUnit XML for a CI server
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// One case of one file, and what became of it.
struct Run {
    file: String,
    case: Case,
    report: Report,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.source.config.is_some() || args.source.as_of.is_some() {
        bail!("a case names its own parameters, modes and day; -c and --as-of are for eval");
    }
    let modules = args.source.modules()?;
    let rules: BTreeSet<String> =
        modules.iter().flat_map(|m| m.manifest.rules.iter().map(|rule| rule.id.clone())).collect();
    let mut runner = Runner::new(modules, Some(Box::new(artifacts)));
    let mut runs = Vec::new();
    for path in &args.files {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| file.clone())?;
        for case in read(&text).map_err(anyhow::Error::msg).with_context(|| file.clone())? {
            let run = Run { file: file.clone(), report: runner.run(&case), case };
            if args.json {
                print_json(&run)
            } else {
                print_failure(&run)
            }
            runs.push(run);
        }
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&runs)).with_context(|| path.display().to_string())?;
    }
    let failed = runs.iter().filter(|run| !run.report.passed()).count();
    if args.coverage {
        coverage(&rules, &runs);
    }
    if args.mutate {
        let cases: Vec<Case> = runs.iter().filter(|run| run.report.passed()).map(|run| run.case.clone()).collect();
        unnoticed(&mut runner, &cases);
    }
    if !args.json {
        println!("{} passed, {failed} failed", runs.len() - failed);
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn print_failure(run: &Run) {
    let report = &run.report;
    if report.passed() {
        return;
    }
    println!("FAILED {}  ({})", report.case, run.file);
    if let Some(error) = &report.error {
        println!("  could not be run: {error}");
    }
    for difference in &report.differences {
        println!("  {}\n    expected {}\n    got      {}", difference.place, difference.expected, difference.got);
    }
}

fn print_json(run: &Run) {
    let Report { case, differences, error, fired } = &run.report;
    println!(
        "{}",
        json!({"file": run.file, "case": case, "passed": run.report.passed(), "differences": differences, "error": error,
               "fired": fired})
    );
}

fn coverage(rules: &BTreeSet<String>, runs: &[Run]) {
    let width = rules.iter().map(String::len).max().unwrap_or(0);
    let times = |rule: &String| runs.iter().filter(|run| run.report.fired.contains(rule)).count();
    for rule in rules {
        match times(rule) {
            0 => println!("{rule:width$}  NEVER"),
            times => println!("{rule:width$}  fired in {times}"),
        }
    }
    println!("{} of {} rules fired", rules.iter().filter(|rule| times(rule) > 0).count(), rules.len());
}

/// Prints the changes that no case notices. A column that a module reads and no case sends is one of them.
fn unnoticed(runner: &mut Runner, cases: &[Case]) {
    let bar = io::stderr().is_terminal();
    let mutations = mutate(runner, cases, |done, total| {
        if bar {
            eprint!("\r{done} of {total} changes tried");
        }
    });
    if bar {
        eprint!("\r{:40}\r", "");
    }
    let silent: Vec<_> = mutations.iter().filter(|mutation| mutation.noticed == 0).collect();
    for mutation in &silent {
        match mutation.tried {
            0 => println!("not tried   {}  (no case sends it, or it is not legal)", mutation.what),
            tried => println!("unnoticed   {}  (in {tried} cases)", mutation.what),
        }
    }
    println!("{} of {} changes are noticed by some case", mutations.len() - silent.len(), mutations.len());
}

/// The results as JUnit XML: one suite a file.
fn junit(runs: &[Run]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let files: BTreeSet<&str> = runs.iter().map(|run| run.file.as_str()).collect();
    for file in files {
        let of_file = || runs.iter().filter(|run| run.file == file);
        let failures = of_file().filter(|run| !run.report.passed()).count();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">",
            escape(file),
            of_file().count()
        );
        for run in of_file() {
            let suite = Path::new(file).file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
            let _ =
                write!(text, "    <testcase classname=\"{}\" name=\"{}\"", escape(&suite), escape(&run.report.case));
            if run.report.passed() {
                text.push_str("/>\n");
                continue;
            }
            let mut message = run.report.error.clone().unwrap_or_default();
            for difference in &run.report.differences {
                let _ =
                    writeln!(message, "{}: expected {}, got {}", difference.place, difference.expected, difference.got);
            }
            let _ = writeln!(text, "><failure>{}</failure></testcase>", escape(message.trim()));
        }
        text.push_str("  </testsuite>\n");
    }
    text + "</testsuites>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
