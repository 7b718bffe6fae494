//! `normgate.toml`: parameters and modes, resolved against the loaded modules.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use normgate_contract::{Day, Manifest, Modality, Owner, Parameter, REFERENCE, Rule, Value, Vocabulary};
use serde::{Deserialize, Serialize};

use crate::batch::Tolerance;
use crate::error::BuildError;
use crate::grant::{Grant, Granted};
use crate::module::{LoadError, Module};
use crate::names::Known;
use crate::on_failure::{OF_ALL, OnFailures};
use crate::sandbox::Allocation;

/// Whether a rule acts or only reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Its effects are applied.
    Enforce,
    /// Its effects are reported under `shadow`, and change nothing.
    Shadow,
    /// Before it is in force it is in shadow instead of silent; from its effective date on it is enforced.
    Preview,
    /// Its effects are applied for this share of users, always the same ones, and reported for the others.
    Canary(Percentage),
    /// It is not asked at all.
    Off,
}

impl Mode {
    /// Whether a rule in this mode that is in force acts, for a user of the millionth that `draw` gives.
    pub(crate) fn acts(self, draw: impl FnOnce() -> u32) -> bool {
        match self {
            Self::Enforce | Self::Preview => true,
            Self::Shadow | Self::Off => false,
            Self::Canary(Percentage { ppm }) => draw() < ppm,
        }
    }

    /// Whether it keeps a rule that is in force from acting, for some users at least.
    pub(crate) fn weakens(self) -> bool {
        match self {
            Self::Enforce | Self::Preview => false,
            Self::Shadow | Self::Off => true,
            Self::Canary(share) => share < Percentage::ALL,
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Enforce => f.write_str("enforce"),
            Self::Shadow => f.write_str("shadow"),
            Self::Preview => f.write_str("preview"),
            Self::Canary(percent) => write!(f, "canary {percent} %"),
            Self::Off => f.write_str("off"),
        }
    }
}

/// A share of users, written as a percentage: 10, or 0.01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentage {
    /// In millionths.
    ppm: u32,
}

impl Percentage {
    /// Everybody.
    const ALL: Self = Self { ppm: 1_000_000 };
    /// Millionths in a percent.
    const PERCENT: u32 = 10_000;
}

impl std::fmt::Display for Percentage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.ppm / Self::PERCENT, self.ppm % Self::PERCENT);
        match rest {
            0 => write!(f, "{whole}"),
            _ => f.write_str(format!("{whole}.{rest:04}").trim_end_matches('0')),
        }
    }
}

impl Serialize for Percentage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.ppm % Self::PERCENT {
            0 => serializer.serialize_u32(self.ppm / Self::PERCENT),
            _ => serializer.serialize_f64(f64::from(self.ppm) / f64::from(Self::PERCENT)),
        }
    }
}

impl<'de> Deserialize<'de> for Percentage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Percent {
            Whole(i64),
            Part(f64),
        }
        let percent = match Percent::deserialize(deserializer)? {
            Percent::Whole(percent) => percent as f64,
            Percent::Part(percent) => percent,
        };
        let ppm = percent * f64::from(Self::PERCENT);
        let is_whole = (ppm - ppm.round()).abs() < 1e-6;
        if !(0.0..=100.0).contains(&percent) {
            let why = format!("a canary is a percentage of users from 0 to 100, not {percent}");
            return Err(serde::de::Error::custom(why));
        }
        if !is_whole {
            let why = format!("a canary is a percentage of users with four decimals at most, not {percent}");
            return Err(serde::de::Error::custom(why));
        }
        Ok(Self { ppm: ppm.round() as u32 })
    }
}

/// How the set as a whole acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SetMode {
    /// Every rule by its own mode.
    Enforce,
    /// Everything is judged and reported under `shadow`, and nothing is applied, until a day that is named.
    Observe,
}

