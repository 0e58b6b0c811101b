//! What the bar says: one line, whatever the terminal's width, that names what is waited for and what bounds it.
//!
//! It draws nothing; `progress` does.

use adieu_transfer::TransferRole;
use indicatif::{HumanBytes, HumanDuration};
use std::time::{Duration, Instant};

/// A wait that is longer says which option bounds it.
const PATIENCE: Duration = Duration::from_secs(3);

/// A name is not shortened below this while something else can go.
const LEAST_NAME: usize = 12;

const SPINNER: [char; 8] = ['⠁', '⠂', '⠄', '⡀', '⢀', '⠠', '⠐', '⠈'];

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Connecting,
    /// A client's TLS handshake.
    Handshake,
    /// The peer has said nothing yet to this side, whose role this is.
    Hello(TransferRole),
    /// Content is sent or received.
    Moving,
    /// This side hashes what is there already.
    Hashing,
    /// The peer does.
    PeerHashes,
    /// All is sent.
    Receipt,
    /// That, and the receiver says that it syncs.
    ReceiptSyncing,
    /// All is received, and to be stored.
    Syncing,
    /// All is received, and written to stdout.
    Answering,
}

impl Doing {
    /// What is said of a wait, and the option that bounds it. An own disk has none.
    const fn words(self) -> (&'static str, Option<&'static str>) {
        const IDLE: Option<&str> = Some("--idle-timeout");
        match self {
            Self::Connecting => ("connecting", Some("--connect-timeout")),
            Self::Handshake => ("waiting for the TLS handshake", Some("--connect-timeout")),
            Self::Hello(_) => ("waiting for the peer's hello", IDLE),
            Self::Moving => ("", IDLE),
            Self::Hashing => ("comparing what is there", None),
            Self::PeerHashes => ("the peer compares what is there", IDLE),
            Self::Receipt => ("waiting for the receipt", IDLE),
            Self::ReceiptSyncing => ("waiting for the receipt: the receiver syncs", IDLE),
            Self::Syncing => ("syncing", None),
            Self::Answering => ("sending the receipt", IDLE),
        }
    }
}

/// What is known.
#[derive(Debug, Clone)]
pub(super) struct View {
    doing: Doing,
    /// Since when nothing but this has happened.
    since: Instant,
    began: Instant,
    /// Of the file, or what is done to it.
    name: String,
    /// Content that is there, and of it what was there before.
    done: u64,
    kept: u64,
    total: Option<u64>,
}

impl View {
    pub(super) fn new(doing: Doing, now: Instant) -> Self {
        Self { doing, since: now, began: now, name: String::new(), done: 0, kept: 0, total: None }
    }

    /// Something goes on. `false`: it did already.
    pub(super) fn goes_on(&mut self, doing: Doing, now: Instant) -> bool {
        let is_new = self.doing != doing;
        if is_new {
            (self.doing, self.since) = (doing, now);
        }
        is_new
    }

    pub(super) fn doing(&self) -> Doing {
        self.doing
    }

    pub(super) fn total(&mut self, bytes: u64) {
        self.total = Some(bytes);
    }

    /// A file begins, of which so much is there.
    pub(super) fn file(&mut self, name: String, kept: u64, now: Instant) {
        if self.name.is_empty() {
            self.began = now;
        }
        self.name = name;
        self.kept += kept;
        self.goes_on(Doing::Moving, now);
    }

    /// Content was moved, or was there already.
    pub(super) fn moved(&mut self, bytes: u64, now: Instant) {
        self.done += bytes;
        self.goes_on(Doing::Moving, now);
        self.since = now;
    }

    /// The line, in at most so many columns.
    pub(super) fn line(&self, now: Instant, width: usize) -> String {
        let waited = now.saturating_duration_since(self.since);
        let seconds = waited.as_secs();
        let spinner = self.spinner(now);
        if self.doing == Doing::Moving && !self.name.is_empty() {
            let figures = if waited < PATIENCE { self.figures(now) } else { self.standstill(seconds) };
            return self.moving(&figures, spinner, width);
        }
        let (label, bound) = match self.doing {
            Doing::Moving => ("waiting for the first file", Doing::Moving.words().1),
            doing => doing.words(),
        };
        let short = format!("{spinner} {label}");
        let lines = match (self.doing, bound) {
            _ if waited < PATIENCE => vec![short],
            (_, None) => vec![format!("{short}, {seconds} s"), short],
            (Doing::Hello(ours), Some(option)) => silence(ours, spinner, seconds, option),
            (_, Some(option)) => vec![
                format!("{short}, {seconds} s; {option} bounds this"),
                format!("{short}; {option}"),
                format!("{label}; {option}"),
                short,
            ],
        };
        first_that_fits(&lines, width)
    }

