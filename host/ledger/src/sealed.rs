//! A sealed case: one decision with all that it takes to judge it again somewhere else, under names that only this case has,
//! and with the proof that its record is in the ledger's log.

use std::collections::BTreeMap;
use std::fmt;

use normgate::contract::Vocabulary;
use normgate::{Circumstances, GateBuilder, Module, PolicyDescription, SetDescription};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bytes::take;
use crate::error::LedgerError;
use crate::history::History;
use crate::keys::{MAX_TEXT_BYTES, Signer, sha256};
use crate::names::{Names, in_any_order};
use crate::note::Verifier;
use crate::proof::{Checked, check_with_entry};
use crate::record::{Event, Level};
use crate::replay::{Judge, difference, first_difference};
use crate::sealing::{Recipient, SealingKey};

/// How hard a case is compressed: it is made once, and modules of one SDK have much in common.
const LEVEL: i32 = 12;

/// What a case says; the components of its modules follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// The decision, as the ledger knows it.
    decision_id: String,
    /// Number of its record.
    record: u64,
    /// When it was made, milliseconds since 1970 UTC.
    ms: i64,
    /// Label of the generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<String>,
    /// The policy set that decided.
    set: SetDescription,
    /// What the outcome rests on besides.
    circumstances: Circumstances,
    /// The columns that judging reads, in canonical form, under the names of the case.
    request: String,
    /// The answer, byte for byte, under the same names.
    outcome: String,
    /// That the record is in the log, as JSON; of the record only what it says in the open.
    proof: String,
}

/// One decision with all that judging it again takes.
#[derive(Clone, Debug)]
pub struct Case {
    said: Said,
    /// The same as it was written, which is what is signed.
    text: Vec<u8>,
    /// The ledger's signature over what the case says; none where its signing key was not at hand.
    signature: Option<Vec<u8>>,
    modules: Vec<Module>,
}

/// A rule that did something in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Id of the rule.
    pub rule: String,
    /// Article or instrument, as the manifest cites it; empty for what the host itself says.
    pub basis: String,
    /// On how many rows, tags or other targets.
    pub times: usize,
}

/// What is proven of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// What the proof shows of the record: that it is in the log, with this number, time and policy set. What a record says in the
    /// open is no more than that.
    pub record: Checked,
    /// Whether the ledger's key signed the case, so that its holder answers for request, outcome and circumstances being the record's.
    pub signed: bool,
}

impl fmt::Display for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = if self.signed { "the ledger's key signed" } else { "no key of the ledger signed" };
        write!(f, "{}; {signed} that these are its request, its circumstances and its outcome", self.record)
    }
}

/// What judging a case again came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseReplayed {
    /// The same bytes.
    Same,
    /// The first place where the answers part, with what was recorded there and what came out.
    Different(String, String, String),
    /// It was judged under other semantics than this program's, which says nothing against it.
    Other {
        /// Under which, and by which this program judges.
        note: String,
        /// Whether it comes out the same here all the same.
        same: bool,
    },
}

