//! Every call that a request causes, on fresh instances, against the same policy compiled natively over the same columns.
//!
//! A ratio counts lowering, call, lifting and the instance's end on one side, the policy function on the other. Translating
//! codes, merging and ordering are in neither, and reported apart.

use normgate::contract::Stage;
use normgate::{Batch, Gate};

use crate::feed;
use crate::measure::{Effort, Samples, Summary, us};
use crate::support::native::{self, Evaluate};

const SIZES: [u64; 5] = [10, 100, 500, 2_000, 10_000];

/// Calls of each kind in one round.
const REPEATS: usize = 5;

/// Modules that are asked row by row and read one value a row, no lists: the scalar ones.
const SCALAR: [&str; 3] = ["art08", "art13", "art15"];

pub(crate) fn run(gate: &Gate, effort: Effort, summary: &mut Summary) {
    println!("\na content feed: one item in ten carries signals, one in ten is AI-made");
    measure(gate, effort, summary, "", feed::content);
    println!("\neverything at once: two values in three are known, most rules fire, every module is asked");
    measure(gate, effort, summary, "dense.", feed::dense);

    let per_candidate = |rows: f64| summary.get(&format!("set.n{rows}.us")).map(|us| us / rows);
    if let (Some(many), Some(few)) = (per_candidate(10_000.0), per_candidate(500.0)) {
        summary.set("percand.n10000_over_n500", many / few);
    }
    let us_of = |module: &&str| summary.get(&format!("module.{module}.n500.us")).unwrap_or(0.0);
    let dearest = SCALAR.into_iter().max_by(|a, b| us_of(a).total_cmp(&us_of(b))).unwrap();
    let critical = summary.get(&format!("module.{dearest}.n500.call_us")).unwrap_or(0.0);
    println!(
        "\nthe dearest scalar module at n=500 is {dearest}: {:.1} us fresh, {critical:.1} us its call alone",
        us_of(&dearest)
    );
    let fresh = us_of(&dearest);
    summary.set("scalar.n500.us", fresh);
    summary.set("critical.n500.us", critical);
}

/// One call, and what was measured of it.
struct Asked {
    module: String,
    stage: Stage,
    batch: Batch,
    evaluate: Evaluate,
    /// One sample a round, the median of its repeats, so that sums over the set are sums of one round.
    sandbox: Vec<f64>,
    native: Vec<f64>,
    translate: Vec<f64>,
}

impl Asked {
    fn all(gate: &Gate, batch: &Batch) -> Vec<Self> {
        let calls = gate.calls(batch).into_iter().map(|(module, stage, batch)| {
            let evaluate = native::POLICIES.iter().find(|(name, _)| *name == module).unwrap().1;
            Self { module, stage, batch, evaluate, sandbox: Vec::new(), native: Vec::new(), translate: Vec::new() }
        });
        calls.collect()
    }

    /// The sandbox says what the native policy says, or nothing is measured.
    fn check(&self, gate: &Gate) {
        let (sandboxed, natively) = gate
            .with_call_in(self.stage, &self.module, &self.batch, |call| {
                (gate.ask_call(&self.module, call.clone()).unwrap().unwrap(), (self.evaluate)(native::call(&call)))
            })
            .unwrap();
        assert_eq!(sandboxed.rows, natively.rows, "{} differs from its native twin", self.module);
        assert_eq!(sandboxed.effects, natively.effects, "{} differs from its native twin", self.module);
        assert_eq!(sandboxed.values, natively.values, "{} differs from its native twin", self.module);
        assert_eq!(sandboxed.missing, natively.missing, "{} differs from its native twin", self.module);
    }

    fn round(&mut self, gate: &Gate) {
        let Self { module, stage, batch, evaluate, .. } = self;
        let (mut sandbox, mut natively) = (Samples::default(), Samples::default());
        let translate = (0..REPEATS).map(|_| us(|| gate.with_call_in(*stage, module, batch, |call| call.frames.len())));
        self.translate.push(translate.collect::<Samples>().median());
        gate.with_call_in(*stage, module, batch, |call| {
            let owned = native::call(&call);
            for _ in 0..REPEATS {
                let call = call.clone();
                sandbox.push(us(|| gate.ask_call(module, call)));
                let owned = owned.clone();
                natively.push(us(|| evaluate(owned)));
            }
        });
        self.sandbox.push(sandbox.median());
        self.native.push(natively.median());
    }
}

