//! Interest tags of the advertising trade, as tags of a user.

use serde_json::{Value, json};

use super::{Adapter, Answer, Check, Item, Pages, Report, Set, Tally, has_rule, request, share};

/// Tags a request.
const PAGE: usize = 50;
/// Bands that the tags are judged for.
const BANDS: [&str; 2] = ["a18_60", "a12_16"];

pub(super) fn set() -> Set {
    Set { name: "interest_tags", modules: &["art10"], adapter: Box::<Tags>::default(), tally: Box::<Seen>::default() }
}

#[derive(Default)]
struct Tags {
    pages: Pages,
}

impl Adapter for Tags {
    fn adapt(&mut self, row: Value) -> Vec<Item> {
        if self.pages.push(row, PAGE) { self.rest() } else { Vec::new() }
    }

    fn rest(&mut self) -> Vec<Item> {
        let Some(page) = self.pages.take() else { return Vec::new() };
        let items = BANDS.iter().map(|band| {
            let tags = page.iter().map(|row| {
                json!({
                    "tag_id": row["id"], "in_dictionary": true, "review": "approved", "origin": "chosen", "state": "active",
                    "sensitive": row["sensitive"], "separate_consent": false, "signals": [],
                    "purpose": if marketing(row) { "marketing" } else { "content" },
                })
            });
            let mut request = request(&format!("page {} {band}", self.pages.number), "feed", "push", Vec::new());
            request["user"]["tags"] = tags.collect();
            request["user"]["age_band"] = json!(band);
            let rows: Vec<Value> = page.iter().map(|row| json!({"sensitive": row["sensitive"], "marketing": marketing(row)})).collect();
            Item { request: Some(request), truth: json!({"band": band, "rows": rows}) }
        });
        items.collect()
    }
}

/// Audience tags are made to sell to people, content tags to describe pages.
fn marketing(row: &Value) -> bool {
    row["taxonomy"].as_str().is_some_and(|name| name.contains("Audience"))
}

#[derive(Default)]
struct Seen {
    sensitive: Check,
    minors: Check,
    tags: u64,
    ungraded: u64,
    ungraded_suppressed: u64,
    minor_kept: u64,
}

impl Tally for Seen {
    fn observe(&mut self, truth: &Value, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        let minor = truth["band"] != BANDS[0];
        for (tag, row) in answer.list("tags").iter().zip(truth["rows"].as_array().into_iter().flatten()) {
            let kept = tag["action"] == "keep";
            // Unknown is the strict side: not known to be harmless.
            self.sensitive.count(row["sensitive"] != false, has_rule(tag, "art10.sensitive-tag"));
            self.minors.count(minor && row["marketing"] == true, has_rule(tag, "art10.minor-tag"));
            if minor {
                self.minor_kept += u64::from(kept);
            } else {
                self.tags += 1;
                self.ungraded += u64::from(row["sensitive"].is_null());
                self.ungraded_suppressed += u64::from(row["sensitive"].is_null() && !kept);
            }
        }
    }

    fn report(&self, report: &mut Report) {
        report.plumbing(
            "art10",
            "sensitive, or not graded, and no separate consent -> art10.sensitive-tag",
            &self.sensitive,
        );
        report.plumbing("art10", "marketing tag of a minor -> art10.minor-tag", &self.minors);
        report.finding(format!("tags that the trade does not grade at all: {}", share(self.ungraded, self.tags)));
        if report.loaded("art10") {
            report.finding(format!(
                "an adult's ungraded tags suppressed until somebody grades them or asks for consent: {}",
                share(self.ungraded_suppressed, self.ungraded)
            ));
            report.finding(format!("tags that a minor keeps: {}", share(self.minor_kept, self.tags)));
        }
        report.limit("dictionary, review and purpose are the adapter's word; no tag carries a content code, so illegal-tag is silent");
        report.limit("`sensitive` here is the trade's word for pages unfit for adverts, not sensitive personal information in the law's sense");
    }
}
