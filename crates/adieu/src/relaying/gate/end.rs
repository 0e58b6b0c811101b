//! The source of a direction behind its gate: what the pump sees of it.

use super::{Gate, State};
use crate::flow::ends::{Gave, Source};
use crate::flow::{End, Peer};
use crate::handle::Handle;
use std::io;
use std::time::{Duration, Instant};

pub(super) struct GatedEnd<'a, H: Handle> {
    pub(super) peer: &'a mut Peer<H>,
    pub(super) gate: &'a mut Gate,
}

impl<H: Handle> GatedEnd<'_, H> {
    /// Takes what has come into what is held back.
    fn hold_back(&mut self) -> Result<(), Gave> {
        let Some(delay) = &mut self.gate.delay else { return Ok(()) };
        while delay.has_room() && Source::is_open(self.peer) && Source::is_ready(self.peer) {
            if !delay.take(|room| Source::read(self.peer, room))? {
                break;
            }
        }
        Ok(())
    }

    /// What nobody takes is not for the gate.
    fn is_thrown_away(&self) -> bool {
        !self.gate.sink_is_open && self.peer.is_drained()
    }

    fn is_held_back(&self) -> bool {
        !self.gate.holds_nothing()
    }
}

impl<H: Handle> Source for GatedEnd<'_, H> {
    /// It is never asked on a direct way.
    const NOTHING_IS_END: bool = false;

    fn is_open(&self) -> bool {
        match self.gate.state {
            State::Open | State::Stalled(_) => Source::is_open(self.peer) || self.is_held_back(),
            State::Ended(told) => !told,
            State::KeptEnd | State::Silent => false,
        }
    }

    fn is_ready(&mut self) -> bool {
        if self.is_thrown_away() {
            return Source::is_ready(self.peer);
        }
        match self.gate.state {
            State::Open if self.gate.delay.is_some() => true,
            State::Open => self.pause().is_none() && Source::is_ready(self.peer),
            State::Ended(told) => !told,
            State::Stalled(_) | State::KeptEnd | State::Silent => false,
        }
    }

    fn pause(&self) -> Option<Duration> {
        match self.gate.state {
            State::Ended(_) => None,
            _ if self.is_thrown_away() => None,
            State::Stalled(None) => Some(Duration::MAX),
            _ => self.gate.pause(Instant::now()),
        }
    }

    fn reads_ahead(&self) -> bool {
        let is_open = matches!(self.gate.state, State::Open);
        is_open && self.gate.delay.as_ref().is_some_and(super::Delay::has_room) && Source::is_open(self.peer)
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        if self.is_thrown_away() {
            return Source::read(self.peer, room);
        }
        if let State::Ended(_) = self.gate.state {
            self.gate.state = State::Ended(true);
            return Gave::Ended;
        }
        if let Err(failed) = self.hold_back() {
            return failed;
        }
        let now = Instant::now();
        if self.gate.rate.as_ref().is_some_and(|rate| !rate.left().is_zero()) {
            return Gave::Blocked;
        }
        let most = self.gate.piece(room.len());
        let gave = match &mut self.gate.delay {
            Some(delay) => delay.give(now, &mut room[..most]).unwrap_or(Gave::Blocked),
            None => Source::read(self.peer, &mut room[..most]),
        };
        match gave {
            Gave::Bytes(n) => {
                self.gate.passed += n as u64;
                if let Some(rate) = &mut self.gate.rate {
                    rate.after(n as u64);
                }
            }
            // Something has come, and the sink hears nothing of it.
            Gave::Ended if self.gate.keeps_end() => return Gave::Cut,
            Gave::Ended | Gave::Blocked | Gave::Cut | Gave::Failed(_) => {}
        }
        gave
    }

    fn at_end(&mut self) -> Gave {
        Source::at_end(self.peer)
    }

    fn end(&self) -> Option<End> {
        match self.gate.state {
            State::Open | State::Stalled(_) if self.is_held_back() || self.gate.keeps_end() => None,
            State::Open => Source::end(self.peer),
            State::Ended(true) => Some(End::Whole),
            State::Stalled(_) | State::Ended(false) | State::KeptEnd | State::Silent => None,
        }
    }

    fn is_drained(&self) -> bool {
        self.peer.is_drained()
    }

    fn is_long(&self) -> bool {
        false
    }

    fn handed_on(&mut self, n: usize) {
        self.peer.handed_on(n);
    }

    fn discarded(&mut self, n: usize) {
        self.peer.discarded(n);
    }

    fn sink_ended(&mut self) {
        // A false end is none of the source's.
        if !matches!(self.gate.state, State::Ended(_)) {
            self.peer.sink_ended();
        }
    }

    fn sink_failed(&mut self, error: &io::Error) {
        self.peer.sink_failed(error);
    }
}
