//! Everything that is said, and where: stdout carries the peer's bytes and nothing else.

use crate::exit::ExitStatus;
use crate::options::{ReportFormat, Reporting};
use crate::{hints, os};
use adieu::{CALLS, Event, FastOpen, Report, describe_error};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

pub(crate) struct Printer {
    format: ReportFormat,
    /// Where reports go instead of stderr. Behind a lock: a listener's connections report each.
    file: Option<(String, Mutex<File>)>,
    quiet: bool,
    verbose: bool,
    is_terminal: bool,
}

impl Printer {
    /// Opens the report's file, so that a file that cannot be written is known before anything is sent.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(crate) fn new(reporting: &Reporting) -> Result<Self, String> {
        let file = match &reporting.report_file {
            None => None,
            Some(path) => {
                let name = path.display().to_string();
                if let Some(end) = os::that_is_file(path) {
                    return Err(format!(
                        "cannot write the report to {name}: it is our {end}, and would be lost"
                    ));
                }
                match File::create(path) {
                    Ok(file) => Some((name, Mutex::new(file))),
                    Err(error) => {
                        return Err(format!("cannot write the report to {name}: {}", describe_error(&error)));
                    }
                }
            }
        };
        let is_json =
            reporting.report_file.as_ref().is_some_and(|p| p.extension().is_some_and(|e| e == "json"));
        let default = if is_json { ReportFormat::Json } else { ReportFormat::Text };
        Ok(Self {
            format: reporting.report.unwrap_or(default),
            file,
            quiet: reporting.quiet,
            verbose: reporting.verbose,
            is_terminal: io::stderr().is_terminal(),
        })
    }

    /// Says how a connection ended, and gives the exit status.
    pub(crate) fn report(&self, report: &Report) -> ExitStatus {
        let status = ExitStatus::Ending(report.exit_code);
        // Who gives a pipe, and not a terminal, may have had more to say: that is not passed over.
        let is_cut = report.input_abandoned && !crate::stdio::stdin_is_terminal();
        self.publish(report, report.is_graceful() && !is_cut, status, || {
            if is_cut && report.is_graceful() {
                self.advise(hints::INPUT_ABANDONED);
            } else {
                self.hint(report);
            }
        })
    }

    /// Says what a transfer came to, and gives the exit status.
    pub(crate) fn transfer(&self, report: &adieu_transfer::TransferReport) -> ExitStatus {
        let status = ExitStatus::Ending(report.exit_code);
        self.publish(report, report.is_good(), status, || {
            if let (Some(connection), "no_connection") = (&report.connection, report.result) {
                self.hint(connection);
            }
        })
    }

    fn publish<R: serde::Serialize + std::fmt::Display>(
        &self,
        report: &R,
        is_good: bool,
        status: ExitStatus,
        hint: impl Fn(),
    ) -> ExitStatus {
        let text = match self.format {
            ReportFormat::None => return status,
            ReportFormat::Json => {
                serde_json::to_string(report).expect("a flat struct of plain values is JSON")
            }
            ReportFormat::Text => format!("adieu: {report}"),
        };
        let Some((name, file)) = &self.file else {
            if !(self.quiet && is_good) {
                line(&text);
                hint();
            }
            return status;
        };
        let text = text.strip_prefix("adieu: ").unwrap_or(&text);
        let written = match file.lock() {
            Ok(mut file) => writeln!(file, "{text}"),
            Err(_) => Err(io::Error::other("another thread failed while writing it")),
        };
        if let Err(error) = written {
            complain(&format!("cannot write the report to {name}: {}", describe_error(&error)));
            if is_good {
                return ExitStatus::LocalFailure;
            }
        }
        if !is_good {
            line(&format!("adieu: {report}"));
            hint();
        }
        status
    }

    /// Whether a bar may be drawn: on a terminal, where nobody asked for quiet or each step.
    pub(crate) fn may_draw(&self) -> bool {
        self.is_terminal && !self.quiet && !self.verbose
    }

    /// Whether each step is to be told.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    fn hint(&self, report: &Report) {
        if let Some(hint) = hints::for_report(report) {
            self.advise(hint);
        }
    }

    fn advise(&self, hint: &str) {
        if self.format != ReportFormat::Json || self.file.is_some() {
            line(&format!("  hint: {hint}"));
        }
    }

    /// Says something that is no report and no complaint.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            line(&format!("adieu: {text}"));
        }
    }

    /// Whether steps are to be told.
    pub(crate) fn watches(&self) -> bool {
        self.verbose || (self.is_terminal && !self.quiet)
    }

    /// Tells a step.
    pub(crate) fn step(&self, at: Duration, event: &Event<'_>) {
        if let Event::StillWaiting { waited, for_acknowledgement } = event
            && self.is_terminal
        {
            let what = if *for_acknowledgement { "acknowledge our end" } else { "end its side" };
            line(&format!(
                "adieu: still waiting for the peer to {what}, {} s after our half-close; --idle-timeout or \
                 --deadline bounds this, Ctrl-C ends it",
                waited.as_secs()
            ));
        }
        if self.verbose
            && let Some(text) = step_text(event)
        {
            line(&format!("adieu: {:>9.3} ms  {text}", at.as_secs_f64() * 1000.0));
        }
    }
}

