//! Random faults of a state table, drawn from a seed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateFault {
    /// Not applied: `ProvisionedThroughputExceededException`.
    Throttled,
    /// Not applied because a transaction holds the item; other operations are forwarded.
    Conflict,
    /// HTTP 500, not applied.
    Internal,
    /// Applied, and the connection closed without a response.
    LostResponse,
}

/// The fault plan of a state table.
#[derive(Debug, Clone)]
pub struct StateFaults {
    rng: fastrand::Rng,
    percent: u8,
    kinds: Vec<StateFault>,
    latency_ms: RangeInclusive<i64>,
    drawn: BTreeMap<StateFault, u32>,
}

impl StateFaults {
    /// A plan without faults.
    pub fn none() -> Self {
        Self::new(0, 0, &[])
    }

    /// A plan in which `percent` % of calls suffer one of `kinds`, with equal probability.
    pub fn new(seed: u64, percent: u8, kinds: &[StateFault]) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            percent,
            kinds: kinds.to_vec(),
            latency_ms: 0..=0,
            drawn: BTreeMap::new(),
        }
    }

    /// Delays every call by this time, in milliseconds.
    pub fn latency_ms(self, latency_ms: RangeInclusive<i64>) -> Self {
        Self { latency_ms, ..self }
    }

    /// The number of injected faults of each kind.
    pub fn drawn(&self) -> &BTreeMap<StateFault, u32> {
        &self.drawn
    }

    /// Draws the delay of a call in milliseconds, and its fault.
    pub(super) fn draw(&mut self) -> (i64, Option<StateFault>) {
        let latency_ms = self.rng.i64(self.latency_ms.clone());
        if self.rng.u8(0..100) >= self.percent {
            return (latency_ms, None);
        }
        let fault = self.rng.choice(&self.kinds).copied();
        if let Some(fault) = fault {
            *self.drawn.entry(fault).or_default() += 1;
        }
        (latency_ms, fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_draws_same_faults_of_every_kind() {
        let kinds = [
            StateFault::Throttled,
            StateFault::Conflict,
            StateFault::Internal,
            StateFault::LostResponse,
        ];
        let run = || {
            let mut faults = StateFaults::new(5, 30, &kinds).latency_ms(1..=9);
            let drawn: Vec<_> = (0..500).map(|_| faults.draw()).collect();
            (drawn, faults.drawn().clone())
        };
        let (drawn, tally) = run();
        assert_eq!((drawn.clone(), tally.clone()), run());
        assert_eq!(tally.len(), kinds.len());
        assert!(drawn.iter().all(|(ms, _)| (1..=9).contains(ms)));
        let mut calm = StateFaults::none();
        assert!((0..100).all(|_| calm.draw() == (0, None)));
    }
}
