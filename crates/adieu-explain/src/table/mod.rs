//! Which connection a segment belongs to: the connections of a capture that are open, by addresses, ports and tunnel.
//!
//! A connection leaves the table when it is over and its late segments had time to come, when its addresses and ports are
//! used by another, or when the capture ends. So memory follows the connections that are open. Their number is bounded,
//! too: beyond it one is handed on before its end, which is told: of those that are not open yet the one that was idle
//! longest, and if there is none, of those that are open. So a flood of SYNs displaces nothing but SYNs.
//!
//! Time is the capture's. The table has no clock.

mod entries;

use crate::{
    ladder::{Ladder, Recording},
    observed::{Connection, Ends, Room},
    segment::{Checksum, Segment, Timestamp, TunnelId},
    verdict::Verdict,
};
use entries::{Entries, Number, Stage};
use hashbrown::HashTable;
use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// How many SYNs are kept that may belong to the next connection of the same addresses and ports.
const MOST_CLAIMS: usize = 8;

/// What a table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections are followed at once, those that are over but linger included.
    pub connections: usize,
    /// How many of them are followed at once that are not open yet. Beyond it the one that was idle longest is handed on.
    pub opening: usize,
    /// How many connections linger at once that are over.
    pub lingering: usize,
    /// How long a connection lingers that is over, for segments that come late.
    pub linger: Duration,
    /// How many octets of payload are kept at once, of all connections: those that wait for octets before them, and the
    /// beginnings of messages. Beyond it a connection does not wait, and less can be said of its messages.
    pub octets: usize,
    /// Which connections have a ladder. `None`: none has.
    pub ladders: Option<Recording>,
}

impl Default for Limits {
    /// 100,000 connections, of which 10,000 may linger for up to a minute, as long as Linux keeps TIME-WAIT, and 8 MiB of
    /// payload. No ladders.
    fn default() -> Self {
        Self {
            connections: 100_000,
            opening: 100_000,
            lingering: 10_000,
            linger: Duration::from_secs(60),
            octets: 8 << 20,
            ladders: None,
        }
    }
}

/// A connection that has left the table.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The connection.
    pub connection: Connection,
    /// Why it has left.
    pub reason: Reason,
    /// Up to when its segments were waited for: what [`Connection::judge`] wants to know.
    pub until: Timestamp,
    /// Its segments, if the limits ask for them.
    pub ladder: Option<Box<Ladder>>,
}

impl Finished {
    /// Says how the connection ended, as far as it was followed.
    pub fn judge(&self) -> Verdict {
        match self.reason {
            Reason::Evicted => self.connection.judge_unfollowed(),
            Reason::UsedAnew => self.connection.judge_replaced(self.until),
            Reason::Over | Reason::CaptureEnded => self.connection.judge(Some(self.until)),
        }
    }
}

/// Why a connection has left the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It was over, and nothing more of it came.
    Over,
    /// Another connection uses its addresses and ports.
    UsedAnew,
    /// There were too many connections, and of those that were not open yet, or else of all, this one was idle longest. What
    /// came of it afterwards looks like a connection whose beginning is not in the capture.
    Evicted,
    /// The capture has ended.
    CaptureEnded,
}

/// The connections of a capture that are open, and those that are over but linger.
///
/// # Examples
///
/// ```
/// use adieu_explain::{segment::{Flags, Segment}, table::{Limits, Reason, Table}};
///
/// let (client, server) = (([10, 0, 0, 1], 40000).into(), ([10, 0, 0, 2], 80).into());
/// let syn = Segment { frame: 1, flags: Flags::SYN, ..Segment::between(client, server) };
/// let mut finished = Vec::new();
/// let mut table = Table::new(Limits::default());
/// table.observe(&syn, &mut |one| finished.push(one));
/// table.finish(&mut |one| finished.push(one));
/// assert_eq!(finished[0].reason, Reason::CaptureEnded);
/// ```
pub struct Table {
    limits: Limits,
    /// Where the connections are; their keys are not kept but made.
    numbers: HashTable<Number>,
    /// The default hasher: nobody can make many connections that fall on each other.
    hasher: RandomState,
    entries: Entries<Entry>,
    /// Segments come in trains: where the last one went.
    last: Option<(Key, Number)>,
    now: Timestamp,
    evicted: u64,
    /// Rows of all ladders.
    rows: usize,
    /// Where records of all segments are kept. `None`: none are.
    room: Option<Room>,
    /// Octets of payload that all connections keep.
    held: usize,
}

