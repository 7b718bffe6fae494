//! What sector norms say of other modules' parameters, for providers that adopted them: taken where the platform lets their
//! authority, where it is stricter, and where what comes out is in order. Nothing else of a norm depends on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use normgate_contract::{Manifest, Value, Vocabulary};

use crate::config::{Config, Looser, in_order};
use crate::lineup::Placed;
use crate::notice::Notice;
use crate::notices;

/// Most sector norms that may tighten the parameters of one module: each doubles the combinations kept ready.
const MAX_TIGHTENING_NORMS: usize = 4;

/// A sector norm with what its authority may say of other modules' parameters.
pub(crate) struct Norm {
    /// Its index in the set.
    pub(crate) index: u16,
    manifest: Arc<Manifest>,
    values: BTreeMap<String, Value>,
}

/// The sector norms of a set, those first that are heard first.
#[derive(Default)]
pub(crate) struct Norms {
    norms: Vec<Norm>,
    /// What was tightened: by norm, the parameters.
    taken: BTreeMap<usize, BTreeMap<String, Value>>,
    /// What was not taken of a norm, a sentence each.
    refused: BTreeSet<(usize, String)>,
}

/// A module's parameters under sector norms.
pub(crate) struct Tightened {
    /// The norms that tighten them.
    pub(crate) by: Vec<u16>,
    /// The values for every combination of these that may be adopted: bit `i` of the index is the `i`-th of them.
    pub(crate) combinations: Vec<Vec<i64>>,
    /// What would loosen, by norm.
    pub(crate) looser: Vec<(u16, Looser)>,
}

impl Norms {
    /// The sector norms among the modules that judge. Of each authority the first is heard before anybody's second, so that
    /// nobody's many norms keep another's from being heard.
    pub(crate) fn of(judging: &[Placed], config: &Config, trusting: bool, vocabulary: &Vocabulary) -> Self {
        let mut by_rank: Vec<(usize, &Placed)> = judging.iter().enumerate().collect();
        by_rank.retain(|(_, placed)| vocabulary.owns_pack_of(&placed.module.manifest));
        by_rank.retain(|(_, placed)| !placed.module.manifest.overlays.is_empty());
        by_rank.sort_by_key(|(index, placed)| (config.rank(&placed.module), *index));
        let mut heard: HashMap<&str, usize> = HashMap::new();
        let mut in_turn = Vec::new();
        for (index, placed) in by_rank {
            let turn = heard.entry(placed.module.manifest.authority()).or_default();
            in_turn.push((config.rank(&placed.module).0, *turn, index, placed));
            *turn += 1;
        }
        // Stable: within a turn the order of ranks stays.
        in_turn.sort_by_key(|(tier, turn, ..)| (*tier, *turn));
        let mut norms = Self::default();
        for (place, (.., index, placed)) in in_turn.into_iter().enumerate() {
            let manifest = Arc::clone(&placed.module.manifest);
            let grant = config.grant_of(&placed.module, trusting);
            let may = |parameter: &str| grant.is_some_and(|grant| grant.may_tighten(parameter));
            let (values, beyond): (BTreeMap<_, _>, BTreeMap<_, _>) =
                manifest.overlays.clone().into_iter().partition(|(parameter, _)| may(parameter));
            if !beyond.is_empty() {
                let names: Vec<&str> = beyond.keys().map(String::as_str).collect();
                let (names, authority) = (notices::a_few(&names), manifest.authority());
                norms
                    .refused
                    .insert((place, format!("{names}: [authorities.{authority}] does not let it (`tightens`)")));
            }
            norms.norms.push(Norm { index: index as u16, manifest, values });
        }
        norms
    }

    /// The parameters of a module under these norms. What is not taken is noted.
    pub(crate) fn tighten(&mut self, manifest: &Manifest, base: &[i64], acts: bool) -> Tightened {
        let mut tightened = Tightened { by: Vec::new(), combinations: vec![base.to_vec()], looser: Vec::new() };
        for (place, norm) in self.norms.iter().enumerate() {
            let mut values = Vec::new();
            for (index, parameter) in manifest.parameters.iter().enumerate() {
                let Some(value) = norm.values.get(&parameter.name) else { continue };
                // A value that is not even legal is not taken either, and no reason to fail: the norm's other rules stand.
                match parameter.encode(value) {
                    Ok(offered) if parameter.strictness(offered) > parameter.strictness(base[index]) => {
                        values.push((index, offered));
                    }
                    Ok(offered) if offered == base[index] => {}
                    _ => {
                        let (parameter, owner) = (parameter.name.clone(), parameter.owner);
                        tightened.looser.push((norm.index, Looser { parameter, offered: value.clone(), owner }));
                    }
                }
            }
            if values.is_empty() {
                continue;
            }
            let with = |known: &Vec<i64>| stricter(manifest, known, &values);
            let with: Vec<Vec<i64>> = tightened.combinations.iter().map(with).collect();
            let module = &manifest.module;
            if tightened.by.len() == MAX_TIGHTENING_NORMS {
                let why = format!("those of {module}: {MAX_TIGHTENING_NORMS} other norms tighten it, and no more may");
                self.refused.insert((place, why));
            } else if let Some(error) = with.iter().find_map(|values| in_order(manifest, values).err()) {
                self.refused.insert((place, format!("those of {module}: they would be out of order ({error})")));
            } else {
                tightened.combinations.extend(with);
                tightened.by.push(norm.index);
                if acts {
                    let names = values.iter().map(|(index, _)| manifest.parameters[*index].name.clone());
                    let named = names.filter_map(|name| Some((norm.values.get(&name)?.clone(), name)));
                    self.taken.entry(place).or_default().extend(named.map(|(value, name)| (name, value)));
                }
            }
        }
        tightened
    }

    /// A notice for each norm of which something was not taken.
    pub(crate) fn refused(&self) -> impl Iterator<Item = Notice> {
        self.refused.iter().map(|(place, why)| notices::untaken_overlay(&self.norms[*place].manifest, why))
    }

    /// What each norm tightens once it is adopted, by its index in the set.
    pub(crate) fn taken(&self) -> Vec<(u16, Notice)> {
        let said = |(place, values): (&usize, &BTreeMap<String, Value>)| {
            let Norm { index, manifest, .. } = &self.norms[*place];
            (*index, notices::tightened(manifest, values))
        };
        self.taken.iter().map(said).collect()
    }
}

/// Values, each the stricter one of two.
fn stricter(manifest: &Manifest, known: &[i64], offered: &[(usize, i64)]) -> Vec<i64> {
    let mut values = known.to_vec();
    for (index, offered) in offered {
        let parameter = &manifest.parameters[*index];
        if parameter.strictness(*offered) > parameter.strictness(values[*index]) {
            values[*index] = *offered;
        }
    }
    values
}
