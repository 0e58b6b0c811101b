//! The program's command line: what it can be asked for, and who does it.
//!
//! A command has three stages, each in its file: `arguments` is what was written, `plan` is resolved and checked, and `run` does
//! it. Before the plan is complete nothing is created, emptied, resolved or connected.

use crate::commands::datagrams::Planned;
use crate::commands::{
    GUIDES, check, completions, connect, datagrams, demo, explain, listen, man, nc, receive, relay, selftest,
    send,
};
use crate::evidence;
use crate::exit::ExitStatus;
use crate::guide::{Help, long, overview, short};
use crate::no_plan::NoPlan;
use crate::parsing;
use crate::printer::complain;
use crate::stdout::print;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Does what the words of this process's command line say.
pub(crate) fn run(words: &[OsString]) -> ExitStatus {
    if let Some(netcat) = nc::Invocation::of(words) {
        return netcat.run();
    }
    command(words).map_or_else(|status| status, Command::run)
}

/// Finish network connections properly, and report how each one ended
#[derive(Parser)]
#[command(name = "adieu", version, max_term_width = 100)]
struct Cli<C: Subcommand> {
    #[command(subcommand)]
    command: C,
}

#[derive(Subcommand)]
enum Command {
    Connect(connect::Args),
    Listen(listen::Args),
    Send(send::Args),
    Receive(receive::Args),
    Check(check::Args),
    Relay(relay::Args),
    Explain(explain::Args),
    Nc(nc::Args),
    Demo(demo::Args),
    Selftest(selftest::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// From here on stderr is in the format that was asked for.
    fn apply_reporting(&self) {
        match self {
            Self::Connect(args) => args.reporting().apply(),
            Self::Listen(args) => args.reporting().apply(),
            Self::Send(args) => args.reporting().apply(),
            Self::Receive(args) => args.reporting().apply(),
            Self::Check(args) => args.reporting().apply(),
            Self::Relay(args) => args.reporting().apply(),
            Self::Selftest(args) => args.reporting().apply(),
            Self::Explain(_) | Self::Nc(_) | Self::Demo(_) | Self::Completions(_) | Self::Man(_) => {}
        }
    }

    /// Plans it, and runs the plan.
    fn run(self) -> ExitStatus {
        self.apply_reporting();
        match self {
            Self::Connect(args) => planned(args.plan(), |plan| match plan {
                Planned::Streams(plan) => connect::run(plan),
                Planned::Datagrams(plan) => datagrams::run(*plan),
            }),
            Self::Listen(args) => planned(args.plan(), |plan| match plan {
                Planned::Streams(plan) => listen::run(&plan),
                Planned::Datagrams(plan) => datagrams::run(*plan),
            }),
            Self::Send(args) => planned(send::Plan::new(&args), send::run),
            Self::Receive(args) => planned(receive::Plan::new(&args), receive::run),
            Self::Check(args) => planned(check::Plan::new(&args), check::run),
            Self::Relay(args) => planned(relay::Plan::new(args), relay::run),
            Self::Explain(args) => planned(explain::Plan::new(&args), explain::run),
            Self::Nc(args) => args.run(),
            Self::Demo(args) => demo::run(demo::Plan::new(&args)),
            Self::Selftest(args) => planned(selftest::Plan::new(&args), |plan| selftest::run(&plan)),
            Self::Completions(args) => {
                completions::run(&completions::Plan::new(&args), &Cli::<Self>::command())
            }
            Self::Man(args) => man::run(&args, Cli::<Self>::command(), &GUIDES),
        }
    }
}

fn planned<P>(plan: Result<P, NoPlan>, run: impl FnOnce(P) -> ExitStatus) -> ExitStatus {
    plan.map_or_else(NoPlan::conclude, run)
}

/// All that is built of the definitions when the first word says `connect`: the other commands' options would cost a
/// tiny exchange more than its own.
#[derive(Subcommand)]
enum OnlyConnect {
    Connect(connect::Args),
}

/// What is to be done. `Err`: nothing, and that has been said.
fn command(words: &[OsString]) -> Result<Command, ExitStatus> {
    if !parsing::has_variables()
        && let Some(args) = connect::Args::without_options(words)
    {
        return Ok(Command::Connect(args));
    }
    if evidence::is_asked(words) {
        return Err(print(evidence::described().as_bytes()));
    }
    if let Some(sentence) = evidence::misunderstood(words) {
        complain(&sentence);
        return Err(ExitStatus::Usage);
    }
    if completions::is_asked(words) {
        return Err(completions::answer(words, &Cli::<Command>::command()));
    }
    let matches = parsing::parse(definition, words)?;
    let parsed = Cli::<Command>::from_arg_matches(&matches);
    parsed.map(|cli| cli.command).map_err(|error| parsing::say(&error, words))
}

fn definition(words: &[OsString]) -> clap::Command {
    let definition = match words.get(1) {
        Some(word) if word == "connect" => Cli::<OnlyConnect>::command(),
        _ => Cli::<Command>::command(),
    };
    match Help::asked(words) {
        Some(help) => with_help(definition, help),
        None => definition,
    }
}

/// The same definition, with what its helps say.
fn with_help(definition: clap::Command, help: Help) -> clap::Command {
    let dress = |command: clap::Command| {
        let Some(guide) = GUIDES.iter().find(|guide| guide.command == command.get_name()) else {
            return command;
        };
        match help {
            Help::Short => short::dressed(command, guide),
            Help::Long => long::dressed(command, guide),
        }
    };
    overview::dressed(definition.mut_subcommands(dress), &GUIDES, help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parsing::rules::Rules;
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
            let all: Vec<OsString> = words.iter().map(OsString::from).collect();
            let definition = Cli::<Command>::command();
            Help::asked(&all)
                .map_or(definition.clone(), |help| with_help(definition, help))
                .try_get_matches_from(words)
                .expect_err("there is something to say")
                .to_string()
        };
        for words in [
            &["adieu", "connect", "--help"][..],
            &["adieu", "connect", "-h"],
            &["adieu", "connect"],
            &["adieu", "connect", "-x", "h:1"],
        ] {
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
            let read = connect::Args::without_options(&words);
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
            // Of `send` and `connect`, so that a variable meant for `listen` does not run a command in the place of a file or of
            // stdin.
            let variables = [variable.as_str(), "ADIEU_SEND_EXEC", "ADIEU_CONNECT_EXEC"];
            let own = option.get_env().and_then(|v| v.to_str()).expect("every option has one");
            assert!(own == variables[0] || (name == "exec" && variables[1..].contains(&own)), "{own}");
            count += 1;
        }
        assert!(count > 15, "{count}");
    }

