//! The standing of sources while the machine clock and the vendor clock differ.

use windlass_core::Progress;
use windlass_core::source::{BlockCause, BlockChange, Blocked};
use windlass_core::time::{DAY_MS, MINUTE_MS, Timestamp};
use windlass_core::trust::ClockOffset;
use windlass_state::StateStore;

use super::manifests::Manifests;
use super::standing::{Standing, Surroundings};
use super::{all, standing_of};
use crate::state::{Purpose, StateAddress};
use crate::testing::{Bench, CONFIG, at, window};

/// The standing of the only source of `bench` at `now` by the machine clock.
async fn look(bench: &Bench, now: Timestamp) -> Standing {
    let found = bench.state().state(Purpose::Look).await.unwrap();
    let listed = all(&found, now).await.unwrap().remove(0);
    let surroundings = Surroundings {
        manifests: &Manifests::default(),
        address: &StateAddress::Sqlite("windlass.db".into()),
        has_workers: true,
        now,
    };
    let standing = standing_of(&found.store, listed, &surroundings);
    standing.await.unwrap()
}

#[tokio::test]
async fn a_source_at_rest_by_a_clock_a_day_slow_is_behind_and_the_clock_is_said() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    store.apply_source(&definition, at(0)).await.unwrap();
    let live = window(&definition).id().timeline.clone();
    let begun = Progress::begin(live, definition.start, None, &definition.policy, at(0));
    let shard = definition.shard();
    store.save_progress(shard, &begun).await.unwrap();
    let now = definition.start.plus_ms(MINUTE_MS);
    let seen = ClockOffset {
        offset_ms: Some(DAY_MS),
        observed_at: now,
    };
    let group = &definition.policy.rate_group;
    store
        .store_clock(group, &seen, "https://vendor.test:443")
        .await.unwrap();

    let standing = look(&bench, now).await;
    let json = standing.to_json();
    assert_eq!(json["state"], "behind");
    assert_eq!(json["lag_ms"], DAY_MS + MINUTE_MS);
    assert_eq!(json["clock"]["ours"], serde_json::json!(now));
    assert_eq!(
        json["clock"]["vendor"],
        serde_json::json!(now.plus_ms(DAY_MS))
    );
    assert_eq!(
        standing.remarks(),
        [
            "okta has been behind since 2026-01-01T00:22:02Z: start `windlass run`",
            "okta: this machine's clock is 1d behind okta_system_log's \
             (2026-01-01T00:01:00Z here, 2026-01-02T00:01:00Z there)"
        ]
    );
}

#[tokio::test]
async fn the_next_probe_is_due_by_this_machines_clock_whatever_the_vendors_shows() {
    let bench = Bench::new(CONFIG);
    let (store, definition) = (bench.store(), bench.definition());
    let stored = store.apply_source(&definition, at(0)).await.unwrap();
    let now = definition.start.plus_ms(MINUTE_MS);
    let blocked = Blocked::new("401".to_owned(), BlockCause::Refused, now, now);
    let block = BlockChange::Block(blocked);
    let (shard, name) = (definition.shard(), &definition.name);
    let blocks = store.block_source(shard, name, stored.version, &block);
    assert!(blocks.await.unwrap());
    let seen = ClockOffset {
        offset_ms: Some(DAY_MS),
        observed_at: now,
    };
    let group = &definition.policy.rate_group;
    store
        .store_clock(group, &seen, "https://vendor.test:443")
        .await.unwrap();
    let said = look(&bench, now).await.remarks().remove(0);
    assert!(
        said.contains("the next probe is due at 2026-01-01T00:11:00Z"),
        "{said}"
    );
}
