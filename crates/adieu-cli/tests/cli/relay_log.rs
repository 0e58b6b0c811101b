//! The log of `adieu relay` when its file is in trouble: a full disk.

use crate::adieu;
use crate::relay::{Relay, accept, checked, upstream};
use crate::{Server, until};
use rustix::process::Resource;
use std::io::Read;
use std::process::Command;

/// The system takes a part of a line, and then refuses the rest: a disk that is full, and has room again later.
#[test]
fn a_line_of_the_log_that_was_torn_takes_no_other_with_it() {
    let (listener, address) = upstream();
    let mut relay = limited(&address);
    let before = relay.server.limit(Resource::Fsize, Some(100));
    let mut client = relay.server.connect();
    drop(accept(&listener));
    assert_eq!(client.read(&mut [0]).expect("a FIN passes"), 0);
    drop(client);
    loop {
        let said = relay.server.line();
        assert_ne!(said, "", "it ends without a word about the log");
        if said.contains("cannot write the log") {
            break;
        }
    }
    relay.server.limit(Resource::Fsize, before);
    let client = relay.server.connect();
    drop(accept(&listener));
    drop(client);
    let mut log = String::new();
    until("there is no second line", || {
        log = std::fs::read_to_string(relay.log()).unwrap_or_default();
        log.ends_with('\n')
    });
    let lines: Vec<_> = log.lines().collect();
    assert_eq!((lines.len(), lines[0].len()), (2, 100), "{log}");
    assert_eq!(checked(lines[1])["connection_id"], 2);
}

/// A relay that was started with a file size limit, so it survives the signal of one that is exceeded.
fn limited(upstream: &str) -> Relay {
    let directory = tempfile::tempdir().expect("there is room");
    let mut inner = adieu(&["relay", "127.0.0.1:0", upstream, "--log"]);
    inner.arg(directory.path().join("log"));
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -f 8; exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args());
    for (name, _) in inner.get_envs() {
        command.env_remove(name);
    }
    Relay { server: Server::of(&mut command), directory }
}
