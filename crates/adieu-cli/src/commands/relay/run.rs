//! Opens what a relay writes to, binds, serves until a signal comes, and says how it ended.

use super::described::Described;
use super::plan::{CommandLine, DescribedInFile, File, Origin, Plan};
use super::told::{Few, Log, Told};
use super::{check, open, service_manager};
use crate::commands::listen::port_file;
use crate::exit::ExitStatus;
use crate::options::access::NOT_OF_A_NETWORK;
use crate::os::{self, signals};
use crate::printer::{Printer, answer, complain, say_certificate};
use crate::said;
use adieu::{Ending, Side, Signal, describe_error};
use adieu_relay::{Drained, Handle, Metrics, MetricsError, MetricsServer, Relay, RelayError, Reloaded};
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// How long a second signal leaves for cutting what is open, and for the log of it.
const FOR_THE_LAST_LINES: Duration = Duration::from_millis(500);

/// The signals that have come.
#[derive(Default)]
struct Heard {
    first: OnceLock<Signal>,
    /// It lets nothing finish any more.
    second: OnceLock<Signal>,
}

pub(crate) fn run(plan: Plan) -> ExitStatus {
    if plan.is_check {
        return check::run(&plan);
    }
    if let Err(error) = os::reap_as_init() {
        return failed(&format!("cannot wait for orphans: {}", describe_error(&error)));
    }
    let printer = match Printer::open_beside(&plan.reports) {
        Ok(printer) => printer,
        Err(status) => return status,
    };
    let log = match plan.log.as_deref().map(Log::open).transpose() {
        Ok(log) => log,
        Err(error) => return failed(&error),
    };
    adieu_os::raise_descriptor_limit();
    let metrics = plan.metrics.as_ref().map(|_| Arc::new(Metrics::new()));
    let told = Arc::new(Told {
        printer: Arc::clone(&printer),
        log,
        metrics: metrics.clone(),
        turned_away: Few::default(),
        hints: Mutex::default(),
    });
    let hearing = Arc::clone(&told);
    let Plan { relays, origin, metrics: metrics_at, port_file, .. } = plan;
    let configs: Vec<_> = relays.iter().map(|described| told.configured(described)).collect();
    let relay = match Relay::bind(configs, move |event| hearing.hear(event)) {
        Ok(relay) => relay,
        Err(RelayError::Listen(error)) => return printer.cannot_listen(error.endpoint(), &error),
        Err(error) => return failed(&error.to_string()),
    };
    let endpoints = relay.local_endpoints();
    // Of a socket that was passed it is known only now.
    if !endpoints.iter().zip(&relays).all(|(endpoint, described)| described.is_suited_to(endpoint)) {
        complain(NOT_OF_A_NETWORK);
        return ExitStatus::Usage;
    }
    let metrics = match metrics_at.zip(metrics) {
        Some((at, metrics)) => match MetricsServer::start(&at, metrics, relay.handle()) {
            Ok(server) => Some(server),
            Err(MetricsError::Listen(error)) => return printer.cannot_listen(error.endpoint(), &error),
            Err(error) => return failed(&error.to_string()),
        },
        None => None,
    };
    let handle = relay.handle();
    let heard = match heed_signals(&handle, &told, origin) {
        Ok(heard) => heard,
        Err(error) => return failed(&format!("cannot wait for signals: {}", describe_error(&error))),
    };
    if let (Some(path), Some(endpoint)) = (&port_file, endpoints.first())
        && let Err(error) = port_file::write(path, endpoint)
    {
        return failed(&format!("cannot write the port to {}: {}", path.display(), describe_error(&error)));
    }
    for (endpoint, described) in endpoints.iter().zip(&relays) {
        printer.listening(endpoint, described.is_everywhere);
        tell_certificate(described, "for this run");
    }
    if let Some(server) = &metrics {
        printer.say(&format!("metrics on {}", server.local_endpoint()));
    }
    service_manager::ready(&handle);
    let drained = match relay.run() {
        Ok(drained) => drained,
        Err(error) => return failed(&error.to_string()),
    };
    let signal = heard.first.get().copied().unwrap_or(Signal::Terminate);
    let status = conclude(&drained, handle.clients(), signal, &printer);
    let is_logged = told.log.as_ref().is_none_or(Log::finish);
    let status = printer.finish(status);
    if let Some(second) = heard.second.get() {
        return ExitStatus::of_signal(*second);
    }
    match status {
        ExitStatus::Success if !is_logged => ExitStatus::LocalFailure,
        status => status,
    }
}

fn failed(why: &str) -> ExitStatus {
    complain(why);
    ExitStatus::LocalFailure
}

fn tell_certificate(described: &Described, made: &str) {
    if let Some(fingerprint) = described.fingerprint() {
        say_certificate(&fingerprint, made);
    }
}

