//! Too few signatures, of the wrong keys, under bytes that changed.

use std::fs;

use serde_json::Value;

use crate::scene::Scene;

fn edit(path: &std::path::Path, change: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut document);
    fs::write(path, document.to_string()).unwrap();
}

#[test]
fn an_unsigned_role_is_refused() {
    let scene = Scene::taken("unsigned");
    scene.add("1.1.0");
    let error = scene.publisher().publish(&scene.only(&["targets", "online"])).unwrap_err().to_string();
    assert!(
        error.ends_with("there is nothing to publish: signatures are missing: film-club-modules has 0 of 1"),
        "{error}"
    );
    scene.publisher().publish_anyway(&scene.only(&["online"]), &[]).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority film-club, role film-club-modules, file 2.film-club-modules.json: 0 of 1 signatures that \
         it needs are valid; its holders must sign it"
    );
}

#[test]
fn a_strangers_signature_does_not_count() {
    let scene = Scene::taken("stranger");
    scene.add("1.1.0");
    // What a stranger signs bears the key id of whom it pretends to be.
    let staged = scene.path("norms/staged/film-club-modules.json");
    scene.publisher().sign(&scene.all()).unwrap();
    edit(&staged, |document| document["signed"]["version"] = 3.into());
    scene.publisher().publish_anyway(&scene.only(&["online"]), &[]).unwrap();
    let sentence = scene.refused();
    assert!(
        sentence.contains("role film-club-modules, file 3.film-club-modules.json: 0 of 1 signatures"),
        "{sentence}"
    );
}

/// `film-club-modules` with two keys of which both must sign.
fn two_keys(name: &str) -> Scene {
    let scene = Scene::taken(name);
    let second = scene.key("second");
    let publisher = scene.publisher();
    publisher.rotate("film-club-modules", &[scene.public("film-club"), second], 2).unwrap();
    publisher.publish(&scene.all()).unwrap();
    assert!(scene.sync().refused.is_empty());
    scene.add("1.1.0");
    scene
}

#[test]
fn one_of_two_signatures_is_not_enough() {
    let scene = two_keys("under-signed");
    scene.publisher().publish_anyway(&scene.only(&["online", "second"]), &[]).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority film-club, role film-club-modules, file 3.film-club-modules.json: 1 of 2 signatures that \
         it needs are valid; its holders must sign it"
    );
}

#[test]
fn the_same_signature_twice_counts_once() {
    let scene = two_keys("twice");
    scene.publisher().sign(&scene.only(&["second"])).unwrap();
    edit(&scene.path("norms/staged/film-club-modules.json"), |document| {
        let signature = document["signatures"][0].clone();
        document["signatures"].as_array_mut().unwrap().push(signature);
    });
    let progress = scene.publisher().sign(&scene.only(&["second"])).unwrap();
    assert_eq!((progress[0].signed, progress[0].threshold), (1, 2));
    scene.publisher().publish_anyway(&scene.only(&["online"]), &[]).unwrap();
    let sentence = scene.refused();
    assert!(
        sentence.contains("authority film-club, role film-club-modules, file 3.film-club-modules.json: "),
        "{sentence}"
    );
}

#[test]
fn a_root_under_its_threshold_is_refused() {
    let scene = Scene::taken("root-threshold");
    let new = scene.key("thief");
    scene.publisher().rotate("root", &[new], 1).unwrap();
    // The thief has its own key, and one of three.
    scene.publisher().publish_anyway(&scene.only(&["thief", "root-1", "online"]), &[]).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role root, file 2.root.json: 1 of 2 signatures that it needs are valid; its \
         holders must sign it"
    );
}

#[test]
fn a_trust_anchor_that_its_own_keys_did_not_sign_is_refused() {
    let scene = Scene::taken("anchor");
    edit(&scene.path("root.json"), |document| document["signed"]["version"] = 7.into());
    let sentence = scene.refused();
    assert!(
        sentence.starts_with("repository national, authority national, role root, file root.json: the trust anchor is not signed by its own keys"),
        "{sentence}"
    );
    fs::remove_file(scene.path("root.json")).unwrap();
    fs::create_dir(scene.path("root.json")).unwrap();
    let sentence = scene.refused();
    assert!(sentence.contains("role root, file root.json: the trust anchor cannot be read"), "{sentence}");
}

