//! Servers and directories that do harm before any signature is looked at.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::scene::Scene;

/// What the server does with one file.
#[derive(Clone, Copy)]
pub(crate) enum Harm {
    /// Sends bytes for ever.
    Endless,
    /// Says nothing.
    Silent,
    /// Sends a byte now and then.
    Slow,
    /// Sends whoever asks elsewhere.
    Redirect,
    /// Nothing of the kind.
    None,
}

/// A web server of a folder on this machine, which harms whoever asks for `file`. Its threads end with the test.
fn serve(folder: PathBuf, file: &'static str, harm: Harm) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    serve_on(listener, folder, file, harm);
    url
}

/// The same on a socket that is there already.
pub(crate) fn serve_on(listener: TcpListener, folder: PathBuf, file: &'static str, harm: Harm) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let folder = folder.clone();
            thread::spawn(move || answer(stream, &folder, file, harm));
        }
    });
}

fn answer(mut stream: TcpStream, folder: &std::path::Path, file: &str, harm: Harm) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    while !lines.next()?.ok()?.is_empty() {}
    if path == file {
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{";
        match harm {
            Harm::Endless => {
                stream.write_all(head).ok()?;
                while stream.write_all(&[b' '; 4096]).is_ok() {}
                return None;
            }
            Harm::Silent => {
                // Until the client goes away.
                return lines.next().map(drop);
            }
            Harm::Slow => {
                stream.write_all(head).ok()?;
                while stream.write_all(b" ").is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
                return None;
            }
            Harm::Redirect => {
                let head = "HTTP/1.1 302 Found\r\nlocation: /metadata/1.root.json\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                return stream.write_all(head.as_bytes()).ok();
            }
            Harm::None => {}
        }
    }
    let found = std::fs::read(folder.join(&path));
    let (status, body) = match &found {
        Ok(body) => ("200 OK", &body[..]),
        Err(_) => ("404 Not Found", &b""[..]),
    };
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).ok()?;
    stream.write_all(body).ok()
}

/// A platform that has taken its first state from the directory, and now asks a server.
fn served(name: &str, file: &'static str, harm: Harm) -> Scene {
    let mut scene = Scene::taken(name);
    scene.ship("1.1.0");
    scene.location = serve(scene.path("norms"), file, harm);
    scene.bounds.request = Duration::from_millis(300);
    scene
}

#[test]
fn a_repository_is_taken_from_a_web_server() {
    let mut scene = served("http", "", Harm::None);
    scene.bounds.request = Duration::from_secs(20);
    let synced = scene.sync();
    assert!(synced.switched, "{synced:?}");
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())]);
}

#[test]
fn metadata_without_end_is_cut_off() {
    for (name, file, role) in [
        ("endless-timestamp", "metadata/timestamp.json", "timestamp"),
        ("endless-root", "metadata/2.root.json", "root"),
        ("endless-role", "metadata/2.film-club-modules.json", "film-club-modules"),
    ] {
        let mut scene = served(name, file, Harm::Endless);
        scene.bounds.request = Duration::from_secs(20);
        let sentence = scene.refused();
        let authority = if role == "film-club-modules" { "film-club" } else { "national" };
        let file = file.trim_start_matches("metadata/");
        assert_eq!(
            sentence,
            format!(
                "repository national, authority {authority}, role {role}, file {file}: it is larger than 65536 bytes"
            )
        );
    }
}

#[test]
fn a_module_without_end_is_cut_off_at_its_signed_length() {
    let scene = Scene::taken("endless-module");
    let added = scene.publisher().add_module(
        "club.wasm",
        &crate::scene::club("1.1.0"),
        crate::scene::CASES,
        &Default::default(),
    );
    assert_eq!(added.unwrap().file.release, 2);
    scene.publisher().publish(&scene.all()).unwrap();
    let report = scene.publisher().report().unwrap();
    let name = "film-club/modules/night-films.2.wasm";
    let digest = report.files.iter().find(|listed| listed.file.to_string() == name).unwrap().sha256.clone();
    let file: &'static str = Box::leak(format!("targets/{digest}.{name}").into_boxed_str());
    let mut scene = scene;
    scene.location = serve(scene.path("norms"), file, Harm::Endless);
    let sentence = scene.refused();
    assert!(
        sentence
            .starts_with(&format!("repository national, authority film-club, role film-club-modules, file {name}: ")),
        "{sentence}"
    );
}

#[test]
fn a_server_that_says_nothing_or_too_slowly_is_left() {
    let scene = served("silent", "metadata/timestamp.json", Harm::Silent);
    let sentence = scene.refused();
    assert!(
        sentence.starts_with("repository national, authority national, role timestamp, file timestamp.json: "),
        "{sentence}"
    );
    // Not even a root may be held back in this way: it would pass for one that does not exist.
    let scene = served("slow", "metadata/2.root.json", Harm::Slow);
    let sentence = scene.refused();
    assert!(
        sentence.starts_with("repository national, authority national, role root, file 2.root.json: "),
        "{sentence}"
    );
}

