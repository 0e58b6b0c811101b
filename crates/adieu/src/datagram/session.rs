//! A socket of datagrams with what its exchange has from its beginning: its options, its clock, and what is known of it.

use crate::handle::address_of;
use crate::link::Left;
use crate::os::{self, AsPollable, Watch};
use crate::{Address, Event, Signal, Transport};
use adieu_proto::FaultKind;
use socket2::{SockAddr, SockRef, Socket};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// More than Linux lets a Unix socket send by default.
const UNIX_ROOM: usize = 256 * 1024;

/// The size of the buffer for what is received.
pub(super) fn room_for(transport: Transport) -> usize {
    if transport == Transport::UnixDatagram { UNIX_ROOM } else { os::UDP_ROOM }
}

/// Whether an error says that something did not get to where it was sent, and not that our own system failed.
pub(super) fn is_of_the_way(error: &io::Error) -> bool {
    os::is_refusal(error) || os::fault_kind(error) == FaultKind::Unreachable
}

/// Whether something can be sent back to an address: a Unix socket may have no name, and port 0 of UDP says that nothing is expected
/// (RFC 768).
pub(super) fn can_be_answered(from: &SockAddr) -> bool {
    address_of(from).is_named() && from.as_socket().is_none_or(|at| at.port() != 0)
}

pub(super) struct Session {
    /// Before the socket in order: nobody is to take the name of a socket that is closed already.
    _name: Option<os::SocketFile>,
    pub(super) socket: Socket,
    pub(super) transport: Transport,
    /// After it: the network is given back last.
    pub(super) left: Left,
}

impl Session {
    pub(super) fn new(
        socket: Socket,
        transport: Transport,
        name: Option<os::SocketFile>,
        mut left: Left,
    ) -> Self {
        left.facts.transport = Some(transport);
        left.facts.local_address = socket.local_addr().ok().as_ref().map(address_of);
        Self { _name: name, socket, transport, left }
    }

    /// The socket has a peer, or is another one.
    pub(super) fn note_addresses(&mut self) {
        self.left.facts.local_address = self.socket.local_addr().ok().as_ref().map(address_of);
        self.left.facts.peer_address = self.socket.peer_addr().ok().as_ref().map(address_of);
        let facts = &self.left.facts;
        self.observe(&Event::Connected {
            local: facts.local_address.as_ref(),
            peer: facts.peer_address.as_ref(),
        });
    }

    pub(super) fn sock(&self) -> SockRef<'_> {
        SockRef::from(&self.socket)
    }

    pub(super) fn local_address(&self) -> Option<&Address> {
        self.left.facts.local_address.as_ref()
    }

    /// The time since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.left.start.elapsed()
    }

    /// It begins now: an exchange with somebody who has come.
    pub(super) fn begin_anew(&mut self) {
        self.left.start = Instant::now();
        self.left.facts.began = std::time::SystemTime::now();
        self.left.options.begin(self.left.start);
    }

    /// What was told of datagrams that did not arrive, besides what calls tell: how many, and the first. Not what our own system
    /// did not send, which the call has told.
    pub(super) fn undelivered(&self) -> (u64, Option<io::Error>) {
        let (mut number, mut first) = (0, None);
        while let Some(told) = os::next_undelivered(&self.sock()) {
            if !told.by_us {
                number += 1;
                first.get_or_insert(told.error);
            }
        }
        (number, first)
    }

    pub(super) fn observe(&self, event: &Event<'_>) {
        if let Some(observer) = &self.left.options.observer {
            observer(self.now(), event);
        }
    }

    pub(super) fn raised(&self) -> Option<Signal> {
        self.left.options.interrupt.as_ref().and_then(crate::Interrupt::raised)
    }

    pub(super) fn watch_interrupt(&self) -> Watch<'_> {
        Watch::readable(self.left.options.interrupt.as_ref().map(AsPollable::as_pollable))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("transport", &self.transport)
            .field("local", &self.left.facts.local_address)
            .field("peer", &self.left.facts.peer_address)
            .finish_non_exhaustive()
    }
}
