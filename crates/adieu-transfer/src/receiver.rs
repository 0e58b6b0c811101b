//! The receiver: takes the sender's frames, gives their content to the storage, and answers with the receipt.
//!
//! It checks that the frames come in the order of the protocol, and that each file has the size and the hash that the sender
//! gave it. Where and how a file is stored is the [storage](crate::storage)'s. It imports nothing from the sender.

mod offers;
mod verdict;

use crate::event::{Cancelled, Observe, Observer, TransferEvent};
use crate::list::List;
use crate::outcome::{self, TransferOutcome, Verdict, difference};
use crate::pace::SLICE;
use crate::report::TransferRole;
use crate::secret::Secret;
use crate::session::{self, Agreement, Channel, Terms};
use crate::storage::{Awaited, Confirmation, FileInfo, Incoming, Offered, Storage, StorageError, Wanted};
use crate::transport::Transport;
use crate::wire::{
    ATTRIBUTES, Activity, Attributes, Control, Decoder, EntryPath, FRAME_HEADER, Hash, Item, NAMED_OFFERS,
    NameError, OPEN_UNTIL_RECEIPT, ProtocolError, Receipt, Status, Totals, link_stays_inside,
};
use crate::zeros;
use adieu_os::RateLimit;
use offers::OffersHeard;
use std::io;
use std::time::{Duration, Instant};

/// The options of a receiver. The default: it keeps nothing after a failure, has no secret and no limits.
#[derive(Debug, Clone, Default)]
pub struct ReceiveOptions {
    /// After a failure, keep what is not stored, to resume from: on a disk, each file as a partial beside its name.
    pub resume: bool,
    /// Encrypts the transfer, and proves to each side that the other knows it. Both sides must have the same one, or none.
    pub secret: Option<Secret>,
    /// Most bytes of content per second. `None`: no limit.
    pub limit_rate: Option<u64>,
    /// How long the peer may take for its hello, and for each message that shows that it knows the secret. `None`: 30 s.
    pub patience: Option<Duration>,
    /// When a wait for the disk ends. The connection's own deadline ends only one for content, not one for names. `None`: when
    /// the disk has answered.
    pub deadline: Option<Instant>,
}

/// Limit for a sync of names that is already running when a signal arrives or the deadline passes, and then, after a signal,
/// for the receipt. Twice this is less than the two seconds in which a signal ends everything.
const LAST_WORD: Duration = Duration::from_millis(800);
/// How often a signal and the deadline are looked for while frames are handled that were received before.
const OFTEN: Duration = Duration::from_millis(10);

/// How much is received at once: it fits into the processor's own cache until it is hashed and written. A sender of ours
/// sends pieces of so much content, which are received with the header of the next.
const IN: usize = 512 * 1024 + FRAME_HEADER;

/// Receives everything, stores it, and answers with the receipt, and blocks until then. `observe` is told what happens, and can
/// cancel it: see [`TransferEvent`].
///
/// Afterwards the transport has ended in both directions, or has failed, or is to be aborted, which [`Wire::finish`] does. The
/// outcome's [verdict](crate::Verdict) is [`Stored`](Verdict::Stored) if everything is, whether or not the sender could be told.
///
/// [`Wire::finish`]: crate::Wire::finish
pub fn receive<T: Transport>(
    link: &mut T,
    storage: &mut Storage<'_>,
    options: &ReceiveOptions,
    observe: Observe<'_>,
) -> TransferOutcome {
    let terms =
        Terms { patience: options.patience, hears_begin: true, ..Terms::new(options.secret.as_ref()) };
    match session::agree(link, TransferRole::Receive, &terms) {
        Ok(agreement) => receive_agreed(link, agreement, storage, options, observe),
        Err(outcome) => *outcome,
    }
}

/// Receives everything from a sender with which there is an [agreement](crate::agree) already. Times count from its hellos on.
pub fn receive_agreed<T: Transport>(
    link: &mut T,
    agreement: Agreement,
    storage: &mut Storage<'_>,
    options: &ReceiveOptions,
    observe: Observe<'_>,
) -> TransferOutcome {
    storage.count_anew();
    let (start, version) = (agreement.began, agreement.version);
    let mut observer = Observer::new(observe);
    let (channel, outcome) = session::begin(link, agreement, &mut observer);
    let mut receiver = Receiver {
        channel,
        start,
        outcome,
        storage,
        state: State::AwaitsBegin,
        single: false,
        attributes: None,
        top: None,
        heard: start,
        offers: OffersHeard::default(),
        list: List::new(version),
        rate_limit: RateLimit::new(options.limit_rate),
        deadline: options.deadline,
        observer,
    };
    let result = receiver.run();
    let mut outcome = receiver.conclude(result, options.resume);
    outcome.times.ended = start.elapsed();
    outcome
}

