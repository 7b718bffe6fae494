//! Judges the scenes that the program carries and prints them for a person to read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use normgate::contract::{Block, Day, Text, Vocabulary};
use normgate::{
    Action, Artifacts, Cause, FULL_WEIGHT, Gate, Language, Outcome, Reader, Reason, RuleRef, Target, Verdict, Words,
    embedded,
};
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const SCENES: &str = include_str!("../scenes/scenes.json");
const USERS: &str = include_str!("../scenes/users.json");
const FILMS: &str = include_str!("../scenes/films.json");

/// The day of the scenes, so that the demo says the same next year.
const AS_OF: &str = "2026-11-01";
/// Widest line, and the narrowest that still makes a table.
const WIDTHS: (usize, usize) = (72, 104);

/// Builds the gate that judges the scenes: the embedded set, as on the day of the scenes.
///
/// # Errors
/// When a module cannot be compiled.
pub fn gate(artifacts: Option<Artifacts>) -> Result<Gate> {
    let day: Day = AS_OF.parse().map_err(|error| anyhow!("the day {AS_OF} of the demo: {error}"))?;
    let mut builder = Gate::builder().policies(embedded::arp()).as_of(day);
    if let Some(artifacts) = artifacts {
        builder = builder.artifacts(artifacts);
    }
    Ok(builder.build()?)
}

// ---- The data -----------------------------------------------------------------------------------------------------

/// A list to judge. Each view is a set of users: one user is shown row by row, several side by side.
#[derive(Deserialize)]
struct Scene {
    scene: String,
    title: Text,
    views: Vec<Vec<String>>,
    /// `films`: the request is a template that takes its candidates from the film list.
    fill: Option<String>,
    /// What to know of the data.
    note: Option<Text>,
    requests: Vec<Value>,
}

/// Who looks at the list, as a change to `user`, `session` and `ctx` of a request.
#[derive(Deserialize)]
struct User {
    name: String,
    title: Text,
    #[serde(flatten)]
    patch: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Film {
    title: String,
    rating: Option<String>,
    year: u16,
}

fn scenes() -> Result<Vec<Scene>> {
    let mut scenes: Vec<Scene> = serde_json::from_str(SCENES).context("host/demo/scenes/scenes.json")?;
    let films: Vec<Film> = serde_json::from_str(FILMS).context("host/demo/scenes/films.json")?;
    for scene in scenes.iter_mut().filter(|scene| scene.fill.as_deref() == Some("films")) {
        for request in &mut scene.requests {
            request["candidates"] = films.iter().enumerate().map(|(place, film)| candidate(place, film)).collect();
        }
    }
    Ok(scenes)
}

/// A film as a candidate of the pool for minors, so that nothing but its rating decides.
fn candidate(place: usize, film: &Film) -> Value {
    json!({
        "id": format!("f{}", place + 1),
        "title": format!("{} ({}) {}", film.title, film.year, film.rating.as_deref().unwrap_or("–")),
        "rank_pos": place, "score": 0.99 - 0.02 * place as f64, "scan_state": "done", "retrieval_basis": "generic",
        "commercial": false, "in_minor_pool": true, "age_rating": film.rating.as_deref().and_then(age_rating), "signals": [],
        "aigc": {"meta_label": "none"}, "news": {"is_news": false}, "engage": {"author_state": "normal"},
    })
}

/// Our mapping of a US rating: the nearest band at or below the age that it states. PG states none.
fn age_rating(rating: &str) -> Option<&'static str> {
    match rating {
        "G" => Some("all"),
        "PG-13" => Some("r12"),
        "R" => Some("r16"),
        "NC-17" => Some("r18"),
        _ => None,
    }
}

fn patch(target: &mut Value, change: &Value) {
    match change {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| patch(&mut target[name], value)),
        value => *target = value.clone(),
    }
}

/// A request as judged: the outcome, and the titles of its candidates.
struct Judged {
    outcome: Outcome,
    titles: BTreeMap<String, String>,
}

