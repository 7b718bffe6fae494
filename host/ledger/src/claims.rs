//! What records say of themselves and of each other, recomputed: everything by which somebody finds, counts or judges them again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use normgate::contract::{Block, Day, Modality, TagAction, Vocabulary};
use normgate::{Action, Config, Module, Reader, SetDescription};

use crate::anchor::{self, Anchor};
use crate::answer::Answer;
use crate::cosign::Cosigner;
use crate::error::LedgerError;
use crate::facets::Facets;
use crate::frame::{self, Head};
use crate::history;
use crate::keys::{Class, EpochKeys, RETENTION_DAYS, rounded_up};
use crate::record::{About, Decision, Entry, Event, Level, Record, Why};
use crate::recorded::Recorded;
use crate::sample::{Lots, Seed};
use crate::segment::SegmentHead;
use crate::verify::CLOCK_TOLERANCE_MS;
use crate::writer::CLOCK_SLACK_MS;

/// How far the clocks of a platform and of a witness may be apart. Engineering default.
pub(crate) const WITNESS_SLACK_MS: i64 = 300_000;

/// What was said before in the log, as far as what follows is held against it.
#[derive(Default)]
pub(crate) struct Claims {
    /// Where the next record has to go on from: the latest time since the clock last went back.
    latest_ms: Option<i64>,
    /// Whose cosignatures count, and the heads that they cosigned.
    pub(crate) cosigners: Vec<Cosigner>,
    heads: VecDeque<Covering>,
    /// The earliest time that what follows may be of; and lists whose time a cosignature contradicts, by the sentence on it.
    bound: Option<Bound>,
    untimely: BTreeMap<String, Untimely>,
    /// The latest time of a list.
    newest_ms: Option<i64>,
    /// Rules that the law requires, by policy and rule, of each set of the segment, as far as its modules are at hand.
    required: HashMap<String, HashSet<(String, String)>>,
    /// By set: the authorities whose `must` rules nobody has to account for.
    associations: HashMap<String, BTreeSet<String>>,
    /// Whether a frame of the segment cannot be read.
    damaged: bool,
    /// Modules that are described and not at hand, as `<id>@<version> (<digest>)`.
    pub(crate) absent: BTreeSet<String>,
    /// `<id>@<version>` of modules, by digest.
    modules: HashMap<String, String>,
    /// The sample that the writer of the segment said it keeps, and the cosigned head that it draws by.
    sample_ppm: Option<u32>,
    seed: Option<Seed>,
    /// Lists of the sample that the ledger's own key drew.
    pub(crate) drawn_by_own_key: u64,
    /// The lowest sample that any writer kept.
    pub(crate) least_ppm: Option<u32>,
    /// Calls that were recorded as disturbed, by module and kind.
    pub(crate) disturbed: BTreeMap<String, BTreeMap<String, u64>>,
}

/// A cosigned head, and of it and all later ones that which was cosigned first.
struct Covering {
    head: Anchor,
    first: Anchor,
}

/// The earliest time that what follows in the log may be of.
struct Bound {
    from_ms: i64,
    because: String,
}

/// Lists whose time one cosignature contradicts.
struct Untimely {
    first: u64,
    ms: i64,
    lists: u64,
}

impl Claims {
    /// Takes note of cosigned heads of the log.
    pub(crate) fn witnessed(&mut self, heads: &[Anchor]) {
        let mut heads = heads.to_vec();
        heads.sort_by_key(|head| (head.size, head.at_s));
        for head in heads.into_iter().rev() {
            let later = self.heads.front().map(|covering| &covering.first).filter(|first| first.at_s < head.at_s);
            let first = later.unwrap_or(&head).clone();
            self.heads.push_front(Covering { head, first });
        }
    }

    /// Holds the time of a list against the heads that a witness cosigned: it is not after one that covers it, nor before one that the
    /// log speaks of before it, nor more than a day before what an earlier one covers.
    fn witness_time(&mut self, frame: u64, record: u64, ms: i64) {
        while let Some(Covering { head, .. }) = self.heads.pop_front_if(|covering| covering.head.size <= frame) {
            // Whatever came before was of this time at the latest, by the platform's clock and by the witness's.
            let covered_ms = self.newest_ms.unwrap_or(i64::MIN).min(head.at_ms());
            let Anchor { size, at_s, by } = head;
            let because =
                format!("more than a day before what {by} cosigned at {at_s} s, {size} frames that come before them");
            self.raise(Bound { from_ms: covered_ms.saturating_sub(CLOCK_TOLERANCE_MS), because });
        }
        let covering = self.heads.front().map(|covering| &covering.first);
        let after = covering.filter(|head| ms.saturating_sub(head.at_ms()) > WITNESS_SLACK_MS);
        let after =
            after.map(|head| format!("after {} s, when {} cosigned the head that covers them", head.at_s, head.by));
        let before = self.bound.as_ref().filter(|bound| ms < bound.from_ms).map(|bound| bound.because.clone());
        for said in after.into_iter().chain(before) {
            self.untimely.entry(said).or_insert(Untimely { first: record, ms, lists: 0 }).lists += 1;
        }
        self.newest_ms = self.newest_ms.max(Some(ms));
    }

