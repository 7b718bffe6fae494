//! The hostile campaign, in child processes: `hostile [seed=N] [modules=N] [requests=N] [only=UNIT]`.
//!
//! The parent starts a child, follows what it says, and starts another one after a death, behind the units that the dead one
//! was at. It ends with one line of figures, and with success if they are what they must be: all zeros and flat memory, or,
//! for a host that was built weakened, leaks and changes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use normgate_campaign::{Campaign, Tally, heap::Counting, modules::SOURCES};

/// Every request's memory is measured.
#[global_allocator]
static HEAP: Counting = Counting;

/// What must never come of an attack.
const FORBIDDEN: [&str; 8] = ["panics", "deaths", "leaks", "changed", "oom", "slow", "starved", "unbuildable"];

/// A child that says nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(120);

/// Deaths after which the campaign is not worth going on with.
const MOST_DEATHS: u64 = 100;

/// Requests of one module. Some are refused, and crowds take the rest.
fn each(modules: u64, requests: u64) -> usize {
    (requests * 8 / 10 / modules.max(1)).clamp(4, 100) as usize
}

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    modules: u64,
    requests: u64,
    only: Option<u64>,
    /// Of a child: its first unit, and how many requests were judged before.
    child: Option<(u64, u64)>,
    /// A unit at which the child aborts, to see that a death is noticed.
    abort: Option<u64>,
}

fn plan() -> Result<Plan, String> {
    let mut plan = Plan { seed: 1, modules: 10_000, requests: 100_000, only: None, child: None, abort: None };
    let mut from = (None, 0);
    for argument in std::env::args().skip(1) {
        let usage = || format!("`{argument}` is none of seed=N, modules=N, requests=N, only=UNIT");
        let (name, value) = argument.split_once('=').ok_or_else(usage)?;
        let value = value.parse().map_err(|_| usage())?;
        match name {
            "seed" => plan.seed = value,
            "modules" => plan.modules = value,
            "requests" => plan.requests = value,
            "only" => plan.only = Some(value),
            "abort" => plan.abort = Some(value),
            "from" => from.0 = Some(value),
            "judged" => from.1 = value,
            _ => return Err(usage()),
        }
    }
    plan.child = from.0.map(|unit| (unit, from.1));
    Ok(plan)
}

