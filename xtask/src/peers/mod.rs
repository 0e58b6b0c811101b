//! `cargo xtask peers`: the closing matrix, run against the netcats that people use today and against adieu.
//!
//! Everything on the page is measured by the run that writes it. What a cell may say is decided in
//! [`verdict`]; how each tool is called, in [`tools`]; how the page looks, in [`page`].

mod page;
mod tools;
mod verdict;

use crate::{cargo, root};
use adieu_testkit::{
    judge,
    program::{self, Observed},
    scenario::Scenario,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};
use tools::Tool;
use verdict::Cell;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these tools, by the names at the heads of the columns
    #[arg(long, value_delimiter = ',')]
    tools: Vec<String>,
    /// Only the scenarios whose name contains this
    #[arg(long, value_name = "WORD")]
    scenario: Option<String>,
    /// Scenarios at a time; they wait far more than they work
    #[arg(long, default_value_t = 6)]
    jobs: usize,
    /// Where the page is written; by default docs/peers.md, its totals also in README.md, or nowhere if only a part is run
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// This adieu, instead of building one
    #[arg(long, value_name = "FILE")]
    adieu: Option<PathBuf>,
    /// Prints what every run of a tool left behind
    #[arg(short, long)]
    verbose: bool,
}

/// A tool and what was measured of it.
struct Column {
    tool: Tool,
    /// What the tool says of itself; `None`: not installed.
    version: Option<String>,
    cells: Vec<(&'static Scenario, Cell)>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let built = root()?.join("target/release/adieu");
    let adieu = arguments.adieu.clone().unwrap_or(built);
    let tools = chosen(tools::all(&adieu), &arguments.tools)?;
    if arguments.adieu.is_none() && tools.iter().any(|tool| tool.is_adieu) {
        build_adieu()?;
    }
    let mut columns = Vec::new();
    for tool in tools {
        columns.push(measure(tool, arguments)?);
    }
    let page = page::render(&columns, &page::Machine::ask()?);
    let partial = !arguments.tools.is_empty() || arguments.scenario.is_some();
    match (&arguments.output, partial) {
        (Some(path), _) => write(path, &page),
        (None, false) => {
            write(&root()?.join("docs/peers.md"), &page)?;
            let readme = root()?.join("README.md");
            write(&readme, &page::with_totals(&fs::read_to_string(&readme)?, &page)?)
        }
        (None, true) => {
            println!("{page}");
            Ok(())
        }
    }
}

fn chosen(all: Vec<Tool>, names: &[String]) -> Result<Vec<Tool>> {
    let known: Vec<_> = all.iter().map(|tool| tool.name).collect();
    for name in names {
        ensure!(known.contains(&name.as_str()), "there is no tool {name:?}; there are: {}", known.join(", "));
    }
    Ok(all
        .into_iter()
        .filter(|tool| names.is_empty() || names.iter().any(|name| name == tool.name))
        .collect())
}

fn build_adieu() -> Result<()> {
    let status = cargo()?.args(["build", "--release", "-p", "adieu-cli"]).status()?;
    ensure!(status.success(), "adieu does not build");
    Ok(())
}

fn write(path: &Path, page: &str) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

fn measure(tool: Tool, arguments: &Arguments) -> Result<Column> {
    let Some(version) = tool.version()? else {
        eprintln!("{}: not installed", tool.name);
        return Ok(Column { tool, version: None, cells: Vec::new() });
    };
    let wanted = |scenario: &Scenario| {
        scenario.arms.netcats
            && arguments.scenario.as_ref().is_none_or(|word| scenario.name.contains(word.as_str()))
    };
    let measured = program::for_each(arguments.jobs, wanted, |scenario| one(&tool, scenario));
    let mut cells = Vec::new();
    for (scenario, done) in measured {
        let (cell, observed) = done.with_context(|| format!("{} in {}", tool.name, scenario.name))?;
        eprintln!("{:<16} {:<60} {cell}", tool.name, scenario.name);
        if let Some(observed) = observed {
            tell(&tool, scenario, &observed, arguments.verbose);
        }
        cells.push((scenario, cell));
    }
    Ok(Column { tool, version: Some(version), cells })
}

/// One scenario with one tool. A tool that cannot be asked for it (no IPv6, say) is not run.
fn one(tool: &Tool, scenario: &Scenario) -> Result<(Cell, Option<Observed>)> {
    let mut cannot = None;
    let patient = Scenario { hang_limit: scenario.hang_limit + tool.patience, ..scenario.clone() };
    let ran = program::run(&patient, |scenario, endpoint| match tool.arguments(scenario, endpoint) {
        Ok(argv) => argv,
        Err(why) => {
            cannot = Some(why);
            vec!["true".into()]
        }
    });
    if let Some(why) = cannot {
        return Ok((Cell::NotApplicable(why), None));
    }
    match ran {
        Ok(observed) => Ok((verdict::cell(scenario, &observed), Some(observed))),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            Ok((Cell::NotMeasured(error.to_string()), None))
        }
        Err(error) => bail!(error),
    }
}

/// What adieu promises is more than what may be asked of a netcat: where it breaks a promise, say which.
fn tell(tool: &Tool, scenario: &Scenario, observed: &Observed, verbose: bool) {
    if tool.is_adieu {
        let verdict = judge::judge(scenario, observed);
        if !verdict.passed() {
            eprintln!("    not as promised: {verdict}");
        }
    }
    if verbose {
        eprintln!("    {observed:?}");
    }
}

/// The first line that a command prints, on whichever stream, that `wanted` picks.
fn first_line(program: &str, arguments: &[&str], wanted: fn(&str) -> bool) -> io::Result<Option<String>> {
    let done = Command::new(program).args(arguments).stdin(std::process::Stdio::null()).output()?;
    let all = [done.stdout, done.stderr].concat();
    let text = String::from_utf8_lossy(&all).into_owned();
    Ok(text.lines().find(|line| wanted(line)).map(|line| line.trim().to_owned()))
}
