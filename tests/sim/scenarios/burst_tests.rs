//! A smaller day of the same kind.

use super::*;

const DAY: Day = Day {
    hours: 4,
    usual_per_hour: 600,
    burst: (60, 90),
    every_ms: HOUR_MS,
    page_size: 100,
    order: Order::OldestFirst,
    strict: true,
};

#[test]
fn burst_is_split_among_workers_without_loss() {
    let alone = Day {
        strict: false,
        ..DAY
    };
    let alone = alone.pull().unwrap();
    assert_eq!((alone.lost, alone.twice), (0, 0));
    assert_eq!(alone.split().count(), 0);
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let shared = Day { order, ..DAY }.pull().unwrap();
        assert_eq!(shared.lost, 0, "{order:?}");
        assert!(shared.split().count() > 0, "{order:?}: {:?}", shared.cuts);
        // A split repeats the records of one unit, which has one record here.
        assert!(shared.twice <= shared.split().map(|it| it.parts).sum());
        assert!(shared.workers_max > alone.workers_max, "{shared:?}");
        assert!(shared.caught_up_ms < alone.caught_up_ms, "{shared:?}");
        let (before_ms, narrowest_ms, widest_ms) = shared.widths_ms(&DAY);
        assert!(narrowest_ms < before_ms, "{:?}", shared.cuts);
        assert!(widest_ms > narrowest_ms, "{:?}", shared.cuts);
    }
}
