//! Ends of an exchange that the program itself is: readers, writers and memory.

use crate::arms::{BOUND, bounded};
use crate::over::over_each;
use adieu::exchange::{Input, Output};
use adieu::{ConnectOptions, Connection, Ending, Endpoint, Limits, LocalEnd, Report};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::places;
use adieu_testkit::waits::Sending;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A connection, and what its peer makes of it.
fn connected<T: Send + 'static>(
    options: &ConnectOptions,
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Connection, JoinHandle<T>) {
    let listener = places::listener();
    let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
    let peer = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("it connects");
        stream.set_read_timeout(Some(BOUND)).expect("not zero");
        stream.set_write_timeout(Some(BOUND)).expect("not zero");
        act(stream)
    });
    (adieu::connect(&endpoint, options).expect("it listens"), peer)
}

/// An exchange by the defaults, bounded.
fn exchanged<T: Send + 'static>(
    input: Input,
    output: Output,
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Report, T) {
    let (connection, peer) = connected(&ConnectOptions::new(), act);
    let (tell, told) = channel();
    thread::spawn(move || {
        let _ = tell.send(adieu::exchange(connection, input, output));
    });
    let report = told.recv_timeout(BOUND).expect("it ends");
    (report, peer.join().expect("no panic"))
}

/// What a peer receives until the end, and how that ends.
fn to_the_end(mut stream: &TcpStream) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received).err().map(|error| error.kind());
    (received, end)
}

fn failure_of(end: LocalEnd) -> Ending {
    Ending::LocalFailure { end }
}

/// A reader of what another thread sends, which blocks as long as it sends nothing.
struct FromChannel {
    channel: Receiver<Vec<u8>>,
    left: Vec<u8>,
}

impl Read for FromChannel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            self.left = self.channel.recv().unwrap_or_default();
        }
        let n = self.left.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.left[..n]);
        self.left.drain(..n);
        Ok(n)
    }
}

fn from_channel() -> (Sender<Vec<u8>>, Input) {
    let (sender, channel) = channel();
    let reader = FromChannel { channel, left: Vec::new() };
    (sender, Input::from_reader(reader).expect("threads are left"))
}

/// What is done for a call, and how often it was called.
struct Acting<F>(F, usize);

impl<F: FnMut(usize, &mut [u8]) -> io::Result<usize>> Read for Acting<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        (self.0)(self.1, buffer)
    }
}

fn reading(act: impl FnMut(usize, &mut [u8]) -> io::Result<usize> + Send + 'static) -> Input {
    Input::from_reader(Acting(act, 0)).expect("threads are left")
}

/// A writer that keeps what it is given, and does something before.
struct Keeping<F> {
    kept: Arc<Mutex<Kept>>,
    act: F,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// How many of them are flushed.
    flushed: usize,
    is_dropped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ToWrite,
    ToFlush,
}

impl<F: FnMut(Asked, usize) -> io::Result<()>> Write for Keeping<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(10_000);
        let before = self.kept.lock().expect("no panic").bytes.len();
        (self.act)(Asked::ToWrite, before)?;
        self.kept.lock().expect("no panic").bytes.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        let before = self.kept.lock().expect("no panic").bytes.len();
        (self.act)(Asked::ToFlush, before)?;
        self.kept.lock().expect("no panic").flushed = before;
        Ok(())
    }
}

impl<F> Drop for Keeping<F> {
    fn drop(&mut self) {
        self.kept.lock().expect("no panic").is_dropped = true;
    }
}

fn keeping(act: impl FnMut(Asked, usize) -> io::Result<()> + Send + 'static) -> (Arc<Mutex<Kept>>, Output) {
    let kept = Arc::<Mutex<Kept>>::default();
    let writer = Keeping { kept: Arc::clone(&kept), act };
    (kept, Output::from_writer(writer).expect("threads are left"))
}

#[test]
fn a_reader_and_a_writer_move_megabytes_both_ways() {
    const ALL: u64 = 3_000_000;
    let input = Input::from_reader(Pattern::of_program().reader(ALL)).expect("threads are left");
    let (kept, output) = keeping(|_, _| Ok(()));
    let (report, received) = exchanged(input, output, |stream| {
        let sending = stream.try_clone().expect("a descriptor");
        let sender = thread::spawn(move || {
            io::copy(&mut Pattern::of_peer().reader(ALL), &mut Sending(&sending))?;
            sending.shutdown(Shutdown::Write)
        });
        let received = to_the_end(&stream);
        // What is wrong with a connection is told by the report first.
        (received.0, received.1, sender.join().expect("no panic").map_err(|error| error.kind()))
    });
    assert!(report.is_graceful(), "{report}, {:?} {:?}", received.1, received.2);
    assert_eq!((report.bytes_accepted, report.bytes_received, report.bytes_written), (ALL, ALL, ALL));
    assert_eq!((received.0.len() as u64, received.1, received.2), (ALL, None, Ok(())));
    assert_eq!(Pattern::of_program().first_difference(0, &received.0), None);
    let kept = kept.lock().expect("no panic");
    assert_eq!(Pattern::of_peer().first_difference(0, &kept.bytes), None);
    assert_eq!((kept.bytes.len() as u64, kept.flushed as u64, kept.is_dropped), (ALL, ALL, true));
}

