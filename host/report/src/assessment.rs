//! Figures for a self-assessment (Art 8, 18, 24, 27), counted from the records of a ledger in one pass. What is kept while
//! counting grows with rules, surfaces and days, and with a bounded number of lists that wait for their confirmation.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use normgate::contract::{Block, Day, TagAction, now_ms};
use normgate::{Action, Cause, Confirmation, PolicyDescription, SetDescription, exposure_ppm};
use normgate_ledger::{Anchorage, Answer, Event, Facets, Group, History, LedgerError, Level, Query, Recorded, Told};
use serde::Serialize;

/// How much may wait for a confirmation before the oldest list is given up, unless said otherwise: lists, rows to be labelled and
/// obligations together. Engineering default: some three hundred megabytes at most, which is about a million lists.
const WAITING: usize = 10_000_000;
/// How long after the range confirmations are still looked for: a day, in milliseconds. Engineering default.
const AFTER_MS: i64 = 86_400_000;
/// Stands for a surface that a request did not name.
pub const NO_SURFACE: &str = "(none)";

/// What was counted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Assessment {
    /// First day asked for.
    pub from: Option<Day>,
    /// Last day asked for.
    pub to: Option<Day>,
    /// When the first list of the range was judged, milliseconds since 1970 UTC.
    pub first_ms: Option<i64>,
    /// When the last one was.
    pub last_ms: Option<i64>,
    /// Lists.
    pub lists: Lists,
    /// Lists by policy set.
    pub policy_sets: BTreeMap<String, u64>,
    /// Verdicts by surface.
    pub surfaces: BTreeMap<String, Shares>,
    /// Verdicts by user group.
    pub groups: BTreeMap<Group, Shares>,
    /// Verdicts by day in Asia/Shanghai.
    pub days: BTreeMap<Day, Shares>,
    /// What minors and elders were shown, by surface.
    pub protected: Vec<Protected>,
    /// Rules that labelled, demoted, withheld, or dropped a tag, by surface.
    pub rules: Vec<Fired>,
    /// Findings about the platform itself, by rule.
    pub findings: BTreeMap<String, Causes>,
    /// What was decided on tags of users.
    pub tags: Tags,
    /// What was owed, by code.
    pub obligations: BTreeMap<String, Owed>,
    /// Synthetic content that was to be shown with a label, by surface.
    pub synthetic: BTreeMap<String, Labelled>,
    /// Features that were vetoed, in how many lists; all tags together under `tag`.
    pub vetoes: BTreeMap<String, u64>,
    /// Modules that failed, by policy, kind, and what was done instead.
    pub failures: Vec<Failed>,
    /// What rules in shadow would have done.
    pub shadow: BTreeMap<String, InShadow>,
    /// Calls that were recorded as disturbed, by module and kind. How such a call ended is the platform's word alone.
    pub disturbed: BTreeMap<String, BTreeMap<String, u64>>,
    /// Notices, by code.
    pub notices: BTreeMap<String, u64>,
    /// What became of decisions.
    pub confirmations: Confirmations,
    /// What the ledger says of itself.
    pub ledger: Ledger,
}

/// Lists by how much of them is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lists {
    /// Kept so that they can be judged again.
    pub full: u64,
    /// Kept as outcome and commitment.
    pub commit: u64,
    /// Of all these, lists whose keys are gone: nothing below counts them.
    pub unreadable: u64,
    /// Lists that the Provisions do not cover (Art 2).
    pub out_of_scope: u64,
}

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// Lists.
    pub lists: u64,
    /// Rows shown as they were.
    pub allow: u64,
    /// Rows shown with a label.
    pub label: u64,
    /// Rows ranked lower.
    pub demote: u64,
    /// Rows withheld.
    pub block: u64,
    /// Of the withheld, those that wait for a person or a label.
    pub held: u64,
}

/// What a protected group was shown on a surface. Exposure is the sum over shown rows of 1 / log2(place + 2), in millionths;
/// a withheld row has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Protected {
    /// The group: minors or elders.
    pub group: Group,
    /// The surface.
    pub surface: String,
    /// Lists.
    pub lists: u64,
    /// Rows shown.
    pub shown: u64,
    /// Rows withheld.
    pub withheld: u64,
    /// Exposure of all that was shown.
    pub exposure: u64,
    /// Of it, exposure of rows with a label.
    pub labelled: u64,
    /// Of it, exposure of rows ranked lower.
    pub demoted: u64,
}

