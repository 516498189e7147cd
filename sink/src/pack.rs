//! Packing of lines into records and of records into calls: pure, in order, without loss or
//! duplicates.
//!
//! Both steps are greedy: a record, or a call, takes the next items as long as they fit. So two
//! adjacent ones never fit into one, unless a line between them cannot be sent.

use std::ops::Range;

pub use crate::stream_limits::{CallLimits, RecordLimits, StreamLimits};

/// A run of lines that form one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line numbers in the page.
    pub lines: Range<usize>,
    /// The byte range in the page.
    pub bytes: Range<usize>,
}

/// The lines of a page, packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// The records to send, in order.
    pub records: Vec<Record>,
    /// Numbers of the lines that exceed a record, ascending.
    pub oversized: Vec<usize>,
}

/// Packs lines that end at `ends` (ascending, each line's `\n` included) into records.
pub fn records(ends: &[usize], limits: &RecordLimits) -> Packed {
    let mut packed = Packed::default();
    let mut open: Option<Record> = None;
    let mut start = 0;
    for (line, &end) in ends.iter().enumerate() {
        let bytes = end - start;
        if bytes > limits.line_bytes_max {
            packed.records.extend(open.take());
            packed.oversized.push(line);
        } else {
            match &mut open {
                Some(record) if fits(record, end, limits) => {
                    record.lines.end = line + 1;
                    record.bytes.end = end;
                }
                _ => {
                    let record = Record {
                        lines: line..line + 1,
                        bytes: start..end,
                    };
                    packed.records.extend(open.replace(record));
                }
            }
        }
        start = end;
    }
    packed.records.extend(open);
    packed
}

/// Returns true if `record` can extend to `end`.
fn fits(record: &Record, end: usize, limits: &RecordLimits) -> bool {
    record.lines.len() < limits.lines_max && end - record.bytes.start <= limits.bytes_max
}

/// Groups records of these sizes into calls, each a range of them. A record that exceeds a call's
/// limit gets a call of its own, because leaving it out would lose it.
pub fn calls(sizes: impl IntoIterator<Item = usize>, limits: &CallLimits) -> Vec<Range<usize>> {
    let mut calls: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (record, size) in sizes.into_iter().enumerate() {
        match calls.last_mut() {
            Some(call) if call.len() < limits.records_max && bytes + size <= limits.bytes_max => {
                call.end = record + 1;
                bytes += size;
            }
            _ => {
                calls.push(record..record + 1);
                bytes = size;
            }
        }
    }
    calls
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
