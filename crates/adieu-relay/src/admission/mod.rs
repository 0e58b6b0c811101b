//! Who may connect, and how many: the networks that are let in, how many connections at once, of one source, and in a second.
//!
//! What bounds a client in time is not here: [`Limits`](adieu::Limits) of the listener's options has it, such as
//! [`first_byte_timeout`](adieu::Limits::first_byte_timeout).

mod places;
mod rate;

pub use rate::AcceptRate;

use adieu::Address;
use places::{Permit, Places};
use rate::Bucket;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Who may connect, and how many. By default everybody.
#[derive(Clone, Default)]
pub struct Admission {
    filter: Option<Filter>,
    max_connections: Option<NonZero<u32>>,
    max_per_source: Option<NonZero<u32>>,
    accept_rate: Option<AcceptRate>,
    when_full: WhenFull,
}

type Filter = Arc<dyn Fn(&Address) -> bool + Send + Sync>;

/// What becomes of clients beyond [`Admission::max_connections`] and [`Admission::accept_rate`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// They wait in the backlog of the listening socket, whose length the system bounds (`net.core.somaxconn`). Their connection is
    /// made by the kernel and nobody answers yet.
    #[default]
    Wait,
    /// They are reset at once.
    Reset,
}

/// Why a client was turned away. It was reset, before anything was received from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TurnedAway {
    /// The [filter](Admission::filter) does not let it in.
    NotLetIn,
    /// There are [`max_connections`](Admission::max_connections) already.
    Full,
    /// Its source has [`max_per_source`](Admission::max_per_source) already.
    SourceFull,
    /// More came than the [`accept_rate`](Admission::accept_rate) lets in.
    TooFast,
    /// It is no proxy from which headers of the PROXY protocol are taken.
    NotAProxy,
}

impl TurnedAway {
    /// Its name in logs and metrics: `not_let_in`, `full`, `source_full`, `too_fast`, `not_a_proxy`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotLetIn => "not_let_in",
            Self::Full => "full",
            Self::SourceFull => "source_full",
            Self::TooFast => "too_fast",
            Self::NotAProxy => "not_a_proxy",
        }
    }
}

impl fmt::Display for TurnedAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLetIn => "its address is not let in",
            Self::Full => "as many connections are open as may be",
            Self::SourceFull => "its address has as many connections open as it may have",
            Self::TooFast => "more clients came than are accepted in that time",
            Self::NotAProxy => "its address is not one of the trusted proxies",
        })
    }
}

impl Admission {
    /// Everybody may connect.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets in only whom `lets_in` is true for; every other client is reset at once. It is called by the workers, so it must not
    /// block.
    #[must_use]
    pub fn filter(mut self, lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(lets_in));
        self
    }

    /// How many connections may be open at once. `None`: as many as the system has descriptors for. Default: none.
    #[must_use]
    pub fn max_connections(mut self, number: impl Into<Option<NonZero<u32>>>) -> Self {
        self.max_connections = number.into();
        self
    }

    /// How many connections of one source may be open at once; a source is an IPv4 address or a /64 network of IPv6, which is what
    /// one household or machine has. Further clients of it are reset, whatever [`when_full`](Self::when_full) says: to see who
    /// they are they must be accepted, and left waiting they would take the places of others. It does not bound clients of
    /// a Unix socket. Default: none.
    #[must_use]
    pub fn max_per_source(mut self, number: impl Into<Option<NonZero<u32>>>) -> Self {
        self.max_per_source = number.into();
        self
    }

    /// How many clients are accepted in a second. Default: no bound.
    #[must_use]
    pub fn accept_rate(mut self, rate: impl Into<Option<AcceptRate>>) -> Self {
        self.accept_rate = rate.into();
        self
    }

    /// What becomes of the clients beyond [`max_connections`](Self::max_connections) and [`accept_rate`](Self::accept_rate).
    /// Default: they wait.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, max_connections, max_per_source, accept_rate, when_full } = self;
        f.debug_struct("Admission")
            .field("is_filtered", &filter.is_some())
            .field("max_connections", max_connections)
            .field("max_per_source", max_per_source)
            .field("accept_rate", accept_rate)
            .field("when_full", when_full)
            .finish()
    }
}

