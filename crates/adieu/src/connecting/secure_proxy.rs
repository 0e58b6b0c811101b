//! The handshake with a proxy over TLS: what a driver does in the clear, through a session.
//!
//! The session then carries the streams: their bytes are what is sealed in it, or, where the peer speaks TLS too, the records
//! that lead to the peer are.

use super::proxy::Step;
use crate::os;
use crate::proxy::{Handshake, Proxy, ProxyError, Wants};
use crate::tls::engine::{self, Engine};
use crate::tls::{Client, Described, Failure, HandshakeError, Party, Presented, Stage, Trust, is_readable};
use adieu_proto::Call;
use socket2::SockRef;
use std::io::{self, Read};

/// A session with a proxy.
pub(crate) struct Session {
    engine: Box<Engine>,
    is_secured: bool,
    trust: Option<Trust>,
}

impl Session {
    /// One that begins. The platform's roots are read for it, if nothing else is to be believed.
    pub(crate) fn new(proxy: &Proxy) -> Result<Self, ProxyError> {
        let local = |why: String| ProxyError::Tls(HandshakeError::new(Failure::Local, why));
        let tls = match &proxy.tls {
            Some(tls) => tls.clone(),
            None => Client::new().build().map_err(|error| local(error.to_string()))?,
        };
        let engine = Box::new(tls.session(Some(proxy.host())).map_err(ProxyError::Tls)?);
        Ok(Self { engine, is_secured: false, trust: Some(tls.trust()) })
    }

    /// The streams begin.
    pub(crate) fn into_carrier(mut self) -> Box<Engine> {
        self.engine.begin_streams();
        self.engine
    }

    /// Does all that can be done without waiting.
    pub(crate) fn step(
        &mut self,
        socket: &SockRef<'_>,
        handshake: &mut Handshake,
    ) -> Result<Step, ProxyError> {
        loop {
            if !self.engine.unsent().is_empty() {
                match socket.send_with_flags(self.engine.unsent(), os::SEND_FLAGS) {
                    Ok(n) => {
                        self.engine.sent(n);
                    }
                    Err(error) => match failed(error, handshake) {
                        None => {}
                        Some(Ok(())) => return Ok(Step::Blocked { sending: true }),
                        Some(Err(Ok(refusal))) => return Err(refusal),
                        Some(Err(Err(error))) => return Err(ProxyError::Io { call: Call::Send, error }),
                    },
                }
                continue;
            }
            if self.is_secured {
                match self.speak(handshake)? {
                    Spoken::Done => return Ok(Step::Done),
                    Spoken::Something => continue,
                    Spoken::NeedsInput => {}
                }
            } else {
                match self.engine.handshake() {
                    engine::Handshake::Done => self.is_secured = true,
                    engine::Handshake::Failed => return Err(self.refuse(socket)),
                    engine::Handshake::NeedsInput => {}
                }
                if self.is_secured || !self.engine.unsent().is_empty() {
                    continue;
                }
            }
            match (&**socket).read(self.engine.room()) {
                Ok(0) if self.is_secured => return Err(handshake.end()),
                Ok(0) => {
                    return Err(ProxyError::Tls(HandshakeError::eof(self.engine.first(), Party::Proxy)));
                }
                Ok(n) => self.engine.received(n),
                Err(error) => match failed(error, handshake) {
                    None => {}
                    Some(Ok(())) => return Ok(Step::Blocked { sending: false }),
                    Some(Err(Ok(refusal))) => return Err(refusal),
                    Some(Err(Err(error))) if self.is_secured => {
                        return Err(ProxyError::Io { call: Call::Receive, error });
                    }
                    Some(Err(Err(error))) => {
                        let error = HandshakeError::reset(&error, self.engine.first(), Party::Proxy);
                        return Err(ProxyError::Tls(error));
                    }
                },
            }
        }
    }

    /// What the proxy's own protocol says next, as far as it can without more from the socket.
    fn speak(&mut self, handshake: &mut Handshake) -> Result<Spoken, ProxyError> {
        match handshake.wants() {
            Wants::Done => return Ok(Spoken::Done),
            Wants::Send(bytes) => {
                let n = self.engine.seal(bytes);
                handshake.sent(n);
                if n > 0 {
                    return Ok(Spoken::Something);
                }
            }
            Wants::Receive => {
                self.engine.open_ahead();
                if self.engine.holds_bytes() {
                    let own = handshake.receive(self.engine.held())?;
                    self.engine.take_held(own);
                    return Ok(Spoken::Something);
                }
                if self.engine.close_notify_received() {
                    return Err(handshake.end());
                }
            }
        }
        match self.engine.failure() {
            Some(_) => Err(self.broken()),
            None => Ok(Spoken::NeedsInput),
        }
    }

    /// rustls has refused the handshake: the proxy is told why, if our kernel takes it at once.
    fn refuse(&mut self, socket: &SockRef<'_>) -> ProxyError {
        // What becomes of it changes nothing.
        let _ = socket.send_with_flags(self.engine.unsent(), os::SEND_FLAGS);
        self.broken()
    }

    fn broken(&self) -> ProxyError {
        let seen = self.engine.peer_certificate();
        let described = seen.map(|certificate| Described::new(certificate));
        let presented = Presented {
            certificate: described.as_ref(),
            is_readable: seen.is_some_and(is_readable),
            is_accepted: self.engine.has_accepted_certificate(),
            party: Party::Proxy,
            trust: self.trust,
        };
        let error = match self.engine.failure() {
            Some(error) => HandshakeError::of(error, presented, self.engine.first(), Stage::Begun),
            None => HandshakeError::new(Failure::Protocol, "the session ended before the handshake did"),
        };
        ProxyError::Tls(error)
    }
}

/// What speaking came to.
enum Spoken {
    Done,
    Something,
    NeedsInput,
}

/// What a call's error means: nothing, that it would block, a refusal that is known already, or a failure.
fn failed(error: io::Error, handshake: &Handshake) -> Option<Result<(), Result<ProxyError, io::Error>>> {
    match error.kind() {
        io::ErrorKind::Interrupted => None,
        io::ErrorKind::WouldBlock => Some(Ok(())),
        // What it said before its reset is told.
        _ if handshake.is_refused() => Some(Err(Ok(handshake.end()))),
        _ => Some(Err(Err(error))),
    }
}
