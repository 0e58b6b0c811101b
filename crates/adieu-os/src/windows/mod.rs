//! Windows: Winsock. What each part relies on is said with the page of its documentation.
//!
//! | part | is |
//! | --- | --- |
//! | `winsock` | WSAStartup and WSACleanup in pairs |
//! | `wait`, `waker` | WSAPoll, and ending it from another thread |
//! | `evidence` | SIO_TCP_INFO, the table of TCP connections, SO_ERROR |
//! | `errors` | the numbers, their names, what they mean |
//! | `ends` | files, pipes and consoles as our two ends |
//! | `thread` | ending the call that another thread blocks in |
//! | `group` | stopping a command |
//! | `services` | ports and their names |
//! | `hosts` | the addresses of a host, and the name of an address |
//! | `files` | what std does not tell of files and their names |
//! | `standard`, `lines`, `limits` | what a program knows of its standard handles, writes to them, and may have |
//! | `readiness` | what tokio waits for |
//!
//! Every socket here is non-blocking and no receive is ever left pending: a pending receive at the close of a socket
//! makes it send an RST (closesocket, "Remarks").

pub mod ends;
mod errors;
mod evidence;
mod files;
mod group;
mod hosts;
mod limits;
mod lines;
#[cfg(feature = "tokio")]
mod readiness;
mod services;
mod socket;
mod standard;
mod thread;
mod wait;
mod waker;
mod winsock;

pub use ends::{OpenFile, empty_file};
pub(crate) use errors::{describe_resolver_code, resolver_code_is_unique, resolver_words};
pub use errors::{
    error_name, fault_kind, is_exhausted, is_in_progress, is_of_the_accepted, is_refusal, is_too_big,
    look_up, port_of_service, refused,
};
pub use evidence::{AcknowledgementWatch, first_fin, sample};
pub use files::{FileIdentity, name_of_entry, rename_to_disk};
pub use group::{lead_group, stop_command};
pub use hosts::{host_name, look_up_as};
pub use limits::{free_descriptors, memory_suffices_for, open_files_limit, raise_descriptor_limit};
pub use lines::{open_for_lines, write_now, write_waiting};
#[cfg(feature = "tokio")]
pub use readiness::{Acceptor, AsyncAcknowledgements, AsyncInterrupt};
pub use services::service_name;
pub use socket::{
    SocketFile, abstract_name_of, bind_at, bind_to_own_name, is_ipv6, is_listening, is_not_a_socket, is_open,
    listen_at, path_of, peek, prepare_to_bind, set_tos, set_traffic_class, take_passed_socket, was_connected,
};
pub use standard::{
    broken_pipe, stdin_has_bytes, stdin_is_a_file_with_bytes, stdin_is_spent, stdout_file,
    stdout_reader_has_gone, that_is_file,
};
pub(crate) use thread::end_waits_of;
pub use wait::{has_error, wait};
pub use waker::Waker;
pub use winsock::Network;

pub use super::untold::*;

use super::Calls;

/// There is no SIGPIPE.
pub const SEND_FLAGS: i32 = 0;

/// The flags of a send that `shutdown(SD_SEND)` follows at once: the same as of any send here.
pub const SEND_FLAGS_BEFORE_FIN: i32 = SEND_FLAGS;

/// Whether to receive before the next send, after this number of sends in a row. On Windows that is always so: after the peer's reset,
/// a send discards the bytes that were received before the reset.
///
/// Source: Winsock's "Graceful Shutdown, Linger Options, and Socket Closure".
pub fn receive_is_due(_: u32) -> bool {
    true
}

/// The calls' names here.
pub const CALLS: Calls = Calls {
    startup: Some("WSAStartup(2.2)"),
    shutdown_send: "shutdown(SD_SEND)",
    close: "closesocket",
    cleanup: Some("WSACleanup"),
};
