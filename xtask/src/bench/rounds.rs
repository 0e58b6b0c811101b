//! The runner: for each case alternating rounds, so that a noisy minute falls on every tool alike.

use super::{
    case::{Case, Kind},
    measure::{Bench, Measured, Sample},
    numbers::{self, Metric},
    tool::{Kin, Tool},
};
use anyhow::{Context, Result};

/// How much is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) rounds: u32,
    /// Bytes of a stream, each way.
    pub(super) size: u64,
    /// Tiny exchanges in a round; a round's sample is their median.
    pub(super) tiny_runs: u32,
}

impl Plan {
    /// The stream that a long one's memory is compared with.
    pub(super) fn short(&self) -> u64 {
        self.size / 16
    }
}

/// What was measured of one tool in one case.
pub(super) enum Cell {
    Measured(Vec<Sample>),
    /// What it did instead.
    Failed(String),
}

/// One case.
pub(super) struct Row {
    pub(super) case: Case,
    /// As many as there are tools, in their order.
    pub(super) cells: Vec<Cell>,
    /// adieu's, with a stream of a sixteenth of the length.
    pub(super) short: Vec<Sample>,
    /// socat's block that won the warm-up.
    pub(super) block: u64,
}

impl Cell {
    pub(super) fn samples(&self) -> &[Sample] {
        match self {
            Self::Measured(samples) => samples,
            Self::Failed(_) => &[],
        }
    }

    /// A tool that fails once in a case is not asked again.
    fn add(&mut self, outcome: Measured) {
        match (self, outcome) {
            (Self::Measured(samples), Ok(sample)) => samples.push(sample),
            (cell @ Self::Measured(_), Err(why)) => {
                let before = cell.samples().len();
                *cell = Self::Failed(if before > 0 { format!("{why} (round {})", before + 1) } else { why });
            }
            (Self::Failed(_), _) => {}
        }
    }
}

/// The blocks that socat's warm-up tries; 8192 is its default.
const BLOCKS: &[u64] = &[8192, 65_536, 262_144, 1_048_576];
/// With larger ones socat and the `cat` that it runs wait for each other for ever: it writes a whole block to `cat`,
/// which writes back, and neither reads.
const ECHO_BLOCKS: &[u64] = &[8192, 65_536];

impl Bench {
    pub(super) fn row(&self, case: Case, tools: &[Tool], plan: &Plan) -> Result<Row> {
        let block = self.best_block(&case, tools, plan)?;
        let mut cells: Vec<_> = tools.iter().map(|_| Cell::Measured(Vec::new())).collect();
        let mut short = Vec::new();
        for round in 1..=plan.rounds {
            for (tool, cell) in tools.iter().zip(&mut cells) {
                if matches!(cell, Cell::Failed(_)) {
                    continue;
                }
                if tool.version.is_none() {
                    *cell = Cell::Failed("not installed".into());
                    continue;
                }
                let context = || format!("{} in {}", tool.name, case.name);
                cell.add(self.once(tool, &case, plan, plan.size, block).with_context(context)?);
                tell(&case, tool, round, cell);
                if let (Kin::Adieu, Kind::Transfer(_)) = (tool.kin, case.kind) {
                    // One that fails is seen in its own cell, where the stream is long.
                    short.extend(self.once(tool, &case, plan, plan.short(), block).with_context(context)?);
                }
            }
        }
        Ok(Row { case, cells, short, block })
    }

    fn once(&self, tool: &Tool, case: &Case, plan: &Plan, size: u64, block: u64) -> Result<Measured> {
        match case.kind {
            Kind::Transfer(transfer) => self.transfer(tool, case, transfer, size, block),
            Kind::Echo { clients } => self.echo(tool, clients, size, block),
            Kind::Tiny => Ok(self.tiny(tool, case, plan.tiny_runs, block)?.and_then(|samples| {
                let median = |metric| {
                    let figure = numbers::figure(&samples, metric).map(|figure| figure.median);
                    figure.ok_or_else(|| "no runs".to_owned())
                };
                Ok(Sample {
                    wall: median(Metric::Wall)?,
                    cpu: median(Metric::Cpu)?,
                    memory: median(Metric::Memory)?,
                })
            })),
        }
    }

    /// The `-b` with which socat is fastest in this case: one warm-up run each, with at most 256 MiB.
    fn best_block(&self, case: &Case, tools: &[Tool], plan: &Plan) -> Result<u64> {
        let mut best = (f64::INFINITY, BLOCKS[0]);
        let socat = tools.iter().find(|tool| tool.kin == Kin::Socat && tool.version.is_some());
        let (Some(socat), true) = (socat, case.kind != Kind::Tiny) else { return Ok(best.1) };
        let blocks = if let Kind::Echo { .. } = case.kind { ECHO_BLOCKS } else { BLOCKS };
        for &block in blocks {
            if let Ok(sample) = self.once(socat, case, plan, plan.size.min(256 << 20), block)?
                && sample.wall < best.0
            {
                best = (sample.wall, block);
            }
        }
        Ok(best.1)
    }
}

#[expect(clippy::print_stderr, reason = "a run of minutes shows that it goes on")]
fn tell(case: &Case, tool: &Tool, round: u32, cell: &Cell) {
    let (case, tool) = (case.name, tool.name);
    match cell {
        Cell::Failed(why) => eprintln!("{case:<20} {tool:<15} round {round}  {why}"),
        Cell::Measured(samples) => {
            if let Some(Sample { wall, cpu, memory }) = samples.last() {
                eprintln!(
                    "{case:<20} {tool:<15} round {round}  {wall:.4} s  cpu {cpu:.4} s  {memory:.0} KiB"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stays_and_says_its_round() {
        let mut cell = Cell::Measured(Vec::new());
        cell.add(Ok(Sample { wall: 1.0, cpu: 1.0, memory: 1.0 }));
        cell.add(Err("hang".into()));
        cell.add(Ok(Sample { wall: 1.0, cpu: 1.0, memory: 1.0 }));
        assert!(matches!(&cell, Cell::Failed(why) if why == "hang (round 2)"));
        assert!(cell.samples().is_empty());
    }
}
