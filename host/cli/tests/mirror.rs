//! A mirror in a real registry: Debian's docker-registry on this machine, where it is installed.
#![cfg(unix)]
#![allow(clippy::disallowed_macros, reason = "a test speaks to whoever runs it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::folder;

const MODULE: &[u8] = include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm");

struct Registry {
    child: Child,
    port: u16,
}

impl Registry {
    /// Starts a registry in a folder; none where there is no such program.
    fn start(folder: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n",
            folder.join("blobs").display()
        );
        std::fs::write(&config, text).unwrap();
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut child = started.ok()?;
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the registry does not answer");
            assert!(child.try_wait().unwrap().is_none(), "the registry ended at once");
            std::thread::yield_now();
        }
        Some(Self { child, port })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn normgate(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_normgate")).args(args).current_dir(folder).output().unwrap()
}

#[test]
fn a_module_comes_back_by_digest_and_nothing_else_does() {
    let folder = folder("mirror");
    let Some(registry) = Registry::start(&folder) else {
        eprintln!(
            "SKIPPED: docker-registry is not installed, so no mirror was tried; `apt-get install docker-registry` has it"
        );
        return;
    };
    std::fs::write(folder.join("night-films.wasm"), MODULE).unwrap();
    let place = format!("oci://127.0.0.1:{}/norms/night-films", registry.port);
    let pushed = normgate(&folder, &["push", &format!("{place}:1"), "night-films.wasm"]);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let by_digest = String::from_utf8(pushed.stdout).unwrap().trim().to_owned();
    assert!(by_digest.starts_with(&format!("{place}@sha256:")), "{by_digest}");

    let pulled = normgate(&folder, &["pull", &by_digest, "-o", "back.wasm"]);
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    assert_eq!(std::fs::read(folder.join("back.wasm")).unwrap(), MODULE);

    // A tag can be moved.
    let refused = normgate(&folder, &["pull", &format!("{place}:1"), "-o", "tag.wasm"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("a tag can be moved to another module; name the digest"), "{said}");

    // The registry's own files change under the same digest.
    let mut changed = 0;
    for entry in walk(&folder.join("blobs")) {
        if std::fs::read(&entry).unwrap() == MODULE {
            let mut bytes = MODULE.to_vec();
            bytes[100] ^= 1;
            std::fs::write(&entry, bytes).unwrap();
            changed += 1;
        }
    }
    assert_eq!(changed, 1);
    let refused = normgate(&folder, &["pull", &by_digest, "-o", "changed.wasm"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!folder.join("changed.wasm").exists());

    let refused = normgate(&folder, &["push", &format!("{place}:2"), "registry.yml"]);
    assert_eq!(refused.status.code(), Some(2), "what is no component was pushed");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
