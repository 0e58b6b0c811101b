//! Prints a page, or writes all of them.

use super::arguments::Args;
use super::{of_command, overview, protocol};
use crate::exit::ExitStatus;
use crate::guide::Guide;
use crate::no_plan::NoPlan;
use crate::stdout::print;
use adieu::describe_error;
use clap::Command;
use std::path::Path;
use std::{fs, io};

/// The page that is of no command.
const PROTOCOL: &str = "protocol";

/// `definition`: of the program. `guides`: of its commands.
pub(crate) fn run(args: &Args, mut definition: Command, guides: &[&Guide]) -> ExitStatus {
    definition.build();
    if let Some(directory) = &args.all {
        return match write_all(directory, &definition, guides) {
            Ok(()) => ExitStatus::Success,
            Err(why) => NoPlan::Failed { why }.conclude(),
        };
    }
    let page = match args.page.as_deref() {
        None => overview::page(guides, &definition),
        Some(PROTOCOL) => protocol::page(),
        Some(name) => match of(name, &definition, guides) {
            Some(page) => page,
            None => return unknown(name, guides).conclude(),
        },
    };
    print(page.as_bytes())
}

/// The page of a command.
fn of(name: &str, definition: &Command, guides: &[&Guide]) -> Option<String> {
    let guide = guides.iter().find(|guide| guide.command == name)?;
    Some(of_command::page(guide, definition.find_subcommand(name)?))
}

fn unknown(name: &str, guides: &[&Guide]) -> NoPlan {
    let known: Vec<&str> = guides.iter().map(|guide| guide.command).chain([PROTOCOL]).collect();
    NoPlan::refused(format!("there is no page '{name}': the pages are {}", known.join(", ")))
}

fn write_all(directory: &Path, definition: &Command, guides: &[&Guide]) -> Result<(), String> {
    let (commands, others) = (directory.join("man1"), directory.join("man7"));
    let failed = |path: &Path, error: &io::Error| {
        format!("cannot write {}: {}", path.display(), describe_error(error))
    };
    for folder in [&commands, &others] {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    }
    let mut pages = vec![(commands.join("adieu.1"), overview::page(guides, definition))];
    for guide in guides {
        let page = of(guide.command, definition, guides).unwrap_or_default();
        pages.push((commands.join(format!("{}.1", of_command::name(guide.command))), page));
    }
    pages.push((others.join(format!("{}.7", of_command::name(PROTOCOL))), protocol::page()));
    for (path, page) in pages {
        fs::write(&path, page).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}
