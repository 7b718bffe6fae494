//! `normgate bench`: what judging a platform's own requests takes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args as ClapArgs;

use crate::judge::requests::{Requests, complain};
use crate::judge::source::Source;
use crate::screen::Progress;

/// Judge requests of your own again and again, and print median, 90th and 99th percentile, module by module and as a whole.
/// Requests are read once; reading and writing JSON is not part of the figures, and is given apart.
///
/// Example: normgate bench -i requests.jsonl --seconds 20
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Requests, one a line; - reads standard input
    #[arg(short, long, value_name = "requests.jsonl")]
    input: PathBuf,

    #[command(flatten)]
    source: Source,

    /// How long to go on
    #[arg(long, default_value_t = 10, value_name = "N")]
    seconds: u64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let gate = args.source.build()?;
    let mut requests = Requests::open(&args.input, gate.reader())?;
    let (mut batches, mut refused, mut reading) = (Vec::new(), false, Duration::ZERO);
    loop {
        let begin = Instant::now();
        let Some(request) = requests.next()? else { break };
        reading += begin.elapsed();
        match request {
            Ok(batch) => batches.push(batch),
            Err(error) => {
                refused = true;
                complain(requests.number, &error);
            }
        }
    }
    if batches.is_empty() {
        bail!("{}: no request that can be judged", args.input.display());
    }
    let candidates: usize = batches.iter().map(normgate::Batch::candidates).sum();
    // One round warms caches and the pool; it is not counted.
    let mut writing = Duration::ZERO;
    for batch in &batches {
        let outcome = gate.evaluate(batch);
        let begin = Instant::now();
        std::hint::black_box(outcome.to_json(normgate::Detail::default()));
        writing += begin.elapsed();
    }
    let before = gate.stats();
    let (mut times, total, progress) = (Vec::new(), Duration::from_secs(args.seconds), Progress::new());
    let begin = Instant::now();
    let mut shown = u64::MAX;
    'rounds: loop {
        for batch in &batches {
            let start = Instant::now();
            std::hint::black_box(gate.evaluate(batch));
            times.push(start.elapsed());
            let gone = begin.elapsed();
            if gone.as_millis() as u64 / 200 != shown {
                shown = gone.as_millis() as u64 / 200;
                let filled = (gone.as_secs_f64() / total.as_secs_f64() * 40.0).min(40.0) as usize;
                progress.show(format_args!("[{:<40}] {} requests", "#".repeat(filled), times.len()));
            }
            if gone >= total {
                break 'rounds;
            }
        }
    }
    progress.clear();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    say!("{:<44} {:>9} {:>9} {:>9}  us", "", "p50", "p90", "p99");
    say!("{:<44} {:>9.1} {:>9.1} {:>9.1}", "evaluate, the whole set", at(0.5), at(0.9), at(0.99));
    let after = gate.stats();
    for (module, old) in after.modules.iter().zip(&before.modules).filter(|(new, old)| new.calls > old.calls) {
        let failed: u64 = module.failures.values().sum::<u64>() - old.failures.values().sum::<u64>();
        let failed = if failed > 0 { format!("  {failed} calls failed") } else { String::new() };
        say!("{:<44} {:>9.1} {:>9.1} {:>9.1}{failed}", module.policy, module.p50_us, module.p90_us, module.p99_us);
    }
    let each = |duration: Duration| duration.as_secs_f64() * 1e6 / batches.len() as f64;
    say!(
        "{} requests of {:.0} candidates on average; reading JSON {:.1} us, writing JSON {:.1} us a request",
        batches.len(),
        candidates as f64 / batches.len() as f64,
        each(reading),
        each(writing)
    );
    Ok(if refused { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
