//! WSAStartup and WSACleanup in pairs.
//!
//! Each connection, listener and name that is being resolved holds one [`Network`]. The first calls WSAStartup, and the
//! last to be dropped, after the socket it stands for was closed, WSACleanup; a test of adieu counts that nothing is held then.
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
pub struct Network(());

impl Network {
    /// Makes the network ready, until the last guard is dropped.
    ///
    /// # Errors
    ///
    /// WSASYSNOTREADY, WSAVERNOTSUPPORTED, WSAEPROCLIM.
    pub fn start() -> io::Result<Self> {
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

    /// How many guards are held now in this process, so that a test can say that none is left.
    pub fn held() -> usize {
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