/// `[breaker]`: when a module that keeps failing is left out, and when it is tried again. Engineering defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Failures in a row that open the breaker.
    pub failures: u32,
    /// How long it stays open the first time, in milliseconds; each failed probe doubles it.
    pub backoff_ms: u64,
    /// How long it stays open at most, in milliseconds.
    pub max_backoff_ms: u64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, backoff_ms: 1_000, max_backoff_ms: 60_000 }
    }
}

/// `[sandbox]`: what changes no outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// Where instances take their memory from; absent = as [`crate::GateBuilder::allocation`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
}

/// `[order]`: how rows are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
}

/// By what rows are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderBy {
    /// As sent; a demoted row goes down to the place that shows the share of its exposure that is left to it.
    #[default]
    Place,
    /// By score × weight, where every row has a score.
    Score,
}

/// The filing of the service's algorithm (Art 24).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filing {
    /// Its number, which Art 26 has displayed: every outcome in scope then owes `display.filing_no`.
    pub number: String,
}

/// The operator's configuration.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
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
    /// Modes of rules (`art14.over-recommend`) or whole modules (`art14`, or by policy `reference/art14-manipulation`), where a rule's own
    /// goes before its module's; and of releases (`reference/art14-manipulation@1.1.0`), beside which the one before goes on for whom they do not act.
    #[serde(default)]
    pub modes: BTreeMap<String, Mode>,
    /// How rows are put in order.
    #[serde(default)]
    pub order: Order,
    /// Values that a regulator prescribes, by regulator: `[overlays.<name>]`. They only tighten.
    #[serde(default)]
    pub overlays: BTreeMap<String, BTreeMap<String, Value>>,
    /// What is done with the candidates when a module fails, where that differs from the module's own wish.
    #[serde(default)]
    pub on_failure: OnFailures,
    /// What each authority's modules may see and cause. Absent = nobody said; then only what this program carries loads, or
    /// what [`crate::GateBuilder::trusting`] lets in.
    pub authorities: Option<BTreeMap<String, Grant>>,
    /// Facts about the operator: `territory`, and the fields of `provider` in a request. They win over the request's.
    #[serde(default)]
    pub provider: toml::Table,
    /// `[input]`: what is done with values and rows of a request that are not as the vocabulary says. Reading requests is told by
    /// it, judging is not.
    #[serde(default)]
    pub input: Tolerance,
    /// `[filing]`: what Art 24 and 26 ask of a provider that has filed.
    #[serde(default)]
    pub filing: Option<Filing>,
    /// When a failing module is left out.
    #[serde(default)]
    pub breaker: BreakerConfig,
    /// `[sandbox]`: what modules run in.
    #[serde(default)]
    pub sandbox: SandboxConfig,
    /// Whose signed modules are taken: read by `normgate-repo`, and no business of judging.
    #[serde(default)]
    pub repositories: Vec<toml::Table>,
}

/// A value that was offered and not taken, because it would have loosened the one in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looser {
    pub(crate) parameter: String,
    pub(crate) offered: Value,
    pub(crate) owner: Owner,
}

