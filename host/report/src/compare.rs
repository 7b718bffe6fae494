//! Two policy sets over the same lists: each is judged on both sides by the same clock, on all cores.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread;

use normgate::contract::{Day, now_ms};
use normgate::{Circumstances, Detail, Generation, Reader, SetDescription};
use normgate_ledger::{Answer, Facets, History, LedgerError, Level, Query, Recorded, Told};

use crate::diff::{Counts, Difference, Pair};

/// Lists that are read before they are judged, on all threads.
const CHUNK: usize = 1_024;

/// Builds what judges in the place of a recorded set, which had a label perhaps.
pub type Rebuild<'s> = Box<dyn Fn(&SetDescription, Option<&str>) -> Result<Generation, LedgerError> + 's>;

/// What judges on one side.
pub enum Side<'s> {
    /// What was recorded: nothing is judged.
    Recorded,
    /// One policy set.
    Set(Box<Generation>),
    /// The set that judged each list, changed.
    Changed(Rebuild<'s>),
}

/// A list to compare on.
pub struct List {
    /// Number of its record or line.
    pub number: u64,
    /// A request as JSON, or in canonical form.
    pub request: Request,
    /// What it may be named by, where ids are shown.
    pub id: Option<String>,
    /// What it is counted by.
    pub facets: Facets,
    /// Under which both sides judge.
    pub circumstances: Circumstances,
}

/// A request, as it is at hand.
pub enum Request {
    /// A line of JSON.
    Json(Vec<u8>),
    /// What a ledger kept.
    Canonical(Vec<u8>),
}

/// A policy set, and what reads requests for it.
struct Judge {
    generation: Generation,
    reader: Reader,
}

/// A list that waits: its answer on the base side where that was recorded, and who judges it.
struct Waiting {
    list: List,
    recorded: Option<String>,
    base: Option<Arc<Judge>>,
    other: Arc<Judge>,
}

/// What compares, and what was counted so far.
pub struct Comparison<'s> {
    base: Judges<'s>,
    other: Judges<'s>,
    threads: usize,
    /// Examples carry ids.
    personal: bool,
    waiting: Vec<Waiting>,
    counts: Counts,
    judged: u64,
}

/// One side.
struct Judges<'s> {
    judging: Judging<'s>,
    /// The day that decides what is in force, instead of the clock that a list was judged by.
    as_of: Option<Day>,
}

/// A side, with the sets that were built for it so far, by digest and label of the recorded set.
enum Judging<'s> {
    Recorded,
    One(Arc<Judge>),
    Changed(Rebuild<'s>, HashMap<(String, Option<String>), Arc<Judge>>),
}

impl<'s> Judges<'s> {
    fn new((side, as_of): (Side<'s>, Option<Day>)) -> Self {
        let judging = match side {
            Side::Recorded => Judging::Recorded,
            Side::Set(generation) => Judging::One(Arc::new(Judge::new(*generation))),
            Side::Changed(rebuild) => Judging::Changed(rebuild, HashMap::new()),
        };
        Self { judging, as_of }
    }

    /// What judges a list of a recorded set; nothing where the side is what was recorded.
    fn of(&mut self, set: &SetDescription, label: Option<&str>) -> Result<Option<Arc<Judge>>, LedgerError> {
        let (rebuild, built) = match &mut self.judging {
            Judging::Recorded => return Ok(None),
            Judging::One(judge) => return Ok(Some(Arc::clone(judge))),
            Judging::Changed(rebuild, built) => (rebuild, built),
        };
        let key = (set.policy_set.clone(), label.map(str::to_owned));
        if let Some(known) = built.get(&key) {
            return Ok(Some(Arc::clone(known)));
        }
        let judge = Arc::new(Judge::new(rebuild(set, label)?));
        built.insert(key, Arc::clone(&judge));
        Ok(Some(judge))
    }

    fn one(&self) -> Option<Arc<Judge>> {
        match &self.judging {
            Judging::One(judge) => Some(Arc::clone(judge)),
            _ => None,
        }
    }
}

impl Judge {
    fn new(generation: Generation) -> Self {
        Self { reader: generation.reader(), generation }
    }

    /// The answer to a list, as JSON; `as_of` decides what is in force where it is given.
    fn answer(&self, list: &List, as_of: Option<Day>) -> Result<String, LedgerError> {
        let batch = match &list.request {
            Request::Json(line) => self.reader.read(line).map_err(|error| error.message),
            Request::Canonical(bytes) => self.reader.read_canonical(bytes).map_err(|error| error.to_string()),
        };
        let altered = |message| LedgerError::Altered { place: format!("list {}", list.number), message };
        let batch = batch.map_err(altered)?;
        let mut circumstances = list.circumstances.clone();
        circumstances.as_of = as_of.or(circumstances.as_of);
        Ok(self.generation.replay(&batch, &circumstances).to_json_of("", Detail::default()))
    }
}

impl<'s> Comparison<'s> {
    /// Compares one side with another, each with the day that decides what is in force there if one is given, on so many
    /// threads. `personal`: examples carry ids of decisions and candidates.
    pub fn new(base: (Side<'s>, Option<Day>), other: (Side<'s>, Option<Day>), threads: usize, personal: bool) -> Self {
        Self {
            base: Judges::new(base),
            other: Judges::new(other),
            threads: threads.max(1),
            personal,
            waiting: Vec::new(),
            counts: Counts::default(),
            judged: 0,
        }
    }

