//! What an authority may do, as the platform grants it, and a module held against that at load.
//!
//! Rights are decided once, from the manifest: what a module may see and cause is written down before it runs, so judging
//! never has to ask.

use std::fmt;
use std::sync::LazyLock;

use normgate_contract::{Effect, Manifest, TagAction};
use serde::{Deserialize, Serialize};

use crate::purse::Share;
use crate::sandbox::Limits;
use crate::verdict::Action;

/// Columns that an association is not handed unless the platform says so: they are about competitors and authors, on whom an
/// association's members may have interests, and about the platform's own affiliates.
const WITHHELD: [&str; 9] = [
    "candidates.author_id",
    "candidates.competitor",
    "candidates.throttle_applied",
    "candidates.throttle_reason",
    "candidates.exclusive_penalty",
    "candidates.parity_penalty",
    "candidates.engage.author_state",
    "candidates.engage.self_affiliated",
    "candidates.engage.self_boost",
];

/// Features of Art 15, which an association may not veto unless the platform says so.
const WITHHELD_VETOES: [&str; 3] = ["competitor_throttle", "exclusive_penalty", "price_parity"];

/// Whether a prefix is kept for readings of the law: `art06`, `art05.delivery`. (`host` and `common` are the host's alone, and
/// no manifest may have them.)
fn is_reserved(prefix: &str) -> bool {
    prefix.strip_prefix("art").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a list names something, itself or by what stands before a `*`.
pub(crate) fn lists(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    })
}

/// From what a grant starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// At most demote; no columns about competitors, authors or affiliates; no veto on Art 15 features; no say over other
    /// modules, over how long records are kept, or over trials.
    #[default]
    Association,
    /// Everything that the contract knows: for a regulator's own modules.
    Full,
}

/// `[authorities.<name>]`: what the modules of one authority may see and cause. A key that is left out is as `base` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// From what the grant starts.
    #[serde(default)]
    pub base: Base,
    /// Columns that may be read; `candidates.*` names a whole frame.
    pub columns: Option<Vec<String>>,
    /// Strongest effect on a row.
    pub effect: Option<Action>,
    /// Labels.
    pub labels: Option<Vec<String>>,
    /// Obligations.
    pub obligations: Option<Vec<String>>,
    /// Features that may be vetoed; `tag` stands for the user's tags.
    pub vetoes: Option<Vec<String>>,
    /// Strongest action on a tag.
    pub tags: Option<TagAction>,
    /// Whether slate constraints may be set.
    pub constraints: Option<bool>,
    /// Whether rows may be promoted.
    pub promote: Option<bool>,
    /// Whether findings about the operator may be made.
    pub violations: Option<bool>,
    /// Policies in whose place its modules may judge, by id: those that say so in `replaces`.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// Parameters of other modules that its sector norms may tighten for a provider that adopted them; `art06.*` names a
    /// whole module's.
    pub tightens: Option<Vec<String>>,
    /// Prefixes that its modules may use; `club.*` names all that begin so.
    pub prefixes: Option<Vec<String>>,
    /// The longest retention that its obligations may ask for, in days.
    pub retain_d: Option<u32>,
    /// Whether a trial holds its releases that are marked urgent only beyond the wider bounds.
    pub urgent: Option<bool>,
    /// Units of work a request, over all modules of the authority that act; half as much, apart, for those that are only observed.
    pub budget: Option<u64>,
    /// Units of work a call; at most the host's own limit.
    pub fuel: Option<u64>,
    /// Bytes of memory; at most the host's own limit.
    pub memory: Option<usize>,
}

/// What is left of a module under its grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Optional columns that are withheld: absent for the module.
    pub(crate) withheld: Vec<String>,
    /// Optional effects that are dropped, by index.
    pub(crate) dropped: Vec<usize>,
    /// The longest retention in days that its obligations ask for; none = whatever they say, 0 = none at all.
    pub(crate) retain_d: Option<u32>,
    pub(crate) fuel: Option<u64>,
    pub(crate) memory: Option<usize>,
    /// What the authority may use in a request.
    pub(crate) share: Share,
}

