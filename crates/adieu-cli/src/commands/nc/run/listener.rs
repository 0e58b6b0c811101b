//! The side that listens: one client, or one after the other, on the main thread.

use super::super::flavour::Flavour;
use super::super::plan::{Family, Mode, Plan, Transport};
use super::choices::{self, Side};
use super::client::unix_endpoint;
use super::crowd::Crowd;
use super::session::{Done, Run};
use super::voice::{tell_tests_of_listening, words_of};
use super::{hosts, secured};
use crate::os::command;
use adieu::{
    Connection, Endpoint, Interrupt, ListenCause, ListenError, ListenOptions, Listener, NeverConnected, Role,
    Signal,
};
use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to rest after something failed for want of descriptors or memory: it must come back first.
const REST: Duration = Duration::from_millis(100);

/// Longer than anything is waited for without looking again.
const LONG: Duration = Duration::from_secs(60 * 60);

/// How many clients there are at once without `-m`, as in ncat.
const MOST_CLIENTS: u32 = 100;

/// Runs a plan that listens.
pub(super) fn run(run: &Run) -> Done {
    let options = match options(run) {
        Ok(options) => options,
        Err(why) => return run.refuse(&why),
    };
    let listener = match &run.plan.mode {
        Mode::ListenUnix { path } => bind_unix(run, path, &options),
        Mode::Listen { host, port, .. } => {
            let bind_to = |endpoint: &Endpoint| Listener::bind(endpoint, &options);
            bind(run, host.as_deref(), port.unwrap_or(0), bind_to).map(|(listener, mut address)| {
                address.set_port(hosts::port(listener.local_endpoint()).unwrap_or(address.port()));
                say_listening(run, address);
                listener
            })
        }
        Mode::Connect { .. } | Mode::ConnectUnix { .. } => unreachable!("it is a plan that listens"),
    };
    let listener = match listener {
        Ok(listener) => listener,
        Err(done) => return done,
    };
    tell_tests_of_listening(&run.plan);
    match &run.plan.exec {
        _ if !run.plan.keep_listening => serve(run, listener),
        Some(exec) => {
            let running = command::Running::guarded();
            serve_all(run, &listener, &|connection| {
                super::commands::serve_with(run, connection, exec, &running)
            })
        }
        None if run.plan.flavour == Flavour::Ncat => serve_crowd(run, listener, &options),
        None => serve(run, listener),
    }
}

fn options(run: &Run) -> Result<ListenOptions, String> {
    let plan = &run.plan;
    let mut options = ListenOptions::new()
        .limits(choices::limits(plan, Side::Listens))
        .socket(choices::listening_socket(plan))
        .data_path(choices::data_path(plan))
        .interrupt(&run.interrupt);
    if let Some(observer) = run.rhythm_observer() {
        options = options.observer(observer);
    }
    if let Some(tls) = &plan.tls {
        let server = choices::tls_server(tls)?;
        if let Some(fingerprint) =
            server.fingerprint().filter(|_| run.voice.is_verbose() && tls.certificate.is_none())
        {
            run.voice.tell(&format!("The certificate was made for this run: {fingerprint}"));
        }
        options = options.tls(server);
    }
    Ok(options)
}

/// Where to listen: the first of these that can be had.
fn addresses(run: &Run, host: Option<&str>, port: u16) -> Result<Vec<SocketAddr>, Done> {
    let plan = &run.plan;
    let mut addresses = hosts::addresses(plan, host, port).map_err(|error| match plan.flavour {
        Flavour::Debian | Flavour::OpenBsd => run.refuse(&format!("getaddrinfo: {}", error.words())),
        _ => Done::Exit(hosts::unknown(&run.voice, host.unwrap_or_default(), port, &error, plan.numeric)),
    })?;
    if host.is_none() && plan.flavour == Flavour::Ncat {
        // One socket for both versions, where there are both; it is the one of IPv6.
        addresses.sort_by_key(SocketAddr::is_ipv4);
    }
    Ok(addresses)
}

/// Binds to the first address of this host that can be had, a socket of streams or of datagrams, and says at which.
pub(super) fn bind<T>(
    run: &Run,
    host: Option<&str>,
    port: u16,
    bind: impl Fn(&Endpoint) -> Result<T, ListenError>,
) -> Result<(T, SocketAddr), Done> {
    let addresses = addresses(run, host, port)?;
    let mut last = None;
    for address in addresses {
        let endpoint = hosts::endpoint(&run.plan, address);
        match bind(&endpoint) {
            Ok(bound) => return Ok((bound, address)),
            Err(error) => last = Some((error, endpoint, address)),
        }
    }
    let Some((error, endpoint, address)) = last else {
        return Err(run.refuse("the host has no address"));
    };
    report(run, &endpoint, &error);
    Err(say_not_bound(run, address, &words(&error)))
}

