//! What Windows tells of a connection beside its calls' results.
//!
//! Windows counts no unacknowledged octets for us: SIO_TCP_INFO has the bytes in flight, but not those that are queued
//! behind them. What it does tell is the state of the TCP, and our FIN is the last octet we send, so a state that is
//! entered by its acknowledgement (RFC 9293, section 3.3.2) proves that everything before it was acknowledged too:
//!
//! | state | our FIN |
//! | --- | --- |
//! | FIN-WAIT-2, TIME-WAIT | acknowledged |
//! | FIN-WAIT-1, CLOSING, LAST-ACK | sent and not acknowledged |
//! | none, and the peer's FIN was first | acknowledged: LAST-ACK is left by that, by a reset, or by giving up, and these two a receive tells |
//! | none, otherwise | not known: if ours was first, it should be TIME-WAIT |
//! | ESTABLISHED, CLOSE-WAIT | not sent, or still queued behind data |
//!
//! Whose FIN was first is what the state was just before our own was sent, and just after ([`first_fin`]). The order of what we
//! read says little: an EOF that is read after our shutdown may have come before it, and under Wine 8 a reset can look like one.
//!
//! The state comes from SIO_TCP_INFO (Windows 10 version 1703 and later), and where the socket does not have that, from the
//! system's table of TCP connections, which needs no privileges and is older than any supported Windows.
//!
//! Before our FIN, the number of acknowledged bytes is not known here, so it is absent from reports, and a connection
//! that ends otherwise than gracefully says how many bytes our kernel accepted, and no more.

use super::wait::{has_error, is_readable, last_error, raw};
use crate::{ProbePace, SampleContext, TcpFacts};
use adieu_proto::{Call, Fault, FaultKind, Path, Sample, Side, SocketError, Unacknowledged};
use socket2::SockRef;
use std::mem::{size_of, size_of_val};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::{io, ptr, time::Duration};
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_SUCCESS};
use windows_sys::Win32::NetworkManagement::IpHelper as table;
use windows_sys::Win32::Networking::WinSock as ws;

/// Where a TCP stands, as far as it matters after our FIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// FIN-WAIT-2, TIME-WAIT.
    FinAcknowledged,
    /// FIN-WAIT-1, CLOSING.
    FinOutstanding,
    /// LAST-ACK: the same, and the peer's FIN came first.
    LastAck,
    /// CLOSE-WAIT: the peer's FIN has come, and ours is not sent.
    CloseWait,
    /// ESTABLISHED: neither.
    Established,
    /// CLOSED, or not in the table any more.
    Gone,
    /// Any other: there is no connection yet.
    Other,
}

impl State {
    /// Source: MIB_TCP_STATE.
    fn of_the_table(number: table::MIB_TCP_STATE) -> Self {
        match number {
            table::MIB_TCP_STATE_FIN_WAIT2 | table::MIB_TCP_STATE_TIME_WAIT => Self::FinAcknowledged,
            table::MIB_TCP_STATE_FIN_WAIT1 | table::MIB_TCP_STATE_CLOSING => Self::FinOutstanding,
            table::MIB_TCP_STATE_LAST_ACK => Self::LastAck,
            table::MIB_TCP_STATE_CLOSE_WAIT => Self::CloseWait,
            table::MIB_TCP_STATE_ESTAB => Self::Established,
            table::MIB_TCP_STATE_CLOSED | table::MIB_TCP_STATE_DELETE_TCB => Self::Gone,
            _ => Self::Other,
        }
    }

    /// Source: TCPSTATE.
    fn of_tcp_info(number: ws::TCPSTATE) -> Self {
        match number {
            ws::TCPSTATE_FIN_WAIT_2 | ws::TCPSTATE_TIME_WAIT => Self::FinAcknowledged,
            ws::TCPSTATE_FIN_WAIT_1 | ws::TCPSTATE_CLOSING => Self::FinOutstanding,
            ws::TCPSTATE_LAST_ACK => Self::LastAck,
            ws::TCPSTATE_CLOSE_WAIT => Self::CloseWait,
            ws::TCPSTATE_ESTABLISHED => Self::Established,
            ws::TCPSTATE_CLOSED => Self::Gone,
            _ => Self::Other,
        }
    }

