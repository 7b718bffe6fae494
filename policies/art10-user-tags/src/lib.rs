//! Art 10: which tags may be kept of a user, and what must not be recommended by them.
//!
//! A row whose tags are all forbidden is blocked when the basis is personal; otherwise each forbidden tag is vetoed. A
//! stale tag is vetoed but never forbids. A rule in shadow forbids nothing for the others.

use std::cell::Cell;

use normgate_sdk::terms::{RetrievalBasis, TagOrigin, TagPurpose, TagReview};
use normgate_sdk::{ById, State, Tri, people};
use signals::{H, L, M};

normgate_sdk::policy!(candidate: judge);

const DAY_MS: i64 = 86_400_000;

/// The rules that forbid a tag.
#[derive(Clone, Copy)]
enum Ban {
    Illegal,
    Suspected,
    Unregistered,
    Sensitive,
    Minor,
}

const BANS: [Ban; 5] = [Ban::Illegal, Ban::Suspected, Ban::Unregistered, Ban::Sensitive, Ban::Minor];

impl Ban {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A tag that some rule is against.
struct Marked<'a> {
    tag: Tag<'a>,
    bans: u8,
    stale: bool,
    /// The bans that some row turns into a veto, and whether any row matches the tag.
    vetoed: Cell<u8>,
    matched: Cell<bool>,
}

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let minor = people::is_minor(
        request.user_age_band(),
        request.user_under_14(),
        request.user_age_assurance(),
        request.user_minor_mode(),
        request.ctx_surface(),
    );
    let as_minor = minor.is_yes() || (minor.is_unknown() && limits.unknown_age() == UnknownAge::Minor);

    // Once a request.
    if request.ctx_onboarding_forced().is_yes() {
        rules.forced_interest().violation();
    }

    // Once a tag.
    let mut enforced = 0;
    let mut marked: Vec<Marked<'_>> = Vec::with_capacity(call.tags().count());
    for tag in call.tags() {
        let mut bans = 0;
        let mut ban = |ban: Ban, is_enforced: bool| {
            bans |= ban.bit();
            enforced |= if is_enforced { ban.bit() } else { 0 };
        };
        // A tag has no scan: what nobody says of it is clear.
        let states = tag.signals().states(limits.thresholds(), true);
        let any = |state| states.of(L) == state || states.of(H) == state;

        if any(State::Confirmed) {
            ban(Ban::Illegal, rules.illegal_tag(&tag).delete().oblige_delete_tag().enforced());
        }
        if any(State::Suspected) {
            ban(Ban::Suspected, rules.suspected_tag(&tag).suppress().oblige_review_human().enforced());
        }
        let (listed, review) = (tag.in_dictionary(), tag.review());
        if !listed.is_yes() || review != TagReview::Approved {
            let a_fact = listed.is_no() || matches!(review, TagReview::Pending | TagReview::Rejected);
            ban(Ban::Unregistered, rules.unregistered_tag(&tag).because_unknown(!a_fact).suppress().enforced());
        }
        let (sensitive, consent) = (tag.sensitive(), tag.separate_consent());
        if !sensitive.is_no() && !consent.is_yes() {
            let a_fact = (sensitive, consent) == (Tri::Yes, Tri::No);
            ban(Ban::Sensitive, rules.sensitive_tag(&tag).because_unknown(!a_fact).suppress().enforced());
        }
        if as_minor && (states.of(M).is_raised() || tag.purpose() == TagPurpose::Marketing) {
            ban(Ban::Minor, rules.minor_tag(&tag).because_unknown(minor.is_unknown()).suppress().enforced());
        }
        let stale = tag.origin() == TagOrigin::Inferred
            && match (request.ctx_now_ms(), tag.last_evidence_ms()) {
                (Some(now), Some(last)) => now - last > limits.tag_ttl_d() * DAY_MS,
                _ => false,
            };
        if stale {
            rules.stale_tag(&tag).suppress();
        }
        if bans != 0 || stale {
            marked.push(Marked { tag, bans, stale, vetoed: Cell::new(0), matched: Cell::new(false) });
        }
    }

    // Once a row, where any tag is marked at all.
    let rows = if marked.is_empty() { None } else { Some(call.candidates()) };
    let by_id: ById<&Marked<'_>> = marked.iter().filter_map(|mark| Some((mark.tag.tag_id()?, mark))).collect();
    let mut matched: Vec<Option<&Marked<'_>>> = Vec::new();
    for item in rows.into_iter().flatten() {
        let Some(ids) = item.matched_tags() else { continue };
        matched.clear();
        matched.extend(ids.map(|id| by_id.get(id).copied()));
        let bans = |mark: &Option<&Marked<'_>>| mark.map_or(0, |mark| mark.bans);
        let basis = item.retrieval_basis();
        let unknown = matches!(basis, RetrievalBasis::Unknown | RetrievalBasis::Unlisted);
        let personal = basis == RetrievalBasis::Personal || unknown;
        let touched = matched.iter().fold(0, |all, mark| all | bans(mark));

        for ban in BANS.into_iter().filter(|ban| touched & ban.bit() != 0) {
            let counted = enforced | ban.bit();
            if personal && matched.iter().all(|mark| bans(mark) & counted != 0) {
                block(rules, ban, &item, unknown);
            } else {
                for mark in matched.iter().flatten() {
                    mark.vetoed.set(mark.vetoed.get() | mark.bans & ban.bit());
                }
            }
        }
        matched.iter().flatten().for_each(|mark| mark.matched.set(true));
    }

    // Once a tag: what the rows made of it.
    for mark in &marked {
        for ban in BANS.into_iter().filter(|ban| mark.vetoed.get() & ban.bit() != 0) {
            veto(rules, ban, &mark.tag);
        }
        if mark.stale && mark.matched.get() {
            rules.stale_tag(&mark.tag).veto_tag(mark.tag.row());
        }
    }
}

