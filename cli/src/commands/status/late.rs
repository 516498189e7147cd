//! The lateness of a source's records as found by its sweeps, and the sweep windows that are gaps.

use serde_json::{Value, json};
use windlass_core::duration::Exact;
use windlass_core::ids::Lane;
use windlass_core::lateness::{Found, found, proposed_settle_ms};
use windlass_core::summary::Summary;
use windlass_core::view::SourceView;

use crate::output::second;

/// The results of one source's sweeps.
pub(super) struct Late {
    /// The result of each sweep that has compared records.
    found: Vec<Found>,
    settle_ms: i64,
    /// A `settle` that would leave fewer records to sweeps.
    proposed_settle_ms: Option<i64>,
    /// The parked sweep windows and the time since which there are any; `None` if the last tick did
    /// not count them.
    holes: Option<Summary>,
}

impl Late {
    pub(super) fn of(view: &SourceView) -> Self {
        let policy = &view.record.definition.policy;
        let mut found = found(policy, view.lanes.iter().map(|lane| &lane.progress));
        found.retain(|found| found.late_share().is_some());
        Self {
            proposed_settle_ms: proposed_settle_ms(policy.settle_ms, &found),
            found,
            settle_ms: policy.settle_ms,
            holes: view.summary_of(|lane| matches!(lane, Lane::Sweep(_))),
        }
    }

    /// The JSON of each sweep: the age of the time it reads, and its numbers of late-arriving and
    /// known records.
    pub(super) fn to_json(&self) -> Value {
        let found = |found: &Found| json!({ "after_ms": found.after_ms, "late": found.late, "known": found.known });
        self.found.iter().map(found).collect()
    }

    pub(super) fn proposed_settle_ms(&self) -> Option<i64> {
        self.proposed_settle_ms
    }

    pub(super) fn holes(&self) -> Option<u32> {
        self.holes.map(|holes| holes.parked)
    }

    /// The results of the sweeps as a sentence; `None` before the first has compared records.
    fn in_words(&self) -> Option<String> {
        let after = |found: &Found| Exact(found.after_ms).to_string();
        if self.found.iter().all(|found| percent(found).is_none()) {
            let after: Vec<_> = self.found.iter().map(after).collect();
            return (!after.is_empty())
                .then(|| format!("no late-arriving records after {}", after.join(" and ")));
        }
        let shares = self.found.iter().map(|it| {
            let share = percent(it).unwrap_or_else(|| "none".to_owned());
            format!("{share} after {}", after(it))
        });
        let shares: Vec<_> = shares.collect();
        Some(format!("late-arriving records: {}", shares.join(", ")))
    }

    /// The remarks about the source `name`, one per line.
    pub(super) fn remarks(&self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(found) = self.in_words() {
            lines.push(format!("{name}: {found}"));
        }
        if let Some(proposed_ms) = self.proposed_settle_ms {
            lines.push(format!(
                "{name}: `settle` is {}; with {}, sweeps would find 1 in 1,000 records",
                Exact(self.settle_ms),
                Exact(proposed_ms)
            ));
        }
        if let Some(Summary {
            parked,
            parked_since: Some(since),
            ..
        }) = self.holes
        {
            let spans = if parked == 1 {
                "sweep window"
            } else {
                "sweep windows"
            };
            lines.push(format!(
                "{name}: {parked} {spans} parked since {}: late-arriving records may be \
                 missing;\n  `windlass retry --all {name}` retries them",
                second(since)
            ));
        }
        lines
    }
}

/// The share of late-arriving records of one sweep, in percent; `None` without any.
fn percent(found: &Found) -> Option<String> {
    let percent = found.late_share()? * 100.0;
    match found.late {
        0 => None,
        _ if percent < 0.01 => Some("under 0.01 %".to_owned()),
        _ => Some(format!("{percent:.2} %")),
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::time::{DAY_MS, MINUTE_MS};
    use windlass_core::transition::Event;
    use windlass_core::view::LaneView;
    use windlass_core::window::Window;
    use windlass_state::StateStore;

    use super::*;
    use crate::testing::{Bench, CONFIG, at, window};

    /// The view of `okta` after its sweeps at 24 and 72 hours found these numbers of late-arriving
    /// and known records.
    async fn swept(found: [(u64, u64); 2]) -> SourceView {
        let bench = Bench::new(CONFIG);
        let mut definition = bench.definition();
        definition.policy.settle_ms = 10 * MINUTE_MS;
        definition.policy.sweeps_ms = vec![DAY_MS, 3 * DAY_MS];
        let store = bench.store();
        let record = store.apply_source(&definition, at(0)).await.unwrap();
        let mut view = windlass_orchestrator::read_source(&store, record, at(0))
            .await
            .unwrap();
        for (lane, (late, known)) in view.lanes.iter_mut().skip(1).zip(found) {
            (lane.progress.late, lane.progress.known) = (late, known);
        }
        view
    }

    #[tokio::test]
    async fn lateness_reads_like_this() {
        for (found, expected) in [
            (
                [(940, 99_060), (30, 99_970)],
                vec!["okta: late-arriving records: 0.94 % after 1d, 0.03 % after 3d"],
            ),
            (
                [(140, 99_860), (1, 99_999)],
                vec![
                    "okta: late-arriving records: 0.14 % after 1d, under 0.01 % after 3d",
                    "okta: `settle` is 10m; with 43m, sweeps would find 1 in 1,000 records",
                ],
            ),
            (
                [(0, 50), (1, 99)],
                vec!["okta: late-arriving records: none after 1d, 1.00 % after 3d"],
            ),
            (
                [(0, 50), (0, 0)],
                vec!["okta: no late-arriving records after 1d"],
            ),
            (
                [(0, 50), (0, 50)],
                vec!["okta: no late-arriving records after 1d and 3d"],
            ),
            ([(0, 0), (0, 0)], vec![]),
        ] {
            let late = Late::of(&swept(found).await);
            assert_eq!(late.remarks("okta"), expected, "{found:?}");
        }
    }

    #[tokio::test]
    async fn json_lists_sweeps_with_compared_records() {
        let late = Late::of(&swept([(140, 99_860), (0, 0)]).await);
        assert_eq!(
            late.to_json(),
            json!([{ "after_ms": 86_400_000, "late": 140, "known": 99_860 }])
        );
        assert_eq!(Late::of(&swept([(0, 0); 2]).await).to_json(), json!([]));
    }

    #[tokio::test]
    async fn parked_sweep_windows_are_shown_with_retry() {
        let mut view = swept([(0, 0); 2]).await;
        let progress = view.lanes[1].progress.clone();
        let window: Window = window(&view.record.definition);
        let window = window.with(|form| form.lane = progress.timeline.lane.clone());
        let park = Event::Park {
            reason: "page 3 cannot be read".to_owned(),
            now: at(1),
        };
        let parked = window.apply(&park).unwrap();
        view.lanes[1] = LaneView::read(progress, vec![parked], Vec::new());
        let late = Late::of(&view);
        assert_eq!(late.holes(), Some(1));
        assert_eq!(
            late.remarks("okta"),
            [
                "okta: 1 sweep window parked since 2026-01-01T00:01:00Z: late-arriving records \
                 may be missing;\n  `windlass retry --all okta` retries them"
            ]
        );
    }
}
