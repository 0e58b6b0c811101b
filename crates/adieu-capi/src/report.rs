//! The report as C has it: plain data, from which the sentence and the JSON can be made at any later time.
//!
//! It has every fact that finishing can know, so that Rust's report can be put together from it again. A test holds that the two
//! are the same.

use crate::border::{SizeFirst, fitting, give};
use crate::error::adieu_error;
use crate::words::{
    NoNumber, adieu_ending, adieu_fact, adieu_local_end, adieu_phase, number, number_of_ending, word,
};
use adieu::{
    Address, Context, Ending, LocalEnd, Missing, Phase, Report, Role, Side, SystemError, Timer, Transport,
};
use adieu_proto::{Config, Connection, Evidence, Outcome};
use std::ffi::c_char;
use std::time::{Duration, SystemTime};

/// A count or a time that is not known. It is never written as zero.
pub const ADIEU_UNKNOWN: u64 = u64::MAX;

/// The longest address as text, with its terminating zero.
pub const ADIEU_ADDRESS_SIZE: usize = 128;

/// Everything known of one connection after its end. Begin with ADIEU_REPORT_INIT.
///
/// It is plain data: copy it, keep it, forget it. Counts and times begin with the call that
/// finishes; what the program sent and received before that is not in them. Times are microseconds
/// since then. A count or time that is not known is ADIEU_UNKNOWN, never zero; a fact that is not
/// known is ADIEU_FACT_UNKNOWN; an enum has the value 0 for "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct adieu_report {
    /// sizeof(adieu_report): which version of this struct the program was compiled with.
    pub size: usize,
    /// How the connection ended: an enum adieu_ending.
    pub ending: i32,
    /// In which phase of the procedure the cause of the ending came: an enum adieu_phase.
    pub phase: i32,
    /// What the call returned: an enum adieu_error. Where it is not 0 there was no connection that
    /// could be finished.
    pub error: i32,
    /// The call that reported the first error: an enum adieu_call.
    pub error_call: i32,
    /// The first error's number: errno, or WSAGetLastError(). 0: no error was reported.
    pub error_code: i32,
    /// Of a reset: whose RST it was. An enum adieu_side.
    pub reset_by: i32,
    /// Of a time-out: an enum adieu_timer.
    pub timer: i32,
    /// Of a local failure: an enum adieu_local_end.
    pub local_end: i32,
    /// Of an indeterminate ending: an enum adieu_missing.
    pub missing: i32,
    /// Who ended its direction first: an enum adieu_side.
    pub ended_first: i32,
    /// As the options said it: an enum adieu_role.
    pub role: i32,
    /// An enum adieu_transport.
    pub transport: i32,
    /// recv() returned 0 before any error was reported: an enum adieu_fact.
    pub eof_received: i32,
    /// Our FIN was acknowledged: an enum adieu_fact. Unknown too if it was not sent.
    pub fin_acknowledged: i32,
    /// SO_ERROR was read as clear up to the end: an enum adieu_fact.
    pub socket_error_clear: i32,
    /// When we saw the peer's end, its TCP had acknowledged ours: an enum adieu_fact.
    pub peer_ended_after_us: i32,
    /// Of the idle timeout: the peer went on sending meanwhile, and received nothing. An enum
    /// adieu_fact, never unknown.
    pub peer_spoke: i32,
    /// What was received begins as TLS does: an enum adieu_fact, never unknown.
    pub looks_like_tls: i32,
    /// Bytes received while the connection was finished.
    pub bytes_received: u64,
    /// Those of bytes_received that late_bytes has taken.
    pub bytes_written: u64,
    /// Those of bytes_received that were thrown away.
    pub bytes_discarded: u64,
    /// Bytes that the program had sent and that the peer's TCP had not acknowledged, at the last
    /// look.
    pub bytes_unacknowledged: u64,
    /// When finishing began, by this machine's clock: microseconds since 1970-01-01 UTC.
    pub started_at_us: u64,
    /// When the socket was taken over.
    pub connected_us: u64,
    /// When a byte was first received.
    pub first_received_us: u64,
    /// When our sending side was shut down.
    pub shutdown_send_us: u64,
    /// When recv() returned 0.
    pub peer_eof_us: u64,
    /// When everything was seen acknowledged, our FIN included.
    pub acknowledged_us: u64,
    /// When the ending was decided.
    pub ended_us: u64,
    /// When the socket was closed.
    pub closed_us: u64,
    /// The smoothed round-trip time at the end, in microseconds.
    pub rtt_us: u64,
    /// Segments that were sent again, over the whole connection.
    pub retransmitted_segments: u64,
    /// Our address: "127.0.0.1:80", "[::1]:80", "unix:/path". Empty: not known, or it has none.
    pub local_address: [c_char; ADIEU_ADDRESS_SIZE],
    /// The peer's address.
    pub peer_address: [c_char; ADIEU_ADDRESS_SIZE],
}

