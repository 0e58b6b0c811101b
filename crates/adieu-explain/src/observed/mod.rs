//! One TCP connection as a capture shows it: facts, without judgement.
//!
//! A [`Connection`] is fed with segments by [`Connection::observe`] and keeps what is needed to say afterwards how the
//! connection ended (see [`crate::verdict`]). It is a state machine without I/O, clock or threads. It takes segments in
//! any order: a capture may have lost, doubled or reordered frames, may begin in the middle, and may show one side only.
//!
//! Memory is bounded: nothing of a payload is kept but by `content`, gaps are kept in a set of at most two dozen
//! spans, and of RSTs the first few in full. Where a bound is reached the facts become less certain, never wrong. A
//! segment that follows the last in order costs no allocation.

mod half;
mod history;
mod packets;
mod recent;
mod reset;
mod small;
mod spans;
mod trace;
mod traffic;

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use self::small::MaybeSeen;
pub(crate) use self::{
    half::Half,
    reset::{OwnEnd, Reset, only_syns},
    trace::{Record, Trace},
};
pub use self::{
    packets::IdFit,
    reset::{Position, Trigger},
    trace::Room,
    traffic::Traffic,
};
use crate::{
    content::Conversation,
    segment::{Checksum, Segment, Timestamp, TunnelId},
};

/// How many RSTs are kept in full. Real ones come in small numbers: a refusal, an abort, or an answer to each segment that
/// was in flight, of which the first says all.
const RESETS: usize = 6;

/// What a side sends so long after an RST in its name was sent after it: frames of one moment may be out of order.
const AFTERWARDS: Duration = Duration::from_millis(5);

/// An RST has come, or was lost, if it was seen so long ago: this long at least, and four round trips.
const ARRIVED: Duration = Duration::from_millis(200);

/// The same, if the capture shows no round trip.
const SURELY_ARRIVED: Duration = Duration::from_secs(1);

/// A frame of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of the frame, from 1.
    pub frame: u64,
    /// When it was captured.
    pub time: Timestamp,
}

impl Seen {
    pub(crate) fn of(segment: &Segment<'_>) -> Self {
        Self { frame: segment.frame, time: segment.time }
    }
}

/// A TCP connection, as far as the capture has shown it.
///
/// # Examples
///
/// ```
/// use adieu_explain::{observed::Connection, segment::{Flags, Segment}};
///
/// let (client, server) = ("10.0.0.1:40000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
/// let syn = Segment { frame: 1, flags: Flags::SYN, sequence: 7, ..Segment::between(client, server) };
/// let rst = Segment { frame: 2, flags: Flags::RST | Flags::ACK, acknowledgement: 8, ..Segment::between(server, client) };
///
/// let mut connection = Connection::new(&syn);
/// connection.observe(&rst);
/// assert_eq!(connection.judge(None).ending.value(), Some(&adieu_explain::verdict::Ending::Refused));
/// ```
#[derive(Clone, Debug)]
pub struct Connection {
    ends: Ends,
    tunnel: TunnelId,
    pub(crate) halves: [Half; 2],
    /// The side that sent the first SYN: 0 or 1.
    opener: Option<Side>,
    close: Option<Box<Close>>,
    pub(crate) first: Seen,
    pub(crate) last: Seen,
    pub(crate) bad_checksums: u32,
    pub(crate) duplicates: u32,
    /// Segments that were cut by the snapshot length.
    pub(crate) cut: u32,
    pub(crate) out_of_order: u32,
    established: MaybeSeen,
    /// That of the handshake, in microseconds, or at least so many.
    round_trip: Option<NonZeroU32>,
    pub(crate) content: Conversation,
    pub(crate) history: history::History,
    /// Its segments were drawn by a program, and never were on a wire.
    pub(crate) drawn: bool,
    /// Each segment, where somebody wants to compare two captures.
    trace: Option<Box<Trace>>,
}

/// What a connection has at its end.
#[derive(Clone, Debug, Default)]
struct Close {
    over: Option<Seen>,
    /// The first few RSTs.
    resets: Vec<Reset>,
    resets_not_kept: u64,
}

/// The side that the capture showed first, or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    First,
    Second,
}

