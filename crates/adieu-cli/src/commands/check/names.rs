//! The addresses of hosts, each name resolved once for all its ports.
//!
//! The first attempt at a host resolves its name, as every connection does, and its addresses are kept for the others. An attempt
//! takes no answer that is older than the moment for which it was planned, so a name is resolved again for each new try.

use super::outcome::Outcome;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Default)]
pub(super) struct Names {
    hosts: Mutex<HashMap<String, Host>>,
    changed: Condvar,
}

enum Host {
    /// An attempt resolves it.
    Asked,
    Answered {
        at: Instant,
        answer: Answer,
    },
}

type Answer = Result<Arc<[SocketAddr]>, Outcome>;

/// What an attempt at a host is to do.
pub(super) enum Turn {
    /// It resolves the name, and has to say what came of it: [`Names::answer`].
    Ask,
    /// These are its addresses.
    Known(Arc<[SocketAddr]>),
    /// It has none, and this is why.
    Failed(Outcome),
}

impl Names {
    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is to resolve a name. Waits while another attempt does it, which has a bound.
    pub(super) fn turn(&self, name: &str, planned: Instant) -> Turn {
        let mut hosts = self.hosts();
        loop {
            match hosts.get(name) {
                Some(Host::Asked) => {
                    hosts = self.changed.wait(hosts).unwrap_or_else(PoisonError::into_inner);
                }
                Some(Host::Answered { at, answer }) if *at >= planned => {
                    return match answer.clone() {
                        Ok(addresses) => Turn::Known(addresses),
                        Err(outcome) => Turn::Failed(outcome),
                    };
                }
                _ => {
                    hosts.insert(name.to_owned(), Host::Asked);
                    return Turn::Ask;
                }
            }
        }
    }

    /// What came of resolving a name. Only the first answer counts.
    pub(super) fn answer(&self, name: &str, answer: Answer) {
        if let Some(host @ Host::Asked) = self.hosts().get_mut(name) {
            *host = Host::Answered { at: Instant::now(), answer };
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::State;
    use super::*;

    #[test]
    fn a_name_is_resolved_once_and_again_for_a_later_try() {
        let names = Names::default();
        let planned = Instant::now();
        assert!(matches!(names.turn("h", planned), Turn::Ask));
        let found: Arc<[SocketAddr]> = Arc::from([SocketAddr::from(([127, 0, 0, 1], 1))]);
        std::thread::scope(|scope| {
            // It waits for the answer, however late it asks.
            let other = scope.spawn(|| names.turn("h", planned));
            names.answer("h", Ok(Arc::clone(&found)));
            let Turn::Known(known) = other.join().expect("it does not panic") else { panic!("it is known") };
            assert_eq!(known, found);
        });
        names.answer("h", Err(Outcome::new(State::NoAnswer)));
        assert!(matches!(names.turn("h", planned), Turn::Known(_)));
        let later = Instant::now();
        assert!(matches!(names.turn("h", later), Turn::Ask));
        names.answer("h", Err(Outcome::new(State::NameNotFound)));
        assert!(
            matches!(names.turn("h", later), Turn::Failed(outcome) if outcome.state == State::NameNotFound)
        );
    }
}
