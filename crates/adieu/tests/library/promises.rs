//! A FIN is a promise, on both drivers: none for an input that failed, none before the output has taken everything.

use crate::arms::{Arm, BOUND, on_both, runtime};
use adieu::exchange::{Input, Output};
use adieu::{ConnectOptions, Endpoint, Interrupt, Limits, ListenOptions, Listener, Report, Signal};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives so many bytes, and then fails or is silent.
struct Giving {
    left: usize,
    fails: bool,
}

impl AsyncRead for Giving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.left.min(buffer.remaining());
        if n > 0 {
            self.left -= n;
            buffer.put_slice(&vec![0; n]);
            Poll::Ready(Ok(()))
        } else if self.fails {
            Poll::Ready(Err(io::Error::from_raw_os_error(5)))
        } else {
            Poll::Pending
        }
    }
}

/// Takes everything, and fails at its end.
struct FailingAtItsEnd;

impl AsyncWrite for FailingAtItsEnd {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::from_raw_os_error(28)))
    }
}

/// A peer of the standard library, and what it makes of a connection.
fn peer<T: Send + 'static>(
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Endpoint, std::thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("it connects");
        stream.set_read_timeout(Some(BOUND)).expect("not zero");
        act(stream)
    });
    (endpoint, thread)
}

/// What is received, and how that ends.
fn to_the_end(mut stream: TcpStream) -> (usize, Option<ErrorKind>) {
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received).err().map(|error| error.kind());
    (received.len(), end)
}

fn on_tokio(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    input: impl AsyncRead,
    output: impl AsyncWrite,
) -> Report {
    runtime().block_on(async {
        let connection = adieu::tokio::connect(endpoint, options).await.expect("it listens");
        adieu::tokio::exchange(connection, input, output).await
    })
}

// Nothing there counts acknowledgements, and Wine tells no reset.
#[cfg(not(windows))]
#[test]
fn what_a_failing_input_gave_is_delivered_before_the_reset() {
    on_both(|arm| {
        const GIVEN: usize = 400_000;
        let (endpoint, seen) = peer(to_the_end);
        let options = ConnectOptions::new();
        let report = match arm {
            Arm::Tokio => {
                on_tokio(&endpoint, &options, Giving { left: GIVEN, fails: true }, tokio::io::sink())
            }
            #[cfg(not(target_os = "linux"))]
            Arm::Blocking => return,
            #[cfg(target_os = "linux")]
            Arm::Blocking => {
                // The other end of a terminal is gone: EIO, as a hang-up is.
                let file = failing_after(GIVEN);
                let connection = adieu::connect(&endpoint, &options).expect("it listens");
                adieu::exchange(connection, file, Output::null())
            }
        };
        assert_eq!((report.ending().name(), report.exit_code()), ("local_failure", 7), "{report}");
        assert_eq!(report.bytes_acknowledged, Some(GIVEN as u64), "{report}");
        let (received, end) = seen.join().expect("no panic");
        assert_eq!((received, end), (GIVEN, Some(ErrorKind::ConnectionReset)));
    });
}

/// An input that gives so much and turns out not to be whole.
#[cfg(target_os = "linux")]
fn failing_after(n: usize) -> Input {
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(&vec![0; n]).expect("there is room");
    io::Seek::rewind(&mut file).expect("a file can be rewound");
    let known = std::fs::File::open("/dev/null").expect("it is there");
    let whole = || Some(Err(io::Error::from_raw_os_error(5)));
    Input::try_from(file).expect("readable").whole_if(known, whole)
}

#[test]
fn an_output_that_fails_at_its_end_is_a_reset_for_the_peer_that_ended_first() {
    let (endpoint, seen) = peer(|mut stream| {
        stream.write_all(b"small").expect("it is taken");
        stream.shutdown(Shutdown::Write).expect("half-closing works");
        to_the_end(stream)
    });
    // An input that ends only after the peer has.
    let (input, end) = tokio::io::duplex(1);
    let options = ConnectOptions::new().limits(Limits::new().peer_grace(Duration::MAX));
    drop(input);
    let report = on_tokio(&endpoint, &options, end, FailingAtItsEnd);
    assert_eq!(
        (report.ending().name(), report.local_end().map(adieu::LocalEnd::name)),
        ("local_failure", Some("output")),
        "{report}"
    );
    assert_eq!(seen.join().expect("no panic"), (0, Some(ErrorKind::ConnectionReset)));
}

#[test]
fn by_default_a_slow_input_is_waited_for_and_one_that_is_given_up_is_not_graceful() {
    on_both(|arm| {
        let (endpoint, seen) = peer(|stream| {
            stream.shutdown(Shutdown::Write).expect("half-closing works");
            to_the_end(stream)
        });
        let options =
            ConnectOptions::new().limits(Limits::new().give_up_input_after(Duration::from_millis(50)));
        let report = match arm {
            Arm::Tokio => on_tokio(&endpoint, &options, Giving { left: 5, fails: false }, tokio::io::sink()),
            #[cfg(windows)]
            Arm::Blocking => return,
            #[cfg(unix)]
            Arm::Blocking => {
                let (reader, mut writer) = io::pipe().expect("a pipe can be made");
                writer.write_all(b"first").expect("there is room");
                let connection = adieu::connect(&endpoint, &options).expect("it listens");
                let input = Input::from_fd(reader).expect("readable");
                let report = adieu::exchange(connection, input, Output::null());
                drop(writer);
                report
            }
        };
        assert_eq!(
            (report.ending().name(), report.missing().map(adieu::Missing::name)),
            ("indeterminate", Some("input_end")),
            "{report}"
        );
        assert!(!report.is_graceful() && report.input_abandoned);
        assert_eq!(seen.join().expect("no panic"), (5, Some(ErrorKind::ConnectionReset)));
    });
    let text = format!("{:?}", ConnectOptions::new());
    assert!(text.contains("input_grace: None"), "the default waits for the end: {text}");
}

#[test]
fn accepting_hears_the_interrupt_while_clients_are_waiting() {
    let interrupt = Interrupt::new().expect("it can be made");
    let options = ListenOptions::new().interrupt(&interrupt);
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let _waiting = TcpStream::connect(listener.local_endpoint().to_string()).expect("it listens");
    interrupt.raise(Signal::Terminate);
    let error = listener.accept().expect_err("it is raised");
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    let error = listener.accept_within(Duration::from_secs(1)).expect_err("it is raised");
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(listener.try_accept().expect("it can be asked").is_some(), "the client is still there");
}
