//! What a page is about: the captures, when they were taken, and what could not be read of them.

use super::{Body, Page, markup::Markup};
use crate::{format::rfc3339, packet::Counts, segment::Timestamp, words};

/// A capture that a page is made of.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its name, as it was given.
    pub name: String,
    /// The earliest and the latest time of a frame. `None`: it has no frames.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What its frames were.
    pub counts: Counts,
    /// How many connections are told in parts, because too many were open at once.
    pub evicted: u64,
    /// Why it was not read, or not to its end.
    pub problem: Option<String>,
}

impl Source {
    /// What of it was not explained, each as a clause.
    fn problems(&self) -> Vec<String> {
        let what = if self.counts.frames() == 0 { "not read" } else { "not read to its end" };
        let broken = self.problem.iter().map(|problem| format!("{what}: {problem}"));
        broken.chain(words::passed_over(&self.counts, self.evicted)).collect()
    }
}

/// More captures than this are folded.
const FEW: usize = 3;

/// The title of a page.
pub(super) fn title(page: &Page<'_>) -> String {
    match (page.body, page.captures) {
        (Body::Comparison(_), [before, after]) => {
            format!("How endings changed from {} to {}", base(&before.name), base(&after.name))
        }
        (Body::Comparison(_), _) => "How endings changed".to_owned(),
        (_, [one]) => format!("How the connections of {} ended", base(&one.name)),
        (_, captures) => format!("How the connections of {} captures ended", captures.len()),
    }
}

/// The last part of a path.
pub(super) fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().filter(|last| !last.is_empty()).unwrap_or(name)
}

/// A time as people write it, with milliseconds.
pub(super) fn utc(time: Timestamp) -> String {
    let text = rfc3339(time);
    format!("{} {}", &text[..10], &text[11..23])
}

pub(super) fn header(markup: &mut Markup, page: &Page<'_>) {
    markup.within("header", &[], |markup| {
        markup.leaf("h1", &[], title(page));
        if let Body::Connections(summary, _) | Body::Summary(summary) = page.body {
            markup.leaf("p", &[("class", &"total")], words::tally(summary.all()));
        } else {
            markup.leaf("p", &[("class", &"total")], "Shares of endings, the largest change first");
        }
        markup.within("div", &[("class", &"sources")], |markup| {
            markup.within("dl", &[("class", &"facts")], |markup| {
                let is_comparison = matches!(page.body, Body::Comparison(_));
                if page.captures.len() > FEW {
                    markup.leaf("dt", &[], "Captures");
                    markup.within("dd", &[], |markup| many(markup, page.captures));
                }
                let few = if page.captures.len() > FEW { &[] } else { page.captures };
                for (number, capture) in few.iter().enumerate() {
                    let title = match (is_comparison, number) {
                        (false, _) => "Capture",
                        (true, 0) => "Before",
                        (true, _) => "After",
                    };
                    markup.leaf("dt", &[], title);
                    markup.within("dd", &[], |markup| source(markup, capture));
                }
                markup.leaf("dt", &[], "Connections");
                if page.chosen.is_empty() {
                    markup.leaf("dd", &[], "all");
                } else {
                    markup.leaf("dd", &[], format_args!("only those with {}", page.chosen.join(", and ")));
                }
                markup.leaf("dt", &[], "Program");
                markup.leaf("dd", &[], page.program);
            });
        });
    });
}

/// Captures that are too many to stand before everything else.
fn many(markup: &mut Markup, captures: &[Source]) {
    let first = captures.iter().filter_map(|capture| capture.span).map(|(first, _)| first).min();
    let last = captures.iter().filter_map(|capture| capture.span).map(|(_, last)| last).max();
    if let (Some(first), Some(last)) = (first, last) {
        markup.leaf("div", &[], format_args!("{}, from {} to {} UTC", captures.len(), utc(first), utc(last)));
    }
    let incomplete = captures.iter().filter(|capture| !capture.problems().is_empty()).count();
    if incomplete > 0 {
        let were = if incomplete == 1 { "one was" } else { "some were" };
        markup.leaf(
            "div",
            &[("class", &"warn")],
            format_args!("{were} not read whole: {incomplete} of {}", captures.len()),
        );
    }
    markup.within("details", &[("class", &"more")], |markup| {
        markup.leaf("summary", &[], "Each of them");
        for capture in captures {
            markup.within("div", &[("class", &"source")], |markup| source(markup, capture));
        }
    });
}

fn source(markup: &mut Markup, capture: &Source) {
    let counts = &capture.counts;
    markup.leaf("div", &[("class", &"code")], &capture.name);
    if let Some((first, last)) = capture.span {
        let took = last.since(first).map(words::span).unwrap_or_default();
        markup.leaf("div", &[], format_args!("{} to {} UTC ({took})", utc(first), utc(last)));
    }
    let frames = counts.frames();
    if frames > 0 || capture.problem.is_none() {
        let other = match counts.not_tcp {
            0 => String::new(),
            count => format!(", {count} without TCP"),
        };
        let counted = if frames == 1 { "1 frame".to_owned() } else { format!("{frames} frames") };
        let tcp = if counts.tcp == frames { "all".to_owned() } else { counts.tcp.to_string() };
        markup.leaf("div", &[], format_args!("{counted}, {tcp} with TCP{other}"));
    }
    let problems = capture.problems();
    if problems.is_empty() {
        markup.leaf("div", &[("class", &"dim")], "every frame was understood");
    } else {
        markup.within("ul", &[("class", &"warn")], |markup| {
            for problem in problems {
                markup.leaf("li", &[], problem);
            }
        });
    }
}
