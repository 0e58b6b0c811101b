//! Opens what a listener writes to, and serves.

use super::plan::{Plan, Work};
use super::server::Server;
use super::service::Service;
use crate::dump::{Dump, Holds};
use crate::exit::ExitStatus;
use crate::os;
use crate::printer::{Printer, complain};
use adieu::{Endpoint, Listener, LocalEnd, NeverConnected, Role, describe_error};

pub(crate) fn run(plan: &Plan) -> ExitStatus {
    // Before there is a second process, which would have the socket too, and is not the one that it was passed to.
    let passed = match &plan.endpoint {
        Endpoint::Passed { .. } => Some(Listener::bind(&plan.endpoint, &plan.options)),
        _ => None,
    };
    // While there is one thread.
    if let Work::Command { .. } = &plan.work
        && let Err(error) = os::leave_to_another()
    {
        complain(&format!("cannot start a process: {}", describe_error(&error)));
        return ExitStatus::LocalFailure;
    }
    let printer = match Printer::open(&plan.reports) {
        Ok(printer) => printer,
        Err(status) => return status,
    };
    let service = match Service::open(&plan.work, &plan.exchange) {
        Ok(service) => service,
        Err((end, error)) => {
            let cause = match (&plan.work, end) {
                (Work::File { path, .. }, LocalEnd::Output) => {
                    NeverConnected::CannotWrite { path, error: &error }
                }
                _ => NeverConnected::LocalFailure { end, error: &error },
            };
            return printer.report(&cause.report(&plan.endpoint, Role::Listen));
        }
    };
    let holds = if plan.keep_open { Holds::Connections } else { Holds::Connection };
    let dump = plan.exchange.dump.as_deref().map(|path| Dump::create(path, Role::Listen, holds));
    let dump = match dump.transpose() {
        Ok(dump) => dump,
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    match Server::start(plan, passed, service, &printer, dump.clone()) {
        Ok(server) => Dump::judge(dump.as_deref(), server.run()),
        Err(status) => status,
    }
}
