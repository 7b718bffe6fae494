//! Internet offers to real addresses: one price, very different speeds, and an audit's verdict on each city and provider.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Adapter, Answer, Item, Pages, Report, Set, Tally, candidate, request, share, withheld};

/// Offers a request.
const PAGE: usize = 50;

/// What the platform is taken to know of an offer.
const READINGS: [(&str, &str); 4] = [
    ("as sent", "no reference price, price features unknown, as in the rows"),
    ("no features", "no reference price, and known that no profile feature was used"),
    ("reference", "reference = the most common price of the city and provider, by the set's own count"),
    ("per Mbps", "price and reference taken per Mbps, as if the platform had priced the terms"),
];

pub(super) fn set() -> Set {
    Set { name: "isp_offers", modules: &["art21"], adapter: Box::<Offers>::default(), tally: Box::<Seen>::default() }
}

/// How often each price occurs with a city and provider.
type Prices = BTreeMap<String, BTreeMap<i64, u64>>;

#[derive(Default)]
struct Offers {
    prices: Prices,
    per_mbps: Prices,
    pages: Pages,
}

impl Adapter for Offers {
    fn prepare(&mut self, row: &Value) {
        if row["record"] == "offer" {
            for (prices, name) in [(&mut self.prices, "price_usd"), (&mut self.per_mbps, "usd_per_mbps")] {
                if let Some(cents) = cents(&row[name]) {
                    *prices.entry(pair(row)).or_default().entry(cents).or_default() += 1;
                }
            }
        }
    }

    fn adapt(&mut self, row: Value) -> Vec<Item> {
        if row["record"] != "offer" {
            let unequal =
                ["income_disparity", "race_disparity", "redlining_disparity"].iter().any(|name| row[name] == true);
            return vec![Item { request: None, truth: json!({"pair": pair(&row), "unequal": unequal}) }];
        }
        if self.pages.push(row, PAGE) { self.rest() } else { Vec::new() }
    }

    fn rest(&mut self) -> Vec<Item> {
        let Some(page) = self.pages.take() else { return Vec::new() };
        let truth: Vec<Value> = page
            .iter()
            .map(|row| json!({"pair": pair(row), "income": row["income_level"], "speed": row["speed_down_mbps"]}))
            .collect();
        let items = READINGS.iter().map(|(reading, _)| {
            let candidates = page.iter().enumerate().map(|(place, row)| self.offer(place, row, reading));
            let request =
                request(&format!("page {} {reading}", self.pages.number), "product_list", "rank", candidates.collect());
            Item { request: Some(request), truth: json!({"reading": reading, "rows": truth}) }
        });
        items.collect()
    }
}

impl Offers {
    fn offer(&self, place: usize, row: &Value, reading: &str) -> Value {
        let (prices, price) = match reading {
            "per Mbps" => (&self.per_mbps, cents(&row["usd_per_mbps"])),
            _ => (&self.prices, cents(&row["price_usd"])),
        };
        let mut candidate = candidate(place, "service_offer");
        // US cents in a column of fen: only equality and order matter here.
        candidate["price_fen"] = json!(price);
        candidate["offer"] =
            json!({"cond_key": super::number_of(&pair(row)), "basis": "none", "rule_disclosed": false});
        if reading != "as sent" {
            candidate["offer"]["price_features"] = json!([]);
        }
        if (reading == "reference" || reading == "per Mbps")
            && let Some(seen) = prices.get(&pair(row))
        {
            // The most common price; of equally common ones the lowest.
            let usual = seen.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
            candidate["offer"]["ref_price_fen"] = json!(usual.map(|(price, _)| price));
            candidate["offer"]["ref_n"] = json!(seen.values().sum::<u64>());
        }
        candidate
    }
}

/// City and provider: what the audit gives a verdict on.
fn pair(row: &Value) -> String {
    format!("{} / {}", row["city"].as_str().unwrap_or("?"), row["isp"].as_str().unwrap_or("?"))
}

fn cents(dollars: &Value) -> Option<i64> {
    dollars.as_f64().map(|dollars| (dollars * 100.0).round() as i64)
}

