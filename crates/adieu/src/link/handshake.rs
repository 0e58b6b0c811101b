//! How a carrier begins: its handshake, which for the core is part of connecting.
//!
//! The connection is there, for the core, once the handshake is.

use super::carried::Flushed;
use super::{Link, fault};
use crate::carrier::{Carrier, HandshakeState, PeerStream};
use crate::handle::{Handle, Readiness};
use crate::tls::{Failure, HandshakeError, Session, TlsFacts};
use crate::{Address, Event, Report, os};
use adieu_proto::{Call, Ending, Fault, FaultKind, Time};
use std::io;

/// What a handshake came to without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeTurn {
    Done,
    Wait(Readiness),
    Failed,
}

impl<H: Handle> Link<H> {
    /// Begins a handshake, if TLS is to be spoken to the peer and is not spoken already; so much of its first flight went with our SYN. What the
    /// connection goes through already carries it. False: it is not, and the connection is there.
    pub(super) fn begin_handshake(&mut self, fault: Option<Fault>, with_syn: Option<(usize, Time)>) -> bool {
        let Some(tls) = self.options.tls.clone() else { return false };
        let peer = self.facts.peer_address.as_ref().and_then(Address::socket_addr);
        let host = self.facts.rare().host.clone().or_else(|| peer.map(|peer| peer.ip().to_string().into()));
        let begun = self.syn.take().and_then(|syn| syn.session);
        let Some(session) = begun.map_or_else(|| tls.session(host.as_deref()), |session| Some(Ok(session)))
        else {
            return false;
        };
        self.facts.tls = Some(Box::new(TlsFacts { trust: tls.trust(), ..TlsFacts::default() }));
        match (session, fault) {
            (Ok(mut session), None) => {
                session.sent(with_syn.map_or(0, |(taken, _)| taken));
                self.carrier = Some(match self.carrier.take() {
                    Some(outer) => session.within(outer),
                    None => session,
                });
                self.core.handle_handshake(self.now());
            }
            (Ok(session), Some(fault)) => {
                let error = fault
                    .code
                    .map_or_else(|| io::ErrorKind::ConnectionReset.into(), io::Error::from_raw_os_error);
                self.handshake_failed(&session.early_fault(&error), Some(fault));
            }
            (Err(error), _) => self.handshake_failed(&error, None),
        }
        true
    }

    /// From now on this session carries the streams, whose handshake the program has made. Returns how many octets it has to send
    /// that the program has made it encrypt.
    pub(super) fn carried_by(&mut self, mut session: Session) -> u64 {
        let mut facts = Box::new(TlsFacts { secured: Some(self.now()), ..TlsFacts::default() });
        session.describe(&mut facts);
        self.facts.tls = Some(facts);
        let unsent = session.unsent().len() as u64;
        self.carrier = Some(session);
        unsent
    }

