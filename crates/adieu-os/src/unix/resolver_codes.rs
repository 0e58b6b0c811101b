//! The numbers of the resolver: their names and words.

use std::ffi::CStr;

/// A name that exists and has no address.
#[cfg(not(any(target_os = "freebsd", target_os = "dragonfly")))]
pub(super) use libc::EAI_NODATA;
/// RFC 3493 has it no more, FreeBSD's `getaddrinfo` says EAI_NONAME instead, and `netdb.h` there has the number in a comment.
#[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
pub(super) const EAI_NODATA: libc::c_int = 7;

/// Those that a lookup of a host meets.
const NAMES: [(libc::c_int, &str); 5] = [
    (libc::EAI_AGAIN, "EAI_AGAIN"),
    (libc::EAI_FAIL, "EAI_FAIL"),
    (libc::EAI_FAMILY, "EAI_FAMILY"),
    (EAI_NODATA, "EAI_NODATA"),
    (libc::EAI_NONAME, "EAI_NONAME"),
];

/// The name of one of the resolver's numbers.
pub(super) fn name(code: i32) -> Option<&'static str> {
    NAMES.iter().find(|(number, _)| *number == code).map(|(_, name)| *name)
}

/// One of the resolver's numbers in its words.
pub(crate) fn resolver_words(code: libc::c_int) -> String {
    #[expect(unsafe_code, reason = "gai_strerror has no safe wrapper")]
    // SAFETY: it takes any number, and gives a C string that lives for ever.
    let words = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
    words.to_string_lossy().into_owned()
}

/// The same, with its name.
pub(crate) fn describe_resolver_code(code: libc::c_int) -> String {
    let words = resolver_words(code);
    match name(code) {
        Some(name) => format!("{words} ({name} {code})"),
        None => format!("{words} (resolver's error {code})"),
    }
}

/// Whether no system call has the same number for an error: those of system calls are above zero.
pub(crate) fn resolver_code_is_unique(code: libc::c_int) -> bool {
    code < 0
}
