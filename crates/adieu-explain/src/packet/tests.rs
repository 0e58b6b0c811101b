use super::*;
use crate::segment::{Checksum, Flags, SackBlocks, TcpTimestamps, Timestamp};
use etherparse::{PacketBuilder, TcpOptionElement};
use proptest::prelude::*;
use std::net::SocketAddr;

const PAYLOAD: &[u8] = b"payload";

fn frame(link: u16, data: &[u8]) -> Frame<'_> {
    let len = u32::try_from(data.len()).expect("a short frame");
    Frame { number: 7, time: Timestamp::EPOCH, interface: 3, link: LinkType(link), data, len, drawn: false }
}

/// An IPv4 packet with a segment, by etherparse.
fn ipv4() -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 61)
        .tcp(40000, 80, 0x0102_0304, 500)
        .ack(77)
        .psh()
        .options(&[
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::WindowScale(7),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(11, 22),
        ])
        .expect("they fit");
    let mut packet = Vec::new();
    builder.write(&mut packet, PAYLOAD).expect("memory takes it");
    packet
}

fn ipv6() -> Vec<u8> {
    let builder = PacketBuilder::ipv6([1; 16], [2; 16], 62).tcp(40000, 80, 5, 500).syn();
    let mut packet = Vec::new();
    builder.write(&mut packet, PAYLOAD).expect("memory takes it");
    packet
}

/// The packet inside of IPv4 with another protocol.
fn in_ipv4(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 9, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    packet.extend(inner);
    let length = u16::try_from(packet.len()).expect("a short packet");
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

fn in_udp(port: u16, inner: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + inner.len()).expect("a short packet");
    let header = [50000_u16, port, length, 0].map(u16::to_be_bytes).concat();
    in_ipv4(17, &[&header, inner].concat())
}

fn in_ethernet(number: u16, inner: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &number.to_be_bytes(), inner].concat()
}

/// The segment in a frame that has to have one.
fn tcp<'a>(decoder: &'a mut Decoder, frame: &Frame<'a>) -> Segment<'a> {
    match decoder.decode(frame) {
        Packet::Tcp(segment) => segment,
        other => panic!("{other:?}"),
    }
}

/// That the packet of `ipv4` is found in the frame, and what it was wrapped in.
fn found(link: u16, data: &[u8]) -> (Vec<Wrapper>, TunnelId) {
    let mut decoder = Decoder::new();
    let segment = tcp(&mut decoder, &frame(link, data));
    assert_eq!(segment.source, "10.0.0.1:40000".parse::<SocketAddr>().expect("an address"));
    assert_eq!(segment.payload, PAYLOAD);
    assert_eq!((segment.payload_len, segment.checksum), (7, Checksum::Good));
    (segment.wrappers.to_vec(), segment.tunnel)
}

fn bare(link: u16, data: &[u8]) {
    assert_eq!(found(link, data), (Vec::new(), TunnelId::NONE), "link type {link}");
}

#[test]
fn all_fields_of_a_segment_are_read() {
    let packet = ipv4();
    let mut decoder = Decoder::new();
    let segment = tcp(&mut decoder, &frame(101, &packet));
    let expected = Segment {
        frame: 7,
        interface: 3,
        hop_limit: 61,
        ip_id: Some(0),
        ip_len: u32::try_from(packet.len()).expect("a short packet"),
        frame_len: u32::try_from(packet.len()).expect("a short packet"),
        flags: Flags::ACK | Flags::PSH,
        sequence: 0x0102_0304,
        acknowledgement: 77,
        window: 500,
        options: crate::segment::TcpOptions {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(TcpTimestamps { value: 11, echo: 22 }),
            sack: SackBlocks::NONE,
        },
        payload: PAYLOAD,
        payload_len: 7,
        checksum: Checksum::Good,
        ..Segment::between(([10, 0, 0, 1], 40000).into(), ([10, 0, 0, 2], 80).into())
    };
    assert_eq!(segment, expected);
}

