//! Unix: signals, the look before `main`, the commands of `--exec` and their guard.

#[cfg(target_os = "linux")]
pub(crate) mod command;
#[cfg(target_os = "linux")]
pub(crate) mod guard;
#[cfg(target_os = "linux")]
mod orphans;
pub(crate) mod signals;
mod standard;

#[cfg(target_os = "linux")]
pub(crate) use orphans::leave_to_another;
pub(crate) use standard::check_standard;

/// How many descriptors this process may have. `None`: there is no limit.
pub(crate) fn descriptor_limit() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    usize::try_from(limit).ok()
}

/// A command line, as the system's shell reads it.
pub(crate) fn shell(line: &str) -> std::process::Command {
    let mut command = std::process::Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}
