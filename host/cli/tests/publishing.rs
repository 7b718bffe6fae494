//! docs/publishing.md, run as it stands: what a newcomer types is what this test types.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use normgate_repo::keys::Keyring;
use normgate_repo::now_ms;
use normgate_repo::publisher::Publisher;
use serde_json::Value;
use support::{film_club, folder, text};

/// One thing that the page has its reader do.
enum Step {
    /// Write a file.
    File(String, String),
    /// Run a command, and see this.
    Run(String, Vec<String>),
}

/// The steps of the page: fences `toml FILE`, and lines `$ …` in fences `console` with what they print.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some(file) = info.strip_prefix("toml ") {
            steps.push(Step::File(file.to_owned(), body.join("\n")));
        } else if info == "console" {
            for line in body {
                match (line.strip_prefix("$ "), steps.last_mut()) {
                    (Some(command), _) => steps.push(Step::Run(command.to_owned(), Vec::new())),
                    (None, Some(Step::Run(_, seen))) => seen.push(line.to_owned()),
                    _ => panic!("output without a command: {line}"),
                }
            }
        }
    }
    steps
}

/// Whether a text has these parts, in this order.
fn has(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('…').all(|part| match rest.find(part) {
        Some(index) => {
            rest = &rest[index + part.len()..];
            true
        }
        None => false,
    })
}

