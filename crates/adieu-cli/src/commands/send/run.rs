//! Sends until it is confirmed, or no attempt is left.

use super::dry_run;
use super::plan::{Content, Plan};
use crate::commands::transfer::patience::wait_for;
use crate::commands::transfer::progress::Progress;
use crate::commands::transfer::session::Session;
use crate::exit::ExitStatus;
use crate::stdio;
use adieu::describe_error;
use adieu::exchange::{Input, Output};
use adieu_transfer::{Listed, SendOptions, Sources, TransferEvent, TransferReport};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

pub(crate) fn run(plan: Plan) -> ExitStatus {
    let Plan { transfer, content, accept_written, preserve } = plan;
    let content = match content {
        Content::DryRun { sources, left_out } => return dry_run::run(&transfer, &sources, &left_out),
        Content::Plain(file) => Err(file),
        Content::Sources(sources) => Ok(sources),
    };
    let session = match Session::start(transfer) {
        Ok(session) => session,
        Err(status) => return status,
    };
    let sources = match content {
        Err(file) => return send_plain(&file, session),
        Ok(sources) => sources,
    };
    // Before anybody has half of it.
    if let Err(status) = check(&session, &sources) {
        return status;
    }
    let origin = match session.origin("") {
        Ok(origin) => origin,
        Err(status) => return status,
    };
    let mut options = SendOptions {
        resume: session.plan.resume,
        preserve,
        secret: session.plan.secret.clone(),
        limit_rate: session.plan.limit_rate,
        patience: session.plan.patience,
    };
    session.run(origin, accept_written, |session, wire, agreement| {
        // It may all be there by now, and only the receipt was lost.
        options.resume |= session.attempts.count > 1;
        let mut progress = Progress::new(&session.printer, session.plan.role);
        let mut observe = |event: TransferEvent<'_>| {
            progress.tell(event);
            ControlFlow::Continue(())
        };
        let mut outcome = match agreement {
            None => adieu_transfer::send(wire, &sources, &options, &mut observe),
            Some(agreement) => adieu_transfer::send_agreed(wire, agreement, &sources, &options, &mut observe),
        };
        progress.finish();
        if let Some(name) = sources.name() {
            outcome.set_place(name);
        }
        if sources.has_stdin() && outcome.is_whole && outcome.totals.bytes == 0 {
            session.printer.say("stdin was empty: what was sent has no content");
        }
        // What was read of a pipe cannot be read again.
        let is_repeatable = sources.can_be_read_again() || outcome.moved == 0;
        (outcome, is_repeatable)
    })
}

/// Looks at everything that is to be sent, until a signal or the deadline.
fn check(session: &Session, sources: &Sources) -> Result<(), ExitStatus> {
    let mut see = |listed: Listed| {
        if let Listed::Skipped { why, .. } = listed {
            session.printer.say(&format!("left out: {why}"));
        }
        Ok(session.plan.may_go_on())
    };
    match sources.list(&mut see) {
        Ok(true) => Ok(()),
        Ok(false) => Err(session.ended_before("looking at what is to be sent")),
        Err(error) => Err(session.local_failure(&error.to_string())),
    }
}

/// The bytes alone, as `connect` sends them.
fn send_plain(file: &Path, mut session: Session) -> ExitStatus {
    let input = if file.as_os_str() == "-" {
        stdio::input().map(Some)
    } else {
        let path = file.to_owned();
        wait_for(move || File::open(path).and_then(Input::try_from), &|| session.plan.may_go_on())
    };
    let input = match input {
        Ok(Some(input)) => input,
        Ok(None) => return session.ended_before(&format!("opening {}", file.display())),
        Err(error) => {
            return session.local_failure(&format!(
                "cannot read {}: {}",
                file.display(),
                describe_error(&error)
            ));
        }
    };
    session.tell_waits();
    let connection = match session.plain_connection() {
        Ok(Ok(connection)) => connection,
        Ok(Err(never)) => return session.printer.transfer(&session.never_connected(never)),
        Err(status) => return status,
    };
    let report = adieu::exchange(connection, input, Output::null());
    session.printer.transfer(&TransferReport::plain(report))
}
