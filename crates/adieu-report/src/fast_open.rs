//! What TCP Fast Open came to.

/// What TCP Fast Open came to on a connection that was to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FastOpen {
    /// There was nothing to go with the SYN.
    Unused,
    /// Our system does not allow it to clients, so this is an ordinary connection.
    Unavailable,
    /// Nothing went with the SYN. Our kernel has no cookie of the peer yet, and asks for one for the next time; or it
    /// leaves Fast Open alone, because it met a network that swallows it; or another address was faster.
    NotSent,
    /// The peer's SYN-ACK acknowledged all that went with our SYN.
    Acknowledged {
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes went with our SYN, and the answer did not acknowledge all of them. If it was a SYN-ACK they were sent again, as
    /// after any loss; if it was a refusal there is no connection.
    NotAcknowledged {
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes went with our SYN, and nothing has answered it. The peer's program may have them.
    Unanswered {
        /// How many bytes.
        bytes: u64,
    },
}

impl FastOpen {
    /// Its name: `unused`, `unavailable`, `not_sent`, `acknowledged`, `not_acknowledged`, `unanswered`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Unavailable => "unavailable",
            Self::NotSent => "not_sent",
            Self::Acknowledged { .. } => "acknowledged",
            Self::NotAcknowledged { .. } => "not_acknowledged",
            Self::Unanswered { .. } => "unanswered",
        }
    }

    /// How many bytes went with the SYN.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Unused | Self::Unavailable | Self::NotSent => 0,
            Self::Acknowledged { bytes } | Self::NotAcknowledged { bytes } | Self::Unanswered { bytes } => {
                bytes
            }
        }
    }

    /// Every outcome, with so many bytes where some went.
    #[cfg(feature = "serde")]
    pub(crate) const fn all(bytes: u64) -> [Self; 6] {
        [
            Self::Unused,
            Self::Unavailable,
            Self::NotSent,
            Self::Acknowledged { bytes },
            Self::NotAcknowledged { bytes },
            Self::Unanswered { bytes },
        ]
    }
}