/// A folder with the module that the page adds, where commands are typed.
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Self {
        let folder = folder(name);
        fs::write(folder.join("night-films.wasm"), include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm"))
            .unwrap();
        let next = film_club(|manifest| manifest["version"] = "1.1.0".into());
        fs::write(folder.join("night-films-1.1.wasm"), next).unwrap();
        fs::write(folder.join("cases.jsonl"), include_str!("../../../tests/frozen/film-club.cases.jsonl")).unwrap();
        fs::write(folder.join("words.bin"), "opaque").unwrap();
        Self(folder)
    }

    /// One on which the association of the page has published its module.
    fn published(name: &str) -> Self {
        let desk = Self::new(name);
        for command in [
            "repo init norms --keys keys",
            "key generate film-club.pem",
            "repo delegate norms film-club --key film-club.pub --keys keys/targets.pem",
            "repo sign norms --role film-club --role film-club-data --keys film-club.pem",
            "repo add norms night-films.wasm --keys film-club.pem",
            "repo publish norms --keys keys/online.pem",
        ] {
            desk.done(&format!("normgate {command}"));
        }
        desk
    }

    fn types(&self, command: &str) -> (Option<i32>, String, String) {
        let program = Path::new(env!("CARGO_BIN_EXE_normgate")).parent().unwrap();
        let path = std::env::join_paths(
            [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.0)
            .env("PATH", path.unwrap())
            .env("XDG_CACHE_HOME", self.0.join("cache"))
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// What a command prints that succeeds.
    fn done(&self, command: &str) -> (String, String) {
        let (code, out, err) = self.types(command);
        assert_eq!(code, Some(0), "$ {command}\n{out}{err}");
        (out, err)
    }

    /// Types a command that is refused for this reason, and holds that it signed nothing.
    fn refused(&self, command: &str, why: &str) {
        let before = self.signed();
        let (code, out, err) = self.types(command);
        assert!(code == Some(2) && err.contains(why), "$ {command}\n{code:?} {out}{err}");
        assert_eq!(self.signed(), before, "$ {command}\nsomething was signed");
    }

    /// Everything that is staged or carried, signatures included.
    fn signed(&self) -> Vec<(PathBuf, String)> {
        let folders = ["norms/staged", "disk"].map(|name| fs::read_dir(self.0.join(name)));
        let entries = folders.into_iter().flatten().flatten().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
        files.sort();
        files
    }
}

#[test]
fn a_newcomer_gets_from_keys_to_a_platform_by_the_page() {
    let desk = Desk::new("publishing");
    let steps = steps(include_str!("../../../docs/publishing.md"));
    assert!(steps.len() > 40, "the page lost its steps");
    let mut synced = String::new();
    for step in steps {
        match step {
            Step::File(name, text) => fs::write(desk.0.join(name), text).unwrap(),
            Step::Run(command, seen) => {
                let (out, err) = desk.done(&command);
                assert!(has(&out, &seen.join("\n")), "$ {command}\nshown: {}\nis: {out}{err}", seen.join("\n"));
                if command.starts_with("normgate sync") {
                    synced = err;
                }
            }
        }
    }
    // The page ends with what a revoked association leaves.
    assert!(synced.contains("film-club/night-films 1.0.0 is dropped"), "{synced}");
}

#[test]
fn nothing_is_signed_unseen_or_with_a_key_that_is_not_meant() {
    let desk = Desk::published("signing");
    desk.done("normgate repo renew norms targets");
    desk.done("normgate repo renew norms root");
    // Keys that lie there are not named, and those that are named sign nothing else than what is.
    desk.refused("normgate repo sign norms --role targets --keys keys", "keys: a folder; name each key");
    desk.refused("normgate repo sign norms --keys keys/targets.pem", "say with --role which of these to sign");
    desk.refused(
        "normgate repo sign norms --role targets --keys film-club.pem",
        "is none of targets; nothing is signed",
    );
    desk.refused(
        "normgate repo sign norms --role root --role targets --keys keys/root-1.pem --keys keys/targets.pem",
        "a root is signed by itself",
    );
    desk.refused(
        "normgate repo publish norms --keys keys/online.pem --keys keys/targets.pem --keys keys/root-1.pem --keys keys/root-2.pem",
        "signatures are missing: root has 0 of 2, targets has 0 of 1",
    );
    let (out, _) =
        desk.done("normgate repo add norms night-films-1.1.wasm --keys film-club.pem --keys keys/targets.pem");
    assert!(
        has(&out, "signing film-club-modules: …\n+ file film-club/modules/night-films.2.wasm: 1.1.0, …sha256 …"),
        "{out}"
    );
    assert!(out.contains("staged targets: 0 of 1 signatures") && !out.contains("signing targets"), "{out}");
    // Whoever stages something in another's name is seen when it is signed.
    let staged = desk.0.join("norms/staged/film-club-modules.json");
    let forged = fs::read_to_string(&staged).unwrap().replace("night-films.2.wasm", "evening-films.1.wasm");
    fs::write(&staged, forged).unwrap();
    let (out, _) = desk.done("normgate repo sign norms --role film-club-modules");
    assert!(has(&out, "file film-club/modules/evening-films.1.wasm: 1.1.0, …sha256 …\n…sha256 of all this "), "{out}");
    let (out, _) = desk
        .done("normgate repo rotate norms targets --to keys/online.pub --keys keys/root-1.pem --keys keys/online.pem");
    assert!(out.contains("signing root: ") && !out.contains("signing targets"), "{out}");
    // As many root keys must sign as before, unless it is said.
    desk.refused("normgate repo rotate norms root --to keys/root-1.pub", "of 1 keys 2 cannot sign");
}

#[test]
fn what_somebody_else_staged_in_a_role_is_not_signed_along() {
    let desk = Desk::published("along");
    desk.done("normgate repo add norms words.bin --data film-club/words --bundle-version 1 --keys film-club.pem");
    desk.done("normgate repo publish norms --keys keys/online.pem");
    // A stager without a key puts a bundle and a module into the association's roles.
    desk.done("normgate repo add norms words.bin --data film-club/other-words --bundle-version 1");
    desk.done("normgate repo add norms night-films-1.1.wasm");
    for (command, line, role) in [
        (
            "repo add norms words.bin --data film-club/more --bundle-version 1 --keys film-club.pem",
            "+ file film-club/data/other-words.1.data: 1, 6 bytes, sha256 ",
            "film-club-data",
        ),
        (
            "repo renew norms film-club --keys film-club.pem",
            "+ file film-club/modules/night-films.2.wasm: 1.1.0, ",
            "film-club-data --role film-club-modules",
        ),
        (
            "repo rotate norms film-club-modules --to film-club.pub --keys film-club.pem",
            "night-films.2.wasm",
            "film-club-modules",
        ),
        ("repo revert norms film-club/words --keys film-club.pem", "other-words.1.data", "film-club-data"),
    ] {
        desk.refused(&format!("normgate {command}"), line);
        desk.refused(&format!("normgate {command}"), &format!("`normgate repo sign norms --role {role}`"));
    }
    // Who looked at it and signed it goes on.
    desk.done("normgate repo sign norms --role film-club-data --keys film-club.pem");
    let (out, _) =
        desk.done("normgate repo add norms words.bin --data film-club/more --bundle-version 1 --keys film-club.pem");
    assert!(out.contains("staged film-club-data: signed, ready to publish"), "{out}");
    assert!(out.contains("staged film-club-modules: 0 of 1 signatures"), "{out}");
}

#[test]
fn elsewhere_only_the_role_is_signed_that_the_signer_was_told() {
    let desk = Desk::published("told");
    desk.done("normgate repo renew norms film-club-modules");
    desk.done("normgate repo renew norms targets");
    let (told, _) = desk.done("normgate repo sign norms --export disk");
    let digest = |role: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("exported {role}  sha256 ")));
        line.unwrap_or_else(|| panic!("{role}: {told}")).to_owned()
    };
    let (targets, modules) = (digest("targets"), digest("film-club-modules"));
    let (shown, _) = desk.done("normgate repo sign disk --exported");
    assert!(
        has(
            &shown,
            "film-club-modules: version 2, expires …, to be signed by 1 of […]\n  file …night-films.1.wasm: 1.0.0, …"
        ),
        "{shown}"
    );
    assert!(shown.contains(&format!("sha256 of all this {targets}")) && shown.contains(&modules), "{shown}");
    let sign = "normgate repo sign disk --exported";
    desk.refused(&format!("{sign} --keys film-club.pem"), "say with --role which role to sign, and with --sha256");
    desk.refused(&format!("{sign} --role film-club-modules --keys film-club.pem"), "with --sha256 what you were told");
    desk.refused(&format!("{sign} --sha256 {modules} --keys film-club.pem"), "say with --role");
    desk.refused(
        &format!("{sign} --role film-club-modules --role targets --sha256 {modules} --keys film-club.pem"),
        "say with --role",
    );
    desk.refused(
        &format!("{sign} --role film-club-modules --sha256 {targets} --keys film-club.pem"),
        "and not the one that you were told",
    );
    desk.refused(
        &format!("{sign} --role targets --sha256 {targets} --keys film-club.pem"),
        "is none of the role targets",
    );
    desk.refused(&format!("{sign} --role targets --sha256 {targets} --keys keys"), "a folder");
    desk.refused("normgate repo sign norms --role targets --sha256 00 --keys keys/targets.pem", "--exported");
    let (out, _) = desk.done(&format!("{sign} --role film-club-modules --sha256 {modules} --keys film-club.pem"));
    assert!(out.ends_with("film-club-modules: 1 of 1 signatures\n"), "{out}");
    // A signature that the disk brings along for somebody else's role is not taken over.
    let path = desk.0.join("disk/targets.json");
    let mut carried: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let other: Value =
        serde_json::from_str(&fs::read_to_string(desk.0.join("disk/film-club-modules.json")).unwrap()).unwrap();
    carried["metadata"]["signatures"] = other["metadata"]["signatures"].clone();
    fs::write(&path, carried.to_string()).unwrap();
    let (out, _) = desk.done("normgate repo sign norms --import disk");
    assert!(
        has(
            &out,
            "1 signatures taken over\nstaged targets: 0 of 1 signatures, 1 missing\nstaged film-club-modules: signed"
        ),
        "{out}"
    );
}

