//! Case files: one JSON object a line, a request and exactly what a policy set must answer.
//!
//! `modules` names the modules loaded (absent = the whole set); `parameters`, `config.modes` and `config.order` override as in
//! normgate.toml; `as_of` defaults to [`DEFAULT_DAY`]. Every list in `expect` is the exact set; a verdict that is not named
//! is `allow` with no rules; sections left out are not compared, and a case without any is none. No module may fail in a case.

mod accept;
mod effects;
mod generate;
mod mutate;
mod seen;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use accept::accept;
pub use effects::{Effects, effect_name};
pub use generate::{Generator, set};
pub use mutate::{Mutation, mutate};
use normgate::contract::{Day, Value};
use normgate::{
    Artifacts, Compiler, Config, Detail, Gate, Grant, Mode, Module, Order, OrderBy, Outcome, Reader, SetMode,
};
pub use seen::Table;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tracing::subscriber::NoSubscriber;

/// The day on which a case is judged when it names none.
pub const DEFAULT_DAY: &str = "2026-11-01";

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Name.
    pub case: String,
    /// Modules loaded; absent = the whole set.
    pub modules: Option<Vec<String>>,
    /// Parameters that differ from their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// Modes that differ from enforce.
    #[serde(default)]
    pub config: CaseConfig,
    /// Day on which the case is judged.
    pub as_of: Option<Day>,
    /// The request.
    pub request: Json,
    /// What must come out.
    pub expect: Expect,
    /// Remark for the reader.
    pub note: Option<String>,
}

/// Configuration of a case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseConfig {
    /// Modes of rules or modules.
    #[serde(default)]
    pub modes: BTreeMap<String, Mode>,
    /// By what rows are put in order.
    #[serde(default)]
    pub order: OrderBy,
}

/// The place of a difference that is a failure of a module, whatever the case expects.
pub const FAILURES: &str = "failures";

/// What must come out; absent sections are not compared.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    scope: Option<String>,
    verdicts: Option<BTreeMap<String, ExpectVerdict>>,
    tags: Option<BTreeMap<String, ExpectTag>>,
    obligations: Option<Vec<String>>,
    vetoes: Option<Vec<String>>,
    constraints: Option<Vec<Json>>,
    promote: Option<Vec<String>>,
    violations: Option<Vec<String>>,
    shadow: Option<Vec<String>>,
    order: Option<Vec<String>>,
    args: Option<BTreeMap<String, Json>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct ExpectVerdict {
    action: String,
    hold: Option<String>,
    weight_ppm: Option<u32>,
    labels: Option<Vec<String>>,
    rules: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct ExpectTag {
    action: String,
    rules: Vec<String>,
}

impl Case {
    /// What an answer has that the case does not expect, and the other way round. A module that failed is a difference from
    /// every case, and so is a case that expects nothing, since everything would pass it.
    pub fn differences(&self, answer: &Json) -> Vec<Difference> {
        let mut differences = compare(&self.expect, answer);
        differences.extend(list(answer, FAILURES).map(|failure| {
            let text = |key: &str| failure[key].as_str().unwrap_or_default().to_owned();
            let got =
                format!("{} in the {} stage: {}: {}", text("policy"), text("stage"), text("kind"), text("message"));
            Difference { place: FAILURES.into(), expected: "none".into(), got }
        }));
        if self.expect == Expect::default() {
            let got = "nothing, which everything would pass; --accept fills it in".into();
            differences.push(Difference { place: "expect".into(), expected: "what must come out".into(), got });
        }
        differences
    }
}

/// One difference between what a case expects and what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where: `verdicts.c1.labels`, `obligations`, …
    pub place: String,
    /// What the case expects.
    pub expected: String,
    /// What came out.
    pub got: String,
}

/// What became of one case.
#[derive(Debug)]
pub struct Report {
    /// Name of the case.
    pub case: String,
    /// Differences; none = passed.
    pub differences: Vec<Difference>,
    /// Why the case could not be run at all.
    pub error: Option<String>,
    /// Ids of the rules that fired, enforced or in shadow.
    pub fired: BTreeSet<String>,
    /// What came out; null when the case could not be run.
    pub answer: Json,
}

