//! `normgate push` and `pull`: a mirror of modules in an OCI registry. Trust stays with signed repositories.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use normgate_repo::oci::{self, Location, Login};

/// Copy a module to an OCI registry, and print its place there by digest. A mirror proves nothing: platforms believe signed
/// repositories only.
///
/// A user and password are read from NORMGATE_REGISTRY_USER and NORMGATE_REGISTRY_PASSWORD.
#[derive(ClapArgs)]
pub(crate) struct PushArgs {
    /// Where to
    #[arg(value_name = "oci://REGISTRY/NAME:TAG")]
    to: Location,

    /// The module
    #[arg(value_name = "MODULE.wasm")]
    module: PathBuf,
}

/// Copy a module from an OCI registry into a file, by digest: for example to sign it with `normgate repo add`.
///
/// A user and password are read from NORMGATE_REGISTRY_USER and NORMGATE_REGISTRY_PASSWORD.
#[derive(ClapArgs)]
pub(crate) struct PullArgs {
    /// Where from
    #[arg(value_name = "oci://REGISTRY/NAME@sha256:…")]
    from: Location,

    /// The file to write
    #[arg(short, long, value_name = "MODULE.wasm")]
    output: PathBuf,
}

pub(crate) fn push(args: &PushArgs) -> Result<ExitCode> {
    let bytes = std::fs::read(&args.module).with_context(|| args.module.display().to_string())?;
    say!("{}", oci::push(&args.to, &bytes, &login())?);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn pull(args: &PullArgs) -> Result<ExitCode> {
    let bytes = oci::pull(&args.from, &login())?;
    std::fs::write(&args.output, bytes).with_context(|| args.output.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn login() -> Login {
    match (std::env::var("NORMGATE_REGISTRY_USER"), std::env::var("NORMGATE_REGISTRY_PASSWORD")) {
        (Ok(user), Ok(password)) => Login::User(user, password),
        _ => Login::Anonymous,
    }
}
