//! Judging request after request: JSON to JSON, on several threads, its tail, and the memory that it takes.

use std::io::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use normgate::{Batch, Detail, Gate};

use crate::feed;
use crate::measure::{Effort, Samples, Summary, us};

const ROWS: u64 = 500;

/// What `normgate eval` does with a line: read, judge, write.
pub(crate) fn json(gate: &Gate, effort: Effort, summary: &mut Summary) {
    let (line, reader) = (feed::content(ROWS), gate.reader());
    let (mut parse, mut judge, mut write) = (Samples::default(), Samples::default(), Samples::default());
    let mut output = Vec::new();
    effort.rounds(|| {
        for _ in 0..5 {
            parse.push(us(|| reader.read(line.as_bytes()).unwrap()));
            let batch = reader.read(line.as_bytes()).unwrap();
            judge.push(us(|| gate.evaluate(&batch)));
            let outcome = gate.evaluate(&batch);
            output.clear();
            write.push(us(|| writeln!(output, "{}", outcome.to_json(Detail::default())).unwrap()));
        }
    });
    let (a, b, c) = (parse.median(), judge.median(), write.median());
    let total = a + b + c;
    let rate = |total: f64| ROWS as f64 / total * 1e6;
    summary.set("json.candidates_per_s", rate(total));
    summary.set("json.candidates_per_s.p10", rate(parse.at(0.9) + judge.at(0.9) + write.at(0.9)));
    summary.set("json.candidates_per_s.p90", rate(parse.at(0.1) + judge.at(0.1) + write.at(0.1)));
    summary.set("json.parse_write_share", (a + c) / total);
    summary.spread("json.parse.us", &parse);
    summary.spread("json.judge.us", &judge);
    summary.spread("json.write.us", &write);
    println!(
        "\nJSON to JSON, lists of {ROWS}: {:.0} candidates a second and core; {a:.0} us parsing ({} kB), {b:.0} judging, {c:.0} writing ({} kB)",
        rate(total),
        line.len() / 1_000,
        output.len() / 1_000
    );
}

/// Total throughput of more threads, in windows that alternate with those of one.
pub(crate) fn threads(gate: &Gate, effort: Effort, summary: &mut Summary) {
    let batch = Batch::from_json(feed::content(ROWS).as_bytes()).unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let counts: Vec<usize> = [1, 2, 4, 8].into_iter().filter(|count| *count <= cores.max(2)).collect();
    let length = if effort.is_full() { Duration::from_millis(100) } else { Duration::from_millis(1) };
    let mut rates = vec![(Samples::default(), Samples::default()); counts.len()];
    for _ in 0..if effort.is_full() { 60 } else { 1 } {
        for (count, (wall, cpu)) in counts.iter().zip(&mut rates) {
            let (lists, busy) = (AtomicU64::new(0), AtomicU64::new(0));
            let begin = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..*count {
                    scope.spawn(|| {
                        let mut own = 0;
                        while begin.elapsed() < length {
                            std::hint::black_box(gate.evaluate(&batch));
                            own += 1;
                        }
                        lists.fetch_add(own, Ordering::Relaxed);
                        busy.fetch_add(thread_cpu().as_nanos() as u64, Ordering::Relaxed);
                    });
                }
            });
            let lists = lists.into_inner() as f64;
            wall.push(lists / begin.elapsed().as_secs_f64());
            // Lists that these threads would judge a second, had each a core of its own.
            cpu.push(lists / (busy.into_inner() as f64 / 1e9) * *count as f64);
        }
    }
    println!("\nlists of {ROWS} a second, by threads (best tenth of the windows · median · by CPU time)");
    for (count, (wall, cpu)) in counts.iter().zip(&rates) {
        println!("{count:>4} {:>10.0} {:>10.0} {:>10.0}", wall.at(0.9), wall.median(), cpu.median());
        let key = format!("threads{count}");
        summary.set(format!("{key}.lists_per_s"), wall.at(0.9));
        if *count > 1 {
            // The windows in which the machine was most ours: the median window says how busy others were.
            summary.set(format!("{key}.speedup"), wall.at(0.9) / rates[0].0.at(0.9));
            summary.set(format!("{key}.speedup_median"), wall.median() / rates[0].0.median());
            summary.set(format!("{key}.speedup_cpu"), cpu.median() / rates[0].1.median());
        }
    }
}

