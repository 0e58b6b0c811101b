//! How many connections a filter was asked about, and whether it chose any: if it chose none, that is said.

use adieu_explain::segment::{Flags, Segment};
use adieu_explain::words::{counted, verb};
use std::collections::HashSet;
use std::net::SocketAddr;

/// How many connections are counted that were passed over by their addresses, so that memory is bounded.
const MOST: usize = 10_000;

/// What a filter has been asked.
#[derive(Default)]
pub(super) struct Matches {
    chosen: u64,
    judged: u64,
    /// Connections whose segments were passed over: both ends, and both ends with the number of each SYN.
    passed_over: HashSet<([SocketAddr; 2], Option<u32>)>,
    /// Ends of the segment before.
    last: Option<[SocketAddr; 2]>,
}

impl Matches {
    /// A connection was judged.
    pub(super) fn judged(&mut self, is_chosen: bool) {
        self.judged += 1;
        if is_chosen {
            self.chosen += 1;
            // Nothing will have to be said.
            self.passed_over = HashSet::new();
        }
    }

    /// A segment was passed over by its addresses.
    pub(super) fn pass_over(&mut self, segment: &Segment<'_>) {
        let ends = [segment.source, segment.destination];
        let ends = [ends[0].min(ends[1]), ends[0].max(ends[1])];
        let opens = segment.flags.syn() && !segment.flags.contains(Flags::ACK);
        if self.chosen > 0 || (self.last == Some(ends) && !opens) || self.passed_over.len() >= MOST {
            return;
        }
        self.last = Some(ends);
        if opens {
            self.passed_over.insert((ends, Some(segment.sequence)));
        }
        self.passed_over.insert((ends, None));
    }

    /// `0 of 6 connections match --host 10.0.0.9`. `None`: some do, or nothing was asked. `asked`: the options.
    pub(super) fn none_of(&self, asked: &str) -> Option<String> {
        if self.chosen > 0 {
            return None;
        }
        let with_syn: HashSet<&[SocketAddr; 2]> =
            self.passed_over.iter().filter(|(_, syn)| syn.is_some()).map(|(ends, _)| ends).collect();
        let passed_over =
            self.passed_over.iter().filter(|(ends, syn)| syn.is_some() || !with_syn.contains(ends)).count()
                as u64;
        let all = self.judged + passed_over;
        match all {
            0 => Some("there is no TCP connection".to_owned()),
            _ if asked.is_empty() => None,
            _ => {
                let at_least = if self.passed_over.len() >= MOST { "at least " } else { "" };
                let connections = counted(all, "connection", "connections");
                Some(format!("0 of {at_least}{connections} {} {asked}", verb(all, "matches", "match")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_were_passed_over_are_counted_once() {
        let mut matches = Matches::default();
        assert_eq!(matches.none_of("").as_deref(), Some("there is no TCP connection"));
        let (client, server) = (([10, 0, 0, 1], 1000).into(), ([10, 0, 0, 2], 80).into());
        let say = |matches: &mut Matches, from: SocketAddr, to: SocketAddr, flags, sequence| {
            matches.pass_over(&Segment { flags, sequence, ..Segment::between(from, to) });
        };
        say(&mut matches, client, server, Flags::ACK, 5);
        assert_eq!(matches.none_of("--port 1").as_deref(), Some("0 of 1 connection matches --port 1"));
        for sequence in [100, 100, 7000] {
            say(&mut matches, client, server, Flags::SYN, sequence);
            say(&mut matches, server, client, Flags::SYN | Flags::ACK, 1);
        }
        assert_eq!(matches.none_of("--port 1").as_deref(), Some("0 of 2 connections match --port 1"));
        matches.judged(false);
        assert_eq!(matches.none_of("--port 1").as_deref(), Some("0 of 3 connections match --port 1"));
        assert_eq!(matches.none_of(""), None);
        for port in 0..u16::MAX {
            say(&mut matches, ([10, 0, 0, 9], port).into(), server, Flags::ACK, 1);
        }
        let said = matches.none_of("--port 1").expect("none was chosen");
        assert!(said.starts_with("0 of at least ") && matches.passed_over.len() == MOST, "{said}");
        matches.judged(true);
        assert_eq!(matches.none_of("--port 1"), None);
    }
}
