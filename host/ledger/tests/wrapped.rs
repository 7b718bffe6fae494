//! Keys that a command of the platform wraps. This program is that command too, so that no shell and no other program is needed:
//! called with `wrap` or `unwrap` it turns every byte of its standard input around.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use normgate::{Batch, Gate, embedded};
use normgate_ledger::{Against, Case, History, KeySettings, Ledger, LedgerError, Query, Settings, WrapCommand};
use support::folder;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "wrap" || argument == "unwrap") {
        Some(task) => answer(&arguments[1..task], &arguments[task..]),
        None => run(&arguments[1..]),
    }
}

/// Does what the command is asked, in the way that its first argument says.
fn answer(how: &[String], task: &[String]) {
    let [task, name] = task else { panic!("{task:?}") };
    let how = how.first().map_or("right", String::as_str);
    let mut key = Vec::new();
    std::io::stdin().read_to_end(&mut key).unwrap();
    assert!(task == "unwrap" || key.len() == 32);
    assert!(!name.contains('/') && !name.ends_with(".key"), "{name}");
    match how {
        "counted" => {
            let log = PathBuf::from(std::env::args().nth(2).unwrap());
            let mut log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
            writeln!(log, "{task} {name}").unwrap();
        }
        "failing" => std::process::exit(3),
        "long" => key = vec![7; 5_000],
        "forgetful" if task == "unwrap" => key[0] ^= 1,
        "short" if task == "unwrap" => drop(key.pop()),
        "in-the-clear" => return std::io::stdout().write_all(&key).unwrap(),
        _ => {}
    }
    key.iter_mut().for_each(|byte| *byte = !*byte);
    std::io::stdout().write_all(&key).unwrap();
}

/// Runs the tests that are asked for.
fn run(arguments: &[String]) {
    let tests: [(&str, fn()); 6] = [
        ("wrapped_keys_open_with_their_command_alone", wrapped_keys_open_with_their_command_alone),
        ("a_script_is_a_command_too", a_script_is_a_command_too),
        ("the_command_is_asked_once_a_key", the_command_is_asked_once_a_key),
        ("a_command_that_does_wrong_is_refused_before_anything_is_sealed", wrong_commands_are_refused),
        ("a_command_that_dies_loses_nothing_silently", a_command_that_dies_loses_nothing_silently),
        ("a_program_that_others_could_exchange_is_refused", exchangeable_programs_are_refused),
    ];
    let asked: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, test) in tests {
        if arguments.iter().any(|argument| argument == "--list") {
            println!("{name}: test");
        } else if asked.is_empty() || asked.iter().any(|part| name.contains(part.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
    let _ = fs::remove_dir_all(&*PRIVATE);
}

/// A folder of this run where nobody else may write, nor in one around it, whatever rights new files are given here.
static PRIVATE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("normgate-wrapped-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    close(&folder);
    folder
});

/// This program, where it belongs to nobody else.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| copy("program"));

fn copy(name: &str) -> PathBuf {
    let program = PRIVATE.join(name);
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    close(&program);
    program
}

/// Closes a file or folder to others.
fn close(path: &Path) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
}

/// This program as the command.
fn command(how: &[&str]) -> WrapCommand {
    WrapCommand::new(&arguments(how)).unwrap()
}

fn arguments(how: &[&str]) -> Vec<String> {
    let program = PROGRAM.to_str().unwrap().to_owned();
    [program].into_iter().chain(how.iter().map(|&argument| argument.to_owned())).collect()
}

fn settings(how: &[&str]) -> Settings {
    Settings { wrap: Some(command(how)), sample_ppm: 1_000_000, ..Settings::default() }
}

/// Records a list; its decision id.
fn record(ledger: &Ledger, days_ago: i64) -> String {
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let request =
        r#"{"id":"r","ctx":{"now_ms":1767225600000,"local_min":600},"user":{"ref":"u"},"candidates":[{"id":"c"}]}"#;
    let batch = Batch::from_json(request.as_bytes()).unwrap();
    let mut outcome = gate.evaluate(&batch);
    outcome.circumstances.clock_ms -= days_ago * 86_400_000;
    ledger.record(&batch, &Arc::new(outcome.clone())).unwrap();
    outcome.decision_id()
}

fn readable(history: &History) -> Result<usize, LedgerError> {
    let mut readable = 0;
    history.lists(
        &Query::default(),
        |_| Ok(()),
        |list| {
            readable += usize::from(list.request().is_some());
            Ok(())
        },
    )?;
    Ok(readable)
}

fn keys(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder.join("keys")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| fs::read_to_string(file).unwrap()).collect()
}

