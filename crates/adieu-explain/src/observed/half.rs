//! One side of an observed connection: the octets that it sent, what its peer acknowledged of them, and the window that it
//! offered for the other direction.
//!
//! Positions are sequence numbers without wrap: 0 is the SYN, 1 the first octet. Where the capture has no SYN, 0 is the
//! first number that it shows, and "before the capture" is negative.

use std::time::Duration;

use super::{Seen, packets::Packets, recent::Recent, spans::Spans};
use crate::segment::{Segment, Timestamp};

/// How much may be received at once so that an answer to it shows that it was read: a usual buffer. A program that answers
/// before it has read a long message is common (`413 Content Too Large`); one that answers a short one without having read
/// it is not.
const ANSWERED: i64 = 4096;

/// The FIN of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fin {
    /// Position of the FIN itself: that of the octet after the last.
    pub(crate) position: i64,
    /// The first frame with the FIN.
    pub(crate) seen: Seen,
    /// What this frame acknowledged, as it stands in the header: positions are counted anew if a SYN comes late.
    pub(crate) acknowledged: Option<u32>,
    /// How often the FIN was sent.
    pub(crate) sent: u32,
}

/// The SYN of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syn {
    pub(crate) sequence: u32,
    pub(crate) with_ack: bool,
    pub(crate) window_scale: Option<u8>,
    /// Longest segment that this side takes (MSS).
    pub(crate) longest: Option<u16>,
    /// How often the SYN was sent.
    pub(crate) sent: u32,
    /// When it was sent last.
    pub(crate) last: Timestamp,
}

/// What a side has sent since it heard from its peer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unheard {
    /// When the first segment was sent that asks for an acknowledgement.
    pub(crate) first: Option<Timestamp>,
    /// How many segments repeated what had been sent.
    pub(crate) repeated: u32,
    /// Keep-alive probes.
    pub(crate) probes: u32,
    /// Time between the last two probes.
    pub(crate) probe_interval: Option<Duration>,
    pub(crate) last_probe: Option<Timestamp>,
}

/// The window that a side offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// As it stands in the header, without the segments that carry SYN or RST. `None`: not seen.
    pub(crate) last: Option<u16>,
    pub(crate) largest: u16,
    /// How often the window went to zero.
    pub(crate) closed: u32,
    pub(crate) closed_since: Option<Timestamp>,
    /// Total time with the window at zero, without the time since `closed_since`.
    pub(crate) closed_for: Duration,
    /// The position up to which the octets that came evidently were read.
    pub(crate) read_to: i64,
    /// How many octets the last answer showed to be read.
    pub(crate) last_burst: i64,
}

impl Window {
    /// Whether less is offered than once was, by more than the rounding of the window scale: something may be unread.
    pub(crate) fn has_shrunk(&self) -> bool {
        self.last.is_some_and(|last| last.saturating_add(1) < self.largest)
    }
}

/// How a payload lies to what was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It begins where the last ended.
    Next,
    /// It begins later: octets between have not been seen.
    Ahead,
    /// All or part of it was seen before, or fills a gap.
    Earlier,
}

/// One side of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Half {
    origin: Option<u32>,
    /// First octet that was seen or acknowledged.
    pub(crate) start: i64,
    /// Position after the last octet that was seen.
    pub(crate) end: i64,
    /// Whether `start` and `end` are more than a guess.
    pub(crate) placed: bool,
    /// Octets between `start` and `end` that the capture does not show.
    pub(crate) missing: Spans,
    /// Highest acknowledgement of the peer, RSTs included.
    pub(crate) acked: Option<i64>,
    /// The acknowledgement before the last advance.
    pub(crate) acked_before: Option<i64>,
    /// Highest position that a segment without octets shows to have been sent, a FIN perhaps included.
    pub(crate) proven: Option<i64>,
    pub(crate) syn: Option<Syn>,
    pub(crate) fin: Option<Fin>,
    pub(crate) segments: u64,
    /// Payload octets on the wire, repeated ones included.
    pub(crate) payload: u64,
    pub(crate) repeated_octets: u64,
    pub(crate) repeated_segments: u64,
    /// Repeated octets that the peer had already acknowledged.
    pub(crate) spurious_octets: u64,
    pub(crate) keep_alives: u32,
    pub(crate) window_probes: u32,
    pub(crate) first_payload: Option<Seen>,
    /// First octet that the snapshot length cut off and that was not acknowledged yet.
    pub(crate) cut_at: Option<i64>,
    /// Missing octets before the last acknowledgement, when it came.
    pub(crate) missed: u64,
    pub(crate) last_payload: Option<Seen>,
    /// Longest payload, and whether the segment with the last octet was shorter and pushed.
    pub(crate) longest: u32,
    pub(crate) last_len: u32,
    pub(crate) last_pushed: bool,
    pub(crate) with_timestamps: u64,
    pub(crate) clock: u32,
    pub(crate) unheard: Unheard,
    pub(crate) window: Window,
    pub(crate) packets: Packets,
    pub(crate) recent: Recent,
    /// It acknowledged the peer's FIN before it sent one itself.
    pub(crate) outlived_peer: bool,
    /// Most repetitions without an answer of the peer, over the whole connection.
    pub(crate) most_repeated: u32,
}

