//! Connecting: every address, none of them, and what each said.

use crate::arms::{BOUND, bounded, on_both, runtime};
use adieu::{ConnectCause, ConnectOptions, Endpoint, Event, Limits, ListenOptions};
use adieu_testkit::{places, skip};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const NAME: &str = "adieu-peer";
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Gives this thread the name; if that cannot be, says so and gives false.
fn name_is(addresses: &[IpAddr], held: &mut Vec<Box<dyn std::any::Any>>) -> bool {
    match places::own_hosts(NAME, addresses) {
        Ok(hosts) => held.push(Box::new(hosts)),
        Err(error) => {
            skip::loudly("a name with several addresses", &error);
            return false;
        }
    }
    true
}

#[test]
fn the_error_lists_what_every_address_said() {
    on_both(|arm| {
        let mut held = Vec::new();
        if !name_is(&[V6, V4], &mut held) {
            return;
        }
        let [(v4, socket4), (_, socket6)] = places::same_port(V4, V6).expect("loopback");
        held.push(Box::new((socket4, socket6)));
        let error =
            arm.connect(&Endpoint::tcp(NAME, v4.port()), &ConnectOptions::new()).err().expect("refused");
        let ConnectCause::Attempts(attempts) = error.cause() else { panic!("{error}") };
        let mut addresses: Vec<String> = attempts.iter().map(|attempt| attempt.tried.to_string()).collect();
        addresses.sort_unstable();
        assert_eq!(addresses, [format!("127.0.0.1:{}", v4.port()), format!("[::1]:{}", v4.port())]);
        assert!(attempts.iter().all(|attempt| attempt.error.kind() == io::ErrorKind::ConnectionRefused));
        let said = error.to_string();
        assert!(addresses.iter().all(|address| said.contains(address)), "{said}");
        assert_eq!(
            (error.report().ending().name(), error.report().error_name()),
            ("no_connection", Some("ECONNREFUSED"))
        );
    });
}

#[test]
fn an_address_that_never_answers_holds_the_next_one_up_for_a_moment_only() {
    on_both(|arm| {
        let mut held = Vec::new();
        if !name_is(&[V6, V4], &mut held) {
            return;
        }
        let [(silent, socket), (_, listener)] = places::same_port(V6, V4).expect("loopback");
        held.extend(places::silenced(silent, socket).expect("a full backlog"));
        listener.listen(1).expect("the port is ours");
        let tried = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&tried);
        let options = ConnectOptions::new().observer(move |_, event| {
            if let Event::Connecting { address } = event {
                noted.lock().expect("nobody panics with it").push(address.to_string());
            }
        });
        let began = Instant::now();
        let open = arm.connect(&Endpoint::tcp(NAME, silent.port()), &options).expect("one address answers");
        let took = began.elapsed();
        let tried = tried.lock().expect("nobody panics with it").clone();
        assert_eq!(tried, [silent.to_string(), format!("127.0.0.1:{}", silent.port())]);
        assert!(took < Duration::from_millis(900), "{took:?}");
        assert!(took >= Duration::from_millis(250), "the attempt delay of RFC 8305: {took:?}");
        assert_eq!(open.addresses().1, Some(tried[1].clone()));
        let report = open.abort();
        assert!(report.resolved_after.is_some_and(|at| Some(at) < report.connected_after), "{report}");
    });
}

#[test]
fn addresses_that_fail_and_never_answer_are_told_apart_when_time_is_up() {
    on_both(|arm| {
        let mut held = Vec::new();
        if !name_is(&[V6, V4], &mut held) {
            return;
        }
        let [(silent, socket), (refusing, other)] = places::same_port(V6, V4).expect("loopback");
        held.extend(places::silenced(silent, socket).expect("a full backlog"));
        held.push(Box::new(other));
        let options = ConnectOptions::new().limits(Limits::new().connect_timeout(Duration::from_millis(600)));
        let error = arm.connect(&Endpoint::tcp(NAME, silent.port()), &options).err().expect("nobody accepts");
        let ConnectCause::TimedOut(attempts) = error.cause() else { panic!("{error}") };
        assert_eq!(error.report().timer().map(adieu::Timer::name), Some("connect"));
        // As they were tried, and not as they failed.
        let said = attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let expected = format!("{silent}: no answer; {refusing}: Connection refused (ECONNREFUSED 111)");
        if cfg!(target_os = "linux") {
            assert_eq!(said, expected);
        }
        assert!(error.to_string().ends_with(&format!("in time ({said})")), "{error}");
        let message = error.report().to_string();
        assert!(message.ends_with(&format!("no connection in time ({said})")), "{message}");

        // Before the next is tried, it is not known to be silent.
        let options = ConnectOptions::new().limits(Limits::new().connect_timeout(Duration::from_millis(100)));
        let error = arm.connect(&Endpoint::tcp(NAME, silent.port()), &options).err().expect("nobody accepts");
        let message = error.report().to_string();
        assert!(message.ends_with("nothing answered") || message.ends_with("no answer)"), "{message}");
        assert!(!message.contains(&refusing.to_string()), "{message}");
    });
}

