//! Listeners that are given to us, and the options that are chosen for each client.

use crate::arms::{Arm, BOUND, Open, on_both, runtime};
use adieu::{
    Address, Endpoint, Interrupt, Limits, ListenCause, ListenError, ListenOptions, OptionError, Signal,
    SocketOptions,
};
use adieu_testkit::places;
use adieu_testkit::scenario::is_wine;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::fd::OwnedFd as Owned;
#[cfg(windows)]
use std::os::windows::io::OwnedSocket as Owned;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A listener of either face.
pub(crate) enum AnyListener {
    Blocking(adieu::Listener),
    Tokio(Rc<Runtime>, adieu::tokio::Listener),
}

impl Arm {
    pub(crate) fn bind(
        self,
        endpoint: &Endpoint,
        options: &ListenOptions,
    ) -> Result<AnyListener, ListenError> {
        match self {
            Self::Blocking => adieu::Listener::bind(endpoint, options).map(AnyListener::Blocking),
            Self::Tokio => {
                let runtime = Rc::new(runtime());
                let listener =
                    runtime.block_on(async { adieu::tokio::Listener::bind(endpoint, options).await })?;
                Ok(AnyListener::Tokio(runtime, listener))
            }
        }
    }

    fn listen_on(
        self,
        socket: impl Into<Owned>,
        options: &ListenOptions,
    ) -> Result<AnyListener, ListenError> {
        match self {
            Self::Blocking => adieu::Listener::from_socket(socket, options).map(AnyListener::Blocking),
            Self::Tokio => {
                let runtime = Rc::new(runtime());
                let listener =
                    runtime.block_on(async { adieu::tokio::Listener::from_socket(socket, options) })?;
                Ok(AnyListener::Tokio(runtime, listener))
            }
        }
    }

    #[cfg(unix)]
    fn listen_on_passed(self, name: &str) -> Result<AnyListener, ListenError> {
        let options = ListenOptions::new();
        match self {
            Self::Blocking => {
                adieu::Listener::from_service_manager(name, &options).map(AnyListener::Blocking)
            }
            Self::Tokio => {
                let runtime = Rc::new(runtime());
                let listener = runtime
                    .block_on(async { adieu::tokio::Listener::from_service_manager(name, &options) })?;
                Ok(AnyListener::Tokio(runtime, listener))
            }
        }
    }
}

impl AnyListener {
    fn with_options_for(self, choose: impl Fn(&Address) -> ListenOptions + Send + Sync + 'static) -> Self {
        match self {
            Self::Blocking(listener) => Self::Blocking(listener.with_options_for(choose)),
            Self::Tokio(runtime, listener) => Self::Tokio(runtime, listener.with_options_for(choose)),
        }
    }

    fn with_filter(self, lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        match self {
            Self::Blocking(listener) => Self::Blocking(listener.with_filter(lets_in)),
            Self::Tokio(runtime, listener) => Self::Tokio(runtime, listener.with_filter(lets_in)),
        }
    }

    /// The next client. A test to which nobody connects fails.
    fn accept(&self) -> Result<Open, ListenError> {
        match self {
            Self::Blocking(listener) => {
                listener.accept_within(BOUND).map(|one| Open::Blocking(one.expect("somebody connects")))
            }
            Self::Tokio(runtime, listener) => {
                let accepted = async { tokio::time::timeout(BOUND, listener.accept()).await };
                let connection = runtime.block_on(accepted).expect("somebody connects")?;
                Ok(Open::Tokio(Rc::clone(runtime), connection))
            }
        }
    }

    pub(crate) fn local_endpoint(&self) -> &Endpoint {
        match self {
            Self::Blocking(listener) => listener.local_endpoint(),
            Self::Tokio(_, listener) => listener.local_endpoint(),
        }
    }
}

/// Says a word over a stream that is new, and reads what comes back until the end.
fn ask<S: Read + Write>(mut stream: S, end: impl FnOnce(&S)) -> String {
    stream.write_all(b"word").expect("it is taken");
    end(&stream);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it ends");
    answer
}

fn ask_over_tcp(stream: TcpStream) -> String {
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    ask(stream, |stream| stream.shutdown(std::net::Shutdown::Write).expect("it is connected"))
}

#[cfg(unix)]
fn ask_over_unix(path: &std::path::Path) -> String {
    let stream = std::os::unix::net::UnixStream::connect(path).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    ask(stream, |stream| stream.shutdown(std::net::Shutdown::Write).expect("it is connected"))
}

