//! Opens what a relay writes to, binds, serves until a signal comes, and says how it ended.

use super::open;
use super::plan::{NOT_OF_A_NETWORK, Plan};
use super::told::{Log, Told};
use crate::commands::listen::port_file;
use crate::exit::ExitStatus;
use crate::options::reporting::ReportFormat;
use crate::os::signals;
use crate::printer::{Printer, answer, complain, say_always};
use crate::{hints, said};
use adieu::{Ending, Endpoint, ListenError, NeverConnected, Role, Side, Signal, describe_error};
use adieu_relay::{Drained, Handle, Metrics, MetricsError, MetricsServer, Relay, RelayError};
use std::io;
use std::sync::{Arc, OnceLock};

pub(crate) fn run(plan: Plan) -> ExitStatus {
    let printer = match Printer::new(&plan.reports) {
        Ok(printer) => Arc::new(printer),
        Err(error) => return failed(&error),
    };
    let log = match plan.log.as_deref().map(Log::open).transpose() {
        Ok(log) => log,
        Err(error) => return failed(&error),
    };
    adieu_os::raise_descriptor_limit();
    let metrics = plan.metrics.as_ref().map(|_| Arc::new(Metrics::new()));
    let told = Arc::new(Told { printer: Arc::clone(&printer), log, metrics: metrics.clone() });
    let asked = plan.config.listen.clone();
    let hearing = Arc::clone(&told);
    let relay = match Relay::bind([plan.config], move |event| hearing.hear(event)) {
        Ok(relay) => relay,
        Err(RelayError::Listen(error)) => {
            return cannot_listen(&error, &asked, plan.reports.format, &printer);
        }
        Err(error) => return failed(&error.to_string()),
    };
    let endpoint = relay.local_endpoints().first().map_or(asked, |endpoint| (*endpoint).clone());
    // Of a socket that was passed it is known only now.
    if endpoint.is_unix() && !plan.access.is_open() {
        complain(NOT_OF_A_NETWORK);
        return ExitStatus::Usage;
    }
    let metrics = match plan.metrics.zip(metrics) {
        Some((at, metrics)) => match MetricsServer::start(&at, metrics, relay.handle()) {
            Ok(server) => Some(server),
            Err(MetricsError::Listen(error)) => {
                return cannot_listen(&error, &at, plan.reports.format, &printer);
            }
            Err(error) => return failed(&error.to_string()),
        },
        None => None,
    };
    let stopped_by = match heed_signals(&relay.handle(), &printer) {
        Ok(stopped_by) => stopped_by,
        Err(error) => return failed(&format!("cannot wait for signals: {}", describe_error(&error))),
    };
    if let Some(path) = &plan.port_file
        && let Err(error) = port_file::write(path, &endpoint)
    {
        return failed(&format!("cannot write the port to {}: {}", path.display(), describe_error(&error)));
    }
    printer.listening(&endpoint, plan.is_everywhere);
    if let Some(server) = &metrics {
        printer.say(&format!("metrics on {}", server.local_endpoint()));
    }
    if let Some(fingerprint) = plan.fingerprint {
        say_always(&format!(
            "the certificate was made for this run; clients trust it with --pin {fingerprint}"
        ));
    }
    let drained = match relay.run() {
        Ok(drained) => drained,
        Err(error) => return failed(&error.to_string()),
    };
    let signal = stopped_by.get().copied().unwrap_or(Signal::Terminate);
    let status = conclude(&drained, signal, &printer);
    let is_logged = told.log.as_ref().is_none_or(Log::finish);
    match printer.finish(status) {
        ExitStatus::Success if !is_logged => ExitStatus::LocalFailure,
        status => status,
    }
}

fn failed(why: &str) -> ExitStatus {
    complain(why);
    ExitStatus::LocalFailure
}

fn cannot_listen(
    error: &ListenError,
    asked: &Endpoint,
    format: ReportFormat,
    printer: &Printer,
) -> ExitStatus {
    let report = NeverConnected::CannotListen { error }.report(asked, Role::Listen);
    // Without reports it is said all the same: nothing will run.
    if format == ReportFormat::None {
        complain(&error.to_string());
    }
    printer.report_with(&report, hints::for_listening(asked, error))
}

/// From here on signals are heeded: the first shuts the relay down, a second exits at once, and SIGUSR1 lists what is open.
/// Gives the first, once it has come.
fn heed_signals(handle: &Handle, printer: &Arc<Printer>) -> io::Result<Arc<OnceLock<Signal>>> {
    let stopped_by: Arc<OnceLock<Signal>> = Arc::default();
    let (stopping, noted) = (handle.clone(), Arc::clone(&stopped_by));
    let saying = Arc::clone(printer);
    signals::on_signal(move |signal, is_later| {
        if is_later {
            std::process::exit(ExitStatus::of_signal(signal).number().into());
        }
        // The first is the only one that gets here.
        let _ = noted.set(signal);
        stopping.shutdown(None);
        let open = stopping.connections().len();
        if open > 0 {
            saying.say(&format!("{}: waiting for {open} to finish", signal.name()));
        }
    })?;
    let handle = handle.clone();
    signals::on_request(move || {
        let open = handle.connections();
        let s = if open.len() == 1 { "" } else { "s" };
        answer(&format!("{} open connection{s}", open.len()));
        for connection in &open {
            said::about(Some(connection.id), || answer(&open::in_words(connection)));
        }
    })?;
    Ok(stopped_by)
}

/// Says what the drain came to, and gives the exit status.
fn conclude(drained: &Drained, signal: Signal, printer: &Printer) -> ExitStatus {
    let status = match drained.cut.len() {
        0 => ExitStatus::Success,
        _ => ExitStatus::Ending(adieu::exit_code(Ending::Reset { by: Side::Us })),
    };
    printer.drained(
        signal,
        drained.finished,
        &drained.cut.iter().map(open::in_words).collect::<Vec<_>>(),
        status,
    );
    status
}
