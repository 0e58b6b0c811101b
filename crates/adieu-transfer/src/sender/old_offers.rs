//! Offers to a receiver that knows protocol version 1 only: it answers with the length and hash of what it has, and this
//! side compares.

use super::{Sender, Stop};
use crate::source::{Opened, Place, SourceError};
use crate::transport::Transport;
use crate::wire::{Control, EntryPath, Have, HaveState, OLD_OFFERS};
use std::collections::VecDeque;

/// An offer whose answer is awaited.
struct OldOffer {
    path: EntryPath,
    place: Place,
    size: u64,
}

#[derive(Default)]
pub(super) struct OldOffers {
    offered: VecDeque<OldOffer>,
    pub(super) answers: VecDeque<Have>,
}

impl<T: Transport> Sender<'_, T> {
    pub(super) fn old_offer(
        &mut self,
        path: EntryPath,
        place: Place,
        mode: u16,
        size: u64,
    ) -> Result<(), Stop> {
        self.control(&Control::File { offer: true, mode, size: Some(size), path: path.clone() })?;
        self.old_offers.offered.push_back(OldOffer { path, place, size });
        if self.old_offers.offered.len() >= OLD_OFFERS { self.serve_front() } else { Ok(()) }
    }

    pub(super) fn serve_old_offers(&mut self) -> Result<(), Stop> {
        while !self.old_offers.offered.is_empty() {
            self.serve_front()?;
        }
        Ok(())
    }

    /// Waits for the answer to the front offer, and sends what is missing.
    fn serve_front(&mut self) -> Result<(), Stop> {
        let Some(OldOffer { path, place, size }) = self.old_offers.offered.pop_front() else { return Ok(()) };
        self.flush()?;
        self.hear_until(|this| !this.old_offers.answers.is_empty())?;
        let have = self.old_offers.answers.pop_front();
        let mut opened = Opened::new(&place, &path)?;
        if opened.size != Some(size) {
            return Err(SourceError::changed(&path).into());
        }
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0;
        if let Some(Have { state, length, hash }) = have
            && state != HaveState::Nothing
            && (1..=size).contains(&length)
        {
            let ours = self.hash_beginning(&mut opened, length, &mut hasher)?;
            let ours = ours.ok_or_else(|| SourceError::changed(&path))?;
            if ours == hash {
                offset = length;
                self.outcome.files_kept += u64::from(state == HaveState::Stored);
            } else {
                hasher = blake3::Hasher::new();
                opened.seek(&path, 0)?;
            }
        }
        self.control(&Control::Start { offset })?;
        self.resumed(&path, offset)?;
        self.send_content(&path, opened, size, offset, hasher, None)
    }
}
