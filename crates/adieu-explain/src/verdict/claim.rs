//! A fact with how sure it is, or the reason why it cannot be known.

use serde::Serialize;

/// How sure a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// There are signs of it, and it could be otherwise.
    Hinted,
    /// It follows from what was seen, by how TCP stacks behave.
    Concluded,
    /// A frame of the capture shows it.
    Seen,
}

/// Why something cannot be known from this capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unknown {
    /// Nothing on any wire tells it: two causes look alike, or it happened inside a host.
    NotOnTheWire,
    /// The capture has no packet of the direction that would tell it.
    DirectionNotCaptured,
    /// The capture missed frames that would tell it.
    FramesMissing,
    /// The capture begins too late.
    CaptureBeginsLate,
    /// The capture stops too early.
    CaptureStopsEarly,
    /// The receiver's window has shrunk: an unknown part of what it acknowledged is unread.
    WindowShrunk,
    /// The sender could not send on, because the window was closed or full: more may have waited in its kernel.
    SenderWasHeldUp,
    /// What was captured contradicts itself.
    Contradictory,
    /// Both ends have the same address and port, so what one sends looks like what the other sends.
    SameEnds,
    /// More connections were open at once than are followed, and this one was given up before its end.
    NotFollowed,
    /// A program drew the packets from its calls, and the wire is not in them.
    Drawn,
}

/// Which further capture, taken at the same time, would settle what this one cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Vantage {
    /// At the client's own interface.
    AtTheClient,
    /// At the server's own interface.
    AtTheServer,
    /// On the other side of the box that is suspected: between it and the side in whose name the RST came.
    BehindTheBox,
    /// The same place, begun earlier or stopped later.
    ForLonger,
    /// The same capture, if fewer of its connections are followed.
    FewerConnections,
    /// On any wire that the connection crossed.
    OnTheWire,
    /// No capture: only the program or its kernel can tell.
    None,
}

/// A fact with its grade, or the reason why it cannot be known.
///
/// What cannot be known is not guessed, and never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<T> {
    /// It is known.
    Known {
        /// The fact.
        value: T,
        /// How sure it is.
        grade: Grade,
    },
    /// It cannot be known.
    Unknown {
        /// Why.
        reason: Unknown,
        /// Which further capture would settle it.
        settled_by: Vantage,
    },
}

impl<T> Claim<T> {
    /// A fact that a frame shows.
    pub const fn seen(value: T) -> Self {
        Self::Known { value, grade: Grade::Seen }
    }

    /// A fact that follows from what was seen.
    pub const fn concluded(value: T) -> Self {
        Self::Known { value, grade: Grade::Concluded }
    }

    /// A fact for which there are signs.
    pub const fn hinted(value: T) -> Self {
        Self::Known { value, grade: Grade::Hinted }
    }

    /// A fact that cannot be known.
    pub const fn unknown(reason: Unknown, settled_by: Vantage) -> Self {
        Self::Unknown { reason, settled_by }
    }

    /// The fact. `None`: it cannot be known.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// How sure the fact is. `None`: it cannot be known.
    pub const fn grade(&self) -> Option<Grade> {
        match self {
            Self::Known { grade, .. } => Some(*grade),
            Self::Unknown { .. } => None,
        }
    }

    /// Why it cannot be known. `None`: it is known.
    pub const fn reason(&self) -> Option<Unknown> {
        match self {
            Self::Known { .. } => None,
            Self::Unknown { reason, .. } => Some(*reason),
        }
    }

    /// Which further capture would settle it. `None`: it is known.
    pub const fn settled_by(&self) -> Option<Vantage> {
        match self {
            Self::Known { .. } => None,
            Self::Unknown { settled_by, .. } => Some(*settled_by),
        }
    }

    /// The claim, but unknown if its value is `doubtful`.
    #[must_use]
    pub(crate) fn unless(
        self,
        doubtful: impl FnOnce(&T) -> bool,
        reason: Unknown,
        settled_by: Vantage,
    ) -> Self {
        match self {
            Self::Known { value, .. } if doubtful(&value) => Self::Unknown { reason, settled_by },
            claim => claim,
        }
    }

    /// The same claim about something that follows from the fact.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Claim<U> {
        match self {
            Self::Known { value, grade } => Claim::Known { value: f(value), grade },
            Self::Unknown { reason, settled_by } => Claim::Unknown { reason, settled_by },
        }
    }
}

/// The fact itself, or null.
impl<T: Serialize> Serialize for Claim<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}
