//! Effects of a release on the window.

use super::super::parts::{Place, Stage, Wait};
use crate::time::Timestamp;
use crate::transition::{Cause, IllegalMove, Release};
use crate::window::{Delivered, SplitPoint, Window};

impl Window {
    pub(super) fn release(&mut self, release: &Release) -> Result<(), IllegalMove> {
        let cause = release.cause.plain();
        let is_unsent = matches!(release.cause, Cause::Unsent(_)) && self.token_is_unsent();
        let unsent_after = is_unsent.then_some(self.runs());
        let place = self.take_place();
        self.set_place(place.map(|place| Place {
            unsent_after,
            ..place
        }));
        let split = self.follow(cause)?;
        let history = &mut self.history;
        if matches!(cause, Cause::Outage | Cause::Failed) {
            history.setbacks = history.setbacks.saturating_add(1);
        }
        if !matches!(cause, Cause::Failed) {
            history.attempts = history.attempts.saturating_sub(1);
        }
        if release.error.is_some() {
            history.last_error.clone_from(&release.error);
        }
        let wait = Wait {
            not_before: release.not_before,
            split,
        };
        self.enter(Stage::Ready(wait), release.now);
        Ok(())
    }

    /// Applies `cause` to the attempt, and returns the split that the window then waits for.
    fn follow(&mut self, cause: Cause) -> Result<Option<SplitPoint>, IllegalMove> {
        let restarts = self.restarts().saturating_add(1);
        match cause {
            Cause::Split(at) => {
                self.begin_again();
                self.halved(at).map(Some)
            }
            Cause::Reenter(split) => self.inside(split).map(Some),
            Cause::OutOfTime(split) => self.overrun(split),
            Cause::Restart => {
                self.history.restarts = restarts;
                self.begin_again();
                Ok(None)
            }
            Cause::Halve(at) => {
                self.history.restarts = restarts;
                self.history.restarts_forgiven = restarts;
                self.begin_again();
                self.halved(at).map(Some)
            }
            // `plain` returns no `Unsent`.
            Cause::Yielded | Cause::Outage | Cause::Failed | Cause::Unsent(_) => Ok(None),
        }
    }

    fn halved(&self, at: Timestamp) -> Result<SplitPoint, IllegalMove> {
        self.inside(SplitPoint {
            at,
            delivered: Delivered::Nothing,
        })
    }
}