#[test]
fn link_layers_lead_to_ip() {
    let ip = ipv4();
    for link in [12, 14, 101, 228] {
        bare(link, &ip);
    }
    for link in [0, 108] {
        bare(link, &[&[2, 0, 0, 0], &ip[..]].concat());
        bare(link, &[&[0, 0, 0, 2], &ip[..]].concat());
    }
    bare(1, &in_ethernet(0x0800, &ip));
    // IEEE 802.3, with SNAP, and with the number of IP in 802.2.
    bare(1, &in_ethernet(100, &[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ip[..]].concat()));
    bare(1, &in_ethernet(100, &[&[6, 6, 3], &ip[..]].concat()));
    // PPP: with and without HDLC's bytes, and with a protocol of one byte.
    bare(9, &[&[0xff, 3, 0, 0x21], &ip[..]].concat());
    bare(9, &[&[0, 0x21], &ip[..]].concat());
    bare(50, &[&[0x21], &ip[..]].concat());
    bare(50, &[&[0x0f, 0, 8, 0], &ip[..]].concat());
    bare(104, &[&[0x8f, 0, 8, 0], &ip[..]].concat());
    bare(109, &[&[2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0], &ip[..]].concat());
    bare(113, &[&[0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0], &ip[..]].concat());
    bare(117, &[&[61, 2], &[0; 62][..], &ip[..]].concat());
    bare(258, &[&[20, 0, 0, 0, 1, 0, 0, 0, 101, 0, 0, 0], &[9; 8][..], &ip[..]].concat());
    // Cisco FabricPath, and a VN-Tag.
    let inner = in_ethernet(0x0800, &ip);
    bare(1, &in_ethernet(0x8903, &[&[0, 0x40], &inner[..]].concat()));
    bare(1, &in_ethernet(0x8926, &[&[0, 0, 0, 0, 8, 0], &ip[..]].concat()));

    let cooked = [&[8, 0, 0, 0, 0, 0, 0, 5, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0], &ip[..]].concat();
    let mut decoder = Decoder::new();
    assert_eq!(tcp(&mut decoder, &frame(276, &cooked)).interface, 5, "cooked headers have the interface");
}

