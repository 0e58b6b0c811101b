//! What the project asks of adieu, as data, and whether a run met it.

use super::{
    case::{Case, Kind},
    numbers::Metric,
    tool::Kin,
};
use std::fmt;

/// Compared with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    Limit,
    /// The best of the peers that did not fail.
    BestPeer,
    Peer(&'static str),
    /// adieu itself, with a stream of a sixteenth of the length.
    ShortStream,
}

/// What the ratio must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rule {
    /// The other's figure divided by adieu's.
    AtLeast(f64),
    /// adieu's figure divided by the other's.
    AtMost(f64),
    /// adieu's figure divided by the other's.
    Below(f64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    /// Whose figure it is: adieu's, or that of `adieu nc`.
    pub(super) of: Kin,
    pub(super) metric: Metric,
    pub(super) against: Against,
    pub(super) rule: Rule,
}

impl Rule {
    pub(super) fn ratio(self, adieu: f64, other: f64) -> f64 {
        match self {
            Self::AtLeast(_) => other / adieu,
            Self::AtMost(_) | Self::Below(_) => adieu / other,
        }
    }

    pub(super) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
            Self::Below(bound) => ratio < bound,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
            Self::AtMost(bound) => write!(f, "at most {bound}"),
            Self::Below(bound) => write!(f, "below {bound}"),
        }
    }
}

/// "Flat in the stream's length": the kernel counts resident pages in batches for each processor, so that two runs of
/// the same 3 MiB are often 200 KiB apart.
const FLAT: f64 = 1.1;

/// The targets of a case.
pub(super) fn of(case: &Case) -> Vec<Target> {
    let target = |metric, against, rule| Target { of: Kin::Adieu, metric, against, rule };
    let wall = |against, bound| target(Metric::Wall, against, Rule::AtLeast(bound));
    let mut targets = match case.name {
        "file-to-socket" => vec![wall(Against::Limit, 0.95), wall(Against::BestPeer, 1.8)],
        "pipe-to-socket" | "socket-to-pipe" | "socket-to-file" | "socket-to-null" => {
            vec![wall(Against::Limit, 0.95), wall(Against::BestPeer, 1.2)]
        }
        "tls-file-to-socket" | "tls-socket-to-null" | "tls-full-duplex" => vec![wall(Against::BestPeer, 1.2)],
        "full-duplex" => vec![wall(Against::Limit, 0.9), wall(Against::BestPeer, 1.2)],
        "tiny" => {
            let beside = |metric| target(metric, Against::Peer("nc.openbsd -N"), Rule::AtMost(1.1));
            let as_nc = |metric| Target { of: Kin::AdieuNc, ..beside(metric) };
            vec![beside(Metric::Wall), beside(Metric::Cpu), as_nc(Metric::Wall), as_nc(Metric::Cpu)]
        }
        _ => vec![],
    };
    let is_tls = matches!(case.kind, Kind::Transfer(transfer) if transfer.tls);
    if case.is_transfer() {
        if !is_tls {
            targets.push(target(Metric::Cpu, Against::Limit, Rule::AtMost(1.1)));
        }
        targets.push(target(Metric::Cpu, Against::BestPeer, Rule::Below(1.0)));
    }
    if !matches!(case.kind, Kind::Echo { .. }) {
        targets.push(target(Metric::Memory, Against::Peer("ncat"), Rule::AtMost(1.0)));
    }
    if case.is_transfer() {
        targets.push(target(Metric::Memory, Against::ShortStream, Rule::AtMost(FLAT)));
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::*;

    #[test]
    fn twice_as_fast_is_a_ratio_of_two() {
        let rule = Rule::AtLeast(1.8);
        assert!((rule.ratio(0.5, 1.0) - 2.0).abs() < 1e-9);
        assert!(rule.is_met(1.8) && !rule.is_met(1.799));
    }

    #[test]
    fn a_cost_is_adieu_s_divided_by_the_other_s() {
        let rule = Rule::AtMost(1.1);
        assert!((rule.ratio(1.1, 1.0) - 1.1).abs() < 1e-9);
        assert!(rule.is_met(1.1) && !rule.is_met(1.11));
        assert!(!Rule::Below(1.0).is_met(1.0));
    }

    #[test]
    fn every_transfer_has_targets_for_time_of_the_processor_and_memory() {
        for case in case::ALL.iter().filter(|case| case.is_transfer()) {
            assert!(of(case).len() >= 4, "{}", case.name);
        }
    }
}
