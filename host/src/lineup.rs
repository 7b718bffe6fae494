//! The line-up: which of the modules given judge, and which wait, stand in or are left out.
//!
//! Of one policy the highest version judges, never two; and a module judges in the place of another where the platform lets its
//! authority replace that name. Who comes next and is not in force yet is observed until its day, while the one before judges.

use normgate_contract::Manifest;

use crate::config::Config;
use crate::error::BuildError;
use crate::module::{LoadError, Module};
use crate::notices;
use crate::outcome::Notice;

/// Who judges, who stands in, and what was decided about the others.
pub(crate) struct Lineup {
    /// The modules that judge now or from some day on, by id and version.
    pub(crate) judging: Vec<Placed>,
    /// Earlier versions that stand in for a failing one, the highest first.
    pub(crate) stand_ins: Vec<Module>,
    /// Ids of policies that were left out because another replaces them.
    pub(crate) replaced: Vec<String>,
    pub(crate) notices: Vec<Notice>,
}

/// A module with its place in the line-up.
pub(crate) struct Placed {
    pub(crate) module: Module,
    /// Whether a trial left it in shadow.
    pub(crate) held: bool,
    /// Whether it comes after another one that still judges, so that it is observed before it is in force.
    pub(crate) awaited: bool,
    /// Who comes after it, by index: from their first day in force on, unless they are held, it is not asked.
    pub(crate) successors: Vec<u16>,
}

impl Placed {
    /// A module without others before or after it.
    pub(crate) fn alone(module: Module) -> Self {
        Self { module, held: false, awaited: false, successors: Vec::new() }
    }
}

impl Lineup {
    /// Places modules as at an instant. Those whose digest is among `held` stay in shadow, and whom they would follow goes on.
    pub(crate) fn of(
        modules: &[Module],
        last_good: &[Module],
        config: &Config,
        held: &[[u8; 32]],
        at_ms: i64,
    ) -> Result<Self, BuildError> {
        let mut modules = modules.to_vec();
        modules.sort_by(|a, b| (&a.manifest.id, version(&a.manifest)).cmp(&(&b.manifest.id, version(&b.manifest))));
        modules.dedup_by(|later, first| later.digest == first.digest);
        if let Some([first, second]) = (modules.windows(2).map(|pair| [&pair[0], &pair[1]]))
            .find(|[a, b]| a.manifest.reference() == b.manifest.reference())
        {
            let (policy, first, second) = (first.manifest.reference(), first.place.clone(), second.place.clone());
            return Err(LoadError::Twice { policy, first, second }.into());
        }
        let is_held = |module: &Module| held.contains(&module.digest);
        let judges_now = |module: &Module| {
            !is_held(module) && module.manifest.effective_from.is_none_or(|day| day.start_ms() <= at_ms)
        };
        let mut notices = Vec::new();

        // 1. Of one policy the highest version that is in force, and those above it that are not yet.
        let of_one_policy = |a: &Module, b: &Module| a.manifest.id == b.manifest.id && b.digest != a.digest;
        let higher = |module: &Module| {
            let is_higher = |other: &&Module| {
                of_one_policy(module, other)
                    && version(&other.manifest) > version(&module.manifest)
                    && judges_now(other)
            };
            modules.iter().rfind(is_higher).map(|higher| higher.manifest.reference())
        };
        let (mut stand_ins, kept): (Vec<Module>, Vec<Module>) =
            modules.iter().cloned().partition(|module| higher(module).is_some());
        for old in &stand_ins {
            notices.extend(higher(old).map(|by| notices::superseded(&old.manifest, &by)));
        }

        // 2. Who replaces whom, where the platform lets it.
        let mut replaces: Vec<(usize, usize)> = Vec::new();
        for (next, module) in kept.iter().enumerate() {
            for name in &module.manifest.replaces {
                let named = (0..kept.len()).filter(|before| kept[*before].manifest.id == *name && *before != next);
                let named: Vec<usize> = named.collect();
                if config.may_replace(module.manifest.authority(), name) {
                    replaces.extend(named.into_iter().map(|before| (before, next)));
                } else if !named.is_empty() {
                    notices.push(notices::replaces_ignored(&module.manifest, name));
                }
            }
        }
        if let Some(index) = (0..kept.len()).find(|index| reaches(&replaces, *index, *index, kept.len())) {
            let manifest = &kept[index].manifest;
            return Err(BuildError::Config {
                place: format!("authorities.{}.replaces", manifest.authority()),
                message: format!("{} would in the end replace itself; let one side replace the other", manifest.id),
            });
        }
        let replacer = |index: usize| {
            let next = replaces.iter().find(|(before, next)| *before == index && judges_now(&kept[*next]));
            next.map(|(_, next)| kept[*next].manifest.reference())
        };
        let mut replaced = Vec::new();
        let mut stays: Vec<usize> = Vec::new();
        for (index, module) in kept.iter().enumerate() {
            match replacer(index) {
                Some(by) => {
                    notices.push(notices::replaced(&module.manifest, &by));
                    replaced.push(module.manifest.id.clone());
                }
                None => stays.push(index),
            }
        }
        stand_ins.retain(|module| !replaced.contains(&module.manifest.id));

        // 3. Who comes after whom among those that stay.
        let comes_after = |before: usize, next: usize| {
            let (a, b) = (&kept[before], &kept[next]);
            let newer = of_one_policy(a, b) && version(&b.manifest) > version(&a.manifest);
            newer || replaces.contains(&(before, next))
        };
        let judging = stays.iter().map(|&index| {
            let module = kept[index].clone();
            let after = stays.iter().enumerate().filter(|(_, next)| comes_after(index, **next));
            let successors = after.map(|(place, _)| place as u16).collect();
            let awaited = stays.iter().any(|before| comes_after(*before, index));
            Placed { held: is_held(&module), awaited, successors, module }
        });
        let judging: Vec<Placed> = judging.collect();
        for placed in &judging {
            notices.extend(placed.held.then(|| notices::held(&placed.module.manifest)));
            notices.extend((placed.awaited && !placed.held).then(|| notices::awaited(&placed.module.manifest)));
        }

        let judges = |module: &Module| judging.iter().any(|placed| placed.module.digest == module.digest);
        let same_policy = |module: &Module| judging.iter().any(|p| p.module.manifest.id == module.manifest.id);
        stand_ins.extend(last_good.iter().cloned());
        stand_ins.retain(|module| same_policy(module) && !judges(module));
        stand_ins.sort_by(|a, b| (&a.manifest.id, version(&b.manifest)).cmp(&(&b.manifest.id, version(&a.manifest))));
        stand_ins.dedup_by(|later, first| later.digest == first.digest);
        Ok(Self { judging, stand_ins, replaced, notices })
    }
}

/// A version as numbers, so that 1.10.0 is above 1.9.0.
fn version(manifest: &Manifest) -> Vec<u64> {
    manifest.version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

/// Whether one index leads to another over at most so many steps.
fn reaches(steps: &[(usize, usize)], from: usize, to: usize, most: usize) -> bool {
    most > 0
        && (steps.iter().filter(|(before, _)| *before == from))
            .any(|(_, next)| *next == to || reaches(steps, *next, to, most - 1))
}