/// The gate of one relay, which all of its workers share. A reload makes a new one, which has the places and sources of the one
/// before: those who are inside stay, and count.
pub(crate) struct Gate {
    filter: Option<Filter>,
    when_full: WhenFull,
    max_per_source: Option<NonZero<u32>>,
    rate: Option<Arc<Mutex<Bucket>>>,
    places: Arc<Places>,
    sources: Arc<Sources>,
}

/// That the next client may be accepted: its place, where clients wait for one.
#[derive(Debug, Default)]
pub(crate) struct Turn(Option<Permit>);

/// The place of a client that was let in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: Option<Permit>,
    /// On the heap: most relays bound no sources.
    source: Option<Box<SourcePlace>>,
}

impl Gate {
    /// Counts by these settings from now on. `before`: the gate that it replaces. Nobody who is inside has to leave; connections that
    /// came before there was a bound for sources do not count for it.
    pub(crate) fn new(admission: Admission, before: Option<&Self>) -> Self {
        let Admission { filter, max_connections, max_per_source, accept_rate, when_full } = admission;
        let is_same = |bucket: &&Arc<Mutex<Bucket>>| {
            Some(bucket.lock().unwrap_or_else(PoisonError::into_inner).rate()) == accept_rate
        };
        let rate = before.and_then(|before| before.rate.as_ref()).filter(is_same).map(Arc::clone);
        let rate = rate.or_else(|| accept_rate.map(|rate| Arc::new(Mutex::new(Bucket::new(rate)))));
        let places = before.map_or_else(|| Arc::new(Places::new()), |before| Arc::clone(&before.places));
        let sources = before.map(|before| Arc::clone(&before.sources)).unwrap_or_default();
        places.set(max_connections);
        Self { filter, when_full, max_per_source, rate, places, sources }
    }

    /// Waits until one more client may be accepted. Where the clients beyond the bounds are reset instead, and where there are no
    /// bounds, it does not wait.
    ///
    /// The turn is used for the next client, whenever that comes. Several workers may each hold one.
    pub(crate) async fn turn(&self) -> Turn {
        if self.when_full == WhenFull::Reset {
            return Turn::default();
        }
        let permit = self.places.wait().await;
        loop {
            match self.take_of_rate() {
                Ok(()) => return Turn(permit),
                Err(at) => tokio::time::sleep_until(at.into()).await,
            }
        }
    }

    /// Lets a client that was accepted in, or says why it is not.
    pub(crate) fn admit(&self, turn: Turn, client: &Address) -> Result<Place, TurnedAway> {
        self.check(client)?;
        let mut place = self.admit_proxy(turn)?;
        place.source = self.enter(client)?;
        Ok(place)
    }

    /// Lets in a proxy's connection, whose client is to be told.
    pub(crate) fn admit_proxy(&self, turn: Turn) -> Result<Place, TurnedAway> {
        let mut permit = turn.0;
        if self.when_full == WhenFull::Reset {
            permit = Some(permit.or_else(|| self.places.take()).ok_or(TurnedAway::Full)?);
            self.take_of_rate().map_err(|_| TurnedAway::TooFast)?;
        }
        Ok(Place { _permit: permit, source: None })
    }

    /// A proxy has told whose connection it is that has this place.
    pub(crate) fn admit_told(&self, place: &mut Place, client: &Address) -> Result<(), TurnedAway> {
        self.check(client)?;
        place.source = self.enter(client)?;
        Ok(())
    }

