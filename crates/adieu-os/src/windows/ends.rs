//! Our own two ends: where the bytes to send come from, and where the received bytes go.
//!
//! A file is read and written as it is. A pipe or a console can block for ever, and nothing can wait for one beside
//! sockets, so each has a thread ([`crate::worker`]).
//!
//! Source: "Console Handles", "Anonymous Pipe Operations", GetFileType.

use crate::closes::Closes;
use crate::program::{Given, Taken};
use crate::worker::{Reader, Writer};
use crate::{Lane, Watch};
use adieu_proto::LocalEnd;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, IntoRawHandle, OwnedHandle};
use std::sync::{Mutex, PoisonError};
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
    Standard(StandardReader),
    Program(Given),
}

/// The reader of our standard input, while nobody has it: what its thread has read and nobody has taken is for whoever asks
/// next.
static STANDARD: Mutex<Option<Reader>> = Mutex::new(None);

/// The reader of our standard input, which is given back when this is dropped.
struct StandardReader(Option<Reader>);

impl StandardReader {
    fn new() -> io::Result<Self> {
        if let Some(reader) = STANDARD.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(Self(Some(reader)));
        }
        let stdin = io::stdin();
        let reader = match kind_of(stdin.as_handle())? {
            // std turns what is typed from UTF-16 into UTF-8.
            Kind::Console => Reader::of_system(stdin)?,
            _ => Reader::of_system(File::from(stdin.as_handle().try_clone_to_owned()?))?,
        };
        Ok(Self(Some(reader)))
    }

    fn get(&self) -> &Reader {
        self.0.as_ref().expect("it is given back when this is dropped")
    }

    fn get_mut(&mut self) -> &mut Reader {
        self.0.as_mut().expect("it is given back when this is dropped")
    }
}

impl Drop for StandardReader {
    fn drop(&mut self) {
        *STANDARD.lock().unwrap_or_else(PoisonError::into_inner) = self.0.take();
    }
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
            Kind::Console | Kind::Pipe => Ok(Self { source: Source::Standard(StandardReader::new()?) }),
            Kind::File | Kind::Device => Self::from_handle(handle.try_clone_to_owned()?),
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
            Kind::Console | Kind::Pipe => Source::Thread(Reader::of_system(file)?),
        };
        Ok(Self { source })
    }

    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::from_handle(file)
    }

    pub(crate) fn given(given: Given) -> Self {
        Self { source: Source::Program(given) }
    }

    /// What a failure of it is a failure of.
    #[doc(hidden)]
    pub fn failing_end(&self) -> LocalEnd {
        LocalEnd::Input
    }

    /// Nothing else says whether it is whole.
    #[doc(hidden)]
    pub fn end_check_left(&mut self, _: bool) -> Option<Duration> {
        None
    }

    /// Whether it may be read now.
    #[doc(hidden)]
    pub fn is_ready(&self) -> bool {
        match &self.source {
            Source::Thread(reader) => reader.is_ready(),
            Source::Standard(reader) => reader.get().is_ready(),
            Source::Program(given) => given.is_ready(),
            Source::File(_) => true,
        }
    }

    /// The thread knows by itself.
    #[doc(hidden)]
    pub fn set_ready(&mut self) {}

    /// What to wait for until it may be read.
    #[doc(hidden)]
    pub fn watch(&self) -> Watch<'_> {
        let reader = match &self.source {
            Source::Thread(reader) => reader,
            Source::Standard(reader) => reader.get(),
            Source::Program(given) => return given.watch(),
            Source::File(_) => return Watch::none(),
        };
        Watch::new(reader.pollable(), true, false)
    }

    /// What it is for a direct way: there is none.
    #[doc(hidden)]
    pub fn lane(&self) -> Lane<'_> {
        Lane::none()
    }

    /// No direct way finds out.
    #[doc(hidden)]
    pub fn set_blocked(&mut self) {}

    /// No direct way comes to its end.
    #[doc(hidden)]
    pub fn end(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    /// Reads; only when ready. `WouldBlock`: it was not ready after all.
    #[doc(hidden)]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.source {
            // Whatever its errors say, only 0 is its end.
            Source::Program(given) => return given.read(buffer),
            Source::File(file) => file.read(buffer),
            Source::Thread(reader) => reader.read(buffer),
            Source::Standard(reader) => reader.get_mut().read(buffer),
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
    Open {
        file: OpenFile,
        /// It is ours alone: closed after the peer's EOF, and flushed if it is on a disk. Otherwise it is the standard output.
        owned: bool,
    },
    Program(Taken),
    Null,
    /// Ended: closed by us, after the peer's EOF.
    Ended,
}

/// An open file of any kind, for writing.
#[derive(Debug)]
pub struct OpenFile {
    way: Way,
    kind: Kind,
}

#[derive(Debug)]
enum Way {
    File(File),
    Thread(Writer),
}

impl OpenFile {
    /// One that is written to, and left as it is when this is dropped.
    ///
    /// # Errors
    ///
    /// It is closed, or there are no threads left.
    pub fn for_writing(file: File) -> io::Result<Self> {
        let kind = kind_of(file.as_handle())?;
        let way = match kind {
            Kind::File | Kind::Device => Way::File(file),
            Kind::Console | Kind::Pipe => Way::Thread(Writer::of_system(file)?),
        };
        Ok(Self { way, kind })
    }

