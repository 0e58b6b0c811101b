//! WSAStartup and WSACleanup in pairs.
//!
//! Each connection, listener and name that is being resolved holds one [`Network`]. The first calls WSAStartup, and the
//! last to be dropped, after the socket it stands for was closed, WSACleanup; a test counts that nothing is held then.
//!
//! The standard library has a WSAStartup of its own, made when its first socket is and never undone before the process
//! ends; so do socket2 and tokio, which use it. What is promised here is that adieu's own calls are paired.
//!
//! Source: Winsock's WSAStartup ("an application must call one WSACleanup call for every successful time the WSAStartup
//! function is called") and WSACleanup.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use windows_sys::Win32::Networking::WinSock::{WSACleanup, WSADATA, WSAStartup};

/// The version that is asked for, and that every Windows since Windows 95 has.
const VERSION: u16 = 0x0202;

/// How many guards there are. The lock is held during the calls: Wine 8 counts them without one.
static HELD: Mutex<usize> = Mutex::new(0);

fn held() -> MutexGuard<'static, usize> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A share of one successful WSAStartup: the first guard calls it, and the last to be dropped undoes it.
#[derive(Debug)]
pub(crate) struct Network(());

impl Network {
    /// # Errors
    ///
    /// WSASYSNOTREADY, WSAVERNOTSUPPORTED, WSAEPROCLIM.
    pub(crate) fn start() -> io::Result<Self> {
        let mut held = held();
        if *held == 0 {
            let mut data = WSADATA::default();
            #[expect(unsafe_code, reason = "Winsock has no safe wrapper for its start")]
            // SAFETY: the pointer leads to a WSADATA that lives during the call.
            // It gives its error back, because WSAGetLastError needs the very thing that failed to start.
            let error = unsafe { WSAStartup(VERSION, &raw mut data) };
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
        }
        *held += 1;
        Ok(Self(()))
    }

    /// How many are held now.
    #[cfg(test)]
    pub(crate) fn held() -> usize {
        *held()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let mut held = held();
        *held -= 1;
        if *held == 0 {
            #[expect(unsafe_code, reason = "Winsock has no safe wrapper for its end")]
            // SAFETY: it undoes our one WSAStartup. A failure leaves it counted, which harms nobody.
            unsafe {
                WSACleanup();
            }
        }
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
        // It ended last and reads the EOF after its own end: the state before that end is what tells the order.
        let report = far.drain();
        assert!(report.is_graceful(), "{report:#?}");
        assert_eq!(Network::held(), 0);
    }

    fn port(listener: &Listener) -> u16 {
        let text = listener.local_endpoint().to_string();
        text.rsplit(':').next().and_then(|port| port.parse().ok()).expect("host:port")
    }
}