fn block(rules: &mut Rules<'_>, ban: Ban, item: &Candidate<'_>, unknown: bool) {
    match ban {
        Ban::Illegal => drop(rules.illegal_tag_on(item).because_unknown(unknown).block()),
        Ban::Suspected => drop(rules.suspected_tag_on(item).because_unknown(unknown).block()),
        Ban::Unregistered => drop(rules.unregistered_tag_on(item).because_unknown(unknown).block()),
        Ban::Sensitive => drop(rules.sensitive_tag_on(item).because_unknown(unknown).block()),
        Ban::Minor => drop(rules.minor_tag_on(item).because_unknown(unknown).block()),
    }
}

fn veto(rules: &mut Rules<'_>, ban: Ban, tag: &Tag<'_>) {
    let row = tag.row();
    match ban {
        Ban::Illegal => drop(rules.illegal_tag(tag).veto_tag(row)),
        Ban::Suspected => drop(rules.suspected_tag(tag).veto_tag(row)),
        Ban::Unregistered => drop(rules.unregistered_tag(tag).veto_tag(row)),
        Ban::Sensitive => drop(rules.sensitive_tag(tag).veto_tag(row)),
        Ban::Minor => drop(rules.minor_tag(tag).veto_tag(row)),
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Question};

    use super::{MANIFEST, evaluate};

    /// Whether a rule blocks a personal row that matches both tags. The row is number 2, which no tag is.
    fn blocks(rule: &str, tags: [(&'static str, Cell); 2], shadow: &'static str) -> bool {
        let mut question = Question::of(MANIFEST).shadow(shadow).candidate(&[]).candidate(&[]);
        for (id, flaw) in (1..).zip(tags) {
            let mut tag = vec![flaw, ("tag_id", Cell::Integer(id))];
            // The builder takes the first of two cells for one column.
            tag.extend([("in_dictionary", true.into()), ("review", "approved".into()), ("sensitive", false.into())]);
            question = question.tag(&tag);
        }
        let row = [("matched_tags", Cell::Ids(vec![1, 2])), ("retrieval_basis", "personal".into())];
        question.candidate(&row).ask(evaluate).rules().any(|(id, row)| id == rule && row == 2)
    }

    #[test]
    fn a_row_is_blocked_when_all_its_tags_are_forbidden() {
        let unlisted = || ("in_dictionary", Cell::Tri(false));
        assert!(blocks("art10.unregistered-tag", [unlisted(), unlisted()], ""));
        assert!(!blocks("art10.unregistered-tag", [unlisted(), ("origin", "chosen".into())], ""));
    }

    #[test]
    fn a_rule_in_shadow_does_not_help_another_to_block() {
        let tags = || [("in_dictionary", Cell::Tri(false)), ("sensitive", Cell::Tri(true))];
        assert!(blocks("art10.sensitive-tag", tags(), ""));
        assert!(!blocks("art10.sensitive-tag", tags(), "art10.unregistered-tag"));
    }
}