/// A connection in the table.
struct Entry {
    connection: Connection,
    last_heard: Timestamp,
    /// SYNs that may be the beginning of the next connection with the same addresses and ports.
    claims: Option<Box<Claims>>,
    ladder: Option<Box<Ladder>>,
}

/// SYNs that wait for what tells whose they are.
#[derive(Default)]
struct Claims(Vec<Segment<'static>>);

/// Addresses and ports of a connection, the same in both directions, and its tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key([u64; 6]);

impl Key {
    fn of(ends: &Ends, tunnel: TunnelId) -> Self {
        fn half(octets: &[u8]) -> u64 {
            u64::from_be_bytes(octets.try_into().expect("eight octets"))
        }
        let end = |side: usize| (ends.addresses[side], ends.ports[side]);
        let (low, high) = (end(0).min(end(1)), end(0).max(end(1)));
        let ports = u64::from(low.1) << 16 | u64::from(high.1) | u64::from(ends.is_ipv6) << 32;
        let ((a, b), (c, d)) = (low.0.split_at(8), high.0.split_at(8));
        Self([half(a), half(b), half(c), half(d), ports, tunnel.number()])
    }
}

impl Table {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            numbers: HashTable::new(),
            hasher: RandomState::new(),
            entries: Entries::new(),
            last: None,
            now: Timestamp::from_nanoseconds(i64::MIN),
            evicted: 0,
            rows: 0,
            room: None,
            held: 0,
        }
    }

    /// A table whose connections keep a record of each segment, as long as there is room: to compare two captures.
    pub fn traced(limits: Limits, room: Room) -> Self {
        Self { room: Some(room), ..Self::new(limits) }
    }

    /// How many connections are in the table.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether no connection is in the table.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// How many connections have left because there were too many.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Gives a segment to its connection. Connections that leave the table meanwhile are given to `finished`.
    pub fn observe(&mut self, segment: &Segment<'_>, finished: &mut impl FnMut(Finished)) {
        self.pass(segment.time, finished);
        let key = Key::of(&Ends::of(segment), segment.tunnel);
        let number = match self.last {
            Some((last, number)) if last == key => Some(number),
            _ => self
                .numbers
                .find(self.hasher.hash_one(key), |&number| self.entries.get(number).key() == key)
                .copied(),
        };
        let Some(number) = number else { return self.begin(key, &[], segment, finished) };
        self.last = Some((key, number));
        let entry = self.entries.get_mut(number);
        match entry.belonging(segment) {
            Belonging::Ours => {}
            Belonging::Unclear => {
                let claims = entry.claims.get_or_insert_default();
                if claims.0.len() < MOST_CLAIMS {
                    claims.0.push(kept(segment));
                }
                return;
            }
            Belonging::Next => {
                let entry = self.remove(number);
                let (reason, until) = (Reason::UsedAnew, self.now);
                let claims = entry.claims.map(|claims| claims.0).unwrap_or_default();
                finished(Finished { connection: entry.connection, reason, until, ladder: entry.ladder });
                let (ours, others): (Vec<Segment<'static>>, Vec<_>) =
                    claims.into_iter().partition(|claim| confirms(segment, claim) || repeats(segment, claim));
                self.hand_on_claims(&others, reason, until, finished);
                return self.begin(key, &ours, segment, finished);
            }
        }
        let held = entry.connection.content.held();
        match (&mut entry.ladder, &self.limits.ladders) {
            (Some(ladder), Some(recording)) => {
                let rows = self.rows - ladder.rows().len();
                ladder.observe(&mut entry.connection, segment, recording, self.rows < recording.rows_in_all);
                self.rows = rows + ladder.rows().len();
            }
            _ => entry.connection.observe(segment),
        }
        entry.last_heard = self.now;
        self.held = self.held - held
            + hold(&mut entry.connection, self.limits.octets.saturating_sub(self.held - held));
        let stage = stage(&entry.connection);
        self.entries.touch(number, stage);
        if self.entries.count(Stage::Over) > self.limits.lingering {
            self.hand_on_lingering(finished);
        }
    }

    /// Tells the table what time it is in the capture, so that connections leave which are over. Segments do the same.
    pub fn pass(&mut self, now: Timestamp, finished: &mut impl FnMut(Finished)) {
        self.now = self.now.max(now);
        while let Some(number) = self.entries.oldest(Stage::Over) {
            let idle = self.now.since(self.entries.get(number).last_heard);
            if idle.is_none_or(|idle| idle < self.limits.linger) {
                return;
            }
            self.hand_on_lingering(finished);
        }
    }

    /// The capture has ended: gives all connections to `finished`, in the order of their first frames.
    pub fn finish(mut self, finished: &mut impl FnMut(Finished)) {
        let (reason, until) = (Reason::CaptureEnded, self.now);
        let first = |number: Number| (self.entries.get(number).connection.first().frame, number);
        let mut all: Vec<(u64, Number)> = self.numbers.iter().map(|&number| first(number)).collect();
        all.sort_unstable_by_key(|(frame, _)| *frame);
        for (_, number) in all {
            let entry = self.entries.remove(number);
            self.give(entry, reason, until, finished);
        }
    }

    /// A connection of which this is the first segment, after its SYNs if they came before.
    fn begin(
        &mut self,
        key: Key,
        syns: &[Segment<'static>],
        segment: &Segment<'_>,
        finished: &mut impl FnMut(Finished),
    ) {
        if self.entries.count(Stage::Opening) >= self.limits.opening.max(1) {
            self.give_up(Stage::Opening, finished);
        } else if self.numbers.len() >= self.limits.connections.max(1) {
            self.evict(finished);
        }
        let (mut connection, ladder) = match syns {
            [first, more @ ..] => self.connection(first, more.iter().chain([segment])),
            [] => self.connection(segment, []),
        };
        self.rows += ladder.as_ref().map_or(0, |ladder| ladder.rows().len());
        self.held += hold(&mut connection, self.limits.octets.saturating_sub(self.held));
        let stage = stage(&connection);
        let entry = Entry { connection, last_heard: self.now, claims: None, ladder };
        let number = self.entries.insert(entry, stage);
        let hash = |number: &Number| self.hasher.hash_one(self.entries.get(*number).key());
        self.numbers.insert_unique(self.hasher.hash_one(key), number, hash);
        self.last = Some((key, number));
    }

    fn remove(&mut self, number: Number) -> Entry {
        let entry = self.entries.remove(number);
        if let Ok(found) = self.numbers.find_entry(self.hasher.hash_one(entry.key()), |&one| one == number) {
            found.remove();
        }
        self.rows -= entry.ladder.as_ref().map_or(0, |ladder| ladder.rows().len());
        self.last = None;
        self.held -= entry.connection.content.held();
        entry
    }

    fn hand_on_lingering(&mut self, finished: &mut impl FnMut(Finished)) {
        if let Some(number) = self.entries.oldest(Stage::Over) {
            self.hand_on(number, Reason::Over, finished);
        }
    }

    #[cold]
    fn evict(&mut self, finished: &mut impl FnMut(Finished)) {
        // A flood of SYNs must displace nothing but SYNs. Otherwise one that is over loses least.
        let is_flood = self.entries.count(Stage::Opening) > self.limits.connections / 2;
        let over = self.entries.oldest(Stage::Over).filter(|_| !is_flood);
        if let Some(number) = over {
            self.hand_on(number, Reason::Over, finished);
        } else if self.entries.count(Stage::Opening) > 0 {
            self.give_up(Stage::Opening, finished);
        } else {
            self.give_up(Stage::Open, finished);
        }
    }

    /// Hands on the connection of this stage that was idle longest, before its end.
    #[cold]
    fn give_up(&mut self, stage: Stage, finished: &mut impl FnMut(Finished)) {
        if let Some(number) = self.entries.oldest(stage) {
            self.evicted += 1;
            self.hand_on(number, Reason::Evicted, finished);
        }
    }

    fn hand_on(&mut self, number: Number, reason: Reason, finished: &mut impl FnMut(Finished)) {
        let entry = self.remove(number);
        self.give(entry, reason, self.now, finished);
    }

    /// Gives an entry to `finished`: its connection, and its SYNs that were not answered.
    fn give(&self, entry: Entry, reason: Reason, until: Timestamp, finished: &mut impl FnMut(Finished)) {
        let Entry { connection, claims, ladder, .. } = entry;
        finished(Finished { connection, reason, until, ladder });
        self.hand_on_claims(&claims.unwrap_or_default().0, reason, until, finished);
    }

    /// A connection of these segments, with its ladder if there is to be one and room for it.
    fn connection<'a>(
        &self,
        first: &Segment<'_>,
        more: impl IntoIterator<Item = &'a Segment<'a>>,
    ) -> (Connection, Option<Box<Ladder>>) {
        let mut connection = match &self.room {
            Some(room) => Connection::traced(first, room),
            None => Connection::new(first),
        };
        let recording = self.limits.ladders.as_ref().filter(|recording| recording.wants(first));
        let Some(recording) = recording.filter(|recording| self.rows < recording.rows_in_all) else {
            for segment in more {
                connection.observe(segment);
            }
            return (connection, None);
        };
        let mut ladder = Box::new(Ladder::of(&connection, first, recording));
        for segment in more {
            ladder.observe(&mut connection, segment, recording, true);
        }
        (connection, Some(ladder))
    }

    /// SYNs that nobody answered: a connection of their own.
    fn hand_on_claims(
        &self,
        claims: &[Segment<'static>],
        reason: Reason,
        until: Timestamp,
        finished: &mut impl FnMut(Finished),
    ) {
        for attempt in claims.chunk_by(|one, next| one.sequence == next.sequence) {
            let [first, more @ ..] = attempt else { continue };
            let (connection, ladder) = self.connection(first, more);
            finished(Finished { connection, reason, until, ladder });
        }
    }
}

/// How many octets a connection keeps. More than `most` it lets go of.
fn hold(connection: &mut Connection, most: usize) -> usize {
    if connection.content.held() > most {
        connection.content.let_go();
    }
    connection.content.held()
}

/// How far a connection is.
fn stage(connection: &Connection) -> Stage {
    if connection.over().is_some() {
        Stage::Over
    } else if connection.is_opening() {
        Stage::Opening
    } else {
        Stage::Open
    }
}

/// To which of the connections with its addresses and ports a segment belongs.
enum Belonging {
    /// To the one in the table.
    Ours,
    /// To the next one.
    Next,
    /// It is a SYN that has no place in ours: the next one's, or a stray one or a forged one. The answer will tell.
    Unclear,
}

impl Entry {
    fn key(&self) -> Key {
        Key::of(self.connection.compact_ends(), self.connection.tunnel())
    }

    fn claims(&self) -> &[Segment<'static>] {
        self.claims.as_deref().map(|claims| &claims.0[..]).unwrap_or_default()
    }

    fn belonging(&self, segment: &Segment<'_>) -> Belonging {
        if segment.checksum == Checksum::Bad {
            return Belonging::Ours;
        }
        if self.claims().iter().any(|claim| confirms(segment, claim)) {
            return Belonging::Next;
        }
        if !self.connection.starts_anew(segment) {
            return Belonging::Ours;
        }
        // A receiver takes no SYN into a connection that is open (RFC 9293, 3.10.7.4), so it ends none.
        let both_spoke = self.connection.established().is_some();
        let is_midstream = self.connection.opener().is_none();
        let takes_no_syn = self.connection.over().is_none() && (both_spoke || is_midstream);
        if takes_no_syn && !segment.flags.ack() { Belonging::Unclear } else { Belonging::Next }
    }
}

/// Whether `segment` shows that the SYN `claim` began a connection: it is the answer to it, or what its sender sends next.
fn confirms(segment: &Segment<'_>, claim: &Segment<'_>) -> bool {
    let next = claim.sequence_end();
    if segment.source == claim.source {
        !segment.flags.syn() && !segment.flags.rst() && segment.sequence == next
    } else {
        let answers = segment.flags.syn() || segment.flags.rst();
        answers && segment.flags.ack() && segment.acknowledgement == next
    }
}

/// Whether `segment` is the SYN `claim` once more.
fn repeats(segment: &Segment<'_>, claim: &Segment<'_>) -> bool {
    segment.source == claim.source && segment.flags == claim.flags && segment.sequence == claim.sequence
}

/// A segment without what it borrows.
fn kept(segment: &Segment<'_>) -> Segment<'static> {
    Segment { payload: &[], wrappers: &[], ..*segment }
}

#[cfg(test)]
mod tests;
