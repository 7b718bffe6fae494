//! What children should not meet waits for the evening; what nobody rated is shown less.

use normgate_sdk::terms::AgeRating;

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let early = call.request.ctx_local_min().is_some_and(|minute| minute < call.parameters.evening_min());
    for item in call.candidates() {
        match item.age_rating() {
            AgeRating::R16 | AgeRating::R18 if early => drop(rules.too_early(&item).block()),
            // Say when a rule fires because something is unknown, and not because of a fact.
            AgeRating::Unknown => drop(rules.unrated(&item).because_unknown(true).demote()),
            _ => {}
        }
    }
}
