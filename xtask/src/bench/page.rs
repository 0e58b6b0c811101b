//! The tables, and bench/RESULTS.md around them. Everything on the page comes from the run.

use super::{
    case::{Case, Kind, echo_amount},
    numbers::{Figure, Metric, figure, written},
    rounds::{Cell, Plan, Row},
    target::{self, Against, Target},
    tool::{Kin, Tool, shown},
};
use anyhow::Result;
use std::{fmt::Write as _, process::Command};

/// All that was measured.
pub(super) struct Results {
    pub(super) tools: Vec<Tool>,
    pub(super) rows: Vec<Row>,
    pub(super) plan: Plan,
    /// The arguments of the run.
    pub(super) command: String,
    pub(super) machine: Machine,
}

/// Where and when.
pub(super) struct Machine {
    date: String,
    kernel: String,
    rustc: String,
    cores: usize,
    /// Running processes, averaged over a minute: how quiet it was before the first run.
    load: String,
}

impl Machine {
    pub(super) fn ask() -> Result<Self> {
        let say = |program: &str, arguments: &[&str]| -> Result<String> {
            let done = Command::new(program).args(arguments).output()?;
            Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
        };
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Ok(Self {
            date: say("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?,
            kernel: say("uname", &["-srm"])?,
            rustc: say("rustc", &["--version"])?,
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            load: load.split_whitespace().next().unwrap_or("unknown").to_owned(),
        })
    }
}

impl Machine {
    /// As lines of a page.
    pub(super) fn lines(&self) -> String {
        let Self { date, kernel, rustc, cores, load } = self;
        format!(
            "- date: {date}\n- kernel: {kernel}\n- processors: {cores}\n- load before the first run: {load}\n- compiler: {rustc}\n"
        )
    }
}

const HEAD: &str = "\
# What was measured

This page is written by `cargo xtask bench`; nothing on it is typed. What the cases are, what the limit program is and
how to read the ratios stands in [README.md](README.md). Ratios within one run matter; absolute figures vary from
machine to machine.
";

impl Results {
    /// bench/RESULTS.md.
    pub(super) fn page(&self) -> String {
        let Machine { date, kernel, rustc, cores, load } = &self.machine;
        let mut page = String::from(HEAD);
        let _ = writeln!(page, "\n- date: {date}\n- kernel: {kernel}\n- processors: {cores}");
        let _ = writeln!(page, "- load before the first run: {load}\n- compiler: {rustc}");
        let _ = writeln!(page, "- command: `{}`", self.command);
        let _ = writeln!(
            page,
            "- {} alternating rounds; streams of {}; {} tiny exchanges in each round",
            self.plan.rounds,
            bytes(self.plan.size),
            self.plan.tiny_runs
        );
        page.push('\n');
        page.push_str(&self.tables());
        page.push_str("\n## The tools\n\n");
        for tool in &self.tools {
            let version = tool.version.as_deref().unwrap_or("not installed");
            let _ = writeln!(page, "- {}: {version}", tool.name);
        }
        page.push_str("\n## The commands\n\n");
        self.commands(&mut page);
        page
    }

    /// The tables, for the terminal and the page.
    pub(super) fn tables(&self) -> String {
        let mut text = String::from("## The targets\n\n");
        self.targets(&mut text);
        text.push_str("\n## Against the limit and the best peer\n\nHow many times as fast adieu is.\n\n");
        self.ratios(&mut text);
        text.push_str(
            "\n## Wall time\n\nSeconds, the tiny exchange in milliseconds: median (least to most).\n\n",
        );
        self.table(&mut text, Metric::Wall);
        text.push_str(
            "\n## Time of the processor\n\nOf the tool alone, its own and the kernel's for it: seconds per GiB that \
             passed through it, the tiny exchange in milliseconds, an echo in seconds: median (least to most).\n\n",
        );
        self.table(&mut text, Metric::Cpu);
        text.push_str("\n## Peak memory\n\nMiB resident at most: median.\n\n");
        self.table(&mut text, Metric::Memory);
        text
    }

