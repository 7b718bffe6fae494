//! Old states, frozen states, and stores that somebody cut short.

use std::fs;

use normgate::{Batch, Gate};
use normgate_repo::now_ms;

use crate::scene::{CASES, Scene, made};

const DAY_MS: i64 = 86_400_000;

/// What the store trusts of the repository.
fn trusted(scene: &Scene) -> serde_json::Value {
    let trusted = fs::read(scene.path("store/repositories/national/trusted.json")).unwrap();
    serde_json::from_slice(&trusted).unwrap()
}

/// The folder of tough's datastore that the store trusts.
fn datastore(scene: &Scene) -> std::path::PathBuf {
    scene.path("store/repositories/national").join(trusted(scene)["datastore"].as_str().unwrap())
}

/// A platform that has taken release 2, before which an old state of the repository is put.
fn rolled_back(name: &str) -> Scene {
    let scene = Scene::taken(name);
    scene.copy("norms", "old");
    scene.ship("1.1.0");
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())]);
    scene.copy("old", "norms");
    scene
}

#[test]
fn an_old_state_is_refused() {
    let scene = rolled_back("rollback");
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role timestamp, file timestamp.json: version 1 is older than 2, which this \
         store has seen; an old state is being served"
    );
}

#[test]
fn a_datastore_that_was_cut_short_is_no_fresh_start() {
    let scene = rolled_back("truncated");
    for file in ["timestamp.json", "snapshot.json", "targets.json"] {
        fs::write(datastore(&scene).join(file), "").unwrap();
    }
    let sentence = scene.refused();
    assert!(sentence.starts_with("store/repositories/national/tuf-2/"), "{sentence}");
    assert!(
        sentence.ends_with(
            "it cannot be read (EOF while parsing a value at line 1 column 0); restore the store from a backup"
        ),
        "{sentence}"
    );
}

#[test]
fn the_version_floor_holds_without_the_datastore() {
    let scene = rolled_back("floor");
    for entry in fs::read_dir(datastore(&scene)).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let sentence = scene.refused();
    assert!(sentence.contains("which was taken before; an old state is being served"), "{sentence}");
}

#[test]
fn a_floor_that_cannot_be_read_is_no_fresh_start() {
    let scene = rolled_back("floor-cut");
    fs::write(scene.path("store/repositories/national/trusted.json"), "{").unwrap();
    let sentence = scene.refused();
    assert!(sentence.starts_with("store/repositories/national/trusted.json: it cannot be read"), "{sentence}");
}

#[test]
fn a_floor_that_is_gone_is_the_one_of_the_generations() {
    let scene = rolled_back("floor-gone");
    fs::remove_file(scene.path("store/repositories/national/trusted.json")).unwrap();
    let sentence = scene.refused();
    assert!(sentence.contains("which was taken before; an old state is being served"), "{sentence}");
    fs::remove_dir_all(scene.path("store/repositories")).unwrap();
    assert_eq!(scene.refused(), sentence);
    // What is newer is taken, and it is said that the floor was gone.
    scene.publisher().refresh(&scene.all()).unwrap();
    scene.ship("1.2.0");
    scene.ship("1.3.0");
    let synced = scene.sync();
    assert!(synced.switched, "{synced:?}");
    assert_eq!(synced.notices, ["national: its floor was missing in the store; the one of the generations holds"]);
}

#[test]
fn a_used_store_without_any_floor_is_refused_with_a_way_out() {
    let scene = rolled_back("floor-nowhere");
    for folder in ["repositories", "generations"] {
        fs::remove_dir_all(scene.path("store").join(folder)).unwrap();
    }
    let sentence = scene.refused();
    assert!(
        sentence.starts_with("store/repositories/national/trusted.json: it is missing, and with it which"),
        "{sentence}"
    );
    assert!(sentence.contains("restore it from a backup, or take the store away and sync anew"), "{sentence}");
}

