//! What the death of the process does to the windows that it had in flight.

use crate::limits;
use crate::retry::stored_backoff_ms;
use crate::time::Timestamp;
use crate::window::{Status, Window};

impl Window {
    /// Counts the death of the process that ran `self` without a page since its claim. The first one
    /// may be any other window's doing or a person's, and only makes it a suspect. From then on it
    /// is the only suspect in flight, and waits longer from one death to the next, so that whatever
    /// else the process does goes on meanwhile.
    pub(super) fn died(&mut self, now: Timestamp) {
        let alone = self.deaths;
        self.deaths = self.deaths.saturating_add(1);
        let reason = if let Some(before) = alone.checked_sub(1) {
            // Twice as steep as after failures: whoever kills a process again and again within minutes
            // meets a suspect a few times only.
            let wait_ms = stored_backoff_ms(before.saturating_mul(2));
            self.not_before = Some(now.plus_ms(wait_ms));
            format!("the process died {alone} times while this window alone was suspect")
        } else {
            "the process died while this window was in flight without a page".to_owned()
        };
        self.last_error = Some(reason);
    }

    /// Parks it; a suspect is tried again a while later.
    pub(super) fn park(&mut self, reason: &str, now: Timestamp) {
        self.hand_over(Status::Parked, now);
        self.last_error = Some(reason.to_owned());
        if self.is_convicted() {
            self.not_before = Some(now.plus_ms(limits::SUSPECT_RETRY_MS));
        }
    }

    /// One more attempt for a parked suspect: the next death parks it again.
    pub(super) fn probe(&mut self, now: Timestamp) {
        self.hand_over(Status::Ready, now);
        self.deaths = limits::SUSPECT_DEATHS_MAX;
        self.attempts = 0;
        self.not_before = None;
    }
}

#[cfg(test)]
#[path = "death_tests.rs"]
mod tests;
