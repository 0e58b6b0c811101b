//! One kernel's TCP socket, as far as a program can see it. Linux's answers, and why, stand at each call.

use adieu_proto::{Asking, FaultKind, Path, Time};
use core::time::Duration;

/// What a kernel gives its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Bytes that are accepted before the peer acknowledges any.
    pub send_buffer: u64,
    /// Bytes that are received before the program reads any.
    pub receive_buffer: u64,
    /// Bytes in one segment.
    pub segment: u64,
    /// The first wait for an acknowledgement; it doubles each time, up to `longest_wait`.
    pub retransmit_after: Duration,
    /// TCP_RTO_MAX_MS.
    pub longest_wait: Duration,
    /// Unanswered retransmissions or probes after which the connection is given up (`ETIMEDOUT`).
    pub retransmissions: u32,
    /// With nothing outstanding, a peer that was silent for so long is asked whether it lives, and from then on every 10 s.
    pub keep_alive: Option<Duration>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            send_buffer: 64 << 10,
            receive_buffer: 64 << 10,
            segment: 16 << 10,
            retransmit_after: Duration::from_millis(200),
            longest_wait: Duration::from_secs(120),
            retransmissions: 15,
            keep_alive: None,
        }
    }
}

/// What a kernel leaves between one keep-alive and the next.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// One segment. Sequence numbers count from 0; the FIN takes one octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    pub(crate) seq: u64,
    pub(crate) len: u64,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    /// Asks for an acknowledgement without giving anything (a zero-window probe, a keep-alive): it has an octet's number that
    /// was acknowledged before.
    pub(crate) probe: bool,
    pub(crate) ack: u64,
    pub(crate) window: u64,
}

impl Segment {
    /// An RST that a third party made up.
    pub(crate) const RST: Self =
        Self { seq: 0, len: 0, fin: false, rst: true, probe: false, ack: 0, window: 0 };
}

/// What a call that did not fail gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Io {
    Bytes(u64),
    Eof,
    Blocked,
}

#[derive(Debug, Clone)]
pub(crate) struct Socket {
    kernel: Kernel,
    // Our direction, in octets of sequence space.
    taken: u64,
    sent: u64,
    acknowledged: u64,
    window_edge: u64,
    fin: bool,
    // The peer's direction.
    received: u64,
    received_at: Option<Time>,
    unread: u64,
    fin_received: bool,
    // Both.
    error: Option<FaultKind>,
    /// The state CLOSE: nothing more is sent or taken.
    done: bool,
    reset: bool,
    established: bool,
    handle_closed: bool,
    last_heard: Time,
    last_segment: Time,
    segments_received: u64,
    backoff: u32,
    retransmissions: u32,
    probes: u32,
    asked_alive: Time,
    retry_at: Option<Time>,
    outgoing: Vec<Segment>,
}

impl Socket {
    pub(crate) fn new(kernel: Kernel, peer: Kernel) -> Self {
        Self {
            kernel,
            taken: 0,
            sent: 0,
            acknowledged: 0,
            window_edge: peer.receive_buffer,
            fin: false,
            received: 0,
            received_at: None,
            unread: 0,
            fin_received: false,
            error: None,
            done: false,
            reset: false,
            established: false,
            handle_closed: false,
            last_heard: Time::ZERO,
            last_segment: Time::ZERO,
            segments_received: 0,
            backoff: 0,
            retransmissions: 0,
            probes: 0,
            asked_alive: Time::ZERO,
            retry_at: None,
            outgoing: Vec::new(),
        }
    }

    pub(crate) fn established(&mut self, now: Time) {
        self.established = true;
        (self.last_heard, self.last_segment) = (now, now);
        self.segments_received = 1;
        if self.handle_closed {
            // Closed before the answer came: the kernel resets what it no longer knows.
            self.send_reset();
        }
    }

    // ---- what a program can ask ----

    /// `poll` would say POLLIN.
    pub(crate) fn readable(&self) -> bool {
        self.unread > 0 || self.fin_received || self.done
    }

    /// `poll` would say POLLOUT.
    pub(crate) fn writable(&self) -> bool {
        self.done || self.send_room() > 0
    }

    /// `poll` would say POLLERR.
    pub(crate) fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// SIOCOUTQ: counts the FIN, and an RST changes nothing in it.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.end() - self.acknowledged
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Bytes that have reached this kernel, read or not.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// When the last of it arrived.
    pub(crate) fn received_at(&self) -> Option<Time> {
        self.received_at
    }