#[test]
fn one_address_is_not_said_twice() {
    on_both(|arm| {
        let (address, _held) = places::refusing(SocketAddr::new(V4, 0)).expect("loopback");
        let error = arm.connect(&address.into(), &ConnectOptions::new()).err().expect("refused");
        assert_eq!(error.to_string().matches(&address.to_string()).count(), 1, "{error}");
        assert_eq!(error.endpoint(), &Endpoint::from(address));
    });
}

#[test]
fn a_name_that_cannot_be_is_a_resolver_failure() {
    on_both(|arm| {
        let endpoint = Endpoint::tcp(format!("{}.invalid", "x".repeat(64)), 80);
        let error = arm.connect(&endpoint, &ConnectOptions::new()).err().expect("no such name");
        assert!(matches!(error.cause(), ConnectCause::Resolve(_)), "{error}");
        assert_eq!(
            (error.report().ending().name(), error.report().phase.name()),
            ("no_connection", "connecting")
        );
        assert_eq!(error.report().resolved_after, None);
    });
}

#[test]
fn a_name_server_that_cannot_be_asked_says_nothing_about_the_name() {
    on_both(|arm| {
        let _held = match places::own_absent_resolver() {
            Ok(held) => held,
            Err(error) => return skip::loudly("a resolver that is not there", &error),
        };
        let options = ConnectOptions::new().limits(Limits::new().connect_timeout(BOUND));
        let error = arm.connect(&Endpoint::tcp("name.adieu.test", 80), &options).err().expect("no address");
        assert!(matches!(error.cause(), ConnectCause::Resolve(_)), "{error}");
        let report = error.report();
        assert!(report.to_string().contains("the name server gave no answer"), "{report}");
        assert!(!report.to_string().contains("not found"), "{report}");
        assert_eq!(
            (report.ending().name(), report.error_call.map(adieu::Call::name), report.error_name()),
            ("no_connection", Some("getaddrinfo"), Some("EAI_AGAIN"))
        );
    });
}

#[test]
fn port_0_cannot_be_connected_to() {
    on_both(|arm| {
        for host in ["127.0.0.1", "localhost"] {
            let error =
                arm.connect(&Endpoint::tcp(host, 0), &ConnectOptions::new()).err().expect("no such port");
            assert!(matches!(error.cause(), ConnectCause::Endpoint(_)), "{error}");
            assert!(error.to_string().contains("port 0"), "{error}");
        }
    });
}

// Wine 8 has no AF_UNIX.
#[cfg(unix)]
#[test]
fn a_unix_path_without_a_socket_is_told_with_its_path() {
    on_both(|arm| {
        let endpoint = Endpoint::unix("/nonexistent/adieu.sock");
        let error = arm.connect(&endpoint, &ConnectOptions::new()).err().expect("no such path");
        let ConnectCause::Attempts(attempts) = error.cause() else { panic!("{error}") };
        assert_eq!(attempts[0].error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("/nonexistent/adieu.sock"), "{error}");
    });
}

// Wine 8 has no AF_UNIX.
#[cfg(unix)]
#[test]
fn a_full_unix_backlog_is_waited_for() {
    on_both(|arm| {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("socket");
        let socket =
            socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&socket2::SockAddr::unix(&path).expect("a short path")).expect("a new path");
        socket.listen(0).expect("bound");
        let first = std::os::unix::net::UnixStream::connect(&path).expect("a backlog of 0 takes one");
        let options = ConnectOptions::new().limits(Limits::new().connect_timeout(Duration::from_millis(150)));
        let error = arm.connect(&Endpoint::unix(&path), &options).err().expect("nobody accepts");
        assert_eq!(error.report().ending().name(), "timed_out", "{error}");
        let accepting = std::thread::spawn(move || {
            let accepted = socket.accept().expect("the first");
            (accepted, socket)
        });
        let options = ConnectOptions::new().limits(Limits::new().connect_timeout(BOUND));
        let open = arm.connect(&Endpoint::unix(&path), &options).expect("there is room");
        drop((open, first, accepting.join().expect("it does not panic")));
    });
}

