//! What the octets and numbers of the BSDs and of macOS say of the end of a connection. Pure: it is compiled and tested on every
//! system, and the calls that give those octets are in the folder `bsd`.
//!
//! No system counts the octets of sequence space that are not acknowledged, as Linux does. What they tell is two things:
//!
//! - **The send queue** (`so_snd.sb_cc`): the bytes that our kernel accepted and the peer's TCP has not acknowledged, sent or not. Our
//!   FIN is none of them.
//! - **The state of the TCP**, from which the FIN follows (RFC 9293, section 3.3.2). `shutdown` enters FIN-WAIT-1 or LAST-ACK at once,
//!   also while the FIN is queued behind bytes (`tcp_usrclosed`), and its acknowledgement leads to FIN-WAIT-2, to TIME-WAIT, or out of
//!   LAST-ACK.
//!
//! | state | unacknowledged |
//! | --- | --- |
//! | ESTABLISHED, CLOSE-WAIT | the queue |
//! | FIN-WAIT-1, CLOSING, LAST-ACK | the queue, and our FIN |
//! | FIN-WAIT-2, TIME-WAIT | nothing |
//! | over | each system's own, see below |
//!
//! **Over is no acknowledgement.** An RST that comes in LAST-ACK or CLOSING ends the connection on most of these systems without any
//! error (`tcp_input`: `case TCPS_CLOSING: case TCPS_LAST_ACK: tp = tcp_close(tp)`), so after it everything looks as after the
//! acknowledgement of our FIN. What is left there:
//!
//! | system | once the protocol block is gone | is everything acknowledged? |
//! | --- | --- | --- |
//! | macOS | TCP_CONNECTION_INFO goes on, state CLOSED | known: `tcpi_txunacked` and the queue stay as they were |
//! | FreeBSD | ECONNRESET (`tcp_ctloutput`, INP_DROPPED); up to FreeBSD 13 in TIME-WAIT too | yes, if no error was reported: an RST sets ECONNRESET in every state |
//! | NetBSD, OpenBSD | ECONNRESET (`tcp_ctloutput`, no `so_pcb`) | not known |
//!
//! A queue that is read then says nothing: FreeBSD has emptied it (`soisdisconnected`). So the state is read after the queue, and a
//! queue counts only where the state says that the connection was there.

#![cfg_attr(not(test), allow(dead_code, reason = "each system uses its own part"))]

use crate::SampleContext;
use adieu_proto::{Asking, Path, Unacknowledged};
use std::time::Duration;

/// What a call for an option of TCP gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// So many octets of the option's struct. An older system has fewer.
    Octets(&'a [u8]),
    /// ECONNRESET: the protocol block is gone, or it is in TIME-WAIT (FreeBSD 13 and before).
    Gone,
    /// The system does not have the option, or does not tell.
    Nothing,
}

/// Where our side of a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Standing {
    /// ESTABLISHED: neither FIN.
    Open,
    /// CLOSE-WAIT: the peer's FIN has come, and our sending side is not shut down.
    PeerEnded,
    /// FIN-WAIT-1: our sending side is shut down, and our FIN is not acknowledged.
    FinOutstanding,
    /// CLOSING, LAST-ACK: the same, and the peer's FIN has come.
    FinOutstandingPeerEnded,
    /// FIN-WAIT-2.
    FinAcknowledged,
    /// TIME-WAIT: the same, and the peer's FIN has come.
    BothEnded,
    /// It is over, and everything of ours was acknowledged before.
    OverAcknowledged,
    /// It is over, and everything of ours was acknowledged, if no error is told and both directions had ended.
    OverUnlessError,
    /// It is over, and what of ours was acknowledged is not told.
    Over,
    /// Any other state, or none is told.
    #[default]
    Unknown,
}

impl Standing {
    /// Source: `netinet/tcp_fsm.h`, TCPS_CLOSED to TCPS_TIME_WAIT; the numbers are the same on all these systems, since 4.2BSD.
    fn of_state(number: u8) -> Self {
        match number {
            4 => Self::Open,
            5 => Self::PeerEnded,
            6 => Self::FinOutstanding,
            7 | 8 => Self::FinOutstandingPeerEnded,
            9 => Self::FinAcknowledged,
            10 => Self::BothEnded,
            // CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED, and what no system has.
            _ => Self::Unknown,
        }
    }

