//! A command, which is stopped alone: there are no process groups here, and what it has started goes on.

use std::process::{Child, Command};

/// There is no group for it to lead.
pub fn lead_group(_: &mut Command) -> bool {
    false
}

/// Stops a command, alone. It was not waited for, and is to be.
pub fn stop_command(command: &mut Child, _: bool) {
    // It may have ended by itself.
    let _ = command.kill();
}
