//! The sender: reads the sources, sends them as frames, and waits for the receipt.
//!
//! Between two writes it reads what the receiver says, so that a refusal ends a long upload at once. It does not agree on a
//! version or a secret; that is done in the [session], which the receiver needs too.

mod frames;
mod offers;
mod old_offers;
mod out;
mod streams;
mod verdict;

use crate::event::{Cancelled, Observe, Observer, TransferEvent};
use crate::list::List;
use crate::outcome::TransferOutcome;
use crate::pace::SLICE;
use crate::report::TransferRole;
use crate::secret::Secret;
use crate::session::{self, Agreement, Channel, SIGN_OF_LIFE, Terms};
use crate::source::{Change, Entry, Omitted, Opened, SourceError, Sources};
use crate::transport::Transport;
use crate::wire::{
    ATTRIBUTES, Activity, Attributes, Control, Decoder, EntryPath, FRAME_HEADER, HOLE_LIMIT, Hash, Modified,
    NAMED_OFFERS, OPEN_UNTIL_RECEIPT, ProtocolError, Receipt, Totals,
};
use crate::zeros;
use adieu_os::RateLimit;
use adieu_os::ends::Input;
use offers::{Offer, OffersMade};
use old_offers::OldOffers;
use out::Out;
use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The options of a sender. The default: it does not resume, has no secret and no limits.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// Ask the receiver what it has of each file, and send the rest. What can be read only once is sent whole.
    pub resume: bool,
    /// Send the times of files and directories, and the permissions of directories, which the receiver applies when everything
    /// is there. A receiver that is too old for that is sent nothing.
    pub preserve: bool,
    /// Encrypts the transfer, and proves to each side that the other knows it. Both sides must have the same one, or none.
    pub secret: Option<Secret>,
    /// Most bytes of content per second. `None`: no limit.
    pub limit_rate: Option<u64>,
    /// How long the peer may take for its hello, and for each message that shows that it knows the secret. `None`: 30 s.
    pub patience: Option<Duration>,
}

/// Frames are gathered up to this size and sent in one call: it fits into the processor's own cache beside the hash.
const OUT: usize = 512 * 1024;
/// The least room for which a DATA frame is begun.
const LEAST_ROOM: usize = 16 * 1024;
/// Limit for a receiver that has an offer and neither answers nor gives a sign of life.
const SILENCE: Duration = Duration::from_secs(60);
/// The permission bits of a stream, which has none of its own.
const STREAM_MODE: u16 = 0o666;
/// How often a command is looked at that has closed its output and has not ended, and a source that has nothing yet.
const LOOK: Duration = Duration::from_millis(20);

/// Sends everything and waits for the receipt, and blocks until then. `observe` is told what happens, and can cancel it: see
/// [`TransferEvent`].
///
/// Afterwards the transport has ended in both directions, or has failed, or is to be aborted, which [`Wire::finish`] does. The
/// outcome is the sender's own knowledge; whether anything is confirmed is in its [verdict](crate::Verdict).
///
/// [`Wire::finish`]: crate::Wire::finish
pub fn send<T: Transport>(
    link: &mut T,
    sources: &Sources,
    options: &SendOptions,
    observe: Observe<'_>,
) -> TransferOutcome {
    let terms = Terms { patience: options.patience, ..Terms::new(options.secret.as_ref()) };
    match session::agree(link, TransferRole::Send, &terms) {
        Ok(agreement) => send_agreed(link, agreement, sources, options, observe),
        Err(outcome) => *outcome,
    }
}

/// Sends everything to a receiver with which there is an [agreement](crate::agree) already. Times count from its hellos on.
pub fn send_agreed<T: Transport>(
    link: &mut T,
    agreement: Agreement,
    sources: &Sources,
    options: &SendOptions,
    observe: Observe<'_>,
) -> TransferOutcome {
    let (start, version) = (agreement.began, agreement.version);
    let mut observer = Observer::new(observe);
    let (channel, outcome) = session::begin(link, agreement, &mut observer);
    let mut sender = Sender {
        channel,
        start,
        outcome,
        single: sources.is_single(),
        preserves: options.preserve,
        out: Out::new(),
        scratch: Vec::new(),
        incoming: vec![0; 64 * 1024].into_boxed_slice(),
        decoder: Decoder::default(),
        offers: OffersMade::default(),
        old_offers: OldOffers::default(),
        rate_limit: RateLimit::new(options.limit_rate),
        list: List::new(version),
        last_sign: start,
        heard: 0,
        observer,
    };
    let result = sender.run(sources, options);
    let mut outcome = sender.conclude(result);
    outcome.times.ended = start.elapsed();
    outcome
}