fn main() -> ExitCode {
    let done = plan().and_then(|plan| match plan.child {
        Some((from, judged)) => child(&plan, from, judged).map(|()| true),
        None => parent(&plan),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("hostile: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs units on every core until all modules are through and enough requests were judged. A line before each unit, and one
/// with its tally after it.
fn child(plan: &Plan, from: u64, judged: u64) -> Result<(), String> {
    let campaign = Campaign::new(plan.seed, plan.modules, each(plan.modules, plan.requests))?;
    let (next, judged) = (AtomicU64::new(from), AtomicU64::new(judged));
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        // A parent that is gone needs no answer; the next line ends this process.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    };
    let work = || {
        loop {
            let unit = next.fetch_add(1, Ordering::Relaxed);
            let over = match plan.only {
                Some(only) => unit > only,
                None => unit >= Campaign::units(plan.modules) && judged.load(Ordering::Relaxed) >= plan.requests,
            };
            if over {
                return;
            }
            say(format!("begin {unit}"));
            if plan.abort == Some(unit) {
                std::process::abort();
            }
            let tally = campaign.unit(unit);
            judged.fetch_add(tally.of("requests"), Ordering::Relaxed);
            say(format!("done {unit} {} {tally}", resident_kib()));
        }
    };
    // At least two, so that modules meet in the pool on any machine.
    let workers = if plan.only.is_some() { 1 } else { thread::available_parallelism().map_or(2, usize::from).max(2) };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    Ok(())
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What the parent knows so far.
struct Progress {
    plan: Plan,
    tally: Tally,
    begun: BTreeSet<u64>,
    next: u64,
    /// Memory after each unit, KiB.
    resident: Vec<u64>,
    started: Instant,
    printed: Instant,
}

impl Progress {
    fn take(&mut self, line: &str) {
        let mut words = line.splitn(4, ' ');
        let (what, unit) = (words.next(), words.next().and_then(|unit| unit.parse::<u64>().ok()));
        match (what, unit) {
            (Some("begin"), Some(unit)) => {
                self.begun.insert(unit);
                self.next = self.next.max(unit + 1);
            }
            (Some("done"), Some(unit)) => {
                self.begun.remove(&unit);
                let resident = words.next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
                self.tally.join(&Tally::parse(words.next().unwrap_or_default()));
                self.resident.push(resident);
            }
            _ => println!("{line}"),
        }
        if self.printed.elapsed() > Duration::from_secs(10) {
            self.printed = Instant::now();
            let seconds = self.started.elapsed().as_secs();
            let resident = self.resident.last().copied().unwrap_or(0) / 1024;
            println!("{seconds:>5} s  {}  rss_mib={resident}", self.figures());
        }
    }

    /// Memory in MiB: the medians of the second tenth of all units, when everything is warm, and of the last.
    fn memory(&self) -> (u64, u64) {
        let tenth = (self.resident.len() / 10).max(1);
        let median = |samples: &[u64]| {
            let mut samples = samples.to_vec();
            samples.sort_unstable();
            samples.get(samples.len() / 2).copied().unwrap_or(0) / 1024
        };
        let samples = self.resident.chunks(tenth);
        let warm = samples.clone().nth(1).or_else(|| samples.clone().next()).unwrap_or_default();
        (median(warm), median(&self.resident[self.resident.len().saturating_sub(tenth)..]))
    }

    fn figures(&self) -> String {
        let names = ["modules", "ran", "trapped", "refused", "requests"];
        let figures = names.into_iter().chain(FORBIDDEN).map(|name| format!("{name}={}", self.tally.of(name)));
        figures.collect::<Vec<_>>().join(" ")
    }
}

fn parent(plan: &Plan) -> Result<bool, String> {
    let now = Instant::now();
    let mut progress = Progress {
        plan: plan.clone(),
        tally: Tally::default(),
        begun: BTreeSet::new(),
        next: plan.only.unwrap_or(0),
        resident: Vec::new(),
        started: now,
        printed: now,
    };
    while !follow(&mut progress)? {
        progress.tally.count("deaths");
        for unit in std::mem::take(&mut progress.begun) {
            progress.tally.add("modules", u64::from(!Campaign::is_crowd(plan.modules, unit)));
            println!(
                "hostile: a process died at unit {unit}; again: make hostile SEED={} MODULES={} REQUESTS={} ONLY={unit}",
                plan.seed, plan.modules, plan.requests
            );
        }
        if progress.tally.of("deaths") >= MOST_DEATHS {
            break;
        }
    }
    Ok(report(&progress))
}

/// Starts a child and follows it to its end: whether it ended well.
fn follow(progress: &mut Progress) -> Result<bool, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let plan = &progress.plan;
    let mut arguments = vec![
        format!("seed={}", plan.seed),
        format!("modules={}", plan.modules),
        format!("requests={}", plan.requests),
        format!("from={}", progress.next),
        format!("judged={}", progress.tally.of("requests")),
    ];
    arguments.extend(plan.only.map(|only| format!("only={only}")));
    arguments.extend(plan.abort.map(|abort| format!("abort={abort}")));
    let mut child =
        Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let out = child.stdout.take().ok_or("the child has no output")?;
    let (send, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => progress.take(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!("hostile: a process says nothing any more and is ended");
                child.kill().map_err(|error| error.to_string())?;
            }
        }
    }
    let _ = reader.join();
    let status = child.wait().map_err(|error| error.to_string())?;
    match status.code() {
        Some(0) => Ok(true),
        // It could not even begin.
        Some(2) => Err("the campaign cannot be prepared".into()),
        _ => Ok(false),
    }
}

/// Prints what came of it; whether it is what it must be.
fn report(progress: &Progress) -> bool {
    let (tally, plan) = (&progress.tally, &progress.plan);
    println!("\n{:<8} {:>8} {:>8} {:>8} {:>8} {:>8}", "source", "modules", "refused", "ran", "trapped", "answered");
    for source in SOURCES {
        let of = |what: &str| tally.of(&format!("source.{source}.{what}"));
        let [modules, refused, ran, trapped, answered] = ["modules", "refused", "ran", "trapped", "answered"].map(of);
        println!("{source:<8} {modules:>8} {refused:>8} {ran:>8} {trapped:>8} {answered:>8}");
    }
    for (title, prefix) in [("refusals", "refusal."), ("failures", "kind."), ("leaks", "leak."), ("changes", "change.")]
        .into_iter()
        .chain([("out of memory", "oom."), ("slow", "slow."), ("most", "most.")])
    {
        let counts: Vec<String> = tally.under(prefix).map(|(name, count)| format!("{name}={count}")).collect();
        println!("{title}: {}", if counts.is_empty() { "none".into() } else { counts.join(" ") });
    }
    println!(
        "crowds={} bystanders={} unmade={} seconds={}",
        tally.of("crowds"),
        tally.of("bystanders"),
        tally.of("unmade"),
        progress.started.elapsed().as_secs()
    );
    let (start, end) = progress.memory();
    println!("hostile: {} rss_start_mib={start} rss_end_mib={end}", progress.figures());
    let zero = |name: &str| tally.of(name) == 0;
    if cfg!(normgate_weakened) {
        // It dies of nothing and panics nowhere; all else must be noticed.
        return FORBIDDEN[2..].iter().all(|name| !zero(name));
    }
    let whole = plan.only.is_some() || (tally.of("modules") >= plan.modules && tally.of("requests") >= plan.requests);
    // A fifth and 16 MiB more are what an allocator may keep.
    let flat = end <= start + start / 5 + 16;
    whole && flat && zero("unmade") && FORBIDDEN.into_iter().all(zero)
}
