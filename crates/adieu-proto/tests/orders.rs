//! Any order of inputs into one core: what it promises holds whatever a driver, a kernel and a peer do.
//!
//! The one rule that these inputs keep is the driver's: an action is answered before the next one is asked
//! for, and no more is accepted than was read. `PROPTEST_CASES=100000 cargo test -p adieu-proto` runs more.

use adieu_proto::{
    Action, Asking, Call, Config, Connection, Ending, Fault, FaultKind, InputGrace, LocalEnd, Outcome, Path,
    Sample, Signal, SocketError, Time, Unacknowledged, Waiting,
};
use core::time::Duration;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// One input, or one question to the core.
#[derive(Debug, Clone)]
enum Happening {
    Handshake,
    Connected,
    ConnectFailed(FaultKind),
    Received(u64),
    Eof,
    Accepted,
    Fault(Call, FaultKind),
    Exhausted,
    Acknowledged,
    EndMark,
    StreamEnd,
    Owed(bool),
    Read(u64),
    InputEof,
    HoldFin(Option<u64>),
    InputFailed,
    Written(u64),
    Discarded(u64),
    OutputFailed,
    Interrupt,
    Abort,
    GiveUp,
    OtherSideCut,
    Close,
    SampleRequested,
    /// Asks for an action; it is answered later.
    Ask,
    /// Answers the action that is asked for.
    Answer(Answer),
    Sleep(Waiting),
    /// So much time passes, and the timers are asked.
    Pass(u64),
    /// Time passes until the next timer.
    Timeout,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    shutdown: Result<(), FaultKind>,
    unacknowledged: Unacknowledged,
    socket_error: Option<Result<(), FaultKind>>,
    path: Path,
}

fn kind() -> impl Strategy<Value = FaultKind> {
    use FaultKind::{
        Aborted, BrokenPipe, NotConnected, Other, Protocol, Refused, Reset, TimedOut, Unreachable,
    };
    prop::sample::select(vec![
        Reset,
        BrokenPipe,
        Aborted,
        TimedOut,
        Unreachable,
        NotConnected,
        Refused,
        Protocol,
        Other,
    ])
}

fn answer() -> impl Strategy<Value = Answer> {
    let result = || prop_oneof![8 => Just(Ok(())), 1 => kind().prop_map(Err)];
    let socket_error = prop_oneof![12 => result().prop_map(Some), 1 => Just(None)];
    let unacknowledged = prop_oneof![
        8 => Just(Unacknowledged::Octets(0)),
        3 => (1_u64..4).prop_map(Unacknowledged::Octets),
        2 => Just(Unacknowledged::End),
        1 => Just(Unacknowledged::NotApplicable),
        1 => Just(Unacknowledged::Unknown),
    ];
    (result(), unacknowledged, socket_error, path()).prop_map(
        |(shutdown, unacknowledged, socket_error, path)| Answer {
            shutdown,
            unacknowledged,
            socket_error,
            path,
        },
    )
}

fn path() -> impl Strategy<Value = Path> {
    let time = || (0_u64..300).prop_map(Duration::from_millis);
    let asking = (0_u32..9, 0_u32..3, time()).prop_map(|(retransmissions, probes, every)| Asking {
        retransmissions,
        probes,
        every,
    });
    (option::of(time()), option::of(0_u64..3), option::of(asking), option::of(time()), option::of(time()))
        .prop_map(|(last_heard, segments_received, asking, answer_within, answer_after)| Path {
            last_heard,
            segments_received,
            asking,
            answer_within,
            answer_after,
        })
}

fn waiting() -> impl Strategy<Value = Waiting> {
    any::<[bool; 6]>().prop_map(|[receive, send, input, pausing, output, acknowledgement]| Waiting {
        receive,
        send,
        input,
        pausing,
        output,
        acknowledgement,
    })
}

