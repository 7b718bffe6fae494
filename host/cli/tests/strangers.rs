//! What strangers hand over: sources to build again, modules to compile. Neither reaches further than it should.
#![allow(clippy::disallowed_macros, reason = "a test says why it is skipped")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{folder, text};

/// A norm as its author built it, and the folder that a stranger makes of it.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Self {
        let scene = Self(folder(&format!("strangers/{name}")).canonicalize().unwrap());
        let said = scene.ended(0, &["new", "norm", "--authority", "guild"]);
        assert!(said.contains("norm of guild"), "{said}");
        scene.ended(0, &["build", "norm"]);
        std::fs::copy(scene.path("norm/target/norm/norm.wasm"), scene.path("given.wasm")).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        command.args(args).current_dir(&self.0).env_remove("CARGO_TARGET_DIR").env_remove("CARGO").env_remove("RUSTC");
        command
    }

    fn ended(&self, code: i32, args: &[&str]) -> String {
        said(code, &mut self.command(args))
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let known = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(known.contains(from), "{file} has no `{from}`");
        self.write(file, &known.replace(from, to));
    }

    fn verify(&self) -> Command {
        // Where the system has no sandbox, the rest holds as well.
        self.command(&["verify", "given.wasm", "--source", "norm", "--trust-source"])
    }

    /// A program that leaves a trace when it is run.
    fn trap(&self) -> String {
        let path = self.path("trap.sh").display().to_string();
        std::fs::write(&path, format!("#!/bin/sh\n{}\nexit 1\n", self.trace())).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }

    /// The line of a shell script that leaves the trace.
    fn trace(&self) -> String {
        format!("echo caught > {}", self.path("trace").display())
    }

    fn is_untouched(&self) -> bool {
        !self.path("trace").exists()
    }
}

/// What a command printed that ends so.
fn said(code: i32, command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    said
}

