//! The use of one-time page tokens within a run, shared by its delivery and its prefetch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_connectors::exchange::Failure;
use windlass_core::retry::FailureClass;
use windlass_core::token_use;
use windlass_core::window::Window;

/// The [use of page tokens](token_use::TokenUse) by one run.
#[derive(Debug, Default)]
pub(crate) struct TokenUse(Mutex<token_use::TokenUse>);

impl TokenUse {
    /// Marks `token` as sent: from here on it may have been served.
    pub(crate) fn goes_out(&self, token: Option<&str>) {
        self.tokens().sent(token);
    }

    /// Records the vendor's `failure` response to the last token.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.tokens().failed(failure.class, failure.status);
    }

    /// The class of `failure` with `token`, which works once.
    pub(crate) fn class_of(&self, failure: &Failure, token: Option<&str>) -> FailureClass {
        self.tokens().class_of(failure.class, token)
    }

    /// Returns true if the page token that `window` stores may have been served in this run.
    pub(crate) fn has_that_of(&self, window: &Window) -> bool {
        let cursor = window.cursor();
        cursor.is_some_and(|cursor| self.tokens().may_be_served(&cursor.token))
    }

    fn tokens(&self) -> MutexGuard<'_, token_use::TokenUse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
