//! Trying one module: what it is granted, whether it can be compiled, and its own cases.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use normgate::contract::Day;
use normgate::{BuildError, Gate, GateBuilder, LoadError, Module};
use normgate_cases::{Case, FAILURES, Report, Runner};

use crate::store::days_of;
use crate::sync::Checks;

/// Most cases that one module may bring.
const MAX_CASES: usize = 1_000;

/// Why a module is not taken.
pub(crate) enum Unfit {
    /// The platform does not grant what it asks for: no fault of the module.
    Beyond(String),
    /// Something is wrong with it.
    Wrong(String),
}

/// Tries a module: its grant, the compiler, every day that it names from today on, and its own cases. These must pass with everything
/// granted, run under what the platform grants without a failure, and show each of its rules.
///
/// # Errors
/// What is wrong with it, in a clause.
pub fn examine(module: &Module, cases: &[u8], checks: &Checks) -> Result<(), String> {
    try_out(module, cases, checks).map_err(|(Unfit::Beyond(why) | Unfit::Wrong(why))| why)
}

pub(crate) fn try_out(module: &Module, cases: &[u8], checks: &Checks) -> Result<(), Unfit> {
    let text = std::str::from_utf8(cases).map_err(|_| Unfit::Wrong("its cases are no text".into()))?;
    let cases = normgate_cases::read(text).map_err(|why| Unfit::Wrong(format!("its cases cannot be read: {why}")))?;
    if cases.len() > MAX_CASES {
        return Err(Unfit::Wrong(format!("it comes with {} cases; at most {MAX_CASES} are taken", cases.len())));
    }
    // The gates live while the cases run, so that what they compiled is compiled once.
    let _gates = on_its_days(module, checks)?;
    run(module, &cases, checks).map_err(Unfit::Wrong)
}

/// Opens a module alone today, and on each later day on which it changes.
fn on_its_days(module: &Module, checks: &Checks) -> Result<Vec<normgate::Generation>, Unfit> {
    let today =
        crate::today().ok_or_else(|| Unfit::Wrong("the clock stands outside of the calendar; set it".into()))?;
    let mut days: BTreeSet<Day> = days_of(&module.manifest).into_iter().filter(|day| *day > today).collect();
    if days.len() > checks.bounds.days {
        let why = format!("it changes on {} days; at most {} are taken", days.len(), checks.bounds.days);
        return Err(Unfit::Wrong(why));
    }
    days.insert(today);
    let open = |day: Day| {
        let builder = || {
            checks
                .equip(Gate::builder().policies([module.clone()]).config(checks.config.clone()).of_a_larger_set())
                .as_of(day)
        };
        let opened = builder().tolerant().generation().map_err(|error| Unfit::Wrong(error.to_string()))?;
        if opened.left_out().is_empty() {
            return Ok(opened);
        }
        // Why, is what a builder says that leaves nothing out.
        Err(match builder().generation() {
            Err(error @ BuildError::Load(LoadError::Grant { .. })) => Unfit::Beyond(error.to_string()),
            Err(error) if day > today => Unfit::Wrong(format!("on {day} it cannot be loaded: {error}")),
            Err(error) => Unfit::Wrong(error.to_string()),
            Ok(_) => Unfit::Wrong("it does not load".into()),
        })
    };
    days.into_iter().map(open).collect()
}

/// Runs a module's cases.
fn run(module: &Module, cases: &[Case], checks: &Checks) -> Result<(), String> {
    let runner = || {
        let runner = Runner::new(vec![module.clone()], Some(Box::new(checks.artifacts)));
        runner.compiler(Arc::clone(&checks.compiler))
    };
    let mut everything = runner();
    let mut granted = runner().granting(checks.config.authorities.clone().unwrap_or_default());
    let begin = Instant::now();
    let mut shown = BTreeSet::new();
    for case in cases {
        if begin.elapsed() >= checks.bounds.trial {
            return Err(format!("its {} cases take longer than {:?}; shorten them", cases.len(), checks.bounds.trial));
        }
        let report = everything.run(case);
        if let Some(why) = failed(&report, |_| true) {
            return Err(why);
        }
        // What is withheld from it may change what it says, and must not break it.
        if let Some(why) = failed(&granted.run(case), |place| place == FAILURES) {
            return Err(format!("under what is granted to it, {why}"));
        }
        shown.extend(report.fired);
    }
    let rules = || module.manifest.rules.iter().filter(|rule| !shown.contains(&rule.id));
    if rules().next().is_some() {
        // One that another always covers may still have fired.
        let covered = cases.iter().filter_map(|case| everything.effects(case).ok()).flatten();
        let covered: BTreeSet<String> = covered.map(|(rule, _)| rule).collect();
        if let Some(rule) = rules().find(|rule| !covered.contains(&rule.id)) {
            return Err(format!("none of its own cases shows the rule {}; add one in which it fires", rule.id));
        }
    }
    Ok(())
}

/// Why a case counts as failed, if it does: it could not be run, or something differs at such a place.
fn failed(Report { case, error, differences, .. }: &Report, counts: impl Fn(&str) -> bool) -> Option<String> {
    if let Some(error) = error {
        return Some(format!("its own case `{case}` cannot be run: {error}"));
    }
    let difference = differences.iter().find(|difference| counts(&difference.place))?;
    let (place, expected, got) = (&difference.place, &difference.expected, &difference.got);
    Some(format!("its own case `{case}` fails: {place}: expected {expected}, got {got}"))
}

impl Checks {
    /// Gives a builder the caller's compiler and store of compiled modules.
    pub(crate) fn equip(&self, builder: GateBuilder) -> GateBuilder {
        let compiler = Arc::clone(&self.compiler);
        let builder = builder.compiler(move |module| compiler(module));
        match (self.artifacts)() {
            Some(artifacts) => builder.artifacts(artifacts),
            None => builder,
        }
    }
}
