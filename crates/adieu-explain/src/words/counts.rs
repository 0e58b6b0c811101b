//! Many frames or connections in words.

use super::{ending_words, units::verb};
use crate::{packet::Counts, summary::Tally};

/// `27 connections: 20 graceful, 5 reset, 2 open`.
pub fn tally(tally: &Tally) -> String {
    let parts: Vec<String> = Tally::ENDINGS
        .into_iter()
        .filter(|ending| tally.of(*ending) > 0)
        .map(|ending| format!("{} {}", tally.of(ending), ending.map_or("unknown", ending_words)))
        .collect();
    let all = match tally.connections() {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    };
    if parts.is_empty() { all } else { format!("{all}: {}", parts.join(", ")) }
}

/// What of a capture was not explained, each as a clause. `evicted`: how many connections are told in parts.
pub fn passed_over(counts: &Counts, evicted: u64) -> Vec<String> {
    let links: Vec<String> = counts.unknown_links().iter().map(|link| link.0.to_string()).collect();
    let mut told = Vec::new();
    for (count, what) in [
        (counts.fragments, "IP fragments are not put together, so connections may have gaps".to_owned()),
        (counts.unknown_link, format!("frames of link type {} are not understood", links.join(", "))),
        (counts.cut, "the snapshot length cut TCP headers".to_owned()),
        (counts.too_short, "frames are too short for their own headers".to_owned()),
        (counts.bad_ip, "IP headers are impossible".to_owned()),
        (counts.bad_tcp, "TCP headers are impossible".to_owned()),
        (counts.too_many_headers, "frames have more headers than are followed".to_owned()),
    ] {
        if count > 0 {
            let frames = if count == 1 { "frame" } else { "frames" };
            told.push(format!("{what} ({count} {frames} passed over)"));
        }
    }
    if counts.drawn > 0 {
        told.push(
            "adieu wrote this capture: its segments are drawn from a program's calls, and were not seen on a wire. They show no \
             repetition, no hop limit, and not who sent a reset"
                .to_owned(),
        );
    }
    if evicted > 0 {
        told.push(format!(
            "more connections were open at once than are followed: {evicted} {} given up before the end, those without a \
             complete handshake first. How such a connection ended is unknown, and what followed of it is told as another one",
            verb(evicted, "was", "were")
        ));
    }
    told
}
