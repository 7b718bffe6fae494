//! Judging recorded lists again, with the modules that judged them: the same bytes, or the first difference.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use normgate::contract::Day;
use normgate::{
    Batch, BuildError, Circumstances, Config, Detail, GateBuilder, Generation, Module, Outcome, Reader, SetDescription,
};
use serde::Deserialize;
use serde_json::Value;

use crate::error::LedgerError;
use crate::history::History;
use crate::record::{Decision, Level};
use crate::recorded::{Query, Recorded};

/// Lists that are read before they are judged again, on all threads.
const CHUNK: usize = 1_024;

/// What judging again came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Lists that were judged again by the semantics that judged them.
    pub judged: u64,
    /// Of these, lists that came out otherwise, in order.
    pub different: Vec<Difference>,
    /// Lists that were judged under other semantics than this program's: what comes out here says nothing against them.
    pub other: u64,
    /// Of these, lists that come out the same here all the same.
    pub other_same: u64,
    /// Commitments whose request was given.
    pub given: u64,
    /// Lists of which only a commitment is kept, and whose request was not given.
    pub commitments: u64,
    /// Lists whose keys are gone.
    pub unreadable: u64,
    /// The other semantics, one sentence each.
    pub notes: Vec<String>,
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

/// A policy set as it was, and what reads requests for it.
pub(crate) struct Judge {
    /// None where this program judges by other semantics and cannot build the set at all.
    built: Option<(Generation, Reader)>,
    /// The digest that it had.
    recorded: String,
    /// Under which semantics it judged and by which this program does, if these are others.
    pub(crate) other: Option<String>,
}

impl Judge {
    /// Builds a described set again, of the modules that are at hand.
    pub(crate) fn build(
        modules: &[Module],
        builder: GateBuilder,
        description: &SetDescription,
        label: Option<&str>,
    ) -> Result<Self, LedgerError> {
        let (set, theirs) = (&description.policy_set, &description.semantics);
        let altered = |what: String| LedgerError::altered(format!("policy set {set}"), what);
        // Earlier builds did not say what the digest is over.
        if let Some(what) = description.disagreements().into_iter().next().filter(|_| !description.identity.is_empty())
        {
            return Err(altered(what));
        }
        let unbuilt_here = |error: BuildError| unbuilt(set, error.to_string());
        let own = builder.generation().map_err(unbuilt_here)?.policy_set().describe().semantics;
        let other = (!is_of(theirs, &own)).then(|| format!("judged under `{theirs}`, this program judges by `{own}`"));
        let built = Parts::of(modules, description).and_then(|parts| {
            let generation = parts.builder(builder, label).generation().map_err(unbuilt_here)?;
            if generation.policy_set().digest_under(theirs) == *set {
                return Ok((generation.reader(), generation));
            }
            Err(match generation.policy_set().digest() == set {
                true => altered(format!("its digest is of other semantics than `{theirs}`")),
                false => unbuilt(set, "its modules, parameters and grants make another digest here".to_owned()),
            })
        });
        if let Err(error @ LedgerError::Altered { .. }) = built {
            return Err(error);
        }
        let built = match (built, &other) {
            (Ok((reader, generation)), _) => Some((generation, reader)),
            (Err(_), Some(_)) => None,
            (Err(error), None) => return Err(error),
        };
        Ok(Self { built, recorded: set.clone(), other })
    }

    /// The answer to a request in canonical form under recorded circumstances; none where the set cannot be built here. Where
    /// semantics are others, the set has another digest here; the answer bears the recorded one, so that all else can be compared.
    pub(crate) fn answer(&self, batch: &Batch, circumstances: &Circumstances, decision_id: &str) -> Option<String> {
        let (generation, _) = self.built.as_ref()?;
        let outcome = generation.replay(batch, circumstances);
        let text = outcome.to_json_of(decision_id, Detail::default());
        Some(text.replace(outcome.policy_set().digest(), &self.recorded))
    }