/// A module's parameters, as the configuration has them.
#[derive(Default)]
pub(crate) struct Parameters {
    /// Encoded values in manifest order.
    pub(crate) values: Vec<i64>,
    /// What regulators offered that was looser, by regulator.
    pub(crate) looser: Vec<(String, Looser)>,
    /// What the configuration says that was left out, a sentence each.
    pub(crate) refused: Vec<String>,
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
        let table: Option<toml::Table> = toml::from_str(text).ok();
        if let Some(error) = table.as_ref().and_then(misread) {
            return Err(error);
        }
        toml::from_str(text).or_else(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            // A day may stand without quotes, too.
            let message = match table.map(|table| toml::Value::Table(days_quoted(table)).try_into()) {
                Some(Ok(config)) => return Ok(config),
                Some(Err(error)) => error.message().to_owned(),
                None => error.message().to_owned(),
            };
            wrong(format!("line {line}"), message.replace('\n', "; "))
        })
    }

    /// The configuration as `normgate.toml` would say it: what is parsed from that is this one again.
    pub(crate) fn to_toml(&self) -> Result<String, BuildError> {
        toml::to_string(self).or_else(|error| wrong("configuration".into(), error.to_string()))
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

    /// The encoded parameter values of one module, in manifest order, in force on the day that begins at or before `at_ms`:
    /// the operator's or the default, then the strictest of it and every regulator's.
    ///
    /// A value that is not legal is an error or, where `tolerant`, left out and told. So is what puts the module's parameters out of
    /// order: all of the operator's values, then the regulators'. What is out of order by itself is an error either way.
    pub(crate) fn parameters_of(
        &self,
        manifest: &Manifest,
        at_ms: i64,
        tolerant: bool,
    ) -> Result<Parameters, BuildError> {
        let mut resolved = self.resolved(manifest, at_ms, tolerant, [true, true])?;
        let Err(error) = in_order(manifest, &resolved.values) else { return Ok(resolved) };
        if !tolerant {
            return Err(error);
        }
        resolved = self.resolved(manifest, at_ms, tolerant, [false, true])?;
        if in_order(manifest, &resolved.values).is_err() {
            resolved = self.resolved(manifest, at_ms, tolerant, [false, false])?;
            in_order(manifest, &resolved.values)?;
        }
        resolved.refused.push(error.to_string());
        Ok(resolved)
    }

    /// As [`Config::parameters_of`], in whatever order; with what the operator says, and what regulators say, as asked.
    fn resolved(
        &self,
        manifest: &Manifest,
        at_ms: i64,
        tolerant: bool,
        [operator, regulators]: [bool; 2],
    ) -> Result<Parameters, BuildError> {
        let mut resolved = Parameters::default();
        let mut refuse = |error: BuildError| {
            if !tolerant {
                return Err(error);
            }
            resolved.refused.push(error.to_string());
            Ok(())
        };
        for parameter in &manifest.parameters {
            let default = default_of(parameter, at_ms);
            let mut number = encoded(format!("parameters.\"{}\"", parameter.name), parameter, default)?;
            if let Some(value) = self.parameters.get(&parameter.name).filter(|_| operator) {
                match operators(parameter, default, value) {
                    Ok(value) => number = value,
                    Err(error) => refuse(error)?,
                }
            }
            for (regulator, overlay) in self.overlays.iter().filter(|_| regulators) {
                let Some(value) = overlay.get(&parameter.name) else { continue };
                let place = format!("overlays.{regulator}.\"{}\"", parameter.name);
                let offered = match encoded(place.clone(), parameter, value) {
                    Ok(offered) => offered,
                    Err(error) => {
                        refuse(error)?;
                        continue;
                    }
                };
                if parameter.strictness(offered) >= parameter.strictness(number) {
                    number = offered;
                } else if matches!(parameter.owner, Owner::Law | Owner::Reg) {
                    let message = format!("{value} is looser than the value in force; an overlay only tightens");
                    refuse(BuildError::Config { place, message })?;
                } else {
                    let (parameter, owner) = (parameter.name.clone(), parameter.owner);
                    resolved.looser.push((regulator.clone(), Looser { parameter, offered: value.clone(), owner }));
                }
            }
            resolved.values.push(number);
        }
        Ok(resolved)
    }

    /// What a module's authority may do: by its grant, or everything for what this program carries, unless the platform says
    /// less. `trusting` grants what a manifest asks where no authorities are configured at all.
    pub(crate) fn grant_of(&self, module: &Module, trusting: bool) -> Option<&Grant> {
        let listed = self.authorities.as_ref().and_then(|known| known.get(module.manifest.authority()));
        listed.or((module.embedded || (trusting && self.authorities.is_none())).then(Grant::full))
    }

    /// The rights of one module under its authority's grant.
    pub(crate) fn granted_to(&self, module: &Module, trusting: bool) -> Result<Granted, LoadError> {
        let (authority, prefix) = (module.manifest.authority(), &module.manifest.module);
        let refuse = |refused: String| LoadError::Grant {
            place: module.place.clone(),
            authority: authority.to_owned(),
            refused,
        };
        let Some(grant) = self.grant_of(module, trusting) else {
            return Err(refuse("nothing is granted to this authority".into()));
        };
        let mut held = grant.hold(&module.manifest, module.embedded);
        if !module.embedded && !self.may_use_prefix(authority, grant, prefix) {
            let why = format!("its rules begin with `{prefix}`, which is not among its `prefixes`");
            let mut refused = held.err().unwrap_or_default();
            refused.push(why);
            held = Err(refused);
        }
        held.map_err(|refused| refuse(refused.join("; ")))
    }

    /// Whether a prefix is an authority's to use. What another authority lists is that one's, unless this one may do
    /// everything: then both may, and who ranks higher is loaded.
    fn may_use_prefix(&self, authority: &str, grant: &Grant, prefix: &str) -> bool {
        let mut others = self.authorities.iter().flatten().filter(|(name, _)| *name != authority);
        let is_others = others.any(|(_, other)| other.lists_prefix(prefix));
        grant.may_use_prefix(prefix) && (grant.lists_prefix(prefix) || grant.is_full() || !is_others)
    }

    /// Who goes first where two modules clash, the lowest: what the program carries, then authorities that may do everything,
    /// then the others; among these who lists the prefix, then by name.
    pub(crate) fn rank<'m>(&self, module: &'m Module) -> (u8, bool, &'m str) {
        let listed = self.authorities.as_ref().and_then(|known| known.get(module.manifest.authority()));
        let tier = if module.embedded { 0 } else { 2 - u8::from(listed.is_some_and(Grant::is_full)) };
        let lists = listed.is_some_and(|grant| grant.lists_prefix(&module.manifest.module));
        (tier, !lists, &module.manifest.id)
    }

    /// This configuration with every mode of a prefix said of the policy too: whatever other prefix a version of it has, its rules
    /// come back under none.
    pub(crate) fn by_policy<'m>(&self, modules: impl Iterator<Item = &'m Module> + Clone) -> Cow<'_, Self> {
        let mut config = Cow::Borrowed(self);
        for Module { manifest, .. } in modules.clone() {
            let Some(mode) = self.modes.get(&manifest.module) else { continue };
            let mut versions = modules.clone().map(|module| &module.manifest);
            if versions.any(|other| other.id == manifest.id && other.module != manifest.module) {
                let known = config.to_mut().modes.entry(manifest.id.clone()).or_insert(*mode);
                // Of several, the one that keeps it from running at all.
                *known = if *mode == Mode::Off { Mode::Off } else { *known };
            }
        }
        config
    }

    /// The configured mode of each rule of a module.
    pub(crate) fn modes_of(&self, manifest: &Manifest) -> Vec<Mode> {
        let module = self.modes.get(&manifest.module).or_else(|| self.modes.get(&manifest.id));
        let mode = |rule: &Rule| self.modes.get(&rule.id).or(module).copied().unwrap_or(Mode::Enforce);
        manifest.rules.iter().map(mode).collect()
    }

    /// The configured mode of one release, `<id>@<version>`: whether it acts at all, beside the one before it.
    pub(crate) fn release_of(&self, manifest: &Manifest) -> Mode {
        self.modes.get(&manifest.reference()).copied().unwrap_or(Mode::Enforce)
    }

    /// Authorities that may not do everything, and of which the program carries nothing.
    pub fn associations(&self) -> BTreeSet<String> {
        let named = self.authorities.iter().flatten().filter(|(name, grant)| !grant.is_full() && *name != REFERENCE);
        named.map(|(name, _)| name.clone()).collect()
    }

    /// Whether a module's `must` rules are law to the platform: the program carries it, or its authority may do everything.
    pub fn is_accountable(&self, module: &Module) -> bool {
        let granted =
            |known: &BTreeMap<String, Grant>| known.get(module.manifest.authority()).is_some_and(Grant::is_full);
        // Where nobody is named, what loads is trusted.
        module.embedded || self.authorities.as_ref().is_none_or(granted)
    }

    /// Whether a module is not to be loaded at all: its release is off, or every rule.
    pub(crate) fn is_off(&self, manifest: &Manifest) -> bool {
        self.release_of(manifest) == Mode::Off || self.modes_of(manifest).iter().all(|mode| *mode == Mode::Off)
    }

    /// The rules of a module that the law requires and that the configuration keeps from acting, each with its mode; `release` is
    /// the release's, where nobody acts in its place. A sector norm requires nothing until it is adopted, and may be tried first.
    pub(crate) fn weakened<'m>(&self, manifest: &'m Manifest, release: Mode) -> Vec<(&'m str, Mode)> {
        let modes = self.modes_of(manifest).into_iter().map(|mode| if release.weakens() { release } else { mode });
        (manifest.rules.iter().zip(modes))
            .filter(|(rule, mode)| is_required(manifest, rule) && mode.weakens())
            .map(|(rule, mode)| (rule.id.as_str(), mode))
            .collect()
    }

    /// Whether the platform lets an authority's modules judge in the place of a policy.
    pub(crate) fn may_replace(&self, authority: &str, policy: &str) -> bool {
        let granted = self.authorities.as_ref().and_then(|known| known.get(authority));
        granted.is_some_and(|grant| grant.replaces.iter().any(|name| name == policy))
    }

    /// Refuses a name that matches nothing in these modules or those that this program carries: overlays, parameters, modes,
    /// failure policies, and what grants list.
    ///
    /// # Errors
    /// For the first such name, with the nearest one.
    pub fn check_names(&self, modules: &[Module]) -> Result<(), BuildError> {
        self.unmatched(modules).into_iter().next().map_or(Ok(()), Err)
    }

    /// Every name that [`Config::check_names`] would refuse.
    pub fn unmatched(&self, modules: &[Module]) -> Vec<BuildError> {
        let carried = carried();
        let manifests = modules.iter().chain(&carried).map(|module| &*module.manifest);
        Known::new(manifests, Vocabulary::shipped()).refuse(self)
    }

    /// The sector norms that the provider adopted.
    pub(crate) fn adopted(&self) -> impl Iterator<Item = &str> {
        let names = self.provider.get("norms_adopted").and_then(toml::Value::as_array);
        names.into_iter().flatten().filter_map(toml::Value::as_str)
    }

    /// The rules of an adopted sector norm that the configuration keeps from acting, and its parameters that are looser than the
    /// norm has them: in words.
    pub(crate) fn weakened_norm(&self, manifest: &Manifest, release: Mode) -> Vec<String> {
        if !manifest.pack.as_deref().is_some_and(|pack| self.adopted().any(|name| name == pack)) {
            return Vec::new();
        }
        let modes = self.modes_of(manifest).into_iter().map(|mode| if release.weakens() { release } else { mode });
        let rules = manifest.rules.iter().zip(modes).filter(|(_, mode)| mode.weakens());
        let rules = rules.map(|(rule, mode)| format!("{} ({mode})", rule.id));
        let looser = manifest.parameters.iter().filter_map(|parameter| {
            let value = self.parameters.get(&parameter.name)?;
            let strictness = |value| parameter.encode(value).ok().map(|value| parameter.strictness(value));
            (strictness(value)? < strictness(&parameter.default)?)
                .then(|| format!("{} = {value}, looser than {}", parameter.name, parameter.default))
        });
        rules.chain(looser).collect()
    }
}

