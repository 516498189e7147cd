//! The scenario for a few minutes.

use super::*;

const MINUTES: i64 = 12;

#[test]
fn three_workers_use_quota_like_twenty() {
    for workers in [20, 3] {
        let asking = Crowd::of(workers, MINUTES).ask().unwrap();
        assert!(asking.busiest <= 60, "{workers}: {asking:?}");
        assert!(asking.average >= 55.0, "{workers}: {asking:?}");
        assert_eq!(asking.refused, 0);
    }
}

#[test]
fn rate_limited_workers_wait_out_cooldown() {
    for workers in [20, 3] {
        let crowd = Crowd {
            refuses: true,
            ..Crowd::of(workers, MINUTES)
        };
        let asking = crowd.ask().unwrap();
        assert_eq!(asking.refused, 1, "{asking:?}");
        assert_eq!(asking.in_the_wait, 0, "{asking:?}");
        assert!(asking.busiest <= 60, "{asking:?}");
    }
}

#[test]
fn advertised_quota_is_never_exceeded() {
    for (workers, declared) in [(20, true), (3, true), (20, false), (3, false)] {
        let crowd = Crowd {
            advertised: Some(WHOLE),
            declared,
            ..Crowd::of(workers, MINUTES)
        };
        let asking = crowd.ask().unwrap();
        assert_eq!(asking.refused, 0, "{workers}, {declared}: {asking:?}");
        let least = if declared { 55.0 } else { 25.0 };
        assert!(asking.average > least, "{workers}, {declared}: {asking:?}");
    }
}

#[test]
fn shared_quota_is_exceeded_once_per_minute_at_most() {
    for (workers, declared) in [(20, true), (3, true), (20, false), (3, false)] {
        let crowd = Crowd {
            advertised: Some(HALF),
            declared,
            ..Crowd::of(workers, MINUTES)
        };
        let asking = crowd.ask().unwrap();
        let minutes = usize::try_from(MINUTES).unwrap();
        assert!(
            asking.refused <= minutes,
            "{workers}, {declared}: {asking:?}"
        );
        assert!(asking.average > 15.0, "{workers}, {declared}: {asking:?}");
    }
}
