//! The standing of sources while the machine clock and the vendor clock differ.

use windlass_core::Progress;
use windlass_core::source::SourceDefinition;
use windlass_core::time::{DAY_MS, MINUTE_MS, Timestamp};
use windlass_core::trust::ClockOffset;
use windlass_state::StateStore;

use super::manifests::Manifests;
use super::standing::{Standing, Surroundings};
use super::{all, standing_of};
use crate::state::{Purpose, StateAddress};
use crate::testing::{Bench, CONFIG, at, block, window};

/// The standing of the only source of `bench` at `now` by the machine clock.
async fn look(bench: &Bench, now: Timestamp) -> Standing {
    let found = bench.state().state(Purpose::Look).await.unwrap();
    let listed = all(&found, now).await.unwrap().remove(0);
    let surroundings = Surroundings {
        manifests: &Manifests::default(),
        config: None,
        address: &StateAddress::Sqlite("windlass.db".into()),
        has_workers: true,
        now,
    };
    let standing = standing_of(&found.store, listed, &surroundings);
    standing.await.unwrap()
}

/// Stores a vendor clock that is `offset_ms` ahead of this machine's, as observed at `now`.
async fn observe_clock(
    store: &impl StateStore,
    definition: &SourceDefinition,
    offset_ms: i64,
    now: Timestamp,
) {
    let observed = ClockOffset {
        offset_ms: Some(offset_ms),
        observed_at: now,
    };
    let group = &definition.policy.rate_group;
    let stored = store.store_clock(group, &observed, "https://vendor.test:443");
    stored.await.unwrap();
}

#[tokio::test]
async fn slow_clock_shows_waiting_and_vendor_lag() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    store.apply_source(&definition, at(0)).await.unwrap();
    let live = window(&definition).id().timeline.clone();
    let begun = Progress::begin(live, definition.start, None, &definition.policy, at(0));
    let shard = definition.shard();
    store.save_progress(shard, &begun).await.unwrap();
    let now = definition.start.plus_ms(MINUTE_MS);
    observe_clock(&store, &definition, DAY_MS, now).await;

    let standing = look(&bench, now).await;
    let json = standing.to_json();
    assert_eq!(json["state"], "waiting");
    assert_eq!(json["trouble"], serde_json::Value::Null);
    assert_eq!(json["lag_ms"], DAY_MS + MINUTE_MS);
    assert_eq!(json["clock"]["ours"], serde_json::json!(now));
    assert_eq!(
        json["clock"]["vendor"],
        serde_json::json!(now.plus_ms(DAY_MS))
    );
    assert_eq!(
        standing.remarks(),
        [
            "okta: this machine's clock is 1d behind okta_system_log's (2026-01-01T00:01:00Z here, \
          2026-01-02T00:01:00Z there)"
        ]
    );
}

#[tokio::test]
async fn probe_is_due_by_machine_clock() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let stored = store.apply_source(&definition, at(0)).await.unwrap();
    let now = definition.start.plus_ms(MINUTE_MS);
    block(&store, &stored, now).await;
    observe_clock(&store, &definition, DAY_MS, now).await;
    let said = look(&bench, now).await.remarks().remove(0);
    assert!(
        said.contains("next probe at 2026-01-01T00:11:00Z"),
        "{said}"
    );
}

/// A vendor two hours ahead of a machine whose `windlass run` has caught up by the earlier clock.
#[tokio::test]
async fn behind_since_is_never_in_future() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    store.apply_source(&definition, at(0)).await.unwrap();
    let live = window(&definition).id().timeline.clone();
    let begun = Progress::begin(live, definition.start, None, &definition.policy, at(0));
    store
        .save_progress(definition.shard(), &begun)
        .await
        .unwrap();
    for ours_min in [0, 10, 30, 90, 600] {
        let now = definition.start.plus_ms(ours_min * MINUTE_MS);
        for ahead_min in [-120, 0, 120] {
            observe_clock(&store, &definition, ahead_min * MINUTE_MS, now).await;
            let json = look(&bench, now).await.to_json();
            let since: Option<Timestamp> = serde_json::from_value(json["since"].clone()).unwrap();
            assert!(since.is_none_or(|since| since <= now), "{json}");
            assert_eq!(since.is_some(), json["state"] == "behind", "{json}");
        }
    }
}
