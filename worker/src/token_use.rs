//! The use of one-time page tokens within a run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_connectors::exchange::Failure;
use windlass_core::retry::FailureClass;
use windlass_core::window::Window;

/// The page token that a run has sent last, unless its vendor rejected it without serving a page.
#[derive(Debug, Default)]
pub(crate) struct TokenUse(Mutex<Option<String>>);

impl TokenUse {
    /// Marks `token` as sent: from here on it may have been served.
    pub(crate) fn goes_out(&self, token: Option<&str>) {
        *self.last() = token.map(str::to_owned);
    }

    /// Records the vendor's `failure` response to the last token.
    pub(crate) fn failed(&self, failure: &Failure) {
        if is_refused_unserved(failure) {
            *self.last() = None;
        }
    }

    /// Returns true if `token` may have been served.
    pub(crate) fn has(&self, token: &str) -> bool {
        self.last().as_deref() == Some(token)
    }

    /// Returns true if the page token that `window` stores may have been served in this run.
    pub(crate) fn has_that_of(&self, window: &Window) -> bool {
        let cursor = window.cursor();
        cursor.is_some_and(|cursor| self.has(&cursor.token))
    }

    fn last(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true if a vendor that fails like this has certainly served nothing: it asks to slow
/// down, or rejects the credentials. Any other failure may come after the page was served.
fn is_refused_unserved(failure: &Failure) -> bool {
    match failure.class {
        FailureClass::Rate => true,
        // RFC 9110, sections 15.5.2 and 15.5.4: rejected for want of valid credentials or rights.
        FailureClass::Block => matches!(failure.status, Some(401 | 403)),
        FailureClass::Outage | FailureClass::Page | FailureClass::Restart | FailureClass::Split => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: FailureClass, status: u16) -> Failure {
        Failure::new(class, "no").with_status(status)
    }

    #[test]
    fn only_refused_request_leaves_token_unsent() {
        use FailureClass::{Block, Outage, Page, Rate, Restart, Split};
        for (class, status, spent) in [
            (Rate, 429, false),
            (Rate, 200, false),
            (Block, 401, false),
            (Block, 403, false),
            (Block, 200, true),
            (Block, 302, true),
            (Outage, 503, true),
            (Page, 200, true),
            (Restart, 400, true),
            (Split, 413, true),
        ] {
            let token_use = TokenUse::default();
            assert!(!token_use.has("a"));
            token_use.goes_out(Some("a"));
            assert!(token_use.has("a") && !token_use.has("b"));
            token_use.failed(&failure(class, status));
            assert_eq!(token_use.has("a"), spent, "{class:?} {status}");
        }
        let token_use = TokenUse::default();
        token_use.goes_out(Some("a"));
        token_use.failed(&Failure::new(Block, "a link that leads elsewhere"));
        assert!(token_use.has("a"), "such a link comes with a page");
    }
}