/// Why sending stopped.
#[derive(Debug)]
enum Stop {
    /// A file of ours.
    Source(SourceError),
    /// The connection.
    Link(io::Error),
    /// The receiver has not answered an offer for [`SILENCE`].
    Unanswered,
    /// The receiver's answer came before the end.
    Answered(Receipt),
    /// The receiver is too old for what is to be preserved.
    CannotPreserve,
    /// What the receiver says is no protocol.
    Protocol(ProtocolError),
    /// The program that sends.
    Cancelled,
}

impl From<Cancelled> for Stop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
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
    outcome: TransferOutcome,
    single: bool,
    preserves: bool,
    /// Frames that wait to be sent.
    out: Out,
    scratch: Vec<u8>,
    incoming: Box<[u8]>,
    decoder: Decoder,
    offers: OffersMade,
    old_offers: OldOffers,
    rate_limit: RateLimit,
    list: List,
    last_sign: Instant,
    /// Frames that the peer has sent.
    heard: u64,
    observer: Observer<'a>,
}

impl<T: Transport> Sender<'_, T> {
    /// Whether what came with this version of the protocol holds.
    fn speaks(&self, version: u8) -> bool {
        self.outcome.version.is_some_and(|agreed| agreed >= version)
    }

    /// Our sending side stays open until there is a receipt.
    fn keeps_open(&self) -> bool {
        self.speaks(OPEN_UNTIL_RECEIPT)
    }

    fn run(&mut self, sources: &Sources, options: &SendOptions) -> Result<Receipt, Stop> {
        if self.observer.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if self.preserves && !self.speaks(ATTRIBUTES) {
            return Err(Stop::CannotPreserve);
        }
        let bytes = sources.bytes();
        self.control(&Control::Begin { single: self.single, bytes })?;
        // At once: what is sent may be silent for long, and a receiver does not wait as long for one that only said hello.
        self.flush()?;
        if let Some(bytes) = bytes {
            self.observer.tell(TransferEvent::Total { bytes })?;
        }
        if options.resume {
            self.outcome.resumed_from = Some(0);
        }
        for entry in sources.entries() {
            match entry? {
                Entry::File { path, place } => {
                    let opened = Opened::new(&place, &path)?;
                    let is_offered = options.resume && place.can_be_read_again();
                    match opened.size {
                        Some(size) if is_offered && self.speaks(NAMED_OFFERS) => {
                            let attributes = self.attributes_of(&opened, &path)?;
                            let (hash, mode) = self.hash_of(opened, &path, size)?;
                            self.offer(Offer { path, place, mode, size, hash, attributes })?;
                        }
                        Some(size) if is_offered => {
                            let mode = opened.mode;
                            drop(opened);
                            self.old_offer(path, place, mode, size)?;
                        }
                        Some(size) => self.send_file(&path, opened, size)?,
                        None => {
                            self.serve_all()?;
                            self.send_unsized(&path, opened)?;
                        }
                    }
                }
                Entry::Stream { path, place } => {
                    self.serve_all()?;
                    let input = match place {
                        Some(place) => self.await_opening(place)?,
                        None => Input::stdin().map_err(|e| SourceError::new("read", "stdin".as_ref(), e))?,
                    };
                    self.send_stream(&path, input)?;
                }
                Entry::Command { path, producer } => {
                    self.serve_all()?;
                    self.send_output(&path, &producer)?;
                }
                Entry::Directory { path, place } => {
                    let attributes = if self.preserves {
                        let (mode, modified) = place.attributes()?;
                        Some(attributes(mode, modified, &path)?)
                    } else {
                        None
                    };
                    self.say_attributes(attributes)?;
                    self.list.directory(&path, attributes);
                    self.control(&Control::Directory { path })?;
                }
                Entry::Link { path, target } => {
                    self.list.link(&path, &target);
                    self.control(&Control::Link { path, target })?;
                }
                Entry::Omitted(Omitted { place, why: Some(_) }) => self.outcome.left_out.add(place),
                Entry::Omitted(Omitted { why: None, .. }) => {}
            }
        }
        if let Some(receipt) = self.end_by_offers()? {
            return Ok(receipt);
        }
        self.serve_all()?;
        let totals = self.list.totals(self.single);
        self.control(&Control::End(totals))?;
        self.flush()?;
        if !self.keeps_open() {
            self.channel.shutdown_send()?;
        }
        // Not before: without our END the receiver stores nothing, and in version 1 not without our FIN.
        self.has_sent_all(totals)?;
        self.await_receipt()
    }

    /// From now on all of it may be stored.
    fn has_sent_all(&mut self, totals: Totals) -> Result<(), Stop> {
        (self.outcome.totals, self.outcome.is_whole) = (totals, true);
        self.outcome.times.all_moved = Some(self.start.elapsed());
        Ok(self.observer.tell(TransferEvent::AllSent)?)
    }

    /// The receiver has not all that was offered.
    fn has_not_sent_all(&mut self) {
        (self.outcome.totals, self.outcome.is_whole) = (Totals::default(), false);
        self.outcome.times.all_moved = None;
    }

    fn send_file(&mut self, path: &EntryPath, opened: Opened<'_>, size: u64) -> Result<(), Stop> {
        let mode = opened.mode;
        let attributes = self.attributes_of(&opened, path)?;
        self.say_attributes(attributes)?;
        self.control(&Control::File { offer: false, mode, size: Some(size), path: path.clone() })?;
        self.observer.tell(TransferEvent::File { path, resumed_from: 0 })?;
        self.send_content(path, opened, size, 0, blake3::Hasher::new(), None)
    }

    /// What is to be preserved of a file. `None`: nothing.
    fn attributes_of(
        &self,
        opened: &Opened<'_>,
        path: &EntryPath,
    ) -> Result<Option<Attributes>, SourceError> {
        let Some(modified) = opened.modified.filter(|_| self.preserves) else { return Ok(None) };
        attributes(opened.mode, modified, path).map(Some)
    }

    /// Says them of the entry whose frame comes next.
    fn say_attributes(&mut self, attributes: Option<Attributes>) -> Result<(), Stop> {
        attributes.map_or(Ok(()), |attributes| self.control(&Control::Attributes(attributes)))
    }

    /// A file of which only its end tells its size.
    fn send_unsized(&mut self, path: &EntryPath, mut opened: Opened<'_>) -> Result<(), Stop> {
        let mode = opened.mode;
        let attributes = self.attributes_of(&opened, path)?;
        self.say_attributes(attributes)?;
        self.control(&Control::File { offer: false, mode, size: None, path: path.clone() })?;
        self.observer.tell(TransferEvent::File { path, resumed_from: 0 })?;
        let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
        loop {
            match self.send_piece(&mut opened, size, OUT, &mut hasher).map_err(|stop| named(stop, path))? {
                Some(0) => return self.end_file(path, attributes, mode, size, &hasher),
                Some(n) => size += n as u64,
                None => self.await_source()?,
            }
        }
    }

    /// Every offer is answered, and what the receiver does not have is sent.
    fn serve_all(&mut self) -> Result<(), Stop> {
        if self.speaks(NAMED_OFFERS) { self.serve_offers() } else { self.serve_old_offers() }
    }

    /// Hashes our own file up to there. `None`: it ends before.
    fn hash_beginning(
        &mut self,
        file: &mut Opened<'_>,
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.await_source()?,
                Err(error) => return Err(SourceError::new("read", "what was sent".as_ref(), error).into()),
            }
            self.observer.tell(TransferEvent::Hashing { done })?;
            if self.last_sign.elapsed() >= SIGN_OF_LIFE {
                self.control(&Control::Phase { activity: Activity::Hashing, done })?;
                self.flush()?;
            }
        }
        Ok(Some(*hasher.finalize().as_bytes()))
    }

    /// Sends a file from `offset` on; `hasher` has what is before that. `offered` is the hash that its offer named.
    fn send_content(
        &mut self,
        path: &EntryPath,
        mut opened: Opened<'_>,
        size: u64,
        offset: u64,
        mut hasher: blake3::Hasher,
        offered: Option<&Hash>,
    ) -> Result<(), Stop> {
        let mut at = offset;
        // Where the data ends that begins at `at`.
        let mut data_end = if opened.is_sparse { at } else { size };
        while at < size {
            if at == data_end {
                let (hole, end) = opened.next_data(size, at);
                if hole > 0 {
                    self.send_hole(hole, &mut hasher)?;
                    at += hole;
                }
                data_end = end;
                continue;
            }
            let most = usize::try_from(data_end - at).unwrap_or(usize::MAX);
            let n = self.send_piece(&mut opened, at, most, &mut hasher);
            match n.map_err(|stop| named(stop, path))? {
                // It has become shorter, or the system gives it a size that it has not.
                Some(0) if opened.change() == Change::Content => {
                    return Err(SourceError::changed(path).into());
                }
                Some(0) => return Err(opened.ended_early(path, size, at).into()),
                Some(n) => at += n as u64,
                None => self.await_source()?,
            }
        }
        self.ends_there(&mut opened, path, size)?;
        match opened.change() {
            Change::Nothing => {}
            Change::Inode if self.reads_the_same_again(&mut opened, path, size, &hasher)? => {}
            _ => return Err(SourceError::changed(path).into()),
        }
        if offered.is_some_and(|offered| offered != hasher.finalize().as_bytes()) {
            return Err(SourceError::changed(path).into());
        }
        let attributes = self.attributes_of(&opened, path)?;
        self.end_file(path, attributes, opened.mode, size, &hasher)
    }

    /// Whether a file still has the content that was sent of it.
    fn reads_the_same_again(
        &mut self,
        opened: &mut Opened<'_>,
        path: &EntryPath,
        size: u64,
        sent: &blake3::Hasher,
    ) -> Result<bool, Stop> {
        opened.seek(path, 0)?;
        let now = self.hash_beginning(opened, size, &mut blake3::Hasher::new())?;
        Ok(now == Some(*sent.finalize().as_bytes()) && opened.change() != Change::Content)
    }

    /// Refuses a program's source that goes on behind the size that it gave. Of a file its size tells it.
    fn ends_there(&mut self, opened: &mut Opened<'_>, path: &EntryPath, size: u64) -> Result<(), Stop> {
        while opened.is_given() {
            match opened.read(&mut [0]) {
                Ok(0) => break,
                Ok(_) => return Err(SourceError::longer(path, size).into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.await_source()?,
                Err(error) => return Err(SourceError::of(path, error).into()),
            }
        }
        Ok(())
    }

    /// A source has nothing yet.
    fn await_source(&mut self) -> Result<(), Stop> {
        self.stay_heard()?;
        thread::sleep(LOOK);
        Ok(())
    }

    /// While our own input is silent: sends what it gave before, and hears the peer, a signal, and the deadline.
    fn stay_heard(&mut self) -> Result<(), Stop> {
        self.flush()?;
        // All of it: what is decrypted already does not make a socket readable.
        while self.hear(Some(Duration::ZERO))? {}
        Ok(())
    }

    /// Reads a piece from `at` on into the frames that wait, and sends them if they are many. Gives the length of the piece.
    /// `None`: the input was not ready after all.
    fn send_piece(
        &mut self,
        from: &mut impl Read,
        at: u64,
        most: usize,
        hasher: &mut blake3::Hasher,
    ) -> Result<Option<usize>, Stop> {
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
        let room = self.out.content(self.rate_limit.piece(most));
        let n = loop {
            match from.read(room) {
                Ok(n) => break n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(SourceError::new("read", "".as_ref(), error).into()),
            }
        };
        if n == 0 {
            return Ok(Some(0));
        }
        hasher.update(&room[..n]);
        self.out.push_content(n);
        self.moved(n as u64)?;
        Ok(Some(n))
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
            self.observer.tell(TransferEvent::Moved { bytes: part })?;
        }
        Ok(())
    }

    fn end_file(
        &mut self,
        path: &EntryPath,
        attributes: Option<Attributes>,
        mode: u16,
        size: u64,
        hasher: &blake3::Hasher,
    ) -> Result<(), Stop> {
        let hash = *hasher.finalize().as_bytes();
        self.list.file(path, attributes, mode, size, &hash);
        self.control(&Control::FileEnd { size, hash })
    }

    fn moved(&mut self, bytes: u64) -> Result<(), Stop> {
        self.outcome.moved += bytes;
        self.observer.tell(TransferEvent::Moved { bytes })?;
        let until = Instant::now() + self.rate_limit.after(bytes);
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

/// What is to be preserved of an entry.
fn attributes(mode: u16, modified: SystemTime, path: &EntryPath) -> Result<Attributes, SourceError> {
    let modified = Modified::of(modified).ok_or_else(|| SourceError::no_time(path))?;
    Ok(Attributes { mode, modified })
}

/// A reading error does not know the name of its file.
fn named(stop: Stop, path: &EntryPath) -> Stop {
    match stop {
        Stop::Source(error) => Stop::Source(error.named(path)),
        other => other,
    }
}
