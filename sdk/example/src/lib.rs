//! The policy of the README: films for grown-ups are shown in the evening.

use normgate_sdk::terms::AgeRating;

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let early = call.request.ctx_local_min().is_some_and(|minute| minute < call.parameters.evening_min());
    for film in call.candidates() {
        if early && film.age_rating() == AgeRating::R18 {
            rules.too_early(&film).block();
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn grown_up_films_wait_for_the_evening() {
        let at = |minute: i64| {
            Question::of(MANIFEST)
                .request("ctx.local_min", minute)
                .candidate(&[("age_rating", "r18".into())])
                .ask(evaluate)
        };
        assert!(at(1259).fired("club.too-early"));
        assert!(at(1260).is_silent());
    }

    #[test]
    fn the_readme_shows_this_policy() {
        let readme = include_str!("../../../README.md");
        let code = include_str!("lib.rs").split("\n#[cfg(test)]").next().unwrap_or_default();
        let code = code.split_once("\n\n").map_or(code, |(_, code)| code);
        assert!(readme.contains(include_str!("../policy.toml")), "README.md shows another policy.toml");
        assert!(readme.contains(code.trim()), "README.md shows another src/lib.rs");
    }
}
