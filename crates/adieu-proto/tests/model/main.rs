//! The whole reachable state space of one core against a model peer, with the stateright model checker.
//!
//! 2,076,971 states, at most 64 steps deep; 5 s in all on two cores, with the workspace's `opt-level = 2` for this
//! package (some 50 s without). A start with a TLS session differs from the others in what it owes and in how its streams
//! end; see `session`.

mod moves;
mod session;
mod world;

use adieu_proto::{
    Action, Config, Ending, InputGrace, LocalEnd, Missing, Phase, Side, Signal, Time, Timer, Wants,
};
use session::Tail;
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use world::{Bounds, Move, Platform, World, config, ms};

/// The model: every platform and configuration is a start.
struct Closing;

/// What everything is started with: each timer by itself, and each platform.
///
/// Timers are so short that one look comes before each of them, or none: more looks multiply the states by
/// moments and show nothing else.
fn starts() -> Vec<World> {
    let calm = |up, down| Bounds { up, down, answers: false, trouble: false };
    let trouble = Bounds { up: 1, down: 1, answers: false, trouble: true };
    let bounded = Config { deadline: Some(ms(4)), idle_timeout: Some(ms(1)), ..config() };
    let ended = Config { eof_grace: Some(ms(1)), ..config() };
    let full = |bounds, config| World::new(Platform::Full, bounds, config);
    let secure = |bounds, config| World::secure(Platform::Full, bounds, config);
    vec![
        full(calm(2, 2), config()),
        full(trouble, config()),
        full(trouble, Config { deadline: Some(ms(2)), connect_timeout: Some(ms(1)), ..config() }),
        full(calm(1, 1), Config { idle_timeout: Some(ms(1)), ..config() }),
        full(calm(1, 1), Config { linger: Some(ms(1)), ..config() }),
        full(calm(1, 1), Config { input_grace: Some(InputGrace::ends(ms(1))), end_mark: true, ..config() }),
        full(calm(1, 1), Config { input_grace: Some(InputGrace::gives_up(ms(1))), ..config() }),
        // The peer's end alone is something that it says.
        full(calm(1, 0), Config { dead_peer: Some(ms(1)), ..config() }),
        // close_notify is required, or the peer's EOF suffices unless it cuts a record.
        secure(calm(1, 1), Config { end_mark: true, ..config() }),
        secure(calm(0, 1), Config { end_mark: true, ..ended.clone() }),
        secure(calm(0, 1), ended.clone()),
        secure(calm(0, 0), Config { end_hold: Some(ms(1)), end_mark: true, ..config() }),
        secure(Bounds { answers: true, ..calm(1, 0) }, Config { end_mark: true, ..ended.clone() }),
        secure(calm(0, 0), Config { idle_timeout: Some(ms(1)), end_mark: true, ..config() }),
        secure(Bounds { trouble: true, ..calm(1, 0) }, Config { end_mark: true, ..config() }),
        World::new(Platform::NoAcks, calm(1, 1), bounded.clone()),
        World::new(Platform::SameKernel, calm(1, 1), bounded.clone()),
        World::new(Platform::NoSocketError, calm(1, 1), bounded),
    ]
}

impl Model for Closing {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        starts()
    }

    fn actions(&self, state: &World, actions: &mut Vec<Move>) {
        state.steps(actions);
    }

    fn next_state(&self, last: &World, step: Move) -> Option<World> {
        let mut next = last.clone();
        next.take(step);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = promises();
        properties.extend(reachable());
        properties.extend(reachable_in_a_relay());
        properties
    }
}

fn ending(world: &World) -> Option<Ending> {
    world.core.outcome().map(|outcome| outcome.ending)
}

