//! The simulation itself: two parties, their sockets, the link, and virtual time.

use super::event::{SimEvent, fault, index, other};
use super::link::{Link, LinkFault};
use super::party::{Core, Driver};
use super::script::{Actor, Step};
use super::socket::{Kernel, Segment, Socket};
use adieu_proto::{Call, Counts, FaultKind, Milestones, Outcome, Side, Time};
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

/// What is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A core, as at ours.
    Core(Box<Core>),
    /// A script.
    Script(Vec<Step>),
}

impl From<Core> for Party {
    fn from(core: Core) -> Self {
        Self::Core(Box::new(core))
    }
}

impl<const N: usize> From<[Step; N]> for Party {
    fn from(steps: [Step; N]) -> Self {
        Self::Script(steps.to_vec())
    }
}

impl From<Vec<Step>> for Party {
    fn from(steps: Vec<Step>) -> Self {
        Self::Script(steps)
    }
}

/// What the peer's system says to our connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// There is a connection.
    Accept,
    /// Nobody listens.
    Refuse,
    /// Nothing.
    Silence,
}

/// A simulation, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// Our end.
    pub us: Core,
    /// The other end.
    pub peer: Party,
    /// What is between them.
    pub link: Link,
    /// Our kernel.
    pub our_kernel: Kernel,
    /// The peer's kernel.
    pub peer_kernel: Kernel,
    /// What connecting gives.
    pub answer: Answer,
    /// The run is stopped then, whatever still happens: two kernels can probe each other for ever.
    pub horizon: Duration,
}

/// Everything that a run gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What became of us.
    pub us: Told,
    /// What became of the peer.
    pub peer: Told,
    /// When the last thing happened.
    pub end: Time,
    /// A core has no outcome, and nothing that could happen would give it one.
    pub hung: bool,
}

/// What became of one party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The outcome. A script has none.
    pub outcome: Option<Outcome>,
    /// Its counts.
    pub counts: Counts,
    /// Its milestones. A script has none.
    pub milestones: Milestones,
    /// Who ended first, as its core saw it.
    pub ended_first: Option<Side>,
    /// Its input was given up.
    pub input_abandoned: bool,
    /// Everything it did and saw.
    pub log: Vec<(Time, SimEvent)>,
    /// What its kernel knows at the end, which is more than any program can.
    pub kernel: Octets,
}

/// What a kernel knows, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Octets {
    /// Accepted for sending.
    pub accepted: u64,
    /// Acknowledged by the other kernel, a FIN included.
    pub acknowledged: u64,
    /// Arrived, read or not.
    pub received: u64,
    /// When the last of these arrived.
    pub received_at: Option<Time>,
    /// The other's FIN arrived.
    pub fin_received: bool,
}

impl Told {
    /// Everything it did and saw, without the times and without the looks at the kernel's state.
    pub fn story(&self) -> Vec<SimEvent> {
        let looks = |event: &SimEvent| matches!(event, SimEvent::Looked(_));
        self.log.iter().map(|(_, event)| *event).filter(|event| !looks(event)).collect()
    }
}

impl Simulation {
    /// Us and a peer, 1 ms from each other, and nothing goes wrong.
    pub fn new(us: Core, peer: impl Into<Party>) -> Self {
        Self {
            us,
            peer: peer.into(),
            link: Link::new(Duration::from_millis(1)),
            our_kernel: Kernel::default(),
            peer_kernel: Kernel::default(),
            answer: Answer::Accept,
            horizon: Duration::from_secs(24 * 3600),
        }
    }

    /// Two cores with each other.
    pub fn pair(us: Core, peer: Core) -> Self {
        Self::new(us, peer)
    }

    /// The same with one more fault of the link.
    #[must_use]
    pub fn with(mut self, fault: LinkFault) -> Self {
        self.link.faults.push(fault);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// When a party never comes to rest while no time passes.
    pub fn run(self) -> Run {
        World::new(self).run()
    }
}

enum Runner {
    Core(Box<Driver>),
    Script(Actor),
}

impl Runner {
    fn wake_at(&self) -> Option<Time> {
        match self {
            Self::Core(driver) => driver.wake_at(),
            Self::Script(actor) => actor.wake_at(),
        }
    }

