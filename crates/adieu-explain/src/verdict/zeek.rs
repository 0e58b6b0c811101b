//! A connection in the words of Zeek's `conn.log`, by Zeek's rules and not by ours.
//!
//! <https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html> documents `conn_state` and `history`. Zeek
//! judges by the states of both ends and knows no injected RST, no message that was cut, and no RST without effect; so the
//! two can differ, and both can be right.

use crate::observed::Connection;

/// A connection in Zeek's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zeek {
    /// `conn_state`: S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR or OTH.
    pub conn_state: &'static str,
    /// `history`: what happened, in the order of first occurrence; the originator's letters in upper case.
    pub history: String,
}

impl Zeek {
    /// What Zeek would log of `connection`. `originator` is the client: 0 or 1.
    pub(super) fn of(connection: &Connection, originator: usize) -> Self {
        let history = &connection.history;
        let has = |side: usize, letter: u8| history.has(side, letter);
        let (orig, resp) = (originator, 1 - originator);
        let opened = has(orig, b'S') || has(orig, b'H');
        let answered = has(resp, b'H') || has(resp, b'S');
        let conn_state = if has(orig, b'F') && has(resp, b'F') {
            "SF"
        } else if has(resp, b'R') {
            if opened && !answered && !has(orig, b'D') {
                "REJ"
            } else if !opened {
                "RSTRH"
            } else {
                "RSTR"
            }
        } else if has(orig, b'R') {
            if opened && !answered && has(orig, b'F') {
                "OTH"
            } else if opened && !answered {
                "RSTOS0"
            } else if opened {
                "RSTO"
            } else {
                "OTH"
            }
        } else if has(orig, b'F') {
            if opened && !answered {
                "SH"
            } else if answered {
                "S2"
            } else {
                "OTH"
            }
        } else if has(resp, b'F') {
            if opened {
                "S3"
            } else if answered {
                "SHR"
            } else {
                "OTH"
            }
        } else if opened && connection.halves[resp].is_unseen() {
            "S0"
        } else if opened && answered {
            "S1"
        } else {
            "OTH"
        };
        Self { conn_state, history: history.of(originator) }
    }
}