/// What must hold in every state.
fn promises() -> Vec<Property<Closing>> {
    vec![
        Property::always("graceful rests on all its evidence", |_, world: &World| graceful_is_true(world)),
        Property::always("graceful only if the peer has every byte and our FIN", |_, world: &World| {
            ending(world) != Some(Ending::Graceful)
                || world.platform == Platform::SameKernel
                || world.peer_received == world.taken()
                || (world.core.evidence().end_refused && world.lacks_only_end() && world.fin_received)
        }),
        Property::always("nothing is wanted for sending after the shutdown", |_, world: &World| {
            let Wants { send, input, .. } = world.core.wants();
            !(world.asked_to_shut_down && (send || input))
        }),
        Property::always("bytes are conserved", |_, world: &World| {
            let counts = world.core.counts();
            counts.accepted <= counts.read
                && counts.written <= counts.received
                && counts.received <= world.peer_sent
                && world.core.acknowledged().is_none_or(|bytes| bytes <= world.peer_received)
        }),
        Property::always("what came before the peer's end is handed on", |_, world: &World| {
            // Unless our time was up, or our own end failed, or somebody asked.
            let late = bound_passed(world);
            let ours = world.bounds.trouble || late;
            let counts = world.core.counts();
            // What arrives after the last try, when the silence was too long already, comes too late.
            let silence = matches!(
                ending(world),
                Some(Ending::TimedOut { timer: Timer::Idle | Timer::DeadPeer | Timer::Unacknowledged })
            );
            let all = counts.written == counts.received && (world.unread == 0 || silence);
            ending(world).is_none() || ours || all
        }),
        Property::always("every connection is looked at before its end", |_, world: &World| {
            let looked = world.core.evidence().socket_error_clear.is_some();
            let can = world.is_connected() && world.platform != Platform::NoSocketError;
            world.core.outcome().is_none() || looked || !can
        }),
        Property::always("a sending side cut short is never closed with a FIN", |_, world: &World| {
            let cut_short = world.is_connected() && !world.fin_sent && !world.dead;
            world.core.outcome().is_none() || !cut_short || world.closed_by == Some(Action::Abort)
        }),
        Property::always(
            "a sleeping driver has a reason and, where timers are set, a bound",
            |_, world: &World| sleep_is_justified(world),
        ),
        Property::always(
            "a stream that was cut inside its transport is never graceful",
            |_, world: &World| ending(world) != Some(Ending::Graceful) || !is_cut(world),
        ),
        Property::always(
            "close_notify, and all else that is owed, goes before our FIN",
            |_, world: &World| {
                let Some(session) = world.session.as_ref().filter(|_| world.fin_sent) else { return true };
                session.closed && session.octets() > 0
            },
        ),
        Property::always("what is known to be cut is not answered with a FIN", |_, world: &World| {
            // Its FIN may have gone before; but not together with what follows the cut.
            !(world.core.is_cut() && world.in_flight == Some(Action::ShutdownSend))
        }),
        Property::always("after a cut on the other side of a relay no FIN is sent", |_, world: &World| {
            let asks = world.core.clone().poll_action();
            !(world.core.evidence().other_side_cut && asks == Some(Action::ShutdownSend))
        }),
        Property::always("nothing lasts longer than the deadline", |_, world: &World| {
            world.config.deadline.is_none_or(|deadline| world.now <= deadline)
        }),
        Property::always("no closing lasts longer than its bound", |_, world: &World| {
            linger_at(world).is_none_or(|at| world.now <= at)
        }),
        Property::always("a peer that may still send sees a reset at the bound", |_, world: &World| {
            ending(world) != Some(Ending::TimedOut { timer: Timer::Linger })
                || world.fin_received
                || world.closed_by == Some(Action::Abort)
        }),
    ]
}

fn linger_at(world: &World) -> Option<Time> {
    Some(world.core.milestones().shutdown_send? + world.config.linger?)
}

/// Our time was up.
fn bound_passed(world: &World) -> bool {
    let bounds = [world.config.deadline, linger_at(world)];
    bounds.into_iter().flatten().any(|at| at <= world.now)
}

/// The peer's stream has no end of its own, where that can be known.
fn is_cut(world: &World) -> bool {
    let Some(session) = &world.session else { return false };
    match session.tail {
        Some(tail) => tail != Tail::CloseNotify,
        None => world.config.end_mark,
    }
}

fn is_cut_on_the_other_side(world: &World) -> bool {
    ending(world) == Some(Ending::Reset { by: Side::Us }) && world.core.evidence().other_side_cut
}

fn graceful_is_true(world: &World) -> bool {
    let Some(outcome) = world.core.outcome().filter(|outcome| outcome.ending == Ending::Graceful) else {
        return true;
    };
    let (evidence, counts) = (outcome.evidence, world.core.counts());
    let acknowledged = match world.platform {
        Platform::Full => {
            evidence.fin_acknowledged == Some(!evidence.end_refused) && evidence.unacknowledged == Some(0)
        }
        Platform::SameKernel => evidence.fin_acknowledged.is_none(),
        Platform::NoAcks | Platform::NoSocketError => false,
    };
    acknowledged
        && evidence.eof
        && evidence.fault.is_none()
        && evidence.socket_error_clear == Some(!evidence.end_refused)
        && evidence.end_mark != Some(false)
        && world.fin_received
        && world.fin_sent
        && (counts.accepted, counts.written) == (counts.read, counts.received)
        && outcome.phase == Phase::Closing
        && world.closed_by == Some(Action::Close)
}

