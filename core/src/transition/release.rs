//! What giving a window back does to it.

use super::{Cause, IllegalMove, Release};
use crate::frontier::Split;
use crate::window::{Delivered, Status, Window};

impl Window {
    pub(super) fn release(&mut self, release: &Release) -> Result<(), IllegalMove> {
        let cause = release.cause.plain();
        let is_unsent = matches!(release.cause, Cause::Unsent(_)) && self.token_is_unsent();
        self.unsent_after = is_unsent.then_some(self.runs);
        match cause {
            Cause::Split(at) => {
                self.begin_again();
                self.halve(at)?;
            }
            Cause::Reenter(split) => self.split(split)?,
            Cause::OutOfTime(split) => self.overrun(split)?,
            Cause::Restart => {
                self.restarts = self.restarts.saturating_add(1);
                self.begin_again();
            }
            Cause::Halve(at) => {
                self.restarts = self.restarts.saturating_add(1);
                self.restarts_forgiven = self.restarts;
                self.begin_again();
                self.halve(at)?;
            }
            // `plain` leaves no `Unsent`.
            Cause::Yielded | Cause::Outage | Cause::Failed | Cause::Unsent(_) => {}
        }
        if matches!(cause, Cause::Outage | Cause::Failed) {
            self.setbacks = self.setbacks.saturating_add(1);
        }
        if !matches!(cause, Cause::Failed) {
            self.attempts = self.attempts.saturating_sub(1);
        }
        self.hand_over(Status::Ready, release.now);
        self.not_before = release.not_before;
        if release.error.is_some() {
            self.last_error.clone_from(&release.error);
        }
        Ok(())
    }

    /// Forgets the pass so far. `page` stays: a delayed checkpoint of the old pass must not fit.
    pub(super) fn begin_again(&mut self) {
        self.cursor = None;
        self.unsent_after = None;
        self.sink_position = None;
        self.records = 0;
        self.bytes = 0;
        self.rejected = 0;
        self.known = 0;
        self.oldest = None;
        self.newest = None;
        self.ordered = true;
        self.remembered = true;
    }

    fn halve(&mut self, at: crate::time::Timestamp) -> Result<(), IllegalMove> {
        self.split(Split {
            at,
            delivered: Delivered::Nothing,
        })
    }
}
