//! The reports on a ledger: figures of a range, and what another policy set would have changed, held against the answers
//! themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use normgate::contract::Day;
use normgate::{Batch, Circumstances, Config, Confirmation, Gate, Language, Outcome, embedded, exposure_ppm};
use normgate_ledger::{Facets, Group, History, Ledger, LedgerError, Parts, Purge, Query, Settings};
use normgate_report::{Assessment, Comparison, Difference, Labelled, List, Request, Side};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;

fn builder() -> normgate::GateBuilder {
    let wanted = ["art09", "art10", "art12", "art17", "art18"];
    Gate::builder().policies(embedded::arp().into_iter().filter(move |m| wanted.contains(&&*m.manifest.module)))
}

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let config = Config::parse("[modes]\n\"art12.scatter-author\" = \"shadow\"\n").unwrap();
    builder().config(config).build().unwrap()
});

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    folder
}

/// A list of three rows: one made by AI, one that harms minors, one of nothing.
fn request(number: u64, age: &str, surface: &str) -> Value {
    let row = |id: &str| {
        json!({"id": format!("{id}-{number}"), "kind": "article", "scan_state": "done", "retrieval_basis": "generic",
               "commercial": false, "age_rating": "all", "aigc": {"meta_label": "none"}, "author_id": 7,
               "rank_pos": if id == "ai" { 0 } else if id == "bad" { 1 } else { 2 }})
    };
    let (mut ai, mut bad) = (row("ai"), row("bad"));
    ai["aigc"]["meta_label"] = json!("1");
    bad["signals"] = json!([{"code": "M1", "conf_ppm": 960_000, "source": "classifier"}]);
    json!({
        "id": format!("r{number}"),
        "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "can_render_labels": true, "surface": surface, "off_option": true},
        "user": {"ref": format!("user-{number}"), "age_band": age, "age_assurance": "id_verified", "personalization": "on"},
        "session": {"continuous_s": 600, "today_s": 1_200},
        "candidates": [ai, bad, row("plain")],
    })
}

fn judge(request: &Value, ago_ms: i64) -> (Batch, Arc<Outcome>) {
    let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
    let mut outcome = GATE.evaluate(&batch);
    outcome.circumstances.clock_ms -= ago_ms;
    (batch, Arc::new(outcome))
}

/// Records lists, all of them in full; their decision ids.
fn record(folder: &Path, lists: &[(Batch, Arc<Outcome>)], confirmations: &[Value]) -> Vec<String> {
    record_sampled(folder, 1_000_000, lists, confirmations)
}

fn record_sampled(
    folder: &Path,
    sample_ppm: u32,
    lists: &[(Batch, Arc<Outcome>)],
    confirmations: &[Value],
) -> Vec<String> {
    let ledger = Ledger::open(folder, Settings { sample_ppm, ..Settings::default() }).unwrap();
    lists.iter().for_each(|(batch, outcome)| ledger.record(batch, outcome).unwrap());
    confirmations
        .iter()
        .for_each(|one| ledger.confirm(&serde_json::from_value::<Confirmation>(one.clone()).unwrap()).unwrap());
    ledger.close().unwrap();
    lists.iter().map(|(_, outcome)| outcome.decision_id()).collect()
}

fn assess(folder: &Path) -> Assessment {
    Assessment::of(&History::open(folder).unwrap(), None, None, |_| {}).unwrap()
}

