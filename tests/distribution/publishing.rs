//! The publisher's side: keys, delegations, signing elsewhere, other keys, and what changed.

use normgate_repo::keys::{Keyring, SigningKey, generate};
use normgate_repo::publisher::{Addition, Change, Publisher, exported, sign_exported};

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
    let disk = scene.path("disk");
    let told = publisher.export(&disk).unwrap();
    assert_eq!(exported(&disk).unwrap(), told, "a signer sees what was carried away");
    assert_eq!(told[0].role, "root");
    assert!(told[0].head.starts_with("version 2, expires "), "{told:?}");
    for key in &keys {
        assert!(
            told[0].says.iter().any(|line| line.starts_with("role root: 2 of") && line.contains(&key.id())),
            "{told:?}"
        );
    }
    for (signed, key) in [(1, "root-1"), (2, "root-2")] {
        let progress = sign_exported(&disk, "root", &told[0].sha256, &scene.only(&[key])).unwrap();
        assert_eq!((progress.signed, progress.threshold), (signed, 2));
    }
    assert_eq!(publisher.import(&disk).unwrap(), 2);
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
    let told = publisher.export(&scene.path("disk")).unwrap();
    sign_exported(&scene.path("disk"), "film-club", &told[0].sha256, &scene.only(&["film-club"])).unwrap();
    publisher.rotate("film-club-modules", &[scene.public("other")], 1).unwrap();
    let error = publisher.import(&scene.path("disk")).unwrap_err().to_string();
    assert!(error.ends_with("it is not what is staged for film-club now; export and sign it again"), "{error}");
}

#[test]
fn nothing_is_signed_elsewhere_but_what_the_signer_was_told_with_a_key_that_the_role_names() {
    let scene = Scene::new("offline-blind");
    let (publisher, disk) = (scene.publisher(), scene.path("disk"));
    for role in ["root", "targets", "film-club-modules"] {
        publisher.renew(role).unwrap();
    }
    let told = publisher.export(&disk).unwrap();
    let digest = |role: &str| told.iter().find(|shown| shown.role == role).unwrap().sha256.clone();
    let before: Vec<Vec<u8>> =
        told.iter().map(|shown| std::fs::read(disk.join(format!("{}.json", shown.role))).unwrap()).collect();
    let refused = |role: &str, sha256: &str, key: &str, why: &str| {
        let error = sign_exported(&disk, role, sha256, &scene.only(&[key])).unwrap_err().to_string();
        assert!(error.contains(why), "{role}, {key}: {error}");
    };
    refused("targets", &digest("targets"), "film-club", "is none of the role targets; nothing is signed");
    refused("targets", &digest("root"), "targets", "not the one that you were told; nothing is signed");
    refused("root", &digest("root"), "targets", "is none of the role root");
    refused("film-club", &digest("root"), "film-club", "no exported role is here");
    let after: Vec<Vec<u8>> =
        told.iter().map(|shown| std::fs::read(disk.join(format!("{}.json", shown.role))).unwrap()).collect();
    assert_eq!(before, after, "something was signed");
    // Whoever carries the disk changes what is on it: another key, another file, another end, another role under the name.
    let path = disk.join("film-club-modules.json");
    for (from, to) in [
        ("\"version\": 2", "\"version\": 3"),
        ("night-films.1.wasm", "night-films.9.wasm"),
        ("\"expires\": \"20", "\"expires\": \"21"),
        ("\"length\": ", "\"length\": 1"),
    ] {
        let text = String::from_utf8(before[2].clone()).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        refused("film-club-modules", &digest("film-club-modules"), "film-club", "nothing is signed");
    }
    std::fs::copy(disk.join("targets.json"), &path).unwrap();
    refused("film-club-modules", &digest("targets"), "targets", "it holds the role targets");
}

