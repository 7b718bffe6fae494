//! The line-up: which of the modules given judge, and which wait, stand in or are left out.
//!
//! Of one policy the highest version judges, never two for one user; and a module judges in the place of another where the
//! platform lets its authority replace that name. Who comes next and is not in force yet, or is released for some users only, is
//! observed where it does not act, and the one before it acts there.

use normgate_contract::Manifest;

use crate::config::{Config, Mode};
use crate::error::BuildError;
use crate::module::Module;
use crate::notice::Notice;
use crate::notices;
use crate::policy_set::begun;

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
    /// The mode of this release as a whole.
    pub(crate) release: Mode,
    /// Whether it comes after another one that still judges, so that it is observed where it does not act.
    pub(crate) awaited: bool,
    /// Whether it only stands in for a failing one.
    pub(crate) stands_in: bool,
    /// Who comes after it, by index: from their first day in force on, it is not asked where they act.
    pub(crate) successors: Vec<u16>,
}

impl Placed {
    /// A module that stands in for a failing one.
    pub(crate) fn stand_in(module: Module) -> Self {
        Self { module, release: Mode::Enforce, awaited: false, stands_in: true, successors: Vec::new() }
    }
}

impl Lineup {
    /// All of its modules: those that judge, with what is awaited after what acts, and then those that stand in.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        let acting = self.judging.iter().filter(|placed| !placed.awaited);
        let awaited = self.judging.iter().filter(|placed| placed.awaited);
        acting.chain(awaited).map(|placed| &placed.module).chain(&self.stand_ins)
    }

    /// Places modules as at an instant. Those whose digest is among `held` stay in shadow, and whom they would follow goes on.
    ///
    /// # Errors
    /// Where modules replace each other in a circle; where `tolerant`, they all judge instead.
    pub(crate) fn of(
        modules: &[Module],
        last_good: &[Module],
        config: &Config,
        held: &[[u8; 32]],
        at_ms: i64,
        tolerant: bool,
    ) -> Result<Self, BuildError> {
        let modules = in_order(modules);
        let is_held = |module: &Module| held.contains(&module.digest);
        let release =
            |module: &Module| if is_held(module) { Mode::Shadow } else { config.release_of(&module.manifest) };
        let takes_over = |module: &Module| !release(module).weakens() && begun(module.manifest.effective_from, at_ms);
        let mut notices = Vec::new();

        // 1. Of one policy the highest version that takes over, and those above it that do not yet.
        let higher = |module: &Module| {
            let above = modules.iter().rfind(|other| is_newer(module, other) && takes_over(other));
            above.map(|above| above.manifest.reference())
        };
        let (mut stand_ins, kept): (Vec<Module>, Vec<Module>) =
            modules.iter().cloned().partition(|module| higher(module).is_some());
        for old in &stand_ins {
            notices.extend(higher(old).map(|by| notices::superseded(&old.manifest, &by)));
        }

        // 2. Whoever is replaced by one that takes over is left out.
        let replaces = replacements(&kept, config, tolerant, &mut notices)?;
        let mut replaced = Vec::new();
        let mut stays = Vec::new();
        for (index, module) in kept.iter().enumerate() {
            match replaces.iter().find(|(before, next)| *before == index && takes_over(&kept[*next])) {
                Some((_, next)) => {
                    notices.push(notices::replaced(&module.manifest, &kept[*next].manifest.reference()));
                    replaced.push(module.manifest.id.clone());
                }
                None => stays.push(index),
            }
        }

        // 3. Who comes after whom among those that stay.
        let comes_after =
            |before: usize, next: usize| is_newer(&kept[before], &kept[next]) || replaces.contains(&(before, next));
        let place = |&index: &usize| {
            let module = kept[index].clone();
            let after = stays.iter().enumerate().filter(|(_, next)| comes_after(index, **next));
            let successors = after.map(|(place, _)| place as u16).collect();
            let awaited = stays.iter().any(|before| comes_after(*before, index));
            Placed { release: release(&module), awaited, stands_in: false, successors, module }
        };
        let judging: Vec<Placed> = stays.iter().map(place).collect();
        for Placed { module, release, awaited, .. } in &judging {
            let manifest = &module.manifest;
            if is_held(module) {
                notices.push(notices::held(manifest));
            } else if *awaited && release.weakens() {
                notices.push(notices::beside(manifest, *release));
            } else if *awaited {
                notices.push(notices::awaited(manifest));
            }
        }

        // 4. Who stands in for whom.
        let judges = |module: &Module| judging.iter().any(|placed| placed.module.digest == module.digest);
        let same_policy = |module: &Module| judging.iter().any(|p| p.module.manifest.id == module.manifest.id);
        stand_ins.extend(last_good.iter().cloned());
        stand_ins.retain(|module| same_policy(module) && !judges(module));
        stand_ins.sort_by(|a, b| (&a.manifest.id, version(&b.manifest)).cmp(&(&b.manifest.id, version(&a.manifest))));
        stand_ins.dedup_by(|later, first| later.digest == first.digest);
        Ok(Self { judging, stand_ins, replaced, notices })
    }
}

