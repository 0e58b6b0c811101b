//! `cargo xtask bench`: how fast, with how much of the processor and of memory, side by side in one run.
//!
//! What is measured is data ([`case`]), and so is what is asked of adieu ([`target`]). [`rounds`] runs each tool
//! ([`tool`]) in turn, [`mod@measure`] and [`echo`] make one run of it, [`page`] writes what came out. Everything that is
//! started is the separate, tiny program `bench-helper` ([`process`]), or is started by it. With `--check`,
//! [`callgrind`] counts instructions instead.

mod callgrind;
mod case;
mod echo;
mod explain;
mod files;
mod measure;
mod numbers;
mod page;
mod process;
mod relay;
mod rounds;
mod target;
mod tool;

use crate::{cargo, root};
use anyhow::{Context, Result, bail, ensure};
use case::Case;
use rounds::Plan;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// 64 MiB and 3 rounds: shows that it works, not how fast
    #[arg(long)]
    quick: bool,
    /// Only the cases whose name contains this; may be repeated
    #[arg(long, value_name = "NAME")]
    case: Vec<String>,
    /// Alternating rounds [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Bytes of a stream, such as 64M or 1G [default: 1G]
    #[arg(long, value_parser = size)]
    size: Option<u64>,
    /// Another build of adieu, as a column "adieu before": both are measured in the same rounds
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Only these tools, by the names at the heads of the columns
    #[arg(long, value_delimiter = ',')]
    tools: Vec<String>,
    /// This adieu, instead of building one
    #[arg(long, value_name = "FILE")]
    adieu: Option<PathBuf>,
    /// Where the page is written; by default bench/RESULTS.md, or nowhere if only a part is run
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Whole file transfers instead, with both ends; writes bench/FILES.md, or --output
    #[arg(long, conflicts_with_all = ["quick", "case", "tools"])]
    files: bool,
    /// `adieu relay` beside other forwarders instead; writes bench/RELAY.md, or --output. --case and --tools choose by a part of the name
    #[arg(long, conflicts_with = "files")]
    relay: bool,
    /// `adieu explain` beside tshark and tcptrace instead; writes bench/EXPLAIN.md, or --output
    #[arg(long, conflicts_with_all = ["files", "relay", "case", "tools", "size"])]
    explain: bool,
    /// With --relay: how many idle pairs
    #[arg(long, value_name = "N", default_value_t = 4000, requires = "relay")]
    pairs: usize,
    /// Counts instructions, and fails if they are more than 5 % away from bench/instructions.json
    #[arg(long, conflicts_with_all = ["quick", "case", "rounds", "size", "tools", "output"])]
    check: bool,
    /// Counts instructions, and writes them to bench/instructions.json
    #[arg(long, conflicts_with_all = ["check", "quick", "case", "rounds", "size", "tools", "output"])]
    bless: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let programs = build(arguments.adieu.as_deref())?;
    let directory = scratch()?;
    process::clean_up_on_signals(directory.path())?;
    if arguments.check || arguments.bless {
        return instructions(arguments.bless, &programs, directory.path());
    }
    if arguments.relay {
        return relays(arguments, &programs, directory.path());
    }
    if arguments.explain {
        return explained(arguments, &programs, directory.path());
    }
    if arguments.files {
        return files(arguments, &programs, directory.path());
    }
    measure(arguments, &programs, directory.path())
}

