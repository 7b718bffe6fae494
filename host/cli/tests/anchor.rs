//! A ledger gets its head cosigned by itself: by a witness over HTTP, by one behind a folder, and by no hostile one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use normgate_ledger::{Answered, Cosigner, Verifier, Witness};
use normgate_repo::keys::SigningKey;
use support::{ended, folder, normgate, text};

/// A ledger with some lists, and a witness's key.
struct Scene {
    dir: PathBuf,
    ledger: String,
    key: SigningKey,
    public: String,
}

impl Scene {
    fn new(name: &str) -> Self {
        let dir = folder(name);
        let key = dir.join("witness.pem").to_str().unwrap().to_owned();
        ended(0, &["key", "generate", &key]);
        let public = dir.join("witness.pub").to_str().unwrap().to_owned();
        let ledger = dir.join("ledger").to_str().unwrap().to_owned();
        let scene = Self { key: SigningKey::read(key.as_ref()).unwrap(), dir, ledger, public };
        scene.record(&scene.ledger, "r1");
        scene
    }

    fn record(&self, ledger: &str, name: &str) {
        let input = self.dir.join("requests.jsonl");
        let request = format!(r#"{{"id":"{name}","ctx":{{"now_ms":1767225600000,"local_min":600}},"candidates":[]}}"#);
        fs::write(&input, request).unwrap();
        ended(0, &["eval", "-i", input.to_str().unwrap(), "--only", "art09", "--ledger", ledger]);
    }

    fn cosigner(&self) -> Cosigner {
        Cosigner::of(self.key.public.ed25519().unwrap())
    }

    /// What an honest witness answers to a request; it is told the ledger's key.
    fn answer(&self, body: &str) -> (u16, String) {
        let sign = |text: &[u8]| self.key.sign(text);
        let state = self.dir.join("state.json");
        let witness = Witness { cosigner: self.cosigner(), sign: &sign, state: &state };
        let log = Verifier::parse(&fs::read_to_string(format!("{}/ledger.pub", self.ledger)).unwrap()).unwrap();
        match witness.add_checkpoint(body, Some(&log), now_s()) {
            Ok(Answered::Cosigned(line)) => (200, line),
            Ok(Answered::Conflict(size)) => (409, format!("{size}\n")),
            Err(_) => (422, String::new()),
        }
    }

    fn anchor(&self, ledger: &str, witness: &str) -> std::process::Output {
        normgate(&["ledger", "anchor", ledger, "--witness", witness, "--cosigner", &self.public, "--once"])
    }

    /// That an attempt fails, says why, and leaves the ledger without a cosigned head.
    #[track_caller]
    fn refuses(&self, witness: &str, why: &str) {
        let output = self.anchor(&self.ledger, witness);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(why), "{:?}: {said}", output.status);
        let notes = fs::read_dir(format!("{}/checkpoints", self.ledger)).unwrap();
        assert!(!notes.map(|note| note.unwrap().file_name()).any(|name| name.to_string_lossy().contains("cosigned")));
    }
}

fn now_s() -> u64 {
    u64::try_from(normgate::contract::now_ms() / 1_000).unwrap()
}

/// The body of a request.
fn read_request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("POST /log/add-checkpoint HTTP/1.1"), "{head}");
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.unwrap().trim().parse::<usize>().unwrap() {
                return body.to_owned();
            }
        }
        let got = stream.read(&mut part).unwrap();
        assert!(got > 0, "the request ends early");
        bytes.extend_from_slice(&part[..got]);
    }
}

/// A server on loopback that answers as many requests as there are answers, and says what it was asked.
fn serve(answers: Vec<Reply>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/log/", listener.local_addr().unwrap());
    let (asked, heard) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let body = read_request(&mut stream);
            // Not every test wants to know.
            let _ = asked.send(body.clone());
            answer(&body, &mut stream);
        }
    });
    (url, heard)
}

fn reply(stream: &mut TcpStream, status: u16, more: &str, body: &str) {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n", body.len());
    // Who is refused may have gone.
    let _ = stream.write_all((head + body).as_bytes());
}

type Reply = Box<dyn FnOnce(&str, &mut TcpStream) + Send>;

fn saying(status: u16, more: &'static str, body: String) -> Reply {
    Box::new(move |_, stream| reply(stream, status, more, &body))
}

/// An honest witness's replies to a request each.
fn honest(scene: &'static Scene, requests: usize) -> Vec<Reply> {
    let reply_to = || -> Reply {
        Box::new(|body, stream| {
            let (status, answer) = scene.answer(body);
            reply(stream, status, "", &answer);
        })
    };
    (0..requests).map(|_| reply_to()).collect()
}

