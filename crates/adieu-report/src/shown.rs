//! What others chose, in words for people.

/// Bytes for people: control characters, those that only steer how others are shown, and what is no UTF-8 are escaped, so
/// that what a peer chose moves no terminal's cursor, makes no line of its own, and does not read as something else.
///
/// What was escaped once stays as it is.
///
/// # Examples
///
/// ```
/// assert_eq!(adieu_report::shown(b"a\nb\x1b[2J\xff"), r"a\nb\u{1b}[2J\xff");
/// ```
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || steers(c) { text.extend(c.escape_default()) } else { text.push(c) }
        }
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    text
}

/// Whether a character has no shape of its own and changes the order or the look of others: the line separators, the
/// bidirectional and invisible ones of Unicode's category Cf, and the tags. Not U+200C and U+200D, which belong into words of
/// several scripts.
///
/// Source: UAX #9, section 2; UTS #39, section 5.1.
pub fn steers(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_moving_the_cursor() {
        assert_eq!(shown(b"a\nb\x1b[2J\xff\xc3\xa4"), "a\\nb\\u{1b}[2J\\xff\u{e4}");
    }

    #[test]
    fn what_was_escaped_once_stays_as_it_is() {
        let once = shown(b"\x1b\n\xff\xe2\x80\xae\\");
        assert_eq!(shown(once.as_bytes()), once);
    }

    #[test]
    fn what_would_make_a_name_read_as_another_is_escaped_and_letters_are_not() {
        assert_eq!(shown("gpj.\u{202e}exe\u{2066}\u{200b}".as_bytes()), "gpj.\\u{202e}exe\\u{2066}\\u{200b}");
        for letters in [
            "\u{e4}\u{df}",
            "\u{5d0}\u{5d1}",
            "\u{645}\u{6cc}\u{200c}\u{62e}",
            "\u{65e5}\u{672c}",
            "e\u{301}",
        ] {
            assert_eq!(shown(letters.as_bytes()), letters);
        }
    }
}
