//! What happened to the octets of each direction: acknowledged, sent but not delivered, never sent, never read.

use std::time::Duration;

use super::{
    claim::{Claim, Unknown, Vantage},
    resets::JudgedReset,
    words::{Actor, ResetKind, Side},
};
use crate::observed::{Connection, Seen, Traffic};

/// What the capture shows of one direction. Octets are those of the payload: SYN and FIN are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// The capture has packets of this direction.
    pub captured: bool,
    /// Segments, without those that the capture holds twice and without RSTs.
    pub segments: u64,
    /// Packets as flow logs count them: RSTs and copies included.
    pub traffic: Traffic,
    /// Octets that were sent, each counted once. Octets that the capture missed are counted, if an acknowledgement or a
    /// later number proves them; those before the capture are not.
    pub sent: u64,
    /// Octets that the peer's TCP acknowledged.
    pub acknowledged: u64,
    /// Octets that were sent again.
    pub retransmitted: u64,
    /// Segments that repeated octets, a SYN or a FIN.
    pub retransmissions: u64,
    /// Octets that were sent again after they had been acknowledged.
    pub spurious: u64,
    /// Octets that the capture misses, although they were acknowledged.
    pub missed_by_capture: u64,
    /// There were so many gaps that neighbours were joined: `missed_by_capture` and `missing` are at most so many.
    pub gaps_joined: bool,
    /// Octets before the last that the capture misses, and that were not acknowledged either.
    pub missing: u64,
    /// Most repetitions in a row while the peer was mute.
    pub repeated_in_vain: u32,
    /// Keep-alive probes.
    pub keep_alives: u64,
    /// Probes of a closed window.
    pub window_probes: u64,
    /// How often the receiver of this direction closed its window.
    pub windows_closed: u64,
    /// For how long the window was closed in all, in nanoseconds, up to the last frame.
    pub window_closed_for: u64,
    /// Number of the first frame with payload.
    pub first_payload_frame: Option<u64>,
    /// The last frame with new payload.
    pub last_payload: Option<Seen>,
    /// The first frame with the FIN.
    pub fin: Option<Seen>,
    /// The FIN was acknowledged.
    pub fin_acknowledged: bool,
}

/// What is needed of the whole connection to say what became of octets.
pub(super) struct Course<'a> {
    pub(super) connection: &'a Connection,
    pub(super) resets: &'a [JudgedReset],
    /// The side that has index 0 is the client.
    pub(super) client: usize,
    /// Each side's FIN was seen, or is proven by an acknowledgement.
    pub(super) fins: [bool; 2],
    /// Both directions ended by FIN, and both were acknowledged.
    pub(super) graceful: bool,
    /// There was no connection.
    pub(super) refused: bool,
}