impl Side {
    const fn of(index: usize) -> Self {
        if index == 0 { Self::First } else { Self::Second }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// Addresses and ports of both sides. Two [`SocketAddr`] would take nearly twice the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) addresses: [[u8; 16]; 2],
    pub(crate) ports: [u16; 2],
    pub(crate) is_ipv6: bool,
}

impl Ends {
    pub(crate) fn of(segment: &Segment<'_>) -> Self {
        let octets = |end: SocketAddr| match end.ip() {
            IpAddr::V4(ip) => u128::from(ip.to_bits()).to_be_bytes(),
            IpAddr::V6(ip) => ip.octets(),
        };
        Self {
            addresses: [octets(segment.source), octets(segment.destination)],
            ports: [segment.source.port(), segment.destination.port()],
            is_ipv6: segment.source.is_ipv6(),
        }
    }

    fn get(&self, side: usize) -> SocketAddr {
        let octets = self.addresses[side];
        let ip = if self.is_ipv6 {
            IpAddr::from(octets)
        } else {
            IpAddr::from([octets[12], octets[13], octets[14], octets[15]])
        };
        (ip, self.ports[side]).into()
    }
}

impl Connection {
    /// The connection that `segment` belongs to, and begins for us.
    pub fn new(segment: &Segment<'_>) -> Self {
        Self::begin(segment, None)
    }

    /// The same, and each segment is kept as a small record as long as there is room: to compare two captures.
    pub fn traced(segment: &Segment<'_>, room: &Room) -> Self {
        Self::begin(segment, Some(Box::new(Trace::new(room))))
    }

    fn begin(segment: &Segment<'_>, trace: Option<Box<Trace>>) -> Self {
        let seen = Seen::of(segment);
        let mut connection = Self {
            ends: Ends::of(segment),
            tunnel: segment.tunnel,
            halves: [Half::default(), Half::default()],
            opener: None,
            close: None,
            first: seen,
            last: seen,
            bad_checksums: 0,
            duplicates: 0,
            cut: 0,
            out_of_order: 0,
            established: MaybeSeen::default(),
            round_trip: None,
            content: Conversation::default(),
            history: history::History::default(),
            drawn: segment.drawn,
            trace,
        };
        connection.observe(segment);
        connection
    }

    /// The records of its segments.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_deref()
    }

    /// Both ends: first the one that sent the first segment of the capture. Who is the client is in the verdict.
    pub fn ends(&self) -> [SocketAddr; 2] {
        [self.ends.get(0), self.ends.get(1)]
    }

    pub(crate) fn compact_ends(&self) -> &Ends {
        &self.ends
    }

    /// Whether nothing shows yet that both ends want this connection: it has one segment, or a side that sent only SYNs.
    pub(crate) fn is_opening(&self) -> bool {
        let [low, high] = &self.halves;
        self.established.get().is_none()
            && (low.segments.saturating_add(high.segments) <= 1 || only_syns(low) || only_syns(high))
    }

    /// The first few RSTs.
    pub(crate) fn resets(&self) -> &[Reset] {
        self.close.as_deref().map(|close| &close.resets[..]).unwrap_or_default()
    }

    fn resets_mut(&mut self) -> &mut [Reset] {
        self.close.as_deref_mut().map(|close| &mut close.resets[..]).unwrap_or_default()
    }

    pub(crate) fn resets_not_kept(&self) -> u64 {
        self.close.as_deref().map_or(0, |close| close.resets_not_kept)
    }

    /// The side that sent the first SYN: 0 or 1.
    pub(crate) fn opener(&self) -> Option<usize> {
        self.opener.map(Side::index)
    }

    /// The frame that opened the connection: the first one after both SYNs.
    pub(crate) fn established(&self) -> Option<Seen> {
        self.established.get()
    }

    /// The tunnel that carries the connection.
    pub fn tunnel(&self) -> TunnelId {
        self.tunnel
    }

    /// The first frame of the connection.
    pub fn first(&self) -> Seen {
        self.first
    }

    /// The last frame of the connection.
    pub fn last(&self) -> Seen {
        self.last
    }

