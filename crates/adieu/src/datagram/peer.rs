//! A socket of datagrams with one peer.

use super::open;
use super::session::Session;
use crate::connecting::end_without_connection;
use crate::error::{ConnectCause, ConnectError, EndpointError};
use crate::link::Link;
use crate::{Address, ConnectOptions, Endpoint, Role, Transport, os};
use socket2::{SockAddr, Socket};
use std::net::SocketAddr;
use std::path::Path;

/// A socket of datagrams that has one peer: what it sends goes there, and what others send is left aside.
///
/// It is no connection: the peer may know nothing of it. It is made by [`connect`] or [`Bound::accept`](super::Bound::accept), and
/// used up by an exchange or a [`Probe`](super::Probe). Dropped, it is closed, and nobody is told.
#[derive(Debug)]
pub struct Peer {
    pub(super) session: Session,
    /// Who it is. `None`: a client of a Unix socket that has no name, so it cannot be answered.
    pub(super) address: Option<SockAddr>,
    /// The datagram that it was found by, and whether that was longer than there was room for.
    pub(super) first: Option<(Vec<u8>, bool)>,
    /// Other addresses of the same name, for as long as nothing has come from this one.
    pub(super) others: Vec<SocketAddr>,
    /// How many datagrams of others were left aside before it came.
    pub(super) ignored: u64,
}

/// Makes a socket whose one peer is the endpoint: a UDP port, or a Unix socket of datagrams. Nothing is sent.
///
/// Of a name's addresses the first is taken that our system has a way to. Whether somebody receives there is told only after
/// something was sent.
///
/// Of the options, those for TLS, proxies and TCP are refused. Of the limits, the connect timeout bounds the name's resolution, and
/// [`Exchange`](super::Exchange) says what the others do. A Unix socket gets a name of its own, so that it can be answered; it
/// goes with the socket.
///
/// # Errors
///
/// - The endpoint is one of streams, or port 0 ([`EndpointError`]).
/// - The name was not found, or there is no way to any of its addresses; a Unix socket does not exist, is not one of datagrams, or
///   nobody receives there.
/// - An option cannot be had.
///
/// # Platforms
///
/// UDP everywhere. Unix sockets of datagrams on Unix: Windows has none.
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, Endpoint, datagram};
///
/// let peer = datagram::connect(&"udp://127.0.0.1:9".parse()?, &ConnectOptions::new())?;
/// assert!(peer.local_address().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Peer, ConnectError> {
    connect_by(endpoint, None, options)
}

/// As [`connect`] to a Unix socket, with this path as our own name, where answers come to: its file is made, and goes with the
/// socket. What stands there is treated as a [`Listener`](crate::Listener) does.
///
/// # Errors
///
/// As [`connect`]; the file cannot be made; or the endpoint is no Unix socket, of which
/// [`ConnectOptions::source`] says where it comes from.
///
/// # Platforms
///
/// Unix.
pub fn connect_from(
    endpoint: &Endpoint,
    own_path: &Path,
    options: &ConnectOptions,
) -> Result<Peer, ConnectError> {
    connect_by(endpoint, Some(own_path), options)
}

fn connect_by(
    endpoint: &Endpoint,
    own_path: Option<&Path>,
    options: &ConnectOptions,
) -> Result<Peer, ConnectError> {
    let mut link = Link::new(options.0.clone(), Some(Role::Connect), endpoint.to_string());
    match open_to(&mut link, endpoint, own_path) {
        Ok((socket, transport, name, others)) => {
            let mut session = Session::new(socket, transport, name, link.leave());
            let address = session.socket.peer_addr().ok();
            session.note_addresses();
            Ok(Peer { session, address, first: None, others, ignored: 0 })
        }
        Err(cause) => Err(end_without_connection(&mut link, endpoint, cause)),
    }
}

type Opened = (Socket, Transport, Option<os::SocketFile>, Vec<SocketAddr>);

fn open_to(
    link: &mut Link<Socket>,
    endpoint: &Endpoint,
    own_path: Option<&Path>,
) -> Result<Opened, ConnectCause> {
    link.check_network().map_err(ConnectCause::System)?;
    open::check(endpoint).map_err(ConnectCause::Endpoint)?;
    link.options.check_for_datagrams(endpoint).map_err(ConnectCause::Option)?;
    let name = match endpoint {
        Endpoint::Udp { host, .. } if host.is_empty() => {
            return Err(ConnectCause::Endpoint(EndpointError::NoHost));
        }
        Endpoint::Udp { port: 0, .. } => return Err(ConnectCause::Endpoint(EndpointError::PortZero)),
        Endpoint::Udp { .. } if own_path.is_some() => {
            return Err(ConnectCause::Endpoint(EndpointError::NoPath));
        }
        Endpoint::Udp { host, port } => {
            let addresses = open::find(link, host, *port)?;
            let (socket, next) = open::connect_to_one_of(link, &addresses)?;
            return Ok((socket, Transport::Udp, None, addresses[next..].to_vec()));
        }
        Endpoint::Unix { path } => os::unix_address(path),
        Endpoint::UnixAbstract { name } => os::abstract_address(name),
        _ => return Err(ConnectCause::Endpoint(EndpointError::Streams)),
    };
    let (socket, name) = open::connect_to_name(link, name, own_path)?;
    Ok((socket, Transport::UnixDatagram, name, Vec::new()))
}

impl Peer {
    /// Our address: where answers come to.
    pub fn local_address(&self) -> Option<&Address> {
        self.session.local_address()
    }

    /// The peer's address.
    pub fn peer_address(&self) -> Option<&Address> {
        self.session.left.facts.peer_address.as_ref()
    }

    /// What carries the datagrams.
    pub fn transport(&self) -> Transport {
        self.session.transport
    }
}
