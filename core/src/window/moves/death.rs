//! Effects of the death of a process on the windows that it had in flight.

use super::super::parts::{Stage, Wait};
use crate::limits;
use crate::retry::stored_backoff_ms;
use crate::time::Timestamp;
use crate::window::Window;

impl Window {
    /// Counts the death of the process that ran `self` without a page since its claim, and returns
    /// the end of the wait.
    ///
    /// The first death may have another cause and only makes the window a suspect. From then on it
    /// is the only suspect in flight, and its wait grows with each death, so that the process
    /// continues with other windows meanwhile.
    pub(super) fn died(&mut self, now: Timestamp) -> Option<Timestamp> {
        let history = &mut self.history;
        let alone = history.deaths;
        history.deaths = history.deaths.saturating_add(1);
        let Some(before) = alone.checked_sub(1) else {
            let reason = "the process died while this window was in flight without a page";
            history.last_error = Some(reason.to_owned());
            return None;
        };
        let reason =
            format!("the process died {alone} times while this window was the only suspect");
        history.last_error = Some(reason);
        // Twice as steep as after failures: a process that is killed every few minutes runs a
        // suspect only a few times.
        Some(now.plus_ms(stored_backoff_ms(before.saturating_mul(2))))
    }

    /// Parks the window; a suspect is probed a while later.
    pub(super) fn park(&mut self, reason: &str, now: Timestamp) {
        let is_convicted = self.is_convicted();
        let stage = Stage::Parked {
            reason: reason.to_owned(),
            retry_at: is_convicted.then(|| now.plus_ms(limits::SUSPECT_RETRY_MS)),
            split: self.split(),
        };
        self.enter(stage, now);
        self.history.last_error = None;
    }

    /// Makes a parked window ready at once. Its reason stays as its last error.
    pub(super) fn unpark(&mut self, now: Timestamp) {
        let reason = self.last_error().map(str::to_owned);
        let wait = Wait {
            not_before: None,
            split: self.split(),
        };
        self.enter(Stage::Ready(wait), now);
        self.history.last_error = reason;
    }

    /// Makes a parked suspect ready for one run: the next death parks it again.
    pub(super) fn probe(&mut self, now: Timestamp) {
        self.unpark(now);
        self.history.deaths = limits::SUSPECT_DEATHS_MAX;
        self.history.attempts = 0;
    }
}

#[cfg(test)]
#[path = "death_tests.rs"]
mod tests;
