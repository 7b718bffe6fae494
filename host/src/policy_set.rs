//! The policy set: which modules judge, with which parameters and modes. Built once, never changed.

use std::sync::Arc;

use normgate_contract::{Block, Day, Effect, Level, Manifest, OnFailure, Rule, Stage};
use sha2::{Digest, Sha256};

use crate::error::BuildError;
use crate::module::{LoadError, Module, hex};
use crate::plan::Plan;
use crate::sandbox::Compiled;

/// A rule of the set. `rule` is [`HOST_FAILURE`] for the host's own reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRef {
    /// Index of the policy in the set.
    pub policy: u16,
    /// Index of the rule in its manifest.
    pub rule: u16,
}

/// The rule index of the reason `host.failure`.
pub const HOST_FAILURE: u16 = u16::MAX;

/// A module in the set.
pub(crate) struct Loaded {
    pub(crate) module: Module,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) plan: Plan,
    pub(crate) parameters: Vec<i64>,
    /// Shadow by configuration, rule by rule.
    pub(crate) shadowed: Vec<bool>,
    /// Place of each rule's id among all ids of the set, for sorting.
    pub(crate) rank: Vec<u32>,
}

/// Which modules judge, with which parameters and modes.
pub struct PolicySet {
    pub(crate) policies: Vec<Loaded>,
    /// The first day on which what is decided is applied; until then it is only reported.
    pub(crate) observed_until: Option<Day>,
    digest: String,
}

impl std::fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicySet").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl PolicySet {
    pub(crate) fn new(
        mut policies: Vec<Loaded>,
        observed_until: Option<Day>,
        semantics: &str,
    ) -> Result<Self, BuildError> {
        policies.sort_by(|a, b| a.module.manifest.id.cmp(&b.module.manifest.id));
        for (index, policy) in policies.iter().enumerate() {
            let manifest = &policy.module.manifest;
            if let Some(first) = policies[..index].iter().find(|p| p.module.manifest.module == manifest.module) {
                return Err(BuildError::Load(LoadError::Prefix {
                    prefix: manifest.module.clone(),
                    first: first.module.manifest.reference(),
                    second: manifest.reference(),
                }));
            }
        }
        let mut ids: Vec<&str> =
            policies.iter().flat_map(|p| p.module.manifest.rules.iter().map(|rule| rule.id.as_str())).collect();
        ids.sort_unstable();
        let ranks: Vec<Vec<u32>> = policies
            .iter()
            .map(|p| {
                let rules = p.module.manifest.rules.iter();
                rules.map(|rule| ids.binary_search(&rule.id.as_str()).unwrap_or(0) as u32).collect()
            })
            .collect();
        for (policy, rank) in policies.iter_mut().zip(ranks) {
            policy.rank = rank;
        }
        let digest = digest(&policies, observed_until, semantics);
        Ok(Self { policies, observed_until, digest })
    }

    /// `sha256:<hex>` over policies, component digests, modes, failure policies, resolved parameters and semantics.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The manifests, in the order of policy ids.
    pub fn manifests(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.policies.iter().map(|policy| &policy.module.manifest)
    }

    /// A rule; none for `host.failure`.
    pub fn rule(&self, rule: RuleRef) -> Option<&Rule> {
        self.policies.get(usize::from(rule.policy))?.module.manifest.rules.get(usize::from(rule.rule))
    }

    /// Id of a rule.
    pub fn rule_id(&self, rule: RuleRef) -> &str {
        if rule.rule == HOST_FAILURE { "host.failure" } else { self.rule(rule).map_or("", |rule| rule.id.as_str()) }
    }

    /// The resolved value of a policy's parameter, encoded; none when the policy has no such parameter.
    pub(crate) fn parameter(&self, policy: u16, name: &str) -> Option<i64> {
        let policy = self.policies.get(usize::from(policy))?;
        let index = policy.module.manifest.parameters.iter().position(|parameter| parameter.name == name)?;
        policy.parameters.get(index).copied()
    }

    /// `<id>@<version>` of a rule's policy.
    pub fn policy_reference(&self, policy: u16) -> String {
        self.policies.get(usize::from(policy)).map_or(String::new(), |policy| policy.module.manifest.reference())
    }
}

fn digest(policies: &[Loaded], observed_until: Option<Day>, semantics: &str) -> String {
    let mut hash = Sha256::new();
    let mut line = |parts: &[&str]| {
        hash.update(parts.join("\t"));
        hash.update("\n");
    };
    line(&["semantics", semantics]);
    if let Some(day) = observed_until {
        line(&["observed-until", &day.to_string()]);
    }
    for policy in policies {
        let manifest = &policy.module.manifest;
        let on_failure = format!("{:?}", manifest.on_failure);
        line(&["policy", &manifest.id, &policy.module.digest_text(), &on_failure]);
        for (rule, shadowed) in manifest.rules.iter().zip(&policy.shadowed) {
            if *shadowed {
                line(&["shadow", &rule.id]);
            }
        }
        for (parameter, value) in manifest.parameters.iter().zip(&policy.parameters) {
            line(&["parameter", &manifest.module, &parameter.name, &value.to_string()]);
        }
    }
    format!("sha256:{}", hex(&hash.finalize()))
}

/// Whether something with these dates is in force at an instant.
pub(crate) fn in_force(from: Option<Day>, until: Option<Day>, at_ms: i64) -> bool {
    from.is_none_or(|day| day.start_ms() <= at_ms) && until.is_none_or(|day| at_ms < day.start_ms())
}

/// What a failed module may do to rows at most: what its own enforced rules could have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    Allow,
    Demote(u32),
    Hold(Block),
}

impl Loaded {
    /// The failure policy, capped by what the module's enforced rules could do at all.
    pub(crate) fn fallback(&self, enforced: impl Fn(usize) -> bool) -> Fallback {
        if self.module.manifest.on_failure == OnFailure::Allow {
            return Fallback::Allow;
        }
        let mut fallback = Fallback::Allow;
        for (index, (rule, effect)) in self.module.manifest.effects().enumerate() {
            if !enforced(rule) {
                continue;
            }
            fallback = match (effect, &self.plan.effects[index].1, fallback) {
                (Effect::Block(hold), _, Fallback::Hold(known)) => {
                    Fallback::Hold(known.max((*hold).min(Block::HumanReview)))
                }
                (Effect::Block(hold), _, _) => Fallback::Hold((*hold).min(Block::HumanReview)),
                (_, crate::plan::EffectPlan::Demote(weight), Fallback::Allow) => Fallback::Demote(*weight),
                (_, crate::plan::EffectPlan::Demote(weight), Fallback::Demote(known)) => {
                    Fallback::Demote(known.min(*weight))
                }
                (_, crate::plan::EffectPlan::DemoteComputed, Fallback::Allow | Fallback::Demote(_)) => {
                    Fallback::Demote(0)
                }
                (_, _, known) => known,
            };
        }
        fallback
    }

    pub(crate) fn has_stage(&self, stage: Stage) -> bool {
        self.module.manifest.has_stage(stage)
    }

    pub(crate) fn level(&self, rule: u16) -> Level {
        self.module.manifest.rules[usize::from(rule)].level
    }
}