#[test]
fn a_witness_cosigns_over_http_and_verify_is_anchored() {
    let scene: &Scene = Box::leak(Box::new(Scene::new("anchor/http")));
    let ledger = scene.ledger.as_str();
    let (url, heard) = serve(honest(scene, 1));
    let said = text(&scene.anchor(ledger, &url).stdout);
    assert!(said.contains(" cosigned 3 frames at "), "{said}");
    assert!(heard.recv().unwrap().starts_with("old 0\n\nnormgate-ledger/"), "nothing is to be proven the first time");

    // From the last cosigned head on, with the nodes that show that it is the beginning.
    scene.record(ledger, "r2");
    let (url, heard) = serve(honest(scene, 1));
    assert!(text(&scene.anchor(ledger, &url).stdout).contains(" cosigned 6 frames at "));
    let body = heard.recv().unwrap();
    assert!(body.starts_with("old 3\n") && body.lines().nth(1).is_some_and(|node| !node.is_empty()), "{body}");

    // What this folder has forgotten, the witness knows.
    scene.record(ledger, "r3");
    for file in fs::read_dir(format!("{ledger}/checkpoints")).unwrap().map(|file| file.unwrap().path()) {
        if file.to_string_lossy().contains("cosigned") {
            fs::remove_file(file).unwrap();
        }
    }
    let (url, _) = serve(honest(scene, 2));
    assert!(text(&scene.anchor(ledger, &url).stdout).contains(" cosigned 9 frames at "));

    // With the witness's key, the end is borne out; without it, the ledger's own word on its witnesses is not.
    let verified = ended(0, &["ledger", "verify", ledger, "--cosigner", &scene.public]);
    assert!(verified.contains(" cosigned 9 of 9 frames on ") && verified.contains("0 findings"), "{verified}");
    let verified = ended(3, &["ledger", "verify", ledger]);
    assert!(verified.contains("by the witnesses that the ledger itself names"), "{verified}");
    let stats = ended(0, &["ledger", "stats", ledger]);
    assert!(
        stats.contains("normgate_ledger_anchored_frames 9\n") && stats.contains("normgate_ledger_anchor_old 0\n"),
        "{stats}"
    );
    let (input, file) = (scene.dir.join("requests.jsonl"), scene.dir.join("stats"));
    let other = scene.dir.join("other").to_str().unwrap().to_owned();
    let eval = [
        "eval",
        "-i",
        input.to_str().unwrap(),
        "--only",
        "art09",
        "--ledger",
        &other,
        "--stats",
        file.to_str().unwrap(),
    ];
    ended(0, &eval);
    let stats = fs::read_to_string(&file).unwrap();
    assert!(stats.contains("normgate_ledger_lists_total{level=\"commit\"} 1\n"), "{stats}");
    assert!(stats.contains("normgate_ledger_anchor_old 1\n"), "no witness ever cosigned it: {stats}");
    let report = ended(0, &["report", "self-assessment", ledger]);
    assert!(report.contains(" cosigned 9 of 9 frames on "), "{report}");

    // The end that is cut off without any key is missed.
    let last = fs::read_dir(format!("{ledger}/segments")).unwrap().map(|file| file.unwrap().path()).max().unwrap();
    fs::remove_file(last).unwrap();
    fs::copy(format!("{ledger}/checkpoints/{:012}.cosigned.note", 9), scene.dir.join("kept.note")).unwrap();
    let later = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap() > "000000000006.note";
    let notes = fs::read_dir(format!("{ledger}/checkpoints")).unwrap().map(|file| file.unwrap().path());
    notes.filter(later).for_each(|note| fs::remove_file(note).unwrap());
    ended(3, &["ledger", "verify", ledger]);
    let kept = scene.dir.join("kept.note").to_str().unwrap().to_owned();
    let cut = ended(1, &["ledger", "verify", ledger, "--cosigner", &scene.public, "--cosigned", &kept]);
    assert!(cut.contains("the end of the ledger is missing"), "{cut}");
    // And the witness does not cosign it again.
    let (url, _) = serve(honest(scene, 1));
    let refused = text(&scene.anchor(ledger, &url).stderr);
    assert!(refused.contains("the witness cosigned 9 frames, and 6 are signed here"), "{refused}");
}

