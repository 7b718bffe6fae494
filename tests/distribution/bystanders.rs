//! What one repository, association or module cannot do to the others.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use normgate_repo::Synced;
use normgate_repo::publisher::Addition;
use serde_json::{Value, json};

use crate::component::{MANIFEST, module, with_manifest};
use crate::scene::{CASES, Scene, club, made};
use crate::taking::province;
use crate::transport::{Harm, serve_on};

/// Puts a module of `other` beside what the film club ships, and publishes both.
fn beside(scene: &Scene, bytes: &[u8], cases: &str) {
    scene.publisher().add_module("other.wasm", bytes, cases, &Addition::default()).unwrap();
    scene.ship("1.1.0");
}

/// A module of `other` whose manifest and answer differ from those of [`made`].
fn other(body: &str, value: i64, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["id"] = "other/norm".into();
    manifest["module"] = "norm".into();
    manifest["law"] = "other".into();
    manifest["rules"][0]["id"] = "norm.rule".into();
    manifest["rules"][0]["effects"] = json!([{"demote": "computed"}]);
    change(&mut manifest);
    with_manifest(module(body, 0, 0, value), &manifest.to_string())
}

fn cases() -> String {
    CASES.replace("club.rule", "norm.rule")
}

/// Syncs, and says why a module of `other` is not taken; the film club's is.
fn refused_alone(scene: &Scene, config: &str) -> String {
    let synced = scene.sync_with(config);
    assert!(synced.switched, "{synced:?}");
    let generation = scene.store().generation().unwrap().unwrap();
    let ids: Vec<_> = generation.modules.iter().map(|entry| (entry.id.as_str(), entry.says.version.as_str())).collect();
    assert_eq!(ids, [("film-club/night-films", "1.1.0")]);
    let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
    let sentence = error.to_string();
    let place = "repository national, authority other, role other-modules, file other/modules/norm.1.wasm: ";
    sentence.strip_prefix(place).unwrap_or_else(|| panic!("{sentence}")).to_owned()
}

#[test]
fn a_server_that_never_answers_keeps_nobody_waiting() {
    let mut scene = Scene::taken("held-up");
    let config = province(&scene, "province/films", "films");
    // Nobody takes up what comes in here, for now.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config =
        config.replace("location = \"province\"", &format!("location = \"http://{}\"", listener.local_addr().unwrap()));
    scene.bounds.patience = Duration::ZERO;
    scene.ship("1.1.0");
    let scene = &scene;
    let synced = thread::scope(|scope| {
        let syncing = scope.spawn(|| scene.sync_with(&config));
        while scene.store().current().unwrap() != Some(2) {
            assert!(!syncing.is_finished(), "the sync ended without the film club's release: {:?}", syncing.join());
            thread::yield_now();
        }
        // It was switched to while the province kept silent; now it answers, and is taken as well.
        serve_on(listener, scene.path("province"), "", Harm::None);
        syncing.join().unwrap()
    });
    assert_eq!(synced.generation, Some(3), "{synced:?}");
    assert!(synced.refused.is_empty(), "{synced:?}");
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned()), (1, "1.0.0".to_owned())]);
}

#[test]
fn a_first_generation_lacks_no_repository_unless_that_is_said() {
    let mut scene = Scene::new("partial");
    let config = province(&scene, "province/films", "films");
    std::fs::remove_file(scene.path("province/metadata/timestamp.json")).unwrap();
    let synced = scene.sync_with(&config);
    assert_eq!((synced.generation, synced.refused.len()), (None, 1), "{synced:?}");
    assert!(synced.notices[0].contains("no first generation is made while a repository is refused"), "{synced:?}");
    assert_eq!(scene.store().current().unwrap(), None);
    scene.partial = true;
    let synced = scene.sync_with(&config);
    assert_eq!((synced.generation, synced.refused.len()), (Some(1), 1), "{synced:?}");

    // A module of somebody who may do everything may be the law as well; one of an association is not.
    let mut scene = Scene::new("partial-module");
    let wrong = cases().replace("300000", "400000");
    scene.publisher().add_module("o.wasm", &other("", 300_000, |_| {}), &wrong, &Addition::default()).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    let config = scene.config();
    let full = config.replace("[authorities.other]", "[authorities.other]\nbase = \"full\"");
    assert_eq!(scene.sync_with(&full).generation, None);
    scene.partial = true;
    assert_eq!(scene.sync_with(&full).generation, Some(1));
    std::fs::remove_dir_all(scene.path("store")).unwrap();
    scene.partial = false;
    assert_eq!(scene.sync_with(&config).generation, Some(1));
}