    /// Whose FIN was first, if the state has it.
    fn first_fin(self) -> Option<Side> {
        match self {
            Self::CloseWait | Self::LastAck => Some(Side::Peer),
            Self::FinOutstanding | Self::FinAcknowledged => Some(Side::Us),
            Self::Established | Self::Gone | Self::Other => None,
        }
    }
}

/// Shuts down by `shutdown`, and says whose FIN was first. `None`: that cannot be told.
pub fn first_fin<T>(
    socket: &SockRef<'_>,
    context: SampleContext,
    shutdown: impl FnOnce() -> T,
) -> (T, Option<Side>) {
    if !context.is_tcp {
        return (shutdown(), None);
    }
    let state = || state(socket, context);
    let before = match state() {
        // Reading the table takes a while, and asking WSAPoll does not: an EOF that has come meanwhile has a state by now.
        // A peek would do too, but an error that it took out would be lost.
        Some(State::Established) if is_readable(socket) => state(),
        other => other,
    };
    let result = shutdown();
    // The peer's may have come between the look and the call.
    let seen = if before == Some(State::Established) {
        after_ours(state())
    } else {
        before.and_then(State::first_fin)
    };
    (result, seen)
}

/// Whose FIN was first, by where a TCP stands just after our FIN was sent, if nobody's was there just before.
///
/// After our own first comes TIME-WAIT, which lasts for half a minute at least (TcpTimedWaitDelay). One that is gone at once has left
/// LAST-ACK, or was reset, which a receive tells.
fn after_ours(state: Option<State>) -> Option<Side> {
    match state? {
        State::Gone => Some(Side::Peer),
        other => other.first_fin(),
    }
}

/// Where the TCP of a connected socket stands. `None`: that cannot be had.
fn state(socket: &SockRef<'_>, context: SampleContext) -> Option<State> {
    let info = tcp_info(socket.as_socket()).ok().map(|info| info.state);
    info.or_else(|| state_in_table(context.local, context.peer))
}

/// Reads where the TCP stands, and the socket's error last: an error takes from a connection that is gone what it proves.
pub fn sample(socket: &SockRef<'_>, context: SampleContext, _: &mut ProbePace) -> (Sample, TcpFacts) {
    let mut facts = TcpFacts::default();
    let mut state = None;
    if context.is_tcp {
        let info = tcp_info(socket.as_socket()).ok();
        facts.rtt = info.map(|i| Duration::from_micros(i.rtt_us.into())).filter(|rtt| !rtt.is_zero());
        // Only then does the state say something, and the table is long.
        if context.fin_sent {
            state = info.map(|i| i.state).or_else(|| state_in_table(context.local, context.peer));
        }
    }
    let socket_error = socket_error(socket, context);
    let faulted = context.faulted || socket_error != SocketError::Clear;
    let unacknowledged = meaning(state, SampleContext { faulted, ..context });
    // RFC 6298, 2.2: how much the time varies is not told, so it is taken for half of it, as of a first measurement.
    let path = Path { answer_within: facts.rtt.map(|rtt| rtt * 3), ..Path::default() };
    (Sample { unacknowledged, path, socket_error }, facts)
}

fn meaning(state: Option<State>, context: SampleContext) -> Unacknowledged {
    let left_by_acknowledgement = context.first_fin == Some(Side::Peer) && !context.faulted;
    match state {
        _ if !context.is_tcp => Unacknowledged::NotApplicable,
        _ if !context.fin_sent => Unacknowledged::Unknown,
        Some(State::FinAcknowledged) => Unacknowledged::Octets(0),
        Some(State::Gone) if left_by_acknowledgement => Unacknowledged::Octets(0),
        Some(State::FinOutstanding | State::LastAck | State::CloseWait | State::Established) => {
            Unacknowledged::Uncounted
        }
        Some(State::Gone | State::Other) | None => Unacknowledged::Unknown,
    }
}

