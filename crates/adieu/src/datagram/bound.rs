//! A socket of datagrams that anybody may send to.

use super::open;
use super::peer::Peer;
use super::session::{Session, can_be_answered, is_of_the_way, room_for};
use crate::endpoint::host_of;
use crate::error::{ConnectCause, EndpointError, ListenCause, ListenError, ResolveError};
use crate::handle::address_of;
use crate::link::Link;
use crate::listening::{Filter, TURNED_AWAY_AT_A_TIME, bound_everywhere};
use crate::options::{OpenError, Purpose};
use crate::os::{self, Arrived, AsPollable, Watch};
use crate::{Address, Endpoint, Event, ListenOptions, Role, Transport, system_error};
use socket2::{Domain, SockAddr, Socket};
use std::io;
use std::time::{Duration, Instant};

/// A socket of datagrams that anybody may send to: what a listener is to connections.
///
/// # Examples
///
/// ```
/// use adieu::exchange::{Input, Output};
/// use adieu::{Endpoint, ListenOptions, datagram};
/// use std::time::Duration;
///
/// let bound = datagram::Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new())?;
/// let address = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
/// std::net::UdpSocket::bind("127.0.0.1:0")?.send_to(b"news", address)?;
///
/// let peer = bound.accept()?;
/// let (output, received) = Output::to_vec(1 << 20);
/// let terms = datagram::Exchange::new().silence(Duration::from_millis(50));
/// let report = terms.run(peer, Input::empty(), output);
/// assert_eq!(received.into_vec(), b"news");
/// assert!(report.is_good(), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Bound {
    session: Session,
    filter: Option<Filter>,
    endpoint: Endpoint,
}

