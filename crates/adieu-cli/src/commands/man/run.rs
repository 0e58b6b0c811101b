//! Renders a manual page, and prints it: `adieu(1)`, or that of one command, such as `adieu-relay(1)`.

use super::arguments::Args;
use crate::exit::{ExitStatus, TABLE};
use crate::no_plan::NoPlan;
use crate::stdout::print;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::io;

pub(crate) fn run(args: &Args, mut definition: Command) -> ExitStatus {
    definition.build();
    let mut page = Vec::new();
    let rendered = match &args.command {
        None => whole(&definition, &mut page),
        Some(name) => match definition.find_subcommand(name).filter(|command| is_ours(command)) {
            Some(command) => of_command(command, &mut page),
            None => return unknown(name, &definition).conclude(),
        },
    };
    rendered.expect("a vector takes every byte");
    print(&page)
}

/// Whether it is a command of ours: clap adds one that is called `help`.
fn is_ours(command: &Command) -> bool {
    command.get_name() != "help"
}

fn unknown(name: &str, definition: &Command) -> NoPlan {
    let known: Vec<&str> =
        definition.get_subcommands().filter(|c| is_ours(c)).map(Command::get_name).collect();
    NoPlan::refused(format!("there is no command '{name}': the commands are {}", known.join(", ")))
}

/// One page for all commands: each subcommand's options under a heading of its own.
fn whole(definition: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(definition.clone().after_long_help(""));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    for command in definition.get_subcommands().filter(|c| is_ours(c)) {
        let heading = format!("adieu {}", command.get_name()).to_uppercase();
        let about = command.get_long_about().or(command.get_about()).cloned().unwrap_or_default();
        let man = Man::new(command.clone());
        let mut body = Vec::new();
        man.render_synopsis_section(&mut body)?;
        man.render_options_section(&mut body)?;
        let mut roff = Roff::new();
        roff.control("SH", [heading.as_str()]);
        roff.text([roman(about.to_string())]);
        roff.to_writer(page)?;
        // The sections of a command are parts of its own.
        page.extend(String::from_utf8_lossy(&body).replace(".SH ", ".SS ").into_bytes());
    }
    section("Exit status", TABLE.lines().skip(1), page)
}

/// The page of one command. What stands at the end of its help, the examples and the exit status, are sections of their own.
fn of_command(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    let end = command.get_after_long_help().map_or_else(|| TABLE.to_owned(), ToString::to_string);
    let mut lines = end.lines().peekable();
    while let Some(heading) = lines.next() {
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| !is_heading(line)) {
            body.push(line);
        }
        section(heading.trim_end_matches(':'), body.into_iter(), page)?;
    }
    section("See also", ["adieu(1)"].into_iter(), page)
}

/// A line such as "Exit status:", in what follows the options of a help.
fn is_heading(line: &str) -> bool {
    line.ends_with(':') && line.starts_with(|c: char| c.is_ascii_uppercase())
}

/// Lines that stay lines.
fn section<'a>(heading: &str, lines: impl Iterator<Item = &'a str>, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [heading.to_uppercase().as_str()]);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.to_writer(page)
}