    fn is_woken(&self, now: Time, socket: &Socket) -> bool {
        match self {
            Self::Core(driver) => driver.is_woken(socket),
            Self::Script(actor) => actor.is_woken(now, socket),
        }
    }

    fn run(&mut self, now: Time, socket: &mut Socket) {
        match self {
            Self::Core(driver) => driver.run(now, socket),
            Self::Script(actor) => actor.run(now, socket),
        }
    }

    fn told(self, socket: &Socket) -> Told {
        let kernel = Octets {
            accepted: socket.taken(),
            acknowledged: socket.acknowledged(),
            received: socket.received(),
            received_at: socket.received_at(),
            fin_received: socket.fin_received(),
        };
        match self {
            Self::Core(driver) => Told {
                outcome: driver.connection.outcome(),
                counts: driver.connection.counts(),
                milestones: driver.connection.milestones(),
                ended_first: driver.connection.ended_first(),
                input_abandoned: driver.connection.input_abandoned(),
                log: driver.log,
                kernel,
            },
            Self::Script(Actor { counts, log, .. }) => Told {
                outcome: None,
                counts,
                milestones: Milestones::default(),
                ended_first: None,
                input_abandoned: false,
                log,
                kernel,
            },
        }
    }
}

/// Something that is under way on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Arrival {
    Syn,
    SynAnswer,
    Segment(Segment),
    /// An RST that neither kernel sent.
    Injected,
}

struct Seat {
    runner: Runner,
    socket: Socket,
    established: bool,
}

struct World {
    now: Time,
    link: Link,
    answer: Answer,
    horizon: Time,
    /// By time, then by the order of sending; then the side it arrives at.
    under_way: BinaryHeap<Reverse<(Time, u64, usize, Arrival)>>,
    order: u64,
    parties: [Seat; 2],
}

/// More happenings than this at one moment are a loop that time never ends.
const RESTLESS: u32 = 1_000_000;

impl World {
    fn new(simulation: Simulation) -> Self {
        let Simulation { us, peer, link, our_kernel, peer_kernel, answer, horizon } = simulation;
        let peer = match peer {
            Party::Core(core) => Runner::Core(Box::new(Driver::new(*core))),
            Party::Script(steps) => Runner::Script(Actor::new(steps)),
        };
        let party = |runner, own, other| Seat { runner, socket: Socket::new(own, other), established: false };
        let us = party(Runner::Core(Box::new(Driver::new(us))), our_kernel, peer_kernel);
        let peer = party(peer, peer_kernel, our_kernel);
        let mut world = Self {
            now: Time::ZERO,
            link,
            answer,
            horizon,
            under_way: BinaryHeap::new(),
            order: 0,
            parties: [us, peer],
        };
        world.send(Side::Peer, Arrival::Syn);
        for fault in world.link.faults.clone() {
            if let LinkFault::Reset { at, to } = fault {
                world.enqueue(at, to, Arrival::Injected);
            }
        }
        world
    }

    fn run(mut self) -> Run {
        let mut restless = 0;
        let mut end = Time::ZERO;
        while let Some(next) = self.next_moment().filter(|at| *at <= self.horizon) {
            restless = if next > self.now { 0 } else { restless + 1 };
            assert!(restless < RESTLESS, "time stands still at {:?}", self.now);
            self.now = self.now.max(next);
            end = self.now;
            self.deliver();
            for side in [Side::Us, Side::Peer] {
                self.drive(side);
            }
        }
        let [us, peer] = self.parties;
        let waits = |party: &Seat| matches!(&party.runner, Runner::Core(driver) if !driver.is_done());
        let hung = waits(&us) || (peer.established && waits(&peer));
        Run { hung, end, us: us.runner.told(&us.socket), peer: peer.runner.told(&peer.socket) }
    }

