//! When each timer runs, and when it is due.

use super::*;
use crate::bounds::Bounds as Config;
use core::time::Duration;

const fn ms(n: u64) -> Nanos {
    Nanos::from_millis(n)
}

const NOTHING: Waiting = Waiting {
    receive: false,
    send: false,
    input: false,
    pausing: false,
    output: false,
    acknowledgement: false,
};
const RECEIVE: Waiting = Waiting { receive: true, ..NOTHING };
const SEND: Waiting = Waiting { send: true, ..NOTHING };
const INPUT: Waiting = Waiting { input: true, ..NOTHING };
const PAUSING: Waiting = Waiting { pausing: true, ..NOTHING };
const OUTPUT: Waiting = Waiting { output: true, ..NOTHING };
const ACKNOWLEDGEMENT: Waiting = Waiting { acknowledgement: true, ..NOTHING };
const RECEIVE_OR_INPUT: Waiting = Waiting { receive: true, input: true, ..NOTHING };

/// Connected, and nothing special.
const CALM: Situation = Situation {
    alive: true,
    outstanding: false,
    fin_outstanding: false,
    asking: false,
    untaken: false,
    input_holds: false,
    eof_missing: false,
    held_for_peer: false,
    untouched: false,
    input_is_slow: true,
};
const OUTSTANDING: Situation = Situation { outstanding: true, ..CALM };

fn idle_after(n: u64) -> Config {
    Config { idle_timeout: Some(ms(n)), dead_peer: None, ..Config::default() }
}

fn after_waiting(waiting: Waiting, situation: Situation) -> Timers {
    let mut timers = Timers::default();
    timers.wait(ms(5), waiting, &idle_after(100), situation);
    timers
}

#[test]
fn anything_that_is_waited_for_is_waiting() {
    assert!(!NOTHING.any());
    for waiting in [RECEIVE, SEND, INPUT, PAUSING, OUTPUT, ACKNOWLEDGEMENT] {
        assert!(waiting.any(), "{waiting:?}");
    }
}

#[test]
fn the_silence_is_the_peers_if_we_wait_for_it_and_for_nothing_of_our_own() {
    let quick = Situation { input_is_slow: false, ..CALM };
    let gone = Situation { alive: false, ..CALM };
    // The clock of the peer's silence, and that of what it does not take.
    for (waiting, situation, idle, untaken) in [
        (NOTHING, CALM, false, false),
        (RECEIVE, CALM, true, false),
        (SEND, CALM, true, true),
        (ACKNOWLEDGEMENT, CALM, true, true),
        (INPUT, CALM, false, false),
        (INPUT, quick, false, false),
        (RECEIVE_OR_INPUT, CALM, false, false),
        (RECEIVE_OR_INPUT, quick, true, false),
        (RECEIVE_OR_INPUT, OUTSTANDING, true, true),
        (INPUT, OUTSTANDING, true, true),
        (Waiting { receive: true, ..PAUSING }, CALM, false, false),
        (Waiting { receive: true, ..PAUSING }, quick, false, false),
        (PAUSING, OUTSTANDING, true, true),
        (NOTHING, OUTSTANDING, false, false),
        (OUTPUT, OUTSTANDING, false, false),
        (Waiting { output: true, ..SEND }, CALM, false, false),
        (SEND, gone, false, false),
    ] {
        let timers = after_waiting(waiting, situation);
        let running = (timers.idle_since.is_some(), timers.untaken_since.is_some());
        assert_eq!(running, (idle, untaken), "{waiting:?} {situation:?}");
        let at = (idle || untaken).then_some(ms(105));
        assert_eq!(timers.idle_at(&idle_after(100)), at);
        assert_eq!(timers.idle_at(&Config::default()), None, "nothing bounds it");
    }
}

