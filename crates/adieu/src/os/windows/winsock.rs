//! WSAStartup and WSACleanup in pairs.
//!
//! Each connection, listener and name that is being resolved holds one [`Network`]: WSAStartup when it is made,
//! WSACleanup when it is dropped, after the socket it stands for was closed. Windows counts the calls, and so do we,
//! so that a test can see that after the last of them nothing is held.
//!
//! The standard library has a WSAStartup of its own, made when its first socket is and never undone before the process
//! ends; so do socket2 and tokio, which use it. What is promised here is that adieu's own calls are paired.
//!
//! Source: Winsock's WSAStartup ("an application must call one WSACleanup call for every successful time the WSAStartup
//! function is called") and WSACleanup.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use windows_sys::Win32::Networking::WinSock::{WSACleanup, WSADATA, WSAStartup};

/// The version that is asked for, and that every Windows since Windows 95 has.
const VERSION: u16 = 0x0202;

static HELD: AtomicUsize = AtomicUsize::new(0);

/// One successful WSAStartup, undone when dropped.
#[derive(Debug)]
pub(crate) struct Network(());

impl Network {
    /// # Errors
    ///
    /// WSASYSNOTREADY, WSAVERNOTSUPPORTED, WSAEPROCLIM.
    pub(crate) fn start() -> io::Result<Self> {
        let mut data = WSADATA::default();
        #[expect(unsafe_code, reason = "Winsock has no safe wrapper for its start")]
        // SAFETY: the pointer leads to a WSADATA that lives during the call.
        // It gives its error back, because WSAGetLastError needs the very thing that failed to start.
        let error = unsafe { WSAStartup(VERSION, &raw mut data) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        HELD.fetch_add(1, Ordering::Relaxed);
        Ok(Self(()))
    }

    /// How many are held now.
    #[cfg(test)]
    pub(crate) fn held() -> usize {
        HELD.load(Ordering::Relaxed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "Winsock has no safe wrapper for its end")]
        // SAFETY: it undoes the WSAStartup that made this value, once. A failure leaves it counted, which harms nobody.
        unsafe {
            WSACleanup();
        }
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Listener, Options};

    /// The one test in this process that holds any: the count is the process's.
    #[test]
    fn after_the_last_connection_nothing_is_held() {
        assert_eq!(Network::held(), 0);
        let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &Options::new()).expect("loopback");
        assert_eq!(Network::held(), 1, "the listener's");
        let endpoint = Endpoint::tcp("127.0.0.1", port(&listener));
        let near = crate::connect(&endpoint, &Options::new()).expect("it listens");
        let far = listener.accept().expect("it has connected");
        assert_eq!(Network::held(), 3, "and one for each connection");
        let near = near.shutdown_send().expect("connected");
        let far = far.shutdown_send().expect("connected");
        drop(listener);
        let report = near.drain();
        assert!(report.is_graceful(), "{report:#?}");
        assert_eq!(Network::held(), 1);
        assert!(far.drain().is_graceful());
        assert_eq!(Network::held(), 0);
    }

    fn port(listener: &Listener) -> u16 {
        let text = listener.local_endpoint().to_string();
        text.rsplit(':').next().and_then(|port| port.parse().ok()).expect("host:port")
    }
}
