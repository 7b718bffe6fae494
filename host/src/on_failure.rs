//! `[on_failure]`: what is done with the candidates when a module fails.

use std::collections::BTreeMap;

use normgate_contract::{Effect, Manifest, Moment, OnFailure};
use serde::{Deserialize, Serialize};

use crate::config::is_required;
use crate::notice::Notice;
use crate::notices;
use crate::sandbox::FailureKind;

/// Keys of the section that are no prefix of a module.
pub(crate) const OF_ALL: [&str; 2] = ["all", "host"];

/// What is done with the candidates when a module fails, where that differs from the module's own wish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct OnFailures {
    /// Where the host is at fault and not the module; absent = `module`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostFailure>,
    /// One switch for all modules, until an instant. It goes before all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Switch>,
    /// By module.
    #[serde(flatten)]
    pub modules: BTreeMap<String, OnFailure>,
}

/// What is done where the host is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostFailure {
    /// What is done when the module fails.
    Module,
    /// The candidates pass.
    Allow,
    /// They are withheld, as far as the module itself could have.
    Hold,
}

/// What is done for a while, whichever module fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// When it ends.
    pub until: Moment,
    /// What is done.
    #[serde(rename = "do")]
    pub what: OnFailure,
}

impl OnFailures {
    /// What is done when a module fails by itself, in its own words or the platform's.
    pub(crate) fn by_itself(&self, manifest: &Manifest) -> OnFailure {
        self.modules.get(&manifest.module).copied().unwrap_or(manifest.on_failure)
    }

    /// What is done when a module fails at an instant.
    pub(crate) fn of(&self, manifest: &Manifest, kind: FailureKind, at_ms: i64) -> OnFailure {
        match (self.in_force(at_ms), self.host.filter(|_| kind.is_hosts())) {
            (Some(switch), _) => switch.what,
            (None, Some(HostFailure::Allow)) => OnFailure::Allow,
            (None, Some(HostFailure::Hold)) => OnFailure::Hold,
            (None, Some(HostFailure::Module) | None) => self.by_itself(manifest),
        }
    }

    /// The switch for all modules, while it lasts.
    pub(crate) fn in_force(&self, at_ms: i64) -> Option<&Switch> {
        self.all.as_ref().filter(|switch| at_ms < switch.until.ms())
    }

    /// What is noticed of the platform's choices for good: modules that it lets pass where the law requires them to hold.
    pub(crate) fn weakened<'m>(&self, manifests: impl Iterator<Item = &'m Manifest> + Clone) -> Vec<Notice> {
        let by_module =
            manifests.clone().filter(|manifest| self.modules.get(&manifest.module) == Some(&OnFailure::Allow));
        let mut noticed: Vec<Notice> =
            by_module.filter(|manifest| holds(manifest)).map(notices::passes_when_it_fails).collect();
        if self.host == Some(HostFailure::Allow) {
            noticed.extend(notices::all_pass("[on_failure] host = allow", &self.holding(manifests)));
        }
        noticed
    }

    /// What is noticed in every outcome while the switch for all modules lasts.
    pub(crate) fn switched<'m>(&self, manifests: impl Iterator<Item = &'m Manifest>) -> Vec<Notice> {
        let Some(switch) = &self.all else { return Vec::new() };
        let mut noticed = vec![notices::switched(switch)];
        if switch.what == OnFailure::Allow {
            noticed.extend(notices::all_pass("[on_failure] all = allow", &self.holding(manifests)));
        }
        noticed
    }

    /// The modules that would hold what the law requires to be held.
    fn holding<'m>(&self, manifests: impl Iterator<Item = &'m Manifest>) -> Vec<&'m str> {
        let holding = manifests.filter(|manifest| holds(manifest) && self.by_itself(manifest) == OnFailure::Hold);
        holding.map(|manifest| manifest.module.as_str()).collect()
    }

    /// How it stands in a policy set's digest, but for what stands there by module; none where nothing is said.
    pub(crate) fn digested(&self) -> Option<String> {
        let Self { host, all, .. } = self;
        (host.is_some_and(|host| host != HostFailure::Module) || all.is_some()).then(|| format!("{host:?} {all:?}"))
    }
}

/// Whether a module itself would hold, by rules that the law requires.
fn holds(manifest: &Manifest) -> bool {
    manifest.on_failure == OnFailure::Hold && withholding(manifest).next().is_some()
}

/// The rules of a module that the law requires and that withhold or demote.
pub(crate) fn withholding(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let acts = |effect: &Effect| matches!(effect, Effect::Block(_) | Effect::Demote(_));
    let rules = manifest.rules.iter().filter(move |rule| is_required(manifest, rule) && rule.effects.iter().any(acts));
    rules.map(|rule| rule.id.as_str())
}
