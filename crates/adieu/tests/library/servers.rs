//! Servers that drain, on both faces. What a handler does is data, so that each test has one body.

mod setup;

use crate::arms::{Arm, BOUND, on_both, runtime};
use adieu::{Drained, Ending, Endpoint, Interrupt, ListenOptions, Report, ServerEvent, Signal, Transport};
use adieu_testkit::scenario::is_wine;
use setup::{
    HALF, LetsIn, Observer, Setup, Work, answer_of, await_backlog, client_in_the_middle, echo, expect_reset,
    read_half, read_rest,
};
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn clients_in_the_middle_of_an_answer_get_all_of_it() {
    on_both(|arm| {
        let serving = arm.serve(Work::Answer);
        // Wine takes its time for each look at the system's table of connections.
        let number = if cfg!(windows) { 10 } else { 100 };
        let clients: Vec<_> = (0..number).map(|_| serving.client_in_the_middle()).collect();
        serving.handle.begin_shutdown(BOUND);
        clients.into_iter().for_each(read_rest);
        let endpoint = serving.endpoint.to_string();
        let drained = serving.finish();
        assert_eq!((drained.ended.len(), drained.aborted.len(), drained.unfinished), (number, 0, 0));
        for report in &drained.ended {
            assert!(report.is_graceful(), "{report}");
            assert_eq!(report.bytes_accepted, 2 * HALF as u64);
        }
        TcpStream::connect(endpoint).expect_err("nobody listens any more");
    });
}

#[test]
fn a_client_that_stalls_is_reset_at_the_deadline() {
    on_both(|arm| {
        let serving = arm.serve(Work::Answer);
        let mut stalled = serving.client_in_the_middle();
        let well = serving.client_in_the_middle();
        serving.handle.begin_shutdown(BOUND);
        read_rest(well);
        assert!(serving.report().is_graceful());
        // The earlier deadline counts.
        let drained = serving.handle.shutdown(Duration::from_millis(10));
        assert_eq!((drained.ended.len(), drained.aborted.len(), drained.unfinished), (1, 1, 0));
        assert_eq!(drained.aborted[0].ending(), Ending::Interrupted { signal: Signal::Terminate });
        assert_eq!(
            drained.aborted[0].peer_address.as_ref().and_then(adieu::Address::socket_addr),
            stalled.local_addr().ok()
        );
        expect_reset(&mut stalled);
        assert_eq!(serving.finish(), drained, "all who ask get the same");
    });
}

#[test]
fn clients_in_the_backlog_are_served_after_the_shutdown() {
    on_both(|arm| {
        let serving = arm.serve_with(Setup { at_once: Some(1), ..Setup::default() }, Work::Answer);
        let first = serving.client_in_the_middle();
        // The kernel has made their connections, and nobody has accepted them.
        let waiting: Vec<_> = (0..3).map(|_| serving.connect()).collect();
        await_backlog(&serving.endpoint, 3);
        serving.handle.begin_shutdown(BOUND);
        read_rest(first);
        for mut client in waiting {
            read_half(&mut client);
            read_rest(client);
        }
        assert_eq!(serving.load.most.load(Ordering::SeqCst), 1);
        let drained = serving.finish();
        assert_eq!((drained.ended.len(), drained.aborted.len()), (4, 0));
        assert!(drained.ended.iter().all(Report::is_graceful));
    });
}

#[test]
fn clients_behind_many_that_are_not_let_in_are_served_after_the_shutdown() {
    const STRANGERS: usize = 100;
    on_both(|arm| {
        let strangers = Arc::new(Mutex::new(HashSet::new()));
        let known = Arc::clone(&strangers);
        let lets_in: LetsIn = Arc::new(move |client| {
            client.socket_addr().is_none_or(|at| !known.lock().expect("no panic").contains(&at))
        });
        let setup = Setup { at_once: Some(1), lets_in: Some(lets_in), ..Setup::default() };
        let serving = arm.serve_with(setup, Work::Answer);
        let first = serving.client_in_the_middle();
        let denied: Vec<_> = (0..STRANGERS).map(|_| serving.connect()).collect();
        let addresses = denied.iter().map(|client| client.local_addr().expect("it is connected"));
        strangers.lock().expect("no panic").extend(addresses);
        let mut client = serving.connect();
        await_backlog(&serving.endpoint, STRANGERS + 1);
        serving.handle.begin_shutdown(BOUND);
        read_rest(first);
        read_half(&mut client);
        read_rest(client);
        let drained = serving.finish();
        assert_eq!((drained.ended.len(), drained.aborted.len()), (2, 0));
        assert!(drained.ended.iter().all(Report::is_graceful));
    });
}

