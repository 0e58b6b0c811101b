//! A connection segment by segment as a picture: two lifelines, an arrow for each segment, and what the capture does not show.
//!
//! The picture is as wide as the page: places across are parts of its width, and only text has a fixed size. So text is as
//! large on a telephone as on a screen, and nothing has to be scrolled.

use super::markup::Markup;
use crate::{
    ladder::{Ladder, Mark, Row, Run, Rung},
    observed::Seen,
    verdict::{Actor, Claim, Ending, Grade, JudgedReset, OpenAtEnd, Side, Unknown, Verdict},
    words,
};
use std::{fmt::Display, time::Duration};

/// Where the client's lifeline is, in pixels: times are on its left.
const CLIENT: &str = "84";
/// Where the server's is.
const SERVER: &str = "99.4%";
/// Where text of the client's side begins.
const FROM_CLIENT: &str = "93";
/// Where text of the server's side ends.
const TO_SERVER: &str = "97.4%";
/// Where times end.
const TIME: &str = "74";

/// How many characters of a note fit into a line on a telephone.
const LINE: usize = 36;

/// A time without segments that is worth a row.
const PAUSE: Duration = Duration::from_secs(1);

/// The heads of the arrows.
pub(super) fn definitions(markup: &mut Markup) {
    markup.within("svg", &[("class", &"defs"), ("aria-hidden", &"true")], |markup| {
        markup.within("defs", &[], |markup| {
            for (id, class, path) in [
                ("head", "a-wire", "M0 0 10 5 0 10 2.5 5Z"),
                ("head-fin", "a-fin", "M0 0 8 5 0 10ZM8.5 0h1.5v10h-1.5Z"),
                (
                    "head-rst",
                    "a-rst",
                    "M0 1.5 1.5 0 5 3.5 8.5 0 10 1.5 6.5 5 10 8.5 8.5 10 5 6.5 1.5 10 0 8.5 3.5 5Z",
                ),
            ] {
                let marker: [(&str, &dyn Display); 8] = [
                    ("id", &id),
                    ("viewBox", &"0 0 10 10"),
                    ("refX", &10),
                    ("refY", &5),
                    ("markerWidth", &if id == "head" { 9 } else { 11 }),
                    ("markerHeight", &if id == "head" { 9 } else { 11 }),
                    ("markerUnits", &"userSpaceOnUse"),
                    ("orient", &"auto"),
                ];
                markup.within("marker", &marker, |markup| {
                    markup.empty("path", &[("class", &class), ("d", &path)]);
                });
            }
        });
    });
}

/// The ladder of a connection. `name`: the connection's on the page.
pub(super) fn draw(markup: &mut Markup, verdict: &Verdict, ladder: &Ladder, name: &str) {
    let mut picture = Picture {
        verdict,
        client: usize::from(ladder.ends()[0] != verdict.client),
        drawn: Markup::default(),
        y: 0,
        life: Vec::new(),
    };
    picture.heads();
    let mut last: Option<Seen> = None;
    for row in ladder.rows() {
        let first = row.first();
        if let Some(pause) = last.and_then(|last| first.time.since(last.time)).filter(|pause| *pause >= PAUSE)
        {
            picture.pause(pause);
        }
        match row {
            Row::Rung(rung) => picture.rung(rung),
            Row::Run(run) => picture.run(run),
        }
        last = Some(if let Row::Run(run) = row { run.last } else { first });
    }
    picture.end(ladder.not_kept());
    let Picture { drawn, y, life, .. } = picture;
    let (title, about) = (format_args!("t-{name}"), format_args!("d-{name}"));
    markup.within("figure", &[], |markup| {
        markup.leaf("figcaption", &[], "Frame by frame. Times are since the first frame of the connection.");
        let svg: [(&str, &dyn Display); 5] = [
            ("class", &"ladder"),
            ("height", &y),
            ("role", &"group"),
            ("aria-labelledby", &title),
            ("aria-describedby", &about),
        ];
        markup.within("svg", &svg, |markup| {
            let what = format_args!("The segments between {} and {}", verdict.client, verdict.server);
            markup.leaf("title", &[("id", &title)], what);
            markup.leaf("desc", &[("id", &about)], words::sentence(verdict));
            for (from, to, is_idle) in life {
                for x in [CLIENT, SERVER] {
                    line(markup, if is_idle { "life idle" } else { "life" }, (x, from), (x, to));
                }
            }
            markup.append(&drawn);
        });
    });
}

