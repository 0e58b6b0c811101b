//! What may happen next in a [`World`].

use crate::session::Tail;
use crate::world::{Move, Peer, Platform, ROOM, World};

impl World {
    pub(crate) fn steps(&self, steps: &mut Vec<Move>) {
        if self.core.outcome().is_some() {
            return;
        }
        if self.bounds.trouble && !self.asked && !self.core.is_decided() {
            steps.extend([Move::Interrupt, Move::Abort, Move::GiveUp, Move::OtherSideCut]);
        }
        if self.is_connected() {
            self.network_steps(steps);
        } else if !self.core.is_decided() {
            steps.push(Move::Connected);
            if let Some(session) = &self.session {
                steps.push(Move::HandshakeFails);
                steps.extend((!session.greeted).then_some(Move::Greeted));
                // A driver sleeps in a handshake too, which is the connection's beginning for nobody but the core.
                if session.greeted && self.in_flight.is_none() {
                    match self.asleep {
                        None => steps.push(Move::Sleep),
                        Some(_) if self.core.poll_timeout().is_some() => steps.push(Move::Timer),
                        Some(_) => {}
                    }
                }
                return;
            }
            if self.platform != Platform::SameKernel {
                steps.push(Move::Refused);
            }
        }
        self.driver_steps(steps);
    }

    fn driver_steps(&self, steps: &mut Vec<Move>) {
        if self.in_flight.is_some() {
            steps.push(Move::Answer);
            return;
        }
        if self.session.as_ref().is_some_and(|session| !session.closed) && self.core.is_about_to_shut_down() {
            steps.push(Move::SealCloseNotify);
            return;
        }
        if self.core.clone().poll_action().is_some() {
            steps.push(Move::Ask);
            return;
        }
        let before = steps.len();
        if self.can_receive() {
            steps.push(Move::Receive);
        } else if self.must_say_exhausted() {
            steps.push(Move::Exhausted);
        } else if self.can_send() {
            steps.push(Move::Send);
        }
        let must_act = steps.len() > before;
        let wants = self.core.wants();
        if wants.input && self.unsent < ROOM {
            if self.core.counts().read < self.bounds.up {
                steps.push(Move::InputGives);
            }
            steps.push(Move::InputEnds);
            if self.bounds.trouble {
                steps.push(Move::InputFails);
            }
        }
        if self.unwritten > 0 {
            steps.push(Move::OutputTakes);
            if self.bounds.trouble {
                steps.push(Move::OutputFails);
            }
        }
        match &self.session {
            None if self.core.evidence().end_mark == Some(false) && wants.receive => {
                steps.push(Move::EndMark);
            }
            Some(session) if self.bounds.answers && !session.answered && wants.receive => {
                steps.push(Move::SealAnswer);
            }
            _ => {}
        }
        match self.asleep {
            None if !must_act => steps.push(Move::Sleep),
            None => {}
            Some(waiting) => {
                if self.core.poll_timeout().is_some() {
                    steps.push(Move::Timer);
                }
                if waiting.acknowledgement && self.acknowledged == self.taken() {
                    steps.push(Move::WakeForAcknowledgement);
                }
            }
        }
    }

    fn network_steps(&self, steps: &mut Vec<Move>) {
        if self.cut {
            // Nothing arrives any more; what is left is that our kernel notices.
            if !self.dead && self.acknowledged < self.taken() {
                steps.push(Move::KernelGivesUp);
            }
            return;
        }
        if self.dead {
            return;
        }
        if self.peer == Peer::Open {
            let has_finished = match &self.session {
                None => false,
                Some(session) if session.tail.is_some() => true,
                Some(_) => {
                    let tails = [Tail::CloseNotify, Tail::Broken, Tail::CutRecord];
                    steps.extend(tails.map(Move::PeerFinishes));
                    false
                }
            };
            if self.peer_sent < self.bounds.down && !has_finished {
                steps.push(Move::PeerSends);
            }
            steps.push(Move::PeerEnds);
        }
        steps.push(Move::PeerResets);
        if self.peer == Peer::Shut && self.lacks_only_end() && self.peer_received == self.acknowledged {
            steps.push(Move::PeerRefusesEnd);
        }
        if self.peer_received < self.taken() {
            steps.push(Move::PeerTakes);
        }
        if self.platform == Platform::SameKernel {
            return;
        }
        steps.push(Move::Cut);
        if self.acknowledged < self.peer_received {
            steps.push(Move::PeerAcknowledges);
        }
    }

    fn can_receive(&self) -> bool {
        let tail = self.unread_tail().is_some_and(|tail| tail != Tail::CutRecord);
        let something = self.unread > 0 || tail || self.fin_received || self.dead;
        self.core.wants().receive && self.unwritten < ROOM && something
    }

    fn must_say_exhausted(&self) -> bool {
        self.core.wants().receive && self.unwritten < ROOM && self.core.evidence().fault.is_some()
    }

    fn can_send(&self) -> bool {
        self.core.wants().send && (self.unsent > 0 || self.owes()) && (self.dead || self.has_room())
    }

    /// Our kernel takes another octet.
    pub(crate) fn has_room(&self) -> bool {
        self.sent().saturating_sub(self.drained()) < ROOM
    }

    /// Octets that have left our kernel's buffer.
    pub(crate) fn drained(&self) -> u64 {
        if self.platform == Platform::SameKernel { self.peer_received } else { self.acknowledged }
    }
}
