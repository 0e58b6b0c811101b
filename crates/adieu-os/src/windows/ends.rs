//! Our own two ends: where the bytes to send come from, and where the received bytes go.
//!
//! A file is read and written as it is. A pipe or a console can block for ever, and nothing can wait for one beside
//! sockets, so each has a thread ([`super::worker`]).
//!
//! Source: "Console Handles", "Anonymous Pipe Operations", GetFileType.

use super::worker::{Reader, Writer};
use crate::both_ends::Closes;
use crate::{Lane, Watch};
use adieu_proto::LocalEnd;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, AsSocket, BorrowedHandle, IntoRawHandle, OwnedHandle};
use std::time::Duration;
use windows_sys::Win32::Foundation as win32;
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_CHAR, FILE_TYPE_DISK, GetFileType};
use windows_sys::Win32::System::Console::{GetConsoleMode, GetStdHandle, STD_OUTPUT_HANDLE, SetStdHandle};

/// How a handle can be moved to and from without blocking for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A file.
    File,
    /// A device that never blocks: NUL.
    Device,
    /// A console.
    Console,
    /// Anything else: a pipe.
    Pipe,
}

fn kind_of(handle: BorrowedHandle<'_>) -> io::Result<Kind> {
    let raw = handle.as_raw_handle();
    if raw.is_null() || raw == win32::INVALID_HANDLE_VALUE {
        return Err(error(win32::ERROR_INVALID_HANDLE));
    }
    let mut mode = 0;
    #[expect(unsafe_code, reason = "neither call has a safe wrapper")]
    // SAFETY: the handle is borrowed for the calls, and the mode is written to where there is room for it.
    let (kind, is_console) = unsafe { (GetFileType(raw), GetConsoleMode(raw, &raw mut mode) != 0) };
    Ok(match kind {
        FILE_TYPE_DISK => Kind::File,
        FILE_TYPE_CHAR if is_console => Kind::Console,
        FILE_TYPE_CHAR => Kind::Device,
        _ => Kind::Pipe,
    })
}

#[expect(clippy::cast_possible_wrap, reason = "io::Error has Win32 numbers signed")]
fn error(number: u32) -> io::Error {
    io::Error::from_raw_os_error(number as i32)
}

/// Where the bytes to send come from.
pub struct Input {
    source: Source,
}

enum Source {
    File(File),
    Thread(Reader),
    Bytes { bytes: Vec<u8>, taken: usize },
}

impl Input {
    /// Standard input. It stays open after us.
    ///
    /// # Errors
    ///
    /// It is closed, or there are no threads left.
    pub fn stdin() -> io::Result<Self> {
        let stdin = io::stdin();
        let handle = stdin.as_handle();
        match kind_of(handle)? {
            // std turns what is typed from UTF-16 into UTF-8.
            Kind::Console => Ok(Self { source: Source::Thread(Reader::new(stdin)?) }),
            _ => Self::from_handle(handle.try_clone_to_owned()?),
        }
    }

