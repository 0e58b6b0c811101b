//! Unix: signals, the look before `main`, the commands of `--exec` and their guard.

pub(crate) mod command;
pub(crate) mod guard;
#[cfg(linux_kernel)]
mod orphans;
pub(crate) mod service_manager;
pub(crate) mod signals;
mod standard;
#[cfg(all(target_os = "linux", target_env = "gnu", not(test)))]
mod start;

#[cfg(linux_kernel)]
pub(crate) use orphans::{leave_to_another, reap_as_init};
pub(crate) use standard::check_standard;

/// A command line, as the system's shell reads it.
pub(crate) fn shell(line: &str) -> std::process::Command {
    let mut command = std::process::Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}
