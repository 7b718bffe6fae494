//! Daily hot lists of two platforms: paid and pinned places, repetition, and how much of a board is entertainment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Adapter, Answer, Check, Item, Report, Set, Tally, candidate, has_rule, number_of, request, share};

/// Two titles of a board repeat each other when their pairs of characters overlap by so much (Jaccard).
const NEAR: f64 = 0.6;
/// What a first screen holds, `common.first_screen_slots`.
const FIRST: usize = 8;

pub(super) fn set() -> Set {
    Set {
        name: "hot_boards",
        modules: &["art11", "art12", "art14"],
        adapter: Box::new(Boards),
        tally: Box::<Seen>::default(),
    }
}

struct Boards;

impl Adapter for Boards {
    fn adapt(&mut self, row: Value) -> Vec<Item> {
        let entries = row["entries"].as_array().cloned().unwrap_or_default();
        let titles: Vec<&str> = entries.iter().map(|entry| entry["title"].as_str().unwrap_or_default()).collect();
        let groups = near_duplicates(&titles);
        let kind = if row["platform"] == "weibo" { "hot_term" } else { "topic" };
        let candidates = entries.iter().zip(&groups).enumerate().map(|(place, (entry, group))| {
            let mut candidate = candidate(place, kind);
            candidate["commercial"] = json!(entry["promoted"] == true);
            candidate["engage"]["paid_rank"] = json!(entry["promoted"] == true);
            // The rows say that a place is fixed, and nothing of a ticket.
            candidate["engage"]["manual_op"] = json!(if entry["pinned"] == true { "pin" } else { "none" });
            candidate["exempt"] = json!(if entry["refutation"] == true { "public_notice" } else { "none" });
            candidate["dup_group"] = json!(group);
            if let Some(category) = entry["category"].as_str() {
                candidate["topic_id"] = json!(number_of(category));
            }
            candidate
        });
        let id = row["board_id"].as_str().unwrap_or_default();
        let request = request(id, "hot_search", "rank", candidates.collect());
        let truth = json!({"platform": row["platform"], "date": row["date"], "entries": entries, "groups": groups});
        vec![Item { request: Some(request), truth }]
    }
}

/// For each title a number that it shares with its near-duplicates above, 0 where there are none.
fn near_duplicates(titles: &[&str]) -> Vec<usize> {
    let pairs: Vec<BTreeSet<(char, char)>> = titles
        .iter()
        .map(|title| {
            let letters: Vec<char> = title.chars().filter(|letter| letter.is_alphanumeric()).collect();
            letters.windows(2).map(|pair| (pair[0], pair[1])).collect()
        })
        .collect();
    let mut groups = vec![0; titles.len()];
    for later in 1..titles.len() {
        let near = (0..later).find(|earlier| {
            let common = pairs[*earlier].intersection(&pairs[later]).count();
            let all = pairs[*earlier].len() + pairs[later].len() - common;
            common > 0 && common as f64 >= NEAR * all as f64
        });
        if let Some(earlier) = near {
            if groups[earlier] == 0 {
                groups[earlier] = earlier + 1;
            }
            groups[later] = groups[earlier];
        }
    }
    groups
}

#[derive(Default)]
struct Seen {
    boards: BTreeMap<String, u64>,
    days: BTreeSet<String>,
    paid: Check,
    pinned: Check,
    paid_places: u64,
    paid_boards: u64,
    paid_first: u64,
    paid_first_boards: u64,
    repeated_boards: u64,
    repeated: u64,
    duplicate_rows: u64,
    duplicate_boards: u64,
    scatter_rows: u64,
    scatter_boards: u64,
    weibo_rows: u64,
    entertainment: u64,
    most_entertainment: (f64, String),
}

