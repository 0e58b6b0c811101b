//! What is said to a server, and what it has to answer: `--send TEXT` and `--expect REGEX`.
//!
//! Bytes, and no text: a server need not speak UTF-8. What is kept of an answer is bounded.

use super::outcome::{Outcome, State, beginning};
use adieu::{Connection, describe_error};
use anyhow::{Context, bail};
use regex::bytes::{Regex, RegexBuilder};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How much of an answer is looked at.
const ANSWER: usize = 64 * 1024;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<u8>);

/// A text with its escapes: `\r`, `\n`, `\t`, `\0`, `\\`, and `\xHH` for any byte.
pub(super) fn text(written: &str) -> anyhow::Result<Text> {
    if written.is_empty() {
        bail!("there is nothing to send; leave the option out, or write the bytes");
    }
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                let is_hex = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
                byte.context("\\x needs two hexadecimal digits, as in \\x0d")?
            }
            Some(other) => bail!(
                "there is no escape \\{other}: write \\r, \\n, \\t, \\0, \\xHH, or \\\\ for a backslash"
            ),
            None => bail!("a backslash at the end: write \\\\ for one"),
        });
    }
    Ok(Text(bytes))
}

/// A pattern over bytes. A class such as `\d` means ASCII, and `.` any byte but a line feed.
pub(super) fn pattern(written: &str) -> anyhow::Result<Regex> {
    if written.is_empty() {
        bail!("an empty pattern matches everything; leave the option out");
    }
    let built = RegexBuilder::new(written).unicode(false).build();
    built.map_err(|error| anyhow::anyhow!("{}", last_line(&error.to_string())))
}

/// regex draws where the fault is, over several lines; the last says what it is.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default();
    line.trim().trim_start_matches("error: ").to_owned()
}

/// What is said, and what has to be answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Dialogue {
    pub(super) send: Vec<u8>,
    pub(super) expect: Option<Regex>,
}

/// What an answer came to.
pub(super) enum Answer {
    /// It matches, or none was wanted. With what was received.
    Good(Vec<u8>),
    /// It does not.
    Bad(Outcome),
}

impl Dialogue {
    pub(super) const fn is_empty(&self) -> bool {
        self.send.is_empty() && self.expect.is_none()
    }

    /// Says what is to be said, and receives until the answer matches, or cannot any more. It takes no longer than `limit`.
    pub(super) fn hold(&self, connection: &mut Connection, limit: Duration) -> Answer {
        let until = Instant::now() + limit;
        // An answer may be there although the peer wants none of what we say.
        let sent = connection.write_all(&self.send);
        let Some(expected) = &self.expect else {
            return match sent {
                Ok(()) => Answer::Good(Vec::new()),
                Err(error) => Answer::Bad(cut(&error, &[])),
            };
        };
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let room = (ANSWER - received.len()).min(buffer.len());
            match connection.read_within(&mut buffer[..room], left) {
                Ok(Some(0)) => return Answer::Bad(no_match("the peer ended", &received)),
                Ok(Some(n)) => received.extend_from_slice(&buffer[..n]),
                Ok(None) => return Answer::Bad(no_match("nothing more came in time", &received)),
                Err(error) => return Answer::Bad(cut(&error, &received)),
            }
            if expected.is_match(&received) {
                return Answer::Good(received);
            }
            if received.len() == ANSWER {
                return Answer::Bad(no_match("no more is looked at", &received));
            }
        }
    }
}

impl Dialogue {
    /// What a datagram that was received comes to.
    pub(super) fn judge(&self, datagram: &[u8]) -> Outcome {
        match &self.expect {
            Some(expected) if !expected.is_match(datagram) => no_match("the answer differs", datagram),
            Some(_) => Outcome::new(State::Open).with_received(datagram),
            None => Outcome::new(State::Open),
        }
    }

    /// What it comes to that no datagram was received.
    pub(super) fn judge_silence(&self) -> Outcome {
        match &self.expect {
            Some(_) => no_match("nothing came in time", &[]),
            None => Outcome::new(State::OpenOrFiltered),
        }
    }
}

fn no_match(why: &str, received: &[u8]) -> Outcome {
    let detail = match received.len() {
        0 => format!("{why}, and no byte was received"),
        1 => format!("{why} after 1 byte: {}", quoted(received)),
        n => format!("{why} after {n} bytes: {}", quoted(received)),
    };
    Outcome::new(State::NoMatch).with_detail(detail).with_received(received)
}

fn cut(error: &io::Error, received: &[u8]) -> Outcome {
    let detail = match received.len() {
        0 => describe_error(error),
        1 => format!("{} after 1 byte: {}", describe_error(error), quoted(received)),
        n => format!("{} after {n} bytes: {}", describe_error(error), quoted(received)),
    };
    Outcome::new(State::Cut).with_detail(detail).with_received(received)
}

/// The beginning of what was received, in quotes.
fn quoted(received: &[u8]) -> String {
    format!("\"{}\"", beginning(received))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_escapes() {
        for (written, bytes) in [
            ("ruok", &b"ruok"[..]),
            (r"QUIT\r\n", b"QUIT\r\n"),
            (r"\t\0\\\x00\xFf", b"\t\0\\\0\xff"),
            ("é", "é".as_bytes()),
        ] {
            assert_eq!(text(written).ok(), Some(Text(bytes.to_vec())), "{written}");
        }
        for wrong in ["", "\\", r"\q", r"\x1", r"\xzz", r"\x+1"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_is_over_bytes() {
        let is = |written: &str, bytes: &[u8]| pattern(written).expect("it is a pattern").is_match(bytes);
        assert!(is(r"^SSH-\d\.\d", b"SSH-2.0-x\r\n"));
        assert!(is(r"\xff\x00", b"a\xff\0"));
        assert!(is("(?i)IMOK", b"imok"));
        assert!(!is("^imok", b"x\nimok"));
        for wrong in ["", "(", "a**b("] {
            let said = pattern(wrong).expect_err("it is none").to_string();
            assert!(!said.contains('\n'), "{said}");
        }
    }
}
