//! `normgate build`: from a norm's folder to a module that was checked and tried.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use normgate::Module;
use normgate::contract::{Vocabulary, Wording};
use normgate_cases::{Case, Report, Runner, read};

use crate::author::project::{BuildRecord, Project};
use crate::author::sources::own;
use crate::author::workbench::{Workbench, walk};
use crate::foreign;
use crate::judge::compile;
use crate::screen;

/// Build a norm: compile it for the sandbox, embed its manifest, check it, run its cases, and print what a member wants to know
/// of the module. The module is written to target/norm/NAME.wasm; the same sources make the same bytes in any folder.
///
/// What runs is the Rust compiler, on a copy of Cargo.toml, policy.toml and src/ alone, with no network, and in a sandbox where the
/// system has one (Landlock and seccomp on Linux). Build scripts, dependencies other than the SDK, settings of cargo, toolchain
/// files and links are refused.
///
/// Exit 0: built, and every case passed; 1: it was refused or a case failed; 2: there is nothing to build.
///
/// Example: normgate build --watch
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Folder of the norm
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Build and run the cases again whenever a file is saved, until interrupted
    #[arg(long)]
    watch: bool,

    /// Wrap this core module, made by another compiler against wit/policy.wit, instead of compiling src/lib.rs
    #[arg(long, value_name = "CORE.wasm", conflicts_with = "watch")]
    core: Option<PathBuf>,
}

/// How often a watched folder is looked at. An engineering default: below what a person notices.
const GLANCE: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(core) = &args.core {
        return wrap(&args.folder, core);
    }
    let folder = Project::open(&args.folder)?.folder;
    let workbench = Workbench::new()?;
    if let Some(why) = workbench.is_open() {
        remark!("this system has no sandbox to compile in ({why}); build only what is your own");
    }
    if !args.watch {
        return build(&folder, &workbench);
    }
    let mut seen = None;
    loop {
        let now = newest(&folder);
        if seen == now {
            thread::sleep(GLANCE);
            continue;
        }
        if let Err(error) = build(&folder, &workbench) {
            screen::block("refused: ", &format!("{error:#}"));
        }
        // Building writes what follows from policy.toml; that is no reason to build again.
        seen = newest(&folder);
        say!("watching {}; Ctrl-C ends", folder.display());
    }
}

fn build(folder: &Path, workbench: &Workbench) -> Result<ExitCode> {
    let project = Project::open(folder)?;
    if project.refresh()? {
        say!("generated/, sdk/ and Cargo.lock follow policy.toml, Cargo.toml and this normgate again");
    }
    let component = project.compile(workbench)?;
    finish(&project.folder, &project.name, &component)
}

/// A module of another language: policy.toml beside it gives the manifest.
fn wrap(folder: &Path, core: &Path) -> Result<ExitCode> {
    let path = folder.join("policy.toml");
    let text = foreign::read_to_string(&path).with_context(|| path.display().to_string())?;
    let manifest = normgate::contract::read_policy_toml(&text, Vocabulary::shipped())
        .with_context(|| folder.display().to_string())?;
    let bytes = foreign::read(core).with_context(|| core.display().to_string())?;
    let mut component =
        normgate_package::wrap(&bytes).map_err(anyhow::Error::msg).with_context(|| core.display().to_string())?;
    normgate_package::set_section(&mut component, normgate::contract::MANIFEST_SECTION, &manifest.to_json());
    let name = core.file_stem().map_or_else(|| manifest.module.clone(), |stem| stem.to_string_lossy().into_owned());
    finish(folder, &name, &component)
}

/// Writes the module, runs its cases and says what it is.
fn finish(folder: &Path, name: &str, component: &[u8]) -> Result<ExitCode> {
    let path = own(folder, &Path::new("target/norm").join(format!("{name}.wasm")))?;
    let module = Module::read(&path.display().to_string(), component, Vocabulary::shipped())?;
    let cases = own(folder, Path::new("cases.jsonl"))?;
    let text = foreign::read_to_string(&cases).with_context(|| cases.display().to_string())?;
    let cases = read(&text).map_err(anyhow::Error::msg).with_context(|| cases.display().to_string())?;
    let mut runner = Runner::new(vec![module.clone()], None).compiler(Arc::new(compile::in_child));
    let reports: Vec<Report> = cases.iter().map(|case| runner.run(case)).collect();
    for report in &reports {
        crate::author::test::print_failure(report, "cases.jsonl");
    }
    let failed = reports.iter().filter(|report| !report.passed()).count();
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    std::fs::write(&path, component).with_context(|| path.display().to_string())?;
    describe(&module, &cases, &mut runner);
    say!("  cases    {} passed, {failed} failed", reports.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn describe(module: &Module, cases: &[Case], runner: &mut Runner) {
    let manifest = &module.manifest;
    say!("{}  {}", manifest.reference(), module.place);
    say!("  digest   {}", module.digest_text());
    if let Some(record) = BuildRecord::of(&module.bytes) {
        say!("  sources  {}, {}", record.source, record.rustc);
    }
    say!("  size     {} bytes", module.bytes.len());
    say!("  reads    {}", manifest.columns().map(|(name, _)| name).collect::<Vec<_>>().join(", "));
    // A case that cannot be run has been said to fail already.
    let fuel = cases.iter().map(|case| (runner.fuel(case).unwrap_or(0), case));
    if let Some((fuel, case)) = fuel.max_by_key(|(fuel, _)| *fuel) {
        let limit = normgate::Limits::default().fuel;
        say!("  fuel     {fuel} for `{}`, of {limit} that a call may use", case.case);
    }
    let drafts: Vec<&str> =
        (manifest.rules.iter()).filter(|rule| rule.wording == Wording::Draft).map(|rule| rule.id.as_str()).collect();
    if !drafts.is_empty() {
        say!("  wording  to be reviewed (then wording = \"reviewed\"): {}", drafts.join(", "));
    }
}

/// When anything that a person edits was last saved.
fn newest(folder: &Path) -> Option<SystemTime> {
    let files = ["policy.toml", "cases.jsonl", "Cargo.toml"].map(|file| folder.join(file));
    let sources = walk(&folder.join("src"));
    files.into_iter().chain(sources).filter_map(|file| file.metadata().and_then(|meta| meta.modified()).ok()).max()
}
