//! Art 12: the slate is read from the top; repeats go, topics and authors are scattered.
//!
//! A row that this article blocks does not count for the rows below it. What is unknown leads to no action.

use normgate_sdk::people;
use normgate_sdk::terms::{Exempt, ServiceClass, Surface};

normgate_sdk::policy!(candidate: judge, slate: arrange);

fn judge(_: &Call<'_>, rules: &mut Rules<'_>) {
    rules.explain().oblige_offer_why();
}

/// What a row that counts says to the rows below it.
struct Counted {
    topic: Option<i64>,
    author: Option<i64>,
}

fn arrange(call: &Call<'_>, rules: &mut Rules<'_>) {
    use Surface::*;
    let (request, limits) = (call.request, call.parameters);
    let shown_on = request.ctx_surface();
    let heeds_feedback = matches!(shown_on, Feed | Related | Push | Popup | Splash | HomeFirstScreen);
    let elder = people::is_elder(request.user_age_band(), request.user_elder_mode());
    let window = usize::try_from(limits.window()).unwrap_or(1);

    let rows = call.candidates().count();
    let mut above: Vec<Counted> = Vec::with_capacity(rows);
    // Sorted, to be searched by halving.
    let mut groups: Vec<i64> = Vec::with_capacity(rows);

    for item in call.candidates() {
        let exempt = matches!(item.exempt(), Exempt::Emergency | Exempt::PublicNotice);
        let placed = item.rank_pos().is_some();
        let group = item.dup_group().filter(|group| *group != 0 && placed);
        let place = group.map(|group| (group, groups.binary_search(&group)));

        let mut blocked = false;
        if !exempt && let Some((_, Ok(_))) = place {
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

        if placed {
            above.push(Counted { topic: item.topic_id(), author: item.author_id() });
        }
        if let Some((group, Err(index))) = place {
            groups.insert(index, group);
        }
        if exempt {
            continue;
        }

        let essential = elder && !matches!(item.service_class(), ServiceClass::None | ServiceClass::Unknown);
        if placed && !essential {
            let (topic, author) = (item.topic_id(), item.author_id());
            let (mut of_topic, mut of_author) = (0, 0);
            for row in above.iter().rev().take(window) {
                of_topic += usize::from(topic.is_some() && row.topic == topic);
                of_author += usize::from(author.is_some() && row.author == author);
            }
            if exceeds(of_topic, limits.topic_max()) {
                rules.scatter_topic(&item).demote();
            }
            if exceeds(of_author, limits.author_max()) {
                rules.scatter_author(&item).demote();
            }
        }
        if item.seen_24h().is_some_and(|times| times >= limits.seen_max()) {
            rules.seen(&item).demote();
        }
    }
}

fn exceeds(count: usize, limit: i64) -> bool {
    i64::try_from(count).is_ok_and(|count| count > limit)
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
