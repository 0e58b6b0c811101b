//! `--help` of a command: all options in groups, each in a sentence or two, then examples, exit statuses and variables.
//!
//! What the manual page has besides (the long text of an option, every variable, files) is not repeated here.

use super::short::{WIDTH, more, usage};
use super::{Guide, Help, wrapped};
use crate::exit::Statuses;
use clap::Command;
use clap::builder::Resettable;

/// The definition, whose help is this.
pub(crate) fn dressed(command: Command, guide: &Guide) -> Command {
    let has_variables = command.get_opts().any(|option| option.get_env().is_some());
    let mut end = guide.examples(usize::MAX);
    end += &format!("\n{}", statuses(&guide.statuses));
    if has_variables {
        let sentence = "Each option has a variable: ADIEU_ and the option's name in capitals, with _ for -, as in \
                        ADIEU_CONNECT_TIMEOUT. An option on the command line wins.";
        end += &format!("\nEnvironment:\n  {}\n", wrapped(sentence, WIDTH, 2));
    }
    end += &format!("\n{}", more(guide.command, Help::Long));
    let forms = usage(guide).trim_start_matches("Usage: ").trim_end().to_owned();
    command
        .mut_args(|argument| argument.hide_env(true).long_help(Resettable::Reset))
        .override_usage(forms)
        .after_long_help(end)
}

/// `Exit status:`, and a line for each.
pub(super) fn statuses(statuses: &Statuses) -> String {
    let mut text = String::from("Exit status:\n");
    for (number, means) in statuses.meanings {
        text += &format!("  {number:<4} {}\n", wrapped(means, WIDTH, 7));
    }
    if !statuses.note.is_empty() {
        text += &format!("  {}\n", wrapped(statuses.note, WIDTH, 2));
    }
    text
}
