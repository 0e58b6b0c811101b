//! The steps of a connection in words.

use crate::addresses::named;
use adieu::tls::Version;
use adieu::{CALLS, Event, FastOpen, describe_error};
use std::io;

/// A step in words, with the call that makes it. Bytes have no line of their own: there may be a million calls.
pub(crate) fn in_words(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Resolved { addresses } => {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            format!("getaddrinfo: {}", list.join(", "))
        }
        Event::Connecting { address } => format!("connect {address}"),
        Event::AttemptFailed { address, error } => format!("connect {address} failed: {error}"),
        Event::AskingProxy { proxy, target } => format!("asking the proxy {proxy} for {target}"),
        Event::Connected { local, peer } => {
            let of = |address| named(address).unwrap_or_else(|| "unnamed".to_owned());
            format!("connected: {} to {}", of(*local), of(*peer))
        }
        Event::FastOpen { outcome } => fast_open_text(*outcome),
        Event::Startup { call } | Event::Cleanup { call } => (*call).to_owned(),
        Event::Secured { version, suite } => {
            format!(
                "TLS handshake: {}, {}",
                version.map_or("unknown", Version::name),
                suite.unwrap_or("unknown")
            )
        }
        Event::CloseNotify { by: adieu::Side::Us } => "TLS close_notify: our stream has ended".to_owned(),
        Event::CloseNotify { by: adieu::Side::Peer } => {
            "TLS close_notify: the peer's stream has ended".to_owned()
        }
        Event::TlsFailed { alert: Some(alert), .. } => {
            format!("TLS alert {alert}: the peer broke the session off")
        }
        Event::TlsFailed { alert: None, error } => format!("the TLS session broke: {error}"),
        Event::ShutdownSend { fault: None } => {
            format!("{}: our sending side is shut down", CALLS.shutdown_send)
        }
        Event::ShutdownSend { fault: Some(fault) } => {
            format!("{} failed: {}", CALLS.shutdown_send, fault_text(fault))
        }
        Event::Eof => "recv returned 0: the peer has ended its side".to_owned(),
        Event::Fault { fault } => format!("{} failed: {}", fault.call.name(), fault_text(fault)),
        Event::LocalFailure { end } => format!("our {} failed", end.name()),
        Event::Closed { aborted: true, .. } => {
            format!("{}, with zero linger: the peer sees a reset", CALLS.close)
        }
        Event::Closed { aborted: false, .. } => CALLS.close.to_owned(),
        _ => return None,
    })
}

fn fast_open_text(outcome: FastOpen) -> String {
    let text = match outcome {
        FastOpen::Unused => "there was nothing to go with the SYN".to_owned(),
        FastOpen::Unavailable => "net.ipv4.tcp_fastopen does not allow it to clients".to_owned(),
        FastOpen::NotSent => "nothing went with the SYN: our kernel has no cookie of the peer yet".to_owned(),
        FastOpen::Acknowledged { bytes } => {
            format!("{bytes} bytes went with the SYN, and the SYN-ACK acknowledged them")
        }
        other => {
            format!("{} bytes went with the SYN, and the SYN-ACK did not acknowledge them", other.bytes())
        }
    };
    format!("fast open: {text}")
}

fn fault_text(fault: &adieu::Fault) -> String {
    fault.code.map_or_else(
        || "no error number".to_owned(),
        |code| describe_error(&io::Error::from_raw_os_error(code)),
    )
}
