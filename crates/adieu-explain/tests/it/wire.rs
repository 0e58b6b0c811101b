//! A small writer of captures: frames as they are on the wire, so that the whole way from the file to the verdict is walked.

use adieu_explain::{
    capture::Reader,
    packet::{Counts, Decoder, Packet},
    segment::Flags,
    table::{Limits, Table},
    verdict::Verdict,
};

/// What the IP packets are in, and what stands between the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// Ethernet and IPv4.
    Ipv4,
    /// A VLAN tag in a VLAN tag (802.1ad), and IPv4.
    TwoTags,
    /// IPv6 with hop-by-hop options, destination options and an atomic fragment (RFC 6946).
    Ipv6Extended,
    /// IPv6, and what has more than 40 octets of payload is in two fragments.
    Ipv6Fragments,
}

/// A segment of a capture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) client: bool,
    pub(crate) flags: Flags,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    /// A multiple of four octets.
    pub(crate) options: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// A capture that is being written.
pub(crate) struct Wire {
    around: Around,
    file: Vec<u8>,
    microseconds: u32,
    counters: [u16; 2],
    /// The ports of both sides. Equal ones are on one host, too.
    pub(crate) ports: [u16; 2],
}

impl Wire {
    pub(crate) fn new(around: Around) -> Self {
        // The header of pcap: microseconds, Ethernet.
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend([65_535_u32.to_le_bytes(), 1_u32.to_le_bytes()].concat());
        Self { around, file, microseconds: 0, counters: [100, 9000], ports: [40_000, 80] }
    }

    pub(crate) fn wait(&mut self, milliseconds: u32) -> &mut Self {
        self.microseconds += milliseconds * 1000;
        self
    }

    /// A segment without options, a hundred microseconds after the last.
    pub(crate) fn say(
        &mut self,
        client: bool,
        flags: Flags,
        sequence: u32,
        acknowledgement: u32,
        payload: &[u8],
    ) -> &mut Self {
        self.send(&Sent { payload, ..plain(client, flags, sequence, acknowledgement) })
    }

    pub(crate) fn send(&mut self, sent: &Sent<'_>) -> &mut Self {
        self.microseconds += 100;
        let from = usize::from(!sent.client);
        self.counters[from] = self.counters[from].wrapping_add(1);
        let is_ipv6 = matches!(self.around, Around::Ipv6Extended | Around::Ipv6Fragments);
        let ends = [from, 1 - from].map(|side| if self.ports[0] == self.ports[1] { 0 } else { side });
        let address = |side: usize| {
            if is_ipv6 { ipv6(side) } else { vec![10, 0, 0, 1 + u8::try_from(side).expect("0 or 1")] }
        };
        let (source, destination) = (address(ends[0]), address(ends[1]));
        let mut tcp = [self.ports[from].to_be_bytes(), self.ports[1 - from].to_be_bytes()].concat();
        tcp.extend([sent.sequence.to_be_bytes(), sent.acknowledgement.to_be_bytes()].concat());
        let words = u8::try_from(5 + sent.options.len() / 4).expect("at most 40 octets");
        tcp.extend([words << 4, sent.flags.bits()]);
        tcp.extend([sent.window.to_be_bytes(), [0, 0], sent.urgent.to_be_bytes()].concat());
        tcp.extend(sent.options);
        tcp.extend(sent.payload);
        let length = u16::try_from(tcp.len()).expect("short");
        let pseudo = [&source[..], &destination[..], &[0, 6], &length.to_be_bytes()].concat();
        let sum = checksum(&[&pseudo[..], &tcp[..]].concat());
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        match self.around {
            Around::Ipv4 => self.frame(&[8, 0], &ipv4(self.counters[from], &source, &destination, &tcp)),
            Around::TwoTags => {
                let tags = [0x88, 0xa8, 0, 100, 0x81, 0, 0, 7, 8, 0];
                self.frame(&tags, &ipv4(self.counters[from], &source, &destination, &tcp));
            }
            Around::Ipv6Extended => {
                // Hop-by-hop options (padding), destination options (padding), and a fragment that is the whole.
                let mut packet =
                    vec![60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 9];
                packet.extend(tcp);
                self.frame(&[0x86, 0xdd], &in_ipv6(0, &source, &destination, &packet));
            }
            Around::Ipv6Fragments if sent.payload.len() > 40 => {
                let (first, second) = tcp.split_at(40);
                let first = [&[6, 0, 0, 1, 0, 0, 0, 9][..], first].concat();
                let second = [&[6, 0, 0, 40, 0, 0, 0, 9][..], second].concat();
                self.frame(&[0x86, 0xdd], &in_ipv6(44, &source, &destination, &first));
                self.frame(&[0x86, 0xdd], &in_ipv6(44, &source, &destination, &second));
            }
            Around::Ipv6Fragments => self.frame(&[0x86, 0xdd], &in_ipv6(6, &source, &destination, &tcp)),
        }
        self
    }

    fn frame(&mut self, ethertype: &[u8], packet: &[u8]) {
        let frame = [&[2; 12][..], ethertype, packet].concat();
        let (seconds, rest) = (1_700_000_000 + self.microseconds / 1_000_000, self.microseconds % 1_000_000);
        let length = u32::try_from(frame.len()).expect("short");
        self.file.extend([seconds, rest, length, length].map(u32::to_le_bytes).concat());
        self.file.extend(frame);
    }

    /// What is said of the connections of the capture, in the order of their first frames.
    pub(crate) fn verdicts(&self) -> (Vec<Verdict>, Counts) {
        let (mut reader, mut decoder) = (Reader::new(&self.file[..]), Decoder::new());
        let (mut table, mut counts, mut verdicts) =
            (Table::new(Limits::default()), Counts::default(), Vec::new());
        while let Some(frame) = reader.next_frame().expect("the capture is whole") {
            let packet = decoder.decode(&frame);
            counts.add(&packet);
            if let Packet::Tcp(segment) = packet {
                table.observe(&segment, &mut |one| verdicts.push(one.judge()));
            }
        }
        table.finish(&mut |one| verdicts.push(one.judge()));
        verdicts.sort_by_key(|verdict| verdict.first.frame);
        (verdicts, counts)
    }
}

/// A segment without options and payload.
pub(crate) const fn plain(client: bool, flags: Flags, sequence: u32, acknowledgement: u32) -> Sent<'static> {
    Sent { client, flags, sequence, acknowledgement, window: 60_000, urgent: 0, options: &[], payload: &[] }
}

fn ipv6(side: usize) -> Vec<u8> {
    let mut address = vec![0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    address[15] = 1 + u8::try_from(side).expect("0 or 1");
    address
}

fn ipv4(id: u16, source: &[u8], destination: &[u8], inner: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + inner.len()).expect("short").to_be_bytes();
    let id = id.to_be_bytes();
    let mut header = vec![0x45, 0, length[0], length[1], id[0], id[1], 0x40, 0, 64, 6, 0, 0];
    header.extend([source, destination].concat());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&header[..], inner].concat()
}

fn in_ipv6(next: u8, source: &[u8], destination: &[u8], inner: &[u8]) -> Vec<u8> {
    let length = u16::try_from(inner.len()).expect("short").to_be_bytes();
    [&[0x60, 0, 0, 0, length[0], length[1], next, 64][..], source, destination, inner].concat()
}

/// The checksum of the Internet (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum = words.fold(0, |sum: u32, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    !u16::try_from(sum).expect("it was folded")
}
