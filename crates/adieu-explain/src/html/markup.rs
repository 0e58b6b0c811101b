//! Markup that is always well-formed, and text in it that is always escaped.
//!
//! Elements are closed by whoever opened them, attributes have quotes, and there is no way to write text past the escaping. So a page
//! is XML as well as HTML, which a test verifies.

use std::fmt::{self, Display, Write};

/// An attribute: its name and its value.
pub(super) type Attribute<'a> = (&'a str, &'a dyn Display);

/// A document, or a part of one.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    /// An element of HTML with what `inside` writes.
    pub(super) fn within(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        inside: impl FnOnce(&mut Self),
    ) {
        self.begin(tag, attributes);
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element with nothing but text.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: &[Attribute<'_>], text: impl Display) {
        self.within(tag, attributes, |markup| markup.text(text));
    }

    /// An element that is empty by its definition: `meta`, and what SVG draws with.
    pub(super) fn empty(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.begin(tag, attributes);
        self.0.push_str("/>");
    }

    /// Text.
    pub(super) fn text(&mut self, text: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(Escaping(&mut self.0), "{text}");
    }

    /// Text of our own that needs no escaping, such as the style sheet.
    pub(super) fn own(&mut self, text: &'static str) {
        self.0.push_str(text);
    }

    /// Markup that was made before.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn begin(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
    }
}

/// Escapes what is written through it.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for one in text.chars() {
            match one {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                one if is_unsafe(one) => self.0.push(char::REPLACEMENT_CHARACTER),
                one => self.0.push(one),
            }
        }
        Ok(())
    }
}

/// Whether a character is none that XML allows, or one that changes the order of the text around it, so that a name could
/// look like another.
fn is_unsafe(one: char) -> bool {
    (one.is_control() && one != '\n')
        || matches!(one, '\u{fffe}' | '\u{ffff}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(one, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_cannot_leave_their_place() {
        let mut markup = Markup::default();
        let hostile = "\"'><script>&\u{1b}[0m\u{202e}x\0";
        markup.leaf("p", &[("title", &hostile)], hostile);
        let escaped = "&quot;&#39;&gt;&lt;script&gt;&amp;\u{fffd}[0m\u{fffd}x\u{fffd}";
        assert_eq!(markup.into_string(), format!("<p title=\"{escaped}\">{escaped}</p>"));
    }

    #[test]
    fn elements_are_closed() {
        let mut markup = Markup::default();
        markup.within("svg", &[], |markup| markup.empty("line", &[("x1", &1), ("y1", &"50%")]));
        assert_eq!(markup.into_string(), "<svg><line x1=\"1\" y1=\"50%\"/></svg>");
    }
}
