//! What the trials share: how a set becomes requests, how these are judged by a child process, and what is reported.

mod cold_comments;
mod hot_boards;
mod interest_tags;
mod isp_offers;
mod media_ratings;
mod telefraud_dialogues;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

/// All sets, in the order of the report.
pub(crate) fn sets() -> Vec<Set> {
    vec![
        hot_boards::set(),
        media_ratings::set(),
        telefraud_dialogues::set(),
        isp_offers::set(),
        interest_tags::set(),
        cold_comments::set(),
    ]
}

/// One set of data: its file, the modules that it is about, and its two halves, which run on two threads.
pub(crate) struct Set {
    /// Name of the file, without `.jsonl.gz`.
    pub(crate) name: &'static str,
    /// Modules that could judge it.
    pub(crate) modules: &'static [&'static str],
    /// Turns rows into requests.
    pub(crate) adapter: Box<dyn Adapter + Send>,
    /// Compares answers with what the rows say.
    pub(crate) tally: Box<dyn Tally>,
}

/// Turns rows into requests.
pub(crate) trait Adapter {
    /// Looks at a row in a first pass over the file, before any request is made.
    fn prepare(&mut self, _row: &Value) {}

    /// The requests that a row makes; none while a page is filling up.
    fn adapt(&mut self, row: Value) -> Vec<Item>;

    /// The requests that are left when the rows are at an end.
    fn rest(&mut self) -> Vec<Item> {
        Vec::new()
    }
}

/// Rows that are gathered until they fill a page; pages are numbered from 1.
#[derive(Default)]
pub(crate) struct Pages {
    rows: Vec<Value>,
    pub(crate) number: usize,
}

impl Pages {
    /// Adds a row; true when it fills a page of this size.
    pub(crate) fn push(&mut self, row: Value, size: usize) -> bool {
        self.rows.push(row);
        self.rows.len() == size
    }

    /// The page so far, which starts the next one; none when it is empty.
    pub(crate) fn take(&mut self) -> Option<Vec<Value>> {
        let page = std::mem::take(&mut self.rows);
        self.number += usize::from(!page.is_empty());
        (!page.is_empty()).then_some(page)
    }
}

/// Compares answers with what the rows say.
pub(crate) trait Tally {
    /// Sees a row's truth, and the answer if the item had a request.
    fn observe(&mut self, truth: &Value, answer: Option<&Answer>);

    /// Writes down what was seen.
    fn report(&self, report: &mut Report);
}

/// A request and what the rows behind it say. The truth never reaches the program that judges.
pub(crate) struct Item {
    /// The request; none for a row that only carries truth.
    pub(crate) request: Option<Value>,
    /// What the rows say.
    pub(crate) truth: Value,
}

/// An answer line.
pub(crate) struct Answer(Value);

impl Answer {
    /// A list of the answer.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.0[name].as_array().map_or(&[], Vec::as_slice)
    }

    /// Verdicts by the candidate's place in the request, which its id carries: `r0`, `r1`, …
    pub(crate) fn by_row(&self) -> BTreeMap<usize, &Value> {
        let verdicts = self.list("verdicts").iter();
        verdicts.filter_map(|v| Some((v["id"].as_str()?.strip_prefix('r')?.parse().ok()?, v))).collect()
    }
}

/// Whether a rule is among the reasons of a verdict or tag.
pub(crate) fn has_rule(verdict: &Value, rule: &str) -> bool {
    verdict["reasons"].as_array().is_some_and(|reasons| reasons.iter().any(|reason| reason["rule"] == rule))
}

/// Whether a verdict withholds its row.
pub(crate) fn withheld(verdict: &Value) -> bool {
    verdict["action"] == "block"
}

/// Agreement of a rule with the label that the adapter turned into its input.
#[derive(Default)]
pub(crate) struct Check {
    expected: u64,
    fired: u64,
    agreed: u64,
    total: u64,
}

