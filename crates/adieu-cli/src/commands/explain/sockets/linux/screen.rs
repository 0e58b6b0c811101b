//! A page on the terminal that is drawn over the one before, as watch(1) and top(1) do.

use adieu_explain::words;
use console::Term;
use std::io::{self, IsTerminal};

/// The terminal behind stdout. `None`: stdout is none, or one that knows no escape sequences.
pub(super) struct Screen {
    terminal: Term,
    is_clean: bool,
}

impl Screen {
    pub(super) fn new() -> Option<Self> {
        let terminal = Term::stdout();
        let draws = io::stdout().is_terminal() && terminal.features().colors_supported();
        draws.then_some(Self { terminal, is_clean: false })
    }

    /// What makes this page out of the one before.
    pub(super) fn frame(&mut self, page: &str) -> String {
        let (rows, columns) = self.terminal.size();
        let frame = frame(page, rows.into(), columns.into());
        // ECMA-48, 8.3.39: all of the display is erased.
        if std::mem::replace(&mut self.is_clean, true) { frame } else { format!("\x1b[2J{frame}") }
    }
}

/// A page on a terminal of this size. Longer lines are cut, and of those that have no room only the number is told.
///
/// Nothing is erased before that which replaces it is there, so nothing flickers (ECMA-48, 8.3.21, 8.3.41 and 8.3.39).
fn frame(page: &str, rows: usize, columns: usize) -> String {
    // The last row is the cursor's.
    let room = rows.max(2) - 1;
    let count = page.lines().count();
    let shown = if count > room { room - 1 } else { count };
    let mut frame = "\x1b[H".to_owned();
    for line in page.lines().take(shown) {
        put(&mut frame, line, columns);
    }
    if count > shown {
        let more = words::counted((count - shown) as u64, "more line", "more lines");
        put(&mut frame, &format!("and {more}"), columns);
    }
    frame.push_str("\x1b[J");
    frame
}

/// One line, as far as there are columns.
fn put(frame: &mut String, line: &str, columns: usize) {
    frame.extend(line.chars().take(columns));
    frame.push_str("\x1b[K\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_to_the_terminal() {
        assert_eq!(frame("abc\nde\n", 24, 2), "\x1b[Hab\x1b[K\r\nde\x1b[K\r\n\x1b[J");
        assert_eq!(
            frame("a\nb\nc\nd\n", 4, 80),
            "\x1b[Ha\x1b[K\r\nb\x1b[K\r\nand 2 more lines\x1b[K\r\n\x1b[J"
        );
        assert_eq!(frame("a\nb\nc\n", 4, 80).matches("\x1b[K").count(), 3);
    }

    #[test]
    fn no_line_is_wider_than_the_narrowest_terminal() {
        let page = "2026-11-30, every 2s\nserver (process 7)\n\nfd 3, CLOSE_WAIT\nlast\n";
        for (rows, columns) in [(4, 5), (2, 1), (1, 1), (24, 5), (24, 3)] {
            let drawn = frame(page, rows, columns);
            let lines: Vec<&str> = drawn.trim_start_matches("\x1b[H").split("\x1b[K\r\n").collect();
            assert!(lines.len() <= rows.max(2), "{rows} rows: {lines:?}");
            for line in &lines[..lines.len() - 1] {
                assert!(line.chars().count() <= columns, "{columns} columns: {line}");
            }
        }
        assert!(frame(page, 4, 5).contains("serve\x1b[K") && frame(page, 4, 5).contains("and 3\x1b[K"));
    }
}