// SAFETY: the size is first, and the rest are integers and arrays of them.
unsafe impl SizeFirst for adieu_report {
    /// The first version, up to the error.
    const LEAST: usize = std::mem::offset_of!(Self, error_call);

    fn set_size(&mut self, size: usize) {
        self.size = size;
    }
}

impl adieu_report {
    /// What ADIEU_REPORT_INIT has.
    pub(crate) const INIT: Self = Self {
        size: size_of::<Self>(),
        ending: 0,
        phase: 0,
        error: 0,
        error_call: 0,
        error_code: 0,
        reset_by: 0,
        timer: 0,
        local_end: 0,
        missing: 0,
        ended_first: 0,
        role: 0,
        transport: 0,
        eof_received: -1,
        fin_acknowledged: -1,
        socket_error_clear: -1,
        peer_ended_after_us: -1,
        peer_spoke: 0,
        looks_like_tls: 0,
        bytes_received: ADIEU_UNKNOWN,
        bytes_written: ADIEU_UNKNOWN,
        bytes_discarded: ADIEU_UNKNOWN,
        bytes_unacknowledged: ADIEU_UNKNOWN,
        started_at_us: ADIEU_UNKNOWN,
        connected_us: ADIEU_UNKNOWN,
        first_received_us: ADIEU_UNKNOWN,
        shutdown_send_us: ADIEU_UNKNOWN,
        peer_eof_us: ADIEU_UNKNOWN,
        acknowledged_us: ADIEU_UNKNOWN,
        ended_us: ADIEU_UNKNOWN,
        closed_us: ADIEU_UNKNOWN,
        rtt_us: ADIEU_UNKNOWN,
        retransmitted_segments: ADIEU_UNKNOWN,
        local_address: [0; ADIEU_ADDRESS_SIZE],
        peer_address: [0; ADIEU_ADDRESS_SIZE],
    };

    /// The report of a socket that could not be finished.
    pub(crate) fn of_refused(error: adieu_error, error_code: Option<i32>, role: Option<Role>) -> Self {
        let is_no_connection = error == adieu_error::NotConnected;
        let (ending, local_end) = if is_no_connection {
            (adieu_ending::NoConnection, adieu_local_end::None)
        } else {
            (adieu_ending::LocalFailure, adieu_local_end::Socket)
        };
        Self {
            ending: ending as i32,
            phase: adieu_phase::Connecting as i32,
            error: error.code(),
            error_code: error_code.unwrap_or(0),
            local_end: local_end as i32,
            role: number(role).unwrap_or(0),
            eof_received: 0,
            bytes_received: 0,
            bytes_written: 0,
            bytes_discarded: 0,
            started_at_us: since_epoch(SystemTime::now()),
            ended_us: 0,
            closed_us: 0,
            ..Self::INIT
        }
    }

    /// # Errors
    ///
    /// It has a word that finishing does not give, which is a bug.
    pub(crate) fn of(report: &Report) -> Result<Self, NoNumber> {
        Ok(Self {
            size: size_of::<Self>(),
            ending: number_of_ending(report.ending())?,
            phase: number(Some(report.phase))?,
            error: 0,
            error_call: number(report.error_call)?,
            error_code: report.error.as_ref().map_or(0, number_of_error),
            reset_by: number(report.reset_by())?,
            timer: number(report.timer())?,
            local_end: number(report.local_end())?,
            missing: number(report.missing())?,
            ended_first: number(report.ended_first)?,
            role: number(report.role)?,
            transport: number(report.transport)?,
            eof_received: i32::from(report.eof_received),
            fin_acknowledged: fact(report.fin_acknowledged),
            socket_error_clear: fact(report.socket_error_clear),
            peer_ended_after_us: fact(report.peer_ended_after_us),
            peer_spoke: i32::from(report.context == Context::PeerSpoke),
            looks_like_tls: i32::from(report.looks_like_tls),
            bytes_received: report.bytes_received,
            bytes_written: report.bytes_written,
            bytes_discarded: report.bytes_discarded,
            bytes_unacknowledged: report.bytes_unacknowledged.unwrap_or(ADIEU_UNKNOWN),
            started_at_us: since_epoch(report.started_at),
            connected_us: micros(report.connected_after),
            first_received_us: micros(report.first_received_after),
            shutdown_send_us: micros(report.shutdown_send_after),
            peer_eof_us: micros(report.peer_eof_after),
            acknowledged_us: micros(report.acknowledged_after),
            ended_us: micros(Some(report.ended_after)),
            closed_us: micros(report.closed_after),
            rtt_us: micros(report.rtt),
            retransmitted_segments: report.retransmitted_segments.unwrap_or(ADIEU_UNKNOWN),
            local_address: address(report.local_address.as_ref()),
            peer_address: address(report.peer_address.as_ref()),
        })
    }

