//! Socket activation: the sockets that a service manager opened for us and passed at the start.
//!
//! The variables and the descriptors are looked at once, when the first socket is asked for. The variables stay in the
//! environment: to remove one while other threads may read is undefined, and LISTEN_PID already keeps a child from
//! believing them.
//!
//! Source: sd_listen_fds(3); systemd.socket(5), FileDescriptorName.

use crate::PassedSocketError;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The first descriptor that is passed: SD_LISTEN_FDS_START.
const FIRST: RawFd = 3;

/// The name of a descriptor that was passed without one.
const NAMELESS: &str = "unknown";

/// A descriptor that was passed.
struct Passed {
    number: RawFd,
    name: String,
    /// `None`: it was taken.
    socket: Option<OwnedFd>,
}

static PASSED: OnceLock<Result<Mutex<Vec<Passed>>, PassedSocketError>> = OnceLock::new();

/// Takes the socket that the service manager passed under this name, or under this number. Of several with the same name, each
/// call takes the next.
///
/// The first call sets CLOEXEC on all that were passed.
///
/// # Errors
///
/// None was passed to this process, none under this name, or it was taken before.
pub fn take_passed_socket(name: &str) -> Result<OwnedFd, PassedSocketError> {
    let passed = PASSED.get_or_init(|| {
        let names = names_of(std::env::var_os, std::process::id())?;
        own(names).map(Mutex::new)
    });
    let passed = passed.as_ref().map_err(PassedSocketError::clone)?;
    take(&mut passed.lock().unwrap_or_else(PoisonError::into_inner), name)
}

/// The names of the sockets that the service manager passed and nobody has taken.
pub fn passed_sockets_left() -> Vec<String> {
    let Some(Ok(passed)) = PASSED.get() else { return Vec::new() };
    let passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
    passed.iter().filter(|one| one.socket.is_some()).map(|one| one.name.clone()).collect()
}

fn take(passed: &mut [Passed], name: &str) -> Result<OwnedFd, PassedSocketError> {
    // A name may be a number too; what the service manager's configuration says goes first.
    let is_name = passed.iter().any(|one| one.name == name);
    let is_meant =
        |one: &&mut Passed| if is_name { one.name == name } else { one.number.to_string() == name };
    let mut meant = passed.iter_mut().filter(is_meant).peekable();
    if meant.peek().is_none() {
        let shown: BTreeSet<_> = passed.iter().map(|one| (one.number, &one.name)).collect();
        let passed = shown.into_iter().map(|(number, name)| format!("{number} ({name})")).collect();
        return Err(PassedSocketError::Unknown { name: name.to_owned(), passed });
    }
    meant.find_map(|one| one.socket.take()).ok_or_else(|| PassedSocketError::Taken { name: name.to_owned() })
}

