//! `normgate check --against`: what a norm says where other modules have spoken already.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use normgate::contract::Vocabulary;
use normgate::{Action, Gate, Module, Outcome, Target, embedded};
use normgate_cases::Generator;
use serde_json::Value as Json;

use crate::foreign;
use crate::judge::compile;
use crate::judge::source::{Source, artifacts, read_modules};

/// Requests that are made up. An engineering default: a few seconds, and every rule of our own norms fires in some.
const GENERATED: usize = 3_000;

/// How much more often another rule acts where the norm's does than it acts anywhere, before the two are called related. An
/// engineering default.
const RELATED: f64 = 1.3;

/// And by how many standard deviations of counting; fewer are chance.
const NOISE: f64 = 5.0;

/// How often the rules of the others act on any row.
#[derive(Default)]
struct Elsewhere {
    rows: usize,
    rules: BTreeMap<String, usize>,
}

/// What one rule of the norm met.
#[derive(Default)]
struct Tally {
    rows: Vec<Row>,
    /// Rows that it would promote and another rule withholds or lowers, by that rule.
    contradicted: BTreeMap<String, usize>,
    /// Things that it asks for, and how many of them the others ask for too.
    owed: usize,
    owed_too: usize,
}

/// A row that it labelled, lowered or withheld.
struct Row {
    effect: Action,
    /// Whether the others lower it as far, where both lower it.
    as_low: bool,
    /// What rules of the others did with it.
    beside: Vec<(String, Action)>,
}

/// Judges the same requests by the norms and by the others, apart, and says rule by rule how they stand to each other.
pub(crate) fn run(
    norms: &[Module],
    against: &str,
    input: Option<&Path>,
    allow_unknown: bool,
    source: &Source,
) -> Result<ExitCode> {
    let others = if against == "arp" { embedded::arp() } else { read_modules(Path::new(against))? };
    let others: Vec<Module> =
        others.into_iter().filter(|o| norms.iter().all(|n| n.manifest.id != o.manifest.id)).collect();
    // Together they have to load at all: prefixes, columns of their own, parameters that one tightens in another.
    let both = gate(norms.iter().chain(&others), source)?;
    let norm = gate(norms.iter(), source)?;
    let other = gate(others.iter(), source)?;
    let manifests = |modules: &[Module]| modules.iter().map(|module| (*module.manifest).clone()).collect::<Vec<_>>();
    let (mine, theirs) = (manifests(norms), manifests(&others));
    let mut generator =
        Generator::new(&mine.iter().collect::<Vec<_>>(), &theirs.iter().collect::<Vec<_>>(), Vocabulary::shipped(), 1);
    let mut elsewhere = Elsewhere::default();
    let given = input.map(requests).transpose()?.unwrap_or_default();
    let (reader, given_count) = (both.reader().strict(!allow_unknown), given.len());
    let mut tallies: BTreeMap<String, Tally> =
        mine.iter().flat_map(|manifest| &manifest.rules).map(|rule| (rule.id.clone(), Tally::default())).collect();
    let made = (0..GENERATED).map(|_| generator.request());
    for (number, request) in given.into_iter().chain(made).enumerate() {
        let batch = match reader.read(request.to_string().as_bytes()) {
            Ok(batch) => batch,
            Err(error) if number < given_count => {
                remark!("request {}: {error}", number + 1);
                continue;
            }
            Err(_) => continue,
        };
        compare(&norm.evaluate(&batch), &other.evaluate(&batch), &mut elsewhere, &mut tallies);
    }
    let mut contradictions = false;
    for (rule, tally) in &tallies {
        contradictions |= !tally.contradicted.is_empty();
        for sentence in sentences(tally, &elsewhere) {
            say!("{rule}: {sentence}");
        }
    }
    for notice in both.evaluate(&reader.read(generator.request().to_string().as_bytes())?).notices {
        if notice.code == "overlay-ignored" || notice.code == "art05.loosening" {
            say!("{}", notice.message);
        }
    }
    say!("compared over {GENERATED} generated requests and {given_count} given ones");
    Ok(if contradictions { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn gate<'m>(modules: impl Iterator<Item = &'m Module>, source: &Source) -> Result<Gate> {
    let builder = Gate::builder().policies(modules.cloned()).config(source.config()?);
    let mut builder = builder.trusting().compiler(compile::in_child);
    if let Some(artifacts) = artifacts() {
        builder = builder.artifacts(artifacts);
    }
    if let Some(day) = source.as_of {
        builder = builder.as_of(day);
    }
    Ok(builder.build()?)
}

/// Requests of a file: plain ones, or those of cases.
fn requests(path: &Path) -> Result<Vec<Json>> {
    let text = foreign::read_to_string(path).with_context(|| path.display().to_string())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    values
        .map(|value| {
            let mut value = value.with_context(|| path.display().to_string())?;
            Ok(match value.get_mut("request") {
                Some(request) => request.take(),
                None => value,
            })
        })
        .collect()
}

fn compare(norm: &Outcome, other: &Outcome, elsewhere: &mut Elsewhere, tallies: &mut BTreeMap<String, Tally>) {
    let by_row: BTreeMap<u32, _> = other.verdicts.iter().map(|verdict| (verdict.row, verdict)).collect();
    let mine = norm.policy_set();
    let theirs = |row: u32| {
        let reasons = by_row.get(&row).map(|verdict| other.reasons(verdict)).unwrap_or_default();
        reasons.iter().map(|reason| other.policy_set().rule_id(reason.rule).to_owned())
    };
    elsewhere.rows += other.verdicts.len();
    for row in by_row.keys() {
        for rule in theirs(*row) {
            *elsewhere.rules.entry(rule).or_default() += 1;
        }
    }
    for verdict in &norm.verdicts {
        let Some(other_verdict) = by_row.get(&verdict.row) else { continue };
        for reason in norm.reasons(verdict) {
            let Some(tally) = tallies.get_mut(mine.rule_id(reason.rule)) else { continue };
            let beside = other.reasons(other_verdict).iter();
            tally.rows.push(Row {
                effect: reason.effect,
                as_low: other_verdict.judgement.weight_ppm() <= verdict.judgement.weight_ppm(),
                beside: beside.map(|r| (other.policy_set().rule_id(r.rule).to_owned(), r.effect)).collect(),
            });
        }
    }
    for (target, rule) in &norm.promote {
        let (Target::Candidate(row), Some(tally)) = (target, tallies.get_mut(mine.rule_id(*rule))) else { continue };
        if by_row.get(row).is_some_and(|verdict| verdict.judgement.action() >= Action::Demote) {
            for against in theirs(*row) {
                *tally.contradicted.entry(against).or_default() += 1;
            }
        }
    }
    for owed in &norm.obligations {
        let Some(tally) = tallies.get_mut(mine.rule_id(owed.rule)) else { continue };
        tally.owed += 1;
        tally.owed_too +=
            usize::from(other.obligations.iter().any(|also| also.code == owed.code && also.target == owed.target));
    }
    for veto in &norm.vetoes {
        let Some(tally) = tallies.get_mut(mine.rule_id(veto.rule)) else { continue };
        tally.owed += 1;
        tally.owed_too += usize::from(other.vetoes.iter().any(|also| also.feature == veto.feature));
    }
}

/// The rules that act where this one does, more often than they act anywhere: closest first, with how often. Rules about other
/// things meet it by chance, as often here as elsewhere.
fn related<'t>(rows: &'t [Row], elsewhere: &Elsewhere) -> Vec<(&'t str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (rule, _) in rows.iter().flat_map(|row| &row.beside) {
        *counts.entry(rule).or_default() += 1;
    }
    let by_chance = |rule: &str| {
        let anywhere = elsewhere.rules.get(rule).copied().unwrap_or(0) as f64;
        anywhere * rows.len() as f64 / elsewhere.rows.max(1) as f64
    };
    let lift = |(rule, count): &(&str, usize)| *count as f64 / by_chance(rule).max(f64::MIN_POSITIVE);
    let mut related: Vec<(&str, usize)> = counts.into_iter().collect();
    related.retain(|pair| {
        let expected = by_chance(pair.0);
        lift(pair) > RELATED && pair.1 as f64 > expected + NOISE * expected.sqrt()
    });
    related.sort_by(|a, b| lift(b).total_cmp(&lift(a)).then(a.0.cmp(b.0)));
    related
}

