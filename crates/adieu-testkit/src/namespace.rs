//! A wire that can be cut silently: two network namespaces, joined by a veth pair.
//!
//! The program runs in one (`ip netns exec`), the peer's thread enters the other (setns(2), which is per
//! thread), and the wire between them can be made to swallow every packet: no ICMP, no RST, no carrier lost. For
//! that no packet filter is needed, only iproute2:
//!
//! - to the peer: the peer's interface takes another link address, so packets arrive addressed to somebody
//!   else and are ignored, as on any shared wire;
//! - from the peer: a `blackhole` route in the peer's namespace.
//!
//! Neighbour entries are permanent, so that no address resolution fails in the meantime and tells on the hole.
//!
//! # Platforms
//!
//! Linux, as root, with `ip` and the veth driver. Elsewhere [`Namespaces::new`] says why not.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::AsFd,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::skip;
use adieu_peer::Site;

const PROGRAM_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
// Link addresses, all locally administered; the last is of neither end.
const PROGRAM_LINK: &str = "02:00:00:00:00:01";
const PEER_LINK: &str = "02:00:00:00:00:02";
const SOMEBODY_ELSE: &str = "02:00:00:00:00:99";

/// Two joined network namespaces; removed when dropped, after a panic too.
#[derive(Debug)]
pub struct Namespaces {
    program: String,
    peer: String,
}

impl Namespaces {
    /// Makes the two namespaces and the wire.
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
        let pair = Self { program: format!("adieu-a-{id}"), peer: format!("adieu-b-{id}") };
        // From here on Drop cleans up whatever has come to be.
        pair.make().map_err(|error| unsupported(format!("network namespaces cannot be made: {error}")))?;
        Ok(pair)
    }

    /// As [`Namespaces::new`], but says loudly on stderr that a test is skipped, and gives `None`.
    ///
    /// # Panics
    ///
    /// If the namespaces cannot be had and [`crate::skip::REQUIRE`] is 1, as it is in CI: there a skip is a failure.
    pub fn or_skip(test: &str) -> Option<Self> {
        match Self::new() {
            Ok(pair) => Some(pair),
            Err(error) => {
                skip::loudly(test, &error);
                None
            }
        }
    }

    fn make(&self) -> io::Result<()> {
        let (a, b) = (&*self.program, &*self.peer);
        ip(&["netns", "add", a])?;
        ip(&["netns", "add", b])?;
        ip(&["-n", a, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", b])?;
        for (namespace, address, link) in [(a, PROGRAM_ADDRESS, PROGRAM_LINK), (b, PEER_ADDRESS, PEER_LINK)] {
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", "wire", "address", link])?;
            ip(&["-n", namespace, "address", "add", &format!("{address}/30"), "dev", "wire"])?;
            ip(&["-n", namespace, "link", "set", "wire", "up"])?;
        }
        for (here, address, link) in [(a, PEER_ADDRESS, PEER_LINK), (b, PROGRAM_ADDRESS, PROGRAM_LINK)] {
            let address = address.to_string();
            ip(&[
                "-n",
                here,
                "neighbour",
                "replace",
                &address,
                "lladdr",
                link,
                "dev",
                "wire",
                "nud",
                "permanent",
            ])?;
        }
        Ok(())
    }

    /// An address that a peer in its namespace can listen on, and the program reach; the kernel chooses the port.
    pub fn peer_address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(PEER_ADDRESS), 0)
    }

    /// For a peer: enters the peer's namespace, and can cut the wire.
    pub fn site_of_peer(&self) -> Site {
        let (enter, cut) = (self.peer.clone(), self.peer.clone());
        Site {
            enter: Some(Box::new(move || enter_namespace(&enter))),
            cut: Some(Box::new(move || cut_wire(&cut))),
        }
    }

    /// Moves the calling thread into the program's namespace: for a driver that runs in this process. Use a
    /// thread that ends with the test.
    ///
    /// # Errors
    ///
    /// What setns(2) says.
    pub fn enter_programs(&self) -> io::Result<()> {
        enter_namespace(&self.program)
    }

    /// What to put before a program's arguments to run it in its namespace.
    pub fn prefix(&self) -> Vec<OsString> {
        ["ip", "netns", "exec", &self.program].map(OsString::from).into()
    }

    /// From now on the program's system has no way to the peer. A packet that is to be sent again is a soft error of its
    /// connection (EHOSTUNREACH), which TCP outlives for minutes.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn bar_the_way(&self) -> io::Result<()> {
        ip(&["-n", &self.program, "route", "replace", "unreachable", &format!("{PEER_ADDRESS}/32")])?;
        Ok(())
    }

    /// From now on every packet between the two is dropped silently.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn cut(&self) -> io::Result<()> {
        cut_wire(&self.peer)
    }

    /// From now on a wire that was [cut](Self::cut) carries packets again.
    ///
    /// # Errors
    ///
    /// What `ip` says.
    pub fn mend(&self) -> io::Result<()> {
        ip(&["-n", &self.peer, "link", "set", "wire", "address", PEER_LINK])?;
        ip(&["-n", &self.peer, "route", "delete", "blackhole", &format!("{PROGRAM_ADDRESS}/32")])?;
        Ok(())
    }

    /// Moves the calling thread into the peer's namespace. Use a thread that ends with the test.
    ///
    /// # Errors
    ///
    /// What setns(2) says.
    pub fn enter_peers(&self) -> io::Result<()> {
        enter_namespace(&self.peer)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // The wire goes with the namespaces. An error here means that making them failed half-way.
        let _ = ip(&["netns", "delete", &self.program]);
        let _ = ip(&["netns", "delete", &self.peer]);
    }
}

