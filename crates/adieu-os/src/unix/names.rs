//! `getaddrinfo`, called here because std's wrapper forgets its number: a name server that does not answer, and a name that
//! does not exist, are two numbers. And `getnameinfo`, which std does not call.

use super::resolver_codes;
use crate::{LookUpError, ResolverError};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use std::ffi::{CStr, CString};
use std::net::SocketAddr;
use std::{io, ptr};

/// The errors of a process, and of a system, that has no descriptor left.
fn is_exhaustion(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Whether `getaddrinfo` failed for want of a descriptor. It then reads neither its files nor asks a server, and says that there is no
/// such name (`EAI_NONAME`).
fn exhausted(before: &io::Error) -> Option<io::Error> {
    // The number that its last call left behind, unless it was there before: another thread may have closed something meanwhile.
    let left_behind = io::Error::last_os_error();
    if is_exhaustion(&left_behind) && !is_exhaustion(before) {
        return Some(left_behind);
    }
    Socket::new(Domain::UNIX, Type::DGRAM, None).err().filter(is_exhaustion)
}

fn failure(code: libc::c_int, before: &io::Error) -> LookUpError {
    if code != libc::EAI_SYSTEM
        && let Some(error) = exhausted(before)
    {
        return error.into();
    }
    match code {
        libc::EAI_SYSTEM => io::Error::last_os_error().into(),
        libc::EAI_MEMORY => io::Error::from(Errno::NOMEM).into(),
        libc::EAI_AGAIN => LookUpError::Unanswered(ResolverError(code)),
        libc::EAI_NONAME | resolver_codes::EAI_NODATA => LookUpError::UnknownName(ResolverError(code)),
        code => LookUpError::Resolver(ResolverError(code)),
    }
}

/// The list that `getaddrinfo` gave.
pub(super) struct List(*mut libc::addrinfo);

impl List {
    /// The addresses of the Internet that it has.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let mut found = Vec::new();
        let mut next = self.0;
        #[expect(unsafe_code, reason = "the list is one of pointers")]
        // SAFETY: each entry is valid until the list is freed, and the last one's next is null.
        while let Some(entry) = unsafe { next.as_ref() } {
            next = entry.ai_next;
            found.extend(address_of(entry)?.as_socket());
        }
        Ok(found)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "the list is getaddrinfo's")]
        // SAFETY: it came from `getaddrinfo`, is not null, and nothing borrows from it any more.
        unsafe {
            libc::freeaddrinfo(self.0);
        }
    }
}

/// Which part of an address has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Host,
    Service,
}

/// What holds every name: `NI_MAXHOST`, with the NUL behind it.
const NAME_ROOM: u16 = 1025;

/// The name that `getnameinfo` gives for a part of an address. `None`: it has none, or nobody knows it.
///
/// Source: getnameinfo(3).
pub(super) fn name_of(address: &SockAddr, part: Part, flags: libc::c_int) -> Option<String> {
    let mut name: [libc::c_char; NAME_ROOM as usize] = [0; NAME_ROOM as usize];
    let (room, none) = ((name.as_mut_ptr(), NAME_ROOM.into()), (ptr::null_mut(), 0));
    let (host, service) = match part {
        Part::Host => (room, none),
        Part::Service => (none, room),
    };
    let (address, length) = (address.as_ptr().cast(), address.len());
    use_what_is_linked_in();
    #[expect(unsafe_code, reason = "std names neither addresses nor ports")]
    // SAFETY: the address is as long as it says, and the name has room for as many bytes as are given.
    let code = unsafe { libc::getnameinfo(address, length, host.0, host.1, service.0, service.1, flags) };
    if code != 0 {
        return None;
    }
    let bytes = name.map(|byte| byte.to_ne_bytes()[0]);
    Some(CStr::from_bytes_until_nul(&bytes).ok()?.to_string_lossy().into_owned())
}

/// In a static program: names are found by what is linked in, the file of hosts and DNS, whatever nsswitch.conf says.
///
/// Other ways to a name, such as systemd's or multicast DNS, are shared libraries, which need the C library that they were built for.
/// Loaded into a static program with another version of it they end the process: an assertion of the loader fails under Debian 11, and
/// SIGFPE comes under Debian 13, with a program that is linked on Debian 12.
///
/// Source: nss(5); nss/nss.h of the GNU C Library.
#[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
fn use_what_is_linked_in() {
    #[expect(unsafe_code, reason = "the crate libc does not declare it")]
    unsafe extern "C" {
        fn __nss_configure_lookup(
            database: *const libc::c_char,
            services: *const libc::c_char,
        ) -> libc::c_int;
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        for (database, services) in [(c"hosts", c"files dns"), (c"services", c"files")] {
            #[expect(unsafe_code, reason = "there is no other way to ask for it")]
            // SAFETY: both are C strings, which it copies. It fails for a database that it does not know; it knows these.
            let _ = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        }
    });
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static")))]
fn use_what_is_linked_in() {}

/// What `getaddrinfo` gives for a host, or for a service of this one.
pub(super) fn ask(
    host: Option<&CStr>,
    service: Option<&CStr>,
    flags: libc::c_int,
    family: libc::c_int,
    kind: Type,
) -> Result<List, LookUpError> {
    let hints = libc::addrinfo {
        ai_flags: flags,
        ai_family: family,
        ai_socktype: kind.into(),
        ai_protocol: 0,
        ai_addrlen: 0,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    use_what_is_linked_in();
    let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    let mut first = ptr::null_mut();
    let before = io::Error::last_os_error();
    #[expect(unsafe_code, reason = "std's wrapper forgets the number, and takes no service")]
    // SAFETY: each text is a C string or null, the hints are whole, and a list is written to `first` if the result is 0.
    let code =
        unsafe { libc::getaddrinfo(pointer(host), pointer(service), &raw const hints, &raw mut first) };
    if code == 0 { Ok(List(first)) } else { Err(failure(code, &before)) }
}

/// The port that this system's table of services has for a name, for stream sockets (TCP) or datagrams (UDP). `None`: it has none
/// of this name.
///
/// Source: getaddrinfo(3), services(5).
pub fn port_of_service(name: &str, kind: Type) -> Option<u16> {
    let name = CString::new(name).ok()?;
    // Any family has the same ports, and this one is always there.
    let list = ask(None, Some(&name), 0, libc::AF_INET, kind).ok()?;
    list.addresses().ok()?.first().map(SocketAddr::port)
}

/// The addresses of a host.
///
/// Source: getaddrinfo(3).
pub fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, LookUpError> {
    let host = CString::new(host).map_err(io::Error::from)?;
    let mut found = ask(Some(&host), None, 0, libc::AF_UNSPEC, Type::STREAM)?.addresses()?;
    for address in &mut found {
        address.set_port(port);
    }
    Ok(found)
}

fn address_of(entry: &libc::addrinfo) -> io::Result<SockAddr> {
    #[expect(unsafe_code, reason = "the address is copied into a socket2 one")]
    // SAFETY: an entry's address has as many bytes as it says, and the storage has room for any address.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let size = entry.ai_addrlen.min(*length);
            ptr::copy_nonoverlapping(entry.ai_addr.cast::<u8>(), storage.cast::<u8>(), size as usize);
            *length = size;
            Ok(())
        })?
    };
    Ok(address)
}
