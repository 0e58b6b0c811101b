//! The addresses of the upstreams' names: looked up without delaying connections, and again before they are too old.
//!
//! A client never waits for the resolver, except for the first answer. An old answer is kept while the resolver gives no new
//! one: most often the addresses are still right, and if they are not, connecting fails as it would without them.

use super::balance::{affinity, of_address};
use crate::split_mix::mix;
use adieu::{Endpoint, ResolveError};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// How soon the resolver is asked again after it has failed.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a client waits for the resolver's first answer. After that it asks by itself, within the connect timeout.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// An answer of the resolver: the addresses in the order in which to try them.
type Answer = Result<Arc<[SocketAddr]>, ResolveError>;

/// Tells that the resolver has begun to fail for a name (`Err`), or answers again.
pub(crate) type Told<'a> = &'a (dyn Fn(&str, Result<(), &ResolveError>) + Send + Sync);

/// One name and what is known of it.
pub(crate) struct Name {
    host: String,
    port: u16,
    /// The last answer, or the last addresses if there have been any.
    known: RwLock<Option<Answer>>,
    /// True once there was an answer.
    is_asked: watch::Sender<bool>,
    /// Counts the connections, which are spread over the addresses.
    turn: AtomicUsize,
}

impl Name {
    /// The name of an upstream. `None`: it has an address, or is a Unix socket.
    pub(super) fn of(endpoint: &Endpoint) -> Option<Self> {
        let (Endpoint::Tcp { host, port } | Endpoint::Tls { host, port }) = endpoint else { return None };
        // With its zone it is an address too, which only the resolver can read.
        if host.parse::<IpAddr>().is_ok() || host.contains('%') {
            return None;
        }
        Some(Self {
            host: host.clone(),
            port: *port,
            known: RwLock::new(None),
            is_asked: watch::Sender::new(false),
            turn: AtomicUsize::new(0),
        })
    }

    /// Whether another is the same name.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }

