//! The closing matrix on the built binary, from both sides, on every way that bytes can take.

use adieu_testkit::matrix::{Command, failures};

fn holds(command: Command, data_path: &str) {
    let more = ["--data-path", data_path];
    let failed = failures(env!("CARGO_BIN_EXE_adieu").as_ref(), command, &more);
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn the_closing_matrix_holds_for_connect() {
    holds(Command::Connect, "auto");
}

#[test]
fn the_closing_matrix_holds_for_listen() {
    holds(Command::Listen, "auto");
}

// Windows has the portable way alone, so the others are the first two again.
#[cfg(unix)]
#[test]
fn the_closing_matrix_holds_on_the_portable_way() {
    holds(Command::Connect, "portable");
    holds(Command::Listen, "portable");
}

#[cfg(unix)]
#[test]
fn the_closing_matrix_holds_on_direct_ways_from_the_first_byte() {
    holds(Command::Connect, "direct");
    holds(Command::Listen, "direct");
}

/// Every scenario over TCP, where a SYN may carry what stdin gives first, and every listener takes it.
#[cfg(target_os = "linux")]
#[test]
fn the_closing_matrix_holds_by_fast_open() {
    use adieu_testkit::matrix::failures_of;
    use adieu_testkit::namespace;
    use adieu_testkit::scenario::{Arm, Target};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

    // It stands in a network of its own for good.
    let body = || {
        let made = namespace::own_loopback().and_then(|()| namespace::set("net.ipv4.tcp_fastopen", "1027"));
        if let Err(error) = made {
            return adieu_testkit::skip::loudly("the_closing_matrix_holds_by_fast_open", &error);
        }
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let listener = TcpListener::bind(SocketAddr::new(ip, 0)).expect("loopback");
            let endpoint = listener.local_addr().expect("bound").into();
            // This gets the cookie.
            let _ =
                adieu::fast_open(&endpoint, &adieu::ConnectOptions::new(), b"x").expect("it listens").abort();
        }
        let wanted = |scenario: &adieu_testkit::scenario::Scenario| {
            scenario.arms.connect && !matches!(scenario.target, Target::Unix | Target::NoSuchPath)
        };
        let path = env!("CARGO_BIN_EXE_adieu").as_ref();
        let failed = failures_of(Arm::Connecting, wanted, |scenario| {
            Command::Connect.run(path, scenario, &["--fastopen"])
        });
        assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
        let carried = namespace::counter("TCPFastOpenPassive").expect("Linux");
        assert!(carried > 50, "only {carried} SYNs carried anything");
    };
    std::thread::spawn(body).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
