//! The first thing each side says: magic, versions, role, whether a secret is wanted.

/// The highest version that this library speaks.
pub const VERSION: u8 = 3;
/// The lowest.
const LOWEST: u8 = 1;

/// From this version on the sender keeps its sending side open until it has the receipt, so that the receipt comes through
/// relays and proxies that close both directions at one side's FIN.
pub(crate) const OPEN_UNTIL_RECEIPT: u8 = 2;

/// From this version on an offer names the hash of its content, and the receiver says neither a size nor a hash.
pub(crate) const NAMED_OFFERS: u8 = 2;

/// From this version on a sender may say the times and permissions of files and directories.
pub(crate) const ATTRIBUTES: u8 = 3;

const MAGIC: [u8; 8] = *b"\x89adieu\n\x1a";
/// How many bytes say how many more there are.
pub const HELLO_PREFIX: usize = 10;
/// What may follow the prefix.
pub const HELLO_LIMIT: usize = 1024;

const WANTS_SECRET: u8 = 1;
/// An older peer ignores it, and is told by what follows.
const IS_BUSY: u8 = 2;

/// Which part a side plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerRole {
    /// It has the content.
    Sender,
    /// It stores it.
    Receiver,
}

/// A hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The lowest version it speaks.
    pub lowest: u8,
    /// The highest version it speaks.
    pub highest: u8,
    /// Its part.
    pub role: PeerRole,
    /// It goes on only with a secret.
    pub wants_secret: bool,
    /// It is busy with another transfer, and ends after what it has said.
    pub is_busy: bool,
}

/// What a peer is told that comes while there is another.
pub(crate) const BUSY: &str = "the peer is busy with another transfer";

/// Why two sides have nothing to say to each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAgreed {
    /// The first bytes are not the magic.
    #[error("the peer does not speak adieu's transfer protocol: is it an adieu {}?", .peer.command())]
    NotThisProtocol {
        /// What it should be.
        peer: PeerRole,
    },
    /// The versions do not meet.
    #[error("no common version: the peer speaks {lowest} to {highest}, this side 1 to {VERSION}")]
    NoCommonVersion {
        /// The peer's lowest.
        lowest: u8,
        /// The peer's highest.
        highest: u8,
    },
    /// Both send, or both receive.
    #[error("both sides are {0}: one must send and the other receive")]
    SameRole(&'static str),
    /// Only the peer has a secret.
    #[error("the peer wants a secret, and this side has none: give this side the same one")]
    SecretWanted,
    /// Only this side has a secret.
    #[error("this side wants a secret, and the peer has none: give it the same one")]
    SecretMissing,
    /// The first bytes are TLS's.
    #[error("the peer speaks TLS, and this side does not: speak it here too")]
    SpeaksTls,
    /// The same, of a side that listens.
    #[error(
        "the peer begins a TLS handshake, and this side listens without TLS: speak it on both sides, or on neither"
    )]
    BeginsTls,
    /// The peer serves another client.
    #[error("{BUSY}")]
    Busy,
}

impl PeerRole {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }

    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Sender => "send",
            Self::Receiver => "receive",
        }
    }
}

impl Hello {
    /// What this library says.
    pub const fn new(role: PeerRole, wants_secret: bool) -> Self {
        Self { lowest: LOWEST, highest: VERSION, role, wants_secret, is_busy: false }
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let role = match self.role {
            PeerRole::Sender => 1,
            PeerRole::Receiver => 2,
        };
        let features =
            if self.wants_secret { WANTS_SECRET } else { 0 } | if self.is_busy { IS_BUSY } else { 0 };
        [&MAGIC[..], &[0, 4, self.lowest, self.highest, role, features]].concat()
    }

    /// From the first ten bytes: how many follow. `None`: this is no hello.
    pub fn rest_of(prefix: &[u8; HELLO_PREFIX]) -> Option<usize> {
        let (magic, length) = prefix.split_at(MAGIC.len());
        let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
        (magic == MAGIC && (4..=HELLO_LIMIT).contains(&length)).then_some(length)
    }

    /// From what follows the prefix. What a later version has appended is ignored. `None`: this is no hello.
    pub fn parse(rest: &[u8]) -> Option<Self> {
        let [lowest, highest, role, features, ..] = *rest else { return None };
        let role = match role {
            1 => PeerRole::Sender,
            2 => PeerRole::Receiver,
            _ => return None,
        };
        (lowest <= highest).then_some(Self {
            lowest,
            highest,
            role,
            wants_secret: features & WANTS_SECRET != 0,
            is_busy: features & IS_BUSY != 0,
        })
    }

    /// The version that both speak.
    ///
    /// # Errors
    ///
    /// There is none, or the two do not belong together.
    pub fn agree(&self, peer: &Self) -> Result<u8, NotAgreed> {
        let version = self.highest.min(peer.highest);
        if version < self.lowest || version < peer.lowest {
            return Err(NotAgreed::NoCommonVersion { lowest: peer.lowest, highest: peer.highest });
        }
        if self.role == peer.role {
            let word = if self.role == PeerRole::Sender { "senders" } else { "receivers" };
            return Err(NotAgreed::SameRole(word));
        }
        match (self.wants_secret, peer.wants_secret) {
            _ if peer.is_busy => Err(NotAgreed::Busy),
            (false, true) => Err(NotAgreed::SecretWanted),
            (true, false) => Err(NotAgreed::SecretMissing),
            _ => Ok(version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<Hello> {
        let (prefix, rest) = bytes.split_first_chunk()?;
        (Hello::rest_of(prefix)? == rest.len()).then(|| Hello::parse(rest))?
    }

    #[test]
    fn what_is_said_is_what_is_heard() {
        for role in [PeerRole::Sender, PeerRole::Receiver] {
            for (wants_secret, is_busy) in [(false, false), (true, false), (false, true), (true, true)] {
                let hello = Hello { is_busy, ..Hello::new(role, wants_secret) };
                assert_eq!(decoded(&hello.encode()), Some(hello));
            }
        }
    }

    #[test]
    fn a_later_version_talks_to_this_one() {
        let ours = Hello::new(PeerRole::Sender, false);
        let mut later = Hello { highest: 7, ..Hello::new(PeerRole::Receiver, false) }.encode();
        later.extend([9; 100]);
        later[9] = 104;
        let later = decoded(&later).expect("what is appended is ignored");
        assert_eq!((ours.agree(&later), later.agree(&ours)), (Ok(VERSION), Ok(VERSION)));
        let earlier = Hello { highest: 1, ..later };
        assert_eq!((ours.agree(&earlier), earlier.agree(&ours)), (Ok(1), Ok(1)));
        let much_later = Hello { lowest: 4, highest: 7, ..later };
        assert_eq!(ours.agree(&much_later), Err(NotAgreed::NoCommonVersion { lowest: 4, highest: 7 }));
    }

    #[test]
    fn two_that_do_not_belong_together_do_not_agree() {
        let sender = Hello::new(PeerRole::Sender, false);
        assert_eq!(sender.agree(&sender), Err(NotAgreed::SameRole("senders")));
        let secret = Hello::new(PeerRole::Receiver, true);
        assert_eq!(sender.agree(&secret), Err(NotAgreed::SecretWanted));
        assert_eq!(secret.agree(&sender), Err(NotAgreed::SecretMissing));
        assert_eq!(decoded(b"HTTP/1.1 400 Bad Request\r\n"), None);
    }
}