/// A driver that sleeps waits for something; and without end only where no timer bounds it.
fn sleep_is_justified(world: &World) -> bool {
    let Some(waiting) = world.asleep else { return true };
    let connecting = !world.is_connected();
    let something =
        waiting.receive || waiting.send || waiting.input || waiting.output || waiting.acknowledgement;
    let untold = matches!(world.platform, Platform::NoAcks | Platform::SameKernel);
    if !(something || connecting || world.core.is_leaving()) || (waiting.acknowledgement && untold) {
        return false;
    }
    if world.core.poll_timeout().is_some() {
        return true;
    }
    let Config { deadline, linger, idle_timeout, input_grace, dead_peer, eof_grace, .. } = world.config;
    // Our own output is bounded by the deadline and the linger time only, our own input by the deadline and the grace.
    let peer_owes = waiting.send || waiting.acknowledgement || (waiting.receive && !waiting.input);
    let outstanding = world.unacknowledged() > 0 && world.core.evidence().fault.is_none();
    let grace_runs = world.core.evidence().eof && waiting.input && !waiting.send;
    let transport_is_open = world.core.peer_has_ended() && !world.core.evidence().eof;
    let bounds = [
        deadline.is_some() || (linger.is_some() && world.fin_sent),
        idle_timeout.is_some() && !connecting && peer_owes && !waiting.output,
        dead_peer.is_some() && outstanding && !waiting.output,
        input_grace.is_some() && grace_runs,
        eof_grace.is_some() && transport_is_open && world.fin_sent && waiting.receive,
    ];
    !bounds.contains(&true)
}

/// What must be possible, or the promises above would be kept by a core that never gets anywhere.
fn reachable() -> Vec<Property<Closing>> {
    macro_rules! ends {
        ($($name:literal: $ending:pat,)*) => {
            vec![$(Property::sometimes($name, |_, world: &World| matches!(ending(world), Some($ending)))),*]
        };
    }
    let mut all = ends! {
        "graceful": Ending::Graceful,
        "reset by us": Ending::Reset { by: Side::Us },
        "reset by the peer": Ending::Reset { by: Side::Peer },
        "connect timeout": Ending::TimedOut { timer: Timer::Connect },
        "idle timeout": Ending::TimedOut { timer: Timer::Idle },
        "deadline": Ending::TimedOut { timer: Timer::Deadline },
        "linger": Ending::TimedOut { timer: Timer::Linger },
        "dead peer": Ending::TimedOut { timer: Timer::DeadPeer },
        "unacknowledged": Ending::TimedOut { timer: Timer::Unacknowledged },
        "given up by our kernel": Ending::TimedOut { timer: Timer::Kernel },
        "truncated": Ending::Truncated,
        "input failed": Ending::LocalFailure { end: LocalEnd::Input },
        "output failed": Ending::LocalFailure { end: LocalEnd::Output },
        "interrupted": Ending::Interrupted { signal: Signal::Interrupt },
        "no EOF seen": Ending::Indeterminate { missing: Missing::PeerEof },
        "acknowledgements unknown": Ending::Indeterminate { missing: Missing::Acknowledgement },
        "SO_ERROR unknown": Ending::Indeterminate { missing: Missing::SocketError },
        "no connection": Ending::NoConnection,
    };
    macro_rules! phases {
        ($($name:literal: $phase:pat, $ending:pat,)*) => {
            all.extend([$(Property::sometimes($name, |_, world: &World| {
                world.core.outcome().is_some_and(|o| matches!(o.phase, $phase) && matches!(o.ending, $ending))
            })),*])
        };
    }
    phases! {
        "interrupted while connecting": Phase::Connecting, Ending::Interrupted { .. },
        "reset while sending": Phase::Sending, Ending::Reset { by: Side::Peer },
        "reset while draining": Phase::Draining, Ending::Reset { by: Side::Peer },
        "reset while closing": Phase::Closing, Ending::Reset { by: Side::Peer },
        "broken while sending": Phase::Sending, Ending::Truncated,
        "broken while draining": Phase::Draining, Ending::Truncated,
        "cut while closing": Phase::Closing, Ending::Truncated,
        "idle in a handshake": Phase::Connecting, Ending::TimedOut { timer: Timer::Idle },
        "idle while sending": Phase::Sending, Ending::TimedOut { timer: Timer::Idle },
        "idle while draining": Phase::Draining, Ending::TimedOut { timer: Timer::Idle },
        "idle while closing": Phase::Closing, Ending::TimedOut { timer: Timer::Idle },
        "linger while draining": Phase::Draining, Ending::TimedOut { timer: Timer::Linger },
        "linger while closing": Phase::Closing, Ending::TimedOut { timer: Timer::Linger },
        "dead while sending": Phase::Sending, Ending::TimedOut { timer: Timer::DeadPeer },
        "dead while draining": Phase::Draining, Ending::TimedOut { timer: Timer::DeadPeer },
        "dead while closing": Phase::Closing, Ending::TimedOut { timer: Timer::DeadPeer },
    }
    all.extend([
        Property::sometimes("both streams ended by close_notify, gracefully", |_, world: &World| {
            let session = world.session.as_ref();
            ending(world) == Some(Ending::Graceful)
                && session.is_some_and(|session| session.tail_read && session.answered)
        }),
        Property::sometimes("a reset that meets only our end, gracefully", |_, world: &World| {
            ending(world) == Some(Ending::Graceful) && world.core.evidence().end_refused
        }),
        Property::sometimes(
            "an EOF without close_notify where none is required, gracefully",
            |_, world: &World| {
                ending(world) == Some(Ending::Graceful)
                    && world.session.as_ref().is_some_and(|s| s.tail.is_none())
            },
        ),
        Property::sometimes("a transport that stays open after both streams", |_, world: &World| {
            let stays_open = Ending::Indeterminate { missing: Missing::PeerEof };
            let outcome = world.core.outcome().filter(|_| world.core.peer_has_ended());
            outcome.is_some_and(|o| o.ending == stays_open && !o.evidence.eof)
        }),
        Property::sometimes("a reset after close_notify", |_, world: &World| {
            ending(world) == Some(Ending::Reset { by: Side::Peer })
                && world.core.milestones().stream_end.is_some()
        }),
        Property::sometimes("a handshake that failed", |_, world: &World| {
            ending(world) == Some(Ending::NoConnection) && world.session.is_some()
        }),
        Property::sometimes("a FIN that waits for close_notify", |_, world: &World| {
            world.session.as_ref().is_some_and(|s| s.closed && s.owed > 0)
                && world.asleep.is_some_and(|w| w.send)
        }),
        Property::sometimes("all of both directions, gracefully", |_, world: &World| {
            let counts = world.core.counts();
            ending(world) == Some(Ending::Graceful) && counts.accepted == 2 && counts.written == 2
        }),
        Property::sometimes("an input given up after its grace, gracefully", |_, world: &World| {
            ending(world) == Some(Ending::Graceful) && world.core.input_abandoned()
        }),
        Property::sometimes("bytes left unacknowledged", |_, world: &World| {
            world.core.outcome().is_some_and(|o| o.evidence.unacknowledged.is_some_and(|n| n > 0))
        }),
        Property::sometimes("a FIN acknowledged that nobody was woken for", |_, world: &World| {
            world.asleep.is_some_and(|w| w.acknowledgement) && world.acknowledged == world.taken()
        }),
    ]);
    all
}

