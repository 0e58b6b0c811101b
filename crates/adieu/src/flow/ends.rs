//! What a flow joins: where bytes come from, and where they go.
//!
//! Both are asked without blocking. The trait says which side of a connection is meant: a
//! [`Peer`](super::Peer) is a source by its receiving side and a sink by its sending side. What an end is told beside its own
//! bytes (that they were taken, that the other end is over) is what a connection's core has to know. Our own ends have nothing
//! to do then, and what is written out here is theirs.

use crate::os::Lane;
use adieu_proto::{LocalEnd, Time};
use std::io;
use std::time::Duration;

/// What a source gave.
pub(crate) enum Gave {
    Bytes(usize),
    Blocked,
    /// It ended: what it gave is the whole.
    Ended,
    /// It gives nothing more, knows why, and what it gave is not the whole.
    Cut,
    /// It failed, which is to be told once what it gave is sent.
    Failed(io::Error),
}

/// What a sink did with bytes.
pub(crate) enum Took {
    Bytes(usize),
    Blocked,
    /// Its reader wants no more, which is no failure: what is held is thrown away.
    Refused,
    /// It takes nothing any more, and knows why.
    Ended,
    Failed(io::Error),
}

/// How a source's stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    /// Whoever takes it must not believe that it is whole.
    Cut,
}

/// Where bytes come from.
pub(crate) trait Source {
    /// Nothing on a direct way is its end; otherwise it is to be read.
    const NOTHING_IS_END: bool;

    /// Whether it may give more. Of an input of our own, the core of the connection that takes it knows.
    fn is_open(&self) -> bool {
        true
    }

    /// Whether it may have something now.
    fn is_ready(&mut self) -> bool;

    /// How long it is not to be asked for more, by our own wish. `None`: it may be asked.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// Whether what it gives is taken meanwhile, to be given later.
    fn reads_ahead(&self) -> bool {
        false
    }

    fn read(&mut self, room: &mut [u8]) -> Gave;

    /// What a read says of an end that a direct way has come to.
    fn at_end(&mut self) -> Gave;

    /// How it ended. `None`: it has not, or its end is told by [`Gave::Ended`] alone.
    fn end(&self) -> Option<End> {
        None
    }

    /// What a failure of it is a failure of.
    fn failing_end(&self) -> LocalEnd {
        LocalEnd::Input
    }

    /// Whether its bytes are to be taken although no sink takes them: a peer that cannot send may not read either.
    fn is_drained(&self) -> bool {
        false
    }

    // ---- a direct way ----

    /// Whether it has given enough that a direct way is worth its beginning.
    fn is_long(&self) -> bool {
        true
    }

    fn lane(&self) -> Lane<'_> {
        Lane::none()
    }

    /// A direct way took so many bytes; `all`: as many as it asked for.
    fn passed_out(&mut self, _n: usize, _all: bool) {}

    fn set_blocked(&mut self) {}

    /// A direct way was told the source's own error. Reading an input tells again.
    fn failed(&mut self, _error: &io::Error) {}

    // ---- what becomes of its bytes ----

    /// Room has come back after none: it may be asked.
    fn set_ready(&mut self) {}

    fn handed_on(&mut self, _n: usize) {}

    fn discarded(&mut self, _n: usize) {}

    /// After its end: the sink has taken everything, and has ended well.
    fn sink_ended(&mut self) {}

    fn sink_failed(&mut self, _error: &io::Error) {}
}

/// Where bytes go.
pub(crate) trait Sink {
    /// Whether it will take what the source gives.
    fn is_open(&self) -> bool {
        true
    }

    /// Whether it has something to do, with bytes for it held or not.
    fn has_work(&self, holds: bool) -> bool {
        holds
    }

    /// Whether it may take something now.
    fn is_ready(&self) -> bool;

    /// Whether it waits for something beside the bytes for it.
    fn is_held_up(&self) -> bool {
        false
    }

    fn give(&mut self, bytes: &[u8]) -> Took;

    /// Sends on what it holds back itself, as far as it can.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Bytes for it were read.
    fn note_read(&mut self, _n: usize) -> io::Result<()> {
        Ok(())
    }

    /// The source has ended: what was read is the whole. An output of our own ends once it has taken everything.
    fn note_end(&mut self) {}

    /// The source failed: what was read is not the whole.
    fn source_failed(&mut self, _end: LocalEnd, _error: &io::Error) {
        self.cut();
    }

    /// Whether nothing more is to be done at its end.
    fn is_settled(&self) -> bool;

    /// It has taken a whole stream: it ends. `WouldBlock`: it does not know yet.
    fn end(&mut self) -> io::Result<()>;

    /// The stream that it takes was cut.
    fn cut(&mut self);

    // ---- a direct way ----

    fn is_long(&self) -> bool {
        true
    }

    fn lane(&self) -> Lane<'_> {
        Lane::none()
    }

    /// The time of the connection, before a call that sends.
    fn now(&self) -> Time {
        Time::ZERO
    }

    /// A direct way, by a call that began at `at`, gave it so many bytes.
    fn passed_in(&mut self, _at: Time, _n: usize) {}

    /// Whether what a direct way gives it is thrown away.
    fn discards(&self) -> bool {
        false
    }

    fn set_blocked(&mut self) {}

    /// A direct way was told the sink's own error. Writing to an output tells again.
    fn failed(&mut self, _error: &io::Error) {}
}

/// The two ends of a flow.
pub(crate) trait Ends {
    type Source: Source;
    type Sink: Sink;

    /// Both are the same connection: what it gives it takes, so its bytes are handed on as soon as they are read.
    const IS_LOOP: bool;

    fn source(&mut self) -> &mut Self::Source;
    fn sink(&mut self) -> &mut Self::Sink;
    fn both(&self) -> (&Self::Source, &Self::Sink);
}

/// From one end to another.
pub(crate) struct Pair<'a, S, K>(pub(crate) &'a mut S, pub(crate) &'a mut K);

impl<S: Source, K: Sink> Ends for Pair<'_, S, K> {
    type Source = S;
    type Sink = K;

    const IS_LOOP: bool = false;

    fn source(&mut self) -> &mut S {
        self.0
    }

    fn sink(&mut self) -> &mut K {
        self.1
    }

    fn both(&self) -> (&S, &K) {
        (self.0, self.1)
    }
}

/// From a connection to itself.
pub(crate) struct Loop<'a, P>(pub(crate) &'a mut P);

impl<P: Source + Sink> Ends for Loop<'_, P> {
    type Source = P;
    type Sink = P;

    const IS_LOOP: bool = true;

    fn source(&mut self) -> &mut P {
        self.0
    }

    fn sink(&mut self) -> &mut P {
        self.0
    }

    fn both(&self) -> (&P, &P) {
        (self.0, self.0)
    }
}
