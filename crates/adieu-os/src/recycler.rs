//! An allocator that keeps what a thread has freed for whoever asks it for as much next.
//!
//! It keeps what the system's allocator is slow with, and passes everything else on: pieces that are larger than those that glibc
//! caches for each thread, and pieces that are aligned to 128 octets, as tasks and registrations of sockets are, which it takes from no
//! cache. A relay takes and gives back five of these for each connection, which cost it more than its thirty others.
//!
//! Source: `tcache_max_bytes` (1,032 octets) and `_int_memalign` in malloc.c of glibc.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

/// The system's allocator, with a cache for each thread of what that is slow with. For a program's `#[global_allocator]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recycler;

/// Up to this size the system is quick with what has no special alignment.
const QUICK: usize = 1024;

/// What is larger is seldom asked for.
const LARGEST: usize = 4096;

/// Sizes between are made larger by less than this.
const STEP: usize = 64;

const ALIGNED_TO: usize = 128;
const LARGEST_ALIGNED: usize = 1024;

const ALIGNED_KINDS: usize = LARGEST_ALIGNED / ALIGNED_TO;
const KINDS: usize = ALIGNED_KINDS + (LARGEST - QUICK) / STEP;

/// What a thread keeps at most, in octets.
const MOST_KEPT: usize = 64 * 1024;

/// Which kind of piece it is, and the layout that all of its kind have. `None`: the system is asked.
#[inline]
fn kind_of(layout: Layout) -> Option<(usize, Layout)> {
    let size = layout.size();
    let kind = if layout.align() <= align_of::<u128>() && size > QUICK && size <= LARGEST {
        ALIGNED_KINDS + (size - QUICK - 1) / STEP
    } else if layout.align() == ALIGNED_TO && size > 0 && size <= LARGEST_ALIGNED {
        (size - 1) / ALIGNED_TO
    } else {
        return None;
    };
    Some((kind, layout_of(kind)))
}

#[inline]
fn layout_of(kind: usize) -> Layout {
    let (size, align) = match kind.checked_sub(ALIGNED_KINDS) {
        None => ((kind + 1) * ALIGNED_TO, ALIGNED_TO),
        Some(steps) => (QUICK + (steps + 1) * STEP, align_of::<u128>()),
    };
    Layout::from_size_align(size, align).expect("a power of two, and small")
}

/// What one thread keeps: for each kind a list, whose links stand in the pieces themselves.
struct Shelf {
    first: [Cell<*mut u8>; KINDS],
    /// In octets.
    kept: Cell<usize>,
}

thread_local! {
    static SHELF: Shelf = const {
        Shelf { first: [const { Cell::new(ptr::null_mut()) }; KINDS], kept: Cell::new(0) }
    };
}

impl Shelf {
    /// A piece of this kind. Null: none is kept.
    #[inline]
    fn take(&self, kind: usize, layout: Layout) -> *mut u8 {
        let found = self.first[kind].get();
        if !found.is_null() {
            #[expect(
                unsafe_code,
                clippy::cast_ptr_alignment,
                reason = "the list stands in memory that is free, and aligned"
            )]
            // SAFETY: `found` was put here by `put`, which has written the next piece into it. It is in nobody's use.
            let next = unsafe { found.cast::<*mut u8>().read() };
            self.first[kind].set(next);
            self.kept.set(self.kept.get() - layout.size());
        }
        found
    }

    /// Keeps a piece of this kind. False: enough is kept.
    ///
    /// # Safety
    ///
    /// The piece has this layout, which is that of the kind, and is in nobody's use.
    #[inline]
    #[expect(
        unsafe_code,
        clippy::cast_ptr_alignment,
        reason = "the list stands in memory that is free, and aligned"
    )]
    unsafe fn put(&self, kind: usize, layout: Layout, piece: *mut u8) -> bool {
        let kept = self.kept.get() + layout.size();
        if kept > MOST_KEPT {
            return false;
        }
        // SAFETY: the caller gives memory that nobody uses, and each kind has room for a pointer, and is aligned for one.
        unsafe { piece.cast::<*mut u8>().write(self.first[kind].get()) };
        self.first[kind].set(piece);
        self.kept.set(kept);
        true
    }
}

/// The thread is over.
impl Drop for Shelf {
    fn drop(&mut self) {
        for kind in 0..KINDS {
            let layout = layout_of(kind);
            loop {
                let piece = self.take(kind, layout);
                if piece.is_null() {
                    break;
                }
                #[expect(unsafe_code, reason = "an allocator's work")]
                // SAFETY: all pieces come from the system, with the layout of their kind.
                unsafe {
                    System.dealloc(piece, layout);
                }
            }
        }
    }
}

