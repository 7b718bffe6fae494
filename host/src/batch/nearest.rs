//! The field of the vocabulary that a misspelt one most likely means.

use normgate_contract::Vocabulary;

/// Fields of a signal.
const OF_SIGNALS: [&str; 4] = ["code", "conf_ppm", "source", "ref"];

/// The known field that is nearest to an unknown one, both as paths in a request without numbers of rows
/// (`candidates[].price` -> `candidates[].price_fen`); none where nothing is near.
pub fn nearest_field(vocabulary: &Vocabulary, unknown: &str) -> Option<String> {
    let (place, name) = unknown.rsplit_once('.').unwrap_or(("", unknown));
    let name = snake(name);
    if place.ends_with("signals[]") {
        let near = OF_SIGNALS.into_iter().filter_map(|known| Some((distance(&name, known)?, known)));
        return near.min().map(|(_, known)| format!("{place}.{known}"));
    }
    let columns = vocabulary.columns.iter().map(|column| match vocabulary.frames[column.frame].1.as_str() {
        "" => column.field.clone(),
        path => format!("{path}[].{}", column.field),
    });
    let frames = vocabulary.frames.iter().skip(1).map(|(_, path)| path.clone());
    let near = columns.chain(frames).enumerate().filter_map(|(order, path)| {
        let (known_place, known) = path.rsplit_once('.').unwrap_or(("", &path));
        let apart = distance(&name, known)?;
        // Of fields that are equally near the one in the same object is meant, then the shortest.
        Some(((apart, known_place != place, known.len().abs_diff(name.len()), order), path))
    });
    near.min().map(|(_, path)| path)
}

/// The path that rows were meant for which came under another name: of the first frame.
pub(super) fn rows_meant(vocabulary: &Vocabulary) -> Option<&str> {
    vocabulary.frames.iter().map(|(_, path)| path.as_str()).find(|path| !path.is_empty() && !path.contains('.'))
}

/// How far two names are apart, by classes: the same, the same but for its spelling, one within the other, a slip of the pen.
fn distance(name: &str, known: &str) -> Option<usize> {
    let words = |text: &str| text.split('_').map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (words(name), words(known));
    if name == known {
        Some(0)
    } else if ours.concat() == theirs.concat() {
        Some(1)
    } else if ours.iter().all(|word| theirs.contains(word)) || theirs.iter().all(|word| ours.contains(word)) {
        Some(2)
    } else {
        let slips = strsim::osa_distance(name, known);
        (slips * 3 <= known.len().min(name.len())).then_some(2 + slips)
    }
}

/// `ageBand`, `age-band` -> `age_band`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    let mut lower = false;
    for character in name.chars() {
        if character.is_uppercase() && lower {
            text.push('_');
        }
        lower = character.is_lowercase();
        text.extend(match character {
            '-' | ' ' => '_'.to_lowercase(),
            other => other.to_lowercase(),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use normgate_contract::Vocabulary;

    use super::nearest_field;

    #[test]
    fn what_people_write_is_near_what_they_mean() {
        for (unknown, meant) in [
            ("user.age", Some("user.age_band")),
            ("age_band", Some("user.age_band")),
            ("candidates[].price", Some("candidates[].price_fen")),
            ("candidates[].signals[].conf", Some("candidates[].signals[].conf_ppm")),
            ("candidates[].signals[].kind", None),
            ("candidates[].isNews", Some("candidates[].news.is_news")),
            ("candidates[].topicId", Some("candidates[].topic_id")),
            ("ctx.suface", Some("ctx.surface")),
            ("user.minorMode", Some("user.minor_mode")),
            ("candidate", Some("candidates")),
            ("candidates[].colour", None),
            ("items", None),
        ] {
            let near = nearest_field(Vocabulary::shipped(), unknown);
            assert_eq!(near.as_deref(), meant, "{unknown}");
        }
    }
}