#[test]
fn a_new_platform_is_not_shown_an_old_state_below_its_minimum() {
    let mut scene = Scene::new("minimum");
    scene.copy("norms", "old");
    scene.ship("1.1.0");
    scene.copy("old", "norms");
    scene.more = "minimum = { \"film-club/night-films\" = 2 }".into();
    let synced = scene.sync();
    assert_eq!(scene.in_force(), []);
    let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
    assert_eq!(
        error.to_string(),
        "repository national, authority film-club, role film-club-modules, file film-club/modules/night-films.1.wasm: release 1 is \
         older than 2, the minimum that came with the trust anchor; an old state is being served"
    );
}

#[test]
fn a_frozen_repository_expires_and_the_last_good_generation_stays() {
    let scene = Scene::taken("freeze");
    scene.publisher().at(now_ms() - 2 * DAY_MS).refresh(&scene.all()).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role timestamp, file timestamp.json: it has expired; its publisher must run \
         `normgate repo refresh`, or an old state is being served"
    );
    assert_eq!(scene.in_force(), [(1, "1.0.0".to_owned())]);
    // Nobody has to ask: what was taken says itself when it expires.
    let heard = &scene.store().status().unwrap()["national"];
    let expired = normgate_repo::store::Heard { why: None, ..heard.clone() }.stale(heard.expires_ms);
    assert!(expired.unwrap().starts_with("what was taken expired on "));
    // Once it is refreshed, all is well again.
    scene.publisher().refresh(&scene.all()).unwrap();
    assert!(scene.sync().refused.is_empty());
    assert_eq!(scene.store().status().unwrap()["national"].stale_since_ms, None);
}

#[test]
fn what_was_taken_says_in_every_outcome_that_it_has_expired() {
    let scene = Scene::taken("stale");
    let generation = scene.gate(&scene.config(), None);
    let gate = Gate::builder().build().unwrap();
    gate.swap(generation);
    let said = || {
        gate.set_expiries(scene.store().expiries().unwrap());
        let request = br#"{"ctx":{"now_ms":1793532600000,"local_min":600},"candidates":[{"id":"a"}]}"#;
        let notices = gate.evaluate(&Batch::from_json(request).unwrap()).notices;
        notices.into_iter().filter(|notice| notice.code == "stale").map(|notice| notice.message).collect::<Vec<_>>()
    };
    assert_eq!(said(), [""; 0]);
    // The store as it reads once the day has passed.
    let status = scene.path("store/status.json");
    let mut heard: serde_json::Value = serde_json::from_slice(&fs::read(&status).unwrap()).unwrap();
    heard["national"]["expires_ms"] = 1.into();
    fs::write(&status, heard.to_string()).unwrap();
    let stale = said();
    assert!(stale.len() == 1 && stale[0].contains("the repository national expired on 1970-01-01"), "{stale:?}");
    // What is taken anew is good again.
    scene.publisher().refresh(&scene.all()).unwrap();
    assert!(scene.sync().refused.is_empty());
    assert_eq!(said(), [""; 0]);
}

#[test]
fn one_expired_association_stops_its_repository_and_is_named() {
    let scene = Scene::taken("expired-association");
    let past = scene.publisher().at(now_ms() - 400 * DAY_MS);
    past.renew("other-modules").unwrap();
    let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
    assert!(error.starts_with("role other-modules: it expires at 20") && error.contains("within a day"), "{error}");
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority other, role other-modules, file 2.other-modules.json: it has expired; its holders must \
         renew it"
    );
}

#[test]
fn an_expired_root_is_refused() {
    let scene = Scene::taken("expired-root");
    scene.publisher().at(now_ms() - 400 * DAY_MS).renew("root").unwrap();
    let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
    assert!(error.starts_with("role root: it expires at 20") && error.contains("within a day"), "{error}");
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role root, file 2.root.json: it has expired; its holders must renew it"
    );
}

#[test]
fn a_snapshot_that_forgets_a_role_is_refused() {
    let scene = Scene::taken("forgotten");
    scene.add("1.1.0");
    scene.publisher().publish_anyway(&scene.all(), &["other-data"]).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role snapshot, file 2.snapshot.json: it no longer names other-data.json; a \
         snapshot never forgets a role, not even a withdrawn one"
    );
}

