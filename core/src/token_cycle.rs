//! Detection of page tokens that lead back to a page that was read.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::limits;

/// A detector of token cycles within one run. A short cycle is found at once, by the last few tokens; one
/// of any length by a landmark that moves on after 1, 2, 4, 8, ... tokens. Once the landmark lies on the
/// cycle and stays for longer than one round, the tokens come by it again.
#[derive(Debug, Default)]
pub struct CycleDetector {
    recent: VecDeque<u64>,
    landmark: Option<u64>,
    seen: u64,
}

impl CycleDetector {
    /// A detector that has seen the token the run starts with.
    pub fn starting_at(token: Option<&str>) -> Self {
        let mut cycle = Self::default();
        if let Some(token) = token {
            cycle.remember(hash(token));
        }
        cycle
    }

    /// The problem with `token`, the next one; `None` if it leads on, or if there is no next page.
    pub fn closes(&mut self, token: Option<&str>) -> Option<&'static str> {
        let token = token?;
        if token.len() > limits::CURSOR_BYTES_MAX {
            return Some("the vendor's page token is longer than the limit of 16 KiB");
        }
        let hash = hash(token);
        if self.recent.contains(&hash) || self.landmark == Some(hash) {
            return Some("the vendor's page tokens form a cycle");
        }
        self.remember(hash);
        None
    }

    fn remember(&mut self, hash: u64) {
        if self.recent.len() == limits::CURSOR_MEMORY {
            self.recent.pop_front();
        }
        self.recent.push_back(hash);
        self.seen += 1;
        if self.seen.is_power_of_two() {
            self.landmark = Some(hash);
        }
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
    fn repeated_token_closes_cycle() {
        let mut cycle = CycleDetector::default();
        for token in ["a", "b", "c"] {
            assert_eq!(cycle.closes(Some(token)), None);
        }
        assert!(cycle.closes(Some("a")).is_some());
        assert_eq!(cycle.closes(None), None);
    }

    #[test]
    fn only_recent_tokens_are_remembered() {
        let mut cycle = CycleDetector::default();
        for token in 0..100 * limits::CURSOR_MEMORY {
            assert_eq!(cycle.closes(Some(&token.to_string())), None);
        }
        assert_eq!(cycle.recent.len(), limits::CURSOR_MEMORY);
        assert_eq!(cycle.closes(Some("0")), None);
    }

    #[test]
    fn cycle_of_any_length_closes_within_rounds() {
        for (before, length) in [(0, 9), (5, 100), (300, 1_000)] {
            let mut cycle = CycleDetector::default();
            let tokens = (0..before).chain((before..before + length).cycle());
            let seen = tokens
                .take_while(|token| cycle.closes(Some(&token.to_string())).is_none())
                .take(10_000)
                .count();
            assert!(seen <= 3 * (before + length), "{before} {length}: {seen}");
        }
    }

    #[test]
    fn token_over_byte_limit_is_refused() {
        let mut cycle = CycleDetector::default();
        assert_eq!(
            cycle.closes(Some(&"x".repeat(limits::CURSOR_BYTES_MAX))),
            None
        );
        assert!(
            cycle
                .closes(Some(&"x".repeat(limits::CURSOR_BYTES_MAX + 1)))
                .is_some()
        );
    }
}
