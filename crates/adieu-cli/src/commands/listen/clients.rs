//! The clients of a listener: who is open, who has been told of, and who waits for what is short.
//!
//! They are entered when they are accepted, on the thread that accepts, and struck out when they have ended.

use crate::addresses::peer_name;
use crate::options::access::Access;
use crate::printer::{Printer, complain};
use crate::said;
use adieu::{Address, Interrupt, Report, Signal, describe_error};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long to rest after something failed for want of descriptors, processes or memory: it must come back first.
const REST: Duration = Duration::from_millis(100);

pub(super) struct Clients {
    printer: Arc<Printer>,
    /// A person types what they are sent.
    are_typed_to: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<u64, Client>,
    accepted: u64,
    /// Of these, those that left without a byte.
    left: u64,
    /// Who was not let in. They are not among the accepted.
    denied: u64,
    /// Whose command could not be started. Whoever came first is tried first.
    waiting: BTreeSet<u64>,
    /// That a client has to wait for what is short was told.
    shortage_told: bool,
    /// The server waits for the open connections to end.
    is_draining: bool,
    /// Which signal has stopped the listener, and whether it gave them time.
    stopped_by: Option<(Signal, bool)>,
}

struct Client {
    peer: Address,
    /// That it has connected was said.
    is_told: bool,
}

impl Clients {
    pub(super) fn new(printer: &Arc<Printer>, are_typed_to: bool) -> Self {
        Self { printer: Arc::clone(printer), are_typed_to, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is accepted. They count from 1, as the library counts connections.
    pub(super) fn enter(&self, peer: &Address) -> u64 {
        let mut state = self.state();
        state.accepted += 1;
        let id = state.accepted;
        state.open.insert(id, Client { peer: peer.clone(), is_told: false });
        id
    }

    /// A proxy has told whose connection it is.
    pub(super) fn introduce(&self, id: u64, peer: &Address) {
        if let Some(client) = self.state().open.get_mut(&id) {
            client.peer = peer.clone();
        }
    }

    /// Says that a client has connected, once.
    pub(super) fn tell(&self, id: u64, local: Option<&Address>) {
        let peer = match self.state().open.get_mut(&id) {
            Some(client) if !client.is_told => {
                client.is_told = true;
                client.peer.clone()
            }
            _ => return,
        };
        if self.are_typed_to {
            self.printer.connected_from_to_typist(Some(&peer), local);
        } else {
            self.printer.connected_from(Some(&peer), local);
        }
    }

    /// A client has ended. `has_left`: without a byte having passed, and it does not count.
    pub(super) fn strike_out(&self, id: u64, has_left: bool) {
        let mut state = self.state();
        state.open.remove(&id);
        state.waiting.remove(&id);
        state.left += u64::from(has_left);
        state.shortage_told &= has_left;
    }

    pub(super) fn accepted(&self) -> u64 {
        self.state().accepted
    }

    pub(super) fn denied(&self) -> u64 {
        self.state().denied
    }

    /// Somebody has connected: whether it is let in. Who is not is counted, and with -v told of.
    pub(super) fn lets_in(&self, access: &Access, peer: &Address) -> bool {
        if access.lets_in(peer) {
            return true;
        }
        self.state().denied += 1;
        if self.printer.is_verbose() {
            let text = format!("{} is not let in (--allow, --deny): reset", peer_name(Some(peer)));
            said::about(None, || self.printer.say(&text));
        }
        false
    }

    /// Whether nobody has been served, or is.
    pub(super) fn were_none(&self) -> bool {
        let state = self.state();
        state.accepted == state.left
    }

    /// Something is short: processes, threads, descriptors or memory. Said once, until it is there again.
    pub(super) fn tell_shortage(&self, error: &io::Error) {
        if !std::mem::replace(&mut self.state().shortage_told, true) {
            let why = describe_error(error);
            said::about(None, || complain(&format!("clients wait, one cannot be served now: {why}")));
        }
    }

    /// Waits until what is short may have come back for this client. False: the listener has stopped before.
    pub(super) fn await_turn(&self, id: u64, stop: &Interrupt) -> bool {
        self.state().waiting.insert(id);
        while stop.wait(REST).is_none() {
            if self.state().waiting.first() == Some(&id) {
                return true;
            }
        }
        false
    }

    /// What was short is there.
    pub(super) fn has_its_turn(&self, id: u64) {
        self.state().waiting.remove(&id);
    }

    /// A signal came. `has_time`: the open connections are given some.
    pub(super) fn stop(&self, signal: Signal, has_time: bool) {
        let mut state = self.state();
        state.stopped_by = Some((signal, has_time));
        if state.is_draining {
            self.tell_drain(&state);
        }
    }

    /// The server waits for the open connections to end.
    pub(super) fn drain(&self) {
        let mut state = self.state();
        state.is_draining = true;
        self.tell_drain(&state);
    }

    /// Says how many are waited for, if it is a signal that they end for.
    fn tell_drain(&self, state: &State) {
        if let (Some((signal, true)), number @ 1..) = (state.stopped_by, state.open.len()) {
            let text = format!("{}: waiting for {number} to finish", signal.name());
            said::about(None, || self.printer.say(&text));
        }
    }

    /// Says who is aborted, if a signal has stopped the listener, and gives the signal that they are aborted by.
    pub(super) fn abort(&self) -> Signal {
        let state = self.state();
        let Some((signal, _)) = state.stopped_by else { return Signal::Terminate };
        let rest: Vec<String> = state.open.values().map(|client| peer_name(Some(&client.peer))).collect();
        if !rest.is_empty() {
            let text = format!("{}: aborting {}", signal.name(), rest.join(", "));
            said::about(None, || self.printer.say(&text));
        }
        signal
    }

    /// Reports a client that had no turn.
    pub(super) fn turned_away(&self, id: u64, report: &Report) {
        self.tell(id, report.local_address.as_ref());
        self.strike_out(id, false);
        self.printer.report(report);
    }
}
