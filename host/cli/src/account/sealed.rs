//! Sealed cases: one decision taken out of a ledger for somebody who judges it again elsewhere, and that judging.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use normgate::contract::Day;
use normgate::{Backend, embedded};
use normgate_ledger::{Case, History, Recipient, SealingKey};

use crate::account::ledger::{note_access, verifier};
use crate::account::replay::builder;
use crate::judge::source::read_modules;

/// Options under which one decision is exported to somebody.
#[derive(ClapArgs)]
pub(crate) struct Sealing {
    /// Write one decision with all that judging it again takes, its names replaced, for one recipient to open
    #[arg(long, value_name = "ID", requires = "recipient", requires = "output", conflicts_with_all = ["from", "to", "personal"])]
    sealed: Option<String>,
    /// The recipient's public key, as `normgate key generate --sealing` wrote it
    #[arg(id = "recipient", long = "for", value_name = "NAME.pub", requires = "sealed")]
    recipient: Option<PathBuf>,
    /// The file to write
    #[arg(short, long, value_name = "CASE.sealed", requires = "sealed")]
    output: Option<PathBuf>,
    /// Module file or folder to look for recorded modules in, beside those that this program carries; may be given again
    #[arg(short = 'p', long = "policy", value_name = "MODULE.wasm|DIR", requires = "sealed")]
    policies: Vec<PathBuf>,
}

impl Sealing {
    /// Exports the decision that the options name, if they name one.
    pub(crate) fn export(&self, ledger: &Path) -> Result<Option<ExitCode>> {
        let (Some(id), Some(recipient), Some(output)) = (&self.sealed, &self.recipient, &self.output) else {
            return Ok(None);
        };
        let recipient = Recipient::read(recipient)?;
        let history = History::open(ledger)?;
        let mut modules = embedded::arp();
        for path in &self.policies {
            modules.extend(read_modules(path)?);
        }
        let asked = format!("{id}, sealed to {}", recipient.id());
        note_access(&history, "export", &asked, 1, true)?;
        let sealed = Case::export(&history, id, &modules, builder(Backend::Native))?.seal(&recipient)?;
        std::fs::write(output, &sealed).with_context(|| output.display().to_string())?;
        println!("{}: decision {id}, {} bytes, for the key {} alone", output.display(), sealed.len(), recipient.id());
        Ok(Some(ExitCode::SUCCESS))
    }
}

/// Opens a case, says what it is and whether it is proven, and judges it again.
pub(crate) fn replay(path: &Path, key: &Path, ledger_key: Option<&Path>, backend: Backend) -> Result<ExitCode> {
    let place = || path.display().to_string();
    let sealed = std::fs::read(path).with_context(place)?;
    let key = SealingKey::read(key)?;
    let ledger_key = ledger_key.map(verifier).transpose()?;
    let case = match Case::open(&sealed, &key) {
        Ok(case) => case,
        Err(error) => {
            eprintln!("normgate: {}: {error}", path.display());
            return Ok(ExitCode::from(1));
        }
    };
    println!("decision {}, of {} ({} ms)", case.decision_id(), Day::containing(case.ms()), case.ms());
    for policy in &case.set().policies {
        println!("module   {}@{} {}", policy.id, policy.version, policy.digest);
    }
    for fired in case.fired() {
        let basis = if fired.basis.is_empty() { "the host itself" } else { &fired.basis };
        println!("rule     {} \u{d7}{} ({basis})", fired.rule, fired.times);
    }
    if ledger_key.is_none() {
        eprintln!(
            "normgate: no --ledger-key: the proof is checked with the key that it carries itself, which proves no origin"
        );
    }
    let proven = case.proven(ledger_key.as_ref());
    match &proven {
        Ok(proven) => println!("proof    {proven}"),
        Err(error) => println!("UNPROVEN {error}"),
    }
    let replayed = case.replay(builder(backend)).with_context(place)?;
    if let Some(note) = &replayed.note {
        println!("note     {note}");
    }
    match &replayed.difference {
        None => println!("judged again: the same bytes"),
        Some((at, recorded, again)) => {
            println!("judged again: it differs at {at}\n    recorded  {recorded}\n    again     {again}");
        }
    }
    let well = proven.is_ok() && replayed.difference.is_none();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
