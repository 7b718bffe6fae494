//! Characters that are obeyed instead of read: they move a terminal's cursor, turn the direction of writing, or begin a line.

/// Whether a terminal, or whatever lays out text, obeys the character instead of showing it: control characters, marks of
/// direction, and separators of lines and paragraphs.
pub fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

#[cfg(test)]
mod tests {
    use super::steers;

    #[test]
    fn what_is_read_is_told_from_what_is_obeyed() {
        for character in "\0\t\n\r\u{1b}\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}".chars() {
            assert!(steers(character), "{character:?}");
        }
        for character in " ~é题。《\u{3000}\u{200d}\u{2019}\u{2026}\u{2030}\u{2065}🎬".chars() {
            assert!(!steers(character), "{character:?}");
        }
    }
}