/// The modules that this program carries.
pub(crate) fn carried() -> Vec<Module> {
    #[cfg(feature = "embedded")]
    let carried = crate::embedded::arp();
    #[cfg(not(feature = "embedded"))]
    let carried = Vec::new();
    carried
}

/// Whether a rule of a module is one that the law requires of every platform.
pub(crate) fn is_required(manifest: &Manifest, rule: &Rule) -> bool {
    rule.modality == Modality::Must && manifest.pack.is_none()
}

/// What is wrong with a table of names and values in the way in which everybody writes it once: a name with a dot that is not
/// quoted, or a share as a fraction.
fn misread(table: &toml::Table) -> Option<BuildError> {
    let section = |name: &str| table.get(name).and_then(toml::Value::as_table);
    let overlays = section("overlays").into_iter().flatten();
    let overlays = overlays.filter_map(|(name, values)| Some((format!("overlays.{name}"), values.as_table()?)));
    let parameters = section("parameters").map(|values| ("parameters".to_owned(), values));
    for (place, values) in parameters.into_iter().chain(overlays) {
        for (name, value) in values {
            let message = match value {
                toml::Value::Integer(_) | toml::Value::String(_) => continue,
                toml::Value::Table(_) => return Some(unquoted(&place, name, value)),
                toml::Value::Float(share) if (0.0..=1.0).contains(share) => {
                    format!(
                        "invalid value `{value}`: expected a whole number; of a share, millionths: {}",
                        (share * 1e6).round()
                    )
                }
                _ => format!("invalid value `{value}`: expected a whole number, or a choice in quotes"),
            };
            return Some(BuildError::Config { place: format!("{place}.\"{name}\""), message });
        }
    }
    let mut modes = section("modes").into_iter().flatten().filter(|(_, value)| !is_canary(value));
    let mut failures = section("on_failure").into_iter().flatten().filter(|(name, _)| !OF_ALL.contains(&name.as_str()));
    let mode = modes.find(|(_, value)| value.is_table()).map(|(name, value)| unquoted("modes", name, value));
    mode.or_else(|| {
        let (name, value) = failures.find(|(_, value)| value.is_table())?;
        Some(unquoted("on_failure", name, value))
    })
}