#[test]
fn tags_are_told() {
    use Wrapper::{BackboneService, Mpls, PppoeSession, Vlan};
    let ip = ipv4();
    let ethernet = in_ethernet(0x0800, &ip);
    let vlan = |number: u16, inner: &[u8]| [&number.to_be_bytes(), inner].concat();
    for (number, data, expected) in [
        (0x8100, vlan(0x6064, &[&[8, 0], &ip[..]].concat()), vec![Vlan(100)]),
        (0x88a8, vlan(7, &[&[0x81, 0, 0, 8, 8, 0], &ip[..]].concat()), vec![Vlan(7), Vlan(8)]),
        (0x9100, vlan(7, &[&[0, 90, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ip[..]].concat()), vec![Vlan(7)]),
        (0x88e7, [&[0, 0, 1, 2], &ethernet[..]].concat(), vec![BackboneService(258)]),
        (0x8847, [&[0, 1, 0x00, 64, 0, 2, 0x01, 64], &ip[..]].concat(), vec![Mpls(16), Mpls(32)]),
        (0x8848, [&[0, 1, 0x01, 64, 0, 0, 0, 0], &ethernet[..]].concat(), vec![Mpls(16)]),
        (0x8847, [&[0, 1, 0x01, 64], &ethernet[..]].concat(), vec![Mpls(16)]),
        (0x8864, [&[0x11, 0, 0, 9, 0, 99, 0, 0x21], &ip[..]].concat(), vec![PppoeSession(9)]),
    ] {
        assert_eq!(found(1, &in_ethernet(number, &data)), (expected, TunnelId::NONE), "{number:#x}");
    }
    assert_eq!(found(51, &[&[0x11, 0, 0, 9, 0, 99, 0, 0x21], &ip[..]].concat()).0, [PppoeSession(9)]);
    assert_eq!(found(219, &[&[0, 1, 0x01, 64], &ip[..]].concat()).0, [Mpls(16)]);
}

#[test]
fn tunnels_are_told_and_have_an_identity() {
    let outer = Outer { source: [192, 0, 2, 1].into(), destination: [192, 0, 2, 2].into() };
    let ip = ipv4();
    let ethernet = in_ethernet(0x0800, &ip);
    let gre = |header: &[u8], inner: &[u8]| in_ipv4(47, &[header, inner].concat());
    for (data, expected) in [
        (in_ipv4(4, &ip), Wrapper::IpInIp { outer }),
        (in_ipv4(97, &[&[0x30, 0], &ethernet[..]].concat()), Wrapper::IpInIp { outer }),
        (gre(&[0, 0, 8, 0], &ip), Wrapper::Gre { key: None, outer }),
        (
            gre(&[0xb0, 0, 0x65, 0x58, 1, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1], &ethernet),
            Wrapper::Gre { key: Some(5), outer },
        ),
        (
            gre(&[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0x21], &ip),
            Wrapper::Gre { key: None, outer },
        ),
        (
            in_udp(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0], &ethernet[..]].concat()),
            Wrapper::Vxlan { network: 42, outer },
        ),
        (
            in_udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 4], &ethernet[..]].concat()),
            Wrapper::Geneve { network: 42, outer },
        ),
        (
            in_udp(2152, &[&[0x30, 255, 0, 9, 0, 0, 0, 7], &ip[..]].concat()),
            Wrapper::Gtp { endpoint: 7, outer },
        ),
        (
            in_udp(
                2152,
                &[&[0x34, 255, 0, 9, 0, 0, 0, 7, 0, 0, 0, 0x85, 1, 0, 0, 0x85, 1, 2, 3, 0], &ip[..]].concat(),
            ),
            Wrapper::Gtp { endpoint: 7, outer },
        ),
    ] {
        let (wrappers, tunnel) = found(101, &data);
        assert_eq!(wrappers, [expected]);
        assert_ne!(tunnel, TunnelId::NONE, "{expected:?}");
    }
    // Mirrored frames are those of the network where they were mirrored.
    for data in [
        gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0x08, 9, 0, 0, 0, 0], &ethernet),
        gre(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0x08, 9, 0, 0, 0, 0, 0, 0, 0, 0], &ethernet),
    ] {
        assert_eq!(found(101, &data), (vec![Wrapper::Erspan { session: 9, outer }], TunnelId::NONE));
    }
    assert_eq!(found(101, &gre(&[0, 0, 0x88, 0xbe], &ethernet)).0, [Wrapper::Erspan { session: 0, outer }]);
}

#[test]
fn both_directions_of_a_tunnel_have_one_identity_and_other_tunnels_another() {
    let mut decoder = Decoder::new();
    let mut identity = |data: &[u8]| tcp(&mut decoder, &frame(101, data)).tunnel;
    let vxlan = |network| {
        in_udp(4789, &[&[8, 0, 0, 0, 0, 0, network, 0], &in_ethernet(0x0800, &ipv4())[..]].concat())
    };
    let there = in_ipv4(4, &ipv4());
    let mut back = there.clone();
    back[12..20].rotate_left(4);
    let mut elsewhere = there.clone();
    elsewhere[15] = 9;
    assert_eq!(identity(&there), identity(&back));
    assert_ne!(identity(&there), identity(&elsewhere));
    assert_eq!(identity(&vxlan(1)), identity(&vxlan(1)));
    assert_ne!(identity(&vxlan(1)), identity(&vxlan(2)));
    assert_ne!(identity(&in_ipv4(4, &there)), identity(&there));
}

/// An IPv6 packet with headers between its own and TCP's.
fn with_extensions(first: u8, headers: &[u8]) -> Vec<u8> {
    let mut packet = ipv6();
    packet[6] = first;
    packet.splice(40..40, headers.iter().copied());
    let length = u16::try_from(packet.len() - 40).expect("a short packet");
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet
}