    /// A request from its canonical form; none where the set cannot be built here.
    pub(crate) fn read(&self, place: &str, request: &[u8]) -> Result<Option<Batch>, LedgerError> {
        let Some((_, reader)) = &self.built else { return Ok(None) };
        match reader.read_canonical(request) {
            Ok(batch) => Ok(Some(batch)),
            // Columns may be others too.
            Err(_) if self.other.is_some() => Ok(None),
            Err(error) => Err(LedgerError::altered(place, error.to_string())),
        }
    }
}

/// Whether recorded semantics are those of a sandbox, whatever they say of the operator after that.
fn is_of(recorded: &str, own: &str) -> bool {
    let rest = recorded.strip_prefix(own);
    rest.is_some_and(|rest| {
        rest.split(' ').skip(1).all(|word| word == "filed" || word.starts_with("provider="))
            && (rest.is_empty() || rest.starts_with(' '))
    })
}

/// A list that waits to be judged again, and its request where it was given.
type Waiting = (Recorded, Arc<Judge>, Option<Batch>);

/// A policy set by digest, with the label of its generation.
type SetKey = (String, Option<String>);

/// The modules at hand, and the policy sets that were built of them.
pub struct Replay<'m> {
    modules: &'m [Module],
    /// Starts building a gate, with whatever compiles its modules.
    builder: Box<dyn Fn() -> GateBuilder + 'm>,
    threads: usize,
    judges: HashMap<SetKey, Arc<Judge>>,
    /// Requests that were given, as JSON.
    given: Vec<Vec<u8>>,
    /// Where among these a decision's is, by the decision's id.
    index: HashMap<SetKey, HashMap<String, usize>>,
}

impl<'m> Replay<'m> {
    /// Judges again with these modules, whichever of them a list needs, on so many threads.
    pub fn new(modules: &'m [Module], builder: impl Fn() -> GateBuilder + 'm, threads: usize) -> Self {
        let (builder, threads) = (Box::new(builder), threads.max(1));
        Self { modules, builder, threads, judges: HashMap::new(), given: Vec::new(), index: HashMap::new() }
    }

    /// Holds commitments against requests that somebody kept, one JSON object each: those that a decision id was made of are
    /// judged again too.
    pub fn given(mut self, requests: Vec<Vec<u8>>) -> Self {
        self.given = requests;
        self
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
        let mut waiting: Vec<Waiting> = Vec::new();
        let described: RefCell<HashMap<String, SetDescription>> = RefCell::default();
        history.lists(
            query,
            |description| {
                described.borrow_mut().insert(description.policy_set.clone(), description);
                Ok(())
            },
            |recorded| {
                match (recorded.decision.level, &recorded.personal, &recorded.outcome) {
                    (Level::Commit, _, Some(_)) if !self.given.is_empty() => {
                        let judge = self.judge(&recorded, &described.borrow())?;
                        match self.request_of(&recorded, &judge)? {
                            Some(request) => {
                                out.given += 1;
                                waiting.push((recorded, judge, Some(request)));
                            }
                            None => out.commitments += 1,
                        }
                    }
                    (Level::Commit, ..) => out.commitments += 1,
                    (Level::Full, Some(_), Some(_)) => {
                        let judge = self.judge(&recorded, &described.borrow())?;
                        waiting.push((recorded, judge, None));
                    }
                    _ => out.unreadable += 1,
                }
                if waiting.len() >= CHUNK {
                    self.judge_again(&mut waiting, &mut out)?;
                    progress(out.judged + out.other);
                }
                Ok(())
            },
        )?;
        self.judge_again(&mut waiting, &mut out)?;
        progress(out.judged + out.other);
        Ok(out)
    }

