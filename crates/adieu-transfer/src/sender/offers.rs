//! Offers of version 2: each names the hash of its file, and none waits for the answer to another.
//!
//! The receiver says what it has only to a sender that named its hash. So a file that is offered is read once for its hash, and
//! once more if it has to be sent.

use super::{Sender, Stop, named};
use crate::event::TransferEvent;
use crate::source::{Change, Opened, Place, SourceError};
use crate::transport::Transport;
use crate::wire::{
    Answer, Attributes, Control, EntryPath, Hash, OFFERS_LIMIT, ProtocolError, Receipt, cost_of_offer, short,
};
use std::collections::VecDeque;

/// Offers are sent when there are so many bytes of them, or when so much was read for them.
const GATHERED: usize = 16 * 1024;
const HASHED: u64 = 4 << 20;

/// A partial is compared in steps of at least this, and of at most so many.
const LEAST_STEP: u64 = 64 * 1024;
const STEPS: u64 = 4096;

/// A file that is offered.
pub(super) struct Offer {
    pub(super) path: EntryPath,
    pub(super) place: Place,
    pub(super) mode: u16,
    pub(super) size: u64,
    pub(super) hash: Hash,
    /// What is preserved of it.
    pub(super) attributes: Option<Attributes>,
}

#[derive(Default)]
pub(super) struct OffersMade {
    unanswered: VecDeque<Offer>,
    /// Those whose files have to be sent, and whether the receiver may have a beginning.
    open: VecDeque<(Offer, Answer)>,
    /// What all of these cost.
    cost: usize,
    /// Read for offers that were not sent yet.
    hashed: u64,
    /// The front offer is compared; and the answer to that.
    is_compared: bool,
    from: Option<u64>,
}

