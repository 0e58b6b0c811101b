//! What a command says, and where: stdout carries the peer's bytes and nothing else.

use crate::addresses::{named, peer_name};
use crate::exit::ExitStatus;
use crate::options::reporting::{Kind, ReportFormat, Reports};
use crate::said::{self, Happened, Style};
use crate::sink::{Sink, Target};
use crate::{hints, steps};
use adieu::tls::Fingerprint;
use adieu::{
    Address, Connection, Endpoint, Event, ListenError, NeverConnected, Report, Role, Signal, Transport,
    describe_error,
};
use adieu_transfer::TransferResult;
use serde::Serialize;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a report's file may take that somebody must read.
const FOR_THE_FILE: Duration = Duration::from_secs(1);

pub(crate) struct Printer {
    format: ReportFormat,
    /// Where reports go instead of stderr.
    file: Option<(String, Sink)>,
    /// A report could not be written to the file.
    is_lost: Arc<AtomicBool>,
    kind: Kind,
    quiet: bool,
    verbose: bool,
    is_terminal: bool,
    /// The report of a whole transfer has been made. It is the last that is said, whichever threads are still there.
    is_over: Mutex<bool>,
}

/// What is said after a moment, unless this is dropped before.
pub(crate) struct Waiting {
    over: Option<mpsc::Sender<()>>,
    saying: Option<JoinHandle<()>>,
}

/// How long somebody at a terminal waits before he is told for what.
const A_MOMENT: Duration = Duration::from_secs(3);

/// How somebody who types what is sent ends it.
const YOUR_END: &str = if cfg!(windows) { "Ctrl-Z and Enter end your side" } else { "Ctrl-D ends your side" };

impl Waiting {
    /// `None`: there is no thread for it.
    fn new(say: impl FnOnce() + Send + 'static) -> Option<Self> {
        let (over, is_over) = mpsc::channel();
        let wait = move || {
            if is_over.recv_timeout(A_MOMENT) == Err(mpsc::RecvTimeoutError::Timeout) {
                say();
            }
        };
        let saying = std::thread::Builder::new().name("adieu-notice".into()).spawn(wait).ok()?;
        Some(Self { over: Some(over), saying: Some(saying) })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Nothing is said of it after what comes of it.
        drop(self.over.take());
        if let Some(saying) = self.saying.take() {
            // A panic has been told.
            let _ = saying.join();
        }
    }
}