#[test]
fn a_listener_of_the_standard_library_is_taken_over() {
    on_both(|arm| {
        let bound = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = bound.local_addr().expect("bound");
        // It has connected before anybody takes the listener over.
        let client = TcpStream::connect(address).expect("it listens");
        let listener = arm.listen_on(bound, &ListenOptions::new()).expect("it listens");
        assert_eq!(*listener.local_endpoint(), Endpoint::from(address));
        let asking = std::thread::spawn(move || ask_over_tcp(client));
        let report = listener.accept().expect("a client waits").echo();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(asking.join().expect("no panic"), "word");
        assert_eq!(report.endpoint, address.to_string());
    });
}

#[cfg(unix)]
#[test]
fn the_file_of_a_unix_listener_that_is_taken_over_is_left_to_its_maker() {
    on_both(|arm| {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("socket");
        let bound = std::os::unix::net::UnixListener::bind(&path).expect("a new path");
        let listener = arm.listen_on(bound, &ListenOptions::new()).expect("it listens");
        assert_eq!(*listener.local_endpoint(), Endpoint::unix(&path));
        let asked = path.clone();
        let asking = std::thread::spawn(move || ask_over_unix(&asked));
        let report = listener.accept().expect("a client comes").echo();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(asking.join().expect("no panic"), "word");
        drop(listener);
        assert!(path.exists(), "it was not ours");
    });
}

#[test]
fn what_cannot_be_listened_on_is_a_clear_error() {
    on_both(|arm| {
        let refused = |socket: Owned| {
            let error = arm.listen_on(socket, &ListenOptions::new()).err().expect("it cannot be");
            (error.cause().clone(), error.to_string())
        };
        let bound = adieu_testkit::places::listener();
        let mut client = TcpStream::connect(bound.local_addr().expect("bound")).expect("it listens");
        let (connected, _) = bound.accept().expect("it has connected");
        let (cause, said) = refused(connected.into());
        assert_eq!(cause, ListenCause::NotListening);
        assert!(said.starts_with("cannot listen on fd:") && said.ends_with(": the socket does not listen"));
        // It was closed.
        client.set_read_timeout(Some(BOUND)).expect("not zero");
        assert_eq!(client.read(&mut [0; 1]).expect("an end"), 0);
        let datagrams = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        assert_eq!(refused(datagrams.into()).0, ListenCause::NotAStream);
        let fresh = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("one");
        fresh.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("one").into()).expect("loopback");
        assert_eq!(refused(fresh.into()).0, ListenCause::NotListening);
        if cfg!(not(target_os = "linux")) {
            // There is no such option.
            return;
        }
        let options = ListenOptions::new().socket(SocketOptions::new().mptcp(true));
        let error = arm.listen_on(bound, &options).err().expect("it is open already");
        let listens_already = OptionError::ListensAlready { option: "mptcp" };
        assert_eq!(*error.cause(), ListenCause::Option(listens_already), "{error}");
    });
}

#[cfg(unix)]
#[test]
fn what_is_refused_as_a_listener_is_closed() {
    use std::os::unix::net::UnixDatagram;
    on_both(|arm| {
        let refused = |socket: Owned| {
            arm.listen_on(socket, &ListenOptions::new()).err().expect("it cannot be").cause().clone()
        };
        let (mut reader, writer) = std::io::pipe().expect("descriptors are left");
        assert_eq!(refused(writer.into()), ListenCause::NotASocket);
        assert_eq!(reader.read(&mut [0; 1]).expect("an end"), 0, "the pipe's other end is still open");
        let (ours, theirs) = UnixDatagram::pair().expect("descriptors are left");
        assert_eq!(refused(theirs.into()), ListenCause::NotAStream);
        ours.send(b"x").expect_err("the other end is still open");
    });
}

/// What is asked of the socket of a listener that is taken over is set on it, and so its connections have it.
#[cfg(target_os = "linux")]
#[test]
fn a_listener_that_is_taken_over_has_the_options_that_are_asked_for() {
    on_both(|arm| {
        let bound = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = bound.local_addr().expect("bound");
        let options = ListenOptions::new().socket(SocketOptions::new().ttl(7));
        let listener = arm.listen_on(bound, &options).expect("it listens");
        let _client = TcpStream::connect(address).expect("it listens");
        let open = listener.accept().expect("a client waits");
        let socket = open.socket().expect("it is open");
        assert_eq!(socket2::SockRef::from(&socket).ttl_v4().expect("a socket"), 7);
        open.abort();
    });
}