#[test]
fn extension_headers_are_passed_over() {
    let mut decoder = Decoder::new();
    let plain = ipv6();
    let segment = tcp(&mut decoder, &frame(229, &plain));
    assert_eq!((segment.hop_limit, segment.ip_id, segment.checksum), (62, None, Checksum::Good));

    let headers = [
        &[60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[51, 0, 0, 0, 0, 0, 0, 0],
        &[44, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5],
        // A fragment header that makes no fragment.
        &[6, 0, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd],
    ];
    let packet = with_extensions(0, &headers.concat());
    let segment = tcp(&mut decoder, &frame(229, &packet));
    assert_eq!((segment.payload, segment.ip_id, segment.checksum), (PAYLOAD, Some(0xccdd), Checksum::Good));

    // Segments are left: the destination is the last of them, which the checksum is for.
    let route = [&[6, 2, 4, 1, 0, 0, 0, 0][..], &[2; 16]].concat();
    let mut packet = with_extensions(43, &route);
    packet[24..40].fill(9);
    let segment = tcp(&mut decoder, &frame(229, &packet));
    assert_eq!((segment.destination.ip(), segment.checksum), ([0x0202; 8].into(), Checksum::Good));
}

/// Found by the fuzzer: IPv4 can name the routing header's number as its protocol.
#[test]
fn a_routing_header_in_ipv4_changes_no_address() {
    let tcp_of_ipv4 = &ipv4()[20..];
    let route = [&[6, 2, 0, 1, 0, 0, 0, 0][..], &[9; 16], tcp_of_ipv4].concat();
    let packet = in_ipv4(43, &route);
    let mut decoder = Decoder::new();
    let segment = tcp(&mut decoder, &frame(101, &packet));
    assert_eq!(segment.destination.ip(), std::net::Ipv4Addr::new(192, 0, 2, 2));
}

#[test]
fn fragments_are_told() {
    let mut decoder = Decoder::new();
    let mut decode = |data: &[u8]| matches!(decoder.decode(&frame(101, data)), Packet::Fragment { .. });
    let mut first = ipv4();
    first[6] = 0x20;
    let mut second = ipv4();
    second[7] = 1;
    assert!(decode(&first) && decode(&second));
    let mut whole = ipv4();
    whole[6] = 0x40;
    assert!(!decode(&whole), "it may not be made fragments of");
    assert!(decode(&with_extensions(44, &[6, 0, 0, 1, 0, 0, 0, 0])));
    let mut udp = in_udp(53, b"");
    udp[6] = 0x20;
    assert!(!decode(&udp));
}

#[test]
fn padding_is_no_payload_and_a_giant_has_its_frames_length() {
    let mut decoder = Decoder::new();
    let padded = in_ethernet(0x0800, &[&ipv4()[..], &[0; 20]].concat());
    assert_eq!(tcp(&mut decoder, &frame(1, &padded)).payload, PAYLOAD);
    for (mut giant, length) in [(ipv4(), 2..4), (ipv6(), 4..6)] {
        giant[length].fill(0);
        assert_eq!(tcp(&mut decoder, &frame(101, &giant)).payload, PAYLOAD);
    }
}

#[test]
fn a_cut_frame_gives_what_it_has() {
    let packet = in_ethernet(0x0800, &ipv4());
    let mut decoder = Decoder::new();
    for captured in 0..packet.len() {
        let cut = Frame { data: &packet[..captured], ..frame(1, &packet) };
        match decoder.decode(&cut) {
            Packet::Tcp(segment) => {
                assert!(captured >= 54);
                assert_eq!((segment.payload_len, segment.checksum), (7, Checksum::Unknown));
                assert_eq!(segment.payload.len(), captured.saturating_sub(packet.len() - 7));
            }
            other => assert!(captured < 54 && other == Packet::Other(Other::Cut), "{captured}: {other:?}"),
        }
        // The same frame, but not longer than that.
        let short = frame(1, &packet[..captured]);
        match decoder.decode(&short) {
            Packet::Tcp(segment) => assert!(!segment.is_whole() && segment.payload_len == 7),
            Packet::Other(Other::Malformed(Malformed::TooShort) | Other::Cut) => assert!(captured < 54),
            other => panic!("{captured}: {other:?}"),
        }
    }
}

#[test]
fn headers_that_contradict_each_other_are_malformed() {
    let mut decoder = Decoder::new();
    for (at, value, expected) in [
        (0, 0x55, Malformed::IpVersion),
        (0, 0x44, Malformed::IpLength),
        (3, 19, Malformed::IpLength),
        (32, 0x40, Malformed::TcpLength),
        (32, 0xf0, Malformed::TcpLength),
    ] {
        let mut packet = ipv4();
        packet[at] = value;
        let expected = Packet::Other(Other::Malformed(expected));
        assert_eq!(decoder.decode(&frame(101, &packet)), expected, "byte {at}");
    }
    let endless = in_ethernet(0x8100, &[0x81, 0x00].repeat(1000));
    let expected = Packet::Other(Other::Malformed(Malformed::TooManyHeaders));
    assert_eq!(decoder.decode(&frame(1, &endless)), expected);
    assert_eq!(decoder.decode(&frame(105, &endless)), Packet::Other(Other::UnknownLink(LinkType(105))));
}

#[test]
fn checksums_are_good_bad_or_not_filled_in() {
    let mut decoder = Decoder::new();
    let mut checksum = |packet: &[u8]| tcp(&mut decoder, &frame(101, packet)).checksum;
    for (packet, header, addresses) in [(ipv4(), 20, 12..20), (ipv6(), 40, 8..40)] {
        let with = |value: u16| {
            let mut packet = packet.clone();
            packet[header + 16..header + 18].copy_from_slice(&value.to_be_bytes());
            packet
        };
        assert_eq!(checksum(&packet), Checksum::Good);
        assert_eq!(checksum(&with(0x1234)), Checksum::Bad);
        assert_eq!(checksum(&with(0)), Checksum::NotFilled);
        // What Linux leaves to the card: the pseudo-header's sum.
        let words = packet[addresses].chunks(2).map(|word| u64::from(u16_at(word, 0)));
        let mut sum = words.sum::<u64>() + 6;
        for length in [0, packet.len() - header] {
            sum += length as u64;
            let folded = u16::try_from(sum % 0xffff).expect("it is a remainder");
            assert_eq!(checksum(&with(folded)), Checksum::NotFilled, "with a length of {length}");
        }
    }
}

#[test]
fn a_checksum_of_all_ones_is_good_where_zero_is_computed() {
    let mut packet = ipv4();
    let mut decoder = Decoder::new();
    let before = u16_at(&packet, 36);
    // The urgent pointer takes up what the checksum loses.
    packet[36..38].fill(0);
    packet[38..40].copy_from_slice(&before.to_be_bytes());
    assert_eq!(tcp(&mut decoder, &frame(101, &packet)).checksum, Checksum::Good);
    packet[36..38].fill(0xff);
    assert_eq!(tcp(&mut decoder, &frame(101, &packet)).checksum, Checksum::Good);
}

#[test]
fn options_are_read_as_far_as_they_make_sense() {
    let options = |bytes: &[u8]| tcp::options(bytes);
    assert_eq!(
        options(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]).timestamps,
        Some(TcpTimestamps { value: 1, echo: 2 })
    );
    let sack = options(&[1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]).sack;
    assert_eq!(&sack[..], &[(1, 2), (3, 4)]);
    for nonsense in
        [&[2, 0][..], &[2, 1], &[2, 5, 1, 2, 3], &[8, 10, 1], &[3], &[0, 2, 4, 5, 180], &[9, 255, 2, 4]]
    {
        assert_eq!(options(nonsense), crate::segment::TcpOptions::NONE, "{nonsense:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_a_panic(
        link in prop_oneof![Just(1), Just(276), Just(101), Just(51), any::<u16>()],
        data in proptest::collection::vec(any::<u8>(), 0..200),
        more in prop_oneof![Just(0), any::<u32>()],
    ) {
        let len = u32::try_from(data.len()).expect("short").saturating_add(more);
        let mut decoder = Decoder::new();
        let _ = decoder.decode(&Frame { len, ..frame(link, &data) });
    }

    #[test]
    fn a_damaged_byte_costs_no_more_than_its_packet(at in 0..200_usize, value: u8, network: bool) {
        let inner = in_ethernet(0x0800, &ipv4());
        let mut data = if network {
            in_udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &inner[..]].concat())
        } else {
            with_extensions(44, &[6, 0, 0, 0, 0, 0, 0, 0])
        };
        let at = at % data.len();
        data[at] = value;
        let _ = Decoder::new().decode(&frame(101, &data));
    }

    #[test]
    fn segments_of_etherparse_are_read_as_they_were_made(
        source: [u8; 4], destination: [u8; 4], ports: (u16, u16), sequence: u32, acknowledgement: u32, window: u16,
        payload in proptest::collection::vec(any::<u8>(), 0..90), sacks in proptest::collection::vec(any::<(u32, u32)>(), 1..4),
    ) {
        let elements = [TcpOptionElement::SelectiveAcknowledgement(
            sacks[0], [sacks.get(1).copied(), sacks.get(2).copied(), None],
        )];
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(source, destination, 3)
            .tcp(ports.0, ports.1, sequence, window).ack(acknowledgement).fin().options(&elements).expect("they fit");
        let mut data = Vec::new();
        builder.write(&mut data, &payload).expect("memory takes it");
        let mut decoder = Decoder::new();
        let segment = tcp(&mut decoder, &frame(1, &data));
        prop_assert_eq!(segment.source, (source, ports.0).into());
        prop_assert_eq!(segment.destination, (destination, ports.1).into());
        prop_assert_eq!((segment.sequence, segment.acknowledgement, segment.window), (sequence, acknowledgement, window));
        prop_assert_eq!((segment.flags, segment.payload), (Flags::ACK | Flags::FIN, &payload[..]));
        prop_assert_eq!((&segment.options.sack[..], segment.checksum), (&sacks[..], Checksum::Good));
    }
}

