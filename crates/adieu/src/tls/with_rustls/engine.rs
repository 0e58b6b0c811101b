//! One connection's TLS, without I/O: ciphertext in and out, plaintext in and out, and how the two are counted.
//!
//! rustls does the cryptography and the handshake; here is what lies between it and a non-blocking socket:
//!
//! - `incoming` holds what was received and not opened; records are opened one by one, straight into the caller's
//!   buffer. No more is received until all whole records in it are opened, so nothing here grows.
//! - `outgoing` holds what is sealed and our kernel has not taken. No more application bytes are sealed until it has
//!   taken all, so a byte waits in one place only.
//! - `spill` holds what had to be opened although nobody asked for it just then: a session says that it can seal only
//!   once it has nothing more to open.

use super::alert;
use super::given::Given;
use super::ledger::Ledger;
use super::turn::{Job, OVERHEAD, RECORD, RecordSink, Store, Turn};
use super::verify::Seen;
use crate::carrier::HandshakeState;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::{AlertDescription, CommonState, Error, PeerIncompatible};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is received at once: many records, so that a call costs little.
const INCOMING: usize = 256 * 1024;
/// What is kept of what was received first.
const FIRST: usize = 64;
/// What is sealed at once: as many records as stay in the processor's cache until the kernel has copied them.
const SEALED: usize = 8 * RECORD;

enum Session {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
    Given(Box<Given>),
}

pub(crate) struct Engine {
    session: Session,
    /// The certificate that the peer presented, and what was thought of it.
    seen: Arc<Seen>,
    /// The server has asked for a certificate that we do not have.
    lacking: Arc<AtomicBool>,
    incoming: Store,
    outgoing: Store,
    spill: Vec<u8>,
    spill_taken: usize,
    ledger: Ledger,
    /// The first octets that were received, to say what they are if they are not TLS.
    first: Vec<u8>,
    close_notify_sent: bool,
    close_notify_received: bool,
    failure: Option<Error>,
}

impl Engine {
    pub(crate) fn client(
        session: UnbufferedClientConnection,
        seen: Arc<Seen>,
        lacking: Arc<AtomicBool>,
    ) -> Self {
        Self { lacking, ..Self::new(Session::Client(session), seen) }
    }

    pub(crate) fn server(session: UnbufferedServerConnection, seen: Arc<Seen>) -> Self {
        Self::new(Session::Server(session), seen)
    }

    /// The session of a connection that a program has made, whatever stands in its buffers.
    pub(crate) fn given(connection: rustls::Connection) -> Self {
        let mut engine = Self::new(Session::Given(Box::new(Given::new(connection))), Arc::default());
        // At most what fits into rustls's own buffers, because nothing more is given to it here.
        loop {
            match engine.turn(Job::Nothing, &mut [], true).0 {
                Turn::Again | Turn::Full => {}
                Turn::NeedsInput | Turn::Done(_) => break,
                Turn::PeerClosed => engine.close_notify_received = true,
                Turn::Failed(error) => {
                    engine.fail(error);
                    break;
                }
            }
        }
        engine.ledger.begin_with_earlier();
        engine
    }

    fn new(session: Session, seen: Arc<Seen>) -> Self {
        Self {
            session,
            seen,
            lacking: Arc::default(),
            incoming: Store::new(INCOMING),
            outgoing: Store::new(RECORD),
            spill: Vec::new(),
            spill_taken: 0,
            ledger: Ledger::new(),
            first: Vec::new(),
            close_notify_sent: false,
            close_notify_received: false,
            failure: None,
        }
    }

    // ---- what is known ----

    /// What rustls knows of the session.
    pub(crate) fn common(&self) -> &CommonState {
        match &self.session {
            Session::Client(session) => session,
            Session::Server(session) => session,
            Session::Given(given) => &given.connection,
        }
    }

    pub(crate) fn is_server(&self) -> bool {
        match &self.session {
            Session::Client(_) => false,
            Session::Server(_) => true,
            Session::Given(given) => matches!(given.connection, rustls::Connection::Server(_)),
        }
    }

