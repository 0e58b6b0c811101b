//! Looking at what the peer sends first, before the connection's streams begin: octets that were received and that nobody was given
//! yet.
//!
//! They stand before everything that is still in our kernel, for the streams and for a carrier alike. The core hears of them when
//! they are received as bytes of the stream; those that were skipped are no part of it.

use super::Link;
use super::streams::{receive, receive_all};
use crate::handle::Handle;
use adieu_proto::Call;
use std::io;

/// How much is received ahead at once.
const PIECE: usize = 4096;

/// How much is received ahead of a relay: most requests are smaller.
#[cfg(feature = "tokio")]
const PIECE_OF_RELAY: usize = 1024;

/// How much is looked at in all: more than a header of the PROXY protocol or a ClientHello can be.
const MOST: usize = 128 * 1024;

/// What is found by a look at the octets that the peer sends first; see
/// [`Connection::look_ahead`](crate::Connection::look_ahead).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookAhead<T> {
    /// They do not tell yet: more must come.
    More,
    /// They tell.
    Found {
        /// How many octets are taken away: they stand before the stream, and are no part of it. 0: everything is still to be
        /// received.
        skip: usize,
        /// What they tell.
        value: T,
    },
}

/// Why a [look ahead](crate::Connection::look_ahead) found nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookAheadError {
    /// The peer ended its stream before. What came can still be received.
    #[error("the peer ended its stream before it had said enough")]
    Eof,
    /// The time was over before. What came can still be received.
    #[error("the peer did not say enough in time")]
    TimedOut,
    /// 128 KiB came, and they do not tell. They can still be received.
    #[error("the first 128 KiB that the peer sent do not say enough")]
    TooLong,
    /// Something was received from the connection, or its TLS handshake is made: it has begun.
    #[error("the connection's stream has begun")]
    HasBegun,
    /// The connection has ended otherwise: a reset, its deadline, an interrupt.
    #[error(transparent)]
    Ended(io::Error),
}

/// Octets that were received ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    octets: Vec<u8>,
    taken: usize,
    /// They are all that there was: see [`Link::trust_short_receives`].
    are_all: bool,
}

impl Ahead {
    fn rest(&self) -> &[u8] {
        &self.octets[self.taken..]
    }
}

/// What a try to look ahead came to.
pub(crate) enum Looked<T> {
    Found(T),
    /// Nothing more now.
    Blocked,
    Failed(LookAheadError),
}

impl<H: Handle> Link<H> {
    /// Looks at what has come ahead, and receives more until it tells or nothing more is there. `seen`: how many octets it was shown
    /// already, which is 0 at first.
    pub(crate) fn look_ahead<T>(
        &mut self,
        look: &mut impl FnMut(&[u8]) -> LookAhead<T>,
        seen: &mut usize,
    ) -> Looked<T> {
        let is_carried = !self.is_plain() && !self.is_handshaking();
        if self.core.counts().received > 0 || (is_carried && !self.core.is_decided()) {
            return Looked::Failed(LookAheadError::HasBegun);
        }
        loop {
            self.check_stop();
            self.act();
            if self.core.is_decided() || self.core.evidence().fault.is_some() {
                return Looked::Failed(LookAheadError::Ended(self.never_connected()));
            }
            let rest = self.ahead.as_deref().map_or(&[][..], Ahead::rest);
            let length = rest.len();
            if length > *seen {
                *seen = length;
                if let LookAhead::Found { skip, value } = look(rest) {
                    self.skip_ahead(skip.min(length));
                    return Looked::Found(value);
                }
                if length >= MOST {
                    return Looked::Failed(LookAheadError::TooLong);
                }
            }
            match self.receive_ahead(PIECE) {
                Ok(0) => return Looked::Failed(LookAheadError::Eof),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Looked::Blocked,
                // It is told once, so the core hears of it now.
                Err(error) if self.is_handshaking() => self.handshake_reset(Call::Receive, &error),
                Err(error) => self.fault(Call::Receive, &error),
            }
        }
    }

    /// Before a relay begins: receives what the peer has said by now, which the relay then receives first. True: it has said
    /// something.
    #[cfg(feature = "tokio")]
    pub(crate) fn receive_ahead_of_relay(&mut self) -> bool {
        if self.is_straight() && self.core.wants().receive && self.core.evidence().fault.is_none() {
            self.trust_short_receives(true);
            match self.receive_ahead(PIECE_OF_RELAY) {
                // Its end is received again.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It is told once, so the core hears of it now.
                Err(error) => self.fault(Call::Receive, &error),
            }
        }
        self.holds_ahead()
    }

    fn receive_ahead(&mut self, most: usize) -> io::Result<usize> {
        let Some(handle) = &self.handle else { return Err(io::ErrorKind::NotConnected.into()) };
        let trusts_short = self.trusts_short;
        let ahead = self.ahead.get_or_insert_default();
        let length = ahead.octets.len();
        ahead.octets.resize(length + most, 0);
        let room = &mut ahead.octets[length..];
        let result = if trusts_short {
            receive_all(handle, room).map(|(n, are_all)| {
                ahead.are_all = are_all;
                n
            })
        } else {
            receive(handle, room)
        };
        ahead.octets.truncate(length + *result.as_ref().unwrap_or(&0));
        if ahead.rest().is_empty() {
            self.ahead = None;
        }
        result
    }

    /// Whether octets were received that nobody was given.
    pub(crate) fn holds_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Whether what is received next is what the socket has next: nothing carries the streams, and nothing was received ahead.
    pub(crate) fn is_straight(&self) -> bool {
        self.is_plain() && !self.holds_ahead()
    }

    /// Gives the octets that were received ahead, as far as there is room. `None`: there are none. True: they are all that there was.
    #[inline]
    pub(super) fn take_ahead(&mut self, room: &mut [u8]) -> Option<(usize, bool)> {
        let ahead = self.ahead.as_deref()?;
        let (rest, are_all) = (ahead.rest(), ahead.are_all);
        let n = rest.len().min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        self.skip_ahead(n);
        Some((n, are_all && !self.holds_ahead()))
    }

    fn skip_ahead(&mut self, n: usize) {
        if let Some(ahead) = &mut self.ahead {
            ahead.taken += n;
            if ahead.rest().is_empty() {
                self.ahead = None;
            }
        }
    }
}
