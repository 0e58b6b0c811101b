//! `cargo xtask bench --relay`: `adieu relay` beside the forwarders that people use, in alternating rounds on the same cores.
//!
//! Client and server are threads of this process, and the same for every forwarder. A forwarder's processor time is that of its whole
//! process group, from the first byte of a round to the last.

mod load;
mod programs;

use super::Programs;
use super::numbers::{median, written};
use super::page::Machine;
use anyhow::{Context, Result};
use programs::{Forwarder, Running};
use std::fmt::Write as _;
use std::path::Path;

/// What is measured of a forwarder in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// One stream from the server to the client.
    Down,
    /// One stream from the client to the server.
    Up,
    /// Connections of 200 bytes there and back.
    Short,
    /// One byte there and back, again and again.
    PingPong,
    /// Pairs over which nothing passes, after one byte each way.
    Idle,
    /// As `Short`, by clients that speak TLS, which the forwarder terminates. Every handshake is a full one.
    TlsShort,
    /// As `Down`, to such a client.
    TlsDown,
}

const CASES: [Case; 7] =
    [Case::Down, Case::Up, Case::Short, Case::PingPong, Case::Idle, Case::TlsShort, Case::TlsDown];

impl Case {
    /// Its name, and what its two figures are.
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Down => ("bulk to the client", "GiB/s", "CPU s per GiB"),
            Self::Up => ("bulk to the upstream", "GiB/s", "CPU s per GiB"),
            Self::Short => ("short connections", "connections/s", "CPU s per 1,000"),
            Self::PingPong => ("ping-pong of 1 byte", "µs (median)", "CPU s per 100,000"),
            Self::Idle => ("idle pairs", "KiB of memory each", "CPU s per 1,000"),
            Self::TlsShort => ("TLS in front, short connections", "connections/s", "CPU s per 1,000"),
            Self::TlsDown => ("TLS in front, bulk to the client", "GiB/s", "CPU s per GiB"),
        }
    }

    const fn is_tls(self) -> bool {
        matches!(self, Self::TlsShort | Self::TlsDown)
    }
}

/// Two figures of a case.
type Sample = (f64, f64);

/// How much is run.
pub(super) struct Plan {
    pub(super) rounds: u32,
    /// Bytes of a stream.
    pub(super) size: u64,
    /// Connections of 200 bytes.
    pub(super) short: u64,
    /// Bytes of a ping-pong.
    pub(super) turns: u32,
    /// Idle pairs.
    pub(super) pairs: usize,
    pub(super) cases: Vec<String>,
    pub(super) tools: Vec<String>,
}

pub(super) fn run(programs: &Programs, directory: &Path, plan: &Plan) -> Result<String> {
    let wanted = |words: &[String], name: &str| {
        words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
    };
    let machine = Machine::ask()?;
    let forwarders: Vec<Forwarder> =
        programs::all(programs)?.into_iter().filter(|one| wanted(&plan.tools, one.name)).collect();
    let mut page = format!(
        "# `adieu relay` beside other forwarders\n\nWritten by `cargo xtask bench --relay`; nothing on it is typed. {} alternating \
         rounds; a figure is the median, with its quartiles, and behind it the ratio to adieu's.\n\n{}",
        plan.rounds,
        machine.lines()
    );
    for case in CASES.into_iter().filter(|case| wanted(&plan.cases, case.words().0)) {
        let forwarders: Vec<&Forwarder> = forwarders.iter().filter(|one| one.can(case)).collect();
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); forwarders.len()];
        for round in 0..plan.rounds {
            for (forwarder, samples) in forwarders.iter().zip(&mut samples) {
                let sample = once(case, forwarder, programs, directory, plan)
                    .with_context(|| format!("{} in {case:?}", forwarder.name));
                match sample {
                    Ok(sample) => {
                        tell(&format!(
                            "{case:?} round {round} {}: {:.3} {:.4}",
                            forwarder.name, sample.0, sample.1
                        ));
                        samples.push(sample);
                    }
                    Err(why) => tell(&format!("{why:#}")),
                }
            }
        }
        page.push_str(&table(case, &forwarders, &samples));
    }
    page.push_str("\n## The programs\n\n");
    for forwarder in &forwarders {
        let _ = writeln!(page, "- {}: {}", forwarder.name, forwarder.version);
    }
    Ok(page)
}

