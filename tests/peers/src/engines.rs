//! The other engines, each fed and asked as its own users do it.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::list::{AGE_BLOCK, AGE_DEMOTE, List, PROFILE_PRICE, UNSAFE_IMITATION};

/// Judges the list once.
pub(crate) type Judge = Box<dyn FnMut() -> Vec<u8>>;

/// What a rule's name adds to a verdict.
fn bits(rule: &str) -> u8 {
    match rule {
        "ai-confirmed" => 3,
        "ai-possible" => 2,
        "ai-suspected" => 1,
        "unsafe-imitation" => UNSAFE_IMITATION,
        "age-block" => AGE_BLOCK,
        "age-demote" => AGE_DEMOTE,
        "profile-price" => PROFILE_PRICE,
        other => panic!("no rule is called {other}"),
    }
}

/// Cedar answers one request at a time: an item each, with the policies that forbid to show it as it is.
pub(crate) fn cedar(list: &List) -> Judge {
    use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};

    let policies = PolicySet::from_str(include_str!("../rules/three.cedar")).unwrap();
    let rules: HashMap<_, _> = (policies.policies())
        .filter_map(|policy| Some((policy.id().clone(), bits(policy.annotation("id")?))))
        .collect();
    let user = EntityUid::from_str(r#"User::"u""#).unwrap();
    let show = EntityUid::from_str(r#"Action::"show""#).unwrap();
    let asked: Vec<(Request, Entities)> = (list.candidates.iter())
        .map(|candidate| {
            let mut attributes = candidate.clone();
            let fields = attributes.as_object_mut().unwrap();
            if let Some(signals) = fields.remove("signals") {
                fields.insert("raised".into(), raised(&signals));
            }
            let id = fields.remove("id").unwrap();
            let entities = json!([
                {"uid": {"type": "User", "id": "u"}, "attrs": list.user, "parents": []},
                {"uid": {"type": "Candidate", "id": id}, "attrs": attributes, "parents": []},
            ]);
            let resource = EntityUid::from_str(&format!("Candidate::{id}")).unwrap();
            let request = Request::new(user.clone(), show.clone(), resource, Context::empty(), None).unwrap();
            (request, Entities::from_json_value(entities, None).unwrap())
        })
        .collect();
    let authorizer = Authorizer::new();
    Box::new(move || {
        let verdicts = asked.iter().map(|(request, entities)| {
            let response = authorizer.is_authorized(request, &policies, entities);
            assert_eq!(response.diagnostics().errors().count(), 0, "a policy failed");
            response.diagnostics().reason().filter_map(|policy| rules.get(policy)).sum()
        });
        verdicts.collect()
    })
}

/// The families of the codes that are raised: what a host folds for an engine that cannot look into lists of records.
fn raised(signals: &Value) -> Value {
    let signals = signals.as_array().unwrap();
    let is = |signal: &Value, field: &str, value: &str| signal[field] == value;
    let holds = |signal: &&Value| {
        let confidence = signal["conf_ppm"].as_i64().unwrap();
        let denied = signals
            .iter()
            .any(|other| other["code"] == signal["code"] && is(other, "source", "human") && other["conf_ppm"] == 0);
        match signal["source"].as_str().unwrap() {
            "authority" | "human" => confidence > 0,
            "db_exact" => true,
            "db_fuzzy" => !denied,
            "classifier" => confidence >= 700_000 && !denied,
            _ => false,
        }
    };
    let family = |signal: &Value| json!(signal["code"].as_str().unwrap().split('.').next());
    signals.iter().filter(holds).map(family).collect()
}

/// Rego judges the whole list: a set of ids each rule.
pub(crate) fn regorus(list: &List) -> Judge {
    let mut engine = regorus::Engine::new();
    engine.add_policy("three.rego".into(), include_str!("../rules/three.rego").into()).unwrap();
    let input = json!({"user": list.user, "candidates": list.candidates}).to_string();
    let input = regorus::Value::from_json_str(&input).unwrap();
    let rows = rows(list);
    Box::new(move || {
        engine.set_input(input.clone());
        let decision = engine.eval_rule("data.normgate.decision".into()).unwrap();
        let mut verdicts = vec![0; rows.len()];
        for (rule, ids) in decision.as_object().unwrap() {
            let bits = bits(rule.as_string().unwrap());
            for id in ids.as_set().unwrap() {
                verdicts[rows[&**id.as_string().unwrap()]] += bits;
            }
        }
        verdicts
    })
}

/// Rows by id.
fn rows(list: &List) -> HashMap<String, usize> {
    let ids = list.candidates.iter().map(|candidate| candidate["id"].as_str().unwrap().to_owned());
    ids.enumerate().map(|(row, id)| (id, row)).collect()
}

/// CEL maps the whole list by one expression.
pub(crate) fn cel(list: &List) -> Judge {
    use cel::{Context, Env, Value as Cel};

    fn value(json: &Value) -> Cel {
        match json {
            Value::Null => Cel::Null,
            Value::Bool(flag) => Cel::Bool(*flag),
            Value::Number(number) => Cel::Int(number.as_i64().unwrap()),
            Value::String(text) => Cel::from(text.as_str()),
            Value::Array(items) => Cel::from(items.iter().map(value).collect::<Vec<_>>()),
            Value::Object(fields) => {
                Cel::from(fields.iter().map(|(name, field)| (name.clone(), value(field))).collect::<HashMap<_, _>>())
            }
        }
    }

    let env = Arc::new(Env::stdlib());
    let program = env.compile(include_str!("../rules/three.cel")).unwrap();
    let mut context = Context::with_env(env);
    context.add_variable_from_value("candidates", value(&json!(list.candidates)));
    context.add_variable_from_value("user", value(&list.user));
    context.add_variable_from_value(
        "floors",
        value(&json!({"all": 0, "r3": 3, "r8": 8, "r12": 12, "r16": 16, "r18": 18})),
    );
    context.add_variable_from_value(
        "about_the_person",
        value(&json!([
            "age",
            "gender",
            "occupation",
            "income",
            "device_model",
            "spend_history",
            "loyalty",
            "wtp_score",
            "browse_history",
            "churn_score"
        ])),
    );
    Box::new(move || match program.execute(&context).unwrap() {
        Cel::List(verdicts) => verdicts
            .iter()
            .map(|verdict| match verdict {
                Cel::Int(verdict) => *verdict as u8,
                other => panic!("a verdict is {other:?}"),
            })
            .collect(),
        other => panic!("the verdicts are {other:?}"),
    })
}

/// Lua 5.4 judges the whole list in one call.
pub(crate) fn lua(list: &List) -> Judge {
    fn value(lua: &mlua::Lua, json: &Value) -> mlua::Value {
        match json {
            Value::Null => mlua::Value::Nil,
            Value::Bool(flag) => mlua::Value::Boolean(*flag),
            Value::Number(number) => mlua::Value::Integer(number.as_i64().unwrap()),
            Value::String(text) => mlua::Value::String(lua.create_string(text).unwrap()),
            Value::Array(items) => {
                let items = items.iter().map(|item| value(lua, item));
                mlua::Value::Table(lua.create_sequence_from(items).unwrap())
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, field)| (name.as_str(), value(lua, field)));
                mlua::Value::Table(lua.create_table_from(fields).unwrap())
            }
        }
    }

    let lua = mlua::Lua::new();
    let judge: mlua::Function = lua.load(include_str!("../rules/three.lua")).eval().unwrap();
    let candidates = value(&lua, &json!(list.candidates));
    let user = value(&lua, &list.user);
    Box::new(move || {
        // Functions and tables do not keep their interpreter alive.
        let _lua = &lua;
        let verdicts: mlua::Table = judge.call((&candidates, &user)).unwrap();
        verdicts.sequence_values::<u8>().collect::<Result<_, _>>().unwrap()
    })
}

