//! The two ways of an exchange: what comes is handed on, and what our input gives is sent.

use super::{IN_A_ROW, KEPT, Ours, Outgoing, Run, Whom};
use crate::datagram::open;
use crate::datagram::session::{can_be_answered, is_of_the_way};
use crate::exchange::Way;
use crate::os;
use crate::{Datagrams, Event, SystemError, system_error};
use adieu_proto::{Call, Ending, Fault, LocalEnd};
use socket2::SockAddr;
use std::io;
use std::time::Duration;

impl Run {
    // ---- from the peer ----

    pub(super) fn receive(&mut self) -> bool {
        let mut moved = self.write_on();
        for _ in 0..IN_A_ROW {
            // An echo that is not taken waits where it came from.
            let is_held_up = !self.unwritten.is_empty() || self.is_echo() && !self.outgoing.is_empty();
            if is_held_up || self.is_enough() || self.ended.is_some() || !self.take() {
                break;
            }
            moved = true;
            self.write_on();
            if self.is_echo() {
                self.send_on();
            }
        }
        self.settle();
        moved
    }

    /// Ends what has to end once everything is handed on that has come.
    fn settle(&mut self) {
        if !self.unwritten.is_empty() {
            return;
        }
        if self.is_enough() {
            self.end(Ending::Connectionless, None, None);
        }
        if !self.may_receive
            && let Some((call, error)) = self.refusal.take()
            && !self.goes_elsewhere()
        {
            let ending = if self.counted.received > 0 { Ending::Truncated } else { Ending::NoConnection };
            self.end(ending, Some(call), Some(error));
        }
    }

    /// Whether as many were received as were asked for.
    fn is_enough(&self) -> bool {
        self.shape.receive_limit().is_some_and(|limit| self.counted.received >= limit)
    }

    pub(super) fn is_echo(&self) -> bool {
        matches!(self.ours, Ours::Echo)
    }

    /// Takes the next datagram, if there is one.
    fn take(&mut self) -> bool {
        if let Whom::One { first, .. } = &mut self.whom
            && let Some((datagram, is_cut)) = first.take()
        {
            self.room[..datagram.len()].copy_from_slice(&datagram);
            self.arrived(datagram.len(), is_cut, None);
            return true;
        }
        if !self.may_receive || !self.shape.may_receive() {
            return false;
        }
        match os::receive_datagram(&self.session.sock(), &mut self.room) {
            Ok(arrived) if self.is_strange(&arrived.from) => {
                self.counted.ignored += 1;
                true
            }
            Ok(arrived) => {
                self.arrived(arrived.length, arrived.is_cut, Some(arrived.from));
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.may_receive = false;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                let _ = self.fault(Call::Receive, &error);
                true
            }
        }
    }

    /// Whether it comes from somebody else than the one peer: it had arrived before the socket had a peer. Or from somebody who is
    /// not let in.
    fn is_strange(&self, from: &SockAddr) -> bool {
        match &self.whom {
            Whom::One { address: Some(address), .. } => {
                address.as_socket().is_some() && address.as_socket() != from.as_socket()
            }
            Whom::One { address: None, .. } => false,
            Whom::All { filter, .. } => filter.as_ref().is_some_and(|filter| !filter.lets_in(from)),
        }
    }

    fn arrived(&mut self, length: usize, is_cut: bool, from: Option<SockAddr>) {
        let now = self.session.now();
        let from = from.filter(can_be_answered);
        if let Whom::All { last, are_several, .. } = &mut self.whom {
            self.connected.get_or_insert(now);
            if let Some(from) = &from {
                *are_several |= last.as_ref().is_some_and(|last| last != from);
                *last = Some(from.clone());
            }
        }
        self.counted.received += 1;
        self.received += length as u64;
        self.first_received.get_or_insert(now);
        self.session.observe(&Event::Received { bytes: length as u64 });
        self.show(Way::FromPeer, length);
        self.note_passed(now, self.shape.receiving_left());
        if let Whom::One { kept, others, .. } = &mut self.whom {
            // This address has answered.
            (*kept, *others) = (None, Vec::new());
        }
        if is_cut {
            let text = format!("a datagram has come that is longer than {} bytes", self.room.len());
            self.local_failure(LocalEnd::Socket, &io::Error::new(io::ErrorKind::InvalidData, text));
        }
        match &mut self.ours {
            Ours::Echo if from.is_none() && matches!(self.whom, Whom::All { .. }) => {
                self.discarded += length as u64;
            }
            Ours::Echo => {
                let to = match self.whom {
                    Whom::All { .. } => from,
                    Whom::One { .. } => None,
                };
                self.read += length as u64;
                self.outgoing.push_back(Outgoing { bytes: self.room[..length].to_vec(), to });
            }
            Ours::Ends { .. } if self.shape.discards() => self.discarded += length as u64,
            Ours::Ends { output, .. } => {
                self.unwritten = 0..length;
                if length > 0
                    && let Err(error) = output.begin()
                {
                    self.local_failure(LocalEnd::Output, &error);
                }
            }
        }
    }

