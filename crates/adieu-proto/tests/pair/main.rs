//! The core against another core, or against a scripted peer, over the simulated network.
//!
//! Each test states what each side did, in order, and how it ended.

mod faults;
mod graceful;
mod peers;
mod silence;
mod timers;

use adieu_proto::{Action, Call, Config, Ending, Fault, FaultKind, Phase, Side, Time, Timer};
use adieu_testkit::sim::{Core, SimEvent, Told, fault};
use core::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A core that sends so many bytes, without any timer.
fn sends(n: u64) -> Core {
    Core::new(no_timers(), n)
}

fn no_timers() -> Config {
    Config { connect_timeout: None, dead_peer: None, input_grace: None, ..Config::default() }
}

fn idle(after: Duration) -> Config {
    Config { idle_timeout: Some(after), ..no_timers() }
}

fn deadline(at: Time) -> Config {
    Config { deadline: Some(at), ..no_timers() }
}

fn dead_peer(after: Duration) -> Config {
    Config { dead_peer: Some(after), ..no_timers() }
}

const RESET_BY_PEER: Ending = Ending::Reset { by: Side::Peer };
const IDLE: Ending = Ending::TimedOut { timer: Timer::Idle };
const DEADLINE: Ending = Ending::TimedOut { timer: Timer::Deadline };
const LINGER: Ending = Ending::TimedOut { timer: Timer::Linger };
const DEAD_PEER: Ending = Ending::TimedOut { timer: Timer::DeadPeer };
const UNACKNOWLEDGED: Ending = Ending::TimedOut { timer: Timer::Unacknowledged };

const SHUTDOWN: SimEvent = SimEvent::Did(Action::ShutdownSend);
const CLOSE: SimEvent = SimEvent::Did(Action::Close);
const ABORT: SimEvent = SimEvent::Did(Action::Abort);

const fn told(call: Call, kind: FaultKind) -> SimEvent {
    SimEvent::Fault(fault(call, kind))
}

#[track_caller]
fn ending(told: &Told) -> (Ending, Phase) {
    let outcome = told.outcome.expect("there is an outcome");
    (outcome.ending, outcome.phase)
}

#[track_caller]
fn first_fault(told: &Told) -> Option<Fault> {
    told.outcome.expect("there is an outcome").evidence.fault
}
