//! Claims of an attacker's manifest: power that nobody granted, and figures that break what others rest on.

use serde_json::{Value, json};

use crate::manifests::Author;
use crate::numbers::Numbers;

/// Prefixes that belong to somebody else or to the host, beside the attacker's own.
const PREFIXES: [&str; 6] = ["art09", "art18", "art22", "art05.delivery", "host", "common"];

/// Packs of others, one of them written as nobody may write it.
const PACKS: [&str; 3] = ["delivery", "elder-ui", "reference/night"];

/// Parameters of the law, each with a value that is stricter, is none, or breaks an order.
const OVERLAYS: [(&str, i64); 6] = [
    ("common.t_confirm", 400_000),
    ("common.t_suspect", 1),
    ("common.t_suspect", 400_000),
    ("art06.harm_w", 0),
    ("art18.rest_s", 60),
    ("art18.suspect_w", -1),
];

/// The author under a prefix of somebody else, now and then.
pub(crate) fn prefix(numbers: &mut Numbers, author: Author) -> Author {
    match numbers.position(8) {
        0 => Author { prefix: (*numbers.pick(&PREFIXES)).into(), ..author },
        _ => author,
    }
}

/// Puts claims into a manifest that is to be held against a grant.
pub(crate) fn add(numbers: &mut Numbers, manifest: &mut Value) {
    let authority = manifest["id"].as_str().and_then(|id| id.split('/').next()).unwrap_or_default().to_owned();
    let prefix = manifest["module"].as_str().unwrap_or_default().to_owned();
    // Whatever the grant does not give is dropped, so that the module is let in and says it all the same.
    if numbers.position(4) != 0 {
        for rule in manifest["rules"].as_array_mut().into_iter().flatten() {
            let effects = rule["effects"].as_array().map_or(0, Vec::len);
            rule["optional_effects"] = json!((0..effects).collect::<Vec<_>>());
        }
        let request = manifest["request"].as_array().cloned().unwrap_or_default();
        manifest["request"] = request.into_iter().map(optional).collect();
        for frame in manifest["frames"].as_array_mut().into_iter().flatten() {
            let columns = frame["columns"].as_array().cloned().unwrap_or_default();
            frame["columns"] = columns.into_iter().map(optional).collect();
        }
    }
    if numbers.position(3) == 0 {
        manifest["pack"] = match numbers.position(3) {
            0 => json!(format!("{authority}/pack")),
            _ => json!(numbers.pick(&PACKS)),
        };
        manifest["issuer"] = json!({"zh": "x", "en": "x"});
        let overlays = (0..1 + numbers.position(4)).map(|_| *numbers.pick(&OVERLAYS));
        manifest["overlays"] = overlays.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    }
    // The same column under another type in every module of the authority.
    if numbers.position(4) == 0 {
        let kind = *numbers.pick(&["integer", "tri", "id"]);
        let column = json!({"field": format!("x.{authority}.a"), "type": kind});
        if let Some(columns) = manifest["frames"][0]["columns"].as_array_mut() {
            columns.push(column);
        }
    }
    // Figures that are in order today, and not from some day on.
    if numbers.position(4) == 0 {
        let parameter = |name: &str, default: i64, dated: Value| {
            json!({"name": format!("{prefix}.{name}"), "type": "integer", "min": 0, "max": 1_000, "unit": "count",
                   "stricter": "smaller", "default": default, "owner": "op", "source": "engineering", "dated": dated})
        };
        let day = *numbers.pick(&["2020-01-01", "2026-11-29", "2027-01-01"]);
        manifest["parameters"] = json!([parameter("lo", 1, json!([[day, 50]])), parameter("hi", 2, json!([]))]);
        manifest["ordered"] = json!([[format!("{prefix}.lo"), format!("{prefix}.hi")]]);
    }
    if numbers.position(6) == 0 {
        manifest["replaces"] = json!(["reference/art18-minors", "reference/art09-synthetic-labels"]);
    }
    if numbers.position(6) == 0 {
        manifest["effective_from"] = json!(numbers.pick(&["2020-01-01", "2030-01-01"]));
    }
    // Obligations with as many arguments as it dares to list, each of which an answer could have copied for every item.
    if numbers.position(6) == 0 {
        let most = *numbers.pick(&[16, 400, 4_000]);
        for rule in manifest["rules"].as_array_mut().into_iter().flatten() {
            for effect in rule["effects"].as_array_mut().into_iter().flatten() {
                if effect["obligation"].is_object() {
                    let args = (0..most).map(|name| (format!("argument_{name}"), json!(1)));
                    effect["obligation"]["args"] = args.chain([("pause_s".to_owned(), json!("computed"))]).collect();
                }
            }
        }
    }
    // A record that would have to be kept for a hundred years.
    if numbers.position(4) == 0 {
        for rule in manifest["rules"].as_array_mut().into_iter().flatten() {
            for effect in rule["effects"].as_array_mut().into_iter().flatten() {
                if effect["obligation"].is_object() {
                    effect["obligation"]["retain_d"] = json!(36_525);
                }
            }
        }
    }
}

fn optional(mut input: Value) -> Value {
    input["optional"] = json!(true);
    input
}
