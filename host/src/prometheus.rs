//! What a gate has been doing, in the text format of Prometheus.
//!
//! Which set judges is a series of its own, so that totals keep their labels when another one takes over.

use std::collections::BTreeMap;
use std::fmt::Write;

use normgate_contract::Vocabulary;

use crate::batch::nearest_field;
use crate::breaker::BreakerState;
use crate::latency::Histogram;
use crate::sandbox::FailureKind;
use crate::stats::{InputStats, ModuleStats, Stats};

impl Stats {
    /// The snapshot in the text format of Prometheus.
    pub fn to_prometheus(&self) -> String {
        let mut page = Page::default();
        let generation = self.generation.as_deref().unwrap_or_default();
        let info = labels(&[("generation", generation), ("policy_set", &self.policy_set)]);
        page.family("generation_info", "gauge", "The set that judges, and the name of its generation.", [(info, 1.0)]);
        page.one("requests_total", "Requests judged.", self.requests);
        page.one("candidates_total", "Candidates judged.", self.rows);
        page.one("candidates_withheld_total", "Candidates withheld.", self.withheld);
        page.one("emergency_rows_total", "Uses of an emergency row.", self.emergencies);
        page.one("overridden_requests_total", "Requests judged under an override.", self.overridden);
        page.one("stale_requests_total", "Requests judged by what had expired.", self.stale);
        page.one("input_ignored_total", "Unknown fields of requests, which were ignored.", self.ignored);
        let by = |label: &'static str, counts: &BTreeMap<String, u64>| -> Vec<(String, f64)> {
            counts.iter().map(|(name, count)| (labels(&[(label, name)]), *count as f64)).collect()
        };
        let InputStats { refused, unknown_fields, bad_cells, bad_rows } = &self.input;
        page.one("input_refused_total", "Requests refused for what was sent.", *refused);
        let unknown = unknown_fields.iter().map(|(name, count)| {
            let near = nearest_field(Vocabulary::shipped(), name).unwrap_or_default();
            (labels(&[("field", name), ("nearest", &near)]), *count as f64)
        });
        let help = "Fields that the vocabulary lacks, in requests that were refused too.";
        page.family("input_unknown_fields_total", "counter", help, unknown);
        page.family(
            "input_bad_cells_total",
            "counter",
            "Values not legal, judged as unknown.",
            by("column", bad_cells),
        );
        let rows = bad_rows.iter().map(|(cause, count)| (labels(&[("cause", cause)]), *count as f64));
        page.family("input_bad_rows_total", "counter", "Rows withheld or left out for what was sent.", rows);
        let help = "Requests in which a decision rests on something missing, by column.";
        page.family("missing_input_total", "counter", help, by("column", &self.missing_input));
        page.family("notices_total", "counter", "Notices of outcomes, by code.", by("code", &self.noticed));
        page.head("evaluate_seconds", "histogram", "Time of judging a request.");
        page.histogram("evaluate_seconds", "", &self.evaluate);
        page.one("generation_swaps_total", "Times that another generation took over.", self.swaps);
        page.one("generations_refused_total", "Proposals refused after their trial.", self.refused);
        let mut notices: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for notice in &self.notices {
            *notices.entry((notice.code, notice.policy.as_deref().unwrap_or_default())).or_default() += 1;
        }
        let notices = (notices.into_iter())
            .map(|((code, policy), count)| (labels(&[("code", code), ("policy", policy)]), f64::from(count)));
        page.family("generation_notices", "gauge", "What was noticed when the generation was built.", notices);
        self.modules(&mut page);
        page.0
    }

    fn modules(&self, page: &mut Page) {
        let each = |value: &dyn Fn(&ModuleStats) -> f64| -> Vec<(String, f64)> {
            self.modules.iter().map(|module| (labels(&[("policy", &module.policy)]), value(module))).collect()
        };
        page.family("module_calls_total", "counter", "Calls of a module.", each(&|m| m.calls as f64));
        page.family("module_fuel_total", "counter", "Units of work of a module.", each(&|m| m.fuel as f64));
        let open = each(&|m| f64::from(u8::from(m.breaker != BreakerState::Closed)));
        page.family("module_breaker_open", "gauge", "1 while a module is left out.", open);
        let opened = each(&|m| m.breaker_opened as f64);
        page.family("module_breaker_opened_total", "counter", "Times that the breaker of a module opened.", opened);
        page.head("module_call_seconds", "histogram", "Time of a call and of reading its answer.");
        for module in &self.modules {
            page.histogram("module_call_seconds", &labels(&[("policy", &module.policy)]), &module.latency);
        }
        let mut failures = Vec::new();
        for module in &self.modules {
            // Kinds that did not occur are there at nought, so that the first failure is a rise.
            failures.extend(FailureKind::ALL.into_iter().map(|kind| {
                let count = module.failures.get(&kind).copied().unwrap_or_default();
                (labels(&[("policy", &module.policy), ("kind", kind.name())]), count as f64)
            }));
        }
        page.family("module_failures_total", "counter", "Failed calls, by kind.", failures);
        let unheard = each(&|m| m.unheard as f64);
        page.family("module_unheard_total", "counter", "Turns in which a module failed, or was left out.", unheard);
        let held = each(&|m| m.held as f64);
        page.family("failure_withheld_total", "counter", "Candidates withheld because a module failed.", held);
        let by_rule = |counts: &dyn Fn(&ModuleStats) -> Vec<(&str, u64)>| -> Vec<(String, f64)> {
            let mut series = Vec::new();
            for module in &self.modules {
                let of = |rule: &str| labels(&[("policy", &module.policy), ("rule", rule)]);
                series.extend(counts(module).into_iter().map(|(rule, count)| (of(rule), count as f64)));
            }
            series
        };
        let withheld = by_rule(&|m| m.withheld.iter().map(|(rule, count)| (rule.as_str(), *count)).collect());
        page.family("rule_withheld_total", "counter", "Candidates withheld, by rule.", withheld);
        let spoke = by_rule(&|m| m.shadow.iter().map(|(rule, shadow)| (rule.as_str(), shadow.requests)).collect());
        let help = "Requests in which a rule said something in shadow.";
        page.family("rule_shadow_requests_total", "counter", help, spoke);
        let would = by_rule(&|m| m.shadow.iter().map(|(rule, shadow)| (rule.as_str(), shadow.withheld)).collect());
        let help = "Candidates that a rule in shadow would have withheld.";
        page.family("rule_shadow_withheld_total", "counter", help, would);
    }
}