#[test]
fn a_reader_is_the_other_sides_memory_over_every_transport() {
    over_each(|over| {
        let (client, server) = over.pair_by_default();
        let both = [(client, Pattern::of_program()), (server, Pattern::of_peer())].map(|(end, sent)| {
            let input = Input::from_reader(sent.reader(400_000)).expect("threads are left");
            let (output, received) = Output::to_vec(400_000);
            thread::spawn(move || (adieu::exchange(end, input, output), received.into_vec()))
        });
        for (end, sent) in both.into_iter().zip([Pattern::of_peer(), Pattern::of_program()]) {
            let (report, received) = end.join().expect("no panic");
            assert!(report.is_graceful(), "{report}");
            assert_eq!((received.len(), sent.first_difference(0, &received)), (400_000, None));
        }
    });
}

#[test]
fn a_reader_that_blocks_holds_up_nothing_else() {
    let (sender, input) = from_channel();
    let (output, reply) = Output::to_vec(None);
    let (report, request) = exchanged(input, output, move |stream| {
        // The reader has nothing, and the other direction goes on.
        (&stream).write_all(&vec![b'x'; 1_000_000]).expect("it is taken");
        for word in ["one ", "two"] {
            sender.send(word.into()).expect("it is waited for");
            let mut echo = vec![0; word.len()];
            (&stream).read_exact(&mut echo).expect("it comes");
            assert_eq!(echo, word.as_bytes());
        }
        drop(sender);
        to_the_end(&stream)
    });
    assert!(report.is_graceful(), "{report}");
    assert_eq!((report.bytes_accepted, request), (7, (Vec::new(), None)));
    assert_eq!(reply.into_vec().len(), 1_000_000);
}

#[test]
fn what_a_failing_reader_gave_is_delivered_before_the_reset() {
    let failing: [fn() -> io::Result<usize>; 4] = [
        || Err(io::Error::from_raw_os_error(5)),
        || Err(io::ErrorKind::BrokenPipe.into()),
        || Err(io::ErrorKind::WouldBlock.into()),
        || std::panic::resume_unwind(Box::new("no message")),
    ];
    for fail in failing {
        let input = reading(move |calls, buffer| {
            if calls > 2 {
                return fail();
            }
            buffer[..1_000].fill(b'x');
            Ok(1_000)
        });
        let (report, received) = exchanged(input, Output::null(), |stream| to_the_end(&stream));
        assert_eq!(report.ending(), failure_of(LocalEnd::Input), "{report}");
        assert!(report.error.is_some(), "what it said, with a number or without: {report}");
        assert_eq!((report.bytes_accepted, report.exit_code()), (2_000, 7), "{report}");
        assert_eq!(received.0.len(), 2_000);
        if !adieu_testkit::scenario::is_wine() {
            assert_eq!(received.1, Some(io::ErrorKind::ConnectionReset), "never a FIN");
        }
    }
}

#[test]
fn an_interrupted_reader_is_asked_again() {
    let input = reading(|calls, buffer| match calls {
        1 | 3 => Err(io::ErrorKind::Interrupted.into()),
        2 => {
            buffer[0] = b'x';
            Ok(1)
        }
        _ => Ok(0),
    });
    let (report, received) = exchanged(input, Output::null(), |stream| to_the_end(&stream));
    assert!(report.is_graceful(), "{report}");
    assert_eq!(received, (b"x".to_vec(), None));
}

/// The peer's bytes wait for a writer that is slow, and ours do not.
#[test]
fn a_slow_writer_gets_everything_and_holds_up_nothing_else() {
    const ALL: usize = 300_000;
    let (go_on, may_go_on) = channel::<()>();
    let (kept, output) = keeping(move |asked, before| {
        if asked == Asked::ToWrite && before == 0 {
            may_go_on.recv().expect("it is told");
        }
        Ok(())
    });
    let (report, ()) = exchanged(Input::from_bytes(vec![b'x'; 2_000_000]), output, move |stream| {
        (&stream).write_all(&vec![b'y'; ALL]).expect("it is taken");
        stream.shutdown(Shutdown::Write).expect("connected");
        // Nothing is written yet.
        (&stream).read_exact(&mut vec![0; 2_000_000]).expect("it comes");
        go_on.send(()).expect("it waits");
        assert_eq!(to_the_end(&stream), (Vec::new(), None));
    });
    assert!(report.is_graceful(), "{report}");
    let kept = kept.lock().expect("no panic");
    assert_eq!((report.bytes_written, kept.bytes.len(), kept.flushed), (ALL as u64, ALL, ALL));
}

