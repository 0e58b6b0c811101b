//! The ladder diagram: two lifelines, one row for each call or segment, in the order of time.

use std::fmt::Write;
use std::time::Duration;

/// Whose call a rung is, and so on which lifeline it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Client,
    Server,
}

/// What a call puts on the wire, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// It stays on its side.
    Nothing,
    /// Bytes, or the handshake.
    Arrow,
    /// Our FIN.
    Fin,
    /// An RST.
    Reset,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Rung {
    pub(crate) at: Duration,
    pub(crate) column: Column,
    pub(crate) call: String,
    pub(crate) wire: Wire,
}

/// Characters between the lifelines.
const WIDTH: usize = 58;

/// Draws the ladder.
pub(crate) fn draw(client: &str, server: &str, rungs: &mut [Rung]) -> String {
    rungs.sort_by_key(|rung| rung.at);
    let mut text = String::new();
    let (client, server) = (format!("client {client}"), format!("server {server}"));
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "    time     {client:<width$}{server}", width = WIDTH - server.chars().count() / 2);
    for rung in rungs {
        let milliseconds = rung.at.as_secs_f64() * 1000.0;
        let _ = writeln!(text, "{milliseconds:>8.3} ms  │{}│", row(rung));
    }
    text
}

fn row(rung: &Rung) -> String {
    let call = format!(" {} ", rung.call);
    let room = WIDTH.saturating_sub(call.chars().count());
    let line = match rung.wire {
        Wire::Nothing => " ".repeat(room),
        Wire::Arrow => "─".repeat(room - 1),
        Wire::Fin => labelled(room - 1, " FIN "),
        Wire::Reset => labelled(room - 1, " RST "),
    };
    match (rung.column, rung.wire) {
        (Column::Client, Wire::Nothing) => format!("{call}{line}"),
        (Column::Server, Wire::Nothing) => format!("{line}{call}"),
        (Column::Client, _) => format!("{call}{line}►"),
        (Column::Server, _) => format!("◄{line}{call}"),
    }
}

/// A line with a word in its middle.
fn labelled(length: usize, label: &str) -> String {
    let rest = length.saturating_sub(label.len());
    format!("{}{label}{}", "─".repeat(rest / 2), "─".repeat(rest - rest / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_as_wide_as_the_ladder() {
        for column in [Column::Client, Column::Server] {
            for wire in [Wire::Nothing, Wire::Arrow, Wire::Fin, Wire::Reset] {
                let rung = Rung { at: Duration::ZERO, column, call: "shutdown(SD_SEND)".into(), wire };
                assert_eq!(row(&rung).chars().count(), WIDTH, "{rung:?}");
            }
        }
    }
}