#[test]
fn the_options_of_a_connection_are_chosen_for_its_client() {
    on_both(|arm| {
        let listener = arm.bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
        let address = listener.local_endpoint().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let listener = listener.with_options_for(move |client| {
            let mut noted = noted.lock().expect("no panic");
            noted.push(client.clone());
            // The first has no time at all.
            let deadline = (noted.len() == 1).then_some(Duration::ZERO);
            ListenOptions::new().limits(Limits::new().deadline(deadline))
        });
        let hasty = TcpStream::connect(&address).expect("it listens");
        let mut open = listener.accept().expect("a client waits");
        let error = open.read(&mut [0; 1]).expect_err("its deadline has passed");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let patient = TcpStream::connect(&address).expect("it listens");
        let peers = [&hasty, &patient].map(|s| Address::Socket(s.local_addr().expect("connected")));
        let asking = std::thread::spawn(move || ask_over_tcp(patient));
        let report = listener.accept().expect("a client comes").echo();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(asking.join().expect("no panic"), "word");
        assert_eq!(*seen.lock().expect("no panic"), peers);
    });
}

#[test]
fn the_listeners_own_options_may_be_chosen_again() {
    on_both(|arm| {
        let asked = SocketOptions::new().ip_version(adieu::IpVersion::V4).no_delay(false);
        let options = ListenOptions::new().socket(asked);
        let listener = arm.bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
        let _client = TcpStream::connect(listener.local_endpoint().to_string()).expect("it listens");
        let listener = listener.with_options_for(move |_| options.clone());
        let open = listener.accept().expect("nothing is asked for that it does not have");
        let socket = open.socket().expect("it is open");
        assert!(!socket2::SockRef::from(&socket).tcp_nodelay().expect("a socket"));
        open.abort();
    });
}

#[test]
fn a_choice_that_cannot_be_had_resets_its_client_alone() {
    on_both(|arm| {
        let listener = arm.bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
        let address = listener.local_endpoint().to_string();
        let is_wrong = AtomicBool::new(true);
        let listener = listener.with_options_for(move |_| {
            let options = ListenOptions::new();
            let queue = is_wrong.swap(false, Ordering::Relaxed).then_some(1);
            options.fast_open_queue(queue)
        });
        let mut first = TcpStream::connect(&address).expect("it listens");
        first.set_read_timeout(Some(BOUND)).expect("not zero");
        let error = listener.accept().err().expect("that is for a socket that is opened");
        let refused = ListenCause::Option(OptionError::ConnectedAlready { option: "fastopen" });
        assert_eq!(*error.cause(), refused);
        let end = first.read(&mut [0; 1]).map_err(|error| error.kind());
        // Wine tells no reset to who only receives.
        let is_reset = end == Err(std::io::ErrorKind::ConnectionReset);
        assert!(is_reset || adieu_testkit::scenario::is_wine(), "an end that looks whole: {end:?}");
        let second = TcpStream::connect(&address).expect("it listens");
        let asking = std::thread::spawn(move || ask_over_tcp(second));
        assert!(listener.accept().expect("the listener is well").echo().is_graceful());
        assert_eq!(asking.join().expect("no panic"), "word");
    });
}

#[test]
fn an_interrupt_takes_no_client_that_waits() {
    on_both(|arm| {
        let interrupt = Interrupt::new().expect("descriptors are left");
        let options = ListenOptions::new().interrupt(&interrupt);
        let listener = arm.bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
        let address = listener.local_endpoint().to_string();
        let clients = [0; 2].map(|_| TcpStream::connect(&address).expect("it listens"));
        drop(listener.accept().expect("somebody waits"));
        interrupt.raise(Signal::Terminate);
        let Err(error) = listener.accept() else { panic!("it was interrupted") };
        assert_eq!(*error.cause(), ListenCause::Interrupted);
        let is_there = match &listener {
            AnyListener::Blocking(listener) => listener.try_accept().expect("it listens").is_some(),
            AnyListener::Tokio(runtime, listener) => {
                runtime.block_on(async { listener.try_accept() }).expect("it listens").is_some()
            }
        };
        assert!(is_there, "whoever was accepted in vain was told an end that is none");
        drop(clients);
    });
}

