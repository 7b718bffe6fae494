//! The names that a configuration says, held against what is loaded: one that matches nothing would otherwise be a wish that nobody
//! fulfils.

use std::collections::BTreeSet;

use normgate_contract::{Manifest, Vocabulary, nearest};

use crate::config::Config;
use crate::error::BuildError;
use crate::grant::lists;
use crate::notice::Notice;
use crate::notices;

/// Everything that a name of a configuration can mean.
pub(crate) struct Known<'k> {
    manifests: Vec<&'k Manifest>,
    vocabulary: &'k Vocabulary,
}

impl<'k> Known<'k> {
    pub(crate) fn new(manifests: impl IntoIterator<Item = &'k Manifest>, vocabulary: &'k Vocabulary) -> Self {
        Self { manifests: manifests.into_iter().collect(), vocabulary }
    }

    fn prefixes(&self) -> BTreeSet<&str> {
        self.manifests.iter().map(|manifest| manifest.module.as_str()).collect()
    }

    fn parameters(&self) -> BTreeSet<&str> {
        let own = self.manifests.iter().flat_map(|manifest| &manifest.parameters);
        own.map(|parameter| parameter.name.as_str()).chain(self.vocabulary.common.keys().map(String::as_str)).collect()
    }

    fn rules(&self) -> BTreeSet<&str> {
        self.manifests.iter().flat_map(|manifest| &manifest.rules).map(|rule| rule.id.as_str()).collect()
    }

    /// The prefix of a module that is named by what stands in its id.
    fn prefix_of(&self, name: &str) -> Option<&str> {
        let named = |manifest: &&&Manifest| {
            manifest.id == name || manifest.id.split_once('/').is_some_and(|(_, own)| own == name)
        };
        self.manifests.iter().find(named).map(|manifest| manifest.module.as_str())
    }

    /// The names of a configuration that match nothing, an error each, with the name that is nearest.
    pub(crate) fn refuse(&self, config: &Config) -> Vec<BuildError> {
        let (prefixes, parameters, rules) = (self.prefixes(), self.parameters(), self.rules());
        let mut unknown = Vec::new();
        let mut refuse = |place: String, what: &str, meant: Option<&str>| {
            let way = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "`normgate inspect` lists those of a module".to_owned(),
            };
            unknown.push(BuildError::Config { place, message: format!("{what}; {way}") });
        };
        let overlaid = config.overlays.iter().flat_map(|(regulator, values)| {
            values.keys().map(move |name| (format!("overlays.{regulator}.\"{name}\""), name))
        });
        let own = config.parameters.keys().map(|name| (format!("parameters.\"{name}\""), name));
        for (place, name) in own.chain(overlaid).filter(|(_, name)| !parameters.contains(name.as_str())) {
            refuse(place, "there is no such parameter", nearest(name, parameters.iter().copied()));
        }
        for name in config.modes.keys() {
            let place = format!("modes.\"{name}\"");
            if name.contains('@') {
                let releases: Vec<String> = self.manifests.iter().map(|manifest| manifest.reference()).collect();
                if !releases.contains(name) {
                    let of_it = releases.iter().find(|known| known.split('@').next() == name.split('@').next());
                    let meant = of_it.map(String::as_str).or(nearest(name, releases.iter().map(String::as_str)));
                    refuse(place, "there is no such release", meant);
                }
            } else if name.contains('/') {
                let policies = self.manifests.iter().map(|manifest| manifest.id.as_str());
                if !policies.clone().any(|policy| policy == name) {
                    refuse(place, "there is no such policy", nearest(name, policies));
                }
            } else if !prefixes.contains(name.as_str()) && !rules.contains(name.as_str()) {
                let known = prefixes.iter().chain(&rules).copied();
                let owned =
                    prefixes.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')));
                let what = if owned { "there is no such rule" } else { "there is no such module or rule" };
                refuse(place, what, self.prefix_of(name).or(nearest(name, known)));
            }
        }
        for name in config.on_failure.modules.keys().map(String::as_str) {
            if !prefixes.contains(name) {
                let meant = self.prefix_of(name).or(nearest(name, prefixes.iter().copied()));
                refuse(format!("on_failure.\"{name}\""), "there is no such module", meant);
            }
        }
        for (authority, grant) in config.authorities.iter().flatten() {
            let columns: Vec<&str> = self.vocabulary.columns.iter().map(|column| column.name.as_str()).collect();
            let policies: Vec<&str> = self.manifests.iter().map(|manifest| manifest.id.as_str()).collect();
            let list = |names: &'k [String]| names.iter().map(String::as_str).collect::<Vec<_>>();
            let vetoes = [list(&self.vocabulary.vetoes), vec!["tag"]].concat();
            type Lists<'l> = (&'l str, &'l str, Option<&'l Vec<String>>, Vec<&'l str>);
            let lists_of: [Lists<'_>; 6] = [
                ("columns", "column", grant.columns.as_ref(), columns),
                ("labels", "label", grant.labels.as_ref(), list(&self.vocabulary.labels)),
                ("obligations", "obligation", grant.obligations.as_ref(), list(&self.vocabulary.obligations)),
                ("vetoes", "feature", grant.vetoes.as_ref(), vetoes),
                ("tightens", "parameter", grant.tightens.as_ref(), parameters.iter().copied().collect()),
                ("replaces", "policy", Some(&grant.replaces), policies),
            ];
            for (key, what, names, known) in lists_of {
                // A norm's own columns are known once it is there.
                let names = names.into_iter().flatten().filter(|name| !name.contains(".x."));
                for name in names {
                    let pattern = std::slice::from_ref(name);
                    let meant = nearest(name, known.iter().copied());
                    // A policy that others replace may be gone, or come later: see `missing`.
                    let is_slip = key != "replaces" || meant.is_some();
                    if is_slip && !known.iter().any(|known| lists(pattern, known)) {
                        refuse(
                            format!("authorities.{authority}.{key} `{name}`"),
                            &format!("there is no such {what}"),
                            meant,
                        );
                    }
                }
            }
        }
        unknown
    }

    /// Norms that the provider adopted and no module carries, and policies that somebody may replace and that are not there. They are no
    /// error: either may come later.
    pub(crate) fn missing(&self, config: &Config) -> Vec<Notice> {
        let carries = |manifest: &&&Manifest| self.vocabulary.owns_pack_of(manifest);
        let packs: BTreeSet<&str> = self.manifests.iter().filter(carries).filter_map(|m| m.pack.as_deref()).collect();
        let norms = config.adopted().filter(|name| !packs.contains(name));
        let norms = norms.map(|name| notices::norm_missing(name, nearest(name, packs.iter().copied())));
        let replaced = config.authorities.iter().flatten().flat_map(|(authority, grant)| {
            let gone = grant.replaces.iter().filter(|name| self.manifests.iter().all(|manifest| manifest.id != **name));
            gone.map(move |name| notices::replaced_missing(authority, name))
        });
        norms.chain(replaced).collect()
    }
}
