//! Answers to the sender's offers: what is there is compared with what the sender named, and only the result is told.

use super::{Receiver, State, Stop, out_of_place, say};
use crate::event::TransferEvent;
use crate::session::SIGN_OF_LIFE;
use crate::storage::{Beginning, Found, Offered, Storage};
use crate::transport::Transport;
use crate::wire::{
    Activity, Answer, Control, EntryPath, Have, HaveState, OFFERS_LIMIT, OLD_OFFERS, ShortHash, Totals,
    cost_of_offer,
};
use std::collections::{HashSet, VecDeque};
use std::time::Instant;

/// Answers are sent before the sender is waited for, and when there are so many bytes of them.
const ANSWERS: usize = 8 * 1024;

/// An offer whose file has to be sent, in part or whole.
pub(super) struct Open {
    offered: Offered,
    answer: Answer,
    /// While it is compared, and after that. It is large, and most have none.
    beginning: Option<Box<Beginning>>,
    /// From where it may start besides 0, once that was answered.
    from: Option<u64>,
}

/// All that is offered and has not started.
#[derive(Default)]
pub(super) struct OffersHeard {
    open: VecDeque<Open>,
    /// Who tries to find a content by its hash has one guess for each name in a transfer, and not as many as may be open.
    paths: HashSet<EntryPath>,
    cost: usize,
    /// Packed, and not sent yet.
    answers: Vec<u8>,
}

impl OffersHeard {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Those that have a partial which may have been synced badly.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = &Offered> {
        self.open.iter().filter(|o| o.answer == Answer::Beginning).map(|o| &o.offered)
    }

    fn push(&mut self, offered: Offered, answer: Answer) {
        self.cost += cost_of_offer(&offered.path);
        self.paths.insert(offered.path.clone());
        self.open.push_back(Open { offered, answer, beginning: None, from: None });
    }

    fn pop(&mut self) -> Option<Open> {
        let front = self.open.pop_front()?;
        self.cost -= cost_of_offer(&front.offered.path);
        self.paths.remove(&front.offered.path);
        Some(front)
    }
}