impl Case {
    /// Takes a decision out of a ledger, with the modules that judged it, whichever of these it needs. It is judged again here,
    /// once, under the names of the case: these bytes are what a replay has to come to.
    ///
    /// # Errors
    /// When there is no such decision, it is not kept in full, its keys are gone, no checkpoint covers it, a module is missing, or
    /// it does not come out as it was recorded.
    pub fn export(
        history: &History,
        decision_id: &str,
        modules: &[Module],
        builder: GateBuilder,
    ) -> Result<Self, LedgerError> {
        let (recorded, set) = history.decision(decision_id)?;
        let place = format!("decision {decision_id}");
        if recorded.decision.level == Level::Commit {
            return Err(LedgerError::Absent(format!(
                "{place}: only a commitment of it is kept, so nobody can judge it again"
            )));
        }
        if recorded.outcome.is_some() && recorded.personal.is_none() {
            return Err(LedgerError::Absent(format!(
                "{place}: its personal key is gone, so it can be read (`normgate ledger show`) and not judged again"
            )));
        }
        let (Some(request), Some(before)) = (recorded.request(), &recorded.outcome) else {
            return Err(LedgerError::KeyGone { place });
        };
        let label = recorded.decision.generation.as_deref();
        let judge = Judge::build(modules, builder, &set, label)?;
        if let Some(note) = &judge.other {
            return Err(LedgerError::Absent(format!(
                "{place} has to be exported by the release that judged it: it was {note}"
            )));
        }
        let circumstances = recorded.decision.circumstances;
        let (request, outcome) = renamed(&judge, &request, before, &circumstances, decision_id)?;
        let said = Said {
            decision_id: decision_id.to_owned(),
            record: recorded.record,
            ms: recorded.ms,
            generation: recorded.decision.generation,
            circumstances,
            request,
            outcome,
            proof: history.prove_open(decision_id)?,
            set,
        };
        // Writing to memory cannot fail.
        let text = serde_json::to_vec(&said).unwrap_or_default();
        let signature = Signer::read(&history.home)?.map(|signer| signer.sign(&signed_text(&text)));
        let needed = |module: &&Module| said.set.policies.iter().any(|policy| policy.digest == module.digest_text());
        let mut modules: Vec<Module> = modules.iter().filter(needed).cloned().collect();
        modules.sort_by_key(|module| module.digest);
        modules.dedup_by_key(|module| module.digest);
        Ok(Self { said, text, signature, modules })
    }

    /// Seals the case to a recipient.
    ///
    /// # Errors
    /// When it is too large, or the key is none.
    pub fn seal(&self, to: &Recipient) -> Result<Vec<u8>, LedgerError> {
        let failed = |message: String| LedgerError::altered("case", message);
        let mut plain = Vec::new();
        let signature = self.signature.as_deref().unwrap_or_default();
        for part in [&self.text[..], signature].into_iter().chain(self.modules.iter().map(|module| &module.bytes[..])) {
            plain.extend_from_slice(&(part.len() as u32).to_le_bytes());
            plain.extend_from_slice(part);
        }
        let length = u32::try_from(plain.len()).ok().filter(|length| *length as usize <= MAX_TEXT_BYTES);
        let length = length.ok_or_else(|| failed(format!("{} bytes are too many for one", plain.len())))?;
        let packed = zstd::bulk::compress(&plain, LEVEL).map_err(|error| failed(error.to_string()))?;
        to.seal(&[&length.to_le_bytes()[..], &packed].concat())
    }

    /// Opens a sealed case.
    ///
    /// # Errors
    /// When it is sealed to another key, was altered or cut off, or lacks a module.
    pub fn open(sealed: &[u8], key: &SealingKey) -> Result<Self, LedgerError> {
        let wrong = |message: String| LedgerError::altered("sealed case", message);
        let text = key.open(sealed)?;
        let mut rest = &text[..];
        let length = take(&mut rest).map(|length| u32::from_le_bytes(length) as usize);
        let length =
            length.filter(|length| *length <= MAX_TEXT_BYTES).ok_or_else(|| wrong("it is too large".into()))?;
        let plain = zstd::bulk::decompress(rest, length).map_err(|error| wrong(error.to_string()))?;
        let parts = parts(&plain).ok_or_else(|| wrong("a part of it is cut off".into()))?;
        let [text, signature, components @ ..] = &parts[..] else { return Err(wrong("it says nothing".into())) };
        let said: Said = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        let read = |bytes: &&[u8]| {
            Module::read("a module of it", bytes, Vocabulary::shipped()).map_err(|error| wrong(error.to_string()))
        };
        let modules: Vec<Module> = components.iter().map(read).collect::<Result<_, _>>()?;
        let there = |policy: &&PolicyDescription| modules.iter().any(|module| module.digest_text() == policy.digest);
        if let Some(lacking) = said.set.policies.iter().find(|policy| !there(policy)) {
            let PolicyDescription { id, version, digest, .. } = lacking;
            return Err(wrong(format!("it lacks the module {id}@{version} ({digest})")));
        }
        let signature = (!signature.is_empty()).then(|| signature.to_vec());
        Ok(Self { said, text: text.to_vec(), signature, modules })
    }

