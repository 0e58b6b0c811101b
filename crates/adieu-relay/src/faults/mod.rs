//! Faults on purpose, for the test of a program that talks through the relay: which connections get which.
//!
//! What each fault is and how it is done stands in [`adieu::faults`]. Here is how they are written, and the chance: a plan is
//! made for each connection from the seed and the connection's number alone, so a run can be repeated. Nothing here does I/O.

mod parse;
mod words;

pub use parse::ParseFaultsError;

use crate::split_mix::SplitMix;
use adieu::faults::{Fault, Planned};
use std::time::Duration;

/// A million is always.
const ALWAYS: u32 = 1_000_000;

/// One fault, where it comes, and in which connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedFault {
    /// What goes wrong. The seed of a latency is chosen for each connection.
    pub fault: Fault,
    /// After so many bytes of the direction.
    pub after_bytes: u64,
    /// After so long since the client was joined with the upstream.
    pub after: Duration,
    /// In how many of a million connections.
    pub per_million: u32,
    /// Whether in what the client sends.
    pub up: bool,
    /// Whether in what the upstream sends.
    pub down: bool,
}

/// What is to go wrong. Written as in `fin@1MiB,rst@50%,latency=50ms±10ms@down`; see `docs/faults.md`.
///
/// # Examples
///
/// ```
/// use adieu_relay::Faults;
///
/// let faults: Faults = "fin@1MiB@down, stall=2s@10%".parse()?;
/// assert_eq!(faults.to_string(), "fin@1MiB@down,stall=2s@10%");
/// # Ok::<(), adieu_relay::ParseFaultsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    list: Vec<PlannedFault>,
    seed: u64,
}

impl Faults {
    /// The same with another seed. Default: 0.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether nothing is to go wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each, in its order.
    pub fn iter(&self) -> impl Iterator<Item = &PlannedFault> {
        self.list.iter()
    }

    /// The plan for the connection of this number. The same seed and number give the same. `None`: nothing goes wrong there.
    pub fn for_connection(&self, id: u64) -> Option<adieu::faults::Faults> {
        let mut dice = SplitMix::of_series(self.seed, id);
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for planned in &self.list {
            // Rolled for each, so that one more fault at the end changes nothing about the others.
            let (chance, seeds) = (dice.roll(), [dice.roll(), dice.roll()]);
            if chance % u64::from(ALWAYS) >= u64::from(planned.per_million) {
                continue;
            }
            for (list, is_wanted, seed) in
                [(&mut up, planned.up, seeds[0]), (&mut down, planned.down, seeds[1])]
            {
                if is_wanted {
                    list.push(planned.with_seed(seed));
                }
            }
        }
        (!(up.is_empty() && down.is_empty())).then(|| adieu::faults::Faults::new(up, down))
    }
}

impl PlannedFault {
    fn with_seed(&self, seed: u64) -> Planned {
        let fault = match self.fault {
            Fault::Latency { delay, jitter, .. } => Fault::Latency { delay, jitter, seed },
            other => other,
        };
        Planned { fault, after_bytes: self.after_bytes, after: self.after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_depends_on_the_seed_and_the_number_alone() {
        let faults: Faults = "rst@50%,latency=5ms+-1ms".parse().expect("they are");
        let shown = |faults: &Faults, id| format!("{:?}", faults.for_connection(id));
        for id in 0..20 {
            assert_eq!(shown(&faults, id), shown(&faults.clone(), id));
        }
        assert!((0..20).any(|id| shown(&faults, id) != shown(&faults.clone().with_seed(1), id)));
    }

    #[test]
    fn so_many_connections_get_a_fault_as_its_chance_says() {
        let faults: Faults = "rst@25%".parse().expect("it is");
        let hit = (0..10_000).filter(|id| faults.for_connection(*id).is_some()).count();
        assert!((2300..2700).contains(&hit), "{hit}");
        for (text, all) in [("rst@0%", 0), ("rst@100%", 1000), ("rst", 1000)] {
            let faults: Faults = text.parse().expect("it is");
            assert_eq!((0..1000).filter(|id| faults.for_connection(*id).is_some()).count(), all, "{text}");
        }
    }
}