#[test]
fn each_clock_runs_while_its_situation_lasts_and_is_waited_for() {
    let config = Config {
        input_grace: Some(ms(10)),
        silent_input_ends: true,
        eof_grace: Some(ms(20)),
        peer_grace: Some(ms(30)),
        first_byte_timeout: Some(ms(40)),
        ..idle_after(100)
    };
    let times = |waiting, situation| {
        let mut timers = Timers::default();
        timers.wait(ms(5), waiting, &config, situation);
        [
            timers.grace_at(&config),
            timers.eof_at(&config),
            timers.held_until(&config),
            timers.first_byte_at(&config),
        ]
        .map(|at| at.map_or(0, |at| Duration::from(at).as_millis()))
    };
    let holds = Situation { input_holds: true, ..CALM };
    let eof_missing = Situation { eof_missing: true, ..CALM };
    let held = Situation { held_for_peer: true, ..CALM };
    let untouched = Situation { untouched: true, ..CALM };
    assert_eq!(times(RECEIVE_OR_INPUT, CALM), [0, 0, 0, 0]);
    assert_eq!(times(INPUT, holds), [15, 0, 0, 0]);
    assert_eq!(times(RECEIVE, holds), [0, 0, 0, 0]);
    assert_eq!(times(PAUSING, holds), [0, 0, 0, 0]);
    assert_eq!(times(RECEIVE, eof_missing), [0, 25, 0, 0]);
    assert_eq!(times(INPUT, eof_missing), [0, 0, 0, 0]);
    assert_eq!(times(RECEIVE, held), [0, 0, 35, 0]);
    assert_eq!(times(INPUT, held), [0, 0, 0, 0]);
    assert_eq!(times(NOTHING, untouched), [0, 0, 0, 45]);
}

#[test]
fn what_the_peer_does_starts_its_clocks_anew_and_never_sets_them_back() {
    let held = Situation { held_for_peer: true, ..CALM };
    let config = Config { peer_grace: Some(ms(50)), ..idle_after(100) };
    let mut timers = Timers::default();
    timers.wait(ms(5), RECEIVE, &config, held);
    timers.peer_acted(ms(20));
    timers.peer_acted(ms(10));
    assert_eq!((timers.idle_at(&config), timers.held_until(&config)), (Some(ms(120)), Some(ms(70))));
    timers.start_over();
    assert_eq!(timers, Timers::default());
    timers.peer_took(ms(30));
    assert_eq!(timers, Timers::default(), "a clock that does not run is not started");
}

#[test]
fn a_peer_that_only_talks_takes_nothing_and_that_is_known() {
    let config = idle_after(100);
    let mut timers = after_waiting(SEND, CALM);
    assert!(!timers.peer_spoke());
    timers.peer_acted(ms(50));
    assert!(timers.peer_spoke());
    assert_eq!(timers.idle_at(&config), Some(ms(105)), "what it takes counts from before");
    timers.wait(ms(50), SEND, &config, CALM);
    assert!(timers.peer_spoke());
    timers.peer_took(ms(60));
    assert_eq!((timers.peer_spoke(), timers.idle_at(&config)), (false, Some(ms(160))));
    timers.wait(ms(60), SEND, &config, CALM);
    assert!(!timers.peer_spoke(), "it has said nothing since");
    timers.peer_acted(ms(70));
    timers.wait(ms(70), RECEIVE, &config, CALM);
    assert!(!timers.peer_spoke(), "nothing is to be taken any more");
    timers.peer_acted(ms(80));
    assert!(!timers.peer_spoke());
}

#[test]
fn while_we_are_busy_the_clock_of_what_the_peer_takes_stands_still() {
    for busy in [NOTHING, OUTPUT] {
        let config = idle_after(100);
        let mut timers = after_waiting(SEND, CALM);
        timers.wait(ms(25), busy, &config, OUTSTANDING);
        assert_eq!(timers.idle_at(&config), None, "{busy:?}");
        timers.wait(ms(40), busy, &config, OUTSTANDING);
        timers.wait(ms(65), SEND, &config, CALM);
        assert_eq!(timers.untaken_since, Some(ms(45)), "20 ms had passed, and go on");
        // A fault ends it.
        timers.wait(ms(66), busy, &config, Situation { alive: false, ..CALM });
        assert_eq!((timers.untaken_since, timers.untaken_held_at), (None, None));
    }
}