/// Why receiving stopped.
enum Stop {
    /// Our own disk or output.
    Storage(StorageError),
    /// The connection.
    Link(io::Error),
    /// What the sender wants cannot be.
    Refused(String),
    /// What came is no protocol, or not what was announced or sent.
    Wrong(String),
    /// The sender has said that it cannot go on.
    Aborted(String),
    /// A signal, while something was synced.
    Interrupted(adieu::Signal),
    /// The deadline, while something was synced.
    DeadlinePassed,
    /// The program that receives.
    Cancelled,
}

impl From<Cancelled> for Stop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        if error.is_of_sender() { Self::Refused(error.to_string()) } else { Self::Storage(error) }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Link(error)
    }
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Name(error) => Self::Refused(error.to_string()),
            error => Self::Wrong(format!("the sender sent {error}")),
        }
    }
}

/// Where in the grammar of frames we are.
enum State {
    AwaitsBegin,
    BetweenFiles,
    /// The size that was announced, if it was.
    InFile(Box<Incoming>, Option<u64>),
    Ended,
}

struct Receiver<'a, 'b, T: Transport> {
    channel: Channel<&'a mut T>,
    start: Instant,
    outcome: TransferOutcome,
    storage: &'a mut Storage<'b>,
    state: State,
    single: bool,
    /// Of the entry whose frame comes next.
    attributes: Option<Attributes>,
    /// The directory that was named to be sent, of those that came last.
    top: Option<EntryPath>,
    /// When a signal and the deadline were last looked at.
    heard: Instant,
    offers: OffersHeard,
    list: List,
    rate_limit: RateLimit,
    deadline: Option<Instant>,
    observer: Observer<'a>,
}

