//! What a ledger must survive: `faults [seed=N] [flips=N] [kills=N] [lists=N]`.
//!
//! Bits are flipped in every region of every file of a ledger of 10,000 records, a writing process is killed at random points,
//! many lists are judged again, and judging with a ledger is measured against judging without one, in this one run. It ends
//! with one line of figures, and with success if nothing went unnoticed, got lost or came out otherwise.

#[path = "../../support/feed.rs"]
mod feed;
#[path = "../../support/numbers.rs"]
#[allow(dead_code, reason = "each user of the generator takes its part")]
mod numbers;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use normgate::{Batch, Gate, embedded};
use normgate_ledger::{Against, Counts, Durability, History, Ledger, Query, Replay, Settings};
use numbers::Numbers;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Records of the ledger whose bits are flipped.
const FLIPPED: usize = 10_000;

struct Plan {
    seed: u64,
    flips: u64,
    kills: u64,
    lists: u64,
    /// Of a child: the ledger that it writes until it is killed.
    write: Option<PathBuf>,
    /// Of a child: the ledger that it judges again, on one thread.
    replay: Option<PathBuf>,
}

fn plan() -> Result<Plan> {
    let mut plan = Plan { seed: 1, flips: 1_000, kills: 200, lists: 100_000, write: None, replay: None };
    for argument in std::env::args().skip(1) {
        let usage = || format!("`{argument}` is none of seed=N, flips=N, kills=N, lists=N");
        match argument.split_once('=').ok_or_else(usage)? {
            ("seed", value) => plan.seed = value.parse()?,
            ("flips", value) => plan.flips = value.parse()?,
            ("kills", value) => plan.kills = value.parse()?,
            ("lists", value) => plan.lists = value.parse()?,
            ("write", value) => plan.write = Some(value.into()),
            ("replay", value) => plan.replay = Some(value.into()),
            _ => return Err(usage().into()),
        }
    }
    Ok(plan)
}

fn main() -> ExitCode {
    let done = plan().and_then(|plan| match (&plan.write, &plan.replay) {
        (Some(folder), _) => write_until_killed(folder, plan.seed).map(|()| true),
        (None, Some(folder)) => judged_again(folder, 1, plan.lists).map(|(judged, different)| {
            println!("{judged} {different}");
            true
        }),
        (None, None) => campaign(&plan),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::from(2)
        }
    }
}

fn campaign(plan: &Plan) -> Result<bool> {
    let folder = std::env::temp_dir().join(format!("normgate-faults-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = run(plan, &folder);
    fs::remove_dir_all(&folder)?;
    result
}

fn run(plan: &Plan, folder: &Path) -> Result<bool> {
    let gate = Gate::builder().policies(embedded::arp()).build()?;
    let undetected = flips(&gate, &folder.join("flips"), plan)?;
    let lost = kills(&folder.join("kills"), plan)?;
    let (replayed, different) = replay(&gate, &folder.join("replay"), plan)?;
    let latency = [10, 500].map(|rows| overhead(&gate, &folder.join(format!("overhead-{rows}")), rows));
    let [small, large] = latency;
    let (small, large) = (small?, large?);
    [10, 500].into_iter().try_for_each(|rows| busy(&gate, &folder.join(format!("busy-{rows}")), rows))?;
    let bytes = throughput(&gate, &folder.join("throughput-500"), 500, 4_000)?;
    throughput(&gate, &folder.join("throughput-10"), 10, 40_000)?;
    println!(
        "ledger: flips={} undetected={undetected} kills={} lost={lost} replayed={replayed} different={different} \
         overhead_p50={:.3} overhead_p99={:.3} bytes_per_list_n500={bytes:.0}",
        plan.flips,
        plan.kills,
        small.0.max(large.0),
        small.1.max(large.1)
    );
    Ok(undetected == 0 && lost == 0 && different == 0)
}

fn progress(what: &str, done: u64, of: u64) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{what}: {done} of {of}{}", if done == of { "\n" } else { "" });
    }
}

/// Everything in full, so that everything can be judged again.
fn all_in_full() -> Settings {
    Settings { sample_ppm: 1_000_000, ..Settings::default() }
}