    fn raise(&mut self, bound: Bound) {
        if self.bound.as_ref().is_none_or(|known| known.from_ms < bound.from_ms) {
            self.bound = Some(bound);
        }
    }

    /// Lists whose time cosignatures contradict, a sentence for each of these.
    pub(crate) fn untimely(&self) -> impl Iterator<Item = String> {
        self.untimely.iter().map(|(said, Untimely { first, ms, lists })| {
            format!("record {first}: its time is {ms} ms, and that of {lists} lists in all is {said}")
        })
    }

    /// A segment begins: what it needs of sets, sample and cosigned head is said in it again.
    pub(crate) fn begin_segment(&mut self) {
        (self.sample_ppm, self.seed, self.damaged) = (None, None, false);
        self.required.clear();
        self.associations.clear();
    }

    /// What does not agree between a frame's head, its records' numbers and times, and the records before.
    pub(crate) fn frame(&mut self, head: &Head, segment: &SegmentHead, entries: &[Entry]) -> Vec<String> {
        let place = format!("frame {}", head.frame);
        let mut found: Vec<String> =
            frame::disagreements(head, entries).into_iter().map(|what| format!("{place}: {what}")).collect();
        for (number, entry) in (head.first_record..).zip(entries) {
            if entry.record != number {
                found.push(format!("{place}: record {number} says that it is record {}", entry.record));
            }
            found.extend(self.time(segment, entry).map(|what| format!("record {number}: {what}")));
            match &entry.event {
                Event::Decision(_) => self.witness_time(head.frame, number, entry.ms),
                Event::Anchored { note } => self.anchored(note),
                _ => {}
            }
        }
        found
    }

    /// What is wrong with a record's time. Lists that were judged together may come in any order, by [`CLOCK_SLACK_MS`] at most;
    /// what goes back further follows a record that says so.
    fn time(&mut self, segment: &SegmentHead, entry: &Entry) -> Option<String> {
        let Entry { ms, event, .. } = entry;
        let latest = self.latest_ms.unwrap_or(*ms);
        match event {
            // Said by the system's clock, whatever waits to be written.
            Event::Closed { .. } | Event::Lost { .. } => return None,
            Event::Opened { .. } => {
                if latest.saturating_sub(*ms) > CLOCK_SLACK_MS {
                    self.latest_ms = Some(*ms);
                }
                return None;
            }
            Event::ClockBack { .. } => {
                self.latest_ms = Some(*ms);
                return None;
            }
            _ => self.latest_ms = Some(latest.max(*ms)),
        }
        if latest.saturating_sub(*ms) > CLOCK_SLACK_MS {
            return Some(format!("its time is {ms} ms, before the {latest} ms of what was recorded before it"));
        }
        let days = [*ms, ms.saturating_add(CLOCK_SLACK_MS)].map(Day::containing);
        (!days.contains(&segment.epoch)).then(|| format!("its time is {ms} ms, in a segment of {}", segment.epoch))
    }

    /// A frame of the segment cannot be read: what may have stood in it contradicts nothing.
    pub(crate) fn damaged(&mut self) {
        (self.sample_ppm, self.seed, self.damaged) = (None, None, true);
    }

    /// Takes note of what the records that follow are held against.
    pub(crate) fn sample(&mut self, ppm: u32) {
        self.sample_ppm = Some(ppm);
        self.least_ppm = Some(self.least_ppm.map_or(ppm, |least| least.min(ppm)));
    }

    /// The log speaks of a cosigned head: what follows was recorded after it.
    fn anchored(&mut self, note: &str) {
        if let Some((at_s, by)) = anchor::signed(note, &self.cosigners) {
            let because = format!("before {at_s} s, when {by} cosigned a head that the log speaks of before them");
            let at_ms = Anchor { size: 0, at_s, by }.at_ms();
            self.raise(Bound { from_ms: at_ms.saturating_sub(WITNESS_SLACK_MS), because });
        }
    }