/// The names of the descriptors that were passed to this process, from the first number on.
fn names_of(
    variable: impl Fn(&'static str) -> Option<OsString>,
    us: u32,
) -> Result<Vec<String>, PassedSocketError> {
    use PassedSocketError::{Malformed, NothingPassed, PassedToAnother};
    let text = |name| {
        let given = variable(name).map(OsString::into_string).transpose();
        given.map_err(|value| Malformed { variable: name, value: value.to_string_lossy().into_owned() })
    };
    let number = |variable, value: String| value.parse().map_err(|_| Malformed { variable, value });
    let (Some(number_of_fds), Some(pid)) = (text("LISTEN_FDS")?, text("LISTEN_PID")?) else {
        return Err(NothingPassed);
    };
    let to = number("LISTEN_PID", pid)?;
    if to != us {
        return Err(PassedToAnother { to, us });
    }
    let wrong_number = Malformed { variable: "LISTEN_FDS", value: number_of_fds.clone() };
    let count = number("LISTEN_FDS", number_of_fds)?;
    if count == 0 {
        return Err(NothingPassed);
    }
    let Some(names) = text("LISTEN_FDNAMES")? else {
        // Far more than a process may have open would be a memory of names alone.
        let count = usize::try_from(count).ok().filter(|count| *count <= MOST).ok_or(wrong_number)?;
        return Ok(vec![NAMELESS.to_owned(); count]);
    };
    let listed: Vec<String> = names.split(':').map(str::to_owned).collect();
    if u32::try_from(listed.len()) != Ok(count) {
        return Err(Malformed { variable: "LISTEN_FDNAMES", value: names });
    }
    Ok(listed)
}

/// As many descriptors as Linux lets a process have at the very most: `fs.nr_open`, by default.
const MOST: usize = 1024 * 1024;

/// Takes the descriptors over, if all of them are open. They are ours: LISTEN_PID says so.
fn own(names: Vec<String>) -> Result<Vec<Passed>, PassedSocketError> {
    let numbered: Vec<(RawFd, String)> = (FIRST..).zip(names).collect();
    for (descriptor, _) in &numbered {
        #[expect(
            unsafe_code,
            reason = "there is no safe way to ask whether a number is that of a descriptor"
        )]
        // SAFETY: it is borrowed for two calls alone, both of which say EBADF if it is not open.
        let borrowed = unsafe { BorrowedFd::borrow_raw(*descriptor) };
        let flags = fcntl_getfd(borrowed).and_then(|flags| fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC));
        flags.map_err(|_| PassedSocketError::NotOpen { descriptor: *descriptor })?;
    }
    let owned = numbered.into_iter().map(|(number, name)| {
        #[expect(unsafe_code, reason = "a descriptor that was passed is a number in a variable")]
        // SAFETY: it is open, and sd_listen_fds(3) makes it ours: the variables name this very process. This is done once.
        let socket = unsafe { OwnedFd::from_raw_fd(number) };
        Passed { number, name, socket: Some(socket) }
    });
    Ok(owned.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use PassedSocketError as E;

    fn names(variables: &[(&str, &str)]) -> Result<Vec<String>, E> {
        let value =
            |name: &str| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| value.into());
        names_of(value, 7)
    }

    #[test]
    fn the_variables_are_read_as_sd_listen_fds_reads_them() {
        let ours = ("LISTEN_PID", "7");
        assert_eq!(names(&[]), Err(E::NothingPassed));
        assert_eq!(names(&[("LISTEN_FDS", "1")]), Err(E::NothingPassed));
        assert_eq!(names(&[("LISTEN_FDS", "0"), ours]), Err(E::NothingPassed));
        assert_eq!(
            names(&[("LISTEN_FDS", "1"), ("LISTEN_PID", "8")]),
            Err(E::PassedToAnother { to: 8, us: 7 })
        );
        assert_eq!(names(&[("LISTEN_FDS", "2"), ours]), Ok(vec!["unknown".into(), "unknown".into()]));
        let named = ("LISTEN_FDNAMES", "http:admin");
        assert_eq!(names(&[("LISTEN_FDS", "2"), ours, named]), Ok(vec!["http".into(), "admin".into()]));
        for (variables, variable) in [
            (&[("LISTEN_FDS", "two"), ours][..], "LISTEN_FDS"),
            (&[("LISTEN_FDS", "-1"), ours], "LISTEN_FDS"),
            (&[("LISTEN_FDS", "4294967295"), ours], "LISTEN_FDS"),
            (&[("LISTEN_FDS", "1"), ("LISTEN_PID", "me")], "LISTEN_PID"),
            (&[("LISTEN_FDS", "3"), ours, named], "LISTEN_FDNAMES"),
        ] {
            let error = names(variables).expect_err("it makes no sense");
            assert!(matches!(&error, E::Malformed { variable: which, .. } if *which == variable), "{error}");
        }
    }

    #[test]
    fn each_socket_is_taken_once_by_its_name_or_its_number() {
        let open = || Some(OwnedFd::from(std::fs::File::open("/dev/null").expect("it is there")));
        let one = |number, name: &str| Passed { number, name: name.to_owned(), socket: open() };
        let mut passed = [one(3, "http"), one(4, "http"), one(5, "3"), one(6, "admin")];
        assert!(take(&mut passed, "http").is_ok() && passed[0].socket.is_none());
        assert!(take(&mut passed, "http").is_ok() && passed[1].socket.is_none());
        assert_eq!(take(&mut passed, "http").err(), Some(E::Taken { name: "http".into() }));
        assert!(take(&mut passed, "3").is_ok() && passed[2].socket.is_none(), "a name goes before a number");
        assert!(take(&mut passed, "6").is_ok() && passed[3].socket.is_none());
        assert_eq!(take(&mut passed, "admin").err(), Some(E::Taken { name: "admin".into() }));
        let unknown = take(&mut passed, "htpt").expect_err("no such name").to_string();
        assert!(
            unknown.ends_with("no socket 'htpt', only 3 (http), 4 (http), 5 (3), 6 (admin)"),
            "{unknown}"
        );
    }
}
