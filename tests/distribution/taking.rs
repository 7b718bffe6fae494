//! What a platform takes: tried first, whole or not at all, each repository for itself.

use normgate::contract::Day;
use normgate_repo::publisher::{Addition, Publisher};
use normgate_repo::reload::Watch;

use serde_json::json;

use crate::scene::{CASES, Scene, club, made, made_with};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn what_is_published_arrives_and_a_second_sync_changes_nothing() {
    let scene = Scene::taken("arrives");
    let generation = scene.store().generation().unwrap().unwrap();
    let [entry] = &generation.modules[..] else { panic!("{generation:?}") };
    assert_eq!((entry.id.as_str(), entry.release, entry.says.version.as_str()), ("film-club/night-films", 1, "1.0.0"));
    assert_eq!(
        (entry.repository.as_str(), entry.authority.as_str(), entry.role.as_str()),
        ("national", "film-club", "film-club-modules")
    );
    assert_eq!(generation.modules()[0].place, "national:film-club/modules/night-films.1.wasm");
    assert!(generation.last_good().is_empty());
    let synced = scene.sync();
    assert!(!synced.switched && synced.refused.is_empty() && synced.notices.is_empty(), "{synced:?}");
    assert_eq!(synced.generation, Some(1));
}

#[test]
fn what_is_replaced_stands_by_and_a_mistake_is_shipped_back_as_a_newer_release() {
    let scene = Scene::taken("revert");
    scene.ship("1.1.0");
    scene.sync();
    let generation = scene.store().generation().unwrap().unwrap();
    assert_eq!(generation.modules()[0].manifest.version, "1.1.0");
    assert_eq!(generation.last_good()[0].manifest.version, "1.0.0");
    let file = scene.publisher().revert("film-club/night-films", false).unwrap().file;
    assert_eq!(file.to_string(), "film-club/modules/night-films.3.wasm");
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force(), [(3, "1.0.0".to_owned())]);
    let generation = scene.store().generation().unwrap().unwrap();
    assert_eq!(generation.last_good()[0].manifest.version, "1.1.0");
    assert_eq!(generation.urgent(), ["film-club/night-films"], "a version that is taken back waits for no trial");
    let error = scene.publisher().revert("film-club/day-films", false).unwrap_err().to_string();
    assert_eq!(error, "film-club/day-films: there is no earlier release of it to go back to");
}

#[test]
fn a_release_waits_for_its_day_beside_the_one_in_force() {
    let scene = Scene::taken("effective");
    let addition = Addition { effective_from: Some(day("2999-01-01")), ..Addition::default() };
    scene.publisher().add_module("club.wasm", &club("2.0.0"), CASES, &addition).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force(), [(1, "1.0.0".to_owned())]);
    let generation = scene.store().generation().unwrap().unwrap();
    let today = normgate_repo::today().unwrap();
    assert_eq!(generation.changes_after(today).into_iter().collect::<Vec<_>>(), [day("2999-01-01")]);
    assert!(generation.upcoming(today).is_empty(), "its manifest names no day, so a gate would have it act at once");
    for (on, version) in [("2998-12-31", "1.0.0"), ("2999-01-01", "2.0.0")] {
        let modules = generation.modules_on(day(on));
        assert_eq!(modules.iter().map(|m| m.manifest.version.as_str()).collect::<Vec<_>>(), [version], "{on}");
    }
}

#[test]
fn a_release_ends_on_its_day() {
    let scene = Scene::new("until");
    let addition = Addition { effective_until: Some(day("2020-01-01")), ..Addition::default() };
    scene.publisher().add_module("other.wasm", &made("other/old", "old", "1.0.0"), CASES, &addition).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().refused.is_empty());
    assert_eq!(scene.in_force().len(), 1, "what is over was taken");
}

#[test]
fn a_module_that_fails_its_own_cases_is_refused() {
    let scene = Scene::taken("cases");
    let wrong = CASES.replace("300000", "400000");
    scene.publisher().add_module("club.wasm", &club("1.1.0"), &wrong, &Addition::default()).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority film-club, role film-club-modules, file film-club/modules/night-films.2.wasm: its own case \
         `1` fails: verdicts.a.weight_ppm: expected 400000, got 300000"
    );
    assert_eq!(scene.in_force(), [(1, "1.0.0".to_owned())]);
}

