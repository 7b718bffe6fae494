//! What it takes to build a policy set again, for whoever records decisions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
