//! What the service manager is told of a relay: that it is ready, that it reads its settings anew, that it stops, and that it lives.
//!
//! Without a manager (NOTIFY_SOCKET) nothing is told. sd_notify(3).

use crate::os::service_manager::{self as manager, monotonic_micros, tell, watchdog_timeout};
use crate::printer::complain;
use adieu::{Endpoint, describe_error};
use adieu_relay::Handle;
use std::thread;
use std::time::Duration;

/// How much longer than its grace a stop may take: connections that are cut have 2 s.
const TO_STOP: Duration = Duration::from_secs(5);

/// What the names of the sockets that it keeps for us begin with.
const KEPT: &str = "adieu-";

/// Under which name the socket of a relay is kept over a restart of the service. `None`: it is not. The file of a Unix socket goes
/// with its process; a port that the system chooses is nobody's; and a socket that was passed is kept by who passed it.
pub(super) fn kept_as(listen: &Endpoint) -> Option<String> {
    match listen {
        Endpoint::Tcp { port: 1.., .. } | Endpoint::Tls { port: 1.., .. } => {}
        _ => return None,
    }
    // systemd takes neither colons nor what is not ASCII, and 255 bytes at most.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b':' && byte != b'%';
    let encoded = listen
        .to_string()
        .into_bytes()
        .into_iter()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    Some(format!("{KEPT}{}", encoded.collect::<String>())).filter(|name| name.len() <= 255)
}

/// Lets the manager keep the sockets that listen, and close those that no relay has any more.
fn keep_sockets(handle: &Handle) {
    if let Err(error) = manager::keep_sockets(handle, kept_as, KEPT) {
        complain(&format!("the service manager keeps no sockets: {}", describe_error(&error)));
    }
}

/// A relay listens there no more.
pub(super) fn let_go(listen: &Endpoint) {
    if let Some(name) = kept_as(listen) {
        // To be closed by us alone is not worth a word.
        let _ = manager::let_go(&name);
    }
}

/// Everything is open, and clients are served. From here on it hears that we live, if it wants to.
pub(super) fn ready(handle: &Handle) {
    reloaded(handle);
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
    keep_sockets(handle);
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
        complain(&format!("cannot notify the service manager: {}", describe_error(&error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_socket_has_a_name_that_systemd_takes_and_says_where_it_listens() {
        assert_eq!(kept_as(&Endpoint::tcp("", 8080)).as_deref(), Some("adieu-%3A8080"));
        assert_eq!(kept_as(&Endpoint::tls("::1", 443)).as_deref(), Some("adieu-tls%3A//[%3A%3A1]%3A443"));
        for none in [Endpoint::tcp("127.0.0.1", 0), Endpoint::unix("/run/x"), Endpoint::passed("relay")] {
            assert_eq!(kept_as(&none), None);
        }
        assert_eq!(kept_as(&Endpoint::tcp("x".repeat(300), 80)), None);
    }
}
