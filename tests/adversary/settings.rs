//! Settings out of a seed: parameters within their bounds, and rules and modules in shadow.

use std::collections::BTreeMap;

use normgate::contract::Value;
use normgate::{Mode, Module};

use crate::oracle::settings::{CHOICES, NUMBERS, ORDERED, Settings};
use crate::support::Numbers;

/// The `index`th settings of a run: the defaults first, then parameters, modes, or both; every third goes by score.
pub(crate) fn settings(numbers: &mut Numbers, index: u64, modules: &[Module]) -> Settings {
    let mut settings = Settings::default();
    if index % 2 == 1 {
        settings.parameters = parameters(numbers);
    }
    if index % 4 >= 2 {
        settings.modes = modes(numbers, modules);
    }
    settings.by_score = index % 3 == 2;
    settings
}

fn parameters(numbers: &mut Numbers) -> BTreeMap<String, Value> {
    let mut settings = Settings::default();
    let share = *numbers.pick(&[200, 500, 900]);
    for (name, default, low, high) in NUMBERS {
        if numbers.below(1_000) < share {
            // Far from the default a threshold is rarely met, so most values are near it.
            let near = default / 2 + numbers.below(*default as u64 + 2) as i64;
            let value = *numbers.pick(&[near, near, near, near + 1, *low, *high]);
            settings.parameters.insert((*name).into(), Value::Integer(value.clamp(*low, *high)));
        }
    }
    for (name, _, choices) in CHOICES {
        if numbers.below(1_000) < share {
            settings.parameters.insert((*name).into(), Value::Term((*numbers.pick(choices)).into()));
        }
    }
    // The defaults are in order; a pair that is not gives up what was set.
    while let Some((low, high)) = ORDERED.iter().find(|(low, high)| settings.number(low) > settings.number(high)) {
        settings.parameters.remove(*low);
        settings.parameters.remove(*high);
    }
    settings.parameters
}

fn modes(numbers: &mut Numbers, modules: &[Module]) -> BTreeMap<String, Mode> {
    let mut modes = BTreeMap::new();
    let (of_rules, of_modules) = *numbers.pick(&[(100, 0), (300, 0), (500, 0), (50, 150), (300, 300)]);
    for module in modules {
        if numbers.below(1_000) < of_modules {
            modes.insert(module.manifest.module.clone(), Mode::Shadow);
        }
        let whole = modes.contains_key(&module.manifest.module);
        for rule in &module.manifest.rules {
            if numbers.below(1_000) < of_rules {
                // A rule's own mode goes before its module's.
                modes.insert(rule.id.clone(), if whole { Mode::Enforce } else { Mode::Shadow });
            }
        }
    }
    modes
}
