//! The allocator's memory.

/// From which size memory comes from the system and goes back to it by itself: smaller than most segments and
/// fragments of picture, larger than everything else.
const LARGE_BYTES: i32 = 256 << 10;
/// So much free memory an arena keeps for the next who asks.
const KEPT_BYTES: i32 = 1 << 20;

/// Has free memory given back to the system. glibc raises its thresholds with the largest piece that was ever freed,
/// and an idle service would go on occupying what an audience needed, spread over an arena per thread.
///
/// For the service only: workers handle frames of many megabytes, which are better kept. To be called before there are
/// other threads.
pub fn give_back_what_is_free() {
    #[cfg(target_env = "gnu")]
    {
        // From <malloc.h>.
        const M_TRIM_THRESHOLD: i32 = -1;
        const M_MMAP_THRESHOLD: i32 = -3;
        // SAFETY: mallopt(3) takes two numbers and sets a parameter of the allocator; memory in use is not touched.
        unsafe extern "C" {
            safe fn mallopt(parameter: i32, value: i32) -> i32;
        }
        let _refused = [mallopt(M_TRIM_THRESHOLD, KEPT_BYTES), mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)];
    }
}

/// Gives free memory back that lies between what is in use, in every thread's arena. Takes some milliseconds: for when
/// an audience has left.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: malloc_trim(3) takes a number and touches no memory in use.
        unsafe extern "C" {
            safe fn malloc_trim(pad: usize) -> i32;
        }
        let _nothing_was_free = malloc_trim(0);
    }
}
