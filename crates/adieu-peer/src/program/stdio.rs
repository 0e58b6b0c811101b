//! The two ends of a program's standard streams: what feeds its input, what takes its output.

use super::Running;
use super::os::{self, Patient};
use crate::pattern::{Pattern, Verifier};
use crate::scenario::{ProgramInput, ProgramOutput};
use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Longer than any scenario's hang limit; every wait for it ends with the program.
const LONG: Duration = Duration::from_secs(120);

/// Gives the program its input.
pub(super) struct Feed {
    input: ProgramInput,
    pipe: Option<PipeWriter>,
}

impl Feed {
    /// What the program gets as descriptor 0 (`None`: nothing), and what to run beside it.
    pub(super) fn of(input: ProgramInput, scratch: &Path) -> io::Result<(Option<File>, Self)> {
        let file = |file: File| Ok((Some(file), Self { input, pipe: None }));
        match input {
            ProgramInput::File(n) => {
                let path = scratch.join("input");
                io::copy(&mut Pattern::of_program().reader(n), &mut File::create(&path)?)?;
                file(File::open(path)?)
            }
            ProgramInput::Directory => file(File::open(scratch)?),
            ProgramInput::IoError => file(os::unreadable()?),
            ProgramInput::Closed => Ok((None, Self { input, pipe: None })),
            ProgramInput::Pipe(_)
            | ProgramInput::SlowPipe { .. }
            | ProgramInput::OpenSilent(_)
            | ProgramInput::Paced { .. } => {
                let (reader, writer) = os::pipe(false)?;
                Ok((Some(into_file(reader)), Self { input, pipe: Some(writer) }))
            }
        }
    }

    pub(super) fn run(self, run: Running<'_>) -> io::Result<()> {
        let Some(pipe) = self.pipe else { return Ok(()) };
        let mut pipe = patient(pipe, run)?;
        let mut given = 0;
        let mut give = |n: u64| {
            let copied = io::copy(&mut Pattern::of_program().reader_from(given, n), &mut pipe);
            given += n;
            match copied {
                Ok(_) => Ok(true),
                // The program has left, or does not want more: its right.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
                Err(error) => Err(error),
            }
        };
        match self.input {
            ProgramInput::Pipe(n) => {
                give(n)?;
            }
            ProgramInput::SlowPipe { chunk, pause, total } => {
                let mut left = total;
                while left > 0 && run.exited.now() == 0 && give(chunk.clamp(1, left))? {
                    left -= chunk.clamp(1, left);
                    if left > 0 {
                        run.pause(pause);
                    }
                }
            }
            ProgramInput::OpenSilent(n) => {
                give(n)?;
                run.pause(LONG);
            }
            ProgramInput::Paced { first, until_step, then } => {
                if give(first)? {
                    let peer = run.peer.ok_or_else(|| io::Error::other("no peer to wait for"))?;
                    while run.exited.now() == 0 && !peer.wait_for_step(until_step, super::POLL) {}
                    give(then)?;
                }
            }
            ProgramInput::File(_)
            | ProgramInput::Closed
            | ProgramInput::Directory
            | ProgramInput::IoError => {}
        }
        Ok(())
    }
}

/// Takes the program's output.
pub(super) struct Tap {
    output: ProgramOutput,
    from: From,
    verifier: Verifier,
}

enum From {
    Pipe(PipeReader),
    File(PathBuf),
    Nothing,
}

impl Tap {
    /// What the program gets as descriptor 1 (`None`: nothing), and what to run beside it.
    pub(super) fn of(
        output: ProgramOutput,
        scratch: &Path,
        pattern: Pattern,
    ) -> io::Result<(Option<File>, Self)> {
        let tap = |from| Self { output, from, verifier: Verifier::new(pattern) };
        match output {
            ProgramOutput::File => {
                let path = scratch.join("output");
                let file = File::create(&path)?;
                Ok((Some(file), tap(From::File(path))))
            }
            ProgramOutput::DevFull => Ok((Some(os::full()?), tap(From::Nothing))),
            ProgramOutput::Closed => Ok((None, tap(From::Nothing))),
            ProgramOutput::Pipe
            | ProgramOutput::LeavesAfter(_)
            | ProgramOutput::SlowPipe { .. }
            | ProgramOutput::Stalled(_)
            | ProgramOutput::HeldUntilPeerEnds
            | ProgramOutput::NeverRead => {
                let small = !matches!(output, ProgramOutput::Pipe | ProgramOutput::LeavesAfter(_));
                let (reader, writer) = os::pipe(small)?;
                Ok((Some(into_file(writer)), tap(From::Pipe(reader))))
            }
        }
    }

    /// The verified output; `None` where nobody can see it.
    pub(super) fn run(mut self, run: Running<'_>) -> io::Result<Option<Verifier>> {
        let pipe = match self.from {
            From::Nothing => return Ok(None),
            From::File(path) => {
                run.pause(LONG);
                io::copy(&mut File::open(path)?, &mut self.verifier)?;
                return Ok(Some(self.verifier));
            }
            From::Pipe(pipe) => pipe,
        };
        let mut pipe = patient(pipe, run)?;
        let (mut chunk, mut pause) = (64 * 1024, None);
        match self.output {
            ProgramOutput::Stalled(time) => run.pause(time),
            ProgramOutput::HeldUntilPeerEnds => {
                if let Some(peer) = run.peer {
                    while run.exited.now() == 0 && !peer.wait_for_end(super::POLL) {}
                }
            }
            ProgramOutput::NeverRead => run.pause(LONG),
            ProgramOutput::SlowPipe { chunk: size, pause: time } => (chunk, pause) = (size, Some(time)),
            ProgramOutput::LeavesAfter(n) => {
                let mut some = pipe.take(n);
                io::copy(&mut some, &mut Counted { verifier: &mut self.verifier, run })?;
                return Ok(Some(self.verifier));
            }
            ProgramOutput::Pipe | ProgramOutput::File | ProgramOutput::DevFull | ProgramOutput::Closed => {}
        }
        let mut buffer = vec![0; chunk];
        let mut counted = Counted { verifier: &mut self.verifier, run };
        loop {
            if let Some(pause) = pause {
                run.pause(pause);
            }
            let n = pipe.read(&mut buffer)?;
            if n == 0 {
                return Ok(Some(self.verifier));
            }
            counted.write_all(&buffer[..n])?;
        }
    }
}

/// Verifies, and tells who waits for a number of bytes.
struct Counted<'a> {
    verifier: &'a mut Verifier,
    run: Running<'a>,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.verifier.take(bytes);
        self.run.written.reach(self.verifier.count());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long an end may still be held once its program has ended. A process's are closed by then, and those that a
/// driver in this process leaks, or holds while it hangs, must not hold the suite.
const AFTER_EXIT: Duration = Duration::from_secs(2);

/// Our end of a pipe, waited for no longer than the program's end could matter.
fn patient<P: AsEnd>(pipe: P, run: Running<'_>) -> io::Result<Patient<P, impl FnMut() -> io::Result<()>>> {
    let mut ended: Option<Instant> = None;
    Patient::new(pipe, super::POLL, move || {
        if run.exited.now() > 0 && ended.get_or_insert_with(Instant::now).elapsed() > AFTER_EXIT {
            let why = "the program has ended, and its end of the pipe is still open";
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        Ok(())
    })
}

#[cfg(unix)]
use std::os::fd::{AsFd as AsEnd, OwnedFd as Owned};
#[cfg(windows)]
use std::os::windows::io::{AsHandle as AsEnd, OwnedHandle as Owned};

fn into_file(end: impl Into<Owned>) -> File {
    File::from(end.into())
}
