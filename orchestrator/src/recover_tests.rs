use windlass_core::{SourceDefinition, Status};
use windlass_state::failing::{FailingStore, Fault, Operation};

use crate::testing::*;

use super::*;

#[tokio::test]
async fn recovery_releases_windows_of_earlier_process() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let held = claim(&store, &window(&store, &live(&source), 0).await, NOW).await;
    assert_eq!(recover(&store, NOW).await, Ok(2));
    let stored = windows(&store, &live(&source)).await;
    assert_eq!(in_status(&stored, Status::Ready), 8);
    let late = page(&held, NOW, false);
    store.checkpoint(&held, &late).await.unwrap_err();
    assert_eq!(recover(&store, NOW).await, Ok(0));
}

#[tokio::test]
async fn paused_source_is_recovered() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let paused = SourceDefinition {
        paused: true,
        ..source
    };
    store.apply_source(&paused, NOW).await.unwrap();
    assert_eq!(recover(&store, NOW).await, Ok(2));
}

#[tokio::test]
async fn failed_recovery_can_be_repeated() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let away = FailingStore::new(store, |operation, call| match (operation, call) {
        (Operation::Decide, 2) => Fault::Refuse,
        _ => Fault::None,
    });
    assert!(recover(&away, NOW).await.is_err());
    assert_eq!(recover(&away, NOW).await, Ok(1));
}