/// A step in words, with the call that makes it. Bytes have no line of their own: there may be a million calls.
fn step_text(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Resolved { addresses } => {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("getaddrinfo: {}", list.join(", "))
        }
        Event::Connecting { address } => format!("connect {address}"),
        Event::AttemptFailed { address, error } => {
            format!("connect {address} failed: {}", describe_error(error))
        }
        Event::AskingProxy { proxy, target } => format!("asking the proxy {proxy} for {target}"),
        Event::Connected { local, peer } => {
            format!("connected: {} to {}", local.unwrap_or("unnamed"), peer.unwrap_or("unnamed"))
        }
        Event::FastOpen { outcome } => fast_open_text(*outcome),
        Event::Startup { call } | Event::Cleanup { call } => (*call).to_owned(),
        Event::Secured { version, suite } => {
            format!("TLS handshake: {}, {}", version.unwrap_or("unknown"), suite.unwrap_or("unknown"))
        }
        Event::CloseNotify { by: adieu::Side::Us } => "TLS close_notify: our stream has ended".to_owned(),
        Event::CloseNotify { by: adieu::Side::Peer } => {
            "TLS close_notify: the peer's stream has ended".to_owned()
        }
        Event::TlsFailed { alert: Some(alert), .. } => {
            format!("TLS alert {alert}: the peer broke the session off")
        }
        Event::TlsFailed { alert: None, error } => format!("the TLS session broke: {error}"),
        Event::ShutdownSend { fault: None } => {
            format!("{}: our sending side is shut down", CALLS.shutdown_send)
        }
        Event::ShutdownSend { fault: Some(fault) } => {
            format!("{} failed: {}", CALLS.shutdown_send, fault_text(fault))
        }
        Event::Eof => "recv returned 0: the peer has ended its side".to_owned(),
        Event::Fault { fault } => format!("{} failed: {}", fault.call.name(), fault_text(fault)),
        Event::LocalFailure { end } => format!("our {} failed", end.name()),
        Event::Closed { aborted: true, .. } => {
            format!("{}, with zero linger: the peer sees a reset", CALLS.close)
        }
        Event::Closed { aborted: false, .. } => CALLS.close.to_owned(),
        _ => return None,
    })
}

fn fast_open_text(outcome: FastOpen) -> String {
    let text = match outcome {
        FastOpen::Unused => "there was nothing to go with the SYN".to_owned(),
        FastOpen::Unavailable => "net.ipv4.tcp_fastopen does not allow it to clients".to_owned(),
        FastOpen::NotSent => "nothing went with the SYN: our kernel has no cookie of the peer yet".to_owned(),
        FastOpen::Acknowledged { bytes } => {
            format!("{bytes} bytes went with the SYN, and the SYN-ACK acknowledged them")
        }
        other => {
            format!("{} bytes went with the SYN, and the SYN-ACK did not acknowledge them", other.bytes())
        }
    };
    format!("fast open: {text}")
}

fn fault_text(fault: &adieu::Fault) -> String {
    fault.code.map_or_else(
        || "no error number".to_owned(),
        |code| describe_error(&io::Error::from_raw_os_error(code)),
    )
}

/// What nobody can do without, said also when quiet: the fingerprint of a new certificate.
pub(crate) fn say_always(text: &str) {
    line(&format!("adieu: {text}"));
}

/// An error of ours, said also when quiet.
pub(crate) fn complain(text: &str) {
    line(&format!("adieu: {text}"));
}

/// A line on stderr, in one write. There is nowhere to say that stderr is gone.
fn line(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}
