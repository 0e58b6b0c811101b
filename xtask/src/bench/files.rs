//! `cargo xtask bench --files`: whole file transfers, both ends, from the start of the sender until the receiver has ended and
//! everything is verified that this way of transferring verifies.
//!
//! Other than in the cases of streams, both programs are the tool's own, and what is compared is the work that a person
//! wants done: the files are there and known to be right.

use super::Programs;
use super::process::listening_port;
use adieu_testkit::skip;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No transfer takes longer.
const BOUND: Duration = Duration::from_secs(100);

/// A way to transfer: each side is a line for a shell, in which `$P` is the port, `$A` is adieu and `$H` the helper.
struct Way {
    name: &'static str,
    kin: Kin,
    /// Programs that must be there.
    needs: &'static [&'static str],
    /// What is running before anybody receives or sends, and is ended afterwards.
    server: Option<&'static str>,
    /// `None`: the server receives, and has all when the sender has ended.
    receiver: Option<&'static str>,
    sender: &'static str,
    /// What is run afterwards and counts: the comparison, where the way has none.
    afterwards: Option<&'static str>,
    /// It ends with every byte compared.
    verified: bool,
    /// Also measured with both sides on one core: what is asked there is asked of adieu's own, and the others would take
    /// minutes.
    one_core: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kin {
    Adieu,
    /// The least that has to be done.
    Limit,
    Peer,
}

/// What most ways have in common.
const WAY: Way = Way {
    name: "",
    kin: Kin::Peer,
    needs: &[],
    server: None,
    receiver: None,
    sender: "",
    afterwards: None,
    verified: true,
    one_core: false,
};

/// Its ratio is what is asked.
const SEND: &str = "adieu send, adieu receive";
const CONNECT: &str = "adieu connect, adieu listen";
const LIMIT: &str = "limit program: hashes at both ends";

/// The tools' options: what they need to end at the end, and what serves them best.
const ONE_FILE: &[Way] = &[
    Way {
        name: SEND,
        kin: Kin::Adieu,
        receiver: Some("exec $A receive -q 127.0.0.1:0 --output out"),
        sender: "$A send -q file 127.0.0.1:$P",
        one_core: true,
        ..WAY
    },
    Way {
        name: CONNECT,
        kin: Kin::Adieu,
        receiver: Some("exec $A listen -q 127.0.0.1:0 --output out </dev/null"),
        sender: "$A connect -q 127.0.0.1:$P <file",
        verified: false,
        one_core: true,
        ..WAY
    },
    Way {
        name: LIMIT,
        kin: Kin::Limit,
        receiver: Some("exec $H hash-receive out >b"),
        sender: "$H hash-send $P file >a",
        afterwards: Some("cmp a b"),
        one_core: true,
        ..WAY
    },
    Way {
        name: "adieu send over TLS (--self-signed, --pin)",
        kin: Kin::Adieu,
        receiver: Some("exec $A receive --self-signed 127.0.0.1:0 --output out 2>said"),
        sender: "$A send -q file tls://127.0.0.1:$P --pin $(grep -o 'sha256:[0-9a-f]*' said)",
        ..WAY
    },
    Way {
        name: "adieu send with a secret",
        kin: Kin::Adieu,
        receiver: Some("ADIEU_SECRET=x exec $A receive -q 127.0.0.1:0 --output out"),
        sender: "ADIEU_SECRET=x $A send -q file 127.0.0.1:$P",
        ..WAY
    },
    Way {
        name: "rsync --whole-file to its daemon",
        needs: &["rsync"],
        server: Some(
            "printf '%s\\n' '[here]' \"path = $PWD\" 'use chroot = no' 'read only = no' \"uid = $(id -u)\" \"gid = $(id -g)\" >rsyncd.conf; \
             exec rsync --daemon --no-detach --address=127.0.0.1 --port=$P --config=rsyncd.conf",
        ),
        sender: "rsync --whole-file file rsync://127.0.0.1:$P/here/out",
        ..WAY
    },
    Way {
        name: "scp, aes128-gcm (each packet has its MAC)",
        needs: &["scp", "/usr/sbin/sshd", "ssh-keygen"],
        server: Some(
            "[ $(id -u) != 0 ] || mkdir -p /run/sshd; rm -f key* host*; \
             ssh-keygen -q -t ed25519 -N '' -f key; ssh-keygen -q -t ed25519 -N '' -f host; \
             printf '%s\\n' 'ListenAddress 127.0.0.1' \"Port $P\" \"HostKey $PWD/host\" \"AuthorizedKeysFile $PWD/key.pub\" \
             'StrictModes no' 'UsePAM no' 'PidFile none' 'PasswordAuthentication no' 'PermitRootLogin yes' \
             'Subsystem sftp internal-sftp' >sshd.conf; exec /usr/sbin/sshd -D -e -f sshd.conf",
        ),
        sender: "scp -q -F none -P $P -i key -c aes128-gcm@openssh.com -o BatchMode=yes -o StrictHostKeyChecking=no \
                 -o UserKnownHostsFile=/dev/null file 127.0.0.1:$PWD/out",
        ..WAY
    },
    Way {
        name: "socat, and sha256sum at both ends",
        needs: &["socat", "sha256sum"],
        receiver: Some("exec socat -b 262144 -u TCP-LISTEN:$P,bind=127.0.0.1 CREATE:out"),
        sender: "socat -b 262144 -u OPEN:file TCP:127.0.0.1:$P",
        afterwards: Some("sha256sum <file >a & sha256sum <out >b; wait; cmp a b"),
        ..WAY
    },
    Way {
        name: "nc -N, and sha256sum at both ends",
        needs: &["nc.openbsd", "sha256sum"],
        receiver: Some("exec nc.openbsd -l 127.0.0.1 $P >out"),
        sender: "nc.openbsd -N 127.0.0.1 $P <file",
        afterwards: Some("sha256sum <file >a & sha256sum <out >b; wait; cmp a b"),
        ..WAY
    },
    Way {
        name: "magic-wormhole, with its mailbox server on loopback",
        needs: &["wormhole", "twist3"],
        server: Some(
            "exec twist3 wormhole-mailbox --port=tcp:$P:interface=127.0.0.1 --channel-db=$PWD/mailbox.db",
        ),
        // Both ends are on one machine, so no relay is needed.
        receiver: Some(
            "exec wormhole --relay-url ws://127.0.0.1:$P/v1 --transit-helper= receive --hide-progress --accept-file -o out 1-bench",
        ),
        sender: "wormhole --relay-url ws://127.0.0.1:$P/v1 --transit-helper= send --hide-progress --code 1-bench file",
        ..WAY
    },
];

