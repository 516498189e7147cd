//! The clock of the service that holds the table, as a witness.

use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::time::DAY_MS;
use windlass_core::trust::ClockOffset;
use windlass_orchestrator::Known;
use windlass_state::StateStore;

use super::scene::{at, definition, fresh};

/// The instant that a tick trusts, in milliseconds after the machine clock, while a vendor clock is
/// `offset_ms` ahead of it.
async fn trusted(store: &impl StateStore, offset_ms: i64) -> Option<i64> {
    let source = definition("okta");
    let source = SourceDefinition {
        policy: Policy {
            clock: None,
            ..source.policy
        },
        ..source
    };
    let record = store.apply_source(&source, at(0)).await.unwrap();
    let group = &source.policy.rate_group;
    let seen = ClockOffset {
        offset_ms: Some(offset_ms),
        observed_at: at(0),
    };
    store
        .store_clock(group, &seen, "https://vendor.test:443")
        .await
        .unwrap();
    let known = Known::read(store, group).await.unwrap();
    let trusted = known.time(&record, at(0)).trusted()?;
    Some(trusted.at().ms_since(at(0)))
}

/// The clock of these tests stands at the beginning of 2026, that of the emulator does not.
#[tokio::test]
async fn dynamodb_clock_is_witness_for_single_vendor() {
    let (store, _table) = fresh().await;
    let service = store.service_clock().expect("a response came");
    let offset_ms = service.offset_ms.expect("responses carry a Date");
    assert!(offset_ms > 2 * DAY_MS, "{offset_ms}");
    assert_eq!(trusted(&store, offset_ms).await, Some(offset_ms));
    let other_ms = offset_ms + 100 * DAY_MS;
    assert_eq!(trusted(&store, other_ms).await, None, "none agrees");
}
