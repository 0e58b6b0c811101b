//! docs/peers.md: how the measured columns look on the page.

use super::{
    Column, first_line,
    verdict::{Cell, Class},
};
use adieu_testkit::scenario::Scenario;
use anyhow::{Context as _, Result};
use std::{collections::BTreeSet, fmt::Write as _};

/// Where and when it was measured.
pub(super) struct Machine {
    date: String,
    kernel: String,
    processors: usize,
}

impl Machine {
    pub(super) fn ask() -> Result<Self> {
        let line = |program, arguments: &[&str]| -> Result<String> {
            Ok(first_line(program, arguments, |_| true)?.unwrap_or_else(|| "unknown".into()))
        };
        Ok(Self {
            date: line("date", &["-u", "+%Y-%m-%d"])?,
            kernel: line("uname", &["-srm"])?,
            processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        })
    }
}

const HEAD: &str = "\
# How the closing matrix comes out with the tools people use

This page is written by `cargo xtask peers`, and every cell is what that run measured. Do not edit it.

Each scenario of the closing matrix (`crates/adieu-testkit`, module `scenario`) starts a real peer on this machine
that behaves exactly as the scenario says, runs the tool as a shell would, feeds its standard input, takes its
standard output, and compares every byte on both sides. Every tool gets the same peer, input, output and limit.
";

const MEANING: &str = "\
## What the words mean

In this order; the first that applies is the one that stands in the cell.

- `hang`: the tool still ran at the scenario's hang limit (last column) and was killed. Where its command line
  tells it to wait (`-q 1`, `-t 10`), that time is added to the limit.
- `lost n bytes`: n bytes that could be had did not arrive. Counted are the bytes missing at its output, of those
  that the peer sent and that the kernel could hand over whatever happened later, and the bytes missing at the
  peer, of those that the tool was given and the peer was willing to take. Where timing decides, only what must
  arrive in any case is asked for. `corrupt` stands where no byte is missing but one is wrong. With `, exit 0` the tool
  said moreover that all was well.
- `lied: exit n`: all bytes that could be had arrived, but the exit status contradicts what happened: 0 although
  the connection was reset, timed out, failed here, or never came to be; or not 0 although both streams ended
  gracefully and were whole. Dying of a signal counts as an exit status of 128 plus its number. Any status but
  0 passes for a bad ending: that none but adieu says *which* bad ending is not held against it.
- `lied: the peer saw EOF`: the stream to the peer was cut (the input failed, the tool gave up or was told to stop)
  and was ended by a FIN, so the peer must take it for whole. Only where the peer was still receiving.
- `ok`: none of these.
- `—`: the tool cannot be asked for this (see below). `not measured`: this machine could not ask.

The page shows one run. Where a tool's own timing decides how many bytes it loses, or whether it loses any before it
lies, a cell varies from run to run; none is picked from several.
";

/// The page.
pub(super) fn render(columns: &[Column], machine: &Machine) -> String {
    let mut page = String::from(HEAD);
    let _ = writeln!(
        page,
        "\nMeasured on {}, {}, {} processors, over loopback (the black holes: between two network namespaces).\n",
        machine.date, machine.kernel, machine.processors
    );
    page.push_str("## Totals\n\n");
    totals(&mut page, columns);
    page.push_str("\n## The matrix\n\n");
    matrix(&mut page, columns);
    page.push('\n');
    page.push_str(MEANING);
    page.push_str("\n## The tools\n\n");
    tools(&mut page, columns);
    page.push_str("\n## The scenarios\n\n");
    for scenario in rows(columns) {
        let _ = writeln!(page, "- `{}`: {}", scenario.name, scenario.shows);
    }
    page
}

/// The README with this page's totals in place of those it has.
pub(super) fn with_totals(readme: &str, page: &str) -> Result<String> {
    let (_, from) = page.split_once("## Totals\n\n").context("the page has no totals")?;
    let (new, _) = from.split_once("\n\n").context("the page's totals have no end")?;
    let header = new.lines().next().unwrap_or_default();
    let (before, old) =
        readme.split_once(header).with_context(|| format!("README.md has no table {header}"))?;
    let (_, after) = old.split_once("\n\n").context("README.md's totals have no end")?;
    Ok(format!("{before}{new}\n\n{after}"))
}

/// The scenarios that any tool was run with, in the matrix's order.
fn rows(columns: &[Column]) -> Vec<&'static Scenario> {
    columns
        .iter()
        .map(|column| &column.cells)
        .max_by_key(|cells| cells.len())
        .map(|cells| cells.iter().map(|(scenario, _)| *scenario).collect())
        .unwrap_or_default()
}

fn header(page: &mut String, first: &str, columns: &[Column], last: Option<&str>) {
    let names = columns.iter().map(|column| format!("`{}`", column.tool.name));
    let cells: Vec<_> =
        std::iter::once(first.to_owned()).chain(names).chain(last.map(str::to_owned)).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
    let _ = writeln!(page, "|{}", " --- |".repeat(cells.len()));
}

