//! The traces of the Zeek project, with what Zeek logs of them. They are not part of this project: the test reads them
//! where `ADIEU_CORPUS` says, and tells it loudly if it does not.

use std::{collections::HashMap, fs, path::PathBuf};

use adieu_explain::verdict::Verdict;

use crate::{frames, own};

/// Where we say something else than Zeek, and why.
const DIFFERENT: [(&str, &str, &str); 1] = [(
    "connect-with-smtp.pcap",
    "3378",
    "an acknowledgement overtook the data before it, which Zeek takes for a retransmission",
)];

#[test]
fn zeeks_states_and_histories_are_the_same() {
    let Some(corpus) = std::env::var_os("ADIEU_CORPUS").map(PathBuf::from) else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("SKIPPED: ADIEU_CORPUS does not say where the traces of Zeek are");
        }
        return;
    };
    let text = fs::read_to_string(corpus.join("zeek/expected.tsv")).expect("the table can be read");
    let mut files: HashMap<String, Vec<Verdict>> = HashMap::new();
    let (mut rows, mut different) = (0, Vec::new());
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [pcap, _tier, checksums, orig_h, orig_p, resp_h, resp_p, conn_state, history, ..] = fields[..]
        else {
            panic!("a row is too short: {line}");
        };
        let verdicts = files.entry(pcap.to_owned()).or_insert_with(|| {
            let mut segments = frames::read(&corpus.join("zeek").join(pcap));
            if checksums == "ignore" {
                for owned in &mut segments {
                    owned.segment.checksum = adieu_explain::segment::Checksum::Unknown;
                }
            }
            own::verdicts(&segments)
        });
        let end = |ip: std::net::SocketAddr| (ip.ip().to_string(), ip.port().to_string());
        let ours = verdicts.iter().position(|verdict| {
            let (a, b) = (end(verdict.client), end(verdict.server));
            let (c, d) = ((orig_h.to_owned(), orig_p.to_owned()), (resp_h.to_owned(), resp_p.to_owned()));
            (a == c && b == d) || (a == d && b == c)
        });
        rows += 1;
        match ours.map(|at| verdicts.remove(at)) {
            Some(verdict) if verdict.zeek.conn_state == conn_state && verdict.zeek.history == history => {}
            Some(_) if DIFFERENT.iter().any(|(file, port, _)| *file == pcap && *port == orig_p) => {}
            Some(verdict) => different.push(format!(
                "{pcap} {orig_p}: {conn_state} {history}, ours {} {} ({:?})",
                verdict.zeek.conn_state,
                verdict.zeek.history,
                verdict.ending.value(),
            )),
            None => different.push(format!("{pcap} {orig_p}: not found")),
        }
    }
    assert!(
        different.is_empty() && rows > 60,
        "{} of {rows} differ:\n{}",
        different.len(),
        different.join("\n")
    );
}
