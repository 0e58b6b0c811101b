//! The data path: one pump, which moves bytes from a source to a sink, a turn at a time.
//!
//! A source is one of our own inputs or a connection's receiving side, a sink one of our outputs or a connection's sending side
//! ([`ends`]). Buffers, direct ways and the fallbacks between them exist here once, so that an exchange is two flows
//! (input to connection, connection to output), an echo one from a connection to itself, and a relay two between two
//! connections. Whoever composes them waits, by `poll` or a reactor, for what [`Flow::waits`] says.
//!
//! | from | to | way | a byte costs |
//! | --- | --- | --- | --- |
//! | anything | anything | read, write | two copies |
//! | a file, a pipe | a connection | direct (Linux) | one copy, none |
//! | a connection | a pipe, a file, nowhere | direct (Linux) | none, one copy, none |
//!
//! A direct way ([`os::Direct`](Direct)) is taken once a direction has shown to be more than a few bytes, and left for good
//! when the kernel refuses it; what it still holds then goes through the buffer. It never decides that a source has ended,
//! or has nothing: the source is asked in its own way.
//!
//! Nothing here waits, makes a system call of its own, or decides how a connection ends: the cores are told.

pub(crate) mod buffer;
pub(crate) mod ends;
mod local;
mod low_water;
mod peer;
#[cfg(feature = "tokio")]
pub(crate) mod polled;
pub(crate) mod shaping;

pub(crate) use ends::{End, Loop, Pair};
pub(crate) use peer::Peer;

use crate::os::{Direct, HandedOn, Passed};
use adieu_proto::Waiting;
use buffer::Buffer;
use ends::{Ends, Gave, Sink, Source, Took};
use std::io;
use std::time::Duration;

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Bytes moved, or an end or a failure was told.
    Moved,
    /// Nothing can be done now: see [`Flow::waits`].
    Blocked,
    /// The source failed, and what it gave before is sent: to be told with [`Flow::tell_failure`].
    SourceFailed,
}

/// What a flow waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Waits {
    /// For the source to give something: there is room.
    pub(crate) source: bool,
    /// For the sink to take something.
    pub(crate) sink: bool,
    /// For this long the source is not asked, although there is room.
    pub(crate) pause: Option<Duration>,
}

/// What a connection waits for by the flow `out` of it and the flow `into` it.
pub(crate) fn waiting(out: Waits, into: Waits, acknowledgement: bool) -> Waiting {
    Waiting {
        receive: out.source,
        // What the peer has sent may be there, and it is we who do not take it.
        output: out.sink || out.pause.is_some(),
        input: into.source,
        pausing: into.pause.is_some(),
        send: into.sink,
        acknowledgement,
    }
}

/// One direction.
pub(crate) struct Flow {
    buffer: Buffer,
    /// On the heap: most directions never take one.
    direct: Option<Box<Direct>>,
    /// A direct way was looked for.
    looked: bool,
    /// Why the source failed, until that is told.
    failure: Option<io::Error>,
    /// The sink failed, and its connection was told: it is given nothing more.
    sink_has_failed: bool,
    /// How much a pipe of ours may hold.
    hold: usize,
}

/// How much of what goes from one connection to another is held between the two at most, where nothing else is asked for.
pub(crate) const HOLD: usize = 1024 * 1024;

/// How much is thrown away at once.
const DISCARDED_AT_ONCE: usize = 16 * 1024;

impl Flow {
    pub(crate) fn new() -> Self {
        Self::holding(Buffer::new(), HOLD)
    }

    /// One that holds at most so many bytes between its two ends.
    pub(crate) fn bounded(hold: usize) -> Self {
        Self::holding(Buffer::of(hold), hold)
    }

    fn holding(buffer: Buffer, hold: usize) -> Self {
        Self { buffer, direct: None, looked: false, failure: None, sink_has_failed: false, hold }
    }