#[test]
fn a_hostile_witness_gives_nothing_and_gets_no_more_than_a_request() {
    let scene: &Scene = Box::leak(Box::new(Scene::new("anchor/hostile")));
    // A redirect is not followed, to wherever it leads.
    let (elsewhere, heard) = serve(honest(scene, 1));
    let location: &'static str = Box::leak(format!("Location: {elsewhere}add-checkpoint\r\n").into_boxed_str());
    for status in [301, 302, 307, 308] {
        let (url, _) = serve(vec![saying(status, location, String::new())]);
        scene.refuses(&url, "redirects are not followed");
    }
    assert!(heard.try_recv().is_err(), "the redirect was followed");

    // A body without an end is left, whatever length it claims.
    let endless: Reply = Box::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream.write_all(b"1000\r\n").and_then(|()| stream.write_all(&[b'x'; 4096])).is_ok() {
            if stream.write_all(b"\r\n").is_err() {
                break;
            }
        }
    });
    let (url, _) = serve(vec![endless]);
    scene.refuses(&url, "answered more than 16384 bytes");

    // Another key signs nothing for the one that is pinned.
    let stranger: &Scene = Box::leak(Box::new(Scene::new("anchor/stranger")));
    let by_stranger: Reply = Box::new(|body, stream| {
        let note = body.split_once("\n\n").unwrap().1;
        let sign = |text: &[u8]| stranger.key.sign(text);
        let state = scene.dir.join("stranger.json");
        let witness = Witness { cosigner: stranger.cosigner(), sign: &sign, state: &state };
        let log = Verifier::parse(&fs::read_to_string(format!("{}/ledger.pub", scene.ledger)).unwrap()).unwrap();
        let Answered::Cosigned(line) =
            witness.add_checkpoint(&format!("old 0\n\n{note}"), Some(&log), now_s()).unwrap()
        else {
            panic!("it was never asked before")
        };
        // Under the pinned name too.
        let renamed = line.replace(stranger.cosigner().name(), scene.cosigner().name());
        reply(stream, 200, "", &format!("{line}{renamed}"));
    });
    let (url, _) = serve(vec![by_stranger]);
    scene.refuses(&url, "no cosignature of this checkpoint under the pinned key");

    // A cosignature of an older head, or one of tomorrow, is none of this one.
    let older = scene.answer(&stranger_request(scene)).1;
    scene.record(&scene.ledger, "r2");
    let (url, _) = serve(vec![saying(200, "", older)]);
    scene.refuses(&url, "no cosignature of this checkpoint under the pinned key");
    let ahead: Reply = Box::new(|body, stream| {
        let sign = |text: &[u8]| scene.key.sign(text);
        let state = scene.dir.join("ahead.json");
        let witness = Witness { cosigner: scene.cosigner(), sign: &sign, state: &state };
        let log = Verifier::parse(&fs::read_to_string(format!("{}/ledger.pub", scene.ledger)).unwrap()).unwrap();
        let Answered::Cosigned(line) = witness.add_checkpoint(body, Some(&log), now_s() + 86_400).unwrap() else {
            panic!("it was never asked before")
        };
        reply(stream, 200, "", &line);
    });
    let (url, _) = serve(vec![ahead]);
    scene.refuses(&url, "ahead of this machine's clock");

    // Sizes that are none, or that go on for ever.
    let (url, _) = serve(vec![saying(409, "", "\u{1b}[2J".into())]);
    scene.refuses(&url, "409 without a size");
    let (url, _) = serve(vec![saying(409, "", "0\n".into())]);
    scene.refuses(&url, "it has two histories");
    let (url, _) = serve(vec![saying(409, "", "1\n".into()), saying(409, "", "2\n".into())]);
    scene.refuses(&url, "answered 409");
    let (url, _) = serve(vec![saying(409, "", format!("{}\n", u64::MAX))]);
    scene.refuses(&url, "are signed here");
    for (status, why) in
        [(404, "does not know this log"), (403, "another key"), (422, "history was rewritten"), (500, "500")]
    {
        let (url, _) = serve(vec![saying(status, "", "x".into())]);
        scene.refuses(&url, why);
    }
    // Plain HTTP leaves this machine to nobody.
    for url in ["http://witness.example/log", "http://127.0.0.1.example/", "ftp://127.0.0.1/", "http://[2001:db8::1]/"]
    {
        let output = scene.anchor(&scene.ledger, url);
        assert_eq!(output.status.code(), Some(2), "{url}: {}", text(&output.stderr));
    }
    assert_eq!(scene.anchor(&scene.ledger, "no-such-folder").status.code(), Some(2));
    ended(3, &["ledger", "verify", &scene.ledger]);
}