    /// Rust's report with the same facts. `None`: there is none yet, or C has changed it to
    /// something that is none.
    pub(crate) fn to_rust(self) -> Option<Report> {
        const GRACEFUL: i32 = adieu_ending::Graceful as i32;
        const RESET: i32 = adieu_ending::Reset as i32;
        const TIMED_OUT: i32 = adieu_ending::TimedOut as i32;
        const LOCAL_FAILURE: i32 = adieu_ending::LocalFailure as i32;
        const INDETERMINATE: i32 = adieu_ending::Indeterminate as i32;
        const NO_CONNECTION: i32 = adieu_ending::NoConnection as i32;
        let ending = match self.ending {
            GRACEFUL => Ending::Graceful,
            RESET => Ending::Reset { by: word::<Side>(self.reset_by)? },
            TIMED_OUT => Ending::TimedOut { timer: word::<Timer>(self.timer)? },
            LOCAL_FAILURE => Ending::LocalFailure { end: word::<LocalEnd>(self.local_end)? },
            INDETERMINATE => Ending::Indeterminate { missing: word::<Missing>(self.missing)? },
            NO_CONNECTION => Ending::NoConnection,
            _ => return None,
        };
        let transport = word::<Transport>(self.transport);
        let (local, peer) =
            (read_address(&self.local_address, transport), read_address(&self.peer_address, transport));
        let role = word::<Role>(self.role);
        let endpoint = if role == Some(Role::Listen) { &local } else { &peer };
        let endpoint = endpoint.as_ref().unwrap_or(&Address::Unnamed).to_string();
        let started_at =
            SystemTime::UNIX_EPOCH + Duration::from_micros(known(self.started_at_us).unwrap_or(0));
        let outcome = Outcome {
            ending,
            phase: word::<Phase>(self.phase)?,
            evidence: Evidence::default(),
            at: Duration::from_micros(known(self.ended_us).unwrap_or(0)),
        };
        let core = Connection::new(Config::default());
        let mut report = Report::new(role, endpoint, started_at, &core, &outcome);
        report.transport = transport;
        (report.local_address, report.peer_address) = (local, peer);
        report.error_call = word(self.error_call);
        report.error = self.error();
        report.ended_first = word(self.ended_first);
        report.peer_ended_after_us = known_fact(self.peer_ended_after_us);
        report.eof_received = self.eof_received == adieu_fact::Yes as i32;
        report.fin_acknowledged = known_fact(self.fin_acknowledged);
        report.socket_error_clear = known_fact(self.socket_error_clear);
        report.bytes_received = known(self.bytes_received).unwrap_or(0);
        report.bytes_written = known(self.bytes_written).unwrap_or(0);
        report.bytes_discarded = known(self.bytes_discarded).unwrap_or(0);
        report.bytes_unacknowledged = known(self.bytes_unacknowledged);
        // Nothing is sent while a connection is finished, so of what was, everything is acknowledged.
        report.bytes_acknowledged = report.bytes_unacknowledged.map(|_| 0);
        report.looks_like_tls = self.looks_like_tls == adieu_fact::Yes as i32;
        let after = |us| known(us).map(Duration::from_micros);
        report.connected_after = after(self.connected_us);
        report.first_received_after = after(self.first_received_us);
        report.shutdown_send_after = after(self.shutdown_send_us);
        report.peer_eof_after = after(self.peer_eof_us);
        report.acknowledged_after = after(self.acknowledged_us);
        report.closed_after = after(self.closed_us);
        report.rtt = after(self.rtt_us);
        report.retransmitted_segments = known(self.retransmitted_segments);
        report.context = match self.why_not() {
            Some(why) => Context::Told(format!("the socket cannot be finished: {why}")),
            None if self.peer_spoke == adieu_fact::Yes as i32 => Context::PeerSpoke,
            None => Context::Given,
        };
        Some(report)
    }

