//! `adieu listen`: the same procedure from the other side, once or again and again.
//!
//! A thread accepts, each connection has a thread, and the main thread hears of everything through one channel:
//! connections, their ends, and signals. So nothing here polls, and nothing is shared but the printer.

pub(crate) mod port_file;
mod service;

use crate::durations::{Grace, grace, limit_or_none};
use crate::exit::{self, ExitStatus};
use crate::hints;
use crate::options::{FirstClient, ReportFormat, Reporting, Shared, endpoint};
use crate::os::{self, ExecStatus, Served, command, signals};
use crate::printer::{Kind, Printer, complain};
use crate::said;
use crate::tls::ListenTls;
use adieu::tls::{Fingerprint, Tls};
use adieu::{
    Connection, Ending, Endpoint, Event, Interrupt, Listener, LocalEnd, NeverConnected, Options, Report,
    Role, Side, Signal, describe_error,
};
use clap::ArgAction;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use service::Service;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Listen: the same as connect, from the other side
///
/// One connection is served like connect serves one, unless --keep-open, --echo, --output or --exec say otherwise.
/// The address is told on stderr, and its port in --port-file.
///
/// SIGTERM or SIGHUP stops accepting, lets the connections that there are finish within --grace, then aborts the
/// rest. SIGINT aborts at once. Each makes the exit status that of the signal (of SIGHUP, that of SIGTERM); otherwise
/// it is that of the connection. With --keep-open it is 0 after a SIGTERM if every connection ended by itself, and 4 if
/// one had to be aborted.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::TABLE)]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, tls://host:port, unix:path, or unix:@name; port 0 lets the system choose", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015")]
    endpoint: Vec<OsString>,

    /// Serve connections until a signal comes
    #[arg(short, long, env = "ADIEU_KEEP_OPEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    keep_open: bool,

    /// With --keep-open: how many connections are served at once, or as many as there are descriptors for (ulimit -n); who
    /// comes then waits [default: 1; 1024 with --echo or --exec]
    #[arg(long, value_name = "N", env = "ADIEU_MAX_CONNECTIONS",
          hide_env_values = true, value_parser = crate::options::at_least_one)]
    max_connections: Option<u32>,

    /// Send back what comes, and half-close after the peer did
    #[arg(long, conflicts_with_all = ["output", "exec"], env = "ADIEU_ECHO", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    echo: bool,

    /// Write what comes to this file instead of stdout; with --keep-open, one connection after another. An existing file is
    /// emptied when the first client connects
    #[arg(
        short,
        long,
        value_name = "FILE",
        conflicts_with = "exec",
        env = "ADIEU_OUTPUT",
        hide_env_values = true
    )]
    output: Option<PathBuf>,

    /// Run this command with the shell for each connection: its stdin and stdout are the two directions. ADIEU_PEER holds the
    /// client's address (empty for an unnamed one of a Unix socket), ADIEU_LOCAL ours
    #[arg(short, long, value_name = "COMMAND", env = "ADIEU_EXEC", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    exec: Option<String>,

    /// What the exit status of the --exec command says
    #[arg(
        long,
        value_name = "RULE",
        env = "ADIEU_EXEC_STATUS",
        hide_env_values = true,
        default_value = "check"
    )]
    exec_status: ExecStatus,

    #[command(flatten)]
    first_client: FirstClient,

    /// If stdin gives nothing: keep our sending side open until the client has ended its own, or has sent nothing for this
    /// long; "none" waits for its end, 0s half-closes at once [default: 30s with --output, else 2s]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CLIENT_GRACE", hide_env_values = true, value_parser = grace,
          help_heading = "Time limits")]
    client_grace: Option<Grace>,

    /// End a connection over which no byte has passed in either direction for this long, so that silent clients hold no place;
    /// "none" lets them [default: 60s with --keep-open, else none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_FIRST_BYTE_TIMEOUT", hide_env_values = true,
          value_parser = limit_or_none, help_heading = "Time limits")]
    first_byte_timeout: Option<Grace>,

    /// Write the port (or the socket's path) to this file once it listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true)]
    port_file: Option<PathBuf>,

    /// After SIGTERM: how long the open connections may take to finish
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = humantime::parse_duration)]
    grace: Duration,

    #[command(flatten)]
    tls: ListenTls,

    #[command(flatten)]
    shared: Shared,

    /// Take data with a client's SYN, TCP Fast Open (Linux)
    #[arg(long, env = "ADIEU_FASTOPEN", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    fastopen: bool,
}

