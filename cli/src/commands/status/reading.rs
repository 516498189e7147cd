//! Reads the sources of a whole state: every window, or only the listings where windows would take
//! too many requests.

use std::collections::BTreeSet;

use windlass_core::ids::{RateGroup, SourceName};
use windlass_core::limits;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::view::SourceView;
use windlass_orchestrator::{Known, Listed, Overview, overview, requests_of};

use super::{definitions, not_started};
use crate::state::StateAddress;
use crate::target::Found;

/// Requests to open a table: one, for its own item.
const OPEN_REQUESTS: usize = 1;

/// A source, with or without its windows.
pub(super) enum Reading {
    /// The windows are read.
    Exact(SourceRecord),
    /// Its windows are not open, or the summary in its marks must suffice.
    Listed(SourceView),
}

impl Reading {
    const fn record(&self) -> &SourceRecord {
        match self {
            Self::Exact(record) | Self::Listed(SourceView { record, .. }) => record,
        }
    }
}

/// Every source of the state and of the configuration, by name, with the state of its rate group.
pub(super) async fn all(found: &Found, now: Timestamp) -> anyhow::Result<Vec<(Reading, Known)>> {
    let requests_max = match &found.address {
        // Reading a file takes no requests.
        StateAddress::Sqlite(_) => usize::MAX,
        StateAddress::DynamoDb(_) => limits::LOOK_REQUESTS_MAX,
    };
    let overview = overview(&found.store, now).await?;
    let is_exact = fits(&overview, requests_max);
    let mut groups = BTreeSet::new();
    if is_exact {
        groups = groups_of(&overview);
    }
    let known = Known::read_all(&found.store, &groups).await?;
    let mut sources = Vec::with_capacity(overview.sources.len());
    for listed in overview.sources {
        let group = &listed.record().definition.policy.rate_group;
        let known = known.get(group).cloned().unwrap_or(Known::AtRest);
        sources.push((reading(listed, is_exact), known));
    }
    let name = |(source, _): &(Reading, Known)| source.record().definition.name.clone();
    let stored: BTreeSet<SourceName> = sources.iter().map(name).collect();
    let new = definitions(found).filter(|new| !stored.contains(&new.name));
    sources.extend(new.map(|new| {
        let record = not_started(new, now);
        let lanes = Vec::new();
        (Reading::Listed(SourceView { record, lanes }), Known::AtRest)
    }));
    sources.sort_by_key(name);
    Ok(sources)
}

fn groups_of(overview: &Overview) -> BTreeSet<RateGroup> {
    let group = |listed: &Listed| listed.record().definition.policy.rate_group.clone();
    overview.sources.iter().map(group).collect()
}

/// Returns true if `requests_max` requests suffice for everything about the sources of `overview`:
/// the listings, each rate group, and the windows of each source with open windows.
fn fits(overview: &Overview, requests_max: usize) -> bool {
    let windows = overview.sources.iter().map(|listed| match listed {
        Listed::Open(view) => requests_of(view),
        Listed::Resting(_) | Listed::Unlisted(_) => 0,
    });
    let groups = groups_of(overview).len();
    OPEN_REQUESTS + overview.requests + groups + windows.sum::<usize>() <= requests_max
}

fn reading(listed: Listed, is_exact: bool) -> Reading {
    match listed {
        Listed::Open(SourceView { record, .. }) if is_exact => Reading::Exact(record),
        Listed::Resting(view) | Listed::Open(view) => Reading::Listed(view),
        // Only its record is known.
        Listed::Unlisted(record) => Reading::Exact(record),
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::Timestamp;
    use windlass_orchestrator::read_source;
    use windlass_state::StateStore;

    use super::*;
    use crate::testing::{Bench, CONFIG};

    #[tokio::test]
    async fn sources_are_read_singly_up_to_limit() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        let now = Timestamp::from_ms(0);
        let record = store.apply_source(&definition, now).await.unwrap();
        let view = read_source(&store, record, now).await.unwrap();
        let lanes = view.lanes.len();
        let overview = Overview {
            sources: vec![Listed::Open(view.clone()), Listed::Resting(view)],
            requests: 129,
        };
        // The table, the listings, the one group, the marks twice, the windows of each lane.
        let all = 1 + 129 + 1 + 2 + lanes;
        assert!(fits(&overview, all) && !fits(&overview, all - 1));
        let at_rest = Overview {
            sources: Vec::new(),
            ..overview
        };
        assert!(fits(&at_rest, limits::LOOK_REQUESTS_MAX));
    }
}