/// Gives the calling thread, and threads and programs that it starts, a network of its own: loopback alone, with packets
/// as long as Ethernet's. Use a thread that ends with the test.
///
/// # Errors
///
/// What the system says: it takes Linux, root and `ip`.
pub fn own_loopback() -> io::Result<()> {
    crate::os::enter_own_network()?;
    ip(&["link", "set", "lo", "mtu", "1500", "up"])?;
    Ok(())
}

/// Sets a variable of the calling thread's network, such as `net.ipv4.tcp_fastopen`. Only in one of its own.
///
/// # Errors
///
/// What the system says.
pub fn set(name: &str, value: &str) -> io::Result<()> {
    fs::write(format!("/proc/sys/{}", name.replace('.', "/")), value)
}

/// How often the calling thread's network has counted this, such as `TCPFastOpenPassive`.
///
/// # Errors
///
/// There is no such counter.
///
/// # Platforms
///
/// Linux: `Documentation/networking/snmp_counter.rst`.
pub fn counter(name: &str) -> io::Result<u64> {
    let table = fs::read_to_string("/proc/thread-self/net/netstat")?;
    let mut lines = table.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let mut both = names.split_whitespace().zip(values.split_whitespace());
        if let Some((_, value)) = both.find(|(n, _)| *n == name) {
            return value.parse().map_err(io::Error::other);
        }
    }
    Err(io::Error::other(format!("no counter {name}")))
}

fn cut_wire(peer: &str) -> io::Result<()> {
    ip(&["-n", peer, "link", "set", "wire", "address", SOMEBODY_ELSE])?;
    ip(&["-n", peer, "route", "replace", "blackhole", &format!("{PROGRAM_ADDRESS}/32")])?;
    Ok(())
}

pub(crate) fn enter_namespace(name: &str) -> io::Result<()> {
    // Where iproute2 keeps the namespaces it names.
    let namespace = File::open(format!("/run/netns/{name}"))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}

pub(crate) fn ip<S: AsRef<OsStr>>(arguments: &[S]) -> io::Result<String> {
    let done = Command::new("ip").args(arguments).stdin(Stdio::null()).output()?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        let words: Vec<_> = arguments.iter().map(|word| word.as_ref().to_string_lossy()).collect();
        let said = String::from_utf8_lossy(&done.stderr);
        Err(io::Error::other(format!("ip {}: {}", words.join(" "), said.trim())))
    }
}

pub(crate) fn unsupported(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu_peer::pattern::Pattern;
    use adieu_peer::{Bind, FailureKind, PeerHandle, Step};
    use std::{
        net::{Shutdown, TcpStream},
        path::Path,
        thread,
        time::Duration,
    };

    const BOUND: Duration = Duration::from_secs(20);

    #[test]
    fn a_cut_wire_swallows_the_upload_and_says_nothing() {
        let Some(pair) = Namespaces::or_skip("a_cut_wire_swallows_the_upload_and_says_nothing") else {
            return;
        };
        let bind = Bind::Tcp(pair.peer_address());
        let script = &[Step::Receive(1_000), Step::DropPackets, Step::Hold, Step::ReceiveToEof];
        let peer = PeerHandle::listen_at(bind, script, pair.site_of_peer()).expect("a peer in its namespace");
        let address = peer.endpoint().address().expect("TCP");
        thread::scope(|scope| {
            scope.spawn(|| {
                pair.enter_programs().expect("the namespace is there");
                let mut stream = TcpStream::connect(address).expect("the wire is whole");
                io::copy(&mut Pattern::of_program().reader(1_000), &mut stream).expect("the peer takes it");
                assert!(peer.wait_for_step(2, BOUND), "the wire is cut");
                let rest = &mut Pattern::of_program().reader_from(1_000, 50_000);
                io::copy(rest, &mut stream).expect("our kernel accepts it");
                stream.shutdown(Shutdown::Write).expect("connected");
                // Enough for a first retransmission: an RST or an ICMP error would have come by then.
                stream.set_read_timeout(Some(Duration::from_millis(400))).expect("a time-out");
                let error = io::copy(&mut stream, &mut io::sink()).expect_err("nothing comes");
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                // The FIN counts as one.
                assert_eq!(
                    adieu_peer::os::unacknowledged(&socket2::SockRef::from(&stream)).expect("SIOCOUTQ"),
                    50_001
                );
            });
        });
        let log = peer.finish();
        assert_eq!((log.received, log.first_wrong, log.end()), (1_000, None, None), "{log:?}");
        assert_eq!(log.failure.map(|failure| failure.kind), Some(FailureKind::NoProgress));
    }

    #[test]
    fn namespaces_are_removed_after_a_panic_too() {
        let Some(pair) = Namespaces::or_skip("namespaces_are_removed_after_a_panic_too") else { return };
        let path = format!("/run/netns/{}", pair.peer);
        assert!(Path::new(&path).exists());
        let panicked = thread::spawn(move || {
            let _pair = pair;
            std::panic::resume_unwind(Box::new("as a failed test does"));
        });
        assert!(panicked.join().is_err());
        assert!(!Path::new(&path).exists());
    }
}
