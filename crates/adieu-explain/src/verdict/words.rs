//! The words of a verdict: who, how, and what it came to.

use serde::Serialize;

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Sent the first SYN.
    Client,
    /// Was connected to.
    Server,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Which side chose first to end, by FIN or by RST. A refusal is the server's choice; a box between is no side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedFirst {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Both: neither knew yet that the other ended.
    Both,
    /// Neither did.
    None,
}

/// How a side ended its own direction. A FIN stays a FIN if an RST of the same side follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum SideEnd {
    /// By FIN: everything before it was whole.
    #[serde(rename = "FIN")]
    Fin,
    /// By RST.
    #[serde(rename = "RST")]
    Rst,
    /// It did not.
    #[serde(rename = "none")]
    None,
}

/// Who really sent an RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The client's host.
    Client,
    /// The server's host.
    Server,
    /// Something between the two, in the name of one of them.
    Middlebox,
}

impl Actor {
    /// The word of the columns.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Middlebox => "middlebox",
        }
    }
}

impl From<Side> for Actor {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

/// Why an RST was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetKind {
    /// An abort: SO_LINGER with zero, or an equivalent. A system that destroys a socket (`ss -K`, or for want of memory)
    /// looks the same.
    Linger0,
    /// A program, or the system at its death, closed the socket with received octets unread, or while more arrived.
    UnreadClose,
    /// The answer to a segment for a socket that its program had closed, or that had been reset.
    DeadSocket,
    /// The answer to a SYN: nothing listens on the port.
    Refused,
    /// The answer of a host that knows nothing of the connection: it was restarted, or gave up without a word.
    HalfOpen,
    /// The server's system gave the connection up before its program took it: the queue of `accept` was full
    /// (`tcp_abort_on_overflow`), or the program stopped to listen. It is only ever a candidate.
    NotAccepted,
    /// The answer to a SYN-ACK that was not expected: a port scan, or a connection that was given up.
    NoSocket,
    /// Keep-alive probes had no answer.
    KeepaliveTimeout,
    /// A box between made it, and it took effect.
    Injected,
    /// It had no effect: outside of the window, and not from the side in whose name it came.
    Ignored,
}

impl ResetKind {
    /// The word of the columns.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linger0 => "linger0",
            Self::UnreadClose => "unread_close",
            Self::DeadSocket => "dead_socket",
            Self::Refused => "refused",
            Self::HalfOpen => "half_open",
            Self::NotAccepted => "not_accepted",
            Self::NoSocket => "no_socket",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::Injected => "injected",
            Self::Ignored => "ignored",
        }
    }
}

/// Whether anything is open when the capture stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenAtEnd {
    /// Both directions are open.
    Yes,
    /// One direction has ended.
    Half,
    /// Nothing is open.
    No,
}

/// Which sides sent TLS close_notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum CloseNotify {
    /// The connection does not carry TLS.
    #[serde(rename = "-")]
    NotTls,
    /// Neither side.
    #[serde(rename = "none")]
    None,
    /// The client.
    #[serde(rename = "client")]
    Client,
    /// The server.
    #[serde(rename = "server")]
    Server,
    /// Both sides.
    #[serde(rename = "both")]
    Both,
}

/// What a connection carries, as far as its octets tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// TLS, of whatever.
    Tls,
    /// HTTP/1, without TLS.
    Http,
}

/// How a connection ended, as far as the capture shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Both sides ended by FIN, and everything was acknowledged.
    Graceful,
    /// By an RST that took effect.
    Reset,
    /// There was no connection: the SYN was answered by an RST, or the SYN-ACK was.
    Refused,
    /// There was no connection: no SYN was answered.
    NoAnswer,
    /// TCP ended in order, but the message was cut: TLS without close_notify, or an HTTP body that is too short.
    Truncated,
    /// Octets or a FIN have no acknowledgement, and the other side is mute.
    Silent,
    /// It has not ended.
    Open,
}

impl Ending {
    /// The word of the columns.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Graceful => "graceful",
            Self::Reset => "reset",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::Truncated => "truncated",
            Self::Silent => "silent",
            Self::Open => "open",
        }
    }
}
