//! Zeek's `conn.log`, as Zeek writes it: tab-separated values.
//!
//! <https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html> documents the columns. `community_id` is
//! the column that Zeek's policy `community-id-logging` adds.

use super::{community_id, time};
use crate::verdict::{Direction, Service, Verdict};
use sha1::{Digest, Sha1};
use std::net::IpAddr;

/// The lines before the first connection.
pub const ZEEK_HEADER: &str = "\
#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\tcommunity_id
#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\tstring
";

/// A connection as a line of `conn.log`, without its line end.
///
/// `local_orig`, `local_resp` and `tunnel_parents` are unset: adieu knows no local networks, and does not log tunnels. As in
/// Zeek's, duration and octets are unset for a connection of one packet.
pub fn zeek_line(verdict: &Verdict) -> String {
    let several = verdict.c2s.traffic.packets.saturating_add(verdict.s2c.traffic.packets) > 1;
    let duration = verdict.last.time.since(verdict.first.time).filter(|_| several);
    let octets = |direction: &Direction| if several { direction.sent.to_string() } else { "-".to_owned() };
    let service = match verdict.service {
        Some(Service::Tls) => "ssl",
        Some(Service::Http) => "http",
        None => "-",
    };
    let history = if verdict.zeek.history.is_empty() { "-" } else { &verdict.zeek.history };
    let (orig, resp) = (&verdict.c2s, &verdict.s2c);
    [
        time::epoch(verdict.first.time),
        uid(verdict),
        verdict.client.ip().to_string(),
        verdict.client.port().to_string(),
        verdict.server.ip().to_string(),
        verdict.server.port().to_string(),
        "tcp".to_owned(),
        service.to_owned(),
        duration.map_or("-".to_owned(), |duration| {
            format!("{}.{:06}", duration.as_secs(), duration.subsec_micros())
        }),
        octets(orig),
        octets(resp),
        verdict.zeek.conn_state.to_owned(),
        "-".to_owned(),
        "-".to_owned(),
        (orig.missed_by_capture + resp.missed_by_capture).to_string(),
        history.to_owned(),
        orig.traffic.packets.to_string(),
        orig.traffic.ip_octets.to_string(),
        resp.traffic.packets.to_string(),
        resp.traffic.ip_octets.to_string(),
        "-".to_owned(),
        community_id(verdict.client, verdict.server),
    ]
    .join("\t")
}

/// An identifier in the form of Zeek's. It is always the same for the same connection of a capture.
fn uid(verdict: &Verdict) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let hash = hash(verdict);
    // 17 characters as Zeek has them. A digit is not quite as likely as another, which does not matter here.
    std::iter::once('C')
        .chain(hash[..17].iter().map(|&octet| char::from(DIGITS[usize::from(octet) % 62])))
        .collect()
}

/// A number that is another one for each connection of a capture.
pub(super) fn number(verdict: &Verdict) -> u64 {
    let hash = hash(verdict);
    hash[..8].iter().fold(0, |number, &octet| number << 8 | u64::from(octet))
}

/// What makes a connection of a capture another one than all others: its ends and its first frame.
fn hash(verdict: &Verdict) -> [u8; 20] {
    let mut hash = Sha1::new();
    for end in [verdict.client, verdict.server] {
        match end.ip() {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
        hash.update(end.port().to_be_bytes());
    }
    hash.update(verdict.first.time.as_nanoseconds().to_be_bytes());
    hash.update(verdict.first.frame.to_be_bytes());
    hash.finalize().into()
}