/// Whoever ended first: our FIN, or the end of the exchange, waits for the writer's last flush.
#[test]
fn the_end_waits_for_the_last_flush() {
    for peer_ends_first in [true, false] {
        let (go_on, may_go_on) = channel::<()>();
        let (tell, told) = channel();
        let mut flushes = 0;
        let (kept, output) = keeping(move |asked, _| {
            flushes += usize::from(asked == Asked::ToFlush);
            if flushes == 2 {
                tell.send(()).expect("it is waited for");
                may_go_on.recv().expect("it is told");
            }
            Ok(())
        });
        let (silent, input) = from_channel();
        let silent = peer_ends_first.then_some(silent);
        let later = Arc::clone(&kept);
        let (report, ()) = exchanged(input, output, move |stream| {
            if !peer_ends_first {
                assert_eq!(to_the_end(&stream), (Vec::new(), None));
            }
            (&stream).write_all(b"word").expect("it is taken");
            stream.shutdown(Shutdown::Write).expect("connected");
            told.recv_timeout(BOUND).expect("it is flushed at its end");
            drop(silent);
            if peer_ends_first {
                stream.set_read_timeout(Some(Duration::from_millis(50))).expect("not zero");
                (&stream).read(&mut [0]).expect_err("our FIN says that it has everything");
                stream.set_read_timeout(Some(BOUND)).expect("not zero");
            }
            go_on.send(()).expect("it waits");
            if peer_ends_first {
                assert_eq!(to_the_end(&stream), (Vec::new(), None));
                assert!(later.lock().expect("no panic").is_dropped);
            }
        });
        assert!(report.is_graceful(), "{report}");
        assert!(kept.lock().expect("no panic").is_dropped);
    }
}

#[test]
fn a_writer_that_fails_is_a_failure_of_the_output() {
    type Fail = fn(Asked, usize) -> io::Result<()>;
    let failing: [Fail; 5] = [
        |asked, before| match (asked, before) {
            (Asked::ToWrite, 20_000..) => Err(io::Error::from_raw_os_error(28)),
            _ => Ok(()),
        },
        |asked, _| if asked == Asked::ToFlush { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) },
        |_, _| Err(io::ErrorKind::WouldBlock.into()),
        |_, _| Err(io::ErrorKind::BrokenPipe.into()),
        |_, _| std::panic::resume_unwind(Box::new("no message")),
    ];
    for fail in failing {
        let (_, output) = keeping(fail);
        let (_silent, input) = from_channel();
        let (report, is_reset) = exchanged(input, output, |stream| {
            // A kernel tells a reset once, to whichever call comes first.
            let sent = (&stream).write_all(&vec![b'y'; 300_000]);
            sent.and_then(|()| stream.shutdown(Shutdown::Write)).is_err() || to_the_end(&stream).1.is_some()
        });
        assert_eq!(report.ending(), failure_of(LocalEnd::Output), "{report}");
        assert!(report.error.is_some(), "what it said, with a number or without: {report}");
        assert!(report.bytes_written <= 20_000, "{report}");
        assert!(is_reset || adieu_testkit::scenario::is_wine(), "never a FIN");
    }
}

#[test]
fn a_writer_that_may_want_no_more_is_no_failure() {
    let (kept, output) = keeping(|asked, before| match (asked, before) {
        (Asked::ToWrite, 1..) => Err(io::ErrorKind::BrokenPipe.into()),
        _ => Ok(()),
    });
    let (report, ()) = exchanged(Input::empty(), output.may_refuse(), |stream| {
        (&stream).write_all(&[b'y'; 10_000]).expect("it is taken");
        io::copy(&mut io::repeat(b'y').take(500_000), &mut Sending(&stream)).expect("it is taken");
        stream.shutdown(Shutdown::Write).expect("connected");
        assert_eq!(to_the_end(&stream), (Vec::new(), None));
    });
    assert!(report.is_graceful(), "{report}");
    assert_eq!(report.bytes_written + report.bytes_discarded, 510_000, "{report}");
    assert!(report.bytes_discarded >= 500_000 - 64 * 1024, "{report}");
    assert!(kept.lock().expect("no panic").is_dropped);
}