/// A service manager that starts a process with two sockets: the shell puts them where they belong, and names the process that
/// it becomes.
#[cfg(unix)]
#[test]
fn sockets_of_the_service_manager_are_taken_by_name_and_by_number() {
    use std::process::{Command, Stdio};
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("socket");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = tcp.local_addr().expect("bound");
    let unix = std::os::unix::net::UnixListener::bind(&path).expect("a new path");
    let line = "export LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=web:local:web; \
                exec 3<&0 4<&1 5</dev/null </dev/null >&2; exec \"$0\" \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", line])
        .arg(std::env::current_exe().expect("it runs"))
        .args(["--exact", "listeners::a_process_that_was_started_with_sockets", "--ignored", "--nocapture"])
        .stdin(Stdio::from(Owned::from(tcp)))
        .stdout(Stdio::from(Owned::from(unix)))
        .spawn()
        .expect("there is a shell");
    let asked = path.clone();
    let over_unix = std::thread::spawn(move || ask_over_unix(&asked));
    // The kernel takes it, whether or not the process has started.
    let over_tcp = ask_over_tcp(TcpStream::connect(address).expect("it listens"));
    let status = child.wait().expect("it can be waited for");
    assert_eq!((over_tcp.as_str(), status.success()), ("word", true), "what it said is above");
    assert_eq!(over_unix.join().expect("no panic"), "word");
    assert!(path.exists(), "the service manager's file was removed");
}

#[cfg(unix)]
#[test]
#[ignore = "it is the process that another test starts with sockets"]
fn a_process_that_was_started_with_sockets() {
    use adieu::PassedSocketError as E;
    let passed = |result: Result<AnyListener, ListenError>| match result.err().map(|e| e.cause().clone()) {
        Some(ListenCause::Passed(error)) => error,
        other => panic!("{other:?}"),
    };
    let unknown = passed(Arm::Blocking.listen_on_passed("wbe"));
    let all = ["3 (web)", "4 (local)", "5 (web)"].map(str::to_owned).to_vec();
    assert_eq!(unknown, E::Unknown { name: "wbe".into(), passed: all });
    let web = Arm::Blocking.listen_on_passed("web").expect("it was passed");
    // Also of those that nobody has asked for.
    #[cfg(target_os = "linux")]
    for number in 3..6 {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).expect("it is open");
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("it has flags");
        let flags = u32::from_str_radix(flags.trim(), 8).expect("octal");
        assert_eq!(flags & 0o2_000_000, 0o2_000_000, "{number} has no CLOEXEC");
    }
    let local = Arm::Tokio.listen_on_passed("4").expect("it was passed");
    // The second of the same name is a file.
    let not_a_socket = Arm::Tokio.listen_on_passed("web").err().expect("it cannot be listened on");
    assert_eq!(*not_a_socket.cause(), ListenCause::NotASocket);
    assert_eq!(not_a_socket.to_string(), "cannot listen on fd:web: it is not a socket");
    for name in ["web", "4", "local"] {
        assert_eq!(passed(Arm::Tokio.listen_on_passed(name)), E::Taken { name: name.into() });
    }
    for listener in [web, local] {
        let report = listener.accept().expect("a client comes").echo();
        assert!(report.is_graceful(), "{report}");
    }
}

#[cfg(unix)]
#[test]
fn a_process_that_was_passed_nothing_says_so() {
    on_both(|arm| {
        let error = arm.listen_on_passed("web").err().expect("nothing was passed");
        let nothing = "cannot listen on fd:web: the service manager passed no sockets to this process";
        assert!(error.to_string().starts_with(nothing), "{error}");
        let error = arm.connect(&Endpoint::passed("web"), &adieu::ConnectOptions::new()).err();
        let said = error.expect("it only listens").to_string();
        assert!(said.ends_with("a socket that the service manager passed is only for listening"), "{said}");
    });
}

#[test]
fn a_client_that_is_not_let_in_is_reset_and_the_next_one_is_served() {
    on_both(|arm| {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut number) = (Arc::clone(&asked), 0);
        let listener = arm.bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
        let second_only = Mutex::new(move || {
            number += 1;
            number == 3
        });
        let listener = listener.with_filter(move |client| {
            seen.lock().expect("no panic").push(client.clone());
            second_only.lock().expect("no panic")()
        });
        let address = listener.local_endpoint().to_string();
        let mut denied: Vec<TcpStream> =
            (0..2).map(|_| TcpStream::connect(&address).expect("it listens")).collect();
        let client = TcpStream::connect(&address).expect("it listens");
        let of_client = client.local_addr().expect("connected");
        let asking = std::thread::spawn(move || ask_over_tcp(client));
        let report = listener.accept().expect("the third is let in").echo();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.peer_address, Some(of_client.into()));
        assert_eq!(asking.join().expect("no panic"), "word");
        for stream in &mut denied {
            stream.set_read_timeout(Some(BOUND)).expect("not zero");
            let end = stream.read(&mut [0; 1]).map_err(|error| error.kind());
            assert!(end == Err(std::io::ErrorKind::ConnectionReset) || is_wine() && end == Ok(0), "{end:?}");
        }
        assert_eq!(asked.lock().expect("no panic").len(), 3);
    });
}