#[test]
fn a_role_that_was_left_out_from_the_start_is_missed() {
    // A new platform has no history from which it could know; the delegation says that there must be one.
    let scene = Scene::new("omitted");
    scene.add("1.1.0");
    scene.publisher().publish_anyway(&scene.all(), &["film-club-modules"]).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority film-club, role film-club-modules, file film-club-modules.json: it is delegated to, and \
         its metadata is missing: its holders \
         sign it (`normgate repo sign --role film-club-modules`) and the repository publishes it, or it withdraws the delegation \
         (`normgate repo revoke`)"
    );
}

#[test]
fn releases_of_a_bundle_say_nothing_of_a_module_that_is_called_like_it() {
    let scene = Scene::taken("like-named");
    scene.publisher().add_data("film-club/night-films", "1", b"words", &Default::default()).unwrap();
    scene.forge("film-club-data", |signed| {
        let targets = signed["targets"].as_object_mut().unwrap();
        let bundle = targets.remove("film-club/data/night-films.1.data").unwrap();
        targets.insert("film-club/data/night-films.900.data".into(), bundle);
    });
    let served = scene.path("norms/targets");
    let digest = sha256(b"words");
    fs::copy(
        served.join(format!("{digest}.film-club/data/night-films.1.data")),
        served.join(format!("{digest}.film-club/data/night-films.900.data")),
    )
    .unwrap();
    scene.publish_anyway();
    let synced = scene.sync();
    assert!(synced.refused.is_empty(), "{synced:?}");
    scene.forge("film-club-data", |signed| signed["targets"] = serde_json::json!({}));
    scene.publish_anyway();
    scene.ship("1.1.0");
    let synced = scene.sync();
    assert!(synced.refused.is_empty(), "{synced:?}");
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())]);
}

#[test]
fn a_floor_by_id_of_an_older_store_still_holds() {
    let scene = rolled_back("floor-by-id");
    let path = scene.path("store/repositories/national/trusted.json");
    let trusted: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let floor = serde_json::json!({"film-club/night-films": 2});
    fs::write(&path, serde_json::json!({"datastore": null, "floor": floor}).to_string()).unwrap();
    assert_eq!(trusted["floor"]["film-club/modules/night-films"], 2);
    let sentence = scene.refused();
    assert!(sentence.contains("night-films.1.wasm: release 1 is older than 2, which was taken before"), "{sentence}");
}

#[test]
fn a_release_below_its_floor_costs_its_own_line_alone() {
    let scene = rolled_forward("floor-of-one");
    scene.forge("film-club-modules", |signed| {
        signed["targets"].as_object_mut().unwrap().retain(|name, _| !name.contains("night-films.2."));
    });
    let why = "file film-club/modules/night-films.1.wasm: release 1 is older than 2, which was taken before; an old state is being \
               served";
    let head = "authority film-club, role film-club-modules";
    let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
    assert_eq!(error, format!("repository here, {head}, {why}"));
    beside(&scene);
    scene.publish_anyway();
    for switched in [true, false] {
        let synced = scene.sync();
        let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
        assert_eq!(error.to_string(), format!("repository national, {head}, {why}"));
        assert_eq!(synced.switched, switched);
        // What was last taken of the line stays, and the floor with it.
        assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned()), (1, "1.0.0".to_owned())]);
    }
    let again = trusted(&scene)["floor"]["film-club/modules/night-films"].clone();
    assert_eq!(again, 2);
}

