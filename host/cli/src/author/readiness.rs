//! `normgate check --readiness`: what a platform's own requests lack or get wrong, and what that costs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use normgate::contract::{ColumnSpec, ColumnType, Vocabulary};
use normgate::{ArgumentValue, Batch, Gate, InputError, Mistake, Outcome, RuleRef, Target};
use serde_json::Value;

use crate::judge::codes::Sample;
use crate::judge::eval::nearest;
use crate::judge::requests::Requests;

/// Terms that are known and say that something is not known yet.
const OPEN: [(&str, &str); 6] = [
    ("candidates.scan_state", "pending"),
    ("candidates.scan_state", "none"),
    ("candidates.aigc.meta_label", "unread"),
    ("candidates.news.fact_state", "disputed"),
    ("candidates.penalty.appeal", "pending"),
    ("tags.review", "pending"),
];

/// What the requests came to.
#[derive(Default)]
struct Findings {
    judged: u64,
    refused: u64,
    rows: usize,
    /// By column that is missing.
    gaps: BTreeMap<String, Gap>,
    /// By what is known and not conclusive: `scan_state = pending`.
    open: BTreeMap<String, Gap>,
    /// Decisions that rest on something missing that no column of the rule's evidence shows, by rule.
    unexplained: BTreeMap<String, u64>,
    /// By duty and the column that is missing.
    duties: BTreeMap<(String, String), BTreeMap<String, u64>>,
    /// By mistake: the line of the first, and how many requests have it.
    mistakes: BTreeMap<(String, String), (u64, String, u64)>,
    /// Columns that some request sends.
    sent: BTreeSet<String>,
    /// Signal codes that rows and tags carry.
    codes: Sample,
}

/// What the absence of one column did.
#[derive(Default)]
struct Gap {
    /// (request, target) pairs with a verdict, tag decision or violation because of it.
    decisions: BTreeSet<(u64, Target)>,
    /// Rules that fired because of it, with how often.
    rules: BTreeMap<String, u64>,
}

/// Judges the requests and prints what they lack, the costliest first. False when a request was refused, or had a field that the
/// vocabulary lacks and none may.
pub(crate) fn report(gate: &Gate, input: &Path, allow_unknown: bool) -> Result<bool> {
    let mut requests = Requests::open(input, gate.reader())?;
    let mut findings = Findings::default();
    while let Some(request) = requests.next()? {
        match request {
            Ok(batch) => findings.judge(gate, &batch),
            Err(error) => findings.refuse(requests.number, error),
        }
    }
    let Findings { judged, refused, rows, .. } = findings;
    say!("{judged} requests with {rows} candidates judged, {refused} refused");
    let unknown = gate.stats().input.unknown_fields;
    findings.print_mistakes();
    print_unknown(&unknown);
    if judged == 0 {
        say!("nothing could be judged");
    } else {
        findings.print_gaps();
        findings.print_duties();
        findings.print_never_sent(gate);
        findings.codes.print();
    }
    Ok(refused == 0 && (unknown.is_empty() || allow_unknown))
}

impl Findings {
    fn judge(&mut self, gate: &Gate, batch: &Batch) {
        self.judged += 1;
        self.rows += batch.candidates();
        self.codes.count(batch);
        for column in batch.known_columns() {
            if !self.sent.contains(column) {
                self.sent.insert(column.to_owned());
            }
        }
        let outcome = gate.evaluate(batch);
        // What the host withholds for what was sent is told as a mistake.
        let by_rules = |(rule, _): &(RuleRef, Target)| outcome.policy_set().rule(*rule).is_some();
        for (rule, target) in outcome.for_want_of_input().filter(by_rules) {
            let (blamed, open) = causes(&outcome, rule, target);
            let id = outcome.policy_set().rule_id(rule);
            if blamed.is_empty() && open.is_empty() {
                *self.unexplained.entry(id.to_owned()).or_default() += 1;
            }
            for (gaps, names) in [(&mut self.gaps, blamed), (&mut self.open, open)] {
                for name in names {
                    let gap = gaps.entry(name).or_default();
                    gap.decisions.insert((self.judged, target));
                    *gap.rules.entry(id.to_owned()).or_default() += 1;
                }
            }
        }
        for owed in &outcome.obligations {
            let code = outcome.owed(owed);
            let named = owed.args.iter().flat_map(|args| args.iter()).find_map(|(_, value)| match value {
                ArgumentValue::Column(column) => Some(vec![column.into_string()]),
                _ => None,
            });
            let columns = match named {
                Some(columns) => columns,
                None if code.starts_with("fix.") => causes(&outcome, owed.rule, owed.target).0,
                None => continue,
            };
            for column in columns {
                let rules = self.duties.entry((code.to_owned(), column)).or_default();
                *rules.entry(outcome.policy_set().rule_id(owed.rule).to_owned()).or_default() += 1;
            }
        }
    }