/// What the main thread hears of.
enum Message {
    Accepted(Box<Connection>),
    AcceptFailed(adieu::ListenError),
    /// The first byte has passed.
    Touched,
    /// It could not be served now, and nothing has passed.
    NotStarted {
        id: u64,
        connection: Box<Connection>,
        error: io::Error,
    },
    Finished {
        id: u64,
        outcome: Outcome,
    },
    /// Our stdin has given its bytes, and has ended: the next client would get an end and nothing else.
    InputSpent,
    Signal(Signal),
}

/// What one client came to.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// It is reported.
    Reported(ExitStatus),
    /// It has left without a byte having passed, and is not the one that is waited for.
    Left,
    /// It is reported, and no other can be served.
    Fatal(ExitStatus),
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}

impl Outcome {
    /// Whether a signal has ended it.
    const fn is_of_a_signal(self) -> bool {
        matches!(self, Self::Reported(status) | Self::Fatal(status) if status.is_of_a_signal())
    }
}

pub(crate) fn run(args: &Args) -> ExitStatus {
    if args.exec.is_some()
        && let Err(error) = os::leave_to_another()
    {
        complain(&format!("cannot start a process: {}", describe_error(&error)));
        return ExitStatus::LocalFailure;
    }
    let kind = if args.keep_open { Kind::Service } else { Kind::Once };
    let printer = match Printer::new(&args.shared.reporting, kind) {
        Ok(printer) => Arc::new(printer),
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    let endpoint = match endpoint(&args.endpoint) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitStatus::Usage;
        }
    };
    let (endpoint, tls) = match args.tls.resolve(endpoint) {
        Ok(resolved) => resolved,
        Err(status) => return status,
    };
    let service = match Service::new(args) {
        Ok(service) => service,
        Err((end, error)) => {
            let cause = NeverConnected::LocalFailure { end, error: &error };
            let mut report = Report::never_connected(&endpoint, Role::Listen, cause);
            if let Some(path) = args.output.as_ref().filter(|_| end == LocalEnd::Output) {
                let why = describe_error(&error);
                report.message = format!("cannot write to {}: {why}", path.display());
            }
            return printer.report(&report);
        }
    };
    if let (Some(why), Some(_)) = (command::REFUSAL, &args.exec) {
        complain(why);
        return ExitStatus::Usage;
    }
    if args.keep_open && service.reads_stdin() && os::stdin_is_a_file_with_bytes() {
        complain(&format!("with --keep-open only the first client would get what stdin has: {FOR_EACH}"));
        return ExitStatus::Usage;
    }
    let at_once = args.max_connections.unwrap_or_else(|| service.at_once());
    if at_once > 1 && service.at_once() == 1 {
        complain(
            "--max-connections above 1 needs --echo or --exec: one stdin and stdout serve one peer at a time",
        );
        return ExitStatus::Usage;
    }
    let mut options = args.shared.options(service.input_kind());
    let grace = args.client_grace.map_or(service.client_grace(), |grace| {
        // A silence without end waits for the client's end, as long as that takes.
        Some(grace.limit().unwrap_or(Duration::MAX))
    });
    options = options.peer_grace(grace).first_byte_timeout(match args.first_byte_timeout {
        Some(limit) => limit.limit(),
        None => args.keep_open.then_some(FIRST_BYTE),
    });
    if args.fastopen {
        options = options.fast_open(FAST_OPEN_QUEUE);
    }
    if let Err(error) = options.check(&endpoint) {
        complain(&error.to_string());
        return ExitStatus::Usage;
    }
    // Of a certificate that nobody can know yet.
    let fingerprint = tls.as_ref().filter(|_| args.tls.is_new()).and_then(Tls::fingerprint);
    if let Some(tls) = tls {
        options = options.tls(tls);
    }
    match Server::start(args, &endpoint, options, fingerprint, service, at_once, &printer) {
        Ok(server) => server.run(),
        Err(status) => status,
    }
}

/// How long a client of a service may hold a place without a byte by default.
const FIRST_BYTE: Duration = Duration::from_secs(60);