fn totals(page: &mut String, columns: &[Column]) {
    header(page, "", columns, None);
    let mut row = |name: &str, count: &dyn Fn(&Cell) -> bool| {
        let _ = write!(page, "| {name} |");
        for column in columns {
            let n = column.cells.iter().filter(|(_, cell)| count(cell)).count();
            let text = if column.version.is_none() { "not installed".into() } else { n.to_string() };
            let _ = write!(page, " {text} |");
        }
        page.push('\n');
    };
    row("ok", &|cell| cell.class() == Class::Ok);
    row("lost", &|cell| cell.class() == Class::Lost);
    row("… of these with exit 0", &Cell::lost_and_lied);
    row("hang", &|cell| cell.class() == Class::Hang);
    row("lied", &|cell| cell.class() == Class::Lied);
    row("not run", &|cell| cell.class() == Class::NotRun);
    row("scenarios", &|_| true);
}

fn matrix(page: &mut String, columns: &[Column]) {
    header(page, "scenario", columns, Some("hang limit"));
    for scenario in rows(columns) {
        let _ = write!(page, "| {} |", scenario.name);
        for column in columns {
            let cell = column.cells.iter().find(|(known, _)| known.name == scenario.name);
            let text = match (&column.version, cell) {
                (None, _) => "not installed".to_owned(),
                (Some(_), None) => "not measured".to_owned(),
                (Some(_), Some((_, cell))) => match cell.class() {
                    Class::Lost | Class::Hang | Class::Lied => format!("**{cell}**"),
                    Class::Ok | Class::NotRun => cell.to_string(),
                },
            };
            let _ = write!(page, " {text} |");
        }
        let _ = writeln!(page, " {} s |", scenario.hang_limit.as_secs());
    }
}

fn tools(page: &mut String, columns: &[Column]) {
    page.push_str("| tool | version | command line | where a scenario sets a time, also |\n");
    page.push_str("| --- | --- | --- | --- |\n");
    for Column { tool, version, .. } in columns {
        let version = version.as_deref().unwrap_or("not installed");
        let _ = writeln!(page, "| {} | {version} | `{}` | {} |", tool.name, tool.command, tool.times);
    }
    page.push_str(
        "\nVersions are what the tools say of themselves. For a Unix socket the target is `-U PATH`, \
         `UNIX-CONNECT:PATH` or `unix:PATH`.\nScenarios whose point is a total deadline are left out: no netcat has one. \
         No netcat has a grace for an input that stays\nopen, either; those scenarios are kept, because a script that \
         meets such a peer meets them all the same.\n\
         `nc.openbsd` without `-N` never shuts down its sending side, as its manual says; its column shows what \
         that costs\nwhoever leaves the option out.\n",
    );
    let mut reasons = BTreeSet::new();
    for column in columns {
        for (_, cell) in &column.cells {
            match cell {
                Cell::NotApplicable(why) => reasons.insert(format!("{}: {why}", column.tool.name)),
                Cell::NotMeasured(why) => reasons.insert(why.clone()),
                _ => false,
            };
        }
    }
    if !reasons.is_empty() {
        page.push_str("\nNot run:\n\n");
        for why in reasons {
            let _ = writeln!(page, "- {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::tools;
    use adieu_testkit::scenario::named;
    use std::path::Path;

    #[test]
    fn the_readme_takes_the_totals() {
        let page = "# P\n\n## Totals\n\n| a | b |\n| --- | --- |\n| ok | 2 |\n\n## More\n";
        let readme = "# R\n\nTools:\n\n| a | b |\n| --- | --- |\n| ok | 1 |\n\nEnd.\n";
        let expected = readme.replace("| ok | 1 |", "| ok | 2 |");
        assert_eq!(with_totals(readme, page).expect("both have the table"), expected);
        assert!(with_totals("# R\n", page).is_err());
    }

    #[test]
    fn the_page_says_what_was_measured_and_no_more() {
        let mut all = tools::all(Path::new("adieu")).into_iter();
        let mut column = |version: Option<&str>, cells| Column {
            tool: all.next().expect("there are several"),
            version: version.map(str::to_owned),
            cells,
        };
        let (good, six) = (named("reply_only_after_eof"), named("reply_only_after_eof_over_ipv6"));
        let columns = [
            column(Some("1"), vec![(good, Cell::Ok), (six, Cell::Lost { bytes: 5, exit: 0 })]),
            column(Some("2"), vec![(good, Cell::Hang), (six, Cell::NotApplicable("it has no IPv6"))]),
            column(None, vec![]),
        ];
        let machine = Machine { date: "2026-01-02".into(), kernel: "Linux 6".into(), processors: 2 };
        let page = render(&columns, &machine);
        for line in [
            "Measured on 2026-01-02, Linux 6, 2 processors, ",
            "| reply_only_after_eof | ok | **hang** | not installed | 8 s |",
            "| reply_only_after_eof_over_ipv6 | **lost 5 bytes, exit 0** | — | not installed | 8 s |",
            "| ok | 1 | 0 | not installed |",
            "| … of these with exit 0 | 1 | 0 | not installed |",
            "| not run | 0 | 1 | not installed |",
            "- nc.openbsd -N: it has no IPv6",
        ] {
            assert!(page.contains(line), "{line}\n\n{page}");
        }
    }
}