impl<'b, T: Transport> Receiver<'_, 'b, T> {
    /// Version 1: the sender names no hash, so it is told nothing, and sends the file from its beginning.
    pub(super) fn old_offer(&mut self, mode: u16, size: Option<u64>, path: EntryPath) -> Result<(), Stop> {
        if self.offers.len() >= OLD_OFFERS {
            return Err(out_of_place("one offer more than may be open"));
        }
        self.outcome.resumed_from.get_or_insert(0);
        let hash = ShortHash::default();
        let offered = Offered { path, mode, size: size.unwrap_or(0), hash, attributes: None };
        self.storage.announce(&offered)?;
        self.offers.push(offered, Answer::Nothing);
        let nothing = Have { state: HaveState::Nothing, length: 0, hash: [0; 32] };
        Ok(say(&mut self.channel, &Control::Have(nothing))?)
    }

    pub(super) fn offer(&mut self, offered: Offered) -> Result<(), Stop> {
        if self.offers.cost + cost_of_offer(&offered.path) > OFFERS_LIMIT {
            return Err(out_of_place("one offer more than may be open"));
        }
        if self.offers.paths.contains(&offered.path) {
            return Err(out_of_place("a name that is offered already"));
        }
        self.outcome.resumed_from.get_or_insert(0);
        let looked = self.while_alive(|storage, alive| Ok(storage.look(&offered, alive)?))?;
        let answer = match looked {
            Found::Nothing => Answer::Nothing,
            Found::Beginning => Answer::Beginning,
            Found::Whole(whole) => {
                let answer = if whole.is_kept() { Answer::Stored } else { Answer::WholePartial };
                let (size, hash) = whole.measure();
                self.outcome.files_kept += u64::from(whole.is_kept());
                if let Some(resumed) = &mut self.outcome.resumed_from {
                    *resumed += size;
                }
                self.observer.tell(TransferEvent::File { path: whole.path(), resumed_from: size })?;
                self.observer.tell(TransferEvent::Moved { bytes: size })?;
                self.list.kept(whole.path(), whole.attributes(), whole.mode(), size, &hash);
                self.storing(|storage, observe, wanted| storage.complete(*whole, observe, wanted))?;
                answer
            }
        };
        if !answer.is_whole() {
            self.offers.push(offered, answer);
        }
        answer.pack(&mut self.offers.answers);
        if self.offers.answers.len() >= ANSWERS { self.say_answers() } else { Ok(()) }
    }

    /// Says what was found out. Before anything else is said, and before the sender is waited for.
    pub(super) fn say_answers(&mut self) -> Result<(), Stop> {
        if self.offers.answers.is_empty() {
            return Ok(());
        }
        let answers = std::mem::take(&mut self.offers.answers);
        Ok(say(&mut self.channel, &Control::Answers(answers))?)
    }

    /// Compares the front offer's partial with a length and hash of the sender's. The first that differs, and the whole file, is
    /// answered; what the sender has said until it hears that is passed over.
    pub(super) fn check(&mut self, length: u64, hash: &ShortHash) -> Result<(), Stop> {
        let Some(mut front) = self.offers.open.pop_front() else {
            return Err(out_of_place("a CHECK of no offer"));
        };
        if front.answer != Answer::Beginning || length > front.offered.size {
            return Err(out_of_place("a CHECK that nobody asked for"));
        }
        if front.from.is_none() {
            if front.beginning.is_none() {
                front.beginning = self.storage.beginning(&front.offered)?.map(Box::new);
            }
            let mut goes_on = false;
            if let Some(beginning) = &mut front.beginning {
                let offered = &front.offered;
                let compared = self.while_alive(|storage, alive| {
                    Ok(storage.compare(beginning, offered, length, hash, alive))
                })?;
                goes_on = compared.unwrap_or(false) && length < front.offered.size;
            }
            if !goes_on {
                let offset = front.beginning.as_ref().map_or(0, |beginning| beginning.equal());
                front.from = Some(offset);
                self.say_answers()?;
                say(&mut self.channel, &Control::From { offset })?;
            }
        }
        self.offers.open.push_front(front);
        Ok(())
    }

    /// The front offer's file is sent from here on.
    pub(super) fn start_offer(&mut self, offset: u64) -> Result<(), Stop> {
        let Some(Open { offered, beginning, from, .. }) = self.offers.pop() else {
            return Err(out_of_place("a start without an offer"));
        };
        if offset != 0 && from != Some(offset) {
            return Err(out_of_place("a start where nothing ends"));
        }
        let (size, beginning) = (offered.size, beginning.map(|beginning| *beginning));
        let incoming = self.storage.start(offered, beginning, offset, &mut self.observer.parts().0)?;
        let (there, _) = incoming.measure();
        if let Some(resumed) = &mut self.outcome.resumed_from {
            *resumed += there;
        }
        // Nothing more is told once it is cancelled.
        let _ = self.observer.tell(TransferEvent::File { path: incoming.path(), resumed_from: there });
        let told = self.observer.tell(TransferEvent::Moved { bytes: there });
        self.state = State::InFile(Box::new(incoming), Some(size));
        Ok(told?)
    }

    /// The sender has offered everything: if all of it is here, this is its END.
    pub(super) fn all_offered(&mut self, theirs: &Totals) -> Result<(), Stop> {
        self.say_answers()?;
        if self.offers.is_empty() { self.end(theirs) } else { Ok(()) }
    }

    /// Does what reads for long, and says now and then that this side lives: not how far it is, which would tell a size.
    fn while_alive<R>(
        &mut self,
        work: impl FnOnce(&mut Storage<'b>, &mut dyn FnMut(u64) -> bool) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        let (channel, observer) = (&mut self.channel, &mut self.observer);
        let mut failed = None;
        let mut last_sign = Instant::now();
        let mut alive = |done| {
            if let Err(cancelled) = observer.tell(TransferEvent::Hashing { done }) {
                failed = Some(cancelled.into());
                return false;
            }
            if last_sign.elapsed() < SIGN_OF_LIFE {
                return true;
            }
            last_sign = Instant::now();
            let said = say(channel, &Control::Phase { activity: Activity::Hashing, done: 0 });
            failed = said.err().map(Stop::Link);
            failed.is_none()
        };
        let result = work(self.storage, &mut alive);
        match failed {
            Some(stop) => Err(stop),
            None => result,
        }
    }
}
