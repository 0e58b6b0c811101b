//! The facts of each system, as values.
//!
//! What is believed of a system stands in its source, and not in a run of ours: so each row says what that source makes of a state.

use super::Standing::{
    BothEnded, FinAcknowledged, FinOutstanding, FinOutstandingPeerEnded, Open, Over, OverAcknowledged,
    OverUnlessError, PeerEnded, Unknown,
};
use super::*;
use adieu_proto::Side;
use proptest::prelude::*;

/// Both directions have ended as far as we know, and nothing has gone wrong.
const ENDED: SampleContext = SampleContext {
    is_tcp: true,
    is_multipath: false,
    fin_sent: true,
    eof: true,
    faulted: false,
    first_fin: Some(Side::Us),
    local: None,
    peer: None,
};

/// `netinet/tcp_fsm.h`.
const CLOSED: u8 = 0;
const LAST_ACK: u8 = 8;
const TIME_WAIT: u8 = 10;

/// An option's struct with these numbers of four octets, and this state.
fn octets(size: usize, state: u8, numbers: &[(usize, u32)]) -> Vec<u8> {
    let mut octets = vec![0; size];
    octets[0] = state;
    for (at, n) in numbers {
        octets[*at..at + 4].copy_from_slice(&n.to_ne_bytes());
    }
    octets
}

fn nothing<'a>() -> Answer<'a> {
    Answer::Nothing
}

fn unasked<'a>() -> Answer<'a> {
    unreachable!("only of a connection that is closed")
}

/// TCP_CONNECTION_INFO of macOS.
fn connection_info(state: u8, queue: u32) -> Vec<u8> {
    let mut info = octets(
        connection_info::SIZE,
        state,
        &[
            (connection_info::SND_CWND, 14_480),
            (connection_info::SND_WND, 131_072),
            (connection_info::SND_SBBYTES, queue),
            (connection_info::SRTT, 12),
        ],
    );
    info[connection_info::SND_WSCALE] = 6;
    for (at, n) in [
        (connection_info::TXPACKETS, 9_u64),
        (connection_info::TXBYTES, 4000),
        (connection_info::RXPACKETS, 7),
        (connection_info::RXBYTES, 90),
    ] {
        info[at..at + 8].copy_from_slice(&n.to_ne_bytes());
    }
    info
}

/// TCP_INFO of macOS for the same connection, with its counters from `base` on.
fn private_info(info: &[u8], base: usize, missing: u64) -> Vec<u8> {
    use connection_info as at;
    let mut more = vec![0; 400];
    more[0] = info[at::STATE];
    more[2] = info[at::SND_WSCALE];
    for (here, there) in [(at::SRTT, 24), (at::SND_CWND, 40), (at::SND_WND, 48), (at::SND_SBBYTES, 64)] {
        more[there..there + 4].copy_from_slice(&info[here..here + 4]);
    }
    for (here, there) in [
        (at::TXPACKETS, 0),
        (at::TXBYTES, 8),
        (at::TXRETRANSMITBYTES, 16),
        (at::RXPACKETS, 32),
        (at::RXBYTES, 40),
    ] {
        more[base + there..base + there + 8].copy_from_slice(&info[here..here + 8]);
    }
    more[base + 24..base + 32].copy_from_slice(&missing.to_ne_bytes());
    more
}

