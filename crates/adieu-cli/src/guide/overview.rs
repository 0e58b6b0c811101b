//! `adieu -h` and `adieu --help`: the commands, by what somebody wants to do.

use super::long::statuses;
use super::short::WIDTH;
use super::{Example, Guide, Help, wrapped};
use crate::exit::OF_A_CONNECTION;
use clap::Command;

/// What people want, and the commands for it.
pub(crate) const WISHES: [(&str, &[&str]); 5] = [
    ("Talk to a peer", &["connect", "listen", "nc"]),
    ("Move files", &["send", "receive"]),
    ("Forward connections", &["relay"]),
    ("Find out", &["check", "explain", "demo", "selftest"]),
    ("Set up", &["completions", "man"]),
];

pub(crate) const EXAMPLES: [Example; 3] = [
    Example { line: "adieu demo", does: "Watch a graceful close, step by step, on this machine" },
    Example {
        line: "adieu connect example.org:7 < request > answer; echo $?",
        does: "Send a file to a server, and decide by the exit status whether all is well",
    },
    Example {
        line: "adieu send report.pdf backup.example:27015",
        does: "Send a file, and know that it is stored (adieu receive runs there)",
    },
];

/// The definition of the program, whose help is this.
pub(crate) fn dressed(program: Command, guides: &[&Guide], help: Help) -> Command {
    let text = text(&program, guides, help);
    program.override_help(text)
}

fn text(program: &Command, guides: &[&Guide], help: Help) -> String {
    let about = program.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{}\n\nUsage: adieu COMMAND [OPTIONS] [ARGUMENTS]\n\n", wrapped(&about, WIDTH, 0));
    for (wish, commands) in WISHES {
        text += &format!("{wish}:\n");
        for guide in commands.iter().filter_map(|name| guides.iter().find(|guide| guide.command == *name)) {
            text += &format!("  {:<12} {}\n", guide.command, guide.purpose);
        }
    }
    if help == Help::Long {
        text += "\nExamples:\n";
        for Example { line, does } in EXAMPLES {
            text += &format!("  # {does}\n  {line}\n");
        }
        text += "\nOptions:\n  -h, --help     Print help: -h a screen, --help all of it\n  -V, --version  Print the version; with --verbose, what this build asks its system\n";
        text += &format!("\n{}", statuses(&OF_A_CONNECTION));
        text += "  Some commands have statuses of their own: see adieu COMMAND --help.\n";
    }
    text + "\nThe usual options of a command: adieu COMMAND -h. All of them: --help.\nThe manual pages: adieu man COMMAND.\n"
}
