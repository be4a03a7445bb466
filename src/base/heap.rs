//! The allocator's memory.

/// Gives back to the system what is free of the heap. glibc keeps what it was once given, spread over its arenas, and
/// an idle service would go on occupying what an audience needed. Takes some milliseconds.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: malloc_trim(3) takes a number, is thread-safe, and touches no memory that is in use.
        unsafe extern "C" {
            safe fn malloc_trim(pad: usize) -> i32;
        }
        let _whether_any = malloc_trim(0);
    }
}
