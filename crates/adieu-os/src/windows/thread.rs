//! Ending a call that another thread blocks in.

use std::os::windows::io::AsRawHandle;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use windows_sys::Win32::System::IO::CancelSynchronousIo;

/// How often a thread is told to stop, and the time between: the call does nothing to one that is not yet blocked.
const CANCELS: u32 = 50;
const BETWEEN_CANCELS: Duration = Duration::from_millis(2);

/// Tells a thread that is about to end not to wait for its pipe or console any more. One that does not heed it is left behind.
pub(crate) fn end_waits_of(thread: &JoinHandle<()>) {
    for _ in 0..CANCELS {
        if thread.is_finished() {
            break;
        }
        #[expect(unsafe_code, reason = "CancelSynchronousIo has no safe wrapper")]
        // SAFETY: the handle is that of a thread we hold. It ends a call that blocks there, or does nothing.
        unsafe {
            CancelSynchronousIo(thread.as_raw_handle());
        }
        thread::sleep(BETWEEN_CANCELS);
    }
}
