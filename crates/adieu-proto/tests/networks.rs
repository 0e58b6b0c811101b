//! Any network, any script, any fault: what the core promises holds against what the simulation knows.
//!
//! `PROPTEST_CASES=100000 cargo test -p adieu-proto` runs more.

use adieu_proto::{Action, Config, Ending, InputGrace, Side, Signal};
use adieu_testkit::sim::{
    Acknowledgements, Answer, Ask, Core, InputStep, Kernel, Link, LinkFault, OutputStep, Party, Platform,
    Run, SimEvent, SimInput, SimOutput, Simulation, Step, Told, What,
};
use core::time::Duration;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn millis(range: core::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn bytes() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1_u64..10, 10_u64..1000, 1000_u64..50_000]
}

fn input() -> impl Strategy<Value = SimInput> {
    let step =
        prop_oneof![3 => bytes().prop_map(InputStep::Give), 1 => millis(0..500).prop_map(InputStep::Pause)];
    let last =
        prop_oneof![8 => Just(vec![InputStep::End]), 1 => Just(vec![InputStep::Fail(5)]), 1 => Just(vec![])];
    (vec(step, 0..5), last).prop_map(|(steps, last)| SimInput::new(steps.into_iter().chain(last)))
}

fn output() -> impl Strategy<Value = SimOutput> {
    let step = prop_oneof![
        12 => bytes().prop_map(OutputStep::Take),
        8 => millis(0..500).prop_map(OutputStep::Pause),
        1 => Just(OutputStep::Block),
        1 => Just(OutputStep::Fail(28)),
    ];
    vec(step, 0..5).prop_map(SimOutput::new)
}

fn timers() -> impl Strategy<Value = Config> {
    let timer = |most| option::weighted(0.4, millis(1..most));
    (timer(1000), timer(1000), timer(3000), timer(1000), timer(2000), prop::bool::weighted(0.1)).prop_map(
        |(connect_timeout, idle_timeout, deadline, input_grace, dead_peer, end_mark)| Config {
            connect_timeout,
            idle_timeout,
            deadline,
            input_grace: input_grace.map(InputGrace::ends),
            dead_peer,
            eof_grace: None,
            end_mark,
            // Together with the others: fewer choices are better explored.
            linger: dead_peer.filter(|_| input_grace.is_some()),
            ..Config::default()
        },
    )
}

fn platform() -> impl Strategy<Value = Platform> {
    let acknowledgements = select(vec![
        Acknowledgements::Octets,
        Acknowledgements::Octets,
        Acknowledgements::Octets,
        Acknowledgements::NotApplicable,
        Acknowledgements::Unknown,
    ]);
    let often = || prop::bool::weighted(0.8);
    (acknowledgements, often(), often(), often(), often()).prop_map(
        |(acknowledgements, socket_error, path, wakes_on_acknowledgement, wakes_on_error)| Platform {
            acknowledgements,
            socket_error,
            path,
            wakes_on_acknowledgement,
            wakes_on_error,
        },
    )
}

fn core() -> impl Strategy<Value = Core> {
    let ask = prop_oneof![Just(Ask::Interrupt(Signal::Terminate)), Just(Ask::Abort), Just(Ask::GiveUp)];
    let asks = option::weighted(0.15, (millis(0..1000), ask)).prop_map(|ask| ask.into_iter().collect());
    let room = select(vec![1_u64, 100, 16 << 10]);
    (timers(), input(), output(), asks, room, option::of(0_u64..100), platform()).prop_map(
        |(config, input, output, asks, room, end_mark_after, platform)| {
            // One byte at a time through megabytes proves nothing more, and takes long.
            let room = if room == 1 { 64 } else { room };
            Core { config, input, output, asks, room, end_mark_after, platform }
        },
    )
}

fn script() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => bytes().prop_map(Step::Send),
        3 => bytes().prop_map(Step::Receive),
        4 => Just(Step::ReceiveToEof),
        3 => bytes().prop_map(Step::Exchange),
        1 => (1000_u64..20_000, millis(1..300)).prop_map(|(chunk, every)| Step::ReadSlowly { chunk, every }),
        1 => (0_u64..10, millis(1..300)).prop_map(|(bytes, every)| Step::Trickle { bytes, every }),
        3 => Just(Step::ShutdownSend),
        3 => millis(0..1000).prop_map(Step::Pause),
        1 => Just(Step::Hold),
        1 => Just(Step::Close),
        1 => Just(Step::Reset),
    ];
    vec(step, 0..6)
}

