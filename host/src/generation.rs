//! A generation: a policy set behind a sandbox, and all that judging one request needs. Built once, never changed; the gate
//! that holds it may be given another.

use std::sync::Arc;

use normgate_contract::{Day, Vocabulary};

use crate::batch::Reader;
use crate::config::BreakerConfig;
use crate::outcome::Notice;
use crate::policy_set::PolicySet;
use crate::provider::Facts;
use crate::sandbox::Sandbox;
use crate::stats::Health;

/// What judges from one swap to the next. Made by [`crate::GateBuilder::generation`]; the last request that it judges frees it.
pub struct Generation {
    pub(crate) label: Option<Arc<str>>,
    pub(crate) sandbox: Sandbox,
    pub(crate) set: Arc<PolicySet>,
    pub(crate) facts: Option<Facts>,
    /// What was noticed when it was built; in every outcome.
    pub(crate) notices: Vec<Notice>,
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) as_of: Option<Day>,
    pub(crate) applicability: bool,
    pub(crate) breaker: BreakerConfig,
    /// What each policy of the set has been doing. Outlives the generation where the next one has the same module.
    pub(crate) health: Vec<Arc<Health>>,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation").field("label", &self.label).field("set", &self.set).finish_non_exhaustive()
    }
}

impl Generation {
    /// Its name, if it was given one ([`crate::GateBuilder::label`]).
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// A reader of requests that knows the columns which its norms define themselves.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.vocabulary))
    }

    /// The policy set that judges in it.
    pub fn policy_set(&self) -> &PolicySet {
        &self.set
    }

    /// What was noticed when it was built; every outcome carries it.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Takes over what is known of modules that the generation before has too, byte for byte: counters, and a breaker that
    /// is open stays open.
    pub(crate) fn follow(&mut self, before: &Generation) {
        if self.breaker != before.breaker {
            return;
        }
        for (policy, health) in self.set.policies.iter().zip(&mut self.health) {
            let mut known = before.set.policies.iter().zip(&before.health);
            if let Some((_, kept)) = known.find(|(known, _)| known.module.digest == policy.module.digest) {
                *health = Arc::clone(kept);
            }
        }
    }
}