/// From here on signals are heeded: the first shuts the relay down, a second cuts what is open and exits, SIGUSR1 lists what is
/// open, and SIGHUP opens the log again and reads the files anew. Gives those that have come.
///
/// A terminal that is closed sends SIGHUP too. A relay that has one, and no `--config` file, is shut down by it.
fn heed_signals(handle: &Handle, told: &Arc<Told>, origin: Origin) -> io::Result<Arc<Heard>> {
    let printer = &told.printer;
    let heard: Arc<Heard> = Arc::default();
    let (stopping, noted) = (handle.clone(), Arc::clone(&heard));
    let saying = Arc::clone(printer);
    let stop = move |signal: Signal, is_later: bool| {
        if is_later {
            let _ = noted.second.set(signal);
            // Whoever is cut has his line in the log, if that is written at once.
            stopping.shutdown(Duration::ZERO);
            std::thread::sleep(FOR_THE_LAST_LINES);
            std::process::exit(ExitStatus::of_signal(signal).number().into());
        }
        // The first is the only one that gets here.
        let _ = noted.first.set(signal);
        stopping.shutdown(None);
        let open = stopping.connections().len();
        if open > 0 {
            saying.say(&format!("{}: waiting for {open} to finish", signal.name()));
        }
    };
    let is_command_line = matches!(origin, Origin::CommandLine(_));
    if is_command_line && (io::stdin().is_terminal() || io::stderr().is_terminal()) {
        signals::on_signal(stop)?;
    } else {
        let (handle, told) = (handle.clone(), Arc::clone(told));
        signals::on_signal_or_hangup(stop, move || begin_anew(&told, &origin, &handle))?;
    }
    let handle = handle.clone();
    signals::on_request(move || {
        let open = handle.connections();
        let s = if open.len() == 1 { "" } else { "s" };
        answer(&format!("{} open connection{s}", open.len()));
        for connection in &open {
            said::about(Some(connection.id), || answer(&open::in_words(connection)));
        }
    })?;
    Ok(heard)
}

/// Opens the log again, and goes on with what the files say now: that of `--config`, or the certificates.
fn begin_anew(told: &Told, origin: &Origin, handle: &Handle) {
    service_manager::reloading();
    match told.log.as_ref().map(Log::reopen) {
        Some(Ok(())) => told.printer.say("the log is opened again"),
        Some(Err(wrong)) => complain(&format!("{wrong}; it goes on in the file that is open")),
        None => {}
    }
    match origin {
        Origin::File(file) => reload(file, handle, told),
        Origin::CommandLine(line) => reload_certificates(line, handle, told),
    }
    service_manager::reloaded(handle);
}

/// Goes on with what the file says now. If that cannot be had, what is wrong is said, and everything stays as it is.
fn reload(file: &File, handle: &Handle, told: &Told) {
    match DescribedInFile::read(&file.path) {
        Ok(described) => take_over(&described, file, handle, told),
        Err(wrong) => {
            wrong.conclude();
            complain("the settings stay as they are");
        }
    }
}

/// Goes on with the certificates that the files of the command line hold now. If they cannot be used, those that are used stay.
fn reload_certificates(line: &CommandLine, handle: &Handle, told: &Told) {
    let files: Vec<String> = line.files().iter().map(|path| path.display().to_string()).collect();
    if files.is_empty() {
        return;
    }
    let described = match line.again() {
        Ok(described) => described,
        Err(wrong) => {
            wrong.conclude();
            return complain("the certificates stay as they are");
        }
    };
    match handle.reload([told.configured(&described)]) {
        Ok(_) => {
            let are = if files.len() == 1 { "is" } else { "are" };
            told.printer.say(&format!("{} {are} read again, for new connections", files.join(", ")));
        }
        Err(error) => complain(&format!("{error}; the certificates stay as they are")),
    }
}

fn take_over(described: &DescribedInFile, file: &File, handle: &Handle, told: &Told) {
    let printer = &told.printer;
    let (before, listening) = (handle.configured_endpoints(), handle.local_endpoints());
    // What a socket is that was passed or stays, nothing but its own endpoint tells.
    let is_unsuited = |described: &Described| {
        let place = before.iter().position(|listen| *listen == described.config.listen);
        place.and_then(|place| listening.get(place)).is_some_and(|endpoint| !described.is_suited_to(endpoint))
    };
    if described.relays.iter().any(is_unsuited) {
        return complain(&format!("{NOT_OF_A_NETWORK}; the settings stay as they are"));
    }
    let configs = described.relays.iter().map(|described| told.configured(described));
    let Reloaded { kept, added, removed, .. } = match handle.reload(configs) {
        Ok(reloaded) => reloaded,
        Err(error) => return complain(&format!("{error}; the settings stay as they are")),
    };
    let now = handle.configured_endpoints();
    before.iter().filter(|one| !now.contains(one)).for_each(service_manager::let_go);
    let path = file.path.display();
    printer.say(&format!("{path} is read: relays kept {kept}, added {added}, removed {removed}"));
    if !described.is_of_this_process(file) {
        complain(&format!("{path}: log and metrics stay as they are until the next start"));
    }
    for (configured, endpoint) in now.iter().zip(handle.local_endpoints()) {
        let is_this = |one: &&Described| one.config.listen == *configured;
        if !listening.contains(&endpoint)
            && let Some(described) = described.relays.iter().find(is_this)
        {
            printer.listening(&endpoint, described.is_everywhere);
        }
    }
    described.relays.iter().for_each(|described| tell_certificate(described, "anew"));
}

/// Says what the drain came to, and gives the exit status.
fn conclude(drained: &Drained, clients: u64, signal: Signal, printer: &Printer) -> ExitStatus {
    let status = match drained.cut.len() {
        0 => ExitStatus::Success,
        _ => ExitStatus::Ending(adieu::exit_code(Ending::Reset { by: Side::Us })),
    };
    printer.drained(
        signal,
        clients,
        drained.finished,
        &drained.cut.iter().map(open::in_words).collect::<Vec<_>>(),
        status,
    );
    status
}
