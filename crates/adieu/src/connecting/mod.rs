//! Connecting: every address is tried, the Happy Eyeballs way (RFC 8305), until one connects.

pub(crate) mod proxy;
pub(crate) mod resolve;
pub(crate) mod secure_proxy;

use crate::blocking::wait::{ensure_connected, write};
use crate::error::{Attempt, ConnectCause, ConnectError, Tried, list, os_code};
use crate::link::{Link, fault};
use crate::options::{Purpose, SocketOptions};
use crate::os::{self, AsPollable, Watch};
use crate::{
    Address, ConnectOptions, Connection, Endpoint, Event, OptionError, Options, Proxy, ProxyError, Role,
    Transport, handle,
};
use adieu_proto::{Call, Fault, FaultKind, LocalEnd, Race, RaceStep};
use socket2::{Domain, SockAddr, SockRef, Socket};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Connects to `endpoint`: resolves its name and tries every address until one connects.
///
/// The next address is tried when the last has failed or has been silent for 250 ms, families in turn. The
/// page's "try each address until one connects", without its waits.
///
/// # Errors
///
/// [`ConnectError`] lists what each address said.
///
/// # RFC
///
/// RFC 8305; RFC 9293, section 3.5.
///
/// # Examples
///
/// ```no_run
/// use adieu::{ConnectOptions, Endpoint};
/// use std::io::{Read, Write};
///
/// let mut connection = adieu::connect(&Endpoint::tcp("127.0.0.1", 27015), &ConnectOptions::new())?;
/// connection.write_all(b"this is a test")?;
/// let mut half_closed = connection.shutdown_send()?;
/// let mut answer = Vec::new();
/// half_closed.read_to_end(&mut answer)?;
/// let report = half_closed.close();
/// println!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Connection, ConnectError> {
    connect_with(endpoint, &options.0, None).map(Connection::new)
}

/// Connects, with these first bytes by TCP Fast Open, or without.
pub(crate) fn connect_with(
    endpoint: &Endpoint,
    options: &Options,
    first: Option<&[u8]>,
) -> Result<Link<Socket>, ConnectError> {
    let (mut link, begun) = begin::<Socket>(endpoint, options, first);
    let established = begun.and_then(|()| establish(&mut link, endpoint));
    match established {
        Ok((established, transport)) => {
            link.facts.host = endpoint.host().map(str::to_owned);
            link.connected(established, transport);
            if ensure_connected(&mut link) { Ok(link) } else { Err(not_secured(&link, endpoint)) }
        }
        Err(cause) => Err(fail(link, endpoint, cause)),
    }
}

/// A link whose connecting begins, and what is wrong with it already.
pub(crate) fn begin<H: handle::Handle>(
    endpoint: &Endpoint,
    options: &Options,
    first: Option<&[u8]>,
) -> (Link<H>, Result<(), ConnectCause>) {
    let (options, trouble) = with_tls(endpoint, options);
    let mut link = Link::new(options, Role::Connect, endpoint.to_string());
    let begun = match (trouble, first) {
        (Some(cause), _) => Err(cause),
        (None, Some(first)) => link.offer(endpoint, first),
        (None, None) => Ok(()),
    };
    (link, begun)
}

/// Sends what of the first bytes our kernel has not taken yet. If that fails, the core knows, and the next call tells.
pub(crate) fn write_rest(connection: &mut Connection, first: &[u8]) {
    let link = &mut connection.link;
    let mut rest = unaccepted(link, first);
    while !rest.is_empty() {
        match write(link, rest) {
            Ok(n) => rest = &rest[n..],
            Err(error) => return cannot_go_on(link, &error),
        }
    }
}

/// What of the first bytes our kernel has not taken.
pub(crate) fn unaccepted<'a, H: handle::Handle>(link: &Link<H>, first: &'a [u8]) -> &'a [u8] {
    let accepted = usize::try_from(link.core.counts().accepted).unwrap_or(usize::MAX);
    first.get(accepted..).unwrap_or_default()
}