#[test]
fn what_lint_suggests_is_typed_as_it_stands() {
    let desk = Desk::published("lint 'quoted'");
    // A year ago but for some days, everything was signed for a year.
    let keys =
        [&["keys/root-1.pem", "keys/root-2.pem"][..], &["keys/targets.pem", "film-club.pem"], &["keys/online.pem"]];
    let keyring =
        |names: &[&str]| Keyring::read(&names.iter().map(|name| desk.0.join(name)).collect::<Vec<_>>()).unwrap();
    let then = Publisher::open(&desk.0.join("norms")).unwrap().at(now_ms() - 350 * 86_400_000);
    let all = ["root", "targets", "film-club", "film-club-modules", "film-club-data"];
    all.iter().for_each(|role| then.renew(role).unwrap());
    then.publish(&keyring(&keys.concat())).unwrap();

    let norms = desk.0.join("norms");
    let lint = format!("normgate repo lint '{}'", norms.display().to_string().replace('\'', "'\\''"));
    let mut named = 0;
    for round in 0.. {
        let (code, said, err) = desk.types(&lint);
        assert!(code == Some(i32::from(!said.is_empty())) && err.is_empty(), "{code:?} {said}{err}");
        let Some(line) = said.lines().find(|line| line.contains('`')) else { break };
        assert!(round < 10, "lint goes on: {said}");
        named += usize::from(line.starts_with("role ") && line.contains(" renew "));
        // The command stands between backticks; of its keys the ids are told, and whoever holds them knows their files.
        let command = line.split('`').nth(1).unwrap_or_else(|| panic!("{line}"));
        let ids = line.rsplit_once('[').unwrap().1.split(']').next().unwrap();
        let mut files = keys.iter().flat_map(|names| names.iter()).chain(&["keys/root-3.pem"]);
        let mut typed = command.to_owned();
        for file in files.by_ref().filter(|file| ids.contains(&keyring(&[file]).public().next().unwrap().id()[..12])) {
            typed = typed.replacen("KEY.pem", file, 1);
        }
        assert!(!typed.contains("KEY.pem"), "{line}");
        desk.done(&typed);
    }
    assert_eq!(named, 3, "root, targets, and the association with its two roles");
}
