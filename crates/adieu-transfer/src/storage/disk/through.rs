//! Writing through to an output that may take nothing for long: a pipe, a terminal.
//!
//! How it is written to without blocking is `adieu-os`'s. Here is only that somebody is asked, while nothing is taken, whether
//! to go on.

use adieu_os::OpenFile;
use std::io;
use std::time::Duration;

/// Writes all of it and tells `written` of each piece. While nobody takes it, `alive` is called now and then, and says
/// whether to go on.
///
/// # Errors
///
/// `TimedOut`: it is not to go on.
pub(super) fn write_through(
    file: &mut OpenFile,
    mut bytes: &[u8],
    alive: &mut dyn FnMut() -> bool,
    written: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    const WAIT: Duration = Duration::from_millis(50);
    while !bytes.is_empty() {
        if !file.await_room(WAIT)? {
            if alive() {
                continue;
            }
            return Err(io::ErrorKind::TimedOut.into());
        }
        match file.write(bytes) {
            Ok(n) => {
                written(&bytes[..n]);
                bytes = &bytes[n..];
            }
            // Somebody else has filled it, or set it not to block.
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;

    #[test]
    fn a_pipe_that_nobody_reads_is_waited_for_only_as_long_as_one_should() {
        let (mut read, write) = io::pipe().expect("a pipe");
        #[cfg(unix)]
        let write = File::from(std::os::fd::OwnedFd::from(write));
        #[cfg(windows)]
        let write = File::from(std::os::windows::io::OwnedHandle::from(write));
        let mut write = OpenFile::for_writing(write).expect("it is open for writing");
        let (mut asked, mut total) = (0, 0);
        let mut alive = || {
            asked += 1;
            asked < 3
        };
        let bytes = vec![7; 256 * 1024];
        let stopped = write_through(&mut write, &bytes, &mut alive, &mut |piece| total += piece.len());
        assert_eq!(stopped.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
        assert!(asked == 3 && total < bytes.len(), "{asked} {total}");
        let mut first = vec![0; 64 * 1024];
        read.read_exact(&mut first).expect("it was written");
    }
}