impl<T: Transport> Sender<'_, T> {
    /// Offers a file, and sends those whose answers are there and that the receiver does not have.
    pub(super) fn offer(&mut self, offer: Offer) -> Result<(), Stop> {
        let Offer { ref path, mode, size, hash, attributes, .. } = offer;
        while self.offers.cost + cost_of_offer(path) > OFFERS_LIMIT {
            self.serve_one()?;
        }
        self.say_attributes(attributes)?;
        self.control(&Control::Offer { mode, size, hash: short(&hash), path: path.clone() })?;
        self.offers.cost += cost_of_offer(path);
        self.offers.hashed += size;
        self.offers.unanswered.push_back(offer);
        if self.out.len() >= GATHERED || self.offers.hashed >= HASHED {
            self.offers.hashed = 0;
            self.flush()?;
        }
        while let Some((offer, answer)) = self.offers.open.pop_front() {
            self.serve(offer, answer)?;
        }
        Ok(())
    }

    /// The hash of a file that is to be offered, and its mode.
    pub(super) fn hash_of(
        &mut self,
        mut opened: Opened<'_>,
        path: &EntryPath,
        size: u64,
    ) -> Result<(Hash, u16), Stop> {
        let mut hasher = blake3::Hasher::new();
        let Some(hash) = self.hash_beginning(&mut opened, size, &mut hasher).map_err(|s| named(s, path))?
        else {
            return Err(ended_while_hashed(&opened, path, size).into());
        };
        self.ends_there(&mut opened, path, size)?;
        match opened.change() {
            Change::Nothing => {}
            Change::Inode if self.reads_the_same_again(&mut opened, path, size, &hasher)? => {}
            _ => return Err(SourceError::changed(path).into()),
        }
        Ok((hash, opened.mode))
    }

    /// Serves every offer that there is, and waits for the answers.
    pub(super) fn serve_offers(&mut self) -> Result<(), Stop> {
        while !(self.offers.open.is_empty() && self.offers.unanswered.is_empty()) {
            self.serve_one()?;
        }
        Ok(())
    }

    /// Sends the front file that the receiver does not have; waits for an answer if none is known.
    fn serve_one(&mut self) -> Result<(), Stop> {
        if let Some((offer, answer)) = self.offers.open.pop_front() {
            return self.serve(offer, answer);
        }
        self.flush()?;
        self.hear_answer(|offers| !offers.open.is_empty() || offers.unanswered.is_empty())
    }

    fn hear_answer(&mut self, is_there: impl Fn(&OffersMade) -> bool) -> Result<(), Stop> {
        self.hear_until(|this| is_there(&this.offers))
    }

    /// What the receiver says of offers, the first first.
    pub(super) fn answered(&mut self, packed: &[u8]) -> Result<(), Stop> {
        for answer in Answer::unpack(packed) {
            let offer = self.offers.unanswered.pop_front();
            let offer = offer.ok_or(ProtocolError::OutOfPlace("an answer to no offer"))?;
            if !answer.is_whole() {
                self.offers.open.push_back((offer, answer));
                continue;
            }
            let Offer { path, mode, size, hash, attributes, .. } = offer;
            self.offers.cost -= cost_of_offer(&path);
            self.list.kept(&path, attributes, mode, size, &hash);
            self.outcome.files_kept += u64::from(answer == Answer::Stored);
            self.resumed(&path, size)?;
        }
        Ok(())
    }

    /// From where the receiver has the front offer's file.
    pub(super) fn answered_from(&mut self, offset: u64) -> Result<(), ProtocolError> {
        if !self.offers.is_compared || self.offers.from.is_some() {
            return Err(ProtocolError::OutOfPlace("a FROM that nobody asked for"));
        }
        self.offers.from = Some(offset);
        Ok(())
    }

    pub(super) fn resumed(&mut self, path: &EntryPath, there: u64) -> Result<(), Stop> {
        if let Some(resumed) = &mut self.outcome.resumed_from {
            *resumed += there;
        }
        self.observer.tell(TransferEvent::File { path, resumed_from: there })?;
        Ok(self.observer.tell(TransferEvent::Moved { bytes: there })?)
    }

    fn serve(&mut self, offer: Offer, answer: Answer) -> Result<(), Stop> {
        let Offer { path, place, mode, size, hash, attributes } = offer;
        self.offers.cost -= cost_of_offer(&path);
        let mut opened = Opened::new(&place, &path)?;
        if opened.size != Some(size)
            || opened.mode != mode
            || self.attributes_of(&opened, &path)? != attributes
        {
            return Err(SourceError::changed(&path).into());
        }
        let (mut offset, mut hasher) = (0, blake3::Hasher::new());
        if answer == Answer::Beginning && size > 0 {
            (offset, hasher) = self.compare(&mut opened, &path, size)?;
            opened.seek(&path, offset)?;
        }
        self.control(&Control::Start { offset })?;
        self.resumed(&path, offset)?;
        self.send_content(&path, opened, size, offset, hasher, Some(&hash))
    }

    /// Names lengths and hashes of a file until the receiver says how much it has: that length, and the hasher there.
    fn compare(
        &mut self,
        opened: &mut Opened<'_>,
        path: &EntryPath,
        size: u64,
    ) -> Result<(u64, blake3::Hasher), Stop> {
        let step = size.div_ceil(STEPS).next_multiple_of(LEAST_STEP);
        let (mut hasher, mut at, mut named) = (blake3::Hasher::new(), 0, Vec::new());
        (self.offers.is_compared, self.offers.from) = (true, None);
        while at < size && self.offers.from.is_none() {
            let more = step.min(size - at);
            let hash = self.hash_beginning(opened, more, &mut hasher)?;
            let hash = hash.ok_or_else(|| ended_while_hashed(opened, path, size))?;
            at += more;
            named.push((at, hasher.clone()));
            self.control(&Control::Check { length: at, hash: short(&hash) })?;
            self.offers.hashed += more;
            if at == size || self.offers.hashed >= HASHED {
                self.offers.hashed = 0;
                self.flush()?;
            }
        }
        self.hear_answer(|offers| offers.from.is_some())?;
        self.offers.is_compared = false;
        match self.offers.from.take() {
            None | Some(0) => Ok((0, blake3::Hasher::new())),
            Some(offset) => match named.into_iter().find(|(length, _)| *length == offset) {
                Some(equal) => Ok(equal),
                None => Err(ProtocolError::OutOfPlace("a FROM with another length").into()),
            },
        }
    }

    /// Says the totals in case that the receiver has all that is offered, which saves a round trip. Gives the receipt if it
    /// had, and nothing if the rest is yet to be sent.
    pub(super) fn end_by_offers(&mut self) -> Result<Option<Receipt>, Stop> {
        if self.offers.unanswered.is_empty() || !self.offers.open.is_empty() {
            return Ok(None);
        }
        let mut list = self.list.clone();
        for Offer { path, mode, size, hash, attributes, .. } in &self.offers.unanswered {
            list.kept(path, *attributes, *mode, *size, hash);
        }
        let totals = list.totals(self.single);
        self.control(&Control::AllOffered(totals))?;
        self.flush()?;
        // From now on all of it may be stored.
        self.has_sent_all(totals)?;
        let heard = self.hear_answer(|offers| offers.unanswered.is_empty());
        match heard {
            Err(Stop::Answered(receipt)) if self.offers.is_empty() => Ok(Some(receipt)),
            Err(stop) => Err(stop),
            Ok(()) if self.offers.is_empty() => self.await_receipt().map(Some),
            Ok(()) => {
                self.has_not_sent_all();
                Ok(None)
            }
        }
    }
}

impl OffersMade {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.unanswered.is_empty()
    }
}

/// Something ended before its size while it was hashed.
fn ended_while_hashed(opened: &Opened<'_>, path: &EntryPath, size: u64) -> SourceError {
    if opened.is_given() { SourceError::fewer(path, size) } else { SourceError::changed(path) }
}
