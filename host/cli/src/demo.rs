//! `normgate demo`: scenes for a person to read.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;

/// Judge the scenes that this program carries.
#[derive(ClapArgs)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