fn judge(gate: &Gate, request: &Value, user: &User) -> Result<Judged> {
    let mut request = request.clone();
    patch(&mut request, &Value::Object(user.patch.clone()));
    let reader = Reader::new(Arc::clone(Vocabulary::shipped())).strict(true);
    let batch = reader.read(request.to_string().as_bytes()).map_err(|error| {
        let id = request["id"].as_str().unwrap_or_default();
        anyhow!("host/demo/scenes/scenes.json: request {id} for {}: {}: {}", user.name, error.path, error.message)
    })?;
    let rows = request["candidates"].as_array().map_or(&[][..], Vec::as_slice);
    let titles = (rows.iter()).map(|row| (text(&row["id"]), text(&row["title"]))).collect();
    Ok(Judged { outcome: gate.evaluate(&batch), titles })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

// ---- The page -----------------------------------------------------------------------------------------------------

/// How the scenes are printed.
pub struct Page {
    language: Language,
    colour: bool,
    width: usize,
}

/// What one user sees of one row.
#[derive(Clone)]
struct Cell {
    /// The place that it is shown in, or that it is not.
    text: String,
    ink: Ink,
    /// The sentence that says why.
    note: Option<String>,
    /// Whether that is for want of a fact.
    unknown: bool,
}

#[derive(Clone, Copy)]
enum Ink {
    Plain,
    Bold,
    Dim,
    Red,
    Yellow,
    Cyan,
}

impl Page {
    /// Returns the page of a terminal that is `COLUMNS` wide; in colour unless `NO_COLOR` is set.
    pub fn of_terminal(language: Language, is_terminal: bool) -> Self {
        let colour = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).unwrap_or(WIDTHS.1);
        Self { language, colour, width: columns.clamp(WIDTHS.0, WIDTHS.1) }
    }

    /// Returns all scenes, or one of them, judged for the users of each scene, or for one user.
    ///
    /// # Errors
    /// When there is no such scene or user; the error names those that there are.
    pub fn scenes(&self, gate: &Gate, only_scene: Option<&str>, only_user: Option<&str>) -> Result<String> {
        let users: Vec<User> = serde_json::from_str(USERS).context("host/demo/scenes/users.json")?;
        let all = scenes()?;
        let find = |name: &str| {
            let known = || users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>().join(", ");
            users
                .iter()
                .find(|user| user.name == name)
                .with_context(|| format!("no user {name}; there are {}", known()))
        };
        if let Some(name) = only_scene.filter(|name| !all.iter().any(|scene| scene.scene == **name)) {
            let known: Vec<&str> = all.iter().map(|scene| scene.scene.as_str()).collect();
            bail!("--scene {name}: there is no such scene; there are {}", known.join(", "));
        }
        let mut out = String::new();
        let set = gate.policy_set();
        let modules: Vec<&str> = set.manifests().map(|manifest| manifest.module.as_str()).collect();
        let head = self.say("The embedded set: ", "内置模块:");
        let day = self.say("As on", "按日期");
        self.paragraph(&mut out, 0, head, &format!("{}. {day} {AS_OF}.", modules.join(", ")), Ink::Dim);
        out.push('\n');
        for scene in all.iter().filter(|scene| only_scene.is_none_or(|name| name == scene.scene)) {
            let mut views = scene.views.clone();
            if let Some(name) = only_user {
                views = vec![vec![name.to_owned()]];
            }
            for (view, request) in
                views.iter().flat_map(|view| scene.requests.iter().map(move |request| (view, request)))
            {
                let viewers = view.iter().map(|name| find(name)).collect::<Result<Vec<_>>>()?;
                let judged = viewers.iter().map(|user| judge(gate, request, user)).collect::<Result<Vec<_>>>()?;
                let title = self.language.of(&scene.title);
                match (&viewers[..], &judged[..]) {
                    ([user], [judged]) => {
                        self.heading(&mut out, &format!("{title} · {}", self.language.of(&user.title)));
                        self.rows(&mut out, judged);
                        self.aside(&mut out, judged);
                    }
                    _ => {
                        let same = self.say("the same list for each", "同一列表,不同用户");
                        self.heading(&mut out, &format!("{title} · {same}"));
                        self.side_by_side(&mut out, &viewers, &judged);
                    }
                }
                if let Some(note) = &scene.note {
                    self.paragraph(&mut out, 2, "", self.language.of(note), Ink::Dim);
                }
                out.push('\n');
            }
        }
        Ok(out)
    }

    fn say(&self, en: &'static str, zh: &'static str) -> &'static str {
        self.language.pick(zh, en)
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            _ if !self.colour || text.is_empty() => return text.to_owned(),
            Ink::Plain => return text.to_owned(),
            Ink::Bold => 1,
            Ink::Dim => 2,
            Ink::Red => 31,
            Ink::Yellow => 33,
            Ink::Cyan => 36,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn heading(&self, out: &mut String, title: &str) {
        out.push_str(&self.ink(Ink::Bold, title));
        out.push('\n');
    }

    /// One user: a row each, in the order in which they are shown now, with the sentence of the deciding rule.
    fn rows(&self, out: &mut String, judged: &Judged) {
        const INDENT: usize = 27;
        let head = pad(self.say(" was  now", " 原   现"), 15) + &pad(self.say("action", "处理"), INDENT - 15);
        out.push_str(&self.ink(Ink::Dim, &(head + self.say("title and labels", "标题与标识"))));
        out.push('\n');
        let outcome = &judged.outcome;
        for (place, verdict) in outcome.verdicts.iter().enumerate() {
            let now = if place < outcome.shown { (place + 1).to_string() } else { self.withheld(verdict).to_owned() };
            let was = format!("{:>3} → ", verdict.row + 1);
            let (action, ink) = self.action(verdict);
            let title = judged.titles.get(outcome.candidate_id(verdict.row)).map_or("", String::as_str);
            let labels: Vec<&str> =
                outcome.labels(verdict).map(|label| Words::shipped().label(label, self.language)).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("  [{}]", labels.join(" | ")) };
            let room = self.width.saturating_sub(INDENT + labels.width());
            out.push_str(&pad(&was, 6));
            out.push_str(&self.ink(if place < outcome.shown { Ink::Plain } else { ink }, &pad(&now, 9)));
            out.push_str(&self.ink(ink, &pad(&action, INDENT - 15)));
            out.push_str(&clip(title, room));
            out.push_str(&self.ink(Ink::Cyan, &labels));
            out.push('\n');
            if let Some(reason) = deciding(outcome, verdict) {
                let unknown = match reason.cause {
                    Cause::MissingInput => self.say(" (something is unknown)", "(因信息缺失)"),
                    Cause::Fact => "",
                };
                let others = outcome.reasons(verdict).iter().filter(|other| other.rule != reason.rule);
                let others: String =
                    others.map(|other| format!(" + {}", outcome.policy_set().rule_id(other.rule))).collect();
                let sentence = self.reason(outcome, reason.rule);
                self.paragraph(out, INDENT, "", &format!("{sentence}{unknown}{others}"), Ink::Dim);
            }
        }
    }

    /// Several users: a row each with the place that each user sees it in, and the reasons below.
    fn side_by_side(&self, out: &mut String, users: &[&User], judged: &[Judged]) {
        let Some(first) = judged.first() else { return };
        let rows = first.outcome.verdicts.len();
        // By row, in the order as sent, and user.
        let mut grid: Vec<Vec<Cell>> = vec![Vec::new(); rows];
        for judged in judged {
            let outcome = &judged.outcome;
            for (place, verdict) in outcome.verdicts.iter().enumerate() {
                let shown = place < outcome.shown;
                let text = if shown { (place + 1).to_string() } else { self.withheld(verdict).to_owned() };
                let reason = deciding(outcome, verdict);
                let note = reason.map(|reason| self.reason(outcome, reason.rule));
                let unknown = reason.is_some_and(|reason| reason.cause == Cause::MissingInput);
                if let Some(row) = grid.get_mut(verdict.row as usize) {
                    row.push(Cell { text, ink: self.action(verdict).1, note, unknown });
                }
            }
        }
        // Letters in reading order.
        let mut notes: Vec<String> = Vec::new();
        for cell in grid.iter_mut().flatten() {
            let Some(note) = cell.note.take() else { continue };
            let index = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
                notes.push(note);
                notes.len() - 1
            });
            cell.text += &format!(" {}{}", letter(index), if cell.unknown { "?" } else { "" });
        }
        let titles: Vec<&str> = (0..rows)
            .map(|row| first.titles.get(first.outcome.candidate_id(row as u32)).map_or("", String::as_str))
            .collect();
        let column = |index: usize| {
            let head = self.language.of(&users[index].title).width();
            grid.iter().filter_map(|row| row.get(index)).map(|cell| cell.text.width()).max().unwrap_or(0).max(head) + 2
        };
        let columns: Vec<usize> = (0..users.len()).map(column).collect();
        let room = self.width.saturating_sub(5 + columns.iter().sum::<usize>());
        let title_width = titles.iter().map(|title| title.width()).max().unwrap_or(0).min(room) + 2;

        let mut head = pad(self.say(" was", " 原"), 5) + &pad("", title_width);
        for (user, width) in users.iter().zip(&columns) {
            head += &pad(self.language.of(&user.title), *width);
        }
        out.push_str(&self.ink(Ink::Dim, head.trim_end()));
        out.push('\n');
        for (row, title) in titles.iter().enumerate() {
            let mut line = pad(&format!("{:>3}", row + 1), 5) + &pad(&clip(title, title_width - 2), title_width);
            for (index, (cell, width)) in grid[row].iter().zip(&columns).enumerate() {
                let text = if index + 1 == users.len() { cell.text.clone() } else { pad(&cell.text, *width) };
                line += &self.ink(cell.ink, &text);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        let count = |(user, judged): (&&User, &Judged)| {
            format!("{} {}/{rows}", self.language.of(&user.title), judged.outcome.shown)
        };
        let shown: Vec<String> = users.iter().zip(judged).map(count).collect();
        self.paragraph(out, 5, self.say("may be shown: ", "可展示:"), &shown.join(" · "), Ink::Plain);
        for (index, note) in notes.iter().enumerate() {
            self.paragraph(out, 5, &pad(&letter(index), 3), note, Ink::Dim);
        }
        if grid.iter().flatten().any(|cell| cell.unknown) {
            self.paragraph(
                out,
                5,
                "?  ",
                self.say("Because something is unknown, not because of a fact.", "因信息缺失,而非依据事实。"),
                Ink::Dim,
            );
        }
        for (user, judged) in users.iter().zip(judged) {
            let mut duties = self.obligations(&judged.outcome, |target| target == Target::Request);
            duties.extend(self.vetoes(&judged.outcome));
            if !duties.is_empty() {
                self.paragraph(
                    out,
                    5,
                    &format!("{}{}", self.language.of(&user.title), self.say(": ", ":")),
                    &duties.join(" · "),
                    Ink::Plain,
                );
            }
        }
    }

    /// What the platform owes besides, must not use, or did wrong.
    fn aside(&self, out: &mut String, judged: &Judged) {
        let outcome = &judged.outcome;
        let line = |out: &mut String, head: &'static str, items: Vec<String>| {
            if !items.is_empty() {
                self.paragraph(out, 2, head, &items.join(" · "), Ink::Plain);
            }
        };
        let rule = |rule: RuleRef| outcome.policy_set().rule_id(rule).to_owned();
        line(out, self.say("To do: ", "义务:"), self.obligations(outcome, |_| true));
        line(out, self.say("Not to use: ", "禁用:"), self.vetoes(outcome));
        let findings: BTreeSet<RuleRef> = outcome.violations.iter().map(|(_, rule, _)| *rule).collect();
        let findings = findings.into_iter().map(|rule| self.reason(outcome, rule)).collect();
        line(out, self.say("Findings about the platform: ", "对平台的发现:"), findings);
        let slate = outcome.constraints.iter().map(|c| {
            let codes = c.codes.join(", ");
            match self.language {
                Language::En => {
                    format!("at least {} of {codes} among the first {} ({})", c.count, c.slots, rule(c.rule))
                }
                Language::Zh => format!("前 {} 位至少有 {} 条 {codes}({})", c.slots, c.count, rule(c.rule)),
            }
        });
        line(out, self.say("The list: ", "列表:"), slate.collect());
        let failures = outcome
            .failures
            .iter()
            .map(|f| format!("{}: {}", outcome.policy_set().policy_reference(f.policy), f.message));
        line(out, self.say("Modules that failed: ", "失败的模块:"), failures.collect());
    }

    /// Obligations in words, each once, with how many rows it is about and the rules that ask for it.
    fn obligations(&self, outcome: &Outcome, wanted: impl Fn(Target) -> bool) -> Vec<String> {
        let mut by_code: BTreeMap<&str, (BTreeSet<Target>, BTreeSet<&str>)> = BTreeMap::new();
        for item in outcome.obligations.iter().filter(|item| wanted(item.target)) {
            let (targets, rules) = by_code.entry(outcome.owed(item)).or_default();
            targets.insert(item.target);
            rules.insert(outcome.policy_set().rule_id(item.rule));
        }
        let words = by_code.iter().map(|(code, (targets, rules))| {
            let rows = targets.iter().filter(|target| **target != Target::Request).count();
            let times = if rows > 1 { format!(" ×{rows}") } else { String::new() };
            let rules: Vec<&str> = rules.iter().copied().collect();
            format!("{}{times} ({})", Words::shipped().obligation(code, self.language), rules.join(", "))
        });
        words.collect()
    }

    fn vetoes(&self, outcome: &Outcome) -> Vec<String> {
        let mut by_feature: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for veto in &outcome.vetoes {
            by_feature.entry(&veto.feature).or_default().push(outcome.policy_set().rule_id(veto.rule));
        }
        let words = by_feature.iter().map(|(feature, rules)| {
            format!("{} ({})", Words::shipped().veto(feature, self.language), rules.join(", "))
        });
        words.collect()
    }

    /// The sentence of a rule, with its article and id.
    fn reason(&self, outcome: &Outcome, rule: RuleRef) -> String {
        let id = outcome.policy_set().rule_id(rule);
        match outcome.explain(rule, self.language) {
            Some(explanation) => format!("{} [{} · {id}]", explanation.sentence, explanation.basis),
            None => format!("{} [{id}]", self.say("A module failed; held as a precaution.", "模块故障,暂缓展示。")),
        }
    }

    fn withheld(&self, verdict: &Verdict) -> &'static str {
        match Outcome::hold(verdict) {
            Block::None => self.say("withheld", "不展示"),
            _ => self.say("held", "暂缓"),
        }
    }

    fn action(&self, verdict: &Verdict) -> (String, Ink) {
        match verdict.judgement.action() {
            Action::Allow => (self.say("allow", "放行").to_owned(), Ink::Plain),
            Action::Label => (self.say("label", "标识").to_owned(), Ink::Cyan),
            Action::Demote => {
                let weight = f64::from(verdict.judgement.weight_ppm()) / f64::from(FULL_WEIGHT);
                (format!("{} ×{weight}", self.say("demote", "降权")), Ink::Yellow)
            }
            Action::Block => {
                let word = match Outcome::hold(verdict) {
                    Block::None => self.say("block", "拦截"),
                    Block::HumanReview => self.say("for review", "待人工审核"),
                    Block::LabelFirst => self.say("label first", "先加标识"),
                };
                (word.to_owned(), Ink::Red)
            }
        }
    }

    /// A paragraph with a hanging indent, no line wider than the page.
    fn paragraph(&self, out: &mut String, indent: usize, head: &str, body: &str, ink: Ink) {
        let hang = if head.width() <= 4 { indent + head.width() } else { indent + 2 };
        let lines = wrap(body, self.width - indent - head.width(), self.width - hang);
        for (index, line) in lines.iter().enumerate() {
            if index == 0 {
                out.push_str(&" ".repeat(indent));
                out.push_str(&self.ink(Ink::Bold, head));
            } else {
                out.push_str(&" ".repeat(hang));
            }
            out.push_str(&self.ink(ink, line));
            out.push('\n');
        }
    }
}

