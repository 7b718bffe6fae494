//! Who may ship under which name.

use serde_json::{Value, json};

use crate::scene::Scene;

/// The film club's file as its role lists it.
fn listed(scene: &Scene) -> Value {
    let text = std::fs::read(scene.path("norms/metadata/1.film-club-modules.json")).unwrap();
    let role: Value = serde_json::from_slice(&text).unwrap();
    role["signed"]["targets"]["film-club/modules/night-films.1.wasm"].clone()
}

#[test]
fn a_file_of_another_namespace_is_refused() {
    let scene = Scene::taken("wrong-namespace");
    let file = listed(&scene);
    scene.forge("other-modules", |signed| signed["targets"]["film-club/modules/new.1.wasm"] = file);
    // Not even its own publisher would take it.
    let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
    assert_eq!(
        error,
        "repository here, authority other, role other-modules, file film-club/modules/new.1.wasm: outside of what this role may \
         sign, which is other/modules/*"
    );
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority other, role other-modules, file film-club/modules/new.1.wasm: outside of what this role \
         may sign"
    );
}

#[test]
fn a_name_that_another_role_lists_too_is_refused() {
    // TUF takes this: somebody may list the name, so it is listed.
    let scene = Scene::taken("shadowed");
    let file = listed(&scene);
    scene.forge("other-modules", |signed| signed["targets"]["film-club/modules/night-films.1.wasm"] = file);
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority other, role other-modules, file film-club/modules/night-films.1.wasm: outside of what \
         this role may sign, which is other/modules/*"
    );
}

#[test]
fn the_top_role_and_an_association_sign_no_files() {
    let scene = Scene::taken("top-files");
    let file = listed(&scene);
    scene.forge("targets", |signed| signed["targets"]["film-club/modules/night-films.9.wasm"] = file);
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role targets, file 2.targets.json: it lists \
         `film-club/modules/night-films.9.wasm` itself, where only associations list files; delegate to one"
    );
    let scene = Scene::taken("association-files");
    let file = listed(&scene);
    scene.forge("film-club", |signed| signed["targets"]["film-club/modules/night-films.9.wasm"] = file);
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority film-club, role film-club, file 2.film-club.json: it lists \
         `film-club/modules/night-films.9.wasm` itself, where only film-club-modules and film-club-data list files"
    );
}

#[test]
fn a_pattern_that_crosses_namespaces_is_refused() {
    for (name, role, which, pattern, sentence) in [
        (
            "glob-all",
            "targets",
            0,
            "*",
            "repository national, authority national, role targets, file 2.targets.json: it delegates `*` to film-club; only a \
             pattern of the form NAME/* is taken",
        ),
        (
            "glob-part",
            "targets",
            0,
            "film-*/*",
            "repository national, authority national, role targets, file 2.targets.json: it delegates `film-*/*` to film-club; only \
             a pattern of the form NAME/* is taken",
        ),
        (
            "glob-foreign",
            "film-club",
            1,
            "other/data/*",
            "repository national, authority film-club, role film-club, file 2.film-club.json: it delegates the namespace `other`, \
             which is not its own; its own are film-club",
        ),
        (
            "glob-wide",
            "film-club",
            0,
            "film-club/*",
            "repository national, authority film-club, role film-club, file 2.film-club.json: it delegates `film-club/*` to \
             film-club-modules; only a pattern of the form NAME/modules/* is taken",
        ),
    ] {
        let scene = Scene::taken(name);
        scene.forge(role, |signed| signed["delegations"]["roles"][which]["paths"] = json!([pattern]));
        scene.publish_anyway();
        assert_eq!(scene.refused(), sentence);
    }
}

#[test]
fn no_role_is_called_like_a_top_role_and_nobody_delegates_further() {
    let scene = Scene::taken("reserved");
    scene.forge("targets", |signed| signed["delegations"]["roles"][0]["name"] = json!("snapshot"));
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role targets, file 2.targets.json: `snapshot` is kept for roles; take another \
         name"
    );

    let scene = Scene::taken("further");
    scene.forge("film-club-modules", |signed| {
        signed["delegations"] = json!({"keys": {}, "roles": [{"name": "film-club-friends", "keyids": [], "threshold": 1,
            "paths": ["film-club/modules/*"], "terminating": true}]});
    });
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority film-club, role film-club-modules, file 2.film-club-modules.json: it delegates further; \
         nobody may after an association"
    );
}

#[test]
fn a_name_that_is_a_path_is_refused() {
    for (name, file) in [
        ("dots", "film-club/modules/../../../store/current"),
        ("absolute", "/film-club/modules/x.1.wasm"),
        ("folder", "film-club/modules/a/x.1.wasm"),
        ("zero", "film-club/modules/x.01.wasm"),
    ] {
        let scene = Scene::taken(&format!("name-{name}"));
        let target = listed(&scene);
        scene.forge("film-club-modules", |signed| signed["targets"][file] = target);
        scene.publish_anyway();
        let sentence = scene.refused();
        assert!(
            sentence.starts_with("repository national, authority film-club, role film-club-modules, file "),
            "{sentence}"
        );
    }
}

#[test]
fn a_module_under_the_name_of_another_is_refused() {
    // The role may sign the name; the manifest inside says another.
    let scene = Scene::taken("manifest");
    let target = listed(&scene);
    let bytes = crate::scene::club("1.0.0");
    let digest = target["hashes"]["sha256"].as_str().unwrap().to_owned();
    std::fs::write(scene.path(&format!("norms/targets/{digest}.film-club/modules/day-films.1.wasm")), bytes).unwrap();
    scene.forge("film-club-modules", |signed| signed["targets"]["film-club/modules/day-films.1.wasm"] = target);
    scene.publish_anyway();
    assert_eq!(
        scene.refused(),
        "repository national, authority film-club, role film-club-modules, file film-club/modules/day-films.1.wasm: its manifest \
         says `film-club/night-films`; a module is shipped under its own name"
    );
}