/// A report, with what is known of it besides.
#[derive(Serialize)]
struct Ended<'a, R> {
    #[serde(flatten)]
    report: &'a R,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Printer {
    /// Opens the report's file, so that a file that cannot be written is known before anything is sent.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(crate) fn new(reports: &Reports) -> Result<Self, String> {
        Self::with(reports, false)
    }

    fn with(reports: &Reports, is_beside: bool) -> Result<Self, String> {
        let is_lost = Arc::new(AtomicBool::new(false));
        let Reports { format, kind, quiet, verbose, .. } = *reports;
        let file = match &reports.file {
            None => None,
            Some(path) => {
                let name = path.display().to_string();
                if let Some(end) = adieu_os::that_is_file(path) {
                    return Err(format!(
                        "cannot write the report to {name}: it is our {end}, and would be lost"
                    ));
                }
                let target = match adieu_os::open_for_lines(path, kind != Kind::Once) {
                    Ok(Some(file)) => Target::File(file),
                    Ok(None) => Target::Fifo(path.clone()),
                    Err(error) => {
                        return Err(format!("cannot write the report to {name}: {}", describe_error(&error)));
                    }
                };
                let dropped: fn(u64) -> String = match format {
                    ReportFormat::Json => |lines| said::dropped(lines, true),
                    _ => |lines| said::dropped(lines, false),
                };
                let sink = if is_beside {
                    let (name, is_lost) = (name.clone(), Arc::clone(&is_lost));
                    Sink::beside(target, dropped, move |error| lose(&is_lost, &name, error))
                } else {
                    Sink::new(target, dropped)
                };
                Some((name, sink))
            }
        };
        Ok(Self {
            format,
            file,
            is_lost,
            kind,
            quiet,
            verbose,
            // Whoever wants quiet is told nothing that depends on it.
            is_terminal: !quiet && io::stderr().is_terminal(),
            is_over: Mutex::new(false),
        })
    }

    /// The same, where a file that cannot be written ends the run: that has been said.
    ///
    /// # Errors
    ///
    /// The exit status.
    pub(crate) fn open(reports: &Reports) -> Result<Arc<Self>, ExitStatus> {
        Self::opened(Self::new(reports))
    }

    /// The same for a service in which one thread serves many connections: none of them waits for a disk, because threads of their own
    /// write the file and stderr.
    ///
    /// # Errors
    ///
    /// The exit status.
    pub(crate) fn open_beside(reports: &Reports) -> Result<Arc<Self>, ExitStatus> {
        said::go_on_beside();
        Self::opened(Self::with(reports, true))
    }

    fn opened(opened: Result<Self, String>) -> Result<Arc<Self>, ExitStatus> {
        opened.map(Arc::new).map_err(|error| {
            complain(&error);
            ExitStatus::LocalFailure
        })
    }

    /// Says that we cannot listen, and gives the exit status.
    pub(crate) fn cannot_listen(&self, endpoint: &Endpoint, error: &ListenError) -> ExitStatus {
        // Without reports it is said all the same: nothing will run.
        if !self.is_asked() {
            complain(&error.to_string());
        }
        let report = NeverConnected::CannotListen { error }.report(endpoint, Role::Listen);
        self.report_with(&report, hints::for_listening(endpoint, error))
    }

    /// Whether reports are wanted at all.
    pub(crate) fn is_asked(&self) -> bool {
        self.format != ReportFormat::None
    }

    /// Whether reports are JSON.
    pub(crate) fn reports_json(&self) -> bool {
        self.format == ReportFormat::Json
    }

    fn is_over(&self) -> MutexGuard<'_, bool> {
        self.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something that is no report may be said, for as long as this is held.
    fn speaks(&self) -> Option<MutexGuard<'_, bool>> {
        Some(self.is_over()).filter(|is_over| !(self.quiet || **is_over))
    }

    /// Says how a connection ended, and gives the exit status.
    pub(crate) fn report(&self, report: &Report) -> ExitStatus {
        self.report_with(report, None)
    }

    /// The same, with what to try next where the report alone does not tell.
    pub(crate) fn report_with(&self, report: &Report, hint: Option<&str>) -> ExitStatus {
        let report = &*hints::with_options(report);
        let status = ExitStatus::Ending(report.exit_code());
        let hint = hint.or_else(|| hints::for_report(report));
        let is_good = report.is_good();
        let text = match self.kind {
            Kind::Service if report.connected_after.is_some() => service_line(report, &report.to_string()),
            _ => report.to_string(),
        };
        self.publish(report, &text, hint, is_good, is_good || is_logout(report), status)
    }

    /// Says what a transfer came to, and gives the exit status.
    pub(crate) fn transfer(&self, report: &adieu_transfer::TransferReport) -> ExitStatus {
        self.transfer_with(report, None)
    }

    /// The same, with what to try next where the report alone does not tell.
    pub(crate) fn transfer_with(
        &self,
        report: &adieu_transfer::TransferReport,
        hint: Option<&str>,
    ) -> ExitStatus {
        let hint = hint.or_else(|| report.advice.and_then(hints::for_transfer));
        let hint = hint.or_else(|| match (&report.connection, report.result) {
            (Some(connection), TransferResult::NoConnection) => hints::for_report(connection),
            _ => None,
        });
        let (is_good, status) = (report.is_good(), ExitStatus::Ending(report.exit_code));
        let mut is_over = self.is_over();
        if self.kind != Kind::Service {
            *is_over = true;
        }
        let text = match &report.connection {
            Some(connection) if said::connection().is_some() => service_line(connection, &report.to_string()),
            _ => report.to_string(),
        };
        self.publish(report, &text, hint, is_good, is_good, status)
    }

    fn publish<R: Serialize>(
        &self,
        report: &R,
        text: &str,
        hint: Option<&str>,
        is_good: bool,
        may_be_silent: bool,
        status: ExitStatus,
    ) -> ExitStatus {
        if self.format == ReportFormat::None {
            return status;
        }
        let json = || said::json(&Ended { report, event: "ended", connection_id: said::connection(), hint });
        let is_in_file = self.file.is_some();
        let (mut status, mut is_lost) = (status, false);
        if let Some((name, file)) = &self.file {
            let line = if self.format == ReportFormat::Json { json() } else { adieu::shown(text.as_bytes()) };
            let mut written = file.write(&format!("{line}\n")).map(drop);
            if written.is_ok() && self.kind != Kind::Service {
                written = file.finish(FOR_THE_FILE);
            }
            if let Err(error) = written {
                is_lost = true;
                lose(&self.is_lost, name, &error);
            }
        }
        if is_lost && is_good {
            status = ExitStatus::LocalFailure;
        }
        if said::is_json() {
            // With -q too: whoever asks for JSON wants the reports. A file has them.
            if !is_in_file || !may_be_silent {
                said::json_line(&json());
            }
        } else if !may_be_silent || !(is_in_file || self.quiet) {
            said::text(if is_good { Style::Plain } else { Style::Bad }, text);
            if let Some(hint) = hint {
                said::hint(hint);
            }
        }
        status
    }

    /// Writes lines to the report's file. False: that cannot be done, which was told.
    pub(crate) fn lines(&self, lines: &str) -> bool {
        let Some((name, file)) = &self.file else { return true };
        let Err(error) = file.write(lines) else { return true };
        lose(&self.is_lost, name, &error);
        false
    }

    /// The exit status of a service, which is good only if every report is where it belongs.
    pub(crate) fn finish(&self, status: ExitStatus) -> ExitStatus {
        let Some((name, file)) = &self.file else { return status };
        if let Err(error) = file.finish(FOR_THE_FILE) {
            lose(&self.is_lost, name, &error);
        }
        let is_lost = self.is_lost.load(Ordering::Relaxed);
        if is_lost && status.number() == 0 { ExitStatus::LocalFailure } else { status }
    }

    /// Whether a bar may be drawn: on a terminal, where nobody asked for quiet or each step.
    pub(crate) fn may_draw(&self) -> bool {
        self.is_terminal && !self.verbose && !said::is_json()
    }

    /// Whether each step is to be told.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Says something that is no report and no complaint.
    pub(crate) fn say(&self, text: &str) {
        self.say_with(text, None);
    }

    /// The same, with what to try next.
    pub(crate) fn say_with(&self, text: &str, hint: Option<&str>) {
        let Some(_held) = self.speaks() else { return };
        if said::is_json() {
            Happened { hint, ..Happened::new("note", text) }.say();
        } else {
            said::text(Style::Plain, text);
            if let Some(hint) = hint {
                said::hint(hint);
            }
        }
    }

    /// Says something of a connection of a service.
    pub(crate) fn say_of_connection(&self, text: &str) {
        match said::connection() {
            Some(id) if !said::is_json() => self.say(&format!("#{id} {text}")),
            _ => self.say(text),
        }
    }

    /// Reports a connection of a relay: `json` where that is the format, else `text`. A person on stderr is given the hint too.
    pub(crate) fn relayed(
        &self,
        json: impl Fn() -> String,
        text: impl Fn() -> String,
        hint: impl FnOnce() -> Option<&'static str>,
        is_good: bool,
    ) {
        if self.format == ReportFormat::None {
            return;
        }
        if self.file.is_some() {
            let line = match self.format {
                ReportFormat::Json => json(),
                _ => adieu::shown(text().as_bytes()),
            };
            self.lines(&format!("{line}\n"));
        } else if said::is_json() {
            // With -q too: whoever asks for JSON wants the reports.
            said::json_line(&json());
        } else if !(self.quiet && is_good) {
            said::text(if is_good { Style::Plain } else { Style::Bad }, &text());
            if let Some(hint) = hint() {
                said::hint(hint);
            }
        }
    }

    /// Says what the drain of a relay came to, and whom it had to cut.
    pub(crate) fn drained(
        &self,
        by: Signal,
        clients: u64,
        finished: usize,
        cut: &[String],
        status: ExitStatus,
    ) {
        if self.quiet && cut.is_empty() {
            return;
        }
        let came_to = match clients {
            0 => "no client had connected".to_owned(),
            _ => format!("open connections: {finished} finished, {} cut", cut.len()),
        };
        let mut text = format!("stopped by {}; {came_to}", by.name());
        if !cut.is_empty() {
            text += &format!(": {}", cut.join("; "));
        }
        if said::is_json() {
            let (signal, exit_code) = (Some(by.name()), Some(status.number()));
            let aborted = Some(cut.len() as u64);
            Happened { signal, aborted, exit_code, ..Happened::new("stopped", &text) }.say();
        } else {
            said::text(if cut.is_empty() { Style::Plain } else { Style::Bad }, &text);
        }
    }

    /// Says that it is every address where we listen, as the socket turned out.
    fn everywhere(&self, endpoint: &Endpoint) {
        let is_of_ipv4 = matches!(
            endpoint,
            Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } | Endpoint::Udp { host, .. } if host == "0.0.0.0"
        );
        let versions = if is_of_ipv4 { "IPv4 alone" } else { "IPv6 and IPv4" };
        self.say(&format!("that is every address of this machine, of {versions}"));
    }

    /// Says where we listen, and whether that is every address of this machine.
    pub(crate) fn listening(&self, endpoint: &Endpoint, is_everywhere: bool) {
        {
            let Some(_held) = self.speaks() else { return };
            let endpoint = endpoint.to_string();
            let text = format!("listening on {endpoint}");
            if said::is_json() {
                Happened { endpoint: Some(&endpoint), ..Happened::new("listening", &text) }.say();
            } else {
                said::text(Style::Plain, &text);
            }
        }
        if is_everywhere {
            self.everywhere(endpoint);
        }
    }

    /// Until the answer is dropped, somebody at a terminal is told after a moment what is waited for.
    pub(crate) fn while_connecting(&self, endpoint: &Endpoint, limit: Duration) -> Option<Waiting> {
        if !self.is_terminal {
            return None;
        }
        let limit = match limit.subsec_nanos() {
            0 => format!("{} s", limit.as_secs()),
            _ => humantime::format_duration(limit).to_string(),
        };
        let text = format!(
            "connecting to {endpoint} ({limit} limit); --connect-timeout bounds this, Ctrl-C ends it"
        );
        Waiting::new(move || {
            if said::is_json() {
                Happened::new("note", &text).say();
            } else {
                said::text(Style::Plain, &text);
            }
        })
    }

    /// Whether a person reads what is said, and has not asked for quiet.
    pub(crate) fn is_on_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Says to a person who types what is sent that there is a connection, and how to end it.
    pub(crate) fn connected_to(&self, endpoint: &Endpoint, peer: Option<&Address>) {
        let endpoint = endpoint.to_string();
        let address = named(peer).filter(|address| !endpoint.ends_with(address.as_str()));
        let address = address.map_or_else(String::new, |address| format!(" at {address}"));
        self.say(&format!("connected to {endpoint}{address}; {YOUR_END}"));
    }

    /// Says who has connected.
    pub(crate) fn connected(&self, connection: &Connection) {
        self.connected_from(connection.peer_address(), connection.local_address());
    }

    /// Says from where somebody has connected, and where to.
    pub(crate) fn connected_from(&self, peer: Option<&Address>, local: Option<&Address>) {
        self.came(peer, local, &format!("connection from {}", peer_name(peer)));
    }

    /// Says it to a person who types what is sent, with how to end it.
    pub(crate) fn connected_from_to_typist(&self, peer: Option<&Address>, local: Option<&Address>) {
        self.came(peer, local, &format!("connection from {}; {YOUR_END}", peer_name(peer)));
    }

    fn came(&self, peer: Option<&Address>, local: Option<&Address>, text: &str) {
        let Some(_held) = self.speaks() else { return };
        let (peer, local) = (named(peer), named(local));
        if said::is_json() {
            let happened = Happened::new("connection", text);
            Happened { peer_address: peer.as_deref(), local_address: local.as_deref(), ..happened }.say();
        } else if let (Kind::Service, Some(id)) = (self.kind, said::connection()) {
            said::text(Style::Plain, &format!("{} #{id} {text}", said::now()));
        } else {
            said::text(Style::Plain, text);
        }
    }

    /// Says that a service was stopped, and how many of its connections did not end by themselves.
    pub(crate) fn stopped(
        &self,
        by: adieu::Signal,
        served: u64,
        denied: u64,
        aborted: u64,
        status: ExitStatus,
    ) {
        if self.quiet {
            return;
        }
        let s = if served == 1 { "" } else { "s" };
        let mut text = format!("stopped by {}; {served} connection{s} served", by.name());
        for (number, what) in [(aborted, "aborted"), (denied, "not let in")] {
            if number > 0 {
                text += &format!(", {number} {what}");
            }
        }
        if said::is_json() {
            let happened = Happened::new("stopped", &text);
            let (signal, exit_code) = (Some(by.name()), Some(status.number()));
            let denied = Some(denied).filter(|denied| *denied > 0);
            Happened { signal, aborted: Some(aborted), denied, exit_code, ..happened }.say();
        } else {
            said::text(Style::Plain, &text);
        }
    }

    /// Whether steps are to be told.
    pub(crate) fn watches(&self) -> bool {
        self.verbose || self.is_terminal
    }

    /// Tells a step.
    pub(crate) fn step(&self, at: Duration, event: &Event<'_>) {
        if let Event::StillWaiting { waited, for_acknowledgement } = event
            && self.is_terminal
        {
            let what = if *for_acknowledgement { "acknowledge our end" } else { "end its side" };
            self.say(&format!(
                "still waiting for the peer to {what}, {} s after our half-close; --idle-timeout or --deadline bounds \
                 this, Ctrl-C ends it",
                waited.as_secs()
            ));
        }
        if !self.verbose {
            return;
        }
        let Some(text) = steps::in_words(event) else { return };
        let Some(_held) = self.speaks() else { return };
        if said::is_json() {
            let since_us = Some(u64::try_from(at.as_micros()).unwrap_or(u64::MAX));
            Happened { since_us, ..Happened::new("step", &text) }.say();
        } else {
            let tag = said::connection().map_or_else(String::new, |id| format!("#{id} "));
            said::text(Style::Plain, &format!("{tag}{:>9.3} ms  {text}", at.as_secs_f64() * 1000.0));
        }
    }
}

