//! What is closed is given back: /proc/self/fd tells, so these are Linux's tests.

use crate::arms::{log_of, on_both};
use adieu::ConnectOptions;
use adieu_testkit::peer::Step::Reset;
use std::io::Read;

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

/// What a descriptor leads to, by a name that no other open file has: numbers are taken again, these are not.
fn inode_of(open: &crate::arms::Open) -> String {
    use std::os::fd::AsRawFd;
    let fd = open.socket().expect("it is open").as_raw_fd();
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("an open descriptor");
    path.to_string_lossy().into_owned()
}

fn open_inodes() -> Vec<String> {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("proc");
    // One that another test closes meanwhile leads nowhere.
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}