struct Picture<'a> {
    verdict: &'a Verdict,
    /// The client's place among the ladder's ends.
    client: usize,
    drawn: Markup,
    /// What is drawn next is below this.
    y: u32,
    /// Parts of the lifelines, and whether nothing happens there.
    life: Vec<(u32, u32, bool)>,
}

impl Picture<'_> {
    fn heads(&mut self) {
        let (client, server) = (self.verdict.client.to_string(), self.verdict.server.to_string());
        // A long address would not fit beside the times.
        let x = if client.len() > 30 { "0" } else { "78" };
        text(&mut self.drawn, "head", (x, 13), format_args!("client {client}"));
        text(&mut self.drawn, "head e", ("100%", 31), format_args!("server {server}"));
        self.y = 38;
        self.live(6, false);
    }

    /// Goes down by `height`, and draws the lifelines there.
    fn live(&mut self, height: u32, is_idle: bool) {
        let (from, to) = (self.y, self.y + height);
        match self.life.last_mut() {
            Some((_, end, idle)) if *idle == is_idle => *end = to,
            _ => self.life.push((from, to, is_idle)),
        }
        self.y = to;
    }

    fn side(&self, from: usize) -> Side {
        if from == self.client { Side::Client } else { Side::Server }
    }

    /// Text at the lifeline of a side, on a line of its own.
    fn note(&mut self, class: &str, side: Side, words: impl Display) {
        for one in wrapped(&words.to_string()) {
            let y = self.y + 13;
            match side {
                Side::Client => text(&mut self.drawn, class, (FROM_CLIENT, y), one),
                Side::Server => text(&mut self.drawn, &format!("{class} e"), (TO_SERVER, y), one),
            }
            self.live(15, false);
        }
    }

    fn time(&mut self, seen: Seen, y: u32) {
        let since = seen.time.since(self.verdict.first.time).unwrap_or_default();
        text(&mut self.drawn, "time", (TIME, y), time(since));
    }

    fn rung(&mut self, rung: &Rung) {
        if rung.gap > 0 {
            self.gap(rung.gap);
        }
        let side = self.side(rung.from);
        let reset = self.verdict.resets.iter().find(|reset| reset.seen.frame == rung.seen.frame);
        let (word, word_class) = match (rung.flags.rst(), rung.flags.fin()) {
            (true, _) => ("RST", "rst-word"),
            (false, true) => ("FIN", "fin-word"),
            (false, false) => ("", ""),
        };
        let mut others = words::segment(rung);
        if !word.is_empty() && !others.is_empty() {
            others = format!(", {others}");
        }
        let y = self.y + 14;
        self.time(rung.seen, y);
        let (x, class) = match side {
            Side::Client => (FROM_CLIENT, ""),
            Side::Server => (TO_SERVER, "e"),
        };
        self.drawn.within("text", &[("x", &x), ("y", &y), ("class", &class)], |markup| {
            markup.leaf("tspan", &[("class", &"no")], rung.seen.frame);
            markup.text(" ");
            if !word.is_empty() {
                markup.leaf("tspan", &[("class", &word_class)], word);
            }
            markup.text(others);
        });
        let mut class = String::from("wire");
        class += match (rung.flags.rst(), rung.flags.fin(), rung.payload_len > 0) {
            (true, ..) => " rst",
            (_, true, _) => " fin",
            (_, _, true) => " data",
            _ => "",
        };
        if matches!(rung.mark, Mark::Again | Mark::Copy | Mark::BadChecksum) {
            class += " dashed";
        }
        let forged = reset.is_some_and(|reset| reset.by.value() == Some(&Actor::Middlebox));
        let y = self.y + 21;
        self.arrow(&class, side, y, forged);
        self.live(27, false);
        if let Some(reset) = reset {
            for words in told(reset) {
                self.note("note", side, words);
            }
            self.live(5, false);
        }
    }

    /// An arrow from a side to the other; from between the two, if something there made the segment.
    fn arrow(&mut self, class: &str, side: Side, y: u32, from_between: bool) {
        let (from, to) = match side {
            Side::Client => (CLIENT, SERVER),
            Side::Server => (SERVER, CLIENT),
        };
        if from_between {
            line(&mut self.drawn, class, ("55%", y), (to, y));
            self.drawn.empty("circle", &[("class", &"box"), ("cx", &"55%"), ("cy", &y), ("r", &5)]);
        } else {
            line(&mut self.drawn, class, (from, y), (to, y));
        }
    }

    fn gap(&mut self, octets: u64) {
        let y = self.y + 5;
        line(&mut self.drawn, "gap", (CLIENT, y), (SERVER, y));
        self.live(8, false);
        let bytes = words::size(octets);
        self.note("gap-word", Side::Client, format_args!("gap: {bytes} not captured so far"));
        self.live(3, false);
    }

    fn run(&mut self, run: &Run) {
        if run.gaps > 0 {
            self.gap(run.gaps);
        }
        self.time(run.first, self.y + 14);
        let frames = format!("frames {} to {}", run.first.frame, run.last.frame);
        text(&mut self.drawn, "no", (FROM_CLIENT, self.y + 14), frames);
        self.live(18, true);
        for from in [self.client, 1 - self.client] {
            let (segments, bytes, again) = (run.segments[from], run.bytes[from], run.again[from]);
            if segments == 0 {
                continue;
            }
            let mut words = match (segments, bytes) {
                (1, 0) => "1 segment without data".to_owned(),
                (count, 0) => format!("{count} segments without data"),
                (1, bytes) => format!("1 segment, {}", words::size(bytes)),
                (count, bytes) => format!("{count} segments, {}", words::size(bytes)),
            };
            if again > 0 {
                words += &format!(", {again} sent again");
            }
            let side = self.side(from);
            let (x, class) = match side {
                Side::Client => (FROM_CLIENT, ""),
                Side::Server => (TO_SERVER, "e"),
            };
            text(&mut self.drawn, class, (x, self.y + 14), words);
            let y = self.y + 21;
            if bytes > 0 {
                self.arrow("wire many", side, y, false);
            }
            self.arrow("wire", side, y, false);
            self.live(28, true);
        }
    }

    fn pause(&mut self, pause: Duration) {
        let y = self.y + 16;
        text(
            &mut self.drawn,
            "note",
            (FROM_CLIENT, y),
            format_args!("{} without a segment", words::span(pause)),
        );
        self.live(24, true);
    }

    /// What is to be said where the ladder ends.
    fn end(&mut self, not_kept: u64) {
        let verdict = self.verdict;
        if not_kept > 0 {
            self.live(4, true);
            self.note(
                "note",
                Side::Client,
                format_args!(
                    "{}",
                    words::counted(not_kept, "later segment is not drawn", "later segments are not drawn")
                ),
            );
        }
        self.live(6, false);
        let state = match (verdict.ending.value(), verdict.open_at_end.value()) {
            (Some(Ending::Open), Some(OpenAtEnd::Half)) => Some("one direction is still open"),
            (Some(Ending::Open), _) => Some("both directions are still open"),
            (Some(Ending::NoAnswer | Ending::Silent), _) => Some("no answer in this capture"),
            _ => None,
        };
        if let Some(state) = state {
            self.live(10, true);
            self.note("note", Side::Client, format_args!("the capture ends: {state}"));
        }
        for (claim, side, fate) in [
            (&verdict.unacked_c2s, Side::Client, "never acknowledged"),
            (&verdict.unacked_s2c, Side::Server, "never acknowledged"),
            (&verdict.unread_server, Side::Client, "acknowledged and never read"),
            (&verdict.unread_client, Side::Server, "acknowledged and never read"),
        ] {
            if let Claim::Known { value: octets @ 1.., grade } = claim {
                let probably = if *grade == Grade::Hinted { "probably " } else { "" };
                let of = if side == Side::Client { "client" } else { "server" };
                let bytes = words::size(*octets);
                self.note("rst-word", side, format_args!("{bytes} of the {of} {probably}{fate}"));
            }
        }
        let unseen: Vec<&str> = words::unknown(verdict)
            .into_iter()
            .filter(|(_, (reason, _))| *reason == Unknown::NotOnTheWire)
            .map(|(what, _)| what)
            .collect();
        if !unseen.is_empty() {
            self.live(6, false);
            self.note("note", Side::Client, format_args!("not on the wire: {}", unseen.join("; ")));
        }
        self.live(6, false);
    }
}

