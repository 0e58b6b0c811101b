//! What both sides do first: they exchange hellos, and with a secret they make the handshake. What comes of it is a
//! [`Channel`] for frames, encrypted or not.
//!
//! It knows nothing of files. The sender and the receiver stand above it, and share nothing else.

use crate::advice::Advice;
use crate::event::{Observer, TransferEvent};
use crate::outcome::{self, TransferOutcome, Verdict};
use crate::patience::{NotRead, Waits, in_words, read_exactly};
use crate::report::TransferRole;
use crate::secret::{self, Records, Secret, SecretError, handshake};
use crate::transport::Transport;
use crate::wire::{
    BUSY, Control, Decoder, HELLO_PREFIX, Hello, NotAgreed, PeerRole, Receipt, Status, Totals,
};
use std::io;
use std::time::{Duration, Instant};

/// Limit for the peer's end after this side has said its last word.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(30);

/// The same limit for a transfer that this side has cancelled.
pub(crate) const AFTER_CANCEL: Duration = Duration::from_secs(2);

/// The same limit for a client that has not said who it is while others wait.
const SHORT_PARTING: Duration = Duration::from_secs(2);

/// A side that hashes or syncs says so this often, so that the other does not take it for dead.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Most bytes of encrypted records that are received in one call.
const RECEIVE: usize = 256 * 1024;

/// Why two sides did not agree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("{0}")]
    NotAgreed(#[from] NotAgreed),
    #[error("{0}")]
    Secret(SecretError),
    #[error("{0}")]
    Link(io::Error),
    /// The peer said nothing within this limit. `None`: the limit was the connection's idle timeout.
    #[error("the peer said nothing for {}", .0.map_or_else(|| "too long".to_owned(), in_words))]
    Silent(Option<Duration>),
    /// The peer is a sender, and did not begin within this limit.
    #[error("the sender said who it is, and then nothing for {}", .0.map_or_else(|| "too long".to_owned(), in_words))]
    NotBegun(Option<Duration>),
}

impl From<SecretError> for SessionError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Link(error) => error.into(),
            SecretError::Silent(limit) => Self::Silent(Some(limit)),
            error => Self::Secret(error),
        }
    }
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|e| e.downcast_ref::<adieu::Ended>()).map(|e| e.ending) {
            Some(adieu::Ending::TimedOut { timer: adieu::Timer::Idle }) => Self::Silent(None),
            _ => Self::Link(error),
        }
    }
}

impl From<NotRead> for SessionError {
    fn from(why: NotRead) -> Self {
        match why {
            NotRead::Silent(limit) => Self::Silent(Some(limit)),
            NotRead::Link(error) => error.into(),
        }
    }
}

/// The way of frames to the peer and back, encrypted or not.
pub(crate) struct Channel<T> {
    link: T,
    records: Option<Records>,
    /// Received before, and not taken yet.
    early: Vec<u8>,
}

/// Two sides speak the same version, and have shown that they know the same secret if there is one.
pub struct Agreement {
    pub(crate) version: u8,
    /// When the first hello was said.
    pub(crate) began: Instant,
    records: Option<Records>,
    /// What the peer has said after that, as far as it was waited for.
    early: Vec<u8>,
}

impl std::fmt::Debug for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agreement").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What a side asks of its peer before they speak of files.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Terms<'a> {
    /// Both sides must know it.
    pub secret: Option<&'a Secret>,
    /// How long the peer may take for its hello, and for each message that shows that it knows the secret. `None`: 30 s.
    pub patience: Option<Duration>,
    /// How long it may take for all of these together. `None`: as the one bound says.
    pub within: Option<Duration>,
    /// Asked about ten times per second whether to go on waiting for the peer.
    pub go_on: Option<&'a dyn Fn() -> bool>,
    /// Called once, before this side says anything that tells whether the peer's secret is right. It may wait, and says whether
    /// to go on. Its time is not counted as the peer's.
    pub gate: Option<&'a dyn Fn() -> bool>,
    /// For a receiver: wait for the sender's first frame too. A sender sends it at once; a stranger that only said hello may
    /// stay silent for ever.
    pub hears_begin: bool,
}

