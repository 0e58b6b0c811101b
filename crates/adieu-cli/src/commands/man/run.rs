//! Renders the manual page, and prints it.

use crate::exit::{ExitStatus, TABLE};
use crate::stdout::print;
use std::io;

pub(crate) fn run(definition: clap::Command) -> ExitStatus {
    let mut page = Vec::new();
    render(definition, &mut page).expect("a vector takes every byte");
    print(&page)
}

/// One page for all commands: each subcommand's options under a heading of its own.
fn render(mut definition: clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    definition.build();
    let commands: Vec<clap::Command> =
        definition.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
    let man = clap_mangen::Man::new(definition.after_long_help(""));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    for command in commands {
        let heading = format!("adieu {}", command.get_name()).to_uppercase();
        let about = command.get_long_about().or(command.get_about()).cloned().unwrap_or_default();
        let man = clap_mangen::Man::new(command);
        let mut body = Vec::new();
        man.render_synopsis_section(&mut body)?;
        man.render_options_section(&mut body)?;
        let mut roff = clap_mangen::roff::Roff::new();
        roff.control("SH", [heading.as_str()]);
        roff.text([clap_mangen::roff::roman(about.to_string())]);
        roff.to_writer(page)?;
        // The sections of a command are parts of its own.
        page.extend(String::from_utf8_lossy(&body).replace(".SH ", ".SS ").into_bytes());
    }
    let mut roff = clap_mangen::roff::Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    roff.control("nf", []);
    for line in TABLE.lines().skip(1) {
        roff.text([clap_mangen::roff::roman(line)]);
    }
    roff.control("fi", []);
    roff.to_writer(page)
}
