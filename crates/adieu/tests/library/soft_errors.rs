//! Errors that our kernel tells and that end nothing: TCP goes on trying (RFC 1122, section 4.2.3.9).

use crate::arms::{BOUND, on_both};
use adieu::{ConnectOptions, Endpoint, Limits};
use adieu_testkit::namespace::Namespaces;
use adieu_testkit::peer::{Bind, PeerHandle, Step};
use std::io::Write;
use std::time::Duration;

#[test]
fn a_way_that_is_barred_is_silence_and_no_end() {
    on_both(|arm| {
        let Some(pair) = Namespaces::or_skip("a_way_that_is_barred_is_silence_and_no_end") else { return };
        let script = &[Step::Receive(1), Step::Hold, Step::ReceiveToEof];
        let place = pair.site_of_peer();
        let peer = PeerHandle::listen_at(Bind::Tcp(pair.peer_address()), script, place).expect("a peer");
        let endpoint = Endpoint::from(peer.endpoint().address().expect("TCP"));
        pair.enter_programs().expect("the namespace is there");
        // Longer than the first retransmission takes, which tells the error.
        let options = ConnectOptions::new().limits(Limits::new().idle_timeout(Duration::from_millis(900)));
        let mut open = arm.connect(&endpoint, &options).expect("the way is free");
        open.write_all(b"x").expect("the peer takes it");
        assert!(peer.wait_for_step(1, BOUND), "it has it");
        pair.cut().expect("the wire is there");
        open.write_all(b"lost").expect("our kernel takes it");
        // What is under way is to be sent again, and then there is no way.
        pair.bar_the_way().expect("a route can be made");
        let report = open.shutdown_send().expect("nothing has ended").drain();
        assert_eq!(
            (report.ending().name(), report.timer().map(adieu::Timer::name)),
            ("timed_out", Some("idle")),
            "{report}"
        );
        assert_eq!(report.socket_error_clear, Some(true), "{report}");
        assert_eq!((report.bytes_acknowledged, report.bytes_accepted), (Some(1), 5), "{report}");
    });
}
