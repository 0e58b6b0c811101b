//! What the facts of an observed connection come to: how it ended, who ended it first, and what was lost.
//!
//! Every statement is a [`Claim`]: it has a [`Grade`], or the reason why it cannot be known. Nothing here looks at
//! addresses, ports or names. [`Columns`] is the same as one flat record with fixed names.

mod claim;
mod columns;
mod message;
mod octets;
mod resets;
mod words;

use std::{net::SocketAddr, time::Duration};

pub use self::{
    claim::{Claim, Grade, Unknown, Vantage},
    columns::Columns,
    octets::Direction,
    resets::{Effect, JudgedReset, Sign},
    words::{Actor, CloseNotify, EndedFirst, Ending, OpenAtEnd, ResetKind, Side, SideEnd},
};
use self::{message::Message, octets::Course};
pub use crate::content::TlsVersion;
use crate::{
    observed::{Connection, Half, Seen},
    segment::Timestamp,
};

/// A final FIN without a captured acknowledgement was acknowledged if its sender did not repeat it for this long: more
/// than the longest first retransmission timeout (RFC 6298, 2.1: 1 s; some stacks use 3 s).
const FIN_ACCEPTED: Duration = Duration::from_secs(4);

/// A side is mute if it has not answered for this long.
const MUTE: Duration = Duration::from_secs(1);

/// The same, if the other side has repeated itself meanwhile.
const MUTE_REPEATED: Duration = Duration::from_millis(200);

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who sent the first SYN, or is taken for that.
    pub client: SocketAddr,
    /// Who was connected to.
    pub server: SocketAddr,
    /// How sure it is who the client is: seen by a SYN, or hinted by who spoke first.
    pub roles: Grade,
    /// The first frame of the connection in the capture.
    pub first: Seen,
    /// The last frame.
    pub last: Seen,
    /// The frame that opened the connection: the first one after both SYNs. `None`: not in the capture.
    pub established: Option<Seen>,
    /// The frame with which it was over. `None`: it is open.
    pub over: Option<Seen>,
    /// The ending.
    pub ending: Claim<Ending>,
    /// Which side chose first to end.
    pub ended_first: Claim<EndedFirst>,
    /// How the client ended its direction.
    pub c_end: Claim<SideEnd>,
    /// How the server ended its direction.
    pub s_end: Claim<SideEnd>,
    /// Octets of the client that were sent and never acknowledged.
    pub unacked_c2s: Claim<u64>,
    /// Octets of the server that were sent and never acknowledged.
    pub unacked_s2c: Claim<u64>,
    /// Octets that the client's kernel had taken and never sent.
    pub unsent_c2s: Claim<u64>,
    /// Octets that the server's kernel had taken and never sent.
    pub unsent_s2c: Claim<u64>,
    /// Octets that the server's kernel acknowledged and its program never read.
    pub unread_server: Claim<u64>,
    /// Octets that the client's kernel acknowledged and its program never read.
    pub unread_client: Claim<u64>,
    /// The RSTs, in the order of their frames: the first few.
    pub resets: Vec<JudgedReset>,
    /// How many more RSTs there were.
    pub resets_not_kept: u64,
    /// Whether anything was open when the capture stopped.
    pub open_at_end: Claim<OpenAtEnd>,
    /// Which sides sent TLS close_notify.
    pub close_notify: Claim<CloseNotify>,
    /// The TLS version.
    pub tls: Claim<TlsVersion>,
    /// The server's name that a TLS client asked for (SNI). It comes from the network: only printable ASCII is kept.
    pub server_name: Option<String>,
    /// Client to server.
    pub c2s: Direction,
    /// Server to client.
    pub s2c: Direction,
    /// Frames that the capture holds more than once.
    pub duplicates: u64,
    /// Frames with a bad checksum, which were left out.
    pub bad_checksums: u64,
    /// Segments that the snapshot length cut.
    pub cut: u64,
    /// Frames whose time lies before the last one's.
    pub out_of_order: u64,
}

impl Verdict {
    /// The flat record, with the names and words of the columns.
    pub fn columns(&self) -> Columns {
        Columns::of(self)
    }