    fn targets(&self, text: &mut String) {
        text.push_str("| case | figure | against | adieu | other | ratio | target | |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
        for row in &self.rows {
            for target in target::of(&row.case) {
                self.target(text, row, &target);
            }
        }
    }

    fn target(&self, text: &mut String, row: &Row, target: &Target) {
        let adieu = self.median(row, target.metric, |tool| tool.kin == target.of);
        let other = match target.against {
            Against::Limit => self.median(row, target.metric, |tool| tool.kin == Kin::Limit),
            Against::BestPeer => self.median(row, target.metric, Tool::is_peer),
            Against::Peer(name) => self.median(row, target.metric, |tool| tool.name == name),
            Against::ShortStream => {
                let name = bytes(self.plan.short());
                figure(&row.short, target.metric).map(|figure| (figure.median, name))
            }
        };
        let against = match (target.against, &other) {
            (Against::Limit, _) => "the limit".to_owned(),
            (Against::BestPeer, Some((_, name))) => format!("the best peer, {name}"),
            (Against::BestPeer, None) => "the best peer".to_owned(),
            (Against::Peer(name), _) if target.of == Kin::AdieuNc => format!("{name}, as `adieu nc -N`"),
            (Against::Peer(name), _) => name.to_owned(),
            (Against::ShortStream, _) => format!("adieu with {}", bytes(self.plan.short())),
        };
        let shown = |value: &Option<(f64, String)>| {
            value
                .as_ref()
                .map_or("?".into(), |(value, _)| written(scaled(&row.case, target.metric, *value, self)))
        };
        let (ratio, verdict) = match (&adieu, &other) {
            (Some((adieu, _)), Some((other, _))) => {
                let ratio = target.rule.ratio(*adieu, *other);
                let verdict = if target.rule.is_met(ratio) { "met" } else { "**not met**" };
                (format!("{ratio:.3}"), verdict)
            }
            _ => ("?".into(), "not measured"),
        };
        let figure = match target.metric {
            Metric::Wall => "speed",
            Metric::Cpu => "processor",
            Metric::Memory => "memory",
        };
        // The tiny exchange is asked for as a cost.
        let figure = if row.case.kind == Kind::Tiny && figure == "speed" { "wall" } else { figure };
        let _ = writeln!(
            text,
            "| {} | {figure} | {against} | {} | {} | {ratio} | {} | {verdict} |",
            row.case.title,
            shown(&adieu),
            shown(&other),
            target.rule
        );
    }

    fn ratios(&self, text: &mut String) {
        text.push_str(
            "| case | against the limit | against the best peer | which |\n| --- | --- | --- | --- |\n",
        );
        for row in &self.rows {
            let adieu = self.median(row, Metric::Wall, |tool| tool.kin == Kin::Adieu);
            let against = |other: &Option<(f64, String)>| match (&adieu, other) {
                (Some((adieu, _)), Some((other, _))) => format!("{:.2}", other / adieu),
                _ => "?".into(),
            };
            let limit = self.median(row, Metric::Wall, |tool| tool.kin == Kin::Limit);
            let peer = self.median(row, Metric::Wall, Tool::is_peer);
            let name = peer.as_ref().map_or("none", |(_, name)| name);
            let _ =
                writeln!(text, "| {} | {} | {} | {name} |", row.case.title, against(&limit), against(&peer));
        }
    }

    /// The least median of the tools that `wanted` picks, and whose it is.
    fn median(&self, row: &Row, metric: Metric, wanted: impl Fn(&Tool) -> bool) -> Option<(f64, String)> {
        let tools = self.tools.iter().zip(&row.cells).filter(|(tool, _)| wanted(tool));
        tools
            .filter_map(|(tool, cell)| Some((figure(cell.samples(), metric)?.median, tool.name.to_owned())))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
    }

    fn table(&self, text: &mut String, metric: Metric) {
        let heads: Vec<_> = self.tools.iter().map(|tool| tool.name).collect();
        let _ = writeln!(text, "| case | {} |", heads.join(" | "));
        let _ = writeln!(text, "| --- |{}", " --- |".repeat(heads.len()));
        for row in &self.rows {
            let cells: Vec<_> = row.cells.iter().map(|cell| self.cell(&row.case, cell, metric)).collect();
            let _ = writeln!(text, "| {} | {} |", row.case.title, cells.join(" | "));
        }
    }

    fn cell(&self, case: &Case, cell: &Cell, metric: Metric) -> String {
        match (cell, figure(cell.samples(), metric)) {
            (Cell::Failed(why), _) => why.clone(),
            (Cell::Measured(_), None) => "not measured".into(),
            (Cell::Measured(_), Some(Figure { median, least, most })) => {
                let [median, least, most] =
                    [median, least, most].map(|value| written(scaled(case, metric, value, self)));
                if metric == Metric::Memory { median } else { format!("{median} ({least} to {most})") }
            }
        }
    }

    fn commands(&self, page: &mut String) {
        let _ = writeln!(page, "What stands for a port or a path varies.\n");
        for row in &self.rows {
            let _ = writeln!(page, "- {}{}", row.case.title, self.amounts(&row.case));
            for tool in self.tools.iter().filter(|tool| tool.version.is_some()) {
                let endpoint = match row.case.kind {
                    Kind::Transfer(transfer) if transfer.unix => "/PATH",
                    _ => "PORT",
                };
                let asked = match row.case.kind {
                    Kind::Echo { .. } => tool.echo_server(row.block),
                    _ => tool.client(&row.case, endpoint, row.block),
                };
                if let Ok(command) = asked {
                    let _ = writeln!(page, "  - `{}`", shown(&command));
                }
            }
        }
    }

    fn amounts(&self, case: &Case) -> String {
        match case.kind {
            Kind::Echo { clients } => {
                format!(": each client sends {}", bytes(echo_amount(clients, self.plan.size)))
            }
            _ => String::new(),
        }
    }
}

/// A figure in the unit of its table.
fn scaled(case: &Case, metric: Metric, value: f64, results: &Results) -> f64 {
    match (metric, case.kind) {
        (Metric::Memory, _) => value / 1024.0,
        (_, Kind::Tiny) => value * 1000.0,
        (Metric::Cpu, Kind::Transfer(_)) => value / gib(case.volume(results.plan.size)),
        _ => value,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of bytes that a machine can move in a run is exact")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// As people write it.
pub(super) fn bytes(number: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if number >= 1 << shift && number.trailing_zeros() >= shift {
            return format!("{} {unit}", number >> shift);
        }
    }
    format!("{number} bytes")
}

#[cfg(test)]
mod tests {
    use super::super::{case, measure::Sample};
    use super::*;

    fn results() -> Results {
        let tool = |name, kin| Tool { name, kin, program: name.into(), version: Some("1".into()) };
        let tools = vec![
            tool("nc.openbsd -N", Kin::OpenBsd),
            tool("ncat", Kin::Ncat),
            tool("adieu", Kin::Adieu),
            tool("limit", Kin::Limit),
        ];
        let samples = |wall, cpu, memory| {
            Cell::Measured(vec![Sample { wall, cpu, memory }, Sample { wall, cpu, memory }])
        };
        let cells = vec![
            Cell::Failed("truncated".into()),
            samples(1.0, 0.5, 10240.0),
            samples(0.5, 0.6, 3072.0),
            samples(0.5, 0.2, 2048.0),
        ];
        let short = vec![Sample { wall: 0.1, cpu: 0.1, memory: 3072.0 }];
        let rows = vec![Row { case: case::ALL[0], cells, short, block: 8192 }];
        let plan = Plan { rounds: 2, size: 1 << 30, tiny_runs: 1 };
        let word = || "unknown".to_owned();
        let machine = Machine { date: word(), kernel: word(), rustc: word(), cores: 2, load: word() };
        Results { tools, rows, plan, command: "cargo xtask bench".into(), machine }
    }

    #[test]
    fn verdicts_are_computed_from_the_medians() {
        let text = results().tables();
        for line in [
            "| file to socket | speed | the limit | 0.500 | 0.500 | 1.000 | at least 0.95 | met |",
            "| file to socket | speed | the best peer, ncat | 0.500 | 1.00 | 2.000 | at least 1.8 | met |",
            "| file to socket | processor | the limit | 0.600 | 0.200 | 3.000 | at most 1.1 | **not met** |",
            "| file to socket | processor | the best peer, ncat | 0.600 | 0.500 | 1.200 | below 1 | **not met** |",
            "| file to socket | memory | adieu with 64 MiB | 3.00 | 3.00 | 1.000 | at most 1.1 | met |",
        ] {
            assert!(text.contains(line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn a_tool_that_failed_has_no_time_and_is_no_peer() {
        let text = results().tables();
        assert!(text.contains("| file to socket | truncated | 1.00 (1.00 to 1.00) |"), "{text}");
        assert!(text.contains("| file to socket | 1.00 | 2.00 | ncat |"), "{text}");
    }

    #[test]
    fn bytes_are_written_in_the_largest_whole_unit() {
        assert_eq!(bytes(1 << 30), "1 GiB");
        assert_eq!(bytes(64 << 20), "64 MiB");
        assert_eq!(bytes(1500), "1500 bytes");
    }
}
