//! Notices: what somebody should look at, though it changes no verdict.

use std::collections::BTreeMap;

use normgate_contract::{Day, Manifest, OnFailure, Value};
use serde::{Deserialize, Deserializer, de};

use crate::batch::{BadRow, Batch, Column};
use crate::config::{Looser, Mode};
use crate::error::BuildError;
use crate::notice::Notice;
use crate::on_failure::{Switch, withholding};
use crate::outcome::ConstraintItem;
use crate::policy_set::{PolicySet, RuleRef};

/// How far a request's `now_ms` may lie from the host's clock before that is worth a notice: a day. An engineering default,
/// wide enough for replayed queues and narrow enough for a wrong unit.
const CLOCK_TOLERANCE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Kinds of rows that only exist where an algorithm dispatches work or sets prices (Art 20, 21).
const DECIDING_KINDS: [&str; 6] = ["work_order", "penalty", "incentive", "product_offer", "service_offer", "coupon"];

/// What notices of a generation are called: those that a record says again.
const OF_GENERATIONS: [&str; 18] = [
    "awaited",
    "beside",
    "clock-behind",
    "config-ignored",
    "held",
    "left-out",
    "must-missing",
    "must-weakened",
    "norm-missing",
    "norm-weakened",
    "on-failure-all",
    "overlay-ignored",
    "pack-ignored",
    "replaced",
    "replaces-ignored",
    "retention-cut",
    "stale",
    "superseded",
];

/// What notices of a request are called that an operator is to see rise.
pub(crate) const OF_REQUESTS: [&str; 14] = [
    "age-contradiction",
    "art05.loosening",
    "bad-cell",
    "bad-row",
    "clock-behind",
    "clock-skew",
    "emergency-row",
    "observed",
    "on-failure-all",
    "order-not-applied",
    "override",
    "provider-fact",
    "scope-contradiction",
    "stale",
];

/// Longest reason in a notice, in characters. Every outcome carries it.
const LONGEST_REASON: usize = 400;

/// Most notices of one kind about one authority's modules that do not fit.
const MOST_OF_ONE: usize = 8;

/// Most names that one notice lists of those that a manifest makes up.
const MOST_NAMES: usize = 8;

/// Reads a recorded notice of a generation.
impl<'de> Deserialize<'de> for Notice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Recorded {
            code: String,
            policy: Option<String>,
            message: String,
        }
        let Recorded { code, policy, message } = Recorded::deserialize(deserializer)?;
        let known = OF_GENERATIONS.into_iter().find(|known| *known == code);
        let code = known.ok_or_else(|| de::Error::custom(format!("`{code}` is no notice of a generation")))?;
        Ok(Self { code, policy, message })
    }
}

/// A request that says that it is out of scope (Art 2), and carries what only a covered service has.
pub(crate) fn scope_contradiction(batch: &Batch) -> Option<Notice> {
    let carried = |row: usize| {
        let id = batch.row_id("candidates.id", row as u32);
        if batch.row_term("candidates.retrieval_basis", row) == Some("personal") {
            return Some(format!("candidate {id} was retrieved on a personal basis"));
        }
        if let Some(Column::Ids(tags)) = batch.column("candidates.matched_tags")
            && tags.row(row).is_some_and(|tags| !tags.is_empty())
        {
            return Some(format!("candidate {id} matches tags of the user"));
        }
        let kind = batch.row_term("candidates.kind", row).filter(|kind| DECIDING_KINDS.contains(kind))?;
        Some(format!("candidate {id} is of kind {kind}"))
    };
    let found = (0..batch.candidates()).find_map(carried)?;
    let said = match batch.request_term("request.ctx.territory") {
        Some("OTHER") => "ctx.territory = OTHER",
        _ => "ctx.algo_type = none",
    };
    Some(Notice {
        code: "scope-contradiction",
        policy: None,
        message: format!("{said} puts the request out of scope, yet {found}; check what is sent"),
    })
}

