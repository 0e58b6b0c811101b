//! TLS to a peer behind proxies of other people: what they do to an end is seen, and never taken for a whole one.

use crate::proxies::{Running, connect, dante, microsocks, tinyproxy};
use crate::text;
use adieu_testkit::pattern::{Pattern, Verifier};
use adieu_testkit::skip::counterpart;
use adieu_testkit::tls::authority::{Authority, Identity};
use adieu_testkit::tls::peer::{Peer, Script, Setup, Step};
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

/// A TLS peer behind a proxy.
struct Behind {
    script: &'static Script,
    identity: &'static Identity,
    exits: &'static [i32],
    /// Besides its steps.
    says: &'static str,
}

const GOOD: &Script = &[
    Step::Handshake,
    Step::Receive(7),
    Step::Send(20_000),
    Step::CloseNotify,
    Step::ReceiveToEnd,
    Step::Fin,
];
const FIN_ALONE: &Script = &[Step::Handshake, Step::Receive(7), Step::Send(20_000), Step::Fin, Step::Hold];
const RESET: &Script = &[
    Step::Handshake,
    Step::Receive(7),
    Step::Send(20_000),
    Step::Silence(Duration::from_millis(100)),
    Step::Reset,
];

impl Behind {
    fn holds(&self, proxy: &str) {
        let setup = Setup { identity: Some(self.identity), ..Setup::PLAIN };
        let peer = Peer::listen(setup, self.script).expect("loopback");
        let endpoint = format!("tls://{}", peer.address());
        let ca = Authority::shared().file().display().to_string();
        let output = connect(&endpoint, &["--proxy", proxy, "--ca", &ca], &[]);
        let said = text(&output.stderr);
        let exit = output.status.code().unwrap_or(-1);
        assert!(self.exits.contains(&exit) && said.contains(self.says), "{proxy}: {exit}: {said}");
        let log = peer.finish();
        if exit == 3 {
            let last = said.lines().last().unwrap_or_default();
            assert!(
                last.contains("the TLS handshake failed") && !last.contains("the proxy"),
                "{proxy}: {said}"
            );
            return;
        }
        let mut written = Verifier::new(Pattern::of_peer());
        written.write_all(&output.stdout).expect("memory");
        assert_eq!((written.count(), written.first_wrong()), (20_000, None), "{proxy}: {said}");
        assert_eq!(log.received, 7, "{proxy}: {log:?}");
        assert!(exit != 0 || log.close_notify, "{proxy}: {log:?}");
    }
}

/// Every end of a peer through this proxy, which is asked by an address of the peer and has another name itself.
fn every_end_is_told(proxies: &[String]) {
    static ADDRESS: OnceLock<Identity> = OnceLock::new();
    static PROXYS: OnceLock<Identity> = OnceLock::new();
    let issue = |name: &'static str| Authority::shared().issue(&[name]).expect("a key");
    let right = ADDRESS.get_or_init(|| issue("127.0.0.1"));
    let proxys = PROXYS.get_or_init(|| issue("localhost"));
    for proxy in proxies {
        let wrong = "is for localhost, and not for 127.0.0.1";
        for behind in [
            Behind {
                script: GOOD,
                identity: right,
                exits: &[0],
                says: "adieu: graceful: 20000 bytes received",
            },
            // Some close both directions then, and answer what we still send with an RST.
            Behind { script: FIN_ALONE, identity: right, exits: &[6], says: "without TLS's close_notify" },
            // Most proxies make a FIN of a reset, which is then no end of TLS's.
            Behind { script: RESET, identity: right, exits: &[4, 6], says: "20000 bytes received" },
            Behind {
                script: &[Step::Handshake, Step::ReceiveToEnd],
                identity: proxys,
                exits: &[3],
                says: wrong,
            },
        ] {
            behind.holds(proxy);
        }
    }
}

#[test]
fn through_microsocks() {
    let Some(program) = counterpart("through_microsocks", "microsocks") else { return };
    let (_running, port): (Running, u16) = microsocks(&program, &[]);
    every_end_is_told(&["socks5", "socks5h"].map(|scheme| format!("{scheme}://localhost:{port}")));
}

#[test]
fn through_dante() {
    let Some(program) = counterpart("through_dante", "danted") else { return };
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (_running, port) = dante(&program, directory.path());
    every_end_is_told(&["socks5", "socks5h", "socks4a"].map(|scheme| format!("{scheme}://localhost:{port}")));
}

#[test]
fn through_tinyproxy() {
    let Some(program) = counterpart("through_tinyproxy", "tinyproxy") else { return };
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (_running, port) = tinyproxy(&program, directory.path(), "");
    every_end_is_told(&[format!("http://localhost:{port}")]);
}
