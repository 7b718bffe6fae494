//! `normgate ledger`: check, search, prove and purge what a gate recorded. And the options under which `eval` records.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use normgate::Confirmation;
use normgate::contract::{Day, Vocabulary, now_ms};
use normgate_ledger::{
    Against, Anchorage, Breach, Durability, DutyCounts, Ledger, LedgerError, Purge, Query, Recorded, Settings, Subject,
    WhenFull, check, expired,
};

use crate::account::lookup::{Form, Range, View, Who, note_access, read, show, verifier};
use crate::account::opened::{history, settings};
use crate::account::{anchor, cosign, export};
use crate::identity::{self, caller};
use crate::judge::source::at_hand;
use crate::screen;

/// How a check ends that found nothing, and could not see whether the end is there.
const NOT_ANCHORED: u8 = 3;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Hold every byte of a ledger against something that says what it should be
    ///
    /// Exit 0: nothing was altered, and something from outside bears out how far the ledger goes; 1: something was altered; 3: nothing
    /// was altered, but whatever came last may have been cut off unseen, since nothing from outside bears the end out (not anchored).
    Verify {
        /// The ledger
        ledger: PathBuf,
        /// A checkpoint that was kept elsewhere: history before it must be what it was
        #[arg(long, value_name = "NOTE")]
        checkpoint: Option<PathBuf>,
        /// The ledger's public key, kept elsewhere
        #[arg(long, value_name = "KEY")]
        key: Option<PathBuf>,
        /// Demand a checkpoint that this key cosigned, and that agrees: in the ledger, or the one that is given
        #[arg(long, value_name = "KEY")]
        cosigner: Option<PathBuf>,
        /// The cosigned checkpoint, kept elsewhere
        #[arg(long, value_name = "NOTE", requires = "cosigner", conflicts_with = "checkpoint")]
        cosigned: Option<PathBuf>,
        /// Module file or folder to look for recorded modules in, beside those that this program carries: by their rules it is told
        /// whether a list had to be kept in full; may be given again
        #[arg(short = 'p', long = "policy", value_name = "MODULE.wasm|DIR")]
        policies: Vec<PathBuf>,
    },
    /// Show one decision, with everything that is kept of it
    Show {
        /// The ledger
        ledger: PathBuf,
        /// Decision id, or the number of its record
        id: String,
        #[command(flatten)]
        view: View,
    },
    /// List decisions by user, item and time, a short line each: what `show`, `explain`, `replay` and `prove` take is its `id`, or
    /// its `record` where several have that id
    Find {
        /// The ledger
        #[arg(value_name = "LEDGER", required_unless_present = "more")]
        ledger: Option<PathBuf>,
        /// Another ledger to look in; may be given again. Each line says which ledger it is of, then
        #[arg(long = "ledger", value_name = "DIR")]
        more: Vec<PathBuf>,
        /// Print records whole, as `show` does
        #[arg(long)]
        whole: bool,
        /// User, as `user.ref` in the request has it
        #[arg(long, value_name = "REF")]
        user: Option<String>,
        /// Candidate that was in the list
        #[arg(long, value_name = "ID")]
        item: Option<String>,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        view: View,
    },
    /// Write what is recorded for others: as JSON lines, Parquet, DSA statements of reasons, or one decision as a sealed case
    Export(export::Args),
    /// Record what became of decisions: what was shown, which labels were rendered, which vetoes applied, what was discharged
    Confirm {
        /// The ledger; no gate may be writing to it
        ledger: PathBuf,
        /// Confirmations, one JSON object a line; - reads standard input
        #[arg(short, long, value_name = "confirmations.jsonl", default_value = "-")]
        input: PathBuf,
    },
    /// Hold what became of decisions against what was decided: rows that were withheld and shown, labels and vetoes that were not
    /// applied, duties that are overdue
    Fulfilment {
        /// The ledger
        ledger: PathBuf,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        who: Who,
        /// Write everything as one JSON object, users by name
        #[arg(long)]
        json: bool,
    },
    /// Write the proof that a decision is in the log, for anybody to check without the ledger
    Prove {
        /// The ledger
        ledger: PathBuf,
        /// Decision id, or the number of its record
        #[arg(required_unless_present = "since")]
        id: Option<String>,
        #[command(flatten)]
        who: Who,
        /// Prove instead that this older checkpoint is a beginning of the log
        #[arg(long, value_name = "NOTE", conflicts_with = "id")]
        since: Option<PathBuf>,
    },
    /// Check a proof with nothing but the proof and the ledger's public key
    CheckProof {
        /// The proof
        proof: PathBuf,
        /// The ledger's public key (`ledger.pub`), from whom you trust; without it, the key that the proof itself carries
        #[arg(long, value_name = "KEY")]
        key: Option<PathBuf>,
    },
    /// Sign the head of the log, and print the signed note
    Checkpoint {
        /// The ledger
        ledger: PathBuf,
    },
    /// Cosign the head of a ledger's log, once it is shown to go on from the one that was cosigned before
    Cosign(cosign::Args),
    Anchor(anchor::Args),
    /// How far a ledger goes and is anchored, in the text format of Prometheus
    Stats {
        /// The ledger
        ledger: PathBuf,
    },
    /// Hold a decision for a case, so that it outlives the keys of its day
    Hold {
        /// The ledger
        ledger: PathBuf,
        /// Decision id, or the number of its record
        id: String,
        /// Name of the case: lower-case letters, digits, hyphens
        #[arg(long, value_name = "NAME")]
        case: String,
        #[command(flatten)]
        who: Who,
    },
    /// End a case: what was held for it lives as long as any other record
    Release {
        /// The ledger
        ledger: PathBuf,
        /// Name of the case
        #[arg(long, value_name = "NAME")]
        case: String,
    },
    /// Destroy the keys of past days, so that what they sealed can be proven and not read
    Purge {
        /// The ledger
        ledger: PathBuf,
        /// The last day that goes; 184 days before yesterday when it is left out
        #[arg(long, value_name = "YYYY-MM-DD")]
        until: Option<Day>,
        /// Destroy personal columns only: decisions stay readable, and can no longer be judged again
        #[arg(long)]
        personal: bool,
        /// The clock is right although nothing was recorded for more than a day
        #[arg(long)]
        after_idling: bool,
        /// The personal columns of this day alone, before their time, as when persons ask for it
        #[arg(long, value_name = "YYYY-MM-DD", requires = "personal", requires = "reason", conflicts_with = "until")]
        day: Option<Day>,
        /// Why they go before their time; it stands on the record
        #[arg(long, value_name = "TEXT", requires = "day")]
        reason: Option<String>,
    },
}

