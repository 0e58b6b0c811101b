//! `adieu`: finishes network connections properly.
//!
//! `main` only maps a result to an exit status. Each command is one file; the options they share have one
//! definition; only this crate prints.

mod arguments;
mod commands;
mod exit;
mod hints;
mod ladder;
mod options;
mod printer;
mod signals;
mod stdio;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// Finishes network connections properly: sends everything, half-closes, drains, closes, and tells the truth about
/// how it ended.
#[derive(Parser)]
#[command(name = "adieu", version, after_long_help = exit::TABLE, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Connect(commands::connect::Args),
    Listen(commands::listen::Args),
    #[cfg(unix)]
    Send(commands::transfer::send::Args),
    #[cfg(unix)]
    Receive(commands::transfer::receive::Args),
    Demo(commands::demo::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        printer::complain(&format!("this is a bug in adieu, please report it: {panic}"));
        std::process::exit(exit::ExitStatus::Bug.number().into());
    }));
    let matches = arguments::parse(&Cli::command());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let status = match cli.command {
        Command::Connect(args) => commands::connect::run(&args),
        Command::Listen(args) => commands::listen::run(&args),
        #[cfg(unix)]
        Command::Send(args) => commands::transfer::send::run(&args),
        #[cfg(unix)]
        Command::Receive(args) => commands::transfer::receive::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Completions(args) => commands::completions::run(&args, &mut Cli::command()),
        Command::Man(args) => commands::man::run(&args, Cli::command()),
    };
    status.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_of_the_options_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_has_a_variable() {
        let definition = Cli::command();
        let options = definition.get_subcommands().flat_map(clap::Command::get_opts);
        let mut count = 0;
        for option in options {
            let name = option.get_long().expect("every option has a long name");
            let variable = format!("ADIEU_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(option.get_env().and_then(|v| v.to_str()), Some(variable.as_str()));
            count += 1;
        }
        assert!(count > 15, "{count}");
    }
}