fn bind_unix(run: &Run, path: &OsStr, options: &ListenOptions) -> Result<Listener, Done> {
    let endpoint = unix_endpoint(path);
    let shown = path.to_string_lossy();
    match bind_and_leave(&endpoint, options) {
        Ok(listener) => {
            if run.plan.flavour != Flavour::Ncat {
                run.voice.tell_verbosely(|| format!("Bound on {shown}"));
            }
            run.voice.tell_verbosely(|| format!("Listening on {shown}"));
            Ok(listener)
        }
        Err(error) => {
            report(run, &endpoint, &error);
            let words = words(&error);
            if run.plan.flavour == Flavour::Ncat {
                run.refuse(&format!("bind to {shown}: {words}. QUITTING."));
                return Err(Done::Exit(2));
            }
            Err(run.refuse(&words))
        }
    }
}

/// Listens at the path of a Unix socket, and leaves its file there in the end, as every netcat does: a client that comes too late
/// is refused, and a script removes the file itself. A file that a dead socket has left there is replaced, and goes in the end.
#[cfg(unix)]
fn bind_and_leave(endpoint: &Endpoint, options: &ListenOptions) -> Result<Listener, ListenError> {
    let Endpoint::Unix { path } = endpoint else { return Listener::bind(endpoint, options) };
    match std::os::unix::net::UnixListener::bind(path) {
        Ok(listener) => Listener::from_socket(listener, options),
        // It finds out what stands there, and whether that may be replaced.
        Err(_) => Listener::bind(endpoint, options),
    }
}

/// Listens at the path of a Unix socket.
#[cfg(windows)]
fn bind_and_leave(endpoint: &Endpoint, options: &ListenOptions) -> Result<Listener, ListenError> {
    Listener::bind(endpoint, options)
}

/// Reports a socket that does not listen.
pub(super) fn report(run: &Run, endpoint: &Endpoint, error: &ListenError) {
    run.printer.report(&NeverConnected::CannotListen { error }.report(endpoint, Role::Listen));
}

/// What the system said of a socket that does not listen.
pub(super) fn words(error: &ListenError) -> String {
    match error.system().and_then(|error| error.code) {
        Some(code) => words_of(code),
        None => error.cause().to_string(),
    }
}

fn say_not_bound(run: &Run, address: SocketAddr, words: &str) -> Done {
    match run.plan.flavour {
        Flavour::Debian | Flavour::OpenBsd => run.refuse(words),
        Flavour::Traditional => {
            run.refuse(&format!("Can't grab {}:{} with bind : {words}", address.ip(), address.port()))
        }
        Flavour::Ncat => {
            run.refuse(&format!("bind to {}:{}: {words}. QUITTING.", address.ip(), address.port()));
            Done::Exit(2)
        }
    }
}

/// Says where we listen, or receive.
pub(super) fn say_listening(run: &Run, address: SocketAddr) {
    let Run { plan, voice, .. } = run;
    if !voice.is_verbose() {
        return;
    }
    let (ip, port) = (address.ip(), address.port());
    match plan.flavour {
        Flavour::Debian | Flavour::OpenBsd => {
            let does = if plan.transport == Transport::Udp { "Bound" } else { "Listening" };
            voice.tell(&format!("{does} on {} {port}", hosts::named(plan, address)));
        }
        Flavour::Traditional if ip.is_unspecified() => voice.tell(&format!("listening on [any] {port} ...")),
        Flavour::Traditional => voice.tell(&format!("listening on [{ip}] {port} ...")),
        Flavour::Ncat => {
            voice.tell(&format!("Listening on {ip}:{port}"));
            if ip.is_ipv6() && ip.is_unspecified() && takes_both(plan) {
                voice.tell(&format!("Listening on 0.0.0.0:{port}"));
            }
        }
    }
}

/// Where it listens, if that is an address: as it was asked for, with the port that it has.
fn address_of(run: &Run, listener: &Listener) -> Option<SocketAddr> {
    let Mode::Listen { host, .. } = &run.plan.mode else { return None };
    let port = hosts::port(listener.local_endpoint())?;
    addresses(run, host.as_deref(), port).ok()?.first().copied()
}

fn takes_both(plan: &Plan) -> bool {
    plan.family == Family::Any && matches!(&plan.mode, Mode::Listen { host: None, .. })
}