/// Modules by id and version, each once.
fn in_order(modules: &[Module]) -> Vec<Module> {
    let mut modules = modules.to_vec();
    modules.sort_by(|a, b| (&a.manifest.id, version(&a.manifest)).cmp(&(&b.manifest.id, version(&b.manifest))));
    modules.dedup_by(|later, first| later.digest == first.digest);
    modules
}

/// Who is replaced by whom, by index, where the platform lets it.
fn replacements(
    modules: &[Module],
    config: &Config,
    tolerant: bool,
    notices: &mut Vec<Notice>,
) -> Result<Vec<(usize, usize)>, BuildError> {
    let (mut replaces, mut told) = (Vec::new(), Vec::new());
    for (next, module) in modules.iter().enumerate() {
        let manifest = &module.manifest;
        let mut ignored = Vec::new();
        for name in manifest.replaces.iter().filter(|name| **name != manifest.id) {
            let named = (0..modules.len()).filter(|before| modules[*before].manifest.id == *name);
            let named: Vec<(usize, usize)> = named.map(|before| (before, next)).collect();
            if config.may_replace(manifest.authority(), name) {
                replaces.extend(named);
            } else if !named.is_empty() {
                ignored.push(name.as_str());
            }
        }
        ignored.sort_unstable();
        ignored.dedup();
        told.extend((!ignored.is_empty()).then(|| notices::replaces_ignored(manifest, &ignored)));
    }
    notices.extend(notices::a_few_of_each(told));
    while let Some(index) = circle(&replaces) {
        let manifest = &modules[index].manifest;
        if !tolerant {
            return Err(BuildError::Config {
                place: format!("authorities.{}.replaces", manifest.authority()),
                message: format!("{} would in the end replace itself; let one side replace the other", manifest.id),
            });
        }
        // Whoever judges beside another only tightens, so that nothing is lost.
        replaces.retain(|(_, next)| *next != index);
        notices.push(notices::replaces_in_a_circle(manifest));
    }
    Ok(replaces)
}

/// An index from which the steps lead back to it, if there is one.
fn circle(steps: &[(usize, usize)]) -> Option<usize> {
    // Steps to where none goes on are in no circle; those that are left once there are no such lead into one.
    let mut left = steps.to_vec();
    loop {
        let goes_on: Vec<(usize, usize)> =
            left.iter().copied().filter(|(_, to)| left.iter().any(|(from, _)| from == to)).collect();
        if goes_on.len() == left.len() {
            break;
        }
        left = goes_on;
    }
    let next = |at: usize| left.iter().find(|(from, _)| *from == at).map_or(at, |(_, to)| *to);
    left.first().map(|(from, _)| (0..left.len()).fold(*from, |at, _| next(at)))
}

/// Whether one module is a later version of another.
fn is_newer(before: &Module, next: &Module) -> bool {
    before.manifest.id == next.manifest.id && version(&next.manifest) > version(&before.manifest)
}

/// A version as numbers, so that 1.10.0 is above 1.9.0.
fn version(manifest: &Manifest) -> Vec<u64> {
    manifest.version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::circle;

    #[test]
    fn a_circle_is_found_by_one_of_its_own() {
        assert_eq!(circle(&[]), None);
        assert_eq!(circle(&[(0, 1), (1, 2), (0, 2), (3, 2)]), None);
        assert_eq!(circle(&[(4, 4)]), Some(4));
        for steps in [&[(0, 1), (1, 2), (2, 1)][..], &[(3, 1), (1, 2), (2, 1), (2, 5), (5, 6)]] {
            assert!(matches!(circle(steps), Some(1 | 2)), "{steps:?}");
        }
    }
}