    /// Whether a call comes to something.
    pub fn is_ready(&self) -> bool {
        match &self.way {
            Way::Thread(writer) => writer.is_ready(),
            Way::File(_) => true,
        }
    }

    /// The thread knows by itself.
    pub fn set_ready(&mut self) {}

    /// What to wait for until it may be written to.
    pub fn watch_room(&self) -> Watch<'_> {
        match &self.way {
            Way::Thread(writer) => Watch::new(writer.pollable(), true, false),
            Way::File(_) => Watch::none(),
        }
    }

    /// Writes; only when ready. `WouldBlock`: it was not ready after all, or is not finished yet, and is to be asked again
    /// with the same bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.way {
            Way::Thread(writer) => writer.write(bytes),
            Way::File(file) => match file.write(bytes) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                other => other,
            },
        }
    }

    /// The file, if it is on a disk.
    fn on_disk(&self) -> Option<&File> {
        match &self.way {
            Way::File(file) if self.kind == Kind::File => Some(file),
            _ => None,
        }
    }
}

/// Takes away what a file had before us: what was written through the same open file stays. Whatever is no regular file has
/// nothing to be taken away.
pub fn empty_file(mut file: &File) -> io::Result<()> {
    if file.metadata().is_ok_and(|about| about.is_file()) && file.stream_position()? == 0 {
        file.set_len(0)?;
    }
    Ok(())
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
        let file = if kind == Kind::Console {
            // std turns UTF-8 into UTF-16.
            OpenFile { way: Way::Thread(Writer::of_system(stdout)?), kind }
        } else {
            OpenFile::for_writing(File::from(handle.try_clone_to_owned()?))?
        };
        Ok(Self::to(Sink::Open { file, owned: false }))
    }

    /// A file, or the writing end of a pipe. It is closed after the peer's EOF.
    ///
    /// # Errors
    ///
    /// There are no threads left.
    pub fn from_handle(handle: impl Into<OwnedHandle>) -> io::Result<Self> {
        let file = OpenFile::for_writing(File::from(handle.into()))?;
        Ok(Self::to(Sink::Open { file, owned: true }))
    }

    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::from_handle(file)
    }

    /// Whether it may be written to now.
    #[doc(hidden)]
    pub fn is_ready(&self) -> bool {
        match &self.sink {
            Sink::Open { file, .. } => file.is_ready(),
            Sink::Program(taken) => taken.is_ready(),
            Sink::Null | Sink::Ended => true,
        }
    }

    /// The thread knows by itself.
    #[doc(hidden)]
    pub fn set_ready(&mut self) {}

    /// What to wait for until it may be written to.
    #[doc(hidden)]
    pub fn watch(&self) -> Watch<'_> {
        match &self.sink {
            Sink::Open { file, .. } => file.watch_room(),
            Sink::Program(taken) => taken.watch(),
            Sink::Null | Sink::Ended => Watch::none(),
        }
    }

    /// The end of a pipe or file of ours, for whoever reads it. A file is on its disk then.
    ///
    /// # Errors
    ///
    /// The disk does not take what was written.
    pub(crate) fn end_file(&mut self) -> io::Result<()> {
        let Sink::Open { file, owned: true } = &self.sink else { return Ok(()) };
        let result = file.on_disk().map_or(Ok(()), File::sync_all);
        self.sink = Sink::Ended;
        result
    }

    /// No wait tells that the reader of a pipe has gone; the next write does.
    #[doc(hidden)]
    pub fn watch_reader(&self) -> Watch<'_> {
        Watch::none()
    }

    /// Nothing tells it.
    #[doc(hidden)]
    pub fn reader_has_gone(&mut self) -> Option<io::Error> {
        None
    }

    pub(crate) fn empty(&self) -> io::Result<()> {
        match &self.sink {
            Sink::Open { file, .. } => file.on_disk().map_or(Ok(()), empty_file),
            _ => Ok(()),
        }
    }

    /// It is never a socket.
    #[expect(clippy::unused_self, reason = "elsewhere it may be a socket")]
    pub(crate) fn reset_on_close(&self) {}

    /// After its end, if the wait may be long: whoever reads our standard output sees the end too.
    ///
    /// Source: SetStdHandle, CloseHandle.
    #[doc(hidden)]
    pub fn let_go(&mut self, a_byte_has_passed: bool) {
        let is_standard = matches!(self.sink, Sink::Open { owned: false, .. });
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
    #[doc(hidden)]
    pub fn lane(&self) -> Lane<'_> {
        Lane::none()
    }

    /// No direct way finds out.
    #[doc(hidden)]
    pub fn set_blocked(&mut self) {}

    /// Whether a failed write only says that the reader wants no more: ERROR_BROKEN_PIPE, or ERROR_NO_DATA ("the pipe
    /// is being closed").
    #[doc(hidden)]
    pub fn is_refusal(&self, error: &io::Error) -> bool {
        self.may_refuse && error.kind() == io::ErrorKind::BrokenPipe
    }

    /// Writes; only when ready. `WouldBlock`: it was not ready after all, or is not finished yet.
    #[doc(hidden)]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Null | Sink::Ended => Ok(bytes.len()),
            Sink::Open { file, .. } => file.write(bytes),
            Sink::Program(taken) => taken.write(bytes),
        }
    }
}
