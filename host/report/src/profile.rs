//! What a provider says of itself: one file for the filing record, the published page, the badge and the registers. It is held
//! against one list of fields, so that whatever is missing or wrong is said by its path, and all of it at once.

use std::fmt;

use normgate::Language;
use normgate::contract::Day;
use serde_json::{Map, Value};

/// The five categories of algorithms (Art 2), as requests name them and as the filing does.
pub(crate) const CATEGORIES: [(&str, &str); 5] = [
    ("generate", "生成合成类"),
    ("push", "个性化推送类"),
    ("rank", "排序精选类"),
    ("filter", "检索过滤类"),
    ("dispatch", "调度决策类"),
];

const ROLES: [(&str, &str); 2] = [("provider", "服务提供者"), ("tech_support", "技术支持者")];

const STATES: [(&str, &str); 6] = [
    ("draft", "草稿"),
    ("submitted", "已提交"),
    ("returned", "已退回"),
    ("granted", "已备案"),
    ("changed", "已变更"),
    ("cancelled", "已注销"),
];

/// The systems that Art 7 names.
pub(crate) const SYSTEMS: [(&str, &str); 8] = [
    ("mechanism_review", "算法机制机理审核"),
    ("ethics_review", "科技伦理审查"),
    ("user_registration", "用户注册"),
    ("publication_review", "信息发布审核"),
    ("data_protection", "数据安全和个人信息保护"),
    ("anti_fraud", "反电信网络诈骗"),
    ("assessment_monitoring", "安全评估监测"),
    ("incident_response", "安全事件应急处置"),
];

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    /// A text.
    Text,
    /// A text, or one in Chinese and one in English.
    Words,
    /// Texts.
    Texts,
    /// A whole number from 0.
    Count,
    /// A share in ppm.
    Ppm,
    Flag,
    Date,
    Url,
    /// 18 digits and capital letters.
    CreditCode,
    /// One of these, by its first or its second name.
    OneOf(&'static [(&'static str, &'static str)]),
}

/// A field: where it stands (`[]` = in every element of a list), what it holds, whether it may be left out.
struct Field {
    path: &'static str,
    kind: Kind,
    optional: bool,
}

const fn field(path: &'static str, kind: Kind) -> Field {
    Field { path, kind, optional: false }
}

const fn may(path: &'static str, kind: Kind) -> Field {
    Field { path, kind, optional: true }
}

const FIELDS: [Field; 66] = [
    field("subject.name", Kind::Words),
    field("subject.credit_code", Kind::CreditCode),
    field("subject.type", Kind::Text),
    field("subject.address", Kind::Text),
    field("subject.site", Kind::Url),
    field("subject.mau", Kind::Count),
    field("subject.legal_rep.name", Kind::Text),
    field("subject.legal_rep.id_type", Kind::Text),
    field("subject.legal_rep.id_no", Kind::Text),
    field("subject.safety_officer.name", Kind::Text),
    field("subject.safety_officer.id_type", Kind::Text),
    field("subject.safety_officer.id_no", Kind::Text),
    field("subject.safety_officer.phone", Kind::Text),
    field("subject.safety_officer.email", Kind::Text),
    field("subject.pledge_doc", Kind::Text),
    field("subject.responsibility_doc", Kind::Text),
    field("algorithm.name", Kind::Words),
    field("algorithm.category", Kind::OneOf(&CATEGORIES)),
    field("algorithm.role", Kind::OneOf(&ROLES)),
    field("algorithm.online_date", Kind::Date),
    field("algorithm.application_domain", Kind::Text),
    field("algorithm.self_assessment_report", Kind::Text),
    field("algorithm.public_content.basic_principle", Kind::Words),
    field("algorithm.public_content.operating_mechanism", Kind::Words),
    field("algorithm.public_content.application_scenario", Kind::Words),
    field("algorithm.public_content.purpose", Kind::Words),
    field("algorithm.brief", Kind::Text),
    field("algorithm.scenario", Kind::Text),
    field("algorithm.input_modality", Kind::Texts),
    field("algorithm.output_modality", Kind::Texts),
    field("algorithm.model", Kind::Text),
    field("algorithm.training_data", Kind::Text),
    field("algorithm.strategy", Kind::Text),
    field("algorithm.risk_and_prevention", Kind::Text),
    field("products[].name", Kind::Text),
    field("products[].service_form", Kind::Text),
    field("products[].url", Kind::Url),
    field("products[].status", Kind::Text),
    field("products[].audience", Kind::Text),
    field("products[].realname", Kind::Flag),
    field("products[].prior_permits", Kind::Texts),
    field("products[].access_path", Kind::Text),
    field("products[].functions[].name", Kind::Text),
    field("products[].functions[].intro", Kind::Text),
    field("state", Kind::OneOf(&STATES)),
    may("filing_no", Kind::Text),
    may("dates.submitted", Kind::Date),
    may("dates.granted", Kind::Date),
    may("dates.changed", Kind::Date),
    may("dates.ended", Kind::Date),
    may("dates.cancelled", Kind::Date),
    field("disclosure.version", Kind::Text),
    field("disclosure.updated", Kind::Date),
    field("disclosure.rules_url", Kind::Url),
    field("disclosure.off_switch.location", Kind::Words),
    may("disclosure.off_switch.url", Kind::Url),
    field("disclosure.parameters[].name", Kind::Words),
    field("disclosure.parameters[].meaning", Kind::Words),
    may("disclosure.parameters[].importance", Kind::Words),
    may("disclosure.parameters[].weight_ppm", Kind::Ppm),
    may("governance.staffing", Kind::Words),
    field("governance.systems[].system", Kind::OneOf(&SYSTEMS)),
    field("governance.systems[].owner", Kind::Text),
    field("governance.systems[].document_sha256", Kind::Text),
    field("governance.systems[].version", Kind::Text),
    field("governance.systems[].next_review", Kind::Date),
];

