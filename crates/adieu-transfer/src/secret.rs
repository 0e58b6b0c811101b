//! A passphrase that both sides know: it authenticates them to each other and encrypts what they say.
//!
//! SPAKE2 makes a key of the passphrase: an eavesdropper learns nothing to test guesses against, and a participant can
//! try one guess with each connection. A Noise handshake with that key (NNpsk0) confirms it to both sides and makes the
//! records' keys. Both are published and analysed constructions; neither crate has had a formal audit, and they are the
//! ones that Rust programs use for this (`spake2`: RustCrypto, magic-wormhole; `snow`: libp2p, Cloudflare's boringtun kin).

use crate::patience::{NotRead, Waits, in_words, read_exactly};
use crate::transport::Transport;
use crate::wire::{PeerRole, shown};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver, RingResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{HandshakeState, TransportState};
use spake2::{Ed25519Group, Identity, Password, Spake2};
use std::io;
use std::time::Duration;

const NOISE: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
const MESSAGE: u8 = 0x41;
const REFUSAL: u8 = 0x42;
const MESSAGE_LIMIT: usize = 1024;

/// The most that Noise puts into one message, and how much of it is the tag.
const RECORD_LIMIT: usize = 65535;
const TAG: usize = 16;
const RECORD_HEADER: usize = 2;

