//! The side that connects.

use super::*;
use std::sync::mpsc;

#[test]
fn a_reset_is_no_success() {
    for (name, compat, status, says) in [
        ("nc", false, 1, "nc: reset by the peer while "),
        ("nc", true, 0, ""),
        ("nc.traditional", false, 1, "nc.traditional: reset by the peer while "),
        ("ncat", false, 1, "Ncat: Connection reset by peer.\n"),
        ("ncat", true, 1, "Ncat: Connection reset by peer.\n"),
    ] {
        let (port, serving) = server(|mut stream| {
            let mut request = [0; 3];
            stream.read_exact(&mut request).expect("it sends");
            stream.write_all(b"part").expect("it receives");
            reset(&stream);
        });
        let mut command = nc(name, &["127.0.0.1", &port]);
        if compat {
            command.env("ADIEU_NC_EXIT", "compat");
        }
        assert_ends(&run(command, "hi\n"), status, says);
        serving.join().expect("it has served");
    }
}

#[test]
fn without_n_the_peer_reads_no_end_before_it_has_ended() {
    for (args, first) in [(&["127.0.0.1"][..], "peer"), (&["-N", "127.0.0.1"], "us")] {
        let (port, serving) = server(move |mut stream| {
            if first == "us" {
                assert_eq!(read_all(&mut stream), "hi\n");
                return stream.write_all(b"bye\n").expect("it receives");
            }
            let mut request = [0; 3];
            stream.read_exact(&mut request).expect("it sends");
            stream.write_all(b"bye\n").expect("it receives");
            stream.shutdown(std::net::Shutdown::Write).expect("connected");
            assert_eq!(read_all(&mut stream), "");
        });
        let mut command = nc("nc", &[args, &[&port]].concat());
        command.env("ADIEU_REPORT", "json");
        let output = run(command, "hi\n");
        serving.join().expect("it has served");
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "bye\n"), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stderr).expect("one line of JSON");
        assert_eq!((&report["ended_first"], &report["exit_code"]), (&first.into(), &0.into()), "{report}");
    }
}

#[test]
fn after_the_time_of_w_a_silent_peer_is_left_if_it_has_everything() {
    for (name, args) in
        [("nc", &["-w", "1"][..]), ("nc", &["-N", "-w", "1"]), ("nc.traditional", &["-w", "1"])]
    {
        let (done, wait) = mpsc::channel();
        let (port, serving) = server(move |mut stream| {
            let mut request = [0; 3];
            stream.read_exact(&mut request).expect("it sends");
            wait.recv().expect("the test goes on");
            // It is no reset: the stream was whole.
            read_all(&mut stream)
        });
        let command = nc(name, &[args, &["127.0.0.1", &port]].concat());
        assert_ends(&run(command, "hi\n"), 0, "");
        done.send(()).expect("it serves");
        assert_eq!(serving.join().expect("it has served"), "");
    }
}

/// ncat itself sends a FIN, with the same status and words.
#[test]
fn after_the_time_of_ncats_i_an_open_stdin_is_a_cut() {
    let (port, serving) = server(|mut stream| {
        let mut request = [0; 3];
        stream.read_exact(&mut request).expect("it sends");
        (request, end_of(&mut stream))
    });
    let output = run_with_open_stdin(nc("ncat", &["-i", "500ms", "127.0.0.1", &port]), "hi\n");
    assert_ends(&output, 1, "Ncat: Idle timeout expired (500 ms).\n");
    let end = serving.join().expect("it has served");
    assert_eq!(end, (*b"hi\n", Err(std::io::ErrorKind::ConnectionReset)), "the part looks whole");

    // One that has ended is whole, whatever the peer does.
    let (done, wait) = mpsc::channel();
    let (port, serving) = server(move |mut stream| {
        let all = read_all(&mut stream);
        wait.recv().expect("the test goes on");
        (all, end_of(&mut stream))
    });
    let output = run(nc("ncat", &["-i", "500ms", "127.0.0.1", &port]), "hi\n");
    done.send(()).expect("it serves");
    assert_eq!(serving.join().expect("it has served"), ("hi\n".into(), Ok(0)));
    assert_ends(&output, 1, "Ncat: Idle timeout expired (500 ms).\n");
}

#[test]
fn what_the_peer_has_not_acknowledged_is_told() {
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    listener.set_recv_buffer_size(4096).expect("a socket");
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback");
    // Nobody accepts, so nobody reads.
    listener.listen(1).expect("bound");
    let port = listener.local_addr().expect("bound").as_socket().expect("IPv4").port().to_string();
    let request = "x".repeat(200_000);
    let output = run(nc("nc", &["-w", "1", "127.0.0.1", &port]), &request);
    assert_ends(&output, 1, "bytes were not acknowledged by the peer");
    let mut command = nc("nc", &["-w", "1", "127.0.0.1", &port]);
    command.env("ADIEU_NC_EXIT", "compat");
    assert_ends(&run(command, &request), 0, "");
}

