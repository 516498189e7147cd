//! Sources that wait for a worker, and the sources whose windows hold the workers.

use serde_json::{Value, json};
use windlass_core::time::Timestamp;
use windlass_core::view::SourceView;
use windlass_core::window::{Status, Window};

use crate::output::{second, span};

/// Maximum number of sources that a line names.
const NAMED_MAX: usize = 5;

/// The part of one source in the workers of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    /// Number of its windows in flight.
    held: usize,
    /// Last move of the one among them that has not moved for the longest time.
    quiet_since: Option<Timestamp>,
    /// Start of its wait for a worker; `None` if it has one, or waits for something else.
    waits_since: Option<Timestamp>,
}

impl Share {
    /// The share of the source of `view`. Its windows count as waiting for a worker after
    /// `wait_ms_min`; `None` if they do not run, or wait for something else.
    pub(super) fn of(view: &SourceView, wait_ms_min: Option<i64>, now: Timestamp) -> Self {
        let in_flight = |it: &&Window| matches!(it.status(), Status::Dispatched | Status::Running);
        let held = view.windows().filter(in_flight).count();
        let moves = view.windows().filter(in_flight).map(Window::updated_at);
        // One suspect at a time is in flight, whatever the number of workers.
        let waits =
            |it: &&Window| it.status() == Status::Ready && it.is_due(now) && !it.is_suspect();
        let due_since = |it: &Window| {
            it.updated_at()
                .max(it.not_before().unwrap_or(Timestamp::MIN))
        };
        let due_since = view.windows().filter(waits).map(due_since).min();
        let wait_ms_min = wait_ms_min.filter(|_| view.record.is_active() && held == 0);
        let is_long =
            |since: &Timestamp| wait_ms_min.is_some_and(|min| now.ms_since(*since) >= min);
        Self {
            held,
            quiet_since: moves.min(),
            waits_since: due_since.filter(is_long),
        }
    }
}

/// The sources that wait for a worker, and those that hold the workers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contention<'a> {
    /// By name, each with the start of its wait.
    waiting: Vec<(&'a str, Timestamp)>,
    /// Most windows first, each with its number of windows and the last move of the quietest.
    held_by: Vec<(&'a str, usize, Timestamp)>,
    now: Timestamp,
}

impl<'a> Contention<'a> {
    /// The contention at `now` among the sources of `shares`; `None` if no source waits for a worker.
    pub(super) fn of(
        shares: impl Iterator<Item = (&'a str, Share)> + Clone,
        now: Timestamp,
    ) -> Option<Self> {
        let waiting = shares.clone();
        let waiting = waiting.filter_map(|(name, share)| Some((name, share.waits_since?)));
        let held_by = shares.filter_map(|(name, it)| Some((name, it.held, it.quiet_since?)));
        let mut contention = Self {
            waiting: waiting.collect(),
            held_by: held_by.collect(),
            now,
        };
        contention
            .held_by
            .sort_by_key(|(_, held, quiet_since)| (std::cmp::Reverse(*held), *quiet_since));
        (!contention.waiting.is_empty()).then_some(contention)
    }

    /// Its JSON form.
    pub(super) fn to_json(&self) -> Value {
        let waiting = self.waiting.iter();
        let waiting = waiting.map(|(source, since)| json!({ "source": source, "since": since }));
        let held_by = self.held_by.iter().map(|(source, windows, quiet_since)| {
            json!({ "source": source, "windows": windows, "quiet_since": quiet_since })
        });
        json!({
            "waiting": waiting.collect::<Vec<_>>(),
            "held_by": held_by.collect::<Vec<_>>(),
        })
    }

    /// Its line of text.
    pub(super) fn describe(&self) -> String {
        let count = self.waiting.len();
        let first = self.waiting.iter().min_by_key(|(_, since)| *since);
        let (first, since) = first.copied().unwrap_or(("", self.now));
        let since = second(since);
        let waits = match count {
            1 => format!("{first} has been waiting for a worker since {since}"),
            _ => format!("{count} sources wait for a worker, {first} since {since}"),
        };
        let named = self.held_by.iter().take(NAMED_MAX);
        let mut held_by: Vec<String> = named
            .map(|(source, windows, quiet_since)| {
                let quiet = span(self.now.ms_since(*quiet_since));
                match windows {
                    1 => format!("{source} (1 window, last progress {quiet} ago)"),
                    _ => format!("{source} ({windows} windows, last progress of one {quiet} ago)"),
                }
            })
            .collect();
        if let Some(more @ 1..) = self.held_by.len().checked_sub(NAMED_MAX) {
            held_by.push(format!("{more} more"));
        }
        if held_by.is_empty() {
            return format!("{waits}; `windlass status` names the sources that hold the workers");
        }
        format!("{waits}; the workers are held by {}", held_by.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);

    fn holds(held: usize, quiet_ms: i64) -> Share {
        Share {
            held,
            quiet_since: Some(NOW.minus_ms(quiet_ms)),
            waits_since: None,
        }
    }

    fn waits(for_ms: i64) -> Share {
        Share {
            waits_since: Some(NOW.minus_ms(for_ms)),
            ..Share::default()
        }
    }

    fn described(shares: &[(&str, Share)]) -> Option<String> {
        Contention::of(shares.iter().copied(), NOW).map(|it| it.describe())
    }

    #[test]
    fn line_names_longest_wait_and_largest_holders() {
        assert_eq!(described(&[("okta", holds(4, 1_000))]), None);
        assert_eq!(
            described(&[("okta", waits(60_000)), ("slack", holds(1, 720_000))]).unwrap(),
            "okta has been waiting for a worker since 2025-12-31T23:59:00Z; the workers are held by \
             slack (1 window, last progress 12m ago)"
        );
        let mut shares = vec![("okta", waits(60_000)), ("jira", waits(5_000))];
        for (name, held) in [
            ("a", 1),
            ("b", 2),
            ("c", 3),
            ("d", 1),
            ("e", 1),
            ("f", 1),
            ("g", 1),
        ] {
            shares.push((name, holds(held, 2_000)));
        }
        assert_eq!(
            described(&shares).unwrap(),
            "2 sources wait for a worker, okta since 2025-12-31T23:59:00Z; the workers are held by c (3 \
             windows, last progress of one 2s ago), b (2 windows, last progress of one 2s ago), a (1 \
             window, last progress 2s ago), d (1 window, last progress 2s ago), e (1 window, last \
             progress 2s ago), 2 more"
        );
    }

    #[test]
    fn wait_without_known_holder_names_command() {
        assert_eq!(
            described(&[("okta", waits(60_000))]).unwrap(),
            "okta has been waiting for a worker since 2025-12-31T23:59:00Z; `windlass status` names \
             the sources that hold the workers"
        );
    }
}