/// A request whose time is far from the host's clock. The clock decides what is in force, the request's time what is late,
/// so the two should agree in live use.
pub(crate) fn clock(batch: &Batch, clock_ms: i64) -> Option<Notice> {
    let now_ms = batch.column("request.ctx.now_ms")?.integer(0)?;
    (now_ms.abs_diff(clock_ms) > CLOCK_TOLERANCE_MS as u64).then(|| Notice {
        code: "clock-skew",
        policy: None,
        message: format!(
            "ctx.now_ms {now_ms} is more than a day from the host's clock; rules in force are those of the clock \
             (--as-of judges by another day)"
        ),
    })
}

/// What of a request is not as the vocabulary says, and was judged all the same.
pub(crate) fn amiss(batch: &Batch) -> Vec<Notice> {
    let Some(amiss) = batch.amiss() else { return Vec::new() };
    let mut notices = Vec::new();
    for (column, times) in &amiss.cells {
        let message =
            format!("{column}: {} not legal and judged as unknown", counted(*times, "value was", "values were"));
        notices.push(Notice { code: "bad-cell", policy: None, message });
    }
    let mut causes: BTreeMap<BadRow, u64> = BTreeMap::new();
    amiss.rows.iter().for_each(|cause| *causes.entry(*cause).or_default() += 1);
    for (rows, what, done) in
        [(&causes, ("candidate", "candidates"), "withheld by host.input"), (&amiss.tags, ("tag", "tags"), "left out")]
    {
        notices.extend(rows.iter().map(|(cause, times)| {
            let rows = counted(*times, what.0, what.1);
            let message = format!("{rows} {done}: {}", why_bad(*cause));
            Notice { code: "bad-row", policy: None, message }
        }));
    }
    notices
}

/// How many of something.
fn counted(times: u64, one: &str, more: &str) -> String {
    format!("{times} {}", if times == 1 { one } else { more })
}

fn why_bad(cause: BadRow) -> &'static str {
    match cause {
        BadRow::NoObject => "what was sent is no object",
        BadRow::NoId => "without an id that is legal",
        BadRow::DuplicateId => "with the id of a row before",
        BadRow::UnknownKind => "of a kind that the vocabulary lacks",
    }
}

/// A user under 14 with the band of an adult.
pub(crate) fn age_contradiction(batch: &Batch) -> Option<Notice> {
    let band = batch.request_term("request.user.age_band").filter(|band| ["a18_60", "a60p"].contains(band))?;
    (batch.request_tri("request.user.under_14") == Some(true)).then(|| Notice {
        code: "age-contradiction",
        policy: None,
        message: format!("user.under_14 = true contradicts user.age_band = {band}; the user was judged as a minor"),
    })
}

/// The host's clock is more than a day behind the time at which the generation was built, which is judged by instead.
pub(crate) fn clock_behind(clock_ms: i64, judged_ms: i64) -> Option<Notice> {
    (judged_ms.saturating_sub(clock_ms) > CLOCK_TOLERANCE_MS).then(|| Notice {
        code: "clock-behind",
        policy: None,
        message: format!(
            "the host's clock stands at {clock_ms}; what is in force is that of {judged_ms}, when the generation was built"
        ),
    })
}

/// The set is being observed.
pub(crate) fn observed(until: Day) -> Notice {
    Notice {
        code: "observed",
        policy: None,
        message: format!("the set is only observed before {until}: `shadow` says what would apply, and nothing does"),
    }
}

/// A regulator's value that was not taken, because it is looser than the one in force.
pub(crate) fn ignored_overlay(regulator: &str, looser: &Looser) -> Notice {
    let Looser { parameter, offered, .. } = looser;
    Notice {
        code: "overlay-ignored",
        policy: None,
        message: format!(
            "{offered} of {regulator} for `{parameter}` is looser than the value in force, which was kept"
        ),
    }
}

/// A notice about one module.
fn about(code: &'static str, manifest: &Manifest, message: String) -> Notice {
    Notice { code, policy: Some(manifest.reference()), message }
}