#[test]
fn q_ends_some_time_after_stdin_has() {
    for name in ["nc", "nc.traditional"] {
        let (done, wait) = mpsc::channel();
        let (port, serving) = server(move |mut stream| {
            let all = read_all(&mut stream);
            wait.recv().expect("the test goes on");
            all
        });
        assert_ends(&run(nc(name, &["-q", "1", "127.0.0.1", &port]), "hi\n"), 0, "");
        done.send(()).expect("it serves");
        assert_eq!(serving.join().expect("it has served"), "hi\n");
    }
}

#[test]
fn an_open_port_sees_an_end_and_a_refused_one_is_told() {
    for (name, args, says) in [
        ("nc", &["-z"][..], ""),
        ("nc", &["-zvn"], "port [tcp/*] succeeded!\n"),
        ("nc.traditional", &["-zvn"], "(UNKNOWN) [127.0.0.1] "),
        ("ncat", &["-z"], ""),
    ] {
        let (port, serving) = server(|mut stream| read_all(&mut stream));
        assert_ends(&run(nc(name, &[args, &["127.0.0.1", &port]].concat()), ""), 0, says);
        assert_eq!(serving.join().expect("it has served"), "");
    }
    for (name, args, says) in [
        ("nc", &["-z"][..], ""),
        ("nc", &["-zv"], "nc: connect to 127.0.0.1 port 1 (tcp) failed: Connection refused\n"),
        ("nc.traditional", &["-n"], "(UNKNOWN) [127.0.0.1] 1 (tcpmux) : Connection refused\n"),
        ("ncat", &["-v"], "Ncat: Connection refused.\n"),
    ] {
        assert_ends(&run(nc(name, &[args, &["127.0.0.1", "1"]].concat()), ""), 1, says);
    }
}

#[test]
fn one_open_port_of_several_is_enough() {
    let (port, serving) = server(|mut stream| read_all(&mut stream));
    let output = run(nc("nc", &["-zv", "127.0.0.1", "1", &port]), "");
    serving.join().expect("it has served");
    assert_ends(
        &output,
        0,
        "nc: connect to 127.0.0.1 port 1 (tcp) failed: Connection refused\nConnection to 127.0.0.1",
    );
    // The original exits 0.
    let output = run(nc("nc.traditional", &["-z", "127.0.0.1", "1-2"]), "");
    assert_ends(&output, 1, "none of the 2 ports of 127.0.0.1 is open");
    let mut command = nc("nc.traditional", &["-z", "127.0.0.1", "1-2"]);
    command.env("ADIEU_NC_EXIT", "compat");
    assert_ends(&run(command, ""), 0, "");
}

#[test]
fn an_answer_that_q_cuts_is_told() {
    let ask = || {
        let (port, serving) = server(|mut stream| {
            let piece = vec![b'x'; 64 * 1024];
            // Until nc has left.
            while stream.write_all(&piece).is_ok() {}
        });
        let output = run(nc("nc", &["-q", "1", "127.0.0.1", &port]), "hi\n");
        serving.join().expect("it has served");
        output
    };
    let is_told = |output: &std::process::Output| {
        // On a busy machine it may be our reading that lags.
        let words = ["the answer may be cut", "received bytes were not written"];
        output.status.code() == Some(1) && words.iter().any(|words| stderr(output).contains(words))
    };
    // A server that gets no turn on the processor has ended its answer, as far as anybody can see.
    let mut silent = Vec::new();
    while silent.len() < 5 {
        let output = ask();
        if is_told(&output) {
            return;
        }
        silent.push(output);
    }
    panic!("{silent:?}");
}

#[test]
fn what_q_leaves_is_judged_by_the_peers_own_pauses() {
    // It sends as long as it is heard, with a pause that no clock of ours knows.
    let (port, serving) = server(|mut stream| {
        read_all(&mut stream);
        while stream.write_all(b"more\n").is_ok() {
            std::thread::sleep(Duration::from_millis(700));
        }
    });
    let output = run(nc("nc", &["-q", "2", "127.0.0.1", &port]), "hi\n");
    serving.join().expect("it has served");
    assert_ends(&output, 1, "the time of -q is over, and the answer may be cut: the peer was silent for ");

    // It answers once, late, and stays.
    let (done, wait) = mpsc::channel::<()>();
    let (port, serving) = server(move |mut stream| {
        read_all(&mut stream);
        std::thread::sleep(Duration::from_millis(1700));
        // On a busy machine nc has left.
        let _ = stream.write_all(b"whole\n");
        let _ = wait.recv();
    });
    let output = run(nc("nc", &["-q", "2", "127.0.0.1", &port]), "hi\n");
    drop(done);
    serving.join().expect("it has served");
    assert_ends(&output, 0, "");
}

