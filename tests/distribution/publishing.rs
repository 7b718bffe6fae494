//! The publisher's side: keys, delegations, signing elsewhere, other keys, and what changed.

use normgate_repo::keys::{Keyring, SigningKey, generate};
use normgate_repo::publisher::{Addition, Change, Publisher, sign_exported};

use crate::scene::{CASES, Scene, club, made};

#[cfg(unix)]
#[test]
fn a_private_key_is_for_its_owner_alone_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new("keys");
    let path = scene.path("mine.pem");
    let public = generate(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::read(&path).unwrap().public.id(), public.id());
    let error = generate(&path).err().unwrap().to_string();
    assert!(error.contains("a key is there already, and none is ever overwritten"), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = SigningKey::read(&path).err().unwrap().to_string();
    assert!(error.ends_with("others may read this private key (mode 644): chmod 600"), "{error}");
    let error = SigningKey::read(&scene.path("norms/metadata/1.root.json")).err().unwrap().to_string();
    assert!(error.contains("mode") || error.contains("not a private key"), "{error}");
}

#[test]
fn illegal_delegations_are_refused_before_anything_is_staged() {
    let scene = Scene::new("delegations");
    let (publisher, key) = (scene.publisher(), scene.public("other"));
    let delegate = |name: &str, namespaces: &[&str], threshold| {
        let namespaces: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let key = scene.public("other");
        publisher.delegate(name, &namespaces, &[key], &[], threshold).unwrap_err().to_string()
    };
    assert!(delegate("targets", &[], 1).contains("`targets` is kept for roles"));
    assert!(delegate("film-club", &[], 1).contains("it is delegated to already"));
    assert!(
        delegate("third", &["film-club"], 1)
            .contains("it is delegated to film-club already; one namespace has one voice")
    );
    assert!(delegate("third", &["a/*"], 1).contains("no name"));
    assert!(delegate("third", &[], 2).contains("of 1 keys 2 cannot sign"));
    assert!(publisher.report().unwrap().staged.is_empty());
    assert!(publisher.rotate("nobody", &[key], 1).unwrap_err().to_string().contains("nobody delegates to it"));
}

#[test]
fn root_keys_on_machines_without_a_network_sign_what_is_carried_to_them() {
    let scene = Scene::new("offline");
    let publisher = scene.publisher();
    // The root gets another third key; two of the old ones must sign, each on its own machine.
    let keys = ["root-1", "root-2", "new-root"]
        .map(|name| if name == "new-root" { scene.key(name) } else { scene.public(name) });
    publisher.rotate("root", &keys, 2).unwrap();
    assert_eq!(publisher.export(&scene.path("disk")).unwrap(), ["root"]);
    for key in ["root-1", "root-2"] {
        let said = sign_exported(&scene.path("disk"), &scene.only(&[key])).unwrap();
        assert_eq!(said, ["root version 2, 0 files: 1 signatures added"]);
    }
    assert_eq!(publisher.import(&scene.path("disk")).unwrap(), 2);
    let published = publisher.publish(&scene.only(&["online"])).unwrap();
    assert_eq!(published.roles, ["root"]);
    // A platform that knows the first root follows to the second.
    assert!(scene.sync().switched);
}

#[test]
fn signatures_of_something_else_are_not_taken_over() {
    let scene = Scene::new("offline-changed");
    let publisher = scene.publisher();
    publisher.renew("film-club").unwrap();
    publisher.export(&scene.path("disk")).unwrap();
    sign_exported(&scene.path("disk"), &scene.only(&["film-club"])).unwrap();
    publisher.rotate("film-club-modules", &[scene.public("other")], 1).unwrap();
    let error = publisher.import(&scene.path("disk")).unwrap_err().to_string();
    assert!(error.ends_with("it is not what is staged for film-club now; export and sign it again"), "{error}");
}

#[test]
fn every_role_can_be_given_other_keys() {
    let scene = Scene::taken("rotate");
    let publisher = scene.publisher();
    for role in ["targets", "online", "film-club", "film-club-modules", "film-club-data", "root"] {
        let key = scene.key(&format!("next-{role}"));
        publisher.rotate(role, &[key], 1).unwrap();
        publisher.publish(&scene.all()).unwrap();
        let synced = scene.sync();
        assert!(synced.refused.is_empty(), "{role}: {synced:?}");
    }
    // The new keys alone are enough for the next release.
    scene.add("1.1.0");
    publisher.publish(&scene.only(&["next-film-club-modules", "next-online"])).unwrap();
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())]);
}

