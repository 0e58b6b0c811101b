//! One side of an observed connection: the octets that it sent, what its peer acknowledged of them, and the window that it
//! offered for the other direction.
//!
//! Positions are sequence numbers without wrap: 0 is the SYN, 1 the first octet. Where the capture has no SYN, 0 is the
//! first number that it shows, and "before the capture" is negative.
//!
//! A capture can have a hundred thousand connections open at once, so a side is small: what most connections never have
//! ([`Rare`], the FIN) is allocated when it happens.

use std::{num::NonZeroU16, time::Duration};

use super::{
    Seen,
    packets::Packets,
    recent::Recent,
    small::{Maybe, MaybeFrame, MaybeSeen},
    spans::Spans,
    traffic::Traffic,
};
use crate::segment::{Flags, Segment, Timestamp};

/// How much may be received at once so that an answer to it shows that it was read: a usual buffer. A program that answers
/// before it has read a long message is common (`413 Content Too Large`); one that answers a short one without having read
/// it is not.
const ANSWERED: i64 = 4096;

/// What a segment's number lies behind its side's SYN at most, so that the SYN came late.
const FAR: i64 = 4 * 65_536;

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
    pub(crate) with_ack: bool,
    window_scale: u8,
    /// Longest segment that this side takes (MSS). `None`: it did not say so, or said zero.
    pub(crate) longest: Option<NonZeroU16>,
    /// How often the SYN was sent.
    pub(crate) sent: u32,
    /// When it was sent last.
    pub(crate) last: Timestamp,
}

/// [`Syn::window_scale`] of a SYN without that option.
const NO_SCALE: u8 = u8::MAX;

impl Syn {
    fn of(segment: &Segment<'_>) -> Self {
        Self {
            with_ack: segment.flags.ack(),
            window_scale: segment.options.window_scale.map_or(NO_SCALE, |scale| scale.min(14)),
            longest: segment.options.mss.and_then(NonZeroU16::new),
            sent: 1,
            last: segment.time,
        }
    }
}

/// What a side has sent since it heard from its peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unheard {
    /// How many segments repeated what had been sent.
    pub(crate) repeated: u32,
    /// Keep-alive probes.
    pub(crate) probes: u32,
    /// Time between the last two probes.
    pub(crate) probe_interval: Option<Duration>,
    pub(crate) last_probe: Option<Timestamp>,
}

impl Unheard {
    const NOTHING: Self = Self { repeated: 0, probes: 0, probe_interval: None, last_probe: None };
}

/// The window that a side offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// The position up to which the octets that came evidently were read.
    pub(crate) read_to: i64,
    /// As it stands in the header, without the segments that carry SYN or RST. `None`: not seen.
    pub(crate) last: Option<u16>,
    pub(crate) largest: u16,
    /// How many octets the last answer showed to be read: at most [`ANSWERED`].
    pub(crate) last_burst: u16,
}

impl Window {
    /// Whether less is offered than once was, by more than the rounding of the window scale: something may be unread.
    pub(crate) fn has_shrunk(&self) -> bool {
        self.last.is_some_and(|last| last.saturating_add(1) < self.largest)
    }
}

/// What happens on few connections only.
#[derive(Clone, Debug)]
pub(crate) struct Rare {
    /// Octets between `start` and `end` that the capture does not show.
    pub(crate) missing: Spans,
    /// Highest position that a segment without octets shows to have been sent, a FIN perhaps included.
    pub(crate) proven: Option<i64>,
    pub(crate) repeated_octets: u64,
    pub(crate) repeated_segments: u64,
    /// Repeated octets that the peer had already acknowledged.
    pub(crate) spurious_octets: u64,
    /// Missing octets before the last acknowledgement, when it came.
    missed: u64,
    pub(crate) keep_alives: u32,
    pub(crate) window_probes: u32,
    /// Most repetitions without an answer of the peer, over the whole connection.
    pub(crate) most_repeated: u32,
    pub(crate) unheard: Unheard,
    /// How often this side's window went to zero.
    pub(crate) closed: u32,
    pub(crate) closed_since: Option<Timestamp>,
    /// Total time with the window at zero, without the time since `closed_since`.
    pub(crate) closed_for: Duration,
}