/// Whether the system is quick with it, as with most that is asked for: it is to be found out in a few instructions.
#[inline]
const fn is_quick(layout: Layout) -> bool {
    layout.size() <= QUICK && layout.align() <= align_of::<u128>()
}

/// # Safety
///
/// As of [`GlobalAlloc::alloc`].
#[inline(never)]
#[expect(unsafe_code, reason = "an allocator's work")]
unsafe fn take(layout: Layout) -> *mut u8 {
    let Some((kind, whole)) = kind_of(layout) else {
        // SAFETY: as the caller says.
        return unsafe { System.alloc(layout) };
    };
    let kept = SHELF.try_with(|shelf| shelf.take(kind, whole)).unwrap_or(ptr::null_mut());
    if !kept.is_null() {
        return kept;
    }
    // SAFETY: it is not empty.
    unsafe { System.alloc(whole) }
}

/// # Safety
///
/// As of [`GlobalAlloc::dealloc`].
#[inline(never)]
#[expect(unsafe_code, reason = "an allocator's work")]
unsafe fn put(piece: *mut u8, layout: Layout) {
    let Some((kind, whole)) = kind_of(layout) else {
        // SAFETY: as the caller says.
        return unsafe { System.dealloc(piece, layout) };
    };
    // SAFETY: the caller uses it no more, and it was allocated as one of its kind.
    let is_kept = SHELF.try_with(|shelf| unsafe { shelf.put(kind, whole, piece) }).unwrap_or(false);
    if !is_kept {
        // SAFETY: it was allocated with this layout.
        unsafe { System.dealloc(piece, whole) }
    }
}

/// # Safety
///
/// As of [`GlobalAlloc::realloc`], where the system is not quick with both sizes.
#[inline(never)]
#[expect(unsafe_code, reason = "an allocator's work")]
unsafe fn change(piece: *mut u8, layout: Layout, wanted: Layout) -> *mut u8 {
    match (kind_of(layout), kind_of(wanted)) {
        // SAFETY: as the caller says.
        (None, None) => return unsafe { System.realloc(piece, layout, wanted.size()) },
        (Some((old, _)), Some((new, _))) if old == new => return piece,
        _ => {}
    }
    // SAFETY: the caller asks for more than nothing.
    let new = unsafe { Recycler.alloc(wanted) };
    if !new.is_null() {
        // SAFETY: both have that much, and are two different pieces; the old one is the caller's to give back.
        unsafe {
            ptr::copy_nonoverlapping(piece, new, layout.size().min(wanted.size()));
            Recycler.dealloc(piece, layout);
        }
    }
    new
}

