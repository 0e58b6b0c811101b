//! TCP Fast Open on the side that connects: the first bytes of a link go with its SYN.
//!
//! With `TCP_FASTOPEN_CONNECT`, Linux claims a connection before the peer has answered. `sendto` with `MSG_FASTOPEN`
//! does not: it sends the SYN at once and says how many bytes went along, and the socket is writable when the peer has
//! answered, as after `connect`. So everything above stays as it is; only these rules are added:
//!
//! - Bytes go with a SYN only while no other attempt is under way, and until it is answered no other begins. The same
//!   bytes are so never with two peers at once. Without a cookie nothing goes along, and then it is a race as ever.
//! - After an answer that is no connection, the next address is tried, with the bytes. After silence none is: the
//!   peer's program may have them.
//!
//! When a SYN is sent is for connecting to say, not for this module.

use super::Link;
use crate::carrier::Carrier;
use crate::handle::Handle;
use crate::{Endpoint, Event, FastOpen, OptionError, os};
use adieu_proto::{FaultKind, LocalEnd, Time};
use socket2::{SockAddr, Socket};
use std::io;

/// What may go with a SYN, and what has gone.
#[derive(Default)]
pub(crate) struct Syn {
    data: Vec<u8>,
    /// How much of it went with the SYN that is not answered yet, or that the connection began with, and when.
    gone: Option<(usize, Time)>,
    /// The session whose first flight the data is.
    pub(crate) session: Option<crate::tls::Session>,
}

impl<H: Handle> Link<H> {
    /// The connection is to begin with these bytes.
    pub(crate) fn offer(&mut self, endpoint: &Endpoint, first: &[u8]) -> Result<(), OptionError> {
        self.core.handle_input(first.len() as u64);
        self.options.check_fast_open(endpoint)?;
        if self.options.preface.is_some() {
            // It would have to go first.
            self.facts.rare_mut().fast_open = Some(FastOpen::Unused);
            return Ok(());
        }
        let mut syn = Syn { data: first.to_vec(), ..Syn::default() };
        if let Some(tls) = &self.options.tls {
            // A session that cannot be had is told when there is a connection, as without Fast Open.
            syn.session = tls.session(endpoint.host()).and_then(Result::ok);
            syn.data = syn.session.as_mut().map_or_else(Vec::new, |session| {
                session.handshake();
                session.unsent().to_vec()
            });
        }
        self.facts.rare_mut().fast_open =
            Some(if syn.data.is_empty() { FastOpen::Unused } else { FastOpen::NotSent });
        self.syn = Some(Box::new(syn));
        Ok(())
    }

    /// Connects by a SYN that takes bytes along, if there are any and our system allows it. False: it has to be connected
    /// in the ordinary way.
    pub(crate) fn send_with_syn(&mut self, socket: &Socket, address: &SockAddr) -> io::Result<bool> {
        let at = self.now();
        let Some(syn) = self.syn.as_mut().filter(|syn| !syn.data.is_empty()) else { return Ok(false) };
        let taken = os::send_with_syn(socket, address, &syn.data)?;
        syn.gone = taken.filter(|taken| *taken > 0).map(|taken| (taken, at));
        self.facts.rare_mut().fast_open = Some(match taken {
            None => FastOpen::Unavailable,
            Some(0) => FastOpen::NotSent,
            Some(taken) => FastOpen::Unanswered { bytes: taken as u64 },
        });
        Ok(taken.is_some())
    }

    /// Whether bytes went with a SYN that is not answered yet.
    pub(crate) fn syn_is_out(&self) -> bool {
        self.syn.as_ref().is_some_and(|syn| syn.gone.is_some())
    }

    /// An attempt has failed. True: the peer's program may have the bytes all the same, so no other may be sent them.
    pub(crate) fn is_last_attempt(&mut self, error: &io::Error) -> bool {
        let Some((bytes, _)) = self.syn.as_mut().and_then(|syn| syn.gone.take()) else { return false };
        if os::fault_kind(error) == FaultKind::TimedOut {
            return true;
        }
        self.facts.rare_mut().fast_open = Some(FastOpen::NotAcknowledged { bytes: bytes as u64 });
        false
    }

    /// The peer has answered: what of our SYN's bytes it acknowledged. Returns how many had gone, and when.
    pub(crate) fn note_fast_open(&mut self) -> Option<(usize, Time)> {
        let gone = self.syn.as_ref().and_then(|syn| syn.gone);
        let outcome = match gone.map(|(bytes, _)| bytes as u64) {
            None => self.facts.rare().fast_open?,
            Some(bytes) if self.handle.as_ref().is_some_and(|h| os::syn_data_acknowledged(&h.socket())) => {
                FastOpen::Acknowledged { bytes }
            }
            Some(bytes) => FastOpen::NotAcknowledged { bytes },
        };
        self.facts.rare_mut().fast_open = Some(outcome);
        self.observe(&Event::FastOpen { outcome });
        gone
    }

    /// What of the first bytes our kernel has not taken.
    pub(crate) fn unaccepted<'a>(&self, first: &'a [u8]) -> &'a [u8] {
        let accepted = usize::try_from(self.core.counts().accepted).unwrap_or(usize::MAX);
        first.get(accepted..).unwrap_or_default()
    }

    /// A write of the first bytes has failed: the core knows why, but for a wait that cannot be had.
    pub(crate) fn cannot_go_on(&mut self, error: &io::Error) {
        if self.core.evidence().fault.is_none() && !self.core.is_decided() {
            self.local_failure(LocalEnd::Socket, error);
            self.act();
        }
    }
}