#[test]
fn looks_are_as_frequent_as_the_timer_that_needs_them() {
    let dead_after = |n| Config { dead_peer: Some(ms(n)), idle_timeout: None, ..Config::default() };
    let both = Config { dead_peer: Some(ms(240)), ..idle_after(100) };
    let asking = Situation { asking: true, ..OUTSTANDING };
    let untaken = Situation { untaken: true, ..CALM };
    for (config, waiting, situation, interval) in [
        (idle_after(100), SEND, OUTSTANDING, Some(25_000)),
        (idle_after(2), SEND, OUTSTANDING, Some(1000)),
        (dead_after(2400), SEND, OUTSTANDING, Some(100_000)),
        (dead_after(2400), SEND, asking, Some(37_500)),
        (both.clone(), SEND, OUTSTANDING, Some(10_000)),
        (both.clone(), SEND, untaken, Some(25_000)),
        // Only the clock of the peer's silence runs.
        (both.clone(), RECEIVE, untaken, Some(25_000)),
        (both.clone(), INPUT, untaken, None),
        (both.clone(), SEND, CALM, None),
        (dead_after(2400), SEND, untaken, None),
    ] {
        let mut timers = Timers::default();
        timers.wait(ms(5), waiting, &config, situation);
        let at = interval.map(|interval| ms(5).saturating_add(Duration::from_micros(interval).into()));
        assert_eq!(timers.check_at(), at, "{config:?} {waiting:?} {situation:?}");
    }
}

#[test]
fn a_look_is_not_put_off_by_being_busy_nor_brought_forward() {
    let config = idle_after(100);
    let mut timers = after_waiting(SEND, OUTSTANDING);
    timers.wait(ms(20), NOTHING, &config, OUTSTANDING);
    assert_eq!(timers.check_at(), None, "nothing is looked at meanwhile");
    timers.wait(ms(25), SEND, &config, OUTSTANDING);
    assert_eq!(timers.check_at(), Some(ms(30)));
    timers.checked(None);
    assert_eq!(timers.check_at(), None);
    timers.wait(ms(40), OUTPUT, &config, OUTSTANDING);
    timers.wait(ms(60), SEND, &config, OUTSTANDING);
    assert_eq!(timers.check_at(), Some(ms(85)), "a whole interval after waiting began again");
    timers.wait(ms(60), SEND, &config, CALM);
    assert_eq!(timers.check_at(), None);
}

#[test]
fn a_silence_is_confirmed_once_everything_was_tried_after_its_end() {
    let timers = after_waiting(SEND, CALM);
    assert!(!timers.silence_confirmed(None));
    assert!(!timers.silence_confirmed(Some(ms(6))));
    assert!(timers.silence_confirmed(Some(ms(5))));
}

#[test]
fn the_earliest_of_all_is_due_first() {
    assert_eq!(earliest(None, None), None);
    for (one, other) in [(Some(1), None), (None, Some(1)), (Some(1), Some(2)), (Some(2), Some(1))] {
        assert_eq!(earliest(one.map(ms), other.map(ms)), Some(ms(1)));
    }
    let config = Config { input_grace: Some(ms(7)), ..idle_after(100) };
    let mut timers = Timers::default();
    timers.wait(ms(5), RECEIVE_OR_INPUT, &config, Situation { input_holds: true, ..OUTSTANDING });
    assert_eq!(timers.earliest_at(&config), Some(ms(12)));
    timers.input_acted();
    assert_eq!(timers.earliest_at(&config), Some(ms(30)), "a look");
}