fn kernel() -> impl Strategy<Value = Kernel> {
    (select(vec![500_u64, 4096, 64 << 10]), select(vec![500_u64, 4096, 64 << 10]), 1_u32..16).prop_map(
        |(send_buffer, receive_buffer, retransmissions)| Kernel {
            send_buffer,
            receive_buffer,
            segment: 1460,
            retransmissions,
            ..Kernel::default()
        },
    )
}

fn link_fault() -> impl Strategy<Value = LinkFault> {
    let side = || select(vec![Side::Us, Side::Peer]);
    let what = select(vec![What::Everything, What::Data, What::Fin, What::Acknowledgement, What::Reset]);
    let swallow = (millis(0..1500), option::of(millis(0..3000)), side(), what)
        .prop_map(|(at, until, to, what)| LinkFault::Swallow { at, until, to, what });
    prop_oneof![
        3 => swallow,
        1 => (millis(0..1500), millis(0..2000)).prop_map(|(at, by)| LinkFault::Delay { at, by }),
        1 => millis(0..1500).prop_map(|at| LinkFault::Cut { at }),
        1 => (millis(0..1500), side()).prop_map(|(at, to)| LinkFault::Reset { at, to }),
    ]
}

fn simulation() -> impl Strategy<Value = Simulation> {
    let peer = prop_oneof![core().prop_map(Party::from), script().prop_map(Party::from)];
    let answer =
        prop_oneof![20 => Just(Answer::Accept), 1 => Just(Answer::Refuse), 1 => Just(Answer::Silence)];
    let link = (millis(0..100), vec(link_fault(), 0..3)).prop_map(|(delay, faults)| Link { delay, faults });
    (core(), peer, link, kernel(), kernel(), answer).prop_map(
        |(us, peer, link, our_kernel, peer_kernel, answer)| Simulation {
            link,
            our_kernel,
            peer_kernel,
            answer,
            horizon: Duration::from_secs(1800),
            ..Simulation::new(us, peer)
        },
    )
}

/// What holds for one core, and what the other kernel knows.
fn check(core: &Core, us: &Told, peer: &Told) {
    let counts = us.counts;
    assert!(counts.accepted <= counts.read && counts.written <= counts.received);
    assert_eq!(counts.accepted, us.kernel.accepted);
    assert!(counts.received <= us.kernel.received && us.kernel.received <= peer.kernel.accepted);
    assert!(us.kernel.acknowledged <= peer.kernel.received + u64::from(peer.kernel.fin_received));

    let endings = us.log.iter().filter(|(_, event)| matches!(event, SimEvent::Ended(_))).count();
    assert_eq!(endings, usize::from(us.outcome.is_some()), "exactly one ending");
    let story = us.story();
    if let Some(shut) = story.iter().position(|event| *event == SimEvent::Did(Action::ShutdownSend)) {
        let sent = |event: &SimEvent| matches!(event, SimEvent::Accepted(_) | SimEvent::InputEnded);
        assert!(!story[shut..].iter().any(sent), "sent after the shutdown");
    }

    let Some(outcome) = us.outcome else { return };
    assert!(matches!(story.last(), Some(SimEvent::Ended(_))), "something after the ending");
    if let Some(deadline) = core.config.deadline {
        // A peer's core is not run before it has accepted.
        let last = us.milestones.connected.map_or(deadline, |at| at.max(deadline));
        assert!(us.milestones.closed.is_some_and(|at| at <= last), "later than the deadline");
    }
    let linger = core.config.linger.zip(us.milestones.shutdown_send).map(|(linger, shut)| shut + linger);
    if let Some(last) = linger {
        assert!(us.milestones.closed.is_some_and(|at| at <= last), "later than the bound on closing");
    }
    let evidence = outcome.evidence;
    if outcome.ending == Ending::Graceful {
        assert_eq!((evidence.fault, evidence.eof), (None, true));
        assert_eq!((evidence.socket_error_clear, evidence.end_mark), (Some(true), evidence.end_mark));
        assert_ne!(evidence.end_mark, Some(false));
        assert_eq!((counts.accepted, counts.written), (counts.read, counts.received));
        assert_eq!(counts.received, peer.kernel.accepted, "all the peer sent before its FIN is here");
        if core.platform.acknowledgements == Acknowledgements::Octets {
            assert_eq!((evidence.unacknowledged, evidence.fin_acknowledged), (Some(0), Some(true)));
            assert_eq!(peer.kernel.received, counts.accepted, "all of ours is there");
            assert!(peer.kernel.fin_received);
        }
    }
    if let Some(missing) = evidence.unacknowledged {
        assert!(counts.accepted - missing <= peer.kernel.received, "more acknowledged than arrived");
    }
    let by_peer = matches!(outcome.ending, Ending::TimedOut { .. } | Ending::Reset { by: Side::Peer });
    let cut_short = [core.config.deadline, linger].into_iter().flatten().any(|at| at <= outcome.at)
        || story.iter().any(|event| matches!(event, SimEvent::Asked(_) | SimEvent::LocalFailure(_)));
    if by_peer && !cut_short && us.milestones.connected.is_some() {
        assert_eq!(counts.written, counts.received, "received bytes are handed on before the ending");
        // What arrives at that very moment may come after the last look.
        if us.kernel.received_at != Some(outcome.at) {
            assert_eq!(counts.received, us.kernel.received, "all that arrived is received before the ending");
        }
    }
}