/// As a set's digest has it: what is not restricted is not said, so that a right that comes to be later changes no digest.
impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { withheld, dropped, retain_d, fuel, memory, share } = self;
        write!(f, "Granted {{ withheld: {withheld:?}, dropped: {dropped:?}, fuel: {fuel:?}, memory: {memory:?} }}")?;
        retain_d.map_or(Ok(()), |days| write!(f, " retain_d: {days}"))?;
        match share {
            Share { budget: Some(units), .. } => write!(f, " budget: {units}"),
            Share { full: false, .. } => write!(f, " budget: an association's"),
            Share { full: true, .. } => Ok(()),
        }
    }
}

impl Grant {
    /// Everything.
    pub(crate) fn full() -> &'static Self {
        static FULL: LazyLock<Grant> = LazyLock::new(|| Grant { base: Base::Full, ..Grant::default() });
        &FULL
    }

    /// Whether the grant starts from everything.
    pub(crate) fn is_full(&self) -> bool {
        self.base == Base::Full
    }

    /// Whether a sector norm may tighten a parameter of another module.
    pub(crate) fn may_tighten(&self, parameter: &str) -> bool {
        self.tightens.as_ref().map_or(self.is_full(), |listed| lists(listed, parameter))
    }

    /// Whether a trial holds releases that are marked urgent only beyond the wider bounds.
    pub(crate) fn may_be_urgent(&self) -> bool {
        self.urgent.unwrap_or(self.is_full())
    }

    /// Whether the grant names a prefix.
    pub(crate) fn lists_prefix(&self, prefix: &str) -> bool {
        self.prefixes.as_ref().is_some_and(|listed| lists(listed, prefix))
    }

    /// Whether modules may use a prefix that no other authority lists.
    pub(crate) fn may_use_prefix(&self, prefix: &str) -> bool {
        self.lists_prefix(prefix) || (self.prefixes.is_none() && (self.is_full() || !is_reserved(prefix)))
    }

    fn allows_column(&self, name: &str, authority: &str) -> bool {
        // A norm's own columns are its own.
        if name
            .split_once(".x.")
            .is_some_and(|(_, rest)| rest.strip_prefix(authority).is_some_and(|r| r.starts_with('.')))
        {
            return true;
        }
        match &self.columns {
            Some(granted) => lists(granted, name),
            None => self.is_full() || !WITHHELD.contains(&name),
        }
    }

    /// Why an effect is beyond the grant, in a few words; none when it is within.
    fn refuses(&self, effect: &Effect) -> Option<String> {
        let full = self.is_full();
        let strongest = self.effect.unwrap_or(if full { Action::Block } else { Action::Demote });
        let listed = |list: &Option<Vec<String>>, name: &str, default: bool| {
            list.as_ref().map_or(default, |names| names.iter().any(|known| known == name))
        };
        let (allowed, what) = match effect {
            Effect::Label(label) => {
                (strongest >= Action::Label && listed(&self.labels, label, true), format!("the label `{label}`"))
            }
            Effect::Demote(_) => {
                (strongest >= Action::Demote, "demoting rows, which takes the line `effect = \"demote\"`".to_owned())
            }
            Effect::Block(_) => {
                (strongest >= Action::Block, "withholding rows, which takes the line `effect = \"block\"`".to_owned())
            }
            Effect::Tag(action) => (
                *action <= self.tags.unwrap_or(if full { TagAction::Delete } else { TagAction::Suppress }),
                format!("the tag action {}", format!("{action:?}").to_lowercase()),
            ),
            Effect::Obligation(obligation) => {
                (listed(&self.obligations, &obligation.code, true), format!("the obligation `{}`", obligation.code))
            }
            Effect::Veto(feature) => (
                listed(&self.vetoes, feature, full || !WITHHELD_VETOES.contains(&feature.as_str())),
                format!("a veto on `{feature}`"),
            ),
            Effect::Violation => (self.violations.unwrap_or(true), "findings about the operator".to_owned()),
            Effect::Promote => (self.promote.unwrap_or(true), "promoting rows".to_owned()),
            Effect::Constraint(_) => (self.constraints.unwrap_or(true), "slate constraints".to_owned()),
        };
        (!allowed).then_some(what)
    }

    /// Holds a manifest against the grant. What is optional is taken away, and retention is cut; anything else refuses the
    /// module, named. What the program carries (`embedded`) binds emergency rows as it was reviewed.
    pub(crate) fn hold(&self, manifest: &Manifest, embedded: bool) -> Result<Granted, Vec<String>> {
        let asks_retention = |(_, effect): (usize, &Effect)| matches!(effect, Effect::Obligation(obligation) if obligation.retain_d.is_some());
        let retain_d = self.retain_d.or((!self.is_full()).then_some(0));
        let retain_d = retain_d.filter(|_| manifest.effects().any(asks_retention));
        let share = Share { budget: self.budget, full: self.is_full() };
        let mut granted = Granted { retain_d, share, fuel: self.fuel, memory: self.memory, ..Granted::default() };
        let mut refused = Vec::new();
        for (name, input) in manifest.columns() {
            match (self.allows_column(&name, manifest.authority()), input.optional) {
                (true, _) => {}
                (false, true) => granted.withheld.push(name),
                (false, false) => refused.push(format!("it reads `{name}`")),
            }
        }
        let mut index = 0;
        for rule in &manifest.rules {
            if rule.binds_emergency && !(embedded || self.is_full()) {
                refused.push(format!("rule {} binds emergency rows, which takes base = \"full\"", rule.id));
            }
            for (place, effect) in rule.effects.iter().enumerate() {
                match (self.refuses(effect), rule.optional_effects.contains(&place)) {
                    (None, _) => {}
                    (Some(_), true) => granted.dropped.push(index),
                    (Some(what), false) => refused.push(format!("rule {} may cause {what}", rule.id)),
                }
                index += 1;
            }
        }
        if refused.is_empty() { Ok(granted) } else { Err(refused) }
    }

    /// Where the grant goes beyond what an association has by default: a sentence each, for a person to weigh.
    pub fn wider_than_default(&self, authority: &str) -> Vec<String> {
        let says =
            |what: String| format!("the authority `{authority}` {what}, which an association may not by default");
        let mut wider = Vec::new();
        let columns: Vec<&str> = WITHHELD.into_iter().filter(|name| self.allows_column(name, authority)).collect();
        if !columns.is_empty() {
            wider.push(says(format!("may read {}", columns.join(", "))));
        }
        if self.refuses(&Effect::Block(normgate_contract::Block::None)).is_none() {
            wider.push(says("may withhold rows".into()));
        }
        if self.refuses(&Effect::Tag(TagAction::Delete)).is_none() {
            wider.push(says("may have tags of the user deleted".into()));
        }
        let vetoes: Vec<&str> =
            WITHHELD_VETOES.into_iter().filter(|name| self.refuses(&Effect::Veto((*name).into())).is_none()).collect();
        if !vetoes.is_empty() {
            wider.push(says(format!("may veto {}", vetoes.join(", "))));
        }
        if let Some(budget) = self.budget.filter(|budget| *budget > Limits::default().budget) {
            wider.push(says(format!("may spend {budget} units of work a request")));
        }
        if !self.replaces.is_empty() {
            wider.push(says(format!("may replace {}", self.replaces.join(", "))));
        }
        match &self.tightens {
            Some(listed) if listed.is_empty() => {}
            Some(listed) => wider.push(says(format!("may tighten {}, once adopted", listed.join(", ")))),
            None if self.is_full() => wider.push(says("may tighten any parameter of others, once adopted".into())),
            None => {}
        }
        match &self.prefixes {
            Some(listed) => {
                let covers = |beginning: &str| "art".starts_with(beginning);
                let of_articles = |prefix: &&str| is_reserved(prefix) || prefix.strip_suffix('*').is_some_and(covers);
                let reserved: Vec<&str> = listed.iter().map(String::as_str).filter(of_articles).collect();
                if !reserved.is_empty() {
                    wider.push(says(format!("may use the prefixes {}", reserved.join(", "))));
                }
            }
            None if self.is_full() => wider.push(says("may use any prefix, the articles' included".into())),
            None => {}
        }
        match self.retain_d {
            Some(0) => {}
            Some(days) => wider.push(says(format!("may have records kept for {days} days"))),
            None if self.is_full() => wider.push(says("may have records kept for as long as it asks".into())),
            None => {}
        }
        if self.may_be_urgent() {
            wider.push(says("may mark releases urgent, which a trial then holds only beyond the wider bounds".into()));
        }
        if self.is_full() {
            wider.push(says("may bind emergency rows".into()));
        }
        wider
    }
}