#[expect(clippy::print_stderr, reason = "a run of minutes shows that it goes on")]
fn tell(line: &str) {
    eprintln!("{line}");
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn once(
    case: Case,
    forwarder: &Forwarder,
    programs: &Programs,
    directory: &Path,
    plan: &Plan,
) -> Result<Sample> {
    let server = load::Server::start(case)?;
    let running = Running::start(forwarder, case.is_tls(), server.port, directory)?;
    let gib = plan.size as f64 / f64::from(1 << 30);
    let before = running.cpu();
    let cpu = |running: &Running| running.cpu() - before;
    Ok(match case {
        Case::Down | Case::Up => {
            let took = load::bulk(running.port, plan.size, case == Case::Up)?;
            (gib / took, cpu(&running) / gib)
        }
        Case::Short => {
            let took = load::short(running.port, plan.short)?;
            (plan.short as f64 / took, cpu(&running) * 1000.0 / plan.short as f64)
        }
        Case::TlsShort => {
            let took = load::over_tls(&programs.helper, "tls-short", running.port, plan.short)?;
            (plan.short as f64 / took, cpu(&running) * 1000.0 / plan.short as f64)
        }
        Case::TlsDown => {
            let took = load::over_tls(&programs.helper, "tls-bulk", running.port, plan.size)?;
            (gib / took, cpu(&running) / gib)
        }
        Case::PingPong => {
            let middle = load::ping_pong(running.port, plan.turns)?;
            (middle * 1e6, cpu(&running) * 100_000.0 / f64::from(plan.turns))
        }
        Case::Idle => {
            let held = load::idle(running.port, 1)?;
            let empty = running.memory();
            let pairs = load::idle(running.port, plan.pairs)?;
            let each = running.memory().saturating_sub(empty) as f64 / plan.pairs as f64;
            let used = cpu(&running) * 1000.0 / plan.pairs as f64;
            drop((held, pairs));
            (each / 1024.0, used)
        }
    })
}

fn quartile(values: &[f64], part: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * part / 4]
}

fn table(case: Case, forwarders: &[&Forwarder], samples: &[Vec<Sample>]) -> String {
    let (name, first, second) = case.words();
    let mut table = format!(
        "\n## {name}\n\n| program | {first} | adieu's / this | {second} | this / adieu's |\n| --- | ---: | ---: | ---: | ---: |\n"
    );
    let column =
        |samples: &[Sample], which: fn(&Sample) -> f64| samples.iter().map(which).collect::<Vec<f64>>();
    let firsts: fn(&Sample) -> f64 = |sample| sample.0;
    let seconds: fn(&Sample) -> f64 = |sample| sample.1;
    // There is none if other forwarders were chosen.
    let own = forwarders.iter().position(|forwarder| forwarder.name == programs::OWN);
    let own = own.map(|place| &samples[place]).filter(|own| !own.is_empty());
    for (forwarder, samples) in forwarders.iter().zip(samples) {
        if samples.is_empty() {
            let _ = writeln!(table, "| {} | failed | | | |", forwarder.name);
            continue;
        }
        let cell = |which: fn(&Sample) -> f64| {
            let values = column(samples, which);
            let middle = median(&values).unwrap_or(f64::NAN);
            format!(
                "{} ({}–{})",
                written(middle),
                written(quartile(&values, 1)),
                written(quartile(&values, 3))
            )
        };
        let ratio = |which: fn(&Sample) -> f64, over: bool| {
            let own = own.and_then(|own| median(&column(own, which)));
            let this = median(&column(samples, which)).unwrap_or(f64::NAN);
            own.map_or_else(|| "–".to_owned(), |own| written(if over { own / this } else { this / own }))
        };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} |",
            forwarder.name,
            cell(firsts),
            ratio(firsts, true),
            cell(seconds),
            ratio(seconds, false)
        );
    }
    table
}