/// The text, as it grows. Writing to it cannot fail.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP normgate_{name} {help}\n# TYPE normgate_{name} {kind}");
    }

    fn family(&mut self, name: &str, kind: &str, help: &str, series: impl IntoIterator<Item = (String, f64)>) {
        self.head(name, kind, help);
        for (labels, value) in series {
            self.series(name, &labels, value);
        }
    }

    /// A counter without labels.
    fn one(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help, [(String::new(), value as f64)]);
    }

    fn series(&mut self, name: &str, labels: &str, value: f64) {
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "normgate_{name}{braced} {value}");
    }

    /// The series of one histogram, whose head is there.
    fn histogram(&mut self, name: &str, of: &str, Histogram { buckets, count, sum_s }: &Histogram) {
        let comma = if of.is_empty() { "" } else { "," };
        for (bound, below) in buckets {
            self.series(&format!("{name}_bucket"), &format!("{of}{comma}le=\"{bound}\""), *below as f64);
        }
        self.series(&format!("{name}_bucket"), &format!("{of}{comma}le=\"+Inf\""), *count as f64);
        self.series(&format!("{name}_sum"), of, *sum_s);
        self.series(&format!("{name}_count"), of, *count as f64);
    }
}

/// Labels with their values, escaped as the format has it.
fn labels(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{comma}{name}=\"{value}\"");
    }
    text
}