fn check_run(simulation: &Simulation, run: &Run) {
    check(&simulation.us, &run.us, &run.peer);
    if let Party::Core(peer) = &simulation.peer {
        check(peer, &run.peer, &run.us);
    }
    if simulation.us.config.deadline.is_some() {
        assert!(run.us.outcome.is_some(), "a deadline ends every run");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_network_keeps_every_promise(simulation in simulation()) {
        check_run(&simulation, &simulation.clone().run());
    }

    #[test]
    fn an_idle_timeout_ends_every_run_that_our_own_ends_do_not_hold_up(
        simulation in simulation(),
        n in bytes(),
        after in millis(1..1000),
        platform in platform(),
    ) {
        let timers = Config { idle_timeout: Some(after), ..Config::default() };
        let us = Core { platform, ..Core::new(timers, n) };
        let simulation = Simulation { us, ..simulation };
        let run = simulation.clone().run();
        check_run(&simulation, &run);
        prop_assert!(run.us.outcome.is_some());
    }

    #[test]
    fn without_faults_two_cores_end_gracefully_with_every_byte(
        ours in input_that_ends(),
        theirs in input_that_ends(),
        slow in vec((1_u64..20_000, millis(0..500)), 0..4),
        kernels in (kernel(), kernel()),
        delay in millis(0..200),
    ) {
        let output = slow.into_iter().flat_map(|(n, pause)| [OutputStep::Take(n), OutputStep::Pause(pause)]);
        let config = Config { input_grace: None, ..Config::default() };
        let core = |(_, input)| Core::new(config.clone(), 0).input(input);
        let us = core(ours.clone()).output(SimOutput::new(output));
        let mut simulation = Simulation::pair(us, core(theirs.clone()));
        (simulation.our_kernel, simulation.peer_kernel) = kernels;
        simulation.link.delay = delay;
        let run = simulation.clone().run();
        check_run(&simulation, &run);
        for told in [&run.us, &run.peer] {
            prop_assert_eq!(told.outcome.map(|outcome| outcome.ending), Some(Ending::Graceful));
        }
        prop_assert_eq!((run.peer.counts.written, run.us.counts.written), (ours.0, theirs.0));
    }
}

/// An input that ends, and how many bytes it gives.
fn input_that_ends() -> impl Strategy<Value = (u64, SimInput)> {
    vec((bytes(), millis(0..500)), 0..4).prop_map(|rounds| {
        let total = rounds.iter().map(|(n, _)| n).sum();
        let steps = rounds.into_iter().flat_map(|(n, pause)| [InputStep::Give(n), InputStep::Pause(pause)]);
        (total, SimInput::new(steps.chain([InputStep::End])))
    })
}