#[cfg(unix)]
#[test]
fn a_key_is_made_whole_or_not_at_all_and_its_making_can_be_taken_up_again() {
    let scene = Scene::new("keys-again");
    let refused = |name: &str, why: &str| {
        let error = generate(&scene.path(name)).err().unwrap().to_string();
        assert!(error.contains(why), "{name}: {error}");
    };
    refused("x.pub", "a private key cannot be called like its public one");
    assert!(!scene.path("x.pub").exists());
    // Ended between the private file and the public one.
    let public = generate(&scene.path("mine.pem")).unwrap();
    let private = std::fs::read(scene.path("mine.pem")).unwrap();
    std::fs::remove_file(scene.path("mine.pub")).unwrap();
    assert_eq!(generate(&scene.path("mine.pem")).unwrap().id(), public.id());
    assert_eq!(std::fs::read(scene.path("mine.pem")).unwrap(), private);
    // Ended while writing: what was half written is nobody's key.
    std::fs::write(scene.path(".other.pem.part"), "-----BEGIN").unwrap();
    generate(&scene.path("other.pem")).unwrap();
    assert!(!scene.path(".other.pem.part").exists());
    refused("other.pem", "none is ever overwritten");
    // A public key that belongs to a private one elsewhere.
    std::fs::remove_file(scene.path("other.pem")).unwrap();
    let kept = std::fs::read(scene.path("other.pub")).unwrap();
    refused("other.pem", "a public key is there already");
    assert_eq!(std::fs::read(scene.path("other.pub")).unwrap(), kept);
    assert!(!scene.path("other.pem").exists());
}

#[test]
fn a_repository_that_was_begun_half_is_begun_again() {
    let scene = Scene::new("begun");
    let (path, keys) = (scene.path("begun"), scene.path("begun-keys"));
    Publisher::init(&path, &keys, 2, 1).unwrap();
    // Ended before the targets role was staged.
    std::fs::remove_file(path.join("staged/targets.json")).unwrap();
    std::fs::remove_file(keys.join("root-2.pub")).unwrap();
    let publisher = Publisher::init(&path, &keys, 2, 1).unwrap();
    // What was begun is gone on with, and is nothing else than what was begun.
    Publisher::init(&path, &keys, 2, 1).unwrap();
    for (roots, threshold) in [(3, 1), (2, 2)] {
        let error = Publisher::init(&path, &keys, roots, threshold).unwrap_err().to_string();
        assert!(
            error.contains("another repository was begun here") && error.contains("`normgate repo publish` go on"),
            "{error}"
        );
    }
    publisher.publish(&Keyring::read(std::slice::from_ref(&keys)).unwrap()).unwrap();
    assert!(Publisher::init(&path, &keys, 2, 1).unwrap_err().to_string().contains("a repository is here already"));
}

#[test]
fn an_association_that_lost_its_key_goes_on_with_another() {
    let scene = Scene::taken("lost");
    let (publisher, new) = (scene.publisher(), scene.key("new"));
    let staged = publisher.rotate("film-club", &[new], 1).unwrap();
    assert_eq!(staged, ["targets", "film-club", "film-club-modules", "film-club-data"]);
    // The lost key is in nobody's hand, or in a thief's: it signs nothing of this.
    let published = publisher.publish(&scene.only(&["targets", "new", "online"])).unwrap();
    assert_eq!((published.roles.len(), published.waiting.len()), (4, 0));
    assert!(scene.sync().refused.is_empty());
    scene.add("1.1.0");
    let error = publisher.publish(&scene.only(&["film-club", "online"])).unwrap_err().to_string();
    assert!(error.contains("film-club-modules has 0 of 1"), "{error}");
    publisher.publish(&scene.only(&["new", "online"])).unwrap();
    assert!(scene.sync().switched);
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())]);
    // A role with keys of its own keeps them.
    let data = scene.key("data");
    publisher.rotate("film-club-data", &[data], 1).unwrap();
    publisher.publish(&scene.only(&["new", "data", "online"])).unwrap();
    let third = scene.key("third");
    let staged = publisher.rotate("film-club", &[third], 1).unwrap();
    assert_eq!(staged, ["targets", "film-club", "film-club-modules"]);
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
    // A root is seen as soon as it lies there, so it waits as well.
    scene.publisher().renew("root").unwrap();
    assert!(scene.publisher().publish(&scene.only(&["root-1", "root-2", "film-club"])).is_err());
    assert!(!scene.path("norms/metadata/2.root.json").exists());
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
        "repository here, authority third, role third, file 1.third.json: it is delegated to, and its metadata is missing: its holders \
         sign it (`normgate repo sign --role third`) and the repository publishes it, or it withdraws the delegation \
         (`normgate repo revoke`)"
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
    let (norms, id) =
        (scene.path("norms").display().to_string(), |name: &str| scene.public(name).id()[..12].to_owned());
    assert_eq!(
        later(2),
        [format!(
            "role timestamp has expired, and platforms take nothing new: `normgate repo refresh {norms} --keys KEY.pem` with 1 of \
             [{}]",
            id("online")
        )]
    );
    let said = later(350);
    for role in ["film-club", "film-club-data", "film-club-modules"] {
        let line = format!(
            "role {role} expires in 14 days: `normgate repo renew {norms} film-club --keys KEY.pem` with 1 of [{}], and publish",
            id("film-club")
        );
        assert!(said.contains(&line), "{line}: {said:?}");
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let scene = Scene::new("written-through");
    let mine = scene.path("mine");
    std::fs::write(&mine, "mine").unwrap();
    std::fs::create_dir_all(scene.path("norms/staged")).unwrap();
    std::os::unix::fs::symlink(&mine, scene.path("norms/staged/.targets.json.part")).unwrap();
    scene.publisher().renew("targets").unwrap();
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine");
    assert!(!scene.path("norms/staged/targets.json").is_symlink());
}

