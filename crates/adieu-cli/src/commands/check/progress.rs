//! What is still waited for: a line on a terminal that is drawn anew, and elsewhere a line from time to time.

use super::board::Board;
use super::plan::Targets;
use crate::printer::Printer;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How long nothing is said: most waits are over by then.
const SILENCE: Duration = Duration::from_secs(3);

/// On a terminal, a wait is shown sooner.
const UNTIL_DRAWN: Duration = Duration::from_millis(300);

/// How often a log says that it goes on.
const AGAIN: Duration = Duration::from_secs(30);

/// How many are named.
const FEW: usize = 3;

pub(super) struct Progress<'a> {
    printer: &'a Printer,
    targets: &'a Targets,
    drawn: Option<ProgressBar>,
    next_line: Instant,
    limit: Option<Duration>,
}

impl<'a> Progress<'a> {
    /// `limit`: how long is waited at most.
    pub(super) fn new(
        printer: &'a Printer,
        targets: &'a Targets,
        began: Instant,
        limit: Option<Duration>,
    ) -> Self {
        let drawn = printer.may_draw().then(|| {
            let bar = ProgressBar::with_draw_target(None, crate::screen::target());
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            bar.with_style(style.expect("the template has been tried"))
        });
        let silence = if drawn.is_some() { UNTIL_DRAWN } else { SILENCE };
        Self { printer, targets, drawn, next_line: began + silence, limit }
    }

    /// Some time has passed.
    pub(super) fn look(&mut self, board: &Board) {
        let now = Instant::now();
        if now < self.next_line {
            return;
        }
        let Some(text) = self.text(board, now) else { return };
        if let Some(bar) = &self.drawn {
            bar.set_message(text);
            bar.tick();
        } else {
            self.printer.say(&text);
            self.next_line = now + AGAIN;
        }
    }

    /// What lines that stay have to ask for room, if anything is drawn.
    pub(super) fn drawn(&self) -> Option<ProgressBar> {
        self.drawn.clone()
    }

    fn text(&self, board: &Board, now: Instant) -> Option<String> {
        let (first, count) = board.waiting(FEW);
        let named = first.iter().map(|(place, state)| {
            let (_, endpoint) = self.targets.get(*place);
            format!("{endpoint} ({})", state.words())
        });
        let mut named = named.collect::<Vec<_>>().join(", ");
        if named.is_empty() {
            return None;
        }
        if count > first.len() {
            named += &format!(" and {} more", count - first.len());
        }
        // First, so that a narrow terminal cuts the names.
        let waited = now.saturating_duration_since(board.began()).as_secs();
        Some(match self.limit {
            Some(limit) => {
                let limit = humantime::format_duration(limit);
                format!("waited {waited}s of {limit} (--wait) for {named}")
            }
            None => format!("waited {waited}s for {named}"),
        })
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}