fn wrapped_keys_open_with_their_command_alone() {
    let folder = folder("wrapped");
    let ledger = Ledger::open(&folder, settings(&[])).unwrap();
    let id = record(&ledger, 0);
    ledger.hold(&id, "a-case", "me").unwrap();
    ledger.close().unwrap();
    assert!(
        keys(&folder).len() == 7 && keys(&folder).iter().all(|key| key.starts_with("wrapped ")),
        "{:?}",
        keys(&folder)
    );

    let history = History::wrapped(&folder, Some(command(&[]))).unwrap();
    assert_eq!(readable(&history).unwrap(), 1);
    assert_eq!(history.verify(&Against::default()).unwrap().findings, Vec::<String>::new());
    let case = Case::export(&history, &id, &embedded::arp(), Gate::builder().trusting()).unwrap();
    assert!(case.proven(None).unwrap().signed);
    // Without it, nothing is passed over as if its key were gone.
    let without = History::open(&folder).unwrap();
    let error = readable(&without).unwrap_err().to_string();
    assert!(error.contains("the key is wrapped, and no wrap command is configured"), "{error}");
    assert!(Ledger::open(&folder, Settings::default()).err().unwrap().to_string().contains("no wrap command"));
    // A ledger goes on with the keys that it has when the platform begins to wrap them.
    let folder = support::folder("wrapped-later");
    let ledger = Ledger::open(&folder, Settings { wrap: None, ..settings(&[]) }).unwrap();
    record(&ledger, 1);
    ledger.close().unwrap();
    let ledger = Ledger::open(&folder, settings(&[])).unwrap();
    record(&ledger, 0);
    ledger.close().unwrap();
    assert_eq!(keys(&folder).iter().filter(|key| key.starts_with("wrapped ")).count(), 5);
    let history = History::wrapped(&folder, Some(command(&[]))).unwrap();
    assert_eq!(readable(&history).unwrap(), 2);
    let notes = history.verify(&Against::default()).unwrap().notes;
    // The signing key and the five of the day before.
    assert_eq!(notes.iter().filter(|note| note.ends_with("the key is not wrapped")).count(), 6, "{notes:?}");
    // A plain key that somebody put where a wrapped one is due seals nothing.
    let key = fs::read_dir(folder.join("keys")).unwrap().map(|entry| entry.unwrap().path());
    let key = key.into_iter().find(|key| fs::read_to_string(key).unwrap().starts_with("wrapped ")).unwrap();
    fs::write(&key, format!("{}\n", "07".repeat(32))).unwrap();
    let ledger = Ledger::open(&folder, settings(&[])).unwrap();
    record(&ledger, 0);
    let refused = ledger.close().unwrap_err().to_string();
    assert!(refused.contains("the key is not wrapped") && refused.contains(key.to_str().unwrap()), "{refused}");
}

/// No shell reads the arguments; that a program names one in its first line is its own affair.
#[cfg(unix)]
fn a_script_is_a_command_too() {
    let script = PRIVATE.join("script");
    let text = "#!/bin/sh\ntest \"$1\" = '$(touch harm); x' || exit 9\ncase $2 in wrap) base64;; unwrap) base64 -d;; *) exit 8;; esac\n";
    fs::write(&script, text).unwrap();
    close(&script);
    let arguments = [script.to_str().unwrap().to_owned(), "$(touch harm); x".to_owned()];
    let wrap = || Some(WrapCommand::new(&arguments).unwrap());
    let folder = folder("wrapped-by-a-script");
    let ledger = Ledger::open(&folder, Settings { wrap: wrap(), ..settings(&[]) }).unwrap();
    record(&ledger, 0);
    ledger.close().unwrap();
    assert!(keys(&folder).iter().all(|key| key.starts_with("wrapped ")), "{:?}", keys(&folder));
    assert_eq!(readable(&History::wrapped(&folder, wrap()).unwrap()).unwrap(), 1);
    assert!(!Path::new("harm").exists());
}

#[cfg(not(unix))]
fn a_script_is_a_command_too() {}

fn the_command_is_asked_once_a_key() {
    let folder = folder("wrapped-counted");
    let log = folder.with_extension("log");
    let _ = fs::remove_file(&log);
    let how = ["counted", log.to_str().unwrap()];
    let ledger = Ledger::open(&folder, Settings { segment_bytes: 1, ..settings(&how) }).unwrap();
    for _ in 0..3 {
        record(&ledger, 0);
    }
    ledger.close().unwrap();
    assert!(fs::read_dir(folder.join("segments")).unwrap().count() >= 3);
    let asked = fs::read_to_string(&log).unwrap();
    // The signing key and the five of the day, each wrapped and tried.
    assert_eq!(asked.lines().filter(|line| line.starts_with("wrap ")).count(), 6, "{asked}");
    assert_eq!(asked.lines().filter(|line| line.starts_with("unwrap ")).count(), 6, "{asked}");
    fs::remove_file(&log).unwrap();
    let history = History::wrapped(&folder, Some(command(&how))).unwrap();
    assert_eq!(readable(&history).unwrap(), 3);
    // Reading asks for those that it needs, once each.
    let asked = fs::read_to_string(&log).unwrap();
    assert_eq!(asked.lines().count(), 2, "{asked}");
}

