//! What a run has done with the page tokens of its window, where a token works once only.

use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_connectors::exchange::Failure;
use windlass_core::retry::FailureClass;
use windlass_core::window::Window;

/// The token that a run has sent last, unless its vendor has refused it without serving a page.
#[derive(Debug, Default)]
pub(crate) struct Sent(Mutex<Option<String>>);

impl Sent {
    /// `token` is about to be sent: from now on nobody knows whether it has been served.
    pub(crate) fn goes_out(&self, token: Option<&str>) {
        *self.last() = token.map(str::to_owned);
    }

    /// The vendor has answered what went out last with `failure`.
    pub(crate) fn failed(&self, failure: &Failure) {
        if is_refused_unserved(failure) {
            *self.last() = None;
        }
    }

    /// Whether `token` may have been served.
    pub(crate) fn has(&self, token: &str) -> bool {
        self.last().as_deref() == Some(token)
    }

    /// Whether the token that `window` stores may have been served in this run.
    pub(crate) fn has_that_of(&self, window: &Window) -> bool {
        let cursor = window.cursor();
        cursor.is_some_and(|cursor| self.has(&cursor.token))
    }

    fn last(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a vendor that fails like this has certainly served nothing: it asks to slow down, or does
/// not let the caller in. Of everything else nobody knows what came before the failure.
fn is_refused_unserved(failure: &Failure) -> bool {
    match failure.class {
        FailureClass::Rate => true,
        // RFC 9110, sections 15.5.2 and 15.5.4: refused for want of valid credentials or rights.
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
    fn a_token_is_as_new_only_after_a_refusal_that_served_nothing() {
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
            let sent = Sent::default();
            assert!(!sent.has("a"));
            sent.goes_out(Some("a"));
            assert!(sent.has("a") && !sent.has("b"));
            sent.failed(&failure(class, status));
            assert_eq!(sent.has("a"), spent, "{class:?} {status}");
        }
        let sent = Sent::default();
        sent.goes_out(Some("a"));
        sent.failed(&Failure::new(Block, "a link that leads elsewhere"));
        assert!(sent.has("a"), "such a link comes with a page");
    }
}
