//! The entries of the table, each in a place that does not change, and lists through them, one of each [`Stage`]. They are
//! in the order of when something was heard last.
//!
//! Places are made by the thousand: a vector of all of them would be moved, and be up to twice as large, when it grows.

/// The place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(u32);

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// One side has not been heard, or there were but SYNs.
    Opening,
    /// It is open.
    Open,
    /// It is over and lingers.
    Over,
}

impl Stage {
    #[cfg(test)]
    const ALL: [Self; 3] = [Self::Opening, Self::Open, Self::Over];
}

const NOWHERE: u32 = u32::MAX;

/// How many places are made at once, as a power of two.
const PAGE: u32 = 10;

/// Entries in three lists.
pub(super) struct Entries<T> {
    /// All pages but the last are full.
    pages: Vec<Vec<Place<T>>>,
    /// The first place that is free. `after` has the next one.
    free: u32,
    lists: [List; 3],
}

struct Place<T> {
    /// `None`: the place is free.
    value: Option<T>,
    before: u32,
    after: u32,
    stage: Stage,
}

#[derive(Clone, Copy)]
struct List {
    first: u32,
    last: u32,
    length: usize,
}

impl List {
    const EMPTY: Self = Self { first: NOWHERE, last: NOWHERE, length: 0 };
}

impl<T> Entries<T> {
    pub(super) const fn new() -> Self {
        Self { pages: Vec::new(), free: NOWHERE, lists: [List::EMPTY; 3] }
    }

    /// How many are in this stage.
    pub(super) fn count(&self, stage: Stage) -> usize {
        self.lists[stage as usize].length
    }

    /// The one in this stage that was not heard for longest.
    pub(super) fn oldest(&self, stage: Stage) -> Option<Number> {
        let first = self.lists[stage as usize].first;
        (first != NOWHERE).then_some(Number(first))
    }

    pub(super) fn get(&self, number: Number) -> &T {
        let place = &self.pages[(number.0 >> PAGE) as usize][(number.0 & ((1 << PAGE) - 1)) as usize];
        place.value.as_ref().expect("a number is given up with its entry")
    }

    pub(super) fn get_mut(&mut self, number: Number) -> &mut T {
        self.place(number.0).value.as_mut().expect("a number is given up with its entry")
    }

    pub(super) fn insert(&mut self, value: T, stage: Stage) -> Number {
        let place = Place { value: Some(value), before: NOWHERE, after: NOWHERE, stage };
        let number = if self.free == NOWHERE {
            self.push(place)
        } else {
            let number = self.free;
            let free = self.place(number);
            let next = free.after;
            *free = place;
            self.free = next;
            number
        };
        self.append(number);
        Number(number)
    }

    /// Moves an entry to the end of the list of `stage`.
    pub(super) fn touch(&mut self, number: Number, stage: Stage) {
        let place = self.place(number.0);
        if place.after == NOWHERE && place.stage == stage {
            return;
        }
        self.unlink(number.0);
        self.place(number.0).stage = stage;
        self.append(number.0);
    }

    pub(super) fn remove(&mut self, number: Number) -> T {
        self.unlink(number.0);
        let free = self.free;
        let place = self.place(number.0);
        place.after = free;
        let value = place.value.take().expect("a number is given up with its entry");
        self.free = number.0;
        value
    }

    fn push(&mut self, place: Place<T>) -> u32 {
        if self.pages.last().is_none_or(|page| page.len() == 1 << PAGE) {
            self.pages.push(Vec::with_capacity(1 << PAGE));
        }
        let full = self.pages.len() - 1;
        let page = &mut self.pages[full];
        page.push(place);
        u32::try_from((full << PAGE) + page.len() - 1)
            .expect("a table has less than four thousand million entries")
    }

    fn place(&mut self, number: u32) -> &mut Place<T> {
        &mut self.pages[(number >> PAGE) as usize][(number & ((1 << PAGE) - 1)) as usize]
    }

    fn append(&mut self, number: u32) {
        let list = self.place(number).stage as usize;
        let list = &mut self.lists[list];
        let before = std::mem::replace(&mut list.last, number);
        list.length += 1;
        match before {
            NOWHERE => list.first = number,
            before => self.place(before).after = number,
        }
        let place = self.place(number);
        (place.before, place.after) = (before, NOWHERE);
    }

    fn unlink(&mut self, number: u32) {
        let &mut Place { before, after, stage, .. } = self.place(number);
        match before {
            NOWHERE => self.lists[stage as usize].first = after,
            before => self.place(before).after = after,
        }
        match after {
            NOWHERE => self.lists[stage as usize].last = before,
            after => self.place(after).before = before,
        }
        self.lists[stage as usize].length -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_lists_are_in_the_order_of_touching(steps in proptest::collection::vec((0..4_u8, 0..8_usize, prop::sample::select(&Stage::ALL[..])), 1..80)) {
            let mut entries = Entries::new();
            // Each list as it should be, of values; and where each value is.
            let mut expected = [Vec::new(), Vec::new(), Vec::new()];
            let mut numbers: Vec<(u32, Number)> = Vec::new();
            for (value, (step, which, stage)) in (0_u32..).zip(steps) {
                let there = numbers.get(which % numbers.len().max(1)).copied();
                match (step, there) {
                    (0 | 1, _) => {
                        numbers.push((value, entries.insert(value, stage)));
                        expected[stage as usize].push(value);
                    }
                    (2, Some((value, number))) => {
                        entries.touch(number, stage);
                        expected = expected.map(|list| list.into_iter().filter(|one| *one != value).collect());
                        expected[stage as usize].push(value);
                    }
                    (_, Some((value, number))) => {
                        prop_assert_eq!(entries.remove(number), value);
                        expected = expected.map(|list| list.into_iter().filter(|one| *one != value).collect());
                        numbers.retain(|(one, _)| *one != value);
                    }
                    (_, None) => {}
                }
                for (stage, list) in Stage::ALL.into_iter().zip(&expected) {
                    prop_assert_eq!(entries.count(stage), list.len());
                    prop_assert_eq!(entries.oldest(stage).map(|number| *entries.get(number)), list.first().copied());
                }
            }
        }
    }
}
