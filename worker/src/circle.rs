//! Noticing a pager that goes in circles.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use windlass_core::limits;

/// Notices a pager that goes in circles, by the last few tokens of this run.
#[derive(Debug, Default)]
pub(crate) struct Circle(VecDeque<u64>);

impl Circle {
    /// A memory that knows the token the run starts with.
    pub(crate) fn starting_at(token: Option<&str>) -> Self {
        Self(token.map(hash).into_iter().collect())
    }

    /// What is wrong with going on at `token`, if something is.
    pub(crate) fn closes(&mut self, token: Option<&str>) -> Option<&'static str> {
        let token = token?;
        if token.len() > limits::CURSOR_BYTES_MAX {
            return Some("the vendor's page token is too long to store");
        }
        let hash = hash(token);
        if self.0.contains(&hash) {
            return Some("the vendor's page tokens go in a circle");
        }
        self.remember(hash);
        None
    }

    fn remember(&mut self, hash: u64) {
        if self.0.len() == limits::CURSOR_MEMORY {
            self.0.pop_front();
        }
        self.0.push_back(hash);
    }
}

fn hash(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_comes_again_closes_the_circle() {
        let mut circle = Circle::default();
        for token in ["a", "b", "c"] {
            assert_eq!(circle.closes(Some(token)), None);
        }
        assert!(circle.closes(Some("a")).is_some());
        assert_eq!(circle.closes(None), None);
    }

    #[test]
    fn only_the_last_few_tokens_are_remembered() {
        let mut circle = Circle::default();
        for token in 0..=limits::CURSOR_MEMORY {
            assert_eq!(circle.closes(Some(&token.to_string())), None);
        }
        assert_eq!(circle.closes(Some("0")), None);
    }

    #[test]
    fn a_token_at_the_limit_is_kept_and_one_byte_more_is_refused() {
        let mut circle = Circle::default();
        assert_eq!(
            circle.closes(Some(&"x".repeat(limits::CURSOR_BYTES_MAX))),
            None
        );
        assert!(
            circle
                .closes(Some(&"x".repeat(limits::CURSOR_BYTES_MAX + 1)))
                .is_some()
        );
    }
}