#[test]
fn clients_that_still_wait_for_a_place_at_the_deadline_are_reset() {
    on_both(|arm| {
        let serving = arm.serve_with(Setup { at_once: Some(1), ..Setup::default() }, Work::Answer);
        let mut clients = vec![serving.client_in_the_middle()];
        clients.extend((0..3).map(|_| serving.connect()));
        await_backlog(&serving.endpoint, 3);
        let drained = serving.handle.shutdown(Duration::from_millis(10));
        assert_eq!((drained.ended.len(), drained.aborted.len(), drained.unfinished), (0, 4, 0));
        for client in &mut clients {
            // All that was sent before has been read.
            let error = client.read_exact(&mut [0; 1]).expect_err("nobody serves it");
            assert!(error.kind() == io::ErrorKind::ConnectionReset || is_wine(), "{error}");
        }
        serving.finish();
    });
}

#[test]
fn a_handler_that_panics_resets_its_client_and_nobody_else() {
    on_both(|arm| {
        let serving = arm.serve_with(Setup { at_once: Some(1), ..Setup::default() }, Work::Panic);
        for _ in 0..3 {
            let mut client = serving.connect();
            expect_reset(&mut client);
            assert!(!serving.report().is_graceful());
        }
        // Its place is free again, or nobody would have been served.
        assert_eq!(serving.handle.shutdown(BOUND), Drained::default());
        assert_eq!(serving.finish(), Drained::default());
    });
}

/// As one that prints, once nobody reads what is printed.
#[test]
fn an_observer_that_panics_keeps_no_place_taken() {
    on_both(|arm| {
        let observer: Observer = Arc::new(|_| std::panic::resume_unwind(Box::new("on purpose")));
        let setup = Setup { at_once: Some(1), observer: Some(observer), ..Setup::default() };
        let serving = arm.serve_with(setup, Work::Answer);
        for _ in 0..3 {
            read_rest(serving.client_in_the_middle());
        }
        let _stays = serving.client_in_the_middle();
        let drained = serving.handle.shutdown(Duration::from_millis(10));
        assert_eq!((drained.aborted.len(), drained.unfinished), (1, 0));
        assert_eq!(serving.finish(), drained);
    });
}

#[test]
fn who_ended_before_the_shutdown_is_told_and_not_kept() {
    on_both(|arm| {
        let serving = arm.serve(Work::Echo);
        for _ in 0..5 {
            echo(serving.connect());
            let report = serving.report();
            assert!(report.is_graceful(), "{report}");
        }
        assert_eq!(serving.handle.shutdown(BOUND), Drained::default());
        assert_eq!(serving.handle.shutdown(Duration::ZERO), Drained::default(), "it is over already");
        assert_eq!(serving.finish(), Drained::default());
    });
}

#[test]
fn two_shutdowns_wait_for_the_same_end() {
    on_both(|arm| {
        let serving = arm.serve(Work::Answer);
        let client = serving.client_in_the_middle();
        let twice = [0; 2].map(|_| {
            let handle = serving.handle.clone();
            std::thread::spawn(move || handle.shutdown(BOUND))
        });
        serving.handle.begin_shutdown(BOUND);
        read_rest(client);
        let drained = twice.map(|thread| thread.join().expect("no panic"));
        assert_eq!(drained[0], drained[1]);
        assert_eq!(drained[0].ended.len(), 1);
        assert_eq!(serving.finish(), drained[0]);
    });
}

