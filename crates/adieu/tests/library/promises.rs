//! A FIN is a promise, on both drivers: none for an input that failed, none before the output has taken everything.

use crate::arms::{Arm, BOUND, on_both, runtime};
use adieu::exchange::{Input, Output};
use adieu::{ConnectOptions, Endpoint, Interrupt, Limits, ListenOptions, Listener, Report, Signal};
use adieu_testkit::places;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
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
    let listener = places::listener();
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
#[cfg(not(windows))]
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

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;

    /// Takes nothing, and says why.
    struct Failing;

    impl AsyncWrite for Failing {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::Error::from_raw_os_error(28)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A peer that says something and reads no end, and a connection to it on which that has arrived.
    fn having_heard(arm: Arm, options: &ConnectOptions) -> (crate::arms::Open, TcpStream) {
        let (open, mut stream) = arm.to_std(options);
        stream.write_all(b"last words").expect("it is taken");
        let socket = open.socket().expect("connected").try_clone_to_owned().expect("descriptors");
        let peeked = TcpStream::from(socket);
        while !peeked.peek(&mut [0; 16]).is_ok_and(|n| n == 10) {
            std::thread::yield_now();
        }
        (open, stream)
    }

    #[test]
    fn what_the_peer_has_said_is_handed_on_before_an_interrupt_ends_an_exchange() {
        use crate::arms::Open;
        on_both(|arm| {
            let interrupt = Interrupt::new().expect("a pipe");
            let (open, _peer) = having_heard(arm, &ConnectOptions::new().interrupt(&interrupt));
            interrupt.raise(Signal::Terminate);
            let (received, report) = match open {
                Open::Blocking(open) => {
                    let (mut reader, writer) = io::pipe().expect("a pipe");
                    let report =
                        adieu::exchange(open, Input::empty(), Output::from_fd(writer).expect("open"));
                    let mut received = Vec::new();
                    reader.read_to_end(&mut received).expect("a pipe is read");
                    (received, report)
                }
                Open::Tokio(runtime, open) => {
                    let mut received = Vec::new();
                    let never = Giving { left: 0, fails: false };
                    let report = runtime.block_on(adieu::tokio::exchange(open, never, &mut received));
                    (received, report)
                }
            };
            assert_eq!(report.ending().name(), "interrupted", "{arm:?}: {report}");
            assert_eq!((received.as_slice(), report.bytes_received), (&b"last words"[..], 10), "{arm:?}");
        });
    }

    #[test]
    fn an_interrupt_ends_an_exchange_whose_output_fails() {
        use crate::arms::Open;
        on_both(|arm| {
            let interrupt = Interrupt::new().expect("a pipe");
            let failures = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
            let counted = std::sync::Arc::clone(&failures);
            let options = ConnectOptions::new().interrupt(&interrupt).observer(move |_, event| {
                if matches!(event, adieu::Event::LocalFailure { .. }) {
                    counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
            let (open, _peer) = having_heard(arm, &options);
            interrupt.raise(Signal::Terminate);
            let report = match open {
                Open::Blocking(open) => {
                    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
                    adieu::exchange(open, Input::empty(), Output::try_from(full).expect("open for writing"))
                }
                Open::Tokio(runtime, open) => {
                    let never = Giving { left: 0, fails: false };
                    runtime.block_on(adieu::tokio::exchange(open, never, Failing))
                }
            };
            assert_eq!(report.ending().name(), "local_failure", "{arm:?}: {report}");
            assert_eq!(failures.load(std::sync::atomic::Ordering::Relaxed), 1, "it is told once");
        });
    }
}
