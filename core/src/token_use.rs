//! The use of page tokens that work once: whether the vendor may have served the one that was sent last.

use crate::retry::FailureClass;

/// The page token that a run has sent last, unless its vendor denied it without serving a page.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TokenUse {
    last: Option<String>,
}

impl TokenUse {
    /// `token` is about to be sent: from now on it may have been served.
    pub fn sent(&mut self, token: Option<&str>) {
        self.last = token.map(str::to_owned);
    }

    /// The request that was sent last has failed with `class`, and with `status` if there was a response.
    pub fn failed(&mut self, class: FailureClass, status: Option<u16>) {
        if is_unserved(class, status) {
            self.last = None;
        }
    }

    /// Returns true if `token` may have been served.
    pub fn may_be_served(&self, token: &str) -> bool {
        self.last.as_deref() == Some(token)
    }

    /// The class of a failure of `class` with `token`, which works once. If the response was lost, or cannot
    /// be used, the vendor may have moved on: the same token would return the page after.
    pub fn class_of(&self, class: FailureClass, token: Option<&str>) -> FailureClass {
        let is_spent = token.is_some_and(|token| self.may_be_served(token));
        match class {
            FailureClass::Outage | FailureClass::Page if is_spent => FailureClass::Restart,
            class => class,
        }
    }
}

/// Whether a vendor that fails like this has certainly served nothing: it asks to slow down, or denies
/// access. Any other failure may follow a page that was served.
fn is_unserved(class: FailureClass, status: Option<u16>) -> bool {
    match class {
        FailureClass::Rate => true,
        // RFC 9110, sections 15.5.2 and 15.5.4: no valid credentials or rights.
        FailureClass::Block => matches!(status, Some(401 | 403)),
        FailureClass::Outage | FailureClass::Page | FailureClass::Restart | FailureClass::Split => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureClass::{Block, Outage, Page, Rate, Restart, Split};

    #[test]
    fn only_refused_request_leaves_token_unsent() {
        for (class, status, spent) in [
            (Rate, Some(429), false),
            (Rate, Some(200), false),
            (Block, Some(401), false),
            (Block, Some(403), false),
            (Block, Some(200), true),
            (Block, Some(302), true),
            // A link that leads elsewhere comes with a page.
            (Block, None, true),
            (Outage, Some(503), true),
            (Page, Some(200), true),
            (Restart, Some(400), true),
            (Split, Some(413), true),
        ] {
            let mut tokens = TokenUse::default();
            assert!(!tokens.may_be_served("a"));
            tokens.sent(Some("a"));
            assert!(tokens.may_be_served("a") && !tokens.may_be_served("b"));
            tokens.failed(class, status);
            assert_eq!(tokens.may_be_served("a"), spent, "{class:?} {status:?}");
        }
    }

    #[test]
    fn lost_response_to_a_spent_token_restarts_the_window() {
        let mut tokens = TokenUse::default();
        tokens.sent(Some("a"));
        assert_eq!(tokens.class_of(Outage, Some("a")), Restart);
        assert_eq!(tokens.class_of(Page, Some("a")), Restart);
        assert_eq!(tokens.class_of(Rate, Some("a")), Rate);
        assert_eq!(tokens.class_of(Outage, Some("b")), Outage);
        assert_eq!(tokens.class_of(Outage, None), Outage);
    }
}
