//! `adieu send` and `adieu receive`: a file transfer whose sender knows that it arrived.
//!
//! Either side may connect and either may listen, so what both have in common stands here: the options, how a connection
//! comes to be, and when it is tried again.

mod attempts;
mod door;
mod guesses;
pub(crate) mod meeting;
pub(crate) mod own_files;
mod pasted;
pub(crate) mod progress;
mod screen;
mod view;

use self::attempts::Attempts;
use crate::commands::listen::port_file;
use crate::exit::ExitStatus;
use crate::hints;
use crate::options::proxy::ProxyOptions;
use crate::options::socket::Source;
use crate::options::tls::EitherTls;
use crate::options::{FirstClient, InputKind, Shared};
use crate::os::signals;
use crate::printer::{Kind, Printer, complain, say_always};
use adieu::tls::{Config, Fingerprint};
use adieu::{Endpoint, Interrupt, Listener, NeverConnected, Options, Report, describe_error};
use adieu_transfer::{Outcome, Role, Secret, TransferReport, Wire};
use anyhow::{Result, anyhow};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, Args};
use door::Door;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What the shared options mean for a transfer.
pub(crate) const IDLE_TIMEOUT: &str = "End the connection if the peer sends nothing, takes nothing and acknowledges nothing for this \
    long while we wait for it, or takes and acknowledges nothing of what we send; our own slow input or output does not \
    count. It is also how long the peer may take to say who \
    it is (exit 5) [default: none; 30s for who it is; when listening, 10s for that at most]";
pub(crate) const DEADLINE: &str = "End the command after this long, whatever happens: waiting for the peer, all attempts and the pauses \
    between them included. Exit 5, or 6 if everything was sent and is not confirmed [default: none]";

/// More than anybody has, and less than a file that was named by mistake. The help says it too.
const SECRET_LIMIT: u64 = 64 * 1024;
/// While the secret is waited for, a signal and the deadline are looked at so often.
const LOOK: Duration = Duration::from_millis(50);

/// What both commands have.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct Transfer {
    /// Go on where a transfer was cut: the sender asks what is there and sends the rest, the receiver keeps what is not
    /// whole as a partial; both compare its hash
    #[arg(long, env = "ADIEU_RESUME", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) resume: bool,

    /// After a failed connection, or one where the peer is silent or what came was damaged, try again so many times
    /// [default: 0; 10 without a number]: who connects with pauses of 1 s to 30 s, who listens by waiting for the next,
    /// however many strangers come before. The sender goes on with what is there if the receiver has --resume, else
    /// it begins again. A receiver that has stored, and could not tell it, waits 4 minutes for that sender, and exits 0 in
    /// any case
    #[arg(long, value_name = "TIMES", env = "ADIEU_RETRY", hide_env_values = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "10", value_parser = crate::options::number)]
    pub(crate) retry: Option<u32>,

    /// A passphrase that both sides must have: authenticates and encrypts. On a command line others can see it; better
    /// give it in ADIEU_SECRET or a file
    #[arg(
        long,
        value_name = "PASSPHRASE",
        env = "ADIEU_SECRET",
        hide_env_values = true,
        conflicts_with = "secret_file",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) secret: Option<String>,

    /// The passphrase is what this file has, at most 64 KiB
    #[arg(long, value_name = "FILE", env = "ADIEU_SECRET_FILE", hide_env_values = true)]
    pub(crate) secret_file: Option<PathBuf>,

    /// At most so many bytes per second, as in 500K or 10M
    #[arg(long, value_name = "RATE", env = "ADIEU_LIMIT_RATE", hide_env_values = true, value_parser = rate)]
    pub(crate) limit_rate: Option<u64>,

    /// When listening: write the port (or the socket's path) to this file once it listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true)]
    pub(crate) port_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) first_client: FirstClient,

    #[command(flatten)]
    pub(crate) tls: EitherTls,

    #[command(flatten)]
    pub(crate) source: Source,

    #[command(flatten)]
    pub(crate) proxy: ProxyOptions,
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
        Some(0) | None => Err(anyhow!("it must be at least 1, and less than 16 EiB")),
        Some(rate) => Ok(rate),
    }
}