#[test]
fn what_cargo_would_obey_in_a_folder_is_refused_by_name() {
    let scene = Scene::new("obeyed");
    let trap = scene.trap();
    let build_script = format!("fn main() {{ std::fs::write({:?}, \"caught\").unwrap(); }}", scene.path("trace"));
    let settings = format!(
        "[build]\nrustc-wrapper = {trap:?}\nrustc = {trap:?}\n[target.wasm32-unknown-unknown]\nlinker = {trap:?}\nrunner = {trap:?}\n"
    );
    let toolchain = format!("[toolchain]\npath = {:?}\n", scene.0);
    for (file, text) in [
        ("build.rs", &build_script),
        (".cargo/config.toml", &settings),
        (".cargo/config", &settings),
        ("rust-toolchain.toml", &toolchain),
        ("rust-toolchain", &toolchain),
    ] {
        scene.write(&format!("norm/{file}"), text);
        let top = file.split('/').next().unwrap();
        for mut command in [scene.verify(), scene.command(&["build", "norm"])] {
            let said = said(2, &mut command);
            assert!(said.contains(&format!("norm/{top}: cargo would obey it")), "{file}: {said}");
        }
        let path = scene.path("norm").join(top);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
    // Each of these would have a build script run, or code from elsewhere be compiled.
    scene.write("norm/other/Cargo.toml", "[package]\nname = \"other\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
    scene.write("norm/other/src/lib.rs", "");
    scene.write("norm/other/build.rs", &build_script);
    let good = std::fs::read_to_string(scene.path("norm/Cargo.toml")).unwrap();
    for (what, lines) in [
        ("build-dependencies", "[build-dependencies]\nother = { path = \"other\" }"),
        ("target", "[target.'cfg(all())'.dependencies]\nother = { path = \"other\" }"),
        ("patch", "[patch.crates-io]\nother = { path = \"other\" }"),
        ("dev-dependencies", "[dev-dependencies]\nother = { path = \"other\" }"),
    ] {
        scene.write("norm/Cargo.toml", &format!("{good}\n{lines}\n"));
        let said = said(2, &mut scene.verify());
        assert!(said.contains("norm/Cargo.toml") && said.contains(&format!("`{what}` is not taken")), "{said}");
    }
    for (what, from, to) in [
        ("dependencies", "{ path = \"sdk\" }", "{ path = \"sdk\" }\nother = { path = \"other\" }"),
        ("package.build", "publish = false", "publish = false\nbuild = \"other/build.rs\""),
        ("lib", "crate-type = [\"cdylib\"]", "proc-macro = true"),
    ] {
        assert!(good.contains(from));
        scene.write("norm/Cargo.toml", &good.replace(from, to));
        let said = said(2, &mut scene.verify());
        assert!(said.contains("norm/Cargo.toml") && said.contains(&format!("`{what}`")), "{said}");
    }
    assert!(scene.is_untouched(), "something of the folder ran");
}

#[test]
fn nothing_around_a_build_is_obeyed() {
    let scene = Scene::new("around");
    let trap = scene.trap();
    let settings = format!("[build]\nrustc-wrapper = {trap:?}\nrustc = {trap:?}\n[net]\noffline = false\n");
    // Above the sources, above the folder that is built in, and where cargo keeps its own.
    for place in ["", "temporary/", "home/"] {
        scene.write(&format!("{place}.cargo/config.toml"), &settings);
    }
    scene.write("home/config.toml", &settings);
    scene.write("rust-toolchain.toml", "[toolchain]\nchannel = \"no-such-channel\"\n");
    let mut verify = scene.verify();
    verify
        .env("TMPDIR", scene.path("temporary"))
        .env("CARGO_HOME", scene.path("home"))
        .env("RUSTC_WRAPPER", &trap)
        .env("RUSTC_WORKSPACE_WRAPPER", &trap)
        .env("CARGO_BUILD_RUSTC", &trap)
        .env("CARGO_PROFILE_GUEST_OPT_LEVEL", "0")
        .env("RUSTFLAGS", format!("-Clinker={trap}"));
    let said = said(0, &mut verify);
    assert!(said.contains("given.wasm is what norm builds"), "{said}");
    assert!(scene.is_untouched(), "something around the build ran");
}

#[test]
fn what_this_program_carries_is_not_taken_from_a_stranger() {
    let scene = Scene::new("carried");
    let build_script = format!("fn main() {{ std::fs::write({:?}, \"caught\").unwrap(); }}", scene.path("trace"));
    scene.write("norm/sdk/build.rs", &build_script);
    scene.edit("norm/sdk/src/lib.rs", "mod answer;", "compile_error!(\"another SDK\");");
    scene.write("norm/generated/policy.rs", "compile_error!(\"other types\");");
    scene.edit("norm/Cargo.lock", "0.1.0", "6.6.6");
    let said = said(0, &mut scene.verify());
    for file in ["sdk/src/lib.rs", "generated/policy.rs", "Cargo.lock"] {
        assert!(said.contains(&format!("norm/{file} is not what this normgate makes")), "{said}");
    }
    assert!(said.contains("given.wasm is what norm builds"), "{said}");
    assert!(scene.is_untouched(), "the build script of another SDK ran");
}

#[cfg(unix)]
#[test]
fn no_link_leads_elsewhere() {
    use std::os::unix::fs::symlink;
    let scene = Scene::new("links");
    scene.write("elsewhere/file", "what somebody else keeps");
    for link in [
        "src/more.rs",
        "src/lib.rs",
        "src",
        "policy.toml",
        "Cargo.toml",
        "Cargo.lock",
        "generated/policy.rs",
        "generated",
        "sdk/src/lib.rs",
        "sdk",
        "target/norm/norm.wasm",
        "target/norm",
        "target",
        "cases.jsonl",
        "VOCABULARY.md",
    ] {
        let (path, kept) = (scene.path("norm").join(link), scene.path("kept"));
        let was_there = path.exists();
        if was_there {
            std::fs::rename(&path, &kept).unwrap();
        }
        let to = if kept.is_dir() { scene.path("elsewhere") } else { scene.path("elsewhere/file") };
        symlink(&to, &path).unwrap();
        let said = said(2, &mut scene.command(&["build", "norm"]));
        assert!(
            said.contains(&format!("norm/{link}: it is a link")) || said.contains("it is no regular file"),
            "{link}: {said}"
        );
        std::fs::remove_file(&path).unwrap();
        if was_there {
            std::fs::rename(&kept, &path).unwrap();
        }
        let left: Vec<_> =
            std::fs::read_dir(scene.path("elsewhere")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["file"], "{link}");
        assert_eq!(
            std::fs::read_to_string(scene.path("elsewhere/file")).unwrap(),
            "what somebody else keeps",
            "{link}"
        );
    }
    scene.ended(0, &["build", "norm"]);
    // A pipe would be waited for.
    let pipe = scene.path("norm/src/pipe.rs");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = said(2, &mut scene.verify());
    assert!(said.contains("src/pipe.rs: it is no regular file"), "{said}");
}

#[test]
fn the_compiler_reads_the_sources_and_nothing_of_the_machine() {
    let scene = Scene::new("reads");
    scene.write("secret.txt", "of the machine");
    scene.write("secret.rs", "pub const SECRET: u32 = 7;");
    scene.write("norm/notes.txt", "beside the sources");
    let confined = !text(&scene.command(&["verify", "given.wasm", "--source", "norm"]).output().unwrap().stderr)
        .contains("no sandbox");
    let original = std::fs::read_to_string(scene.path("norm/src/lib.rs")).unwrap();
    let reads = |line: &str, needs_sandbox: bool| {
        if needs_sandbox && !confined {
            return eprintln!("skipped without a sandbox: {line}");
        }
        scene.write("norm/src/lib.rs", &format!("{original}\n{line}\n"));
        let mut verify = scene.verify();
        let said = said(2, verify.env("NORMGATE_TEST_SECRET", "of the environment"));
        assert!(said.contains("building `norm` failed"), "{line}: {said}");
        assert!(!said.contains("of the machine") && !said.contains("of the environment"), "{line}: {said}");
    };
    let there = |file: &str| scene.path(file).display().to_string();
    reads(&format!("const _: &str = include_str!({:?});", there("secret.txt")), true);
    reads(&format!("#[path = {:?}] mod secret;", there("secret.rs")), true);
    reads("const _: &str = include_str!(\"/etc/passwd\");", true);
    reads("const _: &[u8] = include_bytes!(\"/proc/self/environ\");", true);
    reads("const _: &str = include_str!(\"../notes.txt\");", false);
    reads("const _: &str = env!(\"NORMGATE_TEST_SECRET\");", false);
    // What lies among the sources is theirs to read.
    scene.write("norm/src/words.txt", "words");
    scene.write("norm/src/lib.rs", &format!("{original}\nconst _: &str = include_str!(\"words.txt\");\n"));
    let said = said(1, &mut scene.verify());
    assert!(said.contains("given.wasm is not what norm builds"), "{said}");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::unix::process::CommandExt;
    use std::process::Stdio;

    use seccompiler::{SeccompAction, SeccompFilter, apply_filter};

    use super::*;

    /// The same command on a kernel without Landlock.
    #[allow(unsafe_code, reason = "a child is changed before it runs")]
    fn without_landlock(mut command: Command) -> Command {
        let calls = [(444, Vec::new())].into_iter().collect();
        let missing = SeccompAction::Errno(libc::ENOSYS as u32);
        let filter =
            SeccompFilter::new(calls, SeccompAction::Allow, missing, std::env::consts::ARCH.try_into().unwrap());
        let filter: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
        // SAFETY: the filter was made before; setting it is two calls of the system.
        unsafe { command.pre_exec(move || apply_filter(&filter).map_err(std::io::Error::other)) };
        command
    }

    #[test]
    fn without_a_sandbox_verify_says_so_and_wants_to_be_told() {
        let scene = Scene::new("no-sandbox");
        let verify = |more: &[&str]| {
            without_landlock(scene.command(&[&["verify", "given.wasm", "--source", "norm"], more].concat()))
        };
        let refused = said(2, &mut verify(&[]));
        assert!(refused.contains("no sandbox to compile") && refused.contains("--trust-source"), "{refused}");
        let trusted = said(0, &mut verify(&["--trust-source"]));
        assert!(trusted.contains("given.wasm is what norm builds"), "{trusted}");
        // An author's own folder is built, with a word.
        let built = said(0, &mut without_landlock(scene.command(&["build", "norm"])));
        assert!(built.contains("no sandbox to compile in") && built.contains(" 0 failed"), "{built}");
    }

    #[test]
    fn what_a_build_starts_has_no_network_and_writes_nowhere_else() {
        let scene = Scene::new("confined");
        scene.write("inside/file", "");
        scene.write("outside", "what was there");
        let confined = |script: &str| {
            let mut args = vec!["run-confined"];
            for path in ["/bin", "/usr", "/lib", "/lib64", "/etc/ld.so.cache"] {
                args.extend(["--read", path]);
            }
            scene.command(&args).args(["--write", "inside", "--", "/bin/bash", "-c", script]).output().unwrap()
        };
        let output = confined("echo more > inside/new && cat inside/new");
        if text(&output.stderr).contains("there is no sandbox here") {
            return eprintln!("skipped: {}", text(&output.stderr));
        }
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "more\n".into()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for script in [
            format!("exec 3<>/dev/tcp/127.0.0.1/{port}"),
            format!("exec 3<>/dev/udp/127.0.0.1/{port}"),
            "cat outside".into(),
            "echo > outside".into(),
            "echo > new".into(),
            "rm outside".into(),
            "mv inside/file moved".into(),
            "cat /etc/passwd".into(),
            "cat /proc/self/environ".into(),
            "ls ~".into(),
        ] {
            assert_ne!(confined(&script).status.code(), Some(0), "{script}");
        }
        assert_eq!(std::fs::read_to_string(scene.path("outside")).unwrap(), "what was there");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "somebody called");
    }

    #[test]
    fn the_child_that_compiles_has_given_up_its_rights_before_it_reads() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        command.arg("compile-module").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        if Path::new("/proc/sys/kernel/seccomp/actions_avail").exists() {
            let of_child = format!("/proc/{}", child.id());
            let status = || std::fs::read_to_string(format!("{of_child}/status")).unwrap();
            // It waits for the module now, or will; nothing else ends it.
            while !status().contains("Seccomp:\t2") {
                assert!(child.try_wait().unwrap().is_none(), "it ended before it gave up anything");
                std::thread::yield_now();
            }
            assert!(status().contains("NoNewPrivs:\t1"), "{}", status());
            let limits = std::fs::read_to_string(format!("{of_child}/limits")).unwrap();
            let limit = |name: &str| {
                let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
                line[name.len()..].split_whitespace().next().unwrap().to_owned()
            };
            assert_eq!(limit("Max file size"), "0");
            assert_eq!(limit("Max data size"), (2u64 << 30).to_string());
        }
        // What is left is enough to compile.
        let module = include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm");
        child.stdin.take().unwrap().write_all(module).unwrap();
        let mut artifact = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut artifact).unwrap();
        let complaint = child.wait_with_output().unwrap();
        assert!(complaint.status.success(), "{}", text(&complaint.stderr));
        assert!(artifact.starts_with(b"\x7fELF"), "no artifact");
    }
}