    /// The frame with which the connection was over: both FINs were acknowledged, or an RST came. `None`: it is open.
    ///
    /// Segments can still follow: an acknowledgement, a late copy, and the RSTs that answer them. They belong to this
    /// connection until [`starts_anew`](Self::starts_anew).
    pub fn over(&self) -> Option<Seen> {
        self.close.as_deref()?.over
    }

    /// Whether `segment`, of the same addresses and ports, is the first of another connection.
    ///
    /// A SYN is, if this connection is over, or if it has another sequence number than the SYN that the same side sent
    /// here. So is a SYN with ACK of a connection that this capture shows from there on.
    pub fn starts_anew(&self, segment: &Segment<'_>) -> bool {
        if !segment.flags.syn() || segment.flags.rst() {
            return false;
        }
        let from = self.side(segment);
        if self.halves[from].recent.has(segment) {
            return false;
        }
        match self.halves[from].syn_sequence() {
            Some(sequence) if sequence == segment.sequence => self.over().is_some() && !segment.flags.ack(),
            Some(_) => true,
            // The SYN of the other side of a handshake.
            None if self.halves[1 - from].syn.is_some() && self.halves[from].is_unseen() => {
                self.over().is_some() && !segment.flags.ack()
            }
            // Split handshake: the other side only acknowledges a SYN, and then sends its own.
            None if self.established().is_none()
                && self.halves[from].only_acknowledges()
                && only_syns(&self.halves[1 - from]) =>
            {
                self.over().is_some()
            }
            // Midstream: a SYN that comes late belongs here, if its number lies just before what was seen.
            None => self.over().is_some() || !self.is_late_syn(segment, from),
        }
    }

    /// Whether a SYN that comes after other segments of its side is the SYN of this connection: the capture reordered it.
    fn is_late_syn(&self, segment: &Segment<'_>, from: usize) -> bool {
        let half = &self.halves[from];
        let near = |position: i64| (half.start - 1 - 4 * 65_536..half.start.max(1)).contains(&position);
        half.position(segment.sequence).is_none_or(near)
    }

    /// The side that sent `segment`.
    fn side(&self, segment: &Segment<'_>) -> usize {
        usize::from(segment.source.port() != self.ends.ports[0] || segment.source != self.ends.get(0))
    }

    /// Takes in a segment of this connection.
    ///
    /// A segment with a bad checksum is only counted, because its receiver drops it. Whoever does not trust the
    /// capture's checksums gives it as [`Checksum::Unknown`].
    pub fn observe(&mut self, segment: &Segment<'_>) {
        if segment.checksum == Checksum::Bad {
            self.bad_checksums = self.bad_checksums.saturating_add(1);
            self.history.counted(self.side(segment), b'C');
            self.keep(segment, self.side(segment));
            return;
        }
        let from = self.side(segment);
        self.halves[from].count(segment);
        if segment.time < self.last.time {
            self.out_of_order = self.out_of_order.saturating_add(1);
        }
        if !segment.flags.rst() && !segment.drawn {
            self.halves[from].packets.note(segment);
        }
        if self.halves[from].recent.has(segment) {
            self.duplicates = self.duplicates.saturating_add(1);
            return;
        }
        self.keep(segment, from);
        self.cut = self.cut.saturating_add(u32::from(!segment.is_whole()));
        self.history.on_segment(segment, from, &self.halves[from]);
        if segment.window == 0 && !segment.flags.rst() && self.halves[1 - from].fin().is_none() {
            self.history.counted(from, b'W');
        }
        let repeated = self.halves[from].rare().repeated_octets;
        self.last = Seen::of(segment);
        if segment.flags.rst() {
            self.on_reset(segment, from);
        } else {
            self.on_segment(segment, from);
        }
        if self.halves[from].rare().repeated_octets > repeated {
            self.history.counted(from, b'T');
        }
        self.halves[from].recent.push(segment);
        self.halves[1 - from].on_heard();
    }

    /// Keeps a record of a segment, if records are kept.
    fn keep(&mut self, segment: &Segment<'_>, from: usize) {
        if let Some(trace) = &mut self.trace {
            trace.note(segment, from);
        }
    }