/// Sections that a profile may leave out as a whole; a command that needs one says so.
const OPTIONAL_SECTIONS: [&str; 3] = ["dates", "disclosure", "governance"];

/// Something that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a path in the JSON: `products[0].url`.
    pub path: String,
    /// What, as a clause.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What a provider says of itself.
#[derive(Clone, Debug)]
pub struct Profile {
    value: Value,
}

impl Profile {
    /// Reads a profile: TOML, or JSON where the text begins with a brace.
    ///
    /// # Errors
    /// One sentence on what is not TOML or JSON.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        } else {
            let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
            from_toml(toml::Value::Table(table))
        };
        Ok(Self { value })
    }

    /// Everything that is missing or wrong in these sections or fields, in the order of the list of fields; names that no
    /// field has come last. A section that may be left out is asked for only when it is named here.
    pub fn problems(&self, wanted: &[&str]) -> Vec<Problem> {
        let mut found = Vec::new();
        let under = |path: &str, part: &str| {
            path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        for field in FIELDS.iter().filter(|field| wanted.iter().any(|part| under(field.path, part))) {
            check(&self.value, field.path, "", field, &mut found);
        }
        unknown(&self.value, "", "", &mut found);
        found
    }

    /// The text at a path without lists, in a language.
    pub(crate) fn text(&self, path: &str, language: Language) -> Option<&str> {
        text(at(&self.value, path)?, language)
    }

    /// The elements of a list.
    pub(crate) fn list(&self, path: &str) -> &[Value] {
        at(&self.value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A day at a path without lists.
    pub(crate) fn day(&self, path: &str) -> Option<Day> {
        at(&self.value, path)?.as_str()?.parse().ok()
    }

    /// The section of this name.
    pub(crate) fn section(&self, name: &str) -> Option<&Value> {
        self.value.get(name)
    }
}

/// A text, or one of two languages, of an element.
pub(crate) fn text(value: &Value, language: Language) -> Option<&str> {
    value.as_str().or_else(|| value.get(language.pick("zh", "en"))?.as_str())
}

/// The name of a choice in a language: its term in English, with blanks; in Chinese the filing's.
pub(crate) fn choice(known: &[(&'static str, &'static str)], given: &str, language: Language) -> String {
    match known.iter().find(|(term, zh)| *term == given || *zh == given) {
        Some((term, zh)) => language.pick((*zh).to_owned(), term.replace('_', " ")),
        None => given.to_owned(),
    }
}

/// A section as the filing has it: where a text stands in both languages, the Chinese one.
pub(crate) fn in_chinese(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match (fields.get("zh"), fields.len()) {
            (Some(Value::String(zh)), 1 | 2) => Value::String(zh.clone()),
            _ => Value::Object(
                fields.iter().map(|(name, value)| (name.clone(), in_chinese(value))).collect::<Map<_, _>>(),
            ),
        },
        Value::Array(values) => Value::Array(values.iter().map(in_chinese).collect()),
        other => other.clone(),
    }
}

/// TOML as JSON; a day without quotes is the text that it is.
fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(day) => Value::String(day.to_string()),
        toml::Value::Array(values) => values.into_iter().map(from_toml).collect(),
        toml::Value::Table(fields) => fields.into_iter().map(|(name, value)| (name, from_toml(value))).collect(),
    }
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}