    /// Why there was no connection that could be finished, in words. `None`: there was one.
    fn why_not(&self) -> Option<String> {
        if self.error == adieu_error::None.code() {
            return None;
        }
        let words = adieu_error::of(self.error).and_then(adieu_error::words);
        Some(words.unwrap_or_else(|| match self.error_code {
            0 => "the system refused".to_owned(),
            code => adieu_os::describe_code(code),
        }))
    }

    fn error(&self) -> Option<SystemError> {
        let code = (self.error_code != 0).then_some(self.error_code);
        let name = code.and_then(adieu_os::error_name);
        let words = self.why_not().or_else(|| code.map(adieu_os::describe_code));
        words.map(|words| SystemError::new(code, name, words))
    }
}

/// The number of an error, or 0.
///
/// Without the black box the optimised code reads the number even where there is no error, and ignores it. That is correct, but
/// valgrind reports it as a bug, and many C programs are run under valgrind.
fn number_of_error(error: &SystemError) -> i32 {
    std::hint::black_box(error).code.unwrap_or(0)
}

fn fact(fact: Option<bool>) -> i32 {
    fact.map_or(adieu_fact::Unknown as i32, i32::from)
}

fn known_fact(fact: i32) -> Option<bool> {
    (fact >= 0).then_some(fact == adieu_fact::Yes as i32)
}

fn known(value: u64) -> Option<u64> {
    (value != ADIEU_UNKNOWN).then_some(value)
}

fn micros(time: Option<Duration>) -> u64 {
    time.and_then(|time| u64::try_from(time.as_micros()).ok()).unwrap_or(ADIEU_UNKNOWN)
}

fn since_epoch(moment: SystemTime) -> u64 {
    micros(moment.duration_since(SystemTime::UNIX_EPOCH).ok())
}

/// An address as a text that ends with a zero.
fn address(address: Option<&Address>) -> [c_char; ADIEU_ADDRESS_SIZE] {
    let mut text = [0; ADIEU_ADDRESS_SIZE];
    if let Some(address) = address.filter(|address| address.is_named()) {
        let address = address.to_string();
        let length = fitting(&address, ADIEU_ADDRESS_SIZE - 1);
        for (to, from) in text.iter_mut().zip(&address.as_bytes()[..length]) {
            *to = c_char::from_ne_bytes([*from]);
        }
    }
    text
}