/// The same, of a connection whose other side in a relay is cut.
fn reachable_in_a_relay() -> Vec<Property<Closing>> {
    vec![
        Property::sometimes(
            "aborted after a cut on the other side and what came before it",
            |_, world: &World| {
                let counts = world.core.counts();
                is_cut_on_the_other_side(world)
                    && counts.accepted == 1
                    && world.core.acknowledged() == Some(1)
                    && world.closed_by == Some(Action::Abort)
            },
        ),
        Property::sometimes("bytes that come after a cut on the other side", |_, world: &World| {
            is_cut_on_the_other_side(world) && world.core.counts().received > world.core.counts().written
        }),
    ]
}

/// A model that explores fewer states than this has become blind somewhere.
const FEWEST: usize = 1_000_000;

#[test]
fn every_reachable_state_keeps_every_promise() {
    let checker = Closing.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
    assert!(states > FEWEST, "only {states} states, {depth} deep");
}

#[test]
fn every_path_ends() {
    let states = visit();
    assert!(states > FEWEST, "only {states} states");
}

/// Walks every path, depth first, and fails on one that comes back to where it was. Returns the states.
///
/// Stateright's `eventually` overlooks paths that join others or are cycles, so termination is shown this way:
/// there are finitely many states and no cycle, so every path ends; where it ends, nothing more can happen,
/// and then there is an outcome or a sleep that [`sleep_is_justified`].
fn visit() -> usize {
    #[derive(PartialEq)]
    enum Mark {
        OnPath,
        Left,
    }
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let fingerprint = |world: &World| hasher.hash_one(world);
    let mut marks = HashMap::new();
    for start in Closing.init_states() {
        let mut path = vec![(fingerprint(&start), Closing.next_steps(&start), start)];
        marks.insert(path[0].0, Mark::OnPath);
        while let Some((print, next, state)) = path.last_mut() {
            let Some((step, after)) = next.pop() else {
                marks.insert(*print, Mark::Left);
                path.pop();
                continue;
            };
            let after_print = fingerprint(&after);
            match marks.get(&after_print) {
                Some(Mark::Left) => {}
                Some(Mark::OnPath) => panic!("{step:?} comes back to an earlier state from {state:#?}"),
                None => {
                    let steps = Closing.next_steps(&after);
                    if steps.is_empty() {
                        let outcome = after.core.outcome().is_some();
                        assert!(outcome || after.asleep.is_some(), "stuck after {step:?}: {after:#?}");
                    }
                    marks.insert(after_print, Mark::OnPath);
                    path.push((after_print, steps, after));
                }
            }
        }
    }
    marks.len()
}