#[test]
fn a_module_beyond_its_grant_costs_itself_alone_and_the_platform_can_widen_it() {
    let scene = Scene::new("grant");
    let cases = CASES.replace("club.rule", "films.rule");
    scene
        .publisher()
        .add_module("o.wasm", &made("other/films", "films", "1.0.0"), &cases, &Addition::default())
        .unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    let narrow = scene.config().replace("[authorities.film-club]", "[authorities.film-club]\neffect = \"label\"");
    let synced = scene.sync_with(&narrow);
    assert!(synced.switched && synced.refused.is_empty(), "{synced:?}");
    assert_eq!(
        synced.notices,
        [
            "repository national, authority film-club, role film-club-modules, file film-club/modules/night-films.1.wasm: module \
             national:film-club/modules/night-films.1.wasm: beyond the grant of `film-club`: rule club.rule may cause demoting rows, \
             which takes the line `effect = \"demote\"`; grant it in normgate.toml under the line `[authorities.film-club]`, or mark it optional"
        ]
    );
    assert_eq!(scene.in_force().len(), 1);
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force().len(), 2);
    // What was taken under a wide grant is not kept silently under a narrow one.
    let synced = scene.sync_with(&narrow);
    let [notice] = &synced.notices[..] else { panic!("{synced:?}") };
    assert!(
        notice.starts_with("film-club/night-films 1.0.0 is left out: ") && notice.contains("beyond the grant"),
        "{notice}"
    );
}

#[test]
fn a_version_before_that_is_no_longer_granted_does_not_stand_by() {
    let scene = Scene::taken("narrowed");
    let label = made_with("film-club/night-films", "club", "1.1.0", &json!({"label": "ai.confirmed"}), 0);
    let cases = r#"{"case":"1","request":{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"}]},"expect":{"verdicts":{"a":{"action":"label","rules":["club.rule"]}}}}"#;
    scene.publisher().add_module("club.wasm", &label, cases, &Addition::default()).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    let narrow = scene.config().replace("[authorities.film-club]", "[authorities.film-club]\neffect = \"label\"");
    let synced = scene.sync_with(&narrow);
    assert!(synced.switched, "{synced:?}");
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())]);
    assert!(scene.store().generation().unwrap().unwrap().last_good().is_empty());
}

#[test]
fn a_damaged_store_does_not_lose_what_cannot_be_fetched_now() {
    let scene = Scene::taken("damaged");
    let config = province(&scene, "province/films", "films");
    assert!(scene.sync_with(&config).switched);
    for entry in std::fs::read_dir(scene.path("store/modules")).unwrap() {
        std::fs::write(entry.unwrap().path(), "").unwrap();
    }
    std::fs::rename(scene.path("norms"), scene.path("away")).unwrap();
    let synced = scene.sync_with(&config);
    assert!(!synced.switched && synced.refused.len() == 1, "{synced:?}");
    assert_eq!(scene.store().current().unwrap(), Some(2));
    std::fs::rename(scene.path("away"), scene.path("norms")).unwrap();
    assert!(scene.sync_with(&config).switched);
    assert_eq!(scene.in_force().len(), 2);
}

#[test]
fn what_the_platform_does_not_listen_to_is_left_aside_and_said() {
    let scene = Scene::taken("unheard");
    let config = scene.config().replace("\"film-club\", \"other\"", "\"other\"");
    let synced = scene.sync_with(&config);
    assert!(synced.switched && synced.refused.is_empty());
    assert_eq!(
        synced.notices[0],
        "national: it speaks for `film-club` through film-club, and nothing of that is taken; to take it, list it under \
         `authorities`"
    );
    assert!(scene.in_force().is_empty());
}

/// A second repository, of a province, beside the national one.
pub(crate) fn province(scene: &Scene, id: &str, prefix: &str) -> String {
    let keys = scene.path("province-keys");
    let publisher = Publisher::init(&scene.path("province"), &keys, 1, 1).unwrap();
    let keyring = || normgate_repo::keys::Keyring::read(std::slice::from_ref(&keys)).unwrap();
    let key = normgate_repo::keys::generate(&keys.join("club.pem")).unwrap();
    publisher.delegate("province", &[], &[key], &[], 1).unwrap();
    let cases = CASES.replace("club.rule", &format!("{prefix}.rule"));
    publisher.add_module("p.wasm", &made(id, prefix, "1.0.0"), &cases, &Addition::default()).unwrap();
    publisher.publish(&keyring()).unwrap();
    format!(
        "{}\n[authorities.province]\n",
        scene.config()
            + "\n[[repositories]]\nname = \"province\"\nroot = \"province/metadata/1.root.json\"\nlocation = \"province\"\nauthorities = [\"province\"]"
    )
}

