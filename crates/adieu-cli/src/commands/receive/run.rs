//! Receives until it is stored, or no attempt is left.

use super::arrived::Arrived;
use super::plan::Plan;
use crate::commands::transfer::progress::Progress;
use crate::commands::transfer::session::{Origin, Session};
use crate::exit::ExitStatus;
use crate::os::{self, Standard};
use adieu::describe_error;
use adieu_transfer::wire::shown;
use adieu_transfer::{Agreement, ReceiveOptions, Storage, TransferEvent, Wire};
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

pub(crate) fn run(plan: Plan) -> ExitStatus {
    let is_to_stdout = plan.is_to_stdout();
    let is_into_directory = plan.is_into_directory();
    let Plan { transfer, output, no_clobber, keep_open } = plan;
    let mut session = match Session::start(transfer) {
        Ok(session) => session,
        Err(status) => return status,
    };
    session.shares_terminal = is_to_stdout && std::io::stdout().is_terminal();
    // Small files share a sync, and each that waits for it holds a descriptor.
    adieu_os::raise_descriptor_limit();
    // Before anybody is asked to connect. All attempts use it: what is put under the output's name later is not the user's.
    let mut storage = match if is_to_stdout { stdout() } else { stored_at(&output) } {
        Ok(storage) if no_clobber => storage.without_replacing(),
        Ok(storage) => storage,
        Err(words) => return session.local_failure(&words),
    };
    let origin = match session.origin(if is_to_stdout { " --accept written" } else { "" }) {
        Ok(origin) => origin,
        Err(status) => return status,
    };
    let mut options = ReceiveOptions {
        resume: session.plan.resume,
        secret: session.plan.secret.clone(),
        limit_rate: session.plan.limit_rate,
        patience: session.plan.patience,
        deadline: session.plan.deadline,
    };
    let receive_one = |session: &Session, wire: &mut Wire, agreement: Option<Agreement>| {
        if let Some(limit) = session.plan.transfer_limit {
            options.deadline = Instant::now().checked_add(limit);
        }
        let mut progress = if storage.is_stream() {
            Progress::to_stdout(&session.printer, session.shares_terminal)
        } else {
            Progress::new(&session.printer, session.plan.role)
        };
        let mut arrived = is_into_directory.then(|| Arrived::new(&output));
        let mut observe = |event: TransferEvent<'_>| {
            if let (Some(arrived), TransferEvent::File { path, .. }) = (&mut arrived, event) {
                arrived.add(path);
            }
            progress.tell(event);
            ControlFlow::Continue(())
        };
        let mut outcome = match agreement {
            None => adieu_transfer::receive(wire, &mut storage, &options, &mut observe),
            Some(agreement) => {
                adieu_transfer::receive_agreed(wire, agreement, &mut storage, &options, &mut observe)
            }
        };
        progress.finish();
        let place = arrived.map(|arrived| arrived.place());
        outcome.set_place(place.unwrap_or_else(|| shown(output.as_os_str().as_encoded_bytes())));
        // What went to stdout cannot be taken back.
        let is_repeatable = !(storage.is_stream() && outcome.moved > 0);
        (outcome, is_repeatable)
    };
    match (origin, keep_open) {
        (Origin::Listen(door), Some(grace)) => session.serve(*door, grace, receive_one),
        (origin, _) => session.run(origin, true, receive_one),
    }
}

fn stored_at(path: &Path) -> Result<Storage<'static>, String> {
    Storage::at(path).map_err(|error| error.to_string())
}

fn stdout() -> Result<Storage<'static>, String> {
    let stdout = os::check_standard(Standard::Output).and_then(|()| adieu_os::stdout_file());
    stdout.map(Storage::stream).map_err(|error| format!("cannot write to stdout: {}", describe_error(&error)))
}
