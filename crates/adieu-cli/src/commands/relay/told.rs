//! What is told of the connections of a relay: on stderr, in the report's file, and in the log.

use super::described::Described;
use super::log::{Line, direction};
use super::service_manager;
use crate::addresses::{named, peer_name};
use crate::hints;
use crate::printer::{Printer, complain};
use crate::said;
use crate::sink::{Sink, Target};
use adieu::faults::Injected;
use adieu::{Ending, Endpoint, describe_error};
use adieu_relay::{Closed, Metrics, RelayConfig, RelayEvent, TurnedAway};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What lasts longer is for good.
const CENTURY: Duration = Duration::from_secs(3_155_760_000);

/// How long a log may take that somebody must read.
const FOR_THE_LOG: Duration = Duration::from_secs(1);

/// The log of connections. A thread writes it: no worker waits for a disk that hangs, or for whoever reads a FIFO.
pub(super) struct Log {
    path: PathBuf,
    file: Sink,
    is_lost: Arc<AtomicBool>,
    /// There was no room for the last line.
    is_full: AtomicBool,
}

impl Log {
    /// Opens it, to go on at its end.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let is_lost = Arc::new(AtomicBool::new(false));
        let (path, lost) = (path.to_owned(), Arc::clone(&is_lost));
        let named = path.clone();
        let failed = move |error: &std::io::Error| fail(&lost, &named, error);
        let file = Sink::beside(target(&path)?, |lines| said::dropped(lines, true), failed);
        Ok(Self { path, file, is_lost, is_full: AtomicBool::new(false) })
    }

    /// Opens it by its name again: the file that had this name may have been renamed.
    ///
    /// # Errors
    ///
    /// A sentence that names the file. Lines still go to the file that was open.
    pub(super) fn reopen(&self) -> Result<(), String> {
        self.file.go_on_in(target(&self.path)?);
        Ok(())
    }

    /// Writes a line of the log. False: the line is dropped, because the queue of lines that wait for the disk is full. That is said of
    /// the first line of each time.
    fn write(&self, json: &str) -> bool {
        // What cannot be written is told by the thread that writes.
        let has_room = self.file.write(&format!("{json}\n")).unwrap_or(true);
        if !has_room && !self.is_full.load(Ordering::Relaxed) && !self.is_full.swap(true, Ordering::Relaxed) {
            complain(&format!("the log {} takes no lines: further lines are dropped", self.path.display()));
        } else if has_room && self.is_full.load(Ordering::Relaxed) {
            self.is_full.store(false, Ordering::Relaxed);
        }
        has_room
    }

    /// Whether every line is where it belongs.
    pub(super) fn finish(&self) -> bool {
        if let Err(error) = self.file.finish(FOR_THE_LOG) {
            fail(&self.is_lost, &self.path, &error);
        }
        !self.is_lost.load(Ordering::Relaxed)
    }
}

/// Said once, and in the exit status.
fn fail(is_lost: &AtomicBool, path: &Path, error: &std::io::Error) {
    if !is_lost.swap(true, Ordering::Relaxed) {
        complain(&cannot_write(path, error));
    }
}

/// The log's file, opened at its end.
fn target(path: &Path) -> Result<Target, String> {
    match adieu_os::open_for_lines(path, true) {
        Ok(Some(file)) => Ok(Target::File(file)),
        Ok(None) => Ok(Target::Fifo(path.to_owned())),
        Err(error) => Err(cannot_write(path, &error)),
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write the log to {}: {}", path.display(), describe_error(error))
}

/// Whoever is told of a relay's events, from any of its threads.
pub(super) struct Told {
    pub(super) printer: Arc<Printer>,
    pub(super) log: Option<Log>,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) turned_away: Few,
    /// The hints that were given.
    pub(super) hints: Mutex<BTreeSet<&'static str>>,
}

/// How many clients that are turned away have a line in a second. More are counted.
const LINES_A_SECOND: u32 = 100;

/// Lets a bounded number through in each second, and counts those that it does not.
#[derive(Default)]
pub(super) struct Few(Mutex<Second>);

#[derive(Default)]
struct Second {
    began: Option<Instant>,
    lines: u32,
    unlogged: u64,
}

impl Few {
    /// How many were not let through since the last one that was. `None`: this one is not either.
    fn next(&self, now: Instant) -> Option<u64> {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |began: Instant| now.saturating_duration_since(began) >= Duration::from_secs(1);
        if second.began.is_none_or(is_over) {
            (second.began, second.lines) = (Some(now), 0);
        }
        if second.lines >= LINES_A_SECOND {
            second.unlogged += 1;
            return None;
        }
        second.lines += 1;
        Some(std::mem::take(&mut second.unlogged))
    }
}

/// Which, in which direction, and where.
fn fault_in_words(injected: &Injected) -> String {
    let way = direction(injected);
    let (name, bytes) = (injected.fault.name(), injected.bytes);
    format!("{name} {way}, after {bytes} bytes and {:.3} s", injected.after.as_secs_f64())
}

impl Told {
    /// How a relay is to run whose events are told here.
    pub(super) fn configured(&self, described: &Described) -> RelayConfig {
        let mut config = described.config.clone();
        // The line for people has no name in it.
        config.report_server_name = self.log.is_some() || self.printer.reports_json();
        config
    }

