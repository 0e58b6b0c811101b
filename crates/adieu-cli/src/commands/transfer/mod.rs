//! `adieu send` and `adieu receive`: a file transfer whose sender knows that it arrived.
//!
//! Either side may connect and either may listen, so what both have in common stands here: the options, how a connection
//! comes to be, and when it is tried again.

mod progress;
pub(crate) mod receive;
pub(crate) mod send;

use crate::commands::listen::port_file;
use crate::exit::ExitStatus;
use crate::hints;
use crate::options::{InputKind, Shared};
use crate::os::signals;
use crate::printer::{Printer, complain};
use adieu::{Connection, Endpoint, Interrupt, Listener, NeverConnected, Options, Report, describe_error};
use adieu_transfer::{Backoff, Outcome, Role, Secret, TransferReport, Wire};
use anyhow::{Context, Result, anyhow};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What both commands have.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct Transfer {
    /// Go on where a transfer was cut: the sender asks what is there and sends the rest, the receiver keeps what is not
    /// whole as a partial; both compare its hash
    #[arg(long, env = "ADIEU_RESUME", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    resume: bool,

    /// After a failed connection, try again so many times [default: 0; 10 without a number]: the sender with growing
    /// pauses and resuming, the receiver by waiting for the next
    #[arg(long, value_name = "TIMES", env = "ADIEU_RETRY", hide_env_values = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "10")]
    retry: Option<u32>,

    /// A passphrase that both sides must have: authenticates and encrypts. On a command line others can see it; better
    /// give it in ADIEU_SECRET or a file
    #[arg(
        long,
        value_name = "PASSPHRASE",
        env = "ADIEU_SECRET",
        hide_env_values = true,
        conflicts_with = "secret_file"
    )]
    secret: Option<String>,

    /// The passphrase is what this file has
    #[arg(long, value_name = "FILE", env = "ADIEU_SECRET_FILE", hide_env_values = true)]
    secret_file: Option<PathBuf>,

    /// At most so many bytes per second, as in 500K or 10M
    #[arg(long, value_name = "RATE", env = "ADIEU_LIMIT_RATE", hide_env_values = true, value_parser = rate)]
    limit_rate: Option<u64>,

    /// When listening: write the port (or the socket's path) to this file once it listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true)]
    port_file: Option<PathBuf>,
}

/// Bytes per second as people write them.
fn rate(text: &str) -> Result<u64> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 10),
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| anyhow!("write bytes per second, as in 500K or 10M"))?;
    match number.checked_mul(1 << shift) {
        Some(0) | None => Err(anyhow!("it must be more than zero, and less than the sun")),
        Some(rate) => Ok(rate),
    }
}

impl Transfer {
    fn secret(&self) -> Result<Option<Secret>> {
        let passphrase = match (&self.secret, &self.secret_file) {
            (Some(secret), _) => secret.clone().into_bytes(),
            (None, Some(path)) => std::fs::read(path)
                .with_context(|| format!("cannot read the secret from {}", path.display()))?,
            (None, None) => return Ok(None),
        };
        Secret::new(&passphrase).map(Some).ok_or_else(|| anyhow!("the secret is empty"))
    }
}

/// Where connections come from.
enum Origin {
    Connect(Endpoint),
    Listen(Box<Listener>),
}

/// What both commands set up before anything is connected.
struct Session {
    role: Role,
    printer: Arc<Printer>,
    options: Options,
    interrupt: Interrupt,
    connect_timeout: Option<Duration>,
    attempts: u32,
    retries: u32,
    encrypted: bool,
}

impl Session {
    fn new(
        role: Role,
        endpoint: &Endpoint,
        shared: &Shared,
        transfer: &Transfer,
        encrypted: bool,
    ) -> Result<Self, ExitStatus> {
        let options = shared.options(InputKind::Command);
        if let Err(error) = options.check(endpoint) {
            complain(&error.to_string());
            return Err(ExitStatus::Usage);
        }
        let fail = |text: &str| {
            complain(text);
            ExitStatus::LocalFailure
        };
        let printer = Arc::new(Printer::new(&shared.reporting).map_err(|e| fail(&e))?);
        let interrupt = Interrupt::new().and_then(|i| signals::raise_on_signal(&i).map(|()| i));
        let interrupt =
            interrupt.map_err(|e| fail(&format!("cannot wait for signals: {}", describe_error(&e))))?;
        let mut options = options.interrupt(&interrupt);
        if printer.is_verbose() {
            let printer = Arc::clone(&printer);
            options = options.observer(move |at, event| printer.step(at, event));
        }
        Ok(Self {
            role,
            printer,
            options,
            interrupt,
            connect_timeout: shared.timers.connect_timeout,
            attempts: 0,
            retries: transfer.retry.unwrap_or(0),
            encrypted,
        })
    }

    /// The report of a failure of our own, before there is a connection.
    fn local_failure(&self, words: &str) -> ExitStatus {
        self.printer.transfer(&TransferReport::local_failure(self.role, words))
    }

