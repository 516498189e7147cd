//! Random trouble that a server can make by itself, drawn from a seed. What takes a broken
//! connection is in [`crate::fault_proxy`].

use std::collections::BTreeMap;

use super::WindowKey;

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// 429 that asks to wait a second.
    RateWithWait,
    /// 429 without a word about how long.
    Rate,
    /// 403 whose body says that a rate limit was met; a plain 429 where the vendor has no such.
    Quota,
    /// 500.
    Internal,
    /// 503.
    Unavailable,
    /// 200 with a body that stops in the middle of its JSON.
    Garbage,
    /// A good page, two seconds late.
    Stall,
    /// 400 that blames the page token. Only for requests that carry one.
    TokenRejected,
}

impl Fault {
    /// Every kind.
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

/// How long [`Fault::Stall`] holds a page back.
pub(super) const STALL_MS: u64 = 2_000;
/// Rejected tokens a window meets, at most: each sends it back to page one, and a vendor that
/// always rejects is another test.
const REJECTIONS_PER_WINDOW_MAX: u32 = 2;

/// Draws faults.
#[derive(Debug, Clone)]
pub struct Faults {
    rng: fastrand::Rng,
    percent: u8,
    kinds: Vec<Fault>,
    rejections: BTreeMap<WindowKey, u32>,
    drawn: BTreeMap<Fault, u32>,
}

impl Faults {
    /// None, ever.
    pub fn none() -> Self {
        Self::new(0, 0, &[])
    }

    /// Each of `kinds` as likely as the others, in `percent` of a hundred requests.
    pub fn new(seed: u64, percent: u8, kinds: &[Fault]) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            percent,
            kinds: kinds.to_vec(),
            rejections: BTreeMap::new(),
            drawn: BTreeMap::new(),
        }
    }

    /// How often each kind has struck.
    pub fn drawn(&self) -> &BTreeMap<Fault, u32> {
        &self.drawn
    }

    /// What happens to a request for a page of `window`, if anything.
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
    fn ten_percent_of_many_requests_meet_every_kind_and_the_same_ones_for_the_same_seed() {
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
    fn a_token_is_rejected_twice_a_window_at_most_and_only_where_there_is_one() {
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
    fn no_trouble_is_no_trouble() {
        let mut faults = Faults::none();
        assert!((0..1_000).all(|_| faults.draw(&window(), true).is_none()));
    }
}