/// What decided a row: among the reasons with its strongest effect, a fact before an unknown, then by id.
fn deciding<'o>(outcome: &'o Outcome, verdict: &Verdict) -> Option<&'o Reason> {
    let action = verdict.judgement.action();
    let reasons = || outcome.reasons(verdict).iter().filter(|reason| reason.effect == action);
    reasons().find(|reason| reason.cause == Cause::Fact).or_else(|| reasons().next())
}

fn letter(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8);
    letter.to_string().repeat(index / 26 + 1)
}

// ---- Text of a known width ----------------------------------------------------------------------------------------

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Text cut to a width, with an ellipsis where something is missing.
fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut clipped = String::new();
    for letter in text.chars() {
        if clipped.width() + letter.width().unwrap_or(0) + 1 > width {
            break;
        }
        clipped.push(letter);
    }
    clipped + "…"
}

/// Lines of at most a width, the first of another. Breaks at spaces, and before wide characters that may begin a line.
fn wrap(text: &str, first: usize, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in pieces(text) {
        let room = if lines.len() == 1 { first } else { width };
        let line = lines.last_mut();
        match line {
            Some(line) if line.is_empty() || line.width() + piece.trim_end().width() <= room => line.push_str(piece),
            _ => lines.push(piece.to_owned()),
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The unbreakable pieces of a text, each with the space that follows it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, letter) in text.char_indices() {
        let wide = |letter: char| letter.width() == Some(2);
        let closing = "，。；：、！？）」』》”,.;:!?)]".contains(letter);
        let opening = before.is_some_and(|before| "（「『《“([".contains(before));
        let after_space = before == Some(' ') && letter != ' ';
        if before.is_some_and(|before| {
            after_space || ((wide(letter) || wide(before)) && !closing && !opening && letter != ' ')
        }) {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(letter);
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(language: Language, width: usize) -> Page {
        Page { language, colour: false, width }
    }

    #[test]
    fn no_line_is_wider_than_the_page() -> Result<()> {
        let gate = gate(None)?;
        for language in [Language::En, Language::Zh] {
            for width in [WIDTHS.0, WIDTHS.1] {
                let text = page(language, width).scenes(&gate, None, None)?;
                for line in text.lines() {
                    assert!(line.width() <= width, "{} > {width}: {line}", line.width());
                }
            }
        }
        Ok(())
    }

    #[test]
    fn minor_mode_sees_only_films_with_a_fitting_rating() -> Result<()> {
        let text = page(Language::En, WIDTHS.1).scenes(&gate(None)?, Some("films"), Some("teen_mode"))?;
        let line = |title: &str| text.lines().find(|line| line.contains(title)).unwrap_or_default().to_owned();
        assert!(line("Paper Boats").contains("allow"));
        assert!(line("North of the Ice").contains("allow"), "PG-13 is r12");
        assert!(line("The Last Relay").contains("withheld"), "R is r16");
        assert!(line("The Frog Who Sang").contains("withheld"), "PG states no age");
        Ok(())
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() -> Result<()> {
        let gate = gate(None)?;
        let page = page(Language::En, WIDTHS.1);
        let error = page.scenes(&gate, Some("cinema"), None).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(error, "--scene cinema: there is no such scene; there are feed, films, hot, shop, dispatch");
        let error = page.scenes(&gate, None, Some("child")).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(error, "no user child; there are adult, teen, teen_mode, adult_off, rider");
        Ok(())
    }

    #[test]
    fn wide_characters_are_wrapped_by_what_they_take() {
        assert_eq!(wrap("该内容可能影响未成年人。", 10, 10), ["该内容可能", "影响未成年", "人。"]);
        assert_eq!(wrap("two words", 5, 5), ["two", "words"]);
        assert_eq!(clip("周末徒步路线", 7), "周末徒…");
    }
}