/// Reads SO_ERROR, which clears it; asks WSAPoll, which has no number but knows of an error all the same; and after the
/// peer's end looks once more for what a receive tells (recv: WSAECONNRESET, WSAECONNABORTED).
fn socket_error(socket: &SockRef<'_>, context: SampleContext) -> SocketError {
    let told = |call, error: &io::Error| {
        SocketError::Fault(Fault { call, kind: super::fault_kind(error), code: error.raw_os_error() })
    };
    match socket.take_error() {
        Ok(None) if has_error(socket) => {
            // No number, so no cause.
            SocketError::Fault(Fault { call: Call::Poll, kind: FaultKind::NotConnected, code: None })
        }
        Ok(None) if context.eof => match super::peek(socket, &mut [0]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => told(Call::Receive, &error),
            _ => SocketError::Clear,
        },
        Ok(None) => SocketError::Clear,
        Ok(Some(error)) => told(Call::SocketError, &error),
        Err(_) => SocketError::Unknown,
    }
}

#[derive(Debug, Clone, Copy)]
struct Info {
    state: State,
    rtt_us: u32,
}

/// Source: Winsock's SIO_TCP_INFO, TCP_INFO_v0 and TCPSTATE.
fn tcp_info(socket: BorrowedSocket<'_>) -> io::Result<Info> {
    let version = 0_u32;
    let mut info = ws::TCP_INFO_v0::default();
    let mut written = 0_u32;
    #[expect(unsafe_code, reason = "SIO_TCP_INFO has no safe wrapper")]
    #[expect(clippy::cast_possible_truncation, reason = "the sizes of two small structs")]
    // SAFETY: each pointer comes with the size of what it leads to, and nothing is overlapped.
    let result = unsafe {
        ws::WSAIoctl(
            raw(socket),
            ws::SIO_TCP_INFO,
            (&raw const version).cast(),
            size_of_val(&version) as u32,
            (&raw mut info).cast(),
            size_of::<ws::TCP_INFO_v0>() as u32,
            &raw mut written,
            ptr::null_mut(),
            None,
        )
    };
    if result == ws::SOCKET_ERROR {
        return Err(last_error());
    }
    Ok(Info { state: State::of_tcp_info(info.State), rtt_us: info.RttUs })
}

/// In how many readings of the table a row is missing that is none.
const LOOKS_FOR_ROW: usize = 3;

/// The state of a socket's connection in the system's table. `None`: the table or the addresses cannot be had.
///
/// The addresses are those it had when it was connected: one that has ended on both sides has no peer's any more.
///
/// Without the processes that own them (GetTcpTable2), whose finding costs far more.
///
/// A row that is missing is looked for again: Wine reads the table in pieces, and a connection that changes its state meanwhile can
/// be in none of them.
///
/// Source: IP Helper's GetTcpTable, GetTcp6Table, MIB_TCP_STATE.
fn state_in_table(local: Option<SocketAddr>, peer: Option<SocketAddr>) -> Option<State> {
    let (local, peer) = (local?, peer?);
    for _ in 0..LOOKS_FOR_ROW {
        let rows = match local {
            SocketAddr::V4(_) => rows4(),
            SocketAddr::V6(_) => rows6(),
        };
        let mut rows = rows.ok()?.into_iter();
        let ours =
            rows.find(|row| row.local == (local.ip(), local.port()) && row.peer == (peer.ip(), peer.port()));
        if let Some(row) = ours {
            return Some(State::of_the_table(row.state));
        }
    }
    Some(State::Gone)
}

struct Row {
    local: (IpAddr, u16),
    peer: (IpAddr, u16),
    state: table::MIB_TCP_STATE,
}

/// A table grows between asking for its size and reading it.
const ATTEMPTS: usize = 5;

/// Reads a table into memory that is aligned for any of its rows.
fn read(call: impl Fn(*mut u64, &mut u32) -> u32) -> io::Result<Vec<u64>> {
    let mut size = 0_u32;
    for _ in 0..ATTEMPTS {
        let mut memory = vec![0_u64; (size as usize).div_ceil(8).max(1)];
        match call(memory.as_mut_ptr(), &mut size) {
            ERROR_SUCCESS => return Ok(memory),
            // Room for what comes meanwhile.
            ERROR_INSUFFICIENT_BUFFER => size += 4096,
            #[expect(clippy::cast_possible_wrap, reason = "io::Error has Win32 numbers signed")]
            error => return Err(io::Error::from_raw_os_error(error as i32)),
        }
    }
    Err(io::ErrorKind::OutOfMemory.into())
}