    /// Whether nothing is held between the two ends.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.held() == 0
    }

    fn held(&self) -> usize {
        self.direct.as_ref().map_or(0, |direct| direct.held())
    }

    /// Whether bytes go on a direct way.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    /// Moves what can be moved: at most one piece out of the source, and one into the sink.
    pub(crate) fn turn<E: Ends>(&mut self, ends: &mut E) -> Turn {
        if self.fill(ends) | self.drain(ends) {
            Turn::Moved
        } else if self.failure.is_some() {
            Turn::SourceFailed
        } else {
            Turn::Blocked
        }
    }

    /// What nothing could be done about just now.
    pub(crate) fn waits<E: Ends>(&self, ends: &E) -> Waits {
        let (source, sink) = ends.both();
        let is_open = source.is_open() && may_fill(ends);
        let (room, is_stuck) = match &self.direct {
            None => (self.buffer.has_room(), false),
            Some(direct) if direct.is_straight() => {
                (sink.is_ready() && self.buffer.is_empty(), is_open && !sink.is_ready())
            }
            Some(direct) => (direct.has_room() && self.buffer.is_empty(), false),
        };
        let is_drained = source.is_drained() && !sink.is_open();
        let for_source = (is_open && room && self.failure.is_none()) || is_drained;
        let pause = if for_source { source.pause() } else { None };
        Waits {
            source: for_source && (pause.is_none() || source.reads_ahead()),
            sink: sink.has_work(!self.is_empty()) || is_stuck || sink.is_held_up(),
            pause,
        }
    }

    /// Tells the sink that the source failed.
    pub(crate) fn tell_failure<E: Ends>(&mut self, ends: &mut E) {
        if let Some(error) = self.failure.take() {
            let end = ends.source().failing_end();
            ends.sink().source_failed(end, &error);
        }
    }

    /// Before a connection stops for a reason of our own: hands on what its peer has said, as far as that needs no waiting.
    pub(crate) fn hand_on<E: Ends>(&mut self, ends: &mut E) {
        // Bounded: an endless stream into /dev/null would never let us go.
        for _ in 0..64 {
            ends.source().set_ready();
            if self.turn(ends) != Turn::Moved {
                break;
            }
        }
        while self.drain(ends) {}
    }

    /// Out of the source, at most one piece. True: something moved, or ended.
    pub(crate) fn fill<E: Ends>(&mut self, ends: &mut E) -> bool {
        let (source, sink) = ends.both();
        if source.is_drained() && !sink.is_open() {
            if !sink.has_work(!self.is_empty()) {
                self.throw_away();
            }
            return discard(ends);
        }
        if E::IS_LOOP && !(sink.is_open() || sink.has_work(!self.is_empty())) {
            // It will never be sent. What still comes is received all the same.
            self.throw_away();
        }
        if !(source.is_open() && may_fill(ends)) || self.failure.is_some() {
            return false;
        }
        if !ends.source().is_ready() {
            return false;
        }
        if !self.looked {
            self.look_for_direct_way(ends);
        }
        let gave = match self.pass_directly(ends) {
            Directly::Done(moved) => return moved,
            Directly::Ended => ends.source().at_end(),
            Directly::No if !self.buffer.has_room() => return false,
            Directly::No => ends.source().read(self.buffer.room()),
        };
        match gave {
            Gave::Bytes(n) => {
                self.buffer.fill(n);
                self.note_read(ends, n);
                true
            }
            Gave::Blocked => false,
            Gave::Ended => {
                ends.sink().note_end();
                true
            }
            // A connection that sends back what it gives knows by itself that this is no end to answer with a FIN.
            Gave::Cut if E::IS_LOOP => {
                ends.sink().note_end();
                true
            }
            Gave::Cut => true,
            Gave::Failed(error) => {
                self.failure = Some(error);
                false
            }
        }
    }

    /// Nothing can be done now: what is not needed meanwhile is given back.
    #[cfg(feature = "tokio")]
    pub(crate) fn rest(&mut self) {
        self.buffer.rest();
    }

    fn throw_away(&mut self) {
        self.buffer.consume(self.buffer.filled().len());
        self.direct = None;
    }

    /// Into the sink, and its end after the source's. True: something moved, or failed.
    pub(crate) fn drain<E: Ends>(&mut self, ends: &mut E) -> bool {
        if self.sink_has_failed {
            return false;
        }
        let moved = self.drain_some(ends);
        // Before the core hears of anything else: it may close now, and an output that has not ended by then was cut.
        if !E::IS_LOOP && self.is_empty() && !(self.sink_has_failed || ends.sink().is_settled()) {
            self.settle(ends);
        }
        moved
    }

    fn drain_some<E: Ends>(&mut self, ends: &mut E) -> bool {
        if self.buffer.is_empty()
            && let Some(moved) = self.drain_directly(ends)
        {
            return moved;
        }
        let holds = !self.buffer.is_empty();
        let sink = ends.sink();
        if !(sink.has_work(holds) && sink.is_ready()) {
            return !holds && self.flush(ends);
        }
        let took = sink.give(self.buffer.filled());
        self.note_taken(ends, took)
    }

    fn note_taken<E: Ends>(&mut self, ends: &mut E, took: Took) -> bool {
        match took {
            Took::Bytes(n) => {
                self.buffer.consume(n);
                if !E::IS_LOOP {
                    ends.source().handed_on(n);
                }
            }
            Took::Blocked => return false,
            Took::Refused => {
                let n = self.buffer.filled().len();
                self.buffer.consume(n);
                ends.source().discarded(n);
            }
            Took::Ended => {}
            Took::Failed(error) => self.fail_sink(ends, &error),
        }
        true
    }

    /// The sink failed: what is held for it is thrown away, or each turn would find it and try again.
    fn fail_sink<E: Ends>(&mut self, ends: &mut E, error: &io::Error) {
        self.sink_has_failed = true;
        self.throw_away();
        ends.source().sink_failed(error);
    }

    /// Bytes were read for the sink.
    fn note_read<E: Ends>(&mut self, ends: &mut E, n: usize) {
        let begun = ends.sink().note_read(n);
        if E::IS_LOOP {
            ends.source().handed_on(n);
        }
        if let Err(error) = begun {
            self.fail_sink(ends, &error);
        }
    }

    /// Nothing is held: if the source has ended, the sink does.
    fn settle<E: Ends>(&mut self, ends: &mut E) {
        match ends.source().end() {
            None => {}
            Some(End::Cut) => ends.sink().cut(),
            Some(End::Whole) => match ends.sink().end() {
                Ok(()) => ends.source().sink_ended(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => self.fail_sink(ends, &error),
            },
        }
    }

    /// Nothing is held here, but a sink may hold some. True: it failed.
    fn flush<E: Ends>(&mut self, ends: &mut E) -> bool {
        match ends.sink().flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.fail_sink(ends, &error);
                true
            }
            _ => false,
        }
    }
}

