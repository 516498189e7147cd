//! Windows and marks in the model's table: without fields that no decision reads, so that states
//! that differ only in those count as one, and hashed whole.

use std::hash::{Hash, Hasher};

use windlass_core::transition::Event;
use windlass_core::{Lease, Progress, Status, Timestamp, Window};

/// A window as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row(Window);

impl Row {
    /// `window`; `ages` preserves its creation time, which only sweeps use.
    pub(crate) fn new(window: Window, ages: bool) -> Self {
        let zero = Timestamp::from_ms(0);
        let done = window.status() == Status::Done;
        let parked = window.status() == Status::Parked;
        Self(window.with(|form| {
            form.bytes = 0;
            form.setbacks = 0;
            // The maximum: a window has at least as many runs as attempts.
            form.runs = u32::MAX;
            form.slowest_page_ms = 0;
            form.last_error = parked.then(String::new);
            form.created_at = if ages { form.created_at } else { zero };
            form.updated_at = zero;
            form.done_at = done.then_some(zero);
            // Nothing expires except a window that a scene loses on purpose.
            form.expires_at = done.then_some(Timestamp::MAX);
        }))
    }

    pub(crate) fn window(&self) -> &Window {
        &self.0
    }
}

impl Hash for Row {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_window(&self.0, state);
    }
}

/// A lease with a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grip(pub(crate) Lease);

impl Hash for Grip {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_window(self.0.window(), state);
        self.0.owner().hash(state);
    }
}

/// The marks of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks(Progress);

impl Marks {
    pub(crate) fn new(progress: Progress) -> Self {
        Self(Progress {
            summary: None,
            updated_at: Timestamp::from_ms(0),
            ..progress
        })
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.0
    }
}

impl Hash for Marks {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let marks = &self.0;
        (marks.scheduled_through, marks.open_from, marks.width_ms).hash(state);
        (&marks.behind, &marks.unavailable, marks.records_per_hour).hash(state);
        (marks.late, marks.known, marks.version).hash(state);
    }
}

fn hash_window<H: Hasher>(window: &Window, state: &mut H) {
    (
        window.id().from,
        window.to(),
        window.status(),
        window.epoch(),
    )
        .hash(state);
    (&window.owner(), window.in_flight_until(), window.page()).hash(state);
    let cursor = window.cursor();
    cursor
        .map(|cursor| (&cursor.token, &cursor.request))
        .hash(state);
    (
        window.sink_position(),
        window.records(),
        window.rejected(),
        window.known(),
    )
        .hash(state);
    (
        window.oldest(),
        window.newest(),
        window.ordered(),
        window.remembered(),
    )
        .hash(state);
    (window.attempts(), window.deaths()).hash(state);
    (window.restarts(), window.restarts_forgiven()).hash(state);
    (
        window.overruns(),
        window.not_before(),
        window.split(),
        window.created_at(),
    )
        .hash(state);
}

/// Hashes the effect of a planner's event.
pub(crate) fn hash_event<H: Hasher>(event: &Event, state: &mut H) {
    event.name().hash(state);
    match event {
        Event::Dispatch { until, now } => (until, now).hash(state),
        Event::Expire { split, now } => {
            now.hash(state);
            split
                .map(|split| (split.at, split.delivered as u8))
                .hash(state);
        }
        Event::Shrink { to, now } | Event::Close { to, now, .. } => (to, now).hash(state),
        Event::Park { now, .. }
        | Event::Lapse { now, .. }
        | Event::Probe { now }
        | Event::Retry { now }
        | Event::Recover { now } => now.hash(state),
        Event::Claim(_) | Event::Checkpoint(_) | Event::Complete { .. } | Event::Release(_) => {}
    }
}
