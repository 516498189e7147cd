use serde_json::json;
use windlass_core::time::{DAY_MS, HOUR_MS};
use windlass_core::window::Window;

use super::*;
use crate::dynamodb::testing::{ScriptedResponse, condition_failed, store, throttled};
use crate::item::Stored;
use crate::store::{Created, StateStore};

fn window() -> Window {
    let attributes = include_str!("../../testdata/v1/window_new.json");
    Window::from_attributes("fixture", serde_json::from_str(attributes).unwrap()).unwrap()
}

fn internal() -> ScriptedResponse {
    ScriptedResponse::Error(500, "InternalServerError", json!({ "message": "?" }))
}

/// Throttled responses, one of each name.
fn all_throttled() -> Vec<ScriptedResponse> {
    let fields = json!({ "message": "too fast" });
    let error = |name| ScriptedResponse::Error(400, name, fields.clone());
    vec![
        throttled(),
        error("ThrottlingException"),
        error("RequestLimitExceeded"),
        error("TransactionConflictException"),
        error("ReplicatedWriteConflictException"),
    ]
}

#[tokio::test]
async fn every_response_updates_service_clock() {
    let (store, script, clock) = store([ScriptedResponse::Ok(json!({})), internal()]);
    assert_eq!(store.service_clock(), None, "before the first response");
    // Six days after the clock of this test.
    script.is_dated("Wed, 07 Jan 2026 00:00:00 GMT");
    store.create(&window()).await.unwrap();
    let seen = store.service_clock().unwrap();
    assert_eq!(seen.offset_ms, Some(6 * DAY_MS));
    clock.advance_ms(HOUR_MS);
    store.create(&window()).await.unwrap_err();
    let seen = store.service_clock().unwrap();
    assert_eq!(seen.offset_ms, Some(6 * DAY_MS - HOUR_MS), "an error does");
    script.is_dated("yesterday");
    assert_eq!(store.service_clock(), Some(seen));
}

#[tokio::test]
async fn throttled_write_is_retried_after_wait() {
    let mut responses = all_throttled();
    let tries = responses.len() + 1;
    responses.push(ScriptedResponse::Ok(json!({})));
    let (store, script, clock) = store(responses);
    assert_eq!(store.create(&window()).await, Ok(Created::New));
    let asked = script.asked();
    assert_eq!(asked.len(), tries);
    assert!(asked.iter().all(|it| *it == asked[0]), "the same each time");
    assert!(clock.slept_ms() > 0);
}

#[tokio::test]
async fn persistently_throttled_write_is_unavailable() {
    let tries = usize::try_from(THROTTLED_TRIES_MAX).unwrap();
    let (store, script, clock) = store(vec![throttled(); tries]);
    let failed = store.create(&window()).await;
    let Err(StateError::Unavailable(text)) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(
        text,
        "DynamoDB throttled the request: ProvisionedThroughputExceededException: \
         TableWriteKeyRangeThroughputExceeded on \
         arn:aws:dynamodb:eu-west-1:000000000000:table/audit"
    );
    assert_eq!(script.asked().len(), tries);
    assert!(
        (300..=2_600).contains(&clock.slept_ms()),
        "{}",
        clock.slept_ms()
    );
}

#[tokio::test]
async fn write_without_response_is_unknown() {
    for response in [
        internal(),
        ScriptedResponse::HangUp,
        ScriptedResponse::Silence,
        ScriptedResponse::Ok(json!("?")),
    ] {
        let (store, script, clock) = store([response.clone()]);
        let unknown = store.create(&window()).await;
        assert!(
            matches!(unknown, Err(StateError::Unknown(_))),
            "{response:?}: {unknown:?}"
        );
        assert_eq!((script.asked().len(), clock.slept_ms()), (1, 0));
    }
}

#[tokio::test]
async fn read_without_response_is_retried() {
    let gone = json!({});
    let responses = [
        ScriptedResponse::HangUp,
        internal(),
        ScriptedResponse::Ok(gone),
    ];
    let (fine, script, _) = store(responses);
    assert_eq!(fine.window(window().id()).await, Ok(None));
    assert_eq!(script.operations(), ["GetItem"; 3]);

    let (down, script, _) = store(vec![ScriptedResponse::Silence; 3]);
    let failed = down.window(window().id()).await;
    assert!(
        matches!(failed, Err(StateError::Unavailable(_))),
        "{failed:?}"
    );
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn lost_write_returns_existing_item() {
    let existing = json!({ "pk": {"S": "window#x"}, "sk": {"S": "y"}, "v": {"N": "2"} });
    let (store, script, _) = store([condition_failed(&existing)]);
    let newer = StateError::Version {
        found: 2,
        supported: 1,
    };
    assert_eq!(store.create(&window()).await, Err(newer));
    let (_, asked) = &script.asked()[0];
    assert_eq!(asked["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    assert_eq!(asked["ConditionExpression"], "attribute_not_exists(#pk)");
}

#[tokio::test]
async fn unprocessed_batch_keys_are_requested_again() {
    let first = window();
    let froms: Vec<_> = (0..130).map(|ms| first.id().from.plus_ms(ms)).collect();
    let item = json!({ "pk": {"S": "p"}, "sk": {"S": "s"} });
    let left = json!({ "audit": { "Keys": [item, item] } });
    let nothing = json!({ "Responses": { "audit": [] } });
    let some_left = json!({ "Responses": { "audit": [] }, "UnprocessedKeys": left });
    let (store, script, clock) = store([
        ScriptedResponse::Ok(some_left),
        ScriptedResponse::Ok(nothing.clone()),
        ScriptedResponse::Ok(nothing),
    ]);
    assert_eq!(
        store.windows_at(&first.id().timeline, &froms).await,
        Ok(Vec::new())
    );
    let asked = script.asked();
    let keys = |(_, asked): &(String, serde_json::Value)| {
        let of_table = &asked["RequestItems"]["audit"];
        assert_eq!(of_table["ConsistentRead"], true);
        of_table["Keys"].as_array().unwrap().len()
    };
    assert_eq!(asked.iter().map(keys).collect::<Vec<_>>(), [100, 2, 30]);
    assert!(clock.slept_ms() > 0);
}

#[tokio::test]
async fn never_processed_batch_is_unavailable() {
    let first = window();
    let left = json!({ "audit": { "Keys": [{ "pk": {"S": "p"}, "sk": {"S": "s"} }] } });
    let response = ScriptedResponse::Ok(json!({ "UnprocessedKeys": left }));
    let (store, ..) = store(vec![response; 7]);
    let failed = store
        .windows_at(&first.id().timeline, &[first.id().from])
        .await;
    assert!(
        matches!(failed, Err(StateError::Unavailable(_))),
        "{failed:?}"
    );
}

#[tokio::test]
async fn query_continues_after_last_key() {
    let after = json!({ "pk": {"S": "p"}, "sk": {"S": "s"} });
    let (store, script, _) = store([
        ScriptedResponse::Ok(json!({ "Items": [], "LastEvaluatedKey": after })),
        ScriptedResponse::Ok(json!({ "Items": [] })),
    ]);
    let first = window();
    let open = store
        .open_windows(&first.id().timeline, first.id().from)
        .await;
    assert_eq!(open, Ok(Vec::new()));
    let asked = script.asked();
    assert_eq!(asked[0].1.get("ExclusiveStartKey"), None);
    assert_eq!(asked[1].1["ExclusiveStartKey"], after);
    assert!(asked.iter().all(|(_, it)| it["ConsistentRead"] == true));
}