    /// A file, or the reading end of a pipe.
    ///
    /// # Errors
    ///
    /// There are no threads left.
    pub fn from_handle(handle: impl Into<OwnedHandle>) -> io::Result<Self> {
        let file = File::from(handle.into());
        let source = match kind_of(file.as_handle())? {
            Kind::File | Kind::Device => Source::File(file),
            Kind::Console | Kind::Pipe => Source::Thread(Reader::new(file)?),
        };
        Ok(Self { source })
    }

    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::from_handle(file)
    }

    /// Bytes in memory.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { source: Source::Bytes { bytes: bytes.into(), taken: 0 } }
    }

    /// What a failure of it is a failure of.
    #[expect(clippy::unused_self, reason = "elsewhere it may be a command's output")]
    pub fn failing_end(&self) -> LocalEnd {
        LocalEnd::Input
    }

    /// Nothing else says whether it is whole.
    #[expect(clippy::unused_self, reason = "elsewhere it may be a command's output")]
    pub fn end_check_left(&mut self, _: bool) -> Option<Duration> {
        None
    }

    /// Whether it may be read now.
    pub fn is_ready(&self) -> bool {
        match &self.source {
            Source::Thread(reader) => reader.is_ready(),
            Source::File(_) | Source::Bytes { .. } => true,
        }
    }

    /// The thread knows by itself.
    #[expect(clippy::unused_self, reason = "elsewhere only `poll` knows")]
    pub fn set_ready(&mut self) {}

    /// What to wait for until it may be read.
    pub fn watch(&self) -> Watch<'_> {
        match &self.source {
            Source::Thread(reader) => {
                reader.ask();
                Watch::new(reader.as_socket(), true, false)
            }
            Source::File(_) | Source::Bytes { .. } => Watch::none(),
        }
    }

    /// What it is for a direct way: there is none.
    #[expect(clippy::unused_self, reason = "elsewhere there are direct ways")]
    pub fn lane(&self) -> Lane<'_> {
        Lane::none()
    }

    /// No direct way finds out.
    #[expect(clippy::unused_self, reason = "elsewhere there are direct ways")]
    pub fn set_blocked(&mut self) {}

    /// No direct way comes to its end.
    #[expect(clippy::unused_self, reason = "elsewhere there are direct ways")]
    pub fn end(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    /// Reads; only when ready. `WouldBlock`: it was not ready after all.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.source {
            Source::Bytes { bytes, taken } => {
                let n = buffer.len().min(bytes.len() - *taken);
                buffer[..n].copy_from_slice(&bytes[*taken..*taken + n]);
                *taken += n;
                Ok(n)
            }
            Source::File(file) => file.read(buffer),
            Source::Thread(reader) => reader.read(buffer),
        };
        match result {
            // The writing end of a pipe is closed (ReadFile, "Pipes"): that is its end.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            other => other,
        }
    }
}

/// Where the received bytes go.
pub struct Output {
    pub(crate) sink: Sink,
    /// A reader that wants no more is no failure.
    pub(crate) may_refuse: bool,
    /// Called before the handle is closed although the peer has not ended.
    pub(crate) on_cut: Option<Box<dyn FnOnce() + Send>>,
    /// It has ended, or was cut.
    pub(crate) settled: bool,
    /// Standard output is closed at its end.
    pub(crate) closes_standard: Option<Closes>,
    /// A file is emptied when the first byte has come.
    pub(crate) empties: bool,
}

pub(crate) enum Sink {
    File {
        file: File,
        /// It is on a disk, and ours alone: to be flushed at the end.
        flush: bool,
    },
    Thread {
        writer: Writer,
        /// It is closed after the peer's EOF.
        owned: bool,
    },
    Null,
    /// Ended: closed by us, after the peer's EOF.
    Ended,
}

impl Output {
    /// Standard output. It stays open after us.
    ///
    /// # Errors
    ///
    /// It is closed, or there are no threads left.
    pub fn stdout() -> io::Result<Self> {
        let stdout = io::stdout();
        let handle = stdout.as_handle();
        let kind = kind_of(handle)?;
        if kind == Kind::Console {
            // std turns UTF-8 into UTF-16.
            return Ok(Self::to(Sink::Thread { writer: Writer::new(stdout)?, owned: false }));
        }
        let file = File::from(handle.try_clone_to_owned()?);
        Ok(Self::to(match kind {
            Kind::File | Kind::Device => Sink::File { file, flush: false },
            Kind::Console | Kind::Pipe => Sink::Thread { writer: Writer::new(file)?, owned: false },
        }))
    }