    /// Takes in a segment without RST.
    fn on_segment(&mut self, segment: &Segment<'_>, from: usize) {
        let seen = Seen::of(segment);
        // What is drawn after an RST is the account of before it.
        if !segment.drawn {
            self.note_life(from, segment.time);
        }
        let [low, high] = &mut self.halves;
        let (me, peer) = if from == 0 { (low, high) } else { (high, low) };
        me.segments = me.segments.saturating_add(1);
        if let Some(timestamps) = segment.options.timestamps {
            me.with_timestamps = me.with_timestamps.saturating_add(1);
            me.clock = timestamps.value;
        }
        let syn = segment.flags.syn();
        if syn {
            me.on_syn(segment);
            if self.opener.is_none() {
                self.opener = Some(Side::of(if segment.flags.ack() { 1 - from } else { from }));
            }
        }
        let acknowledged = segment.flags.ack().then(|| peer.on_ack(segment.acknowledgement));
        if let Some(acknowledged) = acknowledged {
            if peer.shows_gap(acknowledged) {
                self.history.counted(1 - from, b'G');
            }
            let resets = self.close.iter_mut().flat_map(|close| close.resets.iter_mut());
            for reset in resets.filter(|reset| reset.from == from) {
                let later = seen.time.since(reset.seen.time).is_some_and(|later| later >= AFTERWARDS);
                reset.sender_went_on |= later && acknowledged > reset.peer_next;
            }
        }
        if syn && segment.flags.ack() && self.round_trip.is_none() {
            self.round_trip = peer.syn.and_then(|theirs| seen.time.since(theirs.last)).and_then(microseconds);
        }
        if !syn && self.established.get().is_none() && me.syn.is_some() && peer.syn.is_some() {
            self.established = MaybeSeen::some(seen);
            let answer = peer.syn.and_then(|theirs| seen.time.since(theirs.last)).and_then(microseconds);
            self.round_trip = self.round_trip.max(answer);
        }
        let sequence = segment.sequence.wrapping_add(u32::from(syn));
        if segment.payload_len > 0 {
            self.on_payload(segment, from, sequence, acknowledged);
        } else if !syn && !segment.flags.fin() {
            self.on_bare(segment, from, acknowledged);
        }
        if segment.flags.fin() {
            let sequence = sequence.wrapping_add(segment.payload_len);
            self.halves[from].on_fin(segment, sequence);
            self.note_progress(from, self.halves[from].next(), segment.time);
        }
        if !syn && segment.flags.ack() {
            let received = self.halves[1 - from].acked();
            let sends = segment.payload_len > 0;
            self.halves[from].on_window(segment, received, sends);
        }
        if self.over().is_none() && self.halves[0].fin_acked() && self.halves[1].fin_acked() {
            self.close.get_or_insert_default().over = Some(seen);
        }
    }

    /// Takes in a payload.
    fn on_payload(&mut self, segment: &Segment<'_>, from: usize, sequence: u32, acknowledged: Option<i64>) {
        let [low, high] = &mut self.halves;
        let (me, peer) = if from == 0 { (low, high) } else { (high, low) };
        // One octet before the newest, which is acknowledged: a keep-alive probe with a garbage octet (RFC 9293, 3.8.4).
        if segment.payload_len == 1 && !segment.flags.fin() && me.placed {
            let position = me.position(sequence);
            if position == Some(me.next() - 1) && me.acked().is_some_and(|acked| acked >= me.next()) {
                return me.on_probe(segment.time, peer.window.last == Some(0));
            }
        }
        let (position, _) = me.on_payload(segment, sequence);
        let end = position + i64::from(segment.payload_len);
        let first = me.syn.is_some() && position == 1;
        let peer_ended = peer
            .fin()
            .is_some_and(|fin| acknowledged.is_some_and(|acknowledged| acknowledged > fin.position));
        self.content.on_payload(from, position, segment, first, peer_ended);
        self.note_progress(from, end, segment.time);
        self.note_receiver(1 - from, acknowledged);
        let arrived = self.round_trip().map_or(SURELY_ARRIVED, |trip| trip.saturating_mul(4).max(ARRIVED));
        for reset in self.resets_mut().iter_mut().filter(|reset| reset.from != from && reset.sender_went_on) {
            let later = segment.time.since(reset.seen.time).is_some_and(|later| later >= arrived);
            reset.receiver_went_on |= later && end > reset.peer_next;
        }
    }

