//! The list of the open connections.

use crate::upstream::Upstream;
use adieu::{Address, Endpoint, RelayProgress};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A connection that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenConnection {
    /// Its number, counted from 1.
    pub id: u64,
    /// What the relay is called.
    pub relay: Arc<str>,
    /// The client's address.
    pub client: Address,
    /// The upstream that it is joined with, or is being connected to. `None`: none yet.
    pub upstream: Option<Endpoint>,
    /// How long it has been open.
    pub age: Duration,
    /// What it does.
    pub state: State,
    /// Bytes received from the client.
    pub bytes_from_client: u64,
    /// Of these, bytes that our kernel accepted for the upstream.
    pub bytes_to_upstream: u64,
    /// Bytes received from the upstream.
    pub bytes_from_upstream: u64,
    /// Of these, bytes that our kernel accepted for the client.
    pub bytes_to_client: u64,
    /// One side has ended its stream, and the other has not.
    pub half_open: bool,
    /// For how long nothing has moved.
    pub idle: Duration,
}

/// What an open connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It makes the TLS handshake with its client.
    Handshake,
    /// It connects to an upstream.
    Connecting,
    /// Both sides are joined.
    Joined,
}

/// What is known of one of them while it is open.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) relay: Arc<str>,
    pub(crate) client: Address,
    /// The address that it connected from, if `client` is what a proxy there has told.
    pub(crate) proxy: Option<Box<Address>>,
    /// The upstream that was connected to last, or is to be.
    pub(crate) upstream: Option<Arc<Upstream>>,
    pub(crate) state: State,
    pub(crate) progress: Arc<RelayProgress>,
}

/// Those of one worker. Nobody but that worker asks, unless somebody wants the list, so its lock is free.
#[derive(Debug, Default)]
pub(crate) struct Roll(Mutex<Places>);

/// Places in blocks: many connections take no more than they need, and nothing is moved when there are more.
#[derive(Debug, Default)]
struct Places {
    blocks: Vec<Box<[Place]>>,
    /// The free place that was left last.
    free: Option<usize>,
}

#[derive(Debug)]
enum Place {
    Taken(Entry),
    /// The free place that was left before this one.
    Free(Option<usize>),
}

/// How many places a block has.
const BLOCK: usize = 64;

impl Places {
    fn at(&mut self, place: usize) -> Option<&mut Place> {
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    /// A free place.
    fn find(&mut self) -> usize {
        self.free.unwrap_or_else(|| {
            let first = self.blocks.len() * BLOCK;
            let next = |place| Place::Free(Some(place + 1).filter(|next| next % BLOCK != 0));
            self.blocks.push((first..first + BLOCK).map(next).collect());
            first
        })
    }
}

impl Roll {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a connection. Returns its place, which is its own until it is struck out.
    pub(crate) fn enter(&self, entry: Entry) -> usize {
        let mut places = self.lock();
        let found = places.find();
        let next = match places.at(found) {
            Some(place) => std::mem::replace(place, Place::Taken(entry)),
            None => Place::Free(None),
        };
        places.free = if let Place::Free(next) = next { next } else { None };
        found
    }

    pub(crate) fn change(&self, place: usize, change: impl FnOnce(&mut Entry)) {
        if let Some(Place::Taken(entry)) = self.lock().at(place) {
            change(entry);
        }
    }

    /// Takes one out that has ended. To be done once.
    pub(crate) fn strike_out(&self, place: usize) -> Option<Entry> {
        let mut places = self.lock();
        let free = places.free;
        let left = std::mem::replace(places.at(place)?, Place::Free(free));
        places.free = Some(place);
        if let Place::Taken(entry) = left { Some(entry) } else { None }
    }

    pub(crate) fn list(&self) -> Vec<OpenConnection> {
        let places = self.lock();
        let shown = |place: &Place| if let Place::Taken(entry) = place { Some(entry.shown()) } else { None };
        places.blocks.iter().flatten().filter_map(shown).collect()
    }
}

impl Entry {
    /// The address that it connected from.
    pub(crate) fn peer(&self) -> &Address {
        self.proxy.as_deref().unwrap_or(&self.client)
    }

    /// Where its upstream is.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.upstream.as_ref().map(|upstream| &upstream.endpoint)
    }

    pub(crate) fn shown(&self) -> OpenConnection {
        OpenConnection {
            id: self.id,
            relay: Arc::clone(&self.relay),
            client: self.client.clone(),
            upstream: self.endpoint().cloned(),
            age: self.progress.age(),
            state: self.state,
            bytes_from_client: self.progress.received_from_a(),
            bytes_to_upstream: self.progress.accepted_for_b(),
            bytes_from_upstream: self.progress.received_from_b(),
            bytes_to_client: self.progress.accepted_for_a(),
            half_open: self.progress.is_half_open(),
            idle: self.progress.idle(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64) -> Entry {
        Entry {
            id,
            relay: "a relay".into(),
            client: Address::Unnamed,
            proxy: None,
            upstream: None,
            state: State::Handshake,
            progress: Arc::default(),
        }
    }

    fn listed(roll: &Roll) -> Vec<u64> {
        let mut ids: Vec<u64> = roll.list().iter().map(|open| open.id).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn places_are_of_one_connection_each_and_are_given_away_again() {
        let roll = Roll::default();
        let mut places: Vec<usize> = (0..200).map(|id| roll.enter(entry(id))).collect();
        assert_eq!(listed(&roll), (0..200).collect::<Vec<_>>());
        roll.change(places[70], |entry| entry.state = State::Joined);
        for (id, place) in places.iter().enumerate().filter(|(id, _)| id % 2 == 0) {
            let struck_out = roll.strike_out(*place).expect("it is on the roll");
            assert_eq!((struck_out.id, struck_out.state == State::Joined), (id as u64, id == 70));
        }
        assert_eq!(listed(&roll), (0..200).filter(|id| id % 2 == 1).collect::<Vec<_>>());
        let mut again: Vec<usize> = (200..300).map(|id| roll.enter(entry(id))).collect();
        assert_eq!(listed(&roll).len(), 200);
        places.sort_unstable();
        again.sort_unstable();
        assert!(again.iter().all(|place| places.binary_search(place).is_ok()), "a free place was left");
    }
}
