//! Connecting to a Unix socket, whose listener may have a full backlog.

use crate::error::{Attempt, AttemptError, ConnectCause, EndpointError, Tried};
use crate::handle::{self, Opened};
use crate::link::{Established, Link};
use crate::options::{OpenError, Purpose};
use crate::system_error;
use crate::{Address, Event};
use adieu_proto::Time;
use socket2::{Domain, SockAddr, Socket};
use std::io;
use std::time::Duration;

/// How long to wait before a listener with a full backlog is asked again: nothing tells when it has room.
const BACKLOG_PAUSE: Duration = Duration::from_millis(20);

/// An attempt to connect to a Unix socket.
pub(super) struct Knocking {
    socket: Socket,
    /// It takes 256 octets on OpenBSD.
    address: Box<SockAddr>,
    name: Address,
    /// When it is asked again.
    pub(super) next_at: Option<Time>,
}

/// What an attempt came to.
pub(super) enum Knocked<H> {
    Connected(Established<H>),
    BacklogFull(Knocking),
}

impl Knocking {
    /// Opens the socket for an address.
    pub(super) fn new<H: Opened>(
        link: &Link<H>,
        address: io::Result<SockAddr>,
    ) -> Result<Self, ConnectCause> {
        let address = address
            .map_err(|error| ConnectCause::Endpoint(EndpointError::UnixName(system_error::of(&error))))?;
        let name = handle::address_of(&address);
        link.observe(&Event::Connecting { address: &name });
        let socket =
            link.options.socket.open(Domain::UNIX, Purpose::Connect).map_err(|error| match error {
                OpenError::Option(error) => ConnectCause::Option(error),
                OpenError::System(error) => ConnectCause::System(system_error::of(&error)),
            })?;
        Ok(Self { socket, address: Box::new(address), name, next_at: None })
    }

    /// Connects, if the listener has room.
    pub(super) fn knock<H: Opened>(mut self, link: &Link<H>) -> Result<Knocked<H>, ConnectCause> {
        if self.next_at.is_some_and(|at| link.now() < at) {
            return Ok(Knocked::BacklogFull(self));
        }
        match self.socket.connect(&self.address) {
            Ok(()) => {
                let socket = H::from_socket(self.socket, false)
                    .map_err(|error| ConnectCause::System(system_error::of(&error)))?;
                Ok(Knocked::Connected(Established::new(socket)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.next_at = Some(link.now() + BACKLOG_PAUSE);
                Ok(Knocked::BacklogFull(self))
            }
            Err(error) => {
                let error = AttemptError::of(&error);
                link.observe(&Event::AttemptFailed { address: &self.name, error: &error });
                Err(ConnectCause::Attempts(vec![Attempt { tried: Tried::Address(self.name), error }]))
            }
        }
    }
}
