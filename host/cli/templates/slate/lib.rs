//! No author fills the first screen: from the rows that are shown first, each author has so many and no more.

normgate_sdk::policy!(slate: arrange);

fn arrange(call: &Call<'_>, rules: &mut Rules<'_>) {
    let limits = call.parameters;
    let slots = usize::try_from(limits.slots()).unwrap_or(0);
    let mut seen: Vec<i64> = Vec::new();
    // In the slate stage rows come in the order of the slate.
    for item in call.candidates().take(slots) {
        // An author who is unknown is nobody's rival.
        let Some(author) = item.author_id() else { continue };
        seen.push(author);
        let rows = seen.iter().filter(|other| **other == author).count();
        if i64::try_from(rows).is_ok_and(|rows| rows > limits.author_max()) {
            rules.crowded(&item).demote();
        }
    }
}
