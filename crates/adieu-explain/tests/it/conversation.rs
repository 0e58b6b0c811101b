//! A simulated conversation over a path with two places of capture: what really happened is known for each packet.
//!
//! The hosts are as simple as TCP can be: one segment is acknowledged at once, and what is not acknowledged is sent again
//! after a doubling timeout. Between the captures packets are delayed, reordered and lost, resets are injected, addresses
//! are translated and sequence numbers rewritten. Each capture misses frames of its own.

use crate::frames::Owned;
use adieu_explain::segment::{Flags, Segment, TcpOptions, TcpTimestamps, Timestamp};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    net::SocketAddr,
};

/// How the conversation ends, by which side: 0 is the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    None,
    Fin(usize),
    Abort(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Between the captures, in milliseconds.
    pub(crate) delay: u64,
    pub(crate) jitter: u64,
    /// Packets of 1000 that are lost between the captures.
    pub(crate) lost: u64,
    /// Frames of 1000 that a capture misses.
    pub(crate) missed: u64,
    /// What the clock at the server shows more, in nanoseconds, and how much faster it runs, in parts per billion.
    pub(crate) offset: i64,
    pub(crate) drift: i64,
    /// Who sends how many octets.
    pub(crate) actions: Vec<(usize, u64)>,
    pub(crate) ending: End,
    /// When resets are injected in milliseconds, to the client, the server or both, and whether the hop limit tells.
    pub(crate) inject: Option<(u64, usize, bool)>,
    pub(crate) translates: bool,
    pub(crate) renumbers: bool,
    pub(crate) clocks_in_segments: bool,
    pub(crate) counts_packets: bool,
    /// The capture at the server is given first.
    pub(crate) turned: bool,
    pub(crate) seed: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Packet {
    number: usize,
    from: usize,
    sequence: i64,
    acknowledged: Option<i64>,
    len: u32,
    flags: Flags,
    clock: u32,
    ip_id: u16,
    hop_limit: u8,
    pub(crate) injected: bool,
    pub(crate) is_reset: bool,
    /// Whether it passed the place of each capture, recorded or not.
    pub(crate) passed: [bool; 2],
}

impl Packet {
    /// Whether a capture cannot tell the two apart but by their times.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        let shown = |one: &Self| (one.from, one.sequence, one.acknowledged, one.len, one.clock, one.ip_id);
        shown(self) == shown(other) && self.flags == other.flags
    }
}

#[derive(Default)]
pub(crate) struct Capture {
    pub(crate) frames: Vec<Owned>,
    /// Of each frame which packet it is.
    pub(crate) packets: Vec<usize>,
}

pub(crate) struct Truth {
    pub(crate) captures: [Capture; 2],
    pub(crate) packets: Vec<Packet>,
    pub(crate) graceful: bool,
    /// In nanoseconds.
    pub(crate) duration: i64,
}

const MSS: i64 = 1000;
const MILLISECOND: u64 = 1_000_000;

#[derive(Default)]
struct Host {
    listens: bool,
    open: bool,
    dead: bool,
    una: i64,
    next: i64,
    received: i64,
    ahead: BTreeMap<i64, i64>,
    /// Position after the last octet that the program gave, and the FIN's if there is one.
    queued: i64,
    fin: bool,
    peer_fin: Option<i64>,
    done: bool,
    timeout: u64,
    armed: u64,
    ip_id: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A packet at a place: 0 and 1 are the captures, 2 and 3 the hosts.
    Packet(usize, usize),
    Timer(usize, u64),
    Act(usize),
    Inject,
}

struct World<'a> {
    plan: &'a Plan,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    random: u64,
    hosts: [Host; 2],
    truth: Truth,
}

pub(crate) fn run(plan: &Plan) -> Truth {
    let truth = Truth { captures: Default::default(), packets: Vec::new(), graceful: false, duration: 0 };
    let mut world = World {
        plan,
        now: 0,
        events: BinaryHeap::new(),
        count: 0,
        random: plan.seed | 1,
        hosts: Default::default(),
        truth,
    };
    for host in &mut world.hosts {
        (host.queued, host.timeout, host.ip_id) = (1, 300 * MILLISECOND, 100);
    }
    world.hosts[1].listens = true;
    world.send(0, 0, 0, Flags::SYN);
    world.arm(0);
    for number in 0..=plan.actions.len() {
        world.later(200 + 130 * number as u64, Event::Act(number));
    }
    if let Some((at, ..)) = plan.inject {
        world.later(150 + at, Event::Inject);
    }
    while let Some(Reverse((time, _, event))) = world.events.pop() {
        if time > 20_000 * MILLISECOND || world.truth.packets.len() > 400 {
            break;
        }
        world.now = time;
        world.handle(event);
        // A reset that comes after both ends changes nothing.
        for host in &mut world.hosts {
            host.done |= !host.dead && host.fin && host.una > host.queued && host.peer_fin.is_some();
        }
        world.truth.graceful = world.hosts.iter().all(|host| host.done);
    }
    world.truth.duration = i64::try_from(world.now).expect("short");
    world.truth
}

