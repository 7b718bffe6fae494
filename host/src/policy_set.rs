//! The policy set: which modules judge, with which parameters and modes. Built once, never changed.

use std::borrow::Cow;
use std::sync::Arc;

use normgate_contract::{Block, Day, Manifest, Modality, OnFailure, Rule, Stage, Vocabulary, hex};
use sha2::{Digest, Sha256};

use crate::batch::Batch;
use crate::canary::Draws;
use crate::config::{Looser, Mode, OrderBy, is_required};
use crate::description::{Origin, PolicyDescription, SetDescription};
use crate::grant::Granted;
use crate::module::Module;
use crate::notice::Notice;
use crate::on_failure::OnFailures;
use crate::outcome::ShadowItem;
use crate::overrides::Override;
use crate::plan::{EffectPlan, Plan};
use crate::provider;
use crate::purse::Share;
use crate::sandbox::{Compiled, WEAKENED};

/// A rule of the set. `rule` is [`HOST_FAILURE`], [`LOOSENING`], [`FILING`] or [`HOST_INPUT`] for what the host itself says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRef {
    /// Index of the policy in the set.
    pub policy: u16,
    /// Index of the rule in its manifest.
    pub rule: u16,
}

/// The rule index of the reason `host.failure`.
pub const HOST_FAILURE: u16 = u16::MAX;
/// The rule index of `art05.loosening`: a sector norm that would loosen a parameter of the law.
pub const LOOSENING: u16 = u16::MAX - 1;
/// `host.filing` in the place of a rule: the number of the provider's filing is to be displayed (Art 26).
pub const FILING: u16 = u16::MAX - 2;
/// The rule index of the reason `host.input`: a row that is withheld for what it was sent as. No policy's.
pub const HOST_INPUT: u16 = u16::MAX - 3;

/// What the host itself goes by: scope, order, emergencies, applicability, adoption, and what notices are about.
const HOST_COLUMNS: [&str; 17] = [
    "candidates.exempt",
    "candidates.exempt_ticket",
    "candidates.id",
    "candidates.kind",
    "candidates.matched_tags",
    "candidates.pinned",
    "candidates.rank_pos",
    "candidates.retrieval_basis",
    "candidates.score",
    "request.ctx.algo_type",
    "request.ctx.local_min",
    "request.ctx.now_ms",
    "request.ctx.surface",
    "request.ctx.territory",
    "request.user.age_band",
    "request.user.under_14",
    "tags.tag_id",
];

/// A module in the set.
pub(crate) struct Loaded {
    pub(crate) module: Module,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) granted: Granted,
    /// The parameters and what follows from them, for every combination of `tightened_by` that a request may have adopted: bit
    /// `i` of the index is the `i`-th of them.
    pub(crate) resolved: Vec<Resolved>,
    /// Sector norms that tighten parameters of this module.
    pub(crate) tightened_by: Vec<u16>,
    /// Values of sector norms that were not taken, because they would loosen; by norm.
    pub(crate) looser: Vec<(u16, Looser)>,
    /// Whether a sector norm's pack is its authority's to use: that of somebody else nobody adopts with it.
    pub(crate) owns_pack: bool,
    /// Modes by configuration, rule by rule.
    pub(crate) modes: Vec<Mode>,
    /// The mode of this release as a whole.
    pub(crate) release: Mode,
    /// Whether it comes after another one that still judges, so that it is observed before it is in force.
    pub(crate) awaited: bool,
    /// Who comes after it, by index in the set: from their first day in force on, it is not asked where they act.
    pub(crate) successors: Vec<u16>,
    /// Place of each rule's id among all ids of the set, for sorting.
    pub(crate) rank: Vec<u32>,
    /// Its authority, by index in the set.
    pub(crate) authority: u16,
}

/// A module's parameters, encoded, and what they make of its effects.
pub(crate) struct Resolved {
    pub(crate) parameters: Vec<i64>,
    pub(crate) plan: Plan,
}

