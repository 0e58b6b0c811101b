//! The connections of a page: each with its sentence, the worst with their facts and a ladder.

use super::{
    Page, Source, endings, header, ladder,
    markup::Markup,
    worst::{Drawn, Listed, Worst},
};
use crate::{
    format::community_id,
    verdict::{Ending, Grade},
    words,
};
use std::{collections::HashMap, net::SocketAddr};

/// If there are no more connections than this, all are unfolded; else the first is.
const FEW: usize = 3;

/// The connections. `all`: how many there are.
pub(super) fn all(markup: &mut Markup, worst: &Worst, all: u64, page: &Page<'_>) {
    let (drawn, listed) = worst.chosen();
    markup.leaf("h2", &[], if drawn.len() > 1 { "Connections, worst first" } else { "Connections" });
    if drawn.is_empty() {
        markup.leaf("p", &[], "No connection was found.");
        return;
    }
    let left_out = all.saturating_sub(drawn.len() as u64);
    if left_out > 0 {
        markup.within("p", &[], |markup| {
            markup.text(format_args!(
                "{} of {all} connections {} facts and a ladder here: the worst, and of each server and ending some. ",
                drawn.len(),
                words::verb(drawn.len() as u64, "has its", "have their")
            ));
            how_to_draw(markup, page);
        });
    }
    grades(markup);
    let names = names(&drawn);
    let several = page.captures.len() > 1;
    for (number, one) in drawn.iter().enumerate() {
        let is_open = drawn.len() <= FEW || number == 0;
        connection(markup, one, &names[number], is_open, several.then_some(page.captures));
    }
    if listed.is_empty() {
        return;
    }
    markup.leaf("h2", &[], "The next, without their facts");
    markup.within("ul", &[("class", &"rest")], |markup| {
        for one in &listed {
            listed_one(markup, one, several.then_some(page.captures));
        }
    });
    let counted = left_out.saturating_sub(listed.len() as u64);
    if counted > 0 {
        let are = if counted == 1 { "connection is" } else { "connections are" };
        markup.within("p", &[], |markup| {
            markup.text(format_args!("{counted} more {are} counted above, and none is worse. "));
            how_to_draw(markup, page);
        });
    }
}

fn how_to_draw(markup: &mut Markup, page: &Page<'_>) {
    markup.text("Any other is drawn by ");
    markup.leaf("span", &[("class", &"code")], page.command);
    markup.text(".");
}

/// The names of connections for links, each once. Of connections with the same ends the later ones have a number.
fn names(drawn: &[&Drawn]) -> Vec<String> {
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by_key(|place| drawn[*place].order());
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut names = vec![String::new(); drawn.len()];
    for place in order {
        let id = community_id(drawn[place].verdict.client, drawn[place].verdict.server);
        let count = counts.entry(id.clone()).or_default();
        *count += 1;
        names[place] = if *count == 1 { id } else { format!("{id}.{count}") };
    }
    names
}

/// What the grades mean.
fn grades(markup: &mut Markup) {
    markup.within("details", &[("class", &"more")], |markup| {
        markup.leaf("summary", &[], "How sure a fact is");
        markup.within("dl", &[("class", &"facts meanings")], |markup| {
            for (grade, word, meaning) in [
                (Some(Grade::Seen), "seen", "a frame of the capture shows it"),
                (
                    Some(Grade::Concluded),
                    "concluded",
                    "it follows from what was seen, by how TCP stacks behave",
                ),
                (Some(Grade::Hinted), "hinted", "there are signs of it, and it could be otherwise"),
                (None, "unknown", "it cannot be known from this capture"),
            ] {
                markup.within("dt", &[], |markup| graded(markup, grade, word));
                markup.leaf("dd", &[], meaning);
            }
        });
    });
}

fn graded(markup: &mut Markup, grade: Option<Grade>, word: &str) {
    let class = match grade {
        Some(Grade::Seen) => "grade g-seen",
        Some(Grade::Concluded) => "grade g-concluded",
        Some(Grade::Hinted) => "grade g-hinted",
        None => "grade g-unknown",
    };
    markup.leaf("span", &[("class", &class), ("aria-hidden", &"true")], "");
    markup.text(word);
}

/// `captures`: those of the page, if it must be said of which one the connection is.
fn connection(markup: &mut Markup, one: &Drawn, name: &str, is_open: bool, captures: Option<&[Source]>) {
    let verdict = &one.verdict;
    let open: &[(&str, &dyn std::fmt::Display)] = &[("class", &"conn"), ("open", &"")];
    markup.own("\n");
    markup.within("details", if is_open { open } else { &open[..1] }, |markup| {
        markup.within("summary", &[], |markup| {
            heading(markup, verdict.ending.value().copied(), verdict.client, verdict.server);
            markup.leaf("span", &[("class", &"said")], capital(&words::sentence(verdict)));
        });
        // The link leads into what is folded, so that browsers unfold it.
        markup.within("div", &[("class", &"body"), ("id", &name)], |markup| {
            markup.within("dl", &[("class", &"facts")], |markup| {
                for fact in words::facts(verdict) {
                    markup.within("dt", &[], |markup| graded(markup, fact.grade, fact.word()));
                    markup.leaf("dd", &[], fact.text);
                }
            });
            match &one.ladder {
                Some(rows) => ladder::draw(markup, verdict, rows, name),
                None => markup.leaf(
                    "p",
                    &[("class", &"warn")],
                    "Its ladder is not drawn, because too many connections were open at once to keep the segments of all.",
                ),
            }
            markup.within("p", &[("class", &"meta")], |markup| {
                if let Some(capture) = captures.and_then(|captures| captures.get(one.capture())) {
                    markup.text(format_args!("{}: ", header::base(&capture.name)));
                }
                markup.text(format_args!(
                    "frames {} to {}, from {} UTC. Community ID ",
                    verdict.first.frame,
                    verdict.last.frame,
                    header::utc(verdict.first.time)
                ));
                let id = community_id(verdict.client, verdict.server);
                markup.leaf("span", &[("class", &"code")], id);
                markup.text(". ");
                markup.leaf("a", &[("href", &format_args!("#{name}"))], "Link to this connection");
            });
        });
    });
}

fn heading(markup: &mut Markup, ending: Option<Ending>, client: SocketAddr, server: SocketAddr) {
    markup.within("span", &[("class", &"who")], |markup| {
        endings::pill(markup, ending);
        markup.leaf("span", &[("class", &"code")], format_args!("{client} → {server}"));
    });
}

fn listed_one(markup: &mut Markup, one: &Listed, captures: Option<&[Source]>) {
    markup.within("li", &[], |markup| {
        heading(markup, one.ending, one.client, one.server);
        markup.within("span", &[("class", &"said")], |markup| {
            if let Some(capture) = captures.and_then(|captures| captures.get(one.capture())) {
                markup.text(format_args!("{}: ", header::base(&capture.name)));
            }
            markup.text(capital(&one.sentence));
        });
    });
}

/// A sentence as it stands alone.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    format!("{}{}.", first.map(String::from).unwrap_or_default(), letters.as_str())
}