/// Lists that differ: every one has another id, another hour, and its own of a few sizes.
fn list(numbers: &mut Numbers, number: u64, rows: u64) -> Result<Batch> {
    let mut request: serde_json::Value = serde_json::from_str(&feed::content(rows))?;
    request["id"] = format!("r{number}").into();
    request["ctx"]["local_min"] = numbers.below(1_440).into();
    request["user"]["ref"] = format!("u{}", numbers.below(1_000)).into();
    request["user"]["minor_mode"] = (numbers.below(4) == 0).into();
    Ok(Batch::from_json(request.to_string().as_bytes())?)
}

/// Flips single bits, at random places of every file in turn; how many went unnoticed.
fn flips(gate: &Gate, folder: &Path, plan: &Plan) -> Result<u64> {
    let mut numbers = Numbers::new(plan.seed);
    let ledger = Ledger::open(folder, Settings { segment_bytes: 256 << 10, ..Settings::default() })?;
    for number in 0..FLIPPED {
        let batch = list(&mut numbers, number as u64, 2)?;
        ledger.record(&batch, &Arc::new(gate.evaluate(&batch)))?;
    }
    ledger.close()?;
    let mut files = Vec::new();
    for inside in ["", "segments", "checkpoints", "keys"] {
        for entry in fs::read_dir(folder.join(inside))? {
            let path = entry?.path();
            if path.is_file() && fs::metadata(&path)?.len() > 0 {
                files.push(path);
            }
        }
    }
    files.sort();
    let clean = History::open(folder)?.verify(&Against::default())?;
    if !clean.findings.is_empty() {
        return Err(format!("an unaltered ledger has findings: {:?}", clean.findings).into());
    }
    let mut undetected = 0;
    for flip in 0..plan.flips {
        let file = &files[flip as usize % files.len()];
        let bytes = fs::read(file)?;
        // Half of the flips are at the ends of the file, where heads and last frames are.
        let length = bytes.len() as u64;
        let at = match numbers.below(4) {
            0 => numbers.below(length.min(256)),
            1 => length - 1 - numbers.below(length.min(256)),
            _ => numbers.below(length),
        } as usize;
        let mut altered = bytes.clone();
        altered[at] ^= 1 << numbers.below(8);
        fs::write(file, &altered)?;
        if History::open(folder)?.verify(&Against::default()).is_ok_and(|verified| verified.findings.is_empty()) {
            println!("undetected: byte {at} of {}", file.display());
            undetected += 1;
        }
        fs::write(file, &bytes)?;
        progress("flips", flip + 1, plan.flips);
    }
    Ok(undetected)
}

/// Judges and records from several threads until it is killed, and says which lists are acknowledged.
fn write_until_killed(folder: &Path, seed: u64) -> Result<()> {
    let gate = Gate::builder().policies(embedded::arp().into_iter().filter(|module| module.manifest.module == "art09"));
    let gate = gate.build()?;
    let ledger = Ledger::open(folder, Settings { durability: Durability::BeforeAnswer, ..all_in_full() })?;
    thread::scope(|scope| {
        for worker in 0..4u64 {
            let (gate, ledger) = (&gate, &ledger);
            scope.spawn(move || -> std::result::Result<(), String> {
                let mut numbers = Numbers::new(seed ^ worker << 32);
                for number in 0.. {
                    let batch = list(&mut numbers, number, 2).map_err(|error| error.to_string())?;
                    let outcome = Arc::new(gate.evaluate(&batch));
                    ledger.record(&batch, &outcome).map_err(|error| error.to_string())?;
                    let said = writeln!(std::io::stdout().lock(), "{}", outcome.decision_id());
                    said.map_err(|error| error.to_string())?;
                }
                Ok(())
            });
        }
    });
    Ok(())
}