impl Half {
    /// Whether the capture shows nothing of this side but, perhaps, RSTs.
    pub(crate) fn is_unseen(&self) -> bool {
        self.segments == 0
    }

    /// The position of `sequence`: the one nearest to the newest that is known. `None`: this side's numbers are unknown.
    pub(crate) fn position(&self, sequence: u32) -> Option<i64> {
        let newest = self.end.max(self.acked.unwrap_or(self.end));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic modulo 2^32")]
        let known = self.origin?.wrapping_add(newest as u32);
        #[expect(clippy::cast_possible_wrap, reason = "a difference of sequence numbers has a sign")]
        let ahead = sequence.wrapping_sub(known) as i32;
        Some(newest + i64::from(ahead))
    }

    /// The position of `sequence`, which becomes number 0 if no number of this side was known.
    fn place(&mut self, sequence: u32) -> i64 {
        if self.origin.is_none() {
            self.origin = Some(sequence);
        }
        self.position(sequence).unwrap_or(0)
    }

    /// Makes `sequence` number 0 of a side of which nothing was known.
    pub(crate) fn begin_at(&mut self, sequence: u32) {
        self.origin = Some(sequence);
        (self.start, self.end) = (0, 0);
    }

    /// The position after everything that is known to have been sent, a FIN included.
    pub(crate) fn next(&self) -> i64 {
        let end = self.end.max(self.acked.unwrap_or(self.end)).max(self.proven.unwrap_or(self.end));
        self.fin.map_or(end, |fin| end.max(fin.position + 1))
    }

    /// Position after the last payload octet that is known to have been sent.
    pub(crate) fn data_end(&self) -> i64 {
        let bound = self.fin.map_or(i64::MAX, |fin| fin.position.max(self.end));
        let mut end = self.end.max(self.proven.unwrap_or(self.end)).min(bound);
        if let Some(acked) = self.acked.filter(|&acked| acked > end) {
            // An acknowledgement proves octets that the capture missed; one more than those may be a FIN.
            end = acked.min(bound);
        }
        end
    }

    /// Octets that the capture should have by now and has not: they lie before later ones, or were acknowledged. 0 if it has
    /// nothing at all of this side. What can be the FIN alone is not counted.
    pub(crate) fn not_captured(&self) -> u64 {
        if self.is_unseen() {
            return 0;
        }
        let between = if self.missing.is_empty() { 0 } else { self.missing.before(i64::MAX) };
        let last = self.fin.map_or(self.end + 1, |fin| fin.position + 1);
        let beyond = self.acked.and_then(|acked| acked.checked_sub(last)).unwrap_or(0);
        between + if beyond > 0 { u64::try_from(beyond).unwrap_or(0) + 1 } else { 0 }
    }

