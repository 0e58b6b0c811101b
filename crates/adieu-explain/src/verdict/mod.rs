//! What the facts of an observed connection come to: how it ended, who ended it first, and what was lost.
//!
//! Every statement is a [`Claim`]: it has a [`Grade`], or the reason why it cannot be known. Nothing here looks at
//! addresses or names; ports only hint who the client is, where nothing else tells it. [`Columns`] is the same as one flat record with fixed names.

mod claim;
mod columns;
mod drawn;
mod ending;
mod message;
mod octets;
mod resets;
mod words;
mod zeek;

use std::{net::SocketAddr, time::Duration};

pub use self::{
    claim::{Claim, Grade, Unknown, Vantage},
    columns::Columns,
    octets::Direction,
    resets::{Effect, JudgedReset, Sign},
    words::{Actor, CloseNotify, EndedFirst, Ending, OpenAtEnd, ResetKind, Service, Side, SideEnd},
    zeek::Zeek,
};
use self::{ending::Judge, message::Message, octets::Course};
pub use crate::content::{Shortfall, TlsVersion};
use crate::{
    observed::{Connection, Half, Seen},
    segment::Timestamp,
};

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who sent the first SYN, or is taken for that.
    pub client: SocketAddr,
    /// Who was connected to.
    pub server: SocketAddr,
    /// How sure it is who the client is: seen by a SYN, concluded from what it sent, or hinted by the ports or by who sent
    /// data first.
    pub roles: Grade,
    /// The first frame of the connection in the capture.
    pub first: Seen,
    /// The last frame.
    pub last: Seen,
    /// The frame that opened the connection: the first one after both SYNs. `None`: not in the capture.
    pub established: Option<Seen>,
    /// From the client's last SYN to the frame that opened the connection. `None`: one of them is not in the capture.
    pub handshake: Option<Duration>,
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
    /// What the connection carries. `None`: neither TLS nor HTTP/1, or its first octets are missing.
    pub service: Option<Service>,
    /// What is missing of the client's last HTTP/1 request.
    pub cut_request: Option<Shortfall>,
    /// What is missing of the server's last HTTP/1 response.
    pub cut_response: Option<Shortfall>,
    /// The fatal TLS alerts that the client and the server sent, as far as they are not encrypted.
    pub tls_alerts: [Option<u8>; 2],
    /// The server's name that a TLS client asked for (SNI). It comes from the network: only printable ASCII is kept.
    pub server_name: Option<String>,
    /// Client to server.
    pub c2s: Direction,
    /// Server to client.
    pub s2c: Direction,
    /// The connection in Zeek's words.
    pub zeek: Zeek,
    /// Frames that the capture holds more than once.
    pub duplicates: u64,
    /// Frames with a bad checksum, which were left out.
    pub bad_checksums: u64,
    /// Segments that the snapshot length cut.
    pub cut: u64,
    /// Frames whose time lies before the last one's.
    pub out_of_order: u64,
    /// A program drew the segments from its calls, and they were on no wire ([`crate::capture::DRAWN`]): counts of segments, of
    /// repetitions and of windows say nothing.
    pub drawn: bool,
}

impl Verdict {
    /// The same of a socket that is connected to itself, or of segments that only pretend to be from their receiver.
    fn of_one_end(self) -> Self {
        fn no<T>() -> Claim<T> {
            Claim::unknown(Unknown::SameEnds, Vantage::None)
        }
        let resets = self.resets.into_iter().map(|reset| JudgedReset { by: no(), kind: no(), ..reset });
        Self {
            ending: no(),
            ended_first: no(),
            c_end: no(),
            s_end: no(),
            unacked_c2s: no(),
            unacked_s2c: no(),
            unsent_c2s: no(),
            unsent_s2c: no(),
            unread_server: no(),
            unread_client: no(),
            open_at_end: no(),
            close_notify: self.close_notify.unless(
                |notify| *notify != CloseNotify::NotTls,
                Unknown::SameEnds,
                Vantage::None,
            ),
            resets: resets.collect(),
            ..self
        }
    }

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
pub(crate) fn collect<'a, T: Copy + PartialEq + 'a>(
    claims: impl Iterator<Item = &'a Claim<T>>,
) -> Claim<Vec<T>> {
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
        let verdict = Verdict {
            client: self.ends()[client],
            server: self.ends()[server],
            roles,
            first: self.first,
            last: self.last,
            established: self.established(),
            handshake: self.halves[client]
                .syn
                .zip(self.established())
                .and_then(|(syn, established)| established.time.since(syn.last)),
            over: self.over(),
            ended_first,
            c_end,
            s_end,
            unacked_c2s: course.unacked(client),
            unacked_s2c: course.unacked(server),
            unsent_c2s: course.unsent(client),
            unsent_s2c: course.unsent(server),
            unread_server: course.unread(server),
            unread_client: course.unread(client),
            resets_not_kept: self.resets_not_kept(),
            open_at_end,
            close_notify: message.close_notify,
            tls: message.tls,
            service: message.service,
            cut_request: message.cut_http[client],
            cut_response: message.cut_http[server],
            tls_alerts: message.broke_off,
            server_name: self.content.server_name().map(str::to_owned),
            c2s: course.direction(client),
            s2c: course.direction(server),
            zeek: Zeek::of(self, client),
            duplicates: self.duplicates.into(),
            bad_checksums: self.bad_checksums.into(),
            cut: self.cut.into(),
            out_of_order: self.out_of_order.into(),
            drawn: self.drawn,
            ending,
            resets,
        };
        let verdict = if self.drawn { verdict.of_drawn() } else { verdict };
        if verdict.client == verdict.server { verdict.of_one_end() } else { verdict }
    }