/// A write has failed: the core knows why, but for a wait that cannot be had.
pub(crate) fn cannot_go_on<H: handle::Handle>(link: &mut Link<H>, error: &io::Error) {
    if link.core.evidence().fault.is_none() && !link.core.is_decided() {
        link.local_failure(LocalEnd::Socket, error);
        link.act();
    }
}

/// The options of a connection to this endpoint: `tls://` asks for TLS, with the platform's roots if nothing else is
/// said. Nothing is read for an endpoint that does not ask for it.
fn with_tls(endpoint: &Endpoint, options: &Options) -> (Options, Option<ConnectCause>) {
    let options = options.clone();
    let wrong = |why: String| Some(ConnectCause::Local(io::Error::other(why)));
    match &options.tls {
        None if matches!(endpoint, Endpoint::Tls { .. }) => {
            return match crate::tls::ClientConfig::of_platform() {
                Ok(tls) => (Options { tls: Some(tls.into()), ..options }, None),
                Err(why) => (options, wrong(why)),
            };
        }
        _ => {}
    }
    (options, None)
}

/// The handshake has failed, and the link is closed.
pub(crate) fn not_secured<H: handle::Handle>(link: &Link<H>, endpoint: &Endpoint) -> ConnectError {
    if let Some(failed) = link.handshake_error().cloned() {
        return ConnectError::new(endpoint.clone(), ConnectCause::Tls(failed), link.final_report());
    }
    ConnectError::new(endpoint.clone(), out_of_time(link, Vec::new()), link.final_report())
}

pub(crate) fn port_zero() -> ConnectCause {
    ConnectCause::Local(io::Error::new(io::ErrorKind::InvalidInput, "port 0 cannot be connected to"))
}

/// Before anything is sent: what cannot be done as it is asked for is an error, and the proxy to ask is noted.
pub(crate) fn prepare<H: handle::Handle>(
    link: &mut Link<H>,
    endpoint: &Endpoint,
) -> Result<Option<Arc<Proxy>>, ConnectCause> {
    link.check_network()?;
    link.options.check(endpoint).map_err(ConnectCause::Option)?;
    let proxy = link.options.proxy.clone();
    link.facts.proxy = proxy.as_ref().map(ToString::to_string);
    if let Some(proxy) = &proxy {
        proxy::check(proxy, endpoint)?;
    }
    Ok(proxy)
}

fn establish(
    link: &mut Link<Socket>,
    endpoint: &Endpoint,
) -> Result<(Established<Socket>, Transport), ConnectCause> {
    let proxy = prepare(link, endpoint)?;
    match endpoint {
        Endpoint::Tcp { port: 0, .. } | Endpoint::Tls { port: 0, .. } => Err(port_zero()),
        Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => {
            if let Some(proxy) = proxy {
                return proxy::establish(link, &proxy, host, *port);
            }
            let addresses = addresses_of(link, host, *port)?;
            race(link, &addresses)
        }
        Endpoint::Unix { path } => {
            let address = handle::unix_address(path).map_err(ConnectCause::Local)?;
            let socket = connect_unix(link, &address)?;
            Ok((Established { socket, fault: None }, Transport::Unix))
        }
        Endpoint::UnixAbstract { name } => {
            let address = handle::abstract_address(name).map_err(ConnectCause::Local)?;
            let socket = connect_unix(link, &address)?;
            Ok((Established { socket, fault: None }, Transport::Unix))
        }
    }
}