    pub(crate) fn fin_received(&self) -> bool {
        self.fin_received
    }

    /// TCP_INFO.
    pub(crate) fn path(&self, now: Time) -> Path {
        let Self { retransmissions, probes, .. } = *self;
        Path {
            last_heard: Some(now.saturating_sub(self.last_heard)),
            segments_received: Some(self.segments_received),
            asking: Some(Asking { retransmissions, probes, every: self.wait() }),
            answer_within: Some(self.kernel.retransmit_after),
            answer_after: None,
        }
    }

    /// `recv`. After the peer's FIN it gives 0 whatever comes later (SOCK_DONE); an error is told once.
    pub(crate) fn recv(&mut self, max: u64) -> Result<Io, FaultKind> {
        if self.unread > 0 {
            let n = self.unread.min(max);
            let update_below = self.kernel.segment.min(self.kernel.receive_buffer / 2).max(1);
            let was_narrow = self.window() < update_below;
            self.unread -= n;
            if was_narrow && self.window() >= update_below && !self.done {
                self.acknowledge();
            }
            return Ok(Io::Bytes(n));
        }
        if self.fin_received {
            return Ok(Io::Eof);
        }
        match self.error.take() {
            Some(kind) => Err(kind),
            None if self.done => Ok(Io::Eof),
            None => Ok(Io::Blocked),
        }
    }

    /// `send`. A pending error is told; a dead socket whose error was told already says EPIPE.
    pub(crate) fn send(&mut self, now: Time, n: u64) -> Result<Io, FaultKind> {
        if let Some(kind) = self.error.take() {
            return Err(kind);
        }
        if self.done || self.fin {
            return Err(FaultKind::BrokenPipe);
        }
        let n = n.min(self.send_room());
        if n == 0 {
            return Ok(Io::Blocked);
        }
        self.taken += n;
        self.transmit(now);
        Ok(Io::Bytes(n))
    }

    /// `shutdown(SHUT_WR)`. On a dead socket: ENOTCONN, and the cause stays in SO_ERROR.
    pub(crate) fn shutdown_send(&mut self, now: Time) -> Result<(), FaultKind> {
        if self.done {
            return Err(FaultKind::NotConnected);
        }
        self.fin = true;
        self.transmit(now);
        Ok(())
    }

    /// `getsockopt(SO_ERROR)`, which clears it.
    pub(crate) fn take_error(&mut self) -> Option<FaultKind> {
        self.error.take()
    }

    /// `close`. With bytes unread the kernel sends RST instead of FIN.
    pub(crate) fn close(&mut self, now: Time) {
        if core::mem::replace(&mut self.handle_closed, true) || self.done {
            return;
        }
        if !self.established {
            self.die();
        } else if self.unread > 0 {
            self.send_reset();
        } else {
            self.fin = true;
            self.transmit(now);
        }
    }

    /// `close` with zero linger. Where both FINs are under way already, no RST is sent (tcp_need_reset).
    pub(crate) fn abort(&mut self) {
        self.handle_closed = true;
        if !self.established || (self.fin && self.fin_received) {
            self.die();
        } else if !self.done {
            self.send_reset();
        }
    }

    // ---- what the network brings ----

    pub(crate) fn deliver(&mut self, now: Time, segment: Segment) {
        if segment.rst {
            self.fail(if self.fin_received && !self.fin { FaultKind::BrokenPipe } else { FaultKind::Reset });
            return;
        }
        if self.done {
            self.answer_late(segment);
            return;
        }
        self.last_segment = now;
        self.segments_received += 1;
        if segment.probe {
            // Linux answers a segment that came before, and drops it before it looks at its acknowledgement
            // (tcp_validate_incoming).
            self.acknowledge();
            return;
        }
        self.last_heard = now;
        self.probes = 0;
        if segment.ack > self.acknowledged {
            self.acknowledged = segment.ack;
            self.sent = self.sent.max(segment.ack);
            (self.backoff, self.retransmissions) = (0, 0);
            self.retry_at = None;
        }
        self.window_edge = self.window_edge.max(segment.ack + segment.window);
        if segment.len > 0 && self.handle_closed {
            // Nobody will ever read it.
            self.send_reset();
            return;
        }
        self.take(now, segment);
        if segment.len > 0 || segment.fin {
            self.acknowledge();
        }
        self.transmit(now);
        if self.fin && self.fin_received && self.unacknowledged() == 0 {
            self.die();
        }
    }