impl Transfer {
    /// A number after --retry is a word of its own: what to say of it.
    pub(crate) fn hint<'a>(&self, mut words: impl Iterator<Item = &'a OsStr>) -> Option<String> {
        let is_number = |word: &&OsStr| word.to_str().is_some_and(|word| word.parse::<u32>().is_ok());
        let number = self.retry.and_then(|_| words.find(is_number))?;
        Some(format!("for {0} retries write --retry={0}", number.display()))
    }

    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some() || self.secret_file.is_some()
    }

    /// The passphrase. A file may be a pipe into which nobody writes yet: `go_on` is asked now and then, and `Ok(None)` is
    /// that it did not want to.
    fn passphrase(path: &Path, go_on: &dyn Fn() -> bool) -> io::Result<Option<Vec<u8>>> {
        let path = path.to_owned();
        let reading = move || {
            let mut passphrase = Vec::new();
            File::open(path)?.take(SECRET_LIMIT + 1).read_to_end(&mut passphrase)?;
            Ok(passphrase)
        };
        wait_for(reading, go_on)
    }
}

/// Does what may block for ever, such as opening a FIFO, on a thread of its own. `go_on` is asked now and then, and `Ok(None)` is
/// that it did not want to.
pub(crate) fn wait_for<R: Send + 'static>(
    work: impl FnOnce() -> io::Result<R> + Send + 'static,
    go_on: &dyn Fn() -> bool,
) -> io::Result<Option<R>> {
    let (done, result) = mpsc::channel();
    // It may be that nobody waits for it any more.
    thread::Builder::new().name("adieu-open".into()).spawn(move || drop(done.send(work())))?;
    loop {
        match result.recv_timeout(LOOK) {
            Ok(result) => return result.map(Some),
            Err(RecvTimeoutError::Timeout) if go_on() => {}
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its reader is gone")),
        }
    }
}

/// Where connections come from.
pub(crate) enum Origin {
    Connect(Endpoint),
    Listen(Box<Door>),
}

/// What both commands set up before anything is connected.
pub(crate) struct Session {
    pub(crate) role: Role,
    pub(crate) printer: Arc<Printer>,
    pub(crate) options: Options,
    pub(crate) interrupt: Interrupt,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) attempts: Attempts,
    /// When the command's whole time is up.
    pub(crate) deadline: Option<Instant>,
    pub(crate) endpoint: Endpoint,
    pub(crate) listens: bool,
    /// Of a certificate that was made for this run.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) protection: Protection,
    pub(crate) speaks_tls: bool,
    pub(crate) has_proxy: bool,
    /// What is received goes to the terminal, and a bar would stand in its midst.
    pub(crate) shares_terminal: bool,
    /// A client that leaves without a byte counts.
    pub(crate) accepts_first: bool,
}

/// What keeps others from what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    None,
    /// TLS with whoever answers.
    Insecure,
    Encrypted,
}

/// Why there is no connection.
pub(crate) struct Never {
    pub(crate) report: Box<Report>,
    /// Somebody connected who does not speak as we do; another may.
    pub(crate) by_stranger: bool,
}

impl From<Box<Report>> for Never {
    fn from(report: Box<Report>) -> Self {
        Self { report, by_stranger: false }
    }
}