impl Tally for Seen {
    fn observe(&mut self, truth: &Value, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        let platform = truth["platform"].as_str().unwrap_or_default();
        let date = truth["date"].as_str().unwrap_or_default();
        *self.boards.entry(platform.to_owned()).or_default() += 1;
        self.days.insert(date.to_owned());
        let entries = truth["entries"].as_array().map_or(&[][..], Vec::as_slice);
        let (mut paid, mut first, mut duplicates, mut scattered, mut entertainment) = (0, 0, 0, 0, 0);
        for (row, verdict) in answer.by_row() {
            let entry = &entries[row];
            let promoted = entry["promoted"] == true;
            let labelled = verdict["labels"].as_array().is_some_and(|labels| labels.iter().any(|label| label == "ad"));
            self.paid.count(promoted, labelled && has_rule(verdict, "art14.paid-rank"));
            self.pinned.count(entry["pinned"] == true, has_rule(verdict, "art14.unticketed-op"));
            paid += u64::from(promoted);
            first += u64::from(promoted && row < FIRST);
            duplicates += u64::from(has_rule(verdict, "art12.duplicate"));
            scattered += u64::from(has_rule(verdict, "art12.scatter-topic"));
            entertainment += u64::from(entry["category"].is_string());
        }
        self.paid_places += paid;
        self.paid_boards += u64::from(paid > 0);
        self.paid_first += first;
        self.paid_first_boards += u64::from(first > 0);
        self.duplicate_rows += duplicates;
        self.duplicate_boards += u64::from(duplicates > 0);
        self.scatter_rows += scattered;
        self.scatter_boards += u64::from(scattered > 0);
        let groups: Vec<u64> = truth["groups"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let kinds: BTreeSet<u64> = groups.iter().copied().filter(|group| *group > 0).collect();
        let members = groups.iter().filter(|group| **group > 0).count();
        self.repeated += (members - kinds.len()) as u64;
        self.repeated_boards += u64::from(!kinds.is_empty());
        if platform == "weibo" {
            self.weibo_rows += entries.len() as u64;
            self.entertainment += entertainment;
            let part = entertainment as f64 / entries.len().max(1) as f64;
            if part > self.most_entertainment.0 {
                self.most_entertainment = (part, date.to_owned());
            }
        }
    }

    fn report(&self, report: &mut Report) {
        report.plumbing("art14", "promoted -> engage.paid_rank -> label ad", &self.paid);
        report.plumbing("art14", "pinned, no ticket in the rows -> art14.unticketed-op", &self.pinned);
        let boards: u64 = self.boards.values().sum();
        let weibo = self.boards.get("weibo").copied().unwrap_or(0);
        let by: Vec<String> = self.boards.iter().map(|(platform, n)| format!("{platform} {n}")).collect();
        report.finding(format!(
            "{boards} boards ({}) on {} days, at most one a platform and day",
            by.join(", "),
            self.days.len()
        ));
        report.finding(format!(
            "near-duplicate titles (pairs of characters overlap by {NEAR} or more): on {} boards, {} titles repeat one above",
            share(self.repeated_boards, boards),
            self.repeated
        ));
        if report.loaded("art12") {
            report.finding(format!(
                "art12.duplicate withholds {} of them on {} boards (a row that is withheld anyway is not judged again)",
                self.duplicate_rows, self.duplicate_boards
            ));
            report.finding(format!(
                "the same category more than topic_max times in a window, as art12.scatter-topic sees it: {} rows on {}",
                self.scatter_rows,
                share(self.scatter_boards, weibo) + " weibo boards"
            ));
        }
        report.finding(format!(
            "rows with an entertainment prefix (series, shows, concerts, films …): {} of weibo rows; most on {}: {:.0} %",
            share(self.entertainment, self.weibo_rows),
            self.most_entertainment.1,
            100.0 * self.most_entertainment.0
        ));
        report.finding(format!(
            "paid places (the platform's own flag): on {} weibo boards; {} stand among the first {FIRST}, on {} boards",
            share(self.paid_boards, weibo),
            share(self.paid_first, self.paid_places),
            self.paid_first_boards
        ));
        report.limit("a pinned place is withheld only because the rows carry no ticket; whether the platform holds one is unknown");
        report.limit("whether titles were scanned is unknown; scan_state = done is the adapter's word, so rules on unscanned rows are silent");
        report.limit("rows carry no score, so a demotion moves nothing; the category is the platform's prefix, most rows have none");
    }
}

#[cfg(test)]
mod tests {
    use super::near_duplicates;

    #[test]
    fn titles_that_share_most_pairs_form_a_group() {
        assert_eq!(near_duplicates(&["城市马拉松今天开跑", "银杏黄了", "城市马拉松今天开跑了"]), [1, 0, 1]);
        assert_eq!(near_duplicates(&["", "甲", "乙"]), [0, 0, 0]);
    }
}