/// Holds what stands at the rest of a path against the field.
fn check(value: &Value, rest: &str, place: &str, field: &Field, found: &mut Vec<Problem>) {
    let (name, rest) = rest.split_once('.').unwrap_or((rest, ""));
    let (name, list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
    let place = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    let mut say = |path: String, message: String| {
        let problem = Problem { path, message };
        // What is missing above is said once.
        if !found.contains(&problem) {
            found.push(problem);
        }
    };
    match value.get(name) {
        None | Some(Value::Null) => {
            let section = OPTIONAL_SECTIONS.contains(&place.as_str());
            if !field.optional {
                let what = if section { "this section is missing" } else { "is missing" };
                say(place, what.into());
            }
        }
        Some(Value::Array(elements)) if list => {
            if elements.is_empty() && !field.optional {
                say(place.clone(), "needs at least one entry".into());
            }
            for (index, element) in elements.iter().enumerate() {
                check(element, rest, &format!("{place}[{index}]"), field, found);
            }
        }
        Some(_) if list => say(place, "is not a list".into()),
        Some(inner) if rest.is_empty() => {
            if let Err(message) = field.kind.accepts(inner) {
                say(place, message);
            }
        }
        Some(inner @ Value::Object(_)) => check(inner, rest, &place, field, found),
        Some(_) => say(place, "is not a section".into()),
    }
}

/// Names that no field has.
fn unknown(value: &Value, pattern: &str, place: &str, found: &mut Vec<Problem>) {
    let Value::Object(fields) = value else { return };
    for (name, inner) in fields {
        let join = |path: &str| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let (pattern, place) = (join(pattern), join(place));
        let begins = |with: &str| FIELDS.iter().any(|field| field.path.starts_with(with));
        if FIELDS.iter().any(|field| field.path == pattern) {
            continue;
        }
        if begins(&format!("{pattern}[].")) {
            for (index, element) in inner.as_array().into_iter().flatten().enumerate() {
                unknown(element, &format!("{pattern}[]"), &format!("{place}[{index}]"), found);
            }
        } else if begins(&format!("{pattern}.")) {
            unknown(inner, &pattern, &place, found);
        } else {
            found.push(Problem { path: place, message: "there is no such field".into() });
        }
    }
}

impl Kind {
    /// A clause on what is wrong with a value.
    fn accepts(self, value: &Value) -> Result<(), String> {
        let written = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        let holds = match self {
            Self::Text => written(value),
            Self::Words => {
                let both = |fields: &Map<String, Value>| {
                    fields.len() == 2 && ["zh", "en"].iter().all(|name| fields.get(*name).is_some_and(written))
                };
                written(value) || value.as_object().is_some_and(both)
            }
            Self::Texts => value.as_array().is_some_and(|values| values.iter().all(written)),
            Self::Count => value.as_u64().is_some(),
            Self::Ppm => value.as_u64().is_some_and(|ppm| ppm <= 1_000_000),
            Self::Flag => value.is_boolean(),
            Self::Date => value.as_str().is_some_and(|text| text.parse::<Day>().is_ok()),
            Self::Url => value.as_str().is_some_and(crate::page::is_link),
            Self::CreditCode => value.as_str().is_some_and(|text| {
                text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            }),
            Self::OneOf(known) => {
                value.as_str().is_some_and(|text| known.iter().any(|(term, zh)| *term == text || *zh == text))
            }
        };
        if holds {
            return Ok(());
        }
        Err(match (self, value) {
            (Self::Text | Self::Words | Self::Url | Self::Date | Self::CreditCode, Value::String(text))
                if text.trim().is_empty() =>
            {
                "is empty".into()
            }
            _ => self.expectation(value),
        })
    }

    fn expectation(self, value: &Value) -> String {
        let what = match self {
            Self::Text => "a text".to_owned(),
            Self::Words => "a text, or { zh = \"…\", en = \"…\" }".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Count => "a whole number from 0".to_owned(),
            Self::Ppm => "a share from 0 to 1000000 ppm".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Date => "a day, YYYY-MM-DD".to_owned(),
            Self::Url => "an address that begins with https:// or http://".to_owned(),
            Self::CreditCode => "a unified social credit code: 18 digits and capital letters".to_owned(),
            Self::OneOf(known) => {
                let names: Vec<String> = known.iter().map(|(term, zh)| format!("{term} ({zh})")).collect();
                format!("one of {}", names.join(", "))
            }
        };
        format!("{value} is not {what}")
    }
}
