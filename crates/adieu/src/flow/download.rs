//! From the peer to our output: the ways, and which one is taken.
//!
//! | output | way | a byte costs |
//! | --- | --- | --- |
//! | anything | recv, write | two copies |
//! | a pipe (Linux) | `splice` | no copy |
//! | a file (Linux) | `splice` through a pipe of ours | one copy |
//! | none, /dev/null (Linux, TCP) | `recv` with MSG_TRUNC | no copy |
//!
//! A direct way is taken once a download has shown to be more than a few bytes, and left for good when the kernel
//! refuses it; what is still in our pipe then goes through the buffer. A direct way never decides that the peer has
//! ended, or that there is nothing: `splice` says 0 and EAGAIN for more reasons than that (an urgent byte stops it, and
//! EAGAIN does not say which side). A plain `recv` is asked instead.

use super::buffer::Buffer;
use crate::link::{Link, Moved};
use crate::os::ends::Output;
use adieu_proto::LocalEnd;
use socket2::Socket;
use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
use super::{
    low_water::LowWater,
    upload::{PIECE, is_worth_it},
};
#[cfg(target_os = "linux")]
use crate::os::ends::Kind;
#[cfg(target_os = "linux")]
use rustix::{
    io::Errno,
    pipe::{SpliceFlags, splice},
};
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;

enum Way {
    Buffered,
    /// Straight into the output's pipe.
    #[cfg(target_os = "linux")]
    Splice,
    /// Through a pipe of ours, which holds so many bytes.
    #[cfg(target_os = "linux")]
    Through {
        pipe: Pipe,
        held: usize,
        /// The output takes no splice: what is held goes through the buffer, and then this way is left.
        refused: bool,
    },
    /// Nowhere. What is asked for is as long as this memory, which is never touched.
    #[cfg(target_os = "linux")]
    Discard {
        nowhere: Vec<u8>,
    },
}

#[cfg(target_os = "linux")]
struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    capacity: usize,
}

pub(crate) struct Download {
    pub(crate) buffer: Buffer,
    way: Way,
    /// The direct way has not been tried and refused.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has direct ways"))]
    may_be_direct: bool,
    /// The socket may have something.
    pub(crate) may_receive: bool,
    #[cfg(target_os = "linux")]
    low_water: LowWater,
}

