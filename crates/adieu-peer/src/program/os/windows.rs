//! Windows: a program's process and pipes.

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle},
    process::{Child, Command, ExitStatus},
    ptr, thread,
    time::Duration,
};
use windows_sys::Win32::{
    Foundation::HANDLE,
    System::{
        Pipes::{CreatePipe, PeekNamedPipe},
        Threading::TerminateProcess,
    },
};

/// A pipe. Small enough, if that is asked for, that a few kilobytes already block the writer.
pub(crate) fn pipe(small: bool) -> io::Result<(PipeReader, PipeWriter)> {
    let (mut reader, mut writer): (HANDLE, HANDLE) = (ptr::null_mut(), ptr::null_mut());
    let size = if small { 4_096 } else { 64 * 1024 };
    #[expect(unsafe_code, reason = "std's pipe has no size")]
    // SAFETY: the call writes two handles, which are ours alone from then on.
    unsafe {
        if CreatePipe(&raw mut reader, &raw mut writer, ptr::null(), size) == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedHandle::from_raw_handle(reader).into(), OwnedHandle::from_raw_handle(writer).into()))
    }
}

/// # Platforms
///
/// Windows has no such file.
pub(crate) fn unreadable() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// # Platforms
///
/// Windows has no such file.
pub(crate) fn full() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no signals: a program that ended has a code.
pub(crate) fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

/// A process is stopped by its handle.
pub(crate) fn own_group(_: &mut Command) {}

/// A running program.
pub(crate) struct Group {
    process: OwnedHandle,
}

impl Group {
    pub(crate) fn of(child: &Child) -> io::Result<Self> {
        Ok(Self { process: child.as_handle().try_clone_to_owned()? })
    }

    /// # Errors
    ///
    /// A console's events take a console, which a test's process has not.
    #[expect(clippy::unused_self, reason = "elsewhere it is possible")]
    pub(crate) fn signal(&self, _: crate::scenario::Signal) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn kill(&self) {
        #[expect(unsafe_code, reason = "std stops a child only for who can wait for it")]
        // SAFETY: the handle is that of a process we started.
        unsafe {
            TerminateProcess(self.process.as_raw_handle(), 1);
        }
    }
}

/// Our end of a pipe, waited for until the waiting has lost its point.
pub(crate) struct Patient<P, W> {
    pipe: P,
    /// An error ends the wait.
    may_wait: W,
}

impl<P, W: FnMut() -> io::Result<()>> Patient<P, W> {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn new(pipe: P, _: Duration, may_wait: W) -> io::Result<Self> {
        Ok(Self { pipe, may_wait })
    }
}

impl<W: FnMut() -> io::Result<()>> Read for Patient<PipeReader, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut available = 0;
            #[expect(unsafe_code, reason = "PeekNamedPipe has no safe wrapper")]
            // SAFETY: the handle is a pipe's, and the one number that is asked for has its place.
            let peeked = unsafe {
                let handle = self.pipe.as_raw_handle();
                PeekNamedPipe(
                    handle,
                    ptr::null_mut(),
                    0,
                    ptr::null_mut(),
                    &raw mut available,
                    ptr::null_mut(),
                )
            };
            // An end is told by the read.
            if peeked == 0 || available > 0 {
                return self.pipe.read(buffer);
            }
            (self.may_wait)()?;
            // Nothing waits for a pipe with a bound here.
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A write blocks until the program reads, or has closed its end, which it does when it ends.
impl<W: FnMut() -> io::Result<()>> Write for Patient<PipeWriter, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