#[test]
fn a_repository_that_takes_too_long_altogether_is_left() {
    let mut scene = served("total", "metadata/timestamp.json", Harm::Slow);
    scene.bounds.request = Duration::from_secs(60);
    scene.bounds.total = Duration::from_millis(400);
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role timestamp, file timestamp.json: the repository took longer than 400ms; the \
         last good generation stays"
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let scene = served("redirect", "metadata/timestamp.json", Harm::Redirect);
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role timestamp, file timestamp.json: the server redirects (302), and no redirect \
         is followed; give its new place as `location`"
    );
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let mut scene = Scene::taken("nobody");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    scene.location = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let sentence = scene.refused();
    assert!(
        sentence.starts_with("repository national, authority national, role root, file 2.root.json: "),
        "{sentence}"
    );
}

#[test]
fn an_oversized_file_in_a_directory_is_not_read() {
    let scene = Scene::taken("oversized");
    std::fs::write(scene.path("norms/metadata/timestamp.json"), vec![b' '; 1 << 20]).unwrap();
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role timestamp, file timestamp.json: it is larger than 65536 bytes"
    );
}

#[test]
fn many_files_are_bounded_together() {
    let mut scene = Scene::taken("altogether");
    scene.ship("1.1.0");
    scene.bounds.altogether = 3_000;
    let sentence = scene.refused();
    assert!(sentence.ends_with("with it, the metadata is larger than 3000 bytes"), "{sentence}");
    let bundle = vec![0; 40_000];
    scene.publisher().add_data("film-club/words", "1", &bundle, &Default::default()).unwrap();
    scene.publisher().publish(&scene.all()).unwrap();
    scene.bounds.altogether = 41_000;
    let synced = scene.sync();
    let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
    assert_eq!(
        error.to_string(),
        "repository national, authority film-club, role film-club-data, file film-club/data/words.1.data: with it, what is \
         to be taken of film-club is larger than 41000 bytes"
    );
    assert_eq!(scene.in_force(), [(2, "1.1.0".to_owned())], "what fits is taken");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_directory_is_not_followed() {
    use std::os::unix::fs::symlink;
    let scene = Scene::taken("links");
    let timestamp = scene.path("norms/metadata/timestamp.json");
    std::fs::rename(&timestamp, scene.path("outside.json")).unwrap();
    symlink(scene.path("outside.json"), &timestamp).unwrap();
    let sentence = scene.refused();
    assert!(
        sentence.starts_with("repository national, authority national, role timestamp, file timestamp.json: "),
        "{sentence}"
    );
    // A link that stays below is as good as a file.
    std::fs::remove_file(&timestamp).unwrap();
    std::fs::copy(scene.path("outside.json"), scene.path("norms/metadata/now.json")).unwrap();
    symlink("now.json", &timestamp).unwrap();
    assert!(scene.sync().refused.is_empty());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_does_not_block() {
    let scene = Scene::taken("pipe");
    let timestamp = scene.path("norms/metadata/timestamp.json");
    std::fs::remove_file(&timestamp).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&timestamp).status().unwrap().success());
    assert_eq!(
        scene.refused(),
        "repository national, authority national, role timestamp, file timestamp.json: it is no regular file"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_file_that_is_fetched_keeps_nobody_waiting() {
    // A link that stays below is followed, so that a pipe may stand at its end, too.
    for through_a_link in [false, true] {
        let scene = Scene::new(&format!("pipe-fetched-{through_a_link}"));
        let modules = std::fs::read_dir(scene.path("norms/targets")).unwrap().map(|entry| entry.unwrap().path());
        let folder = modules.map(|digest| digest.join("modules")).find(|folder| {
            std::fs::read_dir(folder)
                .unwrap()
                .any(|entry| entry.unwrap().path().extension().is_some_and(|e| e == "wasm"))
        });
        let module = folder.unwrap().join("night-films.1.wasm");
        std::fs::remove_file(&module).unwrap();
        let pipe = if through_a_link { module.with_file_name("pipe") } else { module.clone() };
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        if through_a_link {
            std::os::unix::fs::symlink("pipe", &module).unwrap();
        }
        let synced = scene.sync();
        let [(_, error)] = &synced.refused[..] else { panic!("{synced:?}") };
        let why = "file film-club/modules/night-films.1.wasm: it is no regular file";
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_store_leads_nowhere() {
    use std::os::unix::fs::symlink;
    let scene = Scene::taken("store-link");
    std::fs::create_dir(scene.path("elsewhere")).unwrap();
    std::fs::remove_dir_all(scene.path("store/modules")).unwrap();
    symlink(scene.path("elsewhere"), scene.path("store/modules")).unwrap();
    let error = scene.store().generation().unwrap_err().to_string();
    assert!(error.contains("store/modules/"), "{error}");
    assert_eq!(std::fs::read_dir(scene.path("elsewhere")).unwrap().count(), 0);
}