    fn listen(&self, endpoint: &Endpoint, transfer: &Transfer) -> Result<Origin, ExitStatus> {
        let listener = Listener::bind(endpoint, &self.options).map_err(|error| {
            let cause = NeverConnected::CannotListen { error: error.io_error() };
            let report = Report::never_connected(endpoint, adieu::Role::Listen, cause);
            let status = self.printer.transfer(&TransferReport::never_connected(self.role, 0, report));
            if let Some(hint) = hints::for_listening(endpoint, error.io_error()) {
                self.printer.say(&format!("hint: {hint}"));
            }
            status
        })?;
        let endpoint = listener.local_endpoint();
        if let Some(path) = &transfer.port_file {
            port_file::write(path, endpoint).map_err(|e| {
                self.local_failure(&format!(
                    "cannot write the port to {}: {}",
                    path.display(),
                    describe_error(&e)
                ))
            })?;
        }
        self.printer.say(&format!("listening on {endpoint}"));
        Ok(Origin::Listen(Box::new(listener)))
    }

    /// The next connection, or why there is none.
    fn connection(&mut self, origin: &Origin) -> Result<Connection, Box<Report>> {
        self.attempts += 1;
        let connection = match origin {
            Origin::Connect(endpoint) => {
                adieu::connect(endpoint, &self.options).map_err(|e| Box::new(e.report().clone()))?
            }
            Origin::Listen(listener) => self.accept(listener)?,
        };
        let peer = connection.peer_address().unwrap_or("an unnamed peer");
        if let Origin::Listen(_) = origin {
            self.printer.say(&format!("connection from {peer}"));
        }
        if is_far(peer) && !self.encrypted {
            self.printer.say("not encrypted: whoever is on the way can read and change it; a secret on both sides ends that");
        }
        Ok(connection)
    }

    fn accept(&self, listener: &Listener) -> Result<Connection, Box<Report>> {
        let endpoint = listener.local_endpoint();
        let never = |cause: NeverConnected<'_>| {
            Box::new(Report::never_connected(endpoint, adieu::Role::Listen, cause))
        };
        let limit = self.connect_timeout.and_then(|t| Timespec::try_from(t).ok());
        let mut fds = [PollFd::new(listener, PollFlags::IN), PollFd::new(&self.interrupt, PollFlags::IN)];
        loop {
            match poll(&mut fds, limit.as_ref()) {
                Ok(0) => return Err(never(NeverConnected::TimedOut)),
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    return Err(never(NeverConnected::CannotServe { peer: None, error: &error.into() }));
                }
            }
        }
        listener.accept().map_err(|error| match self.interrupt.raised() {
            Some(signal) => never(NeverConnected::Interrupted { signal }),
            None => never(NeverConnected::CannotServe { peer: None, error: error.io_error() }),
        })
    }

    /// Ends the connection, and makes the report of one attempt.
    fn conclude(&self, outcome: &Outcome, wire: Wire, accept_written: bool) -> TransferReport {
        TransferReport::new(self.role, outcome, accept_written, self.attempts, wire.finish())
    }

    fn never_connected(&self, report: Box<Report>) -> TransferReport {
        TransferReport::never_connected(self.role, self.attempts, *report)
    }

    fn has_attempts(&self) -> bool {
        self.attempts <= self.retries && self.interrupt.raised().is_none()
    }

    /// Waits before the next attempt. `false`: a signal came.
    fn rest(&self, backoff: &mut Backoff, report: &TransferReport) -> bool {
        let pause = backoff.pause();
        self.printer.say(&format!("{report}; trying again in {} s", pause.as_secs()));
        let mut fds = [PollFd::new(&self.interrupt, PollFlags::IN)];
        let pause = Timespec::try_from(pause).ok();
        // A signal that came meanwhile ends the next attempt before it begins.
        poll(&mut fds, pause.as_ref()).is_ok_and(|n| n == 0)
    }
}

/// Whether what goes to this peer leaves the machine, as far as its address tells.
fn is_far(peer: &str) -> bool {
    peer.parse::<SocketAddr>().is_ok_and(|address| !address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{is_far, rate};

    #[test]
    fn only_what_leaves_the_machine_is_warned_of() {
        for (peer, far) in [
            ("127.0.0.1:5", false),
            ("127.9.9.9:5", false),
            ("[::1]:5", false),
            ("[::ffff:127.0.0.1]:5", false),
            ("unix:/run/x", false),
            ("an unnamed peer", false),
            ("192.0.2.1:5", true),
            ("[2001:db8::1]:5", true),
        ] {
            assert_eq!(is_far(peer), far, "{peer}");
        }
    }

    #[test]
    fn rates_are_written_as_people_write_them() {
        assert_eq!(rate("500K").ok(), Some(500 << 10));
        assert_eq!(rate("10m").ok(), Some(10 << 20));
        assert_eq!(rate("1G").ok(), Some(1 << 30));
        assert_eq!(rate("17").ok(), Some(17));
        for wrong in ["", "K", "0", "-1M", "fast", "99999999999G"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