    /// Compares on a list; both sides must be one set. How many were compared so far, whenever some were.
    ///
    /// # Errors
    /// When a side would have to know what judged the list, or the list cannot be read for one of the sets.
    pub fn list(&mut self, list: List) -> Result<Option<u64>, LedgerError> {
        let unknown = || LedgerError::Absent("it is not recorded what judged this list".into());
        let (base, other) = (self.base.one().ok_or_else(unknown)?, self.other.one().ok_or_else(unknown)?);
        self.push(Waiting { list, recorded: None, base: Some(base), other })
    }

    /// Compares on the lists of a ledger that were kept in full. `progress` hears how many were.
    ///
    /// # Errors
    /// When the ledger cannot be read or was altered, or a side cannot be built.
    pub fn ledger(
        mut self,
        history: &History,
        query: &Query,
        mut progress: impl FnMut(u64),
    ) -> Result<Difference, LedgerError> {
        let (mut commitments, mut unreadable) = (0, 0);
        let (mut modules, mut disturbed): (HashMap<String, String>, BTreeMap<String, BTreeMap<String, u64>>) =
            (HashMap::new(), BTreeMap::new());
        let mut described: HashMap<String, SetDescription> = HashMap::new();
        history.all(query, |told| {
            match told {
                Told::Set(description) => {
                    let policies = description.policies.iter();
                    modules.extend(policies.map(|p| (p.digest.clone(), format!("{}@{}", p.id, p.version))));
                    described.insert(description.policy_set.clone(), *description);
                }
                Told::List(recorded) if recorded.decision.level == Level::Commit => commitments += 1,
                Told::List(recorded) => {
                    for call in &recorded.decision.circumstances.disturbed {
                        let module = modules.get(&call.module).unwrap_or(&call.module).clone();
                        *disturbed.entry(module).or_default().entry(call.kind.name().to_owned()).or_default() += 1;
                    }
                    match self.waiting_of(*recorded, &described)? {
                        Some(waiting) => self.push(waiting)?.into_iter().for_each(&mut progress),
                        None => unreadable += 1,
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let difference = self.finish()?;
        progress(difference.total().lists);
        let anchorage = Some(history.anchorage(now_ms())?);
        Ok(Difference { commitments, unreadable, anchorage, disturbed, ..difference })
    }

    fn waiting_of(
        &mut self,
        recorded: Recorded,
        described: &HashMap<String, SetDescription>,
    ) -> Result<Option<Waiting>, LedgerError> {
        let request = recorded.request();
        let Recorded { record, decision, outcome: Some(outcome), facets: Some(facets), .. } = recorded else {
            return Ok(None);
        };
        let Some(request) = request else { return Ok(None) };
        let description = described.get(&decision.policy_set).ok_or_else(|| LedgerError::Altered {
            place: format!("record {record}"),
            message: "its policy set is not described before it".into(),
        })?;
        let label = decision.generation.as_deref();
        let base = self.base.of(description, label)?;
        let nobody = || LedgerError::Absent("nothing judges on the other side".into());
        let other = self.other.of(description, label)?.ok_or_else(nobody)?;
        let list = List {
            number: record,
            request: Request::Canonical(request),
            id: None,
            facets,
            circumstances: decision.circumstances,
        };
        Ok(Some(Waiting { list, recorded: Some(outcome), base, other }))
    }

    fn push(&mut self, waiting: Waiting) -> Result<Option<u64>, LedgerError> {
        self.waiting.push(waiting);
        if self.waiting.len() < CHUNK {
            return Ok(None);
        }
        self.judge()?;
        Ok(Some(self.judged))
    }

    /// What was counted.
    ///
    /// # Errors
    /// When one of the last lists cannot be read for one of the sets.
    pub fn finish(mut self) -> Result<Difference, LedgerError> {
        self.judge()?;
        Ok(self.counts.finish())
    }

    /// Judges what waits, on all threads.
    fn judge(&mut self) -> Result<(), LedgerError> {
        let share = self.waiting.len().div_ceil(self.threads).max(1);
        let (days, personal) = ((self.base.as_of, self.other.as_of), self.personal);
        let count = |part: &[Waiting]| -> Result<Counts, LedgerError> {
            let mut counts = Counts::default();
            part.iter().try_for_each(|waiting| compare(waiting, days, personal, &mut counts))?;
            Ok(counts)
        };
        let counted: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = self.waiting.chunks(share).map(|part| scope.spawn(move || count(part))).collect();
            let ended = || LedgerError::Stopped { message: "a judging thread ended".into() };
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(ended()))).collect()
        });
        for counts in counted {
            self.counts.join(counts?);
        }
        self.judged += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

/// Judges one list on both sides.
fn compare(
    waiting: &Waiting,
    days: (Option<Day>, Option<Day>),
    personal: bool,
    counts: &mut Counts,
) -> Result<(), LedgerError> {
    let list = &waiting.list;
    let judged = waiting.base.as_ref().map(|judge| judge.answer(list, days.0)).transpose()?;
    let base = judged.as_ref().or(waiting.recorded.as_ref()).map_or("", String::as_str);
    let other = waiting.other.answer(list, days.1)?;
    let read = |text| Answer::read(text, list.number);
    let (base, other) = (read(base)?, read(&other)?);
    // A recorded list is named by the decision id that stands in its outcome.
    let recorded = waiting.recorded.as_deref().filter(|_| personal).map(read).transpose()?;
    let id = list.id.as_deref().or(recorded.as_ref().map(|answer| &*answer.decision_id));
    counts.observe(&Pair { number: list.number, id, facets: &list.facets, base: &base, other: &other }, personal);
    Ok(())
}