impl<'a> Terms<'a> {
    /// Terms with this secret and no limits.
    pub fn new(secret: Option<&'a Secret>) -> Self {
        Self { secret, patience: None, within: None, go_on: None, gate: None, hears_begin: false }
    }
}

/// Says hello, hears the peer's, and agrees with it, before anything is sent or received.
///
/// # Errors
///
/// What it came to: the peer has heard why, if it took part at all.
pub fn agree<T: Transport>(
    link: &mut T,
    role: TransferRole,
    terms: &Terms<'_>,
) -> Result<Agreement, Box<TransferOutcome>> {
    let role = PeerRole::from(role);
    let start = Instant::now();
    agree_on(link, role, terms).map_err(|error| {
        let error = match error {
            // The connection's own idle timeout was as long, or shorter.
            SessionError::Silent(None) => SessionError::Silent(terms.patience),
            SessionError::NotBegun(None) => SessionError::NotBegun(terms.patience),
            error => error,
        };
        let mut outcome = TransferOutcome::new();
        let is_stranger = is_of_a_stranger(&error);
        outcome.verdict = not_agreed(error, role.other());
        // One that nobody waits for any more has no say in how long it takes.
        if !is_stranger && terms.go_on.is_none_or(|go_on| go_on()) {
            part(link, &outcome.verdict, terms.within.map_or(LAST_WORDS, |within| within.min(SHORT_PARTING)));
        }
        outcome.times.ended = start.elapsed();
        Box::new(outcome)
    })
}

/// Tells a peer that this side is busy with another transfer, without hearing who it is, and ends this side.
///
/// # Errors
///
/// The connection has failed.
pub fn tell_busy<T: Transport>(link: &mut T, role: TransferRole, wants_secret: bool) -> io::Result<()> {
    let role = PeerRole::from(role);
    let mut said = Hello { is_busy: true, ..Hello::new(role, wants_secret) }.encode();
    // For a peer of version 1, to whom the hello does not say it.
    if wants_secret {
        said.extend(secret::refusal(BUSY));
    } else {
        busy(role).encode(&mut said);
    }
    link.write_all(&said)?;
    link.shutdown_send()
}

/// The same to a peer with which there is an agreement.
///
/// # Errors
///
/// The connection has failed.
pub fn refuse_busy<T: Transport>(link: &mut T, role: TransferRole, agreement: Agreement) -> io::Result<()> {
    let mut channel = Channel::new(link, agreement);
    let mut said = Vec::new();
    busy(role.into()).encode(&mut said);
    channel.write_all(&said)?;
    channel.shutdown_send()
}

fn busy(role: PeerRole) -> Control {
    let words = BUSY.to_owned();
    match role {
        PeerRole::Sender => Control::Abort { words },
        PeerRole::Receiver => {
            Control::Receipt(Receipt { status: Status::Damaged, totals: Totals::default(), words })
        }
    }
}

/// What a session that did not come to be amounts to.
fn not_agreed(error: SessionError, peer: PeerRole) -> Verdict {
    match error {
        SessionError::Silent(_) => Verdict::Silent {
            words: format!("{error}: it may be an older one that is busy, or is no adieu {}", peer.command()),
            advice: (peer == PeerRole::Receiver).then_some(Advice::SendPlain),
        },
        SessionError::NotBegun(_) => Verdict::Silent { words: error.to_string(), advice: None },
        SessionError::Link(error) => match interrupted(&error) {
            Some(verdict) => verdict,
            None => Verdict::NotAgreed {
                words: match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the peer closed before it had said who it is".to_owned(),
                    _ => format!("{} before the peer had said who it is", outcome::cause(&error)),
                },
                by_link: true,
                advice: None,
            },
        },
        // Another connection may come when it is not.
        SessionError::NotAgreed(error @ NotAgreed::Busy) => {
            Verdict::NotAgreed { words: error.to_string(), by_link: true, advice: Advice::after(&error) }
        }
        other => {
            let advice = match &other {
                SessionError::NotAgreed(error) => Advice::after(error),
                _ => None,
            };
            Verdict::NotAgreed { words: other.to_string(), by_link: false, advice }
        }
    }
}

