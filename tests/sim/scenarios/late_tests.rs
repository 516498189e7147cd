//! The scenario with fewer events.

use windlass_core::limits;

use super::*;

#[test]
fn late_records_arrive_once_without_delaying_others() {
    let days = Days {
        long: 3,
        events_per_day: 3_000,
        page_size: 50,
        swept: true,
    };
    let pulled = days.pull().unwrap();
    assert!(pulled.late > 50, "{}", pulled.late);
    assert_eq!((pulled.lost, pulled.twice), (0, 0));
    let latest_ms = SETTLE_MS + limits::EVERY_MS_DEFAULT + 2 * MINUTE_MS;
    assert!(percentile(&pulled.on_time_ms, 100) <= latest_ms);
    assert!(percentile(&pulled.late_ms, 100) > HOUR_MS);
    // Each lane reads everything once: sweeps cost two more reads, in wider windows.
    assert!(pulled.sweep_pages <= 2 * pulled.live_pages, "{pulled:?}");
    assert!(pulled.sweep_windows < 100, "{}", pulled.sweep_windows);
    let late: u64 = pulled.found.iter().map(|found| found.late).sum();
    assert_eq!(late, u64::try_from(pulled.by_sweeps).unwrap());
    assert!(pulled.by_sweeps <= pulled.late, "{pulled:?}");
}
