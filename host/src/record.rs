//! What a record of a decision needs besides the outcome: which set judged, and what besides request and set mattered.

use std::collections::BTreeMap;

use normgate_contract::Day;
use serde::{Deserialize, Serialize};

use crate::outcome::Notice;
use crate::overrides::Override;
use crate::policy_set::PolicySet;
use crate::sandbox::FailureKind;

/// What an outcome rests on besides the request and the policy set: the same three give the same bytes again
/// ([`crate::Generation::replay`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// The host's clock, milliseconds since 1970 UTC.
    pub clock_ms: i64,
    /// The day that was judged by instead of the clock, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Day>,
    /// What was noticed when the generation was built or took over: it depends on what was there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// Overrides in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// On which side of each canary the user was. It follows from `user.ref`, which whoever judges again need not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<CanaryDraw>,
    /// Calls that ended by something that neither the module nor its input determines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbed: Vec<Disturbance>,
}

impl Circumstances {
    /// The instant that decides what is in force.
    pub(crate) fn at_ms(&self) -> i64 {
        self.as_of.map_or(self.clock_ms, Day::start_ms)
    }
}

/// What a policy's canary drew for the user of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryDraw {
    /// Policy id.
    pub policy: String,
    /// The hundredth of all users, 0 to 99: a rule acts whose percentage is above it.
    pub hundredth: u8,
}

/// A call that was not made because a breaker was open, was killed at its deadline, or found no free slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disturbance {
    /// Digest of the module, `sha256:<hex>`.
    pub module: String,
    /// In which stage: `candidate` or `slate`.
    pub stage: String,
    /// How it failed.
    pub kind: FailureKind,
    /// In which words.
    pub message: String,
    /// Work that it had used, which later modules of the request were then short of.
    pub fuel: u64,
}

/// What it takes to build a policy set again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetDescription {
    /// Digest of the set.
    pub policy_set: String,
    /// What makes outcomes comparable: limits, versions of merging and of the sandbox, facts about the operator.
    pub semantics: String,
    /// The configuration as `normgate.toml` would say it.
    pub config: String,
    /// The instant by which dated parameters were resolved, milliseconds since 1970 UTC.
    pub resolved_ms: i64,
    /// Digests of modules that a trial left in shadow.
    pub held: Vec<String>,
    /// Its modules, in the order of the set.
    pub policies: Vec<PolicyDescription>,
}

/// One module of a described set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDescription {
    /// Policy id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Digest of the component, `sha256:<hex>`.
    pub digest: String,
    /// Whether it only stands in for a failing module of the same id.
    pub stands_in: bool,
    /// Values of its parameters, encoded, before any sector norm tightens them.
    pub parameters: BTreeMap<String, i64>,
}

/// How a set came to be, kept for its description.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) semantics: String,
    pub(crate) config: String,
    pub(crate) resolved_ms: i64,
    pub(crate) held: Vec<String>,
}

impl PolicySet {
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
            semantics: self.origin.semantics.clone(),
            config: self.origin.config.clone(),
            resolved_ms: self.origin.resolved_ms,
            held: self.origin.held.clone(),
            policies: policies.collect(),
        }
    }
}