    /// Whether the peer acknowledged the FIN.
    pub(crate) fn fin_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.acked.is_some_and(|acked| acked > fin.position))
    }

    /// Payload octets that were sent and not acknowledged.
    pub(crate) fn unacked(&self) -> u64 {
        let acked = self.acked.unwrap_or(self.start).max(self.start);
        self.data_end().checked_sub(acked).and_then(|left| u64::try_from(left).ok()).unwrap_or(0)
    }

    /// Payload octets that the peer acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        let acked = self.acked.unwrap_or(self.start).min(self.data_end());
        acked.checked_sub(self.start).and_then(|octets| u64::try_from(octets).ok()).unwrap_or(0)
    }

    /// Notes a SYN.
    pub(crate) fn on_syn(&mut self, segment: &Segment<'_>) {
        let seen = Seen::of(segment);
        match &mut self.syn {
            Some(syn) if syn.sequence == segment.sequence => {
                syn.sent = syn.sent.saturating_add(1);
                syn.last = seen.time;
                syn.with_ack |= segment.flags.ack();
                self.repeat(0);
            }
            Some(_) => {}
            None => {
                if self.origin.is_some() {
                    // The SYN comes after its data, as captures of several queues have it: renumber from the SYN.
                    let behind = self.position(segment.sequence).unwrap_or(0);
                    self.shift(-behind);
                }
                self.origin = Some(segment.sequence);
                self.syn = Some(Syn {
                    sequence: segment.sequence,
                    with_ack: segment.flags.ack(),
                    window_scale: segment.options.window_scale,
                    longest: segment.options.mss,
                    sent: 1,
                    last: seen.time,
                });
                if self.payload == 0 {
                    // What was taken for the beginning lies behind octets, and perhaps a FIN.
                    self.proven = self.proven.max(Some(self.end)).filter(|&proven| self.placed && proven > 1);
                    self.end = 1;
                } else if self.start > 1 {
                    // What lies between the SYN and the first octet that was seen is a gap of the capture.
                    self.missing.push_front(1, self.start);
                }
                self.start = 1;
                self.placed = true;
            }
        }
        self.wait(seen);
    }

    /// Moves all positions by `by`.
    fn shift(&mut self, by: i64) {
        self.start += by;
        self.end += by;
        self.missing.shift(by);
        for position in [&mut self.acked, &mut self.acked_before, &mut self.proven].into_iter().flatten() {
            *position += by;
        }
        if let Some(fin) = &mut self.fin {
            fin.position += by;
        }
    }

    /// Notes a payload, which begins at `sequence`.
    pub(crate) fn on_payload(&mut self, segment: &Segment<'_>, sequence: u32) -> (i64, Placed) {
        let from = self.place(sequence);
        let len = i64::from(segment.payload_len);
        let to = from + len;
        let seen = Seen::of(segment);
        if !self.placed {
            self.placed = true;
            (self.start, self.end) = (from, from);
        }
        if self.payload == 0 && self.syn.is_none() && from < self.end {
            // Midstream, and what was taken for the beginning lies behind octets: a FIN may lie between.
            self.proven = self.proven.max(Some(self.end));
            (self.start, self.end) = (from, from);
        }
        self.payload += u64::from(segment.payload_len);
        self.first_payload.get_or_insert(seen);
        if !segment.is_whole() && self.cut_at.is_none() {
            self.cut_at = Some(from);
        }
        let placed = match from.cmp(&self.end) {
            std::cmp::Ordering::Equal => Placed::Next,
            std::cmp::Ordering::Greater => {
                self.missing.push(self.end, from);
                Placed::Ahead
            }
            std::cmp::Ordering::Less => {
                self.earlier(from, to);
                Placed::Earlier
            }
        };
        if to > self.end {
            self.end = to;
            self.last_len = segment.payload_len;
            self.last_pushed = segment.flags.psh();
            self.last_payload = Some(seen);
            self.longest = self.longest.max(segment.payload_len);
        }
        self.wait(seen);
        (from, placed)
    }

    /// Counts octets that begin before the newest: they fill a gap, or are sent again.
    fn earlier(&mut self, from: i64, to: i64) {
        if from < self.start && self.syn.is_none() {
            // The capture began in the middle, and its first frames were out of order.
            self.missing.push_front(to.min(self.start), self.start);
            self.start = from;
            return;
        }
        let new = if self.missing.is_empty() { 0 } else { self.missing.remove(from, to) };
        let again = to.min(self.end).abs_diff(from.min(self.end)).saturating_sub(new);
        if again > 0 {
            if self.acked.is_some_and(|acked| to.min(self.end) <= acked) {
                self.spurious_octets += again;
            }
            self.repeat(again);
        }
    }

    /// Counts a segment that repeats `octets`.
    fn repeat(&mut self, octets: u64) {
        self.repeated_octets += octets;
        self.repeated_segments += 1;
        self.unheard.repeated = self.unheard.repeated.saturating_add(1);
        self.most_repeated = self.most_repeated.max(self.unheard.repeated);
    }

    /// Notes a FIN, which follows the payload that ends at `position`.
    pub(crate) fn on_fin(&mut self, segment: &Segment<'_>, sequence: u32) {
        let acknowledged = segment.flags.ack().then_some(segment.acknowledgement);
        let position = self.place(sequence);
        let seen = Seen::of(segment);
        if !self.placed {
            self.placed = true;
            (self.start, self.end) = (position, position);
        }
        if position > self.end {
            self.missing.push(self.end, position);
            self.end = position;
        }
        match &mut self.fin {
            Some(fin) if fin.position == position => {
                fin.sent = fin.sent.saturating_add(1);
                self.repeat(0);
            }
            // A stack that sends data after its FIN is broken, and the FIN at the highest position counts.
            Some(fin) if fin.position > position => {}
            _ => self.fin = Some(Fin { position, seen, acknowledged, sent: 1 }),
        }
        self.wait(seen);
    }

    /// Notes an acknowledgement by the peer. The position of the acknowledgement comes back.
    pub(crate) fn on_ack(&mut self, acknowledgement: u32) -> i64 {
        let position = self.place(acknowledgement);
        if !self.placed && self.acked.is_none() {
            // Midstream: what was acknowledged first is where this direction begins for us.
            (self.start, self.end) = (position, position);
        }
        match self.acked {
            Some(acked) if acked >= position => {}
            acked => {
                self.acked_before = acked;
                self.acked = Some(position);
            }
        }
        position
    }

    /// Whether an acknowledgement up to `acked` shows octets to be missing in the capture that did not show before.
    pub(crate) fn shows_gap(&mut self, acked: i64) -> bool {
        let cut = self.cut_at.take_if(|cut| *cut < acked).is_some();
        if self.syn.is_none() && !cut {
            return false;
        }
        let last = self.fin.map_or(self.end, |fin| fin.position + 1);
        let beyond = acked.checked_sub(last).and_then(|octets| u64::try_from(octets).ok()).unwrap_or(0);
        let missed =
            if beyond == 0 && self.missing.is_empty() { 0 } else { self.missing.before(acked) + beyond };
        let more = missed > self.missed;
        self.missed = missed;
        more || cut
    }

    /// Notes a segment that asks for an answer.
    fn wait(&mut self, seen: Seen) {
        self.unheard.first.get_or_insert(seen.time);
    }

    /// Notes a probe: of an idle connection, or of a closed window.
    pub(crate) fn on_probe(&mut self, seen: Seen, closed: bool) {
        if closed {
            self.window_probes = self.window_probes.saturating_add(1);
        } else {
            self.keep_alives = self.keep_alives.saturating_add(1);
        }
        self.wait(seen);
        if closed {
            return;
        }
        let unheard = &mut self.unheard;
        unheard.probe_interval = unheard.last_probe.and_then(|last| seen.time.since(last));
        unheard.last_probe = Some(seen.time);
        unheard.probes = unheard.probes.saturating_add(1);
    }

    /// Notes that the peer was heard.
    pub(crate) fn on_heard(&mut self) {
        if self.unheard.first.is_some() {
            self.unheard = Unheard::default();
        }
    }

    /// Notes the window of a segment of this side. `received` is what this side has acknowledged so far, `sends` says
    /// that the segment carries new octets.
    pub(crate) fn on_window(&mut self, segment: &Segment<'_>, received: Option<i64>, sends: bool) {
        let window = &mut self.window;
        let shrunk = window.has_shrunk();
        if segment.window == 0 {
            if window.closed_since.is_none() {
                window.closed += 1;
                window.closed_since = Some(segment.time);
            }
        } else if let Some(since) = window.closed_since.take() {
            window.closed_for =
                window.closed_for.saturating_add(segment.time.since(since).unwrap_or_default());
        }
        window.last = Some(segment.window);
        window.largest = window.largest.max(segment.window);
        if let Some(received) = received {
            // The window opens again after it had shrunk: the program has read. An answer to a short message shows it too.
            let burst = received - window.read_to;
            let reopened = shrunk && !window.has_shrunk();
            if burst > 0 && (reopened || (sends && burst <= ANSWERED)) {
                window.read_to = received;
                window.last_burst = if reopened { 0 } else { burst };
            }
        }
    }

    /// The scale of this side's window (RFC 7323). `None`: the handshake was not captured.
    pub(crate) fn scale(&self, peer: &Self) -> Option<u8> {
        let (mine, theirs) = (self.syn?, peer.syn?);
        Some(mine.window_scale.and(theirs.window_scale).and(mine.window_scale).unwrap_or(0).min(14))
    }

    /// The window in octets. `None`: unknown scale, or no segment that offers one.
    pub(crate) fn offered(&self, peer: &Self) -> Option<u64> {
        Some(u64::from(self.window.last?) << self.scale(peer)?)
    }
}