/// How far the slowest calls are from the median, in CPU time: what the machine does besides is not ours.
pub(crate) fn tail(gate: &Gate, effort: Effort, summary: &mut Summary) {
    let batch = Batch::from_json(feed::content(ROWS).as_bytes()).unwrap();
    let count = if effort.is_full() { 20_000 } else { 10 };
    let (mut cpu, mut wall) = (Samples::default(), Samples::default());
    for _ in 0..count {
        let begin = thread_cpu();
        wall.push(us(|| gate.evaluate(&batch)));
        cpu.push((thread_cpu() - begin).as_secs_f64() * 1e6);
    }
    summary.set("tail.p50.us", cpu.median());
    summary.set("tail.p999.us", cpu.at(0.999));
    summary.set("tail.p999_over_p50", cpu.at(0.999) / cpu.median());
    summary.set("tail.p999_over_p50_wall", wall.at(0.999) / wall.median());
    println!(
        "\n`evaluate` at n={ROWS}, {count} times, us of CPU: p50 {:.0}, p99 {:.0}, p99.9 {:.0}; by the wall p50 {:.0}, p99.9 {:.0}",
        cpu.median(),
        cpu.at(0.99),
        cpu.at(0.999),
        wall.median(),
        wall.at(0.999)
    );
}

/// Memory of a process that streams 100,000 requests, and of threads that judge.
pub(crate) fn memory(gate: &Gate, effort: Effort, summary: &mut Summary) {
    let total: u64 = if effort.is_full() { 100_000 } else { 10 };
    let lines: Vec<String> = (1..=100).map(feed::content).collect();
    let reader = gate.reader();
    let mut output = Vec::new();
    let (mut after_warming, mut highest) = (0.0, 0.0);
    let begin = Instant::now();
    for number in 0..total {
        // A step that is prime to the number of lines: sizes come mixed, each equally often.
        let batch = reader.read(lines[(number * 37 % 100) as usize].as_bytes()).unwrap();
        output.clear();
        writeln!(output, "{}", gate.evaluate(&batch).to_json(Detail::default())).unwrap();
        if number == total / 100 {
            after_warming = rss_mib();
        }
        if number % 1_000 == 0 {
            highest = rss_mib().max(highest);
        }
        if effort.is_full() && (number + 1) % 20_000 == 0 {
            println!("{:>8} requests, {:.1} MiB, {:.0} s", number + 1, rss_mib(), begin.elapsed().as_secs_f64());
        }
    }
    summary.set("rss.growth_mib", rss_mib() - after_warming);
    summary.set("rss.mib", rss_mib());
    summary.set("rss.highest_mib", highest);

    let batch = Batch::from_json(feed::content(ROWS).as_bytes()).unwrap();
    let (count, before) = (8, rss_mib());
    let (judged, seen) = (Barrier::new(count + 1), Barrier::new(count + 1));
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                for _ in 0..20 {
                    std::hint::black_box(gate.evaluate(&batch));
                }
                judged.wait();
                seen.wait();
            });
        }
        judged.wait();
        summary.set("rss.per_thread_mib", (rss_mib() - before) / count as f64);
        seen.wait();
    });
    println!(
        "\nmemory: {:.1} MiB after {total} requests, {:+.1} since the first hundredth of them; {:.2} MiB a thread",
        rss_mib(),
        summary.get("rss.growth_mib").unwrap_or(0.0),
        summary.get("rss.per_thread_mib").unwrap_or(0.0)
    );
}

/// CPU time of this thread.
fn thread_cpu() -> Duration {
    cpu(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of this process, all threads.
pub(crate) fn process_cpu() -> Duration {
    cpu(libc::CLOCK_PROCESS_CPUTIME_ID)
}

#[allow(unsafe_code, reason = "the standard library has no clock of CPU time")]
fn cpu(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours, which lives through the call.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0, "this system has no clock of CPU time");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Memory that the process holds.
fn rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
