//! Accepting what came out: a case's `expect` is rewritten, the rest of its line stays as it was typed.

use serde_json::{Map, Value as Json, json};

use crate::{list, texts};

/// The line of a case with an `expect` that is what came out, section by section of the old one. A case that expects nothing
/// yet gets verdicts and obligations.
///
/// # Errors
/// One clause, when the line has no `expect` that can be replaced.
pub fn accept(line: &str, answer: &Json) -> Result<String, String> {
    let case: Json = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let old = case["expect"].as_object().ok_or("the case has no `expect`")?;
    let span = value_of(line, "expect").ok_or("the case has no `expect`")?;
    Ok(format!("{}{}{}", &line[..span.start], sections(old, answer), &line[span.end..]))
}

/// The sections in the order that people read them in.
fn sections(old: &Map<String, Json>, answer: &Json) -> String {
    let wanted = |name: &str| match old.is_empty() {
        true => ["verdicts", "obligations"].contains(&name),
        false => old.contains_key(name),
    };
    let sorted = |key: &str, field: &str| {
        let mut items: Vec<String> = texts(answer, key, field).collect();
        items.sort();
        items.dedup();
        json!(items)
    };
    let mut parts = Vec::new();
    let mut part = |name: &str, value: &dyn Fn() -> String| {
        if wanted(name) {
            parts.push(format!("\"{name}\":{}", value()));
        }
    };
    part("scope", &|| answer["scope"].to_string());
    part("verdicts", &|| verdicts(answer));
    part("tags", &|| {
        let touched = list(answer, "tags").filter(|tag| tag["action"] != "keep");
        object(touched.map(|tag| (&tag["tag_id"], json!({"action": tag["action"], "rules": rules(tag)}).to_string())))
    });
    part("obligations", &|| sorted("obligations", "code").to_string());
    part("vetoes", &|| sorted("vetoes", "feature").to_string());
    part("constraints", &|| {
        // A case may leave out the rule that asks, and goes on to.
        let with_rule =
            old.get("constraints").and_then(Json::as_array).is_some_and(|all| all.iter().any(|c| !c["rule"].is_null()));
        let constraints = list(answer, "constraints").cloned().map(|mut constraint| {
            if let Some(fields) = constraint.as_object_mut().filter(|_| !with_rule) {
                fields.remove("rule");
            }
            constraint
        });
        Json::Array(constraints.collect()).to_string()
    });
    part("promote", &|| sorted("promote", "target").to_string());
    part("violations", &|| sorted("violations", "rule").to_string());
    part("shadow", &|| sorted("shadow", "rule").to_string());
    part("order", &|| json!(texts(answer, "verdicts", "id").collect::<Vec<_>>()).to_string());
    part("args", &|| {
        let named =
            list(answer, "obligations").filter(|o| old["args"].get(o["code"].as_str().unwrap_or_default()).is_some());
        object(named.map(|o| (&o["code"], o["args"].to_string())))
    });
    format!("{{{}}}", parts.join(","))
}

/// Every verdict that is not a plain `allow`.
fn verdicts(answer: &Json) -> String {
    let touched =
        list(answer, "verdicts").filter(|row| row["action"] != "allow" || list(row, "reasons").next().is_some());
    object(touched.map(|row| {
        let text = format!(
            "{{\"action\":{},\"hold\":{},\"weight_ppm\":{},\"labels\":{},\"rules\":{}}}",
            row["action"],
            row["hold"],
            row["weight_ppm"],
            row["labels"],
            rules(row)
        );
        (&row["id"], text)
    }))
}

fn rules(row: &Json) -> Json {
    json!(texts(row, "reasons", "rule").collect::<Vec<_>>())
}

/// A JSON object of these members, in the order of their names.
fn object<'a>(members: impl Iterator<Item = (&'a Json, String)>) -> String {
    let mut members: Vec<String> = members.map(|(name, value)| format!("{name}:{value}")).collect();
    members.sort();
    members.dedup();
    format!("{{{}}}", members.join(","))
}

/// Where the value of a member of the outermost object stands. The text is known to be JSON.
fn value_of(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let (mut word, mut start, mut begun) = (0, None, false);
    for (at, c) in text.char_indices() {
        if quoted {
            (quoted, escaped) = (c != '"' || escaped, c == '\\' && !escaped);
            // A word that ends at the top, before a colon, is a member's name.
            if !quoted && depth == 1 && start.is_none() {
                let rest = text[at + 1..].trim_start();
                if &text[word..at] == name && rest.starts_with(':') {
                    start = Some(text.len() - rest.len() + 1);
                }
            }
            continue;
        }
        match c {
            '"' => (quoted, word) = (true, at + 1),
            '{' | '[' => {
                depth += 1;
                begun |= start.is_some();
            }
            '}' | ']' => {
                depth -= 1;
                if let Some(start) = start.filter(|_| begun && depth == 1) {
                    return Some(start..at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_expect_is_rewritten_whatever_else_the_line_says() {
        let line = r#"{ "case": "a \"expect\": {", "request": {"expect": {"x": 1}}, "expect": {"verdicts": {}}, "note": "}" }"#;
        let answer = json!({"verdicts": [
            {"id": "b", "action": "demote", "hold": "none", "weight_ppm": 5, "labels": [], "reasons": [{"rule": "r.x"}]},
            {"id": "a", "action": "allow", "hold": "none", "weight_ppm": 1_000_000, "labels": [], "reasons": []},
        ]});
        let accepted = accept(line, &answer).unwrap();
        let expected = r#"{ "case": "a \"expect\": {", "request": {"expect": {"x": 1}}, "expect":{"verdicts":{"b":{"action":"demote","hold":"none","weight_ppm":5,"labels":[],"rules":["r.x"]}}}, "note": "}" }"#;
        assert_eq!(accepted, expected);
        assert!(accept(r#"{"case": "x", "request": {}}"#, &answer).is_err());
    }
}