#[test]
fn the_observer_is_told_of_the_drain_and_of_who_had_no_turn() {
    on_both(|arm| {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let observer = Arc::new(move |event: &ServerEvent<'_>| {
            let said = match event {
                ServerEvent::Ended { id, served, .. } => format!("ended {} {served}", *id > 0),
                ServerEvent::Draining { open } => format!("draining {open}"),
                ServerEvent::Aborting { open } => format!("aborting {open}"),
                other => format!("{other:?}"),
            };
            tell.lock().expect("no panic").send(said).expect("it is read");
        });
        let setup = Setup { at_once: Some(1), observer: Some(observer), ..Setup::default() };
        let serving = arm.serve_with(setup, Work::Answer);
        let _first = serving.client_in_the_middle();
        let _second = serving.connect();
        await_backlog(&serving.endpoint, 1);
        let drained = serving.handle.shutdown(Duration::from_millis(10));
        assert_eq!(drained.aborted.len(), 2);
        serving.finish();
        let mut said: Vec<String> = told.try_iter().collect();
        // Which of the two ends first is the scheduler's choice.
        said[2..].sort();
        assert_eq!(said, ["draining 2", "aborting 2", "ended true false", "ended true true"]);
    });
}

#[test]
fn a_shutdown_without_time_takes_nobody_from_the_backlog() {
    on_both(|arm| {
        for (late_clients, limit) in [(None, Duration::ZERO), (Some(0), Duration::from_millis(10))] {
            let setup = Setup { at_once: Some(1), late_clients, ..Setup::default() };
            let serving = arm.serve_with(setup, Work::Answer);
            let _first = serving.client_in_the_middle();
            let mut second = serving.connect();
            await_backlog(&serving.endpoint, 1);
            let drained = serving.handle.shutdown(limit);
            assert_eq!((drained.ended.len(), drained.aborted.len()), (0, 1));
            expect_reset(&mut second);
            serving.finish();
        }
    });
}

#[test]
fn a_server_that_was_shut_down_before_it_serves_accepts_nobody() {
    on_both(|arm| {
        let serving = arm.serve_with(Setup { is_shut_down_before: true, ..Setup::default() }, Work::Echo);
        assert_eq!(serving.handle.shutdown(BOUND), Drained::default());
        let endpoint = serving.endpoint.to_string();
        assert_eq!(serving.finish(), Drained::default());
        TcpStream::connect(endpoint).expect_err("nobody listens any more");
    });
}

#[test]
fn no_more_are_served_at_once_than_may_be() {
    on_both(|arm| {
        let serving = arm.serve_with(Setup { at_once: Some(2), ..Setup::default() }, Work::Answer);
        let endpoint = &serving.endpoint;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| read_rest(client_in_the_middle(endpoint)));
            }
        });
        assert!(serving.load.most.load(Ordering::SeqCst) <= 2);
        for _ in 0..8 {
            assert!(serving.report().is_graceful());
        }
        serving.handle.shutdown(BOUND);
        serving.finish();
    });
}

#[test]
fn a_connection_that_its_handler_has_given_away_is_waited_for() {
    on_both(|arm| {
        let serving = arm.serve_with(Setup { at_once: Some(1), ..Setup::default() }, Work::HandOn);
        let mut client = serving.connect();
        client.write_all(b"1word").expect("it is served");
        let mut word = [0; 4];
        // Its handler has come back by now, or will without us.
        client.read_exact(&mut word).expect("it is echoed");
        serving.handle.begin_shutdown(BOUND);
        echo(client);
        let drained = serving.finish();
        assert_eq!((drained.ended.len(), drained.aborted.len(), drained.unfinished), (1, 0, 0));
        assert!(drained.ended[0].is_graceful(), "{}", drained.ended[0]);
    });
}

/// A task is aborted, and its connection with it. A thread cannot be, and is counted.
#[test]
fn a_handler_that_waits_for_something_else_does_not_hold_up_the_end() {
    on_both(|arm| {
        let (end, held) = mpsc::channel();
        let serving = arm.serve(Work::Stuck(Arc::new(Mutex::new(held))));
        let mut client = serving.connect();
        while serving.load.now.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let drained = serving.handle.shutdown(Duration::from_millis(10));
        match arm {
            Arm::Blocking => assert_eq!((drained.aborted.len(), drained.unfinished), (0, 1)),
            Arm::Tokio => assert_eq!((drained.aborted.len(), drained.unfinished), (1, 0)),
        }
        drop(end);
        expect_reset(&mut client);
        assert!(!serving.report().is_graceful());
        serving.finish();
    });
}

