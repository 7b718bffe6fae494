//! Samples, their percentiles, and the flat keys of target/bench/summary.json.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to measure one thing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    time: Duration,
    least: usize,
    most: usize,
}

impl Effort {
    /// As much as a figure needs.
    pub(crate) const FULL: Self = Self { time: Duration::from_secs(3), least: 15, most: 400 };
    /// For what takes milliseconds a round.
    pub(crate) const LONG: Self = Self { time: Duration::from_secs(20), least: 15, most: 400 };
    /// Once: whether it works, not how fast.
    pub(crate) const ONCE: Self = Self { time: Duration::ZERO, least: 1, most: 1 };

    pub(crate) fn is_full(self) -> bool {
        self.most > 1
    }

    /// Runs rounds until they are enough; says how many.
    pub(crate) fn rounds(self, mut round: impl FnMut()) -> usize {
        let begin = Instant::now();
        let mut done = 0;
        while done < self.least || (done < self.most && begin.elapsed() < self.time) {
            round();
            done += 1;
        }
        done
    }
}

/// What was measured of one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn at(&self, share: f64) -> f64 {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * share).round() as usize]
    }

    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Microseconds that `f` takes; dropping its result is not counted.
pub(crate) fn us<R>(f: impl FnOnce() -> R) -> f64 {
    let begin = Instant::now();
    let result = black_box(f());
    let took = begin.elapsed();
    drop(result);
    took.as_secs_f64() * 1e6
}

/// The figures of a run, under flat keys.
pub(crate) struct Summary {
    path: PathBuf,
    values: BTreeMap<String, f64>,
}

impl Summary {
    /// Nothing yet.
    pub(crate) fn fresh() -> Self {
        Self { path: folder().join("summary.json"), values: BTreeMap::new() }
    }

    /// What an earlier part of the same run wrote.
    pub(crate) fn open() -> Self {
        let path = folder().join("summary.json");
        let values = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, values: values.unwrap_or_default() }
    }

    pub(crate) fn set(&mut self, key: impl Into<String>, value: f64) {
        self.values.insert(key.into(), (value * 1e4).round() / 1e4);
    }

    /// The median under the key, the spread beside it.
    pub(crate) fn spread(&mut self, key: &str, samples: &Samples) {
        self.set(key, samples.median());
        self.set(format!("{key}.p10"), samples.at(0.1));
        self.set(format!("{key}.p90"), samples.at(0.9));
    }

    pub(crate) fn get(&self, key: &str) -> Option<f64> {
        self.values.get(key).copied()
    }

    /// What the figures were measured on.
    pub(crate) fn machine(&mut self) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
        self.set("machine.cores", std::thread::available_parallelism().map_or(1, usize::from) as f64);
        self.set("machine.load_at_start", load);
        println!("load {load}");
    }

    pub(crate) fn write(&self) {
        std::fs::write(&self.path, serde_json::to_string_pretty(&self.values).unwrap() + "\n").unwrap();
        println!("\n{}", self.path.display());
    }
}

/// `target/bench`: cargo marks its target folder.
pub(crate) fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let folder = target.unwrap_or(Path::new("target")).join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