    fn refuse(&mut self, line: u64, InputError { path, message, more, .. }: InputError) {
        self.refused += 1;
        for Mistake { path, message } in [Mistake { path, message }].into_iter().chain(more) {
            // What differs from request to request is where it stands, and in how many more places.
            let generic = path.split('[').map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
            let generic = generic.collect::<Vec<_>>().join("[");
            let said = message.rsplit_once(" (and ").map_or(message.as_str(), |(said, _)| said).to_owned();
            let place = if path.is_empty() { "the request".to_owned() } else { path };
            self.mistakes.entry((generic, said)).or_insert((line, place, 0)).2 += 1;
        }
    }

    fn print_mistakes(&self) {
        if self.mistakes.is_empty() {
            return;
        }
        say!();
        say!("mistakes for which requests were refused, each with how many have it, and the first:");
        let mut sorted: Vec<_> = self.mistakes.iter().collect();
        sorted.sort_by_key(|(key, (.., times))| (Reverse(*times), *key));
        for ((_, message), (line, place, times)) in sorted {
            say!("{times:>8}  line {line}: {place}: {message}");
        }
    }

    fn print_gaps(&self) {
        say!();
        if self.gaps.is_empty() && self.open.is_empty() && self.unexplained.is_empty() {
            say!("no decision rests on a missing value");
            return;
        }
        if !self.gaps.is_empty() {
            say!("decisions that rest on a missing value, by column (one decision may lack several):");
            say!();
            for (name, gap) in sorted(&self.gaps) {
                say!("{:>8}  {name}", gap.decisions.len());
                say!("          fires    {}", by_times(&gap.rules));
                if let Some((_, column)) = Vocabulary::shipped().column(name) {
                    say!("          is       {}", column.note);
                    say!("          send     {}", wanted(column));
                    say!("          else     {}", column.unknown);
                }
            }
        }
        if !self.open.is_empty() {
            say!();
            for (name, gap) in sorted(&self.open) {
                say!("known and not conclusive: {name} ({})", gap.decisions.len());
                say!("          fires    {}", by_times(&gap.rules));
            }
        }
        if !self.unexplained.is_empty() {
            say!("because of something else that is not known: {}", by_times(&self.unexplained));
        }
    }

    fn print_duties(&self) {
        if self.duties.is_empty() {
            return;
        }
        say!();
        say!("duties that are owed because a column is missing:");
        let mut sorted: Vec<_> = self.duties.iter().collect();
        sorted.sort_by_key(|(key, rules)| (Reverse(rules.values().sum::<u64>()), *key));
        for ((code, column), rules) in sorted {
            say!("{:>8}  {code}: {column}", rules.values().sum::<u64>());
            say!("          owed by  {}", by_times(rules));
        }
    }

