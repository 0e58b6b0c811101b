//! A manual page in roff, with the macros of man(7). mandoc and groff take it without a warning.

use super::date::date;

/// A page that is being written.
pub(super) struct Page {
    roff: String,
}

impl Page {
    /// A page of this section of the manual, with what it is about.
    pub(super) fn new(name: &str, section: u8, about: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let title = name.to_uppercase();
        let roff = format!(
            ".TH {} {section} {} \"adieu {version}\" \"adieu manual\"\n.SH NAME\n{} \\- {}\n",
            escaped(&title),
            date(),
            escaped(name),
            prose(about)
        );
        Self { roff }
    }

    pub(super) fn heading(&mut self, heading: &str) {
        self.roff += &format!(".SH {}\n", escaped(&heading.to_uppercase()));
    }

    pub(super) fn subheading(&mut self, heading: &str) {
        self.roff += &format!(".SS {}\n", escaped(heading));
    }

    /// One or more paragraphs, with an empty line between two. `first`: a heading stands before it.
    pub(super) fn paragraphs(&mut self, text: &str, first: bool) {
        for (at, paragraph) in text.split("\n\n").enumerate() {
            if at > 0 || !first {
                self.roff += ".PP\n";
            }
            self.roff += &format!("{}\n", prose(paragraph));
        }
    }

    /// A form of a command line: the words that stay together, and the parts behind them.
    pub(super) fn synopsis(&mut self, command: &str, parts: &[String]) {
        self.roff += &format!(".SY \"{}\"\n{}\n.YS\n", escaped(command), parts.join("\n"));
    }

    /// A term, as roff, and the paragraphs that say what it is.
    pub(super) fn term(&mut self, term: &str, text: &str) {
        self.roff += &format!(".TP\n{term}\n");
        for (at, paragraph) in text.split("\n\n").enumerate() {
            if at > 0 {
                self.roff += ".IP\n";
            }
            self.roff += &format!("{}\n", prose(paragraph));
        }
    }

    /// A term within the text of another.
    pub(super) fn inner_terms<'a>(&mut self, terms: impl Iterator<Item = (&'a str, String)>) {
        self.roff += ".RS\n";
        for (term, text) in terms {
            self.term(&bold(term), &text);
        }
        self.roff += ".RE\n";
    }

    /// Lines that stay as they are.
    pub(super) fn literal(&mut self, lines: &str) {
        self.roff += ".PP\n.RS 4\n.EX\n";
        for line in lines.lines() {
            self.roff += &format!("{}\n", escaped(line));
        }
        self.roff += ".EE\n.RE\n";
    }

    pub(super) fn finish(self) -> String {
        self.roff
    }
}

pub(super) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escaped(text))
}

pub(super) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escaped(text))
}

/// Text in which every character stands for itself, also as something to copy.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    if text.starts_with('.') {
        out += "\\&";
    }
    for c in text.chars() {
        match c {
            '\\' => out += "\\e",
            '-' => out += "\\-",
            '\'' => out += "\\(aq",
            '`' => out += "\\(ga",
            '^' => out += "\\(ha",
            '~' => out += "\\(ti",
            '"' => out += "\\(dq",
            c if c.is_ascii() => out.push(c),
            c => out += &format!("\\[u{:04X}]", u32::from(c)),
        }
    }
    out
}

/// A paragraph. Options in it are bold, and a hyphen between two letters is one.
pub(super) fn prose(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let begin = word.find(|c: char| c != '(' && c != '"').unwrap_or(0);
        let (before, rest) = word.split_at(begin);
        let is_in_option = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if rest.starts_with("--") && rest.len() > 2 {
            let end = rest.find(|c: char| !is_in_option(c)).unwrap_or(rest.len());
            return format!("{}{}{}", escaped(before), bold(&rest[..end]), hyphenated(&rest[end..]));
        }
        hyphenated(word)
    });
    words.collect::<Vec<_>>().join(" ")
}

fn hyphenated(word: &str) -> String {
    let is_plain = !word.starts_with('-') && word.chars().all(|c| c.is_alphabetic() || "-,;:.()".contains(c));
    if is_plain { escaped(word).replace("\\-", "-") } else { escaped(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_a_command_of_roff_is_text() {
        assert_eq!(escaped(".x \\n 'a-b'"), "\\&.x \\en \\(aqa\\-b\\(aq");
        assert_eq!(escaped("±1"), "\\[u00B1]1");
    }

    #[test]
    fn options_in_a_text_are_bold_and_hyphens_are_hyphens() {
        assert_eq!(prose("a half-close (--grace), as -x"), "a half-close (\\fB\\-\\-grace\\fR), as \\-x");
    }
}