fn read_address(text: &[c_char; ADIEU_ADDRESS_SIZE], transport: Option<Transport>) -> Option<Address> {
    let bytes: Vec<u8> = text.iter().map(|c| c.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    match String::from_utf8_lossy(&bytes).parse() {
        Ok(address) if !bytes.is_empty() => Some(address),
        _ => (transport == Some(Transport::Unix)).then_some(Address::Unnamed),
    }
}

/// Writes a report where C wants it. False: its struct has no size, and nothing was written.
///
/// # Safety
///
/// `to` is null, or leads to as many bytes as its first field says.
pub(crate) unsafe fn write(to: *mut adieu_report, report: &adieu_report) -> bool {
    // SAFETY: as the caller promises.
    to.is_null() || unsafe { give(to, *report) }
}

/// Marks where a report would go as having none, before anything is done.
///
/// # Safety
///
/// As [`write`].
pub(crate) unsafe fn has_room(to: *mut adieu_report) -> bool {
    // SAFETY: as the caller promises.
    unsafe { write(to, &adieu_report::INIT) }
}

const _: () =
    assert!(size_of::<adieu_report>() == size_of::<usize>() + 18 * 4 + 14 * 8 + 2 * ADIEU_ADDRESS_SIZE);

#[cfg(test)]
mod tests {
    use super::*;
    use adieu::{AtBound, Finish, Finisher};
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::time::Instant;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let begun = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        (begun, listener.accept().expect("it has connected").0)
    }

    /// Rust's report goes through C and comes back the same, with its sentence and its JSON.
    fn survives(report: &Report) {
        let there = adieu_report::of(report).expect("finishing gives what has a number");
        let back = there.to_rust().expect("it is a report");
        assert_eq!(&back, report);
        assert_eq!(
            serde_json::to_string(&back).expect("plain data"),
            serde_json::to_string(report).expect("plain data")
        );
    }

    #[test]
    fn a_report_is_the_same_after_it_went_through_c() {
        let short = Duration::from_millis(1);

        let (ours, mut theirs) = pair();
        (&ours).write_all(b"question").expect("there is room");
        theirs.write_all(b"answer").expect("there is room");
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = adieu::finish(ours, &Finish::new().role(Role::Listen));
        assert_eq!(report.ended_first, Some(Side::Peer));
        survives(&report);

        let (ours, theirs) = pair();
        let reader = std::thread::spawn(move || (&theirs).read_to_end(&mut Vec::new()));
        survives(&adieu::finish(ours, &Finish::new().role(Role::Connect)));
        reader.join().expect("it does not panic").expect("our FIN");

        let (ours, theirs) = pair();
        socket2::Socket::from(theirs).set_linger(Some(Duration::ZERO)).expect("a socket");
        let report = adieu::finish(ours, &Finish::new());
        assert_eq!(report.reset_by(), Some(Side::Peer));
        survives(&report);

        let (ours, _theirs) = pair();
        (&ours).write_all(&[0x16, 3, 1]).expect("there is room");
        let report = adieu::finish(ours, &Finish::new().deadline(short));
        assert_eq!(report.timer(), Some(Timer::Deadline));
        survives(&report);

        let (ours, mut theirs) = pair();
        theirs.write_all(&[0x15, 3, 3, 0, 2, 2, 70]).expect("there is room");
        let report = adieu::finish(ours, &Finish::new().idle_timeout(short).at_bound(AtBound::Close));
        assert_eq!((report.timer(), report.looks_like_tls), (Some(Timer::Idle), true));
        survives(&report);

        let (ours, mut theirs) = pair();
        theirs.write_all(b"late").expect("there is room");
        let sink = |_: &[u8]| Err(std::io::Error::from_raw_os_error(28));
        let report = adieu::finish(ours, &Finish::new().late_bytes(sink));
        assert_eq!(report.local_end(), Some(LocalEnd::Output));
        survives(&report);

        let (ours, mut theirs) = pair();
        theirs.write_all(b"late").expect("there is room");
        let report = adieu::finish(ours, &Finish::new().late_limit(3).at_bound(AtBound::Close));
        assert_eq!(report.missing(), Some(Missing::PeerEof));
        survives(&report);

        let (ours, _theirs) = pair();
        let mut finisher = Finisher::begin(ours, &Finish::new()).expect("it is connected");
        assert_eq!(finisher.advance(Instant::now()), adieu::Progress::Waiting);
        let report = finisher.abort();
        assert_eq!(report.reset_by(), Some(Side::Us));
        survives(&report);
    }

    #[cfg(unix)]
    #[test]
    fn a_report_of_a_unix_socket_is_the_same_after_it_went_through_c() {
        use std::os::unix::net::{UnixListener, UnixStream};

        let (ours, theirs) = UnixStream::pair().expect("descriptors are left");
        theirs.shutdown(Shutdown::Write).expect("connected");
        survives(&adieu::finish(ours, &Finish::new()));

        // As long as a path of a socket can be.
        let folder = std::env::temp_dir().join(format!("adieu-capi-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is room");
        let name = "x".repeat(106 - folder.as_os_str().len());
        let listener = UnixListener::bind(folder.join(name)).expect("a path that fits");
        let ours = UnixStream::connect(listener.local_addr().expect("bound").as_pathname().expect("a path"))
            .expect("it listens");
        let (theirs, _) = listener.accept().expect("it has connected");
        theirs.shutdown(Shutdown::Write).expect("connected");
        survives(&adieu::finish(ours, &Finish::new()));
        let _ = std::fs::remove_dir_all(&folder);
    }

    #[test]
    fn what_was_refused_reads_as_in_rust() {
        let refused = |error: adieu_error, socket: socket2::Socket| {
            let ours = adieu_report::of_refused(error, None, None).to_rust().expect("it is a report");
            let mut theirs = adieu::finish(socket, &Finish::new());
            theirs.started_at = ours.started_at;
            // Nothing was counted of what was no connection, and its times are zero.
            assert_eq!(ours, theirs);
        };
        let never = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        refused(adieu_error::NotConnected, never().expect("descriptors are left"));
        let datagrams = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
        refused(adieu_error::NotAStream, datagrams.expect("descriptors are left"));
        let report =
            adieu_report::of_refused(adieu_error::NotOpen, None, None).to_rust().expect("it is a report");
        assert_eq!(report.to_string(), "the socket cannot be finished: it is not open");
    }

    #[test]
    fn what_c_has_not_filled_in_or_has_spoilt_is_no_report() {
        assert!(adieu_report::INIT.to_rust().is_none());
        for ending in [-1, 7, i32::MAX] {
            assert!(adieu_report { ending, ..adieu_report::INIT }.to_rust().is_none());
        }
        // A reset by nobody.
        assert!(adieu_report { ending: 2, phase: 3, ..adieu_report::INIT }.to_rust().is_none());
    }
}
