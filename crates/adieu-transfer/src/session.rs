//! What both sides do first: hellos, and with a secret the handshake. Afterwards both have a channel for frames.

use crate::outcome::Verdict;
use crate::secret::{Records, Secret, SecretError, handshake};
use crate::transport::Transport;
use crate::wire::{HELLO_PREFIX, Hello, NotAgreed, PeerRole};
use std::io;
use std::time::{Duration, Instant};

/// How long the peer may take for its hello and each message of a handshake, if nothing else is said: what speaks another
/// protocol may wait for us for ever, and nobody should have to guess why.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a side waits for the other's end when all has been said.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(30);

/// How much of what is encrypted is received at once.
const RECEIVE: usize = 256 * 1024;

/// Why two sides did not come to speak of files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("{0}")]
    NotAgreed(#[from] NotAgreed),
    #[error("{0}")]
    Secret(SecretError),
    #[error("{0}")]
    Link(io::Error),
    /// It said nothing for so long, if that is known.
    #[error("the peer said nothing for {}", .0.map_or_else(|| "too long".to_owned(), in_words))]
    Silent(Option<Duration>),
}

impl From<SecretError> for SessionError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Link(error) => error.into(),
            error => Self::Secret(error),
        }
    }
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        let source = error.get_ref();
        if let Some(Impatient(limit)) = source.and_then(|e| e.downcast_ref()) {
            return Self::Silent(Some(*limit));
        }
        match source.and_then(|e| e.downcast_ref::<adieu::Ended>()).map(|e| e.ending) {
            Some(adieu::Ending::TimedOut { timer: adieu::Timer::Idle }) => Self::Silent(None),
            _ => Self::Link(error),
        }
    }
}

fn in_words(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

/// Frames go through here, encrypted or not.
pub(crate) struct Channel<T> {
    link: T,
    records: Option<Records>,
}

/// Says hello, hears the peer's, and agrees with it; each time the peer may take so long.
pub(crate) fn open<T: Transport>(
    mut link: T,
    role: PeerRole,
    secret: Option<&Secret>,
    patience: Option<Duration>,
) -> (Channel<T>, Result<u8, SessionError>) {
    match agree(&mut link, role, secret, patience.unwrap_or(PATIENCE)) {
        Ok((version, records)) => (Channel { link, records }, Ok(version)),
        // The connection's own idle timeout was as long, or shorter.
        Err(SessionError::Silent(None)) => {
            (Channel { link, records: None }, Err(SessionError::Silent(patience)))
        }
        Err(error) => (Channel { link, records: None }, Err(error)),
    }
}

/// After two sides did not agree: whatever the peer says now is not for us; but it should hear our end, and not a reset. One
/// that has said nothing is not waited for any longer.
pub(crate) fn part<T: Transport>(channel: &mut Channel<T>, verdict: &Verdict) {
    if !matches!(verdict, Verdict::Silent { .. })
        && channel.shutdown_send().is_ok()
        && matches!(verdict, Verdict::NotAgreed { .. })
    {
        hear_out(channel, LAST_WORDS);
    }
}

fn agree<T: Transport>(
    link: &mut T,
    role: PeerRole,
    secret: Option<&Secret>,
    patience: Duration,
) -> Result<(u8, Option<Records>), SessionError> {
    let ours = Hello::new(role, secret.is_some());
    let said = ours.encode();
    link.write_all(&said)?;
    let other = NotAgreed::NotThisProtocol { peer: role.other().command() };
    let mut prefix = [0; HELLO_PREFIX];
    read_exactly(link, &mut prefix, patience)?;
    let length = Hello::rest_of(&prefix).ok_or_else(|| other.clone())?;
    let mut rest = vec![0; length];
    read_exactly(link, &mut rest, patience)?;
    let theirs = Hello::parse(&rest).ok_or(other)?;
    let version = ours.agree(&theirs)?;
    let Some(secret) = secret else { return Ok((version, None)) };
    let heard = [&prefix[..], &rest].concat();
    let (first, second) = if role == PeerRole::Sender { (said, heard) } else { (heard, said) };
    let noise = handshake(link, role, secret, &[first, second].concat(), patience)?;
    Ok((version, Some(Records::new(noise))))
}

/// The peer let us wait for too long.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the peer said nothing for {}", in_words(*.0))]
struct Impatient(Duration);

/// Fills the buffer, and takes not a byte more from the stream.
pub(crate) fn read_exactly<T: Transport>(
    link: &mut T,
    mut buffer: &mut [u8],
    limit: Duration,
) -> io::Result<()> {
    // A limit beyond the clock's end is as good as none.
    let until = Instant::now().checked_add(limit);
    while !buffer.is_empty() {
        let left = until.map_or(limit, |until| until.saturating_duration_since(Instant::now()));
        match link.read_within(buffer, left)? {
            None => return Err(io::Error::new(io::ErrorKind::TimedOut, Impatient(limit))),
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(n) => buffer = &mut buffer[n..],
        }
    }
    Ok(())
}

impl<T: Transport> Channel<T> {
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
    let until = Instant::now() + limit;
    let mut buffer = [0; 16 * 1024];
    while Instant::now() < until {
        match channel.link.read_within(&mut buffer, until.saturating_duration_since(Instant::now())) {
            Ok(Some(0)) => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
    false
}