/// Rows, tags and lists on which a rule acted, by cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fired {
    /// The rule.
    pub rule: String,
    /// The surface.
    pub surface: String,
    /// Because of a fact.
    pub fact: Effects,
    /// Because something was unknown: a matter of data quality, never a breach.
    pub missing_input: Effects,
}

/// What a rule did, counted in rows, the last in tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// In how many lists.
    pub lists: u64,
    /// Labelled.
    pub label: u64,
    /// Ranked lower.
    pub demote: u64,
    /// Withheld.
    pub block: u64,
    /// Tags not used, or deleted.
    pub tag: u64,
}

/// How often, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Causes {
    /// Because of a fact.
    pub fact: u64,
    /// Because something was unknown.
    pub missing_input: u64,
}

/// Tags by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tags {
    /// Left alone.
    pub keep: u64,
    /// Not used for the list.
    pub suppress: u64,
    /// To be erased.
    pub delete: u64,
}

/// What was owed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Owed {
    /// How often.
    pub owed: u64,
    /// How often a confirmation says that it is done.
    pub discharged: u64,
    /// How often by which rule.
    pub rules: BTreeMap<String, u64>,
}

/// Shown rows that a rule of Art 9 labelled as synthetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Labelled {
    /// All of them.
    pub rows: u64,
    /// A confirmation says that all their labels were rendered.
    pub rendered: u64,
    /// A confirmation says that they were shown, and not that all their labels were rendered.
    pub shown_without: u64,
    /// There is a confirmation of the list, and it does not say that they were shown.
    pub not_shown: u64,
    /// Nothing was confirmed of the list.
    pub unconfirmed: u64,
}

/// A module that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The policy, `<id>@<version>`.
    pub policy: String,
    /// How.
    pub kind: String,
    /// What was done instead: `hold`, `demote`, `allow`, `last_good`, `dropped`.
    pub applied: String,
    /// How often.
    pub times: u64,
}

/// What a rule in shadow would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InShadow {
    /// In how many lists it spoke.
    pub lists: u64,
    /// How often, by kind of effect.
    pub effects: BTreeMap<String, u64>,
}

/// What became of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Confirmations {
    /// Confirmations of lists of the range.
    pub matched: u64,
    /// Confirmations of no list of the range, or of one that had waited too long (see `given_up`).
    pub unmatched: u64,
    /// Lists of which something was confirmed.
    pub lists: u64,
    /// Lists that were given up waiting for, because too many waited.
    pub given_up: u64,
}

/// What the ledger says of itself in the range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Times at which a writer before had not ended in order.
    pub gaps: u64,
    /// Of these, how often lists that were answered may be missing.
    pub gaps_with_answers: u64,
    /// Lists that were judged and could not be written.
    pub lost: u64,
    /// Times at which the clock went back.
    pub clock_back: u64,
    /// Keys that were destroyed, as `<what> until <day>`.
    pub purges: Vec<String>,
    /// Records that are held for a case.
    pub held: u64,
    /// How far the ledger is anchored outside, by the witnesses that its own folder names.
    pub anchorage: Anchorage,
    /// The lowest sample that a writer kept in full of lists that nobody has to account for, in a million; none where no writer said it.
    pub sample_ppm: Option<u32>,
}

impl Assessment {
    /// Counts the lists of some days, the first and the last included. `progress` hears how many there were so far.
    ///
    /// # Errors
    /// When the ledger cannot be read or was altered.
    pub fn of(
        history: &History,
        from: Option<Day>,
        to: Option<Day>,
        progress: impl FnMut(u64),
    ) -> Result<Self, LedgerError> {
        Self::with_waiting(history, from, to, WAITING, progress)
    }

