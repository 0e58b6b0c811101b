//! The closing matrix between close_notify and FIN: what a TLS peer does at the end, and what must be made of it.

use super::peer::{
    Address, Peer, Script, Setup,
    Step::{
        BreakOff, CloseNotify, CutRecord, Fin, Handshake, Hold, Receive, ReceiveToEnd, Reset, Send, Silence,
    },
};
use adieu_peer::pattern::{Pattern, Verifier};
use serde_json::Value;
use std::io::{self, Write};
use std::time::Duration;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// A sentence in `snake_case`.
    pub name: &'static str,
    /// What the peer does.
    pub script: &'static Script,
    /// How the peer is set up.
    pub setup: Setup,
    /// Bytes that the program is given to send, before its input ends.
    pub sends: u64,
    /// What an EOF without close_notify is to mean: `require`, `framed`, `ignore`.
    pub eof: &'static str,
    /// What must hold.
    pub expect: Expect,
}

/// What must hold.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// Bytes of the peer's pattern that must come out, at least and at most.
    pub written: (u64, u64),
    /// The ending, and its exit status.
    pub ending: (&'static str, u64),
    /// Whether the report must say that the peer's close_notify came.
    pub close_notify: bool,
    /// The alert that it must name.
    pub alert: Option<&'static str>,
    /// Something that its sentence must say.
    pub says: &'static str,
    /// Whether the peer must have got all that the program sent, then its close_notify.
    pub peer_gets_all: bool,
}

const GRACEFUL: Expect = Expect {
    written: (0, 0),
    ending: ("graceful", 0),
    close_notify: true,
    alert: None,
    says: "graceful",
    peer_gets_all: true,
};

const TRUNCATED: Expect =
    Expect { ending: ("truncated", 6), close_notify: false, says: "without TLS's close_notify", ..GRACEFUL };

/// The peer takes something for a forged record.
const BROKEN_OFF: Expect = Expect {
    alert: Some("bad_record_mac"),
    says: "with the alert bad_record_mac",
    peer_gets_all: false,
    ..TRUNCATED
};

const fn row(name: &'static str, script: &'static Script, expect: Expect) -> Scenario {
    Scenario { name, script, setup: Setup::PLAIN, sends: 14, eof: "require", expect }
}

const fn writes(n: u64, expect: Expect) -> Expect {
    Expect { written: (n, n), ..expect }
}

