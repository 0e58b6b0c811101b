//! Prints the script of a shell.

use super::offers::visible;
use super::plan::Plan;
use crate::exit::ExitStatus;
use crate::stdout::print;
use clap::Command;
use clap_complete::generate;

pub(crate) fn run(plan: &Plan, definition: &Command) -> ExitStatus {
    match plan {
        Plan::Ours(script) => print(script),
        Plan::Claps(shell) => {
            let mut script = Vec::new();
            generate(*shell, &mut visible(definition), "adieu", &mut script);
            print(&script)
        }
    }
}