    /// The same with another number of things that may wait for a confirmation: lists, rows to be labelled, obligations.
    ///
    /// # Errors
    /// As above.
    pub fn with_waiting(
        history: &History,
        from: Option<Day>,
        to: Option<Day>,
        waiting: usize,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, LedgerError> {
        let end_ms = to.map(|day| day.next().start_ms());
        let query = Query {
            from_ms: from.map(Day::start_ms),
            to_ms: end_ms.map(|end| end.saturating_add(AFTER_MS)),
            ..Query::default()
        };
        let mut counting = Counting { room: waiting.max(1), ..Counting::default() };
        let within = |ms: i64| end_ms.is_none_or(|end| ms < end);
        let mut seen = 0;
        history.all(&query, |told| {
            match told {
                Told::List(recorded) if within(recorded.ms) => {
                    counting.list(&recorded)?;
                    seen += 1;
                    if seen % 1_000 == 0 {
                        progress(seen);
                    }
                }
                Told::Set(set) => counting.described(&set),
                Told::Confirmed(confirmed) => counting.confirmation(&confirmed.confirmation),
                Told::Event { ms, event, .. } if within(ms) => counting.event(event),
                _ => {}
            }
            Ok(())
        })?;
        progress(seen);
        let mut out = Self { from, to, ..counting.finish() };
        out.ledger.anchorage = history.anchorage(now_ms())?;
        Ok(out)
    }
}

/// Names as numbers, so that counting a list allocates nothing for what is known.
#[derive(Default)]
struct Names {
    known: HashMap<String, usize>,
    names: Vec<String>,
}

impl Names {
    fn of(&mut self, name: &str) -> usize {
        if let Some(number) = self.known.get(name) {
            return *number;
        }
        self.known.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.names.len() - 1
    }
}

/// A list that waits for its confirmation. Ids are kept as hashes.
struct Waits {
    surface: usize,
    confirmed: bool,
    /// Rows to be shown with a label.
    rows: Box<[ToLabel]>,
    /// What is owed: code, target, whether it is done.
    owed: Box<[(u32, bool, u64)]>,
}

impl Waits {
    fn weight(&self) -> usize {
        1 + self.rows.len() + self.owed.len()
    }
}

/// A row that was to be shown with labels.
struct ToLabel {
    candidate: u64,
    /// Its labels that are not yet rendered, by their bits.
    missing: u32,
    shown: bool,
}

#[derive(Default)]
struct Counting {
    out: Assessment,
    names: Names,
    /// By rule and surface, first what it did because of a fact, then for want of an input.
    fired: HashMap<(usize, usize), [Effects; 2]>,
    protected: BTreeMap<(Group, usize), Protected>,
    owed: HashMap<usize, (u64, u64)>,
    owed_by: HashMap<(usize, usize), u64>,
    failed: BTreeMap<(String, String, String), u64>,
    waiting: HashMap<u64, Waits>,
    /// The same in the order in which they came.
    order: VecDeque<u64>,
    /// How much waits, and how much may.
    weight: usize,
    room: usize,
    /// Labels of synthetic content, by their bit.
    labels: Vec<String>,
    /// `<id>@<version>` of modules, by digest.
    modules: HashMap<String, String>,
}

impl Counting {
    fn described(&mut self, set: &SetDescription) {
        let named = |policy: &PolicyDescription| (policy.digest.clone(), format!("{}@{}", policy.id, policy.version));
        self.modules.extend(set.policies.iter().map(named));
    }

    fn list(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        match recorded.decision.level {
            Level::Full => self.out.lists.full += 1,
            Level::Commit => self.out.lists.commit += 1,
        }
        self.out.first_ms.get_or_insert(recorded.ms);
        self.out.last_ms = Some(recorded.ms);
        let (Some(text), Some(facets)) = (&recorded.outcome, &recorded.facets) else {
            self.out.lists.unreadable += 1;
            return Ok(());
        };
        let answer = Answer::read(text, recorded.record)?;
        for disturbance in &recorded.decision.circumstances.disturbed {
            let module = self.modules.get(&disturbance.module).unwrap_or(&disturbance.module);
            *entry(&mut self.out.disturbed, module).entry(disturbance.kind.name().to_owned()).or_default() += 1;
        }
        self.out.lists.out_of_scope += u64::from(&*answer.scope == "out");
        add(&mut self.out.policy_sets, &answer.policy_set, 1);
        self.verdicts(&answer, facets, Day::containing(recorded.ms));
        self.rules(&answer, facets);
        self.request(&answer);
        self.wait(&answer, facets);
        Ok(())
    }