/// A name with a dot that stands without quotes, which TOML takes for a table.
fn unquoted(place: &str, name: &str, mut value: &toml::Value) -> BuildError {
    let mut name = name.to_owned();
    while let Some((next, inner)) = value.as_table().filter(|_| !is_canary(value)).and_then(|table| table.iter().next())
    {
        name.push('.');
        name.push_str(next);
        value = inner;
    }
    let message = format!("a name with a dot stands in quotes: \"{name}\" = {value}");
    BuildError::Config { place: format!("{place}.{name}"), message }
}

fn is_canary(value: &toml::Value) -> bool {
    value.as_table().is_some_and(|table| table.keys().all(|key| key == "canary"))
}

/// A table in which days that stand without quotes have them.
fn days_quoted(table: toml::Table) -> toml::Table {
    fn quoted(value: toml::Value) -> toml::Value {
        match value {
            toml::Value::Datetime(day) => toml::Value::String(day.to_string()),
            toml::Value::Table(table) => toml::Value::Table(days_quoted(table)),
            toml::Value::Array(values) => toml::Value::Array(values.into_iter().map(quoted).collect()),
            other => other,
        }
    }
    table.into_iter().map(|(name, value)| (name, quoted(value))).collect()
}

fn default_of(parameter: &Parameter, at_ms: i64) -> &Value {
    let dated = parameter.dated.iter().rev().find(|(from, _)| Day::start_ms(*from) <= at_ms);
    dated.map_or(&parameter.default, |(_, value)| value)
}

fn encoded(place: String, parameter: &Parameter, value: &Value) -> Result<i64, BuildError> {
    parameter.encode(value).or_else(|clause| wrong(place, clause))
}

/// An operator's value: within range, and for what the law fixes never looser than the law.
fn operators(parameter: &Parameter, default: &Value, value: &Value) -> Result<i64, BuildError> {
    let place = format!("parameters.\"{}\"", parameter.name);
    let number = encoded(place.clone(), parameter, value)?;
    let fixed = encoded(place.clone(), parameter, default)?;
    match parameter.owner {
        Owner::Law if parameter.strictness(number) < parameter.strictness(fixed) => wrong(
            place,
            format!("{value} is looser than {default}, which the law fixes; only a stricter value is legal"),
        ),
        Owner::Reg if number != fixed => wrong(place, format!("only a regulator's overlay sets this; it is {default}")),
        _ => Ok(number),
    }
}

/// Refuses values of which the first of a pair is above the second.
pub(crate) fn in_order(manifest: &Manifest, values: &[i64]) -> Result<(), BuildError> {
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
    Ok(())
}
