//! Manifests of made modules: rules of every level and stage, columns of the user and of every shape.

use serde_json::{Value, json};

/// What a made module says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One rule a row, no columns.
    Bare,
    /// Columns of the user; rules of every level, in both stages. Spies have it, and the numbers of their effects below.
    Wide,
    /// A column of every type.
    Columns,
    /// The rules of `Wide`, and two columns of numbers a row.
    Echo,
}

impl Shape {
    /// Those of generated modules.
    pub(crate) const ALL: [Shape; 3] = [Self::Bare, Self::Wide, Self::Columns];
}

/// Effects of [`Shape::Wide`] by number.
pub(crate) const BLOCK: u16 = 0;
/// A demotion whose weight the answer carries.
pub(crate) const DEMOTE: u16 = 1;
/// An obligation whose argument, any number, the answer carries: what a spy reports with.
pub(crate) const REPORT: u16 = 2;
/// How many there are.
pub(crate) const EFFECTS: u16 = 10;

/// The authority of the only attacker on a gate.
pub(crate) const HOSTILE: &str = "hostile";

/// Whose module it is, and under which names.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) authority: String,
    pub(crate) name: String,
    /// Prefix of its rules.
    pub(crate) prefix: String,
}

impl Author {
    /// An author that claims no prefix but its module's name.
    pub(crate) fn of(authority: &str, name: &str) -> Self {
        Self { authority: authority.into(), name: name.into(), prefix: name.into() }
    }
}

/// The manifest of an author's module, as JSON.
pub(crate) fn manifest(author: &Author, shape: Shape) -> Value {
    let Author { authority, name, prefix } = author;
    let rule = |id: &str, stage: &str, level: &str, effects: Value| {
        json!({"id": format!("{prefix}.{id}"), "stage": stage, "level": level, "modality": "must", "basis": "none",
               "source": "engineering", "verified": false, "audience": "viewer", "sentence": {"zh": "x", "en": "x"},
               "remedy": {"zh": "x", "en": "x"}, "wording": "draft", "effects": effects})
    };
    let report = json!({"obligation": {"code": "pause.dispatch", "args": {"pause_s": "computed"}}});
    let integer = |field: &str| json!({"field": field, "type": "integer"});
    let user = [integer("session.streak_topic_id"), integer("user.spend_30d_fen"), integer("session.today_s")];
    let numbers = [integer("author_id"), integer("topic_id")];
    let tag = json!({"field": "tag_id", "type": "id"});
    let (request, frames, rules) = match shape {
        Shape::Bare => (
            json!([]),
            json!([{"name": "candidates", "columns": []}]),
            json!([rule("row", "candidate", "row", json!([{"block": "none"}, {"demote": "computed"}, report]))]),
        ),
        Shape::Wide | Shape::Echo => (
            json!(user),
            json!([{"name": "candidates", "columns": if shape == Shape::Echo { json!(numbers) } else { json!([]) }},
                   {"name": "tags", "columns": [tag]}]),
            json!([
                rule("row", "candidate", "row", json!([{"block": "none"}, {"demote": "computed"}, report])),
                rule("tag", "candidate", "tag", json!([{"tag": "delete"}, {"veto": "tag"}])),
                rule("request", "candidate", "request", json!([report, "violation"])),
                rule("slate", "slate", "row", json!([{"block": "human_review"}, {"label": "ad"}, report])),
            ]),
        ),
        Shape::Columns => (
            json!(user),
            json!([
                {"name": "candidates", "columns": [
                    {"field": "kind", "type": "term", "entries": ["article", "ad"]},
                    {"field": "signals", "type": "signals", "entries": ["L*", "M1"]},
                    {"field": "price_fen", "type": "integer"},
                    {"field": "commercial", "type": "tri"},
                    {"field": "matched_tags", "type": "ids"},
                    {"field": "offer.price_features", "type": "terms", "entries": ["age"]},
                ]},
                {"name": "tags", "columns": [tag, {"field": "signals", "type": "signals", "entries": ["H*"]}]},
            ]),
            json!([rule("row", "candidate", "row", json!(["promote", {"demote": 500_000}, report]))]),
        ),
    };
    json!({"contract": "normgate:policy@0.1.0", "id": format!("{authority}/{name}"), "module": prefix, "version": "1.0.0",
           "title": {"zh": "x", "en": "x"}, "law": "arp", "on_failure": "hold", "request": request, "frames": frames,
           "parameters": [], "rules": rules})
}
