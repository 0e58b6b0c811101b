//! Makes the capture that is explained: many connections at a time, each with a request, an answer and an end.

use anyhow::Result;
use std::io::Write;

/// How many connections are open at the same time.
const AT_ONCE: usize = 500;

/// Bytes of a full segment.
const FULL: usize = 1448;

const CLIENT: bool = true;
const SERVER: bool = false;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Writes a pcap file of so many connections, each of about 13 kB. It is the same each time.
pub(super) fn write(out: &mut impl Write, connections: u32) -> Result<()> {
    let mut header = Vec::new();
    header.extend(0xa1b2_c3d4_u32.to_le_bytes());
    header.extend([2, 0, 4, 0]);
    header.extend([0; 8]);
    header.extend(262_144_u32.to_le_bytes());
    header.extend(1_u32.to_le_bytes());
    out.write_all(&header)?;
    let mut wire = Wire { microseconds: 0, frames: 0, payload: payload(), buffer: Vec::new() };
    let mut open: Vec<Connection> = Vec::new();
    let (mut begun, mut random) = (0, 0x2545_f491_4f6c_dd1d_u64);
    while begun < connections || !open.is_empty() {
        while begun < connections && open.len() < AT_ONCE {
            open.push(Connection::new(begun));
            begun += 1;
        }
        // xorshift64: which of them is next.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let which = usize::try_from(random % open.len() as u64)?;
        wire.put(&mut open[which], out)?;
        if open[which].is_over() {
            open.swap_remove(which);
        }
    }
    Ok(())
}

fn payload() -> Vec<u8> {
    (0..FULL).map(|at| u8::try_from(at * 31 % 251).expect("a remainder")).collect()
}

struct Connection {
    client: [u8; 4],
    server: [u8; 4],
    client_port: u16,
    server_port: u16,
    /// The next sequence numbers of both.
    next: [u32; 2],
    step: usize,
    is_reset: bool,
}

/// Who sends, with which flags, how much.
type Segment = (bool, u8, usize);

/// The handshake and the request, the answer with its acknowledgements, and the end.
const COURSE: [Segment; 19] = [
    (CLIENT, SYN, 0),
    (SERVER, SYN | ACK, 0),
    (CLIENT, ACK, 0),
    (CLIENT, ACK | PSH, 300),
    (SERVER, ACK, FULL),
    (SERVER, ACK, FULL),
    (CLIENT, ACK, 0),
    (SERVER, ACK, FULL),
    (SERVER, ACK, FULL),
    (CLIENT, ACK, 0),
    (SERVER, ACK, FULL),
    (SERVER, ACK, FULL),
    (CLIENT, ACK, 0),
    (SERVER, ACK, FULL),
    (SERVER, ACK, FULL),
    (CLIENT, ACK, 0),
    (SERVER, FIN | ACK, 0),
    (CLIENT, FIN | ACK, 0),
    (SERVER, ACK, 0),
];

impl Connection {
    fn new(number: u32) -> Self {
        let [_, _, high, low] = number.to_be_bytes();
        let port = u16::try_from(1024 + number % 60_000).expect("it is below 61,024");
        Self {
            client: [10, high, low, 1],
            server: [192, 168, 0, low % 97 + 1],
            client_port: port,
            server_port: [80, 443, 5432][usize::from(low % 3)],
            next: [number.wrapping_mul(2_654_435_761), number.wrapping_mul(40_503)],
            step: 0,
            // One in fifty is aborted by its server.
            is_reset: number.is_multiple_of(50),
        }
    }

    fn is_over(&self) -> bool {
        self.step == if self.is_reset { 17 } else { COURSE.len() }
    }
}

struct Wire {
    microseconds: u64,
    frames: u16,
    payload: Vec<u8>,
    buffer: Vec<u8>,
}

