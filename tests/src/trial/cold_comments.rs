//! Comments labelled offensive or not, under an article, on a front page and before a minor.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Adapter, Answer, Check, Item, Pages, Report, Set, Tally, candidate, has_rule, number_of, request, share};

/// Comments a request.
const PAGE: usize = 50;
/// Where the comments stand, and before whom.
const PLACES: [(&str, &str); 3] = [("comments", "a18_60"), ("home_first_screen", "a18_60"), ("comments", "a12_16")];

pub(super) fn set() -> Set {
    Set {
        name: "cold_comments",
        modules: &["art06", "art09", "art11"],
        adapter: Box::<Comments>::default(),
        tally: Box::<Seen>::default(),
    }
}

#[derive(Default)]
struct Comments {
    pages: Pages,
}

impl Adapter for Comments {
    fn adapt(&mut self, row: Value) -> Vec<Item> {
        if self.pages.push(row, PAGE) { self.rest() } else { Vec::new() }
    }

    fn rest(&mut self) -> Vec<Item> {
        let Some(page) = self.pages.take() else { return Vec::new() };
        let rows: Vec<Value> = page
            .iter()
            .map(|row| json!({"offensive": row["offensive"], "text": number_of(&plain(&row["text"]))}))
            .collect();
        let items = PLACES.iter().enumerate().map(|(place, (surface, band))| {
            let candidates = page.iter().enumerate().map(|(position, row)| {
                let mut candidate = candidate(position, "comment");
                if row["offensive"] == true {
                    // About race, region or gender: discrimination of a group, H6.
                    candidate["signals"] = json!([{"code": "H6", "source": "classifier", "conf_ppm": 960_000}]);
                }
                candidate
            });
            let mut request =
                request(&format!("page {} {surface} {band}", self.pages.number), surface, "rank", candidates.collect());
            request["user"]["age_band"] = json!(band);
            Item { request: Some(request), truth: json!({"place": place, "rows": rows}) }
        });
        items.collect()
    }
}

/// Letters and figures only, so that punctuation hides no repetition.
fn plain(text: &Value) -> String {
    text.as_str().unwrap_or_default().chars().filter(|letter| letter.is_alphanumeric()).collect()
}

#[derive(Default)]
struct Seen {
    harmful: Check,
    disposed: Check,
    key: Check,
    minor_differs: u64,
    adult_actions: Vec<String>,
    labels: BTreeMap<i64, BTreeSet<bool>>,
    comments: u64,
}

impl Tally for Seen {
    fn observe(&mut self, truth: &Value, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        let place = truth["place"].as_u64().unwrap_or(0);
        let reported: BTreeSet<&str> = (answer.list("obligations").iter())
            .filter(|item| item["rule"] == "art09.harmful-dispose")
            .filter_map(|item| item["target"].as_str())
            .collect();
        let mut actions = Vec::new();
        for (row, verdict) in answer.by_row() {
            let offensive = truth["rows"][row]["offensive"] == true;
            self.harmful.count(offensive, has_rule(verdict, "art06.harmful-confirmed"));
            self.disposed.count(offensive, verdict["id"].as_str().is_some_and(|id| reported.contains(id)));
            actions.push(verdict["action"].as_str().unwrap_or_default().to_owned());
            if place == 1 {
                self.key.count(offensive, has_rule(verdict, "art11.harmful-on-key"));
            }
            if place == 0 {
                self.comments += 1;
                self.labels.entry(truth["rows"][row]["text"].as_i64().unwrap_or(0)).or_default().insert(offensive);
            }
        }
        match place {
            0 => self.adult_actions = actions,
            2 => {
                self.minor_differs +=
                    self.adult_actions.iter().zip(&actions).filter(|(adult, minor)| adult != minor).count() as u64
            }
            _ => {}
        }
    }

    fn report(&self, report: &mut Report) {
        report.plumbing("art09", "offensive -> H6 -> art09.harmful-dispose", &self.disposed);
        report.plumbing("art06", "offensive -> H6 -> art06.harmful-confirmed", &self.harmful);
        report.plumbing("art11", "offensive -> H6 on the first screen -> art11.harmful-on-key", &self.key);
        let contradicted = self.labels.values().filter(|labels| labels.len() > 1).count();
        report.finding(format!(
            "{} of {} comments repeat the letters of another one; {contradicted} such texts are labelled both ways",
            self.comments - self.labels.len() as u64,
            self.comments
        ));
        report.limit("nothing on who is right: no rule reads text, so the verdicts are the labels; most of these were set half by machine");
        report.limit("H6 for all of race, region and gender is the adapter's choice");
        report.limit(format!(
            "H codes are no M codes, so art18 has nothing to go by: a minor gets another action than an adult for {}",
            share(self.minor_differs, self.comments)
        ));
    }
}
