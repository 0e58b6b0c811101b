//! The sender: entries and content out, and between its writes an ear for the receiver.

mod frames;
mod out;
mod verdict;

use crate::list::List;
use crate::os;
use crate::outcome::{Outcome, Verdict};
use crate::pace::{Pace, SLICE};
use crate::secret::Secret;
use crate::session::{self, Channel, SessionError};
use crate::source::{Change, Entry, FilePlace, Opened, SourceError, Sources};
use crate::transport::Transport;
use crate::wire::{
    Control, Decoder, EntryPath, FRAME_HEADER, HOLE_LIMIT, Hash, Have, HaveState, OPEN_UNTIL_RECEIPT,
    PeerRole, Phase, ProtocolError, Receipt,
};
use crate::{Step, outcome, zeros};
use out::Out;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How the sender goes about it.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// Ask the receiver what it has of each file, and send the rest.
    pub resume: bool,
    /// Both sides must know it.
    pub secret: Option<Secret>,
    /// Bytes of content per second. `None`: as fast as it goes.
    pub limit_rate: Option<u64>,
    /// How long the peer may take for its hello, and for each message that shows that it knows the secret. `None`: 30 s.
    pub patience: Option<Duration>,
}

/// Frames are gathered up to this size and sent in one call: it fits into the processor's own cache beside the hash.
const OUT: usize = 512 * 1024;
/// A DATA frame is not begun for less room than this.
const LEAST_ROOM: usize = 16 * 1024;
/// How many offers may be without an answer or a start. Their answers fit into any socket's buffer.
const OFFERS: usize = 64;
/// How long a receiver may leave an offer without an answer or a sign of life.
const SILENCE: Duration = Duration::from_secs(60);
/// While this side hashes it says so that often.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Sends everything and waits for the receipt. The transport is left as it came to be: ended in both directions, or failed.
pub fn send<T: Transport>(
    link: &mut T,
    sources: &Sources,
    options: &SendOptions,
    observe: &mut dyn FnMut(Step<'_>),
) -> Outcome {
    let start = Instant::now();
    let mut outcome = Outcome::new();
    let (mut channel, agreed) =
        session::open(link, PeerRole::Sender, options.secret.as_ref(), options.patience);
    let version = match agreed {
        Ok(version) => version,
        Err(error) => {
            outcome.verdict = not_agreed(error, PeerRole::Receiver);
            session::part(&mut channel, &outcome.verdict);
            outcome.times.ended = start.elapsed();
            return outcome;
        }
    };
    outcome.version = Some(version);
    outcome.encrypted = channel.is_encrypted();
    outcome.times.agreed = Some(start.elapsed());
    observe(Step::Agreed { version, encrypted: channel.is_encrypted() });
    let mut sender = Sender {
        channel,
        start,
        outcome,
        single: sources.is_single(),
        out: Out::new(),
        scratch: Vec::new(),
        incoming: vec![0; 64 * 1024].into_boxed_slice(),
        decoder: Decoder::default(),
        answers: VecDeque::new(),
        pace: Pace::new(options.limit_rate),
        list: List::default(),
        last_sign: start,
        heard: 0,
        observe,
    };
    let result = sender.run(sources, options);
    let mut outcome = sender.conclude(result);
    outcome.times.ended = start.elapsed();
    outcome
}

pub(crate) fn not_agreed(error: SessionError, peer: PeerRole) -> Verdict {
    match error {
        SessionError::Silent(_) => Verdict::Silent {
            words: format!(
                "{error}: it may be busy with another transfer, or is no adieu {}",
                peer.command()
            ),
        },
        SessionError::Link(error) => match interrupted(&error) {
            Some(verdict) => verdict,
            None => Verdict::NotAgreed {
                words: match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the peer closed before it had said who it is".to_owned(),
                    _ => format!("{} before the peer had said who it is", outcome::cause(&error)),
                },
                by_link: true,
            },
        },
        other => Verdict::NotAgreed { words: other.to_string(), by_link: false },
    }
}

pub(crate) fn interrupted(error: &io::Error) -> Option<Verdict> {
    let ended = error.get_ref()?.downcast_ref::<adieu::Ended>()?;
    match ended.ending {
        adieu::Ending::Interrupted { signal } => Some(Verdict::Interrupted { signal }),
        _ => None,
    }
}

/// The receiver has not answered an offer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the peer did not answer for {} s", SILENCE.as_secs())]
struct Silent;