impl Check {
    /// Counts one row.
    pub(crate) fn count(&mut self, expected: bool, fired: bool) {
        self.expected += u64::from(expected);
        self.fired += u64::from(fired);
        self.agreed += u64::from(expected == fired);
        self.total += 1;
    }
}

/// What a trial says in the end.
#[derive(Default)]
pub(crate) struct Report {
    modules: Vec<String>,
    plumbing: Vec<String>,
    findings: Vec<String>,
    limits: Vec<String>,
    failed: bool,
}

impl Report {
    /// Whether a module is among those that judged.
    pub(crate) fn loaded(&self, module: &str) -> bool {
        self.modules.iter().any(|loaded| loaded == module)
    }

    /// Adds a plumbing check of a module's rule; anything but full agreement fails the trial.
    pub(crate) fn plumbing(&mut self, module: &str, what: &str, check: &Check) {
        if !self.loaded(module) {
            self.plumbing.push(format!("{what}: not checked, {module} is not loaded"));
            return;
        }
        let verdict = if check.agreed == check.total { "" } else { "  <-- NOT 100 %" };
        self.failed |= check.agreed != check.total;
        self.plumbing.push(format!(
            "{what}: {} of {} rows agree ({} expected, {} fired){verdict}",
            check.agreed, check.total, check.expected, check.fired
        ));
    }

    /// Adds something that no label put there.
    pub(crate) fn finding(&mut self, text: impl Into<String>) {
        self.findings.push(text.into());
    }

    /// Adds what this trial cannot say, and why.
    pub(crate) fn limit(&mut self, text: impl Into<String>) {
        self.limits.push(text.into());
    }
}

/// `n of m (p %)`.
pub(crate) fn share(n: u64, m: u64) -> String {
    if m == 0 { "0 of 0".to_owned() } else { format!("{n} of {m} ({:.1} %)", 100.0 * n as f64 / m as f64) }
}

/// A request in which everything that a set does not speak of is known and harmless.
pub(crate) fn request(id: &str, surface: &str, algo_type: &str, candidates: Vec<Value>) -> Value {
    // 2026-11-01, 19:30 in Shanghai, a Sunday.
    let now_ms = 1_793_532_600_000_i64;
    json!({
        "id": id,
        "ctx": {
            "territory": "CN_MAINLAND", "algo_type": algo_type, "surface": surface, "home_page": false, "now_ms": now_ms,
            "local_min": 1170, "day_type": "weekend", "can_render_labels": true, "choice_entry_shown": true,
            "nonpersonal_option": true, "off_option": true, "notice_seen_version": 3,
        },
        "user": {
            "age_band": "a18_60", "age_assurance": "id_verified", "minor_mode": false, "elder_mode": false,
            "personalization": "on", "recs_switch": "on",
        },
        "session": {"continuous_s": 600, "today_s": 1200},
        "provider": {
            "notice_version": 3, "disclosure_url_ok": true, "dispatch_rules_published": true,
            "permits": ["edit_publish", "reprint", "platform"], "permit_expiry_ms": now_ms + 30_000_000_000,
            "list_version_ms": now_ms - 600_000_000,
        },
        "candidates": candidates,
    })
}

/// A candidate in which everything that a set does not speak of is known and harmless.
pub(crate) fn candidate(row: usize, kind: &str) -> Value {
    json!({
        "id": format!("r{row}"), "kind": kind, "rank_pos": row, "scan_state": "done", "signals": [],
        "retrieval_basis": "generic", "commercial": false, "aigc": {"meta_label": "none"}, "news": {"is_news": false},
        "engage": {"author_state": "normal"},
    })
}

/// A number that is equal for equal texts (FNV-1a), within what JSON carries exactly.
pub(crate) fn number_of(text: &str) -> i64 {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 11) as i64
}

