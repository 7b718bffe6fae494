//! Which of the modules given fit: each is held against its grant, the configuration, the compiler and the others. One that does
//! not fit refuses the whole, or is left out alone.
//!
//! Leaving out goes by rank (who may do more stays), so that nobody's modules are lost for the sake of somebody who may do less.
//! Where the module of a policy is left out, the version before it judges, if there is one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use normgate_contract::Vocabulary;

use crate::config::{Config, Parameters, is_required};
use crate::error::BuildError;
use crate::grant::Granted;
use crate::lineup::{Lineup, Placed};
use crate::module::{LoadError, Module};
use crate::notice::Notice;
use crate::notices;
use crate::policy_set::begun;
use crate::sandbox::Compiled;

/// A module that was left out of a generation, because it did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Policy id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Digest of the component, `sha256:<hex>`.
    pub digest: String,
    /// Why, in a sentence.
    pub why: String,
}

/// What the modules are held against.
pub(crate) struct Fitting<'f> {
    pub(crate) config: &'f Config,
    pub(crate) vocabulary: &'f Arc<Vocabulary>,
    /// Digests of modules that a trial left in shadow.
    pub(crate) held: &'f [[u8; 32]],
    /// The prefix that a policy has already, by id.
    pub(crate) holders: &'f BTreeMap<String, String>,
    pub(crate) trusting: bool,
    /// Whether what does not fit is left out.
    pub(crate) tolerant: bool,
    pub(crate) now: i64,
    pub(crate) compile: &'f dyn Fn(&Module) -> Result<Arc<Compiled>, LoadError>,
}

/// Modules that fit, placed and ready to be loaded.
pub(crate) struct Fitted {
    pub(crate) lineup: Lineup,
    /// The vocabulary with the columns that they define themselves.
    pub(crate) vocabulary: Arc<Vocabulary>,
    /// What is known of each, by digest.
    pub(crate) ready: HashMap<[u8; 32], Ready>,
    pub(crate) left_out: Vec<LeftOut>,
    /// Ids of policies of which nothing judges, for a reason that a notice gives.
    pub(crate) absent: BTreeSet<String>,
}

/// What a module may do, its parameters and its code.
pub(crate) struct Ready {
    pub(crate) granted: Granted,
    pub(crate) parameters: Parameters,
    pub(crate) compiled: Arc<Compiled>,
}

/// Modules that do not fit, each with why.
type Unfit = Vec<(Module, BuildError)>;