    /// Something passed now, and nothing more does for this long because of us.
    fn note_passed(&mut self, now: Duration, pause: Duration) {
        self.last_passed = self.last_passed.max(now.saturating_add(pause));
    }

    /// Shows the first bytes of what was received.
    fn show(&mut self, way: Way, length: usize) {
        if let Err(error) = self.shape.passed(way, &self.room[..length]) {
            self.local_failure(LocalEnd::Output, &error);
        }
    }

    /// Writes what is not written yet, as far as our output takes it.
    fn write_on(&mut self) -> bool {
        let Ours::Ends { output, .. } = &mut self.ours else { return false };
        let mut moved = false;
        while !self.unwritten.is_empty() && output.is_ready() {
            match output.write(&self.room[self.unwritten.clone()]) {
                Ok(n) => {
                    self.unwritten.start += n;
                    self.written += n as u64;
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if output.is_refusal(&error) => {
                    self.discarded += self.unwritten.len() as u64;
                    self.unwritten = 0..0;
                }
                Err(error) => {
                    self.unwritten = 0..0;
                    self.local_failure(LocalEnd::Output, &error);
                    break;
                }
            }
        }
        moved
    }

    // ---- to the peer ----

    pub(super) fn send(&mut self) -> bool {
        let mut moved = self.send_on();
        for _ in 0..IN_A_ROW {
            let is_held_up = !self.outgoing.is_empty() || self.refusal.is_some();
            if is_held_up || self.ended.is_some() || !self.read() {
                break;
            }
            moved = true;
            self.send_on();
        }
        moved
    }

    /// Whether there is somebody whom our input is for.
    pub(super) fn has_addressee(&self) -> bool {
        !matches!(self.whom, Whom::All { last: None, .. })
    }

    /// Reads one datagram from our input, if it has something.
    fn read(&mut self) -> bool {
        if !self.has_addressee() || !self.shape.may_send() {
            return false;
        }
        if self.shape.has_prepared() {
            return self.send_prepared();
        }
        let Ours::Ends { input: open, .. } = &mut self.ours else { return false };
        let Some(input) = open else { return false };
        if !input.is_ready() {
            return false;
        }
        let n = match input.read(&mut self.piece) {
            Ok(0) => {
                *open = None;
                self.input_ended = Some(self.session.now());
                return true;
            }
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                let end = input.failing_end();
                self.local_failure(end, &error);
                return true;
            }
        };
        self.read += n as u64;
        self.shape.prepare(&self.piece[..n]);
        self.send_prepared()
    }

    /// What was read is the next to be sent.
    fn send_prepared(&mut self) -> bool {
        let Some(bytes) = self.shape.next_prepared() else { return false };
        let to = match &self.whom {
            Whom::All { last, .. } => last.clone(),
            Whom::One { address: Some(_), .. } => None,
            Whom::One { address: None, .. } => {
                let text = "the sender has no name, so nothing can be sent back to it";
                self.local_failure(LocalEnd::Socket, &io::Error::new(io::ErrorKind::NotConnected, text));
                return true;
            }
        };
        self.outgoing.push_back(Outgoing { bytes, to });
        true
    }