    /// Columns that a module reads and no request sends, with what is judged instead and the rules that rest on them.
    fn print_never_sent(&self, gate: &Gate) {
        let set = gate.policy_set();
        let mut rules: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for manifest in set.manifests() {
            for (column, _) in manifest.columns() {
                let resting = manifest.rules.iter().filter(|rule| rule.evidence.contains(&column));
                rules.entry(column.clone()).or_default().extend(resting.map(|rule| rule.id.as_str()));
            }
        }
        // Where no rows of a frame are sent, there is nothing to know of them; one column the host sends itself.
        let has_rows = |column: &str| {
            let frame = column.split('.').next().unwrap_or_default();
            frame == "request" || self.sent.iter().any(|sent| sent.split('.').next() == Some(frame))
        };
        rules
            .retain(|column, _| !self.sent.contains(column) && has_rows(column) && column != "request.slate.positions");
        if rules.is_empty() {
            return;
        }
        say!();
        say!("columns that are never sent, with what is judged instead, and the rules that rest on them:");
        for (column, rules) in rules {
            let unknown =
                Vocabulary::shipped().column(&column).map_or("as its norm says", |(_, column)| &column.unknown);
            let rules: Vec<&str> = rules.into_iter().collect();
            let rules = if rules.is_empty() { "no rule alone".to_owned() } else { rules.join(", ") };
            say!("          {column}: {unknown}  ({rules})");
        }
    }
}

/// Prints the fields that the vocabulary lacks, the most frequent first.
fn print_unknown(unknown: &BTreeMap<String, u64>) {
    if unknown.is_empty() {
        return;
    }
    say!();
    say!("fields that the vocabulary lacks, and that nothing reads:");
    let mut sorted: Vec<_> = unknown.iter().collect();
    sorted.sort_by_key(|(name, times)| (Reverse(**times), *name));
    for (name, times) in sorted {
        say!("{times:>8}  {name}{}", nearest(name));
    }
}

fn sorted(gaps: &BTreeMap<String, Gap>) -> Vec<(&String, &Gap)> {
    let mut sorted: Vec<(&String, &Gap)> = gaps.iter().collect();
    sorted.sort_by_key(|(name, gap)| (Reverse(gap.decisions.len()), *name));
    sorted
}

/// Names with how often, the most frequent first.
fn by_times(names: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<(&String, &u64)> = names.iter().collect();
    sorted.sort_by_key(|(name, times)| (Reverse(**times), *name));
    sorted.into_iter().map(|(name, times)| format!("{name} ({times})")).collect::<Vec<_>>().join(", ")
}

/// What to blame: columns of the rule's evidence that are unknown, and those that are known and leave it open. A column that was
/// sent and says something is never blamed.
fn causes(outcome: &Outcome, rule: RuleRef, target: Target) -> (Vec<String>, Vec<String>) {
    let (mut unknown, mut open) = (Vec::new(), Vec::new());
    for (name, value) in outcome.evidence(rule, target) {
        match &value {
            Value::Null => unknown.push(name),
            Value::String(term) if OPEN.contains(&(name.as_str(), term.as_str())) => {
                let field = name.split_once('.').map_or(name.as_str(), |(_, field)| field);
                open.push(format!("{field} = {term}"));
            }
            _ => {}
        }
    }
    // What a scan that is still running has not found is not missing.
    if open.iter().any(|name| name.starts_with("scan_state")) {
        unknown.retain(|name| !name.ends_with(".signals"));
    }
    (unknown, open)
}

/// What to send in a column, in a few words.
fn wanted(column: &ColumnSpec) -> String {
    let terms = || column.terms.as_ref().map_or(String::new(), |set| set.terms.join(", "));
    let kind = match column.kind {
        ColumnType::Tri => "true or false".to_owned(),
        ColumnType::Integer if column.is_identifier() => "a number, or a text that stands for one".to_owned(),
        ColumnType::Integer | ColumnType::Number => match (&column.unit, column.range) {
            (Some(unit), Some((low, high))) => format!("a number of {unit} from {low} to {high}"),
            (Some(unit), None) => format!("a number of {unit}"),
            (None, _) => "a number".to_owned(),
        },
        ColumnType::Term => format!("one of {}", terms()),
        ColumnType::Terms => format!("a list of {}", terms()),
        ColumnType::Signals => {
            "a list of signals {code, conf_ppm, source}; [] when checked and nothing found".to_owned()
        }
        ColumnType::Integers => "a list of numbers".to_owned(),
        ColumnType::Id | ColumnType::Text => "a text".to_owned(),
        ColumnType::Ids => "a list of identifiers".to_owned(),
    };
    format!("{} = {kind}", column.field)
}