/// What the platform chose for a set as a whole.
pub(crate) struct Chosen {
    /// The first day on which what is decided is applied; until then it is only reported.
    pub(crate) observed_until: Option<Day>,
    /// By what rows are put in order.
    pub(crate) order: OrderBy,
    /// What is done when a module fails.
    pub(crate) on_failure: OnFailures,
}

/// Which modules judge, with which parameters and modes.
pub struct PolicySet {
    /// The modules that judge, by policy id, and after them those that stand in for a failing one.
    pub(crate) policies: Vec<Loaded>,
    /// How many of `policies` judge.
    pub(crate) judging: usize,
    /// These by index, in the order in which they are asked: what the program carries, then those granted everything, and of each first
    /// those with rules that the law requires. It leaves no trace in what they say, and decides who is heard when time runs out.
    pub(crate) turns: Vec<u16>,
    /// What each authority may use in a request.
    pub(crate) shares: Vec<Share>,
    /// What each sector norm tightens once it is adopted, by its index.
    pub(crate) tightening: Vec<(u16, Notice)>,
    /// Place of each of the vocabulary's obligations among all by name, for sorting.
    pub(crate) obligation_rank: Vec<u16>,
    /// Whether some module that judges the slate reads a column, by its index in the vocabulary.
    pub(crate) slate_columns: Vec<bool>,
    /// What the platform chose for the set as a whole.
    pub(crate) chosen: Chosen,
    /// Frame-qualified names of the columns that judging looks at, sorted.
    columns_read: Vec<String>,
    /// How it came to be.
    pub(crate) origin: Origin,
    /// What its digest is over.
    identity: String,
    digest: String,
}