/// Serves clients, one at a time.
fn serve(run: &Run, listener: Listener) -> Done {
    let mut listener = Some(listener);
    loop {
        let Some(open) = &listener else { return Done::GOOD };
        let connection = match accept(run, open) {
            Ok(Some(connection)) => connection,
            Ok(None) => continue,
            Err(done) => return done,
        };
        if !run.plan.keep_listening {
            // Whoever comes next is refused, and not kept waiting for nothing.
            listener = None;
        }
        let done = match connection.handshake() {
            Ok(connection) => secured::admit(run, connection)
                .map_or_else(|done| done, |connection| serve_one(run, connection)),
            Err(report) => {
                let words = report.to_string();
                run.printer.report(&report);
                match run.interrupt.raised() {
                    Some(signal) => Done::Signal(signal),
                    None => run.refuse(&words),
                }
            }
        };
        match done {
            Done::Signal(_) => return done,
            done if !run.plan.keep_listening || run.output_is_gone.load(Ordering::Relaxed) => return done,
            Done::Exit(_) => {
                if run.plan.flavour == Flavour::OpenBsd {
                    // The original makes a new socket for each client, and says so.
                    listener
                        .as_ref()
                        .and_then(|open| address_of(run, open))
                        .inspect(|at| say_listening(run, *at));
                }
            }
        }
    }
}

/// Serves all clients at once, who share stdin and stdout.
fn serve_crowd(run: &Run, listener: Listener, options: &ListenOptions) -> Done {
    let stdin = match run.input() {
        Ok(stdin) => stdin,
        Err(error) => return run.refuse(&adieu_os::error_words(&error)),
    };
    let accepting = match Interrupt::new() {
        Ok(accepting) => accepting,
        Err(error) => return run.refuse(&adieu_os::error_words(&error)),
    };
    let crowd = Arc::<Crowd>::default();
    // Both may wait for ever, and end with the process.
    let started = spawn({
        let (signals, accepting) = (run.interrupt.clone(), accepting.clone());
        move || {
            loop {
                if let Some(signal) = signals.wait(LONG) {
                    return accepting.raise(signal);
                }
            }
        }
    })
    .and_then(|()| {
        let (crowd, accepting, is_all) = (Arc::clone(&crowd), accepting.clone(), run.plan.send_only);
        spawn(move || {
            crowd.feed(stdin);
            if is_all {
                // Nothing more will be sent, nor taken. Which signal it is says nothing.
                accepting.raise(Signal::Terminate);
            }
        })
    });
    if let Err(error) = started {
        return run.refuse(&adieu_os::error_words(&error));
    }
    let listener = listener.with_options(options, &accepting);
    let done = serve_all(run, &listener, &|connection| {
        let done = crowd.serve(run, connection);
        if run.output_is_gone.load(Ordering::Relaxed) {
            // What the others send can go nowhere either.
            run.interrupt.raise(Signal::Terminate);
        }
        done
    });
    if run.output_is_gone.load(Ordering::Relaxed) { Done::BAD } else { done }
}

fn spawn(body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("adieu-crowd".into()).spawn(body).map(drop)
}