#[test]
fn what_stdout_has_not_taken_when_q_ends_is_told() {
    let (done, wait) = mpsc::channel();
    let (port, serving) = server(move |mut stream| {
        // More than a pipe takes, and no more than the kernel's buffers.
        stream.write_all(&vec![b'x'; 200_000]).expect("it receives");
        wait.recv().expect("the test goes on");
    });
    let mut child = start(nc("nc", &["-q", "2", "127.0.0.1", &port]));
    // Nobody reads its stdout meanwhile.
    let status = child.wait().expect("it ends").code();
    done.send(()).expect("it serves");
    serving.join().expect("it has served");
    let mut said = String::new();
    child.stderr.take().expect("it is a pipe").read_to_string(&mut said).expect("text");
    assert_eq!(status, Some(1), "{said}");
}

#[test]
fn who_ends_with_stdin_waits_for_what_is_on_its_way() {
    let text = "x".repeat(3_000_000);
    for (name, args) in [("ncat", &["--send-only"][..]), ("nc.traditional", &["-q", "0"])] {
        let (port, thread) = server(|mut stream| read_all(&mut stream).len());
        let args: Vec<_> = args.iter().copied().chain(["127.0.0.1", &port]).collect();
        assert_ends(&run(nc(name, &args), &text), 0, "");
        assert_eq!(thread.join().expect("it reads"), text.len());
    }
}

#[test]
fn w_ends_after_so_many_receives_whatever_is_open() {
    let (port, serving) = server(|mut stream| {
        stream.write_all(b"first\n").expect("it receives");
        // It is no reset, and the peer's stdin is still open.
        read_all(&mut stream)
    });
    let mut command = nc("nc", &["-W1", "127.0.0.1", &port]);
    command.stdin(Stdio::piped());
    let mut child = start(command);
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    drop(stdin);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "first\n"), "{output:?}");
    assert_eq!(serving.join().expect("it has served"), "");
}

/// Its end meets nobody who receives: only the socket's error tells that the peer has reset the connection.
#[test]
fn a_reset_after_the_last_receive_of_w_is_told() {
    let ask = || {
        let (port, serving) = server(|mut stream| {
            until_readable(&stream);
            // With the request unread, the close resets.
            stream.write_all(b"answer\n").expect("it receives");
        });
        let mut command = nc("nc", &["-W1", "127.0.0.1", &port]);
        command.stdin(Stdio::piped());
        let mut child = start(command);
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin.write_all(b"request\n").expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        drop(stdin);
        serving.join().expect("it has served");
        assert_eq!(stdout(&output), "answer\n");
        output
    };
    // A server that gets no turn on the processor after its answer resets a connection that is over.
    let is_told = (0..5).any(|_| {
        let output = ask();
        let is_told = output.status.code() == Some(1);
        assert_ends(&output, is_told.into(), if is_told { "reset by the peer while " } else { "" });
        is_told
    });
    assert!(is_told);
}

/// Waits until something has come, and leaves it there.
fn until_readable(stream: &TcpStream) {
    assert!(stream.peek(&mut [0; 1]).expect("something comes") > 0);
}

#[test]
fn openbsds_v_tells_of_tls_and_of_the_certificate() {
    let address = own_address();
    let host = address.ip().to_string();
    for args in [&["-cv", "-T", "noverify"][..], &["-czv", "-T", "noverify", "-e", "a.test"]] {
        let listening = Listening::start(nc("ncat", &["-lv", "--ssl", &host, "9000"]), address);
        let mut command = nc("nc", &[args, &["-N", &host, "9000"]].concat());
        command.env("ADIEU_NC_FLAVOUR", "openbsd");
        let output = run(command, "over TLS\n");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let name = if args.contains(&"-e") { "a.test" } else { &host };
        for line in [
            &format!("TLS handshake negotiated TLSv1.3/TLS_AES_256_GCM_SHA384 with host {host}\n"),
            &format!("Peer name: {name}\n"),
            "Subject: /CN=",
            "Issuer: /CN=",
            "Valid From: ",
            "Valid Until: ",
            "Cert Hash: SHA256:",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        drop(listening.end());
    }
}