    /// Who really sent the RSTs that count, in order, each named once. Empty: there is none. Unknown: of one it is.
    pub fn rst_by(&self) -> Claim<Vec<Actor>> {
        collect(self.resets.iter().filter(|reset| !reset.echo).map(|reset| &reset.by))
    }

    /// The kinds of the RSTs that count, in order, each named once. Empty: there is none. Unknown: of one it is.
    pub fn rst_kind(&self) -> Claim<Vec<ResetKind>> {
        collect(self.resets.iter().filter(|reset| !reset.echo).map(|reset| &reset.kind))
    }
}

/// All values, each once, with the lowest grade; or the first that is unknown.
fn collect<'a, T: Copy + PartialEq + 'a>(claims: impl Iterator<Item = &'a Claim<T>>) -> Claim<Vec<T>> {
    let (mut values, mut grade) = (Vec::new(), Grade::Seen);
    for claim in claims {
        match *claim {
            Claim::Known { value, grade: one } => {
                grade = grade.min(one);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            Claim::Unknown { reason, settled_by } => return Claim::Unknown { reason, settled_by },
        }
    }
    Claim::Known { value: values, grade }
}

impl Connection {
    /// Says how the connection ended. `capture_end`: the time of the capture's last frame, of whatever connection, if the
    /// capture is over; with it more can be said of what had no answer.
    pub fn judge(&self, capture_end: Option<Timestamp>) -> Verdict {
        let (client, roles) = self.client();
        let server = 1 - client;
        let resets = resets::judge(self, client);
        let message = Message::of(self, client);
        let judge = Judge {
            connection: self,
            client,
            resets: &resets,
            capture_end,
            fins: [self.fin(0), self.fin(1)],
        };
        let ending = judge.ending(&message);
        let refused = matches!(ending.value(), Some(Ending::Refused | Ending::NoAnswer));
        let course = Course {
            connection: self,
            resets: &resets,
            client,
            fins: [judge.fins[0].is_some(), judge.fins[1].is_some()],
            graceful: judge.both_fins_acked() == Some(true) && !judge.is_reset(),
            refused,
        };
        let ended_first = judge.ended_first();
        let (c_end, s_end) = (judge.end(client), judge.end(server));
        let open_at_end = judge.open_at_end(&ending);
        Verdict {
            client: self.ends[client],
            server: self.ends[server],
            roles,
            first: self.first,
            last: self.last,
            established: self.established,
            over: self.over,
            ended_first,
            c_end,
            s_end,
            unacked_c2s: course.unacked(client),
            unacked_s2c: course.unacked(server),
            unsent_c2s: course.unsent(client),
            unsent_s2c: course.unsent(server),
            unread_server: course.unread(server),
            unread_client: course.unread(client),
            resets_not_kept: self.resets_not_kept,
            open_at_end,
            close_notify: message.close_notify,
            tls: message.tls,
            server_name: self.content.server_name().map(str::to_owned),
            c2s: octets::direction(&self.halves[client], &self.halves[server], self.last),
            s2c: octets::direction(&self.halves[server], &self.halves[client], self.last),
            duplicates: self.duplicates,
            bad_checksums: self.bad_checksums,
            cut: self.cut,
            out_of_order: self.out_of_order,
            ending,
            resets,
        }
    }

    /// Which side is the client, and how sure that is.
    fn client(&self) -> (usize, Grade) {
        if let Some(opener) = self.opener {
            return (opener, Grade::Seen);
        }
        if let Some(client) = self.content.client() {
            return (client, Grade::Concluded);
        }
        // In most protocols the client speaks first; if nobody did, whoever the capture shows first.
        let frame = |half: &Half| half.first_payload.map_or(u64::MAX, |seen| seen.frame);
        (usize::from(frame(&self.halves[1]) < frame(&self.halves[0])), Grade::Hinted)
    }

    /// Whether side `index` sent a FIN: seen, or proven by an acknowledgement.
    fn fin(&self, index: usize) -> Option<Grade> {
        let (half, peer) = (&self.halves[index], &self.halves[1 - index]);
        if half.fin.is_some() {
            return Some(Grade::Seen);
        }
        // The peer has ended, and the last that it acknowledged is one number more than all that this side is known to
        // have sent: the capture missed a FIN. An octet would not be the last.
        peer.fin?;
        let acked = half.acked?;
        let one_more = if half.is_unseen() {
            half.acked_before.is_some_and(|before| acked - before == 1)
        } else {
            acked == half.end + 1
        };
        one_more.then_some(Grade::Concluded)
    }
}

/// The connection and what has been found out about it so far.
struct Judge<'a> {
    connection: &'a Connection,
    client: usize,
    resets: &'a [JudgedReset],
    capture_end: Option<Timestamp>,
    fins: [Option<Grade>; 2],
}