#[test]
fn a_stolen_key_does_not_use_up_the_numbers_of_releases() {
    for (far, known) in [(1_000_000_000_u64, 2_u64), (1_003, 2)] {
        let scene = rolled_forward(&format!("release-{far}"));
        leap(&scene, far);
        let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
        let why = format!(
            "role film-club-modules: release {far} of film-club/modules/night-films does not follow the published"
        );
        assert_eq!(error, format!("{why} {known}; nothing is published"));
        beside(&scene);
        scene.publish_anyway();
        let synced = scene.sync();
        let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
        let head =
            "repository national, authority film-club, role film-club-modules, file film-club/modules/night-films";
        let why = format!("{head}.{far}.wasm: its number leaps over more than 1000 releases");
        assert!(error.to_string().starts_with(&why), "{error}");
        assert!(synced.switched, "the other association's module is taken");
        assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned()), (1, "1.0.0".to_owned())]);
        // Whoever holds the key goes on where it was, and signs no longer what nobody takes.
        scene.ship("1.2.0");
        let synced = scene.sync();
        assert!(synced.refused.is_empty() && synced.switched, "{synced:?}");
        assert_eq!(scene.in_force()[0], (3, "1.2.0".to_owned()));
    }
    // So far a platform follows that was away.
    let scene = rolled_forward("release-1002");
    leap(&scene, 1_002);
    scene.publish_anyway();
    assert!(scene.sync().refused.is_empty());
    assert_eq!(scene.in_force(), [(1_002, "1.1.0".to_owned())]);
}

#[test]
fn a_stolen_key_does_not_use_up_the_versions_of_a_role() {
    for (role, far) in [("film-club-modules", u64::MAX), ("targets", u64::MAX), ("other", (1 << 32) + 2)] {
        let scene = rolled_forward(&format!("version-{role}"));
        scene.copy("norms", "before");
        let floor = trusted(&scene)["floor"][role].as_u64().unwrap();
        scene.forge(role, |signed| signed["version"] = far.into());
        let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
        let why = format!("role {role}: version {far} does not follow the published {floor}; stage it again");
        assert_eq!(error, format!("{why}; nothing is published"));
        scene.publish_anyway();
        let sentence = scene.refused();
        let why = format!("role {role}, file {far}.{role}.json: version {far} is more than 4294967296 above {floor}");
        assert!(sentence.contains(&why), "{sentence}");
        assert_eq!(trusted(&scene)["floor"][role], floor, "nothing of it is kept");
        // Its publisher brings back what was there before, and goes on.
        scene.copy("before", "norms");
        scene.ship("1.2.0");
        assert!(scene.sync().refused.is_empty());
    }
}

/// A platform that has taken release 2.
fn rolled_forward(name: &str) -> Scene {
    let scene = Scene::taken(name);
    scene.ship("1.1.0");
    assert!(scene.sync().switched);
    scene
}

/// Stages a module of the other association.
fn beside(scene: &Scene) {
    let cases = CASES.replace("club.rule", "films.rule");
    let module = made("other/films", "films", "1.0.0");
    scene.publisher().add_module("films.wasm", &module, &cases, &Default::default()).unwrap();
}

/// Lists the newest release of the film club's module under another number.
fn leap(scene: &Scene, far: u64) {
    scene.forge("film-club-modules", |signed| {
        let targets = signed["targets"].as_object_mut().unwrap();
        for end in ["wasm", "cases.jsonl"] {
            let before = format!("film-club/modules/night-films.2.{end}");
            let target = targets[&before].clone();
            let after = format!("film-club/modules/night-films.{far}.{end}");
            let digest = target["hashes"]["sha256"].as_str().unwrap();
            let served = |name: &str| scene.path("norms/targets").join(format!("{digest}.{name}"));
            fs::copy(served(&before), served(&after)).unwrap();
            targets.insert(after, target);
        }
    });
}

/// The digest by which a file is served.
fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn cleaning_a_store_takes_away_only_what_it_names() {
    let scene = Scene::taken("cleaning");
    let mine = scene.path("store/modules/README");
    let old = scene.path("store/modules").join("0".repeat(64));
    let part = scene.path("store/data").join("0".repeat(64) + ".part");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    for file in [&mine, &old, &part] {
        fs::write(file, "").unwrap();
    }
    scene.ship("1.1.0");
    assert!(scene.sync().switched);
    assert_eq!([mine.exists(), old.exists(), part.exists()], [true, false, false]);
}