    /// Whether our sending side is shut down. False where that is not told.
    pub(crate) fn is_sending_shut(self) -> bool {
        use Standing::{BothEnded, FinAcknowledged, FinOutstanding, FinOutstandingPeerEnded};
        matches!(self, FinOutstanding | FinOutstandingPeerEnded | FinAcknowledged | BothEnded)
    }

    /// Whether the peer's FIN has come, and ours was not sent. `None`: not told.
    pub(crate) fn peer_has_ended_first(self) -> Option<bool> {
        match self {
            Self::PeerEnded => Some(true),
            Self::Open | Self::FinOutstanding | Self::FinAcknowledged => Some(false),
            _ => None,
        }
    }

    /// Whether the peer's FIN has not come, and the connection is there. False where that is not told.
    pub(crate) fn awaits_peers_fin(self) -> bool {
        matches!(self, Self::Open | Self::FinOutstanding | Self::FinAcknowledged)
    }

    /// Whether the connection is over.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::OverAcknowledged | Self::OverUnlessError | Self::Over)
    }
}

/// What one look at a socket has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    pub(crate) standing: Standing,
    /// Bytes in the send queue.
    pub(crate) queue: Option<u64>,
    /// The smoothed round-trip time.
    pub(crate) rtt: Option<Duration>,
    /// How much it varies.
    pub(crate) variation: Option<Duration>,
    /// The retransmission timeout, with its backoff.
    pub(crate) timeout: Option<Duration>,
    /// Segments that were sent again, in all.
    pub(crate) sent_again: Option<u32>,
    /// How long ago a segment of the peer's came.
    pub(crate) last_heard: Option<Duration>,
}

impl Told {
    /// What is not acknowledged. `error_is_clear`: SO_ERROR was read after the state, and told nothing.
    pub(crate) fn unacknowledged(&self, context: SampleContext, error_is_clear: bool) -> Unacknowledged {
        let has_both_ends = context.fin_sent && context.eof && !context.faulted && error_is_clear;
        match self.standing {
            _ if !context.is_tcp => Unacknowledged::NotApplicable,
            Standing::FinAcknowledged | Standing::BothEnded | Standing::OverAcknowledged => {
                Unacknowledged::Octets(0)
            }
            Standing::OverUnlessError if has_both_ends => Unacknowledged::Octets(0),
            Standing::Open | Standing::PeerEnded => {
                self.queue.map_or(Unacknowledged::Unknown, Unacknowledged::Octets)
            }
            Standing::FinOutstanding | Standing::FinOutstandingPeerEnded => {
                self.queue.map_or(Unacknowledged::Uncounted, |bytes| Unacknowledged::Octets(bytes + 1))
            }
            Standing::OverUnlessError | Standing::Over | Standing::Unknown => Unacknowledged::Unknown,
        }
    }

    /// Octets that are known to be unacknowledged, of a connection that is there.
    pub(crate) fn octets(&self) -> Option<u64> {
        let fin = match self.standing {
            Standing::Open | Standing::PeerEnded => 0,
            Standing::FinOutstanding | Standing::FinOutstandingPeerEnded => 1,
            Standing::FinAcknowledged | Standing::BothEnded => return Some(0),
            _ => return None,
        };
        self.queue.map(|bytes| bytes + fin)
    }
}

/// A shorter retransmission timeout than this says nothing of how long an answer may take: a TCP may hold an acknowledgement back
/// for so long.
const SHORTEST: Duration = Duration::from_millis(200);

/// More than an outage did to the measure of it is no measure.
const LONGEST: Duration = Duration::from_secs(20);

/// How our kernel asks for acknowledgements, from look to look.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// Segments that had been sent again when something was acknowledged last.
    answered: u32,
    /// What was unacknowledged at the last look.
    octets: Option<u64>,
}

