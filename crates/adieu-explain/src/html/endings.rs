//! The endings on a page: the same words, colours, signs and textures everywhere.

use super::markup::Markup;
use crate::{verdict::Ending, words::ending_words};

/// The endings, the worst first: what lost something, what was no connection, what cannot be known, what has not ended.
pub(super) const WORST: [Option<Ending>; 8] = [
    Some(Ending::Reset),
    Some(Ending::Truncated),
    Some(Ending::Silent),
    Some(Ending::NoAnswer),
    Some(Ending::Refused),
    None,
    Some(Ending::Open),
    Some(Ending::Graceful),
];

/// Where an ending stands among [`WORST`].
pub(super) fn place(ending: Option<Ending>) -> usize {
    WORST.iter().position(|one| *one == ending).unwrap_or(WORST.len())
}

/// The word for an ending.
pub(super) fn word(ending: Option<Ending>) -> &'static str {
    ending.map_or("unknown", ending_words)
}

/// Its name in the style sheet.
pub(super) const fn class(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Graceful) => "graceful",
        Some(Ending::Reset) => "reset",
        Some(Ending::Refused) => "refused",
        Some(Ending::NoAnswer) => "no-answer",
        Some(Ending::Truncated) => "truncated",
        Some(Ending::Silent) => "silent",
        Some(Ending::Open) => "open",
        None => "unknown",
    }
}

/// What it means, for readers who do not know adieu.
pub(super) const fn meaning(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Graceful) => "both sides ended by FIN, and everything was acknowledged",
        Some(Ending::Reset) => "a reset (RST) ended it",
        Some(Ending::Refused) => "the SYN was answered by a reset: there was no connection",
        Some(Ending::NoAnswer) => "no SYN was answered: there was no connection",
        Some(Ending::Truncated) => "TCP ended in order, but the message in it was cut",
        Some(Ending::Silent) => "bytes or a FIN were never acknowledged, and the other side is mute",
        Some(Ending::Open) => "it had not ended when the capture stopped",
        None => "the capture does not tell",
    }
}

/// How the sign of an ending is drawn, in a square of 12.
const fn sign(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Graceful) => "M1 6.5 4.5 10 11 2.5",
        Some(Ending::Reset) => "M2 2 10 10M10 2 2 10",
        Some(Ending::Refused) => "M11 6A5 5 0 1 1 1 6 5 5 0 1 1 11 6M2.5 9.5 9.5 2.5",
        Some(Ending::NoAnswer) => "M1.5 6h.1M6 6h.1M10.5 6h.1",
        Some(Ending::Truncated) => "M1 2h6M1 6h3M1 10h6M11 1 8 6l3 0-2 5",
        Some(Ending::Silent) => "M2 1v10M2 6h4M10 1v10",
        Some(Ending::Open) => "M11 6A5 5 0 1 1 1 6 5 5 0 1 1 11 6",
        None => "M2.5 4C2.5 0 9.5 0 9.5 4 9.5 6.5 6 6 6 8.5M6 11h.1",
    }
}

/// The lines of an ending's texture, in a square of 8. Empty: it is plain.
const fn texture(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Graceful) => "",
        Some(Ending::Reset) => "M1 1 7 7M7 1 1 7",
        Some(Ending::Truncated) => "M-1 9 9-1",
        Some(Ending::Silent) => "M0 2h8M0 6h8",
        Some(Ending::NoAnswer) => "M1 2h2M5 6h2",
        Some(Ending::Refused) => "M-1-1 9 9",
        Some(Ending::Open) => "M2 0v8M6 0v8",
        None => "M0 4h8M4 0v8",
    }
}

/// The signs and textures, to be used by name.
pub(super) fn definitions(markup: &mut Markup) {
    markup.within("svg", &[("class", &"defs"), ("aria-hidden", &"true")], |markup| {
        markup.within("defs", &[], |markup| {
            for ending in WORST {
                let class = class(ending);
                markup.within(
                    "symbol",
                    &[("id", &format_args!("s-{class}")), ("viewBox", &"0 0 12 12")],
                    |markup| {
                        markup.within("path", &[("d", &sign(ending)), ("stroke-linecap", &"round")], |_| {});
                    },
                );
                let pattern: [(&str, &dyn std::fmt::Display); 4] = [
                    ("id", &format_args!("p-{class}")),
                    ("width", &8),
                    ("height", &8),
                    ("patternUnits", &"userSpaceOnUse"),
                ];
                markup.within("pattern", &pattern, |markup| {
                    markup.empty("path", &[("class", &"texture"), ("d", &texture(ending))]);
                });
            }
        });
    });
}

/// The sign and the word of an ending.
pub(super) fn pill(markup: &mut Markup, ending: Option<Ending>) {
    let class = class(ending);
    markup.within("span", &[("class", &format_args!("pill t-{class}"))], |markup| {
        markup.within("svg", &[("class", &"icon"), ("aria-hidden", &"true")], |markup| {
            markup.empty("use", &[("href", &format_args!("#s-{class}"))]);
        });
        markup.text(word(ending));
    });
}