impl Rare {
    const NOTHING: Self = Self {
        missing: Spans::EMPTY,
        proven: None,
        repeated_octets: 0,
        repeated_segments: 0,
        spurious_octets: 0,
        missed: 0,
        keep_alives: 0,
        window_probes: 0,
        most_repeated: 0,
        unheard: Unheard::NOTHING,
        closed: 0,
        closed_since: None,
        closed_for: Duration::ZERO,
    };
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
    /// The sequence number with position 0: that of the SYN, if there is one. Without meaning before `has_origin`.
    origin: u32,
    has_origin: bool,
    /// Whether `start` and `end` are more than a guess.
    pub(crate) placed: bool,
    /// First octet that was seen or acknowledged.
    pub(crate) start: i64,
    /// Position after the last octet that was seen.
    pub(crate) end: i64,
    acked: Maybe,
    /// The last acknowledgement that was new was one number more than the one before it.
    pub(crate) acked_one_more: bool,
    pub(crate) syn: Option<Syn>,
    fin: Option<Box<Fin>>,
    rare: Option<Box<Rare>>,
    pub(crate) segments: u32,
    /// Payload octets on the wire, repeated ones included.
    pub(crate) payload: u64,
    first_payload: MaybeFrame,
    last_payload: MaybeSeen,
    /// First octet that the snapshot length cut off and that was not acknowledged yet.
    cut_at: Maybe,
    /// Longest payload, and whether the segment with the last octet was shorter and pushed.
    pub(crate) longest: u32,
    pub(crate) last_len: u32,
    pub(crate) last_pushed: bool,
    pub(crate) with_timestamps: u32,
    pub(crate) clock: u32,
    /// When the first segment was sent, since the peer was heard, that asks for an acknowledgement.
    unheard_since: Maybe,
    pub(crate) window: Window,
    pub(crate) packets: Packets,
    pub(crate) recent: Recent,
    /// It acknowledged the peer's FIN before it sent one itself.
    pub(crate) outlived_peer: bool,
    /// All packets, as flow logs count them.
    packet_count: u32,
    packet_flags: Flags,
    ip_octets: u64,
    frame_octets: u64,
}

impl Half {
    /// Whether the capture shows nothing of this side but, perhaps, RSTs.
    pub(crate) fn is_unseen(&self) -> bool {
        self.segments == 0
    }

    /// Whether it sent neither a SYN nor octets nor a FIN, and something else.
    pub(crate) fn only_acknowledges(&self) -> bool {
        self.segments > 0 && self.syn.is_none() && self.payload == 0 && self.fin.is_none()
    }

    /// Highest acknowledgement of the peer, RSTs included.
    pub(crate) fn acked(&self) -> Option<i64> {
        self.acked.get()
    }

    pub(crate) fn fin(&self) -> Option<Fin> {
        self.fin.as_deref().copied()
    }

    /// The first frame with payload.
    pub(crate) fn first_payload(&self) -> Option<u64> {
        self.first_payload.get()
    }

    /// The last frame with new payload.
    pub(crate) fn last_payload(&self) -> Option<Seen> {
        self.last_payload.get()
    }

    /// When the first segment was sent, since the peer was heard, that asks for an acknowledgement.
    pub(crate) fn unheard_since(&self) -> Option<Timestamp> {
        self.unheard_since.get().map(Timestamp::from_nanoseconds)
    }