#[test]
fn real_captures_have_the_segments_that_etherparse_finds() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/own");
    let mut compared = 0;
    for entry in std::fs::read_dir(directory).expect("the fixtures are there") {
        let path = entry.expect("a directory can be listed").path();
        if path.extension().is_none_or(|extension| extension != "pcap" && extension != "pcapng") {
            continue;
        }
        let mut reader =
            crate::capture::Reader::new(std::fs::File::open(&path).expect("a fixture can be read"));
        let mut decoder = Decoder::new();
        let mut counts = Counts::default();
        while let Some(frame) = reader.next_frame().expect("fixtures are whole") {
            let sliced = match frame.link.0 {
                1 => etherparse::LaxSlicedPacket::from_ethernet(frame.data).expect("Ethernet"),
                113 => etherparse::LaxSlicedPacket::from_ether_type(
                    etherparse::EtherType::IPV4,
                    &frame.data[16..],
                ),
                276 => etherparse::LaxSlicedPacket::from_ether_type(
                    etherparse::EtherType::IPV4,
                    &frame.data[20..],
                ),
                0 => etherparse::LaxSlicedPacket::from_ip(&frame.data[4..]).expect("IP"),
                other => panic!("a fixture of link type {other}"),
            };
            let packet = decoder.decode(&frame);
            counts.add(&packet);
            match (sliced.transport, packet) {
                (Some(etherparse::TransportSlice::Tcp(theirs)), Packet::Tcp(ours)) => {
                    let fields =
                        (theirs.sequence_number(), theirs.acknowledgment_number(), theirs.window_size());
                    assert_eq!((ours.sequence, ours.acknowledgement, ours.window), fields);
                    assert_eq!(ours.payload, theirs.payload());
                    compared += 1;
                }
                (None, Packet::Other(Other::NotTcp)) => {}
                (theirs, ours) => panic!("{}: {theirs:?}, {ours:?}", path.display()),
            }
        }
        assert_eq!(counts.tcp + counts.not_tcp, reader.frames(), "{}: {counts:?}", path.display());
    }
    assert!(compared > 1000, "{compared} segments");
}
