//! `normgate ledger anchor`: gets the head of a ledger's log cosigned by a witness outside, now and then, by itself.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate::contract::now_ms;
use normgate_ledger::{Anchor, Cosigner, History, Ledger, LedgerError, MAX_ANSWER_BYTES, Submission};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use crate::account::cosign;
use crate::account::opened::{history, settings};
use crate::judge::r#override::duration;

/// How long a witness may take to answer. Engineering default.
const ANSWER: Duration = Duration::from_secs(30);

/// Have a witness outside cosign the head of the log, now and then: what it cosigned cannot be taken back by anybody who has the keys.
///
/// A witness at a URL is asked as C2SP tlog-witness has it (add-checkpoint): over https, or http on this machine alone; redirects are
/// not followed. A folder is an exchange: checkpoint.note and proof.json lie there for the witness, who puts cosigned.note beside
/// them. A writer that is at work signs a head every 15 minutes; otherwise this command does.
///
/// Example: `normgate ledger anchor decisions --witness https://witness.example/log --cosigner witness.pub --every 1h`
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The ledger
    ledger: PathBuf,
    /// Where the witness is
    #[arg(long, value_name = "URL|DIR")]
    witness: String,
    /// The witness's public key, from whom you trust; a cosignature by another one is none
    #[arg(long, value_name = "KEY")]
    cosigner: PathBuf,
    /// How often: 30m, 1h
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "1h")]
    every: Duration,
    /// Ask once, and end
    #[arg(long)]
    once: bool,
}

/// A duration after which something is done again.
fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("invalid interval `{text}`: expected 1s at least; --once asks one time")),
        interval => Ok(interval),
    }
}

/// Where a witness is asked.
enum Place {
    Url(Url),
    Folder(PathBuf),
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let cosigner = cosign::cosigner(&args.cosigner)?;
    let place = Place::of(&args.witness)?;
    history(&args.ledger)?;
    loop {
        match ask(&args.ledger, &place, &cosigner) {
            Ok(said) => say!("{}: {said}", args.ledger.display()),
            Err(error) => {
                remark!("{}: not anchored: {error:#}", args.ledger.display());
                if args.once {
                    return Ok(ExitCode::from(1));
                }
            }
        }
        if args.once {
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(args.every);
    }
}

impl Place {
    fn of(text: &str) -> Result<Self> {
        if !text.contains("://") {
            let folder = PathBuf::from(text);
            if !folder.is_dir() {
                bail!("--witness {text}: there is no such folder, and no URL is written so");
            }
            return Ok(Self::Folder(folder));
        }
        let url = Url::parse(&format!("{}/add-checkpoint", text.trim_end_matches('/')));
        let url = url.with_context(|| format!("--witness {text}"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            bail!("--witness {text}: a witness is asked over https, or over http on this machine alone");
        }
        Ok(Self::Url(url))
    }
}

/// Asks once; a sentence on what came of it.
fn ask(ledger: &Path, place: &Place, by: &Cosigner) -> Result<String> {
    sign(ledger)?;
    let history = history(ledger)?;
    match place {
        Place::Url(url) => {
            let Anchor { size, at_s, by } = ask_url(&history, url, by)?;
            Ok(format!("{by} cosigned {size} frames at {at_s} s"))
        }
        Place::Folder(folder) => ask_folder(&history, folder, by),
    }
}

/// Signs the head of the log, unless a writer is at work, who does.
fn sign(ledger: &Path) -> Result<()> {
    match Ledger::open(ledger, settings()?) {
        Ok(ledger) => Ok(ledger.checkpoint().map(drop)?),
        Err(LedgerError::Held { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn ask_url(history: &History, url: &Url, by: &Cosigner) -> Result<Anchor> {
    let known = history.last_cosigned(by)?.map_or(0, |(anchor, _)| anchor.size);
    let mut submission = history.submission(known)?;
    let (mut status, mut answer) = post(url, &submission)?;
    // The witness may know more of the log than this folder does, or less.
    if status == StatusCode::CONFLICT {
        let size: u64 = answer.trim_end().parse().context("the witness answered 409 without a size")?;
        if size == known {
            bail!("the witness cosigned other {size} frames of this log: it has two histories");
        }
        submission = history.submission(size)?;
        (status, answer) = post(url, &submission)?;
    }
    match status {
        StatusCode::OK => Ok(history.keep_anchor(&submission, &answer, by, now_ms())?),
        StatusCode::NOT_FOUND => bail!("the witness does not know this log: it has to be given ledger.pub"),
        StatusCode::FORBIDDEN => bail!("the witness trusts another key of this log than the one that signs here"),
        StatusCode::UNPROCESSABLE_ENTITY => {
            bail!("the witness does not see its last cosigned head in this log: history was rewritten")
        }
        status if status.is_redirection() => bail!("the witness answered {status}: redirects are not followed"),
        status => bail!("the witness answered {status}"),
    }
}

/// Sends a request, and reads at most so much of the answer as a cosignature may take.
fn post(url: &Url, submission: &Submission) -> Result<(StatusCode, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = Client::builder().redirect(Policy::none()).timeout(ANSWER);
        // Through a tunnel a proxy sees nothing of https; on this machine nobody stands between.
        if url.scheme() != "https" {
            client = client.no_proxy();
        }
        let client = client.build()?;
        let mut response = client.post(url.clone()).body(submission.body.clone()).send().await?;
        let (status, mut bytes) = (response.status(), Vec::new());
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER_BYTES {
                bail!("the witness answered more than {MAX_ANSWER_BYTES} bytes");
            }
        }
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    })
}

/// Takes what the witness put into the folder, and puts there what it is to cosign next.
fn ask_folder(history: &History, folder: &Path, by: &Cosigner) -> Result<String> {
    let mut said = String::from("nothing was cosigned yet");
    let cosigned = folder.join("cosigned.note");
    if cosigned.is_file() {
        let note = bounded(&cosigned)?;
        if note.trim().is_empty() {
            bail!(
                "{}: it is empty, since cosigning failed; remove it, and have the witness cosign again",
                cosigned.display()
            );
        }
        let Anchor { size, at_s, by } = history.keep_cosigned(&note, by, now_ms())?;
        said = format!("{by} cosigned {size} frames at {at_s} s");
    }
    let last = history.last_cosigned(by)?;
    let submission = history.submission(last.as_ref().map_or(0, |(anchor, _)| anchor.size))?;
    if last.as_ref().is_some_and(|(anchor, _)| anchor.size == submission.size) {
        return Ok(said);
    }
    let proof = folder.join("proof.json");
    match &last {
        Some((_, note)) => put(&proof, &(history.prove_since(note)? + "\n"))?,
        None if proof.exists() => fs::remove_file(&proof).with_context(|| proof.display().to_string())?,
        None => {}
    }
    put(&folder.join("checkpoint.note"), &submission.note)?;
    Ok(format!("{said}; {} frames wait in {} to be cosigned", submission.size, folder.display()))
}

/// A file that is no longer than a cosigned note may be.
fn bounded(path: &Path) -> Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    file.take(MAX_ANSWER_BYTES as u64).read_to_string(&mut text).with_context(|| path.display().to_string())?;
    Ok(text)
}

/// Writes a file whole or not at all, for a witness to read.
fn put(path: &Path, text: &str) -> Result<()> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = builder.tempfile_in(folder).with_context(|| folder.display().to_string())?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
    file.persist(path).with_context(|| path.display().to_string())?;
    Ok(())
}