/// A lower version of a policy that is there in a higher one.
pub(crate) fn superseded(manifest: &Manifest, by: &str) -> Notice {
    about(
        "superseded",
        manifest,
        format!("{by} judges in its place, being the higher version, and it stands in when that fails"),
    )
}

/// A policy that another one replaces.
pub(crate) fn replaced(manifest: &Manifest, by: &str) -> Notice {
    about("replaced", manifest, format!("{by} judges in its place, as [authorities] lets it"))
}

/// A module that would replace policies, and may not.
pub(crate) fn replaces_ignored(manifest: &Manifest, names: &[&str]) -> Notice {
    let (authority, first, names) = (manifest.authority(), names[0], a_few(names));
    let message = format!(
        "it would replace {names}, which [authorities.{authority}] does not let it, so all judge; \
         replaces = [\"{first}\"] there would"
    );
    about("replaces-ignored", manifest, message)
}

/// A module that would in the end replace itself.
pub(crate) fn replaces_in_a_circle(manifest: &Manifest) -> Notice {
    let message = "it would in the end replace itself, so it replaces nobody, and all of the circle judge; let one side in \
                   [authorities] replace the other";
    about("replaces-ignored", manifest, message.to_owned())
}

/// A module that does not fit, and is not there.
pub(crate) fn left_out(manifest: &Manifest, why: &BuildError) -> Notice {
    let mut why = why.to_string();
    if let Some((end, _)) = why.char_indices().nth(LONGEST_REASON) {
        why.truncate(end);
        why.push('…');
    }
    about("left-out", manifest, why)
}

/// Notices about modules of several authorities, of each authority a few: every outcome carries them, and nobody makes outcomes
/// large by shipping what does not fit.
pub(crate) fn a_few_of_each(notices: Vec<Notice>) -> Vec<Notice> {
    let mut told: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    let mut few = Vec::new();
    for notice in notices {
        let authority = notice.policy.as_deref().and_then(|policy| policy.split('/').next()).unwrap_or_default();
        let number = told.entry((notice.code, authority.to_owned())).or_default();
        *number += 1;
        if *number <= MOST_OF_ONE {
            few.push(notice);
        }
    }
    few.extend(told.into_iter().filter(|(_, number)| *number > MOST_OF_ONE).map(|((code, authority), number)| {
        let more = number - MOST_OF_ONE;
        Notice { code, policy: None, message: format!("the same holds for {more} more modules of `{authority}`") }
    }));
    few
}

/// A module with rules that the law requires, which was left out.
pub(crate) fn missing_left_out(manifest: &Manifest) -> Notice {
    about(
        "must-missing",
        manifest,
        "it is left out and no version before it is there, so what the law requires there is judged by nobody"
            .to_owned(),
    )
}

/// Something of the configuration that fits no module, and was not taken.
pub(crate) fn ignored_config(manifest: Option<&Manifest>, why: String) -> Notice {
    Notice { code: "config-ignored", policy: manifest.map(Manifest::reference), message: why }
}

/// A sector norm that was adopted, and that no module carries.
pub(crate) fn norm_missing(name: &str, meant: Option<&str>) -> Notice {
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    let message =
        format!("`{name}` is adopted, and no module carries this norm, so that nothing of it is judged{meant}");
    Notice { code: "norm-missing", policy: None, message }
}

/// A policy that an authority may replace, and that is not there.
pub(crate) fn replaced_missing(authority: &str, name: &str) -> Notice {
    let message =
        format!("authorities.{authority}.replaces `{name}`: no module is this policy, so that nothing is replaced");
    ignored_config(None, message)
}

/// What the configuration takes away from a sector norm that was adopted.
pub(crate) fn norm_weakened(manifest: &Manifest, loosened: &[String]) -> Notice {
    let pack = manifest.pack.as_deref().unwrap_or_default();
    about(
        "norm-weakened",
        manifest,
        format!("`{pack}` is adopted, and the configuration weakens it: {}", loosened.join(", ")),
    )
}

