//! Failed operations, and their effects.

use windlass_core::checkpoint::{Cursor, PageMove};
use windlass_core::lease::Lease;
use windlass_core::window::Status;
use windlass_state::{Created, DynamoStore, MoveError, StateError, StateStore};
use windlass_tests::aws::calls::Calls;
use windlass_tests::aws::emulator::Emulator;
use windlass_tests::aws::refusals::{Refusal, Refusals};
use windlass_tests::aws::state_proxy::{StateFault, StateFaults, StateProxy};

use super::lossy::sure_and_deaf;
use super::scene::{claim, config, fresh, page, ready, running, store_in, stored, table_name};

/// A store behind a proxy that can inject faults.
async fn behind_proxy() -> (DynamoStore, StateProxy, Refusals) {
    let emulator = Emulator::shared().await.unwrap();
    let (calls, refusals) = (Calls::default(), Refusals::default());
    let proxy = StateProxy::start(emulator.address(), calls, refusals.clone())
        .await
        .unwrap();
    let store = store_in(&table_name(), config(&proxy.uri()));
    store.create_table().await.unwrap();
    (store, proxy, refusals)
}

fn refused<T: std::fmt::Debug>(result: Result<T, StateError>) -> String {
    match result {
        Err(StateError::Refused(text)) => text,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn repeating_write_settles_lost_response() {
    let (sure, deaf) = sure_and_deaf().await;
    let unknown = |error: StateError| assert!(matches!(error, StateError::Unknown(_)), "{error}");
    let window = ready(0);
    unknown(deaf.create(&window).await.unwrap_err());
    let exists = Created::Exists(Box::new(window.clone()));
    assert_eq!(deaf.create(&window).await, Ok(exists));

    let lease = running(&sure, 10).await;
    let next = page(&lease);
    let Err(MoveError::Store(error)) = deaf.checkpoint(&lease, &next).await else {
        panic!("its reply is lost")
    };
    unknown(error);
    let Err(MoveError::Refused { current, .. }) = deaf.checkpoint(&lease, &next).await else {
        panic!("it was applied")
    };
    assert!(lease.confirms_page(&current, next.to()));
    assert_eq!(current.cursor(), next.cursor.as_ref());
}

#[tokio::test]
async fn claim_with_lost_response_is_recognized_by_nonce() {
    let (sure, deaf) = sure_and_deaf().await;
    let window = stored(&sure, 0).await;
    let (mine, other) = (claim(&window, 1), claim(&window, 2));
    assert!(
        deaf.claim(window.id(), &mine).await.is_err(),
        "its reply is lost"
    );
    for (claim, held) in [(mine, true), (other, false)] {
        let Err(MoveError::Refused { current, .. }) = deaf.claim(window.id(), &claim).await else {
            panic!("the first one has it")
        };
        assert_eq!(Lease::held(*current, &claim.owner).is_some(), held);
    }
}

#[tokio::test]
async fn throttling_only_delays_window() {
    let (store, proxy, _) = behind_proxy().await;
    proxy.set_faults(StateFaults::new(3, 40, &[StateFault::Throttled]));
    for minute in [0, 10, 20] {
        let lease = running(&store, minute).await;
        let lease = store.checkpoint(&lease, &page(&lease)).await.unwrap();
        let done = store.complete(&lease, &page(&lease), 1).await.unwrap();
        assert_eq!(
            (done.status(), done.page(), done.epoch()),
            (Status::Done, 2, 3)
        );
        assert_eq!(store.window(done.id()).await, Ok(Some(done)));
    }
    let throttled = proxy.faults().drawn()[&StateFault::Throttled];
    assert!(throttled > 3, "{throttled}");
}

#[tokio::test]
async fn fully_throttled_table_is_unavailable_and_unwritten() {
    let (store, proxy, _) = behind_proxy().await;
    proxy.set_faults(StateFaults::new(3, 100, &[StateFault::Throttled]));
    let failed = store.create(&ready(0)).await;
    assert!(
        matches!(&failed, Err(StateError::Unavailable(text)) if text.starts_with("DynamoDB throttled the request: ")),
        "{failed:?}"
    );
    proxy.set_faults(StateFaults::none());
    assert_eq!(store.window(ready(0).id()).await, Ok(None));
}

#[tokio::test]
async fn broken_connection_leaves_only_writes_unknown() {
    let (store, proxy, _) = behind_proxy().await;
    proxy.set_faults(StateFaults::new(3, 100, &[StateFault::LostResponse]));
    let lost = store.create(&ready(0)).await;
    assert!(matches!(lost, Err(StateError::Unknown(_))), "{lost:?}");
    let read = store.window(ready(0).id()).await;
    assert!(matches!(read, Err(StateError::Unavailable(_))), "{read:?}");
    proxy.set_faults(StateFaults::none());
    assert_eq!(store.window(ready(0).id()).await, Ok(Some(ready(0))));
    let nobody = store_in("none", config("http://127.0.0.1:9"));
    let read = nobody.check().await;
    assert!(matches!(read, Err(StateError::Unavailable(_))), "{read:?}");
}

#[tokio::test]
async fn missing_table_is_named_by_first_read() {
    let emulator = Emulator::shared().await.unwrap();
    let store = store_in("nowhere", config(&emulator.uri()));
    let text = refused(store.check().await);
    assert!(
        text.contains("table nowhere does not exist in us-east-1"),
        "{text}"
    );
    assert_eq!(refused(store.create(&ready(0)).await), text);
    assert_eq!(refused(store.shards().await), text);
}

#[tokio::test]
async fn denied_action_keeps_window_and_names_permission() {
    let (store, _proxy, refusals) = behind_proxy().await;
    let lease = running(&store, 0).await;
    refusals.refuse("dynamodb:UpdateItem", Refusal::AccessDenied);
    let Err(MoveError::Store(error)) = store.checkpoint(&lease, &page(&lease)).await else {
        panic!("it is denied")
    };
    let text = refused(Err::<(), _>(error));
    assert!(
        text.contains("dynamodb:UpdateItem on table state-"),
        "{text}"
    );
    refusals.clear();
    let current = store.window(lease.window().id()).await.unwrap();
    assert_eq!(current.as_ref(), Some(lease.window()));
    assert!(store.checkpoint(&lease, &page(&lease)).await.is_ok());
}

#[tokio::test]
async fn expired_credentials_ask_for_renewal() {
    let (store, _proxy, refusals) = behind_proxy().await;
    for refusal in [Refusal::ExpiredToken, Refusal::UnknownKey] {
        refusals.refuse("dynamodb:*", refusal);
        let text = refused(store.check().await);
        assert!(
            text.contains("credentials") && text.contains("renew"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn oversized_window_is_rejected_unchanged() {
    let (store, _table) = fresh().await;
    let lease = running(&store, 0).await;
    let mut huge = PageMove::clone(&page(&lease));
    huge.cursor = Some(Cursor {
        token: "t".repeat(450_000),
        request: "5eed".to_owned(),
    });
    let Err(MoveError::Store(error)) = store.checkpoint(&lease, &huge.into()).await else {
        panic!("it is too large")
    };
    let text = refused(Err::<(), _>(error));
    assert!(
        text.contains("window#okta#") && text.contains("400 KB"),
        "{text}"
    );
    let current = store.window(lease.window().id()).await.unwrap();
    assert_eq!(current.as_ref(), Some(lease.window()));
}

#[tokio::test]
async fn windows_beyond_one_query_page_are_read() {
    let (store, _table) = fresh().await;
    let large = |minute| ready(minute).with(|form| form.last_error = Some("x".repeat(100_000)));
    let mut all = Vec::new();
    for number in 0..12 {
        all.push(large(10 * number));
    }
    for number in 12..120 {
        all.push(ready(10 * number));
    }
    for window in &all {
        assert_eq!(store.create(window).await, Ok(Created::New));
    }
    let timeline = &all[0].id().timeline;
    let froms: Vec<_> = all.iter().map(|window| window.id().from).collect();
    assert_eq!(
        store.open_windows(timeline, froms[0]).await.as_deref(),
        Ok(&all[..])
    );
    assert_eq!(
        store.windows_at(timeline, &froms).await.as_deref(),
        Ok(&all[..])
    );
    let span = windlass_core::span::Span::new(froms[0], all[119].to()).unwrap();
    let history = store.history(timeline, span, 115).await;
    assert_eq!(history.as_deref(), Ok(&all[..115]));
}
