//! Unix: a program's processes and pipes.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::process::{Pid, kill_process, kill_process_group};
use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::BorrowedFd,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus},
    time::Duration,
};

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: i64::from(time.subsec_nanos()) }
}

/// A pipe. Small enough, if that is asked for, that a few kilobytes already block the writer.
pub(crate) fn pipe(small: bool) -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if small {
        rustix::pipe::fcntl_setpipe_size(&writer, 4_096)?;
    }
    let _ = small;
    Ok((reader, writer))
}

/// What fails with `EIO` when it is read.
pub(crate) fn unreadable() -> io::Result<File> {
    File::open("/proc/self/mem")
}

/// What fails with `ENOSPC` when it is written.
pub(crate) fn full() -> io::Result<File> {
    File::options().write(true).open("/dev/full")
}

/// The signal that ended a program which did not handle it.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// Gives a program a group of its own, so that whatever it starts goes when it does.
pub(crate) fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// A program with all that it starts.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pid: Pid,
}

impl Group {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn of(child: &Child) -> io::Result<Self> {
        Ok(Self { pid: Pid::from_child(child) })
    }

    /// To the program alone, as `kill` sends it: what it started is its own business.
    pub(crate) fn signal(self, signal: crate::scenario::Signal) -> io::Result<()> {
        let signal = match signal {
            crate::scenario::Signal::Interrupt => rustix::process::Signal::INT,
            crate::scenario::Signal::Terminate => rustix::process::Signal::TERM,
        };
        Ok(kill_process(self.pid, signal)?)
    }

    pub(crate) fn kill(self) {
        // It may have ended by itself.
        let _ = kill_process_group(self.pid, rustix::process::Signal::KILL);
    }
}

/// Our end of a pipe, waited for until the waiting has lost its point.
pub(crate) struct Patient<P, W> {
    pipe: P,
    /// An error ends the wait.
    may_wait: W,
    tick: Duration,
}

impl<P: AsFd, W: FnMut() -> io::Result<()>> Patient<P, W> {
    pub(crate) fn new(pipe: P, tick: Duration, may_wait: W) -> io::Result<Self> {
        // A pipe's two ends are two open files: the program's stays as it is.
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(Self { pipe, may_wait, tick })
    }

    /// Calls until the call does not block.
    fn patiently(
        &mut self,
        flags: PollFlags,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match call(self.pipe.as_fd()) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
            (self.may_wait)()?;
            poll(&mut [PollFd::new(&self.pipe, flags)], Some(&timespec(self.tick)))?;
        }
    }
}

impl<W: FnMut() -> io::Result<()>> Read for Patient<PipeReader, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patiently(PollFlags::IN, |pipe| rustix::io::read(pipe, &mut *buffer))
    }
}

impl<W: FnMut() -> io::Result<()>> Write for Patient<PipeWriter, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(PollFlags::OUT, |pipe| rustix::io::write(pipe, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