/// A report is not where it belongs: a service says it once, and in its exit status.
fn lose(is_lost: &AtomicBool, name: &str, error: &io::Error) {
    if !is_lost.swap(true, Ordering::Relaxed) {
        complain(&format!("cannot write the report to {name}: {}", describe_error(error)));
    }
}

/// The line of a service's log: when it ended, which, who, how long, and in these words how.
fn service_line(report: &Report, ended: &str) -> String {
    let id = said::connection().map_or_else(String::new, |id| format!(" #{id}"));
    let peer = peer_name(report.peer_address.as_ref());
    let local = named(report.local_address.as_ref()).unwrap_or_else(|| report.endpoint.clone());
    let took = report.closed_after.unwrap_or(report.ended_after);
    format!("{}{id} {peer} to {local}, {:.3} s: {ended}", said::now(), took.as_secs_f64())
}

/// The terminal is gone, and with it whoever would read this; nothing was left to do. So ends a ProxyCommand at each logout.
fn is_logout(report: &Report) -> bool {
    let has_all = match report.bytes_unacknowledged {
        Some(unacknowledged) => unacknowledged == 0,
        // Of a Unix socket it cannot be told.
        None => report.transport == Some(Transport::Unix),
    };
    report.signal() == Some(Signal::Hangup)
        && report.connected_after.is_some()
        && has_all
        && report.bytes_read == report.bytes_accepted
        && report.bytes_received == report.bytes_written + report.bytes_discarded
        && !adieu_os::stdin_has_bytes()
}

/// What nobody can do without, said also when quiet: the fingerprint of a new certificate.
pub(crate) fn say_always(text: &str) {
    if said::is_json() {
        Happened::new("certificate", text).say();
    } else {
        said::text(Style::Plain, text);
    }
}

/// How clients can know a certificate that was made just now. What for: `made`.
pub(crate) fn say_certificate(fingerprint: &Fingerprint, made: &str) {
    say_always(&format!("the certificate was made {made}; clients trust it with --pin {fingerprint}"));
}

/// What somebody has asked for while we run, said also when quiet.
pub(crate) fn answer(text: &str) {
    if said::is_json() {
        Happened::new("note", text).say();
    } else {
        said::text(Style::Plain, text);
    }
}

/// An error of ours, said also when quiet.
pub(crate) fn complain(text: &str) {
    complain_with(text, None);
}

/// The same, with what to try next.
pub(crate) fn complain_with(text: &str, hint: Option<&str>) {
    if said::is_json() {
        Happened { hint, ..Happened::new("error", text) }.say();
        return;
    }
    said::text(Style::Bad, text);
    if let Some(hint) = hint {
        said::hint(hint);
    }
}
