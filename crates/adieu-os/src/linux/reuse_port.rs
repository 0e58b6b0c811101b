//! Listening sockets that share a port (SO_REUSEPORT): how one of them leaves without losing a client.
//!
//! The kernel gives each SYN to one socket of the group. What is in the accept queue of a socket that is closed is reset, and so is
//! who is still in a handshake with it. So whoever leaves first turns new SYNs away to the others, and goes on accepting until
//! nobody comes any more.

use socket2::SockRef;
use std::io;
use std::os::fd::AsRawFd;

/// Sends new clients to one socket of the group of this one, by its place: sockets have the order in which they began to listen, from
/// 0, and one that leaves gives its place to the last. Where there is no socket in that place, the group goes on as before. It stays
/// so for the group, also for sockets that join it later.
///
/// No call tells the place of a socket. Whoever wants to be sent none tries one place, and the next if clients still come.
///
/// # Errors
///
/// The socket listens without SO_REUSEPORT, or the system refuses the program.
///
/// Source: socket(7), SO_ATTACH_REUSEPORT_CBPF; `reuseport_select_sock` of Linux: an index that is out of range is answered by
/// the hash, as without a program.
pub fn send_clients_to(listener: &SockRef<'_>, place: u32) -> io::Result<()> {
    /// `include/uapi/linux/bpf_common.h`: BPF_RET with BPF_K.
    const RETURN_CONSTANT: u16 = 0x06;
    let mut program = [libc::sock_filter { code: RETURN_CONSTANT, jt: 0, jf: 0, k: place }];
    let program = libc::sock_fprog { len: 1, filter: program.as_mut_ptr() };
    let size = libc::socklen_t::try_from(size_of::<libc::sock_fprog>()).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "SO_ATTACH_REUSEPORT_CBPF has no safe wrapper")]
    // SAFETY: the descriptor is open for the call; the kernel copies the program, of one instruction, from where the pointer leads,
    // and both live until the call is over.
    let done = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            std::ptr::from_ref(&program).cast(),
            size,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::{SocketAddr, TcpStream};

    fn sharing(address: SocketAddr) -> Socket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_port(true).expect("it can be shared");
        socket.bind(&address.into()).expect("it is shared");
        socket.listen(64).expect("it listens");
        socket.set_nonblocking(true).expect("it can be");
        socket
    }

    #[test]
    fn new_clients_go_to_the_socket_of_a_place_and_to_the_last_one_that_is_left() {
        let older = sharing(([127, 0, 0, 1], 0).into());
        let address = older.local_addr().expect("bound").as_socket().expect("of IPv4");
        let newer = sharing(address);
        send_clients_to(&SockRef::from(&older), 1).expect("it is allowed");
        for _ in 0..32 {
            let _client = TcpStream::connect(address).expect("somebody listens");
            newer.accept().expect("it is the newer's");
            assert!(older.accept().is_err());
        }
        drop(older);
        let _client = TcpStream::connect(address).expect("somebody listens");
        newer.accept().expect("it is the last");
    }

    #[test]
    fn a_port_that_is_not_shared_has_no_next() {
        let alone = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        assert!(send_clients_to(&SockRef::from(&alone), 1).is_err());
    }
}