/// What sends the same to every client.
const FOR_EACH: &str = "to send a file to each, give --exec 'cat FILE', and nothing on stdin (</dev/null)";

/// How many clients may have sent data with a SYN and not finished their handshake.
const FAST_OPEN_QUEUE: u32 = 256;

struct Server {
    endpoint: Endpoint,
    service: Arc<Service>,
    printer: Arc<Printer>,
    keep_open: bool,
    /// A client that leaves without a byte is not the one that is waited for.
    waits_on: bool,
    at_once: u32,
    grace: Duration,
    connect_timeout: Option<Duration>,
    /// Stops the thread that accepts.
    stop_accepting: Interrupt,
    /// Aborts the connections.
    stop: Interrupt,
    /// A token lets one more connection be accepted.
    tokens: Option<mpsc::Sender<()>>,
    /// Holds the listening socket.
    accepting: Option<JoinHandle<()>>,
    messages: mpsc::Receiver<Message>,
    sender: mpsc::Sender<Message>,
    /// Who is being served.
    open: BTreeMap<u64, String>,
    /// Who was accepted when a signal came, and has to wait for others to finish.
    waiting: VecDeque<Client>,
    accepted: u64,
    served: u64,
    /// Of these, those that left without a byte.
    left: u64,
    /// That a client has to wait for what is short was told.
    shortage_told: bool,
}

/// Somebody who was accepted.
struct Client {
    /// They count from 1.
    id: u64,
    connection: Box<Connection>,
    /// That it has connected was said.
    is_told: bool,
}

impl Client {
    fn peer(&self) -> &str {
        self.connection.peer_address().unwrap_or("an unnamed peer")
    }
}

impl Server {
    fn start(
        args: &Args,
        endpoint: &Endpoint,
        mut options: Options,
        fingerprint: Option<Fingerprint>,
        service: Service,
        asked_for: u32,
        printer: &Arc<Printer>,
    ) -> Result<Self, ExitStatus> {
        let fail = |text: &str| {
            complain(text);
            ExitStatus::LocalFailure
        };
        os::raise_descriptor_limit();
        let memory = os::memory_suffices_for(STACK);
        let interrupts = Interrupt::new().and_then(|a| Interrupt::new().map(|b| (a, b)));
        let (stop_accepting, stop) =
            interrupts.map_err(|e| fail(&format!("cannot wait for signals: {}", describe_error(&e))))?;
        let (sender, messages) = mpsc::channel();
        listen_for_signals(&sender, service.running())
            .map_err(|e| fail(&format!("cannot wait for signals: {}", describe_error(&e))))?;

        let accepting = options.clone().interrupt(&stop_accepting);
        let listener = Listener::bind(endpoint, &accepting).map_err(|error| {
            let cause = NeverConnected::CannotListen { error: error.io_error() };
            let report = Report::never_connected(endpoint, Role::Listen, cause);
            // Without reports it is said all the same: nothing will run.
            if args.shared.reporting.report == Some(ReportFormat::None) {
                complain(&error.to_string());
            }
            printer.report_with(&report, hints::for_listening(endpoint, error.io_error()))
        })?;
        let endpoint = listener.local_endpoint().clone();
        if let Some(path) = &args.port_file {
            port_file::write(path, &endpoint).map_err(|e| {
                fail(&format!("cannot write the port to {}: {}", path.display(), describe_error(&e)))
            })?;
        }
        let descriptors = descriptors_suffice_for(&service);
        let memory = memory.unwrap_or(u32::MAX);
        let at_once = if args.keep_open { asked_for.min(descriptors).min(memory) } else { 1 };
        printer.listening(&endpoint);
        if args.keep_open && at_once < asked_for {
            let short = if descriptors < memory {
                "there are descriptors for no more (ulimit -n)"
            } else {
                "there is memory for no more (ulimit -v)"
            };
            printer.say(&format!("{at_once} at once: {short}"));
        }
        if let Some(fingerprint) = fingerprint {
            crate::printer::say_always(&format!(
                "the certificate was made for this run; clients trust it with --pin {fingerprint}"
            ));
        }

        options = options.interrupt(&stop);
        let waits_on = !(args.keep_open || args.first_client.accept_first);
        options = observed(options, printer, waits_on.then(|| sender.clone()));
        let (tokens, may_accept) = mpsc::channel();
        let to_main = sender.clone();
        let listener = listener.with_options(&options, &stop_accepting);
        let (keep_open, stop_accept) = (args.keep_open, stop_accepting.clone());
        let thread = std::thread::Builder::new()
            .name("adieu-accept".into())
            .spawn(move || {
                let accepted = accept(&listener, &stop_accept, &may_accept, &to_main, keep_open);
                // SIGTERM: the kernel has made connections that nobody has accepted, and closing would reset them.
                if keep_open && stop_accept.raised().is_some_and(|s| s != Signal::Interrupt) {
                    // Whoever is being served still needs some in passing.
                    let room = os::free_descriptors().saturating_sub(IN_PASSING);
                    let waiting = std::iter::from_fn(|| listener.try_accept().ok().flatten());
                    for (connection, number) in waiting.take(room).zip(accepted + 1..) {
                        said::of_connection(number + 1);
                        // The main thread joins us before it goes on.
                        let _ = to_main.send(Message::Accepted(Box::new(connection)));
                    }
                }
            })
            .map_err(|e| fail(&format!("cannot start a thread: {}", describe_error(&e))))?;
        Ok(Self {
            endpoint,
            service: Arc::new(service),
            printer: Arc::clone(printer),
            keep_open: args.keep_open,
            waits_on,
            at_once,
            grace: args.grace,
            connect_timeout: args.shared.timers.connect_timeout,
            stop_accepting,
            stop,
            tokens: Some(tokens),
            accepting: Some(thread),
            messages,
            sender,
            open: BTreeMap::new(),
            waiting: VecDeque::new(),
            accepted: 0,
            served: 0,
            left: 0,
            shortage_told: false,
        })
    }