    /// The peer's certificate, also one that was refused.
    pub(crate) fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.seen.certificate().or_else(|| self.common().peer_certificates().and_then(<[_]>::first))
    }

    /// Whether the peer's certificate was accepted, though perhaps not the proof that the peer has its key.
    pub(crate) fn has_accepted_certificate(&self) -> bool {
        self.seen.is_accepted()
    }

    /// Whether the server has asked for a certificate of ours, and we had none for it.
    pub(crate) fn lacks_certificate(&self) -> bool {
        self.lacking.load(Ordering::Relaxed)
    }

    pub(crate) fn first(&self) -> &[u8] {
        &self.first
    }

    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    pub(crate) fn close_notify_sent(&self) -> bool {
        self.close_notify_sent
    }

    pub(crate) fn close_notify_received(&self) -> bool {
        self.close_notify_received
    }

    /// Whether a part of a record was received, and not its rest. `None`: it is not known.
    pub(crate) fn is_within_record(&self) -> Option<bool> {
        match &self.session {
            Session::Given(given) if !given.is_aligned => None,
            _ => Some(!self.incoming.is_empty()),
        }
    }

    /// How many application bytes were sealed in all.
    pub(crate) fn sealed(&self) -> u64 {
        self.ledger.bytes()
    }

    pub(crate) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    // ---- ciphertext ----

    /// Where received octets go. Only once everything whole is opened, so that there is room.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        // At most a part of one record is moved, and then as much as ever fits is received at once.
        self.incoming.move_to_front();
        self.incoming.room(RECORD + OVERHEAD)
    }

    /// So many octets were received.
    pub(crate) fn received(&mut self, n: usize) {
        let wanted = n.min(FIRST - self.first.len());
        self.first.extend_from_slice(&self.incoming.free()[..wanted]);
        self.incoming.grow(n);
    }

    /// What comes after the peer's close_notify is to be ignored (RFC 8446, section 6.1).
    pub(crate) fn ignore_received(&mut self) {
        self.incoming.consume(self.incoming.filled().len());
    }

    /// What waits to be sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.outgoing.filled()
    }

    /// So many of these octets were accepted by our kernel. Returns the application bytes that it now has in whole.
    pub(crate) fn sent(&mut self, n: usize) -> u64 {
        self.outgoing.consume(n);
        self.ledger.wrote(n)
    }

    // ---- the handshake ----

    /// Goes on as far as what was received allows; what it has to say is then [`unsent`](Self::unsent).
    pub(crate) fn handshake(&mut self) -> HandshakeState {
        // What comes after the handshake is left for those who ask for it.
        while self.common().is_handshaking() || self.common().wants_write() {
            if self.failure.is_some() {
                return HandshakeState::Failed;
            }
            match self.turn(Job::Nothing, &mut [], true).0 {
                Turn::Again | Turn::Full => {}
                Turn::PeerClosed => self.close_notify_received = true,
                Turn::Failed(error) => self.fail(error),
                Turn::NeedsInput | Turn::Done(_) if self.common().is_handshaking() => {
                    return HandshakeState::NeedsInput;
                }
                Turn::NeedsInput | Turn::Done(_) => break,
            }
        }
        if self.failure.is_some() { HandshakeState::Failed } else { HandshakeState::Done }
    }

    // ---- plaintext ----

    /// Opens what was received, as far as it is whole and there is room. 0: more must be received, or nothing will
    /// come any more.
    pub(crate) fn open(&mut self, into: &mut [u8]) -> usize {
        if self.spill_taken < self.spill.len() {
            return self.take_spill(into);
        }
        let mut put = 0;
        while self.failure.is_none() && !self.close_notify_received {
            let (turn, more) = self.turn(Job::Nothing, &mut into[put..], false);
            put += more;
            match turn {
                Turn::Again => {}
                Turn::Full if put == 0 => {
                    // The caller takes less than a record at a time.
                    if let (Turn::Failed(error), _) = self.turn(Job::Nothing, &mut [], true) {
                        self.fail(error);
                    }
                    return self.take_spill(into);
                }
                Turn::Full | Turn::NeedsInput | Turn::Done(_) => break,
                Turn::PeerClosed => self.close_notify_received = true,
                Turn::Failed(error) => self.fail(error),
            }
        }
        put
    }

    /// Whether application bytes are opened already that nobody has taken.
    pub(crate) fn holds_bytes(&self) -> bool {
        self.spill_taken < self.spill.len()
    }

    /// What is opened already and nobody has taken.
    pub(crate) fn held(&self) -> &[u8] {
        &self.spill[self.spill_taken..]
    }

    /// Takes so many of the bytes that are [held](Self::held).
    pub(crate) fn take_held(&mut self, n: usize) {
        self.spill_taken += n;
        if self.spill_taken == self.spill.len() {
            self.spill.clear();
            self.spill_taken = 0;
        }
    }

    /// What was said so far led to the peer, and the streams begin here.
    pub(crate) fn begin_streams(&mut self) {
        self.ledger.begin_anew();
    }

    /// Opens what was received into the spill, to see what it is.
    pub(crate) fn open_ahead(&mut self) {
        while self.failure.is_none() && !self.close_notify_received && !self.holds_bytes() {
            match self.turn(Job::Nothing, &mut [], true).0 {
                Turn::Again | Turn::Full => {}
                Turn::NeedsInput | Turn::Done(_) => break,
                Turn::PeerClosed => self.close_notify_received = true,
                Turn::Failed(error) => self.fail(error),
            }
        }
    }

    fn take_spill(&mut self, into: &mut [u8]) -> usize {
        let rest = &self.spill[self.spill_taken..];
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        self.spill_taken += n;
        if self.spill_taken == self.spill.len() {
            self.spill.clear();
            self.spill_taken = 0;
        }
        n
    }

    /// Everything that is still to be sent if the client cannot be served: what waits, and then the alert. `None`: there can be no alert.
    pub(crate) fn into_alert(self) -> Option<Vec<u8>> {
        if self.close_notify_sent || self.failure.is_some() {
            return None;
        }
        let is_fresh = self.ledger.octets() == 0;
        let alert = match self.session {
            Session::Server(session) if !session.is_handshaking() => alert::sealed(session)?,
            // Once a part of our flight is sent, the client may expect records that are sealed.
            Session::Server(_) if is_fresh => alert::in_the_clear(),
            _ => return None,
        };
        Some([self.outgoing.filled(), &alert].concat())
    }

    /// Seals a piece of what the application has to say, to be sent next. Only when nothing else waits. 0: it cannot be.
    pub(crate) fn seal(&mut self, bytes: &[u8]) -> usize {
        self.job(Job::Seal(&bytes[..bytes.len().min(SEALED)]))
    }

    /// Ends our direction: nothing can be sealed after this.
    pub(crate) fn close(&mut self) {
        if !self.close_notify_sent {
            self.close_notify_sent = true;
            self.job(Job::CloseNotify);
        }
    }

    fn job(&mut self, job: Job<'_>) -> usize {
        while self.failure.is_none() {
            match self.turn(job, &mut [], true).0 {
                Turn::Again | Turn::Full => {}
                Turn::Done(n) => return n,
                Turn::NeedsInput => break,
                Turn::PeerClosed => self.close_notify_received = true,
                Turn::Failed(error) => self.fail(error),
            }
        }
        0
    }

    /// Keeps the first failure, and gathers the alert that tells the peer of it.
    fn fail(&mut self, error: Error) {
        let is_old = self.is_of_an_old_client(&error);
        let error = if is_old { PeerIncompatible::Tls12NotOffered.into() } else { error };
        self.failure.get_or_insert(error);
        // Only what is queued: asked to open more, a session that has failed would fail again.
        while self.common().wants_write() {
            let (Turn::Again, _) = self.turn(Job::Nothing, &mut [], true) else { break };
        }
        // The alert is all that there is, and its description is its last octet (RFC 5246, section 7.2).
        if is_old && let [.., description] = self.outgoing.filled_mut() {
            *description = AlertDescription::ProtocolVersion.into();
        }
    }

    /// Whether what rustls misses is only the version. A client that speaks nothing newer than TLS 1.1 names no signature
    /// algorithms, and rustls looks for these first. RFC 5246, 7.4.1.2 and 7.4.1.4.1: the version follows the headers of
    /// the record and of the ClientHello, 5 octets and 4.
    fn is_of_an_old_client(&self, error: &Error) -> bool {
        self.is_server()
            && *error == Error::PeerIncompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired)
            && self.first.get(9..11).is_some_and(|version| *version < [3, 3][..])
    }

    fn turn(&mut self, job: Job<'_>, into: &mut [u8], may_spill: bool) -> (Turn, usize) {
        let mut sink = RecordSink {
            outgoing: &mut self.outgoing,
            ledger: &mut self.ledger,
            into,
            put: 0,
            spill: may_spill.then_some(&mut self.spill),
        };
        let incoming = self.incoming.filled_mut();
        let (discard, turn) = match &mut self.session {
            Session::Given(given) => {
                let turn = given.turn(&mut self.incoming, &mut sink, job);
                return (turn, sink.put);
            }
            Session::Client(session) => sink.handle(session.process_tls_records(incoming), job),
            Session::Server(session) => sink.handle(session.process_tls_records(incoming), job),
        };
        let put = sink.put;
        self.incoming.consume(discard);
        (turn, put)
    }
}