    /// What follows is drawn by this cosigned head.
    pub(crate) fn drawn_by(&mut self, note: &str) {
        self.seed = Some(Seed::of(note));
    }

    /// A set is described; what does not agree in that.
    pub(crate) fn described(&mut self, set: &SetDescription, modules: &[Module]) -> Vec<String> {
        let mut required = HashSet::new();
        // Of a configuration that cannot be read, replay says so.
        let config = Config::parse(&set.config).unwrap_or_default();
        for policy in &set.policies {
            let reference = format!("{}@{}", policy.id, policy.version);
            let same = modules.iter().find(|module| module.digest_text() == policy.digest);
            if same.is_none() {
                self.absent.insert(format!("{reference} ({})", policy.digest));
            }
            // Another build of the same release requires what that release does.
            let module = same.or_else(|| modules.iter().find(|module| module.manifest.reference() == reference));
            let accountable = module.into_iter().filter(|module| config.is_accountable(module));
            let rules = accountable.flat_map(|module| &module.manifest.rules);
            let must = rules.filter(|rule| rule.modality == Modality::Must);
            required.extend(must.map(|rule| (reference.clone(), rule.id.clone())));
            self.modules.insert(policy.digest.clone(), reference);
        }
        self.required.insert(set.policy_set.clone(), required);
        self.associations.insert(set.policy_set.clone(), config.associations());
        set.disagreements().into_iter().map(|what| format!("policy set {}: {what}", set.policy_set)).collect()
    }

    /// What does not agree in the record of a list, between what it says in the open, what it seals, and what its outcome says.
    pub(crate) fn list(
        &mut self,
        recorded: &Recorded,
        record: &Record,
        keys: &EpochKeys,
    ) -> Result<Vec<String>, LedgerError> {
        let mut found = Vec::new();
        let Decision { policy_set, level, circumstances, .. } = &recorded.decision;
        if !self.required.contains_key(policy_set) && !self.damaged {
            found.push(format!("its policy set {policy_set} is not described before it in its segment"));
        }
        if (*level == Level::Full) == record.personal.is_empty() {
            found.push("what is kept of its input is not what its level says".to_owned());
        }
        if let Some((about, _)) = history::about(record, keys)? {
            if circumstances.clock_ms != recorded.ms {
                let clock_ms = circumstances.clock_ms;
                found.push(format!("it was judged at {clock_ms} ms, and recorded as of {} ms", recorded.ms));
            }
            for call in &circumstances.disturbed {
                let module = self.modules.get(&call.module).unwrap_or(&call.module).clone();
                *self.disturbed.entry(module).or_default().entry(call.kind.name().to_owned()).or_default() += 1;
            }
            found.extend(counted_otherwise(recorded));
            match recorded.answer() {
                Ok(Some(answer)) => self.answer(recorded, &about, &answer, keys, &mut found)?,
                Ok(None) => {}
                Err(LedgerError::Altered { message, .. }) => found.push(message),
                Err(error) => return Err(error),
            }
        }
        Ok(found.into_iter().map(|what| format!("record {}: {what}", recorded.record)).collect())
    }

    /// Holds what is said of a list against its outcome.
    fn answer(
        &mut self,
        recorded: &Recorded,
        about: &About,
        answer: &Answer<'_>,
        keys: &EpochKeys,
        found: &mut Vec<String>,
    ) -> Result<(), LedgerError> {
        if *answer.policy_set != *recorded.decision.policy_set {
            found.push(format!("its outcome is of another policy set, {}", answer.policy_set));
        }
        if *answer.decision_id != *about.id {
            found.push(format!("it is found as decision {}, and its outcome is of another", about.id));
        }
        let full = recorded.decision.level == Level::Full;
        if full == about.why.is_empty() {
            let why = if full { "for no reason" } else { "although it has a reason to be kept in full" };
            found.push(format!("its level is {}, {why}", if full { "full" } else { "commit" }));
        }
        if !full && !recorded.columns.is_empty() {
            found.push("what is kept of its input is not what its level says".to_owned());
        }
        let asked = answer.obligations.iter().filter_map(|owed| owed.retain_d).max().unwrap_or_default();
        let asked = rounded_up(u32::try_from(asked.max(0)).unwrap_or(u32::MAX));
        if about.keep_d != asked || about.personal_d > about.keep_d {
            found.push(format!("it is kept for {} days, and its obligations ask for {asked}", about.keep_d));
        }
        let due = self.due(recorded, answer, keys)?;
        for (_, name) in due.iter().filter(|(why, _)| !about.why.contains(why)) {
            found.push(format!("it does not say that it is to be kept in full because of {name}"));
        }
        let sampled = due.iter().any(|(why, _)| *why == Why::Sample);
        if self.sample_ppm.is_some() && about.why.contains(&Why::Sample) && !sampled {
            found.push("it is said to be of the sample, and was not drawn".to_owned());
        }
        self.drawn_by_own_key += u64::from(sampled && self.seed.is_none());
        Ok(())
    }

