//! What an authority may do, as the platform grants it, and a module held against that at load.
//!
//! Rights are decided once, from the manifest: what a module may see and cause is written down before it runs, so judging
//! never has to ask.

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

/// From what a grant starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// At most demote; no columns about competitors, authors or affiliates; no veto on Art 15 features.
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
    pub(crate) fuel: Option<u64>,
    pub(crate) memory: Option<usize>,
    /// What the authority may use in a request.
    pub(crate) share: Share,
}

impl Grant {
    /// Everything.
    pub(crate) fn full() -> Self {
        Self { base: Base::Full, ..Self::default() }
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
            Some(granted) => granted.iter().any(|granted| match granted.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => granted == name,
            }),
            None => self.base == Base::Full || !WITHHELD.contains(&name),
        }
    }

    /// Why an effect is beyond the grant, in a few words; none when it is within.
    fn refuses(&self, effect: &Effect) -> Option<String> {
        let full = self.base == Base::Full;
        let strongest = self.effect.unwrap_or(if full { Action::Block } else { Action::Demote });
        let listed = |list: &Option<Vec<String>>, name: &str, default: bool| {
            list.as_ref().map_or(default, |names| names.iter().any(|known| known == name))
        };
        let (allowed, what) = match effect {
            Effect::Label(label) => {
                (strongest >= Action::Label && listed(&self.labels, label, true), format!("the label `{label}`"))
            }
            Effect::Demote(_) => (strongest >= Action::Demote, "demoting rows".to_owned()),
            Effect::Block(_) => (strongest >= Action::Block, "withholding rows".to_owned()),
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

    /// Holds a manifest against the grant. What is optional is taken away; anything else refuses the module, named.
    pub(crate) fn hold(&self, manifest: &Manifest) -> Result<Granted, Vec<String>> {
        let share = Share { budget: self.budget, full: self.base == Base::Full };
        let mut granted = Granted { share, fuel: self.fuel, memory: self.memory, ..Granted::default() };
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
        wider
    }
}