#[test]
fn what_was_exchanged_after_it_was_shown_is_not_signed() {
    let scene = Scene::new("shown-then-changed");
    for role in ["root", "targets"] {
        scene.publisher().renew(role).unwrap();
        let shown = scene.publisher().shown(role).unwrap();
        scene.forge(role, |signed| signed["expires"] = "2999-01-01T00:00:00Z".into());
        let error = scene.publisher().sign_shown(&shown, &scene.all()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("role {role}: it is not what was shown any more")), "{error}");
        assert!(scene.publisher().progress().unwrap().iter().all(|progress| progress.signed == 0));
        scene.publisher().sign_shown(&scene.publisher().shown(role).unwrap(), &scene.all()).unwrap();
        assert!(scene.publisher().progress().unwrap().iter().any(|p| p.role == role && p.signed > 0));
        std::fs::remove_file(scene.path(&format!("norms/staged/{role}.json"))).unwrap();
    }
}

#[test]
fn a_signer_is_shown_everything_that_is_said_of_a_file() {
    let scene = Scene::new("shown-whole");
    let lower = Addition { lower: true, ..Addition::default() };
    scene.publisher().add_module("club.wasm", &club("0.9.0"), CASES, &lower).unwrap();
    scene.forge("film-club-modules", |signed| {
        signed["targets"]["film-club/modules/night-films.2.wasm"]["custom"]["later"] = "more".into();
    });
    let shown = scene.publisher().shown("film-club-modules").unwrap();
    let line = shown.says.iter().find(|line| line.contains("night-films.2.wasm")).unwrap();
    for said in ["0.9.0", "goes back behind the version before it", "cases sha256:", "later: \"more\""] {
        assert!(line.contains(said), "{said}: {line}");
    }
}

#[test]
fn what_this_program_does_not_know_is_shown_and_not_signed() {
    type Change = fn(&mut serde_json::Value);
    const FILE: &str = "film-club/modules/night-films.1.wasm";
    let kinds: [(&str, &str, Change); 6] = [
        ("root", "later", |signed| signed["later"] = 1.into()),
        ("root", "weight", |signed| signed["roles"]["root"]["weight"] = 2.into()),
        ("targets", "later", |signed| signed["later"] = 1.into()),
        ("film-club-modules", "later", |signed| signed["targets"][FILE]["custom"]["later"] = 1.into()),
        ("film-club-modules", "origin", |signed| signed["targets"][FILE]["origin"] = "x".into()),
        ("film-club-modules", "sha1", |signed| signed["targets"][FILE]["hashes"]["sha1"] = "x".into()),
    ];
    for (index, (role, field, change)) in kinds.into_iter().enumerate() {
        let scene = Scene::new(&format!("unknown-{index}"));
        scene.forge(role, change);
        let (publisher, disk) = (scene.publisher(), scene.path("disk"));
        let shown = publisher.shown(role).unwrap();
        let told = publisher.export(&disk).unwrap();
        for error in [
            publisher.sign_shown(&shown, &scene.all()).err(),
            publisher.publish(&scene.all()).err(),
            sign_exported(
                &disk,
                role,
                &told[0].sha256,
                &scene.only(&[role.trim_end_matches("-modules").replace("root", "root-1").as_str()]),
            )
            .err(),
        ] {
            let why = format!(
                "role {role}: it says `{field}`, which this normgate does not know; sign it with one that does"
            );
            assert!(error.as_ref().is_some_and(|error| error.to_string().starts_with(&why)), "{error:?}");
        }
        assert!(publisher.progress().unwrap().iter().all(|progress| progress.signed == 0));
    }
}