    /// Takes in a segment without octets: an acknowledgement or a probe.
    fn on_bare(&mut self, segment: &Segment<'_>, from: usize, acknowledged: Option<i64>) {
        let [low, high] = &mut self.halves;
        let (me, peer) = if from == 0 { (low, high) } else { (high, low) };
        if let Some(position) = me.position(segment.sequence) {
            if me.placed && position == me.next() - 1 {
                me.on_probe(segment.time, peer.window.last == Some(0));
            } else if !me.placed {
                (me.start, me.end, me.placed) = (position, position, true);
            } else if position > me.next() {
                if me.syn.is_none() && me.payload == 0 {
                    // Midstream, and the first segment was a probe.
                    me.end = position;
                } else {
                    let rare = me.rare_mut();
                    rare.proven = rare.proven.max(Some(position));
                }
            }
            let taken = peer.fin().is_some_and(|fin| acknowledged.is_some_and(|acked| acked > fin.position));
            me.outlived_peer |= taken && me.fin().is_none() && position <= me.end;
        } else {
            me.begin_at(segment.sequence);
            me.placed = true;
        }
        self.note_receiver(1 - from, acknowledged);
    }

    /// Notes that `from` sent up to `end`: its RSTs at lower numbers were not its own. Neither were those at numbers that
    /// it has not reached. What comes at once may be a frame that the capture has out of order.
    fn note_progress(&mut self, from: usize, end: i64, time: Timestamp) {
        for reset in self.resets_mut().iter_mut().filter(|reset| reset.from == from) {
            let (Some(sequence), Some(later)) = (reset.sequence, time.since(reset.seen.time)) else {
                continue;
            };
            if later >= AFTERWARDS {
                reset.sender_went_on |= end > sequence;
                reset.sender_stayed_below |= end < sequence;
            }
        }
    }

    /// Notes that `from` sent a segment.
    fn note_life(&mut self, from: usize, time: Timestamp) {
        for reset in self.resets_mut() {
            if time.since(reset.seen.time).is_some_and(|later| later >= AFTERWARDS) {
                reset.spoke[usize::from(reset.from != from)] = true;
            }
        }
    }

    /// Notes that the peer of `from` acknowledged up to `acknowledged`: RSTs at lower numbers did not stop it.
    fn note_receiver(&mut self, from: usize, acknowledged: Option<i64>) {
        for reset in self.resets_mut().iter_mut().filter(|reset| reset.from == from) {
            reset.receiver_went_on |= reset
                .sequence
                .zip(acknowledged)
                .is_some_and(|(sequence, acknowledged)| acknowledged > sequence && reset.sender_went_on);
        }
    }