const MANY_FILES: &[Way] = &[
    Way {
        name: SEND,
        kin: Kin::Adieu,
        receiver: Some("mkdir out; exec $A receive -q 127.0.0.1:0 --output out"),
        sender: "$A send -q files 127.0.0.1:$P",
        ..WAY
    },
    Way {
        name: "tar over nc -N",
        needs: &["nc.openbsd", "tar"],
        receiver: Some("mkdir out; nc.openbsd -l 127.0.0.1 $P | tar -x -C out"),
        sender: "tar -c files | nc.openbsd -N 127.0.0.1 $P",
        verified: false,
        ..WAY
    },
    Way {
        name: "tar over nc -N, then synced",
        needs: &["nc.openbsd", "tar", "sync"],
        receiver: Some("mkdir out; nc.openbsd -l 127.0.0.1 $P | tar -x -C out; sync -f out"),
        sender: "tar -c files | nc.openbsd -N 127.0.0.1 $P",
        verified: false,
        ..WAY
    },
];

struct Row {
    case: &'static str,
    name: &'static str,
    kin: Kin,
    verified: bool,
    /// Seconds, sorted. Or why there are none.
    outcome: Result<Vec<f64>, String>,
}

/// A way that takes more than this many times adieu's time is far enough away to be measured less often.
const FAR: f64 = 2.0;
const ROUNDS_OF_FAR: usize = 3;

/// Runs everything in `directory`, which is in memory, and what is many files also in `on_disk`; gives the page's tables.
pub(super) fn run(
    programs: &Programs,
    directory: &Path,
    on_disk: &Path,
    size: u64,
    rounds: u32,
) -> Result<String> {
    prepare(directory, size)?;
    prepare(on_disk, 0)?;
    let mut rows = Vec::new();
    let cases: [(&str, &[Way], &Path, bool); 4] = [
        ("1 file, two cores", ONE_FILE, directory, false),
        ("1 file, one core for both sides", ONE_FILE, directory, true),
        ("10 000 files of 1 KiB in memory", MANY_FILES, directory, false),
        ("10 000 files of 1 KiB on a disk", MANY_FILES, on_disk, false),
    ];
    for (case, ways, place, one_core) in cases {
        let ways: Vec<&Way> = ways.iter().filter(|way| way.one_core || !one_core).collect();
        let mut outcomes: Vec<Result<Vec<f64>, String>> = ways.iter().map(|_| Ok(Vec::new())).collect();
        // A disk takes seconds for each, and what is seen there is no matter of a few percent.
        let rounds = if place == on_disk { 1 } else { rounds };
        for round in 1..=rounds {
            let adieu = outcomes.first().and_then(|outcome| least(outcome.as_ref().ok()?));
            for (way, outcome) in ways.iter().zip(&mut outcomes) {
                let Ok(samples) = outcome else { continue };
                let far = adieu.zip(least(samples)).is_some_and(|(adieu, least)| least > FAR * adieu);
                if far && samples.len() >= ROUNDS_OF_FAR {
                    continue;
                }
                match once(way, programs, place, one_core) {
                    Ok(seconds) => samples.push(seconds),
                    Err(error) => *outcome = Err(format!("{error:#}")),
                }
                tell(case, way.name, round, outcome);
            }
        }
        rows.extend(ways.iter().zip(outcomes).map(|(way, outcome)| Row {
            case,
            name: way.name,
            kin: way.kin,
            verified: way.verified,
            outcome: outcome.map(|mut samples| {
                samples.sort_by(f64::total_cmp);
                samples
            }),
        }));
    }
    Ok(tables(&rows, size))
}