/// The verdict if a signal has ended the connection. `None`: something else did.
pub(crate) fn interrupted(error: &io::Error) -> Option<Verdict> {
    let ended = error.get_ref()?.downcast_ref::<adieu::Ended>()?;
    match ended.ending {
        adieu::Ending::Interrupted { signal } => Some(Verdict::Interrupted { signal }),
        _ => None,
    }
}

/// Whether the peer has said nothing by which it is an adieu. It would take our end for a sign that its bytes were taken, so
/// it sees a reset: the transport is left open, to be aborted.
fn is_of_a_stranger(error: &SessionError) -> bool {
    use NotAgreed::{BeginsTls, NotThisProtocol, SpeaksTls};
    match error {
        SessionError::NotAgreed(error) => matches!(error, NotThisProtocol { .. } | SpeaksTls | BeginsTls),
        SessionError::Link(_) | SessionError::Silent(_) | SessionError::NotBegun(_) => true,
        SessionError::Secret(_) => false,
    }
}

/// After two sides did not agree: whatever the peer says now is not for us; but it should hear our end, and not a reset. One
/// that has said nothing is not waited for any longer.
fn part<T: Transport>(link: &mut T, verdict: &Verdict, limit: Duration) {
    if !matches!(verdict, Verdict::Silent { .. })
        && link.shutdown_send().is_ok()
        && matches!(verdict, Verdict::NotAgreed { .. })
    {
        hear_out_link(link, limit);
    }
}

fn agree_on<T: Transport>(
    link: &mut T,
    role: PeerRole,
    terms: &Terms<'_>,
) -> Result<Agreement, SessionError> {
    let waits = Waits::new(terms.patience, terms.within, terms.go_on, terms.gate);
    let began = Instant::now();
    let ours = Hello::new(role, terms.secret.is_some());
    let said = ours.encode();
    link.write_all(&said)?;
    let other = NotAgreed::NotThisProtocol { peer: role.other() };
    let mut prefix = [0; HELLO_PREFIX];
    let read = read_exactly(link, &mut prefix, &waits);
    // An alert is shorter than a hello.
    match prefix {
        [0x15, 0x03, ..] => return Err(NotAgreed::SpeaksTls.into()),
        [0x16, 0x03, ..] => return Err(NotAgreed::BeginsTls.into()),
        _ => read?,
    }
    let length = Hello::rest_of(&prefix).ok_or_else(|| other.clone())?;
    let mut rest = vec![0; length];
    read_exactly(link, &mut rest, &waits)?;
    let theirs = Hello::parse(&rest).ok_or(other)?;
    let version = ours.agree(&theirs)?;
    let mut agreement = Agreement { version, began, records: None, early: Vec::new() };
    if let Some(secret) = terms.secret {
        let heard = [&prefix[..], &rest].concat();
        let (first, second) = if role == PeerRole::Sender { (said, heard) } else { (heard, said) };
        let noise = handshake(link, role, secret, &[first, second].concat(), &waits)?;
        agreement.records = Some(Records::new(noise));
    }
    if terms.hears_begin && role == PeerRole::Receiver {
        let mut channel = Channel::new(link, agreement);
        let heard = hear_begin(&mut channel, &waits);
        agreement = Agreement { version, began, records: channel.records, early: channel.early };
        heard?;
    }
    Ok(agreement)
}

/// Begins to speak of files with a peer with which there is an agreement: the way to it, and the outcome so far.
pub(crate) fn begin<'a, T: Transport>(
    link: &'a mut T,
    agreement: Agreement,
    observer: &mut Observer<'_>,
) -> (Channel<&'a mut T>, TransferOutcome) {
    let (start, version) = (agreement.began, agreement.version);
    let channel = Channel::new(link, agreement);
    let encrypted = channel.is_encrypted();
    let mut outcome = TransferOutcome { version: Some(version), encrypted, ..TransferOutcome::new() };
    outcome.times.agreed = Some(start.elapsed());
    // Whoever goes on asks whether that was the end of it.
    let _ = observer.tell(TransferEvent::Agreed { version, encrypted });
    (channel, outcome)
}

