//! How far apart our kernel's asks are: its retransmissions, and its probes of a closed window.
//!
//! Linux waits twice as long before each next one, up to two minutes. So after an outage of a minute and a half nothing may
//! move for as long again, and of a peer behind a closed window one lost probe is four minutes of silence. From Linux 6.15
//! on the longest wait is a socket's own, and is 20 s here while the kernel asks: an outage of two minutes is then asked over
//! within the time in which a dead peer is to be noticed, and three small segments a minute are no load for any path.
//!
//! It is as the system has it otherwise:
//!
//! - While the kernel does not ask, nor would after a wait that an outage has spoilt the measure of, and once we close: how long it goes on with a socket that has no owner depends on it.
//! - For what was sent before the window was closed (`snd_wnd` 0, something unacknowledged): the kernel gives that up after
//!   twice the longest wait without a segment of the peer's, which is then no time.
//! - Before there is a connection: SYNs are another matter.
//! - On a path whose answers take 5 s and more: RFC 6298, 2.5, which wants no maximum below 60 s, has those in mind.
//! - Where `net.ipv4.tcp_retries2` is below its default: the kernel makes a time of that number, and shorter waits a shorter
//!   one. With the default it gives up after some 205 s instead of 925 s, and later than the core does.
//!
//! Source: `tcp_rto_max`, `tcp_model_timeout`, `tcp_rtx_probe0_timed_out` and `tcp_orphan_retries` of Linux;
//! `Documentation/networking/ip-sysctl.rst`, tcp_rto_max_ms.

use adieu_proto::{Asking, Path};
use socket2::SockRef;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// `include/uapi/linux/tcp.h`; libc does not have it.
const TCP_RTO_MAX_MS: libc::c_int = 44;
/// In milliseconds.
const OFTEN: libc::c_int = 20_000;
/// A path whose answers take no longer.
const QUICK: Duration = Duration::from_secs(5);
/// TCP_RTO_MAX, where it is nobody's to set.
const USUAL: Duration = Duration::from_secs(120);
/// TCP_RTO_MIN.
const SHORTEST: Duration = Duration::from_millis(200);
/// Of `net.ipv4.tcp_retries2`.
const USUAL_RETRIES: u32 = 15;

/// What is done about it for one socket.
#[derive(Debug, Default)]
pub struct ProbePace {
    /// The longest wait that the socket had, in milliseconds. `None`: it has it.
    usual: Option<libc::c_int>,
    /// This kernel, or this system, wants it left alone.
    refused: bool,
}

impl ProbePace {
    /// What TCP_INFO tells of the way to the peer, after the longest wait was made to suit it.
    pub(super) fn path(&mut self, socket: &SockRef<'_>, info: &super::TcpInfo) -> Path {
        let rto = micros(info.tcpi_rto);
        // After an outage the first answer is measured from before it.
        let asks = info.tcpi_backoff > 0 || rto >= QUICK;
        let shrunk = info.tcpi_unacked > 0 && info.tcpi_snd_wnd == 0;
        if asks && !shrunk && micros(info.tcpi_min_rtt) < QUICK {
            self.hasten(socket.as_fd());
        } else {
            self.restore(socket);
        }
        let every = if info.tcpi_unacked > 0 {
            rto
        } else {
            // Of probes the backoff is no part of the timeout (tcp_probe0_when).
            let longest = if self.usual.is_some() { millis(OFTEN) } else { USUAL };
            rto.max(SHORTEST).saturating_mul(1 << info.tcpi_backoff.min(20)).min(longest)
        };
        Path {
            last_heard: Some(Duration::from_millis(info.tcpi_last_ack_recv.into())),
            // Linux 4.2 and later.
            segments_received: Some(info.tcpi_segs_in.into()).filter(|n| *n > 0),
            asking: Some(Asking {
                retransmissions: info.tcpi_retransmits.into(),
                probes: info.tcpi_probes.into(),
                every,
            }),
            answer_within: answer_within(info),
            // Nothing was measured: all ones.
            answer_after: Some(info.tcpi_min_rtt).filter(|rtt| *rtt != u32::MAX).map(micros),
        }
    }