impl World<'_> {
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below.max(1)
    }

    fn at(&mut self, time: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((time, self.count, event)));
    }

    fn later(&mut self, milliseconds: u64, event: Event) {
        self.at(self.now + milliseconds * MILLISECOND, event);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Packet(number, place @ (0 | 1)) => self.pass(number, place),
            Event::Packet(number, place) => self.receive(number, place - 2),
            Event::Timer(side, armed) => self.expire(side, armed),
            Event::Act(number) => self.act(number),
            Event::Inject => self.inject(),
        }
    }

    /// A packet at the place of a capture.
    fn pass(&mut self, number: usize, place: usize) {
        self.truth.packets[number].passed[place] = true;
        if self.random(1000) >= self.plan.missed {
            self.record(number, place);
        }
        let towards = 1 - self.truth.packets[number].from;
        if place == towards {
            let took = 200_000 + self.random(50_000);
            return self.at(self.now + took, Event::Packet(number, 2 + towards));
        }
        if self.random(1000) >= self.plan.lost {
            let jitter = self.plan.jitter * MILLISECOND + 1000;
            let took = self.plan.delay * MILLISECOND + 20_000 + self.random(jitter);
            self.truth.packets[number].hop_limit -= 3;
            self.at(self.now + took, Event::Packet(number, towards));
        }
    }

    fn record(&mut self, number: usize, place: usize) {
        let plan = self.plan;
        let packet = &self.truth.packets[number];
        let client: SocketAddr = if place == 1 && plan.translates {
            ([192, 0, 2, 7], 61_000).into()
        } else {
            ([10, 0, 0, 1], 40_000).into()
        };
        let server: SocketAddr = ([10, 0, 0, 2], 80).into();
        let add = if place == 1 && plan.renumbers { [7_000_000, 4_000_000_000] } else { [0_u32; 2] };
        let isn = [u32::MAX - 1500, 5_000_u32];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic modulo 2^32")]
        let number_of =
            |side: usize, position: i64| isn[side].wrapping_add(add[side]).wrapping_add(position as u32);
        let time = i64::try_from(self.now).expect("short");
        let skew = if place == 1 { plan.offset + time / 1000 * plan.drift / 1_000_000 } else { 0 };
        let (source, destination) = if packet.from == 0 { (client, server) } else { (server, client) };
        let capture = &mut self.truth.captures[place];
        let clock = TcpTimestamps { value: packet.clock, echo: 0 };
        let segment = Segment {
            frame: capture.frames.len() as u64 + 1,
            time: Timestamp::from_nanoseconds(1_000_000_000_000 + time + skew),
            hop_limit: packet.hop_limit,
            ip_id: Some(packet.ip_id),
            flags: packet.flags,
            sequence: number_of(packet.from, packet.sequence),
            acknowledgement: packet.acknowledged.map_or(0, |position| number_of(1 - packet.from, position)),
            window: 60_000,
            options: TcpOptions {
                timestamps: (plan.clocks_in_segments && !packet.is_reset).then_some(clock),
                ..TcpOptions::NONE
            },
            payload_len: packet.len,
            ..Segment::between(source, destination)
        };
        capture.frames.push(Owned { segment, payload: Vec::new() });
        capture.packets.push(number);
    }

    fn send(&mut self, from: usize, sequence: i64, len: i64, flags: Flags) {
        let host = &mut self.hosts[from];
        host.ip_id = host.ip_id.wrapping_add(1);
        let ip_id = if self.plan.counts_packets { host.ip_id } else { 0 };
        let acknowledged = flags.ack().then_some(host.received);
        self.emit(Packet {
            number: 0,
            from,
            sequence,
            acknowledged,
            len: u32::try_from(len).expect("short"),
            flags,
            clock: if self.plan.clocks_in_segments && !flags.rst() {
                u32::try_from(self.now / MILLISECOND).expect("short")
            } else {
                0
            },
            ip_id,
            hop_limit: 64,
            injected: false,
            is_reset: flags.rst(),
            passed: [false; 2],
        });
        let took = 100_000 + self.random(50_000);
        let number = self.truth.packets.len() - 1;
        self.at(self.now + took, Event::Packet(number, from));
    }

    fn emit(&mut self, mut packet: Packet) {
        packet.number = self.truth.packets.len();
        self.truth.packets.push(packet);
    }

    fn arm(&mut self, side: usize) {
        let host = &mut self.hosts[side];
        host.armed += 1;
        let (armed, timeout) = (host.armed, host.timeout);
        self.at(self.now + timeout, Event::Timer(side, armed));
    }

    fn act(&mut self, number: usize) {
        if let Some(&(side, len)) = self.plan.actions.get(number) {
            if !self.hosts[side].fin && !self.hosts[side].dead {
                self.hosts[side].queued += i64::try_from(len).expect("short");
                self.push(side);
            }
            return;
        }
        match self.plan.ending {
            End::None => {}
            End::Fin(side) => self.finish(side),
            End::Abort(side) => {
                let host = &mut self.hosts[side];
                if host.open && !host.dead {
                    host.dead = true;
                    let next = host.next;
                    self.send(side, next, 0, Flags::RST | Flags::ACK);
                }
            }
        }
    }

    fn finish(&mut self, side: usize) {
        if !self.hosts[side].fin && !self.hosts[side].dead {
            self.hosts[side].fin = true;
            self.push(side);
        }
    }

    /// Sends what has not been sent.
    fn push(&mut self, side: usize) {
        if !self.hosts[side].open || self.hosts[side].dead {
            return;
        }
        let idle = self.hosts[side].una == self.hosts[side].next;
        while self.hosts[side].next < self.hosts[side].queued + i64::from(self.hosts[side].fin) {
            let from = self.hosts[side].next;
            self.hosts[side].next = from + self.segment(side, from);
        }
        if idle && self.hosts[side].una < self.hosts[side].next {
            self.arm(side);
        }
    }

    /// Sends the segment that begins at a position. Its length comes back.
    fn segment(&mut self, side: usize, from: i64) -> i64 {
        let host = &self.hosts[side];
        let len = (host.queued - from).clamp(0, MSS);
        let fin = host.fin && from + len == host.queued;
        let flags = if fin { Flags::ACK | Flags::FIN } else { Flags::ACK };
        self.send(side, from, len, flags);
        len + i64::from(fin)
    }

    fn expire(&mut self, side: usize, armed: u64) {
        let host = &mut self.hosts[side];
        if host.armed != armed || host.dead || host.timeout > 4_000 * MILLISECOND {
            return;
        }
        host.timeout *= 2;
        if host.open && host.una >= 1 {
            if host.una < host.next {
                let una = host.una;
                self.segment(side, una);
                self.arm(side);
            }
        } else {
            self.send(side, 0, 0, if side == 0 { Flags::SYN } else { Flags::SYN | Flags::ACK });
            self.arm(side);
        }
    }

    fn receive(&mut self, number: usize, side: usize) {
        let packet = self.truth.packets[number].clone();
        let host = &mut self.hosts[side];
        if packet.is_reset {
            host.dead |= packet.sequence == host.received;
            return;
        }
        if host.dead {
            if let Some(acknowledged) = packet.acknowledged {
                self.send(side, acknowledged, 0, Flags::RST);
            }
            return;
        }
        if packet.flags.syn() {
            if side == 1 && host.una == 0 {
                host.received = 1;
                self.send(1, 0, 0, Flags::SYN | Flags::ACK);
                self.hosts[1].next = 1;
                return self.arm(1);
            }
            if side == 0 && !host.open {
                (host.open, host.una, host.next, host.received) = (true, 1, 1, 1);
                host.armed += 1;
            }
            let next = self.hosts[side].next;
            self.send(side, next, 0, Flags::ACK);
            return self.push(side);
        }
        if side == 0 && !host.open {
            return;
        }
        if let Some(acknowledged) = packet.acknowledged.filter(|&acknowledged| acknowledged > host.una) {
            host.una = acknowledged;
            host.timeout = 300 * MILLISECOND;
            host.armed += 1;
            if !host.open {
                host.open = true;
                self.push(side);
            } else if host.una < host.next {
                self.arm(side);
            }
        }
        let (from, end) =
            (packet.sequence, packet.sequence + i64::from(packet.len) + i64::from(packet.flags.fin()));
        if end == from {
            return;
        }
        let host = &mut self.hosts[side];
        if packet.flags.fin() {
            host.peer_fin = Some(end);
        }
        host.ahead.insert(from, end);
        while let Some((&from, &end)) = host.ahead.first_key_value() {
            if from > host.received {
                break;
            }
            host.received = host.received.max(end);
            host.ahead.pop_first();
        }
        let next = host.next;
        let ended = host.peer_fin == Some(host.received);
        self.send(side, next, 0, Flags::ACK);
        if ended {
            self.finish(side);
        }
    }

    /// Something between the captures makes resets, each with the number that its receiver expects as far as it knows.
    fn inject(&mut self) {
        let Some((_, to, other_hops)) = self.plan.inject else { return };
        for side in [0, 1].into_iter().filter(|&side| to == 2 || to == side) {
            let from = 1 - side;
            let seen =
                self.truth.packets.iter().filter(|one| one.from == from && one.passed[from] && !one.is_reset);
            let Some(next) = seen
                .map(|one| {
                    one.sequence
                        + i64::from(one.len)
                        + i64::from(one.flags.fin())
                        + i64::from(one.flags.syn())
                })
                .max()
            else {
                continue;
            };
            self.emit(Packet {
                number: 0,
                from,
                sequence: next,
                acknowledged: None,
                len: 0,
                flags: Flags::RST,
                clock: 0,
                ip_id: 0,
                hop_limit: if other_hops { 40 } else { 61 },
                injected: true,
                is_reset: true,
                passed: [false; 2],
            });
            let number = self.truth.packets.len() - 1;
            let took = self.plan.delay * MILLISECOND / 2 + 10_000;
            self.at(self.now + took, Event::Packet(number, side));
        }
    }
}
