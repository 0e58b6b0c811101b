//! Sends the sender's frames in long writes, and reads the receiver's frames between them.

use super::{SILENCE, Sender, Stop};
use crate::event::TransferEvent;
use crate::transport::Transport;
use crate::wire::{Control, Item, OLD_OFFERS, ProtocolError, Receipt};
use std::io;
use std::time::{Duration, Instant};

impl<T: Transport> Sender<'_, T> {
    pub(super) fn control(&mut self, control: &Control) -> Result<(), Stop> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        control.encode(&mut scratch);
        if self.out.room() < scratch.len() {
            self.flush()?;
        }
        self.out.push(&scratch);
        self.scratch = scratch;
        Ok(())
    }

    /// Sends what waits, after a look at what the peer has said.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.hear(Some(Duration::ZERO))?;
        self.last_sign = Instant::now();
        let sent = self.channel.write_all(self.out.frames());
        self.out.clear();
        Ok(sent?)
    }

    /// Takes what the peer says; without a limit it waits for something.
    /// `false`: nothing came.
    pub(super) fn hear(&mut self, limit: Option<Duration>) -> Result<bool, Stop> {
        let mut incoming = std::mem::take(&mut self.incoming);
        let heard = self.hear_into(&mut incoming, limit);
        self.incoming = incoming;
        heard
    }

    fn hear_into(&mut self, incoming: &mut [u8], limit: Option<Duration>) -> Result<bool, Stop> {
        let received = match limit {
            None => Some(self.channel.read(incoming)?),
            Some(limit) => self.channel.read_within(incoming, limit)?,
        };
        let Some(n) = received else { return Ok(false) };
        if n == 0 {
            return Err(Stop::Link(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut rest = &incoming[..n];
        while let Some(item) = self.decoder.next(&mut rest)? {
            self.heard += 1;
            match item {
                Item::Control(Control::Answers(packed)) => self.answered(&packed)?,
                Item::Control(Control::From { offset }) => self.answered_from(offset)?,
                Item::Control(Control::Have(have)) if self.old_offers.answers.len() < OLD_OFFERS => {
                    self.old_offers.answers.push_back(have);
                }
                Item::Control(Control::Phase { activity, .. }) => {
                    self.observer.tell(TransferEvent::PeerIsBusy { activity })?;
                }
                Item::Control(Control::Receipt(receipt)) => return Err(Stop::Answered(receipt)),
                Item::Control(control) => return Err(ProtocolError::OutOfPlace(control.name()).into()),
                Item::Data(_) => return Err(ProtocolError::OutOfPlace("content").into()),
            }
        }
        Ok(true)
    }

    /// Waits until something was heard, and for a peer that says nothing at all not for ever.
    pub(super) fn hear_until(&mut self, is_there: impl Fn(&Self) -> bool) -> Result<(), Stop> {
        let mut silent_since = Instant::now();
        while !is_there(self) {
            let before = self.heard;
            self.hear(Some(SILENCE))?;
            if self.heard != before {
                silent_since = Instant::now();
            } else if silent_since.elapsed() >= SILENCE {
                return Err(Stop::Unanswered);
            }
        }
        Ok(())
    }

    pub(super) fn await_receipt(&mut self) -> Result<Receipt, Stop> {
        loop {
            match self.hear(None) {
                Ok(_) => {}
                Err(Stop::Answered(receipt)) => return Ok(receipt),
                Err(stop) => return Err(stop),
            }
        }
    }
}