#[test]
fn each_state_has_its_meaning_on_every_system() {
    // State, standing, what is unacknowledged with 5 bytes in the queue, and where the queue is not told.
    let (octets_of, none) = (Unacknowledged::Octets, Unacknowledged::Octets(0));
    for (state, standing, counted, uncounted) in [
        (1, Unknown, Unacknowledged::Unknown, Unacknowledged::Unknown),
        (2, Unknown, Unacknowledged::Unknown, Unacknowledged::Unknown),
        (3, Unknown, Unacknowledged::Unknown, Unacknowledged::Unknown),
        (4, Open, octets_of(5), Unacknowledged::Unknown),
        (5, PeerEnded, octets_of(5), Unacknowledged::Unknown),
        (6, FinOutstanding, octets_of(6), Unacknowledged::Uncounted),
        (7, FinOutstandingPeerEnded, octets_of(6), Unacknowledged::Uncounted),
        (8, FinOutstandingPeerEnded, octets_of(6), Unacknowledged::Uncounted),
        (9, FinAcknowledged, none, none),
        (10, BothEnded, none, none),
        (11, Unknown, Unacknowledged::Unknown, Unacknowledged::Unknown),
        (255, Unknown, Unacknowledged::Unknown, Unacknowledged::Unknown),
    ] {
        let info = octets(236, state, &[]);
        let mac = connection_info(state, 5);
        for told in [
            macos(Answer::Octets(&mac), unasked),
            freebsd(Some(5), Answer::Octets(&info)),
            netbsd(Some(5), Answer::Octets(&info)),
        ] {
            assert_eq!(told.standing, standing, "{state}");
            assert_eq!(told.unacknowledged(ENDED, true), counted, "{state}");
        }
        for told in [
            openbsd(Answer::Octets(&info)),
            freebsd(None, Answer::Octets(&info)),
            netbsd(None, Answer::Octets(&info)),
        ] {
            assert_eq!(told.standing, standing, "{state}");
            assert_eq!(told.unacknowledged(ENDED, true), uncounted, "{state}");
        }
    }
}

#[test]
fn what_no_system_tells_stays_unknown() {
    for told in [
        macos(Answer::Nothing, unasked),
        macos(Answer::Octets(&[]), unasked),
        freebsd(Some(0), Answer::Nothing),
        freebsd(Some(0), Answer::Octets(&[])),
        netbsd(Some(0), Answer::Nothing),
        openbsd(Answer::Nothing),
        // A socket that never had a connection.
        macos(Answer::Octets(&[0; connection_info::SIZE]), unasked),
        freebsd(Some(0), Answer::Octets(&[0; 236])),
        netbsd(Some(0), Answer::Octets(&[0; 236])),
        openbsd(Answer::Octets(&[0; 236])),
    ] {
        assert_eq!(told.unacknowledged(ENDED, true), Unacknowledged::Unknown, "{told:?}");
        assert_eq!((told.octets(), told.standing.is_over()), (None, false), "{told:?}");
        assert_eq!(Asks::default().path(&told), Path::default(), "{told:?}");
        assert_eq!((told.rtt, told.sent_again.unwrap_or_default()), (None, 0), "{told:?}");
    }
    let unix = SampleContext { is_tcp: false, ..ENDED };
    assert_eq!(Told::default().unacknowledged(unix, true), Unacknowledged::NotApplicable);
}

#[test]
fn a_block_that_is_gone_proves_an_acknowledgement_on_freebsd_alone_and_there_only_without_an_error() {
    let gone = freebsd(Some(0), Answer::Gone);
    assert_eq!(gone.standing, OverUnlessError);
    assert_eq!(gone.unacknowledged(ENDED, true), Unacknowledged::Octets(0));
    // FreeBSD has emptied the queue by then, so that it is none says nothing.
    for (context, is_clear) in [
        (ENDED, false),
        (SampleContext { faulted: true, ..ENDED }, true),
        (SampleContext { eof: false, ..ENDED }, true),
        (SampleContext { fin_sent: false, ..ENDED }, true),
    ] {
        assert_eq!(gone.unacknowledged(context, is_clear), Unacknowledged::Unknown, "{context:?}");
    }
    for told in [netbsd(Some(0), Answer::Gone), openbsd(Answer::Gone), macos(Answer::Gone, unasked)] {
        assert_eq!(told.standing, Over);
        assert_eq!(told.unacknowledged(ENDED, true), Unacknowledged::Unknown, "an RST in LAST-ACK is silent");
    }
    for told in [gone, netbsd(Some(3), Answer::Gone)] {
        assert_eq!(told.octets(), None, "the queue of a connection that is over counts nothing");
        assert!(told.standing.is_over());
    }
}

