//! The handshake with a proxy that speaks TLS: its bytes go through a TLS session with the proxy.
//!
//! The session then carries the streams: their bytes are what is sealed in it, or, where the peer speaks TLS too, the records
//! that lead to the peer are.

use crate::carrier::{Carrier, HandshakeState, PeerStream};
use crate::handle::{Handle, Readiness};
use crate::proxy::{Handshake, Proxy, ProxyError, Wants};
use crate::tls::{self, ClientConfig, Failure, HandshakeError};
use crate::{os, system_error};
use adieu_proto::Call;
use socket2::SockRef;
use std::io::{self, Read};

/// A session with a proxy.
pub(super) struct Session {
    tls: tls::Session,
    is_secured: bool,
}

impl Session {
    /// One that begins. The platform's roots are read for it, if nothing else is to be believed.
    pub(super) fn new(proxy: &Proxy) -> Result<Self, ProxyError> {
        let local = |why: String| ProxyError::Tls(HandshakeError::new(Failure::Local, why));
        let tls = match &proxy.tls {
            Some(tls) => tls.clone(),
            None => ClientConfig::of_platform().map_err(local)?,
        };
        let tls = tls.session_with_proxy(proxy.host()).map_err(ProxyError::Tls)?;
        Ok(Self { tls, is_secured: false })
    }

    /// The streams begin.
    pub(super) fn into_carrier(mut self) -> tls::Session {
        self.tls.begin_streams();
        self.tls
    }

    /// Does all that can be done without waiting. Returns what it waits for then; `None`: it is done.
    pub(super) fn step<H: Handle>(
        &mut self,
        handle: &H,
        handshake: &mut Handshake,
    ) -> Result<Option<Readiness>, ProxyError> {
        loop {
            if self.tls.has_unsent() {
                let unsent = self.tls.unsent();
                let sent =
                    handle.attempt(Readiness::Send, |socket| socket.send_with_flags(unsent, os::SEND_FLAGS));
                match sent {
                    Ok(n) => {
                        self.tls.sent(n);
                    }
                    Err(error) => {
                        if would_block(&error, handshake, |error| fault(Call::Send, error))? {
                            return Ok(Some(Readiness::Send));
                        }
                    }
                }
                continue;
            }
            if self.is_secured {
                match self.speak(handshake)? {
                    Spoken::Done => return Ok(None),
                    Spoken::Something => continue,
                    Spoken::NeedsInput => {}
                }
            } else {
                match self.tls.handshake() {
                    HandshakeState::Done => self.is_secured = true,
                    HandshakeState::Failed => return Err(self.refuse(&handle.socket())),
                    HandshakeState::NeedsInput => {}
                }
                if self.is_secured || self.tls.has_unsent() {
                    continue;
                }
            }
            let tls = &mut self.tls;
            match handle.attempt(Readiness::Receive, |socket| (&**socket).read(tls.room())) {
                Ok(0) if self.is_secured => return Err(handshake.end()),
                Ok(0) => return Err(ProxyError::Tls(self.tls.early_eof())),
                Ok(n) => {
                    self.tls.received(n);
                }
                Err(error) => {
                    let failed = |error: &io::Error| {
                        if self.is_secured {
                            return fault(Call::Receive, error);
                        }
                        ProxyError::Tls(self.tls.early_fault(error))
                    };
                    if would_block(&error, handshake, failed)? {
                        return Ok(Some(Readiness::Receive));
                    }
                }
            }
        }
    }

    /// What the proxy's own protocol says next, as far as it can without more from the socket.
    fn speak(&mut self, handshake: &mut Handshake) -> Result<Spoken, ProxyError> {
        match handshake.wants() {
            Wants::Done => return Ok(Spoken::Done),
            Wants::Send(bytes) => {
                let n = self.tls.seal(bytes);
                handshake.sent(n);
                if n > 0 {
                    return Ok(Spoken::Something);
                }
            }
            Wants::Receive => {
                if self.tls.holds_bytes() {
                    let own = handshake.receive(self.tls.held())?;
                    self.tls.take_held(own);
                    return Ok(Spoken::Something);
                }
                if self.tls.peer_stream() == PeerStream::Ended {
                    return Err(handshake.end());
                }
            }
        }
        match self.tls.peer_stream() {
            PeerStream::Broken => Err(ProxyError::Tls(self.tls.refusal())),
            PeerStream::Open | PeerStream::Ended => Ok(Spoken::NeedsInput),
        }
    }

    /// rustls has refused the handshake: the proxy is told why, if our kernel takes it at once.
    fn refuse(&mut self, socket: &SockRef<'_>) -> ProxyError {
        // What becomes of it changes nothing.
        let _ = socket.send_with_flags(self.tls.unsent(), os::SEND_FLAGS);
        ProxyError::Tls(self.tls.refusal())
    }
}

/// What speaking came to.
enum Spoken {
    Done,
    Something,
    NeedsInput,
}

/// Whether a call has failed only because it would block; false: it was interrupted, and is to be made again.
///
/// # Errors
///
/// The call has failed. A refusal that the proxy had made known before that is told instead.
pub(super) fn would_block(
    error: &io::Error,
    handshake: &Handshake,
    failed: impl FnOnce(&io::Error) -> ProxyError,
) -> Result<bool, ProxyError> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(false),
        io::ErrorKind::WouldBlock => Ok(true),
        _ if handshake.is_refused() => Err(handshake.end()),
        _ => Err(failed(error)),
    }
}

/// A call on the connection to a proxy has failed.
pub(super) fn fault(call: Call, error: &io::Error) -> ProxyError {
    ProxyError::Io { call, error: system_error::of(error) }
}