/// The addresses to try for a host: its own, if it is one, or those of its name.
pub(crate) fn addresses_of(
    link: &mut Link<Socket>,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, ConnectCause> {
    let addresses = if let Ok(ip) = host.parse::<IpAddr>() {
        vec![SocketAddr::new(ip, port)]
    } else {
        let addresses = match resolve::addresses(link, host, port) {
            Some(Ok(addresses)) => addresses,
            Some(Err(error)) => return Err(ConnectCause::Resolve(error)),
            None => return Err(out_of_time(link, Vec::new())),
        };
        link.facts.resolved = Some(link.now());
        link.observe(&Event::Resolved { addresses: &addresses });
        addresses
    };
    link.options.socket.suited(host, addresses).map_err(ConnectCause::Unsuited)
}

/// Whether the endpoint was written as this address, and not as a name.
fn is_written_as(endpoint: &Endpoint, tried: &Tried) -> bool {
    let Tried::Address(address) = tried else { return false };
    match endpoint {
        Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => {
            host.parse().is_ok_and(|ip| Address::from(SocketAddr::new(ip, *port)) == *address)
        }
        _ => endpoint.to_string() == address.to_string(),
    }
}

/// Ends a link that has no connection.
pub(crate) fn fail<H: handle::Handle>(
    mut link: Link<H>,
    endpoint: &Endpoint,
    cause: ConnectCause,
) -> ConnectError {
    let fault = connect_fault(&cause);
    link.facts.failure = match &cause {
        ConnectCause::TimedOut(attempts) => match &attempts[..] {
            [] => None,
            // Of an address that was written as such, "nothing answered" says it all.
            [one] if is_written_as(endpoint, &one.tried) => None,
            some => Some(list(some)),
        },
        ConnectCause::Interrupted => None,
        cause => Some(cause.to_string()),
    };
    match own_failure(&cause) {
        Some(code) => link.core.handle_local_failure(link.now(), LocalEnd::Socket, code),
        None => link.core.handle_connect_failed(link.now(), fault),
    }
    link.act();
    let report = link.report().expect("a connection that failed is closed by `act`").clone();
    ConnectError::new(endpoint.clone(), cause, report)
}

/// The error of our own system that says nothing about the peer, if that is the cause; with its number, if it has one.
///
/// Port 0 and a path that is too long are no such error: they have no number, and it is the endpoint that is wrong.
#[expect(clippy::option_option, reason = "whether it is our failure, and then its number")]
fn own_failure(cause: &ConnectCause) -> Option<Option<i32>> {
    match cause {
        ConnectCause::Local(error) => error.raw_os_error().map(Some),
        ConnectCause::Option(error) => Some(error.code()),
        ConnectCause::Proxy { error: ProxyError::Unreachable(cause), .. } => own_failure(cause),
        ConnectCause::Resolve(error) => own_number(error).map(Some),
        ConnectCause::Attempts(attempts) => attempts.iter().find_map(|a| own_number(&a.error)).map(Some),
        _ => None,
    }
}

/// The number of an error that says that our system has no descriptors or no memory left, or forbids sockets.
fn own_number(error: &io::Error) -> Option<i32> {
    if let Some(Forbidden(source)) = error.get_ref().and_then(|e| e.downcast_ref()) {
        return source.raw_os_error();
    }
    error.raw_os_error().filter(|_| os::is_exhausted(error))
}

/// The one fault that stands for all the attempts: a time-out only if every address timed out.
fn connect_fault(cause: &ConnectCause) -> Fault {
    let of = |error: &io::Error| fault(Call::Connect, error);
    let none = Fault { call: Call::Connect, kind: FaultKind::Other, code: None };
    match cause {
        ConnectCause::Attempts(attempts) => {
            let faults: Vec<Fault> = attempts.iter().map(|a| of(&a.error)).collect();
            let answered = faults.iter().find(|f| f.kind != FaultKind::TimedOut);
            answered.or(faults.last()).copied().unwrap_or(none)
        }
        ConnectCause::Local(error) => of(error),
        ConnectCause::Resolve(error) => {
            Fault { call: Call::Resolve, kind: FaultKind::Other, code: os_code(error) }
        }
        ConnectCause::Proxy { error: ProxyError::Unreachable(cause), .. } => connect_fault(cause),
        ConnectCause::Proxy { error: ProxyError::Io { call, error }, .. } => fault(*call, error),
        _ => none,
    }
}

/// The core has decided while connecting: the interrupt, or a timer.
pub(crate) fn out_of_time<H: handle::Handle>(link: &Link<H>, attempts: Vec<Attempt>) -> ConnectCause {
    match link.options.interrupt.as_ref().and_then(crate::Interrupt::raised) {
        Some(_) => ConnectCause::Interrupted,
        None => ConnectCause::TimedOut(attempts),
    }
}

struct Running {
    /// Which of the attempts it is.
    place: usize,
    socket: Socket,
}

pub(crate) fn race(
    link: &mut Link<Socket>,
    addresses: &[SocketAddr],
) -> Result<(Established<Socket>, Transport), ConnectCause> {
    let established = race_to_first(link, addresses)?;
    link.options.socket.check_source(&established.socket).map_err(ConnectCause::Option)?;
    let transport = transport(&established.socket, &link.options.socket);
    Ok((established, transport))
}

/// What a connected TCP socket speaks. Multipath TCP falls back to plain TCP without a word.
pub(crate) fn transport(socket: &Socket, options: &SocketOptions) -> Transport {
    if options.mptcp && os::is_multipath(&SockRef::from(socket)) { Transport::Mptcp } else { Transport::Tcp }
}

fn race_to_first(
    link: &mut Link<Socket>,
    addresses: &[SocketAddr],
) -> Result<Established<Socket>, ConnectCause> {
    let mut race = Race::new(addresses.len());
    let mut running: Vec<Running> = Vec::new();
    let mut tried: Vec<Attempt> = Vec::new();
    let mut is_new = false;
    loop {
        // A SYN with bytes that has just gone may be answered already, and then it is a connection that is interrupted.
        if !std::mem::take(&mut is_new) {
            link.tick();
            if link.core.is_decided() {
                return Err(out_of_time(link, tried));
            }
        }
        // What went with a SYN is with one peer only.
        let step = if link.syn_is_out() { RaceStep::Wait(None) } else { race.poll(link.now()) };
        let next_at = match step {
            RaceStep::Start(index) => {
                let place = note_begin(link, &mut tried, addresses[index]);
                match start(link, addresses[index], running.is_empty()) {
                    Ok(Started::Connected(established)) => return Ok(established),
                    Ok(Started::Running(socket)) => {
                        is_new = link.syn_is_out();
                        running.push(Running { place, socket });
                    }
                    Err(error) if OptionError::in_io(&error).is_some() => return Err(refused_option(error)),
                    Err(error) => note_failure(link, &mut race, &mut tried[place], error),
                }
                continue;
            }
            RaceStep::Lost => return Err(ConnectCause::Attempts(tried)),
            RaceStep::Wait(at) => at,
        };
        let until_next = next_at.map(|at| at.saturating_sub(link.now()));
        let timeout = [until_next, link.time_left()].into_iter().flatten().min();
        let mut watches: Vec<Watch<'_>> =
            running.iter().map(|r| Watch::connecting(r.socket.as_pollable())).collect();
        watches.push(Watch::readable(link.options.interrupt.as_ref().map(AsPollable::as_pollable)));
        os::wait(&mut watches, timeout).map_err(ConnectCause::Local)?;
        let ready: Vec<bool> = watches.iter().map(|w| w.ready.any).collect();
        drop(watches);
        // The last of `ready` is the interrupt's, which `tick` looks at.
        for (Running { place, socket }, is_ready) in std::mem::take(&mut running).into_iter().zip(ready) {
            if !is_ready {
                running.push(Running { place, socket });
                continue;
            }
            match finished(socket) {
                Ok(established) => {
                    link.facts.peer_address = tried.swap_remove(place).tried.into_address();
                    return Ok(established);
                }
                Err(error) => {
                    let is_last = link.is_last_attempt(&error);
                    note_failure(link, &mut race, &mut tried[place], error);
                    if is_last {
                        return Err(ConnectCause::Attempts(tried));
                    }
                }
            }
        }
    }
}

/// Notes that an address is tried: which of the attempts it is.
pub(crate) fn note_begin<H: handle::Handle>(
    link: &Link<H>,
    tried: &mut Vec<Attempt>,
    address: SocketAddr,
) -> usize {
    let address = Address::from(address);
    link.observe(&Event::Connecting { address: &address });
    tried.push(Attempt::begun(address));
    tried.len() - 1
}

pub(crate) fn note_failure<H: handle::Handle>(
    link: &Link<H>,
    race: &mut Race,
    attempt: &mut Attempt,
    error: io::Error,
) {
    if let Tried::Address(address) = &attempt.tried {
        link.observe(&Event::AttemptFailed { address, error: &error });
    }
    race.handle_failed(link.now());
    attempt.error = error;
}

pub(crate) enum Started {
    Connected(Established<Socket>),
    Running(Socket),
}

/// An option that one address cannot have, none can.
pub(crate) fn refused_option(error: io::Error) -> ConnectCause {
    match error.downcast() {
        Ok(option) => ConnectCause::Option(option),
        Err(error) => ConnectCause::Local(error),
    }
}

/// Begins an attempt. While it is `alone`, bytes may go with its SYN.
pub(crate) fn start<H: handle::Handle>(
    link: &mut Link<H>,
    address: SocketAddr,
    alone: bool,
) -> io::Result<Started> {
    let domain = Domain::for_address(address);
    let socket = link.options.socket.open(domain, Purpose::Connect).map_err(forbidden)?;
    let address = address.into();
    if alone && link.send_with_syn(&socket, &address)? {
        return Ok(Started::Running(socket));
    }
    match socket.connect(&address) {
        Ok(()) => finished(socket).map(Started::Connected),
        Err(error) if os::is_in_progress(&error) => Ok(Started::Running(socket)),
        Err(error) => Err(error),
    }
}

/// A socket that our own system forbids (a sandbox), in the shape of what [`own_failure`] recognises: the same
/// numbers from `connect` are about the address.
#[derive(Debug, thiserror::Error)]
#[error("a socket is forbidden here: {}", crate::describe_error(.0))]
struct Forbidden(#[source] io::Error);

fn forbidden(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied if OptionError::in_io(&error).is_none() => {
            io::Error::new(error.kind(), Forbidden(error))
        }
        _ => error,
    }
}

/// A connection, and the fault that has already come over it.
pub(crate) struct Established<S> {
    pub(crate) socket: S,
    pub(crate) fault: Option<Fault>,
}

/// Whether an attempt that is ready has connected.
///
/// A reset while connecting is told as ECONNREFUSED. So ECONNRESET says that there was a connection, and that the peer
/// has reset it before we looked.
pub(crate) fn finished(socket: Socket) -> io::Result<Established<Socket>> {
    if let Some(error) = socket.take_error()? {
        let fault = fault(Call::SocketError, &error);
        return match fault.kind {
            FaultKind::Reset | FaultKind::BrokenPipe => Ok(Established { socket, fault: Some(fault) }),
            _ => Err(error),
        };
    }
    if handle::is_connected_to_itself(&socket) {
        return Err(os::refused());
    }
    Ok(Established { socket, fault: None })
}

pub(crate) fn open_unix(options: &SocketOptions) -> Result<Socket, ConnectCause> {
    options.open(Domain::UNIX, Purpose::Connect).map_err(refused_option)
}

/// How long to wait before asking a Unix listener with a full backlog again: nothing tells when it has room.
pub(crate) const BACKLOG_PAUSE: Duration = Duration::from_millis(20);

fn connect_unix(link: &mut Link<Socket>, address: &SockAddr) -> Result<Socket, ConnectCause> {
    let name = handle::address_of(address);
    link.observe(&Event::Connecting { address: &name });
    let socket = open_unix(&link.options.socket)?;
    loop {
        link.tick();
        if link.core.is_decided() {
            return Err(out_of_time(link, Vec::new()));
        }
        match socket.connect(address) {
            Ok(()) => return Ok(socket),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let pause = link.time_left().map_or(BACKLOG_PAUSE, |left| left.min(BACKLOG_PAUSE));
                let mut watches =
                    [Watch::readable(link.options.interrupt.as_ref().map(AsPollable::as_pollable))];
                os::wait(&mut watches, Some(pause)).map_err(ConnectCause::Local)?;
            }
            Err(error) => {
                link.observe(&Event::AttemptFailed { address: &name, error: &error });
                return Err(ConnectCause::Attempts(vec![Attempt { tried: Tried::Address(name), error }]));
            }
        }
    }
}