    /// Says the same of a connection whose addresses and ports another one used at `until`: it was not open any more, and if
    /// the capture does not show its end, the capture missed it.
    pub(crate) fn judge_replaced(&self, until: Timestamp) -> Verdict {
        use {Unknown::FramesMissing, Vantage::ForLonger};
        let verdict = self.judge(Some(until));
        if verdict.ending.value() != Some(&Ending::Open) {
            return verdict;
        }
        let end = |end: Claim<SideEnd>| end.unless(|end| *end == SideEnd::None, FramesMissing, ForLonger);
        Verdict {
            ending: Claim::unknown(FramesMissing, ForLonger),
            open_at_end: Claim::unknown(FramesMissing, ForLonger),
            ended_first: verdict.ended_first.unless(
                |first| *first == EndedFirst::None,
                FramesMissing,
                ForLonger,
            ),
            c_end: end(verdict.c_end),
            s_end: end(verdict.s_end),
            ..verdict
        }
    }

    /// Says the same of a connection that was not followed to its end: the capture may go on with it, so that nothing can be
    /// concluded from what has not come.
    pub fn judge_unfollowed(&self) -> Verdict {
        use {Unknown::NotFollowed, Vantage::FewerConnections};
        let verdict = self.judge(None);
        let is_final = |ending: &Ending| !matches!(ending, Ending::NoAnswer | Ending::Silent | Ending::Open);
        if verdict.ending.value().is_some_and(is_final) {
            return verdict;
        }
        let has_more = |octets: Claim<u64>| octets.unless(|_| true, NotFollowed, FewerConnections);
        let end =
            |end: Claim<SideEnd>| end.unless(|end| *end == SideEnd::None, NotFollowed, FewerConnections);
        Verdict {
            ending: Claim::unknown(NotFollowed, FewerConnections),
            open_at_end: Claim::unknown(NotFollowed, FewerConnections),
            ended_first: verdict.ended_first.unless(
                |first| *first == EndedFirst::None,
                NotFollowed,
                FewerConnections,
            ),
            c_end: end(verdict.c_end),
            s_end: end(verdict.s_end),
            unacked_c2s: has_more(verdict.unacked_c2s),
            unacked_s2c: has_more(verdict.unacked_s2c),
            unsent_c2s: has_more(verdict.unsent_c2s),
            unsent_s2c: has_more(verdict.unsent_s2c),
            unread_server: has_more(verdict.unread_server),
            unread_client: has_more(verdict.unread_client),
            close_notify: verdict.close_notify.unless(
                |notify| matches!(notify, CloseNotify::None | CloseNotify::Client | CloseNotify::Server),
                NotFollowed,
                FewerConnections,
            ),
            ..verdict
        }
    }

    /// Which side is the client, and how sure that is.
    fn client(&self) -> (usize, Grade) {
        if let Some(opener) = self.opener() {
            return (opener, Grade::Seen);
        }
        if let Some(client) = self.content.client() {
            return (client, Grade::Concluded);
        }
        if let Some(client) = self.client_by_ports() {
            return (client, Grade::Hinted);
        }
        // In most protocols the client speaks first; and if nobody spoke, it is whoever the capture shows first.
        let frame = |half: &Half| half.first_payload().unwrap_or(u64::MAX);
        let first = usize::from(frame(&self.halves[1]) < frame(&self.halves[0]));
        // If only one side speaks, and much, it is rather an answer whose question the capture does not have.
        let answer = self.halves[1 - first].payload == 0 && self.halves[first].payload > 2 * 1460;
        (if answer { 1 - first } else { first }, Grade::Hinted)
    }

    /// The side that is the client by its port: one that a kernel chose, where the other's is one that servers have. `None`:
    /// the ports do not differ so.
    fn client_by_ports(&self) -> Option<usize> {
        // Ports of the system (RFC 6335, 6), and where the kernels of Linux and others begin to choose.
        let [low, high] = self.ends().map(|end| [1024, 32_768].map(|first| end.port() >= first));
        match (low, high) {
            ([true, _], [false, _]) | ([_, true], [_, false]) => Some(0),
            ([false, _], [true, _]) | ([_, false], [_, true]) => Some(1),
            _ => None,
        }
    }

    /// Whether side `index` sent a FIN: seen, or hinted by an acknowledgement.
    fn fin(&self, index: usize) -> Option<Grade> {
        let (half, peer) = (&self.halves[index], &self.halves[1 - index]);
        if half.fin().is_some() {
            return Some(Grade::Seen);
        }
        // The peer has ended, and the last that it acknowledged is one number more than all that this side is known to
        // have sent: the capture missed a FIN, or a single octet.
        peer.fin()?;
        let acked = half.acked()?;
        let one_more = if half.is_unseen() { half.acked_one_more } else { acked == half.end + 1 };
        one_more.then_some(Grade::Hinted)
    }
}