    /// Takes in an RST.
    fn on_reset(&mut self, segment: &Segment<'_>, from: usize) {
        let seen = Seen::of(segment);
        let [low, high] = &self.halves;
        let (me, peer) = if from == 0 { (low, high) } else { (high, low) };
        // RFC 9293, 3.10.7.1: the answer to a SYN has sequence number 0. An abort has the next number of its side.
        let refuses = segment.flags.ack()
            && (segment.sequence == 0 || (segment.window == 0 && segment.options.timestamps.is_none()))
            && me.segments == 0
            && reset::only_syns(peer)
            && peer.syn.is_some_and(|syn| {
                let ahead = segment.acknowledgement.wrapping_sub(peer.syn_sequence().unwrap_or_default());
                !syn.with_ack && (1..=1 + u32::try_from(peer.payload).unwrap_or(u32::MAX)).contains(&ahead)
            });
        let sequence =
            if me.segments == 0 && me.acked().is_none() { None } else { me.position(segment.sequence) };
        let acknowledged = segment.flags.ack().then(|| peer.position(segment.acknowledgement)).flatten();
        // Octets: a FIN can be acknowledged, and not be left unread.
        let received = peer.acked().max(acknowledged).map(|received| match peer.fin() {
            Some(fin) => received.min(fin.position.max(peer.end)),
            None => received,
        });
        let own_reset = self.resets().iter().any(|reset| reset.from == from);
        let unheard = &me.rare().unheard;
        let reset = Reset {
            seen,
            from,
            sequence,
            acknowledged,
            refuses,
            position: if refuses {
                Position::Exact
            } else {
                reset::position(sequence, acknowledged, me, peer)
            },
            behind: !segment.flags.ack() && sequence.is_some_and(|sequence| sequence < me.next()),
            answers: reset::answered(segment, peer, me, self.round_trip()),
            hop_limit: segment.hop_limit,
            id_fit: me.packets.fit(segment.ip_id),
            payload_len: segment.payload_len,
            timestamps: segment.options.timestamps.is_some(),
            timestamps_usual: u64::from(me.with_timestamps) * 2 > u64::from(me.segments),
            own_end: match () {
                () if own_reset => OwnEnd::Reset,
                () if me.fin().is_some() => OwnEnd::Fin,
                () => OwnEnd::Open,
            },
            after_both: me.fin_acked() && peer.fin_acked(),
            had_received: peer.payload > 0 || received.is_some_and(|received| received > peer.start.max(1)),
            perhaps_unread: received.is_some_and(|received| received > me.window.read_to.max(peer.start)),
            window_shrunk: me.window.has_shrunk(),
            window_opened: me.window.last.is_some_and(|last| last < segment.window),
            unanswered_probes: unheard.probes,
            probe_interval: unheard.probe_interval,
            since_probe: unheard.last_probe.and_then(|last| seen.time.since(last)),
            unanswered_repeats: unheard.repeated,
            since_payload: self.since_payload(segment, from),
            peer_next: peer.next(),
            sender_went_on: false,
            spoke: [false; 2],
            sender_stayed_below: false,
            receiver_went_on: false,
        };
        if segment.flags.ack()
            && reset.timestamps == reset.timestamps_usual
            && matches!(reset.position, Position::Exact | Position::InWindow)
        {
            // An abort has the number after everything that was sent, also of what the capture did not see.
            let me = &mut self.halves[from];
            let proven = sequence.filter(|&sequence| me.placed && sequence > me.next());
            if proven > me.rare().proven {
                me.rare_mut().proven = proven;
            }
        }
        let effective = reset.refuses || matches!(reset.position, Position::Exact | Position::Unknown);
        if self.over().is_none() && effective {
            self.close.get_or_insert_default().over = Some(seen);
        }
        // An RST acknowledges too, if it can be this side's own.
        if effective && let Some(position) = acknowledged {
            let peer = &mut self.halves[1 - from];
            if position <= peer.next() && peer.acked().is_none_or(|acked| acked < position) {
                peer.on_ack(segment.acknowledgement);
            }
        }
        let close = self.close.get_or_insert_default();
        if close.resets.len() < RESETS {
            // Most connections have one, if any.
            close.resets.reserve_exact(1);
            close.resets.push(reset);
        } else {
            close.resets_not_kept += 1;
        }
    }

    /// The round trip of the handshake: of its slower half.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|microseconds| Duration::from_micros(microseconds.get().into()))
    }

    /// Time since the other side's last payload: the longer of the capture's, and of the sender's own clock in milliseconds.
    fn since_payload(&self, segment: &Segment<'_>, from: usize) -> Option<Duration> {
        let by_capture =
            self.halves[1 - from].last_payload().and_then(|last| segment.time.since(last.time))?;
        let by_clock = segment
            .options
            .timestamps
            .map_or(0, |timestamps| timestamps.value.wrapping_sub(self.halves[from].clock));
        Some(by_capture.max(Duration::from_millis(u64::from(by_clock))))
    }
}

/// A time span in microseconds, rounded up.
fn microseconds(span: Duration) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(span.as_nanos().div_ceil(1000)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100,000 connections that are open at once take about 70 MB, with their places in the table.
    #[test]
    fn a_usual_connection_is_small() {
        assert!(size_of::<Half>() <= 264, "{}", size_of::<Half>());
        assert!(size_of::<Connection>() <= 704, "{}", size_of::<Connection>());
    }
}
