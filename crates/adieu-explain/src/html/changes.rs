//! What changed from one capture to another.

use super::{bars, endings, markup::Markup};
use crate::{
    summary::{Change, Group, Kind, Summary},
    words,
};

/// How many changes of a kind of group are told.
const MOST: usize = 20;

/// The smallest change of a share that is told: a tenth of a percentage point.
const LEAST: f64 = 0.001;

/// All changes, the largest first.
pub(super) fn all(markup: &mut Markup, before: &Summary, after: &Summary) {
    markup.leaf("h2", &[], "All connections");
    for (name, summary) in [("Before", before), ("After", after)] {
        markup.leaf("p", &[], format_args!("{name}: {}.", words::tally(summary.all())));
        if summary.all().connections() > 0 {
            bars::bar(markup, name, summary.all());
        }
    }
    bars::legend(markup, &[before.all(), after.all()]);
    let mut is_same = true;
    // One server in both is also the only port and network.
    let servers = [before, after].map(|summary| summary.worst(Kind::Server));
    let is_one =
        matches!(&servers, [one, other] if one.len() == 1 && other.len() == 1 && one[0].0 == other[0].0);
    let kinds = bars::KINDS.into_iter().filter(|(kind, ..)| !is_one || *kind == Kind::Server);
    for (kind, title, word) in kinds {
        let changes = before.compare(after, kind, LEAST);
        let (gone, new) = (before.only_here(after, kind), after.only_here(before, kind));
        if changes.is_empty() && gone.is_empty() && new.is_empty() {
            continue;
        }
        is_same = false;
        markup.leaf("h2", &[], title);
        if !changes.is_empty() {
            let shown = &changes[..changes.len().min(MOST)];
            list(markup, shown);
            if changes.len() > shown.len() {
                markup.leaf(
                    "p",
                    &[("class", &"dim")],
                    format_args!(
                        "and {}",
                        words::counted(
                            (changes.len() - shown.len()) as u64,
                            "smaller change",
                            "smaller changes"
                        )
                    ),
                );
            }
        }
        for (groups, when) in [(gone, "Only before"), (new, "Only after")] {
            if !groups.is_empty() {
                let names: Vec<String> = groups.iter().take(MOST).map(Group::to_string).collect();
                let more = match groups.len().saturating_sub(MOST) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                markup.leaf("p", &[], format_args!("{when}: {word} {}{more}.", names.join(", ")));
            }
        }
    }
    if is_same {
        markup.leaf("p", &[], "No share of an ending changed by 0.1 percentage points or more.");
    }
}

fn list(markup: &mut Markup, changes: &[Change]) {
    markup.within("ul", &[("class", &"bars changes")], |markup| {
        for change in changes {
            markup.within("li", &[], |markup| row(markup, change));
        }
    });
}

/// Group and ending, the share before above the one after, and the numbers.
fn row(markup: &mut Markup, change: &Change) {
    let Change { group, ending, before, after, .. } = change;
    let [was, is] = [before, after].map(|tally| (tally.of(*ending), tally.connections()));
    let share = |(part, whole)| words::percent(part, whole);
    markup.within("span", &[], |markup| {
        markup.leaf("span", &[("class", &"code")], group);
        markup.text(" ");
        endings::pill(markup, *ending);
    });
    markup.within("svg", &[("class", &"bar"), ("aria-hidden", &"true")], |markup| {
        for ((part, whole), y, class) in [(was, 1, "was"), (is, 10, "is")] {
            let width = format!("{:.2}%", bars::percent(part, whole));
            let fill = format!("f-{} {class}", endings::class(*ending));
            markup.empty("rect", &[("y", &y), ("width", &width), ("height", &7), ("class", &fill)]);
        }
    });
    markup.within("span", &[("class", &"count")], |markup| {
        markup.leaf("b", &[], format_args!("{} → {}", share(was), share(is)));
        markup.text(format_args!(" ({} of {} → {} of {})", was.0, was.1, is.0, is.1));
    });
}
