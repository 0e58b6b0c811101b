//! Many peers of one socket: a service of datagrams.

use super::*;

/// Of many peers, one to whom there is no way any more.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_has_no_way_holds_nobody_up() {
    use adieu_testkit::namespace::Namespaces;
    let test = "an_answer_that_has_no_way_holds_nobody_up";
    // The namespace is that of a thread.
    thread::spawn(move || {
        let Some(pair) = Namespaces::or_skip(test) else { return };
        pair.enter_programs().expect("the namespace is there");
        let ip = |change: &str| {
            let words = ["address", change, "198.51.100.1/32", "dev", "lo"];
            let done = std::process::Command::new("ip").args(words).status().expect("it is installed");
            assert!(done.success(), "{change}");
        };
        let (received_one, has_come) = mpsc::channel();
        let limits = Limits::new().deadline(BOUND);
        let options = ListenOptions::new().limits(limits).observer(move |_, event| {
            if let adieu::Event::Received { .. } = event {
                let _ = received_one.send(());
            }
        });
        let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &options).expect("a port");
        let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
        ip("add");
        let (client, _) = socket("198.51.100.1");
        client.send_to(b"hello", to).expect("loopback");
        let (input, go) = pieces(&[b"answer"]);
        let terms = Exchange::new().silence(SHORT);
        let answering = thread::spawn(move || terms.run_with_all(bound, input, Output::null()));
        has_come.recv_timeout(BOUND).expect("it comes");
        ip("del");
        go.send(()).expect("it is read");
        go.send(()).expect("its end is read");
        let report = answering.join().expect("no panic");
        assert_eq!((report.ending(), counts(&report)), (Ending::Connectionless, (0, 1, 1)), "{report}");
    })
    .join()
    .expect("no panic");
}

#[test]
fn with_all_of_them_everything_is_taken_and_the_last_is_answered() {
    let (received_one, have_come) = mpsc::channel();
    let options = ListenOptions::new().limits(Limits::new().deadline(BOUND)).observer(move |_, event| {
        if let adieu::Event::Received { .. } = event {
            let _ = received_one.send(());
        }
    });
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &options).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (first, _) = socket("127.0.0.1");
    let (second, _) = socket("127.0.0.1");
    first.send_to(b"1", to).expect("loopback");
    second.send_to(b"2", to).expect("loopback");
    let (output, received) = Output::to_vec(1024);
    let (input, go) = pieces(&[b"who?"]);
    let answering =
        thread::spawn(move || Exchange::new().receive_limit(3).run_with_all(bound, input, output));
    // Its answer goes to whoever was the last, once both were received.
    for _ in 0..2 {
        have_come.recv_timeout(BOUND).expect("both come");
    }
    go.send(()).expect("it is read");
    let mut room = [0; 16];
    assert_eq!(second.recv(&mut room).ok(), Some(4));
    first.send_to(b"3", to).expect("loopback");
    let report = answering.join().expect("no panic");
    assert_eq!(received.into_vec(), b"123");
    assert_eq!((report.ending(), counts(&report)), (Ending::Connectionless, (1, 0, 3)), "{report}");
    assert_eq!(report.peer_address, None);
}

#[test]
fn an_echo_sends_each_back_to_its_sender() {
    let interrupt = Interrupt::new().expect("descriptors are left");
    let options = ListenOptions::new().interrupt(&interrupt);
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &options).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let answering = thread::spawn(move || Exchange::new().silence(None).echo_to_all(bound));
    for text in [&b"one"[..], b"", b"three"] {
        let (client, _) = socket("127.0.0.1");
        client.send_to(text, to).expect("loopback");
        let mut room = [0; 16];
        let (n, from) = client.recv_from(&mut room).expect("it comes back");
        assert_eq!((&room[..n], from), (text, to));
    }
    interrupt.raise(Signal::Terminate);
    let report = answering.join().expect("no panic");
    assert_eq!(report.ending(), Ending::Interrupted { signal: Signal::Terminate }, "{report}");
    assert_eq!(counts(&report), (3, 0, 3));
}

#[test]
fn what_ends_a_service_is_an_end_and_what_interrupts_it_is_none() {
    let end = Interrupt::new().expect("descriptors are left");
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
    end.raise(Signal::Terminate);
    let report = Exchange::new().silence(None).end_when(&end).echo_to_all(bound);
    assert_eq!(report.ending(), Ending::Connectionless, "{report}");
}

/// A pipe that nobody reads.
#[cfg(unix)]
#[test]
fn a_service_whose_output_has_not_taken_everything_is_interrupted() {
    const PIECE: usize = 20_000;
    let (received_one, have_come) = mpsc::channel();
    let options = ListenOptions::new().limits(Limits::new().deadline(BOUND)).observer(move |_, event| {
        if let adieu::Event::Received { .. } = event {
            let _ = received_one.send(());
        }
    });
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &options).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (_reader, writer) = std::io::pipe().expect("descriptors are left");
    let output = Output::try_from(std::fs::File::from(std::os::fd::OwnedFd::from(writer))).expect("a pipe");
    let end = Interrupt::new().expect("descriptors are left");
    let terms = Exchange::new().silence(None).end_when(&end);
    let receiving = thread::spawn(move || terms.run_with_all(bound, Input::empty(), output));
    let (client, _) = socket("127.0.0.1");
    // A pipe takes 64 KiB.
    for _ in 0..4 {
        client.send_to(&vec![b'x'; PIECE], to).expect("loopback");
        have_come.recv_timeout(BOUND).expect("it comes");
    }
    end.raise(Signal::Terminate);
    let report = receiving.join().expect("no panic");
    assert_eq!(report.ending(), Ending::Interrupted { signal: Signal::Terminate }, "{report}");
    assert!(report.bytes_written < report.bytes_received, "{report}");
}
