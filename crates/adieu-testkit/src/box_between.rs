//! A box between a client and a server: three network namespaces in a row, and what the box does to each packet.
//!
//! The box is not the kernel's. It reads every TCP packet of both wires through a packet socket (packet(7)) and writes what
//! becomes of it: the packet passes, is lost, is translated, or is answered by a forged RST. The hosts are real kernels.
//!
//! Both sides of the box are recorded as pcap. One thread reads, records and writes, so the two records keep the order of cause
//! and effect however slow the machine is. A packet that comes from its sender is recorded before its checksum is filled in, as
//! a capture on the sending host shows it; one that leaves the box is whole.
//!
//! # Platforms
//!
//! Linux, as root, with `ip` and the veth driver. Elsewhere [`Way::new`] says why not.

use crate::{
    namespace::{enter_namespace, ip, unsupported},
    skip,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

const CLIENT_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// What the server may see in place of the client's address.
pub const TRANSLATED_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const LINKS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

/// The number of IPv4 in a frame (if_ether.h: `ETH_P_IP`).
const ETHERNET_IP: u16 = 0x0800;
const TCP: u8 = 6;
/// Ethernet's header; and with it IPv4's without options, which our kernels send none of.
const ETHERNET: usize = 14;
const IP: usize = ETHERNET + 20;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// How long nothing may come before a test has failed.
const BOUND: Duration = Duration::from_secs(30);

/// One of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Who connects.
    Client,
    /// Who is connected to.
    Server,
}

impl End {
    /// The other host.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A TCP packet in its frame.
#[derive(Debug, Clone)]
pub struct Packet(Vec<u8>);

impl Packet {
    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn has(&self, flag: u8) -> bool {
        self.0[IP + 13] & flag != 0
    }

    /// The sequence number.
    pub fn sequence(&self) -> u32 {
        self.u32(IP + 4)
    }

    /// How many octets it carries.
    pub fn payload_len(&self) -> u32 {
        u32::from(self.u16(ETHERNET + 2)) - 20 - u32::from(self.0[IP + 12] >> 4) * 4
    }

    /// Whether it ends its direction.
    pub fn is_fin(&self) -> bool {
        self.has(FIN)
    }

    /// The sequence number that follows.
    fn sequence_end(&self) -> u32 {
        let flags = u32::from(self.has(SYN)) + u32::from(self.has(FIN));
        self.sequence().wrapping_add(self.payload_len()).wrapping_add(flags)
    }

    /// Gives it another sender.
    pub fn set_source(&mut self, address: Ipv4Addr) {
        self.put(ETHERNET + 12, &address.octets());
    }

    /// Gives it another receiver.
    pub fn set_destination(&mut self, address: Ipv4Addr) {
        self.put(ETHERNET + 16, &address.octets());
    }

    /// The RST that a box sends to the sender of this packet, in the name of its receiver.
    #[must_use]
    pub fn rejection(&self) -> Self {
        let mut reset = self.reset(self.u32(IP + 8), self.sequence_end());
        for (length, at) in [(6, 0), (4, ETHERNET + 12), (2, IP)] {
            let (first, second) = reset.0[at..at + 2 * length].split_at_mut(length);
            first.swap_with_slice(second);
        }
        reset
    }

    /// The RST that a box sends in the place of this packet, in the name of its sender.
    #[must_use]
    pub fn abort(&self) -> Self {
        self.reset(self.sequence(), self.u32(IP + 8))
    }

    fn reset(&self, sequence: u32, acknowledgement: u32) -> Self {
        let mut reset = Self(self.0[..IP + 20].to_vec());
        reset.put(ETHERNET + 2, &40_u16.to_be_bytes());
        // No identification, DF, and a hop more than what comes from the hosts.
        reset.put(ETHERNET + 4, &[0, 0, 0x40, 0, 65]);
        reset.put(IP + 4, &sequence.to_be_bytes());
        reset.put(IP + 8, &acknowledgement.to_be_bytes());
        reset.put(IP + 12, &[5 << 4, RST | ACK, 0, 0]);
        reset.put(IP + 18, &[0, 0]);
        reset
    }

    /// Makes it what leaves a router: with a hop less, and with both checksums.
    fn route(&mut self) {
        self.0.truncate(ETHERNET + usize::from(self.u16(ETHERNET + 2)));
        self.0[ETHERNET + 8] -= 1;
        self.put(ETHERNET + 10, &[0; 2]);
        let sum = checksum(&[&self.0[ETHERNET..IP]]);
        self.put(ETHERNET + 10, &sum);
        self.put(IP + 16, &[0; 2]);
        let length = u16::try_from(self.0.len() - IP).expect("a packet's length has 16 bits");
        let pseudo = [&[0, TCP][..], &length.to_be_bytes()].concat();
        let sum = checksum(&[&self.0[ETHERNET + 12..IP], &pseudo, &self.0[IP..]]);
        self.put(IP + 16, &sum);
    }
}

/// The ones' complement of the sum in ones' complement (RFC 1071), of parts that have even lengths but the last.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 =
        words.map(|word| u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from)).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).expect("folded twice");
    (!sum).to_be_bytes()
}

