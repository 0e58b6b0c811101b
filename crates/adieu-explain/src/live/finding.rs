//! What is wrong with one socket: the facts of its state, and the words for them.

use super::message::{Socket, State, Timer};
use serde::Serialize;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// Why bytes that were handed to the kernel do not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stall {
    /// The peer's window is closed, or too small: the peer's program does not read.
    WindowClosed,
    /// What was sent, data or a FIN, is sent again and nothing acknowledges it.
    Unanswered,
}

/// Who can close a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A process: its descriptor is open.
    Process,
    /// Nobody: its program has closed it, and the kernel finishes it. Which program that was is not known.
    Nobody,
    /// It has an inode, and none of the processes that could be looked at holds it.
    Unknown,
    /// It waits in the queue of a listener: its program has not accepted it.
    NotAccepted,
}

/// A socket that hangs, or can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its state.
    pub state: State,
    /// Its own address.
    pub local: SocketAddr,
    /// The peer's address.
    pub peer: SocketAddr,
    /// Its inode. 0: no process holds it.
    pub inode: u32,
    /// The user that owns it.
    pub uid: u32,
    /// Bytes that came and that the program has not received.
    pub unread: u32,
    /// Whether the peer's end has come, and was not received yet.
    pub is_end_unread: bool,
    /// Bytes that were sent and that the peer's TCP has not acknowledged. `None`: not told.
    pub unacknowledged: Option<u32>,
    /// Bytes that the program has sent and that have not left. `None`: not told.
    pub unsent: Option<u32>,
    /// Whether our FIN is queued or sent, and not acknowledged.
    pub is_fin_unacknowledged: bool,
    /// Why bytes do not leave. `None`: they do, or there are none.
    pub stall: Option<Stall>,
    /// Retransmissions or probes since the last acknowledgement.
    pub attempts: u8,
    /// How long it has been in this state at least, if a segment of the peer's began the state, as in CLOSE_WAIT, FIN_WAIT_2 and
    /// CLOSING: time since the last acknowledgement came, which a FIN has too. If others came later, it has been so for longer.
    /// `None`: not told, or our own program began the state.
    pub at_least: Option<Duration>,
    /// Time since the last acknowledgement came. `None`: not told.
    pub last_acknowledgement: Option<Duration>,
    /// Time since data was last sent. `None`: not told.
    pub last_sent: Option<Duration>,
    /// When the kernel drops it by itself. `None`: it does not.
    pub dropped_in: Option<Duration>,
}

impl Finding {
    /// What hangs about a socket. `None`: nothing does.
    pub fn of(socket: &Socket) -> Option<Self> {
        use State::{CloseWait, Closing, Established, FinWait1, FinWait2, LastAck};
        let state = socket.state;
        if !matches!(state, Established | CloseWait | FinWait1 | FinWait2 | LastAck | Closing) {
            return None;
        }
        // The peer's FIN is an octet of the queue until it is received, and the last one.
        let has_peers_fin = matches!(state, CloseWait | LastAck | Closing);
        let is_end_unread = has_peers_fin && socket.receive_queue > 0;
        let unread = socket.receive_queue.saturating_sub(u32::from(is_end_unread));
        // So is ours, until it is acknowledged.
        let has_our_fin = matches!(state, FinWait1 | LastAck | Closing);
        let is_fin_unacknowledged = has_our_fin && socket.send_queue > 0;
        let queued = socket.send_queue.saturating_sub(u32::from(is_fin_unacknowledged));
        let not_sent = socket.info.and_then(|info| info.not_sent);
        // A FIN that waits is behind everything else that waits.
        let unsent =
            not_sent.map(|octets| octets.saturating_sub(u32::from(is_fin_unacknowledged)).min(queued));
        let unacknowledged = if queued == 0 { Some(0) } else { unsent.map(|unsent| queued - unsent) };
        let last_acknowledgement = socket.info.map(|info| info.last_ack_received);
        let is_window_zero = socket.info.is_some_and(|info| info.peer_window == Some(0));
        let stall = match socket.timer {
            _ if socket.send_queue == 0 => None,
            Timer::WindowProbe => Some(Stall::WindowClosed),
            // Something was on its way when the window closed.
            Timer::Retransmission if is_window_zero => Some(Stall::WindowClosed),
            Timer::Retransmission if socket.attempts > 0 => Some(Stall::Unanswered),
            _ => None,
        };
        if stall.is_none() && matches!(state, Established | FinWait1) {
            return None;
        }
        Some(Self {
            state,
            local: socket.local,
            peer: socket.peer,
            inode: socket.inode,
            uid: socket.uid,
            unread,
            is_end_unread,
            unacknowledged,
            unsent: if queued == 0 { Some(0) } else { unsent },
            is_fin_unacknowledged,
            stall,
            attempts: socket.attempts,
            at_least: last_acknowledgement.filter(|_| matches!(state, CloseWait | FinWait2 | Closing)),
            last_acknowledgement,
            last_sent: socket.info.map(|info| info.last_data_sent),
            dropped_in: (socket.inode == 0
                && state == FinWait2
                && matches!(socket.timer, Timer::TimeWait | Timer::KeepAlive))
            .then_some(socket.expires),
        })
    }