#[test]
fn every_address_takes_clients_of_both_versions_by_their_own_addresses() {
    on_both(|arm| {
        let listener = arm.bind(&Endpoint::tcp("", 0), &ListenOptions::new()).expect("every address");
        let (_, port) = listener
            .local_endpoint()
            .to_string()
            .rsplit_once(':')
            .map(|(h, p)| (h.to_owned(), p.to_owned()))
            .expect("a port");
        let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
        let shown = if has_ipv6 { "[::]" } else { "0.0.0.0" };
        assert_eq!(listener.local_endpoint().to_string(), format!("{shown}:{port}"));
        for host in ["127.0.0.1", "[::1]"].into_iter().filter(|host| has_ipv6 || !host.starts_with('[')) {
            let client = TcpStream::connect(format!("{host}:{port}")).expect("it listens");
            let (ours, theirs) = (client.peer_addr().expect("one"), client.local_addr().expect("one"));
            let asking = std::thread::spawn(move || ask_over_tcp(client));
            let report = listener.accept().expect("a client comes").echo();
            assert_eq!(asking.join().expect("no panic"), "word");
            assert_eq!(report.peer_address, Some(theirs.into()), "{host}");
            assert_eq!(report.local_address, Some(ours.into()), "{host}");
        }
    });
}

#[test]
fn one_version_of_every_address_is_not_the_other() {
    on_both(|arm| {
        let (of_v4, of_v6): (IpAddr, IpAddr) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        for (version, shown, other) in
            [(adieu::IpVersion::V4, "0.0.0.0:", of_v6), (adieu::IpVersion::V6, "[::]:", of_v4)]
        {
            if TcpListener::bind("[::1]:0").is_err() {
                return;
            }
            let options = ListenOptions::new().socket(SocketOptions::new().ip_version(version));
            let mut passed_over = Vec::new();
            let (_listener, (other, _held)) = loop {
                let listener = arm.bind(&Endpoint::tcp("", 0), &options).expect("every address");
                let endpoint = listener.local_endpoint().to_string();
                let port = endpoint.strip_prefix(shown).expect("its own version's address");
                let port = port.parse().expect("a port");
                // So that nobody else listens there.
                match places::refusing(SocketAddr::new(other, port)) {
                    Ok(held) => break (listener, held),
                    Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => passed_over.push(listener),
                    Err(error) => panic!("{error}"),
                }
                assert!(passed_over.len() < 100, "it has the port of both versions");
            };
            let error = TcpStream::connect(other).expect_err("the other version");
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
    });
}

#[test]
fn every_address_cannot_be_connected_to() {
    let error = adieu::connect(&Endpoint::tcp("", 80), &adieu::ConnectOptions::new()).expect_err("no host");
    assert_eq!(error.to_string(), "cannot connect to :80: there is no host to connect to");
}

/// They are set once, on the socket that listens: who waits in its backlog when this process is killed has them too.
#[cfg(target_os = "linux")]
#[test]
fn what_is_accepted_has_all_options_of_a_connection_from_the_socket_that_listens() {
    let asked = adieu::SocketOptions::new().keep_alive(Duration::from_secs(40)).ttl(9);
    let options = ListenOptions::new().socket(asked);
    let listener =
        adieu::Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback can be listened on");
    let Endpoint::Tcp { port, .. } = *listener.local_endpoint() else { panic!("it is TCP") };
    let _client = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let connection = listener.accept_within(BOUND).expect("it listens").expect("a client waits");
    let socket = connection.socket().expect("it is open");
    let socket = socket2::SockRef::from(&socket);
    assert_eq!(socket.linger().expect("it tells"), Some(Duration::ZERO));
    assert!(socket.out_of_band_inline().expect("it tells"));
    assert!(socket.tcp_nodelay().expect("it tells"));
    assert!(socket.keepalive().expect("it tells"));
    assert_eq!(socket.tcp_keepalive_time().expect("it tells"), Duration::from_secs(40));
    assert_eq!(socket.ttl_v4().expect("it tells"), 9);
    assert!(socket.nonblocking().expect("it tells"));
}
