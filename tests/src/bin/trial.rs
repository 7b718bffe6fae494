//! Runs real data through `normgate eval` and says what came of it: `trial DATA_DIR [--normgate PATH]`.
//!
//! Rows become requests by an adapter a set. Agreement with a label that the adapter itself turned into a signal proves
//! that the wires are connected, and nothing else: it is reported as a plumbing check. Findings are only what no label
//! put there.

#[path = "../trial/mod.rs"]
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("trial: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether every set that is present was judged without a refused line, and every plumbing check holds.
fn run() -> Result<bool> {
    let mut data = None;
    let mut normgate = None;
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--normgate" {
            normgate = Some(PathBuf::from(arguments.next().context("--normgate needs the path of the program")?));
        } else if data.is_none() {
            data = Some(PathBuf::from(argument));
        } else {
            bail!("{} is one argument too many; usage: trial DATA_DIR [--normgate PATH]", argument.display());
        }
    }
    let data = data.context("usage: trial DATA_DIR [--normgate PATH]")?;
    if !data.is_dir() {
        bail!("{}: no such folder; name the one that holds the .jsonl.gz files", data.display());
    }
    let normgate = normgate.map_or_else(beside_this_program, Ok)?;
    let modules = trial::loaded_modules(&normgate)?;
    println!("judged by {}: {}", normgate.display(), modules.join(", "));
    let mut well = true;
    for set in trial::sets() {
        well &= trial::run(set, &data, &normgate, &modules)?;
    }
    Ok(well)
}

fn beside_this_program() -> Result<PathBuf> {
    let path = std::env::current_exe().context("finding this program")?.with_file_name("normgate");
    if !path.is_file() {
        bail!("{}: not built; run cargo build --release -p normgate-cli, or name one with --normgate", path.display());
    }
    Ok(path)
}
