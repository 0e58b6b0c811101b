//! The main thread of a listener: it hears of everything through one channel, and decides when it is over. The library's server
//! accepts, gives each connection a thread, and drains.

use super::clients::Clients;
use super::message::{ClientEnd, Message};
use super::observed::{Handle, Observed};
use super::plan::{FOR_EACH, Plan};
use super::port_file;
use super::service::Service;
use super::serving::Serving;
use crate::dump::Dump;
use crate::exit::ExitStatus;
use crate::options::access::{Access, NOT_OF_A_NETWORK};
use crate::os::{self, command};
use crate::printer::{Printer, complain, say_certificate};
use crate::{said, stdio};
use adieu::{
    Drained, Ending, Endpoint, Interrupt, ListenError, Listener, NeverConnected, Role, ServerEvent,
    ServerHandle, Side, Signal, describe_error,
};
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(super) struct Server {
    endpoint: Endpoint,
    printer: Arc<Printer>,
    clients: Arc<Clients>,
    running: command::Running,
    keep_open: bool,
    grace: Duration,
    connect_timeout: Option<Duration>,
    handle: ServerHandle,
    /// Lets the thread that accepts begin.
    begin: mpsc::Sender<()>,
    /// Holds the listening socket.
    accepting: JoinHandle<()>,
    messages: mpsc::Receiver<Message>,
}

impl Server {
    /// `passed` is the socket that the service manager passed, or why it cannot be listened on.
    pub(super) fn start(
        plan: &Plan,
        passed: Option<Result<Listener, ListenError>>,
        service: Service,
        printer: &Arc<Printer>,
        dump: Option<Arc<Dump>>,
    ) -> Result<Self, ExitStatus> {
        let Plan { keep_open, waits_on, at_once: asked_for, .. } = *plan;
        let fail = |text: &str| {
            complain(text);
            ExitStatus::LocalFailure
        };
        adieu_os::raise_descriptor_limit();
        let memory = adieu_os::memory_suffices_for(STACK + BUFFERS);
        let no_signals = |e: io::Error| fail(&format!("cannot wait for signals: {}", describe_error(&e)));
        let stop = Interrupt::new().map_err(no_signals)?;
        let (sender, messages) = mpsc::channel();
        let running = service.running();
        listen_for_signals(&sender, running.clone()).map_err(no_signals)?;

        let listener = bind(plan, passed, printer)?;
        let endpoint = listener.local_endpoint().clone();
        if let Some(path) = &plan.port_file {
            port_file::write(path, &endpoint).map_err(|e| {
                fail(&format!("cannot write the port to {}: {}", path.display(), describe_error(&e)))
            })?;
        }
        let are_typed_to = printer.is_on_terminal()
            && service.reads_stdin()
            && !plan.exchange.recv_only
            && stdio::stdin_is_terminal();
        let clients = Arc::new(Clients::new(printer, are_typed_to));
        let (entering, to_main) = (Arc::clone(&clients), sender.clone());
        let touching = Handle::default();
        let touched = waits_on.then(|| touching.clone());
        let observed = Observed::new(plan.options.clone().interrupt(&stop), printer, touched, dump.clone());
        let closing = touching.clone();
        let listener = filtered(listener, plan, &clients);
        let listener = listener.with_options(observed.common(), &stop).with_options_for(move |peer| {
            let id = entering.enter(peer);
            if keep_open {
                // What is said on the thread that accepts is about whom it accepts.
                said::of_connection(id);
            } else if !waits_on {
                // The listening socket is closed as soon as it has given its one connection.
                closing.shut_down();
            }
            // The main thread lives as long as a connection.
            let _ = to_main.send(Message::Accepted);
            observed.options_of(id)
        });
        let server = adieu::Server::new(listener);
        // With all that it takes open.
        let free_descriptors = adieu_os::free_descriptors().saturating_sub(IN_PASSING);
        let descriptors = number_at_once(free_descriptors, &service);
        let memory = memory.unwrap_or(u32::MAX);
        let at_once = if keep_open { asked_for.min(descriptors).min(memory) } else { 1 };
        // Descriptors that nobody needs who is served: a client that waits takes one.
        let room = free_descriptors.saturating_sub(at_once as usize * service.descriptors());
        let server = server
            .max_connections(at_once as usize)
            .late_clients(if keep_open { room } else { 0 })
            .stack_size(STACK)
            .observer(observer(&clients, &stop, &sender, keep_open));
        let handle = server.handle();
        touching.set(handle.clone());
        let serving = Serving {
            service,
            exchange: plan.exchange.clone(),
            accept_proxy: plan.accept_proxy.clone(),
            access: plan.access.clone(),
            dump,
            clients: Arc::clone(&clients),
            printer: Arc::clone(printer),
            endpoint: endpoint.clone(),
            stop,
            keep_open,
            waits_on,
            main: sender.clone(),
        };
        let (begin, told_to_begin) = mpsc::channel();
        let accepting = std::thread::Builder::new()
            .name("adieu-accept".into())
            .spawn(move || {
                if told_to_begin.recv().is_ok() {
                    let over = server.serve(move |connection| serving.serve(connection));
                    // The main thread may be waiting for our end instead.
                    let _ = sender.send(Message::Over(over));
                }
            })
            .map_err(|e| fail(&format!("cannot start a thread: {}", describe_error(&e))))?;
        // Whoever reads it may rely on it: all that could be missing is there. Nobody is accepted before it has begun.
        announce(plan, &endpoint, printer);
        if keep_open && at_once < asked_for {
            let short = if descriptors < memory {
                "there are descriptors for no more (ulimit -n)"
            } else {
                "there is memory for no more (ulimit -v)"
            };
            printer.say(&format!("{at_once} at once: {short}"));
        }
        let (grace, connect_timeout) = (plan.grace, plan.connect_timeout);
        Ok(Self {
            endpoint,
            printer: Arc::clone(printer),
            clients,
            running,
            keep_open,
            grace,
            connect_timeout,
            handle,
            begin,
            accepting,
            messages,
        })
    }

