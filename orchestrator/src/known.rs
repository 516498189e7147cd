//! What is known of a rate group when its sources are planned: its gate, and which clock is right.

use std::collections::BTreeSet;

use windlass_core::ids::RateGroup;
use windlass_core::limits;
use windlass_core::source::{RateGate, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, Jury, PlanTime, RateState};
use windlass_state::{StateError, StateStore};

/// The rate groups of `records`, each once.
fn groups_of(records: &[SourceRecord]) -> BTreeSet<RateGroup> {
    let groups = records
        .iter()
        .map(|record| record.definition.policy.rate_group.clone());
    groups.collect()
}

/// What is known of a rate group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: its sources rest, and nothing was asked.
    AtRest,
    /// What is stored of it, and the clocks of other groups and of the state's service where its own
    /// needs witnesses.
    Stored {
        /// Its gate and its vendor's clock.
        state: RateState,
        /// The other clocks.
        witnesses: Vec<ClockOffset>,
    },
}

impl Known {
    /// Reads what is stored of `group`, and the other clocks when they have a say.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read<S: StateStore>(store: &S, group: &RateGroup) -> Result<Self, StateError> {
        let state = store.rate_state(group).await?;
        let mut witnesses = Vec::new();
        if state.clock.is_some_and(|clock| clock.needs_witnesses()) {
            let groups = groups_of(&store.all_sources().await?);
            let others = groups.iter().filter(|other| *other != group);
            for other in others.take(limits::WITNESSES_MAX) {
                witnesses.extend(store.rate_state(other).await?.clock);
            }
            witnesses.extend(store.service_clock());
        }
        Ok(Self::Stored { state, witnesses })
    }

    /// The group's gate, if it is closed at `now`.
    pub fn gate(&self, now: Timestamp) -> Option<&RateGate> {
        match self {
            Self::AtRest => None,
            Self::Stored { state, .. } => {
                let gate = state.gate.as_ref()?;
                gate.closed_until(now).map(|_| gate)
            }
        }
    }

    /// Until when the group is closed, if it is.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.gate(now).map(|gate| gate.not_before)
    }

    /// Time for the planner of `record`, a source of the group.
    pub fn time(&self, record: &SourceRecord, now: Timestamp) -> PlanTime {
        match self {
            Self::AtRest => PlanTime::assumed(now),
            Self::Stored { state, witnesses } => {
                let choice = record.definition.policy.clock;
                PlanTime::of(now, state.clock.as_ref(), &Jury { choice, witnesses })
            }
        }
    }

    /// The other clocks that a worker has to know.
    pub(crate) fn witnesses(&self) -> &[ClockOffset] {
        match self {
            Self::AtRest => &[],
            Self::Stored { witnesses, .. } => witnesses,
        }
    }
}
