//! What every function at the border needs: no panic over it, structs of other sizes, and text into a buffer.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Runs the body of a function that C calls. A panic, which is a bug, ends here.
pub(crate) fn guarded<T>(after_a_panic: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(after_a_panic)
}

/// A struct that begins with its own size in bytes, as its program was compiled with it.
///
/// # Safety
///
/// It is `repr(C)`, its first field is the size, and it is made of integers, pointers that may be
/// null and arrays of those, so that any bytes which C has written are a value of it.
pub(crate) unsafe trait SizeFirst: Copy {
    /// Fewer bytes than this no version of the program can have had.
    const LEAST: usize;

    fn set_size(&mut self, size: usize);
}

/// What the program says its struct is long. `None`: that cannot be.
///
/// # Safety
///
/// `from` leads to a struct of `T`'s kind, of at least the size of its first field.
unsafe fn size_of_theirs<T: SizeFirst>(from: *const T) -> Option<usize> {
    // SAFETY: the first field is there, as the caller promises.
    let size = unsafe { from.cast::<usize>().read_unaligned() };
    (size >= T::LEAST).then_some(size)
}

/// Takes a struct from C. Fields that the program does not know have the value of `default`.
/// `None`: its size makes no sense.
///
/// # Safety
///
/// `from` leads to as many bytes as its first field says.
pub(crate) unsafe fn take<T: SizeFirst>(from: *const T, default: T) -> Option<T> {
    // SAFETY: as the caller promises.
    let size = unsafe { size_of_theirs(from) }?;
    let mut taken = default;
    // SAFETY: both are there for as many bytes: `from` by the caller's promise, `taken` by its type. Any bytes are a `T`.
    unsafe {
        ptr::copy_nonoverlapping(from.cast::<u8>(), (&raw mut taken).cast::<u8>(), size.min(size_of::<T>()));
    };
    taken.set_size(size_of::<T>());
    Some(taken)
}

/// Whether all that a struct from C has beyond `T` is zero: then the program has set nothing that this library does not know.
///
/// # Safety
///
/// As [`take`], which has found its size to make sense.
pub(crate) unsafe fn has_nothing_unknown<T: SizeFirst>(from: *const T) -> bool {
    // SAFETY: as the caller promises.
    let Some(size) = (unsafe { size_of_theirs(from) }) else { return false };
    // SAFETY: as many bytes are there as the first field says.
    (size_of::<T>()..size).all(|at| unsafe { from.cast::<u8>().add(at).read() } == 0)
}

/// Gives a struct to C: the fields that its program knows. False: its size makes no sense, and
/// nothing was written.
///
/// # Safety
///
/// `to` leads to as many bytes as its first field says, which can be written.
pub(crate) unsafe fn give<T: SizeFirst>(to: *mut T, mut value: T) -> bool {
    // SAFETY: as the caller promises.
    let Some(size) = (unsafe { size_of_theirs(to) }) else { return false };
    value.set_size(size);
    // SAFETY: both are there for as many bytes: `to` by the caller's promise, `value` by its type.
    unsafe {
        ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to.cast::<u8>(), size.min(size_of::<T>()));
    };
    true
}

/// Writes a text into a buffer, as `snprintf` does: cut if it is too long, between characters, and
/// terminated in any case. Gives the length of the whole text.
///
/// # Safety
///
/// `buffer` is null, or leads to `size` bytes that can be written.
pub(crate) unsafe fn put(text: &str, buffer: *mut c_char, size: usize) -> usize {
    if !buffer.is_null() && size > 0 {
        let length = fitting(text, size - 1);
        // SAFETY: `length` is at most `size - 1`, so the text and its end fit.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), length);
            buffer.cast::<u8>().add(length).write(0);
        }
    }
    text.len()
}

/// How long the longest part of a text is that has at most `most` bytes and ends between two
/// characters.
pub(crate) fn fitting(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_at_the_border() {
        assert_eq!(guarded(7, || if fitting("x", 1) == 1 { panic!("a bug") } else { 1 }), 7);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((fitting("añb", 2), fitting("añb", 3), fitting("añb", 9)), (1, 3, 4));
        let mut buffer = [c_char::from_ne_bytes([1]); 4];
        // SAFETY: the pointer and the length are the buffer's.
        let length = unsafe { put("añb", buffer.as_mut_ptr(), 3) };
        assert_eq!((length, buffer.map(|c| c.to_ne_bytes()[0])), (4, [b'a', 0, 1, 1]));
    }
}