impl Judge<'_> {
    fn half(&self, index: usize) -> &Half {
        &self.connection.halves[index]
    }

    fn actor(&self, index: usize) -> Actor {
        if index == self.client { Actor::Client } else { Actor::Server }
    }

    /// Whether an RST ended the connection.
    fn is_reset(&self) -> bool {
        self.resets.iter().any(|reset| reset.effect == Effect::Ended)
    }

    /// Whether an RST in the window may have ended it.
    fn is_perhaps_reset(&self) -> bool {
        self.resets.iter().any(|reset| reset.effect == Effect::Unclear)
    }

    /// Whether the FIN of side `index` was acknowledged. `None`: the direction that would tell it is not captured.
    fn fin_acked(&self, index: usize) -> Option<bool> {
        let half = self.half(index);
        match half.fin {
            None => Some(self.fins[index].is_some()),
            Some(_) if half.fin_acked() => Some(true),
            Some(_) if self.half(1 - index).is_unseen() => None,
            Some(_) => Some(false),
        }
    }

    /// Whether both directions ended by FIN and both FINs were acknowledged. `None`: it cannot be known.
    fn both_fins_acked(&self) -> Option<bool> {
        if self.fins.iter().any(Option::is_none) {
            return Some(false);
        }
        let acked = [self.fin_acked(0), self.fin_acked(1)];
        if acked == [Some(true); 2] {
            return Some(true);
        }
        let last = self.half(usize::from(acked[1] != Some(true)));
        let fin = last.fin?;
        // Of one direction only: the FIN was taken, because it was not repeated and the peer's followed.
        if acked.contains(&None) && fin.sent == 1 {
            return Some(true);
        }
        if acked == [Some(false); 2] || acked.contains(&None) {
            return if fin.sent > 1 { Some(false) } else { None };
        }
        let quiet = self.capture_end.and_then(|end| end.since(fin.seen.time));
        match quiet {
            _ if fin.sent > 1 => Some(false),
            Some(quiet) if quiet >= FIN_ACCEPTED => Some(true),
            _ => None,
        }
    }

    /// How side `index` ended its direction.
    fn end(&self, index: usize) -> Claim<SideEnd> {
        if let Some(grade) = self.fins[index] {
            return Claim::Known { value: SideEnd::Fin, grade };
        }
        let actor = self.actor(index);
        let mut own = self.resets.iter().filter(|reset| reset.by.value() == Some(&actor));
        if let Some(reset) = own.next() {
            return match reset.effect {
                Effect::Ended | Effect::Unclear => Claim::Known { value: SideEnd::Rst, grade: Grade::Seen },
                // The socket was gone, and how it went is not in the capture.
                Effect::Noise | Effect::NoEffect => {
                    Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger)
                }
            };
        }
        let half = self.half(index);
        if half.acked.is_some_and(|acked| acked > half.end) {
            // The capture missed its last octets, and perhaps a FIN.
            let reason =
                if half.is_unseen() { Unknown::DirectionNotCaptured } else { Unknown::FramesMissing };
            return Claim::unknown(reason, self.at(index));
        }
        if half.is_unseen() && half.acked.is_some() {
            return Claim::unknown(Unknown::DirectionNotCaptured, self.at(index));
        }
        Claim::seen(SideEnd::None)
    }

    fn at(&self, index: usize) -> Vantage {
        if index == self.client { Vantage::AtTheClient } else { Vantage::AtTheServer }
    }

    /// Which side chose first to end.
    fn ended_first(&self) -> Claim<EndedFirst> {
        let named = |index: usize| if index == self.client { EndedFirst::Client } else { EndedFirst::Server };
        let reset_of = |index: usize| {
            let actor = self.actor(index);
            self.resets
                .iter()
                .find(|reset| {
                    reset.by.value() == Some(&actor) && reset.chosen && reset.effect != Effect::Noise
                })
                .filter(|reset| reset.effect != Effect::NoEffect)
                .map(|reset| reset.seen.frame)
        };
        match self.fins {
            [Some(a), Some(b)] => self.first_fin(a, b).map(|index| index.map_or(EndedFirst::Both, named)),
            [None, None] => match (reset_of(0), reset_of(1)) {
                (None, None) if self.ends_unknown() => {
                    Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger)
                }
                (None, None) => Claim::seen(EndedFirst::None),
                (a, b) => {
                    let first = usize::from(b.is_some_and(|b| a.is_none_or(|a| b < a)));
                    Claim::concluded(named(first))
                }
            },
            [a, _] => {
                let with_fin = usize::from(a.is_none());
                let fin = self.half(with_fin).fin.map_or(u64::MAX, |fin| fin.seen.frame);
                let first = match reset_of(1 - with_fin) {
                    Some(frame) if frame < fin => 1 - with_fin,
                    _ => with_fin,
                };
                let other_end = self.end(1 - with_fin);
                if other_end.value().is_none() {
                    // The other side may have ended before.
                    return Claim::Unknown {
                        reason: other_end.reason().unwrap_or(Unknown::FramesMissing),
                        settled_by: self.at(1 - with_fin),
                    };
                }
                Claim::seen(named(first))
            }
        }
    }

    /// Whether a side may have ended without the capture showing it.
    fn ends_unknown(&self) -> bool {
        (0..2).any(|index| self.end(index).value().is_none())
    }

    /// Which FIN was sent first. `None` in the claim: they crossed.
    fn first_fin(&self, a: Grade, b: Grade) -> Claim<Option<usize>> {
        let grade = a.min(b);
        // Whether the FIN of `index` was sent in knowledge of the other's.
        let knew = |index: usize, other: usize| {
            let fin = self.half(index).fin?;
            let theirs = match self.half(other).fin {
                Some(theirs) => theirs.position,
                None => self.half(other).acked? - 1,
            };
            Some(fin.acknowledged.is_some_and(|acknowledged| acknowledged > theirs))
        };
        let known = |value| Claim::Known { value, grade };
        match (knew(0, 1), knew(1, 0)) {
            // One that was not captured came after one that did not know of it.
            (Some(false), Some(true) | None) | (None, Some(true)) => known(Some(0)),
            (Some(true), Some(false) | None) | (None, Some(false)) => known(Some(1)),
            (Some(false), Some(false)) => known(None),
            (Some(true), Some(true)) | (None, None) => {
                Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger)
            }
        }
    }

    /// The ending.
    fn ending(&self, message: &Message) -> Claim<Ending> {
        let connection = self.connection;
        let refused = self.resets.iter().find(|reset| {
            reset.effect == Effect::Ended
                && matches!(reset.kind.value(), Some(ResetKind::Refused | ResetKind::NoSocket))
        });
        if refused.is_some() && connection.established.is_none() {
            return Claim::seen(Ending::Refused);
        }
        if let Some(claim) = self.truncated(message) {
            return claim;
        }
        if let Some(reset) = self.resets.iter().find(|reset| reset.effect == Effect::Ended) {
            let sure = matches!(reset.position, crate::observed::Position::Exact);
            return if sure { Claim::seen(Ending::Reset) } else { Claim::concluded(Ending::Reset) };
        }
        if self.is_perhaps_reset() && self.both_fins_acked() != Some(true) {
            let went_on = connection
                .resets
                .iter()
                .all(|reset| reset.sender_went_on || reset.receiver_went_on || reset.sender_stayed_below);
            if !went_on {
                return Claim::unknown(Unknown::NotOnTheWire, Vantage::BehindTheBox);
            }
        }
        match self.both_fins_acked() {
            Some(true) => {
                let seen = self.fins == [Some(Grade::Seen); 2]
                    && self.half(0).fin_acked()
                    && self.half(1).fin_acked();
                return if seen { Claim::seen(Ending::Graceful) } else { Claim::concluded(Ending::Graceful) };
            }
            None => return Claim::unknown(Unknown::CaptureStopsEarly, Vantage::ForLonger),
            Some(false) => {}
        }
        if self.is_unanswered() {
            return Claim::seen(Ending::NoAnswer);
        }
        if self.ends_unknown() && self.fins.iter().any(Option::is_some) {
            return Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger);
        }
        match (0..2).find(|&index| self.is_mute(index)) {
            Some(_) => Claim::concluded(Ending::Silent),
            None => Claim::seen(Ending::Open),
        }
    }

    /// TCP ended in order, or the peer was gone after its FIN, and the message was cut.
    fn truncated(&self, message: &Message) -> Option<Claim<Ending>> {
        let both = self.both_fins_acked() == Some(true) && !self.is_reset();
        // After a FIN without close_notify the stream is cut, whatever the other side still sends in vain.
        let cut_and_gone = (0..2).any(|index| {
            message.cut_tls[index]
                && self.fins[index].is_some()
                && self.resets.iter().filter(|reset| reset.effect == Effect::Ended).all(|reset| {
                    reset.by.value() == Some(&self.actor(index))
                        && reset.kind.value() == Some(&ResetKind::DeadSocket)
                })
        });
        if both && message.cut_http {
            return Some(Claim::concluded(Ending::Truncated));
        }
        if (both || (self.is_reset() && cut_and_gone)) && message.cut_tls.contains(&true) {
            return Some(Claim::Known { value: Ending::Truncated, grade: message.cut_grade });
        }
        None
    }

    /// Whether there was nothing but SYNs of one side.
    fn is_unanswered(&self) -> bool {
        let (client, server) = (self.half(self.client), self.half(1 - self.client));
        client.syn.is_some_and(|syn| !syn.with_ack && u64::from(syn.sent) == client.segments)
            && server.is_unseen()
            && self.connection.resets.is_empty()
    }

    /// Whether side `1 - index` is mute: what `index` sent has no answer, for so long that it is no round trip.
    fn is_mute(&self, index: usize) -> bool {
        let (half, peer) = (self.half(index), self.half(1 - index));
        if peer.is_unseen() && half.acked.is_none() && peer.acked.is_some() {
            // The other direction was not captured: it may well have answered.
            return false;
        }
        let unheard = &half.unheard;
        let Some(first) = unheard.first else { return false };
        let waits = half.unacked() > 0
            || half.fin.is_some() && !half.fin_acked()
            || half.syn.is_some() && half.acked.is_none()
            || unheard.probes >= 2;
        let end = self.capture_end.unwrap_or(self.connection.last.time).max(self.connection.last.time);
        let waited = end.since(first.time).unwrap_or_default();
        waits && (waited >= MUTE || (unheard.repeated > 0 && waited >= MUTE_REPEATED))
    }

    /// Whether anything is open.
    fn open_at_end(&self, ending: &Claim<Ending>) -> Claim<OpenAtEnd> {
        let fins = self.fins.iter().filter(|fin| fin.is_some()).count();
        match ending {
            Claim::Known {
                value: Ending::Graceful | Ending::Reset | Ending::Refused | Ending::Truncated,
                grade,
            } => Claim::Known { value: OpenAtEnd::No, grade: *grade },
            // The client's kernel may have given up, and says nothing when it does.
            Claim::Known { value: Ending::NoAnswer, .. } => {
                Claim::unknown(Unknown::NotOnTheWire, Vantage::None)
            }
            _ if fins == 2 => Claim::concluded(OpenAtEnd::No),
            Claim::Unknown { reason, settled_by } => {
                Claim::Unknown { reason: *reason, settled_by: *settled_by }
            }
            Claim::Known { .. } if fins == 1 => Claim::seen(OpenAtEnd::Half),
            Claim::Known { .. } => Claim::seen(OpenAtEnd::Yes),
        }
    }
}