    /// What it is, in a sentence without its addresses: `CLOSE_WAIT for at least 12 s: the peer has …`.
    pub fn words(&self, owner: Owner) -> String {
        let mut words = self.state.name().to_owned();
        if let Some(time) = self.at_least {
            let _ = write!(words, " for at least {}", seconds(time));
        }
        words += ": ";
        words += match (self.state, owner) {
            (State::CloseWait, Owner::Nobody) => {
                "the peer has ended its side, and no program holds the socket"
            }
            (State::CloseWait, Owner::NotAccepted) => {
                "the peer has ended its side, and the program has not accepted the connection"
            }
            (State::CloseWait, _) => "the peer has ended its side, and the program has not closed",
            (State::FinWait2, Owner::Nobody) => {
                "its program has closed it and the peer has not ended its side; it has no owner, and which program it was is not known"
            }
            (State::FinWait2, _) => {
                "the program has shut down its sending side and waits for the peer to end its own"
            }
            (State::LastAck, _) => "both sides have ended, and the peer has not acknowledged our FIN",
            (State::Closing, _) => "both sides have ended at once, and the peer has not acknowledged our FIN",
            (State::FinWait1, _) => "our side has ended, and the peer has not acknowledged our FIN",
            _ => "open",
        };
        if let Some(time) = self.dropped_in {
            let _ = write!(words, "; the kernel drops it in {}", seconds(time));
        }
        if self.unread > 0 {
            let _ = write!(words, "; {} unread", bytes(self.unread));
        } else if self.is_end_unread {
            words += "; every byte was read, the end was not";
        } else if self.state == State::CloseWait {
            words += "; everything was read, the end too";
        }
        if let Some(count @ 1..) = self.unacknowledged {
            let _ = write!(words, "; {} not acknowledged", bytes(count));
        }
        if let Some(count @ 1..) = self.unsent {
            let _ = write!(words, "; {} not sent", bytes(count));
        }
        self.say_stall(&mut words);
        words
    }

    fn say_stall(&self, words: &mut String) {
        match self.stall {
            Some(Stall::WindowClosed) => {
                words.push_str("; the peer's window is closed: its program does not read");
                if let Some(time) = self.last_sent {
                    let _ = write!(words, "; no data has left for {}", seconds(time));
                }
            }
            Some(Stall::Unanswered) => {
                let times = if self.attempts == 1 { "once" } else { &format!("{} times", self.attempts) };
                let _ = write!(words, "; sent again {times} without an answer");
                if let Some(time) = self.last_acknowledgement {
                    let _ = write!(words, "; the last acknowledgement came {} ago", seconds(time));
                }
            }
            None => {}
        }
    }
}

fn bytes(count: u32) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// A time in the two largest units, from milliseconds to days: `340 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`.
pub fn seconds(time: Duration) -> String {
    let all = time.as_secs();
    let two = |large: u64, first: &str, small: u64, second: &str| {
        if small == 0 { format!("{large} {first}") } else { format!("{large} {first} {small} {second}") }
    };
    match all {
        0 => format!("{} ms", time.as_millis()),
        1..=59 => format!("{all} s"),
        60..=3599 => two(all / 60, "min", all % 60, "s"),
        3600..=86_399 => two(all / 3600, "h", all % 3600 / 60, "min"),
        _ => two(all / 86_400, "d", all % 86_400 / 3600, "h"),
    }
}
