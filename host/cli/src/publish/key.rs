//! `normgate key`: keys that sign, and keys that something is sealed to.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};
use normgate_ledger::SealingKey;
use normgate_repo::keys;

/// Keys for signing what a repository says or a ledger shows, and for opening what was sealed.
#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key: a private file for yourself alone, and a public one (.pub) to hand to whoever delegates to you
    ///
    /// No file is ever written over. Where the private file is there and the public one is not, the public one is written.
    Generate {
        /// The private file
        #[arg(value_name = "NAME.pem")]
        path: PathBuf,
        /// Make a key that cases are sealed to instead of one that signs: NAME.key and NAME.pub
        #[arg(long)]
        sealing: bool,
    },
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let Command::Generate { path, sealing } = &args.command;
    let (private, id) = match sealing {
        false => (path.clone(), keys::generate(path)?.id()),
        true => (path.with_extension("key"), SealingKey::generate(path)?.recipient.id()),
    };
    say!("{}  private: keep it, and a copy where nobody finds it", private.display());
    say!("{}  public: hand it on", path.with_extension("pub").display());
    say!("id {id}");
    Ok(ExitCode::SUCCESS)
}