impl Report {
    /// Whether the case passed.
    pub fn passed(&self) -> bool {
        self.differences.is_empty() && self.error.is_none()
    }

    /// Whether it could be run, and no module failed: then what came out is an answer.
    pub fn answered(&self) -> bool {
        self.error.is_none() && self.differences.iter().all(|difference| difference.place != FAILURES)
    }
}

/// Reads a case file.
///
/// # Errors
/// A sentence with the line of the first case that is none, or when there is no case at all.
pub fn read(text: &str) -> Result<Vec<Case>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let cases: Vec<Case> = lines
        .map(|(index, line)| {
            let case = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))?;
            match normgate::repeated_key(line) {
                Some(path) => Err(format!("line {}: {path}: this field is given twice", index + 1)),
                None => Ok(case),
            }
        })
        .collect::<Result<_, _>>()?;
    if cases.is_empty() { Err("there is no case in it; one JSON object a line is one".into()) } else { Ok(cases) }
}

/// How many gates a runner keeps: a case that asks for a configuration of its own costs time, and no room.
const KEPT_GATES: usize = 4;

/// Runs cases over one set of modules. The last gates are kept, since many cases share their configuration.
pub struct Runner {
    modules: Vec<Module>,
    artifacts: Option<Box<dyn Fn() -> Option<Artifacts>>>,
    compiler: Option<Arc<Compiler>>,
    authorities: Option<BTreeMap<String, Grant>>,
    strict: bool,
    /// Each with its reader, which knows the columns of the loaded norms.
    gates: VecDeque<(String, Arc<(Gate, Reader)>)>,
}

impl Runner {
    /// A runner over these modules; `artifacts` opens the store of compiled modules, if there is one.
    pub fn new(modules: Vec<Module>, artifacts: Option<Box<dyn Fn() -> Option<Artifacts>>>) -> Self {
        Self { modules, artifacts, compiler: None, authorities: None, strict: false, gates: VecDeque::new() }
    }

    /// Runs cases under what a platform grants, instead of with everything granted.
    pub fn granting(mut self, authorities: BTreeMap<String, Grant>) -> Self {
        self.authorities = Some(authorities);
        self
    }

    /// Refuses unknown fields in requests of cases, instead of ignoring them: what a case misspells it does not test.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Has modules compiled elsewhere: see [`normgate::GateBuilder::compiler`].
    pub fn compiler(mut self, compiler: Arc<Compiler>) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// Runs one case.
    pub fn run(&mut self, case: &Case) -> Report {
        let mut report = Report {
            case: case.case.clone(),
            differences: Vec::new(),
            error: None,
            fired: BTreeSet::new(),
            answer: Json::Null,
        };
        let result = self.gate(case).and_then(|known| {
            let outcome = judge(&known, case)?;
            serde_json::from_str::<Json>(&outcome.to_json(Detail::default())).map_err(|error| error.to_string())
        });
        match result {
            Ok(answer) => {
                report.fired = fired(&answer);
                report.differences = case.differences(&answer);
                report.answer = answer;
            }
            Err(error) => report.error = Some(error),
        }
        report
    }

    /// Units of work that a case's modules use.
    ///
    /// # Errors
    /// One clause: the configuration or the request cannot be had.
    pub fn fuel(&mut self, case: &Case) -> Result<u64, String> {
        let known = self.gate(case)?;
        let used = || known.0.stats().modules.iter().map(|module| module.fuel).sum::<u64>();
        let before = used();
        judge(&known, case)?;
        Ok(used() - before)
    }

    /// Judges one case, for a look at the outcome itself.
    ///
    /// # Errors
    /// One clause: the configuration or the request cannot be had.
    pub fn outcome(&mut self, case: &Case) -> Result<Outcome, String> {
        judge(&*self.gate(case)?, case)
    }

    fn gate(&mut self, case: &Case) -> Result<Arc<(Gate, Reader)>, String> {
        self.gate_in(case, None)
    }

