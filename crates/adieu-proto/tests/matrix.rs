//! The closing matrix on the simulated network: the scenarios whose input and output are plain, in virtual time.

use adieu_proto::{Config, InputGrace};
use adieu_testkit::peer;
use adieu_testkit::scenario::{self, Scenario};
use adieu_testkit::sim::{Core, Simulation, Step};
use core::time::Duration;

/// Longer than any packet is under way here, so what is waited for with it has come.
const SETTLED: Duration = Duration::from_millis(50);

/// A peer's script in the simulation's words. `None`: it has a step that the simulation has no word for.
fn translated(script: &[peer::Step]) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for step in script {
        match *step {
            peer::Step::Send(n) => steps.push(Step::Send(n)),
            peer::Step::Receive(n) => steps.push(Step::Receive(n)),
            peer::Step::ReceiveToEof => steps.push(Step::ReceiveToEof),
            peer::Step::ReceiveSlowly { chunk, pause } => {
                steps.push(Step::ReadSlowly { chunk: chunk as u64, every: pause });
            }
            peer::Step::Trickle { chunk, pause, total } => {
                let mut left = total;
                while left > 0 {
                    let now = left.min(chunk);
                    steps.extend([Step::Pause(pause), Step::Send(now)]);
                    left -= now;
                }
            }
            peer::Step::Silence(time) => steps.push(Step::Pause(time)),
            peer::Step::ShutdownSend => steps.push(Step::ShutdownSend),
            peer::Step::Reset => steps.push(Step::Reset),
            peer::Step::CloseUnread(_) => steps.extend([Step::Pause(SETTLED), Step::Close]),
            peer::Step::Close => steps.push(Step::Close),
            peer::Step::AwaitAcknowledged | peer::Step::AwaitClientBytes(_) => {
                steps.push(Step::Pause(SETTLED));
            }
            // The simulated buffers have one size, and a shut receiving side is not seen on the wire.
            peer::Step::ReceiveBuffer(_) | peer::Step::ShutdownReceive => {}
            peer::Step::AwaitStalled => steps.push(Step::Pause(SETTLED * 4)),
            peer::Step::Hold => steps.push(Step::Hold),
            peer::Step::Duplex { send } => steps.extend([Step::Exchange(send), Step::ShutdownSend]),
            peer::Step::Urgent | peer::Step::Echo | peer::Step::DropPackets => return None,
        }
    }
    Some(steps)
}

fn config(scenario: &Scenario) -> Config {
    let (given, default) = (&scenario.options, Config::default());
    Config {
        connect_timeout: given.connect_timeout.or(default.connect_timeout),
        idle_timeout: given.idle_timeout,
        deadline: given.deadline,
        input_grace: given.input_grace.map(InputGrace::ends),
        ..default
    }
}

#[test]
fn the_closing_matrix_holds_in_the_simulation() {
    let mut held = 0;
    let mut failed = Vec::new();
    for scenario in scenario::all().filter(|s| s.arms.simulation) {
        let Some(steps) = translated(scenario.script) else { continue };
        let run = Simulation::new(Core::new(config(scenario), scenario.input.total()), steps).run();
        let expect = &scenario.expect;
        let Some(outcome) = run.us.outcome else {
            failed.push(format!("{}: no outcome", scenario.name));
            continue;
        };
        let (ending, phase) = (outcome.ending.name(), outcome.phase.name());
        let (written, received) = (run.us.counts.written, run.peer.counts.received);
        let phase_fits = expect.phase.is_none_or(|wanted| wanted.word() == phase);
        let fits = ending == expect.ending.word()
            && phase_fits
            && expect.output.allow(written)
            && expect.peer.allow(received);
        if fits {
            held += 1;
        } else {
            failed.push(format!(
                "{}: {ending} while {phase}, {written} bytes written (wanted {:?}), {received} at the peer (wanted {:?})",
                scenario.name, expect.output, expect.peer
            ));
        }
    }
    assert!(failed.is_empty(), "{held} held, {} did not:\n{}", failed.len(), failed.join("\n"));
    assert!(held >= 32, "only {held} scenarios were run");
}