#[test]
fn a_module_that_fails_costs_itself_alone() {
    let scene = Scene::taken("fails-alone");
    beside(&scene, &other("", 300_000, |_| {}), &cases().replace("300000", "400000"));
    let why = refused_alone(&scene, &scene.config());
    assert_eq!(why, "its own case `1` fails: verdicts.a.weight_ppm: expected 400000, got 300000");
}

#[test]
fn a_module_that_ends_in_a_trap_is_refused_whatever_its_cases_expect() {
    let scene = Scene::taken("trap");
    let vacuous = cases().replace(
        r#"{"verdicts":{"a":{"action":"demote","weight_ppm":300000,"rules":["norm.rule"]}}}"#,
        r#"{"vetoes":[]}"#,
    );
    beside(&scene, &other("unreachable", 300_000, |_| {}), &vacuous);
    let why = refused_alone(&scene, &scene.config());
    assert!(
        why.starts_with(
            "its own case `1` fails: failures: expected none, got other/norm@1.0.0 in the candidate stage: trap"
        ),
        "{why}"
    );
}

#[test]
fn a_module_that_fails_under_its_grant_is_refused() {
    let scene = Scene::taken("fails-granted");
    beside(&scene, &other("", 300_000, |_| {}), &cases());
    let config = scene.config().replace("[authorities.other]", "[authorities.other]\nfuel = 10");
    let why = refused_alone(&scene, &config);
    assert!(
        why.starts_with(
            "under what is granted to it, its own case `1` fails: failures: expected none, got other/norm@1.0.0"
        ),
        "{why}"
    );
    // Without the narrow grant it is as good as any.
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force().len(), 2);
}

#[test]
fn a_case_that_expects_nothing_is_none_and_each_rule_is_shown() {
    let scene = Scene::taken("vacuous");
    let expected = r#"{"verdicts":{"a":{"action":"demote","weight_ppm":300000,"rules":["norm.rule"]}}}"#;
    beside(&scene, &other("", 300_000, |_| {}), &cases().replace(expected, "{}"));
    let why = refused_alone(&scene, &scene.config());
    assert!(why.starts_with("its own case `1` fails: expect: expected what must come out, got nothing"), "{why}");

    let scene = Scene::taken("unshown");
    let two = |manifest: &mut Value| {
        let mut second = manifest["rules"][0].clone();
        second["id"] = "norm.second".into();
        manifest["rules"].as_array_mut().unwrap().push(second);
    };
    beside(&scene, &other("", 300_000, two), &cases());
    let why = refused_alone(&scene, &scene.config());
    assert_eq!(why, "none of its own cases shows the rule norm.second; add one in which it fires");
}

#[test]
fn the_cases_of_a_module_have_only_so_much_time() {
    let mut scene = Scene::taken("trial-time");
    scene.ship("1.1.0");
    scene.bounds.trial = Duration::ZERO;
    let sentence = scene.refused();
    assert!(sentence.ends_with("its 1 cases take longer than 0ns; shorten them"), "{sentence}");
}

#[test]
fn a_module_that_breaks_on_a_later_day_is_refused_before() {
    let scene = Scene::taken("time-bomb");
    let parameter = |name: &str, dated: Value| {
        json!({"name": name, "type": "integer", "min": 0, "max": 100, "unit": "count", "stricter": "smaller", "default": 1,
               "owner": "op", "source": "engineering", "dated": dated})
    };
    let bomb = |manifest: &mut Value| {
        manifest["parameters"] =
            json!([parameter("norm.lo", json!([["2999-12-01", 50]])), parameter("norm.hi", json!([]))]);
        manifest["ordered"] = json!([["norm.lo", "norm.hi"]]);
    };
    beside(&scene, &other("", 300_000, bomb), &cases());
    let why = refused_alone(&scene, &scene.config());
    assert!(why.starts_with("on 2999-12-01 it cannot be loaded: ") && why.contains("50 is above 1"), "{why}");
}

#[test]
fn what_one_association_lists_is_counted_for_itself() {
    let mut scene = Scene::taken("counted");
    for name in ["a", "b", "c"] {
        let bytes = made(&format!("other/{name}"), name, "1.0.0");
        let cases = CASES.replace("club.rule", &format!("{name}.rule"));
        scene.publisher().add_module("x.wasm", &bytes, &cases, &Addition::default()).unwrap();
    }
    scene.ship("1.1.0");
    scene.bounds.files = 2;
    let synced = scene.sync();
    let said = |synced: &Synced| synced.refused.iter().map(|(_, error)| error.to_string()).collect::<Vec<_>>();
    assert_eq!(
        said(&synced),
        [
            "repository national, authority other, role other-modules, file other/modules/c.1.wasm: other has more than 2 \
             files to be taken"
        ]
    );
    assert_eq!(scene.in_force().len(), 3);

    // Time is nobody's who uses it up: what was tried stays, and the next sync goes on.
    let mut scene = Scene::taken("no-time");
    scene.ship("1.1.0");
    scene.bounds.days = 0;
    let dated = Addition { effective_from: Some("2999-01-01".parse().unwrap()), ..Addition::default() };
    scene.publisher().add_module("other.wasm", &other("", 300_000, |_| {}), &cases(), &dated).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert_eq!(refused_alone(&scene, &scene.config()), "with it, other changes on more than 0 days; fewer are taken");
}