    /// The gate of a case, or one that only observes until that day.
    fn gate_in(&mut self, case: &Case, observe_until: Option<Day>) -> Result<Arc<(Gate, Reader)>, String> {
        let key =
            format!("{:?}|{:?}|{:?}|{:?}|{observe_until:?}", case.modules, case.parameters, case.config, case.as_of);
        if let Some((_, gate)) = self.gates.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(gate));
        }
        if let Some(names) = &case.modules
            && let Some(name) = names.iter().find(|name| !self.modules.iter().any(|m| m.manifest.module == **name))
        {
            return Err(format!("there is no module `{name}` among those loaded"));
        }
        let wanted =
            |module: &&Module| case.modules.as_ref().is_none_or(|names| names.contains(&module.manifest.module));
        let modules: Vec<Module> = self.modules.iter().filter(wanted).cloned().collect();
        let config = Config {
            parameters: case.parameters.clone(),
            modes: case.config.modes.clone(),
            order: Order { by: case.config.order },
            mode: observe_until.map(|_| SetMode::Observe),
            observe_until,
            authorities: self.authorities.clone(),
            ..Config::default()
        };
        let day = match case.as_of {
            Some(day) => day,
            None => DEFAULT_DAY.parse()?,
        };
        let mut builder = Gate::builder().policies(modules).config(config).of_a_larger_set().trusting().as_of(day);
        if let Some(artifacts) = self.artifacts.as_ref().and_then(|open| open()) {
            builder = builder.artifacts(artifacts);
        }
        if let Some(compiler) = self.compiler.clone() {
            builder = builder.compiler(move |module| compiler(module));
        }
        // What a case leaves in shadow is its own business; the log is for what an operator does.
        let gate = tracing::subscriber::with_default(NoSubscriber::default(), || builder.build());
        let gate = gate.map_err(|error| error.to_string())?;
        let reader = gate.reader().strict(self.strict);
        let gate = Arc::new((gate, reader));
        self.gates.truncate(KEPT_GATES - 1);
        self.gates.push_front((key, Arc::clone(&gate)));
        Ok(gate)
    }
}

fn judge((gate, reader): &(Gate, Reader), case: &Case) -> Result<Outcome, String> {
    let batch = reader.read(case.request.to_string().as_bytes()).map_err(|error| error.to_string())?;
    Ok(gate.evaluate(&batch))
}

fn list<'a>(value: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    value[key].as_array().into_iter().flatten()
}

fn texts(value: &Json, list_key: &str, key: &str) -> impl Iterator<Item = String> {
    list(value, list_key).map(move |item| item[key].as_str().unwrap_or_default().to_owned())
}

/// Every rule id that an answer names.
fn fired(answer: &Json) -> BTreeSet<String> {
    let mut rules: BTreeSet<String> = ["verdicts", "tags"]
        .iter()
        .flat_map(|frame| list(answer, frame))
        .flat_map(|row| texts(row, "reasons", "rule").collect::<Vec<_>>())
        .collect();
    for key in ["obligations", "vetoes", "constraints", "promote", "violations", "shadow"] {
        rules.extend(texts(answer, key, "rule"));
    }
    rules
}

