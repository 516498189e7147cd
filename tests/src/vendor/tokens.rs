//! Page tokens: opaque, replayable, and bound to their request.

use std::collections::HashMap;

use crate::timeline::mix;

/// Every issued token. Equal requests and pages have equal tokens.
#[derive(Debug, Default)]
pub(super) struct TokenBook {
    given: HashMap<String, Place>,
    tokens: HashMap<Place, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    /// The parameters of the request without the token.
    request: String,
    /// Number of records before the page.
    offset: usize,
}

impl TokenBook {
    /// The token for the page of `request` that begins after `offset` records.
    pub(super) fn give(&mut self, request: &str, offset: usize) -> String {
        let place = Place {
            request: request.to_owned(),
            offset,
        };
        let number = u64::try_from(self.given.len()).unwrap_or(u64::MAX);
        let token = self.tokens.entry(place.clone()).or_insert_with(|| {
            // Long enough to resemble a vendor's token, short enough to read in a log.
            format!("t{:016x}{:016x}", mix(number), mix(mix(number)))
        });
        self.given.entry(token.clone()).or_insert(place);
        token.clone()
    }

    /// The offset at which `token` continues `request`; `None` if it was not issued for that
    /// request.
    pub(super) fn redeem(&self, token: &str, request: &str) -> Option<usize> {
        let place = self.given.get(token)?;
        (place.request == request).then_some(place.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_replayable_and_bound_to_request() {
        let mut book = TokenBook::default();
        let token = book.give("a=1", 20);
        assert_eq!(book.redeem(&token, "a=1"), Some(20));
        assert_eq!(book.redeem(&token, "a=1"), Some(20));
        assert_eq!(book.redeem(&token, "a=2"), None);
        assert_eq!(book.redeem("t0", "a=1"), None);
    }

    #[test]
    fn each_page_has_its_own_stable_token() {
        let mut book = TokenBook::default();
        let token = book.give("a=1", 20);
        assert_eq!(book.give("a=1", 20), token);
        assert_ne!(book.give("a=1", 40), token);
        assert_ne!(book.give("a=2", 20), token);
    }
}