impl Fitting<'_> {
    /// Places the modules that fit.
    ///
    /// # Errors
    /// For the first that does not, unless those are left out.
    pub(crate) fn fit(&self, modules: &[Module], last_good: &[Module]) -> Result<Fitted, BuildError> {
        let is_on = |module: &&Module| !self.config.is_off(&module.manifest);
        let mut modules_left: Vec<Module> = modules.iter().filter(is_on).cloned().collect();
        let mut last_good: Vec<Module> = last_good.iter().filter(is_on).cloned().collect();
        let (mut rights, mut compiled) = (HashMap::new(), HashMap::new());
        let (mut left_out, mut told) = (Vec::new(), Vec::new());
        let lineup = loop {
            self.fall_back(modules, &mut modules_left, &last_good);
            let twice = self.twice(&modules_left);
            let (unfit, lineup) = if twice.is_empty() {
                let lineup = Lineup::of(&modules_left, &last_good, self.config, self.held, self.now, self.tolerant)?;
                (self.unfit(&lineup, &mut rights, &mut compiled), Some(lineup))
            } else {
                (twice, None)
            };
            if let (true, Some(lineup)) = (unfit.is_empty(), lineup) {
                break lineup;
            }
            for (module, error) in unfit {
                if !self.tolerant || error.is_hosts() {
                    return Err(error);
                }
                told.push(notices::left_out(&module.manifest, &error));
                left_out.push(LeftOut {
                    id: module.manifest.id.clone(),
                    version: module.manifest.version.clone(),
                    digest: module.digest_text(),
                    why: error.to_string(),
                });
                let stays = |other: &Module| other.digest != module.digest;
                modules_left.retain(stays);
                last_good.retain(stays);
            }
        };
        let mut fitted = Fitted {
            vocabulary: self.extended(&lineup)?,
            lineup,
            ready: rights
                .into_iter()
                .filter_map(|(digest, (granted, parameters))| {
                    let compiled = compiled.remove(&digest)?;
                    Some((digest, Ready { granted, parameters, compiled }))
                })
                .collect(),
            left_out,
            absent: BTreeSet::new(),
        };
        fitted.lineup.notices.extend(notices::a_few_of_each(told));
        self.say_what_is_absent(modules, &mut fitted);
        Ok(fitted)
    }

    /// Whether a module is in force, or was.
    fn has_begun(&self, module: &Module) -> bool {
        begun(module.manifest.effective_from, self.now)
    }

    /// Has the versions before judge where all that were given of a policy, and have begun, are off or left out.
    fn fall_back(&self, given: &[Module], left: &mut Vec<Module>, last_good: &[Module]) {
        for before in last_good {
            let same = |module: &Module| module.manifest.id == before.manifest.id;
            let acting = |module: &Module| same(module) && self.has_begun(module);
            if given.iter().any(acting) && !left.iter().any(acting) {
                left.extend(last_good.iter().filter(|module| acting(module)).cloned());
            }
        }
    }

    /// Modules of which another one with other bytes has the name and the version.
    fn twice(&self, modules: &[Module]) -> Unfit {
        let mut sorted: Vec<&Module> = modules.iter().collect();
        sorted.sort_by_key(|module| {
            (module.manifest.reference(), !self.has_begun(module), !module.embedded, module.digest)
        });
        let mut seen = HashSet::new();
        sorted.retain(|module| seen.insert(module.digest));
        let pairs = sorted.windows(2).filter(|pair| pair[0].manifest.reference() == pair[1].manifest.reference());
        let twice = pairs.map(|pair| {
            let (first, second) = (pair[0].place.clone(), pair[1].place.clone());
            let error = LoadError::Twice { policy: pair[1].manifest.reference(), first, second };
            (pair[1].clone(), error.into())
        });
        twice.collect()
    }

    /// The modules of a line-up that do not fit: by themselves, for the compiler, or beside others. What is known is kept.
    fn unfit(
        &self,
        lineup: &Lineup,
        rights: &mut HashMap<[u8; 32], (Granted, Parameters)>,
        compiled: &mut HashMap<[u8; 32], Arc<Compiled>>,
    ) -> Unfit {
        let mut unfit = Vec::new();
        for module in lineup.modules() {
            if rights.contains_key(&module.digest) {
                continue;
            }
            let granted = self.config.granted_to(module, self.trusting).map_err(BuildError::from);
            let alone = granted.and_then(|granted| {
                let parameters = self.config.parameters_of(&module.manifest, self.now, self.tolerant)?;
                Ok((granted, parameters))
            });
            match alone {
                Ok(alone) => drop(rights.insert(module.digest, alone)),
                Err(error) => unfit.push((module.clone(), error)),
            }
        }
        if unfit.is_empty() {
            for module in lineup.modules() {
                if compiled.contains_key(&module.digest) {
                    continue;
                }
                match (self.compile)(module) {
                    Ok(code) => drop(compiled.insert(module.digest, code)),
                    Err(error) => unfit.push((module.clone(), error.into())),
                }
            }
        }
        // What is held against others comes after all else, so that nobody gives way to a module that is left out itself.
        if unfit.is_empty() {
            unfit = self.clashing_columns(lineup);
        }
        if unfit.is_empty() {
            unfit = self.clashing_prefixes(&lineup.judging);
        }
        unfit
    }

    /// Modules whose rules begin as those of a module that goes first.
    fn clashing_prefixes(&self, judging: &[Placed]) -> Unfit {
        let mut by_rank: Vec<usize> = (0..judging.len()).collect();
        by_rank.sort_by_key(|index| {
            let module = &judging[*index].module;
            let (tier, lists, id) = self.config.rank(module);
            let holds = self.holders.get(id) == Some(&module.manifest.module);
            (tier, lists, !holds, id, *index)
        });
        let follows = |before: usize, next: usize| judging[before].successors.contains(&(next as u16));
        let mut taken: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut unfit = Vec::new();
        for index in by_rank {
            let module = &judging[index].module;
            let known = taken.entry(&module.manifest.module).or_default();
            match known.iter().find(|other| !follows(**other, index) && !follows(index, **other)) {
                None => known.push(index),
                Some(first) => {
                    let error = LoadError::Prefix {
                        prefix: module.manifest.module.clone(),
                        first: judging[*first].module.manifest.reference(),
                        second: module.manifest.reference(),
                    };
                    unfit.push((module.clone(), error.into()));
                }
            }
        }
        unfit
    }

    /// Modules that define a column of their authority otherwise than those before them, or beyond its terms: those that act come
    /// first.
    fn clashing_columns(&self, lineup: &Lineup) -> Unfit {
        let mut vocabulary = Vocabulary::clone(self.vocabulary);
        let mut unfit = Vec::new();
        for module in lineup.modules() {
            if let Err(error) = vocabulary.define(&module.manifest) {
                let message = error.to_string();
                unfit.push((module.clone(), BuildError::Config { place: "modules".into(), message }));
            }
        }
        unfit
    }

    fn extended(&self, lineup: &Lineup) -> Result<Arc<Vocabulary>, BuildError> {
        let manifests = lineup.modules().map(|module| &*module.manifest);
        let extended = self.vocabulary.extended(manifests);
        extended.map_err(|error| BuildError::Config { place: "modules".into(), message: error.to_string() })
    }

    /// Says what the law requires and nobody judges, since all of its policy is off or left out.
    fn say_what_is_absent(&self, given: &[Module], fitted: &mut Fitted) {
        let judging = &fitted.lineup.judging;
        let is_there = |id: &str| {
            judging.iter().any(|placed| placed.module.manifest.id == id && self.has_begun(&placed.module))
                || fitted.lineup.replaced.iter().any(|replaced| replaced == id)
        };
        let mut told: Vec<Notice> = Vec::new();
        let acting = given.iter().filter(|module| self.has_begun(module)).map(|module| &module.manifest);
        for manifest in acting.filter(|manifest| !is_there(&manifest.id)) {
            let release = self.config.release_of(manifest);
            let notice = match self.config.is_off(manifest) {
                true => {
                    let weakened = self.config.weakened(manifest, release);
                    (!weakened.is_empty()).then(|| notices::weakened(manifest, &weakened))
                }
                false => {
                    let required = manifest.rules.iter().any(|rule| is_required(manifest, rule));
                    required.then(|| notices::missing_left_out(manifest))
                }
            };
            if let Some(notice) = notice {
                told.push(notice);
                fitted.absent.insert(manifest.id.clone());
            }
        }
        fitted.absent.extend(fitted.lineup.replaced.iter().cloned());
        fitted.lineup.notices.extend(notices::a_few_of_each(told));
    }
}
