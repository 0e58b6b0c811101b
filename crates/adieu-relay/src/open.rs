//! The connections that are open: who they are, for whoever asks.

use crate::split_mix::mix;
use crate::upstream::Upstream;
use adieu::{Address, Endpoint, RelayProgress};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
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
pub(crate) struct Roll(Mutex<Entries>);

type Entries = HashMap<u64, Entry, BuildHasherDefault<Counted>>;

/// Hashes numbers that we have counted ourselves: nobody chooses them, so none of the hash's strength is needed.
#[derive(Default)]
struct Counted(u64);

impl Hasher for Counted {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0 ^ number);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Roll {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, id: u64, entry: Entry) {
        self.lock().insert(id, entry);
    }

    pub(crate) fn change(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().get_mut(&id) {
            change(entry);
        }
    }

    /// Takes one out that has ended.
    pub(crate) fn strike_out(&self, id: u64) -> Option<Entry> {
        self.lock().remove(&id)
    }

    pub(crate) fn list(&self) -> Vec<OpenConnection> {
        self.lock().iter().map(|(id, entry)| entry.shown(*id)).collect()
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

    pub(crate) fn shown(&self, id: u64) -> OpenConnection {
        OpenConnection {
            id,
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