fn input() -> impl Strategy<Value = Happening> {
    let call = prop::sample::select(vec![Call::Receive, Call::Send, Call::Shutdown, Call::SocketError]);
    prop_oneof![
        1 => Just(Happening::Handshake),
        4 => Just(Happening::Connected),
        12 => Just(Happening::Ask),
        12 => answer().prop_map(Happening::Answer),
        4 => (1_u64..3).prop_map(Happening::Received),
        4 => (1_u64..3).prop_map(Happening::Written),
        1 => (1_u64..3).prop_map(Happening::Discarded),
        1 => Just(Happening::Close),
        1 => Just(Happening::SampleRequested),
        3 => (1_u64..3).prop_map(Happening::Read),
        4 => Just(Happening::Accepted),
        3 => Just(Happening::Eof),
        3 => Just(Happening::InputEof),
        1 => prop::option::of(0_u64..100).prop_map(Happening::HoldFin),
        3 => waiting().prop_map(Happening::Sleep),
        3 => Just(Happening::Timeout),
        2 => (0_u64..40).prop_map(Happening::Pass),
        2 => Just(Happening::Acknowledged),
        1 => Just(Happening::EndMark),
        1 => Just(Happening::StreamEnd),
        1 => any::<bool>().prop_map(Happening::Owed),
        1 => (call, kind()).prop_map(|(call, kind)| Happening::Fault(call, kind)),
        1 => Just(Happening::Exhausted),
        1 => prop::sample::select(vec![
            Happening::InputFailed,
            Happening::OutputFailed,
            Happening::Interrupt,
            Happening::Abort,
            Happening::GiveUp,
            Happening::OtherSideCut,
            Happening::ConnectFailed(FaultKind::Refused),
        ]),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let timer = || prop::option::of((1_u64..200).prop_map(Duration::from_millis));
    (timer(), timer(), timer(), timer(), timer(), any::<bool>()).prop_map(
        |(connect_timeout, idle_timeout, deadline, input_grace, dead_peer, end_mark)| Config {
            connect_timeout,
            idle_timeout,
            deadline,
            // Both kinds, by what is even.
            input_grace: input_grace.map(|after| InputGrace { after, is_end: after.as_millis() % 2 == 0 }),
            dead_peer,
            eof_grace: Some(Duration::from_millis(30)),
            end_hold: idle_timeout,
            end_mark,
            first_byte_timeout: idle_timeout.map(|t| t * 2),
            peer_grace: connect_timeout,
            linger: dead_peer,
            drain_limit: input_grace,
            unused_input_grace: deadline,
            idle_timeout_after_fin: dead_peer,
            ..Config::default()
        },
    )
}

/// A core, and what was truly told to it.
struct Told {
    core: Connection,
    now: Time,
    in_flight: Option<Action>,
    unsent: u64,
    unwritten: u64,
    receive_ended: bool,
    finished: bool,
    eof_first: bool,
    fault: bool,
    shut_down: bool,
    other_side_cut: bool,
    asked_to_shut_down: bool,
    /// What the last look said before the ending was decided.
    last_look: Option<Sample>,
    outcome: Option<Outcome>,
}

impl Told {
    fn new(config: Config) -> Self {
        Self {
            core: Connection::new(config),
            now: Time::ZERO,
            in_flight: None,
            unsent: 0,
            unwritten: 0,
            receive_ended: false,
            finished: false,
            eof_first: false,
            fault: false,
            shut_down: false,
            other_side_cut: false,
            asked_to_shut_down: false,
            last_look: None,
            outcome: None,
        }
    }

    fn input(&mut self, input: &Happening) {
        let now = self.now;
        let connected = self.core.milestones().connected.is_some();
        match *input {
            Happening::Handshake => self.core.handle_handshake(now),
            Happening::Connected => self.core.handle_connected(now),
            Happening::ConnectFailed(kind) if !connected => {
                self.fault = true;
                self.core.handle_connect_failed(now, Fault { call: Call::Connect, kind, code: None });
            }
            Happening::Received(n) if connected && !self.receive_ended && !self.finished => {
                self.unwritten += n;
                self.core.handle_received(now, n);
            }
            Happening::Eof if connected => {
                self.eof_first |= !self.receive_ended && !self.fault && self.outcome.is_none();
                self.receive_ended = true;
                self.core.handle_eof(now);
            }
            Happening::Accepted if self.core.wants().send => {
                self.core.handle_accepted(now, core::mem::take(&mut self.unsent));
            }
            Happening::Fault(call, kind) if connected => self.fault(Fault { call, kind, code: None }),
            Happening::Exhausted => self.core.handle_exhausted(now),
            Happening::Acknowledged => self.core.handle_acknowledged(),
            Happening::EndMark => self.core.handle_end_mark(),
            Happening::StreamEnd if connected => {
                self.finished = true;
                self.core.handle_stream_end(now);
            }
            Happening::Owed(owes) => self.core.handle_owed(owes),
            Happening::Read(n) if self.core.wants().input => {
                self.unsent += n;
                self.core.handle_input(n);
            }
            Happening::InputEof if self.core.wants().input => self.core.handle_input_eof(),
            Happening::HoldFin(after) => self.core.hold_fin(after.map(|ms| now + Duration::from_millis(ms))),
            Happening::InputFailed => self.core.handle_input_failed(now, Some(5)),
            Happening::Written(n) => {
                let n = n.min(self.unwritten);
                self.unwritten -= n;
                self.core.handle_output(now, n);
            }
            Happening::Discarded(n) => {
                let n = n.min(self.unwritten);
                self.unwritten -= n;
                self.core.handle_discarded(now, n);
            }
            Happening::OutputFailed => self.core.handle_local_failure(now, LocalEnd::Output, Some(28)),
            Happening::Interrupt => self.core.handle_interrupt(now, Signal::Interrupt),
            Happening::Abort => self.core.handle_abort(now),
            Happening::GiveUp => self.core.handle_give_up(now),
            Happening::OtherSideCut => {
                self.core.handle_other_side_cut(now);
                self.other_side_cut = true;
            }
            Happening::Close => self.core.handle_close(now),
            Happening::SampleRequested => self.core.request_sample(),
            Happening::Ask => self.ask(),
            Happening::Answer(answer) => self.answer(answer),
            Happening::Sleep(waiting) => self.core.handle_waiting(now, waiting),
            Happening::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                self.core.handle_timeout(self.now);
            }
            Happening::Timeout => {
                self.now = self.core.poll_timeout().map_or(now, |at| at.max(now));
                self.core.handle_timeout(self.now);
            }
            _ => {}
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.fault = true;
        self.receive_ended |= fault.call == Call::Receive;
        self.core.handle_fault(self.now, fault);
    }

    fn ask(&mut self) {
        let action = self.core.poll_action();
        assert!(action.is_none() || self.in_flight.is_none(), "two actions at once");
        self.in_flight = action.or(self.in_flight);
        if action == Some(Action::ShutdownSend) {
            assert!(!self.asked_to_shut_down, "shut down twice");
            assert!(!self.core.is_cut(), "a FIN for a stream that was cut");
            assert!(!self.core.is_leaving(), "a FIN for a stream that is to be aborted");
            assert_eq!(self.unsent, 0, "shut down with bytes unsent");
            self.asked_to_shut_down = true;
        }
    }

    fn answer(&mut self, answer: Answer) {
        let now = self.now;
        let told = |call| move |kind| Fault { call, kind, code: None };
        match self.in_flight.take() {
            None => {}
            Some(Action::ShutdownSend) => {
                self.shut_down = answer.shutdown.is_ok();
                self.fault |= answer.shutdown.is_err();
                self.core.handle_shutdown(now, answer.shutdown.map_err(told(Call::Shutdown)));
            }
            Some(Action::Sample) => {
                let socket_error = match answer.socket_error {
                    None => SocketError::Unknown,
                    Some(Ok(())) => SocketError::Clear,
                    Some(Err(kind)) => SocketError::Fault(told(Call::SocketError)(kind)),
                };
                let Answer { unacknowledged, path, .. } = answer;
                let sample = Sample { unacknowledged, path, socket_error };
                self.last_look = Some(sample);
                let was_refused = self.core.evidence().end_refused;
                let has_ended = self.eof_first && self.shut_down && !self.fault;
                self.core.handle_sample(now, sample);
                let is_refused = self.core.evidence().end_refused && !was_refused;
                let is_answer = matches!(unacknowledged, Unacknowledged::End)
                    && path.last_heard.is_some()
                    && matches!(answer.socket_error, Some(Err(FaultKind::Reset | FaultKind::BrokenPipe)));
                assert!(!is_refused || (has_ended && is_answer), "a reset that is no answer to our end");
                self.fault |= matches!(socket_error, SocketError::Fault(_)) && !is_refused;
            }
            Some(Action::Close | Action::Abort) => self.core.handle_closed(now),
        }
    }

    fn check(&mut self) {
        let (wants, counts) = (self.core.wants(), self.core.counts());
        if self.asked_to_shut_down {
            assert!(!wants.send && !wants.input, "sending is wanted after the shutdown");
        }
        assert!(counts.accepted <= counts.read);
        assert!(counts.written + counts.discarded <= counts.received);
        assert!(self.core.acknowledged().is_none_or(|n| n <= counts.accepted));
        assert_eq!(self.core.evidence().eof, self.eof_first, "an EOF after a fault proves nothing");
        let outcome = self.core.outcome();
        if let Some(before) = self.outcome {
            assert_eq!(outcome, Some(before), "an outcome changed");
            assert_eq!(self.core.poll_timeout(), None);
            assert_eq!(self.core.wants(), adieu_proto::Wants::default());
        } else if let Some(outcome) = outcome {
            self.check_outcome(outcome);
        }
        self.outcome = outcome;
    }

    fn check_outcome(&self, outcome: Outcome) {
        let (evidence, counts) = (outcome.evidence, self.core.counts());
        assert_eq!(evidence.fault.is_some(), self.fault);
        assert!(self.other_side_cut || !evidence.other_side_cut, "a cut that nobody told");
        if outcome.ending != Ending::Graceful {
            return;
        }
        assert!(self.eof_first && evidence.eof, "graceful without an EOF");
        assert!(!self.fault && evidence.fault.is_none(), "graceful after a fault");
        assert!(self.shut_down, "graceful without our FIN");
        assert_eq!(counts.accepted, counts.read);
        assert_eq!(counts.written + counts.discarded, counts.received);
        let look = self.last_look.expect("graceful without a look");
        assert_ne!(evidence.end_mark, Some(false), "graceful without the end mark");
        assert_eq!(evidence.socket_error_clear, Some(!evidence.end_refused));
        if !evidence.end_refused {
            assert_eq!(look.socket_error, SocketError::Clear);
            assert!(matches!(look.unacknowledged, Unacknowledged::Octets(0) | Unacknowledged::NotApplicable));
        }
    }

    /// Lets everything end that has not: there must be an outcome then.
    fn end(&mut self) {
        self.core.handle_owed(false);
        let last = Answer {
            shutdown: Ok(()),
            unacknowledged: Unacknowledged::Octets(0),
            socket_error: Some(Ok(())),
            path: Path::default(),
        };
        for _ in 0..4 {
            // An abort waits for acknowledgements by looking again.
            self.now =
                self.now.max(self.core.poll_timeout().filter(|_| self.core.is_leaving()).unwrap_or_default());
            self.core.handle_timeout(self.now);
            let inputs = [
                Happening::Connected,
                Happening::Answer(last),
                Happening::InputEof,
                Happening::Accepted,
                Happening::Written(u64::MAX),
                Happening::Close,
                Happening::Ask,
                Happening::Answer(last),
                Happening::Eof,
                Happening::Ask,
                Happening::Answer(last),
                Happening::Ask,
                Happening::Answer(last),
            ];
            for input in inputs {
                self.input(&input);
                self.check();
            }
        }
        assert!(self.outcome.is_some(), "everything has ended, and there is no outcome: {:?}", self.core);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_inputs_keeps_every_promise(
        config in config(),
        held in any::<bool>(),
        inputs in vec(input(), 0..80),
        late in vec(input(), 0..20),
    ) {
        let mut told = Told::new(config);
        if held {
            told.core.hold();
        }
        told.check();
        for input in &inputs {
            told.input(input);
            told.check();
        }
        told.end();
        for input in &late {
            told.input(input);
            told.check();
        }
    }

    #[test]
    fn timers_end_whatever_is_left_to_them(config in config(), inputs in vec(input(), 0..80)) {
        let deadline = Duration::from_millis(200);
        let mut told = Told::new(Config { deadline: Some(deadline), ..config });
        for input in &inputs {
            told.input(input);
        }
        let slept = |input: &Happening| if let Happening::Sleep(waiting) = input { Some(*waiting) } else { None };
        let waiting = inputs.iter().rev().find_map(slept).unwrap_or_default();
        // From here on nothing happens but time; the kernel says that octets are missing.
        let nothing = Answer {
            shutdown: Ok(()),
            unacknowledged: Unacknowledged::Octets(1),
            socket_error: Some(Ok(())),
            path: Path { last_heard: Some(Duration::ZERO), ..Path::default() },
        };
        let (mut steps, last) = (0, deadline.max(told.now));
        while told.core.outcome().is_none() {
            told.input(&Happening::Answer(nothing));
            told.input(&Happening::Ask);
            if told.in_flight.is_none() && told.core.outcome().is_none() {
                prop_assert!(told.core.poll_timeout().is_some(), "waits for ever: {:?}", told.core);
                told.input(&Happening::Timeout);
                // Everything was tried again, and is as blocked as it was.
                told.input(&Happening::Sleep(waiting));
                prop_assert!(told.now <= last, "the deadline passed");
            }
            told.check();
            steps += 1;
            prop_assert!(steps < 1000, "never ends: {:?}", told.core);
        }
    }
}