    /// Sends what is to be sent, as far as our system takes it.
    fn send_on(&mut self) -> bool {
        let mut moved = false;
        while self.may_send
            && self.refusal.is_none()
            && self.ended.is_none()
            && let Some(next) = self.outgoing.front()
        {
            match os::send_datagram(&self.session.sock(), &next.bytes, next.to.as_ref()) {
                Ok(()) => {
                    let Some(sent) = self.outgoing.pop_front() else { break };
                    self.sent(sent);
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.may_send = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let is_of_one_before = self.fault(Call::Send, &error);
                    // What cannot be sent to one peer does not hold up what is for the others.
                    if matches!(self.whom, Whom::All { .. }) && !is_of_one_before {
                        self.outgoing.pop_front();
                    }
                    moved = true;
                }
            }
        }
        moved
    }

    fn sent(&mut self, Outgoing { bytes, .. }: Outgoing) {
        let (now, length) = (self.session.now(), bytes.len() as u64);
        self.counted.sent += 1;
        self.accepted += length;
        self.first_accepted.get_or_insert(now);
        self.session.observe(&Event::Sent { bytes: length });
        if let Err(error) = self.shape.passed(Way::ToPeer, &bytes) {
            self.local_failure(LocalEnd::Output, &error);
        }
        if self.is_echo() {
            // It pauses where it receives.
            self.note_passed(now, Duration::ZERO);
            self.written += length;
            return;
        }
        self.note_passed(now, self.shape.sending_left());
        if let Whom::One { kept, .. } = &mut self.whom
            && let Some(all) = kept
        {
            // All that this address was sent is kept so far, or nothing.
            if self.accepted > KEPT as u64 {
                *kept = None;
            } else {
                all.push(bytes);
            }
        }
    }

    /// A call has told that something went wrong. Whether it was something before this call.
    fn fault(&mut self, call: Call, error: &io::Error) -> bool {
        let fault = Fault { call, kind: os::fault_kind(error), code: error.raw_os_error() };
        self.session.observe(&Event::Fault { fault });
        // It may stand for several, and for what is an error of the way only because somebody there has told it.
        let refused = self.note_undelivered();
        if refused == 0 && is_of_the_way(error) {
            self.refused(1, call, error);
        } else if refused == 0 {
            let told = self.in_words(error);
            self.session.observe(&Event::LocalFailure { end: LocalEnd::Socket });
            self.end(Ending::LocalFailure { end: LocalEnd::Socket }, Some(call), Some(told));
        }
        refused > 0
    }

    /// Notes what was told of datagrams that did not arrive. How many there were.
    pub(super) fn note_undelivered(&mut self) -> u64 {
        let (number, first) = self.session.undelivered();
        if let Some(error) = first {
            self.refused(number, Call::Receive, &error);
        }
        number
    }

    fn refused(&mut self, number: u64, call: Call, error: &io::Error) {
        self.counted.refused += number;
        if let Whom::One { .. } = self.whom {
            // Linux tells it before what the peer had sent, which is still to be received.
            self.refusal.get_or_insert((call, system_error::of(error)));
            self.may_receive = true;
        }
    }

    fn in_words(&self, error: &io::Error) -> SystemError {
        let told = system_error::of(error);
        match self.outgoing.front() {
            Some(next) if os::is_too_big(error) => {
                let words =
                    format!("a datagram of {} bytes is too big for its way: {told}", next.bytes.len());
                SystemError::new(told.code, told.code.and_then(crate::error_name), words)
            }
            _ => told,
        }
    }

    /// Nobody receives at this address of a name, and nothing has come from it: tries the next one with all that was sent.
    fn goes_elsewhere(&mut self) -> bool {
        let Whom::One { address, others, kept: Some(kept), .. } = &mut self.whom else { return false };
        let asked = &self.session.left.options.socket;
        while !others.is_empty() {
            let next = others.remove(0);
            let Ok(socket) = open::connected(asked, next) else { continue };
            self.session.socket = socket;
            *address = Some(next.into());
            let again = kept.drain(..).map(|bytes| Outgoing { bytes, to: None });
            let waiting: Vec<_> = self.outgoing.drain(..).collect();
            self.outgoing.extend(again.chain(waiting));
            // It begins anew: what the address before took, and when, is nothing to this one.
            let now = self.session.now();
            (self.counted, self.accepted, self.first_accepted) = (Datagrams::default(), 0, None);
            (self.connected, self.last_passed) = (Some(now), now);
            (self.may_receive, self.may_send) = (true, true);
            self.session.note_addresses();
            return true;
        }
        false
    }
}