impl Download {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Buffer::new(),
            way: Way::Buffered,
            may_be_direct: true,
            may_receive: false,
            #[cfg(target_os = "linux")]
            low_water: LowWater::default(),
        }
    }

    /// Whether received bytes are held up by our output. On the way straight into a pipe they are held up in the
    /// kernel.
    pub(crate) fn waits_for_output(&self, output: &Output) -> bool {
        match &self.way {
            #[cfg(target_os = "linux")]
            Way::Through { held, .. } => *held > 0 || !self.buffer.is_empty(),
            #[cfg(target_os = "linux")]
            Way::Splice => !self.buffer.is_empty() || !output.is_ready(),
            _ => {
                let _ = output;
                !self.buffer.is_empty()
            }
        }
    }

    /// Whether there is room for more from the peer.
    pub(crate) fn has_room(&self, output: &Output) -> bool {
        match &self.way {
            #[cfg(target_os = "linux")]
            Way::Through { pipe, held, refused } => {
                *held < pipe.capacity && self.buffer.is_empty() && !refused
            }
            #[cfg(target_os = "linux")]
            Way::Splice => output.is_ready() && self.buffer.is_empty(),
            _ => {
                let _ = output;
                self.buffer.has_room()
            }
        }
    }

    /// Before a wait, for the peer's bytes among others or for others only: how long it may last at most.
    pub(crate) fn before_wait(&mut self, link: &Link<Socket>, for_peer: bool) -> Option<Duration> {
        #[cfg(target_os = "linux")]
        if let Some(mouthful) = self.mouthful(link) {
            return self.low_water.before_wait(link, for_peer, mouthful);
        }
        let _ = (link, for_peer);
        None
    }

    /// After a wait.
    pub(crate) fn after_wait(&mut self, link: &Link<Socket>, readable: bool) {
        self.may_receive |= readable;
        #[cfg(target_os = "linux")]
        if !readable && self.low_water.is_out_of_patience(link) {
            self.may_receive = true;
        }
        let _ = link;
    }

    /// Receives what can be received: at most one piece. True: something moved, or ended.
    pub(crate) fn receive(&mut self, link: &mut Link<Socket>, output: &mut Output) -> bool {
        if !(self.may_receive && link.core.wants().receive) {
            return false;
        }
        self.choose(link, output);
        let moved = self.receive_some(link, output);
        if link.core.counts().received > 0
            && let Err(error) = output.begin()
        {
            link.local_failure(LocalEnd::Output, &error);
        }
        moved
    }

    fn receive_some(&mut self, link: &mut Link<Socket>, output: &mut Output) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(moved) = self.receive_directly(link, output) {
            return moved;
        }
        let _ = output;
        self.receive_into_buffer(link)
    }

    fn receive_into_buffer(&mut self, link: &mut Link<Socket>) -> bool {
        if !self.buffer.has_room() {
            return false;
        }
        match link.receive(self.buffer.room()) {
            Moved::Bytes(n) => {
                self.buffer.fill(n);
                true
            }
            Moved::Blocked => {
                self.may_receive = false;
                false
            }
            Moved::Ended => true,
        }
    }

    /// Hands on what is held. True: something moved, or failed.
    pub(crate) fn write(&mut self, link: &mut Link<Socket>, output: &mut Output) -> bool {
        let moved = self.write_some(link, output);
        // Before the core hears of anything else: it may close now, and an output that has not ended by then was cut.
        if !output.is_settled() && link.core.peer_has_ended() && self.holds_nothing() {
            if link.core.is_cut() {
                output.cut();
            } else if let Err(error) = output.end() {
                link.local_failure(LocalEnd::Output, &error);
            } else {
                link.core.handle_output_ended();
            }
        }
        moved
    }

    fn holds_nothing(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Way::Through { held: 1.., .. } = self.way {
            return false;
        }
        self.buffer.is_empty()
    }

    fn write_some(&mut self, link: &mut Link<Socket>, output: &mut Output) -> bool {
        #[cfg(target_os = "linux")]
        if self.buffer.is_empty()
            && let Some(moved) = self.write_from_pipe(link, output)
        {
            return moved;
        }
        if self.buffer.is_empty() || !output.is_ready() {
            return false;
        }
        match output.write(self.buffer.filled()) {
            Ok(n) => {
                self.buffer.consume(n);
                let now = link.now();
                link.core.handle_output(now, n as u64);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                self.output_failed(link, output, &error);
                true
            }
        }
    }

    /// The output failed, or its reader wants no more; what is held is then thrown away.
    fn output_failed(&mut self, link: &mut Link<Socket>, output: &mut Output, error: &io::Error) {
        if !output.is_refusal(error) {
            link.local_failure(LocalEnd::Output, error);
            return;
        }
        let held = self.buffer.filled().len();
        self.buffer.consume(held);
        let now = link.now();
        link.core.handle_discarded(now, held as u64);
    }
}

#[cfg(not(target_os = "linux"))]
impl Download {
    fn choose(&mut self, _: &Link<Socket>, _: &Output) {}
}

#[cfg(target_os = "linux")]
impl Download {
    /// How much is worth being woken for, once it comes fast. `None`: whatever comes.
    fn mouthful(&self, link: &Link<Socket>) -> Option<u32> {
        if !link.is_tcp() {
            return None;
        }
        if !link.is_plain() {
            return super::upload::is_long(link, link.core.counts().received)
                .then_some(super::low_water::TLS);
        }
        (!matches!(self.way, Way::Buffered)).then_some(super::low_water::DIRECT)
    }

    /// Takes the direct way that fits the output, when it is worth it.
    fn choose(&mut self, link: &Link<Socket>, output: &Output) {
        let may = self.may_be_direct && matches!(self.way, Way::Buffered);
        if !(may && is_worth_it(link, link.core.counts().received)) {
            return;
        }
        self.may_be_direct = false;
        self.way = match output.kind() {
            Kind::Null if link.is_tcp() => Way::Discard { nowhere: Vec::with_capacity(4 * PIECE) },
            Kind::Pipe => match output.fd() {
                Some(fd) => {
                    super::enlarge(fd);
                    Way::Splice
                }
                None => Way::Buffered,
            },
            Kind::File => {
                Pipe::new().map_or(Way::Buffered, |pipe| Way::Through { pipe, held: 0, refused: false })
            }
            _ => Way::Buffered,
        };
    }

