//! Sealed cases: one decision that was taken out of a ledger, judged again elsewhere.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use normgate::Backend;
use normgate::contract::Day;
use normgate_ledger::{Case, CaseReplayed, SealingKey};

use crate::account::lookup::verifier;
use crate::account::replay::OTHER_SEMANTICS;
use crate::judge::source::judging_again;

/// Opens a case, says what it is and whether it is proven, and judges it again.
pub(crate) fn replay(
    path: &Path,
    key: &Path,
    ledger_key: Option<&Path>,
    unsigned: bool,
    backend: Backend,
) -> Result<ExitCode> {
    let place = || path.display().to_string();
    let sealed = std::fs::read(path).with_context(place)?;
    let key = SealingKey::read(key)?;
    let ledger_key = ledger_key.map(verifier).transpose()?;
    let case = match Case::open(&sealed, &key) {
        Ok(case) => case,
        Err(error) => {
            remark!("{}: {error}", path.display());
            return Ok(ExitCode::from(1));
        }
    };
    say!("decision {}, of {} ({} ms)", case.decision_id(), Day::containing(case.ms()), case.ms());
    for policy in &case.set().policies {
        say!("module   {}@{} {}", policy.id, policy.version, policy.digest);
    }
    for fired in case.fired() {
        let basis = if fired.basis.is_empty() { "the host itself" } else { &fired.basis };
        say!("rule     {} \u{d7}{} ({basis})", fired.rule, fired.times);
    }
    if ledger_key.is_none() {
        remark!("no --ledger-key: the proof is checked with the key that it carries itself, which proves no origin");
    }
    let proven = case.proven(ledger_key.as_ref());
    match &proven {
        Ok(proven) => say!("proof    {proven}"),
        Err(error) => say!("UNPROVEN {error}"),
    }
    let signed = proven.as_ref().is_ok_and(|proven| proven.signed);
    if proven.is_ok() && !signed {
        say!("UNSIGNED nobody answers for its request, circumstances and outcome being the record's");
    }
    let replayed = case.replay(judging_again(backend)).with_context(place)?;
    let same = match &replayed {
        CaseReplayed::Same => {
            say!("judged again: the same bytes");
            ExitCode::SUCCESS
        }
        CaseReplayed::Different(at, recorded, again) => {
            say!("judged again: it differs at {at}");
            say!("    recorded  {recorded}");
            say!("    again     {again}");
            ExitCode::from(1)
        }
        CaseReplayed::Other { note, same } => {
            let same = if *same { "; it comes out the same here" } else { "" };
            say!("{note}{same}");
            ExitCode::from(OTHER_SEMANTICS)
        }
    };
    Ok(if proven.is_ok() && (signed || unsigned) { same } else { ExitCode::from(1) })
}
