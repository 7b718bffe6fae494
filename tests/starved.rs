//! A host that has nothing left to give: that is no module's fault, it ends as soon as there is something, and a generation that needs
//! more than there is does not take over.
//!
//! Alone in its binary, because it bounds its own process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    unsafe_code,
    reason = "a test fails by panicking, and sets limits through libc"
)]

mod support;

use normgate::contract::Vocabulary;
use normgate::{Allocation, Batch, BreakerState, BuildError, Config, FailureKind, Gate, GateBuilder, Module, Outcome};
use support::component::{MANIFEST, made, module, with_manifest};

/// Bounds a resource of this process for as long as it lives.
struct Bounded(libc::__rlimit_resource_t, libc::rlimit);

impl Bounded {
    fn to(resource: libc::__rlimit_resource_t, bound: u64) -> Self {
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both pointers are to values that live for the calls.
        unsafe {
            assert_eq!(libc::getrlimit(resource, &raw mut before), 0);
            let after = libc::rlimit { rlim_cur: bound, ..before };
            assert_eq!(libc::setrlimit(resource, &raw const after), 0);
        }
        Self(resource, before)
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // SAFETY: the pointer is to a value of ours.
        unsafe { libc::setrlimit(self.0, &raw const self.1) };
    }
}

/// Address space that this process has, and a little more: less than an instance takes.
fn no_room() -> Bounded {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    Bounded::to(libc::RLIMIT_AS, pages * 4_096 + (256 << 20))
}

/// As many descriptors as are open.
fn no_descriptors() -> Bounded {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
    let highest = open.map(|name| name.to_str().unwrap().parse::<u64>().unwrap()).max().unwrap();
    // The listing itself was open then; whatever is free below is taken first.
    let taken: Vec<_> = (0..=highest).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
    let bounded = Bounded::to(libc::RLIMIT_NOFILE, highest + 1);
    std::mem::forget(taken);
    bounded
}

fn named(name: &str, bytes: Vec<u8>) -> Module {
    let manifest =
        MANIFEST.replace("hostile/module", &format!("hostile/{name}")).replace("hostile.rule", &format!("{name}.rule"));
    let manifest = manifest.replace(r#""module":"hostile""#, &format!(r#""module":"{name}""#));
    Module::read(name, &with_manifest(bytes, &manifest), Vocabulary::shipped()).unwrap()
}

fn builder() -> GateBuilder {
    let config = "[breaker]\nfailures = 2\nbackoff_ms = 600000";
    Gate::builder().config(Config::parse(config).unwrap()).trusting()
}

fn failures(outcome: &Outcome) -> Vec<(FailureKind, &str)> {
    outcome.failures.iter().map(|failure| (failure.kind, failure.message.as_str())).collect()
}

#[test]
fn what_the_host_lacks_is_no_modules_fault() {
    let batch = Batch::from_json(br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"}]}"#).unwrap();

    // A generation that needs a descriptor too many does not take over; what judges goes on.
    let gate = builder().policies([named("one", module("", 0, 0, 0))]).build().unwrap();
    // One that carries data has an image, which takes a descriptor.
    let data = r#"(memory (export "memory") 64) (data (i32.const 4096) "image")"#;
    let other = || named("other", made(data, "unreachable"));
    let starved = no_descriptors();
    for tolerant in [false, true] {
        let next = builder().policies([other()]);
        let next = if tolerant { next.tolerant() } else { next };
        let error = next.generation().unwrap_err();
        assert!(matches!(error, BuildError::Host(_)), "{error}");
        assert!(error.to_string().contains("Too many open files"), "{error}");
    }
    assert_eq!(failures(&gate.evaluate(&batch)), []);
    drop(starved);
    // With its image made, a module takes none at its first call.
    gate.swap(builder().policies([named("one", made(data, ""))]).generation().unwrap());
    let starved = no_descriptors();
    assert_eq!(failures(&gate.evaluate(&batch)), []);
    drop(starved);

    // No memory for an instance: the host's fault, tried again once, and again with every list, whatever the breaker would say.
    let gate =
        builder().policies([named("one", module("", 0, 0, 0))]).allocation(Allocation::OnDemand).build().unwrap();
    let starved = no_room();
    for _ in 0..5 {
        let outcome = gate.evaluate(&batch);
        let [(FailureKind::Host, message)] = failures(&outcome)[..] else { panic!("{:?}", outcome.failures) };
        assert!(message.contains("Cannot allocate memory"), "{message}");
        // Judged again elsewhere it fails in the same way.
        assert_eq!(outcome.circumstances.disturbed[0].kind, FailureKind::Host);
    }
    drop(starved);
    let stats = &gate.stats().modules[0];
    assert_eq!((stats.breaker, stats.calls, stats.failures[&FailureKind::Host]), (BreakerState::Closed, 5, 5));
    assert_eq!(failures(&gate.evaluate(&batch)), [], "and all is as before as soon as there is room");
    let text = gate.stats().to_prometheus();
    assert!(text.contains("policy=\"hostile/one@1.0.0\",kind=\"host\"} 5"), "{text}");

    // A module that asks for more than it may have has failed by itself, however it asks.
    for pages in [513, 60_000] {
        let body = format!("(if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable))");
        for allocation in [Allocation::Pooled, Allocation::OnDemand] {
            let gate =
                builder().policies([named("one", module(&body, 0, 0, 0))]).allocation(allocation).build().unwrap();
            let outcome = gate.evaluate(&batch);
            assert!(
                outcome.failures.len() == 1 && outcome.failures[0].kind != FailureKind::Host,
                "{:?}",
                outcome.failures
            );
        }
    }
}