#[test]
fn squatting_on_a_prefix_costs_the_squatter() {
    // The squatter came first, and was taken.
    let scene = Scene::new("squatter");
    let config = scene.config().replace("[authorities.other]", "[authorities.other]\nprefixes = [\"squat\"]");
    let bytes = made("other/squatter", "squat", "1.0.0");
    let squatting = CASES.replace("club.rule", "squat.rule");
    scene.publisher().add_module("x.wasm", &bytes, &squatting, &Addition::default()).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync_with(&config).switched);
    let province = province(&scene, "province/films", "squat")
        .replace("[authorities.other]", "[authorities.other]\nprefixes = [\"squat\"]");
    let config = format!("{province}base = \"full\"\n");
    let synced = scene.sync_with(&config);
    assert!(synced.switched && synced.refused.is_empty(), "{synced:?}");
    let [notice] = &synced.notices[..] else { panic!("{synced:?}") };
    assert!(notice.starts_with("other/squatter 1.0.0 is left out: ") && notice.contains("`squat`"), "{notice}");
    let gate = scene.gate(&config, None);
    let judging: Vec<_> = gate.policy_set().manifests().map(|manifest| manifest.id.clone()).collect();
    assert_eq!(judging, ["film-club/night-films", "province/films"]);
    assert_eq!(gate.left_out()[0].id, "other/squatter");
}

#[test]
fn of_two_that_may_do_as_much_the_one_that_judges_already_keeps_its_prefix() {
    let scene = Scene::taken("incumbent");
    let ship = |id: &str, version: &str| {
        let cases = CASES.replace("club.rule", "films.rule");
        scene.publisher().add_module("x.wasm", &made(id, "films", version), &cases, &Addition::default()).unwrap();
        scene.publisher().publish(&scene.all()).unwrap();
        scene.sync()
    };
    assert!(ship("other/films", "1.0.0").switched);
    // Its name comes first, and it comes later.
    let judging = || {
        let gate = scene.gate(&scene.config(), None);
        gate.policy_set().manifests().map(|manifest| manifest.reference()).collect::<Vec<_>>()
    };
    let synced = ship("film-club/films", "1.1.0");
    assert!(synced.switched && synced.refused.is_empty(), "{synced:?}");
    assert!(
        synced.notices.iter().any(|notice| notice.starts_with("film-club/films 1.1.0 is left out: ")),
        "{synced:?}"
    );
    assert!(judging().contains(&"other/films@1.0.0".to_owned()), "{:?}", judging());
    // So it stays with its next version.
    assert!(ship("other/films", "1.2.0").switched);
    assert!(judging().contains(&"other/films@1.2.0".to_owned()), "{:?}", judging());
    // Who lists the prefix goes first.
    let listed =
        scene.config().replace("[authorities.film-club]", "[authorities.film-club]\nprefixes = [\"club\", \"films\"]");
    let gate = scene.gate(&listed, None);
    assert!(gate.left_out().iter().any(|out| out.id == "other/films"), "{:?}", gate.left_out());
}

#[test]
fn a_stand_in_that_clashes_with_its_successor_takes_nothing_with_it() {
    let scene = Scene::taken("two-types");
    let reading = |kind: &str, version: &str| {
        other("", 300_000, |manifest| {
            manifest["version"] = version.into();
            manifest["frames"][0]["columns"] = json!([{"field": "x.other.a", "type": kind}]);
        })
    };
    for (kind, version) in [("integer", "1.0.0"), ("tri", "1.1.0")] {
        scene.publisher().add_module("other.wasm", &reading(kind, version), &cases(), &Addition::default()).unwrap();
        scene.publisher().publish(&scene.all()).unwrap();
        assert!(scene.sync().switched);
    }
    let gate = scene.gate(&scene.config(), None);
    let judging: Vec<_> = gate.policy_set().manifests().map(|manifest| manifest.reference()).collect();
    assert_eq!(judging, ["film-club/night-films@1.0.0", "other/norm@1.1.0"]);
}