#[test]
fn a_repository_that_is_refused_keeps_no_other_from_being_taken() {
    let scene = Scene::taken("side-by-side");
    let config = province(&scene, "province/films", "films");
    std::fs::remove_file(scene.path("norms/metadata/timestamp.json")).unwrap();
    let synced = scene.sync_with(&config);
    assert!(synced.switched);
    assert_eq!(synced.refused.len(), 1);
    let sentence = synced.refused[0].1.to_string();
    assert!(
        sentence.starts_with("repository national, authority national, role timestamp, file timestamp.json: "),
        "{sentence}"
    );
    let generation = scene.store().generation().unwrap().unwrap();
    let ids: Vec<_> = generation.modules.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["film-club/night-films", "province/films"]);
}

#[test]
fn of_two_repositories_whose_rules_clash_the_lower_ranks_module_is_left_out() {
    let scene = Scene::taken("clash");
    let config = province(&scene, "province/films", "club");
    let clash = |config: &str| {
        let synced = scene.sync_with(config);
        assert!(synced.refused.is_empty(), "{synced:?}");
        let [notice] = &synced.notices[..] else { panic!("{synced:?}") };
        assert!(notice.contains("both use the prefix `club`"), "{notice}");
        notice.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(clash(&config), "province/films");
    assert_eq!(clash(&format!("{config}base = \"full\"\n")), "film-club/night-films");
}

#[test]
fn a_repository_that_is_no_longer_configured_is_dropped_with_a_notice() {
    let scene = Scene::taken("unconfigured");
    let config = province(&scene, "province/films", "films");
    assert!(scene.sync_with(&config).switched);
    let only_province = config.replace(
        "[[repositories]]\nname = \"national\"\nroot = \"root.json\"\nlocation = \"norms\"\nauthorities = [\"film-club\", \"other\"]\n",
        "",
    );
    let synced = scene.sync_with(&only_province);
    assert!(synced.switched);
    assert_eq!(
        synced.notices,
        [
            "film-club/night-films 1.0.0 is dropped: national is no longer among the repositories (role film-club-modules, file \
          film-club/modules/night-films.1.wasm)"
        ]
    );
}

#[test]
fn data_bundles_travel_as_they_are() {
    let scene = Scene::taken("data");
    let publisher = scene.publisher();
    let file = publisher.add_data("film-club/words", "2026-11", b"\x00opaque", &Addition::default()).unwrap().file;
    assert_eq!(file.to_string(), "film-club/data/words.1.data");
    publisher.publish(&scene.all()).unwrap();
    assert!(scene.sync().switched);
    let generation = scene.store().generation().unwrap().unwrap();
    assert_eq!(generation.data[0].id, "film-club/words");
    assert_eq!(scene.store().data(&generation.data[0]).unwrap().unwrap(), b"\x00opaque");
    // The modules are untouched by it: no module key was needed.
    assert_eq!(generation.data[0].role, "film-club-data");
}

#[test]
fn a_sync_says_which_module_changed_and_how() {
    let scene = Scene::new("says-what");
    assert_eq!(scene.sync().changes, ["film-club/night-films 1.0.0 judges now"]);
    assert_eq!(scene.sync().changes, [""; 0]);
    scene.ship("1.1.0");
    assert_eq!(
        scene.sync().changes,
        ["film-club/night-films 1.1.0 judges in the place of 1.0.0: no rule and no parameter is another one"]
    );
    let harder = made_with("film-club/night-films", "club", "1.2.0", &serde_json::json!({"demote": 200_000}), 0);
    let cases = CASES.replace("300000", "200000");
    scene.publisher().add_module("club.wasm", &harder, &cases, &Addition::default()).unwrap();
    let later = Addition { effective_from: Some(day("2999-01-01")), ..Addition::default() };
    scene.publisher().add_module("club.wasm", &club("1.3.0"), CASES, &later).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert_eq!(
        scene.sync().changes,
        [
            "film-club/night-films 1.2.0 judges in the place of 1.1.0: rule club.rule is changed",
            "film-club/night-films 1.3.0 is announced for 2999-01-01"
        ]
    );
}

#[test]
fn a_clock_that_was_ahead_for_hours_stops_no_sync() {
    let scene = Scene::taken("clock-ahead");
    let path = |scene: &Scene| {
        let folder = scene.path("store/repositories/national");
        let trusted: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("trusted.json")).unwrap()).unwrap();
        folder.join(trusted["datastore"].as_str().unwrap()).join("latest_known_time.json")
    };
    let ahead = |hours: i64| {
        let ms = normgate_repo::now_ms() + hours * 3_600_000;
        let minutes = (ms / 60_000 + 8 * 60) % (24 * 60);
        let day = normgate_repo::day_at(ms).unwrap();
        let at = format!("\"{day}T{:02}:{:02}:59+08:00\"", minutes / 60, minutes % 60);
        std::fs::write(path(&scene), at).unwrap();
    };
    ahead(10);
    let synced = scene.sync();
    assert!(synced.refused.is_empty(), "{synced:?}");
    assert!(
        synced.notices[0].starts_with("national: the clock is ") && synced.notices[0].contains("minutes behind"),
        "{synced:?}"
    );
    assert!(scene.sync().notices.is_empty(), "it is said once");
    // Farther back a clock is not believed, and the way out is said.
    ahead(25);
    let sentence = scene.refused();
    assert!(sentence.contains("take latest_known_time.json out of the newest tuf-N of this repository"), "{sentence}");
    std::fs::remove_file(path(&scene)).unwrap();
    assert!(scene.sync().refused.is_empty());
}