#[test]
fn what_platforms_would_refuse_is_not_published() {
    let refused = |name: &str, role: &str, change: &dyn Fn(&mut serde_json::Value), why: &str| {
        let scene = Scene::new(name);
        scene.ship("1.1.0");
        scene.forge(role, |signed| change(signed));
        let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("role {role}: {why}")), "{name}: {error}");
        assert!(error.ends_with("; nothing is published"), "{error}");
        assert_eq!(scene.publisher().report().unwrap().snapshot, 2);
    };
    let role = "film-club-modules";
    refused(
        "older",
        role,
        &|signed| {
            signed["version"] = 2.into();
            signed["expires"] = "2999-01-01T00:00:00Z".into();
        },
        "version 2 does not follow the published 2; stage it again",
    );
    refused(
        "later",
        role,
        &|signed| signed["version"] = 4.into(),
        "version 4 does not follow the published 2; stage it again",
    );
    let soon = "2020-01-01T00:00:00Z";
    refused("expired", role, &|signed| signed["expires"] = soon.into(), "it expires at 2020");
    refused("gap", "root", &|signed| signed["version"] = 3.into(), "version 3 does not follow the published 1");
}

#[test]
fn what_the_platforms_own_reading_refuses_is_not_published() {
    const FILE: &str = "film-club/modules/night-films.2.wasm";
    const CASES_OF: &str = "film-club/modules/night-films.2.cases.jsonl";
    type Change = fn(&mut serde_json::Value);
    let kinds: [(&str, Change, &str); 7] = [
        ("root", |signed| signed["consistent_snapshot"] = false.into(), "role snapshot, file snapshot.json: "),
        (
            "film-club-modules",
            |signed| signed["targets"][FILE]["custom"]["version"] = "x".repeat(4 << 20).into(),
            "file 2.film-club-modules.json: it is larger than 4194304 bytes",
        ),
        (
            "film-club-modules",
            |signed| signed["targets"][FILE]["custom"]["version"] = "1.2.0".into(),
            "night-films.2.wasm: its manifest says version 1.1.0, and what was signed 1.2.0",
        ),
        (
            "film-club-modules",
            |signed| drop(signed["targets"].as_object_mut().unwrap().remove(CASES_OF)),
            "night-films.2.wasm: it comes without the cases that were signed with it",
        ),
        (
            "film-club-modules",
            |signed| {
                signed["targets"][FILE]["custom"] = serde_json::json!({"version": "1.1.0", "effective_from": "soon"})
            },
            "night-films.2.wasm: what is said of it cannot be read",
        ),
        (
            "film-club-modules",
            |signed| signed["targets"].as_object_mut().unwrap().retain(|name, _| !name.contains("night-films.")),
            "published film-club-modules",
        ),
        ("film-club-modules", |_| {}, "published film-club-modules"),
    ];
    for (index, (role, change, why)) in kinds.into_iter().enumerate() {
        let scene = Scene::new(&format!("as-platforms-{index}"));
        scene.add("1.1.0");
        scene.forge(role, change);
        let said = match scene.publisher().publish(&scene.all()) {
            Err(error) => error.to_string(),
            Ok(published) => format!("published {}", published.roles.join(", ")),
        };
        assert!(said.contains(why) && said.len() < 500, "{role}: {said}");
        let published = why.starts_with("published");
        assert_eq!(scene.publisher().report().unwrap().snapshot, 1 + u64::from(published));
        let synced = scene.sync();
        assert!(synced.refused.is_empty(), "platforms take what was published: {synced:?}");
    }
}

#[test]
fn a_state_that_platforms_refuse_for_the_sake_of_another_role_is_not_published() {
    let scene = Scene::new("as-platforms-expired");
    scene.publisher().at(normgate_repo::now_ms() - 400 * 86_400_000).renew("other-modules").unwrap();
    scene.publish_anyway();
    scene.add("1.1.0");
    let error = scene.publisher().publish(&scene.all()).unwrap_err().to_string();
    assert_eq!(
        error,
        "repository here, authority other, role other-modules, file 2.other-modules.json: it has expired; its holders must renew it"
    );
    assert_eq!(scene.publisher().report().unwrap().snapshot, 2);
    // Both at once are a state that platforms take.
    scene.publisher().renew("other-modules").unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    assert!(scene.sync().refused.is_empty());
}