/// What an RST is: who sent it, of which kind it is, what it did; the first two with how sure they are.
fn told(reset: &JudgedReset) -> Vec<String> {
    let side = if reset.name_of == Side::Client { "client" } else { "server" };
    let by = match reset.by.value() {
        Some(Actor::Client) => "sent by the client".to_owned(),
        Some(Actor::Server) => "sent by the server".to_owned(),
        Some(Actor::Middlebox) => format!("sent by something between the two, in the name of the {side}"),
        None => format!("in the name of the {side}; who sent it is unknown"),
    };
    let mut told = vec![format!("{by}{}", graded(reset.by.grade()))];
    let kinds: Vec<&str> = match reset.kind.value() {
        Some(kind) => vec![words::short_reset_kind(*kind)],
        None => reset.candidates.iter().map(|kind| words::short_reset_kind(*kind)).collect(),
    };
    if !kinds.is_empty() {
        told.push(format!("{}{}", kinds.join(", or "), graded(reset.kind.grade())));
    }
    told.push(words::reset_effect(reset.effect).to_owned());
    told
}

/// How sure something is. Empty: it cannot be known.
const fn graded(grade: Option<Grade>) -> &'static str {
    match grade {
        Some(Grade::Seen) => " (seen)",
        Some(Grade::Concluded) => " (concluded)",
        Some(Grade::Hinted) => " (hinted)",
        None => "",
    }
}