/// Why sending stopped.
#[derive(Debug)]
enum Stop {
    /// A file of ours.
    Source(SourceError),
    /// The connection.
    Link(io::Error),
    /// The receiver's answer came before the end.
    Answered(Receipt),
    /// What the receiver says is no protocol.
    Protocol(ProtocolError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Link(error)
    }
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

struct Sender<'a, T: Transport> {
    channel: Channel<&'a mut T>,
    start: Instant,
    outcome: Outcome,
    single: bool,
    /// Frames that wait to be sent.
    out: Out,
    scratch: Vec<u8>,
    incoming: Box<[u8]>,
    decoder: Decoder,
    answers: VecDeque<Have>,
    pace: Pace,
    list: List,
    last_sign: Instant,
    /// Frames that the peer has sent.
    heard: u64,
    observe: &'a mut dyn FnMut(Step<'_>),
}

/// An offer whose answer is awaited.
struct Offered {
    path: EntryPath,
    place: FilePlace,
    size: u64,
}

impl<T: Transport> Sender<'_, T> {
    /// Our sending side stays open until there is a receipt.
    fn keeps_open(&self) -> bool {
        self.outcome.version.is_some_and(|version| version >= OPEN_UNTIL_RECEIPT)
    }

    fn run(&mut self, sources: &Sources, options: &SendOptions) -> Result<Receipt, Stop> {
        let bytes = sources.bytes();
        self.control(&Control::Begin { single: self.single, bytes })?;
        if let Some(bytes) = bytes {
            (self.observe)(Step::Total { bytes });
        }
        if options.resume {
            self.outcome.resumed_from = Some(0);
        }
        let mut offered: VecDeque<Offered> = VecDeque::new();
        for entry in sources.entries() {
            match entry? {
                Entry::File { path, place } => {
                    let opened = Opened::new(&place)?;
                    match opened.size {
                        Some(size) if options.resume => {
                            let mode = opened.mode;
                            self.control(&Control::File {
                                offer: true,
                                mode,
                                size: Some(size),
                                path: path.clone(),
                            })?;
                            offered.push_back(Offered { path, place, size });
                            if offered.len() >= OFFERS {
                                self.serve_front(&mut offered)?;
                            }
                        }
                        Some(size) => self.send_file(&path, opened, size)?,
                        None => {
                            self.serve_all(&mut offered)?;
                            self.send_unsized(&path, opened)?;
                        }
                    }
                }
                Entry::Stream { path, place } => {
                    self.serve_all(&mut offered)?;
                    let input = match place {
                        Some(place) => self.await_opening(place)?,
                        None => {
                            os::Input::stdin().map_err(|e| SourceError::new("read", "stdin".as_ref(), e))?
                        }
                    };
                    self.send_stream(&path, input)?;
                }
                Entry::Directory { path } => {
                    self.list.directory(&path);
                    self.control(&Control::Directory { path })?;
                }
                Entry::Link { path, target } => {
                    self.list.link(&path, &target);
                    self.control(&Control::Link { path, target })?;
                }
            }
        }
        self.serve_all(&mut offered)?;
        let totals = self.list.totals(self.single);
        self.control(&Control::End(totals))?;
        self.flush()?;
        if !self.keeps_open() {
            self.channel.shutdown_send()?;
        }
        // Not before: without our END the receiver stores nothing, and in version 1 not without our FIN.
        (self.outcome.totals, self.outcome.is_whole) = (totals, true);
        self.outcome.times.all_moved = Some(self.start.elapsed());
        (self.observe)(Step::AllSent);
        self.await_receipt()
    }

    fn send_file(&mut self, path: &EntryPath, opened: Opened, size: u64) -> Result<(), Stop> {
        let mode = opened.mode;
        self.control(&Control::File { offer: false, mode, size: Some(size), path: path.clone() })?;
        (self.observe)(Step::File { path, resumed_from: 0 });
        self.send_content(path, opened, size, 0, blake3::Hasher::new())
    }

    /// A file of which only its end tells its size.
    fn send_unsized(&mut self, path: &EntryPath, mut opened: Opened) -> Result<(), Stop> {
        let mode = opened.mode;
        self.control(&Control::File { offer: false, mode, size: None, path: path.clone() })?;
        (self.observe)(Step::File { path, resumed_from: 0 });
        let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
        loop {
            match self
                .send_piece(&mut opened.file, size, OUT, &mut hasher)
                .map_err(|stop| named(stop, path))?
            {
                0 => return self.end_file(path, mode, size, &hasher),
                n => size += n as u64,
            }
        }
    }

    fn serve_all(&mut self, offered: &mut VecDeque<Offered>) -> Result<(), Stop> {
        while !offered.is_empty() {
            self.serve_front(offered)?;
        }
        Ok(())
    }

    /// Waits for the answer to the front offer, and sends what is missing.
    fn serve_front(&mut self, offered: &mut VecDeque<Offered>) -> Result<(), Stop> {
        let Some(Offered { path, place, size }) = offered.pop_front() else { return Ok(()) };
        self.flush()?;
        let mut silent_since = Instant::now();
        while self.answers.is_empty() {
            let before = self.heard;
            self.hear(Some(SILENCE))?;
            if self.heard != before {
                silent_since = Instant::now();
            } else if silent_since.elapsed() >= SILENCE {
                return Err(Stop::Link(io::Error::new(io::ErrorKind::TimedOut, Silent)));
            }
        }
        let have = self.answers.pop_front();
        let mut opened = Opened::new(&place)?;
        if opened.size != Some(size) {
            return Err(SourceError::changed(&path).into());
        }
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0;
        if let Some(Have { state, length, hash }) = have
            && state != HaveState::Nothing
            && (1..=size).contains(&length)
        {
            let ours = self.hash_beginning(&mut opened.file, length, &mut hasher)?;
            let ours = ours.ok_or_else(|| SourceError::changed(&path))?;
            if ours == hash {
                offset = length;
                self.outcome.files_kept += u64::from(state == HaveState::Stored);
            } else {
                hasher = blake3::Hasher::new();
                let rewound = opened.file.seek(SeekFrom::Start(0));
                rewound.map_err(|e| SourceError::new("read", &place.shown(), e))?;
            }
        }
        self.control(&Control::Start { offset })?;
        (self.observe)(Step::File { path: &path, resumed_from: offset });
        (self.observe)(Step::Moved { bytes: offset });
        if let Some(resumed) = &mut self.outcome.resumed_from {
            *resumed += offset;
        }
        self.send_content(&path, opened, size, offset, hasher)
    }

    /// Hashes our own file up to there. `None`: it ends before.
    fn hash_beginning(
        &mut self,
        file: &mut File,
        length: u64,
        hasher: &mut blake3::Hasher,
    ) -> Result<Option<Hash>, Stop> {
        let mut buffer = vec![0; 256 * 1024];
        let mut done = 0;
        while done < length {
            let most = usize::try_from(length - done).unwrap_or(usize::MAX).min(buffer.len());
            match file.read(&mut buffer[..most]) {
                Ok(0) => return Ok(None),
                Ok(n) => {
                    hasher.update(&buffer[..n]);
                    done += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::new("read", "what was sent".as_ref(), error).into()),
            }
            (self.observe)(Step::Hashing { done });
            if self.last_sign.elapsed() >= SIGN_OF_LIFE {
                self.control(&Control::Phase { phase: Phase::Hashing, done })?;
                self.flush()?;
            }
        }
        Ok(Some(*hasher.finalize().as_bytes()))
    }

    fn send_content(
        &mut self,
        path: &EntryPath,
        mut opened: Opened,
        size: u64,
        offset: u64,
        mut hasher: blake3::Hasher,
    ) -> Result<(), Stop> {
        let mut at = offset;
        // Where the data ends that begins at `at`.
        let mut data_end = if opened.is_sparse { at } else { size };
        while at < size {
            if at == data_end {
                let (hole, end) = os::next_data(&mut opened.file, size, at);
                if hole > 0 {
                    self.send_hole(hole, &mut hasher)?;
                    at += hole;
                }
                data_end = end;
                continue;
            }
            let most = usize::try_from(data_end - at).unwrap_or(usize::MAX);
            let n = self.send_piece(&mut opened.file, at, most, &mut hasher);
            match n.map_err(|stop| named(stop, path))? {
                // It has become shorter, or the system gives it a size that it has not.
                0 if opened.change() == Change::Content => return Err(SourceError::changed(path).into()),
                0 => return Err(SourceError::shorter(path, size, at).into()),
                n => at += n as u64,
            }
        }
        match opened.change() {
            Change::Nothing => {}
            Change::Inode if self.reads_the_same_again(&mut opened, path, size, &hasher)? => {}
            _ => return Err(SourceError::changed(path).into()),
        }
        self.end_file(path, opened.mode, size, &hasher)
    }

    /// Whether a file still has the content that was sent of it.
    fn reads_the_same_again(
        &mut self,
        opened: &mut Opened,
        path: &EntryPath,
        size: u64,
        sent: &blake3::Hasher,
    ) -> Result<bool, Stop> {
        let rewound = opened.file.rewind();
        rewound.map_err(|e| SourceError::new("read", path.to_string().as_ref(), e))?;
        let now = self.hash_beginning(&mut opened.file, size, &mut blake3::Hasher::new())?;
        Ok(now == Some(*sent.finalize().as_bytes()) && opened.change() != Change::Content)
    }

    fn send_stream(&mut self, path: &EntryPath, mut input: os::Input) -> Result<(), Stop> {
        const MODE: u16 = 0o666;
        self.control(&Control::File { offer: false, mode: MODE, size: None, path: path.clone() })?;
        (self.observe)(Step::File { path, resumed_from: 0 });
        let mut hasher = blake3::Hasher::new();
        let mut size = 0;
        loop {
            self.await_input(&mut input)?;
            match self.send_piece(&mut input, size, OUT - 1, &mut hasher).map_err(|stop| named(stop, path))? {
                0 => break,
                n => size += n as u64,
            }
        }
        self.end_file(path, MODE, size, &hasher)
    }

    /// Opens a pipe or device. A FIFO is open once somebody writes to it, so this is a thread's to wait for.
    fn await_opening(&mut self, place: PathBuf) -> Result<os::Input, Stop> {
        let (done, opened) = mpsc::channel();
        let shown = place.clone();
        let fail = |e| SourceError::new("open", &shown, e);
        // If nobody comes it is left behind; what it opens then is closed at once.
        let opening = move || drop(done.send(File::open(place)));
        thread::Builder::new().spawn(opening).map_err(fail)?;
        loop {
            match opened.recv_timeout(SLICE) {
                Ok(file) => return Ok(file.and_then(os::Input::new).map_err(fail)?),
                Err(_) => self.stay_heard()?,
            }
        }
    }

    /// While our own input is silent: sends what it gave before, and hears the peer, a signal, and the deadline.
    fn stay_heard(&mut self) -> Result<(), Stop> {
        self.flush()?;
        // All of it: what is decrypted already does not make a socket readable.
        while self.hear(Some(Duration::ZERO))? {}
        Ok(())
    }

    /// Sleeps until the input has something.
    fn await_input(&mut self, input: &mut os::Input) -> Result<(), Stop> {
        // The deadline makes nothing readable, so it is looked at so often.
        const LOOK: Duration = Duration::from_millis(100);
        while !input.is_ready() {
            self.stay_heard()?;
            input.wait(self.channel.link(), LOOK)?;
        }
        Ok(())
    }

    /// Reads a piece from `at` on into the frames that wait, and sends them if they are many. Gives the length of the piece.
    fn send_piece(
        &mut self,
        from: &mut impl Read,
        at: u64,
        most: usize,
        hasher: &mut blake3::Hasher,
    ) -> Result<usize, Stop> {
        let most = if most >= OUT {
            // Pieces of a long file end at multiples of a piece, each a call and a frame of its own: a hash takes long for what
            // is no multiple of its blocks.
            self.flush()?;
            OUT - usize::try_from(at % OUT as u64).unwrap_or(0)
        } else {
            if self.out.room() < LEAST_ROOM + FRAME_HEADER {
                self.flush()?;
            }
            most
        };
        let room = self.out.content(self.pace.piece(most));
        let n = loop {
            match from.read(room) {
                Ok(n) => break n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::new("read", "".as_ref(), error).into()),
            }
        };
        if n == 0 {
            return Ok(0);
        }
        hasher.update(&room[..n]);
        self.out.push_content(n);
        self.moved(n as u64)?;
        Ok(n)
    }

    fn send_hole(&mut self, length: u64, hasher: &mut blake3::Hasher) -> Result<(), Stop> {
        let mut left = length;
        while left > 0 {
            // In parts, so that the receiver hashes while we do.
            let part = left.min(HOLE_LIMIT);
            self.control(&Control::Hole { length: part })?;
            self.flush()?;
            for piece in zeros::pieces(part) {
                hasher.update(piece);
            }
            left -= part;
            self.outcome.moved += part;
            (self.observe)(Step::Moved { bytes: part });
        }
        Ok(())
    }

    fn end_file(
        &mut self,
        path: &EntryPath,
        mode: u16,
        size: u64,
        hasher: &blake3::Hasher,
    ) -> Result<(), Stop> {
        let hash = *hasher.finalize().as_bytes();
        self.list.file(path, mode, size, &hash);
        self.control(&Control::FileEnd { size, hash })
    }

    fn moved(&mut self, bytes: u64) -> Result<(), Stop> {
        self.outcome.moved += bytes;
        (self.observe)(Step::Moved { bytes });
        let until = Instant::now() + self.pace.after(bytes);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.flush()?;
            thread::sleep(left.min(SLICE));
            self.hear(Some(Duration::ZERO))?;
        }
    }
}

/// A reading error does not know the name of its file.
fn named(stop: Stop, path: &EntryPath) -> Stop {
    match stop {
        Stop::Source(error) => match error.into_io_error() {
            Ok(error) => Stop::Source(SourceError::new("read", path.to_string().as_ref(), error)),
            Err(error) => Stop::Source(error),
        },
        other => other,
    }
}