    fn next_moment(&self) -> Option<Time> {
        let arrival = self.under_way.peek().map(|Reverse((at, ..))| *at);
        let party = |party: &Seat| {
            let connecting = matches!(party.runner, Runner::Core(_));
            let wake = party.runner.wake_at().filter(|_| party.established || connecting);
            [wake, party.socket.next_tick()].into_iter().flatten().min()
        };
        // The peer's core has no connection to time until it has accepted one.
        let us = party(&self.parties[0]);
        let peer = party(&self.parties[1]).filter(|_| self.parties[1].established);
        [arrival, us, peer].into_iter().flatten().min()
    }

    /// Lets everything arrive that is due.
    fn deliver(&mut self) {
        while let Some(Reverse((at, _, to, arrival))) = self.under_way.peek().copied() {
            if at > self.now {
                return;
            }
            self.under_way.pop();
            self.arrive(if to == 0 { Side::Us } else { Side::Peer }, arrival);
        }
    }

    fn arrive(&mut self, to: Side, arrival: Arrival) {
        let segment = if let Arrival::Segment(segment) = arrival { Some(segment) } else { None };
        if arrival != Arrival::Injected && !self.link.delivers(self.now, to, segment) {
            return;
        }
        let now = self.now;
        match arrival {
            Arrival::Syn => match self.answer {
                Answer::Silence => {}
                Answer::Refuse => self.send(Side::Us, Arrival::SynAnswer),
                Answer::Accept => {
                    self.send(Side::Us, Arrival::SynAnswer);
                    self.establish(Side::Peer);
                }
            },
            Arrival::SynAnswer => self.establish(Side::Us),
            Arrival::Segment(segment) if self.parties[index(to)].established => {
                self.parties[index(to)].socket.deliver(now, segment);
                self.flush(to);
                self.wake(to);
            }
            Arrival::Injected if self.parties[index(to)].established => {
                self.parties[index(to)].socket.deliver(now, Segment::RST);
                self.wake(to);
            }
            Arrival::Segment(_) | Arrival::Injected => {}
        }
    }

    fn establish(&mut self, side: Side) {
        let (now, answer) = (self.now, self.answer);
        let party = &mut self.parties[index(side)];
        party.established = answer == Answer::Accept;
        if party.established {
            party.socket.established(now);
        }
        match &mut party.runner {
            Runner::Core(driver) if driver.is_done() => {
                // Given up before the answer came: there is nobody to tell.
                self.flush(side);
                return;
            }
            Runner::Core(driver) if answer == Answer::Refuse => {
                let refused = fault(Call::Connect, FaultKind::Refused);
                driver.note(now, SimEvent::Fault(refused));
                driver.connection.handle_connect_failed(now, refused);
            }
            Runner::Core(driver) => {
                driver.note(now, SimEvent::Connected);
                driver.connection.handle_connected(now);
            }
            Runner::Script(actor) => actor.note(now, SimEvent::Connected),
        }
        self.run_party(side);
    }

    /// Runs a party whose time has come.
    fn drive(&mut self, side: Side) {
        let now = self.now;
        let party = &mut self.parties[index(side)];
        party.socket.tick(now);
        let due = party.runner.wake_at().is_some_and(|at| at <= now);
        let there = party.established || (side == Side::Us && matches!(party.runner, Runner::Core(_)));
        self.flush(side);
        if due && there {
            self.run_party(side);
        } else {
            self.wake(side);
        }
    }

    /// Runs a party if its socket has what it waits for.
    fn wake(&mut self, side: Side) {
        let party = &self.parties[index(side)];
        if party.established && party.runner.is_woken(self.now, &party.socket) {
            self.run_party(side);
        }
    }

    fn run_party(&mut self, side: Side) {
        let Seat { runner, socket, .. } = &mut self.parties[index(side)];
        runner.run(self.now, socket);
        self.flush(side);
    }

    fn flush(&mut self, from: Side) {
        for segment in self.parties[index(from)].socket.drain_outgoing() {
            self.send(other(from), Arrival::Segment(segment));
        }
    }

    fn send(&mut self, to: Side, arrival: Arrival) {
        let at = self.now + self.link.delay_at(self.now);
        self.enqueue(at, to, arrival);
    }

    fn enqueue(&mut self, at: Time, to: Side, arrival: Arrival) {
        self.order += 1;
        self.under_way.push(Reverse((at, self.order, index(to), arrival)));
    }
}
