//! Opens sockets for datagrams, and resolves the addresses that they send to.

use crate::connecting::{Alarm, Lookup, out_of_time};
use crate::error::{Attempt, AttemptError, ConnectCause, EndpointError};
use crate::link::Link;
use crate::options::{OpenError, Purpose, SocketOptions};
use crate::os::{self, AsPollable, Watch};
use crate::{Address, Endpoint, Event, system_error};
use socket2::{Domain, SockAddr, SockRef, Socket};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// The addresses of a host: its own, if it is one, or those of its name.
pub(super) fn find(link: &mut Link<Socket>, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectCause> {
    let found = match (host.parse::<IpAddr>(), link.options.addresses_with(port)) {
        (Ok(ip), _) => vec![SocketAddr::new(ip, port)],
        (_, Some(addresses)) => addresses,
        _ => look_up(link, host, port)?,
    };
    link.options.socket.suited(host, found).map_err(ConnectCause::Unsuited)
}

fn look_up(link: &mut Link<Socket>, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectCause> {
    let lookup = Lookup::start(host, port).map_err(ConnectCause::Resolve)?;
    loop {
        if let Poll::Ready(answer) = lookup.poll() {
            let addresses = answer.map_err(ConnectCause::Resolve)?;
            link.facts.resolved = Some(link.now());
            link.observe(&Event::Resolved { addresses: &addresses });
            return Ok(addresses);
        }
        link.tick();
        if link.core.is_decided() {
            return Err(out_of_time(link, Vec::new()));
        }
        wait_for(link, &lookup).map_err(|error| ConnectCause::System(system_error::of(&error)))?;
    }
}

fn wait_for(link: &Link<Socket>, lookup: &Lookup) -> io::Result<()> {
    let alarm = Arc::new(Alarm(os::Waker::new()?));
    if lookup.wake(&Waker::from(Arc::clone(&alarm))) {
        return Ok(());
    }
    let interrupt = Watch::readable(link.interrupt().map(AsPollable::as_pollable));
    os::wait(&mut [Watch::readable(Some(alarm.0.as_pollable())), interrupt], link.time_left())
}

/// A socket that leads to the first of these addresses that the system takes, and the addresses after it.
pub(super) fn connect_to_one_of(
    link: &Link<Socket>,
    addresses: &[SocketAddr],
) -> Result<(Socket, usize), ConnectCause> {
    let mut attempts = Vec::new();
    for (place, address) in addresses.iter().enumerate() {
        let shown = Address::from(*address);
        link.observe(&Event::Connecting { address: &shown });
        let error = match connected(&link.options.socket, *address) {
            Ok(socket) => return Ok((socket, place + 1)),
            Err(NotConnected::Option(error)) => return Err(ConnectCause::Option(error)),
            Err(NotConnected::Attempt(error)) => error,
        };
        link.observe(&Event::AttemptFailed { address: &shown, error: &error });
        let mut attempt = Attempt::begun(shown);
        attempt.error = error;
        attempts.push(attempt);
    }
    Err(ConnectCause::Attempts(attempts))
}

pub(super) enum NotConnected {
    Option(crate::OptionError),
    Attempt(AttemptError),
}

/// A socket that leads to this address.
pub(super) fn connected(asked: &SocketOptions, address: SocketAddr) -> Result<Socket, NotConnected> {
    let domain = Domain::for_address(address);
    let socket = asked.open_for_datagrams(domain, Purpose::Connect).map_err(|error| match error {
        OpenError::Option(error) => NotConnected::Option(error),
        OpenError::System(error) => NotConnected::Attempt(AttemptError::of_socket(&error)),
    })?;
    let of_address = |error: io::Error| NotConnected::Attempt(AttemptError::of(&error));
    socket.connect(&address.into()).map_err(of_address)?;
    asked.check_source(&SockRef::from(&socket)).map_err(NotConnected::Option)?;
    Ok(prepared(socket, asked, true))
}

/// A Unix socket of datagrams that leads to this address, with a name of its own: whoever has none cannot be answered.
pub(super) fn connect_to_name(
    link: &Link<Socket>,
    address: io::Result<SockAddr>,
    own_path: Option<&Path>,
) -> Result<(Socket, Option<os::SocketFile>), ConnectCause> {
    let unix_name =
        |error: io::Error| ConnectCause::Endpoint(EndpointError::UnixName(system_error::of(&error)));
    let address = address.map_err(unix_name)?;
    let system = |error: &io::Error| ConnectCause::System(system_error::of(error));
    let asked = &link.options.socket;
    let socket = asked.open_for_datagrams(Domain::UNIX, Purpose::Connect).map_err(|error| match error {
        OpenError::Option(error) => ConnectCause::Option(error),
        OpenError::System(error) => system(&error),
    })?;
    let name = match own_path {
        None => os::bind_to_own_name(&socket).map_err(|e| system(&e))?,
        Some(path) => {
            os::unix_address(path).map_err(unix_name)?;
            let bound = os::bind_at(&socket, path);
            Some(bound.map_err(|error| ConnectCause::System(system_error::of_listen_at(&error)))?)
        }
    };
    let shown = crate::handle::address_of(&address);
    link.observe(&Event::Connecting { address: &shown });
    if let Err(error) = socket.connect(&address) {
        let error = AttemptError::of(&error);
        link.observe(&Event::AttemptFailed { address: &shown, error: &error });
        let mut attempt = Attempt::begun(shown);
        attempt.error = error;
        return Err(ConnectCause::Attempts(vec![attempt]));
    }
    Ok((prepared(socket, asked, false), name))
}

/// Sets what every socket of datagrams has that was not asked for otherwise. What a system refuses costs nothing; and a buffer that
/// the program may have chosen itself is left as it is.
pub(super) fn prepared(socket: Socket, asked: &SocketOptions, is_udp: bool) -> Socket {
    if asked.receive_buffer.is_none() && asked.prepare.is_none() {
        os::widen_receive_buffer(&SockRef::from(&socket));
    }
    if is_udp {
        os::keep_undelivered(&SockRef::from(&socket));
    }
    socket
}

/// What is no endpoint of datagrams.
pub(super) fn check(endpoint: &Endpoint) -> Result<(), EndpointError> {
    match endpoint {
        Endpoint::Udp { .. } | Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. } => Ok(()),
        Endpoint::Tcp { .. } | Endpoint::Tls { .. } | Endpoint::Passed { .. } => Err(EndpointError::Streams),
    }
}