/// A port as the tables have it: in network order, in the lower half of the number.
#[expect(clippy::cast_possible_truncation, reason = "the upper half is undefined, says the page")]
fn port(number: u32) -> u16 {
    u16::from_be(number as u16)
}

fn rows4() -> io::Result<Vec<Row>> {
    #[expect(unsafe_code, reason = "GetTcpTable has no safe wrapper")]
    // SAFETY: the pointer leads to as many bytes as the size says, or the size is 0.
    let memory = read(|memory, size| unsafe { table::GetTcpTable(memory.cast(), size, 0) })?;
    #[expect(unsafe_code, reason = "the table is a C struct with a tail")]
    // SAFETY: a successful call has written the number of rows, and as many rows, all of them plain integers.
    let rows = unsafe {
        let head = memory.as_ptr().cast::<table::MIB_TCPTABLE>();
        std::slice::from_raw_parts(
            (&raw const (*head).table).cast::<table::MIB_TCPROW_LH>(),
            (*head).dwNumEntries as usize,
        )
    };
    let address = |ip: u32, number| (IpAddr::from(Ipv4Addr::from(ip.to_ne_bytes())), port(number));
    let row = |row: &table::MIB_TCPROW_LH| Row {
        local: address(row.dwLocalAddr, row.dwLocalPort),
        peer: address(row.dwRemoteAddr, row.dwRemotePort),
        #[expect(unsafe_code, reason = "the state is a C union")]
        // SAFETY: both arms of the union are the same number.
        state: unsafe { row.Anonymous.State },
    };
    Ok(rows.iter().map(row).collect())
}

fn rows6() -> io::Result<Vec<Row>> {
    #[expect(unsafe_code, reason = "GetTcp6Table has no safe wrapper")]
    // SAFETY: as above.
    let memory = read(|memory, size| unsafe { table::GetTcp6Table(memory.cast(), size, 0) })?;
    #[expect(unsafe_code, reason = "the table is a C struct with a tail")]
    // SAFETY: as above.
    let rows = unsafe {
        let head = memory.as_ptr().cast::<table::MIB_TCP6TABLE>();
        std::slice::from_raw_parts(
            (&raw const (*head).table).cast::<table::MIB_TCP6ROW>(),
            (*head).dwNumEntries as usize,
        )
    };
    let address = |ip: ws::IN6_ADDR, number| {
        #[expect(unsafe_code, reason = "the address is a C union")]
        // SAFETY: every arm of the union is 16 bytes of plain integers.
        let bytes = unsafe { ip.u.Byte };
        // Without the zone: the ports tell apart what two links have the same addresses for.
        (IpAddr::from(Ipv6Addr::from(bytes)), port(number))
    };
    let row = |row: &table::MIB_TCP6ROW| Row {
        local: address(row.LocalAddr, row.dwLocalPort),
        peer: address(row.RemoteAddr, row.dwRemotePort),
        state: row.State,
    };
    Ok(rows.iter().map(row).collect())
}

/// Nothing wakes us when the state of a TCP changes: it is looked at again and again.
pub enum AcknowledgementWatch {}

impl AcknowledgementWatch {
    /// Never to be had.
    pub fn new(_: BorrowedSocket<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called: there is none.
    pub fn consume(&mut self) {
        match *self {}
    }
}

impl AsSocket for AcknowledgementWatch {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: SampleContext = SampleContext {
        is_tcp: true,
        is_multipath: false,
        fin_sent: true,
        eof: true,
        faulted: false,
        first_fin: Some(Side::Peer),
        local: None,
        peer: None,
    };

    #[test]
    fn a_state_that_the_acknowledgement_of_our_fin_leads_to_proves_it() {
        assert_eq!(meaning(Some(State::FinAcknowledged), ENDED), Unacknowledged::Octets(0));
        for state in [State::FinOutstanding, State::LastAck, State::CloseWait, State::Established] {
            assert_eq!(meaning(Some(state), ENDED), Unacknowledged::Uncounted, "{state:?}");
        }
        assert_eq!(meaning(Some(State::Gone), ENDED), Unacknowledged::Octets(0));
    }