#[expect(unsafe_code, reason = "an allocator's work")]
// SAFETY: every piece comes from `System`, with its own layout or that of its kind, which has at least its size and its alignment. It is
// handed out once until it is given back, and given back to `System` with the layout that it was asked for with, since a layout alone
// says of which kind it is. Nothing here unwinds: a shelf that is gone already is told by an error.
unsafe impl GlobalAlloc for Recycler {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller says.
        unsafe { if is_quick(layout) { System.alloc(layout) } else { take(layout) } }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { if is_quick(layout) { System.dealloc(piece, layout) } else { put(piece, layout) } }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_quick(layout) || kind_of(layout).is_none() {
            // SAFETY: as the caller says.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: as the caller says.
        let piece = unsafe { take(layout) };
        if !piece.is_null() {
            // SAFETY: it has at least this size.
            unsafe { piece.write_bytes(0, layout.size()) };
        }
        piece
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller says that this is a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if is_quick(layout) && is_quick(wanted) {
            // SAFETY: as the caller says.
            return unsafe { System.realloc(piece, layout, size) };
        }
        // SAFETY: as the caller says.
        unsafe { change(piece, layout, wanted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Of every kind, of none, and at the borders between them.
    fn layouts() -> impl Iterator<Item = Layout> {
        let sizes = (1..=LARGEST + 200).step_by(7).chain([QUICK, QUICK + 1, LARGEST, LARGEST + 1]);
        sizes.flat_map(|size| {
            [1, 8, 16, 64, 128, 256].map(|align| Layout::from_size_align(size, align)).into_iter().flatten()
        })
    }

    /// A piece that is full of one octet.
    struct Piece {
        at: *mut u8,
        layout: Layout,
        octet: u8,
    }

    #[expect(unsafe_code, reason = "an allocator's test")]
    impl Piece {
        fn new(layout: Layout, octet: u8) -> Self {
            // SAFETY: no layout here is empty.
            let at = unsafe { Recycler.alloc(layout) };
            assert!(!at.is_null() && at.addr().is_multiple_of(layout.align()), "{layout:?} at {at:?}");
            // SAFETY: it has this size.
            unsafe { at.write_bytes(octet, layout.size()) };
            Self { at, layout, octet }
        }

        fn octets(&self) -> &[u8] {
            // SAFETY: it has this size, and was written to.
            unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) }
        }

        fn is_intact(&self) -> bool {
            self.octets().iter().all(|octet| *octet == self.octet)
        }

        fn free(self) {
            assert!(self.is_intact(), "{:?} was somebody else's too", self.layout);
            // SAFETY: it was allocated with this layout.
            unsafe { Recycler.dealloc(self.at, self.layout) };
        }
    }

    // SAFETY: memory belongs to no thread.
    #[expect(unsafe_code, reason = "an allocator's test")]
    unsafe impl Send for Piece {}

    fn kept() -> usize {
        SHELF.with(|shelf| shelf.kept.get())
    }

    #[test]
    fn the_layout_of_a_kind_has_room_for_all_of_it_and_is_of_that_kind() {
        let mut kinds = vec![0_usize; KINDS];
        for layout in layouts() {
            let Some((kind, whole)) = kind_of(layout) else { continue };
            assert!(
                whole.size() >= layout.size() && whole.align() >= layout.align(),
                "{layout:?}: {whole:?}"
            );
            assert_eq!(kind_of(whole).map(|(kind, _)| kind), Some(kind));
            kinds[kind] += 1;
        }
        assert!(kinds.iter().all(|found| *found > 0), "{kinds:?}");
        // What the system is quick with is its own.
        for (size, align) in [(QUICK, 16), (1, 8), (LARGEST + 1, 16), (LARGEST_ALIGNED + 1, 128), (256, 64)] {
            assert_eq!(kind_of(Layout::from_size_align(size, align).expect("a layout")), None);
        }
    }

    #[test]
    fn no_piece_is_two_peoples() {
        for round in 0..3 {
            let pieces: Vec<Piece> = layouts()
                .zip((round..=250).cycle())
                .map(|(layout, octet)| Piece::new(layout, octet))
                .collect();
            // In another order than they came.
            let (even, odd): (Vec<_>, Vec<_>) =
                pieces.into_iter().enumerate().partition(|(place, _)| place % 2 == 0);
            even.into_iter().chain(odd).for_each(|(_, piece)| piece.free());
            assert!(kept() <= MOST_KEPT);
        }
    }

    #[test]
    fn what_was_freed_is_had_again_and_no_more_than_a_bound_is_kept() {
        let layout = Layout::from_size_align(2000, 8).expect("a layout");
        let piece = Piece::new(layout, 1);
        let at = piece.at;
        piece.free();
        let again = Piece::new(Layout::from_size_align(1990, 16).expect("a layout"), 2);
        assert_eq!(again.at, at);
        again.free();
        let many: Vec<Piece> = (0..100).map(|octet| Piece::new(layout, octet)).collect();
        many.into_iter().for_each(Piece::free);
        assert!(kept() > MOST_KEPT - 4096 && kept() <= MOST_KEPT, "{}", kept());
    }

    #[test]
    fn a_piece_may_be_freed_by_another_thread_and_after_its_own_is_over() {
        let made = thread::spawn(|| layouts().map(|layout| Piece::new(layout, 7)).collect::<Vec<_>>());
        let pieces = made.join().expect("no panic");
        let freed = thread::spawn(|| pieces.into_iter().for_each(Piece::free));
        freed.join().expect("no panic");
    }

    #[test]
    #[expect(unsafe_code, reason = "an allocator's test")]
    fn a_piece_that_grows_or_shrinks_keeps_what_it_holds() {
        for align in [8, 128] {
            let sizes = [1, 100, 1024, 1025, 1030, 2000, 4096, 4097, 100_000, 4096, 1500, 1024, 64];
            let mut layout = Layout::from_size_align(sizes[0], align).expect("a layout");
            let mut piece = Piece::new(layout, 9);
            for size in sizes {
                // SAFETY: it was allocated with this layout, and is used no more by its old address.
                let at = unsafe { Recycler.realloc(piece.at, layout, size) };
                let same = layout.size().min(size);
                layout = Layout::from_size_align(size, align).expect("a layout");
                piece = Piece { at, layout, octet: 9 };
                assert!(at.addr().is_multiple_of(align));
                // SAFETY: it has this size, of which so much was written to.
                unsafe { at.add(same).write_bytes(9, size - same) };
                assert!(piece.is_intact(), "{layout:?}");
            }
            piece.free();
        }
    }

    #[test]
    #[expect(unsafe_code, reason = "an allocator's test")]
    fn what_is_to_be_zero_is_zero_although_it_was_used() {
        for layout in layouts() {
            Piece::new(layout, 0xff).free();
            // SAFETY: no layout here is empty.
            let piece = Piece { at: unsafe { Recycler.alloc_zeroed(layout) }, layout, octet: 0 };
            piece.free();
        }
    }
}