fn least(samples: &[f64]) -> Option<f64> {
    samples.iter().copied().min_by(f64::total_cmp)
}

fn prepare(place: &Path, size: u64) -> Result<()> {
    use std::io::Write;
    if size > 0 {
        let mut file = fs::File::create(place.join("file"))?;
        // No two blocks are the same, and making them costs little.
        let mut block: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        for number in 0..size >> 20 {
            block[..8].copy_from_slice(&number.to_be_bytes());
            file.write_all(&block)?;
        }
    }
    for directory in 0..100 {
        let directory = place.join(format!("files/{directory}"));
        fs::create_dir_all(&directory)?;
        for file in 0..100 {
            fs::write(directory.join(format!("file-{file}")), format!("{file:04}").repeat(256))?;
        }
    }
    Ok(())
}

fn once(way: &Way, programs: &Programs, place: &Path, one_core: bool) -> Result<f64> {
    for program in way.needs {
        ensure!(skip::installed(program).is_some(), "{program} is not installed");
    }
    for old in ["out", "a", "b", "said", "mailbox.db"] {
        let old = place.join(old);
        if old.is_dir() {
            fs::remove_dir_all(old)?;
        } else if old.exists() {
            fs::remove_file(old)?;
        }
    }
    // What others have left to be written is not this way's to write.
    rustix::fs::sync();
    // Free a moment ago; only what cannot choose one itself takes it.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let shell = |line: &str, port: u16| -> Result<Group> {
        let mut command = Command::new(if one_core { "taskset" } else { "sh" });
        if one_core {
            command.args(["-c", "0", "sh"]);
        }
        command.args(["-c", line]).current_dir(place).env("P", port.to_string());
        // What a tool keeps at home goes where everything else is.
        command.env("A", &programs.adieu).env("H", &programs.helper).env("HOME", place);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Group(command.spawn().context("cannot start a shell")?))
    };
    let until = Instant::now() + Duration::from_secs(10);
    let server = way.server.map(|line| shell(line, port)).transpose()?;
    if server.is_some() {
        await_port(port, until)?;
    }
    let receiver = way.receiver.map(|line| shell(line, port)).transpose()?;
    let port = match (&receiver, way.receiver) {
        // Whom it asks is there already.
        _ if server.is_some() => port,
        // The one that listens is a child of the shell; it is there when the port is.
        (_, Some(line)) if line.contains('|') => await_port(port, until)?,
        (Some(receiver), _) => listening_port(i64::from(receiver.0.id()), until)?,
        (None, _) => port,
    };
    let began = Instant::now();
    shell(way.sender, port)?.finish(began + BOUND, "the sender")?;
    if let Some(mut receiver) = receiver {
        receiver.finish(began + BOUND, "the receiver")?;
    }
    if let Some(line) = way.afterwards {
        shell(line, port)?.finish(began + BOUND, "the comparison")?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let same = if way.sender.contains("files") {
        Command::new("diff").args(["-r", "files", "out/files"]).current_dir(place).status()?
    } else {
        Command::new("cmp").args(["file", "out"]).current_dir(place).status()?
    };
    ensure!(same.success(), "exit 0, and what arrived is not what was sent");
    Ok(seconds)
}

/// A process group that is killed if it is not finished.
struct Group(Child);

impl Group {
    fn finish(&mut self, until: Instant, what: &str) -> Result<()> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                ensure!(status.success(), "{what} ends with {status}");
                return Ok(());
            }
            ensure!(Instant::now() < until, "{what} hangs");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // It may be empty by now.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

