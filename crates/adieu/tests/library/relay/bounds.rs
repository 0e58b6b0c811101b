//! What bounds a relay: its memory, and how long a cut waits for a peer that takes nothing.

use super::*;
use adieu::Side;

/// The sink's program takes nothing at all: the cut waits for it as long as was asked for.
#[test]
fn a_peer_that_takes_nothing_holds_a_cut_up_for_the_flush_timeout_alone() {
    on_every_way(|setup| {
        let (limit, hold) = (Duration::from_millis(300), 64 * 1024);
        let setup = Setup { relay: setup.relay.flush_timeout(limit).buffer_limit(hold), ..setup };
        let (client, upstream, relaying) = setup.clone().pair_with(|_, upstream| {
            upstream.set_recv_buffer_size(4608).expect("a size");
        });
        // More than everybody on the way holds, so that bytes are stuck in the relay.
        let all = vec![5; 40 << 20];
        assert!(fill_up(&client, &all) < all.len(), "somebody takes it");
        reset_now(client);
        let began = Instant::now();
        let relayed = relaying.join().expect("no panic");
        assert!(began.elapsed() >= limit / 2, "{setup:?}: {:?}", began.elapsed());
        assert_eq!(relayed.a.ending(), Ending::Reset { by: Side::Peer }, "{setup:?}: {}", relayed.a);
        assert!(is_passed_on(&relayed.b), "{setup:?}: {}", relayed.b);
        let up = relayed.a_to_b;
        let stuck = up.bytes_received - up.bytes_accepted;
        assert!(stuck <= hold as u64, "{setup:?}: {stuck} bytes were held");
        assert!(up.bytes_acknowledged < Some(up.bytes_accepted), "{setup:?}: {relayed:?}");
        assert_eq!(up.end, DirectionEnd::CutAtSource { ending: relayed.a.ending() });
        drop(upstream);
    });
}

/// Small windows are no reason to wait: each byte that is taken makes room for the next.
#[test]
fn small_buffers_on_the_way_lose_and_hold_up_nothing() {
    on_every_way(|setup| {
        let small = adieu::SocketOptions::new().receive_buffer(4608).send_buffer(4608);
        let setup = Setup {
            listen: setup.listen.socket(small.clone()),
            onward: setup.onward.socket(small),
            relay: setup.relay.buffer_limit(4096),
            ..setup
        };
        let (client, upstream, relaying) = setup.clone().pair();
        let sender = thread::spawn(move || {
            (&client).write_all(&request()).expect("taken");
            client.shutdown(Shutdown::Write).expect("connected");
            assert!(bytes_of(&client).is_empty());
        });
        assert!(bytes_of(&upstream) == request(), "{setup:?}");
        drop(upstream);
        sender.join().expect("no panic");
        assert!(relaying.join().expect("no panic").is_graceful(), "{setup:?}");
    });
}