#[test]
fn an_observer_that_panics_does_not_hold_up_the_end() {
    on_both(|arm| {
        let observer: Observer = Arc::new(|event| {
            if let ServerEvent::Ended { .. } = event {
                std::panic::resume_unwind(Box::new("on purpose"));
            }
        });
        let serving = arm.serve_with(Setup { observer: Some(observer), ..Setup::default() }, Work::Echo);
        echo(serving.connect());
        let drained = serving.handle.shutdown(None);
        assert_eq!((drained.aborted.len(), drained.unfinished), (0, 0));
        serving.finish();
    });
}

#[test]
fn a_connection_that_has_ended_is_told_once_though_its_handler_goes_on() {
    on_both(|arm| {
        let (end, held) = mpsc::channel();
        let serving = arm.serve(Work::Lingering(Arc::new(Mutex::new(held))));
        let mut client = serving.connect();
        while serving.load.now.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let drained = serving.handle.shutdown(Duration::from_millis(10));
        assert_eq!((drained.ended.len(), drained.aborted.len(), drained.unfinished), (0, 1, 0));
        expect_reset(&mut client);
        drop(end);
        serving.finish();
    });
}

#[test]
fn an_interrupt_of_the_options_ends_the_service_and_its_connections() {
    on_both(|arm| {
        let interrupt = Interrupt::new().expect("descriptors are left");
        let options = ListenOptions::new().interrupt(&interrupt);
        let serving = arm.serve_with(Setup { options, ..Setup::default() }, Work::Answer);
        let mut client = serving.client_in_the_middle();
        interrupt.raise(Signal::Interrupt);
        expect_reset(&mut client);
        let drained = serving.finish();
        assert_eq!(drained.unfinished, 0);
        let signal = Signal::Interrupt;
        // Whether it ended before the server had heard is the scheduler's choice.
        assert!(drained.aborted.iter().all(|report| report.ending() == Ending::Interrupted { signal }));
        assert!(drained.ended.is_empty() && drained.aborted.len() <= 1);
    });
}

#[cfg(unix)]
#[test]
fn a_server_on_a_unix_socket_drains_too() {
    on_both(|arm| {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("socket");
        let endpoint = Endpoint::unix(&path);
        let serving = arm.serve_with(Setup { endpoint, ..Setup::default() }, Work::Answer);
        let mut clients: Vec<_> = (0..3)
            .map(|_| {
                let mut client = std::os::unix::net::UnixStream::connect(&path).expect("it listens");
                client.set_read_timeout(Some(BOUND)).expect("not zero");
                read_half(&mut client);
                client
            })
            .collect();
        let mut stalled = clients.pop().expect("there are three");
        serving.handle.begin_shutdown(BOUND);
        for mut client in clients {
            client.write_all(b"x").expect("it is served");
            client.shutdown(Shutdown::Write).expect("it is connected");
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).expect("it ends well");
            assert_eq!(rest.len(), HALF);
            assert!(serving.report().is_graceful());
        }
        let drained = serving.handle.shutdown(Duration::ZERO);
        assert_eq!((drained.ended.len(), drained.aborted.len()), (2, 1));
        assert!(drained.ended.iter().all(|report| report.transport == Some(Transport::Unix)));
        let mut rest = Vec::new();
        // A Unix socket has no reset to see.
        let _ = stalled.read_to_end(&mut rest);
        assert!(rest.is_empty());
        serving.finish();
        assert!(!path.exists());
    });
}

#[test]
fn a_server_that_speaks_tls_drains_too() {
    on_both(|arm| {
        let config = adieu::tls::Server::self_signed().build().expect("a certificate is made");
        let client = adieu::tls::Client::new()
            .pin(config.fingerprint().expect("its own"))
            .build()
            .expect("it needs no roots");
        let options = ListenOptions::new().tls(config);
        let serving = arm.serve_with(Setup { options, ..Setup::default() }, Work::Answer);
        let connect = || {
            let options = adieu::ConnectOptions::new().tls(client.clone());
            let mut connection = adieu::connect(&serving.endpoint, &options).expect("it serves");
            read_half(&mut connection);
            connection
        };
        let (mut well, mut stalled) = (connect(), connect());
        serving.handle.begin_shutdown(BOUND);
        well.write_all(b"x").expect("it is served");
        let mut half_closed = well.shutdown_send().expect("it is connected");
        let mut rest = Vec::new();
        half_closed.read_to_end(&mut rest).expect("it ends well");
        assert!(rest == answer_of(2 * HALF)[HALF..]);
        let report = half_closed.close();
        assert!(report.is_graceful(), "{report}");
        assert!(serving.report().is_graceful());
        let drained = serving.handle.shutdown(Duration::from_millis(10));
        assert_eq!((drained.ended.len(), drained.aborted.len()), (1, 1));
        let end = stalled.read_to_end(&mut Vec::new());
        assert!(end.is_err() || is_wine(), "a cut stream does not look whole");
        assert!(!stalled.abort().is_graceful());
        serving.finish();
    });
}