/// Waits for the sender's first frame, and keeps what came. An end of the connection is left to whoever reads next.
fn hear_begin<T: Transport>(channel: &mut Channel<T>, waits: &Waits<'_>) -> Result<(), SessionError> {
    let mut early = Vec::new();
    // It is a few bytes long; of more there is no need.
    let mut buffer = [0; 64];
    let began = Instant::now();
    let result = loop {
        // Whatever is no beginning of a frame is the receiver's to refuse.
        if !matches!(Decoder::default().next(&mut &early[..]), Ok(None)) {
            break Ok(());
        }
        let left = waits.left(began);
        if waits.is_over() {
            break Err(SessionError::Link(io::ErrorKind::ConnectionAborted.into()));
        }
        match channel.read_within(&mut buffer, waits.slice(left)) {
            Ok(None) if waits.left(began).is_zero() => {
                break Err(SessionError::NotBegun(Some(waits.limit())));
            }
            Ok(None) => {}
            Ok(Some(0)) => break Ok(()),
            Ok(Some(n)) => early.extend_from_slice(&buffer[..n]),
            Err(error) => match SessionError::from(error) {
                SessionError::Silent(limit) => break Err(SessionError::NotBegun(limit)),
                _ => break Ok(()),
            },
        }
    };
    channel.early = early;
    result
}

impl<T: Transport> Channel<T> {
    pub(crate) fn new(link: T, agreement: Agreement) -> Self {
        Self { link, records: agreement.records, early: agreement.early }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.records.is_some()
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.records {
            None => self.link.write_all(bytes),
            Some(records) => self.link.write_all(records.seal(bytes)?),
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer, None).map(Option::unwrap_or_default)
    }

    pub(crate) fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        self.receive(buffer, Instant::now().checked_add(limit))
    }

    fn receive(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<Option<usize>> {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        if buffer.is_empty() {
            return self.link.read_within(buffer, Duration::ZERO);
        }
        if !self.early.is_empty() {
            let n = self.early.len().min(buffer.len());
            buffer[..n].copy_from_slice(&self.early[..n]);
            self.early.drain(..n);
            return Ok(Some(n));
        }
        let Some(records) = &mut self.records else {
            return match until {
                None => self.link.read(buffer).map(Some),
                Some(until) => self.link.read_within(buffer, left(until)),
            };
        };
        loop {
            let n = records.take(buffer);
            if n > 0 {
                return Ok(Some(n));
            }
            if records.open_next()? {
                continue;
            }
            let incoming = records.room();
            let held = incoming.len();
            incoming.resize(held + RECEIVE, 0);
            let received = match until {
                None => self.link.read(&mut incoming[held..]).map(Some),
                Some(until) => self.link.read_within(&mut incoming[held..], left(until)),
            };
            incoming.truncate(held + received.as_ref().map_or(0, |n| n.unwrap_or(0)));
            match received? {
                None => return Ok(None),
                Some(0) if records.is_cut() => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(0) => return Ok(Some(0)),
                Some(_) => {}
            }
        }
    }

    /// The signal that was heard. `None`: none was.
    pub(crate) fn raised(&self) -> Option<adieu::Signal> {
        self.link.raised()
    }

    /// For so long, a signal does not end the connection: there is a last word to be said.
    pub(crate) fn defer_interrupt(&mut self, limit: Duration) {
        self.link.defer_interrupt(limit);
    }

    pub(crate) fn shutdown_send(&mut self) -> io::Result<()> {
        self.link.shutdown_send()
    }

    pub(crate) fn link(&self) -> &T {
        &self.link
    }
}

/// Waits for the peer's end, for at most `limit`, and keeps nothing of what comes: all has been said. It reads past the
/// encryption. `true`: the peer has ended its side.
pub(crate) fn hear_out<T: Transport>(channel: &mut Channel<T>, limit: Duration) -> bool {
    hear_out_link(&mut channel.link, limit)
}

fn hear_out_link<T: Transport>(link: &mut T, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    let mut buffer = [0; 16 * 1024];
    while Instant::now() < until {
        match link.read_within(&mut buffer, until.saturating_duration_since(Instant::now())) {
            Ok(Some(0)) => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
    false
}
