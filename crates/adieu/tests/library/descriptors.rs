//! What is closed is given back: /proc/self/fd tells, so these are Linux's tests.

use crate::arms::{bounded, log_of, on_both, runtime};
use adieu::{ConnectOptions, Ending, Endpoint, Interrupt, Signal};
use adieu_testkit::peer::Step::Reset;
use std::cell::Cell;
use std::io::Read;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use tokio::io::AsyncReadExt;
use tokio::task::{LocalSet, yield_now};

#[test]
fn a_closed_connection_holds_no_descriptor() {
    on_both(|arm| {
        let (open, mut stream) = arm.to_std(&ConnectOptions::new());
        let held = inode_of(&open);
        let half = open.shutdown_send().expect("connected");
        assert_eq!(stream.read(&mut [0; 8]).expect("our FIN"), 0);
        drop(stream);
        let report = half.close();
        assert!(report.is_graceful(), "{report}");
        assert!(!open_inodes().contains(&held), "{held} is still open");
    });
}

#[test]
fn a_shutdown_that_fails_holds_no_descriptor() {
    on_both(|arm| {
        let (open, peer) = arm.to_peer(&[Reset], &ConnectOptions::new());
        assert!(log_of(peer).completed);
        let held = inode_of(&open);
        // Dropping the error would close what it held.
        let error = open.shutdown_send().err().expect("the peer has reset");
        assert!(!open_inodes().contains(&held), "{held} is still open: {error}");
    });
}

#[test]
fn an_interrupt_takes_one_descriptor_for_all_connections_of_a_runtime() {
    bounded("tokio", || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
            let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
            let interrupt = Interrupt::new().expect("descriptors are left");
            let held = link_of(&interrupt);
            let count = || open_inodes().iter().filter(|open| **open == held).count();
            let (before, waiting) = (count(), Rc::new(Cell::new(0)));
            let tasks = LocalSet::new();
            let mut reports = Vec::new();
            for number in 1..=8 {
                let options = ConnectOptions::new().interrupt(&interrupt);
                let mut connection = adieu::tokio::connect(&endpoint, &options).await.expect("it listens");
                let is_waiting = Rc::clone(&waiting);
                reports.push(tasks.spawn_local(async move {
                    is_waiting.set(number);
                    let _ = connection.read(&mut [0]).await;
                    connection.abort()
                }));
                tasks
                    .run_until(async {
                        while waiting.get() < number {
                            yield_now().await;
                        }
                    })
                    .await;
                assert_eq!(count(), before + 1, "{number} connections");
            }
            interrupt.raise(Signal::Interrupt);
            tasks.await;
            for report in reports {
                let report = report.await.expect("no panic");
                assert_eq!(report.ending(), Ending::Interrupted { signal: Signal::Interrupt });
            }
            assert_eq!(count(), before, "nobody waits");
        });
    });
}

/// What a descriptor leads to, by a name that no other open file has: numbers are taken again, these are not.
fn inode_of(open: &crate::arms::Open) -> String {
    link_of(&open.socket().expect("it is open"))
}

fn link_of(descriptor: &impl AsFd) -> String {
    let fd = descriptor.as_fd().as_raw_fd();
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("an open descriptor");
    path.to_string_lossy().into_owned()
}

fn open_inodes() -> Vec<String> {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("proc");
    // One that another test closes meanwhile leads nowhere.
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}