/// Every row.
pub const SCENARIOS: &[Scenario] = &[
    row(
        "close_notify_then_fin",
        &[Handshake, ReceiveToEnd, Send(20_000), CloseNotify, Fin, ReceiveToEnd],
        writes(20_000, GRACEFUL),
    ),
    Scenario {
        sends: 8 << 20,
        ..row(
            "a_long_exchange_both_ways",
            &[Handshake, Send(1 << 20), ReceiveToEnd, Send(7 << 20), CloseNotify, Fin],
            writes(8 << 20, GRACEFUL),
        )
    },
    Scenario {
        setup: Setup::TLS12,
        ..row(
            "close_notify_then_fin_in_tls_1_2",
            &[Handshake, ReceiveToEnd, Send(20_000), CloseNotify, Fin],
            writes(20_000, GRACEFUL),
        )
    },
    row(
        "the_peer_ends_first",
        &[Handshake, Send(500), CloseNotify, ReceiveToEnd, Fin],
        writes(500, GRACEFUL),
    ),
    row(
        "a_reply_late_after_our_close_notify_arrives",
        &[Handshake, ReceiveToEnd, Silence(Duration::from_millis(700)), Send(3_000), CloseNotify, Fin],
        writes(3_000, GRACEFUL),
    ),
    row(
        "fin_alone_is_a_truncation",
        &[Handshake, ReceiveToEnd, Send(20_000), Fin],
        writes(20_000, TRUNCATED),
    ),
    Scenario {
        eof: "framed",
        ..row(
            "fin_alone_is_an_end_where_the_bytes_are_framed",
            &[Handshake, ReceiveToEnd, Send(20_000), Fin],
            writes(20_000, Expect { close_notify: false, says: "without close_notify", ..GRACEFUL }),
        )
    },
    Scenario {
        // So much that our input has not ended when the peer resets; and that only after its EOF was read, since behind a
        // reset that was told an EOF proves nothing.
        sends: 64 << 20,
        ..row(
            "fin_alone_is_a_truncation_also_if_a_reset_follows",
            &[Handshake, Receive(14), Send(3_000), Fin, Silence(Duration::from_secs(2)), Reset],
            writes(
                3_000,
                Expect {
                    says: "without TLS's close_notify, and then it reset the connection",
                    peer_gets_all: false,
                    ..TRUNCATED
                },
            ),
        )
    },
    row(
        "a_record_that_is_cut_is_a_truncation",
        &[Handshake, ReceiveToEnd, Send(20_000), CutRecord(5_000), Fin],
        writes(20_000, Expect { says: "in the middle of a record", ..TRUNCATED }),
    ),
    Scenario {
        eof: "framed",
        ..row(
            "a_record_that_is_cut_is_no_end_of_framed_bytes",
            &[Handshake, ReceiveToEnd, Send(20_000), CutRecord(5_000), Fin],
            writes(20_000, Expect { says: "in the middle of a record", ..TRUNCATED }),
        )
    },
    Scenario {
        eof: "ignore",
        ..row(
            "a_record_that_is_cut_is_an_end_if_every_eof_is",
            &[Handshake, ReceiveToEnd, Send(20_000), CutRecord(5_000), Fin],
            writes(20_000, Expect { close_notify: false, says: "without close_notify", ..GRACEFUL }),
        )
    },
    row(
        "a_reset_instead_of_close_notify_is_a_reset",
        // It waits, so that what it sent has arrived: an RST throws away what has not left it.
        &[Handshake, ReceiveToEnd, Send(3_000), Silence(Duration::from_millis(100)), Reset],
        writes(
            3_000,
            Expect { ending: ("reset", 4), close_notify: false, says: "reset by the peer", ..GRACEFUL },
        ),
    ),
    row(
        "a_reset_after_close_notify_is_a_reset",
        &[Handshake, ReceiveToEnd, Send(3_000), CloseNotify, Silence(Duration::from_millis(100)), Reset],
        writes(3_000, Expect { ending: ("reset", 4), says: "reset by the peer while closing", ..GRACEFUL }),
    ),
    Scenario {
        setup: Setup::TLS12,
        ..row(
            "a_peer_that_answers_close_notify_at_once_and_drops_its_answer",
            &[Handshake, ReceiveToEnd, CloseNotify, Fin],
            writes(0, GRACEFUL),
        )
    },
    Scenario {
        // So much that our input has not ended when the alert comes.
        sends: 64 << 20,
        ..row(
            "an_alert_in_mid_stream_is_named",
            &[Handshake, Receive(14), Send(3_000), BreakOff, Hold],
            writes(3_000, BROKEN_OFF),
        )
    },
    Scenario {
        sends: 64 << 20,
        ..row(
            "an_alert_is_named_also_if_a_reset_follows_at_once",
            &[Handshake, Receive(14), Send(3_000), BreakOff, Reset],
            writes(3_000, BROKEN_OFF),
        )
    },
    row(
        "a_transport_that_stays_open_after_both_ends_is_waited_for_and_not_for_ever",
        &[Handshake, ReceiveToEnd, Send(100), CloseNotify, Hold],
        writes(
            100,
            Expect { ending: ("indeterminate", 8), says: "before the peer had ended its side", ..GRACEFUL },
        ),
    ),
];

/// What came of one run.
#[derive(Debug)]
pub struct Ran {
    /// The report, as JSON.
    pub report: Value,
    /// What came out.
    pub output: Vec<u8>,
}

/// What the program is given to send.
///
/// # Panics
///
/// If it does not fit into memory.
pub fn input(scenario: &Scenario) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(scenario.sends).expect("a few MiB")];
    Pattern::of_program().fill(0, &mut bytes);
    bytes
}

