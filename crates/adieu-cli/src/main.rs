//! `adieu`: finishes network connections properly.
//!
//! `main` only maps a result to an exit status. Each command is one file; the options they share have one
//! definition; only this crate prints.

mod commands;
mod exit;
mod hints;
mod options;
mod os;
mod parsing;
mod printer;
mod said;
mod sink;
mod stdio;
mod steps;

use crate::exit::ExitStatus;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Finishes network connections properly: sends everything, half-closes, drains, closes, and tells the truth about
/// how it ended.
#[derive(Parser)]
#[command(name = "adieu", version, after_long_help = exit::TABLE, max_term_width = 100)]
struct Cli<C: Subcommand> {
    #[command(subcommand)]
    command: C,
}

#[derive(Subcommand)]
enum Command {
    Connect(commands::connect::Args),
    Listen(commands::listen::Args),
    Send(commands::send::Args),
    Receive(commands::receive::Args),
    Demo(commands::demo::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

impl Command {
    /// From here on stderr is in the format that was asked for.
    fn apply_reporting(&self) {
        match self {
            Self::Connect(args) => args.reporting().apply(),
            Self::Listen(args) => args.reporting().apply(),
            Self::Send(args) => args.reporting().apply(),
            Self::Receive(args) => args.reporting().apply(),
            Self::Demo(_) | Self::Completions(_) | Self::Man(_) => {}
        }
    }
}

/// All that is built of the definitions when the first word says `connect`: the other commands' options would cost a
/// tiny exchange more than its own.
#[derive(Subcommand)]
enum OnlyConnect {
    Connect(commands::connect::Args),
}

/// What is to be done. `Err`: nothing, and that has been said.
fn command(words: &[OsString]) -> Result<Command, ExitStatus> {
    if !parsing::has_variables()
        && let Some(args) = commands::connect::Args::without_options(words)
    {
        return Ok(Command::Connect(args));
    }
    if commands::completions::is_asked(words) {
        return Err(commands::completions::answer(words, &Cli::<Command>::command()));
    }
    let matches = parsing::parse(definition(words), words)?;
    let parsed = Cli::<Command>::from_arg_matches(&matches);
    parsed.map(|cli| cli.command).map_err(|error| parsing::say(&error, words))
}

pub(crate) fn definition(words: &[OsString]) -> clap::Command {
    match words.get(1) {
        Some(word) if word == "connect" => Cli::<OnlyConnect>::command(),
        _ => Cli::<Command>::command(),
    }
}

/// The one function of libm that is used (by the progress bar), so that no program has to load that library at its start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "std calls it by its C name")]
// SAFETY: it is what the name stands for, with the same types.
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        printer::complain(&format!("this is a bug in adieu, please report it: {panic}"));
        said::finish();
        std::process::exit(ExitStatus::Bug.number().into());
    }));
    let words: Vec<OsString> = std::env::args_os().collect();
    #[cfg(target_os = "linux")]
    if os::guard::is_asked_for(&words) {
        os::guard::run();
        return ExitCode::SUCCESS;
    }
    let status = command(&words).map_or_else(|status| status, run);
    said::finish();
    status.into()
}

fn run(command: Command) -> ExitStatus {
    command.apply_reporting();
    match command {
        Command::Connect(args) => commands::connect::run(&args),
        Command::Listen(args) => commands::listen::run(&args),
        Command::Send(args) => commands::send::run(&args),
        Command::Receive(args) => commands::receive::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Completions(args) => commands::completions::run(&args, &Cli::<Command>::command()),
        Command::Man(args) => commands::man::run(&args, Cli::<Command>::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    #[test]
    fn the_definitions_of_the_options_are_sound() {
        Cli::<Command>::command().debug_assert();
    }

    #[test]
    fn the_short_definition_says_the_same() {
        let help = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            definition(&words).try_get_matches_from(words).expect_err("there is something to say").to_string()
        };
        let full = |words: &[&str]| {
            Cli::<Command>::command()
                .try_get_matches_from(words)
                .expect_err("there is something to say")
                .to_string()
        };
        for words in
            [&["adieu", "connect", "--help"][..], &["adieu", "connect"], &["adieu", "connect", "-x", "h:1"]]
        {
            assert_eq!(help(words), full(words));
        }
    }

    #[test]
    fn what_is_read_without_clap_is_what_clap_reads() {
        for (words, is_for_clap) in [
            (&["connect", "h:1"][..], false),
            (&["connect", "h", "1"], false),
            (&["connect", "-q", "h", "1"], false),
            (&["connect", "h", "-q", "1"], false),
            (&["connect", ""], false),
            (&["connect"], true),
            (&["connect", "-q"], true),
            (&["connect", "-v", "h:1"], true),
            (&["connect", "--", "h:1"], true),
            (&["connect", "-4", "h:1"], true),
            (&["connect", "h", "1", "2"], true),
            (&["listen", "h:1"], true),
            (&["demo"], true),
            (&[], true),
        ] {
            let words: Vec<OsString> = ["adieu"].iter().chain(words).map(OsString::from).collect();
            let read = commands::connect::Args::without_options(&words);
            assert_eq!(read.is_none(), is_for_clap, "{words:?}");
            if let Some(read) = read {
                let parsed = Cli::<Command>::try_parse_from(&words).expect("clap reads it too").command;
                let Command::Connect(parsed) = parsed else { panic!("it connects") };
                assert_eq!(format!("{read:?}"), format!("{parsed:?}"));
            }
        }
    }

    /// What a script's own variable becomes that was not set: the run would go past the proxy, or by any interface.
    #[test]
    fn no_option_takes_an_empty_value() {
        let definition = Cli::<Command>::command();
        for command in definition.get_subcommands() {
            for option in command.get_opts().filter(|option| option.get_action().takes_values()) {
                let written = format!("--{}=", option.get_long().expect("every option has a long name"));
                let refusal = definition
                    .clone()
                    .try_get_matches_from(["adieu", command.get_name(), &written])
                    .expect_err(&written);
                let kind = refusal.kind();
                assert!(
                    matches!(kind, ErrorKind::InvalidValue | ErrorKind::ValueValidation),
                    "{} {written}: {kind:?}",
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn every_option_has_a_variable() {
        let definition = Cli::<Command>::command();
        let options = definition.get_subcommands().flat_map(clap::Command::get_opts);
        let mut count = 0;
        for option in options {
            let name = option.get_long().expect("every option has a long name");
            let variable = format!("ADIEU_{}", name.to_uppercase().replace('-', "_"));
            // Of `send`, so that a variable meant for `listen` does not run a command in the place of a file.
            let variables = [variable.as_str(), "ADIEU_SEND_EXEC"];
            let own = option.get_env().and_then(|v| v.to_str()).expect("every option has one");
            assert!(own == variables[0] || (name == "exec" && own == variables[1]), "{own}");
            count += 1;
        }
        assert!(count > 15, "{count}");
    }
}