/// A first request for the head of a ledger as it is now.
fn stranger_request(scene: &Scene) -> String {
    let note = ended(0, &["ledger", "checkpoint", &scene.ledger]);
    format!("old 0\n\n{note}")
}

#[test]
fn a_folder_is_an_exchange_with_a_witness() {
    let scene = Scene::new("anchor/folder");
    let exchange = scene.dir.join("exchange");
    fs::create_dir(&exchange).unwrap();
    let (ledger, folder) = (scene.ledger.as_str(), exchange.to_str().unwrap());
    let file = |name: &str| exchange.join(name).to_str().unwrap().to_owned();
    let (key, state) = (scene.dir.join("witness.pem"), scene.dir.join("by-folder.json"));
    let trusted = format!("{ledger}/ledger.pub");
    let cosign = |proof: bool| {
        let (checkpoint, proof_file) = (file("checkpoint.note"), file("proof.json"));
        let mut args =
            vec!["ledger", "cosign", &checkpoint, "--state", state.to_str().unwrap(), "--key", key.to_str().unwrap()];
        match proof {
            true => args.extend(["--proof", &proof_file]),
            false => args.extend(["--ledger-key", &trusted]),
        }
        fs::write(file("cosigned.note"), ended(0, &args)).unwrap();
    };
    let anchor = || {
        let output = scene.anchor(ledger, folder);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(anchor().contains("nothing was cosigned yet; 3 frames wait in"));
    assert!(!Path::new(&file("proof.json")).exists());
    // What a shell leaves where cosigning failed names its file.
    let public = scene.public.as_str();
    let wrong = normgate(&["ledger", "cosign", ledger, "--state", state.to_str().unwrap(), "--key", public]);
    assert!(text(&wrong.stderr).contains("witness.pub: a public key; give the private one"), "{}", text(&wrong.stderr));
    fs::write(file("cosigned.note"), "").unwrap();
    let empty = text(&scene.anchor(ledger, folder).stderr);
    assert!(empty.contains("cosigned.note: it is empty") && empty.contains("have the witness cosign again"), "{empty}");
    cosign(false);
    assert!(anchor().contains(" cosigned 3 frames at "));
    scene.record(ledger, "r2");
    assert!(anchor().contains("; 6 frames wait in"));
    cosign(true);
    assert!(anchor().contains(" cosigned 6 frames at "));
    ended(0, &["ledger", "verify", ledger, "--cosigner", &scene.public]);

    // A note of another history is not taken, though the witness and the ledger's key signed it.
    let fork = scene.dir.join("fork").to_str().unwrap().to_owned();
    assert!(std::process::Command::new("cp").args(["-r", ledger, &fork]).status().unwrap().success());
    scene.record(&fork, "other");
    scene.record(ledger, "r3");
    anchor();
    fs::write(file("checkpoint.note"), ended(0, &["ledger", "checkpoint", &fork])).unwrap();
    fs::write(file("proof.json"), ended(0, &["ledger", "prove", &fork, "--since", &file("cosigned.note")])).unwrap();
    cosign(true);
    let output = scene.anchor(ledger, folder);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the log has two histories"), "{}", text(&output.stderr));
}

#[test]
fn a_request_is_answered_from_standard_input() {
    let scene = Scene::new("anchor/request");
    let (key, state) = (scene.dir.join("witness.pem"), scene.dir.join("state.json"));
    let request = scene.dir.join("request");
    let trusted = format!("{}/ledger.pub", scene.ledger);
    let args = |request: &Path| {
        [
            "ledger",
            "cosign",
            "--add-checkpoint",
            request.to_str().unwrap(),
            "--state",
            state.to_str().unwrap(),
            "--key",
            key.to_str().unwrap(),
            "--ledger-key",
            &trusted,
        ]
        .map(str::to_owned)
    };
    let run = |code: i32, body: String| {
        fs::write(&request, body).unwrap();
        ended(code, &args(&request).each_ref().map(String::as_str))
    };
    let first = run(0, stranger_request(&scene));
    assert!(first.starts_with("\u{2014} normgate-witness/"), "{first}");
    assert_eq!(run(1, stranger_request(&scene)), "3\n", "the proof begins at what was cosigned last");
    assert_eq!(run(1, stranger_request(&scene).replace("old 0", "old 00")), "");
    assert_eq!(run(1, "old 3\nno node\n\nx\n".into()), "");
}