impl Asks {
    /// What TCP tells of the way to the peer.
    ///
    /// These systems count the segments that were sent again from the beginning, and the core counts them from the last acknowledgement:
    /// that one is known by the queue, which has shrunk. Where the queue grows as fast, the count is too high, which makes the core look
    /// more often, and no peer dead: for that it wants asks which nothing has followed.
    pub(crate) fn path(&mut self, told: &Told) -> Path {
        if told.standing == Standing::Unknown || told.standing.is_over() {
            return Path::default();
        }
        let octets = told.octets();
        if let Some(total) = told.sent_again
            && (octets == Some(0) || octets < self.octets || total < self.answered)
        {
            self.answered = total;
        }
        self.octets = octets;
        let asking = |(total, every): (u32, Duration)| Asking {
            retransmissions: total.saturating_sub(self.answered),
            // Not counted here: a peer that dies behind a closed window is found by the system.
            probes: 0,
            every,
        };
        let answer_within = |(rtt, variation): (Duration, Duration)| {
            (rtt + variation.saturating_mul(4).max(SHORTEST)).min(LONGEST)
        };
        Path {
            last_heard: told.last_heard,
            segments_received: None,
            asking: told.sent_again.zip(told.timeout).map(asking),
            // RFC 6298, 2.3.
            answer_within: told.rtt.zip(told.variation).map(answer_within),
            answer_after: None,
        }
    }
}

/// A number in an option's struct. `None`: this version of the system has less.
fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// The same, of eight octets.
fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes)
}

/// A time that is told in milliseconds. Zero: not measured, or less than one.
fn millis_at(octets: &[u8], at: usize) -> Option<Duration> {
    u32_at(octets, at).filter(|n| *n > 0).map(|n| Duration::from_millis(n.into()))
}

/// A time that is told in microseconds. Zero: not measured.
fn micros_at(octets: &[u8], at: usize) -> Option<Duration> {
    u32_at(octets, at).filter(|n| *n > 0).map(|n| Duration::from_micros(n.into()))
}

/// Where fields stand in macOS's `struct tcp_connection_info` (`bsd/netinet/tcp.h` of XNU): TCP_CONNECTION_INFO.
pub(crate) mod connection_info {
    pub(crate) const STATE: usize = 0;
    pub(crate) const SND_WSCALE: usize = 1;
    pub(crate) const RTO: usize = 12;
    pub(crate) const SND_CWND: usize = 24;
    pub(crate) const SND_WND: usize = 28;
    pub(crate) const SND_SBBYTES: usize = 32;
    pub(crate) const SRTT: usize = 44;
    pub(crate) const RTTVAR: usize = 48;
    pub(crate) const TXPACKETS: usize = 56;
    pub(crate) const TXBYTES: usize = 64;
    pub(crate) const TXRETRANSMITBYTES: usize = 72;
    pub(crate) const RXPACKETS: usize = 80;
    pub(crate) const RXBYTES: usize = 88;
    pub(crate) const TXRETRANSMITPACKETS: usize = 104;
    /// All of it.
    pub(crate) const SIZE: usize = 112;
}

/// What macOS tells.
///
/// - The state, the queue and the times: TCP_CONNECTION_INFO (`tcp_connection_fill_info` of XNU's `bsd/netinet/tcp_usrreq.c`), in one
///   call, so they are of one moment. `tcpi_snd_sbbytes` is `so_snd.sb_cc`, which SO_NWRITE tells too (`sogetoptlock`). Times are in
///   milliseconds.
/// - `tcp_close` leaves the protocol block with the socket (`in_pcbdetach`), so the option goes on, with the state CLOSED. RSTs in
///   LAST-ACK and CLOSING are silent (`tcp_input`). What tells them from an acknowledgement is `snd_max - snd_una`, which the
///   acknowledgement has made zero before `tcp_close` (`tcp_update_snd_una`) and an RST leaves as it was. It is told by TCP_INFO
///   (`tcpi_txunacked`), see [`never_acknowledged`].
/// - ECONNRESET: there is no protocol block (`tcp_ctloutput`).
///
/// `tcp_info`: the octets of TCP_INFO, asked for if the state is CLOSED.
pub(crate) fn macos<'a>(info: Answer<'a>, tcp_info: impl FnOnce() -> Answer<'a>) -> Told {
    use connection_info as at;
    let octets = match info {
        Answer::Octets(octets) => octets,
        Answer::Gone => return Told { standing: Standing::Over, ..Told::default() },
        Answer::Nothing => return Told::default(),
    };
    let Some(&state) = octets.get(at::STATE) else { return Told::default() };
    let queue = u32_at(octets, at::SND_SBBYTES).map(u64::from);
    let standing = match state {
        0 if is_unused(octets) => Standing::Unknown,
        0 => match (queue, tcp_info()) {
            (Some(0), Answer::Octets(more)) if never_acknowledged(octets, more) == Some(0) => {
                Standing::OverAcknowledged
            }
            _ => Standing::Over,
        },
        state => Standing::of_state(state),
    };
    Told {
        standing,
        queue: queue.filter(|_| !standing.is_over()),
        rtt: millis_at(octets, at::SRTT),
        variation: u32_at(octets, at::RTTVAR).map(|n| Duration::from_millis(n.into())),
        // Zero where no retransmission is due.
        timeout: millis_at(octets, at::RTO),
        sent_again: u64_at(octets, at::TXRETRANSMITPACKETS).and_then(|n| u32::try_from(n).ok()),
        last_heard: None,
    }
}

