//! `adieu explain --code`: what a number or a name means for how a connection ended.

use super::arguments::Format;
use crate::exit::ExitStatus;
use crate::no_plan::NoPlan;
use crate::stdout::to_stdout;
use adieu_explain::codes::{self, Code};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};

/// How long a line is at most.
const WIDTH: usize = 100;

/// Where the text of an entry begins.
const INDENT: &str = "           ";

/// The entries that are printed.
pub(crate) struct Plan {
    query: String,
    found: Vec<&'static Code>,
    json: bool,
}

impl Plan {
    pub(super) fn new(query: &str, format: Option<Format>) -> Result<Self, NoPlan> {
        let found = codes::find(query);
        if found.is_empty() {
            return Err(NoPlan::Refused {
                why: format!("unknown code '{}'", query.escape_debug()),
                hint: Some(nearest(query)),
            });
        }
        let json = match format {
            None | Some(Format::Text) => false,
            Some(Format::Json) => true,
            Some(Format::Brief | Format::Zeek | Format::Eve) => {
                return Err(NoPlan::refused("--code has only the formats text and json"));
            }
        };
        Ok(Self { query: query.to_owned(), found, json })
    }
}

pub(super) fn run(plan: &Plan) -> ExitStatus {
    to_stdout(|| {
        let mut out = io::stdout().lock();
        if plan.json { json(plan, &mut out) } else { out.write_all(text(plan).as_bytes()) }
    })
}

#[derive(Serialize)]
struct Json<'a> {
    code: &'a str,
    #[serde(flatten)]
    entry: &'a Code,
}

fn json(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    for entry in &plan.found {
        serde_json::to_writer(&mut *out, &Json { code: &plan.query, entry })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn text(plan: &Plan) -> String {
    let mut text = String::new();
    if let several @ 2.. = plan.found.len() {
        let _ = writeln!(text, "{} means {several} things:\n", plan.query.escape_debug());
    }
    for (number, code) in plan.found.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        entry(&mut text, code);
    }
    text
}

fn entry(text: &mut String, code: &Code) {
    let _ = write!(text, "{} ({}", code.name, code.kind.words());
    for number in code.numbers {
        let _ = write!(text, ", {} {}", number.system, number.number);
    }
    let _ = writeln!(text, ")");
    for line in [("also", code.also.join(", ")), ("says", quoted(code.text))] {
        if !line.1.is_empty() {
            paragraph(text, line.0, &line.1);
        }
    }
    paragraph(text, "means", code.means);
    if let Some(ending) = code.ending {
        paragraph(text, "ending", ending);
    }
    for (number, line) in code.look_at.iter().enumerate() {
        paragraph(text, if number == 0 { "look at" } else { "" }, &format!("- {line}"));
    }
}

fn quoted(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ")
}

/// Words behind a label, with lines of [`WIDTH`].
fn paragraph(text: &mut String, label: &str, words: &str) {
    let mut line = if label.is_empty() { INDENT.to_owned() } else { format!("  {:<9}", format!("{label}:")) };
    let mut is_new = true;
    for word in words.split(' ') {
        if !is_new && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            INDENT.clone_into(&mut line);
            is_new = true;
        }
        if !is_new {
            line.push(' ');
        }
        line += word;
        is_new = false;
    }
    let _ = writeln!(text, "{line}");
}

/// What may have been meant.
fn nearest(query: &str) -> String {
    let query = query.trim().to_lowercase();
    let similar = |name: &'static str| (strsim::jaro_winkler(&query, &name.to_lowercase()), name);
    let best = codes::names().map(similar).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((similarity, name)) if similarity > 0.8 => format!("did you mean {name}?"),
        _ => "give an error's name or number, an exit status as \"exit 5\", a TLS alert as \"alert 42\", or a conn_state of Zeek".to_owned(),
    }
}
