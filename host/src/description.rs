//! What it takes to build a policy set again, for whoever records decisions.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use normgate_contract::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What it takes to build a policy set again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetDescription {
    /// Digest of the set.
    pub policy_set: String,
    /// What the digest is over: semantics, and every module with its grant, modes and parameters. Empty in descriptions of
    /// earlier builds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub identity: String,
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

impl SetDescription {
    /// Where the description says something else than what its digest is over, a clause each.
    pub fn disagreements(&self) -> Vec<String> {
        if self.identity.is_empty() {
            return vec!["it does not say what its digest is over".into()];
        }
        let mut found = Vec::new();
        if self.policy_set != format!("sha256:{}", hex(&Sha256::digest(&self.identity))) {
            found.push("its digest is not that of its modules, parameters and semantics".into());
        }
        let lines: HashSet<&str> = self.identity.lines().collect();
        let counted = lines.iter().filter(|line| line.starts_with("policy\t")).count();
        if !lines.contains(&*format!("semantics\t{}", self.semantics)) {
            found.push(format!("its digest is of other semantics than `{}`", self.semantics));
        }
        if counted != self.policies.len() {
            found.push(format!("its digest is over {counted} modules, and it names {}", self.policies.len()));
        }
        for PolicyDescription { id, version, digest, parameters, .. } in &self.policies {
            let module = format!("policy\t{id}\t{digest}\t");
            if !lines.iter().any(|line| line.starts_with(&module)) {
                found.push(format!("its digest is over no module {id}@{version} ({digest})"));
            }
            let other = parameters.iter().find(|(name, value)| {
                let end = format!("\t{name}\t{value}");
                !lines.iter().any(|line| line.starts_with("parameter\t") && line.ends_with(&end))
            });
            if let Some((name, value)) = other {
                found.push(format!("its digest is over another value of `{name}` of {id} than {value}"));
            }
        }
        found
    }
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
    /// Authorities that may not do everything, and of which the program carries nothing.
    pub(crate) associations: BTreeSet<String>,
}