    /// The request of one recorded decision as far as it is kept, and what judging it again gives, with its evidence at hand;
    /// none where only a commitment is kept, its key is gone, or it comes out otherwise under this program's other semantics.
    ///
    /// # Errors
    /// When a module is missing, or the policy set cannot be built as it was.
    pub fn outcome(
        &mut self,
        recorded: &Recorded,
        set: &SetDescription,
    ) -> Result<Option<(Batch, Outcome)>, LedgerError> {
        let Some(request) = recorded.request() else { return Ok(None) };
        let judge = self.judge(recorded, &HashMap::from([(set.policy_set.clone(), set.clone())]))?;
        let batch = judge.read(&format!("record {}", recorded.record), &request)?;
        let (Some(batch), Some((generation, _))) = (batch, &judge.built) else { return Ok(None) };
        let outcome = generation.replay(&batch, &recorded.decision.circumstances);
        // Under other semantics values may be told of it only where it comes out the same.
        if judge.other.is_some() && again(recorded, &judge, None)?.1.is_none_or(|difference| difference.is_some()) {
            return Ok(None);
        }
        Ok(Some((batch, outcome)))
    }

    /// The policy set that judged a list; built when it is met for the first time.
    fn judge(
        &mut self,
        recorded: &Recorded,
        described: &HashMap<String, SetDescription>,
    ) -> Result<Arc<Judge>, LedgerError> {
        let (set, label) = (&recorded.decision.policy_set, &recorded.decision.generation);
        let key = (set.clone(), label.clone());
        if let Some(known) = self.judges.get(&key) {
            return Ok(Arc::clone(known));
        }
        let description = described.get(set).ok_or_else(|| {
            LedgerError::altered(format!("record {}", recorded.record), "its policy set is not described before it")
        })?;
        let judge = Arc::new(Judge::build(self.modules, (self.builder)(), description, label.as_deref())?);
        self.judges.insert(key, Arc::clone(&judge));
        Ok(judge)
    }

    /// The given request that a decision was made on.
    fn request_of(&mut self, recorded: &Recorded, judge: &Judge) -> Result<Option<Batch>, LedgerError> {
        let Decision { policy_set, generation, .. } = &recorded.decision;
        let Some((built, reader)) = &judge.built else { return Ok(None) };
        let read = |line: &Vec<u8>| reader.read(line).ok();
        let index = self.index.entry((policy_set.clone(), generation.clone())).or_insert_with(|| {
            let ids = self.given.iter().map(|line| Some(built.decision_id(&read(line)?)));
            ids.enumerate().filter_map(|(place, id)| Some((id?, place))).collect()
        });
        let Some(outcome) = &recorded.outcome else { return Ok(None) };
        let id = decision_id(recorded.record, outcome)?;
        Ok(index.get(&id).and_then(|place| read(&self.given[*place])))
    }

    /// Judges what waits, on all threads; what comes out otherwise is added in order.
    fn judge_again(&self, waiting: &mut Vec<Waiting>, out: &mut Replayed) -> Result<(), LedgerError> {
        let share = waiting.len().div_ceil(self.threads).max(1);
        let judge = |part: &[Waiting]| -> Result<Vec<Again>, LedgerError> {
            part.iter().map(|(recorded, judge, given)| again(recorded, judge, given.as_ref())).collect()
        };
        let found: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = waiting.chunks(share).map(|part| scope.spawn(move || judge(part))).collect();
            let ended = || LedgerError::Stopped { message: "a judging thread ended".into() };
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(ended()))).collect()
        });
        for all in found {
            for (other, difference) in all? {
                match other {
                    None => {
                        out.judged += 1;
                        out.different.extend(difference.flatten());
                    }
                    Some(note) => {
                        out.other += 1;
                        out.other_same += u64::from(difference == Some(None));
                        if !out.notes.contains(&note) {
                            out.notes.push(note);
                        }
                    }
                }
            }
        }
        waiting.clear();
        Ok(())
    }
}

/// What a described set was built of.
pub struct Parts {
    /// The modules that judge.
    pub judging: Vec<Module>,
    /// Those that stand in for a failing one.
    pub stand_ins: Vec<Module>,
    /// The configuration.
    pub config: Config,
    /// Digests of modules that a trial left in shadow.
    pub held: Vec<String>,
    /// The day by which dated parameters were resolved.
    pub day: Day,
}