/// Whether a socket of macOS that is CLOSED never had a connection.
fn is_unused(octets: &[u8]) -> bool {
    use connection_info::{RXPACKETS, SRTT, TXPACKETS};
    u64_at(octets, TXPACKETS) == Some(0)
        && u64_at(octets, RXPACKETS) == Some(0)
        && u32_at(octets, SRTT) == Some(0)
}

/// The octets of sequence space that macOS sent and that were never acknowledged, of a connection that is CLOSED: bytes, and our FIN.
/// `None`: not known.
///
/// Source: `tcpi_txunacked` of `struct tcp_info` (`bsd/netinet/tcp_private.h` of XNU). TCP_INFO "is a private API and is subject to
/// change", with new fields "at the end only". So its octets are believed only if what both options have is the same in both: the state,
/// the window and its scale, the queue, and, on both sides of the field, five counters of eight octets, one of which is not zero. Whether
/// those stand at multiples of eight or of four depends on how the compiler took `#pragma pack(4)`; the counters tell.
fn never_acknowledged(info: &[u8], tcp_info: &[u8]) -> Option<u64> {
    use connection_info as at;
    let same = |here: usize, there: usize| u32_at(info, here).filter(|n| u32_at(tcp_info, there) == Some(*n));
    let has_same_head = info.get(at::STATE)? == tcp_info.first()?
        && info.get(at::SND_WSCALE)? == tcp_info.get(2)?
        && same(at::SRTT, 24).is_some()
        && same(at::SND_CWND, 40).is_some()
        && same(at::SND_WND, 48).is_some()
        && same(at::SND_SBBYTES, 64).is_some();
    // Before the field: packets and bytes that were sent, and bytes that were sent again; after it what was received.
    let counters = [
        (at::TXPACKETS, 0),
        (at::TXBYTES, 8),
        (at::TXRETRANSMITBYTES, 16),
        (at::RXPACKETS, 32),
        (at::RXBYTES, 40),
    ];
    let has_counters = |base: usize| {
        let is_same = |(here, there): (usize, usize)| {
            u64_at(info, here).is_some_and(|n| u64_at(tcp_info, base + there) == Some(n))
        };
        counters.into_iter().all(is_same)
    };
    let is_counted = u64_at(info, at::TXPACKETS)? > 0 && u64_at(info, at::RXPACKETS)? > 0;
    let base = [68, 72].into_iter().find(|base| has_counters(*base))?;
    u64_at(tcp_info, base + 24).filter(|_| has_same_head && is_counted)
}

/// Where fields stand in `struct tcp_info` (`netinet/tcp.h`) of FreeBSD, NetBSD and OpenBSD, which have it from Linux 2.6 and are
/// alike as far as `tcpi_rcv_space`.
pub(crate) mod tcp_info {
    pub(crate) const STATE: usize = 0;
    pub(crate) const RTO: usize = 8;
    pub(crate) const LAST_DATA_RECV: usize = 52;
    pub(crate) const LAST_ACK_RECV: usize = 56;
    pub(crate) const RTT: usize = 68;
    pub(crate) const RTTVAR: usize = 72;
    /// FreeBSD's and NetBSD's own; OpenBSD has it four octets before, and zero for who is not root.
    pub(crate) const SND_REXMITPACK: usize = 120;
}

