//! Mutation: change one threshold or one input at a time, and see whether some case notices. What none notices is not tested.

use normgate::contract::{ColumnType, Parameter, ParameterType, Value};
use serde_json::Value as Json;

use crate::{Case, Runner};

/// A change, and how many cases noticed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// The change: "art18.rest_s: 1 more", "candidates.kind: not sent".
    pub what: String,
    /// Cases that would have shown it.
    pub tried: usize,
    /// Cases of which something came out differently.
    pub noticed: usize,
}

/// Tries every change on every case that it concerns. Cases should pass before: one that fails notices everything.
///
/// Thresholds move by one to either side, choices to every other choice, and inputs go missing or, where they are yes or no, turn
/// to the other. A change that the configuration does not allow (a limit of the law, a pair out of order) is left out.
pub fn mutate(runner: &mut Runner, cases: &[Case], mut progress: impl FnMut(usize, usize)) -> Vec<Mutation> {
    let mut changes: Vec<(String, String, Change)> = Vec::new();
    for manifest in runner.modules.iter().map(|module| &module.manifest) {
        for parameter in manifest.parameters.iter().filter(|p| !p.name.starts_with("common.")) {
            for (what, shift) in shifts(parameter) {
                let what = format!("{}: {what}", parameter.name);
                changes.push((manifest.module.clone(), what, Change::Parameter(parameter.clone(), shift)));
            }
        }
        for (name, input) in manifest.columns() {
            let mut change =
                |what: &str, change| changes.push((manifest.module.clone(), format!("{name}: {what}"), change));
            change("not sent", Change::Input(name.clone(), Turn::Missing));
            if input.kind == ColumnType::Tri {
                change("yes and no exchanged", Change::Input(name.clone(), Turn::Exchanged));
            }
        }
    }
    let total = changes.len();
    let mut mutations = Vec::with_capacity(total);
    for (done, (module, what, change)) in changes.into_iter().enumerate() {
        progress(done, total);
        let mut mutation = Mutation { what, tried: 0, noticed: 0 };
        for case in cases.iter().filter(|case| case.modules.as_ref().is_none_or(|names| names.contains(&module))) {
            let Some(changed) = change.of(case) else { continue };
            let report = runner.run(&changed);
            if report.error.is_none() {
                mutation.tried += 1;
                mutation.noticed += usize::from(!report.differences.is_empty());
            }
        }
        mutations.push(mutation);
    }
    mutations
}

enum Change {
    Parameter(Parameter, Shift),
    Input(String, Turn),
}

enum Shift {
    By(i64),
    To(String),
}

enum Turn {
    Missing,
    Exchanged,
}

fn shifts(parameter: &Parameter) -> Vec<(String, Shift)> {
    match &parameter.kind {
        ParameterType::Integer { .. } => {
            vec![("one less".to_owned(), Shift::By(-1)), ("one more".to_owned(), Shift::By(1))]
        }
        ParameterType::Term { choices } => {
            choices.iter().map(|choice| (choice.clone(), Shift::To(choice.clone()))).collect()
        }
    }
}

impl Change {
    /// The case with the change; none when it changes nothing there.
    fn of(&self, case: &Case) -> Option<Case> {
        let mut changed = case.clone();
        match self {
            Self::Parameter(parameter, shift) => {
                let value = case.parameters.get(&parameter.name).unwrap_or(&parameter.default);
                let moved = match (shift, value) {
                    (Shift::By(step), Value::Integer(number)) => Value::Integer(number + step),
                    (Shift::To(choice), Value::Term(now)) if choice != now => Value::Term(choice.clone()),
                    _ => return None,
                };
                changed.parameters.insert(parameter.name.clone(), moved);
            }
            Self::Input(name, turn) => {
                let (frame, field) = name.split_once('.')?;
                let request = &mut changed.request;
                let mut any = false;
                match frame {
                    "request" => any |= turn.apply(request, field),
                    "tags" => {
                        let rows = request.pointer_mut("/user/tags").and_then(Json::as_array_mut);
                        rows.into_iter().flatten().for_each(|row| any |= turn.apply(row, field));
                    }
                    rows => {
                        let rows = request.get_mut(rows).and_then(Json::as_array_mut);
                        rows.into_iter().flatten().for_each(|row| any |= turn.apply(row, field));
                    }
                }
                if !any {
                    return None;
                }
            }
        }
        Some(changed)
    }
}

impl Turn {
    /// Changes a field of an object; false when it is not there.
    fn apply(&self, object: &mut Json, field: &str) -> bool {
        match (field.split_once('.'), self) {
            (Some((outer, rest)), _) => object.get_mut(outer).is_some_and(|inner| self.apply(inner, rest)),
            (None, Self::Missing) => object.as_object_mut().is_some_and(|fields| fields.remove(field).is_some()),
            (None, Self::Exchanged) => match object.get_mut(field) {
                Some(Json::Bool(value)) => {
                    *value = !*value;
                    true
                }
                _ => false,
            },
        }
    }
}
