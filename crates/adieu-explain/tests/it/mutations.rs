//! Captures with much harm at once: loss in all of them, copies, disorder, a head or a tail that is missing, one side alone.
//!
//! What is said may become unknown, and it may be that of a capture that stopped too early. It never becomes another ending: a
//! graceful one no reset, a reset of one side none of the other side.

use std::fmt::Write as _;

use crate::{
    degraded::{self, Case},
    frames::Owned,
};

/// A sequence of numbers that is the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }

    fn hits(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A mutation of a capture, with what was done.
fn mutation(segments: &[Owned], random: &mut Random) -> (Vec<Owned>, String) {
    let mut done = String::new();
    let mut segments = segments.to_vec();
    if random.hits(70) {
        let percent = 1 + random.below(30);
        let _ = write!(done, "loss of {percent} %; ");
        let all = segments.len();
        segments.retain(|_| !random.hits(percent));
        if segments.len() * 10 < all * 6 {
            // What lost most of its frames can be the perfect picture of another connection.
            segments.clear();
        }
    }
    if random.hits(25) {
        let percent = 1 + random.below(30);
        let _ = write!(done, "{percent} % twice; ");
        segments = segments
            .into_iter()
            .flat_map(|one| {
                let copy = random.hits(percent).then(|| one.clone());
                [one].into_iter().chain(copy)
            })
            .collect();
    }
    if random.hits(25) {
        let percent = 1 + random.below(20);
        let _ = write!(done, "{percent} % out of order; ");
        for at in 1..segments.len() {
            let (first, second) = (segments[at - 1].segment.time, segments[at].segment.time);
            let is_near = second.since(first).is_none_or(|apart| apart.as_millis() < 3);
            if is_near && random.hits(percent) {
                segments.swap(at - 1, at);
                // The clock of the capture goes on.
                segments[at - 1].segment.time = first;
                segments[at].segment.time = second;
            }
        }
    }
    if random.hits(20) && segments.len() > 2 {
        let cut = 1 + random.below(segments.len() / 2);
        let _ = write!(done, "without the first {cut}; ");
        segments.drain(..cut);
    }
    if random.hits(20) && segments.len() > 2 {
        let cut = 1 + random.below(segments.len() / 2);
        let _ = write!(done, "without the last {cut}; ");
        segments.truncate(segments.len() - cut);
    }
    if random.hits(10)
        && let Some(kept) = segments.first().map(|one| one.segment.source)
    {
        let keeps_first = random.hits(50);
        let _ = write!(done, "one side, {}; ", if keeps_first { "the first" } else { "the second" });
        segments.retain(|one| (one.segment.source == kept) == keeps_first);
    }
    for (at, owned) in segments.iter_mut().enumerate() {
        owned.segment.frame = at as u64 + 1;
    }
    (segments, done)
}

fn mutations() -> usize {
    std::env::var("ADIEU_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(3000)
}

#[test]
fn no_mutation_of_a_capture_makes_a_claim_wrong() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let cases: &[Case] = degraded::cases();
    let mut wrong = Vec::new();
    for number in 0..mutations() {
        let case = &cases[random.below(cases.len())];
        let (segments, done) = mutation(&case.segments, &mut random);
        if let Err(error) = degraded::judge(case, &segments, &done) {
            wrong.push(format!("{number}: {error}"));
        }
    }
    wrong.sort_by(|a, b| a.split(": ").skip(1).cmp(b.split(": ").skip(1)));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