#[test]
fn on_macos_what_was_never_acknowledged_tells_an_acknowledged_end_from_a_silent_reset() {
    // What is in the queue, what TCP_INFO says was never acknowledged, and whether that is all.
    for (queue, missing, standing) in
        [(0, 0, OverAcknowledged), (0, 1, Over), (3, 0, Over), (3, 4, Over), (0, u64::MAX, Over)]
    {
        let info = connection_info(CLOSED, queue);
        for base in [68, 72] {
            let more = private_info(&info, base, missing);
            let told = macos(Answer::Octets(&info), || Answer::Octets(&more));
            assert_eq!(told.standing, standing, "{queue} {missing} {base}");
            assert_eq!((told.queue, told.octets()), (None, None));
            let expected = match standing {
                OverAcknowledged => Unacknowledged::Octets(0),
                _ => Unacknowledged::Unknown,
            };
            assert_eq!(told.unacknowledged(ENDED, true), expected, "{queue} {missing} {base}");
        }
    }
    let info = connection_info(CLOSED, 0);
    assert_eq!(macos(Answer::Octets(&info), nothing).standing, Over, "without TCP_INFO nothing is known");
    assert_eq!(macos(Answer::Octets(&info), || Answer::Gone).standing, Over);
}

#[test]
fn a_tcp_info_of_macos_that_is_laid_out_otherwise_is_not_believed() {
    let info = connection_info(CLOSED, 0);
    for base in [68, 72] {
        let more = private_info(&info, base, 0);
        assert_eq!(never_acknowledged(&info, &more), Some(0));
        // Every octet that is compared, and no other, makes it another struct.
        for at in 0..base + 48 {
            let mut other = more.clone();
            other[at] ^= 1;
            let compared = [0, 2].contains(&at)
                || [24, 40, 48, 64].iter().any(|field| (*field..field + 4).contains(&at))
                || (base..base + 24).contains(&at)
                || (base + 32..base + 48).contains(&at);
            let told = never_acknowledged(&info, &other);
            if compared {
                assert_eq!(told, None, "octet {at}");
            } else {
                assert!(told.is_some(), "octet {at}");
            }
        }
        for length in 0..base + 48 {
            assert_eq!(never_acknowledged(&info, &more[..length]), None, "{length} octets");
        }
    }
    // Where a system counts nothing, all counters agree, and prove nothing.
    let mut uncounted = info.clone();
    uncounted[connection_info::TXPACKETS..connection_info::SIZE].fill(0);
    let more = private_info(&uncounted, 72, 0);
    assert_eq!(never_acknowledged(&uncounted, &more), None);
}

#[test]
fn times_are_told_in_each_systems_unit_and_none_where_the_unit_is_not_sound() {
    let micros = |n| Some(Duration::from_micros(n));
    let info = octets(
        236,
        4,
        &[
            (tcp_info::RTO, 230_000),
            (tcp_info::LAST_DATA_RECV, 9_000),
            (tcp_info::LAST_ACK_RECV, 7_000),
            (tcp_info::RTT, 12_500),
            (tcp_info::RTTVAR, 60_000),
            (tcp_info::SND_REXMITPACK, 3),
        ],
    );
    let told = freebsd(Some(1), Answer::Octets(&info));
    assert_eq!((told.rtt, told.variation, told.timeout), (micros(12_500), micros(60_000), micros(230_000)));
    assert_eq!((told.last_heard, told.sent_again), (micros(9_000), Some(3)));
    let told = openbsd(Answer::Octets(&info));
    assert_eq!((told.rtt, told.last_heard, told.sent_again), (micros(12_500), micros(7_000), None));
    let told = netbsd(Some(1), Answer::Octets(&info));
    assert_eq!((told.rtt, told.timeout, told.last_heard, told.sent_again), (None, None, None, Some(3)));

    let mut info = connection_info(4, 1);
    info[connection_info::RTO..][..4].copy_from_slice(&230_u32.to_ne_bytes());
    info[connection_info::RTTVAR..][..4].copy_from_slice(&2_u32.to_ne_bytes());
    info[connection_info::TXRETRANSMITPACKETS..][..8].copy_from_slice(&3_u64.to_ne_bytes());
    let told = macos(Answer::Octets(&info), unasked);
    let millis = |n| Some(Duration::from_millis(n));
    assert_eq!((told.rtt, told.variation, told.timeout), (millis(12), millis(2), millis(230)));
    assert_eq!((told.last_heard, told.sent_again), (None, Some(3)));
    // An older system has less, and what it lacks is not zero.
    let told = macos(Answer::Octets(&info[..connection_info::TXRETRANSMITPACKETS]), unasked);
    assert_eq!((told.standing, told.sent_again), (Open, None));
}

