//! Judging recorded lists again, with the modules that judged them: the same bytes, or the first difference.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use normgate::contract::Day;
use normgate::{Config, Detail, GateBuilder, Generation, Module, Reader, SetDescription};
use serde::Deserialize;
use serde_json::Value;

use crate::error::LedgerError;
use crate::history::{History, Query, Recorded};
use crate::record::Level;

/// Lists that are read before they are judged again, on all threads.
const CHUNK: usize = 1_024;

/// What judging again came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Lists that were judged again.
    pub judged: u64,
    /// Lists that came out otherwise, in order.
    pub different: Vec<Difference>,
    /// Lists of which only a commitment is kept.
    pub commitments: u64,
    /// Lists whose keys are gone.
    pub unreadable: u64,
}

/// How a list came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Number of the record.
    pub record: u64,
    /// Its decision id.
    pub decision_id: String,
    /// Where the answers part: a path in the JSON.
    pub place: String,
    /// What was recorded there.
    pub recorded: String,
    /// What came out.
    pub again: String,
}

/// The modules at hand, and the generations that were built of them.
pub struct Replay<'m> {
    modules: &'m [Module],
    /// Starts building a gate, with whatever compiles its modules.
    builder: Box<dyn Fn() -> GateBuilder + 'm>,
    threads: usize,
    described: HashMap<String, SetDescription>,
    generations: HashMap<(String, Option<String>), Arc<(Generation, Reader)>>,
}

impl<'m> Replay<'m> {
    /// Judges again with these modules, whichever of them a list needs, on so many threads.
    pub fn new(modules: &'m [Module], builder: impl Fn() -> GateBuilder + 'm, threads: usize) -> Self {
        let (described, generations) = (HashMap::new(), HashMap::new());
        Self { modules, builder: Box::new(builder), threads: threads.max(1), described, generations }
    }

    /// Judges every list again that fits. `progress` hears how many were.
    ///
    /// # Errors
    /// When the ledger cannot be read, a module is missing, or a policy set cannot be built as it was.
    pub fn run(
        &mut self,
        history: &History,
        query: &Query,
        mut progress: impl FnMut(u64),
    ) -> Result<Replayed, LedgerError> {
        let mut out = Replayed::default();
        let mut chunk: Vec<(Recorded, Arc<(Generation, Reader)>)> = Vec::new();
        let described = std::cell::RefCell::new(std::mem::take(&mut self.described));
        let threads = self.threads;
        let mut judge = |chunk: &mut Vec<(Recorded, Arc<(Generation, Reader)>)>, out: &mut Replayed| {
            out.judged += chunk.len() as u64;
            let share = chunk.len().div_ceil(threads).max(1);
            let found: Result<Vec<Vec<Difference>>, LedgerError> = thread::scope(|scope| {
                let work = |part: &[(Recorded, Arc<(Generation, Reader)>)]| {
                    let judged = part.iter().map(|(recorded, generation)| again(recorded, generation));
                    judged.collect::<Result<Vec<_>, _>>().map(|found| found.into_iter().flatten().collect())
                };
                let running: Vec<_> = chunk.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
                let ended = running.into_iter().map(|thread| {
                    let message = "a judging thread ended".to_owned();
                    thread.join().unwrap_or(Err(LedgerError::Stopped { message }))
                });
                ended.collect()
            });
            out.different.extend(found?.into_iter().flatten());
            chunk.clear();
            progress(out.judged);
            Ok(())
        };
        history.lists(
            query,
            |description| {
                described.borrow_mut().insert(description.policy_set.clone(), description);
                Ok(())
            },
            |recorded| {
                match (recorded.decision.level, &recorded.personal, &recorded.outcome) {
                    (Level::Commit, ..) => out.commitments += 1,
                    (Level::Full, Some(_), Some(_)) => {
                        let (set, label) = (&recorded.decision.policy_set, &recorded.decision.generation);
                        let key = (set.clone(), label.clone());
                        let generation = match self.generations.get(&key) {
                            Some(known) => Arc::clone(known),
                            None => {
                                let described = described.borrow();
                                let description = described.get(set).ok_or_else(|| {
                                    LedgerError::altered(
                                        format!("record {}", recorded.record),
                                        "its policy set is not described",
                                    )
                                })?;
                                let generation = build(self.modules, (self.builder)(), description, label.as_deref())?;
                                let reader = generation.reader();
                                let made = Arc::new((generation, reader));
                                self.generations.insert(key, Arc::clone(&made));
                                made
                            }
                        };
                        chunk.push((recorded, generation));
                        if chunk.len() >= CHUNK {
                            judge(&mut chunk, &mut out)?;
                        }
                    }
                    _ => out.unreadable += 1,
                }
                Ok(())
            },
        )?;
        judge(&mut chunk, &mut out)?;
        Ok(out)
    }
}

