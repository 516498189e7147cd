//! How much memory a call needs beyond what it got.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Most memory that one input may need: this many bytes for each of its own. A record of two bytes
/// has an entry in two lists, and a list that grows is there twice.
pub(crate) const GROWTH_FACTOR: usize = 64;
/// And this many beside them: the reader of YAML has tables of its own.
pub(crate) const GROWTH_BYTES: usize = 1024 * 1024;

/// Watches the calls of one input.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Most memory that one of them needed, in bytes.
    pub(crate) grown: usize,
}

impl Meter {
    /// Does `work` and notes what it needed at most.
    pub(crate) fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T {
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let done = work();
        let grown = ALLOCATOR.peak_usage().saturating_sub(before);
        self.grown = self.grown.max(grown);
        done
    }

    /// Whether an input of `size` bytes needed more than it may.
    pub(crate) fn is_over(&self, size: usize) -> bool {
        self.grown > size * GROWTH_FACTOR + GROWTH_BYTES
    }
}
