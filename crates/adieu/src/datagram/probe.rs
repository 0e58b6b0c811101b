//! A probe: whether somebody receives datagrams at an address, as far as that can be known.

use super::peer::Peer;
use super::session::{is_of_the_way, room_for};
use crate::os::{self, AsPollable, Watch};
use crate::{Signal, SystemError, system_error};
use std::io;
use std::time::{Duration, Instant};

/// Asks whether somebody receives there: sends a datagram, some times, and waits for an answer or a refusal.
///
/// Only two answers prove something. Silence is what an open port says that has nothing to answer, and what a firewall says that
/// swallows everything.
///
/// # Examples
///
/// ```
/// use adieu::datagram::{self, Answer, Probe};
/// use adieu::{ConnectOptions, Endpoint};
/// use std::time::Duration;
///
/// let silent = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let port = silent.local_addr()?.port();
/// let probe = Probe::new().wait(Duration::from_millis(50));
/// let ask = || datagram::connect(&Endpoint::udp("127.0.0.1", port), &ConnectOptions::new());
/// assert!(matches!(probe.ask(&ask()?), Answer::Silent));
///
/// drop(silent);
/// assert!(matches!(probe.ask(&ask()?), Answer::Refused { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Probe {
    payload: Vec<u8>,
    times: u32,
    interval: Duration,
    wait: Duration,
    only_refusals: bool,
}

/// What a [`Probe`] has found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Somebody is there: this has come back.
    Answered {
        /// The first datagram.
        datagram: Vec<u8>,
        /// How long it took from the first of ours.
        after: Duration,
    },
    /// Nobody receives there, or there is no way to it: a system has said so.
    Refused {
        /// What ours was told.
        error: SystemError,
        /// How long that took from the first of ours.
        after: Duration,
    },
    /// Nothing has come back: somebody may be there who has nothing to say, or it was lost.
    Silent,
    /// The interrupt was raised.
    Interrupted {
        /// By what.
        signal: Signal,
    },
    /// Our own system failed.
    Failed {
        /// What it said.
        error: SystemError,
    },
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            payload: Vec::new(),
            times: 3,
            interval: Duration::from_millis(250),
            wait: Duration::from_secs(1),
            only_refusals: false,
        }
    }
}

impl Probe {
    /// An empty datagram, sent at most three times, a quarter of a second apart, and an answer awaited for 1 s after the first.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is sent. Default: an empty datagram, which disturbs nobody; most services answer only to their own protocol.
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// How often it is sent at most, because datagrams are lost, and how far apart. Default: three times, 250 ms.
    pub fn times(mut self, times: u32, apart: Duration) -> Self {
        (self.times, self.interval) = (times.max(1), apart);
        self
    }

    /// How long an answer is waited for, from the first datagram on. Default: 1 s.
    pub fn wait(mut self, limit: Duration) -> Self {
        self.wait = limit;
        self
    }

    /// Sends it as often as `times` says, and leaves what is received in the socket, for the conversation that follows. The answer is
    /// never [`Answer::Answered`] then.
    pub fn only_refusals(mut self) -> Self {
        self.only_refusals = true;
        self
    }

    /// Asks.
    pub fn ask(&self, peer: &Peer) -> Answer {
        match self.try_ask(peer) {
            Ok(answer) => answer,
            Err(error) => Answer::Failed { error: system_error::of(&error) },
        }
    }

    fn try_ask(&self, peer: &Peer) -> io::Result<Answer> {
        let session = &peer.session;
        let began = Instant::now();
        let mut room = vec![0; room_for(session.transport)];
        let mut sent = 0;
        let told = |error: io::Error| {
            let (_, first) = session.undelivered();
            if first.is_none() && !is_of_the_way(&error) {
                return Err(error);
            }
            let error = system_error::of(&first.unwrap_or(error));
            Ok(Answer::Refused { error, after: began.elapsed() })
        };
        loop {
            if let Some(signal) = session.raised() {
                return Ok(Answer::Interrupted { signal });
            }
            let next = self.interval.saturating_mul(sent);
            let mut is_full = false;
            if sent < self.times && began.elapsed() >= next {
                match os::send_datagram(&session.sock(), &self.payload, None) {
                    Ok(()) => sent += 1,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => is_full = true,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return told(error),
                }
            }
            let received = if self.only_refusals {
                session.sock().take_error()?.map_or(Err(io::ErrorKind::WouldBlock.into()), Err)
            } else {
                os::receive_datagram(&session.sock(), &mut room)
            };
            match received {
                Ok(arrived) => {
                    room.truncate(arrived.length);
                    return Ok(Answer::Answered { datagram: room, after: began.elapsed() });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return told(error),
            }
            // Where nobody is expected to answer, each is sent first.
            let left = if self.only_refusals && sent < self.times {
                Duration::MAX
            } else {
                self.wait.saturating_sub(began.elapsed())
            };
            if left.is_zero() {
                return Ok(Answer::Silent);
            }
            let again = self.interval.saturating_mul(sent).saturating_sub(began.elapsed());
            let timeout = if sent < self.times && !is_full { left.min(again) } else { left };
            let for_answers = !self.only_refusals;
            let mut watches =
                [Watch::new(session.socket.as_pollable(), for_answers, is_full), session.watch_interrupt()];
            os::wait(&mut watches, Some(timeout))?;
        }
    }
}