/// Serves clients, each on a thread of its own, until a signal comes or nobody more is accepted.
fn serve_all(run: &Run, listener: &Listener, serve: &(dyn Fn(Connection) -> Done + Sync)) -> Done {
    let open = AtomicU32::new(0);
    let most = run.plan.max_connections.unwrap_or(MOST_CLIENTS);
    let all = Mutex::new(Done::GOOD);
    let over = std::thread::scope(|scope| {
        loop {
            let connection = match accept(run, listener) {
                Ok(Some(connection)) => connection,
                Ok(None) => continue,
                Err(done) => return done,
            };
            let there = open.fetch_add(1, Ordering::Relaxed);
            if there >= most {
                open.fetch_sub(1, Ordering::Relaxed);
                connection.abort();
                run.voice.tell_verbosely(|| denied_by_limit(there));
                continue;
            }
            let (all, open) = (&all, &open);
            let spawned = std::thread::Builder::new().spawn_scoped(scope, move || {
                let done = match connection.handshake() {
                    Ok(connection) => secured::admit(run, connection).map_or_else(|done| done, serve),
                    Err(report) => run.ended(&report),
                };
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                *all = all.and(done);
                open.fetch_sub(1, Ordering::Relaxed);
            });
            if let Err(error) = spawned {
                // The connection went with it, and its client reads a reset.
                open.fetch_sub(1, Ordering::Relaxed);
                run.voice.complain(&format!("no thread for a client: {}", adieu_os::error_words(&error)));
            }
        }
    });
    // Of those that were there when nobody more was accepted, too.
    over.and(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What ncat says of a client that comes while as many are served as may be.
pub(super) fn denied_by_limit(served: u32) -> String {
    format!("New connection denied: connection limit reached ({served})")
}

fn serve_one(run: &Run, connection: Connection) -> Done {
    match &run.plan.exec {
        Some(exec) => super::commands::serve(run, connection, exec),
        None => run.converse(connection),
    }
}

/// The next client that may be served. `None`: whoever came may not be.
fn accept(run: &Run, listener: &Listener) -> Result<Option<Connection>, Done> {
    // The traditional netcat's -w bounds the wait for a client.
    let limit = run.plan.connect_timeout.filter(|_| run.plan.flavour == Flavour::Traditional);
    let accepted = match limit {
        None => listener.accept().map(Some),
        Some(limit) => listener.accept_within(limit),
    };
    match accepted {
        Ok(Some(connection)) => admit(run, connection),
        Ok(None) => {
            let cause = NeverConnected::TimedOut;
            run.printer.report(&cause.report(listener.local_endpoint(), Role::Listen));
            Err(run.refuse("no connection"))
        }
        Err(error) => match (error.cause(), run.interrupt.raised()) {
            (ListenCause::Interrupted, Some(signal)) => Err(Done::Signal(signal)),
            // No signal has come: nobody more is to be served.
            (ListenCause::Interrupted, None) => Err(Done::GOOD),
            _ if run.plan.keep_listening => {
                run.voice.complain(&format!("accept: {}", words(&error)));
                match run.interrupt.wait(REST) {
                    Some(signal) => Err(Done::Signal(signal)),
                    None => Ok(None),
                }
            }
            _ => Err(run.refuse(&format!("accept: {}", words(&error)))),
        },
    }
}

/// Says who has come, and to which address of ours.
pub(super) fn say_came(run: &Run, peer: Option<SocketAddr>, here: Option<SocketAddr>) {
    let Run { plan, voice, .. } = run;
    if !voice.is_verbose() {
        return;
    }
    let is_stream = matches!(plan.transport, Transport::Tcp | Transport::UnixStream);
    match (plan.flavour, peer) {
        (Flavour::Debian | Flavour::OpenBsd, Some(peer)) => {
            voice.tell(&format!("Connection received on {} {}", hosts::named(plan, peer), peer.port()));
        }
        (Flavour::Debian | Flavour::OpenBsd, None) => match &plan.mode {
            Mode::ListenUnix { path } => {
                voice.tell(&format!("Connection received on {}", path.to_string_lossy()));
            }
            _ => voice.tell("Connection received"),
        },
        (Flavour::Traditional, Some(peer)) => {
            let here = here.map_or_else(String::new, |here| hosts::ip(here).to_string());
            let (name, ip) = (hosts::known_as(plan, peer), hosts::ip(peer));
            voice.tell(&format!("connect to [{here}] from {name} [{ip}] {}", peer.port()));
        }
        (Flavour::Ncat, Some(peer)) => {
            let ip = hosts::ip(peer);
            voice.tell(&format!("Connection from {ip}."));
            if is_stream {
                voice.tell(&format!("Connection from {ip}:{}.", peer.port()));
            }
        }
        (_, None) if is_stream => voice.tell("Connection from a client on Unix domain socket."),
        (_, None) => {}
    }
}

/// Says who has come, and lets in whoever may come in.
fn admit(run: &Run, connection: Connection) -> Result<Option<Connection>, Done> {
    let Run { plan, voice, .. } = run;
    let peer = connection.peer_addr();
    if let Some(peer) = peer
        && hosts::OnlyPeer::of(plan).is_some_and(|only| !only.is_at(peer))
    {
        let here = connection.local_addr().map_or_else(String::new, |local| hosts::ip(local).to_string());
        let name = hosts::known_as(plan, peer);
        connection.abort();
        let text =
            format!("invalid connection to [{here}] from {name} [{}] {}", hosts::ip(peer), peer.port());
        return Err(run.refuse(&text));
    }
    say_came(run, peer, connection.local_addr());
    if plan.max_connections == Some(0) {
        voice.tell_verbosely(|| denied_by_limit(0));
        connection.abort();
        return if plan.keep_listening { Ok(None) } else { Err(Done::BAD) };
    }
    if let Some(peer) = peer
        && !plan.access.permits(hosts::ip(peer))
    {
        voice.tell_verbosely(|| "New connection denied: not allowed".to_owned());
        connection.abort();
        // Without -k ncat has no more than this one.
        return if plan.keep_listening { Ok(None) } else { Err(Done::BAD) };
    }
    Ok(Some(connection))
}