/// A module that takes another one's place on its effective date.
pub(crate) fn awaited(manifest: &Manifest) -> Notice {
    let day = manifest.effective_from.map_or("its day".to_owned(), |day| day.to_string());
    about(
        "awaited",
        manifest,
        format!("it is observed in shadow before {day}, and judges from then on in another one's place"),
    )
}

/// A release that acts for some users, or none, while the one before it acts for the others.
pub(crate) fn beside(manifest: &Manifest, release: Mode) -> Notice {
    about("beside", manifest, format!("it is released as {release}, and the one before it acts for whom it does not"))
}

/// A module that a trial left in shadow.
pub(crate) fn held(manifest: &Manifest) -> Notice {
    about(
        "held",
        manifest,
        "it is only in shadow, because its trial on recorded requests went beyond a bound".to_owned(),
    )
}

/// Rules that the law requires and that the configuration keeps from acting.
pub(crate) fn weakened(manifest: &Manifest, rules: &[(&str, Mode)]) -> Notice {
    let rules: Vec<String> = rules.iter().map(|(rule, mode)| format!("{rule} ({mode})")).collect();
    about("must-weakened", manifest, format!("[modes] keeps what the law requires from acting: {}", rules.join(", ")))
}

/// A module that the configuration lets pass when it fails, though the law requires what it would withhold.
pub(crate) fn passes_when_it_fails(manifest: &Manifest) -> Notice {
    let rules: Vec<&str> = withholding(manifest).collect();
    let message = format!(
        "[on_failure] {} = allow: while it fails, nothing is withheld by what the law requires: {}",
        manifest.module,
        a_few(&rules)
    );
    about("must-weakened", manifest, message)
}

/// The same of several modules at once.
pub(crate) fn all_pass(how: &str, modules: &[&str]) -> Option<Notice> {
    (!modules.is_empty()).then(|| Notice {
        code: "must-weakened",
        policy: None,
        message: format!(
            "{how}: while one of these fails, nothing is withheld by what the law requires: {}",
            a_few(modules)
        ),
    })
}

/// What is done for a while, whichever module fails.
pub(crate) fn switched(Switch { until, what }: &Switch) -> Notice {
    let passes = match what {
        OnFailure::Allow => "pass",
        OnFailure::Hold => "are withheld, as far as the module itself could have",
    };
    let message = format!("[on_failure] all: until {until} the candidates of every module that fails {passes}");
    Notice { code: "on-failure-all", policy: None, message }
}

/// Rules that the law requires of a module that an override switches off.
pub(crate) fn off<'r>(manifest: &Manifest, rules: impl Iterator<Item = &'r str>) -> Notice {
    let rules: Vec<&str> = rules.collect();
    about(
        "must-weakened",
        manifest,
        format!("an override keeps what the law requires from being asked: {}", rules.join(", ")),
    )
}

/// A module with rules that the law requires, which the generation before had.
pub(crate) fn missing(manifest: &Manifest) -> Notice {
    about(
        "must-missing",
        manifest,
        "the generation before had it and this one does not, so what the law requires there is judged by nobody"
            .to_owned(),
    )
}

/// Names, the first few and how many more.
pub(crate) fn a_few(names: &[&str]) -> String {
    let few = names[..names.len().min(MOST_NAMES)].join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}

/// What a sector norm says of other modules' parameters and was not taken, though it may be stricter.
pub(crate) fn untaken_overlay(norm: &Manifest, why: &str) -> Notice {
    about("overlay-ignored", norm, format!("of its values for other modules' parameters these are not taken: {why}"))
}

/// What a sector norm tightens in a request, being adopted.
pub(crate) fn tightened(norm: &Manifest, values: &BTreeMap<String, Value>) -> Notice {
    let values: Vec<String> = values.iter().map(|(parameter, value)| format!("{parameter} to {value}")).collect();
    about("tightened", norm, format!("being adopted, it tightens {}", values.join(", ")))
}

