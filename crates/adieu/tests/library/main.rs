//! The library's behaviour on real sockets. What both drivers promise is written once, in words of [`arms`].

#![cfg_attr(
    windows,
    allow(
        unused_imports,
        dead_code,
        reason = "some tests need what Windows or Wine does not have; on Linux nothing is unused"
    )
)]

mod adopted;
mod arms;
mod connecting;
mod datagrams;
#[cfg(target_os = "linux")]
mod descriptors;
mod ending_handles;
mod endings;
mod errors;
mod faces;
#[cfg(target_os = "linux")]
mod fast_open;
mod finish;
mod finish_on_tokio;
mod linger;
mod listeners;
mod look_ahead;
mod over;
mod procedure;
mod program_ends;
mod promises;
// They are about the core and the words of reports, which are the same everywhere.
#[cfg(unix)]
mod properties;
mod proxies;
// What is unacknowledged at a reset is asked of the kernel.
#[cfg(target_os = "linux")]
mod relay;
mod requests;
mod same_events;
mod secure_proxies;
mod servers;
mod shaped;
// socket2 reads these options back on Unix.
#[cfg(unix)]
mod socket_options;
#[cfg(target_os = "linux")]
mod soft_errors;
mod split;
mod timers;
mod tls;
mod tls_through_proxies;
mod tokio_only;
mod vectored;
#[cfg(windows)]
mod windows;
