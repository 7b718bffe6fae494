//! `normgate.toml`: parameters and modes, resolved against the loaded modules.

use std::collections::BTreeMap;

use normgate_contract::{Day, Manifest, Value, Vocabulary};
use serde::Deserialize;

use crate::error::BuildError;

/// Whether a rule acts or only reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Its effects are applied.
    Enforce,
    /// Its effects are reported under `shadow`, and change nothing.
    Shadow,
}

/// How the set as a whole acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SetMode {
    /// Every rule by its own mode.
    Enforce,
    /// Everything is judged and reported under `shadow`, and nothing is applied, until a day that is named.
    Observe,
}

/// The operator's configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the set as a whole acts; absent = `enforce`.
    #[serde(default)]
    pub mode: Option<SetMode>,
    /// With `mode = "observe"`: the first day (in Asia/Shanghai) on which the set is enforced.
    #[serde(default)]
    pub observe_until: Option<Day>,
    /// Values of parameters, by full name.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// Modes of rules (`art14.over-recommend`) or whole modules (`art14`).
    #[serde(default)]
    pub modes: BTreeMap<String, Mode>,
}

fn wrong<T>(place: String, message: String) -> Result<T, BuildError> {
    Err(BuildError::Config { place, message })
}

impl Config {
    /// Reads `normgate.toml`.
    ///
    /// # Errors
    /// A sentence with the line where the text is not TOML of this form.
    pub fn parse(text: &str) -> Result<Config, BuildError> {
        toml::from_str(text).or_else(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            wrong(format!("line {line}"), error.message().replace('\n', "; "))
        })
    }

    /// The day on which observing ends, if the set is to be observed. Observing without an end would be a quiet way to switch
    /// the law off, so the day is not optional.
    pub(crate) fn observed_until(&self) -> Result<Option<Day>, BuildError> {
        match (self.mode, self.observe_until) {
            (Some(SetMode::Observe), None) => wrong(
                "mode".into(),
                "`observe` needs the day on which it ends: add observe_until = \"YYYY-MM-DD\"".into(),
            ),
            (Some(SetMode::Enforce) | None, Some(_)) => {
                wrong("observe_until".into(), "it goes with mode = \"observe\"; add that, or remove the day".into())
            }
            (_, day) => Ok(day),
        }
    }

    /// The encoded parameter values of one module, in manifest order, in force on the day that begins at or before `at_ms`.
    pub(crate) fn parameters_of(&self, manifest: &Manifest, at_ms: i64) -> Result<Vec<i64>, BuildError> {
        let mut values = Vec::with_capacity(manifest.parameters.len());
        for parameter in &manifest.parameters {
            let default = parameter
                .dated
                .iter()
                .rev()
                .find(|(from, _)| Day::start_ms(*from) <= at_ms)
                .map_or(&parameter.default, |(_, value)| value);
            let value = self.parameters.get(&parameter.name).unwrap_or(default);
            match parameter.encode(value) {
                Ok(number) => values.push(number),
                Err(clause) => return wrong(format!("parameters.\"{}\"", parameter.name), clause),
            }
        }
        let value_of = |name: &str| manifest.parameters.iter().position(|p| p.name == name).map(|index| values[index]);
        for (low, high) in &manifest.ordered {
            if let (Some(a), Some(b)) = (value_of(low), value_of(high))
                && a > b
            {
                return wrong(
                    format!("parameters.\"{low}\""),
                    format!("{a} is above {b}, the value of `{high}`; keep them in order"),
                );
            }
        }
        Ok(values)
    }

    /// Whether each rule of a module is in shadow by configuration.
    pub(crate) fn shadowed(&self, manifest: &Manifest) -> Vec<bool> {
        let module = self.modes.get(&manifest.module);
        manifest
            .rules
            .iter()
            .map(|rule| self.modes.get(&rule.id).or(module).copied().unwrap_or(Mode::Enforce) == Mode::Shadow)
            .collect()
    }

    /// Refuses names that no loaded module has. A name of a module that is not loaded is left for the day it is.
    pub(crate) fn check_names(&self, manifests: &[&Manifest], vocabulary: &Vocabulary) -> Result<(), BuildError> {
        let owner = |name: &str| {
            manifests.iter().find(|m| name.strip_prefix(&m.module).is_some_and(|r| r.is_empty() || r.starts_with('.')))
        };
        for name in self.parameters.keys() {
            let known = match owner(name) {
                Some(manifest) => manifest.parameters.iter().any(|p| p.name == *name),
                None if name.starts_with("common.") => vocabulary.common.contains_key(name),
                None => true,
            };
            if !known {
                return wrong(
                    format!("parameters.\"{name}\""),
                    "there is no such parameter; `normgate inspect` lists them".into(),
                );
            }
        }
        for name in self.modes.keys() {
            if let Some(manifest) = owner(name)
                && *name != manifest.module
                && !manifest.rules.iter().any(|rule| rule.id == *name)
            {
                return wrong(
                    format!("modes.\"{name}\""),
                    "there is no such rule; `normgate inspect` lists them".into(),
                );
            }
        }
        Ok(())
    }
}