/// How far a conversation has come, as it left the box.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// The number after the FIN of the client, and of the server.
    ends: [Option<u32>; 2],
    /// What was acknowledged of each.
    acknowledged: [u32; 2],
    /// How many RSTs each was sent.
    pub resets_to: [u32; 2],
}

impl Progress {
    /// Whether the FINs of both have left the box.
    pub fn both_have_sent_fins(&self) -> bool {
        self.ends.iter().all(Option::is_some)
    }

    /// Whether both have ended, and both FINs are acknowledged.
    pub fn both_have_ended(&self) -> bool {
        self.ends.iter().zip(self.acknowledged).all(|(end, acknowledged)| *end == Some(acknowledged))
    }

    fn note(&mut self, to: End, packet: &Packet) {
        let from = to.other() as usize;
        if packet.has(RST) {
            self.resets_to[to as usize] += 1;
            return;
        }
        if packet.has(FIN) {
            self.ends[from] = Some(packet.sequence_end());
        }
        if packet.has(ACK) {
            self.acknowledged[to as usize] = packet.u32(IP + 8);
        }
    }
}

/// A client's namespace, a server's, and a box between; removed when dropped, after a panic too.
#[derive(Debug)]
pub struct Way {
    hosts: [String; 2],
    middle: String,
}

impl Way {
    /// Makes the three namespaces and both wires.
    ///
    /// # Errors
    ///
    /// `Unsupported`, with the reason, if this machine or user cannot.
    pub fn new() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return Err(unsupported("network namespaces need root".into()));
        }
        let id = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let [client, server, middle] = ["c", "s", "m"].map(|letter| format!("adieu-way-{letter}-{id}"));
        let way = Self { hosts: [client, server], middle };
        // From here on Drop cleans up whatever has come to be.
        way.make().map_err(|error| unsupported(format!("network namespaces cannot be made: {error}")))?;
        Ok(way)
    }

    /// As [`Way::new`], but says loudly on stderr that a test is skipped, and gives `None`.
    ///
    /// # Panics
    ///
    /// If the namespaces cannot be had and [`crate::skip::REQUIRE`] is 1, as it is in CI: there a skip is a failure.
    pub fn or_skip(test: &str) -> Option<Self> {
        Self::new().inspect_err(|error| skip::loudly(test, error)).ok()
    }

    fn make(&self) -> io::Result<()> {
        let middle = &*self.middle;
        ip(&["netns", "add", middle])?;
        for (at, host) in self.hosts.iter().enumerate() {
            ip(&["netns", "add", host])?;
            let (wire, link) = (["client", "server"][at], text(LINKS[at]));
            ip(&["-n", host, "link", "add", "wire", "type", "veth", "peer", "name", wire, "netns", middle])?;
            // A packet for each segment: the box writes no giants.
            ip(&["-n", host, "link", "set", "wire", "address", &link, "gso_max_segs", "1"])?;
            let address = [CLIENT_ADDRESS, SERVER_ADDRESS][at];
            ip(&["-n", host, "address", "add", &format!("{address}/24"), "dev", "wire"])?;
            ip(&["-n", host, "link", "set", "wire", "up"])?;
            ip(&["-n", middle, "link", "set", wire, "up"])?;
        }
        let neighbours =
            [(0, SERVER_ADDRESS, LINKS[1]), (1, CLIENT_ADDRESS, LINKS[0]), (1, TRANSLATED_ADDRESS, LINKS[0])];
        for (at, address, link) in neighbours {
            let (address, link) = (address.to_string(), text(link));
            let entry = ["lladdr", &link, "dev", "wire", "nud", "permanent"];
            ip(&[&["-n", &self.hosts[at], "neighbour", "replace", &address], &entry[..]].concat())?;
        }
        Ok(())
    }

    /// An address that the server can listen on, and the client reach; the kernel chooses the port.
    pub fn server_address(&self) -> SocketAddr {
        (SERVER_ADDRESS, 0).into()
    }

    /// Moves the calling thread into a host's namespace. Use a thread that ends with the test.
    ///
    /// # Errors
    ///
    /// What setns(2) says.
    pub fn enter(&self, end: End) -> io::Result<()> {
        enter_namespace(&self.hosts[end as usize])
    }

    /// The box, which can be reached from now on and carries nothing yet.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_up(&self) -> io::Result<Middlebox> {
        let socket = in_namespace(&self.middle, || {
            let protocol = Protocol::from(i32::from(ETHERNET_IP.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
            socket.set_recv_buffer_size(4 << 20)?;
            socket.set_read_timeout(Some(BOUND))?;
            Ok(socket)
        })?;
        // Each host says something, so that the box learns on which wire it is.
        for (host, other) in self.hosts.iter().zip([SERVER_ADDRESS, CLIENT_ADDRESS]) {
            in_namespace(host, || UdpSocket::bind("0.0.0.0:0")?.send_to(b"hello", (other, 9)).map(drop))?;
        }
        let mut wires = [None, None];
        let [client, server] = loop {
            let wire = socket.peek_sender()?;
            let (from, _) = receive(&socket)?;
            wires[from as usize] = Some(wire);
            if let [Some(client), Some(server)] = &wires {
                break [client.clone(), server.clone()];
            }
        };
        Ok(Middlebox { socket, wires: [client, server] })
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        // The wires go with the namespaces. An error here means that making them failed half-way.
        for namespace in self.hosts.iter().chain([&self.middle]) {
            let _ = ip(&["netns", "delete", namespace]);
        }
    }
}

