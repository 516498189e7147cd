//! Items as others read or leave them: a person with a console, or a newer windlass.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use windlass_core::time::DAY_MS;
use windlass_core::transition::Event;
use windlass_core::window::Window;
use windlass_state::item::Key;
use windlass_state::{MoveError, StateError, StateStore};

use super::scene::{at, claim, client, fresh, page, running, stored};

type Item = HashMap<String, AttributeValue>;

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

/// The stored item at `key`.
async fn raw(table: &str, key: &Key) -> Item {
    let asked = client().await.get_item().table_name(table);
    let asked = asked.key("pk", text(&key.pk)).key("sk", text(&key.sk));
    asked
        .consistent_read(true)
        .send()
        .await
        .unwrap()
        .item
        .unwrap()
}

/// Adds attributes unknown to windlass to an item.
async fn edit(table: &str, key: &Key, changes: &[(&str, AttributeValue)]) {
    let mut item = raw(table, key).await;
    for (name, value) in changes {
        item.insert((*name).to_owned(), value.clone());
    }
    let put = client().await.put_item().table_name(table);
    put.set_item(Some(item)).send().await.unwrap();
}

#[tokio::test]
async fn items_are_flat_and_only_done_windows_expire() {
    let (store, table) = fresh().await;
    let lease = running(&store, 0).await;
    let key = Key::window(lease.window().id());
    let item = raw(&table, &key).await;
    assert_eq!(item["pk"], text("window#okta#0123456789ab#live"));
    assert_eq!(item["sk"], text("2026-01-01T00:00:00.000Z"));
    assert_eq!(
        (&item["status"], &item["epoch"]),
        (&text("running"), &number("2"))
    );
    assert!(!item.contains_key("ttl") && !item.contains_key("not_before"));
    let done = store
        .complete(&lease, &page(&lease), 30 * DAY_MS)
        .await
        .unwrap();
    let item = raw(&table, &key).await;
    let expires_at = done.expires_at().unwrap();
    assert_eq!(item["ttl"], number(&expires_at.as_seconds().to_string()));
    assert_eq!(item["expires_at"], text(&expires_at.to_string()));
    assert!(!item.contains_key("owner") && !item.contains_key("cursor"));
}

#[tokio::test]
async fn unknown_attributes_survive_every_move() {
    let (store, table) = fresh().await;
    let window = stored(&store, 0).await;
    let key = Key::window(window.id());
    let colours = AttributeValue::Ss(vec!["red".to_owned()]);
    edit(&table, &key, &[("colours", colours.clone())]).await;
    let dispatch = Event::Dispatch {
        until: at(10),
        now: at(1),
    };
    let window = store.decide(&window, &dispatch).await.unwrap();
    let lease = store.claim(window.id(), &claim(&window, 1)).await.unwrap();
    let lease = store.checkpoint(&lease, &page(&lease)).await.unwrap();
    store.complete(&lease, &page(&lease), DAY_MS).await.unwrap();
    assert_eq!(raw(&table, &key).await["colours"], colours);
}

#[tokio::test]
async fn window_of_newer_form_is_untouched() {
    let (store, table) = fresh().await;
    let window = stored(&store, 0).await;
    let key = Key::window(window.id());
    edit(&table, &key, &[("v", number("2"))]).await;
    let before = raw(&table, &key).await;
    let newer = StateError::Version {
        found: 2,
        supported: 1,
    };
    let claimed = store.claim(window.id(), &claim(&window, 1)).await;
    assert_eq!(claimed, Err(MoveError::Store(newer.clone())));
    assert_eq!(store.create(&window).await, Err(newer.clone()));
    assert_eq!(store.window(window.id()).await, Err(newer));
    assert_eq!(raw(&table, &key).await, before);
}

#[tokio::test]
async fn unreadable_window_is_corrupt_and_named() {
    for (name, nonsense) in [
        ("to", text("2026-01-01T00:00:00.000Z")),
        ("status", text("gone")),
        ("page", number("-1")),
        ("page", number("1.5")),
        ("cursor", text("alone")),
        ("owner", number("7")),
    ] {
        let (store, table) = fresh().await;
        let window = stored(&store, 0).await;
        let key = Key::window(window.id());
        edit(&table, &key, &[(name, nonsense)]).await;
        let before = raw(&table, &key).await;
        let is_ours = |error: &StateError| match error {
            StateError::Corrupt { key: named, .. } => *named == key.to_string(),
            _ => false,
        };
        let read = store.window(window.id()).await.unwrap_err();
        assert!(is_ours(&read), "{name}: {read:?}");
        let created = store.create(&window).await.unwrap_err();
        assert!(is_ours(&created), "{name}: {created:?}");
        let listed = store
            .open_windows(&window.id().timeline, at(0))
            .await
            .unwrap_err();
        assert!(is_ours(&listed), "{name}: {listed:?}");
        assert_eq!(raw(&table, &key).await, before);
    }
}

#[tokio::test]
async fn table_of_another_version_is_rejected_before_apply() {
    let (store, table) = fresh().await;
    let source = super::scene::definition("okta");
    store.apply_source(&source, at(0)).await.unwrap();
    let key = Key::schema();
    let item = raw(&table, &key).await;
    let shard = source.shard().to_string();
    assert_eq!(item["shards"], AttributeValue::Ns(vec![shard]));
    edit(&table, &key, &[("v", number("2"))]).await;
    let newer = StateError::Version {
        found: 2,
        supported: 1,
    };
    assert_eq!(store.check().await, Err(newer.clone()));
    assert_eq!(store.shards().await, Err(newer.clone()));
    assert_eq!(store.apply_source(&source, at(1)).await, Err(newer));
}

#[tokio::test]
async fn window_has_documented_key() {
    let (store, table) = fresh().await;
    let window: Window = stored(&store, 0).await;
    let item = raw(&table, &Key::window(window.id())).await;
    assert_eq!(item["source"], text("okta"));
}