/// Kills a writing process again and again; how many acknowledged lists are not in the ledger.
fn kills(folder: &Path, plan: &Plan) -> Result<u64> {
    let mut numbers = Numbers::new(plan.seed ^ 0x6b11);
    let mut acknowledged = HashSet::new();
    for round in 0..plan.kills {
        let seed = numbers.next();
        let mut child = Command::new(std::env::current_exe()?)
            .arg(format!("write={}", folder.display()))
            .arg(format!("seed={seed}"))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("the child has no output")?).lines();
        // Somewhere in the work: after some lists, and some microseconds more.
        for line in lines.by_ref().take(numbers.below(60) as usize) {
            acknowledged.insert(line?);
        }
        thread::sleep(Duration::from_micros(numbers.below(3_000)));
        child.kill()?;
        child.wait()?;
        acknowledged.extend(lines.map_while(std::result::Result::ok).filter(|line| line.len() == 32));
        progress("kills", round + 1, plan.kills);
    }
    if plan.kills == 0 {
        return Ok(0);
    }
    Ledger::open(folder, Settings::default())?.close()?;
    let history = History::open(folder)?;
    let verified = history.verify(&Against::default())?;
    // The last writer's end is decided by the next one that writes; here is none.
    let altered = verified.findings.iter().filter(|finding| !finding.contains("are no whole frame")).count();
    let mut kept = HashSet::new();
    history.lists(
        &Query::default(),
        |_| Ok(()),
        |recorded| {
            let outcome: Option<serde_json::Value> = recorded.outcome.and_then(|text| serde_json::from_str(&text).ok());
            kept.extend(outcome.and_then(|outcome| outcome["decision_id"].as_str().map(str::to_owned)));
            Ok(())
        },
    )?;
    let lost = acknowledged.iter().filter(|id| !kept.contains(*id)).count() + altered;
    println!("kills: {} lists acknowledged, {} kept, {lost} lost", acknowledged.len(), kept.len());
    Ok(lost as u64)
}

/// Records many lists and judges them again: on all cores in this process, and on one thread in another. How many, and how many
/// came out otherwise in either.
fn replay(gate: &Gate, folder: &Path, plan: &Plan) -> Result<(u64, u64)> {
    let mut numbers = Numbers::new(plan.seed ^ 0x4e91a);
    let ledger = Ledger::open(folder, all_in_full())?;
    for number in 0..plan.lists {
        let rows = 1 + numbers.below(20);
        let batch = list(&mut numbers, number, rows)?;
        ledger.record(&batch, &Arc::new(gate.evaluate(&batch)))?;
        if (number + 1).is_multiple_of(1_000) {
            progress("recorded", number + 1, plan.lists);
        }
    }
    ledger.close()?;
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let begin = Instant::now();
    let (judged, different) = judged_again(folder, threads, plan.lists)?;
    let per_s = judged as f64 / begin.elapsed().as_secs_f64();
    println!("replay: {judged} lists judged again, {per_s:.0}/s on {threads} threads, {different} different");
    let other = Command::new(std::env::current_exe()?).arg(format!("replay={}", folder.display())).output()?;
    let text = String::from_utf8_lossy(&other.stdout).into_owned();
    let figures = text.trim().split_once(' ').and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?)));
    let (other_judged, other_different) = figures.ok_or_else(|| format!("the other process said `{text}`"))?;
    println!("replay: {other_judged} on one thread of another process, {other_different} different");
    // What one of the two did not judge, it did not judge the same.
    Ok((judged, different + other_different + judged.abs_diff(other_judged)))
}

/// Judges everything of a ledger again; how many lists, and how many came out otherwise.
fn judged_again(folder: &Path, threads: usize, lists: u64) -> Result<(u64, u64)> {
    let modules = embedded::arp();
    let replayed =
        Replay::new(&modules, Gate::builder, threads)
            .run(&History::open(folder)?, &Query::default(), |done| progress("replayed", done, lists))?;
    for difference in replayed.different.iter().take(5) {
        eprintln!("different: {difference:?}");
    }
    Ok((replayed.judged, replayed.different.len() as u64))
}