#[derive(Default)]
struct Seen {
    offers: u64,
    /// Rows by reading and what was said: `allow`, or the first rule and its effect.
    said: BTreeMap<(String, String), u64>,
    /// Withheld and all, by reading and city with provider.
    pairs: BTreeMap<String, BTreeMap<String, (u64, u64)>>,
    /// Withheld and all, by income level, in the reading per Mbps.
    incomes: BTreeMap<String, (u64, u64)>,
    audit: BTreeMap<String, bool>,
    speeds: BTreeMap<String, (f64, f64)>,
}

impl Tally for Seen {
    fn observe(&mut self, truth: &Value, answer: Option<&Answer>) {
        let Some(answer) = answer else {
            self.audit.insert(truth["pair"].as_str().unwrap_or_default().to_owned(), truth["unequal"] == true);
            return;
        };
        let reading = truth["reading"].as_str().unwrap_or_default();
        let violated: Vec<&str> = answer.list("violations").iter().filter_map(|item| item["target"].as_str()).collect();
        for (row, verdict) in answer.by_row() {
            let seen = &truth["rows"][row];
            let pair = seen["pair"].as_str().unwrap_or_default();
            let mut words = format!(
                "{} by {}",
                verdict["action"].as_str().unwrap_or("?"),
                verdict["reasons"][0]["rule"].as_str().unwrap_or("no rule")
            );
            if violated.contains(&verdict["id"].as_str().unwrap_or_default()) {
                words += " with a violation";
            }
            *self.said.entry((reading.to_owned(), words)).or_default() += 1;
            let count = self.pairs.entry(reading.to_owned()).or_default().entry(pair.to_owned()).or_default();
            count.0 += u64::from(withheld(verdict));
            count.1 += 1;
            if reading == "per Mbps" {
                let count = self.incomes.entry(seen["income"].as_str().unwrap_or("unknown").to_owned()).or_default();
                count.0 += u64::from(withheld(verdict));
                count.1 += 1;
            }
            if reading == READINGS[0].0 {
                self.offers += 1;
                if let Some(speed) = seen["speed"].as_f64() {
                    let range = self.speeds.entry(pair.to_owned()).or_insert((speed, speed));
                    *range = (range.0.min(speed), range.1.max(speed));
                }
            }
        }
    }

    fn report(&self, report: &mut Report) {
        let wide = self.speeds.values().filter(|(low, high)| *low > 0.0 && high / low >= 10.0).count() as u64;
        report.finding(format!(
            "{} offers of {} pairs of city and provider; the fastest offer is 10 times the slowest or more in {}",
            self.offers,
            self.speeds.len(),
            share(wide, self.speeds.len() as u64)
        ));
        report.limit("art21 compares prices on equal terms; speed is no column of it, so a worse service at the same price has d = 0");
        report.limit(
            "which price features were used is not in the rows; the audit judged by area, art21 judges by offer",
        );
        if !report.loaded("art21") {
            return;
        }
        for (reading, meaning) in READINGS {
            let mut said: Vec<(&str, u64)> =
                self.said.iter().filter(|(key, _)| key.0 == reading).map(|(key, n)| (key.1.as_str(), *n)).collect();
            said.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            let said: Vec<String> = said.iter().map(|(words, n)| format!("{words} {n}")).collect();
            report.finding(format!("{reading} ({meaning}): {}", said.join(", ")));
        }
        for reading in ["reference", "per Mbps"] {
            let pairs = self.pairs.get(reading);
            let caught = |unequal: bool| {
                let judged =
                    (self.audit.iter()).filter(|(pair, audit)| **audit == unequal && self.speeds.contains_key(*pair));
                let all = judged.clone().count() as u64;
                let caught =
                    judged.filter(|(pair, _)| pairs.and_then(|p| p.get(*pair)).is_some_and(|seen| seen.0 > 0)).count();
                share(caught as u64, all)
            };
            report.finding(format!(
                "{reading}, against the audit: art21 withholds some offer in {} pairs found unequal and in {} found not so",
                caught(true),
                caught(false)
            ));
        }
        let incomes: Vec<String> =
            self.incomes.iter().map(|(level, (n, all))| format!("{level} {}", share(*n, *all))).collect();
        report.finding(format!("per Mbps, withheld by income of the area: {}", incomes.join(", ")));
    }
}
