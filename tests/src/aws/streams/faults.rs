//! Random faults of a stream, drawn from a seed.

use std::collections::BTreeMap;

/// A fault of a whole call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallFault {
    /// Nothing is accepted.
    Unavailable,
    /// Applied, and the connection closed without a response.
    LostResponse,
    /// Applied, and no response for longer than any client waits.
    Timeout,
}

/// The fault plan of a stream.
#[derive(Debug, Clone)]
pub struct StreamFaults {
    rng: fastrand::Rng,
    entry_percent: u8,
    call_percent: u8,
    kinds: Vec<CallFault>,
    drawn: BTreeMap<CallFault, u32>,
    failed_entries: u32,
}

impl StreamFaults {
    /// A plan without faults.
    pub fn none() -> Self {
        Self::new(0)
    }

    /// A plan without faults; `seed` determines those that are added.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            entry_percent: 0,
            call_percent: 0,
            kinds: Vec::new(),
            drawn: BTreeMap::new(),
            failed_entries: 0,
        }
    }

    /// `percent` % of entries fail inside HTTP 200.
    pub fn entries(self, percent: u8) -> Self {
        Self {
            entry_percent: percent,
            ..self
        }
    }

    /// `percent` % of calls suffer one of `kinds`, with equal probability.
    pub fn calls(self, percent: u8, kinds: &[CallFault]) -> Self {
        Self {
            call_percent: percent,
            kinds: kinds.to_vec(),
            ..self
        }
    }

    /// The number of injected faults of each kind.
    pub fn drawn(&self) -> &BTreeMap<CallFault, u32> {
        &self.drawn
    }

    /// The number of entries that failed inside HTTP 200.
    pub fn failed_entries(&self) -> u32 {
        self.failed_entries
    }

    pub(super) fn draw_call(&mut self) -> Option<CallFault> {
        if self.rng.u8(0..100) >= self.call_percent {
            return None;
        }
        let fault = self.rng.choice(&self.kinds).copied()?;
        *self.drawn.entry(fault).or_default() += 1;
        Some(fault)
    }

    pub(super) fn draw_entry(&mut self) -> bool {
        let fails = self.rng.u8(0..100) < self.entry_percent;
        self.failed_entries += u32::from(fails);
        fails
    }
}