    /// The options of all commands, each with its command.
    fn options(definition: &clap::Command) -> Vec<(&clap::Command, &clap::Arg)> {
        definition.get_subcommands().flat_map(|c| c.get_arguments().map(move |a| (c, a))).collect()
    }

    #[test]
    fn every_rule_names_an_option_that_exists() {
        let definition = Cli::<Command>::command();
        let mut count = 0;
        for (_, option) in options(&definition) {
            let Some(rules) = option.get::<Rules>() else { continue };
            for (named, value) in rules.named() {
                count += 1;
                let mut with_both = definition.get_subcommands().filter_map(|command| {
                    let find = |id: &str| command.get_arguments().find(|a| a.get_id() == id);
                    find(option.get_id().as_str()).and(find(named))
                });
                let Some(other) = with_both.next() else {
                    panic!("no command has --{} and '{named}'", option.get_id())
                };
                if let Some(value) = value {
                    let values = other.get_possible_values();
                    // One without a list of its values takes any.
                    let takes = values.is_empty() || values.iter().any(|known| known.matches(value, false));
                    assert!(takes, "'{named}' does not take '{value}'");
                }
            }
        }
        assert!(count > 10, "{count}");
        for id in completions::COMPLETED_BY_US {
            assert!(options(&definition).iter().any(|(_, option)| option.get_id() == id), "{id}");
        }
    }

    #[test]
    fn every_command_has_a_guide_and_its_common_options_exist() {
        let definition = Cli::<Command>::command();
        let commands: Vec<&str> = definition.get_subcommands().map(clap::Command::get_name).collect();
        let guides: Vec<&str> = GUIDES.iter().map(|guide| guide.command).collect();
        assert_eq!(commands, guides);
        let mut wished: Vec<&str> =
            overview::WISHES.iter().flat_map(|(_, commands)| commands.iter().copied()).collect();
        wished.sort_unstable();
        let mut sorted = guides;
        sorted.sort_unstable();
        assert_eq!(wished, sorted);
        for guide in GUIDES {
            let command = definition.find_subcommand(guide.command).expect("it is there");
            for (id, _) in guide.common {
                assert!(command.get_arguments().any(|argument| argument.get_id() == id), "{id}");
            }
            assert!(guide.common.len() <= 12, "{}: a screen has room for few", guide.command);
            assert!(guide.examples.len() >= 3, "{}", guide.command);
            for example in guide.examples {
                // Behind two spaces: a line that is wrapped cannot be copied.
                assert!(example.line.len() <= short::WIDTH - 2, "{}", example.line);
            }
            assert!(guide.usage.iter().all(|form| form.starts_with(guide.command)), "{}", guide.command);
        }
    }

