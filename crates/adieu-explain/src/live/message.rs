//! The messages of inet_diag: the request for the TCP sockets of a machine, and the sockets in the answers.
//!
//! Octets in, facts out: this module makes no system call. It believes no length that it was not given room for, and a message
//! that makes no sense is counted and passed over. Fields that an older kernel leaves out are not known, and never zero.
//!
//! Source: sock_diag(7); `linux/netlink.h`, `linux/inet_diag.h` and `linux/tcp.h` of Linux.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A family of addresses, as the kernel numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6, with the sockets that take IPv4 too.
    V6,
}

impl Family {
    const fn number(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }
}

/// The state of a TCP socket, as Linux has it (`net/tcp_states.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are those of RFC 9293")]
pub enum State {
    Established,
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

impl State {
    const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12 is a request that has no socket yet.
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }

    /// Its name in RFC 9293, with underscores, as netstat and `/proc/net/tcp` tools write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN_SENT",
            Self::SynReceived => "SYN_RECEIVED",
            Self::FinWait1 => "FIN_WAIT_1",
            Self::FinWait2 => "FIN_WAIT_2",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
        }
    }
}

/// The timer that runs for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// None.
    Off,
    /// Data, or a FIN, is sent again if it is not acknowledged in time.
    Retransmission,
    /// Keep-alive; or how long a socket without an owner is kept.
    KeepAlive,
    /// TIME_WAIT; or FIN_WAIT_2 of a socket without an owner.
    TimeWait,
    /// The peer's window is closed, or too small for what is next: it is asked again and again.
    WindowProbe,
    /// Another.
    Other,
}

/// One TCP socket, as the kernel described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its state.
    pub state: State,
    /// Its own address. An IPv4 address within IPv6 stands as IPv4.
    pub local: SocketAddr,
    /// The peer's address.
    pub peer: SocketAddr,
    /// The inode that `/proc/PID/fd` names. 0: no process holds it.
    pub inode: u32,
    /// The user that owns it.
    pub uid: u32,
    /// The timer that runs.
    pub timer: Timer,
    /// How long until it fires.
    pub expires: Duration,
    /// Retransmissions, or probes, since the last acknowledgement.
    pub attempts: u8,
    /// Octets that wait to be received. The peer's FIN counts as one until it has been received. Of a listener: connections
    /// that wait to be accepted.
    pub receive_queue: u32,
    /// Octets that are not acknowledged, sent or not. Our FIN counts as one. Of a listener: how many connections may wait.
    pub send_queue: u32,
    /// What TCP_INFO adds. `None`: the kernel keeps no more of it, as in TIME_WAIT.
    pub info: Option<Info>,
    /// A protocol above TCP that owns it, as TLS in the kernel or Multipath TCP: then no inode does not mean no owner.
    pub has_upper_protocol: bool,
}

/// What TCP_INFO tells of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Time since data was last sent; a FIN alone and probes do not count.
    pub last_data_sent: Duration,
    /// Time since data was last received. A FIN does not count.
    pub last_data_received: Duration,
    /// Time since a segment with an acknowledgement was last received. A FIN has one too.
    pub last_ack_received: Duration,
    /// Octets that were not sent yet, with a FIN that waits behind them. `None`: not told (before Linux 4.6).
    pub not_sent: Option<u32>,
    /// Segments that were sent again, all in all.
    pub retransmitted_segments: u32,
    /// The peer's window. `None`: not told (before Linux 6.2).
    pub peer_window: Option<u32>,
}