    /// Whether a handshake is under way.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.carrier.is_some() && self.core.milestones().connected.is_none() && !self.core.is_decided()
    }

    /// Whether a client's handshake was given up by us, at a limit or an interrupt. Nothing was sent that a reset could throw away, and
    /// to a client that does not speak TLS a FIN would look like a stream that is whole and empty.
    pub(super) fn broke_off_handshake(&self) -> bool {
        let is_unfinished = self.carrier.is_some() && self.core.milestones().connected.is_none();
        is_unfinished && self.is_listening() && self.handshake_error().is_none()
    }

    /// Goes on with the handshake until it must wait, is done, or has failed.
    pub(crate) fn handshake(&mut self) -> HandshakeTurn {
        loop {
            match self.flush(self.now()) {
                Flushed::All => {}
                Flushed::Blocked { .. } => return HandshakeTurn::Wait(Readiness::Send),
                Flushed::Failed => return HandshakeTurn::Failed,
            }
            let Some(carrier) = &mut self.carrier else { return HandshakeTurn::Failed };
            let came = carrier.handshake();
            if carrier.has_unsent() && came != HandshakeState::Failed {
                continue;
            }
            match came {
                HandshakeState::Done => {
                    self.secured();
                    return HandshakeTurn::Done;
                }
                HandshakeState::Failed => {
                    self.refuse();
                    return HandshakeTurn::Failed;
                }
                HandshakeState::NeedsInput => {}
            }
            match self.fill() {
                Ok(0) => {
                    if let Some(error) = self.carrier.as_ref().map(Carrier::early_eof) {
                        self.handshake_failed(&error, None);
                    }
                    return HandshakeTurn::Failed;
                }
                Ok(_) => self.core.handle_handshake(self.now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let outer_has_ended =
                        |carrier: &&crate::tls::Session| carrier.outer_stream() != PeerStream::Open;
                    let ended = self.carrier.as_ref().filter(outer_has_ended).map(Carrier::early_outer_end);
                    let Some(error) = ended else { return HandshakeTurn::Wait(Readiness::Receive) };
                    self.handshake_failed(&error, None);
                    return HandshakeTurn::Failed;
                }
                Err(error) => {
                    self.handshake_reset(Call::Receive, &error);
                    return HandshakeTurn::Failed;
                }
            }
        }
    }

    /// The handshake is done: for the core the connection is there now.
    fn secured(&mut self) {
        let now = self.now();
        self.note_session();
        if let Some(facts) = &mut self.facts.tls {
            facts.secured = Some(now);
        }
        self.core.handle_connected(now);
        if let Some(facts) = &self.facts.tls {
            self.observe(&Event::Secured { version: facts.version, suite: facts.suite.as_deref() });
        }
    }

    fn note_session(&mut self) {
        if let (Some(carrier), Some(facts)) = (&self.carrier, &mut self.facts.tls) {
            carrier.describe(facts);
        }
    }

    /// The carrier has refused the handshake, and has said so in an alert.
    pub(super) fn refuse(&mut self) {
        self.note_session();
        let Some(carrier) = &self.carrier else { return };
        let Some(broken) = carrier.broken() else { return };
        let told = carrier.refusal();
        if let (Some(alert), Some(facts)) = (broken.alert, &mut self.facts.tls) {
            facts.alert = Some(alert);
        }
        self.flush_alert();
        self.handshake_failed(&told, None);
    }

    /// A call failed before the handshake was done.
    pub(super) fn handshake_reset(&mut self, call: Call, error: &io::Error) {
        let Some(carrier) = &self.carrier else { return };
        let told = carrier.early_fault(error);
        self.handshake_failed(&told, Some(fault(call, error)));
    }

    fn handshake_failed(&mut self, error: &HandshakeError, told: Option<Fault>) {
        if let Some(handle) = &self.handle {
            // With a FIN, so that our alert is not thrown away with the connection.
            os::set_reset_on_close(&handle.socket(), false);
        }
        if let Some(facts) = &mut self.facts.tls {
            facts.failure = Some(error.failure());
        }
        self.facts.rare_mut().handshake = Some(error.clone());
        self.facts.rare_mut().failure = Some(error.words());
        let call = told.map_or(Call::Receive, |fault| fault.call);
        let fault = Fault { call, kind: FaultKind::Protocol, code: told.and_then(|f| f.code) };
        self.core.handle_connect_failed(self.now(), fault);
        self.act();
    }

    /// The client cannot be served: closes abortively, with TLS after an alert that says so.
    pub(crate) fn refuse_service(&mut self) -> Report {
        let is_open = !self.core.is_decided() && self.core.evidence().fault.is_none();
        let session = self.carrier.take().filter(|_| is_open && self.is_listening());
        match session.and_then(Session::into_alert) {
            Some(alert) => self.abort_with(alert.into()),
            None => self.abort(),
        }
    }

    /// Sends what goes right before the reset, after every look at the socket: a peer that answers it by a reset was not the first.
    pub(super) fn send_last_words(&mut self) {
        let words = self.rare.as_mut().and_then(|rare| rare.last_words.take());
        let (Some(words), Some(handle)) = (words, &self.handle) else { return };
        let socket = handle.socket();
        // Now or never: nothing that is held back outlives the reset.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.send_with_flags(&words, os::SEND_FLAGS);
    }

    /// Why there is no connection, if the handshake is why.
    pub(crate) fn handshake_error(&self) -> Option<&HandshakeError> {
        self.facts.rare().handshake.as_ref()
    }

    /// Before a report is made: which time was over while a handshake was under way, if one was.
    pub(super) fn note_unfinished_handshake(&mut self) {
        let Some(carrier) = &self.carrier else { return };
        if self.core.milestones().connected.is_some() || self.facts.rare().handshake.is_some() {
            return;
        }
        // Ended by something else, an interrupt for example, it has not failed.
        let Some(Ending::TimedOut { timer }) = self.core.outcome().map(|outcome| outcome.ending) else {
            return;
        };
        self.facts.rare_mut().failure = Some(carrier.out_of_time(timer));
        if let Some(facts) = &mut self.facts.tls {
            facts.failure = Some(Failure::TimedOut);
        }
    }
}