/// The modules that a program carries, by prefix.
pub(crate) fn loaded_modules(normgate: &Path) -> Result<Vec<String>> {
    let place = || format!("{} inspect --json", normgate.display());
    let output = Command::new(normgate).args(["inspect", "--json"]).output().with_context(place)?;
    if !output.status.success() {
        bail!("{} ended with {}: {}", place(), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let modules = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
        let module: Value = serde_json::from_slice(line).with_context(place)?;
        let name = module["manifest"]["module"].as_str().map(str::to_owned);
        name.with_context(|| format!("{}: a line without manifest.module", place()))
    });
    modules.collect()
}

/// Judges one set and prints its report. False when a line was refused or a plumbing check fails.
pub(crate) fn run(set: Set, data: &Path, normgate: &Path, modules: &[String]) -> Result<bool> {
    let Set { name, modules: wanted, mut adapter, mut tally } = set;
    let path = data.join(format!("{name}.jsonl.gz"));
    println!("\n== {name}");
    if !path.is_file() {
        println!("   not present");
        return Ok(true);
    }
    for row in rows(&path)? {
        adapter.prepare(&row?);
    }

    // 1. The program that judges, its input fed by a thread of its own, so that neither pipe can fill up unread.
    let started = Instant::now();
    let mut child = Command::new(normgate)
        .args(["eval", "-i", "-", "--strict"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", normgate.display()))?;
    let stdin = child.stdin.take().context("the input of the child process")?;
    let mut answers = BufReader::new(child.stdout.take().context("the output of the child process")?);
    let (truths, expected) = mpsc::channel();
    let file = path.clone();
    let feeder = std::thread::spawn(move || -> Result<u64> {
        let mut input = BufWriter::new(stdin);
        let mut read = 0;
        for row in rows(&file)? {
            read += 1;
            for item in adapter.adapt(row?) {
                feed(item, &mut input, &truths)?;
            }
        }
        for item in adapter.rest() {
            feed(item, &mut input, &truths)?;
        }
        input.flush()?;
        Ok(read)
    });

    // 2. Answers, line by line, in the order of the requests.
    let mut counts = Counts::default();
    let mut line = String::new();
    let mut lost = None;
    for (id, truth) in expected {
        let Some(id) = id else {
            tally.observe(&truth, None);
            continue;
        };
        line.clear();
        if answers.read_line(&mut line)? == 0 {
            lost = Some(anyhow!("{name}: {} ended before it answered request {id}", normgate.display()));
            break;
        }
        let answer =
            Answer(serde_json::from_str(&line).with_context(|| format!("{name}: the answer to request {id}"))?);
        if answer.0["id"].as_str() != Some(&id) {
            lost = Some(anyhow!("{name}: request {id} was answered as {}", answer.0["id"]));
            break;
        }
        counts.add(&id, &answer);
        if answer.0.get("error").is_none() {
            tally.observe(&truth, Some(&answer));
        }
    }
    drop(answers);
    let fed = feeder.join().map_err(|_| anyhow!("{name}: the thread that reads {} panicked", path.display()))?;
    let status = child.wait()?;
    if let Some(error) = lost {
        return Err(error);
    }
    let read = fed?;
    if status.code().is_none_or(|code| code > 1) {
        bail!("{name}: {} ended with {status}", normgate.display());
    }

    // 3. The report.
    counts.print(read, started.elapsed().as_secs_f64());
    let mut report = Report { modules: modules.to_vec(), ..Report::default() };
    tally.report(&mut report);
    let missing: Vec<&str> = wanted.iter().copied().filter(|module| !report.loaded(module)).collect();
    if missing.len() == wanted.len() {
        report.limit(format!("no rule can judge this set: {} would, and none of them is loaded", wanted.join(", ")));
    } else if !missing.is_empty() {
        report.limit(format!("not loaded, so silent: {}", missing.join(", ")));
    }
    print_list(
        "plumbing check (rules against labels that the adapter itself turned into signals; proves wiring only)",
        &report.plumbing,
    );
    if report.findings.is_empty() {
        report.finding("none");
    }
    print_list("findings (not put there by a label)", &report.findings);
    print_list("what this set cannot say", &report.limits);
    Ok(!report.failed && counts.refused == 0)
}

fn feed(item: Item, input: &mut impl Write, truths: &mpsc::Sender<(Option<String>, Value)>) -> Result<()> {
    let id = item.request.as_ref().map(|request| request["id"].as_str().unwrap_or_default().to_owned());
    // The reader is gone only when it has already found what to report.
    if truths.send((id, item.truth)).is_ok()
        && let Some(request) = item.request
    {
        serde_json::to_writer(&mut *input, &request)?;
        input.write_all(b"\n")?;
    }
    Ok(())
}

/// The rows of a compressed file, one after the other.
fn rows(path: &Path) -> Result<impl Iterator<Item = Result<Value>>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines();
    let path = path.to_owned();
    Ok(lines.enumerate().map(move |(index, line)| {
        let place = || format!("{} line {}", path.display(), index + 1);
        serde_json::from_str(&line.with_context(place)?).with_context(place)
    }))
}

fn print_list(title: &str, items: &[String]) {
    if !items.is_empty() {
        println!("   {title}");
        for item in items {
            println!("   - {item}");
        }
    }
}

/// What is counted of every answer, whatever the set.
#[derive(Default)]
struct Counts {
    requests: u64,
    refused: u64,
    first_refusal: Option<String>,
    failures: u64,
    actions: BTreeMap<String, u64>,
    tag_actions: BTreeMap<String, u64>,
    rules: BTreeMap<String, u64>,
    others: BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, id: &str, answer: &Answer) {
        self.requests += 1;
        if let Some(error) = answer.0.get("error") {
            self.refused += 1;
            self.first_refusal.get_or_insert_with(|| format!("{id}: {}: {}", error["path"], error["message"]));
        }
        self.failures += answer.list("failures").len() as u64;
        for (list, actions) in [("verdicts", &mut self.actions), ("tags", &mut self.tag_actions)] {
            for verdict in answer.list(list) {
                *actions.entry(word(&verdict["action"])).or_default() += 1;
                for reason in verdict["reasons"].as_array().into_iter().flatten() {
                    *self.rules.entry(word(&reason["rule"])).or_default() += 1;
                }
            }
        }
        for (list, name) in [("obligations", "code"), ("vetoes", "feature"), ("violations", "")] {
            for item in answer.list(list) {
                let what = if name.is_empty() { "violation".to_owned() } else { word(&item[name]) };
                *self.others.entry(format!("{what} by {}", word(&item["rule"]))).or_default() += 1;
            }
        }
    }

    fn print(&self, rows: u64, seconds: f64) {
        let judged: u64 = self.actions.values().sum();
        let tags: u64 = self.tag_actions.values().sum();
        let tags = if tags == 0 { String::new() } else { format!(" and {tags} tags") };
        println!("   {rows} rows, {} requests, {judged} candidates{tags} judged in {seconds:.1} s", self.requests);
        for (what, actions) in [("verdicts", &self.actions), ("tags", &self.tag_actions)] {
            let total: u64 = actions.values().sum();
            let shares: Vec<String> = actions
                .iter()
                .map(|(action, n)| format!("{action} {n} ({:.1} %)", 100.0 * *n as f64 / total as f64))
                .collect();
            if !shares.is_empty() {
                println!("   {what}: {}", shares.join(", "));
            }
        }
        for (what, counts) in [("top rules", &self.rules), ("also", &self.others)] {
            let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
            sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
            let top: Vec<String> = sorted.iter().take(8).map(|(name, n)| format!("{name} {n}")).collect();
            let text = if top.is_empty() { "none".to_owned() } else { top.join(", ") };
            println!("   {what}: {text}");
        }
        if let Some(first) = &self.first_refusal {
            println!("   REFUSED {} requests, the first {first}", self.refused);
        }
        if self.failures > 0 {
            println!("   MODULES FAILED {} times", self.failures);
        }
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}
