//! Runs the scenarios: this program as `adieu connect`, and a scripted peer in this process.

use super::plan::Plan;
use super::results::{Outcome, Results, Row};
use super::scratch;
use crate::exit::ExitStatus;
use crate::options::reporting::ReportFormat;
use crate::printer::{Printer, complain};
use crate::stdout::print;
use adieu::describe_error;
use adieu_peer::program::{self, Surroundings};
use adieu_peer::scenario::{Arm, Scenario};
use adieu_peer::{arguments, judge};
use std::path::Path;
use std::{env, io};

/// Scenarios at a time. Nearly all of a scenario's time is waiting; under Wine each call of the kernel is a call of its one
/// server process, so there are fewer.
const WORKERS: usize = if cfg!(windows) { 4 } else { 12 };

pub(crate) fn run(plan: &Plan) -> ExitStatus {
    let printer = match Printer::open(&plan.reports) {
        Ok(printer) => printer,
        Err(status) => return status,
    };
    let adieu = match env::current_exe() {
        Ok(adieu) => adieu,
        Err(error) => {
            complain(&format!("cannot find the program that is to be tested: {}", describe_error(&error)));
            return ExitStatus::LocalFailure;
        }
    };
    let scratch = match scratch::directory(plan.needs_unix_sockets()) {
        Ok(scratch) => scratch,
        Err((what, error)) => return impossible(&what, &error),
    };
    if plan.needs_loopback()
        && let Err(error) = scratch::loopback()
    {
        return impossible("no connection to 127.0.0.1", &error);
    }
    if printer.is_on_terminal() {
        printer.say("running the closing matrix, which takes about ten seconds");
    }
    let rows =
        program::for_each(WORKERS, |scenario| plan.wants(scenario), |scenario| try_it(&adieu, scenario));
    drop(scratch);
    let rows = rows.into_iter().map(|(scenario, outcome)| Row { scenario, outcome }).collect();
    let results = Results { rows, quiet: plan.reports.quiet, verbose: plan.reports.verbose };
    let text = match plan.reports.format {
        ReportFormat::Text => results.text(),
        ReportFormat::Json => results.json(),
        ReportFormat::None => String::new(),
    };
    let told = match plan.reports.file {
        Some(_) => {
            printer.lines(&text);
            printer.finish(ExitStatus::Success)
        }
        None if text.is_empty() => ExitStatus::Success,
        None => print(text.as_bytes()),
    };
    if results.failed() > 0 { ExitStatus::Bug } else { told }
}

fn impossible(what: &str, error: &io::Error) -> ExitStatus {
    complain(&format!("nothing can be tested here: {what}: {}", describe_error(error)));
    ExitStatus::LocalFailure
}

fn try_it(adieu: &Path, scenario: &Scenario) -> Outcome {
    if let Some(why) = scenario.not_here(Arm::Connecting) {
        return Outcome::NotHere(why.to_owned());
    }
    let observed = Surroundings::of(scenario).and_then(|surroundings| {
        program::run_at(surroundings, scenario, |scenario, endpoint| {
            program::argv(adieu, arguments::connect(scenario, endpoint))
        })
    });
    match observed {
        Ok(observed) => {
            let verdict = judge::judge(scenario, &observed);
            Outcome::Run { observed: Box::new(observed), verdict }
        }
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Outcome::NotHere(error.to_string()),
        Err(error) => Outcome::NotMade(format!("it cannot be set up: {}", describe_error(&error))),
    }
}