    /// One screen: 80 columns, and what most terminals show without scrolling.
    #[test]
    fn the_short_help_fits_a_screen() {
        let short = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let error = definition(&words).try_get_matches_from(words).expect_err("it is the help");
            error.to_string()
        };
        for command in GUIDES.iter().map(|guide| guide.command).filter(|name| *name != "nc") {
            let help = short(&["adieu", command, "-h"]);
            assert!(help.lines().count() <= 28, "{command}: {}\n{help}", help.lines().count());
            for line in help.lines() {
                assert!(line.chars().count() <= short::WIDTH, "{command}: {line}");
            }
            assert!(!help.contains("[env"), "{command}");
            assert!(help.contains(&format!("adieu {command} --help")), "{command}");
        }
        let help = short(&["adieu", "-h"]);
        assert!(help.lines().count() <= 24, "{help}");
    }

    /// Two sentences at most: what more there is to say stands in the manual page.
    #[test]
    fn an_option_is_described_in_one_sentence_or_two() {
        let definition = Cli::<Command>::command();
        for (command, option) in options(&definition) {
            let help = option.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{} {}", command.get_name(), option.get_id());
            let sentences = help.matches(". ").count() + 1;
            assert!(
                sentences <= 2 && help.len() <= 220,
                "{} {}: {help}",
                command.get_name(),
                option.get_id()
            );
        }
    }

    #[test]
    fn a_command_that_can_be_either_side_says_which() {
        let definition = Cli::<Command>::command();
        for (name, sides) in
            [("connect", false), ("listen", false), ("send", true), ("receive", true), ("demo", false)]
        {
            let command = definition.find_subcommand(name).expect("it is there");
            assert_eq!(parsing::can_be_either_side(command), sides, "{name}");
        }
    }

    /// The libraries of the workspace whose texts the command line shows.
    const LIBRARIES: [&str; 7] = [
        "adieu",
        "adieu-explain",
        "adieu-os",
        "adieu-proto",
        "adieu-report",
        "adieu-transfer",
        "adieu-relay",
    ];

    /// Names that no option has: of clap's own, of the guard of commands, of what a command finds in its environment, of
    /// the command that goes past clap, and what newcomers write first.
    const OTHER_NAMES: [&str; 12] = [
        "--help",
        "--version",
        "--guard-commands",
        "ADIEU_COMPLETE",
        "ADIEU_PEER",
        "ADIEU_PROXY_PEER",
        "ADIEU_LOCAL",
        // Of the build.
        "ADIEU_TARGET",
        "ADIEU_NC_FLAVOUR",
        "ADIEU_NC_EXIT",
        "--ssl",
        // Of cargo.
        "--example",
    ];

    /// The names after each of these in a text: a letter, and what a name is made of.
    fn names<'a>(
        text: &'a str,
        prefix: &'a str,
        is_in_name: fn(char) -> bool,
    ) -> impl Iterator<Item = &'a str> {
        text.match_indices(prefix).filter_map(move |(at, _)| {
            let (before, rest) = (text[..at].chars().next_back(), &text[at + prefix.len()..]);
            let is_own = before.is_none_or(|c| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
            let length = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len());
            let begins = rest.starts_with(|c: char| c.is_ascii_alphabetic());
            (is_own && begins).then(|| text[at..at + prefix.len() + length].trim_end_matches(['-', '_']))
        })
    }

    fn is_in_option(c: char) -> bool {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
    }

    /// The source files of these crates, each with its text.
    fn sources(own: &[&str]) -> Vec<(std::path::PathBuf, String)> {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates are together");
        let mut folders: Vec<_> = own.iter().map(|own| crates.join(own).join("src")).collect();
        let mut sources = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let text = std::fs::read_to_string(&path).expect("our own texts are UTF-8");
                    sources.push((path, text));
                }
            }
        }
        sources
    }

    /// A program with the library has fields and methods where the command line has options: `hints` knows which are which.
    #[test]
    fn no_text_of_a_library_names_an_option() {
        let libraries = sources(&LIBRARIES);
        assert!(libraries.len() > 150, "{}", libraries.len());
        for (path, text) in libraries {
            if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
                continue;
            }
            // What codes mean is a page about the program, which sends its reader on.
            if path.components().any(|part| part.as_os_str() == "codes") {
                continue;
            }
            // Unit tests stand at the end of a file.
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let option = names(line, "--", is_in_option).next();
                assert_eq!(option, None, "{}: {line}", path.display());
            }
        }
    }

    #[test]
    fn every_option_and_variable_that_a_text_names_exists() {
        let definition = Cli::<Command>::command();
        let mut known: std::collections::BTreeSet<String> = OTHER_NAMES.map(str::to_owned).into();
        for (_, option) in options(&definition) {
            known.extend(option.get_long().map(|long| format!("--{long}")));
            known.extend(option.get_env().and_then(|v| v.to_str()).map(str::to_owned));
        }
        let mut count = 0;
        for (path, text) in sources(&LIBRARIES).into_iter().chain(sources(&["adieu-cli"])) {
            // The options of netcats are theirs, and have tests of their own.
            let is_netcats = path.components().any(|part| part.as_os_str() == "nc");
            if is_netcats || path.ends_with("adieu-cli/src/cli.rs") {
                continue;
            }
            let variables =
                names(&text, "ADIEU_", |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            for name in names(&text, "--", is_in_option).chain(variables) {
                count += 1;
                assert!(known.contains(name), "{} names {name}, which does not exist", path.display());
            }
        }
        assert!(count > 100, "{count}");
    }
}
