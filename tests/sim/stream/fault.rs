//! The faults between a stream and its caller.

use std::collections::BTreeMap;

use windlass_core::Timestamp;

use super::StreamSpec;

/// One way in which a call fails, or takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StreamFault {
    /// Nothing is taken: too many records were sent.
    Throttled,
    /// Nothing is taken: an internal error of the service.
    Broken,
    /// The connection ends before the call has arrived.
    HangupBefore,
    /// Everything is taken, and the connection ends.
    HangupAfter,
    /// Everything is taken, and no response comes.
    Silence,
    /// Some records are taken, and the response names them.
    Entries,
    /// Everything is taken, and the response lacks its last entry.
    ShortResponse,
    /// Nothing is taken, and the response counts failures that it does not name.
    Uncounted,
    /// Everything is taken, and the response takes seconds.
    Slow,
    /// Nothing is taken: permission denied. Occurs as an outage only, until it is over.
    Denied,
}

impl StreamFault {
    /// All sporadic faults.
    pub(crate) const ALL: [Self; 9] = [
        Self::Throttled,
        Self::Broken,
        Self::HangupBefore,
        Self::HangupAfter,
        Self::Silence,
        Self::Entries,
        Self::ShortResponse,
        Self::Uncounted,
        Self::Slow,
    ];

    /// Its name in counts.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Throttled => "stream_throttled",
            Self::Broken => "stream_broken",
            Self::HangupBefore => "stream_hangup_before",
            Self::HangupAfter => "stream_hangup_after",
            Self::Silence => "stream_silence",
            Self::Entries => "stream_entries",
            Self::ShortResponse => "stream_short_response",
            Self::Uncounted => "stream_uncounted",
            Self::Slow => "stream_slow",
            Self::Denied => "stream_denied",
        }
    }
}

/// The randomness of faults, and their counts.
#[derive(Debug)]
pub(super) struct StreamFaults {
    rng: fastrand::Rng,
    per_mille: u32,
    kinds: Vec<StreamFault>,
    /// The fault of every call until an instant.
    trouble: Option<(StreamFault, Timestamp)>,
    struck: BTreeMap<&'static str, u64>,
}

impl StreamFaults {
    pub(super) fn new(spec: &StreamSpec, seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            per_mille: spec.faults_per_mille,
            kinds: spec.kinds.clone(),
            trouble: None,
            struck: BTreeMap::new(),
        }
    }

    pub(super) fn stop(&mut self) {
        (self.per_mille, self.trouble) = (0, None);
    }

    /// Makes every call meet `fault` until `until`.
    pub(super) fn trouble(&mut self, fault: StreamFault, until: Timestamp) {
        self.trouble = Some((fault, until));
    }

    /// Draws the fault of a call that arrives `now`, if it has one.
    pub(super) fn draw(&mut self, now: Timestamp) -> Option<StreamFault> {
        let trouble = self.trouble.filter(|(_, until)| now < *until);
        let fault = match trouble {
            Some((fault, _)) => fault,
            _ if self.rng.u32(0..1_000) < self.per_mille => *self.rng.choice(&self.kinds)?,
            _ => return None,
        };
        *self.struck.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    pub(super) fn struck(&self) -> &BTreeMap<&'static str, u64> {
        &self.struck
    }

    /// The randomness for the details of a fault.
    pub(super) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }
}
