//! The one call: finishes a socket and blocks while it does.

use crate::border::guarded;
use crate::error::adieu_error;
use crate::options::{adieu_finish_options, read};
use crate::report::{adieu_report, has_room, write};
use crate::socket::{adieu_socket, look_at, own};
use adieu::Finish;
use std::ffi::c_int;

/// Finishes a connection: shuts down the sending side, receives until the peer has ended too, waits
/// until everything is acknowledged, closes the socket, and reports how it ended.
///
/// Call it once everything was sent: our FIN says that the stream is whole. For a stream
/// that is not whole call adieu_abort(). It blocks, for 30 s at most
/// unless the options say otherwise. The socket may be blocking or not, half-closed already, reset
/// already, have unread or urgent data. It is a TCP or a Unix socket. On Windows the program has
/// called WSAStartup(), as it needs to for a socket; the library calls it for itself too.
///
/// `options` may be NULL for the defaults, and `report` may be NULL.
///
/// Returns 0: the report is true, whatever the ending is, and the socket is closed. Or an error,
/// which adieu_error_name() names: there was no connection that could be finished, and the report
/// says why. The socket is closed then too, except after ADIEU_ERROR_NOT_OPEN, and except on
/// Windows what is not a socket.
///
/// A descriptor with copies (dup(), fork()) is open until the last of them is closed. The
/// half-close holds for all of them.
///
/// Threads: any number at once, each with a socket of its own. Platforms: all; without Linux's or
/// Windows' evidence the best ending is ADIEU_ENDING_INDETERMINATE.
/// Source: RFC 9293, section 3.6; Winsock's "Graceful Shutdown, Linger Options, and Socket
/// Closure".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_finish(
    socket: adieu_socket,
    options: *const adieu_finish_options,
    report: *mut adieu_report,
) -> c_int {
    guarded(adieu_error::Bug, || {
        // SAFETY: the header asks the program for a report of the size that it says, or none.
        let has_room = unsafe { has_room(report) };
        // SAFETY: likewise of the options.
        let finish = unsafe { read(options) };
        let finish = if has_room { finish } else { Err(adieu_error::InvalidArgument) };
        let ended = run(socket, &finish);
        // SAFETY: as above.
        if has_room && !unsafe { write(report, &ended) } {
            return adieu_error::Bug;
        }
        adieu_error::of(ended.error).unwrap_or(adieu_error::Bug)
    })
    .code()
}

/// Finishes a socket. If there is something wrong with the arguments, it is only closed.
fn run(socket: adieu_socket, finish: &Result<Finish, adieu_error>) -> adieu_report {
    let refused = |result| adieu_report::of_refused(result, None, None);
    let (_network, owned) = match own(socket) {
        Ok(ours) => ours,
        Err(error) => return refused(error),
    };
    let finish = match finish {
        Ok(finish) => finish,
        Err(error) => return refused(*error),
    };
    let found = look_at(&owned);
    let report = adieu::finish(owned, finish);
    if found == adieu_error::None {
        return adieu_report::of(&report).unwrap_or_else(|_| refused(adieu_error::Bug));
    }
    adieu_report::of_refused(found, report.error_code(), report.role)
}
