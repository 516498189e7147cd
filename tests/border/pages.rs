//! Pages and tokens.

use crate::stage::Stage;
use crate::vendor::{MANIFEST, honest, response};

#[tokio::test]
async fn honest_vendor_is_read_whole() {
    let mut stage = Stage::new(MANIFEST, 3, honest).await;
    let seen = stage.run(60).await;
    seen.expect_whole(3);
    assert_eq!(seen.requests, 18);
    assert!(seen.said.is_empty(), "{:?}", seen.said);
}

#[tokio::test]
async fn single_server_error_is_repeated() {
    let stage = Stage::new(MANIFEST, 1, |asked| match asked.number {
        2 => response(503, r#"{"error":"too busy"}"#),
        _ => asked.page(),
    });
    let seen = stage.await.run(60).await;
    seen.expect_whole(1);
    assert_eq!(seen.requests, 7);
}
