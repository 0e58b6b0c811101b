//! A page of HTML that says how connections ended: for a ticket, to be read without adieu.
//!
//! The page is one file. It has no script, loads nothing, and forbids both by its Content-Security-Policy, so whatever stands
//! in a capture cannot act. It is well-formed XML too. What it says is in the words of [`crate::words`].
//!
//! Its size and the memory to make it are bounded by [`Worst`]: a few connections have their facts and a ladder, more have
//! their sentence, and all are counted.

mod bars;
mod changes;
mod connections;
mod endings;
mod header;
mod ladder;
mod markup;
mod worst;

pub use header::Source;
pub use worst::{DRAWN, LISTED, Worst};

use crate::{ladder::Recording, summary::Summary};
use markup::Markup;

/// The ladders that a page is made of: as long as two screens, and 20 MB for all connections that are open at once.
pub const RECORDING: Recording = Recording { end: None, rows: 48, rows_in_all: 400_000, folds: true };

/// The style sheet, which stands in the page.
const STYLE: &str = include_str!("style.css");

/// What the page may load: nothing but the style sheet in it, which has this digest. A test compares it.
const POLICY: &str = concat!(
    "default-src 'none'; style-src 'sha256-",
    include_str!("style.css.sha256"),
    "'; base-uri 'none'; form-action 'none'"
);

/// What a page says.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The program that makes the page, with its version.
    pub program: &'a str,
    /// The captures.
    pub captures: &'a [Source],
    /// Which connections were chosen, each condition in a few words. Empty: all.
    pub chosen: &'a [String],
    /// What the page is about.
    pub body: Body<'a>,
    /// A command that draws one connection, for those that the page does not draw.
    pub command: &'a str,
}

/// What a page is about.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Connections, and how many ended how.
    Connections(&'a Summary, &'a Worst),
    /// How many connections ended how.
    Summary(&'a Summary),
    /// What changed from the first capture to the second.
    Comparison([&'a Summary; 2]),
}

/// The page.
pub fn page(page: &Page<'_>) -> String {
    let mut markup = Markup::default();
    markup.own("<!DOCTYPE html>\n");
    markup.within("html", &[("xmlns", &"http://www.w3.org/1999/xhtml"), ("lang", &"en")], |markup| {
        markup.within("head", &[], |markup| head(markup, page));
        markup.own("\n");
        markup.within("body", &[], |markup| body(markup, page));
    });
    markup.own("\n");
    markup.into_string()
}

fn head(markup: &mut Markup, page: &Page<'_>) {
    markup.empty("meta", &[("charset", &"utf-8")]);
    markup.empty("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
    markup.empty("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
    markup.empty("meta", &[("name", &"color-scheme"), ("content", &"light dark")]);
    markup.leaf("title", &[], header::title(page));
    markup.within("style", &[], |markup| markup.own(STYLE));
}

fn body(markup: &mut Markup, page: &Page<'_>) {
    endings::definitions(markup);
    ladder::definitions(markup);
    header::header(markup, page);
    markup.own("\n");
    markup.within("main", &[], |markup| match page.body {
        Body::Connections(summary, worst) => {
            bars::all(markup, summary);
            connections::all(markup, worst, summary.all().connections(), page);
        }
        Body::Summary(summary) => bars::all(markup, summary),
        Body::Comparison([before, after]) => changes::all(markup, before, after),
    });
    markup.own("\n");
    markup.within("footer", &[], |markup| {
        markup.text(format_args!(
            "Made by {}. The page is whole: it has no script and loads nothing.",
            page.program
        ));
    });
}
