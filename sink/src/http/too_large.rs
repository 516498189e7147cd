//! HTTP 413 for a line alone: one record over the collector's limit, or a collector that returns it for
//! everything.
//!
//! A limit is believed where the collector's other responses allow it. Otherwise all records of a
//! source would become rejects by one wrong setting of a proxy.

use super::collector::BODY_BYTES_MAX;

/// Size in bytes below which HTTP 413 is doubted: a collector takes requests of many records, so one
/// that rejects a tenth of a batch has no useful limit.
pub(super) const DOUBTED_BYTES_MAX: usize = BODY_BYTES_MAX / 10;
/// Number of doubted lines in a row that are no longer taken for single large records.
pub(super) const DOUBTED_LINES_MAX: usize = 3;

/// The lines of one write that the collector alone returned HTTP 413 for.
#[derive(Debug, Default)]
pub(super) struct TooLarge {
    lines: Vec<usize>,
    /// Number of doubted lines since the last batch that was accepted.
    doubted: usize,
    /// Size of the smallest of these, in bytes.
    smallest_bytes: usize,
    /// True if a batch was accepted.
    has_taken: bool,
}

/// HTTP 413 that the collector's other responses contradict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// Number of lines in a row.
    pub(super) lines: usize,
    /// Size of the smallest of them, in bytes.
    pub(super) bytes: usize,
}

impl TooLarge {
    /// Records a batch that was accepted.
    pub(super) fn taken(&mut self) {
        self.has_taken = true;
        self.doubted = 0;
    }

    /// Records HTTP 413 for `line` alone, of `bytes`. `taken_bytes` is the size of the largest batch
    /// that the collector has ever accepted; 0 without one.
    pub(super) fn refused(
        &mut self,
        line: usize,
        bytes: usize,
        taken_bytes: usize,
    ) -> Result<(), Contradiction> {
        self.lines.push(line);
        let is_over_a_limit = taken_bytes > 0 && bytes > taken_bytes;
        if bytes >= DOUBTED_BYTES_MAX || is_over_a_limit {
            return Ok(());
        }
        let smallest = if self.doubted == 0 {
            bytes
        } else {
            self.smallest_bytes.min(bytes)
        };
        self.smallest_bytes = smallest;
        self.doubted += 1;
        if self.doubted < DOUBTED_LINES_MAX {
            Ok(())
        } else {
            Err(self.contradiction())
        }
    }

    /// The lines that are too large, after the last one.
    pub(super) fn finish(self) -> Result<Vec<usize>, Contradiction> {
        if self.doubted > 0 && !self.has_taken {
            return Err(self.contradiction());
        }
        Ok(self.lines)
    }

    fn contradiction(&self) -> Contradiction {
        Contradiction {
            lines: self.doubted,
            bytes: self.smallest_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_line_between_accepted_batches_is_believed() {
        let mut too_large = TooLarge::default();
        too_large.taken();
        for line in [3, 5, 9] {
            for _ in 1..DOUBTED_LINES_MAX {
                too_large.refused(line, 10, 500).unwrap();
            }
            too_large.taken();
        }
        assert_eq!(too_large.finish().unwrap(), [3, 3, 5, 5, 9, 9]);
    }

    #[test]
    fn small_lines_in_a_row_contradict_limit() {
        let mut too_large = TooLarge::default();
        too_large.taken();
        too_large.refused(1, 10, 500).unwrap();
        too_large.refused(2, 9, 500).unwrap();
        let (lines, bytes) = (DOUBTED_LINES_MAX, 9);
        let contradiction = Contradiction { lines, bytes };
        assert_eq!(too_large.refused(3, 11, 500), Err(contradiction));
    }

    #[test]
    fn small_lines_alone_contradict_limit() {
        for taken_bytes in [0, 10, 500] {
            let mut too_large = TooLarge::default();
            too_large.refused(0, 10, taken_bytes).unwrap();
            let (lines, bytes) = (1, 10);
            assert_eq!(too_large.finish(), Err(Contradiction { lines, bytes }));
        }
    }

    #[test]
    fn lines_above_accepted_size_are_believed() {
        for (bytes, taken_bytes) in [(DOUBTED_BYTES_MAX, 0), (501, 500)] {
            let mut too_large = TooLarge::default();
            for line in 0..DOUBTED_LINES_MAX {
                too_large.refused(line, bytes, taken_bytes).unwrap();
            }
            assert_eq!(too_large.finish().unwrap(), [0, 1, 2]);
        }
        let mut below = TooLarge::default();
        below.refused(0, DOUBTED_BYTES_MAX - 1, 0).unwrap();
        assert!(below.finish().is_err());
    }
}