fn wrong_commands_are_refused() {
    for (how, why) in [
        ("failing", "it ended with"),
        ("long", "it answered more than 4096 bytes"),
        ("forgetful", "unwraps another key than it wrapped"),
        ("short", "did not give back a key of 32 bytes"),
        ("in-the-clear", "gave the key back in the clear"),
    ] {
        let folder = folder(&format!("wrapped-{how}"));
        let error = Ledger::open(&folder, settings(&[how])).err().unwrap();
        assert!(matches!(error, LedgerError::Wrap { .. }) && error.to_string().contains(why), "{how}: {error}");
        assert_eq!(keys(&folder), Vec::<String>::new(), "{how}");
    }
}

fn a_command_that_dies_loses_nothing_silently() {
    let folder = folder("wrapped-dead");
    let how = ["mortal"];
    let ledger = Ledger::open(&folder, settings(&how)).unwrap();
    record(&ledger, 1);
    ledger.close().unwrap();
    // From the next day on there is no command, and then there is one again.
    let program = copy("mortal");
    let wrap = WrapCommand::new(&[program.to_str().unwrap().to_owned()]).unwrap();
    let ledger = Ledger::open(&folder, Settings { wrap: Some(wrap.clone()), ..settings(&how) }).unwrap();
    let hidden = program.with_extension("hidden");
    fs::rename(&program, &hidden).unwrap();
    for _ in 0..3 {
        record(&ledger, 0);
    }
    let error = ledger.checkpoint().map(drop);
    assert!(error.is_ok(), "{error:?}");
    assert_eq!(ledger.counts().lost, 3);
    fs::rename(&hidden, &program).unwrap();
    record(&ledger, 0);
    let error = ledger.close().unwrap_err().to_string();
    assert!(error.contains("3 lists could not be written") && error.contains("No such file"), "{error}");
    let history = History::wrapped(&folder, Some(wrap)).unwrap();
    assert_eq!(readable(&history).unwrap(), 2);
    let verified = history.verify(&Against::default()).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    let lost = verified.notes.iter().any(|note| note.contains("3 lists were judged and not recorded"));
    assert!(lost, "{:?}", verified.notes);
}

#[cfg(unix)]
fn exchangeable_programs_are_refused() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let folder = &*PRIVATE;
    fs::create_dir(folder.join("open")).unwrap();
    let program = copy("exchanged");
    let within = folder.join("open/program");
    fs::copy(&program, &within).unwrap();
    let refused = |path: &Path, why: &str| {
        let error = WrapCommand::new(&[path.to_str().unwrap().to_owned()]).unwrap_err();
        assert!(matches!(error, LedgerError::Wrap { .. }) && error.to_string().contains(why), "{error}");
    };
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert!(WrapCommand::new(&[]).is_err());
    refused(Path::new("wrapped"), "expected an absolute path");
    refused(&folder.join("none"), "No such file");
    refused(folder, "expected a file");
    for writable in [0o720, 0o702] {
        mode(&program, writable);
        refused(&program, "others may write to");
    }
    mode(&program, 0o755);
    let trusted = WrapCommand::new(&[program.to_str().unwrap().to_owned()]).unwrap();
    mode(&folder.join("open"), 0o777);
    refused(&within, "others may write to");
    // A link does not hide what it leads to.
    std::os::unix::fs::symlink(&within, folder.join("link")).unwrap();
    refused(&folder.join("link"), "others may write to");
    // Only root can give a file away.
    if chown(&program, Some(12_345), None).is_ok() {
        refused(&program, "belongs to user 12345");
    } else {
        mode(&program, 0o777);
    }
    // What was exchanged after it was looked at is not run.
    let error = Ledger::open(&folder.join("ledger"), Settings { wrap: Some(trusted), ..Settings::default() });
    assert!(matches!(error.err().unwrap(), LedgerError::Wrap { .. }));

    // The file that names the command is held to the same.
    let file = folder.join("ledger.toml");
    fs::write(&file, format!("[keys]\nwrap_command = {:?}\npersonal_max_d = 365\n", arguments(&["right"]))).unwrap();
    mode(&file, 0o600);
    let settings = KeySettings::read(&file).unwrap().settings().unwrap();
    assert_eq!((settings.wrap, settings.personal_max_d), (Some(command(&["right"])), 365));
    mode(&file, 0o666);
    assert!(KeySettings::read(&file).unwrap_err().to_string().contains("others may write to"));
    mode(&file, 0o600);
    fs::write(&file, "[keys]\nwrap = []\n").unwrap();
    assert!(KeySettings::read(&file).is_err());
}

#[cfg(not(unix))]
fn exchangeable_programs_are_refused() {}