/// Holds a side that connects against every row; gives a line for each that does not hold.
///
/// # Panics
///
/// If a peer cannot be started.
pub fn failures_of_connecting(
    over: Over,
    run: impl Fn(&'static Scenario, &Address) -> io::Result<Ran> + Sync,
) -> Vec<String> {
    each(over, |scenario, place| {
        let peer = Peer::listen_at(place, scenario.setup, scenario.script).expect("a peer");
        let ran = run(scenario, peer.place().expect("it listens"));
        (ran, peer)
    })
}

/// Holds a side that listens against every row. `run` starts it at a place, and gives what finds where it is, and what
/// waits for its end.
///
/// # Panics
///
/// If a peer cannot be started.
pub fn failures_of_listening<F, W>(
    over: Over,
    run: impl Fn(&'static Scenario, &Address) -> io::Result<(F, W)> + Sync,
) -> Vec<String>
where
    F: FnMut() -> Option<Address> + std::marker::Send + 'static,
    W: FnOnce() -> io::Result<Ran>,
{
    each(over, |scenario, place| {
        let (find, wait) = run(scenario, place).expect("it starts");
        let peer = Peer::connect(scenario.setup, find, scenario.script).expect("a thread");
        (wait(), peer)
    })
}

/// Over what the matrix is run. Over a Unix socket there is no reset to tell, and nothing is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// TCP on loopback.
    Tcp,
    /// A Unix socket's file.
    Unix,
}

fn each(
    over: Over,
    run: impl Fn(&'static Scenario, &Address) -> (io::Result<Ran>, Peer) + Sync,
) -> Vec<String> {
    let only = std::env::var(crate::matrix::ONLY).unwrap_or_default();
    let directory = tempfile::tempdir().expect("a directory can be made");
    std::thread::scope(|scope| {
        let (run, directory) = (&run, directory.path());
        let makes_sense = |scenario: &&Scenario| over == Over::Tcp || !scenario.script.contains(&Reset);
        let wanted =
            SCENARIOS.iter().filter(|scenario| scenario.name.contains(&only)).filter(makes_sense).enumerate();
        let running: Vec<_> = wanted
            .map(|(index, scenario)| {
                scope.spawn(move || {
                    let place = match over {
                        Over::Tcp => Address::LOOPBACK,
                        Over::Unix => Address::Unix(directory.join(index.to_string())),
                    };
                    let (ran, peer) = run(scenario, &place);
                    let log = peer.finish();
                    let faults = match &ran {
                        Ok(ran) => judge(over, scenario, ran, &log),
                        Err(error) => vec![error.to_string()],
                    };
                    let said = ran.map(|ran| ran.report.to_string()).unwrap_or_default();
                    (!faults.is_empty())
                        .then(|| format!("{}: {}\n    {said}\n    {log:?}", scenario.name, faults.join("; ")))
                })
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Option<String>>| {
            thread.join().unwrap_or_else(|_| Some("a run panicked".into()))
        };
        running.into_iter().filter_map(join).collect()
    })
}

fn judge(over: Over, scenario: &Scenario, ran: &Ran, log: &super::peer::Log) -> Vec<String> {
    let mut faults = Vec::new();
    let expect = scenario.expect;
    let mut is = |holds: bool, what: String| {
        if !holds {
            faults.push(what);
        }
    };
    let report = &ran.report;
    let said = |key: &str| report.get(key).cloned().unwrap_or(Value::Null);
    is(
        said("ending") == expect.ending.0,
        format!("the ending is {}, not {}", said("ending"), expect.ending.0),
    );
    is(said("exit_code") == expect.ending.1, format!("the exit status is {}", said("exit_code")));
    is(said("tls_close_notify_received") == expect.close_notify, "close_notify is told wrongly".into());
    is(
        said("tls_alert") == expect.alert.map_or(Value::Null, Value::from),
        format!("the alert is {}", said("tls_alert")),
    );
    let message = said("message");
    is(message.as_str().is_some_and(|m| m.contains(expect.says)), format!("it says {message}"));
    let mut written = Verifier::new(Pattern::of_peer());
    is(
        written.write_all(&ran.output).is_ok() && written.first_wrong().is_none(),
        "what came out is wrong".into(),
    );
    let (least, most) = expect.written;
    is((least..=most).contains(&written.count()), format!("{} bytes came out", written.count()));
    is(said("bytes_received") == written.count(), format!("{} bytes are reported", said("bytes_received")));
    if expect.peer_gets_all {
        is(said("bytes_accepted") == scenario.sends, format!("{} bytes accepted", said("bytes_accepted")));
        is(log.received == scenario.sends && log.first_wrong.is_none(), format!("the peer got {log:?}"));
        is(log.close_notify && log.failure.is_none(), "the peer did not see our close_notify".into());
        let acknowledged = if over == Over::Tcp { Value::from(scenario.sends) } else { Value::Null };
        is(
            said("bytes_acknowledged") == acknowledged,
            format!("{} acknowledged", said("bytes_acknowledged")),
        );
    }
    faults
}
