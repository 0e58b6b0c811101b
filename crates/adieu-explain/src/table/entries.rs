//! The entries of the table, each in a place that does not change, and two lists through them: what is open, and what is
//! over and lingers. Both are in the order of when something was heard last.

/// The place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(u32);

const NOWHERE: u32 = u32::MAX;

/// Entries in two lists.
pub(super) struct Entries<T> {
    places: Vec<Place<T>>,
    /// Places that are free.
    free: Vec<u32>,
    open: List,
    lingering: List,
}

struct Place<T> {
    /// `None`: the place is free.
    value: Option<T>,
    before: u32,
    after: u32,
    lingers: bool,
}

struct List {
    first: u32,
    last: u32,
    length: usize,
}

impl List {
    const EMPTY: Self = Self { first: NOWHERE, last: NOWHERE, length: 0 };

    fn first(&self) -> Option<Number> {
        (self.first != NOWHERE).then_some(Number(self.first))
    }
}

impl<T> Entries<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), open: List::EMPTY, lingering: List::EMPTY }
    }

    /// How many linger.
    pub(super) fn lingering(&self) -> usize {
        self.lingering.length
    }

    /// The one that lingers and was not heard for longest.
    pub(super) fn oldest_lingering(&self) -> Option<Number> {
        self.lingering.first()
    }

    /// The one that is open and was not heard for longest.
    pub(super) fn oldest_open(&self) -> Option<Number> {
        self.open.first()
    }

    pub(super) fn get_mut(&mut self, number: Number) -> &mut T {
        self.places[number.0 as usize].value.as_mut().expect("a number is given up with its entry")
    }

    pub(super) fn insert(&mut self, value: T, lingers: bool) -> Number {
        let place = Place { value: Some(value), before: NOWHERE, after: NOWHERE, lingers };
        let number = if let Some(number) = self.free.pop() {
            self.places[number as usize] = place;
            number
        } else {
            self.places.push(place);
            u32::try_from(self.places.len() - 1).expect("a table has less than four thousand million entries")
        };
        self.append(number);
        Number(number)
    }

    /// Moves an entry to the end of its list.
    pub(super) fn touch(&mut self, number: Number, lingers: bool) {
        let place = &self.places[number.0 as usize];
        if place.after == NOWHERE && place.lingers == lingers {
            return;
        }
        self.unlink(number.0);
        self.places[number.0 as usize].lingers = lingers;
        self.append(number.0);
    }

    pub(super) fn remove(&mut self, number: Number) -> T {
        self.unlink(number.0);
        self.free.push(number.0);
        self.places[number.0 as usize].value.take().expect("a number is given up with its entry")
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        self.places.into_iter().filter_map(|place| place.value)
    }

    fn list(&mut self, lingers: bool) -> &mut List {
        if lingers { &mut self.lingering } else { &mut self.open }
    }

    fn append(&mut self, number: u32) {
        let lingers = self.places[number as usize].lingers;
        let list = self.list(lingers);
        let before = std::mem::replace(&mut list.last, number);
        list.length += 1;
        match before {
            NOWHERE => list.first = number,
            before => self.places[before as usize].after = number,
        }
        let place = &mut self.places[number as usize];
        (place.before, place.after) = (before, NOWHERE);
    }

    fn unlink(&mut self, number: u32) {
        let Place { before, after, lingers, .. } = self.places[number as usize];
        match before {
            NOWHERE => self.list(lingers).first = after,
            before => self.places[before as usize].after = after,
        }
        match after {
            NOWHERE => self.list(lingers).last = before,
            after => self.places[after as usize].before = before,
        }
        self.list(lingers).length -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_lists_are_in_the_order_of_touching(steps in proptest::collection::vec((0..4_u8, 0..8_usize, any::<bool>()), 1..80)) {
            let mut entries = Entries::new();
            // Each list as it should be, of values; and where each value is.
            let mut expected = [Vec::new(), Vec::new()];
            let mut numbers: Vec<(u32, Number)> = Vec::new();
            for (value, (step, which, lingers)) in (0_u32..).zip(steps) {
                let there = numbers.get(which % numbers.len().max(1)).copied();
                match (step, there) {
                    (0 | 1, _) => {
                        numbers.push((value, entries.insert(value, lingers)));
                        expected[usize::from(lingers)].push(value);
                    }
                    (2, Some((value, number))) => {
                        entries.touch(number, lingers);
                        expected = expected.map(|list| list.into_iter().filter(|one| *one != value).collect());
                        expected[usize::from(lingers)].push(value);
                    }
                    (_, Some((value, number))) => {
                        prop_assert_eq!(entries.remove(number), value);
                        expected = expected.map(|list| list.into_iter().filter(|one| *one != value).collect());
                        numbers.retain(|(one, _)| *one != value);
                    }
                    (_, None) => {}
                }
                prop_assert_eq!(entries.lingering(), expected[1].len());
                for (first, list) in [(entries.oldest_open(), &expected[0]), (entries.oldest_lingering(), &expected[1])] {
                    prop_assert_eq!(first.map(|number| *entries.get_mut(number)), list.first().copied());
                }
            }
            let mut left: Vec<u32> = entries.into_iter().collect();
            left.sort_unstable();
            let mut all = expected.concat();
            all.sort_unstable();
            prop_assert_eq!(left, all);
        }
    }
}
