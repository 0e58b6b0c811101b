//! What stands on stderr: lines for people, or JSON and nothing else, one object a line.
//!
//! Everything that is said goes through here: here what a peer chose is escaped, and a stderr that takes nothing holds nobody
//! up (see `sink`).

use crate::sink::{Sink, Target};
use serde::Serialize;
use std::cell::Cell;
use std::io;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// How long what is not written yet is waited for at the end. Where only a thread can write without holding us up, it is not
/// the stderr that takes nothing alone that is waited for.
const LAST_CHANCE: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 100 } else { 1000 });

/// The same where every line is left to a thread: also one that takes them at once has to be given the processor.
const LAST_CHANCE_BESIDE: Duration = Duration::from_secs(1);

/// Whether every line is left to a thread.
static IS_BESIDE: AtomicBool = AtomicBool::new(false);

/// Whether stderr is JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

static STDERR: OnceLock<Sink> = OnceLock::new();

fn stderr() -> &'static Sink {
    STDERR.get_or_init(|| Sink::new(Target::Stderr, |lines| dropped(lines, is_json())))
}

thread_local! {
    /// The number of the connection that this thread is about; 0: of none.
    static CONNECTION: Cell<u64> = const { Cell::new(0) };
}

/// From here on stderr is JSON.
pub(crate) fn speak_json() {
    IS_JSON.store(true, Ordering::Relaxed);
}

/// From here on a thread writes every line: whoever says something does not even wait for a disk.
pub(crate) fn go_on_beside() {
    IS_BESIDE.store(true, Ordering::Relaxed);
    stderr().go_on_beside();
}

pub(crate) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// From here on, what this thread says is of this connection of a service. They count from 1.
pub(crate) fn of_connection(id: u64) {
    CONNECTION.set(id);
}

/// What is said meanwhile is of this connection of a service.
pub(crate) fn about<T>(id: Option<u64>, say: impl FnOnce() -> T) -> T {
    let before = CONNECTION.replace(id.unwrap_or(0));
    let result = say();
    CONNECTION.set(before);
    result
}

/// Which connection of a service this thread is about.
pub(crate) fn connection() -> Option<u64> {
    Some(CONNECTION.get()).filter(|id| *id > 0)
}

/// This moment, as RFC 3339 has it, in UTC.
pub(crate) fn now() -> String {
    // A clock that stands before 1970 is shown at its beginning.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since).to_string()
}

/// One line of JSON that is no report. Described by docs/events.schema.json.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Happened<'a> {
    /// What happened: `listening`, `connection`, `step`, `note`, `certificate`, `error`, `dropped`, `stopped`.
    pub(crate) event: &'static str,
    /// When.
    pub(crate) at: String,
    /// The number of the connection, in a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<u64>,
    /// The sentence for people.
    pub(crate) message: &'a str,
    /// What to try next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<&'a str>,
    /// Of a step: the time since the connection's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since_us: Option<u64>,
    /// Of `listening`: where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<&'a str>,
    /// Of `connection`: who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer_address: Option<&'a str>,
    /// Of `connection`: where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) local_address: Option<&'a str>,
    /// Of `dropped`: how many lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<u64>,
    /// Of `stopped`: by which signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<&'static str>,
    /// Of `stopped`: connections that did not end by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aborted: Option<u64>,
    /// Of `stopped`: clients that were not let in (`--allow`, `--deny`), if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) denied: Option<u64>,
    /// Of `stopped` and of an error that ends the process: the exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<u8>,
}

impl<'a> Happened<'a> {
    pub(crate) fn new(event: &'static str, message: &'a str) -> Self {
        Self { event, at: now(), connection_id: connection(), message, ..Self::default() }
    }

    /// Says it, in JSON.
    pub(crate) fn say(&self) {
        json_line(&json(self));
    }
}

/// JSON that is UTF-8 and has nothing in it that moves a terminal: what serde leaves as it is can only stand in a string, where
/// it may be escaped.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string(value).expect("a flat struct of plain values is JSON");
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        let (mut utf8, mut utf16) = ([0; 4], [0; 2]);
        if adieu::shown(c.encode_utf8(&mut utf8).as_bytes()) == *c.encode_utf8(&mut utf8) {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut utf16) {
                escaped += &format!("\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// How a line for people looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    /// Something went wrong: as clap shows it.
    Bad,
}

/// A line for people.
pub(crate) fn text(style: Style, text: &str) {
    if style == Style::Bad && is_colourful() {
        paint("\x1b[1m\x1b[31madieu:\x1b[0m ", text);
    } else {
        line(&format!("adieu: {text}"));
    }
}

/// What to try next, after the line that it is for.
pub(crate) fn hint(text: &str) {
    if is_colourful() {
        paint("  \x1b[32mhint:\x1b[0m ", text);
    } else {
        line(&format!("  hint: {text}"));
    }
}

/// As clap decides it.
pub(crate) fn is_colourful() -> bool {
    let stderr = io::stderr();
    stderr.is_terminal()
        && anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never
        // On Windows this is also what makes the console take them.
        && console::Term::stderr().features().colors_supported()
}

fn paint(painted: &str, text: &str) {
    send(&format!("{painted}{}\n", adieu::shown(text.as_bytes())));
}

/// A line of JSON on stderr.
pub(crate) fn json_line(json: &str) {
    send(&format!("{json}\n"));
}

/// A line for people on stderr, without our name in front.
pub(crate) fn line(text: &str) {
    send(&format!("{}\n", adieu::shown(text.as_bytes())));
}

fn send(bytes: &str) {
    // There is nowhere to say that stderr is gone.
    let _ = stderr().write(bytes);
}

/// What clap says: a text of several lines.
pub(crate) fn page(text: &str) {
    send(text);
}

/// What is drawn on a terminal, and worth nothing later.
#[cfg(unix)]
pub(crate) fn draw(text: &str) {
    stderr().write_now_or_never(text.as_bytes());
}

/// The last that is done: what is not written yet gets its one chance.
pub(crate) fn finish() {
    // There is nowhere to say that stderr takes nothing.
    let limit = if IS_BESIDE.load(Ordering::Relaxed) { LAST_CHANCE_BESIDE } else { LAST_CHANCE };
    let _ = STDERR.get().map(|stderr| stderr.finish(limit));
}

/// The line that says how many were dropped.
pub(crate) fn dropped(lines: u64, is_json: bool) -> String {
    let s = if lines == 1 { "" } else { "s" };
    let message = format!("{lines} line{s} dropped here: the reader of this output did not keep up");
    if is_json {
        let happened =
            Happened { lines: Some(lines), connection_id: None, ..Happened::new("dropped", &message) };
        format!("{}\n", json(&happened))
    } else {
        format!("adieu: {message}\n")
    }
}
