//! `normgate ledger cosign`: a regulator signs the head of a ledger's log, once it is shown to go on from the one signed before.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate::contract::now_ms;
use normgate_ledger::{Answered, Cosigner, History, Shown, Verifier, Witness};
use normgate_repo::keys::{PublicKey, SigningKey};

use crate::account::lookup::{read, verifier};
use crate::screen;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// A checkpoint of the ledger, or the folder of the ledger itself
    #[arg(value_name = "CHECKPOINT.note|LEDGER", required_unless_present = "add_checkpoint")]
    what: Option<PathBuf>,
    /// A request `add-checkpoint` of C2SP tlog-witness instead, as `ledger anchor` sends it: the line of the cosignature is printed, or
    /// with exit 1 how many frames were cosigned last. - reads standard input
    #[arg(long, value_name = "REQUEST", conflicts_with_all = ["what", "proof"])]
    add_checkpoint: Option<PathBuf>,
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
    let sign = |text: &[u8]| key.sign(text);
    let witness = Witness { cosigner: of(&key.public)?, sign: &sign, state: &args.state };
    let ledger_key = args.ledger_key.as_deref().map(verifier).transpose()?;
    let now_s = u64::try_from(now_ms() / 1_000).context("the clock stands before 1970")?;
    let what = match (&args.what, &args.add_checkpoint) {
        (Some(what), _) => what,
        (None, Some(request)) => return answer(&witness, request, ledger_key.as_ref(), now_s),
        (None, None) => bail!("give a checkpoint, a ledger, or a request with --add-checkpoint"),
    };
    let history = if what.is_dir() { Some(History::open(what)?) } else { None };
    let note = match &history {
        None => read(what)?,
        Some(history) => match history.checkpoint()? {
            Some(note) => note,
            None => bail!("{}: its writer has signed no checkpoint yet", what.display()),
        },
    };
    let proof = args.proof.as_deref().map(read).transpose()?;
    let shown = history.as_ref().map_or(Shown::Proof(proof.as_deref()), Shown::Ledger);
    match witness.cosign(&note, ledger_key.as_ref(), &shown, now_s) {
        Ok(cosigned) => screen::page(&cosigned),
        Err(error) => {
            remark!("{}: {error}", what.display());
            return Ok(ExitCode::from(1));
        }
    }
    remark!("cosigned as {}", witness.cosigner.text());
    Ok(ExitCode::SUCCESS)
}

/// Answers a request; what is printed is the body of the answer.
fn answer(witness: &Witness<'_>, request: &Path, log: Option<&Verifier>, now_s: u64) -> Result<ExitCode> {
    let body = if request.as_os_str() == "-" { io::read_to_string(io::stdin())? } else { read(request)? };
    match witness.add_checkpoint(&body, log, now_s) {
        Ok(Answered::Cosigned(line)) => {
            screen::page(&line);
            Ok(ExitCode::SUCCESS)
        }
        Ok(Answered::Conflict(size)) => {
            say!("{size}");
            remark!("{}: {size} frames were cosigned last; the proof has to begin there", request.display());
            Ok(ExitCode::from(1))
        }
        Err(error) => {
            remark!("{}: {error}", request.display());
            Ok(ExitCode::from(1))
        }
    }
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