#[test]
fn figures_are_those_of_the_answers() {
    let folder = folder("figures");
    let mut unread = request(3, "a12_16", "feed");
    unread["candidates"][2]["scan_state"] = json!("none");
    unread["user"]["tags"] = json!([{"tag_id": "t1", "in_dictionary": true, "review": "pending", "sensitive": false}]);
    let lists: Vec<_> =
        [request(1, "a12_16", "feed"), request(2, "a18_60", "feed"), unread, request(4, "a60p", "push")]
            .iter()
            .map(|request| judge(request, 0))
            .collect();
    let ids: Vec<String> = lists.iter().map(|(_, outcome)| outcome.decision_id()).collect();
    let rendered = |id: &str, row: &str| json!({"decision_id": id, "shown": [row], "labels_rendered": [{"candidate": row, "label": "ai.confirmed"}]});
    let mut first = rendered(&ids[0], "ai-1");
    first["discharged"] = json!([{"code": "offer.why", "target": null}, {"code": "offer.why", "target": null},
                                  {"code": "warn.fraud", "target": null}]);
    let second = json!({"decision_id": ids[1], "shown": ["ai-2", "plain-2"], "labels_rendered": []});
    let third = json!({"decision_id": ids[2], "shown": []});
    record(&folder, &lists, &[first.clone(), first, second, third, rendered("0123", "ai-9")]);
    let found = assess(&folder);

    // Verdicts, by surface and group, are those of the outcomes.
    assert_eq!((found.lists.full, found.lists.unreadable), (4, 0));
    let rows = |wanted: &dyn Fn(&Facets) -> bool| -> (u64, u64) {
        let of = lists.iter().filter(|(batch, _)| wanted(&Facets::of(batch, &[])));
        of.fold((0, 0), |(shown, withheld), (_, outcome)| {
            (shown + outcome.shown as u64, withheld + (outcome.verdicts.len() - outcome.shown) as u64)
        })
    };
    for (surface, shares) in &found.surfaces {
        let wanted = rows(&|facets: &Facets| facets.surface.as_ref() == Some(surface));
        assert_eq!((shares.rows() - shares.block, shares.block), wanted, "{surface}");
    }
    for (group, shares) in &found.groups {
        assert_eq!((shares.rows() - shares.block, shares.block), rows(&|facets: &Facets| facets.group() == *group));
    }
    assert_eq!(found.groups.keys().collect::<Vec<_>>(), [&Group::Minor, &Group::Elder, &Group::Adult]);
    let day: Day = Day::containing(lists[0].1.circumstances.clock_ms);
    assert!(found.days.keys().all(|known| *known == day || *known == day.next()));

    // Exposure of minors is that of the places that they were shown.
    let minors: Vec<_> = found.protected.iter().filter(|row| row.group == Group::Minor).collect();
    let of_minors = [&lists[0].1, &lists[2].1];
    assert_eq!((minors.len(), minors[0].lists, minors[0].surface.as_str()), (1, 2, "feed"));
    let sum: u64 = of_minors.iter().map(|outcome| (0..outcome.shown).map(exposure_ppm).sum::<u64>()).sum();
    assert_eq!(minors[0].exposure, sum);
    assert!(minors[0].labelled > 0 && minors[0].labelled < sum);

    // What was unknown stands apart from what was a fact.
    let rule = |id: &str| found.rules.iter().find(|fired| fired.rule == id && fired.surface == "feed").unwrap();
    let unsafe_imitation = rule("art18.unsafe-imitation");
    assert_eq!(
        (unsafe_imitation.fact.block, unsafe_imitation.fact.lists, unsafe_imitation.missing_input.total()),
        (2, 2, 0)
    );
    let unscanned = rule("art18.unscanned");
    assert_eq!((unscanned.fact.total(), unscanned.missing_input.total(), unscanned.missing_input.lists), (0, 1, 1));
    assert_eq!(rule("art10.unregistered-tag").fact.tag + rule("art10.unregistered-tag").missing_input.tag, 1);
    assert_eq!((found.tags.keep, found.tags.suppress), (0, 1));

    // Labels: rendered, shown without, not shown, and of the last list nothing is known.
    let feed = Labelled { rows: 3, rendered: 1, shown_without: 1, not_shown: 1, unconfirmed: 0 };
    assert_eq!(found.synthetic["feed"], feed);
    assert_eq!(found.synthetic["push"], Labelled { rows: 1, unconfirmed: 1, ..Labelled::default() });
    let confirmations = found.confirmations;
    assert_eq!((confirmations.matched, confirmations.unmatched, confirmations.lists), (4, 1, 3));
    // A discharge counts once, however often it is confirmed, and only of what is owed.
    assert_eq!((found.obligations["offer.why"].owed, found.obligations["offer.why"].discharged), (4, 1));
    assert!(!found.obligations.contains_key("warn.fraud"));
    assert!(found.shadow["art12.scatter-author"].lists > 0);

    // The page tells the same in both languages, and no id of a user, a tag or an item.
    let manifests: Vec<_> = GATE.policy_set().manifests().cloned().collect();
    for language in [Language::Zh, Language::En] {
        let page = found.page(&manifests, None, language).unwrap();
        for text in [page.to_markdown(), page.to_html(), serde_json::to_string(&found).unwrap()] {
            for id in ["user-1", "ai-1", "bad-1", "t1\"", ids[0].as_str()] {
                assert!(!text.contains(id), "{id} is told");
            }
        }
        assert!(page.to_markdown().contains("art18.unsafe-imitation"));
    }
}