#[test]
fn an_older_version_is_taken_only_when_its_publisher_says_so() {
    let scene = Scene::taken("lower");
    scene.ship("1.1.0");
    assert!(scene.sync().switched);
    let add = |version: &str, addition: &Addition| {
        scene.publisher().add_module("club.wasm", &club(version), CASES, addition).map_err(|error| error.to_string())
    };
    let error = add("0.9.0", &Addition::default()).unwrap_err();
    assert_eq!(
        error,
        "film-club/night-films: version 0.9.0 is lower than 1.1.0, which film-club/modules/night-films.2.wasm has; say --lower, \
         if that is meant"
    );
    let error = add("1.1.0", &Addition::default()).unwrap_err();
    assert_eq!(
        error,
        "film-club/night-films: it is what film-club/modules/night-films.2.wasm is already; nothing is added"
    );
    // A publisher with another program can sign it all the same.
    add("0.9.0", &Addition { lower: true, ..Addition::default() }).unwrap();
    let staged = scene.path("norms/staged/film-club-modules.json");
    let text = std::fs::read_to_string(&staged).unwrap();
    let quiet = text.replace("\"lowers\": true,", "");
    assert_ne!(text, quiet);
    std::fs::write(&staged, quiet).unwrap();
    scene.publish_anyway();
    assert!(scene.refused().ends_with(
        "version 0.9.0 is lower than 1.1.0, which is in force; its publisher adds it with --lower, if that is meant"
    ));
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())]);
    add("0.9.1", &Addition { lower: true, ..Addition::default() }).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force(), [(4, "0.9.1".to_owned())]);
}

#[test]
fn a_hotfix_keeps_what_is_announced_or_says_that_it_is_withdrawn() {
    let scene = Scene::taken("announced");
    let later = Addition { effective_from: Some("2999-01-01".parse().unwrap()), ..Addition::default() };
    let add = |version: &str, addition: &Addition| {
        let added = scene.publisher().add_module("club.wasm", &club(version), CASES, addition).unwrap();
        scene.publisher().publish(&scene.all()).unwrap();
        let versions = |files: &[(normgate_repo::names::FileName, normgate_repo::Release)]| {
            files.iter().map(|(file, release)| format!("{} {}", file.release, release.version)).collect::<Vec<_>>()
        };
        (added.file.release, versions(&added.announced), versions(&added.withdrawn))
    };
    let on = |day: &str| {
        let generation = scene.store().generation().unwrap().unwrap();
        generation.in_force(day.parse().unwrap())[0].says.version.clone()
    };
    assert_eq!(add("2.0.0", &later), (2, vec![], vec![]));
    assert!(scene.sync().switched);
    assert_eq!(add("1.0.1", &Addition::default()), (3, vec!["4 2.0.0".to_owned()], vec![]));
    let synced = scene.sync();
    assert!(synced.switched && synced.notices.is_empty(), "{synced:?}");
    assert_eq!((on("2998-12-31"), on("2999-01-01")), ("1.0.1".into(), "2.0.0".into()));
    // Taking the hotfix back keeps it, too.
    let added = scene.publisher().revert("film-club/night-films", false).unwrap();
    assert_eq!((added.file.release, added.announced.len()), (5, 1));
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().switched);
    assert_eq!((on("2998-12-31"), on("2999-01-01")), ("1.0.0".into(), "2.0.0".into()));
    let withdraw = Addition { withdraw: true, ..Addition::default() };
    assert_eq!(add("1.0.2", &withdraw), (7, vec![], vec!["6 2.0.0".to_owned()]));
    let synced = scene.sync();
    assert!(synced.switched, "{synced:?}");
    assert_eq!(
        synced.notices,
        [
            "film-club/night-films 2.0.0, which was announced for 2999-01-01, is withdrawn by national (role film-club-modules, \
          file film-club/modules/night-films.6.wasm)"
        ]
    );
    assert_eq!(on("2999-01-01"), "1.0.2");
}

#[test]
fn a_policy_keeps_its_prefix() {
    // Whoever switched `norm` off would find it judging again under another name.
    let scene = Scene::taken("prefix");
    let ship = |prefix: &str, version: &str| {
        let cases = CASES.replace("club.rule", &format!("{prefix}.rule"));
        let bytes = made("other/norm", prefix, version);
        scene.publisher().add_module("other.wasm", &bytes, &cases, &Addition::default()).unwrap();
        scene.publisher().publish(&scene.all()).unwrap();
        scene.sync()
    };
    assert!(ship("norm", "1.0.0").switched);
    let synced = ship("norms", "1.1.0");
    let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
    let why = "its rules begin with `norms`, and those of the version before with `norm`; a policy keeps its prefix";
    assert!(error.to_string().ends_with(why), "{error}");
    assert!(ship("norm", "1.1.1").refused.is_empty());
}
