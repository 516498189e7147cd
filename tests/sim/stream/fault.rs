//! What goes wrong between a stream and who calls it.

use std::collections::BTreeMap;

use windlass_core::{Span, Timestamp};

use super::StreamSpec;

/// One way in which a call fails, or takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StreamFault {
    /// Nothing is taken: too much was sent.
    Throttled,
    /// Nothing is taken: an error of the service's own.
    Broken,
    /// The connection ends before the call has arrived.
    HangupBefore,
    /// Everything is taken, and the connection ends.
    HangupAfter,
    /// Everything is taken, and no answer comes.
    Silence,
    /// Some records are taken, and the answer says which.
    Entries,
    /// Everything is taken, and the answer lacks its last entry.
    ShortAnswer,
    /// Nothing is taken, and the answer counts failures that it does not name.
    Uncounted,
    /// Everything is taken, and the answer takes seconds.
    Slow,
}

impl StreamFault {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Throttled,
        Self::Broken,
        Self::HangupBefore,
        Self::HangupAfter,
        Self::Silence,
        Self::Entries,
        Self::ShortAnswer,
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
            Self::ShortAnswer => "stream_short_answer",
            Self::Uncounted => "stream_uncounted",
            Self::Slow => "stream_slow",
        }
    }
}

/// The dice, and what they have shown.
#[derive(Debug)]
pub(super) struct StreamFaults {
    rng: fastrand::Rng,
    per_mille: u32,
    kinds: Vec<StreamFault>,
    /// What every call meets from one instant to another.
    outages: Vec<(StreamFault, Span)>,
    struck: BTreeMap<&'static str, u64>,
}

impl StreamFaults {
    pub(super) fn new(spec: &StreamSpec, begin: Timestamp, seed: u64) -> Self {
        let outages = spec.outages.iter().filter_map(|it| {
            let from = begin.plus_ms(it.after_ms);
            let span = Span::new(from, from.plus_ms(it.length_ms)).ok()?;
            Some((it.fault, span))
        });
        Self {
            rng: fastrand::Rng::with_seed(seed),
            per_mille: spec.faults_per_mille,
            kinds: spec.kinds.clone(),
            outages: outages.collect(),
            struck: BTreeMap::new(),
        }
    }

    pub(super) fn stop(&mut self) {
        self.per_mille = 0;
        self.outages.clear();
    }

    /// What happens to a call that arrives `now`, if anything.
    pub(super) fn draw(&mut self, now: Timestamp) -> Option<StreamFault> {
        let outage = self.outages.iter().find(|(_, span)| span.contains(now));
        let fault = match outage {
            Some((fault, _)) => *fault,
            _ if self.rng.u32(0..1_000) < self.per_mille => *self.rng.choice(&self.kinds)?,
            _ => return None,
        };
        *self.struck.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    pub(super) fn struck(&self) -> &BTreeMap<&'static str, u64> {
        &self.struck
    }

    /// The dice, for what a fault needs beside its kind.
    pub(super) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }
}
