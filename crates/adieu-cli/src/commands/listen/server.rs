//! The main thread of a listener: it gives each connection a thread, and hears of everything through one channel.

mod stopping;

use super::accepting::{IN_PASSING, accept, is_out_of_descriptors, number_at_once};
use super::message::{ClientEnd, Message, REST};
use super::plan::{FOR_EACH, Plan};
use super::port_file;
use super::service::Service;
use crate::addresses::peer_name;
use crate::exit::ExitStatus;
use crate::options::reporting::ReportFormat;
use crate::os::{Served, command, signals};
use crate::printer::{Printer, complain};
use crate::{hints, said};
use adieu::tls::Failure;
use adieu::{
    Connection, Ending, Endpoint, Event, Interrupt, ListenError, ListenOptions, Listener, NeverConnected,
    Report, Role, Signal, describe_error,
};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(super) struct Server {
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
pub(super) struct Client {
    /// They count from 1.
    id: u64,
    connection: Box<Connection>,
    /// That it has connected was said.
    is_told: bool,
}

impl Client {
    fn peer(&self) -> String {
        peer_name(self.connection.peer_address())
    }
}

impl Server {
    /// `passed` is the socket that the service manager passed, or why it cannot be listened on.
    pub(super) fn start(
        plan: Plan,
        passed: Option<Result<Listener, ListenError>>,
        service: Service,
        printer: &Arc<Printer>,
    ) -> Result<Self, ExitStatus> {
        let Plan { keep_open, waits_on, at_once: asked_for, .. } = plan;
        let fail = |text: &str| {
            complain(text);
            ExitStatus::LocalFailure
        };
        adieu_os::raise_descriptor_limit();
        let memory = adieu_os::memory_suffices_for(STACK + BUFFERS);
        let interrupts = Interrupt::new().and_then(|a| Interrupt::new().map(|b| (a, b)));
        let (stop_accepting, stop) =
            interrupts.map_err(|e| fail(&format!("cannot wait for signals: {}", describe_error(&e))))?;
        let (sender, messages) = mpsc::channel();
        listen_for_signals(&sender, service.running())
            .map_err(|e| fail(&format!("cannot wait for signals: {}", describe_error(&e))))?;

        let accepting = plan.options.clone().interrupt(&stop_accepting);
        let bound = passed.unwrap_or_else(|| Listener::bind(&plan.endpoint, &accepting));
        let listener = bound.map_err(|error| {
            let cause = NeverConnected::CannotListen { error: &error };
            let report = cause.report(&plan.endpoint, Role::Listen);
            // Without reports it is said all the same: nothing will run.
            if plan.reports.format == ReportFormat::None {
                complain(&error.to_string());
            }
            printer.report_with(&report, hints::for_listening(&plan.endpoint, &error))
        })?;
        let endpoint = listener.local_endpoint().clone();
        if let Some(path) = &plan.port_file {
            port_file::write(path, &endpoint).map_err(|e| {
                fail(&format!("cannot write the port to {}: {}", path.display(), describe_error(&e)))
            })?;
        }
        let free_descriptors = adieu_os::free_descriptors().saturating_sub(IN_PASSING);
        let descriptors = number_at_once(free_descriptors, &service);
        let memory = memory.unwrap_or(u32::MAX);
        let at_once = if keep_open { asked_for.min(descriptors).min(memory) } else { 1 };
        // Descriptors that nobody needs who is served: a client that waits takes one.
        let room = free_descriptors.saturating_sub(at_once as usize * service.descriptors());
        let options = observed(plan.options.interrupt(&stop), printer, waits_on.then(|| sender.clone()));
        let (tokens, may_accept) = mpsc::channel();
        let to_main = sender.clone();
        let listener = listener.with_options(&options, &stop_accepting);
        let stop_accept = stop_accepting.clone();
        let thread = std::thread::Builder::new()
            .name("adieu-accept".into())
            .spawn(move || {
                let accepted = accept(&listener, &stop_accept, &may_accept, &to_main, keep_open);
                // SIGTERM: the kernel has made connections that nobody has accepted, and closing would reset them.
                if keep_open && stop_accept.raised().is_some_and(|s| s != Signal::Interrupt) {
                    let waiting = std::iter::from_fn(|| listener.try_accept().ok().flatten());
                    for (connection, number) in waiting.take(room).zip(accepted + 1..) {
                        said::of_connection(number + 1);
                        // The main thread joins us before it goes on.
                        let _ = to_main.send(Message::Accepted(Box::new(connection)));
                    }
                }
            })
            .map_err(|e| fail(&format!("cannot start a thread: {}", describe_error(&e))))?;
        // Whoever reads it may rely on it: all that could be missing is there. Nobody is accepted before the first token.
        printer.listening(&endpoint);
        if keep_open && at_once < asked_for {
            let short = if descriptors < memory {
                "there are descriptors for no more (ulimit -n)"
            } else {
                "there is memory for no more (ulimit -v)"
            };
            printer.say(&format!("{at_once} at once: {short}"));
        }
        if let Some(fingerprint) = plan.fingerprint {
            crate::printer::say_always(&format!(
                "the certificate was made for this run; clients trust it with --pin {fingerprint}"
            ));
        }
        Ok(Self {
            endpoint,
            service: Arc::new(service),
            printer: Arc::clone(printer),
            keep_open,
            waits_on,
            at_once,
            grace: plan.grace,
            connect_timeout: plan.connect_timeout,
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

    pub(super) fn run(mut self) -> ExitStatus {
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
                    Err(mpsc::RecvTimeoutError::Timeout) if limit == Some(time) => {
                        return self.never(NeverConnected::TimedOut);
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        self.serve_waiting();
                        continue;
                    }
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
                    self.wait_in_turn(Client { id, connection, is_told: true });
                }
                // Descriptors come back when connections end, and here there are none.
                Message::AcceptFailed(error) if !self.keep_open && is_out_of_descriptors(&error) => {
                    return self.never(NeverConnected::CannotAccept { error: &error });
                }
                Message::AcceptFailed(error) => complain(&error.to_string()),
                Message::Finished { id, end } => {
                    let peer = self.open.remove(&id).unwrap_or_default();
                    match end {
                        ClientEnd::Fatal(status) | ClientEnd::Reported(status) if !self.keep_open => {
                            return status;
                        }
                        ClientEnd::Fatal(_) => {
                            complain("whoever reads our stdout has gone, so nobody more is served");
                            return ExitStatus::LocalFailure;
                        }
                        ClientEnd::Reported(_) => {
                            self.shortage_told = false;
                            self.serve_waiting();
                        }
                        ClientEnd::Left => {
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
            self.wait_in_turn(client);
        }
    }

    /// Whoever came first is served first, whatever was tried in the meantime.
    fn wait_in_turn(&mut self, client: Client) {
        let place = self.waiting.partition_point(|other| other.id < client.id);
        self.waiting.insert(place, client);
    }

    /// Says who it is, and gives it a thread. Without one it is given back.
    fn start_serving(&mut self, mut client: Client) -> Result<(), (Client, io::Error)> {
        self.tell(&mut client);
        let peer = client.peer();
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
                let is_spent = service.reads_stdin() && report.bytes_read > 0 && adieu_os::stdin_is_spent();
                let status = printer.report(report);
                if is_spent && tag.is_some() {
                    // As below.
                    let _ = sender.send(Message::InputSpent);
                }
                if service.is_dead() { ClientEnd::Fatal(status) } else { ClientEnd::Reported(status) }
            };
            let finished = |end| Message::Finished { id, end };
            let message = match service.serve(*connection, &stop) {
                Served::Ended(report) if waits_on && left_without_a_byte(&report) => {
                    finished(ClientEnd::Left)
                }
                Served::Ended(report) => finished(tell(&report)),
                Served::Failed { end, error } => {
                    let cause = NeverConnected::LocalFailure { end, error: &error };
                    finished(tell(&cause.report(&endpoint, Role::Listen)))
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
        self.printer.report(&cause.report(&self.endpoint, Role::Listen))
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
        }
    }
}

/// The options of the connections: each step is told, and the first byte of the one that is waited for.
fn observed(
    options: ListenOptions,
    printer: &Arc<Printer>,
    touched: Option<mpsc::Sender<Message>>,
) -> ListenOptions {
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
    let by_the_peer = matches!(report.ending(), Ending::Graceful | Ending::Reset { .. } | Ending::Truncated)
        || report.tls_failure == Some(Failure::NotBegun);
    by_the_peer && report.bytes_received == 0 && report.bytes_read == 0
}

fn take(connection: &Mutex<Option<Box<Connection>>>) -> Option<Box<Connection>> {
    connection.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What a connection's thread needs.
const STACK: usize = 256 * 1024;

/// What one connection takes of the address space at most, beside its thread's stack: two buffers of 256 KiB.
const BUFFERS: usize = 512 * 1024;

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