/// The `share` of a sample, in microseconds.
fn at(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(((samples.len() as f64 * share) as usize).min(samples.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Judging with a ledger against judging without one, list by list in turn, with time for the ledger's thread between: the
/// ratios at the median and at the 99th percentile. Each is the median over blocks, so that what else the machine does in one of
/// them does not decide.
fn overhead(gate: &Gate, folder: &Path, rows: u64) -> Result<(f64, f64)> {
    const BLOCKS: usize = 9;
    const LISTS: u64 = 3_000;
    let mut numbers = Numbers::new(rows);
    let ledger = Ledger::open(folder, Settings::default())?;
    let mut figures: [Vec<f64>; 7] = Default::default();
    for _ in 0..BLOCKS {
        let (mut on, mut off, mut recording) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..LISTS {
            let batch = list(&mut numbers, number, rows)?;
            let begin = Instant::now();
            let outcome = Arc::new(gate.evaluate(&batch));
            if number % 2 == 0 {
                let judged = Instant::now();
                ledger.record(&batch, &outcome)?;
                on.push(begin.elapsed().as_secs_f64() * 1e6);
                recording.push(judged.elapsed().as_secs_f64() * 1e6);
            } else {
                off.push(begin.elapsed().as_secs_f64() * 1e6);
            }
            thread::sleep(Duration::from_micros(500));
        }
        let [p50, p99] = [0.5, 0.99].map(|share| (at(&mut on, share), at(&mut off, share)));
        let block = [p50.0, p50.1, p99.0, p99.1, p50.0 / p50.1, p99.0 / p99.1, at(&mut recording, 0.5)];
        figures.iter_mut().zip(block).for_each(|(figures, figure)| figures.push(figure));
    }
    ledger.close()?;
    let [on50, off50, on99, off99, p50, p99, record] = figures.map(|mut figures| at(&mut figures, 0.5));
    println!(
        "judging n={rows}: p50 {on50:.0} us with, {off50:.0} us without, ratio {p50:.3}; p99 {on99:.0} us with, {off99:.0} us \
         without, ratio {p99:.3}; handing over takes {record:.1} us"
    );
    Ok((p50, p99))
}

/// Judging on all cores, with a ledger and without: with no core left for it, the ledger's work is judging's loss.
fn busy(gate: &Gate, folder: &Path, rows: u64) -> Result<()> {
    let mut numbers = Numbers::new(rows);
    let batches = (0..64).map(|number| list(&mut numbers, number, rows)).collect::<Result<Vec<_>>>()?;
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let lists = if rows > 100 { 3_000 } else { 20_000 };
    let judge = |ledger: Option<&Ledger>| -> Result<f64> {
        let begin = Instant::now();
        thread::scope(|scope| {
            let work = || -> std::result::Result<(), normgate_ledger::LedgerError> {
                for batch in batches.iter().cycle().take(lists) {
                    let outcome = Arc::new(gate.evaluate(batch));
                    ledger.map_or(Ok(()), |ledger| ledger.record(batch, &outcome))?;
                }
                Ok(())
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
        })?;
        if let Some(ledger) = ledger {
            ledger.checkpoint()?;
        }
        Ok((threads * lists) as f64 / begin.elapsed().as_secs_f64())
    };
    let without = judge(None)?;
    let ledger = Ledger::open(folder, Settings::default())?;
    let with = judge(Some(&ledger))?;
    ledger.close()?;
    println!(
        "all cores judge n={rows}: {without:.0} lists/s without a ledger, {with:.0} with it ({:.2})",
        with / without
    );
    Ok(())
}

/// As many lists as it takes, as fast as they are taken, by default settings; bytes a list, with everything in full.
fn throughput(gate: &Gate, folder: &Path, rows: u64, lists: u64) -> Result<f64> {
    let mut numbers = Numbers::new(rows);
    let batches = (0..64).map(|number| list(&mut numbers, number, rows)).collect::<Result<Vec<_>>>()?;
    let judged: Vec<_> = batches.iter().map(|batch| (batch, Arc::new(gate.evaluate(batch)))).collect();
    let mut full = 0.0;
    for (level, settings) in [("full", all_in_full()), ("default", Settings::default())] {
        let folder = folder.with_extension(level);
        let ledger = Ledger::open(&folder, settings)?;
        let begin = Instant::now();
        for (batch, outcome) in judged.iter().cycle().take(lists as usize) {
            ledger.record(batch, outcome)?;
        }
        ledger.checkpoint()?;
        let seconds = begin.elapsed().as_secs_f64();
        let Counts { bytes, busy_us, full: in_full, commit, .. } = ledger.counts();
        ledger.close()?;
        let bytes = bytes as f64 / lists as f64;
        println!(
            "recording n={rows}, {level}: {:.0} lists/s, {:.0} us of the ledger's thread a list, {bytes:.0} bytes a list \
             ({in_full} in full, {commit} as commitments); 184 days of 10 lists/s take {:.1} GB",
            lists as f64 / seconds,
            busy_us as f64 / lists as f64,
            bytes * 184.0 * 86_400.0 * 10.0 / 1e9
        );
        if level == "full" {
            full = bytes;
        }
    }
    Ok(full)
}