/// Its end counts only once what says whether it was whole has spoken.
#[cfg(unix)]
#[test]
fn a_reader_may_have_somebody_who_says_whether_it_was_whole() {
    for is_whole in [true, false] {
        let (status, mut tells) = io::pipe().expect("a pipe");
        let input = Input::from_reader(io::Cursor::new(b"output")).expect("threads are left");
        let is_known = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let ask = Arc::clone(&is_known);
        let input = input.whole_if(status, move || {
            let answer = || if is_whole { Ok(()) } else { Err(io::Error::from_raw_os_error(5)) };
            ask.load(std::sync::atomic::Ordering::Acquire).then(answer)
        });
        let (report, received) = exchanged(input, Output::null(), move |stream| {
            (&stream).read_exact(&mut [0; 6]).expect("it comes");
            is_known.store(true, std::sync::atomic::Ordering::Release);
            tells.write_all(b"!").expect("it is read");
            to_the_end(&stream)
        });
        let ending = if is_whole { Ending::Graceful } else { failure_of(LocalEnd::Command) };
        assert_eq!(report.ending(), ending, "{report}");
        assert_eq!(received, (Vec::new(), (!is_whole).then_some(io::ErrorKind::ConnectionReset)));
    }
}

/// Everything is written, and then it turns out that it is not.
#[test]
fn a_writer_that_fails_at_its_last_flush_is_a_failure_whoever_ended_first() {
    for peer_ends_first in [true, false] {
        let mut flushes = 0;
        let (kept, output) = keeping(move |asked, _| {
            flushes += usize::from(asked == Asked::ToFlush);
            if flushes == 2 { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
        });
        let (silent, input) = if peer_ends_first {
            let (silent, input) = from_channel();
            (Some(silent), input)
        } else {
            (None, Input::empty())
        };
        let (report, ended) = exchanged(input, output, move |stream| {
            let ended = (!peer_ends_first).then(|| to_the_end(&stream).1);
            (&stream).write_all(b"word").expect("it is taken");
            stream.shutdown(Shutdown::Write).expect("connected");
            ended.unwrap_or_else(|| to_the_end(&stream).1)
        });
        assert_eq!(report.ending(), failure_of(LocalEnd::Output), "{report}");
        assert_eq!((report.error_code(), report.bytes_written), (Some(28), 4), "{report}");
        let reset = peer_ends_first && !adieu_testkit::scenario::is_wine();
        // A send that fails tells a reset under Wine too.
        let is_told = ended == Some(io::ErrorKind::ConnectionReset) && adieu_testkit::scenario::is_wine();
        assert!(ended == reset.then_some(io::ErrorKind::ConnectionReset) || is_told, "{ended:?}");
        assert!(kept.lock().expect("no panic").is_dropped);
        drop(silent);
    }
}

#[test]
fn a_reader_and_a_writer_that_block_for_ever_do_not_hold_up_the_end() {
    bounded("the exchange", || {
        let (_silent, input) = from_channel();
        let (never, blocked) = channel::<()>();
        let (_, output) = keeping(move |_, _| {
            let _ = blocked.recv();
            Ok(())
        });
        let options = ConnectOptions::new().limits(Limits::new().deadline(Duration::from_millis(300)));
        let (connection, peer) = connected(&options, |stream| {
            (&stream).write_all(b"word").expect("it is taken");
            to_the_end(&stream).1
        });
        let report = adieu::exchange(connection, input, output);
        assert_eq!((report.ending().name(), report.bytes_written), ("timed_out", 0), "{report}");
        peer.join().expect("no panic");
        drop(never);
    });
}

#[test]
fn memory_takes_as_much_as_is_allowed() {
    for (limit, sent, ending) in [
        (Some(100_000), 100_000, Ending::Graceful),
        (None, 1_000_000, Ending::Graceful),
        (Some(100_000), 100_001, failure_of(LocalEnd::Output)),
        (Some(0), 0, Ending::Graceful),
        (Some(0), 1, failure_of(LocalEnd::Output)),
    ] {
        let (output, reply) = Output::to_vec(limit);
        let (report, ()) = exchanged(Input::empty(), output, move |stream| {
            // It is reset if it is too much.
            let _ = io::copy(&mut Pattern::of_peer().reader(sent), &mut Sending(&stream));
            let _ = stream.shutdown(Shutdown::Write);
            to_the_end(&stream);
        });
        assert_eq!(report.ending(), ending, "{report}");
        let reply = reply.into_vec();
        assert_eq!(Pattern::of_peer().first_difference(0, &reply), None);
        assert_eq!(reply.len() as u64, sent.min(limit.map_or(sent, |limit| limit as u64)));
        assert_eq!(report.bytes_written, reply.len() as u64, "{report}");
    }
}