    /// A file, or the writing end of a pipe. It is closed after the peer's EOF.
    ///
    /// # Errors
    ///
    /// There are no threads left.
    pub fn from_handle(handle: impl Into<OwnedHandle>) -> io::Result<Self> {
        let file = File::from(handle.into());
        let kind = kind_of(file.as_handle())?;
        Ok(Self::to(match kind {
            Kind::File | Kind::Device => Sink::File { file, flush: kind == Kind::File },
            Kind::Console | Kind::Pipe => Sink::Thread { writer: Writer::new(file)?, owned: true },
        }))
    }

    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::from_handle(file)
    }

    /// Whether it may be written to now.
    pub fn is_ready(&self) -> bool {
        match &self.sink {
            Sink::Thread { writer, .. } => writer.is_ready(),
            Sink::File { .. } | Sink::Null | Sink::Ended => true,
        }
    }

    /// The thread knows by itself.
    #[expect(clippy::unused_self, reason = "elsewhere only `poll` knows")]
    pub fn set_ready(&mut self) {}

    /// What to wait for until it may be written to.
    pub fn watch(&self) -> Watch<'_> {
        match &self.sink {
            Sink::Thread { writer, .. } => Watch::new(writer.as_socket(), true, false),
            Sink::File { .. } | Sink::Null | Sink::Ended => Watch::none(),
        }
    }

    /// The peer has ended: so does a pipe or file of ours, for whoever reads it. A file is on its disk then.
    ///
    /// # Errors
    ///
    /// The disk does not take what was written.
    pub fn end(&mut self) -> io::Result<()> {
        (self.on_cut, self.settled) = (None, true);
        let result = match &self.sink {
            Sink::File { file, flush: true } => file.sync_all(),
            Sink::Thread { owned: true, .. } => Ok(()),
            _ => return Ok(()),
        };
        self.sink = Sink::Ended;
        result
    }

    /// No wait tells that the reader of a pipe has gone; the next write does.
    #[expect(clippy::unused_self, reason = "elsewhere `poll` tells")]
    pub fn watch_reader(&self) -> Watch<'_> {
        Watch::none()
    }

    /// Nothing tells it.
    #[expect(clippy::unused_self, reason = "elsewhere `poll` tells")]
    pub fn reader_has_gone(&mut self) -> Option<io::Error> {
        None
    }

    pub(crate) fn empty(&self) -> io::Result<()> {
        match &self.sink {
            Sink::File { file, flush: true } => file.set_len(0),
            _ => Ok(()),
        }
    }

    /// It is never a socket.
    #[expect(clippy::unused_self, reason = "elsewhere it may be a socket")]
    pub(crate) fn reset_on_close(&self) {}

    /// After its end, if the wait may be long: whoever reads our standard output sees the end too.
    ///
    /// Source: SetStdHandle, CloseHandle.
    pub fn let_go(&mut self, a_byte_has_passed: bool) {
        let is_standard = match &self.sink {
            Sink::File { flush, .. } => !flush,
            Sink::Thread { owned, .. } => !owned,
            Sink::Null | Sink::Ended => false,
        };
        if !(is_standard && self.is_to_be_let_go(a_byte_has_passed))
            || io::IsTerminal::is_terminal(&io::stdout())
        {
            return;
        }
        // Without NUL in its place, the reader sees the end when we exit.
        let Ok(null) = File::options().write(true).open("NUL") else { return };
        self.sink = Sink::Ended;
        #[expect(unsafe_code, reason = "std does not replace a standard handle")]
        // SAFETY: the old handle is closed once, after nothing refers to it any more: the standard output is another by then.
        unsafe {
            let old = GetStdHandle(STD_OUTPUT_HANDLE);
            if SetStdHandle(STD_OUTPUT_HANDLE, null.into_raw_handle()) != 0 {
                win32::CloseHandle(old);
            }
        }
    }

    /// What it is for a direct way: there is none.
    #[expect(clippy::unused_self, reason = "elsewhere there are direct ways")]
    pub fn lane(&self) -> Lane<'_> {
        Lane::none()
    }

    /// No direct way finds out.
    #[expect(clippy::unused_self, reason = "elsewhere there are direct ways")]
    pub fn set_blocked(&mut self) {}

    /// Whether a failed write only says that the reader wants no more: ERROR_BROKEN_PIPE, or ERROR_NO_DATA ("the pipe
    /// is being closed").
    pub fn is_refusal(&self, error: &io::Error) -> bool {
        self.may_refuse && error.kind() == io::ErrorKind::BrokenPipe
    }

    /// Writes; only when ready. `WouldBlock`: it was not ready after all, or is not finished yet.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Null | Sink::Ended => Ok(bytes.len()),
            Sink::Thread { writer, .. } => writer.write(bytes),
            Sink::File { file, .. } => match file.write(bytes) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                other => other,
            },
        }
    }
}