/// Takes from the source what nobody takes. True: something came.
fn discard<E: Ends>(ends: &mut E) -> bool {
    if !ends.source().is_ready() {
        return false;
    }
    match ends.source().read(&mut [0; DISCARDED_AT_ONCE]) {
        Gave::Blocked | Gave::Failed(_) => false,
        Gave::Bytes(_) | Gave::Ended | Gave::Cut => true,
    }
}

/// What the direct way came to.
enum Directly {
    /// There is none, at least this time.
    No,
    Done(bool),
    /// The source has ended.
    Ended,
}

impl Flow {
    /// Takes the direct way that fits the ends, when it is worth it.
    fn look_for_direct_way<E: Ends>(&mut self, ends: &E) {
        let (source, sink) = ends.both();
        if E::IS_LOOP {
            // A pipe for each client of an echo would be two more descriptors, and a mebibyte.
            self.looked = true;
        } else if source.is_long() && sink.is_long() {
            self.looked = true;
            self.direct = Direct::between(source.lane(), sink.lane(), self.hold).map(Box::new);
        }
    }

    fn pass_directly<E: Ends>(&mut self, ends: &mut E) -> Directly {
        let Some(direct) = &mut self.direct else { return Directly::No };
        if !self.buffer.is_empty() {
            // What came before is still held.
            return if direct.held() > 0 { Directly::Done(false) } else { Directly::No };
        }
        let is_straight = direct.is_straight();
        if !direct.has_room() || (is_straight && !ends.sink().is_ready()) {
            return Directly::Done(false);
        }
        let at = ends.sink().now();
        let (source, sink) = ends.both();
        match direct.take(source.lane(), sink.lane()) {
            Passed::Bytes { n, all } => {
                ends.source().passed_out(n, all);
                self.note_read(ends, n);
                if is_straight && ends.sink().discards() {
                    ends.source().discarded(n);
                } else if is_straight {
                    ends.sink().passed_in(at, n);
                    ends.source().handed_on(n);
                }
                Directly::Done(true)
            }
            Passed::Nothing if E::Source::NOTHING_IS_END => {
                self.direct = None;
                Directly::Ended
            }
            Passed::Nothing => Directly::No,
            Passed::SourceBlocked => {
                ends.source().set_blocked();
                Directly::Done(false)
            }
            Passed::SinkBlocked => {
                ends.sink().set_blocked();
                Directly::Done(false)
            }
            Passed::SourceFailed(error) => {
                ends.source().failed(&error);
                Directly::Done(true)
            }
            Passed::SinkFailed(error) => {
                ends.sink().failed(&error);
                Directly::Done(true)
            }
            Passed::Refused => {
                self.direct = None;
                Directly::No
            }
        }
    }

    /// Hands on what the direct way holds. `None`: it holds nothing, or that is in the buffer now.
    fn drain_directly<E: Ends>(&mut self, ends: &mut E) -> Option<bool> {
        let direct = self.direct.as_mut().filter(|direct| direct.held() > 0)?;
        // One that has failed would fail again at each turn, and no turn would wait.
        if !(ends.sink().has_work(true) && ends.sink().is_ready()) {
            return Some(false);
        }
        let at = ends.sink().now();
        match direct.hand_on(ends.sink().lane())? {
            HandedOn::Bytes(n) => {
                ends.sink().passed_in(at, n);
                if !E::IS_LOOP {
                    ends.source().handed_on(n);
                }
                Some(true)
            }
            HandedOn::SinkBlocked => {
                ends.sink().set_blocked();
                Some(false)
            }
            HandedOn::SinkFailed(error) => {
                ends.sink().failed(&error);
                Some(true)
            }
            HandedOn::Refused => {
                let n = direct.spill(self.buffer.room());
                self.buffer.fill(n);
                if direct.held() == 0 {
                    self.direct = None;
                    ends.source().set_ready();
                }
                None
            }
        }
    }
}

/// Whether what the source gives can be had as far as the sink knows. After the end of its stream a source gives no bytes, but
/// TLS has the end of its transport still to come.
fn may_fill<E: Ends>(ends: &E) -> bool {
    let (source, sink) = ends.both();
    E::IS_LOOP || sink.is_open() || source.end().is_some()
}