    /// `None`: the portable way is to be taken, at least this time.
    fn receive_directly(&mut self, link: &mut Link<Socket>, output: &mut Output) -> Option<bool> {
        if !self.buffer.is_empty() {
            return None;
        }
        let socket = link.handle.as_ref()?;
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        let (asked, result) = match &mut self.way {
            Way::Buffered => return None,
            Way::Discard { nowhere } => {
                let moved = link.discard(nowhere.spare_capacity_mut());
                let asked = nowhere.capacity();
                return Some(self.discarded(link, moved, asked));
            }
            Way::Splice if !output.is_ready() => return Some(false),
            Way::Splice => (PIECE, splice(socket, None, output.fd()?, None, PIECE, flags)),
            Way::Through { pipe, held, refused: false } if *held < pipe.capacity => {
                let room = pipe.capacity - *held;
                (room, splice(socket, None, &pipe.writer, None, room, flags))
            }
            Way::Through { .. } => return Some(false),
        };
        match result {
            Ok(n) if n > 0 => {
                link.received(n as u64);
                // Less than was asked for: that is all there was, or our end is full. `poll` says which for less than
                // it costs to be refused.
                self.may_receive = n == asked;
                if let Way::Through { held, .. } = &mut self.way {
                    *held += n;
                } else {
                    let now = link.now();
                    link.core.handle_output(now, n as u64);
                }
                Some(true)
            }
            // A reset is told once. (The output's EPIPE is told again by a write, if anything comes for it.)
            Err(error @ (Errno::CONNRESET | Errno::TIMEDOUT | Errno::HOSTUNREACH)) => {
                link.receive_failed(&error.into());
                Some(true)
            }
            // Whatever else it is, what our pipe holds came before it.
            _ if matches!(self.way, Way::Through { held: 1.., .. }) => {
                self.may_receive = false;
                Some(false)
            }
            Err(Errno::AGAIN) if matches!(self.way, Way::Splice) && !output.is_writable_now() => {
                output.set_blocked();
                Some(false)
            }
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => {
                self.way = Way::Buffered;
                None
            }
        }
    }

    fn discarded(&mut self, link: &mut Link<Socket>, moved: Moved, asked: usize) -> bool {
        match moved {
            Moved::Bytes(n) => {
                self.may_receive = n == asked;
                let now = link.now();
                link.core.handle_output(now, n as u64);
                true
            }
            Moved::Blocked => {
                self.may_receive = false;
                false
            }
            Moved::Ended => true,
        }
    }

    /// Hands on what our pipe holds. `None`: it holds nothing.
    fn write_from_pipe(&mut self, link: &mut Link<Socket>, output: &mut Output) -> Option<bool> {
        let Way::Through { pipe, held, refused } = &mut self.way else { return None };
        if *held == 0 {
            return None;
        }
        let fd = output.fd()?;
        let result =
            rustix::io::retry_on_intr(|| splice(&pipe.reader, None, fd, None, *held, SpliceFlags::MOVE));
        match result {
            Ok(n) if n > 0 => {
                *held -= n;
                let now = link.now();
                link.core.handle_output(now, n as u64);
                Some(true)
            }
            // A file that takes no splice (O_APPEND), or that fails: the portable way will tell which.
            _ => {
                *refused = true;
                let n = rustix::io::read(&pipe.reader, self.buffer.room()).unwrap_or(0);
                *held -= n.min(*held);
                self.buffer.fill(n);
                if *held == 0 {
                    self.way = Way::Buffered;
                    self.may_receive = true;
                }
                None
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl Pipe {
    fn new() -> io::Result<Self> {
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (reader, writer) = rustix::pipe::pipe_with(flags)?;
        super::enlarge(&writer);
        let capacity = rustix::pipe::fcntl_getpipe_size(&writer)?;
        Ok(Self { reader, writer, capacity })
    }
}
