//! docs/publishing.md, run as it stands: what a newcomer types is what this test types.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::Command;

use support::folder;

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

/// The commands of the page's table of what one does some days.
fn table(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.starts_with("| a"));
    let last = rows.filter_map(|row| row.trim_end_matches(" |").rsplit('|').next());
    let commands = last.map(|cell| cell.trim().trim_matches('`').to_owned());
    commands.filter(|command| command.starts_with("normgate repo")).collect()
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

/// The page's module as its next version.
fn next_version() -> Vec<u8> {
    let mut bytes = include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm").to_vec();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let begin = text.find("{\"contract\"").unwrap();
    let mut manifests = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<serde_json::Value>();
    let mut manifest = manifests.next().unwrap().unwrap();
    manifest["version"] = "1.1.0".into();
    normgate_package::append_section(&mut bytes, "normgate:manifest", manifest.to_string().as_bytes());
    bytes
}

#[cfg(unix)]
#[test]
fn a_newcomer_gets_from_keys_to_a_platform_by_the_page() {
    let folder = folder("publishing");
    std::fs::write(folder.join("night-films.wasm"), include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm"))
        .unwrap();
    std::fs::write(folder.join("night-films-1.1.wasm"), next_version()).unwrap();
    std::fs::write(folder.join("cases.jsonl"), include_str!("../../../tests/frozen/film-club.cases.jsonl")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_normgate")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let run = |command: &str| {
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&folder)
            .env("PATH", path.as_ref().unwrap())
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "$ {command}\n{out}{err}");
        (out, err)
    };
    let page = include_str!("../../../docs/publishing.md");
    let steps = steps(page);
    assert!(steps.len() > 10, "the page lost its steps");
    for step in steps {
        match step {
            Step::File(name, text) => std::fs::write(folder.join(name), text).unwrap(),
            Step::Run(command, seen) => {
                let (out, err) = run(&command);
                assert!(has(&out, &seen.join("\n")), "$ {command}\nshown: {}\nis: {out}{err}", seen.join("\n"));
            }
        }
    }
    std::fs::write(folder.join("words.bin"), "opaque").unwrap();
    run("normgate key generate new.pem");
    let commands = table(page);
    assert_eq!(commands.len(), 5, "the page's table lost a command: {commands:?}");
    for command in commands {
        run(&command);
        run("normgate repo publish norms --keys keys --keys film-club.pem --keys new.pem");
    }
    // The last command ended it all.
    let (_, said) = run("normgate sync -c normgate.toml --store store");
    assert!(said.contains("film-club/night-films 1.1.0 is dropped"), "{said}");
}