    /// Looks the name up again and again, for as long as it is polled. `every` bounds the age of an answer, as long as the
    /// resolver answers. `None`: the first answer is kept. `told` hears when the resolver begins to fail for the name, and when it
    /// answers again.
    pub(crate) async fn keep_known(&self, every: Option<Duration>, told: Told<'_>) {
        let mut fails = false;
        loop {
            let answer = adieu::tokio::look_up(&self.host, self.port).await;
            let has_failed = answer.is_err();
            match (&answer, fails) {
                (Err(error), false) => told(&self.host, Err(error)),
                (Ok(_), true) => told(&self.host, Ok(())),
                _ => {}
            }
            fails = has_failed;
            self.note(answer.map(Arc::from));
            let pause = match (has_failed, every) {
                (true, every) => every.map_or(AGAIN, |every| every.min(AGAIN)),
                (false, Some(every)) => every,
                (false, None) => return,
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn note(&self, answer: Answer) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if answer.is_ok() || !matches!(*known, Some(Ok(_))) {
            *known = Some(answer);
        }
        drop(known);
        self.is_asked.send_replace(true);
    }

    /// The addresses for one connection, in the order in which to try them. It waits only for the first answer, and not for long:
    /// `None`, there is none so far.
    ///
    /// Of several addresses of one IP version, each connection begins with another: with the next one, or with `client` with the
    /// one that belongs to this client. Which version comes first is the resolver's choice.
    ///
    /// # Errors
    ///
    /// The resolver has given no address so far, and this is what it said last.
    pub(super) async fn addresses(
        &self,
        client: Option<IpAddr>,
    ) -> Option<Result<Vec<SocketAddr>, ResolveError>> {
        if !*self.is_asked.borrow() {
            let mut watching = self.is_asked.subscribe();
            let asked = watching.wait_for(|is_asked| *is_asked);
            let _ = tokio::time::timeout(FIRST_ANSWER, asked).await;
        }
        let answer = self.known.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let in_turn = |addresses: Arc<[SocketAddr]>| {
            in_turn(&addresses, client, || self.turn.fetch_add(1, Ordering::Relaxed))
        };
        Some(answer.map(in_turn))
    }
}

/// The addresses with those of each IP version in another order: by the affinity to the client, or beginning with another one
/// each time.
fn in_turn(
    addresses: &[SocketAddr],
    client: Option<IpAddr>,
    turn: impl FnOnce() -> usize,
) -> Vec<SocketAddr> {
    let mut ordered = addresses.to_vec();
    let is_alone = |v6: bool| addresses.iter().filter(|address| address.is_ipv6() == v6).count() <= 1;
    if is_alone(true) && is_alone(false) {
        return ordered;
    }
    let turn = if client.is_some() { 0 } else { turn() };
    for v6 in [false, true] {
        let places: Vec<usize> =
            (0..addresses.len()).filter(|place| addresses[*place].is_ipv6() == v6).collect();
        let mut own: Vec<SocketAddr> = places.iter().map(|place| addresses[*place]).collect();
        // A name server gives them in another order each time.
        own.sort_unstable();
        match client {
            Some(client) => {
                own.sort_by_key(|address| std::cmp::Reverse(affinity(client, mix(of_address(address.ip())))));
            }
            None if own.is_empty() => {}
            None => {
                let first = turn % own.len();
                own.rotate_left(first);
            }
        }
        for (place, address) in places.into_iter().zip(own) {
            ordered[place] = address;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    fn at(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().expect("an address"), 80)
    }

    #[test]
    fn connections_are_spread_over_the_addresses_of_one_version_and_the_version_stays() {
        let addresses = [at("2001:db8::1"), at("192.0.2.2"), at("192.0.2.1"), at("192.0.2.3")];
        let firsts: Vec<Vec<SocketAddr>> = (0..3).map(|turn| in_turn(&addresses, None, || turn)).collect();
        for order in &firsts {
            assert_eq!(order[0], at("2001:db8::1"));
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 4, "{order:?}");
        }
        let of_v4: BTreeSet<_> = firsts.iter().map(|order| order[1]).collect();
        assert_eq!(of_v4.len(), 3, "{firsts:?}");
        // One of each version: as the resolver said.
        let two = [at("::1"), at("127.0.0.1")];
        assert_eq!(in_turn(&two, None, || panic!("nothing is to be counted")), two);
    }

    #[test]
    fn a_client_keeps_its_address_in_whatever_order_they_come() {
        let (one, two, three) = (at("192.0.2.1"), at("192.0.2.2"), at("192.0.2.3"));
        let mut firsts = BTreeSet::new();
        for last in 0..=99 {
            let client = Some(IpAddr::from([198, 51, 100, last]));
            let order = in_turn(&[one, two, three], client, || 0);
            assert_eq!(order, in_turn(&[three, one, two], client, || 7));
            // Without the last one of its list, a client stays where it was.
            assert_eq!(order[..2], in_turn(&[order[1], order[0]], client, || 3));
            firsts.insert(order[0]);
        }
        assert_eq!(firsts.len(), 3);
    }

    #[tokio::test]
    async fn an_old_answer_outlives_a_resolver_that_fails_and_an_error_does_not_outlive_an_answer() {
        let name = Name::of(&Endpoint::tcp("name.invalid", 80)).expect("a name");
        name.note(Err(ResolveError::NoAddress));
        assert_eq!(name.addresses(None).await, Some(Err(ResolveError::NoAddress)));
        name.note(Ok(Arc::from([at("192.0.2.1")])));
        name.note(Err(ResolveError::ThreadDied));
        assert_eq!(name.addresses(None).await, Some(Ok(vec![at("192.0.2.1")])));
        name.note(Ok(Arc::from([at("192.0.2.2")])));
        assert_eq!(name.addresses(None).await, Some(Ok(vec![at("192.0.2.2")])));
    }

    #[tokio::test]
    async fn a_name_is_told_when_it_fails_and_only_then_and_asked_again() {
        let name = Name::of(&Endpoint::tcp("name.invalid", 80)).expect("a name");
        let told = Mutex::new(Vec::new());
        let note = |host: &str, how: Result<(), &ResolveError>| {
            told.lock().expect("no panic").push((host.to_owned(), how.is_ok()));
        };
        let every = Some(Duration::from_millis(1));
        assert_eq!(tokio::time::timeout(Duration::ZERO, name.addresses(None)).await.ok(), None);
        let first = tokio::time::timeout(Duration::from_secs(60), async {
            tokio::select! {
                () = name.keep_known(every, &note) => unreachable!("it goes on for ever"),
                first = name.addresses(None) => first,
            }
        });
        assert!(matches!(first.await.expect("in time"), Some(Err(_))));
        assert_eq!(*told.lock().expect("no panic"), [("name.invalid".to_owned(), false)]);
    }

    #[test]
    fn an_address_and_a_path_are_no_names() {
        for endpoint in [
            Endpoint::tcp("192.0.2.1", 80),
            Endpoint::tls("::1", 443),
            Endpoint::tcp("fe80::1%eth0", 80),
            Endpoint::unix("/run/app.sock"),
        ] {
            assert!(Name::of(&endpoint).is_none(), "{endpoint}");
        }
        assert!(Name::of(&Endpoint::tls("localhost", 443)).is_some());
    }
}