/// A passphrase. It is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes a passphrase; line ends at its end do not belong to it. `None`: nothing is left.
    ///
    /// `None` in the options means no secret. So a program whose passphrase comes from outside checks for it: an empty file would
    /// otherwise turn the encryption off.
    pub fn new(passphrase: &[u8]) -> Option<Self> {
        let end = passphrase.iter().rposition(|b| !matches!(b, b'\n' | b'\r'))?;
        Some(Self(passphrase[..=end].to_vec()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Why there is no common secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The secrets are not the same, or a machine in the middle changes what they say.
    #[error("the secrets of the two sides are not the same")]
    Different,
    /// The other side says so.
    #[error("the peer refuses the secret: {0}")]
    Refused(String),
    /// What came is no message of the handshake.
    #[error("the peer does not take part in the handshake of the secret")]
    NotUnderstood,
    /// This side failed by itself, whatever the peer does: for example, the system gave no random numbers.
    #[error("this side cannot carry out the handshake of the secret: {0}")]
    Unable(#[from] snow::Error),
    /// The peer said nothing for this long.
    #[error("the peer said nothing for {}", in_words(*.0))]
    Silent(Duration),
    /// The connection failed.
    #[error("{0}")]
    Link(#[from] io::Error),
}

impl From<NotRead> for SecretError {
    fn from(why: NotRead) -> Self {
        match why {
            NotRead::Silent(limit) => Self::Silent(limit),
            NotRead::Link(error) => Self::Link(error),
        }
    }
}

/// Carries out the handshake. `prologue` is what both have said before, the sender's first.
pub(crate) fn handshake<T: Transport>(
    link: &mut T,
    role: PeerRole,
    secret: &Secret,
    prologue: &[u8],
    waits: &Waits<'_>,
) -> Result<TransportState, SecretError> {
    let (password, sender, receiver) =
        (Password::new(&secret.0), Identity::new(b"adieu sender"), Identity::new(b"adieu receiver"));
    let (state, ours) = match role {
        PeerRole::Sender => Spake2::<Ed25519Group>::start_a(&password, &sender, &receiver),
        PeerRole::Receiver => Spake2::<Ed25519Group>::start_b(&password, &sender, &receiver),
    };
    send(link, MESSAGE, &ours)?;
    let theirs = receive(link, waits)?;
    // From here on what this side says tells whether a guess was right.
    waits.pass()?;
    let key = state.finish(&theirs).map_err(|_| SecretError::NotUnderstood)?;
    let key: [u8; 32] = key.try_into().map_err(|_| SecretError::NotUnderstood)?;
    let (first, second) = if role == PeerRole::Sender { (ours, theirs) } else { (theirs, ours) };
    let prologue = [prologue, &first, &second].concat();
    let mut noise = noise(role, &key, &prologue)?;
    let mut buffer = [0; MESSAGE_LIMIT];
    let wrong = |link: &mut T| {
        // The peer learns that a guess was wrong, which the end of the connection says as well.
        let _ = send(link, REFUSAL, b"it is not the same");
        SecretError::Different
    };
    match role {
        PeerRole::Sender => {
            let n = noise.write_message(&[], &mut buffer)?;
            send(link, MESSAGE, &buffer[..n])?;
            let answer = receive(link, waits)?;
            noise.read_message(&answer, &mut buffer).map_err(|_| wrong(link))?;
        }
        PeerRole::Receiver => {
            let question = receive(link, waits)?;
            noise.read_message(&question, &mut buffer).map_err(|_| wrong(link))?;
            let n = noise.write_message(&[], &mut buffer)?;
            send(link, MESSAGE, &buffer[..n])?;
        }
    }
    Ok(noise.into_transport_mode()?)
}

fn noise(role: PeerRole, key: &[u8; 32], prologue: &[u8]) -> Result<HandshakeState, snow::Error> {
    let builder = snow::Builder::with_resolver(NOISE.parse()?, Box::new(Primitives));
    let builder = builder.psk(0, key)?.prologue(prologue)?;
    match role {
        PeerRole::Sender => builder.build_initiator(),
        PeerRole::Receiver => builder.build_responder(),
    }
}

/// What Noise is made of: snow's own, but for the random numbers.
///
/// Snow's own come from `getrandom` 0.3, which looks up the C library's function by dlsym(3). A static program finds nothing there and
/// opens /dev/urandom, which an empty root does not have. Ring, like `spake2`, makes the system call.
struct Primitives;

impl CryptoResolver for Primitives {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        RingResolver.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

fn send<T: Transport>(link: &mut T, kind: u8, message: &[u8]) -> io::Result<()> {
    link.write_all(&framed(kind, message))
}

fn framed(kind: u8, message: &[u8]) -> Vec<u8> {
    // A message of the handshake has a hundred bytes.
    let [a, b, c, d] = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[kind, a, b, c, d], message].concat()
}

/// In place of a message: no, and why.
pub(crate) fn refusal(words: &str) -> Vec<u8> {
    framed(REFUSAL, words.as_bytes())
}

fn receive<T: Transport>(link: &mut T, waits: &Waits<'_>) -> Result<Vec<u8>, SecretError> {
    let mut header = [0; 5];
    read_exactly(link, &mut header, waits)?;
    let [kind, a, b, c, d] = header;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > MESSAGE_LIMIT {
        return Err(SecretError::NotUnderstood);
    }
    let mut message = vec![0; length];
    read_exactly(link, &mut message, waits)?;
    match kind {
        MESSAGE => Ok(message),
        REFUSAL => Err(SecretError::Refused(shown(&message))),
        _ => Err(SecretError::NotUnderstood),
    }
}

/// The records: encrypts what is sent, and decrypts what is received.
pub(crate) struct Records {
    noise: TransportState,
    sealed: Vec<u8>,
    /// Received, and no whole record yet.
    incoming: Vec<u8>,
    /// Where the next record begins in it.
    parsed: usize,
    opened: Vec<u8>,
    /// What of `opened` was handed on.
    taken: usize,
    /// A record was changed.
    is_changed: bool,
}

impl Records {
    pub(crate) fn new(noise: TransportState) -> Self {
        Self {
            noise,
            sealed: Vec::new(),
            incoming: Vec::new(),
            parsed: 0,
            opened: Vec::new(),
            taken: 0,
            is_changed: false,
        }
    }

    /// Encrypts into records.
    pub(crate) fn seal(&mut self, bytes: &[u8]) -> io::Result<&[u8]> {
        self.sealed.clear();
        for piece in bytes.chunks(RECORD_LIMIT - TAG) {
            let start = self.sealed.len();
            let length = piece.len() + TAG;
            self.sealed.resize(start + RECORD_HEADER + length, 0);
            let record = &mut self.sealed[start + RECORD_HEADER..];
            self.noise.write_message(piece, record).map_err(io::Error::other)?;
            // At most RECORD_LIMIT, which is what two bytes hold.
            let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            self.sealed[start..start + RECORD_HEADER].copy_from_slice(&length);
        }
        Ok(&self.sealed)
    }

    /// Takes from what was decrypted.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.opened[self.taken..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.taken += n;
        n
    }

    /// Room for what is received next; `received` says how much it was.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        self.incoming.drain(..self.parsed);
        self.parsed = 0;
        &mut self.incoming
    }

    /// Decrypts the next record, if it is whole.
    ///
    /// # Errors
    ///
    /// Somebody has changed it, or it is none.
    pub(crate) fn open_next(&mut self) -> io::Result<bool> {
        let rest = &self.incoming[self.parsed..];
        let Some((header, rest)) = rest.split_first_chunk::<RECORD_HEADER>() else { return Ok(false) };
        let length = usize::from(u16::from_be_bytes(*header));
        let Some(record) = rest.get(..length) else { return Ok(false) };
        self.opened.resize(length.max(TAG), 0);
        self.taken = 0;
        // What stands in the buffer after a failure is somebody's who has no key, and after that nothing is to be trusted.
        let opened =
            if self.is_changed { None } else { self.noise.read_message(record, &mut self.opened).ok() };
        let Some(n) = opened else {
            self.is_changed = true;
            self.opened.clear();
            return Err(io::Error::new(io::ErrorKind::InvalidData, Changed));
        };
        self.opened.truncate(n);
        self.parsed += RECORD_HEADER + length;
        Ok(true)
    }

    /// Whether an end would come in the middle of a record.
    pub(crate) fn is_cut(&self) -> bool {
        self.parsed < self.incoming.len()
    }
}

/// A record that was changed on the way.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("an encrypted record was changed on the way")]
pub(crate) struct Changed;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Records, Records) {
        let [mut ours, mut theirs] = [PeerRole::Sender, PeerRole::Receiver]
            .map(|role| noise(role, &[7; 32], b"prologue").expect("a handshake"));
        let (mut message, mut nothing) = ([0; MESSAGE_LIMIT], [0; MESSAGE_LIMIT]);
        let n = ours.write_message(&[], &mut message).expect("the first message");
        theirs.read_message(&message[..n], &mut nothing).expect("it is right");
        let n = theirs.write_message(&[], &mut message).expect("the second message");
        ours.read_message(&message[..n], &mut nothing).expect("it is right");
        let [ours, theirs] =
            [ours, theirs].map(|noise| Records::new(noise.into_transport_mode().expect("it is over")));
        (ours, theirs)
    }

    #[test]
    fn nothing_of_a_record_that_is_not_authentic_is_ever_taken() {
        // Shorter and longer than what was taken before it.
        for forged in [&b""[..], b"x", &[b'x'; 200]] {
            let (mut ours, mut theirs) = pair();
            let mut taken = [0; 300];
            let before = ours.seal(&[b'b'; 100]).expect("it is short").to_vec();
            theirs.room().extend(before);
            assert!(theirs.open_next().expect("it is whole"));
            assert_eq!(theirs.take(&mut taken), 100);
            let length = u16::try_from(forged.len() + TAG).expect("it is short");
            theirs.room().extend([&length.to_be_bytes()[..], forged, &[0; TAG]].concat());
            for _ in 0..2 {
                assert!(theirs.open_next().is_err(), "it has no tag");
                assert_eq!(theirs.take(&mut taken), 0);
                // One that is authentic changes nothing.
                let after = ours.seal(b"after").expect("it is short").to_vec();
                theirs.room().extend(after);
            }
        }
    }
}
