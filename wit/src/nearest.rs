//! The name that somebody may have meant who wrote one that is not known.

/// Slips at most between two names of which one is taken for the other.
const SLIPS: usize = 3;

/// Returns the known name that is a slip or two away, the nearest first.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let slips = |known: &&str| strsim::osa_distance(name, known);
    // Of a short name nothing would be left.
    let most = SLIPS.min(name.chars().count() / 2);
    known.into_iter().min_by_key(slips).filter(|found| slips(found) <= most)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_or_two_is_near_and_another_word_is_not() {
        let known = ["art06.harm_w", "art18", "delivery"];
        for (name, meant) in [
            ("art6.harm_w", Some("art06.harm_w")),
            ("delivry", Some("delivery")),
            ("art81", Some("art18")),
            ("curfew", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