    fn verdicts(&mut self, answer: &Answer<'_>, facets: &Facets, day: Day) {
        let mut shares = Shares { lists: 1, ..Shares::default() };
        let mut seen = [0u64; 3];
        for (place, verdict) in answer.verdicts.iter().enumerate() {
            match verdict.action {
                Action::Allow => shares.allow += 1,
                Action::Label => shares.label += 1,
                Action::Demote => shares.demote += 1,
                Action::Block => shares.block += 1,
            }
            shares.held += u64::from(verdict.action == Action::Block && verdict.hold != Block::None);
            if place < answer.shown {
                let weight = exposure_ppm(place);
                seen[0] += weight;
                seen[1] += if verdict.labels.is_empty() { 0 } else { weight };
                seen[2] += if verdict.action == Action::Demote { weight } else { 0 };
            }
        }
        let (surface, group) = (surface_of(facets), facets.group());
        self.out.surfaces.entry(surface.to_owned()).or_default().add(&shares);
        self.out.groups.entry(group).or_default().add(&shares);
        self.out.days.entry(day).or_default().add(&shares);
        if matches!(group, Group::Minor | Group::Elder) {
            let number = self.names.of(surface);
            let protected = self.protected.entry((group, number)).or_insert_with(|| Protected {
                group,
                surface: surface.to_owned(),
                lists: 0,
                shown: 0,
                withheld: 0,
                exposure: 0,
                labelled: 0,
                demoted: 0,
            });
            protected.lists += 1;
            protected.shown += answer.shown as u64;
            protected.withheld += (answer.verdicts.len() - answer.shown.min(answer.verdicts.len())) as u64;
            protected.exposure += seen[0];
            protected.labelled += seen[1];
            protected.demoted += seen[2];
        }
    }

    fn rules(&mut self, answer: &Answer<'_>, facets: &Facets) {
        let surface = self.names.of(surface_of(facets));
        let mut acted: Vec<(usize, usize)> = Vec::new();
        let mut fire = |names: &mut Names, rule: &str, cause: Cause, count: fn(&mut Effects)| {
            let rule = names.of(rule);
            let cause = usize::from(cause == Cause::MissingInput);
            acted.push((rule, cause));
            count(&mut self.fired.entry((rule, surface)).or_default()[cause]);
        };
        for reason in answer.verdicts.iter().flat_map(|verdict| &verdict.reasons) {
            match reason.effect {
                Action::Allow => {}
                Action::Label => fire(&mut self.names, &reason.rule, reason.cause, |effects| effects.label += 1),
                Action::Demote => fire(&mut self.names, &reason.rule, reason.cause, |effects| effects.demote += 1),
                Action::Block => fire(&mut self.names, &reason.rule, reason.cause, |effects| effects.block += 1),
            }
        }
        for tag in &answer.tags {
            match tag.action {
                TagAction::Keep => self.out.tags.keep += 1,
                TagAction::Suppress => self.out.tags.suppress += 1,
                TagAction::Delete => self.out.tags.delete += 1,
            }
            for reason in tag.reasons.iter().filter(|reason| reason.effect != TagAction::Keep) {
                fire(&mut self.names, &reason.rule, reason.cause, |effects| effects.tag += 1);
            }
        }
        acted.sort_unstable();
        acted.dedup();
        for (rule, cause) in acted {
            self.fired.entry((rule, surface)).or_default()[cause].lists += 1;
        }
    }

