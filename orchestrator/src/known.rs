//! The facts about a rate group for the planning of its sources: its cooldown, and the trusted
//! clock.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use windlass_core::ids::RateGroup;
use windlass_core::limits;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, Jury, PlanTime, RateState, Witnesses};
use windlass_core::wait::Cooldown;
use windlass_state::{StateError, StateStore};

/// Rate groups read at the same time.
const READS_AT_ONCE: usize = 16;

/// The rate groups of `records`, each once.
pub(crate) fn groups_of(records: &[SourceRecord]) -> BTreeSet<RateGroup> {
    let groups = records
        .iter()
        .map(|record| record.definition.policy.rate_group.clone());
    groups.collect()
}

/// The facts about a rate group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// None: its sources rest, and nothing was read.
    AtRest,
    /// Its stored facts, and the clocks of other groups and of the state's service if its own needs
    /// witnesses.
    Stored {
        /// Its cooldown and its vendor's clock.
        state: RateState,
        /// The clocks of the witnesses.
        witnesses: Vec<ClockOffset>,
    },
}

impl Known {
    /// Reads the stored facts of `group`, and the other clocks when its own needs witnesses.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn read<S: StateStore>(store: &S, group: &RateGroup) -> Result<Self, StateError> {
        let state = store.rate_state(group).await?;
        let mut witnesses = Vec::new();
        if state.clock.is_some_and(|clock| clock.needs_witnesses()) {
            let groups = groups_of(&store.all_sources().await?);
            let others = groups.iter().filter(|other| *other != group);
            let mut seen = Witnesses::about(&state);
            for other in others.take(limits::WITNESSES_ASKED_MAX) {
                if seen.is_full() {
                    break;
                }
                seen.add(store.rate_state(other).await?);
            }
            witnesses.extend(seen.into_clocks());
            witnesses.extend(store.service_clock());
        }
        Ok(Self::Stored { state, witnesses })
    }

    /// Reads the stored facts of `groups`, one request for each: they are each other's witnesses.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn read_all<S: StateStore>(
        store: &S,
        groups: &BTreeSet<RateGroup>,
    ) -> Result<BTreeMap<RateGroup, Self>, StateError> {
        let read = async |group: &RateGroup| {
            let state = store.rate_state(group).await?;
            Ok::<_, StateError>((group.clone(), state))
        };
        let reads = stream::iter(groups.iter().map(read)).buffered(READS_AT_ONCE);
        let states: Vec<(RateGroup, RateState)> = reads.try_collect().await?;
        let known = |(group, state): &(RateGroup, RateState)| {
            let mut witnesses = Vec::new();
            if state.clock.is_some_and(|clock| clock.needs_witnesses()) {
                let mut seen = Witnesses::about(state);
                for (_, other) in states.iter().filter(|(other, _)| other != group) {
                    seen.add(other.clone());
                }
                witnesses.extend(seen.into_clocks());
                witnesses.extend(store.service_clock());
            }
            let state = state.clone();
            (group.clone(), Self::Stored { state, witnesses })
        };
        Ok(states.iter().map(known).collect())
    }

    /// The group's cooldown, if it lasts at `now`.
    pub fn cooldown(&self, now: Timestamp) -> Option<&Cooldown> {
        match self {
            Self::AtRest => None,
            Self::Stored { state, .. } => {
                let cooldown = state.cooldown.as_ref()?;
                cooldown.closed_until(now).map(|_| cooldown)
            }
        }
    }

    /// End of the group's cooldown, if it lasts at `now`.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.cooldown(now).map(|cooldown| cooldown.not_before)
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

    /// The witnesses that a worker of the group needs.
    pub(crate) fn witnesses(&self) -> &[ClockOffset] {
        match self {
            Self::AtRest => &[],
            Self::Stored { witnesses, .. } => witnesses,
        }
    }
}
