//! Invariants of the marks of one timeline.

use super::{Consistent, Violation, broken};
use crate::limits;
use crate::progress::Progress;
use crate::summary::Summary;

/// INV-9, INV-12, INV-13 and INV-17.
impl Consistent for Progress {
    fn check(&self) -> Result<(), Violation> {
        let of = &self.timeline;
        let (start, open, scheduled) = (self.start, self.open_from, self.scheduled_through);
        let ordered = start <= open && open <= scheduled;
        let ends = self.end.is_none_or(|end| start <= end);
        if !ordered || !ends || self.width_ms < 1 {
            return broken(
                "INV-12",
                format!(
                    "{of}: `start` {start}, `open_from` {open}, `scheduled_through` {scheduled}, \
                     `width_ms` {}",
                    self.width_ms
                ),
            );
        }
        let behind = &self.behind;
        let ascending = behind.windows(2).all(|pair| pair[0] < pair[1]);
        let within = behind.iter().all(|from| (start..open).contains(from));
        if !ascending || !within || behind.len() > limits::BEHIND_MAX {
            return broken("INV-9", format!("{of}: {behind:?}"));
        }
        let spans = &self.unavailable;
        let apart = spans.windows(2).all(|pair| pair[0].to() < pair[1].from());
        if !apart || spans.len() > limits::UNAVAILABLE_MAX {
            let count = spans.len();
            return broken("INV-13", format!("{of}: {count} spans in `unavailable`"));
        }
        let agrees = |it: &Summary| {
            (it.parked > 0) == it.parked_since.is_some()
                && (it.open > 0 || it.failing_since.is_none())
        };
        match &self.summary {
            Some(summary) if !agrees(summary) => broken("INV-17", format!("{of}: {summary:?}")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Lane, Timeline};
    use crate::source::tests::policy;
    use crate::span::Span;
    use crate::time::Timestamp;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn marks() -> Progress {
        let timeline = Timeline {
            source: "okta".parse().unwrap(),
            generation: "0123456789ab".parse().unwrap(),
            lane: Lane::Live,
        };
        Progress {
            scheduled_through: at(300),
            open_from: at(200),
            behind: vec![at(100), at(150)],
            unavailable: vec![Span::new(at(100), at(120)).unwrap()],
            ..Progress::begin(timeline, at(100), None, &policy(), at(1_000))
        }
    }

    fn broken_by(edit: impl Fn(&mut Progress)) -> &'static str {
        let mut marks = marks();
        edit(&mut marks);
        marks.check().unwrap_err().id
    }

    #[test]
    fn ordered_marks_are_consistent() {
        assert_eq!(marks().check(), Ok(()));
        let nothing_open = Progress {
            open_from: at(300),
            ..marks()
        };
        assert_eq!(nothing_open.check(), Ok(()));
    }

    #[test]
    fn unordered_marks_violate_invariant() {
        assert_eq!(broken_by(|it| it.open_from = at(301)), "INV-12");
        assert_eq!(broken_by(|it| it.start = at(201)), "INV-12");
        assert_eq!(broken_by(|it| it.end = Some(at(99))), "INV-12");
        assert_eq!(broken_by(|it| it.width_ms = 0), "INV-12");
    }

    #[test]
    fn malformed_behind_violates_invariant() {
        assert_eq!(broken_by(|it| it.behind = vec![at(150), at(100)]), "INV-9");
        assert_eq!(broken_by(|it| it.behind = vec![at(150), at(150)]), "INV-9");
        assert_eq!(broken_by(|it| it.behind = vec![at(200)]), "INV-9");
        assert_eq!(broken_by(|it| it.behind = vec![at(99)]), "INV-9");
        let most = i64::try_from(limits::BEHIND_MAX).unwrap();
        let full = |count: i64| (0..count).map(|n| at(100 + n)).collect::<Vec<_>>();
        let at_most = Progress {
            behind: full(most),
            ..marks()
        };
        assert_eq!(at_most.check(), Ok(()));
        assert_eq!(broken_by(|it| it.behind = full(most + 1)), "INV-9");
    }

    #[test]
    fn contradictory_summary_violates_invariant() {
        let summary = Summary {
            open: 1,
            parked: 1,
            parked_since: Some(at(1)),
            failing_since: Some(at(2)),
        };
        let with = |summary| Progress {
            summary: Some(summary),
            ..marks()
        };
        assert_eq!(with(summary).check(), Ok(()));
        for wrong in [
            Summary { open: 0, ..summary },
            Summary {
                parked: 0,
                ..summary
            },
            Summary {
                parked_since: None,
                ..summary
            },
        ] {
            assert_eq!(broken_by(|it| it.summary = Some(wrong)), "INV-17");
        }
    }

    #[test]
    fn touching_or_unordered_unavailable_spans_violate_invariant() {
        let span = |from, to| Span::new(at(from), at(to)).unwrap();
        for wrong in [
            vec![span(100, 120), span(120, 130)],
            vec![span(140, 150), span(100, 120)],
            vec![span(100, 130), span(120, 140)],
        ] {
            assert_eq!(broken_by(|it| it.unavailable.clone_from(&wrong)), "INV-13");
        }
    }
}
