//! How a connection is finished: the options as C has them.

use crate::border::{SizeFirst, has_nothing_unknown, take};
use crate::error::adieu_error;
use crate::words::adieu_role;
use adieu::{AtBound, Finish, Role};
use std::ffi::{c_int, c_void};
use std::io;
use std::time::Duration;

/// No bound, for the options that have one.
pub const ADIEU_UNLIMITED: u64 = u64::MAX;

/// The deadline if none is given, in milliseconds: 30 s.
pub const ADIEU_DEFAULT_DEADLINE_MS: u64 = 30_000;

/// What is done when a bound is reached: the deadline, the idle timeout, the limit of late bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_at_bound {
    /// The connection is reset: the peer learns that something is missing, and both systems free
    /// what they hold for it.
    Reset = 0,
    /// The socket is closed. Our system goes on delivering what was sent for a while, and answers
    /// what the peer still sends with a reset.
    Close = 1,
}

/// Takes bytes that the peer still sends while a connection is finished, in order.
///
/// It is called on the thread that called adieu_finish() or adieu_finisher_advance(), during that
/// call. `bytes` is valid until it returns. It returns 0 to go on. Anything else stops: the
/// connection is reset, and its ending is ADIEU_ENDING_LOCAL_FAILURE. A positive number is taken
/// for a system error (errno, GetLastError()) and in the report; a negative one says no more.
/// It must not throw, and must not leave by longjmp().
pub type adieu_late_bytes =
    Option<unsafe extern "C" fn(user: *mut c_void, bytes: *const u8, length: usize) -> c_int>;

/// How a connection is finished. Begin with ADIEU_FINISH_OPTIONS_INIT, and change what is to be
/// different.
///
/// Zero is the default of every field. An option is never ignored: a program that sets one which only
/// a newer library has gets ADIEU_ERROR_UNSUPPORTED.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct adieu_finish_options {
    /// sizeof(adieu_finish_options): which version of this struct the program was compiled with.
    pub size: usize,
    /// The bound on the whole, in milliseconds. 0: ADIEU_DEFAULT_DEADLINE_MS. ADIEU_UNLIMITED: no
    /// bound, so a living peer that never ends its side is waited for forever.
    pub deadline_ms: u64,
    /// The bound on the peer's silence, in milliseconds: it sent nothing, took nothing and
    /// acknowledged nothing. 0 or ADIEU_UNLIMITED: none.
    pub idle_timeout_ms: u64,
    /// How many bytes the peer may still send. More are a bound that was reached. 0 or
    /// ADIEU_UNLIMITED: any number.
    pub late_limit: u64,
    /// Is given the bytes that the peer still sends. NULL: they are thrown away.
    pub late_bytes: adieu_late_bytes,
    /// What late_bytes is called with.
    pub user: *mut c_void,
    /// What is done at a bound: an enum adieu_at_bound.
    pub at_bound: i32,
    /// Which side began the connection, for the report, because no system remembers it: an enum
    /// adieu_role.
    pub role: i32,
}

// SAFETY: the size is first, and the rest are integers and pointers that may be null.
unsafe impl SizeFirst for adieu_finish_options {
    /// The first version, up to the deadline.
    const LEAST: usize = std::mem::offset_of!(Self, idle_timeout_ms);

    fn set_size(&mut self, size: usize) {
        self.size = size;
    }
}

const DEFAULTS: adieu_finish_options = adieu_finish_options {
    size: size_of::<adieu_finish_options>(),
    deadline_ms: 0,
    idle_timeout_ms: 0,
    late_limit: 0,
    late_bytes: None,
    user: std::ptr::null_mut(),
    at_bound: adieu_at_bound::Reset as i32,
    role: adieu_role::Unknown as i32,
};

/// Calls back into C.
struct Callback {
    function: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> c_int,
    user: *mut c_void,
}

// SAFETY: it is called on the thread alone that finishes, as the header says; whether `user` may go to that thread is the program's
// to know, which calls the function that finishes from there.
unsafe impl Send for Callback {}

impl Callback {
    fn call(&self, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: the function is the program's, which is given what the header promises it.
        match unsafe { (self.function)(self.user, bytes.as_ptr(), bytes.len()) } {
            0 => Ok(()),
            error if error > 0 => Err(io::Error::from_raw_os_error(error)),
            _ => Err(io::Error::other("the program stopped it")),
        }
    }
}

/// Makes Rust's options of C's. Null: the defaults.
///
/// # Errors
///
/// A value makes no sense, or the program has set an option that only a newer library has.
///
/// # Safety
///
/// `options` is null, or leads to as many bytes as its first field says.
pub(crate) unsafe fn read(options: *const adieu_finish_options) -> Result<Finish, adieu_error> {
    if options.is_null() {
        return Ok(Finish::new());
    }
    // SAFETY: as the caller promises.
    let taken = unsafe { take(options, DEFAULTS) }.ok_or(adieu_error::InvalidArgument)?;
    // SAFETY: likewise, and its size makes sense.
    if !unsafe { has_nothing_unknown(options) } {
        return Err(adieu_error::Unsupported);
    }
    let mut finish = Finish::new()
        .deadline(match taken.deadline_ms {
            0 => Some(Finish::DEADLINE),
            ms => milliseconds(ms),
        })
        .idle_timeout(bound(taken.idle_timeout_ms).and_then(milliseconds))
        .late_limit(bound(taken.late_limit))
        .at_bound(at_bound(taken.at_bound).ok_or(adieu_error::InvalidArgument)?)
        .role(role(taken.role).map_err(|()| adieu_error::InvalidArgument)?);
    if let Some(function) = taken.late_bytes {
        let callback = Callback { function, user: taken.user };
        finish = finish.late_bytes(move |bytes| callback.call(bytes));
    }
    Ok(finish)
}

fn bound(value: u64) -> Option<u64> {
    (value != 0 && value != ADIEU_UNLIMITED).then_some(value)
}

fn milliseconds(ms: u64) -> Option<Duration> {
    (ms != ADIEU_UNLIMITED).then(|| Duration::from_millis(ms))
}

fn at_bound(value: i32) -> Option<AtBound> {
    const RESET: i32 = adieu_at_bound::Reset as i32;
    const CLOSE: i32 = adieu_at_bound::Close as i32;
    match value {
        RESET => Some(AtBound::Reset),
        CLOSE => Some(AtBound::Close),
        _ => None,
    }
}

/// # Errors
///
/// The number does not stand for a role.
fn role(value: i32) -> Result<Option<Role>, ()> {
    const UNKNOWN: i32 = adieu_role::Unknown as i32;
    const CONNECT: i32 = adieu_role::Connect as i32;
    const LISTEN: i32 = adieu_role::Listen as i32;
    match value {
        UNKNOWN => Ok(None),
        CONNECT => Ok(Some(Role::Connect)),
        LISTEN => Ok(Some(Role::Listen)),
        _ => Err(()),
    }
}
