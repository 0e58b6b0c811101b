//! What a bar is drawn on: the terminal behind stderr, without waiting for it.
//!
//! indicatif's own target writes to the terminal on the thread that has something to show, and a terminal that is stopped
//! (Ctrl-S, a frozen multiplexer) would hold us up.

use indicatif::ProgressDrawTarget;

/// Frames a second, at most.
const RATE: u8 = 20;

/// A console of Windows knows no stopping but the selection of its text, and may not take escape sequences.
#[cfg(windows)]
pub(crate) fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(RATE)
}

#[cfg(unix)]
pub(crate) fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(terminal::Terminal::default()), RATE)
}

#[cfg(unix)]
mod terminal {
    use crate::said;
    use console::Term;
    use indicatif::TermLike;
    use std::io;
    use std::sync::{Mutex, PoisonError};

    /// Keeps a frame together until it is whole.
    #[derive(Debug, Default)]
    pub(super) struct Terminal {
        frame: Mutex<String>,
    }

    impl Terminal {
        fn add(&self, text: &str) {
            self.frame.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        }

        /// ECMA-48, 8.3.19 to 8.3.22.
        fn cursor(&self, n: usize, way: char) {
            if n > 0 {
                self.add(&format!("\x1b[{n}{way}"));
            }
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            Term::stderr().size().1
        }

        fn height(&self) -> u16 {
            Term::stderr().size().0
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.cursor(n, 'A');
            Ok(())
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.cursor(n, 'B');
            Ok(())
        }

        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.cursor(n, 'C');
            Ok(())
        }

        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            self.cursor(n, 'D');
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.add(text);
            self.add("\n");
            Ok(())
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.add(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.add("\r\x1b[2K");
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            let frame = std::mem::take(&mut *self.frame.lock().unwrap_or_else(PoisonError::into_inner));
            if !frame.is_empty() {
                said::draw(&frame);
            }
            Ok(())
        }
    }
}
