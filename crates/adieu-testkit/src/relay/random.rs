//! Random conversations: two scripts from a seed, with resets, half-closes, stalls and small buffers on both sides.

use super::foresee::can_meet;
use super::matrix::{Cell, run};
use super::script::{Script, Step};
use super::shape::Shape;
use super::told::Start;
use std::io;
use std::time::Duration;

/// The first seed, if this variable says so, so that a failure can be seen again.
pub const SEED: &str = "ADIEU_RELAY_SEED";

/// How many conversations, if this variable says so.
pub const COUNT: &str = "ADIEU_RELAY_CONVERSATIONS";

/// How many are under way at once.
const AT_ONCE: usize = 32;

/// Of how many one relay is asked.
const OF_ONE_RELAY: u64 = 500;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// So many bytes: mostly few, sometimes more than all buffers hold.
    fn bytes(&mut self) -> u64 {
        let bits = self.below(20);
        1 + self.below(1 << bits)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_micros(self.below(4000))
    }
}

/// The conversation of a seed.
pub fn conversation(seed: u64, shape: Shape) -> Cell {
    let mut dice = Dice(seed);
    loop {
        let client = script(&mut dice, seed, shape.front.tls);
        let upstream = script(&mut dice, seed, shape.behind.tls);
        if can_meet(&client, &upstream) {
            return Cell { client, upstream };
        }
    }
}

fn script(dice: &mut Dice, seed: u64, tls: bool) -> Script {
    let mut steps = Vec::new();
    for _ in 0..dice.below(5) {
        steps.push(match dice.below(8) {
            0..=2 => Step::Send(dice.bytes()),
            3 | 4 => Step::Receive(dice.bytes()),
            5 => Step::Pause(dice.pause()),
            6 => Step::AwaitAcknowledged,
            _ => Step::AwaitUnread(1),
        });
    }
    let n = dice.bytes();
    let end: &[Step] = match dice.below(12) {
        0 | 1 => &[Step::End, Step::ReceiveToEnd],
        2 => &[Step::ReceiveToEnd, Step::End],
        3 => &[Step::ReceiveToEnd, Step::Send(n), Step::End],
        4 => &[Step::Exchange(n)],
        5 => &[Step::End, Step::ReceiveSlowly { chunk: 4096, pause: Duration::from_micros(200) }],
        6 => &[Step::Reset],
        7 => &[Step::AwaitAcknowledged, Step::Reset],
        8 => &[Step::AwaitUnread(1), Step::Close],
        9 => &[Step::End, Step::AwaitUnread(1), Step::Close],
        10 if tls => &[Step::Fin, Step::ReceiveToEnd],
        10 => &[Step::End, Step::AwaitAcknowledged, Step::Reset],
        _ => &[Step::Close],
    };
    steps.extend_from_slice(end);
    let receive_buffer = (dice.below(3) == 0).then(|| 16_384 << dice.below(3));
    Script {
        name: format!("of seed {seed}: {steps:?} {receive_buffer:?}").into(),
        steps: steps.into(),
        receive_buffer,
    }
}

/// Runs conversations on a shape, `count` of them or as many as [`COUNT`] says, and gives a line for each that did not hold,
/// with its seed. The seeds begin at `first`, or at [`SEED`].
///
/// # Errors
///
/// The harness failed.
pub fn failures(shape: Shape, first: u64, count: u64, start: Start<'_>) -> io::Result<Vec<String>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let (first, count) = match number(SEED) {
        Some(seed) => (seed, number(COUNT).unwrap_or(1)),
        None => (first, number(COUNT).unwrap_or(count)),
    };
    let mut wrong = Vec::new();
    let mut seed = first;
    while seed < first + count {
        let end = (first + count).min(seed + OF_ONE_RELAY);
        let cells: Vec<Cell> = (seed..end).map(|seed| conversation(seed, shape)).collect();
        wrong.extend(run(shape, &cells, AT_ONCE, start)?);
        seed = end;
    }
    Ok(wrong)
}