#[test]
fn a_service_whose_future_is_dropped_resets_its_connections() {
    crate::arms::bounded("tokio", || {
        let runtime = runtime();
        let (handle, mut client) = runtime.block_on(async {
            let endpoint = Endpoint::tcp("127.0.0.1", 0);
            let listener =
                adieu::tokio::Listener::bind(&endpoint, &ListenOptions::new()).await.expect("loopback");
            let address = listener.local_endpoint().to_string();
            let server = adieu::tokio::Server::new(listener);
            let handle = server.handle();
            let task = tokio::spawn(server.serve(adieu::tokio::echo));
            let mut client = tokio::net::TcpStream::connect(address).await.expect("it listens");
            client.write_all(b"x").await.expect("it is served");
            client.read_exact(&mut [0; 1]).await.expect("it is echoed");
            task.abort();
            (handle, client)
        });
        let drained = runtime.block_on(handle.shutdown(BOUND));
        assert_eq!((drained.ended.len(), drained.aborted.len()), (0, 0));
        let end = runtime.block_on(client.read(&mut [0; 1])).map_err(|error| error.kind());
        assert!(end == Err(io::ErrorKind::ConnectionReset) || is_wine(), "{end:?}");
    });
}

/// Where there are no descriptors a client waits, and the server neither ends nor spins. Limits are a process's, so it is
/// another process that has few.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_is_short_of_descriptors_goes_on_when_there_are_some() {
    let status = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("it runs"))
        .args(["--exact", "servers::a_process_with_few_descriptors", "--ignored", "--nocapture"])
        .args(["--test-threads", "1"])
        .status()
        .expect("there is a shell");
    assert!(status.success(), "what it said is above");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "it is the process that another test starts with few descriptors"]
fn a_process_with_few_descriptors() {
    on_both(|arm| {
        let serving = arm.serve(Work::Echo);
        // The server is up, and has all it needs for itself.
        echo(serving.connect());
        assert!(serving.report().is_graceful());
        let mut stat = std::fs::File::open("/proc/self/stat").expect("Linux has it");
        let mut held = Vec::new();
        let full = loop {
            match std::fs::File::open("/dev/null") {
                Ok(file) => held.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(adieu::error_name(full.raw_os_error().expect("a number")), Some("EMFILE"));
        held.pop();
        let mut client = serving.connect();
        let error = serving.accept_errors.recv_timeout(BOUND).expect("nobody can be accepted");
        assert_eq!(error.system().and_then(|error| error.name.as_deref()), Some("EMFILE"), "{error}");
        let before = processor_time(&mut stat);
        // It tries again meanwhile, and says no more.
        serving.accept_errors.recv_timeout(Duration::from_millis(400)).expect_err("it was told already");
        let spent = processor_time(&mut stat).saturating_sub(before);
        assert!(spent < Duration::from_millis(200), "it spins: {spent:?}");
        // The one that its socket takes: whatever else would be had for it can be done without.
        held.pop();
        client.write_all(b"x").expect("it is served");
        client.read_exact(&mut [0; 1]).expect("it is echoed");
        // The server waits for more by now, or will.
        echo(client);
        assert!(serving.report().is_graceful());
        drop(held);
        assert_eq!(serving.handle.shutdown(BOUND), Drained::default());
        serving.finish();
    });
}

/// What this process has had of the processors, by the file that tells it.
#[cfg(target_os = "linux")]
fn processor_time(stat: &mut std::fs::File) -> Duration {
    let mut text = String::new();
    std::io::Seek::rewind(stat).and_then(|()| stat.read_to_string(&mut text)).expect("Linux tells");
    let (_, rest) = text.rsplit_once(") ").expect("a name in brackets");
    let ticks = rest.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum::<u64>();
    // USER_HZ, which is 100 for every program.
    Duration::from_millis(ticks * 10)
}