#[test]
fn nothing_is_published_without_the_online_key() {
    let scene = Scene::new("no-online");
    scene.add("1.1.0");
    let error = scene.publisher().publish(&scene.only(&["film-club"])).unwrap_err().to_string();
    assert_eq!(error, "role snapshot: its key is not at hand; give it with --keys");
    assert_eq!(scene.publisher().report().unwrap().snapshot, 1);
    let error = scene.publisher().refresh(&Keyring::default()).unwrap_err().to_string();
    assert_eq!(error, "role timestamp: its key is not at hand; give it with --keys");
}

#[test]
fn an_association_that_has_not_signed_yet_keeps_nobody_from_publishing() {
    let scene = Scene::new("waiting");
    let publisher = scene.publisher();
    publisher.renew("other").unwrap();
    scene.add("1.1.0");
    let published = publisher.publish(&scene.only(&["film-club", "online"])).unwrap();
    assert_eq!(published.roles, ["film-club-modules"]);
    assert_eq!(published.waiting[0].role, "other");
    // A delegation to somebody who has signed nothing is another matter: platforms would miss its metadata.
    publisher.delegate("third", &[], &[scene.public("other")], &[], 1).unwrap();
    let error = publisher.publish(&scene.only(&["targets", "online"])).unwrap_err().to_string();
    assert_eq!(
        error,
        "repository here, authority third, role third, file 1.third.json: it is delegated to, and its metadata is missing; the \
         repository must publish it, or withdraw the delegation"
    );
}

#[test]
fn a_module_that_nobody_delegated_is_not_added() {
    let scene = Scene::new("foreign");
    let publisher = scene.publisher();
    let add =
        |bytes: &[u8]| publisher.add_module("m.wasm", bytes, CASES, &Addition::default()).unwrap_err().to_string();
    assert_eq!(
        add(&made("stranger/x", "x", "1.0.0")),
        "stranger/x: the namespace `stranger` is delegated to nobody; whoever holds the targets key delegates it with `normgate \
         repo delegate`"
    );
    assert!(add(b"no module").contains("m.wasm: not a WebAssembly component"));
    let error = publisher.add_module("m.wasm", &club("1.1.0"), "{", &Addition::default()).unwrap_err().to_string();
    assert!(error.starts_with("the cases of m.wasm: line 1:"), "{error}");
}

#[test]
fn two_states_of_a_repository_are_compared() {
    let scene = Scene::new("diff");
    let publisher = scene.publisher();
    scene.ship("1.1.0");
    publisher.revoke("other").unwrap();
    publisher.publish(&scene.all()).unwrap();
    let changes = publisher.changes(Some(1), &publisher, None).unwrap();
    let lines: Vec<String> = changes
        .iter()
        .map(|change| match change {
            Change::Added(what) => format!("+ {}", what.split(", sha256").next().unwrap()),
            Change::Removed(what) => format!("- {}", what.split(", 1 of").next().unwrap()),
        })
        .collect();
    assert_eq!(
        lines,
        [
            "+ file film-club/modules/night-films.2.cases.jsonl: ",
            "+ file film-club/modules/night-films.2.wasm: 1.1.0",
            "- role other-data: other/data/*",
            "- role other-modules: other/modules/*",
            "- role other: other/*",
        ]
    );
    assert!(publisher.changes(None, &Publisher::open(&scene.path("norms")).unwrap(), None).unwrap().is_empty());
}

#[test]
fn lint_says_what_will_expire_and_how_to_renew_it() {
    let scene = Scene::new("lint");
    assert!(scene.publisher().lint().unwrap().is_empty());
    let later = |days: i64| scene.publisher().at(normgate_repo::now_ms() + days * 86_400_000).lint().unwrap();
    assert_eq!(later(2), ["role timestamp has expired, and platforms take nothing new: `normgate repo refresh`"]);
    let said = later(350);
    assert!(
        said.iter()
            .any(|line| line == "role film-club expires in 14 days: `normgate repo renew film-club`, sign and publish"),
        "{said:?}"
    );
}
