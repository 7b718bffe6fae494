//! A small hostile campaign on every build, and proof that it is not hollow; the large one is `make hostile`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(not(normgate_weakened))]

use std::process::Command;
use std::thread;

use normgate_campaign::modules::{SOURCES, Workshop};
use normgate_campaign::{Campaign, Tally, heap::Counting};

#[global_allocator]
static HEAP: Counting = Counting;

const MODULES: u64 = 500;

#[test]
fn hundreds_of_hostile_modules_leave_no_trace() {
    let campaign = Campaign::new(7, MODULES, 4).unwrap();
    // Two at a time, so that they meet in the pool.
    let half = |odd: u64| {
        let mut tally = Tally::default();
        (0..Campaign::units(MODULES)).filter(|unit| unit % 2 == odd).for_each(|unit| tally.join(&campaign.unit(unit)));
        tally
    };
    let tally = thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut tally = half(0);
        tally.join(&other.join().unwrap());
        tally
    });
    // How long something took depends on the machine: `make hostile` looks at that too.
    for zero in ["panics", "leaks", "changed", "oom", "starved", "unbuildable", "unmade"] {
        assert_eq!(tally.of(zero), 0, "{zero}: {tally}");
    }
    // Not hollow: every module is refused or runs, every source runs, and calls end in every way there is.
    assert_eq!((tally.of("modules"), tally.of("crowds")), (MODULES, 5));
    for source in SOURCES {
        let of = |what: &str| tally.of(&format!("source.{source}.{what}"));
        assert_eq!(of("modules"), of("refused") + of("ran") + of("silent"), "{source}: {tally}");
        // What is broken seldom loads, and what then still loads is mostly broken where it does not matter.
        assert!(of("ran") >= if source == "broken" { 1 } else { 5 }, "{source}: {tally}");
        assert!(of("answered") >= 1 && (of("trapped") >= 1 || source == "broken"), "{source}: {tally}");
    }
    for (what, least) in [
        ("ran", 200),
        ("trapped", 100),
        ("answered", 50),
        ("refused", 50),
        ("requests", 2_000),
        ("syncs", 40),
        ("most.request_kib", 1),
    ] {
        assert!(tally.of(what) >= least, "{what}: {tally}");
    }
    for kind in ["trap", "fuel", "garbage", "output", "grant"] {
        assert!(tally.of(&format!("kind.{kind}")) >= 1, "{kind}: {tally}");
    }
}

/// Cargo joins the features that any crate of a program asks for; a host without protections must not be one of them.
#[test]
fn no_feature_weakens_the_host() {
    let manifest = include_str!("../../../host/Cargo.toml");
    let features = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(features.contains("embedded = ") && !features.contains("weak"), "{features}");
}

#[test]
fn a_module_follows_from_seed_and_number() {
    let workshop = Workshop::open().unwrap();
    for number in 0..40 {
        let [one, two] = [0, 0].map(|_| workshop.make(3, number, true).unwrap());
        assert!(one.source == two.source && one.bytes == two.bytes, "module {number}, from {}", one.source);
    }
    assert_ne!(workshop.make(3, 0, true).unwrap().bytes, workshop.make(4, 0, true).unwrap().bytes);
}

#[test]
fn a_tally_survives_being_written() {
    let mut tally = Tally::default();
    tally.count("modules");
    tally.add("source.smith.ran", 3);
    assert_eq!(Tally::parse(&tally.to_string()), tally);
}

#[test]
fn a_process_that_dies_is_counted_and_the_campaign_goes_on() {
    let run = |abort: &str| {
        let program = Command::new(env!("CARGO_BIN_EXE_hostile"))
            .args(["seed=5", "modules=12", "requests=40", abort])
            .output()
            .unwrap();
        let text = String::from_utf8(program.stdout).unwrap();
        (program.status.success(), text.lines().last().unwrap_or_default().to_owned(), text)
    };
    let (success, line, text) = run("abort=3");
    assert!(!success && line.contains(" deaths=1 "), "{text}");
    assert!(line.starts_with("hostile: modules=12 ran="), "{text}");
    assert!(text.contains("again: make hostile SEED=5 MODULES=12 REQUESTS=40 ONLY=3"), "{text}");
    let (_, line, text) = run("abort=1000000");
    for zeros in [" panics=0 deaths=0 leaks=0 changed=0 oom=0 ", " starved=0 unbuildable=0 rss_start_mib="] {
        assert!(line.contains(zeros), "{text}");
    }
}