    /// The decision id, as the ledger knows it.
    pub fn decision_id(&self) -> &str {
        &self.said.decision_id
    }

    /// When it was decided, milliseconds since 1970 UTC.
    pub fn ms(&self) -> i64 {
        self.said.ms
    }

    /// The policy set that decided.
    pub fn set(&self) -> &SetDescription {
        &self.said.set
    }

    /// The request as far as judging read it, in canonical form, under the names of the case.
    pub fn request(&self) -> &str {
        &self.said.request
    }

    /// The answer under the names of the case: one JSON line.
    pub fn outcome(&self) -> &str {
        &self.said.outcome
    }

    /// Everything that the case says, as JSON: what somebody reads who has no use for a replay.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// The rules that did something, by id.
    pub fn fired(&self) -> Vec<Fired> {
        let outcome: Value = serde_json::from_str(&self.said.outcome).unwrap_or_default();
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let reasoned = ["verdicts", "tags"].into_iter().flat_map(|list| items(&outcome[list]));
        let reasons = reasoned.flat_map(|item| items(&item["reasons"]));
        let stated = ["obligations", "vetoes", "constraints", "promote", "violations"];
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for item in reasons.chain(stated.into_iter().flat_map(|list| items(&outcome[list]))) {
            if let Some(rule) = item["rule"].as_str() {
                *times.entry(rule.to_owned()).or_default() += 1;
            }
        }
        let rules = || self.modules.iter().flat_map(|module| &module.manifest.rules);
        let basis = |id: &str| rules().find(|rule| rule.id == id).map_or(String::new(), |rule| rule.basis.clone());
        times.into_iter().map(|(rule, times)| Fired { basis: basis(&rule), rule, times }).collect()
    }

    /// Checks that the record which the case is of is in the ledger's log, under the ledger's key that is given, or else the one
    /// that the proof itself carries; and whether that key signed the case.
    ///
    /// # Errors
    /// When the proof does not hold, is of another record, or the signature is not right.
    pub fn proven(&self, key: Option<&Verifier>) -> Result<Proven, LedgerError> {
        let wrong = |message: &str| LedgerError::altered("sealed case", message);
        let (record, entry, verifier) = check_with_entry(&self.said.proof, key)?;
        let said = &self.said;
        let of_it = entry.is_some_and(|entry| {
            (entry.record, entry.ms) == (said.record, said.ms)
                && matches!(&entry.event, Event::Decision(listed)
                    if listed.policy_set == said.set.policy_set && listed.level == Level::Full)
        });
        if !of_it {
            return Err(wrong("its proof is of another record"));
        }
        match &self.signature {
            Some(signature) if !verifier.verifies(&signed_text(&self.text), signature) => {
                Err(wrong("the ledger's key did not sign what it says"))
            }
            signature => Ok(Proven { record, signed: signature.is_some() }),
        }
    }

    /// Judges the case again with the modules that it carries, none of which is trusted: `builder` has to compile them where
    /// that does no harm.
    ///
    /// # Errors
    /// When its policy set cannot be built as it was, or its request cannot be read.
    pub fn replay(&self, builder: GateBuilder) -> Result<CaseReplayed, LedgerError> {
        let Said { decision_id, generation, set, circumstances, request, outcome, .. } = &self.said;
        let judge = Judge::build(&self.modules, builder, set, generation.as_deref())?;
        let batch = judge.read("sealed case", request.as_bytes())?;
        let again = batch.and_then(|batch| judge.answer(&batch, circumstances, decision_id));
        let same = again.as_ref().is_some_and(|again| again == outcome);
        Ok(match (judge.other, again.and_then(|again| difference(outcome, &again))) {
            (Some(note), _) => CaseReplayed::Other { note, same },
            (None, None) => CaseReplayed::Same,
            (None, Some((place, recorded, again))) => CaseReplayed::Different(place, recorded, again),
        })
    }
}