impl Bound {
    /// Binds to a UDP port, or to the name of a Unix socket of datagrams.
    ///
    /// Of the options, those for TLS and TCP are refused.
    ///
    /// # Errors
    ///
    /// - The endpoint is one of streams ([`EndpointError::Streams`]).
    /// - The name was not found, or the port is taken.
    /// - An option cannot be had.
    ///
    /// # Platforms
    ///
    /// UDP everywhere. Unix sockets of datagrams on Unix: Windows has none.
    pub fn bind(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, ListenError> {
        let mut link = Link::new(options.0.clone(), Some(Role::Listen), endpoint.to_string());
        let (socket, transport, name) =
            bind(&mut link, endpoint).map_err(|cause| ListenError::new(endpoint, cause))?;
        let mut session = Session::new(socket, transport, name, link.leave());
        let endpoint = match (endpoint, session.local_address()) {
            // A zone as it was written: its name says more than its number.
            (Endpoint::Udp { host, .. }, Some(Address::Socket(at))) if host.contains('%') => {
                Endpoint::udp(host, at.port())
            }
            (_, Some(Address::Socket(at))) => Endpoint::udp(host_of(*at), at.port()),
            _ => endpoint.clone(),
        };
        session.left.facts.endpoint = endpoint.to_string().into();
        Ok(Self { session, filter: None, endpoint })
    }

    /// The same, which takes only what comes from addresses that `lets_in` is true for. The rest is left aside, and its senders are
    /// told nothing. `lets_in` is called on the thread that receives, so it should not block.
    ///
    /// # Examples
    ///
    /// ```
    /// use adieu::{Endpoint, ListenOptions, datagram};
    ///
    /// let bound = datagram::Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new())?;
    /// let bound = bound.with_filter(|from| from.socket_addr().is_some_and(|at| at.ip().is_loopback()));
    /// # Ok::<(), adieu::ListenError>(())
    /// ```
    #[must_use]
    pub fn with_filter(self, lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        Self { filter: Some(Filter::by(lets_in)), ..self }
    }

    /// Where it receives, with the port that the system chose.
    pub fn local_endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its address.
    pub fn local_address(&self) -> Option<&Address> {
        self.session.local_address()
    }

    /// Waits until somebody sends a datagram, and takes him for the one peer: from then on others are left aside. The datagram is
    /// the first of the exchange, whose time counts from here.
    ///
    /// # Errors
    ///
    /// The system could not receive, or the interrupt was raised.
    pub fn accept(self) -> Result<Peer, ListenError> {
        match self.accept_within(None)? {
            Some(peer) => Ok(peer),
            None => unreachable!("without a limit somebody has come"),
        }
    }

    /// Accepts as [`accept`](Self::accept) does, and waits at most for `limit`; without one, for ever. `Ok(None)`: nobody sent
    /// anything by then, and the socket is closed.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn accept_within(self, limit: impl Into<Option<Duration>>) -> Result<Option<Peer>, ListenError> {
        let limit = limit.into();
        let began = Instant::now();
        let fail = |error: &io::Error| {
            ListenError::new(&self.endpoint, ListenCause::Accept(system_error::of(error)))
        };
        let mut room = vec![0; room_for(self.session.transport)];
        let mut ignored: u64 = 0;
        loop {
            if self.session.raised().is_some() {
                return Err(ListenError::new(&self.endpoint, ListenCause::Interrupted));
            }
            match os::receive_datagram(&self.session.sock(), &mut room) {
                Ok(arrived) if self.filter.as_ref().is_some_and(|filter| !filter.lets_in(&arrived.from)) => {
                    ignored += 1;
                    // However many come, the time is looked at.
                    if !ignored.is_multiple_of(TURNED_AWAY_AT_A_TIME as u64) {
                        continue;
                    }
                }
                Ok(arrived) => {
                    room.truncate(arrived.length);
                    return self.taken(arrived, room, ignored).map(Some);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted || is_of_the_way(&error) => {
                    continue;
                }
                Err(error) => return Err(fail(&error)),
            }
            let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            let mut watches =
                [Watch::readable(Some(self.session.socket.as_pollable())), self.session.watch_interrupt()];
            os::wait(&mut watches, left).map_err(|error| fail(&error))?;
        }
    }

    pub(super) fn into_parts(self) -> (Session, Option<Filter>) {
        (self.session, self.filter)
    }

    /// Whoever sent this datagram is the peer.
    fn taken(mut self, arrived: Arrived, datagram: Vec<u8>, ignored: u64) -> Result<Peer, ListenError> {
        let from = address_of(&arrived.from);
        let address = Some(arrived.from).filter(can_be_answered);
        if let Some(address) = &address {
            self.session.socket.connect(address).map_err(|error| {
                ListenError::new(&self.endpoint, ListenCause::Accept(system_error::of(&error)))
            })?;
        }
        self.session.begin_anew();
        let facts = &mut self.session.left.facts;
        facts.peer_address = Some(from);
        if let Ok(local) = self.session.socket.local_addr() {
            // On any address, the one that the peer reached is known from here on.
            facts.local_address = Some(address_of(&local));
        }
        let facts = &self.session.left.facts;
        self.session.observe(&Event::Connected {
            local: facts.local_address.as_ref(),
            peer: facts.peer_address.as_ref(),
        });
        let first = Some((datagram, arrived.is_cut));
        Ok(Peer { session: self.session, address, first, others: Vec::new(), ignored })
    }
}

type Opened = (Socket, Transport, Option<os::SocketFile>);

fn bind(link: &mut Link<Socket>, endpoint: &Endpoint) -> Result<Opened, ListenCause> {
    link.check_network().map_err(ListenCause::Listen)?;
    open::check(endpoint).map_err(ListenCause::Endpoint)?;
    link.options.check_for_datagrams(endpoint).map_err(ListenCause::Option)?;
    let unbound = |error| match error {
        OpenError::Option(error) => ListenCause::Option(error),
        OpenError::System(error) => ListenCause::Listen(system_error::of(&error)),
    };
    let unix_name = |e: io::Error| ListenCause::Endpoint(EndpointError::UnixName(system_error::of(&e)));
    match endpoint {
        Endpoint::Udp { host, port } if host.is_empty() => {
            let version = link.options.socket.ip_version;
            let bound = bound_everywhere(*port, version, |domain, address, is_for_both| {
                bind_to(link, domain, address, is_for_both)
            });
            Ok((bound.map_err(unbound)?, Transport::Udp, None))
        }
        Endpoint::Udp { host, port } => {
            let addresses = open::find(link, host, *port).map_err(not_found)?;
            let mut last = OpenError::System(io::ErrorKind::AddrNotAvailable.into());
            for address in addresses {
                match bind_to(link, Domain::for_address(address), &address.into(), false) {
                    Ok(socket) => return Ok((socket, Transport::Udp, None)),
                    Err(error) => last = error,
                }
            }
            Err(unbound(last))
        }
        Endpoint::Unix { path } => {
            os::unix_address(path).map_err(unix_name)?;
            let socket =
                link.options.socket.open_for_datagrams(Domain::UNIX, Purpose::Listen).map_err(unbound)?;
            let file = os::bind_at(&socket, path)
                .map_err(|error| ListenCause::Listen(system_error::of_listen_at(&error)))?;
            Ok((open::prepared(socket, &link.options.socket, false), Transport::UnixDatagram, Some(file)))
        }
        Endpoint::UnixAbstract { name } => {
            let address = os::abstract_address(name).map_err(unix_name)?;
            let socket = bind_to(link, Domain::UNIX, &address, false).map_err(unbound)?;
            Ok((socket, Transport::UnixDatagram, None))
        }
        _ => Err(ListenCause::Endpoint(EndpointError::Streams)),
    }
}

/// Why the addresses of a host to bind to are not known.
fn not_found(cause: ConnectCause) -> ListenCause {
    match cause {
        ConnectCause::Resolve(error) => ListenCause::Resolve(error),
        ConnectCause::Unsuited(error) => ListenCause::Unsuited(error),
        ConnectCause::System(error) => ListenCause::Listen(error),
        ConnectCause::TimedOut(_) => {
            ListenCause::Resolve(ResolveError::of_system(&io::ErrorKind::TimedOut.into()))
        }
        _ => ListenCause::Interrupted,
    }
}

/// `is_for_both`: a socket of IPv6 receives over IPv4 too.
fn bind_to(
    link: &Link<Socket>,
    domain: Domain,
    address: &SockAddr,
    is_for_both: bool,
) -> Result<Socket, OpenError> {
    let asked = &link.options.socket;
    let socket = asked.open_for_datagrams(domain, Purpose::Listen)?;
    if is_for_both {
        socket.set_only_v6(false)?;
    }
    socket.bind(address)?;
    Ok(open::prepared(socket, asked, domain != Domain::UNIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_that_takes_too_long_is_no_interrupt() {
        let cause = not_found(ConnectCause::TimedOut(Vec::new()));
        assert!(matches!(&cause, ListenCause::Resolve(_)), "{cause:?}");
        assert_eq!(cause.to_string(), "timed out");
        assert!(matches!(not_found(ConnectCause::Interrupted), ListenCause::Interrupted));
    }
}