/// Options of recording.
#[derive(ClapArgs)]
pub(crate) struct Recording {
    /// Record every judged list in this folder, which is started when it is missing
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// When a list is answered: once its record is on the disk, or at once
    #[arg(long, requires = "ledger", default_value = "behind")]
    durability: DurabilityArg,
    /// What is done when too many lists wait to be written
    #[arg(long, requires = "ledger", default_value = "wait")]
    when_full: WhenFullArg,
    /// Of a million lists that nobody may have to account for, how many are kept in full all the same
    #[arg(long, requires = "ledger", value_name = "PPM", default_value_t = Settings::default().sample_ppm)]
    sample_ppm: u32,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum DurabilityArg {
    BeforeAnswer,
    Behind,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum WhenFullArg {
    Wait,
    Refuse,
}

impl Recording {
    pub(crate) fn open(&self) -> Result<Option<Ledger>> {
        let Some(path) = &self.ledger else { return Ok(None) };
        let settings = Settings {
            durability: match self.durability {
                DurabilityArg::BeforeAnswer => Durability::BeforeAnswer,
                DurabilityArg::Behind => Settings::default().durability,
            },
            when_full: match self.when_full {
                WhenFullArg::Wait => WhenFull::Wait,
                WhenFullArg::Refuse => WhenFull::Refuse,
            },
            sample_ppm: self.sample_ppm,
            ..settings()?
        };
        Ok(Some(Ledger::open(path, settings)?))
    }

    /// Closes the ledger. Its counters, and how far it is anchored, in the text format of Prometheus; and what went wrong.
    pub(crate) fn close(&self, ledger: Ledger) -> (String, Result<()>) {
        let signed = ledger.checkpoint();
        let mut text = ledger.counts().to_prometheus();
        let closed = ledger.close();
        let anchorage = || -> Result<String> {
            let Some(path) = &self.ledger else { return Ok(String::new()) };
            Ok(history(path)?.anchorage(now_ms())?.to_prometheus())
        };
        let anchored = anchorage().map(|anchorage| text += &anchorage);
        (text, closed.and(signed.map(drop)).map_err(Into::into).and(anchored))
    }
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Verify { ledger, checkpoint, key, cosigner, cosigned, policies } => {
            let known = checkpoint.as_deref().or(cosigned.as_deref());
            verify(ledger, known, key.as_deref(), cosigner.as_deref(), policies)
        }
        Command::Show { ledger, id, view } => match show(ledger, &Query::of(id), "show", id, view, Form::Whole)? {
            0 => bail!("no decision {id} is in {}, or its key is gone", ledger.display()),
            _ => Ok(ExitCode::SUCCESS),
        },
        Command::Find { ledger, more, whole, user, item, range, view } => {
            let query = Query { user: user.clone(), item: item.clone(), ..range.query() };
            let whose = if user.is_some() { "a user, " } else { "" };
            let which = if item.is_some() { "an item, " } else { "" };
            let asked = format!("{whose}{which}{}", range.words());
            let (mut found, mut damaged) = (0, None);
            for place in ledger.iter().chain(more) {
                let name = place.display().to_string();
                let form = match *whole || view.personal {
                    true => Form::Whole,
                    false => Form::Brief((!more.is_empty()).then_some(&name)),
                };
                match show(place, &query, "find", &asked, view, form) {
                    Ok(count) => found += count,
                    // What is wrong with one ledger hides nothing of the others.
                    Err(error) if !more.is_empty() => {
                        remark!("{name}: {error:#}");
                        damaged.get_or_insert(ExitCode::from(1));
                    }
                    Err(error) => return Err(error),
                }
            }
            remark!("{found} decisions");
            Ok(damaged.unwrap_or(ExitCode::SUCCESS))
        }
        Command::Export(args) => export::run(args),
        Command::Confirm { ledger, input } => confirm(ledger, input),
        Command::Fulfilment { ledger, range, who, json } => fulfilment(ledger, range, who, *json),
        Command::Prove { ledger, id, who, since } => prove(ledger, id.as_deref(), who, since.as_deref()),
        Command::CheckProof { proof, key } => {
            let text = read(proof)?;
            let key = key.as_deref().map(verifier).transpose()?;
            if key.is_none() {
                remark!("no --key: the proof is checked with the key that it carries itself, which proves no origin");
            }
            match check(&text, key.as_ref()) {
                Ok(checked) => say!("{checked}"),
                Err(error) => {
                    remark!("{}: {error}", proof.display());
                    return Ok(ExitCode::from(1));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Checkpoint { ledger } => {
            let history = history(ledger)?;
            match Ledger::open(ledger, settings()?) {
                Ok(ledger) => screen::page(&ledger.checkpoint()?),
                // A running writer signs at the end of every segment; what it signed last is what there is.
                Err(LedgerError::Held { .. }) => match history.checkpoint()? {
                    Some(note) => screen::page(&note),
                    None => bail!("{}: its writer has signed no checkpoint yet", ledger.display()),
                },
                Err(error) => return Err(error.into()),
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Cosign(args) => cosign::run(args),
        Command::Anchor(args) => anchor::run(args),
        Command::Stats { ledger } => {
            screen::page(&history(ledger)?.anchorage(now_ms())?.to_prometheus());
            Ok(ExitCode::SUCCESS)
        }
        Command::Hold { ledger, id, case, who } => {
            let history = history(ledger)?;
            let writer = Ledger::open(ledger, settings()?)?;
            note_access(&history, "hold", id, 1, false, who)?;
            writer.hold(id, case, &identity::who(who.by.as_deref())?)?;
            writer.close()?;
            say!("{}: {id} is held for case {case}, until it is released", ledger.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Release { ledger, case } => {
            history(ledger)?;
            let writer = Ledger::open(ledger, settings()?)?;
            writer.release(case, &caller())?;
            writer.close()?;
            say!("{}: case {case} is over; its key is destroyed", ledger.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Purge { ledger, day: Some(day), reason, .. } => {
            history(ledger)?;
            let writer = Ledger::open(ledger, settings()?)?;
            writer.erase(*day, reason.as_deref().unwrap_or_default(), &caller())?;
            writer.close()?;
            say!("{}: the personal columns of {day} are erased; the erasure is on the record", ledger.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Purge { ledger, until, personal, after_idling, .. } => {
            history(ledger)?;
            let until = until.unwrap_or_else(|| expired(now_ms()));
            let what = if *personal { Purge::Personal } else { Purge::All };
            let writer = Ledger::open(ledger, settings()?)?;
            match after_idling {
                true => writer.purge_after_idling(until, what, &caller())?,
                false => writer.purge(until, what, &caller())?,
            }
            writer.close()?;
            say!("{}: purged up to {until}; the purge is on the record", ledger.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(
    ledger: &Path,
    checkpoint: Option<&Path>,
    key: Option<&Path>,
    cosigner: Option<&Path>,
    policies: &[PathBuf],
) -> Result<ExitCode> {
    let known = checkpoint.map(read).transpose()?;
    let key = key.map(verifier).transpose()?;
    let cosigner = cosigner.map(cosign::cosigner).transpose()?;
    let modules = at_hand(policies)?;
    let history = history(ledger)?;
    let against =
        Against { known: known.as_deref(), key: key.as_ref(), cosigner: cosigner.as_ref(), modules: &modules };
    let found = history.verify(&against)?;
    for finding in &found.findings {
        say!("ALTERED  {finding}");
    }
    for note in &found.notes {
        say!("note     {note}");
    }
    for (module, kinds) in &found.disturbed {
        let kinds: Vec<String> = kinds.iter().map(|(kind, calls)| format!("{calls} {kind}")).collect();
        say!("note     {module}: calls that are recorded as disturbed: {}", kinds.join(", "));
    }
    let by = if cosigner.is_some() { "" } else { ", by the witnesses that the ledger itself names" };
    say!("anchor   {}{by}", Anchorage::of(found.anchor.clone(), found.frames, now_ms()));
    say!(
        "{}: {} records in {} frames, {} lists in full and {} as commitments, {} checkpoints agree, {} findings",
        ledger.display(),
        found.records,
        found.frames,
        found.full,
        found.commit,
        found.checkpoints,
        found.findings.len()
    );
    if !found.findings.is_empty() {
        return Ok(ExitCode::from(1));
    }
    let lacking = match (&known, &cosigner) {
        (None, None) => Some("nothing from outside was given (--checkpoint, --cosigner)".to_owned()),
        (_, Some(cosigner)) if found.anchor.is_none() => {
            Some(format!("no checkpoint is cosigned by {}", cosigner.name()))
        }
        _ => None,
    };
    if let Some(lacking) = lacking {
        let place = ledger.display();
        say!(
            "way out  have the head cosigned: `normgate ledger anchor {place} --witness DIR --cosigner witness.pub --once`, then `normgate \
             ledger verify {place} --cosigner witness.pub`"
        );
        say!("{place}: {lacking}, so the end may have been cut off unseen: not anchored");
        return Ok(ExitCode::from(NOT_ANCHORED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Records confirmations; a line that is none, or is about what this ledger or the vocabulary does not have, is refused in its place, and
/// those around it are recorded.
fn confirm(ledger: &Path, input: &Path) -> Result<ExitCode> {
    let history = history(ledger)?;
    let lines: Box<dyn BufRead> = match input.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(input).with_context(|| input.display().to_string())?)),
    };
    let mut said: Vec<(u64, Result<Confirmation, String>)> = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let read = serde_json::from_str::<Confirmation>(&line?);
        said.push((number, read.map_err(|error| format!("no confirmation: {error}"))));
    }
    let mut unknown: HashSet<String> =
        said.iter().filter_map(|(_, said)| Some(said.as_ref().ok()?.decision_id.clone())).collect();
    let known = |recorded: Recorded| {
        recorded.decision.id.iter().for_each(|id| {
            unknown.remove(id);
        });
        Ok(())
    };
    history.lists(&Query::default(), |_| Ok(()), known)?;
    let ledger = Ledger::open(ledger, settings()?)?;
    let (mut recorded, mut refused) = (0u64, 0u64);
    for (number, said) in said {
        let checked = said.and_then(|said| match unconfirmable(&said, &unknown) {
            None => Ok(said),
            Some(what) => Err(what),
        });
        match checked {
            Ok(confirmation) => {
                ledger.confirm(&confirmation)?;
                recorded += 1;
            }
            Err(what) => {
                remark!("{} line {number}: {what}", input.display());
                refused += 1;
            }
        }
    }
    ledger.close()?;
    remark!("{recorded} confirmations recorded, {refused} lines refused");
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What a confirmation is about that does not exist.
fn unconfirmable(said: &Confirmation, unknown: &HashSet<String>) -> Option<String> {
    let vocabulary = Vocabulary::shipped();
    if unknown.contains(&said.decision_id) {
        return Some(format!("no decision {} is in this ledger, or its key is gone", said.decision_id));
    }
    let label = said.labels_rendered.iter().find(|rendered| !vocabulary.labels.contains(&rendered.label));
    let duty = said.discharged.iter().find(|discharge| !vocabulary.obligations.contains(&discharge.code));
    let label = label.map(|rendered| format!("no label is called `{}`", rendered.label));
    label.or_else(|| duty.map(|discharge| format!("no duty is called `{}`", discharge.code)))
}

/// Prints what was done against decisions and what is overdue; without names of users unless all of it is asked for as JSON.
fn fulfilment(ledger: &Path, range: &Range, who: &Who, json: bool) -> Result<ExitCode> {
    let history = history(ledger)?;
    let found = history.fulfilment(&range.query(), now_ms())?;
    note_access(&history, "fulfilment", &range.words(), found.decisions, json, who)?;
    if json {
        screen::json(&serde_json::to_string(&found)?);
    } else {
        for Breach { record, decision_id, what, about, rules } in &found.breaches {
            say!("BREACH   record {record}, decision {decision_id}: {about}: {what}  {}", rules.join(", "));
        }
        for duty in &found.overdue {
            let subject = match &duty.subject {
                Subject::Service => "the service".to_owned(),
                Subject::User(_) => "a user".to_owned(),
                Subject::List(decision) => format!("decision {decision}"),
                Subject::Item(item) => format!("item {item}"),
                Subject::Tag(..) => "a user's tag".to_owned(),
            };
            let since = Day::containing(duty.opened_ms);
            say!("OVERDUE  {}, {subject}, since {since}: raised by {} lists  {}", duty.code, duty.sightings, duty.rule);
        }
        for (code, DutyCounts { opened, discharged, late, overdue }) in &found.duties {
            say!("duty     {code}: {opened} opened, {discharged} discharged, {late} late, {overdue} overdue");
        }
        say!(
            "{}: {} decisions, {} confirmed, {} without a key; {} breaches, {} duties overdue",
            ledger.display(),
            found.decisions,
            found.confirmed,
            found.unreadable,
            found.breaches.len(),
            found.overdue.len()
        );
    }
    let all_well = found.breaches.is_empty() && found.overdue.is_empty();
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn prove(ledger: &Path, id: Option<&str>, who: &Who, since: Option<&Path>) -> Result<ExitCode> {
    let history = history(ledger)?;
    let proof = match (id, since) {
        (Some(id), _) => {
            note_access(&history, "prove", id, 1, false, who)?;
            history.prove(id)?
        }
        (None, Some(since)) => history.prove_since(&read(since)?)?,
        (None, None) => bail!("say which decision, or give an older checkpoint with --since"),
    };
    screen::json(&proof);
    Ok(ExitCode::SUCCESS)
}
