//! The time that the files of one lane cover, and the files that cover time of others.

use std::collections::BTreeSet;

use windlass_core::span::Span;
use windlass_core::time::Timestamp;

/// The bounds in the names of one lane's files.
#[derive(Debug, Default)]
pub(super) struct Spans {
    files: BTreeSet<(Timestamp, Timestamp)>,
    overlapping: BTreeSet<(Timestamp, Timestamp)>,
}

impl Spans {
    /// Adds the bounds of a file.
    pub(super) fn add(&mut self, span: Span) {
        self.files.insert((span.from(), span.to()));
    }

    /// Notes the files that start inside `window`, which is done.
    pub(super) fn check_window(&mut self, window: Span) {
        let inside = (window.from().plus_ms(1), Timestamp::MIN)..(window.to(), Timestamp::MIN);
        let files = self.files.range(inside).copied();
        self.overlapping.extend(files);
    }

    /// The bounds of the files that start inside another file or a done window, ascending.
    pub(super) fn overlapping(mut self) -> BTreeSet<(Timestamp, Timestamp)> {
        let mut end = Timestamp::MIN;
        for (from, to) in &self.files {
            if *from < end {
                self.overlapping.insert((*from, *to));
            }
            end = end.max(*to);
        }
        self.overlapping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span::new(Timestamp::from_ms(from), Timestamp::from_ms(to)).unwrap()
    }

    #[test]
    fn file_starting_inside_another_span_overlaps() {
        let mut spans = Spans::default();
        for (from, to) in [(0, 10), (10, 20), (15, 25), (31, 40), (50, 60)] {
            spans.add(span(from, to));
        }
        spans.check_window(span(30, 40));
        spans.check_window(span(50, 60));
        let found = spans.overlapping();
        let found: Vec<_> = found.iter().map(|(from, _)| from.as_ms()).collect();
        assert_eq!(found, [15, 31]);
    }
}