/// What FreeBSD tells.
///
/// - The state and the times: TCP_INFO (`tcp_fill_info` of `sys/netinet/tcp_usrreq.c`), in microseconds. `tcpi_last_data_recv` is
///   `t_rcvtime`, which every segment sets (`tcp_do_segment`).
/// - `queue`: FIONWRITE (`soo_ioctl` of `sys/kern/sys_socket.c`: `sbavail(&so->so_snd)`), asked before.
/// - ECONNRESET: the block is dropped (`tcp_ctloutput`, INP_DROPPED), or, up to FreeBSD 13, in TIME-WAIT (INP_TIMEWAIT). An RST sets
///   `so_error` to ECONNRESET in every state up to LAST-ACK (`tcp_do_segment`, and `ctf_process_rst` of the other stacks), giving up sets
///   ETIMEDOUT or what ICMP said (`tcp_timer_rexmt`, `tcp_drop`). So a block that went without an error, after both FINs, went by the
///   acknowledgement of ours.
pub(crate) fn freebsd(queue: Option<u64>, info: Answer<'_>) -> Told {
    let octets = match info {
        Answer::Octets(octets) => octets,
        Answer::Gone => return Told { standing: Standing::OverUnlessError, ..Told::default() },
        Answer::Nothing => return Told::default(),
    };
    Told {
        standing: standing_in(octets),
        queue,
        rtt: micros_at(octets, tcp_info::RTT),
        variation: u32_at(octets, tcp_info::RTTVAR).map(|n| Duration::from_micros(n.into())),
        timeout: micros_at(octets, tcp_info::RTO),
        sent_again: u32_at(octets, tcp_info::SND_REXMITPACK),
        last_heard: u32_at(octets, tcp_info::LAST_DATA_RECV).map(|n| Duration::from_micros(n.into())),
    }
}

/// What NetBSD tells, from 10 on: before, there is no TCP_INFO.
///
/// - The state: TCP_INFO (`tcp_fill_info` of `sys/netinet/tcp_usrreq.c`).
/// - `queue`: FIONWRITE (`soo_ioctl` of `sys/kern/sys_socket.c`: `so->so_snd.sb_cc`), asked before.
/// - No times: `tcp_fill_info` takes `t_srtt`, `t_rxtcur` and `t_rcvtime` for ticks of the hardware clock, and `tcp_input` measures them in
///   ticks of `tcp_now`, which are half seconds.
/// - ECONNRESET: there is no protocol block (`tcp_ctloutput`). RSTs in LAST-ACK and CLOSING are silent (`tcp_input`), so how it went is not
///   known.
pub(crate) fn netbsd(queue: Option<u64>, info: Answer<'_>) -> Told {
    match info {
        Answer::Octets(octets) => Told {
            standing: standing_in(octets),
            queue,
            sent_again: u32_at(octets, tcp_info::SND_REXMITPACK),
            ..Told::default()
        },
        Answer::Gone => Told { standing: Standing::Over, ..Told::default() },
        Answer::Nothing => Told::default(),
    }
}

/// What OpenBSD tells, from 7.2 on: before, there is no TCP_INFO.
///
/// - The state and the times: TCP_INFO (`tcp_fill_info` of `sys/netinet/tcp_usrreq.c`), in microseconds. `t_rcvtime` is set by every
///   segment, `t_rcvacktime` by an acknowledgement.
/// - No queue and no segments that were sent again: TCP_INFO has zeros there for who is not root, and a socket has neither FIONWRITE nor
///   TIOCOUTQ (`soo_ioctl` of `sys/kern/sys_socket.c`). Acknowledged bytes are not counted, but our FIN is behind them all.
/// - ECONNRESET: as on NetBSD.
pub(crate) fn openbsd(info: Answer<'_>) -> Told {
    let octets = match info {
        Answer::Octets(octets) => octets,
        Answer::Gone => return Told { standing: Standing::Over, ..Told::default() },
        Answer::Nothing => return Told::default(),
    };
    let ago = |at| u32_at(octets, at).map(|n| Duration::from_micros(n.into()));
    let heard = ago(tcp_info::LAST_DATA_RECV).zip(ago(tcp_info::LAST_ACK_RECV));
    Told {
        standing: standing_in(octets),
        rtt: micros_at(octets, tcp_info::RTT),
        variation: ago(tcp_info::RTTVAR),
        timeout: micros_at(octets, tcp_info::RTO),
        last_heard: heard.map(|(data, acknowledgement)| data.min(acknowledgement)),
        ..Told::default()
    }
}

fn standing_in(octets: &[u8]) -> Standing {
    octets.get(tcp_info::STATE).map_or(Standing::Unknown, |state| Standing::of_state(*state))
}

#[cfg(test)]
mod tests;
