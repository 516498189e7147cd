//! Time that the vendor has dropped: time that is skipped, windows that lapse while they wait, and
//! the beginnings of windows that were read while it was dropped.

use super::Situation;
use crate::block::Work;
use crate::creation::settled_edge;
use crate::ids::Lane;
use crate::limits;
use crate::moves::Decision;
use crate::progress::Progress;
use crate::retention;
use crate::source::Policy;
use crate::span::Span;
use crate::time::Timestamp;
use crate::transition::Event;
use crate::trust::Trusted;
use crate::window::Window;

/// The span past the mark that the vendor has dropped; stored as unavailable.
///
/// It becomes a done window instead of a mere step of the mark. Its end follows the clock, so two
/// planners compute different ends; a stored window makes the second planner adopt the end of the
/// first.
pub(super) fn gone(
    next: &mut Progress,
    policy: &Policy,
    end: Option<Timestamp>,
    open: &[Window],
    trusted: Trusted,
) -> Option<Span> {
    let settled = settled_edge(policy, trusted.passed());
    let horizon = retention::horizon(policy, trusted.passed())?.min(settled);
    let horizon = end.map_or(horizon, |end| end.ceil_to(policy.unit_ms).min(horizon));
    let existing = open
        .iter()
        .map(|window| window.id().from)
        .find(|at| *at > next.scheduled_through);
    let horizon = existing.map_or(horizon, |from| from.min(horizon));
    let gone = Span::new(next.scheduled_through, horizon).ok()?;
    remember(&mut next.unavailable, gone).then_some(gone)
}

/// The windows that the vendor dropped before anything of them was read. Their spans become
/// unavailable, and they lapse once the marks list the spans.
pub(super) fn lapse(situation: &Situation<'_>, next: &mut Progress) -> Vec<Decision> {
    let Situation {
        policy,
        open,
        behind,
        time,
        ..
    } = *situation;
    let may_pass = situation.work == Work::Everything;
    let Some(trusted) = time.trusted().filter(|_| may_pass) else {
        return Vec::new();
    };
    let now = trusted.at();
    let mut lapsed = Vec::new();
    for window in behind.iter().chain(open) {
        let Some(span) = retention::lapsed(window, policy, trusted) else {
            continue;
        };
        if remember(&mut next.unavailable, span) {
            let history_ms = policy.history_ms;
            lapsed.push(Decision {
                seen: window.clone(),
                event: Event::Lapse { history_ms, now },
            });
        }
    }
    lapsed
}

/// Marks time as unavailable that the vendor may have dropped before a window of it was read: the
/// part of each window that was out of reach when it was done. The windows are those just `passed`,
/// and the finished ones of `behind`. Some of that time may be delivered; a loss without a report
/// would be worse.
pub(super) fn outlived(
    next: &mut Progress,
    policy: &Policy,
    passed: &[&Window],
    behind: &[Window],
) {
    if matches!(next.timeline.lane, Lane::Sweep(_)) {
        return;
    }
    for window in passed.iter().copied().chain(behind) {
        let horizon = window
            .done_at()
            .and_then(|at| retention::horizon(policy, at));
        let gone = horizon.map(|horizon| Span::new(window.id().from, horizon.min(window.to())));
        if let Some(Ok(gone)) = gone {
            add(&mut next.unavailable, gone);
        }
    }
}

/// Adds `span` to `spans` in any case. When there are too many, the nearest earlier span is
/// extended up to it. All of that lies before the marks, where no decision depends on these spans,
/// and over-reporting is better than dropping.
fn add(spans: &mut Vec<Span>, span: Span) {
    if remember(spans, span) {
        return;
    }
    let before = spans.iter().rev().find(|it| it.from() <= span.from());
    let nearest = before.or(spans.first()).copied().unwrap_or(span);
    let (from, to) = (nearest.from().min(span.from()), nearest.to().max(span.to()));
    if let Ok(wider) = Span::new(from, to) {
        remember(spans, wider);
    }
}

/// Adds `span` to `spans`, which are ascending and apart, and joins it with those that it touches.
/// Returns false and changes nothing when there are too many.
fn remember(spans: &mut Vec<Span>, span: Span) -> bool {
    let touches = |other: &Span| other.from() <= span.to() && span.from() <= other.to();
    let touching = spans.iter().filter(|other| touches(other));
    let (from, to) = touching.fold((span.from(), span.to()), |(from, to), other| {
        (from.min(other.from()), to.max(other.to()))
    });
    let apart = spans.iter().filter(|other| !touches(other)).count();
    if apart >= limits::UNAVAILABLE_MAX {
        return false;
    }
    let Ok(joined) = Span::new(from, to) else {
        return false;
    };
    spans.retain(|other| !touches(other));
    spans.push(joined);
    spans.sort_unstable_by_key(|span| span.from());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span::new(Timestamp::from_ms(from), Timestamp::from_ms(to)).unwrap()
    }

    #[test]
    fn touching_spans_merge() {
        let mut spans = vec![span(0, 10), span(20, 30)];
        assert!(remember(&mut spans, span(40, 50)));
        assert!(remember(&mut spans, span(10, 20)));
        assert_eq!(spans, [span(0, 30), span(40, 50)]);
        assert!(remember(&mut spans, span(5, 12)));
        assert_eq!(spans, [span(0, 30), span(40, 50)]);
    }

    #[test]
    fn full_list_accepts_only_joining_spans() {
        let mut spans: Vec<_> = (0..)
            .map(|n| span(n * 10, n * 10 + 5))
            .take(limits::UNAVAILABLE_MAX)
            .collect();
        assert!(!remember(&mut spans, span(100_000, 100_001)));
        assert!(remember(&mut spans, span(5, 10)));
        assert_eq!(spans.len(), limits::UNAVAILABLE_MAX - 1);
    }

    #[test]
    fn lost_time_is_covered_beyond_span_limit() {
        let mut spans: Vec<_> = (1..)
            .map(|n| span(n * 10, n * 10 + 5))
            .take(limits::UNAVAILABLE_MAX)
            .collect();
        for gone in [span(10_000, 10_005), span(18, 19), span(2, 3)] {
            add(&mut spans, gone);
            let listed = spans
                .iter()
                .any(|it| it.from() <= gone.from() && gone.to() <= it.to());
            assert!(listed && spans.len() <= limits::UNAVAILABLE_MAX, "{gone}");
            assert!(spans.windows(2).all(|pair| pair[0].to() < pair[1].from()));
        }
    }
}

#[cfg(test)]
#[path = "lapse_tests.rs"]
mod lapse_tests;

#[cfg(test)]
#[path = "gone_tests.rs"]
mod gone_tests;
