//! `normgate key`: keys with which metadata is signed.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};
use normgate_repo::keys;

/// Keys for signing what a repository says.
#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key: a private file for yourself alone, and a public one (.pub) to hand to whoever delegates to you
    Generate {
        /// The private file
        #[arg(value_name = "NAME.pem")]
        path: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let Command::Generate { path } = &args.command;
    let public = keys::generate(path)?;
    println!("{}  private: keep it, and a copy where nobody finds it", path.display());
    println!("{}  public: hand it on", path.with_extension("pub").display());
    println!("id {}", public.id());
    Ok(ExitCode::SUCCESS)
}