    pub(super) fn hear(&self, event: &RelayEvent<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.observe(event);
        }
        match event {
            RelayEvent::Closed(closed) => self.closed(closed, None),
            RelayEvent::AcceptFailed { error, .. } => complain(&error.to_string()),
            RelayEvent::NoRoom { most } => {
                let are = if *most == 1 { "connection is" } else { "connections are" };
                complain(&format!(
                    "{most} {are} open, and there are descriptors for no more (ulimit -n): further clients wait"
                ));
            }
            RelayEvent::Accepted { id, client, .. } if self.printer.is_verbose() => {
                said::about(Some(*id), || self.printer.connected_from(Some(client), None));
            }
            RelayEvent::Introduced { id, client, .. } => {
                self.step(Some(*id), || format!("it is a proxy: the client is {}", peer_name(Some(client))));
            }
            RelayEvent::Joined { id, upstream, connect_time, .. } => {
                self.step(Some(*id), || {
                    format!("joined with {upstream} after {:.3} ms", connect_time.as_secs_f64() * 1000.0)
                });
            }
            // Whoever asked for it wants to see it.
            RelayEvent::FaultInjected { id, injected, .. } => {
                let text = format!("fault on purpose: {}", fault_in_words(injected));
                said::about(Some(*id), || self.printer.say_of_connection(&text));
            }
            RelayEvent::UpstreamFailed { id, error, .. } => {
                self.step(Some(*id), || error.sentence(hints::option));
            }
            RelayEvent::Draining { open, grace } => service_manager::stopping(*open, *grace),
            RelayEvent::UpstreamDown { relay, upstream, error, left_alone } => {
                let (left_alone, error) = (in_words(*left_alone), error.sentence(hints::option));
                self.at(&format!(
                    "relay {relay}: upstream {upstream} is down, and is left alone for {left_alone}: {error}"
                ));
            }
            RelayEvent::UpstreamUp { relay, upstream, was_down } => {
                let was_down = in_words(*was_down);
                self.at(&format!("relay {relay}: upstream {upstream} is back after {was_down}"));
            }
            RelayEvent::NameFailed { host, error, .. } => {
                complain(&format!("{host}: {error}; addresses that were known are kept"));
            }
            RelayEvent::NameResolved { host, .. } => self.printer.say(&format!("{host} is resolved again")),
            RelayEvent::TurnedAway { closed, .. } => {
                if let Some(unlogged) = self.turned_away.next(Instant::now()) {
                    self.closed(closed, Some(unlogged));
                }
            }
            _ => {}
        }
    }

    fn step(&self, id: Option<u64>, text: impl FnOnce() -> String) {
        if self.printer.is_verbose() {
            said::about(id, || self.printer.say_of_connection(&text()));
        }
    }

    /// Says it with the moment, which JSON has anyway.
    fn at(&self, text: &str) {
        if said::is_json() {
            self.printer.say(text);
        } else {
            self.printer.say(&format!("{} {text}", said::now()));
        }
    }

    fn closed(&self, closed: &Closed, unlogged: Option<u64>) {
        let is_good = closed.ending() == Ending::Graceful;
        let json = || said::json(&Line::of(closed, unlogged));
        if let Some(log) = &self.log
            && !log.write(&json())
            && let Some(metrics) = &self.metrics
        {
            metrics.note_line_dropped();
        }
        let text = || {
            let client = peer_name(Some(&closed.client));
            let upstream = closed.upstream.as_ref().map(Endpoint::to_string);
            let upstream = upstream.or_else(|| named(closed.local.as_ref())).unwrap_or_default();
            let took = closed.duration.as_secs_f64();
            let what = match closed.turned_away() {
                Some(why) => format!("turned away: {}", turned_away(why)),
                None => closed.sentence(hints::option),
            };
            let more = unlogged.filter(|more| *more > 0);
            let more = more.map(|more| format!("; {more} more before it have no line")).unwrap_or_default();
            format!("{} #{} {client} to {upstream}, {took:.3} s: {what}{more}", said::now(), closed.id)
        };
        // Each hint is given once: a busy relay would say it again with every connection.
        let is_new =
            |hint: &&'static str| self.hints.lock().unwrap_or_else(PoisonError::into_inner).insert(*hint);
        let hint = || hints::for_relayed(closed).filter(is_new);
        said::about(Some(closed.id), || self.printer.relayed(json, text, hint, is_good));
    }
}

/// A time in words, with no more digits than are of use.
fn in_words(time: Duration) -> String {
    if time > CENTURY {
        return "good".to_owned();
    }
    let unit = if time < Duration::from_secs(1) { Duration::from_millis(1) } else { Duration::from_secs(1) };
    let rounded = time.as_nanos() - time.as_nanos() % unit.as_nanos();
    humantime::format_duration(Duration::from_nanos(u64::try_from(rounded).unwrap_or(u64::MAX))).to_string()
}

/// Why a client was turned away, with the option that says so.
fn turned_away(why: TurnedAway) -> &'static str {
    match why {
        TurnedAway::NotLetIn => "it is not let in (--allow, --deny)",
        TurnedAway::Full => "there are as many connections as --max-connections lets in",
        TurnedAway::SourceFull => "its address has as many connections as --max-per-source lets in",
        TurnedAway::TooFast => "more clients came than --accept-rate lets in",
        TurnedAway::NotAProxy => "it is not one of the proxies of --accept-proxy",
        _ => "it is not let in",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_few_lines_and_is_counted() {
        let (few, now) = (Few::default(), Instant::now());
        let told = (0..1000).filter(|_| few.next(now).is_some()).count();
        assert_eq!(told, LINES_A_SECOND as usize);
        let later = now + Duration::from_secs(1);
        assert_eq!(few.next(later), Some(1000 - u64::from(LINES_A_SECOND)));
        assert_eq!(few.next(later), Some(0));
    }
}