fn line(markup: &mut Markup, class: &str, (x1, y1): (&str, u32), (x2, y2): (&str, u32)) {
    markup.empty("line", &[("class", &class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
}

fn text(markup: &mut Markup, class: &str, (x, y): (&str, u32), words: impl Display) {
    markup.leaf("text", &[("class", &class), ("x", &x), ("y", &y)], words);
}

/// A time since the first frame: `0.054 ms`, `12.345 s`.
fn time(since: Duration) -> String {
    if since < Duration::from_secs(1) {
        format!("{:.3} ms", since.as_secs_f64() * 1e3)
    } else {
        format!("{:.3} s", since.as_secs_f64())
    }
}

/// Words in lines of at most [`LINE`] characters, if no word is longer, and of nearly the same length.
fn wrapped(words: &str) -> Vec<String> {
    let lines = within(words, LINE);
    let even = (words.chars().count() / lines.len()..LINE).map(|limit| within(words, limit));
    even.into_iter().find(|even| even.len() == lines.len()).unwrap_or(lines)
}

fn within(words: &str, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_enough_for_a_telephone() {
        let lines = wrapped("the answer to a segment for a socket that was already closed");
        assert_eq!(lines, ["the answer to a segment for a", "socket that was already closed"]);
        assert_eq!(wrapped("word"), ["word"]);
    }

    #[test]
    fn times_have_their_unit() {
        assert_eq!(time(Duration::from_micros(54)), "0.054 ms");
        assert_eq!(time(Duration::from_millis(61_500)), "61.500 s");
    }
}
