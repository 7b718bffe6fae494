//! `normgate test`: case files, and a diff that a person or a machine can read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate::contract::{Manifest, Rule, steers};
use normgate_cases::{Case, Effects, Report, Runner, Table, effect_name, mutate, read};
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::author::inspect;
use crate::foreign;
use crate::judge::compile;
use crate::judge::eval::Lang;
use crate::judge::explain::Words;
use crate::judge::source::{Source, artifacts};
use crate::screen::{self, Progress};

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

    /// Ignore fields of requests that the vocabulary lacks, instead of refusing the case
    #[arg(long)]
    allow_unknown: bool,

    /// Print which rules fired in some case, which of their effects did, and which never
    #[arg(long)]
    coverage: bool,

    /// Print each case's decisions in words
    #[arg(long, value_name = "LANGUAGE", conflicts_with = "json")]
    explain: Option<Lang>,

    /// Print each case's columns as the modules saw them; ? is unknown, unlisted is a term that the manifest does not name
    #[arg(long, conflicts_with = "json")]
    columns: bool,

    /// Rewrite what failing cases expect to what came out, and nothing else of them
    #[arg(long)]
    accept: bool,

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
    let manifests: Vec<_> = modules.iter().map(|module| Arc::clone(&module.manifest)).collect();
    let runner = Runner::new(modules, Some(Box::new(artifacts))).compiler(Arc::new(compile::in_child));
    let mut runner = runner.strict(!args.allow_unknown);
    let mut runs = Vec::new();
    for path in &args.files {
        let file = path.display().to_string();
        let text = foreign::read_to_string(path).with_context(|| file.clone())?;
        for case in read(&text).map_err(anyhow::Error::msg).with_context(|| file.clone())? {
            let run = Run { file: file.clone(), report: runner.run(&case), case };
            if args.json {
                print_json(&run);
            } else {
                print_failure(&run.report, &file);
            }
            if args.columns {
                print_columns(&mut runner, &run.case);
            }
            if let Some(language) = args.explain {
                print_words(&mut runner, &run.case, language);
            }
            runs.push(run);
        }
        if args.accept {
            accept(path, &text, &mut runs)?;
        }
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&runs)).with_context(|| path.display().to_string())?;
    }
    let failed = runs.iter().filter(|run| !run.report.passed()).count();
    if args.coverage {
        coverage(&manifests, &mut runner, &runs);
    }
    if args.mutate {
        let cases: Vec<Case> = runs.iter().filter(|run| run.report.passed()).map(|run| run.case.clone()).collect();
        unnoticed(&mut runner, &cases);
    }
    if !args.json {
        say!("{} passed, {failed} failed", runs.len() - failed);
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Says what differs, if anything does.
pub(crate) fn print_failure(report: &Report, file: &str) {
    if report.passed() {
        return;
    }
    say!("FAILED {}  ({file})", report.case);
    if let Some(error) = &report.error {
        say!("  could not be run: {error}");
    }
    for difference in &report.differences {
        say!("  {}", difference.place);
        say!("    expected {}", difference.expected);
        say!("    got      {}", difference.got);
    }
}

fn print_words(runner: &mut Runner, case: &Case, language: Lang) {
    say!("{}", case.case);
    match runner.outcome(case) {
        Ok(outcome) => Words(language.into()).outcome(&outcome, None),
        Err(error) => say!("  could not be run: {error}"),
    }
    say!();
}

fn print_columns(runner: &mut Runner, case: &Case) {
    say!("{}", case.case);
    let tables = match runner.seen(case) {
        Ok(tables) => tables,
        Err(error) => return say!("  could not be run: {error}"),
    };
    for Table { module, stage, frame, columns, rows } in tables {
        say!("  {module}, {} stage, {frame}", format!("{stage:?}").to_lowercase());
        // Columns run down the page: a module reads more of them than a line is long, and has fewer rows in a case.
        let name = columns.iter().map(|column| column.width()).max().unwrap_or(0);
        let widths: Vec<usize> =
            rows.iter().map(|row| row.iter().map(|cell| cell.width()).max().unwrap_or(0)).collect();
        for (index, column) in columns.iter().enumerate() {
            let cells: String = (rows.iter().zip(&widths))
                .map(|(row, width)| format!("  {}{}", row[index], " ".repeat(width - row[index].width())))
                .collect();
            say!("{}", format!("    {column}{}{cells}", " ".repeat(name - column.width())).trim_end());
        }
    }
    say!();
}

/// Writes the cases of a file with what came out in place of what those that fail expect. What could not be run stays, and so does
/// what a module failed on.
fn accept(path: &Path, text: &str, runs: &mut [Run]) -> Result<()> {
    let file = path.display().to_string();
    let mut of_file = runs.iter_mut().filter(|run| run.file == file);
    let (mut lines, mut accepted) = (Vec::new(), 0);
    for line in text.lines() {
        let run = if line.trim().is_empty() { None } else { of_file.next() };
        match run.filter(|run| !run.report.passed() && run.report.answered()) {
            Some(run) => {
                lines.push(normgate_cases::accept(line, &run.report.answer).map_err(anyhow::Error::msg)?);
                run.report.differences.clear();
                accepted += 1;
            }
            None => lines.push(line.to_owned()),
        }
    }
    if accepted > 0 {
        std::fs::write(path, lines.join("\n") + "\n").with_context(|| file.clone())?;
        say!("{file}: {accepted} cases now expect what came out; read the difference before you commit it");
    }
    Ok(())
}

fn print_json(run: &Run) {
    let Report { case, differences, error, fired, .. } = &run.report;
    screen::json(
        &json!({"file": run.file, "case": case, "passed": run.report.passed(), "differences": differences, "error": error,
               "fired": fired}),
    );
}

/// Prints rule by rule how often it fired, and the effects that no case showed.
fn coverage(manifests: &[Arc<Manifest>], runner: &mut Runner, runs: &[Run]) {
    let rules: Vec<&Rule> = manifests.iter().flat_map(|manifest| &manifest.rules).collect();
    let reached: Effects = runs.iter().filter_map(|run| runner.effects(&run.case).ok()).flatten().collect();
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let times = |rule: &Rule| runs.iter().filter(|run| run.report.fired.contains(&rule.id)).count();
    let (mut effects, mut shown) = (0, 0);
    for rule in &rules {
        match times(rule) {
            0 => say!("{:width$}  NEVER", rule.id),
            times => say!("{:width$}  fired in {times}", rule.id),
        }
        for effect in &rule.effects {
            let seen = reached.contains(&(rule.id.clone(), effect_name(effect)));
            effects += 1;
            shown += usize::from(seen);
            if !seen && times(rule) > 0 {
                say!("{:width$}    never: {}", "", inspect::effect(effect));
            }
        }
    }
    say!(
        "{} of {} rules fired, {shown} of {effects} effects were seen",
        rules.iter().filter(|rule| times(rule) > 0).count(),
        rules.len()
    );
}

/// Prints the changes that no case notices. A column that a module reads and no case sends is one of them.
fn unnoticed(runner: &mut Runner, cases: &[Case]) {
    let progress = Progress::new();
    let mutations = mutate(runner, cases, |done, total| progress.show(format_args!("{done} of {total} changes tried")));
    progress.clear();
    let silent: Vec<_> = mutations.iter().filter(|mutation| mutation.noticed == 0).collect();
    for mutation in &silent {
        match mutation.tried {
            0 => say!("not tried   {}  (no case sends it, or it is not legal)", mutation.what),
            tried => say!("unnoticed   {}  (in {tried} cases)", mutation.what),
        }
    }
    say!("{} of {} changes are noticed by some case", mutations.len() - silent.len(), mutations.len());
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

/// Text of an XML document. What XML 1.0 cannot carry, and what steers a terminal, is shown by its number.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            c if steers(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped
}
