//! `normgate ledger cosign`: a regulator signs the head of a ledger's log, once it is shown to go on from the one signed before.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate::contract::now_ms;
use normgate_ledger::{Cosigner, History, Shown, Witness};
use normgate_repo::keys::{PublicKey, SigningKey};

use crate::account::lookup::{read, verifier};
use crate::screen;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// A checkpoint of the ledger, or the folder of the ledger itself
    #[arg(value_name = "CHECKPOINT.note|LEDGER")]
    what: PathBuf,
    /// The proof that the log which was cosigned last is the beginning of this one (`ledger prove --since`); nothing is needed
    /// the first time, or with the ledger at hand
    #[arg(long, value_name = "PROOF")]
    proof: Option<PathBuf>,
    /// Where the cosigner remembers what it signed, log by log; made when it is missing
    #[arg(long, value_name = "STATE.json")]
    state: PathBuf,
    /// The cosigner's private key, as `normgate key generate` wrote it
    #[arg(long, value_name = "NAME.pem")]
    key: PathBuf,
    /// The ledger's public key (`ledger.pub`), from whom you trust; the state remembers it from then on
    #[arg(long, value_name = "KEY")]
    ledger_key: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let key = SigningKey::read(&args.key)?;
    let history = if args.what.is_dir() { Some(History::open(&args.what)?) } else { None };
    let note = match &history {
        None => read(&args.what)?,
        Some(history) => match history.checkpoint()? {
            Some(note) => note,
            None => bail!("{}: its writer has signed no checkpoint yet", args.what.display()),
        },
    };
    let ledger_key = args.ledger_key.as_deref().map(verifier).transpose()?;
    let proof = args.proof.as_deref().map(read).transpose()?;
    let shown = history.as_ref().map_or(Shown::Proof(proof.as_deref()), Shown::Ledger);
    let sign = |text: &[u8]| key.sign(text);
    let witness = Witness { cosigner: of(&key.public)?, sign: &sign, state: &args.state };
    let now_s = u64::try_from(now_ms() / 1_000).context("the clock stands before 1970")?;
    match witness.cosign(&note, ledger_key.as_ref(), &shown, now_s) {
        Ok(cosigned) => screen::page(&cosigned),
        Err(error) => {
            remark!("{}: {error}", args.what.display());
            return Ok(ExitCode::from(1));
        }
    }
    remark!("cosigned as {}", witness.cosigner.text());
    Ok(ExitCode::SUCCESS)
}

/// The cosigner whose public key a file holds: the `.pub` that `normgate key generate` wrote, or the written form of a cosigner.
pub(crate) fn cosigner(path: &Path) -> Result<Cosigner> {
    match Cosigner::parse(&read(path)?) {
        Ok(cosigner) => Ok(cosigner),
        Err(_) => of(&PublicKey::read(path)?),
    }
}

fn of(key: &PublicKey) -> Result<Cosigner> {
    Ok(Cosigner::of(key.ed25519().context("only Ed25519 keys cosign")?))
}
