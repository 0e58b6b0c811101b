//! Whether two scripts come to their ends together, played on two pipes that hold little.
//!
//! What holds with little room holds with more, so the buffers of kernels and of the relay do not count.

use super::script::{Script, Step};

/// How much a direction holds at least, whatever stands between the two sides.
const ROOM: u64 = 2048;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Open,
    Ended,
}

/// One side at play.
struct Side<'a> {
    steps: &'a [Step],
    /// Of the step at hand, how many bytes are done.
    done: u64,
    /// What it has sent and the other has not received.
    queued: u64,
    stream: Stream,
    /// It takes nothing any more.
    is_gone: bool,
}

impl<'a> Side<'a> {
    fn new(steps: &'a [Step]) -> Self {
        Self { steps, done: 0, queued: 0, stream: Stream::Open, is_gone: false }
    }

    /// Sends up to `n` bytes in this step. True: all are sent.
    fn send(&mut self, n: u64, other_is_gone: bool, moved: &mut bool) -> bool {
        let piece = (n - self.done).min(ROOM - self.queued.min(ROOM));
        let piece = if other_is_gone { n - self.done } else { piece };
        *moved |= piece > 0;
        self.done += piece;
        self.queued += piece;
        self.done == n
    }
}

/// Whether both sides come to their ends, whatever the buffers between them: no one waits for bytes that the other would send only
/// after it has had others.
pub fn can_meet(client: &Script, upstream: &Script) -> bool {
    come_to_ends([&client.steps, &upstream.steps])
}

fn come_to_ends(scripts: [&[Step]; 2]) -> bool {
    let [mut a, mut b] = scripts.map(Side::new);
    loop {
        let moved = turn(&mut a, &mut b) | turn(&mut b, &mut a);
        if a.steps.is_empty() && b.steps.is_empty() {
            return a.is_over() && b.is_over();
        }
        if !moved {
            return false;
        }
    }
}

impl Side<'_> {
    /// A script that leaves its own stream open would leave the other side waiting.
    fn is_over(&self) -> bool {
        self.stream == Stream::Ended || self.is_gone
    }
}

/// One step of `me`, or a part of it. True: something moved.
fn turn(me: &mut Side<'_>, other: &mut Side<'_>) -> bool {
    let Some(step) = me.steps.first() else { return false };
    let mut moved = false;
    let other_ended = other.stream == Stream::Ended || other.is_gone;
    let is_done = match *step {
        Step::Send(n) => me.send(n, other.is_gone, &mut moved),
        Step::Receive(n) => {
            let piece = (n - me.done).min(other.queued);
            moved |= piece > 0;
            me.done += piece;
            other.queued -= piece;
            let is_short = me.done < n && other_ended && other.queued == 0;
            if is_short {
                // It ends its stream too, and its script.
                (me.stream, me.steps) = (Stream::Ended, &me.steps[..1]);
            }
            me.done == n || is_short
        }
        Step::ReceiveToEnd | Step::ReceiveSlowly { .. } => {
            moved |= other.queued > 0;
            other.queued = 0;
            other_ended
        }
        Step::Exchange(n) => {
            moved |= other.queued > 0;
            other.queued = 0;
            if me.send(n, other.is_gone, &mut moved) && me.stream == Stream::Open {
                me.stream = Stream::Ended;
                moved = true;
            }
            me.done == n && other_ended && other.queued == 0
        }
        Step::AwaitUnread(n) => other.queued >= n.min(ROOM) || other_ended,
        // What is acknowledged stands in the next kernel; with little room it may have to be received first.
        Step::AwaitAcknowledged => me.queued <= ROOM / 2 || other.is_gone,
        Step::Pause(_) => true,
        Step::End | Step::Fin => {
            me.stream = Stream::Ended;
            true
        }
        Step::Reset | Step::Close | Step::Garbage => {
            me.is_gone = true;
            true
        }
    };
    if is_done {
        me.steps = &me.steps[1..];
        me.done = 0;
        if me.is_gone {
            me.steps = &[];
            // It takes what comes, as far as the other is concerned.
        }
    }
    if me.is_gone {
        other.queued = 0;
    }
    moved || is_done
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{End, Receive, ReceiveToEnd, Reset, Send};

    #[test]
    fn sides_that_wait_for_each_other_do_not_meet() {
        let asks: &[Step] = &[Send(10), Receive(10), End, ReceiveToEnd];
        let waits: &[Step] = &[Receive(10), Send(10), ReceiveToEnd, End];
        assert!(come_to_ends([asks, waits]));
        assert!(!come_to_ends([waits, waits]));
        let fills: &[Step] = &[Send(1 << 30), Receive(10), End, ReceiveToEnd];
        assert!(!come_to_ends([fills, fills]), "both send more than anything holds");
        assert!(come_to_ends([fills, &[Receive(5), Reset]]));
        assert!(!come_to_ends([&[Send(1), ReceiveToEnd], &[ReceiveToEnd, End]]), "neither ends first");
    }
}