/// Rhai judges the whole list in one call.
pub(crate) fn rhai(list: &List) -> Judge {
    use rhai::{Array, CallFnOptions, Dynamic, Engine, Map, OptimizationLevel, Scope};

    fn value(json: &Value) -> Dynamic {
        match json {
            Value::Null => Dynamic::UNIT,
            Value::Bool(flag) => Dynamic::from(*flag),
            Value::Number(number) => Dynamic::from(number.as_i64().unwrap()),
            Value::String(text) => Dynamic::from(text.clone()),
            Value::Array(items) => Dynamic::from_array(items.iter().map(value).collect()),
            Value::Object(fields) => {
                Dynamic::from_map(fields.iter().map(|(name, field)| (name.into(), value(field))).collect::<Map>())
            }
        }
    }

    let mut engine = Engine::new();
    engine.set_optimization_level(OptimizationLevel::Full);
    let script = engine.compile(include_str!("../rules/three.rhai")).unwrap();
    // Shared, or every call would copy the list.
    let candidates = value(&json!(list.candidates)).into_shared();
    let user = value(&list.user).into_shared();
    let mut scope = Scope::new();
    Box::new(move || {
        let verdicts: Array = engine
            .call_fn_with_options(
                CallFnOptions::new().eval_ast(false),
                &mut scope,
                &script,
                "judge",
                (candidates.clone(), user.clone()),
            )
            .unwrap();
        verdicts.into_iter().map(|verdict| verdict.as_int().unwrap() as u8).collect()
    })
}

/// Extism runs a plug-in in a sandbox, as we do; the list goes in as JSON, which the plug-in reads.
pub(crate) fn extism(list: &List, plugin: &Path) -> Judge {
    let manifest = extism::Manifest::new([extism::Wasm::data(std::fs::read(plugin).unwrap())]);
    let mut plugin = extism::Plugin::new(manifest, [], false).unwrap();
    let input = json!({"user": list.user, "candidates": list.candidates}).to_string();
    Box::new(move || plugin.call::<&str, Vec<u8>>("judge", &input).unwrap())
}
