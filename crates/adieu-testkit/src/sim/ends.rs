//! Our own two ends: where the bytes to send come from, and where the received ones go.

use adieu_proto::Time;
use core::time::Duration;
use std::collections::VecDeque;

/// Our input: its steps, one after another. After the last one it is silent for good.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimInput {
    steps: VecDeque<InputStep>,
    ready_at: Time,
}

/// What our input does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputStep {
    /// Gives so many bytes, as fast as they are read.
    Give(u64),
    /// Is silent for so long.
    Pause(Duration),
    /// Ends.
    End,
    /// Fails with this error number.
    Fail(i32),
}

/// What reading the input, or writing to the output, gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    Bytes(u64),
    Ended,
    Failed(i32),
    Blocked,
}

impl SimInput {
    /// An input with these steps.
    pub fn new(steps: impl IntoIterator<Item = InputStep>) -> Self {
        Self { steps: steps.into_iter().collect(), ready_at: Time::ZERO }
    }

    /// Gives `n` bytes and ends.
    pub fn bytes(n: u64) -> Self {
        Self::new([InputStep::Give(n), InputStep::End])
    }

    /// Gives nothing and never ends.
    pub fn silent() -> Self {
        Self::default()
    }

    pub(crate) fn read(&mut self, now: Time, max: u64) -> Local {
        while self.ready_at <= now {
            let Some(step) = self.steps.front_mut() else { return Local::Blocked };
            match step {
                InputStep::Give(0) => {}
                InputStep::Give(left) => {
                    let n = max.min(*left);
                    *left -= n;
                    return Local::Bytes(n);
                }
                InputStep::Pause(pause) => self.ready_at = now + *pause,
                InputStep::End => return Local::Ended,
                InputStep::Fail(code) => return Local::Failed(*code),
            }
            self.steps.pop_front();
        }
        Local::Blocked
    }

    /// When it has something to give next. `None`: never.
    pub(crate) fn ready_at(&self) -> Option<Time> {
        (!self.steps.is_empty()).then_some(self.ready_at)
    }
}

/// Our output: its steps, one after another. After the last one it takes everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimOutput {
    steps: VecDeque<OutputStep>,
    ready_at: Time,
}

/// What our output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStep {
    /// Takes so many bytes, as fast as they are written.
    Take(u64),
    /// Takes nothing for so long.
    Pause(Duration),
    /// Takes nothing for good.
    Block,
    /// Fails with this error number.
    Fail(i32),
}

impl SimOutput {
    /// An output with these steps.
    pub fn new(steps: impl IntoIterator<Item = OutputStep>) -> Self {
        Self { steps: steps.into_iter().collect(), ready_at: Time::ZERO }
    }

    /// Takes everything at once.
    pub fn free() -> Self {
        Self::default()
    }

    /// Takes `chunk` bytes, then nothing for `pause`, so many times; then everything.
    pub fn slow(chunk: u64, pause: Duration, times: usize) -> Self {
        let round = [OutputStep::Take(chunk), OutputStep::Pause(pause)];
        Self::new(core::iter::repeat_n(round, times).flatten())
    }

    pub(crate) fn write(&mut self, now: Time, n: u64) -> Local {
        while self.ready_at <= now {
            let Some(step) = self.steps.front_mut() else { return Local::Bytes(n) };
            match step {
                OutputStep::Take(0) => {}
                OutputStep::Take(left) => {
                    let n = n.min(*left);
                    *left -= n;
                    return Local::Bytes(n);
                }
                OutputStep::Pause(pause) => self.ready_at = now + *pause,
                OutputStep::Block => return Local::Blocked,
                OutputStep::Fail(code) => return Local::Failed(*code),
            }
            self.steps.pop_front();
        }
        Local::Blocked
    }

    /// When it may take something next. `None`: never.
    pub(crate) fn ready_at(&self) -> Option<Time> {
        (self.steps.front() != Some(&OutputStep::Block)).then_some(self.ready_at)
    }
}