    fn check(&self, client: &Address) -> Result<(), TurnedAway> {
        let is_in = self.filter.as_ref().is_none_or(|lets_in| lets_in(client));
        if is_in { Ok(()) } else { Err(TurnedAway::NotLetIn) }
    }

    fn enter(&self, client: &Address) -> Result<Option<Box<SourcePlace>>, TurnedAway> {
        match (self.max_per_source, source_of(client)) {
            (Some(most), Some(source)) => self
                .sources
                .enter(source, most)
                .map(|place| Some(Box::new(place)))
                .ok_or(TurnedAway::SourceFull),
            _ => Ok(None),
        }
    }

    fn take_of_rate(&self) -> Result<(), Instant> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }
}

/// What counts as one source of connections: an address of IPv4, or the /64 network of one of IPv6, which is what one household or
/// machine has. An IPv4 address that is written as one of IPv6 is one of IPv4. `None`: a Unix socket, which has no address.
///
/// # Examples
///
/// ```
/// use adieu::Address;
/// use adieu_relay::source_of;
///
/// let at = |text: &str| Address::Socket(text.parse().expect("an address"));
/// assert_eq!(source_of(&at("[2001:db8::1]:80")), source_of(&at("[2001:db8::2]:90")));
/// assert_ne!(source_of(&at("192.0.2.1:80")), source_of(&at("192.0.2.2:80")));
/// ```
pub fn source_of(client: &Address) -> Option<IpAddr> {
    let address = client.socket_addr()?;
    Some(match address.ip().to_canonical() {
        IpAddr::V6(ip) => IpAddr::from(Ipv6Addr::from_bits(ip.to_bits() & (!0 << 64))),
        v4 @ IpAddr::V4(_) => v4,
    })
}

/// How many connections each source has open. Sources without any are not in it.
#[derive(Debug, Default)]
struct Sources(Mutex<HashMap<IpAddr, u32>>);

impl Sources {
    /// Counts a connection of this source. `None`: it has as many as it may have.
    fn enter(self: &Arc<Self>, source: IpAddr, most: NonZero<u32>) -> Option<SourcePlace> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(source).or_insert(0);
        if *count >= most.get() {
            return None;
        }
        *count += 1;
        Some(SourcePlace { sources: Arc::clone(self), source })
    }
}

/// A connection of a source, until it is dropped.
#[derive(Debug)]
struct SourcePlace {
    sources: Arc<Sources>,
    source: IpAddr,
}

impl Drop for SourcePlace {
    fn drop(&mut self) {
        let mut open = self.sources.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Duration;

    fn at(ip: &str) -> Address {
        Address::Socket((ip.parse::<IpAddr>().expect("an address"), 40_000).into())
    }

    fn turn_now(gate: &Gate) -> Option<Turn> {
        match pin!(gate.turn()).poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(turn) => Some(turn),
            std::task::Poll::Pending => None,
        }
    }

    fn admit(gate: &Gate, ip: &str) -> Result<Place, TurnedAway> {
        gate.admit(Turn::default(), &at(ip))
    }

    #[test]
    fn beyond_the_most_connections_the_next_turn_waits_for_a_place() {
        let gate = Gate::new(Admission::new().max_connections(NonZero::new(2)), None);
        let place = |ip| gate.admit(turn_now(&gate).expect("a place"), &at(ip)).expect("it is let in");
        let (first, _second) = (place("192.0.2.1"), place("192.0.2.2"));
        assert!(turn_now(&gate).is_none());
        drop(first);
        let turn = turn_now(&gate).expect("a place is free");
        assert!(turn_now(&gate).is_none(), "it is taken by the turn, before its client comes");
        // A client that is turned away gives its turn back.
        drop(turn);
        assert!(turn_now(&gate).is_some());
    }

