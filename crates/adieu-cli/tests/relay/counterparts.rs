//! Real programs through a relay: curl, redis.

use super::{listener, patient, relay_to, until};
use adieu_testkit::places;
use adieu_testkit::skip::counterpart;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn curl_has_a_whole_page_and_sees_one_that_was_cut() {
    let Some(curl) = counterpart("curl through a relay", "curl") else { return };
    let (server, address) = listener();
    let serving = thread::spawn(move || {
        for is_whole in [true, false] {
            let stream = patient(server.accept().expect("the relay connects").0);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut octet = [0];
                std::io::Read::read_exact(&mut &stream, &mut octet).expect("a request");
                head.push(octet[0]);
            }
            (&stream).write_all(b"HTTP/1.0 200 OK\r\n\r\nhalf a page").expect("taken");
            if !is_whole {
                // Without a length only a reset tells.
                until("it is never acknowledged", || {
                    adieu_testkit::peer::os::unacknowledged(&socket2::SockRef::from(&stream)).ok() == Some(0)
                });
                socket2::SockRef::from(&stream)
                    .set_linger(Some(std::time::Duration::ZERO))
                    .expect("a socket");
            }
        }
    });
    let (relay, front, _directory) = relay_to(address, &[]);
    let url = format!("http://{front}/");
    assert_eq!(said(Command::new(&curl).args(["-s", &url])), (Some(0), "half a page".into()));
    assert_eq!(said(Command::new(&curl).args(["-s", &url])), (Some(56), "half a page".into()));
    serving.join().expect("no panic");
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    assert_eq!([&*told[0].ending, &*told[1].ending], ["graceful", "reset"]);
}

#[test]
fn redis_answers_through_a_relay() {
    let Some(server) = counterpart("redis through a relay", "redis-server") else { return };
    let Some(cli) = counterpart("redis through a relay", "redis-cli") else { return };
    let directory = tempfile::tempdir().expect("there is room");
    // Taken and given back: redis cannot say which port it got.
    let (address, held) = places::refusing(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback");
    drop(held);
    let mut redis = Command::new(server);
    redis.args(["--bind", "127.0.0.1", "--save", "", "--port", &address.port().to_string()]);
    redis.current_dir(&directory).stdout(Stdio::null()).stdin(Stdio::null());
    let _redis = Running(redis.spawn().expect("it starts"));
    until("redis does not listen", || TcpStream::connect(address).is_ok());
    let (relay, front, _log) = relay_to(address, &[]);
    let ask = |words: &[&str]| {
        let port = front.port().to_string();
        said(Command::new(&cli).args(["-h", "127.0.0.1", "-p", &port]).args(words))
    };
    let big = "x".repeat(100_000);
    assert_eq!(ask(&["set", "key", &big]), (Some(0), "OK\n".into()));
    assert_eq!(ask(&["get", "key"]), (Some(0), big + "\n"));
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    assert!(told.iter().all(|told| told.ending == "graceful"), "{told:?}");
}