    /// What happens on few connections only.
    pub(crate) fn rare(&self) -> &Rare {
        const NOTHING: &Rare = &Rare::NOTHING;
        self.rare.as_deref().unwrap_or(NOTHING)
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::NOTHING))
    }

    /// Sequence number of the SYN.
    pub(crate) fn syn_sequence(&self) -> Option<u32> {
        self.syn.map(|_| self.origin)
    }

    /// Sequence number of the FIN that was seen first.
    pub(crate) fn fin_sequence(&self) -> Option<u32> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic modulo 2^32")]
        self.fin.as_deref().map(|fin| self.origin.wrapping_add(fin.position as u32))
    }

    /// Counts a packet, whatever it is.
    pub(crate) fn count(&mut self, segment: &Segment<'_>) {
        self.packet_count = self.packet_count.saturating_add(1);
        self.ip_octets += u64::from(segment.ip_len);
        self.frame_octets += u64::from(segment.frame_len);
        self.packet_flags = self.packet_flags.with(segment.flags);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            packets: self.packet_count,
            ip_octets: self.ip_octets,
            frame_octets: self.frame_octets,
            flags: self.packet_flags,
        }
    }

    /// The position of `sequence`: the one nearest to the newest that is known. `None`: this side's numbers are unknown.
    pub(crate) fn position(&self, sequence: u32) -> Option<i64> {
        let newest = self.end.max(self.acked().unwrap_or(self.end));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic modulo 2^32")]
        let known = self.has_origin.then(|| self.origin.wrapping_add(newest as u32))?;
        #[expect(clippy::cast_possible_wrap, reason = "a difference of sequence numbers has a sign")]
        let ahead = sequence.wrapping_sub(known) as i32;
        Some(newest + i64::from(ahead))
    }

    /// The position of `sequence`, which becomes number 0 if no number of this side was known.
    fn place(&mut self, sequence: u32) -> i64 {
        if !self.has_origin {
            (self.origin, self.has_origin) = (sequence, true);
        }
        self.position(sequence).unwrap_or(0)
    }

    /// Makes `sequence` number 0 of a side of which nothing was known.
    pub(crate) fn begin_at(&mut self, sequence: u32) {
        (self.origin, self.has_origin) = (sequence, true);
        (self.start, self.end) = (0, 0);
    }

    /// The position after everything that is known to have been sent, a FIN included.
    pub(crate) fn next(&self) -> i64 {
        let end = self.end.max(self.acked().unwrap_or(self.end)).max(self.rare().proven.unwrap_or(self.end));
        self.fin.as_deref().map_or(end, |fin| end.max(fin.position + 1))
    }

    /// Position after the last payload octet that is known to have been sent.
    pub(crate) fn data_end(&self) -> i64 {
        let bound = self.fin.as_deref().map_or(i64::MAX, |fin| fin.position.max(self.end));
        let mut end = self.end.max(self.rare().proven.unwrap_or(self.end)).min(bound);
        if let Some(acked) = self.acked().filter(|&acked| acked > end) {
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
        let missing = &self.rare().missing;
        let between = if missing.is_empty() { 0 } else { missing.before(i64::MAX) };
        let last = self.fin.as_deref().map_or(self.end + 1, |fin| fin.position + 1);
        let beyond = self.acked().and_then(|acked| acked.checked_sub(last)).unwrap_or(0);
        between + if beyond > 0 { u64::try_from(beyond).unwrap_or(0) + 1 } else { 0 }
    }

    /// Whether the peer acknowledged the FIN.
    pub(crate) fn fin_acked(&self) -> bool {
        self.fin.as_deref().is_some_and(|fin| self.acked().is_some_and(|acked| acked > fin.position))
    }

    /// Payload octets that were sent and not acknowledged.
    pub(crate) fn unacked(&self) -> u64 {
        let acked = self.acked().unwrap_or(self.start).max(self.start);
        self.data_end().checked_sub(acked).and_then(|left| u64::try_from(left).ok()).unwrap_or(0)
    }

    /// Payload octets that the peer acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        let acked = self.acked().unwrap_or(self.start).min(self.data_end());
        acked.checked_sub(self.start).and_then(|octets| u64::try_from(octets).ok()).unwrap_or(0)
    }

    /// Notes a SYN.
    pub(crate) fn on_syn(&mut self, segment: &Segment<'_>) {
        match &mut self.syn {
            Some(syn) if self.origin == segment.sequence => {
                syn.sent = syn.sent.saturating_add(1);
                syn.last = segment.time;
                // Where both sides open at once, a side acknowledges by its SYN, too: that says something new.
                let is_new = segment.flags.ack() && !syn.with_ack;
                syn.with_ack |= segment.flags.ack();
                if !is_new {
                    self.repeat(0);
                }
            }
            Some(_) => {}
            None => {
                if self.has_origin && !self.has_foreign_numbers(segment) {
                    // The SYN comes after its data, as captures of several queues have it: renumber from the SYN.
                    let behind = self.position(segment.sequence).unwrap_or(0);
                    self.shift(-behind);
                }
                (self.origin, self.has_origin) = (segment.sequence, true);
                self.syn = Some(Syn::of(segment));
                if self.payload == 0 {
                    // What was taken for the beginning lies behind octets, and perhaps a FIN.
                    let proven =
                        self.rare().proven.max(Some(self.end)).filter(|&proven| self.placed && proven > 1);
                    if proven != self.rare().proven {
                        self.rare_mut().proven = proven;
                    }
                    self.end = 1;
                } else if self.start > 1 {
                    // What lies between the SYN and the first octet that was seen is a gap of the capture.
                    let start = self.start;
                    self.rare_mut().missing.push_front(1, start);
                }
                self.start = 1;
                self.placed = true;
            }
        }
        self.wait(segment.time);
    }

    /// Whether what was seen of this side before its SYN has numbers of its own: it acknowledged the peer's SYN with any
    /// number, before it sent one (split handshake).
    fn has_foreign_numbers(&self, syn: &Segment<'_>) -> bool {
        let behind = self.position(syn.sequence).map_or(0, |position| self.end - position);
        !syn.flags.ack() && self.payload == 0 && self.acked().is_none() && !(0..=FAR).contains(&behind)
    }

    /// Moves all positions by `by`.
    fn shift(&mut self, by: i64) {
        self.start += by;
        self.end += by;
        self.acked.shift(by);
        if let Some(rare) = &mut self.rare {
            rare.missing.shift(by);
            rare.proven = rare.proven.map(|proven| proven + by);
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
            let end = self.end;
            let rare = self.rare_mut();
            rare.proven = rare.proven.max(Some(end));
            (self.start, self.end) = (from, from);
        }
        self.payload += u64::from(segment.payload_len);
        if self.first_payload.get().is_none() {
            self.first_payload = MaybeFrame::some(segment.frame);
        }
        if !segment.is_whole() && self.cut_at.get().is_none() {
            self.cut_at = Maybe::some(from);
        }
        let placed = match from.cmp(&self.end) {
            std::cmp::Ordering::Equal => Placed::Next,
            std::cmp::Ordering::Greater => {
                let end = self.end;
                self.rare_mut().missing.push(end, from);
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
            self.last_payload = MaybeSeen::some(seen);
            self.longest = self.longest.max(segment.payload_len);
        }
        self.wait(segment.time);
        (from, placed)
    }

    /// Counts octets that begin before the newest: they fill a gap, or are sent again.
    fn earlier(&mut self, from: i64, to: i64) {
        if from < self.start && self.syn.is_none() {
            // The capture began in the middle, and its first frames were out of order.
            let start = self.start;
            self.rare_mut().missing.push_front(to.min(start), start);
            self.start = from;
            return;
        }
        let new = match &mut self.rare {
            Some(rare) if !rare.missing.is_empty() => rare.missing.remove(from, to),
            _ => 0,
        };
        let again = to.min(self.end).abs_diff(from.min(self.end)).saturating_sub(new);
        if again > 0 {
            if self.acked().is_some_and(|acked| to.min(self.end) <= acked) {
                self.rare_mut().spurious_octets += again;
            }
            self.repeat(again);
        }
    }

    /// Counts a segment that repeats `octets`.
    fn repeat(&mut self, octets: u64) {
        let rare = self.rare_mut();
        rare.repeated_octets += octets;
        rare.repeated_segments += 1;
        rare.unheard.repeated = rare.unheard.repeated.saturating_add(1);
        rare.most_repeated = rare.most_repeated.max(rare.unheard.repeated);
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
            let end = self.end;
            self.rare_mut().missing.push(end, position);
            self.end = position;
        }
        match &mut self.fin {
            Some(fin) if fin.position == position => {
                fin.sent = fin.sent.saturating_add(1);
                self.repeat(0);
            }
            // A stack that sends data after its FIN is broken, and the FIN at the highest position counts.
            Some(fin) if fin.position > position => {}
            _ => self.fin = Some(Box::new(Fin { position, seen, acknowledged, sent: 1 })),
        }
        self.wait(segment.time);
    }

    /// Notes an acknowledgement by the peer. The position of the acknowledgement comes back.
    pub(crate) fn on_ack(&mut self, acknowledgement: u32) -> i64 {
        let position = self.place(acknowledgement);
        if !self.placed && self.acked().is_none() {
            // Midstream: what was acknowledged first is where this direction begins for us.
            (self.start, self.end) = (position, position);
        }
        match self.acked() {
            Some(acked) if acked >= position => {}
            acked => {
                self.acked_one_more = acked.is_some_and(|acked| position - acked == 1);
                self.acked = Maybe::some(position);
            }
        }
        position
    }

    /// Whether an acknowledgement up to `acked` shows octets to be missing in the capture that did not show before.
    pub(crate) fn shows_gap(&mut self, acked: i64) -> bool {
        let cut = self.cut_at.get().is_some_and(|cut| cut < acked);
        if cut {
            self.cut_at = Maybe::NONE;
        }
        if self.syn.is_none() && !cut {
            return false;
        }
        let last = self.fin.as_deref().map_or(self.end, |fin| fin.position + 1);
        let beyond = acked.checked_sub(last).and_then(|octets| u64::try_from(octets).ok()).unwrap_or(0);
        let known = self.rare();
        let missed =
            if beyond == 0 && known.missing.is_empty() { 0 } else { known.missing.before(acked) + beyond };
        let more = missed > known.missed;
        if missed != known.missed {
            self.rare_mut().missed = missed;
        }
        more || cut
    }

    /// Notes a segment that asks for an answer.
    fn wait(&mut self, time: Timestamp) {
        if self.unheard_since.get().is_none() {
            self.unheard_since = Maybe::some(time.as_nanoseconds());
        }
    }

    /// Notes a probe: of an idle connection, or of a closed window.
    pub(crate) fn on_probe(&mut self, time: Timestamp, closed: bool) {
        self.wait(time);
        let rare = self.rare_mut();
        if closed {
            rare.window_probes = rare.window_probes.saturating_add(1);
            return;
        }
        rare.keep_alives = rare.keep_alives.saturating_add(1);
        let unheard = &mut rare.unheard;
        unheard.probe_interval = unheard.last_probe.and_then(|last| time.since(last));
        unheard.last_probe = Some(time);
        unheard.probes = unheard.probes.saturating_add(1);
    }

    /// Notes that the peer was heard.
    pub(crate) fn on_heard(&mut self) {
        if self.unheard_since.get().is_some() {
            self.unheard_since = Maybe::NONE;
            if let Some(rare) = &mut self.rare {
                rare.unheard = Unheard::NOTHING;
            }
        }
    }

    /// Notes the window of a segment of this side. `received` is what this side has acknowledged so far, `sends` says
    /// that the segment carries new octets.
    pub(crate) fn on_window(&mut self, segment: &Segment<'_>, received: Option<i64>, sends: bool) {
        if segment.window == 0 {
            let rare = self.rare_mut();
            if rare.closed_since.is_none() {
                rare.closed = rare.closed.saturating_add(1);
                rare.closed_since = Some(segment.time);
            }
        } else if let Some(rare) = &mut self.rare
            && let Some(since) = rare.closed_since.take()
        {
            rare.closed_for = rare.closed_for.saturating_add(segment.time.since(since).unwrap_or_default());
        }
        let window = &mut self.window;
        let shrunk = window.has_shrunk();
        window.last = Some(segment.window);
        window.largest = window.largest.max(segment.window);
        if let Some(received) = received {
            // The window opens again after it had shrunk: the program has read. An answer to a short message shows it too.
            let burst = received - window.read_to;
            let reopened = shrunk && !window.has_shrunk();
            if burst > 0 && (reopened || (sends && burst <= ANSWERED)) {
                window.read_to = received;
                window.last_burst = if reopened { 0 } else { u16::try_from(burst).unwrap_or(u16::MAX) };
            }
        }
    }

    /// The scale of this side's window (RFC 7323). `None`: the handshake was not captured.
    pub(crate) fn scale(&self, peer: &Self) -> Option<u8> {
        let (mine, theirs) = (self.syn?.window_scale, peer.syn?.window_scale);
        Some(if mine == NO_SCALE || theirs == NO_SCALE { 0 } else { mine })
    }

    /// The window in octets. `None`: unknown scale, or no segment that offers one.
    pub(crate) fn offered(&self, peer: &Self) -> Option<u64> {
        Some(u64::from(self.window.last?) << self.scale(peer)?)
    }
}