/// The request for all TCP sockets of a family, in every state, with TCP_INFO.
pub fn request(family: Family) -> [u8; REQUEST] {
    const REQUEST_FLAG: u16 = 0x1;
    const DUMP: u16 = 0x300;
    const TCP: u8 = 6;
    const ALL_STATES: u32 = 0xffff_ffff;
    let mut octets = [0; REQUEST];
    octets[0..4].copy_from_slice(&u32::from(REQUEST_LENGTH).to_ne_bytes());
    octets[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    octets[6..8].copy_from_slice(&(REQUEST_FLAG | DUMP).to_ne_bytes());
    octets[HEADER] = family.number();
    octets[HEADER + 1] = TCP;
    octets[HEADER + 2] = 1 << (ATTRIBUTE_INFO - 1);
    octets[HEADER + 4..HEADER + 8].copy_from_slice(&ALL_STATES.to_ne_bytes());
    octets
}

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_DUMP_INTR`.
const INTERRUPTED: u16 = 0x10;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// The header and `struct inet_diag_req_v2`.
const REQUEST_LENGTH: u8 = 16 + 56;
const REQUEST: usize = REQUEST_LENGTH as usize;
/// `struct inet_diag_msg`.
const MESSAGE: usize = 72;
/// `INET_DIAG_INFO`.
const ATTRIBUTE_INFO: u16 = 2;
/// `INET_DIAG_ULP_INFO`.
const ATTRIBUTE_UPPER_PROTOCOL: u16 = 18;

/// Why a dump has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The kernel refused it, with this error number.
    #[error("the kernel refused to list its sockets (error {0})")]
    Refused(i32),
}

/// Reads the answers to one [`request`].
#[derive(Debug, Default)]
pub struct Dump {
    is_done: bool,
    was_interrupted: bool,
    malformed: u64,
}

impl Dump {
    /// Takes one datagram of the kernel's, and gives each socket in it.
    ///
    /// # Errors
    ///
    /// The kernel refused the request.
    pub fn take(&mut self, datagram: &[u8], each: &mut impl FnMut(Socket)) -> Result<(), DumpError> {
        let mut rest = datagram;
        while !rest.is_empty() && !self.is_done {
            let Some((length, kind, flags)) = header(rest) else {
                self.malformed += 1;
                return Ok(());
            };
            let body = &rest[HEADER..length];
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            self.was_interrupted |= flags & INTERRUPTED != 0;
            match kind {
                BY_FAMILY => match socket(body) {
                    Some(socket) => each(socket),
                    None => self.malformed += 1,
                },
                DONE | ERROR => {
                    self.is_done = true;
                    let error = number(body, 0).map_or(0, u32::cast_signed);
                    if error != 0 {
                        return Err(DumpError::Refused(error.saturating_neg()));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the kernel has told everything.
    pub const fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether sockets came and went so that some can be missing, or there twice.
    pub const fn was_interrupted(&self) -> bool {
        self.was_interrupted
    }

    /// How many messages made no sense.
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }
}

/// Length, type and flags of the message at the beginning, which is there as a whole.
fn header(octets: &[u8]) -> Option<(usize, u16, u16)> {
    let length = usize::try_from(number(octets, 0)?).ok()?;
    let kind = u16::from_ne_bytes(octets.get(4..6)?.try_into().ok()?);
    let flags = u16::from_ne_bytes(octets.get(6..8)?.try_into().ok()?);
    (length >= HEADER && length <= octets.len()).then_some((length, kind, flags))
}

fn number(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(octets.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A socket of `struct inet_diag_msg` and its attributes.
fn socket(body: &[u8]) -> Option<Socket> {
    let (fixed, attributes) = body.split_first_chunk::<MESSAGE>()?;
    let port = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = fixed[at..at + 16].try_into().ok()?;
        match fixed[0] {
            2 => Some(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into()),
            10 => Some(Ipv6Addr::from(octets).to_canonical()),
            _ => None,
        }
    };
    let mut socket = Socket {
        state: State::of(fixed[1])?,
        local: SocketAddr::new(address(8)?, port(4)),
        peer: SocketAddr::new(address(24)?, port(6)),
        inode: number(fixed, 68)?,
        uid: number(fixed, 64)?,
        timer: match fixed[2] {
            0 => Timer::Off,
            1 => Timer::Retransmission,
            2 => Timer::KeepAlive,
            3 => Timer::TimeWait,
            4 => Timer::WindowProbe,
            _ => Timer::Other,
        },
        expires: Duration::from_millis(number(fixed, 52)?.into()),
        attempts: fixed[3],
        receive_queue: number(fixed, 56)?,
        send_queue: number(fixed, 60)?,
        info: None,
        has_upper_protocol: false,
    };
    let mut rest = attributes;
    while let Some((kind, value, next)) = attribute(rest) {
        match kind {
            ATTRIBUTE_INFO => socket.info = info(value),
            ATTRIBUTE_UPPER_PROTOCOL => socket.has_upper_protocol = true,
            _ => {}
        }
        rest = next;
    }
    Some(socket)
}

/// The attribute at the beginning, and what follows it.
fn attribute(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    /// `NLA_TYPE_MASK`
    const TYPE: u16 = 0x3fff;
    const ATTRIBUTE: usize = 4;
    let length = usize::from(u16::from_ne_bytes(octets.get(0..2)?.try_into().ok()?));
    let kind = u16::from_ne_bytes(octets.get(2..4)?.try_into().ok()?) & TYPE;
    let value = octets.get(ATTRIBUTE..length)?;
    Some((kind, value, octets.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// `struct tcp_info`, as far as this kernel fills it.
fn info(octets: &[u8]) -> Option<Info> {
    let milliseconds = |at: usize| Some(Duration::from_millis(number(octets, at)?.into()));
    Some(Info {
        last_data_sent: milliseconds(44)?,
        last_data_received: milliseconds(52)?,
        last_ack_received: milliseconds(56)?,
        retransmitted_segments: number(octets, 100)?,
        not_sent: number(octets, 144),
        peer_window: number(octets, 228),
    })
}
