//! `-h` of a command: one screen. What it does, its forms, the options that most people use, and two examples.

use super::{Guide, Help, label, wrapped};
use clap::Command;

/// No line is longer.
pub(crate) const WIDTH: usize = 80;

/// Where the text behind an option begins, at the latest. An option that is longer has the text below it.
const COLUMN: usize = 34;

/// The definition, whose help is this.
pub(crate) fn dressed(command: Command, guide: &Guide) -> Command {
    let text = text(guide, &command);
    command.override_help(text)
}

fn text(guide: &Guide, command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{}\n\n{}\n", wrapped(&about, WIDTH, 0), usage(guide));
    let find = |id: &str| command.get_arguments().find(|argument| argument.get_id() == id);
    let rows: Vec<(String, &str)> =
        guide.common.iter().filter_map(|(id, does)| Some((label(find(id)?), *does))).collect();
    let column = rows.iter().map(|(label, _)| label.len() + 4).filter(|c| *c <= COLUMN).max().unwrap_or(0);
    for (label, does) in rows {
        let does = wrapped(does, WIDTH, column);
        if label.len() + 4 > column {
            text += &format!("  {label}\n{:column$}{does}\n", "");
        } else {
            text += &format!("  {label:<0$}{does}\n", column - 2);
        }
    }
    if !guide.common.is_empty() {
        text.push('\n');
    }
    text += &guide.examples(2);
    let name = guide.command;
    text + &format!("\n{}", more(name, Help::Short))
}

/// `Usage: adieu connect [OPTIONS] ENDPOINT`, and its other forms.
pub(super) fn usage(guide: &Guide) -> String {
    let forms: Vec<String> = guide.usage.iter().map(|form| format!("adieu {form}")).collect();
    format!("Usage: {}\n", forms.join("\n       "))
}

/// Where there is more to read.
pub(super) fn more(name: &str, after: Help) -> String {
    match after {
        Help::Short => format!("All options: adieu {name} --help. The manual page: adieu man {name}.\n"),
        Help::Long => format!("More of each option, and of files: adieu man {name}."),
    }
}
