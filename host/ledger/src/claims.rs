//! What records say of themselves and of each other, recomputed: everything by which somebody finds, counts or judges them again.

use std::collections::{BTreeMap, HashMap, HashSet};

use normgate::contract::{Block, Day, Modality, TagAction};
use normgate::{Action, Config, Module, SetDescription};

use crate::answer::Answer;
use crate::error::LedgerError;
use crate::frame::{self, Head};
use crate::history;
use crate::keys::{Class, EpochKeys, RETENTION_DAYS, rounded_up};
use crate::record::{About, Decision, Entry, Event, Level, Record, Why};
use crate::recorded::Recorded;
use crate::sample::{Lots, Seed};
use crate::segment::SegmentHead;
use crate::writer::CLOCK_SLACK_MS;

/// What was said before in the log, as far as what follows is held against it.
#[derive(Default)]
pub(crate) struct Claims {
    /// Where the next record has to go on from: the latest time since the clock last went back.
    latest_ms: Option<i64>,
    /// Rules that the law requires, by policy and rule, of each set of the segment whose modules are all at hand.
    required: HashMap<String, Option<HashSet<(String, String)>>>,
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

impl Claims {
    /// A segment begins: what it needs of sets, sample and cosigned head is said in it again.
    pub(crate) fn begin_segment(&mut self) {
        (self.sample_ppm, self.seed) = (None, None);
        self.required.clear();
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

    /// Takes note of what the records that follow are held against.
    pub(crate) fn sample(&mut self, ppm: u32) {
        self.sample_ppm = Some(ppm);
        self.least_ppm = Some(self.least_ppm.map_or(ppm, |least| least.min(ppm)));
    }

    /// From here on lots are drawn by this cosigned head.
    pub(crate) fn anchored(&mut self, note: &str) {
        self.seed = Some(Seed::of(note));
    }

    /// A set is described.
    pub(crate) fn described(&mut self, set: &SetDescription, modules: &[Module]) {
        for policy in &set.policies {
            self.modules.insert(policy.digest.clone(), format!("{}@{}", policy.id, policy.version));
        }
        let at_hand = |digest: &str| modules.iter().find(|module| module.digest_text() == digest);
        let found: Option<Vec<&Module>> = set.policies.iter().map(|policy| at_hand(&policy.digest)).collect();
        // Of a configuration that cannot be read, replay says so.
        let config = Config::parse(&set.config).unwrap_or_default();
        let required = found.map(|modules| {
            let accountable = modules.into_iter().filter(|module| config.is_accountable(module));
            let rules = accountable.flat_map(|module| {
                let required = module.manifest.rules.iter().filter(|rule| rule.modality == Modality::Must);
                required.map(|rule| (module.manifest.reference(), rule.id.clone()))
            });
            rules.collect()
        });
        self.required.insert(set.policy_set.clone(), required);
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
        if !self.required.contains_key(policy_set) {
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
        let required = self.required.get(&recorded.decision.policy_set).and_then(Option::as_ref);
        let must = |policy: &str, rule: &str| {
            required.is_some_and(|rules| rules.contains(&(policy.to_owned(), rule.to_owned())))
        };
        let on_rows = (answer.verdicts.iter().flat_map(|row| &row.reasons))
            .any(|reason| reason.effect > Action::Allow && must(&reason.policy, &reason.rule));
        let on_tags = (answer.tags.iter().flat_map(|tag| &tag.reasons))
            .any(|reason| reason.effect != TagAction::Keep && must(&reason.policy, &reason.rule));
        let held = (answer.verdicts.iter().skip(answer.shown)).any(|row| row.hold != Block::None);
        let noted = |code: &str| answer.notices.iter().any(|notice| notice.code == code);
        let own = keys.of(Class::Decision, RETENTION_DAYS)?.map(Lots::Own);
        let lots = self.seed.as_ref().map(Lots::Anchor).or(own);
        let drawn = lots.zip(self.sample_ppm).is_some_and(|(lots, ppm)| lots.draw(&answer.decision_id, ppm));
        let found = [
            (Why::Must, on_rows || on_tags, "a rule that the law requires"),
            (Why::Unapplied, noted("must-missing"), "rules that the law requires and nobody was asked about"),
            (Why::ProviderFact, noted("provider-fact"), "a fact about the operator that is said in two ways"),
            (Why::Held, held, "a row that is held"),
            (Why::Failure, !answer.failures.is_empty(), "a module that failed"),
            (Why::Sample, drawn, "the sample"),
        ];
        Ok(found.into_iter().filter(|(_, holds, _)| *holds).map(|(why, _, name)| (why, name)).collect())
    }
}
