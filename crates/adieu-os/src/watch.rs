//! One thing to wait for, and what came: the same for `poll` and WSAPoll.

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};

/// What can be waited for.
#[cfg(unix)]
pub type Pollable<'a> = BorrowedFd<'a>;

/// What can be waited for.
#[cfg(windows)]
pub type Pollable<'a> = BorrowedSocket<'a>;

/// A socket that its holder owns: it is closed when this is dropped.
#[cfg(unix)]
pub type OwnedSocket = std::os::fd::OwnedFd;

/// A socket that its holder owns: it is closed when this is dropped.
#[cfg(windows)]
pub type OwnedSocket = std::os::windows::io::OwnedSocket;

/// Something that can be waited for.
pub trait AsPollable {
    /// What `poll`, or WSAPoll, is given of it.
    fn as_pollable(&self) -> Pollable<'_>;
}

#[cfg(unix)]
impl<T: AsFd> AsPollable for T {
    /// What `poll` is given of it.
    fn as_pollable(&self) -> Pollable<'_> {
        self.as_fd()
    }
}

#[cfg(windows)]
impl<T: AsSocket> AsPollable for T {
    /// What WSAPoll is given of it.
    fn as_pollable(&self) -> Pollable<'_> {
        self.as_socket()
    }
}

/// One thing to wait for, and what came.
pub struct Watch<'a> {
    pub(super) on: Option<Pollable<'a>>,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// An attempt to connect, whose failure WSAPoll may not report.
    #[cfg_attr(not(windows), allow(dead_code, reason = "`poll` reports it"))]
    pub(super) connecting: bool,
    /// What came, once [`wait`](crate::wait) has returned.
    pub ready: Ready,
}

/// What `poll`, or WSAPoll, said of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ready {
    /// Anything at all.
    pub any: bool,
    /// There may be something to read, an end or an error included.
    pub readable: bool,
    /// There may be room to write, or an error that a write tells.
    pub writable: bool,
    /// An error or a hang-up, which is reported whether asked for or not.
    pub alert: bool,
}

impl<'a> Watch<'a> {
    /// Waits for reading or writing; with neither, for an error or hang-up only.
    pub fn new(on: Pollable<'a>, readable: bool, writable: bool) -> Self {
        Self { on: Some(on), readable, writable, connecting: false, ready: Ready::default() }
    }

    /// Waits until an attempt to connect has succeeded or failed.
    pub fn connecting(on: Pollable<'a>) -> Self {
        Self { connecting: true, ..Self::new(on, false, true) }
    }

    /// A place in the list that waits for nothing.
    pub fn none() -> Self {
        Self { on: None, readable: false, writable: false, connecting: false, ready: Ready::default() }
    }

    /// Waits for reading, if there is something to wait on.
    pub fn readable(on: Option<Pollable<'a>>) -> Self {
        on.map_or_else(Self::none, |on| Self::new(on, true, false))
    }
}
