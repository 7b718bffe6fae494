//! Art 12: the slate is read from the top; repeats go, topics and authors are scattered.
//!
//! A row that this article blocks does not count for the rows below it. What is unknown leads to no action.

use normgate_sdk::people;
use normgate_sdk::terms::{Exempt, ServiceClass, Surface};

normgate_sdk::policy!(candidate: judge, slate: arrange);

fn judge(_: &Call<'_>, rules: &mut Rules<'_>) {
    rules.explain().oblige_offer_why();
}

/// The topics, or the authors, of the rows that count, from the top.
struct Above {
    window: usize,
    values: Vec<Option<i64>>,
    /// How many of the last rows have a value of each class. A class holds many values, so that this is the most that any of
    /// them can have; only where that is too many are the rows looked at, which hardly ever happens.
    classes: [u16; 64],
}

impl Above {
    fn new(window: usize, rows: usize) -> Self {
        Self { window, values: Vec::with_capacity(rows), classes: [0; 64] }
    }

    fn push(&mut self, value: Option<i64>) {
        if let Some(leaving) = self.values.len().checked_sub(self.window).and_then(|index| self.values[index]) {
            self.classes[class(leaving)] -= 1;
        }
        if let Some(value) = value {
            self.classes[class(value)] += 1;
        }
        self.values.push(value);
    }

    /// Whether more than so many of the last rows have this value; none has an unknown one.
    fn exceeds(&self, value: Option<i64>, limit: i64) -> bool {
        let over = |count: usize| i64::try_from(count).is_ok_and(|count| count > limit);
        let Some(known) = value else { return false };
        over(usize::from(self.classes[class(known)])) && {
            let last = self.values.len().saturating_sub(self.window);
            over(self.values[last..].iter().filter(|other| **other == value).count())
        }
    }
}

/// Values spread over 64 classes by the high bits of a product.
fn class(value: i64) -> usize {
    ((value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize
}

fn arrange(call: &Call<'_>, rules: &mut Rules<'_>) {
    use Surface::*;
    let (request, limits) = (call.request, call.parameters);
    let shown_on = request.ctx_surface();
    let heeds_feedback = matches!(shown_on, Feed | Related | Push | Popup | Splash | HomeFirstScreen);
    let elder = people::is_elder(request.user_age_band(), request.user_elder_mode());
    let window = usize::try_from(limits.window()).unwrap_or(1);

    let rows = call.candidates().count();
    let (mut topics, mut authors) = (Above::new(window, rows), Above::new(window, rows));
    // The groups of the list, sorted once to be searched by halving, and whether a row that counts has each.
    let group_of = |item: &Candidate<'_>| item.dup_group().filter(|group| *group != 0 && item.rank_pos().is_some());
    let mut groups: Vec<i64> = call.candidates().filter_map(|item| group_of(&item)).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut above = vec![false; groups.len()];

    for item in call.candidates() {
        let exempt = matches!(item.exempt(), Exempt::Emergency | Exempt::PublicNotice);
        let placed = item.rank_pos().is_some();
        let group = group_of(&item).and_then(|group| groups.binary_search(&group).ok());

        let mut blocked = false;
        if !exempt && group.is_some_and(|group| above[group]) {
            let hit = rules.duplicate(&item);
            if shown_on == SearchResults {
                hit.demote();
            } else {
                blocked |= hit.block().enforced();
            }
        }
        if !exempt && heeds_feedback && item.neg_feedback().is_yes() {
            blocked |= rules.negative_feedback(&item).block().enforced();
        }
        if blocked {
            continue;
        }

        let (topic, author) = (item.topic_id(), item.author_id());
        if placed {
            topics.push(topic);
            authors.push(author);
        }
        if let Some(group) = group {
            above[group] = true;
        }
        if exempt {
            continue;
        }

        let essential = elder && !matches!(item.service_class(), ServiceClass::None | ServiceClass::Unknown);
        if placed && !essential {
            if topics.exceeds(topic, limits.topic_max()) {
                rules.scatter_topic(&item).demote();
            }
            if authors.exceeds(author, limits.author_max()) {
                rules.scatter_author(&item).demote();
            }
        }
        if item.seen_24h().is_some_and(|times| times >= limits.seen_max()) {
            rules.seen(&item).demote();
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Fired, Question};

    use super::{MANIFEST, evaluate};

    const EMERGENCY: (&str, &str) = ("exempt", "emergency");

    fn slate(rows: &[&[(&'static str, i64)]], exempt: &[usize], shadow: &'static str) -> Fired {
        let mut question = Question::of(MANIFEST).slate().request("ctx.surface", "feed").shadow(shadow);
        for (position, row) in (0..).zip(rows) {
            let mut cells: Vec<_> = row.iter().map(|(name, value)| (*name, (*value).into())).collect();
            cells.push(("rank_pos", i64::from(position).into()));
            if exempt.contains(&(position as usize)) {
                cells.push((EMERGENCY.0, EMERGENCY.1.into()));
            }
            question = question.candidate(&cells);
        }
        question.ask(evaluate)
    }

    #[test]
    fn a_blocked_repeat_does_not_count_and_one_in_shadow_does() {
        let rows: &[&[(&str, i64)]] = &[
            &[("topic_id", 7), ("dup_group", 5)],
            &[("topic_id", 7), ("dup_group", 5)],
            &[("topic_id", 7)],
            &[("topic_id", 7)],
        ];
        assert!(!slate(rows, &[], "").fired("art12.scatter-topic"));
        assert!(slate(rows, &[], "art12.duplicate").fired("art12.scatter-topic"));
    }

    #[test]
    fn an_exempt_row_gets_no_rule_but_counts() {
        let rows: &[&[(&str, i64)]] = &[&[("dup_group", 5)], &[("dup_group", 5)]];
        assert!(slate(rows, &[1], "").is_silent());
        assert!(slate(rows, &[0], "").rules().any(|(rule, row)| rule == "art12.duplicate" && row == 1));
    }
}