#[test]
fn an_answer_takes_four_variations_more_than_a_round_trip_and_no_less_than_a_delayed_one() {
    for (rtt, variation, expected) in
        [(10, 100, Some(410)), (10, 1, Some(210)), (30_000, 1, Some(20_000)), (0, 1, None)]
    {
        let info = octets(236, 4, &[(tcp_info::RTT, rtt * 1000), (tcp_info::RTTVAR, variation * 1000)]);
        let path = Asks::default().path(&freebsd(Some(0), Answer::Octets(&info)));
        assert_eq!(path.answer_within, expected.map(Duration::from_millis), "{rtt} {variation}");
    }
}

#[test]
fn segments_that_were_sent_again_count_from_the_last_acknowledgement() {
    let mut asks = Asks::default();
    let mut look = |queue, total| {
        let info = octets(236, 4, &[(tcp_info::RTO, 1_000_000), (tcp_info::SND_REXMITPACK, total)]);
        let path = asks.path(&freebsd(Some(queue), Answer::Octets(&info)));
        let asking = path.asking.expect("FreeBSD tells");
        assert_eq!((asking.probes, asking.every), (0, Duration::from_secs(1)));
        asking.retransmissions
    };
    for (queue, total, expected) in [
        (100, 0, 0),
        (100, 2, 2),
        (100, 3, 3),
        // Acknowledged in part.
        (40, 3, 0),
        (40, 5, 2),
        // More was sent.
        (90, 6, 3),
        (0, 6, 0),
        (0, 6, 0),
        (10, 7, 1),
        // No such count shrinks; if one does, it began anew.
        (10, 1, 0),
    ] {
        assert_eq!(look(queue, total), expected, "{queue} {total}");
    }
}

#[test]
fn who_ended_first_follows_from_the_state() {
    for (state, shut, peer_first, awaits) in [
        (4, false, Some(false), true),
        (5, false, Some(true), false),
        (6, true, Some(false), true),
        (7, true, None, false),
        (LAST_ACK, true, None, false),
        (9, true, Some(false), true),
        (TIME_WAIT, true, None, false),
        (CLOSED, false, None, false),
    ] {
        let standing = Standing::of_state(state);
        assert_eq!(standing.is_sending_shut(), shut, "{state}");
        assert_eq!(standing.peer_has_ended_first(), peer_first, "{state}");
        assert_eq!(standing.awaits_peers_fin(), awaits, "{state}");
    }
}

/// `struct tcp_connection_info` of XNU's `bsd/netinet/tcp.h`, copied field by field; the last 32 bits before the counters are bit fields.
#[repr(C)]
struct ConnectionInfo {
    tcpi_state: u8,
    tcpi_snd_wscale: u8,
    tcpi_rcv_wscale: u8,
    pad1: u8,
    tcpi_options: u32,
    tcpi_flags: u32,
    tcpi_rto: u32,
    tcpi_maxseg: u32,
    tcpi_snd_ssthresh: u32,
    tcpi_snd_cwnd: u32,
    tcpi_snd_wnd: u32,
    tcpi_snd_sbbytes: u32,
    tcpi_rcv_wnd: u32,
    tcpi_rttcur: u32,
    tcpi_srtt: u32,
    tcpi_rttvar: u32,
    tcpi_tfo: u32,
    // `__attribute__((aligned(8)))`, also where a u64 would be aligned to less.
    tcpi_txpackets: Counter,
    tcpi_txbytes: Counter,
    tcpi_txretransmitbytes: Counter,
    tcpi_rxpackets: Counter,
    tcpi_rxbytes: Counter,
    tcpi_rxoutoforderbytes: Counter,
    tcpi_txretransmitpackets: Counter,
}

#[repr(C, align(8))]
struct Counter(u64);

/// The beginning of `struct tcp_info` of XNU's `bsd/netinet/tcp_private.h`, with `T` for its counters: aligned to eight, or packed to four.
#[repr(C)]
#[expect(clippy::struct_field_names, reason = "they are C's")]
struct PrivateInfo<T> {
    tcpi_state: u8,
    tcpi_options: u8,
    tcpi_snd_wscale: u8,
    tcpi_rcv_wscale: u8,
    tcpi_flags: u32,
    tcpi_rto: u32,
    tcpi_snd_mss: u32,
    tcpi_rcv_mss: u32,
    tcpi_rttcur: u32,
    tcpi_srtt: u32,
    tcpi_rttvar: u32,
    tcpi_rttbest: u32,
    tcpi_snd_ssthresh: u32,
    tcpi_snd_cwnd: u32,
    tcpi_rcv_space: u32,
    tcpi_snd_wnd: u32,
    tcpi_snd_nxt: u32,
    tcpi_rcv_nxt: u32,
    tcpi_last_outif: i32,
    tcpi_snd_sbbytes: u32,
    tcpi_txpackets: T,
    tcpi_txbytes: T,
    tcpi_txretransmitbytes: T,
    tcpi_txunacked: T,
    tcpi_rxpackets: T,
    tcpi_rxbytes: T,
}