/// What carries packets from one wire to the other.
#[derive(Debug)]
pub struct Middlebox {
    socket: Socket,
    wires: [SockAddr; 2],
}

impl Middlebox {
    /// Carries packets until the conversation has come as far as `until` wants. `deed` says what leaves the box, and to whom,
    /// for a packet of a host. The captures at the client's wire and at the server's come back; the clock of the second shows
    /// `skew` more.
    ///
    /// # Errors
    ///
    /// Nothing came for 30 s, or what else the system says.
    pub fn carry(
        &self,
        skew: Duration,
        mut deed: impl FnMut(End, Packet) -> Vec<(End, Packet)>,
        until: impl Fn(&Progress) -> bool,
    ) -> io::Result<[Vec<u8>; 2]> {
        let begun = Instant::now();
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
        let mut captures = [Capture::new(begun, clock), Capture::new(begun, clock + skew)];
        let mut progress = Progress::default();
        while !until(&progress) {
            let (from, packet) = receive(&self.socket)?;
            let Some(packet) = packet else { continue };
            captures[from as usize].record(&packet);
            for (to, mut packet) in deed(from, packet) {
                packet.route();
                // Before it is sent: what it causes comes later.
                captures[to as usize].record(&packet);
                progress.note(to, &packet);
                self.socket.send_to(&packet.0, &self.wires[to as usize])?;
            }
        }
        Ok(captures.map(|capture| capture.octets))
    }
}

/// The next frame of one of the hosts. `None`: it is no TCP.
fn receive(mut socket: &Socket) -> io::Result<(End, Option<Packet>)> {
    let mut frame = vec![0; 1 << 16];
    loop {
        let length = socket.read(&mut frame)?;
        let frame = &frame[..length];
        let from = [End::Client, End::Server].into_iter().find(|end| frame[6..12] == LINKS[*end as usize]);
        if let Some(from) = from {
            let is_tcp = length >= IP + 20 && frame[ETHERNET] == 0x45 && frame[ETHERNET + 9] == TCP;
            return Ok((from, is_tcp.then(|| Packet(frame.to_vec()))));
        }
    }
}

/// A pcap file with times in nanoseconds.
struct Capture {
    octets: Vec<u8>,
    begun: Instant,
    /// What its clock showed then.
    clock: Duration,
}

impl Capture {
    fn new(begun: Instant, clock: Duration) -> Self {
        let mut octets = Vec::new();
        // Version 2.4, any length, Ethernet.
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 1 << 16, 1] {
            octets.extend(word.to_le_bytes());
        }
        Self { octets, begun, clock }
    }

    fn record(&mut self, packet: &Packet) {
        let at = self.clock + self.begun.elapsed();
        let length = u32::try_from(packet.0.len()).expect("a frame is short");
        let seconds = u32::try_from(at.as_secs()).expect("before 2106");
        for word in [seconds, at.subsec_nanos(), length, length] {
            self.octets.extend(word.to_le_bytes());
        }
        self.octets.extend(&packet.0);
    }
}

/// Does something in a namespace, in a thread of its own.
fn in_namespace<T: Send>(name: &str, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let thread = || {
        enter_namespace(name)?;
        work()
    };
    thread::scope(|scope| scope.spawn(thread).join()).expect("it does not panic")
}

/// A link address as `ip` takes it.
fn text(link: [u8; 6]) -> String {
    link.map(|octet| format!("{octet:02x}")).join(":")
}