    /// What is not about rows: findings, vetoes, failures, shadow, notices.
    fn request(&mut self, answer: &Answer<'_>) {
        for violation in &answer.violations {
            let causes = entry(&mut self.out.findings, &violation.rule);
            match violation.cause {
                Cause::Fact => causes.fact += 1,
                Cause::MissingInput => causes.missing_input += 1,
            }
        }
        // Tags are told by their number only: their names are the user's.
        let mut vetoed: Vec<&str> = (answer.vetoes.iter())
            .map(|veto| if veto.feature.starts_with("tag:") { "tag" } else { &*veto.feature })
            .collect();
        vetoed.sort_unstable();
        vetoed.dedup();
        vetoed.into_iter().for_each(|feature| add(&mut self.out.vetoes, feature, 1));
        for failure in &answer.failures {
            let key = (failure.policy.to_string(), failure.kind.to_string(), failure.applied.to_string());
            *self.failed.entry(key).or_default() += 1;
        }
        let mut spoke: Vec<&str> = Vec::new();
        for item in &answer.shadow {
            add(&mut entry(&mut self.out.shadow, &item.rule).effects, &item.effect, 1);
            spoke.push(&item.rule);
        }
        spoke.sort_unstable();
        spoke.dedup();
        spoke.into_iter().for_each(|rule| entry(&mut self.out.shadow, rule).lists += 1);
        answer.notices.iter().for_each(|notice| add(&mut self.out.notices, &notice.code, 1));
    }

    /// What is owed, and what is to be rendered; both wait for a confirmation.
    fn wait(&mut self, answer: &Answer<'_>, facets: &Facets) {
        let mut owed = Vec::with_capacity(answer.obligations.len());
        for obligation in &answer.obligations {
            let code = self.names.of(&obligation.code);
            let rule = self.names.of(&obligation.rule);
            self.owed.entry(code).or_default().0 += 1;
            *self.owed_by.entry((code, rule)).or_default() += 1;
            owed.push((code as u32, false, hash(&obligation.target.as_deref())));
        }
        let mut rows = Vec::new();
        for verdict in answer.verdicts.iter().take(answer.shown) {
            let synthetic = verdict.reasons.iter().any(|reason| reason.rule.starts_with("art09."));
            let labels = verdict.labels.iter().filter(|label| synthetic && label.starts_with("ai."));
            let missing = labels.fold(0, |bits, label| bits | self.label(label));
            if missing != 0 {
                rows.push(ToLabel { candidate: hash(&*verdict.id), missing, shown: false });
            }
        }
        let surface = surface_of(facets);
        entry(&mut self.out.synthetic, surface).rows += rows.len() as u64;
        let waits = Waits { surface: self.names.of(surface), confirmed: false, rows: rows.into(), owed: owed.into() };
        let id = hash(&*answer.decision_id);
        self.weight += waits.weight();
        // A list that was judged twice in the same words is confirmed once: the first of them is settled now.
        match self.waiting.insert(id, waits) {
            Some(same) => self.settle(&same),
            None => self.order.push_back(id),
        }
        while self.weight > self.room {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(waits) = self.waiting.remove(&oldest) {
                self.out.confirmations.given_up += 1;
                self.settle(&waits);
            }
        }
    }

    /// The bit of a label of synthetic content; none where there are too many of them.
    fn label(&mut self, label: &str) -> u32 {
        let known = self.labels.iter().position(|known| known == label);
        let bit = known.unwrap_or_else(|| {
            self.labels.push(label.to_owned());
            self.labels.len() - 1
        });
        1u32.checked_shl(bit as u32).unwrap_or(0)
    }

    fn confirmation(&mut self, confirmation: &Confirmation) {
        let Some(waits) = self.waiting.get_mut(&hash(confirmation.decision_id.as_str())) else {
            self.out.confirmations.unmatched += 1;
            return;
        };
        self.out.confirmations.matched += 1;
        waits.confirmed = true;
        for shown in &confirmation.shown {
            let shown = hash(shown.as_str());
            waits.rows.iter_mut().filter(|row| row.candidate == shown).for_each(|row| row.shown = true);
        }
        for rendered in &confirmation.labels_rendered {
            let Some(bit) = self.labels.iter().position(|label| *label == rendered.label) else { continue };
            let candidate = hash(rendered.candidate.as_str());
            for row in waits.rows.iter_mut().filter(|row| row.candidate == candidate) {
                row.missing &= !1u32.checked_shl(bit as u32).unwrap_or(0);
            }
        }
        for done in &confirmation.discharged {
            let Some(code) = self.names.known.get(&done.code).copied() else { continue };
            let target = hash(&done.target.as_deref());
            let owed = waits.owed.iter_mut().filter(|(owed, done, of)| *owed == code as u32 && !done && *of == target);
            self.owed.entry(code).or_default().1 += owed.map(|owed| owed.1 = true).count() as u64;
        }
    }

