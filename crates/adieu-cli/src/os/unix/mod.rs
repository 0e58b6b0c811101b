//! Unix: signals, descriptors, process groups.

#[cfg(target_os = "linux")]
pub(crate) mod command;
pub(crate) mod signals;
mod standard;

pub(crate) use standard::{check_standard, stdout_file, that_is_file};

/// A thousand clients are more descriptors than the usual soft limit.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal leaves the limit that there was, and `accept` will say when it is reached.
    let _ = setrlimit(Resource::Nofile, limit);
}
