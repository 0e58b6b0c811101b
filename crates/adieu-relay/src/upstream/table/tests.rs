use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn names(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("192.0.2.{number}:80")).collect()
}

fn table_with(balance: Balance, health: Health, count: usize) -> Table {
    Table::new(balance, health, names(count).iter().map(String::as_str))
}

fn table(balance: Balance, count: usize) -> Table {
    table_with(balance, Health::default(), count)
}

fn ip(number: u32) -> IpAddr {
    IpAddr::from(number.to_be_bytes())
}

impl Table {
    /// A new client's first choice, whose connection is open from then on.
    fn first(&mut self, client: Option<IpAddr>, now: Instant) -> usize {
        self.pick(client, &mut Tried::default(), now).expect("there are upstreams")
    }

    fn fail(&mut self, number: usize, now: Instant) -> Option<HealthChange> {
        let change = self.failed(number, now);
        self.left(number);
        change
    }
}

#[test]
fn in_turn_every_upstream_has_the_same_number_and_never_two_at_once() {
    let (mut table, now) = (table(Balance::RoundRobin, 3), Instant::now());
    let chosen: Vec<usize> = (0..9).map(|_| table.first(None, now)).collect();
    assert_eq!(chosen, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn the_fewest_connections_are_topped_up_first() {
    let (mut table, now) = (table(Balance::Least, 3), Instant::now());
    for _ in 0..9 {
        table.first(None, now);
    }
    for number in 0..3 {
        assert_eq!(table.look(number), (true, 3));
    }
    for _ in 0..3 {
        table.left(1);
    }
    for _ in 0..3 {
        assert_eq!(table.first(None, now), 1);
    }
    // Equal ones are taken in turn.
    let next: std::collections::BTreeSet<usize> = (0..3).map(|_| table.first(None, now)).collect();
    assert_eq!(next.len(), 3);
}

#[test]
fn who_refused_is_not_tried_again_for_the_same_client() {
    let (mut table, now) = (table(Balance::RoundRobin, 3), Instant::now());
    let mut tried = Tried::default();
    let mut seen: Vec<usize> = Vec::new();
    while let Some(number) = table.pick(None, &mut tried, now) {
        assert!(matches!(table.fail(number, now), Some(HealthChange::Down { .. })));
        seen.push(number);
    }
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn one_that_is_down_is_left_alone_then_tried_by_one_client_and_comes_back_slowly() {
    let (mut table, start) = (table(Balance::RoundRobin, 2), Instant::now());
    assert_eq!(table.first(None, start), 0);
    assert!(matches!(table.fail(0, start), Some(HealthChange::Down { .. })));
    for seconds in 0..10 {
        for _ in 0..5 {
            assert_eq!(table.first(None, start + SECOND * seconds), 1);
        }
    }
    let later = start + SECOND * 10;
    let of_ten: Vec<usize> = (0..10).map(|_| table.first(None, later)).collect();
    assert_eq!(of_ten.iter().filter(|number| **number == 0).count(), 1, "{of_ten:?}");
    // It fails again, which is no news, and is left alone as long again.
    assert_eq!(table.fail(0, later), None);
    assert!((0..10).all(|_| table.first(None, later + SECOND * 9) == 1));
    let back = later + SECOND * 10;
    while table.first(None, back) != 0 {}
    assert!(matches!(table.connected(0, back), Some(HealthChange::Up { .. })));
    let share_at = |table: &mut Table, at| (0..100).filter(|_| table.first(None, at) == 0).count();
    assert!(share_at(&mut table, back) <= 1);
    let half_way = share_at(&mut table, back + SECOND * 5);
    assert!((30..=37).contains(&half_way), "half of the other's share is a third: {half_way}");
    assert_eq!(share_at(&mut table, back + SECOND * 10), 50);
}

/// A time that is beyond the clock's range is for good.
#[test]
fn one_that_is_to_be_left_alone_for_ever_is() {
    let health = Health { max_fails: 1, fail_timeout: Duration::MAX, slow_start: Duration::ZERO };
    let mut table = table_with(Balance::RoundRobin, health, 2);
    let now = Instant::now();
    let dead = table.first(None, now);
    assert!(matches!(table.fail(dead, now), Some(HealthChange::Down { .. })));
    for hours in 0..10 {
        assert_ne!(table.first(None, now + SECOND * 3600 * hours), dead);
    }
}

#[test]
fn an_attempt_that_was_given_up_lets_another_client_try() {
    let (mut table, start) = (table(Balance::RoundRobin, 2), Instant::now());
    table.first(None, start);
    table.fail(0, start);
    let later = start + SECOND * 10;
    while table.first(None, later) != 0 {}
    assert!((0..4).all(|_| table.first(None, later) == 1));
    table.given_up(0);
    table.left(0);
    assert!((0..4).any(|_| table.first(None, later) == 0));
}

#[test]
fn if_all_are_down_each_client_tries_the_one_that_was_left_alone_for_longest() {
    let (mut table, start) = (table(Balance::RoundRobin, 3), Instant::now());
    for number in [1, 0, 2] {
        // Not in their order.
        let at = start + SECOND * u32::try_from(number).expect("small");
        table.members[number].tried_at = Some(at);
        table.failed(number, at);
    }
    let now = start + SECOND * 3;
    for expected in [0, 1, 2, 0] {
        let mut tried = Tried::default();
        let now = now + Duration::from_millis(expected as u64);
        assert_eq!(table.pick(None, &mut tried, now), Some(expected));
        table.fail(expected, now);
        assert_eq!(table.pick(None, &mut tried, now), None, "once for each client");
    }
    assert!(matches!(table.connected(1, now), Some(HealthChange::Up { .. })));
    assert_eq!(table.first(None, now), 1);
}

#[test]
fn a_single_upstream_is_always_tried() {
    let (mut table, now) = (table(Balance::Hash, 1), Instant::now());
    for client in 0..20 {
        assert_eq!(table.first(Some(ip(client)), now), 0);
        assert_eq!(table.fail(0, now).is_some(), client == 0);
    }
    assert!(matches!(table.connected(0, now), Some(HealthChange::Up { .. })));
}

#[test]
fn failures_count_within_their_time_alone() {
    let health = Health { max_fails: 3, ..Health::default() };
    let (mut table, start) = (table_with(Balance::RoundRobin, health, 2), Instant::now());
    assert_eq!(table.fail(0, start), None);
    assert_eq!(table.fail(0, start + SECOND * 9), None);
    // The first of them is too long ago.
    assert_eq!(table.fail(0, start + SECOND * 11), None);
    assert_eq!(table.fail(0, start + SECOND * 12), None);
    assert!(matches!(table.fail(0, start + SECOND * 12), Some(HealthChange::Down { .. })));
    let mut never = table_with(Balance::RoundRobin, Health { max_fails: 0, ..health }, 2);
    assert!((0..100).all(|_| never.fail(0, start).is_none()));
}

#[test]
fn if_one_is_down_only_its_clients_move_and_they_come_back_one_after_the_other() {
    let (mut table, start) = (table(Balance::Hash, 5), Instant::now());
    let all = |table: &mut Table, at| -> Vec<usize> {
        (0..5000).map(|client| table.first(Some(ip(client)), at)).collect()
    };
    let before = all(&mut table, start);
    let mut per_upstream = BTreeMap::new();
    for number in &before {
        *per_upstream.entry(*number).or_insert(0_usize) += 1;
    }
    assert!(per_upstream.values().all(|clients| (850..1150).contains(clients)), "{per_upstream:?}");
    table.fail(2, start);
    let during = all(&mut table, start);
    for (before, during) in before.iter().zip(&during) {
        assert!(*during != 2 && (before == during || *before == 2));
    }
    let others: std::collections::BTreeSet<_> =
        during.iter().zip(&before).filter(|(_, before)| **before == 2).map(|(during, _)| *during).collect();
    assert_eq!(others.len(), 4, "its clients go to all of the others");
    table.connected(2, start);
    let mut back = 0;
    for (seconds, percent) in [(0, 0), (5, 50), (10, 100)] {
        let now: Vec<usize> = all(&mut table, start + SECOND * seconds);
        let are_back = now.iter().filter(|number| **number == 2).count();
        assert!(now.iter().zip(&before).all(|(now, before)| now == before || *before == 2));
        let expected = per_upstream[&2] * percent / 100;
        assert!(are_back.abs_diff(expected) < 80, "{are_back} of {expected} after {seconds} s");
        assert!(are_back >= back, "nobody leaves it again");
        back = are_back;
    }
}

#[test]
fn the_order_of_the_upstreams_does_not_matter_to_a_client() {
    let listed = names(4);
    let mut forwards = table(Balance::Hash, 4);
    let mut backwards = Table::new(Balance::Hash, Health::default(), listed.iter().rev().map(String::as_str));
    let now = Instant::now();
    for client in 0..500 {
        assert_eq!(forwards.first(Some(ip(client)), now), 3 - backwards.first(Some(ip(client)), now));
    }
    let mapped = IpAddr::from(std::net::Ipv4Addr::from(7).to_ipv6_mapped());
    assert_eq!(forwards.first(Some(mapped), now), forwards.first(Some(ip(7)), now));
    // Given twice, an endpoint has twice as many clients.
    let mut twice = Table::new(Balance::Hash, Health::default(), ["a:1", "a:1"]);
    let of_first = (0..1000).filter(|client| twice.first(Some(ip(*client)), now) == 0).count();
    assert!((400..600).contains(&of_first), "{of_first}");
}

#[test]
fn a_table_that_follows_another_knows_what_that_knew() {
    let (mut old, now) = (table(Balance::RoundRobin, 3), Instant::now());
    old.first(None, now);
    let number = old.first(None, now);
    old.fail(number, now);
    let listed = names(3);
    let reordered = [&*listed[2], &*listed[1], "192.0.2.9:80", &*listed[0]];
    let mut new = Table::new(Balance::Least, Health::default(), reordered);
    new.inherit(&old);
    assert_eq!([0, 1, 2, 3].map(|number| new.look(number)), [(true, 0), (false, 0), (true, 0), (true, 1)]);
    old.left(0);
    assert_eq!(new.look(3), (true, 0), "a connection from before is counted until it is over");
}

/// What can happen to a table.
#[derive(Debug, Clone)]
enum Step {
    /// A client comes, with an address or without.
    Client(Option<u32>),
    /// The attempt in this place succeeds, fails, or is given up.
    Connects(usize),
    Fails(usize),
    GivesUp(usize),
    /// The open connection in this place ends.
    Ends(usize),
    Passes(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::option::of(0u32..50).prop_map(Step::Client),
        2 => any::<usize>().prop_map(Step::Connects),
        3 => any::<usize>().prop_map(Step::Fails),
        1 => any::<usize>().prop_map(Step::GivesUp),
        2 => any::<usize>().prop_map(Step::Ends),
        2 => (0u64..30_000).prop_map(Step::Passes),
    ];
    prop::collection::vec(step, 1..200)
}

fn balances() -> impl Strategy<Value = Balance> {
    prop_oneof![Just(Balance::RoundRobin), Just(Balance::Least), Just(Balance::Hash)]
}

proptest! {
    /// Whatever happens: a client is refused only after it tried something, and never tries one twice; one that is up goes
    /// before one that is down; the counts are right.
    #[test]
    fn whatever_happens_a_client_is_given_what_is_best(
        balance in balances(), count in 1usize..6, max_fails in 0u32..4, slow in 0u64..20, steps in steps(),
    ) {
        let health = Health {
            max_fails, fail_timeout: SECOND * 10, slow_start: Duration::from_secs(slow),
        };
        let mut table = table_with(balance, health, count);
        let mut now = Instant::now();
        let mut trying: Vec<(usize, Tried, Option<IpAddr>)> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for step in steps {
            match step {
                Step::Client(client) => {
                    let (client, mut tried) = (client.map(ip), Tried::default());
                    let is_any_up = (0..count).any(|number| table.look(number).0);
                    let before: Vec<bool> = (0..count)
                        .map(|number| table.members[number].state.share(&health, now).is_some()).collect();
                    let number = table.pick(client, &mut tried, now);
                    prop_assert!(number.is_some(), "a new client is always given one");
                    let number = number.unwrap_or_default();
                    prop_assert!(!is_any_up || before[number]);
                    trying.push((number, tried, client));
                }
                Step::Connects(place) if !trying.is_empty() => {
                    let (number, ..) = trying.swap_remove(place % trying.len());
                    let was_up = table.look(number).0;
                    prop_assert_eq!(table.connected(number, now).is_some(), !was_up);
                    prop_assert!(table.look(number).0);
                    open.push(number);
                }
                Step::Fails(place) if !trying.is_empty() => {
                    let (number, mut tried, client) = trying.swap_remove(place % trying.len());
                    let was_up = table.look(number).0;
                    let change = table.fail(number, now);
                    let is_up = table.look(number).0;
                    prop_assert_eq!(change.is_some(), was_up && !is_up);
                    prop_assert!(max_fails > 0 || is_up);
                    let before = tried.numbers.clone();
                    if let Some(next) = table.pick(client, &mut tried, now) {
                        prop_assert!(!before.contains(&next));
                        trying.push((next, tried, client));
                    }
                }
                Step::GivesUp(place) if !trying.is_empty() => {
                    let (number, ..) = trying.swap_remove(place % trying.len());
                    table.given_up(number);
                    table.left(number);
                }
                Step::Ends(place) if !open.is_empty() => {
                    let number = open.swap_remove(place % open.len());
                    table.left(number);
                }
                Step::Passes(ms) => now += Duration::from_millis(ms),
                _ => {}
            }
            for number in 0..count {
                let ours = trying.iter().filter(|one| one.0 == number).count()
                    + open.iter().filter(|one| **one == number).count();
                prop_assert_eq!(table.look(number).1, ours as u64);
            }
        }
    }
}
