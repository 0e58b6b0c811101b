//! `--html`: what is told of the captures as one page.

use super::destination::Destination;
use super::filter::Filter;
use super::pass::{Passed, through, worst};
use super::plan::{Capture, Plan, What};
use crate::exit::ExitStatus;
use crate::printer::complain;
use adieu_explain::html::{Body, Page, RECORDING, Source, Worst, page};
use adieu_explain::ladder::Recording;
use adieu_explain::summary::Summary;

/// Rows of a connection that was asked for.
const ROWS_FOLLOWED: usize = 200;

pub(super) fn run(plan: &Plan, destination: &Destination) -> ExitStatus {
    if let Err(error) = destination.check() {
        return destination.failed(&error);
    }
    let mut summaries = [Summary::default(), Summary::default()];
    let mut bad = Worst::default();
    let mut sources = Vec::new();
    let mut statuses = Vec::new();
    for (number, capture) in plan.captures.iter().enumerate() {
        let summary = &mut summaries[if matches!(plan.what, What::Compare(_)) { number } else { 0 }];
        let passed = take_in(plan, capture, number, summary, &mut bad);
        statuses.push(passed.status);
        sources.push(Source {
            name: adieu::shown(capture.name().as_bytes()),
            span: passed.span,
            counts: passed.counts,
            evicted: passed.evicted,
            problem: passed.problem,
        });
    }
    if sources.iter().all(|source| source.problem.is_some() && source.counts.frames() == 0) {
        complain("no page was written, because no capture could be read");
        return worst(statuses);
    }
    let body = match plan.what {
        What::Connections(_) | What::Follow(_) => Body::Connections(&summaries[0], &bad),
        What::Summary(_) => Body::Summary(&summaries[0]),
        What::Compare(_) => Body::Comparison([&summaries[0], &summaries[1]]),
        What::Both(_) => unreachable!("the plan refuses --both with --html"),
    };
    let mut chosen = plan.filter.words();
    if let What::Follow(end) = plan.what {
        chosen.push(format!("the end {end}"));
    }
    let program = concat!("adieu ", env!("CARGO_PKG_VERSION"));
    let command = "adieu explain --follow ADDRESS:PORT FILE";
    statuses.push(destination.write(&page(&Page {
        program,
        captures: &sources,
        chosen: &chosen,
        body,
        command,
    })));
    let status = worst(statuses);
    if status == ExitStatus::Success && !matches!(plan.what, What::Follow(_)) {
        plan.filter.complain_of_none();
    }
    status
}

/// Reads one capture.
fn take_in(plan: &Plan, capture: &Capture, number: usize, summary: &mut Summary, bad: &mut Worst) -> Passed {
    let (recording, end) = match plan.what {
        What::Connections(_) => (Some(RECORDING), None),
        What::Follow(end) => {
            (Some(Recording { end: Some(end), rows: ROWS_FOLLOWED, ..RECORDING }), Some(end))
        }
        What::Summary(_) | What::Compare(_) | What::Both(_) => (None, None),
    };
    let filter: &Filter = &plan.filter;
    through(capture, filter, recording, &mut |one| {
        if end.is_some_and(|end| !one.connection.ends().contains(&end)) {
            return;
        }
        let verdict = one.judge();
        if filter.wants(&verdict) {
            summary.add(&verdict);
            if recording.is_some() {
                bad.push(number, verdict, one.ladder);
            }
        }
    })
}
