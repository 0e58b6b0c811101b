//! What can go wrong with the original, for what a line asks of it. Each was measured: see "Why" in docs/nc.md.

use super::super::flavour::Flavour;
use super::super::plan::{AtInputEnd, Mode, Plan, Transport, Verify};
use super::time;
use super::words::Line;

pub(super) fn of(plan: &Plan, line: &Line) -> Vec<String> {
    let is_stream = matches!(plan.transport, Transport::Tcp | Transport::UnixStream);
    let mut all: Vec<String> = match (is_stream, plan.zero_io) {
        (true, true) => {
            vec![
                "An open port says that something listens there, and nothing about the service behind it."
                    .to_owned(),
            ]
        }
        (true, false) => streams(plan, line),
        (false, _) => datagrams(plan),
    };
    let mut add = |condition: bool, sentence: &str| {
        if condition {
            all.push(sentence.to_owned());
        }
    };
    let (connects, count, listens) = match &plan.mode {
        Mode::Connect { ports, .. } => (true, ports.len(), false),
        Mode::ConnectUnix { .. } => (false, 1, false),
        Mode::Listen { .. } | Mode::ListenUnix { .. } => (false, 0, true),
    };
    add(
        connects && plan.connect_timeout.is_none() && plan.transport == Transport::Tcp,
        "Without -w, a host that does not answer holds it up for two minutes and more.",
    );
    add(
        count > 1 && plan.flavour == Flavour::Traditional,
        "With several ports the exit status is 0 even if all of them are closed.",
    );
    add(
        count > 1 && plan.flavour != Flavour::Traditional,
        "With several ports the exit status is 0 if one of them is open.",
    );
    add(
        matches!(plan.mode, Mode::Listen { host: None, .. }),
        "Whoever reaches this machine by any of its networks may connect.",
    );
    add(
        listens && !plan.keep_listening && plan.transport == Transport::Tcp,
        "It serves whoever comes first: a port scan or a health check takes the place of the client.",
    );
    add(
        plan.keep_listening && line.output.is_some() && !(plan.serves_at_once() && plan.exec.is_none()),
        "One client's bytes stand directly behind those of another; nothing says where the one ends.",
    );
    add(
        plan.serves_at_once() && plan.exec.is_none(),
        "What several clients send stands in one stream, mixed as it came; nothing says whose is what.",
    );
    add(plan.exec.is_some(), "Whoever can connect has the program, without a password.");
    add(
        plan.tls.as_ref().is_some_and(|tls| tls.verify == Verify::Nothing)
            && plan.flavour == Flavour::Ncat
            && !listens,
        "Without --ssl-verify, TLS does not protect against a machine in the middle.",
    );
    all
}

fn streams(plan: &Plan, line: &Line) -> Vec<String> {
    let mut all = Vec::new();
    let mut add = |condition: bool, sentence: &str| {
        if condition {
            all.push(sentence.to_owned());
        }
    };
    let is_ncat = plan.flavour == Flavour::Ncat;
    add(true, "If the peer resets the connection in the middle, it says nothing, and most often exits 0.");
    add(
        line.output.is_some(),
        "An answer that is cut looks like a whole one: the file or the program behind it cannot tell.",
    );
    let listens = matches!(plan.mode, Mode::Listen { .. } | Mode::ListenUnix { .. });
    let quits = matches!(plan.at_input_end, AtInputEnd::Quit { .. }) && plan.exec.is_none();
    add(
        plan.at_input_end == AtInputEnd::KeepOpen && !listens && !plan.detached && plan.exec.is_none(),
        "A server that answers at the end of its input never answers, and both sides wait for ever (-N half-closes).",
    );
    add(
        is_ncat
            && plan.at_input_end == AtInputEnd::HalfClose
            && !plan.send_only
            && !plan.recv_only
            && plan.exec.is_none(),
        "When the peer ends first, it waits for stdin's end.",
    );
    add(
        plan.send_only,
        "It exits 0 before the peer has acknowledged anything: what it sent may never arrive.",
    );
    if let (AtInputEnd::Quit { after }, true) = (plan.at_input_end, quits) {
        add(
            plan.flavour == Flavour::Traditional,
            "It exits 0 then, whether or not what it sent was acknowledged, and cuts an answer that takes longer.",
        );
        if plan.flavour == Flavour::Debian && !listens {
            all.push(format!(
                "Debian's 1.219 waits for the peer's end for ever, and then {} more; older ones cut the answer.",
                time(after)
            ));
        }
    }
    if let Some(limit) = plan.idle_timeout.filter(|_| !is_ncat) {
        all.push(format!(
            "A peer that pauses for {} is taken for one that has ended: the exit status is 0 either way.",
            time(limit)
        ));
    }
    all
}

fn datagrams(plan: &Plan) -> Vec<String> {
    let mut all =
        vec!["UDP acknowledges nothing: it exits 0 whether or not anything listens there.".to_owned()];
    if plan.transport == Transport::UnixDatagram {
        all = Vec::new();
    }
    if plan.zero_io {
        all.push(
            "A port is called open if no refusal came: a firewall that drops makes all of them open."
                .to_owned(),
        );
    } else if plan.idle_timeout.is_none() && !matches!(plan.at_input_end, AtInputEnd::Quit { .. }) {
        all.push("Datagrams have no end: without -w or -q it never ends by itself.".to_owned());
    }
    if plan.flavour == Flavour::Debian && matches!(plan.at_input_end, AtInputEnd::Quit { .. }) {
        all.push("With -q it stops receiving when stdin ends: an answer is lost.".to_owned());
    }
    all
}
