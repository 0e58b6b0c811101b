//! Opens what a listener writes to, and serves.

use super::plan::{Plan, Work};
use super::server::Server;
use super::service::Service;
use crate::exit::ExitStatus;
use crate::os;
use crate::printer::{Printer, complain};
use adieu::{LocalEnd, NeverConnected, Report, Role, describe_error};
use std::sync::Arc;

pub(crate) fn run(plan: Plan) -> ExitStatus {
    // While there is one thread.
    if let Work::Command { .. } = &plan.work
        && let Err(error) = os::leave_to_another()
    {
        complain(&format!("cannot start a process: {}", describe_error(&error)));
        return ExitStatus::LocalFailure;
    }
    let printer = match Printer::new(&plan.reports) {
        Ok(printer) => Arc::new(printer),
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    let service = match Service::open(&plan.work) {
        Ok(service) => service,
        Err((end, error)) => {
            let cause = NeverConnected::LocalFailure { end, error: &error };
            let mut report = Report::never_connected(&plan.endpoint, Role::Listen, cause);
            if let (Work::File { path, .. }, LocalEnd::Output) = (&plan.work, end) {
                let why = describe_error(&error);
                report.message = format!("cannot write to {}: {why}", path.display());
            }
            return printer.report(&report);
        }
    };
    match Server::start(plan, service, &printer) {
        Ok(server) => server.run(),
        Err(status) => status,
    }
}
