//! The windows that a plan creates: over gaps, from the mark on, along the live ledger.

use super::{Situation, adopt};
use crate::creation::{WindowCreator, within_day};
use crate::ids::WindowId;
use crate::limits;
use crate::progress::Progress;
use crate::source::Policy;
use crate::span::Span;
use crate::sweep::{self, Ledger, Piece};
use crate::time::Timestamp;
use crate::trust::{Cut, Trusted};
use crate::window::Window;

/// Collects the windows to create.
pub(super) struct Builder<'a> {
    pub(super) situation: &'a Situation<'a>,
    /// Number of windows that may be created as dispatched.
    pub(super) slots: usize,
    pub(super) create: Vec<Window>,
}

impl Builder<'_> {
    /// Creates windows that cover `gap` exactly, none wider than the policy allows.
    pub(super) fn cover(&mut self, gap: Span, policy: &Policy) {
        let mut at = gap.from();
        while at < gap.to() && self.create.len() < limits::CREATED_PER_TICK_MAX {
            let to = at
                .plus_ms(policy.max_ms)
                .floor_to(policy.unit_ms)
                .min(gap.to());
            let to = within_day(at, to, policy.unit_ms);
            at = self.push(at, to);
        }
    }

    /// Creates windows from the mark on; existing ones keep their ends.
    pub(super) fn create_windows(
        &mut self,
        next: &mut Progress,
        creator: &WindowCreator<'_>,
        room: usize,
    ) {
        let open = self.situation.open;
        let mut at = next.scheduled_through;
        for _ in 0..room {
            if self.create.len() >= limits::CREATED_PER_TICK_MAX {
                break;
            }
            let Some(span) = creator.next(at) else { break };
            let ahead = open
                .iter()
                .map(|window| window.id().from)
                .find(|from| *from > at);
            at = self.push(at, ahead.map_or(span.to(), |from| from.min(span.to())));
            at = adopt(open, at);
        }
        next.scheduled_through = at;
    }

    /// Follows the ledger of the live lane from the mark on.
    pub(super) fn sweep(&mut self, next: &mut Progress, ledger: &Ledger<'_>, room: usize) {
        let Situation {
            open,
            policy,
            end,
            time,
            ..
        } = *self.situation;
        let piece = |at| match time.cut() {
            Cut::Freely => sweep::next(at, ledger, policy, end, time.trusted()?),
            Cut::OneWindow => sweep::asking(at, ledger, policy, end, time.edge()),
        };
        let mut at = next.scheduled_through;
        for _ in 0..room {
            if self.create.len() >= limits::CREATED_PER_TICK_MAX {
                break;
            }
            at = match piece(at) {
                Some(Piece::Read(span)) => self.push(span.from(), span.to()),
                Some(Piece::Skip(span)) => self.skip(span),
                None => break,
            };
            at = adopt(open, at);
        }
        next.scheduled_through = at;
    }

    /// Creates a done window, for a span without anything to read.
    pub(super) fn skip(&mut self, span: Span) -> Timestamp {
        let Situation {
            progress,
            policy,
            now,
            time,
            ..
        } = *self.situation;
        let id = WindowId {
            timeline: progress.timeline.clone(),
            from: span.from(),
        };
        let now = time.trusted().map_or(now, Trusted::at);
        self.create
            .extend(Window::done(id, span.to(), policy.history_ms, now));
        span.to()
    }

    fn push(&mut self, from: Timestamp, to: Timestamp) -> Timestamp {
        let Situation {
            progress,
            dispatch_until,
            time,
            ..
        } = *self.situation;
        let id = WindowId {
            timeline: progress.timeline.clone(),
            from,
        };
        let window = if self.slots > 0 {
            Window::dispatched(id, to, dispatch_until, time.edge())
        } else {
            Window::new(id, to, time.edge())
        };
        let Ok(window) = window else {
            return to;
        };
        self.slots = self.slots.saturating_sub(1);
        self.create.push(window);
        to
    }
}

#[cfg(test)]
#[path = "sweep_lane_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "creation_tests.rs"]
mod creation_tests;
