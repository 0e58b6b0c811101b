//! How many connections ended how, as bars and as numbers.

use super::{endings, markup::Markup};
use crate::{
    summary::{Group, Kind, Summary, Tally},
    verdict::Ending,
    words,
};
use std::fmt::Display;

/// How many groups of a kind have a bar.
const MOST: usize = 12;

/// The kinds of groups, with their title and the word for one.
pub(super) const KINDS: [(Kind, &str, &str); 3] = [
    (Kind::Port, "By the server's port", "port"),
    (Kind::Server, "By server", "server"),
    (Kind::Prefix, "By the server's network", "network"),
];

/// The smallest part of a bar that can be seen, in percent.
const THIN: f64 = 0.6;

/// The narrowest part that has room for its number, in percent.
const ROOM: f64 = 12.0;

/// All of a summary.
pub(super) fn all(markup: &mut Markup, summary: &Summary) {
    // One connection has its sentence.
    if summary.all().connections() < 2 {
        return;
    }
    markup.leaf("h2", &[], "How they ended");
    bar(markup, "", summary.all());
    legend(markup, &[summary.all()]);
    let [ports, servers, networks] = KINDS.map(|(kind, ..)| summary.worst(kind));
    let only = |groups: &[(Group, Tally)]| if let [(only, _)] = groups { Some(*only) } else { None };
    let all = match (only(&ports), only(&servers), only(&networks)) {
        (_, Some(server), _) => Some(format!("All went to the server {server}.")),
        (Some(port), _, Some(network)) => Some(format!("All went to port {port} in the network {network}.")),
        (Some(port), ..) => Some(format!("All went to port {port}.")),
        (_, _, Some(network)) => Some(format!("All went to the network {network}.")),
        _ => None,
    };
    if let Some(all) = all {
        markup.leaf("p", &[], all);
    }
    for ((_, title, word), groups) in KINDS.into_iter().zip([ports, servers, networks]) {
        if groups.len() > 1 {
            markup.leaf("h3", &[], format_args!("{title}, worst first"));
            rows(markup, &groups, word);
        }
    }
    if summary.servers_not_kept() > 0 {
        markup.leaf(
            "p",
            &[("class", &"warn")],
            format_args!(
                "{} went to further servers, which are too many to list.",
                words::counted(summary.servers_not_kept(), "connection", "connections")
            ),
        );
    }
}

/// Which endings there are, with their signs and numbers, and what they mean.
pub(super) fn legend(markup: &mut Markup, tallies: &[&Tally]) {
    let present =
        || endings::WORST.into_iter().filter(|ending| tallies.iter().any(|tally| tally.of(*ending) > 0));
    markup.within("ul", &[("class", &"legend")], |markup| {
        for ending in present() {
            markup.within("li", &[], |markup| {
                for (number, tally) in tallies.iter().enumerate() {
                    let arrow = if number > 0 { "→ " } else { "" };
                    markup.text(format_args!("{arrow}{} ", tally.of(ending)));
                }
                endings::pill(markup, ending);
            });
        }
    });
    markup.within("details", &[("class", &"more")], |markup| {
        markup.leaf("summary", &[], "What these words mean");
        markup.within("dl", &[("class", &"facts meanings")], |markup| {
            for ending in present() {
                markup.within("dt", &[], |markup| endings::pill(markup, ending));
                markup.leaf("dd", &[], endings::meaning(ending));
            }
        });
    });
}

fn rows(markup: &mut Markup, groups: &[(Group, Tally)], word: &str) {
    let shown = &groups[..groups.len().min(MOST)];
    markup.within("ul", &[("class", &"bars")], |markup| {
        for (group, tally) in shown {
            markup.within("li", &[], |markup| {
                markup.leaf("span", &[("class", &"code")], group);
                bar(markup, group, tally);
                let share = words::percent(tally.bad(), tally.connections());
                markup.leaf(
                    "span",
                    &[("class", &"count")],
                    format_args!("{} of {} bad, {share}", tally.bad(), tally.connections()),
                );
            });
        }
    });
    if groups.len() > shown.len() {
        markup.leaf(
            "p",
            &[("class", &"dim")],
            format_args!("and {} more, none worse", groups.len() - shown.len()),
        );
    }
    markup.within("details", &[("class", &"more")], |markup| {
        markup.leaf("summary", &[], "The same in numbers");
        markup.within("div", &[("class", &"scroll")], |markup| numbers(markup, shown, word));
    });
}

fn numbers(markup: &mut Markup, groups: &[(Group, Tally)], word: &str) {
    let columns: Vec<Option<Ending>> = endings::WORST
        .into_iter()
        .filter(|ending| groups.iter().any(|(_, tally)| tally.of(*ending) > 0))
        .collect();
    markup.within("table", &[], |markup| {
        markup.within("thead", &[], |markup| {
            markup.within("tr", &[], |markup| {
                for title in [word, "connections", "bad"] {
                    markup.leaf("th", &[("scope", &"col")], title);
                }
                for ending in &columns {
                    markup.within("th", &[("scope", &"col")], |markup| endings::pill(markup, *ending));
                }
            });
        });
        markup.within("tbody", &[], |markup| {
            for (group, tally) in groups {
                markup.within("tr", &[], |markup| {
                    markup.leaf("td", &[("class", &"code")], group);
                    markup.leaf("td", &[], tally.connections());
                    markup.leaf("td", &[], words::percent(tally.bad(), tally.connections()));
                    for ending in &columns {
                        markup.leaf("td", &[], tally.of(*ending));
                    }
                });
            }
        });
    });
}

/// One bar: the share of each ending, the worst first. `name`: of what, if that is to be said to whoever cannot see it.
pub(super) fn bar(markup: &mut Markup, name: impl Display, tally: &Tally) {
    let name = name.to_string();
    let parts: Vec<(Option<Ending>, u64)> = endings::WORST
        .into_iter()
        .map(|ending| (ending, tally.of(ending)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let whole = tally.connections();
    let wide = |count: u64| (percent(count, whole)).max(THIN);
    let all: f64 = parts.iter().map(|(_, count)| wide(*count)).sum();
    let said = if name.is_empty() { words::tally(tally) } else { format!("{name}: {}", words::tally(tally)) };
    markup.within("svg", &[("class", &"bar"), ("role", &"img"), ("aria-label", &said)], |markup| {
        markup.leaf("title", &[], &said);
        let mut left = 0.0;
        for (ending, count) in parts {
            let class = endings::class(ending);
            let width = wide(count) * 100.0 / all;
            let (x, w) = (format!("{left:.2}%"), format!("{width:.2}%"));
            let told = format!("{count} {} ({})", endings::word(ending), words::percent(count, whole));
            markup.within("g", &[], |markup| {
                markup.leaf("title", &[], told);
                // The colour, and over it the texture.
                let place: [(&str, &dyn Display); 3] = [("x", &x), ("width", &w), ("height", &"100%")];
                let rect = |markup: &mut Markup, more: &[(&str, &dyn Display)]| {
                    markup.empty("rect", &[&place, more].concat());
                };
                rect(markup, &[("class", &format_args!("f-{class}"))]);
                rect(markup, &[("class", &"over"), ("fill", &format_args!("url(#p-{class})"))]);
                if width >= ROOM {
                    let middle = format!("{:.2}%", left + width / 2.0);
                    let of = format_args!("k-{class}");
                    markup.leaf("text", &[("x", &middle), ("y", &13), ("class", &of)], count);
                }
            });
            left += width;
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "a bar has less than four digits of pixels")]
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
