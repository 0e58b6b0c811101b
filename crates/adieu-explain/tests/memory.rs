//! How much memory many connections take that are open at the same time. It is the memory of a process, so this test has one of
//! its own.

#![cfg(target_os = "linux")]

use std::{fs, net::SocketAddr};

use adieu_explain::{
    segment::{Flags, Segment, Timestamp},
    table::{Limits, Reason, Table},
};

/// Resident octets of this process (proc_pid_statm(5)).
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("proc is there");
    let pages: usize =
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("the second number");
    // Every page size of Linux is a multiple of this, and all that CI has are equal to it.
    pages * 4096
}

struct Capture {
    table: Table,
    frame: u64,
    left: [usize; 2],
}

impl Capture {
    fn observe(&mut self, segment: &Segment<'_>) {
        self.frame += 1;
        let time = Timestamp::from_nanoseconds(i64::try_from(self.frame).expect("it is small") * 10_000);
        let left = &mut self.left;
        self.table.observe(&Segment { frame: self.frame, time, ..*segment }, &mut |one| {
            left[usize::from(one.reason == Reason::Evicted)] += 1;
        });
    }
}

/// The address of a client: one of very many.
fn client(number: u32) -> SocketAddr {
    ((0x0a00_0000 + number / 60_000).to_be_bytes(), u16::try_from(1024 + number % 60_000).expect("a port"))
        .into()
}

/// An open connection with data in both directions.
fn open(capture: &mut Capture, number: u32) {
    let (client, server) = (client(number), ([192, 0, 2, 1], 80).into());
    let [request, response] = [[b'x'; 100], [b'y'; 100]];
    let from_client = Segment::between(client, server);
    let from_server = Segment::between(server, client);
    for segment in [
        Segment { flags: Flags::SYN, sequence: 7, window: 64_000, ..from_client },
        Segment {
            flags: Flags::SYN | Flags::ACK,
            sequence: 9,
            acknowledgement: 8,
            window: 64_000,
            ..from_server
        },
        Segment { flags: Flags::ACK, sequence: 8, acknowledgement: 10, window: 500, ..from_client },
        Segment {
            flags: Flags::ACK,
            sequence: 8,
            acknowledgement: 10,
            window: 500,
            payload: &request,
            payload_len: 100,
            ..from_client
        },
        Segment {
            flags: Flags::ACK,
            sequence: 10,
            acknowledgement: 108,
            window: 500,
            payload: &response,
            payload_len: 100,
            ..from_server
        },
        Segment { flags: Flags::ACK, sequence: 108, acknowledgement: 110, window: 500, ..from_client },
    ] {
        capture.observe(&segment);
    }
}

#[test]
fn a_hundred_thousand_open_connections_and_a_flood_take_less_than_85_megabytes() {
    const CONNECTIONS: u32 = 100_000;
    let before = resident();
    let mut capture = Capture { table: Table::new(Limits::default()), frame: 0, left: [0; 2] };
    for number in 0..CONNECTIONS {
        open(&mut capture, number);
    }
    assert_eq!(capture.table.len(), CONNECTIONS as usize);
    let each = (resident() - before) / CONNECTIONS as usize;
    assert!(each < 800, "{each} bytes for each connection");
    // A flood of SYNs from random sources displaces one of the open connections, and then only its own.
    for number in 0..200_000 {
        let syn = Segment::between(client(1_000_000 + number), ([192, 0, 2, 1], 80).into());
        capture.observe(&Segment { flags: Flags::SYN, sequence: number, ..syn });
    }
    assert_eq!((capture.table.len(), capture.left), (CONNECTIONS as usize, [0, 200_000]));
    let all = resident() - before;
    assert!(all < 85_000_000, "{all} bytes after the flood");
    let mut opened = 0;
    capture.table.finish(&mut |one| opened += usize::from(one.judge().established.is_some()));
    assert_eq!(opened, CONNECTIONS as usize - 1);
}