impl Course<'_> {
    fn side(&self, index: usize) -> Side {
        if index == self.client { Side::Client } else { Side::Server }
    }

    /// The direction that side `from` sends.
    pub(super) fn direction(&self, from: usize) -> Direction {
        let connection = self.connection;
        let (half, peer) = (&connection.halves[from], &connection.halves[1 - from]);
        // An acknowledgement that proves a FIN which the capture missed counts it in.
        let unseen_fin = u64::from(self.fins[from] && half.fin().is_none());
        let acked = half.acked().unwrap_or(half.start);
        let open =
            peer.rare().closed_since.and_then(|since| connection.last.time.since(since)).unwrap_or_default();
        let closed_for = peer.rare().closed_for.saturating_add(open);
        let beyond =
            half.data_end().checked_sub(half.end).and_then(|octets| u64::try_from(octets).ok()).unwrap_or(0);
        let beyond_acked = acked
            .min(half.data_end())
            .checked_sub(half.end)
            .and_then(|octets| u64::try_from(octets).ok())
            .unwrap_or(0);
        Direction {
            captured: !half.is_unseen(),
            segments: half.segments.into(),
            traffic: half.traffic(),
            sent: half
                .data_end()
                .checked_sub(half.start)
                .and_then(|octets| u64::try_from(octets).ok())
                .unwrap_or(0)
                .saturating_sub(unseen_fin),
            acknowledged: half.acknowledged().saturating_sub(unseen_fin),
            retransmitted: half.rare().repeated_octets,
            retransmissions: half.rare().repeated_segments,
            spurious: half.rare().spurious_octets,
            missed_by_capture: (half.rare().missing.before(acked) + beyond_acked).saturating_sub(unseen_fin),
            gaps_joined: half.rare().missing.is_rough(),
            missing: half.rare().missing.from(acked) + beyond.saturating_sub(beyond_acked),
            repeated_in_vain: half.rare().most_repeated,
            keep_alives: half.rare().keep_alives.into(),
            window_probes: half.rare().window_probes.into(),
            windows_closed: u64::from(peer.rare().closed),
            window_closed_for: u64::try_from(closed_for.as_nanos()).unwrap_or(u64::MAX),
            first_payload_frame: half.first_payload(),
            last_payload: half.last_payload(),
            fin: half.fin().map(|fin| fin.seen),
            fin_acknowledged: half.fin_acked(),
        }
    }

    /// Octets that side `from` put on the wire and that were never acknowledged.
    pub(super) fn unacked(&self, from: usize) -> Claim<u64> {
        let (half, peer) = (&self.connection.halves[from], &self.connection.halves[1 - from]);
        if self.graceful && half.unacked() > 0 {
            // The FIN behind the octets was taken, so the capture missed the acknowledgement.
            return Claim::concluded(0);
        }
        let answers_seen =
            !peer.is_unseen() || self.connection.resets().iter().any(|reset| reset.from != from);
        let fin_acked = self.fins[from] && half.fin().is_none_or(|_| half.fin_acked());
        if half.is_unseen() {
            return if fin_acked {
                // The acknowledgement of a FIN covers everything before it.
                Claim::concluded(0)
            } else if half.acked().is_none() {
                Claim::concluded(0)
            } else {
                Claim::unknown(Unknown::DirectionNotCaptured, self.at(from))
            };
        }
        if !answers_seen && half.payload > 0 && peer.acked().is_some() {
            // The sender acknowledges what the capture does not show: it has one direction only.
            return Claim::unknown(Unknown::DirectionNotCaptured, self.at(1 - from));
        }
        Claim::seen(half.unacked())
    }

    /// Octets that the kernel of side `from` had taken from its program and never sent.
    pub(super) fn unsent(&self, from: usize) -> Claim<u64> {
        let (half, peer) = (&self.connection.halves[from], &self.connection.halves[1 - from]);
        if self.fins[from] || self.graceful {
            // A FIN stands behind the last octet.
            return Claim::concluded(0);
        }
        if self.refused || (half.payload == 0 && self.connection.established().is_none()) {
            return Claim::concluded(0);
        }
        let held = Claim::unknown(Unknown::SenderWasHeldUp, Vantage::None);
        if half.is_unseen() {
            return Claim::unknown(Unknown::DirectionNotCaptured, self.at(from));
        }
        let offered = peer.offered(half).or_else(|| peer.window.last.map(u64::from));
        if offered == Some(0) {
            return held;
        }
        let in_flight = half.unacked();
        if offered.is_some_and(|offered| in_flight >= offered) && in_flight > 0 {
            return held;
        }
        if half.payload == 0 {
            return Claim::concluded(0);
        }
        // A segment that is pushed and shorter than others empties the send queue (RFC 9293, 3.9.1.2; every usual stack
        // pushes the last segment of a write, and fills segments while it has octets).
        let full = peer
            .syn
            .and_then(|syn| syn.longest)
            .map_or(536, |longest| u32::from(longest.get()).saturating_sub(40));
        let short = half.last_len < half.longest.max(full) || in_flight == 0;
        if half.last_pushed && short {
            // Octets that came later may wait for acknowledgements (congestion window), if there are some to wait for.
            return if in_flight == 0 { Claim::concluded(0) } else { Claim::hinted(0) };
        }
        let idle = half.last_payload().and_then(|last| self.connection.last.time.since(last.time));
        if in_flight == 0 && idle.is_some_and(|idle| idle >= Duration::from_millis(50)) {
            return Claim::concluded(0);
        }
        held
    }

    /// Octets that side `to` acknowledged and that its program had not read when the connection ended.
    pub(super) fn unread(&self, to: usize) -> Claim<u64> {
        let (me, peer) = (&self.connection.halves[to], &self.connection.halves[1 - to]);
        let acknowledged = peer.acknowledged();
        if self.refused
            || (acknowledged == 0 && !me.is_unseen())
            || (me.is_unseen() && peer.payload == 0 && !self.graceful)
        {
            return Claim::concluded(0);
        }
        if self.graceful {
            // A close with unread octets would have been an RST (Linux, Windows, BSD; RFC 9293, 3.6 and RFC 2525, 2.17). A
            // program that only shuts its sending side down can leave octets unread, and the FIN looks the same.
            return Claim::hinted(0);
        }
        if me.is_unseen() {
            return Claim::unknown(Unknown::DirectionNotCaptured, self.at(to));
        }
        let shrunk = Claim::unknown(Unknown::WindowShrunk, Vantage::None);
        let own = self
            .resets
            .iter()
            .find(|reset| reset.by.value() == Some(&Actor::from(self.side(to))) && !reset.echo);
        let ambiguous = own.is_some_and(|reset| {
            !matches!(
                reset.kind.value(),
                Some(
                    ResetKind::DeadSocket
                        | ResetKind::KeepaliveTimeout
                        | ResetKind::HalfOpen
                        | ResetKind::NoSocket
                )
            ) && !reset.candidates.contains(&ResetKind::HalfOpen)
        });
        if me.window.has_shrunk() || me.window.last == Some(0) {
            return shrunk;
        }
        if !ambiguous {
            return Claim::hinted(0);
        }
        // Its own RST is what a close with unread octets causes too.
        let client = to == self.client;
        let received = peer.acked().unwrap_or(0).min(peer.data_end());
        let left = received - me.window.read_to.max(peer.start);
        let alerts = self.connection.content.alert_octets(1 - to);
        if left <= i64::try_from(alerts).unwrap_or(0) && (client || me.window.last_burst <= 1460) {
            return Claim::hinted(0);
        }
        if client && self.aborted_at_once(to) {
            return Claim::hinted(0);
        }
        Claim::unknown(Unknown::NotOnTheWire, Vantage::None)
    }

    /// Whether side `to` aborted just when a message was whole: a program that waited for the message does, and one that
    /// aborts without regard to it rarely meets that moment.
    fn aborted_at_once(&self, to: usize) -> bool {
        let peer = &self.connection.halves[1 - to];
        let at_once = Duration::from_millis(1) + self.connection.round_trip().unwrap_or_default();
        let reset = self.connection.resets().iter().find(|reset| reset.from == to);
        let is_prompt = reset
            .filter(|reset| !reset.window_opened)
            .and_then(|reset| reset.since_payload)
            .is_some_and(|since| since < at_once);
        is_prompt && peer.last_pushed && peer.last_len < peer.longest && peer.unacked() == 0
    }

    fn at(&self, side: usize) -> Vantage {
        if side == self.client { Vantage::AtTheClient } else { Vantage::AtTheServer }
    }
}
