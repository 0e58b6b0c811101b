//! Receiving and sending, without blocking: what a call came to is told to the core.
//!
//! A link with a carrier goes another way, which is in `carried`; each of the calls here looks for that first.

use super::Link;
use crate::handle::{Handle, Readiness};
use crate::os;
use crate::{Event, Transport};
use adieu_proto::{Call, Fault, FaultKind, Time};
use socket2::SockRef;
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;

/// How many buffers one call takes at most: IOV_MAX of Linux, the BSDs and macOS. Windows has no such limit.
const MOST_BUFFERS: usize = 1024;

/// What a non-blocking receive or send came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Blocked,
    /// Nothing any more: EOF, or a fault the core has been told.
    Ended,
}

impl<H: Handle> Link<H> {
    /// Receives into `buffer`, without blocking.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Moved {
        if !self.is_plain() {
            return self.receive_carried(buffer);
        }
        if !self.core.wants().receive {
            return Moved::Ended;
        }
        if self.handle.is_none() {
            return Moved::Ended;
        }
        match self.receive_plain(buffer) {
            Ok(n) if n > 0 => {
                self.received(n as u64);
                if self.core.counts().received == n as u64 {
                    let begins =
                        if self.is_listening() { begins_as_tls_client } else { begins_as_tls_server };
                    self.facts.received_tls = begins(&buffer[..n]);
                }
                Moved::Bytes(n)
            }
            other => self.received_nothing(other.map(drop)),
        }
    }

    /// Takes what was received ahead, or receives from the socket.
    fn receive_plain(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_emptied = false;
        if let Some((n, are_all)) = self.take_ahead(buffer) {
            self.is_emptied = are_all && self.trusts_short;
            return Ok(n);
        }
        let Some(handle) = &self.handle else { return Err(io::ErrorKind::NotConnected.into()) };
        if !self.trusts_short {
            return receive(handle, buffer);
        }
        let (n, is_emptied) = receive_all(handle, buffer)?;
        self.is_emptied = is_emptied;
        Ok(n)
    }

    /// From now on, or no longer: a receive from a TCP socket that has not filled its room counts as one that finds nothing would.
    /// What comes later makes the socket ready anew, so the call that would find nothing is spared.
    ///
    /// There is one thing that this misses: a receive ends before an urgent byte too, and what stands behind that was there
    /// already. So whoever asks for this asks the socket anew after a bounded time, and has no need of it then.
    ///
    /// Source: epoll(7), question 9; `tcp_recvmsg_locked` of Linux.
    pub(crate) fn trust_short_receives(&mut self, on: bool) {
        let is_known = cfg!(any(target_os = "linux", target_os = "android"))
            && self.facts.transport == Some(Transport::Tcp);
        self.trusts_short = on && is_known;
    }

    /// Whether the last receive has taken all that there was.
    pub(crate) fn is_emptied(&self) -> bool {
        self.is_emptied
    }

    /// What a receive without bytes means: an end, nothing for now, or a fault.
    pub(super) fn received_nothing(&mut self, result: io::Result<()>) -> Moved {
        let now = self.now();
        match result {
            Ok(()) if self.has_hidden_error() => {
                let fault = Fault { call: Call::Poll, kind: FaultKind::NotConnected, code: None };
                self.observe(&Event::Fault { fault });
                self.core.handle_fault(now, fault);
                self.core.handle_exhausted(now);
                Moved::Ended
            }
            Ok(()) => {
                // After a reset, which a kernel tells once, this is no end of the peer's.
                if self.core.evidence().fault.is_none() {
                    self.observe(&Event::Eof);
                }
                self.note_eof();
                self.core.handle_eof(now);
                Moved::Ended
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.core.handle_exhausted(now);
                if self.core.wants().receive { Moved::Blocked } else { Moved::Ended }
            }
            Err(error) => {
                self.fault(Call::Receive, &error);
                Moved::Ended
            }
        }
    }

    /// Whether there is an error that no call has told, so that a receive of 0 is no EOF (Windows). As long as our sending
    /// side is open, a send will tell it, with its number.
    fn has_hidden_error(&self) -> bool {
        let shut = self.core.milestones().shutdown_send.is_some();
        shut && self.handle.as_ref().is_some_and(|handle| os::has_error(&handle.socket()))
    }

    /// Our kernel accepted bytes by a call that was not ours and began at `at`.
    pub(crate) fn sent(&mut self, at: Time, bytes: u64) {
        self.observe_at(at, &Event::Sent { bytes });
        self.core.handle_accepted(at, bytes);
    }

    /// Bytes came from the peer by a call that was not ours.
    pub(crate) fn received(&mut self, bytes: u64) {
        self.observe(&Event::Received { bytes });
        self.core.handle_received(self.now(), bytes);
    }

    /// A send that was not ours told an error.
    pub(crate) fn send_failed(&mut self, error: &io::Error) {
        self.fault(Call::Send, error);
    }

    /// A receive that was not ours told an error.
    pub(crate) fn receive_failed(&mut self, error: &io::Error) {
        self.fault(Call::Receive, error);
    }

    /// Looks whether the peer's FIN has come, after the end of its bytes. True: it is still to be waited for.
    pub(crate) fn awaits_eof(&mut self) -> bool {
        if self.outcome().is_some() || !self.core.peer_has_ended() || !self.core.wants().receive {
            return false;
        }
        self.receive_eof();
        self.act();
        self.core.wants().receive
    }

    /// Takes an EOF that stands in our kernel already, but no byte that stands before it.
    pub(crate) fn receive_eof(&mut self) {
        if !self.is_plain() {
            return self.receive_carried_end();
        }
        if self.holds_ahead() {
            return;
        }
        let Some(handle) = self.handle.as_ref().filter(|_| self.core.wants().receive) else { return };
        match uninterrupted(|| handle.socket().peek(&mut [MaybeUninit::uninit()])) {
            Ok(0) => {
                self.receive(&mut [0]);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.core.handle_exhausted(self.now());
            }
            // A peek takes an error out like any other call, so it is told here or never.
            Err(error) => self.fault(Call::Receive, &error),
        }
    }

    /// Sends from `buffer`, without blocking. What the core does not know as read from an input comes from the
    /// program itself, and is read and accepted at once.
    pub(crate) fn send(&mut self, buffer: &[u8]) -> Moved {
        if !self.is_plain() {
            return self.send_carried(buffer);
        }
        self.send_plain(buffer, |socket| socket.send_with_flags(buffer, os::SEND_FLAGS))
    }

    /// Sends from several buffers by one call. The first is not empty. With a carrier it is the only one that is sent from.
    pub(crate) fn send_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Moved {
        let first = buffers.first().map_or(&[][..], |first| first);
        if !self.is_plain() {
            return self.send_carried(first);
        }
        let buffers = &buffers[..buffers.len().min(MOST_BUFFERS)];
        self.send_plain(first, |socket| socket.send_vectored_with_flags(buffers, os::SEND_FLAGS))
    }

    /// Sends by `call` what begins with `first`.
    fn send_plain(&mut self, first: &[u8], call: impl Fn(&SockRef<'_>) -> io::Result<usize>) -> Moved {
        let Some(handle) = &self.handle else { return Moved::Ended };
        let at = self.now();
        match uninterrupted(|| handle.attempt(Readiness::Send, &call)) {
            Ok(n) => {
                self.observe_at(at, &Event::Sent { bytes: n as u64 });
                let counts = self.core.counts();
                if counts.accepted == 0 {
                    self.acknowledge_at_once();
                    let begins =
                        if self.is_listening() { begins_as_tls_server } else { begins_as_tls_client };
                    self.facts.sent_tls = begins(&first[..n.min(first.len())]);
                }
                let unknown = (counts.accepted + n as u64).saturating_sub(counts.read);
                if unknown > 0 {
                    self.core.handle_input(unknown);
                }
                self.core.handle_accepted(at, n as u64);
                Moved::Bytes(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Moved::Blocked,
            Err(error) => {
                self.fault(Call::Send, &error);
                Moved::Ended
            }
        }
    }

    /// After a fault: what the kernel still holds, so that nothing the peer said is lost with the socket.
    pub(crate) fn receive_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        if self.core.evidence().fault.is_none() {
            return rest;
        }
        let mut buffer = vec![0; 64 * 1024];
        while let Moved::Bytes(n) = self.receive(&mut buffer) {
            rest.extend_from_slice(&buffer[..n]);
            self.core.handle_output(self.now(), n as u64);
        }
        self.act();
        rest
    }
}

/// Receives from a socket.
pub(super) fn receive<H: Handle>(handle: &H, buffer: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| handle.attempt(Readiness::Receive, |socket| (&**socket).read(buffer)))
}

/// Receives from a socket. True: it was all that there was, and whoever waits by readiness has noted that.
pub(super) fn receive_all<H: Handle>(handle: &H, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut short = None;
    let result = uninterrupted(|| {
        handle.attempt(Readiness::Receive, |socket| match (&**socket).read(buffer)? {
            n if n > 0 && n < buffer.len() => {
                short = Some(n);
                Err(io::ErrorKind::WouldBlock.into())
            }
            n => Ok(n),
        })
    });
    match short {
        Some(n) => Ok((n, true)),
        None => result.map(|n| (n, false)),
    }
}

/// Makes a call, again each time that a signal interrupts it (EINTR).
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether a stream begins as that of a client of TLS: with a ClientHello. RFC 8446, sections 4 and 5.1.
fn begins_as_tls_client(first: &[u8]) -> bool {
    matches!(first, [0x16, 3, 0..=4, _, _, 1, ..])
}

/// Whether a stream begins as that of a server of TLS: with a ServerHello, or an alert. RFC 8446, sections 4, 5.1 and 6.
fn begins_as_tls_server(first: &[u8]) -> bool {
    matches!(first, [0x16, 3, 0..=4, _, _, 2, ..] | [0x15, 3, 0..=4, 0, 2, ..])
}
