//! Films and series with a US rating: what each age band may see, in minor mode and out of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Adapter, Answer, Check, Item, Pages, Report, Set, Tally, candidate, has_rule, request, share, withheld};

/// Titles a request.
const PAGE: usize = 100;
/// Bands of minors with their lower bound.
const BANDS: [(&str, i64); 4] = [("a3_8", 3), ("a8_12", 8), ("a12_16", 12), ("a16_18", 16)];
/// Two ways to bring a stated age to a band of the vocabulary: the nearest at or below it, or at or above it.
const MAPPINGS: [&str; 2] = ["below", "above"];

pub(super) fn set() -> Set {
    Set {
        name: "media_ratings",
        modules: &["art18"],
        adapter: Box::<Catalogue>::default(),
        tally: Box::<Seen>::default(),
    }
}

#[derive(Default)]
struct Catalogue {
    pages: Pages,
}

impl Adapter for Catalogue {
    fn adapt(&mut self, row: Value) -> Vec<Item> {
        if self.pages.push(row, PAGE) { self.rest() } else { Vec::new() }
    }

    fn rest(&mut self) -> Vec<Item> {
        let Some(page) = self.pages.take() else { return Vec::new() };
        let mut items = Vec::new();
        for mapping in MAPPINGS {
            for (band, _) in BANDS {
                items.push(self.item(&page, mapping, band, true));
                items.push(self.item(&page, mapping, band, false));
            }
        }
        items.push(self.item(&page, "below", "a18_60", false));
        items
    }
}

impl Catalogue {
    fn item(&self, page: &[Value], mapping: &str, band: &str, minor_mode: bool) -> Item {
        let candidates = page.iter().enumerate().map(|(place, title)| {
            let mut candidate = candidate(place, "unknown");
            // In the pool, so that nothing but the rating decides.
            candidate["in_minor_pool"] = json!(true);
            candidate["age_rating"] = json!(title["min_age"].as_i64().map(|age| rating(age, mapping)));
            candidate
        });
        let id = format!("page {} {mapping} {band} {minor_mode}", self.pages.number);
        let mut request = request(&id, "feed", "push", candidates.collect());
        request["user"]["age_band"] = json!(band);
        request["user"]["minor_mode"] = json!(minor_mode);
        let ages: Vec<&Value> = page.iter().map(|title| &title["min_age"]).collect();
        Item {
            request: Some(request),
            truth: json!({"mapping": mapping, "band": band, "minor_mode": minor_mode, "ages": ages}),
        }
    }
}

fn rating(age: i64, mapping: &str) -> &'static str {
    match floor(age, mapping) {
        0 => "all",
        3 => "r3",
        8 => "r8",
        12 => "r12",
        16 => "r16",
        _ => "r18",
    }
}

/// Lower bound of the band that an age is brought to.
fn floor(age: i64, mapping: &str) -> i64 {
    let floors = [0, 3, 8, 12, 16, 18];
    let near = if mapping == "below" {
        floors.iter().rev().find(|floor| **floor <= age)
    } else {
        floors.iter().find(|floor| **floor >= age)
    };
    near.copied().unwrap_or(18)
}

#[derive(Default)]
struct Seen {
    titles: u64,
    unrated: u64,
    fit: Check,
    adult_fit: Check,
    /// Titles shown, and shown lower, by mapping, band and mode.
    shown: BTreeMap<(String, String, bool), (u64, u64)>,
    unrated_withheld: BTreeMap<bool, (u64, u64)>,
}

impl Tally for Seen {
    fn observe(&mut self, truth: &Value, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        let (mapping, band) =
            (truth["mapping"].as_str().unwrap_or_default(), truth["band"].as_str().unwrap_or_default());
        let minor_mode = truth["minor_mode"] == true;
        let lower = BANDS.iter().find(|known| known.0 == band).map(|known| known.1);
        let seen = self.shown.entry((mapping.to_owned(), band.to_owned(), minor_mode)).or_default();
        for (row, verdict) in answer.by_row() {
            let age = truth["ages"][row].as_i64();
            let fired = has_rule(verdict, "art18.age-fit");
            seen.0 += u64::from(!withheld(verdict));
            seen.1 += u64::from(verdict["action"] == "demote");
            let Some(lower) = lower else {
                self.adult_fit.count(false, fired);
                self.titles += 1;
                self.unrated += u64::from(age.is_none());
                continue;
            };
            let needed = age.map_or(if minor_mode { 18 } else { 0 }, |age| floor(age, mapping));
            self.fit.count(needed > lower, fired);
            if age.is_none() && mapping == "below" {
                let count = self.unrated_withheld.entry(minor_mode).or_default();
                count.0 += u64::from(withheld(verdict));
                count.1 += 1;
            }
        }
    }

    fn report(&self, report: &mut Report) {
        report.plumbing("art18", "rating above the band -> art18.age-fit", &self.fit);
        report.plumbing("art18", "an adult -> no art18.age-fit", &self.adult_fit);
        report.finding(format!(
            "titles with no usable age (PG, TV-PG, unrated, missing): {}",
            share(self.unrated, self.titles)
        ));
        for (minor_mode, (withheld, all)) in &self.unrated_withheld {
            let mode = if *minor_mode { "minor mode" } else { "a minor outside minor mode" };
            report.finding(format!(
                "{mode}: of titles with no usable age, over all bands, withheld {}",
                share(*withheld, *all)
            ));
        }
        for (band, _) in BANDS {
            let figure = |mapping: &str, mode: bool| {
                let (shown, lower) =
                    self.shown.get(&(mapping.to_owned(), band.to_owned(), mode)).copied().unwrap_or_default();
                let lower = if lower > 0 { format!(", {lower} of these lower") } else { String::new() };
                format!("{}{lower}", share(shown, self.titles))
            };
            report.finding(format!(
                "{band} may see: minor mode {}; outside it {}. Ages rounded up instead: minor mode {}",
                figure("below", true),
                figure("below", false),
                figure("above", true)
            ));
        }
        report.limit("the bands of the vocabulary are not those of US ratings: 13 and 14 become r12, 17 becomes r16, 7 becomes r3 (ours)");
        report.limit("in_minor_pool = yes is the adapter's word; minor mode withholds every title that is in no pool");
        report.limit("what is in the titles (M codes) is not in the rows");
    }
}

#[cfg(test)]
mod tests {
    use super::floor;

    #[test]
    fn an_age_between_two_bands_goes_either_way() {
        assert_eq!([floor(13, "below"), floor(13, "above")], [12, 16]);
        assert_eq!([floor(0, "below"), floor(0, "above"), floor(21, "below"), floor(21, "above")], [0, 0, 18, 18]);
    }
}