    #[test]
    fn what_no_state_says_is_unknown() {
        assert_eq!(meaning(None, ENDED), Unacknowledged::Unknown);
        assert_eq!(meaning(Some(State::Other), ENDED), Unacknowledged::Unknown);
        // After our own FIN first comes TIME-WAIT: a connection that is gone then was reset or given up. And whose was first
        // must have been seen.
        for first_fin in [Some(Side::Us), None] {
            assert_eq!(
                meaning(Some(State::Gone), SampleContext { first_fin, ..ENDED }),
                Unacknowledged::Unknown
            );
        }
        // LAST-ACK can be left by a reset, too.
        assert_eq!(
            meaning(Some(State::Gone), SampleContext { faulted: true, ..ENDED }),
            Unacknowledged::Unknown
        );
        let open = SampleContext { fin_sent: false, ..ENDED };
        assert_eq!(meaning(Some(State::FinAcknowledged), open), Unacknowledged::Unknown);
    }

    /// Two ends of a connection on loopback.
    fn ends() -> (std::net::TcpStream, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let near = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        (near, listener.accept().expect("it has connected").0)
    }

    #[test]
    fn whose_fin_was_first_is_seen_whether_or_not_anybody_has_read_it() {
        let (near, far) = ends();
        let context = |stream: &std::net::TcpStream| {
            let local = stream.local_addr().expect("connected");
            SampleContext { local: Some(local), peer: stream.peer_addr().ok(), ..ENDED }
        };
        let (of_near, of_far) = (context(&near), context(&far));
        let end =
            |stream: &std::net::TcpStream| stream.shutdown(std::net::Shutdown::Write).expect("connected");
        // A byte before the FIN: what is unread does not hide it.
        std::io::Write::write_all(&mut &far, b"x").expect("taken");
        assert_eq!(first_fin(&SockRef::from(&far), of_far, || end(&far)).1, Some(Side::Us));
        assert_eq!(first_fin(&SockRef::from(&near), of_near, || end(&near)).1, Some(Side::Peer));
    }

    #[test]
    fn a_fin_that_comes_between_the_look_and_our_own_was_first() {
        let (near, far) = ends();
        let context = SampleContext { local: near.local_addr().ok(), peer: near.peer_addr().ok(), ..ENDED };
        let end =
            |stream: &std::net::TcpStream| stream.shutdown(std::net::Shutdown::Write).expect("connected");
        let ((), first) = first_fin(&SockRef::from(&near), context, || {
            end(&far);
            // It has come once its EOF is there to be read.
            assert_eq!(std::io::Read::read(&mut &near, &mut [0]).expect("EOF"), 0);
            end(&near);
            // LAST-ACK is left for good when the other end has our FIN.
            assert_eq!(std::io::Read::read(&mut &far, &mut [0]).expect("EOF"), 0);
        });
        assert_eq!(first, Some(Side::Peer));
    }

    #[test]
    fn the_table_has_the_state_of_a_connection_of_either_family() {
        for ip in ["127.0.0.1", "::1"] {
            let ip: std::net::IpAddr = ip.parse().expect("an address");
            let listener = std::net::TcpListener::bind((ip, 0)).expect("loopback");
            let near =
                std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
            let (far, _) = listener.accept().expect("it has connected");
            let local = near.local_addr().expect("connected");
            let peer = near.peer_addr().expect("connected");
            let state = || state_in_table(Some(local), Some(peer));
            assert_eq!(state(), Some(State::Established), "{ip}");
            near.shutdown(std::net::Shutdown::Write).expect("connected");
            // The other end's EOF shows that the FIN has come; its acknowledgement goes out before that is read.
            std::io::Read::read(&mut &far, &mut [0]).expect("EOF");
            assert_eq!(state(), Some(State::FinAcknowledged), "{ip}");
            // Ended on both sides it is in TIME-WAIT, and there is no peer's address to be asked for any more.
            far.shutdown(std::net::Shutdown::Write).expect("connected");
            std::io::Read::read(&mut &near, &mut [0]).expect("EOF");
            assert_eq!(state(), Some(State::FinAcknowledged), "{ip}");
        }
    }
}
