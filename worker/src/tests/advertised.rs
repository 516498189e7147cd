//! Advertised quotas: requests are spread before the quota runs out.

use std::sync::{Arc, Mutex, OnceLock};

use windlass_core::Clock as _;
use windlass_core::clock::ManualClock;
use windlass_core::source::Policy;
use windlass_core::time::{MINUTE_MS, SECOND_MS};

use super::fake_vendor::{Asked, Response, names, page_of, response};
use super::harness::{Bench, Setting, after, definition};
use crate::{Deadline, Outcome};

/// A vendor with an advertised quota of ten requests per minute: requests before `NOW` plus a
/// minute count against the first ten. Rejects any request beyond the quota.
fn announcing(pages: usize) -> (Arc<OnceLock<Arc<ManualClock>>>, impl Fn(&Asked) -> Response) {
    let clock: Arc<OnceLock<Arc<ManualClock>>> = Arc::default();
    let (of_vendor, used) = (clock.clone(), Mutex::new((0, 0)));
    let vendor = move |asked: &Asked| {
        let now_ms = of_vendor.get().unwrap().now().ms_since(after(0));
        let mut used = used.lock().unwrap();
        if used.0 != now_ms / MINUTE_MS {
            *used = (now_ms / MINUTE_MS, 0);
        }
        used.1 += 1;
        assert!(used.1 <= 10, "request {} of minute {}", used.1, used.0);
        let remaining = (10 - used.1).to_string();
        let reset = (60 - now_ms % MINUTE_MS / SECOND_MS).to_string();
        let next = format!("p{}", asked.page + 1);
        let next = (asked.page + 1 < pages).then_some(next.as_str());
        let page = page_of(&names(asked.page), next);
        let headers = [("x-remaining", &*remaining), ("x-reset", &*reset)];
        let body = String::from_utf8(page.body.to_vec()).unwrap();
        Ok(response(200, &headers, &body))
    };
    (clock, vendor)
}

#[tokio::test]
async fn advertised_quota_slows_requests_early() {
    for reserves_requests in [false, true] {
        let (clock, vendor) = announcing(9);
        let mut bench = Bench::new(vendor).await;
        clock.set(bench.clock.clone()).unwrap();
        if reserves_requests {
            (bench.rate, bench.reserves_requests) = (Some(6_000), true);
        }
        assert_eq!(bench.run().await, Outcome::Completed);
        let slept_ms = bench.clock.slept_ms();
        assert!((40_000..60_000).contains(&slept_ms), "{slept_ms}");
        assert_eq!(bench.cooldown().await, None);
    }
}

#[tokio::test]
async fn remaining_quota_is_divided_among_workers() {
    let bench = Bench::with(
        Setting {
            policy: Policy {
                group_in_flight: 3,
                ..definition().policy
            },
            ..Setting::default()
        },
        |asked| {
            let next = format!("p{}", asked.page + 1);
            let page = page_of(&names(asked.page), Some(&next));
            let remaining = (4 - asked.page).to_string();
            let headers = [("x-remaining", &*remaining), ("x-reset", "6")];
            let body = String::from_utf8(page.body.to_vec()).unwrap();
            Ok(response(200, &headers, &body))
        },
    )
    .await;
    let deadline = Deadline::killed_at(after(30 * MINUTE_MS));
    assert!(matches!(
        bench.run_for(deadline).await,
        Outcome::Yielded { .. }
    ));
    // The quota is 4 and then 3, of which each of three workers may use one in 4.5 and in 6
    // seconds. The remaining 2 may be in flight at the other two workers.
    assert_eq!(bench.asked(), ["-", "p1", "p2"]);
    assert_eq!(bench.clock.slept_ms(), 10_500);
    assert!(bench.cooldown().await.is_some());
}