#[expect(clippy::print_stdout, reason = "the tables are for people")]
fn files(arguments: &Arguments, programs: &Programs, directory: &Path) -> Result<()> {
    let plan = plan(arguments);
    let on_disk = tempfile::tempdir().context("cannot make a directory")?;
    let machine = page::Machine::ask()?;
    let tables = files::run(programs, directory, on_disk.path(), plan.size, plan.rounds)?;
    println!("{tables}");
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None => root()?.join("bench/FILES.md"),
    };
    let page = format!(
        "# Whole file transfers\n\nWritten by `cargo xtask bench --files`: {} rounds in turn. A way is measured from the start \
         of its sender until its receiver has ended and both ends are compared, where it compares them.\n\n{}{tables}",
        plan.rounds,
        machine.lines(),
    );
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are for people")]
fn relays(arguments: &Arguments, programs: &Programs, directory: &Path) -> Result<()> {
    // What people have on tokio, built as adieu is.
    let status = cargo()?
        .args(["build", "--release", "-p", "adieu-relay", "--example", "copy_bidirectional"])
        .status()?;
    ensure!(status.success(), "the example does not build");
    let Plan { rounds, size, .. } = plan(arguments);
    let (short, turns) = if arguments.quick { (2000, 2000) } else { (10_000, 20_000) };
    let pairs = if arguments.quick { arguments.pairs.min(500) } else { arguments.pairs };
    let (cases, tools) = (arguments.case.clone(), arguments.tools.clone());
    let is_partial = arguments.quick || !cases.is_empty() || !tools.is_empty();
    let page =
        relay::run(programs, directory, &relay::Plan { rounds, size, short, turns, pairs, cases, tools })?;
    println!("{page}");
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None if is_partial => return Ok(()),
        None => root()?.join("bench/RELAY.md"),
    };
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the tables are for people")]
fn explained(arguments: &Arguments, programs: &Programs, directory: &Path) -> Result<()> {
    let page = explain::run(programs, directory, plan(arguments).rounds, arguments.quick)?;
    println!("{page}");
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None if arguments.quick => return Ok(()),
        None => root()?.join("bench/EXPLAIN.md"),
    };
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

pub(crate) struct Programs {
    adieu: PathBuf,
    helper: PathBuf,
}

/// adieu is built by itself, so that nothing that xtask needs of a shared dependency is in it.
pub(crate) fn build(adieu: Option<&Path>) -> Result<Programs> {
    let release = |words: &[&str]| -> Result<()> {
        let status = cargo()?.args(["build", "--release"]).args(words).status()?;
        ensure!(status.success(), "cargo build --release {} fails", words.join(" "));
        Ok(())
    };
    release(&["-p", "bench-helper"])?;
    let built = root()?.join("target/release");
    let adieu = if let Some(adieu) = adieu {
        fs::canonicalize(adieu).with_context(|| format!("there is no {}", adieu.display()))?
    } else {
        release(&["-p", "adieu-cli"])?;
        built.join("adieu")
    };
    Ok(Programs { adieu, helper: built.join("bench-helper") })
}

/// A directory in memory, where there is one, so that no disk is measured.
fn scratch() -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("adieu-bench-");
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.context("cannot make a directory")
}

#[expect(clippy::print_stdout, reason = "the tables are for people")]
fn measure(arguments: &Arguments, programs: &Programs, directory: &Path) -> Result<()> {
    let plan = plan(arguments);
    let tools = chosen_tools(
        tool::all(&programs.adieu, arguments.before.as_deref(), &programs.helper)?,
        &arguments.tools,
    )?;
    let cases = chosen_cases(&arguments.case)?;
    let machine = page::Machine::ask()?;
    let bench = measure::Bench { helper: programs.helper.clone(), directory: directory.to_owned() };
    let mut rows = Vec::new();
    for case in cases {
        rows.push(bench.row(case, &tools, &plan)?);
    }
    let results = page::Results { tools, rows, plan, command: command(arguments), machine };
    println!("{}", results.tables());
    let partial = arguments.quick
        || arguments.before.is_some()
        || !arguments.case.is_empty()
        || !arguments.tools.is_empty();
    let output = match &arguments.output {
        Some(path) => Some(path.clone()),
        None if partial || arguments.size.is_some() => None,
        None => Some(root()?.join("bench/RESULTS.md")),
    };
    if let Some(path) = output {
        fs::write(&path, results.page()).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: {}", path.display());
    }
    Ok(())
}

fn plan(arguments: &Arguments) -> Plan {
    let (rounds, size, tiny_runs) = if arguments.quick { (3, 64 << 20, 30) } else { (5, 1 << 30, 100) };
    Plan { rounds: arguments.rounds.unwrap_or(rounds), size: arguments.size.unwrap_or(size), tiny_runs }
}

