//! Which address to try when: Happy Eyeballs (RFC 8305), without sockets and clocks.

use crate::Time;
use core::time::Duration;
use std::net::SocketAddr;

/// Puts addresses in the order in which to try them: families alternate, each family keeping its own order.
///
/// The resolver's order is RFC 6724's, so its first family goes first.
///
/// # RFC
///
/// RFC 8305, section 4 (with a First Address Family Count of 1).
pub fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (mut own, mut other): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|a| a.is_ipv6() == first.is_ipv6());
    own.reverse();
    other.reverse();
    let mut ordered = Vec::with_capacity(addresses.len());
    while !(own.is_empty() && other.is_empty()) {
        ordered.extend(own.pop());
        ordered.extend(other.pop());
    }
    ordered
}

/// What a race wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RaceStep {
    /// Start an attempt on the address with this index.
    Start(usize),
    /// Wait for one of the attempts under way, at most until then.
    Wait(Option<Time>),
    /// Every attempt has failed.
    Lost,
}

/// A race of connection attempts: one at a time, the next one when the last has failed or been silent for the
/// attempt delay.
///
/// # RFC
///
/// RFC 8305, section 5.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Race {
    addresses: usize,
    started: usize,
    failed: usize,
    next_at: Time,
}

impl Race {
    /// The recommended Connection Attempt Delay of RFC 8305, section 5.
    pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

    /// A race over so many addresses.
    pub const fn new(addresses: usize) -> Self {
        Self { addresses, started: 0, failed: 0, next_at: Time::ZERO }
    }

    /// What to do now.
    pub fn poll(&mut self, now: Time) -> RaceStep {
        let more = self.started < self.addresses;
        if more && now >= self.next_at {
            let index = self.started;
            self.started += 1;
            self.next_at = now + Self::ATTEMPT_DELAY;
            return RaceStep::Start(index);
        }
        if self.failed == self.addresses {
            return RaceStep::Lost;
        }
        RaceStep::Wait(more.then_some(self.next_at))
    }

    /// An attempt has failed: the next one need not wait.
    pub fn handle_failed(&mut self, now: Time) {
        self.failed += 1;
        self.next_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().expect("an address in the test is well formed")
    }

    #[test]
    fn families_alternate_and_the_first_stays_first() {
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"].map(addr);
        let ordered = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"].map(addr);
        assert_eq!(interleave(&given), ordered);
        assert_eq!(interleave(&[]), []);
    }

    #[test]
    fn the_next_attempt_waits_for_the_delay_but_not_after_a_failure() {
        let ms = Duration::from_millis;
        let mut race = Race::new(3);
        assert_eq!(race.poll(ms(0)), RaceStep::Start(0));
        assert_eq!(race.poll(ms(100)), RaceStep::Wait(Some(ms(250))));
        assert_eq!(race.poll(ms(250)), RaceStep::Start(1));
        race.handle_failed(ms(260));
        assert_eq!(race.poll(ms(260)), RaceStep::Start(2));
        assert_eq!(race.poll(ms(260)), RaceStep::Wait(None));
        race.handle_failed(ms(300));
        race.handle_failed(ms(300));
        assert_eq!(race.poll(ms(300)), RaceStep::Lost);
    }

    #[test]
    fn no_address_is_lost_at_once() {
        assert_eq!(Race::new(0).poll(Time::ZERO), RaceStep::Lost);
    }
}