fn measure(gate: &Gate, effort: Effort, summary: &mut Summary, prefix: &str, request: impl Fn(u64) -> String) {
    println!(
        "{:<16}{:>8}{:>11}{:>11}{:>10}{:>10}{:>8}  p10..p90 of the ratio",
        "", "n", "us", "native us", "ns/row", "native", "ratio"
    );
    for rows in SIZES {
        let batch = Batch::from_json(request(rows).as_bytes()).unwrap();
        let mut calls = Asked::all(gate, &batch);
        calls.iter().for_each(|asked| asked.check(gate));
        let mut evaluate = Samples::default();
        let rounds = effort.rounds(|| {
            calls.iter_mut().for_each(|asked| asked.round(gate));
            let whole: Samples = (0..REPEATS).map(|_| us(|| gate.evaluate(&batch))).collect();
            evaluate.push(whole.median());
        });
        // A module that is asked in both stages is one line.
        let mut modules: Vec<&str> = calls.iter().map(|asked| asked.module.as_str()).collect();
        modules.sort_unstable();
        modules.dedup();
        let sum = |of: fn(&Asked) -> &Vec<f64>, module: Option<&str>| -> Samples {
            let chosen = || calls.iter().filter(|asked| module.is_none_or(|module| module == asked.module));
            (0..rounds).map(|round| chosen().map(|asked| of(asked)[round]).sum()).collect()
        };
        let ratio = |module: Option<&str>| -> Samples {
            let chosen = || calls.iter().filter(|asked| module.is_none_or(|module| module == asked.module));
            let of = |round: usize| {
                let (a, b) = chosen().fold((0.0, 0.0), |(a, b), c| (a + c.sandbox[round], b + c.native[round]));
                a / b
            };
            (0..rounds).map(of).collect()
        };
        let lines = modules.iter().map(|module| (format!("module.{module}"), Some(*module)));
        for (name, module) in lines.chain([("set".to_owned(), None)]) {
            let (sandbox, natively, ratios) = (sum(|a| &a.sandbox, module), sum(|a| &a.native, module), ratio(module));
            let (a, b) = (sandbox.median(), natively.median());
            println!(
                "{:<16}{rows:>8}{a:>11.1}{b:>11.2}{:>10.1}{:>10.1}{:>8.1}  {:.1}..{:.1}",
                name.trim_start_matches("module."),
                a * 1e3 / rows as f64,
                b * 1e3 / rows as f64,
                a / b,
                ratios.at(0.1),
                ratios.at(0.9)
            );
            let key = format!("{prefix}{name}.n{rows}");
            summary.spread(&format!("{key}.us"), &sandbox);
            summary.spread(&format!("{key}.vs_native"), &ratios);
            // The ratio of the medians; the spread is that of single rounds.
            summary.set(format!("{key}.vs_native"), a / b);
            match module {
                None => summary.spread(&format!("{prefix}native.n{rows}.us"), &natively),
                // The content feed does not ask every module; the others have their figures from here.
                Some(_) if summary.get(&format!("{name}.n{rows}.us")).is_none() => {
                    summary.spread(&format!("{name}.n{rows}.us"), &sandbox);
                }
                Some(_) => {}
            }
        }
        let (set, translate) = (sum(|a| &a.sandbox, None).median(), sum(|a| &a.translate, None).median());
        summary.set(format!("{prefix}set.n{rows}.calls"), calls.len() as f64);
        summary.spread(&format!("{prefix}evaluate.n{rows}.us"), &evaluate);
        summary.set(format!("{prefix}translate.n{rows}.us"), translate);
        summary.set(format!("{prefix}merge.n{rows}.us"), evaluate.median() - set - translate);
        println!(
            "{:<16}{rows:>8}{:>11.1}   of it {set:.1} in {} calls, {translate:.1} translating, {:.1} merging, ordering, the rest; {rounds} rounds",
            "evaluate",
            evaluate.median(),
            calls.len(),
            evaluate.median() - set - translate
        );
    }
}

/// The parts of all calls at 500 rows, and `evaluate`. Measured before and after the lists of 10,000, since an instance's memory
/// may be one that a large list has used: what was touched once is reset ever after.
pub(crate) fn parts(gate: &Gate, effort: Effort, summary: &mut Summary, when: &str) {
    let batch = Batch::from_json(feed::content(500).as_bytes()).unwrap();
    let calls = gate.calls(&batch);
    let mut parts = vec![[const { Vec::new() }; 3]; calls.len()];
    let mut whole = Samples::default();
    effort.rounds(|| {
        for ((module, stage, batch), parts) in calls.iter().zip(&mut parts) {
            let times =
                gate.with_call_in(*stage, module, batch, |call| gate.time_call(module, call)).flatten().unwrap();
            parts.iter_mut().zip(times).for_each(|(part, time)| part.push(time.as_secs_f64() * 1e6));
        }
        whole.push(us(|| gate.evaluate(&batch)));
    });
    let medians: Vec<[f64; 3]> =
        parts.into_iter().map(|parts| parts.map(|part| Samples::from_iter(part).median())).collect();
    let of = |part: usize| -> f64 { medians.iter().map(|parts| parts[part]).sum() };
    for (part, name) in ["instantiate", "call", "drop"].into_iter().enumerate() {
        summary.set(format!("{when}set.n500.{name}_us"), of(part));
    }
    for ((module, ..), parts) in calls.iter().zip(&medians) {
        let key = format!("{when}module.{module}.n500.call_us");
        // One that judges in both stages is in it with both calls.
        let before = summary.get(&key).unwrap_or(0.0);
        summary.set(key, before + parts[1]);
    }
    summary.spread(&format!("{when}parts.evaluate.n500.us"), &whole);
    println!(
        "\n{}the parts of all {} calls at n=500: {:.1} us instances, {:.1} us calls, {:.1} us their end; `evaluate` {:.1}",
        if when.is_empty() { "" } else { "after lists of 10,000: " },
        calls.len(),
        of(0),
        of(1),
        of(2),
        whole.median()
    );
}
