//! Both faces have the same methods on every type.

use crate::arms::on_both;
use adieu::{ConnectOptions, Finish, Transport};
use std::io::Write;
use std::time::Duration;

/// Names each method on both faces: what one of them lacks does not compile.
macro_rules! on_both_faces {
    ($($type:ident: $($method:ident)*;)*) => {
        $($(
            let _ = adieu::$type::$method;
            let _ = adieu::tokio::$type::$method;
        )*)*
    };
}

#[test]
fn both_faces_have_the_same_methods() {
    on_both_faces! {
        Connection:
            handshake into_socket shutdown_send abort read_within
            id defer_interrupt ending_handle mark_end socket transport local_address peer_address local_addr peer_addr counts;
        HalfClosed:
            close drain drain_within abort read_within
            id defer_interrupt ending_handle mark_end socket transport local_address peer_address local_addr peer_addr counts;
    }
    on_both_faces! {
        Listener:
            bind from_service_manager with_options local_endpoint accept accept_within try_accept;
    }
    let _ = |stream: std::net::TcpStream| adieu::Connection::from_socket(stream, &ConnectOptions::new());
    let _ =
        |stream: tokio::net::TcpStream| adieu::tokio::Connection::from_socket(stream, &ConnectOptions::new());
    // On the blocking face nobody else can have shut down the sending side.
    let _ = adieu::tokio::Connection::finish_when_dropped;
    let _ = |stream: std::net::TcpStream| adieu::finish(stream, &Finish::new());
    let _ = async |stream: tokio::net::TcpStream| adieu::tokio::finish(stream, &Finish::new()).await;
    let _ = |c| adieu::exchange(c, adieu::exchange::Input::empty(), adieu::exchange::Output::null());
    let _ = |c| adieu::tokio::exchange(c, tokio::io::empty(), tokio::io::sink());
    let _ = |c| adieu::request(c, "");
    let _ = |c| adieu::tokio::request(c, "");
    let _ = adieu::exchange::echo;
    let _ = adieu::tokio::echo;
}

#[test]
fn a_read_waits_for_so_long_and_says_that_nothing_came() {
    on_both(|arm| {
        let (mut open, mut peer) = arm.to_std(&ConnectOptions::new());
        let mut buffer = [0; 8];
        assert_eq!(open.read_within(&mut buffer, Duration::ZERO).expect("open"), None);
        assert_eq!(open.read_within(&mut buffer, Duration::from_millis(5)).expect("open"), None);
        peer.write_all(b"word").expect("taken");
        let long = Duration::from_secs(10);
        assert_eq!(open.read_within(&mut buffer, long).expect("open"), Some(4));
        assert_eq!(open.read_within(&mut [], long).expect("open"), None);
        drop(peer);
        assert_eq!(open.read_within(&mut buffer, long).expect("it ended"), Some(0));
        assert_eq!(open.transport(), Transport::Tcp);
        assert!(open.shutdown_send().expect("connected").close().is_graceful());
    });
}

#[test]
fn an_echo_sends_back_what_it_receives() {
    on_both(|arm| {
        let (open, peer) = arm.to_std(&ConnectOptions::new());
        let sending = peer.try_clone().expect("a descriptor");
        let all = 3_000_000;
        let sender = std::thread::spawn(move || {
            let mut sending = sending;
            let mut bytes = adieu_testkit::pattern::Pattern::of_program().reader(all);
            std::io::copy(&mut bytes, &mut sending).expect("it is taken");
            sending.shutdown(std::net::Shutdown::Write).expect("connected");
        });
        let receiver = std::thread::spawn(move || {
            let mut check = Vec::new();
            std::io::Read::read_to_end(&mut &peer, &mut check).expect("it comes back");
            check
        });
        let report = open.echo();
        sender.join().expect("no panic");
        let mut expected = Vec::new();
        let mut bytes = adieu_testkit::pattern::Pattern::of_program().reader(all);
        std::io::Read::read_to_end(&mut bytes, &mut expected).expect("memory");
        assert!(receiver.join().expect("no panic") == expected, "the same bytes");
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.bytes_received, report.bytes_accepted), (all, all));
    });
}

#[test]
fn a_connection_has_a_number_of_its_own() {
    on_both(|arm| {
        let [(one, _p), (other, _q)] = [(); 2].map(|()| arm.to_std(&ConnectOptions::new()));
        assert_ne!(one.id(), other.id());
        let (id, handle) = (one.id(), one.ending_handle());
        let half = one.shutdown_send().expect("connected");
        assert_eq!((half.id(), handle.id()), (id, id), "it stays the same");
    });
}