impl std::fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicySet").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl PolicySet {
    /// Makes a set of modules that judge, sorted by policy id, and of last good versions that stand in for them.
    pub(crate) fn new(
        mut policies: Vec<Loaded>,
        stand_ins: Vec<Loaded>,
        tightening: Vec<(u16, Notice)>,
        chosen: Chosen,
        vocabulary: &Vocabulary,
        origin: Origin,
    ) -> Self {
        let judging = policies.len();
        policies.extend(stand_ins);
        let rules = |p: &Loaded| p.module.manifest.rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
        let mut ids: Vec<String> = policies.iter().flat_map(rules).collect();
        ids.sort_unstable();
        ids.dedup();
        for policy in &mut policies {
            policy.rank = rules(policy).iter().map(|id| ids.binary_search(id).unwrap_or(0) as u32).collect();
        }
        let mut authorities: Vec<String> = policies.iter().map(|p| p.module.manifest.authority().to_owned()).collect();
        authorities.sort_unstable();
        authorities.dedup();
        let mut shares = vec![Share::default(); authorities.len()];
        for policy in &mut policies {
            let own = policy.module.manifest.authority();
            let index = authorities.partition_point(|authority| authority.as_str() < own);
            policy.authority = index as u16;
            let share = Share { full: policy.granted.share.full || policy.module.embedded, ..policy.granted.share };
            shares[index] = shares[index].join(share);
        }
        let mut turns: Vec<u16> = (0..judging as u16).collect();
        let turn = |index: &u16| {
            let Loaded { module, granted, .. } = &policies[usize::from(*index)];
            let must = module.manifest.rules.iter().any(|rule| is_required(&module.manifest, rule));
            (!module.embedded, !granted.share.full, !must)
        };
        if !WEAKENED {
            turns.sort_by_key(turn);
        }
        let identity = identity(&policies, &chosen, &origin.semantics);
        let digest = digest(&identity);
        let mut by_name: Vec<u16> = (0..vocabulary.obligations.len() as u16).collect();
        by_name.sort_by_key(|code| &vocabulary.obligations[usize::from(*code)]);
        let mut obligation_rank = vec![0; by_name.len()];
        for (rank, code) in by_name.into_iter().enumerate() {
            obligation_rank[usize::from(code)] = rank as u16;
        }
        let mut slate_columns = vec![false; vocabulary.columns.len()];
        let judging_slates = policies.iter().filter(|policy| policy.has_stage(Stage::Slate));
        for column in judging_slates.flat_map(|policy| &policy.resolved).flat_map(|resolved| resolved.plan.columns()) {
            slate_columns[column] = true;
        }
        let lent = policies.iter().flat_map(|policy| &policy.resolved).flat_map(|resolved| resolved.plan.columns());
        let mut columns_read: Vec<String> = lent.map(|column| vocabulary.columns[column].name.clone()).collect();
        columns_read.extend(HOST_COLUMNS.iter().chain(&provider::columns()).map(|name| (*name).to_owned()));
        columns_read.sort_unstable();
        columns_read.dedup();
        Self {
            policies,
            judging,
            turns,
            shares,
            tightening,
            obligation_rank,
            slate_columns,
            chosen,
            columns_read,
            origin,
            identity,
            digest,
        }
    }

    /// Frame-qualified names of the columns that judging looks at, sorted: those that modules are handed, and those that the
    /// host itself goes by. A request without its other columns is judged the same, once the canaries' draws are known
    /// ([`crate::Circumstances::draws`]).
    pub fn columns_read(&self) -> &[String] {
        &self.columns_read
    }

    /// `sha256:<hex>` over policies, component digests, modes, failure policies, resolved parameters, the order and semantics.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The digest that this set would have under other semantics ([`crate::SetDescription::semantics`]): equal digests say that
    /// two sets differ in nothing else.
    pub fn digest_under(&self, semantics: &str) -> String {
        digest(&identity(&self.policies, &self.chosen, semantics))
    }

    /// The manifests of the modules that judge, in the order of policy ids.
    pub fn manifests(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.policies[..self.judging].iter().map(|policy| &policy.module.manifest)
    }

    /// What it takes to build this set again.
    pub fn describe(&self) -> SetDescription {
        let policies = self.policies.iter().enumerate().map(|(index, policy)| {
            let manifest = &policy.module.manifest;
            let values = policy.resolved.first().map_or(&[][..], |resolved| &resolved.parameters);
            PolicyDescription {
                id: manifest.id.clone(),
                version: manifest.version.to_string(),
                digest: policy.module.digest_text(),
                stands_in: index >= self.judging,
                parameters: (manifest.parameters.iter().zip(values))
                    .map(|(parameter, value)| (parameter.name.clone(), *value))
                    .collect(),
            }
        });
        SetDescription {
            policy_set: self.digest().to_owned(),
            identity: self.identity.clone(),
            semantics: self.origin.semantics.clone(),
            config: self.origin.config.clone(),
            resolved_ms: self.origin.resolved_ms,
            held: self.origin.held.clone(),
            policies: policies.collect(),
        }
    }

    /// Whether a policy has given its place to one that came after it, for the user of a request.
    pub(crate) fn is_succeeded(&self, policy: &Loaded, draws: &Draws<'_>, at_ms: i64) -> bool {
        let mut successors = policy.successors.iter().map(|next| &self.policies[usize::from(*next)]);
        successors.any(|next| begun(next.module.manifest.effective_from, at_ms) && next.is_released(draws))
    }

    /// Whether an override is about a policy: it names it, or the prefix of any version of it that is here.
    pub(crate) fn is_covered(&self, entry: &Override, manifest: &Manifest) -> bool {
        let mut versions = self.policies.iter().map(|policy| &policy.module.manifest);
        versions.any(|version| version.id == manifest.id && entry.covers(version))
    }

    /// Whether a rule is one that the platform has to account for: a `must` of an authority that may do everything. The `must` of
    /// anybody else binds whoever takes the module, and nobody's records.
    pub fn is_accountable(&self, rule: RuleRef) -> bool {
        let Some(policy) = self.policies.get(usize::from(rule.policy)) else { return false };
        let declared = policy.module.manifest.rules.get(usize::from(rule.rule));
        policy.is_accountable() && declared.is_some_and(|rule| rule.modality == Modality::Must)
    }

    /// Whether a policy, `<id>@<version>`, is one of an authority that may not do everything, in the set or not.
    pub fn is_of_association(&self, policy: &str) -> bool {
        policy.split_once('/').is_some_and(|(authority, _)| self.origin.associations.contains(authority))
    }

    /// A rule; none for the host's own.
    pub fn rule(&self, rule: RuleRef) -> Option<&Rule> {
        self.policies.get(usize::from(rule.policy))?.module.manifest.rules.get(usize::from(rule.rule))
    }

    /// Id of a rule.
    pub fn rule_id(&self, rule: RuleRef) -> &str {
        match rule.rule {
            HOST_FAILURE => "host.failure",
            LOOSENING => "art05.loosening",
            FILING => "host.filing",
            HOST_INPUT => "host.input",
            _ => self.rule(rule).map_or("", |rule| rule.id.as_str()),
        }
    }

    /// The mode of a rule by configuration; that of its whole release where this keeps it from acting.
    pub fn mode(&self, rule: RuleRef) -> Mode {
        let Some(policy) = self.policies.get(usize::from(rule.policy)) else { return Mode::Enforce };
        match policy.modes.get(usize::from(rule.rule)) {
            Some(mode) if !policy.release.weakens() => *mode,
            _ => policy.release,
        }
    }

    /// The first day on which what is decided is applied, where the set only observes until then.
    pub fn observed_until(&self) -> Option<Day> {
        self.chosen.observed_until
    }

    /// The resolved value of a policy's parameter, encoded, before any sector norm tightens it; none when the policy has no such
    /// parameter.
    pub fn parameter(&self, policy: u16, name: &str) -> Option<i64> {
        let policy = self.policies.get(usize::from(policy))?;
        let index = policy.module.manifest.parameters.iter().position(|parameter| parameter.name == name)?;
        policy.resolved.first()?.parameters.get(index).copied()
    }

    /// Place of a rule's id among all ids of the set; the host's own come last.
    pub(crate) fn rank(&self, rule: RuleRef) -> u32 {
        let ranks = self.policies.get(usize::from(rule.policy)).map(|policy| &policy.rank);
        ranks.and_then(|ranks| ranks.get(usize::from(rule.rule))).copied().unwrap_or(u32::MAX)
    }

    /// The value of an effect in shadow: the hold, the weight, the label, the code.
    pub(crate) fn shadow_value<'s>(&'s self, item: &ShadowItem, batch: &'s Batch) -> Cow<'s, str> {
        let effects = self.policies.get(usize::from(item.rule.policy)).map(|policy| &policy.resolved[0].plan.effects);
        let planned = effects.and_then(|effects| effects.get(usize::from(item.index)));
        planned.map_or(Cow::Borrowed(""), |planned| planned.effect.value(item.number, batch))
    }

    /// `<id>@<version>` of a rule's policy.
    pub fn policy_reference(&self, policy: u16) -> String {
        self.policies.get(usize::from(policy)).map_or(String::new(), |policy| policy.module.manifest.reference())
    }
}

