//! Random faults of a server, drawn from a seed. [`crate::fault_proxy`] breaks connections.

use std::collections::BTreeMap;

use super::WindowKey;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// HTTP 429 with a requested wait of one second.
    RateWithWait,
    /// HTTP 429 without a requested wait.
    Rate,
    /// HTTP 403 with a body about a rate limit; plain HTTP 429 for a vendor without that.
    Quota,
    /// HTTP 500.
    Internal,
    /// HTTP 503.
    Unavailable,
    /// HTTP 200 with truncated JSON.
    Garbage,
    /// A correct page, two seconds late.
    Stall,
    /// HTTP 400 that blames the page token. Only for requests with one.
    TokenRejected,
}

impl Fault {
    /// Every kind of fault.
    pub const ALL: [Self; 8] = [
        Self::RateWithWait,
        Self::Rate,
        Self::Quota,
        Self::Internal,
        Self::Unavailable,
        Self::Garbage,
        Self::Stall,
        Self::TokenRejected,
    ];
}

/// The delay of [`Fault::Stall`] in milliseconds.
pub(super) const STALL_MS: u64 = 2_000;
/// Maximum number of rejected tokens per window: each one restarts it, and another test covers
/// permanent rejections.
const REJECTIONS_PER_WINDOW_MAX: u32 = 2;

/// The fault plan of a vendor.
#[derive(Debug, Clone)]
pub struct Faults {
    rng: fastrand::Rng,
    percent: u8,
    kinds: Vec<Fault>,
    rejections: BTreeMap<WindowKey, u32>,
    drawn: BTreeMap<Fault, u32>,
}

impl Faults {
    /// A plan without faults.
    pub fn none() -> Self {
        Self::new(0, 0, &[])
    }

    /// A plan in which `percent` % of requests suffer one of `kinds`, with equal probability.
    pub fn new(seed: u64, percent: u8, kinds: &[Fault]) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            percent,
            kinds: kinds.to_vec(),
            rejections: BTreeMap::new(),
            drawn: BTreeMap::new(),
        }
    }

    /// The number of injected faults of each kind.
    pub fn drawn(&self) -> &BTreeMap<Fault, u32> {
        &self.drawn
    }

    /// Draws the fault of a request for a page of `window`; `None` without one.
    pub(super) fn draw(&mut self, window: &WindowKey, has_token: bool) -> Option<Fault> {
        if self.rng.u8(0..100) >= self.percent {
            return None;
        }
        let kind = self.rng.choice(&self.kinds).copied()?;
        if kind == Fault::TokenRejected {
            let rejections = self.rejections.entry(window.clone()).or_default();
            if !has_token || *rejections >= REJECTIONS_PER_WINDOW_MAX {
                return None;
            }
            *rejections += 1;
        }
        *self.drawn.entry(kind).or_default() += 1;
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> WindowKey {
        WindowKey {
            from: "a".to_owned(),
            to: "b".to_owned(),
        }
    }

    #[test]
    fn faults_follow_seed_and_cover_every_kind() {
        let run = || {
            let mut faults = Faults::new(11, 10, &Fault::ALL);
            let drawn: Vec<_> = (0..2_000).map(|_| faults.draw(&window(), true)).collect();
            (drawn, faults)
        };
        let (drawn, faults) = run();
        assert_eq!(drawn, run().0);
        assert_eq!(faults.drawn().len(), Fault::ALL.len());
        let struck = drawn.iter().flatten().count();
        assert!((100..300).contains(&struck), "{struck}");
    }

    #[test]
    fn token_is_rejected_twice_per_window_at_most() {
        let mut faults = Faults::new(11, 100, &Fault::ALL);
        let rejected = |faults: &mut Faults, has_token| {
            (0..500)
                .filter(|_| faults.draw(&window(), has_token) == Some(Fault::TokenRejected))
                .count()
        };
        assert_eq!(rejected(&mut faults, false), 0);
        assert_eq!(rejected(&mut faults, true), 2);
    }

    #[test]
    fn no_faults_are_drawn_when_disabled() {
        let mut faults = Faults::none();
        assert!((0..1_000).all(|_| faults.draw(&window(), true).is_none()));
    }
}
