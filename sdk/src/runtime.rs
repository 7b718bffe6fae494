//! What the generated bindings ask of a runtime, which for a policy is next to nothing.

/// Constructors of statics: a policy has none, and its exports are called without them.
#[cfg(target_family = "wasm")]
pub(crate) fn run_ctors_once() {}

/// The generated code names this, so that the linker keeps [`cabi_realloc`].
pub(crate) fn maybe_link_cabi_realloc() {}

/// Hands the host a block for what it lowers: a new one, or a larger one in place of `old`.
///
/// # Safety
/// The host calls it by the component model's canonical ABI: `old` is a block of `old_size` bytes that this function gave, or
/// `old_size` is 0.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "the canonical ABI names this export and deals in pointers")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    use std::alloc::{Layout, alloc, realloc};

    if size == 0 {
        // An empty list has an address that is aligned, and nothing behind it.
        return align as *mut u8;
    }
    // SAFETY: the canonical ABI gives alignments that are powers of two, and sizes within memory.
    let block = unsafe {
        match old_size {
            0 => alloc(Layout::from_size_align_unchecked(size, align)),
            _ => realloc(old, Layout::from_size_align_unchecked(old_size, align), size),
        }
    };
    if block.is_null() {
        // Out of memory: the call ends as a trap, which the host knows how to handle.
        core::arch::wasm32::unreachable();
    }
    block
}
