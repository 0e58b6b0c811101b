//! What the timers are told of the connection.

use super::*;

/// Connected, without a byte.
fn fresh(config: Config) -> Connection {
    let mut c = Connection::new(config);
    c.handle_connected(ms(1));
    c
}

#[test]
fn our_input_holds_the_end_up_if_it_is_all_that_keeps_our_side_open() {
    let holds = |c: &Connection| c.situation().input_holds;
    assert!(!holds(&halves(Config::default(), false, false)), "the peer has not ended");
    assert!(!holds(&halves(Config::default(), true, true)), "our input has ended");
    let mut c = halves(Config::default(), true, false);
    assert!(holds(&c));
    c.handle_input(1);
    assert!(!holds(&c), "what it gave is not accepted");
    c.handle_accepted(ms(3), 1);
    assert!(holds(&c));
    let mut c = halves(Config::default(), false, false);
    c.handle_stream_end(ms(2));
    assert!(holds(&c), "the peer's stream has ended");
    for (input_grace, expected) in
        [(None, true), (Some(InputGrace::ends(ms(9))), true), (Some(InputGrace::gives_up(ms(9))), false)]
    {
        let mut c = halves(Config { input_grace, ..Config::default() }, false, false);
        c.handle_received(ms(2), 1);
        c.handle_eof(ms(2));
        assert_eq!(holds(&c), expected, "{input_grace:?}: a byte is not handed on");
        c.handle_output(ms(2), 1);
        assert!(holds(&c));
    }
}

#[test]
fn our_side_is_held_for_the_peer_while_there_is_one() {
    let config = Config { peer_grace: Some(ms(9)), ..Config::default() };
    let mut c = fresh(config.clone());
    assert!(!c.situation().held_for_peer, "our input is open");
    c.handle_input_eof();
    assert!(c.situation().held_for_peer);
    c.handle_fault(ms(2), Fault { call: Call::Send, ..RESET });
    assert!(!c.situation().held_for_peer);
    let mut c = fresh(Config::default());
    c.handle_input_eof();
    assert!(!c.situation().held_for_peer, "nobody asked for it");
    let mut c = halves(config, false, false);
    c.handle_input_eof();
    assert!(!c.situation().held_for_peer, "it gave a byte");
}

#[test]
fn a_connection_is_untouched_until_anything_passes_over_it() {
    type Touch = fn(&mut Connection);
    let mut c = Connection::new(Config::default());
    c.handle_handshake(ms(1));
    assert!(!c.situation().untouched, "there is none yet");
    let touches: [Touch; 4] = [
        |c| c.handle_received(ms(2), 1),
        |c| c.handle_eof(ms(2)),
        |c| c.handle_fault(ms(2), Fault { call: Call::Send, ..RESET }),
        |c| {
            c.handle_input(1);
            c.handle_accepted(ms(2), 1);
        },
    ];
    for touch in touches {
        let mut c = fresh(Config::default());
        assert!(c.situation().untouched);
        touch(&mut c);
        assert!(!c.situation().untouched);
    }
}

#[test]
fn after_a_look_the_next_one_is_due_without_another_wait() {
    let mut c = half_closed(idle_of(100));
    c.handle_waiting(ms(10), RECEIVING);
    assert_eq!(c.poll_timeout(), Some(ms(35)));
    time_out(&mut c, ms(35), RECEIVING);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(40), clear(1));
    assert_eq!(c.poll_timeout(), Some(ms(65)));
}

#[test]
fn decided_is_what_a_connection_stays() {
    let mut c = halves(Config::default(), true, true);
    assert!(!c.is_decided());
    c.handle_interrupt(ms(3), Signal::Hangup);
    assert!(c.is_decided());
    end(&mut c, ms(3));
    assert!(c.is_decided());
}
