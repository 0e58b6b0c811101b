//! What the service manager is told of a relay: that it is ready, that it reads its settings anew, that it stops, and that it lives.
//!
//! Without a manager (NOTIFY_SOCKET) nothing is told. sd_notify(3).

use crate::os::service_manager::{monotonic_micros, tell, watchdog_timeout};
use crate::printer::complain;
use adieu::describe_error;
use adieu_relay::Handle;
use std::thread;
use std::time::Duration;

/// How much longer than its grace a stop may take: connections that are cut have 2 s.
const TO_STOP: Duration = Duration::from_secs(5);

/// Everything is open, and clients are served. From here on it hears that we live, if it wants to.
pub(super) fn ready(handle: &Handle) {
    say(&format!("READY=1\n{}", status(handle)));
    let Some(timeout) = watchdog_timeout() else { return };
    let handle = handle.clone();
    // Half of the time, as sd_watchdog_enabled(3) says. A worker that does not answer is told of by silence.
    let live = move || loop {
        if handle.is_responsive(timeout / 4) {
            say("WATCHDOG=1\n");
        }
        thread::sleep(timeout / 4);
    };
    if let Err(error) = thread::Builder::new().name("adieu-watchdog".into()).spawn(live) {
        complain(&format!("the service manager's watchdog is not answered: {}", describe_error(&error)));
    }
}

/// The settings are read anew. It is to be told [`reloaded`] in any case.
pub(super) fn reloading() {
    say(&format!("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic_micros()));
}

/// The settings are read, or stay as they were.
pub(super) fn reloaded(handle: &Handle) {
    say(&format!("READY=1\n{}", status(handle)));
}

/// Nobody is accepted any more. It waits until those who are open have ended.
pub(super) fn stopping(open: usize, grace: Duration) {
    let extend = grace.checked_add(TO_STOP).and_then(|time| u64::try_from(time.as_micros()).ok());
    let extend = extend.map(|micros| format!("EXTEND_TIMEOUT_USEC={micros}\n")).unwrap_or_default();
    let s = if open == 1 { "" } else { "s" };
    say(&format!("STOPPING=1\nSTATUS=waiting for {open} connection{s} to end\n{extend}"));
}

fn status(handle: &Handle) -> String {
    let endpoints = handle.local_endpoints();
    let shown: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    format!("STATUS=listening on {}\n", shown.join(", "))
}

fn say(lines: &str) {
    if let Err(error) = tell(lines) {
        complain(&format!("the service manager cannot be told: {}", describe_error(&error)));
    }
}
