//! What is told of the connections of a relay: on stderr, in the report's file, and in the log.

use super::log::{Line, direction};
use super::service_manager;
use crate::addresses::{named, peer_name};
use crate::printer::{Printer, complain};
use crate::said;
use crate::sink::{Sink, Target};
use adieu::faults::Injected;
use adieu::{Ending, Endpoint, describe_error};
use adieu_relay::{Closed, Metrics, RelayEvent, TurnedAway};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a log may take that somebody must read.
const FOR_THE_LOG: Duration = Duration::from_secs(1);

/// The log of connections.
pub(super) struct Log {
    path: PathBuf,
    file: Sink,
    is_lost: AtomicBool,
}

impl Log {
    /// Opens it, to go on at its end.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = Sink::new(target(path)?, |lines| said::dropped(lines, true));
        Ok(Self { path: path.to_owned(), file, is_lost: AtomicBool::new(false) })
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

    fn write(&self, json: &str) {
        if let Err(error) = self.file.write(&format!("{json}\n")) {
            self.fail(&error);
        }
    }

    /// Said once, and in the exit status.
    fn fail(&self, error: &std::io::Error) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            complain(&cannot_write(&self.path, error));
        }
    }

    /// Whether every line is where it belongs.
    pub(super) fn finish(&self) -> bool {
        if let Err(error) = self.file.finish(FOR_THE_LOG) {
            self.fail(&error);
        }
        !self.is_lost.load(Ordering::Relaxed)
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
}

/// Which, in which direction, and where.
fn fault_in_words(injected: &Injected) -> String {
    let way = direction(injected);
    let (name, bytes) = (injected.fault.name(), injected.bytes);
    format!("{name} {way}, after {bytes} bytes and {:.3} s", injected.after.as_secs_f64())
}

impl Told {
    pub(super) fn hear(&self, event: &RelayEvent<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.observe(event);
        }
        match event {
            RelayEvent::Closed(closed) => self.closed(closed),
            RelayEvent::AcceptFailed { error, .. } => complain(&error.to_string()),
            RelayEvent::NoRoom { most } => complain(&format!(
                "{most} connections are open, and there are descriptors for no more (ulimit -n): further clients wait"
            )),
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
            RelayEvent::UpstreamFailed { id, error, .. } => self.step(Some(*id), || error.to_string()),
            RelayEvent::Draining { open, grace } => service_manager::stopping(*open, *grace),
            RelayEvent::UpstreamDown { upstream, .. } => {
                self.printer.say(&format!("upstream {upstream} is down"));
            }
            RelayEvent::UpstreamUp { upstream, .. } => {
                self.printer.say(&format!("upstream {upstream} is back"));
            }
            RelayEvent::NameFailed { host, error, .. } => {
                complain(&format!("{host}: {error}; addresses that were known are kept"));
            }
            RelayEvent::NameResolved { host, .. } => self.printer.say(&format!("{host} is resolved again")),
            RelayEvent::TurnedAway { client, why, .. } => {
                self.step(None, || format!("{} is reset: {}", peer_name(Some(client)), turned_away(*why)));
            }
            _ => {}
        }
    }

    fn step(&self, id: Option<u64>, text: impl FnOnce() -> String) {
        if self.printer.is_verbose() {
            said::about(id, || self.printer.say_of_connection(&text()));
        }
    }

    fn closed(&self, closed: &Closed) {
        let is_good = closed.ending() == Ending::Graceful;
        let json = || said::json(&Line::of(closed));
        if let Some(log) = &self.log {
            log.write(&json());
        }
        let text = || {
            let client = peer_name(Some(&closed.client));
            let upstream = closed.upstream.as_ref().map(Endpoint::to_string);
            let upstream = upstream.or_else(|| named(closed.local.as_ref())).unwrap_or_default();
            let took = closed.duration.as_secs_f64();
            format!("{} #{} {client} to {upstream}, {took:.3} s: {closed}", said::now(), closed.id)
        };
        said::about(Some(closed.id), || self.printer.relayed(json, text, is_good));
    }
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