/// What a tally says, one finding a sentence.
fn sentences(tally: &Tally, elsewhere: &Elsewhere) -> Vec<String> {
    let Tally { rows, contradicted, owed, owed_too } = tally;
    let related = related(rows, elsewhere);
    let named: Vec<String> = related.iter().take(3).map(|(rule, count)| format!("{rule} on {count}")).collect();
    let named = named.join(", ");
    let akin = |row: &Row, is: &dyn Fn(Action) -> bool| {
        row.beside.iter().any(|(rule, effect)| is(*effect) && related.iter().any(|(name, _)| name == rule))
    };
    let covered = rows.iter().filter(|row| {
        akin(row, &|effect| effect > row.effect || effect == row.effect && (effect != Action::Demote || row.as_low))
    });
    let covered = covered.count();
    let outdone = rows.iter().filter(|row| akin(row, &|effect| effect < row.effect)).count();
    let mut found = Vec::new();
    match (rows.len(), covered) {
        (0, _) if *owed == 0 => {
            found.push("never fired here; name a file with requests that it is about with -i".to_owned());
        }
        (0, _) => {}
        (rows, _) if related.is_empty() => {
            found.push(format!("stands alone: other rules meet it on its {rows} rows no more often than elsewhere"));
        }
        (rows, covered) if rows == covered => {
            found.push(format!("is swallowed: on all of its {rows} rows these do as much or more: {named}"));
        }
        (rows, covered) => found.push(format!(
            "overlaps with {named}, of its {rows} rows; on {covered} of them they do as much or more, on {} it adds",
            rows - covered
        )),
    }
    if outdone > 0 {
        found.push(format!("is stronger than they are on {outdone} rows, where they only label or lower"));
    }
    if *owed > 0 && owed_too == owed {
        found.push(format!(
            "asks for nothing new: all {owed} of its obligations and vetoes are asked for by others too"
        ));
    } else if *owed_too > 0 {
        found.push(format!("{owed_too} of its {owed} obligations and vetoes are asked for by others too"));
    }
    if !contradicted.is_empty() {
        let against: Vec<String> = contradicted.iter().map(|(rule, count)| format!("{rule} on {count}")).collect();
        found.push(format!("contradicts: it promotes rows that others withhold or lower ({})", against.join(", ")));
    }
    found
}