#[test]
fn days_bounds_and_lost_keys_are_kept_apart() {
    let folder = folder("days");
    // Half of them is older than anything has to be kept.
    let ago = |number: i64| if number < 3 { 400 - number } else { 6 - number };
    let lists: Vec<_> =
        (0..6u64).map(|number| judge(&request(number, "a18_60", "feed"), DAY_MS * ago(number as i64))).collect();
    let ids = record(&folder, &lists, &[]);
    let history = History::open(&folder).unwrap();
    let day = |list: usize| Day::containing(lists[list].1.circumstances.clock_ms);
    let some = Assessment::of(&history, Some(day(1)), Some(day(3)), |_| {}).unwrap();
    assert_eq!((some.lists.full, some.days.len()), (3, 3));
    assert_eq!(some.days.keys().copied().collect::<Vec<_>>(), [day(1), day(2), day(3)]);
    // With little room, lists are given up before anything could be confirmed of them.
    let ledger = Ledger::open(&folder, Settings::default()).unwrap();
    for id in &ids {
        ledger.confirm(&serde_json::from_value(json!({"decision_id": id, "shown": []})).unwrap()).unwrap();
    }
    ledger.purge(day(2), Purge::All, "test").unwrap();
    ledger.close().unwrap();
    let wide = assess(&folder);
    let readable = wide.lists.full + wide.lists.commit - wide.lists.unreadable;
    assert_eq!((wide.confirmations.given_up, wide.confirmations.lists), (0, readable));
    // Every list weighs the same, and one weight and a half hold one list and not two.
    let weight = 1 + lists[0].1.obligations.len() + 1;
    let narrow =
        Assessment::with_waiting(&History::open(&folder).unwrap(), None, None, weight * 3 / 2, |_| {}).unwrap();
    assert_eq!((narrow.confirmations.given_up, narrow.confirmations.lists), (readable - 1, 1));
    assert_eq!(narrow.synthetic["feed"].rows, wide.synthetic["feed"].rows);
    assert_eq!(narrow.synthetic["feed"].unconfirmed, readable - 1);
    assert_eq!(narrow.ledger.purges.len(), 1, "{:?}", narrow.ledger);
    assert!(readable < 6, "what was purged is not counted");
}