    #[test]
    fn beyond_the_most_connections_clients_are_reset_if_that_is_asked_for() {
        let gate =
            Gate::new(Admission::new().max_connections(NonZero::new(1)).when_full(WhenFull::Reset), None);
        let first = admit(&gate, "192.0.2.1").expect("it is let in");
        assert!(turn_now(&gate).is_some());
        assert_eq!(admit(&gate, "192.0.2.2").err(), Some(TurnedAway::Full));
        drop(first);
        assert!(admit(&gate, "192.0.2.2").is_ok());
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_a_64_of_ipv6_and_has_no_more_than_its_share() {
        let gate = Gate::new(Admission::new().max_per_source(NonZero::new(1)), None);
        let first = admit(&gate, "192.0.2.1").expect("it is let in");
        for same in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert_eq!(admit(&gate, same).err(), Some(TurnedAway::SourceFull));
        }
        let _other = admit(&gate, "192.0.2.2").expect("another source");
        let _v6 = admit(&gate, "2001:db8:0:1::1").expect("another source");
        assert_eq!(admit(&gate, "2001:db8:0:1:ffff::2").err(), Some(TurnedAway::SourceFull));
        let _next = admit(&gate, "2001:db8:0:2::1").expect("another network");
        drop(first);
        assert!(admit(&gate, "192.0.2.1").is_ok());
        let unix = [Address::Unnamed, Address::Unnamed];
        assert!(unix.map(|client| gate.admit(Turn::default(), &client)).iter().all(Result::is_ok));
        // Nothing is kept of sources without a connection.
        let sources = gate.sources.0.lock().expect("no panic").len();
        assert_eq!(sources, 3);
    }

    #[test]
    fn too_many_in_a_second_are_reset_or_wait() {
        let rate = AcceptRate::new(1, Duration::from_secs(3600));
        let resets = Gate::new(Admission::new().accept_rate(rate).when_full(WhenFull::Reset), None);
        assert!(admit(&resets, "192.0.2.1").is_ok());
        assert_eq!(admit(&resets, "192.0.2.1").err(), Some(TurnedAway::TooFast));
        let waits = Gate::new(Admission::new().accept_rate(rate), None);
        assert!(turn_now(&waits).is_some());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async { assert!(turn_now(&waits).is_none()) });
    }

    #[test]
    fn who_is_not_let_in_takes_nothing() {
        let admission = Admission::new()
            .filter(|client| *client != at("192.0.2.66"))
            .max_connections(NonZero::new(1))
            .when_full(WhenFull::Reset);
        let gate = Gate::new(admission, None);
        assert_eq!(admit(&gate, "192.0.2.66").err(), Some(TurnedAway::NotLetIn));
        assert!(admit(&gate, "192.0.2.1").is_ok());
    }

    #[test]
    fn changed_settings_count_those_who_are_inside() {
        let gate = Gate::new(Admission::new().max_connections(NonZero::new(3)), None);
        let place = || gate.admit(turn_now(&gate).expect("a place"), &at("192.0.2.1")).expect("it is let in");
        let mut inside: Vec<Place> = (0..3).map(|_| place()).collect();
        let gate = Gate::new(Admission::new().max_connections(NonZero::new(1)), Some(&gate));
        for _ in 0..2 {
            assert!(turn_now(&gate).is_none());
            inside.pop();
        }
        assert!(turn_now(&gate).is_none(), "one is inside, and one may be");
        let gate = Gate::new(Admission::new().max_connections(NonZero::new(2)), Some(&gate));
        inside.push(place());
        assert!(turn_now(&gate).is_none());
        let gate = Gate::new(Admission::new(), Some(&gate));
        inside.extend((0..100).map(|_| place()));
        let gate = Gate::new(
            Admission::new().max_connections(NonZero::new(2)).when_full(WhenFull::Reset),
            Some(&gate),
        );
        assert_eq!(admit(&gate, "192.0.2.1").err(), Some(TurnedAway::Full));
        inside.truncate(1);
        assert!(admit(&gate, "192.0.2.1").is_ok());
    }
}