/// What tells a set from others, a line each.
fn identity(policies: &[Loaded], chosen: &Chosen, semantics: &str) -> String {
    let Chosen { observed_until, order, on_failure } = chosen;
    let mut text = String::new();
    let mut line = |parts: &[&str]| {
        text.push_str(&parts.join("\t"));
        text.push('\n');
    };
    line(&["semantics", semantics]);
    if let Some(day) = observed_until {
        line(&["observed-until", &day.to_string()]);
    }
    if let Some(said) = on_failure.digested() {
        line(&["on-failure", &said]);
    }
    if *order == OrderBy::Score {
        line(&["order", "score"]);
    }
    for policy in policies {
        let manifest = &policy.module.manifest;
        let failing = on_failure.by_itself(manifest);
        line(&["policy", &manifest.id, &policy.module.digest_text(), &format!("{failing:?}")]);
        line(&["granted", &policy.granted.to_string()]);
        if !policy.owns_pack {
            line(&["foreign-pack"]);
        }
        for (rule, mode) in manifest.rules.iter().zip(&policy.modes) {
            match mode {
                Mode::Enforce => {}
                Mode::Shadow => line(&["shadow", &rule.id]),
                Mode::Off => line(&["off", &rule.id]),
                Mode::Preview => line(&["preview", &rule.id]),
                Mode::Canary(percent) => line(&["canary", &rule.id, &percent.to_string()]),
            }
        }
        if policy.release.weakens() {
            line(&["release", &policy.release.to_string()]);
        }
        for next in &policy.successors {
            let Loaded { module, .. } = &policies[usize::from(*next)];
            line(&["until", &module.manifest.reference(), &module.digest_text()]);
        }
        for resolved in &policy.resolved {
            for (parameter, value) in manifest.parameters.iter().zip(&resolved.parameters) {
                line(&["parameter", &manifest.module, &parameter.name, &value.to_string()]);
            }
        }
    }
    text
}