    fn run(mut self) -> ExitStatus {
        let status = self.serve_all();
        self.stop_listening(Signal::Terminate);
        self.printer.finish(status)
    }

    /// Closes the listening socket, and removes its file if it has one.
    fn stop_listening(&mut self, signal: Signal) {
        // In this order: when the tokens end, the thread looks why.
        self.stop_accepting.raise(signal);
        self.tokens = None;
        if let Some(thread) = self.accepting.take() {
            // A thread that panicked has dropped the socket too.
            let _ = thread.join();
        }
    }

    fn serve_all(&mut self) -> ExitStatus {
        for _ in 0..self.at_once {
            self.grant();
        }
        if !(self.keep_open || self.waits_on) {
            // The listening socket is closed as soon as it has given its one connection.
            self.tokens = None;
        }
        let started = Instant::now();
        loop {
            let connecting = self.connect_timeout.filter(|_| self.served == self.left);
            let limit = connecting.map(|limit| limit.saturating_sub(started.elapsed()));
            // Whoever waits for what is short is tried again when it may have come back.
            let rest = (!self.waiting.is_empty()).then_some(REST);
            let message = match [limit, rest].into_iter().flatten().min() {
                None => self.messages.recv().ok(),
                Some(time) => match self.messages.recv_timeout(time) {
                    Err(mpsc::RecvTimeoutError::Timeout) if rest.is_some() => {
                        self.serve_waiting();
                        continue;
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => return self.never(NeverConnected::TimedOut),
                    other => other.ok(),
                },
            };
            // We hold a sender ourselves, so the channel never ends.
            let Some(message) = message else { return ExitStatus::Success };
            match message {
                Message::Accepted(connection) => self.serve(connection),
                Message::Touched => {
                    // This is the one: nobody else is accepted.
                    self.waits_on = false;
                    self.stop_listening(Signal::Terminate);
                }
                Message::NotStarted { id, connection, error } => {
                    self.open.remove(&id);
                    if !self.keep_open {
                        let peer = connection.peer_address();
                        return self.never(NeverConnected::CannotServe { peer, error: &error });
                    }
                    self.tell_shortage(&error);
                    self.waiting.push_front(Client { id, connection, is_told: true });
                }
                // Descriptors come back when connections end, and here there are none.
                Message::AcceptFailed(error)
                    if !self.keep_open && is_out_of_descriptors(error.io_error()) =>
                {
                    let error = error.io_error();
                    return self.never(NeverConnected::CannotServe { peer: None, error });
                }
                Message::AcceptFailed(error) => complain(&error.to_string()),
                Message::Finished { id, outcome } => {
                    let peer = self.open.remove(&id).unwrap_or_default();
                    match outcome {
                        Outcome::Fatal(status) => return status,
                        Outcome::Reported(status) if !self.keep_open => return status,
                        Outcome::Reported(_) => self.serve_waiting(),
                        Outcome::Left => {
                            self.left += 1;
                            self.printer.say(&format!(
                                "{peer} has left without a byte; still listening (--accept-first takes the first client)"
                            ));
                        }
                    }
                    self.grant();
                }
                Message::InputSpent => {
                    complain(&format!(
                        "stdin has ended, and the next client would get nothing of it: {FOR_EACH}"
                    ));
                    return ExitStatus::LocalFailure;
                }
                Message::Signal(signal) => return self.finish(signal),
            }
        }
    }

    fn grant(&self) {
        if let Some(tokens) = &self.tokens {
            // The accepting thread ends only after it has told us why.
            let _ = tokens.send(());
        }
    }

    fn client(&mut self, connection: Box<Connection>) -> Client {
        self.accepted += 1;
        Client { id: self.accepted, connection, is_told: false }
    }

    /// The number of a client in what is said.
    fn tag(&self, id: u64) -> Option<u64> {
        self.keep_open.then_some(id)
    }

    /// Says that it has connected, once.
    fn tell(&self, client: &mut Client) {
        if !std::mem::replace(&mut client.is_told, true) {
            said::about(self.tag(client.id), || self.printer.connected(&client.connection));
        }
    }

    /// Gives it a thread, or lets it wait for one.
    fn serve(&mut self, connection: Box<Connection>) {
        let client = self.client(connection);
        if let Err((client, error)) = self.start_serving(client) {
            self.tell_shortage(&error);
            self.waiting.push_back(client);
        }
    }

    /// Says who it is, and gives it a thread. Without one it is given back.
    fn start_serving(&mut self, mut client: Client) -> Result<(), (Client, io::Error)> {
        self.tell(&mut client);
        let peer = client.peer().to_owned();
        let Client { id, connection, is_told } = client;
        let tag = self.tag(id);
        let (service, printer, sender) =
            (Arc::clone(&self.service), Arc::clone(&self.printer), self.sender.clone());
        let (stop, endpoint, waits_on) = (self.stop.clone(), self.endpoint.clone(), self.waits_on);
        // A closure that becomes no thread is dropped with what it holds.
        let shared = Arc::new(Mutex::new(Some(connection)));
        let given = Arc::clone(&shared);
        let serve = move || {
            let Some(connection) = take(&given) else { return };
            said::of_connection(tag.unwrap_or(0));
            let tell = |report: &Report| {
                let is_spent = service.reads_stdin() && report.bytes_read > 0 && os::stdin_is_spent();
                let status = printer.report(report);
                if is_spent && tag.is_some() {
                    // As below.
                    let _ = sender.send(Message::InputSpent);
                }
                if service.is_dead() { Outcome::Fatal(status) } else { Outcome::Reported(status) }
            };
            let finished = |outcome| Message::Finished { id, outcome };
            let message = match service.serve(*connection, &stop) {
                Served::Ended(report) if waits_on && left_without_a_byte(&report) => finished(Outcome::Left),
                Served::Ended(report) => finished(tell(&report)),
                Served::Failed { end, error } => {
                    let cause = NeverConnected::LocalFailure { end, error: &error };
                    finished(tell(&Report::never_connected(&endpoint, Role::Listen, cause)))
                }
                Served::NotStarted { connection, error } => Message::NotStarted { id, connection, error },
            };
            // The main thread may have gone by now, after its grace.
            let _ = sender.send(message);
        };
        match std::thread::Builder::new().name(format!("adieu-{id}")).stack_size(STACK).spawn(serve) {
            Ok(_) => {
                self.served += 1;
                self.open.insert(id, peer);
                Ok(())
            }
            Err(error) => match take(&shared) {
                Some(connection) => Err((Client { id, connection, is_told }, error)),
                // It was taken by a thread after all.
                None => Ok(()),
            },
        }
    }

    /// Something is short: processes, threads, descriptors or memory. Said once, until it is there again.
    fn tell_shortage(&mut self, error: &io::Error) {
        if !self.shortage_told {
            self.shortage_told = true;
            complain(&format!("clients wait, one cannot be served now: {}", describe_error(error)));
        }
    }

    fn never(&self, cause: NeverConnected<'_>) -> ExitStatus {
        self.printer.report(&Report::never_connected(&self.endpoint, Role::Listen, cause))
    }

    /// A signal came: accept no more, and let the open connections finish, each in its own way.
    fn finish(&mut self, signal: Signal) -> ExitStatus {
        self.stop_listening(signal);
        for message in self.messages.try_iter() {
            match message {
                Message::Accepted(connection) => {
                    self.accepted += 1;
                    self.waiting.push_back(Client { id: self.accepted, connection, is_told: false });
                }
                Message::NotStarted { id, connection, .. } => {
                    self.open.remove(&id);
                    self.waiting.push_front(Client { id, connection, is_told: true });
                }
                Message::Finished { id, .. } => {
                    self.open.remove(&id);
                }
                Message::AcceptFailed(_) | Message::Signal(_) | Message::Touched | Message::InputSpent => {}
            }
        }
        self.serve_waiting();
        let is_stopped = self.keep_open && signal == Signal::Terminate;
        if self.served == self.left && !is_stopped {
            return self.never(NeverConnected::Interrupted { signal });
        }
        let grace = if signal == Signal::Interrupt { Duration::ZERO } else { self.grace };
        if !(grace.is_zero() || self.open.is_empty()) {
            let number = self.open.len() + self.waiting.len();
            self.printer.say(&format!("{}: waiting for {number} to finish", signal.name()));
        }
        self.await_ends(grace);
        let mut aborted = 0;
        if !self.open.is_empty() {
            let waiting = self.waiting.iter().map(Client::peer);
            let rest: Vec<&str> = self.open.values().map(String::as_str).chain(waiting).collect();
            self.printer.say(&format!("{}: aborting {}", signal.name(), rest.join(", ")));
            self.stop.raise(signal);
            aborted += self.interrupt_waiting();
            aborted += self.await_ends(Duration::from_millis(1500));
            aborted += self.open.len() as u64;
        }
        // Whoever is still not done goes with us, and so does what it started.
        drop(self.service.running().kill_all());
        let status = match aborted {
            _ if !is_stopped => ExitStatus::of_signal(signal),
            0 => ExitStatus::Success,
            _ => ExitStatus::Ending(adieu::exit_code(Ending::Reset { by: Side::Us })),
        };
        if self.keep_open {
            self.printer.stopped(signal, self.accepted, aborted, status);
        }
        status
    }

    /// Serves whoever waits, as many at once as always.
    fn serve_waiting(&mut self) {
        while self.open.len() < self.at_once as usize
            && let Some(client) = self.waiting.pop_front()
        {
            if let Err((client, error)) = self.start_serving(client) {
                self.tell_shortage(&error);
                return self.waiting.push_front(client);
            }
            self.shortage_told = false;
        }
    }

    /// Whoever still waits is not served any more: the interrupt was raised, which ends it and its report. Gives their number.
    fn interrupt_waiting(&mut self) -> u64 {
        let waiting = std::mem::take(&mut self.waiting);
        let number = waiting.len() as u64;
        for mut client in waiting {
            self.tell(&mut client);
            // It fails, because nothing is received after an interrupt.
            let _ = client.connection.read_within(&mut [], Duration::ZERO);
            said::about(self.tag(client.id), || self.printer.report(&client.connection.abort()));
        }
        number
    }

    /// Waits for the open connections and for those that wait, at most so long. Gives how many were interrupted.
    fn await_ends(&mut self, limit: Duration) -> u64 {
        let mut interrupted = 0;
        // A limit beyond the end of time is none.
        let until = Instant::now().checked_add(limit);
        while !self.open.is_empty() {
            let message = match until {
                Some(until) => {
                    self.messages.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
                }
                None => self.messages.recv().ok(),
            };
            match message {
                Some(Message::Finished { id, outcome }) => {
                    self.open.remove(&id);
                    interrupted += u64::from(outcome.is_of_a_signal());
                    self.serve_waiting();
                }
                Some(Message::NotStarted { id, connection, .. }) => {
                    self.open.remove(&id);
                    self.waiting.push_back(Client { id, connection, is_told: true });
                }
                // Nobody accepts any more.
                Some(
                    Message::Accepted(_)
                    | Message::AcceptFailed(_)
                    | Message::Signal(_)
                    | Message::Touched
                    | Message::InputSpent,
                ) => {}
                None => break,
            }
        }
        interrupted
    }
}

/// The options of the connections: each step is told, and the first byte of the one that is waited for.
fn observed(options: Options, printer: &Arc<Printer>, touched: Option<mpsc::Sender<Message>>) -> Options {
    let watching = printer.watches().then(|| Arc::clone(printer));
    if watching.is_none() && touched.is_none() {
        return options;
    }
    let touched = touched.map(|main| (main, AtomicBool::new(false)));
    options.observer(move |at, event| {
        if let Some(printer) = &watching {
            printer.step(at, event);
        }
        if let (Some((main, told)), Event::Sent { bytes: 1.. } | Event::Received { bytes: 1.. }) =
            (&touched, event)
            && !told.swap(true, Ordering::Relaxed)
        {
            // The main thread lives as long as a connection.
            let _ = main.send(Message::Touched);
        }
    })
}

/// Whether it was a port scan, a health check, or one of two connections of which the client chose the other.
fn left_without_a_byte(report: &Report) -> bool {
    let by_the_peer = matches!(report.ending, "graceful" | "reset" | "truncated");
    by_the_peer && report.bytes_received == 0 && report.bytes_read == 0
}

fn take(connection: &Mutex<Option<Box<Connection>>>) -> Option<Box<Connection>> {
    connection.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What a connection's thread needs.
const STACK: usize = 256 * 1024;

/// How long to rest after something failed for want of descriptors, processes or memory: it must come back first.
const REST: Duration = Duration::from_millis(100);

/// Accepts one connection for each token, and gives their number. A failure is told once, and then tried again until it works.
fn accept(
    listener: &Listener,
    stop: &Interrupt,
    tokens: &mpsc::Receiver<()>,
    main: &mpsc::Sender<Message>,
    keep_open: bool,
) -> u64 {
    let mut failing = false;
    let mut accepted = 0;
    for () in tokens {
        if keep_open {
            // The main thread hears of them in this order, and counts as we do.
            said::of_connection(accepted + 1);
        }
        let connection = loop {
            match listener.accept() {
                Ok(connection) => break connection,
                // Raised by the main thread, which knows.
                Err(error) if error.io_error().kind() == io::ErrorKind::Interrupted => return accepted,
                Err(error) => {
                    if !failing && main.send(Message::AcceptFailed(error)).is_err() {
                        return accepted;
                    }
                    failing = true;
                    // As long as it fails with clients waiting, it does not look.
                    if stop.raised().is_some() {
                        return accepted;
                    }
                    // A rest that is cut short by a signal only makes the next attempt come sooner.
                    let _raised = stop.wait(REST);
                }
            }
        };
        failing = false;
        accepted += 1;
        if main.send(Message::Accepted(Box::new(connection))).is_err() {
            break;
        }
    }
    accepted
}

/// What is open for a moment: the other ends of a command's pipes and what starts it, and what is looked at in passing.
const IN_PASSING: usize = 8;

/// How many can be served at once: one that is accepted and finds no descriptors for its command would be reset.
fn descriptors_suffice_for(service: &Service) -> u32 {
    let number = os::free_descriptors().saturating_sub(IN_PASSING) / service.descriptors();
    u32::try_from(number).unwrap_or(u32::MAX).max(1)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error().and_then(adieu::error_name), Some("EMFILE" | "ENFILE"))
}

fn listen_for_signals(main: &mpsc::Sender<Message>, running: command::Running) -> io::Result<()> {
    let main = main.clone();
    signals::on_signal(move |signal, is_later| {
        if is_later {
            // Held to the end: a command that started now would outlive us.
            let _killed = running.kill_all();
            std::process::exit(ExitStatus::of_signal(signal).number().into());
        }
        // The main thread lives as long as the process.
        let _ = main.send(Message::Signal(signal));
    })
}
