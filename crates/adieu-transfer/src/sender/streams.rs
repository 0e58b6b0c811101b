//! What is read until its end, and is silent as long as it likes: stdin, pipes, the output of a command.

use super::{LOOK, OUT, STREAM_MODE, Sender, Stop, named};
use crate::event::TransferEvent;
use crate::pace::SLICE;
use crate::source::{Producer, SourceError};
use crate::transport::Transport;
use crate::wire::{Control, EntryPath};
use adieu_os::WaitEnd;
use adieu_os::ends::Input;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

impl<T: Transport> Sender<'_, T> {
    /// The output of a command, of which only its exit status says that it is whole.
    pub(super) fn send_output(&mut self, path: &EntryPath, producer: &Producer) -> Result<(), Stop> {
        let (mut running, output) = producer.start()?;
        let input = Input::try_from(output).map_err(|e| SourceError::new("read", "".as_ref(), e))?;
        let (size, hasher) = self.send_input(path, input)?;
        // It may close its output long before it ends.
        while !running.has_ended_well()? {
            self.stay_heard()?;
            thread::sleep(LOOK);
        }
        self.end_file(path, None, STREAM_MODE, size, &hasher)
    }

    pub(super) fn send_stream(&mut self, path: &EntryPath, input: Input) -> Result<(), Stop> {
        let (size, hasher) = self.send_input(path, input)?;
        self.end_file(path, None, STREAM_MODE, size, &hasher)
    }

    /// All that a stream gives; its file has no end yet.
    fn send_input(&mut self, path: &EntryPath, mut input: Input) -> Result<(u64, blake3::Hasher), Stop> {
        self.control(&Control::File { offer: false, mode: STREAM_MODE, size: None, path: path.clone() })?;
        self.observer.tell(TransferEvent::File { path, resumed_from: 0 })?;
        let mut hasher = blake3::Hasher::new();
        let mut size = 0;
        loop {
            self.await_input(&mut input)?;
            match self.send_piece(&mut input, size, OUT - 1, &mut hasher).map_err(|stop| named(stop, path))? {
                Some(0) => return Ok((size, hasher)),
                Some(n) => size += n as u64,
                None => {}
            }
        }
    }

    /// Opens a pipe or device. A FIFO is open once somebody writes to it, so this is a thread's to wait for.
    pub(super) fn await_opening(&mut self, place: PathBuf) -> Result<Input, Stop> {
        let (done, opened) = mpsc::channel();
        let shown = place.clone();
        let fail = |e| SourceError::new("open", &shown, e);
        // If nobody comes it is left behind; what it opens then is closed at once.
        let opening = move || drop(done.send(File::open(place)));
        thread::Builder::new().spawn(opening).map_err(fail)?;
        loop {
            match opened.recv_timeout(SLICE) {
                Ok(file) => return Ok(file.and_then(Input::try_from).map_err(fail)?),
                Err(_) => self.stay_heard()?,
            }
        }
    }

    /// Sleeps until the input has something.
    fn await_input(&mut self, input: &mut Input) -> Result<(), Stop> {
        // The deadline makes nothing readable, so it is looked at so often.
        const LOOK_UP: Duration = Duration::from_millis(100);
        while input.wait(&[], Duration::ZERO)? != WaitEnd::Ready {
            self.stay_heard()?;
            input.wait(&self.channel.link().watched(), LOOK_UP)?;
        }
        Ok(())
    }
}
