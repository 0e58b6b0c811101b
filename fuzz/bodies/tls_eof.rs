//! Any order of a TLS peer's last steps: no stream that was cut is called graceful, and no whole one truncated.

use adieu::exchange::{Input, Output};
use adieu::tls::{Client, Eof};
use adieu::{ConnectOptions, Endpoint, Limits};
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::peer::{Peer, Setup, Step};
use std::time::Duration;

/// What the peer does after the handshake, from any bytes; and what an EOF is to mean.
fn script(data: &[u8]) -> (Vec<Step>, Eof) {
    let eof = [Eof::Require, Eof::Framed, Eof::Ignore][usize::from(data.first().copied().unwrap_or(0)) % 3];
    let step = |byte: &u8| match byte % 8 {
        0..=2 => Step::Send(u64::from(*byte) * 97),
        3 => Step::CloseNotify,
        4 => Step::CutRecord(u64::from(*byte) + 1),
        5 => Step::Fin,
        6 => Step::BreakOff,
        _ => Step::ReceiveToEnd,
    };
    let steps = data.iter().skip(1).take(6).map(step);
    ([Step::Handshake].into_iter().chain(steps).collect(), eof)
}

/// What the peer has said, as far as it was able to.
#[derive(Default)]
struct Said {
    sent: u64,
    close_notify: bool,
    cut: bool,
}

fn said(script: &[Step]) -> Said {
    let mut said = Said::default();
    for step in script {
        match step {
            Step::Send(n) => said.sent += n,
            Step::CloseNotify => said.close_notify = true,
            Step::CutRecord(_) => said.cut = true,
            _ => {}
        }
        // Nothing that comes after these is part of the stream.
        if said.close_notify || said.cut || matches!(step, Step::Fin | Step::BreakOff) {
            break;
        }
    }
    said
}

pub(crate) fn holds(data: &[u8]) {
    let (script, eof) = script(data);
    let said = said(&script);
    let peer = Peer::listen(Setup::PLAIN, script.clone().leak()).expect("loopback");
    let tls = Client::new().ca_file(Authority::shared().file()).eof(eof).build().expect("a file");
    let options = ConnectOptions::new().limits(Limits::new().deadline(Duration::from_secs(20))).tls(tls);
    let connection = adieu::connect(&Endpoint::from(peer.address()), &options).expect("a handshake");
    let report = adieu::exchange(connection, Input::from_bytes("to the peer"), Output::null());
    drop(peer);

    let told = format!("{script:?} {eof:?}: {report}");
    assert!(report.bytes_received <= said.sent, "more than was sent: {told}");
    assert!(report.ending().name() != "timed_out", "{told}");
    if report.tls_close_notify_received == Some(true) {
        assert!(said.close_notify && report.bytes_received == said.sent, "{told}");
    }
    if report.is_graceful() {
        assert_eq!(report.bytes_received, said.sent, "{told}");
        let allowed = match eof {
            Eof::Framed => !said.cut,
            Eof::Ignore => true,
            _ => said.close_notify,
        };
        assert!(allowed, "{told}");
    }
    if report.ending().name() == "truncated" {
        assert!(!said.close_notify, "{told}");
    }
}