/// A module whose manifest is as it should be and whose code is not: the compiler refuses it.
fn uncompilable(scene: &Scene) -> String {
    let section = |id: u8, content: &[u8]| [&[id, content.len() as u8][..], content].concat();
    // A function of no result that leaves one.
    let code = section(10, &[1, 4, 0, 0x41, 0, 0x0b]);
    let core = [b"\0asm\x01\0\0\0".to_vec(), section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), code].concat();
    let manifest = br#"{"contract":"normgate:policy@0.1.0","id":"stranger/odd","module":"odd","version":"1.0.0","title":{"zh":"x","en":"x"},
        "law":"other","on_failure":"allow","request":[],"frames":[],"parameters":[],"rules":[{"id":"odd.rule","stage":"candidate",
        "level":"row","modality":"should","basis":"none","source":"engineering","verified":false,"audience":"viewer",
        "sentence":{"zh":"x","en":"x"},"remedy":{"zh":"x","en":"x"},"wording":"draft","effects":[{"label":"ad"}]}]}"#;
    let mut component = [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &core)].concat();
    normgate_package::set_section(&mut component, "normgate:manifest", manifest);
    std::fs::write(scene.path("odd.wasm"), component).unwrap();
    "odd.wasm".into()
}

#[test]
fn authors_commands_compile_strangers_modules_in_the_child_too() {
    let scene = Scene(folder("strangers/child").canonicalize().unwrap());
    let odd = uncompilable(&scene);
    std::fs::write(scene.path("film.wasm"), include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm")).unwrap();
    scene.write(
        "cases.jsonl",
        r#"{"case":"one","request":{"ctx":{"now_ms":1,"local_min":1},"candidates":[]},"expect":{}}"#,
    );
    let tested = scene.ended(1, &["test", "-p", &odd]);
    assert!(tested.contains("the compiler refused it: "), "{tested}");
    let checked = scene.ended(2, &["check", "film.wasm", "--against", &odd]);
    assert!(checked.contains("the compiler refused it: "), "{checked}");
}

/// A cache of somebody else, or none at all: every module is compiled, and nothing is left behind.
#[cfg(unix)]
#[test]
fn only_a_cache_of_our_own_is_used() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene(folder("strangers/cache").canonicalize().unwrap());
    std::fs::write(scene.path("film.wasm"), include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm")).unwrap();
    let kept = || std::fs::read_dir(scene.path("cache/normgate")).map(Iterator::count).unwrap_or(0);
    let check = |variable: (&str, &str)| {
        let mut command = scene.command(&["check", "film.wasm"]);
        said(0, command.env("XDG_CACHE_HOME", scene.path("cache")).env(variable.0, variable.1))
    };
    check(("NORMGATE_CACHE", "off"));
    let odd = check(("NORMGATE_CACHE", "on"));
    assert!(odd.contains("invalid NORMGATE_CACHE `on`: expected off"), "{odd}");
    assert_eq!(kept(), 0);
    check(("X", ""));
    assert_eq!(kept(), 2, "an artifact and the key");
    for entry in std::fs::read_dir(scene.path("cache/normgate")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // As root in the cache folder of somebody else.
    std::fs::remove_dir_all(scene.path("cache")).unwrap();
    std::fs::create_dir(scene.path("cache")).unwrap();
    if std::os::unix::fs::chown(scene.path("cache"), Some(12345), None).is_err() {
        return eprintln!("skipped: only root can have a folder that belongs to somebody else");
    }
    let foreign = check(("X", ""));
    assert!(foreign.contains("compiling without a cache") && foreign.contains("belongs to user 12345"), "{foreign}");
    assert_eq!(kept(), 0);
}