#[test]
fn a_revoked_association_is_dropped_and_its_keys_count_for_nothing() {
    let scene = Scene::taken("revoked");
    scene.publisher().revoke("film-club").unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    let synced = scene.sync();
    assert!(synced.switched && synced.refused.is_empty(), "{synced:?}");
    assert_eq!(
        synced.notices,
        [
            "film-club/night-films 1.0.0 is dropped: national no longer lists it, or no longer delegates to film-club (role \
          film-club-modules, file film-club/modules/night-films.1.wasm)"
        ]
    );
    assert!(scene.in_force().is_empty());
    let error =
        scene.publisher().add_module("x", &crate::scene::club("1.1.0"), crate::scene::CASES, &Default::default());
    assert!(error.unwrap_err().to_string().contains("the namespace `film-club` is delegated to nobody"));
}

#[test]
fn an_association_that_comes_back_begins_anew() {
    let scene = Scene::taken("comes-back");
    scene.ship("1.1.0");
    assert!(scene.sync().switched);
    scene.publisher().revoke("film-club").unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().switched);
    let new = scene.key("new-club");
    scene.publisher().delegate("film-club", &[], &[new], &[], 1).unwrap();
    scene.ship("1.2.0");
    let synced = scene.sync();
    assert!(synced.refused.is_empty(), "{synced:?}");
    assert_eq!(scene.in_force(), [(1, "1.2.0".to_owned())]);
}

#[test]
fn a_key_that_was_replaced_signs_nothing_more() {
    let scene = Scene::taken("replaced");
    let new = scene.key("new");
    scene.publisher().rotate("film-club-modules", &[new], 1).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().refused.is_empty());
    // What the old key signed before is signed anew by the new one; what it signs from now on is refused.
    assert_eq!(scene.in_force(), [(1, "1.0.0".to_owned())]);
    scene.add("1.1.0");
    scene.publisher().publish_anyway(&scene.only(&["film-club", "online"]), &[]).unwrap();
    let sentence = scene.refused();
    assert!(
        sentence.contains("role film-club-modules, file 3.film-club-modules.json: 0 of 1 signatures"),
        "{sentence}"
    );
}

#[test]
fn swapped_bytes_are_refused() {
    let scene = Scene::new("swapped");
    let folder = scene.path("norms/targets");
    let swap = |name: &str, bytes: &[u8]| {
        let found = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().join("modules").join(name))
            .find(|path| path.exists());
        fs::write(found.unwrap(), bytes).unwrap();
    };
    swap("night-films.1.wasm", &crate::scene::club("6.6.6"));
    let synced = scene.sync();
    let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
    let sentence = error.to_string();
    let begin =
        "repository national, authority film-club, role film-club-modules, file film-club/modules/night-films.1.wasm: ";
    assert!(
        sentence.starts_with(begin) && sentence.ends_with("the repository must serve the file that was signed"),
        "{sentence}"
    );
    assert!(scene.in_force().is_empty());
    let said = scene.publisher().lint().unwrap();
    assert!(said.iter().any(|line| line.contains("holds other bytes than film-club-modules signed")), "{said:?}");
}

#[test]
fn metadata_of_two_states_does_not_mix() {
    let scene = Scene::taken("mixed");
    scene.copy("norms", "old");
    scene.ship("1.1.0");
    // A role of now under a name of then.
    fs::copy(
        scene.path("old/metadata/1.film-club-modules.json"),
        scene.path("norms/metadata/2.film-club-modules.json"),
    )
    .unwrap();
    let sentence = scene.refused();
    assert!(
        sentence.contains("authority film-club, role film-club-modules, file 2.film-club-modules.json: "),
        "{sentence}"
    );
}
