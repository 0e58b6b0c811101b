//! The hostile peers of the closing matrix against a program in C: the endings must be those of a connection that adieu made itself.

use adieu_testkit::matrix::{add_what_was_sent, failures_of, is_for_finish};
use adieu_testkit::peer::Endpoint;
use adieu_testkit::program::{Observed, argv, run};
use adieu_testkit::scenario::{self, Arm, Scenario};
use anyhow::{Result, bail};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Holds the matrix against the program, by the call that blocks and on a loop.
pub(super) fn holds(program: &Path) -> Result<()> {
    for way in ["call", "loop"] {
        let failed = failures_of(Arm::Connecting, is_for_finish, |scenario| observe(program, way, scenario));
        if !failed.is_empty() {
            bail!("the closing matrix, by {way}: {} scenarios failed:\n{}", failed.len(), failed.join("\n"));
        }
        let count = scenario::all().filter(|scenario| is_for_finish(scenario)).count();
        println!("--- the closing matrix, by {way}: {count} scenarios passed");
    }
    Ok(())
}

fn observe(program: &Path, way: &str, scenario: &Scenario) -> io::Result<Observed> {
    let ms = |bound: Option<Duration>| bound.map_or(0, |bound| bound.as_millis()).to_string();
    let bounds = [way.to_owned(), ms(scenario.options.idle_timeout), ms(scenario.options.deadline)];
    let mut observed = run(scenario, |_, endpoint| {
        let to: [OsString; 2] = match endpoint {
            Endpoint::Tcp { host, port } => [host.into(), port.to_string().into()],
            Endpoint::Unix(path) => ["unix".into(), path.into()],
        };
        argv(program, bounds.into_iter().map(OsString::from).chain(to))
    })?;
    if let Some(report) = &mut observed.report {
        add_what_was_sent(report, scenario.input.total());
    }
    Ok(observed)
}