/// The recorded set with another configuration.
fn with(config: &'static str) -> Side<'static> {
    Side::Changed(Box::new(move |description, label| {
        let mut parts = Parts::of(&embedded::arp(), description)?;
        parts.config = Config::parse(config).unwrap();
        parts
            .builder(Gate::builder().trusting(), label)
            .generation()
            .map_err(|error| LedgerError::Absent(error.to_string()))
    }))
}

fn compare(folder: &Path, base: Side<'_>, other: Side<'_>, threads: usize, personal: bool) -> Difference {
    let comparison = Comparison::new((base, None), (other, None), threads, personal);
    comparison.ledger(&History::open(folder).unwrap(), &Query::default(), |_| {}).unwrap()
}

#[test]
fn a_difference_is_what_differs() {
    const AS_RECORDED: &str = "[modes]\n\"art12.scatter-author\" = \"shadow\"\n";
    const OTHER: &str = "[modes]\n\"art18.unsafe-imitation\" = \"shadow\"\n\"art12.explain\" = \"shadow\"\n";
    let folder = folder("difference");
    let ages = ["a12_16", "a18_60", "a60p"];
    let lists: Vec<_> = (0..9).map(|number| judge(&request(number, ages[number as usize % 3], "feed"), 0)).collect();
    let ids = record(&folder, &lists, &[]);

    let same = compare(&folder, Side::Recorded, with(AS_RECORDED), 2, false);
    assert_eq!((same.total().lists, same.total().changed, same.rules.len()), (9, 0, 0));

    let change = compare(&folder, Side::Recorded, with(OTHER), 2, false);
    let total = change.total();
    // Minors are shown again what was withheld from them.
    let minors = change.by_group()[&Group::Minor];
    assert!(minors.released > 0 && total.withheld == 0, "{minors:?}");
    assert_eq!(change.obligations["offer.why"], [0, 9]);
    let rules: Vec<&str> = change.by_rule().into_iter().map(|(rule, _)| rule).collect();
    assert!(rules.contains(&"art18.unsafe-imitation") && rules.contains(&"art12.explain"), "{rules:?}");
    assert!(
        rules.contains(&"art12.scatter-author"),
        "its mode differs too, and rows of one author lie close: {rules:?}"
    );
    let by_rule = |rule: &str| change.by_rule().into_iter().find(|(id, _)| *id == rule).unwrap().1;
    assert_eq!(by_rule("art18.unsafe-imitation").verdicts, 3);
    assert_eq!(by_rule("art12.explain").owed_less, 9);

    // The other way round it is the mirror image, and threads change nothing.
    let back = compare(
        &folder,
        with(OTHER),
        Side::Changed(Box::new(|description, label| {
            let parts = Parts::of(&embedded::arp(), description)?;
            parts
                .builder(Gate::builder().trusting(), label)
                .generation()
                .map_err(|error| LedgerError::Absent(error.to_string()))
        })),
        3,
        false,
    );
    let mirrored = back.total();
    assert_eq!(
        (total.changed, total.verdicts, total.withheld, total.released, total.moved, total.lost, total.gained),
        (
            mirrored.changed,
            mirrored.verdicts,
            mirrored.released,
            mirrored.withheld,
            mirrored.moved,
            mirrored.gained,
            mirrored.lost
        )
    );
    assert_eq!((total.owed_more, total.owed_less), (mirrored.owed_less, mirrored.owed_more));
    let alone = compare(&folder, Side::Recorded, with(OTHER), 1, false);
    assert_eq!(serde_json::to_string(&alone).unwrap(), serde_json::to_string(&change).unwrap());

    // Examples name nobody unless they are asked to.
    let named = compare(&folder, Side::Recorded, with(OTHER), 2, true);
    let example = &named.examples["art18.unsafe-imitation"];
    assert_eq!((example.id.as_deref(), example.candidate.as_deref()), (Some(&*ids[0]), Some("bad-0")));
    let text =
        serde_json::to_string(&change).unwrap() + &change.to_string() + &change.page(&[], Language::En).to_html();
    assert!(!text.contains(&ids[0]) && !text.contains("bad-0"));
    assert!(named.to_string().contains("bad-0"));
}

#[test]
fn two_sets_differ_over_requests_and_commitments_are_said() {
    let generation =
        |config: &str| Side::Set(Box::new(builder().config(Config::parse(config).unwrap()).generation().unwrap()));
    let stricter = "[parameters]\n\"art18.rest_s\" = 300\n";
    let mut comparison = Comparison::new((generation(""), None), (generation(stricter), None), 2, true);
    for number in 0..4 {
        let request = request(number, "a12_16", "push");
        let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
        let list = List {
            number: number + 1,
            request: Request::Json(request.to_string().into_bytes()),
            id: batch.id().map(str::to_owned),
            facets: Facets::of(&batch, &[]),
            circumstances: Circumstances { clock_ms: 1_767_225_600_000, ..Circumstances::default() },
        };
        comparison.list(list).unwrap();
    }
    let change = comparison.finish().unwrap();
    assert_eq!(change.obligations.keys().collect::<Vec<_>>(), ["remind.rest"]);
    assert_eq!((change.total().owed_more, change.total().verdicts), (4, 0));
    assert_eq!(change.examples["art18.rest"].id.as_deref(), Some("r0"));

    // A list of nothing is kept as a commitment, and cannot be judged again.
    let folder = folder("commitments");
    let mut plain = request(1, "a18_60", "feed");
    let rows = plain["candidates"].as_array_mut().unwrap();
    rows.drain(..2);
    record_sampled(&folder, 0, &[judge(&plain, 0), judge(&request(2, "a12_16", "feed"), 0)], &[]);
    let change = compare(&folder, Side::Recorded, with(""), 2, false);
    assert_eq!((change.commitments, change.total().lists), (1, 1));
    assert_eq!((assess(&folder).lists.full, assess(&folder).lists.commit), (1, 1));
}
