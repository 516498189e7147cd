//! Both stops of the scenario.

use super::*;

#[test]
fn endangered_source_goes_first_and_loses_nothing() {
    let stopped_ms = 13 * DAY_MS / 2;
    let rescue = Stop { stopped_ms }.rescue().unwrap();
    assert!(rescue.warned_ms > Some(0), "{rescue:?}");
    assert!(rescue.safe_after_ms.is_some(), "{rescue:?}");
    assert!(rescue.requests > 100, "{rescue:?}");
    // One window, while a first response shows the vendor's clock again.
    assert!(rescue.others_before <= 3, "{rescue:?}");
    assert_eq!((rescue.lost, rescue.listed, rescue.dropped), (0, 0, 0));
    assert!(rescue.unavailable.is_empty(), "{rescue:?}");
}

#[test]
fn dropped_time_is_listed_and_rest_delivered() {
    let stopped_ms = 8 * DAY_MS;
    let rescue = Stop { stopped_ms }.rescue().unwrap();
    assert!(rescue.warned_ms > Some(0), "{rescue:?}");
    assert!(rescue.dropped > 1_000, "{rescue:?}");
    assert_eq!(rescue.lost, 0, "{rescue:?}");
    assert!(rescue.listed - rescue.dropped <= 5, "{rescue:?}");
    // Time that the vendor drops during the first windows counts as unavailable, though some of it
    // was read.
    assert!(rescue.overlisted_ms <= 5 * MINUTE_MS, "{rescue:?}");
    assert!(rescue.wrongly_listed <= 5, "{rescue:?}");
}