impl Wire {
    /// Puts the next segment of a connection on the wire.
    fn put(&mut self, connection: &mut Connection, out: &mut impl Write) -> Result<()> {
        let (from_client, mut flags, length) = COURSE[connection.step];
        connection.step += 1;
        if connection.is_reset && flags & FIN != 0 {
            flags = RST | ACK;
        }
        let (me, peer) = if from_client { (0, 1) } else { (1, 0) };
        let (sequence, acknowledged) = (connection.next[me], connection.next[peer]);
        let taken = u32::try_from(length)? + u32::from(flags & (SYN | FIN) != 0);
        connection.next[me] = sequence.wrapping_add(taken);
        self.microseconds += 7;
        self.frames = self.frames.wrapping_add(1);

        let clock = u32::try_from(self.microseconds / 1000)?.to_be_bytes();
        let options = if flags & SYN == 0 {
            [&[1, 1, 8, 10][..], &clock, &clock].concat()
        } else {
            [&[2, 4, 5, 180, 4, 2, 8, 10][..], &clock, &[0; 4], &[1, 3, 3, 7]].concat()
        };
        let (ports, addresses) = if from_client {
            ([connection.client_port, connection.server_port], [connection.client, connection.server])
        } else {
            ([connection.server_port, connection.client_port], [connection.server, connection.client])
        };
        let acknowledged = if flags & ACK == 0 { 0 } else { acknowledged };
        let header_length = 20 + options.len();
        let mut tcp = ports.map(u16::to_be_bytes).concat();
        tcp.extend(sequence.to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        tcp.extend([u8::try_from(header_length * 4)?, flags, 1, 246, 0, 0, 0, 0]);
        tcp.extend(&options);
        tcp.extend(&self.payload[..length]);
        let pseudo_header = [6, u32::try_from(tcp.len())?];
        let sum = sum(&tcp) + sum(&addresses.concat()) + pseudo_header.iter().sum::<u32>();
        tcp[16..18].copy_from_slice(&checksum(sum));

        let mut ip = vec![0x45, 0];
        ip.extend(u16::try_from(20 + tcp.len())?.to_be_bytes());
        ip.extend(self.frames.to_be_bytes());
        ip.extend([0x40, 0, 64, 6, 0, 0]);
        ip.extend(addresses.concat());
        let ip_checksum = checksum(self::sum(&ip));
        ip[10..12].copy_from_slice(&ip_checksum);

        let length = u32::try_from(14 + ip.len() + tcp.len())?.to_le_bytes();
        let seconds = u32::try_from(1_700_000_000 + self.microseconds / 1_000_000)?.to_le_bytes();
        let fraction = u32::try_from(self.microseconds % 1_000_000)?.to_le_bytes();
        self.buffer.clear();
        for part in [seconds, fraction, length, length] {
            self.buffer.extend(part);
        }
        self.buffer.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        self.buffer.extend(&ip);
        self.buffer.extend(&tcp);
        Ok(out.write_all(&self.buffer)?)
    }
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum()
}

fn checksum(sum: u32) -> [u8; 2] {
    // Twice: the first carry can carry.
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    (!u16::try_from(folded).expect("it was folded")).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu_explain::capture::Reader;
    use adieu_explain::packet::{Decoder, Packet};
    use adieu_explain::segment::Checksum;
    use adieu_explain::table::{Limits, Table};
    use adieu_explain::verdict::Ending;

    #[test]
    fn the_capture_has_the_connections_that_it_claims() {
        let mut file = Vec::new();
        write(&mut file, 1000).expect("memory takes it");
        let (mut reader, mut decoder, mut table) =
            (Reader::new(&file[..]), Decoder::new(), Table::new(Limits::default()));
        let mut endings = Vec::new();
        while let Some(frame) = reader.next_frame().expect("it is whole") {
            let Packet::Tcp(segment) = decoder.decode(&frame) else { panic!("frame {}", frame.number) };
            assert_eq!(segment.checksum, Checksum::Good);
            table.observe(&segment, &mut |one| endings.push(one.judge().ending));
        }
        table.finish(&mut |one| endings.push(one.judge().ending));
        let count = |ending| endings.iter().filter(|one| one.value() == Some(&ending)).count();
        assert_eq!((count(Ending::Graceful), count(Ending::Reset)), (980, 20));
    }
}