    /// Why a list has to be kept in full, as far as its outcome and the modules at hand tell.
    fn due(
        &self,
        recorded: &Recorded,
        answer: &Answer<'_>,
        keys: &EpochKeys,
    ) -> Result<Vec<(Why, &'static str)>, LedgerError> {
        let required = self.required.get(&recorded.decision.policy_set);
        let must = |policy: &str, rule: &str| {
            required.is_some_and(|rules| rules.contains(&(policy.to_owned(), rule.to_owned())))
        };
        let on_rows = (answer.verdicts.iter().flat_map(|row| &row.reasons))
            .any(|reason| reason.effect > Action::Label && must(&reason.policy, &reason.rule));
        let on_tags = (answer.tags.iter().flat_map(|tag| &tag.reasons))
            .any(|reason| reason.effect != TagAction::Keep && must(&reason.policy, &reason.rule));
        let held = (answer.verdicts.iter().skip(answer.shown)).any(|row| row.hold != Block::None);
        let associations = self.associations.get(&recorded.decision.policy_set);
        let is_association = |policy: &str| {
            let authority = policy.split_once('/').map(|(authority, _)| authority);
            authority.zip(associations).is_some_and(|(authority, known)| known.contains(authority))
        };
        let missing = answer.notices.iter().filter(|notice| notice.code == "must-missing");
        let missing = missing.filter_map(|notice| notice.policy.as_deref()).any(|policy| !is_association(policy));
        let noted = |code: &str| answer.notices.iter().any(|notice| notice.code == code);
        let own = keys.of(Class::Decision, RETENTION_DAYS)?.map(Lots::Own);
        let lots = self.seed.as_ref().map(Lots::Anchor).or(own);
        let drawn = lots.zip(self.sample_ppm).is_some_and(|(lots, ppm)| lots.draw(&answer.decision_id, ppm));
        let found = [
            (Why::Must, on_rows || on_tags, "a rule that the law requires"),
            (Why::Unapplied, missing, "rules that the law requires and nobody was asked about"),
            (Why::ProviderFact, noted("provider-fact"), "a fact about the operator that is said in two ways"),
            (Why::Held, held, "a row that is held"),
            (Why::Failure, !answer.failures.is_empty(), "a module that failed"),
            (Why::Sample, drawn, "the sample"),
        ];
        Ok(found.into_iter().filter(|(_, holds, _)| *holds).map(|(why, _, name)| (why, name)).collect())
    }
}

/// What a list is counted by and its columns do not say, a clause each. Who the user is no column that is kept says.
pub(crate) fn counted_otherwise(recorded: &Recorded) -> Vec<String> {
    let (Some(facets), Some(request)) = (&recorded.facets, recorded.request()) else { return Vec::new() };
    let batch = match Reader::new(Arc::clone(Vocabulary::shipped())).read_canonical(&request) {
        Ok(batch) => batch,
        Err(error) => return vec![format!("its columns cannot be read: {error}")],
    };
    let of = Facets::of(&batch, &facets.draws);
    // A column that nobody read was not kept.
    let differs = |kept: Option<String>, said: Option<String>| kept.is_some_and(|kept| said != Some(kept));
    let tri = |said: Option<bool>| said.map(|said| said.to_string());
    let found = [
        ("surface", differs(of.surface, facets.surface.clone())),
        ("age_band", differs(of.age_band, facets.age_band.clone())),
        ("minor_mode", differs(tri(of.minor_mode), tri(facets.minor_mode))),
        ("elder_mode", differs(tri(of.elder_mode), tri(facets.elder_mode))),
        ("personalization", differs(of.personalization, facets.personalization.clone())),
    ];
    let found = found.into_iter().filter(|(_, differs)| *differs);
    found.map(|(name, _)| format!("it is counted by another `{name}` than its columns say")).collect()
}
