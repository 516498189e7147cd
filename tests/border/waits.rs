//! Waits, outages and refusals.

use std::sync::{Arc, Mutex};

use crate::stage::Stage;
use crate::vendor::{MANIFEST, response, with_header};

#[tokio::test]
async fn retry_after_of_429_is_kept() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&times);
    let stage = Stage::new(MANIFEST, 1, move |asked| {
        log.lock().unwrap().push(asked.now);
        match asked.number {
            2 => with_header(response(429, "{}"), "Retry-After", "30"),
            _ => asked.page(),
        }
    });
    let seen = stage.await.run(60).await;
    seen.expect_whole(1);
    assert_eq!(seen.requests, 7);
    let times = times.lock().unwrap();
    let waited_ms = times[2].ms_since(times[1]);
    assert!((30_000..90_000).contains(&waited_ms), "{waited_ms} ms");
}

#[tokio::test]
async fn lasting_refusal_blocks_with_the_vendors_words() {
    let stage = Stage::new(MANIFEST, 1, |_| response(403, r#"{"error":"no scope"}"#));
    let seen = stage.await.run(60).await;
    assert_eq!((seen.records(), seen.unfinished.len()), (0, 1), "{seen:?}");
    assert_eq!(seen.complete_through, crate::vendor::start());
    seen.expect_said("HTTP 403 (no scope)");
    assert!(seen.blocked.is_some());
}