    fn spinner(&self, now: Instant) -> char {
        let ticks = now.saturating_duration_since(self.began).as_millis() / 200;
        SPINNER[usize::try_from(ticks % 8).unwrap_or(0)]
    }

    fn amount(&self) -> String {
        let done = HumanBytes(self.done);
        self.total.map_or_else(|| done.to_string(), |total| format!("{done} of {}", HumanBytes(total)))
    }

    /// Bytes per second over the whole. What moved in the first second counts as if it had taken that long: a first piece
    /// is taken by our kernel in no time, which is not the rate of anything.
    fn rate(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.began).max(Duration::from_secs(1));
        let bytes = u128::from(self.done.saturating_sub(self.kept));
        u64::try_from(bytes * 1000 / elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    /// The longest first.
    fn figures(&self, now: Instant) -> Vec<String> {
        let (amount, rate) = (self.amount(), self.rate(now));
        let with_rate = format!("{amount}, {}/s", HumanBytes(rate));
        let left = self.total.and_then(|total| total.saturating_sub(self.done).checked_div(rate));
        let left = left.map(|s| format!("{with_rate}, {:#} left", HumanDuration(Duration::from_secs(s))));
        left.into_iter().chain([with_rate, amount]).chain(self.percent()).collect()
    }

    fn percent(&self) -> Option<String> {
        let hundredth = u128::from(self.total.filter(|total| *total > 0)?);
        Some(format!("{} %", u128::from(self.done) * 100 / hundredth))
    }

    /// Whoever it is that moves nothing: the peer, or our own input or output.
    fn standstill(&self, seconds: u64) -> Vec<String> {
        let nothing = format!("nothing for {seconds} s");
        let amount = self.amount();
        vec![
            format!("{amount}, {nothing}; --idle-timeout bounds a wait for the peer"),
            format!("{amount}, {nothing}; --idle-timeout"),
            format!("{amount}, {nothing}"),
            nothing,
        ]
    }

    /// The name is shortened first, then the bar, then the figures; then the name goes.
    fn moving(&self, figures: &[String], spinner: char, width: usize) -> String {
        let bars: &[usize] = if self.total.is_some() { &[30, 20, 10, 0] } else { &[0] };
        let least = columns(&self.name).min(LEAST_NAME);
        for figures in figures {
            for &length in bars {
                let middle = match (self.total, length) {
                    (Some(_), 0) => String::new(),
                    (Some(total), _) => format!("{} ", bar(self.done, total, length)),
                    (None, _) => format!("{spinner} "),
                };
                let room = width.saturating_sub(columns(&middle) + columns(figures) + 1);
                if room >= least {
                    return format!("{} {middle}{figures}", shortened(&self.name, room));
                }
            }
        }
        first_that_fits(figures, width)
    }
}

/// Of a peer that has said nothing so far. A program that speaks no protocol says nothing for ever.
fn silence(ours: TransferRole, spinner: char, seconds: u64, option: &str) -> Vec<String> {
    let peer = match ours {
        TransferRole::Send => "adieu receive",
        TransferRole::Receive => "adieu send",
    };
    vec![
        format!("{spinner} the peer says nothing, {seconds} s; is it {peer}? {option} bounds this"),
        format!("{spinner} the peer says nothing; is it {peer}? {option}"),
        format!("the peer says nothing; is it {peer}?"),
        format!("is it {peer}?"),
    ]
}

fn bar(done: u64, total: u64, length: usize) -> String {
    let cells = u128::from(done.min(total)) * length as u128 / u128::from(total.max(1));
    let full = if total == 0 { length } else { usize::try_from(cells).unwrap_or(length) };
    format!("{}{}", "█".repeat(full), "░".repeat(length - full))
}

/// Of these, or else the beginning of the last.
fn first_that_fits(lines: &[String], width: usize) -> String {
    let Some(last) = lines.last() else { return String::new() };
    lines.iter().find(|line| columns(line) <= width).cloned().unwrap_or_else(|| {
        let mut room = width;
        last.chars().take_while(|&c| room.checked_sub(column(c)).map(|left| room = left).is_some()).collect()
    })
}

/// A name's end, which tells it from its like.
fn shortened(name: &str, width: usize) -> String {
    if columns(name) <= width {
        return name.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| room.checked_sub(column(*c)).map(|left| room = left).is_some();
    let end: Vec<char> = name.chars().rev().take_while(fits).collect();
    std::iter::once('…').take(width).chain(end.into_iter().rev()).collect()
}

fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

/// At most: what is not ASCII may take two, but for what the line itself is made of.
fn column(c: char) -> usize {
    if c.is_ascii() || matches!(c, '…' | '█' | '░' | '\u{2800}'..='\u{28ff}') { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moving(name: &str, done: u64, total: Option<u64>) -> (View, Instant) {
        let start = Instant::now();
        let mut view = View::new(Doing::Hello(TransferRole::Send), start);
        view.file(name.to_owned(), 0, start);
        view.total = total;
        view.moved(done, start);
        (view, start)
    }

    #[test]
    fn the_line_fits_any_width_and_the_name_is_shortened_first() {
        let long = "backup-2026-11-of-everything-there-is.tar.gz";
        for name in [long, "f", "日本語の長いファイル名は二倍の幅がある.txt"] {
            for (done, total) in [(0, Some(0)), (1 << 29, Some(1 << 30)), (u64::MAX, None), (0, None)] {
                let (view, start) = moving(name, done, total);
                for width in 0..=200 {
                    for seconds in [0, 2, 7] {
                        let line = view.line(start + Duration::from_secs(seconds), width);
                        assert!(columns(&line) <= width, "{width}: {line}");
                        assert!(width == 0 || !line.is_empty());
                    }
                }
            }
        }
        let (view, start) = moving(long, 1 << 29, Some(1 << 30));
        let line = |width| view.line(start + Duration::from_secs(2), width);
        assert_eq!(
            line(130),
            format!("{long} ███████████████░░░░░░░░░░░░░░░ 512.00 MiB of 1.00 GiB, 256.00 MiB/s, 2s left")
        );
        assert_eq!(
            line(110),
            "…11-of-everything-there-is.tar.gz ███████████████░░░░░░░░░░░░░░░ 512.00 MiB of 1.00 GiB, \
             256.00 MiB/s, 2s left"
        );
        assert_eq!(
            line(80),
            "…re-is.tar.gz ██████████░░░░░░░░░░ 512.00 MiB of 1.00 GiB, 256.00 MiB/s, 2s left"
        );
        assert_eq!(line(20), "…here-is.tar.gz 50 %");
        assert_eq!(line(4), "50 %");
    }

    #[test]
    fn the_rate_is_never_more_than_what_was_moved_and_not_of_what_was_there() {
        let start = Instant::now();
        let mut view = View::new(Doing::Hello(TransferRole::Send), start);
        view.total(10_000);
        view.file("f".to_owned(), 4000, start);
        view.moved(4000, start);
        assert_eq!(view.rate(start), 0);
        view.moved(1000, start);
        let after = |millis| view.rate(start + Duration::from_millis(millis));
        assert_eq!([after(0), after(1), after(1000), after(2000)], [1000, 1000, 1000, 500]);
    }

    #[test]
    fn a_wait_says_what_it_is_for_and_after_three_seconds_what_bounds_it() {
        let start = Instant::now();
        for (doing, first, then) in [
            (Doing::Connecting, "⠁ connecting", "connecting, 4 s; --connect-timeout bounds this"),
            (
                Doing::Hello(TransferRole::Send),
                "⠁ waiting for the peer's hello",
                "the peer says nothing, 4 s; is it adieu receive? --idle-timeout bounds this",
            ),
            (
                Doing::Hello(TransferRole::Receive),
                "⠁ waiting for the peer's hello",
                "the peer says nothing, 4 s; is it adieu send? --idle-timeout bounds this",
            ),
            (Doing::Moving, "⠁ waiting for the first file", "file, 4 s; --idle-timeout bounds this"),
            (Doing::Receipt, "⠁ waiting for the receipt", "receipt, 4 s; --idle-timeout bounds this"),
            (
                Doing::ReceiptSyncing,
                "⠁ waiting for the receipt: the receiver syncs",
                "syncs, 4 s; --idle-timeout bounds this",
            ),
            (Doing::Syncing, "⠁ syncing", "syncing, 4 s"),
        ] {
            let view = View::new(doing, start);
            assert_eq!(view.line(start, 80), first);
            let later = view.line(start + Duration::from_secs(4), 80);
            assert!(later.ends_with(then), "{later}");
            for width in 1..80 {
                let line = view.line(start + Duration::from_secs(4), width);
                assert!((1..=width).contains(&columns(&line)), "{width}: {line}");
            }
        }
        let (mut view, start) = moving("f", 10, None);
        let later = view.line(start + Duration::from_secs(5), 80);
        assert!(
            later.ends_with("10 B, nothing for 5 s; --idle-timeout bounds a wait for the peer"),
            "{later}"
        );
        view.moved(10, start + Duration::from_secs(5));
        let later = view.line(start + Duration::from_secs(5), 80);
        assert!(later.ends_with("20 B, 4 B/s"), "{later}");
    }
}
