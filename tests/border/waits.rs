//! Waits, outages and refusals.

use crate::stage::Stage;
use crate::vendor::{MANIFEST, response, with_header};

#[tokio::test]
async fn retry_after_of_429_is_kept() {
    let stage = Stage::new(MANIFEST, 1, |asked| match asked.number {
        2 => with_header(response(429, "{}"), "Retry-After", "30"),
        _ => asked.page(),
    });
    let seen = stage.await.run(60).await;
    seen.expect_whole(1);
    assert_eq!(seen.requests, 7);
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