impl Session {
    pub(crate) fn new(
        role: Role,
        endpoint: Endpoint,
        listens: bool,
        shared: &Shared,
        transfer: &Transfer,
    ) -> Result<Self, ExitStatus> {
        let (endpoint, tls) = transfer.tls.resolve(endpoint, listens)?;
        let protection = match (&tls, transfer.has_secret()) {
            (None, false) => Protection::None,
            (Some(_), false) if !listens && transfer.tls.is_insecure() => Protection::Insecure,
            _ => Protection::Encrypted,
        };
        let fingerprint =
            tls.as_ref().filter(|_| listens && transfer.tls.is_new()).and_then(Config::fingerprint);
        let speaks_tls = tls.is_some();
        let deadline = shared.timers.deadline.and_then(|limit| Instant::now().checked_add(limit));
        let mut options = shared.options(InputKind::Command).deadline(None).deadline_at(deadline);
        if let Some(tls) = tls {
            options = options.tls(tls);
        }
        let mut has_proxy = false;
        if listens && shared.timers.connect_timeout.is_none() {
            // Of a client's TLS handshake: it is only the beginning of saying who it is.
            options = options.connect_timeout(door::INTRODUCTION);
        }
        if !listens {
            options = transfer.source.add_to(options);
        }
        let usage = |error: &str| {
            complain(error);
            ExitStatus::Usage
        };
        if !listens {
            let proxy = transfer.proxy.resolve(&endpoint).map_err(|e| usage(&e))?;
            has_proxy = proxy.is_some();
            options = options.proxy(proxy);
        }
        options.check(&endpoint).map_err(|e| usage(&e.to_string()))?;
        let fail = |text: &str| {
            complain(text);
            ExitStatus::LocalFailure
        };
        let waits = role == Role::Receive && listens && transfer.retry.is_some_and(|times| times > 0);
        let kind = if waits { Kind::Waiting } else { Kind::Once };
        let printer = Arc::new(Printer::new(&shared.reporting, kind).map_err(|e| fail(&e))?);
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
            attempts: Attempts::new(transfer.retry.unwrap_or(0)),
            deadline,
            endpoint,
            listens,
            fingerprint,
            protection,
            speaks_tls,
            has_proxy,
            shares_terminal: false,
            accepts_first: transfer.first_client.accept_first,
        })
    }

    /// The secret of both sides, waited for until a signal or the deadline.
    pub(crate) fn secret(&self, transfer: &Transfer) -> Result<Option<Secret>, ExitStatus> {
        let usage = |text: &str| {
            complain(text);
            ExitStatus::Usage
        };
        let passphrase = match (&transfer.secret, &transfer.secret_file) {
            (Some(secret), _) => secret.clone().into_bytes(),
            (None, Some(path)) => match Transfer::passphrase(path, &|| self.may_go_on()) {
                Ok(Some(passphrase)) => passphrase,
                Ok(None) => return Err(self.ended_before("waiting for the secret")),
                Err(error) => {
                    let (path, error) = (path.display(), describe_error(&error));
                    return Err(usage(&format!("cannot read the secret from {path}: {error}")));
                }
            },
            (None, None) => return Ok(None),
        };
        if passphrase.len() as u64 > SECRET_LIMIT {
            return Err(usage("a secret has at most 64 KiB"));
        }
        Secret::new(&passphrase).map(Some).ok_or_else(|| usage("the secret is empty"))
    }

    /// Whether no signal has come, and the deadline has not passed.
    pub(crate) fn may_go_on(&self) -> bool {
        self.interrupt.raised().is_none() && !self.is_late()
    }

    /// The report of a signal or the deadline before there was a connection.
    pub(crate) fn ended_before(&self, doing: &str) -> ExitStatus {
        let (cause, by) = match self.interrupt.raised() {
            Some(signal) => {
                (NeverConnected::Interrupted { signal }, format!("interrupted by {}", signal.name()))
            }
            None => (NeverConnected::DeadlinePassed, "the deadline passed".to_owned()),
        };
        let role = if self.listens { adieu::Role::Listen } else { adieu::Role::Connect };
        let report = Report::never_connected(&self.endpoint, role, cause);
        let mut report = TransferReport::never_connected(self.role, 0, report);
        let moved = if self.role == Role::Send { "sent" } else { "received" };
        report.message = format!("{by} while {doing}; nothing was {moved}");
        self.printer.transfer(&report)
    }

    /// On a terminal, says what is waited for after our half-close. Only where no bar does.
    pub(crate) fn tell_waits(&mut self) {
        if self.printer.watches() && !self.printer.is_verbose() {
            let printer = Arc::clone(&self.printer);
            self.options = self.options.clone().observer(move |at, event| printer.step(at, event));
        }
    }

    /// The report of a failure of our own, before there is a connection.
    pub(crate) fn local_failure(&self, words: &str) -> ExitStatus {
        self.local_failure_with(words, None)
    }

    /// The same, with what to try next.
    pub(crate) fn local_failure_with(&self, words: &str, hint: Option<&str>) -> ExitStatus {
        self.printer.transfer_with(&TransferReport::local_failure(self.role, words), hint)
    }

    /// Where connections come from; listens if that is asked for. `options`: what the other side needs besides what both
    /// have.
    pub(crate) fn origin(
        &self,
        transfer: &Transfer,
        options: &str,
        secret: Option<&Secret>,
        patience: Option<Duration>,
    ) -> Result<Origin, ExitStatus> {
        let Some(listener) = self.listener(transfer, options)? else {
            return Ok(Origin::Connect(self.endpoint.clone()));
        };
        let hearing = door::Hearing {
            role: self.role,
            secret: secret.cloned(),
            patience,
            speaks_tls: self.speaks_tls,
            interrupt: self.interrupt.clone(),
            printer: Arc::clone(&self.printer),
        };
        let door = Door::new(listener, &self.options, hearing).map_err(|e| {
            self.local_failure(&format!("cannot wait for connections: {}", describe_error(&e)))
        })?;
        Ok(Origin::Listen(Box::new(door)))
    }

    /// Listens, if that is asked for.
    pub(crate) fn listener(
        &self,
        transfer: &Transfer,
        options: &str,
    ) -> Result<Option<Listener>, ExitStatus> {
        let endpoint = &self.endpoint;
        if !self.listens {
            return Ok(None);
        }
        let listener = Listener::bind(endpoint, &self.options).map_err(|error| {
            let cause = NeverConnected::CannotListen { error: error.io_error() };
            let report = Report::never_connected(endpoint, adieu::Role::Listen, cause);
            let report = TransferReport::never_connected(self.role, 0, report);
            self.printer.transfer_with(&report, hints::for_listening(endpoint, error.io_error()))
        })?;
        let endpoint = &listener.local_endpoint().clone();
        if let Some(path) = &transfer.port_file {
            port_file::write(path, endpoint).map_err(|e| {
                self.local_failure(&format!(
                    "cannot write the port to {}: {}",
                    path.display(),
                    describe_error(&e)
                ))
            })?;
        }
        self.printer.listening(endpoint);
        if let Some(fingerprint) = &self.fingerprint {
            let secret = if transfer.has_secret() { " --secret-file SECRET" } else { "" };
            let line = pasted::line(self.role, endpoint, fingerprint, &format!("{secret}{options}"));
            say_always(&format!("on the other side: {line}"));
        }
        Ok(Some(listener))
    }

    /// Whether the command's whole time is up.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|moment| moment <= Instant::now())
    }

    /// Ends the connection, and makes the report of one attempt.
    pub(crate) fn conclude(&self, outcome: &Outcome, wire: Wire, accept_written: bool) -> TransferReport {
        TransferReport::new(self.role, outcome, accept_written, self.attempts.count(), wire.finish())
    }

    pub(crate) fn never_connected(&self, never: Never) -> TransferReport {
        TransferReport::never_connected(self.role, self.attempts.count(), *never.report)
    }

    /// Whether another connection may do better than the one that there was not.
    pub(crate) fn may_connect_again(&self, never: &Never) -> bool {
        !self.listens || never.by_stranger
    }

    /// Whether another connection may do better than this one. Who listens hears strangers; who connects would only meet
    /// the same one again.
    pub(crate) fn may_be_tried_again(&self, outcome: &Outcome) -> bool {
        outcome.may_be_tried_again()
            || (self.listens && (outcome.is_of_a_stranger() || outcome.peer_gave_up()))
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