    /// Counts what is known of a list for which nobody waits any more.
    fn settle(&mut self, waits: &Waits) {
        self.weight -= waits.weight();
        self.out.confirmations.lists += u64::from(waits.confirmed);
        let Some(surface) = self.names.names.get(waits.surface) else { return };
        let labelled = entry(&mut self.out.synthetic, surface);
        for row in &waits.rows {
            *match (waits.confirmed, row.missing == 0, row.shown) {
                (false, ..) => &mut labelled.unconfirmed,
                (true, true, _) => &mut labelled.rendered,
                (true, false, true) => &mut labelled.shown_without,
                (true, false, false) => &mut labelled.not_shown,
            } += 1;
        }
    }

    fn event(&mut self, event: Event) {
        let ledger = &mut self.out.ledger;
        match event {
            Event::Opened { gap, sample_ppm, .. } => {
                ledger.gaps += u64::from(gap.is_some());
                ledger.gaps_with_answers += u64::from(gap.is_some_and(|gap| gap.answered));
                ledger.sample_ppm = [ledger.sample_ppm, sample_ppm].into_iter().flatten().min();
            }
            Event::Lost { lists, .. } => ledger.lost += lists,
            Event::ClockBack { .. } => ledger.clock_back += 1,
            Event::Held { .. } => ledger.held += 1,
            Event::Purged { until, what, .. } => {
                let what = match what {
                    normgate_ledger::Purge::Personal => "personal",
                    normgate_ledger::Purge::All => "all",
                };
                ledger.purges.push(format!("{what} until {until}"));
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Assessment {
        for (_, waits) in std::mem::take(&mut self.waiting) {
            self.settle(&waits);
        }
        let Self { mut out, names, fired, protected, owed, owed_by, failed, .. } = self;
        let name = |number: usize| names.names.get(number).cloned().unwrap_or_default();
        out.rules = (fired.into_iter())
            .map(|((rule, surface), [fact, missing_input])| Fired {
                rule: name(rule),
                surface: name(surface),
                fact,
                missing_input,
            })
            .collect();
        out.rules.sort_by(|a, b| (&a.rule, &a.surface).cmp(&(&b.rule, &b.surface)));
        out.protected = protected.into_values().collect();
        out.protected.sort_by(|a, b| (a.group, &a.surface).cmp(&(b.group, &b.surface)));
        // What was discharged and never owed in the range has no row of its own.
        for (code, (owed, discharged)) in owed.into_iter().filter(|(_, (owed, _))| *owed > 0) {
            let known = entry(&mut out.obligations, &name(code));
            (known.owed, known.discharged) = (owed, discharged);
        }
        for ((code, rule), times) in owed_by {
            entry(&mut out.obligations, &name(code)).rules.insert(name(rule), times);
        }
        out.failures = (failed.into_iter())
            .map(|((policy, kind, applied), times)| Failed { policy, kind, applied, times })
            .collect();
        out.synthetic.retain(|_, labelled| labelled.rows > 0);
        out
    }
}

impl Shares {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.allow + self.label + self.demote + self.block
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.lists += other.lists;
        self.allow += other.allow;
        self.label += other.label;
        self.demote += other.demote;
        self.block += other.block;
        self.held += other.held;
    }
}

impl Effects {
    /// Rows and tags together.
    pub fn total(&self) -> u64 {
        self.label + self.demote + self.block + self.tag
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.lists += other.lists;
        self.label += other.label;
        self.demote += other.demote;
        self.block += other.block;
        self.tag += other.tag;
    }
}

pub(crate) fn surface_of(facets: &Facets) -> &str {
    facets.surface.as_deref().unwrap_or(NO_SURFACE)
}

/// What stands under a name.
fn entry<'m, V: Default>(map: &'m mut BTreeMap<String, V>, name: &str) -> &'m mut V {
    map.entry(name.to_owned()).or_default()
}

fn add(map: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    match map.get_mut(name) {
        Some(known) => *known += count,
        None => drop(map.insert(name.to_owned(), count)),
    }
}

/// Ids are compared by 64 bits: one pair in about 10^19 would be taken for one.
fn hash<T: Hash + ?Sized>(text: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