fn compare(expect: &Expect, answer: &Json) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut check = |place: &str, expected: String, got: String| {
        if expected != got {
            differences.push(Difference { place: place.to_owned(), expected, got });
        }
    };
    let set = |items: Vec<String>| {
        let items: BTreeSet<String> = items.into_iter().collect();
        format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
    };
    let list_of = |items: Vec<String>| format!("[{}]", items.join(", "));
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();

    if let Some(scope) = &expect.scope {
        check("scope", scope.clone(), text(&answer["scope"]));
    }
    if let Some(verdicts) = &expect.verdicts {
        let mut unnamed: BTreeSet<&str> = verdicts.keys().map(String::as_str).collect();
        for got in list(answer, "verdicts") {
            let id = got["id"].as_str().unwrap_or_default();
            unnamed.remove(id);
            let place = |part: &str| format!("verdicts.{id}.{part}");
            let rules = set(texts(got, "reasons", "rule").collect());
            let labels = set(list(got, "labels").map(&text).collect());
            match verdicts.get(id) {
                Some(expected) => {
                    check(&place("action"), expected.action.clone(), text(&got["action"]));
                    if let Some(hold) = &expected.hold {
                        check(&place("hold"), hold.clone(), text(&got["hold"]));
                    }
                    if let Some(weight) = expected.weight_ppm {
                        check(&place("weight_ppm"), weight.to_string(), got["weight_ppm"].to_string());
                    }
                    if let Some(expected) = &expected.labels {
                        check(&place("labels"), set(expected.clone()), labels);
                    }
                    check(&place("rules"), set(expected.rules.clone()), rules);
                }
                None => {
                    check(&place("action"), "allow".into(), text(&got["action"]));
                    check(&place("rules"), "[]".into(), rules);
                }
            }
        }
        for id in unnamed {
            check(&format!("verdicts.{id}"), "a verdict".into(), "no such candidate".into());
        }
    }
    if let Some(tags) = &expect.tags {
        for got in list(answer, "tags") {
            let id = got["tag_id"].as_str().unwrap_or_default();
            let rules = set(texts(got, "reasons", "rule").collect());
            let (action, expected) = match tags.get(id) {
                Some(tag) => (tag.action.clone(), set(tag.rules.clone())),
                None => ("keep".into(), "[]".into()),
            };
            check(&format!("tags.{id}.action"), action, text(&got["action"]));
            check(&format!("tags.{id}.rules"), expected, rules);
        }
    }
    for (key, field, expected) in [
        ("obligations", "code", &expect.obligations),
        ("vetoes", "feature", &expect.vetoes),
        ("promote", "target", &expect.promote),
        ("violations", "rule", &expect.violations),
        ("shadow", "rule", &expect.shadow),
    ] {
        if let Some(expected) = expected {
            check(key, set(expected.clone()), set(texts(answer, key, field).collect()));
        }
    }
    if let Some(constraints) = &expect.constraints {
        // A case may leave out the rule that asks.
        let got = list(answer, "constraints").map(|constraint| {
            let mut constraint = constraint.clone();
            if let Some(map) = constraint.as_object_mut()
                && constraints.iter().all(|expected| expected.get("rule").is_none())
            {
                map.remove("rule");
            }
            constraint.to_string()
        });
        check("constraints", set(constraints.iter().map(Json::to_string).collect()), set(got.collect()));
    }
    if let Some(order) = &expect.order {
        check("order", list_of(order.clone()), list_of(list(answer, "verdicts").map(|v| text(&v["id"])).collect()));
    }
    for (code, args) in expect.args.iter().flatten() {
        let got = list(answer, "obligations").filter(|o| o["code"] == **code).map(|o| o["args"].to_string()).collect();
        check(&format!("args.{code}"), set(vec![args.to_string()]), set(got));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::{KEPT_GATES, Runner, read};

    #[test]
    fn a_runner_keeps_the_gates_of_the_last_configurations_and_no_others() -> Result<(), String> {
        let of = |day: usize| {
            read(&format!(
                r#"{{"case":"{day}","as_of":"2026-01-{:02}","request":{{"ctx":{{"now_ms":1,"local_min":1}},"candidates":[]}},"expect":{{"verdicts":{{}}}}}}"#,
                day + 1
            ))
        };
        let mut runner = Runner::new(Vec::new(), None);
        for day in 0..3 * KEPT_GATES {
            let case = of(day)?.remove(0);
            let first = runner.gate(&case)?;
            assert!(std::sync::Arc::ptr_eq(&first, &runner.gate(&case)?), "it is built once");
            assert_eq!(runner.gates.len(), KEPT_GATES.min(day + 1));
            let kept: Vec<bool> =
                runner.gates.iter().map(|(key, _)| (day + 1).saturating_sub(KEPT_GATES) <= day_of(key)).collect();
            assert!(kept.iter().all(|kept| *kept), "{kept:?}");
        }
        Ok(())
    }

    /// The day of the month, from 0, that the key of a gate names.
    fn day_of(key: &str) -> usize {
        let digits =
            key.split("2026-01-").nth(1).and_then(|rest| rest.get(..2)).and_then(|day| day.parse::<usize>().ok());
        digits.map_or(usize::MAX, |day| day - 1)
    }
}