#[test]
fn a_resolver_that_never_answers_is_bounded_and_holds_nobody_up_afterwards() {
    on_both(|arm| {
        let _held = match places::own_silent_resolver() {
            Ok(held) => held,
            Err(error) => return skip::loudly("a resolver that never answers", &error),
        };
        let options = ConnectOptions::new().limits(Limits::new().connect_timeout(Duration::from_millis(200)));
        let began = Instant::now();
        let error = arm.connect(&Endpoint::tcp("name.adieu.test", 80), &options).err().expect("no address");
        // With the tokio driver a runtime has been shut down by now, which waits for its blocking tasks.
        assert!(began.elapsed() < BOUND / 4, "{:?}", began.elapsed());
        assert!(matches!(error.cause(), ConnectCause::TimedOut(attempts) if attempts.is_empty()), "{error}");
        assert_eq!(
            (error.report().ending().name(), error.report().timer().map(adieu::Timer::name)),
            ("timed_out", Some("connect"))
        );
    });
}

#[test]
fn a_listener_whose_name_is_looked_up_holds_no_other_task_up() {
    bounded("tokio", || {
        let _held = match places::own_silent_resolver() {
            Ok(held) => held,
            Err(error) => return skip::loudly("a resolver that never answers", &error),
        };
        let interrupt = adieu::Interrupt::new().expect("descriptors are left");
        let (endpoint, options) =
            (Endpoint::tcp("name.adieu.test", 0), ListenOptions::new().interrupt(&interrupt));
        let bound = runtime().block_on(async {
            let other = async { interrupt.raise(adieu::Signal::Interrupt) };
            tokio::join!(biased; adieu::tokio::Listener::bind(&endpoint, &options), other).0
        });
        let error = bound.expect_err("its address is never known");
        assert!(matches!(error.cause(), adieu::ListenCause::Interrupted), "{error}");
    });
}

/// A link-local address means nothing without its zone, so what is said must lead to it again.
#[cfg(target_os = "linux")]
#[test]
fn a_listener_with_a_zone_says_it() {
    // Loopback is the first interface. Without IPv6 there is nothing to listen on.
    let Ok(listener) = adieu::Listener::bind(&Endpoint::tcp("::1%1", 0), &ListenOptions::new()) else {
        return;
    };
    let said = listener.local_endpoint();
    assert!(said.to_string().starts_with("[::1%1]:"), "{said}");
    drop(adieu::connect(said, &ConnectOptions::new()).expect("it listens there"));
    let from = std::net::SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 1);
    drop(adieu::connect(said, &ConnectOptions::new().source(from)).expect("it is ours"));
    // The zone of another interface than the address's.
    let from = std::net::SocketAddrV6::new("fe80::5".parse().expect("an address"), 0, 0, 1);
    let error = adieu::connect(said, &ConnectOptions::new().source(from)).expect_err("it is not ours");
    assert!(error.to_string().contains("source cannot be set to fe80::5%1: "), "{error}");
}

#[test]
fn addresses_that_are_given_are_tried_in_the_place_of_the_names() {
    on_both(|arm| {
        let [(refusing, _held), (address, listener)] = places::same_port(V6, V4).expect("loopback");
        listener.listen(1).expect("the port is ours");
        let endpoint = Endpoint::tcp("no-such-name.invalid", refusing.port());
        // Their own ports count for nothing.
        let given = [SocketAddr::new(V6, 1), SocketAddr::new(V4, 2)];
        let open =
            arm.connect(&endpoint, &ConnectOptions::new().addresses(given)).expect("the second listens");
        assert_eq!(open.addresses().1, Some(address.to_string()));
        assert_eq!(open.abort().resolved_after, None);

        let none: [SocketAddr; 0] = [];
        let error =
            arm.connect(&endpoint, &ConnectOptions::new().addresses(none)).err().expect("no such name");
        assert!(matches!(error.cause(), ConnectCause::Resolve(_)), "{error}");
    });
}
