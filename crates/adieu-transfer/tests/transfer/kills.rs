//! Hundreds of transfers in which something goes wrong at a random moment: no lie, and no damaged file.

use crate::memory::Fault;
use crate::support::{Ended, How, content, partials, place, transfer, write};
use adieu_transfer::Verdict;
use std::path::{Path, PathBuf};

/// A generator that gives the same numbers for the same seed everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

fn is_stored(ended: &Ended) -> bool {
    ended.as_ref().is_some_and(|(outcome, _)| outcome.verdict == Verdict::Stored)
}

/// Files of a transfer: name, old content if there is one, new content.
struct Case {
    files: Vec<(String, Option<Vec<u8>>, Vec<u8>)>,
    how: How,
}

impl Case {
    fn new(random: &mut Random) -> Self {
        let number = if random.below(3) == 0 { 2 + random.below(30) } else { 1 };
        let files = (0..number)
            .map(|i| {
                let length = match random.below(4) {
                    0 => random.below(3),
                    1 => random.below(5_000),
                    _ if number > 1 => random.below(20_000),
                    _ => random.below(1_500_000),
                };
                let length = usize::try_from(length).expect("it fits");
                let old = (random.below(2) == 0).then(|| content(random.next(), 1_000));
                (format!("file-{i}"), old, content(random.next(), length))
            })
            .collect();
        let secret = if random.below(8) == 0 { Some("a secret") } else { None };
        let (resume, preserve) = (random.below(2) == 0, random.below(3) == 0);
        Self { files, how: How { resume, preserve, secrets: [secret; 2], deadline: None } }
    }

    /// Makes the sources and the old state of the target.
    fn make(&self, source: &Path, target: &Path) -> Vec<PathBuf> {
        std::fs::create_dir_all(source).expect("there is room");
        std::fs::create_dir_all(target).expect("there is room");
        for (name, old, _) in &self.files {
            if let Some(old) = old {
                write(&target.join(name), old);
            }
        }
        self.files.iter().map(|(name, _, new)| write(&source.join(name), new)).collect()
    }

    /// Every file is the old one or the whole new one; and all are new if somebody says so.
    fn check(&self, target: &Path, all_new: bool, what: &str) {
        for (name, old, new) in &self.files {
            let there = std::fs::read(target.join(name)).ok();
            let is_new = there.as_ref() == Some(new);
            assert!(is_new || (there == *old && !all_new), "{what}: {name} is neither old nor new, or a lie");
        }
    }
}

fn fault(random: &mut Random, steps: u64, bytes: u64) -> Fault {
    match random.below(5) {
        0 => Fault::Cut(random.below(steps + 1)),
        1 => Fault::Flip(random.below((bytes + 200) * 8)),
        _ => Fault::Kill(random.below(steps + 1)),
    }
}

fn run(seed: u64) {
    let mut random = Random(seed);
    let case = Case::new(&mut random);
    let directory = place();
    let at = |name: &str| directory.path().join(name);
    let paths = case.make(&at("source"), &at("dry"));

    let (sender, receiver) = transfer(&paths, &at("dry"), &case.how, [Fault::None; 2]);
    assert!(is_stored(&sender) && is_stored(&receiver), "seed {seed}: {sender:?} {receiver:?}");
    case.check(&at("dry"), true, &format!("seed {seed}, dry"));
    let bytes: u64 = case.files.iter().map(|(_, _, new)| new.len() as u64).sum();
    let steps = [&sender, &receiver].map(|side| side.as_ref().map_or(0, |(_, steps)| *steps));

    case.make(&at("source"), &at("target"));
    let mut faults = [Fault::None; 2];
    let side = usize::from(random.below(2) == 0);
    faults[side] = fault(&mut random, steps[side], if side == 0 { bytes } else { 0 });
    let what = format!("seed {seed}, {faults:?}, {:?}", case.how);
    let (sender, receiver) = transfer(&paths, &at("target"), &case.how, faults);
    case.check(&at("target"), is_stored(&sender) || is_stored(&receiver), &what);
    let killed = receiver.is_none();
    if !case.how.resume && !killed {
        assert_eq!(partials(&at("target")), Vec::<PathBuf>::new(), "{what}");
    }

    // And again, resuming: it ends well, and leaves nothing behind.
    let how = How { resume: true, ..case.how.clone() };
    let (again, receiver) = transfer(&paths, &at("target"), &how, [Fault::None; 2]);
    assert!(is_stored(&again) && is_stored(&receiver), "{what}, again: {again:?} {receiver:?}");
    case.check(&at("target"), true, &format!("{what}, again"));
    assert_eq!(partials(&at("target")), Vec::<PathBuf>::new(), "{what}, again");
    if is_stored(&sender) {
        let (outcome, _) = again.expect("it was not killed");
        assert_eq!(outcome.moved, 0, "{what}: what is stored is not sent again");
    }
}

#[test]
fn at_no_random_moment_a_failure_makes_a_lie_or_a_damaged_file() {
    // Under Wine each takes ten times as long.
    let usual = if cfg!(windows) { 150 } else { 600 };
    let seeds: u64 = std::env::var("ADIEU_KILL_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let next = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    run(seed);
                }
            });
        }
    });
}
