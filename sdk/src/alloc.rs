//! The guest's memory: one pointer that only moves up.
//!
//! An instance lives for one call, so nothing is ever worth freeing. The linker reserves the arena up front
//! (`--initial-memory`), which is why a usual call grows no memory; a list that does not fit grows it once.
#![allow(unsafe_code, reason = "an allocator is unsafe by definition; it runs in the sandbox only")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

const PAGE: usize = 64 * 1024;

struct Bump {
    /// First free byte; 0 before the first allocation.
    next: Cell<usize>,
    /// Start of the newest block, which alone can grow in place.
    newest: Cell<usize>,
}

// SAFETY: guests have no threads; the contract forbids the feature and the host disables it.
unsafe impl Sync for Bump {}

#[global_allocator]
static BUMP: Bump = Bump { next: Cell::new(0), newest: Cell::new(0) };

unsafe extern "C" {
    static __heap_base: u8;
}

impl Bump {
    /// Makes sure that memory reaches `end`; false when the host refuses.
    fn reserve(&self, end: usize) -> bool {
        let have = wasm32::memory_size(0) * PAGE;
        end <= have || wasm32::memory_grow(0, (end - have).div_ceil(PAGE)) != usize::MAX
    }
}

// SAFETY: blocks are disjoint because `next` only moves up, and lie inside memory because `reserve` succeeded.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let free = match self.next.get() {
            0 => &raw const __heap_base as usize,
            next => next,
        };
        let start = (free + layout.align() - 1) & !(layout.align() - 1);
        let Some(end) = start.checked_add(layout.size()) else { return ptr::null_mut() };
        if !self.reserve(end) {
            return ptr::null_mut();
        }
        self.newest.set(start);
        self.next.set(end);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = block as usize;
        if start == self.newest.get() {
            let Some(end) = start.checked_add(size) else { return ptr::null_mut() };
            if !self.reserve(end) {
                return ptr::null_mut();
            }
            self.next.set(end);
            return block;
        }
        // SAFETY: the caller's layout is valid, and the new block does not overlap the old one.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
            }
            moved
        }
    }
}