/// A sector norm whose pack is somebody else's.
pub(crate) fn foreign_pack(norm: &Manifest) -> Notice {
    let (pack, authority) = (norm.pack.as_deref().unwrap_or_default(), norm.authority());
    let message = format!(
        "its pack `{pack}` is not one of `{authority}`, so nobody adopts it and it is only observed; its packs are called \
         {authority}/<name>"
    );
    about("pack-ignored", norm, message)
}

/// Records that a module would have kept for longer than its authority may.
pub(crate) fn retention_cut(manifest: &Manifest, asked: i64, longest: u32) -> Notice {
    let authority = manifest.authority();
    let kept = match longest {
        0 => "so its records are kept as all others are".to_owned(),
        longest => format!("so they are kept for {longest}"),
    };
    let message = format!(
        "it asks for records to be kept for {asked} days, which [authorities.{authority}] does not let it (`retain_d`), {kept}"
    );
    about("retention-cut", manifest, message)
}

/// A sector norm's value that was not taken, because norms never loosen (Art 5).
pub(crate) fn loosening(norm: String, looser: &Looser) -> Notice {
    let Looser { parameter, offered, .. } = looser;
    Notice {
        code: "art05.loosening",
        message: format!(
            "{offered} for `{parameter}` would loosen the value in force, or is not legal; that value was kept"
        ),
        policy: Some(norm),
    }
}

/// What yields to something stronger, so that the order is not what it asks for.
#[derive(Clone, Copy)]
pub(crate) enum Yield {
    PinToBlock,
    PinToDemotion,
    DemotionToPin,
    /// Of a row that is not pinned, where others are.
    DemotionToPins,
    /// All scores, where one is missing.
    Scores,
}

/// An order that is not what somebody asked for, because of something stronger.
fn not_applied(message: String) -> Notice {
    Notice { code: "order-not-applied", policy: None, message }
}

/// The same about a candidate.
pub(crate) fn order_not_applied(candidate: &str, why: Yield) -> Notice {
    let why = match why {
        Yield::PinToBlock => "is pinned and withheld, so it has no place",
        Yield::PinToDemotion => "is pinned and demoted by a `must` rule, so it does not keep its place",
        Yield::DemotionToPin => "is demoted and pinned, so it keeps its place",
        Yield::DemotionToPins => "is demoted and stands higher than its weight asks, because other rows are pinned",
        Yield::Scores => "has no score, so the order is that of places; [order] by = \"score\" needs every row's",
    };
    not_applied(format!("candidate {candidate} {why}"))
}

/// A demand on the slate that pinned rows leave unmet.
pub(crate) fn constraint_not_applied(rule: &str, constraint: &ConstraintItem, found: i64) -> Notice {
    let ConstraintItem { count, slots, .. } = constraint;
    not_applied(format!(
        "{rule} asks for {count} rows among the first {slots}, and pinned rows leave {found} of them there"
    ))
}

/// Every use of an emergency row, with what it was spared (by row): the exemption is the one hole in the merge, so it never goes
/// unrecorded.
pub(crate) fn emergencies(
    set: &PolicySet,
    batch: &Batch,
    emergency: &[bool],
    spared: &[(u32, RuleRef)],
) -> Vec<Notice> {
    // Both go up by row, and none but emergency rows are spared.
    let mut left = spared;
    let rows = emergency.iter().enumerate().filter(|(_, emergency)| **emergency);
    rows.map(|(row, _)| {
        let row = row as u32;
        let (own, rest) = left.split_at(left.iter().take_while(|(spared, _)| *spared == row).count());
        left = rest;
        let ticket = batch.column("candidates.exempt_ticket").and_then(|column| column.integer(row as usize));
        let rules: Vec<&str> = own.iter().map(|(_, rule)| set.rule_id(*rule)).collect();
        let spared = match &rules[..] {
            [] => "no rule would have withheld or demoted it".to_owned(),
            rules => format!("not withheld or demoted by {}", rules.join(", ")),
        };
        Notice {
            code: "emergency-row",
            policy: None,
            message: format!(
                "candidate {} is an emergency under ticket {}: {spared}",
                batch.row_id("candidates.id", row),
                ticket.unwrap_or(0)
            ),
        }
    })
    .collect()
}