/// Builds a described set again, of the modules that are at hand.
fn build(
    modules: &[Module],
    builder: GateBuilder,
    description: &SetDescription,
    label: Option<&str>,
) -> Result<Generation, LedgerError> {
    let set = &description.policy_set;
    let (mut judging, mut stand_ins) = (Vec::new(), Vec::new());
    for policy in &description.policies {
        let module = modules.iter().find(|module| module.digest_text() == policy.digest).ok_or_else(|| {
            LedgerError::Absent(format!(
                "policy set {set}: {}@{} ({}) is not among the modules at hand; give its file or folder with -p",
                policy.id, policy.version, policy.digest
            ))
        })?;
        (if policy.stands_in { &mut stand_ins } else { &mut judging }).push(module.clone());
    }
    let unbuilt = |message: String| LedgerError::Absent(format!("policy set {set} cannot be built again: {message}"));
    let config = Config::parse(&description.config).map_err(|error| unbuilt(error.to_string()))?;
    let mut builder = builder.policies(judging).last_good(stand_ins).config(config);
    builder = builder.as_of(Day::containing(description.resolved_ms));
    if let Some(label) = label {
        builder = builder.label(label);
    }
    let generation = builder.generation().map_err(|error| unbuilt(error.to_string()))?;
    let built = generation.policy_set().describe();
    if built.policy_set == *set {
        return Ok(generation);
    }
    Err(unbuilt(match built.semantics == description.semantics {
        true => "its modules, parameters and grants make another digest here".to_owned(),
        false => {
            format!("it judged under `{}`, and this program judges under `{}`", description.semantics, built.semantics)
        }
    }))
}

#[derive(Deserialize)]
struct DecisionId {
    decision_id: String,
}

/// Judges one list again; the difference, if there is one.
fn again(recorded: &Recorded, made: &(Generation, Reader)) -> Result<Option<Difference>, LedgerError> {
    let place = || format!("record {}", recorded.record);
    let (Some(request), Some(before)) = (recorded.request(), &recorded.outcome) else { return Ok(None) };
    let DecisionId { decision_id } =
        serde_json::from_str(before).map_err(|error| LedgerError::altered(place(), error.to_string()))?;
    let (generation, reader) = made;
    let batch = reader.read_canonical(&request).map_err(|error| LedgerError::altered(place(), error.to_string()))?;
    let outcome = generation.replay(&batch, &recorded.decision.circumstances);
    let after = outcome.to_json_of(&decision_id, Detail::default());
    if after == *before {
        return Ok(None);
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (path, old, new) = first_difference(&parse(before), &parse(&after), String::new())
        .unwrap_or_else(|| ("the order of fields".into(), String::new(), String::new()));
    Ok(Some(Difference { record: recorded.record, decision_id, place: path, recorded: old, again: new }))
}

/// The first place where two answers part, with what each has there.
fn first_difference(before: &Value, after: &Value, place: String) -> Option<(String, String, String)> {
    let absent = Value::Null;
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            first_difference(a.get(key).unwrap_or(&absent), b.get(key).unwrap_or(&absent), place)
        }),
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len())).find_map(|index| {
            let of = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
            first_difference(&of(a), &of(b), format!("{place}[{index}]"))
        }),
        _ if before == after => None,
        _ => Some((place, before.to_string(), after.to_string())),
    }
}
