//! `normgate`: judge requests, test and inspect policy modules, from a shell.
//!
//! Results go to standard output, one JSON object a line where a program reads them; everything meant for a person goes to
//! standard error. Exit 0: all well; 1: something was refused or a case failed; 2: usage or configuration, or output was lost; 3: a
//! ledger is not anchored; 4: something was judged under other semantics.

#[macro_use]
mod screen;

mod account;
mod author;
mod confine;
mod ending;
mod foreign;
mod identity;
mod judge;
mod limits;
mod publish;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use account::{diff, ledger, replay, report};
use author::{build, check, inspect, new, test, verify, workbench};
use judge::{bench, compile, demo, eval, explain, r#override};
use publish::{key, mirror, repo, sync};

/// Rules for recommender systems, shipped as WebAssembly.
///
/// Policy modules, one per article of the Algorithmic Recommendation Management Provisions or per sector norm, judge ranked
/// lists inside a sandbox and answer allow, label, demote or block, with their reasons.
#[derive(Parser)]
#[command(name = "normgate", version, max_term_width = 100)]
struct Cli {
    /// How the log on standard error is written: one event a line, with its time
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log: LogFormat,

    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For a person
    Text,
    /// For a program: one JSON object a line
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Judge requests: JSON lines in, JSON lines out
    Eval(eval::Args),
    /// Run case files and show what differs
    Test(test::Args),
    /// Start a norm: a folder with a manifest, a rule, cases, and all it needs to build
    New(new::Args),
    /// Build a norm into a module, check it and run its cases
    Build(build::Args),
    /// Hold a module against the sources that it is said to be built of
    Verify(verify::Args),
    /// Show what a module says of itself, without running it
    Inspect(inspect::Args),
    /// Say in words what was decided and why, or what a rule says
    Explain(explain::Args),
    /// Measure what judging your own requests takes, module by module
    Bench(bench::Args),
    /// Check modules against the contract, the vocabulary and a configuration
    Check(check::Args),
    /// Put one module into shadow for a while, or switch it off, on the record
    Override(r#override::Args),
    /// Make keys: for signing, and for opening what is sealed
    Key(key::Args),
    /// Keep a repository of signed modules
    Repo(repo::Args),
    /// Take signed modules from repositories into a store
    Sync(sync::Args),
    /// Copy a module to an OCI registry
    Push(mirror::PushArgs),
    /// Copy a module from an OCI registry, by digest
    Pull(mirror::PullArgs),
    /// Check, search, prove and purge what a gate recorded
    ///
    /// NORMGATE_LEDGER_CONFIG names the file that says how a ledger's keys are kept (docs/ledger.md): for every command that opens one.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Judge recorded lists again, and show what comes out otherwise
    Replay(replay::Args),
    /// Judge the same lists on two sides, and show what changes
    Diff(diff::Args),
    /// Tell the public, an authority or the platform itself what is decided, by which rules
    #[command(subcommand)]
    Report(report::Command),
    /// Judge the scenes that this program carries, for a person to read
    Demo(demo::Args),
    /// Compile a module from standard input to standard output; what `eval -p` runs in a child process
    #[command(name = compile::COMMAND, hide = true)]
    CompileModule(compile::Args),
    /// Start a program without rights; what `build` and `verify` compile in
    #[command(name = workbench::COMMAND, hide = true)]
    RunConfined(workbench::Args),
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return screen::finish(show(&usage)),
    };
    log(cli.log);
    let result = judge::source::allocation().and_then(|()| run(cli.command));
    let code = screen::finish(result.unwrap_or_else(|error| {
        screen::complain(&error);
        ExitCode::from(2)
    }));
    ending::end();
    code
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Eval(args) => eval::run(&args),
        Command::Test(args) => test::run(&args),
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Override(args) => r#override::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Repo(args) => repo::run(&args),
        Command::Sync(args) => sync::run(&args),
        Command::Push(args) => mirror::push(&args),
        Command::Pull(args) => mirror::pull(&args),
        Command::Ledger(command) => ledger::run(&command),
        Command::Replay(args) => replay::run(&args),
        Command::CompileModule(args) => compile::run(&args),
        Command::RunConfined(args) => workbench::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Report(command) => report::run(&command),
        Command::Demo(args) => demo::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "normgate", &mut script);
            screen::own(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Has warnings of the library written to standard error.
fn log(format: LogFormat) {
    let log =
        tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).with_target(false);
    match format {
        LogFormat::Text => log.with_writer(|| screen::Log::Text).init(),
        LogFormat::Json => log.json().flatten_event(true).with_writer(|| screen::Log::Json).init(),
    }
}

/// Shows help that was asked for, or what is wrong with the arguments.
fn show(usage: &clap::Error) -> ExitCode {
    let text = usage.render();
    match (usage.use_stderr(), screen::is_terminal()) {
        (true, _) => screen::usage(&text.to_string()),
        (false, true) => screen::own(&text.ansi().to_string()),
        (false, false) => screen::own(&text.to_string()),
    }
    u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