    fn take(&mut self, now: Time, segment: Segment) {
        let end = segment.seq + segment.len;
        if segment.seq > self.received || self.fin_received {
            return;
        }
        let new = end.saturating_sub(self.received).min(self.window());
        self.received += new;
        self.received_at = if new > 0 { Some(now) } else { self.received_at };
        self.unread += new;
        self.fin_received = segment.fin && end == self.received;
    }

    /// A segment for a socket that is gone: TIME_WAIT acknowledges once more, anything else resets.
    fn answer_late(&mut self, segment: Segment) {
        let in_time_wait = !self.reset && self.fin_received;
        if in_time_wait && segment.len == 0 {
            if segment.fin {
                self.acknowledge();
            }
        } else {
            self.emit(Segment { rst: true, ..self.bare() });
        }
    }

    // ---- retransmission ----

    pub(crate) fn next_tick(&self) -> Option<Time> {
        [self.retry_at, self.keep_alive_at()].into_iter().flatten().min()
    }

    fn keep_alive_at(&self) -> Option<Time> {
        let idle = self.established && !self.done && self.unacknowledged() == 0;
        let after = self.kernel.keep_alive.filter(|_| idle)?;
        Some((self.last_segment + after).max(self.asked_alive + KEEP_ALIVE_INTERVAL))
    }

    pub(crate) fn tick(&mut self, now: Time) {
        if self.keep_alive_at().is_some_and(|at| at <= now) {
            self.asked_alive = now;
            self.emit(Segment { probe: true, ..self.bare() });
        }
        if self.retry_at.is_none_or(|at| at > now) {
            return;
        }
        let sends_again = self.sent > self.acknowledged;
        let unanswered = if sends_again { &mut self.retransmissions } else { &mut self.probes };
        *unanswered += 1;
        if *unanswered > self.kernel.retransmissions {
            self.fail(FaultKind::TimedOut);
            return;
        }
        self.backoff += 1;
        self.retry_at = None;
        if sends_again {
            self.sent = self.acknowledged;
        } else {
            self.emit(Segment { probe: true, ..self.bare() });
        }
        self.transmit(now);
    }

    // ---- the rest ----

    pub(crate) fn drain_outgoing(&mut self) -> Vec<Segment> {
        core::mem::take(&mut self.outgoing)
    }

    fn transmit(&mut self, now: Time) {
        if self.done {
            return;
        }
        while self.sent < self.taken {
            let fits = self.window_edge.saturating_sub(self.sent);
            let len = (self.taken - self.sent).min(self.kernel.segment).min(fits);
            if len == 0 {
                break;
            }
            self.emit(Segment { seq: self.sent, len, ..self.bare() });
            self.sent += len;
        }
        if self.fin && self.sent == self.taken {
            self.emit(Segment { seq: self.sent, fin: true, ..self.bare() });
            self.sent += 1;
        }
        if self.unacknowledged() > 0 && self.retry_at.is_none() {
            self.retry_at = Some(now + self.wait());
        }
    }

    fn wait(&self) -> Duration {
        let wait = self.kernel.retransmit_after.saturating_mul(1 << self.backoff.min(20));
        wait.min(self.kernel.longest_wait)
    }

    fn fail(&mut self, kind: FaultKind) {
        if !self.done {
            self.error = Some(kind);
            self.reset = true;
            self.die();
        }
    }

    fn send_reset(&mut self) {
        self.emit(Segment { rst: true, ..self.bare() });
        self.reset = true;
        self.die();
    }

    fn die(&mut self) {
        self.done = true;
        self.retry_at = None;
    }

    fn end(&self) -> u64 {
        self.taken + u64::from(self.fin)
    }

    fn send_room(&self) -> u64 {
        let queued = self.taken.saturating_sub(self.acknowledged);
        if self.fin { 0 } else { self.kernel.send_buffer.saturating_sub(queued) }
    }

    fn window(&self) -> u64 {
        self.kernel.receive_buffer - self.unread
    }

    fn acknowledge(&mut self) {
        self.emit(self.bare());
    }

    fn bare(&self) -> Segment {
        Segment {
            seq: self.sent,
            len: 0,
            fin: false,
            rst: false,
            probe: false,
            ack: self.received + u64::from(self.fin_received),
            window: self.window(),
        }
    }

    fn emit(&mut self, segment: Segment) {
        self.outgoing.push(segment);
    }
}
