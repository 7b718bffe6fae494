//! `normgate sync`: signed modules from repositories into a store.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate_repo::reload::{Schedule, repeat};
use normgate_repo::{Bounds, Checks, Store, Trust};

use crate::judge::compile;
use crate::judge::source::{artifacts, configured};

/// Take what the repositories of normgate.toml have signed into a store. Everything is verified, compiled in a child process, tried
/// with its own cases, and built for every day on which something changes, before it is switched to. Of a repository or module that
/// is refused, what was last taken stays.
///
/// Example: normgate sync -c normgate.toml --store /var/lib/normgate
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Names the repositories, and what is granted to their authorities
    #[arg(short, long, value_name = "normgate.toml", default_value = "normgate.toml")]
    config: PathBuf,

    /// Where generations are kept
    #[arg(long, value_name = "DIR")]
    store: PathBuf,

    /// Go on: sync again every so many minutes, less up to a fifth by chance, and after failures up to eight times as rarely
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,

    /// Make a first generation although a repository was refused, or a module of an authority with base = "full"
    #[arg(long)]
    partial: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let Some(minutes) = args.every else {
        let good = once(&args.config, &args.store, args.partial)?;
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) });
    };
    let every = Duration::from_secs(60 * minutes);
    let (config, store, partial) = (args.config.clone(), args.store.clone(), args.partial);
    // The thread holds one end: were it to die, this process would stay behind and never sync again.
    let (alive, ended) = mpsc::channel::<()>();
    let _running = repeat(Schedule { every, longest: 8 * every }, move || {
        let _alive = &alive;
        once(&config, &store, partial).unwrap_or_else(|error| {
            remark!("{error:#}");
            false
        })
    })?;
    // Until somebody ends the process: a sync that is cut off leaves a whole generation.
    let _ = ended.recv();
    bail!("syncing ended by a fault of this program; start it again")
}

/// One sync. Says whether nothing was refused.
fn once(path: &Path, store: &Path, partial: bool) -> Result<bool> {
    let config = configured(path)?;
    let trust = Trust::read(&config.repositories, path.parent().unwrap_or(Path::new("")))
        .with_context(|| path.display().to_string())?;
    if trust.is_empty() {
        bail!("{}: no [[repositories]] are configured; docs/publishing.md shows one", path.display());
    }
    let checks =
        Checks { compiler: Arc::new(compile::in_child), artifacts, config, bounds: Bounds::default(), partial };
    let synced = normgate_repo::sync(&Store::open(store)?, &trust, &checks)?;
    for notice in &synced.notices {
        remark!("{notice}");
    }
    for (_, error) in &synced.refused {
        remark!("refused: {error}");
    }
    for change in &synced.changes {
        say!("{change}");
    }
    match synced.generation {
        Some(number) if synced.switched => say!("generation {number} is in force"),
        Some(number) => say!("generation {number} stays in force"),
        None => say!("nothing was taken"),
    }
    Ok(synced.refused.is_empty())
}
