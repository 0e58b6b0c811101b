//! From our input to the peer: the ways, and which one is taken.
//!
//! | input | way | a byte costs |
//! | --- | --- | --- |
//! | anything | read, send | two copies |
//! | a file (Linux) | `sendfile` | one copy |
//! | a pipe (Linux) | `splice` | no copy |
//!
//! A direct way is taken once an upload has shown to be more than a few bytes, and left for good when the kernel
//! refuses it. Nothing is held between input and socket on a direct way, so nothing can be lost when it is left.

use super::buffer::Buffer;
use crate::link::{Link, Moved};
use crate::os::ends::Input;
#[cfg(target_os = "linux")]
use crate::os::ends::Kind;
use adieu_proto::LocalEnd;
use socket2::Socket;
use std::io;

/// What a pass over a direction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Bytes moved, or an end or failure was told to the core.
    Moved,
    /// Nothing can be done now.
    Blocked,
    /// Our input failed, with what was read before it already sent or waiting.
    InputFailed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Buffered,
    #[cfg(target_os = "linux")]
    SendFile,
    #[cfg(target_os = "linux")]
    Splice,
}

pub(crate) struct Upload {
    pub(crate) buffer: Buffer,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has direct ways"))]
    way: Way,
    /// The direct way has not been tried and refused.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has direct ways"))]
    may_be_direct: bool,
    /// The socket may take something.
    pub(crate) may_send: bool,
    /// On a direct way the input has something that the socket does not take.
    held_up: bool,
    /// Why the input failed, until that is told.
    failure: Option<io::Error>,
}

/// How much one call moves at most: enough that the call costs nothing beside the bytes, little enough that the other
/// direction is not kept waiting.
#[cfg(target_os = "linux")]
pub(crate) const PIECE: usize = 1024 * 1024;

/// Whether a direction that has moved so many bytes is worth a direct way.
#[cfg(target_os = "linux")]
pub(crate) fn is_worth_it(link: &Link<Socket>, moved: u64) -> bool {
    link.is_plain() && is_long(link, moved)
}

/// Whether a direction that has moved so many bytes is to be fast, and not only right.
#[cfg(target_os = "linux")]
pub(crate) fn is_long(link: &Link<Socket>, moved: u64) -> bool {
    link.options.data_path.direct_from().is_some_and(|from| moved >= from)
}

