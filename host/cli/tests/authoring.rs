//! An association's engineer at work: from an empty folder to a module that was tested and can be built again, with no network.
#![allow(clippy::disallowed_macros, reason = "a test speaks to whoever runs it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::folder;

/// An empty folder, and one that cargo may call its home: nothing of this machine's registry is in reach.
struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Self {
        let folder = folder(&format!("authoring/{name}"));
        std::fs::create_dir_all(folder.join("cargo-home")).unwrap();
        Self { folder: folder.canonicalize().unwrap() }
    }

    fn command(&self, inside: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        command
            .args(args)
            .current_dir(self.folder.join(inside))
            .env("CARGO_HOME", self.folder.join("cargo-home"))
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO")
            .env_remove("RUSTC");
        command
    }

    fn run(&self, inside: &str, args: &[&str]) -> (Option<i32>, String) {
        self.said(self.command(inside, args).output().unwrap())
    }

    /// Exit code and everything that was printed, without this machine's paths and what every build has anew.
    fn said(&self, output: Output) -> (Option<i32>, String) {
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text.replace(&self.folder.display().to_string(), "…"))
    }

    fn started(name: &str, kind: &str) -> Self {
        let bench = Self::new(name);
        let (code, said) = bench.run("", &["new", "norm", "--kind", kind, "--authority", "guild"]);
        assert_eq!(code, Some(0), "{said}");
        bench
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join("norm").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

const MODULE: &str = "target/norm/norm.wasm";

/// One kind of norm, one number changed in its manifest, and a request on which that shows.
fn from_an_empty_folder(kind: &str, from: &str, to: &str, request: &str, action: &str) {
    let bench = Bench::started(&format!("empty-{kind}"), kind);
    let (code, said) = bench.run("norm", &["build"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("guild/norm@1.0.0") && said.contains(" 0 failed"), "{said}");

    // Every threshold, every input and every effect is watched by the cases that come along.
    let (code, said) = bench.run("norm", &["test", "-p", MODULE, "--mutate", "--coverage"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("unnoticed") && !said.contains("NEVER") && !said.contains("never:"), "{said}");

    bench.edit("policy.toml", from, to);
    let (code, said) = bench.run("norm", &["build"]);
    assert_eq!((code, said.contains("FAILED")), (Some(1), true), "{said}");
    let (code, said) = bench.run("norm", &["test", "-p", MODULE, "--accept"]);
    assert_eq!((code, said.contains("now expect what came out")), (Some(0), true), "{said}");
    assert_eq!(bench.run("norm", &["build"]).0, Some(0));

    std::fs::write(bench.folder.join("request.jsonl"), request).unwrap();
    let answer = bench.command("norm", &["eval", "-p", MODULE, "-i", "../request.jsonl"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer["verdicts"][0]["action"], action, "{answer}");
}

#[test]
fn a_content_norm_from_an_empty_folder() {
    let request = r#"{"ctx":{"now_ms":1,"local_min":1270},"provider":{"norms_adopted":["guild/norm"]},"candidates":[{"id":"a","age_rating":"r18"}]}"#;
    from_an_empty_folder("content", "default = 1260", "default = 1290", request, "block");
}

#[test]
fn a_price_norm_from_an_empty_folder() {
    let request = r#"{"ctx":{"now_ms":1,"local_min":1},"provider":{"norms_adopted":["guild/norm"]},"candidates":[{"id":"a","kind":"product_offer","price_fen":900,"offer":{"claim_was_fen":1040,"min_7d_fen":1000}}]}"#;
    from_an_empty_folder("price", "default = 0", "default = 5", request, "allow");
}

#[test]
fn a_dispatch_norm_from_an_empty_folder() {
    let request = r#"{"ctx":{"now_ms":1,"local_min":1},"provider":{"norms_adopted":["guild/norm"]},"candidates":[{"id":"a","kind":"work_order","work":{"day_s":22000,"overtime_ok":false}}]}"#;
    from_an_empty_folder("dispatch", "default = 28800", "default = 21600", request, "block");
}

#[test]
fn a_slate_norm_from_an_empty_folder() {
    let request = r#"{"ctx":{"now_ms":1,"local_min":1},"provider":{"norms_adopted":["guild/norm"]},"candidates":[{"id":"a","rank_pos":1,"author_id":7},{"id":"b","rank_pos":0,"author_id":7}]}"#;
    from_an_empty_folder("slate", "default = 2\n", "default = 1\n", request, "allow");
}

#[test]
fn the_same_sources_make_the_same_bytes_in_any_folder() {
    let (one, other) = (Bench::started("here", "content"), Bench::started("somewhere/else", "content"));
    for bench in [&one, &other] {
        assert_eq!(bench.run("norm", &["build"]).0, Some(0));
    }
    let bytes = |bench: &Bench| std::fs::read(bench.folder.join("norm").join(MODULE)).unwrap();
    assert_eq!(bytes(&one), bytes(&other));

    let module = one.folder.join("norm").join(MODULE).display().to_string();
    let (code, said) = other.run("", &["verify", &module, "--source", "norm"]);
    assert_eq!(code, Some(0), "{said}");

    // Other sources, or types that do not follow from the manifest: said, with what differs.
    other.edit("src/lib.rs", "if early", "if !early");
    let (code, said) = other.run("", &["verify", &module, "--source", "norm"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is not what norm builds") && said.contains("sources  given"), "{said}");
    other.edit("generated/policy.rs", "fn too_early", "fn too_late");
    let (_, said) = other.run("", &["verify", &module, "--source", "norm"]);
    assert!(said.contains("norm/generated/policy.rs is not what this normgate makes of policy.toml"), "{said}");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_the_way_out() {
    let mut sentences = Vec::new();
    let mut broken = |what: &str, file: &str, from: &str, to: &str| {
        let bench = Bench::started(&what.replace(' ', "-"), "content");
        bench.edit(file, from, to);
        let (code, said) = bench.run("norm", &["build"]);
        assert_eq!(code, Some(2), "{what}: {said}");
        // Of the compiler's words only what it says and where; how it draws that is not ours.
        let kept = said.lines().filter(|line| {
            let line = line.trim_start();
            line.starts_with("normgate:")
                || line.starts_with("A column")
                || line.starts_with("error[")
                || line.starts_with("error:")
                || line.starts_with("--> src")
        });
        sentences.push(format!("{what}\n{}", kept.collect::<Vec<_>>().join("\n")));
    };
    broken(
        "a column that there is not",
        "policy.toml",
        "\"candidates.age_rating\"]\n",
        "\"candidates.age_ratings\"]\n",
    );
    broken("a column that is not declared", "src/lib.rs", "item.age_rating()", "item.price_fen()");
    broken("an effect that there is not", "policy.toml", "{ block = \"none\" }", "{ blok = \"none\" }");
    broken("a label that there is not", "policy.toml", "{ block = \"none\" }", "{ label = \"for-adults\" }");
    broken("an effect that is not declared", "src/lib.rs", ".block()", ".demote()");
    broken("a rule that is not declared", "src/lib.rs", "rules.too_early(", "rules.too_late(");
    broken("a parameter out of its range", "policy.toml", "default = 1260", "default = 1500");
    broken("a parameter that there is not", "policy.toml", "{ demote = \"unrated_w\" }", "{ demote = \"unratedw\" }");
    broken("no policy.toml that can be read", "policy.toml", "module = ", "modul = ");
    broken("a stage without a function", "policy.toml", "id = \"unrated\"\n", "id = \"unrated\"\nstage = \"slate\"\n");

    let bench = Bench::started("machine", "content");
    let mut without = |what: &str, change: &dyn Fn(&mut Command)| {
        let mut command = bench.command("norm", &["build"]);
        change(&mut command);
        let (code, said) = bench.said(command.output().unwrap());
        assert_eq!(code, Some(2), "{what}: {said}");
        sentences.push(format!("{what}\n{}", said.trim()));
    };
    without("no Rust", &|command| {
        command.env("PATH", "");
    });
    // A compiler that knows no such target, and nobody who could add it.
    let compiler = bench.folder.join("rustc");
    std::fs::write(&compiler, "#!/bin/sh\necho /nowhere\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&compiler, std::fs::Permissions::from_mode(0o755)).unwrap();
        without("no wasm target", &|command| {
            command.env("RUSTC", &compiler).env("PATH", "/nowhere");
        });
    }
    let mut refused = |what: &str, args: &[&str]| {
        let (code, said) = bench.run("", args);
        assert_eq!(code, Some(2), "{what}: {said}");
        sentences.push(format!("{what}\n{}", said.trim()));
    };
    refused("no project", &["build"]);
    refused("a name that is none", &["new", "Night Films"]);
    refused("a folder that is there", &["new", "norm"]);
    insta::assert_snapshot!(sentences.join("\n\n"));
}

#[test]
fn watching_builds_again_on_every_save() {
    let bench = Bench::started("watch", "content");
    let mut watching = bench.command("norm", &["build", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut until_it_waits =
        || lines.by_ref().take_while(|line| !line.starts_with("watching")).collect::<Vec<_>>().join("\n");
    let first = until_it_waits();
    bench.edit("policy.toml", "default = 1260", "default = 1290");
    let second = until_it_waits();
    // What does not build is said, and watching goes on.
    bench.edit("policy.toml", "default = 1290", "default = 1500");
    let third = until_it_waits();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert!(first.contains(" 0 failed"), "{first}");
    assert!(second.contains("FAILED before the evening") || second.contains("FAILED the evening begins"), "{second}");
    assert!(third.contains("refused: ") && third.contains("policy.toml"), "{third}");
}

#[test]
fn a_norm_is_held_against_the_law() {
    let bench = Bench::started("against", "dispatch");
    assert_eq!(bench.run("norm", &["build"]).0, Some(0));
    // The norm that a dispatch norm starts from asks for what Art 20 asks for already.
    let (code, said) = bench.run("norm", &["check", MODULE, "--against", "arp", "-i", "cases.jsonl"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("norm.long-day: is swallowed") && said.contains("art20.daily-hours"), "{said}");
    // Seven hours instead of eight: it adds what lies between.
    bench.edit("policy.toml", "default = 28800", "default = 25200");
    assert_eq!(bench.run("norm", &["build"]).0, Some(1));
    let (_, said) = bench.run("norm", &["check", MODULE, "--against", "arp"]);
    assert!(said.contains("norm.long-day: overlaps with art20.daily-hours"), "{said}");
    // A norm only tightens.
    bench.edit("policy.toml", "[applies]\n", "[overlays]\n\"art20.day_s\" = 40000\n\n[applies]\n");
    assert_eq!(bench.run("norm", &["build"]).0, Some(1));
    let (_, said) = bench.run("norm", &["check", MODULE, "--against", "arp"]);
    assert!(said.contains("40000 for `art20.day_s` would loosen the value in force"), "{said}");
}

#[test]
fn a_case_is_shown_as_the_module_saw_it_and_in_words() {
    let bench = Bench::started("seen", "price");
    assert_eq!(bench.run("norm", &["build"]).0, Some(0));
    let (_, said) = bench.run("norm", &["test", "-p", MODULE, "--columns", "--explain", "en"]);
    let second = said.split("a fen more than was asked").nth(1).unwrap();
    assert!(second.contains("norm, candidate stage, candidates"), "{said}");
    assert!(second.contains("kind                 product_offer  unlisted"), "{said}");
    assert!(second.contains("offer.claim_was_fen  1001           1001"), "{said}");
    assert!(said.contains("By the sector norm, the former price shown"), "{said}");
}

/// docs/authoring.md, typed as it stands: its commands in order, from an empty folder.
#[test]
fn the_page_for_authors_works_as_it_is_written() {
    let page = include_str!("../../../docs/authoring.md");
    let commands: Vec<&str> = page
        .split("```console\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    assert!(commands.len() > 10, "{commands:?}");
    // What a reader is told will fail must fail, and nothing else may.
    let script: String = commands
        .iter()
        .map(|command| match command.split_once("# fails") {
            Some((command, _)) => format!("if {command}; then exit 3; fi\n"),
            None => format!("{command}\n"),
        })
        .collect();
    let bench = Bench::new("page");
    let program = Path::new(env!("CARGO_BIN_EXE_normgate")).parent().unwrap().display().to_string();
    let mut shell = Command::new("bash");
    let any = bench.command("", &[]);
    shell.envs(any.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for (name, value) in any.get_envs() {
        if value.is_none() {
            shell.env_remove(name);
        }
    }
    // The lists that a reader has and the page cannot.
    let requests =
        r#"{"ctx":{"algo_type":"dispatch","now_ms":1,"local_min":1},"candidates":[{"id":"a","kind":"work_order"}]}"#;
    let script = script.replace("cd rider-hours\n", &format!("cd rider-hours\necho '{requests}' > requests.jsonl\n"));
    shell.current_dir(&bench.folder).env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap()));
    let output = shell.args(["-euc", &script]).output().unwrap();
    let (code, said) = bench.said(output);
    assert_eq!(code, Some(0), "{script}\n{said}");
    assert!(said.contains("overlaps with art20.daily-hours"), "{said}");

    // What the page explains line by line is what a project begins with.
    let fresh = Bench::started("fresh", "dispatch");
    let code = std::fs::read_to_string(fresh.folder.join("norm/src/lib.rs")).unwrap();
    assert!(page.contains(&code), "docs/authoring.md shows another src/lib.rs");
}

/// The contract is no Rust: the same rule in C, against the same manifest, passes the same cases.
#[test]
fn a_twin_in_c_passes_the_same_cases() {
    let bench = Bench::started("twin", "content");
    let c = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/c");
    let core = bench.folder.join("evening.wasm");
    let compiled = Command::new("clang")
        .args(["--target=wasm32", "-O2", "-Wall", "-Werror", "-nostdlib", "-ffreestanding"])
        .arg("-I")
        .arg(&c)
        .args(["-Wl,--no-entry", "-Wl,--strip-all", "-o"])
        .arg(&core)
        .args(["evening.c", "policy.c", "stdlib.c"].map(|file| c.join(file)))
        .output();
    let Ok(compiled) = compiled else {
        eprintln!("skipped: clang is not installed (Debian: clang and lld)");
        return;
    };
    let complaint = String::from_utf8_lossy(&compiled.stderr).into_owned();
    if !compiled.status.success()
        && ["wasm-ld", "target"].iter().any(|part| complaint.contains(part) && !complaint.contains(".c:"))
    {
        eprintln!("skipped: clang cannot link for wasm32 here (Debian: lld): {}", complaint.trim());
        return;
    }
    assert!(compiled.status.success(), "{complaint}");
    let (code, said) = bench.run("norm", &["build", "--core", &core.display().to_string()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("cases    4 passed, 0 failed"), "{said}");
    let (code, said) = bench.run("norm", &["test", "-p", "target/norm/evening.wasm", "--coverage"]);
    assert_eq!((code, said.contains("2 of 2 rules fired, 2 of 2 effects were seen")), (Some(0), true), "{said}");
}
