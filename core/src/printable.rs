//! Characters that may reach a terminal. Vendors choose page tokens and error texts, and a terminal
//! obeys some characters in them: escape sequences rewrite lines, and directional marks reorder them.

/// True for a character that a terminal shows as itself. False for control characters, and for the
/// invisible ones of Unicode's category Cf: directional marks, zero-width characters and tags.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::is_printable;

    #[test]
    fn control_and_invisible_characters_are_not_printable() {
        for c in [
            '\0',
            '\n',
            '\r',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{202e}',
            '\u{2066}',
            '\u{200b}',
            '\u{feff}',
            '\u{2028}',
            '\u{e0041}',
        ] {
            assert!(!is_printable(c), "{c:?}");
        }
        for c in ['a', ' ', '"', '\\', 'é', '日', '😀', '\u{301}'] {
            assert!(is_printable(c), "{c:?}");
        }
    }
}