/// What was asked for, as it would be typed again. Files of ours are left out: they say where, not what.
fn command(arguments: &Arguments) -> String {
    let mut words = vec!["cargo xtask bench".to_owned()];
    if arguments.quick {
        words.push("--quick".into());
    }
    words.extend(arguments.case.iter().map(|case| format!("--case {case}")));
    words.extend(arguments.rounds.map(|rounds| format!("--rounds {rounds}")));
    words.extend(arguments.size.map(|size| format!("--size {size}")));
    if !arguments.tools.is_empty() {
        words.push(format!("--tools '{}'", arguments.tools.join(",")));
    }
    if arguments.adieu.is_some() {
        words.push("--adieu FILE".into());
    }
    words.join(" ")
}

fn chosen_tools(all: Vec<tool::Tool>, names: &[String]) -> Result<Vec<tool::Tool>> {
    let known: Vec<_> = all.iter().map(|tool| tool.name).collect();
    for name in names {
        ensure!(known.contains(&name.as_str()), "there is no tool {name:?}; there are: {}", known.join(", "));
    }
    let wanted = |tool: &tool::Tool| names.is_empty() || names.iter().any(|name| name == tool.name);
    Ok(all.into_iter().filter(wanted).collect())
}

fn chosen_cases(words: &[String]) -> Result<Vec<Case>> {
    let has = |case: &Case, word: &String| case.name.contains(word.as_str());
    for word in words {
        if !case::ALL.iter().any(|case| has(case, word)) {
            let known: Vec<_> = case::ALL.iter().map(|case| case.name).collect();
            bail!("no case has {word:?} in its name; there are: {}", known.join(", "));
        }
    }
    let wanted = |case: &&Case| words.is_empty() || words.iter().any(|word| has(case, word));
    Ok(case::ALL.iter().filter(wanted).copied().collect())
}

/// A number of bytes as people write it: 64M, 1G.
fn size(text: &str) -> Result<u64> {
    let shift = match text.chars().last() {
        Some('K' | 'k') => 10,
        Some('M' | 'm') => 20,
        Some('G' | 'g') => 30,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    let number: u64 = digits.parse().with_context(|| format!("{text:?} is no size such as 64M or 1G"))?;
    let size = number.checked_mul(1 << shift).context("too large")?;
    ensure!(size >= 1 << 20, "a stream of less than 1M says nothing");
    Ok(size)
}

#[expect(clippy::print_stdout, reason = "the verdict is for people")]
fn instructions(bless: bool, programs: &Programs, directory: &Path) -> Result<()> {
    let counter = callgrind::Counter {
        helper: programs.helper.clone(),
        adieu: programs.adieu.clone(),
        directory: directory.to_owned(),
    };
    let path = root()?.join("bench/instructions.json");
    let now = counter.count()?;
    if bless {
        fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&now)?))?;
        println!("written: {}", path.display());
        return Ok(());
    }
    let text = fs::read_to_string(&path)
        .context("no counts are committed; `cargo xtask bench --bless` writes them")?;
    let committed: callgrind::Counts = serde_json::from_str(&text).context("bench/instructions.json")?;
    let moved = callgrind::moved(&committed, &now);
    if moved.is_empty() {
        println!("within 5 % of what is committed");
        return Ok(());
    }
    let mut hint = String::from("if that is meant, `cargo xtask bench --bless` writes it");
    for (what, before, after) in
        [("rustc", &committed.rustc, &now.rustc), ("valgrind", &committed.valgrind, &now.valgrind)]
    {
        if before != after {
            hint.push_str(&format!("; {what} was {before:?} then and is {after:?} now"));
        }
    }
    bail!("{}\n{hint}", moved.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_write_them() {
        assert_eq!(size("64M").ok(), Some(64 << 20));
        assert_eq!(size("1g").ok(), Some(1 << 30));
        assert_eq!(size("1048576").ok(), Some(1 << 20));
        for wrong in ["", "1", "M", "-1G", "20000000000G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_case_is_chosen_by_a_part_of_its_name() {
        let names = |words: &[&str]| -> Option<Vec<&str>> {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            Some(chosen_cases(&words).ok()?.iter().map(|case| case.name).collect())
        };
        assert_eq!(names(&["tiny"]), Some(vec!["tiny"]));
        assert_eq!(names(&["echo"]).map(|names| names.len()), Some(3));
        assert_eq!(names(&[]).map(|names| names.len()), Some(case::ALL.len()));
        assert_eq!(names(&["nothing"]), None);
    }
}