/// Eight octets at any multiple of four.
type Packed = [u32; 2];

const _: () = {
    use connection_info as at;
    use std::mem::offset_of;
    type Info = ConnectionInfo;
    assert!(offset_of!(Info, tcpi_state) == at::STATE);
    assert!(offset_of!(Info, tcpi_snd_wscale) == at::SND_WSCALE);
    assert!(offset_of!(Info, tcpi_rto) == at::RTO);
    assert!(offset_of!(Info, tcpi_snd_cwnd) == at::SND_CWND);
    assert!(offset_of!(Info, tcpi_snd_wnd) == at::SND_WND);
    assert!(offset_of!(Info, tcpi_snd_sbbytes) == at::SND_SBBYTES);
    assert!(offset_of!(Info, tcpi_srtt) == at::SRTT);
    assert!(offset_of!(Info, tcpi_rttvar) == at::RTTVAR);
    assert!(offset_of!(Info, tcpi_txpackets) == at::TXPACKETS);
    assert!(offset_of!(Info, tcpi_txbytes) == at::TXBYTES);
    assert!(offset_of!(Info, tcpi_txretransmitbytes) == at::TXRETRANSMITBYTES);
    assert!(offset_of!(Info, tcpi_rxpackets) == at::RXPACKETS);
    assert!(offset_of!(Info, tcpi_rxbytes) == at::RXBYTES);
    assert!(offset_of!(Info, tcpi_txretransmitpackets) == at::TXRETRANSMITPACKETS);
    assert!(size_of::<Info>() == at::SIZE);

    assert!(offset_of!(PrivateInfo<Counter>, tcpi_snd_wscale) == 2);
    assert!(offset_of!(PrivateInfo<Counter>, tcpi_srtt) == 24);
    assert!(offset_of!(PrivateInfo<Counter>, tcpi_snd_cwnd) == 40);
    assert!(offset_of!(PrivateInfo<Counter>, tcpi_snd_wnd) == 48);
    assert!(offset_of!(PrivateInfo<Counter>, tcpi_snd_sbbytes) == 64);
    assert!(offset_of!(PrivateInfo<Counter>, tcpi_txpackets) == 72);
    assert!(offset_of!(PrivateInfo<Counter>, tcpi_txunacked) == 72 + 24);
    assert!(offset_of!(PrivateInfo<Counter>, tcpi_rxbytes) == 72 + 40);
    assert!(offset_of!(PrivateInfo<Packed>, tcpi_txpackets) == 68);
    assert!(offset_of!(PrivateInfo<Packed>, tcpi_txunacked) == 68 + 24);
    assert!(offset_of!(PrivateInfo<Packed>, tcpi_rxbytes) == 68 + 40);
};

proptest! {
    #[test]
    fn no_octets_of_any_length_are_misread(
        info in proptest::collection::vec(any::<u8>(), 0..300),
        more in proptest::collection::vec(any::<u8>(), 0..300),
        queue in any::<Option<u32>>(),
    ) {
        let queue = queue.map(u64::from);
        for told in [
            macos(Answer::Octets(&info), || Answer::Octets(&more)),
            freebsd(queue, Answer::Octets(&info)),
            netbsd(queue, Answer::Octets(&info)),
            openbsd(Answer::Octets(&info)),
        ] {
            let unacknowledged = told.unacknowledged(ENDED, true);
            // That all is acknowledged is said of these standings alone.
            if unacknowledged == Unacknowledged::Octets(0) {
                let is_empty = matches!(told.standing, Open | PeerEnded) && told.queue == Some(0);
                let proves = matches!(told.standing, FinAcknowledged | BothEnded | OverAcknowledged);
                prop_assert!(is_empty || proves, "{:?}", told);
            }
            Asks::default().path(&told);
        }
    }
}