    pub(super) fn run(self) -> ExitStatus {
        // It waits for this.
        let _ = self.begin.send(());
        let status = self.serve_all();
        // Closes the listening socket, and removes its file if it has one.
        self.handle.begin_shutdown(Duration::ZERO);
        // A thread that panicked has dropped the socket too.
        let _ = self.accepting.join();
        self.printer.finish(status)
    }

    fn serve_all(&self) -> ExitStatus {
        let started = Instant::now();
        loop {
            let connecting = self.connect_timeout.filter(|_| self.clients.were_none());
            let message = match connecting.map(|limit| limit.saturating_sub(started.elapsed())) {
                None => self.messages.recv().ok(),
                Some(left) => match self.messages.recv_timeout(left) {
                    Err(mpsc::RecvTimeoutError::Timeout) if self.clients.were_none() => {
                        return self.never(NeverConnected::TimedOut);
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => continue,
                    other => other.ok(),
                },
            };
            // The thread of the signals holds a sender, so the channel never ends.
            let Some(message) = message else { return ExitStatus::Success };
            match message {
                Message::NotStarted { peer, error } => {
                    let peer = peer.as_ref();
                    return self.never(NeverConnected::CannotServe { peer, error: &error });
                }
                // Descriptors come back when connections end, and here there are none.
                Message::AcceptFailed(error) if !self.keep_open && is_out_of_descriptors(&error) => {
                    return self.never(NeverConnected::CannotAccept { error: &error });
                }
                Message::AcceptFailed(error) => complain(&error.to_string()),
                Message::Finished(ClientEnd::Fatal(status) | ClientEnd::Reported(status))
                    if !self.keep_open =>
                {
                    return status;
                }
                Message::Finished(ClientEnd::Fatal(_)) => {
                    complain("the program that reads our stdout has gone, so no further client is served");
                    return ExitStatus::LocalFailure;
                }
                Message::Accepted | Message::Finished(ClientEnd::Left | ClientEnd::Reported(_)) => {}
                Message::InputSpent => {
                    complain(&format!(
                        "stdin has ended, and the next client would get nothing of it: {FOR_EACH}"
                    ));
                    return ExitStatus::LocalFailure;
                }
                Message::Signal(signal) => return self.finish(signal),
                Message::Over(Err(error)) => {
                    return self.never(NeverConnected::CannotAccept { error: &error });
                }
                // Whoever was served has told its end before, unless its thread has panicked.
                Message::Over(Ok(_)) => return ExitStatus::Bug,
            }
        }
    }

    /// A signal came: accept no more, and let the open connections finish, each in its own way.
    fn finish(&self, signal: Signal) -> ExitStatus {
        let grace = if signal == Signal::Interrupt { Duration::ZERO } else { self.grace };
        self.clients.stop(signal, !grace.is_zero());
        let drained = self.handle.shutdown(grace);
        // Whoever is still not done goes with us, and so does what it started.
        drop(self.running.kill_all());
        let is_stopped = self.keep_open && signal == Signal::Terminate;
        if self.clients.were_none() && !is_stopped {
            return self.never(NeverConnected::Interrupted { signal });
        }
        let Drained { aborted, unfinished, .. } = drained;
        let aborted = (aborted.len() + unfinished) as u64;
        let status = match aborted {
            _ if !is_stopped => ExitStatus::of_signal(signal),
            0 => ExitStatus::Success,
            _ => ExitStatus::Ending(adieu::exit_code(Ending::Reset { by: Side::Us })),
        };
        if self.keep_open {
            self.printer.stopped(signal, self.clients.accepted(), self.clients.denied(), aborted, status);
        }
        status
    }

    fn never(&self, cause: NeverConnected<'_>) -> ExitStatus {
        self.printer.report(&cause.report(&self.endpoint, Role::Listen))
    }
}

/// Says where we listen, and which certificate is ours if nobody can know it yet.
fn announce(plan: &Plan, endpoint: &Endpoint, printer: &Printer) {
    printer.listening(endpoint, plan.is_everywhere);
    if let Some(fingerprint) = plan.fingerprint {
        say_certificate(&fingerprint, "for this run");
    }
}

/// Resets whoever is not let in.
fn filtered(listener: Listener, plan: &Plan, clients: &Arc<Clients>) -> Listener {
    // Whose connection it is, a proxy is still to tell.
    let access = match &plan.accept_proxy {
        Some(from) => Access { allow: from.trusted.clone(), deny: Vec::new() },
        None => plan.access.clone(),
    };
    if access.is_open() {
        return listener;
    }
    let clients = Arc::clone(clients);
    listener.with_filter(move |peer| clients.lets_in(&access, peer))
}

/// Listens on what was passed, or binds.
fn bind(
    plan: &Plan,
    passed: Option<Result<Listener, ListenError>>,
    printer: &Printer,
) -> Result<Listener, ExitStatus> {
    let bound = passed.unwrap_or_else(|| Listener::bind(&plan.endpoint, &plan.options));
    let listener = bound.map_err(|error| printer.cannot_listen(&plan.endpoint, &error))?;
    // Of a socket that was passed it is known only now.
    if !plan.access.is_suited(listener.local_endpoint(), plan.accept_proxy.is_some()) {
        complain(NOT_OF_A_NETWORK);
        return Err(ExitStatus::Usage);
    }
    Ok(listener)
}

/// What the library's server tells: the main thread is told of failures, and what is said of several connections is said.
fn observer(
    clients: &Arc<Clients>,
    stop: &Interrupt,
    main: &mpsc::Sender<Message>,
    keep_open: bool,
) -> impl Fn(&ServerEvent<'_>) + Send + Sync + 'static {
    let (clients, stop, main) = (Arc::clone(clients), stop.clone(), main.clone());
    let about = move |id: u64| keep_open.then_some(id);
    move |event| match event {
        ServerEvent::CannotAccept { error } => {
            // The main thread lives as long as the server.
            let _ = main.send(Message::AcceptFailed((*error).clone()));
        }
        ServerEvent::CannotServe { id, error } => {
            said::about(about(*id), || clients.tell(*id, None));
            clients.tell_shortage(error);
        }
        ServerEvent::Draining { .. } => clients.drain(),
        // In its name, and not in that of the library.
        ServerEvent::Aborting { .. } => stop.raise(clients.abort()),
        ServerEvent::Ended { id, report, served: false } => {
            said::about(about(*id), || clients.turned_away(*id, report));
        }
        _ => {}
    }
}

/// What a connection's thread needs.
const STACK: usize = 256 * 1024;

/// What one connection takes of the address space at most, beside its thread's stack: two buffers of 256 KiB.
const BUFFERS: usize = 512 * 1024;

/// What is open for a moment: the other ends of a command's pipes and what starts it, and what is looked at in passing.
const IN_PASSING: usize = 8;

/// How many can be served at once: one that is accepted and finds no descriptors for its command would be reset.
fn number_at_once(free_descriptors: usize, service: &Service) -> u32 {
    u32::try_from(free_descriptors / service.descriptors()).unwrap_or(u32::MAX).max(1)
}

fn is_out_of_descriptors(error: &ListenError) -> bool {
    matches!(error.system().and_then(|error| error.name.as_deref()), Some("EMFILE" | "ENFILE"))
}

fn listen_for_signals(main: &mpsc::Sender<Message>, running: command::Running) -> io::Result<()> {
    let main = main.clone();
    os::heed_signals(running, move |signal| {
        // The main thread lives as long as the process.
        let _ = main.send(Message::Signal(signal));
    })
}
