//! What a connection costs: no CPU while nothing moves, no memory for the length of a stream.

use crate::{ADIEU, Server};
use std::process::Command;

/// CPU time in seconds that a shell's child took, from the shell's own `times`.
fn cpu_of(line: &str) -> f64 {
    let script = format!("{line}\ntimes | tail -n 1");
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell starts");
    let times = String::from_utf8(output.stdout).expect("times are text");
    let last = times.lines().last().expect("`times` prints a line");
    let seconds = |word: &str| -> f64 {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m').expect("as in 0m0.01s");
        minutes.parse::<f64>().expect("minutes") * 60.0 + seconds.parse::<f64>().expect("seconds")
    };
    last.split_whitespace().map(seconds).sum()
}

#[test]
fn a_stalled_connection_uses_no_cpu() {
    let server = Server::start(&["--keep-open", "--exec", "sleep 60"]);
    let flood = Server::start(&["--keep-open", "--exec", "cat /dev/zero"]);
    for path in ["direct", "portable"] {
        stalls_use_no_cpu(&server.address, &flood.address, path);
    }
    for stopped in [server, flood] {
        stopped.signal(rustix::process::Signal::INT);
        stopped.finish();
    }
}

fn stalls_use_no_cpu(server_address: &str, flood_address: &str, data_path: &str) {
    let limit = format!("--deadline 500ms --report none --data-path {data_path}");
    for line in [
        // The peer is silent and our input open; the peer is silent and our input has ended.
        format!("sleep 1 | {ADIEU} connect {limit} {server_address}"),
        format!("{ADIEU} connect {limit} {server_address} </dev/null"),
        // The peer takes nothing and our input waits.
        format!("cat /dev/zero | {ADIEU} connect {limit} {server_address}"),
        // Our output takes nothing and the peer waits; the same when the peer is gone.
        format!("{ADIEU} connect {limit} {flood_address} </dev/null | sleep 1"),
    ] {
        let cpu = cpu_of(&line);
        assert!(cpu < 0.2, "{cpu} s of CPU in half a second of waiting: {line}");
    }
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use adieu_testkit::pattern::Pattern;

    #[test]
    fn memory_does_not_grow_with_the_stream() {
        let server = Server::start(&["--echo", "--keep-open", "--report", "none"]);
        let peak_kib = || -> u64 {
            let status =
                std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("it runs");
            let line = status.lines().find(|l| l.starts_with("VmHWM")).expect("Linux tells the peak");
            line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB")
        };
        let transfer = |bytes: u64| {
            let mut stream = server.connect();
            let mut writing = stream.try_clone().expect("a socket can be cloned");
            let feeding = std::thread::spawn(move || {
                std::io::copy(&mut Pattern::of_program().reader(bytes), &mut writing)
                    .expect("the server takes it");
                writing.shutdown(std::net::Shutdown::Write).expect("half-closing works");
            });
            assert_eq!(std::io::copy(&mut stream, &mut std::io::sink()).expect("the server answers"), bytes);
            feeding.join().expect("feeding does not panic");
        };
        // The program's own pages, of which a debug build has many.
        let idle = peak_kib();
        transfer(1 << 20);
        let after_one = peak_kib();
        transfer(256 << 20);
        let after_many = peak_kib();
        assert!(after_many < idle + 3072, "{idle} KiB before, {after_many} KiB after");
        assert!(after_many < after_one + 2048, "{after_one} KiB after 1 MiB, {after_many} KiB after 256 MiB");
        server.signal(rustix::process::Signal::TERM);
        server.finish();
    }
}