#[test]
fn a_watcher_hands_each_generation_on_once() {
    let scene = Scene::taken("watch");
    let mut watch = Watch::new(scene.store());
    assert_eq!(watch.poll().unwrap().unwrap().number, 1);
    assert!(watch.poll().unwrap().is_none());
    scene.ship("1.1.0");
    assert!(watch.poll().unwrap().is_none(), "nothing was synced yet");
    scene.sync();
    assert_eq!(watch.poll().unwrap().unwrap().modules()[0].manifest.version, "1.1.0");
    assert!(watch.poll().unwrap().is_none());
}

#[test]
fn a_store_keeps_its_last_generations_and_nothing_else() {
    let scene = Scene::taken("kept");
    for patch in 1..=12 {
        scene.ship(&format!("1.0.{patch}"));
        assert!(scene.sync().switched);
    }
    let count = |folder: &str| std::fs::read_dir(scene.path("store").join(folder)).unwrap().count();
    assert_eq!(count("generations"), 10);
    // Those of ten generations, and the one before the oldest of them.
    assert_eq!(count("modules"), 11);
    assert_eq!(count("repositories/national"), 3, "the datastore, the one before, and the floor");
}

#[test]
fn a_module_of_a_store_that_was_changed_is_not_loaded() {
    let scene = Scene::taken("changed");
    let entry = std::fs::read_dir(scene.path("store/modules")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&entry, club("6.6.6")).unwrap();
    let error = scene.store().generation().unwrap_err().to_string();
    assert!(error.contains("the module film-club/night-films is missing or changed; sync again"), "{error}");
    let synced = scene.sync();
    assert!(synced.switched && synced.notices == [error], "{synced:?}");
    assert_eq!(scene.in_force(), [(1, "1.0.0".to_owned())]);
}

#[cfg(unix)]
#[test]
fn a_store_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::taken("open-store");
    std::fs::set_permissions(scene.path("store"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = normgate_repo::Store::open(&scene.path("store")).unwrap_err().to_string();
    assert!(error.contains("others may write to ") && error.contains("(mode 777): chmod 700"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_somebody_else_could_have_written_into_a_store_is_refused() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let scene = Scene::taken("foreign-store");
    let mode = |file: &str, mode: u32| {
        std::fs::set_permissions(scene.path(file), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let refused = |what: &str, why: &str| {
        let store = normgate_repo::Store::open(&scene.path("store"));
        let error = store.and_then(|store| store.generation()).unwrap_err().to_string();
        assert!(error.contains(why), "{what}: {error}");
    };
    for file in ["store/current", "store/generations/000001.json", "store/generations", "store/modules"] {
        let before = std::fs::metadata(scene.path(file)).unwrap().permissions().mode();
        mode(file, before | 0o020);
        refused(file, "others may write to ");
        mode(file, before);
    }
    std::fs::rename(scene.path("store/current"), scene.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(scene.path("elsewhere"), scene.path("store/current")).unwrap();
    refused("a link", "store/current");
    std::fs::remove_file(scene.path("store/current")).unwrap();
    std::fs::rename(scene.path("elsewhere"), scene.path("store/current")).unwrap();
    assert!(scene.store().generation().unwrap().is_some());
    if chown(scene.path("store/current"), Some(12345), None).is_err() {
        return eprintln!("skipped: only root can have files that belong to somebody else");
    }
    refused("a file of somebody else", "belongs to user 12345");
    chown(scene.path("store/current"), Some(0), None).unwrap();
    for folder in ["store/modules", "store"] {
        chown(scene.path(folder), Some(12345), None).unwrap();
        refused(folder, "belongs to user 12345");
        chown(scene.path(folder), Some(0), None).unwrap();
    }
}
