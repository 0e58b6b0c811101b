//! WSAStartup and WSACleanup in pairs: how many connections hold Winsock, counted in a process of its own.
#![cfg(windows)]

use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener};
use adieu_os::Network;

/// The one test in this process that holds any: the count is the process's.
#[test]
fn after_the_last_connection_nothing_is_held() {
    assert_eq!(Network::held(), 0);
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
    assert_eq!(Network::held(), 1, "the listener's");
    let endpoint = Endpoint::tcp("127.0.0.1", port(&listener));
    let near = adieu::connect(&endpoint, &ConnectOptions::new()).expect("it listens");
    let far = listener.accept().expect("it has connected");
    assert_eq!(Network::held(), 3, "and one for each connection");
    let near = near.shutdown_send().expect("connected");
    let far = far.shutdown_send().expect("connected");
    drop(listener);
    let report = near.drain();
    assert!(report.is_graceful(), "{report:#?}");
    assert_eq!(Network::held(), 1);
    // It ended last and reads the EOF after its own end: the state before that end is what tells the order.
    let report = far.drain();
    assert!(report.is_graceful(), "{report:#?}");
    assert_eq!(Network::held(), 0);
}

fn port(listener: &Listener) -> u16 {
    let text = listener.local_endpoint().to_string();
    text.rsplit(':').next().and_then(|port| port.parse().ok()).expect("host:port")
}