    fn hasten(&mut self, fd: BorrowedFd<'_>) {
        if self.refused || self.usual.is_some() {
            return;
        }
        match super::get_int(fd, libc::IPPROTO_TCP, TCP_RTO_MAX_MS) {
            Ok(usual) if usual > OFTEN && goes_on_for_long() => {
                let set = super::set_int(fd, libc::IPPROTO_TCP, TCP_RTO_MAX_MS, OFTEN);
                self.usual = set.is_ok().then_some(usual);
                self.refused = set.is_err();
            }
            _ => self.refused = true,
        }
    }

    /// Gives the socket the longest wait back that it had.
    pub fn restore(&mut self, socket: &SockRef<'_>) {
        if let Some(usual) = self.usual.take() {
            // Refused, it only asks more often than it has to.
            let _ = super::set_int(socket.as_fd(), libc::IPPROTO_TCP, TCP_RTO_MAX_MS, usual);
        }
    }
}

/// Whether the kernel sends again for so long by itself that shorter waits do not end a connection before the core would.
fn goes_on_for_long() -> bool {
    let retries = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_retries2").unwrap_or_default();
    retries.trim().parse().is_ok_and(|retries: u32| retries >= USUAL_RETRIES)
}

/// The retransmission timeout without its backoff, and without what an outage did to it. `None`: nothing was measured.
///
/// Source: RFC 6298, 2.3, with Linux's TCP_RTO_MIN.
fn answer_within(info: &super::TcpInfo) -> Option<Duration> {
    let variation = micros(info.tcpi_rttvar).saturating_mul(4).max(SHORTEST);
    let measured = Some(micros(info.tcpi_rtt)).filter(|rtt| !rtt.is_zero());
    measured.map(|rtt| (rtt + variation).min(millis(OFTEN)))
}

fn micros(n: u32) -> Duration {
    Duration::from_micros(n.into())
}

fn millis(n: libc::c_int) -> Duration {
    Duration::from_millis(n.unsigned_abs().into())
}

