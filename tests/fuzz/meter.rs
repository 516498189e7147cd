//! The memory that a call needs beyond its input.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Most bytes of memory per byte of an input. A record of two bytes has an entry in two lists, and
/// a growing list exists twice.
pub(crate) const GROWTH_FACTOR: usize = 64;
/// Allowance beside that, in bytes: the YAML reader has tables of its own.
pub(crate) const GROWTH_BYTES: usize = 1024 * 1024;

/// Measures the calls of one input.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Largest memory of a call, in bytes.
    pub(crate) grown: usize,
}

impl Meter {
    /// Runs `work` and records its peak memory.
    pub(crate) fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T {
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let done = work();
        let grown = ALLOCATOR.peak_usage().saturating_sub(before);
        self.grown = self.grown.max(grown);
        done
    }

    /// Returns true if an input of `size` bytes needed more than the limit.
    pub(crate) fn is_over(&self, size: usize) -> bool {
        self.grown > size * GROWTH_FACTOR + GROWTH_BYTES
    }
}