/// A recorded request under names of its own, and the answer to it; refused unless the answer is the recorded one under these names.
fn renamed(
    judge: &Judge,
    request: &[u8],
    before: &str,
    circumstances: &Circumstances,
    decision_id: &str,
) -> Result<(String, String), LedgerError> {
    let place = format!("decision {decision_id}");
    let parse = |text: &str| serde_json::from_str::<Value>(text);
    let mut recorded = parse(before).map_err(|error| LedgerError::altered(&place, error.to_string()))?;
    let mut names = Names::fresh()?;
    let unbuilt = || LedgerError::Absent(format!("{place} cannot be judged here"));
    let batch = judge.read(&place, request)?.ok_or_else(unbuilt)?.renamed(|name| names.of(name));
    let outcome = judge.answer(&batch, circumstances, decision_id).ok_or_else(unbuilt)?;
    let mut again = parse(&outcome).unwrap_or_default();
    names.replace_in(&mut recorded);
    [&mut recorded, &mut again].into_iter().for_each(in_any_order);
    match first_difference(&recorded, &again, String::new()) {
        None => Ok((String::from_utf8_lossy(&batch.canonical()).into_owned(), outcome)),
        Some((at, ..)) => Err(LedgerError::Absent(format!(
            "{place} is not exported: under other names it comes out otherwise than it was recorded, at {at}"
        ))),
    }
}

/// What the ledger's key signs of a case; no checkpoint reads like it.
fn signed_text(said: &[u8]) -> Vec<u8> {
    format!("normgate-ledger sealed case\n{}\n", sha256(said)).into_bytes()
}

/// Texts that lie one after another, each under its length; none where one is cut off.
fn parts(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let length = take(&mut bytes).map(u32::from_le_bytes)?;
        let (part, rest) = bytes.split_at_checked(length as usize)?;
        parts.push(part);
        bytes = rest;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// A case that says this of one module, and carries none.
    fn without_modules() -> Case {
        let policy = PolicyDescription {
            id: "reference/art99-none".into(),
            version: "1.2.3".into(),
            digest: "sha256:00".into(),
            stands_in: false,
            parameters: BTreeMap::new(),
        };
        let set = SetDescription {
            policy_set: String::new(),
            identity: String::new(),
            semantics: String::new(),
            config: String::new(),
            resolved_ms: 0,
            held: Vec::new(),
            policies: vec![policy],
        };
        let said = Said {
            decision_id: "0123".into(),
            record: 0,
            ms: 0,
            generation: None,
            set,
            circumstances: Circumstances::default(),
            request: String::new(),
            outcome: String::new(),
            proof: String::new(),
        };
        Case { text: serde_json::to_vec(&said).unwrap(), said, signature: None, modules: Vec::new() }
    }

    #[test]
    fn a_case_that_lacks_a_module_names_it() {
        let key = SealingKey::fresh().unwrap();
        let error = Case::open(&without_modules().seal(&key.recipient).unwrap(), &key).unwrap_err();
        let said = "sealed case: it lacks the module reference/art99-none@1.2.3 (sha256:00)";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn what_is_sealed_and_is_no_case_is_refused() {
        let key = SealingKey::fresh().unwrap();
        let packed = |plain: &[u8]| zstd::bulk::compress(plain, LEVEL).unwrap();
        let under = |length: u32, plain: &[u8]| [&length.to_le_bytes()[..], &packed(plain)].concat();
        for text in [vec![], vec![1], under(u32::MAX, b""), under(0, b""), under(4, &[9, 0, 0, 0]), under(8, &[0; 8])] {
            assert!(Case::open(&key.recipient.seal(&text).unwrap(), &key).is_err(), "{text:?}");
        }
    }
}