impl Upload {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Buffer::new(),
            way: Way::Buffered,
            may_be_direct: true,
            may_send: true,
            held_up: false,
            failure: None,
        }
    }

    /// Whether the socket's room is what this direction waits for.
    pub(crate) fn waits_to_send(&self, wants_send: bool) -> bool {
        wants_send || self.held_up
    }

    /// Whether the input is what this direction waits for.
    pub(crate) fn waits_for_input(&self, wants_input: bool) -> bool {
        wants_input && self.buffer.has_room() && !self.held_up
    }

    pub(crate) fn socket_is_ready(&mut self) {
        self.may_send = true;
        self.held_up = false;
    }

    /// Moves what can be moved: at most one piece.
    pub(crate) fn pass(&mut self, link: &mut Link<Socket>, input: &mut Input) -> Pass {
        self.choose(link, input);
        #[cfg(target_os = "linux")]
        if self.way != Way::Buffered && self.buffer.is_empty() {
            return self.direct(link, input);
        }
        let read = self.read(link, input);
        if self.send(link) || read {
            return Pass::Moved;
        }
        if self.failure.is_some() { Pass::InputFailed } else { Pass::Blocked }
    }

    /// Tells the core of the input's failure.
    pub(crate) fn fail(&mut self, link: &mut Link<Socket>, end: LocalEnd) {
        if let Some(error) = self.failure.take() {
            link.local_failure(end, &error);
        }
    }

    fn read(&mut self, link: &mut Link<Socket>, input: &mut Input) -> bool {
        let may = link.core.wants().input && self.failure.is_none();
        if !(may && self.buffer.has_room() && input.is_ready()) {
            return false;
        }
        match input.read(self.buffer.room()) {
            Ok(0) => link.core.handle_input_eof(),
            Ok(n) => {
                self.buffer.fill(n);
                link.core.handle_input(n as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                self.failure = Some(error);
                return false;
            }
        }
        true
    }

    pub(crate) fn send(&mut self, link: &mut Link<Socket>) -> bool {
        if !(self.may_send && link.core.wants().send) {
            return false;
        }
        match link.send(self.buffer.filled()) {
            Moved::Bytes(n) => {
                // A part taken says that the kernel's buffer is full; but TLS takes parts by itself.
                self.may_send = n == self.buffer.filled().len() || !(link.is_plain() || link.has_unsent());
                self.buffer.consume(n);
                true
            }
            Moved::Blocked => {
                self.may_send = false;
                false
            }
            Moved::Ended => true,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn choose(&mut self, _: &Link<Socket>, _: &Input) {}

    /// Takes the direct way that fits the input, when it is worth it.
    #[cfg(target_os = "linux")]
    fn choose(&mut self, link: &Link<Socket>, input: &Input) {
        if self.way != Way::Buffered || !self.may_be_direct || !is_worth_it(link, link.core.counts().accepted)
        {
            return;
        }
        self.way = match input.kind() {
            Kind::File => Way::SendFile,
            Kind::Pipe => Way::Splice,
            _ => {
                self.may_be_direct = false;
                return;
            }
        };
        if self.way == Way::Splice
            && let Some(fd) = input.fd()
        {
            super::enlarge(fd);
        }
    }

    /// From the descriptor to the socket without passing through us.
    #[cfg(target_os = "linux")]
    fn direct(&mut self, link: &mut Link<Socket>, input: &mut Input) -> Pass {
        use rustix::io::Errno;
        use rustix::pipe::SpliceFlags;
        let (Some(fd), Some(socket)) = (input.fd(), &link.handle) else { return Pass::Blocked };
        if !(link.core.wants().input && self.may_send && input.is_ready()) {
            return Pass::Blocked;
        }
        let at = link.now();
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        let result = rustix::io::retry_on_intr(|| match self.way {
            Way::SendFile => rustix::fs::sendfile(socket, fd, None, PIECE),
            Way::Splice | Way::Buffered => rustix::pipe::splice(fd, None, socket, None, PIECE, flags),
        });
        match result {
            // Reading it says whether it is whole.
            Ok(0) if input.has_end_check() => {
                self.way = Way::Buffered;
                self.may_be_direct = false;
            }
            Ok(0) => link.core.handle_input_eof(),
            Ok(n) => {
                link.moved_to_peer(at, n as u64);
                // Most often that has emptied the pipe. `poll` finds out without its lock, which its writer holds while it
                // fills it: asking with another splice would spin for that long.
                if self.way == Way::Splice {
                    input.set_blocked();
                }
            }
            Err(Errno::AGAIN) => {
                // It does not say which side: a file always has something, and a pipe can be asked.
                let has_some = self.way == Way::SendFile
                    || rustix::io::ioctl_fionread(fd).is_ok_and(|waiting| waiting > 0);
                if has_some {
                    self.may_send = false;
                    self.held_up = true;
                } else {
                    input.set_blocked();
                }
                return Pass::Blocked;
            }
            // The socket's own errors. A send tells them once, so they cannot be asked for again.
            Err(error @ (Errno::PIPE | Errno::CONNRESET | Errno::TIMEDOUT | Errno::HOSTUNREACH)) => {
                link.send_failed(&error.into());
            }
            // The kernel refuses this way for these two ends, or the input fails: reading it will tell.
            Err(_) => {
                self.way = Way::Buffered;
                self.may_be_direct = false;
            }
        }
        Pass::Moved
    }
}