fn digest(identity: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(identity)))
}

/// Whether the first day of something has come.
pub(crate) fn begun(from: Option<Day>, at_ms: i64) -> bool {
    from.is_none_or(|day| day.start_ms() <= at_ms)
}

/// Whether something with these dates is in force at an instant.
pub(crate) fn in_force(from: Option<Day>, until: Option<Day>, at_ms: i64) -> bool {
    begun(from, at_ms) && until.is_none_or(|day| at_ms < day.start_ms())
}

/// What a failed module may do to rows at most: what its own enforced rules could have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    Allow,
    Demote(u32),
    Hold(Block),
}

impl Loaded {
    /// Whether its `must` rules are law to the platform: the program carries it, or its authority may do everything.
    pub(crate) fn is_accountable(&self) -> bool {
        self.module.embedded || self.granted.share.full
    }

    /// Whether this release acts for the user of a request.
    pub(crate) fn is_released(&self, draws: &Draws<'_>) -> bool {
        self.release.acts(|| draws.of(&self.module.manifest.id))
    }

    /// A failure policy, capped by what the module's enforced rules could do at all.
    pub(crate) fn fallback(
        &self,
        on_failure: OnFailure,
        resolved: &Resolved,
        enforced: impl Fn(usize) -> bool,
    ) -> Fallback {
        if on_failure == OnFailure::Allow {
            return Fallback::Allow;
        }
        let mut fallback = Fallback::Allow;
        for (index, (rule, _)) in self.module.manifest.effects().enumerate() {
            if !enforced(rule) {
                continue;
            }
            fallback = match (&resolved.plan.effects[index].effect, fallback) {
                (EffectPlan::Block(hold), Fallback::Hold(known)) => {
                    Fallback::Hold(known.max((*hold).min(Block::HumanReview)))
                }
                (EffectPlan::Block(hold), _) => Fallback::Hold((*hold).min(Block::HumanReview)),
                (EffectPlan::Demote(weight), Fallback::Allow) => Fallback::Demote(*weight),
                (EffectPlan::Demote(weight), Fallback::Demote(known)) => Fallback::Demote(known.min(*weight)),
                (EffectPlan::DemoteComputed, Fallback::Allow | Fallback::Demote(_)) => Fallback::Demote(0),
                (_, known) => known,
            };
        }
        fallback
    }

    /// The parameters under the sector norms that a request adopted.
    pub(crate) fn under(&self, adopted: &[bool]) -> &Resolved {
        let index =
            self.tightened_by.iter().enumerate().fold(0, |index, (bit, norm)| {
                index | usize::from(adopted.get(usize::from(*norm)) == Some(&true)) << bit
            });
        &self.resolved[index.min(self.resolved.len() - 1)]
    }

    pub(crate) fn has_stage(&self, stage: Stage) -> bool {
        self.module.manifest.has_stage(stage)
    }
}
