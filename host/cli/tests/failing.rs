//! `eval` when something fails around it: descriptors, address space, a module, a signal. What was judged is told, and nothing is withheld
//! that no rule could concern.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use normgate_ledger::{Against, History};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::{film_club, folder, text};

/// A feed in which no shipped rule finds anything to withhold.
fn request(number: usize) -> String {
    let rows = ["a", "b"].map(|id| {
        json!({"id": id, "kind": "short_video", "scan_state": "done", "signals": [], "news": {"is_news": false},
               "aigc": {"meta_label": "none"}, "age_rating": "r18"})
    });
    let request = json!({
        "id": format!("r{number}"), "candidates": rows,
        "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "surface": "feed", "can_render_labels": true},
        "user": {"age_band": "a18_60", "age_assurance": "id_verified"},
    });
    format!("{request}\n")
}

fn requests(dir: &Path, count: usize) -> String {
    let path = dir.join("requests.jsonl");
    fs::write(&path, (0..count).map(request).collect::<String>()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What the command does after a line of the shell.
fn after(line: &str, args: &[&str]) -> Output {
    let script = format!("{line}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_normgate")]).args(args).stdin(Stdio::null());
    command.output().unwrap()
}

/// A module whose answers are none as soon as its rule fires, and that holds what it might have withheld.
fn broken(dir: &Path) -> String {
    let module = film_club(|manifest| {
        manifest["on_failure"] = "hold".into();
        let rule = &mut manifest["rules"][0];
        rule["level"] = "request".into();
        rule["effects"] = json!([{"obligation": {"code": "review.human"}}, {"block": "none"}]);
    });
    let path = dir.join("broken.wasm");
    fs::write(&path, module).unwrap();
    path.to_str().unwrap().to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn with_few_descriptors_it_refuses_by_the_limits_name_or_judges_as_ever() {
    let dir = folder("failing/descriptors");
    let input = requests(&dir, 3);
    let ledger = dir.join("ledger");
    let recorded = ["eval", "-i", &input, "--ledger", ledger.to_str().unwrap()];
    for args in [&recorded[..3], &recorded] {
        let whole = after("true", args);
        assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
        let mut outcomes = Vec::new();
        // Below four the loader does not find its libraries.
        for limit in 4..=48 {
            let _ = fs::remove_dir_all(&ledger);
            let output = after(&format!("ulimit -n {limit}"), args);
            let said = text(&output.stderr);
            outcomes.push(output.status.code());
            match output.status.code() {
                Some(0) => assert_eq!(output.stdout, whole.stdout, "{limit}"),
                Some(2) => {
                    assert!(whole.stdout.starts_with(&output.stdout), "{limit}: {}", text(&output.stdout));
                    let named = format!("this process may have {limit} files open at a time (`ulimit -n`)");
                    assert!(said.lines().last().is_some_and(|line| line.contains(&named)), "{limit}: {said}");
                }
                other => panic!("{limit}: {other:?} {said}"),
            }
        }
        assert!(outcomes.contains(&Some(0)) && outcomes.contains(&Some(2)), "{outcomes:?}");
        assert!(outcomes.is_sorted_by_key(|code| *code == Some(0)), "{outcomes:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn address_space_is_a_setting_and_the_error_names_it() {
    let dir = folder("failing/address-space");
    let input = requests(&dir, 3);
    let (pooled, on_demand, module) = (dir.join("pooled.toml"), dir.join("on-demand.toml"), dir.join("m.wasm"));
    fs::write(&pooled, "[sandbox]\nallocation = \"pooled\"\n").unwrap();
    fs::write(&on_demand, "[sandbox]\nallocation = \"on-demand\"\n").unwrap();
    fs::write(&module, film_club(|_| {})).unwrap();
    let [pooled, on_demand, module] = [&pooled, &on_demand, &module].map(|path| path.to_str().unwrap());
    let plain = ["eval", "-i", &input];
    let whole = after("true", &plain);
    let eight_gigabytes = "ulimit -v 8000000";
    for (line, args) in [
        (eight_gigabytes, &plain[..]),
        (eight_gigabytes, &[&plain[..], &["-c", pooled]].concat()),
        (&*format!("{eight_gigabytes}; export NORMGATE_ALLOCATION=pooled"), &plain),
    ] {
        let output = after(line, args);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("set allocation = \"on-demand\" under [sandbox]"), "{said}");
        assert!(said.contains("NORMGATE_ALLOCATION=on-demand"), "{said}");
    }
    for (line, args) in [
        (eight_gigabytes, &[&plain[..], &["-c", on_demand]].concat()),
        (&*format!("{eight_gigabytes}; export NORMGATE_ALLOCATION=on-demand"), &plain.to_vec()),
    ] {
        let output = after(line, args);
        assert_eq!((output.status.code(), &output.stdout), (Some(0), &whole.stdout), "{}", text(&output.stderr));
        // A stranger's module too, which a child compiles.
        let theirs = [&args[..], &["-p", module]].concat();
        let output = after(&format!("{line}; export NORMGATE_CACHE=off"), &theirs);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let tiny = after("ulimit -v 2000000; export NORMGATE_ALLOCATION=on-demand", &plain);
    assert!(text(&tiny.stderr).contains("of address space (`ulimit -v`), of which a call takes about 4 GiB"));
    let wrong = after("export NORMGATE_ALLOCATION=swap", &plain);
    let said = text(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said.contains("invalid NORMGATE_ALLOCATION `swap`: expected pooled or on-demand"), "{said}");
}

#[test]
fn a_file_is_judged_the_same_every_time_and_failures_are_counted() {
    let dir = folder("failing/again");
    let (input, module) = (requests(&dir, 100), broken(&dir));
    let config = dir.join("normgate.toml");
    fs::write(&config, "[breaker]\nfailures = 2\nbackoff_ms = 1\n").unwrap();
    let args = ["eval", "-p", &module, "-c", config.to_str().unwrap(), "-i"];
    let count = "failed (garbage 100): not heard 100 times in 100 lists, 200 rows withheld for it";
    let runs = [&input, "-", &input].map(|from| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        command.args(args).arg(from).stdin(fs::File::open(&input).unwrap());
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(!said.contains("breaker open"), "{said}");
        assert_eq!(said.lines().filter(|line| line.contains(count)).count(), 1, "{said}");
        // The first, the second, the fourth…
        assert_eq!(said.lines().filter(|line| line.contains("module failed")).count(), 7, "{said}");
        output.stdout
    });
    assert!(!text(&runs[0]).contains("not asked") && runs.iter().all(|run| *run == runs[0]));

    // What comes through a pipe is live: there a breaker spares what waits, with one line when it opens.
    fs::write(&config, "[breaker]\nfailures = 2\nbackoff_ms = 600000\n").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_normgate"))
        .args(args)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding =
        std::thread::spawn(move || (0..100).try_for_each(|number| stdin.write_all(request(number).as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("breaker open")).count(), 1, "{said}");
    assert!(said.contains("failed (garbage 2): not heard 100 times in 100 lists, 200 rows withheld"), "{said}");
    assert_eq!(text(&output.stdout).matches("not asked").count(), 98);
}

/// A shell starts what runs beside it with signals ignored, and the command leaves these so.
#[allow(unsafe_code, reason = "the default action of a signal is set through libc")]
fn heed(command: &mut Command, signal: i32) {
    // SAFETY: between fork and exec nothing is called but `signal`, which may be.
    unsafe {
        command.pre_exec(move || {
            libc::signal(signal, libc::SIG_DFL);
            Ok(())
        });
    }
}

#[test]
fn a_signal_ends_it_in_order() {
    let dir = folder("failing/signals");
    for (signal, number) in [(Signal::TERM, 15), (Signal::INT, 2), (Signal::HUP, 1)] {
        let [ledger, stats, diff] = ["ledger", "stats", "diff"].map(|name| dir.join(format!("{name}-{number}")));
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        command
            .args(["eval", "--only", "art09", "--ledger"])
            .arg(&ledger)
            .arg("--stats")
            .arg(&stats)
            .arg("--diff")
            .arg(&diff)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        heed(&mut command, number);
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        stdin.write_all(request(0).as_bytes()).unwrap();
        assert!(answers.next().unwrap().unwrap().contains("\"id\":\"r0\""));
        // The beginning of a line is nobody's request.
        stdin.write_all(b"{\"id\":").unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(answers.map_while(Result::ok).count(), 0);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(number), "whoever started it learns what ended it");
        assert!(text(&output.stderr).contains("ended by a signal after line"), "{}", text(&output.stderr));
        drop(stdin);
        assert!(fs::read_to_string(&stats).unwrap().contains("normgate_requests_total"));
        assert!(fs::read_to_string(&stats).unwrap().contains("normgate_ledger_"));
        serde_json::from_str::<Value>(&fs::read_to_string(&diff).unwrap()).unwrap();
        // Closed in order: the list is there, and whoever opens it next finds no gap.
        fs::write(dir.join("one.jsonl"), request(1)).unwrap();
        let input = dir.join("one.jsonl");
        let again = ["eval", "--only", "art09", "-i", input.to_str().unwrap(), "--ledger", ledger.to_str().unwrap()];
        support::ended(0, &again);
        let verified = History::open(&ledger).unwrap().verify(&Against::default()).unwrap();
        assert_eq!((verified.full + verified.commit, verified.findings.len()), (2, 0));
        assert!(!verified.notes.iter().any(|note| note.contains("missing")), "{:?}", verified.notes);
    }
}

#[test]
fn who_reads_no_more_ends_it_in_order_too() {
    let dir = folder("failing/closed-pipe");
    let (ledger, stats) = (dir.join("ledger"), dir.join("stats"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_normgate"))
        .args(["eval", "--only", "art09", "--ledger"])
        .arg(&ledger)
        .arg("--stats")
        .arg(&stats)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    stdin.write_all(request(0).as_bytes()).unwrap();
    answers.read_line(&mut String::new()).unwrap();
    drop(answers);
    stdin.write_all(request(1).as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(13));
    assert!(fs::read_to_string(&stats).unwrap().contains("normgate_ledger_"));
    let verified = History::open(&ledger).unwrap().verify(&Against::default()).unwrap();
    assert_eq!((verified.full + verified.commit, verified.findings.len()), (2, 0));
}