// Networks of a test's own are Linux's.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    //! What we believe of the kernel's facts, asked of the kernel.

    use super::*;
    use adieu_testkit::namespace::Namespaces;
    use socket2::TcpKeepalive;
    use std::io::{self, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    const BOUND: Duration = Duration::from_secs(20);
    const LOOK_AGAIN: Duration = Duration::from_millis(20);

    fn look(stream: &TcpStream, pace: &mut ProbePace) -> (Path, Asking) {
        let info = super::super::tcp_info(stream.as_fd()).expect("it is TCP");
        let path = pace.path(&SockRef::from(stream), &info);
        (path, path.asking.expect("Linux tells"))
    }

    /// Looks until it is as wanted.
    #[track_caller]
    fn look_until(
        stream: &TcpStream,
        pace: &mut ProbePace,
        wanted: impl Fn(&Path, Asking) -> bool,
    ) -> (Path, Asking) {
        let start = Instant::now();
        loop {
            let (path, asking) = look(stream, pace);
            if wanted(&path, asking) {
                return (path, asking);
            }
            assert!(start.elapsed() < BOUND, "never: {path:?}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn longest_wait(stream: &TcpStream) -> Option<libc::c_int> {
        super::super::get_int(stream.as_fd(), libc::IPPROTO_TCP, TCP_RTO_MAX_MS).ok()
    }

    /// Connected over a wire that can be cut, ours first.
    fn over_a_wire(pair: &Namespaces) -> (TcpStream, TcpStream) {
        pair.enter_peers().expect("the namespace is there");
        let listener = TcpListener::bind(pair.peer_address()).expect("its address");
        let address = listener.local_addr().expect("bound");
        pair.enter_programs().expect("the namespace is there");
        let near = TcpStream::connect(address).expect("the wire is whole");
        (near, listener.accept().expect("it has connected").0)
    }

    /// In a namespace, which a thread cannot leave.
    fn on_a_wire(test: &str, body: fn(Namespaces)) {
        let Some(pair) = Namespaces::or_skip(test) else { return };
        std::thread::spawn(move || body(pair))
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }

    #[test]
    fn a_cut_wire_is_asked_over_and_the_first_answer_counts_as_a_segment() {
        on_a_wire("a_cut_wire_is_asked_over_and_the_first_answer_counts_as_a_segment", |pair| {
            let (mut near, _far) = over_a_wire(&pair);
            let mut pace = ProbePace::default();
            near.write_all(b"arrives").expect("connected");
            let idle = |_: &Path, _: Asking| super::super::outq(near.as_fd()).is_ok_and(|octets| octets == 0);
            let (before, asking) = look_until(&near, &mut pace, idle);
            assert_eq!((asking.retransmissions, asking.probes), (0, 0));
            assert!(before.answer_within.is_some_and(|time| (SHORTEST..QUICK).contains(&time)), "{before:?}");
            let usual = longest_wait(&near);
            pair.cut().expect("the wire is there");
            near.write_all(b"lost").expect("our kernel takes it");
            let (silent, asking) = look_until(&near, &mut pace, |_, asking| asking.retransmissions >= 2);
            assert_eq!(silent.segments_received, before.segments_received, "nothing has come");
            // Twice as long each time, from 200 ms on.
            assert!(asking.every >= Duration::from_millis(800), "{asking:?}");
            if usual.is_some() && goes_on_for_long() {
                assert_eq!(longest_wait(&near), Some(OFTEN));
            }
            pair.mend().expect("the wire is there");
            let (heard, _) = look_until(&near, &mut pace, |_, asking| asking.retransmissions == 0);
            assert!(heard.segments_received > before.segments_received, "{heard:?}");
            assert_eq!(longest_wait(&near), usual, "it asks no more");
        });
    }

    #[test]
    fn a_closed_window_is_probed_and_probes_without_an_answer_are_counted() {
        on_a_wire("a_closed_window_is_probed_and_probes_without_an_answer_are_counted", |pair| {
            let (near, _far) = over_a_wire(&pair);
            near.set_nonblocking(true).expect("a socket");
            let mut pace = ProbePace::default();
            let full = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            let closed = |path: &Path, asking: Asking| {
                while let Ok(1..) = (&near).write(&[0; 16 * 1024]).map_err(full) {}
                let info = super::super::tcp_info(near.as_fd()).expect("it is TCP");
                let probed = info.tcpi_snd_wnd == 0 && info.tcpi_backoff > 0;
                probed && asking.probes == 0 && path.segments_received.is_some()
            };
            let (before, asking) = look_until(&near, &mut pace, closed);
            assert_eq!(asking.retransmissions, 0, "a probe that is answered is none");
            let (heard, _) =
                look_until(&near, &mut pace, |path, _| path.segments_received > before.segments_received);
            assert!(heard.last_heard < Some(Duration::from_secs(5)), "{heard:?}");
            pair.cut().expect("the wire is there");
            let (silent, asking) = look_until(&near, &mut pace, |_, asking| asking.probes > 0);
            assert!(asking.every >= SHORTEST && asking.retransmissions == 0, "{silent:?}");
        });
    }

    #[test]
    fn a_keep_alive_of_the_peers_is_a_segment_and_no_acknowledgement() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (far, _) = listener.accept().expect("it has connected");
        let mut pace = ProbePace::default();
        let (before, _) = look(&near, &mut pace);
        let alive = TcpKeepalive::new().with_time(Duration::from_secs(1));
        SockRef::from(&far).set_tcp_keepalive(&alive).expect("a socket");
        let (after, _) =
            look_until(&near, &mut pace, |path, _| path.segments_received > before.segments_received);
        assert!(after.last_heard >= Some(Duration::from_millis(900)), "{after:?}");
    }
}