impl<'b, T: Transport> Receiver<'_, 'b, T> {
    /// Ends well once the receipt is sent, or when it cannot be sent after everything was stored.
    fn run(&mut self) -> Result<Verdict, Stop> {
        self.heed()?;
        let mut buffer = vec![0; IN];
        let mut decoder = Decoder::default();
        loop {
            self.say_answers()?;
            let most = decoder.whole_piece().map_or(IN, |piece| piece.min(IN)).min(self.rate_limit.piece(IN));
            let n = self.channel.read(&mut buffer[..most])?;
            if n == 0 {
                if let (State::Ended, true) = (&self.state, decoder.is_between_frames()) {
                    // Version 1, where the sender's FIN comes before the receipt.
                    break;
                }
                return Err(Stop::Link(io::ErrorKind::UnexpectedEof.into()));
            }
            let mut rest = &buffer[..n];
            while let Some(item) = decoder.next(&mut rest)? {
                match item {
                    Item::Data(bytes) => self.data(bytes)?,
                    Item::Control(control) => self.control(control)?,
                }
            }
            self.keep_pace(n as u64)?;
            if let (State::Ended, true) = (&self.state, self.sender_keeps_open()) {
                if decoder.is_between_frames() {
                    break;
                }
                return Err(out_of_place("something after its END"));
            }
        }
        self.store()
    }

    /// Ends what the program has cancelled.
    fn heed(&self) -> Result<(), Stop> {
        if self.observer.is_cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Whether what came with this version of the protocol holds.
    fn speaks(&self, version: u8) -> bool {
        self.outcome.version.is_some_and(|agreed| agreed >= version)
    }

    /// The sender ends its side once it has the receipt, and not before.
    fn sender_keeps_open(&self) -> bool {
        self.speaks(OPEN_UNTIL_RECEIPT)
    }

    fn control(&mut self, control: Control) -> Result<(), Stop> {
        // Thousands of frames may stand in what was received at once, and each may cost a call to the file system.
        if self.heard.elapsed() >= OFTEN {
            self.heard = Instant::now();
            if let Some(signal) = self.channel.raised() {
                return Err(Stop::Interrupted(signal));
            }
            let ended = self.channel.read_within(&mut [], Duration::ZERO).err();
            // Another end of the connection is met once everything is handled that came before it.
            if let Some(error) = ended.filter(outcome::is_deadline) {
                return Err(Stop::Link(error));
            }
        }
        // They are of an entry that follows at once.
        let is_entry =
            matches!(control, Control::File { .. } | Control::Offer { .. } | Control::Directory { .. });
        if self.attributes.is_some()
            && !is_entry
            && !matches!(control, Control::Phase { .. } | Control::Abort { .. })
        {
            return Err(out_of_place(control.name()));
        }
        match (control, &self.state) {
            (Control::Phase { activity, .. }, _) => {
                self.observer.tell(TransferEvent::PeerIsBusy { activity })?;
            }
            (Control::Abort { words }, _) => return Err(Stop::Aborted(words)),
            (Control::Begin { single, bytes }, State::AwaitsBegin) => {
                self.single = single;
                self.storage.begin(single)?;
                self.state = State::BetweenFiles;
                if let Some(bytes) = bytes {
                    self.observer.tell(TransferEvent::Total { bytes })?;
                }
            }
            (Control::Attributes(attributes), State::BetweenFiles) if self.speaks(ATTRIBUTES) => {
                self.attributes = Some(attributes);
            }
            (Control::File { offer, mode, size, path }, State::BetweenFiles) => {
                self.refuse_second_of_one()?;
                match (offer, self.speaks(NAMED_OFFERS)) {
                    (false, _) => self.file(mode, size, path)?,
                    (true, false) => self.old_offer(mode, size, path)?,
                    (true, true) => return Err(out_of_place("an offer of version 1")),
                }
            }
            (Control::Offer { mode, size, hash, path }, State::BetweenFiles) if self.speaks(NAMED_OFFERS) => {
                self.refuse_second_of_one()?;
                let attributes = self.attributes_of_file(mode)?;
                self.offer(Offered { path, mode, size, hash, attributes })?;
            }
            (Control::Check { length, hash }, State::BetweenFiles) => self.check(length, &hash)?,
            (Control::AllOffered(theirs), State::BetweenFiles) if self.speaks(NAMED_OFFERS) => {
                self.all_offered(&theirs)?;
            }
            (Control::Start { offset }, State::BetweenFiles) => self.start_offer(offset)?,
            (Control::Hole { length }, State::InFile(..)) => self.hole(length)?,
            (Control::FileEnd { size, hash }, State::InFile(..)) => self.end_file(size, &hash)?,
            (Control::Directory { path }, State::BetweenFiles) if !self.single => {
                let attributes = self.attributes.take();
                self.storing(|storage, observe, wanted| {
                    storage.directory(&path, attributes, observe, wanted)
                })?;
                self.list.directory(&path, attributes);
                if self.top.as_ref().is_none_or(|top| !path.is_below(top)) {
                    self.top = Some(path);
                }
            }
            (Control::Link { path, target }, State::BetweenFiles) if !self.single => {
                if !self.top.as_ref().is_some_and(|top| link_stays_inside(top, &path, &target)) {
                    let path = path.as_bytes().to_vec();
                    return Err(ProtocolError::from(NameError::LinkOut { path, target }).into());
                }
                self.storing(|storage, observe, wanted| storage.link(&path, &target, observe, wanted))?;
                self.list.link(&path, &target);
            }
            (Control::End(theirs), State::BetweenFiles) if self.offers.is_empty() => self.end(&theirs)?,
            (control, _) => return Err(out_of_place(control.name())),
        }
        Ok(())
    }

    fn file(&mut self, mode: u16, size: Option<u64>, path: EntryPath) -> Result<(), Stop> {
        let attributes = self.attributes_of_file(mode)?;
        let modified = attributes.and_then(|attributes| attributes.modified.system_time().ok());
        let file = FileInfo { path, size, mode, modified };
        let mut incoming = self.storage.create(file, &mut self.observer.parts().0)?;
        incoming.set_attributes(attributes);
        let told = self.observer.tell(TransferEvent::File { path: incoming.path(), resumed_from: 0 });
        self.state = State::InFile(Box::new(incoming), size);
        Ok(told?)
    }

    /// What was said of a file of this mode before its frame.
    fn attributes_of_file(&mut self, mode: u16) -> Result<Option<Attributes>, Stop> {
        let attributes = self.attributes.take();
        if attributes.is_some_and(|attributes| attributes.mode != mode) {
            return Err(out_of_place("ATTRIBUTES with other permissions than those of their file"));
        }
        Ok(attributes)
    }

    fn refuse_second_of_one(&self) -> Result<(), Stop> {
        if self.single && self.list.files() + self.offers.len() as u64 > 0 {
            return Err(out_of_place("a second file in a transfer of one"));
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let State::InFile(incoming, _) = &mut self.state else {
            return Err(out_of_place("content outside of a file"));
        };
        let before = incoming.measure_length();
        let (channel, mut failed) = (&mut self.channel, None);
        let mut alive = || {
            // Nothing is taken; but a signal or the deadline ends the wait for whoever reads our output.
            failed = channel.read_within(&mut [], Duration::ZERO).err();
            failed.is_none()
        };
        let written = self.storage.write(incoming, bytes, &mut alive);
        let written = failed.map_or_else(|| written.map_err(Stop::from), |error| Err(Stop::Link(error)));
        // Also if it failed in the middle: what went to a stream cannot be taken back.
        let moved = incoming.measure_length() - before;
        self.outcome.moved += moved;
        let told = self.observer.tell(TransferEvent::Moved { bytes: moved });
        written.and(told.map_err(Stop::from))
    }

    fn hole(&mut self, length: u64) -> Result<(), Stop> {
        let State::InFile(incoming, size) = &mut self.state else {
            return Err(out_of_place("a hole outside of a file"));
        };
        let left = size.map(|size| size.saturating_sub(incoming.measure_length()));
        if left.is_none_or(|left| length > left) {
            return Err(out_of_place("a hole that is longer than its file"));
        }
        // Thousands of them stand in what was received at once: a signal and the deadline are heard between any two.
        self.channel.read_within(&mut [], Duration::ZERO)?;
        if !incoming.takes_holes() {
            for piece in zeros::pieces(length) {
                self.data(piece)?;
            }
            return Ok(());
        }
        incoming.write_hole(length)?;
        self.outcome.moved += length;
        Ok(self.observer.tell(TransferEvent::Moved { bytes: length })?)
    }

    fn end_file(&mut self, size: u64, hash: &Hash) -> Result<(), Stop> {
        let State::InFile(incoming, announced) = std::mem::replace(&mut self.state, State::BetweenFiles)
        else {
            return Err(out_of_place("the end of no file"));
        };
        let (written, ours) = incoming.measure();
        let wrong = if let Some(announced) = announced.filter(|announced| *announced != size) {
            Some(format!(
                "{} was announced with {announced} bytes, and the sender says at its end that it has {size}",
                incoming.path()
            ))
        } else if written != size {
            Some(format!("{} has {written} bytes here, and the sender says {size}", incoming.path()))
        } else if ours != *hash {
            Some(format!("{} was changed on the way: its hash is not the sender's", incoming.path()))
        } else {
            None
        };
        if let Some(words) = wrong {
            // What is damaged is nothing to resume from, and is removed in any case.
            self.storage.remove(&incoming);
            return Err(Stop::Wrong(words));
        }
        self.list.file(incoming.path(), incoming.attributes(), incoming.mode(), size, hash);
        self.storing(|storage, observe, wanted| storage.complete(*incoming, observe, wanted))?;
        self.heed()
    }

    /// Does what may sync. A signal, the deadline and the program that cancels end the wait for that; a connection that has
    /// failed does not, since it can be stored all the same.
    fn storing<R>(
        &mut self,
        work: impl FnOnce(
            &mut Storage<'b>,
            &mut dyn FnMut(TransferEvent<'_>),
            Wanted<'_>,
        ) -> Result<R, StorageError>,
    ) -> Result<R, Stop> {
        let (channel, deadline, mut stopped) = (&mut self.channel, self.deadline, None);
        let mut grace = None;
        let mut unnamed = false;
        let (mut observe, is_cancelled) = self.observer.parts();
        let mut wanted = |awaited| {
            let mut stop = match channel.raised() {
                Some(signal) => Some(Stop::Interrupted(signal)),
                None => deadline.filter(|at| *at <= Instant::now()).map(|_| Stop::DeadlinePassed),
            };
            if awaited == Awaited::Content {
                // The connection's own end, which a signal and the deadline are.
                let ended = channel.read_within(&mut [], Duration::ZERO).err();
                if stop.is_none() && ended.as_ref().is_some_and(outcome::is_deadline) {
                    stop = Some(Stop::DeadlinePassed);
                }
                // What has its name by then is stored, and the sender is told so.
                if stop.is_none() && is_cancelled.get() {
                    stop = Some(Stop::Cancelled);
                }
            } else if stop.is_some() {
                // The connection is left alone: the receipt will need it.
                let since: &mut Instant = grace.get_or_insert_with(Instant::now);
                stop = stop.filter(|_| since.elapsed() >= LAST_WORD);
            }
            stopped = stop;
            unnamed = stopped.is_some() && awaited == Awaited::Content;
            stopped.is_none()
        };
        let result = work(self.storage, &mut observe, &mut wanted);
        drop(observe);
        if unnamed {
            self.outcome.stored_before = Some(self.storage.stored().0);
        }
        match stopped {
            Some(stop) => Err(stop),
            None => Ok(result?),
        }
    }

    fn end(&mut self, theirs: &Totals) -> Result<(), Stop> {
        let ours = self.list.totals(self.single);
        if let Some(words) = difference(&ours, theirs) {
            return Err(Stop::Wrong(format!("what came is not what was sent: {words}")));
        }
        self.outcome.totals = ours;
        self.outcome.is_whole = true;
        self.state = State::Ended;
        Ok(())
    }

    /// Everything is here, and the sender has said so: by its END, in version 1 by its FIN too.
    fn store(&mut self) -> Result<Verdict, Stop> {
        self.outcome.times.all_moved = Some(self.start.elapsed());
        self.observer.tell(TransferEvent::AllReceived)?;
        if self.sender_keeps_open() && matches!(self.looks_ahead(), Ok(Some(1..))) {
            return Err(out_of_place("something after its END"));
        }
        // A sender that cannot be told may still find it stored.
        let _ = say(&mut self.channel, &Control::Phase { activity: Activity::Syncing, done: 0 });
        self.storing(|storage, observe, wanted| storage.finish(observe, wanted))?;
        self.outcome.times.stored = Some(self.start.elapsed());
        // It is stored, and a signal does not change that: the sender is told.
        self.channel.defer_interrupt(LAST_WORD);
        let (status, verdict) = match self.storage.confirms() {
            Confirmation::Stored => (Status::Stored, Verdict::Stored),
            Confirmation::Written => (Status::Written, Verdict::Written),
        };
        let is_to_program = status == Status::Written && self.storage.is_given();
        let words = if is_to_program { outcome::TO_PROGRAM.to_owned() } else { String::new() };
        let mut receipt = Receipt { status, totals: self.outcome.totals, words };
        let mut verdict = verdict;
        if let Some(refused) = self.storage.refused() {
            let (files, bytes) = self.storage.stored();
            let words =
                format!("{} not stored: the name is taken, and nothing is replaced", refused.entries());
            self.outcome.left_out = refused.clone();
            self.outcome.stored_in_part = Some((files, bytes));
            receipt = Receipt {
                status: Status::Failed,
                totals: Totals { files, bytes, ..Totals::default() },
                words: format!("{words}; the rest is stored: {}", outcome::amount_of(files, bytes)),
            };
            verdict = Verdict::InPart { words };
        }
        // A sender that ends its side before it can have the receipt is gone, as one that was killed.
        let is_gone = self.sender_keeps_open() && matches!(self.looks_ahead(), Ok(Some(0)) | Err(_));
        let said = say(&mut self.channel, &Control::Receipt(receipt.clone()));
        let keeps_open = self.sender_keeps_open();
        let said = if keeps_open { said } else { said.and_then(|()| self.channel.shutdown_send()) };
        if said.is_ok() {
            self.outcome.times.receipt = Some(self.start.elapsed());
            self.outcome.receipt = Some(receipt);
            // There is nothing left to cancel.
            let _ = self.observer.tell(TransferEvent::Receipted);
            if keeps_open {
                // The sender ends its side when it has the receipt. Ours ends after that: a relay that closes both directions
                // at one FIN would else reset the sender's.
                let has_ended = session::hear_out(&mut self.channel, session::LAST_WORDS);
                self.outcome.receipt_heard = Some(has_ended && !is_gone);
                // It is stored, whatever becomes of our end.
                let _ = self.channel.shutdown_send();
            }
        }
        Ok(verdict)
    }

    /// Whether something has come that was not read yet, and whether it is the sender's end.
    fn looks_ahead(&mut self) -> io::Result<Option<usize>> {
        self.channel.read_within(&mut [0], Duration::ZERO)
    }

    fn keep_pace(&mut self, bytes: u64) -> Result<(), Stop> {
        let until = Instant::now() + self.rate_limit.after(bytes);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(SLICE));
            // Nothing is taken; but a signal or the deadline ends the wait.
            self.channel.read_within(&mut [], Duration::ZERO)?;
        }
    }
}

fn out_of_place(what: &'static str) -> Stop {
    ProtocolError::OutOfPlace(what).into()
}

fn say<T: Transport>(channel: &mut Channel<T>, control: &Control) -> io::Result<()> {
    let mut frame = Vec::new();
    control.encode(&mut frame);
    channel.write_all(&frame)
}
