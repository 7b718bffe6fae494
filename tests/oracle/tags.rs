//! Tags of the user, and the rows that they bring (Art 10).

use super::Request;
use super::facts::Facts;
use super::findings::{About, Effect, Findings, block, duty, owe, veto};
use super::signals::{Signals, State};
use super::surfaces::{DAY_MS, personal};

const STALE: &str = "art10.stale-tag";

pub(super) fn art10(request: &Request<'_>, findings: &mut Findings<'_>) {
    if request.all.yes("ctx.onboarding_forced") {
        findings.fire("art10.forced-interest", About::Request, [Effect::Violation]);
    }

    // Each tag, and which rules hold for it.
    let holding: Vec<Vec<&str>> = request.tags.iter().map(|tag| rules_of(request, *tag)).collect();
    for (index, rules) in holding.iter().enumerate() {
        let about = About::Tag(index);
        for rule in rules {
            match *rule {
                "art10.illegal-tag" => {
                    let erase = duty("delete.tag").within(request.settings.number("art10.tag_erase_s"));
                    findings.fire(rule, about, [Effect::Tag("delete"), owe(erase)])
                }
                "art10.suspected-tag" => findings.fire(rule, about, [Effect::Tag("suppress"), owe("review.human")]),
                _ => findings.fire(rule, about, [Effect::Tag("suppress")]),
            };
        }
    }

    // Each row, by the tags that brought it.
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        let matched = row.list("matched_tags").unwrap_or_default();
        let tag_of = |id: &str| request.tags.iter().position(|tag| tag.is("tag_id", id));
        let mut speaking: Vec<&str> =
            matched.iter().filter_map(|id| tag_of(id)).flat_map(|tag| holding[tag].clone()).collect();
        speaking.sort_unstable();
        speaking.dedup();
        for rule in speaking {
            // A rule counts for itself, and beside it what enforced rules forbid.
            let counts = |other: &str| other != STALE && (other == rule || findings.enforced(other));
            let forbidden = |id: &&str| tag_of(id).is_some_and(|tag| holding[tag].iter().any(|other| counts(other)));
            if rule != STALE && personal(row) && matched.iter().all(forbidden) {
                findings.fire(rule, about, [block()]);
            } else {
                let own = |id: &&&str| tag_of(id).is_some_and(|tag| holding[tag].contains(&rule));
                findings.fire(rule, about, matched.iter().filter(own).map(|id| veto(format!("tag:{id}"))));
            }
        }
    }
}

/// The rules that hold for one tag.
fn rules_of(request: &Request<'_>, tag: Facts<'_>) -> Vec<&'static str> {
    let signals = Signals::of_tag(tag, request.settings);
    let (illegal, harmful) = (signals.family("L"), signals.family("H"));
    let ttl_ms = request.settings.number("art10.tag_ttl_d") * DAY_MS;
    let old = request.since(tag.integer("last_evidence_ms")).is_some_and(|ms| ms > ttl_ms);
    let unsuitable = signals.family("M").found() || tag.is("purpose", "marketing");
    let rules = [
        ("art10.illegal-tag", illegal == State::Confirmed || harmful == State::Confirmed),
        ("art10.suspected-tag", illegal == State::Suspected || harmful == State::Suspected),
        ("art10.unregistered-tag", !tag.yes("in_dictionary") || !tag.is("review", "approved")),
        ("art10.sensitive-tag", !tag.no("sensitive") && !tag.yes("separate_consent")),
        ("art10.minor-tag", request.as_minor() && unsuitable),
        (STALE, old && tag.is("origin", "inferred")),
    ];
    rules.into_iter().filter(|(_, holds)| *holds).map(|(rule, _)| rule).collect()
}
