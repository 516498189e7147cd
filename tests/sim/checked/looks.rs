//! The checks of one write: a window after its move, and the timeline around it.

use windlass_core::ids::Timeline;
use windlass_core::invariant::{check_move, check_timeline, check_window};
use windlass_core::lease::Lease;
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::transition::Event;
use windlass_core::window::Window;
use windlass_state::StateStore;

use super::CheckedStore;
use crate::books::LaneBook;
use crate::true_time;

impl CheckedStore {
    /// Checks that a holder's write had the current lease (promise P4).
    fn held(&self, what: &str, before: Option<&Window>, lease: &Lease) {
        let lost = before.is_none_or(|before| !lease.still_holds(before))
            || before.is_some_and(|before| before.owner() != Some(lease.owner()));
        if lost {
            let id = lease.window().id();
            self.world
                .violate(format_args!("{what} of {id} by a worker that had lost it"));
        }
    }

    /// Checks that `asked`, which has turned `before` into `next`, was the caller's to make, and
    /// books it.
    pub(super) fn judge(&self, asked: &Move<'_>, before: Option<&Window>, next: &Window) {
        match *asked {
            Move::Claim(id, claim) => {
                if before.is_none_or(|before| before.epoch() != claim.epoch) {
                    self.world
                        .violate(format_args!("claim of {id} at an epoch that had passed"));
                }
                if next.token_is_unsent() {
                    // The stored page token may be sent from now on, because the claim is durable.
                    self.world.synced();
                }
                self.world.books().claimed(next);
            }
            Move::Checkpoint(lease, _) => {
                self.held("checkpoint", before, lease);
                self.world.books().had_page(next);
            }
            Move::Complete(lease, ..) => {
                self.held("complete", before, lease);
                self.world.books().completed(next);
            }
            Move::Release(lease, release) => {
                self.held("release", before, lease);
                self.world.note(format_args!(
                    "because {:?} {}",
                    release.cause,
                    release.error.as_deref().unwrap_or_default()
                ));
                if let Some(before) = before {
                    self.world.books().released(before, release);
                }
            }
            Move::Decide(seen, event) => self.decided(seen, event, before),
        }
    }

    /// Checks that a planner's decision saw the current window.
    pub(super) fn decided(&self, seen: &Window, event: &Event, before: Option<&Window>) {
        let as_seen =
            |before: &Window| (before.epoch(), before.status()) == (seen.epoch(), seen.status());
        if !before.is_some_and(as_seen) {
            let what = event.name();
            self.world
                .violate(format_args!("{what} of {} as it was before", seen.id()));
        }
        let decided = self.world.books().decided(seen, event);
        self.world.expect(decided);
        if let Event::Park { reason, .. } = event {
            let deserved = seen.is_exhausted() || reason.starts_with("has to be split");
            self.world.note(format_args!("parked because {reason}"));
            self.world.books().parked(seen);
            if !deserved {
                self.world.violate(format_args!(
                    "{} was parked for nothing: {reason}",
                    seen.id()
                ));
            }
        }
    }

    /// Checks a move that applied.
    pub(super) fn moved(&self, what: &str, before: Option<&Window>, after: &Window) {
        let world = &self.world;
        world.note(format_args!(
            "{what} {} {} epoch {} page {}",
            after.id(),
            after.status(),
            after.epoch(),
            after.page()
        ));
        world
            .books()
            .moved(after, before.is_none(), true_time::now());
        if let Some(before) = before {
            world.expect(check_move(before, after));
            if before.to() != after.to() {
                world.books().split(before, after.to());
            }
        }
        self.look_at(after);
        if let Some(at) = after.split().map(|split| split.at) {
            world.books().split(after, at);
        }
    }

    fn look_at(&self, window: &Window) {
        // Only the unit of the policy counts here, which never changes.
        if let Some(truth) = self.truths.of(&window.id().timeline.source) {
            self.world.expect(check_window(window, &truth.policy));
        }
        let texts = [
            window.last_error(),
            window.cursor().map(|cursor| cursor.token.as_str()),
            window.sink_position(),
        ];
        for text in texts.into_iter().flatten() {
            self.no_secret(text, &window.id().to_string());
            if text.contains("the worker panicked") {
                self.world.violate(format_args!("{}: {text}", window.id()));
            }
        }
    }

    pub(super) fn no_secret(&self, text: &str, place: &str) {
        if self.truths.secrets().any(|secret| text.contains(secret)) {
            self.world
                .violate(format_args!("the secret is in the state, at {place}"));
        }
    }

    /// Checks the chain of a timeline, unless windows of it have vanished: until they are created
    /// again there are gaps, and two concurrent ticks may see different ones.
    pub(super) fn has_no_gaps(&self, progress: &Progress, open: &[Window]) {
        let lost = |lane: &LaneBook| lane.has_lost;
        let lost = self
            .world
            .books()
            .lanes
            .get(&progress.timeline)
            .is_some_and(lost);
        if !lost {
            self.world.expect(check_timeline(progress, open));
        }
    }

    /// Checks a timeline with changed marks or windows.
    pub(super) async fn look_along(&self, timeline: &Timeline) {
        let Some(truth) = self.truths.of(&timeline.source) else {
            return;
        };
        let lanes = self
            .inner()
            .progress_of(truth.shard, &timeline.source)
            .await;
        let found = lanes
            .into_iter()
            .flatten()
            .find(|it| it.timeline == *timeline);
        let Some(progress) = found else { return };
        let open = self.inner().open_windows(timeline, progress.open_from);
        let behind = self.inner().windows_at(timeline, &progress.behind);
        let (Ok(open), Ok(behind)) = (open.await, behind.await) else {
            return;
        };
        self.has_no_gaps(&progress, &open);
        let through = progress.complete_through(&open, &behind);
        self.truths.look_for(&self.world, &progress, through);
        self.truths.is_unavailable(&self.world, &progress);
    }
}