fn await_port(port: u16, until: Instant) -> Result<u16> {
    // A connection would be the one that it waits for, so the kernel's table is asked.
    let wanted = format!(":{port:04X} 00000000:0000 0A");
    loop {
        if fs::read_to_string("/proc/net/tcp")?.contains(&wanted) {
            return Ok(port);
        }
        ensure!(Instant::now() < until, "it does not listen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Of sorted samples.
fn median(samples: &[f64]) -> Option<f64> {
    let (above, below) = (samples.len() / 2, samples.len().checked_sub(1)? / 2);
    Some(f64::midpoint(*samples.get(above)?, *samples.get(below)?))
}

fn tables(rows: &[Row], size: u64) -> String {
    let mut text = String::new();
    let find = |case: &str, name: &str| {
        let row = rows.iter().find(|r| r.case == case && r.name == name)?;
        median(row.outcome.as_ref().ok()?)
    };
    let mut last = "";
    for row in rows {
        if row.case != last {
            last = row.case;
            let of = if row.case.starts_with("1 file") { super::page::bytes(size) } else { "10 MiB".into() };
            let _ = writeln!(text, "\n### {}: {of}\n", row.case);
            text.push_str("| way | verified | seconds: median (least to most) | against adieu send |\n");
            text.push_str("| --- | --- | --- | --- |\n");
        }
        let verified = if row.verified { "yes" } else { "no" };
        let adieu = find(row.case, SEND);
        match &row.outcome {
            Err(why) => {
                let _ = writeln!(text, "| {} | {verified} | {why} | |", row.name);
            }
            Ok(samples) => {
                let (Some(middle), Some(fastest), Some(slowest)) =
                    (median(samples), samples.first(), samples.last())
                else {
                    continue;
                };
                let against = adieu.map_or("?".to_owned(), |adieu| format!("{:.2}", middle / adieu));
                let _ = writeln!(
                    text,
                    "| {} | {verified} | {middle:.3} ({fastest:.3} to {slowest:.3}) | {against} |",
                    row.name
                );
            }
        }
    }
    text.push_str("\n### What is asked\n\n| target | ratio | |\n| --- | --- | --- |\n");
    let mut verdict = |what: &str, ratio: Option<f64>, bound: f64| {
        let (shown, word) = match ratio {
            Some(ratio) if ratio >= bound => (format!("{ratio:.2}"), "met"),
            Some(ratio) => (format!("{ratio:.2}"), "**not met**"),
            None => ("?".to_owned(), "not measured"),
        };
        let _ = writeln!(text, "| {what} | {shown} | {word} |");
    };
    let ratio = |case: &str, other: &str, ours: &str| Some(find(case, other)? / find(case, ours)?);
    for (short, case) in [("one core", "1 file, one core for both sides"), ("two cores", "1 file, two cores")]
    {
        verdict(&format!("{short}: at least 0.8 of adieu connect's rate"), ratio(case, CONNECT, SEND), 0.8);
        verdict(
            &format!("{short}: the limit program, at least 0.8 of adieu connect's rate"),
            ratio(case, CONNECT, LIMIT),
            0.8,
        );
        verdict(&format!("{short}: at least 0.9 of the limit program's rate"), ratio(case, LIMIT, SEND), 0.9);
    }
    for row in rows.iter().filter(|row| row.verified && row.kin == Kin::Peer) {
        let what = format!("{}: ahead of {}", row.case, row.name);
        verdict(&what, ratio(row.case, row.name, SEND), 1.0);
    }
    let many = "10 000 files of 1 KiB in memory";
    verdict(&format!("{many}: as fast as tar over nc -N"), ratio(many, "tar over nc -N", SEND), 1.0);
    text
}

#[expect(clippy::print_stderr, reason = "a run of minutes shows that it goes on")]
fn tell(case: &str, name: &str, round: u32, outcome: &Result<Vec<f64>, String>) {
    match outcome {
        Ok(samples) => eprintln!("{case}, {name}, round {round}: {:.3} s", samples.last().unwrap_or(&0.0)),
        Err(why) => eprintln!("{case}, {name}, round {round}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdicts_come_from_the_medians() {
        let row = |name, kin, verified, samples: &[f64]| Row {
            case: "1 file, one core for both sides",
            name,
            kin,
            verified,
            outcome: Ok(samples.to_vec()),
        };
        let rows = [
            row(SEND, Kin::Adieu, true, &[0.9, 1.0, 5.0]),
            row(CONNECT, Kin::Adieu, false, &[0.7, 0.75, 0.8]),
            row(LIMIT, Kin::Limit, true, &[0.95]),
            row("nc -N, and sha256sum at both ends", Kin::Peer, true, &[2.0, 3.0, 4.0]),
        ];
        let text = tables(&rows, 1 << 30);
        for line in [
            "| one core: at least 0.8 of adieu connect's rate | 0.75 | **not met** |",
            "| one core: at least 0.9 of the limit program's rate | 0.95 | met |",
            "| 1 file, one core for both sides: ahead of nc -N, and sha256sum at both ends | 3.00 | met |",
            "| adieu send, adieu receive | yes | 1.000 (0.900 to 5.000) | 1.00 |",
        ] {
            assert!(text.contains(line), "{line}\nis not in\n{text}");
        }
    }
}