impl Parts {
    /// The parts of a described set, among the modules that are at hand.
    ///
    /// # Errors
    /// When a module is not at hand, or the configuration is none that this program reads.
    pub fn of(modules: &[Module], description: &SetDescription) -> Result<Self, LedgerError> {
        let set = &description.policy_set;
        let mut parts = Self::without_modules(description)?;
        for policy in &description.policies {
            let module = modules.iter().find(|module| module.digest_text() == policy.digest).ok_or_else(|| {
                LedgerError::Absent(format!(
                    "policy set {set}: {}@{} ({}) is not among the modules at hand; give its file or folder with -p",
                    policy.id, policy.version, policy.digest
                ))
            })?;
            (if policy.stands_in { &mut parts.stand_ins } else { &mut parts.judging }).push(module.clone());
        }
        Ok(parts)
    }

    /// All but the modules, for a set of others.
    ///
    /// # Errors
    /// When the configuration is none that this program reads.
    pub fn without_modules(description: &SetDescription) -> Result<Self, LedgerError> {
        let config = Config::parse(&description.config);
        let config = config.map_err(|error| unbuilt(&description.policy_set, error.to_string()))?;
        let (judging, stand_ins, held) = (Vec::new(), Vec::new(), description.held.clone());
        Ok(Self { judging, stand_ins, config, held, day: Day::containing(description.resolved_ms) })
    }

    /// The builder of a set of these parts.
    pub fn builder(self, builder: GateBuilder, label: Option<&str>) -> GateBuilder {
        let Self { judging, stand_ins, config, held, day } = self;
        // What did not fit was left out then, too.
        let builder = builder.policies(judging).held(&held).last_good(stand_ins).config(config).as_of(day).tolerant();
        match label {
            Some(label) => builder.label(label),
            None => builder,
        }
    }
}

fn unbuilt(set: &str, message: String) -> LedgerError {
    LedgerError::Absent(format!("policy set {set} cannot be built again: {message}"))
}

/// The decision id that stands in an outcome.
fn decision_id(record: u64, outcome: &str) -> Result<String, LedgerError> {
    #[derive(Deserialize)]
    struct Named {
        decision_id: String,
    }
    let named = serde_json::from_str(outcome).map(|Named { decision_id }| decision_id);
    named.map_err(|error| LedgerError::altered(format!("record {record}"), error.to_string()))
}

/// What judging one list again came to: the sentence on other semantics, if they are others, and the difference, if there is one;
/// none where it could not be judged.
type Again = (Option<String>, Option<Option<Difference>>);

/// Judges one list again.
fn again(recorded: &Recorded, judge: &Judge, given: Option<&Batch>) -> Result<Again, LedgerError> {
    let place = || format!("record {}", recorded.record);
    let unjudged = || Ok((judge.other.clone(), None));
    let Some(before) = &recorded.outcome else { return unjudged() };
    let decision_id = decision_id(recorded.record, before)?;
    let batch = match (given, recorded.request()) {
        (Some(given), _) => Some(given.clone()),
        (None, Some(request)) => judge.read(&place(), &request)?,
        (None, None) => None,
    };
    let after = batch.and_then(|batch| judge.answer(&batch, &recorded.decision.circumstances, &decision_id));
    let Some(after) = after else { return unjudged() };
    let difference = difference(before, &after).map(|(place, old, new)| Difference {
        record: recorded.record,
        decision_id,
        place,
        recorded: old,
        again: new,
    });
    Ok((judge.other.clone(), Some(difference)))
}

/// The first place where two answers part, with what each has there; none when they are the same bytes.
pub(crate) fn difference(before: &str, after: &str) -> Option<(String, String, String)> {
    if before == after {
        return None;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    first_difference(&parse(before), &parse(after), String::new())
        .or_else(|| Some(("the order of fields".into(), String::new(), String::new())))
}

/// The first place where two answers part, with what each has there.
pub(crate) fn first_difference(before: &Value, after: &Value, place: String) -> Option<(String, String, String)> {
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
