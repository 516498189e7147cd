use windlass_core::time::{DAY_MS, HOUR_MS};
use windlass_core::trust::ClockOffset;

use super::*;
use crate::testing::{Bench, CONFIG, at};

/// One lane with a file that ends at each of `ends`.
fn files(definition: &SourceDefinition, ends: &[Timestamp]) -> BTreeMap<Timeline, Found> {
    let timeline = Timeline {
        source: definition.name.clone(),
        generation: definition.generation.clone(),
        lane: Lane::Live,
    };
    let found = ends
        .iter()
        .map(|to| ((to.minus_ms(HOUR_MS), Some(*to)), Complete::default()))
        .collect();
    BTreeMap::from([(timeline, found)])
}

#[tokio::test]
async fn fast_clock_is_limited_by_files_and_vendor() {
    let bench = Bench::new(CONFIG);
    let definition = bench.definition();
    let store = SqliteStore::open(&bench.path("windlass.db")).unwrap();
    let (newest, ours) = (at(120), at(0).plus_ms(10 * DAY_MS));
    // A planted name that ends after now proves nothing.
    let timelines = files(&definition, &[at(60), newest, ours.plus_ms(1)]);
    let believed = believable(&definition, Some(&store), &timelines, ours).await;
    assert_eq!(believed.unwrap(), newest);
    let clock = ClockOffset {
        offset_ms: Some(-5_000),
        observed_at: at(180),
    };
    let group = &definition.policy.rate_group;
    let origin = "https://acme.okta.com";
    store.store_clock(group, &clock, origin).await.unwrap();
    let believed = believable(&definition, Some(&store), &timelines, ours).await;
    assert_eq!(believed.unwrap(), at(180).minus_ms(5_000));
    let believed = believable(&definition, None, &BTreeMap::new(), ours).await;
    assert_eq!(believed.unwrap(), ours);
}
